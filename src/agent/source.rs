//! Where the bytes of an image come from.

use std::ops::Range;

use crate::error::{Kind, Remedy};
#[cfg(test)]
use crate::image::chunk::Chunk;
use crate::image::chunk::{CHUNK, Digest, Index, PIECE, Piece};

/// What a chunk consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its length in bytes, 1 to [`CHUNK`].
    pub len: usize,
    /// Its pieces in order. Empty where all its bytes are zero.
    pub pieces: Vec<Piece>,
}

impl Plan {
    /// That of chunk `number` of an image; `None` behind its last.
    #[must_use]
    pub fn of(index: &Index, number: u64) -> Option<Self> {
        let chunk = index.chunks.get(usize::try_from(number).ok()?)?;
        let len = index.raw_len.checked_sub(number * CHUNK)?.min(CHUNK) as usize;
        Some(Self { len, pieces: chunk.pieces.clone() })
    }

    /// How many pieces the chunk has, also where all are zero.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.len.div_ceil(PIECE as usize)
    }

    /// Where piece `n` lies in the chunk.
    #[must_use]
    pub const fn place(&self, n: usize) -> Range<usize> {
        let (start, end) = (n * PIECE as usize, (n + 1) * PIECE as usize);
        start..if end < self.len { end } else { self.len }
    }

    /// The digest of piece `n`; `None` where it is zero.
    #[must_use]
    pub fn digest(&self, n: usize) -> Option<Digest> {
        self.pieces.get(n).filter(|piece| piece.stored_len > 0).map(|piece| piece.digest)
    }

    /// Whether these bytes are those of piece `n`.
    #[must_use]
    pub fn is(&self, n: usize, bytes: &[u8]) -> bool {
        self.proves(n, bytes).is_some()
    }

    /// The same, with the piece as these bytes have it: its digest is theirs.
    #[must_use]
    pub fn proves(&self, n: usize, bytes: &[u8]) -> Option<Piece> {
        match self.digest(n) {
            Some(expected) => {
                let digest = Digest::of(bytes);
                let stored_len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                (digest == expected).then_some(Piece { digest, stored_len, unused: false })
            }
            None => is_zero(bytes).then(|| Piece::zeros(bytes.len())),
        }
    }
}

/// Whether all are zero.
#[must_use]
pub fn is_zero(bytes: &[u8]) -> bool {
    // Compared as memory is, which is fast in every build.
    const ZEROS: [u8; 4096] = [0; 4096];
    bytes.chunks(ZEROS.len()).all(|block| *block == ZEROS[..block.len()])
}

/// Pieces, as they came.
#[derive(Debug)]
pub enum Got {
    /// As they are stored: what the index calls their stored length each, one behind the other.
    Stored(Vec<u8>),
    /// Their raw bytes.
    Raw(Vec<u8>),
}

/// The image's bytes can't be had.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}")]
pub struct FetchError {
    /// What happened, in a sentence.
    pub what: String,
    /// The sort of failure.
    pub kind: Kind,
    /// What helps.
    pub hint: Option<Remedy>,
}

impl FetchError {
    /// Of an error that explains itself.
    pub fn of(error: &impl crate::error::Explain) -> Self {
        Self { what: crate::error::chain(error), kind: error.kind(), hint: error.hint() }
    }

    /// The sort of failure.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// What helps.
    #[must_use]
    pub fn hint(&self) -> Option<Remedy> {
        self.hint.clone()
    }
}

/// What is computed of all that is read back, beside the comparison of each piece with the index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sum {
    /// sha256 of all of it. It needs the bytes in order, one thread's work, and many boards have no instruction for it.
    #[default]
    Sha256,
    /// Its name by its chunks, [`content`](crate::image::chunk::index::content): all threads work at it.
    Chunks,
}

/// Where an image comes from. Several threads ask at once, and each may wait; who waits ends when the program stops.
pub trait Source: Sync {
    /// Length of the image in bytes, as soon as it is known. Never waits.
    fn raw_len(&self) -> Option<u64>;

    /// What is to be computed of what is read back.
    fn sum(&self) -> Sum {
        Sum::default()
    }

