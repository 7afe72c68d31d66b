//! What a value may look like, in a file and in the environment.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::format::parse_size;

/// A value before anybody knows what it should be. The environment has texts only, so a text is taken
/// for a number where a number is wanted.
pub(super) enum Raw {
    Text(String),
    Number(f64),
    Truth(bool),
    /// Something of another type, with the name of that type.
    Other(&'static str),
}

impl Raw {
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Says what it is instead of what was wanted.
    pub(super) fn not(&self, wanted: &str) -> String {
        match self {
            Self::Text(text) => format!("`{text}` is not {wanted}"),
            Self::Number(number) => format!("{number} is not {wanted}"),
            Self::Truth(_) => format!("{wanted} is wanted, not a value of type boolean"),
            Self::Other(kind) => format!("{wanted} is wanted, not a value of type {kind}"),
        }
    }

    fn as_number(&self) -> Option<f64> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Number(number) => Some(*number),
            Self::Truth(_) | Self::Other(_) => None,
        }
    }

    pub(super) fn boolean(&self) -> Result<bool, String> {
        match self {
            Self::Truth(truth) => Ok(*truth),
            Self::Text(text) if text == "true" => Ok(true),
            Self::Text(text) if text == "false" => Ok(false),
            _ => Err(self.not("`true` or `false`")),
        }
    }

    pub(super) fn seconds(&self, range: RangeInclusive<f64>) -> Result<Duration, String> {
        let number = self.as_number().filter(|number| range.contains(number));
        number.and_then(|number| Duration::try_from_secs_f64(number).ok()).ok_or_else(|| {
            self.not(&format!("a number of seconds from {} to {}", range.start(), range.end()))
        })
    }

    pub(super) fn number(&self, range: RangeInclusive<u16>) -> Result<u16, String> {
        let wanted = || self.not(&format!("a whole number from {} to {}", range.start(), range.end()));
        let number = self.as_number().filter(|number| number.fract() == 0.0).ok_or_else(wanted)?;
        let inside = number >= f64::from(*range.start()) && number <= f64::from(*range.end());
        // In range, so nothing is cut off.
        if inside { Ok(number as u16) } else { Err(wanted()) }
    }

    pub(super) fn address(&self, port: u16) -> Result<SocketAddr, String> {
        let text = self.text().unwrap_or_default();
        let address = text.parse().or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, port)));
        address.map_err(|_| self.not("an address with a port, such as 0.0.0.0:69"))
    }

    /// The name of a network interface (at most 15 bytes: IFNAMSIZ), or nothing.
    pub(super) fn interface(&self) -> Result<String, String> {
        let named = |name: &&str| name.len() <= 15 && !name.contains(|c: char| c == '/' || c.is_whitespace());
        let name = self.text().filter(named);
        name.map(str::to_owned).ok_or_else(|| self.not("the name of a network interface, such as eth0"))
    }

    pub(super) fn usb_ids(&self) -> Result<(u16, u16), String> {
        let id = |text: &str| {
            let plain = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            u16::from_str_radix(text, 16).ok().filter(|_| plain)
        };
        let ids = self.text().and_then(|text| text.split_once(':'));
        ids.and_then(|(vendor, product)| Some((id(vendor)?, id(product)?)))
            .ok_or_else(|| self.not("a vendor and a product id, such as f055:b007"))
    }

    pub(super) fn part_size(&self) -> Result<u64, String> {
        let wanted = "a size of at least 1 MiB in whole blocks of 512 bytes, such as \"256MiB\"";
        let size = match self {
            Self::Text(text) => parse_size(text).ok(),
            Self::Number(number) if number.fract() == 0.0 && *number >= 0.0 => Some(*number as u64),
            Self::Number(_) | Self::Truth(_) | Self::Other(_) => None,
        };
        size.filter(|size| *size >= 1 << 20 && size.is_multiple_of(512)).ok_or_else(|| self.not(wanted))
    }
}

/// A size as a file would write it: in the largest unit that leaves no fraction.
pub(super) fn show_size(bytes: u64) -> String {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        if bytes != 0 && bytes.is_multiple_of(1 << shift) {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

/// The ids of a USB device as `lsusb` and a file write them.
pub(super) fn show_usb_ids((vendor, product): (u16, u16)) -> String {
    format!("{vendor:04x}:{product:04x}")
}

/// A time as a file would write it.
pub(super) fn seconds(time: Duration) -> String {
    time.as_secs_f64().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_they_are_read() {
        for size in [256 << 20, 786_432_000, 1_000_000_000, 512, 4 << 30, (1 << 20) + 512] {
            assert_eq!(parse_size(&show_size(size)), Ok(size));
        }
        assert_eq!(show_size(256 << 20), "256MiB");
        for text in ["MiB", "-1", "512KiB", "1048577", "a lot"] {
            assert!(Raw::Text(text.to_owned()).part_size().is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_have_limits() {
        let text = |text: &str| Raw::Text(text.to_owned());
        assert_eq!(text("16").number(1..=64), Ok(16));
        assert_eq!(Raw::Number(64.0).number(1..=64), Ok(64));
        for bad in [
            Raw::Number(0.0),
            Raw::Number(1.5),
            Raw::Number(65.0),
            Raw::Number(f64::NAN),
            text("x"),
            Raw::Other("boolean"),
        ] {
            assert!(bad.number(1..=64).unwrap_err().contains("from 1 to 64"));
        }
        assert_eq!(text("1.5").seconds(0.0..=60.0), Ok(Duration::from_millis(1500)));
        for bad in [text("-1"), text("nan"), text("inf"), Raw::Number(61.0), text("")] {
            assert!(bad.seconds(0.0..=60.0).is_err());
        }
        assert!(Raw::Number(1048577.0).part_size().is_err());
        assert_eq!(Raw::Number(1048576.0).part_size(), Ok(1 << 20));
    }

    #[test]
    fn usb_ids_are_four_digits_each() {
        let ids = |text: &str| Raw::Text(text.to_owned()).usb_ids();
        assert_eq!(ids("f055:B007"), Ok((0xf055, 0xb007)));
        assert_eq!(show_usb_ids((0x525, 0xa4a5)), "0525:a4a5");
        for bad in ["", "f055", "f055:", "f055:b0077", "+055:b007", "f055:b00g"] {
            assert!(ids(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_may_leave_out_the_port() {
        for (text, want) in [
            ("10.0.0.1", "10.0.0.1:69"),
            ("10.0.0.1:6969", "10.0.0.1:6969"),
            ("::1", "[::1]:69"),
            ("[::1]:70", "[::1]:70"),
        ] {
            assert_eq!(Raw::Text(text.to_owned()).address(69).unwrap().to_string(), want);
        }
        assert!(Raw::Text("eth0".to_owned()).address(69).is_err());
    }
}
