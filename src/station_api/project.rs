//! What is to be done with boards, and which boards get it.

use serde::{Deserialize, Serialize};

use super::Time;
use crate::device_api::{End, Role};

/// What is to be done with a board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Project {
    /// What people call it. One project a name.
    pub name: String,
    /// The image, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// As in [`super::Job::target`].
    #[serde(default)]
    pub target: Vec<Role>,
    /// What comes after.
    #[serde(default)]
    pub end: End,
    /// What becomes of a board that was done before.
    #[serde(default)]
    pub again: Again,
    /// When it was made.
    #[serde(default)]
    pub made: Time,
}

/// What becomes of a board for which the same was done before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Again {
    /// Nothing: it is left as it is.
    #[default]
    Skip,
    /// A person decides.
    Ask,
    /// It is done again.
    Again,
}

/// Which project an arriving board gets. Rules are tried in their order; the first that matches counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Rule {
    /// What people call it. One rule a name.
    pub name: String,
    /// Its place among the rules, from 0.
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub position: u32,
    /// All of these have to hold.
    pub matching: Matching,
    /// What happens then.
    pub what: What,
    /// How many boards it has matched: one that stays at 0 is perhaps wrong.
    #[serde(default)]
    pub matched: u64,
    /// When it matched last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Time>,
}

/// What a board has to be. What isn't said holds for any board.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Matching {
    /// Serial number, with `*` for any digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Ethernet address, with `*` for any digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// A part of the model's name, in any case of letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The slot's name, with `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// At least so much memory, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_min: Option<u64>,
    /// At most so much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_max: Option<u64>,
    /// A disk of at least so many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_min: Option<u64>,
    /// No disk of more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_max: Option<u64>,
}

impl Matching {
    /// Two members that no board has both of: the least is above the most.
    #[must_use]
    pub fn contradiction(&self) -> Option<[&'static str; 2]> {
        let pairs = [
            (self.memory_min, self.memory_max, ["memory_min", "memory_max"]),
            (self.storage_min, self.storage_max, ["storage_min", "storage_max"]),
        ];
        let found =
            pairs.into_iter().find(|(least, most, _)| matches!((least, most), (Some(l), Some(m)) if l > m));
        found.map(|(_, _, names)| names)
    }
}

/// What happens with a board that a rule matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum What {
    /// It gets this project.
    Project {
        /// By its name.
        project: String,
    },
    /// Its disk is backed up.
    Backup,
    /// It waits for a person.
    Wait,
}
