//! The settings below `[netboot]`.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::value::{Raw, seconds};
use super::{Origin, Setting, put};
use crate::board::Mac;

/// Where boards get their addresses from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
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

/// Everything below `[netboot]`.
#[derive(Debug, Clone)]
pub struct Netboot {
    /// The interface to serve on; it is never guessed.
    pub interface: Setting<Option<String>>,
    /// Where boards get their addresses from.
    pub mode: Setting<Mode>,
    /// The addresses to give out, both ends included.
    pub range: Setting<Option<(Ipv4Addr, Ipv4Addr)>>,
    /// How long an address is given for.
    pub lease_time: Setting<Duration>,
    /// The router that boards are told.
    pub router: Setting<Option<Ipv4Addr>>,
    /// The name servers that boards are told.
    pub dns: Setting<Vec<Ipv4Addr>>,
    /// Boards that always get the same address.
    pub hosts: Setting<Vec<(Mac, Ipv4Addr)>>,
    /// First halves of MAC addresses that count as a Raspberry Pi's, besides those that are known.
    pub oui: Setting<Vec<[u8; 3]>>,
    /// How long offers to the ROM of a Pi 2 or 3 are held back.
    pub rom_delay: Setting<Duration>,
    /// How long offers to single boards are held back.
    pub delays: Setting<Vec<(Mac, Duration)>>,
    /// Everybody gets an address, not Raspberry Pis only.
    pub everyone: Setting<bool>,
    /// Boot files for PCs, by architecture.
    pub boot_files: Setting<Vec<(u16, String)>>,
    /// The directory that boards fetch their boot files from.
    pub tftp_root: Setting<PathBuf>,
    /// The clients' roots.
    pub clients: Setting<PathBuf>,
    /// Roots that several clients share.
    pub shared: Setting<PathBuf>,
    /// Where the clients' records and the leases are.
    pub state: Setting<PathBuf>,
}

/// The names of these settings.
pub(super) const KEYS: [&str; 16] = [
    "netboot.interface",
    "netboot.mode",
    "netboot.range",
    "netboot.lease-time",
    "netboot.router",
    "netboot.dns",
    "netboot.hosts",
    "netboot.oui",
    "netboot.rom-delay",
    "netboot.delays",
    "netboot.everyone",
    "netboot.boot-files",
    "netboot.tftp-root",
    "netboot.clients",
    "netboot.shared",
    "netboot.state",
];

impl Netboot {
    pub(super) fn built_in() -> Self {
        Self {
            interface: Setting::built_in(None),
            mode: Setting::built_in(Mode::Proxy),
            range: Setting::built_in(None),
            lease_time: Setting::built_in(Duration::from_secs(12 * 3600)),
            router: Setting::built_in(None),
            dns: Setting::built_in(Vec::new()),
            hosts: Setting::built_in(Vec::new()),
            oui: Setting::built_in(Vec::new()),
            // The ROM hangs when its first file comes within two seconds of its question.
            rom_delay: Setting::built_in(Duration::from_secs(2)),
            delays: Setting::built_in(Vec::new()),
            everyone: Setting::built_in(false),
            boot_files: Setting::built_in(Vec::new()),
            tftp_root: Setting::built_in(PathBuf::from("/srv/netboot/tftp")),
            clients: Setting::built_in(PathBuf::from("/srv/netboot/clients")),
            shared: Setting::built_in(PathBuf::from("/srv/netboot/shared")),
            state: Setting::built_in(PathBuf::from("/var/lib/piprov/netboot")),
        }
    }

    /// Sets one of them; says whether the key is one of these.
    pub(super) fn set(
        &mut self,
        key: &str,
        raw: &Raw,
        origin: Origin,
        base: &Path,
    ) -> Option<Result<(), (String, Origin)>> {
        let host = |text: &str| text.trim().parse::<Ipv4Addr>().ok();
        let optional = |wanted: &str| match raw.text() {
            Some("") => Ok(None),
            Some(text) => host(text).map(Some).ok_or_else(|| raw.not(wanted)),
            None => Err(raw.not(wanted)),
        };
        Some(match key {
            "netboot.interface" => {
                let name = raw.interface().map(|name| (!name.is_empty()).then_some(name));
                put(&mut self.interface, name, origin)
            }
            "netboot.mode" => {
                let mode = raw.text().and_then(|text| text.parse().ok());
                put(&mut self.mode, mode.ok_or_else(|| raw.not("`proxy` or `dhcp`")), origin)
            }
            "netboot.range" => put(&mut self.range, range_of(raw), origin),
            "netboot.lease-time" => put(&mut self.lease_time, raw.seconds(60.0..=31_536_000.0), origin),
            "netboot.router" => put(&mut self.router, optional("an IPv4 address"), origin),
            "netboot.dns" => {
                put(&mut self.dns, list(raw, "IPv4 addresses, such as \"10.0.0.1, 10.0.0.2\"", host), origin)
            }
            "netboot.hosts" => {
                let one = |text: &str| {
                    let (mac, ip) = text.split_once('=')?;
                    Some((mac.trim().parse().ok()?, host(ip)?))
                };
                let wanted = "boards with their addresses, such as \"dc:a6:32:01:02:03=10.0.0.21\"";
                put(&mut self.hosts, list(raw, wanted, one), origin)
            }
            "netboot.oui" => {
                let wanted = "first halves of MAC addresses, such as \"dc:a6:32, 2c:cf:67\"";
                put(&mut self.oui, list(raw, wanted, oui), origin)
            }
            "netboot.rom-delay" => put(&mut self.rom_delay, raw.seconds(0.0..=4.0), origin),
            "netboot.delays" => {
                let one = |text: &str| {
                    let (mac, time) = text.split_once('=')?;
                    let time = Raw::Text(time.trim().to_owned()).seconds(0.0..=10.0).ok()?;
                    Some((mac.trim().parse().ok()?, time))
                };
                let wanted = "boards with seconds from 0 to 10, such as \"b8:27:eb:01:02:03=1.5\"";
                put(&mut self.delays, list(raw, wanted, one), origin)
            }
            "netboot.everyone" => put(&mut self.everyone, raw.boolean(), origin),
            "netboot.boot-files" => {
                let one = |text: &str| {
                    let (arch, file) = text.split_once('=')?;
                    let file = file.trim();
                    (!file.is_empty() && file.len() <= 127)
                        .then_some((arch.trim().parse().ok()?, file.to_owned()))
                };
                let wanted = "architectures with files, such as \"0=undionly.kpxe, 7=ipxe.efi\"";
                put(&mut self.boot_files, list(raw, wanted, one), origin)
            }
            "netboot.tftp-root" => put(&mut self.tftp_root, path(raw, base), origin),
            "netboot.clients" => put(&mut self.clients, path(raw, base), origin),
            "netboot.shared" => put(&mut self.shared, path(raw, base), origin),
            "netboot.state" => put(&mut self.state, path(raw, base), origin),
            _ => return None,
        })
    }

