//! A directory of this host. Somebody else may write in it while it is read: a client in its root, a user in his home.
//! So all goes through the directory that is held open, no link is followed on the way, and what is no regular file is
//! never opened.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, SeekFrom, Stat};
use rustix::io::Errno;

use super::{Attributes, Contents, From, Node, Place, Source};
use crate::beneath::{self, Dir, Item, is_name};
use crate::image::ext4::{Device, FileKind, Run, Time};
use crate::netboot::client::Error;

/// A directory and what is below it.
pub(in super::super) struct HostSource {
    root: Dir,
}

impl HostSource {
    /// Opens a directory that the user or a record names: links are followed to it.
    pub(in super::super) fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { root: Dir::open(path).map_err(Error::os("opening", path))? })
    }

    /// A directory that is open already.
    pub(in super::super) fn of(root: Dir) -> Self {
        Self { root }
    }

    /// The directory itself.
    pub(in super::super) fn dir(&self) -> &Dir {
        &self.root
    }

    /// Opens a directory to look into it.
    fn enter(&self, directory: &Node) -> Result<Dir, Errno> {
        match &directory.place {
            Place::Below(below) if below.as_os_str().is_empty() => self.root.again(),
            Place::Below(below) => self.root.dir(below),
            // Only directories are entered.
            Place::In(..) | Place::Inode(_) | Place::Fat(_) => Err(Errno::NOTDIR),
        }
    }

    /// Opens a file for reading; it is the one that is looked at, and regular.
    pub(in super::super) fn file(&self, node: &Node) -> Result<File, Error> {
        let Some((dir, name)) = held(node) else { return Err(not_there("opening", &self.shown(node))) };
        let opening = |error: std::io::Error| match error.kind() {
            // Something else has its name by now.
            std::io::ErrorKind::InvalidInput | std::io::ErrorKind::IsADirectory => {
                not_there("opening", &dir.at(name))
            }
            _ => Error::os("opening", &dir.at(name))(error),
        };
        let place = rustix::fs::openat(&**dir, name, beneath::PLACE | OFlags::NOFOLLOW, Mode::empty());
        let place = place.map_err(|error| opening(error.into()))?;
        match beneath::read_place(&place, beneath::READ | OFlags::NOATIME) {
            // Only the owner may ask for it.
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
                beneath::read_place(&place, beneath::READ)
            }
            other => other,
        }
        .map_err(opening)
    }

    /// Takes from a boot file what is dangerous where every user can reach it: bits of its mode, or itself where it is a
    /// device node, a pipe or a socket.
    pub(in super::super) fn tame(&self, node: &Node) -> Result<(), Error> {
        let tame = || match held(node) {
            Some((dir, name)) if super::is_special(node.kind) => dir.unlink(name),
            Some((dir, name)) => Item::Named(dir, name).set_mode(node.mode & 0o755),
            None => Item::Open(self.enter(node)?.as_fd()).set_mode(node.mode & 0o755),
        };
        match tame() {
            Err(gone) if is_gone(gone) => Ok(()),
            other => other.map_err(|error| Error::os("setting the mode of", &self.shown(node))(error)),
        }
    }

    /// What messages call it.
    pub(in super::super) fn shown(&self, node: &Node) -> PathBuf {
        match &node.place {
            Place::Below(below) => self.root.at(below),
            Place::In(dir, name) => dir.at(name),
            Place::Inode(_) | Place::Fat(_) => self.root.path().to_owned(),
        }
    }
}

fn held(node: &Node) -> Option<(&Arc<Dir>, &OsStr)> {
    match &node.place {
        Place::In(dir, name) => Some((dir, name)),
        Place::Below(_) | Place::Inode(_) | Place::Fat(_) => None,
    }
}

fn not_there(doing: &'static str, path: &Path) -> Error {
    Error::os(doing, path)(Errno::NOENT)
}

/// Whether a place isn't there any more, or is no directory.
fn is_gone(error: Errno) -> bool {
    matches!(error, Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
}

fn node(stat: &Stat, place: Place) -> Node {
    let device = Device { major: rustix::fs::major(stat.st_rdev), minor: rustix::fs::minor(stat.st_rdev) };
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        FileType::CharacterDevice => FileKind::Character(device),
        FileType::BlockDevice => FileKind::Block(device),
        FileType::Fifo => FileKind::Fifo,
        FileType::Socket => FileKind::Socket,
        FileType::RegularFile | FileType::Unknown => FileKind::File,
    };
    let time = |seconds, nanos| Time { seconds, nanos: u32::try_from(nanos).unwrap_or(0) };
    #[allow(clippy::useless_conversion, reason = "the types differ between processors")]
    let links = u64::from(stat.st_nlink);
    Node {
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: time(stat.st_mtime, stat.st_mtime_nsec),
        accessed: time(stat.st_atime, stat.st_atime_nsec),
        id: (stat.st_dev, stat.st_ino),
        links,
        place,
    }
}

