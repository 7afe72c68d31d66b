//! Makes the changes of a [`Plan`](super::checklist::Plan). Every path is looked up with the tree as its root, as the
//! client itself would: a link in an image can't lead a change out of it.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Uid};
use rustix::io::Errno;

use super::Error;
use super::checklist::{Act, Change};
use super::source::Source;
use super::view::View;

/// The name under which a file is written before it takes its place.
const TEMPORARY: &str = ".piprov-new";

/// A tree to change.
pub(super) struct Target<'a> {
    path: &'a Path,
    dir: File,
    /// What lies below it, where it is a layer: directories get their owner and mode from there, and what goes is
    /// covered instead of removed.
    lower: Option<&'a dyn Source>,
}

impl<'a> Target<'a> {
    pub(super) fn open(path: &'a Path, lower: Option<&'a dyn Source>) -> Result<Self, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(path, flags, Mode::empty()).map_err(Error::os("opening", path))?;
        Ok(Self { path, dir: dir.into(), lower })
    }

    /// Makes one change.
    pub(super) fn apply(&self, change: &Change) -> Result<(), Error> {
        let path = Path::new(&change.path);
        let shown = self.path.join(path);
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
        let name = name.as_bytes();
        match &change.act {
            Act::Write { bytes, mode } => write(&place, name, bytes, *mode, true),
            Act::Secret { bytes } => write(&place, name, bytes, 0o600, false),
            Act::Link { target } => {
                remove(&place, name).and_then(|()| Ok(rustix::fs::symlinkat(target.as_str(), &place, name)?))
            }
            Act::Remove => remove(&place, name).and_then(|()| self.cover(&change.path, &place, name)),
        }
        .map_err(Error::os("changing", &shown))
    }

    /// In a layer: hides what is below it, by the sign that overlayfs has for it (a device 0:0).
    fn cover(&self, path: &str, place: &File, name: &[u8]) -> io::Result<()> {
        let Some(lower) = self.lower else { return Ok(()) };
        if !View(lower).find_link(path).is_ok_and(|node| node.is_some()) {
            return Ok(());
        }
        Ok(rustix::fs::mknodat(place, name, FileType::CharacterDevice, Mode::empty(), 0)?)
    }

    fn enter(&self, path: &Path) -> Result<File, Errno> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        Ok(rustix::fs::openat2(&self.dir, path, flags, Mode::empty(), resolve)?.into())
    }

    /// Opens a directory; makes it, and those above it, where they are missing.
    fn make(&self, path: &Path) -> Result<File, Error> {
        let shown = self.path.join(path);
        match self.enter(path) {
            Err(Errno::NOENT) => {}
            other => return other.map_err(Error::os("opening", &shown)),
        }
        let parent = self.make(path.parent().unwrap_or(Path::new("")))?;
        let Some(name) = path.file_name() else { return Ok(parent) };
        match rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(Error::os("making", &shown)(error)),
        }
        let made = self.enter(path).map_err(Error::os("opening", &shown))?;
        let below = match self.lower {
            Some(lower) => path.to_str().map(|path| View(lower).find(path)).transpose()?.flatten(),
            None => None,
        };
        let (mode, uid, gid) = below.map_or((0o755, 0, 0), |node| (node.mode, node.uid, node.gid));
        rustix::fs::fchown(&made, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
            .and_then(|()| rustix::fs::fchmod(&made, Mode::from_raw_mode(mode)))
            .map_err(Error::os("making", &shown))?;
        Ok(made)
    }
}

