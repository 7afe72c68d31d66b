//! What kind of Raspberry Pi OS it is: release, width, and where its boot partition is mounted.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Error;
use super::view::View;
use crate::eeprom::{ConfigFiles, Scope, config_txt};
use crate::error::chain;
use crate::image::ext4::FileKind;

/// What was recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The release's code name (`bookworm`), or what the system calls itself.
    pub release: String,
    /// 32 or 64, by the root's own programs; 0 where they can't be read.
    pub bits: u8,
    /// Where the boot partition is mounted: `/boot/firmware` from Bookworm on, `/boot` before.
    pub boot: String,
    /// The kernel's command line, below the boot files: `cmdline.txt`, or `current/cmdline.txt` where two sets of boot
    /// files take turns, as on Ubuntu since 25.10.
    #[serde(default = "usual_cmdline")]
    pub cmdline: String,
}

const CMDLINE: &str = "cmdline.txt";

fn usual_cmdline() -> String {
    CMDLINE.to_owned()
}

/// The mount points that a boot partition has had.
pub(super) const BOOT_PLACES: [&str; 2] = ["/boot/firmware", "/boot"];

impl Layout {
    /// The directory of the boot files that the firmware takes kernel and command line from; empty for their top.
    pub(super) fn prefix(&self) -> &str {
        self.cmdline.rsplit_once('/').map_or("", |(prefix, _)| prefix)
    }

    /// Looks at a root and its boot files.
    ///
    /// # Errors
    /// [`Error::NotRaspberryPiOs`] where it isn't one, unless `force` says to take it; and what reading ends with.
    pub(super) fn detect(from: &Path, root: &View<'_>, boot: &View<'_>, force: bool) -> Result<Self, Error> {
        let not =
            |why: &str, force| Error::NotRaspberryPiOs { path: from.to_owned(), why: why.to_owned(), force };
        let release = root.text("etc/os-release")?;
        let Some(release) = release else {
            return Err(not("there is no etc/os-release in it", false));
        };
        if !root.has("etc/fstab").unwrap_or(false) {
            return Err(not("there is no etc/fstab in it", false));
        }
        let Some(cmdline) = cmdline(&config(boot)?, None, boot)? else {
            return Err(not("its boot partition has no cmdline.txt", false));
        };
        let value = |key: &str| {
            let line = release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.map(|value| value.trim().trim_matches('"').to_owned())
        };
        let id = value("ID").unwrap_or_default();
        // 64-bit ones call themselves Debian; the file names the stages that pi-gen built.
        let ubuntu = id == "ubuntu" && boot.has(CONFIG)?;
        if id != "raspbian" && !ubuntu && !root.has("etc/rpi-issue")? && !force {
            return Err(not(&format!("there is no etc/rpi-issue, and it calls itself `{id}`"), true));
        }
        let name = value("VERSION_CODENAME").or_else(|| value("VERSION_ID"));
        Ok(Self { release: name.unwrap_or(id), bits: bits(root)?, boot: boot_place(root)?, cmdline })
    }
}

const CONFIG: &str = "config.txt";

