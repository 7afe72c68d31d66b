//! From a boot ROM to a disk that was read back, with the agent itself, a station and the half that serves boots: a PC in
//! QEMU from its PXE ROM, with a power cut in the middle, and an arm64 machine over IPv6. What is on the disks is
//! compared by the bytes of their files.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::common;
use crate::documented;
use crate::netboot_rig::Net;
use crate::support::agent::{Machine, agent, build};
use crate::support::{self, need};

pub(crate) const MAC: &str = "52:54:00:aa:00:07";
const MIB: usize = 1 << 20;

/// An image that a PC's BIOS starts: its first sector says so on the console, and stops. The rest can't be packed, and a
/// quarter is zeros.
fn image(path: &Path, mib: usize) -> Vec<u8> {
    let mut bytes = b"\xbe\x11\x7c\xac\x84\xc0\x74\x06\xb4\x0e\xcd\x10\xeb\xf5\xf4\xeb\xfd".to_vec();
    bytes.extend_from_slice(b"STARTED-FROM-ITS-DISK\r\n\0");
    bytes.resize(510, 0);
    bytes.extend_from_slice(&[0x55, 0xaa]);
    let mut state = 1_u64;
    while bytes.len() < mib * MIB {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let zero = bytes.len() / 3_000_000 % 4 == 3;
        bytes.extend(if zero { [0; 8] } else { (state ^ state >> 29).to_le_bytes() });
    }
    bytes.truncate(mib * MIB);
    std::fs::write(path, &bytes).unwrap();
    bytes
}

/// A disk with other bytes on it.
pub(crate) fn disk(path: &Path, mib: usize) {
    std::fs::write(path, vec![0xee; mib * MIB]).unwrap();
}

/// A station, and the command line to it.
pub(crate) struct Station {
    child: Child,
    dir: PathBuf,
}

impl Station {
    fn start(dir: &Path, mut serve: Command, listen: &str, enrol: &str) -> Self {
        common::clean(&mut serve);
        serve.args(["serve", "--json", "--enrol", enrol, "--listen", listen, "--socket"]);
        serve.arg(dir.join("s.sock")).arg("--state").arg(dir.join("station"));
        // QEMU's own networks show this host as these.
        serve.env("PIPROV_STATION_NAMES", "10.0.2.2, fec0::2");
        serve.env("PIPROV_STATE_DIR", dir).env("PIPROV_CONTROL_SOCKET", dir.join("run/control.sock"));
        let mut child = serve.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let out = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut { out }, &mut line).unwrap();
        assert!(line.contains("serving"), "{line}");
        Self { child, dir: dir.to_owned() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = common::piprov();
        command.args(arguments).arg("--json").env("PIPROV_STATE_DIR", &self.dir).current_dir(&self.dir);
        command.env("PIPROV_STATION_SOCKET", self.dir.join("s.sock"));
        command
    }

