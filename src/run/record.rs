//! What is kept of a run.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Ending, Proof, Stage};
use crate::board::Who;
use crate::error::{Kind, Remedy};

/// The number of this form of the record; a reader that knows it understands the rest.
pub const SCHEMA: u32 = 2;

/// What was done to a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// An image was written by the board's U-Boot.
    Flash,
    /// It was started over USB.
    UsbBoot,
    /// It was started over the network.
    NetBoot,
    /// It was reset.
    Reset,
    /// What it boots from over the network was made.
    ClientAdd,
    /// An image was written by the agent, on the board or on this host.
    Deploy,
    /// A disk was read by the agent, and kept.
    Backup,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Flash, Self::UsbBoot, Self::NetBoot, Self::Reset, Self::ClientAdd, Self::Deploy, Self::Backup];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Flash => "flash",
            Self::UsbBoot => "usb-boot",
            Self::NetBoot => "net-boot",
            Self::Reset => "reset",
            Self::ClientAdd => "client-add",
            Self::Deploy => "deploy",
            Self::Backup => "backup",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}

impl FromStr for Way {
    type Err = NoWay;

    fn from_str(text: &str) -> Result<Self, NoWay> {
        Self::ALL.into_iter().find(|way| way.word() == text).ok_or(NoWay)
    }
}

/// A text that names nothing that is done to boards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are flash, usb-boot, net-boot, reset, client-add, deploy and backup")]
pub struct NoWay;

/// The name of a run: twelve hexadecimal digits of chance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// The name for twelve hexadecimal digits; the low 48 bits count.
    #[must_use]
    pub fn new(chance: u64) -> Self {
        Self(format!("{:012x}", chance & 0xffff_ffff_ffff))
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

/// A step of a run, and when the run entered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entered {
    /// The step.
    pub stage: Stage,
    /// When, in UTC.
    pub at: Timestamp,
}

/// A record keeps so many steps; a board that starts again and again makes no endless record.
const MOST_STAGES: usize = 128;

/// One attempt to do something to one board. It is written before the first thing is done, and again at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Its name.
    pub run: RunId,
    /// What was done.
    pub way: Way,
    /// The board, as far as it became known.
    pub board: Who,
    /// When it began, in UTC.
    pub started: Timestamp,
    /// How long it took, in seconds; `None` where it has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The step that it ended in, or was in when this was written.
    pub stage: Stage,
    /// Which steps it went through, and when it entered each. A record of an older version has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Entered>,
    /// How it ended.
    #[serde(flatten)]
    pub ending: Ending,
    /// What was not as it should be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Remedy>,
    /// The version of piprov that wrote it.
    pub piprov: String,
    /// What only this way has: the image, what was read back, which files were served.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub detail: serde_json::Value,
}

impl Record {
    /// Reads one: of this form, or of the first, which only flashes had. `None` for what is neither.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        read(bytes)
    }

    /// The record of a run that begins.
    #[must_use]
    pub fn begin(run: RunId, way: Way, board: Who, started: Timestamp) -> Self {
        Self {
            schema: SCHEMA,
            run,
            way,
            board,
            started,
            seconds: None,
            stage: Stage::Resolve,
            stages: vec![Entered { stage: Stage::Resolve, at: started }],
            ending: Ending::Unfinished,
            warnings: Vec::new(),
            piprov: env!("CARGO_PKG_VERSION").to_owned(),
            detail: serde_json::Value::Null,
        }
    }

    /// It is in this step since then. What says the same again changes nothing; a step that took no time at all leaves
    /// no trace.
    pub fn enter(&mut self, stage: Stage, at: Timestamp) {
        self.stage = stage;
        let full = self.stages.len() >= MOST_STAGES;
        match self.stages.last_mut() {
            Some(last) if last.stage == stage => {}
            Some(last) if last.at == at => last.stage = stage,
            _ if full => {}
            _ => self.stages.push(Entered { stage, at }),
        }
    }
}

