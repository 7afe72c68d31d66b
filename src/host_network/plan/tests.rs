//! Plans for hosts of each kind, with the files as they lie there.

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn wanted(uplink: Option<&str>) -> Wanted {
    Wanted {
        interface: name("eth1"),
        address: Ipv4Addr::new(10, 20, 50, 1),
        prefix: 24,
        uplink: uplink.map(name),
    }
}

fn found(name: &str, address: Option<[u8; 4]>, default_route: bool) -> Found {
    let fixed = address.map(|ip| Address { ip: ip.into(), prefix: 24, fixed: true });
    Found {
        name: name.into(),
        ethernet: true,
        mac: Some(format!("02:00:00:00:00:0{}", &name[3..])),
        carrier: true,
        addresses: fixed.into_iter().collect(),
        default_route,
    }
}

/// A host that runs, with one manager that is on.
fn host(manager: Manager) -> Seen {
    Seen {
        live: true,
        installed: [manager].into(),
        enabled: [manager].into(),
        running: [manager].into_iter().filter(|one| one.is_daemon()).collect(),
        systemd: Systemd::Running,
        nft: Some("/usr/sbin/nft".into()),
        interfaces: vec![found("eth0", Some([192, 0, 2, 9]), true), found("eth1", None, false)],
        forwards: Some(false),
        may_forward: true,
        ..Seen::default()
    }
}

fn with(mut seen: Seen, path: &str, text: &str) -> Seen {
    seen.files.insert(path.into(), text.as_bytes().to_vec());
    seen
}

fn text<'a>(plan: &'a Plan, path: &str) -> &'a str {
    let change = plan.changes.iter().find(|change| change.path == path);
    match &change.unwrap_or_else(|| panic!("{path} isn't in {plan:#?}")).after {
        Contents::File { text, .. } => text,
        Contents::Link { target } => target,
    }
}

fn commands(around: &Around) -> Vec<String> {
    let steps = around.before.iter().chain(&around.after);
    let word = |step: &Step| match step {
        Step::Run(words) | Step::Try(words) => words.join(" "),
        Step::Forward(on) => format!("forward {on}"),
    };
    steps.map(word).collect()
}

#[track_caller]
fn planned(seen: &Seen, wanted: &Wanted) -> Plan {
    plan(seen, wanted, false).unwrap_or_else(|refused| panic!("{refused:?}"))
}

#[track_caller]
fn refused(seen: &Seen, wanted: &Wanted) -> Vec<Obstacle> {
    plan(seen, wanted, false).unwrap_err().obstacles
}

#[test]
fn network_manager_gets_a_connection_of_its_own() {
    let (plan, uuid) =
        (planned(&host(Manager::NetworkManager), &wanted(None)), network_manager::uuid(&wanted(None)));
    assert_eq!(
        text(&plan, "etc/NetworkManager/system-connections/piprov.nmconnection"),
        format!(
            "{MARK}\n[connection]\nid=piprov\nuuid={uuid}\ntype=ethernet\n\
             interface-name=eth1\nautoconnect=true\nautoconnect-priority=900\n\n[ipv4]\nmethod=manual\n\
             address1=10.20.50.1/24\nnever-default=true\n\n[ipv6]\nmethod=link-local\n"
        )
    );
    assert_eq!(plan.changes[0].after.mode(), Some(0o600));
    assert_eq!(
        text(&plan, "etc/NetworkManager/conf.d/90-piprov.conf"),
        format!("{MARK}\n[device-piprov]\nmatch-device=interface-name:=eth1\nignore-carrier=true\n")
    );
    let up = commands(&plan.apply);
    assert!(
        up[2].starts_with("nmcli --wait 30 connection up uuid ") && up[2].ends_with(" ifname eth1"),
        "{up:?}"
    );
    assert_eq!(commands(&plan.undo), ["nmcli general reload conf", "nmcli connection reload"]);
}

#[test]
fn a_connections_number_is_one_of_its_own_form() {
    let one = network_manager::uuid(&wanted(None));
    let parts: Vec<_> = one.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12]);
    assert!(one[14..].starts_with('8') && "89ab".contains(&one[19..20]), "{one}");
    assert_eq!(one, network_manager::uuid(&wanted(Some("eth0"))));
    assert_ne!(one, network_manager::uuid(&Wanted { interface: name("eth2"), ..wanted(None) }));
}

