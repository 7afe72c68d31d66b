//! Somebody on the network who is not the board that is flashed. The board is a small TFTP client that does what its
//! boot script does; the others do what they like. Who is who is told apart by address.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::dhcp_support::{Lan, OURS};

const MAC: &str = "dc:a6:32:01:02:03";
const BOARD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 7);
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);
/// How long anything may take here that takes milliseconds on a machine with nothing else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A host that can speak TFTP to one server.
struct Host {
    address: Ipv4Addr,
    server: SocketAddrV4,
}

impl Host {
    /// Sends a request until there is an answer; none where it is refused.
    fn ask(&self, first: &[u8]) -> Option<(UdpSocket, std::net::SocketAddr, Vec<u8>)> {
        let socket = UdpSocket::bind((self.address, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let deadline = Instant::now() + PATIENCE;
        let mut buffer = vec![0; 9000];
        while Instant::now() < deadline {
            // Before the server is there, the system refuses.
            let _ = socket.send_to(first, self.server);
            if let Ok((len, from)) = socket.recv_from(&mut buffer) {
                let packet = buffer[..len].to_vec();
                return (packet[1] != 5).then_some((socket, from, packet));
            }
        }
        panic!("no answer to {}", String::from_utf8_lossy(first));
    }

    fn request(opcode: u8, path: &[u8], options: &[u8]) -> Vec<u8> {
        [&[0, opcode], path, b"\0octet\0", options].concat()
    }

    /// Fetches a file below the board's directory; none where it is refused.
    fn get(&self, path: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        let path = [MAC.as_bytes(), b"/", path.as_ref()].concat();
        let (socket, from, mut packet) = self.ask(&Self::request(1, &path, b"blksize\x001400\0"))?;
        let (mut bytes, mut acked, mut size) = (Vec::new(), 0u16, 512);
        loop {
            match packet[..] {
                [0, 6, ..] => size = 1400,
                [0, 3, high, low, ref data @ ..] => {
                    let block = u16::from_be_bytes([high, low]);
                    if block == acked.wrapping_add(1) {
                        bytes.extend_from_slice(data);
                        acked = block;
                        if data.len() < size {
                            let [high, low] = acked.to_be_bytes();
                            socket.send_to(&[0, 4, high, low], from).unwrap();
                            return Some(bytes);
                        }
                    }
                }
                _ => return None,
            }
            let [high, low] = acked.to_be_bytes();
            socket.send_to(&[0, 4, high, low], from).unwrap();
            let mut buffer = vec![0; 2000];
            let deadline = Instant::now() + PATIENCE;
            packet = loop {
                match socket.recv_from(&mut buffer) {
                    Ok((len, peer)) if peer == from => break buffer[..len].to_vec(),
                    _ => assert!(Instant::now() < deadline, "the transfer stalls"),
                }
            };
        }
    }

    /// Uploads a file of four bytes; says whether it was taken.
    fn put(&self, file: &str) -> bool {
        let path = format!("{MAC}/{file}");
        let Some((socket, from, _)) = self.ask(&Self::request(2, path.as_bytes(), b"")) else { return false };
        socket.send_to(&[0, 3, 0, 1, 0, 0, 0, 0], from).unwrap();
        let mut buffer = [0; 600];
        socket.recv_from(&mut buffer).is_ok_and(|(len, _)| len >= 4 && buffer[..4] == [0, 4, 0, 1])
    }

    /// A text of `name=value` lines.
    fn order(&self, path: &str) -> Option<BTreeMap<String, String>> {
        let text = String::from_utf8(self.get(path)?).unwrap();
        Some(
            text.lines().filter_map(|line| line.split_once('=')).map(|(a, b)| (a.into(), b.into())).collect(),
        )
    }
}

/// SipHash-2-4 as its authors describe it, of four words.
fn siphash(key: [u64; 2], words: [u64; 4]) -> u64 {
    let mut v = [
        key[0] ^ 0x736f6d6570736575,
        key[1] ^ 0x646f72616e646f6d,
        key[0] ^ 0x6c7967656e657261,
        key[1] ^ 0x7465646279746573,
    ];
    let round = |v: &mut [u64; 4]| {
        for (a, b, c, d, turn, other) in [(0, 1, 2, 3, 13, 16), (2, 1, 0, 3, 17, 21)] {
            v[a] = v[a].wrapping_add(v[b]);
            v[c] = v[c].wrapping_add(v[d]);
            v[b] = v[b].rotate_left(turn) ^ v[a];
            v[d] = v[d].rotate_left(other) ^ v[c];
            v[a] = v[a].rotate_left(32);
        }
    };
    for word in words.into_iter().chain([32 << 56]) {
        v[3] ^= word;
        round(&mut v);
        round(&mut v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    (0..4).for_each(|_| round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

/// What a board does after a start, or somebody who says that he is the board.
struct Board<'a> {
    host: Host,
    secret: Option<[u64; 2]>,
    /// Called before every request, with its path.
    before: &'a mut dyn FnMut(&str),
}

impl Board<'_> {
    /// Does what its orders say. Says whether it was told "done".
    fn run(self) -> bool {
        let nobody = |mac: &str| u64::from_str_radix(&mac.replace(':', ""), 16).unwrap();
        let mut proof: Option<(u64, u64)> = None;
        let sign = |proof: Option<(u64, u64)>, kind: u64, step: u64, value: u64| match (self.secret, proof) {
            (Some(secret), Some((nonce, order))) => {
                let words = [nonce, kind << 48 | nobody(MAC), order << 32 | step, value];
                format!("/{:x}", siphash(secret, words))
            }
            _ => String::new(),
        };
        let host = self.host;
        let mut ask = |path: &str| {
            (self.before)(path);
            host.order(path)
        };
        let Some(mut order) = ask("job/2000-14000") else { return false };
        if order["pp_do"] == "prove" {
            proof = Some((u64::from_str_radix(&order["pp_nonce"], 16).unwrap(), 0));
            let tag = sign(proof, 1, 0, 0x2000 << 32 | 0x14000);
            match ask(&format!("job/2000-14000{tag}")) {
                Some(first) if !tag.is_empty() => order = first,
                _ => return false,
            }
        }
        while order["pp_do"] == "write" {
            if let (Some((_, number)), Some(seq)) = (&mut proof, order.get("pp_seq")) {
                *number = u64::from_str_radix(seq, 16).unwrap();
            }
            let (job, n) = (&order["pp_job"], u64::from_str_radix(&order["pp_n"], 16).unwrap());
            let file = format!("{job}/{}{}", order["pp_file"], sign(proof, 2, n, 0));
            (self.before)(&file);
            let Some(bytes) = host.get(&file) else { return false };
            assert_eq!(bytes.len() as u64, u64::from_str_radix(&order["pp_len"], 16).unwrap());
            let sum = u64::from(crc32fast::hash(&bytes));
            let path = format!("{job}/read/{n:x}/{sum:x}{}", sign(proof, 3, n, sum));
            loop {
                (self.before)(&path);
                let Some(next) = host.order(&path) else { return false };
                if next["pp_do"] != "wait" {
                    order = next;
                    break;
                }
            }
        }
        if let (Some((_, number)), Some(seq)) = (&mut proof, order.get("pp_seq")) {
            *number = u64::from_str_radix(seq, 16).unwrap();
        }
        let done = order["pp_do"] == "done";
        if done {
            let path = format!("{}/OK{}", order["pp_job"], sign(proof, 5, 0, 0));
            (self.before)(&path);
            host.get(&path);
        }
        done
    }
}

/// An image with a table of one partition, which holds random bytes.
fn image(path: &Path) {
    let mut bytes = vec![0; 9 << 20];
    let mut seed = 7u32;
    for byte in &mut bytes[8 << 20..] {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (seed >> 24) as u8;
    }
    bytes[446..462].copy_from_slice(&[0, 0, 0, 0, 0x83, 0, 0, 0, 0, 0x40, 0, 0, 0, 8, 0, 0]);
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    std::fs::write(path, bytes).unwrap();
}

/// `piprov flash lab-01 os.img` that runs.
struct Flash {
    dir: tempfile::TempDir,
    server: SocketAddrV4,
    child: Child,
    lines: Receiver<String>,
    stderr: Option<std::thread::JoinHandle<String>>,
    began: Instant,
}

/// How it ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    events: Vec<Value>,
    output: String,
    took: Duration,
}

impl Flash {
    /// Starts it with this database, for boards at loopback addresses.
    fn start(database: &str, arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("targets.csv"), database).unwrap();
        Self::start_in(dir, arguments)
    }

    fn start_in(dir: tempfile::TempDir, arguments: &[&str]) -> Self {
        let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = SocketAddrV4::new(Ipv4Addr::LOCALHOST, free);
        Self::with(crate::common::piprov(), dir, server, arguments)
    }

    fn with(
        mut command: std::process::Command,
        dir: tempfile::TempDir,
        server: SocketAddrV4,
        arguments: &[&str],
    ) -> Self {
        image(&dir.path().join("os.img"));
        command.args(["flash", "lab-01", "os.img", "--json", "--no-reset", "--targets", "targets.csv"]);
        command.arg("--listen").arg(server.to_string()).args(arguments).current_dir(dir.path());
        command.env("PIPROV_STATE_DIR", dir.path().join("state"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = err.read_to_string(&mut text);
            text
        });
        Self { dir, server, child, lines, stderr: Some(stderr), began: Instant::now() }
    }

    fn host(&self, address: Ipv4Addr) -> Host {
        Host { address, server: self.server }
    }

    /// Runs the board, or whoever says so, at an address.
    fn board(&self, address: Ipv4Addr, secret: Option<[u64; 2]>, before: &mut dyn FnMut(&str)) -> bool {
        Board { host: self.host(address), secret, before }.run()
    }

    fn end(mut self) -> Ended {
        let mut output = Vec::new();
        while let Some(left) = (PATIENCE * 2).checked_sub(self.began.elapsed())
            && let Ok(line) = self.lines.recv_timeout(left)
        {
            output.push(line);
        }
        assert!(self.began.elapsed() < PATIENCE * 2, "it goes on and on: {output:#?}");
        let status = self.child.wait().unwrap();
        let events = output.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut output = output.join("\n") + &self.stderr.take().unwrap().join().unwrap();
        for record in std::fs::read_dir(self.dir.path().join("state/runs")).into_iter().flatten() {
            output += &std::fs::read_to_string(record.unwrap().path()).unwrap();
        }
        Ended { code: status.code(), events, output, took: self.began.elapsed() }
    }
}

impl Drop for Flash {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    fn run(&self) -> &Value {
        &self.events.iter().find(|event| event["event"] == "result").unwrap_or_else(|| panic!("{self:#?}"))["record"]
    }

    /// The reasons why this address was refused, as they were told.
    fn refused(&self, address: Ipv4Addr) -> Vec<&str> {
        let told = self.events.iter().filter(|event| event["event"] == "refused");
        let his = told.filter(|event| event["peer"] == address.to_string());
        his.map(|event| event["why"].as_str().unwrap()).collect()
    }

    fn assert_done(&self, authenticated: bool, bound: &str) {
        let run = self.run();
        assert_eq!((self.code, run["outcome"].as_str()), (Some(0), Some("done")), "{self:#?}");
        assert_eq!(
            (run["detail"]["authenticated"].as_bool(), run["detail"]["bound"].as_str()),
            (Some(authenticated), Some(bound))
        );
    }
}

fn row(ip: impl std::fmt::Display) -> String {
    format!("name,mac,ip,reset\nlab-01,{MAC},{ip},\n")
}

#[test]
fn a_host_that_asks_in_a_boards_name_is_refused_and_the_board_finishes() {
    let flash = Flash::start(&row(BOARD), &["--timeout", "60"]);
    assert!(!flash.board(OTHER, None, &mut |_| {}), "the stranger was told that it is done");
    let other = flash.host(OTHER);
    // In the middle of the job, too: whatever the board is about to ask, somebody else asks first, and more.
    let board = flash.board(BOARD, None, &mut |path| {
        assert_eq!(other.get(path), None, "{path}");
        let job = path.split('/').next().unwrap();
        assert_eq!(other.get(format!("{job}/fail/0/size")), None);
        assert_eq!(other.get(format!("{job}/OK")), None);
        assert!(!other.put("FAILED"));
    });
    assert!(board);
    let ended = flash.end();
    ended.assert_done(false, "database");
    assert_eq!(ended.run()["board"]["address"], BOARD.to_string());
    let refused = ended.refused(OTHER);
    assert!(refused.len() == 2 && refused[0].contains(&BOARD.to_string()), "told once a reason: {refused:?}");
    let counted =
        |event: &&Value| event["text"].as_str().is_some_and(|text| text.contains(&OTHER.to_string()));
    assert_eq!(ended.events.iter().filter(counted).count(), 2, "{ended:#?}");
}

#[test]
fn without_an_address_in_the_database_the_first_one_keeps_the_job() {
    let flash = Flash::start(&row(""), &["--timeout", "60"]);
    let other = flash.host(OTHER);
    let mut first = true;
    let board = flash.board(BOARD, None, &mut |path| {
        if !std::mem::take(&mut first) {
            assert_eq!(other.get(path), None, "{path}");
        }
    });
    assert!(board);
    let ended = flash.end();
    // Only this machine was served, and that is what is said.
    ended.assert_done(false, "this-machine");
    assert!(ended.refused(OTHER)[0].contains("the job belongs to 127.0.0.7"), "{ended:#?}");
}

#[test]
fn one_request_or_upload_of_an_original_card_ends_nothing() {
    let flash = Flash::start(&row(BOARD), &["--timeout", "60"]);
    let hosts = [flash.host(OTHER), flash.host(BOARD)];
    let original = |hosts: &[Host]| {
        for host in hosts {
            assert_eq!(host.get("rpi_image_part_0"), None);
            assert_eq!(host.get("rpi_image_part_8796093022208"), None);
            for report in ["OK", "FAILED", "FAIL"] {
                assert!(!host.put(report), "{report} of {}", host.address);
            }
        }
    };
    original(&hosts);
    assert!(flash.board(BOARD, None, &mut |_| original(&hosts)));
    let ended = flash.end();
    ended.assert_done(false, "database");
    let told = ended.refused(BOARD);
    assert!(told.len() == 1 && told[0].contains("card of the original's kind"), "{told:?}");
}

/// Asks for what nobody understands until the server has gone.
fn noise(host: &Host, until: &std::sync::atomic::AtomicBool) {
    let odd: [&[u8]; 9] = [
        b"config.txt",
        b"\x1b[2J\x1b[1;1Hdone  read back and equal\r\n",
        b"00000000/read/0/0",
        b"job/",
        b"rpi_image_part_0",
        b"../../etc/passwd",
        b"\xff\xfe",
        b"read/0/0",
        b"////",
    ];
    let socket = UdpSocket::bind((host.address, 0)).unwrap();
    for path in odd.iter().cycle() {
        if until.load(std::sync::atomic::Ordering::Relaxed) {
            return;
        }
        let path = [MAC.as_bytes(), b"/", path].concat();
        let _ = socket.send_to(&Host::request(1, &path, b""), host.server);
        // Noise, not a flood: what is shown is that no amount of it counts.
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Ends the noise, also where the test fails.
struct Quiet<'a>(&'a std::sync::atomic::AtomicBool);

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn noise_does_not_keep_a_dead_board_heard() {
    for begun in [false, true] {
        let flash = Flash::start(&row(BOARD), &["--timeout", "3"]);
        let (board, other) = (flash.host(BOARD), flash.host(OTHER));
        if begun {
            // It gets its first order, and loses its power.
            assert!(board.get("job/2000-14000").is_some());
        }
        let over = std::sync::atomic::AtomicBool::new(false);
        let ended = std::thread::scope(|scope| {
            scope.spawn(|| noise(&board, &over));
            scope.spawn(|| noise(&other, &over));
            let _quiet = Quiet(&over);
            flash.end()
        });
        assert_eq!(ended.code, Some(69), "{ended:#?}");
        assert!(ended.run()["why"].as_str().unwrap().contains("nothing was heard"), "{ended:#?}");
        assert!(ended.took < Duration::from_secs(30), "{:?}", ended.took);
        assert!(!ended.output.chars().any(|c| c.is_control() && c != '\n'), "{:?}", ended.output);
    }
}

/// A directory with a database that names a secret, and the secret.
fn with_secret(mode: u32) -> (tempfile::TempDir, [u64; 2]) {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let database = format!("name,mac,ip,reset,secret\nlab-01,{MAC},{BOARD},,lab-01.secret\n");
    std::fs::write(dir.path().join("targets.csv"), database).unwrap();
    let secret = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210];
    let file = dir.path().join("lab-01.secret");
    std::fs::write(&file, format!("{:016x}{:016x}\n", secret[0], secret[1])).unwrap();
    std::fs::set_permissions(file, PermissionsExt::from_mode(mode)).unwrap();
    (dir, secret)
}

#[test]
fn who_does_not_know_the_secret_gets_nothing_from_the_right_address_either() {
    let (dir, secret) = with_secret(0o600);
    let mut heard = Vec::new();
    let flash = Flash::start_in(dir, &["--timeout", "60"]);
    assert!(!flash.board(BOARD, None, &mut |_| {}), "without a proof");
    assert!(!flash.board(BOARD, Some([1, 2]), &mut |_| {}), "with another secret");
    let attacker = flash.host(BOARD);
    let board = flash.board(BOARD, Some(secret), &mut |path| {
        // Everything but the last word again, and what it could be without its proof.
        for old in &heard {
            attacker.get(old);
        }
        let bare = path.rsplit_once('/').unwrap().0;
        if path.starts_with("job/") {
            assert!(attacker.order(&format!("{bare}/2000-14000/1")).is_none());
        } else {
            assert_eq!(attacker.get(bare), None, "{bare}");
            assert_eq!(attacker.get(format!("{bare}/0123456789abcdef")), None);
            let job = path.split('/').next().unwrap();
            assert_eq!(attacker.get(format!("{job}/fail/0/size")), None);
        }
        assert_eq!(attacker.get("rpi_image_part_0"), None);
        assert!(!attacker.put("FAILED"));
        heard.push(path.to_owned());
    });
    assert!(board, "the board itself was kept from it");
    let ended = flash.end();
    ended.assert_done(true, "secret");
    for half in ["0123456789abcdef", "fedcba9876543210"] {
        assert!(!ended.output.contains(half), "{ended:#?}");
    }

    // Another flash of the same board: what was heard in the first one is worth nothing.
    let (dir, secret) = with_secret(0o600);
    let flash = Flash::start_in(dir, &["--timeout", "60"]);
    let attacker = flash.host(BOARD);
    for old in heard.iter().filter(|path| path.split('/').count() > 2 || !path.starts_with("job/")) {
        assert_eq!(attacker.get(old), None, "{old}");
    }
    assert!(flash.board(BOARD, Some(secret), &mut |_| {}));
    let ended = flash.end();
    ended.assert_done(true, "secret");
    assert_eq!(ended.run()["detail"]["steps"].as_array().unwrap().len(), 3);
}

#[test]
fn a_secret_that_others_may_read_is_refused() {
    let (dir, _) = with_secret(0o644);
    let ended = Flash::start_in(dir, &["--timeout", "1"]).end();
    assert_eq!(ended.code, Some(78), "{ended:#?}");
    assert!(ended.output.contains("mode 0644") && ended.output.contains("chmod 600"), "{ended:#?}");
    assert!(!ended.output.contains("0123456789abcdef"));
    assert!(!ended.events.iter().any(|event| event["event"] == "result"), "nothing was begun: {ended:#?}");
}

#[test]
fn a_job_belongs_to_the_address_that_arp_gives_to_the_board() {
    let mut lan = Lan::new();
    let (board, other) = (Ipv4Addr::new(10, 99, 0, 7), Ipv4Addr::new(10, 99, 0, 66));
    lan.host("board", Some(board));
    lan.host("other", Some(other));
    let link = ["-n", &lan.space("board"), "link", "set", "eth0", "address", MAC];
    assert!(std::process::Command::new("ip").args(link).status().unwrap().success());

    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("targets.csv"), row("")).unwrap();
    let server = SocketAddrV4::new(OURS, 69);
    let mut command = lan.command("ours", env!("CARGO_BIN_EXE_piprov"));
    crate::common::clean(&mut command);
    let flash = Flash::with(command, dir, server, &["--timeout", "60"]);
    // Whoever comes first: the board's MAC address decides.
    let run = |address| Board { host: Host { address, server }, secret: None, before: &mut |_| {} }.run();
    assert!(!lan.inside("other", || run(other)));
    assert!(lan.inside("board", || run(board)));
    let ended = flash.end();
    ended.assert_done(false, "neighbour");
    assert_eq!(ended.run()["board"]["address"], board.to_string());
    assert!(ended.refused(other)[0].contains("its MAC address is"), "{ended:#?}");
}
