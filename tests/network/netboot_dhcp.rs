//! The DHCP server in network namespaces: beside a full server, against real clients, and with everything that can
//! come over a wire.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::dhcp_support;

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dhcp_support::{DhcpClient, HOUSE, Lan, OURS, PC, PI3, PI5, Running, discover, pi5_id, request, tool};
use piprov::board::Mac;
use piprov::dhcp::build::Builder;
use piprov::dhcp::event::{Answer, Event, Silence};
use piprov::dhcp::lease::Record;
use piprov::dhcp::packet::{Kind, Packet};
use piprov::dhcp::{Config, Error, Handed, Mode, Server};
use piprov::error::Explain;
use piprov::stop::Stop;
use piprov::wire;

const ROM_ID: &[u8; 17] = b"\0DDDDDDDDDDDDDDDD";

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, 0, last)
}

fn mac(n: u32) -> Mac {
    let [_, a, b, c] = n.to_be_bytes();
    Mac::new([0xdc, 0xa6, 0x32, a, b, c])
}

fn answered(running: &Running, kind: Kind) -> Vec<Answer> {
    running.heard().into_iter().filter(|heard| heard.message == kind).map(|heard| heard.answer).collect()
}

#[test]
fn a_pi_5_gets_both_offers_beside_a_full_server() {
    let lan = Lan::new();
    lan.house_dnsmasq(&[]);
    let ours = lan.serve(&lan.config(Mode::Proxy));
    lan.client_is(PI5);
    for broadcast in [false, true] {
        let offers = lan.inside("client", || {
            let client = DhcpClient::new();
            client.say(&discover(PI5, &pi5_id(), broadcast).finish());
            client.hear_all(Duration::from_secs(2))
        });
        let from =
            |server| offers.iter().filter(|got| got.packet().address(54) == Some(server)).collect::<Vec<_>>();
        let (house, proxy) = (from(HOUSE), from(OURS));
        assert_eq!((house.len(), proxy.len()), (1, 1), "{offers:?}");
        assert!(house[0].packet().yiaddr >= ip(150), "the address comes from the house");
        assert_eq!(house[0].broadcast, broadcast, "the house's server does as it is asked");
        let packet = proxy[0].packet();
        assert_eq!((packet.yiaddr, packet.siaddr), (Ipv4Addr::UNSPECIFIED, OURS));
        assert_eq!(packet.option(60).as_deref(), Some(&b"PXEClient"[..]));
        assert_eq!(packet.option(97).as_deref(), Some(&pi5_id()[..]));
        // What the board does next: takes the house's address.
        let taken = lan.inside("client", || {
            let mut message = Builder::question(PI5, 5, Kind::Request, broadcast);
            message = message.address(54, HOUSE).address(50, house[0].packet().yiaddr);
            DhcpClient::new().ask(message)
        });
        assert_eq!((taken.packet().kind, taken.packet().address(54)), (Kind::Ack, Some(HOUSE)));
    }
    let elsewhere = Answer::None { why: Silence::OtherServer { server: HOUSE } };
    assert_eq!(answered(&ours, Kind::Request), [elsewhere.clone(), elsewhere]);
}

#[test]
fn the_rom_of_a_3b_gets_one_answer_after_two_seconds() {
    let lan = Lan::new();
    let mut config = lan.config(Mode::Dhcp);
    config.rom_delay = Duration::from_millis(1500);
    let ours = lan.serve(&config);
    lan.client_is(PI3);
    let (start, offers) = lan.inside("client", || {
        let client = DhcpClient::new();
        let start = Instant::now();
        client.say(&discover(PI3, ROM_ID, false).finish());
        client.say(&discover(PI3, ROM_ID, false).finish());
        (start, client.hear_all(Duration::from_secs(3)))
    });
    assert_eq!(offers.len(), 1, "{offers:?}");
    let late = offers[0].at - start;
    // This host knows where to send the files without asking: the ROM won't answer then.
    let known = String::from_utf8(
        lan.command("ours", "ip").args(["neigh", "show", "to", "10.99.0.100"]).output().unwrap().stdout,
    )
    .unwrap();
    assert!(known.contains("b8:27:eb:ef:56:44 PERMANENT"), "{known}");
    assert!(late >= Duration::from_millis(1500) && late < Duration::from_millis(2500), "{late:?}");
    // In a frame to it alone, at the address that it doesn't have yet.
    assert_eq!((offers[0].to, offers[0].broadcast), (ip(100), false));
    assert_eq!(ours.heard().iter().map(|heard| heard.tries).collect::<Vec<_>>(), [1, 2]);
    // It never asks for it, but has it.
    drop(ours);
    let known =
        lan.command("ours", "ip").args(["neigh", "show", "to", "10.99.0.100"]).output().unwrap().stdout;
    assert_eq!(String::from_utf8(known).unwrap(), "");
    let leases = lan.leases(&config);
    assert!(
        matches!(leases[..], [Record::Lease(lease)] if lease.soft && lease.mac == PI3 && lease.address == ip(100))
    );
}