#[test]
fn networkd_gets_a_file_that_comes_first() {
    let plan = planned(&host(Manager::Networkd), &wanted(None));
    assert_eq!(
        text(&plan, "etc/systemd/network/00-00-piprov.network"),
        format!(
            "{MARK}\n[Match]\nName=eth1\n\n[Link]\nRequiredForOnline=no\n\n[Network]\nAddress=10.20.50.1/24\nDHCP=no\n\
             LinkLocalAddressing=ipv6\nIPv6AcceptRA=no\nConfigureWithoutCarrier=yes\nIgnoreCarrierLoss=yes\n"
        )
    );
    assert_eq!(commands(&plan.apply), ["networkctl reload", "networkctl reconfigure eth1"]);
}

#[test]
fn dhcpcd_keeps_what_it_has_and_gets_a_part_at_the_end() {
    let seen = with(host(Manager::Dhcpcd), "etc/dhcpcd.conf", "hostname\nslaac private");
    let plan = planned(&seen, &wanted(None));
    assert_eq!(
        text(&plan, "etc/dhcpcd.conf"),
        format!(
            "hostname\nslaac private\n\n{MARK}\ninterface eth1\nstatic ip_address=10.20.50.1/24\nnogateway\nnolink\n"
        )
    );
    assert_eq!(plan.changes[0].before.as_deref(), Some("hostname\nslaac private"));
    assert_eq!(
        (commands(&plan.apply), commands(&plan.undo)),
        (vec!["dhcpcd -n eth1".into()], vec!["dhcpcd -n eth1".into()])
    );
}

#[test]
fn ifupdown_gets_a_stanza_and_those_of_others_dont_count() {
    let main = "auto lo\niface lo inet loopback\nsource /etc/network/interfaces.d/*\n";
    let seen = with(host(Manager::Ifupdown), "etc/network/interfaces", main);
    let own = format!("{MARK}\nauto eth1\niface eth1 inet static\n    address 10.20.50.1/24\n");
    let plan = planned(&seen, &wanted(None));
    assert_eq!((plan.changes.len(), text(&plan, "etc/network/interfaces.d/piprov")), (1, own.as_str()));
    assert_eq!(
        (commands(&plan.apply), commands(&plan.undo)),
        (vec!["ifup eth1".into()], vec!["ifdown --force eth1".into()])
    );

    // It asked for an address by DHCP.
    let asks = with(seen, "etc/network/interfaces.d/lan", "auto eth1\niface eth1 inet dhcp\n");
    let plan = planned(&asks, &wanted(None));
    assert_eq!(
        text(&plan, "etc/network/interfaces.d/lan"),
        "#piprov# auto eth1\n#piprov# iface eth1 inet dhcp\n"
    );
    assert_eq!(commands(&plan.apply), ["ifdown --force eth1", "ifup eth1"]);
    assert_eq!(commands(&plan.undo), ["ifdown --force eth1", "ifup eth1"]);

    // Nothing is taken in: the stanza stands in the first file.
    let alone = with(host(Manager::Ifupdown), "etc/network/interfaces", "iface eth1 inet dhcp\nauto lo");
    let plan = planned(&alone, &wanted(None));
    assert_eq!(
        text(&plan, "etc/network/interfaces"),
        format!("#piprov# iface eth1 inet dhcp\nauto lo\n\n{own}")
    );
}

