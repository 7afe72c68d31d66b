//! Which boards a kernel serves, by what is in its package: the device trees, and the drivers for the Ethernet
//! controllers that stand in them.

use serde::Serialize;

use super::{Arch, fdt};
use crate::debian::deb::Deb;

/// A board with the names of its device trees.
struct Board {
    name: &'static str,
    /// Kernel.org's, and Raspberry Pi's own. The firmware takes the tree of the wired sister for some that have none.
    trees: &'static [&'static str],
    /// Whether it has Ethernet.
    is_wired: bool,
}

const fn wired(name: &'static str, trees: &'static [&'static str]) -> Board {
    Board { name, trees, is_wired: true }
}

const fn bare(name: &'static str, trees: &'static [&'static str]) -> Board {
    Board { name, trees, is_wired: false }
}

/// Those with a BCM2835.
const ARMV6: [Board; 7] = [
    wired("Pi 1B", &["bcm2835-rpi-b", "bcm2835-rpi-b-rev2", "bcm2708-rpi-b", "bcm2708-rpi-b-rev1"]),
    wired("Pi 1B+", &["bcm2835-rpi-b-plus", "bcm2708-rpi-b-plus"]),
    bare("Pi 1A", &["bcm2835-rpi-a", "bcm2708-rpi-b"]),
    bare("Pi 1A+", &["bcm2835-rpi-a-plus", "bcm2708-rpi-b-plus"]),
    bare("Compute Module 1", &["bcm2835-rpi-cm1-io1", "bcm2708-rpi-cm"]),
    bare("Zero", &["bcm2835-rpi-zero", "bcm2708-rpi-zero"]),
    bare("Zero W", &["bcm2835-rpi-zero-w", "bcm2708-rpi-zero-w"]),
];

/// Those with 64 bits.
const ARM64: [Board; 12] = [
    wired("Pi 3B", &["bcm2837-rpi-3-b", "bcm2710-rpi-3-b"]),
    wired("Pi 3B+", &["bcm2837-rpi-3-b-plus", "bcm2710-rpi-3-b-plus"]),
    bare("Pi 3A+", &["bcm2837-rpi-3-a-plus", "bcm2710-rpi-3-b-plus"]),
    bare("Compute Module 3", &["bcm2837-rpi-cm3-io3", "bcm2710-rpi-cm3"]),
    bare("Zero 2 W", &["bcm2837-rpi-zero-2-w", "bcm2710-rpi-zero-2-w"]),
    wired("Pi 4B", &["bcm2711-rpi-4-b"]),
    wired("Pi 400", &["bcm2711-rpi-400"]),
    wired("Compute Module 4", &["bcm2711-rpi-cm4-io", "bcm2711-rpi-cm4"]),
    bare("Compute Module 4S", &["bcm2711-rpi-cm4s"]),
    wired("Pi 5", &["bcm2712-rpi-5-b", "bcm2712-d-rpi-5-b", "bcm2712d0-rpi-5-b"]),
    wired("Pi 500", &["bcm2712-rpi-500"]),
    wired("Compute Module 5", &["bcm2712-rpi-cm5-cm5io", "bcm2712-rpi-cm5-cm4io"]),
];

/// How far a board gets with a kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "ethernet", rename_all = "kebab-case")]
pub enum Serves {
    /// It starts, and its Ethernet has a driver.
    Driven {
        /// What the driver knows the controller by.
        by: String,
    },
    /// It starts; the device tree says nothing of Ethernet, so it needs an adapter or USB boot.
    Absent,
    /// It starts, and there is no driver for its Ethernet.
    Undriven {
        /// What a driver would have to know.
        by: String,
    },
    /// The kernel has no device tree for it.
    NoTree,
}

/// A board with a kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Served {
    /// The board.
    pub board: &'static str,
    /// How far it gets.
    #[serde(flatten)]
    pub serves: Serves,
}

/// Every board with a kernel's package. `aliases` are those of all drivers that go along.
#[must_use]
pub fn served(arch: Arch, kernel: &Deb, aliases: &[String]) -> Vec<Served> {
    let boards: &[Board] = match arch {
        Arch::Armv6 => &ARMV6,
        Arch::Arm64 => &ARM64,
        Arch::Amd64 => &[],
    };
    let tree = |name: &str| {
        let file = format!("/{name}.dtb");
        kernel.files.iter().find(|(path, _)| path.ends_with(&file)).and_then(|(_, bytes)| fdt::read(bytes))
    };
    let one = |board: &Board| {
        let serves = match board.trees.iter().find_map(|name| tree(name)) {
            None => Serves::NoTree,
            Some(_) if !board.is_wired => Serves::Absent,
            Some(found) => {
                let all: Vec<&String> = found.ethernet.iter().flatten().collect();
                match (all.iter().find(|name| is_driven(name, aliases)), all.first()) {
                    (Some(name), _) => Serves::Driven { by: (**name).clone() },
                    (None, Some(name)) => Serves::Undriven { by: (**name).clone() },
                    (None, None) => Serves::Absent,
                }
            }
        };
        Served { board: board.name, serves }
    };
    boards.iter().map(one).collect()
}

/// Whether a driver knows a device by this name of the device tree: as a device of the tree itself
/// (`of:N*T*Cbrcm,bcm2711-genet-v5`), or, for one that is soldered to a USB hub, by its ids (`usb424,ec00` is
/// `usb:v0424pEC00…`).
fn is_driven(name: &str, aliases: &[String]) -> bool {
    let of_tree = format!("C{name}");
    let of_usb =
        name.strip_prefix("usb").and_then(|ids| ids.split_once(',')).and_then(|(vendor, product)| {
            let (vendor, product) =
                (u16::from_str_radix(vendor, 16).ok()?, u16::from_str_radix(product, 16).ok()?);
            Some(format!("usb:v{vendor:04X}p{product:04X}d"))
        });
    aliases.iter().any(|alias| {
        let of = alias.strip_prefix("of:").and_then(|alias| alias.find('C').map(|at| &alias[at..]));
        of.is_some_and(|of| of.trim_end_matches("C*").trim_end_matches('*') == of_tree)
            || of_usb.as_ref().is_some_and(|usb| alias.starts_with(usb.as_str()))
    })
}
