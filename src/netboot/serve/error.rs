//! Why boards can't be served.

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::link::Lack;
use crate::error::{Action, Explain, Kind, Knob, Remedy, Task, remedy};

/// Why serving can't begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// DHCP can't be served.
    #[error(transparent)]
    Dhcp(#[from] crate::dhcp::Error),
    /// TFTP can't be served.
    #[error(transparent)]
    Tftp(#[from] crate::tftp::Error),
    /// The TFTP tree isn't there.
    #[error("there is no TFTP tree in {}", path.display())]
    NoTree {
        /// The directory.
        path: PathBuf,
    },
    /// A directory that is needed can't be made.
    #[error("making {}", path.display())]
    State {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A directory can't be watched.
    #[error("watching {}", path.display())]
    Watch {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The loop that looks after everything can't go on.
    #[error("waiting for what happens")]
    Loop(#[source] io::Error),
    /// The interface was away for too long.
    #[error("the interface {interface} {lack}")]
    Away {
        /// The interface.
        interface: String,
        /// What it lacks.
        lack: Lack,
        /// The address that it had.
        address: Ipv4Addr,
    },
    /// A further interface can't be served when serving begins.
    #[error("a [[netboot.subnet]] names the interface {interface}, which can't be served")]
    Further {
        /// The interface.
        interface: String,
        /// Why.
        source: crate::dhcp::Error,
    },
    /// The interface has changed, but sockets can't be opened anew.
    #[error(
        "{interface} has changed, and the sockets that the service manager has opened belong to what it was"
    )]
    HandedOver {
        /// The interface.
        interface: String,
    },
    /// A thread has ended by a defect.
    #[error("{what} has ended by a defect of this program")]
    Ended {
        /// Which.
        what: &'static str,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Dhcp(error) | Self::Further { source: error, .. } => error.kind(),
            Self::Tftp(error) => error.kind(),
            Self::NoTree { .. } => Kind::NoInput,
            Self::State { source, .. } => match Kind::of_io(source) {
                Kind::Permission => Kind::Permission,
                _ => Kind::CantCreate,
            },
            Self::Watch { source, .. } | Self::Loop(source) => Kind::of_io(source),
            Self::Away { .. } | Self::HandedOver { .. } => Kind::Unavailable,
            Self::Ended { .. } => Kind::Failed,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Dhcp(error) | Self::Further { source: error, .. } => error.hint(),
            // Boards ask port 69 and no other.
            Self::Tftp(crate::tftp::Error::InUse { holder: Some(holder), .. }) => Some(format!(
                "stop {}: boards ask this port and no other. A dnsmasq that is needed for other things serves no \
                 files without enable-tftp.",
                holder.name()
            ).into()),
            Self::Tftp(crate::tftp::Error::InUse { .. }) => Some(
                remedy![
                Action::host_as_root("ss -ulpn sport = :69"),
                " shows who has it; boards ask this port and no other",
            ],
            ),
            Self::Tftp(crate::tftp::Error::Privileged { .. }) => Some(
                remedy![Action::AsRoot, ", or give it CAP_NET_BIND_SERVICE, CAP_NET_RAW and CAP_NET_ADMIN"],
            ),
            Self::State { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some(remedy![Action::AsRoot, ", or name another directory with ", Knob::State])
            }
            Self::Tftp(error) => error.hint(),
            Self::NoTree { path } => Some(remedy![
                Task::ClientAdd,
                " makes it with the first client; or ",
                Action::host_as_root("mkdir -p").arg(path.display()),
                " and copy the boot partition of an image there. ",
                Knob::TftpRoot,
                " names another.",
            ]),
            Self::Watch { .. } => {
                Some(remedy!["the limits are fs.inotify.*: ", Action::host("sysctl fs.inotify"), " shows them"])
            }
            Self::Away { lack, interface, address } => Some(match lack {
                Lack::Gone => remedy![Action::host("ip link"), " shows what there is; ", Knob::Interface, " names another"],
                Lack::Down => remedy!["switch it on: ", Action::host_as_root("ip link set").arg(interface).arg("up")],
                Lack::NoAddress => remedy![
                    format!("it had {address}; "),
                    Action::host_as_root("ip addr add").arg(format_args!("{address}/24")).arg("dev").arg(interface),
                    " gives it back, with the length of your network's prefix",
                ],
            }),
            Self::HandedOver { .. } => Some("start it again: the service manager opens them anew then".into()),
            _ => None,
        }
    }
}
