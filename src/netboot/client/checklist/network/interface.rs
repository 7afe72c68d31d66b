//! The interface that the root comes over: what it may be called, and whether a file of systemd's or udev's means it.

use std::collections::BTreeMap;

use crate::board::Mac;
use crate::host_network::plan::owner::settings;
use crate::netboot::client::pattern::fits;
use crate::netboot::content::place::Prefix;

/// What the board's own interface is called: with the Pi's kernel, and by systemd's rules for names.
pub(super) const USUAL: [&str; 2] = ["eth0", "end0"];

/// The drivers of the boards' own interfaces.
const DRIVERS: [&str; 4] = ["bcmgenet", "macb", "smsc95xx", "lan78xx"];

/// The boot interface, as far as it is known before the board starts.
#[derive(Debug, Clone)]
pub(super) struct BootInterface {
    /// What it may be called. Its name by its MAC address is the one that systemd gives to interfaces on USB, which those of
    /// all boards before the Pi 4 are.
    pub(super) names: Vec<String>,
    /// Its MAC address; where the board is known by its serial number the one that it has if it came before the Pi 4, and
    /// nobody has if not.
    pub(super) mac: Option<Mac>,
    /// Whether it has that one whatever board it is.
    pub(super) is_sure: bool,
}

impl BootInterface {
    pub(super) fn of(board: Prefix) -> Self {
        let (mac, is_sure) = match board {
            Prefix::Mac(mac) => (Some(mac), true),
            Prefix::Serial(serial) => (Mac::of_serial(&serial), false),
        };
        let mut names = USUAL.map(str::to_owned).to_vec();
        names.extend(mac.map(|mac| format!("enx{}", mac.to_string().replace(':', ""))));
        Self { names, mac, is_sure }
    }

    /// Whether it may be called so.
    pub(super) fn is(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// Whether a pattern fits one of its names.
    pub(super) fn fits(&self, pattern: &str) -> bool {
        self.names.iter().any(|name| fits(pattern, name))
    }

    /// Whether it may have this MAC address, however that is written.
    pub(super) fn may_have(&self, text: &str) -> bool {
        !self.is_sure || text.parse::<Mac>().map_or(true, |mac| Some(mac) == self.mac)
    }

    /// Whether a file of systemd-networkd's names it and nothing else.
    pub(super) fn is_all_of(&self, text: &str) -> bool {
        let names = settings(text).filter(|(section, key, _)| (*section, *key) == ("Match", "Name"));
        let mut names = names.flat_map(|(_, _, value)| value.split_whitespace()).peekable();
        names.peek().is_some() && names.all(|name| self.is(name))
    }

    /// Its names as people list them.
    pub(super) fn any(&self) -> String {
        listed(&self.names, "or")
    }

    /// Whether the `[Match]` sections of a file of systemd's (systemd.network(5), systemd.link(5)) may mean it. What isn't
    /// known before the board starts may fit.
    pub(super) fn may_match(&self, text: &str) -> bool {
        let mut lists: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (_, key, value) in settings(text).filter(|(section, ..)| *section == "Match") {
            let list = lists.entry(key).or_default();
            if value.is_empty() {
                list.clear();
            }
            list.extend(value.split_whitespace());
        }
        lists.iter().filter(|(_, list)| !list.is_empty()).all(|(key, list)| {
            // All but those.
            let (patterns, all_but): (Vec<&str>, bool) = match list[0].strip_prefix('!') {
                Some(first) => (std::iter::once(first).chain(list[1..].iter().copied()).collect(), true),
                None => (list.clone(), false),
            };
            let any =
                |names: &[&str]| patterns.iter().any(|pattern| names.iter().any(|name| fits(pattern, name)));
            let all =
                |names: &[&str]| names.iter().all(|name| patterns.iter().any(|pattern| fits(pattern, name)));
            let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
            let is = |names: &[&str]| if all_but { !all(names) } else { any(names) };
            match *key {
                "Name" | "OriginalName" => is(&names),
                "Type" => is(&["ether"]),
                "Driver" => is(&DRIVERS),
                "MACAddress" | "PermanentMACAddress" => patterns.iter().any(|text| self.may_have(text)),
                // What is made by software, or has no cable.
                "Kind" => all_but,
                "SSID" | "BSSID" | "WLANInterfaceType" => false,
                _ => true,
            }
        })
    }
}

/// Words as people list them.
pub(super) fn listed(words: &[String], and: &str) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {and} {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_mac() -> BootInterface {
        BootInterface::of("b8:27:eb:12:34:56".parse().unwrap())
    }

    #[test]
    fn its_names_follow_from_the_board() {
        assert_eq!(by_mac().names, ["eth0", "end0", "enxb827eb123456"]);
        let by_serial = BootInterface::of("00123456".parse().unwrap());
        assert_eq!(by_serial.names, by_mac().names);
        assert_eq!((by_serial.is_sure, by_mac().is_sure), (false, true));
        assert_eq!(by_mac().any(), "eth0, end0 or enxb827eb123456");
        assert!(by_serial.may_have("00:11:22:33:44:55") && !by_mac().may_have("00:11:22:33:44:55"));
    }

    #[test]
    fn files_that_may_mean_it() {
        for text in [
            "",
            "[Match]\n",
            "[Match]\nName=e*\n",
            "[Match]\nName=wlan0 end0\nType=ether\n",
            "[Match]\nName=!eth0\n",
            "[Match]\nName=wlan0\nName=\nName=eth0\n",
            "[Match]\nMACAddress=B8-27-EB-12-34-56 00:11:22:33:44:55\n",
            "[Match]\nDriver=lan78xx\nPath=platform-*\n",
            "[Match]\nKind=!*\n",
            "[Match]\nType=!wlan loopback\n",
            "[Network]\nName=wlan0\n",
        ] {
            assert!(by_mac().may_match(text), "{text}");
        }
        for text in [
            "[Match]\nName=eth1 br*\n",
            "[Match]\n# a\nName=!e*\n",
            "[Match]\nName=eth0\nType=wlan\n",
            "[Match]\nPermanentMACAddress=00:11:22:33:44:55\n",
            "[Match]\nDriver=r8152\n",
            "[Match]\nKind=bridge\n",
            "[Match]\nType=!ether\n",
            "[Match]\nSSID=x\n",
        ] {
            assert!(!by_mac().may_match(text), "{text}");
        }
        assert!(by_mac().is_all_of("[Match]\nName=eth0\nName=end0 enxb827eb123456\n"));
        for text in ["", "[Match]\nName=eth0 br0\n", "[Match]\nName=e*\n", "[Network]\nName=eth0\n"] {
            assert!(!by_mac().is_all_of(text), "{text}");
        }
        let by_serial = BootInterface::of("a2ef5644".parse().unwrap());
        assert!(by_serial.may_match("[Match]\nMACAddress=00:11:22:33:44:55\n"), "nobody knows it");
    }
}
