//! Which board is at a port: what the ids and the serial index of a device descriptor tell.
//!
//! The ids are those that `rpiboot` accepts (usbboot's main.c) and those of the gadgets that Raspberry Pi's tools make
//! boards into. The stage stands in the *index* of the serial string: boot ROMs have 0 (283x) or 3 (2711 and later),
//! whatever has been started by one has another.

use std::fmt;

/// Broadcom's vendor id, which every boot ROM has.
pub const BROADCOM: u16 = 0x0a5c;

/// A family of boot ROMs, as the product id tells it.
///
/// The id may change between the stages of one boot: a CM1 is 2763 in the ROM and 2764 behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chip {
    /// 0x2763: A, A+, CM1, Zero, Zero W. On a Pi 1 B a hub stands before it.
    Bcm2835,
    /// 0x2764: 2836, 2837 and RP3A0: 3A+, CM3, CM3+, Zero 2 W.
    Bcm2837,
    /// 0x2711: Pi 4, 400, CM4, CM4S.
    Bcm2711,
    /// 0x2712: Pi 5, 500, CM5.
    Bcm2712,
}

impl Chip {
    /// All families.
    pub const ALL: [Self; 4] = [Self::Bcm2835, Self::Bcm2837, Self::Bcm2711, Self::Bcm2712];

    /// The family of a boot ROM's product id.
    #[must_use]
    pub fn of_product(product: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|chip| chip.product() == product)
    }

    /// The product id.
    #[must_use]
    pub const fn product(self) -> u16 {
        match self {
            Self::Bcm2835 => 0x2763,
            Self::Bcm2837 => 0x2764,
            Self::Bcm2711 => 0x2711,
            Self::Bcm2712 => 0x2712,
        }
    }

    /// The folder of a payload, and of `bootfiles.bin`, that holds this family's own files.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Bcm2835 | Self::Bcm2837 => "2710",
            Self::Bcm2711 => "2711",
            Self::Bcm2712 => "2712",
        }
    }

    /// The file that the boot ROM is sent.
    #[must_use]
    pub const fn bootcode(self) -> &'static str {
        match self {
            Self::Bcm2835 | Self::Bcm2837 => "bootcode.bin",
            Self::Bcm2711 => "bootcode4.bin",
            Self::Bcm2712 => "bootcode5.bin",
        }
    }

    /// Whether its ROM tells the board's serial number. The older ones don't tell it in any stage.
    #[must_use]
    pub const fn tells_serial(self) -> bool {
        matches!(self, Self::Bcm2711 | Self::Bcm2712)
    }

    /// Whether it can tell something about itself while it boots over USB (usbboot: metadata).
    #[must_use]
    pub const fn tells_metadata(self) -> bool {
        self.tells_serial()
    }

    /// Whether `bootcode.sig` counts for it. Later families sign in another way.
    #[must_use]
    pub const fn takes_signature(self) -> bool {
        !self.tells_serial()
    }

    /// The boards that it is on, for people.
    #[must_use]
    pub const fn boards(self) -> &'static str {
        match self {
            Self::Bcm2835 => "Zero, Zero W, CM1, A, A+",
            Self::Bcm2837 => "CM3, CM3+, 3A+, Zero 2 W",
            Self::Bcm2711 => "CM4, Pi 4, 400",
            Self::Bcm2712 => "CM5, Pi 5, 500",
        }
    }
}

impl fmt::Display for Chip {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Bcm2835 => "BCM2835",
            Self::Bcm2837 => "BCM2837",
            Self::Bcm2711 => "BCM2711",
            Self::Bcm2712 => "BCM2712",
        })
    }
}

/// What a device is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(tag = "state", content = "chip", rename_all = "kebab-case")]
pub enum Identity {
    /// A boot ROM that waits for its bootcode.
    Rom(Chip),
    /// The running bootcode: it asks for files.
    FileServer(Chip),
    /// `msd`, the old mass storage in the boot ROM's firmware.
    OldMassStorage,
    /// Raspberry Pi's Linux mass storage gadget.
    MassStorage,
    /// Etcher's Linux mass storage gadget.
    EtcherMassStorage,
    /// Raspberry Pi's fastboot gadget.
    Fastboot,
    /// The first-stage gadget that tells the serial number of a board whose ROM doesn't.
    FirstStage,
}

impl Identity {
    /// What a device with these ids is; `None` for a device that is no board.
    #[must_use]
    pub fn of(vendor: u16, product: u16, serial_index: u8) -> Option<Self> {
        if vendor == BROADCOM
            && let Some(chip) = Chip::of_product(product)
        {
            return Some(match serial_index {
                0 | 3 => Self::Rom(chip),
                _ => Self::FileServer(chip),
            });
        }
        Some(match (vendor, product) {
            (BROADCOM, 0x0001) => Self::OldMassStorage,
            (BROADCOM, 0x0104) => Self::MassStorage,
            (0x0525, 0xa4a5) => Self::EtcherMassStorage,
            (0x18d1, 0x4e40) => Self::Fastboot,
            // Not an allocated id: what the first by-serial project chose.
            (0xf055, 0xb007) => Self::FirstStage,
            _ => return None,
        })
    }

    /// The chip, where the ids tell it.
    #[must_use]
    pub const fn chip(self) -> Option<Chip> {
        match self {
            Self::Rom(chip) | Self::FileServer(chip) => Some(chip),
            _ => None,
        }
    }

    /// Whether it is past USB boot: something runs on it that speaks another protocol.
    #[must_use]
    pub const fn has_booted(self) -> bool {
        self.chip().is_none()
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Rom(_) => "boot ROM",
            Self::FileServer(_) => "second stage",
            Self::OldMassStorage => "mass storage (msd)",
            Self::MassStorage => "mass storage gadget",
            Self::EtcherMassStorage => "mass storage gadget (Etcher)",
            Self::Fastboot => "fastboot gadget",
            Self::FirstStage => "first-stage gadget",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stage_is_in_the_index_of_the_serial() {
        for chip in Chip::ALL {
            for (index, want) in [
                (0, Identity::Rom(chip)),
                (3, Identity::Rom(chip)),
                (1, Identity::FileServer(chip)),
                (4, Identity::FileServer(chip)),
            ] {
                assert_eq!(Identity::of(BROADCOM, chip.product(), index), Some(want));
                assert!(!want.has_booted());
            }
        }
    }

    #[test]
    fn files_and_folders_of_each_family() {
        let rows = Chip::ALL.map(|chip| (chip.product(), chip.bootcode(), chip.prefix()));
        assert_eq!(
            rows,
            [
                (0x2763, "bootcode.bin", "2710"),
                (0x2764, "bootcode.bin", "2710"),
                (0x2711, "bootcode4.bin", "2711"),
                (0x2712, "bootcode5.bin", "2712"),
            ]
        );
    }

    #[test]
    fn gadgets_are_known_and_strangers_are_not() {
        for (vendor, product) in
            [(0x0a5c, 1), (0x0a5c, 0x0104), (0x0525, 0xa4a5), (0x18d1, 0x4e40), (0xf055, 0xb007)]
        {
            assert!(
                Identity::of(vendor, product, 3).is_some_and(Identity::has_booted),
                "{vendor:04x}:{product:04x}"
            );
        }
        for (vendor, product) in [(0x0a5c, 0x2765), (0x1d6b, 2), (0x1234, 0x2711)] {
            assert_eq!(Identity::of(vendor, product, 3), None);
        }
    }
}
