//! Interfaces that change under a running `piprov netboot serve`: it serves on, or ends with an error that a service
//! manager acts on. It is never deaf and well.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::ffi::c_void;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixDatagram;
use std::ptr::null_mut;
use std::time::{Duration, Instant};

use crate::common;
use crate::dhcp_support::{DhcpClient, HOUSE, OURS, PI5, discover, ip as ip_tool, pi5_id};
use crate::netboot_model::{Board, Kind, run};
use crate::netboot_rig::{Net, Program, boots, tree};
use piprov::dhcp::Mode;
use piprov::dhcp::build::Builder;
use piprov::dhcp::packet;
use serde_json::Value;

const ALL: [Kind; 6] = [Kind::Pi4, Kind::Pi3Card, Kind::Pi3Plus, Kind::Pi3, Kind::Cm4, Kind::Pi5];
const GIVEN: [&str; 4] = ["--mode", "dhcp", "--range", "10.99.0.100-120"];

fn changed<'a>(to: &'a str) -> impl Fn(&Value) -> bool + 'a {
    move |event| event["event"] == "interface" && event["change"] == to
}

/// The port of the switch that this host's cable is in.
fn cable(net: &Net, state: &str) {
    ip_tool(&["-n", &net.lan.space("hub"), "link", "set", "v-ours", state]);
}

fn ours(net: &Net, arguments: &[&str]) {
    ip_tool(&[&["-n", &net.lan.space("ours")], arguments].concat());
}

/// The interface is removed and made anew, without an address.
fn remake(net: &Net) {
    ours(net, &["link", "del", "eth0"]);
    let (hub, space) = (net.lan.space("hub"), net.lan.space("ours"));
    // Its number is another one in any case.
    ours(net, &["link", "add", "filler", "type", "bridge"]);
    ip_tool(&["-n", &hub, "link", "add", "v-ours", "type", "veth", "peer", "name", "eth0", "netns", &space]);
    ip_tool(&["-n", &hub, "link", "set", "v-ours", "master", "br0", "up"]);
    ours(net, &["link", "set", "eth0", "up"]);
}

/// Boards of every kind are switched on one after the other, and `change` happens when the first one has its kernel. Who
/// lost its server in the middle is switched on again, as it would do itself. All have to get to their kernels.
fn boots_through(net: &Net, serve: &Program, change: impl FnOnce()) -> Vec<Board> {
    let fresh = |number: usize| {
        let mut board = Board::new(ALL[number], number as u16 + 1);
        // Its system would have an account of its own.
        board.system = false;
        board
    };
    let mut boards: Vec<Board> = (0..ALL.len()).map(fresh).collect();
    for (board, number) in boards.iter_mut().zip(0u32..) {
        board.wait = Duration::from_millis(700) * number;
    }
    std::thread::scope(|scope| {
        let boards = &mut boards;
        let client =
            scope.spawn(move || net.lan.inside("client", || run(boards, "eth0", Duration::from_secs(60))));
        serve.until("the first kernel", |event| event["event"] == "loaded");
        change();
        client.join().unwrap();
    });
    for _ in 0..2 {
        let lost: Vec<usize> = (0..boards.len()).filter(|at| !boards[*at].has_kernel()).collect();
        let mut again: Vec<Board> = lost.iter().map(|at| fresh(*at)).collect();
        if !again.is_empty() {
            net.lan.inside("client", || run(&mut again, "eth0", Duration::from_secs(60)));
        }
        for (at, board) in lost.into_iter().zip(again) {
            boards[at] = board;
        }
    }
    boards.iter().for_each(boots);
    boards
}

#[test]
fn it_serves_on_with_another_address() {
    for house in [false, true] {
        let net = Net::new();
        tree(&net.root, "");
        if house {
            net.lan.house_dnsmasq(&[]);
        }
        let serve = net.serve(if house { &["--mode", "proxy"] } else { &GIVEN });
        // Another interface with the same Ethernet address changes nothing.
        let mac = net.lan.inside("ours", || piprov::wire::interfaces::find("eth0").unwrap().mac.unwrap());
        ours(&net, &["link", "add", "twin", "address", &mac.to_string(), "type", "bridge"]);
        ours(&net, &["link", "set", "twin", "up"]);
        let boards = boots_through(&net, &serve, || {
            ours(&net, &["addr", "del", "10.99.0.2/24", "dev", "eth0"]);
            ours(&net, &["addr", "add", "10.99.0.3/24", "dev", "eth0"]);
            let moved = serve.until("the new address", changed("moved"));
            assert_eq!(moved["address"], "10.99.0.3", "{moved}");
        });
        let new = boards.iter().filter(|board| board.tftp == Ipv4Addr::new(10, 99, 0, 3)).count();
        assert!(new > 0 && boards[0].tftp == OURS, "house {house}: {new} boards at the new address");
        let told = serve.end();
        assert_eq!(told.iter().filter(|event| event["event"] == "serving").count(), 1);
    }
}

