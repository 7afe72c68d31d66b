//! cloud-init, which Trixie's images have: a new instance for each client, and no network of its own making.

use super::{Error, Item, Where};

pub(super) fn cloud_init(item: &mut Item<'_>) -> Result<(), Error> {
    if !item.root.has("etc/cloud")? {
        return Ok(());
    }
    if let Some(old) = item.boot.kept("meta-data")? {
        let text = meta_data(&old, &item.facts.name.to_string(), &item.facts.machine_id);
        item.write(Where::Boot, "meta-data", &text, "an instance of its own")?;
    }
    if item.boot.text("network-config")?.is_some() {
        let text = "# piprov: the boot interface is configured already.\n";
        item.write(Where::Boot, "network-config", text, "no network over the one that the root comes over")?;
    }
    // Without a configuration cloud-init makes one for the first interface, unless it is told not to.
    item.write(
        Where::Root,
        "etc/cloud/cloud.cfg.d/99-piprov-netboot.cfg",
        "# piprov: the boot interface is configured already, and the name is given.\nnetwork: {config: disabled}\n\
         preserve_hostname: true\ngrowpart: {mode: off}\nresize_rootfs: false\n",
        "no network over the one that the root comes over, no growing",
    )
}

/// The data with another instance; pi-gen writes `instance_id`, cloud-init's own word is `instance-id`.
fn meta_data(old: &str, name: &str, id: &str) -> String {
    let wanted = format!("piprov-{name}-{}", id.get(..8).unwrap_or(id));
    // As soon as it is one of ours for this name it stays.
    let ours = |value: &str| value.trim().starts_with(&format!("piprov-{name}-"));
    let mut found = false;
    let mut lines: Vec<String> = Vec::new();
    for line in old.lines() {
        match line.split_once(':') {
            Some((key @ ("instance_id" | "instance-id"), value)) => {
                found = true;
                lines.push(if ours(value) { line.to_owned() } else { format!("{key}: {wanted}") });
            }
            _ => lines.push(line.to_owned()),
        }
    }
    if !found {
        lines.push(format!("instance-id: {wanted}"));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Tree, changed, facts};
    use super::*;

    #[test]
    fn each_client_is_an_instance() {
        let tree = Tree::new();
        tree.file("boot/meta-data", "# x\ninstance_id: rpios-image\n");
        tree.file("boot/network-config", "version: 2\n");
        let facts = facts();
        assert_eq!(changed(&tree, &facts, "cloud-init"), [""; 0], "without cloud-init nobody reads them");
        tree.directory("root/etc/cloud/cloud.cfg.d");
        let changes = changed(&tree, &facts, "cloud-init");
        assert_eq!(changes[0], "meta-data # x\ninstance_id: piprov-lab-01-00000000\n");
        assert!(
            changes[1].starts_with("network-config # ") && !changes[1].contains("version"),
            "{changes:?}"
        );
        assert!(changes[2].contains("network: {config: disabled}"));
        tree.apply(&facts);
        assert_eq!(changed(&tree, &facts, "cloud-init"), [""; 0]);
        assert_eq!(meta_data("", "a", "0123456789"), "instance-id: piprov-a-01234567\n");
    }
}
