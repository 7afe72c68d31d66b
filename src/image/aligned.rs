//! Memory that may go to a disk past the page cache.

use std::ops::{Deref, DerefMut};

/// What `O_DIRECT` wants of memory, offsets and lengths: at least the logical block size, and 4 KiB are enough for every
/// disk.
pub const ALIGN: usize = 4096;

/// Bytes that begin at a multiple of [`ALIGN`]. They are zero at first.
#[derive(Debug)]
pub struct Aligned {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// So many bytes.
    #[must_use]
    pub fn new(len: usize) -> Self {
        let bytes = vec![0; len + ALIGN];
        let start = bytes.as_ptr().align_offset(ALIGN).min(ALIGN);
        Self { bytes, start, len }
    }
}

impl Deref for Aligned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_where_a_disk_wants_it() {
        for len in [0, 1, 4096, 70_000] {
            let mut buffer = Aligned::new(len);
            assert_eq!((buffer.len(), buffer.as_ptr() as usize % ALIGN), (len, 0));
            buffer.fill(7);
        }
    }
}
