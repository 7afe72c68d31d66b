//! What a board tells of the EEPROM that it starts from, and what it is told to write there.

use serde::{Deserialize, Serialize};

/// What a board tells of its EEPROM, which no board before a Pi 4 has.
///
/// Source: the firmware puts it into the device tree below `/chosen/bootloader` and `/chosen/rpi-min-boot-ver`
/// (Raspberry Pi's documentation, "Device tree parameters"); `signed` as rpi-fastbootd reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct BoardEeprom {
    /// When the bootloader that has started it was built, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built: Option<u64>,
    /// Its version: a commit's name, at most 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When it took its last update, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<u64>,
    /// The number (`MFG_VER`) that a bootloader needs at least, so that this board starts with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<u64>,
    /// Whether it starts signed systems only, as bits: 1 the EEPROM asks for it, 4 the development key is revoked, 8 a key is
    /// burned in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub signed: Option<u32>,
    /// Its configuration, where the kernel shows it: at most [`BoardEeprom::LONGEST`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// So many bytes has the flash chip that the board's client can write and read back. `None`: it can't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flash: Option<u64>,
}

impl BoardEeprom {
    /// Its configuration has so many bytes at most: no image has room for more.
    pub const LONGEST: usize = 4096;

    /// Whether it starts only what is signed. `None` where it doesn't tell.
    #[must_use]
    pub fn is_signed(&self) -> Option<bool> {
        self.signed.map(|bits| bits & 0b1001 != 0)
    }
}

/// The image that is written into the flash chip, after the disk was read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct EepromRef {
    /// Its name for people.
    pub name: String,
    /// Its length in bytes: that of the flash chip.
    pub len: u64,
    /// sha256 of it, 64 hexadecimal digits.
    pub sha256: String,
}

/// What a board has done with its flash chip.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct EepromTold {
    /// sha256 of what was in it before, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// When the bootloader was built that was in it before, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built: Option<u64>,
    /// Bytes that were written; 0 where all was there already.
    #[serde(default)]
    pub written: u64,
    /// sha256 of what was read back, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_back: Option<String>,
}
