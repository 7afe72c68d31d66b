//! The network interfaces of this host and their IPv4 addresses: what there is now, and what changes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd};

use super::Error;
use super::kernel::Kernel;
use super::netlink::{self, Assigned, Link, Said};
use crate::board::Mac;

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its number in this network namespace. Another interface may get the number of one that is gone.
    pub index: u32,
    /// Its Ethernet address; `None` for loopback, tunnels and the like.
    pub mac: Option<Mac>,
    /// It is switched on.
    pub is_up: bool,
    /// There is somebody at the other end of the cable; for a bridge, at one of its ports.
    pub has_carrier: bool,
    /// How often that has changed: tells a cable that was out for a moment.
    pub carrier_changes: u32,
    /// Its IPv4 addresses with the lengths of their prefixes, in the kernel's order: the first is the primary one.
    pub addresses: Vec<(Ipv4Addr, u8)>,
}

impl Interface {
    /// Its addresses as `ip addr` writes them.
    #[must_use]
    pub fn show_addresses(&self) -> String {
        let all: Vec<String> =
            self.addresses.iter().map(|(address, prefix)| format!("{address}/{prefix}")).collect();
        if all.is_empty() { "no IPv4 address".to_owned() } else { all.join(", ") }
    }

    /// Boards can be behind it.
    ///
    /// # Errors
    /// Where it is no Ethernet, or switched off.
    pub fn usable(&self) -> Result<(), Error> {
        if self.mac.is_none() {
            return Err(Error::NotEthernet { interface: self.name.clone() });
        }
        if !self.is_up {
            return Err(Error::Down { interface: self.name.clone() });
        }
        Ok(())
    }
}

/// Finds an interface that boards can be behind.
///
/// # Errors
/// Where no interface has that name (the hint names those that there are), it is no Ethernet, or it is down.
pub fn find(name: &str) -> Result<Interface, Error> {
    let all = list().map_err(Error::List)?;
    let Some(found) = all.iter().find(|interface| interface.name == name) else {
        return Err(no_such(name, &all));
    };
    found.usable()?;
    Ok(found.clone())
}

/// That there is no such interface, and which there are.
pub(super) fn no_such(name: &str, all: &[Interface]) -> Error {
    let usable = all.iter().filter(|interface| interface.mac.is_some());
    let have: Vec<String> =
        usable.map(|interface| format!("{} ({})", interface.name, interface.show_addresses())).collect();
    Error::NoInterface { name: name.to_owned(), have: have.join(", ") }
}

/// All interfaces of this thread's network namespace, in the order of their numbers.
///
/// # Errors
/// Where the kernel doesn't tell.
pub fn list() -> io::Result<Vec<Interface>> {
    Ok(Table::of(&mut Kernel::open(0)?)?.all())
}

/// The addresses that stay until somebody takes them away, with the numbers of their interfaces: those that no server has
/// given for a time.
///
/// # Errors
/// Where the kernel doesn't tell.
pub fn fixed() -> io::Result<BTreeSet<(u32, Ipv4Addr)>> {
    let said = Kernel::open(0)?.list(&netlink::list_addresses())?;
    let fixed = said.into_iter().filter_map(|said| match said {
        Said::Address(one) if one.is_permanent => Some((one.index, one.address)),
        _ => None,
    });
    Ok(fixed.collect())
}

/// What there is, kept up to date by what the kernel tells.
#[derive(Debug)]
pub struct Follow {
    kernel: Kernel,
    /// For listings, in the same namespace.
    lists: Kernel,
    table: Table,
}

impl Follow {
    /// Lists the interfaces of this thread's network namespace, and listens to changes from then on.
    ///
    /// # Errors
    /// Where the kernel doesn't tell.
    pub fn new() -> io::Result<Self> {
        // Listens before it lists, so nothing is missed between; what is told twice changes nothing.
        let (kernel, mut lists) = (Kernel::open(netlink::GROUPS)?, Kernel::open(0)?);
        let table = Table::of(&mut lists)?;
        Ok(Self { kernel, lists, table })
    }

    /// The interfaces as they are known now, in the order of their numbers.
    #[must_use]
    pub fn all(&self) -> Vec<Interface> {
        self.table.all()
    }

