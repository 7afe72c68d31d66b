//! Looks up single files in a tree that may not be copied yet. Symbolic links are followed as the client itself would
//! follow them: an absolute one starts at the tree's own root, and no link leads out of the tree.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path};

use super::Error;
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

    /// Whether there is something.
    pub(super) fn has(&self, path: &str) -> Result<bool, Error> {
        Ok(self.find(path)?.is_some())
    }

    /// The names in a directory; empty where there is no directory.
    pub(super) fn names(&self, path: &str) -> Result<Vec<String>, Error> {
        let Some(node) = self.find(path)?.filter(|node| node.kind == FileKind::Directory) else {
            return Ok(Vec::new());
        };
        let names = listed(self.0, &node, Path::new(path))?;
        Ok(names.into_iter().filter_map(|(name, _)| name.into_string().ok()).collect())
    }
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
    }
}
