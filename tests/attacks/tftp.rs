//! Hosts that want the TFTP server for themselves, or files that aren't theirs.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use piprov::stop::Stop;
use piprov::tftp::packet::{self, Direction, Mode, Packet, request};

use crate::common;
use crate::netboot_rig::Net;

const SECOND: Duration = Duration::from_secs(1);
const BOARD: Ipv4Addr = Ipv4Addr::new(127, 0, 9, 1);

/// Hosts of an attacker.
fn bad(n: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 8, n as u8 + 1)
}

/// `piprov tftp` on all addresses of this host, with a file `f` of 5000 bytes.
struct Server {
    child: Child,
    addr: SocketAddr,
    err: Option<BufReader<std::process::ChildStderr>>,
    _root: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("f"), content()).unwrap();
        let mut command = common::piprov();
        command.args(["tftp", "--listen", "0.0.0.0:0", "--root"]).arg(root.path());
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        err.read_line(&mut line).unwrap();
        let (_, rest) = line.split_once(" on UDP 0.0.0.0:").unwrap();
        let port: u16 = rest.split_once(';').unwrap().0.parse().unwrap();
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { child, addr, err: Some(err), _root: root }
    }

    /// Ends it; what it wrote on stderr and stdout.
    fn end(mut self, log: std::thread::JoinHandle<String>) -> (String, String) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        (log.join().unwrap(), out)
    }

    /// Reads its log, so that it never waits for us.
    fn log(&mut self) -> std::thread::JoinHandle<String> {
        let mut err = self.err.take().unwrap();
        std::thread::spawn(move || {
            let mut log = String::new();
            err.read_to_string(&mut log).unwrap();
            log
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn content() -> Vec<u8> {
    (0..5000_u32).map(|n| (n * 7 / 3) as u8).collect()
}

fn ask(path: &str, options: &[(&str, u64)]) -> Vec<u8> {
    request(Direction::Read, path.as_bytes(), Mode::Octet, options)
}

/// Sockets on ports of their own.
fn sockets(host: Ipv4Addr, count: usize) -> Vec<UdpSocket> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most.map(|most| most.min(1 << 16)), maximum: most })
        .unwrap();
    (0..count).map(|_| UdpSocket::bind((host, 0)).unwrap()).collect()
}

/// Fetches a file in lock step as a board does, which repeats what it said last when it hears nothing for a second:
/// the content, or the code of the refusal; `None` where it didn't end within half a minute.
fn fetch(from: IpAddr, server: SocketAddr, path: &str) -> Option<Result<Vec<u8>, u16>> {
    let socket = UdpSocket::bind((from, 0)).unwrap();
    socket.set_read_timeout(Some(SECOND)).unwrap();
    let (mut last, mut to) = (ask(path, &[]), server);
    socket.send_to(&last, to).unwrap();
    let (mut got, mut buf) = (Vec::new(), [0; 2048]);
    let start = Instant::now();
    while start.elapsed() < SECOND * 30 {
        let Ok((len, from)) = socket.recv_from(&mut buf) else {
            socket.send_to(&last, to).unwrap();
            continue;
        };
        match Packet::parse(&buf[..len]).unwrap() {
            Packet::Error { code, .. } => return Some(Err(code.0)),
            Packet::Data { block, data } if usize::from(block) == got.len() / 512 + 1 => {
                got.extend(data);
                (last, to) = (packet::ack(block).to_vec(), from);
                socket.send_to(&last, to).unwrap();
                if data.len() < 512 {
                    return Some(Ok(got));
                }
            }
            _ => {}
        }
    }
    None
}

/// One request from each socket, no faster than the kernel keeps them for the server: it is about places that are held.
fn ask_from_all(flood: &[UdpSocket], server: &Server, bytes: &[u8]) {
    let never = Stop::new().unwrap();
    for some in flood.chunks(64) {
        for socket in some {
            socket.send_to(bytes, server.addr).unwrap();
        }
        let _ = never.wait(Duration::from_millis(5));
    }
}

/// A board asks, and has its file within a second.
fn a_board_is_served(server: &Server) {
    let start = Instant::now();
    assert_eq!(fetch(BOARD.into(), server.addr, "f"), Some(Ok(content())));
    assert!(start.elapsed() < SECOND, "it took {:?}", start.elapsed());
}

