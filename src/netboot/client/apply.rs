//! Makes the changes of a [`ChangePlan`](super::checklist::ChangePlan). Every path is looked up with the tree as its
//! root, as the client itself would: a link in an image can't lead a change out of it.

use std::io::{self, Write};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Stat};
use rustix::io::Errno;

use super::Error;
use super::checklist::{Act, Change};
use super::source::Source;
use super::view::View;
use crate::beneath::{Access, Dir, Item, Links};
use std::os::fd::AsFd;

/// A tree to change.
pub(super) struct Target<'a> {
    dir: Dir,
    /// What lies below it, where it is a layer: directories get their owner and mode from there, and what goes is
    /// covered instead of removed.
    lower: Option<&'a dyn Source>,
}

impl<'a> Target<'a> {
    /// A tree that is open already.
    pub(super) fn of(dir: &Dir, lower: Option<&'a dyn Source>) -> Result<Self, Error> {
        Ok(Self { dir: dir.again().map_err(Error::os("opening", dir.path()))?, lower })
    }

    /// Makes one change.
    pub(super) fn apply(&self, change: &Change) -> Result<(), Error> {
        let path = Path::new(&change.path);
        let shown = self.dir.at(path);
        let parent = path.parent().unwrap_or(Path::new(""));
        let Some(name) = path.file_name() else { return Ok(()) };
        let place = match &change.act {
            // What isn't there needs no directory to be removed from, unless it is to be covered.
            Act::Remove if self.lower.is_none() => match self.enter(parent) {
                Err(Errno::NOENT) => return Ok(()),
                other => other.map_err(Error::os("opening", &shown))?,
            },
            _ => self.make(parent)?,
        };
        match &change.act {
            Act::Write { bytes, mode } => write(&place, name, bytes, *mode, true),
            Act::Secret { bytes } => write(&place, name, bytes, 0o600, false),
            Act::Link { target } => {
                place.unlink(name).and_then(|()| place.symlink(name, target)).map_err(Into::into)
            }
            Act::Remove => place.unlink(name).map_err(Into::into).and_then(|()| {
                if self.covers(&change.path) {
                    // By the sign that overlayfs has for what is gone (a device 0:0).
                    place.node(name, FileType::CharacterDevice, 0)?;
                }
                Ok(())
            }),
        }
        .map_err(Error::os("changing", &shown))
    }

    /// Whether this is a layer, and what is below it has such a path.
    fn covers(&self, path: &str) -> bool {
        self.lower.is_some_and(|lower| View(lower).find_link(path).is_ok_and(|node| node.is_some()))
    }

    fn enter(&self, path: &Path) -> Result<Dir, Errno> {
        self.dir.dir_by(path, Links::AsRoot)
    }

    /// Opens a directory; makes it, and those above it, where they are missing.
    fn make(&self, path: &Path) -> Result<Dir, Error> {
        let shown = self.dir.at(path);
        match self.enter(path) {
            Err(Errno::NOENT) => {}
            other => return other.map_err(Error::os("opening", &shown)),
        }
        let parent = self.make(path.parent().unwrap_or(Path::new("")))?;
        let Some(name) = path.file_name() else { return Ok(parent) };
        let (dir, made) = parent.make(name, 0o755).map_err(Error::os("making", &shown))?;
        if !made {
            return Ok(dir);
        }
        let below = match self.lower {
            Some(lower) => path.to_str().map(|path| View(lower).find(path)).transpose()?.flatten(),
            None => None,
        };
        let (mode, uid, gid) = below.map_or((0o755, 0, 0), |node| (node.mode, node.uid, node.gid));
        let item = Item::Open(dir.as_fd());
        item.set_owner(uid, gid).and_then(|()| item.set_mode(mode)).map_err(Error::os("making", &shown))?;
        Ok(dir)
    }
}

