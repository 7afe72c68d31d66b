//! The DHCP servers that are heard beside this one: which give addresses, which tell boards where to boot from, and what
//! that means for the boards here. No sockets, no clock.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Serialize;

use super::reason::{Grade, two_servers};
use crate::board::Mac;
use crate::dhcp::Mode;
use crate::error::Remedy;

/// Servers that are told apart: more than a network that works has.
const MOST: usize = 64;
/// How often one that changes its device is told.
const CHANGES: u32 = 8;

/// What another DHCP server is to this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It gives the addresses, which proxy mode needs.
    Gives,
    /// It gives addresses beside another one that does.
    Second,
    /// It gives addresses beside this host, which does too.
    Rival,
    /// It tells boards where to boot from, as this host does.
    Boots,
    /// It is another device than before.
    Moved,
}

/// A server that was heard for the first time, or differs from before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sighting {
    /// Its address.
    pub ip: Ipv4Addr,
    /// Its Ethernet address, or that of the router in front of it; `None` where only a client has named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// What it is to this one.
    pub role: Role,
    /// How much that matters.
    pub grade: Grade,
    /// The rest of a sentence that begins with the server.
    pub why: String,
    /// What helps.
    #[serde(skip_serializing_if = "Remedy::is_empty")]
    pub hint: Remedy,
}

impl Sighting {
    /// The whole sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mac = self.mac.map_or_else(String::new, |mac| format!(" ({mac})"));
        format!("DHCP server {}{mac} {}", self.ip, self.why)
    }
}

#[derive(Debug)]
struct Known {
    mac: Option<Mac>,
    gives: bool,
    boots: bool,
    changes: u32,
}

/// What a server was heard to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Its address.
    pub ip: Ipv4Addr,
    /// Its Ethernet address, where it was heard itself.
    pub mac: Option<Mac>,
    /// It gave an address, or offered one.
    pub gives: bool,
    /// It told a Raspberry Pi where to boot from.
    pub boots: bool,
}

/// All servers that were heard.
#[derive(Debug)]
pub struct Servers {
    here: Ipv4Addr,
    mode: Mode,
    known: BTreeMap<Ipv4Addr, Known>,
}

impl Servers {
    /// None was heard yet. `here` is this server's own address.
    #[must_use]
    pub const fn new(here: Ipv4Addr, mode: Mode) -> Self {
        Self { here, mode, known: BTreeMap::new() }
    }

    /// This server has another address.
    pub const fn moved(&mut self, here: Ipv4Addr) {
        self.here = here;
    }

    /// Whether a server was heard.
    #[must_use]
    pub fn knows(&self, ip: Ipv4Addr) -> bool {
        ip == self.here || self.known.contains_key(&ip)
    }

    /// Those that give addresses, this one left out.
    pub fn giving(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.known.iter().filter(|(_, known)| known.gives).map(|(ip, _)| *ip)
    }

