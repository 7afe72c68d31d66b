//! Connections that don't block: each wait has a deadline and listens to a stop flag.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, ipproto,
    netdevice, recv, send, socket_with, sockopt,
};

use super::trust::Pin;
use super::url::Origin;
use crate::stop::{Stop, Waker, until};

/// What went wrong below HTTP.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("interrupted")]
    Stopped,
    #[error("it took too long")]
    Slow(Limit),
    #[error("{0}")]
    Name(String),
    #[error("{0}")]
    Connect(io::Error),
    #[error("{0}")]
    Tls(String),
    #[error("no TLS")]
    NotTls,
    #[error("another certificate")]
    Pin { wanted: Pin, got: Pin },
    /// While something was sent. `answer` is what the server had said before it closed.
    #[error("{source}")]
    Send { source: io::Error, answer: Vec<u8> },
    #[error("{0}")]
    Receive(io::Error),
}

/// Which limit was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Connect,
    /// Nothing went out for so long.
    Write,
    /// Nothing came for so long.
    Read,
    /// The beginning of the answer isn't there.
    Answer,
    Whole,
}

/// Most addresses of one name that are tried.
const ADDRESSES: usize = 8;

/// Waits for a socket. Says whether it is ready.
pub(crate) fn ready(
    fd: &impl AsFd,
    what: PollFlags,
    deadline: Option<Instant>,
    stop: &Stop,
) -> Result<bool, Fault> {
    let mut fds = [PollFd::new(fd, what), PollFd::new(stop, PollFlags::IN)];
    let any = until(&mut fds, deadline).map_err(Fault::Receive)?;
    if !fds[1].revents().is_empty() {
        return Err(Fault::Stopped);
    }
    Ok(any)
}

/// Reads what is there, and waits for the first of it. 0 is the end.
pub(crate) fn read(
    fd: &OwnedFd,
    buf: &mut [u8],
    deadline: Option<Instant>,
    limit: Limit,
    stop: &Stop,
) -> Result<usize, Fault> {
    loop {
        match recv(fd, &mut *buf, RecvFlags::DONTWAIT) {
            Ok((_, len)) => return Ok(len.min(buf.len())),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                if !ready(fd, PollFlags::IN, deadline, stop)? {
                    return Err(Fault::Slow(limit));
                }
            }
            Err(error) => return Err(Fault::Receive(error.into())),
        }
    }
}

/// Bytes that were written, and that the other side hasn't said that it has (tcp(7), `SIOCOUTQ`).
///
/// # Errors
/// What the system says; also what the connection broke with.
#[cfg(feature = "station")]
pub(crate) fn unacknowledged(fd: &OwnedFd) -> std::io::Result<usize> {
    use std::os::fd::AsRawFd as _;
    rustix::net::sockopt::socket_error(fd)??;
    let mut left: libc::c_int = 0;
    // SAFETY: the descriptor is open, and the request writes one int to a place that is one.
    let done = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &raw mut left) };
    if done == -1 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(usize::try_from(left).unwrap_or_default())
}

/// Writes some of it, and waits until there is place for that.
pub(crate) fn write(
    fd: &OwnedFd,
    bytes: &[u8],
    deadline: Option<Instant>,
    limit: Limit,
    stop: &Stop,
) -> Result<usize, Fault> {
    loop {
        match send(fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(len) => return Ok(len),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                if !ready(fd, PollFlags::OUT, deadline, stop)? {
                    return Err(Fault::Slow(limit));
                }
            }
            Err(error) => return Err(Fault::Send { source: error.into(), answer: Vec::new() }),
        }
    }
}

