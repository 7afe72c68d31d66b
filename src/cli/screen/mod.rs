//! The progress of many boards: one moving line a board on a terminal, one plain line an event otherwise, one object
//! an event with `--json`. It knows runs and their events, and no way of booting: what a way tells describes itself.

#[cfg(test)]
mod hostile;
mod layout;
mod lines;
mod summary;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::remedy;
use super::ui::{Bar, Severity, Style, Text, Ui};
use crate::error::Remedy;
use crate::format::{minutes, rate, size};
use crate::run::{Ending, Event, RunId, Tell, Weight, What};
use layout::{Layout, Moving};
pub(super) use lines::{Lines, Speed, moving, plain, position};
pub(super) use summary::{Facts, Summary};

/// Without moving lines, how often progress is logged.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// How often an object tells progress, for each run.
const OBJECT_EVERY: Duration = Duration::from_millis(200);

/// Shows the events of all boards.
pub(super) struct Screen {
    ui: Ui,
    lines: Lines,
    state: Mutex<State>,
    /// Whether nothing follows that tells each board's hint: a service goes on.
    service: bool,
}

struct State {
    rows: BTreeMap<RunId, Row>,
    layout: Layout,
}

/// Something that a server says of a client or another host, beside the boards' runs.
pub(super) struct Remark<'a> {
    /// When it was.
    pub(super) time: Timestamp,
    /// Of which client; `None` where the sentence says it.
    pub(super) label: Option<String>,
    /// Whether something is not as it should be.
    pub(super) is_warning: bool,
    /// What it is.
    pub(super) why: &'a str,
    /// What helps; may say nothing.
    pub(super) hint: &'a Remedy,
}

/// A board that is shown.
struct Row {
    bar: Option<Bar>,
    began: Instant,
    speed: Speed,
    /// Bytes per second, 0 as long as nothing is known.
    rate: u64,
    at: String,
    /// When a line of the log was last about it.
    logged: Option<Instant>,
    /// When an object last told its progress.
    moved: Option<Instant>,
}

