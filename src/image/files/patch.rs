//! Changed bytes, as a layer over an image that itself stays as it is.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use crate::image::read_at::ReadAt;
use crate::image::table::BLOCK;

/// A few bytes of an image that have to be others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// The file that they belong to, for people.
    pub file: String,
    /// The partition that it lies on, by the image's numbering.
    pub partition: u32,
    /// Where they stand, counted from the start of the image.
    pub image_offset: u64,
    /// What stands there.
    pub old: Vec<u8>,
    /// What has to stand there; as many bytes.
    pub new: Vec<u8>,
}

/// An image with patches applied while it is read.
pub struct PatchedReadAt {
    base: Arc<dyn ReadAt>,
    /// New bytes by offset, without overlaps.
    pieces: BTreeMap<u64, Vec<u8>>,
    /// Length of the longest piece: how far before a read the first piece that touches it may start.
    longest: u64,
}

impl PatchedReadAt {
    /// `base` with these patches.
    #[must_use]
    pub fn new(base: Arc<dyn ReadAt>, patches: &[Patch]) -> Self {
        let pieces: BTreeMap<_, _> =
            patches.iter().map(|patch| (patch.image_offset, patch.new.clone())).collect();
        let longest = pieces.values().map(|piece| piece.len() as u64).max().unwrap_or(0);
        Self { base, pieces, longest }
    }
}

impl ReadAt for PatchedReadAt {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.base.read_at(buf, offset)?;
        let end = offset + count as u64;
        for (start, piece) in self.pieces.range(offset.saturating_sub(self.longest)..end) {
            let (from, to) = ((*start).max(offset), (start + piece.len() as u64).min(end));
            if from < to {
                buf[(from - offset) as usize..(to - offset) as usize]
                    .copy_from_slice(&piece[(from - start) as usize..(to - start) as usize]);
            }
        }
        Ok(count)
    }

    fn size(&self) -> io::Result<u64> {
        self.base.size()
    }

    fn available(&self) -> u64 {
        self.base.available()
    }
}

/// The patches as whole blocks of the image: offset, a multiple of 512, and 512 bytes or a multiple of it
/// where patched blocks are neighbours. For media that are written in blocks.
///
/// # Errors
/// When the image can't be read there.
pub fn sector_patches(image: &Arc<dyn ReadAt>, patches: &[Patch]) -> io::Result<Vec<(u64, Vec<u8>)>> {
    let patched = PatchedReadAt::new(Arc::clone(image), patches);
    let mut blocks: Vec<u64> = patches
        .iter()
        .filter(|patch| !patch.new.is_empty())
        .flat_map(|patch| {
            let last = patch.image_offset + patch.new.len() as u64 - 1;
            patch.image_offset / BLOCK..=last / BLOCK
        })
        .collect();
    blocks.sort_unstable();
    blocks.dedup();
    let mut runs: Vec<(u64, Vec<u8>)> = Vec::new();
    for block in blocks {
        let at = block * BLOCK;
        let mut bytes = vec![0; BLOCK as usize];
        // The image's last block may not be full; zeros fill it on the card.
        let _ = patched.read_at(&mut bytes, at)?;
        match runs.last_mut() {
            Some((start, run)) if *start + run.len() as u64 == at => run.extend(bytes),
            _ => runs.push((at, bytes)),
        }
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn patch(image_offset: u64, old: &[u8], new: &[u8]) -> Patch {
        Patch { file: "f".to_owned(), partition: 1, image_offset, old: old.to_vec(), new: new.to_vec() }
    }

    #[test]
    fn blocks_hold_all_their_patches_and_neighbours_are_one_run() {
        let image: Arc<dyn ReadAt> = Arc::new(vec![7u8; 5 * 512 + 100]);
        let patches = [
            patch(10, &[7], &[1]),
            patch(511, &[7, 7], &[2, 3]),
            patch(20, &[7], &[4]),
            patch(2600, &[7], &[5]),
        ];
        let runs = sector_patches(&image, &patches).unwrap();
        assert_eq!(
            runs.iter().map(|(at, run)| (*at, run.len())).collect::<Vec<_>>(),
            [(0, 1024), (2560, 512)]
        );
        let (_, first) = &runs[0];
        assert_eq!((first[9], first[10], first[20], first[511], first[512], first[513]), (7, 1, 4, 2, 3, 7));
        let (_, last) = &runs[1];
        assert_eq!((last[39], last[40], last[99], last[100]), (7, 5, 7, 0));
        assert_eq!(sector_patches(&image, &[]).unwrap(), []);
    }

    proptest! {
        #[test]
        fn every_read_sees_the_patched_bytes(
            at in 0u64..300, len in 0usize..80, offset in 0u64..320, count in 0usize..100,
            second in 0u64..300,
        ) {
            let base: Vec<u8> = (0..300u32).map(|n| n as u8).collect();
            let mut patches = vec![patch(at, &[], &vec![0xee; len.min(300 - at as usize)])];
            if second >= at + len as u64 || second < at {
                patches.push(patch(second, &[], &[0xdd]));
            }
            let mut want = base.clone();
            for patch in &patches {
                let start = patch.image_offset as usize;
                want[start..start + patch.new.len()].copy_from_slice(&patch.new);
            }
            let view = PatchedReadAt::new(Arc::new(base), &patches);
            let (mut got, mut expected) = (vec![0; count], vec![0; count]);
            let n = view.read_at(&mut got, offset).unwrap();
            prop_assert_eq!(n, want.read_at(&mut expected, offset).unwrap());
            if second != at {
                prop_assert_eq!(got, expected);
            }
        }
    }
}
