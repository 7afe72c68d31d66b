//! Which address belongs to which board.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::board::Mac;
use crate::dhcp::config::AddressPlan;
use crate::dhcp::lasting::Lasting;
use crate::dhcp::lease::{Lease, NEVER, Record};

/// Seconds that an offer stands without being taken.
const OFFER: u64 = 60;
/// Seconds for which an address isn't given out after an unknown device was seen with it.
pub(super) const BARRED: u64 = 600;

/// What a board has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    address: Ipv4Addr,
    /// Unix time in seconds.
    until: u64,
    /// It was promised, and is on disk; else it was only offered.
    bound: bool,
}

/// An address for a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) address: Ipv4Addr,
    /// It wasn't looked at yet whether the address is really free.
    pub(super) fresh: bool,
}

/// All addresses that may be given out.
#[derive(Debug)]
pub(super) struct Pool {
    /// Both ends included; the first is above the last where there is no range.
    first: u32,
    last: u32,
    /// Never given out from here on.
    next: u32,
    own: Ipv4Addr,
    router: Option<Ipv4Addr>,
    /// The relay that speaks for this network.
    relay: Option<Ipv4Addr>,
    fixed: HashMap<Mac, Ipv4Addr>,
    reserved: HashMap<Ipv4Addr, Mac>,
    held: HashMap<Mac, Held>,
    owners: HashMap<Ipv4Addr, Mac>,
    barred: HashMap<Ipv4Addr, u64>,
    /// Boards that keep their address.
    lasting: Arc<Lasting>,
    /// No lease in the range ends before: spares a full pool the search for each new board.
    full_until: u64,
    /// How far all times were moved since the clock was set, in seconds.
    moved: i64,
}

impl Pool {
    pub(super) fn new(plan: &AddressPlan) -> Self {
        let (first, last) = plan.range.map_or((1, 0), |(first, last)| (first.into(), last.into()));
        Self {
            first,
            last,
            next: first,
            own: plan.server,
            router: plan.router,
            relay: None,
            fixed: plan.hosts.iter().map(|(mac, address)| (*mac, *address)).collect(),
            reserved: plan.hosts.iter().map(|(mac, address)| (*address, *mac)).collect(),
            held: HashMap::new(),
            owners: HashMap::new(),
            barred: HashMap::new(),
            lasting: Arc::clone(&plan.lasting),
            full_until: 0,
            moved: 0,
        }
    }

    /// Takes over what was on disk. What this pool can't give out any more is left out. Where several servers have
    /// written of one address, or of one board, the promise that lasts longest counts.
    pub(super) fn restore(&mut self, record: &Record) {
        match *record {
            Record::Lease(Lease { mac, address, until, .. }) if self.may_have(mac, address) => {
                let owner = self.owners.get(&address).copied();
                let counts = |other: Mac| {
                    let held = self.held.get(&other).map(|held| held.until);
                    held.is_some_and(|held| (self.lasting.has(other), held) > (self.lasting.has(mac), until))
                };
                if !counts(mac) && !owner.is_some_and(counts) {
                    self.take(mac, Held { address, until, bound: true });
                }
            }
            Record::Barred { address, until } if self.in_range(address) => {
                let barred = self.barred.entry(address).or_default();
                *barred = until.max(*barred);
            }
            Record::Lease(_) | Record::Barred { .. } | Record::Serial { .. } => {}
        }
    }

    /// Nobody gets this address anew: a relay says that it is its own. It may say so wrongly, and then takes nobody's away.
    pub(super) const fn keep_from(&mut self, relay: Ipv4Addr) {
        self.relay = Some(relay);
    }

    fn is_relay(&self, address: Ipv4Addr) -> bool {
        self.relay == Some(address)
    }

