//! cmdline.txt and /etc/fstab inside images follow their partitions, judged by mtools, debugfs and fsck.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use crate::sample;

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use piprov::image::files::{Arguments, Followed, PatchedReadAt, follow, follow_with, sector_patches};
use piprov::image::read_at::ReadAt;
use piprov::image::table::{Partition, Table};
use sample::{Sample, at, ext4_cat, fat_cat, run, tool};

const MIB: u64 = 1 << 20;

fn followed(image: &Path) -> (Arc<dyn ReadAt>, Table, Followed) {
    let file: Arc<dyn ReadAt> = Arc::new(std::fs::File::open(image).unwrap());
    let table = Table::read(&*file).unwrap().unwrap();
    let numbers: BTreeMap<u32, u32> = table.partitions.iter().map(|p| (p.number, p.number + 1)).collect();
    let followed = follow(&file, &table, &numbers).unwrap();
    (file, table, followed)
}

/// Writes the changes into the image as the flash flow does: in whole blocks.
fn apply(image: &Path, base: &Arc<dyn ReadAt>, followed: &Followed) {
    let out = std::fs::File::options().write(true).open(image).unwrap();
    for (offset, bytes) in sector_patches(base, &followed.patches).unwrap() {
        assert!(offset.is_multiple_of(512) && bytes.len().is_multiple_of(512));
        out.write_all_at(&bytes, offset).unwrap();
    }
}

/// Replaces a file of the ext4 file system at `offset`.
fn ext4_put(sample: &Sample, offset: u64, path: &str, contents: &str) {
    let file = sample.file("new-file", contents);
    let script = sample.file("commands", format!("rm {path}\nwrite {} {path}\n", file.display()));
    run(Command::new("debugfs").arg("-w").arg("-f").arg(script).arg(at(&sample.image, offset)));
}

#[test]
fn both_files_follow_on_an_mbr_image_and_nothing_else_changes() {
    for arguments in [&["--p1-offset", "4"][..], &["--boot-size", "20", "--root-size", "12", "--files", "2"]]
    {
        let sample = Sample::new(arguments);
        let before = std::fs::read(&sample.image).unwrap();
        let (file, table, followed) = followed(&sample.image);
        assert_eq!(followed.notes, Vec::<String>::new());
        let (boot, root) = (table.partitions[0].start, table.partitions[1].start);
        let lines: Vec<_> =
            followed.lines.iter().map(|l| (l.file.as_str(), l.partition, l.after.as_str())).collect();
        assert_eq!(
            lines,
            [
                (
                    "cmdline.txt",
                    1,
                    "console=serial0,115200 console=tty1 root=PARTUUID=35c84628-03 rootfstype=ext4 fsck.repair=yes rootwait"
                ),
                (
                    "/etc/fstab",
                    2,
                    "PARTUUID=35c84628-02  /boot/firmware  vfat    defaults          0       2"
                ),
                (
                    "/etc/fstab",
                    2,
                    "PARTUUID=35c84628-03  /               ext4    defaults,noatime  0       1"
                ),
            ]
        );
        // Three digits, and not one byte more.
        assert_eq!(followed.patches.iter().map(|patch| patch.new.len()).sum::<usize>(), 3);
        let view = PatchedReadAt::new(Arc::clone(&file), &followed.patches);
        let mut patched = vec![0; before.len()];
        view.read_exact_at(&mut patched, 0).unwrap();
        assert_eq!(before.iter().zip(&patched).filter(|(old, new)| old != new).count(), 3);

        apply(&sample.image, &file, &followed);
        assert_eq!(std::fs::read(&sample.image).unwrap(), patched);
        assert!(fat_cat(&sample.image, boot, "cmdline.txt").contains("root=PARTUUID=35c84628-03 "));
        let fstab = ext4_cat(&sample.image, root, "/etc/fstab");
        assert!(fstab.contains("\nPARTUUID=35c84628-02  /boot/firmware"), "{fstab}");
        assert!(fstab.contains("\nPARTUUID=35c84628-03  /  "), "{fstab}");
        run(Command::new("e2fsck").args(["-fn"]).arg(at(&sample.image, root)));
    }
}

