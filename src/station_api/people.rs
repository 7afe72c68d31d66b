//! People, what they may do, and what they did.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Time;

/// Somebody who may use the station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct User {
    /// The name that they log in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// They may not log in.
    #[serde(default)]
    pub disabled: bool,
    /// When the account was made.
    pub made: Time,
    /// When they logged in last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Time>,
}

/// What somebody may do; each may what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Look.
    Viewer,
    /// Deploy, back up, cancel.
    Operator,
    /// Change images, projects, rules, users, settings.
    Admin,
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        })
    }
}

/// What a program proves itself by. Its text is told once, when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Token {
    /// What people call it. One token a name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whose it is.
    pub user: String,
    /// When it was made.
    pub made: Time,
    /// When it ends; `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Time>,
    /// When it was used last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Time>,
}

/// That somebody did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Audit {
    /// When.
    pub time: Time,
    /// The user, token or rule.
    pub by: String,
    /// From where: an address, `socket`.
    pub from: String,
    /// What: `board.deploy`, `image.remove`, …
    pub what: String,
    /// With what.
    pub on: String,
}
