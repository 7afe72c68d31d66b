//! How a failure is told: once, here. `error:` with the whole chain on one line, then `hint:`.

use super::ui::{Style, Text, Ui, wrap};
use super::{Failure, Result, remedy};
use crate::error::{Explain, Kind, Remedy};
use crate::format::json::json;
use crate::run::exit_kind;

/// What a command ends with that has told what became of each of its boards: the kind of failure, `None` for one that
/// is done. See [`exit_kind`] for the rule.
///
/// # Errors
/// One that is told already, where not all are done.
pub(super) fn boards(kinds: impl IntoIterator<Item = Option<Kind>>) -> Result<()> {
    match exit_kind(kinds) {
        None => Ok(()),
        Some(kind) => Err(Failure::already_told(kind)),
    }
}

/// A mistake on the command line that clap can't see.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Usage {
    /// What is wrong.
    pub message: String,
    /// What to type instead.
    pub hint: Option<Remedy>,
}

impl Explain for Usage {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Remedy> {
        self.hint.clone()
    }
}

/// Tells a failure on stderr (and as an object on stdout with
/// `--json`), unless that was done already, and gives its kind.
pub(super) fn tell(ui: &Ui, failure: &Failure) -> Kind {
    let kind = failure.kind();
    let Some(message) = failure.message() else { return kind };
    let hint = failure.remedy().map(remedy::hint);
    if ui.json {
        let below = failure.more().iter().map(|line| format!("  {line}"));
        let whole = std::iter::once(message.to_owned()).chain(below).collect::<Vec<_>>().join("\n");
        ui.object(&json!({
            "event": "error", "kind": kind, "code": kind.exit_code(), "message": whole,
            "hint": hint,
        }));
    }
    error(ui, None, &message, failure.more(), hint.as_deref());
    kind
}

/// Tells on stderr that something failed: for one target where there is one, with lines below the message, and a hint.
pub(super) fn error(ui: &Ui, target: Option<&str>, message: &str, more: &[String], hint: Option<&str>) {
    let message = match target {
        // `gpiochip0:17`, which no target is called, stands in for a name; its errors begin with it.
        Some(line) if line.contains(':') && message.starts_with(line) => message.to_owned(),
        Some(target) => format!("{target}: {message}"),
        None => message.to_owned(),
    };
    let width = ui.width_err;
    let word = ui.paint_err(Style::Bad, "error:");
    let mut lines = vec![Text::line(format_args!("{word} {}", wrap(&message, 7, 2, width)))];
    lines.extend(more.iter().map(|line| Text::message(format_args!("  {line}"))));
    if let Some(hint) = hint {
        let word = ui.paint_err(Style::Strong, "hint:");
        lines.push(Text::line(format_args!("  {word} {}", wrap(hint, 8, 4, width))));
    }
    // In one go: boards that fail at the same time don't mix their lines.
    ui.fail(&Text::lines(lines));
}

/// The exit code of a command, after its failure was told, unless that was done already. A command that could not write
/// its whole result has failed, whatever else it did.
#[must_use]
pub fn end(ui: &Ui, result: &Result<()>) -> u8 {
    let code = match result {
        Ok(()) => 0,
        Err(failure) => tell(ui, failure).exit_code(),
    };
    // Also where it has failed: a reader of the output doesn't know that it isn't complete.
    ui.lost().map_or(code, |lost| tell(ui, &lost.into()).exit_code())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cli::ui::memory::texts;
    use crate::targets::{Error as Targets, Problem};

    fn told(ui: &Ui, failure: impl Into<Failure>) {
        tell(ui, &failure.into());
    }

    #[test]
    fn an_error_is_a_line_with_what_is_below_it() {
        let (ui, memory) = Ui::remembering();
        let error = Usage { message: "a\nb".into(), hint: Some("c\nd".into()) };
        told(&ui, error);
        assert_eq!(memory.take_clean(), ["error: a\\x0ab", "  hint: C\\x0ad."]);
        super::error(&ui, Some("lab-01"), "x", &[], Some("y"));
        super::error(&ui, Some("gpiochip0:17"), "gpiochip0:17: x", &[], None);
        assert_eq!(memory.take_clean(), ["error: lab-01: x", "  hint: y", "error: gpiochip0:17: x"]);
    }

    proptest! {
        // What an error of any room prints is a text to this place, so texts are enough to drive it.
        #[test]
        fn no_error_writes_the_terminal(
            texts in [texts(), texts(), texts()], problems in 1usize..4, json: bool, width: bool,
        ) {
            let (ui, memory) = Ui::remembering();
            let ui = Ui { json, width_err: width.then_some(60), ..ui };
            let [one, two, three] = texts;
            let usage = Usage { message: one.clone(), hint: Some(two.as_str().into()) };
            told(&ui, Failure::from(usage).context(two.clone()));
            super::error(&ui, Some(&three), &two, &[], None);
            let lines = memory.take_clean();
            prop_assert!(width || lines.len() == 3 + usize::from(json), "{:?}", lines);
            let own = ["error: ", "  ", "{"];
            prop_assert!(lines.iter().all(|line| own.iter().any(|own| line.starts_with(own))), "{:?}", lines);
            let io = std::io::Error::other(one.clone());
            told(&ui, Failure::from(io).context(three));
            memory.take_clean();
            let problem = Problem { line: 1, also: None, message: two };
            let error = Targets::Bad { path: one.into(), problems: vec![problem; problems] };
            told(&ui, error);
            let lines = memory.take_clean();
            // Problems with the same words stand together.
            let below = usize::from(problems > 1);
            prop_assert!(width || lines.len() == 2 + below + usize::from(json), "{:?}", lines);
        }
    }
}
