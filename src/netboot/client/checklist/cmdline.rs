//! The kernel's command line.

use super::{Error, Facts, Item, Mode, Where};
use crate::netboot::client::layout::cmdlines;

pub(super) fn cmdline(item: &mut Item<'_>) -> Result<(), Error> {
    let path = &item.facts.layout.cmdline;
    let old = item.boot.kept(path)?.unwrap_or_default();
    let text = line(&old, item.facts) + "\n";
    item.write(Where::Boot, path, &text, "the root over NFS, and no first boot")?;
    for (other, filter) in cmdlines(item.boot)? {
        if other != *path && item.boot.text(&other)?.is_some_and(|line| !line.contains("root=/dev/nfs")) {
            item.note(format!(
                "Below [{filter}] config.txt takes another command line, {other}, whose root is not over NFS: take that line \
                 out of config.txt, or put the client's root into {other}."
            ));
        }
    }
    Ok(())
}

/// The words of a command line: what is in quotation marks belongs together, as the kernel has it (lib/cmdline.c,
/// next_arg). Where the last mark is missing, it is set at the end, so that nothing behind it is taken as quoted.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for char in line.chars() {
        let char = if matches!(char, '\n' | '\r') { ' ' } else { char };
        quoted ^= char == '"';
        if char.is_whitespace() && !quoted {
            words.push(std::mem::take(&mut word));
        } else {
            word.push(char);
        }
    }
    if quoted {
        word.push('"');
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// The line with the root over NFS. Spelled so that the kernel itself understands it and klibc's nfsmount of an
/// initramfs too: that knows `vers` and `tcp`, and no `proto=` (klibc, usr/kinit/nfsmount/main.c).
fn line(old: &str, facts: &Facts) -> String {
    // Of images that grow themselves at their first start, `quiet` belongs to that.
    let resizes = old.contains("init_resize.sh");
    let mut words: Vec<String> = Vec::new();
    for word in self::words(old) {
        if is_of_the_card(&word) || (word == "quiet" && resizes) {
            continue;
        }
        words.push(match word.strip_prefix("ds=nocloud") {
            // Raspberry Pi Imager names the instance here too.
            Some(_) => format!("ds=nocloud;i=piprov-{}", facts.name),
            None => word,
        });
    }
    let access = if facts.mode == Mode::Rw { "rw" } else { "ro" };
    words.push("root=/dev/nfs".to_owned());
    let options = facts.protocol.options();
    words.push(format!("nfsroot={}:{},vers=3,tcp{options}", facts.server, facts.root.display()));
    words.extend([access, "ip=dhcp", "rootwait"].map(str::to_owned));
    if let Some(layer) = &facts.layer {
        words.push(format!("init={}", super::boot::OVERLAY_INIT));
        words.push(format!("piprov.layer={}", layer.display()));
    }
    words.join(" ")
}

/// What has to go: the card's root, what works on it at the first start, and what a former run has added.
fn is_of_the_card(word: &str) -> bool {
    const KEYS: [&str; 15] = [
        "root",
        "rootfstype",
        "rootflags",
        "rootdelay",
        "resume",
        "resume_offset",
        "resumedelay",
        "fsck.repair",
        "fsck.mode",
        "nfsroot",
        "ip",
        "boot",
        "overlayroot",
        "piprov.layer",
        "nfsrootdebug",
    ];
    // A mark may stand before the key, too.
    let word = word.strip_prefix('"').unwrap_or(word);
    let (key, value) = word.split_once('=').unwrap_or((word, ""));
    match key {
        "init" => ["firstboot", "init_resize.sh", "init_resize2.sh", "piprov"]
            .iter()
            .any(|name| value.contains(name)),
        "systemd.unit" => value == "kernel-command-line.target",
        // Of Raspberry Pi Imager, for firstrun.sh.
        "systemd.run" | "systemd.run_success_action" | "systemd.run_failure_action" => true,
        "rw" | "ro" | "rootwait" | "resumewait" | "resize" => true,
        key => KEYS.contains(&key) && word.contains('='),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Tree, facts, notes};
    use super::super::Protocol;
    use super::*;

    #[test]
    fn every_release_gets_the_same_root() {
        let facts = facts();
        let nfs = "root=/dev/nfs nfsroot=10.0.0.1:/srv/netboot/clients/lab-01,vers=3,tcp rw ip=dhcp rootwait";
        for (old, kept) in [
            // Buster, with its growing.
            (
                "console=serial0,115200 console=tty1 root=PARTUUID=6c586e13-02 rootfstype=ext4 elevator=deadline \
                 fsck.repair=yes rootwait quiet init=/usr/lib/raspi-config/init_resize.sh",
                "console=serial0,115200 console=tty1 elevator=deadline",
            ),
            // Bookworm.
            (
                "console=serial0,115200 console=tty1 root=PARTUUID=a-02 rootfstype=ext4 fsck.repair=yes rootwait quiet \
                 init=/usr/lib/raspberrypi-sys-mods/firstboot cfg80211.ieee80211_regdom=GB\n",
                "console=serial0,115200 console=tty1 quiet cfg80211.ieee80211_regdom=GB",
            ),
            // Bullseye by Imager.
            (
                "console=tty1 root=PARTUUID=b-02 rootwait systemd.run=/boot/firstrun.sh \
                 systemd.run_success_action=reboot systemd.unit=kernel-command-line.target",
                "console=tty1",
            ),
            // Trixie, by Imager.
            (
                "console=serial0,115200 root=PARTUUID=c-02 rootfstype=ext4 fsck.repair=yes rootwait resize \
                 ds=nocloud;i=rpi-imager-1 cgroup_enable=memory",
                "console=serial0,115200 ds=nocloud;i=piprov-lab-01 cgroup_enable=memory",
            ),
            (
                "root=\"PARTUUID=x y\" \"rootflags=a b\" resume=/dev/sda2 resumewait a=\"b  c\" quiet",
                "a=\"b  c\" quiet",
            ),
            ("a root=/dev/sda2\nb=\"c root=x\n", "a b=\"c root=x \""),
            // A boot over the network that somebody made by hand.
            (
                "root=/dev/nfs nfsroot=10.0.0.9:/nfs/c,vers=4.1,proto=tcp rw ip=dhcp init=/bin/bash",
                "init=/bin/bash",
            ),
        ] {
            let new = line(old, &facts);
            assert_eq!(new, format!("{kept} {nfs}"));
            assert_eq!(line(&new, &facts), new);
        }
        assert_eq!(line("", &facts), nfs);
    }

    #[test]
    fn a_command_line_for_some_boards_is_told() {
        let tree = Tree::new();
        tree.file("boot/cmdline.txt", "root=x");
        tree.file("boot/pi4.txt", "root=/dev/mmcblk0p2");
        tree.file("boot/new/cmdline.txt", "root=/dev/mmcblk0p2");
        tree.file("boot/more.txt", "cmdline=pi4.txt\n");
        let said = || {
            notes(&tree, &facts()).into_iter().filter(|note| note.contains("another command line")).count()
        };
        for (config, told) in [
            ("[pi4]\ncmdline=pi4.txt\n", 1),
            ("[pi4]\n[all]\ncmdline=cmdline.txt\n", 0),
            ("[pi4]\ncmdline=none.txt\n[pi5]\ncmdline=../pi4.txt\n", 0),
            ("[pi4]\ncmdline=pi4.txt # mine\n", 1),
            // It was another one when the client was made.
            ("cmdline=pi4.txt\n", 1),
            ("include more.txt\n", 1),
            ("[tryboot]\nos_prefix=new/\n", 0),
            ("[pi5]\nos_prefix=new/\n", 1),
        ] {
            tree.file("boot/config.txt", config);
            assert_eq!(said(), told, "{config}");
        }
        tree.file("boot/new/cmdline.txt", "root=/dev/nfs nfsroot=10.0.0.1:/x");
        assert_eq!(said(), 0, "somebody has done it");
    }

    #[test]
    fn an_overlay_has_an_init_of_its_own() {
        let mut facts = facts();
        facts.mode = Mode::Overlay;
        facts.root = "/srv/netboot/shared/base".into();
        facts.layer = Some("/srv/netboot/clients/lab-01".into());
        let new = line("root=x init=/usr/lib/raspberrypi-sys-mods/firstboot", &facts);
        assert_eq!(
            new,
            "root=/dev/nfs nfsroot=10.0.0.1:/srv/netboot/shared/base,vers=3,tcp ro ip=dhcp rootwait \
             init=/usr/lib/piprov/overlay-init piprov.layer=/srv/netboot/clients/lab-01"
        );
        assert_eq!(line(&new, &facts), new);
    }

    #[test]
    fn a_server_without_lists_is_not_asked_for_them() {
        let mut facts = facts();
        let whole = line("quiet", &facts);
        facts.protocol = Protocol::NoAcl;
        let new = line(&whole, &facts);
        assert_eq!(
            new,
            "quiet root=/dev/nfs nfsroot=10.0.0.1:/srv/netboot/clients/lab-01,vers=3,tcp,noacl rw ip=dhcp rootwait"
        );
        facts.protocol = Protocol::Whole;
        assert_eq!(line(&new, &facts), whole, "and back");
    }
}
