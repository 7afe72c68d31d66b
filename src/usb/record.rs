//! What the record of a USB boot holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::What;
use super::metadata::Metadata;
use super::wait_for::Appeared;
use crate::run::{Record, Way};

/// So many files are named; the longest boot known asks for some hundred.
const MOST_FILES: usize = 512;

/// What the record of a USB boot says beside what every record says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsbBoot {
    /// The directory that its files came from; `None` where no directory was found for it.
    pub payload: Option<String>,
    /// Whether that was chosen by the board, so that another board may get another one.
    pub of_board: bool,
    /// Why it is this one, where somebody decided so for this board.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How many files it got, the bootcode included; a file that it got twice counts twice.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Each of them once, in the order in which it got them; the first 512.
    pub sent: Vec<SentFile>,
    /// What it asked for last, whether it is there or not.
    pub last_file: Option<String>,
    /// Whether it has said that it needs no more files.
    pub has_all: bool,
    /// What it showed itself as last.
    pub state: Option<String>,
    /// What the board became, as far as was looked for.
    pub appeared: Vec<Appeared>,
    /// What it told about itself.
    pub told: BTreeMap<String, String>,
}

/// A file that the board got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentFile {
    /// As the board called it.
    pub name: String,
    /// Its length.
    pub bytes: u64,
}

impl UsbBoot {
    /// That of a record; `None` where it isn't one of a USB boot.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        if record.way != Way::UsbBoot {
            return None;
        }
        serde_json::from_value(record.detail.clone()).ok()
    }

    /// Takes what happened.
    pub(super) fn take(&mut self, what: &What) {
        match what {
            What::Seen { state, .. } => self.state = Some(state.to_string()),
            What::Serving { dir, of_board, why } => {
                (self.payload, self.of_board) = (Some(dir.display().to_string()), *of_board);
                self.why.clone_from(why);
            }
            What::Uploading { name, .. }
            | What::Found { name, .. }
            | What::Missing { name }
            | What::Refused { name, .. } => self.last_file = Some(name.clone()),
            What::Sent { name, bytes, .. } => {
                self.files += 1;
                self.bytes += bytes;
                let file = SentFile { name: name.clone(), bytes: *bytes };
                if self.sent.len() < MOST_FILES && !self.sent.contains(&file) {
                    self.sent.push(file);
                }
            }
            What::FilesBegin => self.has_all = false,
            What::FilesEnd { .. } => self.has_all = true,
            What::Appeared(appeared) => self.appeared.push(appeared.clone()),
            _ => {}
        }
    }

    /// Takes all that the board has told.
    pub(super) fn told(&mut self, metadata: &Metadata) {
        self.told = metadata.entries().iter().cloned().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_board_that_asks_for_ever_makes_no_endless_record() {
        let mut boot = UsbBoot::default();
        for at in 0..100_000_u64 {
            let name = format!("file{}", at % 5000);
            boot.take(&What::Sent { name, bytes: 1, time: Duration::ZERO });
        }
        assert_eq!((boot.files, boot.bytes, boot.sent.len()), (100_000, 100_000, MOST_FILES));
    }
}