#[test]
fn it_serves_on_over_an_interface_that_was_made_anew() {
    for house in [false, true] {
        let net = Net::new();
        tree(&net.root, "");
        if house {
            net.lan.house_dnsmasq(&[]);
        }
        let serve = net.serve(if house { &["--mode", "proxy"] } else { &GIVEN });
        boots_through(&net, &serve, || {
            remake(&net);
            serve.until("that it is gone", changed("gone"));
            ours(&net, &["addr", "add", "10.99.0.2/24", "dev", "eth0"]);
            serve.until("that it is there again", changed("moved"));
        });
        let told = serve.end();
        let text = |event: &Value| event["text"].as_str().unwrap_or_default().to_owned();
        assert!(
            told.iter().any(|event| event["event"] == "warning" && text(event).contains("eth0 is gone")),
            "{told:#?}"
        );
    }
}

#[test]
fn it_serves_on_when_the_cable_is_back() {
    let net = Net::new();
    tree(&net.root, "");
    let serve = net.serve(&GIVEN);
    boots_through(&net, &serve, || {
        cable(&net, "down");
        serve.until("that the cable is out", changed("no-carrier"));
        cable(&net, "up");
        serve.until("that the cable is in", changed("carrier"));
    });
    // Switched off and on again: what is open stays so.
    ours(&net, &["link", "set", "eth0", "down"]);
    serve.until("that it is down", changed("down"));
    ours(&net, &["link", "set", "eth0", "up"]);
    serve.until("that it is back", changed("back"));
    let mut board = vec![Board::new(Kind::Pi4, 9)];
    net.lan.inside("client", || run(&mut board, "eth0", Duration::from_secs(40)));
    boots(&board[0]);
    serve.end();
}

#[test]
fn it_serves_on_under_another_name() {
    let net = Net::new();
    tree(&net.root, "");
    let serve = net.serve(&GIVEN);
    boots_through(&net, &serve, || {
        let live =
            net.lan.command("ours", "ip").args(["link", "set", "eth0", "name", "lan0"]).output().unwrap();
        if !live.status.success() {
            // Before Linux 6.2 it has to be down for that.
            for change in [&["down"][..], &["name", "lan0"], &["up"]] {
                let name = if change == ["up"] { "lan0" } else { "eth0" };
                ours(&net, &[&["link", "set", name][..], change].concat());
            }
        }
        serve.until("its new name", changed("renamed"));
    });
    let warned = serve.until("a warning", |event| {
        event["event"] == "warning" && event["text"].as_str().unwrap().contains("lan0")
    });
    assert!(warned["text"].as_str().unwrap().contains("--interface lan0"), "{warned}");
    // Another one gets the name: that is the one that is meant, and it does not do.
    ours(&net, &["link", "add", "eth0", "type", "bridge"]);
    serve.until("the other one", changed("down"));
    ours(&net, &["link", "del", "eth0"]);
    serve.until("the first one", changed("back"));
    serve.end();
}

/// Nobody is at the other end of the cable when it starts.
#[test]
fn a_cable_that_comes_late_is_waited_for() {
    let net = Net::new();
    tree(&net.root, "");
    cable(&net, "down");
    let serve = net.serve(&GIVEN);
    serve.until("that there is no cable", changed("no-carrier"));
    cable(&net, "up");
    let come = Instant::now();
    let mut boards: Vec<Board> =
        ALL.iter().zip(1..).map(|(kind, number)| Board::new(*kind, number)).collect();
    net.lan.inside("client", || run(&mut boards, "eth0", Duration::from_secs(60)));
    boards.iter().for_each(boots);
    let told = serve.end();
    assert!(told.iter().any(changed("carrier")), "{told:#?}");
    // No address before it has looked for other servers, which takes four seconds.
    let first = boards.iter().filter_map(|board| board.offered).min().unwrap();
    assert!(first >= come + Duration::from_secs(3), "{:?}", first - come);
}

/// Whoever starts meanwhile, or is on the network that the cable leads to now, is found, and nobody gets an address twice.
#[test]
fn another_server_that_comes_with_the_cable_ends_it() {
    for at_the_start in [true, false] {
        let net = Net::new();
        tree(&net.root, "");
        if at_the_start {
            cable(&net, "down");
        }
        let serve = net.serve(&[&GIVEN[..], &["-v"]].concat());
        if !at_the_start {
            cable(&net, "down");
        }
        serve.until("that there is no cable", changed("no-carrier"));
        net.lan.house_dnsmasq(&[]);
        cable(&net, "up");
        let offers = net.lan.inside("client", || {
            let client = DhcpClient::new();
            client.say(&discover(PI5, &pi5_id(), true).finish());
            client.hear_all(Duration::from_secs(3))
        });
        let (code, told, said) = serve.wait();
        assert_eq!(code, Some(75), "{said}");
        assert!(said.contains(&HOUSE.to_string()), "{said}");
        assert!(offers.iter().all(|offer| offer.packet().address(54) == Some(HOUSE)), "{offers:?}");
        assert!(!told.iter().any(|event| event["dhcp"]["answer"] == "offer"), "{told:#?}");
    }
}

