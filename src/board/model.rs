//! Which board it is, from its revision code, and what decides there whether it boots from the network.
//!
//! Source: Raspberry Pi's documentation, pages on revision codes, boot modes and OTP.

use std::fmt;

/// Boards with an EEPROM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// BCM2711.
    Pi4,
    /// BCM2712.
    Pi5,
}

impl Family {
    /// The chip's name.
    #[must_use]
    pub const fn chip(self) -> &'static str {
        match self {
            Self::Pi4 => "BCM2711",
            Self::Pi5 => "BCM2712",
        }
    }

    /// Its boards, for people.
    #[must_use]
    pub const fn boards(self) -> &'static str {
        match self {
            Self::Pi4 => "Pi 4, 400, CM4, CM4S",
            Self::Pi5 => "Pi 5, 500, CM5",
        }
    }
}

/// What lets a board boot as a USB host, from its network or from a USB disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostBoot {
    /// Its boot ROM can't; only a bootcode.bin on an SD card makes it.
    Card,
    /// A bit that is burned in once.
    Bit,
    /// The same bit, burned in when it was made.
    Factory,
    /// The configuration in its EEPROM.
    Eeprom(Family),
}

macro_rules! models {
    ($($model:ident $type:literal $name:literal $boot:expr, $ethernet:literal;)+) => {
        /// A model of board.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the names are those that people use")]
        pub enum Model { $($model,)+ }

        impl Model {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$model,)+];

            /// The type field of its revision codes; U-Boot has it as `board_rev`.
            #[must_use]
            pub const fn type_field(self) -> u32 {
                match self { $(Self::$model => $type,)+ }
            }

            /// What people call it: `Pi 4B`, `CM4`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$model => $name,)+ }
            }

            /// What decides whether it boots from network or USB.
            #[must_use]
            pub const fn host_boot(self) -> HostBoot {
                match self { $(Self::$model => $boot,)+ }
            }

            /// Whether it has an Ethernet controller that it can boot from. Compute Modules 3 have no controller of
            /// their own.
            #[must_use]
            pub const fn has_ethernet(self) -> bool {
                match self { $(Self::$model => $ethernet,)+ }
            }
        }
    };
}

models! {
    A 0x00 "Pi A" HostBoot::Card, false;
    B 0x01 "Pi B" HostBoot::Card, true;
    APlus 0x02 "Pi A+" HostBoot::Card, false;
    BPlus 0x03 "Pi B+" HostBoot::Card, true;
    Pi2 0x04 "Pi 2B v1.1" HostBoot::Card, true;
    Pi2V12 0x04 "Pi 2B v1.2" HostBoot::Bit, true;
    Cm1 0x06 "CM1" HostBoot::Card, false;
    Pi3B 0x08 "Pi 3B" HostBoot::Bit, true;
    Zero 0x09 "Zero" HostBoot::Card, false;
    Cm3 0x0a "CM3" HostBoot::Bit, false;
    ZeroW 0x0c "Zero W" HostBoot::Card, false;
    Pi3BPlus 0x0d "Pi 3B+" HostBoot::Factory, true;
    Pi3APlus 0x0e "Pi 3A+" HostBoot::Bit, false;
    Cm3Plus 0x10 "CM3+" HostBoot::Bit, false;
    Pi4B 0x11 "Pi 4B" HostBoot::Eeprom(Family::Pi4), true;
    Zero2W 0x12 "Zero 2 W" HostBoot::Factory, false;
    Pi400 0x13 "Pi 400" HostBoot::Eeprom(Family::Pi4), true;
    Cm4 0x14 "CM4" HostBoot::Eeprom(Family::Pi4), true;
    Cm4s 0x15 "CM4S" HostBoot::Eeprom(Family::Pi4), false;
    Pi5 0x17 "Pi 5" HostBoot::Eeprom(Family::Pi5), true;
    Cm5 0x18 "CM5" HostBoot::Eeprom(Family::Pi5), true;
    Pi500 0x19 "Pi 500" HostBoot::Eeprom(Family::Pi5), true;
    Cm5Lite 0x1a "CM5 Lite" HostBoot::Eeprom(Family::Pi5), true;
    Cm0 0x1b "CM0" HostBoot::Factory, false;
}

impl Model {
    /// The model of a revision code, as `/proc/cpuinfo` and the OTP have it; `None` for a code that isn't known.
    #[must_use]
    pub fn of_revision(code: u32) -> Option<Self> {
        if code & 1 << 23 == 0 {
            // The first boards' codes are just numbers.
            return Some(match code & 0xff_ffff {
                0x02..=0x06 | 0x0d..=0x0f => Self::B,
                0x07..=0x09 => Self::A,
                0x10 | 0x13 => Self::BPlus,
                0x11 | 0x14 => Self::Cm1,
                0x12 | 0x15 => Self::APlus,
                _ => return None,
            });
        }
        let model = Self::ALL.iter().copied().find(|model| model.type_field() == code >> 4 & 0xff)?;
        // The Pi 2 got the Pi 3's chip later.
        Some(if model == Self::Pi2 && code >> 12 & 0xf == 2 { Self::Pi2V12 } else { model })
    }

