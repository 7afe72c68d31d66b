//! Of many images the newest one of each chip and channel, and the one of them that is meant.

use std::path::PathBuf;

use super::list::{Channel, place};
use crate::board::Family;
use crate::eeprom::{Image, day};

/// An image with where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOf {
    /// The image.
    pub image: Image,
    /// Its path.
    pub path: PathBuf,
    /// Its channel, where a directory has the name of one.
    pub channel: Option<Channel>,
}

/// The newest image of each chip and channel.
#[derive(Debug, Default)]
pub struct Newest(Vec<OneOf>);

/// None of them is meant, or more than one may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}; the newest are {}", if *several { "several of its images may be meant" } else { "none of its images is that" }, there.join(", "))]
pub struct NotOne {
    /// There are several.
    pub several: bool,
    /// What there is: chip, channel, day.
    pub there: Vec<String>,
}

impl Newest {
    /// Remembers an image, if it is newer than what there is of its chip and channel. What is none is passed over.
    pub fn take(&mut self, path: PathBuf, bytes: Vec<u8>) {
        let Ok(image) = Image::parse(bytes) else { return };
        let channel = place(&path).channel;
        let same = |other: &&mut OneOf| other.image.family() == image.family() && other.channel == channel;
        match self.0.iter_mut().find(same) {
            Some(there) if (there.image.built(), &there.path) < (image.built(), &path) => {
                *there = OneOf { image, path, channel };
            }
            Some(_) => {}
            None => self.0.push(OneOf { image, path, channel }),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, by chip and channel.
    #[must_use]
    pub fn all(mut self) -> Vec<OneOf> {
        self.0.sort_by(|one, other| {
            let key = |of: &OneOf| (of.image.family().chip(), of.channel);
            key(one).cmp(&key(other))
        });
        self.0
    }

    /// The one that is meant: of this channel, without one of the channel `default` where there is such an image; for this
    /// family of boards.
    ///
    /// # Errors
    /// [`NotOne`].
    pub fn one(mut self, channel: Option<&str>, family: Option<Family>) -> Result<OneOf, NotOne> {
        let there: Vec<String> = self.0.iter().map(told).collect();
        let is = |of: &OneOf, wanted: &str| of.channel.is_some_and(|channel| channel.to_string() == wanted);
        let usual = self.0.iter().any(|of| is(of, "default")).then_some("default");
        if let Some(wanted) = channel.or(usual) {
            self.0.retain(|of| is(of, wanted));
        }
        if let Some(family) = family {
            self.0.retain(|of| of.image.family() == family);
        }
        match (self.0.pop(), self.0.is_empty()) {
            (Some(one), true) => Ok(one),
            (found, _) => Err(NotOne { several: found.is_some(), there }),
        }
    }
}

fn told(of: &OneOf) -> String {
    let channel = of.channel.map_or_else(|| "no channel".to_owned(), |channel| channel.to_string());
    let built = of.image.built().and_then(day).unwrap_or_default();
    format!("{} {channel} {built}", of.image.family().chip()).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::eeprom::{Half, ab, pi4_of};

    #[test]
    fn the_newest_of_each_chip_and_channel_is_kept_and_one_of_them_is_meant() {
        let all = || {
            let mut newest = Newest::default();
            assert!(newest.is_empty());
            let five = ab(&Half { firmware: 7, conf: b"" }, None);
            for (path, bytes) in [
                ("bootloader-2711/default/pieeprom-2025-08-04.bin", pi4_of("1754265600", b"")),
                ("bootloader-2711/default/pieeprom-2025-01-01.bin", pi4_of("1735689600", b"")),
                ("bootloader-2711/latest/pieeprom-2026-01-01.bin", pi4_of("1767225600", b"")),
                ("bootloader-2712/default/pieeprom.bin", five),
                ("bootloader-2712/default/none.bin", vec![0; 512 << 10]),
                ("bootloader-2712/default/short.bin", vec![7]),
            ] {
                newest.take(path.into(), bytes);
            }
            newest
        };
        let names: Vec<_> = all().all().iter().map(|of| of.path.display().to_string()).collect();
        assert_eq!(
            names,
            [
                "bootloader-2711/default/pieeprom-2025-08-04.bin",
                "bootloader-2711/latest/pieeprom-2026-01-01.bin",
                "bootloader-2712/default/pieeprom.bin",
            ]
        );
        let four = all().one(None, Some(Family::Pi4)).unwrap();
        assert_eq!(four.path, PathBuf::from(names[0].as_str()));
        assert_eq!(all().one(Some("latest"), None).unwrap().channel, Some(Channel::Latest));
        let several = all().one(None, None).unwrap_err();
        assert!(several.several, "{several}");
        assert!(several.to_string().contains("BCM2711 default 2025-08-04, "), "{several}");
        let none = all().one(Some("beta"), None).unwrap_err();
        assert!(!none.several && none.to_string().starts_with("none of its images"), "{none}");
        assert!(!all().one(Some("latest"), Some(Family::Pi5)).unwrap_err().several);
        assert!(!Newest::default().one(None, None).unwrap_err().several);
    }
}