#[test]
fn on_a_gpt_only_device_names_change() {
    let sample = Sample::new(&["--gpt"]);
    let (_, table, nothing) = followed(&sample.image);
    assert_eq!((nothing.patches.len(), nothing.notes.len()), (0, 0), "{nothing:?}");
    let root = table.partitions[1].start;
    ext4_put(&sample, root, "/etc/fstab", "/dev/mmcblk0p1 /boot vfat\n/dev/mmcblk0p2 / ext4\n");
    let (file, _, followed) = followed(&sample.image);
    apply(&sample.image, &file, &followed);
    assert_eq!(
        ext4_cat(&sample.image, root, "/etc/fstab"),
        "/dev/mmcblk0p2 /boot vfat\n/dev/mmcblk0p3 / ext4\n"
    );
}

#[test]
fn a_file_in_scattered_clusters_is_followed() {
    // FAT16: without the hint of a FAT32, mtools fills the first holes.
    let sample = Sample::new(&["--boot-size", "20", "--root-size", "8", "--files", "1"]);
    let drive = format!("{}@@{}", sample.image.display(), 8 * MIB);
    let mtools = |line: &str| {
        run(Command::new("sh").arg("-c").arg(line).env("D", &drive).current_dir(sample.dir.path()))
    };
    sample.file("hole", [b'h'; 400]);
    mtools(
        "for n in 1 2 3 4 5 6; do mcopy -i $D hole ::hole$n; done; mdel -i $D ::cmdline.txt ::hole1 ::hole3 ::hole5",
    );
    // The digit that changes is the first byte of a block.
    let text = format!("{} root=PARTUUID=35c84628-02 {} x", "a".repeat(2023), "b".repeat(6000));
    assert_eq!((text.find("-02").unwrap() + 2) % 512, 0);
    sample.file("cmdline.txt", &text);
    mtools("mcopy -i $D cmdline.txt ::");
    let extents = mtools("mshowfat -i $D ::cmdline.txt");
    assert!(extents.matches('<').count() > 2, "the file should be scattered: {extents}");
    let (file, _, followed) = followed(&sample.image);
    assert_eq!(followed.notes, Vec::<String>::new());
    apply(&sample.image, &file, &followed);
    assert_eq!(fat_cat(&sample.image, 8 * MIB, "cmdline.txt"), text.replace("-02", "-03"));
}

#[test]
fn a_long_fstab_is_followed_over_blocks_and_on_ext2() {
    let many: String =
        (0..400).map(|n| format!("# line {n}\nPARTUUID=35c84628-02 /mnt/{n} ext4 ro 0 0\n")).collect();
    // ext2 keeps a list of blocks, the others extents.
    for kind in ["ext4 -b 1024", "ext4 -b 4096", "ext2 -b 1024", "ext3"] {
        let sample = Sample::new(&["--root-size", "16", "--files", "1", "--boot-size", "20"]);
        let root = 28 * MIB;
        let tree = sample.path("tree");
        std::fs::create_dir_all(tree.join("etc")).unwrap();
        // A second file with the same contents must stay as it is.
        std::fs::write(tree.join("etc/fstab.orig"), &many).unwrap();
        std::fs::write(tree.join("etc/fstab"), &many).unwrap();
        run(tool(&format!("mkfs.{kind} -q -F -E offset={root} -d")).arg(&tree).arg(&sample.image).arg("16M"));
        let (file, _, followed) = followed(&sample.image);
        assert_eq!(followed.notes, Vec::<String>::new(), "{kind}");
        assert_eq!(followed.lines.len(), 401, "{kind}");
        apply(&sample.image, &file, &followed);
        assert_eq!(ext4_cat(&sample.image, root, "/etc/fstab"), many.replace("-02", "-03"), "{kind}");
        assert_eq!(ext4_cat(&sample.image, root, "/etc/fstab.orig"), many, "{kind}");
        run(Command::new("e2fsck").args(["-fn"]).arg(at(&sample.image, root)));
    }
}

