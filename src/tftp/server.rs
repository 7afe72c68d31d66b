//! The server: one thread, one event loop, a socket of its own for each transfer.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use socket2::Socket;

use super::error::Error;
use super::event::{Event, What, printable};
use super::options::{Agreed, Policy, Wanted};
use super::packet::{self, Code, Direction, MAX_REQUEST, Mode, Packet};
use super::readahead::{self, ReadAhead};
use super::session::{Receiver, Retry, Sender};
use super::source::{Answer, Refusal, Request, Source, Waker};
use super::transfer::{Flow, Role, Transfer};
use super::{holder, net};
use crate::stop::Stop;

/// What a server allows.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Transfers at once, including requests that wait for an [`Answer::Later`]. A request above it is left
    /// unanswered, so that the client asks again.
    pub sessions: usize,
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
            memory: 48 << 20,
            upload: 64 << 20,
            policy: Policy::default(),
            retry: Retry::default(),
        }
    }
}

/// How often timers are looked at, and requests and content that weren't there are asked for again.
const TICK: Duration = Duration::from_millis(50);
/// A request that waits for its answer is dropped when its client hasn't repeated it for so long.
const PATIENCE: Duration = Duration::from_secs(20);
/// A client that starts again from the same port is believed when it was silent for so long before.
const RESTART: Duration = Duration::from_secs(1);
/// Malformed packets and crowded-out requests that are told in each second; the others are only counted.
const TOLD_A_SECOND: u32 = 10;

const LISTEN: u64 = u64::MAX;
const STOP: u64 = u64::MAX - 1;
const WAKE: u64 = u64::MAX - 2;
const TIMER: u64 = u64::MAX - 3;

/// A TFTP server with its port open.
#[derive(Debug)]
pub struct Server {
    socket: Socket,
    addr: SocketAddr,
    limits: Limits,
    waker: Waker,
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
        Ok(Self { socket, addr: local, limits, waker: Waker::new().map_err(Error::Loop)? })
    }

    /// Serves on a UDP socket that somebody else has opened and bound, such as systemd. `addr` is what it should be
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
        Ok(Self { socket, addr: local, limits, waker: Waker::new().map_err(Error::Loop)? })
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

    /// Serves until `stop` is set; then tells every client that it ends. `events` is called on this thread.
    ///
    /// # Errors
    /// Where the operating system refuses what the event loop needs. Nothing that a client sends does that.
    pub fn run(&self, source: &dyn Source, events: &dyn Fn(Event), stop: &Stop) -> Result<(), Error> {
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

/// A request that the source couldn't answer yet.
struct Pending {
    id: u64,
    peer: SocketAddr,
    local: Option<IpAddr>,
    request: Box<[u8]>,
    heard: Instant,
    started: Instant,
}

struct Slot {
    generation: u32,
    transfer: Option<Box<Transfer>>,
}

/// Keeps a flood of bad packets from becoming a flood of events.
#[derive(Default)]
struct Rate {
    second: u64,
    told: u32,
}

impl Rate {
    fn allows(&mut self, since_start: Duration) -> bool {
        if since_start.as_secs() != self.second {
            *self = Self { second: since_start.as_secs(), told: 0 };
        }
        self.told += 1;
        self.told <= TOLD_A_SECOND
    }
}

struct Loop<'a> {
    server: &'a Server,
    source: &'a dyn Source,
    events: &'a dyn Fn(Event),
    epoll: OwnedFd,
    timer: OwnedFd,
    ticking: bool,
    slots: Vec<Slot>,
    free: Vec<usize>,
    by_peer: HashMap<SocketAddr, usize>,
    pending: Vec<Pending>,
    scratch: Vec<u8>,
    last_id: u64,
    memory: usize,
    begun: Instant,
    malformed: Rate,
    crowded: Rate,
}

