//! Images that the station fetches itself, from a URL that somebody names. Each is an upload whose bytes come from there:
//! it is bounded by room, can be cancelled, and stands on the same page.

use std::io::{self, Read};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Sender};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::outside::is_elsewhere;
use super::uploads::{Announced, Mine, system, too_long};
use super::web::{Refusal, Who};
use super::{Station, now};
use crate::error::chain;
use crate::http::{self, Client, Limits, Origin, Pauses, Resuming, Tell, Trust, Url};
use crate::image::chunk::index::LONGEST_IMAGE;
use crate::station_api::{NewFetch, Thing, Upload, UploadState, image_name};
use crate::stop::Stop;

/// So many are fetched at once; others wait.
const AT_ONCE: usize = 2;
/// The longest that one may take, however slowly it comes.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// How often who waits looks whether it was cancelled.
const LOOK: Duration = Duration::from_secs(1);
/// Bytes at a time.
const BUF: usize = 1 << 20;
/// Buffers that wait to be written.
const WAITING: usize = 4;

/// What all fetches share.
#[derive(Debug)]
pub(super) struct Fetches {
    places: Semaphore,
}

impl Default for Fetches {
    fn default() -> Self {
        Self { places: Semaphore::new(AT_ONCE) }
    }
}

impl Station {
    /// Begins to fetch a file. Its address is checked as far as it can be without asking a name server; each connection
    /// is checked again.
    pub(super) async fn begin_fetch(self: &Arc<Self>, who: &Who, new: NewFetch) -> Result<Upload, Refusal> {
        let url: Url = new.url.parse()?;
        if !matches!(url.origin, Origin::Tcp { .. }) {
            return Err(Refusal::meaningless(
                "an image is fetched from an address that begins with https:// or http://",
            ));
        }
        if !self.images_may()(url.origin.ip().unwrap_or(IpAddr::from([192, 0, 2, 1]))) {
            return Err(Refusal::forbidden("images aren't fetched from the station's host itself")
                .with_hint("the setting `station.images-local` allows it; or upload the file"));
        }
        let shown = url.to_string();
        let name = match new.name {
            Some(name) => name,
            None => image_name(&shown).ok_or_else(|| {
                Refusal::meaningless("the address names no file: say what to call the image")
            })?,
        };
        let file = shown.rsplit('/').next().unwrap_or_default().to_owned();
        let sha256 = new.sha256.unwrap_or_default();
        let told = Announced { name, file, size: 0, sha256, url: shown };
        let upload = self.begin_upload(who, told).await?;
        let stop = Stop::new().map_err(system("beginning to fetch it"))?;
        let mine = self.take(&upload.id, Some(stop.clone()))?;
        tokio::spawn(Arc::clone(self).fetch(mine, upload.clone(), url, stop));
        Ok(upload)
    }

    /// Where images may be fetched from.
    fn images_may(&self) -> fn(IpAddr) -> bool {
        if self.options.settings.station.images_local.value { |_| true } else { is_elsewhere }
    }

    /// Fetches it, and takes it in. Why it failed is noted at its row.
    async fn fetch(self: Arc<Self>, mine: Mine, upload: Upload, url: Url, stop: Stop) {
        let id = upload.id.clone();
        let flag = stop.clone();
        let work = Arc::clone(&self).fetch_into(mine, upload.clone(), url, stop);
        let done = tokio::select! {
            done = tokio::time::timeout(LONGEST, work) => done,
            () = self.ending.cancelled() => {
                flag.set();
                return;
            }
        };
        // Also where the work was given up: its thread has to end.
        flag.set();
        let why = match done {
            Ok(Ok(())) => return,
            Ok(Err(refusal)) => refusal.detail(),
            Err(_) => format!("it took more than {} hours", LONGEST.as_secs() / 3600),
        };
        // What failed in the middle has been noted, and what was cancelled is gone.
        if let Ok(there) = self.store().upload(&id).await
            && there.state == UploadState::Coming
            && let Err(refusal) = self.fail_upload(&upload, &why).await
        {
            tracing::warn!(why = refusal.detail(), "how a fetch ended can't be noted");
        }
    }

    async fn fetch_into(
        self: Arc<Self>,
        mine: Mine,
        mut upload: Upload,
        url: Url,
        stop: Stop,
    ) -> Result<(), Refusal> {
        let place = self.place(&upload.id, &stop).await?;
        let (station, id, may) = (Arc::clone(&self), upload.id.clone(), self.images_may());
        let runtime = Handle::current();
        let tell: Tell = Box::new(move |error, pause| {
            let why = format!("{}; it is tried again in {} s", chain(error), pause.as_secs_f64().ceil());
            let (station, id) = (Arc::clone(&station), id.clone());
            // Where it can't be noted, it is only not seen.
            runtime.spawn(async move { station.waits(&id, &why).await.ok() });
        });
        let open = move || {
            let client =
                Client::new_within(url.origin.clone(), Trust::System, Limits::default(), &stop, may)?;
            Resuming::of(&client, &url.path, Pauses::usual(), tell)
        };
        let file = tokio::task::spawn_blocking(open).await;
        let file = file.map_err(|error| system("fetching it")(io::Error::other(error)))?;
        let file = file.map_err(|error| Refusal::meaningless(chain(&error)))?;
        if let Some(len) = file.len() {
            self.promised(&mut upload, len).await?;
        }
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::task::spawn_blocking(move || send(file, &sender));
        let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
        // The HTTP client has its own limits, and waits between tries.
        let done = self.take_bytes(mine, upload, stream, LONGEST).await;
        drop(place);
        done
    }

    /// Waits until fewer are fetched.
    async fn place(&self, id: &str, stop: &Stop) -> Result<SemaphorePermit<'_>, Refusal> {
        if let Ok(place) = self.fetches.places.try_acquire() {
            return Ok(place);
        }
        self.waits(id, &format!("{AT_ONCE} others are fetched at this moment; it waits for them")).await?;
        loop {
            if let Ok(Ok(place)) = tokio::time::timeout(LOOK, self.fetches.places.acquire()).await {
                self.waits(id, "").await?;
                return Ok(place);
            }
            if stop.is_set() {
                return Err(http::Error::Stopped.into());
            }
        }
    }

    /// So many bytes will come, for which there is room, and is kept.
    async fn promised(&self, upload: &mut Upload, len: u64) -> Result<(), Refusal> {
        if len > LONGEST_IMAGE {
            return Err(too_long());
        }
        self.fits(len).await?;
        upload.size = len;
        Ok(self.store().came(&upload.id, 0, len, now()).await?)
    }

    /// Notes what it waits for.
    async fn waits(&self, id: &str, why: &str) -> Result<(), Refusal> {
        self.store().stands(id, UploadState::Coming, why, now()).await?;
        self.changes.tell(Thing::Image, id, None);
        Ok(())
    }
}

/// Reads the file to its end, or until nobody wants it.
fn send(mut file: Resuming, to: &Sender<Result<Bytes, Refusal>>) {
    let mut buf = vec![0; BUF];
    loop {
        let piece = match file.read(&mut buf) {
            Ok(0) => return,
            Ok(len) => Ok(Bytes::copy_from_slice(&buf[..len])),
            Err(error) => {
                let why = http::Error::of_io(&error).map_or_else(|| error.to_string(), |error| chain(error));
                Err(Refusal::meaningless(why))
            }
        };
        let over = piece.is_err();
        if to.blocking_send(piece).is_err() || over {
            return;
        }
    }
}
