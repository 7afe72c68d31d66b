//! Which of a kernel's modules are taken: drivers for Ethernet, storage and the USB gadget, and what a Pi needs beside.

use super::Arch;
use crate::debian::modules::Modules;

/// Where modules are that these can depend on.
const PLACES: [&str; 1] = ["/kernel/"];

/// Large, and nothing here depends on it.
const NEVER: [&str; 14] = [
    "/kernel/sound/",
    "/kernel/drivers/comedi/",
    "/kernel/net/bluetooth/",
    "/kernel/drivers/gpu/",
    "/kernel/drivers/media/",
    "/kernel/drivers/net/wireless/",
    "/kernel/drivers/infiniband/",
    "/kernel/drivers/staging/",
    "/kernel/drivers/iio/",
    "/kernel/drivers/isdn/",
    "/kernel/drivers/bluetooth/",
    "/kernel/drivers/input/",
    "/kernel/drivers/md/",
    "/kernel/drivers/video/",
];

/// What modules are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Role {
    /// In a sentence.
    what: &'static str,
    /// At least one of these has to be there, as a module or built in.
    names: &'static [&'static str],
    /// It is no system for this work without.
    is_needed: bool,
}

const NVME: &str = "NVMe";

/// All that is taken where the kernel has it.
const ROLES: [Role; 9] = [
    Role {
        what: "Ethernet",
        names: &[
            "genet",
            "macb",
            "lan78xx",
            "smsc95xx",
            "r8152",
            "asix",
            "ax88179_178a",
            "cdc_ether",
            "cdc_ncm",
            "rndis_host",
            "e1000",
            "e1000e",
            "igb",
            "igc",
            "tg3",
            "r8169",
            "atlantic",
            "virtio_net",
            "bcm_phy_lib",
            "broadcom",
            "microchip",
            "smsc",
            "realtek",
            "bcm54140",
            "mdio_bcm_unimac",
            "rp1",
            "rp1_pci",
        ],
        is_needed: true,
    },
    Role {
        what: "SD and eMMC",
        names: &[
            "mmc_block",
            "sdhci_iproc",
            "bcm2835",
            "sdhci_brcmstb",
            "sdhci_pci",
            "sdhci_acpi",
            "bcm2835_mmc",
            "bcm2835_sdhost",
        ],
        is_needed: true,
    },
    Role { what: NVME, names: &["nvme", "pcie_brcmstb"], is_needed: true },
    Role {
        what: "USB storage",
        names: &[
            "usb_storage",
            "uas",
            "sd_mod",
            "xhci_pci",
            "xhci_pci_renesas",
            "xhci_plat_hcd",
            "ehci_pci",
            "ehci_platform",
            "ohci_pci",
            "ohci_platform",
            "uhci_hcd",
            "dwc2",
            "dwc_otg",
            "dwc3",
            "phy_generic",
            "crct10dif_generic",
            "crct10dif_common",
        ],
        is_needed: true,
    },
    Role {
        what: "the USB gadget",
        names: &[
            "configfs",
            "libcomposite",
            "usb_f_mass_storage",
            "usb_f_ecm",
            "usb_f_ncm",
            "usb_f_acm",
            // Raspberry Pi's kernels have it as a module.
            "ipv6",
        ],
        is_needed: false,
    },
    Role {
        what: "virtual machines",
        names: &["virtio_pci", "virtio_mmio", "virtio_blk", "virtio_scsi", "ata_piix", "ahci", "virtio_rng"],
        is_needed: false,
    },
    Role {
        what: "a Pi's firmware, sensors and LEDs",
        names: &[
            "reset_raspberrypi",
            "gpio_raspberrypi_exp",
            "raspberrypi_hwmon",
            "bcm2835_thermal",
            "bcm2711_thermal",
            "bcm2835_wdt",
            "leds_gpio",
            "clk_raspberrypi",
            "raspberrypi_power",
            "nvmem_rmem",
            "bcm2835_rng",
            "iproc_rng200",
            "fixed",
            "gpio_regulator",
            "i2c_brcmstb",
        ],
        is_needed: false,
    },
    Role { what: "the flash chip of a Pi's EEPROM", names: &["spidev", "spi_bcm2835"], is_needed: false },
    Role { what: "PCs", names: &["i6300esb", "iTCO_wdt", "failover", "net_failover"], is_needed: false },
];

/// The modules to take, and the needed roles for which the kernel has nothing.
pub(super) fn wanted(modules: &Modules<'_>, arch: Arch) -> (Vec<&'static str>, Vec<&'static str>) {
    let mut names = Vec::new();
    let mut lacks = Vec::new();
    for role in ROLES {
        let there: Vec<&str> = role.names.iter().copied().filter(|name| modules.has(name)).collect();
        // A BCM2835 has no PCI Express.
        let is_needed = role.is_needed && !(arch == Arch::Armv6 && role.what == NVME);
        if there.is_empty() && is_needed {
            lacks.push(role.what);
        }
        names.extend(there);
    }
    (names, lacks)
}

/// Whether a file of a kernel's package is wanted for it.
pub(super) fn concerns(path: &str) -> bool {
    crate::debian::modules::concerns(path, &PLACES) && !NEVER.iter().any(|place| path.contains(place))
}
