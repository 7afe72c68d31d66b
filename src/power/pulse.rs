//! The reset pulse: low, wait, input, free. Kept apart from the kernel's interface so that every fault
//! and every Ctrl-C can be tested.

use std::time::Duration;

use super::Error;
use crate::stop::Stop;

/// A GPIO line as the pulse needs it.
pub(super) trait Pin {
    /// Makes the line an output at low level and keeps it so.
    fn low(&mut self) -> Result<(), Error>;
    /// Makes the line an input, which lets the board's own pull-up lift it.
    fn input(&mut self) -> Result<(), Error>;
    /// Gives the line back to the kernel.
    fn free(&mut self);
}

/// How often it is tried to make a line an input again. Another program may hold it for a moment between
/// our giving it back and our asking again.
const TRIES: usize = 5;

/// Holds the line low for `hold`, then releases it. A stop shortens the hold; the release always runs,
/// also when this thread panics.
pub(super) fn pulse(pin: &mut dyn Pin, hold: Duration, stop: &Stop) -> Result<(), Error> {
    if stop.is_set() {
        return Err(Error::Interrupted);
    }
    let mut driven = Driven { pin, released: false };
    if let Err(error) = driven.pin.low() {
        // Nothing is driven, so there is nothing to release; what was requested is given back.
        driven.released = true;
        driven.pin.free();
        return Err(error);
    }
    let stopped = stop.wait(hold);
    driven.release()?;
    if stopped { Err(Error::Interrupted) } else { Ok(()) }
}

/// A line that is low now.
struct Driven<'a> {
    pin: &'a mut dyn Pin,
    released: bool,
}

impl Driven<'_> {
    fn release(&mut self) -> Result<(), Error> {
        self.released = true;
        let mut result = self.pin.input();
        for _ in 1..TRIES {
            if result.is_ok() {
                break;
            }
            std::thread::yield_now();
            result = self.pin.input();
        }
        self.pin.free();
        result.map_err(|source| Error::StillDriven { source: Box::new(source) })
    }
}

impl Drop for Driven<'_> {
    fn drop(&mut self) {
        if !self.released {
            // Only a panic comes here; there is nobody to tell.
            let _ = self.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Explain, Kind};
    use crate::targets::Line;
    use std::time::Instant;

    /// Records what is done to it, and fails where it is told to.
    #[derive(Default)]
    struct Fake {
        log: Vec<&'static str>,
        low_at: Option<Instant>,
        held: Duration,
        low_fails: bool,
        inputs_that_fail: usize,
        stop_when_low: Option<Stop>,
    }

    fn fault() -> Error {
        Error::Busy { chip: "gpiochip0".into(), line: Line::Offset(17), consumer: "test".into() }
    }

    impl Pin for Fake {
        fn low(&mut self) -> Result<(), Error> {
            self.log.push("low");
            if self.low_fails {
                return Err(fault());
            }
            self.low_at = Some(Instant::now());
            if let Some(stop) = &self.stop_when_low {
                stop.set();
            }
            Ok(())
        }

        fn input(&mut self) -> Result<(), Error> {
            self.log.push("input");
            self.held = self.low_at.unwrap().elapsed();
            if self.inputs_that_fail > 0 {
                self.inputs_that_fail -= 1;
                return Err(fault());
            }
            Ok(())
        }

        fn free(&mut self) {
            self.log.push("free");
        }
    }

    const HOLD: Duration = Duration::from_millis(500);

    #[test]
    fn low_for_the_whole_hold_then_input_then_free() {
        let mut pin = Fake::default();
        pulse(&mut pin, HOLD, &Stop::new().unwrap()).unwrap();
        assert_eq!(pin.log, ["low", "input", "free"]);
        assert!(pin.held >= HOLD, "{:?}", pin.held);
    }

    #[test]
    fn a_stop_shortens_the_hold_and_still_releases() {
        let stop = Stop::new().unwrap();
        let mut pin = Fake { stop_when_low: Some(stop.clone()), ..Fake::default() };
        let error = pulse(&mut pin, Duration::from_secs(30), &stop).unwrap_err();
        assert_eq!(error.kind(), Kind::Interrupted);
        assert_eq!(pin.log, ["low", "input", "free"]);
        assert!(pin.held < Duration::from_secs(10), "{:?}", pin.held);
    }

    #[test]
    fn a_stop_beforehand_touches_nothing() {
        let stop = Stop::new().unwrap();
        stop.set();
        let mut pin = Fake::default();
        assert!(matches!(pulse(&mut pin, HOLD, &stop), Err(Error::Interrupted)));
        assert!(pin.log.is_empty());
    }

    #[test]
    fn a_line_that_can_not_be_driven_is_given_back() {
        let mut pin = Fake { low_fails: true, ..Fake::default() };
        assert!(matches!(pulse(&mut pin, HOLD, &Stop::new().unwrap()), Err(Error::Busy { .. })));
        assert_eq!(pin.log, ["low", "free"]);
    }

    #[test]
    fn a_release_that_fails_is_tried_again() {
        let mut pin = Fake { inputs_that_fail: 2, ..Fake::default() };
        pulse(&mut pin, Duration::ZERO, &Stop::new().unwrap()).unwrap();
        assert_eq!(pin.log, ["low", "input", "input", "input", "free"]);
    }

    #[test]
    fn a_line_that_stays_low_is_said_loudly_and_given_back() {
        let mut pin = Fake { inputs_that_fail: usize::MAX, ..Fake::default() };
        let error = pulse(&mut pin, Duration::ZERO, &Stop::new().unwrap()).unwrap_err();
        assert!(matches!(&error, Error::StillDriven { .. }));
        assert!(error.to_string().contains("may still hold the board in reset"), "{error}");
        assert_eq!((pin.log.len(), pin.log.last()), (TRIES + 2, Some(&"free")));
    }

    #[test]
    fn a_panic_releases_too() {
        let mut pin = Fake { low_at: Some(Instant::now()), ..Fake::default() };
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _driven = Driven { pin: &mut pin, released: false };
            panic!("on purpose");
        }));
        assert!(result.is_err());
        assert_eq!(pin.log, ["input", "free"]);
    }
}
