//! Connections, bounded in number and in how long they may do nothing.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, Sleep, sleep};
use tower::Layer;

use super::Origin;
use crate::config::station::Network;

/// Connections in all.
const MOST: usize = 4000;
/// Connections of one address that isn't this host's. A board has two.
const MOST_OF_ONE: usize = 64;
/// How long a connection may have nothing to say in either direction. A board waits for work, and a stream of events
/// is silent, for less.
const IDLE: Duration = Duration::from_secs(90);
/// How long a client may take nothing of what it is sent.
const STUCK: Duration = Duration::from_secs(30);
/// The same of a client that gets something packed onto its disk: a few bytes that stand for gigabytes of zeros keep a
/// card busy, and meanwhile it takes nothing.
const BUSY: Duration = Duration::from_secs(3600);
const LIMITS: Limits = Limits { idle: IDLE, stuck: STUCK, busy: BUSY };

/// Whether the client of a connection may be busy with what it got. Who has the token of a job says so.
#[derive(Debug, Clone, Default)]
pub(in crate::station) struct Patience(Arc<AtomicBool>);

impl Patience {
    /// From here on.
    pub(in crate::station) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_there(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Lets connections in.
#[derive(Debug, Clone, Default)]
pub(in crate::station) struct Guard {
    seats: Arc<Mutex<Seats>>,
    /// Of these each brings many people.
    proxies: Arc<[Network]>,
}

#[derive(Debug, Default)]
struct Seats {
    all: usize,
    of: HashMap<IpAddr, usize>,
}

/// A place that is taken while a connection is there.
#[derive(Debug)]
struct Seat {
    seats: Arc<Mutex<Seats>>,
    of: Option<IpAddr>,
}

impl Guard {
    /// With these proxies in front.
    pub(in crate::station) fn behind(proxies: &[Network]) -> Self {
        Self { proxies: proxies.into(), ..Self::default() }
    }

    /// How many there are.
    pub(in crate::station) fn count(&self) -> usize {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    fn seat(&self, origin: &Origin) -> io::Result<Seat> {
        // A farm of models of boards runs on this host; from elsewhere an address is a board.
        let is_proxy = |ip: IpAddr| self.proxies.iter().any(|network| network.has(ip));
        let of = origin.place().filter(|_| !origin.is_here() && !origin.peer().is_some_and(is_proxy));
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = of.and_then(|of| seats.of.get(&of)).copied().unwrap_or(0);
        if seats.all >= MOST || taken >= MOST_OF_ONE {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        seats.all += 1;
        if let Some(of) = of {
            *seats.of.entry(of).or_default() += 1;
        }
        drop(seats);
        Ok(Seat { seats: Arc::clone(&self.seats), of })
    }

    fn let_in<I, S>(&self, stream: I, service: S, origin: io::Result<Origin>) -> io::Result<Guarded<I, S>> {
        let origin = origin?;
        let seat = self.seat(&origin)?;
        let patience = Patience::default();
        let service = Extension(origin).layer(Extension(patience.clone()).layer(service));
        Ok((Watched::new(stream, seat, LIMITS, patience), service))
    }
}

type Served<S> = AddExtension<AddExtension<S, Patience>, Origin>;
type Guarded<I, S> = (Watched<I>, Served<S>);

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        seats.all = seats.all.saturating_sub(1);
        if let Some(of) = self.of
            && let Some(count) = seats.of.get_mut(&of)
        {
            *count -= 1;
            if *count == 0 {
                seats.of.remove(&of);
            }
        }
    }
}

impl<S> Accept<TcpStream, S> for Guard {
    type Stream = Watched<TcpStream>;
    type Service = Served<S>;
    type Future = Ready<io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let addresses =
            stream.set_nodelay(true).and_then(|()| Ok((stream.peer_addr()?, stream.local_addr()?)));
        let origin = addresses.map(|(from, at)| Origin::Address { from, at: at.ip(), via: None });
        ready(self.let_in(stream, service, origin))
    }
}

impl<S> Accept<UnixStream, S> for Guard {
    type Stream = Watched<UnixStream>;
    type Service = Served<S>;
    type Future = Ready<io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: UnixStream, service: S) -> Self::Future {
        let origin = stream.peer_cred().map(|peer| Origin::Socket { uid: peer.uid() });
        ready(self.let_in(stream, service, origin))
    }
}

/// A connection that ends when nothing moves on it.
#[derive(Debug)]
pub(in crate::station) struct Watched<I> {
    stream: I,
    _seat: Seat,
    limits: Limits,
    idle: Pin<Box<Sleep>>,
    stuck: Pin<Box<Sleep>>,
    is_stuck: bool,
    patience: Patience,
}

