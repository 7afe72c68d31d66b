//! What a recovery card's U-Boot will do with an image, told before a board is reset; and a card compared with its image.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use crate::{common, sample};

use std::os::unix::fs::FileExt;
use std::process::{Command, Output};

use sample::{Sample, output, run};
use serde_json::Value;

const MIB: u64 = 1 << 20;

/// An image whose boot partition is changed by mtools, and a board whose reset leaves a trace.
struct Bench {
    sample: Sample,
}

impl Bench {
    fn new(change: &str) -> Self {
        let sample = Sample::new(&["--boot-size", "20", "--root-size", "8", "--files", "1"]);
        let script = format!("set -e; export MTOOLS_SKIP_CHECK=1; {change}");
        run(Command::new("bash").args(["-c", &script]).current_dir(sample.dir.path()));
        let reset = sample.path("was-reset");
        let row = format!("name,mac,ip,reset\nlab-01,dc:a6:32:01:02:03,,command:touch {}\n", reset.display());
        sample.file("lab.csv", row);
        Self { sample }
    }

    fn piprov(&self, arguments: &[&str]) -> Output {
        let mut command = common::piprov();
        command.args(arguments).current_dir(self.sample.dir.path());
        output(command.env("PIPROV_STATE_DIR", self.sample.path("state")))
    }

    fn flash(&self, more: &[&str]) -> Output {
        let flash = [
            "flash",
            "lab-01",
            "sample.img",
            "--targets",
            "lab.csv",
            "--listen",
            "127.0.0.1:0",
            "--timeout",
            "0.3",
        ];
        self.piprov(&[&flash[..], more].concat())
    }

