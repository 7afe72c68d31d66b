//! The files of a boot partition, as the forecast asks for them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::BootFiles;
use crate::image::ext4::Run;
use crate::image::files::{fat_find, fat_list, fat_runs, is_fat};
use crate::image::read_at::ReadAt;
use crate::image::table::Partition;

/// Files of a boot partition that are named; no more are kept.
const NAMES: usize = 4000;

/// Files by their names and how much of them was wanted; `None` for one that isn't there.
type Seen = BTreeMap<(String, usize), Option<Vec<u8>>>;

/// A FAT partition of an image.
pub(super) struct Volume<'a> {
    image: &'a Arc<dyn ReadAt>,
    partitions: &'a [Partition],
    partition: &'a Partition,
    names: Vec<String>,
    /// What was read already: each board asks for the same files.
    seen: RefCell<Seen>,
}

impl<'a> Volume<'a> {
    /// The partition of this number, if it is FAT.
    pub(super) fn new(
        image: &'a Arc<dyn ReadAt>,
        partitions: &'a [Partition],
        number: u32,
    ) -> io::Result<Option<Self>> {
        let found =
            partitions.iter().find(|partition| partition.number == number && !partition.is_extended());
        let Some(partition) = found else { return Ok(None) };
        if !is_fat(image, partition)? {
            return Ok(None);
        }
        let names = fat_list(image, partition, "")?.unwrap_or_default();
        let names = names.into_iter().take(NAMES).map(|item| item.path).collect();
        Ok(Some(Self { image, partitions, partition, names, seen: RefCell::default() }))
    }
}

impl Volume<'_> {
    fn read(&self, path: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        let Some(item) = fat_find(self.image, self.partition, path)? else { return Ok(None) };
        if item.is_directory {
            return Ok(None);
        }
        let mut head = Vec::new();
        for run in fat_runs(self.image, self.partition, &item)? {
            let len = usize::try_from(run.len).unwrap_or(usize::MAX).min(most - head.len());
            let at = head.len();
            head.resize(at + len, 0);
            self.image.read_exact_at(&mut head[at..], run.from)?;
            if head.len() == most {
                break;
            }
        }
        Ok(Some(head))
    }
}

/// A file's bytes, one run of clusters after the other.
struct Runs<'a> {
    image: &'a Arc<dyn ReadAt>,
    runs: std::vec::IntoIter<Run>,
    at: u64,
    left: u64,
}

impl io::Read for Runs<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 {
            let Some(run) = self.runs.next() else { return Ok(0) };
            (self.at, self.left) = (run.from, run.len);
        }
        let len = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        self.image.read_exact_at(&mut buf[..len], self.at)?;
        self.at += len as u64;
        self.left -= len as u64;
        Ok(len)
    }
}

impl BootFiles for Volume<'_> {
    fn number(&self) -> u32 {
        self.partition.number
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn head(&self, path: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        let key = (path.to_owned(), most);
        if let Some(seen) = self.seen.borrow().get(&key) {
            return Ok(seen.clone());
        }
        let read = self.read(path, most)?;
        self.seen.borrow_mut().insert(key, read.clone());
        Ok(read)
    }

    fn open(&self, path: &str) -> io::Result<Option<(u64, Box<dyn io::Read + '_>)>> {
        let Some(item) = fat_find(self.image, self.partition, path)? else { return Ok(None) };
        if item.is_directory {
            return Ok(None);
        }
        let runs = fat_runs(self.image, self.partition, &item)?.into_iter();
        Ok(Some((item.len, Box::new(Runs { image: self.image, runs, at: 0, left: 0 }))))
    }

    fn other(&self, number: u32) -> io::Result<Option<Box<dyn BootFiles + '_>>> {
        let other = Volume::new(self.image, self.partitions, number)?;
        Ok(other.map(|volume| Box::new(volume) as Box<dyn BootFiles>))
    }
}