/// Writes a file beside its place and moves it there. What was there leaves its mode and owner to it.
fn write(place: &File, name: &[u8], bytes: &[u8], mode: u32, keep: bool) -> io::Result<()> {
    let old = rustix::fs::statat(place, name, AtFlags::SYMLINK_NOFOLLOW)
        .ok()
        .filter(|old| keep && FileType::from_raw_mode(old.st_mode) == FileType::RegularFile);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    remove(place, TEMPORARY.as_bytes())?;
    let file = rustix::fs::openat(place, TEMPORARY, flags, Mode::from_raw_mode(0o600))?;
    let mut file = File::from(file);
    file.write_all(bytes)?;
    let (mode, uid, gid) =
        old.map_or((mode, 0, 0), |old: Stat| (old.st_mode & 0o7777, old.st_uid, old.st_gid));
    rustix::fs::fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?;
    file.sync_all()?;
    if rustix::fs::statat(place, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|there| FileType::from_raw_mode(there.st_mode) == FileType::Directory)
    {
        return Err(Errno::ISDIR.into());
    }
    Ok(rustix::fs::renameat(place, TEMPORARY, place, name)?)
}

fn remove(place: &File, name: &[u8]) -> io::Result<()> {
    match rustix::fs::unlinkat(place, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Removes a tree without leaving its file system or following a link. What is mounted in it stays, and is an error.
pub(super) fn remove_tree(path: &Path) -> Result<(), Error> {
    let meta = match std::fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::os("looking at", path)(error)),
    };
    if !meta.is_dir() {
        return std::fs::remove_file(path).map_err(Error::os("removing", path));
    }
    if let Some(mounted) = mounted_below(path)? {
        return Err(Error::Cannot {
            what: format!("{} is mounted in what is to be removed", mounted.display()),
            hint: format!("`sudo umount {}`, then again", mounted.display()),
        });
    }
    std::fs::remove_dir_all(path).map_err(Error::os("removing", path))
}

/// A mount point at or below a directory, if there is one: bind mounts are of the same device, so the kernel's own
/// list is asked.
fn mounted_below(path: &Path) -> Result<Option<PathBuf>, Error> {
    let list = Path::new("/proc/self/mountinfo");
    let text = std::fs::read(list).map_err(Error::os("reading", list))?;
    let path = path.canonicalize().map_err(Error::os("looking at", path))?;
    let mut places = text.split(|byte| *byte == b'\n').filter_map(|line| {
        let place = line.split(|byte| *byte == b' ').nth(4)?;
        Some(PathBuf::from(std::ffi::OsStr::from_bytes(&unescape(place))))
    });
    // The last one that was mounted lies above the others.
    Ok(places.rfind(|place| place.starts_with(&path)))
}

/// Blanks stand there as octal numbers.
pub(super) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((first, more)) = rest.split_first() {
        let octal = (*first == b'\\').then(|| more.get(..3)).flatten();
        let value = octal.and_then(|octal| u8::from_str_radix(std::str::from_utf8(octal).ok()?, 8).ok());
        out.push(value.unwrap_or(*first));
        rest = if value.is_some() { &more[3..] } else { more };
    }
    out
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
        let target = Target::open(&root, None).unwrap();
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
        let target = Target::open(&layer, Some(&lower)).unwrap();
        target.apply(&change("etc/ssh/ssh_host_dsa_key", Act::Remove)).unwrap();
        target.apply(&change("etc/ssh/none", Act::Remove)).unwrap();
        let meta = std::fs::symlink_metadata(tree.path("layer/etc/ssh/ssh_host_dsa_key")).unwrap();
        assert!(meta.file_type().is_char_device() && meta.rdev() == 0);
        assert!(!tree.path("layer/etc/ssh/none").exists());
        assert_eq!(std::fs::metadata(tree.path("layer/etc")).unwrap().permissions().mode() & 0o7777, 0o751);
        remove_tree(&layer).unwrap();
        assert!(!layer.exists());
        remove_tree(&layer).unwrap();
    }

    #[test]
    fn mount_points_are_read() {
        assert_eq!(unescape(b"/a\\040b\\x"), b"/a b\\x");
        assert_eq!(mounted_below(Path::new("/usr/bin")).unwrap(), None);
        assert!(mounted_below(Path::new("/")).unwrap().is_some());
    }
}
