//! What serving tells.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use crate::dhcp::Mode;
use crate::error::Remedy;
use crate::netboot::content::limits::TooLarge;
use crate::netboot::steps::{Id, Step};

/// Something that happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// It serves from now on.
    Serving {
        /// The interface.
        interface: String,
        /// This host's address on it.
        address: Ipv4Addr,
        /// Beside another DHCP server, or instead of one.
        mode: Mode,
        /// The addresses that are given out.
        #[serde(serialize_with = "as_range", skip_serializing_if = "Option::is_none")]
        range: Option<(Ipv4Addr, Ipv4Addr)>,
        /// The directory that is served.
        #[serde(serialize_with = "crate::format::json::path")]
        tftp_root: PathBuf,
        /// Where TFTP is served.
        tftp: SocketAddr,
        /// Clients with a record.
        clients: usize,
    },
    /// A board went a step further, or doesn't.
    Board(Board),
    /// A board has so much of a file.
    Progress {
        /// The board.
        board: Id,
        /// The file.
        path: String,
        /// Bytes that it has.
        bytes: u64,
        /// Of so many.
        total: Option<u64>,
    },
    /// What DHCP did; every message.
    Dhcp {
        /// As the DHCP server tells it.
        dhcp: crate::dhcp::event::Event,
    },
    /// A file is too large for its boards.
    TooLarge(TooLarge),
    /// The clients' records were read again.
    Clients {
        /// How many there are.
        count: usize,
    },
    /// Something is not as it should be.
    Warning {
        /// What, and what helps.
        text: Remedy,
    },
}

/// A step of a board's boot, with what is known of the board.
#[derive(Debug, Clone, Serialize)]
pub struct Board {
    /// The board.
    pub board: Id,
    /// The client that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Its model, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<&'static str>,
    /// The low 32 bits of its serial number, as its directory is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
    /// The boot so far, in a line.
    pub trail: String,
    /// Bytes that it has fetched.
    pub fetched: u64,
    /// The step.
    #[serde(flatten)]
    pub step: Step,
}

fn as_range<S: Serializer>(range: &Option<(Ipv4Addr, Ipv4Addr)>, serializer: S) -> Result<S::Ok, S::Error> {
    match range {
        Some((first, last)) => serializer.collect_str(&format_args!("{first}-{last}")),
        None => serializer.serialize_none(),
    }
}
