//! What belongs to something besides its contents: owner, mode, extended attributes, times. Read and changed through a
//! descriptor, or through the directory that it lies in and its one name. No link is followed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::PLACE;
use super::dir::{Dir, checked};

/// Names of extended attributes with their values.
pub type Attributes = BTreeMap<Vec<u8>, Vec<u8>>;

/// Something that has an owner, a mode, attributes and times.
#[derive(Debug, Clone, Copy)]
pub enum Item<'a> {
    /// What is open for reading or writing.
    Open(BorrowedFd<'a>),
    /// What has this name in the directory; of a link, the link itself.
    Named(&'a Dir, &'a OsStr),
}

impl Item<'_> {
    /// Gives it to a user and a group. This takes setuid and file capabilities away from it.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_owner(self, uid: u32, gid: u32) -> Result<(), Errno> {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        match self {
            Self::Open(fd) => rustix::fs::fchown(fd, uid, gid),
            Self::Named(dir, name) => {
                rustix::fs::chownat(dir, checked(name)?, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
            }
        }
    }

    /// Sets the low twelve bits of its mode.
    ///
    /// # Errors
    /// What the system says; [`Errno::LOOP`] for a link, which has no mode.
    pub fn set_mode(self, mode: u32) -> Result<(), Errno> {
        let mode = Mode::from_raw_mode(mode & 0o7777);
        match self {
            Self::Open(fd) => rustix::fs::fchmod(fd, mode),
            // fchmodat(2) follows links, and fchmod(2) takes no descriptor that is only a place.
            Self::Named(dir, name) => {
                let place = rustix::fs::openat(dir, checked(name)?, PLACE | OFlags::NOFOLLOW, Mode::empty())?;
                let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&place)?.st_mode);
                if kind == rustix::fs::FileType::Symlink {
                    return Err(Errno::LOOP);
                }
                rustix::fs::chmod(itself(place.as_fd()), mode)
            }
        }
    }

    /// As [`Self::set_mode`], for what was just made here: that a file system has no modes, as FAT, is no error.
    ///
    /// # Errors
    /// As [`Self::set_mode`].
    pub fn give_mode(self, mode: u32) -> Result<(), Errno> {
        match self.set_mode(mode) {
            Err(Errno::PERM | Errno::OPNOTSUPP) => Ok(()),
            done => done,
        }
    }

    /// Sets the times of the last access and the last change.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_times(self, times: &Timestamps) -> Result<(), Errno> {
        match self {
            Self::Open(fd) => rustix::fs::futimens(fd, times),
            Self::Named(dir, name) => {
                rustix::fs::utimensat(dir, checked(name)?, times, AtFlags::SYMLINK_NOFOLLOW)
            }
        }
    }

    /// All extended attributes, access control lists among them; without those that a file system computes.
    ///
    /// # Errors
    /// What the system says. On a file system without attributes the list is empty.
    pub fn attributes(self) -> io::Result<Attributes> {
        let mut names = [0u8; 1024];
        let names = match self.list(&mut names) {
            Ok(0) | Err(Errno::OPNOTSUPP) => return Ok(Attributes::new()),
            Ok(len) => names[..len].to_vec(),
            Err(Errno::RANGE) => {
                // The kernel's own limit (XATTR_LIST_MAX).
                let mut names = vec![0; 64 << 10];
                let len = self.list(&mut names)?;
                names.truncate(len);
                names
            }
            Err(error) => return Err(error.into()),
        };
        let mut found = Attributes::new();
        for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            if name.starts_with(b"system.") && !name.starts_with(b"system.posix_acl_") {
                continue;
            }
            // The same limit for a value (XATTR_SIZE_MAX).
            let mut value = vec![0; 64 << 10];
            match self.get(name, &mut value) {
                Ok(len) => {
                    value.truncate(len);
                    found.insert(name.to_vec(), value);
                }
                // Gone since, or not to be had.
                Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    }

    /// Sets an extended attribute.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_attribute(self, name: &[u8], value: &[u8]) -> Result<(), Errno> {
        match self {
            Self::Open(fd) => rustix::fs::fsetxattr(fd, name, value, XattrFlags::empty()),
            Self::Named(dir, item) => {
                rustix::fs::lsetxattr(through(dir, item)?, name, value, XattrFlags::empty())
            }
        }
    }

    /// Removes an extended attribute.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove_attribute(self, name: &[u8]) -> Result<(), Errno> {
        match self {
            Self::Open(fd) => rustix::fs::fremovexattr(fd, name),
            Self::Named(dir, item) => rustix::fs::lremovexattr(through(dir, item)?, name),
        }
    }

    fn list(self, names: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Self::Open(fd) => rustix::fs::flistxattr(fd, names),
            Self::Named(dir, item) => rustix::fs::llistxattr(through(dir, item)?, names),
        }
    }

    fn get(self, name: &[u8], value: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Self::Open(fd) => rustix::fs::fgetxattr(fd, name, value),
            Self::Named(dir, item) => rustix::fs::lgetxattr(through(dir, item)?, name, value),
        }
    }
}

/// The path of what is open, as the kernel has it for this process: it leads to that and to nothing else, whatever its
/// name means by now (proc_pid_fd(5)).
pub(super) fn itself(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// The calls for attributes take no directory and name. Linux has them since 6.13 only (setxattrat(2)).
fn through(dir: &Dir, name: &OsStr) -> Result<Vec<u8>, Errno> {
    Ok([itself(dir.as_fd()).as_bytes(), b"/", checked(name)?.as_bytes()].concat())
}
