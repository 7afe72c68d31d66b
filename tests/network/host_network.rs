//! `piprov doctor --fix` in clean roots of Debian, with each network manager: it gives the address, boards get out, and what
//! is taken back leaves every file as it was.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use piprov::stop::Stop;

use crate::dhcp_support::{HOUSE, Lan, OURS};

/// What a manager keeps for itself while it runs.
const KEPT: [&str; 8] = ["run", "tmp", "proc", "sys", "mnt", "var", "dev", "etc/resolv.conf"];

/// How a manager is installed, and how it is started where no systemd does it.
struct Way {
    package: &'static str,
    /// What tells it of its settings, where it runs all the time.
    tool: Option<&'static str>,
    start: &'static str,
    /// What it has at first, for the interface of the boards.
    before: &'static [(&'static str, &'static str)],
}

const BUS: &str = "mkdir -p /run/dbus; dbus-daemon --system --fork --nopidfile; ";

/// A clean root with a manager, in the namespace of the host `ours`: `eth0` leads to the house, `eth1` to a board.
struct Host {
    lan: Lan,
    root: PathBuf,
    before: BTreeMap<PathBuf, String>,
    main: Option<std::process::Child>,
    /// The groups of processes that a systemd was started in.
    groups: Vec<PathBuf>,
}

fn succeeded(what: &str, output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{what}: {}: {said}", output.status);
    said
}

impl Host {
    fn new(way: &Way) -> Self {
        let lan = Lan::new();
        let root = lan.dir.path().join("root");
        unpack(&root, way.package);
        for (path, text) in way.before {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let (ours, client) = (lan.space("ours"), lan.space("client"));
        for words in [
            &["-n", &ours, "link", "add", "eth1", "type", "veth", "peer", "name", "b0", "netns", &client][..],
            &["-n", &client, "link", "set", "eth0", "down"],
            &["-n", &client, "link", "set", "b0", "up"],
            &["-n", &client, "addr", "add", "10.20.50.9/24", "dev", "b0"],
            &["-n", &client, "route", "add", "default", "via", "10.20.50.1"],
            &["-n", &ours, "route", "add", "default", "via", &HOUSE.to_string()],
        ] {
            succeeded("ip", &Command::new("ip").args(words).output().unwrap());
        }
        let mut host = Self { lan, root, before: BTreeMap::new(), main: None, groups: Vec::new() };
        host.start(way.start);
        host.before = files(&host.root);
        host
    }

    /// Starts what a boot starts; it goes on until the host ends.
    fn start(&mut self, script: &str) {
        // Neither udev nor a device can be waited for where /sys is read-only, and managers know that.
        let outer = r#"root=$1 program=$2
            mount --make-rprivate /; mount --bind "$root" "$root"
            mount -t proc proc "$root/proc"; mount -t sysfs -o ro sysfs "$root/sys"
            for dir in run tmp mnt; do mount -t tmpfs "$dir" "$root/$dir"; done
            touch "$root/mnt/piprov"; mount --bind "$program" "$root/mnt/piprov"
            exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin:/mnt HOME=/root \
                chroot "$root" /bin/sh -ec "$3 echo ready; exec sleep 1000""#;
        let mut command = self.lan.command("ours", "unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", outer, "sh"]);
        command.arg(&self.root).arg(env!("CARGO_BIN_EXE_piprov")).arg(script);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut out = child.stdout.take().unwrap();
        let mut byte = [0];
        while !said.ends_with("ready\n") {
            assert_eq!(out.read(&mut byte).unwrap(), 1, "{said}");
            said.push(char::from(byte[0]));
        }
        self.main = Some(child);
    }

