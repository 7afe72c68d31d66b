//! Paths of any bytes, by boards that are known and one that isn't: no board opens what is another client's, nothing outside
//! the tree and the clients' roots is opened, and what is private goes to its own board only.
#![no_main]

use std::net::Ipv4Addr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::{Arc, LazyLock, RwLock};

use libfuzzer_sys::fuzz_target;
use piprov::board::{Known, Mac, Serial, Who};
use piprov::netboot::content::NetbootSource;
use piprov::netboot::content::clients::{NetbootClient, NetbootClients};
use piprov::tftp::source::{Content, Got};

/// Parts of paths that are worth trying; a byte below their number stands for one of them.
const PARTS: [&str; 24] = [
    "/",
    "/",
    "..",
    ".",
    "",
    "1",
    "00000001",
    "00000002",
    "00000003",
    "dc-a6-32-00-00-01",
    "dc-a6-32-00-00-02",
    "DC:A6",
    "dca632000002",
    "1000000000000002",
    "lab",
    "other",
    "stolen",
    "whole",
    "up",
    "root",
    "secret",
    "open",
    "out",
    "%2e",
];

static LAB: LazyLock<(tempfile::TempDir, NetbootSource)> = LazyLock::new(lab);

fn mac(last: u8) -> Mac {
    Mac::new([0xdc, 0xa6, 0x32, 0, 0, last])
}

fn put(path: &Path, content: &str, mode: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// Each file says whose it is: `1`, `2`, `3` (by nobody's record), `0` (everybody's) or `x` (nobody's), and then `s`
/// where it is private.
fn lab() -> (tempfile::TempDir, NetbootSource) {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    for (n, name) in [(1, "00000001"), (2, "00000002"), (3, "00000003")] {
        put(&tree.join(name).join("secret"), &format!("{n}s"), 0o600);
        put(&tree.join(name).join("open"), &format!("{n}"), 0o644);
        if n < 3 {
            put(&dir.path().join(format!("root{n}/secret")), &format!("{n}s"), 0o600);
            put(&dir.path().join(format!("root{n}/open")), &format!("{n}"), 0o644);
        }
    }
    put(&tree.join("lab/open"), "0", 0o644);
    put(&dir.path().join("out/open"), "x", 0o644);
    for (target, link) in [
        ("00000002", "dc-a6-32-00-00-02"),
        ("../00000002", "lab/other"),
        ("../00000002", "00000001/other"),
        ("../00000002/secret", "00000001/stolen"),
        ("..", "00000001/up"),
        ("../../out", "00000001/out"),
        ("../../root2", "00000001/root"),
        ("../root2", "root"),
        (".", "whole"),
        ("/", "00000001/whole"),
    ] {
        symlink(target, tree.join(link)).unwrap();
    }
    let client = |n: u8| NetbootClient {
        name: format!("c{n}"),
        serial: Some(Serial::of_low(n.into())),
        mac: Some(mac(n)),
        root: Some(dir.path().canonicalize().unwrap().join(format!("root{n}"))),
        tftp: None,
    };
    let boards = Arc::new(Known::default());
    for n in 1..=2 {
        boards.learn(&Who {
            serial: Some(Serial::of_low(n.into())),
            address: Some(Ipv4Addr::new(10, 0, 0, n).into()),
            ..Who::with_mac(mac(n))
        });
    }
    let clients = Arc::new(RwLock::new(NetbootClients::new(vec![client(1), client(2)])));
    let source = NetbootSource::new(&tree, boards, clients, Box::new(|_| None)).unwrap();
    (dir, source)
}

fuzz_target!(|bytes: &[u8]| {
    let [who, rest @ ..] = bytes else { return };
    let who = who % 3 + 1;
    let mut path = Vec::new();
    for byte in rest {
        match PARTS.get(usize::from(*byte)) {
            Some(part) => path.extend_from_slice(part.as_bytes()),
            None => path.push(*byte),
        }
    }
    let Ok((mut file, _)) = LAB.1.find(Ipv4Addr::new(10, 0, 0, who).into(), &path) else { return };
    let mut content = [0; 8];
    let Ok(Got::Bytes(len)) = file.read_at(&mut content, 0) else { panic!("a file is there") };
    let (whose, private) = (content[0], len > 1);
    let fine = match whose {
        b'0' => true,
        b'1' | b'2' => whose == b'0' + who || (who == 3 && !private),
        b'3' => !private,
        _ => false,
    };
    assert!(fine, "{who} asks for {:?} and gets {:?}", String::from_utf8_lossy(&path), &content[..len]);
});
