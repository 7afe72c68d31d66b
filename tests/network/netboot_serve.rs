//! `piprov netboot serve` and `watch`: models of every board get to their kernel, beside a full DHCP server and
//! without one.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::common;
use crate::dhcp_support;
use crate::netboot;
use crate::netboot_model;
use crate::netboot_rig;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dhcp_support::{HOUSE, OURS};
use netboot_model::{Board, File, Kind, run};
use netboot_rig::{Net, boots, files_of, tree};
use piprov::wire;

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
        let steps: Vec<_> = events.iter().filter(|event| event["board"]["mac"] == mac).collect();
        let has = |step: &str| steps.iter().any(|event| event["event"] == step);
        assert!(
            has("began") && has("discover") && has("loaded") && has("up"),
            "{:?}: {steps:#?}",
            board.kind
        );
        assert!(!has("again") && !has("broken"), "{:?}: {steps:#?}", board.kind);
        let last = steps.last().unwrap();
        assert_eq!(
            (last["event"].as_str(), last["outcome"].as_str()),
            (Some("ended"), Some("done")),
            "{last}"
        );
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

/// From an image to a board that asks for its kernel.
#[test]
fn a_client_that_was_added_boots_its_own_files() {
    let room = netboot::Room::new();
    let mut net = Net::new();
    net.lan.house_dnsmasq(&[]);
    (net.root, net.state) = (room.at("srv/tftp"), room.at("state"));
    let mut boards = vec![Board::new(Kind::Pi4, 1), Board::new(Kind::Pi4, 2)];
    let cmdline = room.read("boot/cmdline.txt");
    tree(&room.at("boot"), "image");
    std::fs::write(room.at("boot/cmdline.txt"), cmdline).unwrap();
    netboot::image(room.path(), 16, 80);
    netboot::ok(room.add("lab-01", &boards[0].directory(), "disk.img", &["--no-exports"]));
    let serve = net.serve(&[]);
    // And one that comes while it serves, known by its MAC address.
    let mac = netboot_rig::mac(&boards[1]);
    netboot::ok(room.add("lab-02", &mac, "disk.img", &["--no-exports"]));
    net.lan.inside("client", || run(&mut boards, "eth0", Duration::from_secs(30)));
    for (board, name) in boards.iter().zip(["lab-01", "lab-02"]) {
        boots(board);
        let files = files_of(board);
        let cmdline = files.iter().find(|(path, _)| path.ends_with("cmdline.txt")).unwrap();
        let root = room.at("srv/clients").canonicalize().unwrap().join(name);
        let wanted = format!("root=/dev/nfs nfsroot=10.0.0.1:{},vers=3,tcp", root.display());
        assert!(cmdline.1.contains(&wanted), "{cmdline:?}");
        assert!(files.iter().any(|(path, text)| path.ends_with("start4.elf") && text.starts_with("image/")));
        let up = serve.until("its boot", |event| {
            event["board"]["mac"] == netboot_rig::mac(board) && event["event"] == "up"
        });
        assert_eq!(up["board"]["name"], name, "{up}");
    }
    serve.end();
}

