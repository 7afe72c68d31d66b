//! Keeps a flood of packets from becoming a flood of events: of each reason some are told at once and then one in each
//! second, for each address and, more of them, for all addresses together; how many were not told is told once a second.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::event::Reason;

/// Addresses that are counted one by one; of more at once only what all of them may is told.
const MOST_ADDRESSES: usize = 1024;
/// How many times as much as one address all of them together may.
const ALL: f64 = 10.0;
const SECOND: Duration = Duration::from_secs(1);

/// How many are told at once where it was quiet before. A board that boots meets a dozen missing files in a second.
const fn burst(reason: Reason) -> f64 {
    match reason {
        Reason::Malformed | Reason::Crowded => 10.0,
        Reason::Refused | Reason::Unanswered => 30.0,
    }
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn fill(&mut self, a_second: f64, most: f64, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left, self.at) = ((self.left + passed * a_second).min(most), now);
    }
}

#[derive(Debug, Default)]
pub(super) struct Quota {
    by_address: HashMap<(Reason, IpAddr), Bucket>,
    all: HashMap<Reason, Bucket>,
    untold: HashMap<Reason, u64>,
    /// When the first of the untold ones came.
    since: Option<Instant>,
}

impl Quota {
    /// Whether one may be told; otherwise it is counted, and the caller tells nothing.
    pub(super) fn allows(&mut self, reason: Reason, ip: IpAddr, now: Instant) -> bool {
        let allows = self.take(reason, ip, now);
        if !allows {
            self.withhold(reason, now);
        }
        allows
    }

    /// As [`Quota::allows`], but it isn't counted yet.
    pub(super) fn take(&mut self, reason: Reason, ip: IpAddr, now: Instant) -> bool {
        let most = burst(reason);
        let all = self.all.entry(reason).or_insert(Bucket { left: most * ALL, at: now });
        all.fill(ALL, most * ALL, now);
        if all.left < 1.0 {
            return false;
        }
        if self.by_address.len() >= MOST_ADDRESSES && !self.by_address.contains_key(&(reason, ip)) {
            // An address that was quiet for long enough has its whole quota again.
            self.by_address.retain(|(reason, _), bucket| {
                bucket.fill(1.0, burst(*reason), now);
                bucket.left < burst(*reason)
            });
            if self.by_address.len() >= MOST_ADDRESSES {
                return false;
            }
        }
        let one = self.by_address.entry((reason, ip)).or_insert(Bucket { left: most, at: now });
        one.fill(1.0, most, now);
        if one.left < 1.0 {
            return false;
        }
        one.left -= 1.0;
        if let Some(all) = self.all.get_mut(&reason) {
            all.left -= 1.0;
        }
        true
    }

    /// What was taken was not needed: it came to a good end.
    pub(super) fn give_back(&mut self, reason: Reason, ip: IpAddr) {
        let buckets = [self.by_address.get_mut(&(reason, ip)), self.all.get_mut(&reason)];
        for bucket in buckets.into_iter().flatten() {
            bucket.left += 1.0;
        }
    }

    /// Counts one that isn't told.
    pub(super) fn withhold(&mut self, reason: Reason, now: Instant) {
        *self.untold.entry(reason).or_default() += 1;
        self.since.get_or_insert(now);
    }

    /// Whether something is to be told later.
    pub(super) fn owes(&self) -> bool {
        self.since.is_some()
    }

    /// How many were not told of each reason, once a second, or right now where it is the end.
    pub(super) fn due(&mut self, now: Instant, at_the_end: bool) -> Vec<(Reason, u64)> {
        let due =
            self.since.is_some_and(|since| at_the_end || now.saturating_duration_since(since) >= SECOND);
        if !due {
            return Vec::new();
        }
        self.since = None;
        let mut untold: Vec<_> = self.untold.drain().collect();
        untold.sort_unstable();
        untold
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn ip(n: u32) -> IpAddr {
        Ipv4Addr::from(n).into()
    }

    #[test]
    fn a_flood_is_told_once_a_second() {
        let mut quota = Quota::default();
        let start = Instant::now();
        let (mut told, mut more) = (0, 0);
        for n in 0..30_000_u32 {
            let now = start + Duration::from_millis(n.into());
            told += u64::from(quota.allows(Reason::Malformed, ip(1), now));
            more += quota.due(now, false).iter().map(|(_, count)| count).sum::<u64>();
        }
        assert!((10 + 29..=10 + 30).contains(&told), "{told}");
        more += quota.due(start, true).iter().map(|(_, count)| count).sum::<u64>();
        assert_eq!(told + more, 30_000, "none is lost");
        assert!(!quota.owes());
        // Others, and other reasons, aren't gagged by it.
        assert!(quota.allows(Reason::Malformed, ip(2), start + SECOND * 30));
        assert!(quota.allows(Reason::Refused, ip(1), start + SECOND * 30));
    }

    #[test]
    fn many_addresses_together_are_bounded_too() {
        let mut quota = Quota::default();
        let now = Instant::now();
        let told = (0..100_000).filter(|n| quota.allows(Reason::Refused, ip(*n), now)).count();
        assert_eq!(told, 300);
        assert!(quota.by_address.len() <= MOST_ADDRESSES);
        assert_eq!(quota.due(now + SECOND, false), [(Reason::Refused, 100_000 - 300)]);
    }

    #[test]
    fn what_ends_well_costs_nothing() {
        let mut quota = Quota::default();
        let now = Instant::now();
        for _ in 0..10_000 {
            assert!(quota.take(Reason::Unanswered, ip(1), now));
            quota.give_back(Reason::Unanswered, ip(1));
        }
    }
}
