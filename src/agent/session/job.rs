//! One job, from its manifest to the result that the station has acknowledged.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::progress::Told;
use super::source::{Remote, patience};
use super::{Disks, Error, Session, patient, patient_telling};
use crate::agent::deploy::deploy_keeping;
use crate::agent::disk::{BlockDisk, find_here, pick};
use crate::agent::error::Failure;
use crate::agent::kept;
use crate::agent::leds::Light;
use crate::agent::{self, Deployed, Sum};
use crate::device_api::{
    Action, CAN, Disk, EEPROM, End, Health, Manifest, Outcome, Role, SCRIPTS, SIGNATURE, VERSION, Work,
    is_signed,
};
use crate::error::Explain as _;
use crate::format::hex;
use crate::http::Client;
use crate::image::chunk::{Digest, Index};
use crate::image::read_at::ReadAt as _;
use crate::run::Stage;
use crate::stop::Stop;

/// An index of the largest image is shorter.
const INDEX: u64 = 512 << 20;
/// A job's name in a path: the station's names need no escaping.
fn checked(job: &str) -> Result<&str, Error> {
    let fine =
        !job.is_empty() && job.len() <= 64 && job.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    fine.then_some(job)
        .ok_or_else(|| Error::Manifest { what: "the job's name has odd characters".to_owned() })
}

/// How a job ended, and whether anybody wants to know.
pub(super) struct Ended {
    outcome: Outcome,
    end: Option<End>,
}