impl Screen {
    /// `names` are boards that will be shown; others may come. So lines don't jump when the next name is longer.
    pub(super) fn new<'a>(ui: &Ui, names: impl IntoIterator<Item = &'a str>) -> Self {
        let lines = Lines::new(ui);
        let layout = Layout::new(names, ui.width_err.unwrap_or(80));
        let state = Mutex::new(State { rows: BTreeMap::new(), layout });
        Self { ui: ui.clone(), lines, state, service: false }
    }

    /// The same for a service, which goes on after a board's end: no summary tells its hint, so this does.
    pub(super) fn of_service(ui: &Ui) -> Self {
        Self { service: true, ..Self::new(ui, []) }
    }

    /// A line above the moving ones.
    pub(super) fn above(&self, line: impl std::fmt::Display) {
        self.lines.above(line);
    }

    /// Prints something else, where no moving line is in its way.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        self.lines.aside(print);
    }

    /// Lines that move go away.
    pub(super) fn finish(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for bar in state.rows.values().filter_map(|row| row.bar.as_ref()) {
            bar.finish_and_clear();
        }
    }

    /// Shows one event.
    pub(super) fn event(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { rows, layout } = &mut *state;
        if self.service
            && matches!(event.what, What::Note(_) | What::Warning(_))
            && !rows.contains_key(&event.run)
        {
            // What is said of a run that is over brings no line back.
            return self.show(&mut Row::new(None), *layout, event);
        }
        let row = rows.entry(event.run.clone()).or_insert_with(|| Row::new(self.lines.add()));
        row.digest(event);
        if !self.ui.json {
            layout.make_room_for(&event.board.label());
        }
        self.show(row, *layout, event);
        // A service shows what goes on; what is over is in its log.
        if self.service
            && matches!(event.what, What::Ended(_))
            && let Some(bar) = rows.remove(&event.run).and_then(|row| row.bar)
        {
            self.lines.remove(&bar);
        }
    }

    fn show(&self, row: &mut Row, layout: Layout, event: &Event) {
        if self.ui.json {
            if Row::is_due(row.moved, event, OBJECT_EVERY) {
                if matches!(event.what, What::Progress) {
                    row.moved = Some(Instant::now());
                }
                self.ui.object(event);
            }
            return;
        }
        if let Some(bar) = &row.bar {
            self.draw(bar, row, layout, event);
        }
        self.log(row, event);
    }

    fn draw(&self, bar: &Bar, row: &Row, layout: Layout, event: &Event) {
        let name = self.ui.paint_err(Style::Strong, layout.name(&event.board.label()));
        match &event.what {
            What::Ended(ending) => {
                bar.set_style(plain());
                bar.set_prefix(layout.prefix(name, &event.board, ""));
                bar.finish_with_message(self.ending(ending, row, event));
            }
            What::Note(_) | What::Warning(_) => {}
            _ => {
                bar.set_prefix(layout.prefix(name, &event.board, event.stage.word()));
                let moves = event.total.filter(|total| *total > 0);
                bar.set_style(if moves.is_some() { moving() } else { plain() });
                bar.set_position(position(event.done, moves.unwrap_or(0)));
                let state = Moving { done: event.done, total: moves, rate: row.rate, at: &row.at };
                bar.set_message(layout.message(&state));
            }
        }
    }

    fn ending(&self, ending: &Ending, row: &Row, event: &Event) -> Text {
        let took = minutes(row.began.elapsed());
        let (word, rest) = match ending {
            Ending::Done { proof } => {
                let good = self.ui.paint_err(Style::Good, "✓ done");
                return Text::line(format_args!("{good}, {}, {took}", proof.phrase()));
            }
            Ending::NotVerified { .. } => (self.ui.paint_err(Style::Warn, "! not verified"), String::new()),
            Ending::Lost { .. } => (self.ui.paint_err(Style::Bad, "✗ lost"), format!(" in {}", event.stage)),
            Ending::Failed { .. } | Ending::Unfinished => {
                (self.ui.paint_err(Style::Bad, "✗ failed"), format!(" in {}", event.stage))
            }
        };
        Text::line(format_args!("{word}{rest}"))
    }

    /// The line of the log, where the event is worth one.
    fn log(&self, row: &mut Row, event: &Event) {
        if !Row::is_due(row.logged, event, LOG_EVERY) {
            return;
        }
        let Some((weight, line)) = self.line(row, event) else { return };
        // On a terminal the line itself shows what is usual.
        let shown = match weight {
            Weight::Fine => self.ui.verbose > 0,
            Weight::Usual => row.bar.is_none() || self.ui.verbose > 0,
            Weight::Unusual => true,
        };
        if shown {
            row.logged = Some(Instant::now());
            self.lines.log(severity(&event.what), event.time, event.board.label(), line);
        }
        let hint = match &event.what {
            What::Ended(ending) => ending.hint().filter(|_| self.service),
            What::Detail(detail) => detail.hint().filter(|_| shown),
            _ => None,
        };
        hint.into_iter().for_each(|hint| self.hint(hint));
    }

    /// What helps, below the line that says against what.
    fn hint(&self, hint: &Remedy) {
        self.lines.above(format_args!(
            "  {} {}",
            self.ui.paint_err(Style::Strong, "hint:"),
            remedy::hint(hint)
        ));
    }

    /// Something about a board that has no run, as a line of its log and what helps.
    pub(super) fn remark(&self, remark: &Remark<'_>) {
        let Remark { time, label, is_warning, why, hint } = remark;
        let (severity, word) = if *is_warning {
            (Severity::Warning, self.ui.paint_err(Style::Warn, "warning:"))
        } else {
            (Severity::Info, Text::line("note:"))
        };
        match label {
            Some(label) => {
                self.lines.log(severity, *time, label, format_args!("{word} {}", Text::message(why)))
            }
            None => self.lines.log(severity, *time, word, Text::message(why)),
        }
        if !hint.is_empty() {
            self.hint(hint);
        }
    }

    /// What the log says of an event, and how much attention it deserves.
    fn line(&self, row: &Row, event: &Event) -> Option<(Weight, Text)> {
        let stage = event.stage;
        let usual = |text: String| Some((Weight::Usual, Text::message(text)));
        let styled = |style, word: &str, rest: String| {
            // In a service's log the end of a board is what one looks for.
            let weight = if self.service { Weight::Unusual } else { Weight::Usual };
            Some((weight, Text::message(format_args!("{}{rest}", self.ui.paint_err(style, word)))))
        };
        match &event.what {
            What::Began => None,
            What::Entered => Some((Weight::Fine, Text::message(format_args!("{stage}")))),
            What::Progress => {
                let of = event.total.map(|total| format!(" of {}", size(total))).unwrap_or_default();
                let speed = rate(row.rate, Duration::from_secs(1));
                let at = if row.at.is_empty() { String::new() } else { format!(", {}", row.at) };
                usual(format!("{stage} {}{of}, {speed}{at}", size(event.done)))
            }
            What::Note(text) => Some((Weight::Unusual, Text::message(format_args!("note {text}")))),
            What::Warning(text) => {
                let warning = self.ui.paint_err(Style::Warn, "warning");
                Some((Weight::Unusual, Text::message(format_args!("{warning} {}", remedy::word(text)))))
            }
            What::Detail(detail) => {
                let (weight, line) = (detail.weight(), detail.line()?);
                // What should be read is seen by its first word.
                let (word, rest) = line.split_at(line.find([' ', ':']).unwrap_or(line.len()));
                let word = match weight {
                    Weight::Unusual => self.ui.paint_err(Style::Warn, word),
                    Weight::Usual => Text::message(word),
                    Weight::Fine => self.ui.paint_err(Style::Faint, word),
                };
                Some((weight, Text::message(format_args!("{word}{rest}"))))
            }
            What::Ended(ending) => match ending {
                Ending::Done { proof } => styled(Style::Good, "done", format!(" {}", proof.phrase())),
                Ending::NotVerified { why, .. } => styled(Style::Warn, "not verified", format!(": {why}")),
                Ending::Lost { why, .. } => styled(Style::Bad, "lost", format!(" in {stage}: {why}")),
                Ending::Failed { why, .. } => styled(Style::Bad, "failed", format!(" in {stage}: {why}")),
                Ending::Unfinished => None,
            },
        }
    }
}

