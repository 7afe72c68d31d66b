//! What only the settings below `[netboot]` have: their words and their forms.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::Path;

use super::form::{Form, Written};
use super::settings::Netboot;
use super::value::Raw;
use super::{Error, Origin};
use crate::board::{Mac, Serial};

/// Where boards get their addresses from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// From another DHCP server on the network; this one only tells them where to boot from.
    Proxy,
    /// From this one.
    Dhcp,
}

impl fmt::Display for Mode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Proxy => "proxy",
            Self::Dhcp => "dhcp",
        })
    }
}

impl std::str::FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "proxy" => Ok(Self::Proxy),
            "dhcp" => Ok(Self::Dhcp),
            _ => Err(format!("`{text}` is neither `proxy` nor `dhcp`")),
        }
    }
}

/// A [`Mode`].
pub(super) struct ModeForm;

impl Form for ModeForm {
    type Value = Mode;

    fn wanted(&self) -> String {
        "`proxy` or `dhcp`".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<Mode, String> {
        raw.text().and_then(|text| text.parse().ok()).ok_or_else(|| raw.not(&self.wanted()))
    }

    fn write(&self, mode: &Mode) -> Written {
        Written::One(mode.to_string())
    }
}

/// Reads `10.0.0.100-10.0.0.199`, also `10.0.0.100-199`.
///
/// # Errors
/// With what is wrong about it.
pub fn parse_range(text: &str) -> Result<(Ipv4Addr, Ipv4Addr), String> {
    let wanted = || format!("`{text}` is not {}", Range.wanted());
    let (first, last) = text.split_once('-').ok_or_else(wanted)?;
    let first: Ipv4Addr = first.trim().parse().map_err(|_| wanted())?;
    let last = last.trim();
    let last = match last.parse::<u8>() {
        Ok(number) => {
            let [a, b, c, _] = first.octets();
            Ipv4Addr::new(a, b, c, number)
        }
        Err(_) => last.parse().map_err(|_| wanted())?,
    };
    if first > last {
        return Err(format!("`{text}` ends before it begins"));
    }
    Ok((first, last))
}

/// Two IPv4 addresses and those between them.
pub(super) struct Range;

impl Form for Range {
    type Value = (Ipv4Addr, Ipv4Addr);

    fn wanted(&self) -> String {
        "a range of addresses, such as 10.0.0.100-10.0.0.199".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<Self::Value, String> {
        raw.text().map_or_else(|| Err(raw.not(&self.wanted())), parse_range)
    }

    fn write(&self, (first, last): &Self::Value) -> Written {
        Written::One(format!("{first}-{last}"))
    }
}

/// The first half of a MAC address: the maker of the device.
pub(super) struct Oui;

impl Form for Oui {
    type Value = [u8; 3];

    fn wanted(&self) -> String {
        "the first half of a MAC address, such as 2c:cf:67".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<[u8; 3], String> {
        let mac = raw.text().and_then(|text| format!("{text}:00:00:01").parse::<Mac>().ok());
        let [a, b, c, ..] = mac.ok_or_else(|| raw.not(&self.wanted()))?.bytes();
        Ok([a, b, c])
    }

    fn write(&self, [a, b, c]: &[u8; 3]) -> Written {
        Written::One(format!("{a:02x}:{b:02x}:{c:02x}"))
    }
}

/// A board's MAC address, `=`, and something of another form.
pub(super) struct OfBoard<F>(pub(super) F);

impl<F: Form> Form for OfBoard<F> {
    type Value = (Mac, F::Value);

    fn wanted(&self) -> String {
        format!("the MAC address of a board, \"=\" and {}", self.0.wanted())
    }

    fn read(&self, raw: &Raw, base: &Path) -> Result<Self::Value, String> {
        let pair = raw.text().and_then(|text| text.split_once('='));
        let pair = pair.and_then(|(mac, value)| {
            Some((mac.trim().parse().ok()?, self.0.read(&Raw::Text(value.trim().to_owned()), base).ok()?))
        });
        pair.ok_or_else(|| raw.not(&self.wanted()))
    }

    fn write(&self, (mac, value): &Self::Value) -> Written {
        Written::One(format!("{mac}={}", self.0.write(value)))
    }
}

/// A board, or the boards of a maker, as a list names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoardName {
    /// By its MAC address.
    Mac(Mac),
    /// All whose MAC address begins so.
    Maker([u8; 3]),
    /// By its serial number, in 8 or 16 digits.
    Serial(Serial),
}

impl BoardName {
    /// Whether a board is meant. `serial` is what it has told: the ROM of a Pi 2 or 3 tells none, and neither does a
    /// system. Up to the Pi 3 the MAC address has the number in it.
    #[must_use]
    pub fn is_of(&self, mac: Mac, serial: Option<&Serial>) -> bool {
        match self {
            Self::Mac(own) => *own == mac,
            Self::Maker(maker) => mac.bytes().starts_with(maker),
            Self::Serial(own) => {
                serial.is_some_and(|serial| own.is_of_same_board(serial)) || Mac::of_serial(own) == Some(mac)
            }
        }
    }

