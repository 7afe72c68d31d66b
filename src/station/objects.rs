//! Chunks and indexes where they are kept: a directory, by nothing but the calls that an S3 store has too.
//!
//! Names come from the content, so what is there is never changed, and two that write the same don't disturb each other.
//! What was put is on the disk before the call returns. What is read proves itself before anybody gets it.
//! What a directory and S3 do differently isn't used: a name that is gone is removed, and only "create" and "overwrite"
//! are ways to put.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::error::{Explain, Kind, Remedy};
use crate::image::chunk::object::{self, Head};
use crate::image::chunk::{self, Digest, Index};

/// What sort of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sort {
    /// A chunk as it is stored.
    Chunk,
    /// An image's index.
    Index,
}

impl Sort {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Chunk => "chunk",
            Self::Index => "index",
        }
    }

    const fn directory(self) -> &'static str {
        match self {
            Self::Chunk => "chunks",
            Self::Index => "indexes",
        }
    }
}

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
        source: Box<chunk::Error>,
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
        source: Box<object_store::Error>,
    },
    /// Its directory can't be used.
    #[error("making the object store in {path}")]
    Os {
        /// The directory.
        path: String,
        /// What the system says.
        source: io::Error,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Missing { .. } | Self::Damaged { .. } => Kind::BadData,
            Self::Full => Kind::CantCreate,
            Self::Store { source, .. } => os(source).map_or(Kind::Unavailable, Kind::of_io),
            Self::Os { source, .. } => Kind::of_io(source),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Missing { .. } | Self::Damaged { .. } => Some(
                "Add the same image once more, under another name: what is damaged is replaced then.".into(),
            ),
            Self::Full => {
                Some("Remove images or backups that nobody needs, or make room on that disk.".into())
            }
            Self::Store { .. } | Self::Os { .. } => None,
        }
    }
}

/// What the system said, where that is the cause.
fn os(error: &object_store::Error) -> Option<&io::Error> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(os) = error.downcast_ref::<io::Error>() {
            return Some(os);
        }
        cause = error.source();
    }
    None
}

fn failed(doing: &'static str) -> impl Fn(object_store::Error) -> Error {
    move |source| match os(&source).map(io::Error::kind) {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => Error::Full,
        _ => Error::Store { doing, source: Box::new(source) },
    }
}

/// The objects. Clones are the same.
#[derive(Debug, Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
}

fn key(sort: Sort, id: Digest) -> Key {
    let name = id.to_string();
    Key::from_iter([sort.directory(), &name[..2], &name])
}

impl Objects {
    /// Those in a directory, which is made where it is missing. Nobody but its owner may enter it.
    ///
    /// # Errors
    /// [`Error::Os`], [`Error::Store`].
    pub fn in_directory(path: &Path) -> Result<Self, Error> {
        use std::os::unix::fs::DirBuilderExt as _;
        let fail = |source| Error::Os { path: path.display().to_string(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(fail)?;
        let store = LocalFileSystem::new_with_prefix(path).map_err(failed("opening"))?;
        Ok(Self::on(Arc::new(store.with_fsync(true))))
    }

    /// Those in another store.
    #[must_use]
    pub fn on(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Puts an object; one that is there stays: then no is answered. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Store`].
    pub async fn put(&self, sort: Sort, id: Digest, bytes: Bytes) -> Result<bool, Error> {
        match self.write(sort, id, bytes, PutMode::Create).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(failed("writing to")(error)),
        }
    }

    /// Puts an object in place of one that is damaged.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn replace(&self, sort: Sort, id: Digest, bytes: Bytes) -> Result<(), Error> {
        self.write(sort, id, bytes, PutMode::Overwrite).await.map_err(failed("writing to"))
    }

    async fn write(
        &self,
        sort: Sort,
        id: Digest,
        bytes: Bytes,
        mode: PutMode,
    ) -> Result<(), object_store::Error> {
        let options = PutOptions::from(mode);
        self.store.put_opts(&key(sort, id), PutPayload::from_bytes(bytes), options).await.map(|_| ())
    }

    /// A chunk as it is stored, checked against itself.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Store`].
    pub async fn chunk(&self, id: Digest) -> Result<(Head, Bytes), Error> {
        let bytes = self.read(Sort::Chunk, id).await?;
        let damaged = |error| Error::Damaged { sort: Sort::Chunk, id, source: Box::new(error) };
        let head = object::check(&bytes).map_err(damaged)?;
        Ok((head, bytes))
    }

    /// An index, as bytes and read.
    ///
    /// # Errors
    /// As [`Self::chunk`].
    pub async fn index(&self, id: Digest) -> Result<(Index, Bytes), Error> {
        let bytes = self.read(Sort::Index, id).await?;
        let damaged = |error| Error::Damaged { sort: Sort::Index, id, source: Box::new(error) };
        let index = Index::decode_named(&bytes, id).map_err(damaged)?;
        Ok((index, bytes))
    }

    async fn read(&self, sort: Sort, id: Digest) -> Result<Bytes, Error> {
        let most = match sort {
            Sort::Chunk => object::LONGEST as u64,
            Sort::Index => chunk::index::LONGEST_INDEX,
        };
        let fail = |error| match error {
            object_store::Error::NotFound { .. } => Error::Missing { sort, id },
            error => failed("reading from")(error),
        };
        let found = self.store.get(&key(sort, id)).await.map_err(fail)?;
        // What somebody has put there isn't taken into memory whatever its length.
        if found.meta.size > most {
            let source = Box::new(chunk::Error::TooLong { what: sort.word(), len: found.meta.size, most });
            return Err(Error::Damaged { sort, id, source });
        }
        found.bytes().await.map_err(fail)
    }

    /// Whether it is there. It isn't read.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn has(&self, sort: Sort, id: Digest) -> Result<bool, Error> {
        match self.store.head(&key(sort, id)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed("reading from")(error)),
        }
    }