    /// Has a real systemd start it, as the kernel does: what was given to the network by hand or by rules is gone.
    fn boot(&mut self) {
        const OUTER: &str = r#"root=$1 program=$2 group=$3
            for dir in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
                [ -e "$dir/cgroup.procs" ] || continue
                mkdir -p "$dir/$group"; echo 0 >"$dir/$group/cgroup.procs"
            done
            exec unshare --mount --pid --cgroup --uts --fork --kill-child sh -ec '
                root=$1 program=$2 groups=$1/sys/fs/cgroup
                mount --make-rprivate /; mount --bind "$root" "$root"
                mount -t proc proc "$root/proc"; mount -t sysfs -o ro sysfs "$root/sys"
                if [ -d /sys/fs/cgroup/systemd ]; then
                    mount -t tmpfs groups "$groups"; mkdir "$groups/systemd"
                    mount -t cgroup -o none,name=systemd groups "$groups/systemd"
                else
                    mount -t cgroup2 groups "$groups"
                fi
                for dir in run tmp mnt; do mount -t tmpfs "$dir" "$root/$dir"; done
                touch "$root/mnt/piprov"; mount --bind "$program" "$root/mnt/piprov"
                exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=other \
                    chroot "$root" /lib/systemd/systemd --log-target=null
            ' sh "$root" "$program""#;
        self.power_off();
        let space = self.lan.space("ours");
        for words in [
            &["-n", &space, "addr", "flush", "dev", "eth1"][..],
            &["-n", &space, "link", "set", "eth1", "down"],
            &["netns", "exec", &space, "sh", "-c", "echo 0 >/proc/sys/net/ipv4/ip_forward"],
        ] {
            succeeded("ip", &Command::new("ip").args(words).output().unwrap());
        }
        let group = format!("piprov-{}", self.lan.dir.path().file_name().unwrap().to_str().unwrap());
        let places = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
        self.groups = places.map(|place| Path::new(place).join(&group)).into();
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{space}")).args(["sh", "-ec", OUTER, "sh"]);
        command.arg(&self.root).arg(env!("CARGO_BIN_EXE_piprov")).arg(&group);
        self.main = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap());
        until("systemd is there", || self.is_started());
    }

    fn is_started(&self) -> bool {
        let main = self.main.as_ref().unwrap().id();
        let children = std::fs::read_to_string(format!("/proc/{main}/task/{main}/children"));
        let first = children.unwrap_or_default().trim().to_owned();
        let name = std::fs::read_to_string(format!("/proc/{first}/comm")).unwrap_or_default();
        let state = || self.try_run("systemctl is-system-running").stdout;
        name.trim() == "systemd" && [&b"running\n"[..], b"degraded\n"].contains(&&state()[..])
    }

    fn power_off(&mut self) {
        if let Some(mut main) = self.main.take() {
            let _ = main.kill();
            let _ = main.wait();
        }
        for group in std::mem::take(&mut self.groups) {
            let gone = "[ ! -d \"$1\" ] || find \"$1\" -depth -type d -exec rmdir {} + 2>/dev/null";
            let mut remove = Command::new("sh");
            remove.args(["-c", gone, "sh"]).arg(group);
            // Its processes take a moment to end.
            until("systemd is gone", || remove.status().unwrap().success());
        }
    }

    /// Runs something in the host, beside what it has started.
    fn try_run(&self, script: &str) -> Output {
        let main = self.main.as_ref().unwrap().id();
        // The first process of the namespace is the child of the one that was started here.
        let children = std::fs::read_to_string(format!("/proc/{main}/task/{main}/children")).unwrap();
        let mut command = Command::new("nsenter");
        command.args(["--target", children.trim(), "--mount", "--pid", "--net", "--root", "--wdns=/"]);
        command.args(["/bin/sh", "-ec", script]).env_clear();
        command.envs([
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin:/mnt"),
            ("HOME", "/root"),
            ("LANG", "C.UTF-8"),
        ]);
        command.env("PIPROV_CONFIG", "/dev/null").stdin(Stdio::null()).output().unwrap()
    }

    #[track_caller]
    fn run(&self, script: &str) -> String {
        succeeded(script, &self.try_run(script))
    }

    /// The addresses of an interface of the host.
    fn addresses(&self, interface: &str) -> String {
        let space = self.lan.space("ours");
        let words = ["-n", &space, "-4", "-o", "addr", "show", "dev", interface];
        String::from_utf8(Command::new("ip").args(words).output().unwrap().stdout).unwrap()
    }

    /// A board asks a server in the house through this host; the server says who asked.
    fn board_reaches_the_house(&self) -> Option<Ipv4Addr> {
        let listener = self.lan.inside("house", || TcpListener::bind((HOUSE, 0)).unwrap());
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, peer) = listener.accept().unwrap();
            stream.write_all(peer.ip().to_string().as_bytes()).unwrap();
        });
        let asked = self.lan.inside("client", || {
            let mut stream =
                TcpStream::connect_timeout(&(HOUSE, port).into(), Duration::from_secs(3)).ok()?;
            let mut text = String::new();
            stream.read_to_string(&mut text).ok()?;
            text.parse().ok()
        });
        if asked.is_none() {
            self.lan.inside("house", || TcpStream::connect((HOUSE, port)).unwrap());
        }
        server.join().unwrap();
        asked
    }

    /// What differs from the root as it was before.
    fn changes(&self) -> Vec<PathBuf> {
        let after = files(&self.root);
        let all = self.before.keys().chain(after.keys());
        let mut changed: Vec<_> =
            all.filter(|path| self.before.get(*path) != after.get(*path)).cloned().collect();
        changed.sort();
        changed.dedup();
        changed
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(mut main) = self.main.take() {
            let _ = main.kill();
            let _ = main.wait();
        }
        if !std::thread::panicking() {
            self.power_off();
        }
    }
}

