//! The forms that a value may have: how it is read, which bounds it has, and how it is written.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::tables::Member;
use super::value::Raw;
use crate::format::{parse_size, parse_time};

/// A form of values.
pub(super) trait Form {
    /// What comes out.
    type Value;

    /// What may stand there, as the object of a sentence: "a number of seconds from 1 to 60".
    fn wanted(&self) -> String;

    /// The value, if it has this form. Paths are relative to `base`.
    ///
    /// # Errors
    /// With a sentence about what stands there instead.
    fn read(&self, raw: &Raw, base: &Path) -> Result<Self::Value, String>;

    /// As [`Form::read`], with the place of what is wrong inside of the value.
    ///
    /// # Errors
    /// What is wrong, and where.
    fn read_at(&self, raw: &Raw, base: &Path) -> Result<Self::Value, Wrong> {
        Ok(self.read(raw, base)?)
    }

    /// The value as a file would write it: what [`Form::read`] takes.
    fn write(&self, value: &Self::Value) -> Written;

    /// The keys of the tables that it is a list of.
    fn members(&self) -> Vec<Member> {
        Vec::new()
    }
}

/// What is wrong with a value.
#[derive(Debug)]
pub(super) struct Wrong {
    /// The key inside, where it has keys.
    pub(super) key: Option<String>,
    /// Where that stands in the file, in bytes; where the value stands if that isn't known.
    pub(super) offset: Option<usize>,
    /// There is no such key inside.
    pub(super) unknown: bool,
    /// What is wrong, as a sentence.
    pub(super) why: String,
}

impl From<String> for Wrong {
    fn from(why: String) -> Self {
        Self { key: None, offset: None, unknown: false, why }
    }
}

/// A value as a file would write it, without quotes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
pub enum Written {
    /// One value; empty where it isn't set.
    One(String),
    /// A list.
    List(Vec<String>),
    /// A list of tables; keys that aren't set are left out.
    Tables(Vec<BTreeMap<&'static str, Written>>),
}

impl fmt::Display for Written {
    /// The members of a list have commas between them, as in an environment variable.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(text) => out.pad(text),
            Self::List(all) => out.pad(&all.join(", ")),
            Self::Tables(all) => {
                let table = |table: &BTreeMap<&str, Self>| {
                    let keys = table.iter().map(|(key, value)| format!("{key}={value}"));
                    keys.collect::<Vec<_>>().join(" ")
                };
                out.pad(&all.iter().map(table).collect::<Vec<_>>().join("; "))
            }
        }
    }
}

/// The value, or else what stands there instead of what is wanted.
fn or_not<T>(value: Option<T>, form: &impl Form, raw: &Raw) -> Result<T, String> {
    value.ok_or_else(|| raw.not(&form.wanted()))
}

/// A path of the host.
pub(super) struct HostPath;

impl Form for HostPath {
    type Value = PathBuf;

    fn wanted(&self) -> String {
        "a path".to_owned()
    }

    fn read(&self, raw: &Raw, base: &Path) -> Result<PathBuf, String> {
        or_not(raw.text().filter(|path| !path.is_empty()).map(|path| base.join(path)), self, raw)
    }

    fn write(&self, path: &PathBuf) -> Written {
        Written::One(path.display().to_string())
    }
}

/// A path of the host, or `off`, as an empty text is.
pub(super) struct HostPathOrOff;

impl Form for HostPathOrOff {
    type Value = Option<PathBuf>;

    fn wanted(&self) -> String {
        "a path, or `off`".to_owned()
    }

    fn read(&self, raw: &Raw, base: &Path) -> Result<Option<PathBuf>, String> {
        match raw.text() {
            Some("" | "off") => Ok(None),
            _ => HostPath.read(raw, base).map(Some).map_err(|_| raw.not(&self.wanted())),
        }
    }

    fn write(&self, path: &Option<PathBuf>) -> Written {
        path.as_ref().map_or_else(|| Written::One("off".to_owned()), |path| HostPath.write(path))
    }
}

/// A time: in seconds, also with a fraction, or as the command line takes it, with its unit.
pub(super) struct Seconds(pub(super) RangeInclusive<f64>);

