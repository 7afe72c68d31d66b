//! Partition tables: MBR (with logical partitions) and GPT, as values.

/// Bytes in a block, here and everywhere in U-Boot's block commands.
pub const BLOCK: u64 = 512;

/// A partition table as it stands in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Which kind of table, with what identifies the disk.
    pub scheme: Scheme,
    /// Partitions in use, by number.
    pub partitions: Vec<Partition>,
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
        self.start + self.len
    }
}
