//! Making a client as a run: recorded before anything is made, and told.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Error, Prepared, Record};
use crate::board::Who;
use crate::error::{Explain, Remedy, chain};
use crate::netboot::content::place::Prefix;
use crate::progress::Progress;
use crate::run::{self, Detail, Ending, Proof, Running, Runs, Stage, Way, Weight, ledger, members};

/// What the record of such a run says beside what every record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// The client, as it was made or was to be made.
    pub client: Record,
}

impl Added {
    /// That of a record; `None` where it isn't one of making a client.
    #[must_use]
    pub fn of(record: &run::Record) -> Option<Self> {
        if record.way != Way::ClientAdd {
            return None;
        }
        serde_json::from_value(record.detail.clone()).ok()
    }
}

/// A piece of work begins.
#[derive(Debug, Serialize)]
struct Work {
    work: &'static str,
}

impl Detail for Work {
    fn word(&self) -> &'static str {
        "work"
    }

    fn line(&self) -> Option<String> {
        Some(self.work.to_owned())
    }

    fn weight(&self) -> Weight {
        Weight::Fine
    }

    fn at(&self) -> Option<String> {
        Some(self.work.to_owned())
    }

    fn facts(&self) -> Map<String, Value> {
        members(self)
    }
}

/// Tells how the work goes on. Copying and comparing tell from where they are.
pub(super) struct Telling<'a>(Mutex<&'a mut Running>);

impl<'a> Telling<'a> {
    fn running(&self) -> MutexGuard<'_, &'a mut Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A piece of work begins; a gerund.
    pub(super) fn begin(&self, stage: Stage, work: &'static str) {
        let mut running = self.running();
        running.set(stage, 0, None);
        running.detail(Work { work });
    }

    /// Something that should be known.
    pub(super) fn warn(&self, text: impl Into<Remedy>) {
        self.running().warn(text);
    }
}

impl Progress for Telling<'_> {
    fn at(&self, done: u64, total: Option<u64>) {
        self.running().advance(done, total);
    }
}

impl Record {
    /// The client's board, as it is known by the record.
    #[must_use]
    pub fn who(&self) -> Who {
        let mut who = Who::named(self.name.clone());
        match self.board.parse() {
            Ok(Prefix::Mac(mac)) => who.mac = Some(mac),
            Ok(Prefix::Serial(serial)) => who.serial = Some(serial),
            Err(_) => {}
        }
        who
    }
}

impl Prepared<'_> {
    /// Makes the client. Whatever fails, and Ctrl-C, takes back what was made; why is in the run's record.
    ///
    /// # Errors
    /// When the run can't be recorded; then nothing was made.
    pub fn run(self, runs: &Runs) -> Result<run::Record, ledger::Error> {
        let (who, added) = (self.record().who(), Added { client: self.record().clone() });
        let mut running = runs.begin_with(Way::ClientAdd, who, Stage::Prepare, &added, self.notes())?;
        let made: Result<Record, Error> = self.carry_out(&Telling(Mutex::new(&mut running)));
        let ending = match made {
            Ok(client) => {
                running.keep(&Added { client });
                running.set(Stage::Done, 0, None);
                Ending::Done { proof: Proof::ReadBack }
            }
            Err(error) => {
                Ending::Failed { why: chain(&error), last_seen: None, hint: error.hint(), kind: error.kind() }
            }
        };
        Ok(running.end(ending).clone())
    }
}
