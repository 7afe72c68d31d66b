//! A board tells what it is.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;

use crate::config::station::Enrol;
use crate::device_api::{BoardEeprom, Health, Register, Registered, SIGNATURE, Standing, VERSION, is_signed};
use crate::station::key::{NONCE_TIME, Pass};
use crate::station::now;
use crate::station::store::Met;
use crate::station::web::{Access, Call, Refusal, Row, Table, from_slice};
use crate::station_api::{BoardChange, Enrolment, Thing, Time};

/// How long a board's words may be.
const LONGEST: usize = 64 << 10;
/// How often a board asks that can't wait for an answer, in seconds.
const POLL: u32 = 5;
/// Numbers that are remembered as used.
const MOST_NONCES: usize = 1 << 16;

pub(super) fn add_to(table: &mut Table) {
    let row =
        Row::post("/api/v1/device/register", Access::Open, "A board tells what it is, signed by its key");
    table.add_bytes::<(), Register, Registered, _, _>(row, LONGEST, register);
}

/// Numbers that were signed already.
#[derive(Debug, Default)]
pub(in crate::station) struct Nonces {
    used: Mutex<HashMap<String, Time>>,
}

impl Nonces {
    /// Whether it is used for the first time, and in time.
    fn take(&self, nonce: &str, given: Option<Time>, now: Time) -> Result<(), &'static str> {
        let given = given.ok_or("the number isn't this station's")?;
        if !(0..NONCE_TIME).contains(&now.saturating_sub(given)) {
            return Err("the number is too old");
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= MOST_NONCES {
            used.retain(|_, given| now.saturating_sub(*given) < NONCE_TIME);
            if used.len() >= MOST_NONCES {
                return Err("too many boards register at once");
            }
        }
        match used.insert(nonce.to_owned(), given) {
            None => Ok(()),
            Some(_) => Err("the number was used before"),
        }
    }
}

async fn register(call: Call, (): (), body: Bytes) -> Result<Registered, Refusal> {
    let station = &call.station;
    // Which version it speaks is looked at first: another one may have other members.
    let spoken: serde_json::Value = from_slice(&body)?;
    let spoken = spoken.get("api").and_then(serde_json::Value::as_u64);
    if spoken.is_some_and(|spoken| spoken != u64::from(VERSION)) {
        let text = format!("this station speaks version {VERSION} of the device interface only");
        return Err(
            Refusal::meaningless(text).with_hint("put the station's own version of the agent onto the board")
        );
    }
    let mut told: Register = from_slice(&body)?;
    check(&told)?;
    // Two boards that tell zeros would be one board, and get the same values.
    if told.serial.is_some_and(|serial| serial.is_blank()) && !told.macs.is_empty() {
        told.serial = None;
    }
    let signature = call.headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !is_signed(&told.key, &body, signature) {
        return Err(Refusal::unknown(format!(
            "the header {SIGNATURE} isn't the signature of this key over this body"
        )));
    }
    station
        .nonces
        .take(&told.nonce, station.key().nonce_time(&told.nonce), now())
        .map_err(Refusal::unknown)?;

    if told.kept {
        station.store().check_kept(&told).await.map_err(|_| {
            Refusal::conflict("this key was kept on a disk, and no board with it is in the middle of a job")
        })?;
    }
    let open = station.settings.enrol() == Enrol::Open;
    let mut met = station.store().register(&told, open, now()).await?;
    // On a network on which nobody else is, a board that has lost its key is the same board; and one that was never let in
    // loses nothing. Where a person was asked, a person says so.
    if let Met::Double(board) = &met
        && (open || board.enrolment == Enrolment::Waiting)
        && !station.waiting.is_there_with_another(&board.id, &told.key)
        && board.job.is_none()
    {
        let change = BoardChange { forget_key: true, ..BoardChange::default() };
        station.store().change_board(&board.id, &change).await?;
        met = station.store().register(&told, open, now()).await?;
    }
    // Nor was it the board that has wanted to start again in the middle of a job, but the job. Where a person lets boards in,
    // a person lets this one in again.
    if let Met::Double(board) = &met
        && open
        && !station.waiting.is_there_with_another(&board.id, &told.key)
        && station.store().expect_after_script(&board.id, now()).await?
    {
        met = station.store().register(&told, open, now()).await?;
    }
    let board = met.board();
    let standing = match (&met, board.enrolment) {
        (Met::Double(_), _) => Standing::Double,
        (_, Enrolment::Enrolled) => Standing::Enrolled,
        (_, Enrolment::Waiting) => Standing::Waiting,
        (_, Enrolment::Refused) => Standing::Refused,
    };
    let place = call.from.to_string();
    let who =
        crate::board::Who { mac: told.macs.first().copied(), serial: told.serial, ..Default::default() };
    if standing != Standing::Double {
        station.store().see(&who, "agent", &place, "registered", now()).await?;
        station.at_jumper(&board.id, told.jumper).await?;
        station.switches.ask_soon();
        // It is there before it asks for work the first time.
        drop(station.waiting.asks(&board.id, &told.key));
        station.ring_seen(board).await;
    }
    tracing::info!(board = %board.id, ?standing, from = %place, "a board registers");
    station.changes.tell(Thing::Board, &board.id, Some(&board.id));
    station.eeprom_seen(board).await?;
    if standing == Standing::Enrolled {
        station.host_hooks_meet(&board.id);
        station.arrived(&board.id).await?;
    }
    let token = station.key().token(&Pass::Board { board: board.id.clone(), key: told.key.clone() });
    Ok(Registered { board: board.id.clone(), standing, token, poll: POLL, notice: notice(&told, standing) })
}

