//! The directories on this host that clients lie in: made, entered and emptied without following what somebody may have
//! put below them.

use std::ffi::OsString;
use std::path::Path;

use rustix::io::Errno;

use super::Error;
use crate::beneath::{Dir, NotRemoved};
use crate::error::{Action, remedy};

/// The directory around a path, which the user or a record names, and the path's own name in it.
pub(super) fn around(path: &Path) -> Result<(Dir, OsString), Error> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::os("opening", path)(Errno::INVAL));
    };
    let parent = here(parent);
    Ok((Dir::open(parent).map_err(Error::os("opening", parent))?, name.to_owned()))
}

/// What is around a path of one name is where piprov runs.
fn here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

/// Opens a directory; makes it with this mode where it is missing, and those above it so that everybody can enter.
pub(super) fn make(path: &Path, mode: u32) -> Result<Dir, Error> {
    match Dir::open(here(path)) {
        Err(Errno::NOENT) => {}
        other => return other.map_err(Error::os("opening", path)),
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::os("making", path)(Errno::INVAL));
    };
    let (dir, _) = make(parent, 0o755)?.make(name, mode).map_err(Error::os("making", path))?;
    Ok(dir)
}

/// Removes whatever has a path, without leaving its file system or following a link. What is mounted in it stays, and is
/// an error.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    let (dir, name) = match around(path) {
        Err(gone) if gone.is_gone() => return Ok(()),
        other => other?,
    };
    let mounted = |place: &Path| Error::Cannot {
        what: format!("{} is mounted in what is to be removed", place.display()).into(),
        hint: remedy![Action::host_as_root("umount").arg(place.display()), ", then again"],
    };
    if let Some(place) = dir.mounted_below(&name).map_err(Error::os("reading", Path::new("/proc")))? {
        return Err(mounted(&place));
    }
    dir.remove_tree(&name).map_err(|error| match error {
        NotRemoved::Mounted { path } => mounted(&path),
        NotRemoved::Os { path, source } => Error::os("removing", &path)(source),
    })
}

/// Removes a directory if nothing is in it. Somebody's files may be in it by now.
pub(super) fn remove_empty(path: &Path) {
    if let Ok((dir, name)) = around(path) {
        let _ = dir.rmdir(name);
    }
}

/// Refuses a directory for clients that users of this host can look into: programs with setuid, device nodes and
/// private keys of a client are not for them. One that is missing is fine; it is made for root alone.
pub(super) fn private(path: &Path) -> Result<(), Error> {
    match exposed(path)? {
        None => Ok(()),
        Some(why) => Err(Error::Exposed { path: path.to_owned(), why }),
    }
}

/// Why users of this host can look into a directory, if they can.
pub(super) fn exposed(path: &Path) -> Result<Option<String>, Error> {
    let dir = match Dir::open(path) {
        Err(Errno::NOENT) => return Ok(None),
        other => other.map_err(Error::os("opening", path))?,
    };
    let stat = rustix::fs::fstat(&dir).map_err(Error::os("looking at", path))?;
    Ok(if stat.st_uid != 0 {
        Some(format!("belongs to user {}", stat.st_uid))
    } else if stat.st_mode & 0o077 != 0 {
        Some(format!("has mode {:04o}", stat.st_mode & 0o7777))
    } else {
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    #[test]
    fn what_is_made_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        make(&at("srv/clients"), 0o700).unwrap();
        let mode = |path: &str| std::fs::metadata(at(path)).unwrap().mode() & 0o777;
        assert_eq!((mode("srv"), mode("srv/clients")), (0o755, 0o700));
        std::fs::create_dir(at("outside")).unwrap();
        symlink(at("outside"), at("srv/clients/link")).unwrap();
        remove(&at("srv/clients")).unwrap();
        remove(&at("srv/clients")).unwrap();
        remove(&at("none/clients")).unwrap();
        assert!(at("outside").exists() && !at("srv/clients").exists());
        remove_empty(dir.path());
        remove_empty(&at("srv"));
        assert!(!at("srv").exists() && at("outside").exists());
        assert!(make(Path::new(""), 0o700).is_ok() && around(Path::new("one-name")).is_ok());
        assert!(remove(Path::new("/")).is_err() && make(&at("outside/.."), 0o700).is_ok());
        let error = remove(Path::new("/proc")).unwrap_err().to_string();
        assert!(error.contains("is mounted"), "{error}");
    }

    #[test]
    fn what_others_can_look_into_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o700)).unwrap();
        assert!(private(&dir.path().join("none")).is_ok() && private(dir.path()).is_ok());
        for mode in [0o755, 0o710, 0o701, 0o1777, 0o770] {
            std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(mode)).unwrap();
            let error = private(dir.path()).unwrap_err().to_string();
            assert!(error.contains(&format!("{mode:04o}")), "{error}");
        }
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o700)).unwrap();
        std::os::unix::fs::chown(dir.path(), Some(1000), None).unwrap();
        assert!(private(dir.path()).unwrap_err().to_string().contains("belongs to user 1000"));
    }
}
