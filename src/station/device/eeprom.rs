//! The EEPROM of a job's board: what its client is told, and what it tells.

use axum::body::Body;
use axum::response::{IntoResponse, Response};

use crate::device_api::{EEPROM, EepromRef, Outcome};
use crate::eeprom::own::By;
use crate::station::Station;
use crate::station::web::{Access, Call, Refusal, Row, Table};
use crate::station_api::{EepromRun, EepromState, Job};

pub(super) fn add_to(table: &mut Table) {
    let row = Row::get("/api/v1/device/jobs/{job}/eeprom", Access::Board, "The image of the board's EEPROM");
    table.add_stream(row, (None, Some("application/octet-stream")), image);
}

/// What the client of a job does about its board's EEPROM.
#[derive(Debug)]
pub(in crate::station) enum Begun {
    /// Nothing.
    Nothing,
    /// It writes this.
    Write(EepromRef),
    /// It starts the board again at once: its bootloader is offered an image over the network.
    StartAgain,
}

/// A job begins: what its client is to write. Where the board may not have it, the job ends before anything is touched.
pub(in crate::station) async fn begin(station: &Station, job: &Job, can: &[&str]) -> Result<Begun, Refusal> {
    let work = match station.eeprom_of(job).await {
        Ok(Some(work)) => work,
        Ok(None) => return Ok(Begun::Nothing),
        // An image that was removed while the job waited, say: that doesn't become better.
        Err(refusal) if refusal.status().is_client_error() => {
            station.not_begun(job, &format!("EEPROM: {}; nothing was written", refusal.detail())).await?;
            return Err(refusal);
        }
        Err(refusal) => return Err(refusal),
    };
    let mut told = work.told;
    // A manifest may be fetched twice; whoever starts again begins another attempt.
    told.earlier = told.earlier.filter(|earlier| Some(earlier) != job.run.as_ref());
    let by = work.own.as_ref().map(|own| own.by);
    let knows = can.contains(&EEPROM);
    if by == Some(By::Flash) && !knows {
        (told.state, told.why) = (EepromState::Refused, "its client doesn't know of EEPROMs".to_owned());
    }
    if let Some(run) = &job.run {
        station.store().put_eeprom(run, &told).await?;
    }
    if let Some(why) = &work.refused {
        return refuse(station, job, &why.to_string()).await;
    }
    let Some(own) = work.own else { return Ok(Begun::Nothing) };
    match own.by {
        By::BootPartition => Ok(Begun::Nothing),
        By::Network => match station.offer_eeprom(job, &own).await {
            Ok(()) => Ok(Begun::StartAgain),
            Err(why) => {
                let why = format!("it can't be offered over the network: {why}");
                told.state = if work.go_on { EepromState::Skipped } else { EepromState::Failed };
                told.why.clone_from(&why);
                if let Some(run) = &job.run {
                    station.store().put_eeprom(run, &told).await?;
                }
                if work.go_on { Ok(Begun::Nothing) } else { refuse(station, job, &why).await }
            }
        },
        By::Flash if !knows => {
            let why = "its project has an EEPROM image, and this board's client doesn't know of EEPROMs; nothing was written";
            station.not_begun(job, why).await?;
            Err(Refusal::conflict(why).with_hint("put the station's own version of the agent onto the board"))
        }
        By::Flash => Ok(Begun::Write(EepromRef {
            name: told.firmware,
            len: own.image.bytes().len() as u64,
            sha256: told.sha256.unwrap_or_default(),
        })),
    }
}

async fn refuse(station: &Station, job: &Job, why: &str) -> Result<Begun, Refusal> {
    let why = format!("EEPROM: {why}; nothing was written");
    station.not_begun(job, &why).await?;
    Err(Refusal::conflict(why))
}

/// Whether a client that is done has only started its board again, so that it is offered an image over the network: its job
/// goes on in another attempt.
pub(super) async fn starts_again(station: &Station, job: &Job) -> Result<bool, Refusal> {
    let Some(run) = &job.run else { return Ok(false) };
    let (_, record) = station.store().run_line(run).await?;
    Ok(EepromRun::of(&record.detail).is_some_and(|eeprom| eeprom.state == EepromState::Offered))
}

async fn image(call: Call, (): (), _: Body) -> Result<Response, Refusal> {
    let job = super::job_of(&call).await?;
    let bytes = bytes(&call.station, &job).await?;
    Ok(([("content-type", "application/octet-stream")], bytes).into_response())
}

/// What the client of a job is to write into the flash chip.
pub(in crate::station) async fn bytes(station: &Station, job: &Job) -> Result<Vec<u8>, Refusal> {
    let own = station.eeprom_of(job).await?.and_then(|work| work.own).filter(|own| own.by == By::Flash);
    let own = own.ok_or_else(|| Refusal::missing("this job writes no EEPROM"))?;
    Ok(own.image.bytes().to_vec())
}

/// Bounds of what is told.
pub(super) fn check(outcome: &Outcome) -> Result<(), Refusal> {
    let Some(told) = &outcome.eeprom else { return Ok(()) };
    let digest = |text: &Option<String>| {
        text.as_ref().is_none_or(|text| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let large = told.built.unwrap_or_default() > u64::from(u32::MAX) || told.written > 64 << 20;
    if !digest(&told.before) || !digest(&told.read_back) || large {
        return Err(Refusal::meaningless(
            "of an EEPROM a digest has 64 hexadecimal digits, and what was written 64 MiB at most",
        ));
    }
    Ok(())
}

/// What became of it, for the record, and why the job isn't done. `failed`: it has failed already.
pub(super) async fn judge(
    station: &Station,
    job: &Job,
    outcome: &Outcome,
    failed: bool,
) -> Result<Option<(EepromRun, Option<String>)>, Refusal> {
    let Some(run) = &job.run else { return Ok(None) };
    let (_, record) = station.store().run_line(run).await?;
    let Some(mut eeprom) = EepromRun::of(&record.detail) else {
        // What the job is to do counts, not what its record has.
        let asked = station.store().plan(&job.id).await?.firmware.is_some();
        let why = "the board says that it is done, but nothing of its EEPROM is known".to_owned();
        return match asked {
            true if outcome.failed.is_none() => Err(Refusal::conflict(why)),
            _ => Ok(None),
        };
    };
    let told = outcome.eeprom.clone().unwrap_or_default();
    if matches!(eeprom.state, EepromState::HandedOver | EepromState::Offered) && failed {
        eeprom.state = EepromState::Failed;
    }
    if eeprom.state != EepromState::Waiting {
        return Ok(Some((eeprom, None)));
    }
    // What an earlier attempt has left there isn't what the board had.
    if eeprom.earlier.is_none() {
        eeprom.before.sha256.clone_from(&told.before);
        eeprom.before.built = told.built.or(eeprom.before.built);
    }
    eeprom.read_back.clone_from(&told.read_back);
    let equal = match (&told.read_back, &eeprom.sha256) {
        (Some(read), Some(wanted)) => read.eq_ignore_ascii_case(wanted),
        _ => false,
    };
    let why = match (equal, &told.read_back) {
        (true, _) => {
            eeprom.state = match (told.written, &eeprom.earlier) {
                (0, None) => EepromState::There,
                (0, Some(_)) => EepromState::Earlier,
                _ => EepromState::Verified,
            };
            None
        }
        (false, None) => Some("the board says that it is done, but its EEPROM wasn't read back"),
        (false, Some(_)) => Some("what was read back from the EEPROM isn't what was to be there"),
    };
    if why.is_some() {
        eeprom.state = EepromState::Failed;
    }
    Ok(Some((eeprom, why.map(str::to_owned))))
}
