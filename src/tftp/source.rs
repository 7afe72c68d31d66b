//! Where content comes from and where uploads go: what the rest of the program implements to plug into the server.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::options::Wanted;
use super::packet::{Code, Direction};

/// A read or write request, as a source sees it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The number under which the events speak of this request. No other request of its server has it.
    pub id: u64,
    /// The client that asks.
    pub peer: SocketAddr,
    /// The address of this host that was asked.
    pub local: IpAddr,
    /// What is asked for, as it came: any bytes but NUL, not empty.
    pub path: &'a [u8],
    /// Whether the client reads or writes.
    pub direction: Direction,
    /// The options it asks for. `tsize` of a write request is the upload's size.
    pub options: Wanted,
}

impl<'a> Request<'a> {
    /// The path as text, without the slashes in front that many clients write. `None` where it isn't UTF-8.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        std::str::from_utf8(self.path).ok().map(|path| path.trim_start_matches('/'))
    }
}

/// What a source says to a request.
pub enum Answer {
    /// Here it is.
    Send(Box<dyn Content>),
    /// The upload is welcome.
    Receive(Box<dyn Sink>),
    /// No.
    Refuse(Refusal),
    /// That can't be said yet: ask again. The client hears nothing meanwhile and repeats its request by itself.
    Later,
}

impl Answer {
    /// "File not found", after which U-Boot doesn't try again.
    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::Refuse(Refusal { code: Code::NOT_FOUND, message: message.into() })
    }

    /// "Access violation", after which U-Boot doesn't try again.
    #[must_use]
    pub fn denied(message: impl Into<String>) -> Self {
        Self::Refuse(Refusal { code: Code::ACCESS, message: message.into() })
    }

    /// A few bytes that are in memory, for example the answer to a report.
    #[must_use]
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::Send(Box::new(super::content::Memory::new(bytes)))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(content) => write!(out, "Send({} bytes)", content.len()),
            Self::Receive(_) => out.write_str("Receive"),
            Self::Refuse(refusal) => write!(out, "Refuse({refusal:?})"),
            Self::Later => out.write_str("Later"),
        }
    }
}

/// Why a request or an upload isn't granted; goes to the client as an ERROR packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code; clients act on it.
    pub code: Code,
    /// The message; people read it.
    pub message: String,
}

/// Decides what is served. One source serves all clients.
pub trait Source: Send + Sync {
    /// Answers a request. Runs on one of the server's threads at a time: it must be quick and must not wait for anything.
    /// After [`Answer::Later`] the same request (same `id`) is asked again whenever the [`Waker`](crate::stop::Waker) is poked, and
    /// at least every 50 ms.
    fn open(&self, request: &Request<'_>) -> Answer;

    /// The request with this number is over, and was told so where it was told at all: what is kept for it can go.
    /// Called once for each request, on the server's thread.
    fn over(&self, id: u64) {
        let _ = id;
    }
}

/// What a read of content gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Got {
    /// So many bytes; 0 only at or behind the end.
    Bytes(usize),
    /// Nothing yet. The transfer pauses until the [`Waker`](crate::stop::Waker) is poked, and looks at least every 50 ms.
    NotYet,
}

/// The content of one transfer.
#[allow(clippy::len_without_is_empty, reason = "an empty file is a file like any other")]
pub trait Content: Send {
    /// Its length in bytes. Does not change during a transfer.
    fn len(&self) -> u64;

    /// Reads into `buf` from `offset`. May give fewer bytes than asked. Runs on the server's thread: it
    /// must not wait for bytes that are on their way but say [`Got::NotYet`].
    ///
    /// # Errors
    /// Ends the transfer; the message reaches the client and the events.
    fn read_at(&mut self, buf: &mut [u8], offset: u64) -> io::Result<Got>;

    /// Which bytes of its source's image it is, where it is nothing else: another process that has the image open can
    /// send them in this one's place.
    fn stretch(&self) -> Option<Stretch> {
        None
    }
}

/// Bytes of an image, followed by zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stretch {
    /// The first byte in the image.
    pub start: u64,
    /// How many bytes of the image.
    pub len: u64,
    /// How many bytes with the zeros behind them; at least `len`.
    pub padded: u64,
}

/// Takes one upload. Dropped without [`Sink::complete`] having been called, the upload is not whole.
pub trait Sink: Send {
    /// How many bytes are allowed; the server's own limit holds too.
    fn limit(&self) -> u64;

    /// Takes the next bytes. Runs on the server's thread.
    ///
    /// # Errors
    /// Ends the transfer; the message reaches the client and the events.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// All bytes are there. Called before the client hears that its last block arrived.
    ///
    /// # Errors
    /// The client gets this ERROR instead of the last ACK.
    fn complete(&mut self) -> Result<(), Refusal>;

    /// The upload ended early; what was taken is to be forgotten.
    fn aborted(&mut self, why: &str);
}
