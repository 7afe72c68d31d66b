//! Why an interface can't be used.

use std::io;

use crate::error::{Action, Explain, Kind, Remedy, remedy};

/// Why an interface can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such interface.
    #[error("there is no network interface `{name}`")]
    NoInterface {
        /// What was asked for.
        name: String,
        /// Those that there are.
        have: String,
    },
    /// The interfaces can't be listed.
    #[error("listing the network interfaces")]
    List(#[source] io::Error),
    /// The interface can't carry what boards speak.
    #[error("{interface} is no Ethernet interface")]
    NotEthernet {
        /// The interface.
        interface: String,
    },
    /// The interface is switched off.
    #[error("the interface {interface} is down")]
    Down {
        /// The interface.
        interface: String,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoInterface { .. } | Self::NotEthernet { .. } | Self::Down { .. } => Kind::Unavailable,
            Self::List(source) => Kind::of_io(source),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::NoInterface { have, .. } if have.is_empty() => "this host has no Ethernet interface".into(),
            Self::NoInterface { have, .. } => format!("there are: {have}").into(),
            Self::NotEthernet { .. } => "boards boot over wired Ethernet; choose that interface".into(),
            Self::Down { interface } => {
                remedy!["switch it on: ", Action::host_as_root("ip link set").arg(interface).arg("up")]
            }
            Self::List(_) => return None,
        })
    }
}
