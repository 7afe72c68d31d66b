//! Why a switch can't be asked.

use std::net::SocketAddr;

use super::walk::Wrong;
use crate::error::{Explain, Kind, Remedy};

/// Why a switch told nothing that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No socket.
    #[error("{doing} {at}: {source}")]
    Socket {
        /// What was being done.
        doing: &'static str,
        /// The switch's address.
        at: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// Nothing came.
    #[error("{at} doesn't answer: it was asked {tries} times")]
    Silent {
        /// The switch's address.
        at: SocketAddr,
        /// How often it was asked.
        tries: u32,
    },
    /// Nothing is there, as somebody has said by ICMP.
    #[error("nothing listens at {at}")]
    Closed {
        /// The switch's address.
        at: SocketAddr,
    },
    /// What came is no answer to what was asked.
    #[error("{at} gives no answer that counts: {why}")]
    NoAnswer {
        /// The switch's address.
        at: SocketAddr,
        /// What it is.
        why: &'static str,
    },
    /// It says that it can't tell.
    #[error("{at} refuses to answer, with error {status} of SNMP")]
    Refused {
        /// The switch's address.
        at: SocketAddr,
        /// The number (RFC 3416, 3).
        status: u32,
    },
    /// It takes too long for all of its table.
    #[error("{at} hasn't told its whole table within {seconds} s")]
    Slow {
        /// The switch's address.
        at: SocketAddr,
        /// So long was waited.
        seconds: u64,
    },
    /// What it tells means nothing.
    #[error(transparent)]
    Wrong(#[from] Wrong),
    /// Somebody has ended it.
    #[error("interrupted")]
    Interrupted,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Socket { source, .. } => Kind::of_io(source),
            Self::Silent { .. } | Self::Closed { .. } | Self::Slow { .. } => Kind::Unavailable,
            Self::NoAnswer { .. } | Self::Wrong(_) => Kind::BadData,
            Self::Refused { .. } => Kind::Permission,
            Self::Interrupted => Kind::Interrupted,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::Silent { .. } => {
                "let the switch answer SNMP version 2c to this host, and look at its community: a wrong one gets no answer".into()
            }
            Self::Closed { .. } => "let the switch answer SNMP version 2c to this host, and look at its address".into(),
            Self::Refused { .. } => "let the switch tell this community its bridge tables".into(),
            Self::NoAnswer { .. } | Self::Wrong(_) => {
                "look whether that is the switch's address, and for a newer version of the switch's software".into()
            }
            Self::Slow { .. } => "look whether the switch or the network to it is overloaded".into(),
            Self::Socket { .. } | Self::Interrupted => return None,
        })
    }
}
