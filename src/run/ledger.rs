//! Where records of runs are kept: a file each, below `runs` in the state directory.

mod prune;
mod records;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, AtFlags, CWD, Mode};
use rustix::io::Errno;

use super::{Record, RunId};
use crate::beneath::{self, Dir};
use crate::error::{Action, Explain, Kind, Remedy, Task, remedy};
use crate::format::json;
use crate::stop::until;

pub use prune::{Old, Prune, PruneOptions};
pub use records::{Found, Records};

/// The directory below the state directory.
pub(crate) const DIR: &str = "runs";

/// A record is this long at most; what is longer was not written by piprov.
pub(crate) const LONGEST: u64 = 16 << 20;

/// How long another process may have the directory's lock for itself.
const LOCK: Duration = Duration::from_secs(1);

/// Why a record can't be kept, or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system says no.
    #[error("{doing} {}", path.display())]
    Os {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A run was done, and its record doesn't say so.
    #[error("a record can't be completed: {why}")]
    Incomplete {
        /// What happened, as a sentence.
        why: String,
    },
    /// No random numbers for the name of a run.
    #[error("the system has no random numbers for a run's name")]
    NoChance {
        /// What the system says.
        source: io::Error,
    },
    /// What was read again is not what was written.
    #[error("the record {} was read again, and is not what was written", path.display())]
    NotEqual {
        /// The record.
        path: PathBuf,
    },
    /// No record of that name.
    #[error("there is no record of a run {id} in {}", dir.display())]
    NoRun {
        /// What was looked for.
        id: String,
        /// Where.
        dir: PathBuf,
    },
    /// Several runs have names that begin so.
    #[error("{count} runs have names that begin with {id}")]
    Many {
        /// What was looked for.
        id: String,
        /// How many there are.
        count: usize,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Os { source, .. } => Kind::of_io(source),
            Self::NotEqual { .. } | Self::NoChance { .. } | Self::Incomplete { .. } => Kind::Io,
            Self::NoRun { .. } | Self::Many { .. } => Kind::NoInput,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Os { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("make room there; nothing is done to a board whose run can't be recorded".into())
            }
            Self::Os { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Some(remedy![
                Action::AsRoot,
                ", or record runs in a directory of this user's: the variable PIPROV_STATE_DIR or the setting state-dir names \
                 it (",
                Task::ConfigShow,
                ")",
            ]),
            Self::Os { .. } => {
                let place = "runs are recorded where the setting state-dir says: ";
                Some(remedy![place, Task::ConfigShow])
            }
            Self::NotEqual { .. } => Some("look at the disk, and at the kernel's log".into()),
            Self::NoRun { .. } | Self::Many { .. } => Some(remedy![Task::RunList, " shows their names"]),
            _ => None,
        }
    }
}

/// The directory with the records. One that was opened to write shares the directory's lock as long as it lives: so
/// what is unfinished can be told from what was killed.
#[derive(Debug)]
pub struct Ledger {
    dir: Dir,
    /// Its group may read the records.
    shared: bool,
}

/// A record that is kept while its run goes on.
#[derive(Debug)]
pub struct Kept {
    /// What is kept.
    pub record: Record,
    name: String,
}

impl Kept {
    /// A record that isn't kept.
    pub(super) fn nowhere(record: Record) -> Self {
        Self { record, name: String::new() }
    }
}

