//! Where an image goes on a recovery card: pure arithmetic on the host, so that the board has nothing to compute.
//!
//! A recovery card has U-Boot's FAT partition in front, as number 1. Everything the image holds from its
//! first partition on follows behind it, moved by one constant, so nothing inside a partition changes.
//! What does change is the partition table, which is computed here and written last.
//!
//! Block numbers in tables are 32 bit (MBR) or 64 bit (GPT); all offsets here are bytes, and multiples of
//! [`BLOCK`] where they come from a table.

mod error;
mod gpt;
mod mbr;
mod nest;

use std::collections::BTreeMap;
use std::ops::Range;

pub use error::Error;

use crate::format::size;
use crate::image::table::{BLOCK, Partition, Scheme, Table};

/// What lies in front of the first usable block of a GPT: protective MBR, header, 128 entries.
/// The boot table covers it too, so that no stale GPT survives in front of U-Boot's partition.
const TABLE_LEN: u64 = 34 * BLOCK;

/// The image's data start on a multiple of this on the card, because SD cards erase in such units.
pub const ALIGN: u64 = 4 << 20;

/// U-Boot's partition on the card, and the card's size where it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardInfo {
    /// First byte of U-Boot's partition.
    pub uboot_start: u64,
    /// Length of U-Boot's partition in bytes.
    pub uboot_len: u64,
    /// Length of the whole card in bytes.
    pub size: Option<u64>,
}

impl Default for CardInfo {
    /// 40 MiB from 4 MiB on, as the cards of the original project have it: cards made with either tool
    /// can be flashed with this one.
    fn default() -> Self {
        Self { uboot_start: 4 << 20, uboot_len: 40 << 20, size: None }
    }
}

impl CardInfo {
    /// First byte behind U-Boot's partition.
    #[must_use]
    pub fn uboot_end(&self) -> u64 {
        self.uboot_start.saturating_add(self.uboot_len)
    }
}

/// One of the image's partitions in its new place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// As it stands in the image's table.
    pub old: Partition,
    /// Its number on the card.
    pub number: u32,
    /// Its first byte on the card.
    pub start: u64,
}

/// How an image lies on a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// What an offset in the image is moved by to become one on the card.
    pub shift: u64,
    /// The bytes of the image that go onto the card. Where the image's last block is not full, the end is
    /// no multiple of a block.
    pub source: Range<u64>,
    /// Where they go; as long as `source`, rounded up to a whole block (filled with zeros).
    pub target: Range<u64>,
    /// Written first, at offset 0: an MBR that holds only U-Boot's partition, and zeros up to where a GPT
    /// would end. With it a half-written system isn't found, but the card still boots into U-Boot.
    pub boot_table: Vec<u8>,
    /// Written last, in this order: byte offset on the card, and whole blocks. The piece that makes the
    /// card whole is the last one.
    pub final_table: Vec<(u64, Vec<u8>)>,
    /// The partitions in their new places, by old number.
    pub partitions: Vec<Moved>,
    /// A container for logical partitions that the image doesn't have: number, first byte and length on the card.
    pub container: Option<(u32, u64, u64)>,
    /// The smallest card that holds it, in bytes.
    pub card_len: u64,
    /// What the user should know about this layout, each a sentence.
    pub notes: Vec<String>,
}

impl Layout {
    /// Old partition number to new one.
    #[must_use]
    pub fn numbers(&self) -> BTreeMap<u32, u32> {
        self.partitions.iter().map(|moved| (moved.old.number, moved.number)).collect()
    }
}

/// Computes the layout of an image with this table on this card.
///
/// `image_len` may be left out while an image is still being decompressed; the image's last partition
/// then tells where it ends.
///
/// # Errors
/// When there is no partition to put there, no free entry for one more, when the image ends before its
/// last partition does, or when it does not fit onto the card or into the table.
pub fn plan(table: &Table, image_len: Option<u64>, card: &CardInfo) -> Result<Layout, Error> {
    plan_within(table, image_len, None, card)
}

