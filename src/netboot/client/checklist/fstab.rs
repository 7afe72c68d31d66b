//! What is mounted besides the root: nothing of the card that isn't there, and the boot files over the network, so that
//! kernel updates reach the directory that the board boots from.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::{Error, Item, Mode, Where};
use crate::netboot::client::pattern::{fits, is_one};

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
    let mut lines: Vec<String> = staying(&old, &facts.apart).map(str::to_owned).collect();
    let vanishing = fates(&old, &facts.apart).into_iter().filter_map(|(line, fate)| match fate {
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
    let mark = if is_unmarked(&old) { "" } else { MARK };
    if facts.mode == Mode::Ro {
        for place in TMPFS {
            // With a size or a mode of the user's own it is memory as well.
            let has_own = lines.iter().any(|line| {
                matches!(fields(line), Some([_, there, kind, ..]) if kind == "tmpfs" && at(there) == place)
            });
            if !has_own && item.root.has(place)? {
                lines.push(memory(place, mark));
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

/// By this option, which mount(8) and systemd pass over, a line of the checklist's own is known: the same line without
/// it is somebody's.
const MARK: &str = ",x-piprov";

/// The line by which a read-only root has memory at a place.
fn memory(place: &str, mark: &str) -> String {
    format!("tmpfs {place} tmpfs defaults,nosuid,nodev{mark} 0 0")
}

/// Whether a table is that of a read-only client of a former version, which didn't mark its lines. They stay as they are.
fn is_unmarked(text: &str) -> bool {
    let boots_ro = |line: &str| {
        let is = |[what, _, kind, options]: [&str; 4]| {
            kind == "nfs"
                && what.contains(':')
                && options.contains("nolock")
                && options.ends_with(",nofail,_netdev,ro")
        };
        fields(line).is_some_and(is)
    };
    let marked = |line: &str| TMPFS.iter().any(|place| line == memory(place, MARK));
    text.lines().any(boots_ro) && !text.lines().any(marked)
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
    /// The disk is a file, and isn't copied.
    Apart,
}

impl Why {
    const fn why(self) -> &'static str {
        match self {
            Self::Disk => "its disk is not at the client",
            Self::Swap => "there is no swap over the network",
            Self::Apart => "the file that it mounts is not copied",
            Self::OnDisk => "what it mounts is on a disk that is not at the client",
        }
    }

    const fn help(self) -> &'static str {
        match self {
            Self::Disk | Self::OnDisk | Self::Apart => " With nofail among its options it would stay.",
            Self::Swap => "",
        }
    }
}

/// The lines that a client's table keeps; `apart` are the files that it hasn't got.
pub(super) fn staying<'t>(text: &'t str, apart: &[PathBuf]) -> impl Iterator<Item = &'t str> {
    fates(text, apart).into_iter().filter(|(_, fate)| *fate == Fate::Stays).map(|(line, _)| line)
}

/// What becomes of each line.
fn fates<'t>(text: &'t str, apart: &[PathBuf]) -> Vec<(&'t str, Fate)> {
    let unmarked = is_unmarked(text);
    let mut fates: Vec<(&str, Fate)> = text.lines().map(|line| (line, fate(line, unmarked))).collect();
    for (line, fate) in &mut fates {
        if *fate == Fate::Stays && is_apart(line, apart) {
            *fate = Fate::Vanishes(Why::Apart);
        }
    }
    let mut gone: BTreeSet<&str> = BTreeSet::new();
    // What is bound from a disk that goes may itself be bound from; a table has few steps of that.
    for _ in 0..4 {
        let before = gone.len();
        for entry in &mut fates {
            let (line, fate): (&str, &mut Fate) = (entry.0, &mut entry.1);
            let Some([what, place, kind, options]) = fields(line) else { continue };
            if *fate == Fate::Stays && is_on(what, kind, options, &gone) && !may_lack(options) {
                *fate = Fate::Vanishes(Why::OnDisk);
            }
            if matches!(fate, Fate::Vanishes(Why::Disk | Why::OnDisk | Why::Apart)) && place.len() <= LONGEST
            {
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

/// Options whose values are paths of this host: of overlayfs, aufs, unionfs and mergerfs, of what opens a file with a
/// secret, and of systemd.
const PATHS: [&str; 12] = [
    "lowerdir",
    "upperdir",
    "workdir",
    "datadir",
    "br",
    "dirs",
    "branches",
    "credentials",
    "cred",
    "keyfile",
    "passwd_file",
    "x-systemd.requires",
];

/// Whether something that a line needs lies at or below one of these places: what a bind is from, the directories that
/// are to be one, a file with a password.
fn is_on(what: &str, kind: &str, options: &str, gone: &BTreeSet<&str>) -> bool {
    // Another host's paths are its own; `mergerfs#/a:/b` names its program first.
    let foreign = matches!(kind, "nfs" | "nfs4" | "cifs" | "swap");
    let what = what.split_once('#').map_or(what, |(_, paths)| paths);
    let own = Some(what).filter(|what| !foreign && what.starts_with('/'));
    let named = options.split(',').filter_map(|option| {
        let (key, value) = option.split_once('=')?;
        PATHS.contains(&key.trim_end_matches('+')).then_some(value)
    });
    own.into_iter().chain(named).any(|paths| {
        // A branch may have its access behind it, `/a=RW`.
        let plain = paths.split(':').map(|part| part.split('=').next().unwrap_or(part));
        plain.filter(|part| part.starts_with('/') && part.len() <= LONGEST).any(|part| lies_on(part, gone))
    })
}

/// Whether a path, which may be a pattern, lies at or below one of these places.
fn lies_on(path: &str, gone: &BTreeSet<&str>) -> bool {
    std::path::Path::new(path).ancestors().filter_map(std::path::Path::to_str).any(|part| {
        if !is_one(part) {
            return gone.contains(part);
        }
        // Of many places only some are tried; one that begins so and isn't tried is taken to fit.
        const MOST: usize = 100;
        let start = part.split(['*', '?', '[']).next().unwrap_or_default();
        let mut near = gone.range(start..).take_while(|place| place.starts_with(start));
        near.by_ref().take(MOST).any(|place| is_meant(part, place)) || near.next().is_some()
    })
}

/// Whether a pattern means a path: a star doesn't reach beyond a directory.
fn is_meant(pattern: &str, path: &str) -> bool {
    pattern.split('/').count() == path.split('/').count()
        && pattern.split('/').zip(path.split('/')).all(|(pattern, name)| fits(pattern, name))
}

/// Whether a line mounts a file that the client hasn't got, and can't do without it.
fn is_apart(line: &str, apart: &[PathBuf]) -> bool {
    fields(line).is_some_and(|[what, _, _, options]| {
        let what = crate::beneath::unescape(what.as_bytes());
        !may_lack(options) && apart.iter().any(|path| path.as_os_str().as_bytes() == what)
    })
}

fn fate(line: &str, unmarked: bool) -> Fate {
    let Some([what, place, kind, options]) = fields(line) else { return Fate::Stays };
    let place = at(place);
    let memory = |mark| TMPFS.contains(&place) && line == memory(place, mark);
    if matches!(place, "/" | "/boot" | "/boot/firmware") || memory(MARK) || (unmarked && memory("")) {
        return Fate::Replaced;
    }
    if kind == "swap" {
        return Fate::Vanishes(Why::Swap);
    }
    let disk = is_disks(kind)
        || ["/dev/", "PARTUUID=", "PARTLABEL=", "UUID=", "LABEL=", "ID=", "mtd:", "ubi:"]
            .iter()
            .any(|name| what.starts_with(name))
        || ["mtd", "ubi"].iter().any(|name| {
            what.strip_prefix(name).is_some_and(|rest| rest.starts_with(|char: char| char.is_ascii_digit()))
        });
    if disk && !may_lack(options) { Fate::Vanishes(Why::Disk) } else { Fate::Stays }
}

/// Whether file systems of this kind lie on disks that have names of their own: ZFS finds them by its pool, and flash
/// memory is counted.
fn is_disks(kind: &str) -> bool {
    matches!(kind, "zfs" | "jffs2" | "ubifs" | "yaffs2")
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
        let tmpfs = "tmpfs /var/log tmpfs defaults,nosuid,nodev,x-piprov 0 0";
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
    fn a_line_whose_file_is_not_copied_goes_with_what_is_on_it() {
        let tree = Tree::new();
        tree.file(
            "root/etc/fstab",
            "/var/lib/net\\040boot.img /srv/netboot ext4 loop 0 0\n/srv/netboot/x /x none bind 0 0\n\
             /var/lib/net\\040boot.img /mnt ext4 loop,nofail 0 0\n/var/lib/other.img /other ext4 loop 0 0\n",
        );
        let mut facts = facts();
        assert_eq!(told(&tree, &facts), [""; 0]);
        facts.apart = vec!["/var/lib/net boot.img".into()];
        let gone = told(&tree, &facts).join("\n");
        assert!(gone.contains("for the file that it mounts is not copied: `/var/lib/net"), "{gone}");
        assert!(gone.contains("`/srv/netboot/x /x none`"), "{gone}");
        tree.apply(&facts);
        let table = tree.read("root/etc/fstab");
        assert!(
            table.contains(" /mnt ") && table.contains("/other.img") && !table.contains("bind"),
            "{table}"
        );
    }

    #[test]
    fn memory_of_the_users_own_stays() {
        let own = "tmpfs /tmp/ tmpfs size=123m,mode=1777 0 0\n";
        let log = memory("/var/log", MARK);
        assert_eq!(table(own, Mode::Rw).0, [own.trim_end()]);
        let (ro, _) = table(own, Mode::Ro);
        assert_eq!(ro, [own.trim_end(), &log]);
        // And back: what a former run has added goes.
        assert_eq!(table(&(ro.join("\n") + "\n"), Mode::Rw).0, [own.trim_end()]);
    }

    #[test]
    fn a_line_of_the_users_own_that_reads_like_piprovs_stays() {
        let own = memory("/tmp", "");
        let line = format!("{own}\n");
        assert_eq!(table(&line, Mode::Rw).0, [own.as_str()]);
        let (ro, _) = table(&line, Mode::Ro);
        assert_eq!(ro, [own.clone(), memory("/var/log", MARK)]);
        assert_eq!(table(&(ro.join("\n") + "\n"), Mode::Rw).0, [own.as_str()]);
    }

    #[test]
    fn a_read_only_client_of_a_former_version_is_as_it_should_be() {
        let tree = Tree::new();
        for place in ["root/tmp", "root/var/log", "root/usr/sbin"] {
            tree.directory(place);
        }
        tree.file("root/usr/sbin/mount.nfs", "");
        let mut facts = facts();
        facts.mode = Mode::Ro;
        let boot = "10.0.0.1:/srv/netboot/tftp/a2ef5644 /boot/firmware nfs defaults,vers=3,nolock,nofail,_netdev,ro 0 0";
        let old = format!("{boot}\n{}\n{}\n", memory("/tmp", ""), memory("/var/log", ""));
        tree.file("root/etc/fstab", &old);
        assert_eq!(changed(&tree, &facts, "fstab"), [""; 0]);
        facts.mode = Mode::Rw;
        tree.apply(&facts);
        assert!(!tree.read("root/etc/fstab").contains("tmpfs"), "{}", tree.read("root/etc/fstab"));
    }

    #[test]
    fn what_many_disks_are_put_together_to_goes_with_them() {
        let (left, gone) = table(
            "UUID=aa /mnt/disk1 ext4 defaults\nUUID=bb /mnt/disk2 ext4 defaults\n/mnt/disk* /pool fuse.mergerfs allow_other 0 0\n\
             overlay /merged overlay lowerdir=/mnt/disk1/l:/usr/share,upperdir=/u,workdir=/w 0 0\n\
             mergerfs#/mnt/disk1=RW:/mnt/disk2 /p2 fuse defaults 0 0\n/pool/d*/x /y none bind\n\
             //nas/x /n cifs credentials=/mnt/disk2/secret 0 0\ntmpfs /t tmpfs x-systemd.requires=/mnt/disk1\n\
             mtd:rootfs /f jffs2 ro\nubi0:data /g ubifs defaults\nmtd3 /h squashfs ro\n\
             /mnt/d?sk9 /k none bind\n/mnt/disk*/x /m fuse.mergerfs nofail\noverlay /o overlay lowerdir=/a:/b\n\
             pi@10.0.0.9:/mnt/disk1 /s fuse.sshfs defaults\n//nas/y /q cifs credentials=/root/secret 0 0\n",
            Mode::Rw,
        );
        let kept = [
            "/mnt/d?sk9 /k none bind",
            "/mnt/disk*/x /m fuse.mergerfs nofail",
            "overlay /o overlay lowerdir=/a:/b",
            "pi@10.0.0.9:/mnt/disk1 /s fuse.sshfs defaults",
            "//nas/y /q cifs credentials=/root/secret 0 0",
        ];
        assert_eq!(left, kept, "{gone}");
        assert_eq!(gone.lines().count(), 11, "{gone}");
        for line in ["`overlay /merged overlay`", "`/mnt/disk* /pool fuse.mergerfs`", "`mtd:rootfs /f jffs2`"]
        {
            assert!(gone.contains(line), "{line}: {gone}");
        }
    }

    #[test]
    fn a_long_table_of_patterns_takes_no_time() {
        let mut lines = String::new();
        for n in 0..8000 {
            lines.push_str(&format!("UUID=a /m{n} ext4 x\n/m*{n}z /y{n} none bind\n"));
        }
        let begun = std::time::Instant::now();
        assert_eq!(fates(&lines, &[]).len(), 16_000);
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
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
