//! Why a board gets nothing reaches people: each reason is provoked on the wire, and is looked for in the log, in
//! `--json`, and in the board's record.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::common;
use crate::dhcp_support;
use crate::netboot_model;
use crate::netboot_rig;

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dhcp_support::{DhcpClient, HOUSE, OURS, discover, request};
use netboot_model::{Board, Kind, run};
use netboot_rig::{Net, Program, boots, tree};
use piprov::board::Mac;
use piprov::dhcp::build::Builder;
use piprov::dhcp::packet::Kind as Message;
use piprov::netboot::reason::Reason;
use piprov::netboot::steps::Boot;
use piprov::run::Record;
use piprov::stop::Stop;

const ROM_ID: &[u8; 17] = b"\0DDDDDDDDDDDDDDDD";

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, 0, last)
}

fn mac(n: u8) -> Mac {
    Mac::new([0xdc, 0xa6, 0x32, 7, 7, n])
}

/// The machine id of a Pi 4's bootloader.
fn id(mac: Mac) -> Vec<u8> {
    let [_, _, c, d, e, f] = mac.bytes();
    [&b"\0RPi4\x14\x31\xc0\x00"[..], &[c, d, e, f], &[f, 0x77, 0x03, 0x9c]].concat()
}

/// `piprov netboot serve` as a person runs it, without a terminal: what it says, line by line.
struct Log {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Log {
    fn serve(net: &Net, arguments: &[&str]) -> Self {
        let mut command = net.lan.command("ours", env!("CARGO_BIN_EXE_piprov"));
        common::clean(&mut command);
        command.env("PIPROV_STATE_DIR", &net.records);
        command.args(["netboot", "serve", "--interface", "eth0", "--tftp-root"]).arg(&net.root);
        command.arg("--state").arg(&net.state).args(arguments);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let (list, err) = (Arc::clone(&lines), child.stderr.take().unwrap());
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(err).lines().map_while(Result::ok) {
                list.lock().unwrap().push(line);
            }
        });
        let log = Self { child, lines, reader: Some(reader) };
        log.until("that it serves", |line| line.starts_with("serving "));
        log
    }

    /// Waits for something in the lines so far.
    fn wait<T>(&self, what: &str, found: impl Fn(&[String]) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(40);
        let never = Stop::new().unwrap();
        loop {
            let lines = self.lines.lock().unwrap().clone();
            if let Some(found) = found(&lines) {
                return found;
            }
            assert!(Instant::now() < deadline, "{what}: not told, but {lines:#?}");
            let _ = never.wait(Duration::from_millis(10));
        }
    }

    /// Waits for a line.
    fn until(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        self.wait(what, |lines| lines.iter().find(|line| is(line)).cloned())
    }

    /// Waits for what a board's line says, and for what helps, below it.
    fn has(&self, who: &str, word: &str, why: &str, hint: &str) {
        let what = format!("{who} {word} {why}");
        let is = |line: &String| line.contains(&format!(" {who} {word}: ")) && line.contains(why);
        let next = self.wait(&what, |lines| {
            let at = lines.iter().position(is)?;
            if hint.is_empty() { Some(String::new()) } else { lines.get(at + 1).cloned() }
        });
        assert!(hint.is_empty() || (next.contains("hint:") && next.contains(hint)), "{what}\n{next}");
    }

    /// Ctrl-C, and all that it has said.
    fn end(mut self) -> Vec<String> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        assert!(self.child.wait().unwrap().success());
        self.reader.take().unwrap().join().unwrap();
        self.lines.lock().unwrap().clone()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a reason of a client: its sentence, and what helps.
fn reason(serve: &Program, who: Mac, why: &str, hint: &str) -> serde_json::Value {
    let who = who.to_string();
    let told = serve.until(&format!("{who}: {why}"), |event| {
        event["event"] == "reason"
            && event["board"]["mac"] == *who
            && event["why"].as_str().unwrap().contains(why)
    });
    assert!(told["hint"].as_str().unwrap_or_default().contains(hint), "{told}");
    told
}

