//! NetworkManager, systemd-networkd (with netplan, which writes for both), ConnMan and dhcpcd.

use super::interface::{BootInterface, USUAL};
use super::{Item, Where, addresses};
use crate::host_network::plan::without_own;
use crate::netboot::client::Error;
use crate::netboot::client::pattern::fits;

const HEAD: &str = "# piprov: the root comes over this interface, and is configured already.\n";

pub(super) fn network_manager(item: &mut Item<'_>, boot: &BootInterface) -> Result<(), Error> {
    if !item.root.has("etc/NetworkManager")? {
        return Ok(());
    }
    let unmanaged = unmanaged(boot);
    let text = format!("{HEAD}[keyfile]\nunmanaged-devices={}\n", unmanaged.join(";"));
    item.leave(&format!("{NM}/{NM_OURS}"), &text, "NetworkManager", &by_mac_too(boot))?;
    let all = item.root.all_names(NM)?;
    // By name, as NetworkManager sorts them: by bytes.
    let behind = |name: &&std::ffi::OsString| {
        let name = name.as_encoded_bytes();
        name.ends_with(b".conf") && name > NM_OURS.as_bytes()
    };
    let names: Vec<_> = all.iter().filter(behind).collect();
    if names.len() > MOST_FILES {
        item.note(format!(
            "{NM} has more than {MOST_FILES} files behind piprov's, and not all of them were looked at: look whether any of the \
             others lists interfaces as unmanaged."
        ));
    }
    for name in names.into_iter().take(MOST_FILES) {
        let Some(text) = name.to_str() else {
            item.note(format!(
                "{NM}/{} has a name that is not UTF-8 and comes behind piprov's file, so NetworkManager may take the boot \
                 interface down: rename it so that it comes before {NM_OURS}.",
                name.to_string_lossy()
            ));
            continue;
        };
        let path = format!("{NM}/{text}");
        if item.root.text(&path)?.is_some_and(|text| manages(&text, boot)) {
            item.note(format!(
                "{path} comes behind piprov's file and has NetworkManager manage the boot interface, which may take it \
                 down: rename it so that it comes before {NM_OURS}."
            ));
        }
    }
    Ok(())
}

/// Where NetworkManager's files lie. Those in /usr/lib and /run, and NetworkManager.conf, are read before all of these
/// whatever they are called, and of two that say the same the later one counts (NetworkManager.conf(5)).
const NM: &str = "etc/NetworkManager/conf.d";
const NM_OURS: &str = "90-piprov-netboot.conf";
/// Real ones have a handful.
pub(super) const MOST_FILES: usize = 200;

/// How NetworkManager is told the boot interface.
fn unmanaged(boot: &BootInterface) -> Vec<String> {
    let names = boot.names.iter().map(|name| format!("interface-name:{name}"));
    names.chain(boot.mac.map(|mac| format!("mac:{mac}"))).collect()
}

/// What a manager knows the boot interface by that knows its MAC address as well.
fn by_mac_too(boot: &BootInterface) -> String {
    match boot.mac {
        Some(mac) if boot.is_sure => {
            format!("{} or whatever has the MAC address {mac}", boot.names.join(", "))
        }
        _ => boot.any(),
    }
}

/// Whether a file of NetworkManager's takes the boot interface out of the list of those that are left alone.
fn manages(text: &str, boot: &BootInterface) -> bool {
    let ours = unmanaged(boot);
    let takes = |line: &str| {
        let Some((key, value)) = line.split_once('=') else { return false };
        let specs: Vec<&str> =
            value.split([';', ',']).map(str::trim).filter(|spec| !spec.is_empty()).collect();
        let excepted =
            || specs.iter().filter_map(|spec| spec.strip_prefix("except:")).any(|spec| may_be(spec, boot));
        match key.trim() {
            "unmanaged-devices" => {
                !USUAL.iter().all(|name| specs.iter().any(|spec| is(spec, name))) || excepted()
            }
            "unmanaged-devices+" => excepted(),
            // What is taken out of the list.
            "unmanaged-devices-" => specs.iter().any(|spec| ours.iter().any(|ours| ours == spec)),
            _ => false,
        }
    };
    text.lines().any(takes)
}

/// The pattern of names that a way to say which devices are meant has, if it has one; a sign of equality before it means
/// that it is none.
fn names_of(spec: &str) -> Option<&str> {
    if spec == "*" { Some("*") } else { spec.strip_prefix("interface-name:") }
}