impl<'a> Loop<'a> {
    fn new(
        server: &'a Server,
        source: &'a dyn Source,
        events: &'a dyn Fn(Event),
        stop: &Stop,
    ) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let timer = rustix::time::timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )?;
        epoll::add(&epoll, &server.socket, EventData::new_u64(LISTEN), EventFlags::IN)?;
        epoll::add(&epoll, stop, EventData::new_u64(STOP), EventFlags::IN)?;
        epoll::add(&epoll, &server.waker, EventData::new_u64(WAKE), EventFlags::IN)?;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN)?;
        Ok(Self {
            server,
            source,
            events,
            epoll,
            timer,
            ticking: false,
            slots: Vec::new(),
            free: Vec::new(),
            by_peer: HashMap::new(),
            pending: Vec::new(),
            scratch: vec![0; 1 << 16],
            last_id: 0,
            memory: 0,
            begun: Instant::now(),
            malformed: Rate::default(),
            crowded: Rate::default(),
        })
    }

    fn run(&mut self) -> io::Result<()> {
        let mut ready: Vec<epoll::Event> = Vec::with_capacity(256);
        loop {
            ready.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut ready), None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            }
            let now = Instant::now();
            for event in &ready {
                match event.data.u64() {
                    STOP => {
                        self.stop(now);
                        return Ok(());
                    }
                    LISTEN => self.on_requests(now),
                    WAKE => {
                        self.server.waker.clear();
                        self.ask_again(now);
                        self.sweep(now);
                    }
                    TIMER => {
                        let _ = rustix::io::read(&self.timer, &mut [0; 8]);
                        self.ask_again(now);
                        self.sweep(now);
                    }
                    token => self.on_transfer(token, event.flags, now),
                }
            }
            self.tick_while_needed()?;
        }
    }

    /// The timer ticks only while there is something to look after: an idle server sleeps.
    fn tick_while_needed(&mut self) -> io::Result<()> {
        let needed = !self.by_peer.is_empty() || !self.pending.is_empty();
        if needed != self.ticking {
            let period = if needed { TICK } else { Duration::ZERO };
            let period = Timespec { tv_sec: 0, tv_nsec: i64::from(period.subsec_nanos()) };
            let spec = Itimerspec { it_interval: period, it_value: period };
            rustix::time::timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &spec)?;
            self.ticking = needed;
        }
        Ok(())
    }

    fn on_transfer(&mut self, token: u64, flags: EventFlags, now: Instant) {
        let (index, generation) = ((token & 0xffff_ffff) as usize, (token >> 32) as u32);
        let Some(slot) = self.slots.get_mut(index).filter(|slot| slot.generation == generation) else {
            return;
        };
        let Some(transfer) = &mut slot.transfer else { return };
        let mut flow = Flow::On;
        if flags.contains(EventFlags::OUT) {
            transfer.unblock();
            let _ = epoll::modify(&self.epoll, &transfer.socket, EventData::new_u64(token), EventFlags::IN);
            flow = transfer.drive(now);
        }
        if flow == Flow::On && flags.intersects(EventFlags::IN | EventFlags::ERR | EventFlags::HUP) {
            flow = transfer.on_readable(&mut self.scratch, now, &mut |event| (self.events)(event));
        }
        self.after(index, flow);
    }

    /// Acts on how a transfer goes on.
    fn after(&mut self, index: usize, flow: Flow) {
        let slot = &mut self.slots[index];
        match flow {
            Flow::On => {
                if let Some(transfer) = &slot.transfer
                    && transfer.is_blocked()
                {
                    let token = EventData::new_u64(u64::from(slot.generation) << 32 | index as u64);
                    let flags = EventFlags::IN | EventFlags::OUT;
                    let _ = epoll::modify(&self.epoll, &transfer.socket, token, flags);
                }
            }
            Flow::Over(last) => {
                if let Some(transfer) = slot.transfer.take() {
                    slot.generation = slot.generation.wrapping_add(1);
                    self.free.push(index);
                    self.by_peer.remove(&transfer.peer);
                    self.memory -= transfer.memory();
                    if let Some(what) = last {
                        (self.events)(transfer.event(what));
                    }
                }
            }
        }
    }

    fn sweep(&mut self, now: Instant) {
        for index in 0..self.slots.len() {
            if let Some(transfer) = &mut self.slots[index].transfer {
                let flow = transfer.on_tick(now, &mut |event| (self.events)(event));
                self.after(index, flow);
            }
        }
    }

    /// Takes the requests that have arrived.
    fn on_requests(&mut self, now: Instant) {
        // A bound, so that a flood of requests can't starve the transfers.
        for _ in 0..64 {
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
                self.on_packet(bytes, arrival.peer, arrival.local, now);
            }
        }
    }

    fn on_packet(&mut self, bytes: &[u8], peer: SocketAddr, local: Option<IpAddr>, now: Instant) {
        match Packet::parse(bytes) {
            Ok(Packet::Read(request)) => self.on_request(bytes, &request, Direction::Read, peer, local, now),
            Ok(Packet::Write(request)) => {
                self.on_request(bytes, &request, Direction::Write, peer, local, now)
            }
            Ok(Packet::Data { .. } | Packet::Ack { .. }) => {
                answer(local, peer, Code::UNKNOWN_TID, "this port takes requests only");
                self.tell_malformed(
                    peer,
                    "a packet of a transfer came to the port for requests".to_owned(),
                    now,
                );
            }
            // Nobody waits for an answer to these.
            Ok(Packet::Error { .. } | Packet::OptionAck(_)) => {
                self.tell_malformed(peer, "it belongs to no transfer".to_owned(), now);
            }
            Err(malformed) => {
                if matches!(bytes, [0, 1 | 2, ..]) {
                    answer(local, peer, Code::ILLEGAL, &malformed.to_string());
                }
                self.tell_malformed(peer, malformed.to_string(), now);
            }
        }
    }

    fn tell_malformed(&mut self, peer: SocketAddr, why: String, now: Instant) {
        if self.malformed.allows(now.saturating_duration_since(self.begun)) {
            (self.events)(Event { id: 0, peer, path: "".into(), what: What::Malformed { why } });
        }
    }

    fn on_request(
        &mut self,
        bytes: &[u8],
        request: &packet::Request<'_>,
        direction: Direction,
        peer: SocketAddr,
        local: Option<IpAddr>,
        now: Instant,
    ) {
        if self.is_repeated(bytes, peer, now) {
            return;
        }
        if self.by_peer.len() + self.pending.len() >= self.server.limits.sessions {
            if self.crowded.allows(now.saturating_duration_since(self.begun)) {
                (self.events)(Event {
                    id: 0,
                    peer,
                    path: printable(request.path).into(),
                    what: What::Crowded,
                });
            }
            return;
        }
        self.last_id += 1;
        let pending =
            Pending { id: self.last_id, peer, local, request: bytes.into(), heard: now, started: now };
        let path = printable(request.path).into();
        (self.events)(Event { id: pending.id, peer, path, what: What::Requested { direction } });
        if request.mode == Mode::Octet {
            self.ask(pending, now);
        } else {
            let mode = printable(request.mode.as_bytes());
            let message = format!("mode {mode} isn't served: ask for octet (binary)");
            self.refuse(&pending, Refusal { code: Code::ILLEGAL, message });
        }
    }

    /// Whether a request came again that is being served. Where it is a new one from a port that was known,
    /// the old transfer ends: its client has forgotten it.
    fn is_repeated(&mut self, bytes: &[u8], peer: SocketAddr, now: Instant) -> bool {
        if let Some(at) = self.pending.iter().position(|pending| pending.peer == peer) {
            if *self.pending[at].request == *bytes {
                self.pending[at].heard = now;
                return true;
            }
            let old = self.pending.swap_remove(at);
            self.tell_pending(&old, "the client asked for something else");
        }
        let Some(&index) = self.by_peer.get(&peer) else { return false };
        let Some(transfer) = &mut self.slots[index].transfer else { return false };
        let same = *transfer.request == *bytes;
        let quiet = now.saturating_duration_since(transfer.heard());
        if same && !transfer.lingers() && (!transfer.begun() || quiet < RESTART) {
            if !transfer.begun() {
                transfer.hear(now);
            }
            return true;
        }
        let why = if same { "the client started again" } else { "the client asked for something else" };
        let flow = transfer.over(why.to_owned());
        self.after(index, flow);
        false
    }

    fn tell_pending(&self, pending: &Pending, why: &str) {
        let what = What::Failed { why: why.to_owned(), bytes: 0 };
        (self.events)(Event { id: pending.id, peer: pending.peer, path: path_of(&pending.request), what });
    }

    /// Asks the source again about everything that it couldn't answer yet.
    fn ask_again(&mut self, now: Instant) {
        for pending in std::mem::take(&mut self.pending) {
            if now.saturating_duration_since(pending.heard) > PATIENCE {
                self.tell_pending(&pending, "the client went away before there was an answer");
            } else {
                self.ask(pending, now);
            }
        }
    }

    fn ask(&mut self, pending: Pending, now: Instant) {
        let (direction, request) = match Packet::parse(&pending.request) {
            Ok(Packet::Read(request)) => (Direction::Read, request),
            Ok(Packet::Write(request)) => (Direction::Write, request),
            // It was parsed before.
            _ => return,
        };
        let wanted = Wanted::read(&request.options);
        let asked = Request {
            id: pending.id,
            peer: pending.peer,
            local: pending.local.unwrap_or(self.server.addr.ip()),
            path: request.path,
            direction,
            options: wanted,
        };
        let policy = &self.server.limits.policy;
        let retry = self.server.limits.retry;
        match (self.source.open(&asked), direction) {
            (Answer::Later, _) => self.pending.push(pending),
            (Answer::Refuse(refusal), _) => self.refuse(&pending, refusal),
            (Answer::Send(content), Direction::Read) => {
                let agreed = Agreed::new(&wanted, Some(content.len()), policy);
                let (best, least) = readahead::sizes(&agreed, content.len());
                let room = self.server.limits.memory.saturating_sub(self.memory);
                if room < least {
                    // It is asked again as long as the client does.
                    self.pending.push(pending);
                    return;
                }
                let ahead = ReadAhead::new(best.min(room));
                let session = Sender::new(&agreed, content.len(), retry, now);
                self.start(pending, agreed, Role::Send { session, content, ahead }, now);
            }
            (Answer::Receive(sink), Direction::Write) => {
                let limit = sink.limit().min(self.server.limits.upload);
                if wanted.tsize.is_some_and(|size| size > limit) {
                    let message = format!("the upload is larger than the allowed {limit} bytes");
                    self.refuse(&pending, Refusal { code: Code::FULL, message });
                    return;
                }
                let agreed = Agreed::new(&wanted, None, policy);
                let session = Receiver::new(&agreed, limit, retry, now);
                let role = Role::Receive { session, sink, size: wanted.tsize, stored: false };
                self.start(pending, agreed, role, now);
            }
            (Answer::Send(_) | Answer::Receive(_), _) => {
                let message = "that isn't possible in this direction".to_owned();
                self.refuse(&pending, Refusal { code: Code::ACCESS, message });
            }
        }
    }

    fn start(&mut self, pending: Pending, agreed: Agreed, role: Role, now: Instant) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, transfer: None });
            self.slots.len() - 1
        });
        let token = EventData::new_u64(u64::from(self.slots[index].generation) << 32 | index as u64);
        let opened = net::connect(pending.local, pending.peer).and_then(|socket| {
            epoll::add(&self.epoll, &socket, token, EventFlags::IN)?;
            Ok(socket)
        });
        let socket = match opened {
            Ok(socket) => socket,
            Err(error) => {
                self.free.push(index);
                self.tell_pending(&pending, &format!("opening a port for it: {error}"));
                return;
            }
        };
        let Pending { id, peer, request, started, .. } = pending;
        let path = path_of(&request);
        let mut transfer = Transfer::new(id, peer, path, &request, socket, agreed, started, role);
        let direction = transfer.direction();
        (self.events)(transfer.event(What::Started { direction, bytes: transfer.total(), options: agreed }));
        self.memory += transfer.memory();
        self.by_peer.insert(peer, index);
        let flow = transfer.drive(now);
        self.slots[index].transfer = Some(Box::new(transfer));
        self.after(index, flow);
    }

    fn refuse(&self, pending: &Pending, refusal: Refusal) {
        answer(pending.local, pending.peer, refusal.code, &refusal.message);
        let what = What::Refused { code: refusal.code, message: refusal.message };
        (self.events)(Event { id: pending.id, peer: pending.peer, path: path_of(&pending.request), what });
    }

    fn stop(&mut self, _now: Instant) {
        for pending in std::mem::take(&mut self.pending) {
            answer(pending.local, pending.peer, Code::NOT_DEFINED, "the server was stopped");
            self.tell_pending(&pending, "the server was stopped");
        }
        for index in 0..self.slots.len() {
            if let Some(transfer) = &mut self.slots[index].transfer {
                let flow = transfer.give_up(Code::NOT_DEFINED, "the server was stopped");
                self.after(index, flow);
            }
        }
    }
}

/// Sends an ERROR to somebody who has no transfer. Whether it arrives doesn't matter: the client asks again.
fn answer(local: Option<IpAddr>, peer: SocketAddr, code: Code, message: &str) {
    if let Ok(socket) = net::connect(local, peer) {
        let _ = rustix::net::send(&socket, &packet::error(code, message), rustix::net::SendFlags::empty());
    }
}

fn path_of(request: &[u8]) -> Arc<str> {
    match Packet::parse(request) {
        Ok(Packet::Read(request) | Packet::Write(request)) => printable(request.path).into(),
        _ => "".into(),
    }
}
