//! Ports of the server that many clients in lock step share.
#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use piprov::tftp::Limits;
use piprov::tftp::dir::DirSource;
use piprov::tftp::event::What;
use piprov::tftp::packet::{self, Code, Packet};

use crate::tftp_support::{Client, Running, fetch, folder, pattern};

const SECOND: Duration = Duration::from_secs(1);

fn serve(addr: &str, files: &[(&str, usize)]) -> (tempfile::TempDir, Running) {
    let root = folder(files);
    let server = Running::on(addr, DirSource::new(root.path()).unwrap(), Limits::default());
    (root, server)
}

/// A client that has been answered, and where that came from.
fn asked(server: &Running, path: &str) -> (Client, SocketAddr) {
    let mut client = Client::ask(server.addr, path, &[]);
    let (bytes, from) = client.hear();
    assert_eq!(bytes[..4], packet::data_header(1));
    (client, from)
}

#[test]
fn many_clients_meet_at_a_port_and_each_gets_its_own_file() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let sizes = |n: usize| 5000 + 512 * n;
    let files: Vec<_> = names.iter().enumerate().map(|(n, name)| (*name, sizes(n))).collect();
    let (_root, server) = serve("127.0.0.1:0", &files);
    let mut clients: Vec<_> = names.iter().map(|name| asked(&server, name)).collect();
    let ports: BTreeSet<_> = clients.iter().map(|(_, from)| *from).collect();
    assert_eq!(ports.len(), 1);
    assert!(!ports.contains(&server.addr), "but never at the one for requests");
    let mut got = vec![1; names.len()];
    // All of them say something before any hears anything, so that the server takes it together.
    while got.iter().enumerate().any(|(n, blocks)| blocks * 512 <= sizes(n)) {
        let running: Vec<_> = (0..names.len()).filter(|n| got[*n] * 512 <= sizes(*n)).collect();
        for n in &running {
            clients[*n].0.reply(clients[*n].1, &packet::ack(got[*n] as u16));
        }
        for n in running {
            let offset = got[n] * 512;
            got[n] += 1;
            let want = &pattern(sizes(n))[offset..(offset + 512).min(sizes(n))];
            let (bytes, from) = clients[n].0.hear();
            assert_eq!(bytes, [&packet::data_header(got[n] as u16)[..], want].concat());
            assert!(ports.contains(&from));
        }
    }
    for (n, (client, from)) in clients.iter().enumerate() {
        client.reply(*from, &packet::ack(got[n] as u16));
    }
    server.wait_finished(names.len());
    // The port has gone with them.
    drop(std::net::UdpSocket::bind(*ports.first().unwrap()).unwrap());
}

#[test]
fn a_stranger_is_told_so_and_ends_nothing() {
    let (_root, server) = serve("127.0.0.1:0", &[("f", 1000)]);
    let (mut client, from) = asked(&server, "f");
    let mut stranger = Client::new(server.addr);
    for bytes in [&packet::ack(1)[..], b"\0\x03\0\x01abc"] {
        stranger.reply(from, bytes);
        let Packet::Error { code, .. } = Packet::parse(stranger.hear().0).unwrap() else { panic!() };
        assert_eq!(code, Code::UNKNOWN_TID);
    }
    // Nobody waits for an answer to these.
    for bytes in [&packet::error(Code(0), "stop it")[..], b"", b"\0\x04\x01", &[0xff; 1400]] {
        stranger.reply(from, bytes);
    }
    stranger.hears_nothing(Duration::from_millis(200));
    client.hears_nothing(Duration::from_millis(50));
    client.reply(from, &packet::ack(1));
    client.hear_block(2);
    client.reply(from, &packet::ack(2));
    server.wait_finished(1);
}

#[test]
fn a_flood_of_strangers_is_answered_a_hundred_times_a_second() {
    let (_root, server) = serve("127.0.0.1:0", &[("f", 1000)]);
    let (_client, from) = asked(&server, "f");
    let stranger = Client::new(server.addr);
    for _ in 0..2000 {
        stranger.reply(from, &packet::ack(1));
    }
    stranger.socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let answers = std::iter::from_fn(|| stranger.socket.recv_from(&mut [0; 99]).ok()).count();
    // It may have begun in one second and ended in the next.
    assert!((1..=200).contains(&answers), "{answers}");
}

