//! Puts a first stage together: for one kind of processor, or for several in one directory.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::{Arch, overlay};
use crate::debian::deb::Deb;
use crate::debian::files::{Error, File, Files};
use crate::debian::initramfs::{Initramfs, gzip};
use crate::debian::modules::{self, Module, Modules};

/// What it takes to be a USB serial port and to restart: the controller and its (absent) transceiver, the gadget, and
/// the watchdog, through which a Pi restarts and switches off.
const WANTED: [&str; 6] = ["configfs", "phy_generic", "dwc2", "libcomposite", "usb_f_acm", "bcm2835_wdt"];

/// Where modules are that these can depend on.
const PLACES: [&str; 4] =
    ["/kernel/fs/configfs/", "/kernel/drivers/usb/", "/kernel/drivers/watchdog/", "/kernel/lib/"];

/// What runs on the board.
const INIT: &[u8] = include_bytes!("../../firmware/stage1/init");

const FIRMWARE: &str = "usr/lib/raspi-firmware/";
/// What the boot ROM and its second stage load on BCM2835 to BCM2837.
const FIRMWARE_FILES: [&str; 3] = ["bootcode.bin", "start.elf", "fixup.dat"];

/// The first lines of config.txt.
const CONFIG: &str = "\
# piprov's first stage: it says which board it is, over a USB serial port. Made by `piprov stage1 build`.
# Debian's kernels know the boards by the device trees of kernel.org, which have other names.
upstream_kernel=1
# The USB controller as a device, whatever the board's port is meant for.
dtoverlay=stage1
# A console for people that look for a fault: 115200 baud on GPIO 14 and 15.
enable_uart=1
disable_splash=1
boot_delay=0
";

/// Both of the serial ports that a console can be on, and a restart where the kernel can't go on.
const CMDLINE: &str = "console=ttyAMA0,115200 console=ttyS1,115200 quiet panic=10\n";

/// Puts the files for some processors together out of packages. `time` is written into the initramfs, in seconds
/// since 1970.
///
/// # Errors
/// When a package can't be read, is missing, or lacks something.
pub fn assemble(archs: &[Arch], packages: &[PathBuf], time: u32) -> Result<Files, Error> {
    let archs: BTreeSet<Arch> = archs.iter().copied().collect();
    let debs = packages.iter().map(|path| read(path, &archs)).collect::<Result<Vec<Deb>, Error>>()?;
    let mut files = Files {
        packages: debs.iter().map(|deb| (deb.package.clone(), deb.version.clone())).collect(),
        ..Files::default()
    };
    files.packages.sort();
    files.packages.dedup();
    let firmware = debs.iter().find(|deb| deb.package == "raspi-firmware");
    let firmware = firmware.ok_or(Error::NoPackage { package: "raspi-firmware" })?;
    for name in FIRMWARE_FILES {
        let magic: &[u8] = if name.ends_with(".elf") { b"\x7fELF" } else { &[] };
        files.take(firmware, &format!("{FIRMWARE}{name}"), name, magic)?;
    }
    for arch in &archs {
        one(*arch, &debs, time, &mut files)?;
    }
    for deb in &debs {
        // The licences want to stay with the files.
        let from = format!("usr/share/doc/{}/copyright", deb.package);
        files.take(deb, &from, &format!("licence/{}.txt", deb.package), &[])?;
    }
    files.add("overlays/stage1.dtbo", overlay::peripheral(overlay::OLD));
    files.add("config.txt", config(&archs).into_bytes());
    files.add("cmdline.txt", CMDLINE.as_bytes().to_vec());
    Ok(files)
}

/// What of a package can be needed.
fn read(path: &Path, archs: &BTreeSet<Arch>) -> Result<Deb, Error> {
    let tree = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let ours = |arch: &Arch| arch.trees().iter().any(|prefix| name.starts_with(prefix));
        path.starts_with("usr/lib/linux-image-") && path.ends_with(".dtb") && archs.iter().any(ours)
    };
    let wanted = |path: &str| {
        path.starts_with(FIRMWARE)
            || path.starts_with("boot/vmlinuz-")
            || matches!(path, "bin/busybox" | "usr/bin/busybox")
            || path.ends_with("/copyright")
            || modules::concerns(path, &PLACES)
            || tree(path)
    };
    Ok(Deb::read(path, wanted)?)
}

