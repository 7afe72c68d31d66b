//! Settings of a station, and those of them that change while it serves.

use serde::{Deserialize, Serialize};

use super::Time;

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct SettingLine {
    /// Its name, as files write it.
    pub key: String,
    /// Its value, as a file would write it; empty where it isn't set.
    pub value: String,
    /// Where the value comes from, for people.
    pub comes_from: String,
    /// What it is.
    pub help: String,
    /// What may stand there.
    pub wanted: String,
    /// The value that is built in.
    pub built_in: String,
    /// Whether it may be changed while the station serves.
    pub changes: bool,
    /// Whether a flag or an environment variable of this start says it: then it can't be changed until the next one.
    pub fixed: bool,
    /// Whether a value is saved in the station.
    pub saved: bool,
    /// The value without what is saved.
    pub otherwise: String,
}

/// Another value of a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SettingChange {
    /// The value, as a file would write it.
    pub value: String,
}

/// What is the matter on the network, as what boots boards tells it: the newest of each thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct NetworkNotice {
    /// What it is about: `server`, `board`, `address`, `interface`, `host`.
    pub about: String,
    /// Which one.
    pub subject: String,
    /// When it was so.
    pub time: Time,
    /// The rest of a sentence that begins with the subject.
    pub text: String,
    /// What helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<crate::error::Remedy>,
    /// A board doesn't boot for it, or may not.
    pub bad: bool,
}
