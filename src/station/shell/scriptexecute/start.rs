//! A board asks for its script.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::script::{self, STORAGE, Work};
use super::told::{Asked, Told};
use super::{AGENT, NO_SETTINGS, holds, text};
use crate::board::Model;
use crate::config::station::Enrol;
use crate::device_api::{
    Action, BoardEeprom, EEPROM, EepromRef, Firmware, Names, Role, Script, Surroundings,
};
use crate::error::Kind;
use crate::format::{count, hex};
use crate::station::key::{Pass, random};
use crate::station::shell::base;
use crate::station::store::Keyless;
use crate::station::values::stands_for_mac;
use crate::station::web::{Call, Refusal};
use crate::station::{Station, device, now};
use crate::station_api::{
    Board, BoardChange, BoardFacts, EepromWhen, Enrolment, Image, ImageState, Job, JobState, Plan, Thing,
};

/// How a board was seen.
const WAY: &str = "scriptexecute";
/// The flash chip of a CM4.
const CHIP: u64 = 512 << 10;

/// What a board gets.
enum Next {
    /// Its job.
    Work(String),
    /// Nothing now, and why.
    Wait(String),
}

/// The answer to a board is a script, also where it gets nothing: it runs whatever comes.
pub(super) async fn start(call: &Call, asked: &Asked) -> Result<Response, Refusal> {
    let told = asked.told().map_err(Refusal::unknown)?;
    if let Err(wait) = call.station.begun.may_start(call.from.place(), Instant::now()) {
        let why = "too many boards ask for a script at once";
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, Kind::Busy, why);
        return Err(refusal.with_header(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1)));
    }
    let station = address(call);
    let next = match next(call, &told, asked.again.is_some(), &station).await {
        Ok(next) => next,
        // The board asks again, or its fetch of the script does.
        Err(refusal) if refusal.status().is_server_error() => return Err(refusal),
        Err(refusal) => Next::Wait(refusal.detail()),
    };
    Ok(text(
        StatusCode::OK,
        match next {
            Next::Work(script) => script,
            Next::Wait(why) => script::waiting(&station, &told.query(), &why),
        },
    ))
}

/// Where a board asks from, as it is kept. On this host's own socket it is nowhere.
fn place(from: Option<IpAddr>) -> String {
    from.map_or_else(String::new, |from| from.to_string())
}

/// Where the board has reached this station. One on a link has to say which: over USB that OS has one only.
fn address(call: &Call) -> String {
    let base = base(call);
    match base.starts_with("http://[fe80:") && !base.contains('%') {
        true => base.replacen(']', "%usb0]", 1),
        false => base,
    }
}

