//! The boot script on Debian's own U-Boot for a Raspberry Pi 3: `mmc` instead of a virtual disk, a job from a USB stick
//! instead of the network, and then the flashed system with a real kernel.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use crate::support;

use std::io::Write;
use std::path::{Path, PathBuf};

use support::card::{Card, FOLLOWED};
use support::pi::{Pi, stick};
use support::rig::example;
use support::{cpio, debian, need, program, shell};

const MIB: usize = 1 << 20;
/// What a Pi's firmware gives the kernel. With one port of this kind, the mini-UART is ttyS0, as on Raspberry Pi OS.
/// They are many, and U-Boot takes 16 words in a command.
const FIRMWARE_ARGUMENTS: &str = "coherent_pool=1M 8250.nr_uarts=1 snd_bcm2835.enable_headphones=0 cgroup_disable=memory \
                                  bcm2708_fb.fbwidth=0 bcm2708_fb.fbheight=0 bcm2708_fb.fbswap=1 \
                                  vc_mem.mem_base=0x3ec00000 vc_mem.mem_size=0x40000000";
/// What the images of these tests have behind `root=`, much as Raspberry Pi OS has it.
const MORE_ARGUMENTS: &str = "rootwait rootfstype=ext4 fsck.repair=yes text=\"a b\" splash plymouth.x";
/// What QEMU's Pi has for a serial number.
const SERIAL: &str = "0000000000000000";

/// Writes a job for this image as a stick holds it, and gives its name.
fn stage(image: &Path, part_size: &str, dir: &Path) -> String {
    let mut command = program::piprov(dir);
    command.args(["card", "stick", "--part-size", part_size]).arg(image).arg(dir);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let jobs = std::fs::read_dir(dir.join("piprov")).unwrap();
    let names: Vec<_> = jobs.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.into_iter().find(|name| name.len() == 8).unwrap()
}

/// A script for the only process of the little system: says what it finds.
const INIT: &str = r#"#!/busybox sh
/busybox mount -t proc proc /proc
/busybox mount -t sysfs sys /sys
/busybox mount -t devtmpfs dev /dev
exec > /dev/kmsg 2>&1
for module in bcm2835 crc16 crc32c_generic mbcache jbd2 ext4; do /busybox insmod /$module.ko; done
read -r arguments < /proc/cmdline
echo "found-arguments: $arguments"
# What a real initramfs does: the partition that root= names.
case $arguments in
*root=PARTUUID=35c84628-03*) root=/dev/mmcblk0p3 ;;
*root=LABEL=rootfs*) root=LABEL=rootfs ;;
*) root=/dev/nowhere ;;
esac
tries=0
until [ -b $root ] || [ $tries = 100 ]; do
    case $root in LABEL=*) found=$(/busybox findfs $root) && root=$found ;; esac
    /busybox usleep 100000; tries=$((tries + 1))
done
/busybox mount -t ext4 -o ro $root /root
echo "found-system: $(/busybox cat /root/etc/sample-release)"
echo "found-fstab: $(/busybox grep ' / ' /root/etc/fstab)"
for overlay in /proc/device-tree/leds/piprov-*; do echo "found-tree: ${overlay##*/} $(/busybox cat $overlay)"; done
echo found-end
exec /busybox sleep 1000
"#;

