use super::*;
use crate::error::{Explain, Knob};
use crate::samples::eeprom;
use crate::usb::lookup::{Loader, PayloadOptions};
use std::fs;

fn with(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Payload) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    for (name, bytes) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let payload = Payload::open(&root, &PayloadOptions::default()).unwrap();
    (dir, payload)
}

fn verdict(files: &[(&str, &[u8])], wanted: &Wanted) -> Result<Vec<String>, String> {
    let (dir, payload) = with(files);
    let text = check(&payload, None, wanted);
    text.map_err(|error| error.to_string().replace(&format!("{}/root", dir.path().display()), "P"))
}

const CODE: &[u8] = &[0x7f; 1000];

#[test]
fn a_good_payload_passes() {
    let wanted = Wanted::default();
    assert_eq!(verdict(&[("bootcode.bin", CODE), ("start.elf", CODE)], &wanted), Ok(vec![]));
    assert_eq!(
        verdict(&[("2712/bootcode5.bin", CODE), ("config.txt", b"uart_2ndstage=1")], &wanted),
        Ok(vec![])
    );
    let files: [(&str, &[u8]); 3] =
        [("bootcode4.bin", CODE), ("config.txt", b"boot_ramdisk=1\n"), ("boot.img", CODE)];
    assert_eq!(verdict(&files, &wanted), Ok(vec![]));
}

#[test]
fn what_is_missing_is_named() {
    let wanted = Wanted::default();
    let no = verdict(&[("start.elf", CODE)], &wanted).unwrap_err();
    assert_eq!(no, "P has no bootcode.bin, bootcode4.bin, bootcode5.bin or bootfiles.bin");
    let four = Wanted { chips: vec![Chip::Bcm2711], ..Wanted::default() };
    let no = verdict(&[("bootcode.bin", CODE)], &four).unwrap_err();
    assert_eq!(no, "P has no bootcode4.bin for BCM2711 (CM4, Pi 4, 400)");
    let ram: [(&str, &[u8]); 2] = [("bootcode4.bin", CODE), ("config.txt", b"#x\n boot_ramdisk = 1 # y\n")];
    assert_eq!(
        verdict(&ram, &wanted).unwrap_err(),
        "P has no boot.img, which config.txt asks for (boot_ramdisk=1)"
    );
    let signed = Wanted { boot_sig: true, ..Wanted::default() };
    let files: [(&str, &[u8]); 2] = [("bootcode4.bin", CODE), ("boot.img", CODE)];
    assert_eq!(
        verdict(&files, &signed).unwrap_err(),
        "P has no boot.sig, which a board with secure boot needs"
    );
}

#[test]
fn what_is_no_firmware_is_told() {
    let wanted = Wanted::default();
    let stub: [(&str, &[u8]); 1] = [("bootcode4.bin", b"../firmware/2711/bootcode4.bin")];
    let no = verdict(&stub, &wanted).unwrap_err();
    assert_eq!(no, "P/bootcode4.bin is no firmware but the text of a link, `../firmware/2711/bootcode4.bin`");
    let stub: [(&str, &[u8]); 2] =
        [("bootcode4.bin", CODE), ("pieeprom.original.bin", b"../rpi-eeprom/x/pieeprom-2024.bin")];
    assert!(verdict(&stub, &wanted).unwrap_err().contains("P/pieeprom.original.bin is no firmware"));
    assert_eq!(
        verdict(&[("bootcode.bin", b"")], &wanted).unwrap_err(),
        "P/bootcode.bin: 0 bytes are no bootcode"
    );
}

#[test]
fn an_archive_that_is_a_stub_is_told_as_one() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("bootfiles.bin"), "../firmware/bootfiles.bin").unwrap();
    let error = Payload::open(dir.path(), &PayloadOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Stub { .. }), "{error}");
}

