//! U-Boot's directory for a board: U-Boot itself from Debian's package u-boot-rpi, the Pi's firmware from
//! raspi-firmware, and a config.txt. What `card build --uboot` takes.

use std::path::PathBuf;

use crate::debian::deb::Deb;
use crate::debian::files::{Error, File, Files};
use crate::error::{Remedy, Task, remedy};

/// The packages that a payload is made of.
pub const PACKAGES: [&str; 2] = ["u-boot-rpi", "raspi-firmware"];

const UBOOT: &str = "usr/lib/u-boot/";
const FIRMWARE: &str = "usr/lib/raspi-firmware/";

/// Firmware that the boot ROM of a Pi 3 and of earlier boards loads from the card.
const FIRMWARE_3: [&str; 3] = ["bootcode.bin", "start.elf", "fixup.dat"];
/// A Pi 4 has its first stage in an EEPROM.
const FIRMWARE_4: [&str; 2] = ["start4.elf", "fixup4.dat"];

/// config.txt of every payload.
const CONFIG: &str = "\
# piprov recovery card: the firmware starts U-Boot, U-Boot does the rest.
# U-Boot is built for 64 bits; older firmware would start it with 32.
arm_64bit=1
kernel=u-boot.bin
# U-Boot's console, 115200 baud on GPIO 14 and 15. Without this line the clock of the small serial port
# follows the processor's, and on a Pi 3 U-Boot prints garbage or stops.
enable_uart=1
";

/// Builds of U-Boot in Debian's package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Board {
    /// Raspberry Pi 3, 3+, Compute Module 3, Zero 2 W.
    #[serde(rename = "rpi_3")]
    Rpi3,
    /// Raspberry Pi 4, 400, Compute Module 4.
    #[serde(rename = "rpi_4")]
    Rpi4,
    /// Both.
    RpiArm64,
}

impl Board {
    /// The name of the build, which is also the directory in the package.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rpi3 => "rpi_3",
            Self::Rpi4 => "rpi_4",
            Self::RpiArm64 => "rpi_arm64",
        }
    }

    fn firmware(self) -> Vec<&'static str> {
        match self {
            Self::Rpi3 => FIRMWARE_3.to_vec(),
            Self::Rpi4 => FIRMWARE_4.to_vec(),
            Self::RpiArm64 => [&FIRMWARE_3[..], &FIRMWARE_4].concat(),
        }
    }

    /// Whether this is a device tree for it.
    fn has_tree(self, name: &str) -> bool {
        let early = ["bcm2710", "bcm2837"].iter().any(|chip| name.starts_with(chip));
        let late = name.starts_with("bcm2711");
        name.ends_with(".dtb")
            && match self {
                Self::Rpi3 => early,
                Self::Rpi4 => late,
                Self::RpiArm64 => early || late,
            }
    }
}

/// A payload in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The board that it is for.
    pub board: Board,
    /// What is in it.
    pub content: Files,
    /// What the user should know, each a sentence.
    pub notes: Vec<Remedy>,
}

