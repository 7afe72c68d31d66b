use super::*;
use std::fs;
use std::os::unix::fs::symlink;

struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[&str]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for name in files {
            tree.put(name, format!("disk {name}").as_bytes());
        }
        tree
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("root").join(name)
    }

    fn archive(&self, names: &[&str]) {
        let mut builder = tar::Builder::new(Vec::new());
        for name in names {
            let bytes = format!("tar {name}");
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, name, bytes.as_bytes()).unwrap();
        }
        self.put(BOOTFILES, &builder.into_inner().unwrap());
    }

    fn open(&self, overlays: bool) -> Payload {
        Payload::open(&self.path(""), &PayloadOptions { overlays, allow: Vec::new() }).unwrap()
    }
}

fn asker(chip: Chip) -> Asker {
    Asker { chip, port: Some("1-1.2".parse().unwrap()) }
}

fn get(payload: &Payload, chip: Chip, name: &str) -> Option<String> {
    let found = payload.find(asker(chip), name).unwrap()?;
    Some(String::from_utf8(found.read_all().unwrap()).unwrap())
}

#[test]
fn a_directory_is_overlay_then_family_then_base() {
    let tree = Tree::new(&["1-1.2/a", "2711/a", "a", "2711/b", "b", "c", "1-1.2/overlays/x.dtbo", "2710/d"]);
    let payload = tree.open(true);
    let got = |chip, name| get(&payload, chip, name);
    assert_eq!(got(Chip::Bcm2711, "a").as_deref(), Some("disk 1-1.2/a"));
    assert_eq!(got(Chip::Bcm2711, "b").as_deref(), Some("disk 2711/b"));
    assert_eq!(got(Chip::Bcm2712, "b").as_deref(), Some("disk b"));
    assert_eq!(got(Chip::Bcm2711, "c").as_deref(), Some("disk c"));
    assert_eq!(got(Chip::Bcm2711, "overlays/x.dtbo").as_deref(), Some("disk 1-1.2/overlays/x.dtbo"));
    assert_eq!(got(Chip::Bcm2835, "d").as_deref(), Some("disk 2710/d"));
    assert_eq!(got(Chip::Bcm2837, "d").as_deref(), Some("disk 2710/d"));
    assert_eq!(got(Chip::Bcm2711, "d"), None);
    assert_eq!(got(Chip::Bcm2711, "A"), None, "case counts on disk");
    assert_eq!(got(Chip::Bcm2711, "overlays"), None, "a folder is no file");
    let payload = tree.open(false);
    assert_eq!(get(&payload, Chip::Bcm2711, "a").as_deref(), Some("disk 2711/a"));
}

#[test]
fn the_bootcode_never_comes_from_the_overlay() {
    let tree =
        Tree::new(&["1-1.2/bootcode.bin", "bootcode.bin", "1-1.2/bootcode4.bin", "2711/bootcode4.bin"]);
    let payload = tree.open(true);
    assert_eq!(get(&payload, Chip::Bcm2835, "bootcode.bin").as_deref(), Some("disk bootcode.bin"));
    assert_eq!(get(&payload, Chip::Bcm2711, "bootcode4.bin").as_deref(), Some("disk 2711/bootcode4.bin"));
    assert_eq!(get(&payload, Chip::Bcm2712, "bootcode5.bin"), None);
}

#[test]
fn the_archive_comes_before_the_overlay_and_the_family_folder_before_it() {
    let tree = Tree::new(&["1-1.2/mcb.bin", "mcb.bin", "2711/bootmain", "1-1.2/config.txt", "config.txt"]);
    tree.archive(&["2711/mcb.bin", "2711/BOOTMAIN", "2711/logo.bin", "config.txt"]);
    let payload = tree.open(true);
    let got = |name| get(&payload, Chip::Bcm2711, name);
    assert_eq!(got("mcb.bin").as_deref(), Some("tar 2711/mcb.bin"));
    assert_eq!(got("bootmain").as_deref(), Some("disk 2711/bootmain"));
    assert_eq!(got("LOGO.bin").as_deref(), Some("tar 2711/logo.bin"), "case doesn't count in the archive");
    assert_eq!(got("config.txt").as_deref(), Some("disk 1-1.2/config.txt"));
    assert_eq!(get(&payload, Chip::Bcm2712, "mcb.bin").as_deref(), Some("disk 1-1.2/mcb.bin"));
}

