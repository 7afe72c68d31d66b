//! Compares a copy with its source: by walking both again, not by trusting the code that wrote it. The copy is written
//! out and dropped from memory first, so that what is compared came back from the disk.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};

use rustix::fs::Advice;
use sha2::{Digest, Sha256};

use super::Error;
use super::copy::{Amount, Choose, Take};
use super::source::{Contents, From, HostSource, Node, Source, listed};
use crate::beneath::Dir;
use crate::image::ext4::{FileKind, Run};
use crate::progress::Progress;
use crate::stop::Stop;

const BUFFER: usize = 1 << 20;
/// How many files may wait to be compared. Each of them may hold two directories open.
const WAITING: usize = 128;
/// So many differences are enough to know that it went wrong.
const ENOUGH: usize = 100;

/// What a comparison looks at.
pub(super) struct Verify<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) copy: &'a Dir,
    pub(super) choose: &'a Choose<'a>,
    pub(super) progress: &'a dyn Progress,
    pub(super) stop: &'a Stop,
    pub(super) expected: Option<u64>,
    /// Whether the source may change meanwhile, as a running system does.
    pub(super) running: bool,
}

/// What was found equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proved {
    pub(super) amount: Amount,
    /// Over all names in their order, with what belongs to each, and the sha256 of each file's contents.
    pub(super) sha256: [u8; 32],
    /// Files of a running system that are not the same any more.
    pub(super) changed: Vec<PathBuf>,
}

struct Job {
    path: PathBuf,
    source: Node,
    copy: Node,
}

struct Shared<'a> {
    verify: &'a Verify<'a>,
    copy: &'a HostSource,
    bytes: AtomicU64,
    digests: Mutex<BTreeMap<PathBuf, [u8; 32]>>,
    differences: Mutex<Vec<(PathBuf, String)>>,
    error: Mutex<Option<Error>>,
}

impl Shared<'_> {
    fn differs(&self, path: &Path, what: impl Into<String>) {
        let mut all = self.differences.lock().unwrap_or_else(PoisonError::into_inner);
        all.push((path.to_owned(), what.into()));
    }

    fn enough(&self) -> bool {
        self.differences.lock().unwrap_or_else(PoisonError::into_inner).len() >= ENOUGH
            || self.error.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

impl Verify<'_> {
    /// Compares everything.
    ///
    /// # Errors
    /// [`Error::Different`] with what differs; and what reading ends with.
    pub(super) fn run(&self) -> Result<Proved, Error> {
        let top = self.copy.path();
        self.copy.flush().map_err(Error::os("writing out", top))?;
        let copy = HostSource::of(self.copy.again().map_err(Error::os("opening", top))?);
        let shared = Shared {
            verify: self,
            copy: &copy,
            bytes: AtomicU64::new(0),
            digests: Mutex::default(),
            differences: Mutex::default(),
            error: Mutex::default(),
        };
        let (jobs, queue) = sync_channel(WAITING);
        let queue = Mutex::new(queue);
        let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 4);
        let names = std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| work(&shared, &queue));
            }
            let mut names = BTreeMap::new();
            let walked = walk(&shared, &mut names, |job| drop(jobs.send(job)));
            drop(jobs);
            walked.map(|()| names)
        })?;
        if let Some(error) = shared.error.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let differences = shared.differences.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !self.running && !differences.is_empty() {
            let differences = differences.iter().map(|(path, what)| format!("/{} {what}", path.display()));
            return Err(Error::Different { root: top.to_owned(), differences: differences.collect() });
        }
        let mut changed: Vec<_> = differences.into_iter().map(|(path, _)| path).collect();
        changed.sort();
        changed.dedup();
        let digests = shared.digests.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut whole = Sha256::new();
        for (path, line) in &names {
            whole.update(path.as_os_str().as_encoded_bytes());
            whole.update([0]);
            whole.update(line.as_bytes());
            whole.update([0]);
            whole.update(digests.get(path).unwrap_or(&[0; 32]));
        }
        let amount = Amount { entries: names.len() as u64 - 1, bytes: shared.bytes.load(Ordering::Relaxed) };
        Ok(Proved { amount, sha256: whole.finalize().into(), changed })
    }
}

