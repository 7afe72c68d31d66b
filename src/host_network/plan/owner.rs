//! Who gives an interface its addresses, as the managers' own settings have it, and who leaves it alone.

use std::collections::{BTreeMap, BTreeSet};

use super::Name;
use super::seen::{Manager, Seen};

/// Sections for devices that are looked at in a file of NetworkManager's.
const MOST_SECTIONS: usize = 100;

/// Who gives an interface its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// One whose settings are known here.
    Manager(Manager),
    /// netplan, with this file below the root.
    Netplan(String),
    /// ConnMan.
    ConnMan,
    /// Nobody was found; why those that are there don't.
    Nobody(Vec<Pass>),
}

/// Why a manager that is there doesn't have an interface.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Pass {
    /// Its settings say so.
    #[error("{} leaves it alone, as {path} says", manager.title())]
    Left {
        /// Who.
        manager: Manager,
        /// The settings.
        path: String,
    },
    /// ifupdown's settings name it, and nobody reads them when the host starts.
    #[error(
        "{path} names it, and the service networking, which brings up what stands there, is {}",
        if *masked { "masked" } else { "off" }
    )]
    Off {
        /// The settings.
        path: String,
        /// Nothing can start it.
        masked: bool,
    },
}

impl Seen {
    /// Whether a manager is switched on, or runs.
    fn is_on(&self, manager: Manager) -> bool {
        self.enabled.contains(&manager) || self.running.contains(&manager)
    }

    /// Who gives an interface its addresses: who names it in its settings, else who takes all. Who leaves it alone doesn't.
    #[must_use]
    pub fn owner(&self, name: &Name) -> Owner {
        let known = Owner::Manager;
        if self.stanza_in(name).is_some() {
            if self.enabled.contains(&Manager::Ifupdown) {
                return known(Manager::Ifupdown);
            }
            // udev brings it up all the same: whoever else got it would share it.
            if self.installed.contains(&Manager::Ifupdown) && self.is_hotplugged(name) {
                return Owner::Nobody(self.passes(name));
            }
        }
        if let Some(path) = self.netplan_in(name).filter(|_| self.netplan) {
            return Owner::Netplan(path);
        }
        let may = |manager| self.is_on(manager) && self.left_by(manager, name).is_none();
        if may(Manager::Networkd) && self.network_file(name).is_some() {
            return known(Manager::Networkd);
        }
        if may(Manager::NetworkManager) {
            return known(Manager::NetworkManager);
        }
        if self.connman {
            return Owner::ConnMan;
        }
        // What only runs may be somebody's own, such as the dhcpcd that ifupdown asks with, and is gone at the next start.
        let rest = [Manager::Dhcpcd, Manager::Networkd, Manager::Ifupdown];
        let is_up = |manager: Manager| !self.live || !manager.is_daemon() || self.running.contains(&manager);
        let ways: [&dyn Fn(Manager) -> bool; 3] = [
            &|manager| self.enabled.contains(&manager) && is_up(manager),
            &|manager| self.enabled.contains(&manager),
            &|_| true,
        ];
        let mut found =
            ways.iter().flat_map(|way| rest.into_iter().filter(|manager| may(*manager) && way(*manager)));
        found.next().map_or_else(|| Owner::Nobody(self.passes(name)), known)
    }

    /// Who is there and doesn't have an interface, and why.
    #[must_use]
    pub fn passes(&self, name: &Name) -> Vec<Pass> {
        let ifupdown = Manager::Ifupdown;
        let unread = self.installed.contains(&ifupdown) && !self.enabled.contains(&ifupdown);
        let off = self.stanza_in(name).filter(|_| unread);
        let masked = self.masked.contains(&ifupdown);
        let off = off.map(|path| Pass::Off { path: self.at(path), masked });
        let left = Manager::ALL.into_iter().filter(|manager| self.is_on(*manager)).filter_map(|manager| {
            let path = self.at(self.left_by(manager, name)?);
            Some(Pass::Left { manager, path })
        });
        off.into_iter().chain(left).collect()
    }

    /// The settings by which a manager leaves an interface alone.
    fn left_by(&self, manager: Manager, name: &Name) -> Option<&str> {
        match manager {
            Manager::NetworkManager => self.unmanaged_in(name),
            Manager::Networkd => self.network_file(name).filter(|(_, left)| *left).map(|(path, _)| path),
            Manager::Dhcpcd => self.is_denied(name).then_some(super::dhcpcd::FILE),
            Manager::Ifupdown => None,
        }
    }

    /// The file of `interfaces(5)` that has a stanza for it.
    fn stanza_in(&self, name: &Name) -> Option<&str> {
        self.interfaces_files()
            .find(|(_, text)| text.lines().any(|line| is_stanza(line, name)))
            .map(|of| of.0)
    }

