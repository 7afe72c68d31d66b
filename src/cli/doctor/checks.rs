//! What `piprov doctor` looks at. Everything is read; nothing is opened for writing, bound or changed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::Finding;
use crate::cli::list::may_open;
use crate::cli::remedy;
use crate::config::{Origin, Settings};
use crate::error::Explain;
use crate::format::count;
use crate::targets::Targets;
use crate::tftp::holder;
use crate::usb::libusb::LibusbBus;
use crate::usb::lookup::{Options, Payload};
use crate::usb::payload::{self, Wanted};
use crate::usb::plan::Installed;
use crate::usb::sysfs::Sysfs;
use crate::usb::{Error, where_from};

/// A capability that lets an ordinary user bind to low ports: CAP_NET_BIND_SERVICE (linux/capability.h).
const BIND_LOW: u32 = 10;

/// Where a host's facts are.
pub(super) struct Host {
    /// `/`, but for tests.
    root: PathBuf,
    uid: u32,
}

impl Host {
    pub(super) fn this() -> Self {
        Self { root: PathBuf::from("/"), uid: rustix::process::geteuid().as_raw() }
    }

    fn text(&self, path: &str) -> Option<String> {
        Some(std::fs::read_to_string(self.root.join(path)).ok()?.trim_end().to_owned())
    }

    fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    fn sysfs(&self) -> Sysfs {
        Sysfs::new(self.root.join("sys"))
    }