#[test]
fn nothing_outside_is_served() {
    let tree = Tree::new(&["a", "2711/a"]);
    let outside = tree.0.path().join("secret");
    fs::write(&outside, "secret").unwrap();
    symlink(&outside, tree.path("link")).unwrap();
    symlink("/etc", tree.path("etc")).unwrap();
    symlink("a", tree.path("inside")).unwrap();
    symlink("../../secret", tree.path("2711/up")).unwrap();
    symlink("nowhere", tree.path("dangling")).unwrap();
    symlink("loop", tree.path("loop")).unwrap();
    let payload = tree.open(false);
    let find = |name| payload.find(asker(Chip::Bcm2711), name).map(|found| found.is_some());
    assert_eq!(find("inside"), Ok(true));
    assert_eq!(find("link"), Err(BadName::LeadsOut));
    assert_eq!(find("etc/passwd"), Err(BadName::LeadsOut));
    assert_eq!(find("up"), Err(BadName::LeadsOut));
    assert_eq!(find("dangling"), Ok(false));
    assert_eq!(find("loop"), Ok(false));
    assert_eq!(find("../secret"), Err(BadName::Parent));
    assert_eq!(find("/etc/passwd"), Err(BadName::Absolute));
    assert_eq!(find("a\0b"), Err(BadName::Bytes));
    assert_eq!(find("a/"), Ok(false));
    assert_eq!(find(&"x/".repeat(3000)), Ok(false));
    let allow = vec![tree.0.path().to_owned()];
    let payload = Payload::open(&tree.path(""), &PayloadOptions { overlays: false, allow }).unwrap();
    assert!(payload.find(asker(Chip::Bcm2711), "link").unwrap().is_some());
}

#[test]
fn links_of_the_live_tree_and_of_the_repository_are_followed() {
    let tree = Tree::new(&["x"]);
    for (folder, name) in [("clients/by-serial/1", "kernel.img"), ("firmware/2711", "start4.elf")] {
        let folder = tree.0.path().join(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), name).unwrap();
    }
    symlink("../clients/by-serial/1", tree.path("1-1.2")).unwrap();
    symlink("../firmware/2711/start4.elf", tree.path("start4.elf")).unwrap();
    let payload = tree.open(true);
    assert_eq!(get(&payload, Chip::Bcm2835, "kernel.img").as_deref(), Some("kernel.img"));
    assert_eq!(get(&payload, Chip::Bcm2711, "start4.elf").as_deref(), Some("start4.elf"));
}

