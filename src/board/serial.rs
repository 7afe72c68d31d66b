//! A board's serial number, as it stands in `/proc/cpuinfo` and in USB descriptors.

use std::fmt;
use std::str::FromStr;

/// Longer than any board's (16 digits); what is longer is no serial number.
const LONGEST: usize = 64;

/// A serial number. A device says it about itself, and it becomes the name of a directory; so it has nothing in it
/// that a path could be made of. Upper and lower case and leading zeros count: `clients/by-serial` has to match.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(String);

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
    /// The serial number as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
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
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Serial({self})")
    }
}

impl Serial {
    /// Whether both are the serial number of the same board: boot ROMs tell the last eight digits of what the system
    /// has in sixteen, and letters may be of either case.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let (short, long) = if self.0.len() <= other.0.len() { (self, other) } else { (other, self) };
        let hex = |serial: &Self| serial.0.bytes().all(|byte| byte.is_ascii_hexdigit());
        short.0.eq_ignore_ascii_case(&long.0)
            || (short.0.len() == 8
                && long.0.len() == 16
                && hex(short)
                && hex(long)
                && short.0.eq_ignore_ascii_case(&long.0[8..]))
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

    proptest::proptest! {
        #[test]
        fn what_is_taken_is_one_name_in_a_directory(text in ".*") {
            if let Ok(serial) = text.parse::<Serial>() {
                let path = std::path::Path::new("x").join(serial.as_str());
                proptest::prop_assert_eq!(path.components().count(), 2);
                proptest::prop_assert_eq!(path.parent(), Some(std::path::Path::new("x")));
            }
        }
    }
}
