//! The live tree: the directory that the USB file server serves, and in it the links, one a port, to each board's
//! own files.
//!
//! ```text
//! live/kernel.img -> clients/1ststage/kernel.img          what every unknown board boots: the first stage
//! live/1-1.2      -> clients/by-serial/00000000d8e4a1f7   what the board at port 1-1.2 boots (an overlay)
//! live/1-1.3      -> clients/default                      the same for a board without files of its own
//! ```
//!
//! The oldest boards' boot ROM doesn't tell a serial number. They boot the first stage, which shows it as a serial
//! port; `piprov-udev` ([`handle`]) makes the overlay and tells the board to restart. An overlay belongs to one
//! board's one boot: [`port`] has the rules by which it goes away, so that no board gets another one's files.
//!
//! What is piprov's own here is seen by what it is, not by a list kept elsewhere: a link of a first-stage file's
//! name to that file, and a link named like a port into `clients`. Anything else is left alone.

pub mod client;
pub mod event;
mod filters;
pub mod finish;
pub mod handle;
pub mod install;
pub mod journal;
pub mod plan;
pub mod port;
pub mod record;
pub mod rules;
#[cfg(feature = "udev")]
pub mod serial_port;
pub mod tell;
mod tree;
mod whole;

use std::io;
use std::path::{Path, PathBuf};

pub use tree::{Entry, Kind as EntryKind, Overlay, Tree};
pub use whole::Missing;

use crate::board::PortPath;
use crate::error::{Action, Explain, Kind, Knob, Remedy, Task, remedy};

/// Why something about the live tree can't be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system said no.
    #[error("{doing} {}: {source}", path.display())]
    Os {
        /// The file or directory.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is no first stage to link.
    #[error("there is no first stage: {} is no directory", path.display())]
    NoFirstStage {
        /// Where it should be.
        path: PathBuf,
    },
    /// A thing that isn't piprov's is where a link should be.
    #[error("{} is in the way: it is {what}", path.display())]
    InTheWay {
        /// The file or directory.
        path: PathBuf,
        /// What it is, as in "it is a directory".
        what: String,
    },
    /// The live directory is a link. A user that may rename entries beside it could choose what is changed in its
    /// place.
    #[error("the live tree {} is a link, and not a directory", path.display())]
    IsLink {
        /// The link.
        path: PathBuf,
    },
    /// A program can't be copied into an image: it is for another processor.
    #[error("{} is for {own}, and the programs of {} are for {others}", program.display(), root.display())]
    OtherProcessor {
        /// The program.
        program: PathBuf,
        /// What it is for.
        own: String,
        /// The root of the image.
        root: PathBuf,
        /// What the programs there are for.
        others: String,
    },
    /// Another process works on the port and doesn't end.
    #[error("port {port} is being worked on by another process")]
    Locked {
        /// The port.
        port: PortPath,
    },
}

impl Error {
    /// An error of the operating system, with what was being done.
    pub(crate) fn os(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Os { path, doing, source }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Os { doing, source, .. } => match Kind::of_io(source) {
                Kind::NoInput if *doing != "reading" => Kind::CantCreate,
                kind => kind,
            },
            Self::NoFirstStage { .. } => Kind::NoInput,
            Self::InTheWay { .. } | Self::IsLink { .. } => Kind::CantCreate,
            Self::OtherProcessor { .. } => Kind::BadData,
            Self::Locked { .. } => Kind::Busy,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Os { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some(Action::AsRoot.into())
            }
            Self::Os { .. } | Self::Locked { .. } => None,
            Self::NoFirstStage { path } => Some(remedy![
                Task::Stage1.of("armv6").arg(path.display()),
                " makes one; another place is named with ",
                Knob::Clients,
                " or in piprov.toml",
            ]),
            Self::OtherProcessor { .. } => {
                Some("install piprov's package in the image first: its programs are taken then".into())
            }
            Self::IsLink { .. } => {
                Some(remedy!["name the directory itself, with ", Knob::Live, " or in piprov.toml"])
            }
            Self::InTheWay { .. } => {
                Some(remedy!["move it elsewhere, or use ", Knob::Force, " to remove it"])
            }
        }
    }
}
