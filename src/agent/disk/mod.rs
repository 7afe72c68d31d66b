//! Real disks: found, looked at, and opened for writing.

mod block;
mod facts;
mod ground;
mod nvme;
mod sata;
mod used;

pub use block::BlockDisk;
pub(crate) use facts::text;
pub use facts::{find, find_here, pick};
pub use ground::Ground;
