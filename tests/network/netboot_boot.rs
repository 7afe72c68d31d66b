//! Clients made by `piprov netboot client add` boot in QEMU: a Debian kernel with an initramfs as Raspberry Pi OS has
//! it mounts the client's root over NFSv3 from nfs-ganesha, started with the exports that piprov wrote.

#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use crate::netboot;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
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
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ppnc{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let net = Self { name, children: Vec::new() };
        shell(
            Path::new("/"),
            &format!(
                "ip netns add {0}; ip -n {0} link set lo up; ip -n {0} link add br0 type bridge; \
                 ip -n {0} addr add 10.97.0.1/24 dev br0; ip -n {0} link set br0 up; \
                 for t in tap1 tap2 tap3 tap4; do ip -n {0} tuntap add $t mode tap; ip -n {0} link set $t master br0 up; done",
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

/// A room with an image of a small Debian, a network, and what serves clients in it.
struct Lab {
    room: Room,
    fetched: PathBuf,
}

impl Lab {
    fn new() -> Self {
        let fetched = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("netboot");
        shell(
            Path::new(env!("CARGO_MANIFEST_DIR")),
            &format!("tests/netboot/fetch.sh {}", fetched.display()),
        );
        let room = Room::empty();
        shell(room.path(), &format!("ln -s {0}/tree root; ln -s {0}/boot boot", fetched.display()));
        netboot::image(room.path(), 70, 520);
        Self { room, fetched }
    }

    /// `piprov netboot client …` where nfs-ganesha is, and no exportfs.
    fn client(&self, line: &[&str]) -> String {
        // exportfs, where the machine has it, would be taken; this is about the server that needs no kernel.
        let hide = "mount --make-rprivate /; for d in /usr/sbin /usr/bin /usr/local/sbin; do \
                    [ ! -e $d/exportfs ] || mount --bind /dev/null $d/exportfs; done; exec \"$0\" \"$@\"";
        let ganesha = self.fetched.join("server/usr/bin");
        let path = format!("{}:{}", ganesha.display(), std::env::var("PATH").unwrap());
        let client = self.room.client(line);
        let mut hidden = command("unshare");
        hidden.args(["-m", "sh", "-c", hide]).arg(client.get_program()).args(client.get_args());
        hidden.current_dir(self.room.path()).env("PATH", &path);
        ok(hidden)
    }

    fn add(&self, line: &[&str]) {
        self.client(&[&["add", "--from=disk.img", "--network=10.97.0.0/24"], line].concat());
    }

    /// Starts DHCP, and NFS with the exports as they are now.
    fn serve(&self) -> Net {
        let room = &self.room;
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
        for n in 1..=4 {
            dhcp.arg(format!("--dhcp-host=52:54:00:97:00:0{n},10.97.0.5{n}"));
        }
        dhcp.arg("--dhcp-option=6,10.97.0.9")
            .arg(format!("--dhcp-leasefile={}", room.at("leases").display()));
        net.start(dhcp);
        let mut server = net.command("unshare");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/netboot/serve.sh");
        let exports = room.at("etc/ganesha/piprov.conf");
        server.args(["-m"]).arg(script).arg(self.fetched.join("server")).arg(&exports).arg(room.path());
        net.start(server);
        let log = room.at("ganesha");
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        let soon = Instant::now() + Duration::from_secs(30);
        let served = || read(&log).contains("NFS SERVER INITIALIZED");
        net.until("the NFS server", soon, served, || read(&log));
        net
    }

    /// Switches a board on whose boot files lie in a directory.
    fn boot(&self, net: &mut Net, n: u8, directory: &str) {
        let room = &self.room;
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

    /// Waits until the system of a board has told all, and asks for a login.
    fn up(&self, net: &mut Net, n: u8, deadline: Instant) -> String {
        let name = format!("console{n}");
        let up = || {
            let text = console(&self.room, &name);
            text.contains("REPORT end") && text.contains(&format!("lab-0{n} login:"))
        };
        net.until(&format!("lab-0{n}"), deadline, up, || console(&self.room, &name));
        console(&self.room, &name)
    }

    /// What sshd shows is the key that was made for the client.
    fn shows_its_key(&self, net: &Net, n: u8) {
        let mut scan = net.command("ssh-keyscan");
        let scanned = ok({
            scan.args(["-T", "20", "-t", "ed25519", &format!("10.97.0.5{n}")]);
            scan
        });
        let key = self.room.read(&format!("srv/clients/lab-0{n}/etc/ssh/ssh_host_ed25519_key.pub"));
        let key = key.split(' ').nth(1).unwrap();
        assert!(scanned.contains(key), "{scanned}");
    }
}

#[test]
fn clients_mount_their_roots_and_reach_a_login() {
    let lab = Lab::new();
    let room = &lab.room;
    let here = "--server=10.97.0.1";
    lab.add(&["lab-01", "--board=a2ef5644", here]);
    lab.add(&["lab-02", "--board=52:54:00:97:00:02", "--mode=overlay", "--shared=base", here]);
    lab.add(&["lab-03", "--board=a2ef5646", "--mode=ro", here]);
    let mut net = lab.serve();
    for (n, directory) in [(1, "a2ef5644"), (2, "52-54-00-97-00-02"), (3, "a2ef5646")] {
        lab.boot(&mut net, n, directory);
    }
    let deadline = Instant::now() + PATIENCE;

    let clients = [(1, "nfs", "a2ef5644"), (2, "overlay", "52-54-00-97-00-02"), (3, "nfs", "a2ef5646")];
    for (n, kind, directory) in clients {
        let text = lab.up(&mut net, n, deadline);
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
        lab.shows_its_key(&net, n);
    }
    assert_eq!(room.read("srv/shared/base/etc/hostname"), "raspberrypi\n", "the shared root stays as it was");
}

/// The client was made for another board and another server, and its root has five network managers that all run. Each
/// has settings that would give the boot interface an address that leads nowhere; then the root would be gone.
#[test]
fn a_client_that_was_moved_boots_and_every_network_manager_leaves_its_interface_alone() {
    let lab = Lab::new();
    let room = &lab.room;
    lab.add(&["lab-04", "--board=a2ef5647", "--server=10.97.0.99"]);
    lab.client(&["set", "lab-04", "--board=52:54:00:97:00:04", "--server=10.97.0.1"]);
    assert!(!room.at("srv/tftp/a2ef5647").exists());
    let root = room.at("srv/clients/lab-04");
    shell(
        &root,
        "for unit in NetworkManager.service connman.service dhcpcd.service networking.service systemd-networkd.service \
             systemd-networkd.socket; do rm etc/systemd/system/$unit; done
         for unit in NetworkManager connman dhcpcd networking systemd-networkd; do \
             ln -sf /lib/systemd/system/$unit.service etc/systemd/system/multi-user.target.wants/$unit.service; done
         # Without these Debian's dhcpcd.service doesn't start anywhere.
         mkdir -p etc/wpa_supplicant; : > etc/resolv.conf
         mkdir etc/systemd/system/report.service.d
         printf '[Unit]\nAfter=NetworkManager.service connman.service dhcpcd.service networking.service systemd-networkd.service\n\
[Service]\nExecStartPre=/bin/sleep 6\n' > etc/systemd/system/report.service.d/late.conf",
    );
    assert!(
        room.read("srv/clients/lab-04/etc/network/interfaces").contains("# piprov:     address 10.55.0.1/24")
    );
    let mut net = lab.serve();
    lab.boot(&mut net, 4, "52-54-00-97-00-04");
    let text = lab.up(&mut net, 4, Instant::now() + PATIENCE);
    assert_eq!(report(&text, "name"), "lab-04");
    assert_eq!(report(&text, "root"), "nfs");
    assert_eq!(report(&text, "managers"), "active active active active active", "{text}");
    assert_eq!(report(&text, "addresses"), "10.97.0.54/24", "{text}");
    assert!(report(&text, "networkd ").ends_with("unmanaged"), "{text}");
    assert_eq!(report(&text, "networkmanager"), "eth0:unmanaged", "{text}");
    assert_eq!(report(&text, "failed"), "", "{text}");
    let boot = room.at("srv/tftp").canonicalize().unwrap().join("52-54-00-97-00-04");
    assert!(report(&text, "boot").starts_with(&format!("10.97.0.1:{}", boot.display())), "{text}");
    lab.shows_its_key(&net, 4);
}
