//! The boot partition in an image.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Attributes, Contents, From, Node, Place, Source};
use crate::image::ext4::{FileKind, Run, Time};
use crate::image::files::{FatItem, fat_file, fat_tree};
use crate::image::read_at::ReadAt;
use crate::image::table::Partition;
use crate::netboot::client::Error;

/// A FAT partition of an image. All belongs to root and can be read by everybody, as when it is mounted. FAT has
/// local times without a zone; all files get the time 0.
pub(in super::super) struct FatSource {
    disk: Arc<dyn ReadAt>,
    partition: Partition,
    path: PathBuf,
    items: BTreeMap<String, FatItem>,
}

impl FatSource {
    pub(in super::super) fn open(
        disk: Arc<dyn ReadAt>,
        partition: &Partition,
        path: &Path,
    ) -> Result<Self, Error> {
        let items = fat_tree(&disk, partition).map_err(Error::os("reading", path))?;
        let items = items.into_iter().map(|item| (item.path.clone(), item)).collect();
        Ok(Self { disk, partition: partition.clone(), path: path.to_owned(), items })
    }

    fn node(&self, path: &str, directory: bool, size: u64) -> Node {
        // The numbers don't matter: nothing has two names here.
        let number = self.items.range(..path.to_owned()).count() as u64 + 1;
        Node {
            kind: if directory { FileKind::Directory } else { FileKind::File },
            mode: if directory { 0o755 } else { 0o644 },
            uid: 0,
            gid: 0,
            size,
            modified: Time::default(),
            accessed: Time::default(),
            id: (0, number),
            links: 1,
            place: Place::Fat(path.to_owned()),
        }
    }
}

fn path_of(node: &Node) -> &str {
    match &node.place {
        Place::Fat(path) => path,
        Place::Inode(_) | Place::Below(_) | Place::In(..) => unreachable!("a node of another source"),
    }
}

impl Source for FatSource {
    fn path(&self) -> &Path {
        &self.path
    }

    fn root(&self) -> Result<Node, Error> {
        Ok(self.node("", true, 0))
    }

    fn list(&self, directory: &Node) -> Result<Vec<(OsString, Node)>, Error> {
        let above = path_of(directory);
        let within = |path: &str| {
            let rest =
                if above.is_empty() { Some(path) } else { path.strip_prefix(above)?.strip_prefix('/') };
            rest.filter(|rest| !rest.is_empty() && !rest.contains('/')).map(OsString::from)
        };
        Ok(self
            .items
            .values()
            .filter_map(|item| {
                Some((within(&item.path)?, self.node(&item.path, item.is_directory, item.len)))
            })
            .collect())
    }

    /// FAT knows no upper and lower case.
    fn child(&self, directory: &Node, name: &OsStr) -> Result<Option<Node>, Error> {
        let entries = self.list(directory)?;
        Ok(entries.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, node)| node))
    }

    fn target(&self, link: &Node) -> Result<OsString, Error> {
        Ok(path_of(link).into())
    }

    fn attributes(&self, _node: &Node) -> Result<Attributes, Error> {
        Ok(Attributes::new())
    }

    fn contents(&self, file: &Node) -> Result<Contents, Error> {
        let read = fat_file(&self.disk, std::slice::from_ref(&self.partition), path_of(file));
        let bytes = read.map_err(Error::os("reading", &self.path))?.unwrap_or_default();
        let len = bytes.len() as u64;
        Ok(Contents {
            size: len,
            runs: vec![Run { to: 0, from: 0, len }],
            from: From::Bytes(bytes),
            now: None,
        })
    }
}