/// Adds what one kind of processor needs.
fn one(arch: Arch, debs: &[Deb], time: u32, files: &mut Files) -> Result<(), Error> {
    let ours = |deb: &&Deb| deb.architecture == arch.debian();
    let missing = |package| move || Error::NoPackage { package };
    // The metapackage has no kernel in it.
    let is_kernel = |deb: &&Deb| {
        deb.package.starts_with("linux-image-")
            && deb.files.keys().any(|path| path.starts_with("boot/vmlinuz-"))
    };
    let kernel = debs.iter().filter(ours).find(is_kernel).ok_or_else(missing(arch.kernel()))?;
    let busybox = debs.iter().filter(ours).find(|deb| deb.package == "busybox-static");
    let busybox = busybox.ok_or_else(missing("busybox-static"))?;

    let image =
        kernel.files.keys().find(|path| path.starts_with("boot/vmlinuz-")).cloned().unwrap_or_default();
    let name = format!("stage1-{}.img", arch.name());
    files.take(kernel, &image, &name, &[])?;
    if arch == Arch::Arm64
        && let Some(file) = files.files.get_mut(&name)
    {
        // 64-bit kernels come unpacked, and the firmware takes them packed too: a third to be sent.
        file.bytes = gzip(&file.bytes).map_err(packing)?;
    }
    for (path, bytes) in kernel.files.iter().filter(|(path, _)| path.ends_with(".dtb")) {
        let tree = path.rsplit('/').next().unwrap_or(path);
        if arch.trees().iter().any(|prefix| tree.starts_with(prefix)) {
            let file = File { bytes: bytes.clone(), package: Some(kernel.package.clone()) };
            files.files.insert(tree.to_owned(), file);
        }
    }
    let program =
        ["bin/busybox", "usr/bin/busybox"].into_iter().find(|path| busybox.files.contains_key(*path));
    let program = program.and_then(|path| busybox.files.get(path)).ok_or_else(|| Error::NoFile {
        package: busybox.package.clone(),
        version: busybox.version.clone(),
        file: "bin/busybox".to_owned(),
        why: "it is not there",
    })?;
    let modules = Modules::of(kernel).closure(&WANTED)?;
    let packed = pack(program, &modules, time).map_err(packing)?;
    files.add(&format!("stage1-{}.gz", arch.name()), packed);
    Ok(())
}

/// Memory is all that can fail there.
fn packing(source: std::io::Error) -> Error {
    Error::Os { path: PathBuf::from("initramfs"), doing: "packing", source }
}

fn pack(busybox: &[u8], modules: &[Module], time: u32) -> std::io::Result<Vec<u8>> {
    let mut archive = Initramfs::new(time);
    for name in ["bin", "dev", "modules", "proc", "sys"] {
        archive.directory(name)?;
    }
    archive.file("bin/busybox", true, busybox)?;
    archive.link("bin/sh", "busybox")?;
    archive.file("init", true, INIT)?;
    for (number, Module { name, bytes, .. }) in modules.iter().enumerate() {
        archive.file(&format!("modules/{number:02}-{name}.ko"), false, bytes)?;
    }
    archive.finish()
}

