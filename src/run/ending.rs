//! How a run ended.

use serde::{Deserialize, Serialize};

use crate::error::{Kind, Remedy};

/// How a run ended; in which step stands beside it. Only [`Ending::Done`] is a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Ending {
    /// It has not ended, or the program that did it was killed.
    Unfinished,
    /// It is done, and this is why that is believed.
    Done {
        /// What shows it.
        proof: Proof,
    },
    /// Everything was done, but nothing shows that it worked.
    NotVerified {
        /// What was told instead.
        why: String,
        /// What to do about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<Remedy>,
    },
    /// It failed.
    Failed {
        /// What happened.
        why: String,
        /// The last thing that was seen of the board.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_seen: Option<String>,
        /// What to do next.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<Remedy>,
        /// The sort of failure, which decides the exit code.
        kind: Kind,
    },
    /// The board went away, and its outcome is not known.
    Lost {
        /// What was seen last.
        why: String,
        /// What to do next.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<Remedy>,
    },
}

/// Why a run is believed to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// What was written was read back from where it lies, and is equal.
    ReadBack,
    /// The board has told that it has all, or shows itself as what it was to become.
    Board,
    /// What was to be done on this host's side is done; a board isn't asked. A reset is such a thing.
    Host,
}

impl Proof {
    /// As it stands behind "done".
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::ReadBack => "read back and equal",
            Self::Board => "the board says so",
            Self::Host => "not asked of the board",
        }
    }
}

impl Ending {
    /// The sort of failure; `None` where the run is done.
    #[must_use]
    pub const fn kind(&self) -> Option<Kind> {
        match self {
            Self::Done { .. } => None,
            Self::Unfinished | Self::NotVerified { .. } => Some(Kind::Failed),
            Self::Lost { .. } => Some(Kind::Unavailable),
            Self::Failed { kind, .. } => Some(*kind),
        }
    }

    /// The word for it, as records and `--json` have it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Unfinished => "unfinished",
            Self::Done { .. } => "done",
            Self::NotVerified { .. } => "not verified",
            Self::Failed { .. } => "failed",
            Self::Lost { .. } => "lost",
        }
    }

    /// Whether it is done.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }

    /// What happened, in a sentence; `None` where it is done or not over.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::NotVerified { why, .. } | Self::Failed { why, .. } | Self::Lost { why, .. } => Some(why),
            Self::Unfinished | Self::Done { .. } => None,
        }
    }

    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> Option<&Remedy> {
        match self {
            Self::NotVerified { hint, .. } | Self::Failed { hint, .. } | Self::Lost { hint, .. } => {
                hint.as_ref()
            }
            Self::Unfinished | Self::Done { .. } => None,
        }
    }
}
