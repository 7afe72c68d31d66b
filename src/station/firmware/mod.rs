//! EEPROMs of boards: images that come in, and what of them a board gets.

mod taken;

use sha2::{Digest as _, Sha256};

use super::bootd::Offer;
use super::store::{self, Asked, LastEeprom};
use super::web::Refusal;
use super::{Station, acts, now};
use crate::board::Model;
use crate::device_api::{Action, Aim, Role};
use crate::eeprom::own::{Board as Known, By, Decided, Own, Refused, decide};
use crate::eeprom::update::{SIGNATURE, UPDATE};
use crate::eeprom::{Image, Sig};
use crate::error::Explain as _;
use crate::format::hex;
use crate::image::files::FatFile;
use crate::station_api::{
    Board, BoardChange, BootdState, EepromHad, EepromOtherwise, EepromRun, EepromState, Held, Job, JobState,
    JobsAsked, Plan, ProjectEeprom, RuleTest, Thing, What,
};
pub(super) use taken::{LONGEST_PACKAGE, Wanted};

/// What is to be done with the EEPROM of a job's board.
pub(super) struct Work {
    /// For the record.
    pub(super) told: EepromRun,
    /// Where something is written.
    pub(super) own: Option<Box<Own>>,
    /// Why the board isn't touched.
    pub(super) refused: Option<Refused>,
    /// Where a board can't have it, its job goes on.
    pub(super) go_on: bool,
}

impl Work {
    /// The files for the boot partition, where it gets there by them.
    pub(super) fn files(&self, job: &Job) -> Vec<FatFile> {
        let Some(own) = self.own.as_ref().filter(|own| own.by == By::BootPartition) else {
            return Vec::new();
        };
        let file = |path: &str, bytes: Vec<u8>| FatFile { path: path.to_owned(), bytes };
        let signature = signature(&own.image, job, None).into_bytes();
        vec![file(UPDATE, own.image.bytes().to_vec()), file(SIGNATURE, signature)]
    }
}

/// What makes a bootloader take an image: it takes only what is newer than its last update (`after`, in seconds since 1970).
fn signature(image: &Image, job: &Job, after: Option<u64>) -> String {
    let made = u64::try_from(job.made / 1000).unwrap_or_default();
    let soc = image.family().chip().trim_start_matches("BCM").to_owned();
    let sig = image.sig(made.max(after.map_or(0, |after| after.saturating_add(1))));
    Sig { target_soc: Some(soc), ..sig }.to_string()
}

/// What is to be done in an attempt after one that has offered its board an image over the network.
fn after_offer(asked: &ProjectEeprom, last: LastEeprom, this: Option<&str>) -> Work {
    let go_on = asked.otherwise == EepromOtherwise::GoOn;
    let mut told = last.eeprom;
    if this != Some(last.run.as_str()) {
        told.earlier = Some(told.earlier.unwrap_or(last.run));
    }
    let refused = match told.state {
        // Seen when it registered; or left out, in an attempt between these.
        EepromState::Seen | EepromState::Skipped => None,
        _ => {
            told.why = Refused::NotTaken.to_string();
            told.state = if go_on { EepromState::Skipped } else { EepromState::Failed };
            (!go_on).then_some(Refused::NotTaken)
        }
    };
    Work { told, own: None, refused, go_on }
}

impl Station {
    /// What is to be done with the EEPROM of a job's board; `None` where its project says nothing of it.
    pub(super) async fn eeprom_of(&self, job: &Job) -> Result<Option<Work>, Refusal> {
        let plan = self.store().plan(&job.id).await?;
        let asked = plan.project.and_then(|project| project.eeprom);
        let (Some(asked), Some(sha256), Action::Deploy) = (asked, plan.firmware, job.action) else {
            return Ok(None);
        };
        let board = self.store().board(&job.board).await?;
        let last = self.store().eeprom_last(&job.board).await?;
        let last = match last {
            Some(last) if last.eeprom.network && last.job.as_ref() == Some(&job.id) => {
                let this = job.run.as_deref();
                // In the attempt that offers it, it is offered however often that is asked.
                if this != Some(last.run.as_str()) || last.eeprom.state != EepromState::Offered {
                    return Ok(Some(after_offer(&asked, last, this)));
                }
                None
            }
            last => last,
        };
        let begun = last.filter(|last| last.eeprom.is_open()).map(|last| (last.run, last.eeprom));
        self.eeprom_for(&asked, &sha256, &board, &job.target, begun).await.map(Some)
    }

