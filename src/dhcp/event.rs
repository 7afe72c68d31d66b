//! What the server tells.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use super::packet::Kind;
use super::pi::DhcpClient;
use crate::board::Mac;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// A message came, and what is done about it. Told when that is decided: an answer that waits for its time or for
    /// the disk may still be withdrawn or lost.
    Heard(Heard),
    /// An answer has left this host.
    Sent(Sent),
    /// Bytes came that are no DHCP message of a client. At most ten a second are told.
    Malformed {
        /// The host that sent them.
        from: SocketAddrV4,
        /// What is wrong.
        why: String,
    },
    /// Another device has the address that a board was about to get. The board gets another one.
    Conflict {
        /// The address.
        address: Ipv4Addr,
        /// The device that has it.
        holder: Mac,
        /// The board that was to get it.
        mac: Mac,
    },
    /// Leases can't be written. Boards get no answer until they can: what is promised has to outlive the process.
    Unsaved {
        /// The file.
        #[serde(serialize_with = "crate::format::json::path")]
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Leases were to last longer than leases do here: they were made under another clock, or with another lease time. They
    /// end sooner now.
    Shortened {
        /// The file.
        #[serde(serialize_with = "crate::format::json::path")]
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// An answer was not sent: the system refused it, or its lease can't be written. At most ten a second are told.
    Unsent {
        /// Whose it was.
        mac: Mac,
        /// What it was.
        message: Kind,
        /// Its lease can't be written; otherwise the system refused the answer.
        unsaved: bool,
        /// What the system said.
        why: String,
    },
    /// In proxy mode: a board that was answered shows the address that another server has given it.
    Addressed {
        /// The board.
        mac: Mac,
        /// Its address, as it says by ARP.
        address: Ipv4Addr,
    },
    /// There are no raw sockets: every answer goes out by broadcast, and addresses are not looked at before they are
    /// given out.
    NoRaw {
        /// What the system said.
        why: String,
    },
}

/// A client's message, and what was done about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Heard {
    /// The client.
    pub mac: Mac,
    /// What it is; serial number and revision also where an earlier message told them.
    #[serde(flatten)]
    pub client: DhcpClient,
    /// What it sent.
    pub message: Kind,
    /// The port that it asked: 67 or 4011.
    pub port: u16,
    /// The relay between it and us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay: Option<Ipv4Addr>,
    /// How many times it has looked for a server now without going on from there, from 1; 0 for other messages than
    /// DISCOVER. More than 1 after an answer: the answers don't reach it, or it can't use them.
    pub tries: u32,
    /// The address that it has or asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Ipv4Addr>,
    /// The name that it gives itself (option 12), safe to print.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What was done.
    #[serde(flatten)]
    pub answer: Answer,
}

/// An answer that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// Who it is for.
    pub mac: Mac,
    /// What it is: an OFFER, an ACK or a NAK.
    pub message: Kind,
    /// The address that it gives; `None` where it gives none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
    /// It tells a Raspberry Pi where to boot from.
    pub boots: bool,
}

/// What was done about a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Answer {
    /// It was offered an address.
    Offer {
        /// The address.
        address: Ipv4Addr,
        /// It counts as taken already: this client will not ask for it.
        soft: bool,
        /// How long the answer is held back.
        #[serde(serialize_with = "as_seconds")]
        delay: Duration,
    },
    /// It was told where to boot from; its address comes from another server.
    BootOffer {
        /// How long the answer is held back.
        #[serde(serialize_with = "as_seconds")]
        delay: Duration,
    },
    /// It has its address.
    Ack {
        /// The address.
        address: Ipv4Addr,
        /// For so long.
        #[serde(serialize_with = "as_seconds")]
        lease: Duration,
    },
    /// It was told where to boot from, by its own question for that.
    BootAck,
    /// It was told the settings of the network.
    Info,
    /// It may not have the address.
    Nak {
        /// Why.
        why: Refusal,
    },
    /// It gave its address back.
    Released {
        /// The address.
        address: Ipv4Addr,
    },
    /// It found its address in use; that isn't given out for some time.
    Declined {
        /// The address.
        address: Ipv4Addr,
    },
    /// It got no answer.
    None {
        /// Why.
        why: Silence,
    },
}

/// Why a client may not have an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// It belongs to another network.
    WrongNetwork,
    /// It is not in the range, and not this board's own.
    NotOurs,
    /// Another board has it.
    Taken,
    /// This board has another one.
    HasAnother,
}

/// Why a message got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Silence {
    /// It is no Raspberry Pi.
    NoPi,
    /// A PC's network boot ROM, and there is no boot file for its architecture.
    NoBootFile,
    /// An operating system that wants an address, which proxy mode doesn't give.
    NoNetboot,
    /// It speaks with another server.
    OtherServer {
        /// That server.
        server: Ipv4Addr,
    },
    /// It speaks with the server that gave it its address. That isn't this host: proxy mode gives out no addresses.
    NotGivenHere,
    /// All addresses of the range are given out.
    Exhausted,
    /// It comes through a relay from a network that there is no range for.
    OtherNetwork,
    /// It is not known here, and another server may know it.
    Unknown,
    /// It was to give back or refuse an address that it doesn't have.
    NotIts,
    /// It is an answer, which no client sends.
    NoQuestion,
    /// It makes no sense on this port.
    WrongPort,
    /// It is in the list of boards that never get an answer.
    Denied,
    /// Only some boards get an answer, and it is none of them.
    NotAllowed,
    /// The list of boards that get an answer names it, and it is none that there is an answer for.
    NothingForIt,
    /// It is done, and is to start from its disk: see [`crate::arming`].
    Withheld,
}

pub(super) fn as_seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1000.0).round() / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dhcp::pi::Stage;

    #[test]
    fn an_event_is_one_flat_object() {
        let heard = Heard {
            mac: Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3]),
            client: DhcpClient {
                stage: Stage::Eeprom5,
                serial: Some(crate::board::Serial::of_low(0x99)),
                revision: None,
                arch: Some(0),
            },
            message: Kind::Discover,
            port: 67,
            relay: None,
            tries: 2,
            wanted: None,
            name: None,
            answer: Answer::None { why: Silence::OtherServer { server: Ipv4Addr::new(10, 0, 0, 1) } },
        };
        let text = serde_json::to_string(&Event::Heard(heard.clone())).unwrap();
        assert_eq!(
            text,
            r#"{"event":"heard","mac":"dc:a6:32:01:02:03","stage":"eeprom5","serial":"00000099","arch":0,"message":"discover","port":67,"tries":2,"answer":"none","why":{"why":"other-server","server":"10.0.0.1"}}"#
        );
        let address = Ipv4Addr::new(10, 0, 0, 9);
        let answer = Answer::Offer { address, soft: true, delay: Duration::from_millis(1500) };
        let text = serde_json::to_string(&Event::Heard(Heard { answer, ..heard })).unwrap();
        assert!(
            text.ends_with(r#""answer":"offer","address":"10.0.0.9","soft":true,"delay":1.5}"#),
            "{text}"
        );
    }
}