#[test]
fn a_signature_has_20_bytes() {
    let wanted = Wanted { signed: true, ..Wanted::default() };
    let no = verdict(&[("bootcode.bin", CODE)], &wanted).unwrap_err();
    assert_eq!(no, "P has no bootcode.sig, which a signed boot (-s) sends");
    let no = verdict(&[("bootcode.bin", CODE), ("bootcode.sig", &[0; 21])], &wanted).unwrap_err();
    assert_eq!(no, "P/bootcode.sig: a signature has 20 bytes, this file 21");
    let files: [(&str, &[u8]); 3] = [("bootcode.bin", CODE), ("start.elf", CODE), ("bootcode.sig", &[0; 20])];
    assert_eq!(verdict(&files, &wanted), Ok(vec![]));
    assert_eq!(verdict(&[("bootcode4.bin", CODE)], &wanted), Ok(vec![]), "only the older ones have one");
}

#[test]
fn fuses_are_burnt_only_when_asked_for_by_name() {
    let files: [(&str, &[u8]); 2] = [
        ("bootcode4.bin", CODE),
        ("config.txt", b"program_pubkey=1\nprogram_jtag_lock=0\nprogram_rpiboot_gpio=8\n"),
    ];
    let no = verdict(&files, &Wanted::default()).unwrap_err();
    let want = "P changes boards for ever: program_pubkey (config.txt:1), program_rpiboot_gpio (config.txt:3) write to the chip's fuses";
    assert_eq!(no, want);
    let half = Wanted { confirmed: vec!["program_pubkey".into()], ..Wanted::default() };
    assert!(!verdict(&files, &half).unwrap_err().contains("program_pubkey"));
    let both = Wanted {
        confirmed: vec!["program_pubkey".into(), "program_rpiboot_gpio".into()],
        ..Wanted::default()
    };
    assert_eq!(verdict(&files, &both), Ok(vec![]));
    let off: [(&str, &[u8]); 2] = [("bootcode4.bin", CODE), ("config.txt", b"#program_pubkey=1\n")];
    assert_eq!(verdict(&off, &Wanted::default()), Ok(vec![]));
}

#[test]
fn a_bootcode_outside_the_payload_is_told_with_what_allows_it() {
    let (dir, payload) = with(&[("x", b"")]);
    fs::write(dir.path().join("code"), CODE).unwrap();
    std::os::unix::fs::symlink("../code", payload.dir().join("bootcode.bin")).unwrap();
    let error = check(&payload, None, &Wanted::default()).unwrap_err();
    assert!(matches!(error, Error::LeadsOut { .. }), "{error}");
    let folder = dir.path().canonicalize().unwrap();
    assert!(error.hint().unwrap().names(Knob::Allow.to(folder.display())), "{:?}", error.hint());
}

/// All that is said of a payload with such a config.txt.
fn config(text: &str) -> Result<Vec<String>, String> {
    verdict(&[("bootcode4.bin", CODE), ("config.txt", text.as_bytes())], &Wanted::default())
}

#[test]
fn each_fuse_counts_in_whatever_section_and_writing() {
    for setting in [
        "program_pubkey",
        "program_jtag_lock",
        "program_rpiboot_gpio",
        "revoke_devkey",
        "program_usb_boot_mode",
        "program_usb_boot_timeout",
        "program_gpio_bootmode",
        "program_serial_random",
        "program_emmc_boot",
        "program_what_comes_next",
    ] {
        for text in [
            format!("{setting}=1"),
            format!("[pi4]\n{setting}=8\n[all]\n"),
            format!("{setting}=1\n{setting}=0\n"),
            format!("[cm5]\n{setting}=0\n[gpio4=1]\n  {} = 1 # x\r\n[none]\n", setting.to_uppercase()),
            format!("{setting}=\n"),
            format!("\u{feff}{setting}=1\n"),
        ] {
            let no = config(&text).unwrap_err();
            assert!(no.contains(&format!("{setting} (config.txt:")), "{text:?}: {no}");
        }
        assert_eq!(config(&format!("{setting}=0\n[pi4]\n#{setting}=1\n")), Ok(vec![]));
    }
    // It is told, and burns no fuse.
    let notes = config("eeprom_write_protect=1\nerase_eeprom=1\n").unwrap();
    assert_eq!(notes, ["config.txt:1 protects the EEPROM against writing; it is no fuse, 0 takes it back"]);
}

