//! A run that goes on: what it does is told, and its record is kept.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;

use super::ledger::{self, Kept, Ledger};
use super::{Detail, Ending, Event, Record, RunId, Stage, Tell, Way, What};
use crate::board::Who;
use crate::error::Remedy;

/// A record keeps so many warnings; a board that makes more of them makes no more news.
const MOST_WARNINGS: usize = 32;

/// A point in time, on the clock of people and on that for durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// In UTC.
    pub time: Timestamp,
    /// On a clock that nobody sets.
    pub at: Instant,
}

impl Moment {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        Self { time: now(), at: Instant::now() }
    }
}

/// Where the runs of a program are told and kept. Clones are the same.
#[derive(Clone)]
pub struct Runs {
    tell: Arc<dyn Tell>,
    ledger: Option<Arc<Ledger>>,
    /// Why a record couldn't be completed: the first time.
    lost: Arc<OnceLock<String>>,
}

impl std::fmt::Debug for Runs {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Runs").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

impl Runs {
    /// Told to `tell`, kept in `ledger`.
    #[must_use]
    pub fn new(tell: Arc<dyn Tell>, ledger: Ledger) -> Self {
        Self { tell, ledger: Some(Arc::new(ledger)), lost: Arc::default() }
    }

    /// Told, and not kept: for tests and benchmarks, which do nothing to anybody's board.
    #[must_use]
    pub fn unkept(tell: Arc<dyn Tell>) -> Self {
        Self { tell, ledger: None, lost: Arc::default() }
    }

    /// The same, told and not kept.
    #[must_use]
    pub fn without_ledger(&self) -> Self {
        Self { tell: Arc::clone(&self.tell), ledger: None, lost: Arc::clone(&self.lost) }
    }

    /// Whether every record is complete. A command asks at its end: what was done to a board is done, but it isn't all on
    /// record.
    ///
    /// # Errors
    /// Why one couldn't be completed: the first of them.
    pub fn complete(&self) -> Result<(), ledger::Error> {
        match self.lost.get() {
            None => Ok(()),
            Some(why) => Err(ledger::Error::Incomplete { why: why.clone() }),
        }
    }

    /// Begins a run. Its record is on disk when this returns; nothing may be done to the board before.
    ///
    /// # Errors
    /// Where the record can't be written, or the system has no random numbers for its name.
    pub fn begin(&self, way: Way, board: Who, stage: Stage) -> Result<Running, ledger::Error> {
        self.begin_with(way, board, stage, &(), Vec::new())
    }

    /// The same, where more is known at the beginning: what the record says of this way of booting, and what is not as it
    /// should be. So it is on record also where the run is killed.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn begin_with(
        &self,
        way: Way,
        board: Who,
        stage: Stage,
        detail: &impl Serialize,
        warnings: Vec<Remedy>,
    ) -> Result<Running, ledger::Error> {
        self.begin_all(way, board, (stage, Moment::now()), detail, warnings)
    }

    /// Begins a run of something that began at `began`, for a caller that is told later. See [`Running::heard_at`].
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn begin_at(
        &self,
        way: Way,
        board: Who,
        stage: Stage,
        began: Moment,
    ) -> Result<Running, ledger::Error> {
        self.begin_all(way, board, (stage, began), &(), Vec::new())
    }

    fn begin_all(
        &self,
        way: Way,
        board: Who,
        (stage, began): (Stage, Moment),
        detail: &impl Serialize,
        mut warnings: Vec<Remedy>,
    ) -> Result<Running, ledger::Error> {
        let run = ledger::new_id()?;
        let mut record = Record::begin(run, way, board, began.time);
        record.enter(stage, began.time);
        // What has no form in JSON would be a mistake in the type, which its own test finds.
        record.detail = serde_json::to_value(detail).unwrap_or_default();
        warnings.truncate(MOST_WARNINGS);
        record.warnings.clone_from(&warnings);
        let kept = match &self.ledger {
            Some(ledger) => ledger.begin(record)?,
            None => Kept::nowhere(record),
        };
        let record = &kept.record;
        let span = tracing::info_span!("run", id = %record.run, %way, board = %record.board);
        let mut running = Running {
            runs: self.clone(),
            board: Arc::new(record.board.clone()),
            kept,
            began: began.at,
            heard: None,
            done: 0,
            total: None,
            span,
        };
        running.tell(What::Began);
        for warning in warnings {
            running.tell(What::Warning(warning));
        }
        Ok(running)
    }
}

/// Now, to the millisecond.
fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(jiff::Unit::Millisecond).unwrap_or(now)
}

