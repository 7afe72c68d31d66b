use super::super::super::super::tests::{Tree, changed, facts, notes, told};
use super::super::super::plan;
use super::*;
use crate::netboot::client::view::View;

fn boot() -> BootInterface {
    BootInterface::of("a2ef5644".parse().unwrap())
}

fn meant(boot: &BootInterface) -> Meant<'_> {
    Meant { boot, taken: BTreeSet::new(), known: BTreeSet::new() }
}

/// As of a root that has no other stanzas.
fn alone(text: &str) -> Without {
    without(text, &meant(&boot()))
}

#[test]
fn stanzas_of_the_boot_interface_become_comments() {
    let old = "source /etc/network/interfaces.d/*\n\nauto lo eth0\niface lo inet loopback\n\n# The lab\n\
        allow-hotplug eth0\niface eth0 inet static\n\taddress 10.0.0.1/24 \\\n\n\tgateway 10.0.0.254\n\n\
        iface eth0:1 inet dhcp\nauto wlan0\niface wlan0 inet dhcp\n    wpa-ssid eth0\n";
    let new = "source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\n# The lab\n\
        # piprov: allow-hotplug eth0\n# piprov: iface eth0 inet static\n# piprov: \taddress 10.0.0.1/24 \n\
        # piprov: \n# piprov: \tgateway 10.0.0.254\n\n\
        # piprov: iface eth0:1 inet dhcp\nauto wlan0\niface wlan0 inet dhcp\n    wpa-ssid eth0\n";
    let done = |boot: &[&str], was_static| Without {
        text: new.to_owned(),
        boot: boot.iter().map(|name| (*name).to_owned()).collect(),
        was_static,
        ..Without::default()
    };
    assert_eq!(alone(old), done(&["eth0", "eth0:1"], true));
    assert_eq!(alone(new), done(&[], false), "once is enough");
}

