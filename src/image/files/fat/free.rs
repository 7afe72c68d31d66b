//! Which bytes of a FAT file system no file has.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::{Fat, Width};
use crate::image::ext4::Free;
use crate::image::files::volume;
use crate::image::read_at::ReadAt;
use crate::image::table::Partition;

/// So much of two copies of the table is compared at once.
const PIECE: u64 = 64 << 10;

/// Which bytes of a FAT partition no file has, counted from the partition's start, in runs of at least `least` bytes.
///
/// # Errors
/// When the image can't be read or the file system is damaged.
pub fn fat_free(image: &Arc<dyn ReadAt>, partition: &Partition, least: u64) -> io::Result<Free> {
    volume::in_fat(image, partition, |fat| fat.free(least))
}

impl Fat {
    fn free(&self, least: u64) -> Result<Free, String> {
        // Number 1 says whether it was unmounted in order (Microsoft's FAT specification 1.03, "FAT Data Structure");
        // FAT12 has no such bit.
        let in_order = match self.width {
            Width::Twelve => true,
            Width::Sixteen => self.value(1)? & 0x8000 != 0,
            Width::ThirtyTwo => self.value(1)? & 0x0800_0000 != 0,
        };
        if !in_order {
            return Ok(Free::Unknown("it was not unmounted in order".to_owned()));
        }
        for copy in 1..self.tables {
            if !self.is_copy(copy)? {
                return Ok(Free::Unknown("the copies of its table differ".to_owned()));
            }
        }
        let mut found: Vec<Range<u64>> = Vec::new();
        let mut open: Option<Range<u64>> = None;
        for number in 2..self.clusters + 2 {
            if self.value(number)? != 0 {
                found.extend(open.take().filter(|run| run.end - run.start >= least));
                continue;
            }
            let at = self.data + (number - 2) * self.cluster_len;
            match &mut open {
                Some(run) => run.end = at + self.cluster_len,
                None => open = Some(at..at + self.cluster_len),
            }
        }
        found.extend(open.filter(|run| run.end - run.start >= least));
        for run in &found {
            self.window.check(run.start, run.end - run.start)?;
        }
        Ok(Free::Known(found))
    }

    /// Whether this copy of the table is as the first one is.
    pub(super) fn is_copy(&self, copy: u64) -> Result<bool, String> {
        let (mut one, mut other) = (Vec::new(), Vec::new());
        for at in (0..self.table_len).step_by(PIECE as usize) {
            let len = PIECE.min(self.table_len - at) as usize;
            one.resize(len, 0);
            other.resize(len, 0);
            self.window.read_exact(&mut one, self.table + at)?;
            self.window.read_exact(&mut other, self.table + copy * self.table_len + at)?;
            if one != other {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
