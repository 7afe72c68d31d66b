//! One bar for one piece of work.

use std::time::Duration;

use indicatif::ProgressStyle;

use crate::cli::ui::{self, Ui};
use crate::progress::Progress;

/// A bar on a terminal, nothing elsewhere.
pub(super) struct Bar(Option<ui::Bar>);

impl Bar {
    pub(super) fn new(ui: &Ui) -> Self {
        if !ui.bars {
            return Self(None);
        }
        let bar = ui::Bar::alone(20);
        let style = ProgressStyle::with_template(
            "{msg:12} {bar:12} {percent:>3} % {binary_bytes_per_sec:>11} {eta} left",
        );
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Self(Some(bar))
    }

    /// Names the work that begins now.
    pub(super) fn begin(&self, what: &'static str) {
        if let Some(bar) = &self.0 {
            bar.reset();
            bar.set_message(what);
        }
    }
}

impl Progress for Bar {
    fn at(&self, done: u64, total: Option<u64>) {
        if let Some(bar) = &self.0 {
            bar.set_length(Some(total.unwrap_or(done)));
            bar.set_position(done);
        }
    }
}
