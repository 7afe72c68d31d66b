//! Hosts on the network that are not the board that is flashed. The board is a small TFTP client that does what its
//! boot script does; the others do what they like. They are told apart by address.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::dhcp_support::{Lan, OURS};
use crate::flash_model::{Board, Host, MAC, PATIENCE, image};

const BOARD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 7);
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);
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
        command.args([
            "flash",
            "lab-01",
            "os.img",
            "--json",
            "--no-reset",
            "--force",
            "--targets",
            "targets.csv",
        ]);
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
        Host { address, server: self.server, mac: MAC }
    }

    /// Runs the board, or a host that claims to be it, at an address.
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

#[test]
fn an_image_that_changes_while_it_is_flashed_is_no_fault_of_the_card() {
    use std::os::unix::fs::FileExt;
    let flash = Flash::start(&row(BOARD), &["--timeout", "60"]);
    let image = flash.dir.path().join("os.img");
    let mut changed = false;
    let done = flash.board(BOARD, None, &mut |path| {
        if path.ends_with("rpi_image_part_0") && !std::mem::replace(&mut changed, true) {
            let file = std::fs::File::options().write(true).open(&image).unwrap();
            file.write_all_at(b"somebody writes to it", (8 << 20) + 5000).unwrap();
        }
    });
    assert!(changed && !done);
    let ended = flash.end();
    let run = ended.run();
    assert_eq!(run["outcome"], "failed", "{ended:#?}");
    let why = run["why"].as_str().unwrap();
    assert!(why.ends_with("os.img: the image was changed while it was read"), "{why}");
    assert!(!ended.output.contains("worn"), "{ended:#?}");
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
    let run =
        |address| Board { host: Host { address, server, mac: MAC }, secret: None, before: &mut |_| {} }.run();
    assert!(!lan.inside("other", || run(other)));
    assert!(lan.inside("board", || run(board)));
    let ended = flash.end();
    ended.assert_done(false, "neighbour");
    assert_eq!(ended.run()["board"]["address"], board.to_string());
    assert!(ended.refused(other)[0].contains("its MAC address is"), "{ended:#?}");
}
