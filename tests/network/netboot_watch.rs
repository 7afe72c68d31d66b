//! `piprov netboot watch`: the same picture from the wire alone, with nothing sent and no port opened.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::dhcp_support;
use crate::netboot_model;
use crate::netboot_rig;

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use dhcp_support::{DhcpClient, HOUSE, PC, discover};
use netboot_model::{Board, Kind, run};
use netboot_rig::{Net, Program, mac, tree};
use piprov::board::Mac;
use piprov::dhcp::build::Builder;
use piprov::dhcp::packet::{Kind as Message, Packet};
use serde_json::Value;

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
    // The house's server may be heard first: this host asks who gives addresses.
    let is_ours = |event: &&Value| event["event"] == "server" && event["ip"] == "10.99.0.2";
    assert_eq!(events.iter().find(is_ours).unwrap()["verdict"], "boots");
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

/// Answers a board's DISCOVER from a host, by broadcast, with what is added to it.
fn answer(net: &Net, host: &str, from: Ipv4Addr, add: impl FnOnce(Builder) -> Builder + Send) {
    let question = discover(Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3]), &[0; 17], true).finish();
    let packet = Packet::parse(&question).unwrap();
    let reply = Builder::reply(&packet, Message::Offer).address(54, from).option(43, b"Raspberry Pi Boot   ");
    let reply = add(reply).finish();
    net.lan.inside(host, || {
        let socket = UdpSocket::bind((from, 67)).unwrap();
        socket.set_broadcast(true).unwrap();
        socket.send_to(&reply, (Ipv4Addr::BROADCAST, 68)).unwrap();
    });
}

fn watch(net: &Net) -> Program {
    let watch = net.start("client", &["netboot", "watch", "--interface", "eth0"]);
    watch.until("it listens", |event| event["event"] == "watching");
    watch
}

#[test]
fn a_server_that_names_its_files_host_in_two_ways_is_told() {
    let net = Net::new();
    let watch = watch(&net);
    let other = Ipv4Addr::new(10, 99, 0, 7);
    let doubts = |word: &str| {
        let told =
            watch.until(word, |event| event["event"] == "server" && event["doubts"][0]["doubt"] == *word);
        assert_eq!(told["doubts"].as_array().unwrap().len(), 1, "{told}");
        told
    };
    answer(&net, "house", HOUSE, |reply| reply.siaddr(HOUSE).option(66, b"10.99.0.1"));
    answer(&net, "house", HOUSE, |reply| reply.siaddr(HOUSE).option(66, b"10.99.0.7"));
    let told = doubts("differ");
    assert_eq!((told["siaddr"].as_str(), told["tftp"].as_str()), (Some("10.99.0.1"), Some("10.99.0.1")));
    answer(&net, "house", HOUSE, |reply| reply.option(66, b"10.99.0.7"));
    assert_eq!(doubts("alone")["tftp"], *other.to_string());
    answer(&net, "house", HOUSE, |reply| reply.option(66, b"files.lan"));
    assert_eq!(doubts("name")["option66"], "files.lan");
    let events = watch.end();
    assert_eq!(events.iter().filter(|event| event["event"] == "server").count(), 4, "{events:#?}");
    let conclusions = events.last().unwrap()["conclusions"].to_string();
    assert!(
        conclusions.contains("which is no address") && conclusions.contains("next-server"),
        "{conclusions}"
    );
}

#[test]
fn a_pc_whose_uuid_is_one_word_four_times_is_seen_as_a_pc() {
    let net = Net::new();
    let watch = watch(&net);
    net.lan.inside("house", || {
        let client = DhcpClient::new();
        for id in [[0x44; 4], [0x20, 0x17, 0x20, 0x17]] {
            let id = [&[0][..], &id.repeat(4)].concat();
            // What a PC's ROM asks for.
            let asked =
                [1, 2, 3, 4, 5, 6, 11, 12, 13, 43, 60, 66, 67, 97, 128, 129, 130, 131, 132, 133, 134, 135];
            let ask =
                Builder::question(PC, 1, Message::Discover, true).option(55, &asked).option(93, &[0, 0]);
            client.say(&ask.option(97, &id).option(60, b"PXEClient:Arch:00000:UNDI:002001").finish());
        }
    });
    watch.until("the PC", |event| event["event"] == "pc" && event["mac"] == *PC.to_string());
    let events = watch.end();
    assert!(!events.iter().any(|event| event["event"] == "discover"), "{events:#?}");
}

