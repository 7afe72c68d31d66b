//! The directory that parts are written to: checked first, filled in secret, settled at the end.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use tempfile::TempDir;

use super::{PartFormat, SplitOptions};
use crate::error::{Knob, remedy};
use crate::image::error::Error;
use crate::image::manifest::{FILE_NAME, Manifest};
use crate::image::open::Image;

/// What hidden directories are called, but for six letters of chance.
const HIDDEN: &str = ".piprov-split-";

/// An output directory with a hidden one inside, which goes away with this value.
pub(super) struct Place {
    dir: PathBuf,
    temporary: Option<TempDir>,
    /// Held while the hidden directory is in use, so that another run can tell it from a dead one's.
    _lock: Option<File>,
    /// The directory was made here, and is removed again after a failure.
    made: bool,
    stale: Vec<PathBuf>,
}

/// Looks whether the image can be split with these options, without touching anything.
pub(super) fn check(image: &Image, options: &SplitOptions) -> Result<(), Error> {
    ours_in(image, options).map(drop)
}

/// The files of an earlier split that are in the directory.
fn ours_in(image: &Image, options: &SplitOptions) -> Result<Vec<PathBuf>, Error> {
    let dir = &options.dir;
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(Error::Exists {
                path: dir.clone(),
                what: "this is not a directory".into(),
                hint: remedy!["give another directory with ", Knob::OutputDir],
            });
        }
        Err(error) => return Err(Error::os(dir, "creating parts in it", error)),
    };
    let own = fs::metadata(image.path()).ok().map(|meta| (meta.dev(), meta.ino()));
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Error::os(dir, "creating parts in it", error))?;
        let path = entry.path();
        if !is_ours(&path) {
            continue;
        }
        let identity = fs::metadata(&path).ok().map(|meta| (meta.dev(), meta.ino()));
        if own.is_some() && identity == own {
            return Err(Error::Exists {
                path,
                what: "this is the image itself, and has the name of a part".into(),
                hint: remedy!["write the parts to another directory with ", Knob::OutputDir],
            });
        }
        if path.is_dir() {
            return Err(Error::Exists {
                path,
                what: "this is a directory, and has the name of a part".into(),
                hint: remedy!["write the parts to another directory with ", Knob::OutputDir],
            });
        }
        found.push(path);
    }
    found.sort();
    match found.first() {
        Some(path) if !options.force => Err(Error::Exists {
            path: path.clone(),
            what: match found.len() {
                1 => "it is there already".into(),
                n => format!("it is there already, and {} more", n - 1),
            },
            hint: remedy![
                Knob::Force,
                " replaces the parts of an earlier split; ",
                Knob::OutputDir,
                " writes to another directory",
            ],
        }),
        _ => Ok(found),
    }
}

/// Whether a file has the name of a part, of either format, or of the manifest.
fn is_ours(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    if name == FILE_NAME {
        return true;
    }
    let Some(number) = name.strip_prefix("rpi_image_part_") else { return false };
    let number = number.strip_suffix(".gz").unwrap_or(number);
    number
        .parse::<usize>()
        .is_ok_and(|n| [PartFormat::Raw, PartFormat::Gz].iter().any(|format| format.part_name(n) == name))
}

impl Place {
    pub(super) fn prepare(image: &Image, options: &SplitOptions) -> Result<Self, Error> {
        let stale = ours_in(image, options)?;
        let dir = options.dir.clone();
        let made = match fs::create_dir(&dir) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(Error::os(&dir, "creating the directory", error)),
        };
        let mut place = Self { dir, temporary: None, _lock: None, made, stale };
        remove_dead(&place.dir);
        let temporary = tempfile::Builder::new().prefix(HIDDEN).tempdir_in(&place.dir);
        let temporary =
            temporary.map_err(|error| Error::os(&place.dir, "creating a directory in it", error))?;
        place._lock = lock(temporary.path());
        place.temporary = Some(temporary);
        Ok(place)
    }

    /// Where to write until everything is proved.
    pub(super) fn temporary(&self) -> &Path {
        self.temporary.as_ref().map_or(&self.dir, TempDir::path)
    }

    /// Gives everything its name, the manifest last: where it stands, the parts are whole.
    pub(super) fn settle(mut self, manifest: &Manifest) -> Result<(), Error> {
        let from = self.temporary().to_owned();
        let written = from.join(FILE_NAME);
        manifest
            .to_json()
            .and_then(|text| fs::write(&written, text))
            .map_err(|error| Error::os(&self.dir.join(FILE_NAME), "creating", error))?;
        let old_manifest = self.dir.join(FILE_NAME);
        if self.stale.contains(&old_manifest) {
            remove(&old_manifest)?;
        }
        let parts: Vec<PathBuf> = manifest.parts.iter().map(|part| self.dir.join(&part.name)).collect();
        // An old part behind the new last one would be fetched by cards that ask until one is missing.
        for path in &self.stale {
            if !parts.contains(path) && *path != old_manifest {
                remove(path)?;
            }
        }
        for (part, to) in manifest.parts.iter().zip(&parts) {
            rename(&from.join(&part.name), to)?;
        }
        rename(&written, &old_manifest)?;
        self.made = false;
        Ok(())
    }
}

/// Locks a directory; `None` where somebody else has it, or where the file system knows no locks.
fn lock(dir: &Path) -> Option<File> {
    let dir = File::open(dir).ok()?;
    rustix::fs::flock(&dir, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(dir)
}

/// Removes what a run left that was killed: gigabytes under a name that nobody sees. Best effort; what
/// can't be removed is in nobody's way.
fn remove_dead(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let hidden = entry.file_name().to_str().is_some_and(|name| name.starts_with(HIDDEN));
        if hidden && lock(&entry.path()).is_some() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::os(path, "removing the old file", error))
        }
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(|error| Error::os(to, "creating", error))
}

impl Drop for Place {
    fn drop(&mut self) {
        // Whatever can't be removed now stays under its hidden name; there is nobody left to tell.
        drop(self.temporary.take());
        if self.made {
            let _ = fs::remove_dir(&self.dir);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_removed_and_what_is_in_use_stays() {
        let dir = tempfile::tempdir().unwrap();
        let [dead, used, other] = [".piprov-split-aaaaaa", ".piprov-split-bbbbbb", "mine"].map(|name| {
            let path = dir.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("rpi_image_part_0"), "x").unwrap();
            path
        });
        let lock = lock(&used);
        assert!(lock.is_some());
        remove_dead(dir.path());
        assert!(!dead.exists() && used.exists() && other.exists());
    }

    #[test]
    fn only_names_that_a_split_makes_are_ours() {
        for name in ["manifest.json", "rpi_image_part_0", "rpi_image_part_12.gz", "d/rpi_image_part_3"] {
            assert!(is_ours(Path::new(name)), "{name}");
        }
        for name in [
            "rpi_image_part_",
            "rpi_image_part_01",
            "rpi_image_part_+1",
            "rpi_image_part_1.xz",
            "rpi_image_part_1.gz.gz",
            "a.img",
        ] {
            assert!(!is_ours(Path::new(name)), "{name}");
        }
    }
}
