//! Where the bytes of images come from and go to, for the calls that carry them.

use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use futures::StreamExt;

use super::Station;
use super::images::{Arriving, Wanted};
use super::web::Refusal;
use crate::error::Kind;
use crate::image::chunk::Digest;
use crate::station_api::{Backup, Image, Job, ListAsked, Thing};
use crate::stop::Stop;

/// How long a body may bring nothing.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

impl Station {
    /// The name of an image's index.
    fn index_name(image: &Image) -> Result<Digest, Refusal> {
        Digest::parse(&image.index)
            .ok_or_else(|| Refusal::conflict(format!("the image `{}` has no index", image.name)))
    }

    pub(super) async fn index_bytes(&self, image: &Image) -> Result<Bytes, Refusal> {
        Ok(self.images.index_bytes(Self::index_name(image)?).await?)
    }

    /// Whether an image needs a chunk.
    pub(super) async fn has_chunk(&self, image: &Image, id: Digest) -> Result<bool, Refusal> {
        let with = self.store().images_with(&id.to_string()).await?;
        Ok(with.iter().any(|one| one.id == image.id))
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
        self.arrivals.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(job);
    }

    pub(super) async fn missing_chunks(&self, job: &Job, ids: Vec<Digest>) -> Result<Vec<Digest>, Refusal> {
        Ok(self.arriving(job).missing(&ids).await?)
    }

    pub(super) async fn take_chunk(&self, job: &Job, id: Digest, bytes: Bytes) -> Result<(), Refusal> {
        Ok(self.arriving(job).take(id, bytes).await?)
    }

    /// The row of a backup. Its name is made of the job's.
    async fn backup_row(&self, job: &Job) -> Result<Image, Refusal> {
        Ok(self.images.begin(&format!("backup-{}", job.id), Some(job.board.clone())).await?)
    }

    pub(super) async fn take_index(&self, job: &Job, bytes: Bytes) -> Result<Image, Refusal> {
        if let Some(image) = self.backup_of(job).await? {
            return Ok(image);
        }
        let row = self.backup_row(job).await?;
        let image = self.arriving(job).finish(row, &bytes).await?;
        self.note_backup(job, &image, "").await?;
        Ok(image)
    }

    async fn note_backup(&self, job: &Job, image: &Image, proof: &str) -> Result<(), Refusal> {
        let run = job.run.clone().unwrap_or_default();
        let (board, proof) = (job.board.clone(), proof.to_owned());
        let backup = Backup { image: image.clone(), board, run, device: String::new(), proof };
        Ok(self.store().put_backup(&backup).await?)
    }

    /// The backup that a job has made, if all of it has come.
    pub(super) async fn backup_of(&self, job: &Job) -> Result<Option<Image>, Refusal> {
        let asked = ListAsked { board: Some(job.board.clone()), after: None, limit: Some(500) };
        let backups = self.store().backups(&asked).await?.items;
        Ok(backups
            .into_iter()
            .find(|backup| job.run.as_deref() == Some(&backup.run))
            .map(|backup| backup.image))
    }

    /// Takes in an image whose row is there, out of a body.
    pub(super) async fn take_body(&self, row: Image, wanted: Wanted, body: Body) -> Result<Image, Refusal> {
        let system = |error: std::io::Error| {
            Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                Kind::Io,
                format!("a pipe can't be made: {error}"),
            )
        };
        let (end, begin) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
            .map_err(|errno| system(errno.into()))?;
        let stop = Stop::new().map_err(system)?;
        let (images, cut, id) = (self.images.clone(), stop.clone(), row.id.clone());
        let ingest = tokio::task::spawn_blocking(move || {
            let path = PathBuf::from(format!("/proc/self/fd/{}", end.as_raw_fd()));
            let result = images.ingest(row, &path, &wanted, &cut, &|_| {});
            drop(end);
            result
        });
        let mut into = std::fs::File::from(begin);
        let mut stream = body.into_data_stream();
        let mut broken = false;
        loop {
            let bytes = match tokio::time::timeout(PATIENCE, stream.next()).await {
                Ok(Some(Ok(bytes))) => bytes,
                Ok(None) => break,
                Ok(Some(Err(_))) | Err(_) => {
                    broken = true;
                    break;
                }
            };
            self.metrics().taken.inc_by(bytes.len() as u64);
            let written = tokio::task::spawn_blocking(move || into.write_all(&bytes).map(|()| into)).await;
            match written {
                Ok(Ok(file)) => into = file,
                // The other end has had enough: it says why.
                _ => {
                    into = match std::fs::File::open("/dev/null") {
                        Ok(file) => file,
                        Err(error) => return Err(system(error)),
                    };
                    break;
                }
            }
        }
        if broken {
            // What came so far is no image, also where it looks like one.
            stop.set();
        }
        drop(into);
        let result = ingest.await.map_err(|error| system(std::io::Error::other(error)))?;
        self.changes.tell(Thing::Image, &id, None);
        if broken {
            return Err(Refusal::malformed("the body broke off: nothing of it is kept"));
        }
        Ok(result?)
    }
}
