//! What is told of a client that is about to be made: the plan, and what its user should know.

use std::path::{Path, PathBuf};

use super::super::checklist::{LEFT_OUT, Mode, Where};
use super::super::record::Record;
use super::super::source::{Node, Source};
use super::super::{Error, exports, keys};
use super::{Line, Prepared};
use crate::error::Remedy;
use crate::netboot::client::material::Material;

impl Prepared<'_> {
    /// What will be done, in its order. The paths of the checklist are counted from the top of their tree.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        let line = |action, item, path: &Path, tree, why: String| Line {
            action,
            item,
            path: path.to_owned(),
            tree,
            why,
        };
        let from = format!("from {}, and compare", self.material.from.display());
        if self.shares {
            lines.push(line("share", "root", &self.record.root, None, "it is there already".to_owned()));
        } else {
            lines.push(line("copy", "root", &self.record.root, None, from.clone()));
        }
        if let Some(layer) = &self.record.layer {
            lines.push(line("make", "layer", layer, None, "this client's own files".to_owned()));
        }
        lines.push(line("copy", "boot", &self.record.boot, None, from));
        lines.extend(self.plan.changes.iter().map(Line::of));
        for file in keys::files() {
            let path = PathBuf::from("etc/ssh").join(file);
            lines.push(line(
                "write",
                "ssh-keys",
                &path,
                Some(Where::Root),
                "a host key of its own".to_owned(),
            ));
        }
        if self.record.exported {
            lines.extend(exports::of(&self.record).iter().map(Line::export));
        }
        lines
    }

    /// What the user should know; sentences.
    #[must_use]
    pub fn notes(&self) -> Vec<Remedy> {
        let planned = self.plan.notes.iter().filter(|note| !note.starts_with("New SSH host keys"));
        let mut notes: Vec<Remedy> = planned.map(|note| note.as_str().into()).collect();
        notes.extend(self.left_out().map(Remedy::from));
        notes.extend(self.material.told_apart().filter(|_| !self.shares).map(Remedy::from));
        notes.extend(self.material.missed().into_iter().map(Remedy::from));
        notes.extend(self.plan.told.iter().map(|told| told.as_str().into()));
        notes.extend(large_files(&self.material.boot).into_iter().map(Remedy::from));
        notes.extend(self.tamed.clone().map(Remedy::from));
        notes.extend(self.reach.clone());
        notes.extend(self.open_to_the_hosts_users().map(Remedy::from));
        notes
    }

    /// What of this host isn't copied, where it is the source.
    fn left_out(&self) -> Option<String> {
        let there = |path: &&&str| self.material.running && Path::new("/").join(path).exists();
        let paths: Vec<String> = LEFT_OUT.iter().filter(there).map(|path| format!("/{path}")).collect();
        let text = || format!("What this host is as a server is not copied: {}.", paths.join(", "));
        (!paths.is_empty()).then(text)
    }

    /// What the client's own root may do to this host's users: it writes boot files where they can reach them.
    fn open_to_the_hosts_users(&self) -> Option<String> {
        let writable = self.record.exported && self.record.mode == Mode::Rw;
        let boot = self.record.boot.ancestors().find_map(|path| rustix::fs::statvfs(path).ok())?;
        let harmless = boot.f_flag.contains(rustix::fs::StatVfsMountFlags::NOSUID);
        (writable && !harmless).then(|| {
            format!(
                "root on the client may put setuid files into {}, which this host's users can reach: mount what it lies \
                 in with nosuid,nodev",
                self.record.boot.display()
            )
        })
    }

    /// The record as it will be.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Whether a run that was killed is gone on with.
    #[must_use]
    pub fn resumes(&self) -> bool {
        self.begun.is_some()
    }
}

pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// What of the boot files isn't taken as it is; a sentence.
pub(super) fn tamed(material: &Material) -> Result<Option<String>, Error> {
    let paths = material.boot.tamed()?;
    let first: Vec<_> = paths.iter().take(3).map(|path| path.display().to_string()).collect();
    Ok((!paths.is_empty()).then(|| {
        format!(
            "{} among the boot files are not taken as they are ({}): every user of this host can reach them there, so \
             device nodes, pipes and sockets are left out, and setuid, setgid and sticky bits go.",
            crate::format::count(paths.len() as u64, "name"),
            first.join(", ")
        )
    }))
}

/// Files that some boot loaders don't get over TFTP: the number of blocks has 16 bits and doesn't start again.
fn large_files(boot: &dyn Source) -> Vec<String> {
    let list = |node: &Node| boot.list(node).unwrap_or_default();
    let Ok(top) = boot.root() else { return Vec::new() };
    let files = list(&top).into_iter().filter(|(_, node)| node.size > 65535 * 1024);
    files
        .map(|(name, node)| {
            let most = if node.size > 65535 * 1468 { "no boot loader before 2025-09" } else { "no boot loader before 2022-12" };
            format!(
                "{} has {}: {most} gets it over TFTP (65535 blocks), and from 90 MB on the 30 s for a file may not do. \
                 Update the boot loader (rpi-eeprom), or make the file smaller.",
                name.to_string_lossy(),
                crate::format::size(node.size)
            )
        })
        .collect()
}