#[test]
fn what_is_confirmed_hides_nothing_behind_it() {
    let text = "program_pubkey=1\n".repeat(1000) + "program_jtag_lock=1\n";
    let files: [(&str, &[u8]); 2] = [("bootcode4.bin", CODE), ("config.txt", text.as_bytes())];
    let wanted = Wanted { confirmed: vec!["PROGRAM_pubkey".into()], ..Wanted::default() };
    let no = verdict(&files, &wanted).unwrap_err();
    assert_eq!(
        no,
        "P changes boards for ever: program_jtag_lock (config.txt:1001) writes to the chip's fuses"
    );
}

#[test]
fn what_is_included_counts_and_what_cannot_be_read_is_refused() {
    let with = |text: &[u8], more: &[(&'static str, &'static [u8])]| {
        let files = [&[("bootcode4.bin", CODE), ("config.txt", text)], more].concat();
        verdict(&files, &Wanted::default())
    };
    let no = with(b"include sub/a.txt", &[("sub/a.txt", b"include b.txt"), ("b.txt", b"\nrevoke_devkey=1")]);
    assert!(no.unwrap_err().contains("revoke_devkey (b.txt:2)"));
    let no = with(b"include a.txt", &[("2711/a.txt", b"program_pubkey=1")]).unwrap_err();
    assert!(no.contains("program_pubkey (2711/a.txt:1)"), "{no}");
    assert_eq!(
        with(b"\ninclude a.txt", &[]),
        Ok(vec!["config.txt:2 includes a.txt, which isn't there".into()])
    );
    let no = with(b"include ../a.txt", &[]).unwrap_err();
    assert!(no.starts_with("P: reading ../a.txt: "), "{no}");
    assert_eq!(
        with(b"include config.txt", &[]).unwrap_err(),
        "P: config.txt:1 includes files more than 8 deep"
    );
    let long = [b"#".repeat(1 << 20), b"\nprogram_pubkey=1\n".to_vec()].concat();
    assert_eq!(with(&long, &[]).unwrap_err(), "P: config.txt has more than 1 MiB (1048576 bytes)");
    let no = with(b"", &[("tryboot.txt", b"program_pubkey=1")]).unwrap_err();
    assert!(no.contains("program_pubkey (tryboot.txt:1)"), "{no}");
}

#[test]
fn each_overlay_is_looked_at_by_its_name_before_a_board_comes() {
    let (dir, payload) = with(&[("bootcode4.bin", CODE), ("1-1.2/config.txt", b"program_pubkey=1")]);
    assert_eq!(check(&payload, None, &Wanted::default()).unwrap(), [""; 0], "no overlay is served");
    let options = PayloadOptions { overlays: true, ..PayloadOptions::default() };
    let payload = Payload::open(&dir.path().join("root"), &options).unwrap();
    for port in [None, Some("1-1.2".parse().unwrap())] {
        let no = check(&payload, port, &Wanted::default()).unwrap_err().to_string();
        assert!(no.contains("program_pubkey (1-1.2/config.txt:1)"), "{no}");
    }
    assert!(check(&payload, Some("1-1.3".parse().unwrap()), &Wanted::default()).is_ok());
}

#[test]
fn configurations_inside_images_count() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.txt"), "kernel=a\ninclude more.txt\n").unwrap();
    std::fs::write(dir.path().join("more.txt"), "[pi4]\nprogram_pubkey=1\n").unwrap();
    let line = "truncate -s 4M v; /usr/sbin/mkfs.vfat v >/dev/null; mcopy -i v config.txt more.txt ::";
    let output =
        std::process::Command::new("sh").args(["-c", line]).current_dir(dir.path()).output().unwrap();
    assert!(output.status.success(), "apt-get install dosfstools mtools? {output:?}");
    let bare = fs::read(dir.path().join("v")).unwrap();
    // The same as the first partition of a disk.
    let mut disk = vec![0; 1 << 20];
    disk[446..462].copy_from_slice(&[0, 0, 0, 0, 0x0c, 0, 0, 0, 0, 8, 0, 0, 0, 0x20, 0, 0]);
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    disk.extend(&bare);
    for image in [&bare, &disk] {
        let no = verdict(&[("bootcode4.bin", CODE), ("boot.img", image)], &Wanted::default()).unwrap_err();
        assert!(no.contains("program_pubkey (boot.img/more.txt:2)"), "{no}");
    }
    let eeprom = eeprom::pi4(b"[all]\n[config.txt]\nprogram_usb_boot_mode=1\n");
    let no = verdict(&[("bootcode4.bin", CODE), ("pieeprom.bin", &eeprom)], &Wanted::default()).unwrap_err();
    assert!(no.contains("program_usb_boot_mode (pieeprom.bin/bootconf.txt:3)"), "{no}");
}

