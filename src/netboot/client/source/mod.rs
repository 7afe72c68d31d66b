//! Where a client's files come from: a directory, or the file systems in an image, seen in the same way.

mod boot;
mod ext4;
mod fat;
mod host;

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) use self::ext4::Ext4Source;
pub(super) use boot::{BootSource, is_odd, is_special};
pub(super) use fat::FatSource;
pub(super) use host::HostSource;

use super::Error;
pub(super) use crate::beneath::Attributes;
use crate::beneath::{Dir, is_name};
use crate::image::ext4::{FileKind, Inode, Run, Time};
use crate::image::read_at::ReadAt;

/// Pieces of a file smaller than this are not looked through for holes of the image.
const HOLE: u64 = 64 << 10;

/// A file, directory or whatever else has a name.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: FileKind,
    /// The low twelve bits: permissions, setuid, setgid, sticky.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) size: u64,
    pub(super) modified: Time,
    pub(super) accessed: Time,
    /// Names with the same numbers are hard links.
    pub(super) id: (u64, u64),
    pub(super) links: u64,
    pub(super) place: Place,
}

/// Where a source finds a node again.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Inode(Box<Inode>),
    /// Counted from 1; 0 is the root directory.
    Fat(usize),
    /// A directory of the host, by its path below the source's root.
    Below(PathBuf),
    /// What else has this name in a directory of the host, which is held open.
    In(Arc<Dir>, OsString),
}

/// What a file has in it.
pub(super) struct Contents {
    pub(super) size: u64,
    /// Pieces in ascending order; the rest is zeros.
    pub(super) runs: Vec<Run>,
    pub(super) from: From,
    /// What belongs to the file that was opened, where that may be another one than was listed.
    pub(super) now: Option<Box<Node>>,
}

/// What [`Contents::runs`] are pieces of.
pub(super) enum From {
    /// The kernel can copy from it.
    File(Arc<File>),
    /// An image that is unpacked on the way.
    Disk(Arc<dyn ReadAt>),
    Bytes(Vec<u8>),
}

impl From {
    /// Reads all of `buf` from `at`.
    pub(super) fn read(&self, buf: &mut [u8], at: u64) -> std::io::Result<()> {
        match self {
            Self::File(file) => std::os::unix::fs::FileExt::read_exact_at(&**file, buf, at),
            Self::Disk(disk) => disk.read_exact_at(buf, at),
            Self::Bytes(bytes) => bytes.read_exact_at(buf, at),
        }
    }
}

/// A tree of files.
pub(super) trait Source: Send + Sync {
    /// What messages call it: an image, or a directory.
    fn path(&self) -> &Path;
    /// The directory at its top.
    fn root(&self) -> Result<Node, Error>;
    /// What is in a directory, in the order of the names' bytes.
    fn list(&self, directory: &Node) -> Result<Vec<(OsString, Node)>, Error>;
    /// One name in a directory.
    fn child(&self, directory: &Node, name: &OsStr) -> Result<Option<Node>, Error>;
    /// Where a symbolic link leads.
    fn target(&self, link: &Node) -> Result<OsString, Error>;
    /// The extended attributes.
    fn attributes(&self, node: &Node) -> Result<Attributes, Error>;
    /// Opens a file.
    fn contents(&self, file: &Node) -> Result<Contents, Error>;
    /// How many bytes all files can have together without holes, where that is known: a partition has no more than
    /// its own length.
    fn most(&self) -> Option<u64> {
        None
    }
}

/// The contents of a file in an image. Large holes of the image itself are left out of `runs`: they are zeros too,
/// and may be as large as a table of partitions can tell.
fn on_disk(
    size: u64,
    mut runs: Vec<Run>,
    raw: Option<&Arc<File>>,
    disk: &Arc<dyn ReadAt>,
) -> std::io::Result<Contents> {
    let Some(file) = raw else {
        return Ok(Contents { size, runs, from: From::Disk(Arc::clone(disk)), now: None });
    };
    if runs.iter().any(|run| run.len >= HOLE) && host::has_holes(file)? {
        let mut kept = Vec::new();
        let len = file.metadata()?.len();
        for run in runs {
            // What lies behind the image's end is no hole: reading it has to fail.
            if run.len < HOLE || run.from + run.len > len {
                kept.push(run);
                continue;
            }
            let data = host::data(file, run.from, run.from + run.len)?;
            kept.extend(data.into_iter().map(|at| Run {
                to: run.to + (at.start - run.from),
                from: at.start,
                len: at.end - at.start,
            }));
        }
        runs = kept;
    }
    Ok(Contents { size, runs, from: From::File(Arc::clone(file)), now: None })
}

/// What is in a directory, if all of it can be in a directory of this host: whatever a source says, a name is a name,
/// and stands there once. `below` is the directory's path, for messages.
pub(super) fn listed(
    source: &dyn Source,
    directory: &Node,
    below: &Path,
) -> Result<Vec<(OsString, Node)>, Error> {
    let list = source.list(directory)?;
    let mut known = HashSet::with_capacity(list.len());
    for (name, _) in &list {
        let why = if !is_name(name.as_encoded_bytes()) {
            "can't be the name of a file"
        } else if !known.insert(name.as_os_str()) {
            "stands there twice"
        } else {
            continue;
        };
        return Err(Error::BadEntry {
            image: source.path().to_owned(),
            directory: Path::new("/").join(below),
            name: name.to_string_lossy().into_owned(),
            why,
        });
    }
    Ok(list)
}
