//! What a board does with its job.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::eeprom::Begun;
use super::scripts;
use crate::device_api::{
    Action, CAN, End, ImageRef, MOST_ENTERED, Manifest, Names, Orders, Outcome, Progress, SCRIPTS, SIGNATURE,
    VERSION,
};
use crate::error::Kind;
use crate::format::json::{self, json};
use crate::run::{Ending, Stage};
use crate::station::jobs::{Expected, claim, judge};
use crate::station::rates::Sample;
use crate::station::store::{self, Finished};
use crate::station::web::{Access, Call, JSON, Refusal, Row, Table};
use crate::station::{Station, now};
use crate::station_api::{Board, Image, ImageState, Job, JobState, Thing};

/// How often what is written or fetched may be as long as the image and the disk, and what is more in any case.
const TIMES: u64 = 16;
const SOME: u64 = 1 << 30;

pub(super) fn add_to(table: &mut Table) {
    let row =
        Row::get("/api/v1/device/jobs/{job}/manifest", Access::Board, "All of a job, signed by the station");
    table.add_stream_of::<Manifest, _, _, _>(row, None, manifest);
    let row =
        Row::post("/api/v1/device/jobs/{job}/progress", Access::Board, "How far a job is; renews its lease");
    table.add(row, progress);
    let row = Row::post("/api/v1/device/jobs/{job}/result", Access::Board, "How a job ended");
    table.add(row, result);
}

async fn manifest(call: Call, (): (), _: Body) -> Result<Response, Refusal> {
    let job = super::job_of(&call).await?;
    let station = &call.station;
    let board = station.store().board(&job.board).await?;
    let scripts = scripts::to_run(station, &job).await?;
    let can = call.headers.get(CAN).and_then(|can| can.to_str().ok()).unwrap_or_default();
    if !scripts.is_empty() && !can.split_ascii_whitespace().any(|word| word == SCRIPTS) {
        let why =
            "its project has scripts, and this board's client doesn't know of scripts; nothing was written";
        station.not_begun(&job, why).await?;
        return Err(
            Refusal::conflict(why).with_hint("put the station's own version of the agent onto the board")
        );
    }
    let words: Vec<&str> = can.split_ascii_whitespace().collect();
    let eeprom = match super::eeprom::begin(station, &job, &words).await? {
        Begun::Nothing => None,
        Begun::Write(eeprom) => Some(eeprom),
        Begun::StartAgain => return signed(station, &start_again(job, board)),
    };
    let image = match &job.image {
        None => None,
        Some(id) => {
            let image = station.store().image(id).await?;
            // Of a damaged one the board is told when it asks for its bytes, so that the job ends with the reason.
            if !matches!(image.state, ImageState::Ready | ImageState::Damaged) {
                return Err(Refusal::conflict(format!("the image `{}` is not ready", image.name)));
            }
            // Where its settings can't be put into it the board is told so when it asks for its index.
            match station.own(&job, &image).await {
                Ok(Some(own)) => Some(ImageRef {
                    name: image.name,
                    index: own.name.to_string(),
                    raw_len: image.raw_len,
                    raw_sha256: "0".repeat(64),
                    chunks: Some(own.content.to_string()),
                }),
                Ok(None) | Err(_) => {
                    let chunks = station.content_of(&image).await.ok().map(|content| content.to_string());
                    let Image { name, index, raw_len, raw_sha256, .. } = image;
                    Some(ImageRef { name, index, raw_len, raw_sha256, chunks })
                }
            }
        }
    };
    let values = station.store().plan(&job.id).await?.values;
    let names = Names {
        board: board.name.unwrap_or(board.id),
        run: job.run.unwrap_or_default(),
        project: job.project.unwrap_or_default(),
        slot: board.slot.unwrap_or_default(),
    };
    let manifest = Manifest {
        api: VERSION,
        job: job.id,
        fence: job.fence,
        key: board.key.unwrap_or_default(),
        action: job.action,
        image,
        target: job.target,
        end: job.end,
        values,
        scripts,
        eeprom,
        names,
    };
    signed(station, &manifest)
}

