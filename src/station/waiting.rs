//! Boards that ask for work, and wait for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How long a board counts as present after it has asked.
const PRESENT: Duration = Duration::from_secs(45);
/// Boards that are remembered, at least.
const SWEEP_ABOVE: usize = 1000;

/// Who waits.
#[derive(Debug, Default)]
pub struct Waiting {
    boards: Mutex<HashMap<String, Entry>>,
}

#[derive(Debug)]
struct Entry {
    notify: Arc<Notify>,
    last: Instant,
    /// Which of its keys it showed.
    key: String,
}

impl Waiting {
    fn boards(&self) -> std::sync::MutexGuard<'_, HashMap<String, Entry>> {
        self.boards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A board asks, with a key. What is given back wakes when there is something new for it. It must be
    /// [enabled](tokio::sync::futures::Notified::enable) before work is looked for.
    pub fn asks(&self, board: &str, key: &str) -> Arc<Notify> {
        let mut boards = self.boards();
        let now = Instant::now();
        if boards.len() > SWEEP_ABOVE && !boards.contains_key(board) {
            boards.retain(|_, entry| {
                now.duration_since(entry.last) < PRESENT || Arc::strong_count(&entry.notify) > 1
            });
        }
        let entry = boards.entry(board.to_owned()).or_insert_with(|| Entry {
            notify: Arc::new(Notify::new()),
            last: now,
            key: String::new(),
        });
        entry.last = now;
        key.clone_into(&mut entry.key);
        Arc::clone(&entry.notify)
    }

    /// A board was heard while it is at work: it is as present as one that asks.
    pub fn heard(&self, board: &str) {
        if let Some(entry) = self.boards().get_mut(board) {
            entry.last = Instant::now();
        }
    }

    /// A board is to look again.
    pub fn wake(&self, board: &str) {
        if let Some(entry) = self.boards().get(board) {
            entry.notify.notify_waiters();
        }
    }

    /// Whether a board asked lately with another key than this.
    pub fn is_there_with_another(&self, board: &str, key: &str) -> bool {
        let boards = self.boards();
        boards.get(board).is_some_and(|entry| entry.key != key && entry.last.elapsed() < PRESENT)
    }

    /// Whether a board is present.
    pub fn is_present(&self, board: &str) -> bool {
        self.boards().get(board).is_some_and(|entry| entry.last.elapsed() < PRESENT)
    }

    /// How long ago a board has asked last, where it is present.
    pub fn asked(&self, board: &str) -> Option<Duration> {
        let boards = self.boards();
        boards.get(board).map(|entry| entry.last.elapsed()).filter(|ago| *ago < PRESENT)
    }

    /// Those that are present, in no order.
    pub fn boards_present(&self) -> Vec<String> {
        let boards = self.boards();
        let present = boards.iter().filter(|(_, entry)| entry.last.elapsed() < PRESENT);
        present.map(|(board, _)| board.clone()).collect()
    }

    /// How many are present.
    pub fn present(&self) -> u64 {
        let boards = self.boards();
        boards.values().filter(|entry| entry.last.elapsed() < PRESENT).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_board_that_waits_is_woken_at_once_and_nobody_else() {
        let waiting = Waiting::default();
        let (one, other) = (waiting.asks("one", "k"), waiting.asks("other", "k"));
        let (one, other) = (one.notified(), other.notified());
        tokio::pin!(one, other);
        assert!(!one.as_mut().enable() && !other.as_mut().enable());
        waiting.wake("one");
        waiting.wake("nobody");
        tokio::time::timeout(Duration::from_secs(5), one).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(20), other).await.is_err());
        assert_eq!(waiting.present(), 2);
        assert!(waiting.is_there_with_another("one", "x") && !waiting.is_there_with_another("one", "k"));
    }
}
