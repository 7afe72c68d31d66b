//! What is being done or waited for where nobody can say how far it is: a moving line with its time on a terminal, otherwise
//! a line each.

use std::fmt::Display;
use std::time::Duration;

use indicatif::ProgressStyle;

use super::ui::{self, Ui};

/// Shows what is being done. Dropping it takes the moving line away.
#[derive(Debug)]
pub(super) struct Waiting {
    ui: Ui,
    bar: Option<ui::Bar>,
}

impl Waiting {
    pub(super) fn new(ui: &Ui) -> Self {
        let bar = ui.bars.then(|| {
            let bar = ui::Bar::alone(10);
            // The template is a constant; a mistake in it would give the plain bar.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed}  {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { ui: ui.clone(), bar }
    }

    /// This begins now.
    pub(super) fn now(&self, what: impl Display) {
        let Some(bar) = &self.bar else {
            self.ui.say(what);
            return;
        };
        bar.reset();
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(250));
    }

    /// Prints something else; meanwhile the line is gone.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.aside(print),
            None => print(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_is_a_line_or_moves_and_quiet_is_quiet() {
        let (ui, said) = Ui::remembering();
        let waiting = Waiting::new(&Ui { bars: false, ..ui.clone() });
        waiting.now("running x");
        waiting.aside(|| ui.say("meanwhile"));
        assert_eq!(said.take_clean(), ["running x", "meanwhile"]);
        Waiting::new(&Ui { bars: false, quiet: true, ..ui.clone() }).now("running x");
        let waiting = Waiting::new(&Ui { bars: true, ..ui });
        waiting.now("running \x1b[2Jx");
        let [_, shown] = waiting.bar.as_ref().unwrap().shown();
        assert!(shown.starts_with("running ") && !shown.contains('\x1b'), "{shown:?}");
        assert_eq!(said.take(), "");
    }
}
