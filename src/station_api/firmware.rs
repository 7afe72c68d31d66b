//! Images of boards' EEPROMs, what projects do with them, and what became of that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Time;

/// An image of an EEPROM that the station has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema), schema(as = EepromImage))]
pub struct Firmware {
    /// What people call it. One image a name; what is in it never changes.
    pub name: String,
    /// The chip that it is for: `BCM2711`, `BCM2712`.
    pub chip: String,
    /// The channel that its maker gives it out in, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// When its bootloader was built, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built: Option<u64>,
    /// The version that its bootloader tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its number: a board that needs a higher one doesn't start with it. Without it, it counts as 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfg_ver: Option<u64>,
    /// sha256 of it, 64 hexadecimal digits.
    pub sha256: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its configuration has a signature: only boards with that key burned in are to have it, and no setting can change.
    #[serde(default)]
    pub signed: bool,
    /// It has two partitions, of which the board starts one.
    #[serde(default)]
    pub ab: bool,
    /// Its configuration.
    #[serde(default)]
    pub bootconf: String,
    /// Out of what it was taken, where that wasn't a file of its own: a package with its version, and the path in it; or a
    /// directory of the station's host. At most [`Firmware::LONGEST_FROM`] characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When it came.
    #[serde(default)]
    pub made: Time,
}

impl Firmware {
    /// A station has so many at most.
    pub const MOST: u64 = 32;
    /// See [`Firmware::from`].
    pub const LONGEST_FROM: usize = 300;
}

/// An image that lies on the station's host, the newest of its chip and channel there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct HostFirmware {
    /// Its path below the directory that the station looks into.
    pub file: String,
    /// What is read in it; `name` is that of the image of the station which is equal, or empty.
    pub image: Firmware,
}

/// The EEPROM images on the station's host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct HostFirmwares {
    /// The directory, from the setting `station.firmware-dir`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// Why it has none, where it can't be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// By chip and channel.
    #[serde(default)]
    pub images: Vec<HostFirmware>,
}

/// An image of the station's host is to become one of the station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TakeFirmware {
    /// What to call it.
    pub name: String,
    /// [`HostFirmware::file`].
    pub file: String,
}

/// What a project does with the EEPROMs of its boards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ProjectEeprom {
    /// The image, by its name.
    pub firmware: String,
    /// When it is written.
    #[serde(default)]
    pub when: EepromWhen,
    /// What becomes of a job whose board can't have it in any way.
    #[serde(default)]
    pub otherwise: EepromOtherwise,
    /// The board looks for a system first on the disk that the job writes.
    #[serde(default)]
    pub boot_from_target: bool,
    /// Settings that are taken out of the image's configuration; at most [`ProjectEeprom::MOST`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unset: Vec<String>,
    /// Settings with their values; at most [`ProjectEeprom::MOST`]. What isn't named stays as the image has it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
}

impl ProjectEeprom {
    /// See [`ProjectEeprom::set`].
    pub const MOST: usize = 64;
}

/// When an image is written into an EEPROM.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum EepromWhen {
    /// Where bootloader or configuration is another one.
    #[default]
    IfDifferent,
    /// Where the board's bootloader is older than the image's.
    IfOlder,
}

/// What becomes of a job whose board can't have its EEPROM written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum EepromOtherwise {
    /// It fails before the board is touched.
    #[default]
    Fail,
    /// It goes on without that, and its record says so.
    GoOn,
}

/// What became of a board's EEPROM: `eeprom` in the details of its run's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EepromRun {
    /// The image's name.
    pub firmware: String,
    /// sha256 of the board's own image, which has the project's settings in it; `None` where nothing is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// When the bootloader in it was built, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built: Option<u64>,
    /// What the board had before.
    #[serde(default)]
    pub before: EepromHad,
    /// Its settings that aren't those of the project's image, as lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// sha256 of its configuration, by which it is known again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// How far it is.
    pub state: EepromState,
    /// Why, where nothing is written.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What is worth a word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// sha256 of what the board has read back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_back: Option<String>,
    /// When a board that has started again told the new bootloader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Time>,
    /// The run of an earlier attempt that was to write the same image, and of which nobody told how it ended. What the board
    /// had before that one is [`EepromRun::before`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<String>,
    /// It was offered over the network: the attempt that did so is this one, or that of `earlier`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub network: bool,
}

/// What a board had in its EEPROM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EepromHad {
    /// When the bootloader was built, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built: Option<u64>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// sha256 of all of it, where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// How far a board's EEPROM is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EepromState {
    /// Nothing is written.
    Skipped,
    /// It was refused, and the board was not touched.
    Refused,
    /// The agent is to write it.
    Waiting,
    /// The image's boot partition has it; the bootloader takes it at the next start.
    HandedOver,
    /// It is offered over the network, and the board starts again before anything else is done.
    Offered,
    /// It was in the flash chip already: that was read.
    There,
    /// Written, read back and equal.
    Verified,
    /// An earlier attempt was to write it and never told; the flash chip had it when this one read it.
    Earlier,
    /// The agent was to write it, and was never heard again.
    Untold,
    /// A board that has started again tells the new bootloader.
    Seen,
    /// It failed.
    Failed,
}

impl EepromState {
    /// As it stands behind the word EEPROM.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Skipped => "not written",
            Self::Refused => "refused, the board was not touched",
            Self::Waiting => "is to be written by the agent",
            Self::HandedOver => "handed over, not read back",
            Self::Offered => "offered over the network, not seen yet",
            Self::There => "was there already, read and equal",
            Self::Verified => "written, read back and equal",
            Self::Earlier => "begun by an earlier attempt, read back now and equal",
            Self::Untold => "was to be written by the agent, which never told whether it was",
            Self::Seen => "handed over, and seen after a boot",
            Self::Failed => "failed",
        }
    }
}

impl EepromRun {
    /// What would come of it, before anything is done.
    #[must_use]
    pub fn would(&self) -> String {
        let name = &self.firmware;
        match self.state {
            EepromState::Skipped => format!("{name} would not be written: {}", self.why),
            EepromState::Refused => {
                format!("the job would fail, and the board would not be touched: {}", self.why)
            }
            EepromState::HandedOver => {
                format!("{name} would lie on the boot partition; the bootloader takes it at the next start")
            }
            EepromState::Offered => {
                format!(
                    "{name} would be offered over the network, and the board would start again to take it"
                )
            }
            _ => format!("{name} would be written by the agent and read back"),
        }
    }

    /// Whether the agent began with it, as far as the record knows, and never told how that ended.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, EepromState::Waiting | EepromState::Untold)
    }

    /// That of a record, by its details.
    #[must_use]
    pub fn of(detail: &serde_json::Value) -> Option<Self> {
        serde_json::from_value(detail.get("eeprom")?.clone()).ok()
    }

    /// That of an image that isn't written.
    #[must_use]
    pub fn skipped(firmware: &str) -> Self {
        Self {
            firmware: firmware.to_owned(),
            sha256: None,
            built: None,
            before: EepromHad::default(),
            changes: Vec::new(),
            config: None,
            state: EepromState::Skipped,
            why: String::new(),
            notes: Vec::new(),
            read_back: None,
            seen: None,
            earlier: None,
            network: false,
        }
    }
}
