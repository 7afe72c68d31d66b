//! The interface that the root comes over is configured before any service starts. Who takes it down takes the root
//! away, so network managers leave it alone.

use super::{Error, Item, Where};
use crate::netboot::client::names::Board;

/// What the board's own interface is called: with the Pi's kernel, and by systemd's rules for names.
const INTERFACES: [&str; 2] = ["eth0", "end0"];

const DHCPCD: &str =
    "# piprov: the root comes over this interface, and is configured already.\ndenyinterfaces ";
const RESOLVE: &str = "etc/systemd/system/piprov-resolve.service";

pub(super) fn network(item: &mut Item<'_>) -> Result<(), Error> {
    if item.root.has("etc/NetworkManager")? {
        let mut unmanaged: Vec<String> =
            INTERFACES.iter().map(|name| format!("interface-name:{name}")).collect();
        if let Board::Mac(mac) = item.facts.board {
            unmanaged.push(format!("mac:{mac}"));
        }
        let text = format!(
            "# piprov: the root comes over this interface, and is configured already.\n[keyfile]\n\
             unmanaged-devices={}\n",
            unmanaged.join(";")
        );
        let path = "etc/NetworkManager/conf.d/90-piprov-netboot.conf";
        item.write(Where::Root, path, &text, "NetworkManager leaves the boot interface alone")?;
    }
    if let Some(old) = item.root.text("etc/dhcpcd.conf")? {
        let line = format!("{DHCPCD}{}\n", INTERFACES.join(" "));
        if !old.contains(&line) {
            let separator = if old.is_empty() || old.ends_with('\n') { "" } else { "\n" };
            let text = format!("{old}{separator}{line}");
            item.write(Where::Root, "etc/dhcpcd.conf", &text, "dhcpcd leaves the boot interface alone")?;
        }
    }
    // Nobody else tells the client who answers its questions for names.
    item.write(Where::Root, RESOLVE, RESOLVE_UNIT, "name servers from the boot's DHCP answer")?;
    let wanted = "etc/systemd/system/multi-user.target.wants/piprov-resolve.service";
    item.link(wanted, "/etc/systemd/system/piprov-resolve.service", "at each start")
}

/// The kernel's own configuration leaves the servers in /proc/net/pnp, that of an initramfs in /run/net-*.conf.
const RESOLVE_UNIT: &str = r#"# piprov: the name servers of the DHCP answer that the client booted with.
[Unit]
Description=Name servers of the network boot
ConditionPathIsReadWrite=/etc
Before=network-online.target nss-lookup.target

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'grep -qs "^nameserver" /etc/resolv.conf && exit 0; \
    { sed -n "/ 0.0.0.0$/d; /^nameserver /p; /^domain /p" /proc/net/pnp; \
      sed -n "s/^IPV4DNS[01]=.\\([1-9][0-9.]*\\).$/nameserver \\1/p" /run/net-*.conf; } 2>/dev/null \
    >/run/piprov-resolv.conf; [ -s /run/piprov-resolv.conf ] || exit 0; \
    rm -f /etc/resolv.conf; cp /run/piprov-resolv.conf /etc/resolv.conf'

[Install]
WantedBy=multi-user.target
"#;

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Tree, changed, facts};

    #[test]
    fn managers_that_are_there_are_told() {
        let tree = Tree::new();
        let mut facts = facts();
        let plain = changed(&tree, &facts, "network");
        assert_eq!(plain.len(), 2, "{plain:?}");
        tree.directory("root/etc/NetworkManager/conf.d");
        tree.file("root/etc/dhcpcd.conf", "option rapid_commit");
        facts.board = "dc:a6:32:01:36:c2".parse().unwrap();
        let changes = changed(&tree, &facts, "network");
        assert_eq!(changes.len(), 4);
        assert!(changes[0].starts_with("etc/NetworkManager/conf.d/90-piprov-netboot.conf "), "{changes:?}");
        assert!(
            changes[0].contains(
                "unmanaged-devices=interface-name:eth0;interface-name:end0;mac:dc:a6:32:01:36:c2\n"
            )
        );
        assert!(changes[1].starts_with("etc/dhcpcd.conf option rapid_commit\n# piprov"), "{changes:?}");
        assert!(changes[1].ends_with("\ndenyinterfaces eth0 end0\n"));
        tree.apply(&facts);
        assert_eq!(changed(&tree, &facts, "network"), [""; 0]);
    }
}
