//! The first stage: a tiny system that says which board it is. Boards whose boot ROM doesn't tell a serial number
//! boot it from the live tree until they have an overlay ([`crate::live`]).
//!
//! It is put together out of Debian's packages: a kernel with the few modules that it takes to be a USB device, a
//! busybox, the Pi's firmware, and an init of our own (`firmware/stage1/init`). Nothing in it depends on the machine
//! or the hour: the same packages give the same bytes.

pub mod build;
pub(crate) mod overlay;

/// The processors of the boards that need a first stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// BCM2835: Zero, Zero W, 1, Compute Module 1.
    Armv6,
    /// BCM2836 and BCM2837 with 32 bits: 2, 3, Zero 2 W, Compute Module 3.
    Armv7,
    /// BCM2837 with 64 bits.
    Arm64,
}

impl Arch {
    /// As it is called here.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Armv6 => "armv6",
            Self::Armv7 => "armv7",
            Self::Arm64 => "arm64",
        }
    }

    /// As Debian calls it.
    #[must_use]
    pub const fn debian(self) -> &'static str {
        match self {
            Self::Armv6 => "armel",
            Self::Armv7 => "armhf",
            Self::Arm64 => "arm64",
        }
    }

    /// The package that stands for Debian's kernel.
    #[must_use]
    pub const fn kernel(self) -> &'static str {
        match self {
            Self::Armv6 => "linux-image-rpi",
            Self::Armv7 => "linux-image-armmp",
            Self::Arm64 => "linux-image-arm64",
        }
    }

    /// How the names of its boards' device trees begin.
    const fn trees(self) -> &'static [&'static str] {
        match self {
            Self::Armv6 => &["bcm2835-rpi-"],
            Self::Armv7 => &["bcm2836-rpi-", "bcm2837-rpi-"],
            Self::Arm64 => &["bcm2837-rpi-"],
        }
    }

    /// The sections of config.txt that its boards read.
    const fn filters(self) -> &'static [&'static str] {
        match self {
            Self::Armv6 => &["pi0", "pi1"],
            // A Zero 2 W reads the section of the Zero too, so its own has to come later.
            Self::Armv7 => &["pi2", "pi3", "pi02"],
            Self::Arm64 => &["pi3", "pi02"],
        }
    }
}
