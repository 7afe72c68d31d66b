//! What is in the live tree, and what of it is piprov's.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use super::Error;
use crate::beneath::Dir;
use crate::board::PortPath;

/// Begins the names of links on their way to their place.
pub(super) const TEMPORARY: &str = ".piprov-";

/// What a directory made for the live tree may be used for, and by which users: all may look at it.
const MODE: u32 = 0o755;

/// The live tree and the directory with the boards' files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    live: PathBuf,
    clients: PathBuf,
}

/// One entry of the live tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: OsString,
    /// What it is.
    pub kind: Kind,
    /// Which one it is.
    pub(super) id: Id,
}

/// A file system and a number in it: which file or directory it is, whatever it is called.
pub(super) type Id = (u64, u64);

/// What an entry of the live tree is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A link to the first stage's file of the same name.
    FirstStage {
        /// Where it points.
        target: PathBuf,
    },
    /// A link, named like a port, to a client's directory.
    Overlay(Overlay),
    /// A link of piprov's that never got to its place.
    Temporary,
    /// Not piprov's: a link.
    OtherLink {
        /// Where it points.
        target: PathBuf,
    },
    /// Not piprov's: a directory.
    Directory,
    /// Not piprov's: a file, a device, …
    File,
}

/// A port's link to the files of the board there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// The port.
    pub port: PortPath,
    /// Where the link points.
    pub target: PathBuf,
    /// Since when; `None` where the file system doesn't know.
    pub since: Option<SystemTime>,
}

impl Kind {
    /// Whether piprov made it and may remove it.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::FirstStage { .. } | Self::Overlay(_) | Self::Temporary)
    }

    /// What it is, as in "it is a directory".
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::FirstStage { target }
            | Self::Overlay(Overlay { target, .. })
            | Self::OtherLink { target } => {
                format!("a link to {}", target.display())
            }
            Self::Temporary => "a link that was being made".to_owned(),
            Self::Directory => "a directory".to_owned(),
            Self::File => "a file".to_owned(),
        }
    }
}

impl Tree {
    /// A tree at these places. Relative ones start at the working directory.
    ///
    /// # Errors
    /// When a path is empty or there is no working directory.
    pub fn new(live: &Path, clients: &Path) -> Result<Self, Error> {
        let absolute = |path: &Path| std::path::absolute(path).map_err(Error::os("finding", path));
        Ok(Self { live: absolute(live)?, clients: absolute(clients)? })
    }

    /// The directory that is served.
    #[must_use]
    pub fn live(&self) -> &Path {
        &self.live
    }

    /// The directory with the clients' directories.
    #[must_use]
    pub fn clients(&self) -> &Path {
        &self.clients
    }

    /// The first stage's files.
    #[must_use]
    pub fn first_stage(&self) -> PathBuf {
        self.clients.join("1ststage")
    }

    /// The overlay's place.
    #[must_use]
    pub fn overlay_path(&self, port: PortPath) -> PathBuf {
        self.live.join(port.to_string())
    }

    /// A client's directory as a person says it: `by-serial/af04b2da`.
    #[must_use]
    pub fn client_name(&self, target: &Path) -> String {
        self.inside_clients(target).unwrap_or_else(|| target.to_owned()).display().to_string()
    }

    /// Opens the live directory; `None` where it isn't there. What is done in it then goes through this alone.
    ///
    /// Links on the way to it are the user's. A link in its own place is refused: it would let a user that may rename
    /// beside it choose the directory that is emptied.
    pub(super) fn open(&self) -> Result<Option<Dir>, Error> {
        match Dir::open_itself(&self.live) {
            Ok(dir) => Ok(Some(dir)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.not_opened("opening", error)),
        }
    }

    /// Opens the live directory; makes it where it isn't there.
    pub(super) fn make(&self) -> Result<Dir, Error> {
        if let Some(dir) = self.open()? {
            return Ok(dir);
        }
        let (Some(parent), Some(name)) = (self.live.parent(), self.live.file_name()) else {
            return Err(self.not_opened("making", Errno::NOENT));
        };
        std::fs::create_dir_all(parent).map_err(Error::os("making", &self.live))?;
        let made = Dir::open(parent).and_then(|parent| parent.make(name, MODE));
        made.map(|(dir, _)| dir).map_err(|error| self.not_opened("making", error))
    }

