//! How much a file system in an image can bring at most. Its maps may name one block for a thousand files, and a
//! program that believes them fills the disk.

use std::io;
use std::path::{Path, PathBuf};

use super::Error;
use super::source::Source;
use crate::format::size;

/// The shortest entry of a directory, in bytes: ext4's; FAT's have 32.
const ENTRY: u64 = 8;

/// The bounds of a copy.
pub(super) struct Most {
    /// Bytes of the partition.
    partition: u64,
    /// Free bytes where the copy goes, and where that is.
    room: Option<(u64, PathBuf)>,
}

impl Most {
    /// `None` for what is no image: there the system keeps account.
    pub(super) fn of(source: &dyn Source, to: &Path) -> Option<Self> {
        let partition = source.most()?;
        let room = rustix::fs::statvfs(to).ok();
        let room = room.map(|room| (room.f_bavail.saturating_mul(room.f_frsize), to.to_owned()));
        Some(Self { partition, room })
    }

    /// Whether so many bytes of contents are possible, holes not counted; `path` is the file that they ended with.
    pub(super) fn allows(&self, bytes: u64, path: &Path) -> Result<(), Error> {
        if bytes > self.partition {
            return Err(self.damaged(path, "bytes"));
        }
        match &self.room {
            Some((room, to)) if bytes > *room => {
                let what = format!("the files have more than the {} that are free", size(*room));
                let source = io::Error::new(io::ErrorKind::StorageFull, what);
                Err(Error::Os { doing: "making room in", path: to.clone(), source })
            }
            _ => Ok(()),
        }
    }

    /// Whether so many names are possible.
    pub(super) fn allows_names(&self, names: u64, path: &Path) -> Result<(), Error> {
        if names > self.partition / ENTRY { Err(self.damaged(path, "names")) } else { Ok(()) }
    }

    fn damaged(&self, path: &Path, what: &str) -> Error {
        let what = format!(
            "the files up to this one have more {what} than the image's partition of {} can hold: the file system is \
             damaged, parts of it belong to several files",
            size(self.partition)
        );
        let source = io::Error::new(io::ErrorKind::InvalidData, what);
        Error::Os { doing: "copying", path: path.to_owned(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_bounds() {
        let most = |partition, room| Most { partition, room: Some((room, "/srv".into())) };
        let path = Path::new("/srv/x");
        assert!(most(100, 100).allows(100, path).is_ok());
        let told = |result: Result<(), Error>| {
            let error: Box<dyn std::error::Error> = result.unwrap_err().into();
            format!("{error}: {}", error.source().map(ToString::to_string).unwrap_or_default())
        };
        let text = told(most(100, 1000).allows(101, path));
        assert!(
            text.contains("copying /srv/x: the files up to this one have more bytes than the image's partition of 100 bytes"),
            "{text}"
        );
        let text = told(most(100, 50).allows(51, path));
        assert!(text.contains("making room in /srv: the files have more than the 50 bytes"), "{text}");
        assert!(most(100, 50).allows_names(12, path).is_ok());
        assert!(told(most(100, 50).allows_names(13, path)).contains("more names"));
    }
}
