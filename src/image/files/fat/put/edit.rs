//! A FAT file system with changes over it, a sector each.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Fat, Item, Place, Width, names};
use super::PutError;
use crate::image::fat::{Stamp, file_entry, name_entries};

/// Length of a directory entry.
const ENTRY: u64 = 32;
/// Changes are made in pieces of this length, whatever the file system calls a sector.
const SECTOR: u64 = 512;
/// A directory has at most this many entries (FAT specification 1.03, section 7).
const MOST_ENTRIES: u64 = 65536;
/// So many clusters are freed at most where a file is replaced.
const LONGEST_OLD: u64 = 64 << 20;

/// Why something can't be done; the partition isn't named yet.
#[derive(Debug)]
pub(super) enum Error {
    Damaged(String),
    Full { need: u64, room: u64 },
    DirectoryFull,
    IsDirectory(String),
    Name(String, &'static str),
    Unsound(String),
}

impl From<String> for Error {
    fn from(what: String) -> Self {
        Self::Damaged(what)
    }
}

impl Error {
    /// With the partition's number.
    pub(super) fn on(self, partition: u32) -> PutError {
        match self {
            Self::Damaged(why) | Self::Unsound(why) => PutError::Unsound { partition, why },
            Self::Full { need, room } => PutError::Full { partition, need, room },
            Self::DirectoryFull => PutError::DirectoryFull { partition },
            Self::IsDirectory(name) => PutError::IsDirectory { partition, name },
            Self::Name(name, why) => PutError::Name { name, why },
        }
    }
}

/// Bytes that become others.
pub(super) struct Change {
    /// Where, counted from the partition's start.
    pub(super) at: u64,
    /// What stood there.
    pub(super) old: Vec<u8>,
    /// What has to.
    pub(super) new: Vec<u8>,
}

/// The file system and what has changed.
pub(super) struct Edit<'a> {
    fat: &'a Fat,
    /// Changed sectors by their place in the partition.
    sectors: BTreeMap<u64, Vec<u8>>,
    /// What the table says now of clusters that changed.
    table: BTreeMap<u32, u32>,
    /// No cluster before this one is free.
    next: u64,
    /// By how much there are more free clusters than before.
    freed: i64,
}

impl<'a> Edit<'a> {
    pub(super) const fn new(fat: &'a Fat) -> Self {
        Self { fat, sectors: BTreeMap::new(), table: BTreeMap::new(), next: 2, freed: 0 }
    }

