//! What became of the scripts of a job: `scripts` in the details of its run's record.

use serde::{Deserialize, Serialize};

use crate::device_api::{Script, ScriptEnd, When};

/// A script of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScriptRun {
    /// Its name.
    pub name: String,
    /// When it runs.
    pub when: When,
    /// Whether it ran beside what came next.
    #[serde(default)]
    pub background: bool,
    /// BLAKE3 of its text.
    pub digest: String,
    /// What became of it.
    pub state: ScriptState,
    /// How it ended, where that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<ScriptEnd>,
}

/// What became of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScriptState {
    /// It has not begun.
    Waiting,
    /// It runs once, and has run for this board before.
    DoneBefore,
    /// It has begun.
    Running,
    /// It has ended well.
    Done,
    /// It has ended otherwise.
    Failed,
    /// It began, and the board asked for work anew before its end was told.
    Restarted,
}

impl ScriptState {
    /// As it stands behind the script's name.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Waiting => "has not begun",
            Self::DoneBefore => "was run for this board before",
            Self::Running => "runs",
            Self::Done => "has ended well",
            Self::Failed => "failed",
            Self::Restarted => "began, and its end was never told",
        }
    }

    /// Whether something of it was heard in its run.
    #[must_use]
    pub const fn has_begun(self) -> bool {
        !matches!(self, Self::Waiting | Self::DoneBefore)
    }

    /// Whether nothing of it is left to do.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::DoneBefore | Self::Done)
    }
}

impl ScriptRun {
    /// Those of a record, by its details.
    #[must_use]
    pub fn all_of(detail: &serde_json::Value) -> Vec<Self> {
        let scripts = detail.get("scripts").cloned();
        scripts.and_then(|scripts| serde_json::from_value(scripts).ok()).unwrap_or_default()
    }

    /// One that waits.
    #[must_use]
    pub fn of(script: &Script) -> Self {
        let digest = script.digest();
        Self {
            name: script.name.clone(),
            when: script.when,
            background: script.background,
            digest,
            state: ScriptState::Waiting,
            ended: None,
        }
    }
}
