//! Figures over many runs.

use serde::{Deserialize, Serialize};

use super::Time;

/// Which runs are counted. Of those, only what puts an image onto a board: deploy and flash.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StatisticsAsked {
    /// Begun at this time or later; 14 days ago without it. Days are those of the station's time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Begun before this time; now without it. At most 400 days behind `since`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Of this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Of this image, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// In this slot when they began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
}

/// How long something took: the middle one, and the span from the quick to the slow tenth. In milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Spread {
    /// A tenth was as quick as this, or quicker.
    pub quick: Time,
    /// Half of them took so long at most.
    pub median: Time,
    /// Nine of ten took so long at most.
    pub slow: Time,
}

/// How many boards went how far. A board counts once, however often it was tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Boards {
    /// Boards with a run that has ended, and that nobody has cancelled.
    pub tried: u64,
    /// Those of which the last such run was good: done, verified or not.
    pub good: u64,
    /// Those of which the first one was good.
    pub first_pass: u64,
}

/// A day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct DayFigures {
    /// As `2026-11-28`.
    pub day: String,
    /// Its boards.
    pub boards: Boards,
    /// Its runs that failed or were lost.
    pub failed: u64,
    /// How long its good runs took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Spread>,
}

/// A slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct SlotFigures {
    /// Its name; empty for runs of which nobody knows it.
    pub slot: String,
    /// Runs that have ended there.
    pub runs: u64,
    /// Those that failed or were lost.
    pub failed: u64,
    /// The share that fails there lies between this and `high`, with 95 % certainty (Wilson): 0 to 1.
    pub low: f64,
    /// See `low`.
    pub high: f64,
    /// It fails more often than the other slots together, and not by chance.
    pub stands_out: bool,
    /// How long its good runs took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Spread>,
}

/// One of the five segments of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct SegmentFigures {
    /// `seen`, `boot`, `write`, `read-back` or `finish`.
    pub segment: String,
    /// Runs that failed or were lost in it.
    pub failed: u64,
    /// How long good runs were in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Spread>,
}

/// Runs that took about as long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Bin {
    /// They took so long or longer, in milliseconds.
    pub from: Time,
    /// And less than this; `None` in the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Time>,
    /// How many.
    pub runs: u64,
}

/// Why runs failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Reason {
    /// What was told, with `#` for its numbers.
    pub why: String,
    /// A part of it that all of them have: `why` of a list of runs.
    pub part: String,
    /// The step that they ended in.
    pub stage: String,
    /// `failed` or `lost`.
    pub outcome: String,
    /// How many.
    pub runs: u64,
}

/// What became of many runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Statistics {
    /// Runs that began then or later are counted.
    pub since: Time,
    /// And before this.
    pub until: Time,
    /// There were more runs than are counted at once: the oldest are left out.
    pub more: bool,
    /// The runs, those that nobody has ended among them.
    pub runs: u64,
    /// Done and verified.
    pub done: u64,
    /// Done, not verified.
    pub not_verified: u64,
    /// Failed.
    pub failed: u64,
    /// Lost.
    pub lost: u64,
    /// Ended by somebody.
    pub cancelled: u64,
    /// Without an end.
    pub unfinished: u64,
    /// Of all of these, runs of simulated boards.
    pub simulated: u64,
    /// The boards.
    pub boards: Boards,
    /// How long good runs took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Spread>,
    /// The same, run by run.
    pub times: Vec<Bin>,
    /// Day by day, those without runs too.
    pub days: Vec<DayFigures>,
    /// Slot by slot, in the order of the bench, then by name.
    pub slots: Vec<SlotFigures>,
    /// Segment by segment.
    pub segments: Vec<SegmentFigures>,
    /// Why runs failed, the most frequent first; 20 at most.
    pub reasons: Vec<Reason>,
}
