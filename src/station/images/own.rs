//! An image with what belongs to one board: its host name, its user. The rest stays where it lies; only the pieces that
//! differ are kept, and a chunk with them is put together when it is asked for.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::stored::Stored;
use super::{Error, Images};
use crate::image::chunk::object::{self, Head, Packer};
use crate::image::chunk::{CHUNK, Chunk, Digest, Index, PIECE, Piece};
use crate::image::files::{Patch, PatchedReadAt};
use crate::image::read_at::ReadAt;
use crate::run::FirstBoot;

/// So much memory may the pieces of all boards take; what is behind it is made again when it is needed.
const MOST: usize = 64 << 20;
/// So many jobs are remembered.
const JOBS: usize = 10_000;

/// A chunk that isn't the image's.
#[derive(Debug)]
struct Changed {
    chunk: Chunk,
    len: u64,
    /// The image's chunk at this place; `None` where that is all zeros.
    before: Option<Digest>,
    /// The pieces that differ, as they are stored.
    pieces: BTreeMap<usize, Vec<u8>>,
}

/// An image with what belongs to one board. The image's index isn't kept a second time: it may have megabytes.
#[derive(Debug)]
pub struct Own {
    /// BLAKE3 of its [index](Own::index), as bytes.
    pub name: Digest,
    /// Its name by its chunks.
    pub content: Digest,
    /// What was set for the first boot.
    pub settings: Option<FirstBoot>,
    /// By their place in the index.
    changed: BTreeMap<usize, Changed>,
    places: HashMap<Digest, usize>,
}

impl Own {
    /// Reads what is around the patches. It blocks.
    ///
    /// # Errors
    /// What can't be read.
    pub fn make(stored: &Arc<Stored>, patches: &[Patch], settings: Option<FirstBoot>) -> Result<Self, Error> {
        let mut index = stored.index().clone();
        let base: Arc<dyn ReadAt> = Arc::clone(stored) as _;
        let patched = PatchedReadAt::new(base, patches);
        let mut touched: BTreeMap<usize, std::collections::BTreeSet<usize>> = BTreeMap::new();
        for patch in patches.iter().filter(|patch| !patch.new.is_empty()) {
            let last = patch.image_offset + patch.new.len() as u64 - 1;
            for piece in patch.image_offset / PIECE..=last / PIECE {
                let (chunk, within) = (piece / (CHUNK / PIECE), piece % (CHUNK / PIECE));
                touched.entry(chunk as usize).or_default().insert(within as usize);
            }
        }
        let mut packer = Packer::new(object::LEVEL)?;
        let (mut changed, mut places) = (BTreeMap::new(), HashMap::new());
        for (n, pieces) in touched {
            let range = index.range(n);
            let len = range.end - range.start;
            let Some(chunk) = index.chunks.get_mut(n) else {
                return Err(Error::Read(io::ErrorKind::UnexpectedEof.into()));
            };
            let before = chunk.id;
            if chunk.pieces.is_empty() {
                let lens = (0..len.div_ceil(PIECE)).map(|m| (len - m * PIECE).min(PIECE));
                chunk.pieces = lens.map(|len| Piece::zeros(len as usize)).collect();
            }
            let mut kept = BTreeMap::new();
            for m in pieces {
                let Some(piece) = chunk.pieces.get_mut(m) else {
                    return Err(Error::Read(io::ErrorKind::UnexpectedEof.into()));
                };
                let at = range.start + m as u64 * PIECE;
                let mut raw = vec![0; PIECE.min(range.end - at) as usize];
                patched.read_exact_at(&mut raw, at).map_err(Error::Read)?;
                if object::digest(&raw).id.is_none() {
                    *piece = Piece::zeros(raw.len());
                    kept.insert(m, Vec::new());
                    continue;
                }
                let packed = packer.piece(&raw)?.to_vec();
                let stored_len = u32::try_from(packed.len()).unwrap_or(u32::MAX);
                *piece = Piece { digest: Digest::of(&raw), stored_len, unused: false };
                kept.insert(m, packed);
            }
            let zero = chunk.pieces.iter().all(|piece| piece.stored_len == 0);
            if zero {
                *chunk = Chunk::ZEROS;
            } else {
                let id = Chunk::name(&chunk.pieces);
                chunk.id = Some(id);
                places.insert(id, n);
            }
            changed.insert(n, Changed { chunk: chunk.clone(), len, before, pieces: kept });
        }
        index.raw_sha256 = [0; 32];
        let name = Digest::of(&index.encode()?);
        Ok(Self { name, content: index.content(), settings, changed, places })
    }

