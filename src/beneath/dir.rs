//! One directory, held open.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{DIRECTORY, Item, Links, PLACE, READ, is_name, open, read_bounded, read_place};

/// A directory that is held open. It stays the same one, whatever is renamed or linked in its place later.
///
/// Methods take either one `name` in it, which must be [`is_name`] ([`Errno::INVAL`] otherwise), or a path `below` it.
/// None of them follows a symbolic link unless it says so.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    path: PathBuf,
    /// What killed runs left here was looked for. Once is enough: it reads all names.
    pub(super) swept: AtomicBool,
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Dir {
    /// Opens a directory that the user, or a setting, names; here links are followed.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> Result<Self, Errno> {
        Ok(Self {
            fd: rustix::fs::open(path, DIRECTORY, Mode::empty())?,
            path: path.to_owned(),
            swept: AtomicBool::default(),
        })
    }

    /// As [`Self::open`], but a link in the directory's own place is [`Errno::LOOP`]: for a directory that is changed or
    /// emptied, which a user that may rename entries beside it must not choose. Links on the way to it are followed.
    ///
    /// # Errors
    /// What the system says.
    pub fn open_itself(path: &Path) -> Result<Self, Errno> {
        // A slash or a dot at the end would have a link followed.
        let plain: PathBuf = path.components().collect();
        match rustix::fs::open(&plain, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(fd) => Ok(Self { fd, path: path.to_owned(), swept: AtomicBool::default() }),
            Err(Errno::NOTDIR) => match rustix::fs::lstat(&plain) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink => Err(Errno::LOOP),
                _ => Err(Errno::NOTDIR),
            },
            Err(error) => Err(error),
        }
    }

    /// A directory that is open already; `path` is what messages call it.
    #[must_use]
    pub fn from_fd(fd: OwnedFd, path: PathBuf) -> Self {
        Self { fd, path, swept: AtomicBool::default() }
    }

    /// As it was named, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What messages call something below it.
    #[must_use]
    pub fn at(&self, below: impl AsRef<Path>) -> PathBuf {
        let below = below.as_ref();
        // An absolute path would take the place of the directory's own.
        self.path.join(below.strip_prefix("/").unwrap_or(below))
    }

    /// A second handle of the same directory.
    ///
    /// # Errors
    /// What the system says.
    pub fn again(&self) -> Result<Self, Errno> {
        Ok(Self {
            fd: rustix::io::fcntl_dupfd_cloexec(&self.fd, 0)?,
            path: self.path.clone(),
            swept: AtomicBool::default(),
        })
    }

    /// Opens a directory below it.
    ///
    /// # Errors
    /// What the system says; [`Errno::LOOP`] or [`Errno::NOTDIR`] for a link.
    pub fn dir(&self, below: impl AsRef<Path>) -> Result<Self, Errno> {
        self.dir_by(below, Links::Refuse)
    }

    /// As [`Self::dir`], with links as `links` says.
    ///
    /// # Errors
    /// What the system says.
    pub fn dir_by(&self, below: impl AsRef<Path>, links: Links) -> Result<Self, Errno> {
        let below = below.as_ref();
        Ok(Self {
            fd: open(self, below, DIRECTORY, Mode::empty(), links)?,
            path: self.at(below),
            swept: AtomicBool::default(),
        })
    }

    /// Opens the directory `name` in it; makes it where it isn't there. Says whether it was made.
    ///
    /// # Errors
    /// What the system says; [`Errno::NOTDIR`] where something else has that name.
    pub fn make(&self, name: impl AsRef<OsStr>, mode: u32) -> Result<(Self, bool), Errno> {
        let name = checked(name.as_ref())?;
        let made = match rustix::fs::mkdirat(self, name, Mode::from_raw_mode(mode)) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(error),
        };
        let dir = self.dir(name)?;
        if made {
            // Whatever the umask is.
            Item::Open(dir.as_fd()).give_mode(mode)?;
        }
        Ok((dir, made))
    }

    /// Opens a regular file below it for reading. What is no regular file is [`io::ErrorKind::InvalidInput`], and is
    /// never waited for.
    ///
    /// # Errors
    /// What the system says.
    pub fn file(&self, below: impl AsRef<Path>) -> io::Result<File> {
        self.file_by(below, Links::Refuse)
    }

    /// As [`Self::file`], with links as `links` says.
    ///
    /// # Errors
    /// What the system says.
    pub fn file_by(&self, below: impl AsRef<Path>, links: Links) -> io::Result<File> {
        read_place(open(self, below.as_ref(), PLACE, Mode::empty(), links)?, READ)
    }

    /// Reads all of a regular file below it that has at most `most` bytes.
    ///
    /// # Errors
    /// As [`Self::file`], and [`io::ErrorKind::FileTooLarge`].
    pub fn read(&self, below: impl AsRef<Path>, most: u64) -> io::Result<Vec<u8>> {
        read_bounded(&self.file(below)?, most)
    }

    /// Opens the place below it, whatever is there, a link too: neither read nor written.
    ///
    /// # Errors
    /// What the system says.
    pub fn place(&self, below: impl AsRef<Path>) -> Result<OwnedFd, Errno> {
        open(self, below.as_ref(), PLACE | OFlags::NOFOLLOW, Mode::empty(), Links::Refuse)
    }

    /// What is known of something below it, of a link itself; `None` where there is nothing.
    ///
    /// # Errors
    /// What the system says, but that there is nothing.
    pub fn stat(&self, below: impl AsRef<Path>) -> Result<Option<Stat>, Errno> {
        match self.place(below).and_then(rustix::fs::fstat) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What `name` is; `None` where there is nothing, or it can't be looked at.
    #[must_use]
    pub fn kind(&self, name: impl AsRef<OsStr>) -> Option<FileType> {
        let name = checked(name.as_ref()).ok()?;
        let stat = rustix::fs::statat(self, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(FileType::from_raw_mode(stat.st_mode))
    }

    /// The names in it, in the order of their bytes.
    ///
    /// # Errors
    /// What the system says.
    pub fn names(&self) -> Result<Vec<OsString>, Errno> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(self)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if is_name(name) {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Whether one of its first `most` names is such a one: for a directory that another user may have filled.
    ///
    /// # Errors
    /// What the system says.
    pub fn any_name(&self, most: usize, mut wanted: impl FnMut(&OsStr) -> bool) -> Result<bool, Errno> {
        for entry in rustix::fs::Dir::read_from(self)?.take(most) {
            if wanted(OsStr::from_bytes(entry?.file_name().to_bytes())) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where the link `name` in it leads.
    ///
    /// # Errors
    /// What the system says; [`Errno::INVAL`] for what is no link.
    pub fn target(&self, name: impl AsRef<OsStr>) -> Result<OsString, Errno> {
        use std::os::unix::ffi::OsStringExt;
        let target = rustix::fs::readlinkat(self, checked(name.as_ref())?, Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()))
    }

    /// Makes a new file, for reading and writing.
    ///
    /// # Errors
    /// What the system says; [`Errno::EXIST`] where something has that name, a link too.
    pub fn create(&self, name: impl AsRef<OsStr>, mode: u32) -> Result<File, Errno> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mode = Mode::from_raw_mode(mode);
        Ok(rustix::fs::openat(self, checked(name.as_ref())?, flags, mode)?.into())
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// What the system says; [`Errno::EXIST`] where something has that name.
    pub fn symlink(&self, name: impl AsRef<OsStr>, target: impl AsRef<OsStr>) -> Result<(), Errno> {
        rustix::fs::symlinkat(target.as_ref(), self, checked(name.as_ref())?)
    }

    /// Puts a link in the place of another link or of a file, in one step: a program that looks finds the old one or
    /// the new. Until then it has a name that begins with `temporary`.
    ///
    /// # Errors
    /// What the system says; a directory in its place stays.
    pub fn replace_link(
        &self,
        name: impl AsRef<OsStr>,
        target: impl AsRef<OsStr>,
        temporary: &str,
    ) -> Result<(), Errno> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = format!("{temporary}{}-{count}", std::process::id());
        // Left behind by a process of the same number that was killed.
        self.unlink(&temporary)?;
        self.symlink(&temporary, target)?;
        self.rename(&temporary, self, name).inspect_err(|_| {
            let _ = self.unlink(&temporary);
        })
    }

    /// Makes a device node, a pipe or a socket that only its owner may use, until it gets another mode.
    ///
    /// # Errors
    /// What the system says; [`Errno::EXIST`] where something has that name.
    pub fn node(&self, name: impl AsRef<OsStr>, kind: FileType, device: u64) -> Result<(), Errno> {
        rustix::fs::mknodat(self, checked(name.as_ref())?, kind, Mode::from_raw_mode(0o600), device)
    }

    /// Gives a second name to what has a name in it, of a link to the link itself.
    ///
    /// # Errors
    /// What the system says; [`Errno::EXIST`] where something has that name.
    pub fn link(&self, name: impl AsRef<OsStr>, to: &Self, other: impl AsRef<OsStr>) -> Result<(), Errno> {
        rustix::fs::linkat(self, checked(name.as_ref())?, to, checked(other.as_ref())?, AtFlags::empty())
    }

    /// Moves something into a directory, in the place of what has that name there.
    ///
    /// # Errors
    /// What the system says.
    pub fn rename(&self, name: impl AsRef<OsStr>, to: &Self, other: impl AsRef<OsStr>) -> Result<(), Errno> {
        rustix::fs::renameat(self, checked(name.as_ref())?, to, checked(other.as_ref())?)
    }

    /// As [`Self::rename`], but only where nothing has that name.
    ///
    /// # Errors
    /// What the system says; [`Errno::EXIST`].
    pub fn rename_new(
        &self,
        name: impl AsRef<OsStr>,
        to: &Self,
        other: impl AsRef<OsStr>,
    ) -> Result<(), Errno> {
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        rustix::fs::renameat_with(self, checked(name.as_ref())?, to, checked(other.as_ref())?, flags)
    }

    /// Takes the directory's lock for this handle; it is given up with it, also by a process that is killed.
    ///
    /// # Errors
    /// [`Errno::WOULDBLOCK`] where another handle has it; another error where the file system has no locks.
    pub fn lock(&self) -> Result<(), Errno> {
        rustix::fs::flock(self, FlockOperation::NonBlockingLockExclusive)
    }

    /// As [`Self::lock`], but with any number of other handles that share it.
    ///
    /// # Errors
    /// As [`Self::lock`].
    pub fn share_lock(&self) -> Result<(), Errno> {
        rustix::fs::flock(self, FlockOperation::NonBlockingLockShared)
    }

    /// Brings everything of its file system to the disk, as before a stick is pulled out.
    ///
    /// # Errors
    /// What the system says.
    pub fn flush(&self) -> Result<(), Errno> {
        rustix::fs::syncfs(self)
    }

    /// Free bytes on its file system, for users other than root; `None` where that can't be known.
    #[must_use]
    pub fn free(&self) -> Option<u64> {
        let stat = rustix::fs::fstatvfs(self).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Removes a file or a link; it is no error where there is nothing.
    ///
    /// # Errors
    /// What the system says.
    pub fn unlink(&self, name: impl AsRef<OsStr>) -> Result<(), Errno> {
        fine_if_missing(rustix::fs::unlinkat(self, checked(name.as_ref())?, AtFlags::empty()))
    }

    /// Removes an empty directory; it is no error where there is nothing.
    ///
    /// # Errors
    /// What the system says.
    pub fn rmdir(&self, name: impl AsRef<OsStr>) -> Result<(), Errno> {
        fine_if_missing(rustix::fs::unlinkat(self, checked(name.as_ref())?, AtFlags::REMOVEDIR))
    }
}

fn fine_if_missing(done: Result<(), Errno>) -> Result<(), Errno> {
    match done {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

pub(super) fn checked(name: &OsStr) -> Result<&OsStr, Errno> {
    if is_name(name.as_bytes()) { Ok(name) } else { Err(Errno::INVAL) }
}