#[test]
fn udhcpc_gets_renews_and_releases() {
    let lan = Lan::new();
    let mut config = lan.config(Mode::Dhcp);
    config.router = Some(HOUSE);
    let ours = lan.serve(&config);
    lan.client_is(PI5);
    tool("udhcpc", Command::new("udhcpc").arg("--help"));
    let (script, log) = (lan.dir.path().join("script"), lan.dir.path().join("log"));
    // Sets the address, so that it can renew by unicast.
    let text = format!(
        "#!/bin/sh\necho \"$1 $ip $subnet $router $lease\" >> {}\n\
         case $1 in bound) ip addr add $ip/24 dev $interface;; esac\n",
        log.display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = lan.command("client", "udhcpc");
    command.args(["-f", "-i", "eth0", "-R", "-T", "1", "-s"]).arg(&script);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // ip netns exec becomes the program, so this is udhcpc's own number.
    let signal = |signal| {
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, signal).unwrap();
    };
    let acked = |event: &Event| matches!(event, Event::Heard(h) if matches!(h.answer, Answer::Ack { .. }));
    ours.wait_for("the first ACK", acked);
    let renewed =
        |event: &Event| acked(event) && matches!(event, Event::Heard(h) if h.wanted == Some(ip(100)));
    let bound = "bound 10.99.0.100 255.255.255.0 10.99.0.1 43200";
    wait_for_text(&log, bound);
    signal(rustix::process::Signal::USR1);
    wait_for_text(&log, "renew 10.99.0.100");
    ours.wait_for("a renewal", renewed);
    assert_eq!(answered(&ours, Kind::Request).len(), 2);
    signal(rustix::process::Signal::TERM);
    child.wait().unwrap();
    let released =
        |event: &Event| matches!(event, Event::Heard(h) if h.answer == Answer::Released { address: ip(100) });
    ours.wait_for("the release", released);
}

