//! What serving tells beside the boards' boots, which are runs.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::board::Who;
use crate::dhcp::Mode;
use crate::error::Remedy;
use crate::netboot::content::limits::TooLarge;
use crate::netboot::reason::Told;
use crate::netboot::servers::Sighting;

/// Something that happened to the server itself.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// When, in UTC.
    pub time: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum What {
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
    /// A client that has no run gets no answer, or not the one that it wants.
    Reason {
        /// The client.
        board: Who,
        /// Why, and what helps.
        #[serde(flatten)]
        told: Told,
    },
    /// Another DHCP server is there, or says something else than before.
    Server(Sighting),
    /// Something is not as it should be.
    Warning {
        /// What, and what helps.
        text: Remedy,
    },
}

/// What was told of all boards when serving ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Boards that were heard.
    pub boards: u64,
    /// Boots whose system was seen.
    pub up: u64,
    /// Boots that stopped on the way.
    pub stuck: u64,
}

fn as_range<S: Serializer>(range: &Option<(Ipv4Addr, Ipv4Addr)>, serializer: S) -> Result<S::Ok, S::Error> {
    match range {
        Some((first, last)) => serializer.collect_str(&format_args!("{first}-{last}")),
        None => serializer.serialize_none(),
    }
}