/// How long nothing may move.
#[derive(Debug, Clone, Copy)]
struct Limits {
    idle: Duration,
    stuck: Duration,
    busy: Duration,
}

impl Watched<TcpStream> {
    /// The first byte that the client sends; it stays to be read.
    pub(super) async fn first_byte(&self) -> io::Result<u8> {
        let mut first = [0];
        match self.stream.peek(&mut first).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(first[0]),
        }
    }
}

impl<I> Watched<I> {
    fn new(stream: I, seat: Seat, limits: Limits, patience: Patience) -> Self {
        let (idle, stuck) = (Box::pin(sleep(limits.idle)), Box::pin(sleep(limits.stuck)));
        Self { stream, _seat: seat, limits, idle, stuck, is_stuck: false, patience }
    }

    fn moved(&mut self) {
        self.idle.as_mut().reset(Instant::now() + self.limits.idle);
    }

    /// What a write has come to, with the clock of those that wait.
    fn wrote<T>(&mut self, poll: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.is_stuck = false;
            self.moved();
            return poll;
        }
        if !self.is_stuck {
            self.is_stuck = true;
            let limit = if self.patience.is_there() { self.limits.busy } else { self.limits.stuck };
            self.stuck.as_mut().reset(Instant::now() + limit);
        }
        ready!(self.stuck.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(cx, buf) {
            this.moved();
            return Poll::Ready(read);
        }
        loop {
            ready!(this.idle.as_mut().poll(cx));
            if !(this.is_stuck && this.patience.is_there()) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            // How long that may be is counted where it is written.
            this.moved();
        }
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let poll = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.wrote(poll, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let poll = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.wrote(poll, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_has_all_its_places_takes_none_of_others() {
        let guard = Guard::default();
        let at = std::net::Ipv4Addr::LOCALHOST.into();
        let origin = |text: &str| Origin::Address { from: text.parse().unwrap(), at, via: None };
        let mut held: Vec<_> = (0..MOST_OF_ONE).map(|_| guard.seat(&origin("10.0.0.7:1")).unwrap()).collect();
        assert!(guard.seat(&origin("10.0.0.7:2")).is_err());
        assert!(guard.seat(&origin("[::ffff:10.0.0.7]:2")).is_err());
        let other = guard.seat(&origin("10.0.0.8:1")).unwrap();
        assert_eq!(guard.count(), MOST_OF_ONE + 1);
        held.pop();
        held.push(guard.seat(&origin("10.0.0.7:3")).unwrap());
        drop((held, other));
        assert_eq!(guard.count(), 0);
        assert!(guard.seats.lock().unwrap().of.is_empty());
    }

    #[tokio::test]
    async fn a_connection_on_which_nothing_moves_ends() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let guard = Guard::default();
        let seat = || guard.seat(&Origin::Socket { uid: 0 }).unwrap();
        let limits = Limits {
            idle: Duration::from_millis(400),
            stuck: Duration::from_millis(200),
            busy: Duration::from_millis(900),
        };
        let (near, mut far) = tokio::io::duplex(16);
        let mut watched = Watched::new(near, seat(), limits, Patience::default());
        // Something now and then is enough.
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            far.write_all(b"a").await.unwrap();
            assert_eq!(watched.read_u8().await.unwrap(), b'a');
        }
        let began = Instant::now();
        assert_eq!(watched.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= Duration::from_millis(390));
        // A client that takes nothing is given up sooner.
        let (near, _far) = tokio::io::duplex(16);
        let mut watched = Watched::new(
            near,
            seat(),
            Limits { idle: Duration::from_secs(600), ..limits },
            Patience::default(),
        );
        assert_eq!(watched.write_all(&[0; 64]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        // One that is busy with what it got has more time, and not without end; that it says nothing isn't counted then.
        let (near, mut far) = tokio::io::duplex(16);
        let patience = Patience::default();
        patience.begin();
        let (mut hears, mut tells) = tokio::io::split(Watched::new(near, seat(), limits, patience));
        let hearing = tokio::spawn(async move { hears.read_u8().await });
        let telling =
            tokio::spawn(async move { (tells.write_all(&[0; 64]).await, tells.write_all(&[0; 64]).await) });
        tokio::time::sleep(Duration::from_millis(600)).await;
        far.read_exact(&mut [0; 64]).await.unwrap();
        let (first, second) = telling.await.unwrap();
        first.unwrap();
        assert_eq!(second.unwrap_err().kind(), io::ErrorKind::TimedOut);
        hearing.abort();
    }
}