#[test]
fn boards_get_out_by_rules_of_their_own() {
    let plan = planned(&host(Manager::Networkd), &wanted(Some("eth0")));
    assert_eq!(
        text(&plan, "etc/piprov/nat.nft"),
        format!(
            "#!/usr/sbin/nft -f\n{MARK}\ntable inet piprov_nat\ndelete table inet piprov_nat\ntable inet piprov_nat {{\n\
             \x20   chain forward {{\n        type filter hook forward priority filter; policy accept;\n\
             \x20       iifname \"eth1\" oifname \"eth0\" accept\n\
             \x20       iifname \"eth0\" oifname \"eth1\" ct state established,related accept\n\
             \x20       iifname \"eth1\" drop\n        oifname \"eth1\" drop\n    }}\n\
             \x20   chain postrouting {{\n        type nat hook postrouting priority srcnat; policy accept;\n\
             \x20       ip saddr 10.20.50.0/24 oifname \"eth0\" masquerade\n    }}\n}}\n"
        )
    );
    assert_eq!(text(&plan, "etc/sysctl.d/zz-piprov.conf"), format!("{MARK}\nnet.ipv4.ip_forward = 1\n"));
    assert!(text(&plan, UNIT).contains("\nExecStart=/usr/sbin/nft -f /etc/piprov/nat.nft\n"));
    assert_eq!(text(&plan, LINK), "/etc/systemd/system/piprov-nat.service");
    assert_eq!(plan.notes.len(), 1);
    assert_eq!(
        commands(&plan.undo),
        [
            "systemctl stop piprov-nat.service",
            "networkctl reload",
            "networkctl reconfigure eth1",
            "systemctl daemon-reload",
            "forward false",
        ]
    );

    // Without systemd the stanza loads them, and no other manager can.
    let mut old = host(Manager::Ifupdown);
    (old.systemd, old.forwards) = (Systemd::Absent, Some(true));
    let plan = planned(&with(old, "etc/network/interfaces", ""), &wanted(Some("eth0")));
    let stanza = text(&plan, "etc/network/interfaces");
    assert!(stanza.contains("\n    up /usr/sbin/nft -f /etc/piprov/nat.nft\n"), "{stanza}");
    assert!(plan.changes.iter().all(|change| change.path != UNIT));
    assert!(!commands(&plan.undo).contains(&"forward false".into()), "it passed packets on before");
    let mut other = host(Manager::Dhcpcd);
    other.systemd = Systemd::Absent;
    assert_eq!(refused(&other, &wanted(Some("eth0"))), [Obstacle::NoKeeper]);
}

#[test]
fn who_names_an_interface_has_it() {
    let all = || Seen { enabled: Manager::ALL.into(), installed: Manager::ALL.into(), ..Seen::default() };
    let owner = |seen: &Seen| seen.owner(&name("eth1"));
    let manager = |manager| Owner::Manager(manager);
    assert_eq!(owner(&Seen::default()), Owner::Nobody(Vec::new()));
    assert_eq!(owner(&all()), manager(Manager::NetworkManager));
    let stanza = with(all(), "etc/network/interfaces", "iface eth1 inet dhcp\n");
    assert_eq!(owner(&stanza), manager(Manager::Ifupdown));
    let other = with(all(), "etc/network/interfaces", "iface eth10 inet dhcp\n#iface eth1\n");
    assert_eq!(owner(&other), manager(Manager::NetworkManager));
    let netplan =
        with(all(), "etc/netplan/50.yaml", "network:\n  ethernets:\n    \"eth1\":\n      dhcp4: true\n");
    assert_eq!(owner(&netplan), manager(Manager::NetworkManager), "netplan was there once");
    assert_eq!(owner(&Seen { netplan: true, ..netplan }), Owner::Netplan("etc/netplan/50.yaml".into()));
    for (file, is) in [
        ("[Match]\nName=eth*\n", true),
        ("[Match]\nType=ether\n", true),
        ("[Match]\nName=wlan0 eth1\n", true),
        ("[Match]\nName=eth0\nType=ether\n", false),
        ("[Network]\nName=eth1\n", false),
    ] {
        let owns = owner(&with(all(), "run/systemd/network/a.network", file)) == manager(Manager::Networkd);
        assert_eq!(owns, is, "{file}");
    }
    for (conf, leaves) in [
        ("[keyfile]\nunmanaged-devices=interface-name:eth1\n", true),
        ("[keyfile]\nunmanaged-devices=mac:02:00:00:00:00:01;interface-name:=eth1\n", true),
        ("[keyfile]\nunmanaged-devices=*,except:type:wifi,except:type:gsm\n", true),
        ("[keyfile]\nunmanaged-devices=*,except:type:ethernet\n", false),
        ("[keyfile]\nunmanaged-devices+=type:ethernet\n", true),
        ("[keyfile]\n#unmanaged-devices=*\n", false),
        ("[device-a]\nmatch-device=interface-name:eth*\nmanaged=0\n", true),
        ("[device-a]\nmatch-device=interface-name:eth0\n[device-b]\nmanaged=0\n", true),
        ("[device-a]\nmatch-device=interface-name:eth0\nmanaged=0\n", false),
        ("[device]\nmanaged=0\n[device-a]\nmatch-device=interface-name:eth1\nmanaged=1\n", false),
        ("[keyfile]\nunmanaged-devices=mac:02:00:00:00:00:AB\n", true),
        ("[keyfile]\nunmanaged-devices=mac:02:00:00:00:00:AC\n", false),
        ("[keyfile]\nunmanaged-devices=*\nunmanaged-devices=eth0\n", false),
        ("[keyfile]\nunmanaged-devices=eth0;eth1\nunmanaged-devices-=eth1\n", false),
    ] {
        let mut seen = with(all(), "usr/lib/NetworkManager/conf.d/10.conf", conf);
        seen.interfaces = vec![Found { mac: Some("02:00:00:00:00:ab".into()), ..found("eth1", None, false) }];
        assert_eq!(owner(&seen) != manager(Manager::NetworkManager), leaves, "{conf}");
        // A file of the host's own, of the same name and with nothing in it, hides it.
        let hidden = with(seen, "etc/NetworkManager/conf.d/10.conf", "");
        assert_eq!(owner(&hidden), manager(Manager::NetworkManager), "{conf}");
    }
    let mut rest = Seen { enabled: [Manager::Dhcpcd, Manager::Networkd].into(), ..all() };
    assert_eq!(owner(&rest), manager(Manager::Dhcpcd));
    assert_eq!(
        owner(&with(rest.clone(), "etc/dhcpcd.conf", "denyinterfaces wlan0 eth1\n")),
        manager(Manager::Networkd)
    );
    assert_eq!(
        owner(&with(rest.clone(), "etc/dhcpcd.conf", "allowinterfaces eth0\n")),
        manager(Manager::Networkd)
    );
    rest.connman = true;
    assert_eq!(owner(&rest), Owner::ConnMan);
}

