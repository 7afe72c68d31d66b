//! Boards, where they were seen, and where they are plugged in.

use serde::{Deserialize, Serialize};

use super::{Cell, Time};
use crate::board::{Jumper, Mac, Serial};
use crate::device_api::{BoardEeprom, Disk, Firmware, Zone};

/// A board that the station knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Board {
    /// The station's name of it.
    pub id: String,
    /// What people call it. One board a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its serial number. One board a number, unless somebody lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Serial>,
    /// Its Ethernet addresses.
    #[serde(default)]
    pub macs: Vec<Mac>,
    /// The model, as its device tree or revision code says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Memory in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Its disks, as it told last.
    #[serde(default)]
    pub disks: Vec<Disk>,
    /// A program that behaves as a board.
    #[serde(default)]
    pub simulated: bool,
    /// Whether it may take work.
    pub enrolment: Enrolment,
    /// The public key that it proves itself by, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether the network answers it.
    pub held: Held,
    /// Where it is plugged in, by the slot's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// When it was first seen.
    pub first_seen: Time,
    /// When it was seen last.
    pub last_seen: Time,
    /// The job that it is at, or that waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Why the rule that matches it couldn't start anything when it came last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck: Option<String>,
    /// Notes of people.
    #[serde(default)]
    pub note: String,
    /// What its agent told beside that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<BoardFacts>,
}

/// What a board's agent told of it when it came last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct BoardFacts {
    /// When.
    pub at: Time,
    /// The agent's version; empty where no agent has told anything, and this is what another provisioner knew.
    pub agent: String,
    /// The revision code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub revision: Option<u32>,
    /// In degrees Celsius.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// The firmware's word on throttling and too low a voltage (`vcgencmd get_throttled`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub throttled: Option<u32>,
    /// Each place on the board that has a thermometer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<Zone>,
    /// The number that its maker has burnt in and printed as a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duid: Option<String>,
    /// The number of its start, as its kernel gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// The bootloader that has started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<Firmware>,
    /// The speed of the link in Mbit/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub link_mbps: Option<u32>,
    /// How it was started: `network`, `usb`, `sd`, or another word of the firmware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// What it starts from, where it tells that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eeprom: Option<BoardEeprom>,
    /// The number that the jumpers of its carrier say, where it tells that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jumper: Option<Jumper>,
}

/// Whether a board may take work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Enrolment {
    /// Seen, and nobody has said anything.
    Waiting,
    /// It may, with its key.
    Enrolled,
    /// It may not.
    Refused,
}

/// Whether a board gets answers when it asks the network to boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// It is answered: it is new, or somebody has armed it.
    Armed,
    /// It is answered once more, and then not.
    Once,
    /// It isn't, so that it starts from its disk: it is done.
    Done,
}

/// That a board was seen: one row for each way and address, with its newest time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Sighting {
    /// The board, where it is known which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// How it was seen: `dhcp`, `tftp`, `usb`, `agent`, or another word of a flow.
    pub way: String,
    /// Its address on that way: an IP address or a USB port.
    pub at: String,
    /// When, the newest.
    pub time: Time,
    /// What it did, for people.
    pub what: String,
}

impl Board {
    /// What people call it: its name, else its serial number, else its first address.
    #[must_use]
    pub fn called(&self) -> Option<String> {
        let serial = || self.serial.map(|serial| serial.to_string());
        self.name.clone().or_else(serial).or_else(|| self.macs.first().map(ToString::to_string))
    }
}

/// A place where a board is plugged in. It outlives the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Slot {
    /// What people call it.
    pub name: String,
    /// What it is.
    pub kind: SlotKind,
    /// Which one: a USB port path, a switch with its port, a reset line as in the targets database, a number of jumpers.
    pub place: String,
    /// Its position on the bench, from 0.
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub position: u32,
    /// Its cell on the map of the bench; `None`: it stands below the map, by its position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<Cell>,
    /// Why it is suspected, where it is. Only told: nobody says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspected: Option<Suspicion>,
    /// When somebody has mended it last: runs that began then or later count. Only told: there is a call for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mended: Option<Time>,
}

impl Slot {
    /// One of which nothing else is known.
    #[must_use]
    pub const fn new(name: String, kind: SlotKind, place: String) -> Self {
        Self { name, kind, place, position: 0, cell: None, suspected: None, mended: None }
    }
}

/// Why a slot is suspected: its last runs fail again and again, on several boards, and those at other slots don't.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Suspicion {
    /// So many of its last runs have failed or were lost.
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub failed: u32,
    /// Of so many.
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub of: u32,
    /// On so many boards.
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub boards: u32,
}

impl Suspicion {
    /// What helps.
    pub const HINT: &str = "swap the cable or the reader";

    /// What is to be said of it, without the slot's name.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} of the last {} runs failed, on {} boards", self.failed, self.of, self.boards)
    }
}

/// What a slot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SlotKind {
    /// A USB port.
    Usb,
    /// A port of an Ethernet switch.
    Switch,
    /// A reset line.
    Reset,
    /// A number that jumpers of the carrier say.
    Jumper,
}

impl SlotKind {
    /// What people call it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Usb => "USB port",
            Self::Switch => "switch port",
            Self::Reset => "reset line",
            Self::Jumper => "jumper number",
        }
    }
}
