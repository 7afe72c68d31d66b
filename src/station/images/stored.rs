//! An image in the store as bytes that can be read anywhere: what looks for files in it reads some chunks, not all.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Error, Images};
use crate::image::chunk::object::Unpacker;
use crate::image::chunk::{CHUNK, Index};
use crate::image::read_at::ReadAt;
use crate::station::objects::{self, Sort};
use crate::station_api::Image;

/// Unpacked chunks that one of them keeps: a directory, its inodes and its tables lie apart.
const KEPT: usize = 6;
/// Images that are kept open: an index of a large one takes a moment to read.
const OPEN: usize = 3;

/// Images that are looked into again and again.
#[derive(Debug, Default)]
pub(super) struct Looked(Mutex<VecDeque<(String, Arc<Stored>)>>);

/// An image in the store. Reading waits: it is for threads that may.
pub struct Stored {
    images: Images,
    index: Index,
    unpacked: Mutex<Unpacked>,
}

struct Unpacked {
    unpacker: Unpacker,
    chunks: VecDeque<(usize, Arc<Vec<u8>>)>,
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Stored").field("len", &self.index.raw_len).finish_non_exhaustive()
    }
}

impl Images {
    /// An image that is ready, as bytes that can be read anywhere.
    ///
    /// # Errors
    /// As [`Images::index`].
    pub async fn stored(&self, image: &Image) -> Result<Arc<Stored>, Error> {
        let key = format!("{} {}", image.id, image.index);
        let lock = || self.inner.looked.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, there)) = lock().iter().find(|(there, _)| *there == key) {
            return Ok(Arc::clone(there));
        }
        let index = self.index(image).await?;
        let unpacked = Mutex::new(Unpacked { unpacker: Unpacker::new()?, chunks: VecDeque::new() });
        let stored = Arc::new(Stored { images: self.clone(), index, unpacked });
        let mut open = lock();
        open.retain(|(there, _)| *there != key);
        open.push_back((key, Arc::clone(&stored)));
        while open.len() > OPEN {
            open.pop_front();
        }
        Ok(stored)
    }

    /// An image is gone, or is another one now.
    pub(in crate::station) fn forget(&self, id: &str) {
        let mut open = self.inner.looked.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(key, _)| key.split(' ').next() != Some(id));
    }
}

impl Stored {
    /// The image's index.
    #[must_use]
    pub const fn index(&self) -> &Index {
        &self.index
    }

    fn chunk(&self, n: usize) -> Result<Arc<Vec<u8>>, Error> {
        let mut unpacked = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = unpacked.chunks.iter().position(|(there, _)| *there == n)
            && let Some(found) = unpacked.chunks.remove(at)
        {
            let raw = Arc::clone(&found.1);
            unpacked.chunks.push_back(found);
            return Ok(raw);
        }
        let Some(id) = self.index.chunks[n].id else { return Ok(Arc::default()) };
        let inner = &self.images.inner;
        let object = inner.runtime.block_on(self.images.chunk(id))?;
        let mut raw = Vec::new();
        if let Err(error) = unpacked.unpacker.unpack_named(&object, id, &mut raw) {
            let error = objects::Error::Damaged { sort: Sort::Chunk, id, source: Box::new(error) };
            return Err(inner.runtime.block_on(self.images.noted(id, error)));
        }
        let raw = Arc::new(raw);
        unpacked.chunks.push_back((n, Arc::clone(&raw)));
        if unpacked.chunks.len() > KEPT {
            unpacked.chunks.pop_front();
        }
        Ok(raw)
    }
}

impl ReadAt for Stored {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let end = offset.saturating_add(buf.len() as u64).min(self.index.raw_len);
        let mut done = 0;
        let mut at = offset;
        while at < end {
            let n = (at / CHUNK) as usize;
            let place = self.index.range(n);
            let part = (at - place.start) as usize..(end.min(place.end) - place.start) as usize;
            let into = &mut buf[done..done + part.len()];
            if self.index.chunks[n].id.is_none() {
                into.fill(0);
            } else {
                let raw = self.chunk(n).map_err(io::Error::other)?;
                into.copy_from_slice(raw.get(part.clone()).ok_or(io::ErrorKind::UnexpectedEof)?);
            }
            done += part.len();
            at += part.len() as u64;
        }
        Ok(done)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.index.raw_len)
    }

    fn available(&self) -> u64 {
        self.index.raw_len
    }
}
