//! Installs the udev rules, the helper and the units by hand, where no package has done it.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::Error;
use super::rules::{FILE, Rules, UNITS, unit};
use crate::beneath::{Access, Dir, Links, read_bounded};

/// Where the rules go: local ones, which win over a package's of the same name.
const RULES: &str = "etc/udev/rules.d";
/// Where units go.
const UNIT_DIR: &str = "etc/systemd/system";
/// Where a package has them.
const PACKAGED_RULES: &str = "usr/lib/udev/rules.d";
const PACKAGED_UNITS: &str = "usr/lib/systemd/system";
/// Where udev looks for programs that rules name without a directory.
const UDEV_PROGRAMS: &str = "/usr/lib/udev";
/// Where the helper goes if it isn't in a place of root's already.
const HELPER: &str = "usr/local/lib/piprov/piprov-udev";
/// Where the program itself goes, in an image that has none: nobody calls it from there but the units.
const PROGRAM: &str = "usr/local/lib/piprov/piprov";
/// The program and its helper in an image, as the package and `make install` put them.
const IN_IMAGES: [(&str, &str); 2] =
    [("usr/bin/piprov", "usr/lib/udev/piprov-udev"), ("usr/local/bin/piprov", HELPER)];
/// Programs that systems have, to see which processor an image is for.
const EVERYWHERE: [&str; 3] = ["bin/sh", "usr/bin/env", "usr/lib/systemd/systemd"];

/// One file to be written or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file.
    pub path: PathBuf,
    /// What is in it; `None` where it is to be removed.
    pub contents: Option<Vec<u8>>,
    /// Whether it is a program.
    pub program: bool,
    /// What its links mean begins here: `/`, or the root of an image that somebody else may have made.
    root: PathBuf,
    /// The file, as seen from the root.
    below: PathBuf,
}

impl Change {
    fn new(root: &Path, below: impl AsRef<Path>, contents: Option<Vec<u8>>, program: bool) -> Self {
        let below = below.as_ref().to_owned();
        Self { path: root.join(&below), contents, program, root: root.to_owned(), below }
    }

    /// Whether the file is as it should be already.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let folder = match self.folder() {
            Ok(folder) => folder,
            Err(Errno::NOENT | Errno::NOTDIR) => return self.contents.is_none(),
            Err(_) => return false,
        };
        let Some(contents) = &self.contents else {
            return folder.stat(self.name()).is_ok_and(|there| there.is_none());
        };
        let same = |file: File| {
            let there = read_bounded(&file, contents.len() as u64)?;
            Ok(there == *contents && file.metadata()?.mode() & 0o777 == self.mode())
        };
        folder.file(self.name()).and_then(same).unwrap_or(false)
    }

    fn mode(&self) -> u32 {
        if self.program { 0o755 } else { 0o644 }
    }

    fn name(&self) -> &OsStr {
        self.below.file_name().unwrap_or_default()
    }

    /// The directory that the file is in.
    fn folder(&self) -> Result<Dir, Errno> {
        Dir::open(&self.root)?.dir_by(self.below.parent().unwrap_or(Path::new("")), Links::AsRoot)
    }

    /// The directory that the file is in, made where it isn't there; but not the root.
    fn make_folder(&self) -> io::Result<Dir> {
        let root = Dir::open(&self.root)?;
        let folder = self.below.parent().unwrap_or(Path::new(""));
        let (mut at, mut path) = (root.again()?, PathBuf::new());
        for name in folder {
            path.push(name);
            at = match root.dir_by(&path, Links::AsRoot) {
                Err(Errno::NOENT) => at.make(name, 0o755)?.0,
                opened => opened?,
            };
        }
        Ok(at)
    }

    /// Writes or removes the file, in one step.
    ///
    /// # Errors
    /// When the operating system says no.
    pub fn apply(&self) -> Result<(), Error> {
        let Some(contents) = &self.contents else {
            return match self.folder().and_then(|folder| folder.unlink(self.name())) {
                Ok(()) | Err(Errno::NOENT) => Ok(()),
                Err(error) => Err(Error::os("removing", &self.path)(error.into())),
            };
        };
        let folder =
            self.make_folder().map_err(Error::os("making", self.path.parent().unwrap_or(&self.path)))?;
        // Whole or not at all: udev reads the directory whenever it changes, and the helper may be running.
        folder
            .replace_file(self.name(), contents, Access::Mode(self.mode()))
            .map_err(Error::os("writing", &self.path))
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
    /// Whether the root is that of an image. Nothing of this system's is there.
    pub image: bool,
}

