//! One port 69 for several programs: a server that has it serves the boards of others too. `netboot serve` listens on a
//! Unix socket; a flash that finds the port busy hands its boards over there. docs/control.md has the messages.
//!
//! - [`message`]: what is said, as bytes.
//! - [`Server`]: takes clients in, each as a [branch](crate::tftp::switch::Branch) of the TFTP server.
//! - [`Client`]: brings its own branch to such a server, and is its brain there.
//!
//! The client stays the brain: it decides each answer, and keeps deadlines, resets and records. The server is its arm:
//! it reads the image by the descriptor that the client gave it, and can't be made to open anything.
//!
//! A station is a client of another kind: it hears what is seen, and says which boards are answered and what is offered to
//! single ones. [`Desk`] is what a
//! server has for it.

pub mod message;

mod client;
mod error;
mod image;
mod link;
mod notices;
mod place;
mod remote;
mod server;
mod stations;

pub use client::{Client, Image, Say};
pub use error::Error;
pub use image::Handed;
pub use link::Peer;
pub use notices::Notices;
pub use server::{Server, Told};
pub use stations::{Desk, Reply, Stations, TooMuch, Want};
