//! What a Pi's firmware reads: itself, the device trees, config.txt and cmdline.txt.

use super::Arch;
use super::build::{Options, cmdline, packing};
use crate::debian::deb::Deb;
use crate::debian::files::{Error, Files};
use crate::debian::initramfs::gzip;
use crate::stage1::overlay::{self, Controller};

/// Packages with the firmware, and where it is in them: Debian's and Raspberry Pi's of today, and Raspberry Pi's older one.
const FIRMWARE: [(&str, &str); 2] =
    [("raspi-firmware", "usr/lib/raspi-firmware/"), ("raspberrypi-bootloader", "boot/")];
/// What a flattened device tree begins with.
const TREE: [u8; 4] = [0xd0, 0x0d, 0xfe, 0xed];

/// Whether a package is only for this.
pub(super) fn is_firmware(deb: &Deb) -> bool {
    FIRMWARE.iter().any(|(name, _)| deb.package == *name)
}

/// What boot ROMs and EEPROM bootloaders load, up to BCM2711; later ones have it in themselves.
const fn firmware_files(arch: Arch) -> &'static [&'static str] {
    match arch {
        Arch::Armv6 => &["bootcode.bin", "start.elf", "fixup.dat"],
        Arch::Arm64 => &["bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat"],
        Arch::Amd64 => &[],
    }
}

/// How the names of its boards' device trees begin: Raspberry Pi's own, and those of kernel.org.
const fn trees(arch: Arch) -> &'static [&'static str] {
    match arch {
        Arch::Armv6 => &["bcm2708-rpi-", "bcm2835-rpi-"],
        Arch::Arm64 => &["bcm2710-", "bcm2711-", "bcm2712", "bcm2837-"],
        Arch::Amd64 => &[],
    }
}

/// Adds it.
pub(super) fn add(files: &mut Files, debs: &[Deb], kernel: &Deb, options: &Options) -> Result<(), Error> {
    let arch = options.arch;
    let named =
        |(name, place): &(&str, &'static str)| Some((debs.iter().find(|deb| deb.package == *name)?, *place));
    let (firmware, place) =
        FIRMWARE.iter().find_map(named).ok_or(Error::NoPackage { package: "raspi-firmware" })?;
    for name in firmware_files(arch) {
        let magic: &[u8] = if name.ends_with(".elf") { b"\x7fELF" } else { &[] };
        files.take(firmware, &format!("{place}{name}"), name, magic)?;
    }
    let name = format!("piprov-{}.img", arch.name());
    if let Some(file) = files.files.get_mut(&name)
        && arch == Arch::Arm64
        && !file.bytes.starts_with(&[0x1f, 0x8b])
    {
        // 64-bit kernels come unpacked, and the firmware takes them packed too: a third to be sent.
        file.bytes = gzip(&file.bytes).map_err(packing)?;
    }
    let (mut upstream, mut any) = (true, false);
    for path in kernel.files.keys().filter(|path| path.ends_with(".dtb")) {
        let tree = path.rsplit('/').next().unwrap_or(path);
        if trees(arch).iter().any(|prefix| tree.starts_with(prefix)) {
            files.take(kernel, path, tree, &TREE)?;
            upstream &= !tree.starts_with("bcm2708-") && !tree.starts_with("bcm2710-");
            any = true;
        }
    }
    if !any {
        return Err(Error::NoFile {
            package: kernel.package.clone(),
            version: kernel.version.clone(),
            file: format!("{}*.dtb", trees(arch).first().unwrap_or(&"")),
            why: "no device tree of a board is there",
        });
    }
    for (name, bytes) in &options.usb_boot.files {
        files.add_from(name, bytes.clone(), "given");
    }
    if options.over_usb.is_some() {
        for (name, controller) in overlays(arch) {
            files.add(&format!("overlays/{name}.dtbo"), overlay::peripheral(*controller));
        }
    }
    files.add("config.txt", config(arch, upstream, options.over_usb.is_some()).into_bytes());
    // Kernel.org calls the small serial port ttyS1. For Raspberry Pi's kernels the firmware puts the right one there.
    let serial: &[&str] = if upstream {
        &["console=ttyS1,115200", "console=ttyAMA0,115200"]
    } else {
        &["console=serial0,115200"]
    };
    let line = cmdline(options, &[serial, &["console=tty0"]].concat());
    files.add("cmdline.txt", (line + "\n").into_bytes());
    Ok(())
}

/// What makes a board's USB controller a device, whatever its port is meant for. No board has more than one of these
/// controllers, and an overlay for one that isn't there would be refused.
const fn overlays(arch: Arch) -> &'static [(&'static str, Controller)] {
    match arch {
        Arch::Armv6 => &[("cable", overlay::ANY_OLD)],
        Arch::Arm64 => &[("cable", overlay::ANY_OLD), ("cable5", overlay::BCM2712)],
        Arch::Amd64 => &[],
    }
}

/// The lines of config.txt for that. A filter names a family: that of a Compute Module is its sister's
/// (Raspberry Pi's documentation of config.txt, "Conditional filters").
const fn over_usb(arch: Arch) -> &'static str {
    match arch {
        Arch::Arm64 => {
            "\n# The USB controller as a device.\n[pi02]\ndtoverlay=cable\n[pi3]\ndtoverlay=cable\n\
             [pi4]\ndtoverlay=cable\n[pi5]\ndtoverlay=cable5\n[all]\n"
        }
        Arch::Armv6 => "\n# The USB controller as a device.\ndtoverlay=cable\n",
        Arch::Amd64 => "",
    }
}

/// config.txt. `upstream`: the device trees have kernel.org's names. `usb`: the station is reached over the USB cable.
fn config(arch: Arch, upstream: bool, usb: bool) -> String {
    let names = if upstream {
        "# Debian's kernels know the boards by the device trees of kernel.org, which have other names.\nupstream_kernel=1\n"
    } else {
        ""
    };
    let name = arch.name();
    let wide = u8::from(arch == Arch::Arm64);
    // The firmware has another name for its tree than kernel.org.
    let zero =
        if upstream && arch == Arch::Arm64 { "\n[pi02]\ndevice_tree=bcm2837-rpi-zero-2-w.dtb\n" } else { "" };
    format!(
        "# piprov's system for deploying and backing up. Made by piprov.\n{names}\
         arm_64bit={wide}\nkernel=piprov-{name}.img\ninitramfs piprov-{name}.gz followkernel\nenable_uart=1\n\
         disable_splash=1\nboot_delay=0\n{zero}{}",
        if usb { over_usb(arch) } else { "" }
    )
}
