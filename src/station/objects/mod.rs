//! Chunks and indexes where they are kept: a directory or a bucket, by nothing but the calls that both have.
//!
//! | part | what it is |
//! |---|---|
//! | `one` | the objects of one place |
//! | `s3` | a bucket, by the protocol of Amazon S3 |
//! | `copying` | all of a place comes into another one; a place is emptied |
//! | `error` | why an object can't be had or kept |
//!
//! Names come from the content, so what is there is never changed, and two that write the same don't disturb each other.
//! What was put is on the disk before the call returns; from a bucket it was read back. What is read proves itself before
//! anybody gets it. What a directory and S3 do differently isn't used: a name that is gone is removed, and only "create" and
//! "overwrite" are ways to put.
//!
//! **A move.** Which place it is stands in the database, so that all stations of one database have the same. While a place
//! is being left, everything goes to the new one and is looked for in both. Each station asks the database again before it
//! says that something is missing, and after it has put something: what it put into a place that was left meanwhile it puts
//! into the new one too. So all that was put before the move stands in the list of the old place, and one whole pass over
//! that list which begins after it copies all.

mod copying;
mod error;
mod one;
mod s3;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};

pub use copying::{Pass, Proved};
pub use error::{Error, NoFile};
pub use one::Opener;
pub use s3::{KeyError, Said};

use super::store::Store;
use crate::config::objects::ObjectPlace;
use crate::image::chunk::object::Head;
use crate::image::chunk::{Digest, Index};
use one::{Checked, One};

/// What is known of where objects are kept is asked again when it is older.
const FRESH: Duration = Duration::from_secs(5);

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

/// The objects. Clones are the same.
#[derive(Debug, Clone)]
pub struct Objects {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    now: RwLock<Arc<Places>>,
    follows: Option<Follows>,
    /// One asks the database at a time.
    turn: tokio::sync::Mutex<()>,
}

/// Where it stands which place it is.
#[derive(Debug)]
struct Follows {
    store: Store,
    opener: Opener,
}

/// The places that hold.
#[derive(Debug, Clone)]
struct Places {
    /// It grows with each change.
    number: i64,
    main: One,
    /// The one that is being left.
    leaving: Option<One>,
    /// When the database was asked.
    read: Instant,
}

impl Objects {
    /// Those in a directory, which is made where it is missing. Nobody but its owner may enter it.
    ///
    /// # Errors
    /// [`Error::Os`], [`Error::Store`].
    pub fn in_directory(path: &Path) -> Result<Self, Error> {
        Ok(Self::always(One::in_directory(path)?))
    }

