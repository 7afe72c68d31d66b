//! What the record of a flash holds.

use serde::{Deserialize, Serialize};

use super::peer::Bound;
use crate::run::{FirstBoot, Record, Way};

/// What the record of a flash says beside what every record says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    /// The job's name, which the board's paths carried. The first form of the record had it as the run's name.
    #[serde(default)]
    pub job: String,
    /// Whether the board has proved that it is the board, by its card's secret.
    #[serde(default)]
    pub authenticated: bool,
    /// What says that the peer was the board.
    #[serde(default)]
    pub bound: Bound,
    /// The image.
    pub image: ImageRecord,
    /// The card; unknown where the board never asked.
    pub card: Option<CardRecord>,
    /// How many bytes of the image go onto a card.
    pub bytes: u64,
    /// What the board read back, each found equal to what it should have written.
    pub steps: Vec<StepRecord>,
}

impl Flash {
    /// That of a record; `None` where it isn't one of a flash.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        if record.way != Way::Flash {
            return None;
        }
        serde_json::from_value(record.detail.clone()).ok()
    }
}

/// Which image it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// The file's name as it was given.
    pub name: String,
    /// Its compression.
    pub format: String,
    /// Length of the raw bytes, where the flash came so far.
    pub raw_len: Option<u64>,
    /// sha256 of the file.
    pub file_sha256: Option<String>,
    /// sha256 of the raw bytes, with first-boot settings where there are some.
    pub raw_sha256: Option<String>,
    /// First-boot settings that were written into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_boot: Option<FirstBoot>,
}

/// Where the image went on the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardRecord {
    /// First byte of U-Boot's partition.
    pub uboot_start: u64,
    /// Its length in bytes.
    pub uboot_len: u64,
    /// What an offset in the image is moved by.
    pub shift: u64,
}

/// Something that was written and read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// What it is, for people.
    pub label: String,
    /// The file that the board fetched.
    pub file: String,
    /// Offset in the image, for what comes from it unchanged.
    pub image_offset: Option<u64>,
    /// Offset on the card.
    pub card_offset: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// CRC32 of what was read back.
    pub crc32: String,
}