/// How severe an event is, as the journal is told.
fn severity(what: &What) -> Severity {
    match what {
        What::Warning(_) | What::Ended(Ending::NotVerified { .. }) => Severity::Warning,
        What::Detail(detail) if detail.is_warning() => Severity::Warning,
        What::Ended(Ending::Failed { .. } | Ending::Lost { .. }) => Severity::Error,
        _ => Severity::Info,
    }
}

/// A screen takes events from many threads.
impl Tell for Screen {
    fn tell(&self, event: Event) {
        self.event(&event);
    }
}

impl Row {
    fn new(bar: Option<Bar>) -> Self {
        Self {
            bar,
            began: Instant::now(),
            speed: Speed::new(0),
            rate: 0,
            at: String::new(),
            logged: None,
            moved: None,
        }
    }

    fn digest(&mut self, event: &Event) {
        match &event.what {
            What::Progress => self.rate = self.speed.at(event.done),
            What::Entered => (self.rate, self.speed) = (0, Speed::new(event.done)),
            What::Detail(detail) => {
                if let Some(at) = detail.at() {
                    self.at = at;
                    (self.rate, self.speed) = (0, Speed::new(event.done));
                }
            }
            _ => {}
        }
    }

    /// Whether it is told after what was told at `last`: progress only so often.
    fn is_due(last: Option<Instant>, event: &Event, every: Duration) -> bool {
        !matches!(event.what, What::Progress) || last.is_none_or(|last| last.elapsed() >= every)
    }
}