#[test]
fn an_fstab_behind_links_is_followed() {
    let sample = Sample::new(&["--root-size", "8", "--files", "1", "--boot-size", "20"]);
    let root = 28 * MIB;
    let tree = sample.path("tree");
    std::fs::create_dir_all(tree.join("etc")).unwrap();
    std::fs::create_dir_all(tree.join("usr/share/own")).unwrap();
    std::fs::write(tree.join("usr/share/own/fstab"), "/dev/mmcblk0p2 / ext4\n").unwrap();
    std::os::unix::fs::symlink("/usr/share/own", tree.join("etc/own")).unwrap();
    std::os::unix::fs::symlink("../etc/own/./fstab", tree.join("etc/fstab")).unwrap();
    run(tool(&format!("mkfs.ext4 -q -F -E offset={root} -d")).arg(&tree).arg(&sample.image).arg("8M"));
    let (file, _, followed) = followed(&sample.image);
    assert_eq!(followed.notes, Vec::<String>::new());
    apply(&sample.image, &file, &followed);
    assert_eq!(ext4_cat(&sample.image, root, "/usr/share/own/fstab"), "/dev/mmcblk0p3 / ext4\n");
}

#[test]
fn files_of_other_systems_follow_too() {
    let sample = Sample::new(&["--root-size", "8", "--files", "1", "--boot-size", "20"]);
    let root = 28 * MIB;
    sample.file("extlinux.conf", "label a\n  append root=/dev/mmcblk0p2 quiet\n");
    sample.file("autoboot.txt", "[all]\nboot_partition=1\n[tryboot]\nboot_partition=2\n");
    sample.file("other.txt", "boot=/dev/mmcblk0p1 disk=/dev/mmcblk0p2\n");
    let put =
        "mmd -i $D ::extlinux; mcopy -i $D extlinux.conf ::extlinux; mcopy -i $D autoboot.txt other.txt ::";
    let drive = format!("{}@@{}", sample.image.display(), 8 * MIB);
    run(Command::new("sh").args(["-ec", put]).env("D", &drive).current_dir(sample.dir.path()));
    let tree = sample.path("tree");
    std::fs::create_dir_all(tree.join("etc/rauc")).unwrap();
    std::fs::write(tree.join("etc/fstab"), "proc /proc proc defaults 0 0\n").unwrap();
    std::fs::write(tree.join("etc/rauc/system.conf"), "[slot.rootfs.0]\ndevice=/dev/mmcblk0p2\n").unwrap();
    run(tool(&format!("mkfs.ext4 -q -F -E offset={root} -d")).arg(&tree).arg(&sample.image).arg("8M"));
    let file: Arc<dyn ReadAt> = Arc::new(std::fs::File::open(&sample.image).unwrap());
    let table = Table::read(&*file).unwrap().unwrap();
    let names = BTreeMap::from([(1, 2), (2, 3)]).into();
    let other = Arguments { partition: 1, file: "other.txt".to_owned(), initramfs: true };
    let followed = follow_with(&file, &table, &names, &[other]).unwrap();
    assert_eq!(followed.notes, Vec::<String>::new());
    apply(&sample.image, &file, &followed);
    let fat = |path: &str| fat_cat(&sample.image, 8 * MIB, path);
    assert_eq!(fat("extlinux/extlinux.conf"), "label a\n  append root=/dev/mmcblk0p3 quiet\n");
    assert_eq!(fat("autoboot.txt"), "[all]\nboot_partition=2\n[tryboot]\nboot_partition=3\n");
    assert_eq!(fat("other.txt"), "boot=/dev/mmcblk0p2 disk=/dev/mmcblk0p3\n");
    let rauc = ext4_cat(&sample.image, root, "/etc/rauc/system.conf");
    assert_eq!(rauc, "[slot.rootfs.0]\ndevice=/dev/mmcblk0p3\n");
}

