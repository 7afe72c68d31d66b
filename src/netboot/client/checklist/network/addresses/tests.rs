use super::super::super::super::tests::{Tree, changed, facts, notes, told};

/// Settings that give an interface the server's address, other than the boot interface, and what of them is told.
const SETTINGS: [(&str, &str, &str); 9] = [
    (
        "etc/systemd/network/20-br0.network",
        "[Match]\nName=br0\n[Network]\nAddress=10.0.0.1/24\nDHCPServer=yes\nIPMasquerade=both\nDNS=10.0.0.1\n",
        "Address=10.0.0.1/24",
    ),
    (
        "etc/systemd/network/20-br0.network.d/more.conf",
        "[Address]\nAddress=10.0.0.1/24\n",
        "Address=10.0.0.1/24",
    ),
    (
        "etc/NetworkManager/system-connections/br0.nmconnection",
        "[connection]\ninterface-name=br0\n[ipv4]\nmethod=manual\naddress1=10.0.0.1/24,10.0.0.254\n",
        "address1=10.0.0.1/24,10.0.0.254",
    ),
    (
        "etc/netplan/90-NM-1.yaml",
        "network:\n  bridges:\n    NM-1:\n      addresses:\n      - \"10.0.0.1/24\"\n",
        "10.0.0.1/24",
    ),
    ("etc/netplan/50.yaml", "network: {bridges: {br0: {addresses: [10.0.0.1/24]}}}\n", "10.0.0.1/24"),
    (
        "etc/dhcpcd.conf",
        "hostname\ninterface br0\nstatic ip_address=10.0.0.1/24\n",
        "static ip_address=10.0.0.1/24",
    ),
    (
        "etc/network/interfaces",
        "auto lo eth0.10\niface lo inet loopback\niface eth0.10 inet static\n  address 10.0.0.1/24\n  mtu 1400\n",
        "address 10.0.0.1/24",
    ),
    ("var/lib/connman/lab.config", "[service_lab]\nType=ethernet\nIPv4=10.0.0.1/24/10.0.0.254\n", "IPv4="),
    ("etc/rc.local", "#!/bin/sh\nip addr add 10.0.0.1/24 dev br0\n", "ip addr add 10.0.0.1/24 dev br0"),
];

fn root(path: &str, text: &str) -> Tree {
    let tree = Tree::new();
    tree.file("root/usr/lib/systemd/systemd-networkd", "");
    tree.file(&format!("root/{path}"), text);
    tree
}

#[test]
fn the_servers_address_in_any_managers_file_is_told_by_file_and_word() {
    for (path, text, line) in SETTINGS {
        let tree = root(path, text);
        let said = notes(&tree, &facts());
        let start =
            format!("{path} gives an interface 10.0.0.1, the address of the client's server (`{line}");
        assert!(said.iter().any(|note| note.starts_with(&start)), "{path}: {said:?}");
        // What differs in a digit is another one.
        let tree = root(path, &text.replace("10.0.0.1/", "10.0.0.11/"));
        let said = notes(&tree, &facts()).join(" ");
        assert!(!said.contains("gives an interface"), "{path}: {said}");
    }
}

#[test]
fn an_address_of_this_host_is_not_its_copys() {
    for (path, text, line) in SETTINGS {
        let tree = root(path, text);
        let mut facts = facts();
        facts.is_this_host = true;
        // Lines of these depend on others that aren't known.
        if ["etc/netplan/50.yaml", "var/lib/connman/lab.config", "etc/rc.local"].contains(&path) {
            assert!(notes(&tree, &facts).join(" ").contains(line), "{path}");
            continue;
        }
        let said = told(&tree, &facts).join(" ");
        assert!(
            said.contains("What this host alone is on its networks") && said.contains(path),
            "{path}: {said}"
        );
        tree.apply(&facts);
        let left = std::fs::read_to_string(tree.path("root").join(path)).unwrap_or_default();
        let counts =
            |line: &&str| !line.starts_with('#') && line.contains("10.0.0.1") && !line.starts_with("DNS");
        assert_eq!(left.lines().find(counts), None, "{path}");
        assert_eq!(changed(&tree, &facts, "network"), [""; 0], "{path}");
        assert_eq!(told(&tree, &facts), [""; 0], "{path}");
    }
}

#[test]
fn another_address_of_this_host_is_told_as_what_it_is() {
    let (path, text, _) = SETTINGS[0];
    let tree = root(path, &text.replace("10.0.0.1/", "192.0.2.1/"));
    let mut facts = facts();
    assert!(!notes(&tree, &facts).join(" ").contains("192.0.2.1"));
    facts.addresses.push("192.0.2.1".parse().unwrap());
    let said = notes(&tree, &facts).join(" ");
    assert!(said.contains("an interface 192.0.2.1, which this host has (`Address=192.0.2.1/24`)"), "{said}");
}

