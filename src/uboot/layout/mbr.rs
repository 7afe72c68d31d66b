//! The card's MBR.

use super::{CardInfo, Error, Moved, nest};
use crate::image::table::{BLOCK, Entry, Partition};

/// First byte that an MBR can't name: block numbers have 32 bits.
pub(super) const LIMIT: u64 = (1 << 32) * BLOCK;

/// Cylinder, head and sector as tools write them where only the block number counts.
const CHS_NONE: [u8; 3] = [0xfe, 0xff, 0xff];

/// FAT32, addressed by block number: what every Pi's boot ROM looks for.
const KIND_FAT32_LBA: u8 = 0x0c;

/// New numbers, in the partitions' order: a primary one moves up by one, a logical one stays. Where number 4 is in use,
/// only those below the first free number move, and none where that is 1. `None`: all four are in use.
pub(super) fn numbers(partitions: &[Partition]) -> Result<Option<Vec<u32>>, Error> {
    let used = |number| partitions.iter().any(|partition| partition.number == number);
    let moves_below = match (used(1), used(4)) {
        (true, false) => 4,
        _ => match (1..4).find(|number| !used(*number)) {
            Some(free) => free,
            None => return Ok(None),
        },
    };
    let new = |partition: &Partition| match (&partition.entry, partition.number) {
        (Entry::Mbr { .. }, number) if number < moves_below => Ok(number + 1),
        (Entry::Mbr { .. }, number) => Ok(number),
        (Entry::Gpt { .. }, number) => Err(Error::MixedTable { number }),
    };
    partitions.iter().map(new).collect::<Result<_, _>>().map(Some)
}

/// A whole MBR: U-Boot's partition, active, as number 1, and these behind it. Extended partitions stay
/// valid as they are, because the links in them count from the extended partition's own start.
pub(super) fn table(
    disk_id: u32,
    card: &CardInfo,
    partitions: &[Moved],
    container: Option<(u32, u64, u64)>,
) -> Result<Vec<u8>, Error> {
    let mut sector = vec![0; BLOCK as usize];
    sector[440..444].copy_from_slice(&disk_id.to_le_bytes());
    sector[510..512].copy_from_slice(&[0x55, 0xaa]);
    sector[446..462].copy_from_slice(&entry(true, KIND_FAT32_LBA, 1, card.uboot_start, card.uboot_len)?);
    if let Some((number, start, len)) = container {
        let slot = number as usize - 1;
        sector[446 + slot * 16..462 + slot * 16].copy_from_slice(&entry(
            false,
            nest::kind(),
            number,
            start,
            len,
        )?);
    }
    for moved in partitions {
        let kind = kind(&moved.old)?;
        // Logical partitions are not in this table; but they must be within its reach too.
        let bytes = entry(false, kind, moved.old.number, moved.start, moved.old.len)?;
        if let Some(slot) = (moved.number as usize).checked_sub(1).filter(|slot| *slot < 4) {
            sector[446 + slot * 16..462 + slot * 16].copy_from_slice(&bytes);
        } else if container.is_none()
            && !partitions.iter().any(|outer| {
                outer.old.is_extended()
                    && outer.old.start <= moved.old.start
                    && outer.old.end() >= moved.old.end()
            })
        {
            return Err(Error::MixedTable { number: moved.old.number });
        }
    }
    Ok(sector)
}

/// The type of a partition in an MBR.
pub(super) const fn kind(partition: &Partition) -> Result<u8, Error> {
    match partition.entry {
        Entry::Mbr { kind, .. } => Ok(kind),
        Entry::Gpt { .. } => Err(Error::MixedTable { number: partition.number }),
    }
}

/// The 16 bytes of an entry.
pub(super) fn entry(active: bool, kind: u8, number: u32, start: u64, len: u64) -> Result<[u8; 16], Error> {
    let too_far = || Error::TooFar { number, end: start.saturating_add(len), limit: LIMIT };
    if start.saturating_add(len) > LIMIT {
        return Err(too_far());
    }
    let first = u32::try_from(start / BLOCK).map_err(|_| too_far())?;
    let count = u32::try_from(len / BLOCK).map_err(|_| too_far())?;
    let mut bytes = [0; 16];
    bytes[0] = if active { 0x80 } else { 0 };
    bytes[1..4].copy_from_slice(&CHS_NONE);
    bytes[4] = kind;
    bytes[5..8].copy_from_slice(&CHS_NONE);
    bytes[8..12].copy_from_slice(&first.to_le_bytes());
    bytes[12..16].copy_from_slice(&count.to_le_bytes());
    Ok(bytes)
}

/// A GPT's MBR in which U-Boot's partition stands too, for boot ROMs that know no GPT. The protective entry is the first one
/// and covers the table only: by it Linux and U-Boot know that the GPT counts.
pub(super) fn hybrid(card: &CardInfo) -> Result<Vec<u8>, Error> {
    let mut sector = protective(card.uboot_start / BLOCK);
    sector[462..478].copy_from_slice(&entry(true, KIND_FAT32_LBA, 1, card.uboot_start, card.uboot_len)?);
    Ok(sector)
}

/// The one entry of a GPT's MBR, which says to older tools that the disk is taken.
pub(super) fn protective(blocks: u64) -> Vec<u8> {
    let mut sector = vec![0; BLOCK as usize];
    let count = u32::try_from(blocks.saturating_sub(1)).unwrap_or(u32::MAX);
    // UEFI 2.10, table 5.4: from block 1; the start in cylinders is 0x000200, the end where LBA takes over.
    sector[446..454].copy_from_slice(&[0, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff]);
    sector[454..458].copy_from_slice(&1u32.to_le_bytes());
    sector[458..462].copy_from_slice(&count.to_le_bytes());
    sector[510..512].copy_from_slice(&[0x55, 0xaa]);
    sector
}
