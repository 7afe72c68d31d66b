//! The columns of an export. `docs/export.md` has them too; a test holds the two together. New ones come behind.

use jiff::Timestamp;

use super::columns::Seen;
use super::csv::quoted;
use crate::run::{Ending, Stage};
use crate::station_api::Time;

/// A column: its name, and what stands in it.
type Column = (&'static str, fn(&Seen<'_>) -> String);

fn some(text: &Option<String>) -> String {
    text.clone().unwrap_or_default()
}

fn stamp(time: Time) -> String {
    Timestamp::from_millisecond(time).unwrap_or_default().to_string()
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are few")]
fn seconds(time: Time) -> String {
    format!("{:.3}", time as f64 / 1000.0)
}

fn proof(seen: &Seen<'_>) -> String {
    match seen.record.ending {
        Ending::Done { proof } => proof.phrase().to_owned(),
        _ => String::new(),
    }
}

/// Those that have a meaning of their own; behind them comes one for each step.
pub(super) const COLUMNS: &[Column] = &[
    ("run", |seen| seen.line.run.clone()),
    ("way", |seen| seen.line.way.clone()),
    ("board", |seen| some(&seen.line.board)),
    ("label", |seen| seen.line.label.clone()),
    ("serial", |seen| seen.line.serial.clone()),
    ("image", |seen| some(&seen.line.image)),
    ("project", |seen| some(&seen.line.project)),
    ("by", |seen| some(&seen.line.by)),
    ("started", |seen| stamp(seen.line.started)),
    ("seconds", |seen| seen.line.took.map(seconds).unwrap_or_default()),
    ("stage", |seen| seen.line.stage.clone()),
    ("outcome", |seen| seen.line.outcome.clone()),
    ("why", |seen| seen.line.why.clone()),
    ("simulated", |seen| seen.line.simulated.to_string()),
    ("slot", |seen| some(&seen.line.slot)),
    ("station", |seen| seen.detail("station")),
    ("job", |seen| some(&seen.line.job)),
    ("ended", |seen| {
        seen.line.took.map(|took| stamp(seen.line.started.saturating_add(took))).unwrap_or_default()
    }),
    ("macs", |seen| seen.macs()),
    ("model", |seen| seen.told("model")),
    ("memory", |seen| seen.told("memory")),
    ("revision", |seen| seen.told("facts/revision")),
    ("duid", |seen| seen.told("facts/duid")),
    ("boot", |seen| seen.told("facts/boot")),
    ("link_mbps", |seen| seen.told("facts/link_mbps")),
    ("bootloader", |seen| seen.told("facts/firmware/version")),
    ("bootloader_built", |seen| seen.built()),
    ("agent", |seen| seen.told("facts/agent")),
    ("piprov", |seen| seen.record.piprov.clone()),
    ("disk", |seen| seen.detail("device")),
    ("disk_role", |seen| seen.disk("role")),
    ("disk_size", |seen| seen.disk("size")),
    ("disk_model", |seen| seen.disk("model")),
    ("disk_maker", |seen| seen.disk("maker")),
    ("disk_serial", |seen| seen.disk("serial")),
    ("disk_firmware", |seen| seen.disk("firmware")),
    ("disk_made", |seen| seen.disk("made")),
    ("cid", |seen| seen.disk("cid")),
    ("csd", |seen| seen.disk("csd")),
    ("life", |seen| seen.disk("life")),
    ("pre_eol", |seen| seen.disk("pre_eol")),
    ("disk_used", |seen| seen.disk("used")),
    ("disk_spare", |seen| seen.disk("spare")),
    ("disk_warning", |seen| seen.disk("warning")),
    ("disk_bytes_written", |seen| seen.disk("bytes_written")),
    ("disk_hours", |seen| seen.disk("hours")),
    ("disk_media_errors", |seen| seen.disk("media_errors")),
    ("temperature_before", |seen| seen.warm_before()),
    ("temperature_after", |seen| seen.warm_after()),
    ("zones", |seen| seen.zones()),
    ("throttled_before", |seen| seen.throttled("before")),
    ("throttled_after", |seen| seen.throttled("after")),
    ("proof", proof),
    ("image_length", |seen| seen.detail("raw_len")),
    ("image_sha256", |seen| seen.image_sha256()),
    ("read_back_sha256", |seen| seen.detail("read_back_sha256")),
    ("expected_chunks", |seen| seen.detail("expected_chunks")),
    ("read_back_chunks", |seen| seen.detail("read_back_chunks")),
    ("written", |seen| seen.detail("written")),
    ("kept", |seen| seen.detail("kept")),
    ("fetched", |seen| seen.detail("fetched")),
    ("values", |seen| seen.values()),
    ("first_boot", |seen| seen.first_boot()),
    ("scripts", |seen| seen.scripts().join("; ")),
    ("eeprom", |seen| seen.eeprom(|run| Some(run.firmware.clone()))),
    ("eeprom_state", |seen| seen.eeprom(|run| Some(run.state.phrase()))),
    ("eeprom_why", |seen| seen.eeprom(|run| Some(run.why.clone()))),
    ("eeprom_before", |seen| seen.eeprom(|run| moment(run.before.built))),
    ("eeprom_built", |seen| seen.eeprom(|run| moment(run.built))),
    ("eeprom_sha256", |seen| seen.eeprom(|run| run.sha256.clone())),
    ("eeprom_read_back", |seen| seen.eeprom(|run| run.read_back.clone())),
    ("warnings", |seen| seen.record.warnings.len().to_string()),
];

/// Seconds since 1970 as a time for machines.
fn moment(built: Option<u64>) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(i64::try_from(built?).ok()?).ok()
}

/// The column of a step: how many seconds the run was in it.
pub(super) fn of_step(stage: Stage) -> String {
    format!("seconds_{}", stage.word().replace('-', "_"))
}

/// The steps that have a column: the end takes no time.
pub(super) fn steps() -> impl Iterator<Item = Stage> {
    Stage::ALL.iter().copied().filter(|stage| *stage != Stage::Done)
}

pub(super) fn head() -> String {
    let names = COLUMNS.iter().map(|(name, _)| (*name).to_owned()).chain(steps().map(of_step));
    names.collect::<Vec<_>>().join(",") + "\r\n"
}

pub(super) fn line(seen: &Seen<'_>) -> String {
    let fields = COLUMNS.iter().map(|(_, of)| of(seen));
    let steps = steps().map(|stage| seen.spent(stage).map(seconds).unwrap_or_default());
    fields.chain(steps).map(|field| quoted(&field)).collect::<Vec<_>>().join(",") + "\r\n"
}
