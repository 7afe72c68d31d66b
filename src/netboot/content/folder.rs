//! The TFTP tree: what is opened lies below it, or where a client's root is.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::tftp::Error;
use crate::tftp::content::WholeFile;
use crate::tftp::dir::{FLAGS, beneath, refusal, refuse};
use crate::tftp::packet::Code;
use crate::tftp::source::Refusal;

/// An open directory. It stays the same one even if it is renamed later.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens it.
    ///
    /// # Errors
    /// [`Error::Root`] where it can't be opened or is no directory.
    pub fn new(path: &Path) -> Result<Self, Error> {
        match rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(fd) => Ok(Self { fd, path: path.to_owned() }),
            Err(errno) => Err(Error::Root { root: path.to_owned(), source: errno.into() }),
        }
    }

    /// As it was named.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is such a directory in it (or a link to one).
    ///
    /// # Errors
    /// Where it can't be told: a board that got another answer meanwhile would boot something else.
    pub fn is_dir(&self, name: &str) -> Result<bool, Refusal> {
        match rustix::fs::statat(&self.fd, name, AtFlags::empty()) {
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

    /// Whether any name in a directory of it is of a kind.
    ///
    /// # Errors
    /// As [`Self::is_dir`].
    pub fn has_any(&self, directory: &str, is: impl Fn(&str) -> bool) -> Result<bool, Refusal> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(&self.fd, directory, flags, Mode::empty()) {
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

    /// Opens a regular file. Links are followed within the tree, and into the `roots`; nowhere else.
    ///
    /// # Errors
    /// What the client is told.
    pub fn find(&self, path: &str, roots: &[PathBuf]) -> Result<WholeFile, Refusal> {
        if path.is_empty() || path.ends_with('/') {
            return Err(refuse(Code::NOT_FOUND, "the path names no file"));
        }
        let file = match beneath(&self.fd, path.as_bytes()) {
            // A link with an absolute target, or one that leads out of the tree.
            Err(Errno::XDEV | Errno::LOOP) => self.linked(path, roots)?,
            other => other.map_err(refusal)?,
        };
        match rustix::fs::fstat(&file).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Ok(FileType::RegularFile) => {}
            Ok(FileType::Directory) => return Err(refuse(Code::NOT_FOUND, "it is a folder")),
            Ok(_) => return Err(refuse(Code::ACCESS, "it is no regular file")),
            Err(errno) => return Err(refusal(errno)),
        }
        // The kernel reads further ahead; without it nothing is lost but speed.
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Sequential);
        WholeFile::new(File::from(file))
            .map_err(|error| refuse(Code::NOT_DEFINED, format!("finding its length: {error}")))
    }

    /// Opens the place first, asks where it really is, and only then opens it for reading: between these steps
    /// nobody can put something else there.
    fn linked(&self, path: &str, roots: &[PathBuf]) -> Result<OwnedFd, Refusal> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let place = rustix::fs::openat(&self.fd, path, flags, Mode::empty()).map_err(refusal)?;
        let itself = format!("/proc/self/fd/{}", place.as_raw_fd());
        let real = real_path(&itself).map_err(refusal)?;
        let inside = |root: &Path| root.canonicalize().is_ok_and(|root| real.starts_with(root));
        if !inside(&self.path) && !roots.iter().any(|root| inside(root)) {
            return Err(refuse(Code::ACCESS, "a link leads out of the served folder"));
        }
        let stat = rustix::fs::fstat(&place).map_err(refusal)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(refuse(Code::NOT_FOUND, "it is no regular file"));
        }
        rustix::fs::open(&itself, FLAGS, Mode::empty()).map_err(refusal)
    }
}

fn real_path(link: &str) -> Result<PathBuf, Errno> {
    let path = rustix::fs::readlink(link, Vec::new())?;
    Ok(PathBuf::from(OsString::from_vec(path.into_bytes())))
}