/// Whether a device of this name, which is a wired one, is meant.
fn is(spec: &str, name: &str) -> bool {
    let named = names_of(spec).is_some_and(|pattern| match pattern.strip_prefix('=') {
        Some(plain) => plain == name,
        // A set of characters isn't followed here.
        None => !pattern.contains('[') && fits(pattern.strip_prefix('~').unwrap_or(pattern), name),
    });
    named || spec == "type:ethernet"
}

/// Whether the boot interface may be meant. Its driver, and its MAC address where the board is known by its number, aren't
/// known.
fn may_be(spec: &str, boot: &BootInterface) -> bool {
    if let Some(pattern) = names_of(spec) {
        return boot.fits(pattern.trim_start_matches(['=', '~']));
    }
    if let Some(kind) = spec.strip_prefix("type:") {
        return kind == "ethernet";
    }
    spec.strip_prefix("mac:").is_none_or(|mac| boot.may_have(mac))
}

const DHCPCD: &str = "etc/dhcpcd.conf";

pub(super) fn dhcpcd(item: &mut Item<'_>, boot: &BootInterface) -> Result<(), Error> {
    let Some(old) = item.root.kept(DHCPCD)? else { return Ok(()) };
    let given = |line: &str| {
        let mut words = line.split_whitespace();
        let value = match (words.next()?, words.next()?) {
            ("static", value) => value.strip_prefix("ip_address=")?,
            ("inform", value) => value,
            _ => return None,
        };
        addresses::foreign(item, value)
    };
    let mut rest = old.clone();
    let mut gone = Vec::new();
    if item.facts.is_this_host {
        if let Some(without) = without_own(DHCPCD, &old) {
            rest = without;
            gone.push("what piprov added for this host's boards".to_owned());
        }
        let (text, lines) = addresses::commented(&rest, |line| given(line).is_some());
        if !lines.is_empty() {
            gone.push(addresses::all_quoted(&lines));
        }
        rest = text;
    } else {
        // What it leaves alone it gives no address.
        let mut of_boot = false;
        let found = old.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            if words.next() == Some("interface") {
                of_boot = words.next().is_some_and(|name| boot.is(name));
            }
            Some((given(line).filter(|_| !of_boot)?, line))
        });
        if let Some((address, line)) = found {
            addresses::note(item, DHCPCD, address, line);
        }
    }
    if !gone.is_empty() {
        item.tell(format!(
            "What this host alone is on its networks its copy isn't: taken out of {DHCPCD} is {}.",
            gone.join(", and ")
        ));
    }
    // At the top: behind a line `interface …` it would count for that interface alone, and be left out.
    let text = format!("{HEAD}denyinterfaces {}\n{}", boot.names.join(" "), without_denied(&rest));
    item.leave(DHCPCD, &text, "dhcpcd", &boot.any())
}

/// The text without the lines by which the boot interface is left alone, whatever names they have.
fn without_denied(text: &str) -> String {
    let mut parts = text.split(HEAD);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = match part.split_once('\n') {
            Some((line, rest)) if line.starts_with("denyinterfaces ") => rest,
            _ => part,
        };
        text + rest
    })
}

/// Where files of systemd-networkd lie; the first that fits an interface counts, by name, whichever directory it is in.
const NETWORKD: [&str; 3] = ["etc/systemd/network", "usr/lib/systemd/network", "lib/systemd/network"];
const OURS: &str = "00-piprov-netboot.network";

/// The same by its MAC address, which it has whatever it is called. A bridge and a VLAN upon it have that too, and are of
/// another type. It comes before [`OURS`], so it stands by the rule for that.
const OURS_BY_MAC: &str = "00-piprov-netboot-mac.network";

/// A first start enables it on Debian, whether somebody uses it or not.
pub(super) fn networkd(item: &mut Item<'_>, boot: &BootInterface) -> Result<(), Error> {
    if !item.root.has("usr/lib/systemd/systemd-networkd")?
        && !item.root.has("lib/systemd/systemd-networkd")?
    {
        return Ok(());
    }
    let before = before(item, boot)?;
    let leaves = |matches: String| format!("{HEAD}[Match]\n{matches}\n\n[Link]\nUnmanaged=yes\n");
    let by_name = leaves(format!("Name={}", boot.names.join(" ")));
    let by_mac = boot.mac.map(|mac| leaves(format!("MACAddress={mac}\nType=ether")));
    let files = [(OURS_BY_MAC, by_mac), (OURS, Some(by_name))];
    let changes = item.plan.changes.len();
    for (name, text) in files {
        let path = format!("{}/{name}", NETWORKD[0]);
        if let Some(text) = text {
            item.write(Where::Root, &path, &text, "systemd-networkd leaves the boot interface alone")?;
        }
    }
    // Only what is so is told.
    if item.plan.changes.len() > changes && before.is_empty() {
        let netplan = item.root.names("etc/netplan")?.iter().any(|name| name.ends_with(".yaml"));
        let netplan = if netplan { ", also where netplan writes for it," } else { "" };
        // Up to its version 241 the type of a plain interface is none to match.
        let names = if item.facts.layout.release == "buster" { boot.any() } else { by_mac_too(boot) };
        let path = format!("{}/{OURS}", NETWORKD[0]);
        item.tell(format!(
            "systemd-networkd{netplan} is kept off the boot interface, as {names}, by {path}."
        ));
    }
    for path in before {
        item.note(format!(
            "{path} comes before piprov's file, so systemd-networkd may take the boot interface down: rename it so that it \
             comes behind {OURS}."
        ));
    }
    // It waits for an interface that it manages, and there may be none.
    wait_online(item, "systemd-networkd-wait-online.service")
}

