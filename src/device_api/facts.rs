//! What a board tells of itself, and what the station says to that.

use serde::{Deserialize, Serialize};

use crate::board::{Mac, Serial};

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
    /// The speed of the link in Mbit/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub link_mbps: Option<u32>,
    /// How it was started: `network`, `usb`, `sd`, or another word of the firmware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// No board, but a program on a host that behaves as one. Its runs are marked so.
    #[serde(default)]
    pub simulated: bool,
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
