//! What is mounted besides the root: nothing of the card that isn't there, and the boot files over the network, so that
//! kernel updates reach the directory that the board boots from.

use std::collections::HashSet;

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
    let old = item.root.kept("etc/fstab")?.unwrap_or_default();
    let mut lines: Vec<String> = staying(&old).map(str::to_owned).collect();
    let vanishing = fates(&old).into_iter().filter_map(|(line, fate)| match fate {
        Fate::Vanishes(why) => Some((line, why)),
        Fate::Stays | Fate::Replaced => None,
    });
    for (line, why) in vanishing.take(MOST_TOLD) {
        let line: String =
            line.split_whitespace().take(3).collect::<Vec<_>>().join(" ").chars().take(120).collect();
        item.tell(format!("A line of etc/fstab goes, for {}: `{line}`.{}", why.why(), why.help()));
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
            // With a size or a mode of the user's own it is memory as well.
            let has_own = lines.iter().any(|line| {
                matches!(fields(line), Some([_, there, kind, ..]) if kind == "tmpfs" && at(there) == place)
            });
            if !has_own && item.root.has(place)? {
                lines.push(memory(place));
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

/// The line by which a read-only root has memory at a place.
fn memory(place: &str) -> String {
    format!("tmpfs {place} tmpfs defaults,nosuid,nodev 0 0")
}

/// No fstab has more lines that would be worth a word each.
const MOST_TOLD: usize = 20;

/// No path is longer (PATH_MAX).
const LONGEST: usize = 4096;

/// What becomes of a line of the source's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Comments, and what is no disk and no swap; and disks that the client may do without.
    Stays,
    /// Another line takes its place, or a former run has added it.
    Replaced,
    /// A disk, or swap, that the source's user may miss.
    Vanishes(Why),
}

/// Why a line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Disk,
    Swap,
    /// What it is made of lies on such a disk.
    OnDisk,
}

impl Why {
    const fn why(self) -> &'static str {
        match self {
            Self::Disk => "its disk is not at the client",
            Self::Swap => "there is no swap over the network",
            Self::OnDisk => "what it mounts is on a disk that is not at the client",
        }
    }

    const fn help(self) -> &'static str {
        match self {
            Self::Disk | Self::OnDisk => " With nofail among its options it would stay.",
            Self::Swap => "",
        }
    }
}

/// The lines that a client's table keeps.
pub(super) fn staying(text: &str) -> impl Iterator<Item = &str> {
    fates(text).into_iter().filter(|(_, fate)| *fate == Fate::Stays).map(|(line, _)| line)
}

/// What becomes of each line.
fn fates(text: &str) -> Vec<(&str, Fate)> {
    let mut fates: Vec<(&str, Fate)> = text.lines().map(|line| (line, fate(line))).collect();
    let mut gone: HashSet<&str> = HashSet::new();
    // What is bound from a disk that goes may itself be bound from; a table has few steps of that.
    for _ in 0..4 {
        let before = gone.len();
        for entry in &mut fates {
            let (line, fate): (&str, &mut Fate) = (entry.0, &mut entry.1);
            let Some([what, place, kind, options]) = fields(line) else { continue };
            if *fate == Fate::Stays && is_on(what, kind, &gone) && !may_lack(options) {
                *fate = Fate::Vanishes(Why::OnDisk);
            }
            if matches!(fate, Fate::Vanishes(Why::Disk | Why::OnDisk)) && place.len() <= LONGEST {
                gone.insert(at(place));
            }
        }
        if gone.len() == before {
            break;
        }
    }
    fates
}

/// The fields of a line that mounts something.
fn fields(line: &str) -> Option<[&str; 4]> {
    let mut fields = line.split_whitespace();
    let what = fields.next().filter(|what| !what.starts_with('#'))?;
    Some([what, fields.next()?, fields.next()?, fields.next().unwrap_or_default()])
}

/// A mount point as it is compared.
fn at(place: &str) -> &str {
    match place.trim_end_matches('/') {
        "" => "/",
        place => place,
    }
}

fn may_lack(options: &str) -> bool {
    options.split(',').any(|option| option == "nofail")
}

