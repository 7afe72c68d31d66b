//! How far a board is.

use crate::board::identity::{Chip, Identity};
use crate::board::{Serial, Who};
use crate::error::Explain;
use crate::format::count;
use crate::run::{Ending, Proof, Running, Stage};
use crate::usb::event::What;
use crate::usb::metadata::Metadata;
use crate::usb::record::UsbBoot;
use crate::usb::service::Outcome;
use crate::usb::transport::Device;
use crate::usb::trouble::Trouble;

/// How far a board is, with its run. It is shared, so that a board's run can be ended while its thread hangs in a
/// transfer.
#[derive(Debug)]
pub(in crate::usb) struct Track {
    /// What the board was last.
    pub(in crate::usb) device: Device,
    pub(in crate::usb) running: Running,
    pub(in crate::usb) boot: UsbBoot,
    pub(in crate::usb) metadata: Metadata,
    /// The board that its boot ROM said it is.
    pub(in crate::usb) rom: Option<Rom>,
}

/// What is known of a board by what its device tells.
pub(in crate::usb) fn who(device: &Device) -> Who {
    let chip = device.identity().and_then(Identity::chip);
    Who { chip, serial: device.board_serial(), ..Who::at(device.port) }
}

/// Which board a boot ROM says that it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::usb) struct Rom {
    chip: Chip,
    serial: Option<Serial>,
}

impl Rom {
    /// What a device tells; `None` for one that is in no boot ROM.
    pub(in crate::usb) fn of(device: &Device) -> Option<Self> {
        match device.identity()? {
            Identity::Rom(chip) => Some(Self { chip, serial: device.board_serial() }),
            _ => None,
        }
    }

    /// Whether both can't be of one board. The two older families aren't told apart: a board of one may show the other's
    /// id.
    pub(in crate::usb) fn is_other(&self, other: &Self) -> bool {
        let chips = self.chip != other.chip && (self.chip.tells_serial() || other.chip.tells_serial());
        let serials = self.serial.as_ref().zip(other.serial.as_ref());
        chips || serials.is_some_and(|(one, other)| !one.is_of_same_board(other))
    }
}

impl Track {
    pub(in crate::usb) fn new(device: &Device, running: Running) -> Self {
        Self {
            device: device.clone(),
            running,
            boot: UsbBoot::default(),
            metadata: Metadata::default(),
            rom: None,
        }
    }

    /// Tells what happened, and keeps it for the record.
    pub(in crate::usb) fn tell(&mut self, what: What) {
        self.boot.take(&what);
        if let What::Told { key, value } = &what {
            self.metadata.take(&format!("*{key}*{value}"));
        }
        what.tell(&mut self.running);
    }

    /// It is in this step now.
    pub(in crate::usb) fn enter(&mut self, stage: Stage) {
        let before = self.running.stage();
        self.running.set(before, 0, None);
        self.running.enter(stage);
    }

    /// The board is this now.
    ///
    /// # Errors
    /// Where it is another board.
    pub(super) fn seen(&mut self, device: &Device, state: Identity) -> Result<(), Trouble> {
        let mut shown = who(device);
        if let Some(rom) = Rom::of(device) {
            if self.rom.as_ref().is_some_and(|before| before.is_other(&rom)) {
                return Err(Trouble::AnotherBoard { chip: rom.chip, serial: rom.serial });
            }
            self.rom = Some(rom);
        } else if self.rom.is_some() {
            // Only what the boot ROM says is known to be of the board itself.
            let known = self.running.board();
            shown.chip = known.chip.or(shown.chip);
            shown.serial = known.serial.or(shown.serial);
        }
        self.device = device.clone();
        self.running.learn(&shown);
        let known = self.running.board();
        let what = What::Seen { state, chip: known.chip, serial: known.serial };
        self.tell(what);
        Ok(())
    }

    /// Ends the board's run.
    pub(in crate::usb) fn end(&mut self, ended: Result<Proof, &Trouble>) -> Outcome {
        let ending = match ended {
            Ok(proof) => {
                self.running.set(Stage::Done, 0, None);
                Ending::Done { proof }
            }
            Err(trouble) => {
                self.running.set(self.running.stage(), 0, None);
                self.failed(trouble)
            }
        };
        self.boot.told(&self.metadata);
        self.running.keep(&self.boot);
        let record = self.running.end(ending).clone();
        Outcome { record, metadata: self.metadata.clone() }
    }

    /// The ending of a board that can't go on.
    fn failed(&self, trouble: &Trouble) -> Ending {
        let why = trouble.to_string();
        let hint = trouble.hint();
        if trouble.is_loss() {
            return Ending::Lost { why, hint };
        }
        let last = self.boot.last_file.as_ref().filter(|last| !why.contains(last.as_str()));
        let last_seen =
            last.map(|last| format!("asked for {last}, after {}", count(self.boot.files, "file")));
        Ending::Failed { why, last_seen, hint, kind: trouble.kind() }
    }
}