    /// What a command prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let out = self.command(arguments).output().unwrap();
        assert!(out.status.success(), "{arguments:?}: {out:?}");
        let lines: Vec<Value> = out
            .stdout
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect();
        lines.iter().for_each(documented::check);
        lines
    }

    /// The board with an address, as far as the station knows it.
    pub(crate) fn board(&self, mac: &str) -> Option<Value> {
        let boards = self.json(&["board", "list"]);
        let is =
            |board: &Value| board["value"]["macs"].as_array().is_some_and(|macs| macs.contains(&mac.into()));
        boards.into_iter().find(is).map(|board| board["value"].clone())
    }

    /// Its runs with that outcome.
    pub(crate) fn runs(&self, outcome: &str) -> Vec<Value> {
        let url = format!("unix:{}", self.dir.join("s.sock").display());
        let runs = self.json(&["run", "list", "--station", &url]);
        runs.into_iter().map(|run| run["value"].clone()).filter(|run| run["outcome"] == outcome).collect()
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many bytes of an image aren't on a disk, in pieces as they are compared, without those that are zeros.
fn missing(disk: &Path, image: &[u8]) -> usize {
    let disk = std::fs::read(disk).unwrap();
    let pieces = image.chunks(64 << 10).zip(disk.chunks(64 << 10));
    pieces.filter(|(wanted, has)| wanted != has && wanted.iter().any(|byte| *byte != 0)).count() * (64 << 10)
}

/// Bytes that the PC's network card was given.
fn given(net: &Net) -> u64 {
    let out = Command::new("ip")
        .args(["-n", &net.lan.space("hub"), "-s", "-j", "link", "show", "tap0"])
        .output()
        .unwrap();
    let shown: Value = serde_json::from_slice(&out.stdout).unwrap();
    shown[0]["stats64"]["tx"]["bytes"].as_u64().unwrap()
}

/// Switches the PC on: the network first, then its disk.
fn pc(net: &Net, console: &Path, disk: &Path) -> Machine {
    let mut command = net.lan.command("hub", "qemu-system-x86_64");
    command.args(["-accel", "tcg", "-m", "384", "-smp", "1"]);
    command.args(["-boot", "order=nc", "-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no"]);
    command.arg("-device").arg(format!("virtio-net-pci,netdev=n0,mac={MAC}"));
    command.arg("-drive").arg(format!("file={},format=raw,if=virtio", disk.display()));
    Machine::on(command, &["-serial"], console)
}

#[test]
fn a_pc_goes_from_its_rom_to_a_verified_disk_through_a_power_cut_and_starts_from_it() {
    need("qemu-system-x86_64", "qemu-system-x86");
    let mut net = Net::new();
    net.control = Some(net.lan.dir.path().join("run/control.sock"));
    let dir = net.lan.dir.path().to_owned();
    let path = |name: &str| dir.join(name);
    let listen = format!("{}:7400", crate::dhcp_support::OURS);
    // Where the station is, DHCP says.
    build("amd64", &agent("amd64"), &path("boot"), &[]);
    let image = image(&path("os.img"), 64);
    disk(&path("disk.img"), 72);
    let settings = format!("[netboot]\nboot-files = [\"0=piprov.ipxe\"]\nstation = \"http://{listen}\"\n");
    std::fs::write(path("piprov.toml"), settings).unwrap();
    for arguments in
        [&["tuntap", "add", "tap0", "mode", "tap"][..], &["link", "set", "tap0", "master", "br0", "up"][..]]
    {
        assert!(net.lan.command("hub", "ip").args(arguments).status().unwrap().success());
    }
    let serve = net.lan.command("ours", env!("CARGO_BIN_EXE_piprov"));
    let station = Station::start(&dir, serve, &listen, "ask");
    let (config, boot, state) = (path("piprov.toml"), path("boot"), net.state.clone());
    let [config, boot, state] = [&config, &boot, &state].map(|path| path.to_str().unwrap());
    let bootd = net.start(
        "ours",
        &[
            "bootd",
            "--interface",
            "eth0",
            "--mode",
            "dhcp",
            "--range",
            "10.99.0.100-10.99.0.120",
            "--config",
            config,
            "--tftp-root",
            boot,
            "--state",
            state,
        ],
    );
    bootd.until("it serves", |event| event["event"] == "serving");
    station.json(&["image", "add", "os.img", "--name", "os"]);

    // It comes by itself, and waits for a person.
    let mut machine = pc(&net, &path("first.console"), &path("disk.img"));
    machine.says("a person has to say yes");
    let board = machine.until("the board", || {
        station.board(MAC).filter(|board| !board["disks"].as_array().unwrap().is_empty())
    });
    assert_eq!(
        (&board["enrolment"], &board["disks"][0]["name"]),
        (&"waiting".into(), &"vda".into()),
        "{board}"
    );
    station.json(&["board", "enrol", MAC]);
    let deploy =
        ["board", "deploy", MAC, "--image", "os", "--target", "other", "--end", "reboot", "--confirm", MAC];
    let deploy = station.command(&deploy).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

    // A power cut in the middle: nothing would start from this disk.
    machine.until("a part of the disk", || (missing(&path("disk.img"), &image) < 40 * MIB).then_some(()));
    machine.off();
    let left = missing(&path("disk.img"), &image);
    assert!(left > 2 * MIB, "it was too fast for this test");
    assert!(std::fs::read(path("disk.img")).unwrap()[..512].iter().all(|byte| *byte == 0));

    // It comes again as the same board, by its ROM, and nobody is asked. Only what is missing is sent.
    let mut machine = pc(&net, &path("second.console"), &path("disk.img"));
    machine.says("piprov: the agent runs");
    let before = given(&net);
    machine.says("this board's key was kept on its disk");
    machine.says("done, read back and equal");
    let sent = given(&net) - before;
    println!("{left} bytes were missing, {sent} were sent of {}", image.len());
    assert!(sent < left as u64 + 6 * MIB as u64 && sent > left as u64 / 2, "{sent} for {left}");
    let out = deploy.wait_with_output().unwrap();
    assert!(out.status.success(), "{out:?}");
    assert!(std::fs::read(path("disk.img")).unwrap()[..image.len()] == image);
    let done = station.runs("done");
    let done: Vec<_> = done.iter().filter(|run| !run["job"].is_null()).collect();
    assert_eq!((done.len(), station.runs("lost").len()), (1, 1), "{done:?}");

    // It is done: its ROM gets no answer, and it starts from what was written.
    machine.says("STARTED-FROM-ITS-DISK");
    machine.off();
    let board = station.board(MAC).unwrap();
    assert_eq!(board["held"], "done", "{board}");
    bootd.end();
}

/// Where the system for boards lies. This is known in the virtual machine of the USB tests too.
pub(crate) const SYSTEM: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/system-arm64");

/// What Raspberry Pi's packages don't have, and no emulated board looks at.
const BOOTCODE4: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/usb-boot/bootcode4.bin");

/// Builds the system for boards, once for all that take it, and gives what was said of it.
pub(crate) fn system() -> &'static str {
    static SAID: OnceLock<String> = OnceLock::new();
    SAID.get_or_init(|| {
        // What an earlier run left there would stand beside it.
        let _ = std::fs::remove_dir_all(SYSTEM);
        std::fs::create_dir_all(Path::new(BOOTCODE4).parent().unwrap()).unwrap();
        std::fs::write(BOOTCODE4, [4; 3000]).unwrap();
        build("arm64", &agent("arm64"), Path::new(SYSTEM), &[&["--force"][..], &OVER_USB].concat())
    })
}

