//! The index of an image: what it consists of, with a digest for each chunk and each piece.

use std::fmt;

/// A BLAKE3 digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A raw image as chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Length of the raw image in bytes. 1 to 2^46.
    pub raw_len: u64,
    /// sha256 of the raw image.
    pub raw_sha256: [u8; 32],
    /// Its chunks in order; each is [`super::CHUNK`] long but the last.
    pub chunks: Vec<Chunk>,
}

/// A chunk of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Digest of its raw bytes: its name in the store. `None` where all of them are zero.
    pub id: Option<Digest>,
    /// Its pieces in order; each is [`super::PIECE`] long but the image's last. Empty where all are zero.
    pub pieces: Vec<Piece>,
}

/// A piece of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Digest of its raw bytes.
    pub digest: Digest,
    /// So many bytes it has in the stored chunk; 0 where all its bytes are zero, and nothing is stored.
    pub stored_len: u32,
    /// The file system or a bmap says that nothing uses these bytes.
    pub unused: bool,
}
