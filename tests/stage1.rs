//! The first stage out of Debian's real packages: built twice to the same bytes, its device tree overlay applied to
//! Debian's device trees by somebody else's tool, its kernel and initramfs started by an emulated Zero.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest, Sha256};

/// Where the packages are kept from one run to the next.
fn cache() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/rig/stage1");
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn build(arguments: &[&str], out: &Path, epoch: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
    common::clean(&mut command);
    command.env("SOURCE_DATE_EPOCH", epoch).args(["stage1", "build", "--arch", "armv6", "-o"]).arg(out);
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

/// The packages for armv6, fetched by piprov itself once and then kept.
fn packages() -> Vec<String> {
    let cache = cache();
    let debs = || -> Vec<String> {
        let entries = std::fs::read_dir(&cache).unwrap().flatten().map(|entry| entry.path());
        let debs = entries.filter(|path| path.extension().is_some_and(|ending| ending == "deb"));
        let mut debs: Vec<String> = debs.map(|path| path.to_str().unwrap().to_owned()).collect();
        debs.sort();
        debs
    };
    if debs().len() < 3 {
        let stop = piprov::stop::Stop::new().unwrap();
        let source = piprov::debian::apt::Source { architecture: "armel", release: "bookworm", mirror: None };
        use piprov::debian::apt::Wanted::{Behind, Package};
        let wanted = [Behind("linux-image-rpi"), Package("busybox-static"), Package("raspi-firmware")];
        let fetched = piprov::debian::apt::fetch(&wanted, source, &stop).unwrap();
        for package in &fetched.packages {
            std::fs::copy(package, cache.join(package.file_name().unwrap())).unwrap();
        }
    }
    debs()
}

fn deb_arguments() -> Vec<String> {
    packages().into_iter().flat_map(|path| ["--deb".to_owned(), path]).collect()
}

#[test]
fn debians_packages_become_a_first_stage_that_boots() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = deb_arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    for out in [&one, &two] {
        let output = build(&arguments, out, "1700000000");
        assert!(output.status.success(), "{output:?}");
    }
    let found = files(&one);
    assert_eq!(found, files(&two), "built twice, other bytes");
    for name in [
        "bootcode.bin",
        "start.elf",
        "fixup.dat",
        "config.txt",
        "cmdline.txt",
        "stage1-armv6.img",
        "stage1-armv6.gz",
        "overlays/stage1.dtbo",
        "bcm2835-rpi-zero.dtb",
        "bcm2835-rpi-zero-w.dtb",
        "bcm2835-rpi-a-plus.dtb",
        "licence/raspi-firmware.txt",
    ] {
        assert!(found.contains_key(name), "{name}: {found:#?}");
    }
    assert!(!found.keys().any(|name| name.starts_with("bcm2837") || name.contains("start4")), "{found:#?}");

    // The same overlay for each of Debian's device trees, as the firmware applies it.
    for tree in ["bcm2835-rpi-zero", "bcm2835-rpi-zero-w", "bcm2835-rpi-a-plus", "bcm2835-rpi-cm1-io1"] {
        let merged = dir.path().join(format!("{tree}.merged"));
        run(Command::new("fdtoverlay")
            .args(["-i".as_ref(), one.join(format!("{tree}.dtb")).as_os_str(), "-o".as_ref()])
            .arg(&merged)
            .arg(one.join("overlays/stage1.dtbo")));
        let role = run(Command::new("fdtget").arg(&merged).args(["/soc/usb@7e980000", "dr_mode"]));
        assert_eq!(role.trim(), "peripheral", "{tree}");
    }

    boots(&one, dir.path());
}

/// Starts kernel and initramfs on an emulated Zero. Its USB controller knows no device role, so the init gets as far
/// as waiting for one; its modules are loaded and its gadget is made by then.
fn boots(stage: &Path, dir: &Path) {
    let console = dir.join("console");
    let init = "rdinit=/bin/busybox -- sh -c";
    let script = "/init & i=0; until [ -e /sys/kernel/config/usb_gadget/piprov/configs/c.1/acm.usb0 ] || \
                  [ $i -gt 60 ]; do busybox sleep 1; i=$((i+1)); done; echo rig: \
                  $(busybox cat /sys/kernel/config/usb_gadget/piprov/idProduct) \
                  $(busybox cat /sys/kernel/config/usb_gadget/piprov/strings/0x409/serialnumber); \
                  busybox lsmod; busybox sleep 1; busybox reboot -f";
    let status = Command::new("timeout")
        .args(["300", "qemu-system-arm", "-M", "raspi0", "-accel", "tcg", "-display", "none", "-no-reboot"])
        .args(["-monitor", "none", "-serial"])
        .arg(format!("file:{}", console.display()))
        .arg("-kernel")
        .arg(stage.join("stage1-armv6.img"))
        .arg("-initrd")
        .arg(stage.join("stage1-armv6.gz"))
        .arg("-dtb")
        .arg(stage.join("bcm2835-rpi-zero.dtb"))
        .args(["-append", &format!("console=ttyAMA0,115200 panic=-1 {init} \"{script}\"")])
        .status()
        .unwrap();
    let said = String::from_utf8_lossy(&std::fs::read(&console).unwrap_or_default()).into_owned();
    let tail: Vec<&str> = said.lines().rev().take(30).collect();
    assert!(status.success() && said.contains("rig: 0xb007"), "{status}: {tail:#?}");
    for module in ["usb_f_acm", "libcomposite", "u_serial"] {
        assert!(said.contains(module), "{module}: {tail:#?}");
    }
}

#[test]
fn what_is_given_wrongly_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let output = build(&["--deb", "nowhere.deb"], &out, "0");
    assert_eq!(output.status.code(), Some(66), "{output:?}");
    let output = build(&["--deb", "nowhere.deb"], &out, "yesterday");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("mine"), "").unwrap();
    let output = build(&["--deb", "nowhere.deb"], &out, "0");
    assert_eq!(output.status.code(), Some(73), "{output:?}");
    assert!(!out.join("config.txt").exists());
}