#[test]
fn a_recovery_without_its_image_is_told_with_the_way_to_it() {
    let image = eeprom::pi4(b"");
    let files: [(&str, &[u8]); 2] = [("bootcode4.bin", CODE), ("pieeprom.original.bin", &image)];
    let (_dir, payload) = with(&files);
    let error = check(&payload, None, &Wanted::default()).unwrap_err();
    assert!(error.to_string().ends_with("there is only pieeprom.original.bin"), "{error}");
    assert!(error.hint().unwrap().says("./update-pieeprom.sh"));
    let erase = [&files[..], &[("config.txt", b"erase_eeprom=1")]].concat();
    assert_eq!(verdict(&erase, &Wanted::default()), Ok(vec![]));
    let whole = [&files[..], &[("pieeprom.bin", &image)]].concat();
    assert_eq!(verdict(&whole, &Wanted::default()), Ok(vec![]));
}

/// A payload with a place for the loader of older boards.
fn gadget(dir: &Path, files: &[&str]) -> PathBuf {
    let root = dir.join("mass-storage-gadget64");
    for name in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, CODE).unwrap();
    }
    root
}

fn open_gadget(root: &Path, package: &Path) -> Payload {
    Payload::with_loader(root, &PayloadOptions::default(), Loader::beside(root, package)).unwrap()
}

#[test]
fn the_standard_payload_is_for_older_boards_too() {
    let dir = tempfile::tempdir().unwrap();
    let root = gadget(dir.path(), &["boot.img", "2711/bootcode4.bin", "2712/bootcode5.bin"]);
    fs::write(root.join("config.txt"), "boot_ramdisk=1\nuart_2ndstage=1\n").unwrap();
    let package = dir.path().join("package");
    let of = |chip| Wanted { chips: vec![chip], ..Wanted::default() };
    let error = check(&open_gadget(&root, &package), None, &of(Chip::Bcm2837)).unwrap_err();
    let shown = error.to_string().replace(&dir.path().display().to_string(), "D");
    assert_eq!(
        shown,
        "D/mass-storage-gadget64 has no bootcode.bin for BCM2837 (CM3, CM3+, 3A+, Zero 2 W), and neither D/msd nor \
         D/package/msd has one with start.elf"
    );
    assert_eq!(error.kind(), crate::error::Kind::BadData);
    for name in ["bootcode.bin", "start.elf"] {
        fs::create_dir_all(package.join("msd")).unwrap();
        fs::write(package.join("msd").join(name), CODE).unwrap();
    }
    let payload = open_gadget(&root, &package);
    let want = format!(
        "bootcode.bin and start.elf come from {}: this payload has none for boards before the Pi 4",
        package.join("msd").display()
    );
    for chip in [Chip::Bcm2837, Chip::Bcm2835] {
        assert_eq!(check(&payload, None, &of(chip)).unwrap(), [want.as_str()]);
    }
    // It is told when such a board comes, and not to users of other boards.
    assert_eq!(check(&payload, None, &Wanted::default()).unwrap(), Vec::<String>::new());
    assert_eq!(check(&payload, None, &of(Chip::Bcm2712)).unwrap(), Vec::<String>::new());
    // Without anything of its own it can be for nobody else.
    for name in ["2711", "2712"] {
        fs::remove_dir_all(root.join(name)).unwrap();
    }
    assert_eq!(check(&open_gadget(&root, &package), None, &Wanted::default()).unwrap(), [want]);
}

#[test]
fn what_lies_where_a_file_is_expected_is_named() {
    for name in ["config.txt", "bootcode4.bin", "boot.img"] {
        let (dir, payload) =
            with(&[("bootcode4.bin", CODE), ("config.txt", b"boot_ramdisk=1"), ("boot.img", b"x")]);
        let path = dir.path().join("root").join(name);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let told = |payload: &Payload| check(payload, None, &Wanted::default()).unwrap_err();
        assert!(
            matches!(told(&payload), Error::NoFile { what: "a directory", .. }),
            "{name}: {}",
            told(&payload)
        );
        fs::remove_dir(&path).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).unwrap();
        assert!(matches!(told(&payload), Error::NoFile { what: "a pipe", .. }), "{name}: {}", told(&payload));
    }
}

