//! What the station knows, in a database: SQLite without any set-up, or PostgreSQL.
//!
//! | part | what it is |
//! |---|---|
//! | `db` | both databases behind one way to ask |
//! | `open` | opened, brought to the newest form, or refused |
//! | `boards`, `board_list`, `identity`, `keyless`, `slots`, `switches` | boards, how and where they were seen and who they are |
//! | `jobs`, `runs`, `run_list` | what boards are to do, and what was done |
//! | `images`, `shelf`, `uploads`, `projects`, `rules` | what it is done with, and for whom |
//! | `object_place` | where the bytes of images are kept |
//! | `values`, `draws`, `sheets` | what each board has of its own |
//! | `firmware` | images of boards' EEPROMs |
//! | `labels`, `prints`, `failed_prints` | labels and printers, what is to be printed, and what couldn't be |
//! | `scripts`, `script_runs` | what boards run beside that, and what became of it |
//! | `people`, `second`, `passkeys`, `sessions`, `settings` | who may do what |
//! | `audit` | what was done by whom, as a chain |
//! | `hooks`, `host_hooks`, `once` | who is told what happens, what programs of the host did; what callers have asked for under keys of their own |
//! | `figures` | its size, its version, how much is in it |
//! | `floor` | what the floor shows of all that |
//! | `import` | what comes over from another provisioner |
//! | `copy`, `retain` | a copy of all, and how long things are kept |
//!
//! Each call is one transaction: when it returns, it is on disk. All writers of a store wait for each other. Nothing
//! here has a clock: the time comes in.

mod audit;
mod board_list;
mod boards;
mod copy;
mod db;
mod draws;
mod error;
mod failed_prints;
mod figures;
mod firmware;
mod floor;
mod hooks;
mod host_hooks;
mod identity;
mod images;
mod import;
mod jobs;
mod keyless;
mod labels;
mod object_place;
mod once;
mod open;
mod page;
mod passkeys;
mod people;
mod plans;
mod prints;
mod projects;
mod retain;
mod rules;
mod run_list;
mod runs;
mod script_runs;
mod scripts;
mod second;
mod sessions;
mod settings;
mod sheets;
mod shelf;
mod slots;
mod spool;
mod switches;
mod tally;
mod uploads;
mod values;

#[cfg(test)]
pub(super) mod tests;

pub use audit::{Chained, Did};
pub use board_list::{GONE, There};
pub use draws::Asks;
pub use error::Error;
pub use failed_prints::FailedPrint;
pub use firmware::LastEeprom;
pub use floor::{Place, Since, Waits};
pub use hooks::Due;
pub(in crate::station) use identity::MOST_STRANGERS;
pub use identity::Met;
pub use jobs::{Asked, Drawn, Finished};
pub use keyless::Keyless;
pub use object_place::{ObjectCopied, ObjectPlaces, PlaceRefused, StationRefused};
pub use once::Once;
pub use open::StoreUrl;
pub use page::{limit, part};
pub use passkeys::Passkey;
pub use people::Account;
pub use prints::{Claimed, Printed, Wanted};
pub use retain::{Keep, Removed, room};
pub use rules::{Arrival, Unfit};
pub use sessions::{Invitation, Started};
pub use sheets::TakeTable;
pub use shelf::{Checked, Shared, Shelf, Uses};
pub use switches::Addressed;
pub(in crate::station) use switches::AtJumper;
pub use tally::{LONGEST_WHY, MOST_TALLIES, SEGMENTS};

use db::Db;

/// The store, open. A clone is the same store.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
    name: String,
    /// Who writes here: the name of the station. Several may have one database.
    here: String,
}

#[cfg(test)]
impl Store {
    /// What somebody does with the database itself.
    pub(super) async fn execute(&self, sql: &str) {
        let mut tx = self.db.begin().await.unwrap();
        tx.run(sql, &[]).await.unwrap();
        tx.commit().await.unwrap();
    }
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
