//! Objects that somebody is about to need: an image that comes, a backup whose chunks arrive. What is held isn't
//! collected, also where no image needs it yet.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::RwLock;

use crate::image::chunk::Digest;

/// What is held, and how often.
#[derive(Debug, Default, Clone)]
pub(super) struct Holds {
    held: Arc<Mutex<HashMap<Digest, u32>>>,
    /// Written to while an object is removed: nobody begins to hold one meanwhile.
    gate: Arc<RwLock<()>>,
}

/// Somebody who holds objects. What it holds is let go when it is dropped.
#[derive(Debug)]
pub(super) struct Hold {
    holds: Holds,
    mine: Mutex<HashSet<Digest>>,
}

impl Holds {
    pub(super) fn hold(&self) -> Hold {
        Hold { holds: self.clone(), mine: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, u32>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `remove` unless somebody holds the object; nobody begins to hold it meanwhile. `None` where it is held.
    pub(super) async fn unless_held<T>(&self, id: Digest, remove: impl Future<Output = T>) -> Option<T> {
        let _gate = self.gate.write().await;
        if self.lock().contains_key(&id) {
            return None;
        }
        Some(remove.await)
    }
}

impl Hold {
    /// Holds it from now on. Whether it is there is looked at afterwards.
    pub(super) async fn take(&self, id: Digest) {
        let _gate = self.holds.gate.read().await;
        let mut mine = self.mine.lock().unwrap_or_else(PoisonError::into_inner);
        if mine.insert(id) {
            *self.holds.lock().entry(id).or_default() += 1;
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.holds.lock();
        for id in self.mine.get_mut().unwrap_or_else(PoisonError::into_inner).drain() {
            if let Some(count) = held.get_mut(&id) {
                *count -= 1;
                if *count == 0 {
                    held.remove(&id);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_one_of_two_lets_go_the_other_still_holds() {
        let holds = Holds::default();
        let id = Digest([1; 32]);
        let (one, other) = (holds.hold(), holds.hold());
        one.take(id).await;
        one.take(id).await;
        other.take(id).await;
        drop(one);
        assert_eq!(holds.unless_held(id, async {}).await, None);
        drop(other);
        assert_eq!(holds.unless_held(id, async {}).await, Some(()));
        assert!(holds.lock().is_empty());
    }
}
