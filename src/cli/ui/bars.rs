//! Moving lines. The only place that knows what draws them, because what they show goes through the gate too.
#![expect(clippy::disallowed_types, reason = "this is the place that holds them")]

use std::fmt::Display;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use super::Text;

/// A moving line.
#[derive(Debug, Clone)]
pub struct Bar(ProgressBar);

impl Bar {
    /// A line of its own, on stderr. It goes away when it is dropped.
    #[must_use]
    pub fn alone(redraws_per_second: u8) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(redraws_per_second);
        Self(ProgressBar::with_draw_target(None, target).with_finish(ProgressFinish::AndClear))
    }

    /// What it begins with.
    pub fn set_prefix(&self, text: impl Display) {
        self.0.set_prefix(Text::message(text).into_string());
    }

    /// What it shows.
    pub fn set_message(&self, text: impl Display) {
        self.0.set_message(Text::message(text).into_string());
    }

    /// It stays with this message.
    pub fn finish_with_message(&self, text: impl Display) {
        self.0.finish_with_message(Text::message(text).into_string());
    }

    /// Whether it has stopped moving.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// It goes away.
    pub fn finish_and_clear(&self) {
        self.0.finish_and_clear();
    }

    /// Its form. The template is a constant of ours.
    pub fn set_style(&self, style: ProgressStyle) {
        self.0.set_style(style);
    }

    /// Where it stands.
    pub fn set_position(&self, position: u64) {
        self.0.set_position(position);
    }

    /// Where it ends, where that is known.
    pub fn set_length(&self, length: Option<u64>) {
        match length {
            Some(length) => self.0.set_length(length),
            None => self.0.unset_length(),
        }
    }

    /// Prints something else; meanwhile the line is gone.
    pub fn aside(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }

    /// Starts again from the beginning.
    pub fn reset(&self) {
        self.0.reset();
    }

    /// Draws itself again and again, also where nothing happens.
    pub fn enable_steady_tick(&self, time: Duration) {
        self.0.enable_steady_tick(time);
    }

    /// What it begins with and what it shows.
    #[cfg(test)]
    pub(in crate::cli) fn shown(&self) -> [String; 2] {
        [self.0.prefix(), self.0.message()]
    }
}

/// The moving lines of several boards or transfers.
#[derive(Debug)]
pub struct Bars(MultiProgress);

impl Bars {
    /// On stderr.
    #[must_use]
    pub fn new(redraws_per_second: u8) -> Self {
        Self(MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(redraws_per_second)))
    }

    /// A new one at the end, without a length.
    #[must_use]
    pub fn add(&self, length: u64) -> Bar {
        Bar(self.0.add(ProgressBar::new(length)))
    }

    /// Takes one away.
    pub fn remove(&self, bar: &Bar) {
        self.0.remove(&bar.0);
    }

    /// Prints something else; meanwhile the bars are gone.
    pub fn aside(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }

    /// A line above them.
    pub fn above(&self, line: impl Display) {
        // The bars hide what is printed past them. That it can't be printed can't be printed.
        let _ = self.0.println(Text::message(line).into_string());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cli::ui::Style;
    use crate::cli::ui::memory::{clean, texts};

    proptest! {
        #[test]
        fn no_text_gets_out_of_its_line(prefix in texts(), message in texts()) {
            let bar = Bar(ProgressBar::hidden());
            let (ui, _) = crate::cli::Ui::remembering();
            bar.set_prefix(ui.paint_err(Style::Strong, &prefix));
            bar.set_message(format_args!("{} {message}", ui.paint_err(Style::Good, "✓ done")));
            let [first, second] = bar.shown();
            prop_assert!(first.starts_with("\x1b[1m") && second.starts_with("\x1b[32m✓ done\x1b[0m "));
            clean(&first);
            clean(&second);
            bar.finish_with_message(message);
            clean(&bar.shown()[1]);
        }
    }
}
