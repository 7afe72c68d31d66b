//! `piprov initramfs build` with kernels of Raspberry Pi's own layout, and with kernels that are given as files. The packages
//! are substitutes: what is in Debian's, under the names and at the places that Raspberry Pi gives it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::common;
use crate::packages::packages;

fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-euc", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Debian's packages of an architecture: a kernel, busybox, firmware; each also unpacked once for all tests.
struct Debian {
    kernel: PathBuf,
    busybox: PathBuf,
    firmware: PathBuf,
    /// The kernel's files.
    root: PathBuf,
    /// A program that is linked statically.
    program: PathBuf,
}

fn debian(arch: &str, kernel: &str) -> Debian {
    let all = packages(arch, kernel);
    let named = |start: &str| {
        let is = |path: &&PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(start);
        all.iter().find(is).unwrap().clone()
    };
    let (kernel, busybox) = (named("linux-image"), named("busybox"));
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("initramfs").join(arch);
    let (root, program) = (home.join("kernel"), home.join("busybox/bin/busybox"));
    if !home.exists() {
        // Whole or not at all, should this be interrupted.
        sh(&format!(
            "rm -rf {0}.half && mkdir -p {0}.half && dpkg-deb -x {1} {0}.half/kernel && \
             dpkg-deb -x {2} {0}.half/busybox && mv {0}.half {0}",
            home.display(),
            kernel.display(),
            busybox.display()
        ));
    }
    Debian { kernel, busybox, firmware: named("raspi-firmware"), root, program }
}

fn armel() -> &'static Debian {
    static ONE: OnceLock<Debian> = OnceLock::new();
    ONE.get_or_init(|| debian("armel", "linux-image-rpi"))
}

fn arm64() -> &'static Debian {
    static ONE: OnceLock<Debian> = OnceLock::new();
    ONE.get_or_init(|| debian("arm64", "linux-image-arm64"))
}

/// Builds with busybox and firmware of Debian.
fn build(arch: &str, of: &Debian, more: &[&str], out: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
    common::clean(&mut command);
    command.args(["initramfs", "build", "--arch", arch, "-o"]).arg(out);
    command.arg("--deb").arg(&of.busybox).arg("--deb").arg(&of.firmware).args(more);
    if arch != "armv6" {
        command.arg("--agent").arg(&of.program);
    }
    command.output().unwrap()
}

