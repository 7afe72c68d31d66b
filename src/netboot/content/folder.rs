//! The TFTP tree: what is opened in it, and where that really lies.

use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode};
use rustix::io::Errno;

use crate::beneath::{self, DIRECTORY, Dir, Links, PLACE, READ};
use crate::tftp::Error;
use crate::tftp::content::WholeFile;
use crate::tftp::dir::{refusal, whole};
use crate::tftp::source::Refusal;

/// The root of the tree, held open: it stays the same one even if it is renamed later.
#[derive(Debug)]
pub struct Folder {
    root: Dir,
}

/// An open file.
#[derive(Debug)]
pub struct Found {
    /// What is to be sent.
    pub file: WholeFile,
    /// Where it lies, whatever links led there.
    pub place: Place,
    /// Its whole path there.
    pub real: PathBuf,
    /// Its mode doesn't let others read it.
    pub private: bool,
}

/// Where something really lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the tree: in this directory of the root, or in the root itself.
    Tree(Option<String>),
    /// Elsewhere on this host.
    Outside(PathBuf),
}

impl Folder {
    /// Opens it.
    ///
    /// # Errors
    /// [`Error::Root`] where it can't be opened or is no directory.
    pub fn new(path: &Path) -> Result<Self, Error> {
        match Dir::open(path) {
            Ok(root) => Ok(Self { root }),
            Err(errno) => Err(Error::Root { root: path.to_owned(), source: errno.into() }),
        }
    }

    /// As it was named.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// Whether there is such a directory in it (or a link to one).
    ///
    /// # Errors
    /// Where it can't be told: a board that got another answer meanwhile would boot something else.
    pub fn is_dir(&self, name: &str) -> Result<bool, Refusal> {
        match rustix::fs::statat(&self.root, name, AtFlags::empty()) {
            Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Directory),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::LOOP) => Ok(false),
            Err(errno) => Err(refusal(errno)),
        }
    }

    /// The first of some names that is such a directory.
    ///
    /// # Errors
    /// As [`Self::is_dir`].
    pub fn first_dir(&self, names: impl IntoIterator<Item = String>) -> Result<Option<String>, Refusal> {
        for name in names {
            if self.is_dir(&name)? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// Whether any name in one of its directories is of a kind.
    ///
    /// # Errors
    /// As [`Self::is_dir`].
    pub fn has_any(&self, directory: &str, is: impl Fn(&str) -> bool) -> Result<bool, Refusal> {
        let fd = match rustix::fs::openat(&self.root, directory, DIRECTORY, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(false),
            Err(errno) => return Err(refusal(errno)),
        };
        for entry in rustix::fs::Dir::read_from(&fd).map_err(refusal)? {
            if entry.map_err(refusal)?.file_name().to_str().is_ok_and(&is) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Opens a regular file, links followed wherever they lead: whether it may be sent is to be decided by where it
    /// lies. A file outside the tree is opened only if `outside` takes its place.
    ///
    /// # Errors
    /// What the client is told.
    pub fn find(&self, path: &str, outside: &dyn Fn(&Path) -> Result<(), Refusal>) -> Result<Found, Refusal> {
        let fd = match beneath::open(&self.root, path, READ, Mode::empty(), Links::Inside) {
            // A link with an absolute target, or one that leads out of the tree.
            Err(Errno::XDEV | Errno::LOOP) => self.linked(path, outside)?,
            other => other.map_err(refusal)?,
        };
        let place = self.place(&fd).map_err(refusal)?;
        // Readable by others, S_IROTH.
        let private = rustix::fs::fstat(&fd).map_err(refusal)?.st_mode & 0o004 == 0;
        let real = real_path(&fd).map_err(refusal)?;
        Ok(Found { file: whole(fd)?, place, real, private })
    }

    /// Where a directory of the root really lies.
    #[must_use]
    pub fn place_of(&self, directory: &str) -> Option<Place> {
        let fd = rustix::fs::openat(&self.root, directory, PLACE, Mode::empty()).ok()?;
        self.place(&fd).ok()
    }

    fn place(&self, fd: &OwnedFd) -> Result<Place, Errno> {
        let (root, real) = (real_path(&self.root)?, real_path(fd)?);
        let Ok(below) = real.strip_prefix(&root) else { return Ok(Place::Outside(real)) };
        let mut parts = below.iter();
        let first = parts.next().map(|first| first.to_string_lossy().into_owned());
        // The name of a file in the root is no directory's.
        let in_directory = parts.next().is_some() || is_directory(fd)?;
        Ok(Place::Tree(first.filter(|_| in_directory)))
    }

    /// Opens the place first, asks where it really is, and only then opens it for reading: between these steps
    /// nobody can put something else there.
    fn linked(&self, path: &str, outside: &dyn Fn(&Path) -> Result<(), Refusal>) -> Result<OwnedFd, Refusal> {
        let place = rustix::fs::openat(&self.root, path, PLACE, Mode::empty()).map_err(refusal)?;
        if let Place::Outside(real) = self.place(&place).map_err(refusal)? {
            outside(&real)?;
        }
        let stat = rustix::fs::fstat(&place).map_err(refusal)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(super::not_found("it is no regular file"));
        }
        rustix::fs::open(itself(&place), READ, Mode::empty()).map_err(refusal)
    }
}

fn is_directory(fd: &OwnedFd) -> Result<bool, Errno> {
    Ok(FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode) == FileType::Directory)
}

fn itself(fd: impl AsFd) -> String {
    format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())
}

fn real_path(fd: impl AsFd) -> Result<PathBuf, Errno> {
    let path = rustix::fs::readlink(itself(fd), Vec::new())?;
    Ok(PathBuf::from(OsString::from_vec(path.into_bytes())))
}
