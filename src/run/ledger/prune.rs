//! Which records may go, and their removal. Records gather for years, and nothing else removes one.

use std::ffi::{OsStr, OsString};

use jiff::Timestamp;

use super::{Error, Ledger};
use crate::board::Who;
use crate::run::{Ending, RunId};

/// Which records are meant: those to which each condition applies that is given. Without a condition that is every one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneOptions {
    /// Only runs that began before this moment.
    pub before: Option<Timestamp>,
    /// The latest runs stay, so many.
    pub keep: usize,
    /// Names of files that are no records, or can't be read, and are to go too. Only such a file goes by its name.
    pub damaged: Vec<OsString>,
}

/// A record that may go.
#[derive(Debug, Clone, PartialEq)]
pub struct Old {
    /// The file's name.
    pub name: OsString,
    /// The run, the board and when it began; `None` for a damaged file that was named.
    pub run: Option<(RunId, Who, Timestamp)>,
}

/// What may go, and what stays though it is meant.
#[derive(Debug, Default, PartialEq)]
pub struct Prune {
    /// What goes, the oldest first.
    pub old: Vec<Old>,
    /// Runs that have no end on record and may go on: a process that writes records is there.
    pub unfinished: usize,
    /// Files that are no records or can't be read, and weren't named.
    pub damaged: Vec<OsString>,
    /// Names of damaged files that are no such files.
    pub misnamed: Vec<OsString>,
    /// How many records stay.
    pub kept: usize,
}

impl Ledger {
    /// Finds which records may go. Nothing is removed.
    ///
    /// # Errors
    /// Where the directory can't be read.
    pub fn plan_prune(&self, options: &PruneOptions) -> Result<Prune, Error> {
        // Processes that write records share the lock. Where there are none, what is unfinished now was killed: a process
        // that begins later writes files of its own. A lock belongs to what was opened, so this opens it anew.
        let alone = self.dir.dir(".").and_then(|again| again.lock().map(|()| again));
        let records = self.records()?;
        let nobody_writes = alone.is_ok();
        drop(alone);
        let mut plan = Prune::default();
        let mut latest = 0;
        for found in records.latest_first() {
            let Some(record) = found.record else {
                match options.damaged.contains(&found.name) {
                    true => plan.old.push(Old { name: found.name, run: None }),
                    false => plan.damaged.push(found.name),
                }
                continue;
            };
            latest += 1;
            let meant = latest > options.keep && options.before.is_none_or(|before| record.started < before);
            let may_go_on = record.ending == Ending::Unfinished && !nobody_writes;
            if meant && !may_go_on {
                plan.old
                    .push(Old { name: found.name, run: Some((record.run, record.board, record.started)) });
            } else {
                plan.unfinished += usize::from(meant);
                plan.kept += 1;
            }
        }
        plan.old.reverse();
        plan.damaged.reverse();
        let is_there = |name: &OsString| plan.old.iter().any(|old| old.run.is_none() && old.name == *name);
        plan.misnamed = options.damaged.iter().filter(|name| !is_there(name)).cloned().collect();
        Ok(plan)
    }

    /// Removes one file of a plan. That it is gone already is fine.
    ///
    /// # Errors
    /// Where the system says no.
    pub fn remove(&self, name: &OsStr) -> Result<(), Error> {
        self.dir.unlink(name).map_err(|error| Error::Os {
            doing: "removing",
            path: self.dir.at(name),
            source: error.into(),
        })
    }

