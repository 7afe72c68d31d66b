//! A chunk as it is stored and sent.
//!
//! As bytes (numbers are little-endian):
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `piprovC1` |
//! | 4 | length of the raw chunk, 1 to 4 MiB |
//! | for each piece: 4 | its stored length |
//! | for each piece: that many | the piece: a frame of zstd, or the raw bytes where that is no longer, or nothing where all are zero |
//! | 32 | BLAKE3 of all before |
//!
//! The digest at the end finds what a disk or a network did to the object without unpacking; what was packed is proved
//! by the pieces' own digests.

use std::ops::Range;

use super::index::{Chunk, Digest, Piece};
use super::{CHUNK, Error, PIECE};

/// The level of zstd that chunks are packed with.
pub const LEVEL: i32 = 1;
/// The longest object, in bytes.
pub const LONGEST: usize = HEAD + (CHUNK / PIECE) as usize * 4 + CHUNK as usize + DIGEST;
/// The most bytes that an object has before its first piece.
pub const LONGEST_HEAD: usize = HEAD + (CHUNK / PIECE) as usize * 4;

const MAGIC: &[u8; 8] = b"piprovC1";
const HEAD: usize = 12;
const DIGEST: usize = 32;

/// The beginning of an object: how long its pieces are, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    raw_len: u32,
    stored: Vec<u32>,
}

impl Head {
    /// Reads the beginning of an object; what follows may be missing. [`LONGEST_HEAD`] bytes are always enough.
    ///
    /// # Errors
    /// [`Error::Object`].
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = |what| Error::Object { what };
        let head = bytes.first_chunk::<HEAD>().ok_or(wrong("it ends within its first bytes"))?;
        if head[..8] != *MAGIC {
            return Err(wrong("it doesn't begin as one"));
        }
        let raw_len = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
        if raw_len == 0 || u64::from(raw_len) > CHUNK {
            return Err(wrong("it says an impossible length"));
        }
        let count = u64::from(raw_len).div_ceil(PIECE) as usize;
        let table = bytes.get(HEAD..HEAD + count * 4).ok_or(wrong("it ends within its table"))?;
        let stored: Vec<_> = table
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
            .collect();
        let head = Self { raw_len, stored };
        if (0..count).any(|n| head.stored[n] as usize > head.piece_len(n)) {
            return Err(wrong("a piece is stored in more bytes than it has"));
        }
        Ok(head)
    }

    /// The beginning of the object of a chunk, as the image's index tells it. `raw_len` is the chunk's.
    #[must_use]
    pub fn of(chunk: &Chunk, raw_len: u64) -> Self {
        let stored = chunk.pieces.iter().map(|piece| piece.stored_len).collect();
        Self { raw_len: raw_len as u32, stored }
    }

    /// Length of the raw chunk in bytes.
    #[must_use]
    pub const fn raw_len(&self) -> usize {
        self.raw_len as usize
    }

    /// How many pieces it has.
    #[must_use]
    pub fn pieces(&self) -> usize {
        self.stored.len()
    }

    /// Length of raw piece `n` in bytes.
    #[must_use]
    pub fn piece_len(&self, n: usize) -> usize {
        (self.raw_len as usize).saturating_sub(n * PIECE as usize).min(PIECE as usize)
    }

    /// Stored length of piece `n`, as in [`Piece::stored_len`].
    #[must_use]
    pub fn stored_len(&self, n: usize) -> u32 {
        self.stored[n]
    }

    /// Which bytes of the object piece `n` is; for `n` the number of pieces, the empty range behind them.
    #[must_use]
    pub fn piece(&self, n: usize) -> Range<usize> {
        let start: usize = HEAD + self.stored.len() * 4;
        let before: usize = self.stored[..n].iter().map(|&len| len as usize).sum();
        let len = self.stored.get(n).map_or(0, |&len| len as usize);
        start + before..start + before + len
    }

    /// Length of the whole object in bytes.
    #[must_use]
    pub fn object_len(&self) -> usize {
        self.piece(self.stored.len()).start + DIGEST
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LONGEST);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.raw_len.to_le_bytes());
        for len in &self.stored {
            bytes.extend_from_slice(&len.to_le_bytes());
        }
        bytes
    }
}

/// Checks an object against itself: its lengths, and the digest at its end. Cheap: nothing is unpacked.
///
/// # Errors
/// [`Error::Object`].
pub fn check(object: &[u8]) -> Result<Head, Error> {
    let head = Head::read(object)?;
    if object.len() != head.object_len() {
        return Err(Error::Object { what: "it isn't as long as its table says" });
    }
    let (body, digest) = object.split_at(object.len() - DIGEST);
    if Digest::of(body).0 != *digest {
        return Err(Error::Object { what: "it isn't what its digest says" });
    }
    Ok(head)
}

/// The digests of a raw chunk; nothing is compressed. Each piece that isn't zero has its raw length as its stored one.
/// `raw` has 1 to [`CHUNK`] bytes.
#[must_use]
pub fn digest(raw: &[u8]) -> Chunk {
    if crate::image::spool::is_zero(raw) {
        return Chunk::ZEROS;
    }
    let pieces: Vec<_> = raw
        .chunks(PIECE as usize)
        .map(|bytes| match crate::image::spool::is_zero(bytes) {
            true => Piece::zeros(bytes.len()),
            false => Piece { digest: Digest::of(bytes), stored_len: bytes.len() as u32, unused: false },
        })
        .collect();
    Chunk { id: Some(Chunk::name(&pieces)), pieces }
}

/// Makes objects. It keeps its working memory from one to the next.
pub struct Packer {
    zstd: zstd::bulk::Compressor<'static>,
    frame: Vec<u8>,
}

