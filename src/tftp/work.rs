//! What a server does: the requests and transfers that all of its threads share. See [`lane`](super::lane).

mod shared;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};

use super::event::{Event, Reason, What, printable};
use super::line::Line;
use super::net::{self, Arrival};
use super::options::{Agreed, Wanted};
use super::outs::Outs;
use super::packet::{self, Code, Direction, Mode, Packet};
use super::ports::Ports;
use super::quota::Quota;
use super::readahead::{self, ReadAhead};
use super::seats::{Room, Seat, Seats};
use super::server::Server;
use super::session::{Receiver, Sender};
use super::source::{Answer, Refusal, Request, Source};
use super::transfer::{Flow, Role, Transfer};
use crate::per_second::PerSecond;

/// How often timers are looked at, and requests and content that weren't there are asked for again.
const TICK: Duration = Duration::from_millis(50);
/// A request that waits for its answer is dropped when its client hasn't repeated it for so long.
const PATIENCE: Duration = Duration::from_secs(20);
/// A client that starts again from the same port is believed when it was silent for so long before.
const RESTART: Duration = Duration::from_secs(1);
/// Malformed packets that are answered in each second. Their senders' addresses may be forged.
const ANSWERED_A_SECOND: u32 = 100;

/// A request that the source couldn't answer yet.
struct Pending {
    id: u64,
    peer: SocketAddr,
    local: Option<IpAddr>,
    request: Box<[u8]>,
    direction: Direction,
    heard: Instant,
    started: Instant,
    /// Its beginning was told.
    announced: bool,
}

/// A client that has a place.
#[derive(Debug, Clone, Copy)]
enum Holder {
    /// The transfer in this slot.
    Transfer(usize),
    /// The pending request with this number.
    Pending(u64),
}

struct Slot {
    generation: u32,
    transfer: Option<Box<Transfer>>,
}

/// Everything that is served at the moment. One thread at a time works on it.
pub(super) struct Work<'a> {
    server: &'a Server,
    source: &'a dyn Source,
    events: &'a (dyn Fn(Event) + Sync),
    /// Of the first thread, which looks after sockets that only one transfer uses.
    epoll: Arc<OwnedFd>,
    timer: Arc<OwnedFd>,
    ticking: bool,
    slots: Vec<Slot>,
    free: Vec<usize>,
    by_peer: HashMap<SocketAddr, usize>,
    ports: Ports,
    pending: Vec<Pending>,
    scratch: Vec<u8>,
    last_id: u64,
    memory: usize,
    seats: Seats,
    quota: Quota,
    answers: PerSecond,
}

