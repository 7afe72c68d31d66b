//! Installs the udev rules, the helper and the units by hand, where no package does.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Error;
use super::rules::{FILE, Rules, UNITS, unit};

/// Where the rules go: local ones, which win over a package's of the same name.
const RULES: &str = "etc/udev/rules.d";
/// Where units go.
const UNIT_DIR: &str = "etc/systemd/system";
/// Where the helper goes if it isn't in a place of root's already.
const HELPER: &str = "usr/local/lib/piprov/piprov-udev";

/// One file to be written or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file.
    pub path: PathBuf,
    /// What is in it; none where it is to be removed.
    pub contents: Option<Vec<u8>>,
    /// Whether it is a program.
    pub program: bool,
}

impl Change {
    /// Whether the file is as it should be already.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let mode = |meta: std::fs::Metadata| meta.mode() & 0o777 == self.mode();
        match &self.contents {
            None => std::fs::symlink_metadata(&self.path)
                .is_err_and(|error| error.kind() == io::ErrorKind::NotFound),
            Some(contents) => {
                std::fs::read(&self.path).is_ok_and(|there| there == *contents)
                    && std::fs::metadata(&self.path).is_ok_and(mode)
            }
        }
    }

    fn mode(&self) -> u32 {
        if self.program { 0o755 } else { 0o644 }
    }

    /// Writes or removes the file, in one step.
    ///
    /// # Errors
    /// When the operating system says no.
    pub fn apply(&self) -> Result<(), Error> {
        let Some(contents) = &self.contents else {
            return match std::fs::remove_file(&self.path) {
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(()),
                other => other.map_err(Error::os("removing", &self.path)),
            };
        };
        let error = || Error::os("writing", &self.path);
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(folder).map_err(Error::os("making", folder))?;
        // Whole or not at all: udev reads the directory whenever it changes, and the helper may be running.
        let mut file = tempfile::Builder::new()
            .prefix(".piprov-")
            .permissions(std::fs::Permissions::from_mode(self.mode()))
            .tempfile_in(folder)
            .map_err(error())?;
        io::Write::write_all(&mut file, contents).map_err(error())?;
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(self.mode()))
            .map_err(error())?;
        file.persist(&self.path).map(drop).map_err(|failed| error()(failed.error))
    }
}

/// What is to be installed, below a root directory: `/`, or that of an image.
#[derive(Debug, Clone)]
pub struct Install {
    /// The root directory.
    pub root: PathBuf,
    /// What the rules depend on; the helper's place is decided here.
    pub rules: Rules,
    /// `piprov` itself, as the units are to call it.
    pub program: PathBuf,
    /// The helper as it was built.
    pub helper: PathBuf,
    /// Whether units are wanted.
    pub units: bool,
}

impl Install {
    /// The files to write. The helper is copied unless it is in a place that only root can change: udev runs it as
    /// root.
    ///
    /// # Errors
    /// When the helper can't be read.
    pub fn changes(&self) -> Result<Vec<Change>, Error> {
        let mut changes = Vec::new();
        let mut rules = self.rules.clone();
        rules.helper = self.helper.clone();
        if !only_roots(&self.helper) {
            let contents = std::fs::read(&self.helper).map_err(Error::os("reading", &self.helper))?;
            changes.push(Change { path: self.root.join(HELPER), contents: Some(contents), program: true });
            rules.helper = Path::new("/").join(HELPER);
        }
        let text = rules.text().into_bytes();
        changes.push(Change { path: self.root.join(RULES).join(FILE), contents: Some(text), program: false });
        if self.units {
            changes.extend(UNITS.map(|(name, text)| {
                let text = unit(text, &self.program, &rules.runtime).into_bytes();
                Change { path: self.root.join(UNIT_DIR).join(name), contents: Some(text), program: false }
            }));
        }
        Ok(changes)
    }
}