    fn was_reset(&self) -> bool {
        self.sample.path("was-reset").exists()
    }
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_image_that_the_card_cannot_boot_is_refused_before_the_reset() {
    // NOOBS has no kernel of the usual name.
    let bench = Bench::new(
        "echo x >r; mdel -i sample.img@@8M ::kernel8.img; mcopy -i sample.img@@8M r ::recovery.elf",
    );
    let because = "the bytes will be right, but this card won't boot it, because it is NOOBS or PINN";
    let refused = bench.flash(&[]);
    assert_eq!(refused.status.code(), Some(65), "{refused:?}");
    assert!(err(&refused).contains(because) && err(&refused).contains("--force"), "{refused:?}");
    assert!(!bench.was_reset());
    let dry = bench.flash(&["-n"]);
    assert_eq!(dry.status.code(), Some(65), "{dry:?}");
    assert!(out(&dry).contains("boots   no, because it is NOOBS or PINN"), "{dry:?}");
    assert!(err(&dry).contains(because), "{dry:?}");
    let check = bench.piprov(&["card", "check", "sample.img"]);
    assert_eq!(check.status.code(), Some(65), "{check:?}");
    assert!(out(&check).contains("fits    yes") && err(&check).contains(because), "{check:?}");
    assert_eq!(bench.piprov(&["card", "check", "--force", "sample.img"]).status.code(), Some(0));
    // Nobody answers here; but the board was reset.
    let forced = bench.flash(&["--force"]);
    assert_eq!(forced.status.code(), Some(69), "{forced:?}");
    assert!(bench.was_reset() && err(&forced).contains(because), "{forced:?}");
}

#[test]
fn what_will_be_loaded_is_told_with_its_arguments() {
    let bench = Bench::new(
        "printf 'kernel=vmlinuz\\ncmdline=other.txt\\n' >config.txt; mcopy -i sample.img@@8M ::kernel8.img vmlinuz
         echo 'root=/dev/mmcblk0p2 quiet' >other.txt; mcopy -o -i sample.img@@8M config.txt vmlinuz other.txt ::",
    );
    let check = bench.piprov(&["card", "check", "sample.img"]);
    assert!(check.status.success(), "{check:?}");
    for line in [
        "boots   vmlinuz, other.txt of partition 1",
        "        root=/dev/mmcblk0p3 quiet",
        "boot.scr is added",
        "other.txt on partition 1 is rewritten:",
        "alone   the Pi's own firmware starts it on",
    ] {
        assert!(out(&check).contains(line), "`{line}`: {}", out(&check));
    }
    let told: Value = serde_json::from_slice(&bench.flash(&["-n", "--json"]).stdout).unwrap();
    let load = &told["boot"]["card"]["loads"][0];
    assert_eq!(
        (&told["boot"]["card"]["by"], &load["kernel"]),
        (&"added".into(), &"vmlinuz".into()),
        "{told}"
    );
    assert_eq!(load["arguments"], "root=/dev/mmcblk0p3 quiet");
}

#[test]
fn a_partuuid_of_another_disk_is_told_before_the_reset() {
    let bench = Bench::new(
        "echo 'root=PARTUUID=deadbeef-02 resume=PARTUUID=35c84628-02' >cmdline.txt
         mcopy -o -i sample.img@@8M cmdline.txt ::",
    );
    let dry = bench.flash(&["-n"]);
    let told = "`PARTUUID=deadbeef-02` in cmdline.txt names a partition of another disk: this image's id is 35c84628";
    assert!(dry.status.success() && err(&dry).contains(told), "{dry:?}");
    let check = bench.piprov(&["card", "check", "sample.img"]);
    assert!(out(&check).contains("+ root=PARTUUID=deadbeef-02 resume=PARTUUID=35c84628-03"), "{check:?}");
}

#[test]
fn an_image_that_ends_behind_its_squashfs_fits_also_with_openwrts_metadata_behind_it() {
    let bench = Bench::new("");
    let image = std::fs::File::options().write(true).open(&bench.sample.image).unwrap();
    let mut squashfs = [0; 4096];
    squashfs[..4].copy_from_slice(b"hsqs");
    squashfs[40..48].copy_from_slice(&MIB.to_le_bytes());
    image.write_all_at(&squashfs, 28 * MIB).unwrap();
    image.set_len(30 * MIB).unwrap();
    let metadata = b"{ \"version\": \"24.10\" }FWx0\0\0\0\0\x01\0\0\0\0\0\0\x26";
    std::fs::write(bench.sample.path("trailer"), metadata).unwrap();
    run(Command::new("sh")
        .args(["-ec", "gzip -1 -k sample.img; cat trailer >>sample.img.gz"])
        .current_dir(bench.sample.dir.path()));
    for image in ["sample.img", "sample.img.gz"] {
        let check = bench.piprov(&["card", "check", image]);
        assert!(check.status.success(), "{check:?}");
        assert!(
            out(&check).contains("The image ends inside its partition 2, 6 MiB before that does"),
            "{check:?}"
        );
        assert_eq!(out(&check).contains("bytes of OpenWrt's metadata"), image.ends_with(".gz"), "{check:?}");
    }
    // One byte less than the file system has is an image that was cut off.
    image.set_len(29 * MIB - 1).unwrap();
    let cut = bench.piprov(&["card", "check", "sample.img"]);
    assert_eq!(cut.status.code(), Some(65), "{cut:?}");
    assert!(err(&cut).contains("its partition 2 reaches to 36 MiB"), "{cut:?}");
}

#[test]
fn images_for_other_disks_are_named_as_what_they_are() {
    let bench = Bench::new("");
    let mut iso = vec![0; 40 << 10];
    iso[32769..32774].copy_from_slice(b"CD001");
    bench.sample.file("disk.iso", &iso);
    let mut large = vec![0; 64 << 10];
    large[446..462].copy_from_slice(&[0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0xff, 0, 0, 0]);
    large[510..512].copy_from_slice(&[0x55, 0xaa]);
    large[4096..4104].copy_from_slice(b"EFI PART");
    bench.sample.file("large.img", &large);
    for (image, told) in [("disk.iso", "an ISO 9660 image"), ("large.img", "sectors of 4096 bytes")] {
        for command in
            [&["card", "check", image][..], &["flash", "lab-01", image, "--targets", "lab.csv", "-n"]]
        {
            let refused = bench.piprov(command);
            assert_eq!(refused.status.code(), Some(65), "{refused:?}");
            assert!(err(&refused).contains(told), "{refused:?}");
        }
    }
}

#[test]
fn a_card_is_compared_with_its_image_by_partition_and_file() {
    let bench = Bench::new("mkdir uboot; echo x >uboot/u-boot.bin");
    let build =
        bench.piprov(&["card", "build", "--image", "sample.img", "--uboot", "uboot", "-o", "card.img"]);
    assert!(build.status.success(), "{build:?}");
    let verify =
        |more: &[&str]| bench.piprov(&[&["verify", "sample.img", "--card", "card.img"][..], more].concat());
    let equal = verify(&[]);
    assert!(equal.status.success() && out(&equal).contains("equal to sample.img"), "{equal:?}");
    let card = std::fs::File::options().read(true).write(true).open(bench.sample.path("card.img")).unwrap();
    let bytes = std::fs::read(bench.sample.path("card.img")).unwrap();
    let place = |text: &[u8], from: u64| {
        let found = bytes[from as usize..].windows(text.len()).position(|window| window == text);
        from + found.unwrap() as u64
    };
    // A word of a file on the boot partition, one on the root partition, the table, and nobody's byte.
    let config = place(b"# A sample.", 44 * MIB);
    let release = place(b"sample.img\n", 64 * MIB);
    for (at, told) in [
        (config + 2, "in config.txt on partition 2 (1 in the image)"),
        (release + 1, "in etc/sample-release on partition 3 (2 in the image)"),
        (446 + 16 + 8, "in the partition table"),
    ] {
        let old = bytes[at as usize];
        card.write_all_at(&[!old], at).unwrap();
        let differs = verify(&[]);
        assert_eq!(differs.status.code(), Some(1), "{differs:?}");
        assert!(
            out(&differs).contains(told) && out(&differs).contains(&format!("at byte {at} of the card")),
            "{differs:?}"
        );
        card.write_all_at(&[old], at).unwrap();
    }
    card.write_all_at(&[!bytes[config as usize]], config).unwrap();
    let told: Value = serde_json::from_slice(&verify(&["--json"]).stdout).unwrap();
    assert_eq!((&told["file"], &told["card_partition"]), (&"config.txt".into(), &2.into()), "{told}");
    // U-Boot's own partition is the card's.
    card.write_all_at(&[bytes[config as usize]], config).unwrap();
    card.write_all_at(b"settings", 20 * MIB).unwrap();
    assert!(verify(&[]).status.success());
}
