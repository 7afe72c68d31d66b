//! Why an image does not go onto a card.

use crate::error::{Action, Explain, Kind, Remedy, remedy};
use crate::format::{size, size_exact};

/// Why an image does not go onto a card. Sizes and offsets are bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The table is empty.
    #[error("the image's partition table holds no partition")]
    NoPartition,
    /// More partitions than a GPT has entries.
    #[error("the image uses entry {number}; the recovery card's GPT has 128, and U-Boot needs one")]
    NoFreeGptEntry {
        /// The highest number in use.
        number: u32,
    },
    /// A logical partition, or a GPT's, where the scheme can't have it.
    #[error("partition {number} of the image has an entry of another kind than its table")]
    MixedTable {
        /// Its number.
        number: u32,
    },
    /// The file is shorter than its own table says.
    #[error(
        "the image ends at {}, but its partition {number} reaches to {}",
        size_exact(*image_len), size_exact(*end)
    )]
    Truncated {
        /// The last partition.
        number: u32,
        /// Where it ends.
        end: u64,
        /// How long the image is.
        image_len: u64,
    },
    /// The card can't hold it.
    #[error(
        "the card has {}, but {} are needed: U-Boot's partition and {} of image",
        size_exact(*card), size_exact(*need), size(*image)
    )]
    CardTooSmall {
        /// Smallest card that would do.
        need: u64,
        /// Size of this one.
        card: u64,
        /// How many bytes of the image go there.
        image: u64,
    },
    /// Beyond what a table can say.
    #[error(
        "partition {number} would end at {} on the card, beyond the {} that its table can say",
        size(*end), size(*limit)
    )]
    TooFar {
        /// The partition.
        number: u32,
        /// Where it would end.
        end: u64,
        /// What the table can say.
        limit: u64,
    },
    /// The place for U-Boot's partition makes no sense.
    #[error(
        "U-Boot's partition can't be {} long at {}: whole blocks of 512 bytes are needed, from byte {least} \
         on and below 2 TiB",
        size_exact(*len), size_exact(*start)
    )]
    UbootPartition {
        /// Where it was to start.
        start: u64,
        /// How long it was to be.
        len: u64,
        /// The first byte it could start at.
        least: u64,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        Kind::BadData
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::NoPartition => "an image of a whole disk is needed, with a partition table in front".into(),
            Self::NoFreeGptEntry { .. } => {
                remedy![Action::host("sgdisk --sort"), " moves the image's entries together"]
            }
            Self::MixedTable { .. } => return None,
            Self::Truncated { .. } => {
                "the image is cut off: fetch it again, and compare its checksum with the publisher's".into()
            }
            Self::CardTooSmall { .. } => "use a larger card, or a smaller image".into(),
            Self::TooFar { .. } => "an image with a GPT has no such limit".into(),
            Self::UbootPartition { .. } => "the default is 40 MiB at 4 MiB".into(),
        })
    }
}
