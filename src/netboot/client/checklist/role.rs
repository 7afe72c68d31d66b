//! What a copy of this host must not do as well: give out addresses, serve files, be a station.

use super::{Error, Item, services};

/// Servers that a host for network boot has, ours first.
const SERVERS: [&str; 14] = [
    "piprov-netboot.service",
    "piprov-bootd.service",
    "piprov-station.service",
    "piprov-usb.service",
    "piprov-clnlive.service",
    "dnsmasq.service",
    "isc-dhcp-server.service",
    "isc-dhcp-server6.service",
    "kea-dhcp4-server.service",
    "tftpd-hpa.service",
    "atftpd.service",
    "nfs-server.service",
    "nfs-kernel-server.service",
    "nfs-ganesha.service",
];

/// What is not copied from this host: settings and state of its servers, with keys and tokens in them.
pub(in super::super) const LEFT_OUT: [&str; 5] = [
    "etc/piprov",
    "var/lib/piprov",
    "etc/exports.d/piprov.exports",
    "etc/ganesha/piprov.conf",
    "etc/exports",
];

pub(super) fn role(item: &mut Item<'_>) -> Result<(), Error> {
    if !item.facts.is_this_host {
        return Ok(());
    }
    let before = item.plan.changes.len();
    for unit in SERVERS {
        services::mask(item, unit, "this host serves, and its copy doesn't")?;
    }
    let masked: Vec<&str> =
        item.plan.changes[before..].iter().filter_map(|change| change.path.rsplit('/').next()).collect();
    if !masked.is_empty() {
        let text = format!("What this host serves its copy doesn't: {} are masked.", masked.join(", "));
        item.tell(text);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Tree, changed, facts, told};

    #[test]
    fn a_copy_of_this_host_serves_nothing() {
        let tree = Tree::new();
        let mut facts = facts();
        for unit in [
            "usr/lib/systemd/system/piprov-netboot.service",
            "usr/lib/systemd/system/dnsmasq.service",
            "etc/init.d/tftpd-hpa",
        ] {
            tree.file(&format!("root/{unit}"), "");
        }
        assert_eq!(changed(&tree, &facts, "role"), [""; 0], "an image may serve what it likes");
        facts.is_this_host = true;
        let masked = |unit: &str| format!("etc/systemd/system/{unit}.service -> /dev/null");
        assert_eq!(
            changed(&tree, &facts, "role"),
            [masked("piprov-netboot"), masked("dnsmasq"), masked("tftpd-hpa")]
        );
        assert!(
            told(&tree, &facts)
                .join(" ")
                .contains("piprov-netboot.service, dnsmasq.service, tftpd-hpa.service are")
        );
        tree.apply(&facts);
        assert_eq!((changed(&tree, &facts, "role"), told(&tree, &facts)), (vec![], vec![]));
    }
}
