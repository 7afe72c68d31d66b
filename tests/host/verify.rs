//! `piprov verify` as people call it.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::common;
use crate::disks;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use disks::{Disk, LEN, P1, P2};
use serde_json::Value;
use sha2::{Digest, Sha256};

fn flip(disk: &Disk, name: &str, at: u64) {
    let file = File::options().read(true).write(true).open(disk.path(name)).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0xff], at).unwrap();
}

#[test]
fn a_device_is_equal_to_every_packing_of_its_image() {
    let mut disk = Disk::new();
    let packed = disk.pack_all();
    packed.iter().chain(&["disk.img"]).for_each(|name| disk.remember(name));
    // A card is longer than the image, and has something there.
    let mut card = disk.raw.clone();
    card.extend(disks::noise(1 << 20));
    fs::write(disk.path("card"), &card).unwrap();
    for name in packed.iter().chain(&["disk.img"]) {
        let ran = disk.run(&["verify", name, "--device", "card"]).ok();
        assert!(ran.out.starts_with(&format!("card: equal to {name}, 6.00 MiB")), "{}", ran.out);
    }
    disk.run_with_stdin(&["verify", "-", "--device", "card"], "one.xz").ok();
    disk.assert_untouched();
}

#[test]
fn the_first_difference_is_named_with_its_partition() {
    let disk = Disk::new();
    for (at, place) in [
        (0, "outside every partition"),
        (P1 - 1, "outside every partition"),
        (P1, "0 bytes into partition 1"),
        (P2 + 1_500_000, "1.43 MiB (1500000 bytes) into partition 2"),
        (LEN - 1, "outside every partition"),
    ] {
        fs::write(disk.path("card"), &disk.raw).unwrap();
        flip(&disk, "card", at as u64);
        if at + 5000 < LEN {
            flip(&disk, "card", at as u64 + 5000);
        }
        let ran = disk.run(&["verify", "disk.img", "--device", "card"]);
        let line = format!("card differs from disk.img at byte {at} (block {}), {place}\n", at / 512);
        let byte = disk.raw[at];
        let ran = ran.finds(1, &line).finds(1, &format!("  expected  {byte:02x}"));
        let ran = ran.finds(1, &format!("  read      {:02x}", byte ^ 0xff));
        assert!(ran.err.contains("hint:"), "{}", ran.err);
        let object = disk.run(&["verify", "disk.img", "--device", "card", "--json"]);
        let object: Value = serde_json::from_str(&object.finds(1, "").out).unwrap();
        assert_eq!((&object["equal"], &object["offset"]), (&Value::from(false), &Value::from(at)));
    }
}

#[test]
fn what_is_written_to_while_it_is_compared_proves_nothing() {
    let disk = Disk::new();
    // Long enough that something is written between the beginning and the end.
    for name in ["one.img", "other.img"] {
        fs::write(disk.path(name), &disk.raw).unwrap();
        File::options().write(true).open(disk.path(name)).unwrap().set_len(600 << 20).unwrap();
    }
    let sum = "0".repeat(64);
    for (written, compare, told) in [
        ("one.img", &["--device", "other.img"][..], "one.img: the image was changed while it was read"),
        ("one.img", &["--sha256", &sum], "one.img: the image was changed while it was read"),
        ("other.img", &["--device", "other.img"], "other.img: the file was changed while it was compared"),
    ] {
        let file = File::options().write(true).open(disk.path(written)).unwrap();
        let (over, ended) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let first = &disk.raw[..1];
            scope.spawn(move || {
                while ended.recv_timeout(Duration::from_millis(5)) == Err(RecvTimeoutError::Timeout) {
                    // The same byte: what is read is equal.
                    file.write_all_at(first, 0).unwrap();
                }
            });
            let ran = disk.run(&[&["verify", "one.img"], compare].concat());
            drop(over);
            ran.fails(65, told);
        });
    }
}

