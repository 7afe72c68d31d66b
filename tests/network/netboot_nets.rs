//! Addresses in several networks: behind a relay, and on two interfaces of the host; with udhcpc and dhclient.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::dhcp_support;
use crate::netboot_model;
use crate::netboot_rig;

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dhcp_support::{DhcpClient, Lan, OURS, PI3, PI5, discover, ip, pi5_id, tool};
use netboot_model::{Board, Kind, run};
use netboot_rig::{Net, boots, tree};
use piprov::dhcp::config::{Network, RelayedNet};
use piprov::dhcp::event::{Answer, Event};
use piprov::dhcp::lease::{Lease, Record, Store};
use piprov::dhcp::packet::Kind as Message;
use piprov::dhcp::{Config, Mode};
use piprov::stop::Stop;
use socket2::{Domain, Protocol, Socket, Type};

/// The relay's addresses: on the server's network, and on that of the boards.
const NEAR: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 3);
const FAR: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 1);
/// This host's address on its second interface.
const SECOND: Ipv4Addr = Ipv4Addr::new(10, 97, 0, 2);

/// A host `name` on a cable of its own to the interface `eth1` of another host, and that interface's address.
fn cable(lan: &mut Lan, name: &str, (to, address): (&str, Ipv4Addr)) {
    lan.host(name, None);
    ip(&["-n", &lan.space(name), "link", "del", "eth0"]);
    plug(lan, name, (to, address));
}

/// That cable.
fn plug(lan: &Lan, name: &str, (to, address): (&str, Ipv4Addr)) {
    let (space, other) = (lan.space(name), lan.space(to));
    ip(&["-n", &other, "link", "add", "eth1", "type", "veth", "peer", "name", "eth0", "netns", &space]);
    ip(&["-n", &other, "addr", "add", &format!("{address}/24"), "dev", "eth1"]);
    for (space, device) in [(&other, "eth1"), (&space, "eth0")] {
        ip(&["-n", space, "link", "set", device, "up"]);
    }
    let (deadline, never) = (Instant::now() + Duration::from_secs(20), Stop::new().unwrap());
    loop {
        let shown = Command::new("ip").args(["-n", &space, "link", "show", "dev", "eth0"]).output().unwrap();
        if String::from_utf8_lossy(&shown.stdout).contains("state UP") {
            return;
        }
        assert!(Instant::now() < deadline, "the cable of {name} carries nothing");
        let _ = never.wait(Duration::from_millis(20));
    }
}

/// A relay as RFC 1542 has it, small: what clients ask on one side goes to the server with the relay's address in it, and
/// what the server answers goes to all on that side.
struct Relay {
    stop: Stop,
    threads: Vec<JoinHandle<()>>,
}

impl Relay {
    /// On the host `relay`.
    fn start(lan: &Lan) -> Self {
        let stop = Stop::new().unwrap();
        let open = |device: &[u8], address: Ipv4Addr| {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
            socket.set_reuse_address(true).unwrap();
            socket.bind_device(Some(device)).unwrap();
            socket.set_broadcast(true).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            socket.bind(&SocketAddrV4::new(address, 67).into()).unwrap();
            UdpSocket::from(socket)
        };
        // The server answers to the address on the boards' side, over the cable on its own side.
        let (boards, server) = lan
            .inside("relay", || (open(b"eth1", Ipv4Addr::UNSPECIFIED), open(b"eth0", Ipv4Addr::UNSPECIFIED)));
        let boards_again = boards.try_clone().unwrap();
        let server_again = server.try_clone().unwrap();
        let (up, down) = (stop.clone(), stop.clone());
        let threads = vec![
            std::thread::spawn(move || {
                pass(&up, &boards, |message| {
                    message[3] += 1;
                    message[24..28].copy_from_slice(&FAR.octets());
                    server_again.send_to(message, (OURS, 67)).unwrap();
                });
            }),
            std::thread::spawn(move || {
                pass(&down, &server, |message| {
                    boards_again.send_to(message, (Ipv4Addr::BROADCAST, 68)).unwrap();
                });
            }),
        ];
        Self { stop, threads }
    }
}

