//! Where a station keeps the bytes of its images.

use serde::{Deserialize, Serialize};

use super::Time;

/// Where the bytes of images are, and what becomes of places that were left. A place is `directory`, or `s3://BUCKET` with
/// `/PREFIX` behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct ObjectsStatus {
    /// Where they are put.
    pub place: String,
    /// Since when.
    pub since: Time,
    /// A move that goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving: Option<ObjectMove>,
    /// Places that were left, and still have what was there.
    pub old: Vec<ObjectOld>,
    /// What the station's settings say, where that is another place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<String>,
}

/// A move that goes on: all of a place is being copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct ObjectMove {
    /// The place that is being left.
    pub from: String,
    /// What each station has copied. Where all are done, the move is.
    pub stations: Vec<ObjectCopy>,
}

/// What a station has copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct ObjectCopy {
    /// The station, by its public key.
    pub station: String,
    /// When it told so last.
    pub seen: Time,
    /// Objects that it has copied.
    pub copied: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that are damaged in the place that is being left.
    pub damaged: u64,
    /// Whether it found nothing more to copy.
    pub done: bool,
    /// Why it doesn't get on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A place that was left, and still has what was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct ObjectOld {
    /// The place.
    pub place: String,
    /// The station whose directory it is, by its public key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub station: Option<String>,
    /// Since when it isn't used.
    pub since: Time,
    /// Whether what is there is being removed.
    pub removing: bool,
    /// Why it can't be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A place that is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ObjectsAt {
    /// The place.
    pub place: String,
}

/// A station that doesn't come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ObjectsWithout {
    /// Its public key, or at least 8 characters of its beginning.
    pub station: String,
}
