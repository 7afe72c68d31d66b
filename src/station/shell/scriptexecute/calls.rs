//! What the script of a run tells: with the token of its attempt, or it counts for nothing.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::expected;
use super::told::{Asked, digest, number, plain};
use super::version::Version;
use super::{AGENT, served, text, word};
use crate::board::Serial;
use crate::device_api::{
    Action, BoardEeprom, EepromTold, End, Firmware, Health, Outcome, Progress, ScriptEnd, ScriptTold, When,
};
use crate::error::Kind;
use crate::format::message;
use crate::process::Lines;
use crate::run::Stage;
use crate::station::shell::job::{gone, of_token};
use crate::station::store;
use crate::station::web::{Call, Refusal, whole};
use crate::station::{Station, device, now};
use crate::station_api::{Job, JobState, Thing};

/// A log is so long at most: the script sends the last million bytes of one.
const LONGEST: usize = 1 << 20;
/// What a form has around that.
const AROUND: usize = 16 << 10;
/// How long it may take to come.
const TIME: Duration = Duration::from_secs(60);
/// A part of a log that is put down at once.
const PART: usize = 100;

pub(super) async fn told(call: &Call, token: &str, asked: &Asked, body: Body) -> Result<Response, Refusal> {
    let job = of_token(call, token).await?;
    let station = &call.station;
    is_of(station, &job, asked).await?;
    if asked.alldone.is_some()
        && matches!(job.state, JobState::Done | JobState::Finishing | JobState::NotVerified)
    {
        // The answer was lost, and it is told again.
        return Ok(text(StatusCode::OK, after(&job).to_owned()));
    }
    if job.state != JobState::Running {
        return Err(gone());
    }
    station.waiting.heard(&job.board);
    station.begun.heard(&job.id, job.fence, Instant::now());
    station.streams.proves(&job.id, job.fence);
    if job.cancel && asked.step.as_deref() != Some("alive") {
        let why = "somebody has cancelled it";
        ends(station, &job, failed(&job, Stage::Write, why.to_owned(), Kind::Interrupted)).await?;
        return Err(refused(why));
    }
    if let Some(phase) = &asked.phase {
        let log = file(call, body, "log").await?;
        return step_ended(station, job, phase, asked, &log).await;
    }
    if asked.alldone.is_some() {
        return all_done(station, job, token, asked).await;
    }
    let all = text(StatusCode::OK, "ok\n".to_owned());
    match asked.step.as_deref() {
        Some("alive") => {
            station.store().hold(&job.id, job.fence, now()).await?;
        }
        Some("begin") => return script_begins(station, job, asked).await,
        Some("version") => {
            let text = file(call, body, "eeprom_version").await?;
            version(station, &job, &String::from_utf8_lossy(&text)).await?;
        }
        Some("readback") => {
            if let Some(id) = &job.image {
                expected::begin(station, &job, station.store().image(id).await?, token);
            }
            note(station, &job, Stage::ReadBack, &[]).await?;
        }
        Some("compare") => return compare(station, job, token, asked).await,
        _ => return Err(Refusal::malformed("the station knows no such step of a script")),
    }
    Ok(all)
}

/// Whether it is told of the board that the token was given to. Where two boards have got mixed up, neither's run is touched.
async fn is_of(station: &Station, job: &Job, asked: &Asked) -> Result<(), Refusal> {
    let Some(told) = plain(asked.serial.as_ref()) else { return Ok(()) };
    let Some(serial) = station.store().board(&job.board).await?.serial else { return Ok(()) };
    let same = |told: &Serial| *told == serial || told.directory() == serial.directory();
    if Serial::of_digits(&told).as_ref().is_some_and(same) {
        return Ok(());
    }
    let told = message(&told).chars().take(40).collect::<String>();
    tracing::warn!(
        board = job.board,
        told,
        "a script tells another serial number than that of the board it was given to"
    );
    let why = format!(
        "this token was given to the board {serial}, and {told} is told with it: nothing of it counts"
    );
    Err(Refusal::forbidden(why))
}

