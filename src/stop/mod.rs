//! Stopping and waiting. One flag that every waiting place listens to ([`Stop`]), one way to wake a loop ([`Waker`]),
//! one to see that it still goes round ([`Pulse`]), and one way to wait for several things with a time ([`until`]).

mod pulse;
mod wake;

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

pub use pulse::Pulse;
pub use wake::{Waker, read_or_stop, until};

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
    /// The flag that it is a child of. Kept, though nobody reads it: what sets a flag far above goes from child to child,
    /// and must find each one between, also when nobody else holds it any more.
    _parent: Option<Arc<Shared>>,
    /// Flags that are set when this one is.
    children: Mutex<Vec<Weak<Shared>>>,
}

impl Stop {
    /// A flag that is not set.
    ///
    /// # Errors
    /// When the process has no file descriptor left.
    pub fn new() -> std::io::Result<Self> {
        Self::below(None)
    }

    fn below(parent: Option<Arc<Shared>>) -> std::io::Result<Self> {
        let shared = Shared { set: Waker::new()?, _parent: parent, children: Mutex::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// A flag of its own that is set when this one is. Setting it leaves this one, and other children, alone: so the
    /// end of one server isn't the end of all.
    ///
    /// # Errors
    /// When the process has no file descriptor left.
    pub fn child(&self) -> std::io::Result<Self> {
        let child = Self::below(Some(Arc::clone(&self.shared)))?;
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
    fn the_end_reaches_a_grandchild_whose_parent_nobody_holds() {
        let parent = Stop::new().unwrap();
        let grandchild = parent.child().unwrap().child().unwrap();
        assert!(!grandchild.is_set());
        parent.set();
        assert!(grandchild.is_set());
        // What nobody holds at all is gone, with those between.
        let parent = Stop::new().unwrap();
        drop(parent.child().unwrap().child().unwrap());
        assert_eq!(Arc::strong_count(&parent.shared), 1);
    }

    #[test]
    fn many_threads_in_any_order_set_what_they_mean_and_no_more() {
        for round in 0..100_u64 {
            let root = Stop::new().unwrap();
            let children: Vec<_> = (0..6).map(|_| root.child().unwrap()).collect();
            let all_end = round % 2 == 0;
            let threads: Vec<_> = (0_u64..)
                .zip(&children)
                .map(|(number, child)| {
                    let (root, child) = (root.clone(), child.clone());
                    std::thread::spawn(move || {
                        let mut random = (round * 6 + number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                        let mut made = Vec::new();
                        for _ in 0..10 {
                            random ^= random << 13;
                            random ^= random >> 7;
                            random ^= random << 17;
                            match random % 3 {
                                0 => made.push(child.child().unwrap().child().unwrap()),
                                1 => drop(root.child().unwrap()),
                                _ => std::thread::yield_now(),
                            }
                        }
                        if number % 3 == 0 {
                            child.set();
                        }
                        if all_end && number == 5 {
                            root.set();
                        }
                        made.push(child.child().unwrap());
                        made
                    })
                })
                .collect();
            let made: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            assert_eq!(root.is_set(), all_end);
            for (number, (child, made)) in children.iter().zip(made).enumerate() {
                let ended = all_end || number % 3 == 0;
                assert_eq!(child.is_set(), ended, "round {round}, child {number}");
                assert!(made.iter().all(|made| made.is_set() == ended), "round {round}, child {number}");
            }
        }
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
