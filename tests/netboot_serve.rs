//! `piprov netboot serve` and `watch`: models of every board get to their kernel, beside a full DHCP server and
//! without one.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;
mod dhcp_support;
mod netboot_model;
mod netboot_rig;

use std::time::Duration;

use dhcp_support::{HOUSE, OURS};
use netboot_model::{Board, File, Kind, run};
use netboot_rig::{Net, boots, files_of, tree};

const ALL: [Kind; 6] = [Kind::Pi3, Kind::Pi3Card, Kind::Pi3Plus, Kind::Pi4, Kind::Cm4, Kind::Pi5];

/// Every kind, booted together.
fn boot_all(net: &Net) -> Vec<Board> {
    let mut boards: Vec<_> = ALL.iter().zip(1..).map(|(kind, number)| Board::new(*kind, number)).collect();
    net.lan.inside("client", || run(&mut boards, "eth0", Duration::from_secs(60)));
    for board in &boards {
        boots(board);
    }
    boards
}

#[test]
fn every_board_gets_to_its_kernel_beside_a_full_server() {
    let net = Net::new();
    net.lan.house_dnsmasq(&[]);
    tree(&net.root, "");
    let serve = net.serve(&["--mode", "proxy"]);
    let boards = boot_all(&net);
    for board in &boards {
        assert_eq!(board.tftp, OURS, "{:?}", board.kind);
        let last = board.address.octets()[3];
        assert!(last >= 150, "its address comes from the house: {}", board.address);
        // What it got is what lies there.
        for (path, file) in &board.files {
            let File::Bytes(bytes) = file else { panic!("content was kept") };
            assert_eq!(*bytes, std::fs::read(net.root.join(path)).unwrap(), "{path}");
        }
    }
    assert_ne!(HOUSE, OURS);
    let events = serve.end();
    for board in &boards {
        let mac = netboot_rig::mac(board);
        let steps: Vec<_> = events.iter().filter(|event| event["board"] == mac).collect();
        let has = |step: &str| steps.iter().any(|event| event["step"] == step);
        assert!(has("discover") && has("loaded") && has("up"), "{:?}: {steps:#?}", board.kind);
        assert!(!has("stuck") && !has("broken"), "{:?}: {steps:#?}", board.kind);
    }
}

#[test]
fn every_board_gets_to_its_kernel_in_mode_dhcp() {
    let net = Net::new();
    let mut boards: Vec<_> = ALL.iter().zip(1..).map(|(kind, number)| Board::new(*kind, number)).collect();
    // Everyone has a directory of its own; two of them under their MAC addresses.
    for board in &boards {
        let name = match board.kind {
            Kind::Pi4 | Kind::Pi3 => netboot_rig::mac(board).replace(':', "-"),
            _ => board.directory(),
        };
        tree(&net.root.join(&name), &name);
    }
    let serve = net.serve(&["--mode", "dhcp", "--range", "10.99.0.100-120"]);
    net.lan.inside("client", || run(&mut boards, "eth0", Duration::from_secs(60)));
    for board in &boards {
        boots(board);
        let last = board.address.octets()[3];
        assert!((100..=120).contains(&last), "{}", board.address);
        let mine = files_of(board);
        assert!(mine.iter().all(|(path, text)| path == "bootcode.bin" || text.contains('/')), "{mine:?}");
    }
    serve.end();
}
