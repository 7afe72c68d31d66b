//! Whole images are proved; what nobody needs is collected.

use futures::StreamExt;

use super::{Error, Images};
use crate::image::chunk::Digest;
use crate::image::chunk::object::Unpacker;
use crate::station::objects::{self, Sort};
use crate::station::store::Checked;
use crate::station_api::{Image, ImageState, Verdict};
use crate::stop::Stop;

/// So many lines of damage are told; the number of chunks is told in any case.
const LINES: usize = 100;

/// What a collection has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Objects that were removed.
    pub removed: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that stay.
    pub left: u64,
}

impl Images {
    /// Reads all of an image and proves each piece. One that is whole is ready again where it was noted as damaged. Waits
    /// for its end, on the caller's thread. `told` is called with the chunks that were read, and how many there are.
    ///
    /// # Errors
    /// [`Error::NotReady`] for one that never came; [`Error::Cancelled`]; what database and object store say.
    pub fn verify(&self, image: &Image, stop: &Stop, told: &dyn Fn(u64, u64)) -> Result<Verdict, Error> {
        let inner = &*self.inner;
        if matches!(image.state, ImageState::Coming | ImageState::Failed) {
            return Err(Error::NotReady { name: image.name.clone(), state: image.state });
        }
        let mut verdict = Verdict { image: image.clone(), chunks: 0, damaged: Vec::new() };
        let id = Digest::parse(&image.index).ok_or_else(|| Error::NoIndex { name: image.name.clone() })?;
        match inner.runtime.block_on(inner.objects.index(id)) {
            Err(error) => verdict.damaged.push(self.named(id, error)?),
            Ok((index, _)) => {
                let mut ids: Vec<_> = index.chunks.iter().filter_map(|chunk| chunk.id).collect();
                ids.sort_unstable();
                ids.dedup();
                let (mut unpacker, mut raw) = (Unpacker::new()?, Vec::new());
                let all = ids.len() as u64;
                for id in ids {
                    told(verdict.chunks, all);
                    if stop.is_set() {
                        return Err(Error::Cancelled);
                    }
                    verdict.chunks += 1;
                    let proved = inner.runtime.block_on(inner.objects.chunk(id)).and_then(|(_, bytes)| {
                        let proved = unpacker.unpack_named(&bytes, id, &mut raw);
                        proved.map_err(|error| objects::Error::Damaged {
                            sort: Sort::Chunk,
                            id,
                            source: Box::new(error),
                        })
                    });
                    if let Err(error) = proved {
                        let line = self.named(id, error)?;
                        if verdict.damaged.len() < LINES {
                            verdict.damaged.push(line);
                        }
                    }
                }
            }
        }
        inner.runtime.block_on(async {
            let mut now = inner.store.image(&image.id).await?;
            if verdict.damaged.is_empty() && now.state == ImageState::Damaged {
                (now.state, now.why) = (ImageState::Ready, None);
                inner.store.put_image(&now, None).await?;
            }
            let checked = Checked { at: crate::station::now(), damaged: verdict.damaged.len() as u64 };
            inner.store.put_check(&image.id, checked).await?;
            verdict.image = now;
            Ok(verdict)
        })
    }

    /// An image has come, and what it needs was put where it was damaged: reads the damaged images that need some of the
    /// same, and gives the names of those that are whole again. Waits for its end, on the caller's thread.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn mended_by(&self, image: &Image, stop: &Stop) -> Result<Vec<String>, Error> {
        let inner = &*self.inner;
        let damaged = inner.runtime.block_on(inner.store.damaged_like(image))?;
        let mut mended = Vec::new();
        for image in damaged {
            if self.verify(&image, stop, &|_, _| {})?.image.state == ImageState::Ready {
                mended.push(image.name);
            }
        }
        Ok(mended)
    }

    /// A line about damage; any other error is one.
    fn named(&self, id: Digest, error: objects::Error) -> Result<String, Error> {
        match self.inner.runtime.block_on(self.noted(id, error)) {
            Error::Damaged { what } => Ok(what),
            other => Err(other),
        }
    }

    /// Removes the objects that no image needs and nobody is about to need. Waits for its end, on the caller's thread.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; what database and object store say.
    pub fn collect(&self, stop: &Stop) -> Result<Collected, Error> {
        let inner = &*self.inner;
        let mut done = Collected::default();
        for sort in [Sort::Chunk, Sort::Index] {
            let mut all = inner.objects.all(sort);
            while let Some(object) = inner.runtime.block_on(all.next()) {
                if stop.is_set() {
                    return Err(Error::Cancelled);
                }
                let (id, len) = object?;
                let name = id.to_string();
                let remove = inner.store.unless_needed(&name, async {
                    inner.objects.remove(sort, id).await?;
                    Ok::<_, Error>(())
                });
                let gone = inner.runtime.block_on(inner.holds.unless_held(id, remove));
                if gone.transpose()? == Some(true) {
                    done.removed += 1;
                    done.bytes += len;
                } else {
                    done.left += 1;
                }
            }
        }
        Ok(done)
    }
}
