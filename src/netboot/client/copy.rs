//! Copies a tree with everything that belongs to its files, on several threads.
//!
//! One thread walks the source and makes directories, links and device nodes; the others copy contents. Between
//! files of one file system the kernel copies, and shares the blocks where it can. What was copied already, by a run
//! that was killed, is recognised by its size and time, which is set last, and left alone.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use super::Error;
use super::most::Most;
use super::source::{Contents, From, Node, Source, read_attributes, write_attribute};
use crate::image::ext4::FileKind;
use crate::progress::Progress;
use crate::stop::Stop;

/// More threads than this only get in each other's way on one disk.
const MOST_THREADS: usize = 4;
/// How many files may wait to be copied.
const WAITING: usize = 256;
const BUFFER: usize = 1 << 20;

/// What is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// It is copied.
    All,
    /// The directory, with nothing in it.
    Empty,
    /// It is not there.
    Nothing,
}

/// Decides by the path below the source's root.
pub(super) type Choose<'a> = dyn Fn(&Path, &Node) -> Take + Sync + 'a;

/// How much was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amount {
    /// Names of every kind.
    pub(super) entries: u64,
    /// Bytes of contents, without holes.
    pub(super) bytes: u64,
}

/// What goes with a copy.
pub(super) struct Copy<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) to: &'a Path,
    pub(super) choose: &'a Choose<'a>,
    pub(super) progress: &'a dyn Progress,
    pub(super) stop: &'a Stop,
    /// How many bytes there will be, roughly.
    pub(super) expected: Option<u64>,
}

/// A file whose contents are to be copied.
struct Job {
    node: Node,
    to: PathBuf,
}

/// What the threads share.
struct Shared<'a> {
    copy: &'a Copy<'a>,
    bytes: AtomicU64,
    /// Bytes of contents that were begun, and how many there can be.
    begun: AtomicU64,
    most: Option<Most>,
    failed: AtomicBool,
    error: Mutex<Option<Error>>,
}

impl Shared<'_> {
    fn fail(&self, error: Error) {
        self.failed.store(true, Ordering::Relaxed);
        let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(error);
    }
}

impl Copy<'_> {
    /// Copies everything. `to` has to exist.
    pub(super) fn run(&self) -> Result<Amount, Error> {
        let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(1, MOST_THREADS);
        let shared = Shared {
            copy: self,
            bytes: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            most: Most::of(self.source, self.to),
            failed: AtomicBool::new(false),
            error: Mutex::new(None),
        };
        let (jobs, queue) = sync_channel(WAITING);
        let queue = Mutex::new(queue);
        let walked = std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| work(&shared, &queue));
            }
            let mut walk = Walk {
                copy: self,
                shared: &shared,
                jobs,
                entries: 0,
                linked: HashMap::new(),
                links: Vec::new(),
            };
            walk.run()
        });
        if let Some(error) = shared.error.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        let (entries, links, directories) = walked?;
        for (first, other) in links {
            link(&first, &other)?;
        }
        // Last, and those inside before those around them: what is made in a directory changes its time.
        for (node, path) in directories.iter().rev() {
            finish(self.source, node, path)?;
        }
        Ok(Amount { entries, bytes: shared.bytes.load(Ordering::Relaxed) })
    }
}

/// What a walk leaves to be done when all contents are there: links, and the directories' own metadata.
type Walked = (u64, Vec<(PathBuf, PathBuf)>, Vec<(Node, PathBuf)>);

struct Walk<'a> {
    copy: &'a Copy<'a>,
    shared: &'a Shared<'a>,
    jobs: SyncSender<Job>,
    entries: u64,
    /// The first name of each file that has several.
    linked: HashMap<(u64, u64), PathBuf>,
    links: Vec<(PathBuf, PathBuf)>,
}

