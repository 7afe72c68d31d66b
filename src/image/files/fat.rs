//! Reads FAT12, FAT16 and FAT32 (Microsoft's FAT specification 1.03), with long names.
//!
//! Why not the fatfs crate: version 0.3.6 computes with what stands in the boot sector before it has looked at
//! it, so a damaged image ends the program (seen: a multiplication that overflows). Here every number is
//! checked, every chain has an end, and nothing is allocated that was not read.

use super::volume::Window;

const ENTRY: usize = 32;
/// A directory has at most 65536 entries.
const DIRECTORY: u64 = 65536 * ENTRY as u64;
/// Where the characters of a long name stand in an entry.
const PLACES: [usize; 13] = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];

/// A FAT file system, open for reading.
pub(super) struct Fat {
    window: Window,
    width: Width,
    cluster_len: u64,
    /// First byte of the first table.
    table: u64,
    /// First byte of cluster 2.
    data: u64,
    clusters: u64,
    root: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    Twelve,
    Sixteen,
    ThirtyTwo,
}

/// Where a file or directory begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The root directory of FAT12 and FAT16: in front of the clusters.
    Fixed { start: u64, len: u64 },
    /// A chain of clusters; 0 for an empty file, and for the root where `..` leads to it.
    Chain(u32),
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// The long name, or the short one where there is no other.
    pub(super) name: String,
    short: String,
    pub(super) is_directory: bool,
    len: u64,
    place: Place,
}

impl Item {
    /// Bytes of contents, for a file.
    pub(super) fn len(&self) -> u64 {
        if self.is_directory { 0 } else { self.len }
    }
}

impl Fat {
    /// Looks at the boot sector.
    pub(super) fn open(window: Window) -> Result<Self, String> {
        let mut boot = [0; 512];
        window.read_exact(&mut boot, 0)?;
        let short = |at: usize| u64::from(u16::from_le_bytes([boot[at], boot[at + 1]]));
        let long = |at: usize| short(at) | short(at + 2) << 16;
        let (sector, per_cluster, reserved, tables) =
            (short(11), u64::from(boot[13]), short(14), u64::from(boot[16]));
        let root_entries = short(17);
        let sectors = if short(19) == 0 { long(32) } else { short(19) };
        let table_sectors = if short(22) == 0 { long(36) } else { short(22) };
        let sound = boot[510..] == [0x55, 0xaa]
            && [512, 1024, 2048, 4096].contains(&sector)
            && per_cluster.is_power_of_two()
            && reserved > 0
            && (1..=4).contains(&tables)
            && table_sectors > 0;
        if !sound {
            return Err("its boot sector is damaged".to_owned());
        }
        // All of these have at most 32 bits, so nothing overflows 64.
        let root_start = (reserved + tables * table_sectors) * sector;
        let data = root_start + (root_entries * ENTRY as u64).next_multiple_of(sector);
        let cluster_len = per_cluster * sector;
        // Cluster numbers have 28 bits.
        let clusters = ((sectors * sector).saturating_sub(data) / cluster_len).min(0x0fff_fff5);
        let width = match clusters {
            0 => return Err("its boot sector is damaged: there is no room for files".to_owned()),
            1..4085 => Width::Twelve,
            4085..65525 => Width::Sixteen,
            _ => Width::ThirtyTwo,
        };
        let root = match width {
            Width::ThirtyTwo => Place::Chain(long(44) as u32),
            _ => Place::Fixed { start: root_start, len: root_entries * ENTRY as u64 },
        };
        Ok(Self { window, width, cluster_len, table: reserved * sector, data, clusters, root })
    }

