//! A board's serial number, as it stands in `/proc/cpuinfo` and in USB descriptors.

use std::fmt;
use std::io;
use std::path::Path;
use std::str::FromStr;

use crate::near::near;

/// Longer than any board's (16 digits); what is longer is no serial number.
const LONGEST: usize = 64;

/// Digits that a boot ROM tells.
const SHORT: usize = 8;
/// Digits that a system tells.
const LONG: usize = 16;
/// How many close names are told.
const MOST_CLOSE: usize = 3;

/// A serial number. A device says it about itself, and it becomes the name of a directory; so it has nothing in it
/// that a path could be made of.
///
/// One board tells its number in two lengths: the boot ROM 8 hexadecimal digits (`af04b2da`), the system on it 16
/// (`10000000af04b2da`, in `/proc/cpuinfo`). See [`Self::is_of_same_board`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial {
    /// Zeros follow the last character, so numbers are ordered as their texts are.
    text: [u8; LONGEST],
    len: u8,
}

/// Why a text is no serial number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no serial number: {why}", shown(text))]
pub struct BadSerial {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Serial {
    /// The number whose low 32 bits a board tells, in 8 digits.
    #[must_use]
    pub fn of_low(low: u32) -> Self {
        Self::of_characters(format!("{low:08x}").as_bytes())
    }

    /// Reads hexadecimal digits as people write them, 16 at most. Zeros in front that they left out are put there, so
    /// that it has 8 digits or 16, in lower case.
    #[must_use]
    pub fn of_digits(text: &str) -> Option<Self> {
        if !is_number(text) {
            return None;
        }
        let width = if text.len() <= SHORT { SHORT } else { LONG };
        Some(Self::of_characters(format!("{:0>width$}", text.to_ascii_lowercase()).as_bytes()))
    }

    /// These characters, which are allowed and not too many.
    fn of_characters(characters: &[u8]) -> Self {
        let (mut text, mut len) = ([0; LONGEST], 0);
        for (place, character) in text.iter_mut().zip(characters) {
            *place = *character;
            len += 1;
        }
        Self { text, len }
    }

    /// Whether it has zeros only, or ones only: what a board tells that has none, as many virtual ones, or that can't read
    /// its fuses. It names nobody.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        let only = |digit: u8| self.as_str().bytes().all(|byte| byte.eq_ignore_ascii_case(&digit));
        only(b'0') || only(b'f')
    }

    /// The serial number as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.text.get(..self.len.into()).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }

    /// Its low 32 bits, which are all that boot programs tell. Nothing for a text that is no number of up to 16
    /// hexadecimal digits.
    #[must_use]
    pub fn low(&self) -> Option<u32> {
        let text = Some(self.as_str()).filter(|text| is_number(text))?;
        u32::from_str_radix(&text[text.len().saturating_sub(SHORT)..], 16).ok()
    }

    /// The directory that a Pi asks for by TFTP (`TFTP_PREFIX=0`): its low 32 bits in 8 digits of lower case. A text that
    /// is no number stays as it is, in lower case; no Pi asks for that.
    #[must_use]
    pub fn directory(&self) -> String {
        self.low().map_or_else(|| self.as_str().to_ascii_lowercase(), |low| format!("{low:08x}"))
    }

    /// Whether both are numbers of one board: they are equal, whatever their letter case, or one has 8 and the other 16
    /// hexadecimal digits and the last 8 are equal.
    #[must_use]
    pub fn is_of_same_board(&self, other: &Self) -> bool {
        let (one, other) = (self.as_str(), other.as_str());
        let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let two_lengths = matches!((one.len(), other.len()), (SHORT, LONG) | (LONG, SHORT));
        one.eq_ignore_ascii_case(other)
            || (two_lengths && hex(one) && hex(other) && tail(one).eq_ignore_ascii_case(tail(other)))
    }

