//! Which file of a partition a byte belongs to.

use std::sync::Arc;

use super::files::{Files, ItemKind, Place, text_of};
use crate::image::read_at::ReadAt;
use crate::image::table::Partition;

/// Files and directories that are looked at; a byte of a later one stays without a name.
const MOST: usize = 200_000;
/// Pieces of files that are kept.
const PIECES: usize = 2_000_000;
/// Directories in directories.
const DEEPEST: usize = 40;
/// Items of a directory that are listed at once.
const AT_ONCE: usize = 1000;

/// Where the files of a partition lie. A name is a help, and not more: of a file system that isn't known here, or can't be read,
/// no byte has one.
#[derive(Debug, Default)]
pub struct Owners {
    paths: Vec<String>,
    /// First byte and the byte behind the last one, counted from the image's start, with the file's place in the list.
    pieces: Vec<(u64, u64, usize)>,
}

impl Owners {
    /// Looks where they lie.
    #[must_use]
    pub fn of(image: &Arc<dyn ReadAt>, partition: &Partition) -> Self {
        let mut found = Self::default();
        if let Ok(files) = Files::open(image, partition) {
            found.look(&files);
        }
        found.pieces.sort_unstable();
        found
    }

    fn look(&mut self, files: &Files) {
        let mut left = MOST;
        let mut directories = vec![Vec::<Vec<u8>>::new()];
        while let Some(directory) = directories.pop() {
            let mut after: Option<Vec<u8>> = None;
            while let Ok(listed) = files.list(&directory, after.as_deref(), AT_ONCE) {
                for item in &listed.items {
                    if left == 0 || self.pieces.len() >= PIECES {
                        return;
                    }
                    left -= 1;
                    let path = [&directory[..], std::slice::from_ref(&item.name)].concat();
                    match item.kind {
                        Some(ItemKind::Directory) if path.len() < DEEPEST => directories.push(path),
                        Some(ItemKind::File) if item.size > 0 => {
                            let Ok(Place::Runs(runs, _)) = files.find(&path) else { continue };
                            let place = self.paths.len();
                            self.paths.push(text_of(&path));
                            let pieces =
                                runs.iter().map(|run| (run.from, run.from.saturating_add(run.len), place));
                            self.pieces.extend(pieces.take(PIECES - self.pieces.len()));
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
    }

    /// The files' paths, empty files apart.
    #[must_use]
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// The path of the file in which the byte at `offset`, counted from the image's start, lies. `None` where it lies in none: in
    /// what the file system notes for itself, or in space that is free.
    #[must_use]
    pub fn at(&self, offset: u64) -> Option<&str> {
        let behind = self.pieces.partition_point(|(from, ..)| *from <= offset);
        let (_, end, place) = self.pieces[..behind].last()?;
        (offset < *end).then(|| self.paths[*place].as_str())
    }
}
