//! Programs that stack file systems. Overlayfs takes no upper directory on NFS (kernel, filesystems/overlayfs), and none
//! on another overlay; so their images need a disk of another kind.

use super::{Error, Item, fstab};

/// A program, and the directory that it needs a disk for.
const PROGRAMS: [(&str, &str); 6] = [
    ("usr/bin/dockerd", "/var/lib/docker"),
    ("usr/sbin/dockerd", "/var/lib/docker"),
    ("usr/bin/containerd", "/var/lib/containerd"),
    ("usr/bin/podman", "/var/lib/containers"),
    ("usr/local/bin/k3s", "/var/lib/rancher"),
    ("usr/bin/lxc-start", "/var/lib/lxc"),
];

pub(super) fn containers(item: &mut Item<'_>) -> Result<(), Error> {
    // Of the table as the client will have it.
    let old = item.root.kept("etc/fstab")?.unwrap_or_default();
    let fstab: Vec<&str> = fstab::staying(&old, &item.facts.apart).collect();
    for (program, place) in PROGRAMS {
        if item.root.has(program)? && !has_disk(&fstab, place) {
            let name = program.rsplit('/').next().unwrap_or(program);
            item.note(format!(
                "{name} is in the root, and the overlay file systems of containers don't work on NFS: mount a disk at {place} by a \
                 line in the client's etc/fstab that has nofail: a local one, or one over the network by iSCSI or NBD \
                 (piprov makes none)."
            ));
        }
    }
    Ok(())
}

/// Whether something other than NFS is mounted at a place, or above it but not at the top.
fn has_disk(fstab: &[&str], place: &str) -> bool {
    fstab.iter().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [what, at, kind, ..] = fields[..] else { return false };
        let around = at != "/" && std::path::Path::new(place).starts_with(at);
        around && !what.starts_with('#') && !matches!(kind, "nfs" | "nfs4" | "tmpfs" | "swap")
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Tree, facts, notes};

    #[test]
    fn containers_need_a_disk() {
        let tree = Tree::new();
        let facts = facts();
        let told = || notes(&tree, &facts).join(" ").matches("containers don't work on NFS").count();
        assert_eq!(told(), 0);
        tree.file("root/usr/bin/dockerd", "");
        tree.file("root/usr/bin/podman", "");
        assert_eq!(told(), 2);
        for (line, left) in [
            ("/dev/sda1 /var/lib/docker ext4 nofail 0 2", 1),
            ("/dev/sda1 /var/lib ext4 nofail 0 2", 0),
            ("/dev/sda1 / ext4 nofail 0 2", 2),
            // This line goes.
            ("/dev/sda1 /var/lib/docker ext4 defaults 0 2", 2),
            ("#/dev/sda1 /var/lib ext4 nofail 0 2", 2),
            ("10.0.0.1:/x /var/lib nfs nofail 0 2", 2),
        ] {
            tree.file("root/etc/fstab", &format!("{line}\n"));
            assert_eq!(told(), left, "{line}");
        }
    }
}
