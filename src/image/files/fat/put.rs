//! Files are put into the root directory of a FAT partition: what changes, as patches of the image.
//!
//! The image itself stays as it is. The same files on the same image give the same patches, and they are proved before they are given
//! out: with them in place each file reads as wanted, and nothing else in the directory has changed.

mod edit;

use std::io;
use std::sync::Arc;

use super::{FatItem, fat_tree, names};
use crate::error::{Explain, Kind, Remedy};
use crate::image::fat::{Stamp, name_entries};
use crate::image::files::patch::{Patch, PatchedReadAt};
use crate::image::files::volume::{FatFile, in_fat, is_fat};
use crate::image::read_at::ReadAt;
use crate::image::table::Partition;
use edit::Edit;

/// So many bytes may all files have together: what is put here is a board's own settings.
const LONGEST: u64 = 4 << 20;

/// Why files can't be put into a partition.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// The image can't be read there, or its file system is damaged.
    #[error("partition {partition} can't be changed")]
    Unreadable {
        /// The partition's number.
        partition: u32,
        /// What is wrong.
        source: io::Error,
    },
    /// Not enough free clusters.
    #[error("partition {partition} has {room} bytes free, and {need} are needed")]
    Full {
        /// The partition's number.
        partition: u32,
        /// Bytes that are needed.
        need: u64,
        /// Bytes that are free.
        room: u64,
    },
    /// No place in the root directory.
    #[error("the root directory of partition {partition} is full")]
    DirectoryFull {
        /// The partition's number.
        partition: u32,
    },
    /// A directory has this name.
    #[error("`{name}` on partition {partition} is a directory")]
    IsDirectory {
        /// The partition's number.
        partition: u32,
        /// The name.
        name: String,
    },
    /// A name that FAT can't have.
    #[error("`{name}`: {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
    /// More than is put into a partition here.
    #[error("the files have {len} bytes together, more than {most}")]
    TooLong {
        /// Their bytes.
        len: u64,
        /// How many there may be.
        most: u64,
    },
    /// The file system isn't in a state in which something can be added.
    #[error("partition {partition} can't be changed: {why}")]
    Unsound {
        /// The partition's number.
        partition: u32,
        /// What is wrong with it.
        why: String,
    },
}

impl Explain for PutError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unreadable { source, .. } => Kind::of_io(source),
            Self::Name { .. } | Self::TooLong { .. } => Kind::Usage,
            _ => Kind::BadData,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Unsound { .. } => Some("repair it with fsck.vfat, or make the image anew".into()),
            _ => None,
        }
    }
}

/// Puts files into the root directory of a FAT partition. A file that is there is replaced, whatever the case of its name.
///
/// Their time is `time`, in seconds since 1970. The patches don't overlap.
///
/// # Errors
/// When the file system is damaged, has no room, or can't have such a file.
pub fn fat_put(
    image: &Arc<dyn ReadAt>,
    partition: &Partition,
    files: &[FatFile],
    time: u64,
) -> Result<Vec<Patch>, PutError> {
    let number = partition.number;
    let unreadable = |source| PutError::Unreadable { partition: number, source };
    let len = files.iter().map(|file| file.bytes.len() as u64).sum();
    if len > LONGEST {
        return Err(PutError::TooLong { len, most: LONGEST });
    }
    for file in files {
        name_entries(&file.path, |_| false).map_err(|why| PutError::Name { name: file.path.clone(), why })?;
    }
    // What else reads the partition would find no file system there, and so not what is put into it.
    if !is_fat(image, partition).map_err(unreadable)? {
        let none = "its first block isn't that of a FAT file system";
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidData, none)));
    }
    // No cluster belongs to two files: freeing one's mustn't give away another's.
    let before = fat_tree(image, partition).map_err(unreadable)?;
    let stamp = Stamp::new(time);
    let changed = in_fat(image, partition, |volume| {
        let mut edit = Edit::new(volume);
        let put = edit.begin().and_then(|()| {
            files
                .iter()
                .try_for_each(|file| edit.put(&file.path, &file.bytes, stamp))
                .and_then(|()| edit.end())
        });
        match put {
            Ok(()) => edit.changes().map(Ok),
            Err(edit::Error::Damaged(what)) => Err(what),
            Err(error) => Ok(Err(error)),
        }
    });
    let changed = changed.map_err(unreadable)?.map_err(|error| error.on(number))?;
    let name = files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>().join(", ");
    let patches: Vec<Patch> = changed
        .into_iter()
        .map(|change| Patch {
            file: name.clone(),
            partition: number,
            image_offset: partition.start + change.at,
            old: change.old,
            new: change.new,
        })
        .collect();
    prove(image, partition, files, &before, &patches)?;
    Ok(patches)
}

/// With the patches in place each file reads as wanted, and all else is where it was.
fn prove(
    image: &Arc<dyn ReadAt>,
    partition: &Partition,
    files: &[FatFile],
    before: &[FatItem],
    patches: &[Patch],
) -> Result<(), PutError> {
    let number = partition.number;
    let unreadable = |source| PutError::Unreadable { partition: number, source };
    let unsound = |why: String| PutError::Unsound { partition: number, why };
    let is_other = |item: &&FatItem| !files.iter().any(|file| names::is_same(&file.path, &item.path));
    let patched: Arc<dyn ReadAt> = Arc::new(PatchedReadAt::new(Arc::clone(image), patches));
    let after = fat_tree(&patched, partition).map_err(unreadable)?;
    if !before.iter().filter(is_other).eq(after.iter().filter(is_other)) {
        return Err(unsound("what else is on it would change".to_owned()));
    }
    for file in files {
        let read = in_fat(&patched, partition, |volume| match volume.find(&file.path)? {
            Some(item) => volume.read(&item, LONGEST),
            None => Err(format!("{} isn't found", names::shown(&file.path))),
        });
        if read.map_err(unreadable)? != file.bytes {
            return Err(unsound(format!("{} doesn't read as written", names::shown(&file.path))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
