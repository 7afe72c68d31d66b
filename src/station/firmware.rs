//! EEPROMs of boards: images that come in, and what of them a board gets.

use sha2::{Digest as _, Sha256};

use super::store::{self, Asked};
use super::web::{Refusal, Who};
use super::{Station, acts, now};
use crate::board::Model;
use crate::device_api::{Action, Role};
use crate::eeprom::own::{Board as Known, By, Decided, Own, Refused, decide};
use crate::eeprom::update::{SIGNATURE, UPDATE};
use crate::eeprom::{Image, Sig};
use crate::error::Explain as _;
use crate::format::{hex, is_hidden};
use crate::image::files::FatFile;
use crate::station_api::{
    Board, EepromHad, EepromRun, EepromState, Firmware, Job, Plan, ProjectEeprom, RuleTest, Thing, What,
};

/// No image is longer.
pub(super) const LONGEST: usize = 2 << 20;

/// What is read in an image. What isn't one is refused.
fn read(name: &str, channel: Option<&str>, bytes: Vec<u8>) -> Result<(Firmware, Vec<u8>), Refusal> {
    let sha256 = hex(&Sha256::digest(&bytes));
    let bad = |error: crate::eeprom::Error| {
        let refusal = Refusal::meaningless(format!("it is no image of an EEPROM: {error}"));
        match error.hint() {
            Some(hint) => refusal.with_hint(hint),
            None => refusal,
        }
    };
    let image = Image::parse(bytes).map_err(bad)?;
    image.check_modules().map_err(bad)?;
    let bootconf = image.bootconf().map_err(bad)?.to_owned();
    if bootconf.contains(|char| !matches!(char, '\n' | '\r' | '\t') && is_hidden(char)) {
        return Err(Refusal::meaningless("its bootconf.txt has control characters"));
    }
    if channel.is_some_and(|channel| {
        channel.is_empty()
            || channel.len() > 32
            || !channel.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    }) {
        return Err(Refusal::meaningless("a channel has 1 to 32 letters, digits and hyphens"));
    }
    let told = Firmware {
        name: name.to_owned(),
        chip: image.family().chip().to_owned(),
        channel: channel.map(str::to_owned),
        built: image.built(),
        version: image.version().map(str::to_owned),
        mfg_ver: image.mfg_ver(),
        sha256,
        size: image.bytes().len() as u64,
        signed: image.is_signed() || image.is_counter_signed(),
        ab: image.is_ab(),
        bootconf,
        made: now(),
    };
    Ok((told, image.bytes().to_vec()))
}

/// What is to be done with the EEPROM of a job's board.
pub(super) struct Work {
    /// For the record.
    pub(super) told: EepromRun,
    /// Where something is written.
    pub(super) own: Option<Box<Own>>,
    /// Why the board isn't touched.
    pub(super) refused: Option<Refused>,
}

impl Work {
    /// The files for the boot partition, where it gets there by them.
    pub(super) fn files(&self, job: &Job) -> Vec<FatFile> {
        let Some(own) = self.own.as_ref().filter(|own| own.by == By::BootPartition) else {
            return Vec::new();
        };
        let soc = own.image.family().chip().trim_start_matches("BCM").to_owned();
        // A bootloader takes only what is newer than its last update.
        let sig = own.image.sig(u64::try_from(job.made / 1000).unwrap_or_default());
        let sig = Sig { target_soc: Some(soc), ..sig };
        let file = |path: &str, bytes: Vec<u8>| FatFile { path: path.to_owned(), bytes };
        vec![file(UPDATE, own.image.bytes().to_vec()), file(SIGNATURE, sig.to_string().into_bytes())]
    }
}

