//! The index of an image: what it consists of, with a digest for each chunk and each piece.
//!
//! As bytes (numbers are little-endian):
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `piprovI1` |
//! | 8 | length of the raw image |
//! | 32 | its sha256 |
//! | for each chunk: 1 | 0: all zeros, and nothing more of it; 1: stored |
//! | 32 | digest of the chunk |
//! | for each of its pieces: 4 | stored length; bit 31: unused |
//! | 32 | digest of the piece, unless its stored length is 0 |
//!
//! There is one way to write an index, so its name, the BLAKE3 digest of these bytes, is a name of its content.

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use super::{CHUNK, Error, PIECE};

/// The longest image, in bytes: 4 TiB.
pub const LONGEST_IMAGE: u64 = 1 << 42;
/// The longest index, in bytes. That is enough for 470 GB that aren't zero.
pub const LONGEST_INDEX: u64 = 256 << 20;

const MAGIC: &[u8; 8] = b"piprovI1";
const HEAD: usize = 48;
const UNUSED: u32 = 1 << 31;
const ZEROS: u8 = 0;
const STORED: u8 = 1;

/// A BLAKE3 digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes).into())
    }

    /// Reads 64 hexadecimal digits in lower case, as it is shown; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let nibble = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut digest = [0; 32];
        if bytes.len() != 64 {
            return None;
        }
        for (out, pair) in digest.iter_mut().zip(bytes.chunks_exact(2)) {
            *out = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Self(digest))
    }
}

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
    /// Length of the raw image in bytes. 1 to [`LONGEST_IMAGE`].
    pub raw_len: u64,
    /// sha256 of the raw image.
    pub raw_sha256: [u8; 32],
    /// Its chunks in order; each is [`super::CHUNK`] long but the last.
    pub chunks: Vec<Chunk>,
}

/// A chunk of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Its name in the store: [`Chunk::name`] of its pieces. `None` where all of its bytes are zero.
    pub id: Option<Digest>,
    /// Its pieces in order; each is [`super::PIECE`] long but the image's last. Empty where all are zero.
    pub pieces: Vec<Piece>,
}

/// A piece of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Digest of its raw bytes.
    pub digest: Digest,
    /// So many bytes it has in the stored chunk; 0 where all its bytes are zero, and nothing is stored. As many as the
    /// piece has: they are stored as they are. Fewer: a frame of zstd.
    pub stored_len: u32,
    /// The file system or a bmap says that nothing uses these bytes.
    pub unused: bool,
}

/// How many chunks an image of so many bytes has.
#[must_use]
pub const fn chunk_count(raw_len: u64) -> u64 {
    raw_len.div_ceil(CHUNK)
}

/// A name of so many raw bytes by the names of their chunks, in order; `None` for one of zeros. BLAKE3 in the mode for
/// derived keys, over the length (8 bytes, little-endian) and 32 bytes for each chunk, which are 0 for one of zeros. Those
/// names may be found by several threads at once, which sha256 of the whole can't.
#[must_use]
pub fn content(raw_len: u64, names: impl IntoIterator<Item = Option<Digest>>) -> Digest {
    let mut hasher = blake3::Hasher::new_derive_key("piprov 2026 name of an image by its chunks");
    hasher.update(&raw_len.to_le_bytes());
    for name in names {
        hasher.update(&name.map_or([0; 32], |name| name.0));
    }
    Digest(hasher.finalize().into())
}

impl Piece {
    /// A piece of `len` zeros; at most [`PIECE`].
    #[must_use]
    pub fn zeros(len: usize) -> Self {
        static WHOLE: OnceLock<Digest> = OnceLock::new();
        static ZEROS: [u8; PIECE as usize] = [0; PIECE as usize];
        let digest = match ZEROS.get(..len) {
            Some(part) if part.len() < ZEROS.len() => Digest::of(part),
            _ => *WHOLE.get_or_init(|| Digest::of(&ZEROS)),
        };
        Self { digest, stored_len: 0, unused: false }
    }
}

impl Chunk {
    /// A chunk of which every byte is zero.
    pub const ZEROS: Self = Self { id: None, pieces: Vec::new() };

