//! What gives the boot interface a name by which no program is kept off it: files of udev's and of netplan's.

use super::Item;
use super::addresses::quoted;
use super::interface::BootInterface;
use super::others::MOST_FILES;
use crate::host_network::plan::owner::settings;
use crate::netboot::client::Error;
use crate::netboot::client::pattern::fits;

/// A directory, how the names of its files end, and what finds the line that renames the boot interface, with the new name.
type Renaming = (&'static str, &'static str, fn(&BootInterface, &str) -> Option<(String, String)>);

const RENAMING: [Renaming; 4] = [
    ("etc/systemd/network", ".link", link),
    ("usr/local/lib/systemd/network", ".link", link),
    ("etc/udev/rules.d", ".rules", rules),
    ("etc/netplan", ".yaml", netplan),
];

pub(super) fn renamed(item: &mut Item<'_>, boot: &BootInterface) -> Result<(), Error> {
    for (directory, end, find) in RENAMING {
        let mut names = item.root.names(directory)?;
        names.retain(|name| name.ends_with(end));
        names.sort_unstable();
        for name in names.into_iter().take(MOST_FILES) {
            item.go_on()?;
            let path = format!("{directory}/{name}");
            let text = item.root.text(&path)?;
            let Some((line, name)) = text.and_then(|text| find(boot, &text)) else { continue };
            let whom = match boot.is_sure {
                // NetworkManager and systemd-networkd know it by its MAC address.
                true => "ifupdown, dhcpcd and ConnMan aren't",
                false => "no program is",
            };
            item.note(format!(
                "{path} may give the boot interface another name, {} (`{}`), and by that {whom} kept off it: take it out.",
                quoted(&name),
                quoted(&line)
            ));
        }
    }
    Ok(())
}

/// systemd.link(5). A policy comes before a name, and makes none where it has nothing to make it of.
fn link(boot: &BootInterface, text: &str) -> Option<(String, String)> {
    if !boot.may_match(text) {
        return None;
    }
    let of_link = || settings(text).filter(|(section, ..)| *section == "Link");
    let last = |wanted: &str| {
        let all = of_link().filter(|(_, key, value)| *key == wanted && !value.is_empty());
        all.last().map(|(_, key, value)| (format!("{key}={value}"), value))
    };
    if let Some((line, policies)) = last("NamePolicy")
        && let Some(name) = policy(boot, policies)
    {
        return Some((line, name.to_owned()));
    }
    last("Name").filter(|(_, name)| !boot.is(name)).map(|(line, name)| (line, name.to_owned()))
}

/// What a list of policies makes of the boot interface that isn't known.
fn policy(boot: &BootInterface, policies: &str) -> Option<&'static str> {
    // From the Pi 4 on it is on the board; before that it is on USB, and its MAC address follows from the serial number.
    let mut is_on_usb = false;
    for policy in policies.split_whitespace() {
        match policy {
            "onboard" => is_on_usb = true,
            "mac" if boot.is_sure || is_on_usb => return None,
            "mac" => return Some("one by its MAC address"),
            "slot" | "path" => return Some("one by its place"),
            _ => {}
        }
    }
    None
}

/// udev(7), as its persistent names were made.
fn rules(boot: &BootInterface, text: &str) -> Option<(String, String)> {
    text.replace("\\\n", " ").lines().find_map(|line| Some((line.to_owned(), rule(boot, line)?)))
}

fn rule(boot: &BootInterface, line: &str) -> Option<String> {
    if line.trim_start().starts_with('#') {
        return None;
    }
    let (mut name, mut is_net) = (None, false);
    for part in line.split(',') {
        let Some((key, value)) = part.split_once('=') else { continue };
        let compares = value.starts_with('=');
        let value = value.trim_start_matches('=').trim().trim_matches('"');
        let any = |fit: &dyn Fn(&str) -> bool| value.split('|').any(fit);
        match (key.trim(), compares) {
            ("NAME" | "NAME:", false) => name = Some(value.to_owned()),
            ("SUBSYSTEM" | "SUBSYSTEMS", true) => is_net |= value == "net",
            ("KERNEL", true) if any(&|pattern| boot.fits(pattern)) => is_net = true,
            ("KERNEL", true) => return None,
            ("ATTR{address}", true) if !any(&|mac| boot.may_have(mac)) => return None,
            // ARPHRD_ETHER
            ("ATTR{type}", true) if !any(&|kind| fits(kind, "1")) => return None,
            _ => {}
        }
    }
    // What is made of what udev knows is one of the names that are known.
    name.filter(|name| is_net && !name.contains(['$', '%']) && !boot.is(name))
}

