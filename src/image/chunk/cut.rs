//! Raw bytes become chunks: cut, hashed and packed on several threads, and kept by the caller.
//!
//! ```text
//!  read ──► buffers of 4 MiB ──┬──► sha256 of the raw bytes, one thread, in order
//!  (caller's thread)           └──► digests of the pieces ──► known? ──► packed ──► kept    several threads
//! ```
//!
//! There is a fixed number of buffers, so memory stays the same whatever the image's length: about 10 MiB a thread. What
//! is known already is hashed, and not packed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::index::LONGEST_IMAGE;
use super::object::{self, LEVEL, Packer};
use super::{CHUNK, Chunk, Error, Index};

/// Takes chunks. It is called by several threads at once, in any order.
pub trait Keep: Sync {
    /// What can go wrong. The first error ends the cutting.
    type Error: From<Error> + Send;

    /// Whether the chunk is there already. It must stay there until the index is done. The stored lengths of its pieces
    /// are then put into `chunk`, since it may have been packed in another way.
    ///
    /// # Errors
    /// The caller's.
    fn known(&self, chunk: &mut Chunk) -> Result<bool, Self::Error>;

    /// Keeps the object of a chunk that wasn't known. Where another thread was faster, as in [`Keep::known`].
    ///
    /// # Errors
    /// The caller's.
    fn keep(&self, chunk: &mut Chunk, object: Vec<u8>) -> Result<(), Self::Error>;
}

/// How many threads pack where nobody says.
#[must_use]
pub fn usual_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(8)
}

/// A buffer that goes back to where it came from when its last reader is done.
struct Buffer {
    bytes: Vec<u8>,
    back: Sender<Vec<u8>>,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // Where nobody takes it any more, it goes.
        let _ = self.back.send(std::mem::take(&mut self.bytes));
    }
}

/// Reads raw bytes to their end and cuts them. `read` gives the next bytes, at least one, or 0 at the end; it is called
/// by the caller's thread. Each chunk that isn't zero was known or kept when the index is given back.
///
/// # Errors
/// What `read` and `keep` say; [`Error::TooLong`], [`Error::Empty`], [`Error::Short`].
#[expect(clippy::type_complexity, reason = "one closure")]
pub fn cut<K: Keep>(
    read: &mut dyn FnMut(&mut [u8]) -> Result<usize, K::Error>,
    keep: &K,
    threads: usize,
) -> Result<Index, K::Error> {
    let threads = threads.max(1);
    let failed = Failed { set: AtomicBool::new(false), first: Mutex::new(None) };
    let (back, empty) = channel();
    for _ in 0..threads + 3 {
        let _ = back.send(vec![0; CHUNK as usize]);
    }
    // The buffers are what bounds these.
    let (to_pack, packing) = channel::<(usize, Arc<Buffer>)>();
    let (to_hash, hashing) = channel::<Arc<Buffer>>();
    let packing = Mutex::new(packing);
    let (raw_len, raw_sha256, mut chunks) = std::thread::scope(|scope| {
        let spawn = std::thread::Builder::new;
        let short = |error: std::io::Error| {
            let error = Error::Short { doing: "starting a thread", what: error.to_string() };
            failed.with(error.into());
        };
        let hasher = spawn().name("cut-sha256".into()).spawn_scoped(scope, move || {
            let mut sha = Sha256::new();
            hashing.iter().for_each(|buffer| sha.update(&buffer.bytes));
            <[u8; 32]>::from(sha.finalize())
        });
        let packers: Vec<_> = (0..threads)
            .map(|_| {
                let work = || work(&packing, keep, &failed);
                spawn().name("cut-pack".into()).spawn_scoped(scope, work)
            })
            .collect();
        let mut raw_len = 0;
        if hasher.is_ok() && packers.iter().all(Result::is_ok) {
            raw_len = match feed(read, &empty, &back, &to_pack, &to_hash, &failed) {
                Ok(len) => len,
                Err(error) => {
                    failed.with(error);
                    0
                }
            };
        }
        drop((to_pack, to_hash));
        let mut chunks = Vec::new();
        for packer in packers {
            match packer {
                Ok(packer) => {
                    chunks.extend(packer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                }
                Err(error) => short(error),
            }
        }
        let sha = match hasher {
            Ok(hasher) => hasher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(error) => {
                short(error);
                [0; 32]
            }
        };
        (raw_len, sha, chunks)
    });
    if let Some(error) = failed.first.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    if raw_len == 0 {
        return Err(Error::Empty.into());
    }
    chunks.sort_unstable_by_key(|(n, _)| *n);
    Ok(Index { raw_len, raw_sha256, chunks: chunks.into_iter().map(|(_, chunk)| chunk).collect() })
}

/// Fills buffers and hands them on. Gives how many bytes there were; where something failed, too few.
fn feed<E: From<Error>>(
    read: &mut dyn FnMut(&mut [u8]) -> Result<usize, E>,
    empty: &Receiver<Vec<u8>>,
    back: &Sender<Vec<u8>>,
    to_pack: &Sender<(usize, Arc<Buffer>)>,
    to_hash: &Sender<Arc<Buffer>>,
    failed: &Failed<E>,
) -> Result<u64, E> {
    let mut raw_len = 0;
    for n in 0.. {
        let Ok(mut bytes) = empty.recv() else { break };
        bytes.resize(CHUNK as usize, 0);
        let mut filled = 0;
        while filled < bytes.len() {
            if failed.set.load(Ordering::Relaxed) {
                return Ok(0);
            }
            match read(&mut bytes[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        if filled == 0 {
            break;
        }
        bytes.truncate(filled);
        raw_len += filled as u64;
        if raw_len > LONGEST_IMAGE {
            return Err(Error::TooLong { what: "image", len: raw_len, most: LONGEST_IMAGE }.into());
        }
        let buffer = Arc::new(Buffer { bytes, back: back.clone() });
        if to_hash.send(Arc::clone(&buffer)).is_err() || to_pack.send((n, buffer)).is_err() {
            break;
        }
        if filled < CHUNK as usize {
            break;
        }
    }
    Ok(raw_len)
}

/// Packs until there is no more. After a failure it only gives buffers back.
fn work<K: Keep>(
    packing: &Mutex<Receiver<(usize, Arc<Buffer>)>>,
    keep: &K,
    failed: &Failed<K::Error>,
) -> Vec<(usize, Chunk)> {
    let mut done = Vec::new();
    let mut packer = None;
    loop {
        let next = packing.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((n, buffer)) = next else { return done };
        if failed.set.load(Ordering::Relaxed) {
            continue;
        }
        match one(&buffer.bytes, &mut packer, keep) {
            Ok(chunk) => done.push((n, chunk)),
            Err(error) => failed.with(error),
        }
    }
}

fn one<K: Keep>(raw: &[u8], packer: &mut Option<Packer>, keep: &K) -> Result<Chunk, K::Error> {
    let mut chunk = object::digest(raw);
    if chunk.id.is_none() || keep.known(&mut chunk)? {
        return Ok(chunk);
    }
    let packer = match packer {
        Some(packer) => packer,
        none => none.insert(Packer::new(LEVEL)?),
    };
    let object = packer.pack(raw, &mut chunk)?;
    keep.keep(&mut chunk, object)?;
    Ok(chunk)
}

/// The first thing that went wrong.
struct Failed<E> {
    set: AtomicBool,
    first: Mutex<Option<E>>,
}

impl<E> Failed<E> {
    fn with(&self, error: E) {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.set.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[path = "cut_tests.rs"]
mod tests;
