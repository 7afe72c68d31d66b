//! Clients made by `piprov netboot client add` boot in QEMU: a Debian kernel with an initramfs as Raspberry Pi OS has
//! it mounts the client's root over NFSv3 from nfs-ganesha, started with the exports that piprov wrote.

#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use crate::netboot;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use netboot::{Room, command, ok, shell};

/// An emulated machine starts a whole Debian: a minute on an idle host, several on a busy one.
const PATIENCE: Duration = Duration::from_secs(400);

/// A network of the test's own; it and all that runs in it end with this value.
struct Net {
    name: String,
    children: Vec<Child>,
}

impl Net {
    fn new() -> Self {
        let name = format!("ppnc{}", std::process::id());
        let net = Self { name, children: Vec::new() };
        shell(
            Path::new("/"),
            &format!(
                "ip netns add {0}; ip -n {0} link set lo up; ip -n {0} link add br0 type bridge; \
                 ip -n {0} addr add 10.97.0.1/24 dev br0; ip -n {0} link set br0 up; \
                 for t in tap1 tap2 tap3; do ip -n {0} tuntap add $t mode tap; ip -n {0} link set $t master br0 up; done",
                net.name
            ),
        );
        net
    }

    fn command(&self, program: &str) -> Command {
        let mut inside = command("ip");
        inside.args(["netns", "exec", &self.name, program]);
        inside
    }

    fn start(&mut self, mut command: Command) {
        let child = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn();
        self.children.push(child.unwrap_or_else(|error| panic!("{command:?}: {error}")));
    }

    /// Looks until a text is there.
    fn until(
        &mut self,
        what: &str,
        deadline: Instant,
        mut look: impl FnMut() -> bool,
        told: impl Fn() -> String,
    ) {
        while !look() {
            for child in &mut self.children {
                assert!(
                    child.try_wait().unwrap().is_none(),
                    "something ended while waiting for {what}:\n{}",
                    told()
                );
            }
            assert!(Instant::now() < deadline, "waited too long for {what}:\n{}", told());
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // Each is the first of its own session or does not fork; what they started is in the network.
        let pids = command("ip").args(["netns", "pids", &self.name]).output();
        let pids =
            pids.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        for pid in pids.split_whitespace() {
            if let Some(pid) = pid.parse().ok().and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        for child in &mut self.children {
            let _ = child.wait();
        }
        let _ = command("ip").args(["netns", "del", &self.name]).status();
    }
}

/// The value that a client reports of itself.
fn report<'a>(console: &'a str, key: &str) -> &'a str {
    let found = console.lines().find_map(|line| line.trim().split_once(&format!("REPORT {key}")));
    found.unwrap_or_else(|| panic!("no {key} in:\n{console}")).1.trim()
}

fn console(room: &Room, name: &str) -> String {
    String::from_utf8_lossy(&std::fs::read(room.at(name)).unwrap_or_default()).replace('\r', "")
}

