//! The HTTP client: one for the command line, for the agent on a board, and for the station where it fetches an image.
//!
//! [`Client`] speaks to one [`Origin`], over TCP, TLS or a Unix socket; each of its calls is bounded in time and size,
//! and ends at once when its [`Stop`](crate::stop::Stop) is set. [`Resuming`] is a file on a server as a reader that goes
//! on after a broken connection. Which answers follow from what a server says is decided without sockets, in `answer`
//! and `resume::plan`.
//!
//! HTTP/1.1 is ureq's part; sockets and TLS are ours, behind its interface for transports.

mod answer;
mod client;
mod error;
mod link;
mod pauses;
mod resume;
pub(crate) mod sockets;
mod trust;
mod url;

pub use client::{Call, Client, Limits, Reply};
pub use error::{Error, Step};
pub use pauses::Pauses;
pub use resume::{Resuming, Tell};
pub use trust::{Pin, Trust};
pub use url::{BadUrl, Origin, Url, segment};