    /// The name of a chunk of these pieces: BLAKE3 over their digests, in the mode for derived keys, so that it is never
    /// the digest of a piece. It follows from the pieces alone: what proves all pieces proves the chunk, and no byte is
    /// hashed twice.
    #[must_use]
    pub fn name(pieces: &[Piece]) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key("piprov 2026 name of a chunk by its pieces");
        for piece in pieces {
            hasher.update(&piece.digest.0);
        }
        Digest(hasher.finalize().into())
    }

    /// Bytes of the raw image that are stored for it, compressed.
    #[must_use]
    pub fn stored(&self) -> u64 {
        self.pieces.iter().map(|piece| u64::from(piece.stored_len)).sum()
    }
}

impl Index {
    /// Which bytes of the raw image chunk `n` has. `n` is less than the number of chunks.
    #[must_use]
    pub fn range(&self, n: usize) -> Range<u64> {
        let start = (n as u64).saturating_mul(CHUNK).min(self.raw_len);
        start..start.saturating_add(CHUNK).min(self.raw_len)
    }

    /// A name of all its raw bytes: see [`content`].
    #[must_use]
    pub fn content(&self) -> Digest {
        content(self.raw_len, self.chunks.iter().map(|chunk| chunk.id))
    }

    /// Marks the pieces of which nothing uses a byte. `unused` are ranges of the raw image, in any order.
    pub fn mark_unused(&mut self, unused: &[Range<u64>]) {
        let mut ranges: Vec<_> = unused.iter().filter(|range| range.start < range.end).cloned().collect();
        ranges.sort_unstable_by_key(|range| range.start);
        // Ranges that touch are one, so that a piece may lie in two.
        ranges.dedup_by(|next, before| {
            let touch = next.start <= before.end;
            before.end = if touch { before.end.max(next.end) } else { before.end };
            touch
        });
        let raw_len = self.raw_len;
        for (n, chunk) in self.chunks.iter_mut().enumerate() {
            for (m, piece) in chunk.pieces.iter_mut().enumerate() {
                let start = n as u64 * CHUNK + m as u64 * PIECE;
                let end = (start + PIECE).min(raw_len);
                let at = ranges.partition_point(|range| range.end < end);
                piece.unused = ranges.get(at).is_some_and(|range| range.start <= start && end <= range.end);
            }
        }
    }

    /// Bytes of it that are zero, of those that are stored nowhere.
    #[must_use]
    pub fn zero(&self) -> u64 {
        self.sum(|piece| piece.is_none_or(|piece| piece.stored_len == 0))
    }

    /// Bytes of it that nothing uses.
    #[must_use]
    pub fn unused(&self) -> u64 {
        self.sum(|piece| piece.is_some_and(|piece| piece.unused))
    }

    /// Bytes that are stored for it, compressed; a chunk that it has twice counts once.
    #[must_use]
    pub fn stored(&self) -> u64 {
        let mut seen = std::collections::HashSet::new();
        let once = |chunk: &&Chunk| chunk.id.is_some_and(|id| seen.insert(id));
        self.chunks.iter().filter(once).map(Chunk::stored).sum()
    }

    fn sum(&self, counts: impl Fn(Option<&Piece>) -> bool) -> u64 {
        let mut sum = 0;
        for (n, chunk) in self.chunks.iter().enumerate() {
            let range = self.range(n);
            let len = range.end - range.start;
            if chunk.id.is_none() {
                sum += if counts(None) { len } else { 0 };
                continue;
            }
            for (m, piece) in chunk.pieces.iter().enumerate() {
                let piece_len = PIECE.min(len.saturating_sub(m as u64 * PIECE));
                sum += if counts(Some(piece)) { piece_len } else { 0 };
            }
        }
        sum
    }