#[test]
fn settings_that_burn_fuses_are_told_from_others() {
    for setting in ["revoke_devkey", "program_pubkey", "PROGRAM_new_one"] {
        assert!(burns(setting), "{setting}");
    }
    for setting in ["", "bogus", "program_", "eeprom_write_protect", "xprogram_pubkey"] {
        assert!(!burns(setting), "{setting}");
    }
}

#[test]
fn a_link_to_nothing_is_told_as_one() {
    use std::os::unix::fs::symlink;
    let four = Wanted { chips: vec![Chip::Bcm2711], ..Wanted::default() };
    let (dir, payload) = with(&[("bootcode4.bin", CODE), ("config.txt", b"boot_ramdisk=1")]);
    let root = dir.path().join("root");
    let told = |payload: &Payload| match check(payload, None, &four) {
        Ok(notes) => notes.join("\n"),
        Err(error) => error.to_string(),
    };
    let shown = |payload| told(payload).replace(&root.display().to_string(), "P");
    symlink("../firmware/gone.img", root.join("boot.img")).unwrap();
    assert_eq!(shown(&payload), "P/boot.img is a link to ../firmware/gone.img, which isn't there");
    // One that this boot doesn't need.
    fs::write(root.join("config.txt"), "").unwrap();
    assert_eq!(shown(&payload), "P/boot.img is a link to ../firmware/gone.img, which isn't there");
    assert!(check(&payload, None, &four).is_ok());
    // The folder of the family, and the payload itself.
    fs::remove_file(root.join("bootcode4.bin")).unwrap();
    symlink("../gone", root.join("2711")).unwrap();
    assert_eq!(shown(&payload), "P/2711 is a link to ../gone, which isn't there");
    let link = dir.path().join("payload");
    symlink("/srv/moved", &link).unwrap();
    let error = Payload::open(&link, &PayloadOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), format!("{} is a link to /srv/moved, which isn't there", link.display()));
}

#[test]
fn a_file_that_cannot_be_served_is_not_told_as_missing() {
    let (dir, payload) =
        with(&[("bootcode4.bin", CODE), ("config.txt", b"boot_ramdisk=1"), ("boot.img", CODE)]);
    let image = dir.path().join("root/boot.img");
    fs::File::options().write(true).open(&image).unwrap().set_len(1 << 32).unwrap();
    let error = check(&payload, None, &Wanted::default()).unwrap_err();
    assert!(matches!(error, Error::Read { .. }), "{error}");
    assert!(!error.to_string().contains("has no boot.img"), "{error}");
}

/// What is said of a payload to a board with this chip, and the error's hint, with `D` for the directory around it.
fn told_to(payload: &Payload, around: &Path, chip: Chip) -> (String, String) {
    let wanted = Wanted { chips: vec![chip], ..Wanted::default() };
    let (told, hint) = match check(payload, None, &wanted) {
        Ok(notes) => (notes.join("\n"), String::new()),
        Err(error) => (error.to_string(), error.hint().map(|hint| hint.plain()).unwrap_or_default()),
    };
    let short = |text: String| text.replace(&around.display().to_string(), "D");
    (short(told), short(hint))
}

