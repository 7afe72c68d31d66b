//! Why this user may not open a board, and what helps: udev's rules, the group that they name, and whether this process
//! has it already.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::{Action, Remedy, Task, remedy};

/// What decides who may open a board's device file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Whether rules about boot ROMs are installed.
    pub rules: bool,
    /// The group that may: that of the device file where there is one, else that of the rules.
    pub group: Option<String>,
    /// Whether that group was given the device file. `None` where there is no device file to look at.
    pub given: Option<bool>,
    /// Whether this process is of the group.
    pub has_group: bool,
    /// Whether the host's list of groups has this user in it, so that the next login is of the group.
    pub listed: bool,
    /// This user's name, where the host's list of users has it.
    pub user: Option<String>,
}

impl Access {
    /// What decides on this host, for the process that asks. `root` is `/` but for tests.
    #[must_use]
    pub fn look(root: &Path, node: Option<&Path>) -> Self {
        let (uid, own) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let groups = rustix::process::getgroups().unwrap_or_default();
        let groups: Vec<u32> = groups.iter().map(|group| group.as_raw()).chain([own]).collect();
        Self::of(root, node, uid, &groups)
    }

    fn of(root: &Path, node: Option<&Path>, uid: u32, groups: &[u32]) -> Self {
        let rules = rules(root);
        let user = lines(root, "etc/passwd", 7).into_iter().find(|line| line[2] == uid.to_string());
        let user = user.map(|line| line[0].clone());
        let known = lines(root, "etc/group", 4);
        // Without rules it is the group that the command which installs them takes.
        let usual = || Some(USUAL_GROUP.to_owned()).filter(|_| rules.is_empty());
        let meta = node.filter(|_| !rules.is_empty()).and_then(|node| std::fs::metadata(node).ok());
        // Root's group is what a device file has that no rule has given away.
        let given = meta.as_ref().map(|meta| meta.gid() != 0 && meta.mode() & 0o060 == 0o060);
        let gid = meta.filter(|_| given == Some(true)).map(|meta| meta.gid().to_string());
        let of_rules = rules
            .iter()
            .find_map(|path| group(&root.join(path.strip_prefix("/").unwrap_or(path))))
            .or_else(usual);
        let of = known.iter().find(|line| match (&gid, &of_rules) {
            (Some(gid), _) => line[2] == *gid,
            (None, Some(name)) => line[0] == *name,
            (None, None) => false,
        });
        let member =
            |line: &Vec<String>| user.as_ref().is_some_and(|user| line[3].split(',').any(|one| one == user));
        Self {
            rules: !rules.is_empty(),
            group: of.map(|line| line[0].clone()),
            given,
            has_group: of.is_some_and(|line| line[2].parse().is_ok_and(|gid| groups.contains(&gid))),
            listed: of.is_some_and(member),
            user,
        }
    }

    /// What helps where there are no rules: all steps at once.
    fn install(&self) -> Remedy {
        let Some(group) = &self.group else {
            return remedy![
                Task::UdevInstallGroup,
                " lets a group of this host's users boot boards; then plug the board in again.",
            ];
        };
        let lets = format!(" lets the group {group} boot boards");
        match (self.has_group, self.listed) {
            (true, _) => {
                remedy![Task::UdevInstall, lets, ", which this user is of; then plug the board in again."]
            }
            (false, true) => remedy![
                Task::UdevInstall,
                lets,
                ". This user is of it from the next login on: log out and in again, and plug the board in again.",
            ],
            (false, false) => remedy![
                Task::UdevInstall,
                lets,
                ", and ",
                Action::host_as_root("usermod -aG").arg(group).arg(self.user.as_deref().unwrap_or("USER")),
                " makes this user one of them: then log out and in again, and plug the board in again.",
            ],
        }
    }

    /// What lets this user open the board.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        let or_root = |remedy: Remedy| remedy.and(remedy![" Or ", Action::AsRoot, "."]);
        let Some(group) = self.group.as_ref().filter(|_| self.rules) else {
            return or_root(if self.rules { by_group() } else { self.install() });
        };
        or_root(match (self.given, self.has_group, self.listed) {
            (Some(false), ..) => remedy![
                format!("udev's rules are installed, but this device wasn't given to the group {group}: plug the board in \
                         again. If that doesn't help, see whether udev runs: "),
                Action::host("systemctl status systemd-udevd"),
                ".",
            ],
            (_, true, _) => format!(
                "udev's rules are installed and this process is of the group {group}: what else forbids it, a container or a \
                 security module, has to allow it."
            )
            .into(),
            (_, false, true) => format!(
                "udev's rules are installed and the group {group} has this user in it, but only from the next login on: log \
                 out and in again."
            )
            .into(),
            (_, false, false) => remedy![
                format!("udev's rules are installed, but this user isn't in the group {group}: "),
                Action::host_as_root("usermod -aG").arg(group).arg(self.user.as_deref().unwrap_or("USER")),
                ", then log out and in again.",
            ],
        })
    }
}

/// What helps where udev's rules only have `uaccess`.
fn by_group() -> Remedy {
    remedy![
        "udev's rules let in only who sits at this host's own screen. ",
        Task::UdevInstallGroup,
        " lets in a group of users too.",
    ]
}

/// The group that boards' device files get where there is one.
const USUAL_GROUP: &str = "plugdev";