#[test]
fn one_host_that_asks_for_the_longest_timeout_shuts_nobody_out() {
    let mut server = Server::start();
    let _log = server.log();
    let flood = sockets(bad(0), 512);
    ask_from_all(&flood, &server, &ask("f", &[("timeout", 255)]));
    a_board_is_served(&server);
    // Nor do many hosts, who have no more together than there are places.
    let hosts: Vec<_> = (1..20).flat_map(|n| sockets(bad(n), 60)).collect();
    ask_from_all(&hosts, &server, &ask("f", &[("timeout", 255), ("blksize", 1468), ("windowsize", 16)]));
    a_board_is_served(&server);
}

#[test]
fn two_thousand_half_open_transfers_delay_no_board() {
    let mut server = Server::start();
    let _log = server.log();
    let flood = sockets(bad(30), 2000);
    for _ in 0..3 {
        ask_from_all(&flood, &server, &ask("f", &[("blksize", 1468)]));
        a_board_is_served(&server);
    }
    // The same while it goes on.
    let stop = Stop::new().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.is_set() {
                for socket in &flood {
                    let _ = socket.send_to(&ask("f", &[]), server.addr);
                    if stop.wait(Duration::from_micros(300)) {
                        break;
                    }
                }
            }
        });
        for _ in 0..10 {
            a_board_is_served(&server);
        }
        stop.set();
    });
}

#[test]
fn a_flood_of_packets_is_no_flood_of_lines() {
    const PACKETS: usize = 60_000;
    let mut server = Server::start();
    let log = server.log();
    let start = Instant::now();
    let flood = sockets(bad(40), 64);
    let packets: [&dyn Fn(usize) -> Vec<u8>; 6] = [
        &|n| ask(&format!("nothing{n}"), &[]),
        &|_| ask("f", &[]),
        &|n| request(Direction::Write, format!("up{n}").as_bytes(), Mode::Octet, &[]),
        &|n| packet::ack(n as u16).to_vec(),
        &|n| vec![0, n as u8, 1],
        &|n| request(Direction::Read, b"f", Mode::Other(format!("m{n}").as_bytes()), &[]),
    ];
    for n in 0..PACKETS {
        let bytes = packets[n % packets.len()](n);
        flood[n / 7 % flood.len()].send_to(&bytes, server.addr).unwrap();
    }
    // So many at once that the kernel drops some; a board asks again.
    assert_eq!(fetch(BOARD.into(), server.addr, "f"), Some(Ok(content())));
    // Its last acknowledgement may be among what was dropped; by now there is room.
    assert_eq!(fetch(BOARD.into(), server.addr, "f"), Some(Ok(content())));
    let seconds = start.elapsed().as_secs() as usize + 1;
    let (log, summary) = server.end(log);
    let lines = log.lines().count();
    // Four reasons: at first 80 lines of all of them, then one each in a second, and how many more there were.
    assert!(lines <= 80 + 8 * (seconds + 2), "{lines} lines in {seconds} s");
    assert!(log.contains(" more refused") && log.contains(" more malformed packets"), "{log}");
    assert!(log.contains(" sent f "), "a board's file is told all the same");
    // All that came was counted.
    let numbers = summary.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<usize>().ok());
    assert!(numbers.max().unwrap() > 300, "{summary}");
}

/// What comes back to a client that says nothing more, until it has been quiet for four seconds.
fn comes_back(server: &Server, requests: &[Vec<u8>]) -> Vec<usize> {
    let socket = UdpSocket::bind((bad(50), 0)).unwrap();
    socket.set_read_timeout(Some(SECOND * 4)).unwrap();
    for bytes in requests {
        socket.send_to(bytes, server.addr).unwrap();
    }
    let mut buf = [0; 2048];
    std::iter::from_fn(|| socket.recv_from(&mut buf).ok().map(|(len, _)| len)).collect()
}

#[test]
fn who_acknowledges_nothing_is_sent_two_packets_at_most() {
    let mut server = Server::start();
    let _log = server.log();
    let bare = ask("f", &[]);
    let full = ask("f", &[("tsize", 0), ("blksize", 1468), ("timeout", 255), ("windowsize", 16)]);
    let server = &server;
    std::thread::scope(|scope| {
        // A block, and once more: that a request without options is answered by data is RFC 1350's.
        scope.spawn(|| assert_eq!(comes_back(server, std::slice::from_ref(&bare)), [516, 516]));
        // With options only what was agreed; together no more than twice what was asked.
        scope.spawn(|| {
            let sizes = comes_back(server, std::slice::from_ref(&full));
            assert!(sizes.len() == 2 && sizes.iter().sum::<usize>() <= 2 * full.len(), "{sizes:?}");
        });
        // A flood in one victim's name and port: one answer for all, and one repetition.
        scope.spawn(|| assert_eq!(comes_back(server, &vec![bare.clone(); 200]).len(), 2));
        scope.spawn(|| {
            let upload = request(Direction::Write, b"f", Mode::Octet, &[]);
            for once in [ask("nothing", &[]), upload, vec![0, 1, b'f']] {
                assert_eq!(comes_back(server, &[once]).len(), 1, "an ERROR isn't repeated");
            }
        });
    });
}