#[test]
fn encrypted_partitions_follow_and_files_with_forms_of_their_own_are_told() {
    let sample = Sample::new(&["--root-size", "8", "--files", "1", "--boot-size", "20"]);
    let root = 28 * MIB;
    let tree = sample.path("tree");
    let put = |path: &str, text: &str| {
        let path = tree.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put("etc/fstab", "/dev/mapper/sdcard / ext4 x-systemd.requires=/dev/mmcblk0p1 0 1\n");
    put("etc/crypttab", "sdcard /dev/mmcblk0p2 none luks\n");
    put("etc/mender/mender.conf", "{\n  \"RootfsPartA\": \"/dev/mmcblk0p2\",\n  \"ServerURL\": \"x\"\n}\n");
    put("etc/systemd/system/data.mount", "[Mount]\nWhat=/dev/mmcblk0p2\nWhere=/data\n");
    put("etc/systemd/system/x.swap", "[Swap]\nWhat=PARTUUID=35c84628-02\n");
    put("etc/systemd/system/x.service", "[Service]\nExecStart=/bin/x /dev/mmcblk0p2\n");
    put("etc/initramfs-tools/conf.d/resume", "RESUME=/dev/mmcblk0p2\n");
    put("etc/overlayroot.conf", "# dev=/dev/mmcblk0p1\noverlayroot=\"device:dev=/dev/mmcblk0p2\"\n");
    run(tool(&format!("mkfs.ext4 -q -F -E offset={root} -d")).arg(&tree).arg(&sample.image).arg("8M"));
    let (file, _, followed) = followed(&sample.image);
    let left = "is left as it is, and that partition gets another number.";
    assert_eq!(
        followed.notes,
        [
            "/etc/crypttab is changed; a copy of it in an initramfs keeps the old names.".to_owned(),
            format!("`x-systemd.requires=/dev/mmcblk0p1` in /etc/fstab {left}"),
            format!("`\"RootfsPartA\": \"/dev/mmcblk0p2\",` in /etc/mender/mender.conf {left}"),
            format!("`overlayroot=\"device:dev=/dev/mmcblk0p2\"` in /etc/overlayroot.conf {left}"),
            format!("`What=/dev/mmcblk0p2` in /etc/systemd/system/data.mount {left}"),
            format!("`What=PARTUUID=35c84628-02` in /etc/systemd/system/x.swap {left}"),
            format!("`RESUME=/dev/mmcblk0p2` in /etc/initramfs-tools/conf.d/resume {left}"),
        ]
    );
    apply(&sample.image, &file, &followed);
    assert_eq!(ext4_cat(&sample.image, root, "/etc/crypttab"), "sdcard /dev/mmcblk0p3 none luks\n");
    assert!(ext4_cat(&sample.image, root, "/etc/systemd/system/data.mount").contains("mmcblk0p2"));
}

#[test]
fn a_disk_that_only_a_later_file_calls_the_roots_follows_in_an_earlier_one() {
    let sample = Sample::new(&["--root-size", "8", "--files", "1", "--boot-size", "20"]);
    let root = 28 * MIB;
    let (tree, cmdline) = (sample.path("tree"), sample.path("cmdline.txt"));
    std::fs::create_dir_all(tree.join("etc")).unwrap();
    std::fs::write(tree.join("etc/fstab"), "/dev/sda2 / ext4 defaults 0 1\n").unwrap();
    std::fs::write(tree.join("etc/crypttab"), "data /dev/sda1 none luks\n").unwrap();
    std::fs::write(&cmdline, "root=PARTUUID=35c84628-02 cryptdevice=/dev/sda1:data\n").unwrap();
    run(tool(&format!("mkfs.ext4 -q -F -E offset={root} -d")).arg(&tree).arg(&sample.image).arg("8M"));
    run(tool("mcopy -o -i").arg(format!("{}@@8M", sample.image.display())).arg(&cmdline).arg("::"));
    let (file, _, followed) = followed(&sample.image);
    apply(&sample.image, &file, &followed);
    let words = fat_cat(&sample.image, 8 * MIB, "cmdline.txt");
    assert_eq!(words, "root=PARTUUID=35c84628-03 cryptdevice=/dev/sda2:data\n");
    assert_eq!(ext4_cat(&sample.image, root, "/etc/crypttab"), "data /dev/sda2 none luks\n");
    assert_eq!(ext4_cat(&sample.image, root, "/etc/fstab"), "/dev/sda3 / ext4 defaults 0 1\n");
}

#[test]
fn a_file_system_that_cannot_be_read_is_named() {
    let sample = Sample::new(&["--root-size", "8", "--files", "1", "--boot-size", "20"]);
    let out = std::fs::File::options().write(true).open(&sample.image).unwrap();
    out.write_all_at(&[0; 4096], 28 * MIB).unwrap();
    out.write_all_at(b"_BHRfS_M", 28 * MIB + 0x1_0040).unwrap();
    let (_, _, followed) = followed(&sample.image);
    let told = followed
        .notes
        .iter()
        .any(|note| note.contains("partition 2 is btrfs") && note.contains("/etc/fstab"));
    assert!(told, "{:?}", followed.notes);
}

#[test]
fn what_cannot_be_followed_is_left_and_told() {
    let sample = Sample::new(&["--root-size", "8", "--files", "1", "--boot-size", "20"]);
    let root = 28 * MIB;
    let notes = |why: &str| {
        let (_, _, followed) = followed(&sample.image);
        assert!(followed.patches.iter().all(|patch| patch.partition == 1), "{why}: {followed:?}");
        assert!(followed.notes.iter().any(|note| note.contains(why)), "{why}: {:?}", followed.notes);
    };
    run(Command::new("debugfs").args(["-w", "-R", "feature needs_recovery"]).arg(at(&sample.image, root)));
    notes("not unmounted cleanly");

    let tree = sample.path("tree");
    std::fs::create_dir_all(tree.join("etc")).unwrap();
    std::fs::write(tree.join("etc/fstab"), "/dev/mmcblk0p2 / ext4\n").unwrap();
    let mkfs = |options: &str| {
        run(tool(&format!("mkfs.ext4 -q -F {options} -E offset={root} -d"))
            .arg(&tree)
            .arg(&sample.image)
            .arg("8M"));
    };
    mkfs("-O inline_data");
    notes("its bytes from 0 on don't stand in blocks of their own");
    std::fs::remove_file(tree.join("etc/fstab")).unwrap();
    mkfs("-O ^has_journal");
    notes("No ext4 partition of the image has an /etc/fstab");
    run(Command::new("mdel").args(["-i", &format!("{}@@8M", sample.image.display()), "::cmdline.txt"]));
    notes("has no cmdline.txt");
    let out = std::fs::File::options().write(true).open(&sample.image).unwrap();
    out.write_all_at(&[0; 4096], root).unwrap();
    notes("no ext4 partition");
    out.write_all_at(&[0; 4096], 8 * MIB).unwrap();
    notes("no FAT partition");
}

#[test]
fn damaged_file_systems_neither_panic_nor_hang_nor_give_wrong_patches() {
    let sample = Sample::new(&["--boot-size", "20", "--root-size", "4", "--files", "1"]);
    let bytes = std::fs::read(&sample.image).unwrap();
    let table = Table::read(&bytes).unwrap().unwrap();
    let numbers = BTreeMap::from([(1, 2), (2, 3)]);
    let starts: Vec<_> =
        table.partitions.iter().map(|partition: &Partition| partition.start as usize).collect();
    // A fixed sequence (Knuth's MMIX generator), so that a finding can be had again.
    let mut state = 1u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut patched = 0;
    for _ in 0..400 {
        let mut broken = bytes.clone();
        for _ in 0..1 + random(12) {
            let start = starts[random(2)];
            // Mostly the structures in front.
            let reach = [64, 2048, 65536, 2 << 20][random(4)];
            broken[start + random(reach)] = random(256) as u8;
        }
        let image: Arc<dyn ReadAt> = Arc::new(broken);
        let followed = follow(&image, &table, &numbers).unwrap();
        for patch in &followed.patches {
            let mut there = vec![0; patch.old.len()];
            image.read_exact_at(&mut there, patch.image_offset).unwrap();
            assert_eq!(there, patch.old);
            assert!(patch.old.iter().all(u8::is_ascii_digit), "{patch:?}");
            patched += 1;
        }
    }
    // Most damage hits nothing that matters.
    assert!(patched > 300, "{patched}");
}
