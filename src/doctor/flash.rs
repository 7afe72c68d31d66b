//! What flashing over the network needs.

use std::net::SocketAddr;

use super::Host;
use crate::config::{Origin, Settings};
use crate::error::{Action, Finding, Knob, Task, remedy};
use crate::format::count;
use crate::stop::Stop;
use crate::targets::Targets;
use crate::tftp::holder;

/// Whether boards can be flashed over the network from here.
pub(super) fn flash(host: &Host, settings: &Settings, stop: &Stop) -> Vec<Finding> {
    const TOPIC: &str = "tftp";
    let mut findings = Vec::new();
    let listen = settings.flash.listen.value;
    let port = listen.port();
    findings.push(match (holder::of_udp(listen), host.may_bind(port)) {
        (Some(holder), _) => Finding::problem(
            TOPIC,
            format!("UDP port {port}, where flashing listens, is taken by {holder}"),
            remedy![format!("stop {}, or listen elsewhere: ", holder.name()), Knob::Listen],
        ),
        (None, false) => Finding::problem(
            TOPIC,
            format!("this user may not listen on UDP port {port}"),
            remedy![
                Action::AsRoot,
                ", or give the program the right to: ",
                Action::host_as_root("setcap cap_net_bind_service=+ep").arg("…"),
            ],
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
    findings.push(match Targets::load(path, stop) {
        Ok(targets) => {
            let rows = count(targets.rows().len() as u64, "target");
            Finding::good("targets", format!("{} has {rows}", path.display()))
        }
        Err(_) if !path.exists() && *origin == Origin::Default => Finding::warning(
            "targets",
            format!("there is no {}, so there are no boards to flash yet", path.display()),
            remedy![Task::TargetsAdd.of(path.display()), " begins one"],
        ),
        Err(error) => {
            let remedy = remedy![Task::TargetsCheck.of(path.display()), " lists all that is wrong"];
            Finding::problem("targets", error.to_string(), remedy)
        }
    });
    findings
}

#[cfg(test)]
mod tests {
    use super::super::testing::settings;
    use super::*;
    use crate::error::Severity;

    #[test]
    fn a_port_in_use_is_named_with_its_holder() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut settings = settings();
        settings.flash.listen.value = socket.local_addr().unwrap();
        let findings = flash(&Host::this(), &settings, &Stop::new().unwrap());
        assert_eq!(findings[0].severity, Severity::Problem);
        assert!(findings[0].what.contains("is taken by"), "{}", findings[0].what);
    }
}
