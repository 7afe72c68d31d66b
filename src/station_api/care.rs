//! What will be a problem soon, and what those get that help.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LogLine, NetworkNotice, SettingLine, Status, Time};
use crate::error::Remedy;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TroubleIs {
    /// It will be a problem.
    Coming,
    /// It is one.
    Here,
}

/// What a trouble is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TroubleOf {
    /// The station's disk.
    Disk,
    /// The clock of the station's host.
    Clock,
    /// The database.
    Database,
    /// The certificate for HTTPS.
    Certificate,
    /// A slot at which boards fail again and again.
    Slot,
    /// Values of which each board has its own run out.
    Values,
    /// An Ethernet switch that is asked where boards are tells nothing that can be used.
    Switch,
    /// Boards that are there and have one Ethernet address.
    Address,
    /// The place where the bytes of images are.
    Objects,
    /// A printer takes no labels, or perhaps printed some.
    Printer,
    /// So many boards wait for a person that no more find room.
    Boards,
    /// Boards that are there tell one number of jumpers.
    Jumper,
}

impl TroubleOf {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Disk,
        Self::Clock,
        Self::Database,
        Self::Certificate,
        Self::Slot,
        Self::Values,
        Self::Switch,
        Self::Address,
        Self::Objects,
        Self::Printer,
        Self::Boards,
        Self::Jumper,
    ];

    /// The word of it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Clock => "clock",
            Self::Database => "database",
            Self::Certificate => "certificate",
            Self::Slot => "slot",
            Self::Values => "values",
            Self::Switch => "switch",
            Self::Address => "address",
            Self::Objects => "objects",
            Self::Printer => "printer",
            Self::Boards => "boards",
            Self::Jumper => "jumper",
        }
    }
}

/// Something of the station that is a problem, or will be one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Trouble {
    /// What it is about.
    pub about: TroubleOf,
    /// Whether it is here already.
    pub is: TroubleIs,
    /// A sentence.
    pub text: String,
    /// What helps.
    pub hint: Remedy,
    /// Where the manual explains it: a path of the station.
    pub help: String,
}

/// What a station tells those that help. No secret is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Support {
    /// When it was made.
    pub time: Time,
    /// The station as a whole.
    pub status: Status,
    /// Its database, its disk, and what its boards run.
    pub database: SupportFigures,
    /// Its settings.
    pub settings: Vec<SettingLine>,
    /// What is the matter on the network.
    pub network: Vec<NetworkNotice>,
    /// Its last runs, the newest first.
    pub runs: Vec<SupportRun>,
    /// The last lines of its own log.
    pub log: Vec<String>,
}

/// Figures of a station.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct SupportFigures {
    /// The database and its version.
    pub version: String,
    /// The number of its newest form.
    pub form: i64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Rows of its tables; those of logs and chunks aren't counted.
    pub rows: BTreeMap<String, u64>,
    /// Bytes of the disk with the station's files.
    pub disk_bytes: u64,
    /// Bytes of it that are free.
    pub disk_free: u64,
    /// Versions of agents, with how many boards have each.
    pub agents: BTreeMap<String, u64>,
}

/// A run, with the end of its log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct SupportRun {
    /// The record, as `GET /api/v1/runs/{run}` gives it.
    pub record: serde_json::Value,
    /// The last lines of its log, at most 200.
    pub log: Vec<LogLine>,
}