/// The first file in each place by which systemd-networkd may have the boot interface before ours counts.
fn before(item: &Item<'_>, boot: &BootInterface) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for place in NETWORKD {
        let mut names = item.root.all_names(place)?;
        names.retain(|name| {
            let name = name.as_encoded_bytes();
            name.ends_with(b".network") && name < OURS.as_bytes() && name != OURS_BY_MAC.as_bytes()
        });
        names.sort_unstable();
        for (at, name) in names.iter().enumerate() {
            item.go_on()?;
            let path = format!("{place}/{}", name.to_string_lossy());
            // Of what isn't read nobody knows what it means.
            let text = if at < MOST_FILES && name.to_str().is_some() { item.root.text(&path)? } else { None };
            if !item.is_gone(&path) && text.is_none_or(|text| boot.may_match(&text)) {
                found.push(path);
                break;
            }
        }
    }
    Ok(found)
}

/// What ConnMan leaves alone by itself (connman.conf(5)); a list of ours replaces it.
const CONNMAN: &str = "vmnet,vboxnet,virbr,ifb,ve-,vb-";

pub(super) fn connman(item: &mut Item<'_>, boot: &BootInterface) -> Result<(), Error> {
    if !item.root.has("usr/sbin/connmand")? && !item.root.has("etc/connman")? {
        return Ok(());
    }
    let old = item.root.kept("etc/connman/main.conf")?.unwrap_or_default();
    item.leave("etc/connman/main.conf", &blacklisted(&old, &boot.names), "ConnMan", &boot.any())?;
    wait_online(item, "connman-wait-online.service")
}

/// ConnMan's configuration with the boot interface in its list of interfaces that are left alone.
fn blacklisted(old: &str, boot: &[String]) -> String {
    const KEY: &str = "NetworkInterfaceBlacklist";
    let mut lines: Vec<String> = old.lines().map(str::to_owned).collect();
    let value = |line: &str| -> Option<String> {
        let (key, value) = line.split_once('=')?;
        (key.trim() == KEY).then(|| value.trim().to_owned())
    };
    let mut section = String::new();
    let mut found = None;
    for (n, line) in lines.iter().enumerate() {
        if let Some(name) = line.trim().strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        }
        // The last one counts.
        if section == "General" && value(line).is_some() {
            found = Some(n);
        }
    }
    let list = found.and_then(|n| value(&lines[n])).unwrap_or_else(|| CONNMAN.to_owned());
    let mut names: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    for ours in boot {
        if !names.contains(&ours.as_str()) {
            names.push(ours);
        }
    }
    let line = format!("{KEY}={}", names.join(","));
    match (found, lines.iter().position(|line| line.trim() == "[General]")) {
        (Some(n), _) => lines[n] = line,
        (None, Some(n)) => lines.insert(n + 1, line),
        (None, None) => lines.extend(["[General]".to_owned(), line]),
    }
    lines.join("\n") + "\n"
}

/// The network is there before any service starts; a service that waits for one more may wait in vain.
fn wait_online(item: &mut Item<'_>, unit: &str) -> Result<(), Error> {
    super::super::services::mask(item, unit, "the network is there before any service starts")
}

#[cfg(test)]
mod tests {
    use super::super::super::super::tests::{Tree, changed, facts, notes, told};
    use super::*;

