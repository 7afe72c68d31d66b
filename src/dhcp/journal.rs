//! Writes leases on a thread of its own, so that a slow disk holds up no message. What comes while it is busy goes out
//! with the next flush, all together.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use super::lease::{Record, Store};
use crate::stop::Waker;

/// Records of one message, numbered upwards.
pub(super) type Batch = (u64, Vec<Record>);

/// How it went with all batches up to a number.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) up_to: u64,
    pub(super) failed: Option<String>,
}

/// What the thread tells, and what says so.
#[derive(Debug, Clone)]
pub(super) struct Reports {
    wake: Waker,
    list: Arc<Mutex<Vec<Done>>>,
}

impl Reports {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self { wake: Waker::new()?, list: Arc::default() })
    }

    /// What was written since the last time.
    pub(super) fn take(&self) -> Vec<Done> {
        self.wake.clear();
        std::mem::take(&mut *self.list.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn tell(&self, done: Done) {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).push(done);
        self.wake.wake();
    }
}

impl AsFd for Reports {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

/// Writes until the other end of `batches` is dropped.
pub(super) fn write(store: &mut Store, batches: &Receiver<Batch>, reports: &Reports) {
    while let Ok((mut up_to, mut records)) = batches.recv() {
        while let Ok((number, more)) = batches.try_recv() {
            up_to = number;
            records.extend(more);
        }
        let failed = store.append(&records).err().map(|error| error.to_string());
        reports.tell(Done { up_to, failed });
    }
}

/// Hands batches to the thread.
#[derive(Debug)]
pub(super) struct Journal {
    batches: Option<Sender<Batch>>,
    last: u64,
}

impl Journal {
    /// Without a receiver nothing is written, and nothing waits for it: proxy mode promises nothing.
    pub(super) fn new(batches: Option<Sender<Batch>>) -> Self {
        Self { batches, last: 0 }
    }

    /// Gives records to be written, and says which number has to be done before anything may be sent for them.
    pub(super) fn put(&mut self, records: Vec<Record>) -> u64 {
        let Some(batches) = &self.batches else { return 0 };
        self.last += 1;
        // The thread ends after this end only.
        let _ = batches.send((self.last, records));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Mac;
    use crate::dhcp::lease::Lease;

    #[test]
    fn everything_is_written_before_it_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::open(&dir.path().join("leases")).unwrap();
        let reports = Reports::new().unwrap();
        let (to, from) = std::sync::mpsc::channel();
        let mut journal = Journal::new(Some(to));
        for n in 0..200u8 {
            let mac = Mac::new([2, 0, 0, 0, 0, n]);
            let lease = Lease { mac, address: [10, 0, 0, n].into(), until: 5, soft: false };
            assert_eq!(journal.put(vec![Record::Lease(lease)]), u64::from(n) + 1);
        }
        drop(journal);
        write(&mut store, &from, &reports);
        let done = reports.take();
        assert_eq!(done.last().map(|done| (done.up_to, done.failed.is_none())), Some((200, true)));
        // All that waited went out together.
        assert_eq!(done.len(), 1);
        assert_eq!(store.records().len(), 200);
        assert!(reports.take().is_empty());
    }
}
