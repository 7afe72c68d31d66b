//! Each board's boot as a run: told, and on record from when the board is first heard to its end.
//!
//! This is done in a thread of its own, behind the [queue](super::queue), and not where a DISCOVER is answered: boards
//! repeat themselves within seconds, and while a disk syncs for one of them the others must go on. So here, other than
//! where a host goes to a board, an answer may be out before the record is on disk: the board has come by itself, and
//! nothing is done to it but to give it what it asks for. For the same reason a boot whose record can't be written goes
//! on, which is told.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::allowance::Allowance;
use super::event::{Event, Totals, What};
use super::queue::{News, Queue, Stepped};
use crate::board::Who;
use crate::error::{Kind, chain};
use crate::netboot::reason::{Grade, Told};
use crate::netboot::steps::{Boot, Happened, Id, Step};
use crate::run::{Ending, Moment, Proof, Running, Runs, Stage, Way};

/// Tells an event of the server; called from one thread.
pub type Tell<'a> = &'a (dyn Fn(&Event) + Send + Sync);

/// Boards that are kept at least; the account of all boots forgets some before.
const MOST: usize = 2048;
/// A board that starts again and again fills no disk: so many boots are recorded at once, and then one in a while.
const OF_BOARD: (u32, Duration) = (64, Duration::from_secs(600));
/// The same for all boards together: a sender that invents boards fills no disk either.
const OF_ALL: (u32, Duration) = (4096, Duration::from_secs(10));
/// How often it is said that boots are not recorded.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// The runs of all boards' boots.
pub(super) struct Boots<'a> {
    runs: &'a Runs,
    tell: Tell<'a>,
    boards: HashMap<Id, Board>,
    allowance: Allowance,
    /// When it was said last that boots are not recorded.
    warned: Option<Instant>,
    totals: Totals,
}

struct Board {
    /// The last one.
    running: Option<Running>,
    boot: Boot,
    began: Moment,
    /// Bytes that were told of.
    done: u64,
    allowance: Allowance,
}

impl<'a> Boots<'a> {
    pub(super) fn new(runs: &'a Runs, tell: Tell<'a>) -> Self {
        Self {
            runs,
            tell,
            boards: HashMap::new(),
            allowance: Allowance::new(OF_ALL, Instant::now()),
            warned: None,
            totals: Totals::default(),
        }
    }

    /// Tells and records all that comes, until the queue is closed.
    pub(super) fn run(&mut self, queue: &Queue) {
        while let Some((news, left_out)) = queue.take() {
            news.into_iter().for_each(|news| self.take(news));
            if left_out > 0 {
                let text = format!(
                    "{} were left out: the disk with the records, or the reader of this, is too slow",
                    crate::format::count(left_out, "event")
                );
                self.warn(Moment::now(), text);
            }
        }
    }

    fn take(&mut self, news: News) {
        match news {
            News::Server { moment, what } => (self.tell)(&Event { time: moment.time, what }),
            News::Step(stepped) => self.step(stepped),
            News::Bytes { id, bytes, moment } => {
                let Some(board) = self.boards.get_mut(&id) else { return };
                // Several files may be on their way.
                let done = board.done.max(board.boot.bytes.saturating_add(bytes));
                board.done = done;
                if let Some(running) = board.going_on() {
                    running.heard_at(moment);
                    running.advance(done, None);
                }
            }
        }
    }

    fn step(&mut self, stepped: Stepped) {
        let Stepped { id, step, board: who, stage, trail, moment } = stepped;
        if step == Step::Forgotten {
            if let Some(mut board) = self.boards.remove(&id) {
                board.leave(
                    "more boards are heard than are followed, and it was heard longest ago",
                    None,
                    moment,
                );
            }
            return;
        }
        if let Step::Reason(told) = step {
            return self.reason(id, &told, who, (stage, trail), moment);
        }
        let mut board = self.boards.remove(&id).unwrap_or_else(|| {
            self.totals.boards += 1;
            Board::new(moment)
        });
        let last = board.running.as_ref();
        // A run that has ended stays so. One that was given up too early is followed by another of the same boot.
        let goes_on =
            last.is_some_and(|last| last.is_over() && !last.record().ending.is_done() && goes_on(&step));
        if step == Step::Again || last.is_none() {
            board.leave("it started from the beginning", None, moment);
            (board.boot, board.began, board.done) = (Boot::default(), moment, 0);
            board.running = self.begin(&mut board.allowance, who.clone(), stage, moment);
        } else if goes_on {
            board.boot.goes_on = last.map(|last| last.id().clone());
            board.boot.trouble = None;
            board.running = self.begin(&mut board.allowance, who.clone(), stage, board.began);
            if let Some(running) = &mut board.running {
                running.heard_at(moment);
                running.note("it goes on after all");
            }
        }
        board.take(step, &who, (stage, trail), moment, &mut self.totals);
        if self.boards.len() >= MOST {
            self.boards.retain(|_, board| board.running.as_ref().is_some_and(|running| !running.is_over()));
        }
        self.boards.insert(id, board);
    }