#[track_caller]
fn built(arch: &str, of: &Debian, more: &[&str], out: &Path) -> String {
    let output = build(arch, of, more, out);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The modules that are taken of Debian's kernel, with its lists of what is built in, at another version's place.
fn modules(arch: &str, of: &Debian, version: &str, into: &Path) {
    let out = into.with_extension("first");
    built(arch, of, &["--kernel-package", text(&of.kernel)], &out);
    let place = into.join("lib/modules").join(version);
    sh(&format!(
        "mkdir -p {0} {1}/all && cd {1}/all && zcat {1}/piprov-{arch}.gz | busybox cpio -idm 2>/dev/null && \
         mv lib/modules/*/kernel {0}/ && cp {2}/lib/modules/*/modules.builtin* {0}/ && rm -rf {1}",
        place.display(),
        out.display(),
        of.root.display()
    ));
}

/// A package of what is in a directory.
fn package(root: &Path, name: &str, version: &str, arch: &str) -> PathBuf {
    let deb = root.with_extension("deb");
    sh(&format!(
        "mkdir -p {0}/DEBIAN {0}/usr/share/doc/{name} && echo GPL >{0}/usr/share/doc/{name}/copyright && \
         printf 'Package: {name}\nVersion: {version}\nArchitecture: {arch}\nMaintainer: x <x@example.org>\nDescription: d\n' \
         >{0}/DEBIAN/control && dpkg-deb --root-owner-group -Znone -b {0} {1}",
        root.display(),
        deb.display()
    ));
    deb
}

/// A device tree of a board whose Ethernet is known by these names.
fn tree(model: &str, known_by: &str, to: &Path) {
    let source = format!(
        "/dts-v1/; / {{ model = \"{model}\"; axi {{ rp1 {{ ethernet@100000 {{ compatible = {known_by}; }}; }}; }}; }};"
    );
    sh(&format!("echo '{source}' | dtc -q -O dtb -o {} -", to.display()));
}

#[test]
fn raspberry_pis_kernel_package_for_64_bits_is_taken_and_serves_a_pi_5() {
    let dir = tempfile::tempdir().unwrap();
    let (root, version) = (dir.path().join("v8"), "6.6.31+rpt-rpi-v8");
    modules("arm64", arm64(), version, &root);
    let trees = root.join(format!("usr/lib/linux-image-{version}/broadcom"));
    sh(&format!(
        "cd {root} && find lib -name '*.ko' -exec xz -0 {{}} + && mkdir -p boot {trees} {trees}/../overlays && \
         gzip -c {debian}/boot/vmlinuz-* >boot/vmlinuz-{version} && t={debian}/usr/lib/linux-image-*/broadcom && \
         cp $t/bcm2837-rpi-3-b.dtb {trees}/bcm2710-rpi-3-b.dtb && cp $t/bcm2837-rpi-3-b-plus.dtb {trees}/bcm2710-rpi-3-b-plus.dtb && \
         cp $t/bcm2837-rpi-zero-2-w.dtb {trees}/bcm2710-rpi-zero-2-w.dtb && cp $t/bcm2711-rpi-4-b.dtb {trees}/ && \
         cp $t/bcm2711-rpi-cm4-io.dtb {trees}/bcm2711-rpi-cm4.dtb && echo x >{trees}/../overlays/README",
        root = root.display(),
        debian = arm64().root.display(),
        trees = trees.display(),
    ));
    tree(
        "Raspberry Pi 5 Model B",
        "\"raspberrypi,rp1-gem\", \"cdns,macb\"",
        &trees.join("bcm2712-rpi-5-b.dtb"),
    );
    let deb = package(&root, &format!("linux-image-{version}"), "1:6.6.31-1+rpt1", "arm64");
    let out = dir.path().join("out");
    let said = built("arm64", arm64(), &["--kernel-package", text(&deb)], &out);
    for line in [
        "Pi 3B: starts, with Ethernet (usb424,ec00)",
        "Pi 3B+: starts, with Ethernet (usb424,7800)",
        "Pi 3A+: starts, without Ethernet of its own",
        "Zero 2 W: starts, without Ethernet of its own",
        "Pi 4B: starts, with Ethernet (brcm,bcm2711-genet-v5)",
        "Compute Module 4: starts, with Ethernet (brcm,bcm2711-genet-v5)",
        "Pi 5: starts, with Ethernet (cdns,macb)",
        "Compute Module 5: isn't served; Linux 6.6.31+rpt-rpi-v8 has no device tree for it",
    ] {
        assert!(said.lines().any(|found| found.starts_with(line)), "{line}: {said}");
    }
    // Its device trees have the names that the firmware looks for by itself.
    let config = std::fs::read_to_string(out.join("config.txt")).unwrap();
    assert!(!config.contains("upstream_kernel") && !config.contains("bcm2837"), "{config}");
    let line = std::fs::read_to_string(out.join("cmdline.txt")).unwrap();
    assert!(line.starts_with("console=serial0,115200 console=tty0 "), "{line}");
    // It is for no board of ARMv6, and that is said.
    let output = build("armv6", armel(), &["--kernel-package", text(&deb)], &dir.path().join("no"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(65), "{told}");
    assert!(
        told.contains("the kernel of linux-image-6.6.31+rpt-rpi-v8 1:6.6.31-1+rpt1 is not for armv6"),
        "{told}"
    );
}

#[test]
fn of_raspberry_pis_older_package_with_several_kernels_each_processor_gets_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("all");
    modules("armv6", armel(), "6.1.21+", &root);
    modules("arm64", arm64(), "6.1.21-v8+", &root);
    sh(&format!(
        "cd {root} && mkdir -p boot/overlays && cp {v6}/boot/vmlinuz-* boot/kernel.img && echo x >boot/kernel7.img && \
         gzip -c {v8}/boot/vmlinuz-* >boot/kernel8.img && \
         mkdir -p lib/modules/6.1.21-v7+/kernel && cp lib/modules/6.1.21+/modules.builtin lib/modules/6.1.21-v7+/ && \
         cp {v6}/usr/lib/linux-image-*/bcm2835-rpi-b-plus.dtb boot/bcm2708-rpi-b-plus.dtb && \
         cp {v6}/usr/lib/linux-image-*/bcm2835-rpi-zero.dtb boot/bcm2708-rpi-zero.dtb && \
         cp {v6}/usr/lib/linux-image-*/bcm2835-rpi-cm1-io1.dtb boot/bcm2708-rpi-cm.dtb && \
         cp {v8}/usr/lib/linux-image-*/broadcom/bcm2837-rpi-3-b.dtb boot/bcm2710-rpi-3-b.dtb && \
         cp {v8}/usr/lib/linux-image-*/broadcom/bcm2711-rpi-4-b.dtb boot/",
        root = root.display(),
        v6 = armel().root.display(),
        v8 = arm64().root.display(),
    ));
    let deb = package(&root, "raspberrypi-kernel", "1:1.20230405-1", "armhf");
    let (v6, v8) = (dir.path().join("v6"), dir.path().join("v8"));
    let said = built("armv6", armel(), &["--kernel-package", text(&deb)], &v6);
    for line in [
        "Pi 1B+: starts, with Ethernet (usb424,ec00)",
        "Pi 1A+: starts, without Ethernet of its own",
        "Zero: starts, without",
        "Compute Module 1: starts, without",
        "Pi 1B: isn't served; Linux 6.1.21+ has no device tree for it",
        "note: there is no agent for armv6",
    ] {
        assert!(said.lines().any(|found| found.starts_with(line)), "{line}: {said}");
    }
    assert!(!v6.join("bcm2710-rpi-3-b.dtb").exists() && !v6.join("start4.elf").exists());
    let said = built("arm64", arm64(), &["--kernel-package", text(&deb)], &v8);
    assert!(said.contains("Pi 4B: starts, with Ethernet (brcm,bcm2711-genet-v5)"), "{said}");
    assert!(said.contains("Pi 4B: starts") && said.contains("Linux 6.1.21-v8+ has no device tree"), "{said}");
    assert!(!v8.join("bcm2708-rpi-zero.dtb").exists());
    for (out, arch, own, other) in
        [(&v6, "armv6", "6.1.21+", "6.1.21-v8+"), (&v8, "arm64", "6.1.21-v8+", "6.1.21+")]
    {
        let list = sh(&format!("zcat {}/piprov-{arch}.gz | busybox cpio -t 2>/dev/null", out.display()));
        assert!(
            list.contains(&format!("lib/modules/{own}/kernel/")) && !list.contains(&format!("/{other}/"))
        );
    }
}

#[test]
fn a_kernel_given_as_files_gives_the_same_system_as_its_package_in_a_directory_and_in_an_archive() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let debian = armel();
    built("armv6", debian, &["--kernel-package", text(&debian.kernel)], &path("package"));
    let kernel = sh(&format!("ls {}/boot/vmlinuz-*", debian.root.display()));
    let modules = sh(&format!("ls -d {}/lib/modules/*", debian.root.display()));
    let trees = sh(&format!("ls -d {}/usr/lib/linux-image-*", debian.root.display()));
    sh(&format!("tar -C {} -cf - lib usr | zstd -q1 >{}", debian.root.display(), path("modules").display()));
    let root = text(&debian.root).to_owned();
    let archive = path("modules");
    for (name, modules, trees) in [
        ("root", root.as_str(), None),
        ("directory", modules.trim(), Some(trees.trim())),
        ("archive", text(&archive), None),
    ] {
        let mut more = vec!["--kernel", kernel.trim(), "--modules", modules];
        more.extend(trees.into_iter().flat_map(|trees| ["--device-trees", trees]));
        let said = built("armv6", debian, &more, &path(name));
        assert!(said.contains("Pi 1B: starts, with Ethernet (usb424,ec00)"), "{name}: {said}");
        for file in
            ["piprov-armv6.gz", "piprov-armv6.img", "bcm2835-rpi-zero.dtb", "config.txt", "cmdline.txt"]
        {
            let read = |out: &str| std::fs::read(path(out).join(file)).unwrap();
            assert!(read(name) == read("package"), "{name}: {file}");
        }
    }
    // What doesn't fit is told before anything is written.
    let kernel64 = sh(&format!("ls {}/boot/vmlinuz-*", arm64().root.display()));
    for (kernel, modules, code, why) in [
        (kernel64.trim(), root.as_str(), 65, "is not for armv6"),
        (kernel.trim(), text(&arm64().root), 65, "is not for armv6"),
        (kernel.trim(), text(dir.path()), 65, "modules are there"),
        (kernel.trim(), kernel.trim(), 65, "no tar archive"),
        ("/nowhere", root.as_str(), 73, "/nowhere"),
    ] {
        let output = build("armv6", debian, &["--kernel", kernel, "--modules", modules], &path("no"));
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(code) && told.contains(why), "{why}: {output:?}");
    }
    assert!(!path("no").exists());
    // A busybox of Debian's armhf is for later processors than these boards have.
    let later = packages("armhf", "linux-image-armmp");
    let later = later.iter().find(|path| text(path).contains("busybox")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
    common::clean(&mut command);
    command.args(["initramfs", "build", "--arch", "armv6", "-o"]).arg(path("no")).arg("--deb").arg(later);
    command.arg("--deb").arg(&debian.firmware).arg("--deb").arg(&debian.kernel);
    let told = command.output().unwrap();
    assert!(String::from_utf8_lossy(&told.stderr).contains("it is for ARMv7 or later"), "{told:?}");
}