#[test]
fn what_cant_be_done_is_said_with_all_that_stands_in_the_way() {
    let good = || host(Manager::Networkd);
    let mut lxc = good();
    (lxc.container, lxc.lacks, lxc.may_forward) = (Some("lxc".into()), vec![Lack::NetAdmin], false);
    lxc.nft = None;
    let refused_lxc = plan(&lxc, &wanted(Some("eth0")), false).unwrap_err();
    assert_eq!(
        crate::error::Explain::more(&refused_lxc),
        [
            "this container (lxc) may not change its network: it has no CAP_NET_ADMIN",
            "this container (lxc) passes no packets on, and can't be told to: net.ipv4.ip_forward is read-only",
            "there is no nft, which makes the rules for the boards' way out",
        ]
    );
    let mut stopped = good();
    stopped.running.clear();
    assert_eq!(
        refused(&stopped, &wanted(None)),
        [Obstacle::NotRunning { manager: Manager::Networkd, by_systemd: true }]
    );
    let way = Wanted { interface: name("eth0"), ..wanted(None) };
    assert_eq!(refused(&good(), &way), [Obstacle::DefaultRoute { interface: name("eth0") }]);
    assert!(plan(&good(), &way, true).is_ok(), "who insists gets it");
    let gone = Wanted { interface: name("eth7"), ..wanted(None) };
    assert_eq!(
        refused(&good(), &gone),
        [Obstacle::NoInterface { interface: name("eth7"), have: "eth0, eth1".into() }]
    );
    for (ip, prefix) in [
        ([10, 20, 50, 0], 24),
        ([10, 20, 50, 255], 24),
        ([127, 0, 0, 1], 8),
        ([224, 0, 0, 1], 24),
        ([10, 0, 0, 1], 31),
    ] {
        let bad = Wanted { address: ip.into(), prefix, ..wanted(None) };
        assert_eq!(refused(&good(), &bad), [Obstacle::BadAddress { address: bad.cidr() }]);
    }
    let same = Wanted { address: [192, 0, 2, 1].into(), ..wanted(None) };
    assert!(matches!(&refused(&good(), &same)[..], [Obstacle::Overlap { other, .. }] if other == "eth0"));
    let wide = Wanted { address: [192, 1, 1, 1].into(), prefix: 8, ..wanted(None) };
    assert!(matches!(&refused(&good(), &wide)[..], [Obstacle::Overlap { .. }]));
    let own = with(good(), "etc/systemd/network/00-00-piprov.network", "mine");
    assert_eq!(
        refused(&own, &wanted(None)),
        [Obstacle::Foreign { path: "/etc/systemd/network/00-00-piprov.network".into() }]
    );
    let mut linked = good();
    linked.odd.insert("etc/systemd/network".into());
    assert_eq!(refused(&linked, &wanted(None)), [Obstacle::Odd { path: "/etc/systemd/network".into() }]);
    let mut fixed = good();
    fixed.read_only.insert("etc".into());
    assert_eq!(refused(&fixed, &wanted(None)), [Obstacle::ReadOnly { path: "/etc".into() }]);
    assert_eq!(
        refused(&good(), &wanted(Some("eth1"))),
        [Obstacle::SameInterface { interface: name("eth1") }]
    );
    let mut dhcpcd = host(Manager::Dhcpcd);
    dhcpcd.files.insert("etc/dhcpcd.conf".into(), vec![0xff]);
    assert_eq!(refused(&dhcpcd, &wanted(None)), [Obstacle::Odd { path: "/etc/dhcpcd.conf".into() }]);
}

