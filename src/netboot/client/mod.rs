//! The clients of a network boot: a root on this host for each board, its boot files where it looks for them, and both
//! exported to it and to nobody else.
//!
//! [`Clients::prepare`] takes an image, a directory or the running system. It copies everything (hard links,
//! attributes, access control lists, device nodes, holes), compares the copy with its source, makes it one client's
//! by a checklist, and exports it. What it makes is written down before it is made, so that a run that was killed can
//! be gone on with or undone. [`Clients::check`] goes through the same list again.

mod add;
mod apply;
mod check;
mod checklist;
mod copy;
mod error;
mod exports;
mod home;
mod host;
#[doc(hidden)]
pub mod hostile;
mod initramfs;
mod keys;
mod layout;
mod manage;
mod material;
mod most;
mod names;
pub mod nfs;
mod overlay;
mod pattern;
mod reach;
mod record;
mod remove;
mod rename;
pub mod run;
mod set;
mod source;
mod verify;
mod view;

pub use add::{Line, Prepared, Request};
pub use check::unsure_address;
pub use checklist::{Mode, Where};
pub use error::{Error, Fault};
pub use host::{Address, addresses};
pub use layout::Layout;
pub use manage::{Clients, Exporter, Places};
pub use names::{Name, Network};
pub use record::{Becoming, Origin, Phase, PublicKey, Record};
pub use remove::{Kept, Removed};
pub use set::{Set, Setting, Wanted};

#[cfg(test)]
mod tests;
