//! Links that are never missing for a moment while they change.

use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// Begins the names of links on their way to their place.
pub(super) const TEMPORARY: &str = ".piprov-";

/// Makes a link where nothing is.
///
/// # Errors
/// `AlreadyExists` where something is, whatever it is.
pub(super) fn create(path: &Path, target: &Path) -> io::Result<()> {
    symlink(target, path)
}

/// Puts a link in the place of another link or of a file, in one step: whoever looks finds the old one or the new.
///
/// # Errors
/// When a directory is in the way.
pub(super) fn replace(path: &Path, target: &Path) -> io::Result<()> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let folder = path.parent().unwrap_or(Path::new(""));
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!("{TEMPORARY}{}-{count}", std::process::id()));
    // Left behind by a process of the same number that was killed.
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(target, &temporary)?;
    std::fs::rename(&temporary, path).inspect_err(|_| {
        let _ = std::fs::remove_file(&temporary);
    })
}

/// Removes a directory with all in it, but nothing that another file system has mounted there.
///
/// # Errors
/// Before anything of a directory that is a mount point is touched.
pub(super) fn remove_tree(path: &Path, device: u64) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::symlink_metadata(path)?;
    if meta.dev() != device {
        return Err(io::Error::new(io::ErrorKind::ResourceBusy, "another file system is mounted there"));
    }
    if !meta.is_dir() {
        return std::fs::remove_file(path);
    }
    for entry in std::fs::read_dir(path)? {
        remove_tree(&entry?.path(), device)?;
    }
    std::fs::remove_dir(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_replaced_in_one_step_however_many_do_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1-1");
        create(&path, Path::new("/a")).unwrap();
        assert_eq!(create(&path, Path::new("/b")).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..200).for_each(|_| replace(&path, Path::new("/b")).unwrap())))
                .collect();
            while !writers.iter().all(|writer| writer.is_finished()) {
                // Never missing.
                std::fs::read_link(&path).unwrap();
            }
        });
        assert_eq!(std::fs::read_link(&path).unwrap(), Path::new("/b"));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_is_not_replaced_and_nothing_is_left_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1-1");
        std::fs::create_dir(&path).unwrap();
        replace(&path, Path::new("/b")).unwrap_err();
        assert!(path.is_dir());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_tree_is_removed_without_following_links() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("outside");
        std::fs::write(&outside, "").unwrap();
        let tree = dir.path().join("tree");
        std::fs::create_dir_all(tree.join("a/b")).unwrap();
        symlink(&outside, tree.join("a/link")).unwrap();
        symlink(dir.path(), tree.join("a/up")).unwrap();
        let device = std::fs::metadata(&tree).unwrap().dev();
        assert!(remove_tree(&tree, device + 1).is_err());
        assert!(tree.join("a/b").is_dir());
        remove_tree(&tree, device).unwrap();
        assert!(!tree.exists() && outside.exists());
    }
}