/// A sample image with a kernel that runs, in the form that Raspberry Pi OS has it (compressed), and an initramfs that
/// looks at what was flashed.
fn bootable_image(dir: &Path) -> PathBuf {
    let image = dir.join("os.img");
    let script = example("make-sample-image.sh");
    let sizes = "--boot-size 40 --root-size 8 --files 2 --marker flashed-system";
    shell(&format!("{} {} {sizes}", script.display(), image.display()));

    let kernel = std::fs::read(debian::file("linux-image-arm64", "boot/vmlinuz-*")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&kernel).unwrap();
    std::fs::write(dir.join("kernel8.img"), packed.finish().unwrap()).unwrap();

    let mut files = vec![("init", INIT.as_bytes().to_vec())];
    files.push(("busybox", std::fs::read(debian::file("busybox-static", "bin/busybox")).unwrap()));
    for (name, path) in [
        ("bcm2835.ko", "drivers/mmc/host/bcm2835.ko"),
        ("crc16.ko", "lib/crc16.ko"),
        ("crc32c_generic.ko", "crypto/crc32c_generic.ko"),
        ("mbcache.ko", "fs/mbcache.ko"),
        ("jbd2.ko", "fs/jbd2/jbd2.ko"),
        ("ext4.ko", "fs/ext4/ext4.ko"),
    ] {
        let module = debian::file("linux-image-arm64", &format!("lib/modules/*/kernel/{path}"));
        files.push((name, std::fs::read(module).unwrap()));
    }
    std::fs::write(dir.join("initramfs8"), cpio::initramfs(&["proc", "sys", "dev", "root"], &files)).unwrap();
    let cmdline = format!("console=serial0,115200 console=tty1 root=PARTUUID=35c84628-02 {MORE_ARGUMENTS}\n");
    std::fs::write(dir.join("cmdline.txt"), cmdline).unwrap();
    shell(&format!("cd {} && mcopy -o -i os.img@@8M kernel8.img initramfs8 cmdline.txt ::", dir.display()));
    image
}

/// What the image's cmdline.txt gives the kernel on the card.
fn arguments_there() -> String {
    format!("console=ttyS0,115200 console=tty1 root=PARTUUID=35c84628-03 {MORE_ARGUMENTS}")
}

#[test]
fn a_pi_flashes_its_card_from_a_stick_and_boots_the_system_that_it_wrote() {
    let _slot = support::slots::Slots::take(1);
    let dir = tempfile::tempdir().unwrap();
    let image = bootable_image(dir.path());
    // QEMU takes only cards of a power of two.
    let payload = debian::payload("rpi_3");
    let card = Card::for_stick(dir.path().join("card.img"), 128, &payload);
    let job = stage(&image, "16MiB", dir.path());
    let usb = dir.path().join("usb.img");
    stick(&usb, 160, &dir.path().join("piprov"));

    let first =
        Pi::boot(&payload, &card.path, &usb, FIRMWARE_ARGUMENTS, &dir.path().join("first.log")).until_reset();
    assert!(first.contains("RPI 3 Model B"), "{first}");
    assert!(first.contains(&format!("piprov: job {} done, starting again", job)), "{first}");
    let follow = [
        ("root=PARTUUID=35c84628-02 rootwait", "root=PARTUUID=35c84628-03 rootwait"),
        FOLLOWED[1],
        FOLLOWED[2],
    ];
    let behind = [(90_112, 81_920), (172_032, 16_384)];
    card.assert_holds(&image, 8 * MIB, &follow, &behind);
    let done = format!("::piprov/{}/DONE-{SERIAL}", job);
    shell(&format!("mtype -i {}@@1M {done}", usb.display()));

    // The job is still on the stick, and isn't done again; the kernel starts, and finds its root where it now is.
    let second = Pi::boot(&payload, &card.path, &usb, FIRMWARE_ARGUMENTS, &dir.path().join("second.log"))
        .until("found-end");
    assert!(second.contains("piprov: no job, booting partition 2"), "{second}");
    assert!(!second.contains("piprov: job "), "{second}");
    let found = |name: &str| {
        let start = second.find(&format!("found-{name}: ")).unwrap_or_else(|| panic!("no {name}: {second}"));
        second[start..].lines().next().unwrap().split_once(": ").unwrap().1.trim().to_owned()
    };
    let arguments = found("arguments");
    assert_eq!(arguments, format!("{FIRMWARE_ARGUMENTS} {}", arguments_there()));
    assert_eq!(found("system"), "flashed-system");
    assert!(found("fstab").starts_with("PARTUUID=35c84628-03"), "{second}");
    card.assert_holds(&image, 8 * MIB, &follow, &behind);
}

/// What Ubuntu has in its boot partition: the kernel, its initramfs and its arguments are named by config.txt, and the
/// root by its label.
const UBUNTU: &str = "[all]\nkernel=vmlinuz\ncmdline=cmdline.txt\ninitramfs initrd.img followkernel\n\n\
                      [pi4]\nmax_framebuffers=2\n\n[all]\narm_64bit=1\n";

