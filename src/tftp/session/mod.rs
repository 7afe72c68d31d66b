//! Transfers without sockets and without a clock: packets and the time go in, what is to be sent comes out.
//!
//! [`Sender`] answers a read request, [`Receiver`] a write request. The caller hands it every packet
//! of its client, calls `on_time` once its deadline has passed, and asks `poll` what to do until it says
//! to wait. Block numbers are 64 bits wide in here; on the wire they roll over from 65535 to 0.

mod receive;
mod send;

pub use receive::{Heard, Receiver};
pub use send::Sender;

use std::time::{Duration, Instant};

use super::packet::Code;

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Send the OACK, or without an OACK the ACK 0 of an upload; then call `greeted`.
    Greet,
    /// Send these blocks; then call `sent` with how many it were, and `starved` where the content isn't there yet.
    Send {
        /// The first block's number, from 1.
        first: u64,
        /// How many, at least 1.
        count: u16,
    },
    /// Send an ACK of this block; then call `acked`.
    Ack {
        /// The number as it goes over the wire.
        block: u16,
    },
    /// Nothing until a packet comes or the deadline passes.
    Wait,
    /// It is over; `end` says how.
    End,
}

/// How a transfer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Everything was acknowledged (read) or stored (write).
    Done,
    /// The client wanted to know whether the file is there, or how large it is, and said so with an ERROR
    /// of code 0 or 8 before it had taken more than one block. Boot ROMs and EDK2 do that.
    Probed,
    /// The client gave up and said so.
    Client {
        /// Its code.
        code: Code,
        /// Its message.
        message: String,
    },
    /// Nothing was heard of the client in spite of so many repetitions.
    Silent {
        /// How often it was tried again.
        tries: u32,
    },
    /// The client is there but doesn't get any further.
    Stalled {
        /// How long nothing moved.
        after: Duration,
    },
    /// The upload is larger than allowed.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The client sent a block larger than agreed.
    Oversized {
        /// Bytes of the block.
        got: usize,
        /// The agreed size.
        blksize: u16,
    },
}

/// When to try again and when to give up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How long to wait before the first repetition where the client names no timeout.
    pub first: Duration,
    /// The wait doubles with every repetition up to this, or up to the client's timeout where that is longer.
    pub longest: Duration,
    /// Repetitions in a row without a word of the client after which it counts as gone.
    pub tries: u32,
    /// How long a client may be heard without getting any further.
    pub stalled: Duration,
    /// How long a client that has answered nothing yet is waited for, from its last request on. Long enough for it to
    /// ask again more than once: U-Boot does that every 5 s.
    pub unanswered: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(8),
            tries: 6,
            stalled: Duration::from_secs(120),
            unanswered: Duration::from_secs(16),
        }
    }
}

/// The wait before repetition number `tries` + 1.
fn wait(patience: Duration, retry: &Retry, tries: u32) -> Duration {
    patience.saturating_mul(1 << tries.min(16)).min(retry.longest.max(patience))
}

/// What is due where a client has answered nothing yet. Its address may be forged, so it gets each answer once for each
/// request that came, and one more time.
enum Unanswered {
    Repeat,
    WaitUntil(Instant),
    GiveUp,
}

fn unanswered(retry: &Retry, patience: Duration, heard: Instant, tries: u32, now: Instant) -> Unanswered {
    let until = heard + retry.unanswered.max(patience.saturating_mul(2));
    match tries {
        0 => Unanswered::Repeat,
        _ if now < until => Unanswered::WaitUntil(until),
        _ => Unanswered::GiveUp,
    }
}

/// Whether a request that came again is a repetition by its client, and not one by the network.
fn is_asked_again(patience: Duration, sent: Instant, now: Instant) -> bool {
    now.saturating_duration_since(sent) >= patience / 2
}

/// The end that a client's ERROR means. `taken` is how many blocks it has acknowledged.
fn end_by_client(code: Code, message: &[u8], taken: u64) -> End {
    if taken <= 1 && matches!(code, Code::NOT_DEFINED | Code::OPTIONS) {
        End::Probed
    } else {
        End::Client { code, message: String::from_utf8_lossy(message).into_owned() }
    }
}

#[cfg(test)]
mod tests;
