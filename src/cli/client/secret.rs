//! Tokens and passwords: from files that are their owner's alone, or from the terminal. Never from the command line,
//! which others on the host can read.

use std::io::{self, BufRead};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::beneath;
use crate::cli::ui::Ui;
use crate::error::{Explain, Kind, Remedy, remedy};
use crate::stop::{Stop, until};

/// What is longer is another file.
const LONGEST: u64 = 4096;

/// There is no secret to be had.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum Error {
    #[error("{}: others may read it (mode {mode:04o}), so it is no secret", path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("{}: one line with the {what} is needed", path.display())]
    Odd { path: PathBuf, what: &'static str },
    #[error("reading the {what} in {}", path.display())]
    Os { path: PathBuf, what: &'static str, source: io::Error },
    #[error("nobody can be asked for the password")]
    Nobody,
    #[error("the two passwords differ; nothing was changed")]
    Differ,
    #[error("interrupted; nothing was changed")]
    Interrupted,
    #[error("reading the terminal: {0}")]
    Terminal(io::Error),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Open { .. } => Kind::Permission,
            Self::Odd { .. } => Kind::BadData,
            Self::Os { source, .. } | Self::Terminal(source) => Kind::of_io(source),
            Self::Nobody | Self::Differ => Kind::Usage,
            Self::Interrupted => Kind::Interrupted,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Open { path, .. } => Some(remedy![
                "If nobody has read it, ",
                crate::error::Action::host("chmod 600").arg(path.display()),
                "; otherwise make a new one.",
            ]),
            Self::Os { path, source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some(Remedy::for_permission(path))
            }
            Self::Os { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("is the path right?".into())
            }
            Self::Nobody => Some("A script gives it with `--password-file FILE`.".into()),
            _ => None,
        }
    }
}

/// What stands in a file that only its owner may read.
pub(in crate::cli) fn read(path: &Path, what: &'static str) -> Result<String, Error> {
    let os = |source| Error::Os { path: path.to_owned(), what, source };
    let file = beneath::open_regular(path).map_err(os)?;
    // The file that was opened is asked, not its name.
    let mode = file.metadata().map_err(os)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Error::Open { path: path.to_owned(), mode });
    }
    let odd = || Error::Odd { path: path.to_owned(), what };
    let bytes = beneath::read_bounded(&file, LONGEST).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => odd(),
        _ => os(error),
    })?;
    let text = String::from_utf8(bytes).map_err(|_| odd())?;
    let line = text.trim_end_matches(['\n', '\r']);
    if line.is_empty() || line.chars().any(char::is_control) {
        return Err(odd());
    }
    Ok(line.to_owned())
}

/// A password: from a file, or typed twice at the terminal.
pub(in crate::cli) fn password(file: Option<&Path>, ui: &Ui, stop: &Stop) -> Result<String, Error> {
    if let Some(file) = file {
        return read(file, "password");
    }
    if !ui.can_ask() {
        return Err(Error::Nobody);
    }
    let first = typed("Password:", ui, stop)?;
    if typed("The same again:", ui, stop)? == first { Ok(first) } else { Err(Error::Differ) }
}

/// A line that the terminal doesn't show.
fn typed(question: &str, ui: &Ui, stop: &Stop) -> Result<String, Error> {
    let input = io::stdin();
    let before = tcgetattr(&input).map_err(|error| Error::Terminal(error.into()))?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    silent.local_modes.insert(LocalModes::ECHONL);
    ui.ask(question);
    tcsetattr(&input, OptionalActions::Flush, &silent).map_err(|error| Error::Terminal(error.into()))?;
    let mut line = String::new();
    let got = {
        let mut both = [PollFd::new(&input, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
        until(&mut both, None)
            .map_err(Error::Terminal)
            .and_then(|_| if both[1].revents().is_empty() { Ok(()) } else { Err(Error::Interrupted) })
    };
    let got = got.and_then(|()| input.lock().read_line(&mut line).map_err(Error::Terminal));
    // Whatever has happened: the terminal shows again what is typed.
    tcsetattr(&input, OptionalActions::Now, &before).map_err(|error| Error::Terminal(error.into()))?;
    got?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_others_can_read_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let write = |text: &str, mode| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        write("abc\n", 0o600);
        assert_eq!(read(&path, "token").unwrap(), "abc");
        for mode in [0o640, 0o604, 0o620] {
            write("abc\n", mode);
            assert!(matches!(read(&path, "token"), Err(Error::Open { .. })));
        }
        for bad in ["", "\n", "a\nb", &"x".repeat(5000)] {
            write(bad, 0o600);
            assert!(matches!(read(&path, "token"), Err(Error::Odd { .. })), "{}", bad.len());
        }
    }
}
