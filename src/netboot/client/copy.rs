//! Copies a tree with everything that belongs to its files, on several threads.
//!
//! One thread walks the source and makes directories, links and device nodes; the others copy contents. Between
//! files of one file system the kernel copies, and shares the blocks where it can. What was copied already, by a run
//! that was killed, is recognised by its size and time, which is set last, and left alone.
//!
//! No source is trusted with names. What is made is made in a directory that is held open, by one name
//! ([`crate::beneath`]), so nothing outside the copy can be reached.

mod put;

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::io::Errno;

use super::Error;
use super::most::Most;
use super::source::{Contents, From, Node, Source, listed};
use crate::beneath::{Dir, Item};
use crate::image::ext4::FileKind;
use crate::progress::Progress;
use crate::stop::Stop;

/// More threads than this only get in each other's way on one disk.
const MOST_THREADS: usize = 4;
/// How many files may wait to be copied. Each of them may hold two directories open.
const WAITING: usize = 128;
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
    pub(super) to: &'a Dir,
    pub(super) choose: &'a Choose<'a>,
    pub(super) progress: &'a dyn Progress,
    pub(super) stop: &'a Stop,
    /// How many bytes there will be, roughly.
    pub(super) expected: Option<u64>,
}

/// A file whose contents are to be copied.
struct Job {
    node: Node,
    dir: Arc<Dir>,
    name: OsString,
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
    /// Copies everything.
    pub(super) fn run(&self) -> Result<Amount, Error> {
        let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(1, MOST_THREADS);
        let shared = Shared {
            copy: self,
            bytes: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            most: Most::of(self.source, self.to.path()),
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
            put::link(self.to, &first, &other)?;
        }
        // Last, and those inside before those around them: what is made in a directory changes its time.
        for (node, below) in directories.iter().rev() {
            put::finish_directory(self.source, node, self.to, below)?;
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
        let copy = self.copy;
        let root = copy.source.root()?;
        let mut directories = vec![(root.clone(), PathBuf::new())];
        let mut seen = HashSet::from([root.id]);
        let mut left = vec![(root, PathBuf::new())];
        while let Some((directory, below)) = left.pop() {
            // Directories that wait aren't open: a tree may be deeper than a process may have files open.
            let dir = put::enter(copy.to, &below).map_err(Error::os("opening", &copy.to.at(&below)))?;
            let dir = Arc::new(dir);
            for (name, node) in listed(copy.source, &directory, &below)? {
                if copy.stop.is_set() {
                    return Err(Error::Stopped);
                }
                if self.shared.failed.load(Ordering::Relaxed) {
                    return Ok((self.entries, Vec::new(), Vec::new()));
                }
                let path = below.join(&name);
                let take = (copy.choose)(&path, &node);
                if take == Take::Nothing {
                    continue;
                }
                self.entries += 1;
                if let Some(most) = &self.shared.most {
                    most.allows_names(self.entries, &self.copy.to.at(&path))?;
                }
                if node.kind == FileKind::Directory {
                    if !seen.insert(node.id) && node.id.0 == 0 {
                        // In an image: the same directory in two places, or in itself.
                        return Err(Error::BadEntry {
                            image: self.copy.source.path().to_owned(),
                            directory: Path::new("/").join(&below),
                            name: name.to_string_lossy().into_owned(),
                            why: "is a directory that is in two places of the image",
                        });
                    }
                    put::directory(&dir, &name).map_err(Error::os("making", &dir.at(&name)))?;
                    directories.push((node.clone(), path.clone()));
                    if take == Take::All {
                        left.push((node, path));
                    }
                } else {
                    self.other(node, &dir, name, path)?;
                }
            }
        }
        Ok((self.entries, std::mem::take(&mut self.links), directories))
    }

    fn other(&mut self, node: Node, dir: &Arc<Dir>, name: OsString, path: PathBuf) -> Result<(), Error> {
        if node.links > 1 {
            if let Some(first) = self.linked.get(&node.id) {
                self.links.push((first.clone(), path));
                return Ok(());
            }
            self.linked.insert(node.id, path);
        }
        if node.kind == FileKind::File {
            // Where nobody listens any more, the error is told at the end.
            let _ = self.jobs.send(Job { node, dir: Arc::clone(dir), name });
            return Ok(());
        }
        put::special(self.copy.source, &node, dir, &name)?;
        put::finish(self.copy.source, &node, Item::Named(dir, &name), &dir.at(&name))
    }
}

fn work(shared: &Shared<'_>, queue: &Mutex<Receiver<Job>>) {
    let mut buffer = Vec::new();
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { node, dir, name }) = job else { return };
        if shared.failed.load(Ordering::Relaxed) {
            // The walk must not wait for room in the queue.
            continue;
        }
        if let Err(error) = copy_file(shared, &node, &dir, &name, &mut buffer) {
            shared.fail(error);
        }
    }
}

/// Copies a file with all that belongs to it.
fn copy_file(
    shared: &Shared<'_>,
    node: &Node,
    dir: &Dir,
    name: &OsStr,
    buffer: &mut Vec<u8>,
) -> Result<(), Error> {
    let (source, shown) = (shared.copy.source, dir.at(name));
    if let Some(file) = put::copied(node, dir, name) {
        shared.bytes.fetch_add(node.size, Ordering::Relaxed);
        return put::finish(source, node, Item::Open(file.as_fd()), &shown);
    }
    let contents = match source.contents(node) {
        // It was there when the directory was read; a running system removes files.
        Err(gone) if gone.is_gone() => return Ok(()),
        contents => contents?,
    };
    let data = contents.runs.iter().fold(0u64, |sum, run| sum.saturating_add(run.len));
    if let Some(most) = &shared.most {
        most.allows(shared.begun.fetch_add(data, Ordering::Relaxed).saturating_add(data), &shown)?;
    }
    let file = put::create(dir, name).map_err(Error::os("making", &shown))?;
    if data < contents.size {
        file.set_len(contents.size).map_err(Error::os("making", &shown))?;
    }
    fill(shared, &contents, &file, buffer).map_err(|error| match error {
        Some(error) => Error::os("writing", &shown)(error),
        None => Error::Stopped,
    })?;
    // Somebody may have put another file in its place since it was listed: its contents get its own owner and mode.
    let node = contents.now.as_deref().unwrap_or(node);
    put::finish(source, node, Item::Open(file.as_fd()), &shown)
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
            let (from, to) = (run.from.saturating_add(done), run.to.saturating_add(done));
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
