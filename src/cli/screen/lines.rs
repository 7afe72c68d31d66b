//! What commands show that work on several boards: one moving line a board on a terminal, one plain line an event
//! otherwise.

use std::fmt::Display;
use std::time::{Duration, Instant};

use indicatif::ProgressStyle;
use jiff::Timestamp;

use crate::cli::ui::{Bar, Bars, Severity, Ui};

/// How often a line moves.
const REDRAWS_PER_SECOND: u8 = 8;
/// The steps of a full bar.
const FULL: u64 = 1000;

/// The lines of all boards.
pub(in crate::cli) struct Lines {
    ui: Ui,
    bars: Option<Bars>,
}

impl Lines {
    /// Moving ones where stderr is a terminal and nobody wants JSON.
    pub(in crate::cli) fn new(ui: &Ui) -> Self {
        let bars = (ui.bars && !ui.json).then(|| Bars::new(REDRAWS_PER_SECOND));
        Self { ui: ui.clone(), bars }
    }

    /// A new line at the end; `None` where lines don't move.
    pub(in crate::cli) fn add(&self) -> Option<Bar> {
        let bar = self.bars.as_ref()?.add(FULL);
        bar.set_style(plain());
        Some(bar)
    }

    /// A line above the moving ones.
    pub(in crate::cli) fn above(&self, line: impl Display) {
        match &self.bars {
            Some(bars) => bars.above(line),
            None => self.ui.say(line),
        }
    }

    /// The same, for the journal as severe as it is.
    fn above_as(&self, severity: Severity, line: impl Display) {
        match &self.bars {
            Some(bars) => bars.above(line),
            None if self.ui.quiet => {}
            None => self.ui.log(severity, line),
        }
    }

    /// Prints something else, and meanwhile no line moves.
    pub(in crate::cli) fn aside(&self, print: impl FnOnce()) {
        match &self.bars {
            Some(bars) => bars.aside(print),
            None => print(),
        }
    }

    /// Takes one away.
    pub(in crate::cli) fn remove(&self, bar: &Bar) {
        bar.finish_and_clear();
        if let Some(bars) = &self.bars {
            bars.remove(bar);
        }
    }

    /// What happened to a board, with the time at which it did; the journal has its own.
    pub(in crate::cli) fn log(
        &self,
        severity: Severity,
        time: Timestamp,
        name: impl Display,
        text: impl Display,
    ) {
        if self.ui.journal {
            return self.above_as(severity, format_args!("{name} {text}"));
        }
        let time = time.strftime("%Y-%m-%dT%H:%M:%SZ");
        self.above_as(severity, format_args!("{time} {name} {text}"));
    }
}

/// A line with a bar in it.
pub(in crate::cli) fn moving() -> ProgressStyle {
    // The template is a constant: if it doesn't parse, the default style is shown and a test fails.
    ProgressStyle::with_template("{prefix} {wide_bar} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}

/// A line without one.
pub(in crate::cli) fn plain() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Where a bar stands at `done` of `total`.
pub(in crate::cli) fn position(done: u64, total: u64) -> u64 {
    let at = (u128::from(done) * u128::from(FULL)).checked_div(u128::from(total)).unwrap_or(0);
    u64::try_from(at).unwrap_or(FULL).min(FULL)
}

/// How fast something goes, smoothed.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Speed {
    measured: (Instant, u64),
    per_second: f64,
}

impl Speed {
    /// From here on, at `done` bytes.
    pub(in crate::cli) fn new(done: u64) -> Self {
        Self { measured: (Instant::now(), done), per_second: 0.0 }
    }

    /// Takes the position, and gives the bytes per second; 0 as long as nothing is known.
    pub(in crate::cli) fn at(&mut self, done: u64) -> u64 {
        let (at, before) = self.measured;
        let time = at.elapsed();
        if time >= Duration::from_millis(300) {
            let now = done.saturating_sub(before) as f64 / time.as_secs_f64();
            self.per_second = if self.per_second > 0.0 { self.per_second * 0.7 + now * 0.3 } else { now };
            self.measured = (Instant::now(), done);
        }
        self.per_second as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_parse() {
        assert!(ProgressStyle::with_template("{prefix} {wide_bar} {msg}").is_ok());
        assert!(ProgressStyle::with_template("{prefix} {msg}").is_ok());
    }

    #[test]
    fn positions() {
        assert_eq!(
            [position(0, 0), position(5, 10), position(20, 10), position(u64::MAX, u64::MAX)],
            [0, 500, 1000, 1000]
        );
        let mut speed = Speed::new(100);
        assert_eq!(speed.at(200), 0);
        speed.measured.0 = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        let rate = speed.at(1100);
        assert!((900..=1000).contains(&rate), "{rate}");
    }
}
