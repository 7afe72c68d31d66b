//! The interface that the boards are behind.

use super::Host;
use crate::config::Settings;
use crate::error::{Action, Finding, Remedy, Task, remedy};
use crate::host_network::plan::{Found, Lack, Seen};
use crate::host_network::{Record, Site, Stands, USUAL};
use crate::stop::Stop;

const TOPIC: &str = "network";

/// How this host stands in its boards' network.
pub(super) fn network(host: &Host, settings: &Settings, stop: &Stop) -> Vec<Finding> {
    let site = match Site::open(&host.root) {
        Ok(site) => site,
        Err(error) => return vec![Finding::error(TOPIC, &error)],
    };
    let seen = match site.look() {
        Ok(seen) => seen,
        Err(error) => return vec![Finding::error(TOPIC, &error)],
    };
    let mut findings = about(&seen, settings.netboot.interface.value.as_deref());
    match site.record() {
        Ok(None) => {}
        Ok(Some(record)) => findings.push(changed(&site, &record, stop)),
        // What only root reads isn't wrong.
        Err(_) if seen.lacks.contains(&Lack::Root) => {}
        Err(error) => findings.push(Finding::error(TOPIC, &error)),
    }
    findings
}

/// What was changed of the host stands.
fn changed(site: &Site, record: &Record, stop: &Stop) -> Finding {
    let wanted = &record.plan.wanted;
    let (interface, address) = (&wanted.interface, wanted.cidr());
    let again = || remedy![Task::HostNetwork.of(interface).arg(&address), " does it again"];
    match site.stands(record, stop) {
        Ok(Stands::Whole(doubts)) => match doubts.first() {
            None => Finding::good(
                TOPIC,
                format!("{interface} has {address}, as piprov has changed it on {}", record.time),
            ),
            Some(doubt) => Finding::warning(TOPIC, doubt.0.clone(), "let them through there"),
        },
        Ok(Stands::Half) => Finding::problem(TOPIC, "a change of this host's network was cut short", again()),
        Ok(Stands::Not(error)) => Finding::problem(TOPIC, crate::error::chain(&error), again()),
        Ok(Stands::Changed(paths)) => {
            let all: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
            Finding::warning(
                TOPIC,
                format!(
                    "what piprov has changed of this host's network was changed by somebody since: {}",
                    all.join(", ")
                ),
                Remedy::default(),
            )
        }
        Err(error) => Finding::error(TOPIC, &error),
    }
}

/// What is to be said of the interfaces; `name` is the one that the boards are behind, where that is known.
#[must_use]
pub fn about(seen: &Seen, name: Option<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(kind) = &seen.container {
        findings.push(if seen.lacks.contains(&Lack::NetAdmin) {
            Finding::warning(
                TOPIC,
                format!(
                    "this is a container ({kind}) without CAP_NET_ADMIN: it can't give itself an address"
                ),
                "give it that capability, or the address, at the container's own host",
            )
        } else {
            Finding::good(TOPIC, format!("this is a container ({kind})"))
        });
    }
    if !seen.live {
        return findings;
    }
    match name {
        Some(name) => match seen.interfaces.iter().find(|one| one.name == name) {
            Some(found) => findings.push(of_interface(seen, found)),
            None => findings.push(Finding::problem(
                TOPIC,
                format!("there is no network interface {name}, which the settings name"),
                remedy![Action::host("ip link"), " shows those that there are"],
            )),
        },
        // Nobody has said where the boards are. A cable without an address is worth a word.
        None => {
            let mute = seen.interfaces.iter().filter(|one| one.ethernet && one.carrier && one.has_none());
            findings.extend(mute.map(|found| Finding::warning(TOPIC, none(found), fix(found))));
        }
    }
    findings
}

/// That it has no address.
fn none(found: &Found) -> String {
    match found.addresses.first() {
        Some(own) => {
            format!("{} asked for an address and got none: it has given itself {}", found.name, own.ip)
        }
        None => format!("{} has no address", found.name),
    }
}