    /// That there is no interface of a name, with those that there are.
    #[must_use]
    pub fn no_such(&self, name: &str) -> Error {
        no_such(name, &self.all())
    }

    /// Takes what the kernel has told since the last call, without waiting. Says whether anything is different. Where
    /// the kernel had more to tell than it could keep, all is listed anew.
    ///
    /// # Errors
    /// When the kernel doesn't tell any more.
    pub fn take(&mut self) -> io::Result<bool> {
        let mut is_different = false;
        let mut was_lost = false;
        while let Some(pieces) = self.kernel.take()? {
            for said in &pieces {
                was_lost |= *said == Said::Again;
                is_different |= self.table.apply(said);
            }
        }
        if was_lost {
            let table = Table::of(&mut self.lists)?;
            is_different |= table != self.table;
            self.table = table;
        }
        Ok(is_different)
    }
}

impl AsFd for Follow {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.kernel.as_fd()
    }
}

/// Interfaces by their numbers, and their addresses; those that are not the first of their network come later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Table {
    links: BTreeMap<u32, Link>,
    addresses: BTreeMap<u32, Vec<Assigned>>,
}

impl Table {
    fn of(kernel: &mut Kernel) -> io::Result<Self> {
        let mut table = Self::default();
        for request in [netlink::list_links(), netlink::list_addresses()] {
            for said in kernel.list(&request)? {
                table.apply(&said);
            }
        }
        Ok(table)
    }

    /// Takes what the kernel said. Says whether anything is different.
    fn apply(&mut self, said: &Said) -> bool {
        match said {
            Said::Link(link) => self.links.insert(link.index, link.clone()).as_ref() != Some(link),
            Said::LinkGone(index) => {
                self.addresses.remove(index);
                self.links.remove(index).is_some()
            }
            Said::Address(new) => {
                let all = self.addresses.entry(new.index).or_default();
                if all.contains(new) {
                    return false;
                }
                // One that changes from secondary to primary is told again.
                all.retain(|old| !same(old, new));
                let at = all.iter().position(|old| old.is_secondary && !new.is_secondary);
                all.insert(at.unwrap_or(all.len()), *new);
                true
            }
            Said::AddressGone(gone) => {
                let Some(all) = self.addresses.get_mut(&gone.index) else { return false };
                let before = all.len();
                all.retain(|old| !same(old, gone));
                let is_different = all.len() != before;
                if all.is_empty() {
                    self.addresses.remove(&gone.index);
                }
                is_different
            }
            Said::Done | Said::Refused(_) | Said::Again => false,
        }
    }

    fn all(&self) -> Vec<Interface> {
        let addresses = |index: &u32| {
            let all = self.addresses.get(index).into_iter().flatten();
            all.map(|one| (one.address, one.prefix)).collect()
        };
        let interface = |(index, link): (&u32, &Link)| Interface {
            name: link.name.clone(),
            index: *index,
            mac: link.mac,
            is_up: link.is_up,
            has_carrier: link.has_carrier,
            carrier_changes: link.carrier_changes,
            addresses: addresses(index),
        };
        self.links.iter().map(interface).collect()
    }
}

