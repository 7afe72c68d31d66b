//! Looks up single files in a tree that may not be copied yet. Symbolic links are followed as the client itself would
//! follow them: an absolute one starts at the tree's own root, and no link leads out of the tree.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path};

use super::Error;
use super::error::Fault;
use super::source::{Node, Source, listed};
use crate::image::ext4::FileKind;

/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;

/// A tree to look into.
pub(super) struct View<'a>(pub(super) &'a dyn Source);

impl View<'_> {
    /// Finds what a path means; `None` where there is nothing.
    pub(super) fn find(&self, path: &str) -> Result<Option<Node>, Error> {
        self.resolve(Path::new(path), true)
    }

    /// As [`Self::find`], but a link at the end of the path is not followed.
    pub(super) fn find_link(&self, path: &str) -> Result<Option<Node>, Error> {
        self.resolve(Path::new(path), false)
    }

    fn resolve(&self, path: &Path, last: bool) -> Result<Option<Node>, Error> {
        let mut above = vec![self.0.root()?];
        let mut left: Vec<OsString> = parts(path);
        let mut links = 0;
        while let Some(part) = left.pop() {
            if part == ".." {
                if above.len() > 1 {
                    above.pop();
                }
                continue;
            }
            let Some(directory) = above.last().filter(|node| node.kind == FileKind::Directory) else {
                return Ok(None);
            };
            let Some(node) = self.0.child(directory, &part)? else { return Ok(None) };
            if node.kind == FileKind::Symlink && (last || !left.is_empty()) {
                links += 1;
                if links > MOST_LINKS {
                    return Ok(None);
                }
                let target = match self.0.target(&node) {
                    // The client itself may change its files meanwhile.
                    Err(gone) if gone.is_gone() => return Ok(None),
                    target => target?,
                };
                if Path::new(&target).is_absolute() {
                    above.truncate(1);
                }
                left.extend(parts(Path::new(&target)));
            } else {
                above.push(node);
            }
        }
        Ok(above.pop())
    }

    /// Reads a file of at most `longest` bytes; `None` where there is no such file, or where it is longer.
    pub(super) fn read(&self, path: &str, longest: u64) -> Result<Option<Vec<u8>>, Error> {
        let Some(node) = self.find(path)?.filter(|node| node.kind == FileKind::File && node.size <= longest)
        else {
            return Ok(None);
        };
        let contents = match self.0.contents(&node) {
            Err(gone) if gone.is_gone() => return Ok(None),
            // It grew since.
            Ok(contents) if contents.size > longest => return Ok(None),
            contents => contents?,
        };
        let mut bytes = vec![0; usize::try_from(contents.size).unwrap_or(0)];
        for run in contents.runs {
            let end = run.to.checked_add(run.len).and_then(|end| usize::try_from(end).ok());
            let piece = end.and_then(|end| bytes.get_mut(usize::try_from(run.to).ok()?..end));
            if let Some(piece) = piece {
                let read = contents.from.read(piece, run.from);
                match read.map_err(Error::os("reading", &self.0.path().join(path))) {
                    Err(gone) if gone.is_gone() => return Ok(None),
                    read => read?,
                }
            }
        }
        Ok(Some(bytes))
    }

    /// Reads a file of text, at most 1 MiB of it; what is no UTF-8 is replaced.
    pub(super) fn text(&self, path: &str) -> Result<Option<String>, Error> {
        Ok(self.read(path, 1 << 20)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Reads a file of text that is changed and written again, at most 1 MiB of it: [`kept`] keeps what is no UTF-8.
    ///
    /// # Errors
    /// [`Error::Unfit`] where something is there that isn't such a file: what is in it would be lost.
    pub(super) fn kept(&self, path: &str) -> Result<Option<String>, Error> {
        const LONGEST: u64 = 1 << 20;
        let Some(node) = self.find(path)? else { return Ok(None) };
        let unfit = |fault| Error::Unfit { path: self.0.path().join(path), fault };
        if node.kind != FileKind::File {
            return Err(unfit(Fault::NoFile));
        }
        if node.size > LONGEST {
            return Err(unfit(Fault::TooLong));
        }
        Ok(self.read(path, LONGEST)?.map(|bytes| kept(&bytes)))
    }

    /// The first part above a path that is a link.
    pub(super) fn link_above(&self, path: &str) -> Result<Option<String>, Error> {
        for above in above(path) {
            if self.find_link(above)?.is_some_and(|node| node.kind == FileKind::Symlink) {
                return Ok(Some(above.to_owned()));
            }
        }
        Ok(None)
    }

    /// Fails if no directory can be made for a path: something that is none, or a link that leads nowhere, is above it.
    pub(super) fn has_way(&self, path: &str) -> Result<(), Error> {
        for above in above(path) {
            let unfit = |fault| Err(Error::Unfit { path: self.0.path().join(above), fault });
            match self.find(above)? {
                Some(node) if node.kind == FileKind::Directory => {}
                Some(_) => return unfit(Fault::NoDirectory),
                None if self.find_link(above)?.is_some() => {
                    return unfit(Fault::LeadsNowhere);
                }
                // Whatever is missing is made.
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Fails if a directory is where a file is made or taken away.
    pub(super) fn has_no_directory(&self, path: &str) -> Result<(), Error> {
        match self.find_link(path)? {
            Some(node) if node.kind == FileKind::Directory => {
                Err(Error::Unfit { path: self.0.path().join(path), fault: Fault::Directory })
            }
            _ => Ok(()),
        }
    }

    /// Whether there is something.
    pub(super) fn has(&self, path: &str) -> Result<bool, Error> {
        Ok(self.find(path)?.is_some())
    }

    /// The names in a directory; empty where there is no directory.
    pub(super) fn names(&self, path: &str) -> Result<Vec<String>, Error> {
        Ok(self.all_names(path)?.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    /// The same with those that are no UTF-8.
    pub(super) fn all_names(&self, path: &str) -> Result<Vec<OsString>, Error> {
        let Some(node) = self.find(path)?.filter(|node| node.kind == FileKind::Directory) else {
            return Ok(Vec::new());
        };
        let names = listed(self.0, &node, Path::new(path))?;
        Ok(names.into_iter().map(|(name, _)| name).collect())
    }
}

/// The paths above a path, the outer ones first.
fn above(path: &str) -> impl Iterator<Item = &str> {
    let path = path.trim_matches('/');
    path.match_indices('/').map(move |(at, _)| &path[..at])
}

/// The characters that stand for bytes that are no UTF-8: the last ones for private use, one for each byte.
const FIRST: u32 = 0x10_ff00;

/// Bytes as text, from which [`bytes`] makes the same bytes again. What is no UTF-8 becomes characters for private
/// use, and so do the bytes of such characters themselves.
pub(super) fn kept(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let stands_for =
        |byte: u8| char::from_u32(FIRST + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER);
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            if u32::from(char) < FIRST {
                text.push(char);
            } else {
                let mut buf = [0; 4];
                text.extend(char.encode_utf8(&mut buf).bytes().map(stands_for));
            }
        }
        text.extend(chunk.invalid().iter().copied().map(stands_for));
    }
    text
}

/// The bytes that a text stands for that [`kept`] may have made.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for char in text.chars() {
        match u32::from(char).checked_sub(FIRST).and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// The same for people: what is no UTF-8 can't be shown.
pub(super) fn shown(text: &str) -> String {
    String::from_utf8_lossy(&bytes(text)).into_owned()
}

/// The parts of a path, the last first.
fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsStr::new("..").to_owned()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netboot::client::source::HostSource;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_stay_inside() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        std::fs::create_dir_all(at("usr/lib")).unwrap();
        std::fs::write(at("usr/lib/os-release"), "ID=raspbian").unwrap();
        std::fs::create_dir(at("etc")).unwrap();
        for (target, link) in [
            ("/usr/lib/os-release", "etc/os-release"),
            ("../../../../usr/lib/os-release", "etc/up"),
            ("loop", "loop"),
            ("usr/lib", "lib"),
            ("/etc/passwd", "out"),
        ] {
            symlink(target, at(link)).unwrap();
        }
        let source = HostSource::open(dir.path()).unwrap();
        let view = View(&source);
        for path in ["/etc/os-release", "etc/up", "lib/os-release", "/lib/../usr/lib/os-release"] {
            let text = view.text(path).unwrap();
            // `lib/..` is usr, where there is no usr.
            assert_eq!(text.as_deref(), (!path.contains("lib/..")).then_some("ID=raspbian"), "{path}");
        }
        assert_eq!(view.text("out").unwrap(), None, "the host's own file");
        assert!(!view.has("loop").unwrap() && view.find_link("loop").unwrap().is_some());
        assert!(!view.has("etc/os-release/x").unwrap());
        assert_eq!(view.names("lib").unwrap(), ["os-release"]);
        assert_eq!(view.link_above("lib/os-release").unwrap().as_deref(), Some("lib"));
        assert_eq!(view.link_above("usr/lib/os-release").unwrap(), None);
        assert!(view.has_way("lib/new/x").is_ok() && view.has_way("etc/new/x").is_ok());
        for (path, why) in
            [("out/x/y", "leads nowhere"), ("loop/x", "leads nowhere"), ("lib/os-release/x", "no dir")]
        {
            assert!(view.has_way(path).unwrap_err().to_string().contains(why), "{path}");
        }
    }

    #[test]
    fn what_is_rewritten_keeps_its_bytes_or_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        std::fs::write(at("latin"), b"ssid caf\xe9\n").unwrap();
        std::fs::write(at("long"), vec![b'#'; (1 << 20) + 1]).unwrap();
        std::fs::create_dir(at("directory")).unwrap();
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), kind, rustix::fs::Mode::RUSR, 0).unwrap();
        let source = HostSource::open(dir.path()).unwrap();
        let view = View(&source);
        let text = view.kept("latin").unwrap().unwrap();
        assert!(text.starts_with("ssid caf") && text.ends_with('\n'), "{text:?}");
        assert_eq!((bytes(&text), shown(&text).as_str()), (b"ssid caf\xe9\n".to_vec(), "ssid caf\u{fffd}\n"));
        assert_eq!(view.kept("none").unwrap(), None);
        for bad in ["long", "directory", "pipe"] {
            assert!(matches!(view.kept(bad), Err(Error::Unfit { .. })), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn bytes_come_back(
            mut text in proptest::collection::vec(proptest::num::u8::ANY, 0..40),
            more in "[a\u{10ff00}\u{10ffe9}\u{10ffff}\u{10fefe}]{0,5}",
        ) {
            text.extend_from_slice(more.as_bytes());
            proptest::prop_assert_eq!(bytes(&kept(&text)), text);
        }
    }
}
