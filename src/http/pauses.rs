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
        Self { next: first, first, longest, left: tries, tries, random: u64::from_ne_bytes(seed) | 1 }
    }

    /// As it is for downloads: from half a second to 30 s, 20 times in a row, which are about eight minutes.
    #[must_use]
    pub fn usual() -> Self {
        Self::new(Duration::from_millis(500), Duration::from_secs(30), 20)
    }

    /// Something went well: the next pause is the first one again.
    pub const fn well(&mut self) {
        (self.next, self.left) = (self.first, self.tries);
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

    /// Waits for the next pause, or for so many seconds where the server says so (at most ten minutes). Says whether to
    /// try again: not when it was tried often enough or `stop` is set.
    #[must_use]
    pub fn wait(&mut self, told: Option<u32>, stop: &Stop) -> bool {
        let Some(pause) = self.next_pause() else { return false };
        let told = Duration::from_secs(u64::from(told.unwrap_or(0)).min(600));
        !stop.wait(pause.max(told))
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
    fn a_stop_ends_them() {
        let stop = Stop::new().unwrap();
        let mut pauses = Pauses::new(Duration::ZERO, Duration::ZERO, 2);
        assert!(pauses.wait(None, &stop));
        stop.set();
        assert!(!pauses.wait(Some(u32::MAX), &stop));
        assert!(!pauses.wait(None, &stop));
    }
}
