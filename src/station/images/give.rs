//! Chunks for boards, and raw bytes for people. What is damaged reaches nobody: it is named, and its images are noted as
//! damaged.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::{Error, Images};
use crate::image::chunk::object::Unpacker;
use crate::image::chunk::{Digest, Index};
use crate::station::objects::{self, Sort};
use crate::station_api::{Image, ImageState};

/// So many bytes of chunks are kept in memory for the next board that asks: boards of one image run side by side.
const RECENT: usize = 64 << 20;
/// So many damaged images are named in one sentence.
const NAMED: usize = 5;

/// Chunks that were read and checked a moment ago.
#[derive(Debug, Default)]
pub(super) struct Recent {
    list: Mutex<VecDeque<(Digest, Bytes)>>,
    /// Those that are read at this moment.
    coming: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
}

/// The place of somebody who reads a chunk, or waits for another one who reads it: boards that were told at the same time
/// ask for the same one at the same time.
struct Turn<'a> {
    recent: &'a Recent,
    id: Digest,
    lock: Arc<tokio::sync::Mutex<()>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut coming = self.recent.coming.lock().unwrap_or_else(PoisonError::into_inner);
        // The list's and this one: nobody else waits.
        if Arc::strong_count(&self.lock) <= 2 {
            coming.remove(&self.id);
        }
    }
}

impl Recent {
    fn turn(&self, id: Digest) -> Turn<'_> {
        let mut coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        Turn { recent: self, id, lock: Arc::clone(coming.entry(id).or_default()) }
    }

    fn get(&self, id: Digest) -> Option<Bytes> {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let at = list.iter().position(|(there, _)| *there == id)?;
        let found = list.remove(at)?;
        let bytes = found.1.clone();
        list.push_back(found);
        Some(bytes)
    }

    fn put(&self, id: Digest, bytes: Bytes) {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.retain(|(there, _)| *there != id);
        list.push_back((id, bytes));
        let mut len: usize = list.iter().map(|(_, bytes)| bytes.len()).sum();
        while len > RECENT
            && let Some((_, gone)) = list.pop_front()
        {
            len -= gone.len();
        }
    }
}

impl Images {
    /// A chunk as it is stored, for a board. It was checked against itself.
    ///
    /// # Errors
    /// [`Error::Damaged`], where it is damaged or missing; what the object store says.
    pub async fn chunk(&self, id: Digest) -> Result<Bytes, Error> {
        if let Some(bytes) = self.inner.recent.get(id) {
            return Ok(bytes);
        }
        let turn = self.inner.recent.turn(id);
        let _one = turn.lock.lock().await;
        if let Some(bytes) = self.inner.recent.get(id) {
            return Ok(bytes);
        }
        match self.inner.objects.chunk(id).await {
            Ok((_, bytes)) => {
                self.inner.recent.put(id, bytes.clone());
                Ok(bytes)
            }
            Err(error) => Err(self.noted(id, error).await),
        }
    }

    /// An index as bytes, for a board.
    ///
    /// # Errors
    /// As [`Images::chunk`].
    pub async fn index_bytes(&self, id: Digest) -> Result<Bytes, Error> {
        match self.inner.objects.index(id).await {
            Ok((_, bytes)) => Ok(bytes),
            Err(error) => Err(self.noted(id, error).await),
        }
    }

    /// Notes the images that need an object as damaged, where it is. Gives an error that names them.
    pub(super) async fn noted(&self, id: Digest, error: objects::Error) -> Error {
        let (objects::Error::Damaged { .. } | objects::Error::Missing { .. }) = error else {
            return error.into();
        };
        let mut what = crate::error::chain(&error);
        let images = match self.inner.store.images_with(&id.to_string()).await {
            Ok(images) => images,
            Err(error) => return error.into(),
        };
        for (n, mut image) in images.into_iter().filter(|image| image.state != ImageState::Failed).enumerate()
        {
            let of = self.place(&image, id).await;
            if n < NAMED {
                what = format!("{what}{} {of}", if n == 0 { "; it is" } else { "," });
            }
            if image.state == ImageState::Ready {
                image.state = ImageState::Damaged;
                image.why = Some(format!("{}; it is {of}", crate::error::chain(&error)));
                if let Err(error) = self.inner.store.put_image(&image, None).await {
                    tracing::warn!(%error, image = image.name, "an image that is damaged can't be noted as such");
                }
            }
        }
        tracing::warn!(what, "damage in the object store");
        Error::Damaged { what }
    }

