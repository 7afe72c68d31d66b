//! Disk images.

pub mod files;
pub mod read_at;
pub mod table;
