//! How a failure is told: once, here. `error:` with the whole chain on one line, then `hint:`.

use super::remedy;
use super::ui::{Style, Text, Ui, wrap};
use crate::error::{Explain, Kind, Remedy};
use crate::format::json::json;
use crate::run::exit_kind;

/// A failure that the subcommand has already told about, with the kind that decides the exit code.
#[derive(Debug, thiserror::Error)]
#[error("already told")]
pub struct AlreadyTold(pub Kind);

/// What a command ends with that has told what became of each of its boards: the kind of failure, none for one that is
/// done. See [`exit_kind`] for the rule.
///
/// # Errors
/// [`AlreadyTold`], where not all are done.
pub(super) fn boards(kinds: impl IntoIterator<Item = Option<Kind>>) -> anyhow::Result<()> {
    match exit_kind(kinds) {
        None => Ok(()),
        Some(kind) => Err(AlreadyTold(kind).into()),
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

/// A cause as what it is, where it is an error of ours.
fn known<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a dyn Explain> {
    macro_rules! any_of {
        ($($kind:ty),+ $(,)?) => {
            $(if let Some(error) = cause.downcast_ref::<$kind>() { return Some(error); })+
        };
    }
    // One line a room, so that rooms don't get in each other's way.
    any_of!(Usage);
    any_of!(super::ui::Lost);
    any_of!(super::docs::Error);
    any_of!(super::netboot::EnableError);
    any_of!(crate::eeprom::Error);
    any_of!(super::udev::Error);
    any_of!(crate::config::Error);
    any_of!(crate::dhcp::Error);
    any_of!(crate::netboot::serve::Error, super::netboot::CantListen);
    any_of!(crate::image::Error);
    any_of!(crate::live::Error);
    any_of!(crate::power::Error);
    any_of!(crate::targets::Error);
    any_of!(crate::tftp::Error);
    any_of!(crate::usb::Error);
    any_of!(super::usbboot::NoBoard, super::usbboot::CantWrite);
    any_of!(crate::uboot::flash::Error);
    any_of!(crate::uboot::material::Error);
    any_of!(crate::uboot::staged::Error);
    any_of!(crate::uboot::card::Error);
    any_of!(crate::uboot::secret::Error);
    any_of!(crate::uboot::fat_volume::Error);
    any_of!(crate::uboot::layout::Error);
    any_of!(crate::run::ledger::Error);
    any_of!(crate::debian::files::Error);
    any_of!(crate::netboot::client::Error);
    any_of!(crate::debian::apt::Error);
    None
}

/// The kind and the hint of the first cause in the chain that knows them.
#[must_use]
pub fn explain(error: &anyhow::Error) -> (Kind, Option<String>) {
    for cause in error.chain() {
        if let Some(AlreadyTold(kind)) = cause.downcast_ref() {
            return (*kind, None);
        }
        if let Some(error) = known(cause) {
            return (error.kind(), error.hint().as_ref().map(remedy::word));
        }
        if let Some(error) = cause.downcast_ref::<std::io::Error>() {
            return (Kind::of_io(error), None);
        }
    }
    (Kind::Failed, None)
}

/// What a failure says on lines of its own, below its message.
fn more(error: &anyhow::Error) -> Vec<String> {
    error.chain().find_map(known).map(Explain::more).unwrap_or_default()
}

/// Tells a failure, of one target where there is one, on stderr (and as an object on stdout with
/// `--json`), and gives its kind.
pub(super) fn tell(ui: &Ui, target: Option<&str>, error: &anyhow::Error) -> Kind {
    let (kind, hint) = explain(error);
    // Chains repeat themselves where an error prints its source as well; say each part once.
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !parts.last().is_some_and(|last| last.ends_with(&text)) {
            parts.push(text);
        }
    }
    let message = parts.join(": ");
    let more = more(error);
    if ui.json {
        let all = std::iter::once(message.clone()).chain(more.iter().map(|line| format!("  {line}")));
        let message = all.collect::<Vec<_>>().join("\n");
        ui.object(&json!({
            "event": "error", "target": target, "kind": kind, "code": kind.exit_code(), "message": message,
            "hint": hint,
        }));
    }
    let message = match target {
        // `gpiochip0:17`, which no target is called, stands in for a name; its errors begin with it.
        Some(line) if line.contains(':') && message.starts_with(line) => message,
        Some(target) => format!("{target}: {message}"),
        None => message,
    };
    let width = ui.width_err;
    let word = ui.paint_err(Style::Bad, "error:");
    let mut lines = vec![Text::line(format_args!("{word} {}", wrap(&message, 7, 2, width)))];
    lines.extend(more.iter().map(|line| Text::message(format_args!("  {line}"))));
    if let Some(hint) = hint {
        let word = ui.paint_err(Style::Strong, "hint:");
        lines.push(Text::line(format_args!("  {word} {}", wrap(&hint, 8, 4, width))));
    }
    // In one go: boards that fail at the same time don't mix their lines.
    ui.loud().say(Text::lines(lines));
    kind
}

/// The exit code of a command, after its failure was told, unless that was done already. A command that could not write
/// its whole result has failed, whatever else it did.
#[must_use]
pub fn end(ui: &Ui, result: &anyhow::Result<()>) -> u8 {
    let code = match result {
        Ok(()) => 0,
        Err(error) => exit_code(ui, error),
    };
    match ui.lost() {
        Some(lost) if code == 0 => exit_code(ui, &lost.into()),
        _ => code,
    }
}

/// Tells the failure, unless that was done already, and gives the exit code.
fn exit_code(ui: &Ui, error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<AlreadyTold>() {
        Some(AlreadyTold(kind)) => kind.exit_code(),
        None => tell(ui, None, error).exit_code(),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;
    use proptest::prelude::*;

    use super::*;
    use crate::cli::ui::memory::texts;
    use crate::targets::{Error as Targets, Problem};

    fn told(ui: &Ui, target: Option<&str>, error: anyhow::Error) {
        tell(ui, target, &error);
    }

    #[test]
    fn an_error_is_a_line_with_what_is_below_it() {
        let (ui, memory) = Ui::remembering();
        let error = Usage { message: "a\nb".into(), hint: Some("c\nd".into()) };
        told(&ui, Some("lab-01"), error.into());
        assert_eq!(memory.take_clean(), ["error: lab-01: a\\x0ab", "  hint: c\\x0ad"]);
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
            told(&ui, Some(&three), anyhow::Error::from(usage).context(two.clone()));
            let lines = memory.take_clean();
            prop_assert!(width || lines.len() == 2 + usize::from(json), "{:?}", lines);
            let own = ["error: ", "  ", "{"];
            prop_assert!(lines.iter().all(|line| own.iter().any(|own| line.starts_with(own))), "{:?}", lines);
            let io = std::io::Error::other(one.clone());
            told(&ui, None, Err::<(), _>(io).context(three).unwrap_err());
            memory.take_clean();
            let problem = Problem { line: 1, also: None, message: two };
            let error = Targets::Bad { path: one.into(), problems: vec![problem; problems] };
            told(&ui, None, error.into());
            let lines = memory.take_clean();
            let below = if problems > 1 { problems } else { 0 };
            prop_assert!(width || lines.len() == 2 + below + usize::from(json), "{:?}", lines);
        }
    }
}