/// Bounds of what is told.
fn check(told: &Register) -> Result<(), Refusal> {
    let long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.chars().count() > 200);
    let disk = |disk: &crate::device_api::Disk| {
        let texts =
            [&disk.model, &disk.cid, &disk.csd, &disk.serial, &disk.firmware, &disk.maker, &disk.made];
        disk.name.chars().count() > 64 || texts.into_iter().any(long)
    };
    if told.macs.len() > 16 || told.disks.len() > 64 || told.disks.iter().any(disk) {
        return Err(Refusal::meaningless(
            "a board has 16 addresses and 64 disks at most, with names of 64 characters",
        ));
    }
    let firmware = told.firmware.as_ref().is_some_and(|firmware| long(&firmware.version));
    if long(&told.model)
        || long(&told.boot)
        || long(&told.duid)
        || firmware
        || told.agent.chars().count() > 64
    {
        return Err(Refusal::meaningless("a text has 200 characters at most, a version 64"));
    }
    if let Some(eeprom) = &told.eeprom {
        let odd = |char: char| !matches!(char, '\n' | '\r' | '\t') && crate::format::is_hidden(char);
        let config = eeprom.config.as_deref().unwrap_or_default();
        let version = eeprom.version.as_deref().unwrap_or_default();
        if config.len() > BoardEeprom::LONGEST || version.chars().count() > 64 || config.contains(odd) {
            return Err(Refusal::meaningless(
                "of an EEPROM the version has 64 characters at most, the configuration 4096 bytes, none of them a control \
                 character",
            ));
        }
        let times = [eeprom.built, eeprom.updated, eeprom.needs, eeprom.flash];
        if times.into_iter().flatten().any(|number| number > u64::from(u32::MAX)) {
            return Err(Refusal::meaningless("a number of an EEPROM is larger than can be"));
        }
    }
    if told.serial.is_none() && told.macs.is_empty() {
        return Err(Refusal::meaningless("a board tells its serial number or an Ethernet address"));
    }
    if !Health::of(told).is_sane() {
        return Err(Refusal::meaningless(
            "temperatures are in degrees Celsius, -273 to 1000, of 16 `zones` at most with names of 64 characters",
        ));
    }
    if told.memory.is_some_and(|memory| i64::try_from(memory).is_err())
        || told.disks.iter().any(|disk| i64::try_from(disk.size).is_err())
    {
        return Err(Refusal::meaningless("a size is larger than there is"));
    }
    Ok(())
}

/// What people should read.
fn notice(told: &Register, standing: Standing) -> Option<String> {
    if standing == Standing::Double {
        return Some("another board is known under this serial number, with another key".to_owned());
    }
    let own = env!("CARGO_PKG_VERSION");
    (told.agent != own).then(|| {
        let agent = crate::format::message(&told.agent);
        format!("the agent is version {agent}, the station {own}: put the station's agent onto the board")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_good_once_and_for_a_minute() {
        let nonces = Nonces::default();
        assert_eq!(nonces.take("a", Some(1000), 1000), Ok(()));
        assert_eq!(nonces.take("a", Some(1000), 1001), Err("the number was used before"));
        assert_eq!(nonces.take("b", None, 1000), Err("the number isn't this station's"));
        assert_eq!(nonces.take("c", Some(1000), 1000 + NONCE_TIME), Err("the number is too old"));
        // Given out by a clock that was set back since.
        assert_eq!(nonces.take("d", Some(2000), 1000), Err("the number is too old"));
        for n in 0..MOST_NONCES {
            let _ = nonces.take(&format!("n{n}"), Some(1000), 1000);
        }
        assert_eq!(nonces.take("e", Some(1000), 1000), Err("too many boards register at once"));
        assert_eq!(nonces.take("f", Some(90_000), 90_000), Ok(()));
    }
}
