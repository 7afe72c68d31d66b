//! The first stage out of Debian's real packages: built twice to the same bytes, its device tree overlay applied to
//! Debian's device trees by somebody else's tool, its kernel and initramfs started by emulated boards.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest, Sha256};

/// A kind of processor: what is built for it, and the board on which that is started.
struct Processor {
    arch: &'static str,
    debian: &'static str,
    kernel: &'static str,
    emulator: [&'static str; 3],
    /// The device tree of the emulated board.
    board: &'static str,
    console: &'static str,
    /// Other boards that have to be there.
    boards: &'static [&'static str],
    /// How the names of the boards begin that have no business there.
    strangers: &'static [&'static str],
    /// What its kernel doesn't have built in.
    modules: &'static [&'static str],
}

const ARMV6: Processor = Processor {
    arch: "armv6",
    debian: "armel",
    kernel: "linux-image-rpi",
    emulator: ["qemu-system-arm", "raspi0", ""],
    board: "bcm2835-rpi-zero",
    console: "ttyAMA0",
    boards: &["bcm2835-rpi-zero-w", "bcm2835-rpi-a-plus", "bcm2835-rpi-cm1-io1"],
    strangers: &["bcm2836", "bcm2837", "bcm2711"],
    modules: &["usb_f_acm", "u_serial", "libcomposite", "configfs"],
};

const ARMV7: Processor = Processor {
    arch: "armv7",
    debian: "armhf",
    kernel: "linux-image-armmp",
    emulator: ["qemu-system-arm", "raspi2b", ""],
    board: "bcm2836-rpi-2-b",
    console: "ttyAMA0",
    boards: &["bcm2837-rpi-3-b", "bcm2837-rpi-3-a-plus", "bcm2837-rpi-cm3-io3", "bcm2837-rpi-zero-2-w"],
    strangers: &["bcm2835", "bcm2711"],
    modules: &["usb_f_acm", "libcomposite", "dwc2", "phy_generic", "bcm2835_wdt"],
};

const ARM64: Processor = Processor {
    arch: "arm64",
    debian: "arm64",
    kernel: "linux-image-arm64",
    // The first of its serial ports is for Bluetooth.
    emulator: ["qemu-system-aarch64", "raspi3b", "null"],
    board: "bcm2837-rpi-3-b",
    console: "ttyS1",
    boards: &["bcm2837-rpi-3-a-plus", "bcm2837-rpi-cm3-io3", "bcm2837-rpi-zero-2-w"],
    strangers: &["bcm2835", "bcm2836", "bcm2711", "bcm2712"],
    modules: &["usb_f_acm", "libcomposite", "dwc2", "phy_generic", "bcm2835_wdt"],
};

fn build(arch: &str, arguments: &[String], out: &Path, epoch: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
    common::clean(&mut command);
    command.env("SOURCE_DATE_EPOCH", epoch).args(["stage1", "build", "--arch", arch, "-o"]).arg(out);
    command.args(arguments).output().unwrap()
}

/// The files of a directory with their checksums.
fn files(folder: &Path) -> BTreeMap<String, String> {
    fn walk(top: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(top, &path, found);
            } else {
                let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
                let digest = Sha256::digest(std::fs::read(&path).unwrap());
                found.insert(name, digest.iter().map(|byte| format!("{byte:02x}")).collect());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, folder, &mut found);
    found
}