#[test]
fn a_client_that_asks_again_from_its_port_meets_another_one() {
    let (_root, server) = serve("127.0.0.1:0", &[("f", 5000), ("g", 5000)]);
    let (mut other, shared) = asked(&server, "f");
    let mut client = Client::ask(server.addr, "f", &[]);
    let mut met = BTreeSet::from([shared]);
    assert_eq!(client.hear().1, shared);
    for path in ["g", "f", "g"] {
        client.to_server(&packet::request(
            packet::Direction::Read,
            path.as_bytes(),
            packet::Mode::Octet,
            &[],
        ));
        let from = client.hear().1;
        assert_ne!(from, shared, "its packets of before are never taken for those of {path}");
        met.insert(from);
        // One of before, late: nothing happens, and it isn't told that, since it would take it for the new transfer.
        client.reply(shared, &packet::ack(1));
        client.hears_nothing(Duration::from_millis(50));
    }
    assert!(met.len() > 1);
    other.reply(shared, &packet::ack(1));
    other.hear_block(2);
}

#[test]
fn a_client_that_closes_its_port_ends_alone() {
    let (_root, server) = serve("127.0.0.1:0", &[("f", 100_000)]);
    let (gone, from) = asked(&server, "f");
    let (mut client, same) = asked(&server, "f");
    assert_eq!(from, same);
    gone.reply(from, &packet::ack(1));
    drop(gone);
    server.wait_for(
        "the closed port",
        |what| matches!(what, What::Failed { why, .. } if why == "the client has closed its port"),
    );
    for block in 1..195 {
        client.reply(from, &packet::ack(block));
        client.hear_block(block + 1);
    }
    client.reply(from, &packet::ack(196));
    assert!(server.told().iter().filter(|what| matches!(what, What::Failed { .. })).count() == 1);
}

#[test]
fn each_client_is_answered_from_the_address_that_it_asked() {
    let (_root, server) = serve("0.0.0.0:0", &[("f", 5000)]);
    let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), server.addr.port());
    let mut ports = BTreeSet::new();
    let mut clients: Vec<_> = ["127.0.0.1", "127.0.0.77", "127.0.0.1", "127.0.0.77"]
        .into_iter()
        .map(|ip| {
            let mut client = Client::ask(at(ip), "f", &[]);
            let from = client.hear().1;
            assert_eq!(from.ip().to_string(), ip);
            ports.insert(from);
            (client, from)
        })
        .collect();
    assert_eq!(ports.len(), 2);
    for (client, from) in &mut clients {
        client.reply(*from, &packet::ack(1));
        let (bytes, again) = client.hear();
        assert_eq!((&bytes[..4], again), (&packet::data_header(2)[..], *from));
    }
}

#[test]
fn windows_and_uploads_have_ports_of_their_own() {
    let (_root, server) = serve("127.0.0.1:0", &[("f", 50_000)]);
    let (_lock_step, shared) = asked(&server, "f");
    let mut windows = BTreeSet::from([shared]);
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Client::ask(server.addr, "f", &[("windowsize", 4)]);
        windows.insert(client.hear().1);
        clients.push(client);
    }
    assert_eq!(windows.len(), 4);
    assert!(fetch(server.addr, "f", &[("blksize", 1468), ("windowsize", 16)], SECOND) == Ok(pattern(50_000)));
}

#[test]
fn ipv6_clients_share_too() {
    let (_root, server) = serve("[::1]:0", &[("f", 5000)]);
    let ports: BTreeSet<_> = [asked(&server, "f"), asked(&server, "f")].map(|(_, from)| from).into();
    assert_eq!(ports.len(), 1);
    assert!(fetch(server.addr, "f", &[("blksize", 1468)], SECOND) == Ok(pattern(5000)));
}
