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
    /// The password alone isn't enough when they log in.
    #[serde(default)]
    pub second_factor: bool,
    /// A telephone computes codes for that.
    #[serde(default)]
    pub codes: bool,
    /// How many passkeys they have.
    #[serde(default)]
    pub passkeys: u64,
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
    /// What it is good for; empty: all that its role may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Scope>,
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

/// A part of the station, to look at or to change too, to which a token can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub enum Scope {
    /// Boards, their jobs and slots: look.
    #[serde(rename = "boards:read")]
    BoardsRead,
    /// The same: change too.
    #[serde(rename = "boards:write")]
    BoardsWrite,
    /// Images and backups: look, and fetch.
    #[serde(rename = "images:read")]
    ImagesRead,
    /// The same: change too.
    #[serde(rename = "images:write")]
    ImagesWrite,
    /// Runs and their logs: look.
    #[serde(rename = "runs:read")]
    RunsRead,
    /// The same: change too.
    #[serde(rename = "runs:write")]
    RunsWrite,
    /// Projects and rules: look.
    #[serde(rename = "rules:read")]
    RulesRead,
    /// The same: change too.
    #[serde(rename = "rules:write")]
    RulesWrite,
    /// Users, tokens, sessions and what they did: look.
    #[serde(rename = "people:read")]
    PeopleRead,
    /// The same: change too. Who may make users may do all.
    #[serde(rename = "people:write")]
    PeopleWrite,
    /// The station as a whole, its events, settings, hooks and network: look.
    #[serde(rename = "station:read")]
    StationRead,
    /// The same: change too.
    #[serde(rename = "station:write")]
    StationWrite,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::BoardsRead,
        Self::BoardsWrite,
        Self::ImagesRead,
        Self::ImagesWrite,
        Self::RunsRead,
        Self::RunsWrite,
        Self::RulesRead,
        Self::RulesWrite,
        Self::PeopleRead,
        Self::PeopleWrite,
        Self::StationRead,
        Self::StationWrite,
    ];

    /// Its word: `boards:write`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::BoardsRead => "boards:read",
            Self::BoardsWrite => "boards:write",
            Self::ImagesRead => "images:read",
            Self::ImagesWrite => "images:write",
            Self::RunsRead => "runs:read",
            Self::RunsWrite => "runs:write",
            Self::RulesRead => "rules:read",
            Self::RulesWrite => "rules:write",
            Self::PeopleRead => "people:read",
            Self::PeopleWrite => "people:write",
            Self::StationRead => "station:read",
            Self::StationWrite => "station:write",
        }
    }

    /// Whether who has this may do what takes the other.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        let parts = |scope: Self| scope.word().split_once(':').unwrap_or_default();
        self == other || (parts(self).0 == parts(other).0 && parts(self).1 == "write")
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    /// `boards` is `boards:write`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let whole = if text.contains(':') { text.to_owned() } else { format!("{text}:write") };
        let found = Self::ALL.into_iter().find(|scope| scope.word() == whole);
        found.ok_or_else(|| {
            let words: Vec<_> = Self::ALL.iter().map(|scope| scope.word()).collect();
            format!("there are {}", words.join(", "))
        })
    }
}

/// A session of somebody, as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Session {
    /// Its name. Nobody gets in by that.
    #[serde(rename = "session")]
    pub digest: String,
    /// Whose it is.
    #[serde(rename = "user")]
    pub name: String,
    /// A browser's; else a program's.
    pub page: bool,
    /// The address that it came from.
    #[serde(rename = "from")]
    pub origin: String,
    /// What the browser called itself.
    pub browser: String,
    /// When it began.
    pub made: Time,
    /// When it was used last, to the minute.
    pub used: Time,
    /// When it ends.
    pub expires: Time,
}

/// Who asks, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Me {
    /// The name under which the audit has what they do: of a user, of a token, or `uid 0` on the Unix socket.
    pub by: String,
    /// What they may do.
    pub role: Role,
    /// What the token is good for; empty: all that its role may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Scope>,
    /// The user that it is, or to whom the token belongs, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
}

/// Somebody gives the own account another password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password that it was.
    pub before: String,
    /// The new one, 10 to 256 characters.
    pub password: String,
}

impl fmt::Debug for PasswordChange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PasswordChange").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_one_word_everywhere_and_to_change_is_to_look_too() {
        for scope in Scope::ALL {
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.word());
            assert_eq!(scope.word().parse(), Ok(scope));
            for other in Scope::ALL {
                let same = scope.word().split(':').next() == other.word().split(':').next();
                assert_eq!(scope.covers(other), same && (scope == other || scope.word().ends_with("write")));
            }
        }
        assert_eq!("boards".parse(), Ok(Scope::BoardsWrite));
        assert!("".parse::<Scope>().is_err() && "boards:".parse::<Scope>().is_err());
    }
}
