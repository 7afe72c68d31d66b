//! Which programs run for this host. Those of a container, or of another network, are seen in `/proc` too, and give this
//! host's interfaces nothing.

use std::collections::BTreeSet;
use std::path::Path;

use rustix::fs::AtFlags;

use crate::beneath::{Dir, Links, read_bounded};

/// Processes that are looked at.
const MOST: usize = 100_000;
/// What `/proc` tells of one in a file has so many bytes at most.
const LONGEST: u64 = 16 << 10;

/// What tells whose a process is. Other users may not see the first two of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Of {
    /// Its network namespace.
    net: Option<String>,
    /// Its root directory, by device and number. Not its mount namespace: systemd gives services one of their own whose root
    /// is the host's, NetworkManager and systemd-networkd among them.
    root: Option<(u64, u64)>,
    /// In how many namespaces of processes it has a number, from here on: more than its neighbours where it is in a container.
    depth: Option<usize>,
}

impl Of {
    fn read(dir: &Dir) -> Self {
        let net = dir.dir("ns").and_then(|ns| ns.target("net")).ok();
        let root = rustix::fs::statat(dir, "root", AtFlags::empty()).ok();
        let status = dir.file("status").and_then(|file| read_bounded(&file, LONGEST));
        Self {
            net: net.and_then(|net| net.into_string().ok()),
            root: root.map(|stat| (stat.st_dev, stat.st_ino)),
            depth: depth(&String::from_utf8_lossy(&status.unwrap_or_default())),
        }
    }

    /// Whether a process is for the same host as this one.
    fn is_with(&self, own: &Self) -> bool {
        let same = |one: Option<bool>| one.unwrap_or(self.depth == own.depth);
        let net = self.net.as_ref().zip(own.net.as_ref()).map(|(one, own)| one == own);
        let root = self.root.zip(own.root).map(|(one, own)| one == own);
        same(net) && same(root)
    }
}

/// How many numbers a process has (proc_pid_status(5), `NSpid`).
fn depth(status: &str) -> Option<usize> {
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    Some(numbers.split_whitespace().count())
}

/// The names of the processes that run for this host.
pub(super) fn running(root: &Dir, names: &[&str]) -> BTreeSet<String> {
    let Ok(proc) = root.dir("proc") else { return BTreeSet::new() };
    let own = proc.dir_by("thread-self", Links::AsRoot).map(|dir| Of::read(&dir)).unwrap_or_default();
    let numbers = proc.names().unwrap_or_default();
    let numbers = numbers.iter().take(MOST).filter_map(|name| name.to_str());
    numbers
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(|number| {
            let dir = proc.dir(Path::new(number)).ok()?;
            let bytes = read_bounded(&dir.file("comm").ok()?, 64).ok()?;
            let name = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            // A process may have no name.
            (!name.is_empty() && names.contains(&name.as_str()) && Of::read(&dir).is_with(&own))
                .then_some(name)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_a_container_or_of_another_network_isnt_this_hosts() {
        let of = |net: Option<&str>, root: Option<u64>, depth| Of {
            net: net.map(str::to_owned),
            root: root.map(|number| (1, number)),
            depth: Some(depth),
        };
        let own = of(Some("net:[4026531840]"), Some(2), 1);
        let other = "net:[4026532501]";
        for (one, is) in [
            (own.clone(), true),
            // A container that has this host's network, with a root of its own.
            (of(Some("net:[4026531840]"), Some(7), 2), false),
            (of(Some(other), Some(7), 2), false),
            (of(Some(other), Some(2), 1), false),
            // One in a namespace of processes of its own, with all else of this host.
            (of(Some("net:[4026531840]"), Some(2), 2), true),
            // Other users' processes tell only what all may know.
            (of(None, None, 1), true),
            (of(None, None, 2), false),
            (of(Some("net:[4026531840]"), None, 2), false),
        ] {
            assert_eq!(one.is_with(&own), is, "{one:?}");
        }
        assert_eq!(depth("Name:\tx\nNSpid:\t71\t4\nNSpgid:\t71\n"), Some(2));
        assert_eq!(depth("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_is_this_hosts() {
        let name = std::fs::read_to_string("/proc/self/comm").unwrap();
        let name = name.trim_end();
        let root = Dir::open(Path::new("/")).unwrap();
        assert_eq!(running(&root, &[name]), BTreeSet::from([name.to_owned()]));
        assert!(running(&root, &["no such name"]).is_empty());
    }
}
