//! A host whose network is changed: each file as a whole, in the order of the plan, with the record of it first.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;

use super::look::LONGEST;
use super::plan::{Change, Contents, Plan, Step};
use super::proof::Doubt;
use super::{Error, Record};
use crate::beneath::{Access, Dir};
use crate::stop::Stop;

/// The root of this host, or of another one, held open.
#[derive(Debug)]
pub struct Site {
    root: Dir,
    live: bool,
}

/// How what a record tells stands now.
#[derive(Debug)]
pub enum Stands {
    /// As it was made.
    Whole(Vec<Doubt>),
    /// The files are as they were made, and something doesn't hold.
    Not(Error),
    /// Some files are as they were before: it was cut short.
    Half,
    /// These files were changed by somebody.
    Changed(Vec<PathBuf>),
}

/// What is being done, or waited for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Doing<'a> {
    /// A step begins.
    Step(&'a Step),
    /// A step failed, and what it was to do isn't needed.
    Needless {
        /// The step.
        step: &'a Step,
        /// What it said.
        said: &'a str,
    },
    /// An interface is to get its address.
    Address {
        /// Its name.
        interface: &'a str,
        /// The address, with its prefix.
        address: &'a str,
        /// So long at most.
        patience: Duration,
    },
    /// The rules for the boards' way out are read back.
    Rules,
    /// An interface is to lose its address.
    Gone {
        /// Its name.
        interface: &'a str,
        /// The address, with its prefix.
        address: &'a str,
    },
}

/// What a place is, compared with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    Before,
    After,
    Other,
}

impl Site {
    /// Opens it. `/` is this host.
    ///
    /// # Errors
    /// Where there is no such directory.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let dir = Dir::open(root).map_err(|error| Error::os("opening", root)(error.into()))?;
        let same = |one: &rustix::fs::Stat, other: &rustix::fs::Stat| {
            (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
        };
        let live = match (rustix::fs::fstat(&dir), rustix::fs::stat("/")) {
            (Ok(one), Ok(other)) => same(&one, &other),
            _ => false,
        };
        Ok(Self { root: dir, live })
    }