/// A clean Debian with a package in it, and none of the other managers.
fn unpack(root: &Path, package: &str) {
    let roots = concat!(env!("CARGO_MANIFEST_DIR"), "/target/host-network");
    let fetch = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/host_network/fetch.sh");
    succeeded(fetch, &Command::new(fetch).args([roots, "bookworm"]).output().unwrap());
    std::fs::create_dir(root).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["-xpf", &format!("{roots}/bookworm.tar"), "-C"]).arg(root);
    succeeded("tar", &tar.output().unwrap());
    // A system that has started once has one.
    std::fs::write(root.join("etc/machine-id"), "0123456789abcdef0123456789abcdef\n").unwrap();
    let inside =
        "mount --make-rprivate /; mount -t proc proc \"$1/proc\"; exec chroot \"$1\" /bin/sh -ec \"$2\"";
    let script = match package {
        "" => {
            "ln -s /lib/systemd/system/systemd-networkd.service /etc/systemd/system/multi-user.target.wants/"
                .to_owned()
        }
        package => format!("apt-get -y --no-download --no-install-recommends install {package}"),
    };
    let mut install = Command::new("unshare");
    install.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-ec", inside, "sh"]);
    install.arg(root).arg(script).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    succeeded(package, &install.env("DEBIAN_FRONTEND", "noninteractive").output().unwrap());
}

/// All that a root has, but for what only what runs keeps: what it is, who may do what with it, and what is in it.
fn files(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let below = path.strip_prefix(root).unwrap().to_owned();
            if KEPT.iter().any(|kept| below == Path::new(kept)) {
                continue;
            }
            let meta = std::fs::symlink_metadata(&path).unwrap();
            let mut facts = format!("{:o} {} {}", meta.permissions().mode(), meta.uid(), meta.gid());
            if meta.is_dir() {
                dirs.push(path);
            } else if meta.is_symlink() {
                facts += &format!(" {}", std::fs::read_link(&path).unwrap().display());
            } else if meta.is_file() && below.starts_with("etc") {
                facts += &format!(" {}", String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
            } else {
                facts += &format!(" {} {}", meta.len(), meta.mtime());
            }
            found.insert(below, facts);
        }
    }
    found
}

/// Waits until something is so.
#[track_caller]
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let (began, never) = (Instant::now(), Stop::new().unwrap());
    while !is() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        let _ = never.wait(Duration::from_millis(100));
    }
}

const FIX: &str = "piprov doctor --fix --interface eth1 --nat";

