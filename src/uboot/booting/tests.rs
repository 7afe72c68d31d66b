use super::*;
use crate::contents::device_tree::made;
use crate::image::fat::{self, Tree};
use crate::image::files::{PatchedReadAt, fat_file};
use crate::image::table::{Entry, Partition};

const MIB: u64 = 1 << 20;

/// A disk with a FAT partition of 40 MiB at 1 MiB that holds these files.
fn disk(files: &[(&str, &[u8])]) -> (Arc<dyn ReadAt>, Table) {
    let mut tree = Tree::default();
    for (name, bytes) in files {
        tree.put(name, bytes.to_vec());
    }
    let volume = fat::Volume { len: 40 * MIB, start: MIB, label: "BOOT", serial: 1, time: 0 };
    let mut bytes = vec![0; 42 * MIB as usize];
    fat::write(&volume, &tree, |at, piece| {
        bytes[(MIB + at) as usize..][..piece.len()].copy_from_slice(piece);
        Ok(())
    })
    .unwrap();
    let partition = |number, start, len, kind| Partition {
        number,
        start,
        len,
        entry: Entry::Mbr { kind, bootable: false },
    };
    let partitions = vec![partition(1, MIB, 40 * MIB, 0x0c), partition(2, 41 * MIB, MIB, 0x83)];
    (Arc::new(bytes), Table { scheme: Scheme::Mbr { disk_id: 0x35c8_4628 }, partitions, hybrid: false })
}

fn kernel() -> Vec<u8> {
    let mut head = vec![0; 5000];
    head[56..60].copy_from_slice(b"ARM\x64");
    head
}

fn names() -> NewNames {
    BTreeMap::from([(1, 2), (2, 3)]).into()
}

#[test]
fn the_usual_names_need_no_script() {
    let (image, table) = disk(&[("kernel8.img", &kernel()), ("cmdline.txt", b"root=PARTUUID=35c84628-02 x")]);
    let booting = Booting::of(&image, &table, &names()).unwrap();
    assert_eq!((booting.answers.card.by, booting.patches), (By::Card, vec![]));
    // As it will be on the card.
    assert_eq!(booting.answers.card.loads[0].arguments, "root=PARTUUID=35c84628-03 x");
}

#[test]
fn another_kernel_gets_a_script_in_its_boot_partition() {
    let config = b"kernel=vmlinuz\ninitramfs initrd.img,second.img followkernel\n[pi4]\ncmdline=four.txt\n";
    let files: &[(&str, &[u8])] = &[
        ("config.txt", config),
        ("vmlinuz", &kernel()),
        ("initrd.img", b"1"),
        ("second.img", b"2"),
        ("cmdline.txt", b"root=LABEL=writable"),
        ("four.txt", b"four"),
    ];
    let (image, table) = disk(files);
    let booting = Booting::of(&image, &table, &names()).unwrap();
    assert_eq!((booting.answers.card.by, booting.answers.card.loads.len()), (By::Added, 2));
    let patched: Arc<dyn ReadAt> = Arc::new(PatchedReadAt::new(Arc::clone(&image), &booting.patches));
    let script = fat_file(&patched, &table.partitions, "boot.scr").unwrap().expect("it is added");
    let text = String::from_utf8(script[72..].to_vec()).unwrap();
    let expected = "setenv bs_kernel\n\
                    if test \"${board_rev}\" = \"0x4\"; then # Pi 2B v1.2\n\
                    \tsetenv bs_part 2\n\
                    \tsetenv bs_kernel vmlinuz\n\
                    \tsetenv bs_initramfs 'initrd.img second.img'\n\
                    \tsetenv bs_cmdline cmdline.txt\n\
                    \tsetenv bs_tree\n\
                    fi\n";
    assert!(text.starts_with(MARK) && text.contains(expected), "{text}");
    assert!(
        text.contains("\"0x11\"; then # Pi 4B\n\tsetenv bs_part 2\n") && text.contains("four.txt"),
        "{text}"
    );
    // All else is as it was; and an image with such a script gets the same one again.
    for (name, bytes) in files {
        assert_eq!(fat_file(&patched, &table.partitions, name).unwrap().as_deref(), Some(*bytes), "{name}");
    }
    let again = Booting::of(&patched, &table, &names()).unwrap();
    let twice: Arc<dyn ReadAt> = Arc::new(PatchedReadAt::new(patched, &again.patches));
    assert_eq!(fat_file(&twice, &table.partitions, "boot.scr").unwrap(), Some(script));
}

