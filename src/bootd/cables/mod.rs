//! Boards that come by a USB cable alone: their agent shows itself as a USB Ethernet gadget, and this host's end of the cable
//! gets the IPv6 link-local address at which the board looks for its station ([`crate::board::cable`]). Nothing else of the
//! host's network is touched.
//!
//! - `book`: which ends are served; pure.
//! - `seen`: what sysfs says of an interface.

mod book;
mod event;
mod seen;

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use crate::board::Ports;
use crate::stop::{Stop, until};
use crate::wire::interfaces::Follow;
use crate::wire::link_local::LinkLocal;
use book::{Book, End};
use event::Word;
pub use event::{Event, What, Why};

/// How often it is looked whether each end has its address still: programs that look after interfaces take it away.
const LOOK: Duration = Duration::from_secs(2);

/// What serves boards at their cables.
#[derive(Debug)]
pub struct Cables {
    follow: Follow,
    hand: LinkLocal,
    book: Book,
    sys: PathBuf,
    /// What the kernel said last of each end whose address it refused.
    refused: BTreeMap<u32, String>,
}

impl Cables {
    /// Opens it in this thread's network namespace. Only boards at these USB ports are served; with none named, all.
    ///
    /// # Errors
    /// Where the kernel doesn't tell of its interfaces.
    pub fn open(ports: Vec<Ports>) -> std::io::Result<Self> {
        Ok(Self {
            follow: Follow::new()?,
            hand: LinkLocal::open()?,
            book: Book::new(ports),
            sys: Path::new("/sys").to_owned(),
            refused: BTreeMap::new(),
        })
    }

    /// Serves until `stop` is set. `tell` is called on this thread.
    ///
    /// # Errors
    /// Where the kernel doesn't tell of its interfaces any more.
    pub fn run(mut self, tell: &dyn Fn(&Event), stop: &Stop) -> std::io::Result<()> {
        while !stop.is_set() {
            self.look(tell);
            let next = Instant::now() + LOOK;
            while !stop.is_set() && Instant::now() < next {
                let mut fds = [
                    PollFd::from_borrowed_fd(self.follow.as_fd(), PollFlags::IN),
                    PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN),
                ];
                until(&mut fds, Some(next))?;
                if self.follow.take()? {
                    break;
                }
            }
        }
        Ok(())
    }

    fn look(&mut self, tell: &dyn Fn(&Event)) {
        let ends = self.follow.all().iter().filter_map(|one| seen::end(&self.sys, one)).collect();
        let mut came: Vec<u32> = Vec::new();
        for word in self.book.look(ends) {
            match word {
                // Told when it has its address.
                Word::Came(end) => came.push(end.index),
                Word::Gone(end) => {
                    self.refused.remove(&end.index);
                    tell(&Event::now(&end, What::Gone));
                }
                Word::Refused(end, why) => tell(&Event::now(&end, What::Refused { why })),
            }
        }
        let served: Vec<End> = self.book.served().cloned().collect();
        for end in served {
            let address = end.cable.host();
            match self.hand.give(end.index, address) {
                Ok(()) => {
                    if came.contains(&end.index) || self.refused.remove(&end.index).is_some() {
                        tell(&Event::now(&end, What::Linked { address }));
                    }
                }
                // It has gone just now.
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENXIO)) => {}
                Err(error) => {
                    let why = error.to_string();
                    if self.refused.get(&end.index) != Some(&why) {
                        let no_ipv6 = error.kind() == std::io::ErrorKind::PermissionDenied;
                        self.refused.insert(end.index, why.clone());
                        tell(&Event::now(&end, What::Refused { why: Why::Refused { why, no_ipv6 } }));
                    }
                }
            }
        }
    }
}
