//! What serving tells beside the boards' boots, which are runs.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::board::{Mac, Who};
use crate::control::Told;
use crate::dhcp::Mode;
use crate::error::Remedy;
use crate::netboot::content::limits::TooLarge;
use crate::netboot::reason;
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
        /// How many boards have an address of their own there.
        #[serde(skip_serializing_if = "is_none")]
        fixed: usize,
        /// The networks behind relays in which addresses are given out, as `10.1.0.0/24`.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        relayed: Vec<String>,
        /// The directory that is served.
        #[serde(serialize_with = "crate::format::json::path")]
        tftp_root: PathBuf,
        /// Where TFTP is served; `None` where another server does.
        tftp: Option<SocketAddr>,
        /// Further interfaces on which addresses are given out.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        further: Vec<String>,
        /// That other server.
        #[serde(skip_serializing_if = "Option::is_none")]
        tftp_server: Option<Ipv4Addr>,
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
        told: reason::Told,
    },
    /// Another DHCP server is there, or says something else than before.
    Server(Sighting),
    /// The interface that is served has changed.
    Interface {
        /// Its name now, or the one that it had.
        interface: String,
        /// What happened to it.
        change: InterfaceChange,
        /// This host's address on it, or the one that it had.
        address: Ipv4Addr,
    },
    /// Boards of another program are served too: it decides what they get, and keeps their records.
    Admitted {
        /// That program's process; 0 where it is in another container.
        pid: u32,
        /// Its user.
        uid: u32,
        /// The boards.
        boards: Vec<Mac>,
    },
    /// They are no longer served, or weren't taken.
    Withdrawn {
        /// That program's process.
        pid: u32,
        /// Its user.
        uid: u32,
        /// The boards; empty where they weren't taken.
        boards: Vec<Mac>,
        /// Why.
        why: String,
    },
    /// Something is not as it should be.
    Warning {
        /// What, and what helps.
        text: Remedy,
    },
}

/// What happened to the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InterfaceChange {
    /// There is none of that name. It is waited for.
    Gone,
    /// It was switched off. It is waited for.
    Down,
    /// It lost its address. Another one is waited for.
    NoAddress,
    /// It is as it was before.
    Back,
    /// It is another one of that name, or has another address; all sockets were opened anew.
    Moved,
    /// It is the same with another name.
    Renamed,
    /// Nobody is at the other end of the cable.
    NoCarrier,
    /// Somebody is at the other end of the cable again.
    Carrier,
}

impl From<Told> for What {
    fn from(told: Told) -> Self {
        match told {
            Told::Admitted { client, boards } => Self::Admitted { pid: client.pid, uid: client.uid, boards },
            Told::Withdrawn { client, boards, why } => {
                Self::Withdrawn { pid: client.pid, uid: client.uid, boards, why }
            }
            Told::Refused { client, why } => {
                Self::Withdrawn { pid: client.pid, uid: client.uid, boards: Vec::new(), why }
            }
        }
    }
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

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
const fn is_none(count: &usize) -> bool {
    *count == 0
}

fn as_range<S: Serializer>(range: &Option<(Ipv4Addr, Ipv4Addr)>, serializer: S) -> Result<S::Ok, S::Error> {
    match range {
        Some((first, last)) => serializer.collect_str(&format_args!("{first}-{last}")),
        None => serializer.serialize_none(),
    }
}
