//! Partition tables: MBR (with logical partitions) and GPT, as values.
//!
//! The parsers are our own. gptman's reader trusts a header whose checksum is right: it allocates as many
//! entries as the header says (up to 2^32), multiplies without a check, and asserts the entry size, so an
//! image made on purpose ends the process. And it needs `Seek` over the whole disk, while an image that is
//! being decompressed has only its beginning.

mod gpt;
mod mbr;

use super::error::Error;
use super::read_at::ReadAt;

/// Bytes in a block, here and everywhere in U-Boot's block commands.
pub const BLOCK: u64 = 512;

/// A partition table as it stands in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Which kind of table, with what identifies the disk.
    pub scheme: Scheme,
    /// Partitions in use, by number.
    pub partitions: Vec<Partition>,
    /// Whether a GPT's MBR has partitions of its own beside the protective one: boot ROMs that know no GPT read those.
    pub hybrid: bool,
}

/// The kind of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Master boot record.
    Mbr {
        /// The disk id at byte 440, from which Linux makes `PARTUUID=xxxxxxxx-NN`.
        disk_id: u32,
    },
    /// GUID partition table.
    Gpt {
        /// The disk's GUID as it stands on the disk (mixed-endian).
        disk_guid: [u8; 16],
    },
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The number Linux gives it: 1-4 for MBR primaries, from 5 for logical ones, the entry's place for GPT.
    pub number: u32,
    /// First byte, counted from the start of the disk.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
    /// What the table says of its use.
    pub entry: Entry,
}

/// The rest of a table entry, by scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// An MBR entry (primary, extended or logical).
    Mbr {
        /// Partition type, for example 0x0c (FAT32 LBA), 0x83 (Linux), 0x05/0x0f/0x85 (extended).
        kind: u8,
        /// The active flag.
        bootable: bool,
    },
    /// A GPT entry.
    Gpt {
        /// Type GUID as on disk (mixed-endian).
        kind: [u8; 16],
        /// Partition GUID as on disk; `PARTUUID=` is made from it.
        guid: [u8; 16],
        /// Attribute bits.
        attributes: u64,
        /// The partition's name.
        name: String,
    },
}

impl Partition {
    /// First byte behind the partition.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.len)
    }

    /// Whether it is the MBR's container for logical partitions, and holds no file system of its own.
    #[must_use]
    pub fn is_extended(&self) -> bool {
        matches!(self.entry, Entry::Mbr { kind, .. } if mbr::is_extended(kind))
    }
}

/// Something about a table that a disk with it would suffer from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Two partitions share bytes.
    #[error("partitions {first} and {second} overlap at byte {at}")]
    Overlap {
        /// Number of the one that starts first.
        first: u32,
        /// Number of the other.
        second: u32,
        /// First shared byte.
        at: u64,
    },
    /// A partition ends behind the end of the disk.
    #[error("partition {number} ends at byte {end}, the image at {disk}")]
    OutOfDisk {
        /// Its number.
        number: u32,
        /// First byte behind the partition.
        end: u64,
        /// Length of the disk.
        disk: u64,
    },
    /// A partition lies over the partition table itself.
    #[error("partition {number} starts at byte {start}, inside the partition table")]
    OverTable {
        /// Its number.
        number: u32,
        /// Its first byte.
        start: u64,
    },
    /// A logical partition is not inside the extended one.
    #[error("logical partition {number} is not inside the extended partition")]
    OutOfExtended {
        /// Its number.
        number: u32,
    },
}

