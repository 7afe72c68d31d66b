//! Where the bytes of images come from and go to, for the calls that carry them.

use std::collections::HashSet;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use futures::StreamExt;

use super::images::{self, Arriving, Wanted};
use super::web::Refusal;
use super::{Station, store};
use crate::error::Kind;
use crate::format::hex;
use crate::image::chunk::{Digest, Index};
use crate::station_api::{Backup, Image, ImageState, Job, Thing};
use crate::stop::Stop;

/// How long a body may bring nothing.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
/// So much of a body lies between the network and what reads it.
const PIPE: usize = 1 << 20;
/// So many parts of a body, as they come, wait for the pipe.
const PARTS: usize = 4;

impl Station {
    /// The name of an image's index.
    pub(super) fn index_name(image: &Image) -> Result<Digest, Refusal> {
        Digest::parse(&image.index)
            .ok_or_else(|| Refusal::conflict(format!("the image `{}` has no index", image.name)))
    }

    pub(super) async fn index_bytes(&self, image: &Image) -> Result<Bytes, Refusal> {
        Ok(self.images.index_bytes(Self::index_name(image)?).await?)
    }

    /// The chunks that an image needs.
    pub(super) async fn chunks_of(&self, image: &Image) -> Result<HashSet<Digest>, Refusal> {
        let index = self.images.index(image).await?;
        Ok(index.chunks.iter().filter_map(|chunk| chunk.id).collect())
    }

    /// The name of an image by its chunks.
    pub(super) async fn content_of(&self, image: &Image) -> Result<Digest, Refusal> {
        Ok(self.images.content(Self::index_name(image)?).await?)
    }

    pub(super) async fn chunk_bytes(&self, id: Digest) -> Result<Bytes, Refusal> {
        Ok(self.images.chunk(id).await?)
    }

    /// What a backup has brought so far: it is held while the station runs, and the job goes on.
    fn arriving(&self, job: &Job) -> std::sync::Arc<Arriving> {
        let mut all = self.arrivals.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let arriving =
            all.entry(job.id.clone()).or_insert_with(|| std::sync::Arc::new(self.images.arriving()));
        std::sync::Arc::clone(arriving)
    }

    /// Nobody brings anything for this job any more.
    pub(super) fn arrived_all(&self, job: &str) {
        let had = self.arrivals.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(job);
        if had.is_some() {
            // What didn't become an image isn't held any more.
            self.unneeded.notify_one();
        }
    }

    pub(super) async fn missing_chunks(&self, job: &Job, ids: Vec<Digest>) -> Result<Vec<Digest>, Refusal> {
        Ok(self.arriving(job).missing(&ids).await?)
    }

    pub(super) async fn take_chunk(&self, job: &Job, id: Digest, bytes: Bytes) -> Result<(), Refusal> {
        Ok(self.arriving(job).take(id, bytes).await?)
    }

    /// The name of the backup that a job makes.
    pub(super) fn backup_name(job: &Job) -> String {
        format!("backup-{}", job.id)
    }

    pub(super) async fn take_index(&self, job: &Job, bytes: Bytes) -> Result<Image, Refusal> {
        let index = Index::decode(&bytes).map_err(images::Error::from)?;
        if let Some(image) = self.backup_of(job).await? {
            if image.raw_sha256 == hex(&index.raw_sha256) {
                // It is told again, or the board has started again and read the same.
                self.note_backup(job, &image, "", "").await?;
                return Ok(image);
            }
            // The board has started again, and its disk isn't what it was.
            self.store().remove_image(&image.id).await?;
        }
        let row = self.images.begin(&Self::backup_name(job), Some(job.board.clone())).await?;
        let image = self.arriving(job).finish(row, index).await?;
        self.note_backup(job, &image, "", "").await?;
        self.mended_by(&image).await;
        Ok(image)
    }

    /// Says where a backup came from.
    pub(super) async fn note_backup(
        &self,
        job: &Job,
        image: &Image,
        device: &str,
        proof: &str,
    ) -> Result<(), Refusal> {
        let backup = Backup {
            image: image.clone(),
            board: job.board.clone(),
            run: job.run.clone().unwrap_or_default(),
            device: device.to_owned(),
            proof: proof.to_owned(),
        };
        Ok(self.store().put_backup(&backup).await?)
    }

