//! Puts single things into a directory that is held open, by their one name.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, OFlags, Timespec, Timestamps};
use rustix::io::Errno;

use super::super::Error;
use super::super::source::{Node, Source};
use crate::beneath::{self, Dir, Item};
use crate::image::ext4::FileKind;

/// Whether a run that was killed had copied the file to its end; then it, opened.
pub(super) fn copied(node: &Node, dir: &Dir, name: &OsStr) -> Option<File> {
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let same = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && u64::try_from(stat.st_size) == Ok(node.size)
        && stat.st_mtime == node.modified.seconds
        && u32::try_from(stat.st_mtime_nsec) == Ok(node.modified.nanos)
        // A time of 0 is that of all files of a FAT partition, and says nothing.
        && node.modified.seconds != 0;
    if !same {
        return None;
    }
    let place =
        rustix::fs::openat(dir, name, beneath::PLACE | OFlags::NOFOLLOW, rustix::fs::Mode::empty()).ok()?;
    beneath::read_place(&place, beneath::READ).ok()
}

/// Makes a new file that only its owner can read, until it has its own mode.
pub(super) fn create(dir: &Dir, name: &OsStr) -> Result<File, Errno> {
    match dir.create(name, 0o600) {
        Err(Errno::EXIST) => {
            dir.unlink(name)?;
            dir.create(name, 0o600)
        }
        other => other,
    }
}

/// Makes a directory. One that is there, since a run that was killed, is fine.
pub(super) fn directory(dir: &Dir, name: &OsStr) -> Result<(), Errno> {
    match rustix::fs::mkdirat(dir, name, rustix::fs::Mode::from_raw_mode(0o700)) {
        Err(Errno::EXIST) if dir.kind(name) == Some(FileType::Directory) => Ok(()),
        other => other,
    }
}

/// Makes a link, a device node, a pipe or a socket.
pub(super) fn special(source: &dyn Source, node: &Node, dir: &Dir, name: &OsStr) -> Result<(), Error> {
    let target = if node.kind == FileKind::Symlink { source.target(node)? } else { Default::default() };
    let make = || match node.kind {
        FileKind::Symlink => dir.symlink(name, &target),
        FileKind::Character(device) => {
            dir.node(name, FileType::CharacterDevice, rustix::fs::makedev(device.major, device.minor))
        }
        FileKind::Block(device) => {
            dir.node(name, FileType::BlockDevice, rustix::fs::makedev(device.major, device.minor))
        }
        FileKind::Fifo => dir.node(name, FileType::Fifo, 0),
        FileKind::Socket => dir.node(name, FileType::Socket, 0),
        FileKind::Directory | FileKind::File => Ok(()),
    };
    match make() {
        Err(Errno::EXIST) => dir.unlink(name).and_then(|()| make()),
        other => other,
    }
    .map_err(Error::os("making", &dir.at(name)))
}

/// Gives a second name to a file. Both are paths below the copy's top.
pub(super) fn link(top: &Dir, first: &Path, other: &Path) -> Result<(), Error> {
    let around = |path: &Path| match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => top.dir(parent),
        None => top.again(),
    };
    let name = |path: &Path| path.file_name().unwrap_or_default().to_owned();
    let make = || -> Result<(), Errno> {
        let (from, to) = (around(first)?, around(other)?);
        match from.link(name(first), &to, name(other)) {
            Err(Errno::EXIST) => {
                to.unlink(name(other))?;
                from.link(name(first), &to, name(other))
            }
            // The file that it would be a second name of was gone when its turn came.
            Err(Errno::NOENT) => Ok(()),
            done => done,
        }
    };
    make().map_err(Error::os("linking", &top.at(other)))
}

/// Owner, mode, attributes and times, in this order: each of the first two takes away what comes after it.
pub(super) fn finish(source: &dyn Source, node: &Node, item: Item<'_>, shown: &Path) -> Result<(), Error> {
    item.set_owner(node.uid, node.gid).map_err(Error::os("giving away", shown))?;
    if node.kind != FileKind::Symlink {
        item.set_mode(node.mode).map_err(Error::os("setting the mode of", shown))?;
    }
    let wanted = source.attributes(node)?;
    // A fresh file may have got some from its directory (default access control lists).
    if let FileKind::Directory | FileKind::File = node.kind {
        let there = item.attributes().map_err(Error::os("reading the attributes of", shown))?;
        for name in there.keys().filter(|name| !wanted.contains_key(*name)) {
            item.remove_attribute(name).map_err(Error::os("removing an attribute of", shown))?;
        }
    }
    for (name, value) in &wanted {
        item.set_attribute(name, value).map_err(Error::os("setting an extended attribute of", shown))?;
    }
    item.set_times(&times(node)).map_err(Error::os("setting the times of", shown))
}

/// As [`finish`], for a directory below the copy's top.
pub(super) fn finish_directory(
    source: &dyn Source,
    node: &Node,
    top: &Dir,
    below: &Path,
) -> Result<(), Error> {
    let shown = top.at(below);
    let dir = enter(top, below).map_err(Error::os("opening", &shown))?;
    finish(source, node, Item::Open(dir.as_fd()), &shown)
}

/// Opens a directory below the copy's top, or the top itself.
pub(super) fn enter(top: &Dir, below: &Path) -> Result<Dir, Errno> {
    if below.as_os_str().is_empty() { top.again() } else { top.dir(below) }
}

fn times(node: &Node) -> Timestamps {
    let time = |time: crate::image::ext4::Time| Timespec {
        tv_sec: time.seconds,
        tv_nsec: i64::from(time.nanos) as _,
    };
    Timestamps { last_access: time(node.accessed), last_modification: time(node.modified) }
}