impl Ledger {
    /// Opens it; makes it, and what is above it, where it is missing. What a run that was killed left half written is
    /// removed.
    ///
    /// # Errors
    /// Where that can't be done.
    pub fn open(state_dir: &Path) -> Result<Self, Error> {
        let failed = |doing, path: &Path| {
            let path = path.to_owned();
            move |source: io::Error| Error::Os { doing, path, source }
        };
        std::fs::create_dir_all(state_dir).map_err(failed("making", state_dir))?;
        let state = Dir::open(state_dir).map_err(|error| failed("opening", state_dir)(error.into()))?;
        let (dir, made) =
            state.make(DIR, 0o700).map_err(|error| failed("making", &state.at(DIR))(error.into()))?;
        if made {
            state.sync().map_err(failed("writing", state_dir))?;
        }
        // What a reset command or a board said stands in records; it is for nobody else to read, but for the group of a
        // directory that gives its group to what is made in it: that is how the station sees them. Of another user's
        // directory the mode stays.
        let shared = is_shared(&dir);
        let mode = if shared { Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::SGID } else { Mode::RWXU };
        let _ = rustix::fs::fchmod(&dir, mode);
        // Not only when the first record is to be written, which a board has then waited for.
        rustix::fs::accessat(&dir, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
            .map_err(|error| failed("writing into", dir.path())(error.into()))?;
        dir.sweep().map_err(failed("tidying up", dir.path()))?;
        share(&dir);
        Ok(Self { dir, shared })
    }

    /// Looks whether [`Self::open`] could: nothing is made or changed.
    ///
    /// # Errors
    /// What it would be told.
    pub fn would_open(state_dir: &Path) -> Result<(), Error> {
        let path = state_dir.join(DIR);
        let mut at = path.as_path();
        loop {
            let here = if at.as_os_str().is_empty() { Path::new(".") } else { at };
            let mine = rustix::fs::accessat(CWD, here, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS);
            let source = match mine {
                Ok(()) if here.is_dir() => return Ok(()),
                Ok(()) => Errno::NOTDIR,
                Err(Errno::NOENT) => match at.parent() {
                    Some(parent) => {
                        at = parent;
                        continue;
                    }
                    None => Errno::NOENT,
                },
                Err(error) => error,
            };
            let (doing, path) = match at {
                at if at == path => ("writing into", path),
                at if at == state_dir => ("making", path),
                _ => ("making", state_dir.to_owned()),
            };
            return Err(Error::Os { doing, path, source: source.into() });
        }
    }

    /// Opens it to read, where it is there; nothing is made or tidied up.
    ///
    /// # Errors
    /// Where it is there and can't be opened.
    pub fn existing(state_dir: &Path) -> Result<Option<Self>, Error> {
        let path = state_dir.join(DIR);
        match Dir::open(&path) {
            Ok(dir) => Ok(Some(Self { shared: is_shared(&dir), dir })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(Error::Os { doing: "opening", path, source: error.into() }),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes the record of a run that begins. Nothing may be done to the board before this returns.
    ///
    /// # Errors
    /// Where it can't be written, or what is read again differs.
    pub fn begin(&self, record: Record) -> Result<Kept, Error> {
        let started = record.started.strftime("%Y%m%dT%H%M%SZ");
        // A label may have anything in it; a file name keeps what every file system and shell takes.
        let label: String = record.board.label().chars().take(64).map(plain).collect();
        let name = format!("{started}-{label}-{}.json", record.run);
        let kept = Kept { record, name };
        self.write(&kept)?;
        Ok(kept)
    }

    /// Writes it again: it goes on, or has ended.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn write(&self, kept: &Kept) -> Result<PathBuf, Error> {
        let path = self.dir.at(&kept.name);
        let failed = |doing| {
            let path = path.clone();
            move |source: io::Error| Error::Os { doing, path, source }
        };
        let text = json::pretty(&kept.record).map_err(|error| failed("writing")(error.into()))? + "\n";
        let mode = if self.shared { 0o640 } else { 0o600 };
        self.dir
            .replace_file(&kept.name, text.as_bytes(), beneath::Access::Mode(mode))
            .map_err(failed("writing"))?;
        let again = self.dir.read(&kept.name, LONGEST).map_err(failed("reading"))?;
        match serde_json::from_slice::<Record>(&again) {
            Ok(record) if record == kept.record => Ok(path),
            _ => Err(Error::NotEqual { path }),
        }
    }

    /// The one run whose name begins so.
    ///
    /// # Errors
    /// Where no record matches, or several.
    pub fn one(&self, id: &str) -> Result<Record, Error> {
        let (mut found, mut count) = (None, 0);
        for record in self.records()?.filter_map(|found| found.record) {
            if !id.is_empty() && record.run.as_str().starts_with(id) {
                count += 1;
                found = Some(record);
            }
        }
        match (found, count) {
            (Some(record), 1) => Ok(record),
            (None, _) => Err(Error::NoRun { id: id.to_owned(), dir: self.dir.path().to_owned() }),
            (Some(_), count) => Err(Error::Many { id: id.to_owned(), count }),
        }
    }
}

/// Whether what is made in a directory belongs to the directory's group.
fn is_shared(dir: &Dir) -> bool {
    rustix::fs::fstat(dir).is_ok_and(|stat| Mode::from_raw_mode(stat.st_mode).contains(Mode::SGID))
}

/// Shares the lock. [`Ledger::plan_prune`] has it for itself for the time that it takes to read a directory's names. On a
/// file system without locks it can't have it either, and leaves alone what is unfinished.
fn share(dir: &Dir) {
    let deadline = std::time::Instant::now() + LOCK;
    while let Err(Errno::WOULDBLOCK | Errno::INTR) = dir.share_lock() {
        let now = std::time::Instant::now();
        if now >= deadline {
            return;
        }
        // There is no way to wait for a lock with a limit.
        let _ = until(&mut [], Some(now + LOCK / 500));
    }
}

fn plain(char: char) -> char {
    if char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '_') { char } else { '_' }
}

/// A name that no other run has.
///
/// # Errors
/// Where the system has no random numbers.
pub fn new_id() -> Result<RunId, Error> {
    let mut bytes = [0; 8];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(|source| Error::NoChance { source: source.into() })?;
    debug_assert!(filled == bytes.len(), "so few bytes always come at once");
    Ok(RunId::new(u64::from_le_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Who;
    use crate::run::{Ending, Proof, SCHEMA, Stage, Way};
    use std::os::unix::fs::symlink;

    fn record(label: &str, number: u64) -> Record {
        let started = format!("2026-11-28T10:00:{:02}Z", number % 60).parse().unwrap();
        Record::begin(RunId::new(number), Way::Flash, Who::named(label), started)
    }

    #[test]
    fn a_run_is_on_disk_before_it_does_anything_and_again_when_it_ended() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&dir.path().join("state")).unwrap();
        let mut kept = ledger.begin(record("lab-01", 7)).unwrap();
        let path = dir.path().join("state/runs/20261128T100007Z-lab-01-000000000007.json");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(r#""outcome": "unfinished""#), "{text}");
        let endings = [
            Ending::Done { proof: Proof::ReadBack },
            Ending::NotVerified { why: "x".into(), hint: None },
            Ending::Failed {
                why: "x".into(),
                last_seen: Some("y".into()),
                hint: Some("z".into()),
                kind: Kind::Busy,
            },
            Ending::Lost { why: "x".into(), hint: None },
        ];
        for ending in endings {
            kept.record.ending = ending;
            kept.record.stage = Stage::Write;
            kept.record.seconds = Some(1.25);
            kept.record.detail = serde_json::json!({ "image": { "name": "x.img" } });
            assert_eq!(ledger.write(&kept).unwrap(), path);
            // Every kind of ending comes back as it was, the kind of failure too.
            assert_eq!(ledger.one("0000").unwrap(), kept.record);
        }
        assert_eq!(ledger.records().unwrap().count(), 1);
    }

    #[test]
    fn the_group_reads_records_only_where_the_directory_says_so() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let dir = tempfile::tempdir().unwrap();
        let runs = dir.path().join("runs");
        let modes = |number| {
            let ledger = Ledger::open(dir.path()).unwrap();
            let kept = ledger.begin(record("a", number)).unwrap();
            let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o7777;
            (mode(&runs), mode(&ledger.write(&kept).unwrap()))
        };
        assert_eq!(modes(1), (0o700, 0o600));
        std::fs::set_permissions(&runs, std::fs::Permissions::from_mode(0o2750)).unwrap();
        assert_eq!(modes(2), (0o2750, 0o640));
    }

    #[test]
    fn names_of_boards_make_no_paths() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(dir.path()).unwrap();
        ledger.begin(record("../../etc/x\u{1b}[2J", 1)).unwrap();
        ledger.begin(record(&"x".repeat(500), 2)).unwrap();
        assert_eq!(ledger.records().unwrap().count(), 2);
        assert_eq!(Dir::open(dir.path()).unwrap().names().unwrap(), ["runs"]);
    }

    #[test]
    fn what_is_no_record_is_counted_and_harms_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(dir.path()).unwrap();
        ledger.begin(record("b", 2)).unwrap();
        ledger.begin(record("a", 1)).unwrap();
        let at = |name: &str| dir.path().join("runs").join(name);
        std::fs::write(at("bad.json"), "{").unwrap();
        symlink("/dev/zero", at("zero.json")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("pipe.json"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from(0o600),
            0,
        )
        .unwrap();
        std::fs::write(at("notes.txt"), "mine").unwrap();
        let labels = |records: Records<'_>| {
            let (records, left_out): (Vec<_>, Vec<_>) = records.partition(|found| found.record.is_some());
            let labels = records.into_iter().filter_map(|found| Some(found.record?.board.label()));
            (labels.collect::<Vec<_>>().join(" "), left_out.len())
        };
        assert_eq!(labels(ledger.records().unwrap()), ("a b".to_owned(), 3));
        assert_eq!(labels(ledger.records().unwrap().latest_first()), ("b a".to_owned(), 3));
        assert!(matches!(ledger.one("0"), Err(Error::Many { count: 2, .. })));
        assert!(matches!(ledger.one("ff"), Err(Error::NoRun { .. })));
        assert!(matches!(ledger.one(""), Err(Error::NoRun { .. })));
    }

