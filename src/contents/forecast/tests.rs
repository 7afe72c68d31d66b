use super::*;
use crate::image::table::{Entry, Scheme};
use proptest::prelude::*;

/// The first bytes of an Image for 64 bits.
fn image64() -> Vec<u8> {
    let mut head = vec![0; 200];
    head[..2].copy_from_slice(b"MZ");
    head[56..60].copy_from_slice(b"ARM\x64");
    head
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, bytes).unwrap();
    packed.finish().unwrap()
}

fn zimage() -> Vec<u8> {
    let mut head = vec![0; 100];
    head[36..40].copy_from_slice(&0x016f_2818u32.to_le_bytes());
    head
}

/// A boot partition as a list of files, with others beside it.
#[derive(Default, Clone)]
pub(super) struct Files {
    number: u32,
    names: Vec<String>,
    files: Vec<(String, Vec<u8>)>,
    others: Vec<Files>,
}

impl Files {
    pub(super) fn new(number: u32, files: &[(&str, &[u8])]) -> Self {
        let files: Vec<_> = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
        let names = files.iter().map(|(path, _)| path.split('/').next().unwrap().to_owned()).collect();
        Self { number, names, files, others: Vec::new() }
    }
}

impl BootFiles for Files {
    fn number(&self) -> u32 {
        self.number
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn head(&self, path: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        let found = self.files.iter().find(|(there, _)| there.eq_ignore_ascii_case(path));
        Ok(found.map(|(_, bytes)| bytes[..bytes.len().min(most)].to_vec()))
    }

    fn open(&self, path: &str) -> io::Result<Option<(u64, Box<dyn io::Read + '_>)>> {
        let found = self.files.iter().find(|(there, _)| there.eq_ignore_ascii_case(path));
        Ok(found.map(|(_, bytes)| (bytes.len() as u64, Box::new(&bytes[..]) as Box<dyn io::Read>)))
    }

    fn other(&self, number: u32) -> io::Result<Option<Box<dyn BootFiles + '_>>> {
        let found = self.others.iter().find(|other| other.number == number).cloned();
        Ok(found.map(|files| Box::new(files) as Box<dyn BootFiles>))
    }
}

/// A disk with a FAT partition and one for Linux.
fn disk() -> Disk {
    let partition = |number: u32, kind| {
        let (start, len) = (u64::from(number) << 20, 1 << 20);
        Partition { number, start, len, entry: Entry::Mbr { kind, bootable: false } }
    };
    let partitions = vec![partition(1, 0x0c), partition(2, 0x83), partition(3, 0x05)];
    Disk::new(&Table { scheme: Scheme::Mbr { disk_id: 0x35c8_4628 }, partitions, hybrid: false })
}

fn judged(files: &[(&str, &[u8])]) -> Forecast {
    judge(&Files::new(1, files), &disk()).unwrap()
}

fn why(files: &[(&str, &[u8])]) -> String {
    let forecast = judged(files);
    assert_eq!((forecast.starts, forecast.loads.len()), (Some(false), 0), "{forecast:?}");
    forecast.why
}

/// What Ubuntu 24.04 has in its boot partition.
fn ubuntu() -> Vec<(&'static str, Vec<u8>)> {
    let config = "[all]\nkernel=vmlinuz\ncmdline=cmdline.txt\ninitramfs initrd.img followkernel\n\n[pi4]\n\
                  max_framebuffers=2\narm_boost=1\n\n[all]\ndtparam=audio=on\ndtoverlay=vc4-kms-v3d\narm_64bit=1\n\
                  [cm4]\ndtoverlay=dwc2,dr_mode=host\n[all]\n";
    vec![
        ("config.txt", config.into()),
        ("vmlinuz", gz(&image64())),
        ("initrd.img", b"initrd".to_vec()),
        ("cmdline.txt", b"console=serial0,115200 root=LABEL=writable rootwait\n".to_vec()),
        ("bootcode.bin", vec![1]),
        ("start4.elf", vec![1]),
    ]
}

