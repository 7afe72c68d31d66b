//! Kinds of failure. Each room has an error enum of its own with the facts in it; what they share
//! is a coarse [`Kind`], which decides the exit code, and a hint: a [`Remedy`], the next thing for the user to do.

mod action;
mod finding;
mod remedy;
mod sentence;

pub use action::{Action, Knob, Task};
pub use finding::{Finding, Place, Severity};
pub(crate) use remedy::remedy;
pub use remedy::{Piece, Remedy};
pub use sentence::sentence;

/// What sort of failure it was. The exit codes are those of `sysexits.h`, as README and man page list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// It was tried and did not work (a board reported failure, a comparison found a difference).
    Failed,
    /// The command line makes no sense.
    Usage,
    /// The image, or another input, is damaged, of the wrong kind, or doesn't fit.
    BadData,
    /// There is no such file, or no such target in the database.
    NoInput,
    /// No such device or service, or a board that doesn't answer.
    Unavailable,
    /// An output can't be created.
    CantCreate,
    /// Reading or writing failed.
    Io,
    /// Another program or host has it; trying again later may work.
    Busy,
    /// The user may not do this.
    Permission,
    /// The configuration or the targets database is wrong.
    Config,
    /// Ctrl-C or SIGTERM.
    Interrupted,
}

impl Explain for std::io::Error {
    fn kind(&self) -> Kind {
        Kind::of_io(self)
    }
}

impl Kind {
    /// The exit code that this kind of failure ends the program with.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::BadData => 65,
            Self::NoInput => 66,
            Self::Unavailable => 69,
            Self::CantCreate => 73,
            Self::Io => 74,
            Self::Busy => 75,
            Self::Permission => 77,
            Self::Config => 78,
            Self::Interrupted => 130,
        }
    }

    /// Whether the same, tried again, ends in the same way: what was given is wrong, and not what happened.
    #[must_use]
    pub const fn is_lasting(self) -> bool {
        matches!(self, Self::Usage | Self::BadData | Self::NoInput | Self::Permission | Self::Config)
    }

    /// The kind that an operating-system error belongs to.
    #[must_use]
    pub fn of_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as E;
        match error.kind() {
            E::NotFound => Self::NoInput,
            E::PermissionDenied => Self::Permission,
            E::AddrInUse | E::ResourceBusy | E::WouldBlock => Self::Busy,
            E::AddrNotAvailable | E::NotConnected => Self::Unavailable,
            // A file in the place of a directory, or the other way round, is an input of the wrong kind.
            E::InvalidData | E::UnexpectedEof | E::NotADirectory | E::IsADirectory => Self::BadData,
            // What is to be made is there, and stays.
            E::AlreadyExists => Self::CantCreate,
            _ => Self::Io,
        }
    }

    /// The same of a file that was to be made.
    #[must_use]
    pub fn of_output(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as E;
        match error.kind() {
            E::NotFound | E::NotADirectory | E::IsADirectory | E::InvalidInput | E::ReadOnlyFilesystem => {
                Self::CantCreate
            }
            _ => Self::of_io(error),
        }
    }
}

/// What every room's error can tell beside its message. A message is one line: a newline in it came from outside,
/// and is shown as such.
pub trait Explain: std::error::Error {
    /// The coarse kind, which decides the exit code.
    fn kind(&self) -> Kind;
    /// The next thing to do, as one sentence or two; `None` where nothing helpful is known.
    fn hint(&self) -> Option<Remedy> {
        None
    }
    /// What stands on lines of its own below the message, which is always one line: each thing that is wrong, where
    /// there are several.
    fn more(&self) -> Vec<String> {
        Vec::new()
    }
}

/// An error with its causes, as one sentence: "opening /dev/gpiochip0: permission denied". A cause that its error says
/// already is said once.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
