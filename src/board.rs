//! What a board is called. Names are parsed once, at the edge, and are right from then on.

pub mod cable;
pub mod identity;
mod jumper;
mod known;
mod model;
mod port_path;
mod ports;
mod serial;
mod who;

use std::fmt;
use std::str::FromStr;

pub use cable::Cable;
pub use identity::{Chip, Identity};
pub use jumper::{BadJumper, Jumper};
pub use known::Known;
pub use model::{Family, HostBoot, Model};
pub use port_path::{BadPortPath, PortPath};
pub use ports::{BadPorts, Ports, allows};
pub use serial::{BadSerial, Directory, Serial};
pub use who::Who;

/// An Ethernet address. Written and printed in lower case with colons, as U-Boot's `ethaddr` is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac([u8; 6]);

/// Why a text is no MAC address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no MAC address: {why}")]
pub struct BadMac {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Mac {
    /// The address of six bytes. See [`FromStr`] for the checks on what a person wrote.
    #[must_use]
    pub const fn new(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }

    /// The address that Raspberry Pi gave boards up to the Pi 3: its own first three bytes, then the last three of the
    /// serial number. `None` for a serial number that is no number.
    #[must_use]
    pub fn of_serial(serial: &Serial) -> Option<Self> {
        let [_, d, e, f] = serial.low()?.to_be_bytes();
        Some(Self([0xb8, 0x27, 0xeb, d, e, f]))
    }

    /// The six bytes, in the order of the wire.
    #[must_use]
    pub const fn bytes(self) -> [u8; 6] {
        self.0
    }
}

impl FromStr for Mac {
    type Err = BadMac;

    /// Reads `dc:a6:32:01:02:03`, also with dashes or dots, without separators, in upper case, and as `dca6.3201.0203`.
    /// Refuses group addresses and all zeros, which no board can have.
    fn from_str(text: &str) -> Result<Self, BadMac> {
        let bad = |why| BadMac { text: text.to_owned(), why };
        let digits: String = match text.len() {
            12 => text.to_owned(),
            14 if text.bytes().enumerate().all(|(at, byte)| (at == 4 || at == 9) == (byte == b'.')) => {
                text.replace('.', "")
            }
            17 => {
                let separator = text.as_bytes()[2];
                if !b":-.".contains(&separator) {
                    return Err(bad("the pairs are separated by colons, dashes or dots"));
                }
                if text.bytes().enumerate().any(|(at, byte)| (at % 3 == 2) != (byte == separator)) {
                    return Err(bad("six pairs of hexadecimal digits are needed"));
                }
                text.bytes().filter(|byte| *byte != separator).map(char::from).collect()
            }
            _ => return Err(bad("six pairs of hexadecimal digits are needed")),
        };
        let mut bytes = [0; 6];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let pair =
                digits.get(at * 2..at * 2 + 2).filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()));
            let pair = pair.ok_or_else(|| bad("six pairs of hexadecimal digits are needed"))?;
            *byte = u8::from_str_radix(pair, 16)
                .map_err(|_| bad("six pairs of hexadecimal digits are needed"))?;
        }
        if bytes == [0; 6] {
            return Err(bad("no board has the address of zeros"));
        }
        if bytes[0] & 1 == 1 {
            return Err(bad("it is a group address, not one of a board"));
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Mac({self})")
    }
}

impl serde::Serialize for Mac {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Mac {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_common_spelling() {
        let want = Mac::new([0xdc, 0xa6, 0x32, 0x01, 0x02, 0xff]);
        for text in
            ["dc:a6:32:01:02:ff", "DC:A6:32:01:02:FF", "dc-a6-32-01-02-ff", "dca6320102ff", "dca6.3201.02ff"]
        {
            assert_eq!(text.parse(), Ok(want), "{text}");
        }
        assert_eq!(want.to_string(), "dc:a6:32:01:02:ff");
    }

    #[test]
    fn refuses_what_no_board_can_have() {
        let bad = [
            "",
            "dc:a6:32:01:02",
            "dc:a6:32:01:02:fg",
            "dc:a6-32:01:02:ff",
            "00:00:00:00:00:00",
            "ff:ff:ff:ff:ff:ff",
            "01:00:5e:00:00:01",
            "dc:a6:32:01:02:ff:00",
            "d c:a6:32:01:02:f",
            "éa6320102f",
            "dc:a6:32:+1:02:ff",
            "+ca6320102ff",
            "dca6.32010.2ff",
            "dca6.3201.é2f",
        ];
        for text in bad {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".*") { let _ = text.parse::<Mac>(); }

        #[test]
        fn what_is_printed_is_read_again(mut bytes: [u8; 6]) {
            bytes[0] = bytes[0] & 0xfe | 2;
            let mac = Mac::new(bytes);
            proptest::prop_assert_eq!(mac.to_string().parse(), Ok(mac));
        }
    }
}
