//! What is seen of a host: its files by descriptors that don't leave its root, its interfaces by the kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use rustix::fs::{Access, FileType, StatVfsMountFlags};

use super::plan::seen::{Address, Found, Lack, Manager, Seen, Systemd};
use super::plan::{LINK, paths};
use super::units::{Started, Switch, is_null};
use super::{Error, Site, processes};
use crate::beneath::{Dir, Links, read_bounded};
use crate::wire::interfaces;

/// A settings file has so many bytes at most.
pub(super) const LONGEST: u64 = 256 << 10;
/// And a directory so many of them.
const MOST: usize = 1000;
/// The capability to change the network (linux/capability.h).
const NET_ADMIN: u32 = 12;

/// Files that are read where they are there.
const FILES: [&str; 3] =
    ["etc/NetworkManager/NetworkManager.conf", "etc/dhcpcd.conf", "etc/network/interfaces"];

/// Directories of which all files are read.
const DIRS: [&str; 11] = [
    "etc/NetworkManager/conf.d",
    "run/NetworkManager/conf.d",
    "usr/lib/NetworkManager/conf.d",
    "etc/NetworkManager/system-connections",
    "run/NetworkManager/system-connections",
    "etc/netplan",
    "etc/network/interfaces.d",
    "etc/systemd/network",
    "run/systemd/network",
    "usr/lib/systemd/network",
    "usr/local/lib/systemd/network",
];

/// What a manager's program, its units and its process are called.
struct Names {
    manager: Option<Manager>,
    programs: &'static [&'static str],
    units: &'static [&'static str],
    /// As `/proc/PID/comm` has it: 15 bytes of it.
    process: &'static str,
}

const NAMES: [Names; 5] = [
    Names {
        manager: Some(Manager::NetworkManager),
        programs: &["usr/sbin/NetworkManager", "usr/bin/NetworkManager"],
        units: &["NetworkManager.service"],
        process: "NetworkManager",
    },
    Names {
        manager: Some(Manager::Networkd),
        programs: &["usr/lib/systemd/systemd-networkd", "lib/systemd/systemd-networkd"],
        units: &["systemd-networkd.service"],
        process: "systemd-network",
    },
    Names {
        manager: Some(Manager::Dhcpcd),
        programs: &["usr/sbin/dhcpcd", "sbin/dhcpcd", "usr/bin/dhcpcd"],
        units: &["dhcpcd.service", "dhcpcd5.service", "dhcpcd"],
        process: "dhcpcd",
    },
    Names {
        manager: Some(Manager::Ifupdown),
        programs: &["usr/sbin/ifup", "sbin/ifup"],
        units: &["networking.service", "networking"],
        // It is none.
        process: "",
    },
    Names {
        manager: None,
        programs: &["usr/sbin/connmand", "usr/bin/connmand"],
        units: &["connman.service", "connman"],
        process: "connmand",
    },
];

/// Where netplan's program or its generator is.
const NETPLAN: [&str; 5] = [
    "usr/sbin/netplan",
    "usr/bin/netplan",
    "usr/libexec/netplan/generate",
    "usr/lib/systemd/system-generators/netplan",
    "lib/systemd/system-generators/netplan",
];

impl Site {
    /// Looks at the host.
    ///
    /// # Errors
    /// Where the kernel doesn't tell its interfaces.
    pub fn look(&self) -> Result<Seen, Error> {
        let mut seen = self.look_at_files();
        if seen.live {
            live(self.root(), &mut seen)?;
        }
        Ok(seen)
    }

    /// Looks at what stands in files, and at what runs: for a process that may not ask the kernel for its interfaces.
    #[must_use]
    pub fn look_at_files(&self) -> Seen {
        let root = self.root();
        let live = self.is_live();
        let elsewhere = (!live).then(|| root.path().display().to_string());
        let mut seen = Seen { live, root: elsewhere, ..Seen::default() };
        files(root, &mut seen);
        let systemd = ["usr/lib/systemd/systemd", "lib/systemd/systemd"].iter().any(|path| has(root, path));
        seen.systemd = match systemd {
            // sd_booted(3)
            true if seen.live && has(root, "run/systemd/system") => Systemd::Running,
            true => Systemd::Installed,
            false => Systemd::Absent,
        };
        managers(root, &mut seen);
        seen.netplan = NETPLAN.iter().any(|path| has(root, path));
        let nft = ["usr/sbin/nft", "sbin/nft", "usr/bin/nft"].into_iter().find(|path| has(root, path));
        seen.nft = nft.map(|path| format!("/{path}"));
        seen
    }
}