fn borrowed<'a>(files: &'a [(&'static str, Vec<u8>)]) -> Vec<(&'a str, &'a [u8])> {
    files.iter().map(|(name, bytes)| (*name, &bytes[..])).collect()
}

#[test]
fn raspberry_pi_os_is_what_the_cards_script_loads_by_itself() {
    let cmdline: &[u8] = b"console=tty1 root=PARTUUID=35c84628-02\r\nnot this\n";
    let files: &[(&str, &[u8])] = &[
        ("config.txt", b"auto_initramfs=1\narm_64bit=1\n[cm4]\notg_mode=1\n"),
        ("kernel8.img", &gz(&image64())),
        ("initramfs8", b"x"),
        ("cmdline.txt", cmdline),
        ("kernel7.img", &zimage()),
    ];
    let forecast = judged(files);
    assert_eq!((forecast.starts, forecast.by), (Some(true), By::Card), "{forecast:?}");
    let load = &forecast.loads[0];
    assert_eq!((&*load.kernel, &load.initramfs[..]), ("kernel8.img", &["initramfs8".to_owned()][..]));
    assert_eq!(load.arguments, "console=tty1 root=PARTUUID=35c84628-02");
    assert!(load.boards.is_empty() && forecast.notes.is_empty(), "{forecast:?}");
}

#[test]
fn ubuntu_boots_by_an_added_script() {
    let files = ubuntu();
    let forecast = judged(&borrowed(&files));
    assert_eq!(
        (forecast.starts, forecast.by, forecast.loads.len()),
        (Some(true), By::Added, 1),
        "{forecast:?}"
    );
    let load = &forecast.loads[0];
    assert_eq!(
        (&*load.kernel, &*load.initramfs[0], &*load.cmdline),
        ("vmlinuz", "initrd.img", "cmdline.txt")
    );
    assert!(load.arguments.contains("root=LABEL=writable"));
    // Overlays are looked at in the image; those that are there and have no parameters are U-Boot's.
    assert!(forecast.overlays.is_empty(), "{forecast:?}");
    assert_eq!(forecast.notes.len(), 3, "{forecast:?}");
    assert!(forecast.notes[0].contains("overlays/vc4-kms-v3d.dtbo, which isn't there"), "{forecast:?}");
    assert!(forecast.notes[2].contains("settings: audio=on."), "{forecast:?}");
    let overlay = crate::contents::device_tree::made::tree(
        "/ {\nfragment@0 {\n__overlay__ {\n}\n}\n__overrides__ {\ndr_mode = x\n}\n}\n",
    );
    let (three, usb) = ("overlays/vc4-kms-v3d.dtbo", "overlays/dwc2.dtbo");
    let more = [borrowed(&files), vec![(three, &overlay), (usb, &overlay)]].concat();
    let forecast = judged(&more);
    let file = OverlayFile { path: three.to_owned(), labelled: vec![] };
    let vc4 = Overlays { boards: vec![], files: vec![file] };
    assert_eq!((&forecast.overlays[..], forecast.notes.len()), (&[vc4][..], 1), "{forecast:?}");
    assert!(forecast.notes[0].contains("settings: audio=on, dwc2,dr_mode=host."), "{forecast:?}");
}

#[test]
fn a_root_that_only_an_initramfs_finds_needs_one() {
    let kernel = image64();
    let with = |cmdline: &'static [u8], more: &[(&'static str, &'static [u8])]| {
        let mut files: Vec<(&str, &[u8])> = vec![("kernel8.img", &kernel), ("cmdline.txt", cmdline)];
        files.extend_from_slice(more);
        judged(&files)
    };
    for cmdline in
        [&b"root=LABEL=writable rootwait"[..], b"root=/dev/sda1 root=UUID=1234", b"root=\"LABEL=a\""]
    {
        let forecast = with(cmdline, &[]);
        assert!(forecast.starts == Some(false) && forecast.why.contains("initramfs alone"), "{forecast:?}");
        assert_eq!(with(cmdline, &[("initramfs8", b"x")]).starts, Some(true));
    }
    // Named in config.txt, and not there.
    let config: (&str, &[u8]) = ("config.txt", b"initramfs nope.img followkernel\n");
    assert_eq!(with(b"root=LABEL=writable", &[config]).starts, Some(false));
    for alone in [
        &b"root=PARTUUID=35c84628-02"[..],
        b"root=/dev/mmcblk0p2",
        b"root=PARTUUID=deadbeef-02",
        b"root=179:2",
    ] {
        let forecast = with(alone, &[]);
        assert!(forecast.starts == Some(true) && forecast.notes.is_empty(), "{forecast:?}");
    }
    for udev in [&b"root=/dev/disk/by-label/writable"[..], b"root=/dev/mapper/vg-root"] {
        assert!(with(udev, &[]).why.contains("initramfs alone"));
    }
    let with_one = with(b"quiet", &[("initramfs8", b"x")]);
    assert!(with_one.notes[0].contains("has no root= in its first line"), "{with_one:?}");
}

