//! A file that is there whole or not at all, whenever the power goes or the process is killed.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{FileType, FlockOperation, OFlags};
use rustix::io::Errno;

use super::dir::{Dir, checked};
use super::{Item, regular};

/// Begins the names of files that are being written.
const NEW: &str = ".piprov-new-";
/// How many names of a directory are looked at for what was left behind: others may have filled it.
const MOST: usize = 1 << 16;

/// Which users may do what with a new file. A file system without modes gives its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// This mode, whatever the umask is.
    Mode(u32),
    /// This mode without what the umask takes away, as an ordinary new file has it.
    Usual(u32),
    /// Mode and owner of the file that is replaced; this mode where there is no such file.
    AsBefore(u32),
    /// This mode; where root writes it into another user's directory it is that user's, who has to read it.
    OfDirectory(u32),
}

/// A file that is being written and has no place yet. If it doesn't get one, nothing is left; if its process is
/// killed, the next one that opens the directory and makes a new file takes what is left away.
#[derive(Debug)]
pub struct NewFile<'a> {
    // Dropped first, while the file is still locked.
    temporary: Temporary<'a>,
    file: File,
    name: OsString,
    access: Access,
}

/// A name that goes, unless the file was moved to another one.
#[derive(Debug)]
struct Temporary<'a> {
    dir: &'a Dir,
    name: OsString,
    moved: bool,
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.moved {
            // Whatever can't be removed is swept by the next one.
            let _ = self.dir.unlink(&self.name);
        }
    }
}

impl NewFile<'_> {
    /// The file, empty at first, for writing and reading.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Opens it a second time, for reading.
    ///
    /// # Errors
    /// What the system says.
    pub fn reopen(&self) -> io::Result<File> {
        self.temporary.dir.file(&self.temporary.name)
    }

    /// Brings it to the disk and puts it in the place of what has its name. A program that opens it finds the old one
    /// or the new one, also after the power went; when this returns, it is the new one. A link in its place is replaced
    /// itself.
    ///
    /// # Errors
    /// What the system says; a directory stays.
    pub fn replace(self) -> io::Result<File> {
        self.settle(|dir, temporary, name| dir.rename(temporary, dir, name))
    }

    /// As [`Self::replace`], but only where nothing has its name.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::AlreadyExists`].
    pub fn put(self) -> io::Result<File> {
        self.settle(|dir, temporary, name| match dir.rename_new(temporary, dir, name) {
            // NFS can't rename that way. A second name, too, is only given where the name is free.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                dir.link(temporary, dir, name)?;
                dir.unlink(temporary)
            }
            done => done,
        })
    }

    fn settle(mut self, into: impl FnOnce(&Dir, &OsStr, &OsStr) -> Result<(), Errno>) -> io::Result<File> {
        let dir = self.temporary.dir;
        self.give_access()?;
        self.file.sync_all()?;
        into(dir, &self.temporary.name, &self.name)?;
        self.temporary.moved = true;
        // It is nobody's temporary file any more.
        let _ = rustix::fs::flock(&self.file, FlockOperation::Unlock);
        dir.sync()?;
        Ok(self.file)
    }

    fn give_access(&self) -> io::Result<()> {
        let mode = match self.access {
            Access::Usual(_) => return Ok(()),
            Access::Mode(mode) => mode,
            Access::OfDirectory(mode) => {
                own_as(&self.file, self.temporary.dir)?;
                mode
            }
            Access::AsBefore(mode) => match self.temporary.dir.stat(&self.name)? {
                Some(old) if FileType::from_raw_mode(old.st_mode) == FileType::RegularFile => {
                    let new = rustix::fs::fstat(&self.file)?;
                    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid) {
                        Item::Open(self.file.as_fd()).set_owner(old.st_uid, old.st_gid)?;
                    }
                    old.st_mode & 0o7777
                }
                _ => mode,
            },
        };
        // After the owner: a change of owner may clear bits.
        Ok(Item::Open(self.file.as_fd()).give_mode(mode)?)
    }
}

