//! Which address speaks for a board: the one that its job belongs to, and what vouches for that.
//!
//! The paths that a board asks by carry its MAC address, but any host can write it there. So the address that a request
//! comes from has to be the board's: the one that the targets database names, or one of which the kernel's neighbour
//! table says that this MAC address has it. What the table says was heard by ARP, which a host on the same network can
//! forge; only a card's secret keeps such a host out (`proof.rs` beside this file).

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::job::Refused;
use crate::board::Mac;
use crate::error::{Knob, Remedy, remedy};

/// How many addresses that were refused are told; the others are only counted.
const MOST_TOLD: usize = 16;

/// What says that the peer was the board.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// It has proved that it knows the secret on the board's card.
    Secret,
    /// It had the address that the targets database names.
    Database,
    /// The kernel's neighbour table gave its address to the board's MAC address.
    Neighbour,
    /// It was on this machine, and only this machine was served.
    ThisMachine,
    /// Nothing: another server had the files, or an earlier piprov the job.
    #[default]
    Nothing,
}

impl Bound {
    /// Whether the peer was authenticated, and not just had an address.
    #[must_use]
    pub const fn authenticated(self) -> bool {
        matches!(self, Self::Secret)
    }

    /// As it stands after "peer: ".
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Secret => "authenticated by the card's secret",
            Self::Database => "not authenticated; it had the address that the database names",
            Self::Neighbour => "not authenticated; it had an address that ARP gave to this MAC address",
            Self::ThisMachine => "not authenticated; it was on this machine, which alone was served",
            Self::Nothing => "not authenticated",
        }
    }
}

/// Why an address isn't taken for the board's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stranger {
    /// The database names another.
    NotTheDatabases(IpAddr),
    /// The job belongs to another already.
    NotTheFirst(IpAddr),
    /// Its MAC address is another.
    OtherMac(Mac),
    /// It isn't a neighbour, so its MAC address is unknown.
    NoNeighbour,
    /// It has asked for something that isn't for it.
    Asked(Refused),
}

impl Stranger {
    /// Why, as a sentence's end.
    #[must_use]
    pub fn phrase(self) -> String {
        match self {
            Self::NotTheDatabases(ip) => format!("the database says that the board has {ip}"),
            Self::NotTheFirst(ip) => format!("the job belongs to {ip}"),
            Self::OtherMac(mac) => format!("its MAC address is {mac}"),
            Self::NoNeighbour => {
                "it is no neighbour, so its MAC address is unknown; the database's `ip` may name it"
                    .to_owned()
            }
            Self::Asked(Refused::OtherJob(id)) => {
                format!("it asked for the job {id:08x}, which isn't this one")
            }
            Self::Asked(Refused::Unproved) => "it didn't prove that it knows the card's secret".to_owned(),
            Self::Asked(Refused::OriginalCard) => {
                "it asked as a card of the original's kind, and those aren't served".to_owned()
            }
        }
    }

    /// What helps, where something does.
    #[must_use]
    pub fn remedy(self) -> Option<Remedy> {
        match self {
            Self::Asked(Refused::OriginalCard) => Some(remedy![Knob::Card.to("original"), " serves those."]),
            _ => None,
        }
    }
}

/// A refusal that is worth telling: the first of its kind from its address.
pub type Told = Option<(IpAddr, Stranger)>;

/// The address that may speak for one board.
#[derive(Debug, Default)]
pub struct Peer {
    database: Option<IpAddr>,
    /// Only this machine is served.
    local: bool,
    /// The address that the job belongs to, and why.
    pinned: Option<(IpAddr, Bound)>,
    refused: BTreeMap<(IpAddr, Stranger), u64>,
    /// Refusals from addresses beyond those that are told.
    more: u64,
}

impl Peer {
    /// A board whose address the database may name. `local` where the server listens for this machine alone.
    #[must_use]
    pub fn new(database: Option<IpAddr>, local: bool) -> Self {
        Self { database, local, ..Self::default() }
    }

    /// Whether an address is the board's, by what. `neighbour` finds the MAC address of a neighbour, and doesn't wait.
    ///
    /// # Errors
    /// Why it isn't.
    pub fn admit(
        &self,
        ip: IpAddr,
        mac: Mac,
        neighbour: &dyn Fn(IpAddr) -> Option<Mac>,
    ) -> Result<Bound, Stranger> {
        if let Some(database) = self.database.filter(|database| *database != ip) {
            return Err(Stranger::NotTheDatabases(database));
        }
        if let Some((pinned, bound)) = self.pinned {
            return if pinned == ip { Ok(bound) } else { Err(Stranger::NotTheFirst(pinned)) };
        }
        match neighbour(ip) {
            // Also where the database names it: another host may have taken the address of a board that is off.
            Some(other) if other != mac => Err(Stranger::OtherMac(other)),
            _ if self.database.is_some() => Ok(Bound::Database),
            Some(_) => Ok(Bound::Neighbour),
            None if self.local && ip.is_loopback() => Ok(Bound::ThisMachine),
            None => Err(Stranger::NoNeighbour),
        }
    }