impl Station {
    /// Keeps an image.
    pub(super) async fn add_firmware(
        &self,
        who: &Who,
        name: &str,
        channel: Option<&str>,
        bytes: Vec<u8>,
    ) -> Result<Firmware, Refusal> {
        let (named, channel) = (name.to_owned(), channel.map(str::to_owned));
        let looked = tokio::task::spawn_blocking(move || read(&named, channel.as_deref(), bytes));
        let (told, bytes) = looked.await.map_err(|error| Refusal::meaningless(error.to_string()))??;
        let firmware = match self.store().add_firmware(&told, &bytes).await {
            Ok(firmware) => firmware,
            Err(error @ store::Error::Many { .. }) => return Err(Refusal::conflict(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        self.changed(who, "firmware.add", &firmware.name).await;
        Ok(firmware)
    }

    /// Removes an image.
    pub(super) async fn remove_firmware(&self, who: &Who, name: &str) -> Result<(), Refusal> {
        self.store().remove_firmware(name).await?;
        self.changed(who, "firmware.remove", name).await;
        Ok(())
    }

    /// What is to be done with the EEPROM of a job's board; `None` where its project says nothing of it.
    pub(super) async fn eeprom_of(&self, job: &Job) -> Result<Option<Work>, Refusal> {
        let plan = self.store().plan(&job.id).await?;
        let asked = plan.project.and_then(|project| project.eeprom);
        let (Some(asked), Some(sha256), Action::Deploy) = (asked, plan.firmware, job.action) else {
            return Ok(None);
        };
        let board = self.store().board(&job.board).await?;
        self.eeprom_for(&asked, &sha256, &board, &job.target).await.map(Some)
    }

    /// Whether a board can have the EEPROM of what is asked for. So a person is told at once what the board would be told
    /// else.
    pub(super) async fn can_have_eeprom(&self, asked: &Asked, plan: &Plan) -> Result<(), Refusal> {
        let eeprom = plan.project.as_ref().and_then(|project| project.eeprom.as_ref());
        let (Some(eeprom), Some(sha256)) = (eeprom, &plan.firmware) else { return Ok(()) };
        let board = self.store().board(&asked.board).await?;
        if board.facts.is_none() {
            // It hasn't told anything yet.
            return Ok(());
        }
        match self.eeprom_for(eeprom, sha256, &board, &asked.target).await?.refused {
            None => Ok(()),
            Some(why) => Err(refusal(&why)),
        }
    }

    async fn eeprom_for(
        &self,
        asked: &ProjectEeprom,
        sha256: &str,
        board: &Board,
        target: &[Role],
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
        };
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
                Work { told: run, own: None, refused: None }
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
                };
                Work { told: run, own: Some(own), refused: None }
            }
            Err(why) => {
                (run.state, run.why) = (EepromState::Refused, why.to_string());
                Work { told: run, own: None, refused: Some(why) }
            }
        })
    }

    /// What the rules say of a board, with what would become of its EEPROM.
    pub(super) async fn test_rules(&self, board: &Board) -> Result<RuleTest, Refusal> {
        let mut test = self.store().test_rules(&board.id).await?;
        if let Some(What::Project { project }) = &test.what {
            let project = self.store().project(project).await?;
            if let Some(asked) = project.eeprom {
                let sha256 = self.store().firmware(&asked.firmware).await?.sha256;
                let work = self.eeprom_for(&asked, &sha256, board, &project.target).await?;
                test.eeprom = Some(work.told.would());
            }
        }
        Ok(test)
    }

    /// A board that has started again tells its bootloader: where that is the one that was handed over, its record says so.
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
        if asked.otherwise == crate::station_api::EepromOtherwise::Fail {
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
    // A simulated board's file stands for whatever disk is asked for.
    if let ([only], [first, ..]) = (&board.disks[..], target)
        && only.role == Role::File
    {
        return Some(*first);
    }
    if target.is_empty() {
        return acts::fit::disk(board).map(|disk| disk.role);
    }
    let one = |role: &&Role| board.disks.iter().filter(|disk| disk.role == **role).count() == 1;
    target.iter().find(one).copied()
}