    /// Removes an object; one that is gone is removed.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn remove(&self, sort: Sort, id: Digest) -> Result<(), Error> {
        match self.store.delete(&key(sort, id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("removing from")(error)),
        }
    }

    /// All objects of a sort, in no order, with their lengths. Names that aren't ours are left out.
    pub fn all(&self, sort: Sort) -> BoxStream<'static, Result<(Digest, u64), Error>> {
        let listed = self.store.list(Some(&Key::from(sort.directory())));
        let named =
            |meta: object_store::ObjectMeta| Some((Digest::parse(meta.location.filename()?)?, meta.size));
        let kept = listed.filter_map(move |meta| async move {
            match meta {
                Ok(meta) => named(meta).map(Ok),
                Err(object_store::Error::NotFound { .. }) => None,
                Err(error) => Some(Err(failed("listing")(error))),
            }
        });
        kept.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn objects_are_there_once_and_go_once() {
        let dir = tempfile::tempdir().unwrap();
        let objects = Objects::in_directory(dir.path()).unwrap();
        let id = Digest::of(b"x");
        assert!(!objects.has(Sort::Chunk, id).await.unwrap());
        assert!(matches!(objects.chunk(id).await, Err(Error::Missing { .. })));
        objects.put(Sort::Chunk, id, Bytes::from_static(b"one")).await.unwrap();
        objects.put(Sort::Chunk, id, Bytes::from_static(b"two")).await.unwrap();
        assert_eq!(objects.read(Sort::Chunk, id).await.unwrap(), "one", "what is there stays");
        assert!(matches!(objects.chunk(id).await, Err(Error::Damaged { .. })));
        objects.replace(Sort::Chunk, id, Bytes::from_static(b"two")).await.unwrap();
        assert_eq!(objects.read(Sort::Chunk, id).await.unwrap(), "two");
        assert!(!objects.has(Sort::Index, id).await.unwrap());
        std::fs::write(dir.path().join("chunks/readme"), "not ours").unwrap();
        let all: Vec<_> = objects.all(Sort::Chunk).collect().await;
        assert_eq!(all.into_iter().collect::<Result<Vec<_>, _>>().unwrap(), [(id, 3)]);
        assert!(objects.all(Sort::Index).collect::<Vec<_>>().await.is_empty());
        objects.remove(Sort::Chunk, id).await.unwrap();
        objects.remove(Sort::Chunk, id).await.unwrap();
        assert!(!objects.has(Sort::Chunk, id).await.unwrap());
    }

    #[tokio::test]
    async fn a_full_disk_is_called_so() {
        let source = io::Error::from(io::ErrorKind::StorageFull);
        let error = object_store::Error::Generic { store: "x", source: Box::new(source) };
        assert!(matches!(failed("writing to")(error), Error::Full));
    }
}