fn pass(stop: &Stop, from: &UdpSocket, mut on: impl FnMut(&mut [u8])) {
    let mut buffer = [0; 2048];
    while !stop.is_set() {
        if let Ok((len, _)) = from.recv_from(&mut buffer)
            && len >= 28
        {
            on(&mut buffer[..len]);
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.set();
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

/// A network of boards behind a relay, which is a router too; and a server that gives addresses there.
fn relayed() -> (Lan, Config, Relay) {
    let mut lan = Lan::new();
    lan.host("relay", Some(NEAR));
    cable(&mut lan, "far", ("relay", FAR));
    ip(&["-n", &lan.space("ours"), "route", "add", "10.98.0.0/24", "via", &NEAR.to_string()]);
    let forward = lan.command("relay", "sysctl").args(["-qw", "net.ipv4.ip_forward=1"]).status().unwrap();
    assert!(forward.success());
    let mut config = lan.config(Mode::Dhcp);
    let far = |last| Ipv4Addr::new(10, 98, 0, last);
    let (network, range) = (Network::new(far(0), 24), Some((far(100), far(109))));
    config.relayed = vec![RelayedNet { network, range, router: Some(FAR) }];
    let relay = Relay::start(&lan);
    (lan, config, relay)
}

fn acked(address: Ipv4Addr) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Heard(h) if matches!(h.answer, Answer::Ack { address: got, .. } if got == address))
}

#[test]
fn a_relayed_discover_is_answered_through_the_relay() {
    let (lan, config, _relay) = relayed();
    let ours = lan.serve(&config);
    let offer = lan.inside("far", || DhcpClient::new().ask(discover(PI5, &pi5_id(), true)));
    let packet = offer.packet();
    assert_eq!((packet.kind, packet.yiaddr), (Message::Offer, Ipv4Addr::new(10, 98, 0, 100)));
    assert_eq!((packet.giaddr, packet.siaddr), (FAR, OURS));
    assert_eq!(packet.address(3), Some(FAR), "the router of that network");
    let relay = ours.heard().first().and_then(|heard| heard.relay);
    assert_eq!(relay, Some(FAR));
    // The network at home goes on as before.
    lan.client_is(PI3);
    let home = lan.inside("client", || DhcpClient::new().ask(discover(PI3, &pi5_id(), true)));
    assert_eq!(home.packet().yiaddr, Ipv4Addr::new(10, 99, 0, 100));
}

#[test]
fn udhcpc_behind_a_relay_gets_and_renews() {
    let (lan, config, _relay) = relayed();
    let ours = lan.serve(&config);
    ip(&["-n", &lan.space("far"), "link", "set", "eth0", "address", &PI5.to_string()]);
    let mut client = Udhcpc::start(&lan, "far", "eth0");
    ours.wait_for("the first ACK", acked(Ipv4Addr::new(10, 98, 0, 100)));
    client.says("bound 10.98.0.100 255.255.255.0 10.98.0.1");
    // By unicast, through the router.
    client.signal(rustix::process::Signal::USR1);
    client.says("renew 10.98.0.100");
    let mut renewed = ours.heard().into_iter().filter(|heard| heard.message == Message::Request);
    assert_eq!(renewed.next_back().unwrap().relay, None, "not by the relay");
}

#[test]
fn udhcpc_and_dhclient_get_addresses_on_two_interfaces() {
    let mut net = Net::new();
    let two = TwoInterfaces::new(&mut net);
    let serve = net.serve(&two.arguments());
    let first = serve.until("it serves", |event| event["event"] == "serving");
    assert_eq!(first["further"], serde_json::json!(["eth1"]), "{first}");
    net.lan.client_is(PI3);
    ip(&["-n", &net.lan.space("second"), "link", "set", "eth0", "address", &PI5.to_string()]);
    let mut client = Udhcpc::start(&net.lan, "client", "eth0");
    client.says("bound 10.99.0.100 255.255.255.0 none");
    // And the other program on the other interface.
    tool("isc-dhcp-client", Command::new("dhclient").arg("--version"));
    let path = |name: &str| net.lan.dir.path().join(name).display().to_string();
    let log = PathBuf::from(path("dhclient.log"));
    let text = format!(
        "#!/bin/sh\necho \"$reason $new_ip_address $new_routers $new_dhcp_server_identifier\" >> {}\n",
        log.display()
    );
    program(Path::new(&path("script")), &text);
    let mut command = net.lan.command("second", "dhclient");
    command.args(["-4", "-d", "-sf", &path("script"), "-cf", "/dev/null"]);
    command.args(["-lf", &path("dhclient.leases"), "-pf", &path("dhclient.pid"), "eth0"]);
    net.lan.start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    wait_for_text(&log, "BOUND 10.97.0.100 10.97.0.1 10.97.0.2");
    // Each interface has its own leases.
    drop(client);
    serve.end();
    for (interface, address) in [("eth0", "10.99.0.100"), ("eth1", "10.97.0.100")] {
        let leases = std::fs::read_to_string(net.state.join(format!("dhcp/{interface}.leases"))).unwrap();
        assert!(leases.contains(address) && leases.lines().count() == 1, "{interface}: {leases}");
    }
}

#[test]
fn boards_boot_on_both_interfaces_each_from_the_address_there() {
    let mut net = Net::new();
    let two = TwoInterfaces::new(&mut net);
    tree(&net.root, "");
    let serve = net.serve(&two.arguments());
    let boards = [("client", Board::new(Kind::Pi4, 1)), ("second", Board::new(Kind::Pi5, 2))];
    for ((host, board), server) in boards.into_iter().zip([OURS, SECOND]) {
        let mut boards = vec![board];
        net.lan.inside(host, || run(&mut boards, "eth0", Duration::from_secs(60)));
        boots(&boards[0]);
        assert_eq!(boards[0].tftp, server, "{host}");
    }
    serve.end();
}

#[test]
fn a_further_interface_that_goes_away_is_taken_up_again_and_the_others_go_on() {
    let mut net = Net::new();
    let two = TwoInterfaces::new(&mut net);
    tree(&net.root, "");
    let serve = net.serve(&two.arguments());
    serve.until("it serves", |event| event["event"] == "serving");
    let ours = net.lan.space("ours");
    let change = |what: &str| {
        let what = what.to_owned();
        move |event: &serde_json::Value| {
            event["event"] == "interface" && event["interface"] == "eth1" && event["change"] == what.as_str()
        }
    };
    let boot = |host: &str, kind, n, server| {
        let mut boards = vec![Board::new(kind, n)];
        net.lan.inside(host, || run(&mut boards, "eth0", Duration::from_secs(60)));
        boots(&boards[0]);
        assert_eq!(boards[0].tftp, server, "{host}");
    };
    ip(&["-n", &ours, "link", "del", "eth1"]);
    serve.until("it is gone", change("gone"));
    serve.until("what that means", |event| {
        event["event"] == "warning" && event["text"].to_string().contains("All else is served as before")
    });
    boot("client", Kind::Pi4, 1, OURS);
    plug(&net.lan, "second", ("ours", SECOND));
    serve.until("it is back", change("moved"));
    boot("second", Kind::Pi5, 2, SECOND);
    // Another address there: addresses and files come from that.
    let third = Ipv4Addr::new(10, 97, 0, 3);
    ip(&["-n", &ours, "addr", "del", &format!("{SECOND}/24"), "dev", "eth1"]);
    ip(&["-n", &ours, "addr", "add", &format!("{third}/24"), "dev", "eth1"]);
    let moved =
        |event: &serde_json::Value| change("moved")(event) && event["address"] == third.to_string().as_str();
    serve.until("it is served from the other address", moved);
    boot("second", Kind::Pi4, 3, third);
    serve.end();
}

#[test]
fn a_further_interface_that_is_not_there_when_serving_begins_is_served_as_soon_as_it_comes() {
    let mut net = Net::new();
    let two = TwoInterfaces::new(&mut net);
    tree(&net.root, "");
    let ours = net.lan.space("ours");
    ip(&["-n", &ours, "link", "del", "eth1"]);
    let serve = net.serve(&two.arguments());
    let first = serve.until("it serves", |event| event["event"] == "serving");
    assert!(first["further"].as_array().is_none_or(Vec::is_empty), "{first}");
    serve.until("what that means", |event| {
        let text = event["text"].to_string();
        event["event"] == "warning"
            && text.contains("no network interface `eth1`")
            && text.contains("All else is served")
    });
    let boot = |host: &str, kind, n, server| {
        let mut boards = vec![Board::new(kind, n)];
        net.lan.inside(host, || run(&mut boards, "eth0", Duration::from_secs(60)));
        boots(&boards[0]);
        assert_eq!(boards[0].tftp, server, "{host}");
    };
    boot("client", Kind::Pi4, 1, OURS);
    plug(&net.lan, "second", ("ours", SECOND));
    serve.until("it has come", |event| {
        event["event"] == "interface" && event["interface"] == "eth1" && event["change"] == "back"
    });
    boot("second", Kind::Pi5, 2, SECOND);
    boot("client", Kind::Pi4, 3, OURS);
    serve.end();
}

#[test]
fn another_tftp_server_is_named_and_none_is_started() {
    let net = Net::new();
    let nas = Ipv4Addr::new(10, 99, 0, 1);
    let config = net.lan.dir.path().join("piprov.toml");
    std::fs::write(&config, format!("[netboot]\ntftp-server = \"{nas}\"\n")).unwrap();
    let serve = net.serve(&["--mode", "proxy", "--config", config.to_str().unwrap()]);
    let first = serve.until("it serves", |event| event["event"] == "serving");
    assert_eq!((&first["tftp"], &first["tftp_server"]), (&serde_json::Value::Null, &nas.to_string().into()));
    net.lan.client_is(PI5);
    let offer = net.lan.inside("client", || DhcpClient::new().ask(discover(PI5, &pi5_id(), true)));
    assert_eq!((offer.packet().siaddr, offer.packet().address(54)), (nas, Some(OURS)));
    // The port is another program's to have.
    net.lan.inside("ours", || UdpSocket::bind((OURS, 69)).unwrap());
    serve.end();
}

#[test]
fn leases_made_under_a_wrong_clock_last_no_longer_than_others() {
    let lan = Lan::new();
    let config = lan.config(Mode::Dhcp);
    let path = config.state.join("dhcp/eth0.leases");
    let lease = |mac, last, until| {
        let address = Ipv4Addr::new(10, 99, 0, last);
        Record::Lease(Lease { mac, address, until, soft: false })
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let (year_2036, soon) = (2_092_608_000, now + 60);
    let (mut store, _) = Store::open(&path).unwrap();
    store.append(&[lease(PI5, 100, year_2036), lease(PI3, 101, soon)]).unwrap();
    drop(store);
    let mut ours = lan.serve(&config);
    // Its board still has it: nobody else gets it.
    lan.client_is(dhcp_support::PC);
    let offer = lan.inside("client", || DhcpClient::new().ask(discover(dhcp_support::PC, &pi5_id(), true)));
    assert_eq!(offer.packet().yiaddr, Ipv4Addr::new(10, 99, 0, 102));
    ours.end();
    let leases = lan.leases(&config);
    let until = |mac| {
        let of = |record: &Record| match record {
            Record::Lease(lease) if lease.mac == mac => Some(lease.until),
            _ => None,
        };
        leases.iter().find_map(of).unwrap()
    };
    let longest = config.lease_time.as_secs();
    assert!((now + longest..now + longest + 60).contains(&until(PI5)), "{leases:?}");
    assert_eq!(until(PI3), soon);
}

/// A second interface of the host `ours`, with a host `second` on it.
struct TwoInterfaces {
    config: PathBuf,
}

impl TwoInterfaces {
    fn new(net: &mut Net) -> Self {
        cable(&mut net.lan, "second", ("ours", SECOND));
        let config = net.lan.dir.path().join("piprov.toml");
        let text = "[netboot]\nrange = \"10.99.0.100-109\"\n\n[[netboot.subnet]]\ninterface = \"eth1\"\n\
                    range = \"10.97.0.100-109\"\nrouter = \"10.97.0.1\"\n";
        std::fs::write(&config, text).unwrap();
        Self { config }
    }

    fn arguments(&self) -> [&str; 5] {
        ["--mode", "dhcp", "--force", "--config", self.config.to_str().unwrap()]
    }
}

/// udhcpc, with a script that sets the address, and writes down what it is called with.
struct Udhcpc {
    child: std::process::Child,
    log: PathBuf,
}

impl Udhcpc {
    fn start(lan: &Lan, host: &str, interface: &str) -> Self {
        tool("udhcpc", Command::new("udhcpc").arg("--help"));
        let (script, log) = (lan.dir.path().join("udhcpc.script"), lan.dir.path().join("udhcpc.log"));
        let text = format!(
            "#!/bin/sh\necho \"$1 $ip $subnet ${{router:-none}}\" >> {}\n\
             case $1 in bound) ip addr add $ip/24 dev $interface\n\
             [ -z \"$router\" ] || ip route add default via $router;; esac\n",
            log.display()
        );
        program(&script, &text);
        let mut command = lan.command(host, "udhcpc");
        command.args(["-f", "-i", interface, "-T", "1", "-s"]).arg(&script);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, log }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        // ip netns exec becomes the program, so this is udhcpc's own number.
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
    }

    fn says(&mut self, text: &str) {
        wait_for_text(&self.log, text);
    }
}

impl Drop for Udhcpc {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn wait_for_text(path: &Path, text: &str) {
    let (deadline, never) = (Instant::now() + Duration::from_secs(20), Stop::new().unwrap());
    loop {
        let got = std::fs::read_to_string(path).unwrap_or_default();
        if got.contains(text) {
            return;
        }
        assert!(Instant::now() < deadline, "{text} isn't in {got}");
        let _ = never.wait(Duration::from_millis(10));
    }
}
