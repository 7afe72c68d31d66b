use super::super::super::super::tests::{Tree, changed, facts, notes, told};
use super::super::super::plan;
use super::*;
use crate::netboot::client::view::View;

#[test]
fn stanzas_of_the_boot_interface_become_comments() {
    let old = "source /etc/network/interfaces.d/*\n\nauto lo eth0\niface lo inet loopback\n\n# The lab\n\
        allow-hotplug eth0\niface eth0 inet static\n\taddress 10.0.0.1/24 \\\n\n\tgateway 10.0.0.254\n\n\
        iface eth0:1 inet dhcp\nauto wlan0\niface wlan0 inet dhcp\n    wpa-ssid eth0\n";
    let new = "source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\n# The lab\n\
        # piprov: allow-hotplug eth0\n# piprov: iface eth0 inet static\n# piprov: \taddress 10.0.0.1/24 \n\
        # piprov: \n# piprov: \tgateway 10.0.0.254\n\n\
        # piprov: iface eth0:1 inet dhcp\nauto wlan0\niface wlan0 inet dhcp\n    wpa-ssid eth0\n";
    let done = |was_static| Without { text: new.to_owned(), was_static, master: None };
    assert_eq!(without(old), done(true));
    assert_eq!(without(new), done(false), "once is enough");
}

#[test]
fn names_and_patterns() {
    for ours in
        ["eth0", "end0", "eth0:1", "/eth*", "/e?h0", "/*", "/[ew]*", "eth0/x", "/eth*=phys", "eth0=lan"]
    {
        assert!(is_ours(ours), "{ours}");
    }
    for other in ["lo", "eth1", "eth0.7", "wlan0", "/wlan*", "/eth", "/", "", "/ü*", "/*9"] {
        assert!(!is_ours(other), "{other}");
    }
}

#[test]
fn every_file_that_is_read_is_changed() {
    let tree = Tree::new();
    tree.file("root/etc/network/interfaces", "auto lo\niface lo inet loopback\n");
    tree.file("root/etc/network/interfaces.d/lan", "auto end0\niface end0 inet static\n address 10.0.0.1\n");
    let facts = facts();
    let changes = changed(&tree, &facts, "network");
    assert!(changes[0].starts_with("etc/network/interfaces.d/lan # piprov: auto end0\n"), "{changes:?}");
    assert!(
        told(&tree, &facts).join(" ").contains("interfaces.d/lan are comments now, and its static address")
    );
    tree.apply(&facts);
    assert_eq!(changed(&tree, &facts, "network"), [""; 0]);
}

#[test]
fn what_is_taken_in_is_read_too() {
    let tree = Tree::new();
    let facts = facts();
    tree.file(
        "root/etc/network/interfaces",
        "source /etc/network/more\nsource-directory other\nsource /etc/network/x-*\nsource interfaces.d/*\nsource $HOME/x\n",
    );
    for name in ["more", "other/lan", "x-1", "y-1"] {
        tree.file(&format!("root/etc/network/{name}"), "auto eth0\niface eth0 inet dhcp\n");
    }
    let changes = changed(&tree, &facts, "network");
    for name in ["more", "other/lan", "x-1"] {
        let start = format!("etc/network/{name} # piprov: auto eth0\n");
        assert!(changes.iter().any(|change| change.starts_with(&start)), "{name}: {changes:?}");
    }
    assert!(!changes.iter().any(|change| change.contains("y-1")), "{changes:?}");
    let said = notes(&tree, &facts).join(" ");
    assert!(said.contains("takes `etc/network/$HOME/x` in"), "{said}");
    tree.apply(&facts);
    assert_eq!(changed(&tree, &facts, "network"), [""; 0]);
}

#[test]
fn bridges_and_odd_names_are_told() {
    use std::os::unix::ffi::OsStrExt;
    let tree = Tree::new();
    let facts = facts();
    let said = || notes(&tree, &facts).join(" ");
    tree.file(
        "root/etc/network/interfaces",
        "iface br0 inet dhcp\n bridge_ports eth1 eth2\n# bridge_ports eth0\n",
    );
    tree.directory("root/etc/network/interfaces.d");
    assert!(!said().contains("ifupdown") && !said().contains("part of another"), "{}", said());
    for port in ["eth0", "all", "eth1 end0"] {
        tree.file(
            "root/etc/network/interfaces",
            &format!("auto br0\niface br0 inet dhcp\n  bridge_ports {port}\n"),
        );
        assert!(said().contains(&format!("(`bridge_ports {port}`)")), "{}", said());
    }
    let name = std::ffi::OsStr::from_bytes(b"lan\xff");
    std::fs::write(tree.path("root/etc/network/interfaces.d").join(name), "auto eth0\n").unwrap();
    assert!(said().contains("not UTF-8"), "{}", said());
}