    /// Whether a board can have the EEPROM of what is asked for. So a person is told at once what the board would be told
    /// else.
    pub(super) async fn can_have_eeprom(&self, asked: &Asked, plan: &Plan) -> Result<(), Refusal> {
        let eeprom = plan.project.as_ref().and_then(|project| project.eeprom.as_ref());
        let (Some(eeprom), Some(sha256)) = (eeprom, &plan.firmware) else { return Ok(()) };
        let board = self.store().board(&asked.board).await?;
        if board.facts.as_ref().is_none_or(|facts| facts.agent.is_empty()) {
            // It hasn't told anything yet.
            return Ok(());
        }
        match self.eeprom_for(eeprom, sha256, &board, &asked.target, None).await?.refused {
            None => Ok(()),
            Some(why) => Err(refusal(&why)),
        }
    }

    /// `begun`: what an attempt before this one was to write, and of which nobody has told how it ended, with its run's name.
    async fn eeprom_for(
        &self,
        asked: &ProjectEeprom,
        sha256: &str,
        board: &Board,
        target: &[Role],
        begun: Option<(String, EepromRun)>,
    ) -> Result<Work, Refusal> {
        let bytes = self.store().firmware_bytes(sha256).await?;
        let image = Image::parse(bytes).map_err(|error| Refusal::meaningless(error.to_string()))?;
        let facts = board.facts.as_ref();
        let told = facts.and_then(|facts| facts.eeprom.as_ref());
        let model = facts.and_then(|facts| facts.revision).and_then(Model::of_revision);
        let known = Known {
            model: model.or_else(|| board.model.as_deref().and_then(Model::told)),
            told,
            target: disk(board, target),
            begun: begun.as_ref().and_then(|(_, run)| run.sha256.as_deref()),
            network: self.has_started(board),
        };
        let go_on = asked.otherwise == EepromOtherwise::GoOn;
        let decided = decide(asked, &image, known);
        let mut run = EepromRun {
            built: image.built(),
            before: EepromHad {
                built: told.and_then(|told| told.built),
                version: told.and_then(|told| told.version.clone()),
                sha256: None,
            },
            ..EepromRun::skipped(&asked.firmware)
        };
        Ok(match decided {
            Ok(Decided::Nothing(why)) => {
                run.why = why;
                Work { told: run, own: None, refused: None, go_on }
            }
            Ok(Decided::Write(own)) => {
                run.sha256 = Some(hex(&Sha256::digest(own.image.bytes())));
                run.config = Some(hex(&Sha256::digest(own.conf.text().as_bytes())));
                let lines = own.conf.changes().iter().map(|change| match (&change.before, &change.after) {
                    (_, Some(after)) => format!("+ {after}"),
                    (before, None) => format!("- {}", before.as_deref().unwrap_or_default()),
                });
                run.changes = lines.collect();
                run.notes.clone_from(&own.notes);
                run.state = match own.by {
                    By::Flash => EepromState::Waiting,
                    By::BootPartition => EepromState::HandedOver,
                    By::Network => EepromState::Offered,
                };
                run.network = own.by == By::Network;
                // The same image again: what the board had before stands in the record of the first attempt.
                if let Some((name, earlier)) = begun.filter(|(_, earlier)| earlier.sha256 == run.sha256)
                    && own.by == By::Flash
                {
                    run.before = earlier.before;
                    run.earlier = Some(earlier.earlier.unwrap_or(name));
                }
                Work { told: run, own: Some(own), refused: None, go_on }
            }
            Err(why) => {
                (run.state, run.why) = (EepromState::Refused, why.to_string());
                Work { told: run, own: None, refused: Some(why), go_on }
            }
        })
    }

    /// Whether the board was started over the network by what this station speaks to.
    fn has_started(&self, board: &Board) -> bool {
        let known = self.privileged.known();
        let by_network = board.facts.as_ref().is_some_and(|facts| facts.boot.as_deref() == Some("network"));
        by_network
            && !board.macs.is_empty()
            && known.state == BootdState::Serving
            && known.interface.is_some()
    }

    /// Offers a job's board an image over the network, and waits until what boots boards has it.
    ///
    /// # Errors
    /// Why it hasn't.
    pub(super) async fn offer_eeprom(&self, job: &Job, own: &Own) -> Result<(), String> {
        let failed = |error: store::Error| crate::error::chain(&error);
        let board = self.store().board(&job.board).await.map_err(failed)?;
        // It starts again, and one that is done or had one boot only would fall to its disk.
        if board.held != Held::Armed {
            let change = BoardChange { held: Some(Held::Once), ..BoardChange::default() };
            self.store().change_board(&board.id, &change).await.map_err(failed)?;
        }
        self.put_offer(job, &board, own);
        self.changes.tell(Thing::Board, &board.id, Some(&board.id));
        let there = self.privileged.offers.until_there(&job.id).await;
        if there.is_err() {
            self.privileged.offers.remove(&job.id);
        }
        there
    }

    fn put_offer(&self, job: &Job, board: &Board, own: &Own) {
        let told = board.facts.as_ref().and_then(|facts| facts.eeprom.as_ref());
        self.privileged.offers.put(Offer {
            job: job.id.clone(),
            run: job.run.clone().unwrap_or_default(),
            boards: board.macs.clone(),
            image: own.image.bytes().into(),
            signature: signature(&own.image, job, told.and_then(|told| told.updated)),
        });
    }