#[test]
fn arguments_are_told_as_the_scripts_hand_them_on() {
    let cmdline = b"console=serial0,115200 root=/dev/mmcblk0p2 x=serial0";
    let (image, table) = disk(&[("kernel8.img", &kernel()), ("cmdline.txt", cmdline)]);
    let booting = Booting::of(&image, &table, &names()).unwrap();
    assert_eq!(booting.answers.card.loads[0].arguments, "console=ttyS0,115200 root=/dev/mmcblk0p3 x=serial0");
}

/// The same disk with its table in front.
fn with_table(image: &Arc<dyn ReadAt>, table: &Table) -> Vec<u8> {
    let mut bytes = vec![0; 42 * MIB as usize];
    image.read_exact_at(&mut bytes, 0).unwrap();
    bytes[440..444].copy_from_slice(&0x35c8_4628_u32.to_le_bytes());
    for partition in &table.partitions {
        let Entry::Mbr { kind, .. } = partition.entry else { panic!() };
        let at = 446 + 16 * (partition.number as usize - 1);
        bytes[at + 4] = kind;
        bytes[at + 8..at + 12].copy_from_slice(&((partition.start / 512) as u32).to_le_bytes());
        bytes[at + 12..at + 16].copy_from_slice(&((partition.len / 512) as u32).to_le_bytes());
    }
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    bytes
}

#[test]
fn an_image_that_nobody_flashes_yet_gets_the_forecast_of_a_flash() {
    let cmdline = b"root=PARTUUID=35c84628-02 x=/dev/mmcblk0p2/y";
    let (image, table) = disk(&[("kernel8.img", &kernel()), ("cmdline.txt", cmdline)]);
    let bytes = with_table(&image, &table);
    let told = |bytes: &[u8]| forecast(&(Arc::new(bytes.to_vec()) as Arc<dyn ReadAt>)).unwrap();
    let card = told(&bytes).unwrap();
    assert_eq!((card.starts, card.by), (Some(true), By::Card), "{card:?}");
    assert_eq!(card.loads[0].arguments, "root=PARTUUID=35c84628-03 x=/dev/mmcblk0p2/y");
    assert!(card.notes.iter().any(|note| note.starts_with("`x=/dev/mmcblk0p2/y` in cmdline.txt is left")));
    // An image that was cut off fits no card.
    let cut = told(&bytes[..41 * MIB as usize + 512]).unwrap();
    assert!(cut.is_hopeless() && cut.why.contains("but its partition 2 reaches to 42 MiB"), "{cut:?}");
    assert_eq!(told(&[0; 4096]), None);
}

#[test]
fn what_stands_in_front_of_the_first_partition_is_told() {
    let (image, table) = disk(&[]);
    assert_eq!(dropped(&image, &table).unwrap(), None);
    let mut bytes = vec![0; 42 * MIB as usize];
    image.read_exact_at(&mut bytes, 0).unwrap();
    bytes[8192..9000].fill(7);
    let told = dropped(&(Arc::new(bytes) as Arc<dyn ReadAt>), &table).unwrap().unwrap();
    assert!(told.contains("1 KiB of data, from byte 8192 on"), "{told}");
}

/// An overlay.
fn overlay() -> Vec<u8> {
    made::tree("/ {\nfragment@0 {\n__overlay__ {\n}\n}\n}\n")
}

