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

/// Linux file system data, 0FC63DAF-8483-4772-8E79-3D69D8477DE4: what MBRs call 83.
const LINUX: [u8; 16] =
    [0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4];
/// Linux swap, 0657FD6D-A4AB-43C4-84E5-0933C84B4F4F.
const SWAP: [u8; 16] =
    [0x6d, 0xfd, 0x57, 0x06, 0xab, 0xa4, 0xc4, 0x43, 0x84, 0xe5, 0x09, 0x33, 0xc8, 0x4b, 0x4f, 0x4f];
/// Linux LVM, E6D6D379-F507-44C2-A23C-238F2A3DF928.
const LVM: [u8; 16] =
    [0x79, 0xd3, 0xd6, 0xe6, 0x07, 0xf5, 0xc2, 0x44, 0xa2, 0x3c, 0x23, 0x8f, 0x2a, 0x3d, 0xf9, 0x28];
/// EFI system partition, C12A7328-F81F-11D2-BA4B-00A0C93EC93B.
const EFI: [u8; 16] =
    [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b];

/// New numbers, in the partitions' order: all move up by one. Where the last number is in use, only those below the first
/// free one move, and none where that is 1.
pub(super) fn numbers(partitions: &[Partition]) -> Result<Vec<u32>, Error> {
    let used = |number| partitions.iter().any(|partition| partition.number == number);
    let moves_below = match (used(1), used(ENTRIES)) {
        (true, false) => ENTRIES,
        _ => (1..ENTRIES).find(|number| !used(*number)).ok_or(Error::NoFreeGptEntry { number: ENTRIES })?,
    };
    within(partitions, moves_below)
}

/// The same for the partitions of an MBR that uses all its entries: what a container takes there is free in a GPT, so that
/// logical partitions keep their numbers.
pub(super) fn numbers_of_mbr(partitions: &[Partition]) -> Result<Vec<u32>, Error> {
    let used =
        |number| partitions.iter().any(|partition| partition.number == number && !partition.is_extended());
    within(partitions, (1..).find(|number| !used(*number)).unwrap_or(ENTRIES))
}

fn within(partitions: &[Partition], moves_below: u32) -> Result<Vec<u32>, Error> {
    let new = |partition: &Partition| {
        let number = partition.number + u32::from(partition.number < moves_below);
        (number <= ENTRIES).then_some(number).ok_or(Error::NoFreeGptEntry { number: partition.number })
    };
    partitions.iter().map(new).collect()
}

/// What identifies a disk that had an MBR: the same for the same image.
pub(super) fn disk_guid(disk_id: u32) -> [u8; 16] {
    derived_guid(&[b"piprov disk", &disk_id.to_le_bytes()])
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
        guid: derived_guid(&[b"piprov U-Boot partition", disk_guid]),
        attributes: 0,
        name: "u-boot".to_owned(),
    };
    entries[..ENTRY_LEN].copy_from_slice(&entry(1, card.uboot_start, card.uboot_len, &uboot)?);
    for moved in partitions {
        let at = (moved.number as usize - 1) * ENTRY_LEN;
        let number = moved.old.number;
        let bytes = match &moved.old.entry {
            Entry::Mbr { kind, .. } => {
                entry(number, moved.start, moved.old.len, &of_mbr(disk_guid, number, *kind))?
            }
            of_gpt @ Entry::Gpt { .. } => entry(number, moved.start, moved.old.len, of_gpt)?,
        };
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

/// An MBR's entry as a GPT has it.
fn of_mbr(disk_guid: &[u8; 16], number: u32, kind: u8) -> Entry {
    let guid = derived_guid(&[b"piprov partition", disk_guid, &number.to_le_bytes()]);
    let kind = match kind {
        // FAT in all its widths, NTFS and exFAT.
        0x01 | 0x04 | 0x06 | 0x07 | 0x0b | 0x0c | 0x0e => BASIC_DATA,
        0x82 => SWAP,
        0x8e => LVM,
        0xef => EFI,
        _ => LINUX,
    };
    Entry::Gpt { kind, guid, attributes: 0, name: String::new() }
}

/// A GUID made of these words: another one on each disk, the same one each time (RFC 9562, section 5.8).
fn derived_guid(words: &[&[u8]]) -> [u8; 16] {
    let hash = words.iter().fold(Sha256::new(), |hash, word| hash.chain_update(word)).finalize();
    let mut guid = [0; 16];
    guid.copy_from_slice(&hash[..16]);
    // On disk the version's digit is the high half of byte 7, as the third group is little-endian.
    guid[7] = guid[7] & 0x0f | 0x80;
    guid[8] = guid[8] & 0x3f | 0x80;
    guid
}
