//! EEPROMs of boards: images that come in, and what of them a board gets.

use std::path::{Path, PathBuf};

use axum::http::StatusCode;
use sha2::{Digest as _, Sha256};

use super::bootd::Offer;
use super::store::{self, Asked, LastEeprom};
use super::web::{Refusal, Who};
use super::{Station, acts, now};
use crate::board::Model;
use crate::debian::bootloaders;
use crate::device_api::{Action, Role};
use crate::eeprom::files::{self, Newest, OneOf};
use crate::eeprom::own::{Board as Known, By, Decided, Own, Refused, decide};
use crate::eeprom::update::{SIGNATURE, UPDATE};
use crate::eeprom::{Image, Sig};
use crate::error::{Explain as _, Kind};
use crate::format::{hex, is_hidden};
use crate::image::files::FatFile;
use crate::station_api::{
    Board, BoardChange, BootdState, EepromHad, EepromOtherwise, EepromRun, EepromState, Firmware, Held, HostFirmware,
    HostFirmwares, Job, ProjectEeprom, RuleTest, TakeFirmware, Thing, What,
};

/// No image is longer.
pub(super) const LONGEST: usize = 2 << 20;
/// Nor is a package with images; that of 2026 has 9 MB.
pub(super) const LONGEST_PACKAGE: usize = 32 << 20;

/// One at a time: what is unpacked, and what is read in a directory, is in memory.
static ONE_LOOK: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What an image has to be to be taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// The channel: of one image what people say of it, of a package the one that is looked for.
    pub(super) channel: Option<String>,
    /// The board that it is for.
    pub(super) board: Option<Model>,
}

impl Wanted {
    /// Of words of a form or a query; empty ones say nothing.
    pub(super) fn of(channel: Option<&str>, board: Option<&str>) -> Result<Self, Refusal> {
        let there = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let board = match there(board) {
            None => None,
            Some(text) => match Model::named(&text).filter(|model| model.family().is_some()) {
                Some(model) => Some(model),
                None => return Err(Refusal::meaningless("a board is 4, 400, cm4, cm4s, 5, 500 or cm5")),
            },
        };
        Ok(Self { channel: channel.map(str::to_owned), board })
    }
}

/// An image out of what somebody has sent, with its channel, and out of what it was taken.
fn chosen(bytes: Vec<u8>, wanted: &Wanted) -> Result<(Vec<u8>, Option<String>, Option<String>), Refusal> {
    if !bootloaders::is_package(&bytes) {
        if bytes.len() > LONGEST {
            let why = "the file is too long: an image of an EEPROM has 2 MiB at most";
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, Kind::BadData, why));
        }
        return Ok((bytes, wanted.channel.clone(), None));
    }
    let (newest, package) = bootloaders::newest(&bytes[..], Path::new("the package"))
        .map_err(|error| Refusal::meaningless(error.to_string()))?;
    if newest.is_empty() {
        return Err(Refusal::meaningless("no image of an EEPROM is in the package"));
    }
    let one = newest.one(wanted.channel.as_deref(), wanted.board.and_then(Model::family)).map_err(|error| {
        let refusal = Refusal::meaningless(format!("the package: {error}"));
        refusal.with_hint("say for which board, or of which channel")
    })?;
    let from = from(&format!("{package}: {}", one.path.display()));
    Ok((one.image.bytes().to_vec(), one.channel.map(|channel| channel.to_string()), Some(from)))
}

/// Out of what an image came, as it is kept: texts of packages and names of files may hold anything.
fn from(text: &str) -> String {
    text.chars().map(|char| if is_hidden(char) { '\u{fffd}' } else { char }).take(Firmware::LONGEST_FROM).collect()
}

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
        from: None,
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

/// Does what takes memory and time on a thread that may wait, one after the other.
async fn alone<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    let _one = ONE_LOOK.lock().await;
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Refusal::meaningless(error.to_string()))
}

/// The newest images of each chip and channel in a directory: path below it, what is read in it, its bytes. What the station
/// wouldn't take isn't told.
fn look_into(directory: &Path) -> Result<Vec<(String, Firmware, Vec<u8>)>, files::Error> {
    let mut newest = Newest::default();
    files::each(directory, &mut |path, bytes| newest.take(path, bytes))?;
    if newest.is_empty() {
        return Err(files::Error::NoImage { path: directory.to_owned() });
    }
    let one = |of: OneOf| {
        let file = of.path.strip_prefix(directory).ok()?.to_str()?.to_owned();
        let channel = of.channel.map(|channel| channel.to_string());
        let (told, bytes) = read("", channel.as_deref(), of.image.bytes().to_vec()).ok()?;
        (!file.contains(is_hidden)).then_some((file, told, bytes))
    };
    Ok(newest.all().into_iter().filter_map(one).collect())
}

