//! What people do to images, and what is found out about them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::contents::Contents;
use crate::error::Kind;
use crate::image::read_at::ReadAt;
use crate::station::Station;
use crate::station::web::{Refusal, Who};
use crate::station_api::{Image, ImageState, Thing, Verdict};
use crate::stop::Stop;
use crate::uboot::booting;

/// Images that are looked into at once.
const LOOKS: usize = 2;
/// Images that are read whole at once.
const CHECKS: usize = 2;

/// What goes on with images at this moment.
#[derive(Debug, Default)]
pub(in crate::station) struct Desk {
    /// Images that are read whole: chunks that were read, of how many.
    checks: Mutex<HashMap<String, (u64, u64)>>,
    /// Images that are looked into.
    looks: Mutex<HashSet<String>>,
    /// Images that can't be looked into, and why: they aren't tried again at each page.
    blind: Mutex<HashMap<String, String>>,
}

/// Says when something is over, however it ends.
struct Over<F: FnMut()>(F);

impl<F: FnMut()> Drop for Over<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn broke(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, Kind::Failed, error.to_string())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Station {
    /// Removes an image that nobody needs.
    pub(in crate::station) async fn remove_image(&self, who: &Who, image: &str) -> Result<Image, Refusal> {
        let image = self.store().image(image).await?;
        self.store().remove_image(&image.id).await?;
        self.images.forget(&image.id);
        self.unneeded.notify_one();
        self.did(who, "image.remove", &image.name).await;
        self.changes.tell(Thing::Image, &image.id, None);
        Ok(image)
    }

    /// Gives an image another name.
    pub(in crate::station) async fn rename_image(
        &self,
        who: &Who,
        image: &str,
        name: &str,
    ) -> Result<Image, Refusal> {
        let image = self.store().image(image).await?;
        self.store().rename_image(&image.id, name).await?;
        self.did(who, "image.rename", &format!("{} to {name}", image.name)).await;
        self.changes.tell(Thing::Image, &image.id, None);
        Ok(Image { name: name.to_owned(), ..image })
    }

    /// Reads all of an image again. It goes on when nobody waits for it any more, and ends with the station.
    pub(in crate::station) async fn verify_image(
        self: &Arc<Self>,
        who: &Who,
        image: &Image,
    ) -> Result<Verdict, Refusal> {
        {
            let mut checks = lock(&self.desk.checks);
            if checks.contains_key(&image.id) {
                return Err(Refusal::conflict(format!("`{}` is being checked already", image.name)));
            }
            if checks.len() >= CHECKS {
                let text = format!("{CHECKS} images are being checked already");
                return Err(Refusal::conflict(text).with_hint("wait until one is done"));
            }
            checks.insert(image.id.clone(), (0, 0));
        }
        let (station, over) = (Arc::clone(self), image.id.clone());
        let over = Over(move || {
            lock(&station.desk.checks).remove(&over);
            station.changes.tell(Thing::Image, &over, None);
        });
        self.did(who, "image.verify", &image.name).await;
        self.changes.tell(Thing::Image, &image.id, None);
        let (station, image) = (Arc::clone(self), image.clone());
        let work = tokio::spawn(async move {
            let _over = over;
            let stop = Stop::new().map_err(broke)?;
            let end = stop.clone();
            let (inner, told) = (Arc::clone(&station), image.clone());
            let mut work = tokio::task::spawn_blocking(move || {
                let tell = |done, all| inner.checked(&told.id, done, all);
                let verdict = inner.images.verify(&told, &stop, &tell)?;
                // What was wrong with it, and isn't any more, was perhaps wrong with others.
                if told.state == ImageState::Damaged && verdict.image.state == ImageState::Ready {
                    for name in inner.images.mended_by(&verdict.image, &stop)? {
                        tracing::info!(image = name, "it is whole too");
                    }
                }
                Ok::<_, crate::station::images::Error>(verdict)
            });
            let verdict = tokio::select! {
                verdict = &mut work => verdict,
                () = station.ending.cancelled() => { end.set(); work.await }
            };
            Ok::<_, Refusal>(verdict.map_err(broke)??)
        });
        work.await.map_err(broke)?
    }

    fn checked(&self, image: &str, done: u64, all: u64) {
        let before = lock(&self.desk.checks).insert(image.to_owned(), (done, all));
        let percent = |(done, all): (u64, u64)| (done * 20).checked_div(all);
        if before.map(percent) != Some(percent((done, all))) {
            self.changes.tell(Thing::Image, image, None);
        }
    }

    /// How much of an image was read, where it is being read whole.
    pub(in crate::station) fn checking(&self, image: &str) -> Option<(u64, u64)> {
        lock(&self.desk.checks).get(image).copied()
    }

    /// Looks into an image soon, where nobody has done so yet.
    pub(in crate::station) fn look_soon(self: &Arc<Self>, image: &Image) {
        if image.state != ImageState::Ready || lock(&self.desk.blind).contains_key(&image.id) {
            return;
        }
        let mut looks = lock(&self.desk.looks);
        if looks.len() >= LOOKS || !looks.insert(image.id.clone()) {
            return;
        }
        drop(looks);
        let (station, image) = (Arc::clone(self), image.clone());
        tokio::spawn(async move {
            let _over = Over(|| {
                lock(&station.desk.looks).remove(&image.id);
                station.changes.tell(Thing::Image, &image.id, None);
            });
            if let Err(error) = station.look(&image).await {
                let why = error.detail();
                tracing::warn!(image = image.name, why, "an image can't be looked into");
                let mut blind = lock(&station.desk.blind);
                if blind.len() > 1000 {
                    blind.clear();
                }
                blind.insert(image.id.clone(), why);
            }
        });
    }

    /// Why an image can't be looked into.
    pub(in crate::station) fn blind(&self, image: &str) -> Option<String> {
        lock(&self.desk.blind).get(image).cloned()
    }

    async fn look(&self, image: &Image) -> Result<Contents, Refusal> {
        let stored: Arc<dyn ReadAt> = self.images.stored(image).await?;
        let found = tokio::task::spawn_blocking(move || -> io::Result<Contents> {
            // The same that a flash says of it.
            let card = booting::forecast(&stored)?;
            Ok(Contents { card, ..Contents::of(&stored)? })
        });
        let found = found.await.map_err(broke)?.map_err(|error| broke(io_words(error)))?;
        self.store().put_contents(&image.id, &found).await?;
        Ok(found)
    }

    /// What an image contains, as it was found before, or is found now.
    pub(in crate::station) async fn contents(&self, image: &Image) -> Result<Contents, Refusal> {
        let known = self.store().contents(std::slice::from_ref(&image.id)).await?.remove(&image.id);
        match known {
            Some(known) => Ok(known),
            None => self.look(image).await,
        }
    }
}

fn io_words(error: io::Error) -> String {
    match error.downcast::<crate::station::images::Error>() {
        Ok(error) => crate::error::chain(&error),
        Err(error) => error.to_string(),
    }
}