    /// Whether all that `other` names are meant.
    #[must_use]
    pub fn has(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Mac(mac)) => self.is_of(*mac, None),
            (Self::Serial(own), Self::Serial(other)) => own.is_of_same_board(other),
            (Self::Mac(own), Self::Serial(other)) => Mac::of_serial(other) == Some(*own),
            _ => self == other,
        }
    }
}

impl std::str::FromStr for BoardName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Ok(maker) = Oui.read(&Raw::Text(text.to_owned()), Path::new("")) {
            return Ok(Self::Maker(maker));
        }
        if text.contains([':', '-']) {
            return text.parse().map(Self::Mac).map_err(|_| ());
        }
        let is_serial = matches!(text.len(), 8 | 16) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        text.to_ascii_lowercase().parse().map(Self::Serial).ok().filter(|_| is_serial).ok_or(())
    }
}

impl fmt::Display for BoardName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mac(mac) => mac.fmt(out),
            Self::Maker([a, b, c]) => write!(out, "{a:02x}:{b:02x}:{c:02x}"),
            Self::Serial(serial) => serial.fmt(out),
        }
    }
}

/// A [`BoardName`].
pub(super) struct BoardNameForm;

impl Form for BoardNameForm {
    type Value = BoardName;

    fn wanted(&self) -> String {
        "a MAC address or its first half, or a serial number of 8 or 16 digits, such as af04b2da".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<BoardName, String> {
        raw.text().and_then(|text| text.parse().ok()).ok_or_else(|| raw.not(&self.wanted()))
    }

    fn write(&self, name: &BoardName) -> Written {
        Written::One(name.to_string())
    }
}

/// The text of the boot menu that a Pi looks for: at most as much as every bootloader has room for.
pub(super) struct MenuText;

impl Form for MenuText {
    type Value = String;

    fn wanted(&self) -> String {
        "a text of 1 to 64 ASCII characters".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<String, String> {
        let good = |text: &&str| {
            (1..=64).contains(&text.len())
                && !text.trim().is_empty()
                && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
        };
        raw.text().filter(good).map(str::to_owned).ok_or_else(|| raw.not(&self.wanted()))
    }

    fn write(&self, text: &String) -> Written {
        Written::One(text.clone())
    }
}

/// An architecture's number (RFC 4578, 2.1), `=`, and the name of a file.
pub(super) struct BootFile;

impl Form for BootFile {
    type Value = (u16, String);

