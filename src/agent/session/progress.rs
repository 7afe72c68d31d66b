//! How far a job is, told to the station while it goes on; and what people are to read, line by line.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::job::Ended;
use super::{Away, Error, Session};
use crate::agent;
use crate::agent::watch::{At, Watch};
use crate::device_api::{MOST_ENTERED, Orders, Progress, StageEntered, Work};
use crate::http::Client;
use crate::run::Stage;
use crate::stop::Stop;

/// So often is looked whether there is another step to tell.
const LOOK: Duration = Duration::from_millis(100);
/// A log that grows faster than it is told is cut.
const LINES: usize = 1000;
/// So many lines are told at once.
const AT_ONCE: usize = 100;

/// Steps that were entered and are to be told, with when.
type Steps = VecDeque<(Stage, Instant)>;

/// What the threads of a job tell each other.
pub(super) struct Told<'a> {
    at: Mutex<At>,
    steps: Mutex<Steps>,
    lines: Mutex<Waiting>,
    say: &'a (dyn Fn(&str) + Sync),
}

/// Lines that are to be told.
#[derive(Default)]
struct Waiting {
    lines: VecDeque<String>,
    /// So many there was no room for.
    cut: u64,
}

impl Waiting {
    fn add(&mut self, line: &str) {
        if self.lines.len() < LINES {
            self.lines.push_back(line.chars().take(500).collect());
        } else {
            self.cut += 1;
        }
    }

    /// Those that are told next.
    fn take(&mut self) -> Vec<String> {
        let count = self.lines.len().min(AT_ONCE);
        let taken: Vec<String> = self.lines.drain(..count).collect();
        if self.cut > 0 {
            let cut = std::mem::take(&mut self.cut);
            self.lines
                .push_back(format!("{cut} lines came faster than they could be told, and are left out"));
        }
        taken
    }

    /// They were not told.
    fn give_back(&mut self, lines: Vec<String>) {
        for line in lines.into_iter().rev() {
            self.lines.push_front(line);
        }
    }
}

impl Watch for Told<'_> {
    fn at(&self, at: At) {
        let mut now = agent::lock(&self.at);
        if now.stage != at.stage {
            let mut steps = agent::lock(&self.steps);
            if steps.len() < MOST_ENTERED {
                steps.push_back((at.stage, Instant::now()));
            }
        }
        *now = at;
    }

    fn note(&self, text: String) {
        (self.say)(&text);
        agent::lock(&self.lines).add(&text);
    }
}

impl Session<'_> {
    /// Does it while the station is told how far it is. `None` where the job belongs to another one by now.
    pub(super) fn with_progress(
        &self,
        client: &Client,
        path: &str,
        work: &Work,
        stop: &Stop,
        run: impl FnOnce(&Told<'_>) -> Ended,
    ) -> Result<Option<Ended>, Error> {
        let at = At { stage: Stage::Prepare, done: 0, total: None, fetched: 0 };
        let steps = Mutex::new(Steps::from([(at.stage, Instant::now())]));
        let told = Told { at: Mutex::new(at), steps, lines: Mutex::default(), say: self.say };
        let over = self.stop.child().map_err(Error::System)?;
        let lost = AtomicBool::new(false);
        // A person looks at it too, so it is told more often than the lease needs.
        let every = Duration::from_secs(u64::from(work.lease / 4).clamp(1, 2));
        let ended = std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut last, mut stage_told, mut away) = (Instant::now(), None, Away::default());
                // What was noted last is told too, while the station takes it.
                let mut left = LINES / AT_ONCE + 1;
                loop {
                    let is_over = over.wait(LOOK);
                    let at = *agent::lock(&told.at);
                    let waiting = agent::lock(&told.lines).lines.len();
                    let is_new = !agent::lock(&told.steps).is_empty();
                    // A new step is told at once, so that what is lost is lost in the right one; and much text soon, so
                    // that there is room for more.
                    let same = stage_told == Some(at.stage) && last.elapsed() < every && waiting < AT_ONCE;
                    let is_told = waiting == 0 && !is_new;
                    if is_over && (is_told || left == 0 || lost.load(Ordering::Relaxed)) {
                        break;
                    } else if same && !is_over {
                        continue;
                    }
                    left -= usize::from(is_over);
                    last = Instant::now();
                    let log = agent::lock(&told.lines).take();
                    let steps = std::mem::take(&mut *agent::lock(&told.steps));
                    // Behind the steps: it is in the last of them, or in one that comes with the next progress.
                    let At { stage, done, total, fetched } = *agent::lock(&told.at);
                    // That a job is done is told by its result.
                    let told_as = |stage: Stage| if stage == Stage::Done { Stage::Report } else { stage };
                    stage_told = Some(stage);
                    let stage = told_as(stage);
                    let entered = steps.iter().map(|(stage, since)| StageEntered {
                        stage: told_as(*stage),
                        ago: u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
                    });
                    let entered = entered.collect();
                    let progress = Progress { fence: work.fence, stage, done, total, fetched, log, entered };
                    let reply =
                        client.post(&format!("{path}/progress")).within(every * 5).send_json(&progress);
                    match reply.and_then(crate::http::Reply::json::<Orders>) {
                        Ok(Orders { cancel }) => {
                            away.back(told.say);
                            if cancel {
                                stop.set();
                            }
                        }
                        Err(error) if matches!(error.status(), Some(403 | 404 | 409)) => {
                            lost.store(true, Ordering::Relaxed);
                            stop.set();
                        }
                        // It comes back, or the lease ends and it says so then.
                        Err(error) => {
                            agent::lock(&told.lines).give_back(progress.log);
                            let mut waiting = agent::lock(&told.steps);
                            steps.into_iter().rev().for_each(|step| waiting.push_front(step));
                            waiting.truncate(MOST_ENTERED);
                            drop(waiting);
                            if error.may_pass() {
                                away.failed(&error, told.say);
                            }
                            if is_over {
                                break;
                            }
                        }
                    }
                }
            });
            let ended = run(&told);
            over.set();
            ended
        });
        Ok((!lost.load(Ordering::Relaxed)).then_some(ended))
    }
}