/// Compares names and what belongs to them; contents are for the other threads.
fn walk(
    shared: &Shared<'_>,
    names: &mut BTreeMap<PathBuf, String>,
    mut send: impl FnMut(Job),
) -> Result<(), Error> {
    let verify = shared.verify;
    let mut left = vec![(PathBuf::new(), verify.source.root()?, shared.copy.root()?)];
    // Which file of the copy stands for which of the source; hard links lead to the same.
    let mut files: HashMap<(u64, u64), (u64, u64)> = HashMap::new();
    while let Some((path, one, other)) = left.pop() {
        if verify.stop.is_set() {
            return Err(Error::Stopped);
        }
        if shared.enough() {
            return Ok(());
        }
        compare(shared, &path, &one, &other)?;
        names.insert(path.clone(), line(&one));
        match one.kind {
            _ if one.kind != other.kind => {}
            FileKind::Directory => {
                let mut there: BTreeMap<OsString, Node> =
                    listed(shared.copy, &other, &path)?.into_iter().collect();
                // The top itself is always taken whole.
                let whole = path.as_os_str().is_empty() || (verify.choose)(&path, &one) == Take::All;
                let wanted = if whole { listed(verify.source, &one, &path)? } else { Vec::new() };
                for (name, node) in wanted {
                    let inner = path.join(&name);
                    if (verify.choose)(&inner, &node) == Take::Nothing {
                        continue;
                    }
                    match there.remove(&name) {
                        Some(copied) => left.push((inner, node, copied)),
                        None => shared.differs(&inner, "is missing"),
                    }
                }
                for name in there.keys() {
                    shared.differs(&path.join(name), "is not in the source");
                }
            }
            _ => {
                if one.links > 1 && *files.entry(one.id).or_insert(other.id) != other.id {
                    shared.differs(&path, "is no hard link any more");
                }
                if one.kind == FileKind::File {
                    send(Job { path, source: one, copy: other });
                }
            }
        }
    }
    Ok(())
}

/// What belongs to a name, for the digest over all.
fn line(node: &Node) -> String {
    let (kind, time) = (node.kind, node.modified);
    format!(
        "{kind:?} {:o} {}:{} {} {}.{}",
        node.mode, node.uid, node.gid, node.size, time.seconds, time.nanos
    )
}

fn compare(shared: &Shared<'_>, path: &Path, one: &Node, other: &Node) -> Result<(), Error> {
    let differs = |what: String| shared.differs(path, what);
    if one.kind != other.kind {
        differs(format!("is {:?}, not {:?}", other.kind, one.kind));
        return Ok(());
    }
    if (one.uid, one.gid) != (other.uid, other.gid) {
        differs(format!("belongs to {}:{}, not {}:{}", other.uid, other.gid, one.uid, one.gid));
    }
    if one.kind != FileKind::Symlink && one.mode != other.mode {
        differs(format!("has mode {:o}, not {:o}", other.mode, one.mode));
    }
    if one.modified != other.modified {
        differs("has another time".to_owned());
    }
    if one.kind == FileKind::Symlink && shared.verify.source.target(one)? != shared.copy.target(other)? {
        differs("leads elsewhere".to_owned());
    }
    if one.kind == FileKind::File && one.size != other.size {
        differs(format!("has {} bytes, not {}", other.size, one.size));
    }
    let (wanted, got) = (shared.verify.source.attributes(one)?, shared.copy.attributes(other)?);
    if wanted != got {
        let names = wanted.keys().chain(got.keys()).filter(|name| wanted.get(*name) != got.get(*name));
        let names: Vec<_> = names.map(|name| String::from_utf8_lossy(name)).collect();
        differs(format!("has other attributes ({})", names.join(", ")));
    }
    Ok(())
}

fn work(shared: &Shared<'_>, queue: &Mutex<Receiver<Job>>) {
    let mut buffers = (vec![0; BUFFER], vec![0; BUFFER]);
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        if shared.enough() || shared.verify.stop.is_set() {
            continue;
        }
        match contents(shared, &job, &mut buffers) {
            Ok(digest) => {
                shared.digests.lock().unwrap_or_else(PoisonError::into_inner).insert(job.path, digest);
            }
            Err(error) if shared.verify.running && error.is_gone() => shared.differs(&job.path, "is gone"),
            Err(error) => {
                shared.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        }
    }
}

