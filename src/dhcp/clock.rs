//! The clock that leases are reckoned by. A host without a battery for its clock, such as a Pi, starts with a wrong time
//! and has it set later, by years; an address is given for a time, not until a date.

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

/// A clock that is set by less than this was only put right. Boards renew their leases long before it matters.
const SET: u64 = 60;

/// The time of day, and what it should be by a clock that nobody sets.
#[derive(Debug)]
pub(super) struct Clock {
    /// Unix time in seconds, when it was looked at last.
    wall: u64,
    /// Since the host started, time asleep included.
    since_start: Duration,
}

/// What a look at the clock shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// Unix time in seconds.
    pub(super) now: u64,
    /// What it would be, had the clock not been set since the last look.
    pub(super) was: Option<u64>,
}

impl Clock {
    /// From now on.
    pub(super) fn new() -> Self {
        Self { wall: unix_time(), since_start: since_start() }
    }

    /// Looks at it.
    pub(super) fn look(&mut self) -> Look {
        self.at(unix_time(), since_start())
    }

    fn at(&mut self, wall: u64, since_start: Duration) -> Look {
        let expected = self.wall + since_start.saturating_sub(self.since_start).as_secs();
        let was = Some(expected).filter(|expected| expected.abs_diff(wall) > SET);
        // The clock that nobody sets tells it by the second: what is less than that must not add up.
        if was.is_some() || since_start.saturating_sub(self.since_start) > Duration::from_secs(3600) {
            *self = Self { wall, since_start };
        }
        Look { now: wall, was }
    }
}

/// Unix time in seconds.
pub(super) fn unix_time() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn since_start() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_noticed_and_one_that_is_put_right_is_not() {
        let at = Duration::from_secs;
        let mut clock = Clock { wall: 1_700_000_000, since_start: at(100) };
        assert_eq!(clock.at(1_700_000_010, at(110)), Look { now: 1_700_000_010, was: None });
        assert_eq!(clock.at(1_700_000_050, at(120)).was, None, "30 seconds");
        let later = clock.at(1_800_000_000, at(130));
        assert_eq!(later, Look { now: 1_800_000_000, was: Some(1_700_000_030) });
        assert_eq!(clock.at(1_800_000_007, at(137)).was, None, "it is told once");
        // And back.
        assert_eq!(clock.at(1_600_000_000, at(140)).was, Some(1_800_000_010));
        assert_eq!(clock.at(1_600_090_000, at(90_140)).was, None, "a day of sleep");
    }
}
