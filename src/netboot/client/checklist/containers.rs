//! Programs that stack file systems. Overlayfs takes no upper directory on NFS (kernel, filesystems/overlayfs), and none
//! on another overlay; so their images need a disk of another kind.

use std::path::{Component, Path, PathBuf};

use super::{Error, Item, fstab};
use crate::beneath::unescape;
use crate::image::ext4::FileKind;
use crate::netboot::client::view::{View, shown};

/// How a program's settings are written.
#[derive(Debug, Clone, Copy)]
enum Syntax {
    Json,
    Toml,
    /// A name and a value a line, with a colon or an equals sign between them.
    Lines,
}

/// A program that stacks file systems.
struct Program {
    path: &'static str,
    /// The directory that it needs a disk for, where its settings don't name another one.
    place: &'static str,
    /// Files with its settings, of which the first counts that names the directory.
    settings: &'static [&'static str],
    syntax: Syntax,
    /// The names that the setting has, former ones too; of a table's, with the table's name before a dot.
    names: &'static [&'static str],
}

const DOCKER: Program = Program {
    path: "usr/bin/dockerd",
    place: "/var/lib/docker",
    settings: &["etc/docker/daemon.json"],
    syntax: Syntax::Json,
    names: &["data-root", "graph"],
};

const PROGRAMS: [Program; 6] = [
    DOCKER,
    Program { path: "usr/sbin/dockerd", ..DOCKER },
    Program {
        path: "usr/bin/containerd",
        place: "/var/lib/containerd",
        settings: &["etc/containerd/config.toml"],
        syntax: Syntax::Toml,
        names: &["root"],
    },
    Program {
        path: "usr/bin/podman",
        place: "/var/lib/containers",
        settings: &["etc/containers/storage.conf", "usr/share/containers/storage.conf"],
        syntax: Syntax::Toml,
        names: &["storage.graphroot"],
    },
    Program {
        path: "usr/local/bin/k3s",
        place: "/var/lib/rancher",
        settings: &["etc/rancher/k3s/config.yaml"],
        syntax: Syntax::Lines,
        names: &["data-dir"],
    },
    Program {
        path: "usr/bin/lxc-start",
        place: "/var/lib/lxc",
        settings: &["etc/lxc/lxc.conf"],
        syntax: Syntax::Lines,
        names: &["lxc.lxcpath"],
    },
];

/// File systems of disks that a stack may be built on.
const DISKS: [&str; 13] = [
    "auto", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "nilfs2", "reiserfs", "ubifs", "xfs",
    "zfs",
];

/// No such file is longer, and no path.
const LONGEST: u64 = 64 << 10;
const LONGEST_PATH: usize = 4096;

/// Steps from a path to the disk that it lies on: binds and links.
const MOST_STEPS: usize = 16;

pub(super) fn containers(item: &mut Item<'_>) -> Result<(), Error> {
    // Of the table as the client will have it.
    let old = item.root.kept("etc/fstab")?.unwrap_or_default();
    let fstab: Vec<Mount> = fstab::staying(&old, &item.facts.apart).filter_map(Mount::of).collect();
    for program in PROGRAMS {
        if !item.root.has(program.path)? {
            continue;
        }
        let place = program.place(item.root)?;
        if !is_on_disk(item.root, &fstab, &place)? {
            let name = program.path.rsplit('/').next().unwrap_or(program.path);
            item.note(format!(
                "{name} is in the root, and the overlay file systems of containers don't work on NFS: mount a disk at {} by a \
                 line in the client's etc/fstab that has nofail: a local one, or one over the network by iSCSI or NBD \
                 (piprov makes none).",
                shown(&place.to_string_lossy())
            ));
        }
    }
    Ok(())
}

impl Program {
    /// Where it keeps its containers. What can't be read of its settings says nothing.
    fn place(&self, root: &View<'_>) -> Result<PathBuf, Error> {
        for path in self.settings {
            let text = root.read(path, LONGEST)?.and_then(|bytes| String::from_utf8(bytes).ok());
            let named =
                text.and_then(|text| self.names.iter().find_map(|name| named(&text, self.syntax, name)));
            if let Some(place) = named.filter(|place| place.starts_with('/') && place.len() <= LONGEST_PATH) {
                return Ok(plain(Path::new(&place)));
            }
        }
        Ok(self.place.into())
    }
}