#[test]
fn what_serves_others_is_told() {
    let shared = "[connection]\nid=spot\n[ipv4]\nmethod=shared\n";
    for (path, text) in [
        ("etc/systemd/network/30-lab.network", "[Network]\nDHCPServer=yes\n"),
        ("etc/systemd/network/30-lab.network", "[Network]\nIPMasquerade=ipv4\n"),
        ("etc/NetworkManager/system-connections/spot.nmconnection", shared),
        ("etc/netplan/90-NM-2.yaml", "network:\n  a:\n    passthrough:\n      ipv4.method: \"shared\"\n"),
    ] {
        let tree = root(path, text);
        let said = told(&tree, &facts()).join(" ");
        assert!(said.contains(&format!("{path} has the client give out addresses")), "{path}: {said}");
    }
    for text in ["[Network]\nDHCPServer=no\nIPMasquerade=no\n", "[DHCPServer]\nDHCPServer=yes\n"] {
        let tree = root("etc/systemd/network/30-lab.network", text);
        assert!(!told(&tree, &facts()).join(" ").contains("has the client"), "{text}");
    }
    // NetworkManager gives itself the first of those that it shares.
    let tree = root("etc/NetworkManager/system-connections/spot.nmconnection", shared);
    let mut facts = facts();
    facts.server = "10.42.0.1".parse().unwrap();
    facts.addresses = vec![facts.server];
    let said = notes(&tree, &facts).join(" ");
    assert!(said.contains("gives an interface 10.42.0.1, the address of the client's server"), "{said}");
}

#[test]
fn only_what_gives_an_address_counts() {
    let tree = Tree::new();
    let facts = facts();
    tree.file("root/usr/lib/systemd/systemd-networkd", "");
    for (path, text) in [
        (
            "etc/systemd/network/a.network",
            "[Network]\nGateway=10.0.0.1\nDNS=10.0.0.1\n#Address=10.0.0.1/24\n",
        ),
        (
            "etc/NetworkManager/system-connections/a.nmconnection",
            "[ipv4]\naddress1=10.0.0.9/24,10.0.0.1\ndns=10.0.0.1;\n",
        ),
        (
            "etc/netplan/a.yaml",
            "network:\n # 10.0.0.1/24\n nameservers: {addresses: [10.0.0.1]}\n routes: [{to: 10.0.0.1/32, via: 10.0.0.1}]\n",
        ),
        ("etc/dhcpcd.conf", "interface eth1\nstatic routers=10.0.0.1\n#static ip_address=10.0.0.1/24\n"),
        (
            "etc/network/interfaces",
            "iface eth1 inet static\n address 10.0.0.9/24\n gateway 10.0.0.1\n up ip route add 10.0.0.1/32 dev eth1\n",
        ),
        (
            "etc/rc.local",
            "# ip addr add 10.0.0.1/24 dev br0\nping 10.0.0.1\nip addr del 10.0.0.1/24 dev eth1\n",
        ),
    ] {
        tree.file(&format!("root/{path}"), text);
    }
    let said = notes(&tree, &facts).join(" ");
    assert!(!said.contains("gives an interface"), "{said}");
}

#[test]
fn what_is_said_of_the_boot_interface_alone_is_not_told() {
    let tree = Tree::new();
    for (path, text) in [
        ("etc/systemd/network/20-lan.network", "[Match]\nName=eth0\n[Network]\nAddress=10.0.0.1/24\n"),
        (
            "etc/NetworkManager/system-connections/lan.nmconnection",
            "[connection]\ninterface-name=eth0\n[ipv4]\naddress1=10.0.0.1/24\n",
        ),
        (
            "etc/netplan/50.yaml",
            "network:\n  ethernets:\n    \"eth0\":\n      addresses:\n        - 10.0.0.1/24\n",
        ),
        ("etc/dhcpcd.conf", "interface eth0\nstatic ip_address=10.0.0.1/24\n"),
        ("etc/network/interfaces", "iface eth0 inet static\n  address 10.0.0.1/24\n"),
    ] {
        tree.file(&format!("root/{path}"), text);
        let said = notes(&tree, &facts()).join(" ");
        assert!(!said.contains("gives an interface"), "{path}: {said}");
        // What comes behind is another one's again.
        let more = match path {
            "etc/netplan/50.yaml" => "    br0:\n      addresses: [10.0.0.1/24]\n",
            "etc/dhcpcd.conf" => "interface br0\nstatic ip_address=10.0.0.1/24\n",
            "etc/network/interfaces" => "iface br0 inet static\n  address 10.0.0.1/24\n",
            _ => continue,
        };
        tree.file(&format!("root/{path}"), &format!("{text}{more}"));
        let said = notes(&tree, &facts()).join(" ");
        assert!(said.contains(&format!("{path} gives an interface 10.0.0.1")), "{path}: {said}");
        tree.file(&format!("root/{path}"), text);
    }
}
