//! Images in a directory, as Raspberry Pi's package rpi-eeprom and its repository lay them out: a directory for each
//! chip, in it one for each channel.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use super::Error;
use crate::beneath::Dir;
use crate::board::Family;
use crate::eeprom::Image;

/// How deep directories are looked into. The repository has three.
const DEEPEST: usize = 6;
/// Names that are looked at in all.
const MOST_NAMES: usize = 20_000;
/// Images that are read. About 200 were published in seven years.
const MOST_IMAGES: usize = 1000;

/// For whom Raspberry Pi publishes an image, as the directory's name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// For everybody.
    Default,
    /// For everybody, as the package called it until 2023.
    Critical,
    /// For those who want what is new.
    Latest,
    /// The same, as the package called it until 2023.
    Stable,
    /// For tests.
    Beta,
    /// Not given out any more.
    Old,
}

impl fmt::Display for Channel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Default => "default",
            Self::Critical => "critical",
            Self::Latest => "latest",
            Self::Stable => "stable",
            Self::Beta => "beta",
            Self::Old => "old",
        })
    }
}

/// Where an image stands, as its path tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Its channel, where a directory has the name of one.
    pub channel: Option<Channel>,
    /// The chip that a directory's name says it is for.
    pub chip: Option<Family>,
}

/// What the directories of a path say of an image. The last one that says something counts; what lies below `old` is old.
#[must_use]
pub fn place(path: &Path) -> Place {
    let mut place = Place::default();
    let directories = path.parent().into_iter().flat_map(Path::components);
    for name in directories.filter_map(|component| component.as_os_str().to_str()) {
        place.channel = match name {
            _ if place.channel == Some(Channel::Old) => place.channel,
            "default" => Some(Channel::Default),
            "critical" => Some(Channel::Critical),
            "latest" => Some(Channel::Latest),
            "stable" => Some(Channel::Stable),
            "beta" => Some(Channel::Beta),
            "old" => Some(Channel::Old),
            _ => place.channel,
        };
        place.chip = match name {
            "bootloader-2711" | "firmware-2711" => Some(Family::Pi4),
            "bootloader-2712" | "firmware-2712" => Some(Family::Pi5),
            _ => place.chip,
        };
    }
    place
}

/// Whether a file of this name may be an image: `pieeprom-2026-05-17.bin`, `pieeprom.upd`.
#[must_use]
pub fn may_be_image(name: &OsStr) -> bool {
    let name = name.as_bytes();
    [&b".bin"[..], b".upd"].iter().any(|end| name.ends_with(end)) && !name.starts_with(b".")
}

/// Reads all files below a directory that have the name and the size of an image, and gives each with its path. Links
/// are not followed: in the package they stand for other names of channels. What can't be read ends it.
///
/// # Errors
/// [`Error::Os`], [`Error::Crowded`].
pub fn each(path: &Path, take: &mut dyn FnMut(PathBuf, Vec<u8>)) -> Result<(), Error> {
    let dir = Dir::open(path).map_err(|error| Error::os("opening", path)(error.into()))?;
    let mut walk = Walk { root: path, names: 0, images: 0, take };
    walk.look(&dir, 0)
}

struct Walk<'a> {
    root: &'a Path,
    names: usize,
    images: usize,
    take: &'a mut dyn FnMut(PathBuf, Vec<u8>),
}

