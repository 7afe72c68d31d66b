//! A folder as a source of content, for reading only.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{FileType, Mode};
use rustix::io::Errno;

use super::content::WholeFile;
use super::error::Error;
use super::packet::{Code, Direction};
use super::source::{Answer, Refusal, Request, Source};
use crate::beneath::{self, Dir, Links};

/// Serves the regular files below a folder. Requests can't leave it:
///
/// - slashes in front are dropped, as many clients write them: `/boot/x` is `boot/x` below the folder;
/// - `..`, backslashes and control bytes are refused;
/// - symbolic links are followed as long as they stay inside (the kernel sees to it: `openat2` with
///   `RESOLVE_BENEATH`, Linux 5.6); absolute ones are refused. Where that call is missing or forbidden no link is
///   followed at all.
#[derive(Debug)]
pub struct DirSource {
    root: Dir,
}

impl DirSource {
    /// Opens the folder; it stays the same one even if it is renamed later.
    ///
    /// # Errors
    /// [`Error::Root`] where it can't be opened or is no folder.
    pub fn new(root: impl AsRef<Path>) -> Result<Self, Error> {
        let root = root.as_ref();
        match Dir::open(root) {
            Ok(root) => Ok(Self { root }),
            Err(errno) => Err(Error::Root { root: root.to_owned(), source: errno.into() }),
        }
    }

    /// The folder, as it was named.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Opens what a request names.
    ///
    /// # Errors
    /// What the client is told.
    pub fn find(&self, path: &[u8]) -> Result<WholeFile, Refusal> {
        let path = normal(path)?;
        let path = OsStr::from_bytes(&path);
        whole(beneath::open(&self.root, path, beneath::READ, Mode::empty(), Links::Inside).map_err(refusal)?)
    }
}

impl Source for DirSource {
    fn open(&self, request: &Request<'_>) -> Answer {
        if request.direction == Direction::Write {
            return Answer::denied("this server takes no uploads");
        }
        match self.find(request.path) {
            Ok(file) => Answer::Send(Box::new(file)),
            Err(refusal) => Answer::Refuse(refusal),
        }
    }
}

pub(crate) fn refuse(code: Code, message: impl Into<String>) -> Refusal {
    Refusal { code, message: message.into() }
}

/// What was opened, for sending, if it is a regular file.
pub(crate) fn whole(file: OwnedFd) -> Result<WholeFile, Refusal> {
    match rustix::fs::fstat(&file).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
        Ok(FileType::RegularFile) => {}
        Ok(FileType::Directory) => return Err(refuse(Code::NOT_FOUND, "it is a folder")),
        Ok(_) => return Err(refuse(Code::ACCESS, "it is no regular file")),
        Err(errno) => return Err(refusal(errno)),
    }
    // The kernel reads further ahead; without it nothing is lost but speed.
    let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Sequential);
    WholeFile::new(File::from(file))
        .map_err(|error| refuse(Code::NOT_DEFINED, format!("finding its length: {error}")))
}

/// The one spelling of a path that all others of it have in common: without slashes in front, empty parts and `.`.
/// What could mean something else than a file below the folder is refused.
pub(crate) fn normal(path: &[u8]) -> Result<Vec<u8>, Refusal> {
    if path.iter().any(|byte| byte.is_ascii_control()) {
        return Err(refuse(Code::ACCESS, "the path has control bytes"));
    }
    if path.contains(&b'\\') {
        return Err(refuse(Code::ACCESS, "the path has a backslash; folders are separated by /"));
    }
    let parts = || path.split(|byte| *byte == b'/');
    if parts().any(|part| part == b"..") {
        return Err(refuse(Code::ACCESS, "the path has a .. in it"));
    }
    if parts().next_back().is_none_or(|last| matches!(last, b"" | b".")) {
        return Err(refuse(Code::NOT_FOUND, "the path names no file"));
    }
    Ok(parts().filter(|part| !matches!(*part, b"" | b".")).collect::<Vec<_>>().join(&b'/'))
}

