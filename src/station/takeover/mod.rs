//! Databases of other provisioners, read for what comes over. Nothing of them is changed, and nothing in them is believed.
//!
//! | part | what it is |
//! |---|---|
//! | `database` | opens a copy of one, and gives the rows of a table, bounded |
//! | `cmprovision`, `sb_provisioner` | what their rows mean; pure |
//! | `labels` | labels of cmprovision, and their printers; pure |
//! | `words` | names, times and lines of theirs; pure |

mod cmprovision;
mod database;
mod labels;
mod sb_provisioner;
mod words;

use std::path::Path;

pub use database::Error;

use crate::board::Mac;
use crate::station_api::{Import, LeftOut, ProjectEeprom};

/// What a database has that can come over.
#[derive(Debug, Default)]
pub struct Found {
    /// What the station takes.
    pub import: Import,
    /// Images, which lie beside the database.
    pub images: Vec<FoundImage>,
    /// Images of EEPROMs, which do too.
    pub firmware: Vec<FoundFirmware>,
    /// Fixed addresses of boards.
    pub hosts: Vec<FoundHost>,
    /// The project that each board got.
    pub active: Option<String>,
    /// What isn't taken, or not as it was.
    pub left: Vec<LeftOut>,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundImage {
    /// What it is to be called.
    pub name: String,
    /// Its file, below the directory of that provisioner: one name, without a path.
    pub file: String,
    /// sha256 of that file.
    pub sha256: Option<String>,
}

/// An image of an EEPROM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFirmware {
    /// What it is to be called.
    pub name: String,
    /// Its channel there, one name.
    pub channel: String,
    /// Its file in that channel's directory, one name.
    pub file: String,
}

/// A board's fixed address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundHost {
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its address.
    pub ip: std::net::Ipv4Addr,
}

impl Found {
    fn left(&mut self, what: &str, name: &str, why: impl Into<String>) {
        let left = LeftOut { what: what.to_owned(), name: words::shown(name, 100), why: why.into() };
        self.left.push(left);
    }

    /// What isn't there any more, by a name: projects are taken without it.
    pub fn without_firmware(&mut self, name: &str) {
        let has = |eeprom: &ProjectEeprom| eeprom.firmware == name;
        for project in &mut self.import.projects {
            if project.eeprom.as_ref().is_some_and(has) {
                project.eeprom = None;
            }
        }
        self.import.firmware.retain(|one| one != name);
    }
}

/// What a database of cmprovision has.
///
/// # Errors
/// [`Error`].
pub fn cmprovision(path: &Path) -> Result<Found, Error> {
    database::read(path, cmprovision::TABLES).map(|tables| cmprovision::found(&tables))
}

/// What a manufacturing database of rpi-sb-provisioner has.
///
/// # Errors
/// [`Error`].
pub fn sb_provisioner(path: &Path) -> Result<Found, Error> {
    database::read(path, sb_provisioner::TABLES).map(|tables| sb_provisioner::found(&tables))
}