    /// Whether a process of this name runs.
    fn runs(&self, name: &str) -> bool {
        let Ok(entries) = std::fs::read_dir(self.root.join("proc")) else { return false };
        entries.flatten().any(|entry| {
            std::fs::read_to_string(entry.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name)
        })
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

    /// Files with udev rules about boot ROMs.
    fn rules(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for dir in ["etc", "run", "usr/lib", "lib"] {
            // On most systems the last two are one.
            let dir = Path::new(dir).join("udev/rules.d");
            for entry in std::fs::read_dir(self.root.join(&dir)).into_iter().flatten().flatten() {
                let path = Path::new("/").join(&dir).join(entry.file_name());
                let known = found.iter().any(|other: &PathBuf| other.file_name() == path.file_name());
                let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
                let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
                if !known && lines.into_iter().any(|line| line.contains("0a5c") && line.contains("27")) {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }
}

pub(super) fn host(host: &Host) -> Finding {
    let kernel = host.text("proc/sys/kernel/osrelease").unwrap_or_else(|| "of an unknown version".to_owned());
    let user = if host.uid == 0 { "root".to_owned() } else { format!("user {}", host.uid) };
    Finding::good("host", format!("Linux {kernel}, {}, {user}", std::env::consts::ARCH))
}

pub(super) fn usb(host: &Host, settings: &Settings) -> Vec<Finding> {
    const TOPIC: &str = "usb";
    let sysfs = host.sysfs();
    let Some(devices) = sysfs.devices() else {
        return vec![Finding::problem(
            TOPIC,
            "this kernel shows no USB: there is no /sys/bus/usb/devices",
            "load the driver of the host's USB controller (`sudo modprobe xhci_pci`); a container or a virtual machine \
             must be given its controller",
        )];
    };
    let mut findings = Vec::new();
    if host.has("dev/bus/usb") {
        findings.push(Finding::good(TOPIC, format!("{} attached", count(devices.len() as u64, "device"))));
    } else {
        findings.push(Finding::problem(
            TOPIC,
            "there is no /dev/bus/usb, through which devices are opened",
            "give it to the container (`--device /dev/bus/usb`), or mount devtmpfs on /dev",
        ));
    }
    findings.push(match LibusbBus::new() {
        Ok(bus) if bus.has_hotplug() => Finding::good(TOPIC, "libusb starts, and tells when boards come"),
        Ok(_) => Finding::warning(
            TOPIC,
            "libusb doesn't tell when boards come; piprov looks twice a second",
            "nothing has to be done; boards start up to half a second later",
        ),
        Err(error) => Finding::problem(TOPIC, error.to_string(), "`piprov -v usbboot` may tell more"),
    });
    if let Some(limit) = host.text("sys/module/usbcore/parameters/usbfs_memory_mb")
        && limit.parse::<u32>().is_ok_and(|limit| limit != 0 && limit < 16)
    {
        findings.push(Finding::warning(
            TOPIC,
            format!("the kernel lends USB transfers {limit} MiB in all"),
            "echo 16 | sudo tee /sys/module/usbcore/parameters/usbfs_memory_mb",
        ));
    }
    findings.extend(permissions(host));
    for device in devices.iter().filter(|device| device.identity().is_some_and(|id| id.chip().is_some())) {
        let node = device.node();
        if !may_open(&node) {
            findings.push(Finding::problem(
                TOPIC,
                format!("this user may not open the board at {}, {}", device.port, node.display()),
                "`sudo piprov udev install`, then plug it in again; or use sudo",
            ));
        }
    }
    if host.runs("rpiboot") {
        findings.push(Finding::warning(
            TOPIC,
            "rpiboot is running and takes boards too",
            "stop it while piprov serves boards",
        ));
    }
    if settings.usb.live.value.is_dir() && !settings.usb.clients.value.is_dir() {
        findings.push(Finding::warning(
            TOPIC,
            format!("there is a live tree but no {}", settings.usb.clients.value.display()),
            "the setting usb.clients says where it is",
        ));
    }
    findings
}

fn permissions(host: &Host) -> Vec<Finding> {
    const TOPIC: &str = "udev";
    let mut findings = Vec::new();
    if !host.has("run/udev/control") {
        findings.push(Finding::warning(
            TOPIC,
            "no udev is running, so nobody sets permissions of boards that come",
            "run piprov as root, or start systemd-udevd",
        ));
    }
    let rules = host.rules();
    let install = "`sudo piprov udev install` lets this user's group boot boards";
    match (rules.as_slice(), host.uid) {
        ([], 0) => findings.push(Finding::warning(
            TOPIC,
            "no rules for boot ROMs are installed; as root they are not needed to boot boards",
            "`piprov udev install` installs them, and what serves older boards by their serial number",
        )),
        ([], _) => findings.push(Finding::problem(TOPIC, "no rules for boot ROMs are installed", install)),
        (all, _) => {
            let names: Vec<String> = all.iter().map(|path| path.display().to_string()).collect();
            findings.push(Finding::good(TOPIC, format!("rules for boot ROMs: {}", names.join(", "))));
            if !all.iter().any(|path| path.ends_with("60-piprov.rules")) {
                findings.push(Finding::warning(
                    TOPIC,
                    "they are not piprov's: boards whose ROM tells no serial number can't be told apart",
                    "`sudo piprov udev install`, if you have such boards",
                ));
            }
        }
    }
    findings
}

pub(super) fn payloads(settings: &Settings) -> Vec<Finding> {
    const TOPIC: &str = "payload";
    let mut findings = Vec::new();
    let mut look = |dir: &Path, options: &Options| {
        let checked =
            Payload::open(dir, options).and_then(|found| payload::check(&found, None, &Wanted::default()));
        findings.push(match checked {
            Ok(notes) if notes.is_empty() => Finding::good(TOPIC, format!("{} can be served", dir.display())),
            Ok(notes) => {
                let text = format!("{} can be served; {}", dir.display(), notes.join("; "));
                Finding::good(TOPIC, text)
            }
            Err(error @ Error::Fuses { .. }) => Finding::warning(
                TOPIC,
                error.to_string(),
                error.hint().as_ref().map(remedy::word).unwrap_or_default(),
            ),
            Err(error) => Finding::problem(
                TOPIC,
                error.to_string(),
                error.hint().as_ref().map(remedy::word).unwrap_or_default(),
            ),
        });
    };
    let installed = Installed::default();
    let there: Vec<PathBuf> = installed.folders(None).into_iter().filter(|dir| dir.is_dir()).collect();
    there.iter().for_each(|dir| look(dir, &Options::default()));
    let live = &settings.usb.live.value;
    if live.is_dir() {
        let allow = if settings.usb.clients.value.is_dir() {
            vec![settings.usb.clients.value.clone()]
        } else {
            Vec::new()
        };
        look(live, &Options { overlays: true, allow });
    }
    if findings.is_empty() {
        let text = "there is no payload in the usual places, so `piprov usbboot` needs -d";
        findings.push(Finding::warning(TOPIC, text, remedy::word(&where_from())));
    }
    findings
}

pub(super) fn tftp(host: &Host, settings: &Settings) -> Vec<Finding> {
    const TOPIC: &str = "tftp";
    let mut findings = Vec::new();
    let listen = settings.flash.listen.value;
    let port = listen.port();
    findings.push(match (holder::of_udp(listen), host.may_bind(port)) {
        (Some(holder), _) => Finding::problem(
            TOPIC,
            format!("UDP port {port}, where `piprov flash` listens, is taken by {holder}"),
            format!("stop {}, or let `piprov flash` listen elsewhere: --listen ADDR:PORT", holder.name()),
        ),
        (None, false) => Finding::problem(
            TOPIC,
            format!("this user may not listen on UDP port {port}"),
            "use sudo, or `sudo setcap cap_net_bind_service=+ep` on the program",
        ),
        (None, true) => Finding::good(TOPIC, format!("UDP port {port} is free")),
    });
    if let Some(holder) = holder::of_udp(SocketAddr::from(([0, 0, 0, 0], 67))) {
        findings.push(Finding::good(
            "dhcp",
            format!("UDP port 67 is taken by {holder}: it may serve the boards' addresses"),
        ));
    }
    let (path, origin) = (&settings.targets.value, &settings.targets.origin);
    findings.push(match Targets::load(path) {
        Ok(targets) => {
            let rows = count(targets.rows().len() as u64, "target");
            Finding::good("targets", format!("{} has {rows}", path.display()))
        }
        Err(_) if !path.exists() && *origin == Origin::Default => Finding::warning(
            "targets",
            format!("there is no {}, so there are no boards to flash yet", path.display()),
            "`piprov targets add` begins one",
        ),
        Err(error) => {
            let remedy =
                format!("`piprov targets check --targets {}` lists all that is wrong", path.display());
            Finding::problem("targets", error.to_string(), remedy)
        }
    });
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use std::fs;

    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn put(&self, path: &str, text: &str) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn host(&self, uid: u32) -> Host {
            Host { root: self.0.path().to_owned(), uid }
        }
    }

    fn verdicts(findings: &[Finding]) -> Vec<(Verdict, &str)> {
        findings.iter().map(|finding| (finding.verdict, finding.text.as_str())).collect()
    }

    fn settings() -> Settings {
        Settings::load(Some(Path::new("/dev/null"))).unwrap()
    }

    #[test]
    fn a_kernel_without_usb_is_one_problem() {
        let findings = usb(&Machine::new().host(0), &settings());
        assert_eq!(
            verdicts(&findings),
            [(Verdict::Problem, "this kernel shows no USB: there is no /sys/bus/usb/devices")]
        );
    }

    #[test]
    fn rules_are_found_wherever_they_are() {
        let machine = Machine::new();
        let missing = permissions(&machine.host(1000));
        assert!(missing.iter().any(|finding| finding.verdict == Verdict::Problem), "{missing:?}");
        let root = permissions(&machine.host(0));
        assert!(root.iter().all(|finding| finding.verdict != Verdict::Problem), "{root:?}");
        machine.put("run/udev/control", "");
        machine.put(
            "usr/lib/udev/rules.d/70-rpiboot.rules",
            "ATTR{idVendor}==\"0a5c\", ATTR{idProduct}==\"27*\"",
        );
        machine.put("etc/udev/rules.d/99-other.rules", "# 0a5c 27");
        let theirs = permissions(&machine.host(1000));
        assert_eq!(theirs[0].text, "rules for boot ROMs: /usr/lib/udev/rules.d/70-rpiboot.rules");
        assert_eq!(theirs[1].verdict, Verdict::Warning);
        machine.put(
            "etc/udev/rules.d/60-piprov.rules",
            "ATTR{idVendor}==\"0a5c\", ATTR{idProduct}==\"2763|2764\"",
        );
        let ours = permissions(&machine.host(1000));
        assert_eq!(ours.len(), 1, "{ours:?}");
        assert_eq!(ours[0].verdict, Verdict::Good);
    }

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

    #[test]
    fn another_server_is_seen() {
        let machine = Machine::new();
        assert!(!machine.host(0).runs("rpiboot"));
        machine.put("proc/123/comm", "rpiboot\n");
        assert!(machine.host(0).runs("rpiboot"));
    }

    #[test]
    fn a_port_in_use_is_named_with_its_holder() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut settings = settings();
        settings.flash.listen.value = socket.local_addr().unwrap();
        let findings = tftp(&Host::this(), &settings);
        assert_eq!(findings[0].verdict, Verdict::Problem);
        assert!(findings[0].text.contains("is taken by"), "{}", findings[0].text);
    }
}
