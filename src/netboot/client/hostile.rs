//! A file system that says whatever some bytes tell it to say, copied as a client's root would be. For tests and fuzzing:
//! what a reader of file systems lets through must not matter.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::Error;
use super::copy::{Copy, Take};
use super::record::Record;
use super::source::{Attributes, BootSource, Contents, From, Node, Place, Source};
use super::verify::Verify;
use crate::beneath::Dir;
use crate::image::ext4::{Device, FileKind, Run, Time};
use crate::progress::Silent;
use crate::stop::Stop;

/// More of them find nothing that these don't.
const MOST: usize = 64;

/// Names that would lead out of a directory, or to another place in it, if somebody joined paths as text.
const NAMES: [&str; 14] = [
    "..",
    ".",
    "",
    "/",
    "a/b",
    "a",
    "a\0b",
    "A",
    "../outside",
    "../../outside/secret",
    "b",
    "c",
    "../",
    "..a",
];
/// Where links lead.
const TARGETS: [&str; 8] = ["..", "../outside", "../../outside", "/", ".", "a", "/etc", ""];

/// Copies what `bytes` say into the directory `to`, and compares the copy; `boot` takes it as boot files.
///
/// # Errors
/// What the copy ended with, as text.
pub fn copy(bytes: &[u8], to: &Path, boot: bool) -> Result<(), String> {
    let hostile = Box::new(Hostile::new(bytes));
    let source: Box<dyn Source> = if boot { Box::new(BootSource(hostile)) } else { hostile };
    let run = || -> Result<(), Error> {
        let dir = Dir::open(to).map_err(Error::os("opening", to))?;
        let stop = Stop::new().map_err(Error::os("making", Path::new("an event")))?;
        let (source, choose) = (&*source, &|_: &Path, _: &Node| Take::All);
        Copy { source, to: &dir, choose, progress: &Silent, stop: &stop, expected: None }.run()?;
        let verify = Verify {
            source,
            copy: &dir,
            choose,
            progress: &Silent,
            stop: &stop,
            expected: None,
            running: false,
        };
        verify.run().map(drop)
    };
    run().map_err(|error| error.to_string())
}

/// Reads a record of a client that lies in the file of `lab-01`.
///
/// # Panics
/// If it is taken with places that lead elsewhere, or isn't read back as it was written.
pub fn record(bytes: &[u8]) {
    let Ok(record) = super::record::parse(bytes, "lab-01") else { return };
    assert_eq!(record.name, "lab-01");
    let own = [Some(&record.root), record.layer.as_ref(), Some(&record.boot)];
    for path in own.into_iter().flatten().chain(&record.made).chain(&record.parents) {
        assert!(path.is_absolute() && path.file_name().is_some(), "{path:?}");
        assert!(!path.components().any(|part| part == std::path::Component::ParentDir), "{path:?}");
    }
    if let Some(becoming) = &record.becoming {
        assert_eq!(becoming.boot.parent(), record.boot.parent());
        assert!(!becoming.boot.ends_with(".."), "{:?}", becoming.boot);
    }
    let Ok(text) = toml::to_string(&record) else { return };
    let again = super::record::parse(text.as_bytes(), "lab-01");
    assert_eq!(again, Ok(Record { was: None, ..record }));
}

struct Entry {
    parent: usize,
    name: OsString,
    node: Node,
    target: OsString,
}

struct Hostile(Vec<Entry>);

