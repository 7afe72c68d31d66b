//! Why an object can't be had or kept.

use std::io;

use object_store::Error as StoreError;
use rustix::fs::FileType;

use super::Sort;
use super::s3::{KeyError, Said};
use crate::config::objects::ObjectPlace;
use crate::error::{Explain, Kind, Remedy, remedy};
use crate::image::chunk::Digest;
use crate::station::store;

/// Why an object can't be had or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It isn't there.
    #[error("the {} {id} is missing in the object store", sort.word())]
    Missing {
        /// What sort.
        sort: Sort,
        /// Its name.
        id: Digest,
    },
    /// It is there, and damaged.
    #[error("the {} {id} is damaged in the object store", sort.word())]
    Damaged {
        /// What sort.
        sort: Sort,
        /// Its name.
        id: Digest,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store said that it has kept it, and gives something else back.
    #[error("the object store has said that it keeps the {what}, and {gives}")]
    Lies {
        /// What was put there.
        what: String,
        /// What it gives back.
        gives: &'static str,
    },
    /// No room.
    #[error("the disk of the object store is full")]
    Full,
    /// The store says no.
    #[error("{doing} the object store")]
    Store {
        /// What was being done.
        doing: &'static str,
        /// What it says.
        source: Box<StoreError>,
    },
    /// The bucket, or what stands between, says no.
    #[error("{doing} the object store")]
    Far {
        /// What was being done.
        doing: &'static str,
        /// What happened.
        source: Said,
    },
    /// A bucket's list of its objects has no end, or no order.
    #[error("the object store's list of its objects {why}")]
    List {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Its directory can't be used.
    #[error("making the object store in {path}")]
    Os {
        /// The directory.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// There are no keys for a bucket.
    #[error("the keys for {place}")]
    Keys {
        /// The bucket.
        place: ObjectPlace,
        /// What is wrong.
        source: KeyError,
    },
    /// A bucket can't be spoken to with what is set.
    #[error("{place} can't be used: {why}")]
    Place {
        /// The bucket.
        place: ObjectPlace,
        /// What is wrong.
        why: String,
    },
    /// Another database's objects are there.
    #[error("{place} has the objects of another database")]
    Owned {
        /// The bucket.
        place: ObjectPlace,
    },
    /// Where the objects are kept stands in the database, which doesn't say it.
    #[error("it isn't known where the objects are kept now")]
    Where(#[from] Box<store::Error>),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Box::new(error).into()
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Missing { .. } | Self::Damaged { .. } | Self::Lies { .. } | Self::List { .. } => {
                Kind::BadData
            }
            Self::Full => Kind::CantCreate,
            Self::Store { source, .. } => os(source).map_or(Kind::Unavailable, Kind::of_io),
            Self::Far { source, .. } => source.kind(),
            Self::Os { source, .. } => Kind::of_io(source),
            Self::Keys { source, .. } => source.kind(),
            Self::Place { .. } | Self::Owned { .. } => Kind::Config,
            Self::Where(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Missing { .. } | Self::Damaged { .. } => Some(
                "Add the same image once more, under another name: what is damaged is replaced then.".into(),
            ),
            Self::Lies { .. } | Self::List { .. } => Some(
                "Look at the server of that bucket, and at what stands between: nothing that it says of objects is true."
                    .into(),
            ),
            Self::Full => {
                Some("Remove images or backups that nobody needs, or make room on that disk.".into())
            }
            Self::Far { source, .. } => source.hint(),
            Self::Keys { source, .. } => source.hint(),
            Self::Place { .. } => Some(remedy!(
                "look at AWS_ENDPOINT_URL and AWS_REGION, or at the file of the setting `station.objects-credentials`"
            )),
            Self::Owned { .. } => Some(
                "Give each database a bucket of its own, or a part of one such as s3://bucket/lab-2. Where that other \
                 database doesn’t exist any more, remove the object `owner` there."
                    .into(),
            ),
            Self::Where(error) => error.hint(),
            Self::Store { .. } | Self::Os { .. } => None,
        }
    }
}

/// Looks for a cause of a type, from the outermost on.
fn cause<T: std::error::Error + 'static>(error: &StoreError) -> Option<&T> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// What the system said, where that is the cause.
fn os(error: &StoreError) -> Option<&io::Error> {
    cause(error)
}

/// An error of the crate, in our words.
pub(super) fn failed(doing: &'static str) -> impl Fn(StoreError) -> Error {
    move |source| {
        if let Some(said) = cause::<Said>(&source) {
            return Error::Far { doing, source: said.clone() };
        }
        match os(&source).map(io::Error::kind) {
            Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => Error::Full,
            _ => Error::Store { doing, source: Box::new(source) },
        }
    }
}

/// Whether an answer was longer than it may be.
pub(super) fn is_too_long(error: &StoreError) -> bool {
    cause::<Said>(error).is_some_and(Said::is_too_long)
}

/// What lies under an object's name is no file. Opening a FIFO would wait for ever, and a link leads elsewhere.
#[derive(Debug, thiserror::Error)]
#[error("what lies there is {what}, no file")]
pub struct NoFile {
    /// What it is, with its article.
    what: &'static str,
}

impl NoFile {
    pub(super) const fn of(kind: FileType) -> Option<Self> {
        let what = match kind {
            FileType::RegularFile => return None,
            FileType::Directory => "a directory",
            FileType::Symlink => "a link",
            FileType::Fifo => "a FIFO",
            FileType::Socket => "a socket",
            FileType::BlockDevice | FileType::CharacterDevice => "a device",
            FileType::Unknown => "something else",
        };
        Some(Self { what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_called_so() {
        let source = io::Error::from(io::ErrorKind::StorageFull);
        let error = StoreError::Generic { store: "x", source: Box::new(source) };
        assert!(matches!(failed("writing to")(error), Error::Full));
    }
}
