//! Chunks that boards asked for a moment ago, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::image::chunk::Digest;

/// So many bytes of chunks are kept in memory, at least and at most, for the next board that asks: boards of one image run
/// side by side, but not in step.
const RECENT: std::ops::RangeInclusive<u64> = 32 << 20..=256 << 20;
/// Of this host's memory so much is lent to them.
const SHARE: u64 = 16;
/// So long they are kept while nobody asks.
const REST: Duration = Duration::from_secs(30);
/// Chunks that were read and checked a moment ago.
#[derive(Debug)]
pub(super) struct Recent {
    /// The bytes that they may have in all.
    most: usize,
    list: Mutex<List>,
    /// Those that are read at this moment.
    coming: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
}

#[derive(Debug, Default)]
struct List {
    /// By their name, with when they were asked for last: the number of that question.
    chunks: HashMap<Digest, (Bytes, u64)>,
    /// The same in that order.
    order: BTreeMap<u64, Digest>,
    len: usize,
    asked: u64,
    /// When that was.
    last: Option<Instant>,
}

impl List {
    fn get(&mut self, id: Digest) -> Option<Bytes> {
        self.asked += 1;
        let (bytes, at) = self.chunks.get_mut(&id)?;
        self.order.remove(&std::mem::replace(at, self.asked));
        self.order.insert(self.asked, id);
        self.last = Some(Instant::now());
        Some(bytes.clone())
    }

    fn put(&mut self, id: Digest, bytes: Bytes, most: usize) {
        self.remove(id);
        self.asked += 1;
        self.len += bytes.len();
        self.order.insert(self.asked, id);
        self.chunks.insert(id, (bytes, self.asked));
        self.last = Some(Instant::now());
        while self.len > most
            && let Some((_, first)) = self.order.first_key_value()
        {
            self.remove(*first);
        }
    }

    fn remove(&mut self, id: Digest) {
        if let Some((bytes, at)) = self.chunks.remove(&id) {
            self.order.remove(&at);
            self.len -= bytes.len();
        }
    }
}

/// How much memory this host has, in bytes.
fn memory() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram as u64 * u64::from(info.mem_unit.max(1))
}

/// The place of somebody who reads a chunk, or waits for another one who reads it: boards that were told at the same time
/// ask for the same one at the same time.
pub(super) struct Turn<'a> {
    recent: &'a Recent,
    id: Digest,
    pub(super) lock: Arc<tokio::sync::Mutex<()>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut coming = self.recent.coming.lock().unwrap_or_else(PoisonError::into_inner);
        // The list's and this one: nobody else waits.
        if Arc::strong_count(&self.lock) <= 2 {
            coming.remove(&self.id);
        }
    }
}

impl Recent {
    pub(super) fn turn(&self, id: Digest) -> Turn<'_> {
        let mut coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        Turn { recent: self, id, lock: Arc::clone(coming.entry(id).or_default()) }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, id: Digest) -> Option<Bytes> {
        self.list().get(id)
    }

    pub(super) fn put(&self, id: Digest, bytes: Bytes) {
        self.list().put(id, bytes, self.most);
    }

    /// Gives the memory back where nobody has asked lately.
    pub(super) fn rest(&self) {
        let mut list = self.list();
        if list.last.is_some_and(|last| last.elapsed() >= REST) {
            *list = List::default();
        }
    }
}

impl Default for Recent {
    fn default() -> Self {
        let most = (memory() / SHARE).clamp(*RECENT.start(), *RECENT.end());
        Self {
            most: usize::try_from(most).unwrap_or(usize::MAX),
            list: Mutex::default(),
            coming: Mutex::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_chunk_that_many_ask_for_at_once_is_read_once() {
        let (recent, id, reads) = (Recent::default(), Digest([1; 32]), AtomicU32::new(0));
        let board = async || {
            let turn = recent.turn(id);
            let _one = turn.lock.lock().await;
            if recent.get(id).is_none() {
                reads.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                recent.put(id, Bytes::from_static(b"x"));
            }
        };
        futures::future::join_all((0..10).map(|_| board())).await;
        assert_eq!(reads.load(Ordering::Relaxed), 1);
        assert!(recent.get(id).is_some());
        // One that goes away while it waits leaves nothing behind.
        let (turn, other) = (recent.turn(id), recent.turn(id));
        drop(turn);
        assert_eq!(recent.coming.lock().unwrap().len(), 1);
        drop(other);
        assert!(recent.coming.lock().unwrap().is_empty());
    }

    #[test]
    fn what_was_asked_for_longest_ago_makes_room() {
        let mut list = List::default();
        let id = |n: u8| Digest([n; 32]);
        for n in 0..4 {
            list.put(id(n), Bytes::from(vec![n; 10]), 40);
        }
        assert!(list.get(id(0)).is_some());
        list.put(id(4), Bytes::from(vec![4; 15]), 40);
        let there: Vec<_> = (0..5).filter(|n| list.get(id(*n)).is_some()).collect();
        assert_eq!((there, list.len), (vec![0, 3, 4], 35));
        // The same once more is there once.
        list.put(id(4), Bytes::from(vec![4; 15]), 40);
        assert_eq!((list.len, list.order.len(), list.chunks.len()), (35, 3, 3));
        // What is longer than all isn't kept.
        list.put(id(5), Bytes::from(vec![5; 41]), 40);
        assert_eq!((list.len, list.order.len()), (0, 0));
    }

    #[test]
    fn the_memory_that_is_lent_is_bounded() {
        let recent = Recent::default();
        assert!(RECENT.contains(&(recent.most as u64)) && memory() > *RECENT.start());
    }
}