fn run(command: &mut Command) -> String {
    let output =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; see tools/packages.txt"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

impl Processor {
    fn debs(&self) -> Vec<String> {
        let path = |path: PathBuf| path.to_str().unwrap().to_owned();
        crate::packages::packages(self.debian, self.kernel)
            .into_iter()
            .flat_map(|deb| ["--deb".to_owned(), path(deb)])
            .collect()
    }

    /// Builds it twice, looks at what came out, and starts it.
    fn becomes_a_first_stage_that_boots(&self) {
        let dir = tempfile::tempdir().unwrap();
        let debs = self.debs();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        for out in [&one, &two] {
            let output = build(self.arch, &debs, out, "1700000000");
            assert!(output.status.success(), "{output:?}");
        }
        let found = files(&one);
        assert_eq!(found, files(&two), "built twice, other bytes");
        let later = dir.path().join("later");
        assert!(build(self.arch, &debs, &later, "1700000001").status.success());
        let changed: Vec<_> = files(&later)
            .into_iter()
            .filter_map(|(name, digest)| (found[&name] != digest).then_some(name))
            .collect();
        assert_eq!(changed, [format!("stage1-{}.gz", self.arch)], "the only place with a time");

        let ours = ["img", "gz"].map(|ending| format!("stage1-{}.{ending}", self.arch));
        let plain = ["bootcode.bin", "start.elf", "fixup.dat", "config.txt", "cmdline.txt"];
        let others = ["overlays/stage1.dtbo", "licence/raspi-firmware.txt", "licence/busybox-static.txt"];
        for name in ours.iter().map(String::as_str).chain(plain).chain(others) {
            assert!(found.contains_key(name), "{name}: {found:#?}");
        }
        for stranger in self.strangers.iter().chain(&["start4", "start_"]) {
            assert!(!found.keys().any(|name| name.starts_with(stranger)), "{stranger}: {found:#?}");
        }
        let config = std::fs::read_to_string(one.join("config.txt")).unwrap();
        for line in ["upstream_kernel=1", "dtoverlay=stage1", &format!("kernel={}", ours[0])] {
            assert!(config.lines().any(|found| found == line), "{line}: {config}");
        }
        assert!(config.contains(&format!("\ninitramfs {}\n", ours[1])), "{config}");

        // The same overlay for each of Debian's device trees, as the firmware applies it.
        for tree in [&[self.board], self.boards].concat() {
            let merged = dir.path().join("merged");
            run(Command::new("fdtoverlay")
                .args(["-i".as_ref(), one.join(format!("{tree}.dtb")).as_os_str(), "-o".as_ref()])
                .arg(&merged)
                .arg(one.join("overlays/stage1.dtbo")));
            let role = run(Command::new("fdtget").arg(&merged).args(["/soc/usb@7e980000", "dr_mode"]));
            assert_eq!(role.trim(), "peripheral", "{tree}");
        }
        self.boots(&one, dir.path());
    }

    /// Starts kernel and initramfs on an emulated board. Its USB controller knows no device role, so the init gets as
    /// far as waiting for one; its modules are loaded and its gadget is made by then, with the serial number that the
    /// firmware would have put into the device tree.
    fn boots(&self, stage: &Path, dir: &Path) {
        const SERIAL: &str = "00000000d8e4a1f7";
        let (console, tree) = (dir.join("console"), dir.join("board.dtb"));
        std::fs::copy(stage.join(format!("{}.dtb", self.board)), &tree).unwrap();
        run(Command::new("fdtput").args(["-t", "s"]).arg(&tree).args(["/", "serial-number", SERIAL]));
        // The shell is the first program here, and the init one of its children.
        let script = "busybox mount -t devtmpfs devtmpfs /dev; /init & i=0; d=/sys/kernel/config/usb_gadget/piprov; \
                      until [ -e $d/configs/c.1/acm.usb0 ] || [ $i -gt 40 ]; \
                      do busybox sleep 1; i=$((i+1)); done; cd $d; echo rig: \
                      $(busybox cat idVendor idProduct strings/0x409/serialnumber); \
                      busybox lsmod; busybox reboot -f";
        let [program, machine, first] = self.emulator;
        let mut emulator = Command::new("timeout");
        emulator.args(["240", program, "-M", machine, "-accel", "tcg", "-display", "none", "-no-reboot"]);
        emulator.args(["-monitor", "none"]);
        if !first.is_empty() {
            emulator.args(["-serial", first]);
        }
        // The driver for the power domains looks at registers that the emulated boards don't have.
        let quirk = "initcall_blacklist=bcm2835_power_driver_init";
        let shell = format!("rdinit=/bin/busybox -- sh -c \"{script}\"");
        let status = emulator
            .args(["-serial", &format!("file:{}", console.display())])
            .args(["-append", &format!("console={},115200 panic=-1 {quirk} {shell}", self.console)])
            .arg("-kernel")
            .arg(stage.join(format!("stage1-{}.img", self.arch)))
            .arg("-initrd")
            .arg(stage.join(format!("stage1-{}.gz", self.arch)))
            .arg("-dtb")
            .arg(&tree)
            .status()
            .unwrap_or_else(|error| panic!("{emulator:?}: {error}; see tools/packages.txt"));
        let said = String::from_utf8_lossy(&std::fs::read(&console).unwrap_or_default()).into_owned();
        let tail: Vec<&str> = said.lines().rev().take(30).collect();
        let told = format!("rig: 0xf055 0xb007 {SERIAL}");
        assert!(status.success() && said.contains(&told), "{program}: {status}: {tail:#?}");
        for module in self.modules {
            assert!(said.lines().any(|line| line.starts_with(module)), "{module}: {tail:#?}");
        }
    }
}

#[test]
fn debians_packages_for_armv6_become_a_first_stage_that_boots() {
    ARMV6.becomes_a_first_stage_that_boots();
}

#[test]
fn debians_packages_for_armv7_become_a_first_stage_that_boots() {
    ARMV7.becomes_a_first_stage_that_boots();
}

#[test]
fn debians_packages_for_arm64_become_a_first_stage_that_boots() {
    ARM64.becomes_a_first_stage_that_boots();
}

#[test]
fn without_a_way_to_debian_the_build_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let mirror = ["--mirror".to_owned(), format!("file://{}/none", dir.path().display())];
    let output = build("armv6", &mirror, &dir.path().join("out"), "0");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{output:?}");
    assert!(said.contains("apt-get update failed: ") && said.contains("hint: "), "{said}");
    assert!(!dir.path().join("out/config.txt").exists());
}

#[test]
fn what_is_given_wrongly_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let output = build("armv6", &["--deb".into(), "nowhere.deb".into()], &out, "0");
    assert_eq!(output.status.code(), Some(66), "{output:?}");
    let output = build("armv6", &["--deb".into(), "nowhere.deb".into()], &out, "yesterday");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("mine"), "").unwrap();
    let output = build("armv6", &["--deb".into(), "nowhere.deb".into()], &out, "0");
    assert_eq!(output.status.code(), Some(73), "{output:?}");
    assert!(!out.join("config.txt").exists());
}
