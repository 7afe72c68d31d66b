//! The boot partition in an image.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Attributes, Contents, Node, Place, Source, on_disk};
use crate::image::ext4::{FileKind, Time};
use crate::image::files::{FatItem, fat_runs, fat_tree};
use crate::image::read_at::ReadAt;
use crate::image::table::Partition;
use crate::netboot::client::Error;

/// A FAT partition of an image. All belongs to root and can be read by everybody, as when it is mounted. FAT has
/// local times without a zone; all files get the time 0.
pub(in super::super) struct FatSource {
    disk: Arc<dyn ReadAt>,
    /// The image itself, where it is raw: then the kernel copies.
    raw: Option<Arc<File>>,
    partition: Partition,
    path: PathBuf,
    items: Vec<FatItem>,
    /// The items in a directory, by its path, in the order of their names.
    inside: HashMap<String, Vec<usize>>,
}

/// What stands for the root directory, which is no item. Item n has the number n + 1.
const ROOT: usize = 0;

impl FatSource {
    pub(in super::super) fn open(
        disk: Arc<dyn ReadAt>,
        raw: Option<Arc<File>>,
        partition: &Partition,
        path: &Path,
    ) -> Result<Self, Error> {
        let mut items = fat_tree(&disk, partition).map_err(Error::os("reading", path))?;
        items.sort_by(|one, other| one.path.cmp(&other.path));
        let mut inside: HashMap<String, Vec<usize>> = HashMap::new();
        for (n, item) in items.iter().enumerate() {
            let above = item.path.rsplit_once('/').map_or("", |(above, _)| above);
            inside.entry(above.to_owned()).or_default().push(n);
        }
        Ok(Self { disk, raw, partition: partition.clone(), path: path.to_owned(), items, inside })
    }

    fn node(&self, number: usize) -> Node {
        let item = self.item(number);
        let directory = item.is_none_or(|item| item.is_directory);
        Node {
            kind: if directory { FileKind::Directory } else { FileKind::File },
            mode: if directory { 0o755 } else { 0o644 },
            uid: 0,
            gid: 0,
            size: item.map_or(0, |item| item.len),
            modified: Time::default(),
            accessed: Time::default(),
            // Each has its own: in an image, the same one twice is damage.
            id: (0, number as u64),
            links: 1,
            place: Place::Fat(number),
        }
    }

    /// `None` for the root directory.
    fn item(&self, number: usize) -> Option<&FatItem> {
        self.items.get(number.checked_sub(1)?)
    }

    /// The numbers of what is in a directory, with their names.
    fn inside(&self, directory: &Node) -> impl Iterator<Item = (&OsStr, usize)> {
        let above = self.item(number_of(directory)).map_or("", |item| &item.path);
        self.inside.get(above).into_iter().flatten().map(|n| {
            let path = &self.items[*n].path;
            (OsStr::new(path.rsplit_once('/').map_or(&path[..], |(_, name)| name)), n + 1)
        })
    }
}

fn number_of(node: &Node) -> usize {
    match node.place {
        Place::Fat(number) => number,
        Place::Inode(_) | Place::Below(_) | Place::In(..) => unreachable!("a node of another source"),
    }
}

impl Source for FatSource {
    fn path(&self) -> &Path {
        &self.path
    }

    fn root(&self) -> Result<Node, Error> {
        Ok(self.node(ROOT))
    }

    fn list(&self, directory: &Node) -> Result<Vec<(OsString, Node)>, Error> {
        Ok(self.inside(directory).map(|(name, number)| (name.to_owned(), self.node(number))).collect())
    }

    /// FAT knows no upper and lower case.
    fn child(&self, directory: &Node, name: &OsStr) -> Result<Option<Node>, Error> {
        let found = self.inside(directory).find(|(known, _)| known.eq_ignore_ascii_case(name));
        Ok(found.map(|(_, number)| self.node(number)))
    }

    fn target(&self, link: &Node) -> Result<OsString, Error> {
        Ok(self.item(number_of(link)).map(|item| &item.path[..]).unwrap_or_default().into())
    }

    fn attributes(&self, _node: &Node) -> Result<Attributes, Error> {
        Ok(Attributes::new())
    }

    fn contents(&self, file: &Node) -> Result<Contents, Error> {
        let runs = match self.item(number_of(file)) {
            Some(item) => {
                fat_runs(&self.disk, &self.partition, item).map_err(Error::os("reading", &self.path))?
            }
            None => Vec::new(),
        };
        on_disk(file.size, runs, self.raw.as_ref(), &self.disk).map_err(Error::os("reading", &self.path))
    }

    fn most(&self) -> Option<u64> {
        Some(self.partition.len)
    }
}

#[cfg(test)]
mod tests;