impl Table {
    /// Reads the table at the start of a disk. `None`: there is none (also a boot sector of a file system
    /// that fills the whole disk, and a table without partitions in it).
    ///
    /// Reads the first sectors, and what they point to: the sectors of a chain of logical partitions, and
    /// the backup of a GPT when the first copy is damaged. Only for the latter the disk's size is asked for.
    /// A hybrid MBR, with a GPT behind it, counts as GPT.
    ///
    /// # Errors
    /// [`Error::Table`] for a table that contradicts itself (a chain that loops, checksums that are wrong in
    /// both copies, entries that can't be); otherwise what reading ends with.
    pub fn read(disk: &dyn ReadAt) -> Result<Option<Self>, Error> {
        let mut sector = [0u8; BLOCK as usize];
        if read_bytes(disk, &mut sector, 0)? < sector.len() {
            return Ok(None);
        }
        let Some(mbr) = mbr::Sector::parse(&sector) else {
            return mbr::Sector::odd_flag(&sector).map_or(Ok(None), Err);
        };
        if mbr.is_protective() {
            let hybrid = mbr.is_hybrid();
            return gpt::read(disk).map(|table| Some(Self { hybrid, ..table }));
        }
        let partitions = mbr.partitions(disk)?;
        if partitions.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { scheme: Scheme::Mbr { disk_id: mbr.disk_id }, partitions, hybrid: false }))
    }

    /// The first byte that belongs to a partition.
    #[must_use]
    pub fn first_partition_start(&self) -> Option<u64> {
        self.partitions.iter().map(|partition| partition.start).min()
    }

    /// The partition that ends last.
    #[must_use]
    pub fn last(&self) -> Option<&Partition> {
        self.partitions
            .iter()
            .filter(|partition| !partition.is_extended())
            .max_by_key(|partition| partition.end())
    }

    /// The first byte behind the last partition; 0 where there are no partitions.
    #[must_use]
    pub fn end_of_partitions(&self) -> u64 {
        self.partitions.iter().map(Partition::end).max().unwrap_or(0)
    }

    /// The partition in which a byte lies: the innermost one, a logical before the extended around it.
    #[must_use]
    pub fn partition_at(&self, offset: u64) -> Option<&Partition> {
        let inside = |p: &&Partition| p.start <= offset && offset < p.end();
        self.partitions.iter().filter(inside).min_by_key(|p| p.len)
    }

    /// What Linux calls the partition in `root=PARTUUID=`.
    #[must_use]
    pub fn partuuid(&self, partition: &Partition) -> String {
        match (&self.scheme, &partition.entry) {
            (_, Entry::Gpt { guid, .. }) => guid_text(guid),
            (Scheme::Mbr { disk_id }, _) => format!("{disk_id:08x}-{:02x}", partition.number),
            (Scheme::Gpt { .. }, Entry::Mbr { .. }) => String::new(),
        }
    }

    /// What is wrong with the layout, if anything. `disk` is the disk's length where it is known.
    #[must_use]
    pub fn check(&self, disk: Option<u64>) -> Vec<Problem> {
        let mut problems = Vec::new();
        // Behind an MBR, partitions may begin at once; a GPT also has its header and at least one sector
        // of entries.
        let table_end = match self.scheme {
            Scheme::Mbr { .. } => BLOCK,
            Scheme::Gpt { .. } => 3 * BLOCK,
        };
        let extended = self.partitions.iter().find(|p| p.is_extended());
        let logical = |p: &Partition| extended.is_some() && p.number > 4;
        for p in &self.partitions {
            if p.start < table_end {
                problems.push(Problem::OverTable { number: p.number, start: p.start });
            }
            if let Some(disk) = disk
                && p.end() > disk
            {
                problems.push(Problem::OutOfDisk { number: p.number, end: p.end(), disk });
            }
            if let Some(around) = extended
                && logical(p)
                && (p.start < around.start || p.end() > around.end())
            {
                problems.push(Problem::OutOfExtended { number: p.number });
            }
        }
        // The container overlaps its logical partitions by nature: it is compared with primaries only.
        for keep in [|p: &Partition| !p.is_extended(), |p: &Partition| p.number <= 4] {
            let mut sorted: Vec<&Partition> = self.partitions.iter().filter(|p| keep(p)).collect();
            sorted.sort_by_key(|p| (p.start, p.number));
            let mut reaching: Option<&Partition> = None;
            for p in sorted {
                if let Some(before) = reaching
                    && p.start < before.end()
                {
                    let found = Problem::Overlap { first: before.number, second: p.number, at: p.start };
                    if !problems.contains(&found) {
                        problems.push(found);
                    }
                }
                if reaching.is_none_or(|before| before.end() < p.end()) {
                    reaching = Some(p);
                }
            }
        }
        problems
    }
}

/// Whether it is the image of an optical disk (ECMA-119, section 8.1: the first volume descriptor, in the 17th sector of
/// 2048 bytes).
#[must_use]
pub fn is_iso9660(disk: &dyn ReadAt) -> bool {
    let mut sign = [0; 5];
    disk.read_at(&mut sign, 16 * 2048 + 1).is_ok_and(|got| got == sign.len()) && sign == *b"CD001"
}

/// A GUID as text, from the mixed-endian bytes on the disk.
#[must_use]
pub fn guid_text(guid: &[u8; 16]) -> String {
    let g = guid;
    let first = u32::from_le_bytes([g[0], g[1], g[2], g[3]]);
    let (second, third) = (u16::from_le_bytes([g[4], g[5]]), u16::from_le_bytes([g[6], g[7]]));
    let fourth = u16::from_be_bytes([g[8], g[9]]);
    let last = g[10..].iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    format!("{first:08x}-{second:04x}-{third:04x}-{fourth:04x}-{last:012x}")
}

/// Reads from the disk; the error names no file, because a table doesn't know its own.
fn read_bytes(disk: &dyn ReadAt, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
    disk.read_at(buf, offset).map_err(|error| {
        Error::os("image".as_ref(), format!("reading the partition table at byte {offset}"), error)
    })
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from(le32(bytes, at)) | u64::from(le32(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Sectors with the right signatures in the right places, and anything else in between.
        #[test]
        fn no_disk_makes_the_parser_panic_or_loop(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..6000),
            small in proptest::collection::vec(0u8..8, 64),
            gpt in any::<bool>(),
            sealed in any::<bool>(),
        ) {
            for sector in bytes.chunks_exact_mut(512) {
                sector[510..].copy_from_slice(&[0x55, 0xaa]);
                sector[446..510].copy_from_slice(&small);
                for slot in sector[446..510].chunks_exact_mut(16) {
                    // A valid active flag, and starts and counts that stay on the disk, most of them.
                    slot[0] = 0;
                    slot[9..12].fill(0);
                    slot[13..15].fill(0);
                }
            }
            if gpt && bytes.len() >= 1024 {
                bytes[446 + 4] = 0xee;
                bytes[512..528].copy_from_slice(b"EFI PART\0\0\x01\0\x5c\0\0\0");
                bytes[536..544].copy_from_slice(&1u64.to_le_bytes());
                if sealed {
                    bytes[528..532].fill(0);
                    let crc = crc32fast::hash(&bytes[512..604]);
                    bytes[528..532].copy_from_slice(&crc.to_le_bytes());
                }
            }
            if let Ok(Some(table)) = Table::read(&bytes) {
                prop_assert!(table.check(Some(bytes.len() as u64)).len() >= table.check(None).len());
                for partition in &table.partitions {
                    prop_assert!(!table.partuuid(partition).is_empty());
                    let _ = table.partition_at(partition.start);
                }
            }
        }
    }
}