/// Puts a payload together out of packages (their files). Packages with device trees (linux-image-…) are taken
/// into account too.
///
/// # Errors
/// When a package can't be read or lacks something that the board needs.
pub fn assemble(board: Board, packages: &[PathBuf]) -> Result<Payload, Error> {
    let wanted = |path: &str| {
        let tree = path
            .rsplit_once('/')
            .is_some_and(|(above, name)| above.ends_with("/broadcom") && board.has_tree(name));
        path.starts_with(UBOOT) || path.starts_with(FIRMWARE) || path.ends_with("/copyright") || tree
    };
    let debs: Vec<Deb> = packages.iter().map(|path| Deb::read(path, wanted)).collect::<Result<_, _>>()?;
    let mut payload = Payload {
        board,
        content: Files {
            packages: debs.iter().map(|deb| (deb.package.clone(), deb.version.clone())).collect(),
            ..Files::default()
        },
        notes: Vec::new(),
    };
    let [uboot, firmware] = PACKAGES
        .map(|package| debs.iter().find(|deb| deb.package == package).ok_or(Error::NoPackage { package }));
    let (uboot, firmware) = (uboot?, firmware?);
    payload.content.take(uboot, &format!("{UBOOT}{}/u-boot.bin", board.name()), "u-boot.bin", &[])?;
    for name in board.firmware() {
        let magic: &[u8] = if name.ends_with(".elf") { b"\x7fELF" } else { &[] };
        payload.content.take(firmware, &format!("{FIRMWARE}{name}"), name, magic)?;
    }
    // The licences want to stay with the files.
    for deb in [uboot, firmware] {
        let from = format!("usr/share/doc/{}/copyright", deb.package);
        payload.content.take(deb, &from, &format!("licence/{}.txt", deb.package), &[])?;
    }
    for deb in &debs {
        for (path, bytes) in deb.files.iter().filter(|(path, _)| path.contains("/broadcom/")) {
            let name = path.rsplit_once('/').map_or(path.as_str(), |(_, name)| name);
            // The magic number of a flattened device tree (Devicetree Specification 0.4, section 5.2).
            if bytes.starts_with(&[0xd0, 0x0d, 0xfe, 0xed]) {
                let file = File { bytes: bytes.clone(), package: Some(deb.package.clone()) };
                payload.content.files.insert(name.to_owned(), file);
            }
        }
    }
    if !payload.content.files.keys().any(|name| board.has_tree(name)) {
        payload.notes.push(remedy![
            "The packages have no device trees; ",
            Task::CardBuild,
            " takes those of the image's boot partition.",
        ]);
    }
    payload.content.add("config.txt", CONFIG.as_bytes().to_vec());
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debian::deb::tests::package;
    use std::path::Path;

    fn control(name: &str) -> String {
        format!(
            "Package: {name}\nVersion: 1-{}\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: d\n",
            name.len()
        )
    }

    fn packages(dir: &Path) -> Vec<PathBuf> {
        let elf: &[u8] = b"\x7fELF...";
        let uboot: Vec<(&str, &[u8])> = vec![
            ("usr/lib/u-boot/rpi_3/u-boot.bin", b"three"),
            ("usr/lib/u-boot/rpi_4/u-boot.bin", b"four"),
            ("usr/lib/u-boot/rpi_arm64/u-boot.bin", b"both"),
            ("usr/share/doc/u-boot-rpi/copyright", b"GPL"),
        ];
        let firmware: Vec<(&str, &[u8])> = vec![
            ("usr/lib/raspi-firmware/bootcode.bin", b"code"),
            ("usr/lib/raspi-firmware/start.elf", elf),
            ("usr/lib/raspi-firmware/fixup.dat", b"fix"),
            ("usr/lib/raspi-firmware/start4.elf", elf),
            ("usr/lib/raspi-firmware/fixup4.dat", b"fix4"),
            ("usr/share/doc/raspi-firmware/copyright", b"for a Pi"),
        ];
        vec![
            package(dir, "xz", &control("u-boot-rpi"), &uboot),
            package(dir, "xz", &control("raspi-firmware"), &firmware),
        ]
    }

    #[test]
    fn each_board_gets_what_it_needs_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let packages = packages(dir.path());
        let licences = ["licence/raspi-firmware.txt", "licence/u-boot-rpi.txt"];
        for (board, uboot, firmware) in [
            (Board::Rpi3, b"three".to_vec(), vec!["bootcode.bin", "fixup.dat", "start.elf"]),
            (Board::Rpi4, b"four".to_vec(), vec!["fixup4.dat", "start4.elf"]),
            (
                Board::RpiArm64,
                b"both".to_vec(),
                vec!["bootcode.bin", "fixup.dat", "fixup4.dat", "start.elf", "start4.elf"],
            ),
        ] {
            let payload = assemble(board, &packages).unwrap();
            assert_eq!(payload.content.files["u-boot.bin"].bytes, uboot);
            let mut want: Vec<&str> =
                firmware.into_iter().chain(licences).chain(["config.txt", "u-boot.bin"]).collect();
            want.sort_unstable();
            assert_eq!(payload.content.files.keys().collect::<Vec<_>>(), want, "{board:?}");
            let out = dir.path().join(board.name());
            payload.content.write(&out, false).unwrap();
            assert_eq!(std::fs::read(out.join("u-boot.bin")).unwrap(), uboot);
            assert!(
                std::fs::read_to_string(out.join("config.txt")).unwrap().contains("\nkernel=u-boot.bin\n")
            );
            assert!(matches!(payload.content.write(&out, false), Err(Error::NotEmpty { .. })));
            payload.content.write(&out, true).unwrap();
        }
    }

    #[test]
    fn device_trees_come_out_of_a_kernels_package() {
        let dir = tempfile::tempdir().unwrap();
        let mut packages = packages(dir.path());
        let tree: &[u8] = &[0xd0, 0x0d, 0xfe, 0xed, 1];
        let files: Vec<(&str, &[u8])> = vec![
            ("usr/lib/linux-image-6/broadcom/bcm2837-rpi-3-b.dtb", tree),
            ("usr/lib/linux-image-6/broadcom/bcm2711-rpi-4-b.dtb", tree),
            ("usr/lib/linux-image-6/broadcom/bcm2711-rpi-400.dtb", b"no tree"),
            ("usr/lib/linux-image-6/other/bcm2711-x.dtb", tree),
        ];
        packages.push(package(dir.path(), "xz", &control("linux-image-6"), &files));
        let payload = assemble(Board::Rpi4, &packages).unwrap();
        let trees: Vec<_> = payload.content.files.keys().filter(|name| name.ends_with(".dtb")).collect();
        assert_eq!(trees, ["bcm2711-rpi-4-b.dtb"]);
        assert_eq!(payload.notes, []);
        assert_eq!(assemble(Board::Rpi4, &packages[..2]).unwrap().notes.len(), 1);
    }

    #[test]
    fn what_is_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let good = packages(dir.path());
        assert!(matches!(
            assemble(Board::Rpi3, &good[..1]),
            Err(Error::NoPackage { package: "raspi-firmware" })
        ));
        let bad = [("usr/lib/u-boot/rpi_3/u-boot.bin", &b""[..])];
        let bad = package(dir.path(), "gzip", &control("u-boot-rpi"), &bad);
        let error = assemble(Board::Rpi3, &[bad, good[1].clone()]).unwrap_err().to_string();
        assert!(error.contains("u-boot-rpi 1-10") && error.contains("rpi_3/u-boot.bin"), "{error}");
        let no_elf = [
            ("usr/lib/raspi-firmware/start4.elf", &b"<html>"[..]),
            ("usr/lib/raspi-firmware/fixup4.dat", b"x"),
        ];
        let no_elf = package(dir.path(), "gzip", &control("raspi-firmware"), &no_elf);
        let error = assemble(Board::Rpi4, &[good[0].clone(), no_elf]).unwrap_err().to_string();
        assert!(error.contains("start4.elf: it is not what its name says"), "{error}");
    }
}
