//! What this room's tests share: small trees, a client, and what its checklist wants.

use std::path::PathBuf;

use super::checklist::{Act, Facts, Mode, Protocol, Where, plan};
use super::layout::Layout;
use super::source::HostSource;
use super::view::View;

/// A directory with small trees in it: `root`, `boot`, and whatever a test makes.
pub(super) struct Tree(tempfile::TempDir);

impl Tree {
    pub(super) fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        tree.directory("root/etc");
        tree.directory("boot");
        tree
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path.trim_start_matches('/'))
    }

    pub(super) fn directory(&self, path: &str) {
        std::fs::create_dir_all(self.path(path)).unwrap();
    }

    pub(super) fn file(&self, path: &str, text: &str) {
        self.bytes(path, text.as_bytes());
    }

    pub(super) fn bytes(&self, path: &str, bytes: &[u8]) {
        std::fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        std::fs::write(self.path(path), bytes).unwrap();
    }

    pub(super) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    pub(super) fn source(&self, path: &str) -> HostSource {
        // /sbin and /lib are links on every release that counts.
        if path == "root" {
            for (link, target) in [("sbin", "usr/sbin"), ("lib", "usr/lib"), ("bin", "usr/bin")] {
                if !self.path("root").join(link).exists() {
                    let _ = std::os::unix::fs::symlink(target, self.path("root").join(link));
                }
            }
        }
        HostSource::open(&self.path(path)).unwrap()
    }

    /// Makes all changes that the checklist wants.
    pub(super) fn apply(&self, facts: &Facts) {
        let (root, boot) = (self.source("root"), self.source("boot"));
        let plan = plan(facts, &View(&root), &View(&boot)).unwrap();
        for change in plan.changes {
            let path = self.path(if change.tree == Where::Root { "root" } else { "boot" });
            let dir = crate::beneath::Dir::open(&path).unwrap();
            super::apply::Target::of(&dir, None).unwrap().apply(&change).unwrap();
        }
    }
}

pub(super) fn facts() -> Facts {
    Facts {
        name: "lab-01".parse().unwrap(),
        board: "a2ef5644".parse().unwrap(),
        mode: Mode::Rw,
        server: "10.0.0.1".parse().unwrap(),
        addresses: vec!["10.0.0.1".parse().unwrap()],
        protocol: Protocol::Whole,
        root: "/srv/netboot/clients/lab-01".into(),
        layer: None,
        boot: "/srv/netboot/tftp/a2ef5644".into(),
        layout: Layout {
            release: "bookworm".into(),
            bits: 64,
            boot: "/boot/firmware".into(),
            cmdline: "cmdline.txt".into(),
        },
        is_this_host: false,
        apart: Vec::new(),
        foreign_machine_id: None,
        machine_id: "00000000000000000000000000000001".into(),
        keys: Vec::new(),
        stop: crate::stop::Stop::new().unwrap(),
    }
}

/// What one item wants, a line a change.
pub(super) fn changed(tree: &Tree, facts: &Facts, item: &str) -> Vec<String> {
    let (root, boot) = (tree.source("root"), tree.source("boot"));
    let plan = plan(facts, &View(&root), &View(&boot)).unwrap();
    let changes = plan.changes.into_iter().filter(|change| change.item == item);
    changes
        .map(|change| match change.act {
            Act::Write { bytes, .. } | Act::Secret { bytes } => {
                format!("{} {}", change.path, String::from_utf8_lossy(&bytes))
            }
            Act::Link { target } => format!("{} -> {target}", change.path),
            Act::Remove => format!("{} removed", change.path),
        })
        .collect()
}

/// What the checklist has to say.
pub(super) fn notes(tree: &Tree, facts: &Facts) -> Vec<String> {
    let (root, boot) = (tree.source("root"), tree.source("boot"));
    plan(facts, &View(&root), &View(&boot)).unwrap().notes
}

/// What the checklist tells of what it takes away.
pub(super) fn told(tree: &Tree, facts: &Facts) -> Vec<String> {
    let (root, boot) = (tree.source("root"), tree.source("boot"));
    plan(facts, &View(&root), &View(&boot)).unwrap().told
}
