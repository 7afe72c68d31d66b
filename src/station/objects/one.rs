//! Objects in one place: a directory, a bucket, or memory, by the same calls.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use rustix::fs::FileType;
use rustix::io::Errno;

use super::error::{NoFile, failed, is_too_long};
use super::{Error, Sort, s3};
use crate::beneath::Dir;
use crate::config::objects::ObjectPlace;
use crate::image::chunk::object::{self, Head, Unpacker};
use crate::image::chunk::{self, Digest, Index};
use crate::stop::Stop;

/// Where it is tried whether a place does what it is for.
const PROBE: &str = "probe";
/// So long after a damaged object it is asked for once more.
const ONCE_MORE: Duration = Duration::from_millis(200);
/// Whose the objects of a bucket are.
const OWNER: &str = "owner";
/// A longer name isn't one of ours: bytes.
const LONGEST_OWNER: u64 = 64;
/// So long the next name of a list is waited for: a server may answer for ever with nothing in it.
const LIST: Duration = Duration::from_secs(600);

/// What an object is, once it was checked against itself.
#[derive(Debug)]
pub(super) enum Checked {
    Chunk(Head),
    Index(Box<Index>),
}

/// Opens places, with what this station knows of them.
#[derive(Debug, Clone)]
pub struct Opener {
    /// The directory.
    pub directory: PathBuf,
    /// The file with the keys for a bucket; `None`: the environment has them.
    pub credentials: Option<PathBuf>,
    /// How long a bucket that doesn't answer is asked again.
    pub patience: Duration,
    /// Ends what waits for a bucket.
    pub stop: Stop,
}

impl Opener {
    /// Opens a place. A directory is made where it is missing; of a bucket nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::Os`], [`Error::Keys`], [`Error::Place`].
    pub(super) fn open(&self, place: &ObjectPlace) -> Result<One, Error> {
        match place {
            ObjectPlace::Directory => One::in_directory(&self.directory),
            ObjectPlace::S3 { bucket, prefix } => {
                let at = (bucket.as_str(), prefix.as_str());
                let bucket = s3::open(place, at, self.credentials.as_deref(), self.patience, &self.stop)?;
                let quick = bucket.quick;
                Ok(One { place: place.clone(), quick, is_far: true, ..One::on(bucket.patient) })
            }
        }
    }
}

/// The objects of one place. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct One {
    pub(super) place: ObjectPlace,
    store: Arc<dyn ObjectStore>,
    /// The same, that asks once.
    quick: Arc<dyn ObjectStore>,
    /// Where they are files: what isn't one is found before it is opened.
    root: Option<Arc<Dir>>,
    /// Somebody else's server: what it says is believed when it was read back, and what it gives when it was proved.
    is_far: bool,
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

