//! Reads ext2, ext3 and ext4 with everything that a root file system is made of: owners, times, extended
//! attributes, access control lists, device nodes, hard links, holes. (The kernel's
//! Documentation/filesystems/ext4, and fs/ext4 for what stands only there.)
//!
//! Why not the ext4-view crate: it tells no inode numbers, no extended attributes, no device numbers and no holes, so a
//! system copied with it would not start.
//!
//! A file system that was not unmounted cleanly is refused: the journal is not replayed here. No number that stands
//! in the file system is trusted; damage is an error that names the inode.

mod acl;
mod blocks;
mod dir;
mod free;
mod inode;
mod path;
mod xattr;

use std::io;
use std::sync::Arc;

pub use blocks::{Contents, Run};
pub use dir::Entry;
pub use free::Free;
pub use inode::{Device, FileKind, Inode, Time};

use super::read_at::ReadAt;
use crate::error::{Action, Explain, Kind, Remedy, remedy};

/// The inode of the root directory.
pub const ROOT: u32 = 2;

/// Features that change how things are stored and that are understood here, besides those that change nothing for a
/// reader: file types in directories (0x2), extents (0x40), 64 bits (0x80), multiple mount protection (0x100), flexible
/// groups (0x200), attributes in inodes (0x400), checksum seed (0x2000), large directories (0x4000), inline data
/// (0x8000), encryption (0x10000; encrypted files themselves are refused), case folding (0x20000).
const KNOWN: u32 = 0x2 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x2000 | 0x4000 | 0x8000 | 0x1_0000 | 0x2_0000;
const NEEDS_RECOVERY: u32 = 0x4;

/// What keeps a file system from being read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The image itself can't be read.
    #[error("reading the ext4 file system at byte {at} of its partition")]
    Io {
        /// Where, counted from the partition's start.
        at: u64,
        /// What the image said.
        #[source]
        source: io::Error,
    },
    /// It contradicts itself.
    #[error("the ext4 file system is damaged: {what}")]
    Damaged {
        /// What is wrong, with the inode or the byte.
        what: String,
    },
    /// A name is one that Linux allows, but no system's own file has: a program that lists it sends it to a terminal.
    #[error("directory {directory} of the ext4 file system has a name with control characters: {name}")]
    Name {
        /// The directory's inode.
        directory: u32,
        /// The name, escaped.
        name: String,
    },
    /// It is sound, but has something that is not read here.
    #[error("the ext4 file system has {what}")]
    Unsupported {
        /// What it has.
        what: String,
    },
    /// Its journal holds changes that are not in their place yet.
    #[error(
        "the ext4 file system was not unmounted cleanly: its journal holds changes that are not in place yet"
    )]
    NeedsRecovery,
}

impl Error {
    fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Io { source, .. } => Kind::of_io(source),
            _ => Kind::BadData,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::Io { .. } => return None,
            Self::Damaged { .. } => {
                remedy![
                    Action::host("e2fsck -fn"),
                    " on the partition says more; is the image a whole download?",
                ]
            }
            Self::Unsupported { .. } => {
                remedy![
                    "mount the image (",
                    Action::host_as_root("mount -o loop,ro,offset=..."),
                    ") and give the directory instead",
                ]
            }
            Self::Name { directory, .. } => remedy![
                "rename it in a copy of the image (",
                Action::host("debugfs -R").arg(format_args!("ncheck {directory}")),
                " says which directory it is), or mount the image and give the directory instead",
            ],
            Self::NeedsRecovery => {
                remedy![
                    "replay it on a copy of the raw image: ",
                    Action::host_as_root("losetup -fP --show IMAGE"),
                    ", then ",
                    Action::host_as_root("e2fsck -p"),
                    " on its partition, then ",
                    Action::host_as_root("losetup -d"),
                ]
            }
        })
    }
}

/// An open file system.
#[derive(Clone)]
pub struct Ext4 {
    disk: Arc<dyn ReadAt>,
    start: u64,
    len: u64,
    /// Bytes in a block: 1024 to 65536.
    pub(crate) block: u64,
    inodes: u32,
    inodes_per_group: u32,
    inode_len: u64,
    groups: Arc<Vec<free::Group>>,
    blocks: free::Blocks,
    uuid: [u8; 16],
    label: String,
    used: u64,
}

impl std::fmt::Debug for Ext4 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ext4").field("start", &self.start).field("block", &self.block).finish_non_exhaustive()
    }
}

impl Ext4 {
    /// Whether there is the magic number of ext2, 3 and 4 in a partition that starts at this byte.
    ///
    /// # Errors
    /// When the image can't be read.
    pub fn is_there(disk: &dyn ReadAt, start: u64) -> io::Result<bool> {
        let mut magic = [0; 2];
        Ok(disk.read_at(&mut magic, start + 1024 + 56)? == 2 && magic == [0x53, 0xef])
    }

