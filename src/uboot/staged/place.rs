//! A directory held open, and what is done in it by name. Names are single components and symbolic links are never
//! followed, so nothing below it leads out of it, even if others write there.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::Error;

const DIR_MODE: Mode = Mode::from_bits_retain(0o755);
/// Our trees are three directories deep; whatever is deeper isn't ours.
const DEEPEST: u32 = 3;

/// An open directory, and its path for messages.
#[derive(Debug)]
pub(super) struct Place {
    dir: File,
    path: PathBuf,
}

impl Place {
    /// Opens a directory that the user named; here links are followed.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|source| Error::os("opening", path, source))?;
        Ok(Self { dir: dir.into(), path: path.to_owned() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn err(&self, doing: &'static str, name: &str) -> impl FnOnce(Errno) -> Error {
        let path = self.at(name);
        move |source| Error::os(doing, &path, source)
    }

    /// Opens the directory `name` in it.
    pub(super) fn enter(&self, name: &str) -> Result<Self, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        match rustix::fs::openat(&self.dir, name, flags, Mode::empty()) {
            Ok(dir) => Ok(Self { dir: dir.into(), path: self.at(name) }),
            // Linux gives NOTDIR for a link when both flags are set; either way a look tells which it is.
            Err(Errno::NOTDIR | Errno::LOOP) if self.kind(name) == Some(FileType::Symlink) => {
                Err(Error::Link { path: self.at(name) })
            }
            Err(Errno::NOTDIR) => Err(Error::Foreign { path: self.at(name) }),
            Err(error) => Err(self.err("opening", name)(error)),
        }
    }

    /// Opens the directory `name` in it, and makes it where it isn't there. Says whether it was made.
    pub(super) fn make(&self, name: &str) -> Result<(Self, bool), Error> {
        let made = match rustix::fs::mkdirat(&self.dir, name, DIR_MODE) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(self.err("creating", name)(error)),
        };
        let place = self.enter(name)?;
        if made {
            // Whatever the umask is, the TFTP server's user must be able to read.
            mode(&place.dir, DIR_MODE).map_err(self.err("setting the mode of", name))?;
        }
        Ok((place, made))
    }

    /// Makes a new file `name`.
    pub(super) fn create(&self, name: &str, bits: u32) -> Result<File, Error> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let bits = Mode::from_bits_retain(bits);
        let file =
            rustix::fs::openat(&self.dir, name, flags, bits).map_err(self.err("creating", name))?.into();
        mode(&file, bits).map_err(self.err("setting the mode of", name))?;
        Ok(file)
    }

    /// A file in another directory gets a second name here. Says whether that was possible.
    pub(super) fn link(&self, name: &str, other: &Self) -> bool {
        rustix::fs::linkat(&other.dir, name, &self.dir, name, AtFlags::empty()).is_ok()
    }

    /// The first bytes of the regular file `name`, at most `most`; `None` where there is no such file.
    pub(super) fn peek(&self, name: &str, most: usize) -> Option<Vec<u8>> {
        // A pipe of that name must not block.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        if self.kind(name) != Some(FileType::RegularFile) {
            return None;
        }
        let file = File::from(rustix::fs::openat(&self.dir, name, flags, Mode::empty()).ok()?);
        let mut bytes = vec![0; most];
        let got = crate::image::read_at::ReadAt::read_at(&file, &mut bytes, 0).ok()?;
        bytes.truncate(got);
        Some(bytes)
    }

    /// What `name` is; `None` where there is nothing.
    pub(super) fn kind(&self, name: &str) -> Option<FileType> {
        let stat = rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(FileType::from_raw_mode(stat.st_mode))
    }

    /// The length of the regular file `name`, and when it was last changed, in nanoseconds.
    pub(super) fn changed(&self, name: &str) -> Option<(u64, i128)> {
        let stat = rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let time = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
        let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        regular.then(|| (u64::try_from(stat.st_size).unwrap_or(0), time))
    }

    /// The names in it; those that are no UTF-8 can't be ours and are left out.
    pub(super) fn names(&self) -> Result<Vec<String>, Error> {
        let failed = |source| Error::os("reading", &self.path, source);
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            match OsStr::from_bytes(entry.file_name().to_bytes()).to_str() {
                Some("." | "..") | None => {}
                Some(name) => names.push(name.to_owned()),
            }
        }
        names.sort();
        Ok(names)
    }

    /// Moves `name` into another directory under the same name.
    pub(super) fn hand_over(&self, name: &str, to: &Self) -> Result<(), Error> {
        rustix::fs::renameat(&self.dir, name, &to.dir, name).map_err(to.err("moving into place", name))
    }

    /// Removes a file or a link; it is no error where there is nothing.
    pub(super) fn unlink(&self, name: &str) -> Result<(), Error> {
        match rustix::fs::unlinkat(&self.dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(self.err("removing", name)(error)),
        }
    }

    /// Removes an empty directory; it is no error where there is nothing.
    pub(super) fn rmdir(&self, name: &str) -> Result<(), Error> {
        match rustix::fs::unlinkat(&self.dir, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Err(Error::Foreign { path: self.at(name) }),
            Err(error) => Err(self.err("removing", name)(error)),
        }
    }

    /// Removes the directory `name` with everything in it, `last` at the end: it is the mark by which the rest is
    /// known as ours if this is interrupted.
    pub(super) fn remove_tree(&self, name: &str, last: Option<&str>) -> Result<(), Error> {
        self.remove_below(name, last, DEEPEST)
    }

    fn remove_below(&self, name: &str, last: Option<&str>, deeper: u32) -> Result<(), Error> {
        let inner = self.enter(name)?;
        let (first, marks): (Vec<_>, Vec<_>) =
            inner.names()?.into_iter().partition(|name| last != Some(name.as_str()));
        for name in first.iter().chain(&marks) {
            if inner.kind(name) != Some(FileType::Directory) {
                inner.unlink(name)?;
            } else if deeper > 0 {
                inner.remove_below(name, None, deeper - 1)?;
            } else {
                return Err(Error::Foreign { path: inner.at(name) });
            }
        }
        self.rmdir(name)
    }

    /// Keeps other piprovs out as long as this value lives. Where a file system has no locks, nothing keeps them out.
    pub(super) fn lock(&self) -> Result<(), Error> {
        match rustix::fs::flock(&self.dir, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(Error::Busy { path: self.path.clone() }),
            _ => Ok(()),
        }
    }

    /// Brings names that were made or moved here to the disk. Directories can't be synced everywhere.
    pub(super) fn sync(&self) {
        let _ = self.dir.sync_all();
    }

    /// Brings everything of its file system to the disk, so that a stick can be pulled out.
    pub(super) fn flush(&self) -> Result<(), Errno> {
        rustix::fs::syncfs(&self.dir)
    }

    /// Free bytes on its file system.
    pub(super) fn free(&self) -> Option<u64> {
        let stat = rustix::fs::fstatvfs(&self.dir).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// FAT has no modes and refuses to be given one; its files are as the mount says.
fn mode(file: &File, bits: Mode) -> Result<(), Errno> {
    match rustix::fs::fchmod(file, bits) {
        Err(Errno::PERM | Errno::OPNOTSUPP) => Ok(()),
        other => other,
    }
}

impl Error {
    pub(super) fn os(doing: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Os { doing, path: path.to_owned(), source: source.into() }
    }
}