/// Gives a file that was just made to the owner of its directory, where root made it there for somebody else: a program that
/// runs as that user has to open it.
///
/// # Errors
/// What the system says.
pub fn own_as(file: impl AsFd, dir: impl AsFd) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let (of, file) = (rustix::fs::fstat(dir)?, file.as_fd());
    Ok(Item::Open(file).set_owner(of.st_uid, of.st_gid)?)
}

/// Opens a regular file that a service keeps, to read and write, or makes it. Where root does it for a service that runs as
/// another user, it is that user's, and no link of that user's is followed. What is no regular file isn't waited for.
///
/// # Errors
/// What the system says; [`io::ErrorKind::InvalidInput`] for what is no regular file.
pub fn own_file(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(mode);
    match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let is_others = rustix::process::geteuid().is_root() && std::fs::metadata(dir)?.uid() != 0;
            let links = if is_others { OFlags::NOFOLLOW } else { OFlags::empty() };
            options.custom_flags((OFlags::NONBLOCK | links).bits().cast_signed());
            regular(options.create(true).truncate(false).open(path)?.into())
        }
        made => {
            let (file, (dir, _)) = (made?, place_of(path)?);
            own_as(&file, &dir).map(|()| file)
        }
    }
}

/// Opens the directory that a path lies in, following links on the way, and gives its name there, which is not looked
/// at.
///
/// # Errors
/// What the system says; [`io::ErrorKind::InvalidInput`] for a path that ends in no name, as `/` and `..`.
pub fn place_of(path: &Path) -> io::Result<(Dir, OsString)> {
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no name of a file"));
    };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((Dir::open(dir)?, name.to_owned()))
}

