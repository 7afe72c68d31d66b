//! The one pass over an image: both sha256 digests and the crc32 of every part, while the bytes go by.
//!
//! One thread reads, computes the parts' checksums (crc32 by carry-less multiplication is some thirty times
//! as fast as sha256) and hands the bytes to the writer; another computes sha256. A compressed
//! image is read behind its decompressor, out of the page cache of the spool: measured, that costs less than
//! a hundredth of the decompression, and the decompressor never waits for a digest. The file's own digest is
//! computed where the compressed bytes are read.
//!
//! Memory: a few buffers of 1 MiB and 4 bytes a part, whatever the image's size.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::error::Error;
use super::open::Image;
use super::parts::{PartSums, Parts};
use crate::stop::Stop;

/// How much is read at once. Also the granularity in which parts are done.
const BUFFER: usize = 1 << 20;
/// How many buffers there are.
const BUFFERS: usize = 6;

/// What a pass finds out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// Of the file as it is stored (and downloaded).
    pub file_sha256: [u8; 32],
    /// Of the bytes of the disk.
    pub raw_sha256: [u8; 32],
    /// How many bytes the disk has.
    pub raw_len: u64,
    /// crc32 of each part, zeros up to a whole block included.
    pub parts_crc: Vec<u32>,
}

/// Called in the pass's thread whenever a part's checksum is there, and when the pass has ended.
pub type OnPart = Box<dyn Fn() + Send + Sync>;

/// Takes the image's bytes in order on their way through a pass.
pub(super) trait Sink: Send {
    /// The next bytes.
    fn take(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Error>;
    /// There are no more.
    fn finish(&mut self) -> Result<(), Error>;
}

/// A pass that runs in the background. Dropping it ends it.
pub struct Pass {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pass").field("position", &self.position()).finish_non_exhaustive()
    }
}

struct Shared {
    state: Mutex<State>,
    ended: Condvar,
    position: AtomicU64,
    abandoned: AtomicBool,
    on_part: OnPart,
}

#[derive(Default)]
struct State {
    crcs: Vec<Option<u32>>,
    end: Option<Result<Digests, Error>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn part_done(&self, number: usize, crc: u32) {
        {
            let mut state = self.state();
            if state.crcs.len() <= number {
                state.crcs.resize(number + 1, None);
            }
            state.crcs[number] = Some(crc);
        }
        (self.on_part)();
    }
}

impl Pass {
    /// Starts a pass. `on_part` is called as soon as another part's checksum is there, and at the end.
    ///
    /// `stop` is looked at between buffers. A pass that waits for an image on its way through a pipe ends
    /// when the image was opened with the same flag.
    ///
    /// # Errors
    /// When no thread can be started. Everything else is told by [`Pass::wait`].
    pub fn start(image: &Image, parts: Parts, stop: &Stop, on_part: OnPart) -> Result<Self, Error> {
        Self::start_with(image, parts, stop, on_part, None)
    }