#[test]
fn a_clients_files_go_to_that_client_alone() {
    let net = Net::new();
    let server = SocketAddr::from((crate::dhcp_support::OURS, 69));
    let (attacker, victim) = ("dc:a6:32:00:00:01", "dc:a6:32:00:00:02");
    for (host, mac, address) in [("client", attacker, Some("10.99.0.31/24")), ("house", victim, None)] {
        let space = net.lan.space(host);
        let ip = |args: &[&str]| {
            let done = std::process::Command::new("ip").args(["-n", &space]).args(args).status().unwrap();
            assert!(done.success(), "ip {args:?}");
        };
        ip(&["link", "set", "eth0", "address", mac]);
        if let Some(address) = address {
            ip(&["addr", "add", address, "dev", "eth0"]);
        }
    }
    let records = net.state.join("clients");
    std::fs::create_dir_all(&records).unwrap();
    for (n, mac) in [attacker, victim].iter().enumerate() {
        let root = net.lan.dir.path().join(format!("root{n}"));
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join("shadow"), format!("secret of root {n}")).unwrap();
        let record =
            format!("name = 'c{n}'\nmac = '{mac}'\nserial = '0000000{n}'\nroot = '{}'\n", root.display());
        std::fs::write(records.join(format!("c{n}.toml")), record).unwrap();
        let directory = net.root.join(mac.replace(':', "-"));
        std::fs::create_dir(&directory).unwrap();
        std::fs::write(directory.join("secret"), format!("secret of {n}")).unwrap();
        std::fs::set_permissions(directory.join("secret"), PermissionsExt::from_mode(0o600)).unwrap();
    }
    let (mine, other) = (net.root.join("dc-a6-32-00-00-01"), "dc-a6-32-00-00-02");
    symlink(format!("../{other}"), mine.join("other")).unwrap();
    symlink(format!("../{other}/secret"), mine.join("stolen")).unwrap();
    symlink(net.lan.dir.path().join("root1/shadow"), mine.join("shadow")).unwrap();
    symlink(net.lan.dir.path().join("root1"), net.root.join("root")).unwrap();
    // Its other name.
    symlink(other, net.root.join("00000001")).unwrap();
    let serve = net.serve(&["--mode", "proxy"]);
    let get = |host: &str, address: Ipv4Addr, path: &str| {
        let got = net.lan.inside(host, || fetch(address.into(), server, path));
        got.unwrap_or_else(|| panic!("no answer to {host} for {path}"))
            .map(|it| String::from_utf8(it).unwrap())
    };
    let (from, house) = (Ipv4Addr::new(10, 99, 0, 31), crate::dhcp_support::HOUSE);
    let own = get("client", from, "dc-a6-32-00-00-01/secret");
    assert_eq!(own.as_deref(), Ok("secret of 0"), "its own it gets");
    for path in [
        format!("{other}/secret"),
        format!("./{other}/secret"),
        format!("/./{other}/./secret"),
        format!("{other}//secret"),
        format!("dc-a6-32-00-00-01/../{other}/secret"),
        "DC-A6-32-00-00-02/secret".to_owned(),
        "dc:a6:32:00:00:02/secret".to_owned(),
        "dca632000002/secret".to_owned(),
        "00000001/secret".to_owned(),
        "./00000001/secret".to_owned(),
        "%64c-a6-32-00-00-02/secret".to_owned(),
        "dc-a6-32-00-00-01/other/secret".to_owned(),
        "./dc-a6-32-00-00-01//stolen".to_owned(),
        "stolen".to_owned(),
        "shadow".to_owned(),
        "./dc-a6-32-00-00-01/shadow".to_owned(),
        "root/shadow".to_owned(),
        "./root//shadow".to_owned(),
    ] {
        let got = get("client", from, &path);
        assert!(got.is_err(), "{path}: {got:?}");
    }
    for path in [&format!("{other}/secret"), &format!("./{other}/secret"), "00000001/secret", "secret"] {
        assert_eq!(get("house", house, path).as_deref(), Ok("secret of 1"), "{path}");
    }
    serve.end();
}
