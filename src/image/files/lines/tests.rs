use std::collections::BTreeMap;

use super::*;
use proptest::prelude::*;

fn numbers() -> NewNames {
    BTreeMap::from([(1, 2), (2, 3), (5, 5), (9, 10)]).into()
}

fn cmdline(text: &str) -> (String, Vec<String>) {
    let numbers = numbers();
    let mut names = Names::new(Some(0x35c8_4628), &numbers);
    let new = names.cmdline(text.as_bytes());
    (String::from_utf8(new).unwrap(), names.notes)
}

#[test]
fn root_follows_its_partition() {
    let cases = [
        (
            "console=tty1 root=PARTUUID=35c84628-02 rootwait\n",
            "console=tty1 root=PARTUUID=35c84628-03 rootwait\n",
        ),
        ("root=PARTUUID=35C84628-02", "root=PARTUUID=35C84628-03"),
        ("root=/dev/mmcblk0p2 ro", "root=/dev/mmcblk0p3 ro"),
        // The second behind the first.
        ("root=PARTUUID=35c84628-01/PARTNROFF=1 x", "root=PARTUUID=35c84628-03             x"),
        ("root=/dev/disk/by-partuuid/35c84628-01", "root=/dev/disk/by-partuuid/35c84628-02"),
    ];
    for (old, new) in cases {
        assert_eq!(cmdline(old), (new.to_owned(), vec![]), "{old}");
    }
}

#[test]
fn a_root_on_a_disk_of_another_name_follows_and_is_told() {
    for (old, new) in
        [("a\troot=/dev/sda1\r\n", "a\troot=/dev/sda2\r\n"), ("root=/dev/nvme0n1p2", "root=/dev/nvme0n1p3")]
    {
        let (renamed, notes) = cmdline(old);
        assert_eq!(renamed, new);
        assert!(notes.len() == 1 && notes[0].contains("taken for this image's own disk"), "{notes:?}");
    }
}

#[test]
fn other_words_follow_too() {
    for (old, new) in [
        // initramfs-tools, LibreELEC, piCore, and quotes.
        (
            "root=PARTUUID=35c84628-02 resume=PARTUUID=35c84628-02",
            "root=PARTUUID=35c84628-03 resume=PARTUUID=35c84628-03",
        ),
        ("boot=/dev/mmcblk0p1 disk=/dev/mmcblk0p2 quiet", "boot=/dev/mmcblk0p2 disk=/dev/mmcblk0p3 quiet"),
        ("tce=mmcblk0p2 x", "tce=mmcblk0p3 x"),
        ("tce=mmcblk0p2/tce", "tce=mmcblk0p3/tce"),
        ("bootdev=mmcblk0p1 datadev=mmcblk0p2", "bootdev=mmcblk0p2 datadev=mmcblk0p3"),
        ("root=\"PARTUUID=35c84628-02\" ro", "root=\"PARTUUID=35c84628-03\" ro"),
        ("root=\"/dev/mmcblk0p2\"", "root=\"/dev/mmcblk0p3\""),
        ("boot=LABEL=LIBREELEC disk=LABEL=STORAGE", "boot=LABEL=LIBREELEC disk=LABEL=STORAGE"),
    ] {
        assert_eq!(cmdline(old), (new.to_owned(), vec![]), "{old}");
    }
}

#[test]
fn a_word_that_leads_astray_is_told_with_its_file() {
    for (text, told) in [
        ("root=PARTUUID=35c84629-02", "of another disk: this image's id is 35c84628"),
        ("root=PARTUUID=35c84628-2", "behind the disk's id stand a hyphen and two digits (35c84628-02)"),
        ("root=PARTUUID=35c84628", "behind the disk's id stand a hyphen and two digits"),
        ("root=PARTUUID=35c84628-02x", "behind the disk's id stand a hyphen and two digits"),
        ("root=PARTUUID=35c84628-01/PARTNROFF=6", "names partition 7, which"),
        ("root=PARTUUID=35c84628-07", "names partition 7, which this image doesn't have"),
        ("root=PARTUUID=363b0989-d4c6-4e61-9268-8d2c61e8c8b3", "that this image doesn't have"),
        (
            "root=LABEL=x fake.root=/dev/mmcblk0p2/x",
            "in cmdline.txt is left as it is, and that partition gets",
        ),
        ("root=LABEL=x fake.root=/dev/mmcblk0p7", "names partition 7, which this image doesn't have"),
    ] {
        let (new, notes) = cmdline(text);
        assert_eq!(new, text);
        assert!(notes.len() == 1 && notes[0].contains(told) && notes[0].contains("cmdline.txt"), "{notes:?}");
    }
    let numbers = numbers();
    let mut names =
        Names::new(None, &numbers).with_guids(vec!["363b0989-d4c6-4e61-9268-8d2c61e8c8b3".to_owned()]);
    names.cmdline(b"root=PARTUUID=363B0989-d4c6-4e61-9268-8d2c61e8c8b3");
    assert!(names.notes.is_empty(), "{:?}", names.notes);
    names.cmdline(b"root=PARTUUID=35c84628-02");
    assert!(names.notes[0].contains("this image has a GPT"), "{:?}", names.notes);
}

