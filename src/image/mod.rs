//! Disk images: opened by content whatever their compression, their partition tables read, their
//! digests computed in one pass, split into parts, and compared with what was written.

pub mod error;
pub mod files;
pub mod format;
pub mod read_at;
pub mod table;

pub use error::Error;
