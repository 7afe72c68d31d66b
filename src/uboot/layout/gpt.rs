//! The card's GPT (UEFI specification 2.10, section 5.3).

use sha2::{Digest, Sha256};

use super::{CardInfo, Error, Moved, TABLE_LEN, mbr};
use crate::image::table::{BLOCK, Entry, Partition};

/// How many entries the table has, and how long each is: the usual numbers, and what every reader takes.
const ENTRIES: u32 = 128;
const ENTRY_LEN: usize = 128;
/// Blocks that the entries take.
const ENTRY_BLOCKS: u64 = ENTRIES as u64 * ENTRY_LEN as u64 / BLOCK;

/// "Basic data", EBD0A0A2-B9E5-4433-87C0-68B6B72699C7 as on disk: one of the two types in which the Pi 4's
/// bootloader looks for its files (the other is the EFI system partition, which systems may claim).
const BASIC_DATA: [u8; 16] =
    [0xa2, 0xa0, 0xd0, 0xeb, 0xe5, 0xb9, 0x33, 0x44, 0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7];

/// New numbers, in the partitions' order: all move up by one.
pub(super) fn numbers(partitions: &[Partition]) -> Result<Vec<u32>, Error> {
    partitions
        .iter()
        .map(|partition| match partition.number {
            number if number >= ENTRIES => Err(Error::NoFreeGptEntry { number }),
            number => Ok(number + 1),
        })
        .collect()
}

/// The second copy, for right behind `end`, and then protective MBR and first copy, for offset 0.
pub(super) fn table(
    disk_guid: &[u8; 16],
    card: &CardInfo,
    partitions: &[Moved],
    end: u64,
    hybrid: bool,
) -> Result<Vec<(u64, Vec<u8>)>, Error> {
    let mut entries = vec![0; ENTRIES as usize * ENTRY_LEN];
    let uboot = Entry::Gpt {
        kind: BASIC_DATA,
        guid: derived_guid(disk_guid),
        attributes: 0,
        name: "u-boot".to_owned(),
    };
    entries[..ENTRY_LEN].copy_from_slice(&entry(1, card.uboot_start, card.uboot_len, &uboot)?);
    for moved in partitions {
        let at = (moved.number as usize - 1) * ENTRY_LEN;
        let bytes = entry(moved.old.number, moved.start, moved.old.len, &moved.old.entry)?;
        entries[at..at + ENTRY_LEN].copy_from_slice(&bytes);
    }
    let first_usable = TABLE_LEN / BLOCK;
    let behind = end.div_ceil(BLOCK);
    let backup = behind + ENTRY_BLOCKS;
    let header = |own: u64, other: u64, entries_at: u64| {
        let mut block = vec![0; BLOCK as usize];
        block[0..8].copy_from_slice(b"EFI PART");
        block[8..12].copy_from_slice(&[0, 0, 1, 0]);
        block[12..16].copy_from_slice(&92u32.to_le_bytes());
        block[24..32].copy_from_slice(&own.to_le_bytes());
        block[32..40].copy_from_slice(&other.to_le_bytes());
        block[40..48].copy_from_slice(&first_usable.to_le_bytes());
        block[48..56].copy_from_slice(&(behind - 1).to_le_bytes());
        block[56..72].copy_from_slice(disk_guid);
        block[72..80].copy_from_slice(&entries_at.to_le_bytes());
        block[80..84].copy_from_slice(&ENTRIES.to_le_bytes());
        block[84..88].copy_from_slice(&(ENTRY_LEN as u32).to_le_bytes());
        block[88..92].copy_from_slice(&crc32fast::hash(&entries).to_le_bytes());
        let crc = crc32fast::hash(&block[..92]);
        block[16..20].copy_from_slice(&crc.to_le_bytes());
        block
    };
    let mut first = if hybrid { mbr::hybrid(card)? } else { mbr::protective(backup + 1) };
    first.extend(header(1, backup, 2));
    first.extend(&entries);
    let mut second = entries.clone();
    second.extend(header(backup, 1, behind));
    Ok(vec![(behind * BLOCK, second), (0, first)])
}

/// The 128 bytes of an entry.
fn entry(number: u32, start: u64, len: u64, entry: &Entry) -> Result<[u8; ENTRY_LEN], Error> {
    let Entry::Gpt { kind, guid, attributes, name } = entry else {
        return Err(Error::MixedTable { number });
    };
    let mut bytes = [0; ENTRY_LEN];
    bytes[0..16].copy_from_slice(kind);
    bytes[16..32].copy_from_slice(guid);
    bytes[32..40].copy_from_slice(&(start / BLOCK).to_le_bytes());
    // The last block, not the one behind it.
    bytes[40..48].copy_from_slice(&((start + len).div_ceil(BLOCK) - 1).to_le_bytes());
    bytes[48..56].copy_from_slice(&attributes.to_le_bytes());
    for (place, unit) in bytes[56..].chunks_exact_mut(2).zip(name.encode_utf16()) {
        place.copy_from_slice(&unit.to_le_bytes());
    }
    Ok(bytes)
}

/// A GUID for U-Boot's partition: another one on each disk, the same one each time (RFC 9562, section 5.8).
fn derived_guid(disk_guid: &[u8; 16]) -> [u8; 16] {
    let hash = Sha256::new().chain_update(b"piprov U-Boot partition").chain_update(disk_guid).finalize();
    let mut guid = [0; 16];
    guid.copy_from_slice(&hash[..16]);
    // On disk the version's digit is the high half of byte 7, as the third group is little-endian.
    guid[7] = guid[7] & 0x0f | 0x80;
    guid[8] = guid[8] & 0x3f | 0x80;
    guid
}