impl<'a> Work<'a> {
    /// For threads that wait by these.
    pub(super) fn new(
        server: &'a Server,
        source: &'a dyn Source,
        events: &'a (dyn Fn(Event) + Sync),
        epolls: &[Arc<OwnedFd>],
    ) -> io::Result<Self> {
        let timer = rustix::time::timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )?;
        Ok(Self {
            server,
            source,
            events,
            epoll: Arc::clone(&epolls[0]),
            timer: Arc::new(timer),
            ticking: false,
            slots: Vec::new(),
            free: Vec::new(),
            by_peer: HashMap::new(),
            ports: Ports::new(epolls, &server.cpus),
            pending: Vec::new(),
            scratch: vec![0; 1 << 16],
            last_id: server.first_id,
            memory: 0,
            seats: Seats::default(),
            quota: Quota::default(),
            answers: PerSecond::new(ANSWERED_A_SECOND),
        })
    }

    /// What the first thread waits for beside its sockets.
    pub(super) fn timer(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.timer)
    }

    /// Somebody says that the source has more.
    pub(super) fn on_wake(&mut self, now: Instant, outs: &mut Outs) {
        self.ask_again(now, outs);
        self.sweep(now, outs);
    }

    pub(super) fn on_timer(&mut self, now: Instant, outs: &mut Outs) {
        let _ = rustix::io::read(&*self.timer, &mut [0; 8]);
        self.ask_again(now, outs);
        self.sweep(now, outs);
        self.tell_more(now, false);
    }

    /// The timer ticks only while there is something to look after: an idle server sleeps.
    pub(super) fn tick_while_needed(&mut self) -> io::Result<()> {
        let needed = !self.by_peer.is_empty() || !self.pending.is_empty() || self.quota.owes();
        if needed != self.ticking {
            let period = if needed { TICK } else { Duration::ZERO };
            let period = Timespec { tv_sec: 0, tv_nsec: i64::from(period.subsec_nanos()) };
            let spec = Itimerspec { it_interval: period, it_value: period };
            rustix::time::timerfd_settime(&*self.timer, TimerfdTimerFlags::empty(), &spec)?;
            self.ticking = needed;
        }
        Ok(())
    }

    /// Something has come to the socket of one transfer.
    pub(super) fn on_transfer(&mut self, token: u64, flags: EventFlags, now: Instant, outs: &mut Outs) {
        let (index, generation) = ((token & 0xffff_ffff) as usize, (token >> 32) as u32);
        let Some(slot) = self.slots.get_mut(index).filter(|slot| slot.generation == generation) else {
            return;
        };
        let Some(transfer) = &mut slot.transfer else { return };
        let mut flow = Flow::On;
        if flags.contains(EventFlags::OUT)
            && let Some(socket) = transfer.line.own()
        {
            let _ = epoll::modify(&self.epoll, socket, EventData::new_u64(token), EventFlags::IN);
            transfer.unblock();
            flow = transfer.drive(now, outs);
        }
        if flow == Flow::On && flags.intersects(EventFlags::IN | EventFlags::ERR | EventFlags::HUP) {
            let tell = &mut |event| (self.events)(event);
            flow = transfer.on_readable(&mut self.scratch, now, outs, tell);
        }
        self.heard(index, flow, now);
    }

    /// A transfer has heard its client.
    fn heard(&mut self, index: usize, flow: Flow, now: Instant) {
        if let Some(transfer) = &mut self.slots[index].transfer
            && transfer.begun()
            && std::mem::take(&mut transfer.charged)
        {
            self.quota.give_back(Reason::Unanswered, transfer.peer.ip());
        }
        self.after(index, flow, now);
    }

    /// Acts on how a transfer goes on.
    fn after(&mut self, index: usize, flow: Flow, now: Instant) {
        let slot = &mut self.slots[index];
        match flow {
            Flow::On => {
                if let Some(transfer) = &slot.transfer
                    && transfer.is_blocked()
                    && let Some(socket) = transfer.line.own()
                {
                    let token = EventData::new_u64(u64::from(slot.generation) << 32 | index as u64);
                    let flags = EventFlags::IN | EventFlags::OUT;
                    let _ = epoll::modify(&self.epoll, socket, token, flags);
                }
            }
            Flow::Over(last) => {
                if let Some(transfer) = slot.transfer.take() {
                    // The highest bit of a token is the shared ports'.
                    slot.generation = slot.generation.wrapping_add(1) & (u32::MAX >> 1);
                    self.free.push(index);
                    self.by_peer.remove(&transfer.peer);
                    self.memory -= transfer.memory();
                    self.seats.leave(transfer.peer.ip());
                    if let Line::Shared(port) = &transfer.line {
                        self.ports.leave(port);
                    }
                    match last {
                        Some(what) if transfer.announced => (self.events)(transfer.event(what)),
                        Some(_) => self.quota.withhold(Reason::Unanswered, now),
                        None => {}
                    }
                    self.source.over(transfer.id);
                }
            }
        }
    }

    fn sweep(&mut self, now: Instant, outs: &mut Outs) {
        for index in 0..self.slots.len() {
            if let Some(transfer) = &mut self.slots[index].transfer {
                let flow = transfer.on_tick(now, outs, &mut |event| (self.events)(event));
                self.after(index, flow, now);
            }
        }
    }

    /// Takes a packet that has come to the port for requests.
    pub(super) fn on_packet(&mut self, bytes: &[u8], arrival: &Arrival, now: Instant, outs: &mut Outs) {
        let Arrival { peer, local, .. } = *arrival;
        match Packet::parse(bytes) {
            Ok(Packet::Read(request)) => {
                self.on_request(bytes, &request, Direction::Read, peer, local, now, outs);
            }
            Ok(Packet::Write(request)) => {
                self.on_request(bytes, &request, Direction::Write, peer, local, now, outs);
            }
            Ok(Packet::Data { .. } | Packet::Ack { .. }) => {
                self.answer_malformed(local, peer, Code::UNKNOWN_TID, "this port takes requests only", now);
                let why = "a packet of a transfer came to the port for requests";
                self.tell_malformed(peer, why.to_owned(), now);
            }
            // Nobody waits for an answer to these.
            Ok(Packet::Error { .. } | Packet::OptionAck(_)) => {
                self.tell_malformed(peer, "it belongs to no transfer".to_owned(), now);
            }
            Err(malformed) => {
                if matches!(bytes, [0, 1 | 2, ..]) {
                    self.answer_malformed(local, peer, Code::ILLEGAL, &malformed.to_string(), now);
                }
                self.tell_malformed(peer, malformed.to_string(), now);
            }
        }
    }

    fn answer_malformed(
        &mut self,
        local: Option<IpAddr>,
        peer: SocketAddr,
        code: Code,
        why: &str,
        now: Instant,
    ) {
        if self.answers.allows(now) {
            answer(local, peer, code, why);
        }
    }

    fn tell_malformed(&mut self, peer: SocketAddr, why: String, now: Instant) {
        if self.quota.allows(Reason::Malformed, peer.ip(), now) {
            (self.events)(Event { id: 0, peer, path: "".into(), what: What::Malformed { why } });
        }
    }

    /// Tells how many were not told.
    fn tell_more(&mut self, now: Instant, at_the_end: bool) {
        for (reason, count) in self.quota.due(now, at_the_end) {
            let what = What::More { reason, count };
            (self.events)(Event { id: 0, peer: self.server.addr, path: "".into(), what });
        }
    }

    #[allow(clippy::too_many_arguments, reason = "a request, and where and when it came")]
    fn on_request(
        &mut self,
        bytes: &[u8],
        request: &packet::Request<'_>,
        direction: Direction,
        peer: SocketAddr,
        local: Option<IpAddr>,
        now: Instant,
        outs: &mut Outs,
    ) {
        if self.is_repeated(bytes, peer, now, outs) {
            return;
        }
        if !self.make_room(peer.ip(), now) {
            if self.quota.allows(Reason::Crowded, peer.ip(), now) {
                let path = printable(request.path).into();
                (self.events)(Event { id: 0, peer, path, what: What::Crowded });
            }
            return;
        }
        self.seats.take(peer.ip());
        self.last_id += 1;
        let pending = Pending {
            id: self.last_id,
            peer,
            local,
            request: bytes.into(),
            direction,
            heard: now,
            started: now,
            announced: false,
        };
        if request.mode == Mode::Octet {
            self.ask(pending, now, outs);
        } else {
            let mode = printable(request.mode.as_bytes());
            let message = format!("mode {mode} isn't served: ask for octet (binary)");
            self.refuse(pending, Refusal { code: Code::ILLEGAL, message }, now);
        }
    }

    /// All clients that have a place.
    fn seated(&self) -> impl Iterator<Item = Seat<Holder>> + '_ {
        let transfers = self.by_peer.values().filter_map(|index| {
            let transfer = self.slots[*index].transfer.as_ref()?;
            let begun = transfer.begun() && !transfer.lingers();
            let (what, ip) = (Holder::Transfer(*index), transfer.peer.ip());
            Some(Seat { what, ip, begun, heard: transfer.heard() })
        });
        let pending = self.pending.iter().map(|pending| {
            let (what, ip) = (Holder::Pending(pending.id), pending.peer.ip());
            Seat { what, ip, begun: false, heard: pending.heard }
        });
        transfers.chain(pending)
    }

    /// Sees to it that one more of an address can be taken, if that may be.
    fn make_room(&mut self, ip: IpAddr, now: Instant) -> bool {
        let (each, most) = (self.server.limits.per_address, self.server.limits.sessions);
        match self.seats.room(ip, each, most, self.seated(), now) {
            Room::Free => true,
            Room::InPlaceOf(holder) => {
                self.put_out(holder, now);
                true
            }
            Room::None => false,
        }
    }

    /// Ends what has to make room for another.
    fn put_out(&mut self, holder: Holder, now: Instant) {
        const WHY: &str = "its client hasn't answered, and another one needed its place";
        match holder {
            Holder::Transfer(index) => {
                if let Some(transfer) = &mut self.slots[index].transfer {
                    let flow = transfer.over(WHY.to_owned());
                    self.after(index, flow, now);
                }
            }
            Holder::Pending(id) => {
                if let Some(at) = self.pending.iter().position(|pending| pending.id == id) {
                    let pending = self.pending.swap_remove(at);
                    self.end_pending(&pending, WHY, now);
                }
            }
        }
    }

    /// Whether a request came again that is being served. Where it is a new one from a port that was known,
    /// the old transfer ends: its client has forgotten it.
    fn is_repeated(&mut self, bytes: &[u8], peer: SocketAddr, now: Instant, outs: &mut Outs) -> bool {
        if let Some(at) = self.pending.iter().position(|pending| pending.peer == peer) {
            if *self.pending[at].request == *bytes {
                self.pending[at].heard = now;
                return true;
            }
            let old = self.pending.swap_remove(at);
            self.end_pending(&old, "the client asked for something else", now);
        }
        let Some(&index) = self.by_peer.get(&peer) else { return false };
        let Some(transfer) = &mut self.slots[index].transfer else { return false };
        let same = *transfer.request == *bytes;
        let quiet = now.saturating_duration_since(transfer.heard());
        if same && !transfer.lingers() && (!transfer.begun() || quiet < RESTART) {
            if !transfer.begun() {
                let flow = transfer.asked_again(now, outs);
                self.after(index, flow, now);
            }
            return true;
        }
        let why = if same { "the client started again" } else { "the client asked for something else" };
        let flow = transfer.over(why.to_owned());
        self.after(index, flow, now);
        false
    }

    /// Gives up the place of a request that was never granted, and tells why.
    fn end_pending(&mut self, pending: &Pending, why: &str, now: Instant) {
        self.seats.leave(pending.peer.ip());
        if pending.announced {
            pending.tell(self.events, What::Failed { why: why.to_owned(), bytes: 0 });
        } else {
            self.quota.withhold(Reason::Unanswered, now);
        }
        self.source.over(pending.id);
    }

    /// Keeps a request until it can be answered.
    fn keep(&mut self, mut pending: Pending, now: Instant) {
        if !pending.announced && self.quota.take(Reason::Unanswered, pending.peer.ip(), now) {
            pending.tell(self.events, What::Requested { direction: pending.direction });
            pending.announced = true;
        }
        self.pending.push(pending);
    }

    /// Asks the source again about everything that it couldn't answer yet.
    fn ask_again(&mut self, now: Instant, outs: &mut Outs) {
        for pending in std::mem::take(&mut self.pending) {
            if now.saturating_duration_since(pending.heard) > PATIENCE {
                self.end_pending(&pending, "the client went away before there was an answer", now);
            } else {
                self.ask(pending, now, outs);
            }
        }
    }

    fn ask(&mut self, pending: Pending, now: Instant, outs: &mut Outs) {
        let bytes = pending.request.clone();
        let (direction, Ok(Packet::Read(request) | Packet::Write(request))) =
            (pending.direction, Packet::parse(&bytes))
        else {
            // It was parsed before.
            return self.seats.leave(pending.peer.ip());
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
            (Answer::Later, _) => self.keep(pending, now),
            (Answer::Refuse(refusal), _) => self.refuse(pending, refusal, now),
            (Answer::Send(content), Direction::Read) => {
                let agreed = Agreed::new(&wanted, Some(content.len()), policy);
                let (best, least) = readahead::sizes(&agreed, content.len());
                let room = loop {
                    let room = self.server.limits.memory.saturating_sub(self.memory);
                    if room >= least {
                        break room;
                    }
                    let transfers = self.seated().filter(|seat| matches!(seat.what, Holder::Transfer(_)));
                    let Some(holder) = self.seats.who_goes(pending.peer.ip(), transfers, now) else {
                        // It is asked again as long as the client does.
                        return self.keep(pending, now);
                    };
                    self.put_out(holder, now);
                };
                let ahead = ReadAhead::new(best.min(room));
                let session = Sender::new(&agreed, content.len(), retry, now);
                self.start(pending, agreed, Role::Send { session, content, ahead }, now, outs);
            }
            (Answer::Receive(sink), Direction::Write) => {
                let limit = sink.limit().min(self.server.limits.upload);
                if wanted.tsize.is_some_and(|size| size > limit) {
                    let message = format!("the upload is larger than the allowed {limit} bytes");
                    return self.refuse(pending, Refusal { code: Code::FULL, message }, now);
                }
                let agreed = Agreed::new(&wanted, None, policy);
                let session = Receiver::new(&agreed, limit, retry, now);
                let role = Role::Receive { session, sink, size: wanted.tsize, stored: false };
                self.start(pending, agreed, role, now, outs);
            }
            (Answer::Send(_) | Answer::Receive(_), _) => {
                let message = "that isn't possible in this direction".to_owned();
                self.refuse(pending, Refusal { code: Code::ACCESS, message }, now);
            }
        }
    }

    fn start(&mut self, pending: Pending, agreed: Agreed, role: Role, now: Instant, outs: &mut Outs) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, transfer: None });
            self.slots.len() - 1
        });
        let line = match self.line(index, &pending, &agreed, &role) {
            Ok(line) => line,
            Err(error) => {
                self.free.push(index);
                return self.end_pending(&pending, &format!("opening a port for it: {error}"), now);
            }
        };
        let Pending { id, peer, request, started, announced, .. } = pending;
        let path = path_of(&request);
        let mut transfer = Transfer::new(id, peer, path, &request, line, agreed, started, role);
        if announced {
            transfer.tell_started(&mut |event| (self.events)(event));
        } else if self.quota.take(Reason::Unanswered, peer.ip(), now) {
            transfer.charged = true;
            transfer.announce(&mut |event| (self.events)(event));
        }
        self.memory += transfer.memory();
        self.by_peer.insert(peer, index);
        let flow = transfer.drive(now, outs);
        self.slots[index].transfer = Some(Box::new(transfer));
        self.after(index, flow, now);
    }

    fn refuse(&mut self, pending: Pending, refusal: Refusal, now: Instant) {
        let Pending { local, peer, direction, announced, .. } = pending;
        self.seats.leave(peer.ip());
        answer(local, peer, refusal.code, &refusal.message);
        let told = announced || self.quota.allows(Reason::Refused, peer.ip(), now);
        if told && !announced {
            pending.tell(self.events, What::Requested { direction });
        }
        if told {
            pending.tell(self.events, What::Refused { code: refusal.code, message: refusal.message });
        }
        self.source.over(pending.id);
    }

    /// Tells every client that it ends.
    pub(super) fn stop(&mut self, now: Instant, outs: &mut Outs) {
        for pending in std::mem::take(&mut self.pending) {
            answer(pending.local, pending.peer, Code::NOT_DEFINED, "the server was stopped");
            self.end_pending(&pending, "the server was stopped", now);
        }
        for index in 0..self.slots.len() {
            if let Some(transfer) = &mut self.slots[index].transfer {
                let flow = transfer.give_up(Code::NOT_DEFINED, "the server was stopped", outs);
                self.after(index, flow, now);
            }
        }
        self.tell_more(now, true);
    }
}

impl Pending {
    fn tell(&self, events: &dyn Fn(Event), what: What) {
        events(Event { id: self.id, peer: self.peer, path: path_of(&self.request), what });
    }
}

/// Sends an ERROR to a client that has no transfer. Whether it arrives doesn't matter: the client asks again.
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
