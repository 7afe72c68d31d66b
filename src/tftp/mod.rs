//! TFTP: the server, and where its content comes from.
//!
//! - [`packet`] and [`options`]: bytes and their meaning (RFC 1350, 2347, 2348, 2349, 7440).
//! - [`session`]: transfers as state machines, without sockets and without a clock.
//! - [`source`]: the traits that content and uploads plug in by; [`content`] and [`dir`] are ready ones.
//! - [`switch`]: several sources on one server, which come and go while it runs.
//! - [`Server`]: threads, one a processor, that serve a [`Source`](source::Source) and tell everything as [`event`]s.
//!
//! A source decides for each request: send this, take that, refuse, or "later". Neither a source nor its
//! content may wait; what isn't there yet is said to be so, and a [`Waker`](crate::stop::Waker) brings the server back.

pub mod content;
pub mod dir;
pub mod event;
pub mod holder;
pub mod options;
pub mod packet;
pub mod session;
pub mod source;
pub mod switch;

mod batch;
mod error;
mod lane;
mod line;
mod net;
mod outs;
mod ports;
mod quota;
mod readahead;
mod seats;
mod server;
mod transfer;
mod work;

pub use error::Error;
pub use server::{Limits, Server};

/// The port that boards ask for files, and no other (RFC 1350 section 4).
pub const PORT: u16 = 69;
