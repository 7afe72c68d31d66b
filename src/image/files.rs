//! Files inside an image that name partitions by number: `cmdline.txt`, `autoboot.txt` and `extlinux.conf` on boot
//! partitions, `etc/fstab`, `etc/crypttab` and RAUC's `system.conf` on root partitions. When the partitions get other numbers, these lines have
//! to follow.
//!
//! Nothing is written into file systems. A changed line is as long as the old one, so the change is a few
//! bytes at their place in the image: a [`Patch`]. Where that place is isn't computed but observed: the file is
//! read through a reader that records what is asked of the image, the sector with the bytes is looked for
//! among what was read, and then it is proved: with the patch in place the file must read as wanted.
//! Where that fails (contents inside an inode, a journal that is not empty) there is a note and no patch.

mod disk;
mod fat;
mod lines;
mod patch;
mod trace;
mod volume;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

pub use disk::{Disk, Meant, Named};
pub use fat::{FatItem, PutError, fat_find, fat_free, fat_list, fat_put, fat_runs, fat_tree};
pub use patch::{Patch, PatchedReadAt, sector_patches};
pub use volume::{FatFile, fat_file, fat_file_within, fat_files_under, is_fat};

use super::read_at::ReadAt;
use super::table::{Partition, Scheme, Table};
use lines::Names;
use volume::{Found, Volume};

/// A file of more than this is no `cmdline.txt` and no `fstab`.
const LONGEST: usize = 256 << 10;

/// A line that names partitions, before and after.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Line {
    /// The file's path in its file system.
    pub file: String,
    /// The partition that it lies on, by the image's numbering.
    pub partition: u32,
    /// The line as it stands in the image, without its end.
    pub before: String,
    /// As it has to be.
    pub after: String,
}

/// What the partitions are called from now on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewNames {
    /// Old numbers to new ones.
    pub numbers: BTreeMap<u32, u32>,
    /// They get a GPT, and had an MBR: the names that PARTUUID= made of that don't exist any more.
    pub becomes_gpt: bool,
}

impl From<BTreeMap<u32, u32>> for NewNames {
    fn from(numbers: BTreeMap<u32, u32>) -> Self {
        Self { numbers, becomes_gpt: false }
    }
}

/// A file with the arguments that a kernel is given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arguments {
    /// The partition that it lies on, by the image's numbering.
    pub partition: u32,
    /// Its path there.
    pub file: String,
    /// Whether an initramfs is loaded, which finds a root that the kernel alone doesn't.
    pub initramfs: bool,
}

/// What has to be changed so that a system finds its partitions under their new numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Followed {
    /// The changes, each proved.
    pub patches: Vec<Patch>,
    /// The same as lines, for people.
    pub lines: Vec<Line>,
    /// What was not found, and what could not be followed; each a sentence.
    pub notes: Vec<String>,
}

/// Files on a FAT partition whose words name partitions, beside `cmdline.txt`.
const ON_FAT: [&str; 1] = ["extlinux/extlinux.conf"];
/// The same on ext4: what boots other systems, and RAUC's slots.
const ON_EXT4: [&str; 3] =
    ["/boot/extlinux/extlinux.conf", "/extlinux/extlinux.conf", "/etc/rauc/system.conf"];
/// Files on ext4 that name partitions in forms of their own. They are left as they are, and told: Mender's settings, overlayroot's,
/// and where a system hibernates to.
const LEFT: [&str; 6] = [
    "/etc/mender/mender.conf",
    "/var/lib/mender/mender.conf",
    "/mender/mender.conf",
    "/etc/overlayroot.conf",
    "/etc/overlayroot.local.conf",
    "/etc/kernel/cmdline",
];
/// The same: directories with such files, and how their names end.
const LEFT_IN: [(&str, &[&str]); 2] =
    [("/etc/systemd/system", &[".mount", ".automount", ".swap"]), ("/etc/initramfs-tools/conf.d", &[""])];
/// So many files of such a directory are looked at.
const MANY: usize = 64;
/// The table of file systems.
const FSTAB: &str = "/etc/fstab";
/// The kernel's arguments.
const CMDLINE: &str = "cmdline.txt";

/// Finds what names partitions in `image`, whose table is `table`, and how it has to change when the
/// partitions get the `numbers` (old to new).
///
/// A missing file or file system is no error: an image may be a data disk. Waits for parts of the image
/// that are still on their way.
///
/// # Errors
/// Only when the image itself can't be read.
pub fn follow(image: &Arc<dyn ReadAt>, table: &Table, numbers: &BTreeMap<u32, u32>) -> io::Result<Followed> {
    follow_with(image, table, &numbers.clone().into(), &[])
}