/// Writes a file beside its place and moves it there. What was there leaves its mode and owner to it.
fn write(place: &Dir, name: &std::ffi::OsStr, bytes: &[u8], mode: u32, keep: bool) -> io::Result<()> {
    let old = rustix::fs::statat(place, name, AtFlags::SYMLINK_NOFOLLOW)
        .ok()
        .filter(|old| keep && FileType::from_raw_mode(old.st_mode) == FileType::RegularFile);
    let new = place.new_file(name, Access::Usual(0o600))?;
    new.file().write_all(bytes)?;
    let (mode, uid, gid) =
        // No file of these has a use for setuid; a client may have given it.
        old.map_or((mode, 0, 0), |old: Stat| (old.st_mode & 0o777, old.st_uid, old.st_gid));
    let item = Item::Open(new.file().as_fd());
    item.set_owner(uid, gid)?;
    item.set_mode(mode)?;
    if place.kind(name) == Some(FileType::Directory) {
        return Err(Errno::ISDIR.into());
    }
    new.replace().map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::checklist::Where;
    use super::super::tests::Tree;
    use super::*;
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};

    fn change(path: &str, act: Act) -> Change {
        Change { item: "test", tree: Where::Root, path: path.into(), act, why: String::new() }
    }

    fn text(bytes: &str) -> Act {
        Act::Write { bytes: bytes.into(), mode: 0o644 }
    }

    #[test]
    fn links_of_an_image_lead_nowhere_else() {
        let tree = Tree::new();
        tree.file("outside/passwd", "host");
        tree.file("root/etc/hosts", "old");
        symlink(tree.path("outside"), tree.path("root/evil")).unwrap();
        symlink("../../../../../outside", tree.path("root/up")).unwrap();
        symlink(tree.path("outside/passwd"), tree.path("root/etc/hostname")).unwrap();
        std::fs::set_permissions(tree.path("root/etc/hosts"), PermissionsExt::from_mode(0o640)).unwrap();
        let root = tree.path("root");
        let target = Target::of(&Dir::open(&root).unwrap(), None).unwrap();
        // As a client would see it: the link leads below its own root, where there is nothing.
        assert!(target.apply(&change("evil/passwd", text("client"))).is_err());
        assert!(target.apply(&change("up/passwd", text("client"))).is_err());
        target.apply(&change("etc/hostname", text("lab-01"))).unwrap();
        target.apply(&change("etc/hosts", text("new"))).unwrap();
        target.apply(&change("a/b/c", text("deep"))).unwrap();
        target.apply(&change("etc/none/none", Act::Remove)).unwrap();
        assert_eq!(tree.read("outside/passwd"), "host");
        assert_eq!(tree.read("root/etc/hostname"), "lab-01");
        assert_eq!(tree.read("root/a/b/c"), "deep");
        let mode = std::fs::metadata(tree.path("root/etc/hosts")).unwrap().permissions().mode();
        assert_eq!((tree.read("root/etc/hosts").as_str(), mode & 0o777), ("new", 0o640));
        assert!(target.apply(&change("a/b", text("a directory"))).is_err());
    }

    #[test]
    fn a_layer_covers_and_looks_like_what_is_below() {
        let tree = Tree::new();
        tree.file("shared/etc/ssh/ssh_host_dsa_key", "foreign");
        std::fs::set_permissions(tree.path("shared/etc"), PermissionsExt::from_mode(0o751)).unwrap();
        tree.directory("layer");
        let (lower, layer) = (tree.source("shared"), tree.path("layer"));
        let target = Target::of(&Dir::open(&layer).unwrap(), Some(&lower)).unwrap();
        target.apply(&change("etc/ssh/ssh_host_dsa_key", Act::Remove)).unwrap();
        target.apply(&change("etc/ssh/none", Act::Remove)).unwrap();
        let meta = std::fs::symlink_metadata(tree.path("layer/etc/ssh/ssh_host_dsa_key")).unwrap();
        assert!(meta.file_type().is_char_device() && meta.rdev() == 0);
        assert!(!tree.path("layer/etc/ssh/none").exists());
        assert_eq!(std::fs::metadata(tree.path("layer/etc")).unwrap().permissions().mode() & 0o7777, 0o751);
    }
}