#[test]
fn pipes_and_devices_are_not_opened() {
    let tree = Tree::new(&["a"]);
    let path = tree.path("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    // Would wait for a writer.
    assert!(tree.open(false).find(asker(Chip::Bcm2711), "pipe").unwrap().is_none());
}

#[test]
fn a_host_that_can_open_no_more_files_says_so() {
    crate::beneath::testing::alone("usb::lookup::tests::a_host_that_can_open_no_more_files_says_so", || {
        let tree = Tree::new(&["a", "config.txt"]);
        let payload = tree.open(false);
        crate::beneath::testing::no_more_files(true);
        let found = payload.find(asker(Chip::Bcm2711), "a").map(|found| found.is_some());
        let checked = super::super::payload::bootcode(&payload, asker(Chip::Bcm2711)).map(|_| ());
        crate::beneath::testing::no_more_files(false);
        assert_eq!(found, Err(BadName::TooManyOpen));
        assert!(matches!(checked, Err(Error::Read { .. })), "{checked:?}");
    });
    let says = |errno: i32| BadName::of_io(&io::Error::from_raw_os_error(errno));
    assert_eq!(says(libc::EACCES), BadName::Forbidden);
    assert_eq!(says(libc::ENFILE), BadName::TooManyOpen);
    assert_eq!(says(libc::EIO), BadName::Unreadable);
}

#[test]
fn a_file_of_4_gib_is_refused() {
    let tree = Tree::new(&["a"]);
    File::options().write(true).open(tree.path("a")).unwrap().set_len(1 << 32).unwrap();
    let payload = tree.open(false);
    assert_eq!(payload.find(asker(Chip::Bcm2711), "a").map(|_| ()), Err(BadName::TooLarge));
}

#[test]
fn no_payload_no_service() {
    let tree = Tree::new(&["file"]);
    for name in ["nowhere", "file"] {
        assert!(matches!(
            Payload::open(&tree.path(name), &PayloadOptions::default()),
            Err(Error::Dir { .. })
        ));
    }
    tree.put(BOOTFILES, &[b'x'; 1024]);
    assert!(matches!(
        Payload::open(&tree.path(""), &PayloadOptions::default()),
        Err(Error::Bootfiles { .. })
    ));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn no_name_leaves_the_payload(name in "[a-z./\\\\ ~*:-]{0,40}") {
        let tree = Tree::new(&["a", "b/c"]);
        let secret = tree.0.path().join("secret");
        fs::write(secret, "secret").unwrap();
        let payload = tree.open(true);
        if let Ok(Some(found)) = payload.find(asker(Chip::Bcm2711), &name) {
            proptest::prop_assert!(found.read_all().unwrap().starts_with(b"disk "));
        }
    }
}

#[test]
fn a_payload_without_a_loader_for_older_boards_gets_rpiboots() {
    let tree = Tree::new(&["boot.img", "config.txt", "1-1.2/start.elf"]);
    let package = tree.0.path().join("package");
    let put = |path: PathBuf| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, path.parent().unwrap().file_name().unwrap().as_encoded_bytes()).unwrap();
    };
    let open = || {
        let loader = Loader::beside(&tree.path(""), &package);
        Payload::with_loader(&tree.path(""), &PayloadOptions::default(), loader).unwrap()
    };
    // Half a loader is none.
    put(package.join("msd/start.elf"));
    assert_eq!(get(&open(), Chip::Bcm2837, "start.elf"), None);
    put(package.join("msd/bootcode.bin"));
    for chip in [Chip::Bcm2835, Chip::Bcm2837] {
        assert_eq!(get(&open(), chip, "bootcode.bin").as_deref(), Some("msd"), "{chip}");
    }
    assert_eq!(get(&open(), Chip::Bcm2711, "bootcode4.bin"), None);
    assert_eq!(get(&open(), Chip::Bcm2711, "start.elf"), None, "it isn't for this board");
    assert_eq!(get(&open(), Chip::Bcm2837, "config.txt").as_deref(), Some("disk config.txt"));
    // What lies beside the payload comes first.
    let beside = tree.0.path().join("msd");
    for name in loader::FILES {
        fs::create_dir_all(&beside).unwrap();
        fs::write(beside.join(name), "beside").unwrap();
    }
    let payload = open();
    let found = payload.find(asker(Chip::Bcm2837), "start.elf").unwrap().unwrap();
    assert_eq!((found.read_all().unwrap(), found.origin), (b"beside".to_vec(), Origin::Loader));
    // A loader is never mixed: with a bootcode of its own the payload has its own firmware, or none.
    tree.put("bootcode.bin", b"own");
    assert_eq!(get(&open(), Chip::Bcm2837, "bootcode.bin").as_deref(), Some("own"));
    assert_eq!(get(&open(), Chip::Bcm2837, "start.elf"), None);
    // Where there is no system in the payload, nothing is lent: it is for other boards.
    fs::remove_file(tree.path("bootcode.bin")).unwrap();
    fs::remove_file(tree.path("boot.img")).unwrap();
    assert_eq!(get(&open(), Chip::Bcm2837, "bootcode.bin"), None);
}

#[test]
fn the_folder_of_the_loader_has_a_border_too() {
    let tree = Tree::new(&["boot.img"]);
    fs::write(tree.0.path().join("secret"), "secret").unwrap();
    let beside = tree.0.path().join("msd");
    fs::create_dir(&beside).unwrap();
    for name in loader::FILES {
        symlink("../secret", beside.join(name)).unwrap();
    }
    let loader = Loader::beside(&tree.path(""), Path::new("/none"));
    let payload = Payload::with_loader(&tree.path(""), &PayloadOptions::default(), loader).unwrap();
    let found = payload.find(asker(Chip::Bcm2837), "bootcode.bin").map(|found| found.is_some());
    assert_eq!(found, Err(BadName::LeadsOut));
}
