//! What a change of the interfaces means to a server that runs: whether its sockets are still the interface's, whether
//! it has to open them anew, wait, or end. No sockets, no clock.
//!
//! The interface that is served is the one that has the configured name. Where none has it, it is the one that had it,
//! as long as that is there: it was renamed.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::wire::Interface;

/// How long a server waits for its interface. Shorter than half the time after which a service manager ends what gives
/// no sign of life (`WatchdogSec=60` in the unit): so it ends by itself, and says why.
pub(super) const AWAY: Duration = Duration::from_secs(20);

/// Why an interface doesn't do for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// There is none.
    Gone,
    /// It is switched off.
    Down,
    /// It has no address.
    NoAddress,
}

impl std::fmt::Display for Lack {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Gone => "is gone",
            Self::Down => "is down",
            Self::NoAddress => "has no IPv4 address",
        })
    }
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// It can't be served on, since now.
    Away(Lack),
    /// It is as it was before, and the sockets are still its own.
    Back,
    /// It is another one now, or has another address: sockets have to be opened anew.
    Moved(Interface),
    /// It is the same, with another name.
    Renamed(Interface),
    /// Nobody is at the other end of the cable.
    Unplugged,
    /// Somebody is there again, or was away for a moment: it may be another network.
    Plugged,
    /// It was away for too long.
    Over(Lack),
}

/// What is known of the interface that is served.
#[derive(Debug)]
pub(super) struct Link {
    /// Its name in the configuration.
    name: String,
    /// The address that is to be served from, where one is chosen.
    chosen: Option<Ipv4Addr>,
    /// As the sockets were opened for it.
    served: Interface,
    /// This host's address there.
    address: (Ipv4Addr, u8),
    away: Option<(Lack, Instant)>,
    /// It is waited for as long as it takes: others are served meanwhile.
    is_further: bool,
}

impl Link {
    /// It is served as it is now, from this address.
    pub(super) fn new(name: &str, chosen: Option<Ipv4Addr>, served: Interface, address: Ipv4Addr) -> Self {
        let address = (address, 32);
        let mut link = Self { name: name.to_owned(), chosen, served, address, away: None, is_further: false };
        link.adopt(link.served.clone(), address.0);
        link
    }

    /// A further one beside another, as it is now.
    pub(super) fn further(served: Interface, address: Ipv4Addr) -> Self {
        Self { is_further: true, ..Self::new(&served.name.clone(), None, served, address) }
    }

    /// Sockets were opened for it as it is now.
    pub(super) fn adopt(&mut self, served: Interface, address: Ipv4Addr) {
        let prefix =
            served.addresses.iter().find(|(one, _)| *one == address).map_or(32, |(_, prefix)| *prefix);
        self.address = (address, prefix);
        self.served = served;
        self.away = None;
    }

    /// Somebody is at the other end of the cable.
    pub(super) fn has_carrier(&self) -> bool {
        self.away.is_none() && self.served.has_carrier
    }

    /// Why it can't be served on, if so. Nothing is to be said to be well then.
    pub(super) fn lack(&self) -> Option<Lack> {
        self.away.map(|(lack, _)| lack)
    }

    /// It is one beside another, which is waited for as long as it takes.
    pub(super) fn is_further(&self) -> bool {
        self.is_further
    }

