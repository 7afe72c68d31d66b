//! The progress of one piece of work on stderr: a bar on a terminal, otherwise a line now and then.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use indicatif::ProgressStyle;

use super::format;
use super::ui::{self, Ui};
use crate::progress::Progress;

/// How often a line is written where no bar can move. Short work stays silent.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows how far one piece of work is. Dropping it takes the bar away.
#[derive(Debug)]
pub(super) struct Bar {
    what: String,
    ui: Ui,
    bar: Option<ui::Bar>,
    started: Instant,
    last_line: Mutex<Instant>,
}

impl Bar {
    /// `what` is the stage, in the form "splitting".
    pub(super) fn new(ui: &Ui, what: &str) -> Self {
        let bar = ui.bars.then(|| {
            let bar = ui::Bar::alone(10);
            let template = if ui.colour_err {
                "{prefix}  {bar:26.cyan/dim}  {msg}"
            } else {
                "{prefix}  {bar:26}  {msg}"
            };
            // The template is a constant that the tests draw; a mistake in it would give the plain bar.
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("━╸─"));
            }
            bar.set_prefix(what);
            bar
        });
        let now = Instant::now();
        Self { what: what.to_owned(), ui: ui.clone(), bar, started: now, last_line: Mutex::new(now) }
    }

    /// Prints something else; meanwhile the bar is gone.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.aside(print),
            None => print(),
        }
    }

    fn text(&self, done: u64, total: Option<u64>) -> String {
        let time = self.started.elapsed();
        let rate = format::rate(done, time);
        match total {
            Some(total) if done > 0 && time >= Duration::from_secs(2) => {
                let left = time.as_secs_f64() * total.saturating_sub(done) as f64 / done as f64;
                // Not longer than a century, so that the conversion can't fail.
                let left = format::minutes(Duration::from_secs_f64(left.clamp(0.0, 3.2e9)));
                format!("{:>5}  {rate}  {left} left", format::percent(done, total))
            }
            Some(total) => format!("{:>5}  {rate}", format::percent(done, total)),
            None => format!("{}  {rate}", format::size(done)),
        }
    }
}

impl Progress for Bar {
    fn at(&self, done: u64, total: Option<u64>) {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(self.text(done, total));
            return;
        }
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= LINE_EVERY {
            *last = Instant::now();
            self.ui.say(format_args!("{}: {}", self.what, self.text(done, total).trim_start()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_tells_what_is_known() {
        let ui = Ui { quiet: true, bars: true, ..Ui::remembering().0 };
        let bar = Bar::new(&ui, "splitting");
        assert!(bar.bar.is_some());
        assert!(bar.text(0, Some(10)).starts_with("  0 %  "));
        assert!(bar.text(5 << 20, None).starts_with("5 MiB  "));
        bar.at(5, Some(10));
        let mut late = Bar::new(&Ui { bars: false, ..ui }, "x");
        late.started = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        let text = late.text(500, Some(1000));
        assert!(text.starts_with(" 50 %  ") && text.ends_with("  0:10 left"), "{text}");
    }
}
