//! Labels on their way to printers: bytes over TCP, files by FTP, a program of the host, files in a directory.
//!
//! | part | what it is |
//! |---|---|
//! | `tcp` | bytes to a port, and what the printer says to that |
//! | `ftp` | a file by FTP (RFC 959, 2428); `reply` is what a server says, pure |
//! | `command` | a program that reads a label |
//! | `file` | a file that is there whole or not at all |
//!
//! All of it ends in time, and at once where the flag is set. An error says whether something may have been printed: what
//! decides whether it may be tried again without anybody's word.

mod command;
mod file;
mod ftp;
mod reply;
mod tcp;

use std::net::IpAddr;
use std::time::Duration;

pub use command::{Program, command};
pub use file::file;
pub use ftp::{FtpPlace, ftp};
pub use tcp::tcp;

use crate::error::{Explain, Kind, Remedy};
use crate::format::host_port;
use crate::http::sockets::Fault;

/// How long a printer may take to let one in.
const CONNECT: Duration = Duration::from_secs(10);
/// How long it may take nothing: a label is fed and cut meanwhile.
const STALL: Duration = Duration::from_secs(30);
/// How long all of it may take.
pub const WHOLE: Duration = Duration::from_secs(120);

/// Why a printer got no label, or perhaps none.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be reached. Nothing was printed.
    #[error("{} can't be reached: {why}", host_port(host, *port))]
    Connect {
        /// Its name or address.
        host: String,
        /// Its port.
        port: u16,
        /// What the system says.
        why: String,
    },
    /// It was to begin, and may not. Nothing went out.
    #[error("nothing was sent: {why}")]
    Withdrawn {
        /// Why.
        why: String,
    },
    /// The flag was set before anything went out.
    #[error("interrupted")]
    Stopped,
    /// It took a part. Whether it prints that, it doesn't say.
    #[error("the printer has taken {sent} of {of} bytes, then {why}")]
    Broke {
        /// Bytes that it, or the system for it, has taken.
        sent: usize,
        /// Bytes of the label.
        of: usize,
        /// What happened.
        why: String,
    },
    /// A server refuses. Nothing was printed.
    #[error("{doing}: the server says: {said}")]
    Refused {
        /// What was asked for.
        doing: &'static str,
        /// Its words.
        said: String,
    },
    /// What a server says is no FTP. Nothing was printed.
    #[error("{doing}: this is no FTP server: {why}")]
    NoFtp {
        /// What was asked for.
        doing: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// A server got a file, and didn't say what became of it.
    #[error("{doing}: the file is on the server, but {why}")]
    Untold {
        /// What was asked for.
        doing: &'static str,
        /// What happened.
        why: String,
    },
    /// A program says that it didn't print.
    #[error("{program} {how}{said}")]
    Command {
        /// The program.
        program: String,
        /// How it ended.
        how: String,
        /// What it said last, behind a colon.
        said: String,
    },
    /// A program was ended in the middle.
    #[error("{program} {how}")]
    Ended {
        /// The program.
        program: String,
        /// Why.
        how: String,
    },
    /// The system says no. Nothing was printed.
    #[error("{doing}")]
    Os {
        /// What was being done.
        doing: String,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether something may have been printed.
    #[must_use]
    pub const fn perhaps_printed(&self) -> bool {
        matches!(self, Self::Broke { .. } | Self::Untold { .. } | Self::Ended { .. })
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Connect { .. } => Kind::Unavailable,
            Self::Withdrawn { .. } => Kind::Busy,
            Self::Stopped => Kind::Interrupted,
            Self::Broke { .. } | Self::Untold { .. } | Self::Ended { .. } | Self::NoFtp { .. } => Kind::Io,
            Self::Refused { .. } | Self::Command { .. } => Kind::Failed,
            Self::Os { source, .. } => Kind::of_io(source),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Connect { .. } => Some("see whether the printer is on, and on this network".into()),
            error if error.perhaps_printed() => {
                Some("look at the printer: perhaps the label is there".into())
            }
            _ => None,
        }
    }
}

/// What a fault below is, once so much of a label has gone out.
fn broke(fault: Fault, sent: usize, of: usize) -> Error {
    let why = match fault {
        Fault::Stopped if sent == 0 => return Error::Stopped,
        Fault::Stopped => "the station ended".to_owned(),
        Fault::Slow(_) => "it took nothing more in time".to_owned(),
        other => other.to_string(),
    };
    Error::Broke { sent, of, why }
}

/// Is asked before what may be printed goes out, and says why it mayn't: until then nothing can have been printed.
pub type Begin<'a> = &'a mut dyn FnMut() -> Result<(), String>;

/// Asks it.
fn begun(begin: Begin<'_>) -> Result<(), Error> {
    begin().map_err(|why| Error::Withdrawn { why })
}

/// A server as it is connected to.
#[derive(Debug, Clone, Copy)]
pub struct Server<'a> {
    /// Its name or address.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// Whether an address may be connected to.
    pub may: fn(IpAddr) -> bool,
}

#[cfg(test)]
mod tests;
