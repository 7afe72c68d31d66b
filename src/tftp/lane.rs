//! A thread of the server. It waits for what comes to its own sockets, takes it, works on what all threads share for as
//! long as it takes to decide the answers, and sends them.
//!
//! Each thread has the sockets of one processor, but isn't bound to it: where one processor takes everything from the
//! network, as with most network cards of small machines, a thread that may run nowhere else leaves the others idle
//! (measured: 200 boards got three quarters of the rate). The first one also looks after the time, the end, and sockets
//! that only one transfer uses.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::thread::{CpuSet, sched_getaffinity};

use super::batch::Inbox;
use super::net;
use super::outs::Outs;
use super::packet::MAX_REQUEST;
use super::ports::TOKEN as PORT;
use super::server::Server;
use super::work::Work;
use crate::stop::{Pulse, Stop, Waker};

const LISTEN: u64 = u64::MAX;
const STOP: u64 = u64::MAX - 1;
const WAKE: u64 = u64::MAX - 2;
const TIMER: u64 = u64::MAX - 3;
const QUIT: u64 = u64::MAX - 4;
const PULSE: u64 = u64::MAX - 5;

const NO_TIME: rustix::event::Timespec = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
/// More threads would wait for each other.
const MOST_LANES: usize = 4;
/// Requests that are taken before transfers get their turn, so that a flood can't starve them.
const MOST_REQUESTS: usize = 64;
/// Batches that are taken from a port before others get their turn.
const MOST_BATCHES: usize = 4;

/// The processors that threads of the server are for: those that this process may use, as many as are of use.
pub(super) fn processors() -> Vec<Option<usize>> {
    let Ok(here) = sched_getaffinity(None) else { return vec![None] };
    let mut all: Vec<_> =
        (0..CpuSet::MAX_CPU).filter(|cpu| here.is_set(*cpu)).map(Some).take(MOST_LANES).collect();
    if all.is_empty() {
        all.push(None);
    }
    all
}

pub(super) struct Lane<'a> {
    server: &'a Server,
    work: &'a Mutex<Work<'a>>,
    pulse: Pulse,
    epoll: Arc<OwnedFd>,
    outs: Outs,
    inbox: Inbox,
    /// Shared ports at which more has arrived than was taken.
    unread: Vec<u64>,
    quit: &'a Waker,
}

impl<'a> Lane<'a> {
    /// The thread with this number, which waits by `epoll`. It ends when `quit` is called.
    pub(super) fn new(
        number: usize,
        server: &'a Server,
        work: &'a Mutex<Work<'a>>,
        epoll: Arc<OwnedFd>,
        quit: &'a Waker,
    ) -> io::Result<Self> {
        let alone = EventFlags::IN | EventFlags::EXCLUSIVE;
        epoll::add(&*epoll, &server.socket, EventData::new_u64(LISTEN), alone)?;
        epoll::add(&*epoll, quit, EventData::new_u64(QUIT), EventFlags::IN)?;
        let pulse = server.pulses[number].clone();
        // The first one's is its waker.
        if number > 0 {
            epoll::add(&*epoll, &pulse, EventData::new_u64(PULSE), EventFlags::IN)?;
        }
        let outs = Outs::new(number, Arc::clone(&epoll));
        Ok(Self { server, work, pulse, epoll, outs, inbox: Inbox::new(), unread: Vec::new(), quit })
    }

    /// Makes it the one that looks after the time and the end.
    pub(super) fn lead(&mut self, stop: &Stop) -> io::Result<()> {
        let timer = self.lock().timer();
        epoll::add(&*self.epoll, stop, EventData::new_u64(STOP), EventFlags::IN)?;
        epoll::add(&*self.epoll, &self.server.waker, EventData::new_u64(WAKE), EventFlags::IN)?;
        epoll::add(&*self.epoll, &*timer, EventData::new_u64(TIMER), EventFlags::IN).map_err(io::Error::from)
    }

    fn lock(&self) -> MutexGuard<'a, Work<'a>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves until the end; takes the other threads along.
    pub(super) fn run(mut self) -> io::Result<()> {
        let quit = self.quit;
        let done = self.go_round();
        quit.wake();
        done
    }

    fn go_round(&mut self) -> io::Result<()> {
        let mut ready: Vec<epoll::Event> = Vec::with_capacity(256);
        loop {
            ready.clear();
            let at_once = (!self.unread.is_empty()).then_some(&NO_TIME);
            match epoll::wait(&*self.epoll, rustix::buffer::spare_capacity(&mut ready), at_once) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            }
            self.pulse.beat();
            let now = Instant::now();
            for id in std::mem::take(&mut self.unread) {
                self.on_port(id, EventFlags::IN, now);
            }
            for event in &ready {
                match event.data.u64() {
                    QUIT => return Ok(()),
                    STOP => {
                        self.lock().stop(now, &mut self.outs);
                        self.outs.flush();
                        return Ok(());
                    }
                    LISTEN => self.on_requests(now),
                    WAKE => {
                        self.server.waker.clear();
                        self.lock().on_wake(now, &mut self.outs);
                    }
                    PULSE => self.pulse.clear(),
                    TIMER => self.lock().on_timer(now, &mut self.outs),
                    token if token & PORT != 0 => self.on_port(token & !PORT, event.flags, now),
                    token => self.lock().on_transfer(token, event.flags, now, &mut self.outs),
                }
            }
            self.outs.flush();
            let troubles = self.outs.troubles();
            let mut work = self.lock();
            work.on_troubles(troubles, now);
            work.tick_while_needed()?;
        }
    }

    /// Takes the requests that have arrived.
    fn on_requests(&mut self, now: Instant) {
        for _ in 0..MOST_REQUESTS {
            let mut buf = [MaybeUninit::<u8>::uninit(); MAX_REQUEST + 1];
            let arrival = match net::receive(&self.server.socket, &mut buf) {
                Ok(arrival) => arrival,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An ICMP error for something that was sent, or the like: the next packet may be fine.
                Err(_) => continue,
            };
            // SAFETY: the kernel has written that many bytes of the buffer.
            let bytes =
                unsafe { std::slice::from_raw_parts(buf.as_ptr().cast::<u8>(), arrival.len.min(buf.len())) };
            if !arrival.broadcast {
                self.lock().on_packet(bytes, &arrival, now, &mut self.outs);
            }
        }
    }

    /// Takes what has arrived at a shared port, and answers it.
    fn on_port(&mut self, id: u64, flags: EventFlags, now: Instant) {
        if flags.contains(EventFlags::OUT) {
            self.outs.unblock(id);
        }
        let Some((port, most)) = self.lock().port(id) else { return };
        if flags.contains(EventFlags::ERR) {
            self.outs.hear(&port);
        }
        for batch in 1.. {
            let count = match self.inbox.receive(self.outs.socket(&port), most) {
                Ok(count) => count,
                Err(Errno::AGAIN) => break,
                // What the network says of a packet that was sent is told by the next call, whatever that is for.
                Err(_) if batch < MOST_BATCHES => {
                    self.outs.hear(&port);
                    continue;
                }
                Err(_) => most,
            };
            self.work.lock().unwrap_or_else(PoisonError::into_inner).on_shared(
                &port,
                &self.inbox,
                now,
                &mut self.outs,
            );
            self.outs.flush();
            if count < most {
                break;
            }
            if batch >= MOST_BATCHES {
                // epoll tells only of what comes from now on.
                self.unread.push(id);
                break;
            }
        }
    }
}
