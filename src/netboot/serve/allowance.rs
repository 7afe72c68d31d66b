//! Bounds how often something is done for those who ask on a network, whoever they are.

use std::time::{Duration, Instant};

/// How many more may come: some at once, and then one in a while.
#[derive(Debug)]
pub(super) struct Allowance {
    pub(super) left: u32,
    since: Instant,
}

impl Allowance {
    pub(super) fn new((most, _): (u32, Duration), now: Instant) -> Self {
        Self { left: most, since: now }
    }

    /// Whether one more may come, which it then does.
    pub(super) fn take(&mut self, (most, every): (u32, Duration), now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.since);
        let more = u32::try_from(passed.as_nanos() / every.as_nanos().max(1)).unwrap_or(u32::MAX);
        if self.left.saturating_add(more) >= most {
            (self.left, self.since) = (most, now);
        } else {
            self.left += more;
            self.since += every * more;
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_comes_back_with_time() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let limit = (2, Duration::from_secs(10));
        let mut allowance = Allowance::new(limit, start);
        let taken = [0, 0, 0, 9, 10, 11, 29, 30, 1000, 1000, 1000].map(|at| allowance.take(limit, after(at)));
        assert_eq!(taken, [true, true, false, false, true, false, true, true, true, true, false]);
    }
}