#[test]
fn a_root_that_is_surely_none_is_a_reason_where_no_initramfs_knows_better() {
    let kernel = image64();
    let files = |cmdline: &'static [u8]| -> Vec<(&str, &[u8])> {
        vec![("kernel8.img", &kernel), ("cmdline.txt", cmdline)]
    };
    for (cmdline, told) in [
        (
            &b"root=/dev/mmcblk0p7 rw"[..],
            "root=/dev/mmcblk0p7 in cmdline.txt names partition 7, which the image",
        ),
        (b"root=PARTUUID=35c84628-06", "names partition 6"),
        (b"root=179:5", "names partition 5"),
        (b"root=/dev/mmcblk0p1 rootwait", "is partition 1, a FAT file system with no system on it"),
        (b"root=PARTUUID=35c84628-01 init=/linuxrc", "a FAT file system with no system"),
        (b"root=b303", "is partition 3, which is a container for other partitions"),
        (b"root=PARTUUID=35c84628-2", "behind the disk's id stand a hyphen and two digits"),
        (b"root=/dev/mmcblk0", "is the whole disk, and no partition of it"),
        (b"root=/dev/mmcblk0p02", "without a zero in front"),
        (b"root=mmcblk0p2", "it begins without /dev/"),
    ] {
        assert!(why(&files(cmdline)).contains(told), "{}", why(&files(cmdline)));
        let mut with = files(cmdline);
        with.push(("initramfs8", b"x"));
        assert_eq!(judged(&with).starts, Some(true));
    }
    // A small system may lie on FAT, and other disks aren't known here.
    let mut on_fat = files(b"root=/dev/mmcblk0p1 init=/linuxrc");
    on_fat.push(("linuxrc", b"x"));
    assert_eq!(judged(&on_fat).starts, Some(true));
    let named = judged(&files(b"root=PARTLABEL=nosuch"));
    assert!(named.starts.is_none() && named.why.contains("only if another disk has"), "{named:?}");
    for elsewhere in [&b"root=/dev/sda7"[..], b"root=PARTUUID=deadbeef-07", b"root=/dev/nfs"] {
        assert_eq!(judged(&files(elsewhere)).starts, Some(true));
    }
}

#[test]
fn a_kernel_that_is_told_no_root_starts_only_with_an_initramfs_inside() {
    let kernel = image64();
    let alone = judged(&[("kernel8.img", &kernel), ("cmdline.txt", b"quiet")]);
    assert_eq!((alone.starts, alone.by, alone.loads.len()), (None, By::Card, 1), "{alone:?}");
    assert!(alone.why.contains("cmdline.txt has no root= in its first line") && !alone.is_hopeless());
    assert!(alone.why.ends_with("only if kernel8.img has one inside"), "{alone:?}");
    let without = judged(&[("kernel8.img", &kernel)]);
    assert_eq!(without.starts, None);
    assert!(without.why.starts_with("there is no file with arguments"), "{without:?}");
    // LibreELEC's is known to have one.
    let config: &[u8] = b"kernel=kernel.img";
    let other: &[u8] = b"boot=LABEL=LIBREELEC disk=LABEL=STORAGE quiet";
    let libreelec = judged(&[("config.txt", config), ("kernel.img", &kernel), ("cmdline.txt", other)]);
    assert_eq!(
        (libreelec.starts, &*libreelec.why, libreelec.notes.len()),
        (Some(true), "", 0),
        "{libreelec:?}"
    );
    // Boards that load something else are sure.
    let config: &[u8] = b"[pi4]\ncmdline=four.txt\n";
    let files: &[(&str, &[u8])] = &[
        ("config.txt", config),
        ("kernel8.img", &kernel),
        ("cmdline.txt", b"quiet"),
        ("four.txt", b"root=/dev/mmcblk0p2"),
    ];
    assert_eq!(judged(files).starts, Some(true));
}