    /// Where in an image an object lies, for people.
    async fn place(&self, image: &Image, id: Digest) -> String {
        let index = match Digest::parse(&image.index) {
            Some(index) if index != id => self.inner.objects.index(index).await.ok(),
            _ => None,
        };
        let at = index.and_then(|(index, _)| {
            let n = index.chunks.iter().position(|chunk| chunk.id == Some(id))?;
            Some(index.range(n))
        });
        match at {
            Some(range) => format!("bytes {} to {} of the image `{}`", range.start, range.end, image.name),
            None => format!("part of the image `{}`", image.name),
        }
    }

    /// The raw bytes of an image that is ready, in order. For a thread that may wait.
    ///
    /// # Errors
    /// As [`Images::index`].
    pub async fn raw(&self, image: &Image, range: Range<u64>) -> Result<Raw, Error> {
        let index = self.index(image).await?;
        let end = range.end.min(index.raw_len);
        let range = range.start.min(end)..end;
        let unpacker = Unpacker::new()?;
        Ok(Raw { images: self.clone(), index, range, unpacker, buffer: Vec::new(), there: None })
    }
}

/// Raw bytes of an image, in order. Each chunk is proved before a byte of it is given out.
#[derive(Debug)]
pub struct Raw {
    images: Images,
    index: Index,
    /// What is left.
    range: Range<u64>,
    unpacker: Unpacker,
    buffer: Vec<u8>,
    /// Which chunk the buffer is.
    there: Option<usize>,
}

impl Raw {
    /// How many bytes are left.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// The next bytes: the rest of a chunk. `None` at the end.
    ///
    /// # Errors
    /// [`Error::Damaged`]; what the object store says. Nothing more comes then.
    pub fn next_bytes(&mut self) -> Result<Option<Bytes>, Error> {
        if self.range.is_empty() {
            return Ok(None);
        }
        let n = (self.range.start / crate::image::chunk::CHUNK) as usize;
        let place = self.index.range(n);
        if self.there != Some(n) {
            self.load(n, (place.end - place.start) as usize)?;
            self.there = Some(n);
        }
        let end = place.end.min(self.range.end);
        let part = (self.range.start - place.start) as usize..(end - place.start) as usize;
        self.range.start = end;
        Ok(Some(Bytes::copy_from_slice(&self.buffer[part])))
    }

    fn load(&mut self, n: usize, len: usize) -> Result<(), Error> {
        let images = &self.images;
        let Some(id) = self.index.chunks[n].id else {
            self.buffer.clear();
            self.buffer.resize(len, 0);
            return Ok(());
        };
        let bytes = images.inner.runtime.block_on(images.chunk(id))?;
        let proved = self.unpacker.unpack_named(&bytes, id, &mut self.buffer);
        if let Err(error) = proved {
            let error = objects::Error::Damaged { sort: Sort::Chunk, id, source: Box::new(error) };
            return Err(images.inner.runtime.block_on(images.noted(id, error)));
        }
        Ok(())
    }
}

impl io::Read for Raw {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.range.is_empty() || buf.is_empty() {
            return Ok(0);
        }
        // As much of this chunk as there is room for.
        let whole = self.range.clone();
        self.range.end = whole.end.min(whole.start + buf.len() as u64);
        let given = self.next_bytes();
        self.range.end = whole.end;
        let bytes = given.map_err(io::Error::other)?.unwrap_or_default();
        buf[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_chunk_that_many_ask_for_at_once_is_read_once() {
        let (recent, id, reads) = (Recent::default(), Digest([1; 32]), AtomicU32::new(0));
        let board = async || {
            let turn = recent.turn(id);
            let _one = turn.lock.lock().await;
            if recent.get(id).is_none() {
                reads.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                recent.put(id, Bytes::from_static(b"x"));
            }
        };
        futures::future::join_all((0..10).map(|_| board())).await;
        assert_eq!(reads.load(Ordering::Relaxed), 1);
        // One that goes away while it waits leaves nothing behind.
        let (turn, other) = (recent.turn(id), recent.turn(id));
        drop(turn);
        assert_eq!(recent.coming.lock().unwrap().len(), 1);
        drop(other);
        assert!(recent.coming.lock().unwrap().is_empty());
    }
}
