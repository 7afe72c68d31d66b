//! The root file system in an image.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Attributes, Contents, From, Node, Place, Source, on_disk};
use crate::image::ext4::{self, Ext4, Inode, ROOT, Run};
use crate::netboot::client::Error;

/// An ext4 partition of an image.
pub(in super::super) struct Ext4Source {
    pub(in super::super) fs: Ext4,
    /// The image, for messages.
    pub(in super::super) path: PathBuf,
    pub(in super::super) partition: u32,
    /// The image itself, where it is raw: then the kernel copies.
    pub(in super::super) raw: Option<Arc<File>>,
}

impl Ext4Source {
    fn err(&self) -> impl FnOnce(ext4::Error) -> Error {
        let (path, partition) = (self.path.clone(), self.partition);
        move |source| match source {
            ext4::Error::Io { source: ref io, .. } => {
                // An image that breaks off or is damaged says it better itself.
                match io.get_ref().and_then(|inner| inner.downcast_ref::<crate::image::Error>()) {
                    Some(inner) => Error::Image(inner.clone()),
                    None => Error::Ext4 { path, partition, source },
                }
            }
            source => Error::Ext4 { path, partition, source },
        }
    }

    fn inode<'a>(&self, node: &'a Node) -> &'a Inode {
        match &node.place {
            Place::Inode(inode) => inode,
            Place::Below(_) | Place::In(..) | Place::Fat(_) => unreachable!("a node of another source"),
        }
    }

    fn node(&self, number: u32) -> Result<Node, Error> {
        let inode = self.fs.inode(number).map_err(self.err())?;
        Ok(Node {
            kind: inode.kind,
            mode: inode.mode,
            uid: inode.uid,
            gid: inode.gid,
            size: inode.size,
            modified: inode.modified,
            accessed: inode.accessed,
            id: (0, u64::from(number)),
            links: u64::from(inode.links),
            place: Place::Inode(Box::new(inode)),
        })
    }
}

impl Source for Ext4Source {
    fn path(&self) -> &Path {
        &self.path
    }

    fn root(&self) -> Result<Node, Error> {
        self.node(ROOT)
    }

    fn list(&self, directory: &Node) -> Result<Vec<(OsString, Node)>, Error> {
        let entries = self.fs.list(self.inode(directory)).map_err(self.err())?;
        entries
            .into_iter()
            .map(|entry| Ok((OsString::from_vec(entry.name), self.node(entry.inode)?)))
            .collect()
    }

    fn child(&self, directory: &Node, name: &OsStr) -> Result<Option<Node>, Error> {
        let entries = self.fs.list(self.inode(directory)).map_err(self.err())?;
        let entry = entries.into_iter().find(|entry| entry.name == name.as_bytes());
        entry.map(|entry| self.node(entry.inode)).transpose()
    }

    fn target(&self, link: &Node) -> Result<OsString, Error> {
        Ok(OsString::from_vec(self.fs.target(self.inode(link)).map_err(self.err())?))
    }

    fn attributes(&self, node: &Node) -> Result<Attributes, Error> {
        self.fs.attributes(self.inode(node)).map_err(self.err())
    }

    fn contents(&self, file: &Node) -> Result<Contents, Error> {
        let inode = self.inode(file);
        let (disk, start) = self.fs.disk();
        Ok(match self.fs.contents(inode).map_err(self.err())? {
            ext4::Contents::Inline(bytes) => Contents {
                size: file.size,
                runs: vec![Run { to: 0, from: 0, len: bytes.len() as u64 }],
                from: From::Bytes(bytes),
                now: None,
            },
            ext4::Contents::Runs(runs) => {
                let moved = |run: Run| Run { from: run.from.saturating_add(start), ..run };
                let runs = runs.into_iter().map(moved).collect();
                on_disk(file.size, runs, self.raw.as_ref(), disk).map_err(Error::os("reading", &self.path))?
            }
        })
    }

    fn most(&self) -> Option<u64> {
        Some(self.fs.size())
    }
}
