//! Which byte ranges of an image get a checksum of their own, and the checksums while the bytes go by.

use std::ops::Range;

use super::table::BLOCK;

/// Which ranges of an image are parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Parts {
    /// No range.
    #[default]
    None,
    /// These; in any order, they may touch or overlap. Each has to lie inside the image.
    Ranges(Vec<Range<u64>>),
    /// From `skip` on, every `size` bytes, the last one as long as is left. For images whose length is
    /// not known yet: the list of checksums grows as the image does.
    Every {
        /// Bytes before the first part.
        skip: u64,
        /// Bytes in each part but the last; not 0.
        size: u64,
    },
}

impl Parts {
    /// The range of part `n` as far as the plan knows it: the last one of [`Parts::Every`] may be shorter.
    fn nth(&self, n: usize) -> Option<Range<u64>> {
        match self {
            Self::None => None,
            Self::Ranges(ranges) => ranges.get(n).cloned(),
            Self::Every { skip, size } => {
                let start = size.checked_mul(n as u64)?.checked_add(*skip)?;
                Some(start..start.saturating_add((*size).max(1)))
            }
        }
    }
}

/// How many zeros make a length up to whole blocks.
#[must_use]
pub fn padding(len: u64) -> u64 {
    len.next_multiple_of(BLOCK) - len
}

/// The crc32 of each part, fed with the image's bytes in order.
///
/// A part whose length is no multiple of 512 is followed by zeros up to the next multiple in its checksum:
/// that is what a board writes to its card and reads back.
#[derive(Debug)]
pub(super) struct PartSums {
    parts: Parts,
    /// Numbers of [`Parts::Ranges`] in the order of their starts; empty for the others.
    order: Vec<usize>,
    /// How many, in that order, have begun.
    begun: usize,
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    number: usize,
    range: Range<u64>,
    crc: crc32fast::Hasher,
}

impl Open {
    fn finish(mut self, len: u64) -> (usize, u32) {
        self.crc.update(&[0; BLOCK as usize][..padding(len) as usize]);
        (self.number, self.crc.finalize())
    }
}

/// A part that doesn't lie inside the image.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outside {
    pub(super) number: usize,
    pub(super) range: Range<u64>,
}

impl PartSums {
    pub(super) fn new(parts: Parts) -> Self {
        let mut order = Vec::new();
        if let Parts::Ranges(ranges) = &parts {
            order.extend(0..ranges.len());
            order.sort_by_key(|n| ranges[*n].start);
        }
        Self { parts, order, begun: 0, open: Vec::new() }
    }

    fn next(&self) -> Option<(usize, Range<u64>)> {
        let number = match &self.parts {
            Parts::Ranges(_) => *self.order.get(self.begun)?,
            _ => self.begun,
        };
        self.parts.nth(number).map(|range| (number, range))
    }

    /// The next bytes, which start at `offset`. `done` gets number and checksum of each part that ends.
    pub(super) fn feed(&mut self, offset: u64, bytes: &[u8], done: &mut dyn FnMut(usize, u32)) {
        let end = offset + bytes.len() as u64;
        while let Some((number, range)) = self.next().filter(|(_, range)| range.start < end) {
            self.open.push(Open { number, range, crc: crc32fast::Hasher::new() });
            self.begun += 1;
        }
        for open in &mut self.open {
            let from = open.range.start.max(offset).min(end);
            let to = open.range.end.min(end).max(from);
            open.crc.update(&bytes[(from - offset) as usize..(to - offset) as usize]);
        }
        for closed in self.open.extract_if(.., |open| open.range.end <= end) {
            let len = closed.range.end - closed.range.start;
            let (number, crc) = closed.finish(len);
            done(number, crc);
        }
    }