#[test]
fn ubuntus_layout_is_flashed_and_boots_by_its_own_config_txt() {
    let _slot = support::slots::Slots::take(1);
    let dir = tempfile::tempdir().unwrap();
    let image = bootable_image(dir.path());
    std::fs::write(dir.path().join("config.txt"), UBUNTU).unwrap();
    let cmdline = format!("console=serial0,115200 root=LABEL=rootfs {MORE_ARGUMENTS}\n");
    std::fs::write(dir.path().join("cmdline.txt"), cmdline).unwrap();
    let files = "mdel -i os.img@@8M ::kernel8.img ::initramfs8 && mv kernel8.img vmlinuz && mv initramfs8 initrd.img \
                 && mcopy -o -i os.img@@8M vmlinuz initrd.img config.txt cmdline.txt ::";
    shell(&format!("cd {} && {files}", dir.path().display()));

    let mut check = program::piprov(dir.path());
    let told = check.args(["card", "check"]).arg(&image).output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("boots   vmlinuz, initrd.img, cmdline.txt of partition 1"), "{told}");
    assert!(told.contains("boot.scr is added"), "{told}");

    let payload = debian::payload("rpi_3");
    let card = Card::for_stick(dir.path().join("card.img"), 128, &payload);
    let job = stage(&image, "64MiB", dir.path());
    let usb = dir.path().join("usb.img");
    stick(&usb, 160, &dir.path().join("piprov"));
    let first =
        Pi::boot(&payload, &card.path, &usb, FIRMWARE_ARGUMENTS, &dir.path().join("first.log")).until_reset();
    assert!(first.contains(&format!("piprov: job {job} done, starting again")), "{first}");

    let second = Pi::boot(&payload, &card.path, &usb, FIRMWARE_ARGUMENTS, &dir.path().join("second.log"))
        .until("found-end");
    assert!(second.contains("piprov: vmlinuz of partition 2, as config.txt has it"), "{second}");
    let arguments = format!("console=ttyS0,115200 root=LABEL=rootfs {MORE_ARGUMENTS}");
    assert!(second.contains(&format!("found-arguments: {FIRMWARE_ARGUMENTS} {arguments}")), "{second}");
    assert!(second.contains("found-system: flashed-system"), "{second}");
}

