//! Boot files as they may lie below the TFTP folder, where every user of this host can reach them.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::{Attributes, Contents, Node, Source, listed};
use crate::image::ext4::FileKind;
use crate::netboot::client::Error;

/// Boot files without what would be dangerous beside a host's own users: device nodes, pipes and sockets are not there;
/// all belongs to root, without setuid, setgid, sticky bits, capabilities, lists, and without leave to write for others.
pub(in super::super) struct BootSource(pub(in super::super) Box<dyn Source>);

/// What the files of a boot directory may have of their mode.
const MODE: u32 = 0o755;

/// Whether it is neither file, directory nor link.
pub(in super::super) fn is_special(kind: FileKind) -> bool {
    !matches!(kind, FileKind::File | FileKind::Directory | FileKind::Symlink)
}

/// Whether a mode, other than that of a link, says more than one of a boot file may.
pub(in super::super) fn is_odd(node: &Node) -> bool {
    node.kind != FileKind::Symlink && node.mode & !0o777 != 0
}

fn tame(node: Node) -> Node {
    Node { mode: node.mode & MODE, uid: 0, gid: 0, ..node }
}

impl BootSource {
    /// The paths of what is left out, or loses something of its mode.
    pub(in super::super) fn tamed(&self) -> Result<Vec<PathBuf>, Error> {
        let mut found = Vec::new();
        let mut left = vec![(self.0.root()?, PathBuf::new())];
        while let Some((directory, below)) = left.pop() {
            for (name, node) in listed(&*self.0, &directory, &below)? {
                let path = below.join(name);
                if is_special(node.kind) || is_odd(&node) {
                    found.push(path.clone());
                }
                if node.kind == FileKind::Directory {
                    left.push((node, path));
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

impl Source for BootSource {
    fn path(&self) -> &Path {
        self.0.path()
    }

    fn root(&self) -> Result<Node, Error> {
        Ok(tame(self.0.root()?))
    }

    fn list(&self, directory: &Node) -> Result<Vec<(OsString, Node)>, Error> {
        let list = self.0.list(directory)?.into_iter();
        Ok(list.filter(|(_, node)| !is_special(node.kind)).map(|(name, node)| (name, tame(node))).collect())
    }

    fn child(&self, directory: &Node, name: &OsStr) -> Result<Option<Node>, Error> {
        Ok(self.0.child(directory, name)?.filter(|node| !is_special(node.kind)).map(tame))
    }

    fn target(&self, link: &Node) -> Result<OsString, Error> {
        self.0.target(link)
    }

    fn attributes(&self, node: &Node) -> Result<Attributes, Error> {
        let mut attributes = self.0.attributes(node)?;
        attributes.retain(|name, _| name.starts_with(b"user."));
        Ok(attributes)
    }

    fn contents(&self, file: &Node) -> Result<Contents, Error> {
        let contents = self.0.contents(file)?;
        Ok(Contents { now: contents.now.map(|now| Box::new(tame(*now))), ..contents })
    }

    fn most(&self) -> Option<u64> {
        self.0.most()
    }
}
