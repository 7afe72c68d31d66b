//! `piprov split-image` as people call it.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::common;
use crate::disks;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::piprov;
use disks::{Disk, LEN, P1, Ran};
use serde_json::Value;
use sha2::{Digest, Sha256};

fn manifest(disk: &Disk, dir: &str) -> Value {
    serde_json::from_slice(&fs::read(disk.path(dir).join("manifest.json")).unwrap()).unwrap()
}

/// The bytes of all parts, one after the other, unpacked where they are packed.
fn joined(disk: &Disk, dir: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in manifest(disk, dir)["parts"].as_array().unwrap() {
        let path = disk.path(dir).join(part["name"].as_str().unwrap());
        let file = fs::read(&path).unwrap();
        assert_eq!(file.len() as u64, part["file_length"].as_u64().unwrap());
        let mut raw = Vec::new();
        if path.extension().is_some() {
            // Reads one member only: more would be left over.
            let mut decoder = flate2::bufread::GzDecoder::new(&file[..]);
            decoder.read_to_end(&mut raw).unwrap();
            assert!(decoder.into_inner().is_empty());
            assert_eq!(file[4..8], [0; 4], "the time in the header");
        } else {
            raw = file;
        }
        assert_eq!(raw.len() as u64, part["padded_length"].as_u64().unwrap());
        assert_eq!(raw.len() as u64, part["count"].as_u64().unwrap() * 512);
        assert_eq!(part["offset"].as_u64().unwrap(), part["block"].as_u64().unwrap() * 512);
        assert_eq!(format!("{:08x}", crc32fast::hash(&raw)), part["crc32"].as_str().unwrap());
        bytes.extend(raw);
    }
    bytes
}

