//! What a copy of this host must not do as well: give out addresses, serve files, be a station, be its boards' way out.

use super::{Error, Item, services};
use crate::host_network::plan::{LINK, MARK, OWN};

/// Servers that a host for network boot has, ours first; each of them may have units of several kinds.
const SERVERS: [&str; 45] = [
    "piprov-netboot",
    "piprov-bootd",
    "piprov-station",
    "piprov-usb",
    "piprov-clnlive",
    // Addresses, and what tells hosts of routers.
    "dnsmasq",
    "dnsmasq@",
    "isc-dhcp-server",
    "isc-dhcp-server6",
    "isc-dhcp-relay",
    "kea-dhcp4-server",
    "kea-dhcp6-server",
    "kea-dhcp4",
    "kea-dhcp6",
    "dhcpd",
    "dhcpd4",
    "dhcpd6",
    "udhcpd",
    "radvd",
    "dhcpy6d",
    "wide-dhcpv6-server",
    "coredhcp",
    "isc-dhcp-relay6",
    "dhcrelay",
    "dhcp-helper",
    // Servers of names that give out addresses as well; the last one is Technitium's.
    "pihole-FTL",
    "AdGuardHome",
    "dns",
    // The address that several routers share would be the client's too.
    "keepalived",
    "ucarp",
    // A network of its own in the air.
    "hostapd",
    "hostapd@",
    // Files. The first programs of the internet start others, TFTP servers too.
    "tftpd-hpa",
    "atftpd",
    "tftp",
    "tftpd",
    "in.tftpd",
    "inetd",
    "openbsd-inetd",
    "inetutils-inetd",
    "xinetd",
    "nfs-server",
    "nfs-kernel-server",
    "nfsv4-server",
    "nfs-ganesha",
];

/// A service that is masked alone would still be asked for by what starts it.
const KINDS: [&str; 3] = ["service", "socket", "path"];

/// What is not copied from this host: settings and state of its servers, with keys and tokens in them.
pub(in super::super) const LEFT_OUT: [&str; 5] =
    ["etc/piprov", "var/lib/piprov", "etc/exports.d", "etc/ganesha/piprov.conf", "etc/exports"];

pub(super) fn role(item: &mut Item<'_>) -> Result<(), Error> {
    if item.facts.is_this_host { of_this_host(item) } else { of_another(item) }
}

fn of_this_host(item: &mut Item<'_>) -> Result<(), Error> {
    let before = item.plan.changes.len();
    for server in SERVERS {
        for kind in KINDS {
            services::mask(item, &format!("{server}.{kind}"), "this host serves, and its copy doesn't")?;
        }
    }
    let masked: Vec<&str> =
        item.plan.changes[before..].iter().filter_map(|change| change.path.rsplit('/').next()).collect();
    if !masked.is_empty() {
        let text = format!("What this host serves its copy doesn't: {} are masked.", masked.join(", "));
        item.tell(text);
    }
    let before = item.plan.changes.len();
    for path in OWN.into_iter().chain([LINK]) {
        item.remove(path, "it is this host's, for its boards' network")?;
    }
    let gone: Vec<&str> = item.plan.changes[before..].iter().map(|change| change.path.as_str()).collect();
    if !gone.is_empty() {
        let text = format!(
            "What piprov set on this host for its boards' network its copy doesn't get: {}.",
            gone.join(", ")
        );
        item.tell(text);
    }
    Ok(())
}