/// Which managers are there, how they are switched, and who runs. One whose program isn't there does nothing, whatever of it
/// is left.
fn managers(root: &Dir, seen: &mut Seen) {
    let started = Started::look(root, seen.systemd, seen.live);
    let processes = match seen.live {
        true => processes::running(root, &NAMES.each_ref().map(|names| names.process)),
        false => BTreeSet::new(),
    };
    for names in NAMES.iter().filter(|names| names.programs.iter().any(|path| has(root, path))) {
        let switch = started.switch(names.units);
        let runs = processes.contains(names.process);
        let Some(manager) = names.manager else {
            seen.connman = switch == Switch::On || runs;
            continue;
        };
        seen.installed.insert(manager);
        match switch {
            Switch::On => drop(seen.enabled.insert(manager)),
            Switch::Masked => drop(seen.masked.insert(manager)),
            Switch::Off => {}
        }
        if runs {
            seen.running.insert(manager);
        }
    }
}

/// What only a host that runs has.
fn live(root: &Dir, seen: &mut Seen) -> Result<(), Error> {
    seen.container = container(root);
    if !rustix::process::geteuid().is_root() {
        seen.lacks.push(Lack::Root);
    } else if let Some(status) = text(root, "proc/self/status")
        && let Some(set) = status.lines().find_map(|line| line.strip_prefix("CapEff:"))
        && u64::from_str_radix(set.trim(), 16).unwrap_or(0) >> NET_ADMIN & 1 == 0
    {
        seen.lacks.push(Lack::NetAdmin);
    }
    let forward = "proc/sys/net/ipv4/ip_forward";
    seen.forwards = text(root, forward).map(|text| text.trim() != "0");
    seen.may_forward = rustix::fs::access(root.at(forward), Access::WRITE_OK).is_ok();
    let failed = Error::os("listing", "the interfaces");
    let (all, fixed) = match (interfaces::list(), interfaces::fixed()) {
        (Ok(all), Ok(fixed)) => (all, fixed),
        (Err(error), _) | (_, Err(error)) => return Err(failed(error)),
    };
    let ways = ways_out(&text(root, "proc/net/route").unwrap_or_default());
    seen.interfaces = all
        .into_iter()
        .map(|one| Found {
            ethernet: one.mac.is_some(),
            mac: one.mac.map(|mac| mac.to_string()),
            carrier: one.has_carrier,
            addresses: one
                .addresses
                .iter()
                .map(|&(ip, prefix)| Address { ip, prefix, fixed: fixed.contains(&(one.index, ip)) })
                .collect(),
            default_route: ways.contains(&one.name),
            name: one.name,
        })
        .collect();
    Ok(())
}

/// The interfaces with a route to everybody: name, destination and mask are the columns 0, 1 and 7 (proc(5)).
fn ways_out(table: &str) -> BTreeSet<String> {
    let of = |line: &str| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let all = columns.get(1) == Some(&"00000000") && columns.get(7) == Some(&"00000000");
        all.then(|| columns[0].to_owned())
    };
    table.lines().skip(1).filter_map(of).collect()
}

/// What kind of container this is (systemd's container interface; Docker's mark).
fn container(root: &Dir) -> Option<String> {
    let plain = |text: String| {
        let word: String = text.trim().chars().filter(char::is_ascii_alphanumeric).take(20).collect();
        (!word.is_empty()).then_some(word)
    };
    let told =
        ["run/systemd/container", "run/host/container-manager"].iter().find_map(|path| text(root, path));
    let by_first = || {
        let bytes = read(root, "proc/1/environ").ok()?;
        let value = bytes.split(|byte| *byte == 0).find_map(|one| one.strip_prefix(b"container="))?;
        Some(String::from_utf8_lossy(value).into_owned())
    };
    let docker = || has(root, ".dockerenv").then(|| "docker".to_owned());
    told.or_else(by_first).and_then(plain).or_else(docker)
}

