//! What lies in a host's files and is no part of its system: the clients of others, the disks that loop devices make of
//! files, and swap. A disk in a file has all that is on it, other clients with their private keys too; swap has what was
//! in memory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::source::Node;
use crate::beneath::unescape;

/// Packages of the system itself, which it mounts from their files.
const PACKAGES: &str = "var/lib/snapd";

/// No host has more loop devices, and no table more lines.
const MOST: usize = 4096;

/// Paths that are told by name.
const MOST_TOLD: usize = 8;

/// What of this host no client gets.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Apart {
    /// Directories of this host's clients.
    directories: Vec<PathBuf>,
    /// Where the kernel's and the host's own tables are looked for: `/`.
    host: PathBuf,
    /// The directories again: whatever path leads there, one through a bind mount too.
    places: Vec<(u64, u64)>,
    /// Files that disks are made of, and swap.
    files: Vec<(PathBuf, (u64, u64))>,
}

impl Apart {
    /// These directories, and what is attached at the host whose root is `host`. A table that can't be read says nothing:
    /// a root that was changed into has no /sys.
    pub(in super::super) fn new(directories: Vec<PathBuf>, host: &Path) -> Self {
        let mut apart = Self { directories, host: host.to_owned(), ..Self::default() };
        apart.look();
        apart
    }

    /// Looks again: a directory may have been made since, or a file attached.
    pub(in super::super) fn look(&mut self) {
        let places = self.directories.iter().filter_map(|path| std::fs::metadata(path).ok());
        self.places = places.map(|meta| (meta.dev(), meta.ino())).collect();
        let paths =
            attached(&self.host).into_iter().chain(swap(&self.host)).chain(to_be_attached(&self.host));
        self.files = Vec::new();
        for path in paths {
            let Ok(meta) = std::fs::metadata(&path) else { continue };
            let id = (meta.dev(), meta.ino());
            if meta.is_file() {
                self.files.push((path, id));
            }
        }
    }

    /// Whether something in a directory of this host is no part of its system.
    pub(super) fn has(&self, from: &Path, path: &Path, node: &Node) -> bool {
        let is_file = || self.files.iter().any(|(_, id)| *id == node.id) && !path.starts_with(PACKAGES);
        self.places.contains(&node.id)
            || is_file()
            || self.directories.iter().any(|left_out| *left_out == from.join(path))
    }

    /// The files that would be copied from a directory of this device otherwise, with all their names that are known, as
    /// the system in it names them.
    pub(super) fn files(&self, from: &Path, device: u64) -> Vec<PathBuf> {
        let inside = |path: &Path| {
            let below = path.strip_prefix(from).ok().filter(|path| !path.starts_with(PACKAGES))?;
            let is_left_out = self.directories.iter().any(|left_out| path.starts_with(left_out));
            (!is_left_out).then(|| Path::new("/").join(below))
        };
        let files = self.files.iter().filter(|(_, id)| id.0 == device);
        files.filter_map(|(path, _)| inside(path)).collect()
    }

    /// The same files for the user; a sentence.
    pub(super) fn told(&self, from: &Path, device: u64) -> Option<String> {
        let mut paths: Vec<String> =
            self.files(from, device).iter().map(|path| path.display().to_string()).collect();
        paths.sort();
        paths.dedup();
        if paths.len() > MOST_TOLD {
            let more = paths.len() - MOST_TOLD;
            paths.truncate(MOST_TOLD);
            paths.push(format!("and {more} more"));
        }
        let text = || {
            format!(
                "Files that this host has disks or swap in are not copied, since what is in them is not the system's: {}.",
                paths.join(", ")
            )
        };
        (!paths.is_empty()).then(text)
    }
}

/// The files behind the loop devices of a host.
fn attached(host: &Path) -> Vec<PathBuf> {
    let devices = std::fs::read_dir(host.join("sys/block")).into_iter().flatten().flatten().take(MOST);
    let files = devices.filter_map(|device| std::fs::read(device.path().join("loop/backing_file")).ok());
    files.map(|file| PathBuf::from(OsStr::from_bytes(file.strip_suffix(b"\n").unwrap_or(&file)))).collect()
}

/// The files that a host swaps to (proc_swaps(5)).
fn swap(host: &Path) -> Vec<PathBuf> {
    first_fields(&host.join("proc/swaps"), |_| true)
}

/// The files that a host attaches at its start: they may be detached for a moment. A file may be bound to another one as
/// well, and that is no disk.
fn to_be_attached(host: &Path) -> Vec<PathBuf> {
    first_fields(&host.join("etc/fstab"), |words| {
        let options = words.get(3).copied().unwrap_or_default();
        !options.split(|byte| *byte == b',').any(|option| matches!(option, b"bind" | b"rbind"))
    })
}