fn padded(raw: &[u8]) -> Vec<u8> {
    let mut bytes = raw.to_vec();
    bytes.resize(raw.len().next_multiple_of(512), 0);
    bytes
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_packing_gives_the_same_parts_and_stays_as_it_was() {
    let mut disk = Disk::new();
    let packed = disk.pack_all();
    disk.remember("disk.img");
    packed.iter().for_each(|name| disk.remember(name));
    let ran = disk.run(&["split-image", "disk.img", "--part-size", "1M"]).ok();
    assert!(ran.out.starts_with("rpi_image_part_0         1 MiB  block 0          crc32 "), "{}", ran.out);
    assert!(
        ran.out.contains("7 parts in disk.parts, 6.00 MiB of disk.img, read back and equal"),
        "{}",
        ran.out
    );
    assert!(ran.err.contains("padded with 412 zero bytes"), "{}", ran.err);
    let wanted = manifest(&disk, "disk.parts");
    assert_eq!(wanted["image"]["raw_sha256"], hex(&disk.raw));
    assert_eq!(wanted["image"]["table"]["id"], "35c84628");
    assert_eq!(wanted["image"]["table"]["partitions"][1]["start"], disks::P2);
    assert!(joined(&disk, "disk.parts") == padded(&disk.raw));
    for name in packed {
        let dir = format!("{name}.out");
        disk.run(&["split-image", name, "-o", &dir, "--part-size", "1MiB"]).ok();
        let manifest = manifest(&disk, &dir);
        assert_eq!(manifest["parts"], wanted["parts"], "{name}");
        assert_eq!(manifest["image"]["raw_sha256"], wanted["image"]["raw_sha256"], "{name}");
        assert_eq!(manifest["image"]["file_sha256"], hex(&fs::read(disk.path(name)).unwrap()), "{name}");
        // The same through a pipe.
        let dir = format!("{name}.stdin");
        disk.run_with_stdin(&["split-image", "-", "-o", &dir, "--part-size", "1048576"], name).ok();
        assert_eq!(self::manifest(&disk, &dir)["parts"], wanted["parts"], "{name}");
    }
    disk.run_with_stdin(&["split-image", "-", "-o", "raw.stdin", "--part-size", "1M"], "disk.img").ok();
    assert_eq!(manifest(&disk, "raw.stdin")["parts"], wanted["parts"]);
    disk.assert_untouched();
}

#[test]
fn gzip_parts_are_reproducible_and_other_tools_read_them() {
    let disk = Disk::new();
    let arguments = ["split-image", "disk.img", "--format", "gz", "--part-size", "2500KiB"];
    disk.run(&[&arguments[..], &["-o", "a"]].concat()).ok();
    disk.run(&[&arguments[..], &["-o", "b"]].concat()).ok();
    assert_eq!(
        disk.list("a"),
        ["manifest.json", "rpi_image_part_0.gz", "rpi_image_part_1.gz", "rpi_image_part_2.gz"]
    );
    for name in disk.list("a") {
        let (a, b) = (disk.path("a").join(&name), disk.path("b").join(&name));
        assert!(fs::read(a).unwrap() == fs::read(b).unwrap(), "{name}");
    }
    assert!(joined(&disk, "a") == padded(&disk.raw));
    disk.shell("gzip", "gzip -t a/*.gz && gzip -dc a/*_0.gz a/*_1.gz a/*_2.gz | head -c $(stat -c %s disk.img) | cmp - disk.img");
}

#[test]
fn skipping_up_to_the_first_partition() {
    let disk = Disk::new();
    let ran = disk.run(&["split-image", "disk.img", "--skip", "auto", "-o", "auto"]).ok();
    assert!(ran.err.contains("the first 1 MiB of the image are in no part"), "{}", ran.err);
    assert!(joined(&disk, "auto") == padded(&disk.raw[P1..]));
    let parts = manifest(&disk, "auto");
    assert_eq!((&parts["skip"], &parts["parts"][0]["block"]), (&Value::from(P1), &Value::from(2048)));
    disk.run(&["split-image", "disk.img", "--skip", "4096", "-o", "bytes"]).ok();
    assert!(joined(&disk, "bytes") == padded(&disk.raw[4096..]));
    fs::write(disk.path("plain.img"), vec![1; 5000]).unwrap();
    disk.run(&["split-image", "plain.img", "--skip", "auto"]).fails(65, "there is no partition table");
    disk.run(&["split-image", "plain.img", "--skip", "1M"]).fails(65, "but the image has only 5000");
    assert_eq!(disk.list("."), ["auto", "bytes", "disk.img", "plain.img"]);
}

#[test]
fn more_than_ten_parts_have_plain_numbers() {
    let disk = Disk::new();
    let ran = disk.run(&["split-image", "disk.img", "--part-size", "512KiB", "-o", "d"]).ok();
    let names = disk.list("d");
    assert_eq!(names.len(), 14);
    assert!(
        names.contains(&"rpi_image_part_12".to_owned()) && !names.contains(&"rpi_image_part_00".to_owned())
    );
    assert!(ran.err.contains("a recovery card of the original kind fetches only 0 to 9"), "{}", ran.err);
    assert!(joined(&disk, "d") == padded(&disk.raw));
    disk.run(&["split-image", "disk.img", "--part-size", "100", "-o", "e"]).fails(2, "not a multiple of 512");
}

#[test]
fn a_sparse_image_of_more_than_four_gib_stays_sparse() {
    let disk = Disk::new();
    let image = File::create(disk.path("large.img")).unwrap();
    let len = (4u64 << 30) + (600 << 20) + 7;
    image.set_len(len).unwrap();
    for at in [0, (1 << 30) + 5, (4 << 30) - 3, (4 << 30) + (100 << 20)] {
        image.write_all_at(b"something here", at).unwrap();
    }
    let ran = disk.run(&["split-image", "large.img", "--json"]).ok();
    let objects: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 8);
    assert_eq!(objects[7]["event"], "split");
    assert_eq!((&objects[7]["parts"], &objects[7]["padding"]), (&Value::from(7), &Value::from(505)));
    assert_eq!(objects[6]["part"]["offset"], 6 * 786_432_000u64);
    let mut total = 0;
    for n in 0..7 {
        let meta = fs::metadata(disk.path("large.parts").join(format!("rpi_image_part_{n}"))).unwrap();
        assert!(meta.blocks() * 512 < 1 << 20, "part {n} takes {} KiB", meta.blocks() / 2);
        total += meta.len();
    }
    assert_eq!(total, len + 505);
    let part = File::open(disk.path("large.parts/rpi_image_part_5")).unwrap();
    let mut found = [0; 14];
    part.read_exact_at(&mut found, (4 << 30) + (100 << 20) - 5 * 786_432_000).unwrap();
    assert_eq!(&found, b"something here");
}