/// As [`follow`], with the files whose arguments kernels are given: `config.txt` may name others than `cmdline.txt`.
///
/// # Errors
/// As [`follow`].
pub fn follow_with(
    image: &Arc<dyn ReadAt>,
    table: &Table,
    new: &NewNames,
    arguments: &[Arguments],
) -> io::Result<Followed> {
    let disk = Disk::new(table).look(image, table)?;
    let mut search = Search { names: names(table, new).with_disk(&disk), followed: Followed::default() };
    let (mut fat_seen, mut ext4_seen, mut fstab_seen) = (false, false, false);
    let mut unread = Vec::new();
    search.roots(image, table, arguments)?;
    for partition in table.partitions.iter().filter(|partition| !partition.is_extended()) {
        let volume = Volume { image, partition };
        if volume.is_fat()? {
            let given = arguments.iter().filter(|given| given.partition == partition.number);
            let mut paths: Vec<&str> = given.clone().map(|given| given.file.as_str()).chain(ON_FAT).collect();
            paths.retain(|path| !path.eq_ignore_ascii_case(CMDLINE));
            paths.dedup();
            let found = search.words(&volume, volume::Kind::Fat, CMDLINE)?;
            for path in paths {
                search.words(&volume, volume::Kind::Fat, path)?;
            }
            for given in given {
                if let Found::Text(text) = volume.read(volume::Kind::Fat, &given.file)? {
                    search.names.check_root(&given.file, &text, given.initramfs);
                }
            }
            search.file(&volume, volume::Kind::Fat, "autoboot.txt", Names::autoboot)?;
            if !found && !fat_seen {
                let none = format!("Partition {} (FAT) has no cmdline.txt.", partition.number);
                search.followed.notes.push(none);
            }
            fat_seen = true;
        } else if volume.is_ext4()? {
            ext4_seen = true;
            fstab_seen |= search.file(&volume, volume::Kind::Ext4, FSTAB, Names::fstab)?;
            for path in ON_EXT4 {
                search.words(&volume, volume::Kind::Ext4, path)?;
            }
            search.file(&volume, volume::Kind::Ext4, lines::CRYPTTAB, Names::crypttab)?;
            search.left(&volume)?;
        } else if let Some(kind) = volume.unread()? {
            unread.push(format!("partition {} is {kind}", partition.number));
        }
    }
    let Search { names, mut followed } = search;
    if followed.lines.iter().any(|line| line.file == lines::CRYPTTAB) {
        let crypttab = lines::CRYPTTAB;
        let note = format!("{crypttab} is changed; a copy of it in an initramfs keeps the old names.");
        followed.notes.push(note);
    }
    if !fat_seen {
        followed
            .notes
            .push("The image has no FAT partition, so there is no cmdline.txt to change.".to_owned());
    }
    if !unread.is_empty() && !fstab_seen {
        followed.notes.push(format!(
            "The files on it can't be read here: {}. If its /etc/fstab names partitions by number, these names will be wrong.",
            unread.join(", ")
        ));
    } else if !ext4_seen {
        followed
            .notes
            .push("The image has no ext4 partition, so there is no /etc/fstab to change.".to_owned());
    } else if !fstab_seen {
        followed.notes.push("No ext4 partition of the image has an /etc/fstab.".to_owned());
    }
    followed.notes.extend(names.notes);
    Ok(followed)
}

fn names<'a>(table: &Table, new: &'a NewNames) -> Names<'a> {
    let guids = table.partitions.iter().map(|partition| table.partuuid(partition));
    Names::new(disk_id(table), new).with_guids(guids.collect())
}

/// The root file system that a kernel's arguments name; of several the last one counts.
#[must_use]
pub fn root_of(arguments: &str) -> Option<&str> {
    lines::root_of(arguments)
}

/// Whether a kernel's arguments name its partitions by other words than `root=`, which its own initramfs reads.
#[must_use]
pub fn has_other_root(arguments: &str) -> bool {
    lines::has_other_root(arguments)
}

/// The number of the partition that a device's path names, `/dev/sda2`; `None` for a whole disk.
#[must_use]
pub fn partition_of(device: &str) -> Option<u32> {
    lines::device(device).map(|(_, number)| number)
}

