//! Where it is measured: two network namespaces joined by a veth pair, and a control group for the server.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// Address of the server's end.
pub(crate) const SERVER: &str = "10.99.7.1";
/// Addresses of the clients' end: boards have an address each, and a server may give an address only its share.
const CLIENTS: std::ops::RangeInclusive<u8> = 2..=33;

/// One of the clients' addresses.
#[allow(dead_code, reason = "each benchmark uses a part of this")]
pub(crate) fn client(n: usize) -> std::net::Ipv4Addr {
    let count = CLIENTS.len();
    std::net::Ipv4Addr::new(10, 99, 7, *CLIENTS.start() + (n % count) as u8)
}

/// Two namespaces; they go away with this.
pub(crate) struct Net {
    pub(crate) server: String,
    pub(crate) client: String,
}

impl Net {
    pub(crate) fn new() -> Self {
        let id = std::process::id();
        let net = Self { server: format!("tf-s-{id}"), client: format!("tf-c-{id}") };
        let (s, c) = (&net.server, &net.client);
        ip(&["netns", "add", s]);
        ip(&["netns", "add", c]);
        ip(&["-n", s, "link", "add", "tf0", "type", "veth", "peer", "name", "tf0", "netns", c]);
        ip(&["-n", s, "addr", "add", &format!("{SERVER}/22"), "dev", "tf0"]);
        for n in 0..CLIENTS.len() {
            ip(&["-n", c, "addr", "add", &format!("{}/22", client(n)), "dev", "tf0"]);
        }
        for space in [s, c] {
            ip(&["-n", space, "link", "set", "tf0", "up"]);
            ip(&["-n", space, "link", "set", "lo", "up"]);
        }
        net
    }

    /// A command in one of the namespaces. It goes before other work of the machine, so that what is compared
    /// are the servers and not the moments at which something else was busy.
    pub(crate) fn command(space: &str, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", space, "nice", "-n", "-20"]).arg(program);
        command
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for space in [&self.server, &self.client] {
            let _ = Command::new("ip").args(["netns", "del", space]).status();
        }
    }
}

fn ip(args: &[&str]) {
    let output = Command::new("ip").args(args).output();
    let output = output.expect("ip is missing: sudo apt-get install --yes iproute2");
    assert!(output.status.success(), "ip {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
}

/// Puts a process before the other work of the machine also where the kernel weighs whole sessions against each
/// other (CONFIG_SCHED_AUTOGROUP): there niceness alone counts within the session only.
pub(crate) fn go_first(pid: u32) {
    // A kernel without it has nothing to be told.
    let _ = std::fs::write(format!("/proc/{pid}/autogroup"), "-20");
}

/// A control group (version 2): counts the processor time of a server with all its children, also those
/// that nobody waited for.
pub(crate) struct Group(PathBuf);

impl Group {
    pub(crate) fn new() -> Self {
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
        let mount = mounts
            .lines()
            .filter_map(|line| {
                let mut words = line.split(' ').skip(1);
                let (place, kind) = (words.next()?, words.next()?);
                (kind == "cgroup2").then(|| place.to_owned())
            })
            .next()
            .expect("no cgroup2 is mounted: sudo mount -t cgroup2 none /mnt");
        let path = Path::new(&mount).join(format!("piprov-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Puts a process into the group. Children that it makes later are in it too.
    pub(crate) fn add(&self, child: &Child) {
        std::fs::write(self.0.join("cgroup.procs"), child.id().to_string()).unwrap();
    }

    /// Seconds of processor time used so far.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(self.0.join("cpu.stat")).unwrap();
        let used = stat.lines().find_map(|line| line.strip_prefix("usage_usec ")).unwrap();
        used.trim().parse::<f64>().unwrap() / 1e6
    }

    pub(crate) fn processes(&self) -> Vec<u32> {
        let text = std::fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// MiB of memory: of a single process the most that it ever had, of several what all have now, with
    /// shared pages counted once.
    pub(crate) fn memory(&self) -> f64 {
        let read = |pid: &u32, file: &str, name: &str| -> Option<f64> {
            let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches(" kB").trim().parse().ok()
        };
        let kib = match &self.processes()[..] {
            [one] => read(one, "status", "VmHWM:").unwrap_or(0.0),
            many => many.iter().filter_map(|pid| read(pid, "smaps_rollup", "Pss:")).sum(),
        };
        kib / 1024.0
    }

    /// Ends what is still in it.
    pub(crate) fn end(&self) {
        for pid in self.processes() {
            if let Some(pid) = rustix::process::Pid::from_raw(pid as i32) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
        let stop = piprov::stop::Stop::new().unwrap();
        for _ in 0..100 {
            if std::fs::remove_dir(&self.0).is_ok() {
                break;
            }
            let _ = stop.wait(std::time::Duration::from_millis(20));
        }
    }
}