impl Packer {
    /// One for a level of zstd; [`LEVEL`] is usual.
    ///
    /// # Errors
    /// [`Error::Short`] where memory is short.
    pub fn new(level: i32) -> Result<Self, Error> {
        Ok(Self {
            zstd: zstd::bulk::Compressor::new(level).map_err(zstd_error)?,
            frame: Vec::with_capacity(zstd::zstd_safe::compress_bound(PIECE as usize)),
        })
    }

    /// Packs a chunk whose digests are known, by [`digest`] of the same bytes, and notes the stored lengths in it.
    ///
    /// # Errors
    /// [`Error::Object`] for other bytes than the chunk's, [`Error::Short`].
    pub fn pack(&mut self, raw: &[u8], chunk: &mut Chunk) -> Result<Vec<u8>, Error> {
        let pieces = raw.chunks(PIECE as usize);
        if raw.is_empty() || raw.len() as u64 > CHUNK || pieces.len() != chunk.pieces.len() {
            return Err(Error::Object { what: "it isn't as long as its pieces" });
        }
        let mut object = Head::of(chunk, raw.len() as u64).bytes();
        for (bytes, piece) in pieces.zip(&mut chunk.pieces) {
            if piece.stored_len == 0 {
                continue;
            }
            let stored = self.piece(bytes)?;
            piece.stored_len = stored.len() as u32;
            object.extend_from_slice(stored);
        }
        let table = Head::of(chunk, raw.len() as u64).bytes();
        object[..table.len()].copy_from_slice(&table);
        seal(&mut object);
        Ok(object)
    }

    /// A piece as it is stored: packed, or as it is where that isn't shorter.
    ///
    /// # Errors
    /// What zstd says.
    pub fn piece<'a>(&'a mut self, bytes: &'a [u8]) -> Result<&'a [u8], Error> {
        self.frame.clear();
        self.zstd.compress_to_buffer(bytes, &mut self.frame).map_err(zstd_error)?;
        Ok(if self.frame.len() < bytes.len() { &self.frame } else { bytes })
    }
}

/// A chunk as an object, of pieces that are packed already: those of which something is stored, in their order. What the
/// chunk's pieces say of their stored lengths has to be true.
#[must_use]
pub fn assemble<'a>(chunk: &Chunk, raw_len: u64, stored: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut object = Head::of(chunk, raw_len).bytes();
    stored.for_each(|bytes| object.extend_from_slice(bytes));
    seal(&mut object);
    object
}

/// The digest of an object's bytes comes last.
fn seal(object: &mut Vec<u8>) {
    let digest = Digest::of(object);
    object.extend_from_slice(&digest.0);
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer").finish_non_exhaustive()
    }
}

/// Gives raw bytes back. It keeps its working memory from one to the next.
pub struct Unpacker {
    zstd: zstd::bulk::Decompressor<'static>,
}

impl Unpacker {
    /// One for objects of whatever level.
    ///
    /// # Errors
    /// [`Error::Short`] where memory is short.
    pub fn new() -> Result<Self, Error> {
        Ok(Self { zstd: zstd::bulk::Decompressor::new().map_err(zstd_error)? })
    }

    /// Unpacks a piece into `raw`, which is as long as the raw piece. What is in a frame is never written behind it.
    /// The digest of what comes out isn't looked at.
    ///
    /// # Errors
    /// What is wrong, in a few words.
    pub fn piece(&mut self, stored: &[u8], raw: &mut [u8]) -> Result<(), String> {
        if stored.is_empty() {
            raw.fill(0);
        } else if stored.len() == raw.len() {
            raw.copy_from_slice(stored);
        } else {
            let len = self.zstd.decompress_to_buffer(stored, raw).map_err(|error| error.to_string())?;
            if len != raw.len() {
                return Err(format!("{len} bytes come out of the frame, and the piece has {}", raw.len()));
            }
        }
        Ok(())
    }

    /// Unpacks an object into `raw`, whose content is replaced. Gives the chunk with the digests of what came out.
    ///
    /// # Errors
    /// [`Error::Object`], [`Error::Piece`].
    pub fn unpack(&mut self, object: &[u8], raw: &mut Vec<u8>) -> Result<Chunk, Error> {
        let head = check(object)?;
        raw.clear();
        raw.resize(head.raw_len(), 0);
        let mut at = head.piece(0).start;
        for (n, bytes) in raw.chunks_mut(PIECE as usize).enumerate() {
            let end = at + head.stored_len(n) as usize;
            let wrong = |what| Error::Piece { at: n as u64 * PIECE, raw_len: head.raw_len() as u64, what };
            self.piece(&object[at..end], bytes).map_err(wrong)?;
            at = end;
        }
        let mut chunk = digest(raw);
        for (n, piece) in chunk.pieces.iter_mut().enumerate() {
            piece.stored_len = head.stored_len(n);
        }
        Ok(chunk)
    }

    /// As [`Unpacker::unpack`], for an object that should be the chunk of this name.
    ///
    /// # Errors
    /// As there; [`Error::Digest`] where it is another one; [`Error::Object`] where all is zero, which is stored nowhere.
    pub fn unpack_named(&mut self, object: &[u8], name: Digest, raw: &mut Vec<u8>) -> Result<Chunk, Error> {
        let chunk = self.unpack(object, raw)?;
        match chunk.id {
            Some(got) if got == name => Ok(chunk),
            Some(got) => Err(Error::Digest { what: "chunk", expected: name, got }),
            None => Err(Error::Object { what: "all of its bytes are zero" }),
        }
    }
}

impl std::fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unpacker").finish_non_exhaustive()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn zstd_error(error: std::io::Error) -> Error {
    Error::Short { doing: "compressing", what: error.to_string() }
}

#[cfg(test)]
#[path = "object_tests.rs"]
mod tests;