#[test]
fn an_offset_and_a_device_that_is_too_short() {
    let disk = Disk::new();
    // With and without the alignment that reading past the cache wants.
    for offset in [4096usize, 512, 4_194_304, 777] {
        let mut card = disks::noise(offset);
        card.extend(&disk.raw);
        fs::write(disk.path("card"), &card).unwrap();
        disk.run(&["verify", "disk.img", "--device", "card", "--offset", &offset.to_string()]).ok();
        flip(&disk, "card", (offset + 600_000) as u64);
        disk.run(&["verify", "disk.img", "--device", "card", "--offset", &offset.to_string()])
            .finds(1, &format!("at byte 600000 (block 1171), byte {} of the device", offset + 600_000));
    }
    fs::write(disk.path("card"), &disk.raw[..LEN - 1]).unwrap();
    disk.shell("gzip", "gzip -k disk.img");
    disk.run(&["verify", "disk.img", "--device", "card"])
        .finds(1, "card is too short: 6.00 MiB (6291555 bytes) of the image's 6.00 MiB (6291556 bytes)");
    // Where the length of the image isn't known before, the end is still found.
    disk.run(&["verify", "disk.img.gz", "--device", "card"]).finds(1, "6291555 bytes");
    disk.run(&["verify", "disk.img", "--device", "card", "--offset", "1G"]).finds(1, "too short: 0 bytes");
}