    /// Opens the file system in a partition: `len` bytes from byte `start` of the disk.
    ///
    /// # Errors
    /// [`Error::Damaged`] for what is no sound ext4, [`Error::NeedsRecovery`], [`Error::Unsupported`], and
    /// [`Error::Io`].
    pub fn open(disk: Arc<dyn ReadAt>, start: u64, len: u64) -> Result<Self, Error> {
        let mut fs = Self {
            disk,
            start,
            len,
            block: 1024,
            inodes: 0,
            inodes_per_group: 0,
            inode_len: 128,
            groups: Arc::default(),
            blocks: free::Blocks::default(),
            uuid: [0; 16],
            label: String::new(),
            used: 0,
        };
        let mut sb = [0; 1024];
        fs.read(&mut sb, 1024)?;
        let short = |at: usize| u16_at(&sb, at);
        let long = |at: usize| u32_at(&sb, at);
        if short(56) != 0xef53 {
            return Err(Error::damaged("its superblock has no magic number"));
        }
        let incompatible = if long(0x4c) == 0 { 0 } else { long(0x60) };
        if incompatible & NEEDS_RECOVERY != 0 {
            return Err(Error::NeedsRecovery);
        }
        if incompatible & !KNOWN != 0 {
            let what = format!("features that are not read here ({:#x})", incompatible & !KNOWN);
            return Err(Error::Unsupported { what });
        }
        let log = long(0x18);
        if log > 6 {
            return Err(Error::damaged(format!("blocks of 2^{} bytes", u64::from(log) + 10)));
        }
        fs.block = 1024 << log;
        let wide = incompatible & 0x80 != 0;
        let blocks = u64::from(long(4)) | if wide { u64::from(long(0x150)) << 32 } else { 0 };
        let (first, per_group) = (u64::from(long(0x14)), u64::from(long(0x20)));
        fs.inodes = long(0);
        fs.inodes_per_group = long(0x28);
        if long(0x4c) != 0 {
            fs.inode_len = u64::from(short(0x58));
        }
        let free = u64::from(long(0xc)) | if wide { u64::from(long(0x158)) << 32 } else { 0 };
        fs.used = blocks.saturating_sub(free).saturating_mul(fs.block);
        let descriptor = if wide { u64::from(short(0xfe)) } else { 32 };
        let sound = fs.inode_len.is_power_of_two()
            && (128..=fs.block).contains(&fs.inode_len)
            && per_group > 0
            && fs.inodes_per_group > 0
            && blocks > first
            && (32..=1024).contains(&descriptor)
            && blocks.checked_mul(fs.block).is_some_and(|bytes| bytes <= len);
        if !sound {
            return Err(Error::damaged(format!(
                "its superblock tells of {blocks} blocks of {} bytes and inodes of {} bytes in a partition of \
                 {len} bytes",
                fs.block, fs.inode_len
            )));
        }
        let groups = (blocks - first).div_ceil(per_group);
        let mut bytes = vec![0; usize::try_from(groups * descriptor).unwrap_or(usize::MAX).min(64 << 20)];
        if (bytes.len() as u64) < groups * descriptor {
            return Err(Error::damaged(format!("{groups} groups of blocks")));
        }
        fs.read(&mut bytes, (first + 1) * fs.block)?;
        fs.groups = Arc::new(bytes.chunks_exact(descriptor as usize).map(free::Group::of).collect());
        fs.blocks = free::Blocks { count: blocks, first, per_group, free, told: free::told(&sb) };
        fs.uuid.copy_from_slice(&sb[0x68..0x78]);
        let label = &sb[0x78..0x88];
        let end = label.iter().position(|byte| *byte == 0).unwrap_or(label.len());
        fs.label = String::from_utf8_lossy(&label[..end]).into_owned();
        Ok(fs)
    }

    /// The file system's UUID.
    #[must_use]
    pub fn uuid(&self) -> [u8; 16] {
        self.uuid
    }

    /// The file system's label, often `rootfs`.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Bytes in use, tables and all, as the superblock has it.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Bytes of its partition.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.len
    }

    /// The disk that it lies on, and the partition's first byte: what [`Inode`]s' runs are counted from.
    #[must_use]
    pub fn disk(&self) -> (&Arc<dyn ReadAt>, u64) {
        (&self.disk, self.start)
    }

    /// Reads all of `buf` from `at`, counted from the partition's start.
    pub(crate) fn read(&self, buf: &mut [u8], at: u64) -> Result<(), Error> {
        match at.checked_add(buf.len() as u64) {
            Some(end) if end <= self.len => {}
            _ => return Err(Error::damaged(format!("it points to byte {at}, behind its partition's end"))),
        }
        self.disk.read_exact_at(buf, self.start + at).map_err(|source| Error::Io { at, source })
    }

    /// Reads one block.
    fn read_block(&self, number: u64) -> Result<Vec<u8>, Error> {
        let mut block = vec![0; self.block as usize];
        let at = number.checked_mul(self.block);
        let at = at.ok_or_else(|| Error::damaged(format!("it points to block {number}")))?;
        self.read(&mut block, at)?;
        Ok(block)
    }
}

/// Little-endian numbers; the caller's slices are long enough, and what is not there reads as zero.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let byte = |at: usize| u16::from(bytes.get(at).copied().unwrap_or(0));
    byte(at) | byte(at + 1) << 8
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

#[cfg(test)]
mod tests;