#[test]
fn an_address_that_its_settings_give_stays_as_it_is() {
    let text = "[Match]\nName=eth1\n[Network]\nAddress=10.20.50.1/24\n";
    let mut seen = with(host(Manager::Networkd), "etc/systemd/network/50-lan.network", text);
    seen.interfaces[1] = found("eth1", Some([10, 20, 50, 1]), false);
    assert!(planned(&seen, &wanted(None)).is_empty());
    // The way out is all that is missing.
    let plan = planned(&seen, &wanted(Some("eth0")));
    assert_eq!((plan.manager, plan.changes.len()), (None, 4));
    // One that somebody gave by hand is put into the settings.
    seen.files.clear();
    assert_eq!(planned(&seen, &wanted(None)).changes.len(), 1);
}

#[test]
fn another_hosts_root_gets_files_and_no_commands() {
    let plan = planned(&elsewhere(Manager::NetworkManager), &wanted(Some("eth0")));
    assert_eq!((plan.changes.len(), plan.apply, plan.undo), (6, Around::default(), Around::default()));
    assert!(plan.notes[0].contains("which interfaces the system in /mnt/new root has isn't known here"));
}

/// The root of another host, of which no interfaces are known.
fn elsewhere(manager: Manager) -> Seen {
    Seen {
        live: false,
        root: Some("/mnt/new root".into()),
        running: std::collections::BTreeSet::new(),
        interfaces: Vec::new(),
        forwards: None,
        ..host(manager)
    }
}

#[test]
fn another_hosts_root_is_checked_as_far_as_its_files_tell() {
    let plain = || elsewhere(Manager::Networkd);
    let lo = Wanted { interface: name("lo"), ..wanted(None) };
    for seen in [plain(), host(Manager::Networkd)] {
        assert_eq!(refused(&seen, &lo), [Obstacle::NotEthernet { interface: name("lo") }]);
        assert_eq!(refused(&seen, &wanted(Some("lo"))), [Obstacle::NoWayOut { interface: name("lo") }]);
        assert_eq!(
            refused(&seen, &wanted(Some("eth1"))),
            [Obstacle::SameInterface { interface: name("eth1") }]
        );
    }
    let way = "[Match]\nName=eth0\n[Network]\nAddress=192.0.2.9/24\nGateway=192.0.2.1\n";
    let seen = with(plain(), "etc/systemd/network/10-lan.network", way);
    let file = || "/mnt/new root/etc/systemd/network/10-lan.network".to_owned();
    let uplink = Wanted { interface: name("eth0"), ..wanted(None) };
    assert_eq!(refused(&seen, &uplink), [Obstacle::GatewayBehind { interface: name("eth0"), path: file() }]);
    assert!(plan(&seen, &uplink, true).is_ok(), "who insists gets it");
    let same = Wanted { address: [192, 0, 2, 1].into(), ..wanted(None) };
    assert_eq!(
        refused(&seen, &same),
        [Obstacle::OverlapBySettings {
            network: "192.0.2.0/24".into(),
            address: "192.0.2.9/24".into(),
            path: file()
        }]
    );
    assert_eq!((seen.way_out(), plain().way_out()), (Some(name("eth0")), None));
    assert!(planned(&seen, &wanted(Some("eth0"))).notes.len() == 2);
}