fn same(one: &Assigned, other: &Assigned) -> bool {
    (one.address, one.prefix) == (other.address, other.prefix)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::error::Explain;

    fn link(index: u32, name: &str) -> Said {
        let mac = Some(Mac::new([2, 0, 0, 0, 0, index as u8]));
        let name = name.to_owned();
        Said::Link(Link { index, name, mac, is_up: true, has_carrier: true, carrier_changes: 0 })
    }

    fn assigned(index: u32, last: u8, is_secondary: bool) -> Assigned {
        Assigned { index, address: [10, 0, 0, last].into(), prefix: 24, is_secondary, is_permanent: true }
    }

    fn lasts(table: &Table, index: u32) -> Vec<u8> {
        let all = table.all();
        let found = all.iter().find(|interface| interface.index == index).unwrap();
        found.addresses.iter().map(|(address, _)| address.octets()[3]).collect()
    }

    #[test]
    fn loopback_is_there_and_carries_no_boards() {
        let all = list().unwrap();
        let lo = all.iter().find(|interface| interface.name == "lo").expect("every Linux has lo");
        assert_eq!((lo.index, lo.mac), (1, None));
        if lo.is_up {
            assert_eq!(lo.addresses[0], (Ipv4Addr::LOCALHOST, 8));
        }
        assert!(matches!(find("lo"), Err(Error::NotEthernet { .. })));
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_ones() {
        let error = find("no-such-0").unwrap_err();
        assert_eq!(error.to_string(), "there is no network interface `no-such-0`");
        let hint = error.hint().unwrap();
        for interface in list().unwrap().iter().filter(|interface| interface.mac.is_some()) {
            assert!(hint.says(&interface.name), "{hint:?}");
        }
    }

    #[test]
    fn nothing_has_changed_right_after_it_was_listed() {
        let mut follow = Follow::new().unwrap();
        assert_eq!(follow.all(), list().unwrap());
        let _ = follow.take().unwrap();
    }

    #[test]
    fn a_name_goes_to_another_number_and_a_number_gets_another_name() {
        let mut table = Table::default();
        assert!(table.apply(&link(3, "eth0")) && !table.apply(&link(3, "eth0")));
        assert!(table.apply(&Said::Address(assigned(3, 1, false))));
        // Renamed: the same interface with its addresses.
        assert!(table.apply(&link(3, "lan0")));
        assert_eq!((table.all()[0].name.as_str(), lasts(&table, 3)), ("lan0", vec![1]));
        // Removed and made anew: the addresses are gone with the first one.
        assert!(table.apply(&Said::LinkGone(3)) && !table.apply(&Said::LinkGone(3)));
        assert!(table.apply(&link(4, "lan0")));
        assert_eq!((table.all().len(), lasts(&table, 4)), (1, vec![]));
    }

    #[test]
    fn the_first_address_of_a_network_comes_before_the_others() {
        let mut table = Table::default();
        table.apply(&link(3, "eth0"));
        for (last, is_secondary) in [(1, false), (2, true), (3, true)] {
            assert!(table.apply(&Said::Address(assigned(3, last, is_secondary))));
        }
        // The kernel puts a primary one before all secondary ones.
        assert!(table.apply(&Said::Address(assigned(3, 9, false))));
        assert_eq!(lasts(&table, 3), [1, 9, 2, 3]);
        // The first one goes, and the second one is promoted.
        assert!(table.apply(&Said::AddressGone(assigned(3, 1, false))));
        assert!(table.apply(&Said::Address(assigned(3, 2, false))));
        assert_eq!(lasts(&table, 3), [9, 2, 3]);
        assert!(!table.apply(&Said::AddressGone(assigned(8, 1, false))));
    }

    proptest::proptest! {
        /// Whatever order things are told in, and however often: the last word on each interface and address counts.
        #[test]
        fn the_last_word_counts(words in proptest::collection::vec((0u32..3, 0u8..4, 0u8..4), 0..60)) {
            let mut table = Table::default();
            let mut links = BTreeMap::new();
            let mut addresses = std::collections::BTreeSet::new();
            for (index, last, what) in words {
                let said = match what {
                    0 => { links.insert(index, last); link(index, &format!("eth{last}")) }
                    1 => {
                        links.remove(&index);
                        addresses.retain(|(of, _)| *of != index);
                        Said::LinkGone(index)
                    }
                    2 => { addresses.insert((index, last)); Said::Address(assigned(index, last, false)) }
                    _ => { addresses.remove(&(index, last)); Said::AddressGone(assigned(index, last, false)) }
                };
                table.apply(&said);
                table.apply(&said);
            }
            let all = table.all();
            proptest::prop_assert_eq!(all.len(), links.len());
            for interface in all {
                proptest::prop_assert_eq!(&interface.name, &format!("eth{}", links[&interface.index]));
                let mut has: Vec<u8> = interface.addresses.iter().map(|(one, _)| one.octets()[3]).collect();
                has.sort_unstable();
                let want: Vec<u8> =
                    addresses.iter().filter(|(of, _)| *of == interface.index).map(|(_, last)| *last).collect();
                proptest::prop_assert_eq!(has, want);
            }
        }
    }
}
