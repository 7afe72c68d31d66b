//! What comes over from another provisioner, and what became of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Label, NewPrinter, Project, Time};
use crate::board::{Mac, Serial};
use crate::device_api::{Disk, Script};

/// What comes over. It is taken together, or nothing of it is. What the station has already stays as it is. More records
/// than are taken at once come in parts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// Where it comes from, in a word: `cmprovision`.
    pub from: String,
    /// Scripts of boards.
    #[serde(default)]
    pub scripts: Vec<Script>,
    /// Templates of labels.
    #[serde(default)]
    pub labels: Vec<Label>,
    /// Printers, without their passwords.
    #[serde(default)]
    pub printers: Vec<NewPrinter>,
    /// Projects. One whose script isn't taken isn't either; one whose label or printer isn't is taken without its label.
    #[serde(default)]
    pub projects: Vec<Project>,
    /// People, by their names. Their accounts are disabled, and have no password.
    #[serde(default)]
    pub users: Vec<String>,
    /// What was done to boards before.
    #[serde(default)]
    pub records: Vec<OldRecord>,
    /// Images that come along with this, by name: where it is only looked what would happen, they count as there.
    #[serde(default)]
    pub images: Vec<String>,
    /// The same of images of EEPROMs.
    #[serde(default)]
    pub firmware: Vec<String>,
}

impl Import {
    /// So many records at most.
    pub const MOST_RECORDS: usize = 50_000;
    /// So many scripts, labels, printers, projects and users each at most.
    pub const MOST: usize = 500;
    /// It has so many bytes as JSON at most.
    pub const LONGEST: usize = 64 << 20;
}

/// What another provisioner has done to a board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OldRecord {
    /// The board's serial number.
    pub serial: Serial,
    /// Its Ethernet address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// Its model; at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its memory in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// The disk that was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// The number that its maker has burnt in and printed as a code: at most 64 letters and digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duid: Option<String>,
    /// When it began. A board and that time name a record: it is taken once.
    pub started: Time,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Time>,
    /// What the other one says of how it ended.
    pub outcome: OldOutcome,
    /// Its last error; at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The image, by its name there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The project, by its name there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// What else it kept: at most 64 members of 1,000 characters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
    /// Lines of its log; at most 200 of 500 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<OldLine>,
}

/// A line of another provisioner's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OldLine {
    /// When.
    pub time: Time,
    /// What it says.
    pub text: String,
}

/// How something ended, in the words of another provisioner. None of it was read back by piprov, so nothing is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OldOutcome {
    /// It says that it was complete.
    Complete,
    /// It says that it failed.
    Failed,
    /// It says neither.
    Unknown,
}

/// Whether it is only looked what would happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ImportAsked {
    /// Nothing changes.
    #[serde(default)]
    pub dry: bool,
}

/// What became of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Imported {
    /// How many of each kind.
    pub taken: Vec<Taken>,
    /// What isn't taken, or not as it was, and why.
    pub left: Vec<LeftOut>,
}

/// What became of a thing that a line tells of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "station", schema(as = ImportFate))]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It isn't taken.
    #[default]
    LeftOut,
    /// It is taken, and isn't as it was there.
    Changed,
    /// It is taken as it was, and there is something to know of it.
    Noted,
}

impl Fate {
    /// What a line of it begins with.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::LeftOut => "left out",
            Self::Changed => "changed",
            Self::Noted => "note",
        }
    }
}

/// How many of a kind were taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "station", schema(as = ImportTaken))]
pub struct Taken {
    /// `script`, `label`, `printer`, `project`, `user`, `record`.
    pub what: String,
    /// So many are new.
    pub new: u64,
    /// So many were there already.
    pub already: u64,
}

/// Something that isn't taken, or not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "station", schema(as = ImportLeftOut))]
pub struct LeftOut {
    /// What became of it.
    #[serde(default)]
    pub kind: Fate,
    /// What it is.
    pub what: String,
    /// Its name there.
    pub name: String,
    /// Why.
    pub why: String,
}
