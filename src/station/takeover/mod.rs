//! Databases of other provisioners, read for what comes over. Nothing of them is changed, and nothing in them is believed.
//!
//! | part | what it is |
//! |---|---|
//! | `database` | opens a copy of one, and gives the rows of a table, bounded |
//! | `cmprovision`, `sb_provisioner` | what their rows mean; pure |
//! | `labels` | labels of cmprovision, and their printers; pure |
//! | `order` | the order in which scripts run; pure |
//! | `words` | names, times and lines of theirs; pure |

mod cmprovision;
mod database;
mod labels;
mod order;
mod sb_provisioner;
mod words;

use std::collections::BTreeMap;
use std::path::Path;

pub use database::Error;

use crate::board::{Mac, Serial};
use crate::image::format::Format;
use crate::station_api::{Fate, Import, LeftOut, OldRecord, ProjectEeprom, Time};

/// So many lines of one sort are told before the rest is summed up.
const MOST_LINES: usize = 1000;

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
    /// How many lines there are of each sort.
    lines: BTreeMap<(Fate, &'static str), usize>,
    /// The times of records with what boot programs tell of a board, and the boards that are meant.
    records: BTreeMap<(String, Time), Vec<Serial>>,
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
    /// How it is packed, as its name says.
    pub packed: Option<Format>,
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
    fn tell(&mut self, kind: Fate, what: &'static str, name: &str, why: impl Into<String>) {
        let lines = self.lines.entry((kind, what)).or_default();
        *lines += 1;
        if *lines <= MOST_LINES {
            let left =
                LeftOut { kind, what: what.to_owned(), name: words::shown(name, 100), why: why.into() };
            self.left.push(left);
        }
    }

    /// It isn't taken.
    fn left(&mut self, what: &'static str, name: &str, why: impl Into<String>) {
        self.tell(Fate::LeftOut, what, name, why);
    }

    /// It is taken, and isn't as it was there.
    fn changed(&mut self, what: &'static str, name: &str, why: impl Into<String>) {
        self.tell(Fate::Changed, what, name, why);
    }

    /// A board and a time name a record: of two the first one is taken.
    fn record(&mut self, record: OldRecord) {
        let boards = self.records.entry((record.serial.directory(), record.started)).or_default();
        // Boards may differ in what stands before the last eight digits alone.
        if !boards.iter().any(|board| board.is_of_same_board(&record.serial)) {
            boards.push(record.serial);
            self.import.records.push(record);
        } else {
            let why = "another row is of the same board and the same time: that one is taken";
            self.left("record", record.serial.as_str(), why);
        }
    }

    /// The same, with what wasn't told line by line summed up.
    fn summed(mut self) -> Self {
        for ((kind, what), lines) in std::mem::take(&mut self.lines) {
            if lines > MOST_LINES {
                let name = format!("{} more", lines - MOST_LINES);
                let why = "like those before, which aren't told one by one".to_owned();
                self.left.push(LeftOut { kind, what: what.to_owned(), name, why });
            }
        }
        self
    }

    /// An image isn't taken: the station may have something else under that name, so no project keeps it. The projects that
    /// had it.
    pub fn without_image(&mut self, name: &str) -> Vec<String> {
        self.import.images.retain(|one| one != name);
        let with = self.import.projects.iter_mut().filter(|project| project.image.as_deref() == Some(name));
        with.map(|project| {
            project.image = None;
            project.name.clone()
        })
        .collect()
    }

    /// An image has another name at the station.
    pub fn image_is_called(&mut self, name: &str, there: &str) {
        let images = self.import.projects.iter_mut().filter_map(|project| project.image.as_mut());
        for one in images.chain(&mut self.import.images).filter(|one| *one == name) {
            there.clone_into(one);
        }
    }

    /// An image of an EEPROM isn't taken: as [`Self::without_image`].
    pub fn without_firmware(&mut self, name: &str) -> Vec<String> {
        self.import.firmware.retain(|one| one != name);
        let has = |eeprom: &ProjectEeprom| eeprom.firmware == name;
        let with = self.import.projects.iter_mut().filter(|project| project.eeprom.as_ref().is_some_and(has));
        with.map(|project| {
            project.eeprom = None;
            project.name.clone()
        })
        .collect()
    }

    /// An image of an EEPROM has another name at the station.
    pub fn firmware_is_called(&mut self, name: &str, there: &str) {
        let projects = self.import.projects.iter_mut().filter_map(|project| project.eeprom.as_mut());
        let images = projects.map(|eeprom| &mut eeprom.firmware);
        for one in images.chain(&mut self.import.firmware).filter(|one| *one == name) {
            there.clone_into(one);
        }
    }
}

/// What a database of cmprovision has.
///
/// # Errors
/// [`Error`].
pub fn cmprovision(path: &Path) -> Result<Found, Error> {
    database::read(path, cmprovision::TABLES).map(|tables| cmprovision::found(&tables).summed())
}

/// What a manufacturing database of rpi-sb-provisioner has.
///
/// # Errors
/// [`Error`].
pub fn sb_provisioner(path: &Path) -> Result<Found, Error> {
    database::read(path, sb_provisioner::TABLES).map(|tables| sb_provisioner::found(&tables).summed())
}
