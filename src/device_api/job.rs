//! What a board is told to do, and what it tells of that.

use serde::{Deserialize, Serialize};

use super::{EepromRef, EepromTold, Health, Names, Role, Script};
use crate::error::Kind;
use crate::run::Stage;

/// Something to do. It belongs to the board until its lease ends; each [`Progress`] renews that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Work {
    /// The job's name.
    pub job: String,
    /// Grows each time that the job is given to somebody; what comes with a lower number is refused.
    pub fence: u64,
    /// For the calls below `jobs/{job}`.
    pub token: String,
    /// What to do.
    pub action: Action,
    /// The lease in seconds.
    pub lease: u32,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Write an image, and read it back. The manifest says which and where.
    Deploy,
    /// Read a disk, and send it. The manifest says which.
    Backup,
    /// Start again.
    Reboot,
    /// Switch off.
    PowerOff,
}

impl Action {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Backup => "backup",
            Self::Reboot => "reboot",
            Self::PowerOff => "power-off",
        }
    }
}

/// What comes after a job that is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Start again, from the disk.
    #[default]
    Reboot,
    /// Switch off.
    PowerOff,
    /// Stay, and ask for more.
    Wait,
}

/// All of a job, signed by the station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Manifest {
    /// [`super::VERSION`].
    pub api: u32,
    /// The job.
    pub job: String,
    /// Its number, as in [`Work::fence`].
    pub fence: u64,
    /// The board that it is for, by its key: 64 hexadecimal digits. Nobody else follows it.
    pub key: String,
    /// What to do.
    pub action: Action,
    /// The image; `None` where none is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
    /// Which disk: see [`aim`](super::aim).
    #[serde(default)]
    pub target: Vec<Role>,
    /// What comes after.
    #[serde(default)]
    pub end: End,
    /// What the board has of its own, by name: the board's programs get each as `PIPROV_VALUE_` and its name.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub values: std::collections::BTreeMap<String, String>,
    /// What is run on the board before and after its image is written, in this order. A client that doesn't run them
    /// must not say that the job is done. What was to be run once, and was, isn't among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts: Vec<Script>,
    /// What is written into the board's flash chip at the end, after its disk was read back and its scripts have run. A client
    /// that doesn't write it must not say that the job is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eeprom: Option<EepromRef>,
    /// What the station calls all of that.
    #[serde(default)]
    pub names: Names,
}

/// The image that is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct ImageRef {
    /// Its name for people.
    pub name: String,
    /// BLAKE3 of its index, 64 hexadecimal digits.
    pub index: String,
    /// Length of the raw image in bytes.
    pub raw_len: u64,
    /// sha256 of the raw image, 64 hexadecimal digits.
    pub raw_sha256: String,
    /// Its name by its chunks ([`content`](crate::image::chunk::index::content)), 64 hexadecimal digits. Where it is
    /// there, [`Outcome::read_back_chunks`] is proof enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunks: Option<String>,
}

/// How far it is. Sent at least three times a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Progress {
    /// As in [`Work::fence`].
    pub fence: u64,
    /// The step that it is in.
    pub stage: Stage,
    /// Bytes done of this step.
    pub done: u64,
    /// Of so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Bytes that came over the network so far.
    #[serde(default)]
    pub fetched: u64,
    /// Lines for the job's log, at most 100 of 500 characters.
    #[serde(default)]
    pub log: Vec<String>,
    /// The steps that it has entered since it was told last, in their order, at most 32: one may be over before anything is
    /// told of it. `stage` is the last one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entered: Vec<StageEntered>,
}

/// A step that a job has entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct StageEntered {
    /// The step.
    pub stage: Stage,
    /// Before so many milliseconds.
    pub ago: u64,
}

/// At most so many steps are told at once.
pub const MOST_ENTERED: usize = 32;

/// The station's answer to [`Progress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Orders {
    /// Somebody has cancelled it: leave nothing bootable, and tell so.
    pub cancel: bool,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Outcome {
    /// As in [`Work::fence`].
    pub fence: u64,
    /// The step that it ended in.
    pub stage: Stage,
    /// What went wrong: `None` where it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// What sort of failure it was; without it, it may have been any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The disk, by the kernel's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The system's error number, where there was one: 1 to 4095.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(minimum = 1, maximum = 4095))]
    pub errno: Option<i32>,
    /// sha256 of what was read back from the disk, as long as the image: 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_back_sha256: Option<String>,
    /// The same by its chunks, as [`ImageRef::chunks`]: instead of the sha256, or beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_back_chunks: Option<String>,
    /// What was read back may have come out of the board's memory instead of from the disk: then it proves nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_memory: bool,
    /// Bytes that were written, what was written twice twice: at most 1 GiB and 16 times the image or the board's largest
    /// disk.
    #[serde(default)]
    pub written: u64,
    /// Bytes that the disk had already: at most as many as the image has.
    #[serde(default)]
    pub kept: u64,
    /// Bytes that came over the network. The same bound.
    #[serde(default)]
    pub fetched: u64,
    /// How the board felt as it began. An older client doesn't tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Health>,
    /// How it felt at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Health>,
    /// What was done with its flash chip, where the manifest has an EEPROM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eeprom: Option<EepromTold>,
}

/// Digests that are asked for at once, at most.
pub const MOST_DIGESTS: usize = 4096;
