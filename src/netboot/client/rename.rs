//! Another name for a client.
//!
//! The old name's record says what is going on, and has everything until all is done. Then the record's file itself gets
//! the new name, which is one step: at no time has a path two owners or no owner.

use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::manage::Clients;
use super::names::Name;
use super::record::{Lock, Phase, Record};
use super::{Error, home, set};
use crate::error::{Task, remedy};

/// How far a rename is.
enum Begun {
    /// The old name's record is the one that counts.
    Old(Box<Record>),
    /// The new name has it already; its exports may still be the old ones.
    New,
}

/// The directory that has the client's name.
pub(super) fn own(record: &Record) -> &Path {
    record.layer.as_ref().unwrap_or(&record.root)
}

/// Where a client's directory is that is being renamed, if it was moved and its record doesn't say so yet.
pub(super) fn moved(record: &Record) -> Option<PathBuf> {
    let to = own(record).with_file_name(record.renaming.as_ref()?);
    (!is_there(own(record)) && is_there(&to)).then_some(to)
}

fn is_there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

fn give(record: &mut Record, to: &Path) {
    let from = own(record).to_owned();
    for path in record.made.iter_mut().filter(|path| **path == from) {
        *path = to.to_owned();
    }
    match &mut record.layer {
        Some(layer) => *layer = to.to_owned(),
        None => record.root = to.to_owned(),
    }
}

impl Clients {
    /// Gives a client another name: its directory, its host name, its exports. It takes effect at its next start;
    /// while it runs, what it has mounted stays.
    ///
    /// # Errors
    /// [`Error::NoClient`], [`Error::Exists`], [`Error::Occupied`]; and what changing its files ends with. After an
    /// error, and after a run that was killed, the same can be tried again.
    pub fn rename(&self, old: &Name, new: &Name) -> Result<Record, Error> {
        self.renamable(old, new)?;
        if !rustix::process::geteuid().is_root() {
            return Err(Error::NotRoot);
        }
        let _lock = Lock::take(&self.places.state)?;
        let records = self.records();
        if let Begun::Old(record) = self.renamable(old, new)? {
            self.give_name(*record, new)?;
        }
        // What the record's file is called counts from here on, whatever stands in it.
        let mut renamed = records.need(new)?;
        renamed.was = None;
        if renamed.exported {
            self.export(&records.sound()?.0)?;
        }
        records.write(&renamed)?;
        Ok(renamed)
    }

    /// Whether a client can get this name.
    fn renamable(&self, old: &Name, new: &Name) -> Result<Begun, Error> {
        let records = self.records();
        if old == new {
            let record = records.need(old)?;
            return Err(Error::Cannot {
                what: format!("client `{}` has that name already", record.name),
                hint: "give it another one".into(),
            });
        }
        let there = records.find(new)?;
        let record = match (records.find(old)?, there) {
            (None, Some(there)) if there.was.as_deref() == Some(old.as_str()) => return Ok(Begun::New),
            (None, Some(_)) => records.need(old)?,
            (_, Some(there)) => return Err(Error::Exists { name: there.name, board: there.board }),
            (Some(record), None) => record,
            (None, None) => records.need(old)?,
        };
        if record.phase != Phase::Ready {
            return Err(Error::unfinished(&record));
        }
        if record.becoming.is_some() {
            return Err(set::half_set(&record));
        }
        let all = records.sound()?.0;
        if let Some(other) = all
            .iter()
            .find(|other| other.name != record.name && other.renaming.as_deref() == Some(new.as_str()))
        {
            return Err(half_renamed(other));
        }
        let again = record.renaming.as_deref() == Some(new.as_str());
        if record.renaming.is_some() && !again {
            return Err(half_renamed(&record));
        }
        let to = own(&record).with_file_name(new.as_str());
        if is_there(&to) && own(&record) != to && moved(&record).is_none() {
            return Err(Error::Occupied { path: to });
        }
        Ok(Begun::Old(Box::new(record)))
    }

    /// Up to the step that gives everything to the new name.
    fn give_name(&self, mut record: Record, new: &Name) -> Result<(), Error> {
        let records = self.records();
        let from = own(&record).to_owned();
        let to = from.with_file_name(new.as_str());
        record.renaming = Some(new.to_string());
        records.write(&record)?;
        if from != to && moved(&record).is_none() {
            let (dir, name) = home::around(&from)?;
            match dir.rename_new(&name, &dir, new.as_str()) {
                // It came there a moment ago, and isn't ours.
                Err(Errno::EXIST) => {
                    record.renaming = None;
                    records.write(&record)?;
                    return Err(Error::Occupied { path: to });
                }
                other => other.map_err(Error::os("renaming", &from))?,
            }
            rustix::fs::fsync(&dir).map_err(Error::os("writing out", dir.path()))?;
        }
        give(&mut record, &to);
        records.write(&record)?;
        let mut renamed = record.clone();
        renamed.name = new.to_string();
        self.repair(&renamed)?;
        records.commit(&record, new)
    }
}

/// What to say of a client that is in the middle of getting a name.
pub(super) fn half_renamed(record: &Record) -> Error {
    let new = record.renaming.as_deref().unwrap_or_default();
    Error::Cannot {
        what: format!("client `{}` is half renamed to `{new}`", record.name),
        hint: remedy![Task::ClientRename.of(&record.name).arg(new), " goes on"],
    }
}