/// One board's own directory, and another's.
#[test]
fn versions_are_not_mixed_and_what_is_missing_is_told() {
    let net = Net::new();
    net.lan.house_dnsmasq(&[]);
    tree(&net.root, "shared");
    let mut boards = vec![Board::new(Kind::Pi4, 1), Board::new(Kind::Pi5, 2), Board::new(Kind::Pi5, 3)];
    // A whole system that lacks its device tree; one file that lies over the shared ones; nothing.
    let whole = net.root.join(boards[0].directory());
    tree(&whole, "own");
    std::fs::remove_file(whole.join("bcm2711-rpi-4-b.dtb")).unwrap();
    let over = net.root.join(boards[1].directory());
    std::fs::create_dir(&over).unwrap();
    std::fs::write(over.join("cmdline.txt"), "own/cmdline.txt\n").unwrap();
    let serve = net.serve(&[]);
    net.lan.inside("client", || run(&mut boards, "eth0", Duration::from_secs(30)));
    let directory = boards[0].directory();
    assert_eq!(boards[0].end, Some(Err(format!("{directory}/bcm2711-rpi-4-b.dtb is missing"))));
    let starts = |path: &str, mark: &str| {
        let files = files_of(&boards[0]);
        files.iter().any(|(at, text)| at.ends_with(path) && text.starts_with(mark))
    };
    assert!(starts("start4.elf", "own/") && !starts("start4.elf", "shared/"));
    boots(&boards[1]);
    boots(&boards[2]);
    let texts = |board: &Board| files_of(board).into_iter().collect::<std::collections::BTreeMap<_, _>>();
    let (second, third) = (texts(&boards[1]), texts(&boards[2]));
    let prefix = boards[1].directory();
    assert_eq!(second[&format!("{prefix}/cmdline.txt")], "own/cmdline.txt");
    assert_eq!(second[&format!("{prefix}/kernel_2712.img")], "shared/kernel_2712.img");
    assert_eq!(third["cmdline.txt"], "shared/cmdline.txt");
    let path = format!("{directory}/bcm2711-rpi-4-b.dtb");
    let told = serve.until("the missing file", |event| event["event"] == "missing" && event["path"] == *path);
    assert_eq!((told["fatal"].as_bool(), told["board"]["model"].as_str()), (Some(false), Some("Pi 4B")));
    // A file that no bootloader takes, put there while it serves.
    let large = std::fs::File::create(net.root.join("initramfs_2712")).unwrap();
    large.set_len(120_000_000).unwrap();
    drop(large);
    let told = serve.until("a file that is too large", |event| event["event"] == "too-large");
    assert_eq!(told["path"], "initramfs_2712");
    // A client that is new while it serves.
    let record =
        format!("name = 'porch'\nboard = '{directory}'\nroot = '/srv/porch'\nboot = '{}'\n", whole.display());
    std::fs::write(net.state.join("clients/porch.toml"), record).unwrap();
    serve.until("the new client", |event| event["event"] == "clients" && event["count"] == 1);
    let mut again = vec![Board::new(Kind::Pi4, 1)];
    net.lan.inside("client", || run(&mut again, "eth0", Duration::from_secs(20)));
    serve.until("the client's name", |event| {
        event["board"]["name"] == "porch" && event["event"] == "discover"
    });
    serve.end();
}

#[test]
fn a_rom_keeps_its_neighbour_entry_while_it_boots() {
    let net = Net::new();
    tree(&net.root, "");
    // What a process that was killed has left behind.
    let note = net.state.join("dhcp/eth0.neighbours");
    std::fs::create_dir_all(note.parent().unwrap()).unwrap();
    let neigh = |arguments: &[&str]| {
        let output = net.lan.command("ours", "ip").arg("neigh").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    neigh(&["replace", "10.99.0.77", "lladdr", "b8:27:eb:00:00:01", "dev", "eth0", "nud", "permanent"]);
    // What others have made so, and what was made while the interface had another name.
    for last in [78, 79] {
        let address = format!("10.99.0.{last}");
        neigh(&["replace", &address, "lladdr", "b8:27:eb:00:00:02", "dev", "eth0", "nud", "permanent"]);
    }
    let index = net.lan.inside("ours", || wire::interfaces::find("eth0").unwrap().index);
    let noted = format!(
        "10.99.0.77 b8:27:eb:00:00:01 {index} eth0\n10.99.0.78 b8:27:eb:00:00:01 {index} eth0\n\
         10.99.0.79 b8:27:eb:00:00:02 {index} eth7\n"
    );
    std::fs::write(&note, noted).unwrap();
    let serve = net.serve(&["--mode", "dhcp", "--range", "10.99.0.100-120"]);
    let table = neigh(&["show"]);
    assert!(!table.contains("10.99.0.77"), "{table}");
    assert!(table.contains("10.99.0.78") && !table.contains("10.99.0.79"), "{table}");
    // A ROM that fetches slowly: its entry is there meanwhile, and gone at the end.
    let mut boards = vec![Board::new(Kind::Pi3, 1)];
    boards[0].system = false;
    let large = std::fs::File::options().write(true).open(net.root.join("bootcode.bin")).unwrap();
    large.set_len(4 << 20).unwrap();
    let over = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let table = neigh(&["show", "nud", "permanent"]);
                if table.contains("b8:27:eb:03:00:01") {
                    // Noted before it was made, with its interface.
                    return table + &std::fs::read_to_string(&note).unwrap();
                }
            }
            String::new()
        });
        net.lan.inside("client", || run(&mut boards, "eth0", Duration::from_secs(40)));
        over.store(true, Ordering::Relaxed);
        watch.join().unwrap()
    });
    boots(&boards[0]);
    assert!(seen.contains(&format!(" b8:27:eb:03:00:01 {index} eth0\n")), "{seen}");
    serve.end();
    assert!(!neigh(&["show", "nud", "permanent"]).contains("b8:27:eb:03"), "{}", neigh(&["show"]));
    assert!(!note.exists());
}

