//! Files of a partition as files below a directory of this host, for programs that look at them. Of an image nothing is
//! believed: sizes and numbers have bounds, names are checked, links and devices aren't made.

use std::io::{self, Write as _};
use std::sync::Arc;

use super::files::{Error, Files, ItemKind};
use crate::beneath::{Dir, is_name};
use crate::image::read_at::ReadAt;
use crate::image::table::Partition;

/// A file system is opened again after so many bytes: what is read of it at once is bounded.
const AT_ONCE: u64 = 24 << 20;
/// Names that are read of a directory.
const NAMES: usize = 5000;
/// Directories within each other.
const DEEPEST: usize = 12;

/// How much is copied at most.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    /// Files and directories.
    pub names: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Bytes of one file, 48 MiB at most.
    pub file: u64,
}

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    /// Files and directories.
    pub names: u64,
    /// Bytes of files.
    pub bytes: u64,
    /// Names that were left out: links, devices, names that are none here, and what is too large or too much.
    pub left_out: u64,
}

/// Copies what is at a path of a partition, with all below it; no path is all of it. What isn't there is nothing. Files are
/// their owner's alone, whatever the image says.
///
/// # Errors
/// What can't be read of the image, or written here.
pub fn copy_out(
    image: &Arc<dyn ReadAt>,
    partition: &Partition,
    path: &[&str],
    to: &Dir,
    most: Most,
) -> Result<Copied, Error> {
    let mut copy = Copy {
        image,
        partition,
        files: Files::open(image, partition)?,
        read: 0,
        most,
        copied: Copied::default(),
    };
    let mut here = to.again().map_err(io::Error::from)?;
    let mut way: Vec<Vec<u8>> = Vec::new();
    for (n, part) in path.iter().enumerate() {
        let listed = match copy.files.list(&way, None, NAMES) {
            Ok(listed) => listed,
            Err(Error::Missing { .. }) => return Ok(copy.copied),
            Err(error) => return Err(error),
        };
        let found = listed.items.iter().find(|item| item.name == part.as_bytes());
        let Some((kind, size)) = found.and_then(|item| Some((item.kind?, item.size))) else {
            return Ok(copy.copied);
        };
        way.push(part.as_bytes().to_vec());
        match kind {
            ItemKind::Directory => here = here.make(part, 0o700).map_err(io::Error::from)?.0,
            ItemKind::File if n + 1 == path.len() => {
                copy.file(&way, size, &here)?;
                return Ok(copy.copied);
            }
            _ => {
                copy.copied.left_out += 1;
                return Ok(copy.copied);
            }
        }
    }
    copy.directory(&mut way, &here)?;
    Ok(copy.copied)
}

struct Copy<'a> {
    image: &'a Arc<dyn ReadAt>,
    partition: &'a Partition,
    files: Files,
    /// Bytes since it was opened.
    read: u64,
    most: Most,
    copied: Copied,
}

impl Copy<'_> {
    fn directory(&mut self, way: &mut Vec<Vec<u8>>, here: &Dir) -> Result<(), Error> {
        self.files = Files::open(self.image, self.partition)?;
        self.read = 0;
        let listed = self.files.list(way, None, NAMES)?;
        self.copied.left_out += (listed.total.saturating_sub(listed.items.len())) as u64;
        for item in listed.items {
            let full = self.copied.names >= self.most.names || way.len() >= DEEPEST;
            let name = std::str::from_utf8(&item.name).ok().filter(|name| is_name(name.as_bytes()));
            let (Some(name), Some(kind), false) = (name, item.kind, full) else {
                self.copied.left_out += 1;
                continue;
            };
            way.push(item.name.clone());
            match kind {
                ItemKind::Directory => {
                    let (below, made) = here.make(name, 0o700).map_err(io::Error::from)?;
                    // A damaged directory may name itself twice.
                    if made {
                        self.copied.names += 1;
                        self.directory(way, &below)?;
                    } else {
                        self.copied.left_out += 1;
                    }
                }
                ItemKind::File => self.file(way, item.size, here)?,
                ItemKind::Link | ItemKind::Other => self.copied.left_out += 1,
            }
            way.pop();
        }
        Ok(())
    }

    fn file(&mut self, way: &[Vec<u8>], size: u64, here: &Dir) -> Result<(), Error> {
        let Some(Ok(name)) = way.last().map(|name| std::str::from_utf8(name)) else { return Ok(()) };
        if size > self.most.file || self.copied.bytes + size > self.most.bytes {
            self.copied.left_out += 1;
            return Ok(());
        }
        if self.read > AT_ONCE {
            self.files = Files::open(self.image, self.partition)?;
            self.read = 0;
        }
        let bytes = self.files.read(way, usize::try_from(size).unwrap_or(usize::MAX))?;
        self.read += bytes.len() as u64 + (64 << 10);
        let mut file = match here.create(name, 0o600) {
            Ok(file) => file,
            Err(rustix::io::Errno::EXIST) => {
                self.copied.left_out += 1;
                return Ok(());
            }
            Err(error) => return Err(io::Error::from(error).into()),
        };
        file.write_all(&bytes)?;
        self.copied.names += 1;
        self.copied.bytes += bytes.len() as u64;
        Ok(())
    }
}
