//! Whether a step that failed while something was taken back leaves something behind. What a step is for may be gone: a
//! manager that doesn't run needs no word of its settings.

use super::seen::{Manager, Seen, Systemd};

/// How a host stands after the step.
#[derive(Debug, Clone, Copy)]
pub struct After<'a> {
    /// What was seen of it.
    pub seen: &'a Seen,
    /// The interface is there.
    pub interface: bool,
    /// The address is on it.
    pub address: bool,
    /// The rules for the boards' way out are in the kernel.
    pub rules: bool,
}

/// Whether what a step was to do is still to be done.
#[must_use]
pub fn is_left(words: &[String], after: &After<'_>) -> bool {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let Some((program, arguments)) = words.split_first() else { return true };
    let runs = |manager| after.seen.running.contains(&manager);
    match (program.rsplit_once('/').map_or(*program, |(_, name)| name), arguments) {
        ("nmcli", _) => runs(Manager::NetworkManager),
        ("networkctl", _) => runs(Manager::Networkd),
        ("dhcpcd", _) => runs(Manager::Dhcpcd),
        ("ifdown", _) => after.address,
        // The settings of before are somebody else's, whose program may be gone with the interface.
        ("ifup", _) => after.interface && after.seen.installed.contains(&Manager::Ifupdown),
        ("nft", _) | ("systemctl", ["stop", ..]) => after.rules,
        ("systemctl", _) => after.seen.systemd == Systemd::Running,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_failed_matters_while_what_it_is_for_is_there() {
        let seen = Seen {
            running: Manager::ALL.into(),
            installed: Manager::ALL.into(),
            systemd: Systemd::Running,
            ..Seen::default()
        };
        let whole = After { seen: &seen, interface: true, address: true, rules: true };
        let gone = After { seen: &Seen::default(), interface: false, address: false, rules: false };
        for command in [
            "nmcli connection reload",
            "networkctl reload",
            "dhcpcd -n eth1",
            "ifdown --force eth1",
            "ifup eth1",
            "/usr/sbin/nft delete table inet piprov_nat",
            "systemctl stop piprov-nat.service",
            "systemctl daemon-reload",
        ] {
            let words: Vec<_> = command.split(' ').map(str::to_owned).collect();
            assert!(is_left(&words, &whole), "{command}");
            assert!(!is_left(&words, &gone), "{command}");
        }
        assert!(is_left(&[], &gone) && is_left(&["other".to_owned()], &gone));
        let no_address = After { address: false, rules: false, ..whole };
        assert!(!is_left(&["ifdown".to_owned()], &no_address));
        assert!(is_left(&["nmcli".to_owned()], &no_address), "it knows the settings still");
    }
}
