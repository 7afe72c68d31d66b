//! What can be wrong with an index or a stored chunk.

use super::Digest;
use crate::error::{Explain, Kind};

/// Bytes that aren't what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is more than is read or written here.
    #[error("the {what} has {len} bytes, and {most} is the most")]
    TooLong {
        /// `image`, `index`, `chunk`.
        what: &'static str,
        /// Its length.
        len: u64,
        /// The bound.
        most: u64,
    },
    /// The index contradicts itself.
    #[error("damaged index, at byte {at}: {what}")]
    Index {
        /// Where in the index.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// The stored chunk contradicts itself.
    #[error("damaged chunk: {what}")]
    Object {
        /// What is wrong.
        what: &'static str,
    },
    /// A piece of a chunk doesn't give the bytes that it should.
    #[error("damaged chunk, at byte {at} of its {raw_len} raw bytes: {what}")]
    Piece {
        /// Where the piece begins in the raw chunk.
        at: u64,
        /// So many raw bytes the chunk has.
        raw_len: u64,
        /// What is wrong.
        what: String,
    },
    /// These are other bytes than those that were asked for.
    #[error("the {what} is {got}, and should be {expected}")]
    Digest {
        /// `index`, `chunk`, `piece`.
        what: &'static str,
        /// What was asked for.
        expected: Digest,
        /// What it is.
        got: Digest,
    },
    /// There isn't a single byte.
    #[error("the image is empty")]
    Empty,
    /// The host has no memory, or no threads, for it.
    #[error("{doing}: {what}")]
    Short {
        /// What was being done, as a gerund.
        doing: &'static str,
        /// What the system or zstd said.
        what: String,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Short { .. } => Kind::Failed,
            _ => Kind::BadData,
        }
    }
}
