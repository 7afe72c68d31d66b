//! What goes with a client, and what stays for others.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use rustix::io::Errno;

use super::add::absolute;
use super::checklist::Mode;
use super::manage::{Clients, owns};
use super::names::Name;
use super::record::{Phase, Record};
use super::{Error, home, rename, set};
use crate::beneath::Dir;
use crate::error::{Action, Remedy, remedy};

/// A client that was, or would be, removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// What it was.
    pub record: Record,
    /// Its directories that go.
    pub paths: Vec<PathBuf>,
    /// Why its shared root stays, where another client may have it that nobody knows of.
    pub kept: Option<Kept>,
}

/// A shared root that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The root.
    pub root: PathBuf,
    /// Boot files of a board with that root, which no record has.
    pub boot: PathBuf,
}

impl Kept {
    /// What to say of it.
    #[must_use]
    pub fn text(&self) -> Remedy {
        remedy![
            format!(
                "{} stays: the boot files in {} name it, and no record says whose they are: a board may run on it. When none does, ",
                self.root.display(),
                self.boot.display()
            ),
            Action::host_as_root("rm -r").arg(self.root.display()).arg(self.boot.display()),
        ]
    }
}

impl Clients {
    /// Removes a client: its exports, its root, its boot files. A root that it shares goes with the last that has it.
    ///
    /// # Errors
    /// [`Error::NoClient`]; for the last client of a shared root, when another record can't be read; and what removing ends
    /// with. It can be tried again.
    pub fn remove(&self, name: &Name) -> Result<Removed, Error> {
        let (_lock, record) = self.locked(name)?;
        let removed = self.removal(record)?;
        let kept = self.undo(&removed.record)?;
        Ok(Removed { kept, ..removed })
    }

    /// Says what [`Self::remove`] would do. Nothing is written.
    ///
    /// # Errors
    /// Those of [`Self::remove`].
    pub fn would_remove(&self, name: &Name) -> Result<Removed, Error> {
        self.removal(self.one(name)?)
    }

    fn removal(&self, record: Record) -> Result<Removed, Error> {
        let (all, damaged) = self.sound()?;
        let others: Vec<Record> = all.into_iter().filter(|other| other.name != record.name).collect();
        let mut paths = vec![record.boot.clone()];
        paths.extend(record.layer.clone());
        let mut kept = None;
        if record.mode != Mode::Overlay {
            paths.push(record.root.clone());
        } else if !others.iter().any(|other| owns(other, &record.root)) {
            // Whoever can't be read may have it.
            if let Some(error) = damaged.into_iter().next() {
                return Err(error);
            }
            kept = self.kept(&record, &others)?;
            if kept.is_none() {
                paths.push(record.root.clone());
            }
        }
        Ok(Removed { record, paths, kept })
    }

    /// Takes back what was made for a client, whatever phase it is in. It may be done again after it was interrupted.
    pub(super) fn undo(&self, record: &Record) -> Result<Option<Kept>, Error> {
        let records = self.records();
        let mut going = record.clone();
        going.phase = Phase::Removing;
        let (mut others, damaged) = records.sound()?;
        others.retain(|other| other.name != record.name);
        let last = record.mode == Mode::Overlay && !others.iter().any(|other| owns(other, &record.root));
        let kept = if last { self.kept(record, &others)? } else { None };
        records.write(&going)?;
        // First nobody may mount it any more.
        if record.exported {
            let told = self.export(&others);
            // If it was never ready, this may be what failed before.
            if record.phase != Phase::Making {
                told?;
            }
        }
        if last && kept.is_none() {
            home::remove(&record.root)?;
        }
        // What serves others too goes with the last of them; one whose record can't be read is one.
        let serves_others = !others.is_empty() || !damaged.is_empty();
        let (left_behind, mut gone): (Vec<_>, Vec<_>) =
            record.made.iter().cloned().partition(|path| path.ends_with("bootcode.bin") && serves_others);
        gone.extend(rename::moved(record));
        gone.extend(set::moved(record));
        // Whatever this record says, what another client has stays.
        gone.retain(|path| !others.iter().any(|other| owns(other, path)));
        for path in gone {
            home::remove(&path)?;
        }
        for path in &record.parents {
            home::remove_empty(path);
        }
        let left: Vec<_> = record.parents.iter().filter(|path| path.exists()).cloned().collect();
        if let Some(heir) = others.first_mut().filter(|_| !left_behind.is_empty() || !left.is_empty()) {
            // A run that was killed here may have given it already.
            heir.made.extend(left_behind.into_iter().filter(|path| !owns(heir, path)).collect::<Vec<_>>());
            heir.parents
                .extend(left.into_iter().filter(|path| !heir.parents.contains(path)).collect::<Vec<_>>());
            records.write(heir)?;
        }
        records.remove(&record.name)?;
        Ok(kept)
    }

    /// Why the shared root of the last client that is known to have it stays. The record of another one may have been moved
    /// away, and its board runs on; its command line says on which root.
    fn kept(&self, record: &Record, others: &[Record]) -> Result<Option<Kept>, Error> {
        // A root that was made just now is nobody else's, and before it has keys a client is not ready.
        if record.phase == Phase::Making || record.keys.is_empty() {
            return Ok(None);
        }
        let mut places = BTreeSet::from([absolute(&self.places.tftp)]);
        places.extend(record.boot.parent().map(Path::to_owned));
        for place in places {
            let dir = match Dir::open(&place) {
                Err(Errno::NOENT) => continue,
                other => other.map_err(Error::os("opening", &place))?,
            };
            for name in dir.names().map_err(Error::os("reading", &place))? {
                let boot = place.join(&name);
                if [record].into_iter().chain(others).any(|known| owns(known, &boot)) {
                    continue;
                }
                let Ok(inside) = dir.dir(&name) else { continue };
                if names_root(&inside, &record.root, 1) {
                    return Ok(Some(Kept { root: record.root.clone(), boot }));
                }
            }
        }
        Ok(None)
    }
}

/// No kernel takes a longer command line.
const CMDLINE: u64 = 4096;
/// So many files of a directory with boot files are looked at.
const FILES: usize = 1000;

/// Whether a command line among boot files names this root: there, or so many directories below, where sets of boot files
/// take turns. Which file it is, config.txt may say.
fn names_root(boot: &Dir, root: &Path, deep: usize) -> bool {
    let named = format!(":{},", root.display());
    let names = boot.names().unwrap_or_default();
    names.iter().take(FILES).any(|name| match boot.stat(name) {
        Ok(Some(stat)) => match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile if u64::try_from(stat.st_size).is_ok_and(|size| size <= CMDLINE) => {
                let text = boot.read(name, CMDLINE).unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                text.split_whitespace().any(|word| word.starts_with("nfsroot=") && word.contains(&named))
            }
            FileType::Directory if deep > 0 => {
                boot.dir(name).is_ok_and(|inside| names_root(&inside, root, deep - 1))
            }
            _ => false,
        },
        _ => false,
    })
}