/// What is said of a job, with its number.
async fn note(station: &Station, job: &Job, stage: Stage, log: &[String]) -> Result<(), Refusal> {
    let mut parts = log.chunks(PART).map(<[String]>::to_vec).collect::<Vec<_>>();
    if parts.is_empty() {
        parts.push(Vec::new());
    }
    for log in parts {
        let progress =
            Progress { fence: job.fence, stage, done: 0, total: None, fetched: 0, log, entered: Vec::new() };
        station.store().renew(&job.id, &progress, now()).await?;
    }
    if let Some(run) = &job.run {
        station.changes.tell(Thing::Run, run, Some(&job.board));
    }
    Ok(())
}

/// One file of a form, if it isn't longer and doesn't take longer.
async fn file(call: &Call, body: Body, field: &str) -> Result<Vec<u8>, Refusal> {
    let broken = |_| Refusal::malformed("the form broke off, or can't be read");
    let body = whole(body, LONGEST + AROUND, TIME).await?;
    let mut request = Request::new(Body::from(body));
    *request.headers_mut() = call.headers.clone();
    DefaultBodyLimit::disable().apply(&mut request);
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|_| Refusal::malformed("this is no form with a file in it"))?;
    while let Some(part) = form.next_field().await.map_err(broken)? {
        if part.name() == Some(field) {
            let bytes = part.bytes().await.map_err(broken)?;
            return Ok(bytes[bytes.len().saturating_sub(LONGEST)..].to_vec());
        }
    }
    Err(Refusal::malformed(format!("the form has no `{field}`")))
}

/// The script of a job at the place that is named.
async fn script_of(
    station: &Station,
    job: &Job,
    asked: &Asked,
) -> Result<(usize, crate::device_api::Script), Refusal> {
    let place = number(asked.script.as_ref()).and_then(|place| usize::try_from(place).ok());
    let scripts = station.store().plan(&job.id).await?.scripts;
    let found = place.and_then(|place| Some((place, scripts.into_iter().nth(place)?)));
    found.ok_or_else(|| Refusal::meaningless("the job has no such script"))
}

const fn stage_of(when: When) -> Stage {
    match when {
        When::Pre => Stage::Prepare,
        When::Post => Stage::Report,
    }
}

async fn script_begins(station: &Station, job: Job, asked: &Asked) -> Result<Response, Refusal> {
    let (place, script) = script_of(station, &job, asked).await?;
    let told = ScriptTold { fence: job.fence, name: script.name.clone(), ended: None };
    match station.store().script_told(&job.id, &told, now()).await {
        Ok(_) => {}
        // It is not to begin once more: trying the job again changes nothing of that.
        Err(error @ store::Error::BadValue { .. }) => {
            let why = error.to_string();
            ends(station, &job, failed(&job, stage_of(script.when), why.clone(), Kind::Usage)).await?;
            return Err(refused(why));
        }
        Err(error) => return Err(error.into()),
    }
    station.begun.script(&job.id, job.fence, place, Instant::now());
    let line = format!("script {} ({}) begins", script.name, script.when.word());
    note(station, &job, stage_of(script.when), &[line]).await?;
    Ok(text(StatusCode::OK, "ok\n".to_owned()))
}

