//! What was asked for, what runs, and what has ended: one turn for each board that comes, each job that begins, each image
//! that was read back, and each end. No clock, no processes.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::station_api::{HostEvent, HostHookRun, Image, Job, JobState};

/// Turns that are remembered.
const MOST: usize = 10_000;
/// Hooks whose end is remembered for people.
const LAST: usize = 100;

/// Hooks that are to be run, one event after the other.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Its turn.
    pub(super) key: String,
    pub(super) events: &'static [HostEvent],
    /// By id.
    pub(super) board: String,
    pub(super) job: Option<Job>,
    /// What its disk has.
    pub(super) image: Option<Image>,
    /// What they did goes into the run's record at once; else somebody asks for it.
    pub(super) notes: bool,
}

impl Asked {
    pub(super) fn of_board(board: &str) -> Self {
        let (key, board) = (board.to_owned(), board.to_owned());
        Self { key, events: &[HostEvent::Bootstrap], board, job: None, image: None, notes: false }
    }

    pub(super) fn of_job(job: Job) -> Self {
        let (key, board) = (job.id.clone(), job.board.clone());
        Self { key, events: &[HostEvent::Started], board, job: Some(job), image: None, notes: false }
    }

    pub(super) fn of_image(key: &str, job: Job, image: Image) -> Self {
        let (key, board) = (key.to_owned(), job.board.clone());
        let events = &[HostEvent::BootMounted, HostEvent::RootMounted];
        Self { key, events, board, job: Some(job), image: Some(image), notes: true }
    }

    pub(super) fn of_end(job: Job) -> Self {
        let done = matches!(job.state, JobState::Done | JobState::Finishing);
        let events: &[HostEvent] = if done { &[HostEvent::Done] } else { &[HostEvent::Failed] };
        let (key, board) = (format!("{} {} end", job.id, job.fence), job.board.clone());
        Self { key, events, board, job: Some(job), image: None, notes: true }
    }
}

/// What hooks did.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    pub(super) ran: Vec<HostHookRun>,
    /// For the log of the run.
    pub(super) lines: Vec<String>,
    /// Why their job may not go on.
    pub(super) failed: Option<String>,
}

impl Outcome {
    /// One has ended.
    pub(super) fn put(&mut self, ran: HostHookRun, lines: Vec<String>) {
        let hook = if ran.hook.is_empty() { ran.event.word() } else { &ran.hook };
        self.lines.extend(lines.into_iter().map(|line| format!("hook {hook}: {line}")));
        let seconds = ran.ended.seconds;
        self.lines.push(match ran.ended.is_well() {
            true => format!("hook {hook}: ended well after {seconds:.1} s"),
            false => format!("hook {hook}: {} after {seconds:.1} s", ran.ended.how()),
        });
        self.ran.push(ran);
    }

    /// Those of the next event. `decides`: one that has failed ends all.
    pub(super) fn add(&mut self, more: Self, decides: bool) {
        if decides {
            self.failed = self.failed.take().or_else(|| more.ran.iter().find_map(HostHookRun::wrong));
        }
        self.ran.extend(more.ran);
        self.lines.extend(more.lines);
    }

    /// With so much as a log takes at once.
    pub(super) fn with_limit(mut self) -> Self {
        let more = self.lines.len().saturating_sub(MOST);
        if more > 0 {
            self.lines.truncate(MOST);
            self.lines.push(format!("{more} more lines of hooks are not in this log"));
        }
        self
    }
}

/// How far a turn is.
#[derive(Debug, Clone)]
pub(super) enum Turn {
    /// It waits, or is at work.
    Runs,
    /// It has ended.
    Over(Outcome),
}

/// All of them.
#[derive(Debug, Default)]
pub(in crate::station) struct Turns {
    inside: Mutex<Inside>,
    /// Rung when something is to be run.
    pub(super) bell: Notify,
    /// Told to all when a turn has ended.
    pub(super) ended: Notify,
}

#[derive(Debug, Default)]
struct Inside {
    turns: HashMap<String, Turn>,
    queue: VecDeque<Asked>,
    ends: HashSet<String>,
    last: VecDeque<HostHookRun>,
}

impl Inside {
    fn begin(&mut self, asked: Asked) {
        if self.turns.len() >= MOST {
            self.turns.retain(|_, turn| matches!(turn, Turn::Runs));
        }
        self.turns.insert(asked.key.clone(), Turn::Runs);
        self.queue.push_back(asked);
    }
}

impl Turns {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far a turn is; it begins where it hasn't.
    pub(super) fn turn(&self, asked: impl FnOnce() -> Asked, key: &str) -> Turn {
        let mut inside = self.inside();
        if let Some(turn) = inside.turns.get(key) {
            return turn.clone();
        }
        inside.begin(asked());
        self.bell.notify_one();
        Turn::Runs
    }

    /// A turn begins, also where there was one. One that runs goes on.
    pub(super) fn begin_anew(&self, asked: Asked) {
        let mut inside = self.inside();
        if !matches!(inside.turns.get(&asked.key), Some(Turn::Runs)) {
            inside.begin(asked);
            self.bell.notify_one();
        }
    }

    /// What is to be run next.
    pub(super) fn next(&self) -> Option<Asked> {
        self.inside().queue.pop_front()
    }

    /// A turn has ended.
    pub(super) fn over(&self, key: &str, outcome: Outcome) {
        let mut inside = self.inside();
        for ran in &outcome.ran {
            inside.last.push_front(ran.clone());
        }
        inside.last.truncate(LAST);
        // Nobody asks for those of an end.
        if key.ends_with(" end") {
            inside.turns.remove(key);
        } else {
            inside.turns.insert(key.to_owned(), Turn::Over(outcome));
        }
        drop(inside);
        self.ended.notify_waiters();
    }

    /// What was done when a board came, and when its job began; told once. What has failed is done again the next time.
    pub(super) fn take(&self, board: &str, job: &str) -> (Option<Outcome>, Option<Outcome>) {
        let mut inside = self.inside();
        let came = match inside.turns.get_mut(board) {
            Some(Turn::Over(came)) => Some(std::mem::take(came)),
            _ => None,
        };
        if came.as_ref().is_some_and(|came| came.failed.is_some()) {
            inside.turns.remove(board);
        }
        let begun = match inside.turns.get(job) {
            Some(Turn::Over(_)) => inside.turns.remove(job),
            _ => None,
        };
        let begun = match begun {
            Some(Turn::Over(begun)) => Some(begun),
            _ => None,
        };
        (came, begun)
    }

    /// Whether the end of a job is told for the first time. What was remembered of its attempt goes.
    pub(super) fn is_new_end(&self, job: &Job) -> bool {
        let key = format!("{} {}", job.id, job.fence);
        let mut inside = self.inside();
        inside.turns.remove(&key);
        if inside.ends.len() >= MOST {
            inside.ends.clear();
        }
        inside.ends.insert(key)
    }

    /// How the last ones ended, the newest first.
    pub(super) fn last(&self) -> Vec<HostHookRun> {
        self.inside().last.iter().cloned().collect()
    }
}