#[test]
fn a_network_where_no_address_was_ever_offered_is_told() {
    let net = Net::new();
    let watch = watch(&net);
    let leases = net.lan.dir.path().join("none");
    // The house tells where to boot from, and nobody gives addresses.
    net.lan.dnsmasq(
        "house",
        &leases,
        &["--dhcp-range=10.99.0.255,proxy", "--pxe-service=0,Raspberry Pi Boot   "],
    );
    let mut boards = vec![Board::new(Kind::Pi4, 1)];
    net.lan.inside("client", || run(&mut boards, "eth0", Duration::from_secs(20)));
    let told = watch.until("that it gets no address", |event| event["event"] == "reason");
    assert_eq!(
        (told["reason"]["what"].as_str(), told["grade"].as_str()),
        (Some("no-address"), Some("warning"))
    );
    assert_eq!(told["board"]["mac"], *mac(&boards[0]));
    let conclusions = watch.end().pop().unwrap()["conclusions"].to_string();
    assert!(conclusions.contains("no address was offered to any board"), "{conclusions}");
    assert!(
        conclusions.contains("`piprov netboot serve`") || conclusions.contains("`--mode dhcp`"),
        "{conclusions}"
    );
}

#[test]
fn a_pi_that_asks_by_dhcpv6_only_is_seen() {
    let net = Net::new();
    // On another host than the board: the question goes to a group, which this one has joined.
    let watch = net.start("ours", &["netboot", "watch", "--interface", "eth0"]);
    watch.until("it listens", |event| event["event"] == "watching");
    let mac = [0xe4, 0x5f, 0x01, 0x20, 0x24, 0x0b];
    // The SOLICIT of a Pi 4 with USE_IPV6=1, as the documentation's capture has it.
    let mut solicit = vec![1, 0x8c, 0xdd, 0x56, 0, 1, 0, 10, 0, 3, 0, 1];
    solicit.extend(mac);
    solicit.extend([0, 3, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 2, 0, 59]);
    solicit.extend([0, 61, 0, 2, 0, 0x29, 0, 8, 0, 2, 0, 0]);
    let len = (solicit.len() as u16 + 8).to_be_bytes();
    let mut frame =
        [&[0x33, 0x33, 0, 1, 0, 2][..], &mac, &[0x86, 0xdd, 0x60, 0, 0, 0], &len, &[17, 1]].concat();
    let from: std::net::Ipv6Addr = "fe80::e65f:1ff:fe20:240b".parse().unwrap();
    let to: std::net::Ipv6Addr = "ff02::1:2".parse().unwrap();
    frame.extend(from.octets());
    frame.extend(to.octets());
    frame.extend([&546u16.to_be_bytes()[..], &547u16.to_be_bytes(), &len, &[0, 0]].concat());
    frame.extend(&solicit);
    net.lan.inside("client", || netboot_model::socket("eth0").send(&frame).unwrap());
    let told = watch.until("the board", |event| event["event"] == "dhcpv6" && event["boots"] == true);
    assert_eq!((told["mac"].as_str(), told["arch"].as_u64()), (Some("e4:5f:01:20:24:0b"), Some(41)));
    assert!(told["hint"].as_str().unwrap().contains("USE_IPV6"), "{told}");
    let conclusions = watch.end().pop().unwrap()["conclusions"].to_string();
    assert!(conclusions.contains("e4:5f:01:20:24:0b asks by DHCPv6 only"), "{conclusions}");
}
