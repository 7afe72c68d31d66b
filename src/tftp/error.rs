//! Why the server doesn't run.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::holder::Holder;
use crate::error::{Action, Explain, Kind, Remedy, remedy};

/// Why a TFTP server can't be started or can't go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another program has the port.
    #[error("UDP port {} of {} is in use{}", .addr.port(), .addr.ip(), by(.holder.as_ref()))]
    InUse {
        /// What was to be bound.
        addr: SocketAddr,
        /// The program that has it, as far as it can be seen.
        holder: Option<Holder>,
    },
    /// The port is privileged.
    #[error("UDP port {} needs a privilege that this user doesn't have", .addr.port())]
    Privileged {
        /// What was to be bound.
        addr: SocketAddr,
    },
    /// The address belongs to another host.
    #[error("{} is no address of this host", .addr.ip())]
    NotHere {
        /// What was to be bound.
        addr: SocketAddr,
    },
    /// Anything else that goes wrong with the server's socket.
    #[error("binding UDP {addr}: {source}")]
    Bind {
        /// What was to be bound.
        addr: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The folder can't be served.
    #[error("serving {}: {source}", .root.display())]
    Root {
        /// The folder.
        root: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The event loop can't go on.
    #[error("waiting for TFTP packets: {0}")]
    Loop(std::io::Error),
}

fn by(holder: Option<&Holder>) -> String {
    holder.map(|holder| format!(" by {holder}")).unwrap_or_default()
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::InUse { .. } => Kind::Busy,
            Self::Privileged { .. } => Kind::Permission,
            Self::NotHere { .. } => Kind::Unavailable,
            Self::Bind { source, .. } | Self::Root { source, .. } | Self::Loop(source) => Kind::of_io(source),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::InUse { holder: Some(holder), addr } if addr.port() == crate::tftp::PORT => {
                // Another piprov is at work for boards; what else has the port is only in the way.
                Some(match holder.name() {
                    "piprov" => "wait until it has ended: boards ask this port and no other".into(),
                    name => format!("stop {name}: boards ask this port and no other").into(),
                })
            }
            Self::InUse { holder: Some(holder), addr } => {
                Some(format!("stop {}, or listen on another port than {}", holder.name(), addr.port()).into())
            }
            Self::InUse { holder: None, addr } => Some(remedy![
                Action::host_as_root("ss -ulpn sport =").arg(format_args!(":{}", addr.port())),
                " shows who has it; or listen on another port",
            ]),
            Self::Privileged { addr } if addr.port() == crate::tftp::PORT => {
                Some(remedy![Action::AsRoot, ", or give the program the capability CAP_NET_BIND_SERVICE"])
            }
            Self::Privileged { .. } => Some(remedy![
                Action::AsRoot,
                ", give the program the capability CAP_NET_BIND_SERVICE, or listen on a port from 1024 up",
            ]),
            Self::NotHere { .. } => Some(remedy![
                Action::host("ip -brief address"),
                " lists the addresses of this host; 0.0.0.0 stands for all of them",
            ]),
            Self::Root { root, source } => match source.kind() {
                io::ErrorKind::NotFound => Some("is the path right?".into()),
                io::ErrorKind::NotADirectory => Some("give the folder that the file is in".into()),
                io::ErrorKind::PermissionDenied => Some(Remedy::for_permission(root)),
                _ => None,
            },
            _ => None,
        }
    }
}