const OVER_USB: [&str; 3] = ["--over-usb", "--usb-boot", BOOTCODE4];

/// An arm64 machine with the system in a directory; a Pi's firmware hands over the same.
fn arm64(machine: &str, dir: &Path, words: &str, more: &[&str]) -> Command {
    let mut command = Command::new("qemu-system-aarch64");
    command.args(["-M", machine]).arg("-kernel").arg(dir.join("piprov-arm64.img"));
    command.arg("-initrd").arg(dir.join("piprov-arm64.gz"));
    let line = std::fs::read_to_string(dir.join("cmdline.txt")).unwrap();
    let line = line.trim().replace("console=tty0", "");
    command.args(["-append", &format!("{line} {words}")]).args(more);
    command
}

/// A station on this host, open, with an image in it, and the image.
pub(crate) fn station_with_image(dir: &Path, address: &str, mib: usize) -> (Station, u16, Vec<u8>) {
    let port = std::net::TcpListener::bind(format!("{address}:0")).unwrap().local_addr().unwrap().port();
    let serve = Command::new(env!("CARGO_BIN_EXE_piprov"));
    let station = Station::start(dir, serve, &format!("{address}:{port}"), "open");
    let image = image(&dir.join("os.img"), mib);
    station.json(&["image", "add", "os.img", "--name", "os"]);
    (station, port, image)
}

/// Waits for the board, has it deployed, and looks at what is in its disk's file once it has switched itself off.
fn deployed(machine: &mut Machine, station: &Station, target: &str, disk: &Path, image: &[u8]) {
    machine.until("the board", || station.board(MAC).filter(|board| board["enrolment"] == "enrolled"));
    let deploy = ["board", "deploy", MAC, "--image", "os", "--target", target, "--end", "power-off"];
    station.json(&[&deploy[..], &["--confirm", MAC]].concat());
    machine.says("piprov-agent: poweroff");
    machine.until("the disk", || std::fs::read(disk).unwrap().starts_with(image).then_some(()));
    let done = station.runs("done");
    assert!(done.len() == 1 && done[0]["simulated"] != true, "{done:?}");
}

