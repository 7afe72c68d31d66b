//! What was seen of a host: the facts that a plan is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::Name;

/// A program that gives interfaces their addresses, whose settings are known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Manager {
    /// NetworkManager.
    NetworkManager,
    /// systemd-networkd.
    Networkd,
    /// dhcpcd.
    Dhcpcd,
    /// ifupdown: `ifup` and `/etc/network/interfaces`.
    Ifupdown,
}

impl Manager {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::NetworkManager, Self::Networkd, Self::Dhcpcd, Self::Ifupdown];

    /// As people call it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::NetworkManager => "NetworkManager",
            Self::Networkd => "systemd-networkd",
            Self::Dhcpcd => "dhcpcd",
            Self::Ifupdown => "ifupdown",
        }
    }

    /// Whether it is a program that runs all the time.
    #[must_use]
    pub const fn is_daemon(self) -> bool {
        !matches!(self, Self::Ifupdown)
    }
}

/// Who gives an interface its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// One whose settings are known here.
    Manager(Manager),
    /// netplan, with this file below the root.
    Netplan(String),
    /// ConnMan.
    ConnMan,
    /// Nobody was found.
    Nobody,
}

/// How far systemd is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Systemd {
    /// It isn't installed.
    #[default]
    Absent,
    /// It is installed, and doesn't run this host.
    Installed,
    /// It runs this host.
    Running,
}

/// An address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub ip: Ipv4Addr,
    /// The length of its prefix.
    pub prefix: u8,
    /// It stays until somebody takes it away: no server has given it for a time.
    pub fixed: bool,
}

/// An interface of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name, whatever is in it.
    pub name: String,
    /// Boards can be behind it: it has an Ethernet address.
    pub ethernet: bool,
    /// There is somebody at the other end of the cable.
    pub carrier: bool,
    /// Its IPv4 addresses.
    pub addresses: Vec<Address>,
    /// What is for nobody known here goes out there.
    pub default_route: bool,
}

impl Found {
    /// Its first address that is fixed and not one of those that hosts give themselves (RFC 3927).
    #[must_use]
    pub fn fixed(&self) -> Option<Address> {
        self.addresses.iter().find(|address| address.fixed && !address.ip.is_link_local()).copied()
    }

    /// Whether it has no address that others can reach it by.
    #[must_use]
    pub fn has_none(&self) -> bool {
        self.addresses.iter().all(|address| address.ip.is_link_local())
    }
}

/// What a process lacks that is to change the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// It isn't root's.
    Root,
    /// It may not change the network: `CAP_NET_ADMIN`.
    NetAdmin,
}

/// What was seen of a host. All paths begin below its root, without a slash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// It is the host that this program runs on, and not the root of another one.
    pub live: bool,
    /// Settings of network managers.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What is there and could not be read as a file, or lies behind a link.
    pub odd: BTreeSet<String>,
    /// Whose programs are there.
    pub installed: BTreeSet<Manager>,
    /// Who is switched on.
    pub enabled: BTreeSet<Manager>,
    /// Who runs; known of a live host only.
    pub running: BTreeSet<Manager>,
    /// ConnMan is switched on, or runs.
    pub connman: bool,
    /// systemd.
    pub systemd: Systemd,
    /// Where `nft` is, from the root, with a slash.
    pub nft: Option<String>,
    /// What kind of container this is, where it is one.
    pub container: Option<String>,
    /// What this process lacks.
    pub lacks: Vec<Lack>,
    /// Directories that are there and can't be written to.
    pub read_only: BTreeSet<String>,
    /// The host's interfaces; of a live host only.
    pub interfaces: Vec<Found>,
    /// Whether the host passes packets on; `None` where that isn't known.
    pub forwards: Option<bool>,
    /// Whether that can be changed.
    pub may_forward: bool,
}

impl Seen {
    /// The interface of a name.
    #[must_use]
    pub fn interface(&self, name: &Name) -> Option<&Found> {
        self.interfaces.iter().find(|found| found.name == name.as_str())
    }