    /// A board gets no answer, or not the one that it wants: told with its boot, and in its record.
    fn reason(&mut self, id: Id, told: &Told, who: Who, at: (Stage, String), moment: Moment) {
        let board = self
            .boards
            .get_mut(&id)
            .and_then(|board| Some((&mut board.boot, board.done, board.running.as_mut()?)));
        let Some((boot, done, running)) = board else { return self.remark(who, told.clone(), moment) };
        let (stage, trail) = at;
        boot.take(&Step::Reason(told.clone()));
        running.heard_at(moment);
        if told.grade == Grade::Warning {
            running.keep_warning(told.text());
        }
        if running.is_over() {
            // Its record has it too. That it couldn't be written is remembered by all runs.
            let _ = running.amend(boot);
            return self.remark(who, told.clone(), moment);
        }
        running.learn(&who);
        running.set(stage, done, None);
        running.detail(Happened { step: Step::Reason(told.clone()), trail });
    }

    /// Tells of a board that has no run.
    fn remark(&self, board: Who, told: Told, moment: Moment) {
        (self.tell)(&Event { time: moment.time, what: What::Reason { board, told } });
    }

    /// Begins a run. One that can't be recorded, or would be one record too many, is told all the same.
    fn begin(&mut self, allowance: &mut Allowance, who: Who, stage: Stage, began: Moment) -> Option<Running> {
        // A board that has used up what is its own takes nothing from the others.
        let allowed = allowance.take(OF_BOARD, began.at) && self.allowance.take(OF_ALL, began.at);
        let kept = allowed.then(|| self.runs.begin_at(Way::NetBoot, who.clone(), stage, began));
        let why = match kept {
            Some(Ok(running)) => return Some(running),
            Some(Err(error)) => chain(&error),
            None => "boards start again too often".to_owned(),
        };
        if self.warned.is_none_or(|at| began.at.saturating_duration_since(at) >= WARN_EVERY) {
            self.warned = Some(began.at);
            self.warn(began, format!("boots go on, but are not recorded: {why}"));
        }
        self.runs.without_ledger().begin_at(Way::NetBoot, who, stage, began).ok()
    }

    fn warn(&self, moment: Moment, text: String) {
        (self.tell)(&Event { time: moment.time, what: What::Warning { text: text.into() } });
    }

    /// Serving ends: by Ctrl-C, or because it failed. What becomes of the boots that go on isn't seen any more.
    pub(super) fn end(mut self, interrupted: bool) -> Totals {
        let kind = if interrupted { Kind::Interrupted } else { Kind::Failed };
        let now = Moment::now();
        self.boards.values_mut().for_each(|board| board.leave("serving ended", Some(kind), now));
        self.totals
    }
}

/// Whether a step shows that a board goes on which was given up.
fn goes_on(step: &Step) -> bool {
    !matches!(step, Step::Discover { .. } | Step::Address { .. } | Step::Broken { .. } | Step::Stuck { .. })
}

impl Board {
    fn new(moment: Moment) -> Self {
        let allowance = Allowance::new(OF_BOARD, moment.at);
        Self { running: None, boot: Boot::default(), began: moment, done: 0, allowance }
    }

    fn going_on(&mut self) -> Option<&mut Running> {
        self.running.as_mut().filter(|running| !running.is_over())
    }

    /// Takes a step into its run.
    fn take(&mut self, step: Step, who: &Who, at: (Stage, String), moment: Moment, totals: &mut Totals) {
        let Some(running) = self.running.as_mut().filter(|running| !running.is_over()) else { return };
        running.heard_at(moment);
        running.learn(who);
        self.boot.take(&step);
        let ending = match step {
            // It is told when the board is somewhere else already.
            Step::Stuck { trouble, why, hint } => {
                totals.stuck += 1;
                let trail = Some(&self.boot.trail).filter(|trail| !trail.is_empty()).cloned();
                Some(trouble.ending(why, Some(hint), trail))
            }
            step => {
                let up = matches!(step, Step::Up { .. });
                totals.up += u64::from(up);
                let (stage, trail) = at;
                self.boot.trail.clone_from(&trail);
                self.done = self.done.max(self.boot.bytes);
                running.set(stage, self.done, None);
                running.detail(Happened { step, trail });
                up.then_some(Ending::Done { proof: Proof::Board })
            }
        };
        if let Some(ending) = ending {
            running.keep(&self.boot);
            running.end(ending);
        }
    }

    /// Its run ends as what it was, since `why` keeps it from being followed any further.
    fn leave(&mut self, why: &str, kind: Option<Kind>, moment: Moment) {
        let Some(running) = self.running.as_mut().filter(|running| !running.is_over()) else { return };
        running.heard_at(moment);
        let trail = Some(&self.boot.trail).filter(|trail| !trail.is_empty()).cloned();
        let ending = match (running.stage(), kind) {
            (Stage::Root, _) => {
                let why = format!("it has fetched all that it needs, and {why} before its system was seen");
                Ending::NotVerified { why, hint: None }
            }
            (_, Some(kind)) => Ending::Failed {
                why: format!("{why} before the board had all that it needs"),
                last_seen: trail,
                hint: None,
                kind,
            },
            (_, None) => Ending::Lost { why: why.to_owned(), hint: None },
        };
        running.keep(&self.boot);
        running.end(ending);
    }
}

#[cfg(test)]
mod tests;
