//! All that was written is read from the disk and compared with the index.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{Error, Job, Ordering, ReadBack, Stage, lock};
use crate::agent::source::{Plan, Sum};
use crate::image::aligned::Aligned;
use crate::image::chunk::index::content;
use crate::image::chunk::{CHUNK, Chunk, Digest, Piece};

/// What all that was read comes to.
enum Sums {
    Sha256(Order),
    /// The name of each chunk. Its pieces have been hashed to compare them, so this costs nothing more.
    Chunks(Mutex<BTreeMap<u64, Option<Digest>>>),
}

/// sha256 needs the chunks in order, while several threads read them.
#[derive(Default)]
struct Order {
    at: Mutex<(u64, Sha256)>,
    moved: Condvar,
}

impl Job<'_> {
    /// Reads back all but what was held; that comes out of memory into the digest, and is read back when it is written.
    pub(super) fn read_back(&self) -> Result<ReadBack, Error> {
        lock(&self.zeroed).sort_by_key(|range| range.start);
        self.next.store(0, Ordering::Relaxed);
        let sums = match self.source.sum() {
            Sum::Sha256 => Sums::Sha256(Order::default()),
            Sum::Chunks => Sums::Chunks(Mutex::default()),
        };
        let lied = AtomicU64::new(0);
        self.on_threads(|| self.compare_chunks(&sums, &lied))?;
        let lied = lied.into_inner();
        if lied > 0 {
            self.disk.flush()?;
            self.watch.note(format!(
                "{}: {lied} bytes that the disk was told to zero were not zero; zeros were written there",
                self.disk.name()
            ));
        }
        Ok(match sums {
            Sums::Sha256(order) => {
                let (_, sha256) = order.at.into_inner().unwrap_or_else(PoisonError::into_inner);
                ReadBack::Sha256(sha256.finalize().into())
            }
            Sums::Chunks(names) => {
                let names = names.into_inner().unwrap_or_else(PoisonError::into_inner);
                ReadBack::Chunks(content(self.end.load(Ordering::Relaxed), names.into_values()))
            }
        })
    }

    fn compare_chunks(&self, sums: &Sums, lied: &AtomicU64) -> Result<(), Error> {
        let mut raw = Aligned::new(CHUNK as usize);
        while let Some(number) = self.turn()? {
            let Some(plan) = self.source.plan(number)? else { break };
            let raw = &mut raw[..plan.len];
            self.disk.read(raw, number * CHUNK)?;
            let (mut proven, mut pieces) = (0, Vec::with_capacity(plan.count()));
            for piece in 0..plan.count() {
                let (len, piece) = self.compare_piece(number, &plan, piece, raw, lied)?;
                proven += len;
                pieces.push(piece);
            }
            match sums {
                Sums::Sha256(order) => {
                    if !self.digest(order, number, raw)? {
                        break;
                    }
                }
                Sums::Chunks(names) => {
                    let zero = pieces.iter().all(|piece| piece.stored_len == 0);
                    lock(names).insert(number, (!zero).then(|| Chunk::name(&pieces)));
                }
            }
            self.advance(Stage::ReadBack, proven);
        }
        Ok(())
    }

    /// Says how many bytes are proven by it, and what they are: with the digest of what was read.
    fn compare_piece(
        &self,
        number: u64,
        plan: &Plan,
        piece: usize,
        raw: &mut [u8],
        lied: &AtomicU64,
    ) -> Result<(u64, Piece), Error> {
        let differs = |at| Error::Differs { disk: self.disk.name(), at };
        let within = plan.place(piece);
        let place = number * CHUNK + within.start as u64..number * CHUNK + within.end as u64;
        let bytes = &mut raw[within];
        if self.is_held(&place) {
            match lock(&self.held).get(&place.start) {
                Some(held) => bytes.copy_from_slice(held),
                None => bytes.fill(0),
            }
            // It was proven when it came.
            return plan.proves(piece, bytes).map(|piece| (0, piece)).ok_or_else(|| differs(place.start));
        }
        let mut proven = plan.proves(piece, bytes);
        if proven.is_none() {
            if plan.digest(piece).is_some() || !self.was_zeroed(place.start) {
                return Err(differs(place.start));
            }
            // The disk was believed, and should not have been.
            let mut zeros = Aligned::new(bytes.len());
            self.disk.write(&zeros, place.start)?;
            self.disk.flush()?;
            self.disk.read(&mut zeros, place.start)?;
            proven = plan.proves(piece, &zeros);
            lied.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            bytes.fill(0);
        }
        Ok((bytes.len() as u64, proven.ok_or_else(|| differs(place.start))?))
    }

    fn was_zeroed(&self, at: u64) -> bool {
        let zeroed = lock(&self.zeroed);
        let before = zeroed.partition_point(|range| range.start <= at);
        before.checked_sub(1).is_some_and(|n| zeroed[n].contains(&at))
    }

    /// Adds a chunk in its turn. False where another thread has failed.
    fn digest(&self, order: &Order, number: u64, raw: &[u8]) -> Result<bool, Error> {
        let mut at = lock(&order.at);
        while at.0 != number {
            if self.failed.load(Ordering::Relaxed) {
                return Ok(false);
            }
            if self.stop.is_set() {
                return Err(Error::Stopped);
            }
            // Who fails doesn't know this lock.
            let waited = order.moved.wait_timeout(at, Duration::from_millis(50));
            at = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        at.1.update(raw);
        at.0 += 1;
        order.moved.notify_all();
        Ok(true)
    }
}