#[test]
fn bad_images_end_with_their_code_and_leave_nothing() {
    let disk = Disk::new();
    disk.pack_all();
    disk.shell("coreutils", "rm -f note.txt; head -c 3000000 blocks.xz > cut.img.xz; cp one.gz named.img.xz");
    disk.shell("coreutils", "cp disk.img lie.img.xz; : > empty.img; (cat one.xz; echo garbage) > behind.xz");
    disk.shell(
        "zip",
        "cp disk.img other.img; zip -q two.zip disk.img other.img; tar -cf a.tar disk.img; gzip -kf a.tar",
    );
    let before = disk.list(".");
    for (name, text) in [
        ("cut.img.xz", "damaged xz data at byte 3000000 of the file"),
        ("lie.img.xz", "named like xz data, but it starts with"),
        ("empty.img", "the image is empty"),
        ("behind.xz", "something else behind the end"),
        ("two.zip", "2 files in the zip archive could be the image: `disk.img`, `other.img`"),
        ("a.tar", "this is a tar archive"),
        ("a.tar.gz", "inside the gz data: this is a tar archive"),
    ] {
        disk.run(&["split-image", name, "-o", "out"]).fails(65, text).fails(65, "hint:");
        // Whatever the way in.
        disk.run_with_stdin(&["split-image", "-", "-o", "out"], name)
            .fails(if name == "lie.img.xz" { 0 } else { 65 }, "");
        let _ = fs::remove_dir_all(disk.path("out"));
    }
    disk.run(&["split-image", "named.img.xz", "-o", "gone"]).ok();
    fs::remove_dir_all(disk.path("gone")).unwrap();
    disk.run(&["split-image", "missing.img"]).fails(66, "missing.img: opening: No such file");
    disk.run(&["split-image", "."]).fails(65, "this is a directory");
    disk.run(&["split-image", "-"]).fails(2, "Give a directory for the parts with -o");
    assert_eq!(disk.list("."), before);
}

#[test]
fn nothing_is_replaced_without_being_told_and_the_image_never() {
    let mut disk = Disk::new();
    disk.remember("disk.img");
    disk.run(&["split-image", "disk.img", "-o", "d", "--part-size", "1M"]).ok();
    disk.run(&["split-image", "disk.img", "-o", "d"])
        .fails(73, "it is there already, and 7 more")
        .fails(73, "--force");
    assert_eq!(disk.list("d").len(), 8);
    fs::write(disk.path("d/mine"), "kept").unwrap();
    // Fewer parts than before: the old ones behind the last must not be fetched.
    disk.run(&["split-image", "disk.img", "-o", "d", "--part-size", "4M", "--force"]).ok();
    assert_eq!(disk.list("d"), ["manifest.json", "mine", "rpi_image_part_0", "rpi_image_part_1"]);
    assert!(joined(&disk, "d") == padded(&disk.raw));
    // The directory of the image itself, and an image that has the name of a part.
    disk.run(&["split-image", "disk.img", "-o", "."]).ok();
    fs::create_dir(disk.path("own")).unwrap();
    fs::write(disk.path("own/rpi_image_part_0"), &disk.raw).unwrap();
    disk.remember("own/rpi_image_part_0");
    for force in [&[][..], &["--force"]] {
        let arguments = [&["split-image", "own/rpi_image_part_0", "-o", "own"][..], force].concat();
        disk.run(&arguments).fails(73, "this is the image itself");
    }
    disk.run(&["split-image", "own/rpi_image_part_0", "-o", "e"]).ok();
    assert_eq!(disk.list("own"), ["rpi_image_part_0"]);
    disk.assert_untouched();
}

#[test]
fn directories_that_cannot_be_written() {
    let disk = Disk::new();
    disk.run(&["split-image", "disk.img", "-o", "no/such/dir"]).fails(73, "creating the directory");
    disk.run(&["split-image", "disk.img", "-o", "disk.img"]).fails(73, "this is not a directory");
    // Not even root makes directories there.
    disk.run(&["split-image", "disk.img", "-o", "/sys/piprov.parts"]).fails(77, "creating the directory");
    disk.shell("gzip", "gzip -k disk.img");
    disk.run(&["split-image", "disk.img.gz", "--spool-dir", "nowhere"]).fails(73, "creating the spool");
    assert_eq!(disk.list("."), ["disk.img", "disk.img.gz"]);
}

#[test]
fn a_full_disk_ends_it_with_a_hint_and_leaves_nothing() {
    let disk = Disk::new();
    // A file system of its own, in namespaces of its own, so that no root is needed.
    let script = "mkdir small && mount -t tmpfs -o size=3m none small && cd small && \
                  { \"$0\" split-image ../disk.img -o out; echo code $?; ls -A . >&2; \
                  \"$0\" split-image ../disk.img.gz -o ../out --spool-dir .; echo code $?; }";
    disk.shell("gzip", "gzip -k disk.img");
    let mut command = std::process::Command::new("unshare");
    common::clean(&mut command);
    let output = command
        .current_dir(disk.dir.path())
        .args(["--map-root-user", "--mount", "bash", "-c", script, env!("CARGO_BIN_EXE_piprov")])
        .output()
        .unwrap_or_else(|error| panic!("unshare: {error}; apt-get install util-linux"));
    let ran = Ran::new(output).finds(0, "code 74\ncode 74\n");
    assert!(ran.err.contains("out/.piprov-split-") && ran.err.contains("No space left"), "{ran:?}");
    assert!(ran.err.contains("writing the spool for the unpacked image: No space left"), "{ran:?}");
    assert!(ran.err.contains("Make room") && ran.err.contains("--spool-dir"), "{ran:?}");
    assert!(!ran.err.lines().any(|line| line == "out"), "{ran:?}");
    assert!(!disk.path("out").exists());
}