impl Walk<'_> {
    fn run(&mut self) -> Result<Walked, Error> {
        let root = self.copy.source.root()?;
        let mut directories = vec![(root.clone(), self.copy.to.to_owned())];
        let mut seen = HashSet::from([root.id]);
        let mut left = vec![(root, PathBuf::new())];
        while let Some((directory, below)) = left.pop() {
            for (name, node) in self.copy.source.list(&directory)? {
                if self.copy.stop.is_set() {
                    return Err(Error::Stopped);
                }
                if self.shared.failed.load(Ordering::Relaxed) {
                    return Ok((self.entries, Vec::new(), Vec::new()));
                }
                let path = below.join(&name);
                let take = (self.copy.choose)(&path, &node);
                if take == Take::Nothing {
                    continue;
                }
                self.entries += 1;
                if let Some(most) = &self.shared.most {
                    most.allows_names(self.entries, &self.copy.to.join(&path))?;
                }
                let to = self.copy.to.join(&path);
                if node.kind == FileKind::Directory {
                    if !seen.insert(node.id) && node.id.0 == 0 {
                        // In an image: the same directory in two places, or in itself.
                        return Err(Error::Cannot {
                            what: format!("the directory /{} is in two places of the image", path.display()),
                            hint: "the file system is damaged; `e2fsck -fn` says more".to_owned(),
                        });
                    }
                    make_directory(&to)?;
                    directories.push((node.clone(), to));
                    if take == Take::All {
                        left.push((node, path));
                    }
                } else {
                    self.other(node, to)?;
                }
            }
        }
        Ok((self.entries, std::mem::take(&mut self.links), directories))
    }

    fn other(&mut self, node: Node, to: PathBuf) -> Result<(), Error> {
        if node.links > 1 {
            if let Some(first) = self.linked.get(&node.id) {
                self.links.push((first.clone(), to));
                return Ok(());
            }
            self.linked.insert(node.id, to.clone());
        }
        if node.kind == FileKind::File {
            // Where nobody listens any more, the error is told at the end.
            let _ = self.jobs.send(Job { node, to });
            return Ok(());
        }
        make_special(self.copy.source, &node, &to)?;
        finish(self.copy.source, &node, &to)
    }
}

fn work(shared: &Shared<'_>, queue: &Mutex<Receiver<Job>>) {
    let mut buffer = Vec::new();
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { node, to }) = job else { return };
        if shared.failed.load(Ordering::Relaxed) {
            // The walk must not wait for room in the queue.
            continue;
        }
        if let Err(error) = copy_file(shared, &node, &to, &mut buffer) {
            shared.fail(error);
        }
    }
}

