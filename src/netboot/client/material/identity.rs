//! What tells a source from another one of the same path: another card that is mounted there, or the same one after an
//! upgrade. A directory has no digest of all that is in it, so it is told by its file system and by what every upgrade
//! changes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::super::Error;
use super::super::source::{HostSource, Node, Source};
use super::super::view::View;
use crate::format::hex;
use crate::image::ext4::FileKind;

/// What a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Identity {
    /// Of an image its file and file system; of a directory where it is.
    place: String,
    /// What is in a directory.
    contents: String,
    /// The paths that are left out.
    without: String,
    /// The same place without its inode, as the first versions wrote it: every directory of its disk has that.
    oldest: Option<String>,
    /// What is in the root, where it is a directory's.
    system: Option<String>,
    /// Whether the file system has a number of its own. The device's may be another one the next time.
    has_number: bool,
}

impl Identity {
    /// That of an image.
    pub(super) fn image(place: String) -> Self {
        Self {
            place,
            contents: String::new(),
            without: String::new(),
            oldest: None,
            system: None,
            has_number: false,
        }
    }

    /// That of a directory; `prefix` is the directory of the boot files that the firmware takes kernels from.
    pub(super) fn directory(
        from: &Path,
        root: &HostSource,
        boot: &dyn Source,
        prefix: &str,
        excluded: &[PathBuf],
    ) -> Result<Self, Error> {
        let top = root.root()?;
        let fs = rustix::fs::fstatvfs(root.dir()).map_err(Error::os("looking at", from))?.f_fsid;
        let place = format!("directory {}, inode {} on device {}", from.display(), top.id.1, top.id.0);
        let system = system(root, excluded)?;
        let kernels = kernels(&View(boot), prefix)?;
        Ok(Self {
            oldest: Some(format!("directory on device {}", top.id.0)),
            contents: format!("{CONTENTS}{fs:016x}, system {system}, kernels {kernels}"),
            system: Some(system),
            place,
            without: String::new(),
            has_number: fs != 0,
        })
    }

    /// The same without some paths.
    pub(super) fn without(mut self, excluded: &[PathBuf]) -> Self {
        self.without = excluded.iter().map(|path| format!("{WITHOUT}{}", path.display())).collect();
        self
    }

    /// As a record has it.
    pub(in super::super) fn text(&self) -> String {
        format!("{}{}{}", self.place, self.contents, self.without)
    }

    /// Whether a record's is of the same source; `same_path` says whether it was made from the same path.
    pub(super) fn is(&self, text: &str, same_path: bool) -> bool {
        let without = |place: &String| format!("{place}{}", self.without);
        // Former versions wrote where it is, and didn't look at what is in it.
        let former = text == without(&self.place);
        let oldest = || same_path && self.oldest.as_ref().map(without).as_deref() == Some(text);
        let same = || self.has_number && without_device(text) == without_device(&self.text());
        text == self.text() || former || oldest() || same()
    }

    /// What a record's leaves out, where that is all that tells it from this: it is the same source.
    pub(super) fn leaves_out(&self, text: &str, same_path: bool) -> Option<Vec<String>> {
        let without = text.find(WITHOUT).map_or("", |at| &text[at..]);
        let as_it_was = Self { without: without.to_owned(), ..self.clone() };
        let is_other = without != self.without && as_it_was.is(text, same_path);
        is_other.then(|| without.split(WITHOUT).skip(1).map(|path| format!("/{path}")).collect())
    }

    /// Whether a root that was copied from a directory still goes with that directory's kernels. What was installed in it
    /// since is its owner's; but a kernel finds its modules by their directory's name. A record of a former version, whose
    /// `text` doesn't say what the directory had in it, is held against all of it.
    pub(super) fn is_in(
        &self,
        copy: &Path,
        from: Option<&HostSource>,
        text: &str,
        excluded: &[PathBuf],
    ) -> Result<bool, Error> {
        let (Some(now), Some(from)) = (&self.system, from) else { return Ok(true) };
        let copy = HostSource::open(copy)?;
        if text.contains(CONTENTS) {
            return Ok(modules(&View(&copy), excluded)? == modules(&View(from), excluded)?);
        }
        Ok(system(&copy, excluded)? == *now)
    }
}

