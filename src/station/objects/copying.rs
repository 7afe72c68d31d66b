//! All of a place comes into another one, object by object, each proved and read back; and a place is emptied.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use futures::stream::{StreamExt, TryStreamExt};

use super::one::One;
use super::{Error, Objects, Sort};
use crate::config::objects::ObjectPlace;
use crate::image::chunk::Digest;

/// So many objects are copied at once, or removed.
const AT_ONCE: usize = 4;
/// So often a place is looked through that is emptied. Nobody puts anything there.
const ROUNDS: usize = 20;

/// Objects that were proved in the new place already, so that another pass over them is short.
#[derive(Debug, Default)]
pub struct Proved(Mutex<HashSet<(Sort, Digest)>>);

impl Proved {
    fn has(&self, sort: Sort, id: Digest) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&(sort, id))
    }

    fn note(&self, sort: Sort, id: Digest) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((sort, id));
    }
}

/// What a pass has done, while it goes on.
#[derive(Debug, Default)]
pub struct Pass {
    copied: AtomicU64,
    bytes: AtomicU64,
    damaged: AtomicU64,
}

impl Pass {
    /// Objects that were copied.
    pub fn copied(&self) -> u64 {
        self.copied.load(Ordering::Relaxed)
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Objects of the old place that are damaged there, and aren't in the new one either.
    pub fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }
}

impl Objects {
    /// One pass over the place that is being left: what the main place hasn't, or has damaged, is put there. Gives the number
    /// of the places that it was for, and `None` where nothing is being left.
    ///
    /// # Errors
    /// What either place says.
    pub async fn copy(&self, pass: &Pass, proved: &Proved) -> Result<Option<i64>, Error> {
        let places = self.asked().await?;
        let Some(leaving) = &places.leaving else { return Ok(None) };
        // Chunks first: an index that is there has its chunks.
        for sort in [Sort::Chunk, Sort::Index] {
            let all = leaving.all(sort);
            let copies = all.map_ok(|(id, _)| copy_one(leaving, &places.main, (sort, id), pass, proved));
            copies.try_buffer_unordered(AT_ONCE).try_for_each(|()| futures::future::ready(Ok(()))).await?;
        }
        Ok(Some(places.number))
    }

    /// Removes all objects from a place that isn't used any more. Gives how many.
    ///
    /// # Errors
    /// What it says; [`Error::Place`] where it is used, [`Error::Owned`] where another database's objects are there.
    pub async fn empty_out(&self, place: &ObjectPlace) -> Result<u64, Error> {
        let places = self.asked().await?;
        let used = [Some(&places.main), places.leaving.as_ref()];
        if used.into_iter().flatten().any(|one| one.place == *place) {
            return Err(Error::Place { place: place.clone(), why: "it is in use".to_owned() });
        }
        let old = self.open(place)?;
        let owner = self.owner().await?;
        if let Some(owner) = &owner {
            old.may_empty(owner).await?;
        }
        let mut removed = 0;
        // Indexes first: one that is there has its chunks.
        for sort in [Sort::Index, Sort::Chunk] {
            // What is removed while a place is listed may be left out of the list.
            let mut rounds = 0;
            loop {
                let mut some = 0;
                rounds += 1;
                if rounds > ROUNDS {
                    return Err(Error::List { why: "has what was removed" });
                }
                let all = old.all(sort);
                let gone = all.map(|object| {
                    let old = &old;
                    async move {
                        let (id, _) = object?;
                        old.remove(sort, id).await
                    }
                });
                let mut gone = gone.buffer_unordered(AT_ONCE);
                while let Some(one) = gone.next().await {
                    one?;
                    some += 1;
                }
                removed += some;
                if some == 0 {
                    break;
                }
            }
        }
        if owner.is_some() {
            old.disclaim().await?;
        }
        Ok(removed)
    }
}

async fn copy_one(
    from: &One,
    to: &One,
    (sort, id): (Sort, Digest),
    pass: &Pass,
    proved: &Proved,
) -> Result<(), Error> {
    if proved.has(sort, id) {
        return Ok(());
    }
    let is_damaged = match to.proved(sort, id).await {
        Ok(_) => {
            proved.note(sort, id);
            return Ok(());
        }
        Err(Error::Missing { .. }) => false,
        Err(Error::Damaged { .. }) => true,
        Err(error) => return Err(error),
    };
    let bytes = match from.proved(sort, id).await {
        Ok(bytes) => bytes,
        // Nobody needed it any more.
        Err(Error::Missing { .. }) => return Ok(()),
        Err(Error::Damaged { .. }) => {
            pass.damaged.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    // One that somebody else has put meanwhile is looked at like ours.
    if is_damaged {
        to.replace(sort, id, &bytes).await?;
    } else {
        to.put(sort, id, &bytes).await?;
    }
    to.proved(sort, id).await?;
    proved.note(sort, id);
    pass.copied.fetch_add(1, Ordering::Relaxed);
    pass.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    Ok(())
}