    #[test]
    fn whether_it_could_be_opened_is_seen_without_making_anything() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        for state in ["", "a", "a/b/c"] {
            Ledger::would_open(&dir.path().join(state)).unwrap();
        }
        for state in [&file, &file.join("a/b")] {
            let error = Ledger::would_open(state).unwrap_err();
            assert!(matches!(error, Error::Os { .. }) && Ledger::open(state).is_err(), "{error}");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        Ledger::open(dir.path()).unwrap();
        Ledger::would_open(dir.path()).unwrap();
    }

    #[test]
    fn the_first_form_stays_readable() {
        let old = r#"{
            "schema": 1, "job": "0123456789ab", "target": "lab-02", "mac": "dc:a6:32:01:02:04", "ip": "10.0.0.3",
            "started": "2026-11-20T14:02:11Z", "seconds": 271.5, "stage": "write", "outcome": "failed",
            "why": "the board reports that mmc write failed", "last_seen": null, "hint": "the card may be worn",
            "image": { "name": "x.img.xz", "format": "xz", "raw_len": 5, "file_sha256": null, "raw_sha256": null },
            "card": null, "bytes": 2856321024, "steps": []
        }"#;
        let record = Record::read(old.as_bytes()).unwrap();
        assert_eq!((record.schema, record.run.as_str(), record.way), (SCHEMA, "0123456789ab", Way::Flash));
        assert_eq!((record.board.label().as_str(), record.stage), ("lab-02", Stage::Write));
        assert_eq!(record.ending.kind(), Some(Kind::Failed));
        assert_eq!(record.detail["image"]["name"], "x.img.xz");
        let done = old.replace(r#""outcome": "failed""#, r#""outcome": "done""#);
        let record = Record::read(done.as_bytes()).unwrap();
        assert_eq!(record.ending, Ending::Done { proof: Proof::ReadBack });
        assert!(Record::read(br#"{"schema":3}"#).is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = super::Record::read(&bytes);
        }
    }
}