/// A run that goes on. Dropped before its [end](Self::end), it leaves a record that says `unfinished`.
#[derive(Debug)]
pub struct Running {
    runs: Runs,
    kept: Kept,
    board: Arc<Who>,
    began: Instant,
    /// When what is told now has happened, where that isn't now.
    heard: Option<Moment>,
    done: u64,
    total: Option<u64>,
    span: tracing::Span,
}

impl Running {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> &RunId {
        &self.kept.record.run
    }

    /// What is known of its board.
    #[must_use]
    pub fn board(&self) -> &Who {
        &self.board
    }

    /// The step that it is in.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.kept.record.stage
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.kept.record.ending != Ending::Unfinished
    }

    /// Takes what is newly known of the board.
    pub fn learn(&mut self, more: &Who) {
        let mut known = (*self.board).clone();
        known.learn(more);
        if known != *self.board {
            self.board = Arc::new(known);
        }
    }

    /// What is told from here on has happened at `moment`: for a flow whose events wait before they are told.
    pub fn heard_at(&mut self, moment: Moment) {
        self.heard = Some(moment);
    }

    /// It is in this step, and so far. Told with whatever is told next.
    pub fn set(&mut self, stage: Stage, done: u64, total: Option<u64>) {
        self.is_in(stage);
        (self.done, self.total) = (done, total);
    }

    /// It is in this step now, which is told where it is another one.
    pub fn enter(&mut self, stage: Stage) {
        if self.kept.record.stage != stage && !self.is_over() {
            self.is_in(stage);
            self.tell(What::Entered);
        }
    }

    fn is_in(&mut self, stage: Stage) {
        if self.kept.record.stage != stage {
            let at = self.heard.map_or_else(now, |heard| heard.time);
            self.kept.record.enter(stage, at);
        }
    }

    /// It is so far, in bytes.
    pub fn advance(&mut self, done: u64, total: Option<u64>) {
        (self.done, self.total) = (done, total);
        self.tell(What::Progress);
    }

    /// Tells something worth knowing.
    pub fn note(&mut self, text: impl Into<String>) {
        self.tell(What::Note(text.into()));
    }

    /// Tells something that is not as it should be. It stands in the record too.
    pub fn warn(&mut self, text: impl Into<Remedy>) {
        self.tell(What::Warning(text.into()));
    }

    /// Keeps something that is not as it should be for the record. It is told in another way.
    pub fn keep_warning(&mut self, text: Remedy) {
        let warnings = &mut self.kept.record.warnings;
        if warnings.len() < MOST_WARNINGS && !warnings.contains(&text) {
            warnings.push(text);
        }
    }

    /// Tells something that only this way of booting has.
    pub fn detail(&mut self, detail: impl Detail + 'static) {
        self.tell(What::detail(detail));
    }

    /// What the record says of this way of booting, in place of what it said before.
    pub fn keep(&mut self, detail: &impl Serialize) {
        // What has no form in JSON would be a mistake in the type, which its own test finds.
        self.kept.record.detail = serde_json::to_value(detail).unwrap_or_default();
    }

    /// Tells an event. Of a run that has ended nothing is told but notes and warnings: of files that are tidied up.
    pub fn tell(&mut self, what: What) {
        if self.is_over() && !matches!(what, What::Note(_) | What::Warning(_)) {
            return;
        }
        match what {
            What::Ended(ending) => {
                self.end(ending);
            }
            What::Warning(text) => {
                self.keep_warning(text.clone());
                self.send(What::Warning(text));
            }
            what => self.send(what),
        }
    }

    /// Ends it: the record is completed, then the end is told. A second end changes nothing.
    pub fn end(&mut self, ending: Ending) -> &Record {
        if self.is_over() {
            return &self.kept.record;
        }
        let record = &mut self.kept.record;
        let ended = self.heard.map_or_else(Instant::now, |heard| heard.at);
        let took = ended.saturating_duration_since(self.began);
        record.seconds = Some((took.as_secs_f64() * 1000.0).round() / 1000.0);
        record.board = (*self.board).clone();
        record.ending = ending.clone();
        if let Some(ledger) = &self.runs.ledger
            && let Err(error) = ledger.write(&self.kept)
        {
            // What was done to the board is done; that its record isn't complete is told with it.
            let why = crate::error::chain(&error);
            self.send(What::Warning(format!("its record can't be completed: {why}").into()));
            let _ = self.runs.lost.set(why);
        }
        self.send(What::Ended(ending));
        &self.kept.record
    }

    /// Completes the record of a run that has ended with what became known only then.
    ///
    /// # Errors
    /// Where it can't be written, or what is read again differs.
    pub fn amend(&mut self, detail: &impl Serialize) -> Result<(), ledger::Error> {
        self.keep(detail);
        match &self.runs.ledger {
            Some(ledger) => ledger.write(&self.kept).map(drop).inspect_err(|error| {
                let _ = self.runs.lost.set(crate::error::chain(error));
            }),
            None => Ok(()),
        }
    }

    /// Its record as it is now.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.kept.record
    }

    fn send(&self, what: What) {
        let stage = self.stage();
        match &what {
            What::Progress => {}
            What::Began | What::Entered => tracing::debug!(parent: &self.span, %stage, "{}", what.word()),
            What::Note(text) => tracing::info!(parent: &self.span, %stage, "{text:?}"),
            What::Warning(text) => tracing::warn!(parent: &self.span, %stage, "{:?}", text.plain()),
            What::Detail(detail) => match detail.line() {
                Some(line) if detail.is_warning() => tracing::warn!(parent: &self.span, %stage, "{line:?}"),
                Some(line) => tracing::debug!(parent: &self.span, %stage, "{line:?}"),
                None => tracing::trace!(parent: &self.span, %stage, "{}", detail.word()),
            },
            What::Ended(ending) => {
                let why = ending.why().unwrap_or_default();
                tracing::info!(parent: &self.span, %stage, outcome = ending.word(), ?why, "ended");
            }
        }
        self.runs.tell.tell(Event {
            time: self.heard.map_or_else(now, |heard| heard.time),
            run: self.id().clone(),
            way: self.kept.record.way,
            board: Arc::clone(&self.board),
            stage,
            done: self.done,
            total: self.total,
            what,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::run::Proof;

    #[test]
    fn a_run_is_told_and_kept_from_its_begin_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let (tell, told) = channel();
        let runs = Runs::new(Arc::new(tell), Ledger::open(dir.path()).unwrap());
        let mut running = runs.begin(Way::UsbBoot, Who::named("lab-01"), Stage::Open).unwrap();
        let on_disk = || Ledger::open(dir.path()).unwrap().one(running_id(&told)).unwrap();
        fn running_id(told: &std::sync::mpsc::Receiver<Event>) -> &'static str {
            Box::leak(told.recv().unwrap().run.to_string().into_boxed_str())
        }
        let first = on_disk();
        assert_eq!((first.ending.word(), first.stage, first.seconds), ("unfinished", Stage::Open, None));
        running.learn(&Who { serial: Some("af04b2da".parse().unwrap()), ..Who::default() });
        running.enter(Stage::FirstStage);
        running.enter(Stage::FirstStage);
        running.advance(5, Some(10));
        running.warn("x");
        running.warn("x");
        running.keep(&serde_json::json!({ "files": 3 }));
        let record = running.end(Ending::Done { proof: Proof::Board }).clone();
        running.end(Ending::Lost { why: "late".into(), hint: None });
        running.enter(Stage::Done);
        running.note("late");
        let words: Vec<_> = told.try_iter().map(|event| event.what.word()).collect();
        assert_eq!(words, ["entered", "progress", "warning", "warning", "ended", "note"]);
        let ledger = Ledger::open(dir.path()).unwrap();
        let kept: Vec<_> = ledger.records().unwrap().filter_map(|found| found.record).collect();
        assert_eq!(kept, std::slice::from_ref(&record));
        assert_eq!((record.warnings.len(), record.board.serial.is_some()), (1, true));
    }

    #[test]
    fn what_is_told_late_has_the_time_at_which_it_happened() {
        let (tell, told) = channel();
        let began = Moment { time: "2026-11-28T10:00:00Z".parse().unwrap(), at: Instant::now() };
        let runs = Runs::unkept(Arc::new(tell));
        let mut running = runs.begin_at(Way::NetBoot, Who::named("a"), Stage::Address, began).unwrap();
        let later = |seconds: u64| Moment {
            time: began.time + std::time::Duration::from_secs(seconds),
            at: began.at + std::time::Duration::from_secs(seconds),
        };
        running.heard_at(later(3));
        running.enter(Stage::Kernel);
        running.heard_at(later(7));
        let record = running.end(Ending::Done { proof: Proof::Board });
        assert_eq!((record.started, record.seconds), (began.time, Some(7.0)));
        let times: Vec<_> = told.try_iter().skip(1).map(|event| event.time).collect();
        assert_eq!(times, [later(3).time, later(7).time]);
    }

    #[test]
    fn without_a_place_for_its_record_no_run_begins() {
        let dir = tempfile::tempdir().unwrap();
        let (tell, told) = channel();
        let runs = Runs::new(Arc::new(tell), Ledger::open(dir.path()).unwrap());
        std::fs::remove_dir(dir.path().join("runs")).unwrap();
        assert!(runs.begin(Way::Reset, Who::named("a"), Stage::Reset).is_err());
        assert!(told.try_recv().is_err());
    }
}
