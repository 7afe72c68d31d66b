//! All that a FAT partition has.

use std::io;
use std::sync::Arc;

use super::super::volume::{in_fat, with_first_fat};
use super::{Fat, Item, Place, names};
use crate::image::ext4::Run;
use crate::image::read_at::ReadAt;
use crate::image::table::Partition;

/// No boot partition has directories in directories so deep.
const DEEPEST: usize = 32;
/// So many bytes may all paths have together.
const PATHS: usize = 64 << 20;

/// A file or directory of a FAT partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FatItem {
    /// Its path, with `/` between directories and its name's own case. Each part of it is [`crate::beneath::is_name`]
    /// and has no control characters; no two paths are equal but for case.
    pub path: String,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// Bytes of contents; 0 for a directory.
    pub len: u64,
    /// Its first cluster; 0 for an empty file.
    first: u32,
}

/// All files and directories of a partition, if it is FAT, each directory before what is in it.
///
/// Every chain of clusters is followed: no chain leads round in a circle or ends too early, and no cluster belongs to
/// two of them. So all files together are no larger than the partition.
///
/// # Errors
/// When the image can't be read or the file system is damaged; the error says which directory or file it is.
pub fn fat_tree(image: &Arc<dyn ReadAt>, partition: &Partition) -> io::Result<Vec<FatItem>> {
    let found = with_first_fat(image, std::slice::from_ref(partition), |volume| {
        let root = volume.root();
        let mut owned = Owned::default();
        owned.add(volume, &root).map_err(|what| format!("in its root directory, {what}"))?;
        let mut found = Vec::new();
        let mut paths = 0;
        let mut left = vec![(String::new(), root)];
        while let Some((above, directory)) = left.pop() {
            if above.matches('/').count() >= DEEPEST {
                let shown = names::shown(&above);
                return Err(format!("the directory {shown} is more than {DEEPEST} directories deep"));
            }
            for item in volume.list(&directory, &above)? {
                let path = format!("{above}/{}", item.name);
                owned.add(volume, &item).map_err(|what| format!("of {}, {what}", names::shown(&path)))?;
                paths += path.len();
                if paths > PATHS {
                    return Err("it has more names than are read here".to_owned());
                }
                let Place::Chain(first) = item.place else { continue };
                let (is_directory, len) = (item.is_directory, item.len());
                found.push(FatItem { path: path[1..].to_owned(), is_directory, len, first });
                if is_directory {
                    left.push((path, item));
                }
            }
        }
        Ok(found)
    })?;
    Ok(found.unwrap_or_default())
}

/// Where the contents of a file lie that [`fat_tree`] found, counted from the image's start, in the order of the file.
///
/// # Errors
/// As [`fat_tree`].
pub fn fat_runs(image: &Arc<dyn ReadAt>, partition: &Partition, item: &FatItem) -> io::Result<Vec<Run>> {
    if item.is_directory || item.len == 0 {
        return Ok(Vec::new());
    }
    let mut runs = in_fat(image, partition, |volume| {
        volume
            .runs(item.first, item.len, true)
            .map_err(|what| format!("of {}, {what}", names::shown(&item.path)))
    })?;
    for run in &mut runs {
        run.from += partition.start;
    }
    Ok(runs)
}

/// The file or directory that a path means in a FAT partition, whatever the case of its name; `""` is the root. `None`
/// where there is nothing.
///
/// # Errors
/// When the image can't be read or the file system is damaged on the way there.
pub fn fat_find(image: &Arc<dyn ReadAt>, partition: &Partition, path: &str) -> io::Result<Option<FatItem>> {
    in_fat(image, partition, |volume| Ok(volume.find(path)?.map(|item| told(&item, path.to_owned()))))
}

/// What is in a directory of a FAT partition, in the order of the names; `""` is the root. `None` where there is no such
/// directory. What other directories hold isn't looked at.
///
/// # Errors
/// As [`fat_find`].
pub fn fat_list(
    image: &Arc<dyn ReadAt>,
    partition: &Partition,
    path: &str,
) -> io::Result<Option<Vec<FatItem>>> {
    in_fat(image, partition, |volume| {
        let Some(directory) = volume.find(path)?.filter(|item| item.is_directory) else { return Ok(None) };
        let items = volume.list(&directory, path)?;
        let mut items: Vec<_> = items.into_iter().map(|item| told(&item, item.name.clone())).collect();
        items.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Some(items))
    })
}

fn told(item: &Item, path: String) -> FatItem {
    let first = match item.place {
        Place::Chain(first) => first,
        Place::Fixed { .. } => 0,
    };
    FatItem { path, is_directory: item.is_directory, len: item.len(), first }
}

/// Which clusters belong to something already, a bit each.
#[derive(Default)]
struct Owned(Vec<u64>);

impl Owned {
    /// Takes the clusters of another file or directory.
    fn add(&mut self, volume: &Fat, item: &Item) -> Result<(), String> {
        let Place::Chain(first) = item.place else { return Ok(()) };
        if !item.is_directory && item.len == 0 {
            return Ok(());
        }
        let len = if item.is_directory { super::DIRECTORY + 1 } else { item.len };
        for run in volume.runs(first, len, !item.is_directory)? {
            // The last one of a file may be used in part only.
            let count = run.len.div_ceil(volume.cluster_len);
            let start = (run.from - volume.data) / volume.cluster_len;
            for cluster in start..start + count {
                let (word, bit) = ((cluster / 64) as usize, 1 << (cluster % 64));
                if word >= self.0.len() {
                    self.0.resize(word + 1, 0);
                }
                if self.0[word] & bit != 0 {
                    return Err(format!("cluster {} belongs to something else too", cluster + 2));
                }
                self.0[word] |= bit;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
