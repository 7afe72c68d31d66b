//! Leases are counted by the clock of people, so that they last over a restart. That clock can be set, and a host can
//! sleep. This tells it from time that has passed.

use std::time::Duration;

use crate::station_api::Time;

/// Both clocks may differ by so much, in milliseconds, before it counts as a jump: a clock that is slewed does.
const TOLERANCE: u64 = 5_000;

/// Compares the clock of people with one that nobody sets.
#[derive(Debug, Default)]
pub struct Clock {
    last: Option<(Time, Duration)>,
}

/// What is done with leases before any of them counts as expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The station has just started: how long it was away says nothing of the boards. All leases begin anew.
    Began,
    /// Time has passed as it does.
    Steady,
    /// The clock was set by so many milliseconds, or the host slept: all leases move along.
    Jumped(i64),
}

impl Clock {
    /// `now`: the time in unix milliseconds. `steady`: a clock that nobody sets, from any beginning.
    pub fn tick(&mut self, now: Time, steady: Duration) -> Step {
        let Some((then, before)) = self.last.replace((now, steady)) else { return Step::Began };
        let passed = i64::try_from(steady.saturating_sub(before).as_millis()).unwrap_or(i64::MAX);
        let jump = now.saturating_sub(then).saturating_sub(passed);
        if jump.unsigned_abs() > TOLERANCE { Step::Jumped(jump) } else { Step::Steady }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_told_from_time_that_passes() {
        let mut clock = Clock::default();
        let seconds = Duration::from_secs;
        assert_eq!(clock.tick(1_000_000, seconds(5)), Step::Began);
        assert_eq!(clock.tick(1_010_000, seconds(15)), Step::Steady);
        // Slewed by a little.
        assert_eq!(clock.tick(1_022_000, seconds(25)), Step::Steady);
        // An hour forward, then back.
        assert_eq!(clock.tick(4_632_000, seconds(35)), Step::Jumped(3_600_000));
        assert_eq!(clock.tick(4_642_000, seconds(45)), Step::Steady);
        assert_eq!(clock.tick(1_052_000, seconds(55)), Step::Jumped(-3_600_000));
        // The task was late, and so were both clocks.
        assert_eq!(clock.tick(1_952_000, seconds(955)), Step::Steady);
        // Numbers that can't be don't panic.
        assert_eq!(clock.tick(i64::MAX, seconds(1)), Step::Jumped(i64::MAX - 1_952_000));
        assert!(matches!(clock.tick(i64::MIN, Duration::MAX), Step::Jumped(_)));
    }
}