#[test]
fn kernels_that_are_cut_or_too_large_are_reasons() {
    let mut kernel = image64();
    kernel.extend((0..200_000u32).map(|n| (n.wrapping_mul(n) >> 7) as u8));
    let packed = gz(&kernel);
    let with = |bytes: &[u8]| judged(&[("kernel8.img", bytes), ("cmdline.txt", b"root=/dev/mmcblk0p2")]);
    assert_eq!(with(&packed).starts, Some(true));
    for len in [packed.len() - 1, packed.len() / 2, packed.len() / 4] {
        assert!(with(&packed[..len]).why.contains("kernel8.img is cut off"), "{:?}", with(&packed[..len]));
    }
    let mut damaged = packed.clone();
    let at = damaged.len() - 6;
    damaged[at] ^= 1;
    assert!(with(&damaged).why.contains("kernel8.img is damaged"), "{:?}", with(&damaged));
    // What lies behind the data isn't looked at.
    assert_eq!(with(&[&packed[..], &[0; 100]].concat()).starts, Some(true));

    let long = |len: u64| {
        let mut bytes = image64();
        bytes.resize(len as usize, 0);
        bytes
    };
    assert!(with(&gz(&long(kernel::ROOM + 1))).why.contains("unpacks to more than 96 MiB"));
    let roomy = with(&gz(&long(kernel::ROOM)));
    assert_eq!((roomy.starts, roomy.by), (Some(true), By::Added), "the card's own script has less room");
    assert_eq!(with(&long(kernel::ROOM_USUAL)).by, By::Card);
    assert!(with(&long(kernel::ROOM_PACKED + 1)).why.contains("there is room for 112 MiB"));
}

#[test]
fn an_empty_initramfs_is_none() {
    let kernel = image64();
    let files = |cmdline: &'static [u8]| -> Vec<(&str, &[u8])> {
        vec![("kernel8.img", &kernel), ("initramfs8", b""), ("cmdline.txt", cmdline)]
    };
    assert!(why(&files(b"root=LABEL=writable")).contains("initramfs alone, and none is loaded"));
    let alone = judged(&files(b"root=/dev/mmcblk0p2"));
    assert_eq!((alone.starts, alone.by, alone.loads[0].initramfs.len()), (Some(true), By::Added, 0));
    assert_eq!(alone.notes, ["initramfs8 is empty, and counts as no initramfs."]);
}

#[test]
fn words_are_cut_between_words() {
    let long = "a".repeat(75) + " clusters";
    assert!(short(&long).ends_with("a…"), "{}", short(&long));
    let error = io::Error::other("its chain of clusters ".repeat(10));
    assert!(told(&error).ends_with("clusters "), "a reason is told as a whole");
}

#[test]
fn a_prefix_counts_where_there_is_a_kernel_behind_it() {
    let kernel = image64();
    let files: Vec<(&str, &[u8])> = vec![
        ("config.txt", b"os_prefix=current/\nkernel=vmlinuz\ninitramfs initrd.img,more.img followkernel\n"),
        ("current/vmlinuz", &kernel),
        ("current/initrd.img", b"1"),
        ("current/more.img", b"2"),
        ("current/cmdline.txt", b"a"),
        ("cmdline.txt", b"b"),
    ];
    let load = &judged(&files).loads[0];
    assert_eq!(
        (&*load.kernel, &*load.cmdline, &*load.arguments),
        ("current/vmlinuz", "current/cmdline.txt", "a")
    );
    assert_eq!(load.initramfs, ["current/initrd.img", "current/more.img"]);
    let mut without = files[2..].to_vec();
    without.extend([("vmlinuz", &kernel[..]), files[0]]);
    let load = &judged(&without).loads[0];
    assert_eq!((&*load.kernel, &*load.cmdline, load.initramfs.len()), ("vmlinuz", "cmdline.txt", 0));
}

