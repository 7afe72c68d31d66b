use super::*;
use crate::board::Serial;
use crate::netboot::content::clients::NetbootClient;
use crate::tftp::source::{Content, Got};
use std::os::unix::fs::symlink;
use std::path::PathBuf;

const FOUR: &str = "9c1d03f2";
const FOUR_MAC: &str = "dc-a6-32-01-36-c2";

struct Rig {
    dir: tempfile::TempDir,
    boards: Arc<Known>,
    clients: Vec<NetbootClient>,
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
            Arc::new(RwLock::new(NetbootClients::new(self.clients.clone()))),
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
    // The sender doesn't matter.
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
    rig.boards.learn(&who(mac(FOUR_MAC), 0x9c1d_03f2, 9));
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
    rig.boards.learn(&who(mac(FOUR_MAC), 0x9c1d_03f2, 9));
    rig.gives(9, "9c1d03f2/start4.elf", "dc-a6-32-01-36-c2/start4.elf");
    // Another board's serial number doesn't lead there.
    rig.lacks(9, "9c1d03f3/start4.elf");
    // The record knows both before the board was heard.
    rig.boards = Arc::default();
    rig.lacks(9, "9c1d03f2/start4.elf");
    rig.clients = vec![NetbootClient {
        name: "porch".to_owned(),
        serial: Some(Serial::of_low(0x9c1d_03f2)),
        mac: Some(mac(FOUR_MAC)),
        root: None,
        tftp: None,
    }];
    rig.gives(9, "9c1d03f2/start4.elf", "dc-a6-32-01-36-c2/start4.elf");
    // A record of the serial number alone: the neighbour's address tells nothing, DHCP does.
    rig.put(&["00000007/config.txt"]);
    rig.clients[0] = NetbootClient { serial: Some(Serial::of_low(7)), mac: None, ..rig.clients[0].clone() };
    rig.boards.learn(&who(mac("dc:a6:32:00:00:07"), 7, 12));
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
    rig.boards.learn(&who(mac(FOUR_MAC), 0x9c1d_03f2, 9));
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
    let client = |serial, mac: &str, root: &Path| NetbootClient {
        name: "x".to_owned(),
        serial: Some(Serial::of_low(serial)),
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

fn who(mac: Mac, serial: u32, last: u8) -> Who {
    Who { serial: Some(Serial::of_low(serial)), address: Some(ip(last).into()), ..Who::with_mac(mac) }
}

fn client(serial: u32, mac: &str, root: Option<&Path>) -> NetbootClient {
    let (serial, mac) = (Some(Serial::of_low(serial)), Some(self::mac(mac)));
    NetbootClient { name: "x".to_owned(), serial, mac, root: root.map(Path::to_owned), tftp: None }
}

/// Two clients with roots, a third directory that no record knows, and every link that may lead from one to another.
/// 9 asks as the first, 10 as the second; which board asks as 11 isn't known.
fn neighbourhood() -> Rig {
    let mut rig = Rig::new(&[
        "00000001/config.txt",
        "00000001/secret",
        "00000002/config.txt",
        "00000002/secret",
        "00000003/config.txt",
        "00000003/secret",
        "common/kernel8.img",
        "config.txt",
    ]);
    for n in 1..=2 {
        std::fs::create_dir(rig.path(&format!("root{n}"))).unwrap();
        std::fs::write(rig.path(&format!("root{n}/secret")), format!("root{n}/secret")).unwrap();
        std::fs::write(rig.path(&format!("root{n}/open")), format!("root{n}/open")).unwrap();
    }
    let private = |path: PathBuf| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
    };
    for n in 1..=3 {
        private(rig.path(&format!("tftp/0000000{n}/secret")));
    }
    for n in 1..=2 {
        private(rig.path(&format!("root{n}/secret")));
    }
    let tree = rig.path("tftp");
    // The other name of the second; a folder with one more way there; links in the first's directory, which it may
    // write; links among the shared files.
    symlink("00000002", tree.join("dc-a6-32-00-00-02")).unwrap();
    symlink("../00000002", tree.join("common/two")).unwrap();
    symlink(".", tree.join("00000001/here")).unwrap();
    symlink("..", tree.join("00000001/up")).unwrap();
    symlink("../00000002", tree.join("00000001/other")).unwrap();
    symlink("../00000002/secret", tree.join("00000001/stolen")).unwrap();
    symlink("../00000002/config.txt", tree.join("00000001/cmdline.txt")).unwrap();
    symlink(tree.join("00000002/secret"), tree.join("00000001/absolute")).unwrap();
    symlink(rig.path("root2/secret"), tree.join("00000001/root")).unwrap();
    symlink(rig.path("root2"), tree.join("00000001/whole")).unwrap();
    symlink("00000002/secret", tree.join("stolen")).unwrap();
    symlink(rig.path("root2/open"), tree.join("open")).unwrap();
    rig.clients = vec![
        client(1, "dc:a6:32:00:00:01", Some(&rig.path("root1"))),
        client(2, "dc:a6:32:00:00:02", Some(&rig.path("root2"))),
    ];
    rig.boards.learn(&who(mac("dc:a6:32:00:00:01"), 1, 9));
    rig.boards.learn(&who(mac("dc:a6:32:00:00:02"), 2, 10));
    rig
}

/// Ways to write the path of something in the second's directory.
const SPELLINGS: [&str; 16] = [
    "00000002/",
    "/00000002/",
    "./00000002/",
    "//00000002//",
    "/./00000002/./",
    "common/../00000002/",
    "00000001/../00000002/",
    "%30%30%30%30%30%30%30%32/",
    "dc-a6-32-00-00-02/",
    "./dc-a6-32-00-00-02/",
    "DC-A6-32-00-00-02/",
    "dc:a6:32:00:00:02/",
    "common/two/",
    "./common//two/",
    "00000001/other/",
    "00000001/up/00000002/",
];

#[test]
fn a_clients_files_go_to_that_client_alone_however_the_path_is_written() {
    let rig = neighbourhood();
    for spelling in SPELLINGS {
        for file in ["secret", "config.txt"] {
            let path = format!("{spelling}{file}");
            let wanted = format!("00000002/{file}");
            let got = rig.ask(ip(9), &path);
            assert_ne!(got, Ok(wanted.clone()), "the first asks for {path}");
            // Which board asks isn't known: what every user of the host may read, where it is asked for by its own
            // name.
            let got = rig.ask(ip(11), &path);
            assert!(got != Ok(wanted) || file == "config.txt", "a stranger asks for {path}");
        }
    }
    for path in ["stolen", "absolute", "root", "whole/secret", "whole/open", "cmdline.txt", "here/stolen"] {
        for path in [format!("00000001/{path}"), path.to_owned()] {
            let got = rig.ask(ip(9), &path);
            assert!(matches!(got, Err(1 | 2)), "the first asks for {path}: {got:?}");
        }
    }
    rig.lacks(9, "00000002/config.txt");
    assert_eq!(rig.ask(ip(9), "open"), Err(2));
    assert_eq!(rig.ask(ip(11), "stolen"), Err(2));
    assert_eq!(rig.ask(ip(11), "00000002/secret"), Err(2));
    // And it goes there by each of these.
    for path in ["00000002/secret", "./00000002//secret", "dc-a6-32-00-00-02/secret", "secret", "stolen"] {
        rig.gives(10, path, "00000002/secret");
    }
    rig.gives(10, "open", "root2/open");
    rig.gives(11, "00000002/config.txt", "00000002/config.txt");
    rig.gives(9, "00000001/here/secret", "00000001/secret");
    // A directory that nobody has claimed is served as before, but for what is private.
    rig.gives(9, "00000003/config.txt", "00000003/config.txt");
    assert_eq!(rig.ask(ip(9), "00000003/secret"), Err(2));
}

#[test]
fn two_boards_may_share_a_directory_by_a_link_in_the_root() {
    let rig = neighbourhood();
    std::fs::remove_dir_all(rig.path("tftp/00000001")).unwrap();
    symlink("00000002", rig.path("tftp/00000001")).unwrap();
    rig.gives(9, "00000001/config.txt", "00000002/config.txt");
    rig.gives(9, "config.txt", "00000002/config.txt");
    assert_eq!(rig.ask(ip(9), "00000001/secret"), Err(2));
    rig.lacks(9, "00000002/config.txt");
}

#[test]
fn an_address_that_changed_hands_takes_no_directory_away() {
    let mut rig = neighbourhood();
    // The second has the address that the first had once, and never asked for it.
    rig.neighbours.push((ip(9), mac("dc:a6:32:00:00:02")));
    rig.gives(9, "00000002/secret", "00000002/secret");
}

#[test]
fn a_number_or_an_address_that_is_only_claimed_gives_nothing() {
    // The second board says that it has the first one's serial number.
    let rig = neighbourhood();
    rig.boards.learn(&who(mac("dc:a6:32:00:00:02"), 1, 10));
    assert!(rig.ask(ip(10), "00000001/secret").is_err());
    rig.gives(9, "00000001/secret", "00000001/secret");
    // It says so before the first one is heard; the record knows better.
    let mut rig = neighbourhood();
    rig.boards = Arc::default();
    rig.boards.learn(&who(mac("dc:a6:32:00:00:02"), 1, 10));
    assert!(rig.ask(ip(10), "00000001/secret").is_err());
    // It writes the first one's MAC address into a packet, with an address of its own.
    let mut rig = neighbourhood();
    rig.boards.learn(&who(mac("dc:a6:32:00:00:01"), 1, 77));
    rig.neighbours.push((ip(77), mac("dc:a6:32:00:00:02")));
    assert!(rig.ask(ip(77), "00000001/secret").is_err());
}

proptest::proptest! {
    #[test]
    fn no_spelling_of_a_path_opens_what_is_another_clients(
        parts in proptest::collection::vec(
            proptest::sample::select(vec![
                "/", "/", "/", "/", ".", "..", "", "00000001", "00000002", "00000003", "dc-a6-32-00-00-02",
                "DC-A6-32-00-00-01", "dc:a6:32:00:00:02", "common", "two", "here", "up", "other", "stolen", "absolute",
                "root", "whole", "secret", "open", "config.txt", "cmdline.txt", "kernel8.img",
            ]),
            1..9,
        ),
        asker in 9..12_u8,
    ) {
        static RIG: std::sync::LazyLock<Rig> = std::sync::LazyLock::new(neighbourhood);
        let path = parts.concat();
        if let Ok(content) = RIG.ask(ip(asker), &path) {
            let whose = ["00000001", "root1", "00000002", "root2"].iter().position(|at| content.starts_with(at));
            let secret = content.ends_with("secret");
            let (mine, known) = (usize::from(asker) - 9, asker < 11);
            let fine = match whose.map(|at| at / 2) {
                Some(owner) => owner == mine || (!known && !secret),
                None => !secret,
            };
            proptest::prop_assert!(fine, "{asker} asks for {path:?} and gets {content}");
        }
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
            Arc::new(RwLock::new(NetbootClients::new(Vec::new()))),
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
