//! The clients of a network boot: a root on this host for each board, its boot files where it looks for them, and both
//! exported to it and to nobody else.
//!
//! [`add`](Clients::add) takes an image, a directory or the running system. It copies everything (hard links,
//! attributes, access control lists, device nodes, holes), compares the copy with its source, makes it one client's
//! by a checklist, and exports it. What it makes is written down before it is made, so that a run that was killed can
//! be gone on with or undone. [`check`](Clients::check) goes through the same list again.

mod apply;
mod checklist;
mod copy;
mod error;
mod initramfs;
mod layout;
mod names;
mod source;
mod verify;
mod view;

pub use checklist::{Mode, Where};
pub use error::Error;
pub use layout::Layout;
pub use names::{Board, Name, Network};

#[cfg(test)]
mod tests;
