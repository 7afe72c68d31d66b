//! Where programs may bind port 69. U-Boot's TFTP port can't be changed, so a test that isn't run by root gets
//! a network of its own, in which its user is root.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

/// A process in the other network; it ends with its standard input, which ends with the tests.
static OTHER: OnceLock<Option<Child>> = OnceLock::new();

/// Whether this process may bind port 69 as it is.
fn privileged() -> bool {
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    rustix::process::geteuid().is_root() || first.trim().parse::<u32>().is_ok_and(|port| port <= 69)
}

fn other() -> Option<&'static Child> {
    OTHER
        .get_or_init(|| {
            if privileged() {
                return None;
            }
            let mut child = Command::new("unshare")
                .args(["-rn", "sh", "-c", "ip link set lo up && echo ready && exec cat"])
                .env("PATH", super::path())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("unshare is missing: apt-get install util-linux iproute2");
            let mut line = String::new();
            let mut out = BufReader::new(child.stdout.take().unwrap());
            out.read_line(&mut line).unwrap();
            assert_eq!(
                line.trim(),
                "ready",
                "port 69 needs root, or user namespaces for everybody (`unshare -rn true` must work)"
            );
            Some(child)
        })
        .as_ref()
}

/// A command that may bind port 69; everything that has to talk to it must be made by this as well, or be
/// started by it.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = match other() {
        None => Command::new(program),
        Some(child) => {
            let mut command = Command::new("nsenter");
            command.args(["-t", &child.id().to_string(), "-U", "-n", "--preserve-credentials", "--"]);
            command.arg(program);
            command
        }
    };
    command.env("PATH", super::path());
    command
}

/// A loopback address of the test's own: tests run at once, and so do checkouts.
pub(crate) fn address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let process = std::process::id();
    let high = 1 + (process >> 8) % 250;
    Ipv4Addr::new(127, high as u8, process as u8, NEXT.fetch_add(1, Ordering::Relaxed))
}
