//! Boards that keep their address for as long as they like.
//!
//! A system with its root over NFS gets its address once, from its kernel or initramfs (`ip=dhcp`), and nobody on it
//! renews that: a program that lets go of the address for a moment loses the root. So such a board is told that its lease
//! doesn't end (RFC 2131 section 3.3: 0xffffffff), and no other board gets its address while it is a client.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};

use crate::board::{Mac, Serial};

/// The seconds of a lease that doesn't end.
pub const FOREVER: u32 = u32::MAX;

/// The boards. They may change while a server answers.
#[derive(Debug, Default)]
pub struct Lasting(RwLock<Boards>);

#[derive(Debug, Default)]
struct Boards {
    macs: HashSet<Mac>,
    /// With the MAC address that told this number: the one that was promised such a lease, else the last. As many as are
    /// given, whatever comes over the network.
    serials: HashMap<Serial, Option<Mac>>,
    /// What was told of numbers that aren't given any more. A client's record may be away for a moment, while it is moved or
    /// put right, and a board that has its address tells its number no more.
    before: HashMap<Serial, Mac>,
    /// Those that were told that their lease doesn't end. Anybody can write their numbers into a packet; their roots hang
    /// on the address all the same.
    promised: HashSet<Mac>,
}

/// So many boards are remembered that aren't clients any more.
const BEFORE: usize = 4096;

impl Lasting {
    /// Only these boards from here on.
    pub fn set(&self, macs: impl IntoIterator<Item = Mac>, serials: impl IntoIterator<Item = Serial>) {
        let mut boards = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let known = std::mem::take(&mut boards.serials);
        boards.macs = macs.into_iter().collect();
        for serial in serials {
            let before = boards.before.remove(&serial);
            let told = known.get(&serial).copied().flatten().or(before);
            boards.serials.insert(serial, told);
        }
        for (serial, told) in known {
            if let Some(mac) = told.filter(|_| !boards.serials.contains_key(&serial)) {
                if boards.before.len() >= BEFORE {
                    boards.before.clear();
                }
                boards.before.insert(serial, mac);
            }
        }
    }

    /// A board has told its number; later stages of its boot don't. A number whose board was promised an address for as
    /// long as it likes stays that board's: whoever tells it too is no client by it.
    pub fn heard(&self, mac: Mac, serial: Option<Serial>) {
        let Some(serial) = serial else { return };
        let is_it = |known: &Serial| known.is_of_same_board(&serial);
        let boards = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = boards.serials.iter().find(|(known, _)| is_it(known));
        if found.is_none_or(|(_, known)| !boards.is_anothers_to_be(*known, mac)) {
            return;
        }
        drop(boards);
        let mut boards = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let found = boards.serials.iter().find(|(known, _)| is_it(known));
        let found = found.map(|(serial, known)| (*serial, *known));
        // Another thread may have been here meanwhile.
        if let Some((serial, _)) = found.filter(|(_, known)| boards.is_anothers_to_be(*known, mac)) {
            boards.serials.insert(serial, Some(mac));
        }
    }

    /// A board was promised an address: for as long as it likes (`lasts`), or for a time.
    pub fn promised(&self, mac: Mac, lasts: bool) {
        let boards = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if boards.promised.contains(&mac) == lasts {
            return;
        }
        drop(boards);
        let promised = &mut self.0.write().unwrap_or_else(PoisonError::into_inner).promised;
        if lasts {
            promised.insert(mac)
        } else {
            promised.remove(&mac)
        };
    }

    /// Whether a board is one of them.
    #[must_use]
    pub fn has(&self, mac: Mac) -> bool {
        let boards = self.0.read().unwrap_or_else(PoisonError::into_inner);
        boards.macs.contains(&mac) || boards.serials.values().any(|known| *known == Some(mac))
    }
}

impl Boards {
    /// Whether a number whose board is known as this one, or as none, is from now on that of another one which tells it.
    fn is_anothers_to_be(&self, known: Option<Mac>, other: Mac) -> bool {
        known.is_none_or(|known| known != other && !self.promised.contains(&known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_with_the_board_that_was_promised_a_lease_by_it() {
        let [one, other] = [1, 2].map(|n| Mac::new([0xdc, 0xa6, 0x32, 0, 0, n]));
        let serial = Serial::of_low(0xa2ef_5644);
        let lasting = Lasting::default();
        lasting.set([], [serial]);
        lasting.heard(one, Some(serial));
        lasting.promised(one, true);
        lasting.heard(other, Some(serial));
        assert!(lasting.has(one) && !lasting.has(other));
        // Its record was away for a moment.
        lasting.set([], []);
        lasting.set([], [serial]);
        lasting.heard(other, Some(serial));
        assert!(lasting.has(one) && !lasting.has(other));
        // The client is another board now, by its own name.
        lasting.set([other], []);
        assert!(lasting.has(other) && !lasting.has(one));
        lasting.set([], [serial]);
        // It gave the address back: whoever tells the number next is the board.
        lasting.promised(one, false);
        assert!(lasting.has(one));
        lasting.heard(other, Some(serial));
        assert!(lasting.has(other) && !lasting.has(one));
    }

    #[test]
    fn a_board_is_known_by_its_number_as_soon_as_it_tells_it() {
        let [one, other] = [1, 2].map(|n| Mac::new([0xdc, 0xa6, 0x32, 0, 0, n]));
        let serial = Serial::of_low(0xa2ef_5644);
        let lasting = Lasting::default();
        lasting.heard(one, Some(serial));
        assert!(!lasting.has(one));
        lasting.set([other], [serial]);
        assert!(!lasting.has(one) && lasting.has(other));
        lasting.heard(one, None);
        lasting.heard(other, Some(Serial::of_low(1)));
        assert!(!lasting.has(one));
        lasting.heard(one, Some(serial));
        assert!(lasting.has(one));
        // What was heard stays while the client does.
        lasting.set([], [serial]);
        assert!(lasting.has(one) && !lasting.has(other));
        // Another network card in the same board: one at a time.
        lasting.heard(other, Some(serial));
        assert!(lasting.has(other) && !lasting.has(one));
        lasting.set([], []);
        assert!(!lasting.has(other));
        // Its record was away for a moment.
        lasting.set([], [serial]);
        assert!(lasting.has(other));
        for n in 0..3 * BEFORE {
            let serial = Serial::of_low(u32::try_from(n).unwrap());
            lasting.set([], [serial]);
            lasting.heard(one, Some(serial));
        }
        assert!(lasting.0.read().unwrap().before.len() <= BEFORE);
    }
}
