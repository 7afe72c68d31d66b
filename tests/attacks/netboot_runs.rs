//! A host on the wire that wants to fill the disk of a server of network boot, by boots that never come to anything.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use piprov::tftp::packet::{Direction, Mode, ack, request};

use crate::dhcp_support::{DhcpClient, OURS, PI5, discover, pi5_id};
use crate::netboot_model::{Board, Kind, run};
use crate::netboot_rig::{Net, boots, tree};

/// Each boot is a record, but one board's boots are as many as a board that somebody works with has.
#[test]
fn a_board_that_starts_again_and_again_fills_no_disk_and_holds_nobody_up() {
    let net = Net::new();
    net.lan.house_dnsmasq(&[]);
    tree(&net.root, "");
    net.lan.client_is(PI5);
    let ip = ["-n", &net.lan.space("client"), "addr", "add", "10.99.0.31/24", "dev", "eth0"];
    assert!(std::process::Command::new("ip").args(ip).status().unwrap().success());
    let serve = net.serve(&["--mode", "proxy"]);
    let over = |told: &[serde_json::Value]| {
        told.iter().any(|event| event["text"].to_string().contains("not recorded"))
    };
    net.lan.inside("client", || {
        let client = DhcpClient::new();
        // Where its next start overtakes the end of a transfer, two starts are one boot: so not a fixed number.
        for n in 0..2000 {
            if n % 20 == 0 && over(&serve.told()) {
                break;
            }
            client.say(&discover(PI5, &pi5_id(), true).finish());
            client.hear(Instant::now() + Duration::from_secs(5)).unwrap();
            // What isn't there isn't told each time; a small file is.
            let socket = UdpSocket::bind("10.99.0.31:0").unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let ask = request(Direction::Read, b"config.txt", Mode::Octet, &[]);
            socket.send_to(&ask, (OURS, 69)).unwrap();
            let (_, from) = socket.recv_from(&mut [0; 600]).unwrap();
            socket.send_to(&ack(1), from).unwrap();
        }
    });
    serve.until("that not each boot is recorded", |event| event["text"].to_string().contains("not recorded"));
    // A real board, beside it.
    let mut real = vec![Board::new(Kind::Pi4, 7)];
    net.lan.inside("client", || run(&mut real, "eth0", Duration::from_secs(30)));
    boots(&real[0]);
    let told = serve.end();
    let warned = told.iter().filter(|event| event["event"] == "warning").count();
    assert!((1..10).contains(&warned), "{warned} warnings");
    let (records, of_real) = (net.boots(), net.boots_of(&real[0]));
    assert!(records.len() <= 65 + of_real.len(), "{} records", records.len());
    assert!(of_real.len() == 1 && of_real[0].ending.is_done(), "{of_real:#?}");
}
