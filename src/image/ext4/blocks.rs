//! Where a file's contents lie: extents, or blocks through up to three levels of tables.

use super::{Error, Ext4, Inode, u16_at, u32_at};

/// Bytes of a file that lie in one piece on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Where they stand in the file.
    pub to: u64,
    /// Where they lie, counted from the partition's start.
    pub from: u64,
    /// How many.
    pub len: u64,
}

/// The contents of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// Pieces in ascending order; what lies between them is zeros.
    Runs(Vec<Run>),
    /// They stand in the inode itself.
    Inline(Vec<u8>),
}

impl Ext4 {
    /// Finds the contents of a file, a directory or a long link. Holes and blocks that were set aside but never
    /// written are left out: they read as zeros.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a map that can't be, [`Error::Io`].
    pub fn contents(&self, inode: &Inode) -> Result<Contents, Error> {
        if inode.has(Inode::INLINE) {
            return self.inline(inode).map(Contents::Inline);
        }
        let mut runs = Runs {
            inode,
            block: self.block,
            blocks: self.len / self.block,
            nodes: 0,
            mapped: 0,
            found: Vec::new(),
        };
        if inode.has(Inode::EXTENTS) {
            self.extents(&inode.map, None, &mut runs)?;
        } else {
            let mut next = 0u64;
            for n in 0..12 {
                runs.add(next, u64::from(u32_at(&inode.map, n * 4)), 1)?;
                next += 1;
            }
            for (level, slot) in (1..=3).zip([48, 52, 56]) {
                self.table(u64::from(u32_at(&inode.map, slot)), level, &mut next, &mut runs)?;
            }
        }
        Ok(Contents::Runs(runs.found))
    }

    /// Reads contents that are small: directories and links.
    pub(super) fn read_small(&self, inode: &Inode, longest: u64) -> Result<Vec<u8>, Error> {
        // They have no holes, so they are no larger than the file system.
        if inode.size > longest.min(self.len) {
            return Err(Error::damaged(format!("inode {} has {} bytes", inode.number, inode.size)));
        }
        let runs = match self.contents(inode)? {
            Contents::Inline(bytes) => return Ok(bytes),
            Contents::Runs(runs) => runs,
        };
        let mut bytes = vec![0; inode.size as usize];
        for run in runs {
            self.read(&mut bytes[run.to as usize..(run.to + run.len) as usize], run.from)?;
        }
        Ok(bytes)
    }

    /// One node of the tree of extents; its depth has to be `depth`, where the node above says so.
    fn extents(&self, node: &[u8], depth: Option<u16>, runs: &mut Runs<'_>) -> Result<(), Error> {
        let bad = |what: &str| Error::damaged(format!("the extents of inode {} {what}", runs.inode.number));
        let (entries, deep) = (usize::from(u16_at(node, 2)), u16_at(node, 6));
        if u16_at(node, 0) != 0xf30a || 12 + entries * 12 > node.len() {
            return Err(bad("have no sound header"));
        }
        if depth.is_some_and(|depth| depth != deep) || deep > 5 {
            return Err(bad("lead to the wrong depth"));
        }
        runs.node()?;
        for entry in node[12..12 + entries * 12].chunks_exact(12) {
            if deep == 0 {
                let len = u64::from(u16_at(entry, 4));
                let at = u64::from(u32_at(entry, 8)) | u64::from(u16_at(entry, 6)) << 32;
                // More than 2^15 blocks: set aside and never written.
                if len <= 1 << 15 {
                    runs.add(u64::from(u32_at(entry, 0)), at, len)?;
                }
            } else {
                let at = u64::from(u32_at(entry, 4)) | u64::from(u16_at(entry, 8)) << 32;
                self.extents(&self.read_block(at)?, Some(deep - 1), runs)?;
            }
        }
        Ok(())
    }

    /// A table of block numbers, `level` tables above the blocks themselves.
    fn table(&self, at: u64, level: u32, next: &mut u64, runs: &mut Runs<'_>) -> Result<(), Error> {
        let per_table = self.block / 4;
        let covered = per_table.pow(level);
        if at == 0 || *next * self.block >= runs.inode.size {
            *next += covered;
            return Ok(());
        }
        runs.node()?;
        let table = self.read_block(at)?;
        for entry in table.chunks_exact(4) {
            let block = u64::from(u32_at(entry, 0));
            if level > 1 {
                self.table(block, level - 1, next, runs)?;
            } else {
                runs.add(*next, block, 1)?;
                *next += 1;
            }
        }
        Ok(())
    }
}

/// The runs found so far.
struct Runs<'a> {
    inode: &'a Inode,
    block: u64,
    /// How many blocks there are.
    blocks: u64,
    /// How many blocks of the map were read.
    nodes: u64,
    /// How many blocks of contents it told of.
    mapped: u64,
    found: Vec<Run>,
}

impl Runs<'_> {
    /// Another block of the map. Each is there once, so there can't be more of them than blocks.
    fn node(&mut self) -> Result<(), Error> {
        self.nodes += 1;
        if self.nodes > self.blocks {
            let number = self.inode.number;
            return Err(Error::damaged(format!("the map of inode {number} leads round in a circle")));
        }
        Ok(())
    }

    /// Adds `len` blocks from block `at` of the disk, which are those from `to` on of the file.
    fn add(&mut self, to: u64, at: u64, len: u64) -> Result<(), Error> {
        let (to, from) = (to * self.block, at.saturating_mul(self.block));
        if at == 0 || len == 0 || to >= self.inode.size {
            // A hole; or set aside behind the end.
            return Ok(());
        }
        self.mapped += len;
        if self.mapped > self.blocks {
            let number = self.inode.number;
            return Err(Error::damaged(format!("inode {number} has more blocks than there are")));
        }
        let len = (len * self.block).min(self.inode.size - to);
        if let Some(last) = self.found.last_mut() {
            if to < last.to + last.len {
                let number = self.inode.number;
                return Err(Error::damaged(format!("the blocks of inode {number} are not in order")));
            }
            if to == last.to + last.len && from == last.from + last.len {
                last.len += len;
                return Ok(());
            }
        }
        self.found.push(Run { to, from, len });
        Ok(())
    }
}
