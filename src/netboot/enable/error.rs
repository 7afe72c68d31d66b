//! What can go wrong with the files that make a board boot from the network.

use std::io;
use std::path::{Path, PathBuf};

use crate::board::{Family, Model};
use crate::error::{Action, Explain, Kind, Remedy, remedy};

/// Everything that can go wrong, with the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system said no.
    #[error("{doing} {}: {source}", path.display())]
    Os {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A file's content is wrong.
    #[error("{}: {source}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: crate::eeprom::Error,
    },
    /// A setting can't be as it was given.
    #[error(transparent)]
    Setting(#[from] crate::eeprom::Error),
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
    /// What was written isn't what is read.
    #[error("{}: byte {at} is another one than was written", path.display())]
    Differs {
        /// The file.
        path: PathBuf,
        /// The first byte that differs.
        at: usize,
    },
    /// An image is for other boards.
    #[error("{} is an image for {}, not for a {board}", path.display(), family.boards())]
    OtherBoard {
        /// The image.
        path: PathBuf,
        /// What it is for.
        family: Family,
        /// What was asked for.
        board: Model,
    },
}

impl Error {
    pub(super) fn os(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Os { doing, path: path.to_owned(), source }
    }

    /// What is wrong with the content of a file.
    pub fn content(path: &Path) -> impl Fn(crate::eeprom::Error) -> Self {
        move |source| Self::Content { path: path.to_owned(), source }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Os { doing: "writing", source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Kind::CantCreate
            }
            Self::Os { source, .. } => Kind::of_io(source),
            Self::Content { source, .. } | Self::Setting(source) => source.kind(),
            Self::NoPartition { .. } | Self::NoDirectory { .. } => Kind::NoInput,
            Self::Differs { .. } => Kind::Io,
            Self::OtherBoard { .. } => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::Os { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => remedy![Action::AsRoot],
                io::ErrorKind::ReadOnlyFilesystem => "Mount it so that it can be written to.".into(),
                _ => return None,
            },
            Self::Content { source, .. } | Self::Setting(source) => return source.hint(),
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
            Self::Differs { .. } => "The medium may be worn or full; try another one.".into(),
            Self::OtherBoard { .. } => {
                "Images for both are in the package rpi-eeprom, in directories of their own.".into()
            }
        })
    }
}
