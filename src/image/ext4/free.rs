//! Which bytes of an ext4 file system no file and no table has.
//!
//! The bitmaps aren't believed alone: each group's has to have as many zeros as the group's descriptor tells, and all
//! together as many as the superblock does. So a damaged one gives no map, whether or not it has a checksum.
//! (The layout: the kernel's Documentation/filesystems/ext4, "Block Group Descriptors" and "Block and Inode Bitmaps".)

use std::ops::Range;

use super::{Error, Ext4, u16_at, u32_at};

/// A descriptor's flag: the bitmap of blocks was never written.
const BLOCK_UNINIT: u16 = 0x2;
/// The superblock says that the file system was unmounted in order, and that no error was seen.
const CLEAN: u16 = 0x1;
const ERRORS: u16 = 0x2;
/// A feature: a bit of the bitmap stands for several blocks.
const BIGALLOC: u32 = 0x200;

/// A group of blocks, as its descriptor has it.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// First block of its table of inodes.
    pub(super) table: u64,
    bitmap: u64,
    inode_bitmap: u64,
    free: u64,
    flags: u16,
}

impl Group {
    /// Out of the bytes of a descriptor: 32, or 64 and more with 64-bit numbers.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let wide = bytes.len() >= 64;
        let block = |low: usize, high: usize| {
            u64::from(u32_at(bytes, low)) | if wide { u64::from(u32_at(bytes, high)) << 32 } else { 0 }
        };
        let free =
            u64::from(u16_at(bytes, 0x0c)) | if wide { u64::from(u16_at(bytes, 0x2c)) << 16 } else { 0 };
        Self {
            bitmap: block(0, 0x20),
            inode_bitmap: block(4, 0x24),
            table: block(8, 0x28),
            free,
            flags: u16_at(bytes, 0x12),
        }
    }
}

/// What the superblock tells of blocks.
#[derive(Debug, Clone, Default)]
pub(super) struct Blocks {
    pub(super) count: u64,
    pub(super) first: u64,
    pub(super) per_group: u64,
    pub(super) free: u64,
    /// Why its word on free blocks isn't taken.
    pub(super) told: Option<&'static str>,
}

/// Why a superblock's word on free blocks isn't taken; `None` where it is.
pub(super) fn told(sb: &[u8]) -> Option<&'static str> {
    let state = u16_at(sb, 0x3a);
    let compatible = if u32_at(sb, 0x4c) == 0 { 0 } else { u32_at(sb, 0x64) };
    if state & CLEAN == 0 {
        Some("it was not unmounted in order")
    } else if state & ERRORS != 0 {
        Some("an error was seen in it")
    } else if compatible & BIGALLOC != 0 {
        Some("it counts in clusters of blocks")
    } else {
        None
    }
}

/// Which bytes nothing uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Free {
    /// These, counted from the partition's start, in order, none touching the next.
    Known(Vec<Range<u64>>),
    /// It can't be told, and this is why: the rest of a sentence about the file system.
    Unknown(String),
}

impl Ext4 {
    /// Which bytes no file and no table has, in runs of at least `least` bytes.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Damaged`] for a bitmap outside the partition.
    pub fn free(&self, least: u64) -> Result<Free, Error> {
        if let Some(why) = self.blocks.told {
            return Ok(Free::Unknown(why.to_owned()));
        }
        let Blocks { count, first, per_group, .. } = self.blocks;
        // A bitmap is one block.
        if per_group > self.block * 8 {
            return Ok(Free::Unknown(format!("a group has {per_group} blocks, more than its bitmap")));
        }
        let mut runs = Runs { found: Vec::new(), open: None, block: self.block, least };
        let mut total = 0;
        for (number, group) in self.groups.iter().enumerate() {
            let start = first + number as u64 * per_group;
            let len = per_group.min(count.saturating_sub(start));
            let free = match self.group(group, start, len)? {
                Some(used) => {
                    let mut free = 0;
                    for bit in 0..len {
                        if used[(bit / 8) as usize] & 1 << (bit % 8) == 0 {
                            free += 1;
                            runs.add(start + bit);
                        }
                    }
                    free
                }
                None => return Ok(Free::Unknown(format!("group {number} doesn't add up"))),
            };
            total += free;
        }
        runs.close();
        Ok(if total == self.blocks.free {
            Free::Known(runs.found)
        } else {
            Free::Unknown(format!(
                "its superblock tells of {} free blocks, and its groups of {total}",
                self.blocks.free
            ))
        })
    }

    /// The bitmap of a group, a bit for each used block; `None` where it isn't what the descriptor tells.
    fn group(&self, group: &Group, start: u64, len: u64) -> Result<Option<Vec<u8>>, Error> {
        let mut used;
        if group.flags & BLOCK_UNINIT == 0 {
            used = self.read_block(group.bitmap)?;
        } else {
            // Nothing of a file was ever here. What is used are copies of the superblock and of the descriptors, which
            // lie at the start, and the group's own tables, where they aren't kept in another group. How many copies
            // there are is what is missing up to the descriptor's number.
            used = vec![0; self.block as usize];
            let table = u64::from(self.inodes_per_group).saturating_mul(self.inode_len).div_ceil(self.block);
            let own = [(group.bitmap, 1), (group.inode_bitmap, 1), (group.table, table)];
            let mut count = 0;
            for block in own.into_iter().flat_map(|(at, len)| at..at.saturating_add(len.min(self.block * 8)))
            {
                if let Some(bit) = block.checked_sub(start).filter(|bit| *bit < len) {
                    count += u64::from(used[(bit / 8) as usize] & 1 << (bit % 8) == 0);
                    used[(bit / 8) as usize] |= 1 << (bit % 8);
                }
            }
            let Some(copies) = len.checked_sub(group.free).and_then(|all| all.checked_sub(count)) else {
                return Ok(None);
            };
            for bit in 0..copies {
                used[(bit / 8) as usize] |= 1 << (bit % 8);
            }
        }
        let free = (0..len).filter(|bit| used[(bit / 8) as usize] & 1 << (bit % 8) == 0).count() as u64;
        Ok((free == group.free).then_some(used))
    }
}

/// Joins blocks to runs.
struct Runs {
    found: Vec<Range<u64>>,
    /// The run that goes on, in blocks.
    open: Option<Range<u64>>,
    block: u64,
    least: u64,
}

impl Runs {
    fn add(&mut self, block: u64) {
        match &mut self.open {
            Some(open) if open.end == block => open.end += 1,
            _ => {
                self.close();
                self.open = Some(block..block + 1);
            }
        }
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let bytes = open.start * self.block..open.end * self.block;
        if bytes.end - bytes.start >= self.least {
            self.found.push(bytes);
        }
    }
}
