//! Why boards can't be handed over, or taken.

use std::io;
use std::net::SocketAddr;

use super::message::Why;
use crate::beneath::SocketError;
use crate::error::{Action, Explain, Kind, Remedy, remedy};

/// Why nobody serves, or can be served, by the control socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no connection, or no socket that listens.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The server doesn't want these boards.
    #[error("process {pid} has TFTP's port, and doesn't serve these boards: {text}")]
    Refused {
        /// The server.
        pid: u32,
        /// Why, for programs.
        why: Why,
        /// Why, for people.
        text: String,
    },
    /// The server says nothing, or what nobody understands.
    #[error("process {pid} has TFTP's port, and doesn't answer as it should: {what}")]
    Odd {
        /// The server.
        pid: u32,
        /// What it did.
        what: String,
    },
    /// It serves where these boards don't ask.
    #[error("process {pid} serves TFTP at {}, not at {wanted}", list(addrs))]
    Elsewhere {
        /// The server.
        pid: u32,
        /// Where it serves.
        addrs: Vec<SocketAddr>,
        /// Where the boards ask.
        wanted: SocketAddr,
    },
    /// The server has ended, or has put these boards out.
    #[error("the server that served it (process {pid}) has ended: {why}")]
    Lost {
        /// The server.
        pid: u32,
        /// What it said, or what was seen.
        why: String,
    },
    /// The image can't be handed over.
    #[error("handing over {name}")]
    Image {
        /// The image.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// It was told to stop.
    #[error("interrupted")]
    Stopped,
}

fn list(addrs: &[SocketAddr]) -> String {
    addrs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Socket(error) => error.kind(),
            Self::Elsewhere { .. } | Self::Odd { .. } | Self::Lost { .. } => Kind::Unavailable,
            Self::Refused { why: Why::Image, .. } => Kind::NoInput,
            Self::Refused { .. } => Kind::Busy,
            Self::Image { source, .. } => Kind::of_io(source),
            Self::Stopped => Kind::Interrupted,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Refused { why: Why::Taken, .. } => {
                Some("wait until the other flash has ended, or end it".into())
            }
            Self::Refused { why: Why::Image, .. } => {
                Some(remedy!["it takes what it can read without waiting; ", Action::Stream])
            }
            Self::Refused { why: Why::Schema, .. } => {
                Some("restart the server: it is of another version".into())
            }
            Self::Elsewhere { .. } => {
                Some("its boards ask at its own addresses; stop it, or let these boards ask there".into())
            }
            Self::Socket(SocketError::System { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => Some(remedy![
                Action::AsRoot,
                ", or as a member of the group piprov: ",
                Action::host_as_root("usermod -aG piprov NAME"),
                ", then log in anew; the group has to be there before the server starts",
            ]),
            Self::Socket(SocketError::Distrusted { path, .. }) => Some(remedy![
                Action::host("ls -ld").arg(path.parent().unwrap_or(path).display()).arg(path.display()),
                " shows whose they are; remove what nobody needs, or name another place in the setting control-socket",
            ]),
            Self::Socket(SocketError::Served { pid, .. }) => Some(
                format!(
                    "all else goes on. A flash hands its boards to process {pid}; where this network's are to come here, \
                     give both this server and the flash another `control-socket`"
                )
                .into(),
            ),
            Self::Lost { .. } => {
                Some("its card starts U-Boot only until it is flashed again; flash it again".into())
            }
            _ => None,
        }
    }
}
