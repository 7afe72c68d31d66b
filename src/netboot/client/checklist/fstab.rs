//! What is mounted besides the root: nothing of the card that isn't there, and the boot files over the network, so that
//! kernel updates reach the directory that the board boots from.

use super::{Error, Item, Mode, Where};

/// What a read-only root needs memory for.
const TMPFS: [&str; 9] = [
    "/tmp",
    "/var/tmp",
    "/var/log",
    "/var/cache",
    "/var/spool",
    "/var/lib/systemd",
    "/var/lib/dhcp",
    "/var/lib/NetworkManager",
    "/var/lib/sudo",
];

pub(super) fn fstab(item: &mut Item<'_>) -> Result<(), Error> {
    let facts = item.facts;
    let old = item.root.text("etc/fstab")?.unwrap_or_default();
    let mut lines: Vec<String> =
        old.lines().filter(|line| fate(line) == Fate::Stays).map(str::to_owned).collect();
    for line in old.lines().filter(|line| fate(line) == Fate::Vanishes).take(MOST_TOLD) {
        let line: String =
            line.split_whitespace().take(3).collect::<Vec<_>>().join(" ").chars().take(120).collect();
        item.tell(format!(
            "A line of etc/fstab goes, for its disk is not at the client: `{line}`. With nofail among its options it would stay."
        ));
    }
    let access = if facts.mode == Mode::Rw { "" } else { ",ro" };
    // Without it the client runs as well, so it must not end in the emergency shell; and it is mounted when there is
    // a network, which nfs and _netdev say.
    lines.push(format!(
        "{}:{} {} nfs defaults,vers=3,nolock{},nofail,_netdev{access} 0 0",
        facts.server,
        facts.boot.display(),
        facts.layout.boot,
        facts.protocol.options()
    ));
    if facts.mode == Mode::Ro {
        for place in TMPFS {
            if item.root.has(place)? {
                lines.push(format!("tmpfs {place} tmpfs defaults,nosuid,nodev 0 0"));
            }
        }
    }
    item.write(Where::Root, "etc/fstab", &(lines.join("\n") + "\n"), "no card, and the boot files over NFS")?;
    if !item.root.has("sbin/mount.nfs")? {
        item.note(format!(
            "The root has no mount.nfs, so {} stays empty on the client: install nfs-common in it. Until then kernel \
             updates don't reach the boot files.",
            facts.layout.boot
        ));
    }
    Ok(())
}

/// No fstab has more lines that would be worth a word each.
const MOST_TOLD: usize = 20;

/// What becomes of a line of the source's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Comments, and what is no disk and no swap; and disks that the client may do without.
    Stays,
    /// Another line takes its place, or a former run has added it.
    Replaced,
    /// A disk, or swap, that the source's user may miss.
    Vanishes,
}

fn fate(line: &str) -> Fate {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [what, place, kind, ref more @ ..] = fields[..] else { return Fate::Stays };
    if what.starts_with('#') {
        return Fate::Stays;
    }
    if matches!(place, "/" | "/boot" | "/boot/firmware") || (kind == "tmpfs" && TMPFS.contains(&place)) {
        return Fate::Replaced;
    }
    if kind == "swap" {
        return Fate::Vanishes;
    }
    let disk =
        ["/dev/", "PARTUUID=", "PARTLABEL=", "UUID=", "LABEL="].iter().any(|name| what.starts_with(name));
    let may_lack = more.first().is_some_and(|options| options.split(',').any(|option| option == "nofail"));
    if disk && !may_lack { Fate::Vanishes } else { Fate::Stays }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Tree, changed, facts, told};
    use super::super::Protocol;
    use super::*;

    const OLD: &str = "proc            /proc           proc    defaults          0       0\n\
        PARTUUID=35c84628-01  /boot/firmware  vfat    defaults          0       2\n\
        PARTUUID=35c84628-02  /               ext4    defaults,noatime  0       1\n\
        PARTUUID=35c84628-03  /data  ext4  defaults  0 2\n\
        # a swapfile is not a swap partition\nUUID=1-2 /usb ext4 noatime,nofail 0 2\n/var/swapfile none swap sw 0 0\n\
        10.0.0.9:/home /home nfs defaults 0 0\n";

    #[test]
    fn disks_go_and_the_boot_files_come() {
        let tree = Tree::new();
        tree.file("root/etc/fstab", OLD);
        tree.directory("root/var/log");
        tree.file("root/usr/sbin/mount.nfs", "");
        let mut facts = facts();
        let gone = told(&tree, &facts).join(" ");
        assert!(
            gone.contains("`PARTUUID=35c84628-03 /data ext4`") && gone.contains("`/var/swapfile none swap`"),
            "{gone}"
        );
        assert_eq!(gone.matches("goes").count(), 2, "{gone}");
        let proc = "proc            /proc           proc    defaults          0       0\n";
        let comment = "# a swapfile is not a swap partition\nUUID=1-2 /usb ext4 noatime,nofail 0 2\n10.0.0.9:/home /home nfs defaults 0 0\n";
        let boot =
            "10.0.0.1:/srv/netboot/tftp/a2ef5644 /boot/firmware nfs defaults,vers=3,nolock,nofail,_netdev";
        assert_eq!(changed(&tree, &facts, "fstab"), [format!("etc/fstab {proc}{comment}{boot} 0 0\n")]);
        facts.mode = Mode::Ro;
        let tmpfs = "tmpfs /var/log tmpfs defaults,nosuid,nodev 0 0";
        assert_eq!(
            changed(&tree, &facts, "fstab"),
            [format!("etc/fstab {proc}{comment}{boot},ro 0 0\n{tmpfs}\n")]
        );
        tree.apply(&facts);
        assert_eq!(changed(&tree, &facts, "fstab"), [""; 0]);
        facts.protocol = Protocol::NoAcl;
        assert!(
            changed(&tree, &facts, "fstab")[0]
                .contains(" nfs defaults,vers=3,nolock,noacl,nofail,_netdev,ro 0 0\n")
        );
    }
}