    fn wanted(&self) -> String {
        "the number of an architecture, \"=\" and a file name of at most 127 bytes, such as 7=ipxe.efi"
            .to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<Self::Value, String> {
        let pair = raw.text().and_then(|text| text.split_once('=')).and_then(|(arch, file)| {
            let file = file.trim();
            // DHCP's field for it has 128 bytes, the last of which is zero.
            (1..=127).contains(&file.len()).then_some((arch.trim().parse().ok()?, file.to_owned()))
        });
        pair.ok_or_else(|| raw.not(&self.wanted()))
    }

    fn write(&self, (arch, file): &Self::Value) -> Written {
        Written::One(format!("{arch}={file}"))
    }
}

impl Netboot {
    /// Looks at what each form lets through, and what can't be meant.
    ///
    /// # Errors
    /// With the setting, where it stands, and what is wrong with it.
    pub fn makes_sense(&self) -> Result<(), Error> {
        let bad = |key: &str, origin: &Origin, why: &str| {
            Err(Error::Bad { origin: origin.clone(), key: key.to_owned(), why: why.to_owned() })
        };
        let is_set = |origin: &Origin| *origin != Origin::Default;
        if self.allow.value.is_empty() && is_set(&self.allow.origin) {
            let why = "an empty list would let every board in; without this line all are answered";
            return bad("netboot.allow", &self.allow.origin, why);
        }
        if self.option_43.value.is_none() && is_set(&self.option_43.origin) {
            let why = "the text is empty; without this line it is the one that all bootloaders look for";
            return bad("netboot.option-43", &self.option_43.origin, why);
        }
        if self.tftp_server.value.is_some_and(|ip| !can_serve(ip)) {
            let why = "boards can fetch nothing from that address: it is no host's, or each host's own";
            return bad("netboot.tftp-server", &self.tftp_server.origin, why);
        }
        if let Some(ip) = self.dns.value.iter().find(|ip| !can_serve(**ip)) {
            let why = format!("boards can ask no names at {ip}: it is no host's, or each host's own");
            return bad("netboot.dns", &self.dns.origin, &why);
        }
        Ok(())
    }
}

/// Whether boards can reach a server at an address.
fn can_serve(ip: Ipv4Addr) -> bool {
    !(ip.octets()[0] == 0 || ip.octets()[0] >= 224 || ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;

    fn set(key: &str, text: &str) -> Result<String, String> {
        let mut settings = Settings::without_files();
        let raw = Raw::Text(text.to_owned());
        settings.set(key, &raw, &Origin::Default, Path::new("")).unwrap().map_err(|wrong| wrong.why)?;
        let row = settings.rows().into_iter().find(|row| row.key == key).unwrap();
        Ok(row.value.to_string())
    }

    #[test]
    fn what_is_written_is_shown() {
        for (key, text, shown) in [
            ("netboot.interface", "eth1", "eth1"),
            ("netboot.interface", "", ""),
            ("netboot.mode", "dhcp", "dhcp"),
            ("netboot.range", "10.0.0.9-20", "10.0.0.9-10.0.0.20"),
            ("netboot.range", "10.0.0.9 - 10.0.1.3", "10.0.0.9-10.0.1.3"),
            ("netboot.range", "", ""),
            ("netboot.lease-time", "3600", "3600"),
            ("netboot.router", "10.0.0.1", "10.0.0.1"),
            ("netboot.dns", "10.0.0.1,9.9.9.9", "10.0.0.1, 9.9.9.9"),
            ("netboot.hosts", "DC-A6-32-01-02-03 = 10.0.0.7", "dc:a6:32:01:02:03=10.0.0.7"),
            ("netboot.oui", "DC:A6:32,2c:cf:67", "dc:a6:32, 2c:cf:67"),
            ("netboot.rom-delay", "1.5", "1.5"),
            ("netboot.delays", "b8:27:eb:01:02:03=1", "b8:27:eb:01:02:03=1"),
            ("netboot.everyone", "true", "true"),
            ("netboot.allow", "DC-A6-32-01-02-03,AF04B2DA,2c:cf:67", "dc:a6:32:01:02:03, af04b2da, 2c:cf:67"),
            ("netboot.deny", "10000000af04b2da", "10000000af04b2da"),
            ("netboot.tftp-server", "10.0.0.5", "10.0.0.5"),
            ("netboot.option-43", "Our boards", "Our boards"),
            ("netboot.boot-files", "0=a.kpxe, 7=b.efi", "0=a.kpxe, 7=b.efi"),
        ] {
            assert_eq!(set(key, text).as_deref(), Ok(shown), "{key}");
        }
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        let check = |key: &str, raw: Raw| {
            let mut settings = Settings::without_files();
            let origin = Origin::File { path: "/p.toml".into(), line: 7 };
            settings.set(key, &raw, &origin, Path::new("")).unwrap().map_err(|wrong| wrong.why).unwrap();
            settings.netboot.makes_sense().map_err(|error| error.to_string())
        };
        let text = |text: &str| Raw::Text(text.to_owned());
        assert!(Settings::without_files().netboot.makes_sense().is_ok());
        for ip in ["0.0.0.0", "255.255.255.255", "127.0.0.1", "224.0.0.1"] {
            let why = check("netboot.tftp-server", text(ip)).unwrap_err();
            assert!(why.starts_with("/p.toml:7: `netboot.tftp-server`: "), "{why}");
        }
        assert!(check("netboot.option-43", text("")).unwrap_err().contains("the text is empty"));
        let none = check("netboot.allow", Raw::List(Vec::new())).unwrap_err();
        assert!(none.contains("would let every board in"), "{none}");
        assert_eq!(check("netboot.allow", text("af04b2da")), Ok(()));
        assert_eq!(check("netboot.deny", Raw::List(Vec::new())), Ok(()));
        assert_eq!(check("netboot.tftp-server", text("10.0.0.5")), Ok(()));
        for ip in ["0.0.0.0", "255.255.255.255"] {
            assert!(check("netboot.dns", text(ip)).unwrap_err().contains("can ask no names"), "{ip}");
        }
        assert_eq!(check("netboot.option-43", text("x")), Ok(()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (key, text) in [
            ("netboot.interface", "eth0/x"),
            ("netboot.interface", "a-name-of-16-byte"),
            ("netboot.mode", "full"),
            ("netboot.range", "10.0.0.9"),
            ("netboot.range", "10.0.0.9-8"),
            ("netboot.range", "10.0.0.9-256"),
            ("netboot.lease-time", "5"),
            ("netboot.router", "eth0"),
            ("netboot.dns", "10.0.0.1 10.0.0.2"),
            ("netboot.hosts", "dc:a6:32:01:02:03"),
            ("netboot.oui", "dc:a6"),
            ("netboot.oui", "dc:a6:32:01"),
            ("netboot.rom-delay", "5"),
            ("netboot.delays", "b8:27:eb:01:02:03=11"),
            ("netboot.everyone", "perhaps"),
            ("netboot.allow", "af04b2d"),
            ("netboot.allow", "any"),
            ("netboot.deny", "dc:a6:32:01"),
            ("netboot.tftp-server", "nas"),
            ("netboot.option-43", "\x1b[2J"),
            ("netboot.option-43", "   "),
            ("netboot.boot-files", "7="),
        ] {
            assert!(set(key, text).is_err(), "{key} {text}");
        }
    }
}