async fn next(call: &Call, told: &Told, again: bool, address: &str) -> Result<Next, Refusal> {
    let (station, from) = (&call.station, call.from.place());
    let known = match again {
        true => station.store().find_board(told.serial.as_str()).await.ok(),
        false => None,
    };
    let id = match known.clone() {
        Some(id) => id,
        None => {
            let what = "the old utility OS asks for its script";
            let seen = station.store().see(&told.who(), WAY, &call.from.to_string(), what, now()).await?;
            seen.ok_or_else(|| Refusal::malformed("this is the serial number of no board"))?
        }
    };
    let mut board = station.store().board(&id).await?;
    if board.key.is_some() {
        return Ok(Next::Wait("this board has shown a key: it gets work by the agent alone".to_owned()));
    }
    if let Some(job) = &board.job {
        let job = station.store().job(job).await?;
        if holds(station, &board, &job)
            && station.store().place_of(&job.id, job.fence).await?.as_deref() != Some(&place(from))
        {
            tracing::warn!(board = id, from = %call.from, "another address asks for the script of a board that is at work");
            let why = "another address is at work as this board; it has to be silent for a minute";
            return Ok(Next::Wait(why.to_owned()));
        }
    }
    if known.is_none() {
        board = arrives(station, told, board).await?;
    }
    match board.enrolment {
        Enrolment::Enrolled => {}
        Enrolment::Waiting => {
            return Ok(Next::Wait("a person has to let this board in first".to_owned()));
        }
        Enrolment::Refused => {
            return Ok(Next::Wait("a person has said that this board gets no work".to_owned()));
        }
    }
    drop(station.waiting.asks(&id, ""));
    if let Some(wait) = station.begun.waits(&id, Instant::now()) {
        let minutes = wait.as_secs() / 60 + 1;
        let why =
            format!("it has started too often: the next attempt may begin in {}", count(minutes, "minute"));
        return Ok(Next::Wait(why));
    }
    // What begins now would only wait for it, and a script before the image would have run for nothing.
    if let Some(why) = station.care.objects_away()
        && let Some(job) = &station.store().board(&id).await?.job
        && matches!(station.store().job(job).await?.action, Action::Deploy | Action::Backup)
    {
        return Ok(Next::Wait(format!("the images' bytes can't be had now: {why}")));
    }
    let Some(job) = device::draw(station, &id).await? else {
        let board = station.store().board(&id).await?;
        let job = match &board.job {
            Some(job) => station.store().job(job).await?.waits,
            None => None,
        };
        return Ok(Next::Wait(job.or(board.stuck).unwrap_or_else(|| "there is nothing to do".to_owned())));
    };
    station.store().begun_at(&job.id, job.fence, &place(from)).await?;
    station.begun.note(&id, (&job.id, job.fence), Instant::now());
    // Somebody may have said no since.
    let board = station.store().board(&id).await?;
    match work(station, told, &board, &job, address).await {
        Ok(script) => {
            station.streams.proves(&job.id, job.fence);
            Ok(Next::Work(script))
        }
        Err(refusal) if refusal.status().is_server_error() => Err(refusal),
        Err(refusal) => {
            let why = refusal.detail();
            // It may have ended already, with the same reason.
            if station.store().job(&job.id).await?.state == JobState::Running {
                station.not_begun(&job, &why).await?;
            }
            Ok(Next::Wait(format!("nothing was written: {why}")))
        }
    }
}

/// A board has started: what it tells is kept, and rules are asked.
async fn arrives(station: &Arc<Station>, told: &Told, board: Board) -> Result<Board, Refusal> {
    let id = board.id.clone();
    let model = told.model.as_deref().and_then(Model::told);
    let (duid, before) = board.facts.map(|facts| (facts.duid, facts.eeprom)).unwrap_or_default();
    let before = before.unwrap_or_default();
    // Only on a CM4 that OS reaches the chip.
    let flash = matches!(model, Some(Model::Cm4)).then_some(CHIP);
    let has_eeprom = model.is_some_and(|model| model.family().is_some());
    let firmware = Firmware {
        version: before.version.clone(),
        built: before.built.and_then(|built| u32::try_from(built).ok()),
    };
    let facts = BoardFacts {
        at: now(),
        agent: AGENT.to_owned(),
        revision: None,
        temperature: told.temperature,
        throttled: None,
        zones: Vec::new(),
        // That OS doesn't tell it: what is known of it from elsewhere stays.
        duid,
        boot_id: None,
        firmware: Some(firmware).filter(|firmware| firmware.built.is_some()),
        link_mbps: None,
        boot: told.boot(),
        eeprom: has_eeprom.then(|| BoardEeprom {
            built: before.built,
            version: before.version,
            flash,
            ..BoardEeprom::default()
        }),
        jumper: told.jumper,
    };
    let keyless = Keyless {
        model: told.model.clone(),
        memory: told.memory,
        disks: told.disk.iter().cloned().collect(),
        facts,
    };
    station.store().told_without_key(&id, &keyless).await?;
    station.at_jumper(&id, told.jumper).await?;
    station.switches.ask_soon();
    let mut board = station.store().board(&id).await?;
    if station.settings.enrol() == Enrol::Open && board.enrolment == Enrolment::Waiting {
        let change = BoardChange { enrolment: Some(Enrolment::Enrolled), ..BoardChange::default() };
        board = station.store().change_board(&id, &change).await?;
    }
    station.changes.tell(Thing::Board, &id, Some(&id));
    if board.enrolment == Enrolment::Enrolled {
        station.host_hooks_meet(&id);
        station.arrived(&id).await?;
    }
    Ok(board)
}

