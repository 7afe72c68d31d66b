//! Which board has which address, as far as DHCP told.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::board::Mac;

/// Boards that are remembered; the one that was heard longest ago is forgotten for a new one. More than a flood of
/// invented addresses can push out in the seconds that a boot takes would be needless memory.
const MOST: usize = 4096;

/// What is known of one board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its Ethernet address.
    pub mac: Mac,
    /// The low 32 bits of its serial number.
    pub serial: Option<u32>,
    /// The address that it was last given.
    pub ip: Option<Ipv4Addr>,
}

/// All boards that were heard.
#[derive(Debug, Default)]
pub struct Boards(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    by_mac: HashMap<Mac, (Known, u64)>,
    by_ip: HashMap<Ipv4Addr, Mac>,
    by_serial: HashMap<u32, Mac>,
    by_age: BTreeMap<u64, Mac>,
    clock: u64,
}

impl Boards {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was heard of a board; what isn't said stays as it was. An address that another board had is this
    /// one's from now on.
    pub fn learn(&self, mac: Mac, serial: Option<u32>, ip: Option<Ipv4Addr>) {
        let inner = &mut *self.inner();
        inner.clock += 1;
        let (mut known, age) =
            inner.by_mac.remove(&mac).unwrap_or((Known { mac, serial: None, ip: None }, 0));
        inner.by_age.remove(&age);
        if let Some(ip) = ip.filter(|ip| !ip.is_unspecified()) {
            if let Some(old) = known.ip.replace(ip).filter(|old| *old != ip)
                && inner.by_ip.get(&old) == Some(&mac)
            {
                inner.by_ip.remove(&old);
            }
            if let Some(other) = inner.by_ip.insert(ip, mac).filter(|other| *other != mac)
                && let Some((other, _)) = inner.by_mac.get_mut(&other)
            {
                other.ip = None;
            }
        }
        // The first to tell a serial number keeps it: anybody can write another's into a packet.
        let taken =
            serial.is_some_and(|serial| inner.by_serial.get(&serial).is_some_and(|other| *other != mac));
        if let Some(serial) = serial.filter(|_| !taken) {
            if let Some(old) = known.serial.replace(serial).filter(|old| *old != serial)
                && inner.by_serial.get(&old) == Some(&mac)
            {
                inner.by_serial.remove(&old);
            }
            inner.by_serial.insert(serial, mac);
        }
        inner.by_age.insert(inner.clock, mac);
        inner.by_mac.insert(mac, (known, inner.clock));
        if inner.by_mac.len() > MOST {
            inner.forget_oldest();
        }
    }

    /// The board that has an address.
    #[must_use]
    pub fn by_ip(&self, ip: Ipv4Addr) -> Option<Known> {
        let inner = self.inner();
        let mac = inner.by_ip.get(&ip)?;
        inner.by_mac.get(mac).map(|(known, _)| known.clone())
    }

    /// The board with a MAC address.
    #[must_use]
    pub fn by_mac(&self, mac: Mac) -> Option<Known> {
        self.inner().by_mac.get(&mac).map(|(known, _)| known.clone())
    }

    /// The board whose serial number ends in these 32 bits.
    #[must_use]
    pub fn by_serial(&self, serial: u32) -> Option<Known> {
        let inner = self.inner();
        let mac = inner.by_serial.get(&serial)?;
        inner.by_mac.get(mac).map(|(known, _)| known.clone())
    }
}

impl Inner {
    fn forget_oldest(&mut self) {
        let Some((_, mac)) = self.by_age.pop_first() else { return };
        let Some((known, _)) = self.by_mac.remove(&mac) else { return };
        if let Some(ip) = known.ip
            && self.by_ip.get(&ip) == Some(&mac)
        {
            self.by_ip.remove(&ip);
        }
        if let Some(serial) = known.serial
            && self.by_serial.get(&serial) == Some(&mac)
        {
            self.by_serial.remove(&serial);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(n: u32) -> Mac {
        let [a, b, c, d] = n.to_be_bytes();
        Mac::new([0xdc, 0xa6, a, b, c, d])
    }

    #[test]
    fn an_address_has_one_owner() {
        let boards = Boards::default();
        let ip = Ipv4Addr::new(10, 0, 0, 9);
        boards.learn(mac(1), Some(7), Some(ip));
        boards.learn(mac(1), None, None);
        assert_eq!(boards.by_ip(ip), Some(Known { mac: mac(1), serial: Some(7), ip: Some(ip) }));
        assert_eq!(boards.by_serial(7).unwrap().mac, mac(1));
        boards.learn(mac(2), None, Some(ip));
        assert_eq!(boards.by_ip(ip).unwrap().mac, mac(2));
        assert_eq!(boards.by_mac(mac(1)).unwrap().ip, None);
        let other = Ipv4Addr::new(10, 0, 0, 10);
        boards.learn(mac(2), None, Some(other));
        assert_eq!((boards.by_ip(ip), boards.by_ip(other).unwrap().mac), (None, mac(2)));
        boards.learn(mac(2), None, Some(Ipv4Addr::UNSPECIFIED));
        assert_eq!(boards.by_mac(mac(2)).unwrap().ip, Some(other));
    }

    #[test]
    fn a_flood_of_addresses_takes_no_memory_without_bound() {
        let boards = Boards::default();
        for n in 0..MOST as u32 * 2 {
            boards.learn(mac(n), Some(n), Some(Ipv4Addr::from(n + 1)));
            boards.learn(mac(0), None, None);
        }
        let inner = boards.inner();
        let sizes = [inner.by_mac.len(), inner.by_ip.len(), inner.by_serial.len(), inner.by_age.len()];
        assert!(sizes.iter().all(|size| *size <= MOST), "{sizes:?}");
        drop(inner);
        assert!(boards.by_mac(mac(0)).is_some(), "who is heard again and again stays known");
        assert_eq!(boards.by_mac(mac(5)), None);
    }
}