    /// The index of the whole, of that of the image. sha256 of the raw image isn't known: zeros stand for it.
    #[must_use]
    pub fn index(&self, of: &Index) -> Index {
        let mut index = Index { raw_sha256: [0; 32], ..of.clone() };
        for (n, changed) in &self.changed {
            if let Some(chunk) = index.chunks.get_mut(*n) {
                *chunk = changed.chunk.clone();
            }
        }
        index
    }

    /// The chunks that aren't the image's.
    pub fn chunks(&self) -> impl Iterator<Item = Digest> {
        self.places.keys().copied()
    }

    fn weight(&self) -> usize {
        let chunks = self.changed.values().map(|changed| {
            changed.chunk.pieces.len() * size_of::<Piece>()
                + changed.pieces.values().map(Vec::len).sum::<usize>()
        });
        chunks.sum::<usize>() + 1024
    }
}

impl Images {
    /// A chunk of such an image, where it isn't the image's own.
    ///
    /// # Errors
    /// As of [`Images::chunk`].
    pub async fn own_chunk(&self, own: &Own, id: Digest) -> Result<Option<Bytes>, Error> {
        let Some(changed) = own.places.get(&id).and_then(|n| own.changed.get(n)) else { return Ok(None) };
        let before = match changed.before {
            Some(before) => Some(self.chunk(before).await?),
            None => None,
        };
        let head = before.as_ref().map(|object| Head::read(object)).transpose()?;
        let stored = (0..changed.chunk.pieces.len()).map(|n| match changed.pieces.get(&n) {
            Some(piece) => piece.as_slice(),
            None => match (&before, &head) {
                (Some(object), Some(head)) => object.get(head.piece(n)).unwrap_or_default(),
                _ => &[],
            },
        });
        Ok(Some(object::assemble(&changed.chunk, changed.len, stored).into()))
    }
}

/// Images of jobs, as long as they are needed and there is room.
#[derive(Debug, Default)]
pub struct Owns(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    there: VecDeque<(String, Arc<Own>)>,
    weight: usize,
    /// All jobs that have one, also those of which it was forgotten.
    jobs: HashSet<String>,
}

impl Owns {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a job has one, also where it was forgotten since.
    #[must_use]
    pub fn has(&self, job: &str) -> bool {
        let inside = self.inside();
        inside.jobs.contains(job) || inside.there.iter().any(|(name, _)| name == job)
    }

    /// That of a job, where it is there.
    #[must_use]
    pub fn get(&self, job: &str) -> Option<Arc<Own>> {
        let inside = self.inside();
        inside.there.iter().find(|(name, _)| name == job).map(|(_, own)| Arc::clone(own))
    }

    /// Keeps that of a job. The oldest go where there is no room.
    pub fn put(&self, job: &str, own: &Arc<Own>) {
        let mut inside = self.inside();
        if inside.jobs.len() >= JOBS {
            // Those of which the pieces are here are at work; the others ask for their index anew.
            let there: HashSet<String> = inside.there.iter().map(|(name, _)| name.clone()).collect();
            inside.jobs = there;
        }
        inside.jobs.insert(job.to_owned());
        if let Some(at) = inside.there.iter().position(|(name, _)| name == job)
            && let Some((_, before)) = inside.there.remove(at)
        {
            inside.weight -= before.weight();
        }
        inside.weight += own.weight();
        inside.there.push_back((job.to_owned(), Arc::clone(own)));
        while inside.weight > MOST && inside.there.len() > 1 {
            if let Some((_, oldest)) = inside.there.pop_front() {
                inside.weight -= oldest.weight();
            }
        }
    }

    /// A job is over.
    pub fn forget(&self, job: &str) {
        let mut inside = self.inside();
        inside.jobs.remove(job);
        if let Some(at) = inside.there.iter().position(|(name, _)| name == job)
            && let Some((_, own)) = inside.there.remove(at)
        {
            inside.weight -= own.weight();
        }
    }
}