    /// Each value as a file would write it, in the order of [`KEYS`].
    pub(super) fn rows(&self) -> [(String, &Origin); KEYS.len()] {
        fn joined<T>(all: &[T], show: impl Fn(&T) -> String) -> String {
            all.iter().map(show).collect::<Vec<_>>().join(", ")
        }
        let pair = |(mac, ip): &(Mac, Ipv4Addr)| format!("{mac}={ip}");
        let range = self.range.value.map(show_range).unwrap_or_default();
        let router = self.router.value.map(|ip| ip.to_string()).unwrap_or_default();
        let delay = |(mac, time): &(Mac, Duration)| format!("{mac}={}", seconds(*time));
        let file = |(arch, file): &(u16, String)| format!("{arch}={file}");
        [
            (self.interface.value.clone().unwrap_or_default(), &self.interface.origin),
            (self.mode.value.to_string(), &self.mode.origin),
            (range, &self.range.origin),
            (seconds(self.lease_time.value), &self.lease_time.origin),
            (router, &self.router.origin),
            (joined(&self.dns.value, Ipv4Addr::to_string), &self.dns.origin),
            (joined(&self.hosts.value, pair), &self.hosts.origin),
            (joined(&self.oui.value, |[a, b, c]| format!("{a:02x}:{b:02x}:{c:02x}")), &self.oui.origin),
            (seconds(self.rom_delay.value), &self.rom_delay.origin),
            (joined(&self.delays.value, delay), &self.delays.origin),
            (self.everyone.value.to_string(), &self.everyone.origin),
            (joined(&self.boot_files.value, file), &self.boot_files.origin),
            (self.tftp_root.value.display().to_string(), &self.tftp_root.origin),
            (self.clients.value.display().to_string(), &self.clients.origin),
            (self.shared.value.display().to_string(), &self.shared.origin),
            (self.state.value.display().to_string(), &self.state.origin),
        ]
    }
}

/// Reads `10.0.0.100-10.0.0.199`, also `10.0.0.100-199`.
///
/// # Errors
/// With what is wrong about it.
pub fn parse_range(text: &str) -> Result<(Ipv4Addr, Ipv4Addr), String> {
    let wanted = || format!("`{text}` is not a range of addresses, such as 10.0.0.100-10.0.0.199");
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

fn range_of(raw: &Raw) -> Result<Option<(Ipv4Addr, Ipv4Addr)>, String> {
    match raw.text() {
        Some("") => Ok(None),
        Some(text) => parse_range(text).map(Some),
        None => Err(raw.not("a range of addresses, such as 10.0.0.100-10.0.0.199")),
    }
}

fn path(raw: &Raw, base: &Path) -> Result<PathBuf, String> {
    let path = raw.text().filter(|path| !path.is_empty());
    path.map(|path| base.join(path)).ok_or_else(|| raw.not("a path"))
}

fn show_range((first, last): (Ipv4Addr, Ipv4Addr)) -> String {
    format!("{first}-{last}")
}

fn oui(text: &str) -> Option<[u8; 3]> {
    let mac: Mac = format!("{}:00:00:01", text.trim()).parse().ok()?;
    let [a, b, c, ..] = mac.bytes();
    Some([a, b, c])
}

/// Things with commas between them; an empty text is none.
fn list<T>(raw: &Raw, wanted: &str, one: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    let Some(text) = raw.text() else { return Err(raw.not(wanted)) };
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let all: Option<Vec<T>> = text.split(',').map(|part| one(part.trim())).collect();
    all.ok_or_else(|| raw.not(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, text: &str) -> Result<String, String> {
        let mut netboot = Netboot::built_in();
        let raw = Raw::Text(text.to_owned());
        let done = netboot.set(key, &raw, Origin::Default, Path::new("")).unwrap();
        done.map_err(|(why, _)| why)?;
        let at = KEYS.iter().position(|known| *known == key).unwrap();
        Ok(netboot.rows()[at].0.clone())
    }

    #[test]
    fn what_is_written_is_shown() {
        for (key, text, shown) in [
            ("netboot.interface", "eth1", "eth1"),
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
            ("netboot.boot-files", "0=a.kpxe, 7=b.efi", "0=a.kpxe, 7=b.efi"),
        ] {
            assert_eq!(set(key, text).as_deref(), Ok(shown), "{key}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (key, text) in [
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
            ("netboot.boot-files", "7="),
        ] {
            assert!(set(key, text).is_err(), "{key} {text}");
        }
    }
}
