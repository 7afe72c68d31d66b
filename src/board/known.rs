//! What is known of boards, by each of their names.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Mac, Serial, Who};

/// Boards that are remembered. More than a flood of invented boards can push out in the seconds that a boot takes would
/// be needless memory.
const MOST: usize = 4096;

/// What was heard of boards, shared by the threads that hear it. It keeps 4096 boards; the one that was heard longest ago
/// is forgotten for a new one.
///
/// A board is known by its MAC address, or by its serial number alone until its MAC address is heard. An address alone
/// is no board.
#[derive(Debug, Default)]
pub struct Known(Mutex<Inner>);

/// Each board stands under the time when it was last heard.
#[derive(Debug, Default)]
struct Inner {
    boards: BTreeMap<u64, Who>,
    by_mac: HashMap<Mac, u64>,
    by_serial: HashMap<String, u64>,
    by_address: HashMap<IpAddr, u64>,
    clock: u64,
}

impl Known {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was heard of a board; what isn't said stays as it was.
    ///
    /// An address that another board had is this one's from now on. The first board to tell a serial number keeps it:
    /// anybody can write another's into a packet.
    pub fn learn(&self, heard: &Who) {
        let inner = &mut *self.inner();
        let mut heard = heard.clone();
        heard.address = heard.address.map(|ip| ip.to_canonical()).filter(|ip| !ip.is_unspecified());
        let of_mac = heard.mac.and_then(|mac| inner.by_mac.get(&mac).copied());
        let of_serial = heard.serial.and_then(|serial| inner.by_serial.get(&serial.directory()).copied());
        let of_serial = of_serial.filter(|at| inner.boards.get(at).is_some_and(|board| board.may_be(&heard)));
        let mut board = Who::default();
        for at in [of_serial, of_mac].into_iter().flatten() {
            if let Some(known) = inner.take(at) {
                board.learn(&known);
            }
        }
        heard.serial = heard.serial.filter(|serial| !inner.by_serial.contains_key(&serial.directory()));
        board.learn(&heard);
        if board.mac.is_none() && board.serial.is_none() {
            return;
        }
        if let Some(address) = heard.address
            && let Some(other) = inner.by_address.remove(&address)
            && let Some(other) = inner.boards.get_mut(&other)
        {
            other.address = None;
        }
        inner.put(board);
        if inner.boards.len() > MOST
            && let Some(oldest) = inner.boards.keys().next().copied()
        {
            inner.take(oldest);
        }
    }

    /// The board with a MAC address.
    #[must_use]
    pub fn by_mac(&self, mac: Mac) -> Option<Who> {
        let inner = self.inner();
        inner.boards.get(inner.by_mac.get(&mac)?).cloned()
    }

    /// The board with a serial number, in 8 or 16 digits ([`Serial::is_of_same_board`]).
    #[must_use]
    pub fn by_serial(&self, serial: &Serial) -> Option<Who> {
        let inner = self.inner();
        let board = inner.boards.get(inner.by_serial.get(&serial.directory())?)?;
        board.serial.is_some_and(|known| known.is_of_same_board(serial)).then(|| board.clone())
    }

    /// The board that has an address.
    #[must_use]
    pub fn by_address(&self, address: IpAddr) -> Option<Who> {
        let inner = self.inner();
        inner.boards.get(inner.by_address.get(&address.to_canonical())?).cloned()
    }
}

impl Inner {
    /// Takes a board out, with all its names.
    fn take(&mut self, at: u64) -> Option<Who> {
        let board = self.boards.remove(&at)?;
        if let Some(mac) = board.mac {
            self.by_mac.remove(&mac);
        }
        if let Some(serial) = board.serial {
            self.by_serial.remove(&serial.directory());
        }
        if let Some(address) = board.address {
            self.by_address.remove(&address);
        }
        Some(board)
    }

