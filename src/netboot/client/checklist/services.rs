//! Services that would work on a card that isn't there. They are masked, not disabled: at a first start systemd
//! enables again what was only disabled.

use super::{Error, Item, Where};

/// Services that partition, grow, or give keys at the first start.
const FIRST_BOOT: [&str; 5] = [
    // A script of System V up to Bullseye, which systemd runs as a service of this name.
    "resize2fs_once.service",
    "rpi-resize.service",
    "rpi-resize-root.service",
    "systemd-growfs-root.service",
    // It would replace the keys that the client was given.
    "regenerate_ssh_host_keys.service",
];

/// Swap files and what makes them; on NFS there can be no swap.
const SWAP: [&str; 3] =
    ["dphys-swapfile.service", "rpi-setup-loop@.service", "rpi-remove-swap-file@.service"];

/// What reads files of the boot partition at the first start: they have to wait until it is mounted.
const READS_BOOT: [&str; 3] = ["userconfig.service", "userconf.service", "sshswitch.service"];

const UNIT_PLACES: [&str; 3] = ["lib/systemd/system", "usr/lib/systemd/system", "etc/systemd/system"];

/// Whether the system has a service, whichever way.
fn has(item: &Item<'_>, unit: &str) -> Result<bool, Error> {
    for place in UNIT_PLACES {
        if item.root.has(&format!("{place}/{unit}"))? {
            return Ok(true);
        }
    }
    item.root.has(&format!("etc/init.d/{}", unit.trim_end_matches(".service")))
}

pub(super) fn mask(item: &mut Item<'_>, unit: &str, why: &str) -> Result<(), Error> {
    let path = format!("etc/systemd/system/{unit}");
    // What is masked already is not found any more.
    if has(item, unit)? || item.root.find_link(&path)?.is_some() {
        item.link(&path, "/dev/null", why)?;
    }
    Ok(())
}

pub(super) fn first_boot(item: &mut Item<'_>) -> Result<(), Error> {
    for unit in FIRST_BOOT {
        mask(item, unit, "there is no card to grow the root on, and the host keys are made")?;
    }
    if item.boot.has("firstrun.sh")?
        && item.boot.text(&item.facts.layout.cmdline)?.is_some_and(|line| line.contains("firstrun.sh"))
    {
        item.note(
            "firstrun.sh, in which Raspberry Pi Imager leaves its settings, is not run: it ends in a restart. Put the \
             user into userconf.txt, and an empty file `ssh` beside it.",
        );
    }
    Ok(())
}

pub(super) fn swap(item: &mut Item<'_>) -> Result<(), Error> {
    for unit in SWAP {
        mask(item, unit, "no swap file on NFS")?;
    }
    // Trixie's rpi-swap is a generator; a link of its name masks it (systemd.generator(7)).
    for place in ["lib", "usr/lib"] {
        if item.root.has(&format!("{place}/systemd/system-generators/rpi-swap-generator"))? {
            item.link(
                "etc/systemd/system-generators/rpi-swap-generator",
                "/dev/null",
                "no swap file on NFS",
            )?;
            break;
        }
    }
    item.remove("var/swap", "the swap file of a card")
}

/// The user's `userconf.txt`, `ssh` and `custom.toml` go on working.
pub(super) fn boot_files(item: &mut Item<'_>) -> Result<(), Error> {
    for unit in READS_BOOT {
        if has(item, unit)? {
            let text = format!(
                "# piprov: the boot files come over the network.\n[Unit]\nRequiresMountsFor={}\n",
                item.facts.layout.boot
            );
            let path = format!("etc/systemd/system/{unit}.d/piprov.conf");
            item.write(Where::Root, &path, &text, "waits until the boot files are mounted")?;
        }
    }
    let Some(custom) = item.boot.text("custom.toml")? else { return Ok(()) };
    let (found, left) = custom_settings(&custom);
    if let Some(line) = found.userconf
        && !item.boot.has("userconf.txt")?
    {
        item.write(
            Where::Boot,
            "userconf.txt",
            &line,
            "the user of custom.toml, which only a first boot reads",
        )?;
    }
    if found.ssh && !item.boot.has("ssh")? {
        item.write(Where::Boot, "ssh", "", "SSH on, as custom.toml says")?;
    }
    if !left.is_empty() {
        item.note(format!(
            "custom.toml is read by a first boot only, which a client doesn't have; not applied: {}.",
            left.join(", ")
        ));
    }
    Ok(())
}