fn fix(found: &Found) -> Remedy {
    let address = format!("{}/{}", USUAL.0, USUAL.1);
    remedy!["if boards are behind it: ", Task::HostNetwork.of(&found.name).arg(address)]
}

fn of_interface(seen: &Seen, found: &Found) -> Finding {
    let name = &found.name;
    if let Some(fixed) = found.fixed() {
        let text = format!("{name} has {}/{}", fixed.ip, fixed.prefix);
        return match seen.named_in(fixed.ip) {
            Some(path) => Finding::good(TOPIC, format!("{text}, which /{path} gives it")),
            None if seen.container.is_some() => Finding::good(TOPIC, text),
            None => Finding::warning(
                TOPIC,
                format!(
                    "{text}, and no settings that are known here give it: it may be gone after the next start"
                ),
                remedy![
                    Task::HostNetwork.of(name).arg(format!("{}/{}", fixed.ip, fixed.prefix)),
                    " keeps it"
                ],
            ),
        };
    }
    match found.addresses.iter().find(|address| !address.ip.is_link_local()) {
        Some(leased) => {
            Finding::good(TOPIC, format!("{name} has {}/{} from a DHCP server", leased.ip, leased.prefix))
        }
        None => Finding::problem(TOPIC, none(found), fix(found)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::error::Severity;
    use crate::host_network::plan::Address;

    fn seen(addresses: &[([u8; 4], bool)]) -> Seen {
        let addresses =
            addresses.iter().map(|&(ip, fixed)| Address { ip: Ipv4Addr::from(ip), prefix: 24, fixed });
        let found = Found {
            name: "eth1".into(),
            ethernet: true,
            mac: None,
            carrier: true,
            addresses: addresses.collect(),
            default_route: false,
        };
        Seen { live: true, interfaces: vec![found], ..Seen::default() }
    }

    #[track_caller]
    fn says(seen: &Seen, name: Option<&str>, severity: Severity, words: &str) {
        let findings = about(seen, name);
        assert!(findings[0].severity == severity && findings[0].what.contains(words), "{findings:?}");
    }

    #[test]
    fn a_host_that_asked_and_got_none_is_told_what_helps() {
        let asked = seen(&[([169, 254, 7, 9], true)]);
        for (seen, name, severity) in
            [(&asked, Some("eth1"), Severity::Problem), (&asked, None, Severity::Warning)]
        {
            says(
                seen,
                name,
                severity,
                "eth1 asked for an address and got none: it has given itself 169.254.7.9",
            );
            assert!(about(seen, name)[0].remedy.names(Task::HostNetwork.of("eth1").arg("10.20.50.1/24")));
        }
        says(&seen(&[]), Some("eth1"), Severity::Problem, "eth1 has no address");
        says(&seen(&[]), Some("eth7"), Severity::Problem, "there is no network interface eth7");
    }

    #[test]
    fn a_fixed_address_is_well_where_settings_give_it() {
        let mut fixed = seen(&[([10, 20, 50, 1], true)]);
        says(&fixed, Some("eth1"), Severity::Warning, "it may be gone after the next start");
        let text = b"[Match]\nName=eth1\n[Network]\nAddress=10.20.50.1/24\n".to_vec();
        fixed.files.insert("etc/systemd/network/a.network".into(), text);
        says(&fixed, Some("eth1"), Severity::Good, "which /etc/systemd/network/a.network gives it");
        assert!(about(&fixed, None).is_empty());
        says(&seen(&[([10, 0, 0, 7], false)]), Some("eth1"), Severity::Good, "from a DHCP server");
    }

    #[test]
    fn a_container_says_what_it_lacks() {
        let mut here = seen(&[]);
        here.container = Some("lxc".into());
        says(&here, Some("eth1"), Severity::Good, "this is a container (lxc)");
        here.lacks = vec![Lack::NetAdmin];
        says(&here, Some("eth1"), Severity::Warning, "without CAP_NET_ADMIN");
    }
}
