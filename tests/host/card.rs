//! `piprov card build` and `check`, judged by other programs: sfdisk, sgdisk, mtools, fsck.vfat, debugfs, e2fsck,
//! mkimage.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::common;
use crate::sample;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sample::{Sample, at, cut, ext4_cat, fat_cat, output, run};
use serde_json::Value;

const MIB: u64 = 1 << 20;

/// A sample image with a directory for U-Boot's partition.
struct Bench {
    sample: Sample,
}

impl Bench {
    fn new(arguments: &[&str]) -> Self {
        let sample = Sample::new(arguments);
        sample.file("uboot/u-boot.bin", vec![0x14; 600_000]);
        sample
            .file("uboot/config.txt", "arm_64bit=1\nkernel=u-boot.bin\ndtoverlay=sample\ndtoverlay=nobody\n");
        sample.file("uboot/start4.elf", (0..2_250_000u32).map(|n| (n / 3) as u8).collect::<Vec<_>>());
        sample.file("uboot/licence/u-boot.txt", "GPL");
        Self { sample }
    }

    fn card(&self) -> PathBuf {
        self.sample.path("card.img")
    }

    fn build(&self, arguments: &[&str]) -> Output {
        let mut command = common::piprov();
        command.args(["card", "build", "--image"]).arg(&self.sample.image);
        command.arg("--uboot").arg(self.sample.path("uboot")).arg("-o").arg(self.card()).args(arguments);
        output(&mut command)
    }