/// What has a name in a directory that is held open.
fn node_in(directory: &Node, dir: &Arc<Dir>, name: &OsStr) -> Result<Node, Errno> {
    let stat = rustix::fs::statat(&**dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let place = match (&directory.place, FileType::from_raw_mode(stat.st_mode)) {
        // Many directories may wait for their turn, so they are not held open.
        (Place::Below(below), FileType::Directory) => Place::Below(below.join(name)),
        _ => Place::In(Arc::clone(dir), name.to_owned()),
    };
    Ok(node(&stat, place))
}

impl Source for HostSource {
    fn path(&self) -> &Path {
        self.root.path()
    }

    fn root(&self) -> Result<Node, Error> {
        let stat = rustix::fs::fstat(&self.root).map_err(Error::os("looking at", self.root.path()))?;
        Ok(node(&stat, Place::Below(PathBuf::new())))
    }

    fn list(&self, directory: &Node) -> Result<Vec<(OsString, Node)>, Error> {
        let dir = match self.enter(directory) {
            Ok(dir) => Arc::new(dir),
            // A running system removes directories while it is copied.
            Err(gone) if is_gone(gone) => return Ok(Vec::new()),
            Err(error) => return Err(Error::os("opening", &self.shown(directory))(error)),
        };
        let mut found = Vec::new();
        for name in dir.names().map_err(Error::os("reading", dir.path()))? {
            match node_in(directory, &dir, &name) {
                Ok(node) => found.push((name, node)),
                // And files.
                Err(Errno::NOENT) => {}
                Err(error) => return Err(Error::os("looking at", &dir.at(name))(error)),
            }
        }
        Ok(found)
    }

    fn child(&self, directory: &Node, name: &OsStr) -> Result<Option<Node>, Error> {
        if !is_name(name.as_encoded_bytes()) {
            return Ok(None);
        }
        let dir = self.enter(directory).map(Arc::new);
        match dir.and_then(|dir| node_in(directory, &dir, name)) {
            Ok(node) => Ok(Some(node)),
            Err(gone) if is_gone(gone) => Ok(None),
            Err(error) => Err(Error::os("looking at", &self.shown(directory).join(name))(error)),
        }
    }

    fn target(&self, link: &Node) -> Result<OsString, Error> {
        let Some((dir, name)) = held(link) else { return Err(not_there("reading", &self.shown(link))) };
        dir.target(name).map_err(|error| match error {
            Errno::INVAL => not_there("reading", &dir.at(name)),
            error => Error::os("reading", &dir.at(name))(error),
        })
    }

    fn attributes(&self, node: &Node) -> Result<Attributes, Error> {
        let read = match held(node) {
            Some((dir, name)) => Item::Named(dir, name).attributes(),
            None => {
                let dir = self.enter(node);
                dir.map_err(Into::into).and_then(|dir| Item::Open(dir.as_fd()).attributes())
            }
        };
        read.map_err(|error| Error::os("reading the extended attributes of", &self.shown(node))(error))
    }

    fn contents(&self, file: &Node) -> Result<Contents, Error> {
        let opened = self.file(file)?;
        // What it has now: a log may have grown since it was listed.
        let looking = |error: Errno| Error::os("looking at", &self.shown(file))(error);
        let stat = rustix::fs::fstat(&opened).map_err(looking)?;
        let now = node(&stat, file.place.clone());
        let size = now.size;
        let whole = Run { to: 0, from: 0, len: size };
        let holes = |error: std::io::Error| Error::os("looking for holes in", &self.shown(file))(error);
        let runs = if has_holes(&opened).map_err(holes)? {
            let pieces = data(&opened, 0, size).map_err(holes)?;
            pieces
                .into_iter()
                .map(|at| Run { to: at.start, from: at.start, len: at.end - at.start })
                .collect()
        } else {
            vec![whole]
        };
        Ok(Contents { size, runs, from: From::File(Arc::new(opened)), now: Some(Box::new(now)) })
    }
}

/// Whether a file takes less room than it has bytes.
pub(super) fn has_holes(file: &File) -> std::io::Result<bool> {
    let meta = file.metadata()?;
    Ok(meta.is_file() && meta.blocks() * 512 < meta.len())
}

/// The pieces of a file that are no holes, from byte `at` up to byte `end`.
pub(super) fn data(file: &File, mut at: u64, end: u64) -> std::io::Result<Vec<Range<u64>>> {
    let mut pieces = Vec::new();
    while at < end {
        let start = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(start) if start < end => start,
            Ok(_) | Err(Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let hole = rustix::fs::seek(file, SeekFrom::Hole(start))?.min(end);
        if hole > start {
            pieces.push(start..hole);
        }
        at = hole.max(start.saturating_add(1));
    }
    Ok(pieces)
}
