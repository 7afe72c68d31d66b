//! The server: one thread, one event loop, a socket of its own for each transfer.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::process::{Resource, getrlimit, setrlimit};
use socket2::Socket;

use super::error::Error;
use super::event::Event;
use super::options::Policy;
use super::session::Retry;
use super::source::Source;
use super::work::Loop;
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
    pub(super) pulse: Pulse,
    /// Which of the servers that share a port it is.
    pub(super) number: u64,
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
        Self::on(socket, local, limits, 0)
    }

    fn on(socket: Socket, addr: SocketAddr, limits: Limits, number: u64) -> Result<Self, Error> {
        let waker = Waker::new().map_err(Error::Loop)?;
        Ok(Self { socket, addr, limits, pulse: Pulse::of(waker.clone()), waker, number })
    }

    /// Opens a port for several servers, each of which is to run on a thread of its own. The kernel gives each client
    /// to one of them. The limits are shared out.
    ///
    /// # Errors
    /// As for [`Server::bind`].
    pub fn bind_shared(addr: SocketAddr, limits: Limits, servers: usize) -> Result<Vec<Self>, Error> {
        let servers = servers.max(1);
        // Finds out whether another program has the port: among sockets that share one nobody is refused. The port is
        // free again after.
        let addr = Self::bind(addr, limits)?.addr;
        let share = |all: usize| all.div_ceil(servers);
        // A board asks for several files at once, and the kernel may give them all to one server.
        let per_address = share(limits.per_address).max(8);
        let limits =
            Limits { sessions: share(limits.sessions), memory: share(limits.memory), per_address, ..limits };
        let bind = |source| Error::Bind { addr, source };
        let one = |number| {
            let socket = Socket::from(net::listen_shared(addr).map_err(bind)?);
            Self::on(socket, addr, limits, number)
        };
        (0..servers as u64).map(one).collect()
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
        Self::on(socket, local, limits, 0)
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

    /// Shows whether the thread in [`Server::run`] goes round.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Serves until `stop` is set; then tells every client that it ends. `events` is called on this thread.
    ///
    /// # Errors
    /// Where the operating system refuses what the event loop needs. Nothing that a client sends does that.
    pub fn run(&self, source: &dyn Source, events: &dyn Fn(Event), stop: &Stop) -> Result<(), Error> {
        let _span = tracing::debug_span!("tftp", at = %self.local_addr()).entered();
        tracing::debug!("serves");
        let mut work = Loop::new(self, source, events, stop).map_err(Error::Loop)?;
        work.run().map_err(Error::Loop)
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