    /// The backup that a job has made, if all of it has come.
    pub(super) async fn backup_of(&self, job: &Job) -> Result<Option<Image>, Refusal> {
        let name = Self::backup_name(job);
        let image = match self.store().image(&name).await {
            Ok(image) => image,
            Err(store::Error::NoSuch { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let is_it = image.name == name
            && image.state == ImageState::Ready
            && image.backup_of.as_ref() == Some(&job.board);
        Ok(is_it.then_some(image))
    }

    /// An image has come: the names of those that were damaged and are whole again by it.
    pub(super) async fn mended_by(&self, image: &Image) -> Vec<String> {
        let (images, image) = (self.images.clone(), image.clone());
        let work = tokio::task::spawn_blocking(move || {
            images.mended_by(&image, &Stop::new().map_err(|_| images::Error::Work)?)
        });
        let mended = work.await.unwrap_or(Err(images::Error::Work)).unwrap_or_else(|error| {
            tracing::warn!(%error, "whether damaged images are whole again isn't known");
            Vec::new()
        });
        for name in &mended {
            tracing::info!(image = name, "an image that was damaged is whole again");
            self.changes.tell(Thing::Image, name, None);
        }
        mended
    }

    /// Takes in an image whose row is there, out of a body of this length, where that was told. The image is whole or
    /// `failed`, also where the connection ends and nobody waits for this any more.
    pub(super) async fn take_body(
        self: &Arc<Self>,
        row: Image,
        wanted: Wanted,
        body: Body,
        len: Option<u64>,
    ) -> Result<Image, Refusal> {
        let stop = Stop::new().map_err(system)?;
        let caller = CutOff(stop.clone());
        let work = tokio::spawn(Arc::clone(self).take_stream(row, wanted, body, len, stop));
        let done = work.await.map_err(|error| system(io::Error::other(error)))?;
        drop(caller);
        done
    }

    async fn take_stream(
        self: Arc<Self>,
        row: Image,
        wanted: Wanted,
        body: Body,
        len: Option<u64>,
        stop: Stop,
    ) -> Result<Image, Refusal> {
        let (end, begin) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
            .map_err(|errno| system(errno.into()))?;
        // Where it may not be larger, it stays as it is.
        let _ = rustix::pipe::fcntl_setpipe_size(&begin, PIPE);
        let (images, cut, id) = (self.images.clone(), stop.clone(), row.id.clone());
        let ingest = tokio::task::spawn_blocking(move || {
            let path = PathBuf::from(format!("/proc/self/fd/{}", end.as_raw_fd()));
            let result = images.ingest(row, &path, &wanted, &cut, &|_| {});
            drop(end);
            // Who has sent it knows nothing of that path.
            result.map_err(|error| Refusal::from(error).renaming(&path, "the file that was sent"))
        });
        let (into, mut from) = tokio::sync::mpsc::channel::<Bytes>(PARTS);
        let writer = tokio::task::spawn_blocking(move || {
            let mut file = std::fs::File::from(begin);
            // Where that fails, the other end has had enough: it says why.
            while let Some(bytes) = from.blocking_recv()
                && file.write_all(&bytes).is_ok()
            {}
            file
        });
        let mut stream = body.into_data_stream();
        let (mut broken, mut came) = (false, 0);
        loop {
            let bytes = match tokio::time::timeout(PATIENCE, stream.next()).await {
                Ok(Some(Ok(bytes))) => bytes,
                Ok(None) => {
                    broken = len.is_some_and(|len| came < len);
                    break;
                }
                Ok(Some(Err(_))) | Err(_) => {
                    broken = true;
                    break;
                }
            };
            came += bytes.len() as u64;
            self.metrics().taken.inc_by(bytes.len() as u64);
            if into.send(bytes).await.is_err() {
                break;
            }
        }
        if broken {
            // What came so far is no image, also where it looks like one: that is known before the end is seen.
            stop.set();
        }
        drop(into);
        drop(writer.await);
        let result = ingest.await.map_err(|error| system(io::Error::other(error)))?;
        self.changes.tell(Thing::Image, &id, None);
        if result.is_err() {
            self.unneeded.notify_one();
        }
        if broken {
            return Err(Refusal::malformed("the body broke off: nothing of it is kept"));
        }
        result
    }
}

fn system(error: io::Error) -> Refusal {
    Refusal::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        Kind::Io,
        format!("the system refuses what it needs: {error}"),
    )
}

/// Ends what goes on elsewhere, where it isn't waited for any more.
struct CutOff(Stop);

impl Drop for CutOff {
    fn drop(&mut self) {
        self.0.set();
    }
}