    fn always(main: One) -> Self {
        let now = Places { number: 0, main, leaving: None, read: Instant::now() };
        let inner =
            Inner { now: RwLock::new(Arc::new(now)), follows: None, turn: tokio::sync::Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// Those in the place that the database names. Where it names none yet, `wanted` is it from now on, else the directory.
    /// Of what lies in the directory already nothing is lost: then it is left for the other one, as by a move.
    ///
    /// # Errors
    /// Where the place can't be opened; where a new one doesn't do what it is for.
    pub async fn follow(
        store: Store,
        opener: Opener,
        wanted: Option<&ObjectPlace>,
        now: i64,
    ) -> Result<Self, Error> {
        if store.object_place().await?.is_none() {
            let (main, leaving) = match wanted {
                None | Some(ObjectPlace::Directory) => (ObjectPlace::Directory, None),
                Some(far) => {
                    let place = opener.open(far)?;
                    place.try_out().await?;
                    place.claim(&store.objects_owner().await?).await?;
                    let before = !opener.open(&ObjectPlace::Directory)?.is_empty().await?;
                    (far.clone(), before.then_some(ObjectPlace::Directory))
                }
            };
            store.first_object_place(&main, leaving.as_ref(), now).await?;
        }
        let read = Instant::now();
        let row = store.object_place().await?.ok_or_else(|| super::store::Error::Row {
            table: "object_place",
            why: "there is none".to_owned(),
        })?;
        let main = opener.open(&row.main)?;
        let leaving = row.leaving.as_ref().map(|place| opener.open(place)).transpose()?;
        let places = Places { number: row.number, main, leaving, read };
        let inner = Inner {
            now: RwLock::new(Arc::new(places)),
            follows: Some(Follows { store, opener }),
            turn: tokio::sync::Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    fn now(&self) -> Arc<Places> {
        Arc::clone(&self.inner.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The places as the database has them now.
    async fn asked(&self) -> Result<Arc<Places>, Error> {
        let Some(Follows { store, opener }) = &self.inner.follows else { return Ok(self.now()) };
        let asked = Instant::now();
        let _turn = self.inner.turn.lock().await;
        let before = self.now();
        // Somebody else has asked since.
        if before.read >= asked {
            return Ok(before);
        }
        let read = Instant::now();
        let next = match store.object_place().await? {
            Some(row) if row.number != before.number => {
                let known = [Some(&before.main), before.leaving.as_ref()];
                let take =
                    |place: &ObjectPlace| match known.into_iter().flatten().find(|one| one.place == *place) {
                        Some(one) => Ok(one.clone()),
                        None => opener.open(place),
                    };
                let leaving = row.leaving.as_ref().map(take).transpose()?;
                Places { number: row.number, main: take(&row.main)?, leaving, read }
            }
            _ => Places { read, ..(*before).clone() },
        };
        let next = Arc::new(next);
        *self.inner.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&next);
        Ok(next)
    }

    /// The places as they were within the last seconds.
    async fn fresh(&self) -> Result<Arc<Places>, Error> {
        let now = self.now();
        if self.inner.follows.is_none() || now.read.elapsed() < FRESH {
            return Ok(now);
        }
        self.asked().await
    }

    /// The same for what only reads: where the database is away, what was known last.
    async fn readable(&self) -> Arc<Places> {
        match self.fresh().await {
            Ok(places) => places,
            Err(_) => self.now(),
        }
    }

    /// Puts an object; one that is there stays: then no is answered. It is on the disk when this returns, and from a bucket
    /// it was read back.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Lies`], [`Error::Store`], [`Error::Far`]; [`Error::Where`] where it can't be known whether
    /// it was the right place.
    pub async fn put(&self, sort: Sort, id: Digest, bytes: Bytes) -> Result<bool, Error> {
        let mut places = self.fresh().await?;
        loop {
            let made = places.main.put(sort, id, &bytes).await?;
            match self.moved(&places).await? {
                None => return Ok(made),
                Some(other) => places = other,
            }
        }
    }

    /// Puts an object in place of one that is damaged.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn replace(&self, sort: Sort, id: Digest, bytes: Bytes) -> Result<(), Error> {
        let mut places = self.fresh().await?;
        loop {
            places.main.replace(sort, id, &bytes).await?;
            match self.moved(&places).await? {
                None => return Ok(()),
                Some(other) => places = other,
            }
        }
    }

    /// The places, where another one is the main one by now.
    async fn moved(&self, places: &Places) -> Result<Option<Arc<Places>>, Error> {
        let now = self.asked().await?;
        Ok((now.main.place != places.main.place).then_some(now))
    }

    /// A chunk as it is stored, checked against itself.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Store`], [`Error::Far`].
    pub async fn chunk(&self, id: Digest) -> Result<(Head, Bytes), Error> {
        match self.find(Sort::Chunk, id).await? {
            (Checked::Chunk(head), bytes) => Ok((head, bytes)),
            (Checked::Index(_), _) => Err(Error::Missing { sort: Sort::Chunk, id }),
        }
    }

    /// An index, as bytes and read.
    ///
    /// # Errors
    /// As [`Self::chunk`].
    pub async fn index(&self, id: Digest) -> Result<(Index, Bytes), Error> {
        match self.find(Sort::Index, id).await? {
            (Checked::Index(index), bytes) => Ok((*index, bytes)),
            (Checked::Chunk(_), _) => Err(Error::Missing { sort: Sort::Index, id }),
        }
    }

    async fn find(&self, sort: Sort, id: Digest) -> Result<(Checked, Bytes), Error> {
        let mut places = self.readable().await;
        loop {
            let why = match places.main.checked(sort, id).await {
                Ok(found) => return Ok(found),
                Err(why) => why,
            };
            if let Some(leaving) = &places.leaving
                && let Ok(found) = leaving.checked(sort, id).await
            {
                return Ok(found);
            }
            if !matches!(why, Error::Missing { .. } | Error::Damaged { .. }) {
                return Err(why);
            }
            // Another station may have put it where this one hasn't looked.
            let now = self.asked().await?;
            if now.number == places.number {
                return Err(why);
            }
            places = now;
        }
    }

    /// Whether it is there. It isn't read.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Far`], [`Error::Where`].
    pub async fn has(&self, sort: Sort, id: Digest) -> Result<bool, Error> {
        let mut places = self.readable().await;
        loop {
            if places.main.has(sort, id).await? {
                return Ok(true);
            }
            if let Some(leaving) = &places.leaving
                && leaving.has(sort, id).await?
            {
                return Ok(true);
            }
            let now = self.asked().await?;
            if now.number == places.number {
                return Ok(false);
            }
            places = now;
        }
    }

    /// Removes an object; one that is gone is removed.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Far`].
    pub async fn remove(&self, sort: Sort, id: Digest) -> Result<(), Error> {
        let places = self.fresh().await?;
        // What is left of the old place last isn't copied into the new one.
        if let Some(leaving) = &places.leaving {
            leaving.remove(sort, id).await?;
        }
        places.main.remove(sort, id).await
    }

    /// All objects of a sort, in no order, with their lengths. Names that aren't ours are left out.
    pub fn all(&self, sort: Sort) -> BoxStream<'static, Result<(Digest, u64), Error>> {
        let places = self.now();
        let main = places.main.all(sort);
        let Some(leaving) = &places.leaving else { return main };
        // What was copied already is there twice.
        let seen = Arc::new(Mutex::new(HashSet::new()));
        let once = move |object: Result<(Digest, u64), Error>| {
            let seen = Arc::clone(&seen);
            async move {
                match object {
                    Ok((id, _)) if !seen.lock().unwrap_or_else(PoisonError::into_inner).insert(id) => None,
                    object => Some(object),
                }
            }
        };
        main.chain(leaving.all(sort)).filter_map(once).boxed()
    }

    /// Where they are put, and what is being left, as this station knew it last.
    #[must_use]
    pub fn places(&self) -> (ObjectPlace, Option<ObjectPlace>) {
        let now = self.now();
        (now.main.place.clone(), now.leaving.as_ref().map(|leaving| leaving.place.clone()))
    }

    /// Whether the place of the objects answers, lets us look, and is ours: once, without patience.
    ///
    /// # Errors
    /// What it says.
    pub async fn look(&self) -> Result<(), Error> {
        let places = self.fresh().await?;
        places.main.look().await?;
        match self.owner().await? {
            Some(owner) => places.main.claim(&owner).await,
            None => Ok(()),
        }
    }

    /// By which name the objects are known in a place that others may use too; `None` where they always stay where they are.
    async fn owner(&self) -> Result<Option<String>, Error> {
        match &self.inner.follows {
            Some(follows) => Ok(Some(follows.store.objects_owner().await?)),
            None => Ok(None),
        }
    }

    /// Whether another place does all that it is for. It is this database's from then on.
    ///
    /// # Errors
    /// What it says, or where it can't be opened; [`Error::Owned`].
    pub async fn try_out(&self, place: &ObjectPlace) -> Result<(), Error> {
        let one = self.open(place)?;
        one.try_out().await?;
        match self.owner().await? {
            Some(owner) => one.claim(&owner).await,
            None => Ok(()),
        }
    }

    /// Ends what waits for a bucket.
    pub fn end(&self) {
        if let Some(follows) = &self.inner.follows {
            follows.opener.stop.set();
        }
    }

    fn open(&self, place: &ObjectPlace) -> Result<One, Error> {
        let now = self.now();
        if now.main.place == *place {
            return Ok(now.main.clone());
        }
        let unfit =
            || Error::Place { place: place.clone(), why: "these objects stay where they are".to_owned() };
        self.inner.follows.as_ref().ok_or_else(unfit)?.opener.open(place)
    }
}

#[cfg(test)]
mod tests;
