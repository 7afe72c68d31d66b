//! The files of one partition, for reading. A link is shown, and never followed: what is asked for is what is opened.

use std::io;
use std::sync::Arc;

use super::budget::Budget;
use crate::error::{Explain, Kind, Remedy};
use crate::image::ext4::{self, Ext4, FileKind, Inode, ROOT, Run};
use crate::image::files::{fat_find, fat_list, fat_runs, is_fat};
use crate::image::read_at::ReadAt;
use crate::image::table::Partition;

/// So much is read to find a place and to list it.
const LOOK: u64 = 96 << 20;
/// A directory of more bytes isn't listed: some hundred thousand names.
const LARGEST: u64 = 16 << 20;
/// Names in a path.
const DEEPEST: usize = 64;

/// Why something can't be read there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The partition has no file system that is read here.
    #[error("partition {number} has no file system that is read here")]
    NoFiles {
        /// Its number.
        number: u32,
    },
    /// There is nothing of that name, or it is something else.
    #[error("there is no such {what} on partition {number}")]
    Missing {
        /// `file` or `directory`.
        what: &'static str,
        /// The partition's number.
        number: u32,
    },
    /// It is too large to be shown.
    #[error("{what}")]
    TooLarge {
        /// What is, and how large.
        what: String,
    },
    /// The file system is ext4 and can't be read.
    #[error(transparent)]
    Ext4(#[from] ext4::Error),
    /// The file system is FAT and can't be read, or the image can't.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Missing { .. } => Kind::NoInput,
            Self::NoFiles { .. } | Self::TooLarge { .. } => Kind::BadData,
            Self::Ext4(error) => error.kind(),
            Self::Io(error) => match error.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::QuotaExceeded => {
                    Kind::BadData
                }
                _ => Kind::of_io(error),
            },
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Ext4(error) => error.hint(),
            Self::TooLarge { .. } => Some("download the raw image, and look into it there".into()),
            _ => None,
        }
    }
}

/// The files of a partition.
pub struct Files {
    image: Arc<dyn ReadAt>,
    partition: Partition,
    ext4: Option<Ext4>,
}

/// What something in a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// A directory.
    Directory,
    /// A file with contents.
    File,
    /// A symbolic link.
    Link,
    /// A device, a pipe or a socket.
    Other,
}

/// Something in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name, as the file system has it: no `/`, perhaps no UTF-8.
    pub name: Vec<u8>,
    /// What it is; `None` where its inode can't be read.
    pub kind: Option<ItemKind>,
    /// Bytes of contents, as it says.
    pub size: u64,
    /// When it changed last, in seconds since 1970, UTC, where that is known.
    pub modified: Option<i64>,
    /// Owner, group and permissions, where it has such.
    pub owner: Option<(u32, u32, u32)>,
    /// Where a link leads.
    pub target: Option<Vec<u8>>,
}

/// A part of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What is in it, in the order of the names.
    pub items: Vec<Item>,
    /// How many there are in all.
    pub total: usize,
    /// Whether there are more behind these.
    pub more: bool,
}

/// Where the bytes of a file lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Pieces in ascending order, counted from the image's start; between them are zeros. How long the file is.
    Runs(Vec<Run>, u64),
    /// They are here.
    Bytes(Vec<u8>),
}

impl Files {
    /// Opens the file system on a partition.
    ///
    /// # Errors
    /// [`Error::NoFiles`]; what the file system or the image says.
    pub fn open(image: &Arc<dyn ReadAt>, partition: &Partition) -> Result<Self, Error> {
        let image: Arc<dyn ReadAt> = Arc::new(Budget::new(Arc::clone(image), LOOK));
        let partition = partition.clone();
        if Ext4::is_there(&*image, partition.start)? {
            let ext4 = Ext4::open(Arc::clone(&image), partition.start, partition.len)?;
            return Ok(Self { image, partition, ext4: Some(ext4) });
        }
        if is_fat(&image, &partition)? {
            return Ok(Self { image, partition, ext4: None });
        }
        Err(Error::NoFiles { number: partition.number })
    }

