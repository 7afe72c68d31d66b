//! An image goes onto a disk, and is read back.
//!
//! 1. Where a disk begins to be bootable (its first MiB, and the place of a second GPT header at its end) it is zeroed,
//!    and zeros are read back. A board starts nothing from it from then on.
//! 2. Chunk by chunk: what the disk has already stays, the rest is fetched, unpacked, proven and written, each by
//!    several threads at once. What belongs into the first MiB is kept in memory.
//! 3. All that was written is read from the disk, not from a cache, and compared with the index.
//!    A board that would forget its key in a power cut keeps it in the first MiB meanwhile ([`kept`](super::kept)).
//! 4. Only then the first MiB is written, its first piece last, and read back.
//! 5. The system reads the partition table again.
//!
//! A failure at any point, and a stop, leave zeros at the beginning: what the disk takes. The same order makes a power cut
//! harmless, and the next run finds what is on the disk already.
//!
//! Memory: for each thread one chunk and what was fetched for it, and the first MiB.

mod ends;
mod read_back;
mod similar;
mod write;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::error::{Error, Failure, Left};
use super::lock;
use super::source::{FetchError, Source};
use super::storage::{Disk, Storage, Zeroing};
use super::watch::{At, Watch};
use crate::error::{Explain, Kind};
use crate::image::chunk::Digest;
use crate::run::Stage;
use crate::stop::Stop;
use similar::Similar;

/// What a board looks at first: partition tables and boot sectors are in it.
pub const HEAD: u64 = 1 << 20;
/// At the end of a disk there may be a second GPT header; it is in here.
pub const TAIL: u64 = 4096;
/// More threads than this need more memory than they save time.
const MOST_THREADS: usize = 6;

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// Length of the image.
    pub raw_len: u64,
    /// Bytes that were written.
    pub written: u64,
    /// Bytes that the disk had already.
    pub kept: u64,
    /// Bytes that were zeroed without being sent.
    pub zeroed: u64,
    /// Bytes that came from elsewhere, as they came.
    pub fetched: u64,
    /// Of what was read back, as long as the image.
    pub read_back: ReadBack,
}

/// What was computed of what was read back: what the source asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBack {
    /// Its sha256.
    Sha256([u8; 32]),
    /// Its name by its chunks.
    Chunks(Digest),
}

impl ReadBack {
    /// The sha256, where that was computed.
    #[must_use]
    pub const fn sha256(&self) -> Option<[u8; 32]> {
        match self {
            Self::Sha256(digest) => Some(*digest),
            Self::Chunks(_) => None,
        }
    }

    /// The name by its chunks, where that was computed.
    #[must_use]
    pub const fn chunks(&self) -> Option<Digest> {
        match self {
            Self::Sha256(_) => None,
            Self::Chunks(digest) => Some(*digest),
        }
    }
}

/// How many bytes went which way until now, also where it fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Were written.
    pub written: u64,
    /// Were on the disk already.
    pub kept: u64,
    /// Were zeroed without being sent.
    pub zeroed: u64,
    /// Came from elsewhere, as they came.
    pub fetched: u64,
}

/// What the steps share.
struct Job<'a> {
    disk: Disk<'a>,
    source: &'a dyn Source,
    stop: &'a Stop,
    watch: &'a dyn Watch,
    threads: usize,
    /// How zeros are made where there are many.
    zeroing: Mutex<Option<Zeroing>>,
    /// The disk's first MiB as it was.
    saved: Vec<u8>,
    /// What is written last, by its place on the disk.
    held: Mutex<BTreeMap<u64, Vec<u8>>>,
    /// What lies at `kept::PLACE` until then.
    kept: Option<Vec<u8>>,
    /// What was zeroed without being sent. To be looked at closely.
    zeroed: Mutex<Vec<Range<u64>>>,
    similar: Mutex<Similar>,
    /// One thread writes at a time: a card is slow where several places are written at once.
    writer: Mutex<()>,
    next: AtomicU64,
    /// The image ends here, as far as that is known.
    end: AtomicU64,
    failed: AtomicBool,
    error: Mutex<Option<Error>>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    done: AtomicU64,
    fetched: AtomicU64,
    written: AtomicU64,
    kept: AtomicU64,
    zeroed: AtomicU64,
}

impl Counts {
    fn amounts(&self) -> Amounts {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let [written, kept] = [&self.written, &self.kept].map(count);
        let [zeroed, fetched] = [&self.zeroed, &self.fetched].map(count);
        Amounts { written, kept, zeroed, fetched }
    }
}

/// Writes an image onto a disk, and reads it back.
///
/// # Errors
/// [`Failure`], which says what is on the disk then.
pub fn deploy(
    disk: &dyn Storage,
    source: &dyn Source,
    stop: &Stop,
    watch: &dyn Watch,
) -> Result<Deployed, Failure> {
    deploy_keeping(disk, source, None, stop, watch)
}