    /// The directory of this board among those in `parent`, which are called by boards' serial numbers. Links to
    /// directories count.
    ///
    /// # Errors
    /// What the system says, but that there is no `parent`.
    pub fn directory_in(&self, parent: &Path) -> io::Result<Directory> {
        let entries = match std::fs::read_dir(parent) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Directory::None { near: Vec::new() });
            }
            Err(error) => return Err(error),
        };
        let (mut own, mut close) = (Vec::new(), Vec::new());
        for entry in entries {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            let fits = name.parse().is_ok_and(|serial: Self| self.is_of_same_board(&serial));
            // One that is no serial number may be meant for one, with a dot or a blank in it.
            if (fits || self.is_close(&name)) && parent.join(&name).is_dir() {
                if fits { own.push(name) } else { close.push(name) }
            }
        }
        own.sort();
        close.sort();
        close.truncate(MOST_CLOSE);
        Ok(match own.len() {
            0 => Directory::None { near: close },
            1 => Directory::One(own.remove(0)),
            _ => Directory::Several(own),
        })
    }

    /// Whether a name differs so little that this number may be meant: two mistakes in the digits that two boards
    /// differ in.
    #[must_use]
    pub fn is_close(&self, name: &str) -> bool {
        // Of shorter ones every other is close.
        usize::from(self.len) >= SHORT / 2
            && name.len() <= LONGEST
            && !near(tail(self.as_str()), [tail(name)]).is_empty()
    }
}

/// What a directory of boards' directories has for one board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Directory {
    /// This one.
    One(String),
    /// Several, which may be written differently: which one is meant isn't known.
    Several(Vec<String>),
    /// No directory.
    None {
        /// Those whose names are close to the board's number: perhaps one was mistyped.
        near: Vec<String>,
    },
}

/// The last 8 characters, in which boards differ; all of a text that isn't much longer, or no text of ASCII.
fn tail(text: &str) -> &str {
    let from = if text.len() > SHORT + 2 { text.len() - SHORT } else { 0 };
    text.get(from..).unwrap_or(text)
}

/// Whether a text is a number of up to 16 hexadecimal digits.
fn is_number(text: &str) -> bool {
    (1..=LONG).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A text from outside for a message: control characters escaped, and cut off.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_default).collect();
    if text.chars().count() > LONGEST {
        shown.push('…');
    }
    shown
}

impl FromStr for Serial {
    type Err = BadSerial;

