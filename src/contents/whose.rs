//! Which file of a partition a byte belongs to.

use std::sync::Arc;

use super::files::{Files, ItemKind, Place, text_of};
use crate::image::read_at::ReadAt;
use crate::image::table::Partition;

/// Files and directories that are looked at; a byte of a later one stays without a name.
const MOST: usize = 200_000;
/// Directories in directories.
const DEEPEST: usize = 40;
/// Items of a directory that are listed at once.
const AT_ONCE: usize = 1000;

/// The path of the file in which the byte at `offset`, counted from the image's start, lies. `None` where it lies in none, where
/// the file system isn't known here, and where it can't be read: a name is a help, and not more.
#[must_use]
pub fn whose(image: &Arc<dyn ReadAt>, partition: &Partition, offset: u64) -> Option<String> {
    let files = Files::open(image, partition).ok()?;
    let mut left = MOST;
    let mut directories = vec![Vec::<Vec<u8>>::new()];
    while let Some(directory) = directories.pop() {
        let mut after: Option<Vec<u8>> = None;
        while let Ok(listed) = files.list(&directory, after.as_deref(), AT_ONCE) {
            for item in &listed.items {
                left = left.checked_sub(1)?;
                let path = [&directory[..], std::slice::from_ref(&item.name)].concat();
                match item.kind {
                    Some(ItemKind::Directory) if path.len() < DEEPEST => directories.push(path),
                    Some(ItemKind::File) if item.size > 0 => {
                        if let Ok(Place::Runs(runs, _)) = files.find(&path)
                            && runs
                                .iter()
                                .any(|run| (run.from..run.from.saturating_add(run.len)).contains(&offset))
                        {
                            return Some(text_of(&path));
                        }
                    }
                    _ => {}
                }
            }
            after = listed.items.last().map(|item| item.name.clone());
            if !listed.more || after.is_none() {
                break;
            }
        }
    }
    None
}