/// Overlays for Debian's tree of a Pi 3, as config.txt names them. The firmware has applied `twice` before U-Boot sees the tree;
/// `other` is for another board, and `three` has a parameter, which U-Boot can't set.
/// `pi` is written as Raspberry Pi's are: with a label for a parameter, and with an argument for the kernel.
const OVERLAYS: [(&str, &str); 5] = [
    ("twice", "&leds { piprov-twice = \"yes\"; node { label = \"x\"; }; };"),
    ("other", "&nothing { piprov-other = \"yes\"; };"),
    (
        "pi",
        "/ { fragment@0 { target = <&leds>; frag0: __overlay__ { piprov-pi = \"yes\"; size = <1>; }; };
             fragment@1 { target-path = \"/chosen\"; __overlay__ { bootargs = \"word.of=overlay\"; }; };
             __overrides__ { size = <&frag0>,\"size:0\"; }; };",
    ),
    ("two", "&leds { piprov-two = \"yes\"; };"),
    (
        "three",
        "&{/leds} { piprov-three = \"yes\"; }; / { __overrides__ { speed = <0>, \"piprov-speed:0\"; }; };",
    ),
];

/// Raspberry Pi OS's names, which the card's own script finds by itself; only the overlays need a script.
#[test]
fn overlays_of_an_images_config_txt_reach_its_kernel() {
    let _slot = support::slots::Slots::take(1);
    need("dtc", "device-tree-compiler");
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let image = bootable_image(dir.path());
    let mut config = "arm_64bit=1\ndtparam=audio=on\n".to_owned();
    shell(&format!("mmd -i {}@@8M ::overlays || true", image.display()));
    for (name, source) in OVERLAYS {
        std::fs::write(dir.path().join("source"), format!("/dts-v1/;\n/plugin/;\n{source}\n")).unwrap();
        let file = path(&format!("{name}.dtbo"));
        shell(&format!(
            "dtc -q -@ -O dtb -o {file} {} && mcopy -i {}@@8M {file} ::overlays",
            path("source"),
            image.display()
        ));
        config += &format!("dtoverlay={name}\n");
    }
    config += "dtparam=speed=3\n";
    std::fs::write(dir.path().join("config.txt"), config).unwrap();
    shell(&format!("mcopy -o -i {}@@8M {} ::", image.display(), path("config.txt")));

    // The firmware's tree: with a label for others, as Raspberry Pi's have them, and with one of the overlays.
    let tree = dir.path().join("tree.dtb");
    shell(&format!(
        "set -e; cp {} {to}; fdtput -p -t s {to} /__symbols__ leds /leds; fdtput -t x {to} /leds phandle 7f
         fdtoverlay -i {to} -o {to} {}",
        Pi::tree().display(),
        path("twice.dtbo"),
        to = tree.display(),
    ));

    let mut check = program::piprov(dir.path());
    let told = check.env("COLUMNS", "400").args(["card", "check"]).arg(&image).output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("boot.scr is added") && told.contains(": twice, other, pi, two."), "{told}");
    assert!(told.contains("settings: audio=on, three."), "{told}");

    let payload = debian::payload("rpi_3");
    let card = Card::for_stick(dir.path().join("card.img"), 128, &payload);
    let job = stage(&image, "64MiB", dir.path());
    let usb = dir.path().join("usb.img");
    stick(&usb, 160, &dir.path().join("piprov"));
    let log = |name: &str| dir.path().join(name);
    let first = Pi::boot(&payload, &card.path, &usb, FIRMWARE_ARGUMENTS, &log("first.log")).until_reset();
    assert!(first.contains(&format!("piprov: job {job} done, starting again")), "{first}");

    let second = Pi::boot_with(&tree, &payload, &card.path, &usb, FIRMWARE_ARGUMENTS, &log("second.log"))
        .until("found-end");
    assert!(
        second.contains("piprov: the overlay overlays/other.dtbo does not fit this device tree"),
        "{second}"
    );
    for (name, there) in [("twice", true), ("other", false), ("pi", true), ("two", true), ("three", false)] {
        assert_eq!(second.contains(&format!("found-tree: piprov-{name} yes")), there, "{name}: {second}");
    }
    assert!(second.contains("found-system: flashed-system"), "{second}");
    let wanted = format!("{FIRMWARE_ARGUMENTS} word.of=overlay {}", arguments_there());
    assert!(second.contains(&format!("found-arguments: {wanted}")), "{second}");

    // A tree that no overlay fits starts all the same.
    let third =
        Pi::boot(&payload, &card.path, &usb, FIRMWARE_ARGUMENTS, &log("third.log")).until("found-end");
    assert!(
        third.contains("overlays/two.dtbo does not fit") && !third.contains("found-tree: piprov-two"),
        "{third}"
    );
    assert!(third.contains("found-system: flashed-system"), "{third}");
}

#[test]
fn a_stick_with_a_damaged_part_leaves_a_pi_with_uboot_only() {
    let _slot = support::slots::Slots::take(1);
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("os.img");
    let sizes = "--boot-size 4 --root-size 4 --files 1";
    shell(&format!("{} {} {sizes}", example("make-sample-image.sh").display(), image.display()));
    let payload = debian::payload("rpi_3");
    let card = Card::for_stick(dir.path().join("card.img"), 64, &payload);
    let job = stage(&image, "4MiB", dir.path());
    let part = dir.path().join("piprov").join(&job).join("rpi_image_part_1");
    let mut bytes = std::fs::read(&part).unwrap();
    bytes[1_000_000] ^= 1;
    std::fs::write(&part, bytes).unwrap();
    let usb = dir.path().join("usb.img");
    stick(&usb, 64, &dir.path().join("piprov"));

    let console = Pi::boot(&payload, &card.path, &usb, "", &dir.path().join("console.log"))
        .until(&format!("piprov: job {} stopped", job));
    assert!(console.contains(&format!("Failed to load 'piprov/{}/read/2/", job)), "{console}");
    card.assert_uboot_only();
    assert!(!shell(&format!("mdir -b -i {}@@1M ::piprov/{}", usb.display(), job)).contains("DONE"));
}
