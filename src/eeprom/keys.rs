//! The settings that the bootloader of a Pi 4 or 5 knows, and what may stand behind them.
//!
//! Source: Raspberry Pi's documentation, "Raspberry Pi bootloader configuration" (its state of 2026); SIGNED_BOOT and
//! its like: repository usbboot, secure-boot-recovery. The last seven stand in the bootloaders of August 2026 and in no
//! documentation, so that nothing is known of their values. BOOT_MENU_ENABLED only a Pi 5's knows.

mod table;

use std::net::Ipv4Addr;

use super::{BootOrder, Error};
use crate::board::Mac;
use crate::near::near;
use table::KEYS;

/// What a value has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// 0 or 1.
    Switch,
    /// A number, also with 0x, from and to.
    Number(i64, i64),
    /// Milliseconds, at least and at most, and where nothing is set.
    Millis(i64, i64, u32),
    /// A [`BootOrder`].
    Order,
    /// An IPv4 address.
    Ip,
    /// A network mask.
    Mask,
    /// An Ethernet address.
    Mac,
    /// 64 hexadecimal digits.
    Sha256,
    /// A name or an address, no URL.
    Host,
    /// Any text up to so many characters.
    Text(usize),
}

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// As it is written, in capitals.
    pub name: &'static str,
    form: Form,
    what: &'static str,
}

/// Longer than any setting's name.
const LONGEST_NAME: usize = 64;

const ANY: i64 = u32::MAX as i64;

impl Key {
    /// The setting of this name, where it is known. Names are written in capitals.
    ///
    /// # Errors
    /// [`Error::Key`] where it can't be the name of a setting.
    pub fn find(name: &str) -> Result<Option<Self>, Error> {
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(fine) {
            return Err(Error::Key { key: name.chars().take(LONGEST_NAME).collect() });
        }
        Ok(KEYS.iter().copied().find(|key| key.name == name))
    }

    /// All that are known, in the order of the documentation.
    #[must_use]
    pub const fn all() -> &'static [Self] {
        KEYS
    }

    /// What it does and what its values mean, in a few words; `None` where no documentation says it.
    #[must_use]
    pub fn what(self) -> Option<&'static str> {
        Some(self.what).filter(|what| !what.is_empty())
    }

    /// What is to be said of a setting that isn't known: a newer bootloader may know it, or it is a mistake.
    #[must_use]
    pub fn unknown(name: &str) -> String {
        let near = near(name, KEYS.iter().map(|key| key.name));
        let meant =
            if near.is_empty() { String::new() } else { format!("; is {} meant?", near.join(" or ")) };
        format!("{name} is no setting that is known of a bootloader, and its value wasn't checked{meant}")
    }

    /// What is to be said of those of these names that aren't known: a mistake in typing, most often.
    pub fn unknown_of<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<String> {
        names
            .into_iter()
            .filter(|name| matches!(Self::find(name), Ok(None)))
            .map(|name| Self::unknown(name))
            .collect()
    }

    /// Whether the bootloader understands this value. An empty value stands for the default.
    ///
    /// # Errors
    /// [`Error::Value`] with what was expected.
    pub fn check(self, value: &str) -> Result<(), Error> {
        check_text(self.name, value)?;
        let bad = |why: String| Error::Value { key: self.name.to_owned(), value: value.to_owned(), why };
        if value.is_empty() && !matches!(self.form, Form::Order) {
            return Ok(());
        }
        let between = |low: i64, high: i64, unit: &str| {
            if number(value).is_some_and(|value| (low..=high).contains(&value)) {
                return Ok(());
            }
            let to = if high == ANY { " or more".to_owned() } else { format!(" to {high}") };
            Err(bad(format!("a number from {low}{to} was expected{unit}")))
        };
        match self.form {
            Form::Switch if matches!(value, "0" | "1") => Ok(()),
            Form::Switch => Err(bad("0 or 1 was expected".into())),
            Form::Number(low, high) => between(low, high, ""),
            Form::Millis(low, high, _) => between(low, high, ", in milliseconds"),
            Form::Order => BootOrder::parse(value).map(drop),
            Form::Ip => match value.parse::<Ipv4Addr>() {
                Ok(ip) if !ip.is_unspecified() && !ip.is_broadcast() && !ip.is_multicast() => Ok(()),
                _ => Err(bad("an IPv4 address of a machine was expected".into())),
            },
            Form::Mask => match value.parse::<Ipv4Addr>().map(u32::from) {
                Ok(mask) if mask != 0 && mask.leading_ones() + mask.trailing_zeros() == 32 => Ok(()),
                _ => Err(bad("a network mask such as 255.255.255.0 was expected".into())),
            },
            Form::Mac if value.contains(':') && value.parse::<Mac>().is_ok() => Ok(()),
            Form::Mac => Err(bad("an address such as dc:a6:32:01:36:c2 was expected".into())),
            Form::Sha256 if value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()) => Ok(()),
            Form::Sha256 => Err(bad("a sha256 of 64 hexadecimal digits was expected".into())),
            Form::Host => {
                let fine =
                    |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
                if value.bytes().all(fine) {
                    return Ok(());
                }
                Err(bad("a host's name in small letters or its address was expected, no URL".into()))
            }
            Form::Text(most) if value.chars().count() <= most => Ok(()),
            Form::Text(most) => Err(bad(format!("at most {most} characters are allowed"))),
        }
    }

    /// What a time in milliseconds means.
    #[must_use]
    pub fn timing(self, value: &str) -> Option<String> {
        let Form::Millis(_, _, default) = self.form else { return None };
        let millis = number(value)?;
        let seconds = |millis: f64| millis / 1000.0;
        #[expect(clippy::cast_precision_loss, reason = "for people; milliseconds don't come near 2^53")]
        let set = seconds(millis as f64);
        Some(format!(
            "{} is {set} s then; without a setting it is {} s",
            self.name,
            seconds(f64::from(default))
        ))
    }
}

