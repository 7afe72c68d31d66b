//! Chunks for boards, and raw bytes for people. What is damaged reaches nobody: it is named, and its images are noted as
//! damaged.

use std::io;
use std::ops::Range;

use bytes::Bytes;

use super::{Error, Images};
use crate::image::chunk::object::Unpacker;
use crate::image::chunk::{Digest, Index};
use crate::station::now;
use crate::station::objects::{self, Sort};
use crate::station::store::Checked;
use crate::station_api::{Image, ImageState};

/// So many damaged images are named in one sentence.
const NAMED: usize = 5;

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

    /// Gives memory back that nobody has needed for a while. To be called now and then.
    pub fn rest(&self) {
        self.inner.recent.rest();
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
                let found = Checked { at: now(), damaged: 1 };
                if let Err(error) = self.inner.store.put_check(&image.id, found).await {
                    tracing::warn!(%error, image = image.name, "when damage was found can't be noted");
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