/// Compares a file's contents, holes as zeros, and gives a digest of what the copy gave back: over all pieces of 1 MiB
/// that aren't zeros only, each behind its place, and the length. So it is the same whatever of the zeros is a hole.
fn contents(shared: &Shared<'_>, job: &Job, buffers: &mut (Vec<u8>, Vec<u8>)) -> Result<[u8; 32], Error> {
    let place = shared.copy.path().join(&job.path);
    let copy = shared.copy.contents(&job.copy)?;
    if let From::File(file) = &copy.from {
        // So that it comes from the disk. Where that can't be, it comes from memory.
        let _ = rustix::fs::fadvise(file, 0, None, Advice::DontNeed);
    }
    let source = shared.verify.source.contents(&job.source)?;
    if copy.size != source.size {
        shared.differs(&job.path, format!("has {} bytes, not {}", copy.size, source.size));
        return Ok([0; 32]);
    }
    let (mut wanted_runs, mut got_runs) = (Pieces::of(&source), Pieces::of(&copy));
    let mut digest = Sha256::new();
    let mut at = 0;
    loop {
        // What is a hole in both is equal, however long it is.
        let next = wanted_runs.next_from(at).min(got_runs.next_from(at));
        if next >= source.size {
            break;
        }
        at = at.max(next - next % BUFFER as u64);
        if shared.verify.stop.is_set() {
            return Err(Error::Stopped);
        }
        let want = ((source.size - at).min(BUFFER as u64)) as usize;
        let (wanted, got) = (&mut buffers.0[..want], &mut buffers.1[..want]);
        let count = wanted_runs.read(wanted, at).map_err(Error::os("reading", &job.path))?;
        got_runs.read(got, at).map_err(Error::os("reading back", &place))?;
        shared.bytes.fetch_add(count, Ordering::Relaxed);
        if wanted != got {
            let first = wanted.iter().zip(got.iter()).position(|(one, other)| one != other).unwrap_or(0);
            shared.differs(&job.path, format!("has other contents from byte {} on", at + first as u64));
            return Ok([0; 32]);
        }
        if got.iter().any(|byte| *byte != 0) {
            digest.update(at.to_le_bytes());
            digest.update(&got[..]);
        }
        at += want as u64;
        let bytes = shared.bytes.load(Ordering::Relaxed);
        shared.verify.progress.at(bytes, shared.verify.expected.map(|expected| expected.max(bytes)));
    }
    digest.update(source.size.to_le_bytes());
    Ok(digest.finalize().into())
}

/// Contents that are read from the start to the end.
struct Pieces<'a> {
    from: &'a From,
    runs: std::iter::Peekable<std::iter::Copied<std::slice::Iter<'a, Run>>>,
}

impl<'a> Pieces<'a> {
    fn of(contents: &'a Contents) -> Self {
        Self { from: &contents.from, runs: contents.runs.iter().copied().peekable() }
    }

    /// Where the next byte at or behind `at` is that is in no hole.
    fn next_from(&mut self, at: u64) -> u64 {
        while self.runs.next_if(|run| run.to + run.len <= at).is_some() {}
        self.runs.peek().map_or(u64::MAX, |run| run.to.max(at))
    }

    /// Reads what is at `at`, holes as zeros, and says how many bytes were in no hole.
    fn read(&mut self, buf: &mut [u8], at: u64) -> std::io::Result<u64> {
        buf.fill(0);
        let until = at + buf.len() as u64;
        let mut count = 0;
        while let Some(run) = self.runs.peek().copied() {
            let (start, end) = (run.to.max(at), (run.to + run.len).min(until));
            if start < end {
                let piece = &mut buf[(start - at) as usize..(end - at) as usize];
                self.from.read(piece, run.from + start - run.to)?;
                count += end - start;
            }
            if run.to + run.len > until {
                break;
            }
            self.runs.next();
        }
        Ok(count)
    }
}
