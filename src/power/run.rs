//! Resetting a board as a run: recorded before anything is touched, and told.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Error, Power};
use crate::board::Who;
use crate::error::{Explain, chain};
use crate::run::{Detail, Ending, Proof, Record, Runs, Stage, Way, ledger, members};
use crate::stop::Stop;

/// What the record of a reset says beside what every record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reset {
    /// What was done: `gpiochip0:17 low for 0.5 s, then released`.
    pub how: String,
}

impl Reset {
    /// That of a record; `None` where it isn't one of a reset.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        if record.way != Way::Reset {
            return None;
        }
        serde_json::from_value(record.detail.clone()).ok()
    }
}

/// The reset goes out now.
#[derive(Debug, Serialize)]
struct Resetting {
    how: String,
}

impl Detail for Resetting {
    fn word(&self) -> &'static str {
        "resetting"
    }

    fn line(&self) -> Option<String> {
        Some(format!("reset {}", self.how))
    }

    fn facts(&self) -> Map<String, Value> {
        members(self)
    }
}

/// Resets a board after `wait`. The outcome is in the record; whether the board started isn't looked at, so the
/// proof of a success is [`Proof::Host`].
///
/// # Errors
/// When the run can't be recorded; then nothing was done.
pub fn reset(
    board: Who,
    power: &mut dyn Power,
    wait: Duration,
    runs: &Runs,
    stop: &Stop,
) -> Result<Record, ledger::Error> {
    let how = power.describe();
    let detail = Reset { how: power.describe_to_all() };
    let mut running = runs.begin_with(Way::Reset, board, Stage::Reset, &detail, Vec::new())?;
    let done = if stop.wait(wait) {
        Err(Error::Interrupted)
    } else {
        running.detail(Resetting { how });
        power.reset(stop)
    };
    let ending = match done {
        Ok(()) => Ending::Done { proof: Proof::Host },
        Err(error) => {
            Ending::Failed { why: chain(&error), last_seen: None, hint: error.hint(), kind: error.kind() }
        }
    };
    Ok(running.end(ending).clone())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::error::Kind;
    use crate::run::ledger::Ledger;

    struct Line(Option<Error>);

    impl Power for Line {
        fn reset(&mut self, _stop: &Stop) -> Result<(), Error> {
            self.0.take().map_or(Ok(()), Err)
        }

        fn describe(&self) -> String {
            "gpiochip0:17 low for 0.5 s".to_owned()
        }
    }

    #[test]
    fn each_attempt_is_on_record() {
        let dir = tempfile::tempdir().unwrap();
        let (tell, told) = channel();
        let runs = Runs::new(Arc::new(tell), Ledger::open(dir.path()).unwrap());
        let stop = Stop::new().unwrap();
        let no_reset = Error::NotConfigured { target: "lab-02".into() };
        for (name, error, kind) in [("lab-01", None, None), ("lab-02", Some(no_reset), Some(Kind::Config))] {
            let record = reset(Who::named(name), &mut Line(error), Duration::ZERO, &runs, &stop).unwrap();
            assert_eq!((record.ending.kind(), record.board.label()), (kind, name.to_owned()));
            assert_eq!(Reset::of(&record).unwrap().how, "gpiochip0:17 low for 0.5 s");
        }
        stop.set();
        let record =
            reset(Who::named("lab-03"), &mut Line(None), Duration::from_secs(9), &runs, &stop).unwrap();
        assert_eq!(record.ending.kind(), Some(Kind::Interrupted));
        let words: Vec<_> = told.try_iter().map(|event| event.what.word()).collect();
        let each = ["began", "resetting", "ended"];
        assert_eq!(words, [&each[..], &each[..], &["began", "ended"]].concat());
        assert_eq!(Ledger::open(dir.path()).unwrap().records().unwrap().count(), 3);
    }
}
