//! What the agent is told before it begins: `piprov.station=`, `piprov.usb=`, `piprov.key=`, `piprov.pin=`, `piprov.jumper=`.
//!
//! The kernel's command line says it, else the file `/etc/piprov/agent` of the system that the board runs, with the same
//! words. Where the station is, DHCP may say too (option 224); whom to believe it may not. Where the station is at the other end
//! of the board's USB cable, `firmware/agent/cable` says, when there is such a cable.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::format::unhex_bytes;

/// No file that is read here is longer.
const LONGEST: u64 = 16 << 10;
/// Interfaces that a station is looked for at.
const INTERFACES: usize = 16;

/// What was told. A word that comes twice counts as it comes last, as for the kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// `piprov.station=`: the station's URL.
    pub station: Option<String>,
    /// `piprov.usb=`: the station is looked for at the other end of the board's USB cable.
    pub usb: Option<String>,
    /// `piprov.key=`: the station's public key, 64 hexadecimal digits.
    pub key: Option<String>,
    /// `piprov.pin=`: sha256 of its certificate.
    pub pin: Option<String>,
    /// `piprov.jumper=on`: the jumpers of the carrier are read.
    pub jumper: Option<String>,
}

impl Told {
    /// What a system tells; `root` is `/`. What DHCP says may come later.
    #[must_use]
    pub fn by(root: &Path) -> Self {
        let of = |path: &str| Self::of(&text(&root.join(path)).unwrap_or_default());
        let told = of("proc/cmdline").or(of("etc/piprov/agent"));
        let station = told.station.clone().or_else(|| by_dhcp(&root.join("run/piprov")));
        Self { station, ..told }
    }

    /// What isn't told here is as it is there.
    #[must_use]
    fn or(self, other: Self) -> Self {
        Self {
            station: self.station.or(other.station),
            usb: self.usb.or(other.usb),
            key: self.key.or(other.key),
            pin: self.pin.or(other.pin),
            jumper: self.jumper.or(other.jumper),
        }
    }

    /// Whether the jumpers of the carrier are to be read.
    #[must_use]
    pub fn reads_jumper(&self) -> bool {
        self.jumper.as_deref() == Some("on")
    }

    /// Reads a command line. Quotes around a value are left out.
    #[must_use]
    pub fn of(cmdline: &str) -> Self {
        let mut told = Self::default();
        for word in cmdline.split_whitespace() {
            let Some((name, value)) = word.split_once('=') else { continue };
            let place = match name {
                "piprov.station" => &mut told.station,
                "piprov.usb" => &mut told.usb,
                "piprov.key" => &mut told.key,
                "piprov.pin" => &mut told.pin,
                "piprov.jumper" => &mut told.jumper,
                _ => continue,
            };
            *place = Some(value.trim_matches('"').to_owned()).filter(|value| !value.is_empty());
        }
        told
    }
}

/// The station's URL at the other end of the USB cable, as soon as a host has taken it; `root` is `/`.
#[must_use]
pub fn at_cable(root: &Path) -> Option<String> {
    let url = text(&root.join("run/piprov/cable"))?;
    let url = url.trim();
    (!url.is_empty() && url.bytes().all(|byte| byte.is_ascii_graphic())).then(|| url.to_owned())
}

/// What the DHCP client has put into `station.INTERFACE`: the option's bytes in hexadecimal digits.
fn by_dhcp(dir: &Path) -> Option<String> {
    let mut files: Vec<_> = std::fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("station.")));
    files.sort();
    files.iter().take(INTERFACES).find_map(|path| {
        let url = String::from_utf8(unhex_bytes(text(path)?.trim())?).ok()?;
        // Servers of C programs send the end of the text too.
        let url = url.trim_end_matches('\0');
        (!url.is_empty() && url.bytes().all(|byte| byte.is_ascii_graphic())).then(|| url.to_owned())
    })
}

fn text(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_counts_before_the_file_and_dhcp_says_only_where_the_station_is() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        assert_eq!(Told::by(root.path()), Told::default());
        put("run/piprov/dhcp.eth0", "server=1");
        put("run/piprov/station.eth0", "zz");
        put("run/piprov/station.eth1", "687474703a2f2f61");
        assert_eq!(Told::by(root.path()).station.as_deref(), Some("http://a"));
        put("run/piprov/station.eth0", "687474703a2f2f6200\n");
        assert_eq!(Told::by(root.path()).station.as_deref(), Some("http://b"));
        // A line break in it is no URL.
        put("run/piprov/station.eth0", "687474703a2f2f620a70");
        assert_eq!(Told::by(root.path()).station.as_deref(), Some("http://a"));
        put("etc/piprov/agent", "piprov.station=http://c\npiprov.key=11\n");
        put("proc/cmdline", "quiet piprov.pin=22");
        let told = Told::by(root.path());
        assert_eq!(
            (told.station.as_deref(), told.key.as_deref(), told.pin.as_deref()),
            (Some("http://c"), Some("11"), Some("22"))
        );
        put("proc/cmdline", "piprov.station=http://d");
        assert_eq!(Told::by(root.path()).station.as_deref(), Some("http://d"));
    }

    #[test]
    fn the_cable_says_where_the_station_is_when_it_is_there() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(at_cable(root.path()), None);
        std::fs::create_dir_all(root.path().join("run/piprov")).unwrap();
        let says = |text: &str| {
            std::fs::write(root.path().join("run/piprov/cable"), text).unwrap();
            at_cable(root.path())
        };
        let url = "http://[fe80::d400:afff:fe04:b2da%usb0]:8080";
        assert_eq!(says(&format!("{url}\n")).as_deref(), Some(url));
        assert!(url.parse::<crate::http::Origin>().is_ok());
        for bad in ["", "\n", "http://a\nhttp://b", "http://\u{1b}[2J"] {
            assert_eq!(says(bad), None, "{bad:?}");
        }
        assert_eq!(Told::of("piprov.usb=http:8080").usb.as_deref(), Some("http:8080"));
    }

    #[test]
    fn the_last_word_of_a_name_counts() {
        let told = Told::of(
            "quiet piprov.station=http://a root=x piprov.station=\"http://[fe80::1%25eth0]:80\" piprov.key= piprov.pin=00\n",
        );
        assert_eq!(told.station.as_deref(), Some("http://[fe80::1%25eth0]:80"));
        assert_eq!((told.key, told.pin.as_deref()), (None, Some("00")));
        assert_eq!(Told::of(""), Told::default());
        for (line, reads) in
            [("", false), ("piprov.jumper", false), ("piprov.jumper=0", false), ("piprov.jumper=on", true)]
        {
            assert_eq!(Told::of(line).reads_jumper(), reads, "{line}");
        }
    }
}
