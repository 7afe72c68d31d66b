//! What the agents of jobs may fetch, remembered for a moment. A deploy asks for hundreds of chunks a second, and each
//! would ask the database five times.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::image::chunk::Digest;
use crate::station::key::Pass;

/// A job that was given to another board, and a board that was refused, fetch for so long at most. What they fetch harms
/// nobody; what they tell is looked at each time.
const MOMENT: Duration = Duration::from_secs(1);
/// Jobs that are remembered.
const MOST: usize = 1000;
/// Names of chunks that are remembered in all: 32 bytes each.
const CHUNKS: usize = 1 << 19;

/// Jobs with what they may fetch. No clock: the time comes in.
#[derive(Debug, Default)]
pub(in crate::station) struct Serving {
    jobs: Mutex<HashMap<String, Entry>>,
}

#[derive(Debug)]
struct Entry {
    pass: Pass,
    index: Digest,
    chunks: Arc<HashSet<Digest>>,
    until: Instant,
}

impl Serving {
    fn jobs(&self) -> std::sync::MutexGuard<'_, HashMap<String, Entry>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a job may fetch with this token; `None` where that isn't known, or was long ago.
    pub(super) fn allowed(&self, job: &str, pass: &Pass, now: Instant) -> Option<Arc<HashSet<Digest>>> {
        let jobs = self.jobs();
        let entry = jobs.get(job).filter(|entry| entry.pass == *pass && now < entry.until)?;
        Some(Arc::clone(&entry.chunks))
    }

    /// The chunks of an index that some job needed a moment ago.
    pub(super) fn chunks(&self, index: Digest) -> Option<Arc<HashSet<Digest>>> {
        let jobs = self.jobs();
        jobs.values().find(|entry| entry.index == index).map(|entry| Arc::clone(&entry.chunks))
    }

    /// A job may fetch these.
    pub(super) fn note(
        &self,
        job: String,
        pass: Pass,
        (index, chunks): (Digest, Arc<HashSet<Digest>>),
        now: Instant,
    ) {
        let mut jobs = self.jobs();
        let entry = Entry { pass, index, chunks, until: now + MOMENT };
        jobs.insert(job, entry);
        // Those of one image share their chunks; each is counted here, so it may be fewer.
        let len: usize = jobs.values().map(|entry| entry.chunks.len() + 1).sum();
        if jobs.len() > MOST || len > CHUNKS {
            jobs.retain(|_, entry| now < entry.until);
            if jobs.len() > MOST {
                jobs.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(fence: u64) -> Pass {
        Pass::Job { job: "j".into(), fence, board: "b".into() }
    }

    #[test]
    fn a_job_is_remembered_for_a_moment_with_the_token_that_it_was_asked_for_with() {
        let (serving, now) = (Serving::default(), Instant::now());
        let (index, chunks) = (Digest([1; 32]), Arc::new(HashSet::from([Digest([2; 32])])));
        assert!(serving.allowed("j", &pass(1), now).is_none() && serving.chunks(index).is_none());
        serving.note("j".into(), pass(1), (index, Arc::clone(&chunks)), now);
        assert_eq!(serving.allowed("j", &pass(1), now), Some(Arc::clone(&chunks)));
        assert_eq!(serving.chunks(index), Some(chunks));
        assert!(serving.allowed("j", &pass(2), now).is_none(), "it was given out again");
        assert!(serving.allowed("other", &pass(1), now).is_none());
        assert!(serving.allowed("j", &pass(1), now + MOMENT).is_none());
    }

    #[test]
    fn it_stays_small() {
        let (serving, now) = (Serving::default(), Instant::now());
        let many: Arc<HashSet<_>> = Arc::new((0..CHUNKS / 4).map(|n| Digest::of(&n.to_le_bytes())).collect());
        for n in 0..2000u32 {
            let at = now + Duration::from_millis(n.into());
            serving.note(n.to_string(), pass(1), (Digest([1; 32]), Arc::default()), at);
            assert!(serving.jobs().len() <= MOST);
        }
        for n in 0..10u32 {
            let at = now + Duration::from_secs(u64::from(n) + 100);
            serving.note(n.to_string(), pass(1), (Digest([3; 32]), Arc::clone(&many)), at);
        }
        assert!(serving.jobs().len() < 5);
    }
}