/// Whether a value can stand in a line, whatever its setting is.
pub(super) fn check_text(name: &str, value: &str) -> Result<(), Error> {
    if value.chars().any(char::is_control) || value.trim() != value {
        let why = "blanks around it and control characters are not allowed".to_owned();
        return Err(Error::Value { key: name.to_owned(), value: value.to_owned(), why });
    }
    Ok(())
}

/// A number as the bootloader reads it.
fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            i64::from_str_radix(digits, 16).ok()
        }
        Some(_) => None,
        None if text.starts_with('+') => None,
        None => text.parse().ok(),
    }
}

/// What settings mean together for a board that boots over the network.
pub(super) fn notes(get: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut notes = Vec::new();
    let value = |key| get(key).filter(|value| !value.is_empty());
    let is = |key, want: &str| value(key).as_deref() == Some(want);
    if is("FREEZE_VERSION", "1") {
        notes.push(
            "FREEZE_VERSION=1: once it is in the EEPROM, the board takes no other update over the network; only a \
             recovery.bin on an SD card changes that"
                .to_owned(),
        );
    } else if is("ENABLE_SELF_UPDATE", "0") {
        notes.push(
            "ENABLE_SELF_UPDATE=0: once it is in the EEPROM, the board takes no other update over the network".to_owned(),
        );
    }
    if is("TFTP_PREFIX", "1") {
        match value("TFTP_PREFIX_STR") {
            None => notes.push("TFTP_PREFIX=1 without TFTP_PREFIX_STR: the board asks without a directory".to_owned()),
            Some(text) if !text.ends_with('/') => notes.push(format!(
                "TFTP_PREFIX_STR={text} has no / at its end: the board asks for {text}config.txt, not for {text}/config.txt"
            )),
            Some(_) => {}
        }
    } else if value("TFTP_PREFIX_STR").is_some() {
        notes.push("TFTP_PREFIX_STR counts only with TFTP_PREFIX=1".to_owned());
    }
    let fixed: Vec<&str> =
        ["CLIENT_IP", "SUBNET", "TFTP_IP"].into_iter().filter(|key| value(key).is_none()).collect();
    if value("CLIENT_IP").is_some() && !fixed.is_empty() {
        notes.push(format!(
            "CLIENT_IP counts only together with {}; the board asks for DHCP",
            fixed.join(" and ")
        ));
    }
    if value("CLIENT_IP").is_some() && fixed.is_empty() {
        notes.push("CLIENT_IP, SUBNET and TFTP_IP are set: the board asks for no DHCP".to_owned());
    }
    let (whole, one) = (value("DHCP_TIMEOUT"), value("DHCP_REQ_TIMEOUT"));
    let (whole, one) = (
        whole.and_then(|text| number(&text)).unwrap_or(45_000),
        one.and_then(|text| number(&text)).unwrap_or(4000),
    );
    if one >= whole {
        notes.push(format!(
            "DHCP_REQ_TIMEOUT ({one} ms) leaves no second try within DHCP_TIMEOUT ({whole} ms)"
        ));
    }
    if value("HTTP_HOST").is_some() {
        notes.push(
            "HTTP_HOST needs an image signed with a key of your own, which is in the EEPROM".to_owned(),
        );
    }
    for key in KEYS {
        if let Form::Millis(_, _, default) = key.form
            && let Some(value) = value(key.name)
            && number(&value) != Some(i64::from(default))
            && let Some(text) = key.timing(&value)
        {
            notes.push(text);
        }
    }
    notes
}

#[cfg(test)]
mod tests;
