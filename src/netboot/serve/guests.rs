//! What comes to the control socket, as far as it is told: somebody who may connect may do so without end.

use std::time::{Duration, Instant};

use super::allowance::Allowance;
use super::event::What;
use crate::control::Told;

/// Told at once, and then one in so long.
const LIMIT: (u32, Duration) = (64, Duration::from_secs(10));

/// Bounds what is told.
#[derive(Debug)]
pub(super) struct Guests {
    allowance: Allowance,
    untold: u64,
}

impl Guests {
    pub(super) fn new(now: Instant) -> Self {
        Self { allowance: Allowance::new(LIMIT, now), untold: 0 }
    }

    /// Tells it, or that more came than is told.
    pub(super) fn tell(&mut self, told: Told, now: Instant, tell: &dyn Fn(What)) {
        if !self.allowance.take(LIMIT, now) {
            self.untold += 1;
            if self.untold == 1 {
                let text = "so many come to the control socket that not all of it is told";
                tell(What::Warning { text: text.into() });
            }
            return;
        }
        if self.untold > 0 {
            let text =
                format!("{} to the control socket were not told", crate::format::count(self.untold, "visit"));
            self.untold = 0;
            tell(What::Warning { text: text.into() });
        }
        tell(told.into());
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::control::Peer;

    #[test]
    fn a_flood_is_told_once_and_counted() {
        let start = Instant::now();
        let mut guests = Guests::new(start);
        let (told, warnings) = (Cell::new(0), Cell::new(0));
        let tell = |what: What| match what {
            What::Warning { .. } => warnings.set(warnings.get() + 1),
            _ => told.set(told.get() + 1),
        };
        let one = || Told::Refused { client: Peer { pid: 1, uid: 0 }, why: "garbage".to_owned() };
        for _ in 0..10_000 {
            guests.tell(one(), start, &tell);
        }
        assert_eq!((told.get(), warnings.get()), (64, 1));
        guests.tell(one(), start + Duration::from_secs(10), &tell);
        assert_eq!((told.get(), warnings.get()), (65, 2), "how many there were");
    }
}