impl Hostile {
    fn new(bytes: &[u8]) -> Self {
        let mut bytes = bytes.iter().copied();
        let mut next = move || bytes.next();
        let mut entries = vec![Entry {
            parent: usize::MAX,
            name: OsString::new(),
            node: node(0, FileKind::Directory),
            target: OsString::new(),
        }];
        while entries.len() < MOST {
            let (Some(kind), Some(parent), Some(name)) = (next(), next(), next()) else { break };
            let (mode, number, more) = (next().unwrap_or(0), next().unwrap_or(0), next().unwrap_or(0));
            let device = Device { major: more.into(), minor: number.into() };
            let kind = match kind % 8 {
                0..=2 => FileKind::Directory,
                3 => FileKind::File,
                4 => FileKind::Symlink,
                5 => FileKind::Fifo,
                6 => FileKind::Socket,
                _ => FileKind::Character(device),
            };
            let name = match NAMES.get(usize::from(name)) {
                Some(name) => OsString::from(*name),
                None => OsString::from_vec(vec![name; 1 + usize::from(more)]),
            };
            let parent = usize::from(parent) % entries.len();
            let here = entries.len() as u64;
            // Small numbers make hard links, and directories that are in two places or in themselves.
            let id = if number < 32 { u64::from(number) } else { here };
            let node = Node {
                mode: u32::from(mode) << 4 | u32::from(number & 0o17),
                uid: more.into(),
                size: u64::from(number) * 100,
                id: (0, id),
                links: 1 + u64::from(more & 1),
                place: Place::Below(PathBuf::from(here.to_string())),
                ..node(0, kind)
            };
            let target = OsString::from(TARGETS[usize::from(number) % TARGETS.len()]);
            entries.push(Entry { parent, name, node, target });
        }
        Self(entries)
    }

    fn number(&self, node: &Node) -> usize {
        match &node.place {
            Place::Below(number) => number.to_str().and_then(|number| number.parse().ok()).unwrap_or(0),
            _ => 0,
        }
    }
}

fn node(number: u64, kind: FileKind) -> Node {
    Node {
        kind,
        mode: 0o755,
        uid: 0,
        gid: 0,
        size: 0,
        modified: Time::default(),
        accessed: Time::default(),
        id: (0, number),
        links: 1,
        place: Place::Below(PathBuf::from("0")),
    }
}

impl Source for Hostile {
    fn path(&self) -> &Path {
        Path::new("hostile.img")
    }

    fn root(&self) -> Result<Node, Error> {
        Ok(node(0, FileKind::Directory))
    }

    fn list(&self, directory: &Node) -> Result<Vec<(OsString, Node)>, Error> {
        let number = self.number(directory);
        let inside = self.0.iter().filter(|entry| entry.parent == number);
        Ok(inside.map(|entry| (entry.name.clone(), entry.node.clone())).collect())
    }

    fn child(&self, directory: &Node, name: &OsStr) -> Result<Option<Node>, Error> {
        Ok(self.list(directory)?.into_iter().find(|(known, _)| known == name).map(|(_, node)| node))
    }

    fn target(&self, link: &Node) -> Result<OsString, Error> {
        Ok(self.0.get(self.number(link)).map(|entry| entry.target.clone()).unwrap_or_default())
    }

    fn attributes(&self, node: &Node) -> Result<Attributes, Error> {
        let wanted = node.kind == FileKind::File && node.mode & 1 == 1;
        Ok(wanted.then(|| (b"trusted.x".to_vec(), vec![0; 8])).into_iter().collect())
    }