impl Install {
    /// The files to write. The helper is copied unless it is in a place that only root can change: udev runs it as
    /// root. Into an image helper and program are copied, unless it has its own.
    ///
    /// # Errors
    /// When a program can't be read, or couldn't run in the image.
    pub fn changes(&self) -> Result<Vec<Change>, Error> {
        let mut changes = Vec::new();
        let mut rules = self.rules.clone();
        let program;
        if self.image {
            (program, rules.helper) = self.in_image(&mut changes)?;
        } else {
            (program, rules.helper) = (self.program.clone(), self.helper.clone());
            if !only_roots(&self.helper) {
                rules.helper = self.copy(&self.helper, HELPER, &mut changes)?;
            }
        }
        if let Ok(name) = rules.helper.strip_prefix(UDEV_PROGRAMS) {
            rules.helper = name.to_owned();
        }
        changes.push(self.text(RULES, PACKAGED_RULES, FILE, rules.text()));
        if self.units {
            changes.extend(UNITS.map(|(name, text)| {
                self.text(
                    UNIT_DIR,
                    PACKAGED_UNITS,
                    name,
                    unit(text, &program, &rules.runtime, rules.config.as_deref()),
                )
            }));
        }
        Ok(changes)
    }

    /// The program and the helper as an image sees them, with what has to be copied for that.
    fn in_image(&self, changes: &mut Vec<Change>) -> Result<(PathBuf, PathBuf), Error> {
        let failed = |error: Errno| Error::os("opening", &self.root)(error.into());
        let root = Dir::open(&self.root).map_err(failed)?;
        let there = |path: &str| root.file_by(path, Links::AsRoot).is_ok();
        if let Some((program, helper)) = IN_IMAGES.iter().find(|(one, other)| there(one) && there(other)) {
            return Ok((Path::new("/").join(program), Path::new("/").join(helper)));
        }
        let system = EVERYWHERE.iter().find_map(|name| processor(&root.file_by(name, Links::AsRoot).ok()?));
        let mine = File::open(&self.helper).map_err(Error::os("reading", &self.helper))?;
        match (processor(&mine), system) {
            (Some(own), Some(others)) if own != others => {
                let (program, root) = (self.helper.clone(), self.root.clone());
                return Err(Error::OtherProcessor { program, own: name(own), root, others: name(others) });
            }
            _ => {}
        }
        let helper = self.copy(&self.helper, HELPER, changes)?;
        let program = match self.units {
            true => self.copy(&self.program, PROGRAM, changes)?,
            false => self.program.clone(),
        };
        Ok((program, helper))
    }

    /// Has a program copied to a place below the root. Gives the place as it is seen from there.
    fn copy(&self, program: &Path, to: &str, changes: &mut Vec<Change>) -> Result<PathBuf, Error> {
        let contents = std::fs::read(program).map_err(Error::os("reading", program))?;
        changes.push(Change::new(&self.root, to, Some(contents), true));
        Ok(Path::new("/").join(to))
    }

    /// A file with a text: that of a package where it says the same and no local one hides it, else a local one. A local
    /// copy would outlive the package.
    fn text(&self, local: &str, packaged: &str, name: &str, text: String) -> Change {
        let at = |folder: &str, text| Change::new(&self.root, Path::new(folder).join(name), text, false);
        let there = at(packaged, Some(text.clone().into_bytes()));
        let hidden = !at(local, None).is_done();
        if there.is_done() && !hidden { there } else { at(local, Some(text.into_bytes())) }
    }
}

/// The files to remove again.
#[must_use]
pub fn removals(root: &Path) -> Vec<Change> {
    let units = UNITS.map(|(name, _)| Path::new(UNIT_DIR).join(name));
    [Path::new(RULES).join(FILE), PathBuf::from(HELPER), PathBuf::from(PROGRAM)]
        .into_iter()
        .chain(units)
        .map(|below| Change::new(root, below, None, false))
        .collect()
}

