//! Four primary partitions and U-Boot's: one more than an MBR has entries. The last two become logical ones, in a container
//! that takes the fourth entry. Each needs a block in front for its own boot record, which has to be free in the image;
//! where it isn't, the card gets a GPT.
//!
//! Source of the layout: the Linux kernel's block/partitions/msdos.c, parse_extended().

use super::{Error, mbr};
use crate::image::table::{BLOCK, Partition};

/// The usual container: addressed by block number.
const EXTENDED: u8 = 0x0f;
/// A link to the next logical partition.
const LINK: u8 = 0x05;

/// The two that become logical, in the order of the disk.
pub(super) struct Nest {
    inner: [Partition; 2],
}

/// New numbers, in the partitions' order, for four primaries; `None` where two of them can't become logical.
pub(super) fn numbers(partitions: &[Partition]) -> Option<(Vec<u32>, Nest)> {
    let primary = |partition: &Partition| (1..=4).contains(&partition.number) && !partition.is_extended();
    let mut sorted: Vec<&Partition> = partitions.iter().collect();
    sorted.sort_by_key(|partition| partition.start);
    let [first, second, third, fourth] = sorted[..] else { return None };
    // U-Boot starts what gets number 2.
    if !partitions.iter().all(primary) || ![first.number, second.number].contains(&1) {
        return None;
    }
    let free = |before: &Partition, behind: &Partition| {
        before.end().checked_add(BLOCK).is_some_and(|free| free <= behind.start)
    };
    if !free(second, third) || !free(third, fourth) {
        return None;
    }
    let new = |partition: &Partition| match partition.number {
        1 => 2,
        number if number == third.number => 5,
        number if number == fourth.number => 6,
        _ => 3,
    };
    let numbers = partitions.iter().map(new).collect();
    Some((numbers, Nest { inner: [third.clone(), fourth.clone()] }))
}

impl Nest {
    /// Number, first byte and length of the container on the card.
    pub(super) fn container(&self, shift: u64) -> (u32, u64, u64) {
        let [one, other] = &self.inner;
        let start = one.start - BLOCK;
        (4, start + shift, other.end() - start)
    }

    /// The boot records of the logical partitions, with their places on the card.
    pub(super) fn pieces(&self, shift: u64) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        let [one, other] = &self.inner;
        let record = |entries: &[[u8; 16]]| {
            let mut sector = vec![0; BLOCK as usize];
            sector[510..512].copy_from_slice(&[0x55, 0xaa]);
            for (at, entry) in entries.iter().enumerate() {
                sector[446 + at * 16..462 + at * 16].copy_from_slice(entry);
            }
            sector
        };
        // Counted from the record itself, and from the container.
        let own = |partition: &Partition| {
            mbr::entry(false, mbr::kind(partition)?, partition.number, BLOCK, partition.len)
        };
        let start = one.start - BLOCK;
        let link = mbr::entry(false, LINK, other.number, other.start - BLOCK - start, other.len + BLOCK)?;
        Ok(vec![
            (other.start - BLOCK + shift, record(&[own(other)?])),
            (start + shift, record(&[own(one)?, link])),
        ])
    }

    /// What that means for people.
    pub(super) fn note(&self) -> String {
        let [one, other] = &self.inner;
        format!(
            "The MBR has four entries, and U-Boot needs one: the image's partitions {} and {} become logical ones, 5 and 6.",
            one.number, other.number
        )
    }
}

/// The type of the container's entry.
pub(super) const fn kind() -> u8 {
    EXTENDED
}
