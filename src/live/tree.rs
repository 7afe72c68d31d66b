//! What is in the live tree, and what of it is piprov's.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Error, link};
use crate::board::PortPath;

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
}

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
    /// Since when; none where the file system doesn't know.
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

    /// What is in the live tree, by name. No directory, no entries.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn entries(&self) -> Result<Vec<Entry>, Error> {
        let error = || Error::os("reading", &self.live);
        let found = match std::fs::read_dir(&self.live) {
            Ok(found) => found,
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(error()(source)),
        };
        let mut entries = Vec::new();
        for entry in found {
            let name = entry.map_err(error())?.file_name();
            if let Some(kind) = self.kind(&name)? {
                entries.push(Entry { name, kind });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// What is there under a name; none if nothing is.
    ///
    /// # Errors
    /// When it can't be looked at.
    pub fn kind(&self, name: &std::ffi::OsStr) -> Result<Option<Kind>, Error> {
        let path = self.live.join(name);
        let meta = match std::fs::symlink_metadata(&path) {
            Ok(meta) => meta,
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::os("reading", &path)(source)),
        };
        if !meta.is_symlink() {
            return Ok(Some(if meta.is_dir() { Kind::Directory } else { Kind::File }));
        }
        let target = match std::fs::read_link(&path) {
            Ok(target) => self.live.join(target),
            // Removed or replaced between the two looks.
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::os("reading", &path)(source)),
        };
        let port = name.to_str().and_then(|name| name.parse().ok());
        Ok(Some(match (self.inside_clients(&target), port) {
            (Some(_), Some(port)) => Kind::Overlay(Overlay { port, target, since: meta.modified().ok() }),
            (Some(inside), None) if inside == Path::new("1ststage").join(name) => Kind::FirstStage { target },
            (Some(_), None) if name.to_string_lossy().starts_with(link::TEMPORARY) => Kind::Temporary,
            _ => Kind::OtherLink { target },
        }))
    }

    /// A target's path from `clients` on; none if it isn't there.
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
        let error = || Error::os("linking", &path);
        match link::create(&path, client) {
            Ok(()) => return Ok(()),
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(&self.live).map_err(Error::os("making", &self.live))?;
                return link::create(&path, client).map_err(error());
            }
            Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(error()(source)),
        }
        match self.kind(port.to_string().as_ref())? {
            Some(kind) if !kind.is_ours() => Err(Error::InTheWay { path, what: kind.describe() }),
            _ => link::replace(&path, client).map_err(error()),
        }
    }

    /// Takes a port's link away. Says whether there was one of piprov's.
    ///
    /// # Errors
    /// When it can't be removed.
    pub fn drop_overlay(&self, port: PortPath) -> Result<bool, Error> {
        let path = self.overlay_path(port);
        if !matches!(self.kind(port.to_string().as_ref())?, Some(Kind::Overlay(_))) {
            return Ok(false);
        }
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(Error::os("removing", &path)(source)),
        }
    }
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
