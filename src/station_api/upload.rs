//! Files that come in pieces, and become images.

use serde::{Deserialize, Serialize};

use super::Time;

/// The longest piece of a file, in bytes.
pub const LONGEST_PIECE: usize = 8 << 20;

/// A file that is to come, as it is announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewUpload {
    /// What the image will be called.
    pub name: String,
    /// How many bytes the file has; at least one.
    pub size: u64,
    /// The file's name where it comes from; 120 characters of it are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What sha256 the file, or the raw image, has to have: 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// A file that the station is to fetch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewFetch {
    /// Where it is: `https://…` or `http://…`, without a user or a password in it.
    pub url: String,
    /// What the image will be called. Without it, as its file is called, without the endings of packed files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What sha256 the file, or the raw image, has to have: 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Where a piece of a file begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PieceAt {
    /// Its first byte, counted from 0: [`Upload::came`].
    pub at: u64,
}

/// A file that comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Upload {
    /// The station's name of it.
    pub id: String,
    /// What the image will be called.
    pub name: String,
    /// The file's name where it comes from.
    pub file: String,
    /// Who sends it.
    #[serde(rename = "by")]
    pub person: String,
    /// How many bytes it has; 0 where that isn't known.
    pub size: u64,
    /// How many of them are here, from the first on. The next piece begins behind them.
    pub came: u64,
    /// sha256 that it has to have, 64 hexadecimal digits; empty where nobody said.
    pub sha256: String,
    /// Where it stands.
    pub state: UploadState,
    /// Why it failed; of one that is fetched also what it waits for.
    pub why: String,
    /// Where the station fetches it from, without the query; empty where it is sent.
    #[serde(default)]
    pub url: String,
    /// When it began.
    pub made: Time,
    /// When something came last. A day later it is removed, where nobody goes on with it.
    pub changed: Time,
}

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum UploadState {
    /// It comes, or is waited for.
    Coming,
    /// All is here, and becomes an image.
    Taking,
    /// It didn't become one.
    Failed,
}