/// Whether a partition is swap space: `mkswap` writes its signature at the end of the first page (linux/swap.h).
///
/// # Errors
/// When the image can't be read.
pub fn is_swap(image: &Arc<dyn ReadAt>, partition: &Partition) -> io::Result<bool> {
    for page in [4096u64, 16384, 65536] {
        let mut magic = [0; 10];
        if partition.len >= page
            && image.read_at(&mut magic, partition.start.saturating_add(page - 10))? == 10
            && &magic == b"SWAPSPACE2"
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What was found so far.
struct Search<'a> {
    names: Names<'a>,
    followed: Followed,
}

impl<'a> Search<'a> {
    /// A file with words as on the kernel's command line. Whether there is such a file.
    fn words(&mut self, volume: &Volume<'_>, kind: volume::Kind, path: &str) -> io::Result<bool> {
        self.file(volume, kind, path, |names, text| names.words(path, text))
    }

    /// Looks on which disks the system's root is, in all files that say it.
    fn roots(&mut self, image: &Arc<dyn ReadAt>, table: &Table, arguments: &[Arguments]) -> io::Result<()> {
        for partition in table.partitions.iter().filter(|partition| !partition.is_extended()) {
            let volume = Volume { image, partition };
            let (kind, mut paths) = if volume.is_fat()? {
                let given = arguments.iter().filter(|given| given.partition == partition.number);
                let given = given.map(|given| given.file.as_str());
                (volume::Kind::Fat, given.chain(ON_FAT).chain([CMDLINE]).collect::<Vec<_>>())
            } else if volume.is_ext4()? {
                (volume::Kind::Ext4, ON_EXT4.to_vec())
            } else {
                continue;
            };
            paths.dedup();
            // What can't be read is told when it would be changed.
            for path in paths {
                if let Found::Text(text) = volume.read(kind, path)? {
                    self.names.roots_in_words(&text);
                }
            }
            if kind == volume::Kind::Ext4
                && let Found::Text(text) = volume.read(kind, FSTAB)?
            {
                self.names.roots_in_fstab(&text);
            }
        }
        Ok(())
    }

    /// Files that are left as they are.
    fn left(&mut self, volume: &Volume<'_>) -> io::Result<()> {
        let mut paths: Vec<String> = LEFT.map(str::to_owned).to_vec();
        for (directory, ends) in LEFT_IN {
            let mut names = volume.ext4_names(directory)?;
            names.retain(|name| ends.iter().any(|end| name.ends_with(end)));
            names.sort();
            names.truncate(MANY);
            paths.extend(names.iter().map(|name| format!("{directory}/{name}")));
        }
        for path in paths {
            // What is wrong with a file system is told with the files that follow.
            if let Found::Text(text) = volume.read(volume::Kind::Ext4, &path)? {
                self.names.told(&path, &text);
            }
        }
        Ok(())
    }

    /// A file whose text changes as `change` says. Whether there is such a file.
    fn file(
        &mut self,
        volume: &Volume<'_>,
        kind: volume::Kind,
        path: &str,
        change: impl FnOnce(&mut Names<'a>, &[u8]) -> Vec<u8>,
    ) -> io::Result<bool> {
        match volume.read(kind, path)? {
            Found::Text(old) => {
                let new = change(&mut self.names, &old);
                follow_file(volume, kind, path, &old, new, &mut self.followed)?;
                Ok(true)
            }
            Found::Nothing => Ok(false),
            Found::Unreadable(why) => {
                // What is wrong with a file system is told once, with the first file that was looked for on it.
                let note = |path: &str| {
                    let number = volume.partition.number;
                    format!("{path} on partition {number} can't be read and is left as it is: {why}.")
                };
                let end = note("");
                if !self.followed.notes.iter().any(|known| known.ends_with(&*end)) {
                    self.followed.notes.push(note(path));
                }
                Ok(true)
            }
        }
    }
}

/// The kernel's arguments as they are once the partitions have got these names.
#[must_use]
pub fn renamed_arguments(table: &Table, new: &NewNames, text: &str) -> String {
    let new = names(table, new).cmdline(text.as_bytes());
    String::from_utf8_lossy(&new).into_owned()
}

/// The number that PARTUUIDs begin with. A GPT's belong to the partitions and move with them.
fn disk_id(table: &Table) -> Option<u32> {
    match table.scheme {
        Scheme::Mbr { disk_id } => Some(disk_id),
        Scheme::Gpt { .. } => None,
    }
}

/// Turns one file's new text into patches, if they can be proved.
fn follow_file(
    volume: &Volume<'_>,
    kind: volume::Kind,
    path: &str,
    old: &[u8],
    new: Vec<u8>,
    followed: &mut Followed,
) -> io::Result<()> {
    if new == old {
        return Ok(());
    }
    match trace::locate(volume, kind, path, old, &new)? {
        Ok(patches) => {
            let shown = |line: &[u8]| String::from_utf8_lossy(line).trim_end_matches('\r').to_owned();
            for (before, after) in old.split(|byte| *byte == b'\n').zip(new.split(|byte| *byte == b'\n')) {
                if before != after {
                    followed.lines.push(Line {
                        file: path.to_owned(),
                        partition: volume.partition.number,
                        before: shown(before),
                        after: shown(after),
                    });
                }
            }
            followed.patches.extend(patches);
        }
        Err(why) => followed.notes.push(format!(
            "{path} on partition {} names partitions by number, but its lines could not be followed: {why}.",
            volume.partition.number
        )),
    }
    Ok(())
}