/// Stands before each path that is left out.
const WITHOUT: &str = ", without ";

/// Begins what a record has of a directory's contents.
const CONTENTS: &str = ", file system ";

/// An identity without the number of the device.
fn without_device(text: &str) -> String {
    const DEVICE: &str = " on device ";
    match text.split_once(DEVICE) {
        Some((place, rest)) => {
            format!("{place}{}", rest.trim_start_matches(|char: char| char.is_ascii_digit()))
        }
        None => text.to_owned(),
    }
}

/// No list of packages is longer; of what is, only the length counts.
const LONGEST: u64 = 32 << 20;

/// A digest over what makes a root this one, and what its upgrades change.
fn system(root: &HostSource, excluded: &[PathBuf]) -> Result<String, Error> {
    const FILES: [&str; 4] = ["etc/machine-id", "etc/os-release", "etc/rpi-issue", "var/lib/dpkg/status"];
    let view = View(root);
    let mut digest = Sha256::new();
    let left_out = |path: &str| excluded.iter().any(|excluded| Path::new(path).starts_with(excluded));
    for path in FILES.into_iter().filter(|path| !left_out(path)) {
        digest.update(format!("{path} {:?}\n", view.find(path)?.map(|node| node.size)));
        digest.update(view.read(path, LONGEST)?.unwrap_or_default());
    }
    for name in modules(&view, excluded)? {
        let list = view.find(&format!("lib/modules/{name}/modules.dep"))?.map(|node| node.size);
        digest.update(format!("{name} {list:?}\n"));
    }
    Ok(short(digest))
}

/// The kernels whose modules are there.
pub(super) fn modules(root: &View<'_>, excluded: &[PathBuf]) -> Result<Vec<String>, Error> {
    let left_out = |path: &str| excluded.iter().any(|excluded| Path::new(path).starts_with(excluded));
    let names = root.all_names("lib/modules")?;
    let mut names: Vec<String> = names.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    names.retain(|name| {
        !left_out(&format!("lib/modules/{name}")) && !left_out(&format!("usr/lib/modules/{name}"))
    });
    names.sort();
    Ok(names)
}

/// So much of a kernel tells it from others: its length and a digest of this much of its beginning.
const BEGINNING: u64 = 64 << 10;

/// A digest over the kernels and initramfs files among boot files.
fn kernels(boot: &View<'_>, prefix: &str) -> Result<String, Error> {
    let is_one = |name: &OsStr| {
        let name = name.to_string_lossy();
        ["kernel", "vmlinuz", "initrd", "initramfs"].iter().any(|start| name.starts_with(start))
            || name.ends_with(".img")
    };
    let mut digest = Sha256::new();
    let mut places = vec![""];
    places.extend(Some(prefix).filter(|prefix| !prefix.is_empty()));
    for place in places {
        let Some(directory) = boot.find(place)?.filter(|node| node.kind == FileKind::Directory) else {
            continue;
        };
        for (name, node) in boot.0.list(&directory)? {
            if node.kind == FileKind::File && is_one(&name) {
                digest.update(format!("{place} {} {}\n", name.to_string_lossy(), node.size));
                digest.update(beginning(boot.0, &node)?);
            }
        }
    }
    Ok(short(digest))
}

/// The first bytes of a file, without its holes.
fn beginning(source: &dyn Source, file: &Node) -> Result<Vec<u8>, Error> {
    let contents = source.contents(file)?;
    let mut bytes = Vec::new();
    for run in contents.runs.iter().take_while(|run| run.to < BEGINNING) {
        let len = run.len.min(BEGINNING - run.to);
        let mut piece = vec![0; usize::try_from(len).unwrap_or(0)];
        contents.from.read(&mut piece, run.from).map_err(Error::os("reading", source.path()))?;
        bytes.extend(piece);
    }
    Ok(bytes)
}