    /// Finds a file or directory, whatever the case of its name.
    pub(super) fn find(&self, path: &str) -> Result<Option<Item>, String> {
        let mut found =
            Item { name: String::new(), short: String::new(), is_directory: true, len: 0, place: self.root };
        for part in path.split('/').filter(|part| !part.is_empty()) {
            if !found.is_directory {
                return Ok(None);
            }
            let same =
                |item: &Item| item.name.eq_ignore_ascii_case(part) || item.short.eq_ignore_ascii_case(part);
            match self.list(&found)?.into_iter().find(same) {
                Some(item) => found = item,
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    /// What is in a directory; without `.`, `..` and the volume's label.
    pub(super) fn list(&self, directory: &Item) -> Result<Vec<Item>, String> {
        let bytes = match directory.place {
            Place::Fixed { start, len } => {
                let mut bytes = vec![0; len as usize];
                self.window.read_exact(&mut bytes, start)?;
                bytes
            }
            Place::Chain(first) => self.chain(first, DIRECTORY, false)?,
        };
        Ok(items(&bytes, self.width))
    }

    /// Reads a whole file of at most `longest` bytes.
    pub(super) fn read(&self, file: &Item, longest: u64) -> Result<Vec<u8>, String> {
        if file.len > longest {
            return Err(format!("it has {} bytes, more than {longest}", file.len));
        }
        match file.place {
            Place::Chain(first) if file.len > 0 => self.chain(first, file.len, true),
            _ => Ok(Vec::new()),
        }
    }

    /// Reads a chain of clusters: `len` bytes of it, or up to its end if that comes first and may.
    fn chain(&self, first: u32, len: u64, whole: bool) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let mut next = Some(first);
        while (bytes.len() as u64) < len {
            let Some(start) = next else {
                if whole {
                    return Err("its chain of clusters ends too early".to_owned());
                }
                break;
            };
            // Neighbours are read at once.
            let mut count = 1;
            next = self.follow(start)?;
            while next == Some(start + count)
                && (bytes.len() as u64 + u64::from(count) * self.cluster_len) < len
            {
                next = self.follow(start + count)?;
                count += 1;
            }
            let from = self.data + u64::from(start - 2) * self.cluster_len;
            let run = (u64::from(count) * self.cluster_len).min(len - bytes.len() as u64);
            let at = bytes.len();
            self.window.check(from, run)?;
            bytes.resize(at + run as usize, 0);
            self.window.read_exact(&mut bytes[at..], from)?;
        }
        Ok(bytes)
    }

    /// The cluster behind this one; none behind the last.
    fn follow(&self, cluster: u32) -> Result<Option<u32>, String> {
        let number = u64::from(cluster);
        if number < 2 || number >= self.clusters + 2 {
            return Err(format!("its chain of clusters leads to {cluster}, which doesn't exist"));
        }
        let (value, last) = match self.width {
            Width::Twelve => {
                let mut pair = [0; 2];
                self.window.read_exact(&mut pair, self.table + number * 3 / 2)?;
                let pair = u16::from_le_bytes(pair);
                (u32::from(if cluster.is_multiple_of(2) { pair & 0xfff } else { pair >> 4 }), 0xff8)
            }
            Width::Sixteen => {
                let mut pair = [0; 2];
                self.window.read_exact(&mut pair, self.table + number * 2)?;
                (u32::from(u16::from_le_bytes(pair)), 0xfff8)
            }
            Width::ThirtyTwo => {
                let mut four = [0; 4];
                self.window.read_exact(&mut four, self.table + number * 4)?;
                (u32::from_le_bytes(four) & 0x0fff_ffff, 0x0fff_fff8)
            }
        };
        Ok((value < last).then_some(value))
    }
}

/// The entries in a directory's bytes.
fn items(bytes: &[u8], width: Width) -> Vec<Item> {
    let mut items = Vec::new();
    let mut long = LongName::default();
    for entry in bytes.chunks_exact(ENTRY) {
        match (entry[0], entry[11]) {
            (0, _) => break,
            (0xe5, _) => long = LongName::default(),
            (_, attributes) if attributes & 0x3f == 0x0f => long.add(entry),
            // The label.
            (_, attributes) if attributes & 0x08 != 0 => long = LongName::default(),
            (b'.', _) => long = LongName::default(),
            (_, attributes) => {
                let short = short_name(entry);
                let name = std::mem::take(&mut long).finish(entry).unwrap_or_else(|| short.clone());
                let low = u32::from(u16::from_le_bytes([entry[26], entry[27]]));
                let high = u32::from(u16::from_le_bytes([entry[20], entry[21]]));
                let first = if width == Width::ThirtyTwo { high << 16 | low } else { low };
                items.push(Item {
                    name,
                    short,
                    is_directory: attributes & 0x10 != 0,
                    len: u64::from(u32::from_le_bytes([entry[28], entry[29], entry[30], entry[31]])),
                    place: Place::Chain(first),
                });
            }
        }
    }
    items
}

/// Eight and three characters; two bits say which part is in lower case.
fn short_name(entry: &[u8]) -> String {
    let part = |bytes: &[u8], lower: bool| {
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        let text = text.trim_end_matches(' ');
        if lower { text.to_lowercase() } else { text.to_owned() }
    };
    let (base, extension) = (part(&entry[..8], entry[12] & 8 != 0), part(&entry[8..11], entry[12] & 16 != 0));
    if extension.is_empty() { base } else { format!("{base}.{extension}") }
}

/// The pieces of a long name, which stand in front of the short one, last piece first.
#[derive(Default)]
struct LongName {
    units: Vec<u16>,
    /// The number that the next piece must have; 0 when all are there.
    next: u8,
    checksum: u8,
    begun: bool,
}

impl LongName {
    fn add(&mut self, entry: &[u8]) {
        let number = entry[0] & 0x3f;
        if entry[0] & 0x40 != 0 {
            *self = Self { units: Vec::new(), next: number, checksum: entry[13], begun: true };
        }
        if !self.begun || number == 0 || number != self.next || entry[13] != self.checksum {
            *self = Self::default();
            return;
        }
        let piece = PLACES.map(|at| u16::from_le_bytes([entry[at], entry[at + 1]]));
        self.units.splice(0..0, piece);
        self.next -= 1;
    }

    /// The name, if all pieces were there and belong to this entry.
    fn finish(self, entry: &[u8]) -> Option<String> {
        let checksum = entry[..11].iter().fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
        if !self.begun || self.next != 0 || checksum != self.checksum {
            return None;
        }
        let len = self.units.iter().position(|unit| *unit == 0).unwrap_or(self.units.len());
        String::from_utf16(&self.units[..len]).ok()
    }
}
