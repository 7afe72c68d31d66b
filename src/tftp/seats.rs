//! Which clients have a place at the server, and which one makes room for another. Places are few, and requests can be
//! sent by any host in any other's name; so they are shared out by address, and those that weren't acknowledged go
//! first.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// So long a client has to acknowledge the first answer before another one of an address that has as many may take its
/// place. On a wire it takes a millisecond; but where the server or its clients are busy it takes longer, and clients
/// that take places from each other before they can acknowledge anything never come to an end.
const GRACE: Duration = Duration::from_millis(500);
/// A transfer whose client was silent for so long may lose its place too. U-Boot repeats itself every 5 s.
const QUIET: Duration = Duration::from_secs(10);

/// An address with so many places makes room for an address without a place, also with a transfer that runs: packets
/// that keep a place cost next to nothing. Boards behind one address start again.
const MUCH: usize = 16;

/// How many places each address has.
#[derive(Debug, Default)]
pub(super) struct Seats {
    taken: HashMap<IpAddr, usize>,
    all: usize,
}

/// One place, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seat<T> {
    pub(super) what: T,
    pub(super) ip: IpAddr,
    /// The client has acknowledged something and isn't done.
    pub(super) begun: bool,
    /// When it was heard last.
    pub(super) heard: Instant,
}

/// What a request may have.
#[derive(Debug, PartialEq)]
pub(super) enum Room<T> {
    Free,
    /// As soon as this one is gone.
    InPlaceOf(T),
    None,
}

impl Seats {
    pub(super) fn take(&mut self, ip: IpAddr) {
        *self.taken.entry(ip).or_default() += 1;
        self.all += 1;
    }

    pub(super) fn leave(&mut self, ip: IpAddr) {
        if let Some(count) = self.taken.get_mut(&ip) {
            *count -= 1;
            self.all -= 1;
            if *count == 0 {
                self.taken.remove(&ip);
            }
        }
    }

    pub(super) fn of(&self, ip: IpAddr) -> usize {
        self.taken.get(&ip).copied().unwrap_or(0)
    }

    /// Whether there is room for one more of an address: it has fewer than `each`, and all together fewer than `most`.
    /// An address at its limit can only take a place of its own.
    pub(super) fn room<T>(
        &self,
        ip: IpAddr,
        each: usize,
        most: usize,
        seats: impl Iterator<Item = Seat<T>>,
        now: Instant,
    ) -> Room<T> {
        let full = self.of(ip) >= each;
        if !full && self.all < most {
            return Room::Free;
        }
        self.who_goes(ip, seats.filter(|seat| !full || seat.ip == ip), now)
            .map_or(Room::None, Room::InPlaceOf)
    }

    /// Which transfer makes room for an address: of those that wait for their client one of the address that has most,
    /// and of these the one that waits longest. An address with few places takes from one with many at once; among
    /// equals only what has waited for a while goes, so that a burst of boards doesn't throw itself out.
    pub(super) fn who_goes<T>(
        &self,
        ip: IpAddr,
        seats: impl Iterator<Item = Seat<T>>,
        now: Instant,
    ) -> Option<T> {
        let mine = self.of(ip);
        let waits = |seat: &Seat<T>| now.saturating_duration_since(seat.heard);
        let may_go = |seat: &Seat<T>| match seat.begun {
            true => waits(seat) >= QUIET || (mine == 0 && self.of(seat.ip) >= MUCH),
            false => waits(seat) >= GRACE || self.of(seat.ip) > mine + 1,
        };
        let goes = seats.filter(may_go).max_by_key(|seat| (self.of(seat.ip), !seat.begun, waits(seat)));
        goes.map(|seat| seat.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn ip(n: u32) -> IpAddr {
        Ipv4Addr::from(n).into()
    }

    struct Hall {
        seats: Seats,
        list: Vec<Seat<usize>>,
        start: Instant,
    }

    impl Hall {
        /// Places of these addresses, one a millisecond, and whether their client has begun.
        fn new(of: impl IntoIterator<Item = (u32, bool)>) -> Self {
            let mut hall = Self { seats: Seats::default(), list: Vec::new(), start: Instant::now() };
            for (what, (address, begun)) in of.into_iter().enumerate() {
                let heard = hall.start + Duration::from_millis(what as u64);
                hall.list.push(Seat { what, ip: ip(address), begun, heard });
                hall.seats.take(ip(address));
            }
            hall
        }

        fn room(&self, address: u32, after: Duration) -> Room<usize> {
            self.seats.room(ip(address), 4, 8, self.list.iter().copied(), self.start + after)
        }
    }

    #[test]
    fn an_address_at_its_limit_takes_only_from_itself() {
        let hall = Hall::new([(2, false), (1, false), (1, false), (1, false), (1, true)]);
        assert_eq!(hall.room(1, Duration::from_millis(10)), Room::None, "its others are too young");
        assert_eq!(hall.room(1, Duration::from_millis(510)), Room::InPlaceOf(1));
        assert_eq!(hall.room(2, Duration::ZERO), Room::Free);
        let begun = Hall::new([(2, false), (1, true), (1, true), (1, true), (1, true)]);
        assert_eq!(begun.room(1, Duration::from_secs(9)), Room::None);
    }

    #[test]
    fn who_has_much_makes_room_at_once() {
        let hall = Hall::new([
            (3, false),
            (2, false),
            (2, false),
            (2, false),
            (2, true),
            (3, false),
            (4, true),
            (5, true),
        ]);
        assert_eq!(hall.room(1, Duration::from_millis(20)), Room::InPlaceOf(1));
        // It would have no more than the others then.
        let equal = Hall::new((2..10).map(|address| (address, false)));
        assert_eq!(equal.room(1, Duration::from_millis(10)), Room::None);
        assert_eq!(equal.room(1, Duration::from_millis(510)), Room::InPlaceOf(0));
    }

    #[test]
    fn a_transfer_that_runs_keeps_its_place() {
        let hall = Hall::new((0..8).map(|n| (n / 3, true)));
        assert_eq!(hall.room(9, Duration::from_secs(9)), Room::None);
        // A client that is silent for so long has gone, or only wants to keep others out.
        assert_eq!(hall.room(9, Duration::from_secs(11)), Room::InPlaceOf(0));
    }

    #[test]
    fn who_has_nothing_takes_from_who_has_much_whatever_runs() {
        let hall = Hall::new((0..64).map(|n| (n / 32, true)));
        let room = |address: u32| {
            hall.seats.room(
                ip(address),
                64,
                64,
                hall.list.iter().copied(),
                hall.start + Duration::from_secs(1),
            )
        };
        assert_eq!(room(9), Room::InPlaceOf(0), "the one that was silent longest");
        assert_eq!(room(1), Room::None, "an address that has some waits");
    }

    #[test]
    fn places_are_counted() {
        let mut seats = Seats::default();
        seats.leave(ip(1));
        seats.take(ip(1));
        seats.take(ip(1));
        seats.leave(ip(1));
        assert_eq!((seats.of(ip(1)), seats.all), (1, 1));
        seats.leave(ip(1));
        assert_eq!((seats.of(ip(1)), seats.all, seats.taken.len()), (0, 0, 0));
    }
}
