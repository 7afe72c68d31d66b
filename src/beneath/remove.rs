//! Removing a tree, without leaving it.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::DIRECTORY;
use super::dir::{Dir, checked};

/// A tree can be deeper than a process may have files open. What lies deeper than this is moved up, to the top of what
/// is removed, and its turn comes there.
const DEEPEST: usize = 64;

/// What a directory that was moved up is called until its turn comes.
const MOVED: &str = ".piprov-deep-";

/// Why a tree, or a part, is still there.
#[derive(Debug, thiserror::Error)]
pub enum NotRemoved {
    /// Another file system, or another directory, is mounted there. It stays as it is, and so does what is around it.
    #[error("something is mounted at {}", path.display())]
    Mounted {
        /// Where.
        path: PathBuf,
    },
    /// The system says no.
    #[error("removing {}", path.display())]
    Os {
        /// What could not be removed.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Dir {
    /// Removes `name` in it, with everything in it where that is a directory: no link is followed, and nothing is
    /// entered that is mounted there, a bind mount neither. That there is nothing is fine.
    ///
    /// A user that renames directories meanwhile can keep some of them from being removed (the next try gets
    /// them); he can't have anything removed that never lay below `name`.
    ///
    /// # Errors
    /// [`NotRemoved`]. What was removed by then is gone.
    pub fn remove_tree(&self, name: impl AsRef<OsStr>) -> Result<(), NotRemoved> {
        let name = name.as_ref();
        checked(name).map_err(|error| self.not_removed(name, error))?;
        if self.remove_leaf(name)? {
            return Ok(());
        }
        let Some(top) = self.enter_to_remove(name)? else { return Ok(()) };
        let mut moved = 0;
        // The first of them has the others, and what was moved up, in it.
        let mut open: Vec<(OsString, Dir)> = Vec::new();
        loop {
            let here = open.last().map_or(&top, |(_, dir)| dir);
            let mut inner = None;
            for name in here.names().map_err(|error| self.not_removed(name, error))? {
                if here.remove_leaf(&name)? {
                    continue;
                }
                if open.len() < DEEPEST {
                    inner = here.enter_to_remove(&name)?.map(|dir| (name, dir));
                } else {
                    moved += 1;
                    here.move_up(&name, &top, moved)?;
                    continue;
                }
                if inner.is_some() {
                    break;
                }
            }
            match (inner, open.pop()) {
                (Some(inner), back) => {
                    open.extend(back);
                    open.push(inner);
                }
                (None, Some((name, _))) => {
                    let around = open.last().map_or(&top, |(_, dir)| dir);
                    around.remove_empty(&name)?;
                }
                (None, None) => break,
            }
        }
        self.remove_empty(name)
    }

    /// Removes what is no directory; says whether that was so, or nothing was there.
    fn remove_leaf(&self, name: &OsStr) -> Result<bool, NotRemoved> {
        match rustix::fs::unlinkat(self, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            // POSIX says PERM for a directory, Linux ISDIR. A file of the file server's may say PERM, too.
            Err(error @ (Errno::ISDIR | Errno::PERM)) => match self.kind(name) {
                Some(FileType::Directory) => Ok(false),
                None => Ok(true),
                Some(_) => Err(self.not_removed(name, error)),
            },
            Err(error) => Err(self.not_removed(name, error)),
        }
    }

    /// Opens a directory that is to be emptied; `None` where it is gone.
    fn enter_to_remove(&self, name: &OsStr) -> Result<Option<Self>, NotRemoved> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        let opened = match rustix::fs::openat2(self, name, DIRECTORY, Mode::empty(), resolve) {
            // A kernel or a sandbox without that call: bind mounts aren't seen, other file systems are.
            Err(Errno::NOSYS | Errno::PERM) => {
                rustix::fs::openat(self, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()).and_then(
                    |opened| {
                        let device = |stat: rustix::fs::Stat| stat.st_dev;
                        let same =
                            rustix::fs::fstat(&opened).map(device)? == rustix::fs::fstat(self).map(device)?;
                        if same { Ok(opened) } else { Err(Errno::XDEV) }
                    },
                )
            }
            other => other,
        };
        match opened {
            Ok(fd) => Ok(Some(Self::from_fd(fd, self.at(name)))),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::XDEV) => Err(NotRemoved::Mounted { path: self.at(name) }),
            Err(error) => Err(self.not_removed(name, error)),
        }
    }

    /// Removes a directory that was emptied. If another program put something into it meanwhile, that is an error.
    fn remove_empty(&self, name: &OsStr) -> Result<(), NotRemoved> {
        match self.rmdir(name) {
            Err(Errno::BUSY) => Err(NotRemoved::Mounted { path: self.at(name) }),
            other => other.map_err(|error| self.not_removed(name, error)),
        }
    }

    fn move_up(&self, name: &OsStr, top: &Self, count: u64) -> Result<(), NotRemoved> {
        // Such a name may stand there since an earlier try that was interrupted, or as an attacker's.
        for second in 0..1000 {
            match self.rename_new(name, top, format!("{MOVED}{count}-{second}")) {
                Err(Errno::EXIST) => {}
                Err(Errno::BUSY | Errno::XDEV) => return Err(NotRemoved::Mounted { path: self.at(name) }),
                other => return other.map_err(|error| self.not_removed(name, error)),
            }
        }
        Err(self.not_removed(name, Errno::EXIST))
    }

    fn not_removed(&self, name: &OsStr, error: Errno) -> NotRemoved {
        NotRemoved::Os { path: self.at(name), source: error.into() }
    }
}
