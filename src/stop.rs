//! One flag that every waiting place listens to. It is an eventfd, so an event loop can poll it
//! beside its sockets, and a place that would sleep waits on it instead.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// A shared flag: set once, never cleared. Clones are the same flag.
#[derive(Debug, Clone)]
pub struct Stop {
    fd: Arc<OwnedFd>,
}

impl Stop {
    /// A flag that is not set.
    ///
    /// # Errors
    /// When the process has no file descriptor left.
    pub fn new() -> std::io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { fd: Arc::new(fd) })
    }

    /// Sets the flag and wakes everybody who waits. Safe to call again.
    pub fn set(&self) {
        // The counter can't overflow before 2^64 calls; there is nothing to do about an error.
        let _ = rustix::io::write(&*self.fd, &1u64.to_ne_bytes());
    }

    /// Whether it has been set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.wait(Duration::ZERO)
    }

    /// Waits until the flag is set, at most for `limit`. Says whether it is set.
    #[must_use]
    pub fn wait(&self, limit: Duration) -> bool {
        let deadline = std::time::Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            let left = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            };
            // The eventfd is never read, so once set it stays readable.
            match poll(&mut [PollFd::new(&*self.fd, PollFlags::IN)], Some(&left)) {
                Ok(0) => return false,
                Ok(_) => return true,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

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
}
