//! What another server does with the staged files, seen by inotify: that tells what a board asks for without that
//! server's help, also where the file system notes no access times.
//!
//! inotify tells of what this machine's processes do. On a file system that another machine shares (NFS), what a
//! server over there reads isn't seen: see [`shared_by`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use super::{Error, Staged};
use crate::board::Mac;

/// Something that was done with a file of a board's tree. Paths are below the board's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileUse {
    /// It was opened.
    Opened(Mac, String),
    /// It was closed by the program that read it.
    Closed(Mac, String),
    /// It was written, or moved there.
    Written(Mac, String),
    /// The kernel had more to tell than it could keep.
    Missed,
}

/// Watches the directories of staged jobs.
#[derive(Debug)]
pub(super) struct Observer {
    fd: OwnedFd,
    /// By the kernel's number: whose directory it is, and what stands before its files' names in a path.
    dirs: BTreeMap<i32, (Mac, String)>,
}

impl Observer {
    /// Watches nothing yet.
    pub(super) fn new(root: &Path) -> Result<Self, Error> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
            .map_err(|source| Error::Watch { path: root.to_owned(), source: source.into() })?;
        Ok(Self { fd, dirs: BTreeMap::new() })
    }

    /// Watches a board's tree. What was done with it before isn't told.
    pub(super) fn add(&mut self, mac: Mac, staged: &Staged) -> Result<(), Error> {
        let flags = WatchFlags::OPEN
            | WatchFlags::CLOSE_NOWRITE
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_TO
            | WatchFlags::ONLYDIR
            | WatchFlags::DONT_FOLLOW;
        for (path, prefix) in staged.dirs() {
            let number = inotify::add_watch(&self.fd, &path, flags)
                .map_err(|source| Error::Watch { path, source: source.into() })?;
            self.dirs.insert(number, (mac, prefix));
        }
        Ok(())
    }

    /// What was done since the last call, in its order. Doesn't wait.
    pub(super) fn look(&self) -> io::Result<Vec<FileUse>> {
        let mut buffer = [MaybeUninit::uninit(); 8192];
        let mut reader = inotify::Reader::new(&self.fd, &mut buffer);
        let mut uses = Vec::new();
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::WOULDBLOCK) => return Ok(uses),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let what = event.events();
            if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                uses.push(FileUse::Missed);
            }
            // A program that lists a directory opens the directory, and no file.
            let (Some(name), false) = (event.file_name(), what.contains(ReadFlags::ISDIR)) else { continue };
            let (Ok(name), Some((mac, prefix))) = (name.to_str(), self.dirs.get(&event.wd())) else {
                continue;
            };
            let path = format!("{prefix}{name}");
            if what.contains(ReadFlags::OPEN) {
                uses.push(FileUse::Opened(*mac, path));
            } else if what.contains(ReadFlags::CLOSE_NOWRITE) {
                uses.push(FileUse::Closed(*mac, path));
            } else if what.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO) {
                uses.push(FileUse::Written(*mac, path));
            }
        }
    }
}

impl AsFd for Observer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The kind of file system that `path` lies on, if other machines may read it past this one.
pub(super) fn shared_by(path: &Path) -> Option<&'static str> {
    let stat = rustix::fs::fstatfs(File::open(path).ok()?).ok()?;
    // The magic numbers of statfs(2) and linux/magic.h.
    Some(match stat.f_type as u32 {
        0x6969 => "NFS",
        0x517b | 0xfe53_4d42 | 0xff53_4d42 => "SMB",
        0x0102_1997 => "9p",
        0x00c3_6400 => "Ceph",
        0x5346_414f => "AFS",
        _ => return None,
    })
}