/// The lines of a table of the host, such as group(5), that have so many fields.
fn lines(root: &Path, name: &str, fields: usize) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(root.join(name)).unwrap_or_default();
    let split = text.lines().map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>());
    split.filter(|line| line.len() == fields).collect()
}

/// The group that rules about boot ROMs name.
fn group(rules: &Path) -> Option<String> {
    let text = std::fs::read_to_string(rules).ok()?;
    let line = text.lines().find(|line| is_about_roms(line) && line.contains("GROUP="))?;
    let name = line.split_once("GROUP=\"")?.1.split_once('"')?.0;
    Some(name.to_owned())
}

fn is_about_roms(line: &str) -> bool {
    !line.trim_start().starts_with('#') && line.contains("0a5c") && line.contains("27")
}

/// The files with udev rules about boot ROMs, each name once: the first directory's counts.
#[must_use]
pub fn rules(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for dir in ["etc", "run", "usr/lib", "lib"] {
        // On most systems the last two are one.
        let dir = Path::new(dir).join("udev/rules.d");
        for entry in std::fs::read_dir(root.join(&dir)).into_iter().flatten().flatten() {
            let path = Path::new("/").join(&dir).join(entry.file_name());
            let known = found.iter().any(|other: &PathBuf| other.file_name() == path.file_name());
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            if !known && text.lines().any(is_about_roms) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    struct Host(tempfile::TempDir);

    impl Host {
        fn new(rules: Option<&str>) -> Self {
            let host = Self(tempfile::tempdir().unwrap());
            host.put("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nana:x:1000:1000::/home/ana:/bin/sh\n");
            host.put("etc/group", "root:x:0:\nplugdev:x:46:bob,cleo\n");
            if let Some(rules) = rules {
                host.put("etc/udev/rules.d/60-piprov.rules", rules);
            }
            host
        }

        fn put(&self, path: &str, text: &str) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        /// What user 1000 with these groups is told, without a device file to look at.
        fn told(&self, groups: &[u32]) -> Remedy {
            Access::of(self.0.path(), None, 1000, groups).remedy()
        }
    }

    const RULES: &str =
        "ATTR{idVendor}==\"0a5c\", ATTR{idProduct}==\"2763|2764\", MODE=\"0660\", GROUP=\"plugdev\"\n";

    #[test]
    fn without_rules_they_are_to_be_installed() {
        for rules in [None, Some("# 0a5c 27 GROUP=\"plugdev\"\n")] {
            assert!(Host::new(rules).told(&[1000]).names(Task::UdevInstall));
        }
    }

    #[test]
    fn all_steps_to_a_board_are_told_at_once() {
        let host = Host::new(None);
        let join = Action::host_as_root("usermod -aG plugdev ana");
        let told = host.told(&[1000]);
        assert!(told.names(Task::UdevInstall) && told.names(join.clone()), "{told:?}");
        assert!(told.says("log out and in again"), "{told:?}");
        // One who is of the group has nothing else to do, and one who will be has to log in.
        let told = host.told(&[1000, 46]);
        assert!(!told.names(join.clone()) && told.says("which this user is of"), "{told:?}");
        host.put("etc/group", "root:x:0:\nplugdev:x:46:ana\n");
        let told = host.told(&[1000]);
        assert!(!told.names(join) && told.says("from the next login on"), "{told:?}");
        // A host without that group needs one named.
        host.put("etc/group", "root:x:0:\n");
        assert!(host.told(&[1000]).names(Task::UdevInstallGroup));
    }

    #[test]
    fn with_rules_the_advice_is_not_to_install_them() {
        let host = Host::new(Some(RULES));
        let told = host.told(&[1000]);
        assert!(!told.names(Task::UdevInstall), "{told:?}");
        assert!(told.names(Action::host_as_root("usermod -aG plugdev ana")), "{told:?}");
        // The user did that, and is still in the old session.
        host.put("etc/group", "root:x:0:\nplugdev:x:46:bob,ana\n");
        let told = host.told(&[1000]);
        assert!(told.says("log out and in again") && !told.says("usermod"), "{told:?}");
        // And in the new one, something else forbids it.
        let told = host.told(&[1000, 46]);
        assert!(told.says("a security module"), "{told:?}");
        // The rules have no group where the system had none.
        let host = Host::new(Some("ATTR{idVendor}==\"0a5c\", ATTR{idProduct}==\"2763\", TAG+=\"uaccess\"\n"));
        let told = host.told(&[1000]);
        assert!(told.names(Task::UdevInstallGroup) && !told.names(Task::UdevInstall), "{told:?}");
    }

    #[test]
    fn a_device_that_the_rules_were_not_applied_to_is_told_as_that() {
        let access = Access {
            rules: true,
            group: Some("plugdev".into()),
            given: Some(false),
            has_group: true,
            ..Access::default()
        };
        assert!(access.remedy().says("plug the board in again"), "{:?}", access.remedy());
        let host = Host::new(Some(RULES));
        host.put("node", "");
        // Whatever the group of this file is: nobody else of it may write.
        fs::set_permissions(host.0.path().join("node"), std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .unwrap();
        let node = host.0.path().join("node");
        let access = Access::of(host.0.path(), Some(&node), 1000, &[46]);
        assert_eq!((access.given, access.group.as_deref()), (Some(false), Some("plugdev")));
    }
}
