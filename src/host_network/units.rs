//! What is switched on: what something starts when the host starts, as units of systemd, scripts of System V's way, and
//! runlevels of OpenRC.

use std::collections::{BTreeMap, BTreeSet};

use rustix::fs::FileType;

use super::plan::seen::Systemd;
use crate::beneath::{Dir, Links};

/// A directory has so many names at most.
const MOST: usize = 1000;

/// Where units and what they want stand; the first of the same name counts (systemd.unit(5)).
const UNITS: [&str; 6] = [
    "etc/systemd/system",
    "run/systemd/system",
    "run/systemd/generator",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];

/// Where an administrator says that nothing is to start a unit: `systemctl mask`.
const MASKS: [&str; 2] = ["etc/systemd/system", "run/systemd/system"];

/// Scripts that System V's way starts have an `S` and two digits before their names.
const SCRIPTS: [&str; 5] = ["etc/rcS.d", "etc/rc2.d", "etc/rc3.d", "etc/rc4.d", "etc/rc5.d"];

/// OpenRC's runlevels that a start goes through.
const RUNLEVELS: [&str; 3] = ["etc/runlevels/sysinit", "etc/runlevels/boot", "etc/runlevels/default"];

/// How something stands at the host's next start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    /// It is started.
    On,
    /// Nothing starts it.
    Off,
    /// Nothing can.
    Masked,
}

/// What is started with the host.
pub(super) struct Started<'a> {
    root: &'a Dir,
    /// Whether systemd starts this host: scripts count only where there is no unit of their name.
    by_units: bool,
    units: BTreeSet<String>,
    scripts: BTreeSet<String>,
}

impl<'a> Started<'a> {
    pub(super) fn look(root: &'a Dir, systemd: Systemd, live: bool) -> Self {
        let mut wanted = BTreeMap::new();
        for place in UNITS {
            for dir in names(root, place) {
                // What an initramfs wants is over when the host starts.
                let wants = dir.ends_with(".wants") || dir.ends_with(".requires");
                if !wants || dir.starts_with("initrd") {
                    continue;
                }
                for unit in names(root, &format!("{place}/{dir}")) {
                    let is_null = is_null(root, &format!("{place}/{dir}"), &unit);
                    wanted.entry((dir.clone(), unit)).or_insert(!is_null);
                }
            }
        }
        let units = wanted.into_iter().filter(|(_, on)| *on).map(|((_, unit), _)| unit).collect();
        let of_sysv = SCRIPTS.iter().flat_map(|dir| names(root, dir));
        let of_sysv = of_sysv.filter_map(|name| name.strip_prefix('S')?.get(2..).map(str::to_owned));
        let mut scripts: BTreeSet<_> = of_sysv.collect();
        // A host on which systemd is installed and doesn't run is started by something else.
        let by_units = systemd == Systemd::Running || systemd == Systemd::Installed && !live;
        if !by_units {
            scripts.extend(RUNLEVELS.iter().flat_map(|dir| names(root, dir)));
        }
        Self { root, by_units, units, scripts }
    }

    /// How something stands that has these names: units with their `.service`, scripts without.
    pub(super) fn switch(&self, names: &[&str]) -> Switch {
        let mut switch = Switch::Off;
        for name in names {
            let (unit, is_on) = match name.strip_suffix(".service") {
                Some(_) => ((*name).to_owned(), self.units.contains(*name)),
                None => (format!("{name}.service"), self.scripts.contains(*name)),
            };
            let is_script = unit != **name;
            if self.is_masked(&unit) {
                switch = Switch::Masked;
            } else if is_on && !(is_script && self.by_units && self.is_unit(&unit)) {
                return Switch::On;
            }
        }
        switch
    }

    fn is_unit(&self, unit: &str) -> bool {
        UNITS.iter().any(|dir| super::look::has(self.root, &format!("{dir}/{unit}")))
    }

    fn is_masked(&self, unit: &str) -> bool {
        // A unit of the same name in the first place isn't masked by the second.
        let first = MASKS.iter().find(|dir| {
            is_null(self.root, dir, unit) || matches!(self.root.stat(format!("{dir}/{unit}")), Ok(Some(_)))
        });
        first.is_some_and(|dir| is_null(self.root, dir, unit))
    }
}

