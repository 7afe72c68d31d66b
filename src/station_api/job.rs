//! What boards are to do, and what was done.

use serde::{Deserialize, Serialize};

use std::collections::BTreeMap;

use super::{FirstBootSettings, Project, Time, Values};
use crate::device_api::{Action, End, Role, Script};
use crate::error::Kind;

/// Something that a board is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Job {
    /// The station's name of it.
    pub id: String,
    /// The board.
    pub board: String,
    /// The project that it belongs to; `None` where somebody asked for this one thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// What to do.
    pub action: Action,
    /// The image that is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Which disk: that of the first role that some disk of the board has; where several have it nothing is written.
    /// Empty: the only disk, else eMMC, NVMe, SD, USB in this order.
    #[serde(default)]
    pub target: Vec<Role>,
    /// What comes after.
    #[serde(default)]
    pub end: End,
    /// Where it stands.
    pub state: JobState,
    /// Grows each time that it is given to somebody.
    pub fence: u64,
    /// Until then it belongs to the one that has it; 0 where nobody has it.
    pub lease_until: Time,
    /// Somebody wants it to end.
    #[serde(default)]
    pub cancel: bool,
    /// The run of its newest attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Who asked for it: a user, a rule, a token.
    pub by: String,
    /// When.
    pub made: Time,
    /// When it last changed.
    pub changed: Time,
    /// Why its board doesn't get it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
}

/// What a job does beside its image. It is fixed when the job is made, whatever becomes of its project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Plan {
    /// The project, as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Project>,
    /// What its board runs, with its text, in the order in which that begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts: Vec<Script>,
    /// So many jobs before it were the same, and failed by what may pass.
    #[serde(default)]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub tries: u32,
    /// What the board has of its own, by name: reserved to it, and the same in each later job.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub values: Values,
    /// Sources whose servers are to be asked before the board gets the job.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<String>,
    /// First-boot settings with this board's values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub first_boot: FirstBootSettings,
    /// sha256 of the project's EEPROM image, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// It waits for its board.
    Queued,
    /// A board has it.
    Running,
    /// The board has told that it is done, with the proof; what comes after isn't seen yet.
    Finishing,
    /// Done, and read back.
    Done,
    /// Done as far as anybody knows: nothing was read back.
    NotVerified,
    /// It failed. Trying again makes another job.
    Failed,
    /// The board went away.
    Lost,
    /// Somebody has cancelled it.
    Cancelled,
}

/// A run as lists show it. All of it is its record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct RunLine {
    /// Its name.
    pub run: String,
    /// What was done.
    pub way: String,
    /// The board, where the station knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// What people call it.
    pub label: String,
    /// Its serial number.
    #[serde(default)]
    pub serial: String,
    /// The slot that the board was in when it began. Of another command's run: the slot at its USB port or reset line,
    /// else the port itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// The job that it is an attempt of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The image, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The project that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Who asked for it: a user, a rule, a token. `None` where another command did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When it began.
    pub started: Time,
    /// How long it took in milliseconds; `None` where it has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<i64>,
    /// The step that it is in, or ended in.
    pub stage: String,
    /// How it ended, in the word of records: `done`, `failed`, …; `unfinished` while it goes on.
    pub outcome: String,
    /// Why, where it failed.
    #[serde(default)]
    pub why: String,
    /// What sort of failure that was, where it is known: `bad-data`, `io`, `unavailable`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Bytes done of this step.
    #[serde(default)]
    pub done: u64,
    /// Of so many; 0 where that isn't known.
    #[serde(default)]
    pub total: u64,
    /// No board, but a program that behaves as one.
    #[serde(default)]
    pub simulated: bool,
}
