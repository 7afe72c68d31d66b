//! What this host needs to boot and to flash boards: looked at, and told with what helps. Everything is read; nothing is
//! opened for writing, bound or changed.

mod database;
mod flash;
mod network;
#[cfg(feature = "usb")]
mod payload;
#[cfg_attr(not(feature = "usb"), path = "no_usb.rs")]
mod usb;

use std::path::PathBuf;

use crate::config::Settings;
use crate::error::Finding;
use crate::stop::Stop;

pub use database::check as targets;
pub use network::about as host_network;

/// A capability that lets an ordinary user bind to low ports: CAP_NET_BIND_SERVICE (linux/capability.h).
const BIND_LOW: u32 = 10;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// What USB boot needs.
    pub usb: bool,
    /// What flashing over the network needs.
    pub flash: bool,
    /// The interface that the boards are behind.
    pub network: bool,
}

/// Where a host's facts are.
#[derive(Debug)]
pub struct Host {
    /// `/`, but for tests.
    root: PathBuf,
    uid: u32,
}

impl Host {
    /// This one.
    #[must_use]
    pub fn this() -> Self {
        Self { root: PathBuf::from("/"), uid: rustix::process::geteuid().as_raw() }
    }

    fn text(&self, path: &str) -> Option<String> {
        Some(std::fs::read_to_string(self.root.join(path)).ok()?.trim_end().to_owned())
    }

    fn may_bind(&self, port: u16) -> bool {
        if self.uid == 0 {
            return true;
        }
        let first = self.text("proc/sys/net/ipv4/ip_unprivileged_port_start");
        if first.and_then(|first| first.parse().ok()).unwrap_or(1024) <= port {
            return true;
        }
        let status = self.text("proc/self/status").unwrap_or_default();
        let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0) >> BIND_LOW & 1 == 1
    }
}

fn about(host: &Host) -> Finding {
    let kernel = host.text("proc/sys/kernel/osrelease").unwrap_or_else(|| "of an unknown version".to_owned());
    let user = if host.uid == 0 { "root".to_owned() } else { format!("user {}", host.uid) };
    Finding::good("host", format!("Linux {kernel}, {}, {user}", std::env::consts::ARCH))
}

/// Looks at a host; the first finding says which one it is. A targets database that is a pipe is waited for, until
/// `stop` is set.
#[must_use]
pub fn look(host: &Host, settings: &Settings, scope: Scope, stop: &Stop) -> Vec<Finding> {
    let mut findings = vec![about(host)];
    if scope.usb {
        findings.extend(usb::look(host, settings));
    }
    if scope.flash {
        findings.extend(flash::flash(host, settings, stop));
    }
    if scope.network {
        findings.extend(network::network(host, settings, stop));
    }
    findings
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests {
    use super::testing::Machine;

    #[test]
    fn low_ports_need_a_privilege() {
        let machine = Machine::new();
        assert!(machine.host(0).may_bind(69));
        assert!(!machine.host(1000).may_bind(69));
        assert!(machine.host(1000).may_bind(6969));
        machine.put("proc/self/status", "Name:\tx\nCapEff:\t0000000000000400\n");
        assert!(machine.host(1000).may_bind(69));
        machine.put("proc/self/status", "CapEff:\t0\n");
        machine.put("proc/sys/net/ipv4/ip_unprivileged_port_start", "69\n");
        assert!(machine.host(1000).may_bind(69));
    }
}
