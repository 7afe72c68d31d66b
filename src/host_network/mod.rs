//! The network of this host on the side of its boards: a fixed address on their interface and, where it is wanted, a way out
//! for them through this host.
//!
//! - [`plan`]: facts and wishes become a list of changes, and how they are taken back. Pure.
//! - [`look`](Site::look): what is seen of a host, or of the root of another one.
//! - [`Site::carry_out`], [`Site::undo`]: the changes are recorded, made, and read back.

pub mod plan;

mod error;
mod look;
mod processes;
mod proof;
mod record;
mod site;
mod steps;
mod undo;
mod units;

pub use error::Error;
pub use proof::Doubt;
pub use record::{RECORD, Record};
pub use site::{Doing, Site, Stands};

/// The address that boards' networks get where nothing else is known: a network that few houses have.
pub const USUAL: (std::net::Ipv4Addr, u8) = (std::net::Ipv4Addr::new(10, 20, 50, 1), 24);