/// config.txt: with one kind of processor a plain one, with several a section for each kind of board.
fn config(archs: &BTreeSet<Arch>) -> String {
    let mut text = CONFIG.to_owned();
    for arch in archs {
        let filters: &[&str] = if archs.len() == 1 { &["all"] } else { arch.filters() };
        for filter in filters {
            let name = arch.name();
            // Writing to a String can't fail.
            let _ = write!(text, "\n[{filter}]\nkernel=stage1-{name}.img\ninitramfs stage1-{name}.gz\n");
            let _ = writeln!(text, "arm_64bit={}", u8::from(*arch == Arch::Arm64));
        }
    }
    if archs.iter().any(|arch| *arch != Arch::Armv6) {
        // The firmware has another name for it than the kernel.
        text.push_str("\n[pi02]\ndevice_tree=bcm2837-rpi-zero-2-w.dtb\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debian::deb::tests::package;
    use crate::debian::modules::tests::module;

    /// Packages as Debian has them, with little in them.
    fn packages(dir: &Path, archs: &[Arch]) -> Vec<PathBuf> {
        let control = |name: &str, arch: &str| {
            format!(
                "Package: {name}\nVersion: 1\nArchitecture: {arch}\nMaintainer: x <x@example.org>\nDescription: d\n"
            )
        };
        let copyright = |name: &str| format!("usr/share/doc/{name}/copyright");
        let licence = copyright("raspi-firmware");
        let firmware: Vec<(&str, &[u8])> = vec![
            ("usr/lib/raspi-firmware/bootcode.bin", b"code"),
            ("usr/lib/raspi-firmware/start.elf", b"\x7fELF"),
            ("usr/lib/raspi-firmware/fixup.dat", b"fix"),
            ("usr/lib/raspi-firmware/start4.elf", b"\x7fELF"),
            (&licence, b"for a Pi"),
        ];
        let mut all = vec![package(dir, "xz", &control("raspi-firmware", "all"), &firmware)];
        for arch in archs {
            let debian = arch.debian();
            let out = dir.join(debian);
            std::fs::create_dir_all(&out).unwrap();
            let name = format!("linux-image-6-{}", arch.name());
            let trees = format!("usr/lib/{name}{}", if *arch == Arch::Arm64 { "/broadcom" } else { "" });
            let (zero, three) =
                (format!("{trees}/bcm2835-rpi-zero.dtb"), format!("{trees}/bcm2837-rpi-cm3-io3.dtb"));
            let (kernel, licence) = (format!("boot/vmlinuz-{}", arch.name()), copyright(&name));
            let acm = module("libcomposite");
            let files: Vec<(&str, &[u8])> = vec![
                (&kernel, b"kernel"),
                (&zero, b"zero"),
                (&three, b"three"),
                (&licence, b"GPL"),
                (
                    "lib/modules/6/modules.builtin",
                    b"a/configfs.ko\na/phy-generic.ko\na/dwc2.ko\na/bcm2835_wdt.ko\n",
                ),
                ("lib/modules/6/kernel/drivers/usb/usb_f_acm.ko", &acm),
                ("lib/modules/6/kernel/drivers/usb/libcomposite.ko", b"\x7fELF"),
                ("lib/modules/6/kernel/drivers/gpu/other.ko", b"\x7fELF"),
            ];
            all.push(package(&out, "xz", &control(&name, debian), &files));
            let licence = copyright("busybox-static");
            let files: Vec<(&str, &[u8])> = vec![("bin/busybox", b"busybox"), (&licence, b"GPL")];
            all.push(package(&out, "xz", &control("busybox-static", debian), &files));
        }
        all
    }

    fn text(files: &Files, name: &str) -> String {
        String::from_utf8(files.files[name].bytes.clone()).unwrap()
    }

    #[test]
    fn one_processor_has_a_plain_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let packages = packages(dir.path(), &[Arch::Armv6]);
        let files = assemble(&[Arch::Armv6], &packages, 7).unwrap();
        let names: Vec<_> = files.files.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "bcm2835-rpi-zero.dtb",
                "bootcode.bin",
                "cmdline.txt",
                "config.txt",
                "fixup.dat",
                "licence/busybox-static.txt",
                "licence/linux-image-6-armv6.txt",
                "licence/raspi-firmware.txt",
                "overlays/stage1.dtbo",
                "stage1-armv6.gz",
                "stage1-armv6.img",
                "start.elf",
            ]
        );
        let config = text(&files, "config.txt");
        assert!(
            config.ends_with("[all]\nkernel=stage1-armv6.img\ninitramfs stage1-armv6.gz\narm_64bit=0\n"),
            "{config}"
        );
        assert_eq!(text(&files, "stage1-armv6.img"), "kernel");
    }

    #[test]
    fn several_processors_share_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let archs = [Arch::Arm64, Arch::Armv6];
        let files = assemble(&archs, &packages(dir.path(), &archs), 7).unwrap();
        assert!(files.files.contains_key("bcm2837-rpi-cm3-io3.dtb"));
        assert!(files.files["stage1-arm64.img"].bytes.starts_with(&[0x1f, 0x8b]), "packed");
        let config = text(&files, "config.txt");
        let at = |text: &str| config.find(text).unwrap_or_else(|| panic!("{text}: {config}"));
        assert!(at("[pi0]\nkernel=stage1-armv6.img") < at("[pi02]\nkernel=stage1-arm64.img"));
        assert!(at("[pi3]\nkernel=stage1-arm64.img") < at("device_tree=bcm2837-rpi-zero-2-w.dtb"));
    }

    #[test]
    fn the_same_packages_give_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let archs = [Arch::Armv6, Arch::Armv7, Arch::Arm64];
        let mut packages = packages(dir.path(), &archs);
        let first = assemble(&archs, &packages, 7).unwrap();
        packages.reverse();
        assert_eq!(assemble(&[Arch::Arm64, Arch::Armv7, Arch::Armv6], &packages, 7).unwrap(), first);
        let other = assemble(&archs, &packages, 8).unwrap();
        assert_ne!(other.files["stage1-armv6.gz"], first.files["stage1-armv6.gz"]);
        assert_eq!(other.files["stage1-armv6.img"], first.files["stage1-armv6.img"]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let packages = packages(dir.path(), &[Arch::Armv6]);
        let name =
            |archs: &[Arch], packages: &[PathBuf]| assemble(archs, packages, 7).unwrap_err().to_string();
        assert_eq!(name(&[Arch::Armv6], &packages[1..]), "the package raspi-firmware is missing");
        assert_eq!(name(&[Arch::Armv6], &packages[..2]), "the package busybox-static is missing");
        assert_eq!(name(&[Arch::Arm64], &packages), "the package linux-image-arm64 is missing");
    }
}
