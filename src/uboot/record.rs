//! The record of one flash: every attempt is kept, also the failed ones.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::event::{Ending, Stage};
use crate::board::Mac;
use crate::format::json;

/// One attempt to flash one board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// 1; a reader that knows this number understands the rest.
    pub schema: u32,
    /// The job's name, which the board's paths carried.
    pub job: String,
    /// The target's name.
    pub target: String,
    /// The board.
    pub mac: Mac,
    /// The address that the board asked from.
    pub ip: Option<IpAddr>,
    /// When it began, in UTC.
    pub started: jiff::Timestamp,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The stage that it ended in.
    pub stage: Stage,
    /// How it ended.
    #[serde(flatten)]
    pub ending: Ending,
    /// The image.
    pub image: ImageRecord,
    /// The card; unknown where the board never asked.
    pub card: Option<CardRecord>,
    /// How many bytes of the image go onto a card.
    pub bytes: u64,
    /// What the board read back, each found equal to what it should have written.
    pub steps: Vec<StepRecord>,
}

/// Which image it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// The file's name as it was given.
    pub name: String,
    /// Its compression.
    pub format: String,
    /// Length of the raw bytes, where the flash came so far.
    pub raw_len: Option<u64>,
    /// sha256 of the file.
    pub file_sha256: Option<String>,
    /// sha256 of the raw bytes.
    pub raw_sha256: Option<String>,
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

impl Run {
    /// Writes the record below `state_dir`, and says where.
    ///
    /// # Errors
    /// When the directory or the file can't be made.
    pub fn save(&self, state_dir: &Path) -> io::Result<PathBuf> {
        let dir = state_dir.join("runs");
        fs::create_dir_all(&dir)?;
        let started = self.started.strftime("%Y%m%dT%H%M%SZ");
        let path = dir.join(format!("{started}-{}-{}.json", self.target, self.job));
        let mut file = tempfile::NamedTempFile::new_in(&dir)?;
        io::Write::write_all(&mut file, (json::pretty(self)? + "\n").as_bytes())?;
        // Others may read what happened; tempfile is private by default.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(mode)?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(path)
    }
}