/// The first field of each line that counts, where it is a path.
fn first_fields(table: &Path, counts: impl Fn(&[&[u8]]) -> bool) -> Vec<PathBuf> {
    let text = std::fs::read(table).unwrap_or_default();
    let firsts = text.split(|byte| *byte == b'\n').take(MOST).filter_map(|line| {
        let words: Vec<&[u8]> =
            line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).take(4).collect();
        let first = words.first().filter(|first| first.starts_with(b"/") && counts(&words))?;
        Some(PathBuf::from(OsStr::from_bytes(&unescape(first))))
    });
    firsts.collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::source::{HostSource, Source};
    use super::super::super::tests::Tree;
    use super::super::super::view::View;
    use super::*;

    /// What is left out of `root`, of these paths.
    fn left_out<'a>(tree: &Tree, apart: &Apart, paths: &[&'a str]) -> Vec<&'a str> {
        let source = HostSource::open(&tree.path("root")).unwrap();
        let view = View(&source);
        let has = |path: &str| {
            apart.has(&tree.path("root"), Path::new(path), &view.find_link(path).unwrap().unwrap())
        };
        paths.iter().copied().filter(|path| has(path)).collect()
    }

    const DISK: &str = "var/lib/netboot.img";

    #[test]
    fn a_disk_in_a_file_is_no_part_of_the_system() {
        let tree = Tree::new();
        tree.file("root/var/lib/netboot.img", "the keys of kitchen");
        tree.file("root/var/lib/snapd/snaps/core.snap", "");
        tree.file("root/swap file", "what was in memory");
        tree.file("root/srv/other.img", "");
        tree.file("root/srv/plain.img", "");
        std::fs::hard_link(tree.path("root/var/lib/netboot.img"), tree.path("root/srv/again.img")).unwrap();
        let root = tree.path("root").display().to_string();
        for (at, file) in [DISK, "var/lib/snapd/snaps/core.snap", "gone.img (deleted)"].iter().enumerate() {
            tree.file(&format!("host/sys/block/loop{at}/loop/backing_file"), &format!("{root}/{file}\n"));
        }
        tree.file("host/sys/block/sda/size", "1\n");
        tree.file("host/proc/swaps", &format!("Filename\tType\n{root}/swap\\040file file 1 0 -2\n"));
        tree.file(
            "host/etc/fstab",
            &format!(
                "#{root}/srv/plain.img\n{root}/srv/plain.img /etc/x none ro,bind\n{root}/srv/other.img /mnt ext4 loop\n"
            ),
        );
        let apart = Apart::new(Vec::new(), &tree.path("host"));
        let paths = [
            DISK,
            "srv/again.img",
            "srv/other.img",
            "srv/plain.img",
            "swap file",
            "var/lib",
            "var/lib/snapd/snaps/core.snap",
        ];
        assert_eq!(left_out(&tree, &apart, &paths), [DISK, "srv/again.img", "srv/other.img", "swap file"]);
        let device = HostSource::open(&tree.path("root")).unwrap().root().unwrap().id.0;
        let told = apart.told(&tree.path("root"), device).unwrap();
        assert!(
            told.contains("/var/lib/netboot.img") && told.contains("/swap file") && !told.contains("snapd"),
            "{told}"
        );
        assert_eq!(apart.told(&tree.path("root/etc"), device), None, "it isn't in there");
        assert_eq!(apart.told(&tree.path("root"), device + 1), None, "other file systems are not entered");
    }

    /// A bind mount of a directory is the same directory at another path.
    #[test]
    fn the_clients_are_left_out_by_whatever_path_they_are_reached() {
        let tree = Tree::new();
        tree.file("root/data/clients/kitchen/key", "");
        std::os::unix::fs::symlink("data/clients", tree.path("root/link")).unwrap();
        let mut apart = Apart::new(vec![tree.path("root/link")], &tree.path("host"));
        let paths = ["data", "data/clients"];
        assert_eq!(left_out(&tree, &apart, &paths), ["data/clients"]);
        // One that isn't there yet is made before anything is copied.
        apart.directories = vec![tree.path("root/new/clients")];
        apart.look();
        assert_eq!(left_out(&tree, &apart, &paths), [""; 0]);
        tree.directory("root/new/clients");
        apart.look();
        assert_eq!(left_out(&tree, &apart, &["new", "new/clients"]), ["new/clients"]);
    }
}