#[test]
fn no_line_by_which_the_boot_interface_is_lost_is_passed_over() {
    for (line, kind) in [
        ("up brctl addif br0 eth0", Remark::Taken as fn(String) -> Remark),
        ("up ip link set end0 master br0", Remark::Taken),
        ("post-up /sbin/ifenslave bond0 eth0;", Remark::Taken),
        ("pre-up ip addr flush dev eth0", Remark::Taken),
        ("rename eth0=lan0", Remark::Renamed),
        ("rename wlan0=w /eth*=lan0", Remark::Renamed),
        ("iface lan inherits eth0", Remark::Inherits),
        ("iface lan inet dhcp inherits end0", Remark::Inherits),
    ] {
        assert_eq!(remarkable(&format!("iface br0 inet manual\n  {line}\n")), [kind(line.to_owned())]);
    }
    assert_eq!(remarkable(" bridge_ports \\\n  eth0\n"), [Remark::Taken("bridge_ports eth0".to_owned())]);
    for line in [
        "up iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE",
        "up brctl addif br0 eth1",
        "rename lan0=x",
        "iface lan inherits eth1",
        "# up brctl addif br0 eth0",
    ] {
        assert_eq!(remarkable(&format!("{line}\n")), [], "{line}");
    }
}

#[test]
fn a_bond_that_loses_the_boot_interface_is_told() {
    let tree = Tree::new();
    let facts = facts();
    tree.file(
        "root/etc/network/interfaces",
        "auto bond0\niface bond0 inet dhcp\nauto eth0\niface eth0 inet manual\n bond-master bond0\n up ip link set eth0 down\n",
    );
    let said = told(&tree, &facts).join(" ");
    assert!(said.contains("was a part of bond0, and is none any more"), "{said}");
    // What has become a comment does nothing.
    assert!(!notes(&tree, &facts).join(" ").contains("takes it down"));
}

#[test]
fn more_files_than_are_looked_at_are_told() {
    let tree = Tree::new();
    let facts = facts();
    for n in 0..MOST_FILES {
        tree.file(&format!("root/etc/network/interfaces.d/{n}"), "");
    }
    tree.file("root/etc/network/interfaces", "");
    let said = notes(&tree, &facts).join(" ");
    assert!(said.contains("more here than can be looked through"), "{said}");
    std::fs::remove_file(tree.path("root/etc/network/interfaces.d/0")).unwrap();
    let said = notes(&tree, &facts).join(" ");
    assert!(!said.contains("more here than"), "{said}");
    tree.file("root/etc/network/interfaces", &"source /etc/network/x-*\n".repeat(MOST_TRIED + 1));
    assert!(notes(&tree, &facts).join(" ").contains("more here than can be looked through"));
}

#[test]
fn a_client_can_not_make_the_look_last() {
    let tree = Tree::new();
    let facts = facts();
    let line = format!("source /etc/network/d/{}*b\n", "*a".repeat(100));
    tree.file("root/etc/network/interfaces", &line.repeat(300));
    for n in 0..100 {
        tree.file(&format!("root/etc/network/d/{}{n}", "a".repeat(200)), "");
    }
    let begun = std::time::Instant::now();
    assert_eq!(changed(&tree, &facts, "network").len(), 2);
    assert!(begun.elapsed() < std::time::Duration::from_secs(100), "{:?}", begun.elapsed());
    // And who waits for it may go.
    facts.stop.set();
    let (root, boot) = (tree.source("root"), tree.source("boot"));
    let (root, boot) = (View(&root), View(&boot));
    assert!(matches!(plan(&facts, &root, &boot), Err(Error::Stopped)));
}

proptest::proptest! {
    #[test]
    fn no_line_is_lost_and_once_is_enough(lines in proptest::collection::vec(
        "(auto|iface|allow-hotplug|source|address|#|) ?(eth0|lo|/eth\\*|x)? ?(inet static)?\\\\?", 0..20,
    )) {
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let once = without(&text).text;
        let twice = without(&once);
        assert_eq!((&twice.text, twice.was_static), (&once, false));
        let brings_up = |line: &str| {
            let words: Vec<_> = line.split_whitespace().collect();
            matches!(words[..], ["iface" | "auto", "eth0", ..])
        };
        // What goes on from another line is no stanza.
        assert!(text.contains('\\') || !once.lines().any(brings_up), "{once}");
    }
}