/// A switch with spanning tree holds the port back for a while when the cable comes in: who is behind it is seen then.
#[test]
fn a_port_that_is_held_back_hides_no_server() {
    let net = Net::new();
    tree(&net.root, "");
    let hub = net.lan.space("hub");
    ip_tool(&["-n", &hub, "link", "set", "br0", "type", "bridge", "stp_state", "1", "forward_delay", "400"]);
    // Its client's port forwards by then, and the server's.
    net.lan.house_dnsmasq(&[]);
    cable(&net, "down");
    let serve = net.serve(&[&GIVEN[..], &["-v"]].concat());
    serve.until("that there is no cable", changed("no-carrier"));
    cable(&net, "up");
    serve.until("that the cable is in", changed("carrier"));
    // Listening and learning for four seconds each.
    let come = Instant::now();
    let (code, told, said) = serve.wait();
    assert!(code == Some(75) && said.contains(&HOUSE.to_string()), "{code:?}: {said}");
    assert!(come.elapsed() > Duration::from_secs(5), "{:?}", come.elapsed());
    assert!(!told.iter().any(|event| event["dhcp"]["answer"] == "offer"), "{told:#?}");
}

#[test]
fn what_it_cannot_serve_any_more_ends_it_with_an_error() {
    // The range is not in the new network.
    let net = Net::new();
    tree(&net.root, "");
    let serve = net.serve(&GIVEN);
    ours(&net, &["addr", "del", "10.99.0.2/24", "dev", "eth0"]);
    ours(&net, &["addr", "add", "10.98.0.2/24", "dev", "eth0"]);
    let (code, _, said) = serve.wait();
    assert!(code == Some(78) && said.contains("10.98.0.0/24") && said.contains("eth0"), "{code:?}: {said}");
    // It does not come back. That is told by itself, before a service manager would have to end it.
    let net = Net::new();
    tree(&net.root, "");
    let (serve, manager) = managed(&net, "", &["--mode", "proxy"], "1000000");
    alive(&manager, Duration::from_secs(20)).expect("it is well at first");
    ours(&net, &["link", "del", "eth0"]);
    let gone = Instant::now();
    serve.until("that it is gone", changed("gone"));
    while alive(&manager, Duration::from_millis(1)).is_some() {}
    assert_eq!(alive(&manager, Duration::from_secs(4)), None, "a server that hears nobody is not well");
    let (code, _, said) = serve.wait();
    assert!(code == Some(69) && said.contains("eth0 is gone"), "{code:?}: {said}");
    assert!(gone.elapsed() < Duration::from_secs(30), "{:?}", gone.elapsed());
    // Sockets that were handed over can't be opened anew.
    let net = Net::new();
    tree(&net.root, "");
    let (serve, _manager) = managed(&net, "tftp", &["--mode", "proxy"], "60000000");
    ours(&net, &["addr", "del", "10.99.0.2/24", "dev", "eth0"]);
    ours(&net, &["addr", "add", "10.99.0.3/24", "dev", "eth0"]);
    let (code, _, said) = serve.wait();
    assert!(code == Some(69) && said.contains("service manager"), "{code:?}: {said}");
}

/// Starts it as a service manager does; with a socket of port 69 where `handed` is `tftp`.
fn managed(net: &Net, handed: &str, arguments: &[&str], watchdog: &str) -> (Program, UnixDatagram) {
    let path = net.lan.dir.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let script = format!(
        "{} exec {} netboot serve --interface eth0 --tftp-root {} --state {} --json {}",
        if handed.is_empty() { "" } else { "exec 3<&0; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=tftp" },
        env!("CARGO_BIN_EXE_piprov"),
        net.root.display(),
        net.state.display(),
        arguments.join(" ")
    );
    let mut command = net.lan.command("ours", "sh");
    common::clean(&mut command);
    command.args(["-c", &script]).env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", watchdog);
    command.env("PIPROV_STATE_DIR", &net.records);
    if !handed.is_empty() {
        let file = net.lan.inside("ours", || std::net::UdpSocket::bind("10.99.0.2:69").unwrap());
        command.stdin(std::os::fd::OwnedFd::from(file));
    }
    let serve = Program::start(&mut command);
    serve.until("it serves", |event| event["event"] == "serving");
    (serve, manager)
}

