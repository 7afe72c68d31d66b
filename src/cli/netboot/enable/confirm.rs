//! Asks a person for the name of what can't be taken back; a script gives it beforehand.

use std::io::BufRead;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::Error;
use crate::cli::ui::{Style, Ui};
use crate::stop::Stop;

/// Whether it is meant.
pub(super) fn confirm(name: &'static str, given: Option<&str>, ui: &Ui, stop: &Stop) -> Result<(), Error> {
    let checked = |got: &str| {
        if got == name { Ok(()) } else { Err(Error::NotConfirmed { name, got: Some(got.to_owned()) }) }
    };
    if let Some(given) = given {
        return checked(given);
    }
    if !ui.can_ask() {
        return Err(Error::NotConfirmed { name, got: None });
    }
    let input = std::io::stdin();
    ui.ask(format_args!("Type {} to go on:", ui.paint_err(Style::Strong, name)));
    // A read of its own would not hear Ctrl-C.
    loop {
        let mut both = [PollFd::new(&input, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
        match poll(&mut both, None) {
            Ok(_) if !both[1].revents().is_empty() => return Err(Error::Interrupted),
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(error) => return Err(Error::os("reading", "the terminal".as_ref())(error.into())),
        }
    }
    let mut line = String::new();
    input.lock().read_line(&mut line).map_err(Error::os("reading", "the terminal".as_ref()))?;
    checked(line.trim())
}
