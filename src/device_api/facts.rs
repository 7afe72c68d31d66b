//! What a board tells of itself, and what the station says to that.

use serde::{Deserialize, Serialize};

use super::BoardEeprom;
use crate::board::{Jumper, Mac, Serial};

/// What the station says of itself to anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Hello {
    /// [`super::VERSION`].
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub api: u32,
    /// The version of the program.
    pub station: String,
    /// The station's Ed25519 public key, 64 hexadecimal digits: it signs manifests.
    pub key: String,
    /// To be put into [`Register::nonce`]; good for a minute, once.
    pub nonce: String,
}

/// A board tells what it is. The body is signed by the key that it names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Register {
    /// [`super::VERSION`].
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub api: u32,
    /// From [`Hello::nonce`].
    pub nonce: String,
    /// The board's Ed25519 public key, 64 hexadecimal digits.
    pub key: String,
    /// The key was found on a disk: it counts only if the station knows it, and while the board has a job. Else the answer
    /// is 409.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    /// The key is the same at each start: it comes from a secret in the board, or from a file. Without that, a person's word
    /// for a board that isn't there lets another key in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lasting: bool,
    /// The agent's version.
    pub agent: String,
    /// The serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Serial>,
    /// The Ethernet addresses, the one that the station is reached by first. At most 16.
    #[serde(default)]
    pub macs: Vec<Mac>,
    /// The model, as the device tree says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The revision code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub revision: Option<u32>,
    /// Memory in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Its disks. At most 64.
    #[serde(default)]
    pub disks: Vec<Disk>,
    /// In degrees Celsius.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// The firmware's word on throttling and too low a voltage (`vcgencmd get_throttled`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub throttled: Option<u32>,
    /// Each place on the board that has a thermometer. At most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<Zone>,
    /// The number that its maker has burnt in and printed as a code (`rpi-duid` of the device tree).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duid: Option<String>,
    /// The number that the kernel gives each start of its own (`/proc/sys/kernel/random/boot_id`). By it is known whether a
    /// board that comes anew has started again.
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
    /// What it starts from; `None` where it has no EEPROM, or its client doesn't tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eeprom: Option<BoardEeprom>,
    /// The number that the jumpers of its carrier say; `None` where it wasn't told to read them, or can't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jumper: Option<Jumper>,
    /// No board, but a program on a host that behaves as one. Its runs are marked so.
    #[serde(default)]
    pub simulated: bool,
}

/// A place that has a thermometer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Zone {
    /// The kernel's word for it: `cpu-thermal`.
    pub name: String,
    /// In degrees Celsius.
    pub temperature: f64,
}

/// Thermometers that a board tells of, at most.
pub const MOST_ZONES: usize = 16;

/// The bootloader of a board, as its device tree tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Firmware {
    /// Its version, a digest of its source (`chosen/bootloader/version`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When it was made, in unix seconds (`chosen/bootloader/build-timestamp`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub built: Option<u32>,
}

/// How a board feels at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Health {
    /// As [`Register::temperature`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// As [`Register::zones`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<Zone>,
    /// As [`Register::throttled`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub throttled: Option<u32>,
}

impl Health {
    /// That of a board which tells this.
    #[must_use]
    pub fn of(told: &Register) -> Self {
        Self { temperature: told.temperature, zones: told.zones.clone(), throttled: told.throttled }
    }

    /// Whether it is within its bounds: 16 zones with names of 64 characters, and temperatures that there are.
    #[must_use]
    pub fn is_sane(&self) -> bool {
        let there = |degrees: f64| (-273.15..=1000.0).contains(&degrees);
        self.temperature.is_none_or(there)
            && self.zones.len() <= MOST_ZONES
            && self.zones.iter().all(|zone| zone.name.chars().count() <= 64 && there(zone.temperature))
    }
}

/// What a disk is for, seen from how it is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema), schema(as = DiskRole))]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Soldered on.
    Emmc,
    /// A card.
    Sd,
    /// On PCI Express.
    Nvme,
    /// On USB.
    Usb,
    /// A file that stands for a disk.
    File,
    /// Anything else.
    Other,
}

impl Role {
    /// What people call such a disk.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Emmc => "eMMC",
            Self::Sd => "SD card",
            Self::Nvme => "NVMe",
            Self::Usb => "USB",
            Self::File => "file",
            Self::Other => "disk",
        }
    }
}

/// A disk of a board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Disk {
    /// The kernel's name: `mmcblk0`.
    pub name: String,
    /// How it is attached.
    pub role: Role,
    /// In bytes.
    pub size: u64,
    /// The kernel says that it can't be written.
    #[serde(default)]
    pub read_only: bool,
    /// The model or product name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The CID register of an MMC or SD device, 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cid: Option<String>,
    /// The CSD register, 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csd: Option<String>,
    /// Used life of an eMMC in steps of 10 % (EXT_CSD 268 and 269): the larger one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life: Option<u8>,
    /// How many of the spare blocks of an eMMC are gone (EXT_CSD 267): 1 few, 2 80 %, 3 90 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_eol: Option<u8>,
    /// Used life of an NVMe or SATA disk in percent of that for which it was made; 255 is that and more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<u8>,
    /// Spare blocks that an NVMe disk has left, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spare: Option<u8>,
    /// What an NVMe disk warns of, as bits: 1 few spare blocks, 2 too warm or too cold, 4 unreliable, 8 read only, 16 its
    /// memory's battery, 32 its persistent memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<u8>,
    /// Bytes that were ever written to an NVMe disk, in steps of 512,000, or to a SATA disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_written: Option<u64>,
    /// Hours that an NVMe or SATA disk was switched on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<u64>,
    /// How often an NVMe or SATA disk lost data that it couldn't restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_errors: Option<u64>,
    /// Its maker's serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The version of its own firmware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    /// Its maker, by number, as `0x000015`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<String>,
    /// When it was made, as it says itself: `06/2021`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<String>,
}

impl Disk {
    /// A disk of which nothing else is known.
    #[must_use]
    pub const fn new(name: String, role: Role, size: u64) -> Self {
        Self {
            name,
            role,
            size,
            read_only: false,
            model: None,
            cid: None,
            csd: None,
            life: None,
            pre_eol: None,
            used: None,
            spare: None,
            warning: None,
            bytes_written: None,
            hours: None,
            media_errors: None,
            serial: None,
            firmware: None,
            maker: None,
            made: None,
        }
    }
}

/// What the station makes of a board that has registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Registered {
    /// The station's name of the board.
    pub board: String,
    /// Whether it may take work.
    pub standing: Standing,
    /// Goes along with each further call, as `Authorization: Bearer …`.
    pub token: String,
    /// Ask for work so often, in seconds, where asking ends at once.
    pub poll: u32,
    /// Something that people should read, as that the agent is old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

/// Whether a board may take work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It may.
    Enrolled,
    /// A person has to say yes first.
    Waiting,
    /// A person has said no.
    Refused,
    /// Another one is at work under the same serial number.
    Double,
}
