//! From a boot ROM to the agent, in QEMU: a PC's PXE ROM asks `piprov bootd`, gets the kernel and the system that
//! `piprov initramfs build` made out of Debian's packages, and its agent reaches the station. When that board is done, its
//! ROM gets nothing and it falls to its disk. The same system for arm64 runs on a virtual board.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use piprov::arming::Word;
use piprov::control::message::Seen;
use piprov::stop::Stop;

use crate::netboot_rig::Net;
use crate::netboot_rig::station::Station;
use crate::support::{self, need};

const MAC: [u8; 6] = [0x52, 0x54, 0, 0xaa, 0, 7];
/// An emulated machine needs ten seconds on an idle host, and a minute on a busy one.
const PATIENCE: Duration = Duration::from_secs(150);

/// A program in the agent's place: it connects to the station that the kernel's command line names, tells the disks that
/// the kernel has found, and stays. The agent itself is tested where disks can be broken.
const PROGRAM: &str = r#"
use std::io::Write;
fn main() {
    let words = std::fs::read_to_string("/proc/cmdline").unwrap();
    let station = words.split_whitespace().find_map(|word| word.strip_prefix("piprov.station=http://")).unwrap();
    let mut disks: Vec<String> = std::fs::read_dir("/sys/block").unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    disks.sort();
    for _ in 0..120 {
        if let Ok(mut to) = std::net::TcpStream::connect(station) {
            let _ = writeln!(to, "AGENT {} {}", std::env::consts::ARCH, disks.join(","));
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    loop { std::thread::park(); }
}
"#;

/// That program, static, for this machine.
fn program(dir: &Path) -> PathBuf {
    let (source, program) = (dir.join("agent.rs"), dir.join("agent"));
    std::fs::write(&source, PROGRAM).unwrap();
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition", "2021", "-C", "target-feature=+crt-static", "-o"]).arg(&program).arg(&source);
    let output = rustc.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    program
}

/// `piprov initramfs build`; Debian's packages are kept in cargo's directory for tests.
fn build(arch: &str, agent: &Path, out: &Path, more: &[&str]) -> String {
    let mut command = support::program::piprov(out.parent().unwrap());
    command.args(["initramfs", "build", "--arch", arch, "-o"]).arg(out).arg("--agent").arg(agent).args(more);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A first sector that says so on the BIOS' console, and stops.
fn disk(path: &Path) {
    let mut sector = b"\xbe\x11\x7c\xac\x84\xc0\x74\x06\xb4\x0e\xcd\x10\xeb\xf5\xf4\xeb\xfd".to_vec();
    sector.extend_from_slice(b"STARTED-FROM-ITS-DISK\r\n\0");
    sector.resize(510, 0);
    sector.extend_from_slice(&[0x55, 0xaa]);
    sector.resize(16 << 20, 0);
    std::fs::write(path, sector).unwrap();
}

/// Waits for a text on a console.
fn wait_for(console: &Path, text: &str) {
    let (never, end) = (Stop::new().unwrap(), Instant::now() + PATIENCE);
    loop {
        let said = String::from_utf8_lossy(&std::fs::read(console).unwrap_or_default()).into_owned();
        if said.contains(text) {
            return;
        }
        let tail: String = said.chars().rev().take(2000).collect::<String>().chars().rev().collect();
        assert!(Instant::now() < end, "`{text}` is not on {}, which ends:\n{tail}", console.display());
        let _ = never.wait(Duration::from_millis(200));
    }
}

/// A machine, switched off with this value at the latest.
struct Machine(std::process::Child);

impl Machine {
    /// Pulls its plug.
    fn off(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.off();
    }
}

/// Switches the PC on: the network first, then its disk.
fn pc(net: &Net, console: &Path, disk: &Path) -> Machine {
    let mac = piprov::board::Mac::new(MAC);
    let mut command = net.lan.command("hub", "qemu-system-x86_64");
    command.args(["-accel", "tcg", "-m", "384", "-smp", "1", "-nographic", "-monitor", "none", "-no-reboot"]);
    command.arg("-serial").arg(format!("file:{}", console.display()));
    command.args(["-boot", "order=nc", "-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no"]);
    command.arg("-device").arg(format!("virtio-net-pci,netdev=n0,mac={mac}"));
    command.arg("-drive").arg(format!("file={},format=raw,if=virtio", disk.display()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    Machine(command.spawn().unwrap())
}

#[test]
fn a_pc_boots_from_its_rom_to_the_agent_and_falls_to_its_disk_when_it_is_done() {
    need("qemu-system-x86_64", "qemu-system-x86");
    let mut net = Net::new();
    net.control = Some(net.lan.dir.path().join("run/control.sock"));
    let path = |name: &str| net.lan.dir.path().join(name);
    let station_at = SocketAddrV4::new(crate::dhcp_support::OURS, 7400);
    let url = format!("http://{station_at}");
    build("amd64", &program(net.lan.dir.path()), &path("boot"), &["--station", &url]);
    disk(&path("disk.img"));
    std::fs::write(path("piprov.toml"), "[netboot]\nboot-files = [\"0=piprov.ipxe\"]\n").unwrap();
    for arguments in
        [&["tuntap", "add", "tap0", "mode", "tap"][..], &["link", "set", "tap0", "master", "br0", "up"][..]]
    {
        assert!(net.lan.command("hub", "ip").args(arguments).status().unwrap().success());
    }
    let (config, boot) = (path("piprov.toml"), path("boot"));
    let serve = net.start(
        "ours",
        &[
            "bootd",
            "--interface",
            "eth0",
            "--mode",
            "dhcp",
            "--range",
            "10.99.0.100-10.99.0.120",
            "--withhold",
            "-v",
            "--config",
            config.to_str().unwrap(),
            "--tftp-root",
            boot.to_str().unwrap(),
            "--state",
            net.state.to_str().unwrap(),
        ],
    );
    serve.until("it serves", |event| event["event"] == "serving");
    let mut station = Station::new(&net);
    station.say(MAC, Word::Once { turn: 1 });
    let listener = net.lan.inside("ours", || TcpListener::bind(station_at).unwrap());
    let console = path("first.console");
    let mut machine = pc(&net, &console, &path("disk.img"));
    wait_for(&console, "piprov: the agent runs");
    // On the board it has the network and the disk.
    let (agent, from) = listener.accept().unwrap();
    agent.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut said = String::new();
    BufReader::new(agent.take(256)).read_line(&mut said).unwrap();
    assert!(said.starts_with("AGENT x86_64 ") && said.contains("vda"), "{said}");
    let std::net::IpAddr::V4(address) = from.ip() else { panic!("{from}") };
    assert!((Ipv4Addr::new(10, 99, 0, 100)..=Ipv4Addr::new(10, 99, 0, 120)).contains(&address), "{address}");
    // A power cut. Its one boot was given: its ROM gets nothing, and it starts from its disk.
    machine.off();
    let console = path("second.console");
    let mut machine = pc(&net, &console, &path("disk.img"));
    wait_for(&console, "STARTED-FROM-ITS-DISK");
    station.saw(MAC, &Seen::Withheld);
    machine.off();
    // Armed again it boots from the network once more.
    station.say(MAC, Word::Once { turn: 2 });
    let console = path("third.console");
    let mut machine = pc(&net, &console, &path("disk.img"));
    wait_for(&console, "piprov: the agent runs");
    machine.off();
    serve.end();
}

#[test]
fn the_system_for_boards_starts_on_one_and_says_which_boards_its_kernel_serves() {
    need("qemu-system-aarch64", "qemu-system-arm");
    let room = tempfile::tempdir().unwrap();
    let path = |name: &str| room.path().join(name);
    // A static program for that processor, which ends at once: what starts it says so, and starts it again.
    let busybox = support::debian::file("busybox-static", "bin/busybox");
    let said = build("arm64", &busybox, &path("boot"), &[]);
    assert!(said.contains("Pi 4B: starts, with Ethernet (brcm,bcm2711-genet-v5)"), "{said}");
    assert!(said.contains("Pi 3B+: starts, with Ethernet (usb424,7800)"), "{said}");
    assert!(said.contains("Pi 5: isn't served"), "{said}");
    // The same packages give the same bytes.
    build("arm64", &busybox, &path("again"), &[]);
    let sum = |dir: &str| {
        support::shell(&format!("cd {} && find . -type f | sort | xargs sha256sum", path(dir).display()))
    };
    assert_eq!(sum("boot"), sum("again"));
    let image = path("Image");
    support::shell(&format!("zcat {} >{}", path("boot/piprov-arm64.img").display(), image.display()));
    disk(&path("disk.img"));
    let console = path("console");
    let machine = Command::new("qemu-system-aarch64")
        .args([
            "-M",
            "virt",
            "-cpu",
            "cortex-a53",
            "-m",
            "384",
            "-smp",
            "1",
            "-nographic",
            "-monitor",
            "none",
        ])
        .arg("-serial")
        .arg(format!("file:{}", console.display()))
        .arg("-kernel")
        .arg(&image)
        .arg("-initrd")
        .arg(path("boot/piprov-arm64.gz"))
        .args([
            "-append",
            "console=ttyAMA0 panic=10",
            "-netdev",
            "user,id=n",
            "-device",
            "virtio-net-pci,netdev=n",
        ])
        .arg("-drive")
        .arg(format!("file={},format=raw,if=none,id=d", path("disk.img").display()))
        .args(["-device", "virtio-blk-pci,drive=d"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut machine = Machine(machine);
    wait_for(&console, "[vda] 32768 512-byte logical blocks");
    wait_for(&console, "piprov: the agent runs");
    wait_for(&console, "piprov: eth0 has 10.0.2.15");
    wait_for(&console, "piprov: the agent ended with 127; it starts again");
    machine.off();
}