    /// The job belongs to this address from now on.
    pub fn pin(&mut self, ip: IpAddr, bound: Bound) {
        self.pinned = Some((ip, bound));
    }

    /// What vouches for the peer that the job belongs to.
    #[must_use]
    pub fn bound(&self) -> Bound {
        self.pinned.map_or(Bound::Nothing, |(_, bound)| bound)
    }

    /// The address that the job belongs to.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.pinned.map(|(ip, _)| ip)
    }

    /// Counts a refusal, and gives what is to be told: each reason once for an address.
    pub fn refuse(&mut self, ip: IpAddr, why: Stranger) -> Told {
        // Of a number that comes with the request there may be any many.
        let seen = |(other, reason): &(IpAddr, Stranger)| {
            let same = matches!(
                (reason, why),
                (Stranger::Asked(Refused::OtherJob(_)), Stranger::Asked(Refused::OtherJob(_)))
            );
            *other == ip && (same || *reason == why)
        };
        if let Some(key) = self.refused.keys().find(|key| seen(key)).copied() {
            *self.refused.entry(key).or_default() += 1;
            return None;
        }
        if self.refused.len() >= MOST_TOLD {
            self.more += 1;
            return None;
        }
        self.refused.insert((ip, why), 1);
        Some((ip, why))
    }

    /// How often which address was refused and why, and how many refusals aren't listed.
    #[must_use]
    pub fn refusals(&self) -> (Vec<(IpAddr, Stranger, u64)>, u64) {
        (self.refused.iter().map(|((ip, why), count)| (*ip, *why, *count)).collect(), self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3]);
    const OTHER: Mac = Mac::new([2, 0, 0, 0, 0, 9]);

    fn ip(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[test]
    fn an_address_is_the_boards_by_what_is_known_of_it() {
        let table = |wanted: IpAddr| match wanted {
            IpAddr::V4(v4) if v4.octets()[3] == 3 => Some(MAC),
            IpAddr::V4(v4) if v4.octets()[3] == 4 => Some(OTHER),
            _ => None,
        };
        let nothing = Peer::new(None, false);
        assert_eq!(nothing.admit(ip(3), MAC, &table), Ok(Bound::Neighbour));
        assert_eq!(nothing.admit(ip(4), MAC, &table), Err(Stranger::OtherMac(OTHER)));
        assert_eq!(nothing.admit(ip(5), MAC, &table), Err(Stranger::NoNeighbour));
        let loopback = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(nothing.admit(loopback, MAC, &table), Err(Stranger::NoNeighbour), "any user could ask");
        assert_eq!(Peer::new(None, true).admit(loopback, MAC, &table), Ok(Bound::ThisMachine));

        let named = |last| Peer::new(Some(ip(last)), true);
        assert_eq!(named(3).admit(ip(3), MAC, &table), Ok(Bound::Database));
        assert_eq!(named(5).admit(ip(5), MAC, &table), Ok(Bound::Database), "behind a router");
        assert_eq!(named(4).admit(ip(4), MAC, &table), Err(Stranger::OtherMac(OTHER)), "taken by another");
        assert_eq!(named(5).admit(ip(3), MAC, &table), Err(Stranger::NotTheDatabases(ip(5))));
        assert_eq!(named(5).admit(loopback, MAC, &table), Err(Stranger::NotTheDatabases(ip(5))));
    }

    #[test]
    fn the_first_keeps_the_job_whatever_arp_says_later() {
        let mut peer = Peer::new(None, false);
        peer.pin(ip(3), Bound::Neighbour);
        assert_eq!(peer.admit(ip(3), MAC, &|_| Some(OTHER)), Ok(Bound::Neighbour));
        assert_eq!(peer.admit(ip(4), MAC, &|_| Some(MAC)), Err(Stranger::NotTheFirst(ip(3))));
    }

    #[test]
    fn a_refusal_is_told_once_and_all_are_counted() {
        let mut peer = Peer::new(None, false);
        assert!(peer.refuse(ip(1), Stranger::NoNeighbour).is_some());
        for id in 0..100 {
            let told = peer.refuse(ip(1), Stranger::Asked(Refused::OtherJob(id)));
            assert_eq!(told.is_some(), id == 0);
            assert!(peer.refuse(ip(1), Stranger::NoNeighbour).is_none());
        }
        let told = (2..=255).filter(|last| peer.refuse(ip(*last), Stranger::NoNeighbour).is_some()).count();
        assert_eq!(told, MOST_TOLD - 2);
        let (listed, more) = peer.refusals();
        assert_eq!((listed[0].2, listed[1].2, more), (101, 100, 254 - told as u64));
    }
}
