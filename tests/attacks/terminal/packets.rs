//! What comes over the wire.

use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

use super::EVIL;
use super::dhcp_support::{DhcpClient, Lan, PI5, discover, pi5_id};
use super::screen::{EVERYWHERE, Screen};
use crate::common::{clean, piprov};

/// A TFTP request: its kind, a path, a mode, options.
fn request(kind: u8, path: &[u8], mode: &[u8], options: &[&[u8]]) -> Vec<u8> {
    let mut packet = vec![0, kind];
    for text in [&[path, mode][..], options].concat() {
        packet.extend(text);
        packet.push(0);
    }
    packet
}

#[test]
fn tftp_requests() {
    let evil = EVIL.as_bytes();
    for to in EVERYWHERE {
        for flag in ["-v", "--json"] {
            let root = tempfile::tempdir().unwrap();
            // One that is served, and shown in a bar.
            std::fs::write(root.path().join("\u{202e}\u{9b}"), vec![0; 3 << 20]).unwrap();
            let mut command = piprov();
            command.args(["tftp", "--listen", "127.0.0.1:0", flag, "--root"]).arg(root.path());
            let screen = Screen::start(command, to);
            let seen = screen.until("127.0.0.1:");
            let port = seen.split("127.0.0.1:").nth(1).unwrap();
            let port =
                port.split(|char: char| !char.is_ascii_digit()).next().unwrap().parse::<u16>().unwrap();
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
            let mut packets = vec![
                request(1, evil, b"octet", &[]),
                request(2, evil, b"octet", &[]),
                request(1, &[b"a/../", evil].concat(), b"octet", &[]),
                request(1, b"f", evil, &[]),
                request(1, b"f", b"octet", &[b"blksize", evil]),
                request(1, b"\xff\x9b2J", b"octet", &[evil, b"1"]),
                request(1, "\u{202e}\u{9b}".as_bytes(), b"octet", &[b"tsize", b"0"]),
                [&[0, 9], evil].concat(),
                evil.to_vec(),
            ];
            packets.push(request(1, b"the last", b"octet", &[]));
            for packet in packets {
                socket.send_to(&packet, ("127.0.0.1", port)).unwrap();
                let mut answer = [0; 2048];
                // The client gives up in words of its own.
                if let Ok((_, from)) = socket.recv_from(&mut answer)
                    && answer[1] != 5
                {
                    socket.send_to(&[&[0, 5, 0, 0], evil, &[0]].concat(), from).unwrap();
                }
            }
            screen.until("the last");
            screen.interrupt();
            let output = screen.end();
            assert!(
                output.contains("x\\x1b[2K\\x0ddone") || output.contains("x\\\\x1b[2K\\\\x0ddone"),
                "{output}"
            );
        }
    }
}

/// Boards and PCs whose DHCP texts are evil, beside `serve` and `watch`.
#[test]
fn dhcp_texts() {
    let evil = EVIL.as_bytes();
    let lan = Lan::new();
    let root = lan.dir.path().join("tftp");
    std::fs::create_dir_all(root.join(EVIL)).unwrap();
    for to in EVERYWHERE {
        for flag in ["-vvv", "--json"] {
            let program = |host: &str, arguments: &[&str]| -> Command {
                let mut command = lan.command(host, env!("CARGO_BIN_EXE_piprov"));
                clean(&mut command);
                command.env("PIPROV_STATE_DIR", lan.dir.path().join("piprov"));
                // With -v DHCP's own words are shown, names among them.
                command.arg("netboot").args(arguments).args(["--interface", "eth0", flag, "-v"]);
                command
            };
            let mut serve =
                program("ours", &["serve", "--mode", "dhcp", "--range", "10.99.0.100-120", "--force"]);
            serve.arg("--tftp-root").arg(&root).arg("--state").arg(lan.dir.path().join("state"));
            let serve = Screen::start(serve, to);
            serve.until("serving");
            let watch = Screen::start(program("house", &["watch"]), to);
            watch.until(if flag == "--json" { "watching" } else { "listening" });
            lan.inside("client", || {
                let client = DhcpClient::new();
                let messages = [
                    discover(PI5, &pi5_id(), true)
                        .option(12, evil)
                        .option(60, &[b"PXEClient", evil].concat()),
                    discover(PI5, evil, true).option(12, evil).option(77, evil).file(evil),
                    discover(PI5, &pi5_id(), true).option(67, evil).option(66, evil).option(17, evil),
                ];
                for message in messages {
                    client.say(&message.option(81, evil).finish());
                    client.hear(Instant::now() + Duration::from_millis(700));
                }
                // A server of the attacker's, whose answers are evil.
                let question = discover(PI5, &pi5_id(), true).finish();
                let packet = piprov::dhcp::packet::Packet::parse(&question).unwrap();
                let answer = piprov::dhcp::build::Builder::reply(&packet, piprov::dhcp::packet::Kind::Offer)
                    .address(54, std::net::Ipv4Addr::new(10, 99, 0, 77))
                    .file(evil)
                    .option(66, evil)
                    .option(67, evil)
                    .option(43, evil)
                    .option(60, b"PXEClient")
                    .finish();
                let socket = UdpSocket::bind("0.0.0.0:67").unwrap();
                socket.set_broadcast(true).unwrap();
                let _ = socket.send_to(&answer, "255.255.255.255:68");
                // Files that are asked for.
                let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
                let _ = socket.send_to(&request(1, evil, b"octet", &[]), "10.99.0.2:69");
            });
            serve.until("\\x1b[2K\\");
            for screen in [serve, watch] {
                screen.interrupt();
                screen.end();
            }
        }
    }
}
