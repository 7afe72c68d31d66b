//! The records in their order, one after the other: so many may have gathered that they don't fit into memory.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::Path;

use super::{Error, LONGEST, Ledger};
use crate::run::Record;

/// The beginning of a file's name: when the run began, to the second.
const SECOND: usize = "20261128T100007Z".len();

/// A file in the records' directory.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its name there.
    pub name: OsString,
    /// The record; `None` for a file that is no record, or can't be read.
    pub record: Option<Record>,
}

/// All records, in the order in which their runs began, or in the opposite one. Only the records of one second are in
/// memory at a time.
#[derive(Debug)]
pub struct Records<'a> {
    ledger: &'a Ledger,
    names: VecDeque<OsString>,
    second: VecDeque<Found>,
    latest_first: bool,
}

impl Ledger {
    /// All records, the oldest first.
    ///
    /// # Errors
    /// Where the directory can't be read.
    pub fn records(&self) -> Result<Records<'_>, Error> {
        let names = self.dir.names().map_err(|error| Error::Os {
            doing: "reading",
            path: self.dir.path().to_owned(),
            source: error.into(),
        })?;
        let is_json = |name: &OsString| Path::new(name).extension().is_some_and(|end| end == "json");
        let names = names.into_iter().filter(is_json).collect();
        Ok(Records { ledger: self, names, second: VecDeque::new(), latest_first: false })
    }

    /// The record in a file, if it is one.
    fn read(&self, name: &OsString) -> Option<Record> {
        self.dir.read(name, LONGEST).ok().and_then(|bytes| Record::read(&bytes))
    }
}

impl Records<'_> {
    /// The same, the latest first.
    #[must_use]
    pub fn latest_first(self) -> Self {
        Self { latest_first: true, ..self }
    }

    /// Reads all at once, and says how many files are no records, or can't be read: where there are few.
    #[must_use]
    pub fn read(self) -> (Vec<Record>, usize) {
        let mut left_out = 0;
        let records = self.filter_map(|found| {
            left_out += usize::from(found.record.is_none());
            found.record
        });
        (records.collect(), left_out)
    }

    fn take(&mut self) -> Option<OsString> {
        if self.latest_first { self.names.pop_back() } else { self.names.pop_front() }
    }

    fn peek(&self) -> Option<&OsString> {
        if self.latest_first { self.names.back() } else { self.names.front() }
    }
}

fn second(name: &OsString) -> Vec<u8> {
    name.as_encoded_bytes().iter().take(SECOND).copied().collect()
}

impl Iterator for Records<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if self.second.is_empty() {
            let first = self.take()?;
            let began = second(&first);
            let mut names = vec![first];
            while self.peek().is_some_and(|name| second(name) == began) {
                names.extend(self.take());
            }
            let read = |name| Found { record: self.ledger.read(&name), name };
            let mut found: Vec<_> = names.into_iter().map(read).collect();
            // The name has whole seconds, and then the board's.
            found.sort_by(|one, other| {
                let key = |found: &Found| {
                    found.record.as_ref().map(|record| (record.started, record.run.as_str().to_owned()))
                };
                key(one).cmp(&key(other))
            });
            if self.latest_first {
                found.reverse();
            }
            self.second = found.into();
        }
        self.second.pop_front()
    }
}