/// netplan's `set-name`, by whichever lines around it. Whether those mean the boot interface isn't followed.
fn netplan(boot: &BootInterface, text: &str) -> Option<(String, String)> {
    let name = |line: &str| {
        let (before, name) = line.split_once("set-name:")?;
        let name = name.split(['#', ',', '}']).next().unwrap_or_default().trim().trim_matches(['"', '\'']);
        (!before.contains('#') && !name.is_empty() && !boot.is(name)).then(|| name.to_owned())
    };
    text.lines().find_map(|line| Some((line.to_owned(), name(line)?)))
}

#[cfg(test)]
mod tests {
    use super::super::super::super::tests::{Tree, facts, notes};
    use super::*;

    fn by_mac() -> BootInterface {
        BootInterface::of("b8:27:eb:12:34:56".parse().unwrap())
    }

    #[test]
    fn rules_that_rename_it() {
        for text in [
            r#"SUBSYSTEM=="net", ACTION=="add", ATTR{address}=="b8:27:eb:12:34:56", NAME="lan0""#,
            r#"KERNEL=="eth*", ATTR{type}=="1", NAME:="lan0""#,
            "SUBSYSTEM==\"net\", \\\n NAME=\"lan0\"\n",
        ] {
            assert_eq!(rules(&by_mac(), text).map(|(_, name)| name).as_deref(), Some("lan0"), "{text}");
        }
        for text in [
            r#"SUBSYSTEM=="net", ATTR{address}=="00:11:22:33:44:55", NAME="lan0""#,
            r#"SUBSYSTEM=="net", KERNEL=="wlan*", NAME="lan0""#,
            r#"SUBSYSTEM=="net", NAME=="", NAME="$env{ID_NET_NAME}""#,
            r#"SUBSYSTEM=="net", ATTR{type}=="1", NAME="eth0""#,
            r#"SUBSYSTEM=="block", NAME="lan0""#,
            r##"# SUBSYSTEM=="net", NAME="lan0""##,
        ] {
            assert_eq!(rules(&by_mac(), text), None, "{text}");
        }
    }

    #[test]
    fn policies_whose_names_are_not_known() {
        let by_serial = BootInterface::of("a2ef5644".parse().unwrap());
        let link =
            |boot: &BootInterface, policies: &str| link(boot, &format!("[Link]\nNamePolicy={policies}\n"));
        for (policies, name) in
            [("mac", "one by its MAC address"), ("keep kernel path mac", "one by its place")]
        {
            assert_eq!(link(&by_serial, policies), Some((format!("NamePolicy={policies}"), name.to_owned())));
        }
        assert_eq!(link(&by_mac(), "mac"), None);
        assert_eq!(link(&by_serial, "keep kernel database onboard mac path"), None);
        assert_eq!(link(&by_serial, "kernel"), None);
    }

    #[test]
    fn another_name_for_the_boot_interface_is_told_by_file_and_word() {
        let tree = Tree::new();
        let mut facts = facts();
        let at = "root/etc/systemd/network";
        tree.file(&format!("{at}/10-lan.link"), "[Match]\nMACAddress=b8:27:eb:12:34:56\n[Link]\nName=lan0\n");
        tree.file(&format!("{at}/11-usb.link"), "[Match]\nDriver=r8152\n[Link]\nName=usb0\n");
        tree.file(&format!("{at}/12-usual.link"), "[Match]\nType=ether\n[Link]\nName=eth0\n");
        tree.file(
            "root/etc/netplan/50.yaml",
            "network:\n ethernets:\n  a:\n   match: {macaddress: x}\n   set-name: lan1\n",
        );
        tree.file("root/etc/netplan/51.yaml", "   # set-name: lan2\n   set-name: \"eth0\"\n");
        let said = || notes(&tree, &facts).join(" ");
        assert!(
            said().contains("10-lan.link may give the boot interface another name, lan0 (`Name=lan0`)"),
            "{}",
            said()
        );
        assert!(said().contains("50.yaml may give") && said().contains("(`set-name:lan1`)"), "{}", said());
        assert!(said().contains("no program is kept off it"), "{}", said());
        for fine in ["11-usb", "12-usual", "51.yaml"] {
            assert!(!said().contains(fine), "{}", said());
        }
        facts.board = "b8:27:eb:12:34:57".parse().unwrap();
        assert!(!notes(&tree, &facts).join(" ").contains("10-lan.link"), "it is another's");
        facts.board = "b8:27:eb:12:34:56".parse().unwrap();
        let said = notes(&tree, &facts).join(" ");
        assert!(said.contains("ifupdown, dhcpcd and ConnMan aren't kept off it"), "{said}");
    }
}