/// The same, with a key that lies on the disk until its beginning is written: what [`encode`](super::kept::encode) gives.
///
/// # Errors
/// As [`deploy()`].
pub fn deploy_keeping(
    disk: &dyn Storage,
    source: &dyn Source,
    kept: Option<Vec<u8>>,
    stop: &Stop,
    watch: &dyn Watch,
) -> Result<Deployed, Failure> {
    // On a disk without that place it isn't kept.
    let kept = kept.filter(|_| disk.size() >= HEAD + TAIL);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut job = Job {
        disk: Disk(disk),
        source,
        stop,
        watch,
        // One more each for waiting on the source and on the disk.
        threads: (cores + 2).min(MOST_THREADS),
        zeroing: Mutex::default(),
        saved: Vec::new(),
        held: Mutex::default(),
        kept,
        zeroed: Mutex::default(),
        similar: Mutex::default(),
        writer: Mutex::default(),
        next: AtomicU64::new(0),
        end: AtomicU64::new(0),
        failed: AtomicBool::new(false),
        error: Mutex::default(),
        counts: Counts::default(),
    };
    job.look().map_err(Failure::untouched(Stage::Prepare))?;
    let mut stage = Stage::Prepare;
    job.run(&mut stage).map_err(|error| {
        let left = job.spoil().map_or_else(|error| Left::Unknown(error.to_string()), |()| Left::Unbootable);
        Failure { stage, error, left, amounts: Box::new(job.counts.amounts()) }
    })
}

impl Job<'_> {
    /// What can be said before anything is written.
    fn look(&mut self) -> Result<(), Error> {
        if self.stop.is_set() {
            return Err(Error::Stopped);
        }
        if let Some(needs) = self.source.raw_len() {
            self.fits(needs, false)?;
        }
        let mut head = vec![0; HEAD.min(self.disk.size()) as usize];
        self.disk.read(&mut head, 0)?;
        self.saved = head;
        // What can't be had at all must not cost what is on the disk.
        match self.source.plan(0)? {
            Some(_) => Ok(()),
            None => {
                Err(FetchError { what: "the image is empty".into(), kind: Kind::BadData, hint: None }.into())
            }
        }
    }

    fn fits(&self, needs: u64, at_least: bool) -> Result<(), Error> {
        let has = self.disk.size();
        if needs <= has {
            Ok(())
        } else {
            Err(Error::TooSmall { disk: self.disk.name(), has, needs, at_least })
        }
    }

    fn run(&self, stage: &mut Stage) -> Result<Deployed, Error> {
        self.enter(stage, Stage::Prepare);
        self.clear_ends()?;
        self.keep()?;
        self.enter(stage, Stage::Write);
        self.on_threads(|| self.write_chunks())?;
        self.disk.flush()?;
        self.enter(stage, Stage::ReadBack);
        let read_back = self.read_back()?;
        self.write_ends()?;
        self.enter(stage, Stage::Report);
        if let Err(error) = self.disk.0.reread_table() {
            self.watch.note(format!(
                "{}: the system doesn't read the partition table again: {error}",
                self.disk.name()
            ));
        }
        self.enter(stage, Stage::Done);
        let Amounts { written, kept, zeroed, fetched } = self.counts.amounts();
        let raw_len = self.end.load(Ordering::Relaxed);
        Ok(Deployed { raw_len, written, kept, zeroed, fetched, read_back })
    }

    fn enter(&self, stage: &mut Stage, to: Stage) {
        *stage = to;
        self.counts.done.store(0, Ordering::Relaxed);
        self.advance(to, 0);
    }

    fn advance(&self, stage: Stage, bytes: u64) {
        let done = self.counts.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let fetched = self.counts.fetched.load(Ordering::Relaxed);
        self.watch.at(At { stage, done, total: self.source.raw_len(), fetched });
    }

    /// Whether a piece waits until all else is proven.
    fn is_held(&self, place: &Range<u64>) -> bool {
        place.start < HEAD || place.end > self.disk.size().saturating_sub(TAIL)
    }

    /// Does the same on several threads. The first error of one ends the others.
    fn on_threads(&self, work: impl Fn() -> Result<(), Error> + Sync) -> Result<(), Error> {
        let work = &work;
        std::thread::scope(|scope| {
            for number in 0..self.threads {
                let thread =
                    std::thread::Builder::new().name("deploy".into()).spawn_scoped(scope, move || {
                        if let Err(error) = work() {
                            self.fail(error);
                        }
                    });
                match thread {
                    Ok(_) => {}
                    // One is enough.
                    Err(_) if number > 0 => break,
                    Err(error) => self.fail(Error::Thread(error)),
                }
            }
        });
        match lock(&self.error).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn fail(&self, error: Error) {
        // Who waited for bytes was interrupted by the same flag.
        let stopped = error.kind() == Kind::Interrupted && self.stop.is_set();
        let error = if stopped { Error::Stopped } else { error };
        lock(&self.error).get_or_insert(error);
        self.failed.store(true, Ordering::Relaxed);
    }

    /// The next chunk, if there is to be one more.
    fn turn(&self) -> Result<Option<u64>, Error> {
        if self.stop.is_set() {
            return Err(Error::Stopped);
        }
        let failed = self.failed.load(Ordering::Relaxed);
        Ok((!failed).then(|| self.next.fetch_add(1, Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests;
