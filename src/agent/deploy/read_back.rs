//! All that was written is read from the disk and compared with the index.

use std::sync::atomic::AtomicU64;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{Error, Job, Ordering, Stage, lock};
use crate::agent::source::Plan;
use crate::image::aligned::Aligned;
use crate::image::chunk::CHUNK;

/// sha256 needs the chunks in order, while several threads read them.
#[derive(Default)]
struct Order {
    at: Mutex<(u64, Sha256)>,
    moved: Condvar,
}

impl Job<'_> {
    /// Reads back all but what was held; that comes out of memory into the digest, and is read back when it is written.
    pub(super) fn read_back(&self) -> Result<[u8; 32], Error> {
        lock(&self.zeroed).sort_by_key(|range| range.start);
        self.next.store(0, Ordering::Relaxed);
        let (order, lied) = (Order::default(), AtomicU64::new(0));
        self.on_threads(|| self.compare_chunks(&order, &lied))?;
        let lied = lied.into_inner();
        if lied > 0 {
            self.disk.flush()?;
            self.watch.note(format!(
                "{}: {lied} bytes that the disk was told to zero were not zero; zeros were written there",
                self.disk.name()
            ));
        }
        let (_, sha256) = order.at.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(sha256.finalize().into())
    }

    fn compare_chunks(&self, order: &Order, lied: &AtomicU64) -> Result<(), Error> {
        let mut raw = Aligned::new(CHUNK as usize);
        while let Some(number) = self.turn()? {
            let Some(plan) = self.source.plan(number)? else { break };
            let raw = &mut raw[..plan.len];
            self.disk.read(raw, number * CHUNK)?;
            let mut proven = 0;
            for piece in 0..plan.count() {
                proven += self.compare_piece(number, &plan, piece, raw, lied)?;
            }
            if !self.digest(order, number, raw)? {
                break;
            }
            self.advance(Stage::ReadBack, proven);
        }
        Ok(())
    }

    /// Says how many bytes are proven by it.
    fn compare_piece(
        &self,
        number: u64,
        plan: &Plan,
        piece: usize,
        raw: &mut [u8],
        lied: &AtomicU64,
    ) -> Result<u64, Error> {
        let within = plan.place(piece);
        let place = number * CHUNK + within.start as u64..number * CHUNK + within.end as u64;
        let bytes = &mut raw[within];
        if self.is_held(&place) {
            match lock(&self.held).get(&place.start) {
                Some(held) => bytes.copy_from_slice(held),
                None => bytes.fill(0),
            }
            return Ok(0);
        }
        if !plan.is(piece, bytes) {
            if plan.digest(piece).is_some() || !self.was_zeroed(place.start) {
                return Err(Error::Differs { disk: self.disk.name(), at: place.start });
            }
            // The disk was believed, and should not have been.
            let mut zeros = Aligned::new(bytes.len());
            self.disk.write(&zeros, place.start)?;
            self.disk.flush()?;
            self.disk.read(&mut zeros, place.start)?;
            if !plan.is(piece, &zeros) {
                return Err(Error::Differs { disk: self.disk.name(), at: place.start });
            }
            lied.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            bytes.fill(0);
        }
        Ok(bytes.len() as u64)
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