impl Record {
    /// How long it was in each step, in milliseconds, in the order in which they began. Empty where that isn't on record,
    /// as while it goes on: nobody knows its last step's end.
    #[must_use]
    pub fn spent(&self) -> Vec<(Stage, i64)> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float becomes the nearest number that there is"
        )]
        let Some(took) = self.seconds.map(|seconds| (seconds * 1000.0).round() as i64) else {
            return Vec::new();
        };
        let end = self.started.as_millisecond().saturating_add(took);
        let mut spent: Vec<(Stage, i64)> = Vec::new();
        for (at, step) in self.stages.iter().enumerate() {
            let began = step.at.as_millisecond();
            let until = self.stages.get(at + 1).map_or(end, |next| next.at.as_millisecond()).min(end);
            // A clock may have been set meanwhile.
            let took = until.saturating_sub(began).max(0);
            match spent.iter_mut().find(|(stage, _)| *stage == step.stage) {
                Some((_, before)) => *before = before.saturating_add(took),
                None => spent.push((step.stage, took)),
            }
        }
        spent
    }
}

fn read(bytes: &[u8]) -> Option<Record> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    match value.get("schema")?.as_u64()? {
        1 => first_form(value),
        2 => serde_json::from_value(value).ok(),
        _ => None,
    }
}

/// The record of a flash, as version 0.1 wrote it.
fn first_form(value: serde_json::Value) -> Option<Record> {
    let serde_json::Value::Object(mut old) = value else { return None };
    let mut take = |name: &str| old.remove(name).unwrap_or_default();
    let text = |value: serde_json::Value| value.as_str().map(str::to_owned);
    let board = Who {
        name: text(take("target")),
        mac: serde_json::from_value(take("mac")).ok(),
        address: serde_json::from_value(take("ip")).ok(),
        ..Who::default()
    };
    let (why, hint, last_seen) = (text(take("why")), text(take("hint")), text(take("last_seen")));
    let hint = hint.map(Remedy::from);
    let why = why.unwrap_or_default();
    let ending = match take("outcome").as_str()? {
        "done" => Ending::Done { proof: Proof::ReadBack },
        "not-verified" => Ending::NotVerified { why, hint },
        // That form kept no kind.
        "failed" => Ending::Failed { why, last_seen, hint, kind: Kind::Failed },
        _ => return None,
    };
    let mut record = Record {
        schema: SCHEMA,
        run: RunId(text(take("job"))?),
        way: Way::Flash,
        board,
        started: serde_json::from_value(take("started")).ok()?,
        seconds: take("seconds").as_f64(),
        stage: serde_json::from_value(take("stage")).ok()?,
        stages: Vec::new(),
        ending,
        warnings: Vec::new(),
        piprov: "0.1.0".to_owned(),
        detail: serde_json::Value::Null,
    };
    old.remove("schema");
    record.detail = serde_json::Value::Object(old);
    Some(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_when_each_step_was_entered_and_not_without_end() {
        let at = |seconds: i64| Timestamp::from_second(1_764_324_000 + seconds).unwrap();
        let mut record = Record::begin(RunId::new(1), Way::Deploy, Who::named("a"), at(0));
        for (stage, seconds) in [(Stage::Open, 0), (Stage::Write, 3), (Stage::Write, 4), (Stage::ReadBack, 9)]
        {
            record.enter(stage, at(seconds));
        }
        let steps: Vec<_> = record.stages.iter().map(|step| (step.stage, step.at)).collect();
        assert_eq!(steps, [(Stage::Open, at(0)), (Stage::Write, at(3)), (Stage::ReadBack, at(9))]);
        assert_eq!(Record::read(&serde_json::to_vec(&record).unwrap()), Some(record.clone()));
        for seconds in 10..1000 {
            record.enter(if seconds % 2 == 0 { Stage::Fetch } else { Stage::Write }, at(seconds));
        }
        assert_eq!((record.stages.len(), record.stage), (MOST_STAGES, Stage::Write));
    }

    #[test]
    fn a_record_of_before_has_no_steps() {
        let text = r#"{"schema":2,"run":"000000000001","way":"deploy","board":{},"started":"2026-11-28T10:00:00Z",
            "stage":"write","outcome":"unfinished","piprov":"0.9.0"}"#;
        assert_eq!(Record::read(text.as_bytes()).unwrap().stages, []);
    }
}
