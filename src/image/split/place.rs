//! The directory that parts are written to: checked first, filled in secret, settled at the end.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::FileType;
use rustix::io::Errno;

use super::{PartFormat, SplitOptions};
use crate::beneath::{Access, Dir};
use crate::error::{Knob, remedy};
use crate::image::error::Error;
use crate::image::manifest::{FILE_NAME, Manifest};
use crate::image::open::Image;

/// What hidden directories are called, but for a process's number and a count.
const HIDDEN: &str = ".piprov-split-";

/// An output directory with a hidden one inside, which goes away with this value.
pub(super) struct Place {
    dir: Dir,
    /// Locked, so that another run can tell it from a dead one's.
    hidden: Arc<Dir>,
    hidden_name: OsString,
    /// The directory was made here, and is removed again after a failure.
    made: bool,
    stale: Vec<OsString>,
}

/// Looks whether the image can be split with these options, without touching anything.
pub(super) fn check(image: &Image, options: &SplitOptions) -> Result<(), Error> {
    let path = &options.dir;
    match Dir::open(path) {
        Ok(dir) => ours_in(&dir, image, options).map(drop),
        Err(Errno::NOENT) => Ok(()),
        Err(Errno::NOTDIR) => Err(no_directory(path)),
        Err(error) => Err(Error::os(path, "creating parts in it", error.into())),
    }
}

fn no_directory(path: &Path) -> Error {
    Error::Exists {
        path: path.to_owned(),
        what: "this is not a directory".into(),
        hint: remedy!["give another directory with ", Knob::OutputDir],
    }
}

/// The files of an earlier split that are in the directory.
fn ours_in(dir: &Dir, image: &Image, options: &SplitOptions) -> Result<Vec<OsString>, Error> {
    let failed = |error: Errno| Error::os(dir.path(), "creating parts in it", error.into());
    let own = std::fs::metadata(image.path()).ok().map(|meta| (meta.dev(), meta.ino()));
    let mut found = Vec::new();
    for name in dir.names().map_err(failed)?.into_iter().filter(|name| is_ours(name)) {
        let Some(stat) = dir.stat(&name).map_err(failed)? else { continue };
        let in_the_way = |what: &str| Error::Exists {
            path: dir.at(&name),
            what: what.to_owned(),
            hint: remedy!["write the parts to another directory with ", Knob::OutputDir],
        };
        if own == Some((stat.st_dev, stat.st_ino)) {
            return Err(in_the_way("this is the image itself, and has the name of a part"));
        }
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return Err(in_the_way("this is a directory, and has the name of a part"));
        }
        found.push(name);
    }
    match found.first() {
        Some(name) if !options.force => Err(Error::Exists {
            path: dir.at(name),
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
fn is_ours(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
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
        let path = &options.dir;
        let made = match std::fs::create_dir(path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(no_directory(path)),
            Err(error) => return Err(Error::os(path, "creating the directory", error)),
        };
        let filled = Dir::open(path)
            .map_err(|error| match error {
                Errno::NOTDIR => no_directory(path),
                error => Error::os(path, "creating parts in it", error.into()),
            })
            .and_then(|dir| {
                let stale = ours_in(&dir, image, options)?;
                remove_dead(&dir);
                let (hidden, hidden_name) = hide(&dir)
                    .map_err(|error| Error::os(path, "creating a directory in it", error.into()))?;
                Ok(Self { dir, hidden: Arc::new(hidden), hidden_name, made, stale })
            });
        if made && filled.is_err() {
            // Empty, so nobody misses it.
            let _ = std::fs::remove_dir(path);
        }
        filled
    }

    /// Where to write until everything is proved.
    pub(super) fn hidden(&self) -> Arc<Dir> {
        Arc::clone(&self.hidden)
    }

    /// Gives everything its name, the manifest last: where it stands, the parts are whole, also after the power went.
    pub(super) fn settle(mut self, manifest: &Manifest) -> Result<(), Error> {
        let failed = |doing: &'static str, name: &OsStr| {
            let path = self.dir.at(name);
            move |error: io::Error| Error::os(&path, doing, error)
        };
        let remove = |name: &OsStr| {
            self.dir.unlink(name).map_err(|error| failed("removing the old file", name)(error.into()))
        };
        let own = OsStr::new(FILE_NAME);
        let creating = failed("creating", own);
        let text = manifest.to_json().map_err(&creating)?;
        if self.stale.iter().any(|name| name == own) {
            remove(own)?;
        }
        // An old part behind the new last one would be fetched by cards that ask until one is missing.
        let is_new = |name: &OsString| manifest.parts.iter().any(|part| *name == *part.name);
        for name in self.stale.iter().filter(|name| *name != own && !is_new(name)) {
            remove(name)?;
        }
        for part in &manifest.parts {
            let name = OsStr::new(&part.name);
            let moved = self.hidden.rename(name, &self.dir, name);
            moved.map_err(|error| failed("creating", name)(error.into()))?;
        }
        self.dir.replace_file(own, text.as_bytes(), Access::Usual(0o666)).map_err(&creating)?;
        self.made = false;
        Ok(())
    }
}

/// Makes a directory that nobody else uses, and locks it.
fn hide(dir: &Dir) -> Result<(Dir, OsString), Errno> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = OsString::from(format!("{HIDDEN}{}-{count}", std::process::id()));
        let (hidden, made) = match dir.make(&name, 0o700) {
            Err(Errno::LOOP | Errno::NOTDIR) => continue,
            made => made?,
        };
        if made {
            // Where a file system has no locks, nobody removes what seems dead either.
            let _ = hidden.lock();
            return Ok((hidden, name));
        }
    }
}

