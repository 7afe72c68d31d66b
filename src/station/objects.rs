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
use rustix::fs::FileType;
use rustix::io::Errno;

use crate::beneath::Dir;
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
        source: Box<dyn std::error::Error + Send + Sync>,
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

/// What lies under an object's name is no file. Opening a FIFO would wait for ever, and a link leads elsewhere.
#[derive(Debug, thiserror::Error)]
#[error("what lies there is {what}, no file")]
pub struct NoFile {
    /// What it is, with its article.
    what: &'static str,
}

impl NoFile {
    const fn of(kind: FileType) -> Option<Self> {
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

/// The objects. Clones are the same.
#[derive(Debug, Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    /// Where they are files: what isn't one is found before it is opened.
    root: Option<Arc<Dir>>,
}

fn key(sort: Sort, id: Digest) -> Key {
    let name = id.to_string();
    Key::from_iter([sort.directory(), &name[..2], &name])
}

/// The same as a directory and a name in it.
fn place(sort: Sort, id: Digest) -> (String, String) {
    let name = id.to_string();
    (format!("{}/{}", sort.directory(), &name[..2]), name)
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
        let root = Dir::open(path).map_err(|errno| fail(errno.into()))?;
        Ok(Self { root: Some(Arc::new(root)), ..Self::on(Arc::new(store.with_fsync(true))) })
    }

    /// Those in another store.
    #[must_use]
    pub fn on(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, root: None }
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
        // A rename puts a file in the place of anything but a directory. One with something in it is somebody's.
        if let (Some(root), Some(Ok(FileType::Directory))) = (&self.root, self.kind(sort, id).await) {
            let (parent, name) = place(sort, id);
            if let Ok(parent) = root.dir(parent) {
                let _ = parent.rmdir(name);
            }
        }
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

    /// What lies under an object's name, where objects are files; `None` for nothing. No link is followed.
    async fn kind(&self, sort: Sort, id: Digest) -> Option<io::Result<FileType>> {
        let root = Arc::clone(self.root.as_ref()?);
        let look = move || {
            let (parent, name) = place(sort, id);
            root.stat(Path::new(&parent).join(name))
        };
        let stat = tokio::task::spawn_blocking(look).await.ok()?;
        match stat {
            Ok(stat) => stat.map(|stat| Ok(FileType::from_raw_mode(stat.st_mode))),
            Err(errno) => Some(Err(errno.into())),
        }
    }

    /// Whether what lies there can be opened.
    async fn check_file(&self, sort: Sort, id: Digest) -> Result<(), Error> {
        let source: Box<dyn std::error::Error + Send + Sync> = match self.kind(sort, id).await {
            None => return Ok(()),
            Some(Ok(kind)) => match NoFile::of(kind) {
                None => return Ok(()),
                Some(found) => Box::new(found),
            },
            // One of its directories is none.
            Some(Err(error))
                if [Errno::LOOP, Errno::NOTDIR]
                    .map(Errno::raw_os_error)
                    .map(Some)
                    .contains(&error.raw_os_error()) =>
            {
                Box::new(error)
            }
            Some(Err(source)) => {
                return Err(Error::Os { path: key(sort, id).to_string(), source });
            }
        };
        Err(Error::Damaged { sort, id, source })
    }

    async fn read(&self, sort: Sort, id: Digest) -> Result<Bytes, Error> {
        self.check_file(sort, id).await?;
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
        if let Err(Error::Damaged { .. }) = self.check_file(sort, id).await {
            return Ok(false);
        }
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
    async fn what_is_no_file_is_damage_and_nobody_waits_for_it() {
        use rustix::fs::{CWD, Mode, mknodat, symlinkat};
        let dir = tempfile::tempdir().unwrap();
        let objects = Objects::in_directory(dir.path()).unwrap();
        let elsewhere = dir.path().join("elsewhere");
        std::fs::write(&elsewhere, "one").unwrap();
        let id = Digest::of(b"x");
        let (parent, name) = place(Sort::Chunk, id);
        let parent = dir.path().join(parent);
        std::fs::create_dir_all(&parent).unwrap();
        let at = parent.join(name);
        let make: [(&str, &dyn Fn()); 5] = [
            ("a FIFO", &|| mknodat(CWD, &at, FileType::Fifo, Mode::RWXU, 0).unwrap()),
            ("a socket", &|| drop(std::os::unix::net::UnixListener::bind(&at).unwrap())),
            ("a link", &|| symlinkat(&elsewhere, CWD, &at).unwrap()),
            ("a link", &|| symlinkat("/dev/zero", CWD, &at).unwrap()),
            ("a directory", &|| std::fs::create_dir(&at).unwrap()),
        ];
        for (what, make) in make {
            make();
            let within = std::time::Duration::from_secs(20);
            let found = tokio::time::timeout(within, objects.chunk(id)).await.unwrap().unwrap_err();
            let Error::Damaged { source, .. } = found else { panic!("{what}: {found:?}") };
            assert!(source.to_string().contains(what), "{what}: {source}");
            assert!(!objects.has(Sort::Chunk, id).await.unwrap(), "{what}");
            assert!(!objects.put(Sort::Chunk, id, Bytes::from_static(b"new")).await.unwrap(), "{what}");
            objects.replace(Sort::Chunk, id, Bytes::from_static(b"new")).await.unwrap();
            assert_eq!(objects.read(Sort::Chunk, id).await.unwrap(), "new", "{what}");
            std::fs::remove_file(&at).unwrap();
        }
        assert_eq!(std::fs::read(&elsewhere).unwrap(), b"one", "nothing was written through a link");
        // A directory on the way.
        std::fs::remove_dir(&parent).unwrap();
        symlinkat("/", CWD, &parent).unwrap();
        assert!(matches!(objects.chunk(id).await, Err(Error::Damaged { .. })));
    }

    #[tokio::test]
    async fn a_full_disk_is_called_so() {
        let source = io::Error::from(io::ErrorKind::StorageFull);
        let error = object_store::Error::Generic { store: "x", source: Box::new(source) };
        assert!(matches!(failed("writing to")(error), Error::Full));
    }
}
