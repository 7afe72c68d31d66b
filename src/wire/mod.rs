//! What is on the network: frames, neighbours, and interfaces that come and go.
//!
//! - [`frame`]: Ethernet frames, read by one parser; [`Rule`]s say which of them the kernel lets through.
//! - [`bpdu`]: what a switch says of its port.
//! - [`PacketSocket`]: takes such frames, and sends UDP and ARP in frames of its own.
//! - [`boards`]: boards that are seen before they ask for anything.
//! - [`neighbours`]: whose MAC address an IP address is, and entries for boards that answer no questions about it.
//! - [`interfaces`]: the interfaces that there are, and what changes.
//! - [`link_local`]: an interface gets an IPv6 link-local address.
//!
//! What is a codec here knows no sockets: `craft` and `filter` make bytes for the kernel, `netlink` reads and writes
//! its messages.

pub mod boards;
pub mod bpdu;
pub mod filter;
pub mod frame;
pub mod interfaces;
pub mod link_local;
pub mod neighbours;

mod craft;
mod error;
mod kernel;
mod netlink;
mod socket;

pub use error::Error;
pub use filter::Rule;
pub use interfaces::Interface;
pub use neighbours::Neighbours;
pub use socket::{PacketSocket, Scope};
