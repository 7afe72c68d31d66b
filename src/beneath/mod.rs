//! Directories that are held open, and what is done below them. Whatever others rename, link or mount there
//! meanwhile, nothing that goes through this room leaves the directory it began in.
//!
//! A path's text is never believed: what was looked at by its text may be something else when it is opened by the same
//! text. So a place is opened once, and asked, read, changed and removed through what was opened.

mod dir;
mod item;
mod mounts;
mod remove;
mod replace;
mod socket;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

pub use dir::Dir;
pub use item::{Attributes, Item};
pub use mounts::{Mount, mount_of, mounted_below, unescape};
pub use remove::NotRemoved;
pub use replace::{Access, NewFile, own_as, own_file, place_of};
pub use socket::{Listener, Peer, SocketError, SocketPlace};

/// How symbolic links are taken on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Any link is [`Errno::LOOP`].
    Refuse,
    /// They are followed as long as they stay below the directory; others are [`Errno::XDEV`].
    Inside,
    /// The directory is what `/` is, as the system whose root it is would see it: absolute links begin there, and
    /// `..` ends there.
    AsRoot,
}

/// For reading what another user may have put there. NONBLOCK: opening a pipe doesn't wait for its writer. NOCTTY:
/// opening a terminal doesn't take it over.
pub const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// For a directory.
pub const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// As many bytes as the kernel takes for one path, with the zero at its end (PATH_MAX).
const LONGEST: usize = 4096;

/// Only the place: neither read nor written, so that a device does nothing.
pub const PLACE: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// Whether bytes are the name of something in a directory: neither empty, nor `.` or `..`, without `/` and zero bytes,
/// and at most 255 bytes long.
#[must_use]
pub fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..")
        && name.len() <= 255
        && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

/// Opens what a path means below a directory. Slashes at the front are dropped; a path without any name is the
/// directory itself.
///
/// # Errors
/// What the system says; see [`Links`] for what it says of links. Where `openat2` (Linux 5.6) is missing or a sandbox
/// forbids it, no link is followed whatever `links` says.
pub fn open(
    dir: impl AsFd,
    path: impl AsRef<OsStr>,
    flags: OFlags,
    mode: Mode,
    links: Links,
) -> Result<OwnedFd, Errno> {
    let path = path.as_ref().as_bytes();
    let start = path.iter().position(|byte| *byte != b'/').unwrap_or(path.len());
    let path = if start == path.len() { b"." } else { &path[start..] };
    if links == Links::Refuse && path.len() >= LONGEST {
        return in_pieces(dir.as_fd(), path, flags, mode);
    }
    let resolve = ResolveFlags::NO_MAGICLINKS
        | match links {
            Links::Refuse => ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
            Links::Inside => ResolveFlags::BENEATH,
            Links::AsRoot => ResolveFlags::IN_ROOT,
        };
    let dir = dir.as_fd();
    // AGAIN: something was renamed while the kernel looked for `..`; it asks to be asked again.
    for _ in 0..8 {
        match rustix::fs::openat2(dir, path, flags, mode, resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            // Not there, or forbidden by a sandbox. The latter looks like a file that may not be read; walking then
            // says the same again.
            Err(Errno::NOSYS | Errno::PERM) => return walk(dir, path, flags, mode),
            // With PATH and NOFOLLOW a link at the end is opened itself; the kernel refuses it all the same when no
            // links are allowed. The directory that it lies in is opened without links, and then the name alone.
            Err(Errno::LOOP) if links == Links::Refuse && flags.contains(OFlags::PATH | OFlags::NOFOLLOW) => {
                return walk(dir, path, flags, mode);
            }
            other => return other,
        }
    }
    Err(Errno::AGAIN)
}

/// Opens what lies deeper than the kernel takes a path for, a piece after the other.
fn in_pieces(dir: BorrowedFd<'_>, path: &[u8], flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let mut rest = path;
    let mut at: Option<OwnedFd> = None;
    while rest.len() >= LONGEST {
        // A name that is too long by itself is told by the kernel.
        let Some(end) = rest[..LONGEST - 1].iter().rposition(|byte| *byte == b'/').filter(|end| *end > 0)
        else {
            return Err(Errno::NAMETOOLONG);
        };
        let here = at.as_ref().map_or(dir, AsFd::as_fd);
        let piece = OsStr::from_bytes(&rest[..end]);
        at = Some(open(here, piece, DIRECTORY | OFlags::NOFOLLOW, Mode::empty(), Links::Refuse)?);
        rest = &rest[end + 1..];
    }
    let here = at.as_ref().map_or(dir, AsFd::as_fd);
    open(here, OsStr::from_bytes(rest), flags, mode, Links::Refuse)
}

/// Opens one component after the other and follows no link.
fn walk(dir: impl AsFd, path: &[u8], flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let mut parts =
        path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").peekable();
    let mut at: Option<OwnedFd> = None;
    while let Some(part) = parts.next() {
        if part == b".." {
            return Err(Errno::XDEV);
        }
        let here = at.as_ref().map_or(dir.as_fd(), AsFd::as_fd);
        let last = parts.peek().is_none();
        let itself = last && flags.contains(OFlags::PATH | OFlags::NOFOLLOW);
        // Without this a link in the middle is told as "not a directory".
        match rustix::fs::statat(here, part, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if !itself && FileType::from_raw_mode(stat.st_mode) == FileType::Symlink => {
                return Err(Errno::LOOP);
            }
            Err(Errno::NOENT) if last && flags.contains(OFlags::CREATE) => {}
            looked => drop(looked?),
        }
        let flags = if last { flags } else { DIRECTORY } | OFlags::NOFOLLOW;
        at = Some(rustix::fs::openat(here, part, flags, mode)?);
    }
    match at {
        Some(fd) => Ok(fd),
        None => rustix::fs::openat(dir, ".", flags, mode),
    }
}

/// Opens a regular file that the user, or a setting, names: links are followed, but what is no regular file is refused
/// and never waited for.
///
/// # Errors
/// What the system says; [`io::ErrorKind::InvalidInput`] for what is no regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    read_place(&rustix::fs::open(path, PLACE, Mode::empty())?, READ)
}

/// Opens the regular file that a place is. It is looked at before it is opened, and it is that one which is opened:
/// opening a device can do something already (a watchdog starts, a tape winds back).
///
/// # Errors
/// What the system says; [`io::ErrorKind::InvalidInput`] and [`io::ErrorKind::IsADirectory`] for other kinds.
pub fn read_place(place: impl AsFd, flags: OFlags) -> io::Result<File> {
    let place = place.as_fd();
    is_regular(rustix::fs::fstat(place)?.st_mode)?;
    regular(rustix::fs::open(item::itself(place), flags, Mode::empty())?)
}

/// Gives what was opened as a file, if it is a regular one.
pub(crate) fn regular(fd: OwnedFd) -> io::Result<File> {
    is_regular(rustix::fs::fstat(&fd)?.st_mode)?;
    Ok(File::from(fd))
}

fn is_regular(mode: u32) -> io::Result<()> {
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(io::ErrorKind::IsADirectory.into()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
    }
}

/// Reads all of a file that has at most `most` bytes.
///
/// # Errors
/// What the system says; [`io::ErrorKind::FileTooLarge`] where there is more.
pub fn read_bounded(file: &File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let text = format!("it has more than {}", crate::format::size_exact(most));
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