    /// Whether udev brings it up when its device is there, whatever else is switched on (interfaces(5), `allow-hotplug`).
    fn is_hotplugged(&self, name: &Name) -> bool {
        let says = |line: &str| {
            let mut words = line.split_whitespace();
            words.next() == Some("allow-hotplug") && words.any(|word| word == name.as_str())
        };
        self.interfaces_files().any(|(_, text)| text.lines().any(says))
    }

    /// The files of `interfaces(5)`.
    pub(super) fn interfaces_files(&self) -> impl Iterator<Item = (&str, &str)> {
        let main = self.text(super::ifupdown::FILE).map(|text| (super::ifupdown::FILE, text));
        main.into_iter().chain(self.below(super::ifupdown::DIR, ""))
    }

    /// The file of netplan that names it.
    fn netplan_in(&self, name: &Name) -> Option<String> {
        let key = |line: &str| {
            let line = line.trim_end();
            line.trim_start()
                .strip_suffix(':')
                .is_some_and(|key| key.trim_matches(|char| char == '"' || char == '\'') == name.as_str())
        };
        let found = self.below("etc/netplan", ".yaml").find(|(_, text)| text.lines().any(key));
        found.map(|(path, _)| path.to_owned())
    }

    /// The file of systemd-networkd that means it, and whether it says that it is left alone: of all that mean it, the first
    /// by their names counts, and of the same name that in the first of these places (systemd.network(5)).
    fn network_file(&self, name: &Name) -> Option<(&str, bool)> {
        let mut by_name = BTreeMap::new();
        for place in ["etc", "run", "usr/local/lib", "usr/lib"] {
            let dir = format!("{place}/systemd/network/");
            let inside = self.files.range(dir.clone()..).take_while(|(path, _)| path.starts_with(&dir));
            for (path, _) in inside.filter(|(path, _)| path.ends_with(".network")) {
                by_name.entry(&path[dir.len()..]).or_insert(path.as_str());
            }
        }
        let mac = self.mac(name);
        let found = by_name.into_values().filter_map(|path| Some((path, self.text(path)?)));
        found.into_iter().find_map(|(path, text)| network(text, name, mac).map(|left| (path, left)))
    }

    /// The Ethernet address of an interface, where that is known.
    fn mac(&self, name: &Name) -> Option<&str> {
        self.interface(name)?.mac.as_deref()
    }

    /// NetworkManager's settings in the order in which they are read: later ones count. A file in `/etc` hides one of its
    /// name elsewhere, also if it is empty (NetworkManager.conf(5)).
    fn network_manager(&self) -> Vec<(&str, &str)> {
        const DIRS: [&str; 3] =
            ["usr/lib/NetworkManager/conf.d", "run/NetworkManager/conf.d", "etc/NetworkManager/conf.d"];
        let of = |at: usize| {
            let shown = move |path: &str| {
                let name = &path[DIRS[at].len()..];
                !DIRS[at + 1..].iter().any(|dir| self.files.contains_key(&format!("{dir}{name}")))
            };
            self.below(DIRS[at], ".conf").filter(move |(path, _)| shown(path))
        };
        let main = "etc/NetworkManager/NetworkManager.conf";
        let main = self.text(main).map(|text| (main, text));
        of(0).chain(of(1)).chain(main).chain(of(2)).collect()
    }

    /// The settings by which NetworkManager leaves it alone.
    fn unmanaged_in(&self, name: &Name) -> Option<&str> {
        let mac = self.mac(name);
        let mut unmanaged: Vec<(&str, &str)> = Vec::new();
        let mut devices = Vec::new();
        let (mut by_interfaces, mut keeps_out) = (false, true);
        for (path, text) in self.network_manager() {
            let mut sections: Vec<Section<'_>> = Vec::new();
            for (at, key, value) in settings(text) {
                let parts = || value.split([';', ',']).map(str::trim).filter(|one| !one.is_empty());
                match (at, key) {
                    ("keyfile", "unmanaged-devices") => {
                        unmanaged = parts().map(|one| (one, path)).collect();
                    }
                    ("keyfile", "unmanaged-devices+") => unmanaged.extend(parts().map(|one| (one, path))),
                    ("keyfile", "unmanaged-devices-") => {
                        let gone: BTreeSet<_> = parts().collect();
                        unmanaged.retain(|(one, _)| !gone.contains(one));
                    }
                    ("main", "plugins") => by_interfaces = parts().any(|one| one == "ifupdown"),
                    ("ifupdown", "managed") => keeps_out = !is_yes(value),
                    (at, "match-device" | "managed") if at.starts_with("device") => {
                        let known = sections.iter().any(|section| section.name == at);
                        if !known && sections.len() < MOST_SECTIONS {
                            sections.push(Section { name: at, means: true, managed: None, path });
                        }
                        let section = sections.iter_mut().find(|section| section.name == at);
                        match section {
                            Some(section) if key == "managed" => section.managed = Some(is_yes(value)),
                            Some(section) => section.means = in_list(parts(), name, mac),
                            None => {}
                        }
                    }
                    _ => {}
                }
            }
            // What has no name of its own comes last.
            sections.sort_by_key(|section| section.name == "device");
            devices.push(sections);
        }
        if in_list(unmanaged.iter().map(|(one, _)| *one), name, mac) {
            let by = unmanaged.iter().find(|(one, _)| in_list(std::iter::once(*one), name, mac));
            return by.map(|(_, path)| *path);
        }
        let mut all = devices.iter().rev().flatten();
        let said = all.find(|section| section.means && section.managed.is_some());
        if let Some(section) = said.filter(|section| section.managed == Some(false)) {
            return Some(section.path);
        }
        self.stanza_in(name).filter(|_| by_interfaces && keeps_out)
    }

