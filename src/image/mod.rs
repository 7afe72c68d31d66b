//! Disk images.

pub mod read_at;
pub mod table;