#[test]
fn dhclient_gets_renews_and_releases() {
    let lan = Lan::new();
    let mut config = lan.config(Mode::Dhcp);
    config.lease_time = Duration::from_secs(60);
    let ours = lan.serve(&config);
    lan.client_is(PI5);
    tool("isc-dhcp-client", Command::new("dhclient").arg("--version"));
    let path = |name: &str| lan.dir.path().join(name).display().to_string();
    // It renews after half of the lease's time; here sooner.
    std::fs::write(path("conf"), "supersede dhcp-renewal-time 2;\n").unwrap();
    let script = "#!/bin/sh\n[ \"$reason\" != BOUND ] || ip addr add $new_ip_address/24 dev $interface\n";
    std::fs::write(path("script"), script).unwrap();
    std::fs::set_permissions(path("script"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let dhclient = |more: &[&str]| {
        let mut command = lan.command("client", "dhclient");
        command.args([
            "-4",
            "-sf",
            &path("script"),
            "-cf",
            &path("conf"),
            "-lf",
            &path("leases"),
            "-pf",
            &path("pid"),
        ]);
        command.args(more).arg("eth0");
        command
    };
    lan.start(dhclient(&["-d"]).stdout(Stdio::null()).stderr(Stdio::null()));
    let asked_for = |address: Ipv4Addr| {
        move |event: &Event| {
            matches!(event, Event::Heard(h) if h.message == Kind::Request && h.wanted == Some(address)
                && matches!(h.answer, Answer::Ack { address: got, .. } if got == address))
        }
    };
    ours.wait_for("an ACK", asked_for(ip(100)));
    let deadline = Instant::now() + Duration::from_secs(20);
    let never = Stop::new().unwrap();
    while answered(&ours, Kind::Request).len() < 2 {
        assert!(Instant::now() < deadline, "it isn't renewed: {:#?}", ours.told());
        let _ = never.wait(Duration::from_millis(20));
    }
    assert_eq!(answered(&ours, Kind::Discover).len(), 1, "it was renewed, not found anew");
    let output = tool("isc-dhcp-client", &mut dhclient(&["-r"]));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let released =
        |event: &Event| matches!(event, Event::Heard(h) if h.answer == Answer::Released { address: ip(100) });
    ours.wait_for("the release", released);
}

fn ip_command(lan: &Lan, args: &[&str]) {
    let status = Command::new("ip").args(["-n", &lan.space("client")]).args(args).status().unwrap();
    assert!(status.success());
}

fn wait_for_text(path: &std::path::Path, text: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let never = Stop::new().unwrap();
    loop {
        let got = std::fs::read_to_string(path).unwrap_or_default();
        if got.contains(text) {
            return;
        }
        assert!(Instant::now() < deadline, "{text} isn't in {got}");
        let _ = never.wait(Duration::from_millis(10));
    }
}

#[test]
fn there_is_no_second_server() {
    let lan = Lan::new();
    let leases = lan.house_dnsmasq(&[]);
    let mut config = lan.config(Mode::Dhcp);
    config.force = false;
    let error = lan.open(&config).unwrap_err();
    assert_eq!(error.to_string(), "10.99.0.1 answers as a DHCP server on eth0 already");
    assert!(error.hint().unwrap().says("proxy mode"), "{error}");
    assert_eq!(error.kind().exit_code(), 75);
    // Looking left nothing behind.
    assert_eq!(std::fs::read_to_string(leases).unwrap_or_default(), "");
    config.force = true;
    assert!(lan.open(&config).is_ok());
    assert!(lan.open(&lan.config(Mode::Proxy)).is_ok());
    let found = lan.probe("ours", Duration::from_secs(4));
    assert_eq!((found[0].server, found[0].router, found[0].lease_time), (HOUSE, Some(HOUSE), Some(3600)));
    assert!(found[0].offered.unwrap() >= ip(150));
}

#[test]
fn a_second_one_of_ours_finds_the_first() {
    let lan = Lan::new();
    let _first = lan.serve(&lan.config(Mode::Dhcp));
    let mut config = lan.config(Mode::Dhcp);
    config.force = false;
    config.state = lan.dir.path().join("other");
    let second = lan.inside("house", || Server::open(&config, Handed::default(), &Stop::new().unwrap()));
    assert!(matches!(second, Err(Error::OtherServer { server: OURS, .. })), "{second:?}");
}

#[test]
fn a_proxy_is_no_second_server() {
    let lan = Lan::new();
    let none = lan.dir.path().join("none");
    let args = ["--dhcp-range=10.99.0.255,proxy", "--pxe-service=0,Raspberry Pi Boot"];
    lan.dnsmasq("house", &none, &args);
    let mut config = lan.config(Mode::Dhcp);
    config.force = false;
    let start = Instant::now();
    assert!(lan.open(&config).is_ok(), "nobody else gives addresses");
    assert!(start.elapsed() < Duration::from_secs(6));
    let found = lan.probe("client", Duration::from_secs(4));
    assert_eq!((found.len(), found[0].server, found[0].offered), (1, HOUSE, None));
}

#[test]
fn a_pc_is_left_alone() {
    let lan = Lan::new();
    for mode in [Mode::Proxy, Mode::Dhcp] {
        let ours = lan.serve(&lan.config(mode));
        let answers = lan.inside("client", || {
            let client = DhcpClient::new();
            let uuid: Vec<u8> = (0..17).map(|n| if n == 0 { 0 } else { 0x61 + n }).collect();
            client.say(&discover(PC, &uuid, true).finish());
            let system = Builder::question(PC, 7, Kind::Discover, true).option(60, b"MSFT 5.0");
            client.say(&system.finish());
            client.say(&request(PC, Ipv4Addr::new(192, 168, 1, 9), true).finish());
            client.hear_all(Duration::from_secs(1))
        });
        assert!(answers.is_empty(), "{answers:?}");
        let heard: Vec<_> = ours.heard().into_iter().map(|heard| heard.answer).collect();
        assert_eq!(heard.len(), 3, "{heard:?}");
        assert_eq!(heard[0], Answer::None { why: Silence::NoBootFile });
        assert_eq!(heard[1], Answer::None { why: Silence::NoPi });
    }
}

#[test]
fn a_thousand_boards_in_a_second() {
    let lan = Lan::new();
    let mut config = lan.config(Mode::Dhcp);
    // A network with room for them.
    let ours_space = lan.space("ours");
    let status =
        Command::new("ip").args(["-n", &ours_space, "addr", "add", "10.98.0.2/16", "dev", "eth0"]).status();
    assert!(status.unwrap().success());
    let server = Ipv4Addr::new(10, 98, 0, 2);
    config.server = Some(server);
    config.range = Some((Ipv4Addr::new(10, 98, 1, 0), Ipv4Addr::new(10, 98, 8, 255)));
    let ours = lan.serve(&config);
    const COUNT: usize = 1000;
    let (took, addresses) = lan.inside("client", || {
        let client = DhcpClient::new();
        let start = Instant::now();
        let paced = Stop::new().unwrap();
        for n in 0..COUNT as u32 {
            client.say(&discover(mac(n), &pi5_id(), true).finish());
            // A thousand a second: ten at a time.
            if n % 10 == 9 {
                let _ = paced.wait(Duration::from_millis(8));
            }
        }
        let (mut offered, mut acked) = (HashMap::new(), HashMap::new());
        let until = start + Duration::from_secs(20);
        while acked.len() < COUNT {
            let Some(got) = client.hear(until) else {
                panic!("{} have an offer and {} an address", offered.len(), acked.len())
            };
            let packet = got.packet();
            match packet.kind {
                Kind::Offer if offered.insert(packet.mac, packet.yiaddr).is_none() => {
                    let take = Builder::question(packet.mac, 9, Kind::Request, true);
                    client.say(&take.address(54, server).address(50, packet.yiaddr).finish());
                }
                Kind::Ack => {
                    acked.insert(packet.mac, packet.yiaddr);
                }
                other => panic!("{other:?} for {}", packet.mac),
            }
        }
        assert_eq!(offered, acked);
        (start.elapsed(), offered.into_values().collect::<HashSet<_>>())
    });
    assert_eq!(addresses.len(), COUNT, "each has its own");
    assert!(took < Duration::from_secs(15), "{took:?}");
    drop(ours);
    let on_disk = lan.leases(&config).into_iter().filter(|record| matches!(record, Record::Lease(_))).count();
    assert_eq!(on_disk, COUNT, "all are on disk");
}

#[test]
fn nothing_that_is_sent_ends_it() {
    let lan = Lan::new();
    let ours = lan.serve(&lan.config(Mode::Dhcp));
    let good = discover(PI5, &pi5_id(), true).finish();
    let offer = lan.inside("client", || {
        let client = DhcpClient::new();
        for len in 0..good.len() {
            client.say(&good[..len]);
        }
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 0xff;
            client.say(&bytes);
        }
        client.say(&[0xff; 1472]);
        client.hear_all(Duration::from_millis(200));
        client.ask(discover(PI3, &pi5_id(), true))
    });
    assert_eq!(offer.packet().kind, Kind::Offer);
    let malformed = ours.told().into_iter().filter(|event| matches!(event, Event::Malformed { .. })).count();
    assert!((1..200).contains(&malformed), "{malformed} of them are told, and not all");
}

#[test]
fn an_address_in_use_goes_to_nobody() {
    let mut lan = Lan::new();
    lan.host("squatter", Some(ip(100)));
    let ours = lan.serve(&lan.config(Mode::Dhcp));
    let (offer, took) = lan.inside("client", || {
        let start = Instant::now();
        (DhcpClient::new().ask(discover(PI5, &pi5_id(), false)), start.elapsed())
    });
    assert_eq!(offer.packet().yiaddr, ip(101));
    assert!(took < Duration::from_secs(2), "a board waits four seconds: {took:?}");
    ours.wait_for(
        "the conflict",
        |event| matches!(event, Event::Conflict { address, mac: PI5, .. } if *address == ip(100)),
    );
}

#[test]
fn a_port_that_is_taken_is_told_with_its_owner() {
    let lan = Lan::new();
    let none = lan.dir.path().join("none");
    lan.dnsmasq("ours", &none, &["--dhcp-range=10.99.0.150,10.99.0.199,1h", "--no-ping"]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while lan.probe("client", Duration::from_secs(1)).is_empty() {
        assert!(Instant::now() < deadline, "dnsmasq doesn't answer");
    }
    let error = lan.open(&lan.config(Mode::Proxy)).unwrap_err();
    assert!(error.to_string().starts_with("UDP port 67 is in use by dnsmasq (process "), "{error}");
    assert!(error.hint().unwrap().says("systemctl disable --now dnsmasq"));
}

#[test]
fn a_wrong_interface_is_answered_with_the_right_one() {
    let lan = Lan::new();
    let open = |change: &dyn Fn(&mut Config)| {
        let mut config = lan.config(Mode::Dhcp);
        change(&mut config);
        lan.open(&config).unwrap_err()
    };
    let error = open(&|c| c.interface = "eth7".to_owned());
    assert_eq!(error.to_string(), "there is no network interface `eth7`");
    assert_eq!(error.hint().unwrap(), "there are: eth0 (10.99.0.2/24)".into());
    let error = open(&|c| c.range = Some((Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 9))));
    assert!(error.to_string().contains("10.0.0.1 is not in 10.99.0.0/24"), "{error}");
    let bare = lan.inside("client", || {
        Server::open(&lan.config(Mode::Proxy), Handed::default(), &Stop::new().unwrap()).unwrap_err()
    });
    assert_eq!(bare.to_string(), "the interface eth0 has no IPv4 address");
    let down = lan.inside("client", || {
        ip_command(&lan, &["link", "set", "eth0", "down"]);
        wire::interfaces::find("eth0").unwrap_err()
    });
    assert!(matches!(down, wire::Error::Down { .. }));
}

/// A device in a virtual network of the same wire has an address there, which is none of ours.
#[test]
fn an_address_in_a_virtual_network_is_no_conflict() {
    let lan = Lan::new();
    let ours = lan.serve(&lan.config(Mode::Dhcp));
    let offer = lan.inside("client", || {
        let client = DhcpClient::new();
        client.say(&discover(PI5, &pi5_id(), false).finish());
        let wire = crate::netboot_model::socket("eth0");
        let mut frame = vec![0xff; 6];
        frame.extend(PC.bytes());
        frame.extend([0x81, 0, 0, 7, 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2]);
        frame.extend(PC.bytes());
        frame.extend(ip(100).octets());
        frame.extend([0xff; 6]);
        frame.extend(ip(100).octets());
        frame.resize(64, 0);
        // While the server listens for objections.
        let never = Stop::new().unwrap();
        for _ in 0..10 {
            wire.send(&frame).unwrap();
            let _ = never.wait(Duration::from_millis(20));
        }
        let until = Instant::now() + Duration::from_secs(10);
        client.hear(until).expect("an offer")
    });
    assert_eq!(offer.packet().yiaddr, ip(100));
    assert!(!ours.told().iter().any(|event| matches!(event, Event::Conflict { .. })), "{:?}", ours.told());
}

#[test]
fn sockets_may_be_handed_in() {
    let lan = Lan::new();
    let server = lan.inside("ours", || {
        let bind = |port| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap().into();
        let handed = Handed { dhcp: Some(bind(67)), pxe: Some(bind(4011)) };
        Server::open(&lan.config(Mode::Proxy), handed, &Stop::new().unwrap()).unwrap()
    });
    let _running = Running::new(server);
    let offer = lan.inside("client", || DhcpClient::new().ask(discover(PI5, &pi5_id(), false)));
    assert_eq!(offer.packet().address(54), Some(OURS));
}

#[test]
fn the_boot_server_port_answers_boards_and_not_pcs() {
    let mut lan = Lan::new();
    lan.host("booting", Some(ip(60)));
    let _ours = lan.serve(&lan.config(Mode::Proxy));
    let answers = lan.inside("booting", || {
        let socket = UdpSocket::bind((ip(60), 4011)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let mut answers = Vec::new();
        for (mac, id) in [(PC, vec![0; 17]), (PI5, pi5_id())] {
            let ask = discover(mac, &id, false).ciaddr(ip(60)).finish();
            socket.send_to(&ask, (OURS, 4011)).unwrap();
        }
        let mut buf = [0; 2048];
        while let Ok((len, from)) = socket.recv_from(&mut buf) {
            answers.push((from, buf[..len].to_vec()));
        }
        answers
    });
    let [(from, bytes)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(*from, (OURS, 4011).into());
    let packet = Packet::parse(bytes).unwrap();
    assert_eq!((packet.kind, packet.mac, packet.ciaddr), (Kind::Ack, PI5, ip(60)));
}

/// Not a test of its own: the process that the next one kills.
#[test]
#[ignore = "run by leases_survive_kill_9, as a process of its own"]
fn a_server_to_be_killed() {
    let space = std::env::var("PIPROV_TEST_SPACE").unwrap();
    let state = std::env::var_os("PIPROV_TEST_STATE").unwrap();
    dhcp_support::enter(&space);
    let mut config = Config::new("eth0", state.into());
    config.mode = Mode::Dhcp;
    config.range = Some((ip(100), ip(120)));
    config.force = true;
    let stop = Stop::new().unwrap();
    let mut server = Server::open(&config, Handed::default(), &stop).unwrap();
    server.run(&mut |_| {}, &stop).unwrap();
}

#[test]
fn leases_survive_kill_9() {
    let lan = Lan::new();
    let config = lan.config(Mode::Dhcp);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "netboot_dhcp::a_server_to_be_killed"])
        .env("PIPROV_TEST_SPACE", lan.space("ours"))
        .env("PIPROV_TEST_STATE", &config.state)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let taken: Vec<(Mac, Ipv4Addr)> = lan.inside("client", || {
        let client = DhcpClient::new();
        let until = Instant::now() + Duration::from_secs(30);
        // Until it is up.
        loop {
            client.say(&discover(mac(0), &pi5_id(), true).finish());
            if !client.hear_all(Duration::from_millis(500)).is_empty() {
                break;
            }
            assert!(Instant::now() < until, "the server doesn't come up");
        }
        (0..8)
            .map(|n| {
                let offer = client.ask(discover(mac(n), &pi5_id(), true));
                let address = offer.packet().yiaddr;
                let ack = client.ask(request(mac(n), address, true));
                assert_eq!(ack.packet().kind, Kind::Ack);
                (mac(n), address)
            })
            .collect()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let ours = lan.serve(&config);
    lan.inside("client", || {
        let client = DhcpClient::new();
        // Others come first, and don't get what is taken.
        for n in 100..110 {
            let other = client.ask(discover(mac(n), &pi5_id(), true)).packet().yiaddr;
            assert!(!taken.iter().any(|(_, address)| *address == other), "{other} was taken");
        }
        for (mac, address) in &taken {
            let ack = client.ask(Builder::question(*mac, 3, Kind::Request, true).address(50, *address));
            assert_eq!((ack.packet().kind, ack.packet().yiaddr), (Kind::Ack, *address));
        }
    });
    drop(ours);
}

#[test]
fn a_damaged_file_of_leases_is_told_and_kept() {
    let lan = Lan::new();
    let config = lan.config(Mode::Dhcp);
    let mut ours = lan.serve(&config);
    lan.inside("client", || {
        for n in 0..3 {
            let client = DhcpClient::new();
            let address = client.ask(discover(mac(n), &pi5_id(), true)).packet().yiaddr;
            client.ask(request(mac(n), address, true));
        }
    });
    ours.end();
    let path = config.state.join("dhcp/eth0.leases");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("10.99.0.101", "10.99.0.111", 1)).unwrap();
    let server = lan.open(&config).unwrap();
    // Each with the number that its board told.
    assert_eq!(server.leases().len(), 4);
    let damage = server.damage().unwrap();
    assert_eq!((damage.kept, damage.lost), (5, 1));
    assert!(std::fs::read_to_string(damage.aside.as_ref().unwrap()).unwrap().contains("10.99.0.111"));
}
