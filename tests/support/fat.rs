//! A small FAT12 file system, made byte by byte, so that it can be wrong in any way.
#![allow(dead_code, unreachable_pub, reason = "each user takes its part")]

const SECTOR: usize = 512;
const ENTRIES: usize = 64;
/// Where the table, the root directory and the clusters begin.
const TABLE: usize = SECTOR;
const TABLE_LEN: usize = 6 * SECTOR;
const ROOT: usize = TABLE + TABLE_LEN;
const DATA: usize = ROOT + ENTRIES * 32;

pub const FILE: u8 = 0x20;
pub const DIRECTORY: u8 = 0x10;

/// The file system. Clusters have 512 bytes; the first one has the number 2.
pub struct Fat12 {
    pub bytes: Vec<u8>,
    next: u16,
}

impl Fat12 {
    /// An empty one with at most 2000 clusters.
    pub fn new(clusters: u16) -> Self {
        let len = DATA + usize::from(clusters) * SECTOR;
        let mut bytes = vec![0; len];
        bytes[..3].copy_from_slice(&[0xeb, 0x3c, 0x90]);
        bytes[11..13].copy_from_slice(&(SECTOR as u16).to_le_bytes());
        (bytes[13], bytes[14], bytes[16]) = (1, 1, 1);
        bytes[17..19].copy_from_slice(&(ENTRIES as u16).to_le_bytes());
        bytes[19..21].copy_from_slice(&((len / SECTOR) as u16).to_le_bytes());
        bytes[21] = 0xf8;
        bytes[22..24].copy_from_slice(&((TABLE_LEN / SECTOR) as u16).to_le_bytes());
        bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
        Self { bytes, next: 2 }
    }

    /// Puts contents into the next free clusters; gives the first one, or 0 where there is nothing to put.
    pub fn put(&mut self, contents: &[u8]) -> u16 {
        let first = self.next;
        let count = contents.len().div_ceil(SECTOR) as u16;
        if count == 0 {
            return 0;
        }
        let at = DATA + usize::from(first - 2) * SECTOR;
        self.bytes[at..at + contents.len()].copy_from_slice(contents);
        self.next += count;
        for cluster in first..self.next {
            self.link(cluster, if cluster + 1 < self.next { cluster + 1 } else { 0xfff });
        }
        first
    }

    /// Says in the table what comes behind a cluster; 0xfff is the end.
    pub fn link(&mut self, cluster: u16, to: u16) {
        let at = TABLE + usize::from(cluster) * 3 / 2;
        let pair = u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]]);
        let pair = if cluster.is_multiple_of(2) { pair & 0xf000 | to } else { pair & 0xf | to << 4 };
        self.bytes[at..at + 2].copy_from_slice(&pair.to_le_bytes());
    }

    /// Writes the root directory.
    pub fn root(&mut self, entries: &[Vec<u8>]) {
        let entries = entries.concat();
        self.bytes[ROOT..ROOT + entries.len()].copy_from_slice(&entries);
    }

    /// Puts a directory with `.` and `..` in front; gives its first cluster.
    pub fn directory(&mut self, above: u16, entries: &[Vec<u8>]) -> u16 {
        let first = self.next;
        let dots = [short(b".          ", DIRECTORY, first, 0), short(b"..         ", DIRECTORY, above, 0)];
        self.put(&[&dots.concat()[..], &entries.concat()].concat())
    }
}

/// An entry with a short name only.
pub fn short(name: &[u8; 11], attributes: u8, first: u16, len: u32) -> Vec<u8> {
    let mut entry = vec![0; 32];
    entry[..11].copy_from_slice(name);
    entry[11] = attributes;
    entry[26..28].copy_from_slice(&first.to_le_bytes());
    entry[28..32].copy_from_slice(&len.to_le_bytes());
    entry
}

/// An entry with a long name in front; `number` makes its short name another one than its neighbours'.
pub fn long(name: &str, number: u16, attributes: u8, first: u16, len: u32) -> Vec<u8> {
    let mut alias = *b"F          ";
    for (place, digit) in alias[1..].iter_mut().zip(format!("{number:05}").bytes()) {
        *place = digit;
    }
    let checksum = alias.iter().fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
    let units: Vec<u16> = name.encode_utf16().collect();
    let pieces: Vec<&[u16]> = units.chunks(13).collect();
    let mut bytes = Vec::new();
    for (n, piece) in pieces.iter().enumerate().rev() {
        let mut entry = [0xff; 32];
        entry[0] = (n as u8 + 1) | if n + 1 == pieces.len() { 0x40 } else { 0 };
        (entry[11], entry[12], entry[13], entry[26], entry[27]) = (0x0f, 0, checksum, 0, 0);
        let places = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
        for (at, unit) in places.into_iter().zip(piece.iter().chain([&0])) {
            entry[at..at + 2].copy_from_slice(&unit.to_le_bytes());
        }
        bytes.extend(entry);
    }
    bytes.extend(short(&alias, attributes, first, len));
    bytes
}
