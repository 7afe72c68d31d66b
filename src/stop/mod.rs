//! Stopping and waiting. One flag that every waiting place listens to ([`Stop`]), one way to wake a loop ([`Waker`]),
//! and one way to wait for several things with a time ([`until`]).

mod wake;

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

pub use wake::{Waker, until};

/// A shared flag: set once, never cleared. Clones are the same flag.
///
/// It is an eventfd, so an event loop can poll it beside its sockets, and a place that would sleep waits on it instead.
#[derive(Debug, Clone)]
pub struct Stop {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    set: Waker,
    /// Flags that are set when this one is.
    children: Mutex<Vec<Weak<Shared>>>,
}

impl Stop {
    /// A flag that is not set.
    ///
    /// # Errors
    /// When the process has no file descriptor left.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { shared: Arc::new(Shared { set: Waker::new()?, children: Mutex::default() }) })
    }

    /// A flag of its own that is set when this one is. Setting it leaves this one, and other children, alone: so the
    /// end of one server isn't the end of all.
    ///
    /// # Errors
    /// When the process has no file descriptor left.
    pub fn child(&self) -> std::io::Result<Self> {
        let child = Self::new()?;
        let mut children = self.shared.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.retain(|child| child.strong_count() > 0);
        children.push(Arc::downgrade(&child.shared));
        // A thread that sets this flag does so before it looks at the children: either that sees the child, or this
        // sees it.
        if self.is_set() {
            child.set();
        }
        Ok(child)
    }

    /// Sets the flag and those of its children, and wakes every thread that waits. Safe to call again.
    pub fn set(&self) {
        self.shared.set.wake();
        let children =
            std::mem::take(&mut *self.shared.children.lock().unwrap_or_else(PoisonError::into_inner));
        for shared in children.iter().filter_map(Weak::upgrade) {
            Self { shared }.set();
        }
    }

    /// Whether it has been set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.wait(Duration::ZERO)
    }

    /// Waits until the flag is set, at most for `limit`. Says whether it is set.
    #[must_use]
    pub fn wait(&self, limit: Duration) -> bool {
        // The eventfd is never read, so once set it stays readable.
        let mut fds = [PollFd::new(&self.shared.set, PollFlags::IN)];
        until(&mut fds, Instant::now().checked_add(limit)).unwrap_or(false)
    }
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.set.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_flag_wakes_and_stays_set() {
        let stop = Stop::new().unwrap();
        assert!(!stop.is_set());
        assert!(!stop.wait(Duration::from_millis(5)));
        let other = stop.clone();
        let waiter = std::thread::spawn(move || other.wait(Duration::from_secs(20)));
        let start = Instant::now();
        stop.set();
        assert!(waiter.join().unwrap());
        assert!(start.elapsed() < Duration::from_secs(10));
        assert!(stop.is_set() && stop.is_set());
    }

    #[test]
    fn a_childs_end_is_its_own_and_the_parents_is_everybodys() {
        let parent = Stop::new().unwrap();
        let (one, other) = (parent.child().unwrap(), parent.child().unwrap());
        let grandchild = one.child().unwrap();
        one.set();
        assert!(one.is_set() && grandchild.is_set() && !parent.is_set() && !other.is_set());
        let waiter = std::thread::spawn({
            let other = other.clone();
            move || other.wait(Duration::from_secs(20))
        });
        parent.set();
        assert!(waiter.join().unwrap() && parent.is_set());
        assert!(parent.child().unwrap().is_set(), "one that comes late is set at once");
    }

    #[test]
    fn no_child_misses_the_end_and_none_is_remembered_for_ever() {
        for _ in 0..200 {
            let parent = Stop::new().unwrap();
            let children: Vec<_> = (0..4)
                .map(|_| {
                    let parent = parent.clone();
                    std::thread::spawn(move || (0..8).map(|_| parent.child().unwrap()).collect::<Vec<_>>())
                })
                .collect();
            parent.set();
            assert!(children.into_iter().flat_map(|made| made.join().unwrap()).all(|child| child.is_set()));
        }
        let parent = Stop::new().unwrap();
        for _ in 0..1000 {
            drop(parent.child().unwrap());
        }
        assert!(parent.shared.children.lock().unwrap().len() <= 1);
    }
}
