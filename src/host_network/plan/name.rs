//! The name of an interface, as it may stand in other programs' settings.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a network interface that means nothing else wherever it is written: 1 to 15 letters, digits, `.`, `-` and
/// `_`, the first of them a letter or a digit. The kernel takes more (IFNAMSIZ, no `/` and no space), but settings of
/// network managers take `*`, `[` and `!` for patterns, and `:` for a second address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// It is no such name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of an interface is 1 to 15 letters, digits, dots, hyphens and underscores, such as eth1")]
pub struct NotAName;

impl Name {
    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a pattern with `*` and `?` means it. A pattern with other signs means nothing here.
    #[must_use]
    pub fn is_meant_by(&self, pattern: &str) -> bool {
        meant(pattern.as_bytes(), self.0.as_bytes())
    }
}

/// Never goes back further than to the last `*`, so no pattern takes long.
fn meant(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut seen, mut star) = (0, 0, None);
    while seen < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, seen));
                at += 1;
            }
            Some(b'?') => (at, seen) = (at + 1, seen + 1),
            Some(byte) if *byte == name[seen] => (at, seen) = (at + 1, seen + 1),
            _ => match star {
                Some((after, from)) => {
                    (at, seen) = (after, from + 1);
                    star = Some((after, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let first = text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        let good = first && text.len() <= 15 && text.bytes().all(plain);
        if good { Ok(Self(text.to_owned())) } else { Err(NotAName) }
    }
}

impl TryFrom<String> for Name {
    type Error = NotAName;

    fn try_from(text: String) -> Result<Self, NotAName> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_means_more_in_a_file_is_no_name() {
        for good in ["eth1", "enp3s0.100", "br-lan", "wlx00_1", "0"] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            ".",
            "..",
            "-eth",
            ".eth",
            "eth*",
            "eth[0]",
            "!eth",
            "eth0:1",
            "eth 0",
            "eth0\n",
            "a/b",
            "eth\"",
            "eth0;reboot",
            "$(id)",
            "éth0",
            "sixteen-letters-",
            "eth0\0",
        ] {
            assert_eq!(bad.parse::<Name>(), Err(NotAName), "{bad:?}");
        }
    }

    #[test]
    fn a_pattern_means_what_it_says() {
        let name: Name = "enp3s0".parse().unwrap();
        for pattern in ["enp3s0", "en*", "*", "e?p*0", "en*s*", "enp3s0*"] {
            assert!(name.is_meant_by(pattern), "{pattern}");
        }
        for pattern in ["", "en", "eth*", "enp3s0?", "[e]np3s0", "*1"] {
            assert!(!name.is_meant_by(pattern), "{pattern}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_takes_long_or_panics(pattern: String) {
            let name: Name = "aaaaaaaaaaaaaaa".parse().unwrap();
            let _ = name.is_meant_by(&pattern);
            let _ = name.is_meant_by(&"*a".repeat(40));
        }
    }
}