/// Copies a file with all that belongs to it.
fn copy_file(shared: &Shared<'_>, node: &Node, to: &Path, buffer: &mut Vec<u8>) -> Result<(), Error> {
    if is_copied(node, to) {
        shared.bytes.fetch_add(node.size, Ordering::Relaxed);
        return finish(shared.copy.source, node, to);
    }
    let contents = match shared.copy.source.contents(node) {
        // It was there when the directory was read; a running system removes files.
        Err(Error::Os { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(()),
        contents => contents?,
    };
    let data: u64 = contents.runs.iter().map(|run| run.len).sum();
    if let Some(most) = &shared.most {
        most.allows(shared.begun.fetch_add(data, Ordering::Relaxed).saturating_add(data), to)?;
    }
    let file = create(to)?;
    if data < contents.size {
        file.set_len(contents.size).map_err(Error::os("making", to))?;
    }
    fill(shared, &contents, &file, buffer).map_err(|error| match error {
        Some(error) => Error::os("writing", to)(error),
        None => Error::Stopped,
    })?;
    drop(file);
    finish(shared.copy.source, node, to)
}

/// Copies contents; no error but stopped is `None`.
fn fill(
    shared: &Shared<'_>,
    contents: &Contents,
    file: &File,
    buffer: &mut Vec<u8>,
) -> Result<(), Option<io::Error>> {
    for run in &contents.runs {
        let mut done = 0;
        while done < run.len {
            if shared.copy.stop.is_set() {
                return Err(None);
            }
            // Pieces, so that progress moves and Ctrl-C is heard.
            let want = (run.len - done).min(16 << 20);
            let (from, to) = (run.from + done, run.to + done);
            let count = match &contents.from {
                From::File(source) => by_kernel(source, from, file, to, want).map_err(Some)?,
                _ => 0,
            };
            let count = if count > 0 {
                count
            } else {
                let want = want.min(BUFFER as u64);
                buffer.resize(BUFFER, 0);
                let piece = &mut buffer[..want as usize];
                match contents.from.read(piece, from) {
                    // A file that is shorter now than when it was opened.
                    Err(error)
                        if error.kind() == io::ErrorKind::UnexpectedEof
                            && matches!(contents.from, From::File(_)) =>
                    {
                        return Ok(());
                    }
                    other => other.map_err(Some)?,
                }
                file.write_all_at(piece, to).map_err(Some)?;
                want
            };
            done += count;
            let bytes = shared.bytes.fetch_add(count, Ordering::Relaxed) + count;
            shared.copy.progress.at(bytes, shared.copy.expected.map(|expected| expected.max(bytes)));
        }
    }
    Ok(())
}

/// Lets the kernel copy; 0 where it can't.
fn by_kernel(from: &File, mut at: u64, to: &File, mut place: u64, len: u64) -> io::Result<u64> {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    match rustix::fs::copy_file_range(from, Some(&mut at), to, Some(&mut place), len) {
        Ok(count) => Ok(count as u64),
        // Between file systems, from a block device, or from a kernel that has it not.
        Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::BADF) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Whether a run that was killed had copied the file to its end.
fn is_copied(node: &Node, to: &Path) -> bool {
    std::fs::symlink_metadata(to).is_ok_and(|meta| {
        meta.is_file()
            && meta.len() == node.size
            && meta.mtime() == node.modified.seconds
            && meta.mtime_nsec() == i64::from(node.modified.nanos)
            // A time of 0 is that of all files of a FAT partition, and says nothing.
            && node.modified.seconds != 0
    })
}

/// Makes a new file that only its owner can read, until it has its own mode.
fn create(to: &Path) -> Result<File, Error> {
    let open = || {
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(to)
    };
    match open() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            std::fs::remove_file(to).map_err(Error::os("removing", to))?;
            open()
        }
        other => other,
    }
    .map_err(Error::os("making", to))
}

fn make_directory(to: &Path) -> Result<(), Error> {
    match rustix::fs::mkdir(to, Mode::from_raw_mode(0o700)) {
        Err(Errno::EXIST) if std::fs::symlink_metadata(to).is_ok_and(|meta| meta.is_dir()) => Ok(()),
        other => other.map_err(Error::os("making", to)),
    }
}

/// Makes a link, a device node, a pipe or a socket.
fn make_special(source: &dyn Source, node: &Node, to: &Path) -> Result<(), Error> {
    let node_of = |kind, device| rustix::fs::mknodat(CWD, to, kind, Mode::from_raw_mode(0o600), device);
    let target = if node.kind == FileKind::Symlink { source.target(node)? } else { Default::default() };
    let make = || match node.kind {
        FileKind::Symlink => rustix::fs::symlink(target.as_os_str(), to),
        FileKind::Character(device) => {
            node_of(FileType::CharacterDevice, rustix::fs::makedev(device.major, device.minor))
        }
        FileKind::Block(device) => {
            node_of(FileType::BlockDevice, rustix::fs::makedev(device.major, device.minor))
        }
        FileKind::Fifo => node_of(FileType::Fifo, 0),
        FileKind::Socket => node_of(FileType::Socket, 0),
        FileKind::Directory | FileKind::File => Ok(()),
    };
    match make() {
        Err(Errno::EXIST) => {
            std::fs::remove_file(to).map_err(Error::os("removing", to))?;
            make().map_err(Error::os("making", to))
        }
        other => other.map_err(Error::os("making", to)),
    }
}

/// Gives a second name to a file.
fn link(first: &Path, other: &Path) -> Result<(), Error> {
    match rustix::fs::linkat(CWD, first, CWD, other, AtFlags::empty()) {
        Err(Errno::EXIST) => {
            std::fs::remove_file(other).map_err(Error::os("removing", other))?;
            rustix::fs::linkat(CWD, first, CWD, other, AtFlags::empty()).map_err(Error::os("linking", other))
        }
        // The file that it would be a second name of was gone when its turn came.
        Err(Errno::NOENT) => Ok(()),
        other_result => other_result.map_err(Error::os("linking", other)),
    }
}

/// Owner, mode, attributes and times, in this order: each of the first two takes away what comes after it.
fn finish(source: &dyn Source, node: &Node, path: &Path) -> Result<(), Error> {
    set_owner(path, node.uid, node.gid).map_err(Error::os("giving away", path))?;
    if node.kind != FileKind::Symlink {
        rustix::fs::chmod(path, Mode::from_raw_mode(node.mode))
            .map_err(Error::os("setting the mode of", path))?;
    }
    let wanted = source.attributes(node)?;
    // A fresh file may have got some from its directory (default access control lists).
    if let FileKind::Directory | FileKind::File = node.kind {
        let there = read_attributes(path).map_err(Error::os("reading the attributes of", path))?;
        for name in there.keys().filter(|name| !wanted.contains_key(*name)) {
            let name: &OsStr = std::os::unix::ffi::OsStrExt::from_bytes(&name[..]);
            rustix::fs::lremovexattr(path, name).map_err(Error::os("removing an attribute of", path))?;
        }
    }
    for (name, value) in &wanted {
        write_attribute(path, name, value).map_err(Error::os("setting an extended attribute of", path))?;
    }
    set_times(path, node).map_err(Error::os("setting the times of", path))
}

pub(super) fn set_owner(path: &Path, uid: u32, gid: u32) -> rustix::io::Result<()> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    rustix::fs::chownat(CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
}

fn set_times(path: &Path, node: &Node) -> rustix::io::Result<()> {
    let time = |time: crate::image::ext4::Time| Timespec {
        tv_sec: time.seconds,
        tv_nsec: i64::from(time.nanos) as _,
    };
    let times = Timestamps { last_access: time(node.accessed), last_modification: time(node.modified) };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)
}