#[test]
fn filters_make_a_load_of_their_own() {
    let kernel = image64();
    let files: &[(&str, &[u8])] = &[
        ("config.txt", b"kernel=three\n[pi4]\nkernel=four\n[pi02]\nkernel=none\n[gpio4=1]\nkernel=x\n"),
        ("three", &kernel),
        ("four", &kernel),
        ("cmdline.txt", b"a"),
    ];
    let forecast = judged(files);
    let told: Vec<_> = forecast.loads.iter().map(|load| (&*load.kernel, names(&load.boards))).collect();
    assert_eq!(
        told,
        [
            ("three", "Pi 2B v1.2, Pi 3B, Pi 3B+, Pi 3A+, CM3, CM3+".to_owned()),
            ("four", "Pi 4B, Pi 400, CM4".to_owned())
        ]
    );
    let notes = forecast.notes.join("\n");
    assert!(notes.contains("It doesn't start on Zero 2 W: config.txt names the kernel none"), "{notes}");
    assert!(notes.contains("[gpio4=1]"), "{notes}");
}

#[test]
fn what_cannot_boot_says_why() {
    let kernel = image64();
    assert!(
        why(&[("kernel7l.img", &zimage()), ("config.txt", b"")])
            .contains("kernel7l.img is a kernel of 32 bits")
    );
    assert!(why(&[("kernel.img", &zimage()), ("config.txt", b"kernel=kernel.img")]).contains("32 bits"));
    // NOOBS, and PINN.
    assert!(why(&[("recovery.elf", b"x"), ("recovery.img", b"x")]).contains("NOOBS"));
    assert!(why(&[("kernel_2712.img", &kernel)]).contains("Pi 5"));
    assert!(why(&[("config.txt", b"kernel=vmlinuz\n")]).contains("vmlinuz, which isn't there"));
    assert!(why(&[("kernel8.img", b"no kernel")]).contains("no kernel of 64 bits"));
    assert!(why(&[("EFI/BOOT/x", b"x")]).contains("EFI directory"));
    assert!(why(&[("config.txt", b"boot_ramdisk=1"), ("boot.img", b"x")]).contains("boot.img"));
    assert!(why(&[("config.txt", b"kernel=u-boot.bin"), ("u-boot.bin", &kernel)]).contains("boot loader"));
    assert!(why(&[("x", b"")]).contains("there is no kernel8.img on partition 1"));
    let mut zboot = vec![0; 64];
    zboot[..8].copy_from_slice(b"MZ\0\0zimg");
    assert!(why(&[("kernel8.img", &zboot)]).contains("EFI program"));
    // What U-Boot's shell would obey.
    let evil: &[(&str, &[u8])] = &[("config.txt", b"kernel=a;reset\n"), ("a;reset", &kernel)];
    assert!(why(evil).contains("U-Boot's shell"));
}

#[test]
fn an_own_script_is_not_known_or_counts_partitions() {
    let script = |text: &str| [&[0; 72][..], text.as_bytes()].concat();
    let plain = script("load ${devtype} ${devnum}:${distro_bootpart} ${kernel_addr_r} vmlinuz\nbooti a:b\n");
    let forecast = judged(&[("boot.scr", &plain)]);
    assert_eq!((forecast.starts, forecast.by), (None, By::Image), "{forecast:?}");
    for (text, words) in [
        // Home Assistant's.
        ("part start mmc ${devnum} 6 mmc_env\n", "part start mmc ${devnum} 6"),
        ("# mmc 0:9\nload mmc ${devnum}:2 ${kernel_addr_r} Image", "${devnum}:2"),
        ("setenv bootargs \"root=/dev/mmcblk0p2 ro\"", "/dev/mmcblk0p2"),
        ("ext4load mmc 0:b 0x80000 Image", "0:b"),
        ("setenv bootargs \"root=PARTUUID=35C84628-02 ro\"", "root=PARTUUID=35C84628-02"),
        ("setenv bootargs root=/dev/mmcblk1p2", "root=/dev/mmcblk1p2"),
        ("setenv bootargs root=/dev/sda2", "root=/dev/sda2"),
        ("echo a; setenv bootargs root=/dev/sda2", "root=/dev/sda2"),
        ("if load mmc 0:2 ${a} b; then echo c; fi", "0:2"),
        ("setenv bootargs root=/dev/nvme0n1p2", "root=/dev/nvme0n1p2"),
        ("setenv bootargs root=/dev/mmcblk${devnum}p2", "root=/dev/mmcblk${devnum}p2"),
        ("setenv distro_bootpart 1\n", "setenv distro_bootpart 1"),
        ("setenv mender_boot_part 2; run x", "setenv mender_boot_part 2"),
        ("env set mender_boot_part_hex a", "set mender_boot_part_hex a"),
    ] {
        assert!(why(&[("boot.scr", &script(text))]).contains(words), "{text}");
    }
    for plain in [
        "setenv part_size 20\nsetenv distro_bootpart ${bootpart}\nsetenv bootpart 0",
        "setenv bootargs root=/dev/mmcblk0 root=PARTUUID=deadbeef-02 root=PARTUUID=${uuid} console=/dev/ttyS0",
        "setenv bootargs root=/dev/mmcblk${devnum}p${part}",
        "setenv department 5\nsetenv partlabel a\nsetenv bootpart_tries 3; setenv part_retries 2",
        "test -n \"${distro_bootpart}\" || setenv distro_bootpart 1",
        "setenv bootargs \"root=LABEL=writable datadisk=/dev/sda1\"",
        "if true; then echo \"/dev/mmcblk0p2 is damaged\"; fi",
        "load usb 0:1 ${a} rescue; load nvme 0:2 ${a} b\nsetenv t 12:05",
        "run x # was mmc 0:1",
    ] {
        assert_eq!(judged(&[("boot.scr", &script(plain))]).starts, None, "{plain}");
    }
    // Partitions keep their numbers where number 1 is free.
    let kept = Files::new(2, &[("boot.scr", &script("load mmc 0:2 ${kernel_addr_r} Image"))]);
    assert_eq!(judge(&kept, &disk()).unwrap().starts, None);
    // One of ours, on a card that is flashed anew from a copy of itself: it is made anew.
    let ours = script(MARK);
    let forecast =
        judged(&[("boot.scr", &ours), ("kernel8.img", &image64()), ("cmdline.txt", b"root=/dev/sda2")]);
    assert_eq!((forecast.starts, forecast.by), (Some(true), By::Added), "{forecast:?}");
}