#[test]
fn a_dry_run_says_the_same_and_touches_nothing() {
    let disk = Disk::new();
    let ran = disk.run(&["split-image", "disk.img", "-n", "--part-size", "4M"]).ok();
    assert_eq!(
        ran.out,
        "would write rpi_image_part_0         4 MiB  block 0        \n\
         would write rpi_image_part_1      2.00 MiB  block 8192     \n\
         would write 2 parts to disk.parts\n"
    );
    assert_eq!(disk.list("."), ["disk.img"]);
    disk.run(&["split-image", "disk.img", "--part-size", "4M"]).ok();
    disk.run(&["split-image", "disk.img", "-n"]).fails(73, "it is there already");
}

#[test]
fn ctrl_c_leaves_nothing_half() {
    for format in ["raw", "gz"] {
        let disk = Disk::new();
        let mut child = piprov()
            .current_dir(disk.dir.path())
            .args(["split-image", "-", "-o", "out", "--part-size", "1M", "--format", format])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // More than a part is on its way, and the pipe stays open.
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&disk.raw).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let written = || {
            let hidden = fs::read_dir(disk.path("out")).ok()?.next()?.ok()?.path();
            fs::read_dir(hidden).ok().map(|parts| parts.count() >= 2)
        };
        while written() != Some(true) {
            assert!(Instant::now() < deadline, "no part was begun");
            std::thread::yield_now();
        }
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let output = child.wait_with_output().unwrap();
        Ran::new(output).fails(130, "stopped before the end");
        assert_eq!(disk.list("."), ["disk.img"], "{format}");
        drop(stdin);
    }
}

#[test]
fn tables_that_other_tools_made() {
    let disk = Disk::new();
    let path = disk.path("gpt.img");
    File::create(&path).unwrap().set_len(64 << 20).unwrap();
    let name = path.display().to_string();
    disks::pipe(
        "sgdisk",
        "gdisk",
        &["-n", "1:8192:+8M", "-c", "1:boot", "-t", "1:ef00", "-n", "2:0:0", "-c", "2:wurzel", &name],
        b"",
    );
    disk.run(&["split-image", "gpt.img", "--skip", "auto"]).ok();
    let table = &manifest(&disk, "gpt.parts")["image"]["table"];
    assert_eq!(
        (&table["scheme"], &table["partitions"][0]["start"]),
        (&Value::from("gpt"), &Value::from(8192 * 512))
    );
    assert_eq!(
        (&table["partitions"][1]["name"], &table["partitions"][0]["len"]),
        (&Value::from("wurzel"), &Value::from(8 << 20))
    );
    assert_eq!(table["partitions"][0]["kind"], "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
    // The first copy is damaged: the backup stands in.
    File::options().write(true).open(&path).unwrap().write_all_at(&[0; 512], 512).unwrap();
    disk.run(&["split-image", "gpt.img", "--skip", "auto", "-o", "backup"]).ok();
    assert_eq!(&manifest(&disk, "backup")["image"]["table"], table);
    // A hybrid MBR counts as GPT.
    disks::pipe("sgdisk", "gdisk", &["-e", "-h", "1:EE", &name], b"");
    disk.run(&["split-image", "gpt.img", "-o", "hybrid"]).ok();
    assert_eq!(manifest(&disk, "hybrid")["image"]["table"]["scheme"], "gpt");
    // Logical partitions, as sfdisk chains them.
    let path = disk.path("logical.img");
    File::create(&path).unwrap().set_len(64 << 20).unwrap();
    let script = "label: dos\nstart=2048,size=4096,type=c\nstart=8192,type=5\nstart=10240,size=2048\nstart=14336,size=2048\n";
    disks::pipe("sfdisk", "fdisk", &["-q", &path.display().to_string()], script.as_bytes());
    disk.run(&["split-image", "logical.img"]).ok();
    let partitions = &manifest(&disk, "logical.parts")["image"]["table"]["partitions"];
    let found: Vec<_> = partitions
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["number"].as_u64().unwrap(), p["start"].as_u64().unwrap() / 512))
        .collect();
    assert_eq!(found, [(1, 2048), (2, 8192), (5, 10240), (6, 14336)]);
    assert_eq!(disk.raw.len(), LEN);
}