    /// Whether dhcpcd leaves it alone (dhcpcd.conf(5)).
    fn is_denied(&self, name: &Name) -> bool {
        let Some(text) = self.text(super::dhcpcd::FILE) else { return false };
        let (mut allowed, mut denied) = (None, false);
        for line in text.lines() {
            let mut words = line.split([' ', '\t', ',']).filter(|word| !word.is_empty());
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
    pub fn named_in(&self, ip: std::net::Ipv4Addr) -> Option<&str> {
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

/// What a section of NetworkManager's settings says of devices.
struct Section<'a> {
    name: &'a str,
    /// Without a list it means all.
    means: bool,
    managed: Option<bool>,
    path: &'a str,
}

/// Whether a list of NetworkManager's means an interface: what stands behind `except:` comes before all else.
fn in_list<'a>(list: impl Iterator<Item = &'a str>, name: &Name, mac: Option<&str>) -> bool {
    let is_mac = |one: &str| mac.is_some_and(|mac| mac.eq_ignore_ascii_case(one));
    let is_it = |one: &str| match one.split_once(':') {
        Some(("interface-name", pattern)) => match pattern.strip_prefix('=') {
            Some(exactly) => exactly == name.as_str(),
            None => name.is_meant_by(pattern.trim_start_matches('~')),
        },
        Some(("type", kind)) => kind == "ethernet",
        Some(("mac", one)) => is_mac(one),
        _ => one == "*" || name.is_meant_by(one) || is_mac(one),
    };
    let mut found = false;
    for one in list {
        match one.strip_prefix("except:") {
            Some(one) if is_it(one) => return false,
            Some(_) => {}
            None => found |= is_it(one),
        }
    }
    found
}

/// `Some` where a file of systemd-networkd means an interface: whether it says that it is left alone.
fn network(text: &str, name: &Name, mac: Option<&str>) -> Option<bool> {
    let (mut means, mut left) = (None, false);
    for (section, key, value) in settings(text) {
        let mut words = value.split_whitespace();
        let fits = match (section, key) {
            ("Match", "Name") => {
                let (patterns, wanted) = value.strip_prefix('!').map_or((value, true), |rest| (rest, false));
                patterns.split_whitespace().any(|pattern| name.is_meant_by(pattern)) == wanted
            }
            ("Match", "Type") => words.any(|kind| kind == "ether"),
            ("Match", "MACAddress" | "PermanentMACAddress") => {
                words.any(|one| mac.is_some_and(|mac| mac.eq_ignore_ascii_case(one)))
            }
            ("Link", "Unmanaged") => {
                left = is_yes(value);
                continue;
            }
            _ => continue,
        };
        means = Some(means.unwrap_or(true) && fits);
    }
    means.filter(|means| *means).map(|_| left)
}

/// Whether a line of `interfaces(5)` begins how an interface is set.
pub(super) fn is_stanza(line: &str, name: &Name) -> bool {
    let mut words = line.split_whitespace();
    words.next() == Some("iface") && words.next() == Some(name.as_str())
}

/// Whether a setting says yes.
pub(crate) fn is_yes(value: &str) -> bool {
    ["1", "yes", "y", "true", "t", "on"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}

/// Settings of a file with sections: the section, the key and the value of each.
pub(crate) fn settings(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let mut section = "";
    text.lines().filter_map(move |line| setting(line, &mut section))
}

/// That of one line. `section` is the one that the line is in; a line that begins another one sets it.
pub(crate) fn setting<'a>(line: &'a str, section: &mut &'a str) -> Option<(&'a str, &'a str, &'a str)> {
    let line = line.trim();
    if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
        *section = name;
        return None;
    }
    let (key, value) = line.split_once('=').filter(|_| !line.starts_with(['#', ';']))?;
    Some((*section, key.trim_end(), value.trim_start()))
}
