//! The whole card as bytes that can be read anywhere, before it is written.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::Card;
use crate::image::fat;
use crate::image::files::PatchedReadAt;
use crate::image::read_at::ReadAt;
use crate::uboot::layout::Layout;

/// Pieces in memory, one range out of the image, zeros everywhere else.
pub(super) struct Content {
    pieces: BTreeMap<u64, Vec<u8>>,
    /// Length of the longest piece.
    longest: u64,
    image: Arc<dyn ReadAt>,
    /// Where the image's bytes stand, and what has to be taken off for the image's own offset.
    target: Range<u64>,
    shift: u64,
    len: u64,
}

impl Content {
    pub(super) fn new(card: &Card) -> Result<Self, fat::Error> {
        let patched = PatchedReadAt::new(Arc::clone(&card.image), &card.fit.followed.patches);
        let mut content = Self::of_image(&card.fit.layout, Arc::new(patched), card.len);
        let pieces = &mut content.pieces;
        fat::write(&card.volume, &card.files, |at, bytes| {
            pieces.insert(card.volume.start + at, bytes.to_vec());
            Ok(())
        })?;
        content.longest = longest(&content.pieces);
        Ok(content)
    }

    /// What an image makes of a card: the table, and its bytes in their place. U-Boot's partition is all zeros.
    pub(super) fn of_image(layout: &Layout, image: Arc<dyn ReadAt>, len: u64) -> Self {
        let pieces: BTreeMap<u64, Vec<u8>> = layout.final_table.iter().cloned().collect();
        Self {
            longest: longest(&pieces),
            pieces,
            image,
            target: layout.source.start + layout.shift..layout.source.end + layout.shift,
            shift: layout.shift,
            len,
        }
    }
}

fn longest(pieces: &BTreeMap<u64, Vec<u8>>) -> u64 {
    pieces.values().map(|piece| piece.len() as u64).max().unwrap_or(0)
}

impl ReadAt for Content {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = (buf.len() as u64).min(self.len.saturating_sub(offset)) as usize;
        let buf = &mut buf[..count];
        buf.fill(0);
        let end = offset + count as u64;
        let (from, to) = (offset.max(self.target.start), end.min(self.target.end));
        if from < to {
            let part = &mut buf[(from - offset) as usize..(to - offset) as usize];
            self.image.read_exact_at(part, from - self.shift)?;
        }
        for (start, piece) in self.pieces.range(offset.saturating_sub(self.longest)..end) {
            let (from, to) = (offset.max(*start), end.min(start + piece.len() as u64));
            if from < to {
                buf[(from - offset) as usize..(to - offset) as usize]
                    .copy_from_slice(&piece[(from - start) as usize..(to - start) as usize]);
            }
        }
        Ok(count)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len)
    }

    fn available(&self) -> u64 {
        self.len
    }
}