    /// Whether it is the host that this program runs on.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.live
    }

    pub(super) const fn root(&self) -> &Dir {
        &self.root
    }

    /// Whose files settings are: root's, or this user's where the root is not this host's.
    pub(super) fn owner(&self) -> u32 {
        if self.live { 0 } else { rustix::process::geteuid().as_raw() }
    }

    fn os(&self, doing: &'static str, path: &str) -> impl FnOnce(io::Error) -> Error {
        Error::os(doing, self.root.at(path))
    }

    /// Does what a plan says and reads it back. The record of it is written first, so that it can be taken back whatever
    /// happens. Each step is told before it is done.
    ///
    /// # Errors
    /// Where something isn't as the plan has it, can't be done, or isn't there afterwards.
    pub fn carry_out(
        &self,
        plan: &Plan,
        stop: &Stop,
        tell: &mut dyn FnMut(Doing<'_>),
    ) -> Result<Vec<Doubt>, Error> {
        let changed: Vec<_> = self.others(plan)?;
        if !changed.is_empty() {
            return Err(Error::Changed { paths: changed });
        }
        self.try_rules(plan, stop)?;
        let before = self.record()?;
        let mut record = before.filter(|record| record.plan == *plan).unwrap_or_else(|| Record::of(plan));
        self.make_dir("etc/piprov", &mut record.dirs)?;
        self.write_record(&record)?;
        self.steps(&plan.apply.before, stop, tell)?;
        for change in &plan.changes {
            if self.is(change)? == Is::After {
                continue;
            }
            let (dir, _) = parts(&change.path);
            let known = record.dirs.len();
            self.make_dir(dir, &mut record.dirs)?;
            if record.dirs.len() > known {
                self.write_record(&record)?;
            }
            self.make(change)?;
            if self.is(change)? != Is::After {
                return Err(Error::Unlike { path: self.root.at(&change.path) });
            }
        }
        self.steps(&plan.apply.after, stop, tell)?;
        self.prove_patiently(plan, stop, tell)
    }

    /// How what was changed stands now.
    ///
    /// # Errors
    /// Where that can't be known.
    pub fn stands(&self, record: &Record, stop: &Stop) -> Result<Stands, Error> {
        let changed = self.others(&record.plan)?;
        if !changed.is_empty() {
            return Ok(Stands::Changed(changed));
        }
        for change in &record.plan.changes {
            if self.is(change)? != Is::After {
                return Ok(Stands::Half);
            }
        }
        match self.prove(&record.plan, Duration::ZERO, stop, &mut |_| {}) {
            Ok(doubts) => Ok(Stands::Whole(doubts)),
            Err(Error::Stopped) => Err(Error::Stopped),
            Err(error) => Ok(Stands::Not(error)),
        }
    }

    /// The places that are neither as before nor as the plan makes them.
    pub(super) fn others(&self, plan: &Plan) -> Result<Vec<PathBuf>, Error> {
        let mut others = Vec::new();
        for change in &plan.changes {
            if self.is(change)? == Is::Other {
                others.push(self.root.at(&change.path));
            }
        }
        Ok(others)
    }

    /// What a place is now. No link is followed, neither there nor on the way.
    pub(super) fn is(&self, change: &Change) -> Result<Is, Error> {
        let path = change.path.as_str();
        let missing = || if change.before.is_none() { Is::Before } else { Is::Other };
        let stat = match self.root.stat(path) {
            Ok(None) => return Ok(missing()),
            Ok(Some(stat)) => stat,
            // A link on the way.
            Err(Errno::LOOP) => return Ok(Is::Other),
            Err(error) => return Err(self.os("reading", path)(error.into())),
        };
        let kind = rustix::fs::FileType::from_raw_mode(stat.st_mode);
        match &change.after {
            Contents::Link { target } => {
                let (dir, name) = parts(path);
                let found = self.root.dir(dir).and_then(|dir| dir.target(name));
                Ok(if found.is_ok_and(|found| found == OsStr::new(target)) { Is::After } else { Is::Other })
            }
            Contents::File { .. } if kind != rustix::fs::FileType::RegularFile => Ok(Is::Other),
            Contents::File { text, .. } => {
                let bytes = match self.root.read(path, LONGEST + text.len() as u64) {
                    Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Ok(Is::Other),
                    read => read.map_err(self.os("reading", path))?,
                };
                // Somebody else's file is somebody else's, whatever is in it.
                let own = change.before.is_some() || stat.st_uid == self.owner();
                Ok(if bytes == text.as_bytes() && own {
                    Is::After
                } else if change.before.as_ref().is_some_and(|before| before.as_bytes() == bytes) {
                    Is::Before
                } else {
                    Is::Other
                })
            }
        }
    }

    /// Opens a directory that settings are in, makes what is missing of it, and notes that.
    fn make_dir(&self, path: &str, made: &mut Vec<String>) -> Result<(), Error> {
        let mut at = self.root.again().map_err(|error| self.os("opening", "")(error.into()))?;
        let mut below = String::new();
        for name in path.split('/') {
            below = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            let (dir, is_new) =
                at.make(name, 0o755).map_err(|error| self.os("making", &below)(error.into()))?;
            if is_new {
                at.sync().map_err(self.os("making", &below))?;
                made.push(below.clone());
            }
            at = dir;
        }
        Ok(())
    }

    fn make(&self, change: &Change) -> Result<(), Error> {
        let failed = || self.os("writing", &change.path);
        let (dir, name) = parts(&change.path);
        let dir = self.root.dir(dir).map_err(|error| failed()(error.into()))?;
        match &change.after {
            Contents::Link { target } => {
                dir.symlink(name, target).map_err(|error| failed()(error.into()))?;
                dir.sync().map_err(failed())
            }
            Contents::File { text, mode } => {
                let access =
                    if change.before.is_some() { Access::AsBefore(*mode) } else { Access::Mode(*mode) };
                let new = dir.new_file(name, access).map_err(failed())?;
                io::Write::write_all(&mut new.file(), text.as_bytes()).map_err(failed())?;
                // What came meanwhile isn't replaced.
                let put = if change.before.is_some() { new.replace() } else { new.put() };
                put.map(drop).map_err(failed())
            }
        }
    }

    /// Puts back what was there. A file that was changed keeps the times that it had until then, as far as they are known.
    pub(super) fn unmake(&self, change: &Change) -> Result<(), Error> {
        let failed = || self.os("putting back", &change.path);
        let (dir, name) = parts(&change.path);
        let dir = self.root.dir(dir).map_err(|error| failed()(error.into()))?;
        match &change.before {
            None => dir.remove_file(name).map_err(failed()),
            Some(before) => {
                dir.replace_file(name, before.as_bytes(), Access::AsBefore(0o644)).map_err(failed())
            }
        }
    }
}

/// A path's directory and its name there.
pub(super) fn parts(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or((".", path))
}
