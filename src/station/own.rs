//! Images of jobs that have something of their board's own in them.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use axum::body::Bytes;

use super::first_boot::wanted;
use super::images::{self, Own, Stored};
use super::shell::scriptexecute;
use super::store::Asked;
use super::web::Refusal;
use super::{Station, first_boot, now};
use crate::device_api::Action;
use crate::error::{Explain as _, chain};
use crate::firstboot;
use crate::image::chunk::Digest;
use crate::image::files::{FatFile, Patch, PatchedReadAt};
use crate::image::read_at::ReadAt;
use crate::run::FirstBoot;
use crate::station_api::{FirstBootSettings, Image, ImageState, Job, Plan, Time};

/// Why the image of a job can't have its board's settings.
fn refused(image: &Image, why: &firstboot::Error) -> Refusal {
    let refusal =
        Refusal::meaningless(format!("first-boot settings and the image `{}`: {}", image.name, chain(why)));
    match why.hint() {
        Some(hint) => refusal.with_hint(hint),
        None => refusal,
    }
}

impl Station {
    /// The image of a job with what is its board's own; `None` where it has nothing of that.
    pub(super) async fn own(&self, job: &Job, image: &Image) -> Result<Option<Arc<Own>>, Refusal> {
        if let Some(own) = self.owns.get(&job.id) {
            return Ok(Some(own));
        }
        let plan = self.store().plan(&job.id).await?;
        // Most projects have neither: that costs no look at an image.
        let files = self.beside(job, &plan).await?;
        if plan.first_boot.is_empty() && files.is_empty() {
            return Ok(None);
        }
        let own = Arc::new(self.make_own((&job.id, job.made), &plan.first_boot, files, image).await?);
        self.owns.put(&job.id, &own);
        Ok(Some(own))
    }

    /// Files that stand on a job's boot partition beside its settings.
    async fn beside(&self, job: &Job, plan: &Plan) -> Result<Vec<FatFile>, Refusal> {
        let eeprom = if plan.firmware.is_some() { self.eeprom_of(job).await? } else { None };
        Ok(eeprom.map_or_else(Vec::new, |eeprom| eeprom.files(job)))
    }

    /// Puts settings into an image, in memory. `job`: its name, and when it was made.
    async fn make_own(
        &self,
        job: (&str, Time),
        settings: &FirstBootSettings,
        files: Vec<FatFile>,
        image: &Image,
    ) -> Result<Own, Refusal> {
        self.with_settings(job, settings, files, image, |stored, patches, kept| {
            Own::make(stored, patches, kept).map_err(Refusal::from)
        })
        .await
    }

    /// All of a job's image as its board has it on its disk, to be read on a thread that may wait.
    pub(super) async fn as_written(&self, job: &Job, image: &Image) -> Result<Arc<dyn ReadAt>, Refusal> {
        let plan = self.store().plan(&job.id).await?;
        let files = self.beside(job, &plan).await?;
        if plan.first_boot.is_empty() && files.is_empty() {
            return Ok(self.images.stored(image).await? as _);
        }
        self.with_settings((&job.id, job.made), &plan.first_boot, files, image, |stored, patches, _| {
            let stored: Arc<dyn ReadAt> = Arc::clone(stored) as _;
            Ok(Arc::new(PatchedReadAt::new(stored, patches)) as Arc<dyn ReadAt>)
        })
        .await
    }

