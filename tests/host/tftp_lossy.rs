//! Real sockets with a relay between them that loses, doubles and reorders packets in both directions.
#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

use crate::tftp_support;

use std::net::{SocketAddr, UdpSocket};
use std::thread::JoinHandle;
use std::time::Duration;

use piprov::stop::Stop;
use piprov::tftp::Limits;
use piprov::tftp::dir::DirSource;
use piprov::tftp::session::Retry;
use tftp_support::{Running, fetch, folder, pattern};

/// Stands between one client and the server.
struct Relay {
    addr: SocketAddr,
    stop: Stop,
    thread: Option<JoinHandle<[u64; 3]>>,
}

impl Relay {
    fn new(server: SocketAddr, percent: u64, seed: u64) -> Self {
        let bind = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let (front, back) = (bind(), bind());
        let addr = front.local_addr().unwrap();
        for socket in [&front, &back] {
            socket.set_read_timeout(Some(Duration::from_micros(500))).unwrap();
        }
        let stop = Stop::new().unwrap();
        let flag = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut wire = Wire { state: seed * 2 + 1, percent, held: Vec::new(), count: 0, did: [0; 3] };
            let (mut client, mut transfer) = (None, server);
            let mut buf = vec![0; 65536];
            while !flag.is_set() {
                if let Ok((len, from)) = front.recv_from(&mut buf) {
                    client = Some(from);
                    // A request goes to the server's port, all else to the port of the transfer.
                    let to = if buf[1] <= 2 { server } else { transfer };
                    wire.pass(&back, &buf[..len], to);
                }
                if let Ok((len, from)) = back.recv_from(&mut buf) {
                    transfer = from;
                    if let Some(client) = client {
                        wire.pass(&front, &buf[..len], client);
                    }
                }
            }
            wire.did
        });
        Self { addr, stop, thread: Some(thread) }
    }

    /// Ends it; gives how many packets were lost, doubled and held back.
    fn end(mut self) -> [u64; 3] {
        self.stop.set();
        self.thread.take().unwrap().join().unwrap()
    }
}

struct Wire {
    state: u64,
    percent: u64,
    held: Vec<(UdpSocket, Vec<u8>, SocketAddr)>,
    count: u64,
    did: [u64; 3],
}

impl Wire {
    fn chance(&mut self, percent: u64) -> bool {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40) % 100 < percent
    }

    fn pass(&mut self, socket: &UdpSocket, bytes: &[u8], to: SocketAddr) {
        let late = std::mem::take(&mut self.held);
        self.count += 1;
        // One is lost in any case, so that no run is without.
        if self.chance(self.percent) || self.count == 10 {
            self.did[0] += 1;
        } else if self.chance(5) {
            self.did[2] += 1;
            self.held.push((socket.try_clone().unwrap(), bytes.to_vec(), to));
        } else {
            let _ = socket.send_to(bytes, to);
            if self.chance(3) {
                self.did[1] += 1;
                let _ = socket.send_to(bytes, to);
            }
        }
        for (socket, bytes, to) in late {
            let _ = socket.send_to(&bytes, to);
        }
    }
}

fn through(percent: u64, size: usize) {
    let root = folder(&[("f", size)]);
    // Short waits, so that the test is over soon; the shape of what happens is the same.
    let retry =
        Retry { first: Duration::from_millis(60), longest: Duration::from_millis(240), ..Retry::default() };
    let limits = Limits { retry: Retry { tries: 20, ..retry }, ..Limits::default() };
    let server = Running::new(DirSource::new(root.path()).unwrap(), limits);
    let mut did = [0; 3];
    for (seed, window) in [(1, 1), (2, 4), (3, 16)] {
        let relay = Relay::new(server.addr, percent, seed);
        let options = [("tsize", 0), ("blksize", 512), ("windowsize", window)];
        let got = fetch(relay.addr, "f", &options, Duration::from_millis(150));
        assert!(got == Ok(pattern(size)), "{percent} % lost, window {window}");
        for (sum, count) in did.iter_mut().zip(relay.end()) {
            *sum += count;
        }
    }
    assert!(did.iter().all(|count| *count > 0), "lost, doubled and held back: {did:?}");
}

#[test]
fn one_percent_is_lost() {
    through(1, 100_000);
}

#[test]
fn five_percent_are_lost() {
    through(5, 60_000);
}

#[test]
fn twenty_percent_are_lost() {
    through(20, 20_000);
}
