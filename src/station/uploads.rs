//! Files that come in pieces, and become images: an upload goes on where it broke off, after a reload of the page and
//! after a restart of the station. Its row says how much of its file counts.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use bytes::BytesMut;
use futures::StreamExt;

use super::images::Wanted;
use super::store::{self, new_name};
use super::web::{Refusal, Who, whole};
use super::{Station, now};
use crate::error::Kind;
use crate::format::{size, unhex};
use crate::image::chunk::index::LONGEST_IMAGE;
use crate::station_api::{Image, ImageState, LONGEST_PIECE, Thing, Upload, UploadState};
use crate::stop::Stop;

/// So much of a whole file is held before it is written.
const HELD: usize = 4 << 20;
/// How long a piece may take to come.
const PIECE_TIME: Duration = Duration::from_secs(300);
/// How long a body may bring nothing.
const PATIENCE: Duration = Duration::from_secs(60);
/// So long is kept what nobody goes on with.
const KEPT: i64 = 24 * 3600 * 1000;
/// So much of the disk stays free whatever comes.
const ROOM: u64 = 512 << 20;
/// How often what is old is looked for.
const LOOK: Duration = Duration::from_secs(600);

/// What goes on with uploads at this moment.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    /// Those of which a piece comes, or that become images: how many raw bytes were taken in.
    busy: Mutex<HashMap<String, Busy>>,
}

#[derive(Debug, Clone)]
struct Busy {
    taken: u64,
    stop: Option<Stop>,
}

/// What a browser says before it sends a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Announced {
    /// What the image will be called.
    pub(super) name: String,
    /// The file's name.
    pub(super) file: String,
    /// Its length; 0 where it isn't known.
    pub(super) size: u64,
    /// What sha256 it has to have; empty where nobody says.
    pub(super) sha256: String,
    /// Where the station fetches it from, as everybody may see it; empty where it is sent.
    pub(super) url: String,
}

/// Nobody else works on an upload while this is there.
pub(super) struct Mine {
    station: Arc<Station>,
    id: String,
}

impl Drop for Mine {
    fn drop(&mut self) {
        self.station.busy().remove(&self.id);
    }
}

pub(super) fn system(doing: &str) -> impl FnOnce(io::Error) -> Refusal + '_ {
    move |error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Refusal::no_room(),
        _ => Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, Kind::Io, format!("{doing}: {error}")),
    }
}

pub(super) fn too_long() -> Refusal {
    let text = format!("an image has {} at most", size(LONGEST_IMAGE));
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, Kind::BadData, text)
}

impl Station {
    fn busy(&self) -> std::sync::MutexGuard<'_, HashMap<String, Busy>> {
        self.uploads.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an upload for one piece of work.
    pub(super) fn take(self: &Arc<Self>, id: &str, stop: Option<Stop>) -> Result<Mine, Refusal> {
        let mut busy = self.busy();
        if busy.contains_key(id) {
            return Err(Refusal::conflict("another piece of this file comes at this moment"));
        }
        busy.insert(id.to_owned(), Busy { taken: 0, stop });
        Ok(Mine { station: Arc::clone(self), id: id.to_owned() })
    }

    /// How many raw bytes of an upload were taken in.
    pub(super) fn taken(&self, id: &str) -> Option<u64> {
        self.busy().get(id).map(|busy| busy.taken)
    }

    fn upload_file(&self, id: &str) -> PathBuf {
        self.state().join("uploads").join(id)
    }

    /// Whether there is room for so many more bytes, beside what was promised to others.
    pub(super) async fn fits(&self, more: u64) -> Result<(), Refusal> {
        let disk =
            rustix::fs::statvfs(self.state()).map_err(|error| system("looking at the disk")(error.into()))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let promised: u64 =
            self.store().uploads().await?.iter().map(|upload| upload.size.saturating_sub(upload.came)).sum();
        let needed = more.saturating_add(promised).saturating_add(ROOM);
        if needed <= free && self.room().takes_images() {
            return Ok(());
        }
        let text = format!(
            "the station's disk has {} left, and {} more are to come",
            size(free),
            size(needed - ROOM)
        );
        Err(Refusal::new(StatusCode::INSUFFICIENT_STORAGE, Kind::CantCreate, text).with_hint(
            "remove images, backups or uploads that nobody needs, or give its state a larger disk",
        ))
    }

