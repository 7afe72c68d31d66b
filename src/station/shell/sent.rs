//! How far clients that can't tell it themselves are: what the station has sent them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Jobs that are remembered before those that nothing goes to are forgotten.
const SWEEP_ABOVE: usize = 1000;
/// For so long a board is told to start again after its job.
const OWED: Duration = Duration::from_secs(600);

/// What was sent, by job.
#[derive(Debug, Clone, Default)]
pub(in crate::station) struct Streams {
    inside: Arc<Mutex<Inside>>,
}

#[derive(Debug, Default)]
struct Inside {
    jobs: HashMap<String, Sent>,
    /// Boards that have registered, and haven't asked since.
    fresh: HashMap<String, Instant>,
    /// Boards that are to start again.
    owed: HashMap<String, Instant>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sent {
    fence: u64,
    open: u32,
    /// All before this was sent.
    to: u64,
    all: u64,
    /// It reads its disk back.
    proves: bool,
    /// How often it was told what to do.
    told: u64,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Far {
    /// Nothing is known to have been sent.
    Nothing,
    /// Something goes over the wire right now.
    Open,
    /// A part was sent, and the connection has ended.
    Part,
    /// Everything was.
    All,
}

/// Bytes of a job on their way.
#[derive(Debug)]
pub(super) struct Stream {
    streams: Streams,
    job: String,
    fence: u64,
}

impl Streams {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entry of a job, with the number that counts now.
    fn with<T>(&self, job: &str, fence: u64, change: impl FnOnce(&mut Sent) -> T) -> T {
        let mut inside = self.inside();
        if inside.jobs.len() > SWEEP_ABOVE && !inside.jobs.contains_key(job) {
            inside.jobs.retain(|_, sent| sent.open > 0);
        }
        let sent = inside.jobs.entry(job.to_owned()).or_default();
        if sent.fence < fence {
            *sent = Sent { fence, ..Sent::default() };
        }
        change(sent)
    }

    /// A client fetches from this byte on, of so many. It has what is before.
    pub(super) fn begin(&self, job: &str, fence: u64, from: u64, all: u64) -> Stream {
        self.with(job, fence, |sent| {
            sent.open += 1;
            sent.all = all;
            // It asks for this once more, so it hasn't got it.
            sent.to = if from <= sent.to { from } else { sent.to };
        });
        Stream { streams: self.clone(), job: job.to_owned(), fence }
    }

    pub(super) fn far(&self, job: &str, fence: u64) -> Far {
        self.with(job, fence, |sent| match *sent {
            Sent { fence: held, .. } if held != fence => Far::Nothing,
            Sent { open: 1.., .. } => Far::Open,
            Sent { all: 0, .. } => Far::Nothing,
            Sent { to, all, .. } if to >= all => Far::All,
            _ => Far::Part,
        })
    }

    /// Whether everything was sent, also where it is still under way.
    pub(super) fn reaches(&self, job: &str, fence: u64) -> bool {
        self.with(job, fence, |sent| sent.fence == fence && sent.all > 0 && sent.to >= sent.all)
    }

    /// It has begun to read its disk back.
    pub(super) fn proves(&self, job: &str, fence: u64) {
        self.with(job, fence, |sent| sent.proves = true);
    }

    pub(super) fn is_proving(&self, job: &str, fence: u64) -> bool {
        self.with(job, fence, |sent| sent.proves && sent.fence == fence)
    }

    /// It is told what to do; the how-manieth time.
    pub(super) fn tell(&self, job: &str, fence: u64) -> u64 {
        self.with(job, fence, |sent| {
            sent.told += 1;
            sent.told
        })
    }

    pub(super) fn told(&self, job: &str, fence: u64) -> u64 {
        self.with(job, fence, |sent| sent.told)
    }

    pub(super) fn forget(&self, job: &str) {
        self.inside().jobs.remove(job);
    }

    /// A board's client has started.
    pub(super) fn registers(&self, board: &str) {
        let mut inside = self.inside();
        if inside.fresh.len() > SWEEP_ABOVE {
            inside.fresh.retain(|_, since| since.elapsed() < OWED);
        }
        inside.fresh.insert(board.to_owned(), Instant::now());
        inside.owed.remove(board);
    }

    /// Whether it asks for the first time since then.
    pub(super) fn is_fresh(&self, board: &str) -> bool {
        self.inside().fresh.remove(board).is_some()
    }

    /// A board is to start again when it asks next.
    pub(super) fn owes(&self, board: &str) {
        let mut inside = self.inside();
        inside.owed.retain(|_, since| since.elapsed() < OWED);
        inside.owed.insert(board.to_owned(), Instant::now());
    }

    pub(super) fn is_owed(&self, board: &str) -> bool {
        self.inside().owed.get(board).is_some_and(|since| since.elapsed() < OWED)
    }
}

impl Stream {
    /// All from `from` on up to this byte was sent. No, where the job was given out again since.
    pub(super) fn sent(&self, from: u64, to: u64) -> bool {
        self.streams.with(&self.job, self.fence, |sent| {
            let counts = sent.fence == self.fence;
            if counts && from <= sent.to {
                sent.to = sent.to.max(to);
            }
            counts
        })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut inside = self.streams.inside();
        if let Some(sent) = inside.jobs.get_mut(&self.job).filter(|sent| sent.fence == self.fence) {
            sent.open = sent.open.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_sent_only_where_each_byte_was_and_nobody_asks_for_it_again() {
        let streams = Streams::default();
        assert_eq!(streams.far("j", 1), Far::Nothing);
        let one = streams.begin("j", 1, 0, 100);
        assert!(one.sent(0, 60));
        assert_eq!(streams.far("j", 1), Far::Open);
        drop(one);
        assert_eq!(streams.far("j", 1), Far::Part);
        // The end alone, without what lies between.
        let end = streams.begin("j", 1, 90, 100);
        assert!(end.sent(90, 100));
        drop(end);
        assert_eq!(streams.far("j", 1), Far::Part);
        // It got 50 of the 60, and goes on from there.
        let rest = streams.begin("j", 1, 50, 100);
        assert!(rest.sent(50, 100));
        drop(rest);
        assert_eq!(streams.far("j", 1), Far::All);
        // What was in flight was lost.
        drop(streams.begin("j", 1, 80, 100));
        assert_eq!(streams.far("j", 1), Far::Part);
    }

    #[test]
    fn a_stream_of_before_counts_for_nothing() {
        let streams = Streams::default();
        let old = streams.begin("j", 1, 0, 100);
        let new = streams.begin("j", 2, 0, 100);
        assert!(!old.sent(0, 100));
        drop(old);
        assert_eq!(streams.far("j", 2), Far::Open);
        drop(new);
        assert_eq!(streams.far("j", 2), Far::Part);
        assert_eq!(streams.far("j", 1), Far::Nothing);
    }

    #[test]
    fn a_board_is_told_to_start_again_until_it_has() {
        let streams = Streams::default();
        streams.owes("b");
        assert!(streams.is_owed("b") && streams.is_owed("b") && !streams.is_owed("c"));
        streams.registers("b");
        assert!(!streams.is_owed("b"));
        assert!(streams.is_fresh("b") && !streams.is_fresh("b"));
    }
}