impl Session<'_> {
    /// Does a job. What is to come after it, where it is done.
    pub(super) fn work(&self, work: &Work) -> Result<Option<End>, Error> {
        let client = self.client()?.with_token(&work.token)?;
        let path = format!("{}/jobs/{}", super::BASE, checked(&work.job)?);
        let manifest = self.manifest(&client, &path, work)?;
        let action = match manifest.action {
            Action::Deploy => "deploy",
            Action::Backup => "backup",
            Action::Reboot => "reboot",
            Action::PowerOff => "power off",
        };
        (self.say)(&format!("job {}: {action}", work.job));
        self.leds.show(Light::Works);
        let before = self.health();
        let stop = self.stop.child().map_err(Error::System)?;
        let ended = match manifest.action {
            Action::Deploy => self.with_progress(&client, &path, work, &stop, |told| {
                self.deploy(work, &path, &manifest, &stop, told)
            })?,
            Action::Backup => self.with_progress(&client, &path, work, &stop, |told| {
                self.backup(&work.token, &path, &manifest, &stop, told)
            })?,
            Action::Reboot => done(End::Reboot),
            Action::PowerOff => done(End::PowerOff),
        };
        let Some(mut ended) = ended else {
            (self.say)("another one has this job now");
            return Ok(None);
        };
        ended.outcome.fence = work.fence;
        (ended.outcome.before, ended.outcome.after) = (before, self.health());
        match &ended.outcome.failed {
            None if is_read_back(&ended.outcome) => (self.say)("done, read back and equal"),
            None => (self.say)("done"),
            Some(why) => (self.say)(&format!("failed: {why}")),
        }
        self.leds.show(if ended.outcome.failed.is_none() { Light::Done } else { Light::Failed });
        // Until it is on the station's disk.
        let mut pauses =
            crate::http::Pauses::new(Duration::from_millis(250), Duration::from_secs(15), u32::MAX);
        let told = patient_telling(&mut pauses, self.stop, self.say, || {
            client.post(&format!("{path}/result")).send_json(&ended.outcome).map(drop)
        });
        match told {
            Ok(()) => Ok(ended.end),
            Err(error) if error.status().is_some() => {
                (self.say)(&format!("the station doesn't take the result: {error}"));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// How the board feels; `None` where nothing tells.
    fn health(&self) -> Option<Health> {
        Some(Health::of(&(self.facts)())).filter(|health| *health != Health::default())
    }

    fn manifest(&self, client: &Client, path: &str, work: &Work) -> Result<Manifest, Error> {
        let mut pauses = patience();
        let (signature, bytes) = patient_telling(&mut pauses, self.stop, self.say, || {
            // It says what it can do: a job that needs more isn't given to it.
            let reply =
                client.get(&format!("{path}/manifest")).header(CAN, &format!("{SCRIPTS} {EEPROM}")).send()?;
            let signature = reply.header(SIGNATURE).unwrap_or_default().to_owned();
            Ok((signature, reply.bytes(1 << 20)?))
        })?;
        let wrong = |what: &str| Err(Error::Manifest { what: what.to_owned() });
        if !is_signed(&self.station_key()?, &bytes, &signature) {
            return wrong("it isn't signed by this station");
        }
        let Ok(manifest) = serde_json::from_slice::<Manifest>(&bytes) else {
            return wrong("it makes no sense");
        };
        if manifest.api != VERSION {
            return wrong("it has another version");
        }
        if manifest.key != self.identity.public() || manifest.job != work.job || manifest.fence != work.fence
        {
            return wrong("it is for another board or another job");
        }
        Ok(manifest)
    }

    fn deploy(&self, work: &Work, path: &str, manifest: &Manifest, stop: &Stop, told: &Told<'_>) -> Ended {
        let mut device = None;
        let mut eeprom = None;
        let (done, result) = if manifest.scripts.is_empty() {
            match self.deploy_to(&work.token, path, manifest, stop, told, &mut device) {
                Ok(done) => (Some(done), Ok(())),
                Err(failure) => (None, Err(failure)),
            }
        } else {
            self.deploy_with_scripts(work, path, manifest, stop, told, &mut device)
        };
        let result =
            result.and_then(|()| self.write_eeprom((&work.token, path), manifest, stop, told, &mut eeprom));
        let mut outcome = match result {
            Ok(()) => Outcome { device, ..nothing() },
            Err(failure) => failed(&failure, device),
        };
        // What was proved is told also where a script has failed behind it.
        if let Some(done) = done {
            outcome = Outcome {
                read_back_sha256: done.read_back.sha256().map(|digest| hex(&digest)),
                read_back_chunks: done.read_back.chunks().map(|digest| digest.to_string()),
                written: done.written,
                kept: done.kept,
                fetched: done.fetched,
                eeprom,
                ..outcome
            };
        }
        ended(outcome, manifest.end)
    }

    pub(super) fn deploy_to(
        &self,
        token: &str,
        path: &str,
        manifest: &Manifest,
        stop: &Stop,
        told: &Told<'_>,
        device: &mut Option<String>,
    ) -> Result<Deployed, Failure> {
        let before = |error| Failure::untouched(Stage::Prepare)(error);
        let fetch = |what: String| {
            let kind = crate::error::Kind::BadData;
            before(agent::FetchError { what, kind, hint: None }.into())
        };
        let http = |error: crate::http::Error| before(agent::FetchError::of(&error).into());
        let disk = self.disk(&manifest.target, device).map_err(before)?;
        let Some(image) = &manifest.image else {
            return Err(fetch("the manifest names no image".to_owned()));
        };
        let client = self.client_with(stop).map_err(http)?.with_token(token).map_err(http)?;
        let Some(name) = Digest::parse(&image.index) else {
            return Err(fetch("the manifest names no index".to_owned()));
        };
        let bytes =
            patient(&mut patience(), stop, || client.get(&format!("{path}/index")).send()?.bytes(INDEX));
        let index =
            Index::decode_named(&bytes.map_err(http)?, name).map_err(|error| fetch(error.to_string()))?;
        // A station that doesn't tell that name takes a sha256 only.
        let sum = if image.chunks.is_some() { Sum::Chunks } else { Sum::Sha256 };
        let other_chunks = image.chunks.as_ref().is_some_and(|told| *told != index.content().to_string());
        if index.raw_len != image.raw_len || hex(&index.raw_sha256) != image.raw_sha256 || other_chunks {
            return Err(fetch("the index is that of another image than the manifest says".to_owned()));
        }
        let faster = self.faster(token, stop, told);
        let source = Remote { client, faster, job: path.to_owned(), index, sum };
        let kept = kept::owner(&(self.facts)()).and_then(|owner| kept::encode(&self.identity, &owner));
        deploy_keeping(&disk, &source, kept, stop, told)
    }

    /// The disk that is meant, opened.
    pub(super) fn disk(
        &self,
        target: &[Role],
        device: &mut Option<String>,
    ) -> Result<BlockDisk, agent::Error> {
        let path = self.path_of_disk(target, device)?;
        match &self.options.disks {
            Disks::Real => BlockDisk::open(&path),
            Disks::Files(_) => BlockDisk::open_file(&path),
        }
    }

    /// Where the disk is that is meant.
    pub(super) fn path_of_disk(
        &self,
        target: &[Role],
        device: &mut Option<String>,
    ) -> Result<PathBuf, agent::Error> {
        let disks = self.disks();
        // A file stands for whatever disk is asked for.
        let disk = match (&self.options.disks, disks.as_slice()) {
            (Disks::Files(_), [only]) => only,
            _ => pick(&disks, target)?,
        };
        *device = Some(disk.name.clone());
        Ok(match &self.options.disks {
            Disks::Real => Path::new("/dev").join(&disk.name),
            Disks::Files(files) => {
                let place = disks.iter().position(|other| other == disk).and_then(|n| files.get(n));
                place.cloned().unwrap_or_default()
            }
        })
    }

    /// The disks that there are.
    pub(super) fn disks(&self) -> Vec<Disk> {
        match &self.options.disks {
            Disks::Real => find_here(),
            Disks::Files(files) => {
                let mut told = (self.facts)().disks.into_iter();
                files.iter().map(|path| file(path, told.next())).collect()
            }
        }
    }
}

/// Whether it says what was read back.
const fn is_read_back(outcome: &Outcome) -> bool {
    outcome.read_back_sha256.is_some() || outcome.read_back_chunks.is_some()
}

/// A file that stands for a disk, which tells of itself what this one does.
fn file(path: &Path, like: Option<Disk>) -> Disk {
    let name = path.file_name().unwrap_or_default().to_string_lossy().chars().take(64).collect();
    // Also that of a block device.
    let size = std::fs::File::open(path).and_then(|file| file.size()).unwrap_or(0);
    let plain = Disk::new(name, Role::File, size);
    match like {
        None => plain,
        Some(like) => Disk { name: plain.name, role: plain.role, size, read_only: false, ..like },
    }
}

pub(super) const fn nothing() -> Outcome {
    Outcome {
        fence: 0,
        stage: Stage::Done,
        failed: None,
        kind: None,
        device: None,
        errno: None,
        read_back_sha256: None,
        read_back_chunks: None,
        from_memory: false,
        written: 0,
        kept: 0,
        fetched: 0,
        before: None,
        after: None,
        eeprom: None,
    }
}

pub(super) fn failed(failure: &Failure, device: Option<String>) -> Outcome {
    Outcome {
        stage: failure.stage,
        failed: Some(failure.to_string().chars().take(2000).collect()),
        kind: Some(failure.kind()),
        errno: failure.error.errno(),
        device,
        written: failure.amounts.written,
        kept: failure.amounts.kept,
        fetched: failure.amounts.fetched,
        ..nothing()
    }
}

pub(super) fn ended(outcome: Outcome, end: End) -> Ended {
    let end = outcome.failed.is_none().then_some(end);
    Ended { outcome, end }
}

const fn done(end: End) -> Option<Ended> {
    Some(Ended { outcome: nothing(), end: Some(end) })
}