/// The value that a setting has.
fn named(text: &str, syntax: Syntax, name: &str) -> Option<String> {
    match syntax {
        Syntax::Json => {
            serde_json::from_str::<serde_json::Value>(text).ok()?.get(name)?.as_str().map(str::to_owned)
        }
        Syntax::Toml => {
            let table: toml::Table = text.parse().ok()?;
            let (table, name) = match name.split_once('.') {
                Some((inner, name)) => (table.get(inner)?.as_table()?.clone(), name),
                None => (table, name),
            };
            table.get(name)?.as_str().map(str::to_owned)
        }
        Syntax::Lines => text.lines().find_map(|line| {
            let value = line.trim().strip_prefix(name)?.trim_start().strip_prefix([':', '='])?;
            Some(value.trim().trim_matches(['"', '\'']).to_owned())
        }),
    }
}

/// A line of fstab.
struct Mount {
    what: PathBuf,
    at: PathBuf,
    /// It shows a directory at another place.
    is_bind: bool,
    is_disk: bool,
}

impl Mount {
    fn of(line: &str) -> Option<Self> {
        let mut fields = line.split_whitespace();
        let what = fields.next().filter(|what| !what.starts_with('#'))?;
        let (at, kind, options) = (fields.next()?, fields.next()?, fields.next().unwrap_or_default());
        let path = |text: &str| {
            let text = unescape(text.as_bytes());
            plain(Path::new(&*String::from_utf8_lossy(&text)))
        };
        Some(Self {
            what: path(what),
            at: path(at),
            is_bind: options.split(',').any(|option| matches!(option, "bind" | "rbind")),
            is_disk: DISKS.contains(&kind),
        })
    }
}

/// Whether a place lies on a disk, and not on the root, which is NFS.
fn is_on_disk(root: &View<'_>, fstab: &[Mount], place: &Path) -> Result<bool, Error> {
    let mut place = place.to_owned();
    for _ in 0..MOST_STEPS {
        // What is mounted last at one place is what is seen there.
        let around = fstab.iter().filter(|mount| mount.at != Path::new("/") && place.starts_with(&mount.at));
        let around = around.max_by_key(|mount| mount.at.components().count());
        place = match around {
            Some(mount) if mount.is_bind => match place.strip_prefix(&mount.at) {
                Ok(rest) => plain(&mount.what.join(rest)),
                Err(_) => return Ok(false),
            },
            Some(mount) => return Ok(mount.is_disk),
            // A link to a disk is as good as a disk.
            None => match linked(root, &place)? {
                Some(place) => place,
                None => return Ok(false),
            },
        };
        if place.as_os_str().len() > LONGEST_PATH {
            break;
        }
    }
    Ok(false)
}

/// Where the first link in a path leads, with what is behind it in the path.
fn linked(root: &View<'_>, place: &Path) -> Result<Option<PathBuf>, Error> {
    let mut above: Vec<&Path> = place.ancestors().collect();
    above.reverse();
    for part in above {
        let Some(below) =
            part.to_str().map(|part| part.trim_start_matches('/')).filter(|part| !part.is_empty())
        else {
            continue;
        };
        let Some(node) = root.find_link(below)? else { return Ok(None) };
        if node.kind != FileKind::Symlink {
            continue;
        }
        let target = match root.0.target(&node) {
            Err(gone) if gone.is_gone() => return Ok(None),
            target => target?,
        };
        let from = part.parent().unwrap_or(part);
        let rest = place.strip_prefix(part).unwrap_or(Path::new(""));
        return Ok(Some(plain(&from.join(target).join(rest))));
    }
    Ok(None)
}