pub(crate) fn refusal(errno: Errno) -> Refusal {
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => refuse(Code::NOT_FOUND, "no such file"),
        Errno::ACCESS | Errno::PERM => refuse(Code::ACCESS, "the server may not read it"),
        Errno::XDEV => refuse(Code::ACCESS, "a link leads out of the served folder"),
        Errno::LOOP => refuse(Code::ACCESS, "a link isn't followed here"),
        // A socket can't be opened at all.
        Errno::NXIO => refuse(Code::ACCESS, "it is no regular file"),
        other => refuse(Code::NOT_DEFINED, format!("opening it: {}", std::io::Error::from(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tftp::source::Content;
    use std::os::unix::fs::symlink;

    fn folder() -> (tempfile::TempDir, DirSource) {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("root");
        std::fs::create_dir_all(root.join("sub")).unwrap();
        std::fs::write(outside.path().join("secret"), "secret").unwrap();
        std::fs::write(root.join("a"), "inside").unwrap();
        std::fs::write(root.join("sub/b"), "deeper").unwrap();
        symlink("../a", root.join("sub/in")).unwrap();
        symlink("../../secret", root.join("sub/out")).unwrap();
        symlink(outside.path().join("secret"), root.join("abs")).unwrap();
        symlink("..", root.join("up")).unwrap();
        symlink("/proc/self/root", root.join("magic")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, root.join("pipe"), FileType::Fifo, Mode::from(0o600), 0)
            .unwrap();
        let source = DirSource::new(&root).unwrap();
        (outside, source)
    }

    fn code(source: &DirSource, path: &[u8]) -> Result<u64, u16> {
        source.find(path).map(|file| file.len()).map_err(|refusal| refusal.code.0)
    }

    #[test]
    fn files_inside_are_found() {
        let (_keep, source) = folder();
        for path in ["a", "/a", "///a", "./a", "sub/b", "sub//b", "/sub/./b", "sub/in"] {
            assert_eq!(code(&source, path.as_bytes()), Ok(6), "{path}");
        }
    }

    #[test]
    fn nothing_outside_is() {
        let (keep, source) = folder();
        let absolute = keep.path().join("secret");
        // An absolute path is one below the root, where there is no such file.
        assert_eq!(code(&source, absolute.as_os_str().as_encoded_bytes()), Err(1));
        for path in [
            "../secret",
            "sub/../../secret",
            "/../secret",
            "sub/..",
            "..",
            "sub/out",
            "abs",
            "up/secret",
            "magic/etc/passwd",
            "loop",
            "..\\secret",
            "sub\\b",
            "a\n",
            "\u{7f}",
            "pipe",
        ] {
            assert_eq!(code(&source, path.as_bytes()), Err(2), "{path:?}");
        }
        for path in ["b", "sub", "sub/", "/", "a/b", "A", &"x".repeat(300)] {
            assert_eq!(code(&source, path.as_bytes()), Err(1), "{path:?}");
        }
        assert_eq!(code(&source, b"\xff\xfe"), Err(1));
    }

    #[test]
    fn a_path_has_one_spelling() {
        for path in ["a/b", "/a/b", "//a//b", "./a/b", "/./a/././/b"] {
            assert_eq!(normal(path.as_bytes()), Ok(b"a/b".to_vec()), "{path}");
        }
        for path in ["", "/", ".", "a/", "a/.", "./", "a//"] {
            assert_eq!(normal(path.as_bytes()).unwrap_err().code, Code::NOT_FOUND, "{path}");
        }
        assert_eq!(normal(b"a/../b").unwrap_err().code, Code::ACCESS);
        assert_eq!(
            normal(b"...a/%2e%2e/b"),
            Ok(b"...a/%2e%2e/b".to_vec()),
            "no other way of writing it counts"
        );
    }

    #[test]
    fn a_root_that_is_none() {
        let error = DirSource::new("/nowhere/at/all").unwrap_err();
        assert!(error.to_string().starts_with("serving /nowhere/at/all: "), "{error}");
        assert!(DirSource::new("/etc/passwd").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_path_leaves_the_folder(path in "[a-z./\\\\\\x00-\\x1f]{0,40}") {
            let dir = tempfile::tempdir().unwrap();
            let source = DirSource::new(dir.path()).unwrap();
            // The folder is empty: whatever is found is outside.
            proptest::prop_assert!(source.find(path.as_bytes()).is_err());
        }
    }
}
