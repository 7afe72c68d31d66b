//! Hosts that get at boards through the ports that these share.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use piprov::stop::Stop;
use piprov::tftp::packet::{self, Direction, Mode, Packet, request};
use socket2::{Domain, Protocol, Socket, Type};

use crate::common;
use crate::dhcp_support::{HOUSE, Lan, OURS};

const SIZE: usize = 200 * 512 + 100;

/// Fetches the file in lock step from where the server answers, and tells how long it took. `meanwhile` gets that
/// address and the client's port before the first block is acknowledged.
fn fetch(server: SocketAddr, meanwhile: impl FnOnce(SocketAddr, u16)) -> Duration {
    let socket = UdpSocket::bind((HOUSE, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut last = request(Direction::Read, b"f", Mode::Octet, &[]);
    let (mut to, mut meanwhile) = (server, Some(meanwhile));
    let (mut got, mut buf) = (0, [0; 2048]);
    let start = Instant::now();
    socket.send_to(&last, to).unwrap();
    while start.elapsed() < Duration::from_secs(60) {
        let Ok((len, from)) = socket.recv_from(&mut buf) else {
            socket.send_to(&last, to).unwrap();
            continue;
        };
        let Packet::Data { block, data } = Packet::parse(&buf[..len]).unwrap() else {
            panic!("{:?}", &buf[..len])
        };
        if usize::from(block) != got / 512 + 1 {
            continue;
        }
        if let Some(meanwhile) = meanwhile.take() {
            meanwhile(from, socket.local_addr().unwrap().port());
        }
        got += data.len();
        (last, to) = (packet::ack(block).to_vec(), from);
        socket.send_to(&last, to).unwrap();
        if data.len() < 512 {
            assert_eq!(got, SIZE);
            return start.elapsed();
        }
    }
    panic!("no end: {got} bytes");
}

/// A network with `piprov tftp` on `ours`.
fn serve() -> (Lan, SocketAddr) {
    let lan = Lan::new();
    let root = lan.dir.path().join("tftp");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("f"), vec![b'f'; SIZE]).unwrap();
    for host in ["ours", "client"] {
        let address = if host == "ours" { "10.98.0.2/16" } else { "10.98.0.3/16" };
        let done = Command::new("ip")
            .args(["-n", &lan.space(host), "addr", "add", address, "dev", "eth0"])
            .status()
            .unwrap();
        assert!(done.success());
    }
    let mut command = lan.command("ours", env!("CARGO_BIN_EXE_piprov"));
    common::clean(&mut command);
    command.args(["tftp", "--quiet", "--listen", "0.0.0.0:69", "--root"]).arg(&root);
    lan.start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    let server = SocketAddr::from((OURS, 69));
    // It serves as soon as it answers.
    lan.inside("house", || fetch(server, |_, _| {}));
    (lan, server)
}

/// Sends UDP in the name of others.
struct Forger(Socket);

impl Forger {
    fn new() -> Self {
        Self(Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(libc::IPPROTO_RAW))).unwrap())
    }

    fn send(&self, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), bytes: &[u8]) {
        let len = (8 + bytes.len()) as u16;
        // The kernel fills in length, number and checksum of the IP header; UDP's checksum may be left out.
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, libc::IPPROTO_UDP as u8, 0, 0];
        packet.extend(from.0.octets());
        packet.extend(to.0.octets());
        for word in [from.1, to.1, len, 0] {
            packet.extend(word.to_be_bytes());
        }
        packet.extend(bytes);
        self.0.send_to(&packet, &SocketAddr::from((to.0, 0)).into()).unwrap();
    }
}

#[test]
fn a_flood_at_a_boards_port_holds_it_up_no_longer_than_it_lasts() {
    let (lan, server) = serve();
    let stop = Stop::new().unwrap();
    let took = std::thread::scope(|scope| {
        let (lan, stop) = (&lan, &stop);
        let took = lan.inside("house", move || {
            fetch(server, |port, _| {
                // Each packet is one that counts for somebody: an ACK, an ERROR, a block, nonsense.
                scope.spawn(move || {
                    lan.inside("client", || {
                        let socket = UdpSocket::bind("10.98.0.3:0").unwrap();
                        let packets: [&[u8]; 4] =
                            [b"\0\x04\0\x01", b"\0\x05\0\0end\0", b"\0\x03\0\x01abc", &[0; 1400]];
                        let start = Instant::now();
                        while !stop.is_set() && start.elapsed() < Duration::from_secs(60) {
                            packets.iter().for_each(|bytes| drop(socket.send_to(bytes, port)));
                        }
                    });
                });
            })
        });
        stop.set();
        took
    });
    // A packet that the flood pushed out is sent again after a second.
    assert!(took < Duration::from_secs(30), "{took:?}");
}

/// An ICMP message about a UDP packet from `from` to `to` (RFC 792).
fn icmp(kind: u8, code: u8, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) -> Vec<u8> {
    // "Fragmentation needed" has the length that would pass in its last two bytes.
    let mut message = vec![kind, code, 0, 0, 0, 0, 0x02, 0x58];
    message.extend([0x45, 0, 5, 0xdc, 0, 1, 0x40, 0, 64, libc::IPPROTO_UDP as u8, 0, 0]);
    message.extend(from.0.octets());
    message.extend(to.0.octets());
    for word in [from.1, to.1, 1480, 0] {
        message.extend(word.to_be_bytes());
    }
    message.extend([0; 64]);
    let words = message.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum = words.sum::<u32>();
    let sum = (sum & 0xffff) + (sum >> 16);
    message[2..4].copy_from_slice(&(!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes());
    message
}

#[test]
fn what_another_host_says_by_icmp_neither_ends_a_transfer_nor_cuts_its_packets() {
    let (lan, server) = serve();
    lan.inside("house", || {
        fetch(server, |port, own| {
            lan.inside("client", || {
                let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
                let to = SocketAddr::from(([10, 98, 0, 2], 0)).into();
                // Protocol unreachable, fragmentation needed, source route failed, time exceeded, a wrong parameter; but
                // "port unreachable" is believed.
                for (kind, code) in [(3, 2), (3, 4), (3, 5), (11, 0), (12, 0)] {
                    for own in [own, 9] {
                        socket.send_to(&icmp(kind, code, (OURS, port.port()), (HOUSE, own)), &to).unwrap();
                    }
                }
            });
        })
    });
    let route = ["-n", &lan.space("ours"), "route", "get", &HOUSE.to_string()];
    let route = Command::new("ip").args(route).output().unwrap();
    let route = String::from_utf8_lossy(&route.stdout).into_owned();
    assert!(route.contains("eth0") && !route.contains("mtu"), "{route}");
}

#[test]
fn requests_in_the_name_of_hosts_that_are_not_there_hold_up_no_board() {
    let (lan, server) = serve();
    let took = lan.inside("client", || {
        let forger = Forger::new();
        let ask = request(Direction::Read, b"f", Mode::Octet, &[("blksize", 1468), ("tsize", 0)]);
        // The kernel looks for each of them for three seconds, and keeps what is to be sent to it as long.
        let never = Stop::new().unwrap();
        for port in 0..12 {
            for host in 0..300_u16 {
                let from = Ipv4Addr::new(10, 98, 1 + (host >> 8) as u8, host as u8);
                forger.send((from, 1000 + port), (Ipv4Addr::new(10, 98, 0, 2), 69), &ask);
            }
            let _ = never.wait(Duration::from_millis(20));
        }
        lan.inside("house", || fetch(server, |_, _| {}))
    });
    assert!(took < Duration::from_secs(2), "{took:?}");
}