/// A path from the root on, without dots and slashes too many.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(part) => plain.push(part),
            Component::ParentDir => {
                plain.pop();
            }
            _ => {}
        }
    }
    plain
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
            // What is mounted in it counts more than what is mounted around it.
            ("/dev/sda1 /var/lib ext4 nofail 0 2\ntmpfs /var/lib/docker tmpfs nofail 0 0", 1),
            ("overlay /var/lib overlay nofail,lowerdir=/a,upperdir=/b,workdir=/c 0 0", 2),
            ("//10.0.0.9/x /var/lib cifs nofail 0 0", 2),
        ] {
            tree.file("root/etc/fstab", &format!("{line}\n"));
            assert_eq!(told(), left, "{line}");
        }
    }

    #[test]
    fn a_bind_counts_by_what_it_shows() {
        let tree = Tree::new();
        let facts = facts();
        tree.file("root/usr/bin/dockerd", "");
        let told = || notes(&tree, &facts).join(" ").matches("containers don't work on NFS").count();
        for (lines, left) in [
            ("/home/dk /var/lib/docker none bind 0 0", 1),
            ("/mnt/ssd/dk /var/lib/docker none bind,nofail 0 0\nUUID=aabb /mnt/ssd ext4 nofail 0 2", 0),
            ("/mnt/ssd/dk /var/lib/docker none bind,nofail 0 0\n10.0.0.9:/x /mnt/ssd nfs nofail 0 2", 1),
            (
                "/mnt/a /var/lib none rbind 0 0\n/mnt/b /mnt/a none bind 0 0\nUUID=aabb /mnt/b xfs nofail 0 2",
                0,
            ),
            // In a circle.
            ("/mnt/a /var/lib none bind 0 0\n/var/lib /mnt/a none bind 0 0", 1),
        ] {
            tree.file("root/etc/fstab", &format!("{lines}\n"));
            assert_eq!(told(), left, "{lines}");
        }
        tree.file("root/etc/fstab", "UUID=aabb /mnt/ssd ext4 nofail 0 2\n");
        tree.directory("root/var/lib");
        std::os::unix::fs::symlink("../../mnt/ssd/docker", tree.path("root/var/lib/docker")).unwrap();
        assert_eq!(told(), 0, "a link to a disk");
    }

    #[test]
    fn programs_keep_containers_where_their_settings_say() {
        let facts = facts();
        for (program, settings, text) in [
            ("usr/bin/dockerd", "etc/docker/daemon.json", r#"{"log-level":"warn","data-root":"/mnt/ssd/x"}"#),
            ("usr/bin/dockerd", "etc/docker/daemon.json", r#"{"graph":"/mnt/ssd/x/"}"#),
            ("usr/bin/containerd", "etc/containerd/config.toml", "version = 2\nroot = \"/mnt/ssd/x\"\n"),
            ("usr/bin/podman", "etc/containers/storage.conf", "[storage]\ngraphroot = \"/mnt/ssd/x\"\n"),
            ("usr/local/bin/k3s", "etc/rancher/k3s/config.yaml", "# x\ndata-dir: \"/mnt/ssd/x\"\n"),
            ("usr/bin/lxc-start", "etc/lxc/lxc.conf", "lxc.lxcpath = /mnt/ssd/x\n"),
        ] {
            let tree = Tree::new();
            tree.file(&format!("root/{program}"), "");
            tree.file(&format!("root/{settings}"), text);
            let told = || notes(&tree, &facts).join(" ");
            assert!(told().contains("mount a disk at /mnt/ssd/x by"), "{program}: {}", told());
            tree.file("root/etc/fstab", "UUID=aabb /mnt/ssd ext4 nofail 0 2\n");
            assert!(!told().contains("containers don't work"), "{program}: {}", told());
            // What is no settings, or names no path from the root on, says nothing.
            for bad in ["{", "data-root", r#"{"data-root":"x"}"#, "root = 1", "graphroot: [", "\u{0}"] {
                tree.file(&format!("root/{settings}"), bad);
                assert!(told().contains("mount a disk at /var/lib/"), "{program}: {bad}: {}", told());
            }
        }
    }
}