/// What holds for each manager.
fn fixed_and_taken_back(way: &Way) {
    let host = Host::new(way);
    assert!(!host.addresses("eth1").contains("10.20.50.1"), "{}", way.package);
    assert_eq!(host.board_reaches_the_house(), None);

    // Shown first; nothing is done by that, nor without a yes.
    let shown = host.run(&format!("{FIX} -n"));
    assert!(shown.contains("\nnew /etc/piprov/nat.nft\n") && shown.contains("masquerade"), "{shown}");
    let asked = host.try_run(FIX);
    assert_eq!(asked.status.code(), Some(2), "{}", String::from_utf8_lossy(&asked.stderr));
    assert_eq!(host.changes(), Vec::<PathBuf>::new());

    let said = host.run(&format!("{FIX} --yes"));
    assert!(said.contains("done: eth1 has 10.20.50.1/24, read back from the kernel"), "{said}");
    // What it does and waits for is shown while it does.
    assert!(said.contains("\nrunning ") && said.contains("\nwaiting until eth1 has 10.20.50.1/24"), "{said}");
    assert!(host.addresses("eth1").contains("10.20.50.1/24"), "{}", host.addresses("eth1"));
    assert!(host.addresses("eth0").contains(&OURS.to_string()), "{}", host.addresses("eth0"));
    // The house sees this host, and not the board.
    until("the board reaches the house", || host.board_reaches_the_house() == Some(OURS));
    let again = host.run(&format!("{FIX} --yes"));
    assert!(again.contains("nothing to do") && !again.contains("done:"), "{again}");
    let doctor = host.run("piprov doctor --network --interface eth1");
    assert!(doctor.contains("eth1 has 10.20.50.1/24, as piprov has changed it"), "{doctor}");
    let other = host.try_run("piprov doctor --fix --interface eth1 --address 10.20.60.1/24 --yes");
    assert_eq!(other.status.code(), Some(2), "{}", String::from_utf8_lossy(&other.stderr));

    let changed = host.changes();
    assert!(changed.iter().all(|path| path.starts_with("etc")) && changed.len() > 4, "{changed:?}");
    if let Some(tool) = way.tool {
        let real = host.run(&format!("command -v {tool}"));
        let real = real.trim();
        // It can't be told: what is left is said, and the record of it stays.
        host.run(&format!(
            "mv {real} /tmp/tool; printf '#!/bin/sh\\necho no such luck; exit 3\\n' >{real}; chmod 755 {real}"
        ));
        let failed = host.try_run("piprov doctor --undo --yes");
        let said = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert_eq!(failed.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("`{tool} ")) && said.contains("no such luck"), "{said}");
        assert!(!said.contains("taken back"), "{said}");
        host.run(&format!("test -e /etc/piprov/host-network.json; mv /tmp/tool {real}"));
    }
    let said = host.run("piprov doctor --undo --yes");
    assert!(said.contains("taken back"), "{said}");
    assert_eq!(host.changes(), Vec::<PathBuf>::new(), "each file is as it was before");
    assert!(!host.addresses("eth1").contains("10.20.50.1"), "{}", host.addresses("eth1"));
    assert_eq!(host.run("cat /proc/sys/net/ipv4/ip_forward").trim(), "0");
    assert!(!host.try_run("nft list table inet piprov_nat").status.success());
    assert!(host.run("piprov doctor --undo --yes").contains("nothing to take back"));
}

#[test]
fn network_manager_gives_the_address_and_takes_it_back() {
    let start = format!(
        "{BUS} NetworkManager --log-level=ERR; \
         until nmcli general status >/dev/null 2>&1; do sleep 0.1; done;"
    );
    fixed_and_taken_back(&Way {
        package: "network-manager",
        tool: Some("nmcli"),
        start: Box::leak(start.into_boxed_str()),
        before: &[],
    });
}

#[test]
fn networkd_gives_the_address_and_takes_it_back() {
    let start = format!(
        "{BUS} mkdir -p /run/systemd/netif; chown systemd-network: /run/systemd/netif; \
         /lib/systemd/systemd-networkd 2>/dev/null & until networkctl >/dev/null 2>&1; do sleep 0.1; done;"
    );
    fixed_and_taken_back(&Way {
        package: "",
        tool: Some("networkctl"),
        start: Box::leak(start.into_boxed_str()),
        before: &[("etc/systemd/network/50-lan.network", "[Match]\nName=eth1\n[Network]\nDHCP=yes\n")],
    });
}

