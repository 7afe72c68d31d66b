//! Asks a person for the name of what can't be taken back; a script gives it beforehand.

use std::io::BufRead;

use rustix::event::{PollFd, PollFlags};

use crate::cli::ui::{Style, Ui};
use crate::error::{Explain, Kind, Remedy};
use crate::stop::{Stop, until};

/// It isn't done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The person at the keyboard, or the script, doesn't mean it.
    #[error("{}", match got {
        Some(got) => format!("`{}` is not `{name}`: nothing was changed", got.escape_debug()),
        None => format!("it can't be taken back, and nobody said that it is meant: `{name}`"),
    })]
    NotConfirmed {
        /// What was to be given.
        name: String,
        /// What was given.
        got: Option<String>,
    },
    /// The same where it can be taken back.
    #[error("nobody said that it is to be done: nothing was changed")]
    NotAgreed,
    /// Ctrl-C at the question.
    #[error("interrupted; nothing was changed")]
    Interrupted,
    /// There is no answer to be had.
    #[error("reading the terminal: {0}")]
    Terminal(#[source] std::io::Error),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotConfirmed { .. } | Self::NotAgreed => Kind::Usage,
            Self::Interrupted => Kind::Interrupted,
            Self::Terminal(error) => Kind::of_io(error),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        let name = match self {
            Self::NotConfirmed { name, .. } => name,
            Self::NotAgreed => return Some("A person types yes when asked; a script gives `--yes`.".into()),
            Self::Interrupted | Self::Terminal(_) => return None,
        };
        // A value that begins with a hyphen looks like an option of its own.
        let sign = if name.starts_with('-') { '=' } else { ' ' };
        let name = crate::cli::remedy::quoted(name);
        Some(format!("A person types the name when asked; a script gives `--confirm{sign}{name}`.").into())
    }
}

/// Whether it is meant.
pub(super) fn confirm(name: &str, given: Option<&str>, ui: &Ui, stop: &Stop) -> Result<(), Error> {
    let not = |got: Option<&str>| Error::NotConfirmed { name: name.to_owned(), got: got.map(str::to_owned) };
    let checked = |got: &str| if got == name { Ok(()) } else { Err(not(Some(got))) };
    if let Some(given) = given {
        return checked(given);
    }
    if !ui.can_ask() {
        return Err(not(None));
    }
    let line = typed(name, ui, stop)?;
    // Nothing was typed, or there is nobody who types.
    if line.is_empty() { Err(not(None)) } else { checked(&line) }
}

/// Whether something is to be done that can be taken back.
pub(super) fn agree(given: bool, ui: &Ui, stop: &Stop) -> Result<(), Error> {
    if given {
        return Ok(());
    }
    if !ui.can_ask() {
        return Err(Error::NotAgreed);
    }
    if typed("yes", ui, stop)?.eq_ignore_ascii_case("yes") { Ok(()) } else { Err(Error::NotAgreed) }
}

/// What a person types who is asked for a word.
fn typed(word: &str, ui: &Ui, stop: &Stop) -> Result<String, Error> {
    let input = std::io::stdin();
    ui.ask(format_args!("Type {} to go on:", ui.paint_err(Style::Strong, word)));
    // A read of its own would not hear Ctrl-C.
    let mut both = [PollFd::new(&input, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
    until(&mut both, None).map_err(Error::Terminal)?;
    if !both[1].revents().is_empty() {
        return Err(Error::Interrupted);
    }
    let mut line = String::new();
    input.lock().read_line(&mut line).map_err(Error::Terminal)?;
    Ok(line.trim().to_owned())
}
