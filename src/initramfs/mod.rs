//! The system that a board runs while it is deployed or backed up: a kernel with the modules for network and storage, a
//! busybox, the agent, and an init of our own (`firmware/agent/init`). It is put together out of Debian's packages, or
//! Raspberry Pi's, or a kernel that is given, into one directory that boards boot from over the network and over USB.
//! Nothing in it depends on the machine or the hour: the same packages and the same agent give the same bytes.

pub mod boards;
pub mod build;
mod fdt;
pub mod kernel;
mod pi;
mod program;
mod select;
pub mod usb_boot;

/// The processors that there is a system for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// BCM2835: Pi 1, Zero, Zero W, Compute Module 1. No agent is built for it: a client of busybox does its work.
    Armv6,
    /// Pi 3, 4, 5 and what is built like them, with 64 bits.
    Arm64,
    /// PCs.
    Amd64,
}

impl Arch {
    /// As it is called here.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Armv6 => "armv6",
            Self::Arm64 => "arm64",
            Self::Amd64 => "amd64",
        }
    }

    /// As Debian calls it.
    #[must_use]
    pub const fn debian(self) -> &'static str {
        match self {
            Self::Armv6 => "armel",
            Self::Arm64 => "arm64",
            Self::Amd64 => "amd64",
        }
    }

    /// Whether packages of this architecture are for it. Raspberry Pi's of `armhf` are for ARMv6, Debian's are not: the
    /// files themselves tell.
    #[must_use]
    pub fn takes(self, debian: &str) -> bool {
        debian == self.debian() || (self == Self::Armv6 && debian == "armhf")
    }

    /// The package that stands for Debian's kernel.
    #[must_use]
    pub const fn kernel(self) -> &'static str {
        match self {
            Self::Armv6 => "linux-image-rpi",
            Self::Arm64 => "linux-image-arm64",
            Self::Amd64 => "linux-image-amd64",
        }
    }

    /// Whether it is a Raspberry Pi's, which reads config.txt.
    #[must_use]
    pub const fn is_pi(self) -> bool {
        !matches!(self, Self::Amd64)
    }

    /// Whether an agent is built for it.
    #[must_use]
    pub const fn has_agent(self) -> bool {
        !matches!(self, Self::Armv6)
    }
}