    /// Brings what was removed to the disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn settle(&self) -> Result<(), Error> {
        self.dir.sync().map_err(|source| Error::Os {
            doing: "writing",
            path: self.dir.path().to_owned(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Proof, Record, Way};

    fn at(minute: u64) -> Timestamp {
        format!("2026-11-28T10:{minute:02}:00Z").parse().unwrap()
    }

    /// A directory with a record for each minute, with this ending.
    fn ledger(endings: &[Ending]) -> (tempfile::TempDir, Ledger) {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(dir.path()).unwrap();
        for (minute, ending) in endings.iter().enumerate() {
            let minute = minute as u64;
            let record = Record::begin(RunId::new(minute), Way::Flash, Who::named("lab"), at(minute));
            let mut kept = ledger.begin(record).unwrap();
            kept.record.ending = ending.clone();
            ledger.write(&kept).unwrap();
        }
        (dir, ledger)
    }

    fn done() -> Ending {
        Ending::Done { proof: Proof::ReadBack }
    }

    fn minutes(plan: &Prune) -> Vec<i8> {
        let began = plan.old.iter().filter_map(|old| old.run.as_ref());
        began.map(|(_, _, began)| began.to_zoned(jiff::tz::TimeZone::UTC).minute()).collect()
    }

    #[test]
    fn what_is_old_goes_but_not_the_latest() {
        let (_dir, ledger) = ledger(&[const { Ending::Unfinished }; 6].map(|_| done()));
        for (before, keep, gone) in [
            (None, 6, &[][..]),
            (None, 4, &[0, 1]),
            (Some(3), 0, &[0, 1, 2]),
            (Some(3), 4, &[0, 1]),
            (Some(30), 0, &[0, 1, 2, 3, 4, 5]),
            (None, usize::MAX, &[]),
        ] {
            let options = PruneOptions { before: before.map(at), keep, damaged: Vec::new() };
            let plan = ledger.plan_prune(&options).unwrap();
            assert_eq!((minutes(&plan), plan.kept), (gone.to_vec(), 6 - gone.len()), "{options:?}");
        }
        let options = PruneOptions { keep: 4, ..PruneOptions::default() };
        for old in ledger.plan_prune(&options).unwrap().old {
            ledger.remove(&old.name).unwrap();
            ledger.remove(&old.name).unwrap();
        }
        ledger.settle().unwrap();
        assert_eq!(ledger.records().unwrap().count(), 4);
    }

    #[test]
    fn what_may_go_on_stays_until_nobody_writes_records() {
        let (dir, writer) = ledger(&[Ending::Unfinished, done()]);
        let reader = Ledger::existing(dir.path()).unwrap().unwrap();
        let plan = reader.plan_prune(&PruneOptions::default()).unwrap();
        assert_eq!((minutes(&plan), plan.unfinished, plan.kept), (vec![1], 1, 1));
        drop(writer);
        // A program that another test starts holds a copy of the lock until it has begun.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let mut plan = reader.plan_prune(&PruneOptions::default()).unwrap();
        while plan.unfinished > 0 && std::time::Instant::now() < deadline {
            plan = reader.plan_prune(&PruneOptions::default()).unwrap();
        }
        assert_eq!((minutes(&plan), plan.unfinished), (vec![0, 1], 0));
    }

    #[test]
    fn what_is_damaged_stays_unless_it_is_named() {
        let (dir, ledger) = ledger(&[done()]);
        let runs = dir.path().join("runs");
        for name in ["a.json", "b.json", "notes.txt"] {
            std::fs::write(runs.join(name), "{").unwrap();
        }
        let sound = std::fs::read_dir(&runs).unwrap().flatten().map(|entry| entry.file_name());
        let sound = sound.filter(|name| name.len() > 10).max().unwrap();
        let damaged = vec!["b.json".into(), "nope.json".into(), sound.clone(), "notes.txt".into()];
        let options = PruneOptions { keep: 1, damaged, ..PruneOptions::default() };
        let plan = ledger.plan_prune(&options).unwrap();
        assert_eq!(plan.old, [Old { name: "b.json".into(), run: None }]);
        assert_eq!(plan.damaged, ["a.json"]);
        assert_eq!(plan.misnamed, [OsString::from("nope.json"), sound, "notes.txt".into()]);
    }
}