#[test]
fn files_of_other_systems_follow() {
    let numbers = numbers();
    let mut names = Names::new(Some(0x35c8_4628), &numbers);
    let rauc = "[slot.rootfs.0]\n# device=/dev/mmcblk0p2\ndevice=/dev/mmcblk0p2\ntype=ext4\n";
    let new = "[slot.rootfs.0]\n# device=/dev/mmcblk0p2\ndevice=/dev/mmcblk0p3\ntype=ext4\n";
    assert_eq!(names.words("/etc/rauc/system.conf", rauc.as_bytes()), new.as_bytes());
    let extlinux = "label a\n  append root=/dev/mmcblk0p2 console=tty1\n";
    assert_eq!(names.words("extlinux.conf", extlinux.as_bytes()), extlinux.replace("0p2", "0p3").as_bytes());
    let autoboot = "[all]\ntryboot_a_b=1\nboot_partition=2\r\n[tryboot]\nboot_partition = 1\n";
    let new = "[all]\ntryboot_a_b=1\nboot_partition=3\r\n[tryboot]\nboot_partition = 2\n";
    assert_eq!(names.autoboot(autoboot.as_bytes()), new.as_bytes());
    assert!(names.notes.is_empty(), "{:?}", names.notes);
}

#[test]
fn what_names_no_partition_of_ours_stays() {
    for text in [
        "",
        "root=PARTUUID=35c84628-05",
        "root=/dev/mmcblk0p02 root=/dev/mmcblk0 root=/dev/ram0 root=/dev/p2 root=/dev/sd2 root=/dev/mmcblk0p root=/dev/é2",
        "root=PARTUUID=éééééééé",
    ] {
        assert_eq!(cmdline(text), (text.to_owned(), vec![]));
    }
}

#[test]
fn a_name_that_would_grow_is_left_and_told() {
    let (text, notes) = cmdline("root=/dev/mmcblk0p9 x");
    assert_eq!(text, "root=/dev/mmcblk0p9 x");
    assert!(notes[0].contains("/dev/mmcblk0p10"), "{notes:?}");
}

#[test]
fn the_first_field_of_each_line_of_fstab_follows() {
    let numbers = numbers();
    let mut names = Names::new(Some(0x35c8_4628), &numbers);
    let old = "proc /proc proc defaults 0 0\n\
               PARTUUID=35c84628-01  /boot/firmware  vfat    defaults          0       2\n\
               \tPARTUUID=\"35c84628-02\"  /  ext4 defaults,noatime 0 1\n\
               # PARTUUID=35c84628-02 / ext4\n\
               \n\
               /dev/mmcblk0p1 /mnt vfat x=PARTUUID=35c84628-02 0 0\r\n\
               /dev/sda2 /data ext4 defaults 0 0";
    let new = "proc /proc proc defaults 0 0\n\
               PARTUUID=35c84628-02  /boot/firmware  vfat    defaults          0       2\n\
               \tPARTUUID=\"35c84628-03\"  /  ext4 defaults,noatime 0 1\n\
               # PARTUUID=35c84628-02 / ext4\n\
               \n\
               /dev/mmcblk0p2 /mnt vfat x=PARTUUID=35c84628-02 0 0\r\n\
               /dev/sda2 /data ext4 defaults 0 0";
    assert_eq!(String::from_utf8(names.fstab(old.as_bytes())).unwrap(), new);
    let [sda, option] = &names.notes[..] else { panic!("{:?}", names.notes) };
    assert!(sda.contains("/dev/sda2"), "{sda}");
    let told =
        "`x=PARTUUID=35c84628-02` in /etc/fstab is left as it is, and that partition gets another number.";
    assert_eq!(option, told);
}

