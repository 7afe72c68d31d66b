//! An image cut into chunks that are stored once, whatever number of images has them, and that prove themselves.
//!
//! A chunk is 4 MiB of the raw image, the last one shorter. It consists of pieces of 64 KiB, the last one shorter. The
//! [`Index`] of an image has a BLAKE3 digest for each piece and one for each chunk, so a board can tell piece by piece
//! what its disk has already, fetch only the rest, and prove what it has read back. A chunk of zeros is stored nowhere.
//!
//! A chunk is stored as an [object]: its pieces, each compressed by itself, so that a range of the object gives a piece
//! without the rest. [`cut`](cut::cut) makes both from raw bytes.

pub mod cut;
pub mod index;
pub mod object;

mod error;

pub use error::Error;
pub use index::{Chunk, Digest, Index, LONGEST_IMAGE, Piece};

/// Bytes of the raw image in a chunk.
pub const CHUNK: u64 = 4 << 20;
/// Bytes of the raw image in a piece.
pub const PIECE: u64 = 64 << 10;