/// Whether what a line mounts lies at or below one of these places: a bind, or several directories as one.
fn is_on(what: &str, kind: &str, gone: &HashSet<&str>) -> bool {
    // Another host's paths are its own.
    if !what.starts_with('/') || matches!(kind, "nfs" | "nfs4" | "cifs" | "swap") {
        return false;
    }
    what.split(':').filter(|part| part.len() <= LONGEST).any(|part| {
        std::path::Path::new(part)
            .ancestors()
            .filter_map(std::path::Path::to_str)
            .any(|part| gone.contains(part))
    })
}

fn fate(line: &str) -> Fate {
    let Some([what, place, kind, options]) = fields(line) else { return Fate::Stays };
    let place = at(place);
    let ours = TMPFS.contains(&place) && line == memory(place);
    if matches!(place, "/" | "/boot" | "/boot/firmware") || ours {
        return Fate::Replaced;
    }
    if kind == "swap" {
        return Fate::Vanishes(Why::Swap);
    }
    // ZFS finds its disks by the name of the pool.
    let disk = kind == "zfs"
        || ["/dev/", "PARTUUID=", "PARTLABEL=", "UUID=", "LABEL=", "ID="]
            .iter()
            .any(|name| what.starts_with(name));
    if disk && !may_lack(options) { Fate::Vanishes(Why::Disk) } else { Fate::Stays }
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

    fn table(lines: &str, mode: Mode) -> (Vec<String>, String) {
        let tree = Tree::new();
        tree.file("root/etc/fstab", lines);
        for place in ["root/tmp", "root/var/log", "root/usr/sbin"] {
            tree.directory(place);
        }
        tree.file("root/usr/sbin/mount.nfs", "");
        let mut facts = facts();
        facts.mode = mode;
        let gone = told(&tree, &facts).join("\n");
        tree.apply(&facts);
        let table = tree.read("root/etc/fstab");
        (table.lines().filter(|line| !line.contains("nolock")).map(str::to_owned).collect(), gone)
    }

    #[test]
    fn memory_of_the_users_own_stays() {
        let own = "tmpfs /tmp/ tmpfs size=123m,mode=1777 0 0\n";
        let log = memory("/var/log");
        assert_eq!(table(own, Mode::Rw).0, [own.trim_end()]);
        let (ro, _) = table(own, Mode::Ro);
        assert_eq!(ro, [own.trim_end(), &log]);
        // And back: what a former run has added goes.
        assert_eq!(table(&(ro.join("\n") + "\n"), Mode::Rw).0, [own.trim_end()]);
    }

    #[test]
    fn what_lies_on_a_disk_goes_with_it() {
        let (left, gone) = table(
            "/more/x /more/y none bind\n/data/home /more none bind 0 0\nUUID=aa /data/ ext4\npool/data /tank zfs\n\
             pool/b /b zfs nofail\n/data/b /c none bind,nofail\n10.0.0.9:/data /d nfs defaults\n/datastore /e none bind\n\
             /var/swapfile none swap sw,nofail\nUUID=bb /boot/firmware/ vfat defaults 0 2\n",
            Mode::Rw,
        );
        let kept = [
            "pool/b /b zfs nofail",
            "/data/b /c none bind,nofail",
            "10.0.0.9:/data /d nfs defaults",
            "/datastore /e none bind",
        ];
        assert_eq!(left, kept, "{gone}");
        assert_eq!(gone.lines().count(), 5, "{gone}");
        let swap = gone.lines().find(|line| line.contains("swapfile")).unwrap();
        assert!(swap.contains("no swap over the network") && !swap.contains("nofail among"), "{swap}");
    }

    #[test]
    fn a_table_of_other_bytes_keeps_them_and_none_that_is_unfit_is_emptied() {
        let tree = Tree::new();
        tree.bytes("root/etc/fstab", b"# caf\xe9\n//nas/caf\xe9 /x cifs defaults 0 0\n");
        tree.apply(&facts());
        let bytes = std::fs::read(tree.path("root/etc/fstab")).unwrap();
        assert!(bytes.starts_with(b"# caf\xe9\n//nas/caf\xe9 /x cifs defaults 0 0\n"), "{bytes:?}");
        tree.file("root/etc/fstab", &"# long\n".repeat(200_000));
        let (root, boot) = (tree.source("root"), tree.source("boot"));
        let (root, boot) = (super::super::View(&root), super::super::View(&boot));
        assert!(matches!(super::super::plan(&facts(), &root, &boot), Err(Error::Unfit { .. })));
    }
}