/// The record of a board's boot.
fn record(net: &Net, mac: Mac) -> Record {
    let mut all = net.boots().into_iter().filter(|record| record.board.mac == Some(mac));
    let record = all.next().unwrap_or_else(|| panic!("{mac} has no record"));
    assert!(all.next().is_none(), "{mac} has one record");
    record
}

/// What `piprov run show` says of a board's boot.
fn shown(net: &Net, mac: Mac) -> String {
    let mut command = common::piprov();
    command.env("PIPROV_STATE_DIR", &net.records);
    let output = command.args(["run", "show", record(net, mac).run.as_str()]).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

const ROM: Mac = Mac::new([0xb8, 0x27, 0xeb, 7, 7, 7]);
const PC: Mac = Mac::new([0x52, 0x54, 0, 7, 7, 7]);

/// Everything that a server in mode dhcp with one address can refuse.
fn provoke(net: &Net) {
    net.lan.inside("client", || {
        let client = DhcpClient::new();
        // The ROM gets the only address, two seconds later.
        client.say(&discover(ROM, ROM_ID, true).finish());
        // Nothing is left for the next one; it takes another server's.
        client.say(&discover(mac(1), &id(mac(1)), true).finish());
        client.say(&discover(mac(2), &id(mac(2)), true).finish());
        client.say(
            &Builder::question(mac(2), 9, Message::Request, true)
                .address(54, HOUSE)
                .address(50, ip(160))
                .finish(),
        );
        // From another network; with addresses that they can't have.
        let relay = Ipv4Addr::new(192, 168, 9, 1);
        client.say(&discover(mac(3), &id(mac(3)), true).giaddr(relay).finish());
        for (n, address) in [(4, Ipv4Addr::new(192, 168, 1, 9)), (5, ip(100))] {
            client.say(&discover(mac(n), &id(mac(n)), true).finish());
            client.say(&request(mac(n), address, true).option(97, &id(mac(n))).finish());
        }
        // A PC of an architecture that there is no file for, and one that only wants an address.
        let uuid: Vec<u8> = (0..17).map(|n| if n == 0 { 0 } else { 0x61 + n }).collect();
        client.say(&discover(PC, &uuid, true).finish());
        let system = Mac::new([0x52, 0x54, 0, 7, 7, 8]);
        client.say(&Builder::question(system, 7, Message::Discover, true).option(60, b"MSFT 5.0").finish());
        // And all once more: what was told isn't told again.
        client.say(&discover(mac(1), &id(mac(1)), true).finish());
        client.say(&discover(PC, &uuid, true).finish());
    });
}

/// What [`provoke`] comes to: of whom, whether it is a warning, a part of the sentence, a part of what helps.
const PROVOKED: [(Mac, &str, &str, &str); 8] = [
    (ROM, "note", "held back for 2 s: the ROM of a Pi 2 or 3", ""),
    (mac_of(1), "warning", "all of 10.99.0.100-10.99.0.100 are given out", "`--range A-B`"),
    (mac_of(2), "warning", "all of 10.99.0.100-10.99.0.100 are given out", "netboot.lease-time"),
    (mac_of(2), "warning", "took the address of another DHCP server, 10.99.0.1", "`--mode proxy`"),
    (mac_of(3), "warning", "through the relay 192.168.9.1", "[[netboot.subnet]] in the settings"),
    (mac_of(4), "note", "192.168.1.9 was refused to it: it isn't in 10.99.0.0/24", "asks for another one"),
    (mac_of(5), "warning", "10.99.0.100 was refused to it: another board has it", "netboot.hosts"),
    (
        PC,
        "warning",
        "there is no boot file for its architecture, 0",
        "netboot.boot-files names one, as 0=FILE",
    ),
];

const fn mac_of(n: u8) -> Mac {
    Mac::new([0xdc, 0xa6, 0x32, 7, 7, n])
}

fn with_boot_files(net: &Net) -> Vec<String> {
    let config = net.lan.dir.path().join("piprov.toml");
    std::fs::write(&config, "[netboot]\nboot-files = ['7=ipxe.efi']\n").unwrap();
    let config = config.to_str().unwrap().to_owned();
    ["--mode", "dhcp", "--range", "10.99.0.100-100", "--config"]
        .map(str::to_owned)
        .into_iter()
        .chain([config])
        .collect()
}

#[test]
fn what_mode_dhcp_refuses_is_told_in_json_and_on_record() {
    let net = Net::new();
    tree(&net.root, "");
    let arguments = with_boot_files(&net);
    let serve = net.serve(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    provoke(&net);
    for (who, grade, why, hint) in PROVOKED {
        let told = reason(&serve, who, why, hint);
        assert_eq!(told["grade"], grade, "{told}");
        // What has a run is told with it.
        assert_eq!(told["run"].is_string(), who != PC, "{told}");
    }
    // The ROM's OFFER is told when it is sent, and not before.
    let offer = serve.until("the OFFER to the ROM", |event| {
        event["event"] == "offer" && event["board"]["mac"] == *ROM.to_string()
    });
    let discover = serve.until("its DISCOVER", |event| {
        event["event"] == "discover" && event["board"]["mac"] == *ROM.to_string()
    });
    let time =
        |event: &serde_json::Value| event["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let late = time(&offer).duration_since(time(&discover)).as_secs_f64();
    assert!((1.9..20.0).contains(&late), "{late}");
    assert_eq!(offer["address"], "10.99.0.100");
    let events = serve.end();
    let told: Vec<_> = events.iter().filter(|event| event["event"] == "reason").collect();
    assert_eq!(told.len(), PROVOKED.len() + 2, "each once; boards 4 and 5 find no address first: {told:#?}");
    for (who, grade, why, _) in PROVOKED.into_iter().filter(|(who, ..)| *who != PC) {
        let record = record(&net, who);
        assert!(!Boot::of(&record).unwrap().reasons.is_empty(), "{record:?}");
        let warned = record.warnings.iter().any(|warning| warning.says(why));
        assert_eq!(warned, grade == "warning", "{who}: {:?}", record.warnings);
        assert!(
            grade == "note" || shown(&net, who).contains(why.split(' ').next().unwrap()),
            "{}",
            shown(&net, who)
        );
    }
    let reasons = Boot::of(&record(&net, mac(2))).unwrap().reasons;
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(matches!(Boot::of(&record(&net, ROM)).unwrap().reasons[..], [Reason::HeldBack { seconds: 2.0 }]));
    // What was refused is no offer.
    assert!(Boot::of(&record(&net, mac(1))).unwrap().offers.is_empty());
}

#[test]
fn what_mode_dhcp_refuses_is_in_the_log() {
    let net = Net::new();
    tree(&net.root, "");
    let log = Log::serve(&net, &with_boot_files(&net).iter().map(String::as_str).collect::<Vec<_>>());
    provoke(&net);
    for (who, grade, why, hint) in PROVOKED {
        log.has(&who.to_string(), grade, why, hint);
    }
    let lines = log.end();
    for (who, _, why, _) in PROVOKED {
        let who = who.to_string();
        let told =
            lines.iter().filter(|line| line.contains(&who) && line.contains(why) && !line.contains("failed"));
        assert_eq!(told.count(), 1, "{who} {why}: {lines:#?}");
    }
    // What is no fault is quiet.
    assert!(!lines.iter().any(|line| line.contains("52:54:00:07:07:08")), "{lines:#?}");
}

#[test]
fn an_address_in_use_and_then_none_are_told() {
    let mut net = Net::new();
    tree(&net.root, "");
    net.lan.host("squatter", Some(ip(100)));
    let serve = net.serve(&["--mode", "dhcp", "--range", "10.99.0.100-100"]);
    net.lan.inside("client", || DhcpClient::new().say(&discover(mac(1), &id(mac(1)), true).finish()));
    reason(&serve, mac(1), "10.99.0.100 was about to be given to it, but", "`--range A-B`");
    reason(&serve, mac(1), "all of 10.99.0.100-10.99.0.100 are given out", "");
    let events = serve.end();
    // What was withdrawn was never offered.
    assert!(!events.iter().any(|event| event["event"] == "offer"), "{events:#?}");
}

#[test]
fn an_answer_that_could_not_be_sent_is_told_and_is_no_offer() {
    let net = Net::new();
    tree(&net.root, "");
    // With force the server goes on answering when its cable is pulled; else it is parked then.
    let serve = net.serve(&["--mode", "dhcp", "--range", "10.99.0.100-109", "--force"]);
    net.lan.inside("client", || DhcpClient::new().say(&discover(ROM, ROM_ID, false).finish()));
    reason(&serve, ROM, "held back for 2 s", "");
    // Before it is sent, the interface goes down.
    let link = |state| {
        let status = net.lan.command("ours", "ip").args(["link", "set", "eth0", state]).status().unwrap();
        assert!(status.success());
    };
    link("down");
    let told = reason(&serve, ROM, "its OFFER could not be sent: ", "`ip addr show dev eth0`");
    assert_eq!((told["reason"]["what"].as_str(), told["grade"].as_str()), (Some("unsent"), Some("warning")));
    link("up");
    let events = serve.end();
    assert!(!events.iter().any(|event| event["event"] == "offer"), "{events:#?}");
    let record = record(&net, ROM);
    let boot = Boot::of(&record).unwrap();
    assert!(boot.offers.is_empty() && boot.trail == "DISCOVER", "{boot:?}");
    assert!(record.warnings.iter().any(|warning| warning.says("could not be sent")), "{record:?}");
}

#[test]
fn what_is_lost_on_the_way_is_in_the_log() {
    let mut net = Net::new();
    tree(&net.root, "");
    net.lan.host("squatter", Some(ip(100)));
    let log = Log::serve(&net, &["--mode", "dhcp", "--range", "10.99.0.100-101", "--force"]);
    net.lan.inside("client", || DhcpClient::new().say(&discover(ROM, ROM_ID, true).finish()));
    let rom = ROM.to_string();
    log.has(&rom, "note", "held back for 2 s", "");
    log.has(&rom, "warning", "10.99.0.100 was about to be given to it", "`--range A-B`");
    let status = net.lan.command("ours", "ip").args(["link", "set", "eth0", "down"]).status().unwrap();
    assert!(status.success());
    log.has(&rom, "warning", "its OFFER could not be sent: ", "`ip addr show dev eth0`");
}

#[test]
fn a_lease_that_cannot_be_written_is_told_to_each_board_it_was_for() {
    let net = Net::new();
    tree(&net.root, "");
    std::fs::create_dir_all(&net.state).unwrap();
    let mut command = net.lan.command("ours", "sh");
    let script = format!(
        "mount -t tmpfs -o size=8k state {state} && exec {} netboot serve --interface eth0 --tftp-root {} --state \
         {state} --mode dhcp --range 10.99.0.3-254 --json",
        env!("CARGO_BIN_EXE_piprov"),
        net.root.display(),
        state = net.state.display()
    );
    common::clean(&mut command);
    command.args(["-c", &script]).env("PIPROV_STATE_DIR", &net.records).stdin(Stdio::null());
    let serve = Program::start(&mut command);
    serve.until("it serves", |event| event["event"] == "serving");
    // More leases than the disk has room for.
    let rom = |n| Mac::new([0xb8, 0x27, 0xeb, 7, 8, n]);
    net.lan.inside("client", || {
        let client = DhcpClient::new();
        (0..250).for_each(|n| client.say(&discover(rom(n), ROM_ID, true).finish()));
    });
    let told = serve.until("a lost answer", |event| event["reason"]["what"] == "unsent");
    assert_eq!((told["reason"]["unsaved"].as_bool(), told["run"].is_string()), (Some(true), true), "{told}");
    assert!(
        told["why"].as_str().unwrap().contains("its OFFER was not sent, since its lease can't be written"),
        "{told}"
    );
    assert!(told["hint"].as_str().unwrap().contains("`df -h`"), "{told}");
    serve.until("the file", |event| {
        event["event"] == "warning" && event["text"].as_str().unwrap().contains("eth0.leases")
    });
    let who = &told["board"]["mac"];
    let events = serve.end();
    assert!(!events.iter().any(|event| event["event"] == "offer" && event["board"]["mac"] == *who), "{who}");
}

/// Beside a server that it was told to bear, it says nothing of addresses that it doesn't know.
#[test]
fn an_address_that_is_not_known_here_is_told() {
    let net = Net::new();
    tree(&net.root, "");
    net.lan.house_dnsmasq(&[]);
    let log = Log::serve(&net, &["--mode", "dhcp", "--range", "10.99.0.100-109", "--force"]);
    let rival = format!(
        " warning: DHCP server 10.99.0.1 ({}) gives addresses on this network too",
        ethernet(&net, "house")
    );
    log.until("the server that is there already", |line| line.contains(&rival));
    net.lan.inside("client", || {
        let message = Builder::question(mac(1), 9, Message::Request, true).address(50, ip(33));
        DhcpClient::new().say(&message.finish());
    });
    log.has(&mac(1).to_string(), "note", "it asks to keep 10.99.0.33", "looks for a server anew");
    log.end();
}

#[test]
fn in_proxy_mode_that_nobody_gives_addresses_is_in_the_log() {
    let net = Net::new();
    tree(&net.root, "");
    let log = Log::serve(&net, &[]);
    let mut boards = vec![Board::new(Kind::Pi5, 1)];
    net.lan.inside("client", || run(&mut boards, "eth0", Duration::from_secs(10)));
    let who = Mac::new(boards[0].mac).to_string();
    log.has(&who, "warning", "no DHCP server answers on eth0", "`--mode dhcp`");
    log.until("that there is none", |line| line.starts_with("warning: no DHCP server answers on eth0"));
    log.end();
}

#[test]
fn in_proxy_mode_a_board_that_nobody_gives_an_address_is_told() {
    let net = Net::new();
    tree(&net.root, "");
    let serve = net.serve(&[]);
    let mut boards = vec![Board::new(Kind::Pi4, 1)];
    net.lan.inside("client", || run(&mut boards, "eth0", Duration::from_secs(10)));
    let board = Mac::new(boards[0].mac);
    let none = serve.until("that there is no DHCP server", |event| event["event"] == "warning");
    let text = none["text"].as_str().unwrap();
    assert!(text.contains("no DHCP server answers on eth0") && text.contains("`--mode dhcp`"), "{text}");
    reason(&serve, board, "proxy mode gives none, and no DHCP server answers on eth0", "`--mode dhcp`");
    // It gives up, for that reason.
    let ended = serve.until("its end", |event| event["event"] == "ended");
    assert!(ended["why"].as_str().unwrap().contains("no DHCP server answers on eth0"), "{ended}");
    serve.end();
    let record = record(&net, board);
    assert!(
        matches!(&Boot::of(&record).unwrap().reasons[..], [Reason::NoAddress { servers }] if servers.is_empty())
    );
    assert!(shown(&net, board).contains("`--mode dhcp`"), "{}", shown(&net, board));
}

/// The Ethernet address of a host's interface.
fn ethernet(net: &Net, host: &str) -> String {
    let output = net.lan.command(host, "cat").arg("/sys/class/net/eth0/address").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Asks for DHCP servers until one is heard that comes up meanwhile.
fn asked_until(net: &Net, is_heard: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    let never = Stop::new().unwrap();
    while !is_heard() {
        assert!(Instant::now() < deadline, "it isn't heard");
        net.lan.probe("client", Duration::from_secs(1));
        let _ = never.wait(Duration::from_millis(100));
    }
}

#[test]
fn in_proxy_mode_who_gives_the_addresses_is_told_and_who_comes_later() {
    let mut net = Net::new();
    net.lan.host("later", Some(ip(3)));
    net.lan.house_dnsmasq(&[]);
    tree(&net.root, "");
    let log = Log::serve(&net, &[]);
    let house =
        format!(" note: DHCP server 10.99.0.1 ({}) gives the addresses here", ethernet(&net, "house"));
    log.until("who gives the addresses", |line| line.contains(&house));
    let mut boards = vec![Board::new(Kind::Pi4, 1), Board::new(Kind::Pi3, 2)];
    net.lan.inside("client", || run(&mut boards, "eth0", Duration::from_secs(30)));
    boards.iter().for_each(boots);
    let leases = net.lan.dir.path().join("later.leases");
    net.lan.dnsmasq("later", &leases, &["--dhcp-range=10.99.0.210,10.99.0.219,1h", "--no-ping"]);
    // Somebody asks, and both answer.
    let second = format!(
        " warning: DHCP server 10.99.0.3 ({}) gives addresses here, beside 10.99.0.1",
        ethernet(&net, "later")
    );
    asked_until(&net, || log.lines.lock().unwrap().iter().any(|line| line.contains(&second)));
    log.until("what helps", |line| line.contains("hint:") && line.contains("Switch one of the servers off"));
    let lines = log.end();
    // Boards that boot have nothing to complain of; the ROM's answer waited.
    let told: Vec<_> =
        lines.iter().filter(|line| line.contains(" warning: ") || line.contains(" note: ")).collect();
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(
        told.iter().any(|line| line.contains("b8:27:eb:03:00:02 note: its answer is held back")),
        "{told:#?}"
    );
}

#[test]
fn a_server_that_appears_beside_mode_dhcp_is_a_rival_with_its_name() {
    let net = Net::new();
    tree(&net.root, "");
    let serve = net.serve(&["--mode", "dhcp", "--range", "10.99.0.100-109"]);
    let leases = net.lan.dir.path().join("house.leases");
    net.lan.dnsmasq("house", &leases, &["--dhcp-range=10.99.0.150,10.99.0.199,1h", "--no-ping"]);
    // Somebody asks, and both answer.
    asked_until(&net, || serve.told().iter().any(|event| event["event"] == "server"));
    let rival = serve.until("the rival", |event| event["event"] == "server");
    assert_eq!(
        (rival["ip"].as_str(), rival["role"].as_str(), rival["grade"].as_str()),
        (Some("10.99.0.1"), Some("rival"), Some("warning"))
    );
    assert_eq!(rival["mac"], *ethernet(&net, "house"));
    assert!(rival["hint"].as_str().unwrap().contains("`--mode proxy`"), "{rival}");
    serve.end();
}

/// A server that answers boards by unicast is seen by nobody else behind a switch; a board names it.
#[test]
fn a_server_that_only_a_board_names_is_looked_for() {
    let net = Net::new();
    tree(&net.root, "");
    let serve = net.serve(&["--mode", "dhcp", "--range", "10.99.0.100-109"]);
    let leases = net.lan.dir.path().join("house.leases");
    net.lan.dnsmasq("house", &leases, &["--dhcp-range=10.99.0.150,10.99.0.199,1h", "--no-ping"]);
    let ask = || {
        net.lan.inside("client", || {
            let client = DhcpClient::new();
            client.say(
                &Builder::question(mac(1), 9, Message::Request, true)
                    .address(54, HOUSE)
                    .address(50, ip(160))
                    .finish(),
            );
            client.say(
                &Builder::question(mac(1), 9, Message::Request, true)
                    .address(54, OURS)
                    .address(50, ip(109))
                    .finish(),
            );
        });
    };
    ask();
    let rival = serve.until("the rival", |event| event["event"] == "server");
    assert_eq!((rival["ip"].as_str(), rival["role"].as_str()), (Some("10.99.0.1"), Some("rival")));
    assert_eq!(rival["mac"], *ethernet(&net, "house"));
    serve.end();
}