#[test]
fn autoboot_leads_to_another_partition() {
    let kernel = image64();
    let mut files = Files::new(
        1,
        &[("autoboot.txt", b"[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n")],
    );
    assert!(judge(&files, &disk()).unwrap().why.contains("partition 2, and there is no such FAT"));
    files.others =
        vec![Files::new(2, &[("kernel8.img", &kernel), ("cmdline.txt", b"root=/dev/mmcblk0p2 slot=a")])];
    let forecast = judge(&files, &disk()).unwrap();
    assert_eq!((forecast.starts, forecast.by), (Some(true), By::Added));
    assert_eq!(
        (forecast.loads[0].partition, &*forecast.loads[0].arguments),
        (2, "root=/dev/mmcblk0p2 slot=a")
    );
    assert!(forecast.notes[0].contains("tryboot"), "{:?}", forecast.notes);
}

#[test]
fn kernels_are_known_by_their_bytes() {
    assert_eq!(kernel::Kernel::of(&image64()), kernel::Kernel::Image);
    assert_eq!(kernel::Kernel::of(&gz(&image64())), kernel::Kernel::Image);
    assert_eq!(
        kernel::Kernel::of(&gz(&image64())[..30]),
        kernel::Kernel::Image,
        "cut off where the head ends"
    );
    assert_eq!(kernel::Kernel::of(&zimage()), kernel::Kernel::ThirtyTwo);
    for other in [&b""[..], b"\x1f\x8b", b"\x1f\x8b\x08\0", b"MZ", &[0; 60]] {
        assert_eq!(kernel::Kernel::of(other), kernel::Kernel::Other);
    }
}

proptest! {
    #[test]
    fn no_config_makes_a_script_with_words_that_a_shell_obeys(
        config in "((kernel|cmdline|os_prefix|device_tree|initramfs|include)[= ][a-z;$/. `]{0,8}\n|\\[(pi4|all|x)\\]\n){0,6}",
        names in proptest::collection::vec("[a-z;$/.`]{1,8}", 0..6),
    ) {
        let kernel = image64();
        let mut files: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &kernel[..])).collect();
        files.extend([("config.txt", config.as_bytes()), ("kernel8.img", &kernel)]);
        let forecast = judged(&files);
        for load in &forecast.loads {
            let paths = [&load.kernel, &load.cmdline, &load.device_tree].into_iter().chain(&load.initramfs);
            for path in paths {
                prop_assert!(!path.contains([';', '$', '`', ' ', '\n']), "{path}");
            }
        }
        prop_assert_eq!(forecast.starts == Some(false), forecast.loads.is_empty());
    }
}