/// What of a custom.toml can be said in other files.
#[derive(Debug, Default, PartialEq, Eq)]
struct Custom {
    userconf: Option<String>,
    ssh: bool,
}

/// Reads a custom.toml (raspberrypi-sys-mods' init_config); what can't be said otherwise is named.
fn custom_settings(text: &str) -> (Custom, Vec<String>) {
    let mut found = Custom::default();
    let Ok(table) = text.parse::<toml::Table>() else {
        return (found, vec!["anything, for it is not TOML".to_owned()]);
    };
    let mut left = Vec::new();
    for (section, value) in &table {
        let Some(values) = value.as_table() else { continue };
        let get = |key: &str| values.get(key).and_then(|value| value.as_str());
        let encrypted = values.get("password_encrypted").and_then(|value| value.as_bool()).unwrap_or(true);
        let user = (section == "user" && encrypted).then(|| Some((get("name")?, get("password")?))).flatten();
        if let Some((name, password)) = user {
            found.userconf = Some(format!("{name}:{password}\n"));
            continue;
        }
        for (key, value) in values {
            match (section.as_str(), key.as_str()) {
                ("ssh", "enabled") => found.ssh = value.as_bool() == Some(true),
                // The client has a name of its own.
                ("system", "hostname") => {}
                _ => left.push(format!("{section}.{key}")),
            }
        }
    }
    (found, left)
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Tree, changed, facts, notes};
    use super::*;

    #[test]
    fn what_is_there_is_masked() {
        let tree = Tree::new();
        tree.file("root/usr/lib/systemd/system/rpi-resize.service", "");
        tree.file("root/etc/init.d/resize2fs_once", "");
        tree.file("root/lib/systemd/system/dphys-swapfile.service", "");
        tree.file("root/usr/lib/systemd/system-generators/rpi-swap-generator", "");
        tree.file("root/var/swap", "swap");
        let facts = facts();
        let masked = |name: &str| format!("etc/systemd/system/{name}.service -> /dev/null");
        assert_eq!(changed(&tree, &facts, "first-boot"), [masked("resize2fs_once"), masked("rpi-resize")]);
        assert_eq!(
            changed(&tree, &facts, "swap"),
            [
                masked("dphys-swapfile"),
                "etc/systemd/system-generators/rpi-swap-generator -> /dev/null".into(),
                "var/swap removed".into()
            ]
        );
        tree.apply(&facts);
        assert_eq!(changed(&tree, &facts, "first-boot"), [""; 0]);
        assert_eq!(changed(&tree, &facts, "swap"), [""; 0]);
    }

    #[test]
    fn the_users_files_go_on_working() {
        let tree = Tree::new();
        tree.file("root/lib/systemd/system/userconfig.service", "");
        tree.file(
            "boot/custom.toml",
            "config_version = 1\n[user]\nname = \"pat\"\npassword = \"$6$x\"\npassword_encrypted = true\n\
             [ssh]\nenabled = true\nauthorized_keys = []\n[wlan]\nssid = \"x\"\n[system]\nhostname = \"y\"\n",
        );
        let facts = facts();
        let changes = changed(&tree, &facts, "boot-files");
        assert!(
            changes[0].starts_with("etc/systemd/system/userconfig.service.d/piprov.conf "),
            "{changes:?}"
        );
        assert!(changes[0].contains("RequiresMountsFor=/boot/firmware"));
        assert_eq!(changes[1..], ["userconf.txt pat:$6$x\n", "ssh "]);
        let said = notes(&tree, &facts).join(" ");
        assert!(said.contains("not applied: ssh.authorized_keys, wlan.ssid."), "{said}");
        tree.apply(&facts);
        assert_eq!(changed(&tree, &facts, "boot-files"), [""; 0]);
    }

    #[test]
    fn a_first_run_script_is_told() {
        let tree = Tree::new();
        tree.file("boot/firstrun.sh", "");
        tree.file("boot/cmdline.txt", "root=x systemd.run=/boot/firstrun.sh\n");
        assert!(notes(&tree, &facts()).iter().any(|note| note.contains("firstrun.sh")));
        assert_eq!(custom_settings("[").0, Custom::default());
    }
}
