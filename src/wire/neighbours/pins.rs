//! Which entries this program has made, until when, and the note of them. No socket, no file, no clock.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::Instant;

use crate::board::Mac;
use crate::wire::interfaces::Interface;

/// Entries at once: more boards than a floor has that are in their ROM.
const MOST: usize = 1024;

/// An interface, by number and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) index: u32,
    pub(super) name: String,
}

impl Place {
    pub(super) fn of(interface: &Interface) -> Self {
        Self { index: interface.index, name: interface.name.clone() }
    }
}

/// An entry in the kernel's table: the number of its interface, and the address.
pub(super) type Key = (u32, Ipv4Addr);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    Pin {
        place: Place,
        ip: Ipv4Addr,
        mac: Mac,
        until: Instant,
    },
    Unpin(Mac),
    /// The interface with that number has that name.
    Named(Place),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pin {
    name: String,
    mac: Mac,
    until: Instant,
}

/// The entries that were made.
#[derive(Debug, Default)]
pub(super) struct Pins {
    entries: BTreeMap<Key, Pin>,
}

/// What follows from orders, in this order: entries go, the note is written, entries are made.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) gone: Vec<Key>,
    pub(super) made: Vec<(Key, Mac)>,
}

impl Pins {
    /// Takes orders, and what is over at `now`. `is_others` says that another program has made such an entry stay.
    pub(super) fn take(
        &mut self,
        orders: VecDeque<Order>,
        is_others: &dyn Fn(&Key, &str) -> bool,
        now: Instant,
    ) -> Work {
        let mut work = Work::default();
        for order in orders {
            match order {
                Order::Pin { place, ip, mac, until } => {
                    let key = (place.index, ip);
                    if let Some(pin) = self.entries.get_mut(&key).filter(|pin| pin.mac == mac) {
                        pin.until = pin.until.max(until);
                    } else if self.entries.contains_key(&key)
                        || (self.entries.len() < MOST && !is_others(&key, &place.name))
                    {
                        self.entries.insert(key, Pin { name: place.name, mac, until });
                        work.gone.retain(|gone| *gone != key);
                        work.made.retain(|(made, _)| *made != key);
                        work.made.push((key, mac));
                    }
                }
                Order::Unpin(mac) => self.end(&mut work, |pin| pin.mac == mac),
                Order::Named(place) => {
                    for (key, pin) in &mut self.entries {
                        if key.0 == place.index && pin.name != place.name {
                            pin.name.clone_from(&place.name);
                            // The same entry again, so that the note is written with the new name.
                            work.made.push((*key, pin.mac));
                        }
                    }
                }
            }
        }
        self.end(&mut work, |pin| pin.until <= now);
        work
    }

    fn end(&mut self, work: &mut Work, is_over: impl Fn(&Pin) -> bool) {
        let over: Vec<Key> =
            self.entries.iter().filter(|(_, pin)| is_over(pin)).map(|(key, _)| *key).collect();
        for key in over {
            self.entries.remove(&key);
            work.made.retain(|(made, _)| *made != key);
            work.gone.push(key);
        }
    }

    /// It could not be made.
    pub(super) fn forget(&mut self, key: Key) {
        self.entries.remove(&key);
    }

    /// All entries, which are no longer known then.
    pub(super) fn take_all(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.entries).into_keys().collect()
    }

    /// When the next one is over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.entries.values().map(|pin| pin.until).min()
    }

    /// The note: a line for each entry with address, MAC address, and the interface's number and name.
    pub(super) fn note(&self) -> String {
        self.entries.iter().fold(String::new(), |mut text, ((index, ip), pin)| {
            // Writing to a string doesn't fail.
            let _ = writeln!(text, "{ip} {} {index} {}", pin.mac, pin.name);
            text
        })
    }
}

/// The process that wrote a note, as its first line says: its number, and when it was started.
pub(super) fn read_owner(text: &str) -> Option<(u32, u64)> {
    let mut columns = text.lines().next()?.strip_prefix("process ")?.split(' ');
    Some((columns.next()?.parse().ok()?, columns.next()?.parse().ok()?))
}