    /// When it was away for too long.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.away.filter(|_| !self.is_further).map(|(_, since)| since + AWAY)
    }

    /// The interface that is served, as it was seen last.
    pub(super) fn served(&self) -> &Interface {
        &self.served
    }

    /// This host's address on it.
    pub(super) fn address(&self) -> Ipv4Addr {
        self.address.0
    }

    /// Takes the interfaces that there are at `now`.
    pub(super) fn look(&mut self, all: &[Interface], now: Instant) -> Vec<News> {
        let found = all
            .iter()
            .find(|one| one.name == self.name)
            .or_else(|| all.iter().find(|one| one.index == self.served.index && one.mac.is_some()));
        let usable = match found {
            None => Err(Lack::Gone),
            Some(one) if one.mac.is_none() => Err(Lack::Gone),
            Some(one) if !one.is_up => Err(Lack::Down),
            Some(one) => self.address_of(one).map(|address| (one, address)).ok_or(Lack::NoAddress),
        };
        let (one, address) = match usable {
            Ok(usable) => usable,
            Err(lack) => return self.missed(lack, now),
        };
        let is_same = (one.index, one.mac) == (self.served.index, self.served.mac) && address == self.address;
        let mut news = Vec::new();
        if !is_same {
            // Whoever opens the sockets says so by `adopt`.
            return vec![News::Moved(one.clone())];
        }
        if self.away.take().is_some() {
            news.push(News::Back);
        }
        if one.name != self.served.name {
            news.push(News::Renamed(one.clone()));
        }
        let before = std::mem::replace(&mut self.served, one.clone());
        match (one.has_carrier, before.has_carrier) {
            (false, true) => news.push(News::Unplugged),
            (true, was) if !was || one.carrier_changes != before.carrier_changes => news.push(News::Plugged),
            _ => {}
        }
        news
    }

    /// The address to serve from: the chosen one, the one that it is, or the first.
    fn address_of(&self, one: &Interface) -> Option<(Ipv4Addr, u8)> {
        let of = |wanted: Ipv4Addr| one.addresses.iter().find(|(address, _)| *address == wanted).copied();
        match self.chosen {
            Some(chosen) => of(chosen),
            None => of(self.address.0).or_else(|| one.addresses.first().copied()),
        }
    }

    fn missed(&mut self, lack: Lack, now: Instant) -> Vec<News> {
        // Without it there is no carrier either.
        let unplugged = std::mem::take(&mut self.served.has_carrier).then_some(News::Unplugged);
        match self.away {
            Some((_, since)) if !self.is_further && now.saturating_duration_since(since) >= AWAY => {
                vec![News::Over(lack)]
            }
            Some((before, since)) => {
                self.away = Some((lack, since));
                let changed = (before != lack).then_some(News::Away(lack));
                changed.into_iter().chain(unplugged).collect()
            }
            None => {
                self.away = Some((lack, now));
                [News::Away(lack)].into_iter().chain(unplugged).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;
    use crate::board::Mac;

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 99, 0, last)
    }

    fn eth0() -> Interface {
        Interface {
            name: "eth0".to_owned(),
            index: 2,
            mac: Some(Mac::new([2, 0, 0, 0, 0, 1])),
            is_up: true,
            has_carrier: true,
            carrier_changes: 1,
            addresses: vec![(ip(2), 24)],
        }
    }

    fn link() -> (Link, Instant) {
        (Link::new("eth0", None, eth0(), ip(2)), Instant::now())
    }

    #[test]
    fn nothing_is_news_while_nothing_changes() {
        let (mut link, now) = link();
        let other = Interface { name: "eth1".into(), index: 3, ..eth0() };
        let more = Interface { addresses: vec![(ip(77), 24), (ip(2), 24)], ..eth0() };
        for all in [vec![eth0()], vec![other, eth0()], vec![more]] {
            assert_eq!(link.look(&all, now), []);
        }
        assert!(link.has_carrier() && link.lack().is_none() && link.deadline().is_none());
    }

    #[test]
    fn an_interface_that_is_gone_is_waited_for_and_not_for_ever() {
        let (mut link, now) = link();
        assert_eq!(link.look(&[], now), [News::Away(Lack::Gone), News::Unplugged]);
        assert_eq!((link.lack(), link.deadline()), (Some(Lack::Gone), Some(now + AWAY)));
        assert_eq!(link.look(&[], now + AWAY / 2), []);
        // It is made anew, but has no address yet: the time goes on.
        let bare = Interface { index: 9, addresses: Vec::new(), ..eth0() };
        assert_eq!(link.look(from_ref(&bare), now + AWAY / 2), [News::Away(Lack::NoAddress)]);
        let whole = Interface { index: 9, ..eth0() };
        assert_eq!(link.look(from_ref(&whole), now + AWAY / 2), [News::Moved(whole.clone())]);
        assert!(link.lack().is_some(), "until the sockets are open");
        link.adopt(whole.clone(), ip(2));
        assert_eq!((link.look(&[whole], now), link.lack()), (vec![], None));
        assert_eq!(link.look(&[], now), [News::Away(Lack::Gone), News::Unplugged]);
        assert_eq!(link.look(&[bare], now + AWAY), [News::Over(Lack::NoAddress)]);
    }

    #[test]
    fn a_further_one_is_waited_for_as_long_as_it_takes() {
        let (mut link, now) = (Link::further(eth0(), ip(2)), Instant::now());
        assert_eq!(link.look(&[], now), [News::Away(Lack::Gone), News::Unplugged]);
        assert_eq!((link.lack(), link.deadline()), (Some(Lack::Gone), None));
        let day = Duration::from_secs(86400);
        assert_eq!(link.look(&[], now + day), []);
        let bare = Interface { index: 9, addresses: Vec::new(), ..eth0() };
        assert_eq!(link.look(&[bare], now + day), [News::Away(Lack::NoAddress)]);
        let whole = Interface { index: 9, ..eth0() };
        assert_eq!(link.look(from_ref(&whole), now + 2 * day), [News::Moved(whole.clone())]);
        link.adopt(whole.clone(), ip(2));
        assert_eq!((link.look(&[whole], now + 2 * day), link.lack()), (vec![], None));
    }

    #[test]
    fn what_comes_back_as_it_was_keeps_its_sockets() {
        let (mut link, now) = link();
        let down = Interface { is_up: false, has_carrier: false, ..eth0() };
        assert_eq!(link.look(&[down], now), [News::Away(Lack::Down), News::Unplugged]);
        let up = Interface { carrier_changes: 3, ..eth0() };
        assert_eq!(link.look(from_ref(&up), now), [News::Back, News::Plugged]);
        let bare = Interface { addresses: Vec::new(), ..up.clone() };
        assert_eq!(link.look(&[bare], now), [News::Away(Lack::NoAddress), News::Unplugged]);
        assert_eq!(link.look(&[up], now), [News::Back, News::Plugged]);
    }

    #[test]
    fn another_address_number_or_ethernet_address_is_another_place() {
        for change in [
            Interface { addresses: vec![(ip(3), 24)], ..eth0() },
            Interface { addresses: vec![(ip(2), 16)], ..eth0() },
            Interface { index: 3, ..eth0() },
            Interface { mac: Some(Mac::new([2, 0, 0, 0, 0, 9])), ..eth0() },
        ] {
            let (mut link, now) = link();
            assert_eq!(link.look(from_ref(&change), now), [News::Moved(change)]);
        }
        // Where the address was chosen, no other one does.
        let (_, now) = link();
        let mut chosen = Link::new("eth0", Some(ip(2)), eth0(), ip(2));
        let other = Interface { addresses: vec![(ip(3), 24)], ..eth0() };
        assert_eq!(chosen.look(&[other], now)[0], News::Away(Lack::NoAddress));
    }

    #[test]
    fn the_name_decides_and_one_that_nobody_has_is_a_new_name() {
        let (mut link, now) = link();
        let renamed = Interface { name: "lan0".into(), ..eth0() };
        assert_eq!(link.look(from_ref(&renamed), now), [News::Renamed(renamed.clone())]);
        assert_eq!(link.look(from_ref(&renamed), now), []);
        // Another one gets the name: that is the one that is meant, whatever MAC address it has.
        let new = Interface { index: 7, ..eth0() };
        assert_eq!(link.look(&[renamed, new.clone()], now), [News::Moved(new)]);
        // A number that something else has now is no interface of ours.
        let (mut link, now) = (super::tests::link().0, now);
        let tunnel = Interface { name: "tun0".into(), mac: None, ..eth0() };
        assert_eq!(link.look(&[tunnel], now)[0], News::Away(Lack::Gone));
    }

    #[test]
    fn a_cable_is_seen_also_when_it_was_out_for_a_moment() {
        let (mut link, now) = link();
        let out = Interface { has_carrier: false, carrier_changes: 2, ..eth0() };
        assert_eq!(link.look(from_ref(&out), now), [News::Unplugged]);
        assert!(!link.has_carrier() && link.lack().is_none());
        assert_eq!(link.look(&[out], now), []);
        let back = Interface { carrier_changes: 3, ..eth0() };
        assert_eq!(link.look(&[back], now), [News::Plugged]);
        // Both words came at once, and only the last one is seen; the count tells.
        let blink = Interface { carrier_changes: 5, ..eth0() };
        assert_eq!(
            (link.look(from_ref(&blink), now), link.look(&[blink], now)),
            (vec![News::Plugged], vec![])
        );
    }

    proptest::proptest! {
        /// Whatever comes: it is never both well and without an interface that it could serve on, and it ends in time.
        #[test]
        fn it_is_never_deaf_and_well(steps in proptest::collection::vec((0u8..6, 0u64..15), 1..60)) {
            let (mut link, start) = link();
            let (mut now, mut missing): (Instant, Option<Instant>) = (start, None);
            for (what, later) in steps {
                now += Duration::from_secs(later);
                let all = match what {
                    0 => vec![],
                    1 => vec![Interface { is_up: false, ..eth0() }],
                    2 => vec![Interface { addresses: Vec::new(), ..eth0() }],
                    3 => vec![Interface { index: 9, ..eth0() }],
                    4 => vec![Interface { name: "lan0".into(), addresses: vec![(ip(4), 24)], ..eth0() }],
                    _ => vec![eth0()],
                };
                let news = link.look(&all, now);
                let is_there = all.first().is_some_and(|one| one.is_up && !one.addresses.is_empty());
                if let Some(News::Moved(one)) = news.first() {
                    link.adopt(one.clone(), one.addresses[0].0);
                }
                missing = if is_there { None } else { missing.or(Some(now)) };
                let is_over = news.iter().any(|news| matches!(news, News::Over(_)));
                let overdue = missing.is_some_and(|since| now >= since + AWAY);
                // A renamed one is gone where the number is gone as well, so less may be there than it seems.
                if is_there && link.lack().is_none() {
                    let served = link.served();
                    proptest::prop_assert!(served.addresses.iter().any(|(one, _)| *one == link.address()));
                }
                proptest::prop_assert!(is_there || link.lack().is_some());
                proptest::prop_assert!(!overdue || is_over);
                if is_over {
                    return Ok(());
                }
            }
        }
    }
}