    async fn with_settings<T: Send + 'static>(
        &self,
        (job, made): (&str, Time),
        settings: &FirstBootSettings,
        files: Vec<FatFile>,
        image: &Image,
        then: impl FnOnce(&Arc<Stored>, &[Patch], Option<FirstBoot>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let wrong = |wrong: first_boot::Wrong| Refusal::meaningless(format!("first_boot: {wrong}"));
        let wanted = match settings.is_empty() {
            true => None,
            false => Some(wanted(job, made, settings).map_err(wrong)?),
        };
        let time = u64::try_from(made / 1000).unwrap_or_default();
        let stored = self.images.stored(image).await?;
        let named = image.clone();
        let made = tokio::task::spawn_blocking(move || {
            let base: Arc<dyn ReadAt> = Arc::clone(&stored) as _;
            let bad = |why: firstboot::Error| refused(&named, &why);
            let Some(wanted) = wanted else {
                let patches = firstboot::put(&base, &files, time).map_err(bad)?;
                return then(&stored, &patches, None);
            };
            let made = firstboot::prepare_with(&base, &wanted, files).map_err(bad)?;
            then(&stored, &made.patches, Some(made.kept()))
        });
        let broken = |error| Refusal::from(images::Error::Read(io::Error::other(error)));
        made.await.map_err(broken)?
    }

    /// Whether the image of what is asked for can have its settings. So a person is told at once what a board would find out
    /// else.
    pub(super) async fn can_have(&self, asked: &Asked) -> Result<(), Refusal> {
        if asked.project.is_none() || asked.action != Action::Deploy {
            return Ok(());
        }
        let plan = self.store().would(asked).await?;
        self.can_have_eeprom(asked, &plan).await?;
        self.can_have_settings(asked, &plan).await
    }

    /// The same of its image alone: a board is told of its EEPROM by its job, which changes nothing then.
    pub(super) async fn can_have_image(&self, asked: &Asked) -> Result<(), Refusal> {
        let facts = self.store().board(&asked.board).await?.facts;
        if facts.is_some_and(|facts| facts.agent == scriptexecute::AGENT) {
            return Err(Refusal::meaningless(scriptexecute::NO_SETTINGS));
        }
        let plan = self.store().would(asked).await?;
        self.can_have_settings(asked, &plan).await
    }

    async fn can_have_settings(&self, asked: &Asked, plan: &Plan) -> Result<(), Refusal> {
        let Some(image) = asked.image.as_ref().filter(|_| !plan.first_boot.is_empty()) else { return Ok(()) };
        let image = self.store().image(image).await?;
        if image.state != ImageState::Ready {
            // That it isn't is told where the job is made.
            return Ok(());
        }
        self.can_take(&plan.first_boot, &image).await
    }

    /// Whether an image can have these settings.
    pub(super) async fn can_take(&self, settings: &FirstBootSettings, image: &Image) -> Result<(), Refusal> {
        self.make_own(("", now()), settings, Vec::new(), image).await.map(drop)
    }

    /// A chunk of a job's image. `has`: its name was looked for among those of the job.
    pub(super) async fn chunk_of(&self, job: &str, id: Digest) -> Result<Bytes, Refusal> {
        // Of nearly all jobs nothing is their own: that costs no look into the database.
        if self.owns.has(job) {
            let own = match self.owns.get(job) {
                Some(own) => Some(own),
                None => {
                    let job = self.store().job(job).await?;
                    let image = job.image.clone().unwrap_or_default();
                    self.own(&job, &self.store().image(&image).await?).await?
                }
            };
            if let Some(own) = own
                && let Some(bytes) = self.images.own_chunk(&own, id).await?
            {
                return Ok(bytes);
            }
        }
        self.chunk_bytes(id).await
    }

    /// The index of a job's image as bytes, and its name.
    pub(super) async fn index_of(&self, job: &Job, image: &Image) -> Result<(String, Bytes), Refusal> {
        let Some(own) = self.own(job, image).await? else {
            return Ok((image.index.clone(), self.index_bytes(image).await?));
        };
        let index = own.index(self.images.stored(image).await?.index());
        let bytes = index.encode().map_err(images::Error::from)?;
        Ok((own.name.to_string(), bytes.into()))
    }

    /// The names of all chunks that a job may fetch. `own`: its image, where it has something of its board's own in it.
    pub(super) async fn names_of(
        &self,
        image: &Image,
        own: Option<&Own>,
    ) -> Result<HashSet<Digest>, Refusal> {
        let mut chunks = self.chunks_of(image).await?;
        chunks.extend(own.into_iter().flat_map(Own::chunks));
        Ok(chunks)
    }
}
