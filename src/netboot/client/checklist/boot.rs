//! The initramfs: the image's own, if it can mount a root over NFS.

use super::{Act, Error, Item, Where, bytes};
use crate::netboot::client::initramfs::{Inside, inspect};

/// The first program of a client whose root is shared, in that root.
pub(in super::super) const OVERLAY_INIT: &str = "/usr/lib/piprov/overlay-init";

/// No initramfs is larger; what is larger a board doesn't get over TFTP either.
const LONGEST: u64 = 512 << 20;

pub(super) fn initramfs(item: &mut Item<'_>) -> Result<(), Error> {
    let config = item.boot.kept("config.txt")?.unwrap_or_default();
    let prefix = item.facts.layout.prefix();
    let names = item.boot.names(prefix)?;
    let (used, automatic) = used(&config, &names);
    let mut without = Vec::new();
    for name in used {
        let Some(bytes) = item.boot.read(&format!("{prefix}/{name}"), LONGEST)? else { continue };
        match inspect(&bytes) {
            Ok(inside) if inside.nfsmount && (inside.nfs_module || built_in(item, &inside)?) => {}
            Ok(inside) => {
                let what = if inside.nfsmount { "no NFS client in it (nfs.ko)" } else { "no nfsmount in it" };
                without.push((name, what.to_owned(), built_in(item, &inside)?));
            }
            Err(why) => {
                item.note(format!("{name} can't be read, so nothing is known of its NFS client: {why}."))
            }
        }
    }
    let Some((name, what, _)) = without.first() else { return Ok(()) };
    // The Pi's kernels can mount a root over NFS themselves.
    if automatic && without.iter().all(|(_, _, built_in)| *built_in) {
        let text = without_initramfs(&config);
        let why = format!("{name} has {what}, and the kernel does without it");
        item.change(Where::Boot, "config.txt", Act::Write { bytes: bytes(&text), mode: 0o644 }, &why);
    } else {
        item.note(format!(
            "{name} has {what}, so the client will not find its root. In the source: install nfs-common and \
             initramfs-tools, MODULES=most in /etc/initramfs-tools/initramfs.conf, update-initramfs -u; or take the \
             initramfs out of config.txt if the kernel has NFS built in."
        ));
    }
    Ok(())
}

/// The names of the initramfs files that config.txt lets the firmware load, and whether it finds them by itself.
fn used(config: &str, names: &[String]) -> (Vec<String>, bool) {
    let lines = || config.lines().map(str::trim);
    let named = lines().filter_map(|line| line.strip_prefix("initramfs ")?.split_whitespace().next());
    let named: Vec<String> = named.map(str::to_owned).filter(|name| names.contains(name)).collect();
    let automatic =
        lines().rev().find_map(|line| line.strip_prefix("auto_initramfs=")).is_some_and(|on| on == "1");
    if !named.is_empty() || !automatic {
        return (named, false);
    }
    (names.iter().filter(|name| name.starts_with("initramfs")).cloned().collect(), true)
}

fn without_initramfs(config: &str) -> String {
    let lines = config.lines().map(|line| match line.trim() {
        "auto_initramfs=1" => "auto_initramfs=0",
        _ => line,
    });
    lines.map(|line| format!("{line}\n")).collect()
}

/// Whether the kernels that an initramfs is made for have the NFS client built in.
fn built_in(item: &Item<'_>, inside: &Inside) -> Result<bool, Error> {
    for version in &inside.versions {
        let list = item.root.text(&format!("lib/modules/{version}/modules.builtin"))?.unwrap_or_default();
        if !list.lines().any(|line| line.ends_with("/fs/nfs/nfs.ko")) {
            return Ok(false);
        }
    }
    Ok(!inside.versions.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::super::initramfs::tests::archive;
    use super::super::super::tests::{Tree, changed, facts, notes};
    use super::*;

    const BUILT_IN: &str = "root/usr/lib/modules/6.12-rpi/modules.builtin";

    fn tree(files: &[&str], config: &str) -> Tree {
        let tree = Tree::new();
        tree.bytes("boot/initramfs8", &archive(files));
        tree.file("boot/config.txt", config);
        tree
    }

    #[test]
    fn one_with_nfs_stays() {
        let with = ["usr/lib/klibc/bin/nfsmount", "usr/lib/modules/6.12-rpi/kernel/fs/nfs/nfs.ko.xz"];
        let tree = tree(&with, "auto_initramfs=1\n");
        assert_eq!(changed(&tree, &facts(), "initramfs"), [""; 0]);
        assert!(!notes(&tree, &facts()).iter().any(|note| note.contains("initramfs")));
    }

    #[test]
    fn one_without_is_left_out_or_told() {
        let facts = facts();
        let only_module = ["lib/modules/6.12-rpi/kernel/fs/overlayfs/overlay.ko"];
        let tree = tree(&only_module, "arm_64bit=1\nauto_initramfs=1\n");
        let said = notes(&tree, &facts).join(" ");
        assert!(
            said.contains("initramfs8 has no nfsmount in it") && said.contains("update-initramfs"),
            "{said}"
        );
        tree.file(BUILT_IN, "kernel/fs/ext4/ext4.ko\nkernel/fs/nfs/nfs.ko\n");
        assert_eq!(changed(&tree, &facts, "initramfs"), ["config.txt arm_64bit=1\nauto_initramfs=0\n"]);
        tree.apply(&facts);
        assert_eq!(changed(&tree, &facts, "initramfs"), [""; 0]);
    }

    #[test]
    fn nfsmount_needs_a_client_in_the_kernel() {
        let files = ["bin/nfsmount", "lib/modules/6.12-rpi/kernel/x.ko"];
        let tree = tree(&files, "initramfs initramfs8 followkernel\n");
        assert!(notes(&tree, &facts()).join(" ").contains("no NFS client in it"));
        tree.file(BUILT_IN, "kernel/fs/nfs/nfs.ko\n");
        assert!(!notes(&tree, &facts()).join(" ").contains("NFS client in it"));
        assert_eq!(used("initramfs gone followkernel\n", &["initramfs8".into()]), (vec![], false));
        assert_eq!(used("auto_initramfs=1\nauto_initramfs=0", &["initramfs8".into()]), (vec![], false));
    }
}