#[test]
fn partitions_inside_other_words_follow() {
    for (old, new) in [
        ("cryptdevice=/dev/mmcblk0p2:sdcard x", "cryptdevice=/dev/mmcblk0p3:sdcard x"),
        ("cryptdevice=PARTUUID=35c84628-02:root", "cryptdevice=PARTUUID=35c84628-03:root"),
        (
            "overlayroot=device:dev=/dev/mmcblk0p2,recurse=0",
            "overlayroot=device:dev=/dev/mmcblk0p3,recurse=0",
        ),
        ("host=PARTUUID=35C84628-02,x", "host=PARTUUID=35C84628-03,x"),
        ("vg=dev=/dev/mmcblk0p2", "vg=dev=/dev/mmcblk0p3"),
        ("fake.root=/dev/mmcblk0p1,/dev/mmcblk0p2", "fake.root=/dev/mmcblk0p2,/dev/mmcblk0p3"),
        (
            "root=/dev/disk/by-path/platform-fe340000.mmc-part2",
            "root=/dev/disk/by-path/platform-fe340000.mmc-part3",
        ),
        ("root=/dev/disk/by-id/mmc-SC16G_0x12-part1 x", "root=/dev/disk/by-id/mmc-SC16G_0x12-part2 x"),
        ("x=/dev/mmcblk0p5:y", "x=/dev/mmcblk0p5:y"),
    ] {
        assert_eq!(cmdline(old), (new.to_owned(), vec![]), "{old}");
    }
    for (text, told) in [
        ("x=/dev/mmcblk0p9:y", "would become `x=/dev/mmcblk0p10:y`, which is longer"),
        ("resume=/dev/disk/by-id/usb-A-0:0-part2", "whether that is the image's own disk isn't known"),
        ("x=/dev/disk/by-id/usb-A-0:0-part2", "whether that is the image's own disk isn't known"),
        ("root=/dev/disk/by-path/platform-fe340000.mmc-part7", "names partition 7, which"),
    ] {
        let (new, notes) = cmdline(text);
        assert!(new == text && notes.len() == 1 && notes[0].contains(told), "{new}: {notes:?}");
    }
    // A GPT has no such PARTUUID.
    let new = NewNames { becomes_gpt: true, ..numbers() };
    let mut names = Names::new(Some(0x35c8_4628), &new);
    let shorter = format!("cryptdevice=/dev/mmcblk0p5:r{} x", " ".repeat(6));
    assert_eq!(names.cmdline(b"cryptdevice=PARTUUID=35c84628-05:r x"), shorter.as_bytes());
    assert!(names.notes.is_empty(), "{:?}", names.notes);
}

#[test]
fn what_only_looks_like_a_partition_is_not_written_anew() {
    for text in [
        // A host's name, a label, what a mapper calls something, and the disk's id in another word.
        "root=/dev/mmcblk0p1 ip=10.0.0.2::10.0.0.1:255.255.255.0:mmcblk0p2:eth0:off",
        "root=/dev/mmcblk0p1 x=LABEL=mmcblk0p2",
        "root=/dev/mmcblk0p1 z=/boot@35c84628-02",
        "root=/dev/mmcblk0p1 y=/dev/mapper/mmcblk0p2",
        "root=/dev/mmcblk0p1 bcache=/dev/disk/by-id/mmc-A:/dev/disk/by-id/usb-B-part2",
    ] {
        assert_eq!(cmdline(text).0, text.replacen("0p1", "0p2", 1), "{text}");
    }
    assert_eq!(cmdline("root=/dev/mapper/mmcblk0p2").0, "root=/dev/mapper/mmcblk0p2");
    let old = "cryptdevice=/dev/mmcblk0p2:mmcblk0p2";
    assert_eq!(cmdline(old).0, "cryptdevice=/dev/mmcblk0p3:mmcblk0p2");
    let numbers = numbers();
    let mut names = Names::new(Some(0x35c8_4628), &numbers);
    let crypttab = "mmcblk0p2 UUID=1-2 none luks,initramfs\n";
    assert_eq!(names.crypttab(crypttab.as_bytes()), crypttab.as_bytes());
    let fstab = "/dev/mapper/mmcblk0p2 / ext4 defaults 0 1\n";
    assert_eq!(names.fstab(fstab.as_bytes()), fstab.as_bytes());
    assert!(names.notes.is_empty(), "{:?}", names.notes);
}