    /// The image ended after `len` bytes.
    pub(super) fn finish(mut self, len: u64, done: &mut dyn FnMut(usize, u32)) -> Result<(), Outside> {
        // Empty ranges at the very end begin only now.
        self.feed(len, &[], done);
        if matches!(self.parts, Parts::Every { .. }) {
            for open in self.open.drain(..) {
                let there = len - open.range.start;
                let (number, crc) = open.finish(there);
                done(number, crc);
            }
            return Ok(());
        }
        while let Some((number, range)) = self.next() {
            // An empty one that starts where the image ends lies inside.
            if range.start > len || range.end > len {
                return Err(Outside { number, range });
            }
            self.begun += 1;
            done(number, 0);
        }
        match self.open.first() {
            Some(open) => Err(Outside { number: open.number, range: open.range.clone() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The checksum the slow way.
    fn expected(image: &[u8], range: Range<u64>) -> u32 {
        let mut part = image[range.start as usize..range.end as usize].to_vec();
        part.resize(part.len().next_multiple_of(512), 0);
        crc32fast::hash(&part)
    }

    fn run(image: &[u8], parts: Parts, pieces: &[usize]) -> Result<Vec<(usize, u32)>, Outside> {
        let mut sums = PartSums::new(parts);
        let mut found = Vec::new();
        let mut at = 0;
        for piece in pieces.iter().cycle() {
            let end = (at + piece).min(image.len());
            sums.feed(at as u64, &image[at..end], &mut |n, crc| found.push((n, crc)));
            at = end;
            if at == image.len() {
                break;
            }
        }
        sums.finish(at as u64, &mut |n, crc| found.push((n, crc)))?;
        found.sort_unstable();
        Ok(found)
    }

    #[test]
    fn a_last_part_that_is_no_whole_block_is_padded() {
        let image: Vec<u8> = (0..1300u32).map(|n| n as u8 | 1).collect();
        let found = run(&image, Parts::Every { skip: 100, size: 512 }, &[7]).unwrap();
        assert_eq!(
            found,
            [
                (0, expected(&image, 100..612)),
                (1, expected(&image, 612..1124)),
                (2, expected(&image, 1124..1300)),
            ]
        );
        // A board would compute the same over what it reads back.
        let mut written = image[1124..].to_vec();
        written.resize(512, 0);
        assert_eq!(found[2].1, crc32fast::hash(&written));
    }

    #[test]
    fn an_image_that_ends_with_a_part_has_no_empty_one_behind() {
        assert_eq!(run(&[1; 1024], Parts::Every { skip: 0, size: 512 }, &[1024]).unwrap().len(), 2);
        assert_eq!(run(&[1; 1024], Parts::Every { skip: 1024, size: 512 }, &[100]).unwrap(), []);
        assert_eq!(run(&[1; 1024], Parts::Every { skip: 2000, size: 512 }, &[100]).unwrap(), []);
        assert_eq!(run(&[1; 1024], Parts::None, &[100]).unwrap(), []);
    }

    #[test]
    #[allow(clippy::single_range_in_vec_init, reason = "one part is meant")]
    fn parts_outside_the_image_are_found() {
        for range in [1000..1025, 1024..1025, 2000..2000, 5000..6000] {
            let outside = run(&[1; 1024], Parts::Ranges(vec![range.clone()]), &[1000]);
            assert_eq!(outside, Err(Outside { number: 0, range }));
        }
        assert_eq!(run(&[1; 1024], Parts::Ranges(vec![1024..1024]), &[1000]), Ok(vec![(0, 0)]));
    }

    proptest! {
        #[test]
        fn any_ranges_in_any_pieces(
            len in 1usize..5000,
            ranges in proptest::collection::vec((0u64..5000, 0u64..5000), 0..12),
            pieces in proptest::collection::vec(1usize..2000, 1..20),
        ) {
            let image: Vec<u8> = (0..len).map(|n| (n * n / 7) as u8).collect();
            let ranges: Vec<_> = ranges
                .into_iter()
                .map(|(a, b)| (a.min(b).min(len as u64))..(a.max(b).min(len as u64)))
                .collect();
            let found = run(&image, Parts::Ranges(ranges.clone()), &pieces).unwrap();
            let wanted: Vec<_> =
                ranges.into_iter().enumerate().map(|(n, range)| (n, expected(&image, range))).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