    fn contents(&self, file: &Node) -> Result<Contents, Error> {
        let bytes = vec![b'x'; 16];
        // Pieces that lie anywhere, at the end of all numbers too.
        let to = if file.mode & 2 == 2 { u64::MAX - 4 } else { 0 };
        let runs = vec![Run { to, from: 0, len: 16 }];
        Ok(Contents { size: file.size, runs, from: From::Bytes(bytes), now: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    /// A directory with something outside, and a place for a copy.
    pub(super) struct Lab(tempfile::TempDir);

    impl Lab {
        fn new() -> Self {
            let lab = Self(tempfile::tempdir().unwrap());
            std::fs::create_dir_all(lab.at("outside")).unwrap();
            std::fs::create_dir_all(lab.at("clients/copy")).unwrap();
            std::fs::write(lab.at("outside/secret"), "secret").unwrap();
            lab
        }

        fn at(&self, path: &str) -> PathBuf {
            self.0.path().join(path)
        }

        /// Everything that must stay as it is: what is outside, and the directories around the copy.
        fn outside(&self) -> String {
            let all = ["", "clients", "outside", "outside/secret"].map(|path| {
                let meta = std::fs::symlink_metadata(self.at(path)).unwrap();
                let names = std::fs::read_dir(self.at(path)).map_or(0, Iterator::count);
                (meta.mode(), meta.uid(), meta.mtime(), meta.mtime_nsec(), meta.nlink(), names)
            });
            format!(
                "{all:?} {:?}",
                ["/", "/etc", "/tmp", "/srv"].map(|path| {
                    let meta = std::fs::symlink_metadata(path).unwrap();
                    (meta.mode(), meta.uid(), meta.gid())
                })
            )
        }
    }

    /// Six bytes an entry: kind, parent, name, mode, number, more.
    fn refused(bytes: &[u8], why: &str) {
        let lab = Lab::new();
        let before = lab.outside();
        let error = copy(bytes, &lab.at("clients/copy"), false).unwrap_err();
        assert!(error.contains(why), "{error}");
        assert_eq!(lab.outside(), before, "{why}");
    }

    #[test]
    fn a_name_that_is_none_is_refused_with_the_images_name() {
        for name in [0, 1, 2, 3, 4, 6, 8, 9, 12] {
            for kind in [0, 3, 4, 5] {
                refused(&[kind, 0, name, 0xff, 40, 0], "hostile.img: in /, `");
                refused(&[kind, 0, name, 0xff, 40, 0], "can't be the name of a file");
                // Deeper too.
                refused(&[0, 0, 5, 0xff, 40, 0, kind, 1, name, 0xff, 41, 0], "hostile.img: in /a, `");
            }
        }
    }

    #[test]
    fn one_name_twice_is_refused_whatever_has_it() {
        for (one, other) in [(4, 0), (0, 4), (4, 3), (3, 4), (0, 0), (5, 5), (3, 3)] {
            refused(&[one, 0, 5, 0, 41, 0, other, 0, 5, 0, 42, 0], "`a` stands there twice");
        }
    }

    #[test]
    fn what_lies_at_the_end_of_all_numbers_is_an_error() {
        let lab = Lab::new();
        assert!(copy(&[3, 0, 5, 0, 0o42, 0], &lab.at("clients/copy"), false).is_err());
        assert!(copy(&[3, 0, 5, 0, 0o40, 0], &lab.at("clients/copy"), true).is_ok(), "16 bytes and a hole");
    }

    #[test]
    fn boot_files_lose_what_is_dangerous_beside_other_users() {
        let lab = Lab::new();
        let to = lab.at("clients/copy");
        // A directory, a file, a pipe, a socket and a device node, with every bit set.
        let mut bytes = vec![0, 0, 5, 0xff, 48, 0];
        for (kind, name) in [(3, 5), (5, 10), (6, 11), (7, 7)] {
            bytes.extend([kind, 1, name, 0xff, 32 + name, 9]);
        }
        bytes[10] = 0;
        let outcome = copy(&bytes, &to, true);
        let mode = |path: &str| std::fs::symlink_metadata(to.join(path)).unwrap().mode() & 0o7777;
        assert_eq!(std::fs::read_dir(to.join("a")).unwrap().count(), 1, "{outcome:?}");
        assert!(mode("a") & 0o7022 == 0 && mode("a/a") & 0o7022 == 0);
        assert_eq!(std::fs::symlink_metadata(to.join("a/a")).unwrap().uid(), 0);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]
        #[test]
        fn whatever_a_file_system_says_nothing_outside_changes(bytes in proptest::collection::vec(0u8..48, 0..120), boot: bool) {
            let lab = Lab::new();
            let before = lab.outside();
            let _ = copy(&bytes, &lab.at("clients/copy"), boot);
            proptest::prop_assert_eq!(lab.outside(), before);
        }
    }
}
