//! What is told of cables.

use std::net::Ipv6Addr;

use jiff::Timestamp;
use serde::Serialize;

use super::book::End;
use crate::board::{PortPath, Serial, Who};
use crate::error::{Action, Remedy, remedy};

/// What became of an end, as [`Book`](super::book::Book) says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    Came(End),
    Gone(End),
    Refused(End, Why),
}

/// Why a board isn't reached over its cable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Why {
    /// Its USB port isn't among those that may be used.
    Port,
    /// Another board has the same serial number, and so the same addresses.
    Twin {
        /// The other one's port.
        port: PortPath,
    },
    /// Its MAC address isn't the one of its serial number.
    OtherNumber {
        /// What it tells; `None` for nothing that is a serial number.
        told: Option<Serial>,
    },
    /// The kernel refuses the address.
    Refused {
        /// What it says.
        why: String,
        /// IPv6 may be switched off.
        no_ipv6: bool,
    },
}

/// Something that happened to a board's cable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When.
    pub time: Timestamp,
    /// The board: its port, its serial number, and the MAC address of its end.
    pub board: Who,
    /// The interface of this host.
    pub interface: String,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "cable", rename_all = "kebab-case")]
pub enum What {
    /// Its board can speak with this host.
    Linked {
        /// This host's address on it.
        address: Ipv6Addr,
    },
    /// Its board has gone, or its cable was pulled.
    Gone,
    /// Its board is left alone.
    Refused {
        /// Why.
        #[serde(flatten)]
        why: Why,
    },
}

impl Event {
    pub(super) fn now(end: &End, what: What) -> Self {
        let board = Who { serial: end.serial, mac: Some(end.cable.board_mac()), ..Who::at(end.port) };
        Self { time: Timestamp::now(), board, interface: end.name.clone(), what }
    }

    /// Whether somebody has to do something.
    #[must_use]
    pub const fn is_bad(&self) -> bool {
        matches!(self.what, What::Refused { .. })
    }

    /// What happened, as the rest of a sentence that begins with the board.
    #[must_use]
    pub fn text(&self) -> String {
        let interface = &self.interface;
        match &self.what {
            What::Linked { address } => format!("is reached over its USB cable ({interface}, {address})"),
            What::Gone => "is no longer at its USB cable".to_owned(),
            What::Refused { why } => match why {
                Why::Port => "is left alone: its USB port isn't one that may be used".to_owned(),
                Why::Twin { port } => {
                    format!(
                        "is left alone: the board at {port} has the same serial number, and so the same addresses"
                    )
                }
                Why::OtherNumber { told: Some(_) } => {
                    "is left alone: its MAC address isn't that of its serial number".to_owned()
                }
                Why::OtherNumber { told: None } => "is left alone: it tells no serial number".to_owned(),
                Why::Refused { why, .. } => {
                    format!("can't be reached over its USB cable: {interface} gets no address: {why}")
                }
            },
        }
    }

    /// What helps.
    #[must_use]
    pub fn hint(&self) -> Option<Remedy> {
        let What::Refused { why } = &self.what else { return None };
        Some(match why {
            Why::Port => "name the port in the setting `usb.ports`".into(),
            Why::Twin { .. } => "take one of the two out".into(),
            Why::OtherNumber { .. } => "start it with boot files that this version has made".into(),
            Why::Refused { no_ipv6: true, .. } => remedy![
                "IPv6 may be switched off on this host: ",
                Action::host_as_root("sysctl net.ipv6.conf.all.disable_ipv6=0"),
            ],
            Why::Refused { .. } => return None,
        })
    }
}
