//! `piprov netboot watch`: the same picture from the wire alone, with nothing sent and no port opened.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::netboot_model;
use crate::netboot_rig;

use std::time::{Duration, Instant};

use netboot_model::{Board, Kind, run};
use netboot_rig::{Net, mac, tree};

#[test]
fn a_boot_is_seen_from_the_host_that_serves() {
    let net = Net::new();
    net.lan.house_dnsmasq(&[]);
    tree(&net.root, "");
    let serve = net.serve(&[]);
    let watch = net.start("ours", &["netboot", "watch", "--interface", "eth0"]);
    watch.until("it listens", |event| event["event"] == "watching");
    let mut boards = vec![Board::new(Kind::Pi4, 1), Board::new(Kind::Pi5, 2)];
    net.lan.inside("client", || run(&mut boards, "eth0", Duration::from_secs(30)));
    for board in &boards {
        netboot_rig::boots(board);
        let mac = mac(board);
        watch.until("the system", |event| event["board"]["mac"] == *mac && event["event"] == "up");
    }
    serve.end();
    let events = watch.end();
    let of = |board: &Board| {
        let mac = mac(board);
        events
            .iter()
            .filter(move |event| event["board"]["mac"] == *mac)
            .map(|event| event["event"].as_str().unwrap().to_owned())
    };
    for board in &boards {
        let steps: Vec<_> = of(board).collect();
        // What a Pi 5 probes for isn't there.
        let probe = if board.kind == Kind::Pi4 { "probe" } else { "absent" };
        for step in ["discover", "offer", "part", "got", "absent", probe, "loaded", "up"] {
            assert!(steps.iter().any(|seen| seen == step), "{step}: {steps:?}");
        }
        assert!(!steps.iter().any(|seen| seen == "stuck"), "{steps:?}");
    }
    let server = events.iter().find(|event| event["event"] == "server").unwrap();
    assert_eq!((server["ip"].as_str(), server["verdict"].as_str()), (Some("10.99.0.2"), Some("boots")));
    let summary = events.last().unwrap();
    assert_eq!(
        (summary["event"].as_str(), summary["boards"][0]["loaded"].as_bool()),
        (Some("summary"), Some(true))
    );
}

#[test]
fn a_board_that_nobody_tells_where_to_boot_from() {
    let net = Net::new();
    net.lan.house_dnsmasq(&[]);
    // The house's server answers by broadcast only a client that asks for it; behind a bridge the watcher sees no other answer.
    let watch = net.start("client", &["netboot", "watch", "--interface", "eth0", "--for", "25s"]);
    watch.until("it listens", |event| event["event"] == "watching");
    let mut boards = vec![Board::new(Kind::Pi5, 1)];
    net.lan.inside("client", || run(&mut boards, "eth0", Duration::from_secs(8)));
    assert!(boards[0].end.as_ref().unwrap().is_err());
    let stuck = watch.until("that it is stuck", |event| event["event"] == "stuck");
    assert!(
        stuck["why"].as_str().unwrap().contains("10.99.0.1 only, which says nothing of network boot"),
        "{stuck}"
    );
    let (code, events, _) = watch.wait();
    assert_eq!(code, Some(0));
    let conclusions = events.last().unwrap()["conclusions"].to_string();
    assert!(conclusions.contains("piprov netboot serve"), "{conclusions}");
}

#[test]
fn spanning_tree_is_seen_and_nothing_is_sent() {
    let net = Net::new();
    let bridge = ["link", "set", "br0", "type", "bridge", "forward_delay", "400", "stp_state", "1"];
    assert!(net.lan.command("hub", "ip").args(bridge).status().unwrap().success());
    let sent = || {
        let output =
            net.lan.command("ours", "cat").arg("/sys/class/net/eth0/statistics/tx_packets").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<u64>().unwrap()
    };
    let _ = net.lan.command("ours", "sysctl").args(["-qw", "net.ipv6.conf.eth0.disable_ipv6=1"]).status();
    let before = sent();
    let watch = net.start("ours", &["netboot", "watch", "--interface", "eth0"]);
    let tree = watch.until("spanning tree", |event| event["event"] == "tree");
    assert_eq!((tree["version"].as_str(), tree["forward_delay"].as_f64()), (Some("stp"), Some(4.0)));
    // No port of DHCP or TFTP is open.
    let ports = net.lan.command("ours", "cat").arg("/proc/net/udp").output().unwrap();
    let ports = String::from_utf8(ports.stdout).unwrap();
    assert!(!ports.contains(":0043") && !ports.contains(":0045") && !ports.contains(":0FAB"), "{ports}");
    assert_eq!(sent(), before);
    let conclusions = watch.end().pop().unwrap()["conclusions"].to_string();
    assert!(conclusions.contains("held back for 8 s") && conclusions.contains("portfast"), "{conclusions}");
}

#[test]
fn a_probe_asks_once_and_finds_the_houses_server() {
    let net = Net::new();
    net.lan.house_dnsmasq(&[]);
    let start = Instant::now();
    let watch = net.start("ours", &["netboot", "watch", "--interface", "eth0", "--probe", "--for", "6"]);
    let (code, events, _) = watch.wait();
    assert_eq!(code, Some(0));
    assert!(start.elapsed() < Duration::from_secs(20));
    let server =
        events.iter().find(|event| event["event"] == "server").unwrap_or_else(|| panic!("{events:#?}"));
    assert_eq!(
        (server["ip"].as_str(), server["verdict"].as_str()),
        (Some("10.99.0.1"), Some("address-only"))
    );
}
