//! Boards that come by a USB cable alone: their agent shows itself as a USB Ethernet gadget, and this host's end of the cable
//! gets the IPv6 link-local address at which the board looks for its station ([`crate::board::cable`]). Nothing else of the
//! host's network is touched.
//!
//! - `book`: which ends are served; pure.
//! - `seen`: what sysfs says of an interface.

mod book;
mod event;
mod seen;

use std::collections::{BTreeMap, BTreeSet};
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
    /// Those that were told to be linked.
    linked: BTreeSet<u32>,
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
            linked: BTreeSet::new(),
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
        for word in self.book.look(ends) {
            match word {
                // Told when it has its address.
                Word::Came(_) => {}
                Word::Gone(end) => {
                    self.linked.remove(&end.index);
                    self.refused.remove(&end.index);
                    tell(&Event::now(&end, What::Gone));
                }
                Word::Refused(end, why) => tell(&Event::now(&end, What::Refused { why })),
            }
        }
        let served: Vec<End> = self.book.served().cloned().collect();
        for end in served {
            let address = end.cable.host();
            match deaf(&end.name).and_then(|()| self.hand.give(end.index, address)) {
                Ok(()) => {
                    self.refused.remove(&end.index);
                    if self.linked.insert(end.index) {
                        tell(&Event::now(&end, What::Linked { address }));
                    }
                }
                // It has gone just now, or has another name: the next look knows.
                Err(error)
                    if matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENXIO | libc::ENOENT)) => {}
                Err(error) => {
                    let why = error.to_string();
                    self.linked.remove(&end.index);
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

/// No board may change this host's routes and addresses: what it advertises as a router is not listened to
/// (Linux' Documentation/networking/ip-sysctl.rst, `accept_ra`).
fn deaf(interface: &str) -> std::io::Result<()> {
    let all = Path::new("/proc/sys/net/ipv6/conf");
    let setting = all.join(interface).join("accept_ra");
    match std::fs::read_to_string(&setting) {
        Ok(text) if text.trim() == "0" => return Ok(()),
        Err(_) if !all.exists() => {
            return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, "there is no IPv6"));
        }
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    std::fs::write(&setting, "0").map_err(|error| {
        let named = || std::io::Error::new(error.kind(), format!("{}: {error}", setting.display()));
        if error.kind() == std::io::ErrorKind::NotFound { error } else { named() }
    })
}