    fn not_opened(&self, doing: &'static str, error: Errno) -> Error {
        match error {
            Errno::LOOP => Error::IsLink { path: self.live.clone() },
            error => Error::os(doing, &self.live)(error.into()),
        }
    }

    /// What is in the live tree, by name. No directory, no entries.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn entries(&self) -> Result<Vec<Entry>, Error> {
        self.open()?.map_or(Ok(Vec::new()), |dir| self.entries_in(&dir))
    }

    /// What is in the live directory that is open.
    pub(super) fn entries_in(&self, dir: &Dir) -> Result<Vec<Entry>, Error> {
        let names = dir.names().map_err(|error| Error::os("reading", &self.live)(error.into()))?;
        let entries = names.iter().map(|name| self.entry_in(dir, name)).filter_map(Result::transpose);
        entries.collect()
    }

    /// What is there under a name; `None` if nothing is.
    ///
    /// # Errors
    /// When it can't be looked at.
    pub fn kind(&self, name: &OsStr) -> Result<Option<Kind>, Error> {
        let Some(dir) = self.open()? else { return Ok(None) };
        Ok(self.entry_in(&dir, name)?.map(|entry| entry.kind))
    }

    /// What is in the live directory that is open under a name; `None` if nothing is.
    pub(super) fn entry_in(&self, dir: &Dir, name: &OsStr) -> Result<Option<Entry>, Error> {
        let error = |source: Errno| Error::os("reading", &self.live.join(name))(source.into());
        // More than once only where somebody replaces it between the two looks.
        for _ in 0..8 {
            let Some(stat) = dir.stat(name).map_err(error)? else { return Ok(None) };
            let kind = match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => Kind::Directory,
                FileType::Symlink => match dir.target(name) {
                    Ok(target) => self.link(name, self.live.join(target), &stat),
                    Err(Errno::NOENT | Errno::INVAL) => continue,
                    Err(source) => return Err(error(source)),
                },
                _ => Kind::File,
            };
            return Ok(Some(Entry { name: name.to_owned(), kind, id: (stat.st_dev, stat.st_ino) }));
        }
        Err(error(Errno::AGAIN))
    }

    /// What a link is.
    fn link(&self, name: &OsStr, target: PathBuf, stat: &Stat) -> Kind {
        let port = name.to_str().and_then(|name| name.parse().ok());
        match (self.inside_clients(&target), port) {
            (Some(_), Some(port)) => Kind::Overlay(Overlay { port, target, since: changed(stat) }),
            (Some(inside), None) if inside == Path::new("1ststage").join(name) => Kind::FirstStage { target },
            (Some(_), None) if name.to_string_lossy().starts_with(TEMPORARY) => Kind::Temporary,
            _ => Kind::OtherLink { target },
        }
    }

    /// A target's path from `clients` on; `None` if it isn't there.
    fn inside_clients(&self, target: &Path) -> Option<PathBuf> {
        let plain = |inside: &Path| {
            // Not `clients` itself, and nothing that leaves it again.
            let mut parts = inside.components().peekable();
            parts.peek().is_some() && parts.all(|part| matches!(part, std::path::Component::Normal(_)))
        };
        if let Ok(inside) = target.strip_prefix(&self.clients) {
            return plain(inside).then(|| inside.to_owned());
        }
        // Other spellings of the same place: /srv/usbboot may be a link, as may a part of what is configured. The
        // target itself may be gone, or be a link that is to stay one.
        let folder = target.parent()?.canonicalize().ok()?.join(target.file_name()?);
        let inside = folder.strip_prefix(self.clients.canonicalize().ok()?).ok()?;
        plain(inside).then(|| inside.to_owned())
    }

    /// The ports' links.
    ///
    /// # Errors
    /// When the tree can't be read.
    pub fn overlays(&self) -> Result<Vec<Overlay>, Error> {
        let overlay =
            |entry: Entry| if let Kind::Overlay(overlay) = entry.kind { Some(overlay) } else { None };
        let mut overlays: Vec<Overlay> = self.entries()?.into_iter().filter_map(overlay).collect();
        overlays.sort_by_key(|overlay| overlay.port);
        Ok(overlays)
    }

    /// Gives a port the files of a client. In one step; what it had before doesn't matter, as long as it was
    /// piprov's. The tree is made if it isn't there.
    ///
    /// # Errors
    /// When something that isn't piprov's is in the way, or the link can't be made.
    pub fn set_overlay(&self, port: PortPath, client: &Path) -> Result<(), Error> {
        let path = self.overlay_path(port);
        let error = |source: Errno| Error::os("linking", &path)(source.into());
        let (dir, name) = (self.make()?, port.to_string());
        match dir.symlink(&name, client) {
            Err(Errno::EXIST) => {}
            done => return done.map_err(error),
        }
        match self.entry_in(&dir, name.as_ref())? {
            Some(Entry { kind, .. }) if !kind.is_ours() => {
                Err(Error::InTheWay { path, what: kind.describe() })
            }
            _ => dir.replace_link(&name, client, TEMPORARY).map_err(error),
        }
    }

    /// Takes a port's link away. Says whether there was one of piprov's.
    ///
    /// # Errors
    /// When it can't be removed.
    pub fn drop_overlay(&self, port: PortPath) -> Result<bool, Error> {
        let Some(dir) = self.open()? else { return Ok(false) };
        let name = port.to_string();
        if !matches!(self.entry_in(&dir, name.as_ref())?, Some(Entry { kind: Kind::Overlay(_), .. })) {
            return Ok(false);
        }
        let removed = dir.unlink(&name);
        removed.map_err(|error| Error::os("removing", &self.overlay_path(port))(error.into()))?;
        Ok(true)
    }
}

