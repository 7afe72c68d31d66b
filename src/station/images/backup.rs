//! Chunks that a board brings, and the image that they become.

use std::collections::HashMap;

use bytes::Bytes;

use super::holds::Hold;
use super::ingest::lengths;
use super::{Error, Images};
use crate::image::chunk::object::Unpacker;
use crate::image::chunk::{self, Digest, Index};
use crate::station::objects::{self, Sort};
use crate::station_api::Image;

/// A backup whose chunks arrive. What it has isn't collected while this is there.
#[derive(Debug)]
pub struct Arriving {
    images: Images,
    hold: Hold,
}

impl Images {
    /// Begins to take the chunks of a backup, or goes on with one that was interrupted.
    #[must_use]
    pub fn arriving(&self) -> Arriving {
        Arriving { images: self.clone(), hold: self.inner.holds.hold() }
    }
}

impl Arriving {
    /// Which of these chunks have to be brought. The others are there, and stay.
    ///
    /// # Errors
    /// What the object store says.
    pub async fn missing(&self, ids: &[Digest]) -> Result<Vec<Digest>, Error> {
        let mut missing = Vec::new();
        for id in ids {
            self.hold.take(*id).await;
            match self.images.inner.objects.chunk(*id).await {
                Ok(_) => {}
                Err(objects::Error::Missing { .. } | objects::Error::Damaged { .. }) => missing.push(*id),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(missing)
    }

    /// Takes a chunk. It is on the disk when this returns, and it is what its name says.
    ///
    /// # Errors
    /// [`Error::Chunk`] where it isn't; what the object store says.
    pub async fn take(&self, id: Digest, object: Bytes) -> Result<(), Error> {
        self.hold.take(id).await;
        let bytes = object.clone();
        let proved = tokio::task::spawn_blocking(move || {
            let mut raw = Vec::new();
            Unpacker::new()?.unpack_named(&bytes, id, &mut raw).map(|_| ())
        });
        proved.await.map_err(|_| Error::Work)??;
        let objects = &self.images.inner.objects;
        match objects.chunk(id).await {
            Ok(_) => {}
            Err(objects::Error::Missing { .. }) => objects.put(Sort::Chunk, id, object).await.map(drop)?,
            Err(objects::Error::Damaged { .. }) => objects.replace(Sort::Chunk, id, object).await?,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Takes the index, and makes the image ready. All its chunks have to be there. Otherwise the row is `failed`, with
    /// the reason.
    ///
    /// # Errors
    /// [`Error::NotWhole`]; [`Error::Chunk`] for an index that fits no chunks; what database and object store say.
    pub async fn finish(&self, row: Image, index: Index) -> Result<Image, Error> {
        let done = self.put_together(row.clone(), index).await;
        if let Err(error) = &done {
            self.images.failed(row, crate::error::chain(error)).await;
        }
        done
    }

    async fn put_together(&self, mut row: Image, mut index: Index) -> Result<Image, Error> {
        let mut stored = HashMap::new();
        let mut missing = Vec::new();
        for n in 0..index.chunks.len() {
            let range = index.range(n);
            let chunk = &mut index.chunks[n];
            let Some(id) = chunk.id else { continue };
            self.hold.take(id).await;
            match self.images.inner.objects.chunk(id).await {
                // The stored lengths are those of what lies here, whoever has packed it.
                Ok((head, bytes)) if lengths(&head, chunk, range.end - range.start) => {
                    stored.insert(id, bytes.len() as u64);
                }
                Ok(_) => {
                    return Err(
                        chunk::Error::Object { what: "it has another length than its index says" }.into()
                    );
                }
                Err(objects::Error::Missing { .. } | objects::Error::Damaged { .. }) => missing.push(id),
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(first) = missing.first() {
            return Err(Error::NotWhole { count: missing.len(), first: *first });
        }
        self.images.finish(&mut row, &index, &stored, &self.hold).await?;
        Ok(row)
    }
}
