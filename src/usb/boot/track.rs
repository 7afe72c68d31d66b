//! How far a board is.

use crate::board::Serial;
use crate::board::identity::{Chip, Identity};
use crate::error::Explain;
use crate::usb::event::{Ending, Stage};
use crate::usb::metadata::Metadata;
use crate::usb::transport::Device;
use crate::usb::trouble::Trouble;

/// How far a board is, for whoever must tell about it while its thread hangs in a transfer.
#[derive(Debug, Clone)]
pub(in crate::usb) struct Track {
    /// What the board was last.
    pub(in crate::usb) device: Device,
    pub(in crate::usb) stage: Stage,
    pub(in crate::usb) last_file: Option<String>,
    pub(in crate::usb) files: u64,
    pub(in crate::usb) bytes: u64,
    pub(in crate::usb) metadata: Metadata,
    pub(in crate::usb) chip: Option<Chip>,
    pub(in crate::usb) serial: Option<Serial>,
}

impl Track {
    pub(in crate::usb) fn new(device: &Device) -> Self {
        Self {
            device: device.clone(),
            stage: Stage::Open,
            last_file: None,
            files: 0,
            bytes: 0,
            metadata: Metadata::default(),
            chip: device.identity().and_then(Identity::chip),
            serial: device.board_serial(),
        }
    }

    /// The ending of a board that can't go on.
    pub(in crate::usb) fn failed(&self, trouble: &Trouble) -> Ending {
        Ending::Failed {
            stage: self.stage,
            why: trouble.to_string(),
            hint: trouble.hint(),
            kind: trouble.kind(),
            last_file: self.last_file.clone(),
            files: self.files,
        }
    }
}
