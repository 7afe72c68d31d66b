//! A file that is there whole or not at all, whenever the power goes.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{FlockOperation, Mode};
use rustix::io::Errno;

use super::dir::{Dir, checked};

/// Begins the names of files that are being written.
const NEW: &str = ".piprov-new-";

impl Dir {
    /// Puts a file with these bytes and this mode in the place of what has that name. Whoever opens it finds the old
    /// one or the new one, also after the power went; when this returns, it is the new one.
    ///
    /// # Errors
    /// What the system says; then the old one is there. [`io::ErrorKind::IsADirectory`] where a directory has the
    /// name.
    pub fn replace(&self, name: impl AsRef<OsStr>, bytes: &[u8], mode: u32) -> io::Result<()> {
        let name = checked(name.as_ref())?;
        let (file, temporary) = self.begin(mode)?;
        let written = fill(file, bytes, mode).and_then(|_lock| Ok(self.rename(&temporary, self, name)?));
        if let Err(error) = written {
            let _ = self.unlink(&temporary);
            return Err(error);
        }
        self.sync()
    }

    /// As [`Self::replace`], but only where nothing has the name.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::AlreadyExists`].
    pub fn put_new(&self, name: impl AsRef<OsStr>, bytes: &[u8], mode: u32) -> io::Result<()> {
        let name = checked(name.as_ref())?;
        let (file, temporary) = self.begin(mode)?;
        let written =
            fill(file, bytes, mode).and_then(|_lock| match self.rename_new(&temporary, self, name) {
                // A file system without that call, such as NFS: a second name, which can't replace anything either.
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                    rustix::fs::linkat(self, &temporary, self, name, rustix::fs::AtFlags::empty())?;
                    Ok(self.unlink(&temporary)?)
                }
                other => Ok(other?),
            });
        if let Err(error) = written {
            let _ = self.unlink(&temporary);
            return Err(error);
        }
        self.sync()
    }

    /// Brings the names in it to the disk, where the file system has a way to.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> io::Result<()> {
        match rustix::fs::fsync(self) {
            // Some file systems can't sync a directory.
            Ok(()) | Err(Errno::INVAL | Errno::BADF | Errno::ROFS) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes what [`Self::replace`] left behind where its process was killed. What another process is writing
    /// stays.
    ///
    /// # Errors
    /// What the system says.
    pub fn sweep(&self) -> io::Result<()> {
        for name in self.names()? {
            if !name.as_bytes().starts_with(NEW.as_bytes()) {
                continue;
            }
            let Ok(file) = self.file(&name) else { continue };
            if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                self.unlink(&name)?;
            }
        }
        Ok(())
    }

    fn begin(&self, mode: u32) -> io::Result<(File, OsString)> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = OsString::from(format!("{NEW}{}-{count}", std::process::id()));
            // Not more than it will have: a secret is never readable, not even for a moment.
            match self.create(&name, mode & 0o600) {
                Err(Errno::EXIST) => {}
                created => return Ok((created?, name)),
            }
        }
    }
}

/// Gives the file back, because its lock tells others that it is being written.
fn fill(mut file: File, bytes: &[u8], mode: u32) -> io::Result<File> {
    // Where a file system has no locks, nobody sweeps either.
    let _ = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
    file.write_all(bytes)?;
    match rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)) {
        // FAT has no modes.
        Ok(()) | Err(Errno::PERM | Errno::OPNOTSUPP) => {}
        Err(error) => return Err(error.into()),
    }
    file.sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let at = Dir::open(dir.path()).unwrap();
        at.replace("a", b"one", 0o644).unwrap();
        at.replace("a", b"two", 0o600).unwrap();
        assert_eq!(at.read("a", 10).unwrap(), b"two");
        let mode = std::fs::metadata(dir.path().join("a")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert_eq!(at.put_new("a", b"three", 0o644).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        at.put_new("b", b"three", 0o644).unwrap();
        std::fs::create_dir(dir.path().join("c")).unwrap();
        assert!(at.replace("c", b"", 0o644).is_err());
        assert!(at.replace("../x", b"", 0o644).is_err());
        assert_eq!(at.names().unwrap(), ["a", "b", "c"]);
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let at = Dir::open(dir.path()).unwrap();
        at.replace("secret", b"secret", 0o600).unwrap();
        at.symlink("a", "secret").unwrap();
        at.replace("a", b"mine", 0o644).unwrap();
        assert_eq!(at.read("secret", 10).unwrap(), b"secret");
        assert_eq!(at.read("a", 10).unwrap(), b"mine");
    }

    #[test]
    fn leftovers_are_swept_but_not_what_is_being_written() {
        let dir = tempfile::tempdir().unwrap();
        let at = Dir::open(dir.path()).unwrap();
        let (file, writing) = at.begin(0o644).unwrap();
        let _lock = fill(file, b"half", 0o644).unwrap();
        drop(at.begin(0o644).unwrap());
        at.replace("kept", b"", 0o644).unwrap();
        at.sweep().unwrap();
        assert_eq!(at.names().unwrap(), [writing, "kept".into()]);
    }
}