    /// Offers again what boards were offered before the station started: a board that is starting just then would find
    /// nothing, and its job would fail.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn recall_offers(&self) -> Result<(), Refusal> {
        let mut asked =
            JobsAsked { state: Some(JobState::Running), limit: Some(500), ..JobsAsked::default() };
        loop {
            let jobs = self.store().jobs(&asked).await?;
            for job in &jobs.items {
                if let Err(refusal) = self.recall_offer(job).await {
                    let why = refusal.detail();
                    tracing::warn!(why, job = job.id, "a board isn't offered its EEPROM image again");
                }
            }
            asked.after = jobs.next;
            if asked.after.is_none() {
                return Ok(());
            }
        }
    }

    async fn recall_offer(&self, job: &Job) -> Result<(), Refusal> {
        let Some(run) = &job.run else { return Ok(()) };
        let (_, record) = self.store().run_line(run).await?;
        if EepromRun::of(&record.detail).is_none_or(|eeprom| eeprom.state != EepromState::Offered) {
            return Ok(());
        }
        let work = self.eeprom_of(job).await?;
        if let Some(own) = work.and_then(|work| work.own).filter(|own| own.by == By::Network) {
            let board = self.store().board(&job.board).await?;
            self.put_offer(job, &board, &own);
        }
        Ok(())
    }

    /// What the rules say of a board, with what would become of its EEPROM.
    pub(super) async fn test_rules(&self, board: &Board) -> Result<RuleTest, Refusal> {
        let unfit = self.unfit(&board.id, true).await?;
        let mut test = self.store().test_rules(&board.id, unfit.as_ref()).await?;
        if !self.room().begins_jobs() {
            test.but.push("the station's disk has too little room left, and rules start nothing".to_owned());
        }
        if let Some(What::Project { project }) = &test.what {
            let project = self.store().project(project).await?;
            if let Some(asked) = project.eeprom {
                let sha256 = self.store().firmware(&asked.firmware).await?.sha256;
                let work = self.eeprom_for(&asked, &sha256, board, &project.target, None).await?;
                test.eeprom = Some(work.told.would());
            }
        }
        Ok(test)
    }

    /// A board that has started again tells its bootloader: where that is the one that was handed over or offered, its record
    /// says so.
    pub(super) async fn eeprom_seen(&self, board: &Board) -> Result<(), Refusal> {
        let told = board.facts.as_ref().and_then(|facts| facts.eeprom.as_ref());
        let Some(told) = told.filter(|told| told.built.is_some()).cloned() else { return Ok(()) };
        let config = told.config.as_ref().map(|text| hex(&Sha256::digest(text.as_bytes())));
        let is = move |run: &EepromRun| {
            let same = run.built == told.built && (config.is_none() || config == run.config);
            // Of one that had this bootloader before, only its configuration tells that it is another one.
            same && (run.before.built != run.built || config.is_some())
        };
        if let Some(run) = self.store().eeprom_seen(&board.id, &is, now()).await? {
            self.changes.tell(Thing::Run, &run, Some(&board.id));
        }
        Ok(())
    }

    /// Whether a job whose client knows of no EEPROM goes on all the same: its project has none, or says so. The record has it
    /// then.
    pub(super) async fn eeprom_left_out(
        &self,
        job: &Job,
        plan: &crate::station_api::Plan,
    ) -> Result<bool, Refusal> {
        let asked = plan.project.as_ref().and_then(|project| project.eeprom.as_ref());
        let Some(asked) = asked.filter(|_| plan.firmware.is_some()) else { return Ok(true) };
        if asked.otherwise == EepromOtherwise::Fail {
            return Ok(false);
        }
        let why = "the board's client is a shell client, which writes none".to_owned();
        let told = EepromRun { why, ..EepromRun::skipped(&asked.firmware) };
        if let Some(run) = &job.run {
            self.store().put_eeprom(run, &told).await?;
        }
        Ok(true)
    }
}

fn refusal(why: &Refused) -> Refusal {
    let refusal = Refusal::meaningless(format!("the project's EEPROM: {why}"));
    match why.hint() {
        Some(hint) => refusal.with_hint(hint),
        None => refusal,
    }
}

/// The disk that a job writes, as the board's client chooses it; `None` where that isn't known.
fn disk(board: &Board, target: &[Role]) -> Option<Role> {
    match acts::fit::disk(board, target) {
        // A simulated board's file stands for whatever disk is asked for.
        Aim::One(disk) if disk.role == Role::File => target.first().copied().or(Some(disk.role)),
        Aim::One(disk) => Some(disk.role),
        Aim::Several(_) | Aim::Nothing => None,
    }
}