    /// The board that somebody means by `4`, `pi4`, `CM4` or `cm5-lite`.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let plain = |text: &str| text.to_lowercase().replace([' ', '-', '_'], "");
        let text = plain(text);
        let short = |text: &str| text.strip_prefix("pi").unwrap_or(text).to_owned();
        let text = short(&text);
        if text == "4" {
            return Some(Self::Pi4B);
        }
        Self::ALL.iter().copied().find(|model| short(&plain(model.name())) == text)
    }

    /// The model that a board's device tree tells: `Raspberry Pi Compute Module 4 Rev 1.1`.
    #[must_use]
    pub fn told(text: &str) -> Option<Self> {
        let text = text.trim_end_matches('\0').trim();
        let text = text.strip_prefix("Raspberry Pi ").unwrap_or(text);
        let (name, revision) = text.split_once(" Rev ").unwrap_or((text, ""));
        let name = name.replace("Compute Module ", "CM").replace(" Model ", "").replace(" Plus", "+");
        match name.as_str() {
            "2B" if revision.starts_with("1.2") => Some(Self::Pi2V12),
            "2B" => Some(Self::Pi2),
            "5B" => Some(Self::Pi5),
            // The first one has no number.
            "Compute Module" => Some(Self::Cm1),
            "Model B" => Some(Self::B),
            "Model B+" => Some(Self::BPlus),
            "Model A" => Some(Self::A),
            "Model A+" => Some(Self::APlus),
            name => Self::named(name),
        }
    }

    /// The EEPROM that it has.
    #[must_use]
    pub const fn family(self) -> Option<Family> {
        match self.host_boot() {
            HostBoot::Eeprom(family) => Some(family),
            _ => None,
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

impl serde::Serialize for Model {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> serde::Deserialize<'de> for Model {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::named(&text).ok_or_else(|| serde::de::Error::custom("it is no model of a board"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revision_codes() {
        for (code, want) in [
            (0x0002, Some("Pi B")),
            (0x0100_0010, Some("Pi B+")),
            (0xa0_1041, Some("Pi 2B v1.1")),
            (0xa2_2042, Some("Pi 2B v1.2")),
            (0xa0_2082, Some("Pi 3B")),
            (0xa0_20d3, Some("Pi 3B+")),
            (0x90_20e0, Some("Pi 3A+")),
            (0x90_2120, Some("Zero 2 W")),
            (0xc0_3111, Some("Pi 4B")),
            (0xa0_3140, Some("CM4")),
            (0x02c0_4170, Some("Pi 5")),
            (0xe0_41a0, Some("CM5 Lite")),
            (0xa0_0ff0, None),
            (0, None),
            (0x0001, None),
        ] {
            assert_eq!(Model::of_revision(code).map(|model| model.to_string()).as_deref(), want, "{code:#x}");
        }
    }

    #[test]
    fn names_that_device_trees_tell() {
        for (text, want) in [
            ("Raspberry Pi 4 Model B Rev 1.5", Model::Pi4B),
            ("Raspberry Pi 3 Model B Plus Rev 1.3", Model::Pi3BPlus),
            ("Raspberry Pi 3 Model A Plus Rev 1.0", Model::Pi3APlus),
            ("Raspberry Pi 3 Model B Rev 1.2", Model::Pi3B),
            ("Raspberry Pi 2 Model B Rev 1.2", Model::Pi2V12),
            ("Raspberry Pi 2 Model B Rev 1.1", Model::Pi2),
            ("Raspberry Pi 5 Model B Rev 1.0", Model::Pi5),
            ("Raspberry Pi Compute Module 4 Rev 1.1", Model::Cm4),
            ("Raspberry Pi Compute Module 4S Rev 1.0", Model::Cm4s),
            ("Raspberry Pi Compute Module 5 Lite Rev 1.0", Model::Cm5Lite),
            ("Raspberry Pi Compute Module 3 Plus Rev 1.0", Model::Cm3Plus),
            ("Raspberry Pi Compute Module Rev 1.0", Model::Cm1),
            ("Raspberry Pi Zero 2 W Rev 1.0", Model::Zero2W),
            ("Raspberry Pi Zero W Rev 1.1", Model::ZeroW),
            ("Raspberry Pi 400 Rev 1.0", Model::Pi400),
            ("Raspberry Pi Model B Plus Rev 1.2", Model::BPlus),
        ] {
            assert_eq!(Model::told(text), Some(want), "{text}");
        }
        assert_eq!(Model::told("QEMU Virtual Machine"), None);
    }

    #[test]
    fn names_that_people_type() {
        for (text, want) in [
            ("4", Model::Pi4B),
            ("pi4b", Model::Pi4B),
            ("Pi 5", Model::Pi5),
            ("cm4", Model::Cm4),
            ("cm5-lite", Model::Cm5Lite),
            ("CM4S", Model::Cm4s),
            ("zero2w", Model::Zero2W),
            ("400", Model::Pi400),
        ] {
            assert_eq!(Model::named(text), Some(want), "{text}");
        }
        assert_eq!(Model::named("6"), None);
        assert_eq!(Model::named(""), None);
    }
}