    /// Begins an upload.
    pub(super) async fn begin_upload(&self, who: &Who, told: Announced) -> Result<Upload, Refusal> {
        let Announced { name, file, size: len, sha256, url } = told;
        if !sha256.is_empty() && unhex::<32>(&sha256.to_ascii_lowercase()).is_none() {
            return Err(Refusal::meaningless("a sha256 has 64 hexadecimal digits"));
        }
        if len > LONGEST_IMAGE {
            return Err(too_long());
        }
        self.fits(len).await?;
        let file: String = file.rsplit(['/', '\\']).next().unwrap_or_default().chars().take(120).collect();
        let (id, at) = (new_name(), now());
        let upload = Upload {
            id,
            name,
            file,
            person: who.by.clone(),
            size: len,
            came: 0,
            sha256: sha256.to_ascii_lowercase(),
            state: UploadState::Coming,
            why: String::new(),
            made: at,
            changed: at,
            url,
        };
        self.store().add_upload(&upload).await?;
        let act = if upload.url.is_empty() { "image.upload" } else { "image.fetch" };
        self.did(who, act, &upload.name).await;
        self.changes.tell(Thing::Image, &upload.id, None);
        Ok(upload)
    }

    /// Takes a piece of a file from byte `at` on. What was taken is on the disk when this returns. The last piece begins
    /// what makes an image of it.
    pub(super) async fn take_piece(
        self: &Arc<Self>,
        id: &str,
        at: u64,
        body: Body,
    ) -> Result<Upload, Refusal> {
        let mine = self.take(id, None)?;
        let mut upload = self.store().upload(id).await?;
        if upload.state != UploadState::Coming {
            return Err(Refusal::conflict(format!("nothing more of `{}` is wanted", upload.name)));
        }
        if at != upload.came {
            let text =
                format!("the next piece of `{}` begins at byte {}, not at {at}", upload.name, upload.came);
            return Err(Refusal::conflict(text));
        }
        let bytes = whole(body, LONGEST_PIECE, PIECE_TIME).await?;
        if bytes.is_empty() {
            return Err(Refusal::malformed("a piece has at least one byte"));
        }
        let end = at + bytes.len() as u64;
        if upload.size > 0 && end > upload.size {
            let why = format!("more came than the {} bytes that it was said to have", upload.size);
            self.fail_upload(&upload, &why).await?;
            return Err(Refusal::meaningless(format!("`{}`: {why}", upload.name)));
        }
        self.write(&upload, bytes).await?;
        (upload.came, upload.changed) = (end, now());
        if let Err(error) = self.store().came(id, end, upload.size, upload.changed).await {
            // It was cancelled while this came.
            let _ = std::fs::remove_file(self.upload_file(id));
            return Err(error.into());
        }
        self.changes.tell(Thing::Image, id, None);
        drop(mine);
        if upload.size > 0 && end == upload.size {
            upload.state = UploadState::Taking;
            self.store().stands(id, UploadState::Taking, "", now()).await?;
            tokio::spawn(Arc::clone(self).take_upload(upload.clone()));
        }
        Ok(upload)
    }

    /// The CRC-32 (of gzip and zip) of what has come of an upload so far: who goes on with it sees whether it is the same
    /// file. It reads all of that.
    pub(super) async fn crc_of_upload(self: &Arc<Self>, upload: &Upload) -> Result<u32, Refusal> {
        let mine = self.take(&upload.id, None)?;
        let (path, came) = (self.upload_file(&upload.id), upload.came);
        let read = move || {
            let mut hasher = crc32fast::Hasher::new();
            let mut file = io::Read::take(std::fs::File::open(path)?, came);
            let mut buffer = vec![0; 1 << 20];
            loop {
                match io::Read::read(&mut file, &mut buffer)? {
                    0 => return Ok(hasher.finalize()),
                    len => hasher.update(&buffer[..len]),
                }
            }
        };
        let crc =
            tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        drop(mine);
        // Before the first piece there is no file.
        match crc {
            Err(error) if error.kind() == io::ErrorKind::NotFound && came == 0 => Ok(0),
            crc => crc.map_err(system("reading what has come")),
        }
    }

    /// Takes a whole file out of one body, as a form without a script sends it.
    pub(super) async fn take_whole(
        self: &Arc<Self>,
        upload: Upload,
        stream: impl futures::Stream<Item = Result<Bytes, Refusal>> + Unpin,
    ) -> Result<(), Refusal> {
        let mine = self.take(&upload.id, None)?;
        self.take_bytes(mine, upload, stream, PATIENCE).await
    }

