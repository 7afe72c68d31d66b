//! A folder as a source of content, for reading only.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::content::WholeFile;
use super::error::Error;
use super::packet::{Code, Direction};
use super::source::{Answer, Refusal, Request, Source};

/// Serves the regular files below a folder. Requests can't leave it:
///
/// - slashes in front are dropped, as many clients write them: `/boot/x` is `boot/x` below the folder;
/// - `..`, backslashes and control bytes are refused;
/// - symbolic links are followed as long as they stay inside (the kernel sees to it: `openat2` with
///   `RESOLVE_BENEATH`, Linux 5.6); absolute ones are refused. Where that call is missing or forbidden no link is
///   followed at all.
#[derive(Debug)]
pub struct DirSource {
    root: OwnedFd,
    path: PathBuf,
}

impl DirSource {
    /// Opens the folder; it stays the same one even if it is renamed later.
    ///
    /// # Errors
    /// [`Error::Root`] where it can't be opened or is no folder.
    pub fn new(root: impl AsRef<Path>) -> Result<Self, Error> {
        let path = root.as_ref().to_owned();
        match rustix::fs::open(&path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(root) => Ok(Self { root, path }),
            Err(errno) => Err(Error::Root { root: path, source: errno.into() }),
        }
    }

    /// The folder, as it was named.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.path
    }

    /// Opens what a request names.
    ///
    /// # Errors
    /// What the client is told.
    pub fn find(&self, path: &[u8]) -> Result<WholeFile, Refusal> {
        let path = relative(path)?;
        let file = beneath(&self.root, path).map_err(refusal)?;
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

/// Takes the slashes off the front, and refuses what could mean something else than a name below the folder.
pub(crate) fn relative(path: &[u8]) -> Result<&[u8], Refusal> {
    if path.iter().any(|byte| byte.is_ascii_control()) {
        return Err(refuse(Code::ACCESS, "the path has control bytes"));
    }
    if path.contains(&b'\\') {
        return Err(refuse(Code::ACCESS, "the path has a backslash; folders are separated by /"));
    }
    if path.split(|byte| *byte == b'/').any(|part| part == b"..") {
        return Err(refuse(Code::ACCESS, "the path has a .. in it"));
    }
    let start = path.iter().position(|byte| *byte != b'/').unwrap_or(path.len());
    if start == path.len() {
        return Err(refuse(Code::NOT_FOUND, "the path names no file"));
    }
    Ok(&path[start..])
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

/// NONBLOCK: opening a pipe doesn't wait for its writer. NOCTTY: opening a terminal doesn't take it over.
pub(crate) const FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

pub(crate) fn beneath(root: &OwnedFd, path: &[u8]) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    // AGAIN: something was renamed while the kernel looked for `..`; it asks to be asked again.
    for _ in 0..8 {
        match rustix::fs::openat2(root, path, FLAGS, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            // Not there, or forbidden by a sandbox. The latter looks like a file that may not be read; walking
            // then says the same again.
            Err(Errno::NOSYS | Errno::PERM) => return walk(root, path),
            other => return other,
        }
    }
    Err(Errno::AGAIN)
}

/// Opens one component after the other and follows no link.
fn walk(root: &OwnedFd, path: &[u8]) -> Result<OwnedFd, Errno> {
    let mut parts =
        path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").peekable();
    let mut at: Option<OwnedFd> = None;
    while let Some(part) = parts.next() {
        let dir = at.as_ref().unwrap_or(root);
        // Without this a link in the middle is told as "not a directory".
        let stat = rustix::fs::statat(dir, part, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
            return Err(Errno::LOOP);
        }
        let flags = FLAGS | OFlags::NOFOLLOW;
        let flags = if parts.peek().is_some() { flags | OFlags::DIRECTORY } else { flags };
        at = Some(rustix::fs::openat(dir, part, flags, Mode::empty())?);
    }
    at.ok_or(Errno::NOENT)
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
    fn without_the_kernels_help_no_link_is_followed() {
        let (_keep, source) = folder();
        let open = |path: &[u8]| walk(&source.root, path).map(|_| ());
        assert_eq!(open(b"a"), Ok(()));
        assert_eq!(open(b"sub//./b"), Ok(()));
        for path in [&b"sub/in"[..], b"sub/out", b"abs", b"up/secret", b"magic/etc/passwd", b"loop"] {
            assert_eq!(open(path), Err(Errno::LOOP), "{path:?}");
        }
        assert_eq!(open(b"nope"), Err(Errno::NOENT));
        assert_eq!(open(b"a/b"), Err(Errno::NOTDIR));
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