/// Reads a note; lines that make no sense are left out.
pub(super) fn read_note(text: &str) -> impl Iterator<Item = (Place, Ipv4Addr, Mac)> {
    text.lines().take(MOST).filter_map(|line| {
        let mut columns = line.splitn(4, ' ');
        let (ip, mac) = (columns.next()?.parse().ok()?, columns.next()?.parse().ok()?);
        let place = Place { index: columns.next()?.parse().ok()?, name: columns.next()?.to_owned() };
        Some((place, ip, mac))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn place(index: u32, name: &str) -> Place {
        Place { index, name: name.to_owned() }
    }

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, last)
    }

    fn mac(last: u8) -> Mac {
        Mac::new([0xb8, 0x27, 0xeb, 0, 0, last])
    }

    fn pin(last: u8, of: u8, until: Instant) -> Order {
        Order::Pin { place: place(3, "eth0"), ip: ip(last), mac: mac(of), until }
    }

    fn take(pins: &mut Pins, orders: impl IntoIterator<Item = Order>, now: Instant) -> Work {
        pins.take(orders.into_iter().collect(), &|_, _| false, now)
    }

    #[test]
    fn an_entry_is_made_once_and_stays_for_the_longest_time() {
        let (mut pins, now) = (Pins::default(), Instant::now());
        let later = |seconds| now + Duration::from_secs(seconds);
        let work = take(&mut pins, [pin(9, 1, later(120)), pin(9, 1, later(60))], now);
        assert_eq!((work.made, work.gone), (vec![((3, ip(9)), mac(1))], vec![]));
        assert_eq!((take(&mut pins, [], later(119)), pins.deadline()), (Work::default(), Some(later(120))));
        assert_eq!(take(&mut pins, [], later(120)).gone, [(3, ip(9))]);
        assert_eq!((pins.note().as_str(), pins.deadline()), ("", None));
        // Another board has the address: the entry becomes its own.
        take(&mut pins, [pin(9, 1, later(300))], now);
        assert_eq!(take(&mut pins, [pin(9, 2, later(300))], now).made, [((3, ip(9)), mac(2))]);
        assert_eq!(take(&mut pins, [Order::Unpin(mac(1))], now), Work::default());
        assert_eq!(take(&mut pins, [Order::Unpin(mac(2))], now).gone, [(3, ip(9))]);
        // What comes and goes at once is removed and not made.
        let work = take(&mut pins, [pin(9, 1, later(9)), Order::Unpin(mac(1))], now);
        assert_eq!((work.made, work.gone), (vec![], vec![(3, ip(9))]));
    }

    #[test]
    fn anothers_entry_is_left_alone() {
        let (mut pins, now) = (Pins::default(), Instant::now());
        let until = now + Duration::from_secs(9);
        let orders = |order| VecDeque::from([order]);
        assert_eq!(pins.take(orders(pin(9, 1, until)), &|_, _| true, now), Work::default());
        assert_eq!(pins.take(orders(Order::Unpin(mac(1))), &|_, _| true, now), Work::default());
        // One that is ours is permanent in the kernel's table as well.
        take(&mut pins, [pin(9, 1, until)], now);
        assert_eq!(pins.take(orders(pin(9, 2, until)), &|_, _| true, now).made.len(), 1);
    }

    #[test]
    fn the_note_is_read_as_it_was_written() {
        let (mut pins, now) = (Pins::default(), Instant::now());
        take(&mut pins, [pin(9, 1, now + Duration::from_secs(9))], now);
        assert_eq!(pins.note(), "10.0.0.9 b8:27:eb:00:00:01 3 eth0\n");
        let renamed = take(&mut pins, [Order::Named(place(3, "lan0")), Order::Named(place(4, "eth0"))], now);
        assert_eq!((renamed.made.len(), renamed.gone.len()), (1, 0));
        let read: Vec<_> = read_note(&pins.note()).collect();
        assert_eq!(read, [(place(3, "lan0"), ip(9), mac(1))]);
        let text = "10.0.0.9\n10.0.0.9 b8:27:eb:00:00:01\nx b8:27:eb:00:00:01 3 eth0\n\n";
        assert_eq!(read_note(text).count(), 0);
    }

    #[test]
    fn there_are_not_more_than_a_floor_needs() {
        let (mut pins, now) = (Pins::default(), Instant::now());
        let until = now + Duration::from_secs(9);
        let orders = (0..2000u16).map(|n| {
            let [high, low] = n.to_be_bytes();
            Order::Pin { place: place(3, "eth0"), ip: [10, 0, high, low].into(), mac: mac(1), until }
        });
        assert_eq!(take(&mut pins, orders, now).made.len(), MOST);
    }

    proptest::proptest! {
        #[test]
        fn no_note_panics(text: String) { let _ = read_note(&text).count(); }
    }
}
