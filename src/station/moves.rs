//! Where the bytes of images are kept, and how they come elsewhere while the station serves: what people say, and the work
//! that follows from it. What holds stands in the database; a station that starts again goes on with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::care::ObjectFacts;
use super::objects::{Pass, Proved};
use super::store::{ObjectCopied, PlaceRefused, StationRefused};
use super::web::{Refusal, Who};
use super::{Station, now};
use crate::config::objects::ObjectPlace;
use crate::error::{Explain, chain};
use crate::station_api::{ObjectsAt, ObjectsStatus, ObjectsWithout, Thing, Time};

/// How often it is looked whether something is to be done.
const LOOK: Duration = Duration::from_secs(2);
/// How often a station says that it is there, where nothing changes: milliseconds.
const THERE: Time = 600_000;
/// How often it is told how far it is.
const TELL: Duration = Duration::from_secs(2);
/// So long is waited after something didn't get on.
const AGAIN: Duration = Duration::from_secs(10);
/// How long a place may take to say that it is there, when all is looked at.
const GLANCE: Duration = Duration::from_secs(10);
/// Most characters of a reason that is kept.
const LONGEST_WHY: usize = 500;

fn why(error: &(dyn std::error::Error + 'static)) -> String {
    chain(error).chars().take(LONGEST_WHY).collect()
}

fn place(asked: &ObjectsAt) -> Result<ObjectPlace, Refusal> {
    asked.place.parse().map_err(|why| Refusal::meaningless(format!("this is no place for objects: {why}")))
}

fn refused(why: PlaceRefused, place: &ObjectPlace) -> Refusal {
    match why {
        PlaceRefused::Already => Refusal::conflict(format!("the objects are in {place}")),
        PlaceRefused::Moving => Refusal::conflict("the objects are being moved, and that isn't done yet")
            .with_hint("Wait until it is, or move them back to where they come from."),
        PlaceRefused::Removing => Refusal::conflict(format!("what is in {place} is being removed"))
            .with_hint("Wait until it is gone."),
        PlaceRefused::Unknown => Refusal::missing(format!("no objects were left in {place}")),
    }
}

impl Station {
    /// Where the objects are, and what becomes of them.
    pub(super) async fn objects_status(&self) -> Result<ObjectsStatus, Refusal> {
        let mut status = self.store().objects_status().await?;
        let wanted = self.options.settings.station.objects.value.as_ref().map(ToString::to_string);
        status.settings = wanted.filter(|wanted| *wanted != status.place);
        Ok(status)
    }

    /// Puts the objects elsewhere from now on. The rest is copied while the station serves.
    pub(super) async fn move_objects(&self, who: &Who, asked: &ObjectsAt) -> Result<ObjectsStatus, Refusal> {
        let place = place(asked)?;
        // A place that can't do it is found before anything is there.
        if self.store().object_place().await?.is_some_and(|now| now.main != place) {
            self.images.objects().try_out(&place).await?;
        }
        self.store().move_objects(&place, now()).await?.map_err(|why| refused(why, &place))?;
        self.objects_changed(who, "objects.move", &place.to_string()).await
    }

    /// Removes what was left in a place.
    pub(super) async fn remove_objects(
        &self,
        who: &Who,
        asked: &ObjectsAt,
    ) -> Result<ObjectsStatus, Refusal> {
        let place = place(asked)?;
        self.store().remove_objects(&place).await?.map_err(|why| match why {
            PlaceRefused::Already | PlaceRefused::Moving => {
                Refusal::conflict(format!("{place} is in use: nothing is removed there"))
            }
            why => refused(why, &place),
        })?;
        self.objects_changed(who, "objects.remove", &place.to_string()).await
    }

    /// Waits no more for a station that doesn't come back.
    pub(super) async fn forget_objects_of(
        &self,
        who: &Who,
        asked: &ObjectsWithout,
    ) -> Result<ObjectsStatus, Refusal> {
        let known = self.store().forget_objects_of(&asked.station, now()).await?;
        let known = known.map_err(|why| match why {
            StationRefused::Unknown => Refusal::missing("there is no such station beside this one")
                .with_hint("Give its key, or at least 8 characters of its beginning."),
            StationRefused::Own => Refusal::conflict("this is the station that was asked"),
            StationRefused::There => Refusal::conflict("this station was heard within the last 10 minutes")
                .with_hint(
                    "Stop it first. What its directory has and no other place has is lost for boards.",
                ),
        })?;
        self.objects_changed(who, "objects.forget", &known).await
    }

    async fn objects_changed(&self, who: &Who, what: &str, subject: &str) -> Result<ObjectsStatus, Refusal> {
        self.did(who, what, subject).await;
        self.changes.tell(Thing::Settings, "objects", None);
        self.move_bell.notify_one();
        self.objects_status().await
    }

    /// Moves what is to be moved, and removes what is to be removed, as long as the station serves.
    pub(super) async fn follow_objects(self: Arc<Self>) {
        let mut each = tokio::time::interval(LOOK);
        each.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut mover = Mover::default();
        loop {
            tokio::select! {
                _ = each.tick() => {}
                () = self.move_bell.notified() => {}
                () = self.ending.cancelled() => return,
            }
            let work = async {
                if let Err(error) = self.move_on(&mut mover).await {
                    tracing::warn!(error = chain(&*error), "the objects' place can't be looked at");
                    tokio::time::sleep(AGAIN).await;
                }
                self.remove_on().await;
            };
            tokio::select! {
                () = work => {}
                () = self.ending.cancelled() => return,
            }
        }
    }

    async fn move_on(&self, mover: &mut Mover) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Some(places) = self.store().object_place().await? else { return Ok(()) };
        if mover.number != places.number {
            *mover = Mover { number: places.number, ..Mover::default() };
        }
        let is_done = places.leaving.is_none() || mover.copied.done;
        if is_done && now().saturating_sub(mover.told) < THERE {
            return Ok(());
        }
        if is_done {
            mover.copied.done = true;
            self.tell_copied(mover).await?;
            return Ok(());
        }
        let pass = Pass::default();
        let before = mover.copied.clone();
        let sum = |mover: &mut Mover| {
            mover.copied.copied = before.copied + pass.copied();
            mover.copied.bytes = before.bytes + pass.bytes();
            mover.copied.damaged = pass.damaged();
        };
        let proved = std::mem::take(&mut mover.proved);
        let objects = self.images.objects().clone();
        let ended = {
            let copy = objects.copy(&pass, &proved);
            tokio::pin!(copy);
            loop {
                tokio::select! {
                    ended = &mut copy => break ended,
                    () = tokio::time::sleep(TELL) => {
                        sum(mover);
                        self.tell_copied(mover).await?;
                    }
                }
            }
        };
        mover.proved = proved;
        sum(mover);
        match ended {
            Ok(number) => {
                // What a pass has copied may have come while it went on: the next one finds nothing.
                let is_clean = number == Some(places.number) && pass.copied() == 0;
                mover.copied.done = is_clean;
                mover.copied.why = None;
                if self.tell_copied(mover).await? {
                    tracing::info!(place = %places.main, "all objects are in their new place");
                    self.changes.tell(Thing::Settings, "objects", None);
                } else if !is_clean {
                    self.move_bell.notify_one();
                }
            }
            Err(error) => {
                let text = why(&error);
                tracing::warn!(error = text, "objects can't be copied");
                mover.copied.why = Some(text);
                self.tell_copied(mover).await?;
                tokio::time::sleep(AGAIN).await;
            }
        }
        Ok(())
    }

    async fn tell_copied(&self, mover: &mut Mover) -> Result<bool, super::store::Error> {
        let now = now();
        let left = self.store().objects_copied(mover.number, &mover.copied, now).await?;
        mover.told = now;
        Ok(left)
    }

    async fn remove_on(&self) {
        let places = match self.store().objects_to_remove().await {
            Ok(places) => places,
            Err(error) => {
                tracing::warn!(%error, "it can't be looked which objects are to be removed");
                return;
            }
        };
        for place in places {
            let began = Instant::now();
            let ended = self.images.objects().empty_out(&place).await;
            let text = ended.as_ref().err().map(|error| why(error));
            match &ended {
                Ok(removed) => {
                    let seconds = began.elapsed().as_secs();
                    tracing::info!(%place, removed, seconds, "what was left there is removed");
                }
                Err(_) => tracing::warn!(%place, error = text, "what was left there can't be removed"),
            }
            if let Err(error) = self.store().objects_removed(&place, text.as_deref()).await {
                tracing::warn!(%error, %place, "that objects are removed can't be noted");
            }
            self.changes.tell(Thing::Settings, "objects", None);
            if text.is_some() {
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    /// What is to be said of the place of the objects.
    pub(super) async fn objects_facts(&self) -> ObjectFacts {
        let looked = tokio::time::timeout(GLANCE, self.images.objects().look()).await;
        let away = match looked {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some((why(&error), error.hint())),
            Err(_) => Some((format!("no answer within {} s", GLANCE.as_secs()), None)),
        };
        let Ok(status) = self.objects_status().await else {
            return ObjectFacts { away, ..ObjectFacts::default() };
        };
        let mut images = 0;
        for backups in [false, true] {
            images += self.store().shelf(backups).await.map_or(0, |shelf| shelf.damaged);
        }
        let stations = status.moving.iter().flat_map(|moving| &moving.stations);
        ObjectFacts {
            away,
            images,
            stuck: stations.clone().find_map(|station| station.why.clone()),
            damaged: stations.map(|station| station.damaged).max().unwrap_or_default(),
            other: status.settings.map(|settings| (status.place, settings)),
        }
    }
}

/// What this station has done for a move.
#[derive(Debug, Default)]
struct Mover {
    number: i64,
    copied: ObjectCopied,
    proved: Proved,
    told: Time,
}