/// When something was changed; `None` where that was before 1970.
fn changed(stat: &Stat) -> Option<SystemTime> {
    let seconds = Duration::from_secs(u64::try_from(stat.st_mtime).ok()?);
    let rest = Duration::from_nanos(stat.st_mtime_nsec);
    SystemTime::UNIX_EPOCH.checked_add(seconds + rest)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A tree in a directory of its own.
    pub(in crate::live) struct Lab {
        pub(in crate::live) dir: tempfile::TempDir,
        pub(in crate::live) tree: Tree,
    }

    impl Lab {
        pub(in crate::live) fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let tree = Tree::new(&dir.path().join("live"), &dir.path().join("clients")).unwrap();
            std::fs::create_dir_all(tree.first_stage()).unwrap();
            Self { dir, tree }
        }

        /// Puts files with nothing in them below `clients`; those that end in a slash are directories.
        pub(in crate::live) fn clients(&self, names: &[&str]) -> &Self {
            for name in names {
                let path = self.tree.clients().join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                if name.ends_with('/') {
                    std::fs::create_dir_all(&path).unwrap();
                } else {
                    std::fs::write(&path, "").unwrap();
                }
            }
            self
        }

        pub(in crate::live) fn link(&self, name: &str, target: impl AsRef<Path>) -> &Self {
            std::fs::create_dir_all(self.tree.live()).unwrap();
            symlink(target, self.tree.live().join(name)).unwrap();
            self
        }

        /// The live tree as `name -> target below clients`.
        pub(in crate::live) fn shown(&self) -> Vec<String> {
            let show = |entry: Entry| match entry.kind {
                Kind::FirstStage { target }
                | Kind::Overlay(Overlay { target, .. })
                | Kind::OtherLink { target } => {
                    format!("{} -> {}", entry.name.display(), self.tree.client_name(&target))
                }
                kind => format!("{} {}", entry.name.display(), kind.describe()),
            };
            self.tree.entries().unwrap().into_iter().map(show).collect()
        }
    }

    pub(in crate::live) fn port(text: &str) -> PortPath {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_ours_is_seen_by_what_it_is() {
        let lab = Lab::new();
        let clients = lab.tree.clients().to_owned();
        lab.clients(&["1ststage/kernel.img", "by-serial/a/"])
            .link("kernel.img", clients.join("1ststage/kernel.img"))
            .link("gone.img", clients.join("1ststage/gone.img"))
            .link("start.elf", "../clients/1ststage/start.elf")
            .link("config.txt", clients.join("1ststage/other.txt"))
            .link("1-1", clients.join("by-serial/a"))
            .link("2-1.3", "../clients/default")
            .link("1-2", "/srv/mine")
            .link("1-3", &clients)
            .link("1-4", clients.join("../elsewhere"))
            .link("1-foo", clients.join("default"))
            .link(".piprov-77-0", clients.join("by-serial/a"));
        std::fs::create_dir(lab.tree.live().join("1-5")).unwrap();
        std::fs::write(lab.tree.live().join("cmdline.txt"), "").unwrap();
        let entries = lab.tree.entries().unwrap();
        let ours: Vec<_> =
            entries.iter().filter(|entry| entry.kind.is_ours()).map(|entry| entry.name.clone()).collect();
        assert_eq!(ours, [".piprov-77-0", "1-1", "2-1.3", "gone.img", "kernel.img", "start.elf"]);
        let overlays: Vec<_> =
            lab.tree.overlays().unwrap().into_iter().map(|overlay| overlay.port.to_string()).collect();
        assert_eq!(overlays, ["1-1", "2-1.3"]);
    }

    #[test]
    fn another_spelling_of_the_same_place_is_the_same_place() {
        let lab = Lab::new();
        lab.clients(&["by-serial/a/"]);
        symlink(lab.dir.path(), lab.dir.path().join("srv")).unwrap();
        lab.link("1-1", lab.dir.path().join("srv/clients/by-serial/a"));
        assert_eq!(lab.shown(), ["1-1 -> by-serial/a"]);
        let other =
            Tree::new(&lab.dir.path().join("srv/live"), &lab.dir.path().join("srv/clients/")).unwrap();
        lab.link("1-2", lab.tree.clients().join("default"));
        assert_eq!(other.overlays().unwrap().len(), 2);
    }

    #[test]
    fn an_overlay_is_made_replaced_and_dropped() {
        let lab = Lab::new();
        let (one, two) = (lab.tree.clients().join("by-serial/a"), lab.tree.clients().join("default"));
        lab.tree.set_overlay(port("1-1"), &one).unwrap();
        lab.tree.set_overlay(port("1-1"), &one).unwrap();
        lab.tree.set_overlay(port("2-1.4"), &two).unwrap();
        assert_eq!(lab.shown(), ["1-1 -> by-serial/a", "2-1.4 -> default"]);
        lab.tree.set_overlay(port("1-1"), &two).unwrap();
        assert_eq!(lab.shown()[0], "1-1 -> default");
        assert!(lab.tree.drop_overlay(port("1-1")).unwrap());
        assert!(!lab.tree.drop_overlay(port("1-1")).unwrap());
        assert_eq!(lab.shown(), ["2-1.4 -> default"]);
    }

    #[test]
    fn other_peoples_things_are_neither_replaced_nor_dropped() {
        let lab = Lab::new();
        lab.link("1-2", "/srv/mine");
        std::fs::create_dir(lab.tree.live().join("1-1")).unwrap();
        std::fs::write(lab.tree.live().join("1-3"), "").unwrap();
        for name in ["1-1", "1-2", "1-3"] {
            let error = lab.tree.set_overlay(port(name), &lab.tree.clients().join("default")).unwrap_err();
            assert!(matches!(error, Error::InTheWay { .. }), "{error}");
            assert!(!lab.tree.drop_overlay(port(name)).unwrap());
        }
        assert_eq!(lab.shown(), ["1-1 a directory", "1-2 -> /srv/mine", "1-3 a file"]);
    }

    #[test]
    fn no_tree_has_no_entries() {
        let lab = Lab::new();
        assert_eq!(lab.tree.entries().unwrap(), []);
        assert!(!lab.tree.drop_overlay(port("1-1")).unwrap());
    }
}
