//! Why a card can't be made.

use std::io;
use std::path::PathBuf;

use crate::error::{Explain, Kind, Knob, Remedy, remedy};
use crate::format::size;
use crate::image::fat;
use crate::uboot::layout;

/// Why a card can't be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The image is no disk.
    #[error("{}: there is no partition table in the image", path.display())]
    NoTable {
        /// The image.
        path: PathBuf,
    },
    /// The image is one of an optical disk.
    #[error("{}: this is an ISO 9660 image, for optical disks and PCs, and no image of an SD card", path.display())]
    Iso {
        /// The image.
        path: PathBuf,
    },
    /// The image does not go onto the card.
    #[error("{}: {error}", path.display())]
    Layout {
        /// The image.
        path: PathBuf,
        /// Why not.
        error: layout::Error,
    },
    /// Reading the image.
    #[error(transparent)]
    Image(#[from] crate::image::Error),
    /// U-Boot's partition.
    #[error("U-Boot's partition: {0}")]
    Volume(#[source] fat::Error),
    /// The operating system said no.
    #[error("{}: {doing}: {source}", path.display())]
    Os {
        /// The file or directory.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// Among U-Boot's files is something that is no regular file.
    #[error("{}: {what}", path.display())]
    NoFile {
        /// What it is about.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// U-Boot's directory is larger than the partition.
    #[error("{}: the files in it have {}; U-Boot's partition has {}", path.display(), size(*len), size(*room))]
    DirectoryTooLarge {
        /// The directory.
        path: PathBuf,
        /// Length of all files.
        len: u64,
        /// Length of the partition.
        room: u64,
    },
    /// The output is there already.
    #[error("{}: there is such a file already", path.display())]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// The output can't be what was given.
    #[error("{}: {what}", path.display())]
    Output {
        /// The output.
        path: PathBuf,
        /// Why not.
        what: &'static str,
        /// What to do instead.
        hint: Remedy,
    },
    /// No room for the output.
    #[error(
        "{}: the card takes up to {} ({need} bytes); the file system has {} free",
        path.display(), size(*need), size(*free)
    )]
    NoSpace {
        /// The output.
        path: PathBuf,
        /// What it takes.
        need: u64,
        /// What is free.
        free: u64,
    },
    /// What was written reads differently.
    #[error("{}: read back, and {what}", path.display())]
    Differs {
        /// The output.
        path: PathBuf,
        /// Where it is different.
        what: String,
    },
    /// What should be a recovery card is something else.
    #[error("{}: this is no recovery card: it has no partition 1, which is U-Boot's", path.display())]
    NoCard {
        /// The card.
        path: PathBuf,
    },
    /// Ctrl-C.
    #[error("{}: stopped; nothing is left behind", path.display())]
    Stopped {
        /// The output.
        path: PathBuf,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoTable { .. }
            | Self::Iso { .. }
            | Self::NoCard { .. }
            | Self::NoFile { .. }
            | Self::DirectoryTooLarge { .. } => Kind::BadData,
            Self::Layout { error, .. } => error.kind(),
            Self::Image(error) => error.kind(),
            Self::Volume(error) => error.kind(),
            Self::Os { doing, source, .. } if doing.starts_with("creating") => match Kind::of_io(source) {
                Kind::NoInput | Kind::BadData | Kind::Io => Kind::CantCreate,
                kind => kind,
            },
            Self::Os { source, .. } => Kind::of_io(source),
            Self::Exists { .. } | Self::Output { .. } | Self::NoSpace { .. } => Kind::CantCreate,
            Self::Differs { .. } => Kind::Failed,
            Self::Stopped { .. } => Kind::Interrupted,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::Layout { error, .. } => return error.hint(),
            Self::Image(error) => return error.hint(),
            Self::Volume(fat::Error::TooSmall { .. } | fat::Error::TooLarge { .. }) => {
                remedy![Knob::UbootSize.to("40MiB"), " is the default"]
            }
            Self::Volume(fat::Error::Full { .. }) => {
                remedy!["give a larger ", Knob::UbootSize, ", or leave out files that U-Boot doesn't need"]
            }
            Self::Volume(fat::Error::FileTooLong { .. } | fat::Error::DirectoryTooLong { .. }) => {
                "it doesn't belong into U-Boot's directory".into()
            }
            Self::Volume(error) => return error.hint(),
            Self::NoTable { .. } => {
                "an image of a whole card is needed, not of one partition and not an archive".into()
            }
            Self::NoCard { .. } => {
                "is it the right device? A card without U-Boot is compared as a device".into()
            }
            Self::Iso { .. } => "take the publisher's image for a Raspberry Pi, or for arm64 SD cards".into(),
            Self::Exists { .. } => remedy![Knob::Force, " replaces it"],
            Self::Output { hint, .. } => hint.clone(),
            Self::NoSpace { .. } => "make room, or write it to another file system".into(),
            Self::DirectoryTooLarge { .. } => {
                remedy!["is it the right directory? A larger ", Knob::UbootSize, " makes room"]
            }
            Self::Differs { .. } => "check the disk that it was written to".into(),
            Self::Os { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "is the path right?".into()
            }
            Self::NoFile { .. } | Self::Os { .. } | Self::Stopped { .. } => return None,
        })
    }
}
