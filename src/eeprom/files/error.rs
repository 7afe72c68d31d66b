//! What can go wrong with the files of this room.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::Action;
use crate::error::{Explain, Kind, Knob, Remedy, remedy};

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
    /// A program can't write the image that it was given for.
    #[error("{}: {source}", path.display())]
    Program {
        /// The program's file.
        path: PathBuf,
        /// What is wrong with it.
        source: crate::eeprom::recovery::Wrong,
    },
    /// A setting can't be as it was given.
    #[error(transparent)]
    Setting(#[from] crate::eeprom::Error),
    /// What is to be written is there already.
    #[error("{} is there already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// What was written isn't what is read.
    #[error("{}: byte {at} is another one than was written", path.display())]
    Differs {
        /// The file.
        path: PathBuf,
        /// The first byte that differs.
        at: usize,
    },
    /// A directory with more in it than is looked at.
    #[error("{} has more than {most} {what}", path.display())]
    Crowded {
        /// The directory.
        path: PathBuf,
        /// How many are looked at.
        most: usize,
        /// Of what.
        what: &'static str,
    },
    /// No image is where some should be.
    #[error("no EEPROM image is in {}", path.display())]
    NoImage {
        /// The directory or the package.
        path: PathBuf,
    },
}

impl Error {
    /// What the operating system said.
    pub fn os(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
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
            Self::Os { doing: "writing" | "making", source, .. } => Kind::of_output(source),
            Self::Os { source, .. } => Kind::of_io(source),
            Self::Content { source, .. } | Self::Setting(source) => source.kind(),
            Self::Exists { .. } => Kind::CantCreate,
            Self::Differs { .. } => Kind::Io,
            Self::Crowded { .. } | Self::Program { .. } => Kind::BadData,
            Self::NoImage { .. } => Kind::NoInput,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::Os { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "Is the path right?".into(),
                io::ErrorKind::PermissionDenied => remedy![Action::AsRoot],
                io::ErrorKind::ReadOnlyFilesystem => "Mount it so that it can be written to.".into(),
                _ => return None,
            },
            Self::Content { source, .. } | Self::Setting(source) => return source.hint(),
            Self::Exists { .. } => remedy!["Name another file; ", Knob::Force, " replaces this one."],
            Self::Differs { .. } => "The medium may be worn or full; try another one.".into(),
            Self::Crowded { .. } => "Name the directory that the images are in.".into(),
            Self::Program { .. } => {
                "Raspberry Pi's package rpi-eeprom has a recovery.bin beside the images of each chip.".into()
            }
            Self::NoImage { .. } => {
                "Images are called pieeprom-DATE.bin and have 512 KiB or 2 MiB; Raspberry Pi's package \
                                     rpi-eeprom has them below /usr/lib/firmware/raspberrypi."
                    .into()
            }
        })
    }
}
