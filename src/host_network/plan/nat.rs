//! The network of boards behind this host's address: rules of their own (nft(8)), which nobody else's rules are part of.

use super::seen::{Manager, Seen, Systemd};
use super::{Around, Change, MARK, Name, Obstacle, Owner, Part, Step, Wanted};

/// The table, in the family `inet`.
pub const TABLE: &str = "piprov_nat";
/// The rules.
pub const RULES: &str = "etc/piprov/nat.nft";
/// What loads them at each start.
pub const UNIT: &str = "etc/systemd/system/piprov-nat.service";
/// What starts that.
pub(super) const LINK: &str = "etc/systemd/system/multi-user.target.wants/piprov-nat.service";
/// That packets are passed on, at each start (sysctl.d(5)).
pub const FORWARD: &str = "etc/sysctl.d/zz-piprov.conf";

/// Rules that replace what is there of them, in one step. Boards reach what is behind the uplink, and nothing else; from
/// there only answers come back.
fn rules(wanted: &Wanted, uplink: &Name) -> String {
    let (boards, network) = (&wanted.interface, wanted.network());
    format!(
        "#!/usr/sbin/nft -f\n{MARK}\ntable inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n\
             \x20   chain forward {{\n        type filter hook forward priority filter; policy accept;\n\
             \x20       iifname \"{boards}\" oifname \"{uplink}\" accept\n\
             \x20       iifname \"{uplink}\" oifname \"{boards}\" ct state established,related accept\n\
             \x20       iifname \"{boards}\" drop\n        oifname \"{boards}\" drop\n    }}\n\
             \x20   chain postrouting {{\n        type nat hook postrouting priority srcnat; policy accept;\n\
             \x20       ip saddr {network} oifname \"{uplink}\" masquerade\n    }}\n}}\n"
    )
}

/// nftables' own unit takes all rules away when it starts: these come after it, and again with it.
fn unit(nft: &str) -> String {
    format!(
        "{MARK}\n[Unit]\nDescription=The network of piprov's boards behind this host's address\n\
         After=nftables.service\nPartOf=nftables.service\nReloadPropagatedFrom=nftables.service\n\n\
         [Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart={nft} -f /{RULES}\nExecReload={nft} -f /{RULES}\n\
         ExecStop={nft} delete table inet {TABLE}\n\n[Install]\nWantedBy=multi-user.target\n"
    )
}

pub(super) fn part(wanted: &Wanted, uplink: &Name, seen: &Seen) -> Result<Part, Vec<Obstacle>> {
    let mut obstacles = Vec::new();
    let by_unit = seen.systemd > Systemd::Absent;
    if !by_unit && seen.owner(&wanted.interface) != Owner::Manager(Manager::Ifupdown) {
        obstacles.push(Obstacle::NoKeeper);
    }
    if seen.live && seen.forwards != Some(true) && !seen.may_forward {
        obstacles.push(Obstacle::NoForwarding { container: seen.container.clone() });
    }
    if uplink == &wanted.interface {
        obstacles.push(Obstacle::SameInterface { interface: uplink.clone() });
    } else if uplink.as_str() == super::LOOPBACK {
        obstacles.push(Obstacle::NoWayOut { interface: uplink.clone() });
    } else if seen.live && seen.interface(uplink).is_none() {
        obstacles.push(refused_interface(uplink, seen));
    }
    let Some(nft) = &seen.nft else {
        obstacles.push(Obstacle::NoNft { root: seen.root.clone() });
        return Err(obstacles);
    };
    if !obstacles.is_empty() {
        return Err(obstacles);
    }
    let mut changes = vec![
        Change::new(RULES, rules(wanted, uplink)),
        Change::new(FORWARD, format!("{MARK}\nnet.ipv4.ip_forward = 1\n")),
    ];
    if by_unit {
        changes.push(Change::new(UNIT, unit(nft)));
        changes.push(Change::link(LINK, &format!("/{UNIT}")));
    }
    let (load, clear) = (format!("/{RULES}"), Step::attempt([nft, "delete", "table", "inet", TABLE]));
    let mut apply = Around { before: Vec::new(), after: vec![Step::Forward(true)] };
    let mut undo = Around::default();
    if seen.systemd == Systemd::Running {
        apply.after.push(Step::run(["systemctl", "daemon-reload"]));
        apply.after.push(Step::run(["systemctl", "restart", "piprov-nat.service"]));
        undo.before.push(Step::attempt(["systemctl", "stop", "piprov-nat.service"]));
        undo.after.push(Step::attempt(["systemctl", "daemon-reload"]));
    } else {
        apply.after.push(Step::run([nft, "-f", &load]));
        undo.before.push(clear);
    }
    if seen.forwards == Some(false) {
        undo.after.push(Step::Forward(false));
    }
    Ok(Part { changes, apply, undo })
}

fn refused_interface(name: &Name, seen: &Seen) -> Obstacle {
    Obstacle::NoInterface { interface: name.clone(), have: super::refused::names(seen) }
}
