use super::*;
use crate::netboot::content::clients::Client;
use crate::tftp::source::{Content, Got};
use std::os::unix::fs::symlink;

const FOUR: &str = "9c1d03f2";
const FOUR_MAC: &str = "dc-a6-32-01-36-c2";

struct Rig {
    dir: tempfile::TempDir,
    boards: Arc<Boards>,
    clients: Vec<Client>,
    neighbours: Vec<(Ipv4Addr, Mac)>,
}

fn mac(text: &str) -> Mac {
    text.parse().unwrap()
}

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

impl Rig {
    fn new(files: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let rig = Self { dir, boards: Arc::default(), clients: Vec::new(), neighbours: Vec::new() };
        rig.put(files);
        rig
    }

    /// Files whose content is their path.
    fn put(&self, files: &[&str]) {
        for file in files {
            let path = self.path("tftp").join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What a board at this address gets: the content, or the code of the refusal.
    fn ask(&self, from: Ipv4Addr, path: &str) -> Result<String, u16> {
        let neighbours = self.neighbours.clone();
        let source = NetbootSource::new(
            &self.path("tftp"),
            Arc::clone(&self.boards),
            Arc::new(RwLock::new(Clients::new(self.clients.clone()))),
            Box::new(move |ip| neighbours.iter().find(|(at, _)| *at == ip).map(|(_, mac)| *mac)),
        )
        .unwrap();
        let (mut file, _) = source.find(from.into(), path.as_bytes()).map_err(|refusal| refusal.code.0)?;
        let mut bytes = vec![0; 4096];
        let Got::Bytes(len) = file.read_at(&mut bytes, 0).unwrap() else { panic!("a file is there") };
        Ok(String::from_utf8(bytes[..len].to_vec()).unwrap())
    }

    fn gives(&self, from: u8, path: &str, content: &str) {
        assert_eq!(self.ask(ip(from), path), Ok(content.to_owned()), "{path}");
    }

    fn lacks(&self, from: u8, path: &str) {
        assert_eq!(self.ask(ip(from), path), Err(1), "{path}");
    }
}

#[test]
fn a_prefix_is_a_directory() {
    let rig = Rig::new(&["9c1d03f2/start4.elf", "dc-a6-32-01-36-c2/cmdline.txt", "start4.elf"]);
    // Who asks doesn't matter.
    rig.gives(9, "9c1d03f2/start4.elf", "9c1d03f2/start4.elf");
    rig.gives(9, "/9c1d03f2/start4.elf", "9c1d03f2/start4.elf");
    rig.gives(9, "dc-a6-32-01-36-c2/cmdline.txt", "dc-a6-32-01-36-c2/cmdline.txt");
    // A board without a directory is told so, leaves its prefix out, and gets what all share.
    rig.lacks(9, "00000001/start4.elf");
    rig.gives(9, "start4.elf", "start4.elf");
    rig.lacks(9, "bootsig.bin");
    rig.lacks(9, "9c1d03f2");
    rig.lacks(9, "9c1d03f2/");
}

#[test]
fn without_a_prefix_it_counts_who_asks() {
    let mut rig = Rig::new(&["9c1d03f2/start.elf", "start.elf", "bootcode.bin"]);
    rig.gives(9, "start.elf", "start.elf");
    rig.boards.learn(mac(FOUR_MAC), Some(0x9c1d_03f2), Some(ip(9)));
    rig.gives(9, "start.elf", "9c1d03f2/start.elf");
    rig.gives(10, "start.elf", "start.elf");
    // The boot ROM's first question comes from a directory too, if there is one in it.
    rig.gives(9, "bootcode.bin", "bootcode.bin");
    rig.put(&["9c1d03f2/bootcode.bin"]);
    rig.gives(9, "bootcode.bin", "9c1d03f2/bootcode.bin");
    // A boot ROM in proxy mode has its address from another server: the kernel's neighbours tell whose it is.
    rig.neighbours.push((ip(11), mac(FOUR_MAC)));
    rig.gives(11, "start.elf", "9c1d03f2/start.elf");
}

#[test]
fn both_names_of_a_board_mean_its_directory() {
    let mut rig = Rig::new(&["dc-a6-32-01-36-c2/start4.elf"]);
    rig.lacks(9, "9c1d03f2/start4.elf");
    rig.boards.learn(mac(FOUR_MAC), Some(0x9c1d_03f2), Some(ip(9)));
    rig.gives(9, "9c1d03f2/start4.elf", "dc-a6-32-01-36-c2/start4.elf");
    // Another board's serial number doesn't lead there.
    rig.lacks(9, "9c1d03f3/start4.elf");
    // The record knows both before the board was heard.
    rig.boards = Arc::default();
    rig.lacks(9, "9c1d03f2/start4.elf");
    rig.clients = vec![Client {
        name: "porch".to_owned(),
        serial: Some(0x9c1d_03f2),
        mac: Some(mac(FOUR_MAC)),
        root: None,
        tftp: None,
    }];
    rig.gives(9, "9c1d03f2/start4.elf", "dc-a6-32-01-36-c2/start4.elf");
    // A record of the serial number alone: the neighbour's address tells nothing, DHCP does.
    rig.put(&["00000007/config.txt"]);
    rig.clients[0] = Client { serial: Some(7), mac: None, ..rig.clients[0].clone() };
    rig.boards.learn(mac("dc:a6:32:00:00:07"), Some(7), Some(ip(12)));
    rig.gives(12, "config.txt", "00000007/config.txt");
}

#[test]
fn a_directory_without_a_system_lies_over_the_shared_files() {
    let shared = ["start4.elf", "config.txt", "kernel8.img", "overlays/disable-bt.dtbo", "cmdline.txt"];
    let rig = Rig::new(&shared);
    rig.put(&["9c1d03f2/cmdline.txt", "9c1d03f2/config.txt"]);
    for (path, content) in [
        ("9c1d03f2/cmdline.txt", "9c1d03f2/cmdline.txt"),
        ("9c1d03f2/start4.elf", "start4.elf"),
        ("9c1d03f2/kernel8.img", "kernel8.img"),
        ("9c1d03f2/overlays/disable-bt.dtbo", "overlays/disable-bt.dtbo"),
    ] {
        rig.gives(9, path, content);
    }
    rig.lacks(9, "9c1d03f2/kernel7.img");
}

#[test]
fn versions_are_not_mixed() {
    let rig = Rig::new(&[
        "kernel8.img",
        "config.txt",
        "pieeprom.upd",
        "bootcode.bin",
        "overlays/x.dtbo",
        "lab/start4.elf",
    ]);
    for own in ["start4.elf", "kernel_2712.img", "bcm2711-rpi-4-b.dtb", "overlays/y.dtbo", "initramfs8"] {
        let path = rig.path("tftp").join(FOUR);
        let _ = std::fs::remove_dir_all(path);
        rig.put(&[&format!("{FOUR}/{own}")]);
        for gone in ["kernel8.img", "config.txt", "overlays/x.dtbo"] {
            rig.lacks(9, &format!("{FOUR}/{gone}"));
        }
        rig.gives(9, &format!("{FOUR}/pieeprom.upd"), "pieeprom.upd");
        rig.gives(9, &format!("{FOUR}/bootcode.bin"), "bootcode.bin");
    }
    // A prefix of free choice (`TFTP_PREFIX_STR=lab/`).
    rig.boards.learn(mac(FOUR_MAC), Some(0x9c1d_03f2), Some(ip(9)));
    rig.gives(9, "lab/start4.elf", "lab/start4.elf");
    rig.lacks(9, "kernel8.img");
}

#[test]
fn links_lead_into_the_tree_and_into_the_clients_own_root_only() {
    let mut rig = Rig::new(&["9c1d03f2/config.txt", "00000002/config.txt", "common/kernel8.img"]);
    let (porch, attic) = (rig.path("porch"), rig.path("attic"));
    for root in [&porch, &attic] {
        std::fs::create_dir_all(root.join("boot")).unwrap();
        std::fs::write(root.join("boot/start4.elf"), "from the root").unwrap();
    }
    std::fs::write(rig.path("secret"), "secret").unwrap();
    let own = rig.path("tftp/9c1d03f2");
    symlink("../common/kernel8.img", own.join("kernel8.img")).unwrap();
    symlink(rig.path("tftp/common/kernel8.img"), own.join("kernel7.img")).unwrap();
    symlink(porch.join("boot/start4.elf"), own.join("start4.elf")).unwrap();
    symlink(attic.join("boot/start4.elf"), own.join("start.elf")).unwrap();
    symlink(rig.path("secret"), own.join("fixup4.dat")).unwrap();
    symlink("../../secret", own.join("cmdline.txt")).unwrap();
    symlink("/", own.join("overlays")).unwrap();
    symlink("/dev/zero", own.join("initramfs8")).unwrap();
    symlink("loop", own.join("loop")).unwrap();
    symlink(porch.join("boot"), rig.path("tftp/dc-a6-32-00-00-05")).unwrap();
    rig.gives(9, "9c1d03f2/kernel8.img", "common/kernel8.img");
    rig.gives(9, "9c1d03f2/kernel7.img", "common/kernel8.img");
    assert_eq!(rig.ask(ip(9), "9c1d03f2/start4.elf"), Err(2), "no client has that root yet");
    let client = |serial, mac: &str, root: &Path| Client {
        name: "x".to_owned(),
        serial: Some(serial),
        mac: Some(self::mac(mac)),
        root: Some(root.to_owned()),
        tftp: None,
    };
    rig.clients =
        vec![client(0x9c1d_03f2, "dc:a6:32:00:00:05", &porch), client(2, "dc:a6:32:00:00:06", &attic)];
    rig.gives(9, "9c1d03f2/start4.elf", "from the root");
    // The whole directory may be a link.
    rig.gives(9, "dc-a6-32-00-00-05/start4.elf", "from the root");
    for out in ["start.elf", "fixup4.dat", "cmdline.txt", "overlays/etc/passwd", "initramfs8", "loop"] {
        let got = rig.ask(ip(9), &format!("9c1d03f2/{out}"));
        assert!(matches!(got, Err(1 | 2)), "{out}: {got:?}");
    }
    for out in ["../secret", "9c1d03f2/../../secret", "..", "/../secret", "9c1d03f2\\x", "a\nb"] {
        assert!(rig.ask(ip(9), out).is_err(), "{out}");
    }
}

#[test]
fn strange_paths_are_refused() {
    let rig = Rig::new(&["config.txt"]);
    std::fs::create_dir(rig.path("tftp/overlays")).unwrap();
    for path in ["overlays", "config.txt/", "config.txt/x", "", "/", "9c1d03f2/"] {
        assert_eq!(rig.ask(ip(9), path), Err(1), "{path}");
    }
    let source =
        NetbootSource::new(&rig.path("tftp"), Arc::default(), Arc::default(), Box::new(|_| None)).unwrap();
    assert_eq!(source.find(ip(9).into(), b"\xff\xfe").unwrap_err().code, Code::NOT_FOUND);
    assert!(source.find("fe80::1".parse().unwrap(), b"config.txt").is_ok());
}

#[test]
fn a_host_that_can_open_no_more_files_says_so() {
    use crate::beneath::testing::{alone, no_more_files};
    alone("netboot::content::tests::a_host_that_can_open_no_more_files_says_so", || {
        let rig = Rig::new(&["9c1d03f2/config.txt", "9c1d03f2/kernel8.img", "config.txt", "start4.elf"]);
        let source = NetbootSource::new(
            &rig.path("tftp"),
            Arc::clone(&rig.boards),
            Arc::new(RwLock::new(Clients::new(Vec::new()))),
            Box::new(|_| None),
        )
        .unwrap();
        no_more_files(true);
        let asked = ["9c1d03f2/config.txt", "9c1d03f2/start4.elf", "config.txt"]
            .map(|path| source.find(ip(7).into(), path.as_bytes()).map(|_| ()));
        no_more_files(false);
        for refusal in asked {
            let refusal = refusal.unwrap_err();
            assert_eq!(refusal.code, Code::NOT_DEFINED);
            assert!(refusal.message.contains("Too many open files"), "{}", refusal.message);
        }
    });
}
