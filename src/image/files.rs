//! Files inside an image that name partitions by number: `cmdline.txt` on the boot partition and `etc/fstab`
//! on the root partition. When the partitions get other numbers, these lines have to follow.
//!
//! Nothing is written into file systems. A changed line is as long as the old one, so the change is a few
//! bytes at their place in the image: a [`Patch`]. Where that place is isn't computed but observed: the file is
//! read through a reader that records what is asked of the image, the sector with the bytes is looked for
//! among what was read, and then it is proved: with the patch in place the file must read as wanted.
//! Where that fails (contents inside an inode, a journal that is not empty) there is a note and no patch.

mod fat;
mod lines;
mod patch;
mod trace;
mod volume;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

pub use fat::{FatItem, PutError, fat_find, fat_free, fat_list, fat_put, fat_runs, fat_tree};
pub use patch::{Patch, PatchedReadAt, sector_patches};
pub use volume::{FatFile, fat_file, fat_file_within, fat_files_under, is_fat};

use super::read_at::ReadAt;
use super::table::{Scheme, Table};
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

/// Finds what names partitions in `image`, whose table is `table`, and how it has to change when the
/// partitions get the `numbers` (old to new).
///
/// A missing file or file system is no error: an image may be a data disk. Waits for parts of the image
/// that are still on their way.
///
/// # Errors
/// Only when the image itself can't be read.
pub fn follow(image: &Arc<dyn ReadAt>, table: &Table, numbers: &BTreeMap<u32, u32>) -> io::Result<Followed> {
    let mut followed = Followed::default();
    let mut names = Names::new(disk_id(table), numbers);
    let mut fat_seen = false;
    let mut ext4_seen = false;
    let mut fstab_seen = false;
    for partition in table.partitions.iter().filter(|partition| !partition.is_extended()) {
        let volume = Volume { image, partition };
        if !fat_seen && volume.is_fat()? {
            fat_seen = true;
            match volume.read(volume::Kind::Fat, "cmdline.txt")? {
                Found::Text(old) => {
                    let new = names.cmdline(&old);
                    follow_file(&volume, volume::Kind::Fat, "cmdline.txt", &old, new, &mut followed)?;
                }
                Found::Nothing => {
                    followed.notes.push(format!("Partition {} (FAT) has no cmdline.txt.", partition.number))
                }
                Found::Unreadable(why) => followed.notes.push(format!(
                    "cmdline.txt on partition {} can't be read and is left as it is: {why}.",
                    partition.number
                )),
            }
        } else if volume.is_ext4()? {
            ext4_seen = true;
            match volume.read(volume::Kind::Ext4, "/etc/fstab")? {
                Found::Text(old) => {
                    fstab_seen = true;
                    let new = names.fstab(&old);
                    follow_file(&volume, volume::Kind::Ext4, "/etc/fstab", &old, new, &mut followed)?;
                }
                Found::Nothing => {}
                Found::Unreadable(why) => {
                    fstab_seen = true;
                    followed.notes.push(format!(
                        "/etc/fstab on partition {} can't be read and is left as it is: {why}.",
                        partition.number
                    ));
                }
            }
        }
    }
    if !fat_seen {
        followed
            .notes
            .push("The image has no FAT partition, so there is no cmdline.txt to change.".to_owned());
    }
    if !ext4_seen {
        followed
            .notes
            .push("The image has no ext4 partition, so there is no /etc/fstab to change.".to_owned());
    } else if !fstab_seen {
        followed.notes.push("No ext4 partition of the image has an /etc/fstab.".to_owned());
    }
    followed.notes.append(&mut names.notes);
    Ok(followed)
}

/// The kernel's arguments as they are once the partitions have got these numbers.
#[must_use]
pub fn renamed_arguments(table: &Table, numbers: &BTreeMap<u32, u32>, text: &str) -> String {
    let new = Names::new(disk_id(table), numbers).cmdline(text.as_bytes());
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