    fn from_str(text: &str) -> Result<Self, BadSerial> {
        let bad = |why| BadSerial { text: text.to_owned(), why };
        if text.is_empty() {
            return Err(bad("it is empty"));
        }
        if text.len() > LONGEST {
            return Err(bad("it has more than 64 characters"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
            return Err(bad("letters, digits, - and _ are allowed"));
        }
        Ok(Self::of_characters(text.as_bytes()))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Serial({self})")
    }
}

impl<'de> serde::Deserialize<'de> for Serial {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for Serial {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boards_serials_are_taken_as_they_are() {
        for text in ["00000000d8e4a1f7", "af04b2da", "4D01AB99", "1", "Broadcom"] {
            assert_eq!(text.parse::<Serial>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_could_leave_a_directory_is_refused() {
        let long = "a".repeat(65);
        for text in ["", ".", "..", "../default", "a/b", "a\0b", "a b", "a\n", "ä", "a.b", &long] {
            assert!(text.parse::<Serial>().is_err(), "{text:?}");
        }
        let error = "a\x1b[2J".parse::<Serial>().unwrap_err().to_string();
        assert!(error.contains("`a\\u{1b}[2J`"), "{error}");
    }

    #[test]
    fn a_board_is_the_same_in_8_and_16_digits_and_in_any_case() {
        let same = |one: &str, other: &str| {
            let (one, other): (Serial, Serial) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(one.is_of_same_board(&other), other.is_of_same_board(&one));
            one.is_of_same_board(&other)
        };
        for other in ["af04b2da", "AF04B2DA", "10000000af04b2da", "10000000AF04b2Da", "00000000af04b2da"] {
            assert!(same("af04b2da", other), "{other}");
        }
        for other in
            ["af04b2d", "0af04b2da", "1000000af04b2da", "10000000af04b2db", "zzzzzzzzaf04b2da", "af04b2dO"]
        {
            assert!(!same("af04b2da", other), "{other}");
        }
        // Both long: what stands before the last 8 counts.
        assert!(!same("10000000af04b2da", "00000000af04b2da"));
        assert!(same("Broadcom", "broadcom") && !same("Broadcom", "12345678Broadcom"));
    }

    #[test]
    fn the_low_half_is_what_a_board_asks_for() {
        for (text, directory) in [
            ("100000009c1d03f2", "9c1d03f2"),
            ("9C1D03F2", "9c1d03f2"),
            ("3f2", "000003f2"),
            ("1000009c1d03f2", "9c1d03f2"),
        ] {
            let serial: Serial = text.parse().unwrap();
            assert_eq!(serial.directory(), directory, "{text}");
            assert_eq!(Serial::of_low(serial.low().unwrap()).as_str(), directory, "{text}");
            assert!(
                Serial::of_digits(text).unwrap().is_of_same_board(&Serial::of_digits(directory).unwrap())
            );
        }
        assert_eq!(Serial::of_digits("1000009C1D03F2").unwrap().as_str(), "001000009c1d03f2");
        for none in ["", "x", "+1", "0x1", "Broadcom", "0123456789abcdef0"] {
            assert_eq!(Serial::of_digits(none), None, "{none}");
            assert_eq!(none.parse::<Serial>().ok().and_then(|serial| serial.low()), None, "{none}");
        }
        assert_eq!("Broadcom".parse::<Serial>().unwrap().directory(), "broadcom");
    }

    #[test]
    fn a_boards_directory_is_one_or_told_to_be_unclear() {
        let dir = tempfile::tempdir().unwrap();
        let look = |serial: &str| serial.parse::<Serial>().unwrap().directory_in(dir.path()).unwrap();
        let none = |near: &[&str]| Directory::None { near: near.iter().map(ToString::to_string).collect() };
        let make = |name: &str| std::fs::create_dir(dir.path().join(name)).unwrap();
        assert_eq!(look("af04b2da"), none(&[]));
        std::fs::write(dir.path().join("af04b2da"), "no directory").unwrap();
        ["af04b2d", "af04b2dO", "a f04b2da", "10000000af04b2db", "10000000d8e4a1f7", "ü"]
            .into_iter()
            .for_each(make);
        let close = ["10000000af04b2db", "a f04b2da", "af04b2d"];
        assert_eq!(look("af04b2da"), none(&close));
        assert_eq!(look("10000000af04b2da"), none(&close));
        make("10000000AF04B2DA");
        for serial in ["af04b2da", "10000000af04b2da"] {
            assert_eq!(look(serial), Directory::One("10000000AF04B2DA".into()));
        }
        std::os::unix::fs::symlink("af04b2d", dir.path().join("AF04B2DA")).unwrap();
        assert_eq!(look("af04b2da"), Directory::Several(vec!["10000000AF04B2DA".into(), "AF04B2DA".into()]));
        let nowhere = "1".parse::<Serial>().unwrap().directory_in(&dir.path().join("none")).unwrap();
        assert_eq!(nowhere, none(&[]));
    }

    proptest::proptest! {
        #[test]
        fn what_is_taken_is_one_name_in_a_directory(text in ".*") {
            if let Ok(serial) = text.parse::<Serial>() {
                let path = std::path::Path::new("x").join(serial.as_str());
                proptest::prop_assert_eq!(serial.as_str(), text.as_str());
                proptest::prop_assert_eq!(path.components().count(), 2);
                proptest::prop_assert_eq!(path.parent(), Some(std::path::Path::new("x")));
            }
        }
    }
}
