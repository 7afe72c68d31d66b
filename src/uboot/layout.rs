//! Where an image goes on a recovery card: pure arithmetic on the host, so that the board has nothing to compute.
//!
//! A recovery card has U-Boot's FAT partition in front, as number 1. Everything the image holds from its
//! first partition on follows behind it, moved by one constant, so nothing inside a partition changes.
//! What does change is the partition table, which is computed here and written last.
//!
//! A card's table is of the image's kind, with one exception: an MBR has four entries. Where the image uses them all, the
//! last two partitions become logical ones (see `nest`), and where that can't be, the card gets a GPT. Such a GPT has an MBR
//! with U-Boot's partition in it, for boot ROMs that know no GPT.
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
use nest::Nest;

use crate::format::size;
use crate::image::files::NewNames;
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
    /// The card gets a GPT, and the image has an MBR.
    pub becomes_gpt: bool,
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

    /// How the partitions are called from now on.
    #[must_use]
    pub fn names(&self) -> NewNames {
        NewNames { numbers: self.numbers(), becomes_gpt: self.becomes_gpt }
    }
}

/// The kind of table that the card gets, and what it takes.
enum Way {
    /// An MBR, with a container for logical partitions where the image's entries don't suffice.
    Mbr(u32, Option<Nest>),
    /// A GPT, also where the image has an MBR whose partitions don't fit one more.
    Gpt { disk_guid: [u8; 16], hybrid: bool, of_mbr: bool },
}

/// New numbers, in the partitions' order, and the table that has them.
fn way(table: &Table) -> Result<(Vec<u32>, Way), Error> {
    let partitions = &table.partitions;
    match table.scheme {
        Scheme::Gpt { disk_guid } => {
            let way = Way::Gpt { disk_guid, hybrid: table.hybrid, of_mbr: false };
            Ok((gpt::numbers(partitions)?, way))
        }
        Scheme::Mbr { disk_id } => {
            if let Some(numbers) = mbr::numbers(partitions)? {
                return Ok((numbers, Way::Mbr(disk_id, None)));
            }
            if let Some((numbers, nest)) = nest::numbers(partitions) {
                return Ok((numbers, Way::Mbr(disk_id, Some(nest))));
            }
            let way = Way::Gpt { disk_guid: gpt::disk_guid(disk_id), hybrid: true, of_mbr: true };
            Ok((gpt::numbers_of_mbr(partitions)?, way))
        }
    }
}

/// Computes the layout of an image with this table on this card.
///
/// `image_len` may be left out while an image is still being decompressed; the image's last partition
/// then tells where it ends.
///
/// # Errors
/// When there is no partition to put there, when the image ends before its last partition does, or when it does not fit
/// onto the card or into the table.
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
    let (numbers, way) = way(table)?;
    let becomes_gpt = matches!(way, Way::Gpt { of_mbr: true, .. });
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
        // A GPT needs no container.
        .filter(|(old, _)| !(becomes_gpt && old.is_extended()))
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
    let mut container = None;
    let (disk_id, final_table) = match &way {
        Way::Mbr(disk_id, nest) => {
            container = nest.as_ref().map(|nest| nest.container(shift));
            let mut pieces = nest.as_ref().map(|nest| nest.pieces(shift)).transpose()?.unwrap_or_default();
            notes.extend(nest.as_ref().map(Nest::note));
            pieces.push((0, mbr::table(*disk_id, card, &partitions, container)?));
            (*disk_id, pieces)
        }
        Way::Gpt { disk_guid, hybrid, of_mbr } => {
            notes.push(
                match (of_mbr, hybrid) {
                    (true, _) => {
                        "The image uses all four entries of its MBR, and U-Boot needs one: the card gets a GPT. In its MBR \
                         U-Boot's partition stands too, so that boards that read no GPT start. The names that PARTUUID= \
                         makes of an MBR don't exist there; /dev/mmcblk0p… takes their place."
                    }
                    (false, true) => {
                        "Its MBR is a hybrid one, and the card's has U-Boot's partition in it, so that boards that read no \
                         GPT start too."
                    }
                    (false, false) => {
                        "A card with a GPT boots on a Pi 4 or newer; the boot ROM of earlier boards reads MBR only."
                    }
                }
                .to_owned(),
            );
            notes.push(
                "The second copy of the GPT stands right behind the last partition, not at the end of the \
                 card; `sgdisk -e`, or the system's first start, moves it there."
                    .to_owned(),
            );
            let end = (last.end() + shift).max(target.end);
            (0, gpt::table(disk_guid, card, &partitions, end, *hybrid)?)
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
    Ok(Layout {
        shift,
        source,
        target,
        boot_table,
        final_table,
        partitions,
        container,
        becomes_gpt,
        card_len,
        notes,
    })
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
mod tests;
