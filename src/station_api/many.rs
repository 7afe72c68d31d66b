//! What is asked for several boards at once: each has an answer of its own, and none waits for another.

use serde::{Deserialize, Serialize};

use super::{BoardChange, Job, NewJob};

/// Boards that are named in one call, at most.
pub const MOST_BOARDS: usize = 500;

/// Something that several boards are to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewJobs {
    /// The boards, as a path names one; 1 to 500.
    #[cfg_attr(feature = "station", schema(min_items = 1, max_items = 500))]
    pub boards: Vec<String>,
    /// What each of them is to do.
    pub job: NewJob,
}

/// What is changed in several boards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BoardsChange {
    /// The boards, as a path names one; 1 to 500.
    #[cfg_attr(feature = "station", schema(min_items = 1, max_items = 500))]
    pub boards: Vec<String>,
    /// What is changed in each of them.
    pub change: BoardChange,
}

/// Several boards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BoardNames {
    /// The boards, as a path names one; 1 to 500.
    #[cfg_attr(feature = "station", schema(min_items = 1, max_items = 500))]
    pub boards: Vec<String>,
}

/// What became of it, board by board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct OfBoards {
    /// A line each, in the order in which they were named.
    pub items: Vec<OfBoard>,
}

/// What became of it for one board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct OfBoard {
    /// The board, as it was named.
    pub board: String,
    /// The status that a call for this board alone would have had.
    pub status: u16,
    /// The job that was made or ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Job>,
    /// Why it wasn't done, one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Which image a board would get, as a job would say it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FitAsked {
    /// The image, by name or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The project whose image it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The sort of disk that is written; without it the one that a deploy would take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<crate::device_api::Role>,
}

/// Whether an image and a board go together, as far as that is known before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Fit {
    /// The image, by its name.
    pub image: String,
    /// Why the board perhaps shouldn't get it: its disk is too small, or it doesn't start from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}
