//! What was seen of a host: the facts that a plan is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::Name;
use super::told::Told;

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
    /// That address, with small letters and colons.
    pub mac: Option<String>,
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
    /// It is the host that this program runs on, and its kernel was asked.
    pub live: bool,
    /// Where the root of another host is, as a person at this one names it; `None` for this host.
    pub root: Option<String>,
    /// Settings of network managers.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What is there and could not be read as a file, or lies behind a link.
    pub odd: BTreeSet<String>,
    /// Whose programs are there.
    pub installed: BTreeSet<Manager>,
    /// Who is switched on: something starts it with the host.
    pub enabled: BTreeSet<Manager>,
    /// Who is switched off so that nothing can start it.
    pub masked: BTreeSet<Manager>,
    /// Who runs, for this host; known of a live host only.
    pub running: BTreeSet<Manager>,
    /// netplan is there, which writes the settings of others.
    pub netplan: bool,
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
    /// A place below the root, as a person at this host names it.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.root.as_deref().unwrap_or_default().trim_end_matches('/'))
    }

    /// The interface of a name.
    #[must_use]
    pub fn interface(&self, name: &Name) -> Option<&Found> {
        self.interfaces.iter().find(|found| found.name == name.as_str())
    }

    /// The interface over which this host reaches everybody else; in the root of another host the one that settings name.
    #[must_use]
    pub fn way_out(&self) -> Option<Name> {
        if self.root.is_none() {
            return self.interfaces.iter().find(|one| one.default_route)?.name.parse().ok();
        }
        let mut names: Vec<_> =
            super::told::told(self).iter().filter(|told| told.gateway).map(Told::name).collect();
        names.dedup();
        match &names[..] {
            [one] => one.clone(),
            _ => None,
        }
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
}
