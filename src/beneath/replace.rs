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
    /// one or the new one, also after the power went; when this returns, it is the new one. What a run that was killed
    /// here left behind goes.
    ///
    /// # Errors
    /// What the system says; then the old one is there, and a directory stays.
    pub fn replace_file(&self, name: impl AsRef<OsStr>, bytes: &[u8], mode: u32) -> io::Result<()> {
        let name = checked(name.as_ref())?;
        self.sweep()?;
        let (file, temporary) = self.begin(mode)?;
        let written = fill(file, bytes, mode).and_then(|_lock| Ok(self.rename(&temporary, self, name)?));
        if let Err(error) = written {
            let _ = self.unlink(&temporary);
            return Err(error);
        }
        self.sync()
    }

    /// Removes a file, durably, and what a killed [`Self::replace_file`] left here. That there is none is fine.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove_file(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        self.unlink(name)?;
        self.sweep()?;
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

    /// Removes what [`Self::replace_file`] left behind where its process was killed. What another process is writing
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

    /// A new file, locked, so that others see that it is being written.
    fn begin(&self, mode: u32) -> io::Result<(File, OsString)> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = OsString::from(format!("{NEW}{}-{count}", std::process::id()));
            // Not more than it will have: a secret is never readable, not even for a moment.
            let file = match self.create(&name, mode & 0o600) {
                Err(Errno::EXIST) => continue,
                created => created?,
            };
            // Where a file system has no locks, nobody sweeps either.
            let _ = rustix::fs::flock(&file, FlockOperation::LockExclusive);
            // Somebody may have swept it before it was locked.
            if rustix::fs::fstat(&file)?.st_nlink > 0 {
                return Ok((file, name));
            }
        }
    }
}

/// Gives the file back, because its lock tells others that it is being written.
fn fill(mut file: File, bytes: &[u8], mode: u32) -> io::Result<File> {
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
        at.replace_file("a", b"one", 0o644).unwrap();
        at.replace_file("a", b"two", 0o600).unwrap();
        assert_eq!(at.read("a", 10).unwrap(), b"two");
        let mode = std::fs::metadata(dir.path().join("a")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        at.replace_file("b", b"three", 0o644).unwrap();
        std::fs::create_dir(dir.path().join("c")).unwrap();
        assert!(at.replace_file("c", b"", 0o644).is_err());
        assert!(at.replace_file("../x", b"", 0o644).is_err());
        assert_eq!(at.names().unwrap(), ["a", "b", "c"]);
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let at = Dir::open(dir.path()).unwrap();
        at.replace_file("secret", b"secret", 0o600).unwrap();
        at.symlink("a", "secret").unwrap();
        at.replace_file("a", b"mine", 0o644).unwrap();
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
        at.replace_file("kept", b"", 0o644).unwrap();
        assert_eq!(at.names().unwrap(), [writing.clone(), "kept".into()]);
        drop(at.begin(0o644).unwrap());
        at.remove_file("kept").unwrap();
        at.remove_file("kept").unwrap();
        assert_eq!(at.names().unwrap(), [writing]);
    }
}
