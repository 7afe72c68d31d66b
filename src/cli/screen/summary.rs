//! What is told at the end, board by board.

use std::time::Duration;

use crate::cli::ui::{Style, Text, Ui, wrap};
use crate::cli::{remedy, report};
use crate::format::json::json;
use crate::format::{minutes, rate, size};
use crate::run::{Ending, Record};

/// Tells what became of each board.
pub(in crate::cli) struct Summary<'a> {
    ui: &'a Ui,
    /// Whether it is the command's result. Where that is something else, the summary is a message.
    result: bool,
}

/// What only one way of booting can say of a run.
#[derive(Debug, Default)]
pub(in crate::cli) struct Facts {
    /// How many bytes it was about.
    pub(in crate::cli) bytes: Option<u64>,
    /// Whether a rate of these bytes means something.
    pub(in crate::cli) rated: bool,
    /// What else stands on its line, where it is done.
    pub(in crate::cli) text: Vec<String>,
    /// Lines below it, each with the word in front.
    pub(in crate::cli) more: Vec<(&'static str, String)>,
}

impl<'a> Summary<'a> {
    /// One that is the command's result, on stdout.
    pub(in crate::cli) fn as_result(ui: &'a Ui) -> Self {
        Self { ui, result: true }
    }

    /// One beside the command's result, on stderr.
    #[cfg(any(test, feature = "usb"))]
    pub(in crate::cli) fn as_message(ui: &'a Ui) -> Self {
        Self { ui, result: false }
    }

    /// Tells all of them.
    ///
    /// # Errors
    /// Where not all of them are done: the reason that decides the exit code.
    pub(in crate::cli) fn finish(
        &self,
        runs: &[Record],
        facts: impl Fn(&Record) -> Facts,
    ) -> crate::cli::Result<()> {
        let width = runs.iter().map(|run| run.board.label().chars().count()).max().unwrap_or(0);
        for run in runs {
            if self.ui.json {
                self.object(run);
            } else {
                self.board(run, &facts(run), width);
            }
        }
        if !self.ui.json && runs.len() > 1 {
            let done = runs.iter().filter(|run| run.ending.is_done()).count();
            self.tell(true, format_args!("{done} of {} done", runs.len()));
        }
        report::boards(runs.iter().map(|run| run.ending.kind()))
    }

    /// The object of one board, for a service, which tells of each when it ends.
    pub(in crate::cli) fn object(&self, run: &Record) {
        self.ui.object(&json!({"event": "result", "board": run.board, "record": run}));
    }

    fn board(&self, run: &Record, facts: &Facts, width: usize) {
        let name = format!("{:width$}", run.board.label());
        let blank = " ".repeat(width);
        let columns = if self.result { self.ui.width_out } else { self.ui.width_err };
        let done = run.ending.is_done();
        let wrapped = |why: &str, used| wrap(why, width + used, width + 2, columns);
        let stage = run.stage;
        let (style, word, text) = match &run.ending {
            Ending::Done { proof } => {
                let took = Duration::from_secs_f64(run.seconds.unwrap_or_default().clamp(0.0, 3.2e9));
                let mut text = format!("{}   {}", proof.phrase(), minutes(took));
                if let Some(bytes) = facts.bytes {
                    text += &format!("   {}", size(bytes));
                    let fast = format!(" at {}", rate(bytes, took));
                    // On a narrow terminal the rate can be missed first.
                    if facts.rated
                        && columns.is_none_or(|columns| width + 12 + text.len() + fast.len() <= columns)
                    {
                        text += &fast;
                    }
                }
                for more in &facts.text {
                    text += &format!("   {more}");
                }
                (Style::Good, "done    ", Text::message(text))
            }
            Ending::NotVerified { why, .. } => (Style::Warn, "not verified", wrapped(why, 16)),
            Ending::Failed { why, .. } => (Style::Bad, "failed  ", wrapped(&format!("{stage}: {why}"), 12)),
            Ending::Lost { why, .. } => (Style::Bad, "lost    ", wrapped(&format!("{stage}: {why}"), 12)),
            Ending::Unfinished => (Style::Bad, "unfinished", Text::message(format_args!("{stage}"))),
        };
        self.tell(done, format_args!("{name}  {}  {text}", self.paint(style, word)));
        for (word, text) in &facts.more {
            self.more(done, &blank, word, Some(text));
        }
        if let Ending::Failed { last_seen, .. } = &run.ending {
            self.more(done, &blank, "last seen", last_seen.as_deref());
        }
        self.more(done, &blank, "hint", run.ending.hint().map(remedy::hint).as_deref());
    }

    fn more(&self, done: bool, blank: &str, word: &str, text: Option<&str>) {
        let Some(text) = text else { return };
        let columns = if self.result { self.ui.width_out } else { self.ui.width_err };
        let text = wrap(text, blank.len() + 2 + word.len() + 2, blank.len() + 4, columns);
        let word = self.paint(Style::Strong, &format!("{word}:"));
        self.tell(done, format_args!("{blank}  {word} {text}"));
    }

    fn paint(&self, style: Style, word: &str) -> Text {
        if self.result { self.ui.paint(style, word) } else { self.ui.paint_err(style, word) }
    }

    /// A line. What failed is an error, and shown with `--quiet` too.
    fn tell(&self, done: bool, line: std::fmt::Arguments<'_>) {
        match (self.result, done) {
            (true, _) => self.ui.result(line),
            (false, true) => self.ui.say(line),
            (false, false) => self.ui.loud().say(line),
        }
    }
}