/// As [`plan`], of an image that may end inside its last partition: all that counts ends at `needed`, because the file system
/// there says so.
///
/// # Errors
/// As [`plan`]; [`Error::Truncated`] only where the image ends before `needed`.
pub fn plan_within(
    table: &Table,
    image_len: Option<u64>,
    needed: Option<u64>,
    card: &CardInfo,
) -> Result<Layout, Error> {
    check_card(card)?;
    check_partitions(&table.partitions, card)?;
    let first = table.partitions.iter().min_by_key(|partition| partition.start).ok_or(Error::NoPartition)?;
    let last = table.partitions.iter().max_by_key(|partition| partition.end()).ok_or(Error::NoPartition)?;
    let numbers = match table.scheme {
        Scheme::Mbr { .. } => mbr::numbers(&table.partitions),
        Scheme::Gpt { .. } => gpt::numbers(&table.partitions),
    };
    let (numbers, nest) = match numbers {
        Err(Error::NoFreeEntry) => {
            nest::numbers(&table.partitions).map(|(numbers, nest)| (numbers, Some(nest)))?
        }
        numbers => (numbers?, None),
    };
    let short = image_len.filter(|len| *len < last.end());
    if let Some(image_len) = short.filter(|len| needed.is_none_or(|needed| *len < needed)) {
        return Err(Error::Truncated { number: last.number, end: last.end(), image_len });
    }
    let earliest = card.uboot_end().next_multiple_of(ALIGN);
    let shift = earliest.saturating_sub(first.start);
    // Behind the last partition a GPT image has its second table, which would be wrong at its new place.
    let end = match table.scheme {
        Scheme::Mbr { .. } => image_len.unwrap_or(last.end()),
        Scheme::Gpt { .. } => short.unwrap_or(last.end()),
    };
    let source = first.start..end;
    let target = first.start + shift..(end + shift).next_multiple_of(BLOCK);

    let mut partitions: Vec<Moved> = table
        .partitions
        .iter()
        .zip(numbers)
        .map(|(old, number)| Moved { number, start: old.start + shift, old: old.clone() })
        .collect();
    partitions.sort_by_key(|moved| moved.old.number);

    let mut notes = Vec::new();
    if let Some(short) = short {
        notes.push(format!(
            "The image ends inside its partition {}, {} before that does, and behind the end of the file system in it. What \
             the card has there stays.",
            last.number,
            size(last.end() - short)
        ));
    }
    for problem in table.check(image_len.filter(|_| short.is_none())) {
        notes.push(format!("The image's own table is not right: {problem}."));
    }
    let (disk_id, final_table) = match table.scheme {
        Scheme::Mbr { disk_id } => {
            let container = nest.as_ref().map(|nest| nest.container(shift));
            let mut pieces = nest.as_ref().map(|nest| nest.pieces(shift)).transpose()?.unwrap_or_default();
            if let Some(nest) = &nest {
                notes.push(nest.note());
            }
            pieces.push((0, mbr::table(disk_id, card, &partitions, container)?));
            (disk_id, pieces)
        }
        Scheme::Gpt { disk_guid } => {
            notes.push(if table.hybrid {
                "Its MBR is a hybrid one, and the card's has U-Boot's partition in it, so that boards that read no GPT \
                 start too."
                    .to_owned()
            } else {
                "A card with a GPT boots on a Pi 4 or newer; the boot ROM of earlier boards reads MBR only."
                    .to_owned()
            });
            notes.push(
                "The second copy of the GPT stands right behind the last partition, not at the end of the \
                 card; `sgdisk -e`, or the system's first start, moves it there."
                    .to_owned(),
            );
            (
                0,
                gpt::table(
                    &disk_guid,
                    card,
                    &partitions,
                    (last.end() + shift).max(target.end),
                    table.hybrid,
                )?,
            )
        }
    };
    let boot = mbr::table(disk_id, card, &[], None)?;
    let mut boot_table = vec![0; TABLE_LEN as usize];
    boot_table[..boot.len()].copy_from_slice(&boot);

    let written = final_table.iter().map(|(at, bytes)| at + bytes.len() as u64).max().unwrap_or(0);
    let card_len = target.end.max(written).max(last.end() + shift);
    if let Some(size) = card.size.filter(|size| *size < card_len) {
        return Err(Error::CardTooSmall { need: card_len, card: size, image: end - first.start });
    }
    if !first.start.is_multiple_of(ALIGN) && shift == 0 {
        notes.push("The image's first partition doesn't start on a multiple of 4 MiB.".to_owned());
    }
    let container = nest.map(|nest| nest.container(shift));
    Ok(Layout { shift, source, target, boot_table, final_table, partitions, container, card_len, notes })
}