#[test]
fn what_belongs_together_follows_in_whatever_order_it_stands() {
    for (old, new) in [
        ("resume=/dev/sda1 root=/dev/sda2", "resume=/dev/sda2 root=/dev/sda3"),
        ("cryptdevice=/dev/sda1:swap root=/dev/sda2", "cryptdevice=/dev/sda2:swap root=/dev/sda3"),
    ] {
        assert_eq!(cmdline(old).0, new, "{old}");
    }
}

#[test]
fn links_to_a_card_follow_in_fstab_and_crypttab() {
    let numbers = numbers();
    let mut names = Names::new(Some(0x35c8_4628), &numbers);
    let fstab = "/dev/disk/by-path/platform-fe340000.mmc-part1 /boot vfat\n";
    assert_eq!(names.fstab(fstab.as_bytes()), fstab.replace("part1", "part2").as_bytes());
    let old = "# sdcard /dev/mmcblk0p2\nsdcard  /dev/mmcblk0p2  none luks\nb PARTUUID=35c84628-02 /key:/dev/mmcblk0p1 x\n";
    let new = "# sdcard /dev/mmcblk0p2\nsdcard  /dev/mmcblk0p3  none luks\nb PARTUUID=35c84628-03 /key:/dev/mmcblk0p2 x\n";
    assert_eq!(String::from_utf8(names.crypttab(old.as_bytes())).unwrap(), new);
    assert!(names.notes.is_empty(), "{:?}", names.notes);
}

#[test]
fn what_is_left_as_it_is_is_told_and_not_without_end() {
    let numbers = numbers();
    let told = |text: &str| {
        let mut names = Names::new(Some(0x35c8_4628), &numbers);
        names.told("/etc/x", text.as_bytes());
        names.notes
    };
    assert_eq!(
        told("[Mount]\n# What=/dev/mmcblk0p2\nWhat=/dev/mmcblk0p2\nWhere=/x\n"),
        ["`What=/dev/mmcblk0p2` in /etc/x is left as it is, and that partition gets another number."]
    );
    assert_eq!(told("\"RootfsPartA\": \"/dev/mmcblk0p2\",").len(), 1);
    assert_eq!(told("RESUME=PARTUUID=35c84628-01").len(), 1);
    assert!(told("What=/dev/mmcblk0p5\nWhat=/dev/sda2\nWhat=LABEL=a").is_empty());
    let many: String = (0..200).map(|n| format!("{n}=/dev/mmcblk0p2\n")).collect();
    assert_eq!(told(&many).len(), NOTES + 1);
}

#[test]
fn a_root_on_another_disk_makes_that_disk_ours() {
    let numbers = numbers();
    let mut names = Names::new(None, &numbers);
    names.cmdline(b"root=/dev/sda2");
    assert_eq!(names.fstab(b"/dev/sda1 /boot vfat"), b"/dev/sda2 /boot vfat");
    let mut names = Names::new(None, &numbers);
    assert_eq!(
        names.fstab(b"/dev/sdb1 /boot vfat\n/dev/sdb2 / ext4"),
        b"/dev/sdb2 /boot vfat\n/dev/sdb3 / ext4"
    );
    // On a GPT disk a PARTUUID moves with its partition.
    assert_eq!(names.fstab(b"PARTUUID=35c84628-02 / ext4"), b"PARTUUID=35c84628-02 / ext4");
}

proptest! {
    #[test]
    fn no_text_panics_or_changes_its_length(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let numbers = numbers();
        let mut names = Names::new(Some(1), &numbers);
        prop_assert_eq!(names.cmdline(&text).len(), text.len());
        prop_assert_eq!(names.fstab(&text).len(), text.len());
        prop_assert_eq!(names.autoboot(&text).len(), text.len());
        prop_assert_eq!(names.crypttab(&text).len(), text.len());
        names.told("x", &text);
    }

    #[test]
    fn no_spec_panics(spec in "(root=|tce=|x=)?\"?(PARTUUID=|/dev/|mmcblk0p|sd)[-a-z0-9é\"]{0,14}") {
        cmdline(&spec);
    }
}