#[test]
fn the_system_for_boards_finds_a_station_over_ipv6_on_its_second_interface_and_says_which_boards_it_serves() {
    need("qemu-system-aarch64", "qemu-system-arm");
    let room = tempfile::tempdir().unwrap();
    let path = |name: &str| room.path().join(name);
    let said = system();
    assert!(said.contains("Pi 4B: starts, with Ethernet (brcm,bcm2711-genet-v5)"), "{said}");
    assert!(said.contains("Pi 3B+: starts, with Ethernet (usb424,7800)"), "{said}");
    assert!(said.contains("Pi 5: isn't served"), "{said}");
    // The same packages give the same bytes.
    build("arm64", &agent("arm64"), &path("again"), &OVER_USB);
    support::shell(&format!("diff -rq {SYSTEM} {}", path("again").display()));

    let (station, port, image) = station_with_image(room.path(), "[::1]", 20);
    disk(&path("disk.img"), 24);
    let drive = format!("file={},format=raw,if=none,id=d", path("disk.img").display());
    let card = format!("virtio-net-pci,netdev=n,mac={MAC}");
    let more = [
        "-cpu",
        "cortex-a53",
        "-m",
        "384",
        "-smp",
        "1",
        // On the first interface nobody answers.
        "-netdev",
        "hubport,id=dead,hubid=0",
        "-device",
        "virtio-net-pci,netdev=dead",
        "-netdev",
        "user,id=n,ipv4=off",
        "-device",
        &card,
        "-drive",
        &drive,
        "-device",
        "virtio-blk-pci,drive=d",
    ];
    // No USB cable is waited for.
    let words = format!("piprov.usb= piprov.station=http://[fec0::2]:{port}");
    let command = arm64("virt", Path::new(SYSTEM), &words, &more);
    let mut machine = Machine::on(command, &["-serial"], &path("console"));
    deployed(&mut machine, &station, "other", &path("disk.img"), &image);
}

#[test]
fn a_virtual_pi_3_starts_from_what_its_boot_rom_was_sent_over_usb_and_its_card_is_deployed() {
    need("qemu-system-aarch64", "qemu-system-arm");
    let room = tempfile::tempdir().unwrap();
    let path = |name: &str| room.path().join(name);
    let (station, port, image) = station_with_image(room.path(), "127.0.0.1", 12);
    // The length of a card is a power of two.
    disk(&path("card.img"), 16);
    let drive = format!("file={},format=raw,if=sd", path("card.img").display());
    // Nothing but what came over the bus. A kernel starts with many a wrong byte in its initramfs, so all are compared too.
    let sent = crate::usb_cable::sent();
    for name in [crate::usb_cable::TREE, "cmdline.txt", "piprov-arm64.img", "piprov-arm64.gz"] {
        let [came, built] =
            [sent.as_path(), Path::new(SYSTEM)].map(|dir| std::fs::read(dir.join(name)).unwrap());
        assert!(came == built, "{name} came damaged");
    }
    let tree = sent.join(crate::usb_cable::TREE);
    let card = format!("usb-net,netdev=n,mac={MAC}");
    let more = ["-dtb", tree.to_str().unwrap(), "-drive", &drive, "-netdev", "user,id=n", "-device", &card];
    // The one USB port of this machine is a host's, so that the station is at a network. The driver for the power domains
    // looks at what isn't emulated.
    let words = format!("initcall_blacklist=bcm2835_power_driver_init piprov.station=http://10.0.2.2:{port}");
    let command = arm64("raspi3ap", &sent, &words, &more);
    let mut machine = Machine::on(command, &["-serial"], &path("console"));
    machine.says("piprov: Raspberry Pi 3 Model A+");
    deployed(&mut machine, &station, "sd", &path("card.img"), &image);
}