#[test]
fn bootcodes_for_usb_boot_are_put_there_and_what_is_missing_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    std::fs::create_dir_all(path("rpiboot/mass-storage-gadget64")).unwrap();
    std::fs::write(path("rpiboot/mass-storage-gadget64/bootcode4.bin"), [4; 5000]).unwrap();
    let (kernel, rpiboot, out) = (text(&arm64().kernel), path("rpiboot"), path("out"));
    let said = built("arm64", arm64(), &["--kernel-package", kernel, "--usb-boot", text(&rpiboot)], &out);
    assert!(std::fs::read(out.join("bootcode4.bin")).unwrap() == [4; 5000]);
    assert!(!said.contains("without bootcode4.bin") && said.contains("without bootcode5.bin"), "{said}");
    // The directory is a payload for USB boot, as far as that can be seen.
    let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
    common::clean(&mut command);
    let checked = command.args(["usbboot", "--dry-run", "-d"]).arg(&out).output().unwrap();
    let told = String::from_utf8_lossy(&checked.stderr);
    assert!(!told.contains("has no bootcode"), "{checked:?}");
}

#[test]
fn a_system_for_a_usb_cable_has_the_gadget_its_driver_and_a_controller_that_is_a_device() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let kernel = text(&arm64().kernel);
    built(
        "arm64",
        arm64(),
        &["--kernel-package", kernel, "--over-usb", "--station", "http://10.0.0.1:8080"],
        &out,
    );
    let words = std::fs::read_to_string(out.join("cmdline.txt")).unwrap();
    assert!(words.contains(" piprov.station=http://10.0.0.1:8080 piprov.usb=http:8080"), "{words}");
    let config = std::fs::read_to_string(out.join("config.txt")).unwrap();
    assert!(config.ends_with("[pi4]\ndtoverlay=cable\n[pi5]\ndtoverlay=cable5\n[all]\n"), "{config}");
    // As the firmware applies it to the trees of all boards before a Pi 5.
    let merged = dir.path().join("merged");
    let (merged, overlay) = (text(&merged), out.join("overlays/cable.dtbo"));
    let mut trees = 0;
    for entry in std::fs::read_dir(&out).unwrap() {
        let tree = entry.unwrap().path();
        let name = tree.file_name().unwrap().to_str().unwrap();
        if !name.ends_with(".dtb") || name.starts_with("bcm2712") {
            continue;
        }
        sh(&format!("fdtoverlay -i {} -o {merged} {}", tree.display(), overlay.display()));
        for (property, value) in
            [("dr_mode", "peripheral"), ("compatible", "brcm,bcm2835-usb"), ("status", "okay")]
        {
            let got = sh(&format!("fdtget {merged} /soc/usb@7e980000 {property}"));
            assert_eq!(got.trim(), value, "{name}");
        }
        trees += 1;
    }
    assert!(trees >= 6, "{trees}");
    let inside = sh(&format!("zcat {}/piprov-arm64.gz | busybox cpio -t 2>/dev/null", out.display()));
    for module in ["usb_f_ncm.ko", "libcomposite.ko", "dwc2.ko"] {
        assert!(inside.contains(module), "{module}");
    }
    assert!(inside.lines().any(|line| line == "bin/cable"));
    // A certificate that boards believe is one that they ask for.
    let pin = "ab".repeat(32);
    let secret = dir.path().join("secret");
    built("arm64", arm64(), &["--kernel-package", kernel, "--over-usb=8443", "--pin", &pin], &secret);
    let words = std::fs::read_to_string(secret.join("cmdline.txt")).unwrap();
    assert!(
        words.contains("piprov.usb=https:8443") && words.contains(&format!("piprov.pin={pin}")),
        "{words}"
    );
    for (wrong, why) in [
        (&["--pin", &pin][..], "of no use where nothing says where the station is"),
        (&["--over-usb", "--cmdline", "piprov.usb=http:1"], "--over-usb says what stands behind"),
        (&["--over-usb", "--pin", &pin, "--station", "http://a"], "--pin is for an https address"),
    ] {
        let refused =
            build("arm64", arm64(), &[&["--kernel-package", kernel], wrong].concat(), &dir.path().join("no"));
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(2) && told.contains(why), "{wrong:?}: {refused:?}");
    }
}

#[test]
fn the_boards_half_of_a_cable_has_the_names_that_the_hosts_half_has() {
    let names = |serial: &str| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/firmware/agent/cable");
        let out = Command::new("busybox").args(["sh", script, "names", serial]).output().unwrap();
        out.status.success().then(|| String::from_utf8(out.stdout).unwrap())
    };
    let at_host = |serial: &str| {
        let cable = piprov::board::Cable::of(&serial.parse().ok()?)?;
        // The board writes addresses with all their zeros.
        Some((cable.board_mac().to_string(), cable.host_mac().to_string(), cable.board(), cable.host()))
    };
    for serial in [
        "10000000af04b2da",
        "AF04B2DA",
        "1",
        "fedcba9876543210",
        "00000000d8e4a1f7",
        "0",
        "0000000000000000",
        "",
        "RIG-0001",
        "10000000af04b2da1",
        "a b",
        "$(id)",
    ] {
        let board = names(serial).map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [own, host, own_address, host_address] = words[..] else { panic!("{line}") };
            (own.to_owned(), host.to_owned(), own_address.parse().unwrap(), host_address.parse().unwrap())
        });
        assert_eq!(board, at_host(serial), "{serial:?}");
    }
}