    /// Builds a card and gives what `--json` says of it.
    fn built(&self, arguments: &[&str]) -> Value {
        let output = self.build(&[arguments, &["--json", "--force"]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let object: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((object["schema"].as_u64(), object["event"].as_str()), (Some(2), Some("built")));
        assert_eq!(object["size"].as_u64().unwrap(), std::fs::metadata(self.card()).unwrap().len());
        let sum = run(Command::new("sha256sum").arg(self.card()));
        assert_eq!(object["sha256"].as_str().unwrap(), &sum[..64]);
        object
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Number, first block and blocks of each partition, as sfdisk reads them.
fn partitions(disk: &Path) -> Vec<(u32, u64, u64)> {
    let dump: Value = serde_json::from_str(&run(Command::new("sfdisk").arg("--json").arg(disk))).unwrap();
    let name = disk.display().to_string();
    let table = dump["partitiontable"]["partitions"].as_array().unwrap().clone();
    let number = |node: &Value| node.as_str().unwrap()[name.len()..].parse().unwrap();
    table
        .iter()
        .map(|p| (number(&p["node"]), p["start"].as_u64().unwrap(), p["size"].as_u64().unwrap()))
        .collect()
}

/// The card's partitions hold the image's bytes, but for these many digits.
fn assert_moved(image: &Path, card: &Path, from: u64, to: u64, len: u64, changed: usize) {
    let bytes = |path: &Path, offset: u64| {
        let mut bytes = vec![0; len as usize];
        let file = std::fs::File::open(path).unwrap();
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut bytes, offset).unwrap();
        bytes
    };
    let (old, new) = (bytes(image, from), bytes(card, to));
    // Whole blocks first, as most are equal.
    let blocks = old.chunks(4096).zip(new.chunks(4096)).filter(|(old, new)| old != new);
    let different: Vec<_> =
        blocks.flat_map(|(old, new)| old.iter().zip(new)).filter(|(old, new)| old != new).collect();
    assert_eq!(different.len(), changed);
    assert!(different.iter().all(|(old, new)| **old + 1 == **new && old.is_ascii_digit()));
}

#[test]
fn a_card_is_what_other_tools_take_it_for() {
    for (offset, boot_size) in [(4, 40), (8, 64)] {
        let (offset_text, boot_text) = (offset.to_string(), boot_size.to_string());
        let bench = Bench::new(&["--p1-offset", &offset_text, "--boot-size", &boot_text]);
        let image_before = run(Command::new("sha256sum").arg(&bench.sample.image));
        let object = bench.built(&["--server", "10.0.2.2", "--board-ip", "10.0.2.15/22"]);
        let card = bench.card();
        assert_eq!(object["shift"].as_u64().unwrap(), (44 - offset) * MIB);

        let root = 90112 + boot_size * 2048;
        let want = [(1, 8192, 81920), (2, 90112, boot_size * 2048), (3, root, 65536)];
        assert_eq!(partitions(&card), want);
        run(Command::new("sfdisk").arg("--verify").arg(&card));
        let dump = run(Command::new("sfdisk").arg("-d").arg(&card));
        assert!(dump.contains("label-id: 0x35c84628"), "{dump}");
        assert!(dump.contains("size=       81920, type=c, bootable"), "{dump}");
        let image = &bench.sample.image;
        let boot_len = boot_size * MIB;
        assert_moved(image, &card, offset * MIB, 44 * MIB, boot_len, 1);
        assert_moved(image, &card, (offset + boot_size) * MIB, root * 512, 32 * MIB, 2);
        assert_eq!(run(Command::new("sha256sum").arg(image)), image_before, "the image stays as it is");

        // Files that follow.
        assert!(fat_cat(&card, 44 * MIB, "cmdline.txt").contains(" root=PARTUUID=35c84628-03 "));
        let fstab = ext4_cat(&card, root * 512, "/etc/fstab");
        assert!(
            fstab.contains("\nPARTUUID=35c84628-02  /boot/firmware")
                && fstab.contains("\nPARTUUID=35c84628-03  / ")
        );
        run(Command::new("e2fsck").args(["-fn"]).arg(at(&card, root * 512)));

        // U-Boot's partition.
        let volume = bench.sample.path("volume");
        cut(&card, 4 * MIB, 40 * MIB, &volume);
        let report = run(Command::new("fsck.vfat").args(["-n", "-v"]).arg(&volume));
        assert!(report.contains("32 bit") || report.contains("FATs, 32"), "{report}");
        assert_eq!(
            fat_cat(&card, 4 * MIB, "env.txt"),
            "serverip=10.0.2.2\nipaddr=10.0.2.15\nnetmask=255.255.252.0\n"
        );
        let back = bench.sample.path("back");
        std::fs::create_dir(&back).unwrap();
        run(Command::new("mcopy")
            .args(["-s", "-n", "-i", &format!("{}@@4M", card.display()), "::"])
            .arg(&back));
        for name in ["u-boot.bin", "config.txt", "start4.elf", "licence/u-boot.txt"] {
            let original = bench.sample.path("uboot").join(name);
            assert!(std::fs::read(back.join(name)).unwrap() == std::fs::read(original).unwrap(), "{name}");
        }
        let script = std::fs::read(back.join("boot.scr")).unwrap();
        assert!(script == std::fs::read(back.join("boot.scr.uimg")).unwrap());
        let listed = run(Command::new("mkimage").arg("-l").arg(back.join("boot.scr")));
        assert!(listed.contains("AArch64 Linux Script") && listed.contains("1970"), "{listed}");
        let text = bench.sample.path("text");
        run(Command::new("dumpimage")
            .args(["-T", "script", "-p", "0", "-o"])
            .arg(&text)
            .arg(back.join("boot.scr")));
        let ours = include_bytes!("../../firmware/uboot/boot.cmd");
        let dumped = std::fs::read(text).unwrap();
        assert!(dumped.windows(ours.len()).any(|window| window == ours));

        // What the firmware needs and the directory lacks comes out of the image.
        let copied = object["files_from_image"].as_array().unwrap();
        let want = ["bcm2710-rpi-3-b.dtb", "bcm2711-rpi-4-b.dtb", "overlays/sample.dtbo"];
        assert_eq!(copied.iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>(), want);
        assert!(back.join("overlays/sample.dtbo").exists());
        assert!(object["warnings"].to_string().contains("overlays/nobody.dtbo"), "{object}");
    }
}

#[test]
fn the_same_input_gives_the_same_card() {
    let bench = Bench::new(&["--boot-size", "20", "--root-size", "8", "--files", "1"]);
    let first = bench.built(&[]);
    assert!(object_paths(&first).iter().all(|path| path != "env.txt"), "nothing was to be told");
    run(Command::new("find").arg(bench.sample.path("uboot")).args([
        "-exec",
        "touch",
        "-d",
        "2001-02-03",
        "{}",
        "+",
    ]));
    assert_eq!(bench.built(&[])["sha256"], first["sha256"]);
    // Out of a compressed image, and from standard input, comes the same.
    run(Command::new("xz").args(["-1", "-k"]).arg(&bench.sample.image));
    let packed = format!("{}.xz", bench.sample.image.display());
    for (image, stdin) in [(packed.as_str(), None), ("-", Some(&packed))] {
        let mut command = common::piprov();
        command.args(["card", "build", "-f", "--json", "--image", image, "--uboot"]);
        command.arg(bench.sample.path("uboot")).arg("-o").arg(bench.card());
        if let Some(path) = stdin {
            command.stdin(std::fs::File::open(path).unwrap());
        }
        let output = output(&mut command);
        assert!(output.status.success(), "{}", stderr(&output));
        let object: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(object["sha256"], first["sha256"], "{image}");
    }
    // Another time gives another card, as told.
    let mut command = common::piprov();
    command.args(["card", "build", "-f", "--json", "--image"]).arg(&bench.sample.image).arg("--uboot");
    command
        .arg(bench.sample.path("uboot"))
        .arg("-o")
        .arg(bench.card())
        .env("SOURCE_DATE_EPOCH", "1700000000");
    run(&mut command);
    let list = run(Command::new("mdir")
        .args(["-i", &format!("{}@@4M", bench.card().display()), "::"])
        .env("TZ", "UTC"));
    assert!(list.contains("2023-11-14"), "{list}");
}

fn object_paths(object: &Value) -> Vec<String> {
    object["files"].as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_gpt_keeps_its_guids() {
    let bench = Bench::new(&["--gpt", "--p1-offset", "8"]);
    let object = bench.built(&[]);
    let card = bench.card();
    assert!(object["notes"].to_string().contains("Pi 4"), "{object}");
    let verified = run(Command::new("sgdisk").arg("-v").arg(&card));
    assert!(verified.contains("No problems found"), "{verified}");
    run(Command::new("sfdisk").arg("--verify").arg(&card));
    assert_eq!(partitions(&card), [(1, 8192, 81920), (2, 90112, 81920), (3, 172_032, 65536)]);
    let info = |disk: &Path, number: u32| {
        let text = run(Command::new("sgdisk").arg(format!("-i{number}")).arg(disk));
        text.lines().filter(|line| !line.contains("sector")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(info(&card, 2), info(&bench.sample.image, 1));
    assert_eq!(info(&card, 3), info(&bench.sample.image, 2));
    assert!(info(&card, 1).concat().contains("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"));
    let guid = |disk: &Path| {
        let text = run(Command::new("sgdisk").arg("-p").arg(disk));
        text.lines().find(|line| line.starts_with("Disk identifier")).unwrap().to_owned()
    };
    assert_eq!(guid(&card), guid(&bench.sample.image));
    // On a longer card the second copy can be moved to the end.
    bench.built(&["--size", "200MiB"]);
    assert_eq!(std::fs::metadata(&card).unwrap().len(), 200 * MIB);
    run(Command::new("sgdisk").arg("-e").arg(&card));
    assert!(run(Command::new("sgdisk").arg("-v").arg(&card)).contains("No problems found"));
}

#[test]
fn logical_partitions_stay_reachable() {
    let bench = Bench::new(&["--boot-size", "20", "--root-size", "8", "--files", "1"]);
    let image = &bench.sample.image;
    run(Command::new("truncate").args(["-s", "64M"]).arg(image));
    let table = "label: dos\nlabel-id: 0x35c84628\nstart=16384,size=40960,type=c\n\
                 start=57344,size=73728,type=f\nstart=59392,size=20480,type=83\nstart=81920,size=20480,type=83\n\
                 start=104448,size=20480,type=83\n";
    let script = bench.sample.file("table", table);
    run(Command::new("sfdisk").arg("-q").arg(image).stdin(std::fs::File::open(script).unwrap()));
    let want =
        [(1, 16384, 40960), (2, 57344, 73728), (5, 59392, 20480), (6, 81920, 20480), (7, 104_448, 20480)];
    assert_eq!(partitions(image), want);
    bench.built(&[]);
    let shift = 36 * 2048;
    let mut moved = vec![(1, 8192, 81920)];
    moved.extend(want.map(|(n, start, len)| (if n < 5 { n + 1 } else { n }, start + shift, len)));
    assert_eq!(partitions(&bench.card()), moved);
    run(Command::new("sfdisk").arg("--verify").arg(bench.card()));
}

/// The sample with another table, for which it gets longer.
fn with_table(bench: &Bench, lines: &str) {
    let image = &bench.sample.image;
    run(Command::new("truncate").args(["-s", "64M"]).arg(image));
    let script = bench.sample.file("table", format!("label: dos\nlabel-id: 0x35c84628\n{lines}"));
    run(Command::new("sfdisk")
        .args(["-q", "--wipe", "never", "--wipe-partitions", "never"])
        .arg(image)
        .stdin(std::fs::File::open(script).unwrap()));
}

/// Whether the card is what the image becomes.
fn verified(bench: &Bench) {
    let mut command = common::piprov();
    command.arg("verify").arg(&bench.sample.image).arg("--card").arg(bench.card());
    let verified = output(&mut command);
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn of_four_primaries_two_become_logical_and_their_names_follow() {
    let bench = Bench::new(&["--boot-size", "20", "--root-size", "8", "--files", "1"]);
    with_table(
        &bench,
        "start=16384,size=40960,type=c\nstart=57344,size=16384,type=83\nstart=75776,size=2048,type=83\n\
         start=79872,size=2048,type=83\n",
    );
    let cmdline =
        bench.sample.file("cmdline.txt", "root=PARTUUID=35c84628-02 data=x resume=/dev/mmcblk0p4\n");
    let boot = format!("{}@@8M", bench.sample.image.display());
    let mut mcopy = Command::new("mcopy");
    run(mcopy.env("MTOOLS_SKIP_CHECK", "1").args(["-o", "-i", &boot]).arg(cmdline).arg("::"));
    let object = bench.built(&[]);
    assert!(object["notes"].to_string().contains("3 and 4 become logical ones, 5 and 6"), "{object}");
    let card = bench.card();
    run(Command::new("sfdisk").arg("--verify").arg(&card));
    let got = partitions(&card);
    let shift = 36 * 2048;
    for want in
        [(1, 8192, 81920), (2, 16384 + shift, 40960), (3, 57344 + shift, 16384), (5, 75776 + shift, 2048)]
    {
        assert!(got.contains(&want), "{want:?}: {got:?}");
    }
    assert_eq!(
        fat_cat(&card, 44 * MIB, "cmdline.txt"),
        "root=PARTUUID=35c84628-03 data=x resume=/dev/mmcblk0p6\n"
    );
    verified(&bench);
}

#[test]
fn four_primaries_without_a_gap_become_a_gpt_that_also_a_pi_3_starts() {
    for (lines, numbers) in [
        (
            "start=16384,size=40960,type=c\nstart=57344,size=16384,type=83\nstart=73728,size=2048,type=82\n\
             start=75776,size=2048,type=83\n",
            [(2, 16384), (3, 57344), (4, 73728), (5, 75776)],
        ),
        // Three and a container, whose logical partition keeps its number.
        (
            "start=16384,size=40960,type=c\nstart=57344,size=16384,type=83\nstart=73728,size=2048,type=82\n\
             start=75776,size=8192,type=f\nstart=77824,size=2048,type=83\n",
            [(2, 16384), (3, 57344), (4, 73728), (5, 77824)],
        ),
    ] {
        let bench = Bench::new(&["--boot-size", "20", "--root-size", "8", "--files", "1"]);
        with_table(&bench, lines);
        let object = bench.built(&[]);
        assert!(object["notes"].to_string().contains("the card gets a GPT"), "{object}");
        let card = bench.card();
        run(Command::new("sfdisk").arg("--verify").arg(&card));
        let verdict = run(Command::new("sgdisk").arg("-v").arg(&card));
        assert!(verdict.contains("No problems found"), "{verdict}");
        let shift = 36 * 2048;
        let got: Vec<_> = partitions(&card).into_iter().map(|(number, start, _)| (number, start)).collect();
        let moved = numbers.map(|(number, start)| (number, start + shift));
        assert_eq!(got, [&[(1, 8192)], &moved[..]].concat());
        // Its MBR, as a boot ROM reads it: the table, and U-Boot's partition.
        let mut mbr = [0; 512];
        std::os::unix::fs::FileExt::read_exact_at(&std::fs::File::open(&card).unwrap(), &mut mbr, 0).unwrap();
        assert_eq!((mbr[450], mbr[462], mbr[466]), (0xee, 0x80, 0x0c));
        assert_eq!(mbr[470..478], [0, 0x20, 0, 0, 0, 0x40, 1, 0]);
        // The names that an MBR's id made don't exist any more.
        let cmdline = fat_cat(&card, 44 * MIB, "cmdline.txt");
        assert!(cmdline.contains(" root=/dev/mmcblk0p3 ") && !cmdline.contains("PARTUUID"), "{cmdline}");
        let fstab = ext4_cat(&card, (57344 + shift) * 512, "/etc/fstab");
        assert!(
            fstab.contains("\n/dev/mmcblk0p2 ")
                && fstab.contains("\n/dev/mmcblk0p3 ")
                && !fstab.contains("PARTUUID="),
            "{fstab}"
        );
        run(Command::new("e2fsck").args(["-fn"]).arg(at(&card, (57344 + shift) * 512)));
        verified(&bench);
    }
}

#[test]
fn what_does_not_fit_is_refused_with_its_code() {
    let bench = Bench::new(&["--boot-size", "20", "--root-size", "8", "--files", "1"]);
    let fails = |arguments: &[&str], code: i32, want: &[&str]| {
        let output = bench.build(arguments);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        for want in want {
            assert!(text.contains(want), "{arguments:?}: `{want}` is missing in: {text}");
        }
        assert!(!bench.card().exists(), "{arguments:?}");
    };
    fails(&["--size", "60MiB"], 65, &["60 MiB", "72 MiB", "28 MiB", "hint:"]);
    fails(&["--uboot-size", "20MiB"], 65, &["FAT32", "hint:"]);
    fails(&["--uboot-size", "1MiB"], 65, &["the files in it have", "1 MiB"]);
    fails(&["--uboot-start", "1000"], 65, &["512"]);
    fails(&["--board-ip", "10.0.0.1/24"], 2, &["--server"]);
    fails(&["--server", "10.0.0.1", "--board-ip", "10.0.0.1"], 2, &["10.0.0.7/24"]);
    fails(&["--server", "10.1.0.1", "--board-ip", "10.0.0.1/24"], 2, &["10.1.0.1", "gateway"]);

    let with = |image: &Path, uboot: &Path, out: &Path, code: i32, want: &str| {
        let mut command = common::piprov();
        command.args(["card", "build", "--image"]).arg(image).arg("--uboot").arg(uboot).arg("-o").arg(out);
        let output = output(&mut command);
        assert_eq!(output.status.code(), Some(code), "{want}: {}", stderr(&output));
        assert!(stderr(&output).contains(want), "`{want}` is missing in: {}", stderr(&output));
    };
    let (image, uboot, card) = (&bench.sample.image, bench.sample.path("uboot"), bench.card());
    let none = bench.sample.path("none");
    with(&none, &uboot, &card, 66, "none");
    with(image, &none, &card, 66, "none");
    with(image, &uboot, &none.join("deeper/card.img"), 73, "deeper");
    with(image, &uboot, image, 73, "the image itself");
    with(image, &uboot, &uboot, 73, "directory");
    let there = bench.sample.file("there", "precious");
    with(image, &uboot, &there, 73, "--force");
    assert_eq!(std::fs::read_to_string(&there).unwrap(), "precious");
    let no_table = bench.sample.file("no-table", vec![7; 1 << 20]);
    with(&no_table, &uboot, &card, 65, "no partition table");

    let changed = bench.sample.path("changed.img");
    std::fs::copy(image, &changed).unwrap();
    run(Command::new("truncate").args(["-s", "-1M"]).arg(&changed));
    with(&changed, &uboot, &card, 65, "35 MiB");
    run(Command::new("truncate").args(["-s", "64M"]).arg(&changed));

    bench.sample.file("uboot/bad:name", "x");
    fails(&[], 65, &["bad:name"]);
    std::fs::remove_file(bench.sample.path("uboot/bad:name")).unwrap();
    bench.sample.file("uboot/CONFIG.TXT", "x");
    fails(&[], 65, &["twice"]);
    let left: Vec<_> =
        std::fs::read_dir(bench.sample.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".piprov")), "{left:?}");
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let bench = Bench::new(&["--boot-size", "20", "--root-size", "8", "--files", "1"]);
    let dry = bench.build(&["--dry-run"]);
    assert!(dry.status.success(), "{}", stderr(&dry));
    assert!(!bench.card().exists());
    assert!(String::from_utf8_lossy(&dry.stdout).contains("would be built, 72 MiB"));
    let real = bench.build(&[]);
    assert_eq!(stderr(&dry), stderr(&real), "the same plan");
    assert!(String::from_utf8_lossy(&real.stdout).contains("built, read back and equal, 72 MiB"));
    assert_eq!(bench.build(&["--dry-run"]).status.code(), Some(73), "the file is there now");
    // The file is one that others may read, and it is sparse.
    let there = std::fs::metadata(bench.card()).unwrap();
    use std::os::unix::fs::MetadataExt;
    assert_eq!(there.mode() & 0o600, 0o600);
    assert!(there.blocks() * 512 < there.len() / 2, "{} of {}", there.blocks() * 512, there.len());
}

#[test]
fn without_config_txt_nothing_is_added_and_a_warning_is_given() {
    let bench = Bench::new(&["--boot-size", "20", "--root-size", "8", "--files", "1"]);
    std::fs::remove_dir_all(bench.sample.path("uboot")).unwrap();
    std::fs::create_dir(bench.sample.path("uboot")).unwrap();
    let object = bench.built(&["--server", "127.0.0.2"]);
    assert_eq!(object_paths(&object), ["boot.scr", "boot.scr.uimg", "env.txt"]);
    assert!(object["warnings"].to_string().contains("config.txt"), "{object}");
}

#[test]
fn check_tells_where_everything_goes() {
    let bench = Bench::new(&["--boot-size", "20", "--root-size", "8", "--files", "1"]);
    let check = |arguments: &[&str]| {
        output(common::piprov().args(["card", "check"]).arg(&bench.sample.image).args(arguments))
    };
    let told = check(&["--card-size", "8GB"]);
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.status.success(), "{}", stderr(&told));
    for want in [
        "image   sample.img (raw), 36 MiB raw, MBR 35c84628",
        "   1    2         8 MiB        44 MiB      20 MiB  FAT32 (0c)",
        "   2    3        28 MiB        64 MiB       8 MiB  Linux (83)",
        "+ console=serial0,115200 console=tty1 root=PARTUUID=35c84628-03 rootfstype",
        "- PARTUUID=35c84628-01  /boot/firmware",
        "+ PARTUUID=35c84628-02  /boot/firmware",
        "card    72 MiB (75497472 bytes) or more",
        "fits    yes",
    ] {
        assert!(text.contains(want), "`{want}` is missing in:\n{text}");
    }
    let object: Value = serde_json::from_slice(&check(&["--json"]).stdout).unwrap();
    assert_eq!(object["fits"], true);
    assert_eq!(object["card_size"].as_u64(), Some(72 * MIB));
    assert_eq!(object["partitions"][1]["card_number"].as_u64(), Some(3));
    assert_eq!(object["rewrites"][0]["file"], "cmdline.txt");
    let small = check(&["--card-size", "64M", "--json"]);
    assert_eq!(small.status.code(), Some(65));
    let object: Value = serde_json::from_slice(&small.stdout).unwrap();
    assert_eq!((&object["event"], object["code"].as_u64()), (&Value::from("error"), Some(65)));
    let moved = check(&["--uboot-start", "8MiB", "--uboot-size", "100MiB"]);
    assert!(String::from_utf8_lossy(&moved.stdout).contains("100 MiB towards the end"));
}

#[test]
fn a_build_that_is_killed_leaves_the_old_card_and_the_next_one_clears_up() {
    let bench = Bench::new(&[]);
    let room = bench.sample.path("cards");
    std::fs::create_dir(&room).unwrap();
    let card = room.join("card.img");
    std::fs::write(&card, "precious").unwrap();
    let build = || {
        let mut command = common::piprov();
        command.args(["card", "build", "--force", "--image"]).arg(&bench.sample.image);
        command.arg("--uboot").arg(bench.sample.path("uboot")).arg("-o").arg(&card);
        command
    };
    let names = || {
        let entries = std::fs::read_dir(&room).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    let mut child = build().spawn().unwrap();
    while names().len() < 2 && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(std::fs::read(&card).unwrap(), b"precious");
    assert!(names().iter().any(|name| name.starts_with(".piprov-new-")), "{:?}", names());
    run(&mut build());
    assert_eq!(names(), ["card.img"]);
    assert!(std::fs::metadata(&card).unwrap().len() > MIB);
}