/// A board that is to start again, and has nothing else to do before it comes back.
fn start_again(job: Job, board: Board) -> Manifest {
    Manifest {
        api: VERSION,
        job: job.id,
        fence: job.fence,
        key: board.key.unwrap_or_default(),
        action: Action::Reboot,
        image: None,
        target: Vec::new(),
        end: End::Reboot,
        values: BTreeMap::default(),
        scripts: Vec::new(),
        eeprom: None,
        names: Names::default(),
    }
}

fn signed(station: &Station, manifest: &Manifest) -> Result<Response, Refusal> {
    let body = json::line(manifest)
        .map(String::into_bytes)
        .map_err(|error| Refusal::meaningless(error.to_string()))?;
    let signature = station.key().sign(&body);
    let headers = [(header::CONTENT_TYPE.as_str(), JSON.to_owned()), (SIGNATURE, signature)];
    Ok((headers, body).into_response())
}

async fn progress(call: Call, (): (), progress: Progress) -> Result<Orders, Refusal> {
    if progress.log.len() > 100 || progress.log.iter().any(|line| line.chars().count() > 500) {
        return Err(Refusal::meaningless("a log has 100 lines of 500 characters at most"));
    }
    if progress.entered.len() > MOST_ENTERED {
        return Err(Refusal::meaningless("`entered` has 32 steps at most"));
    }
    if progress.stage == Stage::Done || progress.entered.iter().any(|step| step.stage == Stage::Done) {
        return Err(Refusal::meaningless("a job that goes on isn't done: its end is a result"));
    }
    let job = super::job_of(&call).await?;
    let (image, disk) = lengths(&call.station, &job).await?;
    let most = most(image, disk);
    within("done", progress.done, most)?;
    within("total", progress.total.unwrap_or_default(), most)?;
    within("fetched", progress.fetched, most)?;
    let orders = call.station.store().renew(&job.id, &progress, now()).await?;
    if let Some(run) = &job.run {
        let stage = progress.stage.word().to_owned();
        call.station.rates.note(run, Sample { at: now(), stage, done: progress.done });
        call.station.changes.tell(Thing::Run, run, Some(&job.board));
    }
    Ok(orders)
}

/// Lengths of the image that a job writes, and of the largest disk that its board has told; 0 where there is none.
async fn lengths(station: &Station, job: &Job) -> Result<(u64, u64), Refusal> {
    let image = match &job.image {
        // It may have been removed.
        Some(id) => station.store().image(id).await.map_or(0, |image| image.raw_len),
        None => 0,
    };
    let board = station.store().board(&job.board).await?;
    Ok((image, board.disks.iter().map(|disk| disk.size).max().unwrap_or_default()))
}

/// So many bytes can go over a wire or onto a disk in one attempt: all of it, some of it again because of broken
/// connections, and zeros that a disk hadn't kept. What is more isn't a board's work, but a mistake or a lie.
fn most(image: u64, disk: u64) -> u64 {
    image.max(disk).saturating_mul(TIMES).saturating_add(SOME)
}

fn within(what: &str, told: u64, most: u64) -> Result<(), Refusal> {
    if told <= most.min(i64::MAX.unsigned_abs()) {
        return Ok(());
    }
    Err(Refusal::meaningless(format!("`{what}` is {told} bytes; this job can't have more than {most}")))
}

