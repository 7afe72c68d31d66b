//! A directory of a staged job: what `beneath` does, with this room's errors.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use rustix::io::Errno;

use super::Error;
use crate::beneath::{Dir, Item, NotRemoved};
use crate::image::read_at::ReadAt;

const DIR_MODE: u32 = 0o755;
/// Our trees are three directories deep; whatever is deeper isn't ours.
const DEEPEST: u32 = 3;

/// An open directory. Nothing that is done in it leads out of it, even if others write there.
#[derive(Debug)]
pub(super) struct Place(Dir);

impl Place {
    /// Opens a directory that the user named; here links are followed.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        Dir::open(path).map(Self).map_err(|source| Error::os("opening", path, source))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.0.at(name)
    }

    fn err(&self, doing: &'static str, name: &str) -> impl FnOnce(Errno) -> Error {
        let path = self.at(name);
        move |source| Error::os(doing, &path, source)
    }

    /// Why the directory `name` in it can't be opened.
    fn not_entered(&self, name: &str, error: Errno) -> Error {
        match error {
            Errno::LOOP => Error::Link { path: self.at(name) },
            Errno::NOTDIR => Error::Foreign { path: self.at(name) },
            error => self.err("opening", name)(error),
        }
    }

    /// Opens the directory `name` in it.
    pub(super) fn enter(&self, name: &str) -> Result<Self, Error> {
        self.0.dir(name).map(Self).map_err(|error| self.not_entered(name, error))
    }

    /// Opens the directory `name` in it, and makes it where it isn't there, so that the TFTP server's user can read it.
    /// Says whether it was made.
    pub(super) fn make(&self, name: &str) -> Result<(Self, bool), Error> {
        match self.0.make(name, DIR_MODE) {
            Ok((dir, made)) => Ok((Self(dir), made)),
            Err(error @ (Errno::LOOP | Errno::NOTDIR)) => Err(self.not_entered(name, error)),
            Err(error) => Err(self.err("creating", name)(error)),
        }
    }

    /// Makes a new file `name` with this mode, whatever the umask is.
    pub(super) fn create(&self, name: &str, mode: u32) -> Result<File, Error> {
        let file = self.0.create(name, mode).map_err(self.err("creating", name))?;
        Item::Open(file.as_fd()).give_mode(mode).map_err(self.err("setting the mode of", name))?;
        Ok(file)
    }

    /// A file in another directory gets a second name here. Says whether that was possible.
    pub(super) fn link(&self, name: &str, other: &Self) -> bool {
        other.0.link(name, &self.0, name).is_ok()
    }

    /// The first bytes of the regular file `name`, at most `most`; `None` where there is no such file.
    pub(super) fn peek(&self, name: &str, most: usize) -> Option<Vec<u8>> {
        let file = self.0.file(name).ok()?;
        let mut bytes = vec![0; most];
        let got = ReadAt::read_at(&file, &mut bytes, 0).ok()?;
        bytes.truncate(got);
        Some(bytes)
    }

    /// What `name` is; `None` where there is nothing.
    pub(super) fn kind(&self, name: &str) -> Option<FileType> {
        self.0.kind(name)
    }

    /// The length of the regular file `name`, and when it was last changed, in nanoseconds.
    pub(super) fn changed(&self, name: &str) -> Option<(u64, i128)> {
        let stat = self.0.stat(name).ok()??;
        let time = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
        let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        regular.then(|| (u64::try_from(stat.st_size).unwrap_or(0), time))
    }

    /// The names in it; those that are no UTF-8 can't be ours and are left out.
    pub(super) fn names(&self) -> Result<Vec<String>, Error> {
        let names = self.0.names().map_err(|source| Error::os("reading", self.path(), source))?;
        Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    /// Moves `name` into another directory under the same name.
    pub(super) fn hand_over(&self, name: &str, to: &Self) -> Result<(), Error> {
        self.0.rename(name, &to.0, name).map_err(to.err("moving into place", name))
    }

    /// Removes a file or a link; it is no error where there is nothing.
    pub(super) fn unlink(&self, name: &str) -> Result<(), Error> {
        self.0.unlink(name).map_err(self.err("removing", name))
    }

    /// Removes an empty directory; it is no error where there is nothing.
    pub(super) fn rmdir(&self, name: &str) -> Result<(), Error> {
        match self.0.rmdir(name) {
            Err(Errno::NOTEMPTY | Errno::EXIST) => Err(Error::Foreign { path: self.at(name) }),
            done => done.map_err(self.err("removing", name)),
        }
    }

    /// Removes the directory `name` with everything in it, `last` at the end: it is the mark by which the rest is
    /// known as ours if this is interrupted. A tree that is deeper than ours stays whole.
    pub(super) fn remove_tree(&self, name: &str, last: Option<&str>) -> Result<(), Error> {
        let inner = self.enter(name)?;
        inner.is_no_deeper_than(DEEPEST)?;
        for entry in inner.names()?.iter().filter(|entry| last != Some(entry.as_str())) {
            inner.0.remove_tree(entry)?;
        }
        if let Some(last) = last {
            inner.unlink(last)?;
        }
        self.rmdir(name)
    }

    fn is_no_deeper_than(&self, levels: u32) -> Result<(), Error> {
        for name in self.names()?.iter().filter(|name| self.kind(name) == Some(FileType::Directory)) {
            match levels.checked_sub(1) {
                Some(levels) => self.enter(name)?.is_no_deeper_than(levels)?,
                None => return Err(Error::Foreign { path: self.at(name) }),
            }
        }
        Ok(())
    }

    /// Keeps other piprovs out as long as this value lives. Where a file system has no locks, nothing keeps them out.
    pub(super) fn lock(&self) -> Result<(), Error> {
        match self.0.lock() {
            Err(Errno::WOULDBLOCK) => Err(Error::Busy { path: self.path().to_owned() }),
            _ => Ok(()),
        }
    }

    /// Brings names that were made or moved here to the disk.
    pub(super) fn sync(&self) -> Result<(), Error> {
        self.0.sync().map_err(|source| Error::os("writing", self.path(), source))
    }

    /// Brings everything of its file system to the disk, so that a stick can be pulled out.
    pub(super) fn flush(&self) -> Result<(), Errno> {
        self.0.flush()
    }

    /// Free bytes on its file system.
    pub(super) fn free(&self) -> Option<u64> {
        self.0.free()
    }
}

impl From<NotRemoved> for Error {
    fn from(error: NotRemoved) -> Self {
        match error {
            NotRemoved::Mounted { path } => Self::Foreign { path },
            NotRemoved::Os { path, source } => Self::Os { doing: "removing", path, source },
        }
    }
}

impl Error {
    pub(super) fn os(doing: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Os { doing, path: path.to_owned(), source: source.into() }
    }
}
