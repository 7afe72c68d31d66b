//! EEPROM images that single boards are offered over the network: what is wanted, and what of it the privileged half has.
//! Pure, but for the descriptor of an image; the task that speaks with the other half compares and says.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::board::Mac;
use crate::control::Say;
use crate::control::message::{MOST_OFFERED, ToServer};

/// So long the other half has until it says that it has an image.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a board is offered, for its job.
#[derive(Debug, Clone)]
pub(in crate::station) struct Offer {
    /// The job's name.
    pub(in crate::station) job: String,
    /// The attempt in which it is offered: it is over with that one.
    pub(in crate::station) run: String,
    /// The board's Ethernet addresses.
    pub(in crate::station) boards: Vec<Mac>,
    /// The image.
    pub(in crate::station) image: Arc<[u8]>,
    /// Its signature, as text.
    pub(in crate::station) signature: String,
}

#[derive(Debug)]
struct Kept {
    offer: Offer,
    /// No two offers have the same.
    number: u64,
    /// What the other half has said of it.
    there: Option<Result<(), String>>,
}

#[derive(Debug, Default)]
struct All {
    by_job: BTreeMap<String, Kept>,
    next: u64,
}

/// All that is offered.
#[derive(Debug, Default)]
pub(in crate::station) struct Offers {
    all: Mutex<All>,
    changed: Notify,
}

/// Something that the other half is to be told.
#[derive(Debug)]
pub(super) struct Wish {
    /// The job, with the number of its offer.
    pub(super) of: (String, u64),
    boards: Vec<Mac>,
    /// `None`: it is offered nothing any more.
    image: Option<(Arc<[u8]>, String)>,
}

impl Wish {
    /// As a message of this number.
    pub(super) fn say(self, id: u64) -> std::io::Result<Say> {
        let boards = self.boards.into_iter().take(MOST_OFFERED).collect();
        let Some((image, signature)) = self.image else {
            return Ok(ToServer::Offer { id, boards, signature: String::new() }.into());
        };
        let flags = rustix::fs::MemfdFlags::CLOEXEC;
        let file = File::from(rustix::fs::memfd_create("piprov-eeprom", flags)?);
        file.write_all_at(&image, 0)?;
        Ok(Say { message: ToServer::Offer { id, boards, signature }, file: Some(OwnedFd::from(file)) })
    }
}

/// What was said to the other half, on this connection: by jobs, the number of the offer and its boards.
pub(super) type Told = BTreeMap<String, (u64, Vec<Mac>)>;

impl Offers {
    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this is offered.
    pub(in crate::station) fn put(&self, offer: Offer) {
        let mut all = self.lock();
        all.next += 1;
        let number = all.next;
        all.by_job.insert(offer.job.clone(), Kept { offer, number, there: None });
    }

    /// A job's offer is over.
    pub(in crate::station) fn remove(&self, job: &str) {
        self.lock().by_job.remove(job);
    }

    /// The jobs with an offer, each with its attempt.
    pub(super) fn pending(&self) -> Vec<(String, String)> {
        self.lock().by_job.values().map(|kept| (kept.offer.job.clone(), kept.offer.run.clone())).collect()
    }

    /// What is to be said so that the other half offers this, and nothing else.
    pub(super) fn differences(&self, told: &mut Told) -> Vec<Wish> {
        let all = self.lock();
        let mut wishes = Vec::new();
        told.retain(|job, (number, boards)| {
            let stays = all.by_job.contains_key(job);
            if !stays {
                wishes.push(Wish { of: (job.clone(), *number), boards: std::mem::take(boards), image: None });
            }
            stays
        });
        for (job, Kept { offer, number, .. }) in &all.by_job {
            if told.get(job).is_some_and(|(known, _)| known == number) {
                continue;
            }
            told.insert(job.clone(), (*number, offer.boards.clone()));
            wishes.push(Wish {
                of: (job.clone(), *number),
                boards: offer.boards.clone(),
                image: Some((Arc::clone(&offer.image), offer.signature.clone())),
            });
        }
        wishes
    }

    /// The other half has said what became of an offer.
    pub(super) fn answered(&self, (job, number): &(String, u64), failed: Option<String>) {
        if let Some(kept) = self.lock().by_job.get_mut(job).filter(|kept| kept.number == *number) {
            kept.there = Some(failed.map_or(Ok(()), Err));
        }
        self.changed.notify_waiters();
    }

    /// Waits until the other half has what a job's board is offered.
    ///
    /// # Errors
    /// Why it hasn't.
    pub(in crate::station) async fn until_there(&self, job: &str) -> Result<(), String> {
        let there = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                match self.lock().by_job.get(job).map(|kept| kept.there.clone()) {
                    Some(Some(there)) => return there,
                    None => return Err("the job is over".to_owned()),
                    Some(None) => {}
                }
                changed.await;
            }
        };
        let late = |_| Err("what boots boards doesn't answer".to_owned());
        tokio::time::timeout(PATIENCE, there).await.unwrap_or_else(late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PI: Mac = Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3]);

    fn offer(job: &str, run: &str) -> Offer {
        let image = Arc::from(&b"image"[..]);
        Offer { job: job.into(), run: run.into(), boards: vec![PI], image, signature: "sig".into() }
    }

    #[test]
    fn what_is_new_is_said_once_and_what_is_over_is_taken_back() {
        let (offers, mut told) = (Offers::default(), Told::new());
        offers.put(offer("a", "1"));
        let wishes = offers.differences(&mut told);
        assert_eq!(wishes.len(), 1);
        assert!(offers.differences(&mut told).is_empty());
        let said = wishes.into_iter().next().unwrap().say(7).unwrap();
        assert_eq!(said.message, ToServer::Offer { id: 7, boards: vec![PI], signature: "sig".into() });
        let mut bytes = [0; 8];
        let file = File::from(said.file.unwrap());
        assert_eq!((file.read_at(&mut bytes, 0).unwrap(), &bytes[..5]), (5, &b"image"[..]));
        // Another attempt offers anew; on a new connection all is said again.
        offers.put(offer("a", "2"));
        assert_eq!(offers.differences(&mut told).len(), 1);
        assert_eq!(offers.differences(&mut Told::new()).len(), 1);
        assert_eq!(offers.pending(), [("a".to_owned(), "2".to_owned())]);
        offers.remove("a");
        let over = offers.differences(&mut told).pop().unwrap().say(8).unwrap();
        assert_eq!(over.message, ToServer::Offer { id: 8, boards: vec![PI], signature: String::new() });
        assert!(over.file.is_none() && told.is_empty() && offers.differences(&mut told).is_empty());
    }

    #[tokio::test]
    async fn who_waits_hears_what_the_other_half_says_of_this_offer_alone() {
        let offers = Arc::new(Offers::default());
        offers.put(offer("a", "1"));
        let first = offers.differences(&mut Told::new()).remove(0).of;
        offers.put(offer("a", "2"));
        let second = offers.differences(&mut Told::new()).remove(0).of;
        let waits = tokio::spawn({
            let offers = Arc::clone(&offers);
            async move { offers.until_there("a").await }
        });
        offers.answered(&first, Some("no".to_owned()));
        offers.answered(&second, None);
        assert_eq!(waits.await.unwrap(), Ok(()));
        offers.answered(&second, Some("it is full".to_owned()));
        assert_eq!(offers.until_there("a").await, Err("it is full".to_owned()));
        assert!(offers.until_there("b").await.is_err());
    }
}