async fn result(call: Call, (): (), outcome: Outcome) -> Result<(), Refusal> {
    super::eeprom::check(&outcome)?;
    let long =
        |text: &Option<String>, most: usize| text.as_ref().is_some_and(|text| text.chars().count() > most);
    let digests = long(&outcome.read_back_sha256, 64) || long(&outcome.read_back_chunks, 64);
    if long(&outcome.failed, 2000) || long(&outcome.device, 64) || digests {
        return Err(Refusal::meaningless("a text is too long: 2000 characters, a device or a digest 64"));
    }
    if outcome.errno.is_some_and(|errno| !(1..=4095).contains(&errno)) {
        return Err(Refusal::meaningless("`errno` is 1 to 4095, and is left out where there is none"));
    }
    if [&outcome.before, &outcome.after].into_iter().flatten().any(|health| !health.is_sane()) {
        return Err(Refusal::meaningless(
            "temperatures are in degrees Celsius, -273 to 1000, of 16 `zones` at most with names of 64 characters",
        ));
    }
    let job = super::job_of(&call).await?;
    call.station.ends(&job, outcome, None).await.map(drop)
}

/// How a job ended, for its record.
async fn ended(station: &Station, job: &Job, outcome: Outcome, client: Option<&str>) -> Result<Job, Refusal> {
    if outcome.failed.is_none() && super::eeprom::starts_again(station, job).await? {
        claim(job.fence, outcome.fence).map_err(store::Error::from)?;
        tracing::info!(job = job.id, board = job.board, "a board starts again for its EEPROM image");
        return Ok(job.clone());
    }
    let (image, disk) = lengths(station, job).await?;
    let most = most(image, disk);
    within("written", outcome.written, most)?;
    within("fetched", outcome.fetched, most)?;
    // Nothing is counted twice that the disk had.
    within("kept", outcome.kept, if image > 0 { image } else { disk })?;
    let image = match &job.image {
        Some(id) => station.store().image(id).await.ok(),
        None => None,
    };
    // What a backup is compared with is what came.
    let image = match job.action {
        Action::Backup => station.backup_of(job).await?,
        _ => image,
    };
    let own = match &image {
        Some(image) if job.action == Action::Deploy => station.own(job, image).await,
        _ => Ok(None),
    };
    // Of an index that can't be read nothing is equal.
    let chunks = match (&image, &own) {
        (_, Ok(Some(own))) => Some(own.content),
        (Some(image), Ok(None)) if outcome.read_back_chunks.is_some() => station.content_of(image).await.ok(),
        _ => None,
    };
    let chunks = chunks.map(|digest| digest.to_string());
    // Of an image with something of the board's own in it nobody knows that.
    let sha256 = image.as_ref().filter(|_| matches!(own, Ok(None))).map(|image| image.raw_sha256.as_str());
    let expected = Expected { sha256, chunks: chunks.as_deref() };
    let mut ending = judge(job.action, &outcome, expected);
    let is_equal = matches!(ending, Ending::Done { .. });
    if outcome.failed.is_none()
        && let Some(why) = scripts::left_to_run(station, job).await?
    {
        let why = format!("the board says that it is done, but {why}");
        ending = Ending::Failed { why, last_seen: None, hint: None, kind: Kind::Failed };
    }
    let has_failed = matches!(ending, Ending::Failed { .. });
    let eeprom = super::eeprom::judge(station, job, &outcome, has_failed).await?;
    if let (false, Some((_, Some(why)))) = (has_failed, &eeprom) {
        ending = Ending::Failed { why: why.clone(), last_seen: None, hint: None, kind: Kind::Failed };
    }
    ending = station.host_hooks_judge(job, image.as_ref(), ending).await?;
    let proof = match ending {
        Ending::Done { proof } => Some(proof),
        _ => None,
    };
    let detail = json!({
        "job": job.id,
        "image": image.as_ref().map(|image| &image.name),
        "raw_sha256": image.as_ref().map(|image| &image.raw_sha256),
        "raw_len": image.as_ref().map(|image| image.raw_len),
        "device": outcome.device,
        "read_back_sha256": outcome.read_back_sha256,
        "read_back_chunks": outcome.read_back_chunks,
        "expected_chunks": chunks,
        "written": outcome.written,
        "kept": outcome.kept,
        // A client of a shell doesn't count that.
        "fetched": (client.is_none() || outcome.fetched > 0).then_some(outcome.fetched),
    });
    let mut detail = detail;
    if let Some(detail) = detail.as_object_mut() {
        if let Some(client) = client {
            detail.insert("client".to_owned(), json!(client));
        }
        for (name, health) in [("before", &outcome.before), ("after", &outcome.after)] {
            if let Some(health) = health {
                detail.insert(name.to_owned(), json!(health));
            }
        }
    }
    if let (Ok(Some(own)), Some(detail)) = (&own, detail.as_object_mut())
        && let Some(settings) = &own.settings
    {
        detail.insert("first_boot".to_owned(), json!(settings));
    }
    if let (Some((eeprom, _)), Some(detail)) = (&eeprom, detail.as_object_mut()) {
        detail.insert("eeprom".to_owned(), json!(eeprom));
    }
    let stage = ended_in(outcome.stage, &ending, is_equal);
    let kind = outcome.kind.filter(|_| outcome.failed.is_some());
    let finished = Finished { fence: outcome.fence, stage, ending, kind, detail };
    let job = station.store().finish(&job.id, &finished, now()).await?;
    if let (Action::Backup, Some(image), Some(proof)) = (job.action, &image, proof)
        && matches!(job.state, JobState::Done | JobState::Finishing)
    {
        let device = outcome.device.as_deref().unwrap_or_default();
        station.note_backup(&job, image, device, proof.phrase()).await?;
    }
    station.is_over(&job).await?;
    Ok(job)
}

