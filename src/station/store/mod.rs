//! What the station knows, in a database: SQLite without any set-up, or PostgreSQL.
//!
//! | part | what it is |
//! |---|---|
//! | `db` | both databases behind one way to ask |
//! | `open` | opened, brought to the newest form, or refused |
//! | `boards`, `identity`, `slots` | boards, how they were seen and who they are |
//! | `jobs`, `runs` | what boards are to do, and what was done |
//! | `images`, `projects`, `rules` | what it is done with, and for whom |
//! | `people`, `settings` | who may do what, what was done by whom |
//! | `copy`, `retain` | a copy of all, and how long things are kept |
//!
//! Each call is one transaction: when it returns, it is on disk. All writers of a store wait for each other. Nothing
//! here has a clock: the time comes in.

mod boards;
mod copy;
mod db;
mod error;
mod identity;
mod images;
mod jobs;
mod open;
mod page;
mod people;
mod projects;
mod retain;
mod rules;
mod runs;
mod settings;
mod slots;
mod spool;

#[cfg(test)]
pub(super) mod tests;

pub use error::Error;
pub use identity::Met;
pub use jobs::{Asked, Drawn, Finished};
pub use open::StoreUrl;
pub use people::Account;
pub use retain::{Keep, Removed, room};
pub use rules::Arrival;

use db::Db;

/// The store, open. A clone is the same store.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
    name: String,
}

/// A new name: a UUID of version 7.
#[must_use]
pub fn new_name() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// A name that people give to something new. What has one already is not asked again: earlier versions took more letters.
///
/// # Errors
/// [`Error::BadValue`]: see [`crate::station_api::check_name`].
pub fn check_name(name: &str) -> Result<(), Error> {
    crate::station_api::check_name(name).map_err(|why| Error::BadValue { what: "name", why: why.to_owned() })
}
