//! What each file is, and what a board does without it.

use serde::Serialize;

use crate::dhcp::pi::Stage;
use crate::netboot::content::place;

/// A part of what a board fetches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// `bootcode.bin`, which the ROM of a Pi 2 or 3 runs.
    Bootcode,
    /// An update of the EEPROM, or a recovery.
    Update,
    /// `start*.elf` and `fixup*.dat`.
    Firmware,
    /// `config.txt` and what else is read before it.
    Settings,
    /// `cmdline.txt`.
    CommandLine,
    /// A kernel.
    Kernel,
    /// The device tree.
    DeviceTree,
    /// A device tree overlay.
    Overlay,
    /// The initramfs.
    Initramfs,
    /// Something else.
    Other,
}

impl Part {
    /// What a file is, by its path without prefix.
    #[must_use]
    pub fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        let starts = |heads: &[&str]| heads.iter().any(|head| name.starts_with(head));
        match name {
            "bootcode.bin" => Self::Bootcode,
            "cmdline.txt" => Self::CommandLine,
            "config.txt" | "autoboot.txt" | "tryboot.txt" | "bootcfg.txt" | "bootsig.bin" => Self::Settings,
            "overlay_map.dtb" => Self::Overlay,
            _ if starts(&["pieeprom", "vl805", "recover"]) => Self::Update,
            _ if starts(&["start", "fixup"]) && (name.ends_with(".elf") || name.ends_with(".dat")) => {
                Self::Firmware
            }
            _ if place::is_kernel(name) => Self::Kernel,
            _ if path.contains("overlays/") || name.ends_with(".dtbo") => Self::Overlay,
            _ if name.ends_with(".dtb") => Self::DeviceTree,
            _ if starts(&["initramfs", "initrd"]) => Self::Initramfs,
            _ => Self::Other,
        }
    }

    /// Whether its first request is a step of the boot that is worth a line.
    pub(super) fn is_step(self) -> bool {
        matches!(self, Self::Bootcode | Self::Firmware | Self::Kernel | Self::Initramfs)
    }

    /// What the trail says once one of its files was fetched.
    pub(super) fn label(self, path: &str) -> Option<&str> {
        let name = path.rsplit('/').next().unwrap_or(path);
        match self {
            Self::Bootcode => Some("bootcode.bin"),
            Self::Update => Some("EEPROM update"),
            Self::Firmware => name.starts_with("start").then_some(name),
            Self::Settings => (name == "config.txt").then_some("config.txt"),
            Self::Kernel | Self::Initramfs => Some(name),
            Self::DeviceTree => Some("device tree"),
            Self::Overlay => Some("overlays"),
            Self::CommandLine | Self::Other => None,
        }
    }
}