#[test]
fn clients_mount_their_roots_and_reach_a_login() {
    let fetched = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("netboot");
    shell(Path::new(env!("CARGO_MANIFEST_DIR")), &format!("tests/netboot/fetch.sh {}", fetched.display()));
    let room = Room::empty();
    shell(room.path(), &format!("ln -s {0}/tree root; ln -s {0}/boot boot", fetched.display()));
    netboot::image(room.path(), 70, 420);

    // exportfs, where the machine has it, would be taken; this is about the server that needs no kernel.
    let hide = "mount --make-rprivate /; for d in /usr/sbin /usr/bin /usr/local/sbin; do \
                [ ! -e $d/exportfs ] || mount --bind /dev/null $d/exportfs; done; exec \"$0\" \"$@\"";
    let path = format!("{}:{}", fetched.join("server/usr/bin").display(), std::env::var("PATH").unwrap());
    let add = |line: &[&str]| {
        let client = room.client(&[&["add"], line].concat());
        let mut hidden = command("unshare");
        hidden.args(["-m", "sh", "-c", hide]).arg(client.get_program()).args(client.get_args());
        hidden.args(["--from=disk.img", "--server=10.97.0.1", "--network=10.97.0.0/24"]);
        hidden.current_dir(room.path()).env("PATH", &path);
        ok(hidden)
    };
    add(&["lab-01", "--board=a2ef5644"]);
    add(&["lab-02", "--board=52:54:00:97:00:02", "--mode=overlay", "--shared=base"]);
    add(&["lab-03", "--board=a2ef5646", "--mode=ro"]);
    let exports = room.at("etc/ganesha/piprov.conf");

    let mut net = Net::new();
    let mut dhcp = net.command("dnsmasq");
    dhcp.args([
        "-k",
        "-C",
        "/dev/null",
        "--port=0",
        "--interface=br0",
        "--bind-interfaces",
        "--no-ping",
        "--user=root",
    ]);
    dhcp.args(["--pid-file=", "--dhcp-range=10.97.0.50,10.97.0.60,1h", "--dhcp-authoritative"]);
    for n in 1..=3 {
        dhcp.arg(format!("--dhcp-host=52:54:00:97:00:0{n},10.97.0.5{n}"));
    }
    dhcp.arg("--dhcp-option=6,10.97.0.9").arg(format!("--dhcp-leasefile={}", room.at("leases").display()));
    net.start(dhcp);
    let mut server = net.command("unshare");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/netboot/serve.sh");
    server.args(["-m"]).arg(script).arg(fetched.join("server")).arg(&exports).arg(room.path());
    net.start(server);
    let log = room.at("ganesha");
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let soon = Instant::now() + Duration::from_secs(30);
    let served = || read(&log).contains("NFS SERVER INITIALIZED");
    net.until("the NFS server", soon, served, || read(&log));

    for (n, directory) in [(1, "a2ef5644"), (2, "52-54-00-97-00-02"), (3, "a2ef5646")] {
        let boot = room.at("srv/tftp").join(directory);
        let mut machine = net.command("qemu-system-x86_64");
        // Never KVM: where there is one it may be another emulator, in which the machine hangs.
        machine.args([
            "-accel",
            "tcg,thread=multi",
            "-m",
            "640",
            "-smp",
            "2",
            "-nodefaults",
            "-no-reboot",
            "-display",
            "none",
        ]);
        machine.arg("-serial").arg(format!("file:{}", room.at(&format!("console{n}")).display()));
        machine.args(["-netdev", &format!("tap,id=n0,ifname=tap{n},script=no,downscript=no"), "-device"]);
        machine.arg(format!("virtio-net-pci,netdev=n0,romfile=,mac=52:54:00:97:00:0{n}"));
        machine.arg("-kernel").arg(boot.join("kernel8.img")).arg("-initrd").arg(boot.join("initramfs8"));
        let line = std::fs::read_to_string(boot.join("cmdline.txt")).unwrap();
        assert!(
            line.contains(",vers=3,tcp,noacl r"),
            "nfs-ganesha leaves requests for lists unanswered: {line}"
        );
        machine.args(["-append", &format!("{} panic=1", line.trim())]);
        net.start(machine);
    }
    let deadline = Instant::now() + PATIENCE;
    for n in ["1", "2", "3"] {
        let name = format!("console{n}");
        let up = || {
            let text = console(&room, &name);
            text.contains("REPORT end") && text.contains(&format!("lab-0{n} login:"))
        };
        net.until(&format!("lab-0{n}"), deadline, up, || console(&room, &name));
    }

    let clients = [(1, "nfs", "a2ef5644"), (2, "overlay", "52-54-00-97-00-02"), (3, "nfs", "a2ef5646")];
    for (n, kind, directory) in clients {
        let text = console(&room, &format!("console{n}"));
        assert_eq!(report(&text, "name"), format!("lab-0{n}"));
        assert_eq!(report(&text, "root"), kind);
        assert_eq!(report(&text, "ssh"), "active");
        assert_eq!(report(&text, "dns"), "nameserver 10.97.0.9");
        assert_eq!(report(&text, "failed"), "", "{text}");
        let boot = room.at("srv/tftp").canonicalize().unwrap().join(directory);
        let mounted = report(&text, "boot").split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(mounted, format!("10.97.0.1:{} nfs", boot.display()));
        // The machine id is the client's: kept by its root, or that of its layer. A root that can't keep one gets
        // another at each start.
        let id = report(&text, "id");
        let kept = room.read(&format!("srv/clients/lab-0{n}/etc/machine-id"));
        assert_eq!(kept.trim(), if n == 3 { "" } else { id });
        assert!(id.len() == 32 && id != "0123456789abcdef0123456789abcdef");
        // What sshd shows is the key that was made for it.
        let mut scan = net.command("ssh-keyscan");
        let scanned = ok({
            scan.args(["-T", "20", "-t", "ed25519", &format!("10.97.0.5{n}")]);
            scan
        });
        let key = room.read(&format!("srv/clients/lab-0{n}/etc/ssh/ssh_host_ed25519_key.pub"));
        let key = key.split(' ').nth(1).unwrap();
        assert!(scanned.contains(key), "{scanned}");
    }
    assert_eq!(room.read("srv/shared/base/etc/hostname"), "raspberrypi\n", "the shared root stays as it was");
}