/// Whether something is there; links are followed as the host would.
pub(super) fn has(root: &Dir, path: &str) -> bool {
    crate::beneath::open(root, path, crate::beneath::PLACE, rustix::fs::Mode::empty(), Links::AsRoot).is_ok()
}

fn read(root: &Dir, path: &str) -> io::Result<Vec<u8>> {
    // What /proc has lies behind a link of the process's own number.
    read_bounded(&root.file_by(path, Links::AsRoot)?, LONGEST)
}

fn text(root: &Dir, path: &str) -> Option<String> {
    String::from_utf8(read(root, path).ok()?).ok()
}

/// The settings of managers, and what stands where a plan may write.
fn files(root: &Dir, seen: &mut Seen) {
    let mut all: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for path in FILES {
        all.extend(read(root, path).ok().map(|bytes| (path.to_owned(), bytes)));
    }
    for dir in DIRS {
        let Ok(at) = root.dir_by(dir, Links::AsRoot) else { continue };
        for name in at.names().unwrap_or_default().iter().take(MOST).filter_map(|name| name.to_str()) {
            let path = format!("{dir}/{name}");
            // A link to a file of the host's own counts as what it leads to; what leads to nothing hides others of its name.
            let bytes = read(root, &path).ok().or_else(|| is_null(root, dir, name).then(Vec::new));
            all.extend(bytes.map(|bytes| (path, bytes)));
        }
    }
    let mut places: BTreeSet<String> = paths().map(str::to_owned).collect();
    places.insert(LINK.to_owned());
    places.extend(all.keys().filter(|path| path.starts_with("etc/network/")).cloned());
    for place in places {
        let ways =
            std::iter::successors(Some(place.as_str()), |path| path.rsplit_once('/').map(|(dir, _)| dir));
        for way in ways {
            look_at(root, way, way == place, seen, &mut all);
        }
    }
    seen.files = all;
}

/// Whether a place is what a plan takes it for: a directory, or a file in it.
fn look_at(root: &Dir, path: &str, is_last: bool, seen: &mut Seen, all: &mut BTreeMap<String, Vec<u8>>) {
    // What lies behind a link is looked at with the link.
    let Ok(Some(stat)) = root.stat(path) else { return };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory if !is_last => {
            let dir = root.dir(path).and_then(|dir| rustix::fs::fstatvfs(&dir));
            if dir.is_ok_and(|stat| stat.f_flag.contains(StatVfsMountFlags::RDONLY)) {
                seen.read_only.insert(path.to_owned());
            }
        }
        FileType::RegularFile if is_last => {
            // Hidden from this user, or far too long: it is there all the same.
            all.entry(path.to_owned()).or_insert_with(|| read(root, path).unwrap_or_else(|_| vec![0xff]));
        }
        _ => drop(seen.odd.insert(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_way_to_everybody_is_the_one_without_a_mask() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
            eth1\t0032140A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\nwg0\t00000000\t0\t1\t0\t0\t0\t00000080\t0\t0\t0\nx\n";
        assert_eq!(ways_out(table), BTreeSet::from(["eth0".to_owned()]));
        assert!(ways_out("").is_empty());
    }

    #[test]
    fn this_host_is_seen_and_a_link_in_the_way_is_named() {
        let site = Site::open(Path::new("/")).unwrap();
        assert!(site.look().unwrap().interfaces.iter().any(|one| one.name == "lo" && !one.ethernet));
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("etc/systemd")).unwrap();
        std::os::unix::fs::symlink("/tmp", dir.path().join("etc/systemd/network")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("etc/dhcpcd.conf")).unwrap();
        let seen = Site::open(dir.path()).unwrap().look().unwrap();
        assert_eq!(seen.odd.iter().collect::<Vec<_>>(), ["etc/dhcpcd.conf", "etc/systemd/network"]);
        assert!(!seen.live && seen.interfaces.is_empty() && seen.files.is_empty(), "{seen:?}");
    }
}