impl One {
    /// Those in a directory, which is made where it is missing. Nobody but its owner may enter it.
    pub(super) fn in_directory(path: &Path) -> Result<Self, Error> {
        use std::os::unix::fs::DirBuilderExt as _;
        let fail = |source| Error::Os { path: path.display().to_string(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(fail)?;
        let store = LocalFileSystem::new_with_prefix(path).map_err(failed("opening"))?;
        let root = Dir::open(path).map_err(|errno| fail(errno.into()))?;
        Ok(Self { root: Some(Arc::new(root)), ..Self::on(Arc::new(store.with_fsync(true))) })
    }

    /// Those in another store.
    pub(super) fn on(store: Arc<dyn ObjectStore>) -> Self {
        let (place, quick) = (ObjectPlace::Directory, Arc::clone(&store));
        Self { place, store, quick, root: None, is_far: false }
    }

    /// The same, believed when it was read back.
    #[cfg(test)]
    pub(super) fn far(self) -> Self {
        Self { is_far: true, ..self }
    }

    /// Puts an object; one that is there stays: then no is answered.
    pub(super) async fn put(&self, sort: Sort, id: Digest, bytes: &Bytes) -> Result<bool, Error> {
        match self.write(sort, id, bytes, PutMode::Create).await {
            Ok(()) => {}
            // A server that was asked twice, or by two at once, may say so of what it then hasn't kept.
            Err(object_store::Error::AlreadyExists { .. }) if self.is_far && !self.has(sort, id).await? => {
                self.write(sort, id, bytes, PutMode::Overwrite).await.map_err(failed("writing to"))?;
            }
            Err(object_store::Error::AlreadyExists { .. }) => return Ok(false),
            Err(error) => return Err(failed("writing to")(error)),
        }
        if self.is_far {
            self.gives_back(sort, id, bytes).await?;
        }
        Ok(true)
    }

    /// Puts an object in place of one that is damaged.
    pub(super) async fn replace(&self, sort: Sort, id: Digest, bytes: &Bytes) -> Result<(), Error> {
        // A rename puts a file in the place of anything but a directory. One with something in it is somebody's.
        if let (Some(root), Some(Ok(FileType::Directory))) = (&self.root, self.kind(sort, id).await) {
            let (parent, name) = place(sort, id);
            if let Ok(parent) = root.dir(parent) {
                let _ = parent.rmdir(name);
            }
        }
        self.write(sort, id, bytes, PutMode::Overwrite).await.map_err(failed("writing to"))?;
        if self.is_far {
            self.gives_back(sort, id, bytes).await?;
        }
        Ok(())
    }

    async fn write(
        &self,
        sort: Sort,
        id: Digest,
        bytes: &Bytes,
        mode: PutMode,
    ) -> Result<(), object_store::Error> {
        let (payload, options) = (PutPayload::from_bytes(bytes.clone()), PutOptions::from(mode));
        self.store.put_opts(&key(sort, id), payload, options).await.map(|_| ())
    }

    /// Reads what was put, and compares.
    pub(super) async fn gives_back(&self, sort: Sort, id: Digest, bytes: &Bytes) -> Result<(), Error> {
        let lies = |gives| Error::Lies { what: format!("{} {id}", sort.word()), gives };
        match self.read(sort, id).await {
            Ok(there) if there == *bytes => Ok(()),
            Ok(_) | Err(Error::Damaged { .. }) => Err(lies("it gives other bytes back")),
            Err(Error::Missing { .. }) => Err(lies("it isn't there")),
            Err(error) => Err(error),
        }
    }

    /// An object, checked against itself. What another host gives is proved to be what its name says too.
    ///
    /// Of what comes from there damaged it is asked once more: what broke on the way isn't the object's fault.
    pub(super) async fn checked(&self, sort: Sort, id: Digest) -> Result<(Checked, Bytes), Error> {
        match self.checked_once(sort, id).await {
            Err(Error::Damaged { .. }) if self.is_far => {
                tokio::time::sleep(ONCE_MORE).await;
                self.checked_once(sort, id).await
            }
            other => other,
        }
    }

    async fn checked_once(&self, sort: Sort, id: Digest) -> Result<(Checked, Bytes), Error> {
        let bytes = self.read(sort, id).await?;
        if self.is_far {
            prove(sort, id, &bytes).await?;
        }
        let damaged = |error| Error::Damaged { sort, id, source: Box::new(error) };
        let checked = match sort {
            Sort::Chunk => Checked::Chunk(object::check(&bytes).map_err(damaged)?),
            Sort::Index => Checked::Index(Box::new(Index::decode_named(&bytes, id).map_err(damaged)?)),
        };
        Ok((checked, bytes))
    }

    /// The same, proved whatever the place is.
    pub(super) async fn proved(&self, sort: Sort, id: Digest) -> Result<Bytes, Error> {
        let (_, bytes) = self.checked(sort, id).await?;
        if !self.is_far {
            prove(sort, id, &bytes).await?;
        }
        Ok(bytes)
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

    pub(super) async fn read(&self, sort: Sort, id: Digest) -> Result<Bytes, Error> {
        self.check_file(sort, id).await?;
        let most = match sort {
            Sort::Chunk => object::LONGEST as u64,
            Sort::Index => chunk::index::LONGEST_INDEX,
        };
        let too_long = |len| {
            let source = Box::new(chunk::Error::TooLong { what: sort.word(), len, most });
            Error::Damaged { sort, id, source }
        };
        let fail = |error| match error {
            object_store::Error::NotFound { .. } => Error::Missing { sort, id },
            error if is_too_long(&error) => too_long(most + 1),
            error => failed("reading from")(error),
        };
        let found = self.store.get(&key(sort, id)).await.map_err(fail)?;
        // What somebody has put there isn't taken into memory whatever its length.
        if found.meta.size > most {
            return Err(too_long(found.meta.size));
        }
        found.bytes().await.map_err(fail)
    }

    /// Whether it is there. It isn't read.
    pub(super) async fn has(&self, sort: Sort, id: Digest) -> Result<bool, Error> {
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
    pub(super) async fn remove(&self, sort: Sort, id: Digest) -> Result<(), Error> {
        match self.store.delete(&key(sort, id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("removing from")(error)),
        }
    }

    /// All objects of a sort, with their lengths. Names that aren't ours are left out.
    pub(super) fn all(&self, sort: Sort) -> BoxStream<'static, Result<(Digest, u64), Error>> {
        let listed = self.store.list(Some(&Key::from(sort.directory())));
        // A bucket lists in the order of names. One that doesn't may go round and round.
        let begin = (listed, self.is_far, None::<Key>);
        let steps = futures::stream::unfold(begin, |(mut listed, is_far, last)| async move {
            let next = match tokio::time::timeout(LIST, listed.next()).await {
                Ok(next) => next?,
                Err(_) => return Some((Err(Error::List { why: "doesn't go on" }), (listed, is_far, last))),
            };
            let meta = match next {
                Ok(meta) => meta,
                Err(object_store::Error::NotFound { .. }) => return Some((Ok(None), (listed, is_far, last))),
                Err(error) => return Some((Err(failed("listing")(error)), (listed, is_far, last))),
            };
            if is_far && last.as_ref().is_some_and(|last| *last >= meta.location) {
                let why = Error::List { why: "is in no order, or has no end" };
                return Some((Err(why), (futures::stream::empty().boxed(), is_far, last)));
            }
            let named = meta.location.filename().and_then(Digest::parse).map(|id| (id, meta.size));
            Some((Ok(named), (listed, is_far, Some(meta.location))))
        });
        steps.filter_map(|step| async move { step.transpose() }).boxed()
    }

    /// Whether anything of ours is there.
    pub(super) async fn is_empty(&self) -> Result<bool, Error> {
        for sort in [Sort::Chunk, Sort::Index] {
            if self.all(sort).next().await.transpose()?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether it answers, and lets us look. Once, without patience.
    pub(super) async fn look(&self) -> Result<(), Error> {
        match self.quick.list_with_delimiter(Some(&Key::from(PROBE))).await {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("looking at")(error)),
        }
    }

    /// Whose the objects here are; `None` where nobody has said so. Once, without patience.
    async fn owner(&self) -> Result<Option<Bytes>, Error> {
        match self.quick.get(&Key::from(OWNER)).await {
            Ok(found) if found.meta.size <= LONGEST_OWNER => {
                Ok(Some(found.bytes().await.map_err(failed("reading from"))?))
            }
            Ok(_) => Ok(Some(Bytes::new())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("reading from")(error)),
        }
    }

    /// Says whose the objects here are, where nobody has yet. Two that don't know of each other would remove each other's.
    ///
    /// # Errors
    /// [`Error::Owned`] where they are another database's.
    pub(super) async fn claim(&self, owner: &str) -> Result<(), Error> {
        if !self.is_far {
            return Ok(());
        }
        let ours = Bytes::from(format!("{owner}\n"));
        let mut found = self.owner().await?;
        if found.is_none() {
            let payload = PutPayload::from_bytes(ours.clone());
            match self.quick.put_opts(&Key::from(OWNER), payload, PutMode::Create.into()).await {
                Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => {}
                Err(error) => return Err(failed("writing to")(error)),
            }
            found = self.owner().await?;
        }
        match found {
            Some(found) if found == ours => Ok(()),
            Some(_) => Err(Error::Owned { place: self.place.clone() }),
            None => Err(Error::Lies { what: OWNER.to_owned(), gives: "it isn't there" }),
        }
    }

    /// Whether all objects here may be removed: they are this database's, or there are none.
    ///
    /// # Errors
    /// [`Error::Owned`].
    pub(super) async fn may_empty(&self, owner: &str) -> Result<(), Error> {
        if !self.is_far {
            return Ok(());
        }
        match self.owner().await? {
            Some(found) if found == format!("{owner}\n") => Ok(()),
            None if self.is_empty().await? => Ok(()),
            _ => Err(Error::Owned { place: self.place.clone() }),
        }
    }

    /// The objects here are nobody's any more.
    pub(super) async fn disclaim(&self) -> Result<(), Error> {
        if !self.is_far {
            return Ok(());
        }
        match self.store.delete(&Key::from(OWNER)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("removing from")(error)),
        }
    }

    /// Whether it does all that it is for: something is put there, read back, listed, and removed again.
    pub(super) async fn try_out(&self) -> Result<(), Error> {
        let name = crate::station::store::new_name();
        let key = Key::from_iter([PROBE, &name]);
        let bytes = Bytes::from(format!("piprov {name}\n"));
        let lies = |gives| Error::Lies { what: "probe".to_owned(), gives };
        let payload = PutPayload::from_bytes(bytes.clone());
        self.quick.put_opts(&key, payload, PutMode::Create.into()).await.map_err(failed("writing to"))?;
        // Whose the objects are, and that none is written over, hangs on the second one being refused.
        let other = Bytes::from_static(b"another\n");
        let payload = PutPayload::from_bytes(other.clone());
        let is_kept = match self.quick.put_opts(&key, payload, PutMode::Create.into()).await {
            Ok(_) => false,
            Err(object_store::Error::AlreadyExists { .. }) => true,
            Err(error) => return Err(failed("writing to")(error)),
        };
        let listed =
            self.quick.list_with_delimiter(Some(&Key::from(PROBE))).await.map_err(failed("listing"))?;
        let is_listed = listed.objects.iter().any(|object| object.location == key);
        let found = match self.quick.get(&key).await {
            Ok(found) if found.meta.size <= bytes.len() as u64 => {
                Some(found.bytes().await.map_err(failed("reading from"))?)
            }
            Ok(_) => Some(Bytes::new()),
            Err(object_store::Error::NotFound { .. }) => None,
            Err(error) => return Err(failed("reading from")(error)),
        };
        self.quick.delete(&key).await.map_err(failed("removing from"))?;
        let left = self.quick.head(&key).await;
        match (found, left) {
            (None, _) => Err(lies("it isn't there")),
            (Some(found), _) if !is_kept && found == other => {
                Err(lies("it writes over it where it was asked not to (`If-None-Match: *`)"))
            }
            (Some(found), _) if found != bytes => Err(lies("it gives other bytes back")),
            _ if !is_kept => Err(lies("it takes another one where it was asked not to (`If-None-Match: *`)")),
            _ if !is_listed => Err(lies("it doesn't list it")),
            (_, Ok(_)) => Err(lies("it stays when it is removed")),
            (_, Err(object_store::Error::NotFound { .. })) => Ok(()),
            (_, Err(error)) => Err(failed("reading from")(error)),
        }
    }
}

/// Whether an object is what its name says: all of it is unpacked.
async fn prove(sort: Sort, id: Digest, bytes: &Bytes) -> Result<(), Error> {
    // An index's name is proved where it is read.
    if sort == Sort::Index {
        return Ok(());
    }
    let bytes = bytes.clone();
    let unpack = move || {
        let mut raw = Vec::new();
        Unpacker::new()?.unpack_named(&bytes, id, &mut raw).map(|_| ())
    };
    let proved = tokio::task::spawn_blocking(unpack).await;
    let damaged = |source| Error::Damaged { sort, id, source };
    match proved {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(damaged(Box::new(error))),
        Err(error) => Err(damaged(Box::new(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_file_is_damage_and_nobody_waits_for_it() {
        use rustix::fs::{CWD, Mode, mknodat, symlinkat};
        let dir = tempfile::tempdir().unwrap();
        let objects = One::in_directory(dir.path()).unwrap();
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
        let new = Bytes::from_static(b"new");
        for (what, make) in make {
            make();
            let within = std::time::Duration::from_secs(20);
            let found =
                tokio::time::timeout(within, objects.checked(Sort::Chunk, id)).await.unwrap().unwrap_err();
            let Error::Damaged { source, .. } = found else { panic!("{what}: {found:?}") };
            assert!(source.to_string().contains(what), "{what}: {source}");
            assert!(!objects.has(Sort::Chunk, id).await.unwrap(), "{what}");
            assert!(!objects.put(Sort::Chunk, id, &new).await.unwrap(), "{what}");
            objects.replace(Sort::Chunk, id, &new).await.unwrap();
            assert_eq!(objects.read(Sort::Chunk, id).await.unwrap(), "new", "{what}");
            std::fs::remove_file(&at).unwrap();
        }
        assert_eq!(std::fs::read(&elsewhere).unwrap(), b"one", "nothing was written through a link");
        // A directory on the way.
        std::fs::remove_dir(&parent).unwrap();
        symlinkat("/", CWD, &parent).unwrap();
        assert!(matches!(objects.checked(Sort::Chunk, id).await, Err(Error::Damaged { .. })));
    }
}
