//! Who is told by HTTP what happens.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Time;

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub enum Happening {
    /// A board has come, and says who it is.
    #[serde(rename = "board.seen")]
    BoardSeen,
    /// A run has begun.
    #[serde(rename = "run.started")]
    RunStarted,
    /// A run has ended, and its end was proved.
    #[serde(rename = "run.done")]
    RunDone,
    /// A run has ended otherwise: failed, lost, cancelled, not verified.
    #[serde(rename = "run.failed")]
    RunFailed,
    /// Something of the station is a problem, or will be one.
    #[serde(rename = "station.trouble")]
    StationTrouble,
    /// A slot is suspected: boards fail there again and again.
    #[serde(rename = "slot.suspected")]
    SlotSuspected,
    /// Somebody tries whether the hook works.
    #[serde(rename = "test")]
    Test,
}

impl Happening {
    /// All that a hook may be for.
    pub const ALL: [Self; 6] = [
        Self::BoardSeen,
        Self::RunStarted,
        Self::RunDone,
        Self::RunFailed,
        Self::StationTrouble,
        Self::SlotSuspected,
    ];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::BoardSeen => "board.seen",
            Self::RunStarted => "run.started",
            Self::RunDone => "run.done",
            Self::RunFailed => "run.failed",
            Self::StationTrouble => "station.trouble",
            Self::SlotSuspected => "slot.suspected",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}

/// A hook: an address that is told what happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Hook {
    /// What people call it.
    pub name: String,
    /// Where it is: `https://HOST/PATH`. What may be a password in it stands there.
    pub url: String,
    /// What is told.
    pub events: Vec<Happening>,
    /// A sentence as `text/plain` instead of JSON: for ntfy and the like.
    #[serde(default)]
    pub plain: bool,
    /// When it was made.
    pub made: Time,
    /// By whom.
    pub by: String,
}

/// A hook as it is made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewHook {
    /// What people call it. 1 to 63 characters.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// What is told; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Happening>,
    /// A sentence as `text/plain` instead of JSON.
    #[serde(default)]
    pub plain: bool,
    /// What calls are signed with, 16 to 200 characters; without it one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl fmt::Debug for NewHook {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("NewHook").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A hook that was made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct MadeHook {
    /// What is known of it later.
    #[serde(flatten)]
    pub hook: Hook,
    /// What calls are signed with, told this once.
    pub secret: String,
}

impl fmt::Debug for MadeHook {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("MadeHook").field("hook", &self.hook).finish_non_exhaustive()
    }
}

/// How far something is that a hook is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// It is tried, or tried again.
    Waiting,
    /// It was told.
    Done,
    /// It was tried often enough, or nobody wants it.
    GivenUp,
}

/// Something that a hook is to be told, or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Delivery {
    /// Its name: each try has the same, so that who gets it twice knows.
    pub delivery: String,
    /// The hook.
    pub hook: String,
    /// What happened.
    pub event: Happening,
    /// With what: a run's or a board's name.
    pub on: String,
    /// How far it is.
    pub state: DeliveryState,
    /// How often it was tried.
    pub tries: u32,
    /// When it happened.
    pub made: Time,
    /// When it is tried next, or was tried last.
    pub due: Time,
    /// The HTTP status of the last try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u32>,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// Which of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeliveriesAsked {
    /// Of this hook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<String>,
    /// In this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<DeliveryState>,
    /// [`Page::next`](super::Page::next) of the call before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1 to 500 lines; 50 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_happening_is_one_word_everywhere() {
        for happening in Happening::ALL.into_iter().chain([Happening::Test]) {
            assert_eq!(serde_json::to_value(happening).unwrap(), happening.word());
        }
    }
}