#[test]
fn what_cannot_be_compared() {
    let disk = Disk::new();
    disk.shell("xz-utils", "xz -0 -c disk.img > whole.xz; head -c 4000000 whole.xz > cut.xz");
    disk.run(&["verify", "disk.img", "--device", "missing"]).fails(66, "missing: opening: No such file");
    disk.run(&["verify", "missing", "--device", "disk.img"]).fails(66, "missing: opening");
    disk.run(&["verify", "disk.img", "--device", "/dev/null"]).fails(65, "neither a block device nor a file");
    std::os::unix::fs::symlink("disk.img", disk.path("other.img")).unwrap();
    disk.run(&["verify", "disk.img", "--device", "other.img"]).fails(2, "is the image itself");
    disk.shell("coreutils", "mkfifo pipe");
    disk.run(&["verify", "disk.img", "--device", "pipe"]).fails(65, "neither a block device nor a file");
    disk.run(&["verify", "cut.xz", "--device", "disk.img"]).fails(65, "damaged xz data at byte 4000000");
    disk.run(&["verify", "disk.img"]).fails(2, "--device <PATH>");
    disk.run(&["verify", "disk.img", "--offset", "1", "--sha256", "x"]).fails(2, "cannot be used with");
    disk.run(&["verify", "disk.img", "--parts", "."]).fails(66, "manifest.json: opening");
    disk.run(&["verify", "disk.img", "--report", "disk.img"]).fails(65, "no report");
    // Which errors root doesn't get, somebody else does.
    let script =
        "chmod 0 closed; setpriv --reuid=65534 --clear-groups \"$0\" verify disk.img --device closed";
    fs::write(disk.path("closed"), "x").unwrap();
    fs::set_permissions(disk.dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    common::copied(&disk.path("piprov"));
    let script = if rustix::process::geteuid().is_root() {
        script.to_owned()
    } else {
        "chmod 0 closed; \"$0\" verify disk.img --device closed".to_owned()
    };
    let mut command = std::process::Command::new("bash");
    common::clean(&mut command);
    command.current_dir(disk.dir.path()).args(["-c", &script, "./piprov"]);
    disks::Ran::new(command.output().unwrap()).fails(77, "closed: opening: Permission denied");
}

#[test]
fn parts_are_compared_with_the_image() {
    let disk = Disk::new();
    disk.shell("xz-utils", "xz -0 -k disk.img; (cat disk.img; echo) > longer.img");
    for format in ["raw", "gz"] {
        disk.run(&[
            "split-image",
            "disk.img",
            "-o",
            format,
            "--part-size",
            "2M",
            "--format",
            format,
            "--skip",
            "auto",
        ])
        .ok();
        let ran = disk.run(&["verify", "disk.img.xz", "--parts", format]).ok();
        assert!(
            ran.out.starts_with(&format!("3 parts in {format}: equal to disk.img.xz, 5.00 MiB")),
            "{}",
            ran.out
        );
    }
    disk.run(&["verify", "longer.img", "--parts", "raw"])
        .fails(65, "these are parts of another image: of disk.img");
    flip(&disk, "raw/rpi_image_part_1", 100);
    disk.run(&["verify", "disk.img", "--parts", "raw"])
        .finds(1, &format!("raw/rpi_image_part_1 differs from disk.img at byte {}", P1 + (2 << 20) + 100));
    flip(&disk, "raw/rpi_image_part_1", 100);
    let last = disk.path("raw/rpi_image_part_2");
    let len = fs::metadata(&last).unwrap().len();
    flip(&disk, "raw/rpi_image_part_2", len - 1);
    disk.run(&["verify", "disk.img", "--parts", "raw"]).finds(1, "goes on behind the bytes of the image");
    File::options().write(true).open(&last).unwrap().set_len(1000).unwrap();
    disk.run(&["verify", "disk.img", "--parts", "raw"])
        .finds(1, &format!("ends at byte {}", P1 + (4 << 20) + 1000));
    fs::remove_file(&last).unwrap();
    disk.run(&["verify", "disk.img", "--parts", "raw"]).fails(66, "rpi_image_part_2: opening");
    flip(&disk, "gz/rpi_image_part_0.gz", 1000);
    assert_ne!(disk.run(&["verify", "disk.img", "--parts", "gz"]).code, 0);
}

#[test]
fn digests_of_the_file_and_of_the_raw_image_are_told_apart() {
    let disk = Disk::new();
    disk.shell(
        "xz-utils",
        "xz -0 -k disk.img; sha256sum disk.img disk.img.xz > SHA256SUMS; cp disk.img.xz other.xz",
    );
    let hex =
        |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (raw, file) = (hex(&disk.raw), hex(&fs::read(disk.path("disk.img.xz")).unwrap()));
    disk.run(&["verify", "disk.img", "--sha256", &raw.to_uppercase()])
        .finds(0, "disk.img: the sha256 matches");
    disk.run(&["verify", "disk.img.xz", "--sha256", &raw])
        .finds(0, "of the raw image (not of the file) matches");
    disk.run(&["verify", "disk.img.xz", "--sha256", &file])
        .finds(0, "of the file (not of the raw image) matches");
    disk.run(&["verify", "disk.img.xz", "--sha256", "SHA256SUMS"]).finds(0, "of the file");
    disk.run(&["verify", "disk.img", "--sha256", "SHA256SUMS"]).finds(0, "the sha256 matches");
    disk.run(&["verify", "other.xz", "--sha256", "SHA256SUMS"]).fails(65, "but none for `other.xz`");
    let ran =
        disk.run(&["verify", "disk.img.xz", "--sha256", &"0".repeat(64)]).finds(65, "a different sha256");
    assert!(ran.out.contains(&raw) && ran.out.contains(&file), "{}", ran.out);
    disk.run(&["verify", "disk.img", "--sha256", &raw[..63]]).fails(2, "63 hexadecimal digits");
    disk.run(&["verify", "disk.img", "--sha256", "no-such-file"]).fails(66, "no-such-file: opening");
}

#[test]
fn a_number_of_bytes_is_no_verification() {
    let disk = Disk::new();
    let count = |value: u32| fs::write(disk.path("OK"), value.to_le_bytes()).unwrap();
    let (whole, skipped) = (LEN as u32, 4u32 << 20);
    count(whole - skipped);
    disk.run(&["verify", "disk.img", "--report", "OK"])
        .finds(1, "not verified: only a number of bytes was reported, which matches disk.img")
        .fails(1, "--accept-count");
    disk.run(&["verify", "disk.img", "--report", "OK", "--accept-count"]).finds(0, "accepted");
    count(whole - skipped - 100);
    disk.run(&["verify", "disk.img", "--report", "OK", "--accept-count"])
        .finds(1, "the last 100 bytes of disk.img fill no whole block, and the board left them out");
    count(12345);
    disk.run(&["verify", "disk.img", "--report", "OK", "--accept-count"]).finds(
        1,
        &format!("the board wrote 12345 bytes, disk.img without its first 4 MiB has {}", whole - skipped),
    );
    // Modulo 2^32, as the original counts.
    let large = File::create(disk.path("large.img")).unwrap();
    large.set_len((5 << 30) + 4096).unwrap();
    count((1 << 30) + 4096 - skipped);
    disk.run(&["verify", "large.img", "--report", "OK", "--accept-count"]).ok();
    fs::write(disk.path("OK"), b"{\"schema\": 1}").unwrap();
    disk.run(&["verify", "disk.img", "--report", "OK"]).fails(65, "no record of a run");
}
