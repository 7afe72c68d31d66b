//! How often something may go wrong: so many at once, and then one each time that so much time has passed.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// Counts what goes wrong, by where it comes from. No clock: the time comes in, as time since some start.
#[derive(Debug)]
pub(in crate::station) struct Refill<K> {
    burst: u32,
    each: Duration,
    most: usize,
    /// When all that went wrong will be forgotten.
    until: HashMap<K, Duration>,
}

impl<K: Eq + Hash + Clone> Refill<K> {
    /// `burst` at once, and one more each `each`. At most `most` places are remembered.
    pub(in crate::station) fn new(burst: u32, each: Duration, most: usize) -> Self {
        Self { burst, each, most, until: HashMap::new() }
    }

    /// How long to wait before the next try counts; `None` where it may be made now.
    pub(in crate::station) fn wait(&self, key: &K, now: Duration) -> Option<Duration> {
        let left = self.until.get(key)?.saturating_sub(now);
        let room = self.each.saturating_mul(self.burst.saturating_sub(1));
        (left > room).then(|| left - room)
    }

    /// Something went wrong.
    pub(in crate::station) fn note(&mut self, key: K, now: Duration) {
        if self.until.len() >= self.most && !self.until.contains_key(&key) {
            self.until.retain(|_, until| *until > now);
            if self.until.len() >= self.most
                && let Some(first) =
                    self.until.iter().min_by_key(|(_, until)| **until).map(|(key, _)| key.clone())
            {
                self.until.remove(&first);
            }
        }
        let until = self.until.entry(key).or_insert(now);
        *until = (*until).max(now).saturating_add(self.each);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn after_a_burst_of_failures_one_is_let_through_each_time() {
        let mut refill = Refill::new(3, seconds(6), 10);
        for _ in 0..3 {
            assert_eq!(refill.wait(&1, seconds(100)), None);
            refill.note(1, seconds(100));
        }
        assert_eq!(refill.wait(&1, seconds(100)), Some(seconds(6)));
        assert_eq!(refill.wait(&2, seconds(100)), None);
        assert_eq!(refill.wait(&1, seconds(105)), Some(seconds(1)));
        assert_eq!(refill.wait(&1, seconds(106)), None);
        refill.note(1, seconds(106));
        assert!(refill.wait(&1, seconds(106)).is_some());
        assert_eq!(refill.wait(&1, seconds(200)), None);
    }

    #[test]
    fn it_stays_small_and_keeps_those_that_fail_most() {
        let mut refill = Refill::new(2, seconds(6), 8);
        for _ in 0..5 {
            refill.note(0, seconds(1));
        }
        for key in 1..1000 {
            refill.note(key, seconds(1));
        }
        assert_eq!(refill.until.len(), 8);
        assert!(refill.wait(&0, seconds(1)).is_some());
    }
}
