//! Which image is meant: the one that a user names, or the newest one of a directory or a package.

use std::path::{Path, PathBuf};

use crate::board::Model;
use crate::cli::eeprom::{input, is_package};
use crate::cli::report::Usage;
use crate::debian::deb::Deb;
use crate::eeprom::Image;
use crate::eeprom::files::{Error, each, may_be_image, place};

/// An image with its channel.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
    pub(super) channel: Option<String>,
}

/// The newest image of each chip and channel.
#[derive(Default)]
struct Newest(Vec<(Image, Chosen)>);

/// Reads what is meant. What is in it is looked at here, so that a mistake is told with the file's name.
pub(super) fn choose(path: &Path, channel: Option<&str>, board: Option<Model>) -> crate::cli::Result<Chosen> {
    let mut newest = Newest::default();
    if path.is_dir() {
        each(path, &mut |path, bytes| newest.take(path, bytes))?;
    } else if is_package(path) {
        let deb = Deb::read(path, |name| Path::new(name).file_name().is_some_and(may_be_image))?;
        deb.files.into_iter().for_each(|(name, bytes)| newest.take(name.into(), bytes));
    } else {
        let bytes = input(path)?;
        let image = Image::parse(bytes).map_err(Error::content(path))?;
        let needs = crate::eeprom::Needs { model: board, mfg_ver: None };
        needs.check(&image).map_err(Error::content(path))?;
        let of_path = || place(path).channel.map(|channel| channel.to_string());
        let channel = channel.map(str::to_owned).or_else(of_path);
        return Ok(Chosen { path: path.to_owned(), bytes: image.bytes().to_vec(), channel });
    }
    if newest.0.is_empty() {
        return Err(Error::NoImage { path: path.to_owned() }.into());
    }
    newest.one(path, channel, board)
}

impl Newest {
    /// Remembers an image, if it is newer than what there is of its chip and channel. What is none is passed over.
    fn take(&mut self, path: PathBuf, bytes: Vec<u8>) {
        let Ok(image) = Image::parse(bytes) else { return };
        let channel = place(&path).channel.map(|channel| channel.to_string());
        let same = |(other, chosen): &&mut (Image, Chosen)| {
            other.family() == image.family() && chosen.channel == channel
        };
        let new = Chosen { path, bytes: Vec::new(), channel: channel.clone() };
        match self.0.iter_mut().find(same) {
            Some(there) if (there.0.built(), &there.1.path) < (image.built(), &new.path) => {
                *there = (image, new);
            }
            Some(_) => {}
            None => self.0.push((image, new)),
        }
    }

    fn one(mut self, path: &Path, channel: Option<&str>, board: Option<Model>) -> crate::cli::Result<Chosen> {
        let all: Vec<String> = self.0.iter().map(|(image, chosen)| told(image, chosen)).collect();
        let has = |newest: &Self, channel: &str| {
            newest.0.iter().any(|(_, chosen)| chosen.channel.as_deref() == Some(channel))
        };
        if let Some(channel) = channel.or_else(|| Some("default").filter(|usual| has(&self, usual))) {
            self.0.retain(|(_, chosen)| chosen.channel.as_deref() == Some(channel));
        }
        if let Some(family) = board.and_then(Model::family) {
            self.0.retain(|(image, _)| image.family() == family);
        }
        if self.0.len() == 1
            && let Some((image, chosen)) = self.0.pop()
        {
            return Ok(Chosen { bytes: image.bytes().to_vec(), ..chosen });
        }
        let what = if self.0.is_empty() {
            "none of its images is that"
        } else {
            "several of its images may be meant"
        };
        Err(Usage {
            message: format!("{}: {what}; the newest are {}", path.display(), all.join(", ")),
            hint: Some("Give --board MODEL, --channel CHANNEL, or the file itself.".into()),
        })?
    }
}

fn told(image: &Image, chosen: &Chosen) -> String {
    let channel = chosen.channel.as_deref().unwrap_or("no channel");
    let built = image.built().and_then(crate::eeprom::day).unwrap_or_default();
    format!("{} {channel} {built}", image.family().chip()).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::eeprom::pi4_of;

    fn put(root: &Path, name: &str, built: &str) -> Vec<u8> {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let image = pi4_of(built, b"[all]\nBOOT_UART=0\n");
        std::fs::write(path, &image).unwrap();
        image
    }

    #[test]
    fn the_newest_image_of_the_channel_is_meant() {
        let room = tempfile::tempdir().unwrap();
        let root = room.path();
        put(root, "bootloader-2711/default/pieeprom-2025-01-01.bin", "1735689600");
        let new = put(root, "bootloader-2711/default/pieeprom-2025-08-04.bin", "1754265600");
        let latest = put(root, "bootloader-2711/latest/pieeprom-2026-01-01.bin", "1767225600");
        let chosen = choose(root, None, None).unwrap();
        assert_eq!((&chosen.bytes, chosen.channel.as_deref()), (&new, Some("default")));
        assert!(chosen.path.ends_with("pieeprom-2025-08-04.bin"), "{chosen:?}");
        let chosen = choose(root, Some("latest"), Some(Model::Pi4B)).unwrap();
        assert_eq!((chosen.bytes, chosen.channel.as_deref()), (latest.clone(), Some("latest")));
        // One of another board, or of a channel that isn't there, is told with what is there.
        for (channel, board) in [(Some("beta"), None), (None, Some(Model::Pi5))] {
            let error = choose(root, channel, board).unwrap_err().message().unwrap();
            assert!(error.contains("BCM2711 default 2025-08-04"), "{error}");
        }
        // A file is what it is; its channel is that of its directory, or what was said.
        let file = root.join("bootloader-2711/latest/pieeprom-2026-01-01.bin");
        let chosen = choose(&file, None, None).unwrap();
        assert_eq!((chosen.bytes, chosen.channel.as_deref()), (latest, Some("latest")));
        assert_eq!(choose(&file, Some("lab"), None).unwrap().channel.as_deref(), Some("lab"));
        let error = choose(&file, None, Some(Model::Pi5)).unwrap_err().message().unwrap();
        assert!(error.contains("it is an image for Pi 4"), "{error}");
        assert!(choose(&root.join("bootloader-2711/none"), None, None).is_err());
        let empty = tempfile::tempdir().unwrap();
        assert!(choose(empty.path(), None, None).unwrap_err().message().unwrap().contains("no EEPROM image"));
    }
}
