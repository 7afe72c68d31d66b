//! The server: its port, its limits, and its threads.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::thread::Builder;

use rustix::event::epoll;
use rustix::process::{Resource, getrlimit, setrlimit};
use socket2::Socket;

use super::error::Error;
use super::event::Event;
use super::lane::{self, Lane};
use super::options::Policy;
use super::session::Retry;
use super::source::Source;
use super::work::Work;
use super::{holder, net};
use crate::stop::{Pulse, Stop, Waker};

/// What a server allows.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Transfers at once, including requests that wait for an [`Answer::Later`](super::source::Answer::Later). A request above it is left
    /// unanswered, so that the client asks again.
    ///
    /// When they are all taken, one that its client hasn't acknowledged yet ends for a new one: of the address that has
    /// most, the one that waits longest.
    pub sessions: usize,
    /// Of these, at most so many of one address, behind which there may be many boards.
    pub per_address: usize,
    /// Bytes of memory for the content of all transfers at once. As with `sessions`, what doesn't fit waits.
    pub memory: usize,
    /// Bytes that one upload may have.
    pub upload: u64,
    /// Bounds of the options.
    pub policy: Policy,
    /// When to repeat and when to give up.
    pub retry: Retry,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 512,
            per_address: 64,
            memory: 48 << 20,
            upload: 64 << 20,
            policy: Policy::default(),
            retry: Retry::default(),
        }
    }
}

/// A TFTP server with its port open.
#[derive(Debug)]
pub struct Server {
    pub(super) socket: Socket,
    pub(super) addr: SocketAddr,
    pub(super) limits: Limits,
    pub(super) waker: Waker,
    /// Its requests are numbered from here on.
    pub(super) first_id: u64,
    /// The processors that it has a thread for.
    pub(super) cpus: Vec<Option<usize>>,
    /// Of its threads.
    pub(super) pulses: Vec<Pulse>,
}

impl Server {
    /// Opens the port. Requests that come before [`Server::run`] wait in the kernel. Raises the process' limit of open
    /// files where the transfers may need more, as far as that is allowed.
    ///
    /// # Errors
    /// [`Error::InUse`] names the process that has the port, as far as it can be seen.
    pub fn bind(addr: SocketAddr, limits: Limits) -> Result<Self, Error> {
        let bind = |source| Error::Bind { addr, source };
        let fd = net::listen(addr).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => Error::InUse { addr, holder: holder::of_udp(addr) },
            io::ErrorKind::PermissionDenied => Error::Privileged { addr },
            io::ErrorKind::AddrNotAvailable => Error::NotHere { addr },
            _ => bind(source),
        })?;
        allow_files(limits.sessions);
        let socket = Socket::from(fd);
        let local = socket.local_addr().map_err(bind)?.as_socket().unwrap_or(addr);
        Self::on(socket, local, limits)
    }

    fn on(socket: Socket, addr: SocketAddr, limits: Limits) -> Result<Self, Error> {
        let (waker, cpus) = (Waker::new().map_err(Error::Loop)?, lane::processors());
        let mut pulses = vec![Pulse::of(waker.clone())];
        for _ in 1..cpus.len() {
            pulses.push(Pulse::new().map_err(Error::Loop)?);
        }
        Ok(Self { socket, addr, limits, waker, first_id: 0, cpus, pulses })
    }

    /// Serves on a UDP socket that another program has opened and bound, such as systemd. `addr` is what it should be
    /// bound to, for messages.
    ///
    /// # Errors
    /// [`Error::Bind`] where it is no UDP socket.
    pub fn from_socket(socket: OwnedFd, addr: SocketAddr, limits: Limits) -> Result<Self, Error> {
        let bind = |source| Error::Bind { addr, source };
        net::adopt(&socket, addr).map_err(bind)?;
        allow_files(limits.sessions);
        let socket = Socket::from(socket);
        let local = socket.local_addr().map_err(bind)?.as_socket().unwrap_or(addr);
        Self::on(socket, local, limits)
    }

    /// One of several servers that share a source: its requests have other numbers than those of the others, of which none
    /// has the same `number`.
    #[must_use]
    pub fn one_of_several(self, number: u16) -> Self {
        Self { first_id: u64::from(number) << 48, ..self }
    }

    /// The address that it listens on, with the port that was chosen where 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// A handle that makes the server ask its source again.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Show whether the threads in [`Server::run`] go round.
    #[must_use]
    pub fn pulses(&self) -> &[Pulse] {
        &self.pulses
    }

    /// Serves until `stop` is set; then tells every client that it ends. It has a thread for each processor, up to four;
    /// `events` is called on one of them at a time.
    ///
    /// # Errors
    /// Where the operating system refuses what the event loop needs. Nothing that a client sends does that.
    pub fn run(
        &self,
        source: &dyn Source,
        events: &(dyn Fn(Event) + Sync),
        stop: &Stop,
    ) -> Result<(), Error> {
        let _span = tracing::debug_span!("tftp", at = %self.local_addr()).entered();
        tracing::debug!("serves");
        self.serve(source, events, stop).map_err(Error::Loop)
    }

    fn serve(&self, source: &dyn Source, events: &(dyn Fn(Event) + Sync), stop: &Stop) -> io::Result<()> {
        let epolls = self.cpus.iter().map(|_| Ok(Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC)?)));
        let epolls = epolls.collect::<io::Result<Vec<_>>>()?;
        let work = Mutex::new(Work::new(self, source, events, &epolls)?);
        let quit = Waker::new()?;
        let lanes = epolls.iter().enumerate().map(|(number, epoll)| {
            let mut lane = Lane::new(number, self, &work, Arc::clone(epoll), &quit)?;
            if number == 0 {
                lane.lead(stop)?;
            }
            Ok(lane)
        });
        let lanes = lanes.collect::<io::Result<Vec<_>>>()?;
        std::thread::scope(|scope| {
            let mut threads = Vec::new();
            let mut ended = Vec::new();
            for (lane, number) in lanes.into_iter().zip(1..) {
                let named = Builder::new().name(format!("tftp-{number}"));
                match named.spawn_scoped(scope, move || lane.run()) {
                    Ok(thread) => threads.push(thread),
                    Err(error) => {
                        quit.wake();
                        ended.push(Err(error));
                    }
                }
            }
            // All of them have ended before the first failure is told.
            for thread in threads {
                ended.push(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            ended.into_iter().collect()
        })
    }
}

/// Lets the process open two files for each transfer, its socket and its content, and some for all else. The usual
/// limit of 1024 is reached by 500 transfers.
fn allow_files(sessions: usize) {
    let needed = sessions as u64 * 2 + 256;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        limit.current = Some(limit.maximum.map_or(needed, |most| most.min(needed)));
        // Where it isn't allowed, the request that meets the limit says so.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