#[test]
fn an_archive_that_is_a_link_to_nothing_is_told_as_one() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let root = gadget(dir.path(), &["boot.img", "config.txt"]);
    symlink("../firmware/bootfiles.bin", root.join("bootfiles.bin")).unwrap();
    let dangling =
        "D/mass-storage-gadget64/bootfiles.bin is a link to ../firmware/bootfiles.bin, which isn't there";
    let payload = open_gadget(&root, Path::new("/none"));
    let shown = |error: Error| error.to_string().replace(&dir.path().display().to_string(), "D");
    assert_eq!(shown(check(&payload, None, &Wanted::default()).unwrap_err()), dangling);
    for chip in [Chip::Bcm2711, Chip::Bcm2712] {
        assert_eq!(told_to(&payload, dir.path(), chip).0, dangling, "{chip}");
    }
    // A loader beside it is for older boards; the others lack the same as before.
    let msd = dir.path().join("msd");
    fs::create_dir(&msd).unwrap();
    for name in LOADER {
        fs::write(msd.join(name), CODE).unwrap();
    }
    let payload = open_gadget(&root, Path::new("/none"));
    assert_eq!(told_to(&payload, dir.path(), Chip::Bcm2711).0, dangling);
    let notes = check(&payload, None, &Wanted::default()).unwrap().join("\n");
    assert!(notes.contains("bootfiles.bin, which isn't there"), "{notes}");
}