#[test]
fn names_and_patterns() {
    for ours in [
        "eth0",
        "end0",
        "enxb827ebef5644",
        "/enx*",
        "eth0:1",
        "/eth*",
        "/e?h0",
        "/*",
        "/[ew]*",
        "eth0/x",
        "/eth*=phys",
        "eth0=lan",
    ] {
        assert!(meant(&boot()).is_boot(ours), "{ours}");
    }
    for other in ["lo", "eth1", "enx001122334455", "eth0.7", "wlan0", "/wlan*", "/eth", "/", "", "/ü*", "/*9"]
    {
        assert!(!meant(&boot()).is_boot(other), "{other}");
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
    assert!(told(&tree, &facts).join(" ").contains(
        "the lines for end0 in etc/network/interfaces.d/lan are comments now, and its static address"
    ));
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
fn the_name_by_the_mac_address_is_the_boot_interfaces() {
    let tree = Tree::new();
    let mut facts = facts();
    facts.board = "b8:27:eb:12:34:56".parse().unwrap();
    let text = "auto enxb827eb123456\niface enxb827eb123456 inet dhcp\niface enx001122334455 inet dhcp\n";
    tree.file("root/etc/network/interfaces", text);
    let off = "# piprov: auto enxb827eb123456\n# piprov: iface enxb827eb123456 inet dhcp\niface enx001122334455 inet dhcp\n";
    assert_eq!(changed(&tree, &facts, "network")[0], format!("etc/network/interfaces {off}"));
    // A board before the Pi 4 has it by its serial number.
    facts.board = "00123456".parse().unwrap();
    assert_eq!(changed(&tree, &facts, "network")[0], format!("etc/network/interfaces {off}"));
    facts.board = "00123457".parse().unwrap();
    assert!(!changed(&tree, &facts, "network")[0].starts_with("etc/network/interfaces "));
}

#[test]
fn what_a_pattern_brought_up_besides_is_named() {
    let tree = Tree::new();
    let facts = facts();
    let main = "auto lo\niface lo inet loopback\nauto /eth*\niface eth0 inet dhcp\niface eth2 inet manual\n";
    tree.file("root/etc/network/interfaces", main);
    tree.file("root/etc/network/interfaces.d/lan", "iface eth1 inet dhcp\niface eth1:0 inet dhcp\n");
    let main = "auto lo\niface lo inet loopback\n# piprov: auto /eth*\nauto eth1 eth2\n# piprov: iface eth0 inet dhcp\n\
        iface eth2 inet manual\n";
    assert_eq!(changed(&tree, &facts, "network")[0], format!("etc/network/interfaces {main}"));
    let said = told(&tree, &facts).join(" ");
    assert!(
        said.contains("the lines for /eth* and eth0 in etc/network/interfaces are comments now."),
        "{said}"
    );
    assert!(
        said.contains("others than the boot interface too: eth1 and eth2 are brought up by name now"),
        "{said}"
    );
    tree.apply(&facts);
    assert_eq!((changed(&tree, &facts, "network"), told(&tree, &facts)), (vec![], vec![]));
}

#[test]
fn what_a_pattern_brought_up_and_nobody_knows_is_told() {
    for (line, left) in [
        ("auto /eth*", ""),
        ("auto lo /eth*", "auto lo\n"),
        // What is meant by these isn't followed.
        ("auto /eth[0-9]", ""),
        ("auto /eth*=lan", ""),
    ] {
        let boot = boot();
        let known = ["eth1", "wlan0"].map(str::to_owned).into();
        let known = if line.ends_with("eth*") { BTreeSet::new() } else { known };
        let new = without(&format!("{line}\n"), &Meant { known, ..meant(&boot) });
        assert_eq!(new.text.replace(&format!("# piprov: {line}\n"), ""), left, "{line}");
        let told = new.patterns[0].told("x");
        assert!(told.ends_with("aren't brought up by it any more: name them there."), "{told}");
    }
    assert_eq!(alone("auto eth0 eth1\n").patterns, [], "that one isn't brought up otherwise");
}

#[test]
fn an_interface_with_an_address_of_the_copied_host_is_taken_out_of_all_files() {
    let tree = Tree::new();
    let mut facts = facts();
    tree.file(
        "root/etc/network/interfaces",
        "auto lo br0 br0:1\niface lo inet loopback\nsource interfaces.d/*\n",
    );
    let lan = "iface br0 inet static\n address 10.0.0.1/24\n bridge_ports eth1\niface br0:1 inet static\n address 10.9.0.1/24\n\
        iface eth2 inet manual\n up ip addr add 10.0.0.1/24 dev eth2\n";
    tree.file("root/etc/network/interfaces.d/lan", lan);
    assert!(changed(&tree, &facts, "network").iter().all(|change| !change.starts_with("etc/network")));
    facts.is_this_host = true;
    let changes = changed(&tree, &facts, "network");
    assert!(changes[0].starts_with("etc/network/interfaces auto lo br0:1\n"), "{changes:?}");
    let lan = "# piprov: iface br0 inet static\n# piprov:  address 10.0.0.1/24\n# piprov:  bridge_ports eth1\n\
        iface br0:1 inet static\n address 10.9.0.1/24\n\
        # piprov: iface eth2 inet manual\n# piprov:  up ip addr add 10.0.0.1/24 dev eth2\n";
    assert_eq!(changes[1], format!("etc/network/interfaces.d/lan {lan}"));
    assert!(
        told(&tree, &facts).join(" ").contains("the lines for br0 and eth2 in etc/network/interfaces.d/lan")
    );
    tree.apply(&facts);
    assert_eq!((changed(&tree, &facts, "network"), told(&tree, &facts)), (vec![], vec![]));
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
        assert_eq!(
            remarkable(&format!("iface br0 inet manual\n  {line}\n"), &meant(&boot())),
            [kind(line.to_owned())]
        );
    }
    assert_eq!(
        remarkable(" bridge_ports \\\n  eth0\n", &meant(&boot())),
        [Remark::Taken("bridge_ports eth0".to_owned())]
    );
    for line in [
        "up iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE",
        "up brctl addif br0 eth1",
        "rename lan0=x",
        "iface lan inherits eth1",
        "# up brctl addif br0 eth0",
    ] {
        assert_eq!(remarkable(&format!("{line}\n"), &meant(&boot())), [], "{line}");
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
        let once = alone(&text).text;
        let twice = alone(&once);
        assert_eq!((&twice.text, twice.was_static), (&once, false));
        let brings_up = |line: &str| {
            let words: Vec<_> = line.split_whitespace().collect();
            matches!(words[..], ["iface" | "auto", "eth0", ..])
        };
        // What goes on from another line is no stanza.
        assert!(text.contains('\\') || !once.lines().any(brings_up), "{once}");
    }
}