impl Walk<'_> {
    fn look(&mut self, dir: &Dir, depth: usize) -> Result<(), Error> {
        let crowded = |most, what| Error::Crowded { path: self.root.to_owned(), most, what };
        let left = MOST_NAMES - self.names;
        let mut names: Vec<OsString> = Vec::new();
        // The system gives two more names than there are.
        dir.any_name(left + 3, |name| {
            names.push(name.to_owned());
            false
        })
        .map_err(|error| Error::os("listing", dir.path())(error.into()))?;
        names.retain(|name| !name.as_bytes().starts_with(b"."));
        self.names += names.len();
        if self.names > MOST_NAMES {
            return Err(crowded(MOST_NAMES, "names"));
        }
        names.sort();
        for name in names {
            let path = dir.at(&name);
            match dir.kind(&name) {
                Some(FileType::Directory) if depth < DEEPEST => {
                    let inner = dir.dir(&name).map_err(|error| Error::os("opening", &path)(error.into()))?;
                    self.look(&inner, depth + 1)?;
                }
                Some(FileType::RegularFile) if may_be_image(&name) => {
                    let stat =
                        dir.stat(&name).map_err(|error| Error::os("looking at", &path)(error.into()))?;
                    let size = stat.and_then(|stat| u64::try_from(stat.st_size).ok());
                    if !size.is_some_and(|size| Image::SIZES.contains(&size)) {
                        continue;
                    }
                    self.images += 1;
                    if self.images > MOST_IMAGES {
                        return Err(Error::Crowded {
                            path: self.root.to_owned(),
                            most: MOST_IMAGES,
                            what: "images",
                        });
                    }
                    let bytes = dir.read(&name, Image::SIZES[1]).map_err(Error::os("reading", &path))?;
                    (self.take)(path, bytes);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::eeprom::pi4;

    #[test]
    fn a_path_tells_channel_and_chip() {
        for (path, channel, chip) in [
            (
                "/usr/lib/firmware/raspberrypi/bootloader-2711/default/pieeprom-2026-05-17.bin",
                Some(Channel::Default),
                Some(Family::Pi4),
            ),
            ("firmware-2712/latest/pieeprom.bin", Some(Channel::Latest), Some(Family::Pi5)),
            ("firmware-2711/old/stable/pieeprom.bin", Some(Channel::Old), Some(Family::Pi4)),
            ("bootloader/critical/pieeprom.bin", Some(Channel::Critical), None),
            ("pieeprom.bin", None, None),
            ("default", None, None),
            ("default/latest/x", Some(Channel::Latest), None),
            ("", None, None),
        ] {
            assert_eq!(place(Path::new(path)), Place { channel, chip }, "{path}");
        }
    }

    #[test]
    fn images_are_found_and_links_are_left_alone() {
        let room = tempfile::tempdir().unwrap();
        let root = room.path();
        for dir in ["bootloader-2711/default", "bootloader-2711/latest", ".git", "1/2/3/4/5/6/7"] {
            std::fs::create_dir_all(root.join(dir)).unwrap();
        }
        let image = pi4(b"");
        for name in [
            "bootloader-2711/default/pieeprom-2024-09-05.bin",
            "bootloader-2711/latest/pieeprom.upd",
            ".git/pieeprom.bin",
            "bootloader-2711/.pieeprom.bin",
            "bootloader-2711/pieeprom.txt",
            "1/2/3/4/5/6/7/pieeprom.bin",
        ] {
            std::fs::write(root.join(name), &image).unwrap();
        }
        std::fs::write(root.join("recovery.bin"), "short").unwrap();
        let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, root.join(at)).unwrap();
        link("default", "bootloader-2711/critical");
        link("default/pieeprom-2024-09-05.bin", "bootloader-2711/link.bin");
        link("..", "bootloader-2711/up");
        let mut found = Vec::new();
        each(root, &mut |path, bytes| {
            assert_eq!(bytes, image);
            found.push(path.strip_prefix(root).unwrap().to_owned());
        })
        .unwrap();
        let want = ["bootloader-2711/default/pieeprom-2024-09-05.bin", "bootloader-2711/latest/pieeprom.upd"];
        assert_eq!(found, want.map(PathBuf::from));
        assert!(matches!(each(&root.join("no"), &mut |_, _| ()), Err(Error::Os { .. })));
    }

    #[test]
    fn a_directory_with_names_without_end_is_refused() {
        let room = tempfile::tempdir().unwrap();
        for n in 0..=MOST_NAMES {
            std::fs::File::create(room.path().join(format!("{n}"))).unwrap();
        }
        assert!(matches!(each(room.path(), &mut |_, _| ()), Err(Error::Crowded { most: MOST_NAMES, .. })));
        std::fs::remove_file(room.path().join("7")).unwrap();
        assert!(each(room.path(), &mut |_, _| ()).is_ok());
    }
}