    pub(super) fn start_with(
        image: &Image,
        parts: Parts,
        stop: &Stop,
        on_part: OnPart,
        sink: Option<Box<dyn Sink>>,
    ) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            ended: Condvar::new(),
            position: AtomicU64::new(0),
            abandoned: AtomicBool::new(false),
            on_part,
        });
        let (full, to_hash) = sync_channel::<Vec<u8>>(BUFFERS);
        let (used, empty) = sync_channel::<Vec<u8>>(BUFFERS);
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(work)
                .map(drop)
                .map_err(|error| Error::os(image.path(), "starting a thread for it", error))
        };
        let (digest, hashed) = sync_channel(1);
        let counter = Arc::clone(&shared);
        spawn("image-sha256", Box::new(move || hash(&to_hash, &used, &digest, &counter)))?;
        let mut reader =
            Reader { image: image.clone(), stop: stop.clone(), shared: Arc::clone(&shared), sink };
        let job = move || {
            let end = reader.run(PartSums::new(parts), full, &empty, &hashed);
            let shared = reader.shared;
            shared.state().end = Some(end);
            shared.ended.notify_all();
            (shared.on_part)();
        };
        spawn("image-pass", Box::new(job))?;
        Ok(Self { shared })
    }

    /// The crc32 of part `n`, as soon as its bytes went by; see [`super::parts`] for what it covers.
    #[must_use]
    pub fn part_crc(&self, n: usize) -> Option<u32> {
        self.shared.state().crcs.get(n).copied().flatten()
    }

    /// How many bytes of the image the pass has done.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.shared.position.load(Ordering::Relaxed)
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<Result<Digests, Error>> {
        self.shared.state().end.clone()
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// What reading the image failed with, [`Error::DoesNotFit`] for a part outside the image,
    /// [`Error::Stopped`].
    pub fn wait(&self) -> Result<Digests, Error> {
        let mut state = self.shared.state();
        loop {
            match &state.end {
                Some(end) => return end.clone(),
                None => state = self.shared.ended.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Waits for the end, at most for `limit`. True when it has ended.
    #[must_use]
    pub fn wait_for(&self, limit: std::time::Duration) -> bool {
        let state = self.shared.state();
        if state.end.is_some() {
            return true;
        }
        let (state, _) = self.shared.ended.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner);
        state.end.is_some()
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.shared.abandoned.store(true, Ordering::Relaxed);
    }
}

/// The thread for sha256: takes buffers in order, gives them back.
fn hash(
    full: &Receiver<Vec<u8>>,
    used: &SyncSender<Vec<u8>>,
    digest: &SyncSender<[u8; 32]>,
    shared: &Shared,
) {
    let mut sha = Sha256::new();
    for buffer in full {
        sha.update(&buffer);
        shared.position.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        // The reader may have ended already; then nobody wants the buffer.
        let _ = used.send(buffer);
    }
    // Nor, after a failure, the digest.
    let _ = digest.send(sha.finalize().into());
}

struct Reader {
    image: Image,
    stop: Stop,
    shared: Arc<Shared>,
    sink: Option<Box<dyn Sink>>,
}

impl Reader {
    fn run(
        &mut self,
        mut sums: PartSums,
        full: SyncSender<Vec<u8>>,
        empty: &Receiver<Vec<u8>>,
        hashed: &Receiver<[u8; 32]>,
    ) -> Result<Digests, Error> {
        let shared = Arc::clone(&self.shared);
        let mut done = |number, crc| shared.part_done(number, crc);
        let content = self.image.content();
        let gone = || {
            Error::os(
                self.image.path(),
                "computing its digest",
                std::io::Error::other("the thread for it has ended"),
            )
        };
        let mut fresh = BUFFERS;
        let mut at = 0u64;
        loop {
            if self.stop.is_set() || self.shared.abandoned.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            let mut buffer = if fresh > 0 {
                fresh -= 1;
                vec![0; BUFFER]
            } else {
                empty.recv().map_err(|_| gone())?
            };
            let count = content
                .read_at(&mut buffer, at)
                .map_err(|error| Error::os(self.image.path(), format!("reading at byte {at}"), error))?;
            buffer.truncate(count);
            if count == 0 {
                break;
            }
            sums.feed(at, &buffer, &mut done);
            if let Some(sink) = &mut self.sink {
                sink.take(at, &buffer)?;
            }
            at += count as u64;
            let last = count < BUFFER;
            full.send(buffer).map_err(|_| gone())?;
            if last {
                break;
            }
        }
        // Nothing more comes: the thread for sha256 ends.
        drop(full);
        if at == 0 {
            return Err(Error::Empty { path: self.image.path().to_owned() });
        }
        sums.finish(at, &mut done).map_err(|outside| Error::DoesNotFit {
            path: self.image.path().to_owned(),
            what: format!(
                "part {} ends at byte {}, but the image has {at} bytes",
                outside.number, outside.range.end
            ),
            hint: None,
        })?;
        if let Some(sink) = &mut self.sink {
            sink.finish()?;
        }
        let raw_sha256 = hashed.recv().map_err(|_| gone())?;
        let file_sha256 = self.image.file_sha256().unwrap_or(Ok(raw_sha256))?;
        let parts_crc = self.shared.state().crcs.iter().map(|crc| crc.unwrap_or_default()).collect();
        Ok(Digests { file_sha256, raw_sha256, raw_len: at, parts_crc })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::image::open::ImageOptions;

    fn image(bytes: &[u8]) -> Image {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        Image::open(file.path(), &ImageOptions::default()).unwrap()
    }

    fn raw() -> Vec<u8> {
        (0..(3u32 << 20) + 100).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
    }

    #[test]
    fn digests_and_parts_of_a_raw_and_of_a_compressed_image() {
        let raw = raw();
        let packed = zstd::bulk::compress(&raw, 1).unwrap();
        let (skip, size) = (4096u64, 1_000_448u64);
        let parts: Vec<u32> = raw[skip as usize..]
            .chunks(size as usize)
            .map(|part| {
                let mut part = part.to_vec();
                part.resize(part.len().next_multiple_of(512), 0);
                crc32fast::hash(&part)
            })
            .collect();
        assert_eq!(parts.len(), 4);
        for (bytes, file) in [(&raw, &raw), (&packed, &packed)] {
            let calls = Arc::new(AtomicU64::new(0));
            let count = Arc::clone(&calls);
            let pass = Pass::start(
                &image(bytes),
                Parts::Every { skip, size },
                &Stop::new().unwrap(),
                Box::new(move || {
                    count.fetch_add(1, Ordering::Relaxed);
                }),
            )
            .unwrap();
            let digests = pass.wait().unwrap();
            assert_eq!(digests.raw_sha256, <[u8; 32]>::from(Sha256::digest(&raw)));
            assert_eq!(digests.file_sha256, <[u8; 32]>::from(Sha256::digest(file)));
            assert_eq!((digests.raw_len, &digests.parts_crc), (raw.len() as u64, &parts));
            assert_eq!((pass.part_crc(3), pass.part_crc(4)), (Some(parts[3]), None));
            assert_eq!(pass.position(), raw.len() as u64);
            while calls.load(Ordering::Relaxed) < 5 {
                std::thread::yield_now();
            }
            assert_eq!(pass.ended().unwrap().unwrap(), digests);
        }
    }

    #[test]
    #[allow(clippy::single_range_in_vec_init, reason = "one part is meant")]
    fn a_part_outside_the_image_and_a_set_flag_end_it() {
        let stop = Stop::new().unwrap();
        let start =
            |ranges| Pass::start(&image(&raw()), Parts::Ranges(ranges), &stop, Box::new(|| {})).unwrap();
        let error = start(vec![0..5 << 20]).wait().unwrap_err();
        assert!(error.to_string().ends_with("part 0 ends at byte 5242880, but the image has 3145828 bytes"));
        stop.set();
        assert!(matches!(start(vec![]).wait(), Err(Error::Stopped)));
    }

    #[test]
    fn damage_is_told_as_damage() {
        let packed = zstd::bulk::compress(&raw(), 1).unwrap();
        let image = image(&packed[..packed.len() / 2]);
        let pass = Pass::start(&image, Parts::None, &Stop::new().unwrap(), Box::new(|| {})).unwrap();
        assert!(matches!(pass.wait(), Err(Error::Damaged { .. })));
        assert!(pass.wait_for(std::time::Duration::ZERO));
    }
}