#[test]
fn what_helps_in_another_hosts_root_is_done_there() {
    let root = "/mnt/new root";
    let hint = |seen: &Seen, words: &str| {
        let found = refused(seen, &wanted(Some("eth0")));
        let hint = crate::error::Explain::hint(&found[0]).unwrap();
        assert!(hint.says(words), "{words}: {hint:?}");
    };
    let mut seen = elsewhere(Manager::Networkd);
    seen.nft = None;
    hint(&seen, &format!("chroot {root} apt-get install nftables"));
    let mut seen = elsewhere(Manager::Networkd);
    seen.enabled.clear();
    hint(&seen, &format!("systemctl --root {root} enable systemd-networkd"));
    let netplan = "network:\n  ethernets:\n    eth1:\n      dhcp4: true\n";
    let seen = Seen { netplan: true, ..elsewhere(Manager::Networkd) };
    let mut seen = with(seen, "etc/netplan/50.yaml", netplan);
    hint(&seen, "`addresses: [10.20.50.1/24]`; piprov doesn't change it. It holds once that system starts");
    (seen.netplan, seen.connman) = (false, true);
    seen.enabled.clear();
    hint(&seen, "once that system runs, ");
    seen.root = None;
    hint(&seen, "manual 10.20.50.1 255.255.255.0");
    let odd = Obstacle::Odd { path: seen.at("etc/x") };
    assert_eq!(odd.to_string(), "/etc/x is no plain text file, or a link leads there");
}

#[test]
fn who_leaves_an_interface_alone_isnt_off_and_gets_no_settings() {
    let conf = ("etc/NetworkManager/conf.d/a.conf", "[keyfile]\nunmanaged-devices=interface-name:eth1\n");
    let left = |manager, path: &str| Pass::Left { manager, path: path.into() };
    for (manager, (path, text)) in [
        (Manager::NetworkManager, conf),
        (Manager::NetworkManager, ("etc/NetworkManager/conf.d/a.conf", "[device]\nmanaged=0\n")),
        (Manager::Dhcpcd, ("etc/dhcpcd.conf", "denyinterfaces eth0,eth1\n")),
        (Manager::Dhcpcd, ("etc/dhcpcd.conf", "allowinterfaces eth0\n")),
        (
            Manager::Networkd,
            ("etc/systemd/network/10-a.network", "[Match]\nName=eth*\n[Link]\nUnmanaged=yes\n"),
        ),
    ] {
        let seen = with(host(manager), path, text);
        let passes = vec![left(manager, &format!("/{path}"))];
        let found = refused(&seen, &wanted(None));
        assert_eq!(found, [Obstacle::Nobody { interface: name("eth1"), passes, root: None }], "{text}");
        let said = found[0].to_string();
        assert!(said.contains(" leaves it alone, as /etc/") && !said.contains(" off"), "{said}");
        // Another one that has it gets the settings, and who left it alone is named.
        let other = if manager == Manager::Networkd { Manager::NetworkManager } else { Manager::Networkd };
        let mut seen = seen;
        for of in [&mut seen.installed, &mut seen.enabled, &mut seen.running] {
            of.insert(other);
        }
        let plan = planned(&seen, &wanted(None));
        assert_eq!(plan.manager, Some(other));
        assert!(plan.notes[0].starts_with(&format!("{} gets eth1: ", other.title())), "{:?}", plan.notes);
        let commands = [commands(&plan.apply), commands(&plan.undo)].concat();
        let foreign = match manager {
            Manager::NetworkManager => "nmcli",
            Manager::Dhcpcd => "dhcpcd",
            _ => "networkctl",
        };
        assert!(commands.iter().all(|command| !command.starts_with(foreign)), "{commands:?}");
    }
    // The first file that means it counts, and one that is hidden doesn't.
    let network = |dir: &str, unmanaged: &str| {
        let text = format!("[Match]\nName=eth1\n[Link]\nUnmanaged={unmanaged}\n");
        with(host(Manager::Networkd), &format!("{dir}/systemd/network/10-a.network"), &text)
    };
    let first = with(network("usr/lib", "yes"), "etc/systemd/network/05.network", "[Match]\nName=eth1\n");
    assert!(plan(&first, &wanted(None), false).is_ok());
    let hidden = with(network("usr/lib", "yes"), "etc/systemd/network/10-a.network", "");
    assert!(plan(&hidden, &wanted(None), false).is_ok());
    assert!(plan(&network("etc", "no"), &wanted(None), false).is_ok());
}