    #[test]
    fn networkd_is_told_where_its_program_is() {
        let tree = Tree::new();
        let facts = facts();
        tree.file("root/usr/lib/systemd/systemd-networkd", "");
        tree.file("root/usr/lib/systemd/system/systemd-networkd-wait-online.service", "");
        tree.file("root/etc/netplan/50-cloud-init.yaml", "network: {version: 2}\n");
        let changes = changed(&tree, &facts, "network");
        let leaves = |matches: &str| format!("{HEAD}[Match]\n{matches}\n\n[Link]\nUnmanaged=yes\n");
        assert_eq!(
            changes[..2],
            [
                // A board before the Pi 4 has this address by its serial number.
                format!(
                    "etc/systemd/network/{OURS_BY_MAC} {}",
                    leaves("MACAddress=b8:27:eb:ef:56:44\nType=ether")
                ),
                format!("etc/systemd/network/{OURS} {}", leaves("Name=eth0 end0 enxb827ebef5644")),
            ]
        );
        assert_eq!(changes[2], "etc/systemd/system/systemd-networkd-wait-online.service -> /dev/null");
        assert!(told(&tree, &facts).join(" ").contains("netplan"));
        tree.apply(&facts);
        assert_eq!((changed(&tree, &facts, "network"), told(&tree, &facts)), (vec![], vec![]));
        // Another file that comes before it would count.
        assert!(!notes(&tree, &facts).join(" ").contains("comes before"));
        tree.file("root/etc/systemd/network/00-lan.network", "");
        assert!(notes(&tree, &facts).join(" ").contains("00-lan.network comes before"));
        tree.file("root/etc/systemd/network/00-lan.network", "[Match]\nName=eth1\n");
        assert!(!notes(&tree, &facts).join(" ").contains("comes before"), "it means another one");
        std::fs::remove_file(tree.path("root/etc/systemd/network/00-lan.network")).unwrap();
        let odd = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"00-\xff.network");
        std::fs::write(tree.path("root/etc/systemd/network").join(odd), "").unwrap();
        assert!(!notes(&tree, &facts).join(" ").contains("comes before"), "it comes behind");
        let odd = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"0-\xff.network");
        std::fs::write(tree.path("root/etc/systemd/network").join(odd), "").unwrap();
        assert!(notes(&tree, &facts).join(" ").contains("0-\u{fffd}.network comes before"));
    }

    #[test]
    fn who_is_kept_off_is_said_with_the_names_that_it_is_so_for() {
        let tree = Tree::new();
        let mut facts = facts();
        tree.file("root/usr/lib/systemd/systemd-networkd", "");
        tree.file("root/etc/dhcpcd.conf", "");
        let said = |facts: &_| told(&tree, facts).join(" ");
        let by_name = "systemd-networkd is kept off the boot interface, as eth0, end0 or enxb827ebef5644, by";
        assert!(said(&facts).contains(by_name), "{}", said(&facts));
        facts.board = "dc:a6:32:01:36:c2".parse().unwrap();
        let by_mac = "end0, enxdca6320136c2 or whatever has the MAC address dc:a6:32:01:36:c2, by";
        assert!(said(&facts).contains(by_mac), "{}", said(&facts));
        assert!(
            said(&facts)
                .contains("dhcpcd is kept off the boot interface, as eth0, end0 or enxdca6320136c2, by")
        );
        // Where another file comes first it isn't, and that alone is said.
        tree.file("root/etc/systemd/network/00-lan.network", "[Match]\nName=e*\n");
        assert!(!said(&facts).contains("systemd-networkd is kept off"), "{}", said(&facts));
        assert!(notes(&tree, &facts).join(" ").contains("00-lan.network comes before piprov's file"));
    }

    #[test]
    fn dhcpcd_is_told_once_whatever_names_the_boot_interface_had() {
        let tree = Tree::new();
        let mut facts = facts();
        tree.file("root/etc/dhcpcd.conf", &format!("{HEAD}denyinterfaces eth0 end0\nhostname\n"));
        let text = |facts: &_| changed(&tree, facts, "network")[0].clone();
        let wanted =
            |mac: &str| format!("etc/dhcpcd.conf {HEAD}denyinterfaces eth0 end0 enx{mac}\nhostname\n");
        assert_eq!(text(&facts), wanted("b827ebef5644"));
        tree.apply(&facts);
        facts.board = "dc:a6:32:01:36:c2".parse().unwrap();
        assert_eq!(text(&facts), wanted("dca6320136c2"));
    }

    #[test]
    fn a_later_file_of_network_manager_is_told() {
        use std::os::unix::ffi::OsStrExt;
        let tree = Tree::new();
        let facts = facts();
        let at = "root/etc/NetworkManager/conf.d";
        tree.file(&format!("{at}/10-first.conf"), "[keyfile]\nunmanaged-devices=none\n");
        tree.file(&format!("{at}/99-more.conf"), "[keyfile]\nunmanaged-devices+=interface-name:wlan0\n");
        tree.file(
            &format!("{at}/99-same.conf"),
            "unmanaged-devices=interface-name:eth0;interface-name:end0\n",
        );
        let said = || notes(&tree, &facts).join(" ");
        assert!(!said().contains("comes behind"), "{}", said());
        tree.file(&format!("{at}/99-zz.conf"), "[keyfile]\nunmanaged-devices=none\n");
        assert!(said().contains("99-zz.conf comes behind"), "{}", said());
        std::fs::remove_file(tree.path(&format!("{at}/99-zz.conf"))).unwrap();
        // What is in /usr/lib is read before all in /etc.
        tree.file("root/usr/lib/NetworkManager/conf.d/95.conf", "unmanaged-devices-=interface-name:eth0\n");
        assert!(!said().contains("comes behind"), "{}", said());
        let odd = std::ffi::OsStr::from_bytes(b"99-\xff.conf");
        std::fs::write(tree.path(at).join(odd), "").unwrap();
        assert!(said().contains("99-\u{fffd}.conf has a name that is not UTF-8"), "{}", said());
    }

    #[test]
    fn lists_of_network_manager_that_have_the_boot_interface_managed() {
        let ours = BootInterface::of("dc:a6:32:01:36:c2".parse().unwrap());
        for bad in [
            "=none",
            "=",
            "=interface-name:wlan*",
            "=*,except:interface-name:eth0,except:interface-name:end0",
            "=interface-name:eth0.5,interface-name:end0x",
            "=interface-name:eth0",
            "=type:ethernet;except:mac:DC:A6:32:01:36:C2",
            "=*;except:driver:bcmgenet",
            "+=except:interface-name:eth0",
            "+=interface-name:wlan0,except:type:ethernet",
            "+= except:interface-name:e*",
            "-=interface-name:end0",
            "-=mac:dc:a6:32:01:36:c2",
        ] {
            assert!(manages(&format!("[keyfile]\nunmanaged-devices{bad}\n"), &ours), "{bad}");
        }
        for fine in [
            "=interface-name:eth0;interface-name:end0",
            "=*",
            "=interface-name:e*;type:wifi",
            "=*;except:type:wifi;except:interface-name:usb0;except:mac:00:11:22:33:44:55",
            "+=interface-name:wlan0",
            "+=except:type:wifi",
            "-=interface-name:wlan0",
        ] {
            assert!(!manages(&format!("[keyfile]\nunmanaged-devices{fine}\n"), &ours), "{fine}");
        }
        assert!(!manages("[main]\n# unmanaged-devices=none\nplugins=keyfile\n", &ours));
        assert!(
            manages(
                "unmanaged-devices+=except:mac:00:11:22:33:44:55",
                &BootInterface::of("a2ef5644".parse().unwrap())
            ),
            "whose it is isn't known"
        );
    }

    #[test]
    fn connman_keeps_its_own_list() {
        let boot = USUAL.map(str::to_owned);
        let ours = |list: &str| format!("NetworkInterfaceBlacklist={list},eth0,end0");
        for (old, new) in [
            ("", format!("[General]\n{}\n", ours(CONNMAN))),
            (
                "[General]\nPreferredTechnologies=wifi\n",
                format!("[General]\n{}\nPreferredTechnologies=wifi\n", ours(CONNMAN)),
            ),
            (
                "[General]\nNetworkInterfaceBlacklist = usb, eth0\n",
                "[General]\nNetworkInterfaceBlacklist=usb,eth0,end0\n".into(),
            ),
            (
                "[Other]\nNetworkInterfaceBlacklist=x\n",
                format!("[Other]\nNetworkInterfaceBlacklist=x\n[General]\n{}\n", ours(CONNMAN)),
            ),
            (
                "# [General]\n#NetworkInterfaceBlacklist=x\n",
                format!("# [General]\n#NetworkInterfaceBlacklist=x\n[General]\n{}\n", ours(CONNMAN)),
            ),
        ] {
            assert_eq!(blacklisted(old, &boot), new);
            assert_eq!(blacklisted(&new, &boot), new);
        }
        let tree = Tree::new();
        let facts = facts();
        tree.file("root/usr/sbin/connmand", "");
        tree.file("root/usr/lib/systemd/system/connman-wait-online.service", "");
        let changes = changed(&tree, &facts, "network");
        assert!(changes[0].starts_with("etc/connman/main.conf [General]\n"), "{changes:?}");
        assert_eq!(changes[1], "etc/systemd/system/connman-wait-online.service -> /dev/null");
        tree.apply(&facts);
        assert_eq!(changed(&tree, &facts, "network"), [""; 0]);
    }
}
