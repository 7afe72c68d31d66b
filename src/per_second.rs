//! Bounds how often something is done in a second for those who can ask without end.

use std::time::{Duration, Instant};

/// How many may come in one second, counted from the first that comes after the last such second.
#[derive(Debug)]
pub struct PerSecond {
    most: u32,
    since: Option<Instant>,
    count: u32,
}

impl PerSecond {
    /// So many in a second.
    #[must_use]
    pub const fn new(most: u32) -> Self {
        Self { most, since: None, count: 0 }
    }

    /// Whether one more may come at `now`. One that may not counts for nothing else.
    pub fn allows(&mut self, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= Duration::from_secs(1)) {
            (self.since, self.count) = (Some(now), 0);
        }
        self.count = self.count.saturating_add(1);
        self.count <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_its_own() {
        let start = Instant::now();
        let mut bound = PerSecond::new(2);
        let may =
            [0, 1, 2, 999, 1000, 1001, 1002, 5000].map(|ms| bound.allows(start + Duration::from_millis(ms)));
        assert_eq!(may, [true, true, false, false, true, true, false, true]);
    }
}
