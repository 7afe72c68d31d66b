//! Why an image can't be taken in, given out or proved.

use crate::error::{Explain, Kind, Remedy};
use crate::image;
use crate::image::chunk;
use crate::image::unused;
use crate::station::{objects, store};
use crate::station_api::ImageState;

/// Why an image can't be taken in, given out or proved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What came is no image, or can't be read.
    #[error(transparent)]
    Image(image::Error),
    /// Its bytes can't be read.
    #[error("reading the image")]
    Read(#[source] std::io::Error),
    /// It can't be cut, or what is stored isn't what it should be.
    #[error(transparent)]
    Chunk(#[from] chunk::Error),
    /// The object store says no.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// The database says no.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// It isn't the image that was expected.
    #[error("the sha256 is {got}, and {expected} was expected")]
    Other {
        /// What was expected.
        expected: String,
        /// What the file has; the raw image may have another one.
        got: String,
    },
    /// What came along as its bmap file doesn't belong to it.
    #[error(transparent)]
    Bmap(#[from] unused::Error),
    /// It isn't ready.
    #[error("the image `{name}` can't be used: it is {}", state_word(*state))]
    NotReady {
        /// Its name.
        name: String,
        /// What it is.
        state: ImageState,
    },
    /// Its row names no index.
    #[error("the image `{name}` has no index")]
    NoIndex {
        /// Its name.
        name: String,
    },
    /// Damage was found in what is stored.
    #[error("{what}")]
    Damaged {
        /// Which object of which images, with the bytes of each.
        what: String,
    },
    /// An index names chunks that nobody has brought.
    #[error("{count} of the chunks that the index names are not there, the first is {first}")]
    NotWhole {
        /// How many.
        count: usize,
        /// The first.
        first: chunk::Digest,
    },
    /// What was to be brought has ended meanwhile.
    #[error("it broke off, or was cancelled")]
    Cancelled,
    /// A thread couldn't be started, or has panicked.
    #[error("the station's own work on it failed")]
    Work,
}

/// The word for a state, as people see it.
const fn state_word(state: ImageState) -> &'static str {
    match state {
        ImageState::Coming => "still coming",
        ImageState::Ready => "ready",
        ImageState::Failed => "not whole",
        ImageState::Damaged => "damaged",
    }
}

impl From<image::Error> for Error {
    /// Unpacking writes to the station's own disk only. Where that is full, who sent the image can choose no other
    /// directory: it is said as for the chunks.
    fn from(error: image::Error) -> Self {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        match error {
            image::Error::Os { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded) => {
                Self::Objects(objects::Error::Full)
            }
            other => Self::Image(other),
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Image(error) => error.kind(),
            Self::Read(error) => Kind::of_io(error),
            Self::Chunk(error) => error.kind(),
            Self::Objects(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Bmap(error) => error.kind(),
            Self::Other { .. } | Self::NoIndex { .. } | Self::Damaged { .. } | Self::NotWhole { .. } => {
                Kind::BadData
            }
            Self::NotReady { state: ImageState::Coming, .. } => Kind::Busy,
            Self::NotReady { .. } => Kind::BadData,
            Self::Cancelled => Kind::Interrupted,
            Self::Work => Kind::Failed,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Image(error) => error.hint(),
            Self::Chunk(error) => error.hint(),
            Self::Objects(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::Bmap(error) => error.hint(),
            Self::Other { .. } => {
                Some("Fetch the file again, or compare the digest with the one that its maker tells.".into())
            }
            Self::Damaged { .. } | Self::NoIndex { .. } => {
                Some("Add the image once more: what is damaged is replaced then.".into())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_on_a_full_disk_is_the_stations_full_disk() {
        let full = std::io::Error::from_raw_os_error(libc::ENOSPC);
        let spool = image::Error::os("/state".as_ref(), "writing the spool for the unpacked image", full);
        let error = Error::from(spool);
        assert!(matches!(error, Error::Objects(objects::Error::Full)), "{error}");
        let hint = error.hint().map(|hint| format!("{hint:?}")).unwrap_or_default();
        assert!(hint.contains("emove images"), "{hint}");
    }
}