/// The next word that it is well, if it comes in time.
fn alive(manager: &UnixDatagram, within: Duration) -> Option<()> {
    let deadline = Instant::now() + within;
    let mut buffer = [0; 500];
    loop {
        let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        manager.set_read_timeout(Some(left)).unwrap();
        let Ok(len) = manager.recv(&mut buffer) else { continue };
        if buffer[..len].starts_with(b"WATCHDOG=1") {
            return Some(());
        }
    }
}

/// A thread of a process, by its name.
fn thread(pid: u32, name: &str) -> i32 {
    let deadline = Instant::now() + Duration::from_secs(20);
    let named = |task: &std::fs::DirEntry| {
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
    };
    loop {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        // A thread that was just started gives itself its name.
        if let Some(found) = tasks.flatten().find(named) {
            return found.file_name().to_str().unwrap().parse().unwrap();
        }
        assert!(Instant::now() < deadline, "no thread {name}");
    }
}

/// One thread of the server hangs while all others go on.
#[test]
fn a_thread_that_hangs_is_no_sign_of_life() {
    let net = Net::new();
    tree(&net.root, "");
    let (serve, manager) = managed(&net, "", &["--mode", "proxy"], "1000000");
    // A tracer stops one thread alone; ptrace(2) wants all of it done by one thread.
    let ptrace = |request, tid: i32| {
        // SAFETY: these requests read and write nothing of this process.
        let result = unsafe { libc::ptrace(request, tid, null_mut::<c_void>(), null_mut::<c_void>()) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    };
    // `ip netns exec` and `sh` become the program.
    // TFTP has a thread for each processor, up to four.
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    let names = (1..=threads).map(|n| format!("tftp-{n}"));
    for name in names.chain(["dhcp".to_owned()]) {
        alive(&manager, Duration::from_secs(20)).expect("it is well");
        let tid = thread(serve.pid(), &name);
        ptrace(libc::PTRACE_ATTACH, tid);
        // SAFETY: the status goes to a number of this thread's own.
        let waited = unsafe { libc::waitpid(tid, &mut 0, libc::__WALL) };
        assert_eq!(waited, tid);
        // What was asked before it stopped may have been answered.
        let _ = alive(&manager, Duration::from_secs(2));
        while alive(&manager, Duration::from_millis(600)).is_some() {}
        assert_eq!(alive(&manager, Duration::from_secs(3)), None, "{name} hangs");
        ptrace(libc::PTRACE_DETACH, tid);
        alive(&manager, Duration::from_secs(20)).unwrap_or_else(|| panic!("{name} goes on"));
    }
    serve.end();
}

/// The kernel has more to tell than it keeps for a process that doesn't listen.
#[test]
fn what_was_lost_on_the_way_is_listed_anew() {
    let net = Net::new();
    tree(&net.root, "");
    let serve = net.serve(&["--mode", "proxy"]);
    let pid = rustix::process::Pid::from_raw(serve.pid().cast_signed()).unwrap();
    let signal = |signal| rustix::process::kill_process(pid, signal).unwrap();
    signal(rustix::process::Signal::STOP);
    let batch = net.lan.dir.path().join("batch");
    let noise: String =
        (0..1500).map(|n| format!("link set eth0 mtu {}\n", 1400 + n % 2)).collect::<String>();
    std::fs::write(&batch, noise + "addr del 10.99.0.2/24 dev eth0\naddr add 10.99.0.3/24 dev eth0\n")
        .unwrap();
    ours(&net, &["-batch", batch.to_str().unwrap()]);
    signal(rustix::process::Signal::CONT);
    let moved = serve.until("the new address", changed("moved"));
    assert_eq!(moved["address"], "10.99.0.3");
    serve.end();
}

/// A board comes with an address that it has from somebody else, and asks whether it may keep it.
#[test]
fn a_lease_of_another_server_is_nobodys_business() {
    let net = Net::new();
    let mut config = net.lan.config(Mode::Dhcp);
    for force in [false, true] {
        config.force = force;
        let ours = net.lan.serve(&config);
        let heard = net.lan.inside("client", || {
            let client = DhcpClient::new();
            for address in [[10, 99, 0, 200], [10, 99, 0, 7], [192, 168, 1, 5]] {
                // INIT-REBOOT, and REBINDING (RFC 2131 section 4.3.2).
                let ask = || Builder::question(PI5, 9, packet::Kind::Request, true);
                client.say(&ask().address(50, address.into()).finish());
                client.say(&ask().ciaddr(address.into()).finish());
            }
            client.hear_all(Duration::from_secs(1))
        });
        assert!(heard.is_empty(), "{heard:?}");
        assert_eq!(ours.heard().len(), 6);
    }
}
