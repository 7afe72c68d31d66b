//! What the server tells about its transfers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use super::options::Agreed;
use super::packet::{Code, Direction};
pub use crate::format::printable;

/// Something that happened to a request or a transfer.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// The number of the request, from 1; the same in all events of one transfer. 0 where there was no request.
    pub id: u64,
    /// The client.
    pub peer: SocketAddr,
    /// What was asked for, safe to print: control bytes and what is no UTF-8 are written as `\x..`.
    #[serde(serialize_with = "as_str")]
    pub path: Arc<str>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// Kinds of [`Event`]. A request ends with exactly one of `Finished`, `Probed`, `Refused` and `Failed`. Of a flood of
/// requests that come to nothing most aren't told at all, neither their beginning nor their end; `More` says how many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum What {
    /// A request came.
    Requested {
        /// Whether the client reads or writes.
        direction: Direction,
    },
    /// The source granted it.
    Started {
        /// Whether the client reads or writes.
        direction: Direction,
        /// Its length: of the content for a read, as the client told it for a write.
        bytes: Option<u64>,
        /// What was agreed.
        options: Agreed,
    },
    /// It goes on. Comes after every MiB, or after 200 ms where that takes longer.
    Progress {
        /// Bytes acknowledged (read) or stored (write).
        bytes: u64,
        /// Of so many, if that is known.
        total: Option<u64>,
    },
    /// All bytes were acknowledged by the client, or are in the sink.
    Finished {
        /// Whether the client read or wrote.
        direction: Direction,
        /// Its length.
        bytes: u64,
        /// From the request to the last acknowledgement.
        #[serde(serialize_with = "crate::format::seconds", deserialize_with = "crate::format::of_seconds")]
        elapsed: Duration,
        /// Packets that had to be sent more than once.
        retransmits: u64,
    },
    /// The client only looked whether the file is there and how large it is.
    Probed,
    /// It was not granted.
    Refused {
        /// The code that the client got.
        code: Code,
        /// The message that the client got.
        message: String,
    },
    /// It ended before it was complete.
    Failed {
        /// Why.
        why: String,
        /// Bytes acknowledged or stored until then.
        bytes: u64,
    },
    /// A malformed packet, or one that belongs to no transfer.
    Malformed {
        /// What is wrong with it.
        why: String,
    },
    /// There are as many transfers as the limits allow; the request was left unanswered, so that the client asks
    /// again.
    Crowded,
    /// So many more in the last second that weren't told one by one. Belongs to no request; `peer` is the server itself.
    More {
        /// Of what.
        reason: Reason,
        /// How many.
        count: u64,
    },
}

/// What there can be too much of to tell it one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// [`What::Malformed`].
    Malformed,
    /// [`What::Refused`].
    Refused,
    /// [`What::Crowded`].
    Crowded,
    /// Requests that were answered, and whose client acknowledged nothing ([`What::Failed`]).
    Unanswered,
}

fn as_str<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_flat_object() {
        let peer = "10.0.0.9:1069".parse().unwrap();
        let what = What::Finished {
            direction: Direction::Read,
            bytes: 5,
            elapsed: Duration::from_micros(1_234_567),
            retransmits: 0,
        };
        let event = Event { id: 3, peer, path: "a/b".into(), what };
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"id":3,"peer":"10.0.0.9:1069","path":"a/b","event":"finished","direction":"read","bytes":5,"elapsed":1.235,"retransmits":0}"#
        );
        let event = Event { what: What::Probed, ..event };
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"id":3,"peer":"10.0.0.9:1069","path":"a/b","event":"probed"}"#
        );
    }
}