impl Form for Seconds {
    type Value = Duration;

    fn wanted(&self) -> String {
        let (least, most) = (self.0.start(), self.0.end());
        format!("a time from {least} to {most} s, in seconds or with its unit (ms, s, m, h or d)")
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<Duration, String> {
        let time = match raw {
            Raw::Text(text) => parse_time(text.trim()),
            raw => raw.as_number().and_then(|number| Duration::try_from_secs_f64(number).ok()),
        };
        or_not(time.filter(|time| self.0.contains(&time.as_secs_f64())), self, raw)
    }

    fn write(&self, time: &Duration) -> Written {
        Written::One(time.as_secs_f64().to_string())
    }
}

/// A number of days, or `off`.
pub(super) struct DaysOrOff;

impl Form for DaysOrOff {
    type Value = Option<u16>;

    fn wanted(&self) -> String {
        "a whole number of days from 1 to 36500, or `off`".to_owned()
    }

    /// `90d` is 90, too: that is how times are given elsewhere.
    fn read(&self, raw: &Raw, base: &Path) -> Result<Option<u16>, String> {
        let days = match raw.text() {
            Some("" | "off") => return Ok(None),
            Some(text) => &Raw::Text({
                let text = text.trim();
                text.strip_suffix('d').unwrap_or(text).to_owned()
            }),
            None => raw,
        };
        Whole(1..=36_500).read(days, base).map(Some).map_err(|_| raw.not(&self.wanted()))
    }

    fn write(&self, days: &Option<u16>) -> Written {
        Written::One(days.map_or_else(|| "off".to_owned(), |days| days.to_string()))
    }
}

/// A number without a fraction.
pub(super) struct Whole(pub(super) RangeInclusive<u16>);

impl Form for Whole {
    type Value = u16;

    fn wanted(&self) -> String {
        format!("a whole number from {} to {}", self.0.start(), self.0.end())
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<u16, String> {
        let bounds = f64::from(*self.0.start())..=f64::from(*self.0.end());
        let number = raw.as_number().filter(|number| number.fract() == 0.0 && bounds.contains(number));
        // In range, so nothing is cut off.
        or_not(number.map(|number| number as u16), self, raw)
    }

    fn write(&self, number: &u16) -> Written {
        Written::One(number.to_string())
    }
}

/// A size that is a part of an image: whole blocks.
pub(super) struct PartSize {
    /// The smallest, in bytes.
    pub(super) least: u64,
    /// What it is a multiple of, in bytes.
    pub(super) block: u64,
}

impl Form for PartSize {
    type Value = u64;

    fn wanted(&self) -> String {
        let (least, block) = (self.least >> 20, self.block);
        format!("a size of at least {least} MiB in whole blocks of {block} bytes, such as \"256MiB\"")
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<u64, String> {
        let size = match raw {
            Raw::Text(text) => parse_size(text).ok(),
            Raw::Number(number) if number.fract() == 0.0 && *number >= 0.0 => Some(*number as u64),
            _ => None,
        };
        let fits = |size: &u64| *size >= self.least && size.is_multiple_of(self.block);
        or_not(size.filter(fits), self, raw)
    }

    /// In the largest unit that leaves no fraction.
    fn write(&self, size: &u64) -> Written {
        let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
        let unit = units.into_iter().find(|(_, shift)| *size != 0 && size.is_multiple_of(1 << shift));
        Written::One(match unit {
            Some((name, shift)) => format!("{}{name}", size >> shift),
            None => size.to_string(),
        })
    }
}

/// Where to listen: an IP address, with or without a port.
pub(super) struct Listen {
    /// The port where the address has no port.
    pub(super) port: u16,
}

impl Form for Listen {
    type Value = SocketAddr;

    fn wanted(&self) -> String {
        format!("an address with a port, such as 0.0.0.0:{}", self.port)
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<SocketAddr, String> {
        let text = raw.text().unwrap_or_default();
        let plain = || text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, self.port));
        or_not(text.parse().ok().or_else(plain), self, raw)
    }