/// The script of a job. What that OS can't do is refused here, before anything is written.
async fn work(
    station: &Arc<Station>,
    told: &Told,
    board: &Board,
    job: &Job,
    address: &str,
) -> Result<String, Refusal> {
    let plan = station.store().plan(&job.id).await?;
    let image = match &job.image {
        Some(id) => Some(station.store().image(id).await?),
        None => None,
    };
    if matches!(job.action, Action::Deploy | Action::Backup) {
        fits(told, job, &plan, image.as_ref())?;
    }
    let eeprom = match device::begin_eeprom(station, job, &[EEPROM]).await? {
        device::BegunEeprom::Nothing => None,
        device::BegunEeprom::Write(eeprom) => Some(eeprom),
        // It never tells how it was started, so it is offered nothing over the network.
        device::BegunEeprom::StartAgain => {
            return Err(Refusal::conflict("the old utility OS can't start its board again for an EEPROM"));
        }
    };
    let left = device::scripts_to_run(station, job).await?;
    let place = |script: Script| {
        let place = plan.scripts.iter().position(|one| one.name == script.name)?;
        Some((place, script))
    };
    let scripts: Vec<_> = left.into_iter().filter_map(place).collect();
    let facts = Surroundings {
        station: address.to_owned(),
        server: address.split_once("://").map_or("", |(_, host)| host).to_owned(),
        storage: STORAGE.to_owned(),
        serial: Some(told.serial),
        mac: told.mac.or_else(|| stands_for_mac(told.model.as_deref(), told.serial)),
        model: told.model.clone(),
        memory: told.memory,
        names: Names {
            board: board.name.clone().unwrap_or_else(|| board.id.clone()),
            run: job.run.clone().unwrap_or_default(),
            project: job.project.clone().unwrap_or_default(),
            slot: board.slot.clone().unwrap_or_default(),
        },
        job: job.id.clone(),
        image: image.as_ref().map(|image| image.name.clone()).unwrap_or_default(),
        values: plan.values.clone(),
    };
    let pass = Pass::Job { job: job.id.clone(), fence: job.fence, board: job.board.clone() };
    let seed = random::<64>().map(|bytes| hex(&bytes)).unwrap_or_default();
    Ok(script::work(&Work {
        station: address,
        query: &told.query(),
        token: &station.key().token(&pass),
        bootmode: told.bootmode,
        action: job.action,
        end: job.end,
        image: image.as_ref(),
        scripts: &scripts,
        facts: &facts,
        eeprom: eeprom.as_ref().map(|EepromRef { sha256, .. }| sha256.as_str()),
        seed: &seed,
    }))
}

/// Whether that OS can do this on this board.
fn fits(told: &Told, job: &Job, plan: &Plan, image: Option<&Image>) -> Result<(), Refusal> {
    let no = |why: String| Err(Refusal::meaningless(why));
    let Some(disk) = &told.disk else {
        return no("the board tells of no eMMC and no SD card".to_owned());
    };
    if !job.target.is_empty() && !job.target.iter().any(|role| matches!(role, Role::Emmc | Role::Sd)) {
        return no(
            "the old utility OS writes eMMC and SD cards alone, and this is for another disk".to_owned()
        );
    }
    let Some(image) = image else { return Ok(()) };
    if !matches!(image.state, ImageState::Ready | ImageState::Damaged) {
        return no(format!("the image `{}` is not ready", image.name));
    }
    if !image.raw_len.is_multiple_of(512) {
        return no(format!("the image `{}` isn't whole sectors of 512 bytes long", image.name));
    }
    if image.raw_len > disk.size {
        let (has, needs) = (disk.size, image.raw_len);
        return no(format!("the image `{}` has {needs} bytes, and the board's disk {has}", image.name));
    }
    if !plan.first_boot.is_empty() {
        return no(NO_SETTINGS.to_owned());
    }
    let eeprom = plan.project.as_ref().and_then(|project| project.eeprom.as_ref());
    if eeprom.is_some_and(|eeprom| eeprom.when == EepromWhen::IfOlder) {
        let why = "the old utility OS doesn't tell which bootloader a board has before it is written; let the project \
                   write it if it is different";
        return no(why.to_owned());
    }
    Ok(())
}
