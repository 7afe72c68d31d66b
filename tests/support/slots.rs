//! Virtual machines are slow where there are more of them than processors, and then every timeout is wrong.

use std::sync::{Condvar, Mutex, PoisonError};

/// How many boards may run at once in one test program. The boards of one test start together, so a test that
/// needs more than there are takes all.
const SLOTS: usize = 2;

static FREE: Mutex<usize> = Mutex::new(SLOTS);
static CHANGED: Condvar = Condvar::new();

/// The right to run some boards, until it is dropped.
pub(crate) struct Slots(usize);

impl Slots {
    /// Waits for room for `boards`.
    pub(crate) fn take(boards: usize) -> Self {
        let wanted = boards.min(SLOTS);
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        while *free < wanted {
            free = CHANGED.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= wanted;
        Self(wanted)
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        *FREE.lock().unwrap_or_else(PoisonError::into_inner) += self.0;
        CHANGED.notify_all();
    }
}