/// Which processor a program is for: its class and its `e_machine`, as in the header of an ELF file. `None` where it is
/// something else, such as a script.
fn processor(program: &File) -> Option<(u8, u16)> {
    let mut header = [0; 20];
    program.read_exact_at(&mut header, 0).ok()?;
    let [0x7f, b'E', b'L', b'F', class, order, .., low, high] = header else { return None };
    let machine = [low, high];
    Some((class, if order == 2 { u16::from_be_bytes(machine) } else { u16::from_le_bytes(machine) }))
}

/// What Debian calls it.
fn name(processor: (u8, u16)) -> String {
    match processor {
        (2, 183) => "arm64".to_owned(),
        (1, 40) => "armhf or armel".to_owned(),
        (2, 62) => "amd64".to_owned(),
        (1, 3) => "i386".to_owned(),
        (2, 243) => "riscv64".to_owned(),
        (class, machine) => format!("a processor of class {class} and kind {machine}"),
    }
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
    use std::os::unix::fs::PermissionsExt;

    fn install(dir: &Path, units: bool) -> Install {
        let helper = dir.join("built/piprov-udev");
        std::fs::create_dir_all(dir.join("built")).unwrap();
        std::fs::write(&helper, "helper").unwrap();
        let root = dir.join("root");
        std::fs::create_dir_all(&root).unwrap();
        // Whichever user runs the tests: all may reach it.
        std::fs::set_permissions(dir.join("built"), std::fs::Permissions::from_mode(0o777)).unwrap();
        let program = "/usr/local/bin/piprov".into();
        Install { root, rules: Rules::default(), program, helper, units, image: false }
    }

    /// The same for an image, with programs of this processor.
    fn image(dir: &Path) -> Install {
        let program = dir.join("built/piprov");
        let install = Install { image: true, program: program.clone(), ..install(dir, true) };
        std::fs::write(&program, [ELF, &[2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 62, 0]].concat()).unwrap();
        std::fs::copy(&program, &install.helper).unwrap();
        install
    }

    const ELF: &[u8] = b"\x7fELF";

    /// What rules and units of an installation run, and what was written beside.
    fn runs(install: &Install) -> (String, Vec<PathBuf>) {
        let changes = install.changes().unwrap();
        changes.iter().for_each(|change| change.apply().unwrap());
        let text = |change: &Change| String::from_utf8_lossy(change.contents.as_ref().unwrap()).into_owned();
        let (programs, texts): (Vec<_>, Vec<_>) = changes.iter().partition(|change| change.program);
        let lines = texts.iter().map(|change| text(change)).collect::<String>();
        let runs = lines.lines().filter_map(|line| match line.split_once("RUN+=") {
            Some((_, helper)) => Some(helper.trim_matches('"')),
            None => line.strip_prefix("ExecStart=")?.split(' ').next(),
        });
        let mut runs: Vec<_> = runs.collect();
        runs.sort_unstable();
        runs.dedup();
        (runs.join(" "), programs.iter().map(|change| change.below.clone()).collect())
    }

    #[test]
    fn what_an_image_runs_is_in_the_image() {
        let dir = tempfile::tempdir().unwrap();
        let install = image(dir.path());
        let own = "/usr/local/lib/piprov/piprov /usr/local/lib/piprov/piprov-udev".to_owned();
        let copies: Vec<PathBuf> = vec![HELPER.into(), PROGRAM.into()];
        for _ in 0..2 {
            assert_eq!(runs(&install), (own.clone(), copies.clone()));
        }
        for copy in &copies {
            assert_eq!(std::fs::metadata(install.root.join(copy)).unwrap().mode() & 0o777, 0o755);
        }
        // The package's are taken as they are, and those of `make install`.
        for ((program, helper), want) in IN_IMAGES
            .iter()
            .rev()
            .zip(["/usr/local/bin/piprov /usr/local/lib/piprov/piprov-udev", "/usr/bin/piprov piprov-udev"])
        {
            for path in [program, helper] {
                std::fs::create_dir_all(install.root.join(path).parent().unwrap()).unwrap();
                std::fs::write(install.root.join(path), "the image's").unwrap();
            }
            assert_eq!(runs(&install), (want.to_owned(), vec![]));
        }
        removals(&install.root).iter().for_each(|change| change.apply().unwrap());
        assert!(copies.iter().all(|copy| !install.root.join(copy).exists()));
        assert!(install.root.join("usr/bin/piprov").exists());
    }

    #[test]
    fn no_program_is_put_where_it_cannot_run() {
        let dir = tempfile::tempdir().unwrap();
        let install = image(dir.path());
        let shell = |machine: u8| {
            std::fs::create_dir_all(install.root.join("usr/bin")).unwrap();
            let _ = std::os::unix::fs::symlink("/usr/bin", install.root.join("bin"));
            let header = [ELF, &[2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, machine, 0]].concat();
            std::fs::write(install.root.join("usr/bin/sh"), header).unwrap();
        };
        shell(62);
        assert_eq!(install.changes().unwrap().len(), 6);
        shell(183);
        let error = install.changes().unwrap_err();
        assert!(error.to_string().contains(" is for amd64, and the programs of "), "{error}");
        assert!(error.to_string().ends_with(" are for arm64"), "{error}");
    }

    #[test]
    fn a_root_that_is_not_there_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let mut install = install(dir.path(), false);
        install.root = dir.path().join("mistyped");
        assert!(install.changes().unwrap().iter().all(|change| change.apply().is_err()));
        install.image = true;
        assert!(install.changes().is_err() && !install.root.exists());
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
    fn the_links_of_an_image_stay_in_the_image() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let install = install(dir.path(), true);
        let outside = dir.path().join("outside");
        std::fs::create_dir_all(&outside).unwrap();
        std::fs::create_dir_all(install.root.join("etc/udev")).unwrap();
        std::fs::create_dir_all(install.root.join("lib/units")).unwrap();
        symlink(&outside, install.root.join("etc/udev/rules.d")).unwrap();
        symlink("/lib/units", install.root.join("etc/systemd")).unwrap();
        std::fs::create_dir_all(install.root.join("lib/units/system")).unwrap();
        // A unit that is a pipe, and one that is a link to a file outside.
        let pipe = install.root.join("lib/units/system/piprov-usb.path");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
        std::fs::write(outside.join("file"), "precious").unwrap();
        symlink(outside.join("file"), install.root.join("lib/units/system/piprov-usb.service")).unwrap();
        let results: Vec<bool> = install
            .changes()
            .unwrap()
            .iter()
            .map(|change| {
                assert!(!change.is_done(), "{}", change.path.display());
                change.apply().is_ok()
            })
            .collect();
        assert_eq!(results, [true, false, true, true, true], "the rules have no place to go");
        assert!(pipe.is_file() && !install.root.join("lib/units/system/piprov-usb.service").is_symlink());
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
        assert_eq!(std::fs::read_to_string(outside.join("file")).unwrap(), "precious");
        removals(&install.root).iter().for_each(|change| drop(change.apply()));
        assert!(outside.join("file").exists() && !pipe.exists());
    }

    #[test]
    fn what_a_package_has_is_not_there_twice() {
        let dir = tempfile::tempdir().unwrap();
        let mut install = install(dir.path(), true);
        install.program = "/usr/bin/piprov".into();
        let put = |folder: &str, name: &str, text: &str| {
            let folder = install.root.join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(name), text).unwrap();
            std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o644)).unwrap();
        };
        for (name, text) in UNITS {
            put(PACKAGED_UNITS, name, text);
        }
        let local = |install: &Install| {
            let local = |change: &Change| change.below.starts_with(UNIT_DIR);
            install.changes().unwrap().into_iter().filter(local).collect::<Vec<_>>()
        };
        assert_eq!(local(&install), []);
        assert_eq!(install.changes().unwrap().iter().filter(|change| change.is_done()).count(), 3);
        // A local one hides the package's, so it is what has to be right.
        put(UNIT_DIR, UNITS[0].0, "[Path]\n");
        assert_eq!(local(&install).len(), 1);
        std::fs::remove_file(install.root.join(UNIT_DIR).join(UNITS[0].0)).unwrap();
        // Another program than the package's.
        install.program = "/usr/local/bin/piprov".into();
        assert_eq!(local(&install).len(), 2);
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
        // The directory for temporary files is everybody's, whichever user owns what is in it.
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