impl Station {
    /// Keeps an image: the bytes of one, or the one of a package that is wanted.
    pub(super) async fn add_firmware(
        &self,
        who: &Who,
        name: &str,
        wanted: Wanted,
        bytes: Vec<u8>,
    ) -> Result<Firmware, Refusal> {
        let named = name.to_owned();
        let look = move || {
            let (bytes, channel, from) = chosen(bytes, &wanted)?;
            let (told, bytes) = read(&named, channel.as_deref(), bytes)?;
            if let Some(board) = wanted.board.filter(|board| board.family().is_some_and(|of| of.chip() != told.chip)) {
                return Err(Refusal::meaningless(format!("the image is for {}, and not for a {board}", told.chip)));
            }
            Ok((Firmware { from, ..told }, bytes))
        };
        let (told, bytes) = alone(look).await??;
        self.keep_firmware(who, &told, &bytes).await
    }

    /// What lies on the station's host.
    pub(super) async fn host_firmware(&self) -> Result<HostFirmwares, Refusal> {
        let Some(directory) = self.firmware_dir() else { return Ok(HostFirmwares::default()) };
        let told = Some(from(&directory.display().to_string()));
        let known = self.store().all_firmware().await?;
        let found = match alone(move || look_into(&directory)).await? {
            Ok(found) => found,
            Err(error) => {
                let why = Some(from(&error.to_string()));
                return Ok(HostFirmwares { directory: told, why, images: Vec::new() });
            }
        };
        let images = found.into_iter().map(|(file, image, _)| {
            let same = known.iter().find(|known| known.sha256 == image.sha256);
            let name = same.map(|same| same.name.clone()).unwrap_or_default();
            HostFirmware { file, image: Firmware { name, ..image } }
        });
        Ok(HostFirmwares { directory: told, why: None, images: images.collect() })
    }

    /// Keeps an image that lies on the station's host: one of those that [`Station::host_firmware`] tells.
    pub(super) async fn take_firmware(&self, who: &Who, take: TakeFirmware) -> Result<Firmware, Refusal> {
        let missing = || Refusal::missing("there is no such image on the station's host");
        let directory = self.firmware_dir().ok_or_else(missing)?;
        let from = from(&directory.join(&take.file).display().to_string());
        // What is named is looked for among what is there, and never opened by its name.
        let found = alone(move || look_into(&directory)).await?.map_err(|_| missing())?;
        let (_, image, bytes) = found.into_iter().find(|(file, ..)| *file == take.file).ok_or_else(missing)?;
        let told = Firmware { name: take.name, from: Some(from), made: now(), ..image };
        self.keep_firmware(who, &told, &bytes).await
    }

    fn firmware_dir(&self) -> Option<PathBuf> {
        self.options.settings.station.firmware_dir.value.clone()
    }

    async fn keep_firmware(&self, who: &Who, told: &Firmware, bytes: &[u8]) -> Result<Firmware, Refusal> {
        let firmware = match self.store().add_firmware(told, bytes).await {
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
    pub(super) async fn can_have_eeprom(&self, asked: &Asked) -> Result<(), Refusal> {
        if asked.project.is_none() || asked.action != Action::Deploy {
            return Ok(());
        }
        let plan = self.store().would(asked).await?;
        let eeprom = plan.project.and_then(|project| project.eeprom);
        let (Some(eeprom), Some(sha256)) = (eeprom, plan.firmware) else { return Ok(()) };
        let board = self.store().board(&asked.board).await?;
        if board.facts.is_none() {
            // It hasn't told anything yet.
            return Ok(());
        }
        match self.eeprom_for(&eeprom, &sha256, &board, &asked.target, None).await?.refused {
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
        by_network && !board.macs.is_empty() && known.state == BootdState::Serving && known.interface.is_some()
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
        let told = board.facts.as_ref().and_then(|facts| facts.eeprom.as_ref());
        self.privileged.offers.put(Offer {
            job: job.id.clone(),
            run: job.run.clone().unwrap_or_default(),
            boards: board.macs.clone(),
            image: own.image.bytes().into(),
            signature: signature(&own.image, job, told.and_then(|told| told.updated)),
        });
        self.changes.tell(Thing::Board, &board.id, Some(&board.id));
        let there = self.privileged.offers.until_there(&job.id).await;
        if there.is_err() {
            self.privileged.offers.remove(&job.id);
        }
        there
    }

    /// What the rules say of a board, with what would become of its EEPROM.
    pub(super) async fn test_rules(&self, board: &Board) -> Result<RuleTest, Refusal> {
        let mut test = self.store().test_rules(&board.id).await?;
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