impl Dir {
    /// Begins a file that gets the name `name` when it is written: by [`NewFile::replace`], or by [`NewFile::put`]. What
    /// runs that were killed here left behind goes, the first time that this directory is asked for a new file.
    ///
    /// # Errors
    /// What the system says.
    pub fn new_file(&self, name: impl AsRef<OsStr>, access: Access) -> io::Result<NewFile<'_>> {
        let name = checked(name.as_ref())?.to_owned();
        if !self.swept.swap(true, Ordering::Relaxed) {
            // What can't be removed, as somebody else's in a directory for everybody, is in nobody's way.
            let _ = self.sweep();
        }
        let (file, temporary) = self.begin(match access {
            Access::Usual(mode) => mode,
            // Not more than it will have: a secret is never readable, not even for a moment.
            Access::Mode(mode) | Access::AsBefore(mode) | Access::OfDirectory(mode) => mode & 0o600,
        })?;
        let temporary = Temporary { dir: self, name: temporary, moved: false };
        Ok(NewFile { temporary, file, name, access })
    }

    /// Puts a file with these bytes in the place of what has that name, as [`NewFile::replace`] does.
    ///
    /// # Errors
    /// What the system says; then the old one is there, and a directory stays.
    pub fn replace_file(&self, name: impl AsRef<OsStr>, bytes: &[u8], access: Access) -> io::Result<()> {
        let new = self.new_file(name, access)?;
        new.file().write_all(bytes)?;
        new.replace().map(drop)
    }

    /// Removes a file, durably, and what killed runs left here. It is no error where there is no file.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove_file(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        self.unlink(name)?;
        let _ = self.sweep();
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

    /// Removes the new files of processes that were killed. What another process is writing stays.
    ///
    /// # Errors
    /// What the system says.
    pub fn sweep(&self) -> io::Result<()> {
        let mut left = Vec::new();
        for entry in rustix::fs::Dir::read_from(self)?.take(MOST) {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name.starts_with(NEW.as_bytes()) {
                left.push(OsStr::from_bytes(name).to_owned());
            }
        }
        for name in left {
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
            let file = match self.create(&name, mode) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    fn lab() -> (tempfile::TempDir, Dir) {
        let dir = tempfile::tempdir().unwrap();
        let at = Dir::open(dir.path()).unwrap();
        (dir, at)
    }

    fn mode(dir: &tempfile::TempDir, name: &str) -> u32 {
        std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_behind() {
        let (dir, at) = lab();
        at.replace_file("a", b"one", Access::Mode(0o644)).unwrap();
        at.replace_file("a", b"two", Access::Mode(0o600)).unwrap();
        assert_eq!(at.read("a", 10).unwrap(), b"two");
        assert_eq!(mode(&dir, "a"), 0o600);
        at.replace_file("b", b"three", Access::Mode(0o644)).unwrap();
        std::fs::create_dir(dir.path().join("c")).unwrap();
        assert!(at.replace_file("c", b"", Access::Mode(0o644)).is_err());
        assert!(at.replace_file("../x", b"", Access::Mode(0o644)).is_err());
        assert_eq!(at.names().unwrap(), ["a", "b", "c"]);
    }

    #[test]
    fn what_root_makes_in_the_directory_of_another_user_is_that_users() {
        let (dir, at) = lab();
        std::os::unix::fs::chown(dir.path(), Some(4711), Some(4712)).unwrap();
        at.replace_file("own", b"key", Access::OfDirectory(0o600)).unwrap();
        at.replace_file("roots", b"key", Access::Mode(0o600)).unwrap();
        let owner = |name: &str| {
            let found = std::fs::metadata(dir.path().join(name)).unwrap();
            (found.uid(), found.gid())
        };
        assert_eq!((owner("own"), mode(&dir, "own")), ((4711, 4712), 0o600));
        assert_eq!(owner("roots"), (0, 0));
        // Who owns the directory can put a link there: what it leads to stays whose it was.
        let other = dir.path().join("roots");
        std::os::unix::fs::symlink(&other, dir.path().join("link")).unwrap();
        at.replace_file("link", b"key", Access::OfDirectory(0o600)).unwrap();
        assert_eq!((owner("link"), owner("roots")), ((4711, 4712), (0, 0)));
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let (_dir, at) = lab();
        at.replace_file("secret", b"secret", Access::Mode(0o600)).unwrap();
        at.symlink("a", "secret").unwrap();
        at.replace_file("a", b"mine", Access::AsBefore(0o644)).unwrap();
        assert_eq!(at.read("secret", 10).unwrap(), b"secret");
        assert_eq!(at.read("a", 10).unwrap(), b"mine");
        at.symlink("b", "nowhere").unwrap();
        let new = at.new_file("b", Access::Mode(0o644)).unwrap();
        assert_eq!(new.put().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(at.target("b").unwrap(), "nowhere");
    }

    #[test]
    fn nothing_is_replaced_that_came_meanwhile() {
        let (_dir, at) = lab();
        let new = at.new_file("a", Access::Mode(0o644)).unwrap();
        new.file().write_all(b"mine").unwrap();
        at.replace_file("a", b"theirs", Access::Mode(0o644)).unwrap();
        assert_eq!(new.put().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(at.read("a", 10).unwrap(), b"theirs");
        let new = at.new_file("b", Access::Mode(0o644)).unwrap();
        new.file().write_all(b"mine").unwrap();
        new.put().unwrap();
        assert_eq!(at.read("b", 10).unwrap(), b"mine");
        assert_eq!(at.names().unwrap(), ["a", "b"]);
    }

    #[test]
    fn a_file_that_gets_no_place_is_gone_and_the_old_one_stays() {
        let (_dir, at) = lab();
        at.replace_file("a", b"old", Access::Mode(0o644)).unwrap();
        let new = at.new_file("a", Access::Mode(0o644)).unwrap();
        new.file().write_all(b"new").unwrap();
        let mut again = new.reopen().unwrap();
        assert_eq!(io::read_to_string(&mut again).unwrap(), "new");
        drop(new);
        assert_eq!(at.read("a", 10).unwrap(), b"old");
        assert_eq!(at.names().unwrap(), ["a"]);
    }

    #[test]
    fn who_may_do_what_is_as_was_said() {
        let (dir, at) = lab();
        let path = dir.path().join("a");
        at.replace_file("a", b"", Access::AsBefore(0o640)).unwrap();
        assert_eq!(mode(&dir, "a"), 0o640);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o604)).unwrap();
        let root = rustix::process::geteuid().is_root();
        if root {
            std::os::unix::fs::chown(&path, Some(4711), Some(4712)).unwrap();
        }
        at.replace_file("a", b"", Access::AsBefore(0o640)).unwrap();
        assert_eq!(mode(&dir, "a"), 0o604);
        if root {
            let there = std::fs::metadata(&path).unwrap();
            assert_eq!((there.uid(), there.gid()), (4711, 4712));
        }
        // What the umask leaves is what any new file has.
        at.create("usual", 0o666).unwrap();
        at.replace_file("a", b"", Access::Usual(0o666)).unwrap();
        assert_eq!(mode(&dir, "a"), mode(&dir, "usual"));
    }

    #[test]
    fn leftovers_are_swept_but_not_what_is_being_written() {
        let (_dir, at) = lab();
        let writing = at.new_file("a", Access::Mode(0o644)).unwrap();
        let name = writing.temporary.name.clone();
        drop(at.begin(0o644).unwrap());
        // A program that another test starts holds a copy of the lock until it has begun.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while at.names().unwrap().len() > 1 && std::time::Instant::now() < deadline {
            at.sweep().unwrap();
        }
        assert_eq!(at.names().unwrap(), [name]);
        writing.replace().unwrap();
        at.remove_file("a").unwrap();
        at.remove_file("a").unwrap();
        assert!(at.names().unwrap().is_empty());
    }

    #[test]
    fn what_others_planted_under_such_names_is_neither_followed_nor_waited_for() {
        let (dir, at) = lab();
        at.replace_file("secret", b"secret", Access::Mode(0o600)).unwrap();
        at.symlink(".piprov-new-1", "secret").unwrap();
        at.make(".piprov-new-2", 0o700).unwrap();
        at.node(".piprov-new-3", FileType::Fifo, 0).unwrap();
        at.symlink(".piprov-new-4", "/dev/zero").unwrap();
        at.replace_file("a", b"mine", Access::Mode(0o644)).unwrap();
        assert_eq!(at.read("secret", 10).unwrap(), b"secret");
        assert_eq!(at.names().unwrap().len(), 6);
        // Also its next names.
        let next =
            at.new_file("b", Access::Mode(0o644)).unwrap().temporary.name.clone().into_string().unwrap();
        let (begin, number) = next.rsplit_once('-').unwrap();
        for more in 1..50 {
            let name = format!("{begin}-{}", number.parse::<u32>().unwrap() + more);
            at.symlink(name, "secret").unwrap();
        }
        at.replace_file("b", b"mine", Access::Mode(0o644)).unwrap();
        assert_eq!(std::fs::read(dir.path().join("secret")).unwrap(), b"secret");
        assert_eq!(
            (at.read("a", 10).unwrap(), at.read("b", 10).unwrap()),
            (b"mine".to_vec(), b"mine".to_vec())
        );
    }

    #[test]
    fn a_placed_file_is_locked_no_more() {
        let (_dir, at) = lab();
        let file = at.new_file("a", Access::Mode(0o644)).unwrap().replace().unwrap();
        let other = at.file("a").unwrap();
        rustix::fs::flock(&other, FlockOperation::NonBlockingLockExclusive).unwrap();
        drop(file);
    }

    #[test]
    fn a_path_is_a_directory_and_a_name() {
        let (dir, _at) = lab();
        let (at, name) = place_of(&dir.path().join("new")).unwrap();
        assert_eq!((at.path(), name.as_os_str()), (dir.path(), OsStr::new("new")));
        assert_eq!(place_of(Path::new("new")).unwrap().0.path(), Path::new("."));
        for bad in ["/", "", "..", "a/.."] {
            assert_eq!(place_of(Path::new(bad)).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{bad}");
        }
        assert!(place_of(&dir.path().join("missing/new")).is_err());
    }
}