#[test]
fn dhcpcd_gives_the_address_and_takes_it_back() {
    // It asks on the boards' side, and gets none.
    fixed_and_taken_back(&Way {
        package: "dhcpcd",
        tool: Some("dhcpcd"),
        start: "echo 'denyinterfaces eth0' >>/etc/dhcpcd.conf; dhcpcd --nodev -b >/dev/null 2>&1;",
        before: &[],
    });
}

#[test]
fn ifupdown_gives_the_address_and_takes_it_back() {
    fixed_and_taken_back(&Way {
        package: "ifupdown",
        tool: None,
        start: "true;",
        before: &[(
            "etc/network/interfaces.d/lan",
            "# The boards.\nallow-hotplug eth1\niface eth1 inet manual\n    up ip link set eth1 up\n",
        )],
    });
}

#[test]
fn what_others_changed_or_linked_stays_as_it_is() {
    let host = Host::new(&Way { package: "ifupdown", tool: None, start: "true;", before: &[] });
    let fix = "piprov doctor --fix --interface eth1 --yes";
    let refused = |script: &str, code: i32, words: &str| {
        let output = host.try_run(script);
        let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        assert!(output.status.code() == Some(code) && said.contains(words), "{script}: {said}");
    };
    // Somebody else's file, with our words in it, in the place of ours.
    host.run("echo '# Made by piprov' >/etc/network/interfaces.d/piprov; chown 1000 /etc/network/interfaces.d/piprov");
    refused(fix, 78, "/etc/network/interfaces.d/piprov is there, and isn't what piprov has written");
    // A link to what nobody may write.
    host.run("rm /etc/network/interfaces.d/piprov; ln -s ../../passwd /etc/network/interfaces.d/piprov");
    refused(fix, 78, "/etc/network/interfaces.d/piprov is no plain text file, or a link leads there");
    host.run("rm /etc/network/interfaces.d/piprov; mv /etc/network/interfaces.d /tmp/d; ln -s /tmp/d /etc/network/interfaces.d");
    refused(fix, 78, "/etc/network/interfaces.d is no plain text file, or a link leads there");
    host.run("rm /etc/network/interfaces.d; mv /tmp/d /etc/network/interfaces.d");
    for name in ["eth1;reboot", "../eth1", "eth*", "-eth1", "$(reboot)", "eth1\nauto x"] {
        refused(&format!("piprov doctor --fix --yes --interface='{name}'"), 2, "the name of an interface is");
    }
    // The interface that leads to everybody else, unless it is meant.
    refused(
        "piprov doctor --fix --yes --interface eth0 --address 10.20.50.1/24",
        2,
        "this host's way to everybody else",
    );
    assert_eq!(host.changes(), Vec::<PathBuf>::new());

    host.run(fix);
    // What was made is somebody's now: named, and left.
    host.run("echo '# mine' >>/etc/network/interfaces.d/piprov");
    refused(
        "piprov doctor --undo --yes",
        78,
        "/etc/network/interfaces.d/piprov was changed by somebody since",
    );
    assert!(host.addresses("eth1").contains("10.20.50.1/24"), "nothing was done");
    // Nothing is shown as removed either, and a dry run says the same.
    for more in ["--yes", "--dry-run", "--yes --json"] {
        let output = host.try_run(&format!("piprov doctor --undo {more}"));
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        let is_error = |line: &str| line.contains(r#""event":"error""#);
        assert!(output.status.code() == Some(78) && shown.lines().all(is_error), "{more}: {shown}");
    }
    host.run("sed -i '$d' /etc/network/interfaces.d/piprov");
    // A record that others may have written is not believed.
    host.run("chown 1000 /etc/piprov/host-network.json");
    refused("piprov doctor --undo --yes", 78, "others may have written it");
    host.run("chown 0 /etc/piprov/host-network.json; cp -a /etc/piprov/host-network.json /tmp/r");
    host.run("sed -i 's,etc/network/interfaces.d/piprov,etc/shadow,' /etc/piprov/host-network.json");
    refused("piprov doctor --undo --yes", 78, "it names etc/shadow, which piprov doesn't change");
    host.run("cp -a /tmp/r /etc/piprov/host-network.json; piprov doctor --undo --yes");
    assert_eq!(host.changes(), Vec::<PathBuf>::new());
}

#[test]
fn a_manager_that_isnt_this_hosts_or_is_off_gets_no_settings() {
    let host = Host::new(&Way { package: "ifupdown", tool: None, start: "true;", before: &[] });
    let planned = |root: &str| {
        let said = host.run(&format!("piprov doctor --fix --interface eth1 -n --json {root}"));
        let line = said.lines().find(|line| line.contains("\"host-network\"")).unwrap();
        serde_json::from_str::<serde_json::Value>(line).unwrap()["manager"].as_str().unwrap().to_owned()
    };
    // As if systemd ran it: then a script counts only where there is no unit.
    host.run("mkdir -p /run/systemd/system; test -e /etc/rcS.d/S*networking");
    // A dhcpcd in a network of its own, as a container has one; its program is here too.
    host.run(
        "cp /bin/sleep /usr/sbin/dhcpcd; unshare --net /usr/sbin/dhcpcd 1000 >/dev/null 2>&1 & sleep 0.3",
    );
    assert_eq!(host.run("cat /proc/[0-9]*/comm").lines().filter(|name| *name == "dhcpcd").count(), 1);
    host.run(
        "mv /etc/systemd/system/multi-user.target.wants/networking.service /tmp/1; \
              mv /etc/systemd/system/network-online.target.wants/networking.service /tmp/2",
    );
    let off = host.try_run("piprov doctor --fix --interface eth1 -n");
    let said = String::from_utf8_lossy(&off.stderr).into_owned();
    assert!(off.status.code() == Some(69) && said.contains("nobody known here gives eth1"), "{said}");
    host.run(
        "mv /tmp/1 /etc/systemd/system/multi-user.target.wants/networking.service; \
              mv /tmp/2 /etc/systemd/system/network-online.target.wants/networking.service",
    );
    assert_eq!(planned(""), "ifupdown");
    // One of this host's own is seen, and comes after who is switched on.
    host.run("/usr/sbin/dhcpcd 1000 >/dev/null 2>&1 & sleep 0.3");
    assert_eq!(planned(""), "ifupdown");
    host.run("mv /sbin/ifup /tmp/ifup");
    assert_eq!(planned(""), "dhcpcd");
    host.run("mv /tmp/ifup /sbin/ifup; ln -s /dev/null /etc/systemd/system/networking.service; \
              printf 'auto eth1\\niface eth1 inet dhcp\\n' >/etc/network/interfaces.d/lan; rm /usr/sbin/dhcpcd");
    let masked = host.try_run("piprov doctor --fix --interface eth1 -n");
    let said = String::from_utf8_lossy(&masked.stderr).into_owned();
    let words = "/etc/network/interfaces.d/lan names it, and the service networking, which brings up what stands there, is masked";
    let folded = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(masked.status.code() == Some(69) && folded.contains(words), "{said}");
    assert!(folded.contains("systemctl unmask networking"), "{said}");
    host.run("rm -r /etc/systemd/system/networking.service /etc/network/interfaces.d/lan /run/systemd");
    assert_eq!(host.changes(), Vec::<PathBuf>::new());

    // What ends the interface can't run: nothing is taken back, and the record stays.
    host.run("piprov doctor --fix --interface eth1 --yes; mv /sbin/ifdown /tmp/ifdown");
    let failed = host.try_run("piprov doctor --undo --yes");
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(
        said.contains("nothing was taken back: `ifdown --force eth1` failed: there is no ifdown"),
        "{said}"
    );
    assert!(host.addresses("eth1").contains("10.20.50.1/24"));
    host.run("test -e /etc/piprov/host-network.json; test -e /etc/network/interfaces.d/piprov");
    host.run("mv /tmp/ifdown /sbin/ifdown; piprov doctor --undo --yes");
    assert_eq!(host.changes(), Vec::<PathBuf>::new());
}

#[test]
fn the_root_of_another_host_is_checked_and_named_in_each_hint() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("new root");
    let put = |path: &str, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put("usr/lib/systemd/systemd", "");
    put("usr/lib/systemd/systemd-networkd", "");
    put("usr/lib/systemd/system/systemd-networkd.service", "[Unit]\n");
    let lan = "[Match]\nName=eth0\n[Network]\nAddress=192.0.2.9/24\nGateway=192.0.2.1\n";
    put("etc/systemd/network/10-lan.network", lan);
    let said = |words: &[&str], code: i32| {
        let output =
            crate::common::piprov().args(["doctor", "--root"]).arg(&root).args(words).output().unwrap();
        let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let shown = root.display().to_string();
    let off = said(&["--fix", "--yes", "--interface", "eth1"], 69);
    assert!(off.contains(&format!("sudo systemctl --root '{shown}' enable systemd-networkd")), "{off}");
    put("etc/systemd/system/multi-user.target.wants/systemd-networkd.service", "[Unit]\n");
    let lo = said(&["--fix", "--yes", "--interface", "lo"], 2);
    assert!(lo.contains("lo is no Ethernet"), "{lo}");
    let way = said(&["--fix", "--yes", "--interface", "eth0"], 2);
    assert!(way.contains("eth0 is that system's way to everybody else, as"), "{way}");
    let nft = said(&["--fix", "--yes", "--interface", "eth1", "--nat"], 69);
    assert!(nft.contains(&format!("sudo chroot '{shown}' apt-get install nftables")), "{nft}");
    put("usr/sbin/nft", "");
    let nowhere = said(&["--fix", "--yes", "--interface", "eth1", "--nat", "lo"], 2);
    assert!(nowhere.contains("lo leads nowhere"), "{nowhere}");
    let before = files(&root);
    let made = said(&["--fix", "--yes", "--interface", "eth1", "--nat"], 0);
    for words in [
        format!("new {shown}/etc/systemd/network/00-00-piprov.network"),
        "oifname \"eth0\" accept".to_owned(),
        "which interfaces the system in".to_owned(),
        format!("`sudo piprov doctor --undo --root '{shown}'` takes it back"),
    ] {
        assert!(made.contains(&words), "{words}: {made}");
    }
    let stands = said(&["--fix", "--yes", "--interface", "eth2"], 2);
    assert!(stands.contains(&format!("`sudo piprov doctor --undo --root '{shown}'`")), "{stands}");
    said(&["--undo", "--yes"], 0);
    assert_eq!(files(&root), before);
    let nothing = said(&["--undo", "--yes"], 0);
    assert!(nothing.contains(&format!("nothing of the network was changed in {shown}")), "{nothing}");
}

#[test]
fn the_address_and_the_way_out_come_back_with_a_real_start() {
    let mut host = Host::new(&Way { package: "", tool: None, start: "true;", before: &[] });
    host.boot();
    let said = host.run(&format!("{FIX} --yes"));
    assert!(said.contains("\nrun systemctl restart piprov-nat.service\n"), "{said}");
    assert!(said.contains("done: eth1 has 10.20.50.1/24, read back from the kernel"), "{said}");
    until("the board reaches the house", || host.board_reaches_the_house() == Some(OURS));
    let has_rules = |host: &Host| host.try_run("nft list table inet piprov_nat").status.success();
    // Somebody took the rules away: they come back with their unit, and with that of nftables.
    host.run("nft flush ruleset; systemctl restart piprov-nat.service");
    assert!(has_rules(&host));
    host.run("systemctl restart nftables.service");
    until("the rules", || has_rules(&host));
    assert_eq!(host.board_reaches_the_house(), Some(OURS));
    host.run("nft flush ruleset");

    host.boot();
    until("the address", || host.addresses("eth1").contains("10.20.50.1/24"));
    until("the board reaches the house", || host.board_reaches_the_house() == Some(OURS));
    let doctor = host.run("piprov doctor --network --interface eth1");
    assert!(doctor.contains("eth1 has 10.20.50.1/24, as piprov has changed it"), "{doctor}");
    assert!(host.run("piprov doctor --undo --yes").contains("taken back"));
    assert!(!host.try_run("nft list table inet piprov_nat").status.success());
    host.boot();
    assert_eq!(host.board_reaches_the_house(), None);
    assert!(!host.addresses("eth1").contains("10.20.50.1"));
}