#[test]
fn overlays_alone_get_a_script_and_boards_their_own() {
    let map = made::tree("/ {\nfirst {\nbcm2835\nbcm2711 = second\n}\n}\n");
    let overlay = overlay();
    let labelled = made::tree("/ {\nfragment@0 {\n__overlay__ {\nphandle = abc\n}\n}\n}\n");
    let (image, table) = disk(&[
        ("kernel8.img", &kernel()),
        ("cmdline.txt", b"root=PARTUUID=35c84628-02 x"),
        ("config.txt", b"dtoverlay=first\n[pi3]\ndtoverlay=second\n"),
        ("overlays/first.dtbo", &labelled),
        ("overlays/second.dtbo", &overlay),
        ("overlays/overlay_map.dtb", &map),
    ]);
    let booting = Booting::of(&image, &table, &names()).unwrap();
    let card = &booting.answers.card;
    assert_eq!((card.starts, card.by, card.loads.len()), (Some(true), By::Added, 1), "{card:?}");
    assert!(
        card.notes.iter().any(|note| note.contains(": first (Pi 2B v1.2, Zero 2 W); first, second (Pi 3B")),
        "{card:?}"
    );
    let patched: Arc<dyn ReadAt> = Arc::new(PatchedReadAt::new(image, &booting.patches));
    let script = fat_file(&patched, &table.partitions, "boot.scr").unwrap().expect("it is added");
    let text = String::from_utf8(script[72..].to_vec()).unwrap();
    for expected in [
        "setenv bs_part 2\nsetenv bs_kernel kernel8.img\n",
        "setenv bs_tree\nsetenv bs_overlays\nif test \"${board_rev}\" = \"0x4\"; then # Pi 2B v1.2\n\
         \tsetenv bs_overlays 'setenv bs_overlay overlays/first.dtbo; setenv bs_labels \
         \"fdt rm /fragment@0/__overlay__ phandle\"; run bs_apply'\nfi\n",
        "run bs_apply; setenv bs_overlay overlays/second.dtbo; setenv bs_labels; run bs_apply'\nfi\n",
        "= \"0x11\"; then # Pi 4B\n\tsetenv bs_overlays 'setenv bs_overlay overlays/second.dtbo;",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

/// A golden image of a system that was flashed has the script of then, which the card's own would run first.
#[test]
fn a_script_of_an_earlier_flash_is_made_anew_though_nothing_needs_one() {
    let old = script_image::wrap(&format!("{MARK}, old\nsetenv bs_kernel gone.img\n"), "piprov", 0);
    let (image, table) = disk(&[
        ("kernel8.img", &kernel()),
        ("cmdline.txt", b"root=PARTUUID=35c84628-02"),
        ("boot.scr", &old),
    ]);
    let booting = Booting::of(&image, &table, &names()).unwrap();
    assert_eq!(booting.answers.card.by, By::Added);
    let patched: Arc<dyn ReadAt> = Arc::new(PatchedReadAt::new(image, &booting.patches));
    let script = fat_file(&patched, &table.partitions, "boot.scr").unwrap().unwrap();
    let text = String::from_utf8(script[72..].to_vec()).unwrap();
    assert!(text.contains("setenv bs_kernel kernel8.img\n") && !text.contains("gone.img"), "{text}");
}

/// A disk whose FAT partition has no free cluster: these files, and one that fills it.
fn full(files: &[(&str, &[u8])]) -> (Arc<dyn ReadAt>, Table) {
    let big = vec![7; 40 * MIB as usize];
    let with = |len: usize| [files, &[("big", &big[..len])]].concat();
    let fits = |len: usize| {
        let mut tree = Tree::default();
        for (name, bytes) in with(len) {
            tree.put(name, bytes.to_vec());
        }
        let volume = fat::Volume { len: 40 * MIB, start: MIB, label: "BOOT", serial: 1, time: 0 };
        fat::write(&volume, &tree, |_, _| Ok(())).is_ok()
    };
    let (mut most, mut over) = (0, big.len());
    while over - most > 1 {
        let middle = most.midpoint(over);
        if fits(middle) { most = middle } else { over = middle }
    }
    disk(&with(most))
}

#[test]
fn a_full_boot_partition_keeps_overlays_out_and_starts_all_the_same() {
    let overlay = overlay();
    let (image, table) = full(&[
        ("kernel8.img", &kernel()),
        ("cmdline.txt", b"root=PARTUUID=35c84628-02 x"),
        ("config.txt", b"dtoverlay=first\n"),
        ("overlays/first.dtbo", &overlay),
    ]);
    let booting = Booting::of(&image, &table, &names()).unwrap();
    let card = &booting.answers.card;
    assert_eq!((card.starts, card.by, booting.patches.len()), (Some(true), By::Card, 0), "{card:?}");
    assert!(card.overlays.is_empty(), "{card:?}");
    assert!(card.notes[0].contains("doesn't apply config.txt's overlays (first)"), "{card:?}");
}

#[test]
fn a_full_boot_partition_is_a_reason() {
    let (image, table) = full(&[("config.txt", b"kernel=vmlinuz"), ("vmlinuz", &kernel())]);
    let booting = Booting::of(&image, &table, &names()).unwrap();
    assert!(booting.answers.card.is_hopeless(), "{:?}", booting.answers.card);
    let whole: Arc<dyn ReadAt> = Arc::new(with_table(&image, &table));
    assert!(forecast(&whole).unwrap().unwrap().why.contains("boot.scr"));
    assert!(
        booting.answers.card.why.contains("boot.scr") && booting.patches.is_empty(),
        "{:?}",
        booting.answers.card
    );
}