/// A connection to a server: to the first of its addresses that answers.
pub(crate) fn open(
    origin: &Origin,
    may: fn(IpAddr) -> bool,
    deadline: Option<Instant>,
    stop: &Stop,
) -> Result<OwnedFd, Fault> {
    match origin {
        Origin::Unix(path) => {
            let address = SocketAddrUnix::new(path).map_err(|error| Fault::Connect(error.into()))?;
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
                .map_err(|error| Fault::Connect(error.into()))?;
            loop {
                match connect(&fd, &address) {
                    Ok(()) => return Ok(fd),
                    Err(Errno::INTR) => {}
                    // The server's queue is full, and poll(2) doesn't tell when it isn't: unix(7).
                    Err(Errno::AGAIN) => {
                        let next = Instant::now() + Duration::from_millis(20);
                        if deadline.is_some_and(|deadline| next > deadline) {
                            return Err(Fault::Slow(Limit::Connect));
                        }
                        if stop.wait(Duration::from_millis(20)) {
                            return Err(Fault::Stopped);
                        }
                    }
                    Err(error) => return Err(Fault::Connect(error.into())),
                }
            }
        }
        Origin::Tcp { host, zone, port, .. } => {
            let mut addresses = addresses(host, zone.as_deref(), *port, deadline, stop)?;
            if let Some(first) = addresses.first().copied() {
                addresses.retain(|address| may(address.ip()));
                if addresses.is_empty() {
                    let why = format!("{} isn't to be asked from here", first.ip());
                    return Err(Fault::Connect(io::Error::new(io::ErrorKind::PermissionDenied, why)));
                }
            }
            let mut last = None;
            for (number, address) in addresses.iter().enumerate() {
                // The first of them may be one that nothing answers: the others get their share of the time.
                let now = Instant::now();
                let others = u32::try_from(addresses.len() - number).unwrap_or(1);
                let share = deadline.map(|deadline| now + deadline.saturating_duration_since(now) / others);
                match to(*address, share, stop) {
                    Ok(fd) => return Ok(fd),
                    Err(Fault::Stopped) => return Err(Fault::Stopped),
                    Err(fault) => last = Some(fault),
                }
            }
            Err(last.unwrap_or_else(|| Fault::Name("it has no address".to_owned())))
        }
    }
}

/// A connection to an address.
pub(crate) fn to(address: SocketAddr, deadline: Option<Instant>, stop: &Stop) -> Result<OwnedFd, Fault> {
    let failed = |error: Errno| Fault::Connect(error.into());
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP)).map_err(failed)?;
    // Requests are small and wait for their answers.
    sockopt::set_tcp_nodelay(&fd, true).map_err(failed)?;
    match connect(&fd, &address) {
        Ok(()) => return Ok(fd),
        Err(Errno::INPROGRESS | Errno::INTR) => {}
        Err(error) => return Err(failed(error)),
    }
    if !ready(&fd, PollFlags::OUT, deadline, stop)? {
        return Err(Fault::Slow(Limit::Connect));
    }
    sockopt::socket_error(&fd).map_err(failed)?.map_err(failed)?;
    Ok(fd)
}

/// The addresses of a server. The system is asked on a thread of its own, because it can't be told to end.
fn addresses(
    host: &str,
    zone: Option<&str>,
    port: u16,
    deadline: Option<Instant>,
    stop: &Stop,
) -> Result<Vec<SocketAddr>, Fault> {
    if let Ok(ip) = host.parse() {
        return match (SocketAddr::new(ip, port), zone) {
            (SocketAddr::V6(address), Some(zone)) => {
                Ok(vec![SocketAddrV6::new(*address.ip(), port, 0, scope(zone)?).into()])
            }
            (address, _) => Ok(vec![address]),
        };
    }
    let done = Waker::new().map_err(Fault::Connect)?;
    let (sender, found) = mpsc::channel();
    let (name, wake) = ((host.to_owned(), port), done.clone());
    std::thread::Builder::new()
        .name("name".to_owned())
        .spawn(move || {
            let found = name.to_socket_addrs().map(|all| all.take(ADDRESSES).collect::<Vec<_>>());
            // Nobody may wait any more.
            let _ = sender.send(found);
            wake.wake();
        })
        .map_err(Fault::Connect)?;
    if !ready(&done, PollFlags::IN, deadline, stop)? {
        return Err(Fault::Slow(Limit::Connect));
    }
    match found.recv() {
        Ok(Ok(all)) => Ok(all),
        Ok(Err(error)) => Err(Fault::Name(error.to_string())),
        Err(_) => Err(Fault::Name("it couldn't be looked for".to_owned())),
    }
}

/// The number of an interface.
fn scope(zone: &str) -> Result<u32, Fault> {
    if let Ok(number) = zone.parse() {
        return Ok(number);
    }
    let failed = |error: Errno| Fault::Name(format!("no interface {zone}: {}", io::Error::from(error)));
    let any =
        socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None).map_err(failed)?;
    netdevice::name_to_index(&any, zone).map_err(failed)
}

/// Whether a connection that nothing is waited for on can be used again: nothing came, not even its end.
pub(crate) fn quiet(fd: &OwnedFd) -> bool {
    let mut byte = [0; 1];
    recv(fd, &mut byte[..], RecvFlags::DONTWAIT | RecvFlags::PEEK).is_err_and(|error| error == Errno::AGAIN)
}
