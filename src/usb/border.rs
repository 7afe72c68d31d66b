//! How far a payload reaches: which files of a directory of boot files are served, wherever its links lead.
//!
//! The code that serves a payload and the code that checks beforehand whether it is whole ask the same question here,
//! so that what the one refuses the other doesn't count as there.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

/// Folders beside a payload into which its links may lead: as in the live tree, and as in Raspberry Pi's repository of
/// payloads.
const BESIDE: [&str; 3] = ["clients", "firmware", "rpi-eeprom"];

/// The folders below which a file must lie in the end to be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Border {
    /// Without links.
    allowed: Vec<PathBuf>,
}

/// Why a file isn't opened.
#[derive(Debug)]
pub enum Closed {
    /// It lies outside the allowed folders, here.
    LeadsOut(PathBuf),
    /// It can't be opened.
    Io(io::Error),
}

/// What lies at a place where a file is expected, if it is something else.
#[must_use]
pub fn no_file(path: &Path) -> Option<&'static str> {
    let stat = rustix::fs::stat(path).ok()?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => None,
        FileType::Directory => Some("a directory"),
        FileType::Fifo => Some("a pipe"),
        FileType::Socket => Some("a socket"),
        _ => Some("a device"),
    }
}

/// A folder that can't be used.
#[derive(Debug)]
pub struct BadFolder {
    /// The folder.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

impl Border {
    /// The border of a payload: the directory itself, `clients`, `firmware` and `rpi-eeprom` beside it, and the folders
    /// that the user allows.
    ///
    /// # Errors
    /// When `dir` is no directory, or one of the folders isn't there.
    pub fn of(dir: &Path, allow: &[PathBuf]) -> Result<Self, BadFolder> {
        let real =
            |path: &Path| path.canonicalize().map_err(|source| BadFolder { path: path.to_owned(), source });
        let itself = real(dir)?;
        if !itself.is_dir() {
            return Err(BadFolder { path: dir.to_owned(), source: io::ErrorKind::NotADirectory.into() });
        }
        let mut allowed = vec![itself.clone()];
        if let Some(parent) = itself.parent() {
            allowed.extend(BESIDE.map(|name| parent.join(name)));
        }
        for folder in allow {
            allowed.push(real(folder)?);
        }
        Ok(Self { allowed })
    }

    /// Opens a regular file below one of the allowed folders. `None` where there is no regular file; a pipe or a device
    /// is neither waited for nor touched.
    ///
    /// # Errors
    /// When it lies outside, or can't be read.
    pub fn open(&self, path: &Path) -> Result<Option<File>, Closed> {
        let io = |error: Errno| Closed::Io(error.into());
        // First only as a place: opening a device or a pipe for reading could do something.
        let place = match rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
            Ok(place) => place,
            // A link that leads round in a circle, too, leads to no file.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::LOOP) => return Ok(None),
            Err(error) => return Err(io(error)),
        };
        let stat = rustix::fs::fstat(&place).map_err(io)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(None);
        }
        // Where it really is. Asked of what was opened, so no link can be changed in between.
        let itself = format!("/proc/self/fd/{}", place.as_raw_fd());
        let real = std::fs::read_link(&itself).map_err(Closed::Io)?;
        if !self.allowed.iter().any(|folder| real.starts_with(folder)) {
            return Err(Closed::LeadsOut(real));
        }
        File::open(&itself).map(Some).map_err(Closed::Io)
    }
}