    /// A file as text; `None` where it isn't there, or is no text.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        std::str::from_utf8(self.files.get(path)?).ok()
    }

    /// The files below a directory whose names end so.
    pub fn below<'a>(&'a self, dir: &'a str, end: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let of_dir = move |path: &str| path.strip_prefix(dir).is_some_and(|name| name.starts_with('/'));
        self.files
            .iter()
            .filter(move |(path, _)| of_dir(path) && path.ends_with(end))
            .filter_map(|(path, bytes)| Some((path.as_str(), std::str::from_utf8(bytes).ok()?)))
    }

    /// Whether a manager is switched on, or runs.
    fn is_on(&self, manager: Manager) -> bool {
        self.enabled.contains(&manager) || self.running.contains(&manager)
    }

    /// Who gives an interface its addresses: who names it in its settings, else who takes all.
    #[must_use]
    pub fn owner(&self, name: &Name) -> Owner {
        let known = Owner::Manager;
        if self.installed.contains(&Manager::Ifupdown) && self.has_stanza(name) {
            return known(Manager::Ifupdown);
        }
        if let Some(path) = self.netplan(name) {
            return Owner::Netplan(path);
        }
        if self.is_on(Manager::Networkd) && self.has_network_file(name) {
            return known(Manager::Networkd);
        }
        if self.is_on(Manager::NetworkManager) && !self.is_unmanaged(name) {
            return known(Manager::NetworkManager);
        }
        if self.connman {
            return Owner::ConnMan;
        }
        if self.is_on(Manager::Dhcpcd) && !self.is_denied(name) {
            return known(Manager::Dhcpcd);
        }
        let rest = [Manager::Networkd, Manager::Ifupdown];
        rest.into_iter().find(|manager| self.is_on(*manager)).map_or(Owner::Nobody, known)
    }

    /// Whether `interfaces(5)` has a stanza for it.
    fn has_stanza(&self, name: &Name) -> bool {
        let of = |text: &str| text.lines().any(|line| is_stanza(line, name));
        self.text(super::ifupdown::FILE).is_some_and(of)
            || self.below(super::ifupdown::DIR, "").any(|(_, text)| of(text))
    }

    /// The file of netplan that names it.
    fn netplan(&self, name: &Name) -> Option<String> {
        let key = |line: &str| {
            let line = line.trim_end();
            line.trim_start()
                .strip_suffix(':')
                .is_some_and(|key| key.trim_matches(|char| char == '"' || char == '\'') == name.as_str())
        };
        let found = self.below("etc/netplan", ".yaml").find(|(_, text)| text.lines().any(key));
        found.map(|(path, _)| path.to_owned())
    }

    /// Whether a file of systemd-networkd means it (systemd.network(5)).
    fn has_network_file(&self, name: &Name) -> bool {
        let means = |text: &str| {
            let (mut named, mut by_type) = (None, false);
            for (section, key, value) in settings(text) {
                match (section, key) {
                    ("Match", "Name") => {
                        let mut patterns = value.split_whitespace();
                        named = Some(patterns.any(|pattern| name.is_meant_by(pattern)));
                    }
                    ("Match", "Type") => by_type = value.split_whitespace().any(|kind| kind == "ether"),
                    _ => {}
                }
            }
            named.unwrap_or(by_type)
        };
        ["etc", "run", "usr/lib", "usr/local/lib"].iter().any(|place| {
            let dir = format!("{place}/systemd/network");
            self.below(&dir, ".network").any(|(_, text)| means(text))
        })
    }

    /// Whether NetworkManager leaves it alone (NetworkManager.conf(5)).
    fn is_unmanaged(&self, name: &Name) -> bool {
        let is_it = |one: &str| match one.split_once(':') {
            None => one == "*" || name.is_meant_by(one),
            Some(("interface-name", pattern)) => name.is_meant_by(pattern.trim_start_matches('=')),
            Some(("type", kind)) => kind == "ethernet",
            Some(_) => false,
        };
        let matches = |list: &str| {
            let all = || list.split([';', ',']).map(str::trim).filter(|one| !one.is_empty());
            let excepted = all().filter_map(|one| one.strip_prefix("except:")).any(is_it);
            !excepted && all().filter(|one| !one.starts_with("except:")).any(is_it)
        };
        let says = |text: &str| {
            let (mut meant, mut section) = (false, String::new());
            settings(text).any(|(at, key, value)| {
                if at != section {
                    (meant, section) = (false, at.to_owned());
                }
                match key {
                    "unmanaged-devices" => matches(value),
                    "match-device" if at.starts_with("device") => {
                        meant = matches(value);
                        false
                    }
                    "managed" if at.starts_with("device") => meant && matches!(value, "0" | "false" | "no"),
                    _ => false,
                }
            })
        };
        let dirs = ["etc", "run", "usr/lib"].map(|place| format!("{place}/NetworkManager/conf.d"));
        self.text("etc/NetworkManager/NetworkManager.conf").is_some_and(says)
            || dirs.iter().any(|dir| self.below(dir, ".conf").any(|(_, text)| says(text)))
    }

    /// Whether dhcpcd leaves it alone (dhcpcd.conf(5)).
    fn is_denied(&self, name: &Name) -> bool {
        let Some(text) = self.text(super::dhcpcd::FILE) else { return false };
        let (mut allowed, mut denied) = (None, false);
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let word = words.next();
            let mut meant = || words.any(|pattern| name.is_meant_by(pattern));
            match word {
                Some("allowinterfaces") => allowed = Some(allowed.unwrap_or(false) | meant()),
                Some("denyinterfaces") => denied |= meant(),
                _ => {}
            }
        }
        denied || allowed == Some(false)
    }

    /// The setting of the owner in which an address stands, by its file.
    #[must_use]
    pub fn named_in(&self, ip: Ipv4Addr) -> Option<&str> {
        let ip = ip.to_string();
        let word = |char: char| !char.is_ascii_digit() && char != '.';
        let is_setting = |path: &&str| {
            path.ends_with(".nmconnection")
                || path.ends_with(".network")
                || path.starts_with("etc/network/")
                || path.starts_with("etc/netplan/")
                || *path == super::dhcpcd::FILE
        };
        let says = |text: &str| {
            let mut lines = text.lines().filter(|line| !line.trim_start().starts_with(['#', ';']));
            lines.any(|line| line.split(word).any(|part| part == ip))
        };
        let mut all = self.files.keys().map(String::as_str).filter(is_setting);
        all.find(|path| self.text(path).is_some_and(says))
    }
}

/// Whether a line of `interfaces(5)` begins how an interface is set.
pub(super) fn is_stanza(line: &str, name: &Name) -> bool {
    let mut words = line.split_whitespace();
    words.next() == Some("iface") && words.next() == Some(name.as_str())
}

/// Settings of a file with sections: the section, the key and the value of each.
fn settings(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let mut section = "";
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
            return None;
        }
        let (key, value) = line.split_once('=').filter(|_| !line.starts_with(['#', ';']))?;
        Some((section, key.trim_end().trim_end_matches('+'), value.trim_start()))
    })
}
