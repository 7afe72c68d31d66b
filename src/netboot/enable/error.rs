//! What can go wrong with the files that make a board boot from the network.

use std::io;
use std::path::{Path, PathBuf};

use crate::eeprom::files;
use crate::error::{Action, Explain, Kind, Remedy, remedy};

/// Everything that can go wrong, with the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file can't be read or written, or its content is wrong.
    #[error(transparent)]
    File(#[from] files::Error),
    /// A directory that should be a boot partition isn't one.
    #[error("{} is no boot partition: {why}", dir.display())]
    NoPartition {
        /// The directory.
        dir: PathBuf,
        /// Why not.
        why: String,
        /// Which directory may be meant.
        instead: Option<PathBuf>,
    },
    /// A directory for the update isn't there.
    #[error("{} is no directory", dir.display())]
    NoDirectory {
        /// The directory.
        dir: PathBuf,
    },
}

impl Error {
    pub(super) fn os(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        let file = files::Error::os(doing, path);
        move |source| Self::File(file(source))
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::File(error) => error.kind(),
            Self::NoPartition { .. } | Self::NoDirectory { .. } => Kind::NoInput,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::File(error) => return error.hint(),
            Self::NoPartition { instead: Some(instead), .. } => {
                format!("Did you mean {}?", instead.display()).into()
            }
            Self::NoPartition { .. } => {
                "Give the directory where the card's first partition (FAT) is mounted; \
                                         config.txt is in it."
                    .into()
            }
            Self::NoDirectory { dir } => remedy![
                "make it first: ",
                Action::host("mkdir").arg(dir.display()),
                ". It has to be the one that the board asks for, or no board would find the update",
            ],
        })
    }
}
