//! Reads FAT12, FAT16 and FAT32 (Microsoft's FAT specification 1.03), with long names.
//!
//! Why not the fatfs crate: version 0.3.6 computes with what stands in the boot sector before it has looked at
//! it, so a damaged image ends the program (seen: a multiplication that overflows). Here every number is
//! checked, every chain has an end, and nothing is allocated that was not read.

mod free;
mod names;
mod put;
mod tree;

use std::cell::RefCell;

use super::volume::Window;
use crate::image::ext4::Run;

pub use free::fat_free;
pub use put::{PutError, fat_put};
pub use tree::{FatItem, fat_find, fat_list, fat_runs, fat_tree};

const ENTRY: usize = 32;
/// A directory has at most 65536 entries.
const DIRECTORY: u64 = 65536 * ENTRY as u64;
/// So much of the table is read at once.
const AHEAD: u64 = 512;

/// A FAT file system, open for reading.
pub(super) struct Fat {
    window: Window,
    width: Width,
    cluster_len: u64,
    /// First byte of the first table.
    table: u64,
    table_len: u64,
    /// How many copies of the table there are, one behind the other.
    tables: u64,
    ahead: RefCell<Ahead>,
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
    /// Which entries of its directory are its own: the pieces of its long name, and the short one.
    slots: std::ops::Range<usize>,
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
        Ok(Self {
            window,
            width,
            cluster_len,
            table: reserved * sector,
            table_len: table_sectors * sector,
            tables,
            ahead: RefCell::default(),
            data,
            clusters,
            root,
        })
    }

    fn root(&self) -> Item {
        Item {
            name: String::new(),
            short: String::new(),
            is_directory: true,
            len: 0,
            place: self.root,
            slots: 0..0,
        }
    }

    /// Finds a file or directory, whatever the case of its name. A long name comes before another file's short one.
    pub(super) fn find(&self, path: &str) -> Result<Option<Item>, String> {
        let mut found = self.root();
        let mut at = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            if !found.is_directory {
                return Ok(None);
            }
            let mut items = self.list(&found, &at)?;
            let by =
                |name: fn(&Item) -> &str| items.iter().position(|item| name(item).eq_ignore_ascii_case(part));
            let Some(place) = by(|item| &item.name).or_else(|| by(|item| &item.short)) else {
                return Ok(None);
            };
            found = items.swap_remove(place);
            at = format!("{at}/{}", found.name);
        }
        Ok(Some(found))
    }

    /// What is in the directory `at`; without `.`, `..` and the volume's label.
    ///
    /// Names that no file can have, and names that are equal but for case, are damage: a system that mounts such a file
    /// system, and the board's firmware, would each find something else.
    pub(super) fn list(&self, directory: &Item, at: &str) -> Result<Vec<Item>, String> {
        let bytes = self.entries(directory, at)?;
        names::items(&bytes, self.width, directory.place == self.root)
            .map_err(|what| format!("the directory {} {what}", names::shown(at)))
    }

    /// The volume's label as the root directory has it: the bytes of a name.
    pub(super) fn label(&self) -> Result<Option<[u8; 11]>, String> {
        let bytes = self.entries(&self.root(), "")?;
        for entry in bytes.chunks_exact(ENTRY).take_while(|entry| entry[0] != 0) {
            let is_label = entry[0] != 0xe5 && entry[11] & 0x3f != 0x0f && entry[11] & 0x18 == 0x08;
            if is_label && let Ok(name) = entry[..11].try_into() {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// The bytes of a directory.
    fn entries(&self, directory: &Item, at: &str) -> Result<Vec<u8>, String> {
        match directory.place {
            Place::Fixed { start, len } => {
                let mut bytes = vec![0; len as usize];
                self.window.read_exact(&mut bytes, start)?;
                Ok(bytes)
            }
            Place::Chain(first) => {
                let bytes = self.chain(first, DIRECTORY + 1, false)?;
                if bytes.len() as u64 > DIRECTORY {
                    return Err(format!("the directory {} has more than 65536 entries", names::shown(at)));
                }
                Ok(bytes)
            }
        }
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
        let runs = self.runs(first, len, whole)?;
        let mut bytes = Vec::new();
        for run in runs {
            let at = bytes.len();
            bytes.resize(at + run.len as usize, 0);
            self.window.read_exact(&mut bytes[at..], run.from)?;
        }
        Ok(bytes)
    }

    /// Where a chain of clusters lies, counted from the partition's start: `len` bytes of it, or up to its end if that
    /// comes first and may.
    fn runs(&self, first: u32, len: u64, whole: bool) -> Result<Vec<Run>, String> {
        let mut runs: Vec<Run> = Vec::new();
        let mut to = 0;
        let mut next = Some(first);
        let mut circle = Circle::new(first);
        while to < len {
            let Some(cluster) = next else {
                if whole {
                    return Err("its chain of clusters ends too early".to_owned());
                }
                break;
            };
            next = self.follow(cluster)?;
            let from = self.data + u64::from(cluster - 2) * self.cluster_len;
            let piece = self.cluster_len.min(len - to);
            match runs.last_mut() {
                Some(last) if last.from + last.len == from => last.len += piece,
                _ => runs.push(Run { to, from, len: piece }),
            }
            to += piece;
            if next.is_some_and(|next| circle.is_closed_by(next)) {
                return Err("its chain of clusters leads round in a circle".to_owned());
            }
        }
        for run in &runs {
            self.window.check(run.from, run.len)?;
        }
        Ok(runs)
    }

    /// The cluster behind this one; `None` behind the last.
    fn follow(&self, cluster: u32) -> Result<Option<u32>, String> {
        let number = u64::from(cluster);
        if number < 2 || number >= self.clusters + 2 {
            return Err(format!("its chain of clusters leads to {cluster}, which doesn't exist"));
        }
        let last = match self.width {
            Width::Twelve => 0xff8,
            Width::Sixteen => 0xfff8,
            Width::ThirtyTwo => 0x0fff_fff8,
        };
        let value = self.value(number)?;
        Ok((value < last).then_some(value))
    }

    /// What the table says of a cluster, or of the two numbers before the first one.
    fn value(&self, number: u64) -> Result<u32, String> {
        Ok(match self.width {
            Width::Twelve => {
                let pair = u16::from_le_bytes(self.entry::<2>(number * 3 / 2)?);
                u32::from(if number.is_multiple_of(2) { pair & 0xfff } else { pair >> 4 })
            }
            Width::Sixteen => u32::from(u16::from_le_bytes(self.entry(number * 2)?)),
            Width::ThirtyTwo => u32::from_le_bytes(self.entry(number * 4)?) & 0x0fff_ffff,
        })
    }

    /// Bytes of the table. Neighbours stand beside each other, so some are read ahead.
    fn entry<const N: usize>(&self, at: u64) -> Result<[u8; N], String> {
        let mut ahead = self.ahead.borrow_mut();
        let within = |ahead: &Ahead| {
            let start = usize::try_from(at.checked_sub(ahead.at)?).ok()?;
            ahead.bytes.get(start..start + N)?.try_into().ok()
        };
        if let Some(bytes) = within(&ahead) {
            return Ok(bytes);
        }
        let most = self.table_len.saturating_sub(at).min(AHEAD);
        ahead.bytes.resize(most as usize, 0);
        ahead.at = at;
        let at = self.table + at;
        self.window.read_exact(&mut ahead.bytes, at).inspect_err(|_| ahead.bytes.clear())?;
        within(&ahead).ok_or_else(|| "its chain of clusters leads behind the table".to_owned())
    }
}

/// Bytes of the table that were read already.
#[derive(Default)]
struct Ahead {
    at: u64,
    bytes: Vec<u8>,
}

/// Finds out that a chain goes round in a circle, with as little memory for a long one as for a short one (Brent's
/// way: it is compared with a place that moves forward in ever longer leaps).
struct Circle {
    place: u32,
    since: u64,
    leap: u64,
}

impl Circle {
    fn new(first: u32) -> Self {
        Self { place: first, since: 0, leap: 1 }
    }

    fn is_closed_by(&mut self, next: u32) -> bool {
        if next == self.place {
            return true;
        }
        self.since += 1;
        if self.since == self.leap {
            (self.place, self.since, self.leap) = (next, 0, self.leap * 2);
        }
        false
    }
}