    /// `ext4` or `FAT`.
    #[must_use]
    pub const fn sort(&self) -> &'static str {
        if self.ext4.is_some() { "ext4" } else { "FAT" }
    }

    /// What is in a directory behind the name `after`, `most` items at most. Of a path each part is a name in its
    /// directory; no part is the root.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::TooLarge`]; what the file system or the image says.
    pub fn list(&self, path: &[Vec<u8>], after: Option<&[u8]>, most: usize) -> Result<Listed, Error> {
        let missing = || Error::Missing { what: "directory", number: self.partition.number };
        let behind = |name: &[u8]| after.is_none_or(|after| name > after);
        if let Some(ext4) = &self.ext4 {
            let directory = self.walk(ext4, path)?.filter(|inode| inode.kind == FileKind::Directory);
            let directory = directory.ok_or_else(missing)?;
            let mut names = ext4.names(&directory)?;
            let total = names.len();
            names.retain(|entry| behind(&entry.name));
            names.sort_by(|one, other| one.name.cmp(&other.name));
            let more = names.len() > most;
            let items = names.into_iter().take(most);
            let items = items.map(|entry| described(ext4, entry.name, entry.inode)).collect();
            return Ok(Listed { items, total, more });
        }
        let all = fat_list(&self.image, &self.partition, &fat_path(path).ok_or_else(missing)?)?;
        let all = all.ok_or_else(missing)?;
        let total = all.len();
        let mut items: Vec<_> = all
            .into_iter()
            .filter(|item| behind(item.path.as_bytes()))
            .map(|item| Item {
                name: item.path.clone().into_bytes(),
                kind: Some(if item.is_directory { ItemKind::Directory } else { ItemKind::File }),
                size: item.len,
                modified: None,
                owner: None,
                target: None,
            })
            .collect();
        let more = items.len() > most;
        items.truncate(most);
        Ok(Listed { items, total, more })
    }

    /// Where a file's contents lie.
    ///
    /// # Errors
    /// [`Error::Missing`] for what is no file; [`Error::TooLarge`] for one that says that it is longer than the image;
    /// what the file system or the image says.
    pub fn find(&self, path: &[Vec<u8>]) -> Result<Place, Error> {
        let missing = || Error::Missing { what: "file", number: self.partition.number };
        let place = if let Some(ext4) = &self.ext4 {
            let inode = self.walk(ext4, path)?.filter(|inode| inode.kind == FileKind::File);
            let inode = inode.ok_or_else(missing)?;
            self.fits(inode.size)?;
            match ext4.contents(&inode)? {
                ext4::Contents::Inline(bytes) => Place::Bytes(bytes),
                ext4::Contents::Runs(runs) => {
                    let start = self.partition.start;
                    let moved = runs.into_iter().map(|run| Run { from: run.from + start, ..run });
                    Place::Runs(moved.collect(), inode.size)
                }
            }
        } else {
            let path = fat_path(path).ok_or_else(missing)?;
            let item = fat_find(&self.image, &self.partition, &path)?.filter(|item| !item.is_directory);
            let item = item.ok_or_else(missing)?;
            self.fits(item.len)?;
            Place::Runs(fat_runs(&self.image, &self.partition, &item)?, item.len)
        };
        Ok(place)
    }

    /// Whether there is something of this path, `etc/fstab`. Links on the way aren't followed.
    ///
    /// # Errors
    /// What the file system or the image says.
    pub fn has(&self, path: &str) -> Result<bool, Error> {
        match &self.ext4 {
            Some(ext4) => Ok(self.walk(ext4, &parts(path))?.is_some()),
            None => Ok(fat_find(&self.image, &self.partition, path)?.is_some()),
        }
    }

    /// The first `most` bytes of a file.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn start_of(&self, path: &str, most: usize) -> Result<Vec<u8>, Error> {
        self.read(&parts(path), most)
    }

    /// The same of a path in its parts.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn read(&self, path: &[Vec<u8>], most: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = match self.find(path)? {
            Place::Bytes(bytes) => bytes,
            Place::Runs(runs, len) => {
                let mut bytes = vec![0; most.min(usize::try_from(len).unwrap_or(most))];
                for run in runs {
                    let Ok(to) = usize::try_from(run.to) else { break };
                    let Some(space) = bytes.get_mut(to..) else { break };
                    let count = space.len().min(usize::try_from(run.len).unwrap_or(usize::MAX));
                    self.image.read_exact_at(&mut space[..count], run.from)?;
                }
                bytes
            }
        };
        bytes.truncate(most);
        Ok(bytes)
    }

    /// A file made of holes may say any length.
    fn fits(&self, len: u64) -> Result<(), Error> {
        let size = self.image.size()?;
        if len <= size {
            return Ok(());
        }
        let what = format!("the file says that it has {len} bytes, more than the whole image with {size}");
        Err(Error::TooLarge { what })
    }

    /// The inode that a path means, by its names alone.
    fn walk(&self, ext4: &Ext4, path: &[Vec<u8>]) -> Result<Option<Inode>, Error> {
        if path.len() > DEEPEST {
            return Ok(None);
        }
        let mut here = ext4.inode(ROOT)?;
        small(&here)?;
        for part in path {
            if here.kind != FileKind::Directory {
                return Ok(None);
            }
            small(&here)?;
            let found = ext4.names(&here)?.into_iter().find(|entry| entry.name == *part);
            let Some(entry) = found else { return Ok(None) };
            here = ext4.inode(entry.inode)?;
        }
        if here.kind == FileKind::Directory {
            small(&here)?;
        }
        Ok(Some(here))
    }
}

