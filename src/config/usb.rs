//! What only the settings below `[usb]` have: which board is served what.

use std::fmt;
use std::path::{Path, PathBuf};

use super::form::{Form, HostPath, List, Optional, Truth, Written};
use super::tables::entry;
use super::value::Raw;
use crate::board::identity::Chip;
use crate::board::{PortPath, Ports, Serial, Who};

entry! {
    /// What some boards are served in USB boot. All of `port`, `serial` and `chip` that are set must be the board's.
    BoardRule of BOARD_KEYS {
        /// Only the board at this USB port.
        port: Option<PortPath> = None, "port" as Optional(Port);
        /// Only the board with this serial number, in 8 digits as its boot ROM tells it, or in 16 as
        /// /proc/cpuinfo does. Boards before the Pi 4 don't tell one.
        serial: Option<Serial> = None, "serial" as Optional(SerialNumber);
        /// Only boards with this chip. A board before the Pi 4 may show itself as either of the two older ones.
        chip: Option<Chip> = None, "chip" as Optional(ChipName);
        /// The directory that is served.
        payload: Option<PathBuf> = None, "payload" as Optional(HostPath);
        /// The board is left alone.
        leave: bool = false, "leave" as Truth;
        /// Files come from the folder in `payload` that is named like the board's port first.
        overlay: bool = false, "overlay" as Truth;
        /// Folders that links in `payload` may lead to.
        allow: Vec<PathBuf> = Vec::new(), "allow" as List(HostPath);
        /// Send bootcode.sig with the bootcode.
        signed: bool = false, "signed" as Truth;
        /// Refuse a payload without boot.sig.
        boot_sig: bool = false, "boot-sig" as Truth;
    }
}

impl BoardRule {
    /// Whether it is for this board. What isn't known of a board is no reason.
    #[must_use]
    pub fn is_for(&self, board: &Who) -> bool {
        let serial =
            |wanted: &Serial| board.serial.as_ref().is_some_and(|told| wanted.is_of_same_board(told));
        self.port.is_none_or(|port| board.port == Some(port))
            && self.serial.as_ref().is_none_or(serial)
            && self.chip.is_none_or(|chip| board.chip == Some(chip))
    }

    fn makes_sense(&self) -> Result<(), String> {
        match (&self.payload, self.leave) {
            (None, false) => Err("it has neither `payload` nor `leave = true`".to_owned()),
            (Some(_), true) => Err("it has `payload`, and `leave = true` as well".to_owned()),
            _ => Ok(()),
        }
    }
}

/// The boards that it is for.
impl fmt::Display for BoardRule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            self.port.map(|port| format!("port {port}")),
            self.serial.map(|serial| format!("serial {serial}")),
            self.chip.map(|chip| format!("chip {chip}")),
        ];
        let all: Vec<String> = all.into_iter().flatten().collect();
        if all.is_empty() { out.write_str("every board") } else { out.write_str(&all.join(", ")) }
    }
}

/// The path of a USB port.
struct Port;

impl Form for Port {
    type Value = PortPath;

    fn wanted(&self) -> String {
        "the path of a USB port, such as 1-1.2".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<PortPath, String> {
        raw.text().and_then(|text| text.parse().ok()).ok_or_else(|| raw.not(&self.wanted()))
    }

    fn write(&self, port: &PortPath) -> Written {
        Written::One(port.to_string())
    }
}

/// Some USB ports.
pub(super) struct SomePorts;

impl Form for SomePorts {
    type Value = Ports;

    fn wanted(&self) -> String {
        "a USB port such as 1-1.2, 1-1.* for all behind a hub, or 1-* for all of a bus".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<Ports, String> {
        raw.text().and_then(|text| text.parse().ok()).ok_or_else(|| raw.not(&self.wanted()))
    }

    fn write(&self, ports: &Ports) -> Written {
        Written::One(ports.to_string())
    }
}

/// The serial number of a board.
struct SerialNumber;

impl Form for SerialNumber {
    type Value = Serial;

    fn wanted(&self) -> String {
        "a serial number, such as af04b2da".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<Serial, String> {
        raw.text().and_then(|text| text.parse().ok()).ok_or_else(|| raw.not(&self.wanted()))
    }

    fn write(&self, serial: &Serial) -> Written {
        Written::One(serial.to_string())
    }
}

/// The family of a board's chip.
struct ChipName;

impl Form for ChipName {
    type Value = Chip;

    fn wanted(&self) -> String {
        let names = Chip::ALL.map(|chip| chip.to_string().to_lowercase());
        format!("one of {}", names.join(", "))
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<Chip, String> {
        let named = |chip: &Chip| raw.text().is_some_and(|text| chip.to_string().eq_ignore_ascii_case(text));
        Chip::ALL.into_iter().find(named).ok_or_else(|| raw.not(&self.wanted()))
    }

    fn write(&self, chip: &Chip) -> Written {
        Written::One(chip.to_string().to_lowercase())
    }
}
