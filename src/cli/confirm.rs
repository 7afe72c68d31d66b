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
            Self::NotConfirmed { .. } => Kind::Usage,
            Self::Interrupted => Kind::Interrupted,
            Self::Terminal(error) => Kind::of_io(error),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        let Self::NotConfirmed { name, .. } = self else { return None };
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
    let input = std::io::stdin();
    ui.ask(format_args!("Type {} to go on:", ui.paint_err(Style::Strong, name)));
    // A read of its own would not hear Ctrl-C.
    let mut both = [PollFd::new(&input, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
    until(&mut both, None).map_err(Error::Terminal)?;
    if !both[1].revents().is_empty() {
        return Err(Error::Interrupted);
    }
    let mut line = String::new();
    input.lock().read_line(&mut line).map_err(Error::Terminal)?;
    checked(line.trim())
}