/// In both modes: whatever part of the server wanted the entry, it is gone after an orderly end, and after kill -9 and
/// a new start.
#[test]
fn no_neighbour_entry_of_a_rom_outlives_the_server() {
    for mode in ["proxy", "dhcp"] {
        let net = Net::new();
        tree(&net.root, "");
        let mut arguments = vec!["--mode", mode];
        if mode == "dhcp" {
            arguments.extend(["--range", "10.99.0.100-120"]);
        } else {
            net.lan.house_dnsmasq(&[]);
        }
        let permanent = || {
            let mut command = net.lan.command("ours", "ip");
            let output = command.args(["neigh", "show", "nud", "permanent"]).output().unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        // A ROM that fetches slowly and is switched off in the middle: nobody says that it has done its part.
        let large = std::fs::File::options().write(true).open(net.root.join("bootcode.bin")).unwrap();
        large.set_len(1 << 30).unwrap();
        let boot = |number| {
            let mut boards = vec![Board::new(Kind::Pi3, number)];
            boards[0].system = false;
            let until = |permanent: &str| permanent.contains(&format!("b8:27:eb:03:00:0{number}"));
            std::thread::scope(|scope| {
                let client = scope.spawn(|| {
                    net.lan.inside("client", || run(&mut boards, "eth0", Duration::from_secs(8)));
                });
                let deadline = std::time::Instant::now() + Duration::from_secs(20);
                while !until(&permanent()) {
                    assert!(std::time::Instant::now() < deadline, "{mode}: no entry: {}", permanent());
                }
                client.join().unwrap();
            });
        };
        let serve = net.serve(&arguments);
        boot(1);
        serve.end();
        assert_eq!(permanent(), "", "{mode}: after an orderly end");
        let serve = net.serve(&arguments);
        boot(2);
        serve.kill();
        assert!(permanent().contains("b8:27:eb:03:00:02"), "{mode}: the kernel keeps it");
        let serve = net.serve(&arguments);
        assert_eq!(permanent(), "", "{mode}: after kill -9 and a new start");
        boot(3);
        serve.kill();
        // The interface gets another name, and the next one serves it under that. Another interface that is called by no
        // text hides nothing. What one that still runs has noted stays.
        let ip = |arguments: &[&str]| {
            assert!(net.lan.command("ours", "ip").args(arguments).status().unwrap().success())
        };
        let neighbours = net.state.join("dhcp");
        let index = net.lan.inside("ours", || wire::interfaces::find("eth0").unwrap().index);
        let mine = std::fs::read_to_string("/proc/self/stat").unwrap();
        let started = mine.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().to_owned();
        for (last, owner) in
            [(91, format!("{} {started}", std::process::id())), (92, format!("{} 1", std::process::id()))]
        {
            ip(&[
                "neigh",
                "replace",
                &format!("10.99.0.{last}"),
                "lladdr",
                "b8:27:eb:00:00:09",
                "dev",
                "eth0",
                "nud",
                "permanent",
            ]);
            let note = format!("process {owner}\n10.99.0.{last} b8:27:eb:00:00:09 {index} eth0\n");
            std::fs::write(neighbours.join(format!("eth{last}.neighbours")), note).unwrap();
        }
        ip(&["link", "set", "eth0", "name", "lan0"]);
        let mut odd = net.lan.command("ours", "ip");
        let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff");
        assert!(
            odd.args(["link", "add", "name"]).arg(name).args(["type", "bridge"]).status().unwrap().success()
        );
        let mut odd = net.lan.command("ours", "ip");
        odd.args(["neigh", "add", "10.97.0.7", "lladdr", "02:00:00:00:00:07", "nud", "permanent", "dev"])
            .arg(name);
        assert!(odd.status().unwrap().success());
        let serve = net.serve_on("lan0", &arguments);
        let left = permanent();
        assert!(left.contains("10.99.0.91") && !left.contains("10.99.0.92"), "{mode}: {left}");
        assert!(!left.contains("b8:27:eb:03:00:03"), "{mode}: after a new name: {left}");
        serve.end();
    }
}

#[test]
fn what_keeps_it_from_serving_is_said() {
    let net = Net::new();
    let root = net.root.to_str().unwrap().to_owned();
    let state = net.state.to_str().unwrap().to_owned();
    let refused = |arguments: &[&str]| {
        let all: Vec<&str> = ["netboot", "serve"].iter().chain(arguments).copied().collect();
        let (code, _, said) = net.start("ours", &all).wait();
        (code.unwrap(), said)
    };
    let (code, said) = refused(&[]);
    assert!(code == 2 && said.contains("--interface NAME") && said.contains("eth0 (10.99.0.2/24)"), "{said}");
    let (code, said) = refused(&["--interface", "eth9", "--tftp-root", &root, "--state", &state]);
    assert!(code == 69 && said.contains("eth0"), "{code}: {said}");
    let (code, said) = refused(&["--interface", "eth0", "--tftp-root", "/no/such", "--state", &state]);
    assert!(code == 66 && said.contains("/no/such") && said.contains("client add"), "{code}: {said}");
    let (code, said) = refused(&["--interface", "eth0", "--tftp-root", &root, "--state", "/proc/x"]);
    assert!(code == 73 && said.contains("/proc/x"), "{code}: {said}");
    // The house's server is one that gives addresses: a second one is refused.
    net.lan.house_dnsmasq(&[]);
    let both = ["--interface", "eth0", "--tftp-root", &root, "--state", &state];
    let (code, said) = refused(&[&both[..], &["--mode", "dhcp", "--range", "10.99.0.10-20"]].concat());
    assert!(code == 75 && said.contains("10.99.0.1") && said.contains("proxy"), "{code}: {said}");
    let (code, said) = refused(&[&both[..], &["--mode", "dhcp", "--range", "10.98.0.10-20"]].concat());
    assert!(code == 78 && said.contains("10.98.0.10"), "{code}: {said}");
    // The distribution's dnsmasq has the port.
    let leases = net.lan.dir.path().join("other.leases");
    net.lan.dnsmasq("ours", &leases, &["--enable-tftp", "--tftp-root=/tmp", "--listen-address=10.99.0.2"]);
    let never = piprov::stop::Stop::new().unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let said = loop {
        let running = net.start("ours", &[&["netboot", "serve"][..], &both].concat());
        let _ = never.wait(Duration::from_millis(700));
        if let Some((code, said)) = running.ended() {
            assert_eq!(code, 75, "{said}");
            break said;
        }
        assert!(std::time::Instant::now() < deadline, "dnsmasq doesn't take the port");
    };
    assert!(said.contains("UDP port 69") && said.contains("dnsmasq"), "{said}");
}

#[test]
fn systemd_is_told_and_may_open_the_ports() {
    let net = Net::new();
    tree(&net.root, "");
    let path = net.lan.dir.path().join("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The socket that the manager opens; this process can't bind port 69 without its privilege, so it is handed over
    // under another number.
    let file = net.lan.inside("ours", || std::net::UdpSocket::bind("10.99.0.2:69").unwrap());
    let mut command = net.lan.command("ours", "sh");
    let script = format!(
        "exec 3<&0; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=tftp exec {} netboot serve --interface eth0 \
         --tftp-root {} --state {} --json",
        env!("CARGO_BIN_EXE_piprov"),
        net.root.display(),
        net.state.display()
    );
    common::clean(&mut command);
    command.args(["-c", &script]).env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "1000000");
    command.env("PIPROV_STATE_DIR", &net.records);
    command.stdin(std::os::fd::OwnedFd::from(file));
    let serve = netboot_rig::Program::start(&mut command);
    let mut said = Vec::new();
    let mut buffer = [0; 500];
    while !said.iter().any(|line: &String| line == "WATCHDOG=1\n") || said.len() < 3 {
        let len = manager.recv(&mut buffer).expect("the manager is told");
        said.push(String::from_utf8_lossy(&buffer[..len]).into_owned());
    }
    assert!(said[0].starts_with("READY=1\nSTATUS="), "{said:?}");
    let mut boards = vec![Board::new(Kind::Pi5, 9)];
    net.lan.house_dnsmasq(&[]);
    net.lan.inside("client", || run(&mut boards, "eth0", Duration::from_secs(20)));
    boots(&boards[0]);
    serve.until("the kernel", |event| event["event"] == "loaded");
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        assert!(
            std::time::Instant::now() < deadline,
            "the status doesn't say that the board is loaded: {said:?}"
        );
        let len = manager.recv(&mut buffer).expect("the manager is told something");
        said.push(String::from_utf8_lossy(&buffer[..len]).into_owned());
        if said.last().is_some_and(|line| line.contains("1 board heard, 1 of them")) {
            break;
        }
    }
    serve.end();
}
