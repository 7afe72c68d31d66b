//! Which bytes of an image nothing uses: what its file systems tell, or a [`Bmap`] that came along with it.
//!
//! Only a sound file system is believed. Bytes outside of partitions count as used: bootloaders lie there.

mod bmap;

use std::io;
use std::ops::Range;
use std::sync::Arc;

pub use bmap::{Bmap, Error, Mapped};

use super::ext4::{Ext4, Free};
use super::files::{fat_free, is_fat};
use super::read_at::ReadAt;
use super::table::{Entry, Partition, Table};

/// What the file systems of an image tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unused {
    /// Bytes that nothing uses, counted from the image's start, in order, none touching the next.
    pub ranges: Vec<Range<u64>>,
    /// What isn't known, and why; each a sentence.
    pub notes: Vec<String>,
}

/// Asks the ext4 and FAT file systems of an image. Runs shorter than `least` bytes are left out, which bounds their
/// number. Waits for parts of the image that are still on their way.
///
/// # Errors
/// Only when the image itself can't be read; a file system that can't be believed is a note.
pub fn of_file_systems(image: &Arc<dyn ReadAt>, least: u64) -> io::Result<Unused> {
    let len = image.size()?;
    let partitions = match Table::read(&**image) {
        Ok(Some(table)) => table.partitions,
        // A file system without a table in front.
        Ok(None) => vec![whole(len)],
        Err(error) => {
            return Ok(Unused { ranges: Vec::new(), notes: vec![error.to_string()] });
        }
    };
    let mut unused = Unused::default();
    let mut taken: Vec<Range<u64>> = Vec::new();
    for partition in partitions.iter().filter(|partition| !partition.is_extended()) {
        let place = partition.start..partition.end();
        // Of bytes that two partitions have, the one doesn't know what the other does with them.
        if place.end > len || taken.iter().any(|other| place.start < other.end && other.start < place.end) {
            unused.notes.push(format!("partition {} overlaps another one or the end", partition.number));
            continue;
        }
        taken.push(place);
        match of_partition(image, partition, least)? {
            Ok(None) => {}
            Ok(Some(Free::Known(found))) => {
                let moved =
                    found.into_iter().map(|run| run.start + partition.start..run.end + partition.start);
                unused.ranges.extend(moved.filter(|run| run.end <= partition.end()));
            }
            Ok(Some(Free::Unknown(why))) | Err(why) => {
                unused
                    .notes
                    .push(format!("what is free on partition {} isn't known: {why}", partition.number));
            }
        }
    }
    unused.ranges.sort_by_key(|run| run.start);
    Ok(unused)
}

/// What the file system on a partition tells: `None` where there is none that is known. The inner error is a file system
/// that can't be read.
fn of_partition(
    image: &Arc<dyn ReadAt>,
    partition: &Partition,
    least: u64,
) -> io::Result<Result<Option<Free>, String>> {
    if Ext4::is_there(&**image, partition.start)? {
        let free =
            Ext4::open(Arc::clone(image), partition.start, partition.len).and_then(|fs| fs.free(least));
        return match free {
            Ok(free) => Ok(Ok(Some(free))),
            Err(super::ext4::Error::Io { source, .. }) => Err(source),
            Err(error) => Ok(Err(error.to_string())),
        };
    }
    if is_fat(image, partition)? {
        return match fat_free(image, partition, least) {
            Ok(free) => Ok(Ok(Some(free))),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Err(error.to_string())),
            Err(error) => Err(error),
        };
    }
    Ok(Ok(None))
}

fn whole(len: u64) -> Partition {
    Partition { number: 1, start: 0, len, entry: Entry::Mbr { kind: 0, bootable: false } }
}

#[cfg(test)]
mod tests;
