//! What is on record of a run, as single facts. Pure. What a record doesn't have is empty, never guessed.

use serde_json::Value;

use crate::device_api::When;
use crate::run::{Record, Stage};
use crate::station_api::{EepromRun, RunLine, ScriptRun, ScriptState};

/// A run, looked at for its facts.
pub(in crate::station) struct Seen<'a> {
    pub(in crate::station) line: &'a RunLine,
    pub(in crate::station) record: &'a Record,
    /// The disk that was written or read, as the board told it.
    disk: Option<&'a Value>,
    /// How long it was in each step, in milliseconds.
    spent: Vec<(Stage, i64)>,
}

/// What stands in a member, as a text.
fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(is)) => is.to_string(),
        _ => String::new(),
    }
}

impl<'a> Seen<'a> {
    pub(in crate::station) fn of(line: &'a RunLine, record: &'a Record) -> Self {
        let disks = record.detail.pointer("/told/disks").and_then(Value::as_array);
        let device = record.detail.get("device").and_then(Value::as_str);
        let named = |disk: &&Value| disk.get("name").and_then(Value::as_str) == device;
        let disk = match (disks.map(Vec::as_slice), device) {
            (Some(disks), Some(_)) => disks.iter().find(named),
            // Of several nobody knows which one was meant.
            (Some([only]), None) => Some(only),
            _ => None,
        };
        Self { line, record, disk, spent: record.spent() }
    }

    /// What a board told of itself before the run, by its place.
    pub(in crate::station) fn told(&self, at: &str) -> String {
        text(self.record.detail.pointer(&format!("/told/{at}")))
    }

    /// What the run's disk told of itself.
    pub(in crate::station) fn disk(&self, name: &str) -> String {
        text(self.disk.and_then(|disk| disk.get(name)))
    }

    /// What else is on record.
    pub(in crate::station) fn detail(&self, name: &str) -> String {
        text(self.record.detail.get(name))
    }

    /// The digest of the image, also where another command has its facts as an object.
    pub(in crate::station) fn image_sha256(&self) -> String {
        let own = self.detail("raw_sha256");
        if own.is_empty() { text(self.record.detail.pointer("/image/raw_sha256")) } else { own }
    }

    /// In degrees Celsius, at the beginning: where the job's client doesn't tell, as the board told when it came.
    pub(in crate::station) fn warm_before(&self) -> String {
        let own = text(self.record.detail.pointer("/before/temperature"));
        if own.is_empty() { self.told("facts/temperature") } else { own }
    }

    pub(in crate::station) fn warm_after(&self) -> String {
        text(self.record.detail.pointer("/after/temperature"))
    }

    /// The firmware's bits, as `0x50000`.
    pub(in crate::station) fn throttled(&self, moment: &str) -> String {
        let of = |at: &str| self.record.detail.pointer(at).and_then(Value::as_u64);
        let bits = of(&format!("/{moment}/throttled"));
        let bits = bits.or_else(|| (moment == "before").then(|| of("/told/facts/throttled")).flatten());
        bits.map(|bits| format!("{bits:#x}")).unwrap_or_default()
    }

    /// Milliseconds since 1970 as a time for machines.
    pub(in crate::station) fn built(&self) -> String {
        let at = self.record.detail.pointer("/told/facts/firmware/built").and_then(Value::as_i64);
        at.and_then(|at| jiff::Timestamp::from_second(at).ok()).map(|at| at.to_string()).unwrap_or_default()
    }

    /// Its Ethernet addresses.
    pub(in crate::station) fn macs(&self) -> String {
        let all = self.record.detail.pointer("/told/macs").and_then(Value::as_array);
        let all: Vec<_> = all.into_iter().flatten().filter_map(Value::as_str).take(16).collect();
        if all.is_empty() {
            return self.record.board.mac.map(|mac| mac.to_string()).unwrap_or_default();
        }
        all.join(" ")
    }

    /// Each thermometer at both ends: `cpu-thermal 48.3 > 61.2`.
    pub(in crate::station) fn zones(&self) -> String {
        let of = |moment: &str| -> Vec<(String, f64)> {
            let all = self.record.detail.pointer(&format!("/{moment}/zones")).and_then(Value::as_array);
            let all = all.into_iter().flatten().take(16);
            all.filter_map(|zone| Some((text(zone.get("name")), zone.get("temperature")?.as_f64()?)))
                .collect()
        };
        let (before, after) = (of("before"), of("after"));
        let both = before.iter().map(|(name, warm)| {
            let end = after.iter().find(|(other, _)| other == name);
            end.map_or_else(|| format!("{name} {warm:.1}"), |(_, end)| format!("{name} {warm:.1} > {end:.1}"))
        });
        both.collect::<Vec<_>>().join("; ")
    }

    /// What the board got of its own: `name=value`.
    pub(in crate::station) fn values(&self) -> String {
        let all = self.record.detail.get("values").and_then(Value::as_object);
        let all =
            all.into_iter().flatten().filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?)));
        all.collect::<Vec<_>>().join("; ")
    }

    /// Which first-boot settings the image got. What is in them is told nowhere.
    pub(in crate::station) fn first_boot(&self) -> String {
        let all = self.record.detail.pointer("/first_boot/keys").and_then(Value::as_array);
        all.into_iter().flatten().filter_map(Value::as_str).take(64).collect::<Vec<_>>().join(" ")
    }

    /// What became of each script: `name: failed, exit status 3`.
    pub(in crate::station) fn scripts(&self) -> Vec<String> {
        let how = |script: &ScriptRun| match &script.ended {
            Some(end) if script.state == ScriptState::Failed => end.how(),
            _ => script.state.phrase().to_owned(),
        };
        ScriptRun::all_of(&self.record.detail)
            .iter()
            .map(|script| format!("{}: {}", script.name, how(script)))
            .collect()
    }

    /// What became of the board's EEPROM; `None` where that isn't on record.
    pub(in crate::station) fn eeprom<T>(&self, of: impl Fn(&EepromRun) -> Option<T>) -> String
    where
        T: ToString,
    {
        EepromRun::of(&self.record.detail)
            .and_then(|run| of(&run))
            .map(|value| value.to_string())
            .unwrap_or_default()
    }

    /// How long it was in a step, in milliseconds; `None` where it never was there, or that isn't on record.
    pub(in crate::station) fn spent(&self, stage: Stage) -> Option<i64> {
        self.spent.iter().find(|(of, _)| *of == stage).map(|(_, took)| *took)
    }
}

/// Whether scripts have run after what proves the disk, or may have: one in the background ends when it ends.
pub(in crate::station) fn ran_after(scripts: &[ScriptRun]) -> bool {
    scripts.iter().any(|script| {
        (script.when == When::Post || script.background)
            && !matches!(script.state, ScriptState::Waiting | ScriptState::DoneBefore)
    })
}
