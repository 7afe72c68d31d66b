//! A directory of this host.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::ops::Range;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, SeekFrom, XattrFlags};
use rustix::io::Errno;

use super::{Attributes, Contents, From, Node, Place, Source};
use crate::image::ext4::{Device, FileKind, Run, Time};
use crate::netboot::client::Error;

/// A directory and what is below it.
pub(in super::super) struct HostSource {
    pub(in super::super) root: PathBuf,
}

impl HostSource {
    fn path<'a>(&self, node: &'a Node) -> &'a Path {
        match &node.place {
            Place::Path(path) => path,
            Place::Inode(_) | Place::Fat(_) => unreachable!("a node of another source"),
        }
    }
}

fn node(path: PathBuf, meta: &Metadata) -> Node {
    let kind = meta.file_type();
    let device = Device { major: rustix::fs::major(meta.rdev()), minor: rustix::fs::minor(meta.rdev()) };
    let kind = if kind.is_dir() {
        FileKind::Directory
    } else if kind.is_symlink() {
        FileKind::Symlink
    } else if kind.is_char_device() {
        FileKind::Character(device)
    } else if kind.is_block_device() {
        FileKind::Block(device)
    } else if kind.is_fifo() {
        FileKind::Fifo
    } else if kind.is_socket() {
        FileKind::Socket
    } else {
        FileKind::File
    };
    let time = |seconds, nanos: i64| Time { seconds, nanos: u32::try_from(nanos).unwrap_or(0) };
    Node {
        kind,
        mode: meta.mode() & 0o7777,
        uid: meta.uid(),
        gid: meta.gid(),
        size: meta.size(),
        modified: time(meta.mtime(), meta.mtime_nsec()),
        accessed: time(meta.atime(), meta.atime_nsec()),
        id: (meta.dev(), meta.ino()),
        links: meta.nlink(),
        place: Place::Path(path),
    }
}

impl Source for HostSource {
    fn root(&self) -> Result<Node, Error> {
        // The user names it, so a link is followed here.
        let meta = std::fs::metadata(&self.root).map_err(Error::os("looking at", &self.root))?;
        Ok(node(self.root.clone(), &meta))
    }

    fn list(&self, directory: &Node) -> Result<Vec<(OsString, Node)>, Error> {
        let path = self.path(directory);
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path).map_err(Error::os("reading", path))? {
            let entry = entry.map_err(Error::os("reading", path))?;
            match entry.metadata() {
                Ok(meta) => found.push((entry.file_name(), node(entry.path(), &meta))),
                // A running system removes files while it is copied.
                Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::os("looking at", &entry.path())(error)),
            }
        }
        found.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(found)
    }

    fn child(&self, directory: &Node, name: &OsStr) -> Result<Option<Node>, Error> {
        let path = self.path(directory).join(name);
        match std::fs::symlink_metadata(&path) {
            Ok(meta) => Ok(Some(node(path, &meta))),
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(Error::os("looking at", &path)(error)),
        }
    }

    fn target(&self, link: &Node) -> Result<OsString, Error> {
        let path = self.path(link);
        Ok(std::fs::read_link(path).map_err(Error::os("reading", path))?.into())
    }

    fn attributes(&self, node: &Node) -> Result<Attributes, Error> {
        let path = self.path(node);
        read_attributes(path).map_err(Error::os("reading the extended attributes of", path))
    }

    fn contents(&self, file: &Node) -> Result<Contents, Error> {
        let path = self.path(file);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOATIME;
        let opened = rustix::fs::open(path, flags, Mode::empty()).or_else(|error| match error {
            // Only the owner may ask for it.
            Errno::PERM => rustix::fs::open(path, flags - OFlags::NOATIME, Mode::empty()),
            error => Err(error),
        });
        let opened: File = opened.map_err(Error::os("opening", path))?.into();
        // What it has now: a log may have grown since it was listed.
        let meta = opened.metadata().map_err(Error::os("looking at", path))?;
        let size = meta.len();
        let whole = Run { to: 0, from: 0, len: size };
        let looking = Error::os("looking for holes in", path);
        let runs = if has_holes(&opened).map_err(Error::os("looking at", path))? {
            let pieces = data(&opened, 0, size).map_err(looking)?;
            pieces
                .into_iter()
                .map(|at| Run { to: at.start, from: at.start, len: at.end - at.start })
                .collect()
        } else {
            vec![whole]
        };
        Ok(Contents { size, runs, from: From::File(Arc::new(opened)) })
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

/// All extended attributes of a file (of a link itself), access control lists among them; without those that a
/// file system computes.
pub(in super::super) fn read_attributes(path: &Path) -> std::io::Result<Attributes> {
    let mut names = [0u8; 1024];
    let names = match rustix::fs::llistxattr(path, &mut names) {
        Ok(0) | Err(Errno::OPNOTSUPP) => return Ok(Attributes::new()),
        Ok(len) => names[..len].to_vec(),
        Err(Errno::RANGE) => {
            let mut names = vec![0; 64 << 10];
            let len = rustix::fs::llistxattr(path, &mut names[..])?;
            names.truncate(len);
            names
        }
        Err(error) => return Err(error.into()),
    };
    let mut found = Attributes::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        if name.starts_with(b"system.") && !name.starts_with(b"system.posix_acl_") {
            continue;
        }
        let mut value = vec![0; 64 << 10];
        match rustix::fs::lgetxattr(path, name, &mut value[..]) {
            Ok(len) => {
                value.truncate(len);
                found.insert(name.to_vec(), value);
            }
            // Gone since, or not to be had.
            Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

/// Sets an extended attribute.
pub(in super::super) fn write_attribute(path: &Path, name: &[u8], value: &[u8]) -> std::io::Result<()> {
    Ok(rustix::fs::lsetxattr(path, name, value, XattrFlags::empty())?)
}
