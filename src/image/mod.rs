//! Disk images: opened by content whatever their compression, their partition tables read, their
//! digests computed in one pass, split into parts, and compared with what was written; and FAT file systems, written whole.

pub mod aligned;
pub mod checksum_file;
pub mod chunk;
pub mod compare;
pub mod compare_parts;
pub mod device;
pub mod error;
pub mod ext4;
pub mod fat;
pub mod files;
pub mod format;
pub mod manifest;
pub mod open;
pub mod own_len;
pub mod parts;
pub mod pass;
pub mod read_at;
pub mod report;
pub mod split;
pub mod spool;
pub mod table;
pub mod unused;

mod codec;
mod lengths;
mod source;
mod trailer;
mod unpack;
mod zip_entry;

pub use error::Error;
pub use open::{Image, ImageOptions};
