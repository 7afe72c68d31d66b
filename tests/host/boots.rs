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
    assert!(out(&check).contains("fits    such a card") && err(&check).contains(because), "{check:?}");
    assert_eq!(bench.piprov(&["card", "check", "--force", "sample.img"]).status.code(), Some(0));
    // Nobody answers here; but the board was reset.
    let forced = bench.flash(&["--force"]);
    assert_eq!(forced.status.code(), Some(69), "{forced:?}");
    assert!(bench.was_reset() && err(&forced).contains(because), "{forced:?}");
}

/// That its boot partition can't be read is no forecast: nothing is known of such an image, and `--force` is no way out.
#[test]
fn a_download_that_broke_off_is_damaged_and_not_one_that_will_not_boot() {
    let bench = Bench::new(
        "gzip -c sample.img | head -c 3000000 >cut.gz; mv cut.gz sample.img.gz; mv sample.img.gz sample.img",
    );
    for told in [bench.flash(&["-n"]), bench.flash(&[]), bench.piprov(&["card", "check", "sample.img"])] {
        assert_eq!(told.status.code(), Some(65), "{told:?}");
        assert!(
            err(&told).contains("damaged gz data") && err(&told).contains("Download the image again"),
            "{told:?}"
        );
        assert!(!err(&told).contains("bytes will be right") && !err(&told).contains("--force"), "{told:?}");
    }
    assert!(!bench.was_reset());
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
        "        (behind the arguments that the firmware adds)",
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

/// What `card check` and `flash -n` say of an image whose cmdline.txt has these words.
fn told_of(cmdline: &str, change: &str) -> (Bench, Option<i32>, String, String) {
    let bench = Bench::new(&format!(
        "printf '{cmdline}' >cmdline.txt; mcopy -o -i sample.img@@8M cmdline.txt ::; {change}"
    ));
    let (check, dry) = (bench.piprov(&["card", "check", "sample.img"]), bench.flash(&["-n"]));
    assert_eq!(check.status.code(), dry.status.code(), "{check:?} {dry:?}");
    let (check, code) = (out(&check) + &err(&check), dry.status.code());
    (bench, code, check, out(&dry) + &err(&dry))
}

/// The sample has no initramfs; one that the firmware would load.
const INITRAMFS: &str = "echo x >initramfs8; mcopy -o -i sample.img@@8M initramfs8 ::";

#[test]
fn a_root_that_fits_nothing_is_told_by_file_and_word() {
    for (cmdline, told) in [
        ("root=LABEL=nosuch", "`LABEL=nosuch` in cmdline.txt fits nothing in the image"),
        ("root=UUID=1234-5678", "`UUID=1234-5678` in cmdline.txt fits nothing in the image: its UUIDs are "),
        (
            "root=PARTLABEL=rootfs",
            "`PARTLABEL=rootfs` in cmdline.txt names a partition by a name, and an MBR",
        ),
        (
            "root=/dev/mmcblk0p7",
            "`/dev/mmcblk0p7` in cmdline.txt names partition 7, which this image doesn't have",
        ),
        ("root=179:6", "`179:6` in cmdline.txt names partition 6"),
        (
            "root=PARTUUID=35c84628-01",
            "in cmdline.txt is partition 1 of the image, which is a FAT file system",
        ),
        (
            "quiet\\nroot=/dev/mmcblk0p2",
            "`root=/dev/mmcblk0p2` stands in line 2 of cmdline.txt, and only the first",
        ),
        ("quiet", "cmdline.txt has no root= in its first line: what is started is up to the initramfs"),
    ] {
        let (_bench, code, check, dry) = told_of(cmdline, INITRAMFS);
        assert_eq!(code, Some(0), "{cmdline}: {dry}");
        assert!(check.contains(told) && dry.contains(told), "{cmdline}: `{told}`: {check}\n{dry}");
        // Not twice, by the forecast and by the search for names.
        assert_eq!(check.matches(told).count(), 1, "{check}");
    }
    // Without an initramfs some are certain.
    for (cmdline, told) in [
        ("root=LABEL=nosuch", "is found by an initramfs alone, and none is loaded"),
        ("root=/dev/mmcblk0p7", "because root=/dev/mmcblk0p7 in cmdline.txt names partition 7"),
        ("root=/dev/mmcblk0p1", "a FAT file system with no system on it"),
        ("root=PARTUUID=35c84628-2", "stand a hyphen and two digits"),
        ("root=/dev/mmcblk0", "is the whole disk, and no partition of it"),
        ("root=/dev/mmcblk0p02", "without a zero in front"),
    ] {
        let (bench, code, check, dry) = told_of(cmdline, "");
        assert_eq!(code, Some(65), "{cmdline}: {dry}");
        assert!(check.contains(told) && dry.contains(told), "{cmdline}: `{told}`: {check}\n{dry}");
        assert!(!bench.flash(&[]).status.success() && !bench.was_reset());
    }
    let (_bench, code, check, dry) = told_of("quiet", "");
    let unsure = "boots   not known: cmdline.txt has no root= in its first line, and no initramfs is loaded";
    assert!(check.contains(unsure) && check.contains("loads   kernel8.img"), "{check}");
    assert!(
        code == Some(0) && dry.contains("cmdline.txt has no root=: a kernel without an initramfs"),
        "{dry}"
    );
    // What fits isn't told, whatever it is called by.
    let named =
        "export PATH=$PATH:/usr/sbin:/sbin; dd if=sample.img of=root bs=1M skip=28 count=8 status=none
         tune2fs -L myroot root >/dev/null; dd if=root of=sample.img bs=1M seek=28 conv=notrunc status=none";
    for cmdline in ["root=LABEL=myroot", "root=/dev/mmcblk0p2", "root=b302", "root=PARTUUID=35c84628-02"] {
        let (_bench, code, _, dry) = told_of(cmdline, &format!("{named}; {INITRAMFS}"));
        assert!(code == Some(0) && !dry.contains("in cmdline.txt"), "{cmdline}: {dry}");
    }
}

#[test]
fn a_root_by_device_number_follows_its_partition() {
    for (cmdline, new) in [("root=179:2 x", "root=179:3 x"), ("root=b302 x", "root=b303 x")] {
        let (_bench, code, check, dry) = told_of(cmdline, "");
        assert!(code == Some(0) && check.contains(&format!("  + {new}")), "{check}");
        assert!(dry.contains(new), "{dry}");
    }
}

#[test]
fn an_fstab_that_names_no_file_system_of_the_image_is_told() {
    let fstab = "printf 'LABEL=other / ext4 defaults 0 1\\nLABEL=stick /mnt ext4 nofail 0 0\\n' >fstab
         export PATH=$PATH:/usr/sbin:/sbin; dd if=sample.img of=root bs=1M skip=28 count=8 status=none
         debugfs -w -R 'rm /etc/fstab' root 2>/dev/null; debugfs -w -R 'write fstab /etc/fstab' root 2>/dev/null
         dd if=root of=sample.img bs=1M seek=28 conv=notrunc status=none";
    let (_bench, code, check, dry) = told_of("root=PARTUUID=35c84628-02", fstab);
    let told = "`LABEL=other` in /etc/fstab fits nothing in the image";
    assert!(code == Some(0) && check.contains(told) && dry.contains(told), "{check}\n{dry}");
    assert!(!dry.contains("LABEL=stick"), "nobody waits for it: {dry}");
}

#[test]
fn a_kernel_that_is_cut_and_an_empty_initramfs_are_told() {
    // A gzip file of a kernel: `ARM\x64` at byte 56.
    let kernel =
        "{ head -c 56 /dev/zero; printf 'ARM\\144'; head -c 300000 /dev/urandom; } | gzip -1 >kernel8.img";
    let put =
        "mcopy -o -i sample.img@@8M kernel8.img ::; : >initramfs8; mcopy -o -i sample.img@@8M initramfs8 ::";
    let root = "root=PARTUUID=35c84628-02";
    let (_bench, code, check, _) = told_of(root, &format!("{kernel}; {put}"));
    assert_eq!(code, Some(0), "{check}");
    assert!(check.contains("initramfs8 is empty, and counts as no initramfs"), "{check}");
    let (_bench, code, check, dry) =
        told_of(root, &format!("{kernel}; truncate -s 150000 kernel8.img; {put}"));
    assert_eq!(code, Some(65), "{check}");
    let told = "because kernel8.img is cut off: it ends inside its gzip data";
    assert!(check.contains(told) && dry.contains(told), "{check}\n{dry}");
}

#[test]
fn a_narrow_terminal_gets_lines_that_fit() {
    let bench =
        Bench::new("echo 'dtoverlay=vc4-kms-v3d,one' >config.txt; mcopy -o -i sample.img@@8M config.txt ::");
    let program = env!("CARGO_BIN_EXE_piprov");
    let typed = format!(
        "stty cols 60 rows 50; {program} flash -n lab-01 sample.img --targets lab.csv --listen 127.0.0.1:0"
    );
    let mut command = Command::new("script");
    command.args(["-qec", &typed, "/dev/null"]).current_dir(bench.sample.dir.path());
    command.env("PIPROV_STATE_DIR", bench.sample.path("state")).env("TERM", "dumb");
    let shown = out(&output(&mut command));
    assert!(
        shown.contains("would write") && shown.contains("note    config.txt asks for the overlay"),
        "{shown}"
    );
    for line in shown.lines().filter(|line| line.contains(' ')) {
        // A word that is longer than a line stays whole: the path of the reset command's file.
        let words = line.split_whitespace().map(|word| word.chars().count()).max().unwrap_or(0);
        assert!(line.trim_end().chars().count() <= 60.max(words + 8), "{line}");
    }
}

#[test]
fn a_bad_table_is_told_with_its_image() {
    let bench = Bench::new("printf '\\x37' | dd of=sample.img bs=1 seek=462 conv=notrunc status=none");
    for command in [
        &["card", "check", "sample.img"][..],
        &["flash", "lab-01", "sample.img", "--targets", "lab.csv", "-n"],
        &["split-image", "sample.img", "-o", "parts", "--skip", "auto"],
    ] {
        let refused = bench.piprov(command);
        let told = "sample.img: partition table: partition 2 has the boot flag 0x37";
        assert!(!refused.status.success() && err(&refused).contains(told), "{refused:?}");
        assert_eq!(err(&refused).matches("sample.img").count(), 1, "{refused:?}");
    }
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
fn an_image_that_is_cut_off_is_refused_also_packed_and_from_a_pipe() {
    let bench = Bench::new(
        "mkdir uboot; echo x >uboot/u-boot.bin; truncate -s 30M sample.img; gzip -1 -k sample.img",
    );
    for arguments in [
        &["card", "check", "sample.img"][..],
        &["card", "check", "sample.img.gz"],
        &["card", "build", "--image", "sample.img.gz", "--uboot", "uboot", "-o", "card.img"],
    ] {
        let cut = bench.piprov(arguments);
        assert_eq!(cut.status.code(), Some(65), "{arguments:?}: {cut:?}");
        assert!(err(&cut).contains("its partition 2 reaches to 36 MiB"), "{cut:?}");
    }
    let program = env!("CARGO_BIN_EXE_piprov");
    let mut piped = Command::new("sh");
    piped.args(["-c", &format!("cat sample.img | {program} card check -")]);
    let cut = output(piped.current_dir(bench.sample.dir.path()));
    assert_eq!(cut.status.code(), Some(65), "{cut:?}");
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
    assert_eq!(told["in_file"], Value::Null, "{told}");
    // A system that changes a file changes the file system's tables in front of it, too.
    let table = 44 * MIB
        + 512
            * u64::from(u16::from_le_bytes([
                bytes[(44 * MIB + 14) as usize],
                bytes[(44 * MIB + 15) as usize],
            ]));
    card.write_all_at(&[!bytes[table as usize + 600]], table + 600).unwrap();
    let both = verify(&[]);
    for told in [
        &format!("at byte {} of the card", table + 600),
        "in partition 2 (1 in the image), in no file: in the file system's own tables, or in free space",
        &format!(
            "the first difference in a file is at byte {config} of the card, in config.txt on partition 2"
        ),
    ] {
        assert!(out(&both).contains(told), "`{told}`: {both:?}");
    }
    let told: Value = serde_json::from_slice(&verify(&["--json"]).stdout).unwrap();
    assert_eq!((&told["file"], &told["in_file"]["file"]), (&Value::Null, &"config.txt".into()), "{told}");
    card.write_all_at(&[bytes[config as usize]], config).unwrap();
    let alone = verify(&[]);
    assert!(
        alone.status.code() == Some(1) && !out(&alone).contains("the first difference in a file"),
        "{alone:?}"
    );
    card.write_all_at(&[bytes[table as usize + 600]], table + 600).unwrap();
    // U-Boot's own partition is the card's.
    card.write_all_at(b"settings", 20 * MIB).unwrap();
    assert!(verify(&[]).status.success());
    // What people do to a card: a file is written anew elsewhere, one goes, one comes.
    let change = "export MTOOLS_SKIP_CHECK=1; echo other > config.txt; mcopy -o -i card.img@@44M config.txt ::config.txt
                  mcopy -i card.img@@44M config.txt ::new.txt; mdel -i card.img@@44M ::cmdline.txt";
    run(Command::new("bash").args(["-ec", change]).current_dir(bench.sample.dir.path()));
    let changed = verify(&[]);
    for told in ["not on the card: cmdline.txt", "only on the card: new.txt", "in config.txt on partition 2"]
    {
        assert!(out(&changed).contains(told), "`{told}`: {changed:?}");
    }
    let told: Value = serde_json::from_slice(&verify(&["--json"]).stdout).unwrap();
    assert_eq!(
        (&told["missing"][0], &told["added"][0]),
        (&"cmdline.txt".into(), &"new.txt".into()),
        "{told}"
    );
}
