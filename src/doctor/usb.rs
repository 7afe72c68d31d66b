//! What USB boot needs.

use super::{Host, payload};
use crate::config::Settings;
use crate::error::{Action, Finding, Knob, Task, remedy};
use crate::format::count;
use crate::usb::access::{Access, rules};
use crate::usb::libusb::LibusbBus;
use crate::usb::sysfs::{Sysfs, may_open};

impl Host {
    fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// Whether a process of this name runs.
    fn runs(&self, name: &str) -> bool {
        let Ok(entries) = std::fs::read_dir(self.root.join("proc")) else { return false };
        entries.flatten().any(|entry| {
            std::fs::read_to_string(entry.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name)
        })
    }
}

/// Whether USB boot works here, and what boards can be given.
pub(super) fn look(host: &Host, settings: &Settings) -> Vec<Finding> {
    let mut findings = usb(host, settings);
    findings.extend(payload::payloads(settings));
    findings
}

/// Whether boards in USB boot are seen and may be opened.
fn usb(host: &Host, settings: &Settings) -> Vec<Finding> {
    const TOPIC: &str = "usb";
    let sysfs = Sysfs::new(host.root.join("sys"));
    let Some(devices) = sysfs.devices() else {
        return vec![Finding::problem(
            TOPIC,
            "this kernel shows no USB: there is no /sys/bus/usb/devices",
            remedy![
                "load the driver of the host's USB controller (",
                Action::host_as_root("modprobe xhci_pci"),
                "); a container or a virtual machine must be given its controller",
            ],
        )];
    };
    let mut findings = Vec::new();
    if host.has("dev/bus/usb") {
        findings.push(Finding::good(TOPIC, format!("{} attached", count(devices.len() as u64, "device"))));
    } else {
        findings.push(Finding::problem(
            TOPIC,
            "there is no /dev/bus/usb, through which devices are opened",
            remedy![
                "give it to the container (",
                Action::host("docker run --device /dev/bus/usb"),
                "), or mount devtmpfs on /dev",
            ],
        ));
    }
    findings.push(match LibusbBus::new() {
        Ok(bus) if bus.has_hotplug() => Finding::good(TOPIC, "libusb starts, and tells when boards come"),
        Ok(_) => Finding::warning(
            TOPIC,
            "libusb doesn't tell when boards come; piprov looks twice a second",
            "nothing has to be done; boards start up to half a second later",
        ),
        Err(error) => {
            let remedy = remedy!["serving a board with ", Knob::Verbose, " may tell more"];
            Finding::problem(TOPIC, error.to_string(), remedy)
        }
    });
    if let Some(limit) = host.text("sys/module/usbcore/parameters/usbfs_memory_mb")
        && limit.parse::<u32>().is_ok_and(|limit| limit != 0 && limit < 16)
    {
        findings.push(Finding::warning(
            TOPIC,
            format!("the kernel lends USB transfers {limit} MiB in all"),
            Action::host_as_root("sh -c").arg("echo 16 > /sys/module/usbcore/parameters/usbfs_memory_mb"),
        ));
    }
    findings.extend(permissions(host));
    for device in devices.iter().filter(|device| device.identity().is_some_and(|id| id.chip().is_some())) {
        let node = device.node();
        if !may_open(&node) {
            findings.push(Finding::problem(
                TOPIC,
                format!("this user may not open the board at {}, {}", device.port, node.display()),
                Access::look(&host.root, Some(&node)).remedy(),
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
    let rules = rules(&host.root);
    match (rules.as_slice(), host.uid) {
        ([], 0) => {
            findings.push(Finding::warning(
                TOPIC,
                "no rules for boot ROMs are installed; as root they are not needed to boot boards",
                remedy![
                    Task::UdevInstall,
                    " installs them, and what serves older boards by their serial number",
                ],
            ))
        }
        ([], _) => {
            let install = Access::look(&host.root, None).remedy();
            findings.push(Finding::problem(TOPIC, "no rules for boot ROMs are installed", install));
        }
        (all, _) => {
            let names: Vec<String> = all.iter().map(|path| path.display().to_string()).collect();
            findings.push(Finding::good(TOPIC, format!("rules for boot ROMs: {}", names.join(", "))));
            let access = Access::look(&host.root, None);
            if let Some(group) = access.group.as_ref().filter(|_| host.uid != 0 && !access.has_group) {
                let text = format!("they let in the group {group}, which this process isn't of");
                findings.push(Finding::warning(TOPIC, text, access.remedy()));
            }
            if !all.iter().any(|path| path.ends_with("60-piprov.rules")) {
                findings.push(Finding::warning(
                    TOPIC,
                    "they are not piprov's: boards whose ROM tells no serial number can't be told apart",
                    remedy![Task::UdevInstall, ", if you have such boards"],
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Machine, settings};
    use super::*;
    use crate::error::Severity;

    #[test]
    fn a_kernel_without_usb_is_one_problem() {
        let findings = usb(&Machine::new().host(0), &settings());
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!(finding.severity, Severity::Problem);
        assert_eq!(finding.what, "this kernel shows no USB: there is no /sys/bus/usb/devices");
    }

    #[test]
    fn rules_are_found_wherever_they_are() {
        let machine = Machine::new();
        let missing = permissions(&machine.host(1000));
        assert!(missing.iter().any(|finding| finding.severity == Severity::Problem), "{missing:?}");
        let root = permissions(&machine.host(0));
        assert!(root.iter().all(|finding| finding.severity != Severity::Problem), "{root:?}");
        machine.put("run/udev/control", "");
        machine.put(
            "usr/lib/udev/rules.d/70-rpiboot.rules",
            "ATTR{idVendor}==\"0a5c\", ATTR{idProduct}==\"27*\"",
        );
        machine.put("etc/udev/rules.d/99-other.rules", "# 0a5c 27");
        let theirs = permissions(&machine.host(1000));
        assert_eq!(theirs[0].what, "rules for boot ROMs: /usr/lib/udev/rules.d/70-rpiboot.rules");
        assert_eq!(theirs[1].severity, Severity::Warning);
        machine.put(
            "etc/udev/rules.d/60-piprov.rules",
            "ATTR{idVendor}==\"0a5c\", ATTR{idProduct}==\"2763|2764\"",
        );
        let ours = permissions(&machine.host(1000));
        assert_eq!(ours.len(), 1, "{ours:?}");
        assert_eq!(ours[0].severity, Severity::Good);
    }

    #[test]
    fn another_server_is_seen() {
        let machine = Machine::new();
        assert!(!machine.host(0).runs("rpiboot"));
        machine.put("proc/123/comm", "rpiboot\n");
        assert!(machine.host(0).runs("rpiboot"));
    }
}