    /// Looks whether something may be added.
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        for copy in 1..self.fat.tables {
            if !self.fat.is_copy(copy)? {
                return Err(Error::Unsound("the copies of its table differ".to_owned()));
            }
        }
        // Bit 7: only one of the tables counts (FAT specification 1.03, BPB_ExtFlags).
        let mut flags = [0; 2];
        if self.fat.width == Width::ThirtyTwo {
            self.read(&mut flags, 40)?;
        }
        if flags[0] & 0x80 != 0 {
            return Err(Error::Unsound("only one of its tables is in use".to_owned()));
        }
        Ok(())
    }

    /// Puts a file into the root directory.
    pub(super) fn put(&mut self, name: &str, bytes: &[u8], stamp: Stamp) -> Result<(), Error> {
        let slots = self.slots()?;
        let directory = self.directory(&slots)?;
        let items = names::items(&directory, self.fat.width, true)
            .map_err(|what| Error::Damaged(format!("its root directory {what}")))?;
        let found =
            items.iter().find(|item| names::is_same(&item.name, name) || names::is_same(&item.short, name));
        let (at, mut entry) = match found {
            Some(item) if item.is_directory => return Err(Error::IsDirectory(item.name.clone())),
            Some(item) => {
                self.free(item)?;
                let at = item.slots.end - 1;
                let mut entry = [0; ENTRY as usize];
                entry.copy_from_slice(&directory[at * ENTRY as usize..(at + 1) * ENTRY as usize]);
                (slots[at], entry)
            }
            None => self.enter(name, &items, &directory, slots)?,
        };
        let first = self.write_contents(bytes)?;
        file_entry(&mut entry, stamp, first, bytes.len() as u32);
        self.write(&entry, at)
    }

    /// Writes names into free entries; gives the place of the short one and its bytes until now.
    fn enter(
        &mut self,
        name: &str,
        items: &[Item],
        directory: &[u8],
        mut slots: Vec<u64>,
    ) -> Result<(u64, [u8; ENTRY as usize]), Error> {
        // As they stand: a name with a character above 127 is no invented one's.
        let taken: BTreeSet<&[u8]> = items
            .iter()
            .filter_map(|item| directory.get((item.slots.end - 1) * ENTRY as usize..)?.get(..11))
            .collect();
        let (long, short) = name_entries(name, |short| taken.contains(&short[..]))
            .map_err(|why| Error::Name(name.to_owned(), why))?;
        let count = long.len() / ENTRY as usize + 1;
        let mut place = free_slots(directory, count);
        while place + count > slots.len() {
            self.lengthen(&mut slots)?;
        }
        // Behind the end there may be anything; what is after the new names must end the directory as before.
        let end = directory.chunks_exact(ENTRY as usize).position(|entry| entry[0] == 0);
        if end.is_some_and(|end| end < place + count)
            && let Some(behind) = slots.get(place + count)
        {
            self.write(&[0; ENTRY as usize], *behind)?;
        }
        for piece in long.chunks_exact(ENTRY as usize) {
            self.write(piece, slots[place])?;
            place += 1;
        }
        let mut entry = [0; ENTRY as usize];
        entry[..11].copy_from_slice(&short);
        // Bit 5: to be archived, as every new file.
        entry[11] = 0x20;
        Ok((slots[place], entry))
    }

    /// Another cluster for the root directory.
    fn lengthen(&mut self, slots: &mut Vec<u64>) -> Result<(), Error> {
        let Place::Chain(first) = self.fat.root else { return Err(Error::DirectoryFull) };
        let per_cluster = self.fat.cluster_len / ENTRY;
        if slots.len() as u64 + per_cluster > MOST_ENTRIES {
            return Err(Error::DirectoryFull);
        }
        let mut last = first;
        for _ in 0..MOST_ENTRIES {
            match self.follow(last)? {
                Some(next) => last = next,
                None => break,
            }
        }
        let new = self.allocate(1)?[0];
        self.set(last, new)?;
        let start = self.place_of(new);
        self.write(&vec![0; self.fat.cluster_len as usize], start)?;
        slots.extend((0..per_cluster).map(|n| start + n * ENTRY));
        Ok(())
    }

    /// Where the entries of the root directory stand.
    fn slots(&self) -> Result<Vec<u64>, Error> {
        let mut slots = Vec::new();
        match self.fat.root {
            Place::Fixed { start, len } => slots.extend((0..len / ENTRY).map(|n| start + n * ENTRY)),
            Place::Chain(first) => {
                let mut next = Some(first);
                while let Some(cluster) = next {
                    if slots.len() as u64 >= MOST_ENTRIES {
                        return Err(Error::Damaged("its root directory has no end".to_owned()));
                    }
                    next = self.follow(cluster)?;
                    let start = self.place_of(cluster);
                    slots.extend((0..self.fat.cluster_len / ENTRY).map(|n| start + n * ENTRY));
                }
            }
        }
        Ok(slots)
    }

    fn directory(&self, slots: &[u64]) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; slots.len() * ENTRY as usize];
        for (entry, at) in bytes.chunks_exact_mut(ENTRY as usize).zip(slots) {
            self.read(entry, *at)?;
        }
        Ok(bytes)
    }

    /// Gives back what a file has.
    fn free(&mut self, item: &Item) -> Result<(), Error> {
        let Place::Chain(first) = item.place else { return Ok(()) };
        if first == 0 {
            return Ok(());
        }
        let mut next = Some(first);
        let most = LONGEST_OLD / self.fat.cluster_len;
        let mut count = 0;
        while let Some(cluster) = next {
            next = self.follow(cluster)?;
            self.set(cluster, 0)?;
            self.next = self.next.min(cluster.into());
            self.freed += 1;
            count += 1;
            if count > most {
                return Err(Error::Unsound(format!(
                    "{} is too long to be replaced",
                    names::shown(&item.name)
                )));
            }
        }
        Ok(())
    }

    /// Writes the bytes of a file, and gives its first cluster.
    fn write_contents(&mut self, bytes: &[u8]) -> Result<u32, Error> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let clusters = self.allocate((bytes.len() as u64).div_ceil(self.fat.cluster_len))?;
        for (cluster, piece) in clusters.iter().zip(bytes.chunks(self.fat.cluster_len as usize)) {
            let mut piece = piece.to_vec();
            piece.resize(piece.len().next_multiple_of(SECTOR as usize), 0);
            self.write(&piece, self.place_of(*cluster))?;
        }
        Ok(clusters[0])
    }

    /// Takes free clusters, beside each other where there is such a place: a boot ROM likes that best. They are a chain.
    fn allocate(&mut self, count: u64) -> Result<Vec<u32>, Error> {
        let (mut all, mut run) = (Vec::new(), Vec::new());
        let mut first_free = None;
        for number in self.next..self.fat.clusters + 2 {
            let cluster = number as u32;
            if self.value(cluster)? != 0 {
                run.clear();
                continue;
            }
            first_free.get_or_insert(number);
            run.push(cluster);
            if (all.len() as u64) < count {
                all.push(cluster);
            }
            if run.len() as u64 == count {
                break;
            }
        }
        let chain = if run.len() as u64 == count { run } else { all };
        if (chain.len() as u64) < count {
            let room = chain.len() as u64 * self.fat.cluster_len;
            return Err(Error::Full { need: count * self.fat.cluster_len, room });
        }
        self.next = first_free.unwrap_or(self.next);
        let last = match self.fat.width {
            Width::Twelve => 0xfff,
            Width::Sixteen => 0xffff,
            Width::ThirtyTwo => 0x0fff_ffff,
        };
        for (n, cluster) in chain.iter().enumerate() {
            self.set(*cluster, chain.get(n + 1).copied().unwrap_or(last))?;
        }
        self.freed -= count as i64;
        Ok(chain)
    }

    const fn place_of(&self, cluster: u32) -> u64 {
        self.fat.data + (cluster as u64 - 2) * self.fat.cluster_len
    }

    fn value(&self, cluster: u32) -> Result<u32, Error> {
        match self.table.get(&cluster) {
            Some(value) => Ok(*value),
            None => Ok(self.fat.value(cluster.into())?),
        }
    }

    fn follow(&self, cluster: u32) -> Result<Option<u32>, Error> {
        match self.table.get(&cluster) {
            // What was changed here is sound; 0 ends a chain that was freed twice.
            Some(value) => Ok((u64::from(*value) < self.fat.clusters + 2 && *value >= 2).then_some(*value)),
            None => Ok(self.fat.follow(cluster)?),
        }
    }

    /// Changes the table, all its copies.
    fn set(&mut self, cluster: u32, value: u32) -> Result<(), Error> {
        self.table.insert(cluster, value);
        let number = u64::from(cluster);
        for copy in 0..self.fat.tables {
            let table = self.fat.table + copy * self.fat.table_len;
            match self.fat.width {
                Width::Twelve => {
                    let at = table + number * 3 / 2;
                    let mut pair = [0; 2];
                    self.read(&mut pair, at)?;
                    let old = u16::from_le_bytes(pair);
                    let new = if number.is_multiple_of(2) {
                        old & 0xf000 | value as u16 & 0x0fff
                    } else {
                        old & 0x000f | (value as u16) << 4
                    };
                    self.write(&new.to_le_bytes(), at)?;
                }
                Width::Sixteen => self.write(&(value as u16).to_le_bytes(), table + number * 2)?,
                Width::ThirtyTwo => {
                    let at = table + number * 4;
                    let mut old = [0; 4];
                    self.read(&mut old, at)?;
                    // The upper four bits aren't the cluster's.
                    let new = u32::from_le_bytes(old) & 0xf000_0000 | value & 0x0fff_ffff;
                    self.write(&new.to_le_bytes(), at)?;
                }
            }
        }
        Ok(())
    }

    /// How many clusters are free stands in a sector of its own on FAT32 (FAT specification 1.03, section 5).
    pub(super) fn end(&mut self) -> Result<(), Error> {
        if self.fat.width != Width::ThirtyTwo {
            return Ok(());
        }
        let mut place = [0; 2];
        self.read(&mut place, 48)?;
        let mut sector_len = [0; 2];
        self.read(&mut sector_len, 11)?;
        let at = u64::from(u16::from_le_bytes(place)) * u64::from(u16::from_le_bytes(sector_len));
        let mut info = [0; SECTOR as usize];
        if at == 0 || at >= self.fat.table || self.read(&mut info, at).is_err() {
            return Ok(());
        }
        let number = |at: usize| u32::from_le_bytes([info[at], info[at + 1], info[at + 2], info[at + 3]]);
        let count = i64::from(number(488)) + self.freed;
        if number(0) != 0x4161_5252 || number(484) != 0x6141_7272 || number(488) == u32::MAX {
            return Ok(());
        }
        match u32::try_from(count) {
            Ok(count) if u64::from(count) <= self.fat.clusters => self.write(&count.to_le_bytes(), at + 488),
            _ => Err(Error::Unsound("it says that more clusters are free than it has".to_owned())),
        }
    }

    fn read(&self, buf: &mut [u8], at: u64) -> Result<(), Error> {
        let (first, last) = (at / SECTOR, (at + buf.len() as u64 - 1) / SECTOR);
        for sector in first..=last {
            let start = sector * SECTOR;
            let (from, to) = (at.max(start), (at + buf.len() as u64).min(start + SECTOR));
            let part = &mut buf[(from - at) as usize..(to - at) as usize];
            match self.sectors.get(&start) {
                Some(bytes) => part.copy_from_slice(&bytes[(from - start) as usize..(to - start) as usize]),
                None => self.fat.window.read_exact(part, from)?,
            }
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], at: u64) -> Result<(), Error> {
        let (first, last) = (at / SECTOR, (at + bytes.len() as u64 - 1) / SECTOR);
        for sector in first..=last {
            let start = sector * SECTOR;
            if !self.sectors.contains_key(&start) {
                let mut old = vec![0; SECTOR as usize];
                self.fat.window.read_exact(&mut old, start)?;
                self.sectors.insert(start, old);
            }
            let (from, to) = (at.max(start), (at + bytes.len() as u64).min(start + SECTOR));
            if let Some(old) = self.sectors.get_mut(&start) {
                old[(from - start) as usize..(to - start) as usize]
                    .copy_from_slice(&bytes[(from - at) as usize..(to - at) as usize]);
            }
        }
        Ok(())
    }

    /// What is other than before. Neighbours are one.
    pub(super) fn changes(&self) -> Result<Vec<Change>, String> {
        let mut changes: Vec<Change> = Vec::new();
        for (at, new) in &self.sectors {
            let mut old = vec![0; SECTOR as usize];
            self.fat.window.read_exact(&mut old, *at)?;
            if old == *new {
                continue;
            }
            match changes.last_mut() {
                Some(last) if last.at + last.old.len() as u64 == *at => {
                    last.old.extend(old);
                    last.new.extend(new);
                }
                _ => changes.push(Change { at: *at, old, new: new.clone() }),
            }
        }
        Ok(changes)
    }
}

/// The first entries in a row that are free; where there are too few, those at the end, which reach over it.
fn free_slots(directory: &[u8], count: usize) -> usize {
    let mut run = 0;
    let mut entries = 0;
    for (n, entry) in directory.chunks_exact(ENTRY as usize).enumerate() {
        entries = n + 1;
        match entry[0] {
            // All behind the end are free, whatever is in them.
            0 => return n - run,
            0xe5 => run += 1,
            _ => run = 0,
        }
        if run == count {
            return n + 1 - count;
        }
    }
    entries - run
}
