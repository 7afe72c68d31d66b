//! Looks for the other DHCP servers on the network: at the start, and when a client names one that was never heard. Who
//! answers is heard on the wire like all else that servers say; this only asks, which takes seconds.

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::follower::Follower;
use crate::dhcp::{self, probe};
use crate::stop::{Stop, Waker, until};
use crate::wire::interfaces;

/// So often the network is asked at most: clients can name servers as fast as they like.
const PAUSE: Duration = Duration::from_secs(20);

/// The thread that asks, as others see it.
#[derive(Debug)]
pub(super) struct Scout {
    at_start: bool,
    wanted: AtomicBool,
    wake: Waker,
}

impl Scout {
    /// Nobody was asked yet. `at_start`: it asks before it is told to.
    pub(super) fn new(at_start: bool) -> io::Result<Self> {
        Ok(Self { at_start, wanted: AtomicBool::new(at_start), wake: Waker::new()? })
    }

    /// Has the network looked at soon.
    pub(super) fn look(&self) {
        if !self.wanted.swap(true, Ordering::AcqRel) {
            self.wake.wake();
        }
    }

    /// Asks when it is told to, until `stop` is set.
    pub(super) fn run(&self, follower: &Follower<'_>, stop: &Stop) {
        let mut is_first = self.at_start;
        let mut next = Instant::now();
        while !stop.is_set() {
            self.wake.clear();
            let wanted = self.wanted.load(Ordering::Acquire);
            if wanted && Instant::now() >= next {
                let asked = ask(&follower.interface(), stop);
                if stop.is_set() {
                    return;
                }
                next = Instant::now() + PAUSE;
                // What a client has named meanwhile is looked at with it; what comes from here on wants another look.
                self.wanted.store(false, Ordering::Release);
                // Where it couldn't be asked, nothing is said of whether there is one.
                follower.looked(is_first && asked);
                is_first = false;
                continue;
            }
            let mut fds = [
                PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN),
                PollFd::new(&self.wake, PollFlags::IN),
            ];
            if until(&mut fds, wanted.then_some(next)).is_err() {
                return;
            }
        }
    }
}

/// Whether the question could be asked. The interface may be another one than at the start, or be gone.
fn ask(interface: &str, stop: &Stop) -> bool {
    let found = interfaces::find(interface).map_err(dhcp::Error::from);
    match found.and_then(|interface| probe::servers(&interface, probe::PATIENCE, stop, &|_| false)) {
        Ok(_) => true,
        Err(error) => {
            tracing::debug!("looking for DHCP servers: {}", crate::error::chain(&error));
            false
        }
    }
}
