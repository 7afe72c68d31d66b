//! Whether a loop still goes round.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Waker;

/// Shows that a loop still goes round: the loop beats, another thread counts. Clones are the same pulse.
///
/// A loop that has nothing to do waits, and doesn't beat; so it is prodded, and has to answer.
#[derive(Debug, Clone)]
pub struct Pulse {
    beats: Arc<AtomicU64>,
    prod: Waker,
}

impl Pulse {
    /// One for a loop that waits for it beside its sockets.
    ///
    /// # Errors
    /// When the process has no file descriptor left.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self::of(Waker::new()?))
    }

    /// One for a loop that is woken by `waker` anyhow.
    #[must_use]
    pub fn of(waker: Waker) -> Self {
        Self { beats: Arc::default(), prod: waker }
    }

    /// The loop was here. Cheap. Who prodded it is answered.
    pub fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// The loop takes notice of having been prodded, before it beats.
    pub fn clear(&self) {
        self.prod.clear();
    }

    /// How often the loop was there.
    #[must_use]
    pub fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    /// Wants an answer: after it the number of beats is another one, unless the loop hangs.
    pub fn prod(&self) {
        self.prod.wake();
    }
}

impl AsFd for Pulse {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.prod.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rustix::event::{PollFd, PollFlags};

    use super::*;
    use crate::stop::{Stop, until};

    #[test]
    fn a_loop_answers_and_one_that_hangs_does_not() {
        let (pulse, stop) = (Pulse::new().unwrap(), Stop::new().unwrap());
        let hangs = Stop::new().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.is_set() {
                    until(&mut [PollFd::new(&pulse, PollFlags::IN), PollFd::new(&stop, PollFlags::IN)], None)
                        .unwrap();
                    pulse.clear();
                    if hangs.is_set() {
                        let _ = stop.wait(Duration::from_secs(60));
                    }
                    pulse.beat();
                }
            });
            let answers = |within: Duration| {
                let (before, deadline) = (pulse.beats(), Instant::now() + within);
                pulse.prod();
                while pulse.beats() == before && Instant::now() < deadline {
                    std::thread::yield_now();
                }
                pulse.beats() != before
            };
            assert!((0..100).all(|_| answers(Duration::from_secs(20))));
            hangs.set();
            assert!(!answers(Duration::from_millis(50)));
            stop.set();
        });
    }
}
