//! DHCP for boards that boot over the network: beside the house's own server (proxy), or instead of it.
//!
//! - [`packet`] and [`build`]: bytes and their meaning (RFC 951, 2131, 2132, 3046, 3396; PXE 2.1).
//! - [`pi`]: what asks: which stage of which Raspberry Pi, a PC's PXE ROM, or an operating system.
//! - [`policy`]: what to answer, as a state machine without sockets and without a clock.
//! - [`lasting`]: boards whose address doesn't end, because their root hangs on it.
//! - [`lease`]: which board has which address, on disk before it is promised.
//! - [`Server`]: one thread on one interface that does what the policy says and tells everything as [`event`]s.
//! - [`probe`]: which other DHCP servers answer on an interface.
//!
//! Everything is keyed by the MAC address. The transaction id is a constant on every Pi 3, and a board calls itself
//! differently in each stage of one boot.

pub mod admit;
pub mod build;
pub mod config;
pub mod event;
pub mod lasting;
pub mod lease;
pub mod packet;
pub mod pi;
pub mod policy;
pub mod probe;

mod clock;
mod error;
mod journal;
mod net;
mod outbox;
mod server;
mod work;

pub use config::{AddressPlan, Config, Mode};
pub use error::Error;
pub use server::{Handed, Server, recall};