/// What config.txt says, with all that it includes.
fn config(boot: &View<'_>) -> Result<ConfigFiles, Error> {
    let path = || boot.0.path().join(CONFIG);
    // One that can't be read is none of the user's.
    boot.kept(CONFIG)?;
    let open = |name: &str| {
        let other = |error: Error| std::io::Error::other(chain(&error));
        let Some(node) = boot.find(name).map_err(other)?.filter(|node| node.kind == FileKind::File) else {
            return Ok(None);
        };
        if node.size > config_txt::LONGEST {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        boot.read(name, config_txt::LONGEST).map_err(other)
    };
    ConfigFiles::read(CONFIG, open).map_err(|source| Error::Config { path: path(), source })
}

/// Where the command line is that the firmware takes, by what is said for every board, and for those that pass one
/// filter.
fn cmdline(config: &ConfigFiles, filter: Option<&str>, boot: &View<'_>) -> Result<Option<String>, Error> {
    let (mut prefix, mut name) = ("", CMDLINE);
    for setting in config.settings() {
        let counts = match &setting.scope {
            Scope::Always => true,
            Scope::When(when) => Some(when.as_str()) == filter,
            Scope::Never | Scope::Elsewhere => false,
        };
        match setting.name.to_ascii_lowercase().as_str() {
            "os_prefix" if counts => prefix = &setting.value,
            "cmdline" if counts => name = &setting.value,
            _ => {}
        }
    }
    // The firmware leaves the prefix out where nothing is behind it.
    for path in [format!("{prefix}{name}"), name.to_owned(), CMDLINE.to_owned()] {
        let inside =
            Path::new(&path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if inside && boot.has(&path)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// No config.txt has more filters.
const MOST_FILTERS: usize = 200;

/// The command lines that are taken: on boards that pass no filter (`all`), and where it is another one, on those that
/// pass one. A trial boot is none.
pub(super) fn cmdlines(boot: &View<'_>) -> Result<Vec<(String, String)>, Error> {
    let config = config(boot)?;
    let usual = cmdline(&config, None, boot)?;
    let mut filters: Vec<&str> = Vec::new();
    for setting in config.settings() {
        if let Scope::When(filter) = &setting.scope
            && ["os_prefix", "cmdline"].iter().any(|name| setting.name.eq_ignore_ascii_case(name))
            && filter != "tryboot"
            && !filters.contains(&filter.as_str())
            && filters.len() < MOST_FILTERS
        {
            filters.push(filter);
        }
    }
    let mut found: Vec<_> = usual.iter().map(|path| (path.clone(), "all".to_owned())).collect();
    for filter in filters {
        if let Some(path) = cmdline(&config, Some(filter), boot)?.filter(|path| Some(path) != usual.as_ref())
        {
            found.push((path, filter.to_owned()));
        }
    }
    Ok(found)
}

/// Where fstab mounts the boot partition; without such a line, where its directory is.
fn boot_place(root: &View<'_>) -> Result<String, Error> {
    let fstab = root.kept("etc/fstab")?.unwrap_or_default();
    for place in BOOT_PLACES {
        let mounted = |line: &str| {
            line.split_whitespace().nth(1).map(|at| at.trim_end_matches('/')) == Some(place)
                && !line.trim_start().starts_with('#')
        };
        if fstab.lines().any(mounted) {
            return Ok(place.to_owned());
        }
    }
    Ok(if root.has("boot/firmware")? { BOOT_PLACES[0] } else { BOOT_PLACES[1] }.to_owned())
}

/// The width of the programs: byte 4 of an ELF file.
fn bits(root: &View<'_>) -> Result<u8, Error> {
    for program in ["bin/sh", "usr/bin/env", "sbin/init"] {
        if let Some(bytes) = root.read(program, 16 << 20)?
            && bytes.starts_with(b"\x7fELF")
        {
            return Ok(match bytes.get(4) {
                Some(1) => 32,
                Some(2) => 64,
                _ => 0,
            });
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::super::tests::Tree;
    use super::*;

    fn detect(tree: &Tree, force: bool) -> Result<Layout, Error> {
        let (root, boot) = (tree.source("root"), tree.source("boot"));
        Layout::detect(Path::new("image"), &View(&root), &View(&boot), force)
    }

    #[test]
    fn releases_from_buster_to_trixie() {
        for (release, id, fstab, issue, elf, bits, boot) in [
            ("buster", "raspbian", "PARTUUID=1-01 /boot vfat defaults 0 2", false, 1, 32, "/boot"),
            ("bullseye", "raspbian", "PARTUUID=1-01  /boot  vfat defaults 0 2", true, 1, 32, "/boot"),
            ("bullseye", "debian", "PARTUUID=1-01  /boot  vfat defaults 0 2", true, 2, 64, "/boot"),
            (
                "bookworm",
                "debian",
                "PARTUUID=1-01 /boot/firmware vfat defaults 0 2",
                true,
                2,
                64,
                "/boot/firmware",
            ),
            ("trixie", "debian", "# nothing", true, 2, 64, "/boot/firmware"),
        ] {
            let tree = Tree::new();
            tree.file("root/etc/os-release", &format!("ID={id}\nVERSION_CODENAME={release}\n"));
            tree.file("root/etc/fstab", fstab);
            tree.file("root/bin/sh", &format!("\x7fELF{}", char::from(elf)));
            tree.file("boot/cmdline.txt", "root=x");
            tree.directory(&format!("root{boot}"));
            if issue {
                tree.file("root/etc/rpi-issue", "Raspberry Pi reference");
            }
            let layout = detect(&tree, false).unwrap();
            assert_eq!(
                layout,
                Layout { release: release.into(), bits, boot: boot.into(), cmdline: CMDLINE.into() }
            );
        }
    }

    #[test]
    fn ubuntu_has_one_set_of_boot_files_or_two() {
        let tree = Tree::new();
        tree.file("root/etc/os-release", "ID=ubuntu\nVERSION_CODENAME=noble\n");
        tree.file(
            "root/etc/fstab",
            "LABEL=writable / ext4 x 0 1\nLABEL=system-boot /boot/firmware vfat x 0 1\n",
        );
        tree.file("root/bin/sh", "\x7fELF\x02");
        tree.file(
            "boot/config.txt",
            "[all]\nkernel=vmlinuz\ncmdline=cmdline.txt\ninitramfs initrd.img followkernel\n",
        );
        tree.file("boot/cmdline.txt", "root=LABEL=writable");
        let layout = detect(&tree, false).unwrap();
        assert_eq!(
            (&layout.release[..], &layout.boot[..], &layout.cmdline[..]),
            ("noble", "/boot/firmware", CMDLINE)
        );
        tree.file(
            "boot/config.txt",
            "[all]\nos_prefix=current/\ncmdline=cmdline.txt\n[tryboot]\nos_prefix=new/\n",
        );
        assert_eq!(detect(&tree, false).unwrap().cmdline, CMDLINE, "nothing is behind the prefix");
        tree.file("boot/current/cmdline.txt", "root=LABEL=writable");
        tree.file("boot/new/cmdline.txt", "root=LABEL=writable");
        let layout = detect(&tree, false).unwrap();
        assert_eq!((&layout.cmdline[..], layout.prefix()), ("current/cmdline.txt", "current"));
        for bad in ["/", "../", "current/../../"] {
            tree.file("boot/config.txt", &format!("os_prefix={bad}\n"));
            assert_eq!(detect(&tree, false).unwrap().cmdline, CMDLINE, "{bad}");
        }
    }

    #[test]
    fn what_config_txt_includes_and_remarks_counts() {
        let tree = Tree::new();
        tree.file("boot/cmdline.txt", "");
        tree.file("boot/other.txt", "");
        tree.file("boot/more.txt", "cmdline=other.txt # mine\n");
        tree.file("boot/config.txt", "include more.txt\n");
        let boot = tree.source("boot");
        let view = View(&boot);
        let usual = || cmdline(&config(&view).unwrap(), None, &view).unwrap();
        let others = || cmdlines(&view).unwrap().split_off(1);
        assert_eq!(usual().as_deref(), Some("other.txt"));
        for (text, filter) in
            [("[pi4]\ninclude more.txt\n", "pi4"), ("[pi5]\ncmdline=other.txt # mine\n", "pi5")]
        {
            tree.file("boot/config.txt", text);
            assert_eq!(usual().as_deref(), Some(CMDLINE));
            assert_eq!(others(), [("other.txt".to_owned(), filter.to_owned())]);
        }
        // What is said for all boards further down belongs to what was said for some.
        tree.file("boot/pi4/other.txt", "");
        tree.file("boot/config.txt", "[pi4]\nos_prefix=pi4/\n[all]\ncmdline=other.txt\n");
        assert_eq!(usual().as_deref(), Some("other.txt"));
        assert_eq!(others(), [("pi4/other.txt".to_owned(), "pi4".to_owned())]);
        tree.file("boot/config.txt", "include config.txt\n");
        assert!(matches!(config(&view), Err(Error::Config { .. })));
        std::fs::remove_file(tree.path("boot/config.txt")).unwrap();
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, tree.path("boot/config.txt"), kind, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        assert!(matches!(config(&view), Err(Error::Unfit { .. })));
    }

    #[test]
    fn others_are_refused() {
        let tree = Tree::new();
        tree.directory("root/etc");
        tree.directory("boot");
        let error = detect(&tree, true).unwrap_err();
        assert!(error.to_string().contains("os-release"), "{error}");
        tree.file("root/etc/os-release", "ID=ubuntu\n");
        tree.file("root/etc/fstab", "");
        assert!(detect(&tree, true).unwrap_err().to_string().contains("cmdline.txt"));
        tree.file("boot/cmdline.txt", "");
        let error = detect(&tree, false).unwrap_err();
        assert!(error.to_string().contains("`ubuntu`"), "{error}");
        assert!(matches!(error, Error::NotRaspberryPiOs { force: true, .. }));
        assert_eq!(detect(&tree, true).unwrap().release, "ubuntu");
    }
}
