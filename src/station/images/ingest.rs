//! A file becomes chunks and an index.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;

use bytes::Bytes;

use super::holds::Hold;
use super::{Error, Images};
use crate::format::hex;
use crate::image::chunk::cut::{Keep, cut, usual_threads};
use crate::image::chunk::object::Head;
use crate::image::chunk::{CHUNK, Chunk, Digest, Index, PIECE};
use crate::image::unused::{Bmap, of_file_systems};
use crate::image::{self, ImageOptions};
use crate::station::objects::{self, Sort};
use crate::station_api::{Image, ImageState};
use crate::stop::Stop;

/// What is known of an image before it comes.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// What sha256 of the file has to be, or that of the raw image: either will do.
    pub sha256: Option<[u8; 32]>,
    /// The bmap file that came along.
    pub bmap: Option<Vec<u8>>,
}

impl Images {
    /// Takes the image in whose row [`Images::begin`] has made: out of a file, a device or a pipe, in whatever form
    /// [`image::Image::open`] knows. Waits for its end, on the caller's thread. `told` is called with the raw bytes that
    /// were done.
    ///
    /// Afterwards the row is `ready`, or `failed` with the reason.
    ///
    /// # Errors
    /// Why it failed.
    pub fn ingest(
        &self,
        row: Image,
        file: &Path,
        wanted: &Wanted,
        stop: &Stop,
        told: &dyn Fn(u64),
    ) -> Result<Image, Error> {
        let hold = self.inner.holds.hold();
        let done = self.take_in(row.clone(), file, wanted, stop, told, &hold);
        if let Err(error) = &done {
            let mut why = crate::error::chain(error);
            if file.starts_with("/proc/self/fd") {
                // That path says nothing to who has sent it.
                why = why.replace(&file.display().to_string(), "the file that was sent");
            }
            self.inner.runtime.block_on(self.failed(row, why));
        }
        done
    }

    /// Notes why an image didn't come.
    pub(super) async fn failed(&self, mut row: Image, why: String) {
        row.state = ImageState::Failed;
        row.why = Some(why);
        // Where the database is gone, the next start does it.
        if let Err(error) = self.inner.store.put_image(&row, Some(&[])).await {
            tracing::warn!(%error, image = row.name, "an image that failed can't be noted as such");
        }
    }

    fn take_in(
        &self,
        mut row: Image,
        file: &Path,
        wanted: &Wanted,
        stop: &Stop,
        told: &dyn Fn(u64),
        hold: &Hold,
    ) -> Result<Image, Error> {
        let inner = &*self.inner;
        let bmap = wanted.bmap.as_deref().map(Bmap::read).transpose()?;
        let options = ImageOptions { spool_dir: Some(inner.spool.clone()), stop: Some(stop.clone()) };
        let opened = image::Image::open(file, &options)?;
        let content = opened.content();
        let taking = Taking { images: self, hold, stored: Mutex::default() };
        let mut at = 0;
        let mut read = |buf: &mut [u8]| {
            if stop.is_set() {
                return Err(Error::Cancelled);
            }
            // Not more than arrives in a moment, so that what is told goes on.
            let len = buf.len().min(1 << 20);
            let got = content.read_at(&mut buf[..len], at).map_err(|error| read_error(file, error))?;
            at += got as u64;
            told(at);
            Ok(got)
        };
        let mut index = cut(&mut read, &taking, usual_threads())?;
        // The end of what broke off looks like the end of the image.
        if stop.is_set() {
            return Err(Error::Cancelled);
        }
        let file_sha256 = opened.file_sha256().transpose()?.unwrap_or(index.raw_sha256);
        if let Some(expected) = wanted.sha256
            && expected != file_sha256
            && expected != index.raw_sha256
        {
            return Err(Error::Other { expected: hex(&expected), got: hex(&file_sha256) });
        }
        let unused = match bmap {
            Some(bmap) => {
                bmap.check(&*content).map_err(|error| read_error(file, error))??;
                bmap.unused(PIECE)
            }
            None => {
                let unused = of_file_systems(&content, PIECE).map_err(|error| read_error(file, error))?;
                for note in &unused.notes {
                    tracing::info!(image = row.name, note, "what is unused");
                }
                unused.ranges
            }
        };
        index.mark_unused(&unused);
        let stored = taking.stored.into_inner().unwrap_or_else(PoisonError::into_inner);
        row.file_sha256 = hex(&file_sha256);
        inner.runtime.block_on(self.finish(&mut row, &index, &stored, hold))?;
        Ok(row)
    }