/// The step that a job ended in. What is told done and isn't equal has failed where it was compared; where it is equal, what
/// comes behind that has failed.
const fn ended_in(told: Stage, ending: &Ending, is_equal: bool) -> Stage {
    match (told, ending, is_equal) {
        (Stage::Done, Ending::Failed { .. }, true) => Stage::Report,
        (Stage::Done, Ending::Failed { .. }, false) => Stage::ReadBack,
        (stage, ..) => stage,
    }
}

impl Station {
    /// A client tells how a job ended. Where it isn't the agent, its record says which one it was.
    pub(in crate::station) async fn ends(
        &self,
        job: &Job,
        outcome: Outcome,
        client: Option<&str>,
    ) -> Result<Job, Refusal> {
        ended(self, job, outcome, client).await
    }

    /// A job ends before its client has begun it: it lacks something, or a hook has said no.
    pub(in crate::station) async fn not_begun(&self, job: &Job, why: &str) -> Result<(), Refusal> {
        let ending = Ending::Failed { why: why.to_owned(), last_seen: None, hint: None, kind: Kind::Usage };
        let (fence, stage, detail) = (job.fence, Stage::Prepare, json!({ "job": job.id }));
        let finished = Finished { fence, stage, ending, kind: Some(Kind::Usage), detail };
        let job = self.store().finish(&job.id, &finished, now()).await?;
        self.is_over(&job).await
    }

    /// What comes after a job that has ended, whoever has told so.
    async fn is_over(&self, job: &Job) -> Result<(), Refusal> {
        self.arrived_all(&job.id);
        self.owns.forget(&job.id);
        self.host_hooks_end(job);
        self.job_over(job).await?;
        if let Some(run) = &job.run
            && let Some(track) = self.rates.end(run)
            && let Err(error) = self.store().put_rates(run, track.samples()).await
        {
            tracing::warn!(%error, run, "how fast a run went isn't kept");
        }
        let metrics = self.metrics();
        if matches!(job.state, JobState::Done | JobState::Finishing) {
            metrics.done.inc();
        } else {
            metrics.not_done.inc();
        }
        tracing::info!(job = %job.id, board = %job.board, state = ?job.state, "a job ended");
        self.changes.tell(Thing::Job, &job.id, Some(&job.board));
        self.changes.tell(Thing::Board, &job.board, Some(&job.board));
        if let Some(run) = &job.run {
            self.changes.tell(Thing::Run, run, Some(&job.board));
        }
        Ok(())
    }
}