/// Removes what a run left that was killed: gigabytes under a name that nobody sees. Best effort; what
/// can't be removed is in nobody's way.
fn remove_dead(dir: &Dir) {
    for name in dir.names().unwrap_or_default() {
        let hidden = name.to_str().is_some_and(|name| name.starts_with(HIDDEN));
        if hidden && dir.dir(&name).is_ok_and(|dead| dead.lock().is_ok()) {
            let _ = dir.remove_tree(&name);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Whatever can't be removed now stays under its hidden name; there is nobody left to tell.
        let _ = self.dir.remove_tree(&self.hidden_name);
        if self.made {
            let _ = std::fs::remove_dir(self.dir.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_removed_and_what_is_in_use_stays() {
        let place = tempfile::tempdir().unwrap();
        let [dead, used, other] = [".piprov-split-aaaaaa", ".piprov-split-bbbbbb", "mine"].map(|name| {
            let path = place.path().join(name);
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join("rpi_image_part_0"), "x").unwrap();
            path
        });
        std::os::unix::fs::symlink(&other, place.path().join(".piprov-split-cccccc")).unwrap();
        let dir = Dir::open(place.path()).unwrap();
        let in_use = dir.dir(used.file_name().unwrap()).unwrap();
        in_use.lock().unwrap();
        remove_dead(&dir);
        assert!(!dead.exists() && used.exists() && other.join("rpi_image_part_0").exists());
    }

    #[test]
    fn a_hidden_directory_is_new_and_locked() {
        let place = tempfile::tempdir().unwrap();
        let dir = Dir::open(place.path()).unwrap();
        let (hidden, name) = hide(&dir).unwrap();
        let (_other, next) = hide(&dir).unwrap();
        assert_ne!(name, next);
        assert_eq!(dir.dir(&name).unwrap().lock(), Err(Errno::WOULDBLOCK));
        hidden.create("rpi_image_part_0", 0o666).unwrap();
        remove_dead(&dir);
        assert_eq!(dir.names().unwrap().len(), 2);
    }

    #[test]
    fn only_names_that_a_split_makes_are_ours() {
        for name in ["manifest.json", "rpi_image_part_0", "rpi_image_part_12.gz"] {
            assert!(is_ours(OsStr::new(name)), "{name}");
        }
        for name in [
            "rpi_image_part_",
            "rpi_image_part_01",
            "rpi_image_part_+1",
            "rpi_image_part_1.xz",
            "rpi_image_part_1.gz.gz",
            "a.img",
        ] {
            assert!(!is_ours(OsStr::new(name)), "{name}");
        }
    }
}