/// A step has ended: a script, or what has failed.
async fn step_ended(
    station: &Station,
    job: Job,
    phase: &str,
    asked: &Asked,
    log: &[u8],
) -> Result<Response, Refusal> {
    let status = number(asked.retcode.as_ref()).filter(|status| *status <= 255);
    let status = status.ok_or_else(|| Refusal::malformed("`retcode` is a status from 0 to 255"))?;
    let (mut lines, mut said) = (Lines::default(), Vec::new());
    lines.take(log, &mut |line| said.push(line.to_owned()));
    let (output, left_out) = lines.finish(&mut |line| said.push(line.to_owned()));
    let last = output.lines().last().map(|line| format!(": {line}")).unwrap_or_default();
    let (stage, what) = match phase {
        "preinstall" | "postinstall" => {
            let (place, script) = script_of(station, &job, asked).await?;
            let stage = stage_of(script.when);
            note(station, &job, stage, &said).await?;
            let seconds = station.begun.took(&job.id, job.fence, place, Instant::now()).as_secs_f64();
            let exit = i32::try_from(status).ok();
            let ended = ScriptEnd { exit, why: None, seconds, output, left_out };
            let how = format!("script {} ({}) {}", script.name, script.when.word(), ended.how());
            let told = ScriptTold { fence: job.fence, name: script.name, ended: Some(ended) };
            station.store().script_told(&job.id, &told, now()).await?;
            if status == 0 {
                return Ok(text(StatusCode::OK, "ok\n".to_owned()));
            }
            ends(station, &job, failed(&job, stage, how, Kind::Failed)).await?;
            return Ok(text(StatusCode::OK, "noted\n".to_owned()));
        }
        "dd" => (Stage::Write, "the image couldn't be fetched, unpacked and written"),
        "readback" => (Stage::ReadBack, "the disk couldn't be read back"),
        "eeprom" => (Stage::Report, "the EEPROM couldn't be written and read back"),
        _ => return Err(Refusal::malformed("`phase` is preinstall, dd, readback, postinstall or eeprom")),
    };
    if status == 0 {
        return Err(Refusal::meaningless("this is told of what has failed, and its status is 0"));
    }
    note(station, &job, stage, &said).await?;
    let why = format!("{what}; status {status}{last}");
    ends(station, &job, failed(&job, stage, why, Kind::Io)).await?;
    Ok(text(StatusCode::OK, "noted\n".to_owned()))
}

/// What it read back: it goes on only where that is the image.
async fn compare(station: &Station, job: Job, token: &str, asked: &Asked) -> Result<Response, Refusal> {
    let read = digest(asked.sha256.as_ref()).ok_or_else(|| Refusal::malformed("`sha256` is no digest"))?;
    let image = match &job.image {
        Some(id) => station.store().image(id).await?,
        None => return Err(Refusal::conflict("only a deploy is read back")),
    };
    if !read.eq_ignore_ascii_case(&expected::expected(station, &job, &image, token).await?) {
        return Err(differs(station, &job).await?);
    }
    let line = match asked.fresh.as_deref() {
        Some("1") => "what was read back from the disk is the image",
        _ => "the board couldn't empty its caches: what it has read may be from memory, and proves nothing",
    };
    note(station, &job, Stage::Report, &[line.to_owned()]).await?;
    Ok(text(StatusCode::OK, "equal\n".to_owned()))
}

/// Which bootloader the board has.
async fn version(station: &Station, job: &Job, told: &str) -> Result<(), Refusal> {
    let version = Version::read(told);
    let mut board = station.store().board(&job.board).await?;
    let Some(facts) = &mut board.facts else { return Ok(()) };
    let firmware = Firmware {
        version: version.version.clone(),
        built: version.built.and_then(|built| u32::try_from(built).ok()),
    };
    facts.firmware = Some(firmware.clone());
    if let Some(eeprom) = &mut facts.eeprom {
        *eeprom = BoardEeprom { built: version.built, version: version.version, ..eeprom.clone() };
    }
    let keyless =
        store::Keyless { model: board.model, memory: board.memory, disks: board.disks, facts: facts.clone() };
    station.store().told_without_key(&board.id, &keyless).await?;
    if let Some(run) = &job.run {
        station.store().put_run_detail(run, "firmware", &firmware).await?;
    }
    note(station, job, Stage::Prepare, &[]).await
}

