//! Why the store can't do something.

use std::path::PathBuf;

use crate::error::{Explain, Kind, Remedy, Task, remedy};
use crate::station::jobs::Refused;

/// Why the store can't do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A newer version of this program has made it, or has changed it.
    #[error("the store {store} has form {found}; this version knows forms up to {known}")]
    Newer {
        /// Which one.
        store: String,
        /// The form that it has.
        found: i64,
        /// The newest form that is known.
        known: i64,
    },
    /// Its form isn't what the version that it names has made.
    #[error("the store {store} was changed by another program: {why}")]
    Changed {
        /// Which one.
        store: String,
        /// What differs.
        why: String,
    },
    /// A database, but not of this program.
    #[error("the database {store} has tables of another program")]
    Foreign {
        /// Which one.
        store: String,
    },
    /// The text names no store.
    #[error("`{text}` names no store: {why}")]
    BadUrl {
        /// What was given, without a password.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// Another program has had it for longer than one waits.
    #[error("another program holds the store")]
    Locked,
    /// What is on the disk is no database any more.
    #[error("the store is damaged: {why}")]
    Damaged {
        /// What the database says.
        why: String,
    },
    /// A row isn't as it was written.
    #[error("the store is damaged: a row of {table}: {why}")]
    Row {
        /// Of which table.
        table: &'static str,
        /// What is wrong.
        why: String,
    },
    /// No room.
    #[error("the disk of the store is full")]
    DiskFull,
    /// The database isn't there, or has gone away.
    #[error("the database doesn't answer")]
    Unavailable {
        /// What happened.
        source: Box<sqlx::Error>,
    },
    /// The database, or the file, doesn't let this user in.
    #[error("the store may not be used")]
    Permission {
        /// What the database says.
        source: Box<sqlx::Error>,
    },
    /// Anything else that the database says.
    #[error("the database refuses: {what}")]
    Sql {
        /// In its words.
        what: String,
        /// All of it.
        source: Box<sqlx::Error>,
    },
    /// The system says no.
    #[error("{doing} {}", path.display())]
    Os {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// No such thing.
    #[error("there is no {what} `{name}`")]
    NoSuch {
        /// What sort of thing.
        what: &'static str,
        /// What was looked for.
        name: String,
    },
    /// Several things are meant.
    #[error("several boards are `{name}`")]
    Several {
        /// What was looked for.
        name: String,
    },
    /// There is one already.
    #[error("another {what} is called `{name}` already")]
    Taken {
        /// What sort of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A place that another slot has.
    #[error("the {kind} `{place}` is that of the slot `{slot}` already")]
    PlaceTaken {
        /// What sort of place.
        kind: &'static str,
        /// Which one.
        place: String,
        /// The slot that has it.
        slot: String,
    },
    /// A cell of the map that another slot has.
    #[error("row {row}, column {column} of the map is that of the slot `{slot}` already")]
    CellTaken {
        /// Its row.
        row: u8,
        /// Its column.
        column: u8,
        /// The slot that has it.
        slot: String,
    },
    /// A name for a board by which another one is known.
    #[error("`{name}` is the {what} of another board, {board}")]
    OfOther {
        /// The name.
        name: String,
        /// What it is of the other one.
        what: &'static str,
        /// The id of the other one.
        board: String,
    },
    /// Something else needs it.
    #[error("the {what} `{name}` is in use: {by}")]
    InUse {
        /// What sort of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// By what.
        by: String,
    },
    /// A source of values has nothing left for a board.
    #[error("the values of `{source}` are used up: {why}")]
    UsedUp {
        /// The source.
        r#source: String,
        /// Why nothing is left.
        why: String,
    },
    /// A value that can't be.
    #[error("{what}: {why}")]
    BadValue {
        /// Which one.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// A board or its job may not do that now.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// More than is kept.
    #[error("there are {most} {what} already, more aren't kept")]
    Many {
        /// Of what.
        what: &'static str,
        /// The limit.
        most: u64,
    },
    /// No more boards that nobody knows fit, and none of them may make room.
    #[error("{most} boards wait for a person already: a new one finds no room")]
    Strangers {
        /// The limit.
        most: u64,
    },
    /// A slot stays what it is.
    #[error("the slot `{slot}` is a {is}, and isn't made a {to}")]
    OtherKind {
        /// The slot.
        slot: String,
        /// What it is.
        is: &'static str,
        /// What it was to become.
        to: &'static str,
    },
    /// A copy of a store that can't be read.
    #[error("this is no whole copy of a store: {why}")]
    BadCopy {
        /// What is wrong.
        why: String,
    },
    /// A copy goes only into a store that has nothing yet.
    #[error("the store {store} has something in it already")]
    NotEmpty {
        /// Which one.
        store: String,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Newer { .. } | Self::Changed { .. } | Self::Foreign { .. } | Self::BadUrl { .. } => {
                Kind::Config
            }
            Self::Locked
            | Self::Taken { .. }
            | Self::OfOther { .. }
            | Self::PlaceTaken { .. }
            | Self::CellTaken { .. }
            | Self::InUse { .. }
            | Self::OtherKind { .. }
            | Self::Many { .. }
            | Self::UsedUp { .. }
            | Self::NotEmpty { .. } => Kind::Busy,
            Self::Damaged { .. } | Self::Row { .. } | Self::BadValue { .. } | Self::BadCopy { .. } => {
                Kind::BadData
            }
            Self::DiskFull | Self::Sql { .. } => Kind::Io,
            Self::Unavailable { .. } | Self::Strangers { .. } => Kind::Unavailable,
            Self::Permission { .. } => Kind::Permission,
            Self::Os { source, .. } => Kind::of_io(source),
            Self::NoSuch { .. } | Self::Several { .. } => Kind::NoInput,
            Self::Refused(refused) => refused.kind(),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::Newer { .. } => "use the version that has made it, or a copy from before".into(),
            Self::Foreign { .. } => {
                remedy!["give the station a database of its own; see ", Task::ConfigShow]
            }
            Self::Locked => "end the other program; one station has one store".into(),
            Self::Damaged { .. } | Self::Row { .. } => {
                "look at the disk and at the kernel's log, then go back to a copy of the store".into()
            }
            Self::DiskFull => "make room there: old runs, logs and images may go".into(),
            Self::Unavailable { .. } => "look whether the database server runs, and at its log".into(),
            Self::NotEmpty { .. } => "give an empty database".into(),
            Self::Strangers { .. } => "let boards in that are yours, and refuse or forget the others".into(),
            Self::OtherKind { .. } => {
                "remove the slot and make it anew, or make another one beside it".into()
            }
            Self::UsedUp { .. } => {
                "give the source more values, or release those of boards that are gone".into()
            }
            _ => return None,
        })
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let boxed = Box::new(error);
        let code = boxed.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned();
        let what =
            boxed.as_database_error().map_or_else(|| boxed.to_string(), |error| error.message().to_owned());
        // SQLite's extended codes have the plain one in their low byte; PostgreSQL's have five characters.
        if code.len() < 5 {
            match code.parse::<u32>().map(|code| code & 0xff) {
                Ok(5 | 6) => return Self::Locked,
                Ok(11 | 26) => return Self::Damaged { why: what },
                Ok(13) => return Self::DiskFull,
                Ok(3 | 8 | 14 | 23) => return Self::Permission { source: boxed },
                _ => {}
            }
        } else if code == "55P03" || code == "40P01" {
            return Self::Locked;
        } else if code == "53100" {
            return Self::DiskFull;
        } else if code.starts_with("28") || code == "42501" {
            return Self::Permission { source: boxed };
        } else if code.starts_with("57P") || code.starts_with("08") || code == "53300" || code == "3D000" {
            return Self::Unavailable { source: boxed };
        } else if code == "XX001" || code == "XX002" {
            return Self::Damaged { why: what };
        }
        match *boxed {
            sqlx::Error::PoolTimedOut => Self::Locked,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable { source: boxed },
            _ => Self::Sql { what, source: boxed },
        }
    }
}

impl Error {
    /// What was written under a name that is taken.
    pub(super) fn taken(self, what: &'static str, name: &str) -> Self {
        match &self {
            Self::Sql { source, .. }
                if source
                    .as_database_error()
                    .is_some_and(sqlx::error::DatabaseError::is_unique_violation) =>
            {
                Self::Taken { what, name: name.to_owned() }
            }
            _ => self,
        }
    }
}