/// Enough of a digest to tell some hundred systems apart.
fn short(digest: Sha256) -> String {
    hex(&digest.finalize()[..8])
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::Tree;
    use super::*;

    fn of(tree: &Tree) -> Identity {
        let (root, boot) = (tree.source("root"), tree.source("boot"));
        Identity::directory(&tree.path("root"), &root, &boot, "", &[]).unwrap()
    }

    #[test]
    fn an_upgrade_makes_another_source_and_a_note_none() {
        let tree = Tree::new();
        tree.file("root/etc/os-release", "ID=debian\n");
        tree.file("root/usr/lib/modules/6.12-rpi/modules.dep", "a\n");
        tree.file("boot/kernel8.img", "one");
        let first = of(&tree);
        tree.file("root/home/pi/note", "x");
        tree.file("boot/config.txt", "x");
        let same = of(&tree);
        assert!(same.is(&first.text(), true) && first == same);
        for (path, text) in [
            ("root/etc/machine-id", "x"),
            ("root/var/lib/dpkg/status", "Package: x\n"),
            ("root/usr/lib/modules/6.13-rpi/modules.dep", "a\n"),
            ("boot/kernel8.img", "two"),
            ("boot/initramfs8", "x"),
        ] {
            let before = of(&tree);
            tree.file(path, text);
            let now = of(&tree);
            assert!(!now.is(&before.text(), true), "{path}");
            // A former version didn't look.
            assert!(now.is(&before.place, false) && now.is(before.oldest.as_deref().unwrap(), true));
            assert!(!now.is(before.oldest.as_deref().unwrap(), false), "every directory of that disk has it");
        }
    }

    #[test]
    fn what_is_left_out_is_told_where_all_else_is_the_same() {
        let tree = Tree::new();
        tree.file("root/etc/os-release", "ID=debian\n");
        tree.file("root/usr/share/doc/x", "x");
        tree.file("boot/kernel8.img", "one");
        let paths: Vec<PathBuf> = ["home/pi/video", "usr/share/doc"].map(PathBuf::from).into();
        for of in [of(&tree), Identity::image("image os.img, 5 bytes".to_owned())] {
            let less = of.clone().without(&paths);
            let [all, some] = [&of, &less].map(|of| of.text());
            assert_eq!(of.leaves_out(&some, true).unwrap(), ["/home/pi/video", "/usr/share/doc"]);
            assert_eq!(less.leaves_out(&all, true).unwrap(), [""; 0]);
            let other = of.clone().without(&paths[1..]);
            assert_eq!(other.leaves_out(&some, true).unwrap(), ["/home/pi/video", "/usr/share/doc"]);
            assert_eq!((of.leaves_out(&all, true), less.leaves_out(&some, true)), (None, None));
            assert_eq!(of.leaves_out("image other.img, 7 bytes, without usr/share/doc", true), None);
        }
    }

    #[test]
    fn what_a_former_version_copied_is_held_against_the_source_itself() {
        let tree = Tree::new();
        for root in ["root", "shared"] {
            tree.file(&format!("{root}/etc/os-release"), "ID=debian\n");
            tree.file(&format!("{root}/var/lib/dpkg/status"), "Package: x\n");
        }
        let copy = tree.path("shared");
        let is_in = |text: &str| of(&tree).is_in(&copy, Some(&tree.source("root")), text, &[]).unwrap();
        assert!(is_in("directory /x, inode 1 on device 2"));
        tree.file("root/var/lib/dpkg/status", "Package: y\n");
        assert!(!is_in("directory /x, inode 1 on device 2"));
        // What this version made says what the source was then: a root that got a package since is as good as before, and
        // one without the kernel's modules isn't.
        let text = of(&tree).text();
        assert!(is_in(&text));
        tree.file("root/usr/lib/modules/6.12-rpi/modules.dep", "a\n");
        assert!(!is_in(&text));
    }

    #[test]
    fn the_same_file_system_on_a_device_of_another_number_is_the_same_source() {
        let tree = Tree::new();
        tree.file("root/etc/os-release", "ID=debian\n");
        let mut one = of(&tree);
        one.has_number = true;
        let moved = one.text().replacen(" on device ", " on device 9", 1);
        assert!(one.is(&moved, true) && !one.is(&moved.replace("inode ", "inode 9"), true));
        one.has_number = false;
        assert!(!one.is(&moved, true), "then the device is all that tells it from others");
    }
}