    /// Takes what was heard of a server, and says what is new about it.
    pub fn hear(&mut self, heard: Heard) -> Vec<Sighting> {
        let Heard { ip, mac, gives, boots } = heard;
        let is_new = !self.known.contains_key(&ip);
        if ip == self.here || ip.is_unspecified() || (is_new && self.known.len() >= MOST) {
            return Vec::new();
        }
        let others: Vec<String> =
            self.giving().filter(|other| *other != ip).map(|other| other.to_string()).collect();
        let known =
            self.known.entry(ip).or_insert(Known { mac: None, gives: false, boots: false, changes: 0 });
        let moved = known.mac.is_some() && mac.is_some() && known.mac != mac;
        known.mac = mac.or(known.mac);
        let mac = known.mac;
        let mut found = Vec::new();
        let mut see = |role, grade, why: String, hint| {
            found.push(Sighting { ip, mac, role, grade, why, hint });
        };
        if moved {
            known.changes += 1;
            if known.changes <= CHANGES {
                let hint = "two devices may have that address: then each of them is heard at times.";
                see(Role::Moved, Grade::Warning, "is another device than before".to_owned(), hint.into());
            }
        }
        if gives && !std::mem::replace(&mut known.gives, true) {
            match (self.mode, others.is_empty()) {
                (Mode::Dhcp, _) => {
                    let why = "gives addresses on this network too".to_owned();
                    see(Role::Rival, Grade::Warning, why, two_servers());
                }
                (Mode::Proxy, true) => {
                    see(Role::Gives, Grade::Note, "gives the addresses here".to_owned(), Remedy::default());
                }
                (Mode::Proxy, false) => {
                    let why = format!("gives addresses here, beside {}", others.join(" and "));
                    let hint = "boards take the address that comes first. Switch one of the servers off, unless they \
                                share the network on purpose.";
                    see(Role::Second, Grade::Warning, why, hint.into());
                }
            }
        }
        if boots && !std::mem::replace(&mut known.boots, true) {
            let hint =
                "boards boot with whichever answers first: switch one of the two off, or its network boot.";
            let why = "tells boards where to boot from, as this host does".to_owned();
            see(Role::Boots, Grade::Warning, why, hint.into());
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Knob;

    const HERE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    fn heard(last: u8, mac: Option<u8>, gives: bool, boots: bool) -> Heard {
        let mac = mac.map(|last| Mac::new([2, 0, 0, 0, 0, last]));
        Heard { ip: Ipv4Addr::new(10, 0, 0, last), mac, gives, boots }
    }

    fn roles(found: &[Sighting]) -> Vec<Role> {
        found.iter().map(|sighting| sighting.role).collect()
    }

    #[test]
    fn in_proxy_mode_one_server_is_needed_and_a_second_one_is_a_warning() {
        let mut servers = Servers::new(HERE, Mode::Proxy);
        let first = servers.hear(heard(1, Some(1), true, false));
        assert_eq!(roles(&first), [Role::Gives]);
        assert_eq!(first[0].grade, Grade::Note);
        assert_eq!(first[0].sentence(), "DHCP server 10.0.0.1 (02:00:00:00:00:01) gives the addresses here");
        for again in
            [heard(1, Some(1), true, false), heard(1, None, true, false), heard(2, Some(9), true, true)]
        {
            assert_eq!(servers.hear(again), [], "{again:?}");
        }
        let second = servers.hear(heard(3, None, true, false));
        assert_eq!(roles(&second), [Role::Second]);
        assert!(second[0].why.ends_with("beside 10.0.0.1") && second[0].grade == Grade::Warning);
        assert_eq!(servers.giving().count(), 2);
        // It turns out to boot boards as well; its Ethernet address is known now.
        let boots = servers.hear(heard(3, Some(3), false, true));
        assert_eq!((roles(&boots), boots[0].mac.is_some()), (vec![Role::Boots], true));
        assert!(servers.knows(HERE) && !servers.knows(Ipv4Addr::new(10, 0, 0, 9)));
    }

    #[test]
    fn in_mode_dhcp_each_other_one_is_a_rival() {
        let mut servers = Servers::new(HERE, Mode::Dhcp);
        for last in [1, 3] {
            let rival = servers.hear(heard(last, Some(last), true, false));
            assert_eq!(roles(&rival), [Role::Rival]);
            assert!(rival[0].hint.names(Knob::Mode.to("proxy")));
        }
        // A proxy is none, but gets in the way.
        assert_eq!(roles(&servers.hear(heard(4, Some(4), false, true))), [Role::Boots]);
        assert_eq!(servers.giving().count(), 2);
    }

    #[test]
    fn nobody_makes_it_tell_without_end() {
        let mut servers = Servers::new(HERE, Mode::Dhcp);
        let told: usize = (3..=255).map(|last| servers.hear(heard(last, Some(1), true, true)).len()).sum();
        assert_eq!(told, 2 * MOST);
        let moved: usize = (0..200).map(|n| servers.hear(heard(3, Some(n), true, true)).len()).sum();
        assert_eq!(moved, CHANGES as usize);
    }
}