/// A root of another host that boards boot from: its owner may want that of the client, or not.
fn of_another(item: &mut Item<'_>) -> Result<(), Error> {
    let mut found = Vec::new();
    for path in OWN {
        if item.root.text(path)?.is_some_and(|text| text.lines().any(|line| line == MARK)) {
            found.push(path);
        }
    }
    if !found.is_empty() {
        item.note(format!(
            "{} {} made by piprov on a host for its boards' network, and the client would do that host's work: take {} out.",
            found.join(", "),
            if found.len() == 1 { "was" } else { "were" },
            if found.len() == 1 { "it" } else { "them" },
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::super::tests::{Tree, changed, facts, notes, told};
    use crate::host_network::Site;
    use crate::host_network::plan::{LINK, MARK, OWN, Wanted, plan};
    use crate::netboot::client::checklist::LEFT_OUT;
    use crate::stop::Stop;

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

    #[test]
    fn a_copy_of_a_server_of_names_gives_out_no_addresses() {
        let tree = Tree::new();
        let mut facts = facts();
        facts.is_this_host = true;
        let units = ["pihole-FTL.service", "AdGuardHome.service", "dns.service", "keepalived.service"];
        for unit in units {
            tree.file(&format!("root/etc/systemd/system/{unit}"), "");
        }
        let masked = units.map(|unit| format!("etc/systemd/system/{unit} -> /dev/null"));
        assert_eq!(changed(&tree, &facts, "role"), masked);
        assert!(told(&tree, &facts).join(" ").contains("pihole-FTL.service, AdGuardHome.service"));
    }

    #[test]
    fn what_starts_a_masked_service_is_masked_too() {
        let tree = Tree::new();
        let mut facts = facts();
        facts.is_this_host = true;
        let units = [
            "piprov-station.service",
            "piprov-station.socket",
            "piprov-usb.path",
            "dnsmasq@.service",
            "udhcpd.service",
            "radvd.service",
            "hostapd.service",
            "tftp.socket",
            "in.tftpd.socket",
            "xinetd.service",
            "nfsv4-server.service",
        ];
        for unit in units {
            tree.file(&format!("root/usr/lib/systemd/system/{unit}"), "");
        }
        let masked = units.map(|unit| format!("etc/systemd/system/{unit} -> /dev/null"));
        assert_eq!(changed(&tree, &facts, "role"), masked);
    }

    /// The units that piprov itself comes with.
    #[test]
    fn every_unit_of_piprovs_own_is_masked() {
        let tree = Tree::new();
        let mut facts = facts();
        facts.is_this_host = true;
        let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
        let mut names: Vec<String> = std::fs::read_dir(units)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert!(names.len() >= 7, "{names:?}");
        for unit in &names {
            tree.file(&format!("root/usr/lib/systemd/system/{unit}"), "");
        }
        let mut masked = changed(&tree, &facts, "role");
        masked.sort();
        let wanted: Vec<String> =
            names.iter().map(|unit| format!("etc/systemd/system/{unit} -> /dev/null")).collect();
        assert_eq!(masked, wanted);
    }

    /// Settings of each manager, by which `eth0` is its own.
    const HOSTS: [(&str, &[(&str, &str)]); 5] = [
        ("NetworkManager", &[("usr/sbin/NetworkManager", ""), ("etc/NetworkManager/conf.d/x.conf", "")]),
        (
            "systemd-networkd",
            &[
                ("usr/lib/systemd/systemd-networkd", ""),
                ("etc/systemd/network/10-eth0.network", "[Match]\nName=eth0\n[Network]\nDHCP=yes\n"),
            ],
        ),
        ("dhcpcd", &[("usr/sbin/dhcpcd", ""), ("etc/dhcpcd.conf", "hostname\nclientid\n")]),
        (
            "networking",
            &[("usr/sbin/ifup", ""), ("etc/network/interfaces", "auto lo\niface lo inet loopback\n")],
        ),
        (
            "networking",
            &[
                ("usr/sbin/ifup", ""),
                (
                    "etc/network/interfaces",
                    "source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n",
                ),
            ],
        ),
    ];

    /// A host as `doctor --fix` leaves it, by the same plan.
    fn prepared(unit: &str, files: &[(&str, &str)]) -> Tree {
        let tree = Tree::new();
        for (path, text) in files {
            tree.file(&format!("root/{path}"), text);
        }
        tree.file("root/usr/sbin/nft", "");
        tree.file("root/usr/lib/systemd/systemd", "");
        tree.file(&format!("root/usr/lib/systemd/system/{unit}.service"), "[Unit]\n");
        tree.directory("root/etc/systemd/system/multi-user.target.wants");
        std::os::unix::fs::symlink(
            format!("/usr/lib/systemd/system/{unit}.service"),
            tree.path(&format!("root/etc/systemd/system/multi-user.target.wants/{unit}.service")),
        )
        .unwrap();
        let site = Site::open(&tree.path("root")).unwrap();
        let wanted = Wanted {
            interface: "eth0".parse().unwrap(),
            address: "10.0.0.1".parse().unwrap(),
            prefix: 24,
            uplink: Some("eth1".parse().unwrap()),
        };
        let plan =
            plan(&site.look().unwrap(), &wanted, false).unwrap_or_else(|error| panic!("{unit}: {error:?}"));
        site.carry_out(&plan, &Stop::new().unwrap(), &mut |_| {}).unwrap();
        tree
    }

    /// The files below a directory with their texts.
    fn texts(below: &Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(below).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                texts(&path, found);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                found.push((path.display().to_string(), text));
            }
        }
    }

    #[test]
    fn a_copy_of_a_prepared_host_has_nothing_of_what_prepared_it() {
        for (unit, files) in HOSTS {
            let tree = prepared(unit, files);
            let mut facts = facts();
            facts.is_this_host = true;
            let has =
                |tree: &Tree, path: &str| std::fs::symlink_metadata(tree.path("root").join(path)).is_ok();
            assert!(OWN.into_iter().any(|path| has(&tree, path)) && has(&tree, LINK), "{unit}");
            let said = told(&tree, &facts).join(" ");
            assert!(said.contains("piprov-nat.service"), "{unit}: {said}");
            let contradicts = notes(&tree, &facts).join(" ");
            assert!(!contradicts.contains("comes before"), "{unit}: {contradicts}");
            // What is never copied.
            for path in LEFT_OUT {
                let _ = std::fs::remove_dir_all(tree.path("root").join(path));
            }
            tree.apply(&facts);
            for path in OWN.into_iter().chain([LINK]) {
                assert!(!has(&tree, path), "{unit}: {path}");
            }
            let mut all = Vec::new();
            texts(&tree.path("root/etc"), &mut all);
            for (path, text) in all {
                let live = |line: &&str| {
                    let manages = path.contains("fstab") || path.contains("hosts") || line.starts_with('#');
                    line.contains("10.0.0.1") && !manages
                };
                assert_eq!(text.lines().find(live), None, "{unit}: {path}");
                assert!(!text.contains(MARK), "{unit}: {path}: {text}");
            }
            assert_eq!((changed(&tree, &facts, "role"), changed(&tree, &facts, "network")), (vec![], vec![]));
            assert_eq!(told(&tree, &facts), [""; 0], "{unit}");
        }
    }

    #[test]
    fn an_image_of_a_prepared_host_is_told() {
        let (unit, files) = HOSTS[1];
        let tree = prepared(unit, files);
        let said = notes(&tree, &facts()).join(" ");
        assert!(said.contains("00-00-piprov.network, etc/piprov/nat.nft, "), "{said}");
        assert!(said.contains("were made by piprov on a host"), "{said}");
        assert!(said.contains("00-00-piprov.network comes before piprov's file"), "{said}");
        assert!(!told(&tree, &facts()).join(" ").contains("systemd-networkd is kept off"), "it isn't");
    }
}