/// U-Boot's partition must be made of whole blocks and leave room for a table in front.
fn check_card(card: &CardInfo) -> Result<(), Error> {
    let whole = card.uboot_start.is_multiple_of(BLOCK) && card.uboot_len.is_multiple_of(BLOCK);
    let fits = card.uboot_end() <= mbr::LIMIT;
    if whole && fits && card.uboot_start >= TABLE_LEN && card.uboot_len > 0 {
        return Ok(());
    }
    Err(Error::UbootPartition { start: card.uboot_start, len: card.uboot_len, least: TABLE_LEN })
}

/// Damaged tables can hold any number: no number may be 0, and all sums must fit.
fn check_partitions(partitions: &[Partition], card: &CardInfo) -> Result<(), Error> {
    let limit = i64::MAX as u64 - card.uboot_end() - ALIGN - TABLE_LEN;
    for Partition { number, start, len, .. } in partitions {
        if *number == 0 {
            return Err(Error::MixedTable { number: 0 });
        }
        match start.checked_add(*len) {
            Some(end) if end <= limit => {}
            end => return Err(Error::TooFar { number: *number, end: end.unwrap_or(u64::MAX), limit }),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::table::Entry;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    fn mbr(partitions: &[(u32, u64, u64, u8)]) -> Table {
        let partitions = partitions
            .iter()
            .map(|&(number, start, len, kind)| Partition {
                number,
                start,
                len,
                entry: Entry::Mbr { kind, bootable: false },
            })
            .collect();
        Table { scheme: Scheme::Mbr { disk_id: 0x35c8_4628 }, partitions, hybrid: false }
    }

    fn gpt(partitions: &[(u32, u64, u64)]) -> Table {
        let partitions = partitions
            .iter()
            .map(|&(number, start, len)| Partition {
                number,
                start,
                len,
                entry: Entry::Gpt {
                    kind: [number as u8; 16],
                    guid: [number as u8 + 0x40; 16],
                    attributes: 4,
                    name: format!("part {number}"),
                },
            })
            .collect();
        Table { scheme: Scheme::Gpt { disk_guid: [7; 16] }, partitions, hybrid: false }
    }

    #[test]
    fn todays_image_with_its_first_partition_at_8_mib() {
        let table = mbr(&[(1, 8 * MIB, 512 * MIB, 0x0c), (2, 520 * MIB, 2000 * MIB, 0x83)]);
        let layout = plan(&table, Some(2520 * MIB), &CardInfo::default()).unwrap();
        assert_eq!(layout.shift, 36 * MIB);
        assert_eq!((&layout.source, &layout.target), (&(8 * MIB..2520 * MIB), &(44 * MIB..2556 * MIB)));
        assert_eq!(layout.numbers(), BTreeMap::from([(1, 2), (2, 3)]));
        assert_eq!(layout.card_len, 2556 * MIB);
        let [(0, sector)] = &layout.final_table[..] else { panic!("one piece at 0") };
        let mut want = vec![0; 512];
        want[440..444].copy_from_slice(&[0x28, 0x46, 0xc8, 0x35]);
        want[446..462]
            .copy_from_slice(&[0x80, 0xfe, 255, 255, 0x0c, 0xfe, 255, 255, 0, 32, 0, 0, 0, 64, 1, 0]);
        want[462..478].copy_from_slice(&[0, 0xfe, 255, 255, 0x0c, 0xfe, 255, 255, 0, 96, 1, 0, 0, 0, 16, 0]);
        want[478..494]
            .copy_from_slice(&[0, 0xfe, 255, 255, 0x83, 0xfe, 255, 255, 0, 96, 17, 0, 0, 128, 62, 0]);
        want[510..].copy_from_slice(&[0x55, 0xaa]);
        assert_eq!(sector, &want);
        want[462..494].fill(0);
        assert_eq!(layout.boot_table[..512], want);
        assert_eq!(layout.boot_table.len(), 34 * 512);
        assert!(layout.boot_table[512..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn the_originals_layout_comes_out_as_the_original_had_it() {
        let table = mbr(&[(1, 4 * MIB, 40 * MIB, 0x0c), (2, 44 * MIB, 100 * MIB, 0x83)]);
        let layout = plan(&table, Some(144 * MIB), &CardInfo::default()).unwrap();
        assert_eq!(layout.shift, 40 * MIB);
        assert_eq!(layout.partitions[0].start / 512, 0x16000);
        assert_eq!(layout.partitions[1].start / 512, 172_032);
    }

    #[test]
    fn an_image_that_starts_late_stays_where_it_is() {
        let table = mbr(&[(1, 64 * MIB, MIB, 0x0c)]);
        let layout = plan(&table, None, &CardInfo::default()).unwrap();
        assert_eq!((layout.shift, layout.source.clone()), (0, 64 * MIB..65 * MIB));
        assert_eq!(layout.target, layout.source);
    }

    #[test]
    fn a_last_block_that_is_not_full_is_filled() {
        let table = mbr(&[(1, 8 * MIB, MIB, 0x83)]);
        let layout = plan(&table, Some(9 * MIB + 700), &CardInfo::default()).unwrap();
        assert_eq!(layout.source.end, 9 * MIB + 700);
        assert_eq!(layout.target.end, 45 * MIB + 1024);
    }

    #[test]
    fn logical_partitions_keep_their_numbers() {
        let table = mbr(&[
            (1, 8 * MIB, 8 * MIB, 0x0c),
            (2, 16 * MIB, 30 * MIB, 0x0f),
            (5, 17 * MIB, 8 * MIB, 0x83),
            (6, 26 * MIB, 8 * MIB, 0x83),
        ]);
        let layout = plan(&table, None, &CardInfo::default()).unwrap();
        assert_eq!(layout.numbers(), BTreeMap::from([(1, 2), (2, 3), (5, 5), (6, 6)]));
        let sector = &layout.final_table[0].1;
        assert_eq!((sector[446 + 32 + 4], sector[446 + 48 + 4]), (0x0f, 0));
    }

    #[test]
    fn a_gap_makes_room_when_number_4_is_taken() {
        let three = [(1, 8 * MIB, MIB, 0x0c), (3, 16 * MIB, MIB, 0x83), (4, 20 * MIB, MIB, 0x83)];
        let layout = plan(&mbr(&three), None, &CardInfo::default()).unwrap();
        assert_eq!(layout.numbers(), BTreeMap::from([(1, 2), (3, 3), (4, 4)]));
        // With four, two become logical; that takes a free block in front of each.
        let four = [three[0], (2, 12 * MIB, MIB, 0x83), three[1], three[2]];
        let numbers = plan(&mbr(&four), None, &CardInfo::default()).unwrap().numbers();
        assert_eq!(numbers, BTreeMap::from([(1, 2), (2, 3), (3, 5), (4, 6)]));
        let tight = [
            (1, 8 * MIB, MIB, 0x0c),
            (2, 9 * MIB, MIB, 0x83),
            (3, 10 * MIB, MIB, 0x83),
            (4, 12 * MIB, MIB, 0x83),
        ];
        let error = plan(&mbr(&tight), None, &CardInfo::default());
        assert_eq!(error, Err(Error::NoGap { before: 2, behind: 3 }));
    }

    #[test]
    fn of_four_primaries_the_last_two_become_logical() {
        let four = [
            (1, 8 * MIB, MIB, 0x0c),
            (2, 9 * MIB, MIB, 0x83),
            (3, 11 * MIB, MIB, 0x83),
            (4, 14 * MIB, MIB, 0x83),
        ];
        let layout = plan(&mbr(&four), Some(15 * MIB), &CardInfo::default()).unwrap();
        assert_eq!(layout.numbers(), BTreeMap::from([(1, 2), (2, 3), (3, 5), (4, 6)]));
        assert!(layout.notes[0].contains("3 and 4 become logical ones, 5 and 6"), "{:?}", layout.notes);
        // What other tools read: the table reader, with its own way through the chain.
        let mut disk = vec![0; layout.card_len as usize];
        for (at, bytes) in &layout.final_table {
            disk[*at as usize..*at as usize + bytes.len()].copy_from_slice(bytes);
        }
        let read = Table::read(&disk).unwrap().unwrap();
        let got: Vec<_> =
            read.partitions.iter().map(|found| (found.number, found.start, found.len)).collect();
        let mut want: Vec<_> =
            layout.partitions.iter().map(|moved| (moved.number, moved.start, moved.old.len)).collect();
        want.extend([(1, 4 * MIB, 40 * MIB), layout.container.unwrap()]);
        want.sort_unstable();
        let mut sorted = got.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, want);
        assert_eq!(read.check(Some(layout.card_len)), vec![]);
        assert_eq!(layout.final_table.last().unwrap().0, 0, "the piece that makes it whole comes last");
    }

    #[test]
    fn an_image_may_end_behind_the_file_system_in_its_last_partition() {
        let table = mbr(&[(1, 8 * MIB, MIB, 0x0c), (2, 9 * MIB, 100 * MIB, 0x83)]);
        let plan = |len, needed| plan_within(&table, Some(len), needed, &CardInfo::default());
        let layout = plan(12 * MIB, Some(11 * MIB)).unwrap();
        assert_eq!((layout.source.clone(), layout.card_len), (8 * MIB..12 * MIB, 145 * MIB));
        assert!(layout.notes[0].contains("97 MiB before that does"), "{:?}", layout.notes);
        assert!(matches!(plan(10 * MIB, Some(11 * MIB)), Err(Error::Truncated { number: 2, .. })));
        assert!(matches!(plan(12 * MIB, None), Err(Error::Truncated { number: 2, .. })));
    }

    #[test]
    fn a_hybrid_mbr_keeps_u_boots_partition_for_a_pi_3() {
        let table = Table { hybrid: true, ..gpt(&[(1, 8 * MIB, 40 * MIB)]) };
        let layout = plan(&table, None, &CardInfo::default()).unwrap();
        let sector = &layout.final_table.last().unwrap().1[..512];
        assert_eq!((sector[450], sector[466], sector[462]), (0xee, 0x0c, 0x80));
        assert_eq!(sector[470..478], [0, 0x20, 0, 0, 0, 0x40, 1, 0]);
        assert!(layout.notes[0].contains("hybrid"), "{:?}", layout.notes);
    }

    #[test]
    fn a_gpt_says_what_it_needs() {
        let table = gpt(&[(1, 8 * MIB, 40 * MIB), (2, 48 * MIB, 32 * MIB)]);
        let layout = plan(&table, Some(81 * MIB), &CardInfo::default()).unwrap();
        assert_eq!(layout.source, 8 * MIB..80 * MIB);
        assert_eq!(layout.numbers(), BTreeMap::from([(1, 2), (2, 3)]));
        assert_eq!(layout.card_len, 116 * MIB + 33 * 512);
        assert_eq!(layout.final_table[0].0, 116 * MIB);
        assert_eq!(layout.final_table.last().unwrap().0, 0);
        assert!(layout.notes[0].contains("Pi 4"), "{:?}", layout.notes);
    }

    #[test]
    fn a_gpt_is_what_other_tools_read() {
        let table = gpt(&[(1, 8 * MIB, 40 * MIB), (3, 48 * MIB, 32 * MIB)]);
        let layout = plan(&table, None, &CardInfo::default()).unwrap();
        let mut disk = vec![0; layout.card_len as usize];
        for (at, bytes) in &layout.final_table {
            disk[*at as usize..*at as usize + bytes.len()].copy_from_slice(bytes);
        }
        let mut cursor = std::io::Cursor::new(disk.clone());
        let read = gptman::GPT::read_from(&mut cursor, 512).unwrap();
        assert_eq!(read.header.disk_guid, [7; 16]);
        assert_eq!((read[1].starting_lba, read[1].ending_lba), (8192, 90111));
        assert_eq!(read[2].unique_partition_guid, [0x41; 16]);
        assert!(read[3].is_unused());
        assert_eq!((read[4].starting_lba, read[4].size().unwrap()), (84 * 2048, 65536));
        assert_eq!((read[4].attribute_bits, read[4].partition_name.as_str()), (4, "part 3"));
        // The second copy alone does as well.
        disk[512..1024].fill(0);
        let second = gptman::GPT::read_from(&mut std::io::Cursor::new(disk), 512).unwrap();
        assert_eq!(second[4].starting_lba, read[4].starting_lba);
    }

    #[test]
    fn what_does_not_fit_is_said_with_sizes() {
        let table = mbr(&[(1, 8 * MIB, 512 * MIB, 0x0c)]);
        let small = CardInfo { size: Some(100 * MIB), ..CardInfo::default() };
        let error = plan(&table, Some(520 * MIB), &small).unwrap_err().to_string();
        assert!(error.contains("100 MiB") && error.contains("556 MiB"), "{error}");
        let cut = plan(&table, Some(519 * MIB), &CardInfo::default()).unwrap_err().to_string();
        assert!(cut.contains("519 MiB") && cut.contains("520 MiB"), "{cut}");
        let huge = mbr(&[(1, 8 * MIB, (2 << 40) - 9 * MIB, 0x0c)]);
        assert!(matches!(plan(&huge, None, &CardInfo::default()), Err(Error::TooFar { number: 1, .. })));
        assert_eq!(plan(&mbr(&[]), None, &CardInfo::default()), Err(Error::NoPartition));
        let full = gpt(&[(1, 8 * MIB, MIB), (128, 16 * MIB, MIB)]);
        assert_eq!(plan(&full, None, &CardInfo::default()), Err(Error::NoFreeGptEntry { number: 128 }));
        let orphan = mbr(&[(1, 8 * MIB, MIB, 0x0c), (5, 16 * MIB, MIB, 0x83)]);
        assert!(matches!(plan(&orphan, None, &CardInfo::default()), Err(Error::MixedTable { number: 5 })));
    }

    #[test]
    fn u_boots_partition_must_leave_room_for_the_table() {
        let table = mbr(&[(1, 8 * MIB, MIB, 0x0c)]);
        for (uboot_start, uboot_len) in [
            (0, MIB),
            (33 * 512, MIB),
            (MIB + 1, MIB),
            (MIB, 0),
            (MIB, 700),
            (u64::MAX - 511, MIB),
            (MIB, 3 << 40),
        ] {
            let card = CardInfo { uboot_start, uboot_len, size: None };
            assert!(matches!(plan(&table, None, &card), Err(Error::UbootPartition { .. })), "{card:?}");
        }
    }

    proptest! {
        #[test]
        fn no_table_panics_and_nothing_touches_u_boot(
            gpt_scheme: bool,
            entries in proptest::collection::vec((0u32..140, any::<u64>(), any::<u64>(), any::<u8>(), 0u8..64), 0..6),
            image_len: Option<u64>,
            size: Option<u64>,
        ) {
            let partitions: Vec<_> = entries
                .iter()
                // Offsets of every magnitude, not only giant ones.
                .map(|&(number, start, len, kind, bits)| (number, start >> bits, len >> bits, kind))
                .collect();
            let table = if gpt_scheme {
                gpt(&partitions.iter().map(|&(n, start, len, _)| (n, start, len)).collect::<Vec<_>>())
            } else {
                mbr(&partitions)
            };
            let card = CardInfo { size, ..CardInfo::default() };
            if let Ok(layout) = plan(&table, image_len, &card) {
                prop_assert!(layout.target.start >= card.uboot_end());
                prop_assert!(layout.card_len >= layout.target.end);
                for (at, bytes) in &layout.final_table {
                    let end = at + bytes.len() as u64;
                    prop_assert!(end <= card.uboot_start || *at >= layout.target.end);
                }
                let mut new: Vec<_> = layout.numbers().into_values().collect();
                new.sort_unstable();
                new.dedup();
                prop_assert!(!new.contains(&1));
            }
        }
    }
}