    fn in_range(&self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&u32::from(address))
    }

    /// Whether the plan lets a board have an address, even if another one has it now.
    pub(super) fn may_have(&self, mac: Mac, address: Ipv4Addr) -> bool {
        match (self.fixed.get(&mac), self.reserved.get(&address)) {
            (Some(fixed), _) => *fixed == address,
            (None, Some(_)) => false,
            (None, None) => self.in_range(address) && address != self.own && Some(address) != self.router,
        }
    }

    /// Whether a board could get an address now: the plan lets it, and the address is free.
    pub(super) fn is_free(&self, mac: Mac, address: Ipv4Addr, now: u64) -> bool {
        let barred =
            self.barred.get(&address).is_some_and(|until| *until > now) && !self.fixed.contains_key(&mac);
        self.may_have(mac, address) && !barred && !self.has_other_owner(mac, address, now)
    }

    /// Another device has the address.
    pub(super) fn has_other_owner(&self, mac: Mac, address: Ipv4Addr, now: u64) -> bool {
        let owner = self.owners.get(&address).filter(|owner| **owner != mac);
        let holds = |owner: &Mac| self.held.get(owner).is_some_and(|held| held.until > now);
        owner.is_some_and(|owner| holds(owner) || self.lasting.has(*owner))
    }

    /// The address that a board has or had, while no other board got it.
    pub(super) fn of(&self, mac: Mac) -> Option<Ipv4Addr> {
        self.held.get(&mac).map(|held| held.address)
    }

    /// How many boards have an address, or had one that nobody else got.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// The address was promised to the board, and the time isn't over.
    pub(super) fn is_bound(&self, mac: Mac, address: Ipv4Addr, now: u64) -> bool {
        let lasts = |held: &Held| held.until > now || self.lasting.has(mac);
        self.held.get(&mac).is_some_and(|held| held.address == address && held.bound && lasts(held))
    }

    /// The board that this address is offered or promised to.
    pub(super) fn owner(&self, address: Ipv4Addr) -> Option<Mac> {
        self.owners.get(&address).copied()
    }

    /// Holds an address for a board: its own fixed one, the one it had, the one it asks for, or any. `None` when all
    /// are given out.
    pub(super) fn offer(&mut self, mac: Mac, wanted: Option<Ipv4Addr>, now: u64) -> Option<Chosen> {
        let had = self.of(mac);
        let fixed = self.fixed.get(&mac).copied();
        let address = [fixed, had, wanted]
            .into_iter()
            .flatten()
            .find(|address| {
                self.is_free(mac, *address, now) && (had == Some(*address) || !self.is_relay(*address))
            })
            .or_else(|| self.unused(mac, now))?;
        let fresh = had != Some(address);
        let held = match self.held.get(&mac).filter(|_| !fresh) {
            Some(held) => Held { until: held.until.max(now + OFFER), ..*held },
            None => Held { address, until: now + OFFER, bound: false },
        };
        self.take(mac, held);
        Some(Chosen { address, fresh })
    }

    /// A free address: one that was never given out, or else the one that has been free for the longest time.
    fn unused(&mut self, mac: Mac, now: u64) -> Option<Ipv4Addr> {
        while self.next <= self.last {
            let address = Ipv4Addr::from(self.next);
            self.next += 1;
            if !self.owners.contains_key(&address)
                && self.is_free(mac, address, now)
                && !self.is_relay(address)
            {
                return Some(address);
            }
        }
        if now < self.full_until {
            return None;
        }
        self.barred.retain(|_, until| *until > now);
        let mut best: Option<(u64, Ipv4Addr)> = None;
        let mut soonest = u64::MAX;
        for address in (self.first..=self.last).map(Ipv4Addr::from) {
            let owner = self.owners.get(&address);
            // It may end at any moment: when its board is no client any more.
            if owner.is_some_and(|owner| self.lasting.has(*owner)) {
                soonest = soonest.min(now + OFFER);
                continue;
            }
            let until = owner.and_then(|owner| self.held.get(owner)).map_or(0, |held| held.until);
            let until = until.max(self.barred.get(&address).copied().unwrap_or(0));
            if !self.may_have(mac, address) || self.is_relay(address) {
                continue;
            }
            soonest = soonest.min(until);
            if until <= now && best.is_none_or(|(best, _)| until < best) {
                best = Some((until, address));
            }
        }
        if best.is_none() {
            self.full_until = soonest;
        }
        best.map(|(_, address)| address)
    }

    fn take(&mut self, mac: Mac, held: Held) {
        if let Some(old) = self.held.get(&mac).filter(|old| old.address != held.address) {
            self.owners.remove(&old.address);
            self.full_until = 0;
        }
        if let Some(other) = self.owners.insert(held.address, mac).filter(|other| *other != mac) {
            self.held.remove(&other);
        }
        self.held.insert(mac, held);
    }

    /// How far its times were moved by now: a server that begins goes on from there.
    pub(super) const fn moved(&self) -> i64 {
        self.moved
    }

    /// Moves all times, since the clock was set, until they are `moved` in all. Another server may have done so already.
    /// Gives what has to be on disk then.
    pub(super) fn clock_set(&mut self, moved: i64) -> Vec<Record> {
        let by = moved.saturating_sub(self.moved);
        self.moved = moved;
        self.full_until = 0;
        self.barred.values_mut().for_each(|until| *until = until.saturating_add_signed(by));
        self.held.values_mut().for_each(|held| held.until = held.until.saturating_add_signed(by));
        let barred =
            self.barred.iter().map(|(address, until)| Record::Barred { address: *address, until: *until });
        let bound = self.held.iter().filter(|(_, held)| held.bound).map(|(mac, held)| {
            let until = if self.lasting.has(*mac) { NEVER } else { held.until };
            Record::Lease(Lease { mac: *mac, address: held.address, until, soft: false })
        });
        bound.chain(barred).collect()
    }

    /// Promises an address until `until`. False where it isn't free: another server may have been faster.
    pub(super) fn bind(&mut self, mac: Mac, address: Ipv4Addr, until: u64, now: u64) -> bool {
        let is_free = self.is_free(mac, address, now);
        if is_free {
            self.take(mac, Held { address, until, bound: true });
        }
        is_free
    }

    /// The board has no use for its address any more, but gets the same one when it comes back in time.
    pub(super) fn release(&mut self, mac: Mac, now: u64) {
        self.full_until = 0;
        if let Some(held) = self.held.get_mut(&mac) {
            held.until = held.until.min(now);
        }
    }

    /// The board took another server's offer: what was only offered is free again.
    pub(super) fn withdraw(&mut self, mac: Mac, now: u64) {
        if self.held.get(&mac).is_some_and(|held| !held.bound) {
            self.release(mac, now);
        }
    }

    /// An unknown device has the address: it isn't given out for some time.
    pub(super) fn bar(&mut self, address: Ipv4Addr, now: u64) -> u64 {
        let until = now + BARRED;
        if let Some(owner) = self.owners.remove(&address) {
            self.held.remove(&owner);
        }
        self.barred.insert(address, until);
        // The search looks at it again then.
        self.full_until = self.full_until.min(until);
        until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dhcp::config::tests::{config, eth0, ip};
    use crate::dhcp::config::{Config, Mode};

    fn mac(n: u8) -> Mac {
        Mac::new([0xdc, 0xa6, 0x32, 0, 0, n])
    }

    fn pool(change: impl Fn(&mut Config)) -> Pool {
        let mut config = config(Mode::Dhcp);
        change(&mut config);
        Pool::new(&AddressPlan::new(&config, &eth0()).unwrap())
    }

    fn address(pool: &mut Pool, n: u8, now: u64) -> Option<u8> {
        pool.offer(mac(n), None, now).map(|chosen| chosen.address.octets()[3])
    }

    #[test]
    fn everybody_has_another_address_until_there_are_none() {
        let mut pool = pool(|_| {});
        let all: Vec<_> = (0..10).map(|n| address(&mut pool, n, 5)).collect();
        assert_eq!(all, (100..110).map(Some).collect::<Vec<_>>());
        assert_eq!(address(&mut pool, 10, 5), None);
        // The same board has the same address, and an offer stands a minute.
        assert_eq!(address(&mut pool, 3, 64), Some(103));
        assert_eq!(address(&mut pool, 10, 64), None);
        assert_eq!(address(&mut pool, 10, 65), Some(100));
        assert_eq!(pool.of(mac(0)), None);
        assert_eq!(address(&mut pool, 0, 65), Some(101));
    }

    #[test]
    fn the_one_that_is_free_longest_goes_first() {
        let mut pool = pool(|_| {});
        for n in 0..10 {
            let chosen = pool.offer(mac(n), None, 0).unwrap();
            assert!(pool.bind(mac(n), chosen.address, 1000 - u64::from(n), 0));
        }
        assert_eq!(address(&mut pool, 50, 990), None);
        assert_eq!(address(&mut pool, 50, 991), Some(109));
        pool.release(mac(4), 500);
        assert_eq!(pool.of(mac(4)), Some(ip(104)));
        assert_eq!(address(&mut pool, 51, 992), Some(104));
    }

    #[test]
    fn fixed_addresses_are_nobody_elses() {
        let mut pool = pool(|c| {
            c.hosts = [(mac(7), ip(101)), (mac(8), ip(50))].into();
            c.router = Some(ip(102));
        });
        assert_eq!((0..2).map(|n| address(&mut pool, n, 0)).collect::<Vec<_>>(), [Some(100), Some(103)]);
        assert_eq!((address(&mut pool, 7, 0), address(&mut pool, 8, 0)), (Some(101), Some(50)));
        assert!(!pool.is_free(mac(1), ip(50), 0) && !pool.is_free(mac(1), ip(102), 0));
        assert_eq!(pool.offer(mac(9), Some(ip(101)), 0).unwrap().address, ip(104));
    }

    #[test]
    fn a_wish_is_granted_where_possible() {
        let mut pool = pool(|_| {});
        assert_eq!(pool.offer(mac(1), Some(ip(105)), 0), Some(Chosen { address: ip(105), fresh: true }));
        assert_eq!(pool.offer(mac(2), Some(ip(105)), 0).unwrap().address, ip(100));
        assert_eq!(pool.offer(mac(3), Some(ip(1)), 0).unwrap().address, ip(101));
        // What it has goes before what it wishes.
        assert_eq!(pool.offer(mac(1), Some(ip(107)), 9), Some(Chosen { address: ip(105), fresh: false }));
    }

    #[test]
    fn a_barred_address_rests() {
        let mut pool = pool(|c| c.range = Some((ip(100), ip(101))));
        assert_eq!(address(&mut pool, 1, 0), Some(100));
        assert_eq!(pool.bar(ip(100), 0), BARRED);
        assert_eq!(pool.of(mac(1)), None);
        assert_eq!((address(&mut pool, 1, 0), address(&mut pool, 2, 0)), (Some(101), None));
        assert!(pool.bind(mac(1), ip(101), 10_000, 0));
        assert!(!pool.bind(mac(2), ip(101), 10_000, 0), "another one has it");
        assert_eq!((address(&mut pool, 2, BARRED - 1), address(&mut pool, 2, BARRED)), (None, Some(100)));
    }

    #[test]
    fn what_was_on_disk_counts_while_it_fits() {
        let mut pool = pool(|c| c.hosts = [(mac(7), ip(101))].into());
        let lease = |n, last| Record::Lease(Lease { mac: mac(n), address: ip(last), until: 99, soft: false });
        for record in
            [lease(1, 100), lease(2, 101), lease(3, 99), Record::Barred { address: ip(102), until: 99 }]
        {
            pool.restore(&record);
        }
        assert!(pool.is_bound(mac(1), ip(100), 98) && !pool.is_bound(mac(1), ip(100), 99));
        assert_eq!((pool.of(mac(2)), pool.of(mac(3))), (None, None));
        assert_eq!(address(&mut pool, 9, 5), Some(103));
    }

    #[test]
    fn without_a_range_there_are_fixed_addresses_only() {
        let mut pool = pool(|c| {
            c.range = None;
            c.hosts = [(mac(7), ip(101))].into();
        });
        assert_eq!((address(&mut pool, 7, 0), address(&mut pool, 1, 0)), (Some(101), None));
    }
}