    /// As bytes.
    ///
    /// # Errors
    /// [`Error::TooLong`] for an image or an index above the bounds.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        if self.raw_len > LONGEST_IMAGE {
            return Err(Error::TooLong { what: "image", len: self.raw_len, most: LONGEST_IMAGE });
        }
        let pieces: usize = self.chunks.iter().map(|chunk| 1 + chunk.pieces.len()).sum();
        let mut bytes = Vec::with_capacity(HEAD + pieces * 36);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.raw_len.to_le_bytes());
        bytes.extend_from_slice(&self.raw_sha256);
        for chunk in &self.chunks {
            let Some(id) = &chunk.id else {
                bytes.push(ZEROS);
                continue;
            };
            bytes.push(STORED);
            bytes.extend_from_slice(&id.0);
            for piece in &chunk.pieces {
                let unused = if piece.unused { UNUSED } else { 0 };
                bytes.extend_from_slice(&(piece.stored_len | unused).to_le_bytes());
                if piece.stored_len > 0 {
                    bytes.extend_from_slice(&piece.digest.0);
                }
            }
        }
        if bytes.len() as u64 > LONGEST_INDEX {
            return Err(Error::TooLong { what: "index", len: bytes.len() as u64, most: LONGEST_INDEX });
        }
        Ok(bytes)
    }

    /// Reads an index whose name is known.
    ///
    /// # Errors
    /// [`Error::Digest`] where these are other bytes; else as [`Index::decode`].
    pub fn decode_named(bytes: &[u8], name: Digest) -> Result<Self, Error> {
        let got = Digest::of(bytes);
        if got != name {
            return Err(Error::Digest { what: "index", expected: name, got });
        }
        Self::decode(bytes)
    }

    /// Reads an index. Memory stays within a small multiple of the bytes that are given. The names of its chunks are
    /// those of their pieces; whether a stored length is right shows when the chunk is read.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Index`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() as u64 > LONGEST_INDEX {
            return Err(Error::TooLong { what: "index", len: bytes.len() as u64, most: LONGEST_INDEX });
        }
        let mut input = Input { bytes, at: 0 };
        if input.take::<8>()? != *MAGIC {
            return Err(Error::Index { at: 0, what: "it doesn't begin as one" });
        }
        let raw_len = u64::from_le_bytes(input.take()?);
        let raw_sha256 = input.take()?;
        if raw_len > LONGEST_IMAGE {
            return Err(Error::TooLong { what: "image", len: raw_len, most: LONGEST_IMAGE });
        }
        let count = chunk_count(raw_len);
        // Each chunk has a byte at least.
        if count == 0 || count > (bytes.len() - input.at) as u64 {
            return Err(Error::Index { at: 8, what: "it has fewer chunks than the image's length says" });
        }
        let mut index = Self { raw_len, raw_sha256, chunks: Vec::with_capacity(count as usize) };
        for n in 0..count as usize {
            let range = index.range(n);
            let chunk = input.chunk(range.end - range.start)?;
            index.chunks.push(chunk);
        }
        if input.at != bytes.len() {
            return Err(Error::Index { at: input.at, what: "there is more behind its end" });
        }
        Ok(index)
    }
}

struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let ends_early = Error::Index { at: self.at, what: "it ends too early" };
        let taken = self.bytes[self.at..].first_chunk::<N>().ok_or(ends_early)?;
        self.at += N;
        Ok(*taken)
    }

    fn chunk(&mut self, len: u64) -> Result<Chunk, Error> {
        let start = self.at;
        match self.take::<1>()?[0] {
            ZEROS => return Ok(Chunk::ZEROS),
            STORED => {}
            _ => return Err(Error::Index { at: start, what: "this is no kind of chunk" }),
        }
        let id = Digest(self.take()?);
        let mut pieces = Vec::with_capacity(len.div_ceil(PIECE) as usize);
        let mut left = len;
        while left > 0 {
            let piece_len = left.min(PIECE);
            left -= piece_len;
            let at = self.at;
            let word = u32::from_le_bytes(self.take()?);
            let (stored_len, unused) = (word & !UNUSED, word & UNUSED != 0);
            if u64::from(stored_len) > piece_len {
                return Err(Error::Index { at, what: "a piece is stored in more bytes than it has" });
            }
            let mut piece = Piece { unused, ..Piece::zeros(piece_len as usize) };
            if stored_len > 0 {
                (piece.digest, piece.stored_len) = (Digest(self.take()?), stored_len);
            }
            pieces.push(piece);
        }
        if Chunk::name(&pieces) != id {
            return Err(Error::Index { at: start, what: "a chunk isn't called after its pieces" });
        }
        Ok(Chunk { id: Some(id), pieces })
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