    /// Keeps the index, and makes the row ready. All chunks are there, and held.
    pub(super) async fn finish(
        &self,
        row: &mut Image,
        index: &Index,
        stored: &HashMap<Digest, u64>,
        hold: &Hold,
    ) -> Result<(), Error> {
        let bytes = index.encode()?;
        let name = Digest::of(&bytes);
        hold.take(name).await;
        match self.inner.objects.index(name).await {
            Ok(_) => {}
            Err(objects::Error::Missing { .. }) => {
                self.inner.objects.put(Sort::Index, name, bytes.into()).await.map(drop)?;
            }
            Err(_) => self.inner.objects.replace(Sort::Index, name, bytes.into()).await?,
        }
        row.why = None;
        row.index = name.to_string();
        row.raw_len = index.raw_len;
        row.raw_sha256 = hex(&index.raw_sha256);
        (row.stored, row.zero, row.unused) = (index.stored(), index.zero(), index.unused());
        let chunks: Vec<_> = stored.iter().map(|(id, len)| (id.to_string(), *len)).collect();
        // Noted as needed first, and looked for then: another station on the same objects collects what isn't noted.
        self.inner.store.put_image(row, Some(&chunks)).await?;
        for (sort, id) in stored.keys().map(|id| (Sort::Chunk, *id)).chain([(Sort::Index, name)]) {
            if !self.inner.objects.has(sort, id).await? {
                return Err(objects::Error::Missing { sort, id }.into());
            }
        }
        row.state = ImageState::Ready;
        self.inner.store.put_image(row, None).await?;
        Ok(())
    }
}

/// An error of the image, also where it comes through a reader.
fn read_error(file: &Path, error: io::Error) -> Error {
    match image::Error::os(file, "reading", error) {
        image::Error::Stopped => Error::Cancelled,
        other => other.into(),
    }
}

/// Where the chunks of an image go.
struct Taking<'a> {
    images: &'a Images,
    hold: &'a Hold,
    /// Length of each object that the image needs.
    stored: Mutex<HashMap<Digest, u64>>,
}

impl Taking<'_> {
    fn note(&self, id: Digest, len: u64) {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner).insert(id, len);
    }
}

/// Puts the lengths of an object that is there into the chunk that it is. No where it isn't that chunk's.
pub(super) fn lengths(head: &Head, chunk: &mut Chunk, raw_len: u64) -> bool {
    let fits = head.pieces() == chunk.pieces.len() && head.raw_len() as u64 == raw_len;
    if fits {
        for (n, piece) in chunk.pieces.iter_mut().enumerate() {
            piece.stored_len = head.stored_len(n);
        }
    }
    fits
}

impl Keep for Taking<'_> {
    type Error = Error;

    fn known(&self, chunk: &mut Chunk) -> Result<bool, Error> {
        let Some(id) = chunk.id else { return Ok(true) };
        // First held, then looked for: so it isn't collected between.
        let inner = &*self.images.inner;
        let found = inner.runtime.block_on(async {
            self.hold.take(id).await;
            inner.objects.chunk(id).await
        });
        match found {
            Ok((head, bytes)) => {
                let raw_len = head.raw_len() as u64;
                let known = lengths(&head, chunk, raw_len) && raw_len <= CHUNK;
                if known {
                    self.note(id, bytes.len() as u64);
                }
                Ok(known)
            }
            Err(objects::Error::Missing { .. } | objects::Error::Damaged { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn keep(&self, chunk: &mut Chunk, object: Vec<u8>) -> Result<(), Error> {
        let Some(id) = chunk.id else { return Ok(()) };
        let inner = &*self.images.inner;
        let len = object.len() as u64;
        inner.runtime.block_on(async {
            let bytes = Bytes::from(object);
            if inner.objects.put(Sort::Chunk, id, bytes.clone()).await? {
                self.note(id, len);
                return Ok(());
            }
            // Another one may have been faster, or one that is damaged lies there: what counts is what lies there.
            match inner.objects.chunk(id).await {
                Ok((head, there)) if lengths(&head, chunk, head.raw_len() as u64) => {
                    self.note(id, there.len() as u64);
                    Ok::<_, Error>(())
                }
                Ok(_) | Err(objects::Error::Damaged { .. }) => {
                    inner.objects.replace(Sort::Chunk, id, bytes.clone()).await?;
                    let head = Head::read(&bytes)?;
                    lengths(&head, chunk, head.raw_len() as u64);
                    self.note(id, len);
                    Ok(())
                }
                Err(error) => Err(error.into()),
            }
        })
    }
}