    fn write(&self, address: &SocketAddr) -> Written {
        Written::One(address.to_string())
    }
}

/// The vendor id and the product id of a USB device, as `lsusb` writes them.
pub(super) struct UsbIds;

impl Form for UsbIds {
    type Value = (u16, u16);

    fn wanted(&self) -> String {
        "a vendor and a product id, such as f055:b007".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<(u16, u16), String> {
        let id = |text: &str| {
            let plain = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            u16::from_str_radix(text, 16).ok().filter(|_| plain)
        };
        let ids = raw.text().and_then(|text| text.split_once(':'));
        or_not(ids.and_then(|(vendor, product)| Some((id(vendor)?, id(product)?))), self, raw)
    }

    fn write(&self, (vendor, product): &(u16, u16)) -> Written {
        Written::One(format!("{vendor:04x}:{product:04x}"))
    }
}

/// Yes or no.
pub(super) struct Truth;

impl Form for Truth {
    type Value = bool;

    fn wanted(&self) -> String {
        "`true` or `false`".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<bool, String> {
        let truth = match raw {
            Raw::Truth(truth) => Some(*truth),
            Raw::Text(text) => text.parse().ok(),
            _ => None,
        };
        or_not(truth, self, raw)
    }

    fn write(&self, truth: &bool) -> Written {
        Written::One(truth.to_string())
    }
}

/// The name of a network interface: at most 15 bytes (IFNAMSIZ).
pub(super) struct Interface;

impl Form for Interface {
    type Value = String;

    fn wanted(&self) -> String {
        "the name of a network interface, such as eth0".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<String, String> {
        let named = |name: &&str| {
            (1..=15).contains(&name.len()) && !name.contains(|c: char| c == '/' || c.is_whitespace())
        };
        or_not(raw.text().filter(named).map(str::to_owned), self, raw)
    }

    fn write(&self, name: &String) -> Written {
        Written::One(name.clone())
    }
}

/// An IPv4 address.
pub(super) struct Ip;

impl Form for Ip {
    type Value = Ipv4Addr;

    fn wanted(&self) -> String {
        "an IPv4 address, such as 10.0.0.1".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<Ipv4Addr, String> {
        or_not(raw.text().and_then(|text| text.trim().parse().ok()), self, raw)
    }

    fn write(&self, ip: &Ipv4Addr) -> Written {
        Written::One(ip.to_string())
    }
}

/// Another form, or an empty text where there is no value.
pub(super) struct Optional<F>(pub(super) F);

impl<F: Form> Form for Optional<F> {
    type Value = Option<F::Value>;

    fn wanted(&self) -> String {
        self.0.wanted()
    }

    fn read(&self, raw: &Raw, base: &Path) -> Result<Self::Value, String> {
        if raw.text() == Some("") { Ok(None) } else { self.0.read(raw, base).map(Some) }
    }

    fn write(&self, value: &Self::Value) -> Written {
        value.as_ref().map_or_else(|| Written::One(String::new()), |value| self.0.write(value))
    }
}

/// Any number of values of another form.
pub(super) struct List<F>(pub(super) F);

impl<F: Form> Form for List<F> {
    type Value = Vec<F::Value>;

    fn wanted(&self) -> String {
        format!("a list, each member {}", self.0.wanted())
    }

    /// A text is a list with commas between its members: the environment has texts only.
    fn read(&self, raw: &Raw, base: &Path) -> Result<Self::Value, String> {
        match raw {
            Raw::List(all) => all.iter().map(|one| self.0.read(one, base)).collect(),
            // An environment variable that is empty counts as none: this stands in a file, and may be half of something.
            Raw::Text(text) if text.trim().is_empty() => {
                Err(format!("an empty text is not {}; `[]` is a list without members", self.wanted()))
            }
            Raw::Text(text) => {
                text.split(',').map(|one| self.0.read(&Raw::Text(one.trim().to_owned()), base)).collect()
            }
            _ => Err(raw.not(&self.wanted())),
        }
    }

    fn write(&self, all: &Self::Value) -> Written {
        Written::List(all.iter().map(|one| self.0.write(one).to_string()).collect())
    }
}

#[cfg(test)]
#[path = "form_tests.rs"]
mod tests;
