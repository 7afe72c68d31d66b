//! A board whose card has been made by `piprov card build`, as a small TFTP client that does what its boot script does.
#![allow(dead_code, reason = "every test program uses another part of it")]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

/// The board that all of this is about.
pub(crate) const MAC: &str = "dc:a6:32:01:02:03";
/// How long anything may take here that takes milliseconds on a machine with nothing else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A host that can speak TFTP to one server.
pub(crate) struct Host {
    pub(crate) address: Ipv4Addr,
    pub(crate) server: SocketAddrV4,
    /// The board that it is, or says that it is.
    pub(crate) mac: &'static str,
}

impl Host {
    /// Sends a request until there is an answer; `None` where it is refused.
    pub(crate) fn ask(&self, first: &[u8]) -> Option<(UdpSocket, std::net::SocketAddr, Vec<u8>)> {
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

    pub(crate) fn request(opcode: u8, path: &[u8], options: &[u8]) -> Vec<u8> {
        [&[0, opcode], path, b"\0octet\0", options].concat()
    }

    /// Fetches a file below the board's directory; `None` where it is refused.
    pub(crate) fn get(&self, path: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        let path = [self.mac.as_bytes(), b"/", path.as_ref()].concat();
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
    pub(crate) fn put(&self, file: &str) -> bool {
        let path = format!("{}/{file}", self.mac);
        let Some((socket, from, _)) = self.ask(&Self::request(2, path.as_bytes(), b"")) else { return false };
        socket.send_to(&[0, 3, 0, 1, 0, 0, 0, 0], from).unwrap();
        let mut buffer = [0; 600];
        socket.recv_from(&mut buffer).is_ok_and(|(len, _)| len >= 4 && buffer[..4] == [0, 4, 0, 1])
    }

    /// A text of `name=value` lines.
    pub(crate) fn order(&self, path: &str) -> Option<BTreeMap<String, String>> {
        let text = String::from_utf8(self.get(path)?).unwrap();
        Some(
            text.lines().filter_map(|line| line.split_once('=')).map(|(a, b)| (a.into(), b.into())).collect(),
        )
    }
}

/// SipHash-2-4 as its authors describe it, of four words.
pub(crate) fn siphash(key: [u64; 2], words: [u64; 4]) -> u64 {
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

/// What a board does after a start, or a host that claims to be the board.
pub(crate) struct Board<'a> {
    pub(crate) host: Host,
    pub(crate) secret: Option<[u64; 2]>,
    /// Called before every request, with its path.
    pub(crate) before: &'a mut dyn FnMut(&str),
}

impl Board<'_> {
    /// Does what its orders say. Says whether it was told "done".
    pub(crate) fn run(self) -> bool {
        let nobody = |mac: &str| u64::from_str_radix(&mac.replace(':', ""), 16).unwrap();
        let mut proof: Option<(u64, u64)> = None;
        let mac = self.host.mac;
        let sign = |proof: Option<(u64, u64)>, kind: u64, step: u64, value: u64| match (self.secret, proof) {
            (Some(secret), Some((nonce, order))) => {
                let words = [nonce, kind << 48 | nobody(mac), order << 32 | step, value];
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
pub(crate) fn image(path: &Path) {
    image_of(path, 7);
}

/// The same with other bytes for each seed.
pub(crate) fn image_of(path: &Path, mut seed: u32) {
    let mut bytes = vec![0; 9 << 20];
    for byte in &mut bytes[8 << 20..] {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (seed >> 24) as u8;
    }
    bytes[446..462].copy_from_slice(&[0, 0, 0, 0, 0x83, 0, 0, 0, 0, 0x40, 0, 0, 0, 8, 0, 0]);
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    std::fs::write(path, bytes).unwrap();
}