/// What it means that a file isn't there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: boards ask for it without needing it.
    Optional,
    /// The board goes on in another way.
    Next(&'static str),
    /// The board can't boot.
    Fatal(&'static str),
}

/// Judges a missing file. `prefixed`: it was asked for in the board's own directory.
pub(super) fn verdict(stage: Option<Stage>, prefixed: bool, path: &str) -> Verdict {
    use Verdict::{Fatal, Next, Optional};
    let five = stage == Some(Stage::Eeprom5);
    let name = path.rsplit('/').next().unwrap_or(path);
    match (Part::of(path), name) {
        (Part::Bootcode, _) => Fatal(
            "the boot ROM has nothing to run; it gives up 25 s after it was switched on, until the next power cycle",
        ),
        // Said for start.elf, which it asks for next.
        (Part::Firmware, "start4.elf") if prefixed => Optional,
        (Part::Firmware, "start4.elf") => Next("it asks for start.elf next"),
        (Part::Firmware, name) if name.starts_with("start") => match prefixed {
            true => Next("it leaves the directory out and asks in the root next"),
            false => Fatal(
                "without firmware it can't boot; it goes on with the next mode of its BOOT_ORDER, or gives up",
            ),
        },
        (Part::Firmware, _) => Next("it starts, but with a part of its memory only"),
        (Part::Settings, "config.txt") if five => match prefixed {
            true => Next("it leaves the directory out and asks in the root next"),
            false => Fatal(
                "a Pi 5 boots nothing without config.txt; it goes on with the next mode of its BOOT_ORDER",
            ),
        },
        (Part::CommandLine, _) => Next("its kernel starts without being told where its root is"),
        (Part::Kernel, _) => Next("it tries another name for the kernel, if it knows one"),
        (Part::DeviceTree, _) if five && prefixed => {
            Next("it tries another device tree, or leaves the directory out")
        }
        (Part::DeviceTree, _) => Next("without a device tree its kernel hardly starts"),
        (Part::Overlay, name) if name.ends_with(".dtbo") => {
            Next("what config.txt wants of this overlay isn't switched on")
        }
        (Part::Initramfs, _) => Next("its kernel starts without an initramfs"),
        _ => Optional,
    }
}

/// What asks, by its first file; for boards whose DHCP wasn't heard.
pub(super) fn stage_by(path: &str) -> Option<Stage> {
    match path {
        "bootcode.bin" => Some(Stage::Rom),
        "start4.elf" | "recover4.elf" => Some(Stage::Eeprom4),
        _ if path.contains("2712") => Some(Stage::Eeprom5),
        _ => None,
    }
}

/// What boards of a kind are called together.
pub(super) fn family(stage: Stage) -> &'static str {
    match stage {
        Stage::Rom => "Pi 2 or 3",
        Stage::Serial => "Pi 3",
        Stage::Eeprom4 => "Pi 4",
        Stage::Eeprom5 => "Pi 5",
        Stage::Eeprom => "Pi 4 or 5",
        Stage::Pi | Stage::PiFirmware | Stage::PiHost => "Pi",
        Stage::Pc => "PC",
        Stage::Host => "host",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known() {
        for (path, part) in [
            ("bootcode.bin", Part::Bootcode),
            ("bootsig.bin", Part::Settings),
            ("start4.elf", Part::Firmware),
            ("fixup4.dat", Part::Firmware),
            ("recover4.elf", Part::Update),
            ("pieeprom.sig", Part::Update),
            ("kernel_2712.img", Part::Kernel),
            ("bcm2712-rpi-5-b.dtb", Part::DeviceTree),
            ("overlays/overlay_map.dtb", Part::Overlay),
            ("overlays/vc4-kms-v3d.dtbo", Part::Overlay),
            ("initramfs_2712", Part::Initramfs),
            ("armstub8-2712.bin", Part::Other),
            ("dt-blob.bin", Part::Other),
            ("", Part::Other),
        ] {
            assert_eq!(Part::of(path), part, "{path}");
        }
    }

    #[test]
    fn what_is_missing_is_judged_by_the_board() {
        let four = Some(Stage::Eeprom4);
        assert_eq!(verdict(four, true, "start4.elf"), Verdict::Optional);
        assert!(matches!(verdict(four, false, "start4.elf"), Verdict::Next(_)));
        assert!(matches!(verdict(four, true, "start.elf"), Verdict::Next(_)));
        assert!(matches!(verdict(four, false, "start.elf"), Verdict::Fatal(_)));
        assert_eq!(verdict(four, true, "config.txt"), Verdict::Optional);
        assert!(matches!(verdict(Some(Stage::Eeprom5), true, "config.txt"), Verdict::Next(_)));
        assert!(matches!(verdict(Some(Stage::Eeprom5), false, "config.txt"), Verdict::Fatal(_)));
        assert!(matches!(verdict(Some(Stage::Rom), false, "bootcode.bin"), Verdict::Fatal(_)));
        for harmless in [
            "bootsig.bin",
            "pieeprom.sig",
            "overlays/overlay_map.dtb",
            "armstub8-2712.bin",
            "recovery.elf",
            "dt-blob.bin",
            "autoboot.txt",
            "vl805.sig",
        ] {
            assert_eq!(verdict(four, true, harmless), Verdict::Optional, "{harmless}");
        }
    }
}