/// The names in a directory of the root's own.
fn names(root: &Dir, dir: &str) -> Vec<String> {
    let all = root.dir_by(dir, Links::AsRoot).and_then(|dir| dir.names()).unwrap_or_default();
    all.into_iter().take(MOST).filter_map(|name| name.into_string().ok()).collect()
}

/// Whether a place says that there is nothing: a link to `/dev/null`, or an empty file.
pub(super) fn is_null(root: &Dir, dir: &str, name: &str) -> bool {
    let Ok(dir) = root.dir_by(dir, Links::AsRoot) else { return false };
    if let Ok(target) = dir.target(name) {
        return target == "/dev/null";
    }
    let empty = |stat: rustix::fs::Stat| {
        FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_size == 0
    };
    dir.stat(name).is_ok_and(|stat| stat.is_some_and(empty))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A root with these links and files; what leads to nothing is a file with something in it.
    fn root(tree: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, target) in tree {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            match *target {
                "" => std::fs::write(path, "[Unit]\n").unwrap(),
                "empty" => std::fs::write(path, "").unwrap(),
                target => symlink(target, path).unwrap(),
            }
        }
        dir
    }

    const NAMES: [&str; 2] = ["networking.service", "networking"];
    const UNIT: (&str, &str) = ("usr/lib/systemd/system/networking.service", "");
    const WANTED: (&str, &str) = (
        "etc/systemd/system/multi-user.target.wants/networking.service",
        "/lib/systemd/system/networking.service",
    );
    const SCRIPT: (&str, &str) = ("etc/rcS.d/S08networking", "../init.d/networking");

    #[test]
    fn what_is_started_is_what_something_wants_and_nothing_masks() {
        let null = |path| (path, "/dev/null");
        let mask = null("etc/systemd/system/networking.service");
        let vendor = ("usr/lib/systemd/system/multi-user.target.wants/networking.service", "../x");
        for (tree, by_systemd, by_scripts) in [
            (vec![], Switch::Off, Switch::Off),
            (vec![UNIT], Switch::Off, Switch::Off),
            (vec![UNIT, WANTED], Switch::On, Switch::On),
            (vec![UNIT, vendor], Switch::On, Switch::On),
            // Its script stays where it was when the unit is switched off or masked.
            (vec![UNIT, SCRIPT], Switch::Off, Switch::On),
            (vec![SCRIPT], Switch::On, Switch::On),
            (vec![UNIT, WANTED, SCRIPT, mask], Switch::Masked, Switch::Masked),
            (
                vec![UNIT, WANTED, ("etc/systemd/system/networking.service", "empty")],
                Switch::Masked,
                Switch::Masked,
            ),
            (
                vec![UNIT, WANTED, null("run/systemd/system/networking.service")],
                Switch::Masked,
                Switch::Masked,
            ),
            (vec![UNIT, vendor, null(WANTED.0)], Switch::Off, Switch::Off),
            (
                vec![UNIT, ("usr/lib/systemd/system/initrd.target.wants/networking.service", "../x")],
                Switch::Off,
                Switch::Off,
            ),
            (vec![("etc/rc2.d/K01networking", "../init.d/networking")], Switch::Off, Switch::Off),
            (vec![("etc/runlevels/boot/networking", "/etc/init.d/networking")], Switch::Off, Switch::On),
        ] {
            let dir = root(&tree);
            let dir = Dir::open(dir.path()).unwrap();
            for (systemd, is) in [(Systemd::Running, by_systemd), (Systemd::Absent, by_scripts)] {
                assert_eq!(Started::look(&dir, systemd, true).switch(&NAMES), is, "{systemd:?} {tree:?}");
            }
        }
    }

    #[test]
    fn a_link_out_of_the_root_says_nothing() {
        let outside = root(&[("x.wants/networking.service", "")]);
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("etc/systemd")).unwrap();
        symlink(outside.path(), dir.path().join("etc/systemd/system")).unwrap();
        let dir = Dir::open(dir.path()).unwrap();
        assert_eq!(Started::look(&dir, Systemd::Installed, false).switch(&NAMES), Switch::Off);
    }
}
