//! A load that knows nothing of this project's code: one process a client, plain sockets of the standard library, lock
//! step as every Pi's ROM and bootloader does it. Each client has its own clock, compares every byte, and counts what
//! was sent again by either side.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use super::client::PERIOD;

const BLKSIZE: usize = 1468;
/// A client that hears nothing for so long says again what it said last.
const PATIENCE: Duration = Duration::from_secs(1);

/// What one client tells, as a line of words.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told {
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
    /// Packets that the client sent again, because it heard nothing.
    pub(crate) by_client: u64,
    /// Blocks that the server sent again.
    pub(crate) by_server: u64,
    pub(crate) finished: bool,
}

/// What all of them came to.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Result {
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
    pub(crate) by_client: u64,
    pub(crate) by_server: u64,
    pub(crate) finished: usize,
    /// The rates of the slowest and the fastest client, in bytes a second.
    pub(crate) slowest: f64,
    pub(crate) fastest: f64,
}

/// Starts the clients, lets all of them begin at once, and puts together what they tell.
pub(crate) fn run(clients: usize, limit: Duration, size: u64) -> Result {
    let program = std::env::current_exe().unwrap();
    // All of them wait until this closes.
    let (gate, open) = std::io::pipe().unwrap();
    let mut all: Vec<(Child, ChildStdout)> = (0..clients)
        .map(|at| {
            let from = super::ground::client(at).to_string();
            let mut child = Command::new(&program)
                .args(["--alone", &from, &limit.as_millis().to_string(), &size.to_string()])
                .stdin(gate.try_clone().unwrap())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            // The first word comes when it stands at the gate.
            let mut out = child.stdout.take().unwrap();
            out.read_exact(&mut [0]).unwrap();
            (child, out)
        })
        .collect();
    drop(open);
    let told: Vec<Told> = all
        .iter_mut()
        .map(|(child, out)| {
            let mut text = String::new();
            out.read_to_string(&mut text).unwrap();
            assert!(child.wait().unwrap().success(), "a client failed");
            parse(&text)
        })
        .collect();
    let rates = told.iter().map(|told| told.bytes as f64 / told.seconds);
    let (slowest, fastest) =
        rates.fold((f64::INFINITY, 0_f64), |(low, high), rate| (low.min(rate), high.max(rate)));
    Result {
        bytes: told.iter().map(|told| told.bytes).sum(),
        seconds: told.iter().map(|told| told.seconds).fold(0.0, f64::max),
        by_client: told.iter().map(|told| told.by_client).sum(),
        by_server: told.iter().map(|told| told.by_server).sum(),
        finished: told.iter().filter(|told| told.finished).count(),
        slowest,
        fastest,
    }
}

fn parse(text: &str) -> Told {
    let words: Vec<f64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let [bytes, seconds, by_client, by_server, finished] = words[..] else { panic!("{text}") };
    Told {
        bytes: bytes as u64,
        seconds,
        by_client: by_client as u64,
        by_server: by_server as u64,
        finished: finished > 0.0,
    }
}

/// One client: the whole life of its process.
pub(crate) fn one(args: &[String], server: SocketAddr, pattern: &[u8]) {
    let from: Ipv4Addr = args[0].parse().unwrap();
    let limit = Duration::from_millis(args[1].parse().unwrap());
    let size: u64 = args[2].parse().unwrap();
    #[allow(clippy::disallowed_methods, reason = "a program of its own, whose reader is the benchmark")]
    let mut out = std::io::stdout();
    out.write_all(b" ").unwrap();
    out.flush().unwrap();
    let _ = std::io::stdin().read(&mut [0]).unwrap();
    let told = fetch(from, server, limit, size, pattern);
    let Told { bytes, seconds, by_client, by_server, finished } = told;
    writeln!(out, "{bytes} {seconds} {by_client} {by_server} {}", u8::from(finished)).unwrap();
}

fn fetch(from: Ipv4Addr, server: SocketAddr, limit: Duration, size: u64, pattern: &[u8]) -> Told {
    let socket = UdpSocket::bind((from, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut told = Told::default();
    let start = Instant::now();
    let request = format!("\0\u{1}file\0octet\0tsize\0{}\0blksize\0{BLKSIZE}\0", 0);
    let mut buf = [0_u8; 2048];
    // The first answer comes from the port that the server has chosen; from then on it is the only one that counts.
    loop {
        socket.send_to(request.as_bytes(), server).unwrap();
        match socket.recv_from(&mut buf) {
            Ok((len, port)) => {
                assert_eq!(buf[..2], [0, 6], "no OACK but {:?}", String::from_utf8_lossy(&buf[..len]));
                let agreed = format!("blksize\0{BLKSIZE}\0");
                assert!(buf[..len].windows(agreed.len()).any(|part| part == agreed.as_bytes()));
                socket.connect(port).unwrap();
                break;
            }
            Err(_) => told.by_client += 1,
        }
        if start.elapsed() > limit {
            told.seconds = start.elapsed().as_secs_f64();
            return told;
        }
    }
    let mut ack = [0, 4, 0, 0];
    let mut block = 0_u64;
    socket.send(&ack).unwrap();
    loop {
        let Ok(len) = socket.recv(&mut buf) else {
            told.by_client += 1;
            let _ = socket.send(&ack);
            if start.elapsed() > limit {
                break;
            }
            continue;
        };
        let number = u16::from_be_bytes([buf[2], buf[3]]);
        if buf[..2] == [0, 6] && block == 0 {
            // The answer to the request again: the first ACK came late, or was lost.
            told.by_server += 1;
            let _ = socket.send(&ack);
            continue;
        }
        assert_eq!(buf[..2], [0, 3], "no DATA but {:?}", String::from_utf8_lossy(&buf[..len]));
        if number != (block + 1) as u16 {
            told.by_server += 1;
            // What was acknowledged comes again: the ACK may have been lost.
            if number == block as u16 {
                let _ = socket.send(&ack);
            }
            continue;
        }
        let offset = block * BLKSIZE as u64;
        let want = (size - offset).min(BLKSIZE as u64) as usize;
        let at = (offset % PERIOD as u64) as usize;
        assert!(buf[4..len] == pattern[at..at + want], "wrong bytes in block {number} at {offset}");
        told.bytes += want as u64;
        block += 1;
        ack = [0, 4, buf[2], buf[3]];
        // The clock is looked at now and then only: it isn't what is measured.
        let late = block.is_multiple_of(64) && start.elapsed() > limit;
        if late {
            let _ = socket.send(b"\0\x05\0\0time is up\0");
            break;
        }
        socket.send(&ack).unwrap();
        if want < BLKSIZE {
            told.finished = true;
            break;
        }
    }
    told.seconds = start.elapsed().as_secs_f64();
    told
}
