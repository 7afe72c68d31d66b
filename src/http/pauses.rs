//! How long is waited before something is tried again.

use std::time::Duration;

use crate::stop::Stop;

/// Pauses that grow: each is twice the one before, up to a longest, and a quarter of it is left to chance, so that a
/// floor of boards doesn't come back in one moment.
#[derive(Debug, Clone)]
pub struct Pauses {
    next: Duration,
    first: Duration,
    longest: Duration,
    left: u32,
    tries: u32,
    /// Whether it never went well until now.
    is_first: bool,
    /// Where the chance comes from: xorshift, which needs to be different only.
    random: u64,
}

impl Pauses {
    /// From this pause on, up to that one, so many times in a row.
    #[must_use]
    pub fn new(first: Duration, longest: Duration, tries: u32) -> Self {
        let mut seed = [0; 8];
        // Without chance they are still pauses.
        let _ = rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty());
        let random = u64::from_ne_bytes(seed) | 1;
        Self { next: first, first, longest, left: tries, tries, is_first: true, random }
    }

    /// As it is for downloads: from half a second to 30 s, 20 times in a row, which are about eight minutes; where
    /// nothing has come yet, 3 times, which are about three seconds: a server that was never there isn't waited for.
    #[must_use]
    pub fn usual() -> Self {
        Self::new(Duration::from_millis(500), Duration::from_secs(30), 20).at_first(3)
    }

    /// So many times in a row at most until something has gone well.
    #[must_use]
    pub const fn at_first(self, tries: u32) -> Self {
        Self { left: tries, ..self }
    }

    /// Something has come. The first time the pauses become as many as they are later.
    pub const fn begun(&mut self) {
        if self.is_first {
            self.well();
        }
    }

    /// Something went well: the next pause is the first one again.
    pub const fn well(&mut self) {
        (self.next, self.left, self.is_first) = (self.first, self.tries, false);
    }

    /// The next pause; `None` where it was tried often enough.
    pub fn next_pause(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(self.longest);
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let chance = u32::try_from(self.random >> 40 & 0xff).unwrap_or(0);
        Some(pause - pause / 4 * chance / 256)
    }

    /// The next pause, or so many seconds where the server says so (at most ten minutes); `None` where it was tried often
    /// enough.
    pub fn next_or(&mut self, told: Option<u32>) -> Option<Duration> {
        let told = Duration::from_secs(u64::from(told.unwrap_or(0)).min(600));
        self.next_pause().map(|pause| pause.max(told))
    }

    /// Waits for [`Self::next_or`]. Says whether to try again: not when it was tried often enough or `stop` is set.
    #[must_use]
    pub fn wait(&mut self, told: Option<u32>, stop: &Stop) -> bool {
        self.next_or(told).is_some_and(|pause| !stop.wait(pause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_grow_to_the_longest_and_end() {
        let mut pauses = Pauses::new(Duration::from_millis(100), Duration::from_millis(400), 5);
        let all: Vec<_> = std::iter::from_fn(|| pauses.next_pause()).collect();
        assert_eq!(all.len(), 5);
        for (pause, most) in all.iter().zip([100, 200, 400, 400, 400]) {
            let most = Duration::from_millis(most);
            assert!(*pause <= most && *pause >= most * 3 / 4, "{pause:?} {most:?}");
        }
        pauses.well();
        assert!(pauses.next_pause().unwrap() <= Duration::from_millis(100));
    }

    #[test]
    fn what_has_never_gone_well_is_given_up_sooner() {
        let mut pauses = Pauses::new(Duration::ZERO, Duration::ZERO, 5).at_first(2);
        let count = |pauses: &mut Pauses| std::iter::from_fn(|| pauses.next_pause()).count();
        assert_eq!(count(&mut pauses.clone()), 2);
        pauses.begun();
        assert_eq!(count(&mut pauses), 5);
        // What has begun once doesn't begin again.
        pauses.begun();
        assert_eq!(count(&mut pauses), 0);
        let usual: Duration = std::iter::from_fn({
            let mut usual = Pauses::usual();
            move || usual.next_pause()
        })
        .sum();
        assert!(usual < Duration::from_secs(4), "{usual:?}");
    }

    #[test]
    fn a_stop_ends_them() {
        let stop = Stop::new().unwrap();
        let mut pauses = Pauses::new(Duration::ZERO, Duration::ZERO, 2);
        assert!(pauses.wait(None, &stop));
        stop.set();
        assert!(!pauses.wait(Some(u32::MAX), &stop));
        assert!(!pauses.wait(None, &stop));
    }
}