    /// Takes a whole file as it comes; `patience` is how long it may bring nothing. What is wrong with the stream is why
    /// it failed.
    pub(super) async fn take_bytes(
        self: &Arc<Self>,
        mine: Mine,
        mut upload: Upload,
        mut stream: impl futures::Stream<Item = Result<Bytes, Refusal>> + Unpin,
        patience: Duration,
    ) -> Result<(), Refusal> {
        let (mut held, mut over) = (BytesMut::new(), false);
        let why: Option<String> = loop {
            match tokio::time::timeout(patience, stream.next()).await {
                Ok(None) => over = true,
                Ok(Some(Ok(bytes))) => held.extend_from_slice(&bytes),
                Ok(Some(Err(refusal))) => break Some(refusal.detail().to_owned()),
                Err(_) => break Some("it broke off".to_owned()),
            }
            if !held.is_empty() && (over || held.len() >= HELD) {
                let bytes = held.split().freeze();
                let end = upload.came + bytes.len() as u64;
                if end > LONGEST_IMAGE {
                    break Some("it is longer than any image may be".to_owned());
                }
                // Where the length is known, there was room for all of it, and it was promised.
                if upload.size == 0 && self.fits(bytes.len() as u64).await.is_err() {
                    break Some("the station's disk has too little room left".to_owned());
                }
                if let Err(refusal) = self.write(&upload, bytes).await {
                    break Some(refusal.detail().to_owned());
                }
                upload.came = end;
                self.store().came(&upload.id, end, upload.size, now()).await?;
                self.changes.tell(Thing::Image, &upload.id, None);
            }
            if over {
                break None;
            }
        };
        if let Some(why) = why.or_else(|| (upload.came == 0).then(|| "the file is empty".to_owned())) {
            self.fail_upload(&upload, &why).await?;
            return Err(Refusal::meaningless(format!("`{}` isn't here: {why}", upload.name)));
        }
        upload.size = upload.came;
        self.store().came(&upload.id, upload.came, upload.came, now()).await?;
        self.store().stands(&upload.id, UploadState::Taking, "", now()).await?;
        drop(mine);
        tokio::spawn(Arc::clone(self).take_upload(upload));
        Ok(())
    }

    /// Writes at the end of what counts.
    async fn write(&self, upload: &Upload, bytes: Bytes) -> Result<(), Refusal> {
        let (path, at) = (self.upload_file(&upload.id), upload.came);
        let write = move || {
            if at == 0
                && let Some(above) = path.parent()
            {
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(above)?;
            }
            let mut open = std::fs::OpenOptions::new();
            let file = open.write(true).create(at == 0).truncate(at == 0).mode(0o600).open(&path)?;
            file.write_all_at(&bytes, at)?;
            file.sync_data()
        };
        let done = tokio::task::spawn_blocking(write).await.map_err(io::Error::other).and_then(|done| done);
        done.map_err(system("writing what came"))
    }

    /// It doesn't become an image; why stays to be read.
    pub(super) async fn fail_upload(&self, upload: &Upload, why: &str) -> Result<(), Refusal> {
        self.store().stands(&upload.id, UploadState::Failed, why, now()).await?;
        // Where it isn't there, nothing came.
        let _ = std::fs::remove_file(self.upload_file(&upload.id));
        self.changes.tell(Thing::Image, &upload.id, None);
        Ok(())
    }

    /// Ends an upload, whatever it is at.
    pub(super) async fn cancel_upload(&self, who: &Who, id: &str) -> Result<Upload, Refusal> {
        let upload = self.store().upload(id).await?;
        if let Some(Busy { stop: Some(stop), .. }) = self.busy().get(id) {
            stop.set();
        }
        self.store().remove_upload(id).await?;
        let _ = std::fs::remove_file(self.upload_file(id));
        self.did(who, "image.upload-cancel", &upload.name).await;
        self.changes.tell(Thing::Image, id, None);
        Ok(upload)
    }

    /// Makes an image of a file that is here.
    async fn take_upload(self: Arc<Self>, upload: Upload) {
        let stop = match Stop::new() {
            Ok(stop) => stop,
            Err(error) => return tracing::warn!(%error, "an upload can't be taken in"),
        };
        let Ok(mine) = self.take(&upload.id, Some(stop.clone())) else { return };
        let result = self.take_in(&upload, &stop).await;
        drop(mine);
        self.unneeded.notify_one();
        let told = match result {
            Ok(image) => {
                self.look_soon(&image);
                let _ = std::fs::remove_file(self.upload_file(&upload.id));
                self.store().remove_upload(&upload.id).await.map(drop).map_err(Refusal::from)
            }
            Err(_) if self.ending.is_cancelled() => Ok(()),
            Err(refusal) => {
                let path = self.upload_file(&upload.id).display().to_string();
                self.fail_upload(&upload, &refusal.detail().replace(&path, "the file")).await
            }
        };
        // One that was cancelled is gone.
        if let Err(refusal) = told
            && refusal.status() != StatusCode::NOT_FOUND
        {
            tracing::warn!(why = refusal.detail(), "how an upload ended can't be noted");
        }
        self.changes.tell(Thing::Image, &upload.id, None);
    }