#[test]
fn a_stanza_that_nobody_reads_at_the_start_isnt_ifupdowns() {
    let stanza = "auto eth1\niface eth1 inet dhcp\n";
    let off = |masked: bool| {
        let mut seen = with(host(Manager::Ifupdown), "etc/network/interfaces", stanza);
        seen.enabled.clear();
        seen.masked.extend(masked.then_some(Manager::Ifupdown));
        seen
    };
    for (masked, words) in [(false, "is off"), (true, "is masked")] {
        let found = refused(&off(masked), &wanted(None));
        let said = found[0].to_string();
        assert!(said.contains("/etc/network/interfaces names it, and the service networking"), "{said}");
        assert!(said.ends_with(words), "{said}");
        let hint = crate::error::Explain::hint(&found[0]).unwrap();
        assert!(hint.says("systemctl enable --now networking"), "{hint:?}");
        assert_eq!(hint.says("systemctl unmask networking"), masked, "{hint:?}");
    }
    let add = |mut seen: Seen| {
        for of in [&mut seen.installed, &mut seen.enabled, &mut seen.running] {
            of.insert(Manager::NetworkManager);
        }
        seen
    };
    // Another one takes it,
    assert_eq!(planned(&add(off(false)), &wanted(None)).manager, Some(Manager::NetworkManager));
    // unless it leaves alone what stands there, as Debian has it set up,
    let debian = "[main]\nplugins=ifupdown,keyfile\n[ifupdown]\nmanaged=false\n";
    let seen = with(add(off(false)), "etc/NetworkManager/NetworkManager.conf", debian);
    let said = refused(&seen, &wanted(None))[0].to_string();
    assert!(said.ends_with("NetworkManager leaves it alone, as /etc/network/interfaces says"), "{said}");
    let takes = with(seen, "etc/NetworkManager/conf.d/a.conf", "[ifupdown]\nmanaged=true\n");
    assert_eq!(planned(&takes, &wanted(None)).manager, Some(Manager::NetworkManager));
    // or udev brings it up all the same.
    let hotplug =
        with(add(off(false)), "etc/network/interfaces", "allow-hotplug eth1\niface eth1 inet dhcp\n");
    assert!(matches!(&refused(&hotplug, &wanted(None))[..], [Obstacle::Nobody { .. }]));
}

#[test]
fn who_only_runs_comes_after_those_who_are_switched_on() {
    // The dhcpcd that ifupdown asks with.
    let mut seen = with(host(Manager::Ifupdown), "etc/network/interfaces", "");
    seen.installed.insert(Manager::Dhcpcd);
    seen.running.insert(Manager::Dhcpcd);
    assert_eq!(planned(&seen, &wanted(None)).manager, Some(Manager::Ifupdown));
    // Whose unit is switched on and didn't stay up.
    seen.enabled.insert(Manager::Networkd);
    assert_eq!(planned(&seen, &wanted(None)).manager, Some(Manager::Ifupdown));
    seen.enabled.clear();
    let plan = planned(&seen, &wanted(None));
    assert_eq!(plan.manager, Some(Manager::Dhcpcd));
    assert!(plan.notes[0].contains("isn't switched on: after the next start"), "{:?}", plan.notes);
}

proptest! {
    /// Whatever stands in the files: no plan changes anything but its own paths and runs anything but its own programs, and
    /// no line of a new file comes from outside.
    #[test]
    fn no_plan_leaves_its_own_paths(
        manager in 0usize..4, main in "(iface eth1|auto eth1|allow-x|source|\\*|interfaces.d| |\n|x){0,30}",
        file in "[ -~\n]{0,80}", of in "[a-z.]{1,12}", nat: bool,
    ) {
        let seen = with(host(Manager::ALL[manager]), "etc/network/interfaces", &main);
        let seen = with(with(seen, &format!("etc/network/interfaces.d/{of}"), &file), "etc/dhcpcd.conf", &file);
        if let Ok(plan) = plan(&seen, &wanted(nat.then_some("eth0")), false) {
            for change in &plan.changes {
                prop_assert!(may_change(&change.path) || change.path == LINK, "{}", change.path);
                let there = seen.files.get(&change.path).map(|bytes| String::from_utf8(bytes.clone()).unwrap());
                prop_assert_eq!(&change.before, &there);
            }
            for step in [plan.apply.before, plan.apply.after, plan.undo.before, plan.undo.after].concat() {
                if let Step::Run(words) | Step::Try(words) = step {
                    prop_assert!(may_run(&words), "{:?}", words);
                }
            }
        }
    }
}