    /// Puts a board in as the one that was heard last. It has a name, and its names are no other board's.
    fn put(&mut self, board: Who) {
        self.clock += 1;
        if let Some(mac) = board.mac {
            self.by_mac.insert(mac, self.clock);
        }
        if let Some(serial) = board.serial {
            self.by_serial.insert(serial.directory(), self.clock);
        }
        if let Some(address) = board.address {
            self.by_address.insert(address, self.clock);
        }
        self.boards.insert(self.clock, board);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn mac(n: u32) -> Mac {
        let [a, b, c, d] = n.to_be_bytes();
        Mac::new([0xdc, 0xa6, a, b, c, d])
    }

    fn ip(n: u32) -> IpAddr {
        Ipv4Addr::from(0x0a00_0000 + n).into()
    }

    fn who(mac: Option<Mac>, serial: Option<&str>, address: Option<IpAddr>) -> Who {
        let serial = serial.map(|serial| serial.parse().unwrap());
        Who { mac, serial, address, ..Who::default() }
    }

    #[test]
    fn an_address_has_one_owner() {
        let boards = Known::default();
        let one = who(Some(mac(1)), Some("00000007"), Some(ip(9)));
        boards.learn(&one);
        boards.learn(&Who::with_mac(mac(1)));
        assert_eq!(boards.by_address(ip(9)), Some(one.clone()));
        assert_eq!(boards.by_serial(&Serial::of_low(7)), Some(one));
        boards.learn(&who(Some(mac(2)), None, Some(ip(9))));
        assert_eq!(boards.by_address(ip(9)).unwrap().mac, Some(mac(2)));
        assert_eq!(boards.by_mac(mac(1)).unwrap().address, None);
        boards.learn(&who(Some(mac(2)), None, Some(ip(10))));
        assert_eq!((boards.by_address(ip(9)), boards.by_address(ip(10)).unwrap().mac), (None, Some(mac(2))));
        boards.learn(&who(Some(mac(2)), None, Some(Ipv4Addr::UNSPECIFIED.into())));
        assert_eq!(boards.by_mac(mac(2)).unwrap().address, Some(ip(10)));
    }

    #[test]
    fn what_is_no_board_takes_no_address_away() {
        let boards = Known::default();
        let one = who(Some(mac(1)), Some("10000000af04b2da"), Some(ip(9)));
        boards.learn(&one);
        // No name at all, and a serial number whose low half is another's.
        for serial in [None, Some("20000000af04b2da")] {
            boards.learn(&who(None, serial, Some(ip(9))));
            assert_eq!(boards.by_address(ip(9)), Some(one.clone()), "{serial:?}");
            assert_eq!(boards.by_mac(mac(1)), Some(one.clone()), "{serial:?}");
        }
    }

    #[test]
    fn a_serial_number_stays_with_the_first_that_told_it() {
        let boards = Known::default();
        boards.learn(&who(Some(mac(1)), Some("af04b2da"), None));
        for claim in ["af04b2da", "10000000AF04B2DA"] {
            boards.learn(&who(Some(mac(2)), Some(claim), Some(ip(2))));
            assert_eq!(boards.by_serial(&claim.parse().unwrap()).unwrap().mac, Some(mac(1)), "{claim}");
            assert_eq!(boards.by_mac(mac(2)), Some(who(Some(mac(2)), None, Some(ip(2)))), "{claim}");
        }
        // Its owner may tell another; then the first is free.
        boards.learn(&who(Some(mac(1)), Some("00000008"), None));
        boards.learn(&who(Some(mac(2)), Some("af04b2da"), None));
        let owners =
            ["af04b2da", "00000008"].map(|serial| boards.by_serial(&serial.parse().unwrap()).unwrap().mac);
        assert_eq!(owners, [Some(mac(2)), Some(mac(1))]);
    }

    #[test]
    fn what_was_heard_on_two_ways_becomes_one_board() {
        let boards = Known::default();
        let usb = Who { port: Some("1-1.2".parse().unwrap()), ..who(None, Some("10000000af04b2da"), None) };
        boards.learn(&usb);
        boards.learn(&who(Some(mac(1)), None, Some(ip(1))));
        assert_eq!(boards.by_serial(&"af04b2da".parse().unwrap()), Some(usb.clone()));
        boards.learn(&who(Some(mac(1)), Some("af04b2da"), None));
        let both = Who { mac: Some(mac(1)), address: Some(ip(1)), ..usb };
        assert_eq!(boards.by_serial(&"af04b2da".parse().unwrap()), Some(both.clone()));
        assert_eq!((boards.by_mac(mac(1)), boards.by_address(ip(1))), (Some(both.clone()), Some(both)));
        assert_eq!(boards.by_serial(&"20000000af04b2da".parse().unwrap()), None);
        assert_eq!(boards.inner().boards.len(), 1);
        boards.learn(&who(None, None, Some(ip(3))));
        assert_eq!(boards.by_address(ip(3)), None, "an address is no board");
    }

    #[test]
    fn a_flood_of_boards_takes_no_memory_without_bound() {
        let boards = Known::default();
        for n in 0..MOST as u32 * 2 {
            boards
                .learn(&Who { serial: Some(Serial::of_low(n)), ..who(Some(mac(n)), None, Some(ip(n + 1))) });
            boards.learn(&Who::with_mac(mac(0)));
        }
        let inner = boards.inner();
        let sizes = [inner.boards.len(), inner.by_mac.len(), inner.by_serial.len(), inner.by_address.len()];
        assert_eq!(sizes, [MOST; 4]);
        drop(inner);
        assert!(boards.by_mac(mac(0)).is_some(), "what is heard again and again stays known");
        assert_eq!(boards.by_mac(mac(5)), None);
    }
}
