//! Waking a loop, and waiting for several things at once.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

use super::Stop;

/// Wakes a loop that waits for it beside its sockets. Clones wake the same loop. Cheap to call, from any thread.
#[derive(Debug, Clone)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    /// One that nobody has called yet.
    ///
    /// # Errors
    /// When the process has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    /// Wakes the loop; at once, or as soon as it waits.
    pub fn wake(&self) {
        // It fails only when the counter is full, after 2^64 calls, and then the loop is going to wake up anyhow.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }

    /// Forgets that it was called. The loop calls this before it looks at what it was woken for.
    pub fn clear(&self) {
        let _ = rustix::io::read(&*self.0, &mut [0; 8]);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Waits until one of `fds` has what it is waited for, at most until `deadline`; for ever without one. Says whether one
/// has. A signal that comes meanwhile changes nothing, and it never returns too early, so a loop doesn't spin.
///
/// # Errors
/// Those of poll(2), which a descriptor that is open doesn't cause.
pub fn until(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let limit = left.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        });
        match poll(fds, limit.as_ref()) {
            Ok(0) if left.is_none_or(|left| !left.is_zero()) => {}
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Reads what a pipe has, and waits for its first bytes. `None` where one of `stops` was set before.
///
/// # Errors
/// What the system says.
pub fn read_or_stop(pipe: &mut File, buf: &mut [u8], stops: &[&Stop]) -> io::Result<Option<usize>> {
    loop {
        let mut fds = vec![PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)];
        fds.extend(stops.iter().map(|stop| PollFd::new(*stop, PollFlags::IN)));
        until(&mut fds, None)?;
        if fds[1..].iter().any(|stop| !stop.revents().is_empty()) {
            return Ok(None);
        }
        if fds[0].revents().is_empty() {
            continue;
        }
        drop(fds);
        match pipe.read(buf) {
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
            other => return other.map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustix::event::PollFlags;

    use super::*;

    #[test]
    fn a_loop_is_woken_once_for_all_calls_before_it_looks() {
        let waker = Waker::new().unwrap();
        let ready = |limit| {
            let deadline = Instant::now() + Duration::from_millis(limit);
            until(&mut [PollFd::new(&waker, PollFlags::IN)], Some(deadline)).unwrap()
        };
        assert!(!ready(0));
        waker.wake();
        waker.clone().wake();
        assert!(ready(0) && ready(0));
        waker.clear();
        assert!(!ready(5));
        waker.clear();
    }

    #[test]
    fn the_time_is_kept_and_an_hour_that_never_comes_too() {
        let waker = Waker::new().unwrap();
        let start = Instant::now();
        let deadline = start + Duration::from_micros(2500);
        assert!(!until(&mut [PollFd::new(&waker, PollFlags::IN)], Some(deadline)).unwrap());
        assert!(Instant::now() >= deadline);
        waker.wake();
        let far = Instant::now().checked_add(Duration::from_secs(u64::from(u32::MAX)));
        assert!(until(&mut [PollFd::new(&waker, PollFlags::IN)], far).unwrap());
        assert!(until(&mut [PollFd::new(&waker, PollFlags::IN)], None).unwrap());
    }
}