/// The files to remove again.
#[must_use]
pub fn removals(root: &Path) -> Vec<Change> {
    let rules = root.join(RULES).join(FILE);
    let units = UNITS.map(|(name, _)| root.join(UNIT_DIR).join(name));
    [rules, root.join(HELPER)]
        .into_iter()
        .chain(units)
        .map(|path| Change { path, contents: None, program: false })
        .collect()
}

/// Whether only root can change a file, or the way to it.
#[must_use]
pub fn only_roots(path: &Path) -> bool {
    path.is_absolute()
        && path.ancestors().all(|part| {
            std::fs::symlink_metadata(part).is_ok_and(|meta| {
                // The mode of a link means nothing; what it points to is looked at by its own path.
                meta.uid() == 0 && (meta.is_symlink() || meta.mode() & 0o022 == 0)
            })
        })
}

/// The helper that belongs to a program: installed beside it, or as cargo leaves it.
#[must_use]
pub fn find_helper(program: &Path) -> Option<PathBuf> {
    let folder = program.parent()?;
    let places = [
        folder.join("../lib/udev/piprov-udev"),
        folder.join("../lib/piprov/piprov-udev"),
        folder.join("piprov-udev"),
    ];
    places.into_iter().find_map(|place| place.canonicalize().ok().filter(|place| place.is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(dir: &Path, units: bool) -> Install {
        let helper = dir.join("built/piprov-udev");
        std::fs::create_dir_all(dir.join("built")).unwrap();
        std::fs::write(&helper, "helper").unwrap();
        let root = dir.join("root");
        // Whoever runs the tests: the way to it is everybody's.
        std::fs::set_permissions(dir.join("built"), std::fs::Permissions::from_mode(0o777)).unwrap();
        Install { root, rules: Rules::default(), program: "/usr/local/bin/piprov".into(), helper, units }
    }

    #[test]
    fn everything_is_installed_once_and_removed_again() {
        let dir = tempfile::tempdir().unwrap();
        let install = install(dir.path(), true);
        for round in 0..2 {
            for change in install.changes().unwrap() {
                assert_eq!(change.is_done(), round == 1, "{}", change.path.display());
                change.apply().unwrap();
            }
        }
        let rules = std::fs::read_to_string(install.root.join("etc/udev/rules.d/60-piprov.rules")).unwrap();
        assert!(rules.contains("RUN+=\"/usr/local/lib/piprov/piprov-udev\""), "{rules}");
        let helper = install.root.join("usr/local/lib/piprov/piprov-udev");
        assert_eq!(std::fs::metadata(&helper).unwrap().mode() & 0o777, 0o755);
        assert_eq!(std::fs::read_dir(install.root.join("etc/systemd/system")).unwrap().count(), 3);
        for _ in 0..2 {
            for change in removals(&install.root) {
                change.apply().unwrap();
                assert!(change.is_done());
            }
        }
        assert_eq!(std::fs::read_dir(install.root.join("etc/udev/rules.d")).unwrap().count(), 0);
    }

    #[test]
    fn without_systemd_there_are_no_units() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(install(dir.path(), false).changes().unwrap().len(), 2);
    }

    #[test]
    fn what_others_can_change_is_not_roots() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("helper");
        std::fs::write(&path, "").unwrap();
        // The directory for temporary files is everybody's, whoever owns what is in it.
        assert!(!only_roots(&path));
        assert!(!only_roots(Path::new("relative")));
        assert!(!only_roots(Path::new("/nonexistent/helper")));
    }

    #[test]
    fn the_helper_is_found_beside_the_program() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("bin/piprov");
        std::fs::create_dir_all(dir.path().join("bin")).unwrap();
        assert_eq!(find_helper(&program), None);
        for place in ["bin", "lib/piprov"] {
            let helper = dir.path().join(place).join("piprov-udev");
            std::fs::create_dir_all(helper.parent().unwrap()).unwrap();
            std::fs::write(&helper, "").unwrap();
            assert_eq!(find_helper(&program), Some(helper.canonicalize().unwrap()));
        }
    }
}
