//! The system that a board runs while it is deployed or backed up: a kernel with the modules for network and storage, a
//! busybox, the agent, and an init of our own (`firmware/agent/init`). It is put together out of Debian's packages, or
//! Raspberry Pi's, into one directory that boards boot from over the network and over USB. Nothing in it depends on the
//! machine or the hour: the same packages and the same agent give the same bytes.

pub mod boards;
pub mod build;
mod fdt;
mod select;

/// The processors that there is an agent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// Pi 3, 4, 5 and what is built like them, with 64 bits.
    Arm64,
    /// PCs.
    Amd64,
}

impl Arch {
    /// As it is called here, and by Debian.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::Amd64 => "amd64",
        }
    }

    /// The package that stands for Debian's kernel.
    #[must_use]
    pub const fn kernel(self) -> &'static str {
        match self {
            Self::Arm64 => "linux-image-arm64",
            Self::Amd64 => "linux-image-amd64",
        }
    }

    /// The machine of an ELF file for it (elf.h: EM_AARCH64, EM_X86_64).
    const fn machine(self) -> u16 {
        match self {
            Self::Arm64 => 183,
            Self::Amd64 => 62,
        }
    }
}