fn outcome(job: &Job, stage: Stage, failed: Option<(String, Kind)>) -> Outcome {
    let (failed, kind) = failed.unzip();
    Outcome {
        fence: job.fence,
        stage,
        failed,
        kind,
        device: Some("mmcblk0".to_owned()).filter(|_| matches!(job.action, Action::Deploy | Action::Backup)),
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

fn failed(job: &Job, stage: Stage, why: String, kind: Kind) -> Outcome {
    outcome(job, stage, Some((why, kind)))
}

/// It has failed: what its board tells isn't the digest of this attempt. The digest that it told isn't kept as one of what was
/// read, for it is of nothing known.
async fn differs(station: &Station, job: &Job) -> Result<Refusal, Refusal> {
    let why = "what was read back from the disk isn't the image";
    ends(station, job, failed(job, Stage::ReadBack, why.to_owned(), Kind::Failed)).await?;
    Ok(refused(why))
}

/// It ends so. What is told of it to the script is the caller's.
async fn ends(station: &Station, job: &Job, outcome: Outcome) -> Result<Job, Refusal> {
    let job = station.ends(job, outcome, Some(AGENT)).await?;
    station.begun.forget(&job.id);
    station.streams.forget(&job.id);
    Ok(job)
}

/// Its script is to do nothing more of it.
fn refused(why: impl Into<String>) -> Refusal {
    Refusal::conflict(why)
}

/// What comes after the job.
fn after(job: &Job) -> &'static str {
    word(match job.action {
        Action::Deploy | Action::Backup => job.end,
        Action::Reboot => End::Reboot,
        Action::PowerOff => End::PowerOff,
    })
}

/// The board has done all that its script says. Only what it has read back from the disk proves anything.
async fn all_done(station: &Station, job: Job, token: &str, asked: &Asked) -> Result<Response, Refusal> {
    if job.action == Action::Backup {
        return Err(Refusal::conflict("a backup is done when all of the disk has come"));
    }
    let facts = station.store().board(&job.board).await?.facts;
    let health = |temperature: Option<f64>| {
        temperature.map(|degrees| Health { temperature: Some(degrees), ..Health::default() })
    };
    let image = match &job.image {
        Some(id) => station.store().image(id).await.ok(),
        None => None,
    };
    let told = digest(asked.sha256.as_ref());
    // What it tells is no proof by itself: it is over the token of this attempt too.
    let (read_back_sha256, written) = match (told, &image) {
        (Some(told), Some(image))
            if told.eq_ignore_ascii_case(&expected::expected(station, &job, image, token).await?) =>
        {
            (Some(image.raw_sha256.clone()), image.raw_len)
        }
        (Some(_), Some(_)) => return Err(differs(station, &job).await?),
        (_, _) => (None, 0),
    };
    let eeprom = asked.eeprom.is_some().then(|| EepromTold {
        before: digest(asked.eeprombefore.as_ref()),
        built: facts.as_ref().and_then(|facts| facts.eeprom.as_ref()?.built),
        written: number(asked.eepromwritten.as_ref()).unwrap_or_default(),
        read_back: digest(asked.eeprom.as_ref()),
    });
    let outcome = Outcome {
        read_back_sha256,
        from_memory: asked.fresh.as_deref() != Some("1"),
        written,
        before: health(facts.and_then(|facts| facts.temperature)),
        after: health(asked.temperature()),
        eeprom,
        ..outcome(&job, Stage::Done, None)
    };
    let job = ends(station, &job, outcome).await?;
    if matches!(job.state, JobState::Done | JobState::Finishing | JobState::NotVerified) {
        return Ok(text(StatusCode::OK, after(&job).to_owned()));
    }
    let why = match &job.run {
        Some(run) => station.store().run(run).await?.ending.why().map(str::to_owned),
        None => None,
    };
    Err(refused(why.unwrap_or_else(|| "the job has failed".to_owned())))
}

/// The image for the flash chip of a job's board.
pub(super) async fn eeprom(call: Call, (): (), _: Body) -> Result<Response, Refusal> {
    served(&call)?;
    let job = of_token(&call, call.part("file")).await?;
    if job.state != JobState::Running || job.cancel {
        return Err(gone());
    }
    let bytes = device::eeprom_bytes(&call.station, &job).await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}