#[test]
fn a_root_by_device_number_follows() {
    for (old, new) in [
        ("root=179:2 rootwait", "root=179:3 rootwait"),
        ("root=b302", "root=b303"),
        ("root=0xB301 x", "root=0xB302 x"),
        ("root=\"179:1\" resume=179:2", "root=\"179:2\" resume=179:3"),
        // Other disks', the whole card, and what is no number.
        ("root=8:2", "root=8:2"),
        ("root=802", "root=802"),
        ("root=179:0", "root=179:0"),
        ("root=179: root=:2 root=179:x root=b3 root=b30", "root=179: root=:2 root=179:x root=b3 root=b30"),
        ("quirk=b302 usb=179:2", "quirk=b302 usb=179:2"),
        ("root=179:5", "root=179:5"),
    ] {
        assert_eq!(cmdline(old), (new.to_owned(), vec![]), "{old}");
    }
    for (text, told) in [
        ("root=179:7", "`179:7` in cmdline.txt names partition 7, which this image doesn't have"),
        ("root=b304", "names partition 4, which"),
        ("root=179:9", "depends on the kernel"),
    ] {
        let (new, notes) = cmdline(text);
        assert!(new == text && notes.len() == 1 && notes[0].contains(told), "{new}: {notes:?}");
    }
}

#[test]
fn a_partition_that_is_not_there_is_told() {
    let (text, notes) = cmdline("root=/dev/mmcblk0p7 data=/dev/mmcblk0p8 boot=/dev/sda8");
    assert_eq!(text, "root=/dev/mmcblk0p7 data=/dev/mmcblk0p8 boot=/dev/sda8");
    assert_eq!(
        notes,
        [
            "`/dev/mmcblk0p7` in cmdline.txt names partition 7, which this image doesn't have.",
            "`data=/dev/mmcblk0p8` in cmdline.txt names partition 8, which this image doesn't have."
        ]
    );
}

#[test]
fn what_an_mbr_called_a_partition_becomes_a_device_on_a_gpt() {
    let new = NewNames { becomes_gpt: true, ..numbers() };
    let mut names = Names::new(Some(0x35c8_4628), &new);
    for (old, new) in [
        ("root=PARTUUID=35c84628-02 rw", "root=/dev/mmcblk0p3       rw"),
        ("root=\"PARTUUID=35c84628-01\" rw", "root=\"/dev/mmcblk0p2\"       rw"),
        // It keeps its number, and has another name nevertheless.
        ("resume=PARTUUID=35c84628-05", "resume=/dev/mmcblk0p5      "),
        ("root=/dev/mmcblk0p2", "root=/dev/mmcblk0p3"),
    ] {
        assert_eq!(String::from_utf8(names.cmdline(old.as_bytes())).unwrap(), new);
    }
    let fstab = "PARTUUID=35c84628-01  /boot vfat\nPARTUUID=\"35c84628-02\" / ext4\n/dev/disk/by-partuuid/35c84628-05 /x ext4";
    assert_eq!(
        String::from_utf8(names.fstab(fstab.as_bytes())).unwrap(),
        "/dev/mmcblk0p2        /boot vfat\n/dev/mmcblk0p3         / ext4\n/dev/mmcblk0p5                    /x ext4"
    );
    assert!(names.notes.is_empty(), "{:?}", names.notes);
}

#[test]
fn a_root_that_does_not_count_is_told() {
    let numbers = numbers();
    let told = |text: &str, initramfs| {
        let mut names = Names::new(Some(1), &numbers);
        names.check_root("cmdline.txt", text.as_bytes(), initramfs);
        names.notes
    };
    for initramfs in [true, false] {
        assert_eq!(
            told("console=tty1\r\nquiet root=/dev/mmcblk0p2 x\n", initramfs),
            ["`root=/dev/mmcblk0p2` stands in line 2 of cmdline.txt, and only the first line counts."]
        );
        assert!(told("root=/dev/mmcblk0p2\nroot=x", initramfs).is_empty());
    }
    assert!(told("quiet", false)[0].contains("has no root="));
    assert!(told("quiet", true).is_empty() && told("", true).is_empty());
    // LibreELEC's kernel has its initramfs within.
    assert!(told("boot=LABEL=LIBREELEC disk=LABEL=STORAGE quiet", false).is_empty());
}