fn parts(path: &str) -> Vec<Vec<u8>> {
    path.split('/').map(|part| part.as_bytes().to_vec()).collect()
}

/// Directories are read whole.
fn small(directory: &Inode) -> Result<(), Error> {
    if directory.size <= LARGEST {
        return Ok(());
    }
    let what = format!("the directory has {} bytes, more than are read here", directory.size);
    Err(Error::TooLarge { what })
}

fn described(ext4: &Ext4, name: Vec<u8>, number: u32) -> Item {
    // One that can't be read says so; the others are still shown.
    let Ok(inode) = ext4.inode(number) else {
        return Item { name, kind: None, size: 0, modified: None, owner: None, target: None };
    };
    let kind = match inode.kind {
        FileKind::Directory => ItemKind::Directory,
        FileKind::File => ItemKind::File,
        FileKind::Symlink => ItemKind::Link,
        FileKind::Character(_) | FileKind::Block(_) | FileKind::Fifo | FileKind::Socket => ItemKind::Other,
    };
    let target = if kind == ItemKind::Link { ext4.target(&inode).ok() } else { None };
    Item {
        name,
        kind: Some(kind),
        size: if kind == ItemKind::File { inode.size } else { 0 },
        modified: Some(inode.modified.seconds),
        owner: Some((inode.uid, inode.gid, inode.mode)),
        target,
    }
}

/// A path as FAT has it.
fn fat_path(path: &[Vec<u8>]) -> Option<String> {
    let parts: Option<Vec<_>> = path.iter().map(|part| std::str::from_utf8(part).ok()).collect();
    parts.filter(|parts| parts.len() <= DEEPEST).map(|parts| parts.join("/"))
}

/// A path as a text that means it again, whatever its names are: what isn't plain stands as `%` and two digits, and a `/`
/// is between names only.
#[must_use]
pub fn text_of(path: &[Vec<u8>]) -> String {
    let names = path.iter().map(|name| match std::str::from_utf8(name) {
        Ok(name) if !name.contains('%') && !name.contains(char::is_control) => name.to_owned(),
        _ => name.iter().fold(String::new(), |mut text, byte| {
            if byte.is_ascii_graphic() && *byte != b'%' {
                text.push(char::from(*byte));
            } else {
                text.push('%');
                text.push_str(&crate::format::hex(&[*byte]));
            }
            text
        }),
    });
    names.collect::<Vec<_>>().join("/")
}

/// The path that such a text means. `None` where it means none: a name that isn't one, or digits that are none.
#[must_use]
pub fn name_of(text: &str) -> Option<Vec<Vec<u8>>> {
    let mut path = Vec::new();
    for part in text.split('/').filter(|part| !part.is_empty()) {
        let (mut name, mut rest) = (Vec::new(), part.as_bytes());
        while let Some((first, behind)) = rest.split_first() {
            if *first != b'%' {
                name.push(*first);
                rest = behind;
                continue;
            }
            let (digits, behind) = behind.split_at_checked(2)?;
            let digits = std::str::from_utf8(digits).ok()?;
            name.push(*crate::format::unhex_bytes(digits)?.first()?);
            rest = behind;
        }
        if !crate::beneath::is_name(&name) {
            return None;
        }
        path.push(name);
    }
    (path.len() <= DEEPEST).then_some(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_path_as_text_means_the_same_path(path in proptest::collection::vec(proptest::collection::vec(1u8..=255, 1..20), 0..5)) {
            prop_assume!(path.iter().all(|name| crate::beneath::is_name(name)));
            let text = text_of(&path);
            prop_assert!(!text.contains(char::is_control));
            prop_assert_eq!(name_of(&text), Some(path));
        }
    }

    #[test]
    fn what_is_no_path_leads_nowhere() {
        for wrong in ["..", "a/../b", ".", "%2e%2e", "%2e%2e/%2f", "a%2fb", "%", "%1", "%zz", "a%00"] {
            assert_eq!(name_of(wrong), None, "{wrong}");
        }
        assert_eq!(name_of("//etc//passwd/"), Some(vec![b"etc".to_vec(), b"passwd".to_vec()]));
        assert_eq!(name_of(&"a/".repeat(65)), None);
    }
}