#[test]
fn what_is_wrong_with_a_loader_from_elsewhere_is_told_by_its_own_file() {
    use std::os::unix::fs::symlink;
    const STUB: &[u8] = b"../firmware/bootcode.bin";
    for (name, lies, want) in [
        (
            "start.elf",
            Lies::Nothing,
            "D/msd has no start.elf, which boards before the Pi 4 load beside bootcode.bin",
        ),
        (
            "bootcode.bin",
            Lies::Nothing,
            "D/msd has no bootcode.bin, which boards before the Pi 4 need beside start.elf",
        ),
        ("start.elf", Lies::Link, "D/msd/start.elf is a link to ../gone, which isn't there"),
        ("start.elf", Lies::Folder, "D/msd/start.elf is a directory, and no file"),
        ("start.elf", Lies::Bytes(b""), "D/msd/start.elf is empty, which a board takes for missing"),
        ("bootcode.bin", Lies::Bytes(b""), "D/msd/bootcode.bin is empty, which a board takes for missing"),
        (
            "bootcode.bin",
            Lies::Bytes(STUB),
            "D/msd/bootcode.bin is no firmware but the text of a link, `../firmware/bootcode.bin`",
        ),
        (
            "start.elf",
            Lies::Bytes(STUB),
            "D/msd/start.elf is no firmware but the text of a link, `../firmware/bootcode.bin`",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let root = gadget(dir.path(), &["boot.img", "config.txt", "2711/bootcode4.bin"]);
        let msd = dir.path().join("msd");
        fs::create_dir(&msd).unwrap();
        for other in LOADER.into_iter().filter(|other| *other != name) {
            fs::write(msd.join(other), CODE).unwrap();
        }
        match lies {
            Lies::Nothing => {}
            Lies::Link => symlink("../gone", msd.join(name)).unwrap(),
            Lies::Folder => fs::create_dir(msd.join(name)).unwrap(),
            Lies::Bytes(bytes) => fs::write(msd.join(name), bytes).unwrap(),
        }
        let package = dir.path().join("package");
        let (told, hint) = told_to(&open_gadget(&root, &package), dir.path(), Chip::Bcm2837);
        assert_eq!(told, want);
        assert!(!hint.contains("put it beside the payload"), "it is there: {hint}");
        // Another place has a whole one.
        if !matches!(lies, Lies::Bytes(STUB)) {
            for name in LOADER {
                fs::create_dir_all(package.join("msd")).unwrap();
                fs::write(package.join("msd").join(name), CODE).unwrap();
            }
            let (told, _) = told_to(&open_gadget(&root, &package), dir.path(), Chip::Bcm2837);
            assert!(told.contains("come from D/package/msd"), "{told}");
        }
    }
    // The folder itself.
    let dir = tempfile::tempdir().unwrap();
    let root = gadget(dir.path(), &["boot.img", "config.txt"]);
    symlink("../moved", dir.path().join("msd")).unwrap();
    let (told, _) = told_to(&open_gadget(&root, Path::new("/none")), dir.path(), Chip::Bcm2837);
    assert_eq!(told, "D/msd is a link to ../moved, which isn't there");
}

/// What lies where a file is looked for.
#[derive(Clone, Copy)]
enum Lies {
    Nothing,
    Link,
    Folder,
    Bytes(&'static [u8]),
}

#[test]
fn a_file_of_a_folder_or_an_archive_is_told_with_its_own_path() {
    let (dir, payload) = with(&[("2711/bootcode4.bin", b"../firmware/2711/bootcode4.bin")]);
    let (told, _) = told_to(&payload, &dir.path().join("root"), Chip::Bcm2711);
    assert!(told.starts_with("D/2711/bootcode4.bin is no firmware but the text of a link"), "{told}");
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(0);
    builder.append_data(&mut header, "2711/bootcode4.bin", &b""[..]).unwrap();
    let archive = builder.into_inner().unwrap();
    let (dir, payload) = with(&[("bootfiles.bin", &archive)]);
    let (told, _) = told_to(&payload, &dir.path().join("root"), Chip::Bcm2711);
    assert_eq!(told, "D/bootfiles.bin/2711/bootcode4.bin: 0 bytes are no bootcode");
}

#[test]
fn an_empty_file_is_as_good_as_a_missing_one() {
    let ram: &[u8] = b"boot_ramdisk=1";
    let no = |files: &[(&str, &[u8])], wanted: &Wanted| verdict(files, wanted).unwrap_err();
    let wanted = Wanted::default();
    let files = [("bootcode4.bin", CODE), ("config.txt", ram), ("boot.img", b"" as &[u8])];
    assert_eq!(no(&files, &wanted), "P/boot.img is empty, which a board takes for missing");
    let signed = Wanted { boot_sig: true, ..Wanted::default() };
    let files = [("bootcode4.bin", CODE), ("boot.img", CODE), ("boot.sig", b"" as &[u8])];
    assert_eq!(no(&files, &signed), "P/boot.sig is empty, which a board takes for missing");
    let image = eeprom::pi4(b"");
    let files = [("bootcode4.bin", CODE), ("pieeprom.original.bin", &image), ("pieeprom.bin", b"" as &[u8])];
    assert_eq!(no(&files, &wanted), "P/pieeprom.bin is empty, which a board takes for missing");
    // Nobody knows whether this one is needed; an empty configuration is one.
    let files = [("bootcode4.bin", CODE), ("config.txt", b"" as &[u8]), ("kernel.img", b"" as &[u8])];
    let notes = verdict(&files, &wanted).unwrap();
    assert!(notes.len() == 1 && notes[0].contains("kernel.img is empty"), "{notes:?}");
}

#[test]
fn a_bootcode_that_has_nothing_to_load_is_warned_of() {
    let starts = |files: &[(&str, &[u8])]| {
        let notes = verdict(&[&[("bootcode.bin", CODE)], files].concat(), &Wanted::default()).unwrap();
        !notes.iter().any(|note| note.contains("has no start.elf"))
    };
    assert!(!starts(&[]));
    assert!(!starts(&[("start.elf", b"")]));
    assert!(!starts(&[("config.txt", b"#start_file=other.elf"), ("other.elf", CODE)]));
    for name in STARTS {
        assert!(starts(&[(name, CODE)]), "{name}");
    }
    assert!(starts(&[("2710/start.elf", CODE)]));
    assert!(starts(&[("config.txt", b"start_file=other.elf"), ("other.elf", CODE)]));
    // Each port may have its own.
    let (dir, _) = with(&[("bootcode.bin", CODE), ("1-1.2/start.elf", CODE)]);
    let options = PayloadOptions { overlays: true, ..PayloadOptions::default() };
    let payload = Payload::open(&dir.path().join("root"), &options).unwrap();
    assert_eq!(check(&payload, None, &Wanted::default()).unwrap(), [""; 0]);
    let notes = check(&payload, Some("1-1.3".parse().unwrap()), &Wanted::default()).unwrap();
    assert_eq!(notes.len(), 1, "{notes:?}");
}

#[test]
fn an_empty_directory_of_one_board_is_told_to_be_filled() {
    let (dir, payload) = with(&[("kernel.img", CODE)]);
    let around = dir.path().join("root");
    let (_, hint) = told_to(&payload, &around, Chip::Bcm2711);
    assert!(hint.contains("<set payload>"), "{hint}");
    let (told, hint) = told_to(&payload.of_board(), &around, Chip::Bcm2711);
    assert!(told.starts_with("D has no bootcode"), "{told}");
    assert!(
        hint.starts_with("Put the board's boot files into D.") && !hint.contains("<set payload>"),
        "{hint}"
    );
}
