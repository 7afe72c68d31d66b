//! What no two machines may share: host keys, machine id, name.

use super::{Act, Error, Item, Mode, Where};

/// New host keys. Those of the source would let every client, and everybody with the image, pass for this one.
pub(super) fn ssh_keys(item: &mut Item<'_>) -> Result<(), Error> {
    let is_key = |name: &String| name.starts_with("ssh_host_") && name.contains("_key");
    let there: Vec<_> = item.root.names("etc/ssh")?.into_iter().filter(is_key).collect();
    let mut wanted = Vec::new();
    for key in item.facts.keys.clone() {
        let path = format!("etc/ssh/{}", key.file);
        let public = format!("{path}.pub");
        wanted.extend([key.file.clone(), format!("{}.pub", key.file)]);
        let has_private = item.root.find(&path)?.is_some_and(|node| node.mode & 0o077 == 0);
        if item.root.text(&public)?.as_deref() != Some(&key.public) || !has_private {
            let act = Act::Secret { bytes: key.private.clone().unwrap_or_default() };
            item.change(Where::Root, &path, act, "a host key of its own");
            let act = Act::Write { bytes: key.public.clone().into(), mode: 0o644 };
            item.change(Where::Root, &public, act, "and its public half");
        }
    }
    for name in there.iter().filter(|name| !wanted.contains(name)) {
        item.remove(&format!("etc/ssh/{name}"), "another machine's host key")?;
    }
    if item.facts.keys.is_empty() {
        item.note("New SSH host keys are made: the plan can't name them before.");
    }
    Ok(())
}

/// A machine id of its own: made at the first start where the root keeps it, otherwise given, or made at each start.
pub(super) fn machine_id(item: &mut Item<'_>) -> Result<(), Error> {
    const PATH: &str = "etc/machine-id";
    let there = item.root.text(PATH)?;
    let now = there.as_deref().map(str::trim);
    let own = |id: &str| {
        id.len() == 32
            && id.bytes().all(|byte| byte.is_ascii_hexdigit())
            && item.facts.foreign_machine_id.as_deref() != Some(id)
    };
    match item.facts.mode {
        // As pi-gen leaves it. An empty file would count as read only before systemd 247.
        Mode::Rw if now.is_some_and(|id| id == "uninitialized" || own(id)) => {}
        Mode::Rw => item.write(Where::Root, PATH, "uninitialized\n", "made at the first start")?,
        // What is empty gets an id for each start, in memory (machine-id(5)).
        Mode::Ro => item.write(Where::Root, PATH, "", "made at each start, since the root can't keep it")?,
        Mode::Overlay => {
            let text = format!("{}\n", item.facts.machine_id);
            item.write(Where::Root, PATH, &text, "one of its own, the same at each start")?;
        }
    }
    // Where it is a file and no link to the other.
    let dbus = item.root.find_link("var/lib/dbus/machine-id")?;
    if dbus.is_some_and(|node| node.kind == crate::image::ext4::FileKind::File) {
        item.link("var/lib/dbus/machine-id", "/etc/machine-id", "the same id")?;
    }
    Ok(())
}

/// Its name, and the address that programs look it up by.
pub(super) fn hostname(item: &mut Item<'_>) -> Result<(), Error> {
    let name = item.facts.name.to_string();
    item.write(Where::Root, "etc/hostname", &format!("{name}\n"), "its name")?;
    let old = item.root.kept("etc/hosts")?.unwrap_or_else(|| "127.0.0.1\tlocalhost\n".to_owned());
    item.write(Where::Root, "etc/hosts", &hosts(&old, &name), "its name in the table of hosts")
}

/// The table of hosts with one line for 127.0.1.1.
fn hosts(old: &str, name: &str) -> String {
    let wanted = format!("127.0.1.1\t{name}");
    let mut lines: Vec<&str> = Vec::new();
    let mut placed = false;
    for line in old.lines() {
        if line.split_whitespace().next() != Some("127.0.1.1") {
            lines.push(line);
        } else if !placed {
            let right = line.split_whitespace().eq(["127.0.1.1", name]);
            lines.push(if right { line } else { &wanted });
            placed = true;
        }
    }
    if !placed {
        lines.push(&wanted);
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Tree, changed, facts};
    use super::super::Key;
    use super::*;

    #[test]
    fn every_foreign_key_goes() {
        let tree = Tree::new();
        for name in ["ssh_host_rsa_key", "ssh_host_rsa_key.pub", "ssh_host_dsa_key", "sshd_config", "moduli"]
        {
            tree.file(&format!("root/etc/ssh/{name}"), "foreign");
        }
        let mut facts = facts();
        let of = |kind: &str| Key {
            file: format!("ssh_host_{kind}_key"),
            private: Some(b"private".to_vec()),
            public: format!("ssh-{kind} AAAA root@lab-01\n"),
        };
        facts.keys = vec![of("rsa"), of("ed25519")];
        let after = changed(&tree, &facts, "ssh-keys");
        let names: Vec<_> = after.iter().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(
            names,
            [
                "etc/ssh/ssh_host_rsa_key",
                "etc/ssh/ssh_host_rsa_key.pub",
                "etc/ssh/ssh_host_ed25519_key",
                "etc/ssh/ssh_host_ed25519_key.pub",
                "etc/ssh/ssh_host_dsa_key"
            ]
        );
        assert!(after.last().unwrap().ends_with("removed"), "{after:?}");
        tree.apply(&facts);
        assert_eq!(changed(&tree, &facts, "ssh-keys"), [""; 0]);
        use std::os::unix::fs::PermissionsExt;
        let mode =
            std::fs::metadata(tree.path("root/etc/ssh/ssh_host_ed25519_key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn machine_ids() {
        let tree = Tree::new();
        let mut facts = facts();
        facts.foreign_machine_id = Some("0123456789abcdef0123456789abcdef".into());
        for (mode, there, wanted) in [
            (Mode::Rw, "0123456789abcdef0123456789abcdef\n", Some("uninitialized\n")),
            (Mode::Rw, "", Some("uninitialized\n")),
            (Mode::Rw, "uninitialized\n", None),
            // What the client made itself at its first start.
            (Mode::Rw, "ffff456789abcdef0123456789abcdef\n", None),
            (Mode::Ro, "uninitialized\n", Some("")),
            (Mode::Ro, "", None),
            (Mode::Overlay, "uninitialized\n", Some("00000000000000000000000000000001\n")),
        ] {
            tree.file("root/etc/machine-id", there);
            facts.mode = mode;
            let after = changed(&tree, &facts, "machine-id");
            let wanted: Vec<_> = wanted.into_iter().map(|text| format!("etc/machine-id {text}")).collect();
            assert_eq!(after, wanted, "{mode:?} {there}");
        }
    }

    #[test]
    fn the_table_of_hosts() {
        let old = "127.0.0.1\tlocalhost\n::1\t\tlocalhost\n\n127.0.1.1\t\traspberrypi\n127.0.1.1 again\n";
        let new = hosts(old, "lab-01");
        assert_eq!(new, "127.0.0.1\tlocalhost\n::1\t\tlocalhost\n\n127.0.1.1\tlab-01\n");
        assert_eq!(hosts(&new, "lab-01"), new);
        assert_eq!(hosts("", "x"), "127.0.1.1\tx\n");
    }
}