    async fn take_in(self: &Arc<Self>, upload: &Upload, stop: &Stop) -> Result<Image, Refusal> {
        // One that is damaged is repaired by the same bytes: what is damaged is replaced.
        let damaged = match self.store().image(&upload.name).await {
            Ok(there) if there.name == upload.name && there.state == ImageState::Damaged => Some(there),
            Ok(_) | Err(store::Error::NoSuch { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let name = match &damaged {
            Some(_) => format!("repair-{}", upload.id),
            None => upload.name.clone(),
        };
        let row = self.images.begin(&name, None).await?;
        let wanted = Wanted { sha256: unhex::<32>(&upload.sha256), bmap: None };
        let (station, id, path, flag) =
            (Arc::clone(self), upload.id.clone(), self.upload_file(&upload.id), stop.clone());
        let row_id = row.id.clone();
        let mut work = tokio::task::spawn_blocking(move || {
            let told = |raw: u64| {
                let mut busy = station.busy();
                let Some(mine) = busy.get_mut(&id) else { return };
                let before = std::mem::replace(&mut mine.taken, raw);
                drop(busy);
                if before >> 28 != raw >> 28 {
                    station.changes.tell(Thing::Image, &id, None);
                }
            };
            station.images.ingest(row, &path, &wanted, &flag, &told)
        });
        let done = tokio::select! {
            done = &mut work => done,
            () = self.ending.cancelled() => { stop.set(); work.await }
        };
        let done = done.map_err(|error| system("taking it in")(io::Error::other(error)))?;
        let image = match done {
            Ok(image) => image,
            Err(error) => {
                // Why is told at the upload.
                self.store().remove_image(&row_id).await?;
                return Err(error.into());
            }
        };
        // The same bytes make other images whole too.
        let mended = self.mended_by(&image).await;
        let Some(damaged) = damaged else {
            self.changes.tell(Thing::Image, &image.id, None);
            return Ok(image);
        };
        self.store().remove_image(&image.id).await?;
        self.changes.tell(Thing::Image, &damaged.id, None);
        if mended.contains(&damaged.name) {
            return Ok(self.store().image(&damaged.id).await?);
        }
        let text = format!("it doesn't make the damaged `{}` whole: it is another image", upload.name);
        Err(Refusal::meaningless(text).with_hint("give it another name"))
    }

    /// Goes on with what was here before a restart, and ends what is old.
    pub(super) async fn tidy_uploads(self: Arc<Self>) {
        let all = self.store().uploads_here().await.unwrap_or_default();
        let directory = self.state().join("uploads");
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            if !all.iter().any(|upload| entry.file_name().to_str() == Some(&upload.id)) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        for upload in all {
            match upload.state {
                UploadState::Taking => {
                    tokio::spawn(Arc::clone(&self).take_upload(upload));
                }
                // What a form sends in one body, or the station was fetching, begins anew.
                UploadState::Coming if upload.size == 0 || !upload.url.is_empty() => {
                    let _ = self.fail_upload(&upload, "the station ended while it came").await;
                }
                UploadState::Coming | UploadState::Failed => {}
            }
        }
        let mut each = tokio::time::interval(LOOK);
        loop {
            each.tick().await;
            for upload in self.store().uploads_here().await.unwrap_or_default() {
                let old = upload.changed < now() - KEPT;
                let rests = matches!(upload.state, UploadState::Coming | UploadState::Failed);
                if old && rests && !self.busy().contains_key(&upload.id) {
                    tracing::info!(upload = upload.name, "nobody went on with it: it is removed");
                    let _ = std::fs::remove_file(self.upload_file(&upload.id));
                    let _ = self.store().remove_upload(&upload.id).await;
                    self.changes.tell(Thing::Image, &upload.id, None);
                }
            }
        }
    }
}

/// Until when an upload is kept.
pub(super) const fn kept_until(upload: &Upload) -> i64 {
    upload.changed + KEPT
}
