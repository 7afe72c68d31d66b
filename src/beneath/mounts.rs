//! What is mounted where, as the kernel tells it.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Dir;

impl Dir {
    /// A mount point at or below `name` in it, if there is one. [`Self::remove_tree`] stops at one anyhow; this says it
    /// before anything is removed.
    ///
    /// # Errors
    /// What reading `/proc` ends with.
    pub fn mounted_below(&self, name: impl AsRef<OsStr>) -> io::Result<Option<PathBuf>> {
        use std::os::fd::AsFd;
        let here = std::fs::read_link(super::item::itself(self.as_fd()))?;
        mounted_below(&here.join(super::dir::checked(name.as_ref())?))
    }
}

/// A mount point at or below a path without links, if there is one: bind mounts are of the same device, so the
/// kernel's own list is asked.
///
/// # Errors
/// What reading `/proc` ends with.
pub fn mounted_below(path: &Path) -> io::Result<Option<PathBuf>> {
    // The last one that was mounted lies above the others.
    let last = mounts()?.into_iter().rfind(|mount| mount.place.starts_with(path));
    Ok(last.map(|mount| mount.place))
}

/// A file system, or a part of one, at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The number of the file system: that of its device, the same for all that is mounted of it.
    pub device: Vec<u8>,
    /// Which directory of the file system is seen there; `/` for all of it.
    pub part: PathBuf,
    /// Where.
    pub place: PathBuf,
}

/// What a path without links lies in.
///
/// # Errors
/// What reading `/proc` ends with.
pub fn mount_of(path: &Path) -> io::Result<Option<Mount>> {
    let around = mounts()?.into_iter().filter(|mount| path.starts_with(&mount.place));
    // Of two at one place the later one is seen.
    let mut found: Option<Mount> = None;
    for mount in around {
        let deeper = |found: &Mount| mount.place.components().count() >= found.place.components().count();
        if found.as_ref().is_none_or(deeper) {
            found = Some(mount);
        }
    }
    Ok(found)
}

/// All mounts, in the order in which they were made (proc_pid_mountinfo(5)).
fn mounts() -> io::Result<Vec<Mount>> {
    let text = std::fs::read("/proc/self/mountinfo")?;
    let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(&unescape(bytes)));
    let mounts = text.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut words = line.split(|byte| *byte == b' ').skip(2);
        Some(Mount { device: words.next()?.to_vec(), part: path(words.next()?), place: path(words.next()?) })
    });
    Ok(mounts.collect())
}

/// Blanks stand as octal numbers there, and in fstab and exports.
#[must_use]
pub fn unescape(text: &[u8]) -> Vec<u8> {
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
    use super::*;

    #[test]
    fn mount_points_are_read() {
        assert_eq!(unescape(b"/a\\040b\\x"), b"/a b\\x");
        assert_eq!(mounted_below(Path::new("/usr/bin")).unwrap(), None);
        assert!(mounted_below(Path::new("/")).unwrap().is_some());
        let proc = mount_of(Path::new("/proc/self")).unwrap().unwrap();
        assert!(proc.place == Path::new("/proc") && proc.part == Path::new("/"), "{proc:?}");
        let top = mount_of(Path::new("/nonexistent")).unwrap().unwrap();
        assert!(top.place == Path::new("/") && top.device != proc.device);
        let root = Dir::open(Path::new("/")).unwrap();
        assert!(
            root.mounted_below("proc").unwrap().is_some() && root.mounted_below("usr").unwrap().is_none()
        );
        assert!(root.mounted_below("..").is_err());
    }
}