    /// What chunk `number` consists of; waits until that is known. `None` behind the last one.
    ///
    /// # Errors
    /// Where it can't be had any more.
    fn plan(&self, number: u64) -> Result<Option<Plan>, FetchError>;

    /// Pieces of a chunk, at least one. The first and the last aren't zero; among them some may be.
    ///
    /// # Errors
    /// Where they can't be had any more. A connection that breaks is mended inside.
    fn fetch(&self, number: u64, plan: &Plan, pieces: Range<usize>) -> Result<Got, FetchError>;
}

/// An image in memory.
#[cfg(test)]
pub(crate) struct Memory {
    pub(crate) raw: Vec<u8>,
    pub(crate) index: Index,
    pub(crate) fetched: std::sync::atomic::AtomicU64,
    /// So many answers are damaged on their way.
    pub(crate) damage: std::sync::atomic::AtomicU64,
    /// From this byte on nothing can be had.
    pub(crate) ends: Option<u64>,
    pub(crate) sum: Sum,
}

/// The index of raw bytes, with stored lengths that nothing was stored for.
#[cfg(test)]
pub(crate) fn index_of(raw: &[u8]) -> Index {
    use sha2::Digest as _;
    let chunks = raw.chunks(CHUNK as usize).map(|chunk| {
        let zero = is_zero(chunk);
        let pieces = chunk.chunks(PIECE as usize).filter(|_| !zero).map(|piece| Piece {
            digest: Digest(*blake3::hash(piece).as_bytes()),
            stored_len: if is_zero(piece) { 0 } else { piece.len() as u32 },
            unused: false,
        });
        let pieces: Vec<_> = pieces.collect();
        Chunk { id: (!zero).then(|| Chunk::name(&pieces)), pieces }
    });
    Index {
        raw_len: raw.len() as u64,
        raw_sha256: sha2::Sha256::digest(raw).into(),
        chunks: chunks.collect(),
    }
}

#[cfg(test)]
impl Memory {
    pub(crate) fn new(raw: Vec<u8>) -> Self {
        Self {
            index: index_of(&raw),
            raw,
            fetched: 0.into(),
            damage: 0.into(),
            ends: None,
            sum: Sum::default(),
        }
    }
}

#[cfg(test)]
impl Source for Memory {
    fn raw_len(&self) -> Option<u64> {
        Some(self.index.raw_len)
    }

    fn sum(&self) -> Sum {
        self.sum
    }

    fn plan(&self, number: u64) -> Result<Option<Plan>, FetchError> {
        Ok(Plan::of(&self.index, number))
    }

    fn fetch(&self, number: u64, plan: &Plan, pieces: Range<usize>) -> Result<Got, FetchError> {
        use std::sync::atomic::Ordering::Relaxed;
        let at = (number * CHUNK) as usize;
        let place = at + plan.place(pieces.start).start..at + plan.place(pieces.end - 1).end;
        if self.ends.is_some_and(|end| place.end as u64 > end) {
            return Err(FetchError { what: "the cable is cut".into(), kind: Kind::Unavailable, hint: None });
        }
        let mut raw = self.raw[place].to_vec();
        self.fetched.fetch_add(raw.len() as u64, Relaxed);
        if self.damage.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            let middle = raw.len() / 2;
            raw[middle] ^= 1;
        }
        Ok(Got::Raw(raw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_covers_the_image_to_its_last_byte() {
        let mut raw = vec![0; CHUNK as usize + 70_000];
        raw[CHUNK as usize + 66_000] = 1;
        let index = index_of(&raw);
        let (first, last) = (Plan::of(&index, 0).unwrap(), Plan::of(&index, 1).unwrap());
        assert_eq!((first.len, first.pieces.len(), first.count()), (CHUNK as usize, 0, 64));
        assert_eq!((last.len, last.count(), last.place(1)), (70_000, 2, 65_536..70_000));
        assert!(last.digest(0).is_none() && last.digest(1).is_some());
        assert!(last.is(1, &raw[CHUNK as usize + 65_536..]) && !last.is(1, &[0; 4464]));
        assert_eq!(Plan::of(&index, 2), None);
    }
}
