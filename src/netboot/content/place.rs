//! The names in requests: whose directory, and what kind of file.

use std::fmt;

use crate::board::{Mac, Serial, Who};

/// The directory name in front of a path (`TFTP_PREFIX` of the bootloader's configuration): 0, the default, is the
/// serial number; 2 is the MAC address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prefix {
    /// The low 32 bits of the serial number, in 8 digits of lower case.
    Serial(Serial),
    /// The MAC address, with dashes in the path.
    Mac(Mac),
}

impl Prefix {
    /// Reads a directory name: 8 hexadecimal digits, or a MAC address with dashes.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name.len() {
            8 => Serial::of_digits(name).map(Self::Serial),
            17 if name.as_bytes().get(2) == Some(&b'-') => name.parse().ok().map(Self::Mac),
            _ => None,
        }
    }

    /// Reads the name of a directory, in any of the ways in which a board may be written: also all 16 digits of a serial
    /// number, and a MAC address with colons or without separators. Requests are taken apart by [`Prefix::parse`];
    /// whose a directory is must not depend on how it is written.
    #[must_use]
    pub fn of_directory(name: &str) -> Option<Self> {
        match name.len() {
            16 => Serial::of_digits(name)?.low().map(Serial::of_low).map(Self::Serial),
            12 | 17 => name.parse().ok().map(Self::Mac),
            _ => Self::parse(name),
        }
    }

    /// The board that it names, as clients' records have it: the serial number in 8 digits, or the MAC address with
    /// colons.
    #[must_use]
    pub fn board(self) -> String {
        match self {
            Self::Serial(serial) => serial.directory(),
            Self::Mac(mac) => mac.to_string(),
        }
    }

    /// Whether it may be this board's: it isn't known to be another's.
    #[must_use]
    pub fn may_be(self, board: &Who) -> bool {
        match self {
            Self::Serial(serial) => board.serial.is_none_or(|known| known.is_of_same_board(&serial)),
            Self::Mac(mac) => board.mac == Some(mac),
        }
    }
}

impl fmt::Display for Prefix {
    /// As the directory is called.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial(serial) => out.write_str(&serial.directory()),
            Self::Mac(mac) => out.write_str(&mac.to_string().replace(':', "-")),
        }
    }
}

/// Whether two names mean the directory of the same board, or are the same name.
#[must_use]
pub fn is_same(name: &str, other: &str) -> bool {
    let board = Prefix::of_directory(name);
    name == other || (board.is_some() && board == Prefix::of_directory(other))
}

/// Splits a path into its prefix, if it has one, and the rest.
#[must_use]
pub fn split(path: &str) -> (Option<Prefix>, &str) {
    let path = path.trim_start_matches('/');
    let Some((first, rest)) = path.split_once('/') else { return (None, path) };
    match Prefix::parse(first) {
        Some(prefix) => (Some(prefix), rest.trim_start_matches('/')),
        None => (None, path),
    }
}

/// Whether a file belongs to the system as a whole and must not come from another: all that lies beside the kernel,
/// and its overlays. Other folders are asked for by name (`TFTP_PREFIX_STR`, `os_prefix`) and are whole themselves.
#[must_use]
pub fn is_versioned(path: &str) -> bool {
    !path.contains('/') || path.starts_with("overlays/")
}

/// Whether a file fits every system: updates of the EEPROM, and what a boot ROM asks for before it knows anything.
#[must_use]
pub fn is_free(path: &str) -> bool {
    let eeprom = path.starts_with("pieeprom.") || path.starts_with("vl805.");
    eeprom || matches!(path, "bootcode.bin" | "bootsig.bin" | "recovery.bin")
}

/// Whether a name in a directory shows that a system of its own is there: firmware, a kernel, a device tree,
/// overlays or an initramfs.
#[must_use]
pub fn is_system(name: &str) -> bool {
    let starts = |heads: &[&str]| heads.iter().any(|head| name.starts_with(head));
    let elf = name.ends_with(".elf") && starts(&["start"]);
    let fixup = name.ends_with(".dat") && starts(&["fixup"]);
    elf || fixup
        || name == "overlays"
        || name.ends_with(".dtb")
        || is_kernel(name)
        || starts(&["initramfs", "initrd"])
        || name == "boot.img"
}

/// Whether a name is one that firmware takes for a kernel by itself.
#[must_use]
pub fn is_kernel(name: &str) -> bool {
    (name.starts_with("kernel") && name.ends_with(".img"))
        || name.starts_with("vmlinuz")
        || matches!(name, "Image" | "zImage")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        let mac: Mac = "dc:a6:32:01:36:c2".parse().unwrap();
        assert_eq!(
            split("9c1d03f2/start4.elf"),
            (Some(Prefix::Serial(Serial::of_low(0x9c1d_03f2))), "start4.elf")
        );
        assert_eq!(split("/dc-a6-32-01-36-c2//overlays/x.dtbo"), (Some(Prefix::Mac(mac)), "overlays/x.dtbo"));
        for plain in [
            "bootcode.bin",
            "overlays/x.dtbo",
            "9c1d03f/x",
            "9c1d03fg/x",
            "dc:a6:32:01:36:c2/x",
            "é3456789/x",
        ] {
            assert_eq!(split(plain), (None, plain));
        }
        assert_eq!(Prefix::Serial(Serial::of_low(0x3f2)).to_string(), "000003f2");
        assert_eq!(Prefix::Mac(mac).to_string(), "dc-a6-32-01-36-c2");
        let known = Who { serial: Some(Serial::of_low(7)), ..Who::with_mac(mac) };
        assert!(
            Prefix::Serial(Serial::of_low(7)).may_be(&known)
                && !Prefix::Serial(Serial::of_low(8)).may_be(&known)
        );
    }

    #[test]
    fn a_board_is_the_same_however_its_directory_is_written() {
        for (name, other) in [
            ("9c1d03f2", "9C1D03F2"),
            ("9c1d03f2", "100000009c1d03f2"),
            ("dc-a6-32-01-36-c2", "DC:A6:32:01:36:C2"),
            ("dc-a6-32-01-36-c2", "dca6320136c2"),
            ("lab", "lab"),
        ] {
            assert!(is_same(name, other) && is_same(other, name), "{name} {other}");
        }
        for (name, other) in [("9c1d03f2", "9c1d03f3"), ("lab", "LAB"), ("9c1d03f2", "dc-a6-32-01-36-c2")] {
            assert!(!is_same(name, other), "{name} {other}");
        }
    }

    #[test]
    fn kinds_of_files() {
        for system in [
            "start4.elf",
            "start.elf",
            "fixup4x.dat",
            "kernel8.img",
            "bcm2712-rpi-5-b.dtb",
            "initramfs8",
            "overlays",
        ] {
            assert!(is_system(system), "{system}");
        }
        for other in ["config.txt", "cmdline.txt", "ssh", "pieeprom.upd", "bootcode.bin", "recovery.elf"] {
            assert!(!is_system(other), "{other}");
        }
        assert!(is_free("pieeprom.sig") && is_free("bootcode.bin") && !is_free("start.elf"));
        assert!(
            is_versioned("overlays/x.dtbo") && is_versioned("config.txt") && !is_versioned("lab/config.txt")
        );
    }

    proptest::proptest! {
        #[test]
        fn no_path_panics(path in ".*") { let _ = split(&path); }
    }
}
