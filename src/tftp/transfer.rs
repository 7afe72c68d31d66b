//! One transfer of the server: a session together with its way to the client and its content.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::event::{Event, What};
use super::line::{Line, gather, passing};
use super::net;
use super::options::Agreed;
use super::outs::Outs;
use super::packet::{self, Code, Direction, HEADER, Packet};
use super::readahead::ReadAhead;
use super::session::{End, Heard, Next, Receiver, Sender};
use super::source::{Content, Sink};

/// Packets that the kernel cuts out of one send at most (UDP_MAX_SEGMENTS of older kernels), and the bytes in them.
const MOST_SEGMENTS: usize = 64;
const MOST_BYTES: usize = 65507;

/// How often progress is told.
const TELL_BYTES: u64 = 1 << 20;
const TELL_AFTER: Duration = Duration::from_millis(200);

pub(super) struct Transfer {
    pub(super) id: u64,
    pub(super) peer: SocketAddr,
    pub(super) path: Arc<str>,
    /// The request as it came, to know it when it comes again.
    pub(super) request: Box<[u8]>,
    pub(super) line: Line,
    pub(super) agreed: Agreed,
    pub(super) started: Instant,
    pub(super) role: Role,
    /// Its beginning was told. Of a flood of requests only those are told that a client acknowledges.
    pub(super) announced: bool,
    /// Telling it was charged to the client's address; it gets that back.
    pub(super) charged: bool,
    told: u64,
    told_at: Instant,
    /// The kernel cuts windows into packets.
    segmented: bool,
    /// It stands still until content is there.
    starved: bool,
    /// It stands still until the socket takes packets again.
    blocked: bool,
}

pub(super) enum Role {
    Send { session: Sender, content: Box<dyn Content>, ahead: ReadAhead },
    Receive { session: Receiver, sink: Box<dyn Sink>, size: Option<u64>, stored: bool },
}

/// Whether a transfer goes on.
#[derive(Debug, PartialEq)]
pub(super) enum Flow {
    On,
    /// It is over; this is the last event, if there wasn't one already.
    Over(Option<What>),
}

/// What became of blocks that were to be sent.
enum Sending {
    All,
    Starved,
    Blocked,
}

impl Transfer {
    #[allow(clippy::too_many_arguments, reason = "the parts of a transfer, put together in one place")]
    pub(super) fn new(
        id: u64,
        peer: SocketAddr,
        path: Arc<str>,
        request: &[u8],
        line: Line,
        agreed: Agreed,
        started: Instant,
        role: Role,
    ) -> Self {
        // The kernel cuts everything that is larger than a segment, so an OACK or an ERROR must not be.
        let segmented = agreed.windowsize > 1
            && usize::from(agreed.blksize) > packet::MAX_MESSAGE
            && matches!(role, Role::Send { .. })
            && line.own().is_some_and(|socket| net::segment(socket, agreed.blksize + HEADER as u16).is_ok());
        Self {
            id,
            peer,
            path,
            request: request.into(),
            line,
            agreed,
            started,
            role,
            announced: false,
            charged: false,
            told: 0,
            told_at: started,
            segmented,
            starved: false,
            blocked: false,
        }
    }

    pub(super) fn event(&self, what: What) -> Event {
        Event { id: self.id, peer: self.peer, path: self.path.clone(), what }
    }

    pub(super) fn direction(&self) -> Direction {
        match self.role {
            Role::Send { .. } => Direction::Read,
            Role::Receive { .. } => Direction::Write,
        }
    }

    /// Bytes acknowledged or stored.
    pub(super) fn bytes(&self) -> u64 {
        match &self.role {
            Role::Send { session, content, .. } => session.acknowledged(content.len()),
            Role::Receive { session, .. } => session.bytes(),
        }
    }

    pub(super) fn total(&self) -> Option<u64> {
        match &self.role {
            Role::Send { content, .. } => Some(content.len()),
            Role::Receive { size, .. } => *size,
        }
    }

    pub(super) fn memory(&self) -> usize {
        match &self.role {
            Role::Send { ahead, .. } => ahead.memory(),
            Role::Receive { .. } => 0,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.role {
            Role::Send { session, .. } => session.deadline(),
            Role::Receive { session, .. } => session.deadline(),
        }
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    pub(super) fn unblock(&mut self) {
        self.blocked = false;
    }

    /// Tells that it was asked for, and granted.
    pub(super) fn announce(&mut self, tell: &mut dyn FnMut(Event)) {
        if !self.announced {
            tell(self.event(What::Requested { direction: self.direction() }));
            self.tell_started(tell);
        }
    }

    /// Tells that it was granted; that it was asked for is known.
    pub(super) fn tell_started(&mut self, tell: &mut dyn FnMut(Event)) {
        self.announced = true;
        let (direction, bytes, options) = (self.direction(), self.total(), self.agreed);
        tell(self.event(What::Started { direction, bytes, options }));
    }

    /// Whether the client has acknowledged anything, or sent a block.
    pub(super) fn begun(&self) -> bool {
        match &self.role {
            Role::Send { session, .. } => session.begun(),
            Role::Receive { session, .. } => session.begun(),
        }
    }

    /// Whether the client has said how it ends.
    fn ended(&self) -> bool {
        match &self.role {
            Role::Send { session, .. } => session.end().is_some(),
            Role::Receive { session, .. } => session.end().is_some(),
        }
    }

    /// Whether nothing is left to do but to acknowledge a repeated last block.
    pub(super) fn lingers(&self) -> bool {
        matches!(&self.role, Role::Receive { stored: true, .. })
    }

    pub(super) fn heard(&self) -> Instant {
        match &self.role {
            Role::Send { session, .. } => session.heard(),
            Role::Receive { session, .. } => session.heard(),
        }
    }

    /// The client sent its request again before it had acknowledged anything.
    pub(super) fn asked_again(&mut self, now: Instant, outs: &mut Outs) -> Flow {
        match &mut self.role {
            Role::Send { session, .. } => session.asked_again(now),
            Role::Receive { session, .. } => session.asked_again(now),
        }
        if self.blocked { Flow::On } else { self.drive(now, outs) }
    }

    /// Takes a packet that has arrived at its own socket, and answers it.
    pub(super) fn on_readable(
        &mut self,
        scratch: &mut [u8],
        now: Instant,
        outs: &mut Outs,
        tell: &mut dyn FnMut(Event),
    ) -> Flow {
        let Some(socket) = self.line.own() else { return Flow::On };
        // One packet at a time: epoll comes back if there is a second one.
        match rustix::net::recv(socket, &mut *scratch, RecvFlags::empty()) {
            Ok((_, len)) => self.on_packet(&scratch[..len.min(scratch.len())], now, outs, tell),
            Err(errno) => self.on_error(errno),
        }
    }

    /// Takes a packet of its client, and answers it.
    pub(super) fn on_packet(
        &mut self,
        bytes: &[u8],
        now: Instant,
        outs: &mut Outs,
        tell: &mut dyn FnMut(Event),
    ) -> Flow {
        match &mut self.role {
            Role::Send { session, .. } => {
                if let [0, 4, high, low] = *bytes {
                    session.on_ack(u16::from_be_bytes([high, low]), now);
                } else if let Ok(packet) = Packet::parse(bytes) {
                    session.on_packet(&packet, now);
                }
            }
            Role::Receive { session, sink, stored, .. } => {
                let Ok(packet) = Packet::parse(bytes) else { return Flow::On };
                if let (Heard::Block { last }, Packet::Data { data, .. }) =
                    (session.on_packet(&packet, now), packet)
                {
                    if let Err(error) = sink.write(data) {
                        let message = format!("storing it: {error}");
                        self.announce(tell);
                        return self.give_up(Code::FULL, &message, outs);
                    }
                    if last {
                        if let Err(refusal) = sink.complete() {
                            self.announce(tell);
                            return self.give_up(refusal.code, &refusal.message, outs);
                        }
                        *stored = true;
                        self.announce(tell);
                        let finished = self.finished(now);
                        tell(self.event(finished));
                    }
                }
            }
        }
        if self.begun() || self.ended() {
            self.announce(tell);
        }
        self.tell_progress(now, tell);
        self.drive(now, outs)
    }

    /// Does everything that can be done now.
    pub(super) fn drive(&mut self, now: Instant, outs: &mut Outs) -> Flow {
        loop {
            let next = match &mut self.role {
                Role::Send { session, .. } => session.poll(),
                Role::Receive { session, .. } => session.poll(),
            };
            match next {
                Next::Wait => return Flow::On,
                Next::End => return self.end(now, outs),
                Next::Greet => {
                    let greeting = self.agreed.packet();
                    let greeting = greeting.as_deref().unwrap_or(&const { packet::ack(0) });
                    if let Err(errno) = self.send(greeting, outs) {
                        return self.on_error(errno);
                    }
                    match &mut self.role {
                        Role::Send { session, .. } => session.greeted(now),
                        Role::Receive { session, .. } => session.greeted(now),
                    }
                }
                Next::Ack { block } => {
                    if let Err(errno) = self.send(&packet::ack(block), outs) {
                        return self.on_error(errno);
                    }
                    if let Role::Receive { session, .. } = &mut self.role {
                        session.acked(now);
                    }
                }
                Next::Send { first, count } => match self.send_blocks(first, count, now, outs) {
                    Ok(Sending::All) => self.starved = false,
                    Ok(Sending::Starved) => {
                        self.starved = true;
                        if let Role::Send { session, .. } = &mut self.role {
                            session.starved();
                        }
                        return Flow::On;
                    }
                    Ok(Sending::Blocked) => {
                        self.blocked = true;
                        return Flow::On;
                    }
                    Err(Trouble::Net(errno)) => return self.on_error(errno),
                    Err(Trouble::Content(error)) => {
                        let message = format!("reading it: {error}");
                        return self.give_up(Code::NOT_DEFINED, &message, outs);
                    }
                },
            }
        }
    }

    /// Something of the session is due. Also tells progress that was too small to be told at once.
    pub(super) fn on_tick(&mut self, now: Instant, outs: &mut Outs, tell: &mut dyn FnMut(Event)) -> Flow {
        let due = self.deadline().is_some_and(|deadline| deadline <= now);
        if due {
            match &mut self.role {
                Role::Send { session, .. } => session.on_time(now),
                Role::Receive { session, .. } => session.on_time(now),
            }
        }
        if now.saturating_duration_since(self.told_at) >= TELL_AFTER && self.bytes() != self.told {
            self.tell(now, tell);
        }
        if (due || self.starved) && !self.blocked { self.drive(now, outs) } else { Flow::On }
    }

    fn tell_progress(&mut self, now: Instant, tell: &mut dyn FnMut(Event)) {
        if self.bytes() - self.told >= TELL_BYTES {
            self.tell(now, tell);
        }
    }

    fn tell(&mut self, now: Instant, tell: &mut dyn FnMut(Event)) {
        let bytes = self.bytes();
        (self.told, self.told_at) = (bytes, now);
        if self.total() != Some(bytes) && !self.lingers() {
            tell(self.event(What::Progress { bytes, total: self.total() }));
        }
    }

    fn finished(&self, now: Instant) -> What {
        let retransmits = match &self.role {
            Role::Send { session, .. } => session.repeats(),
            Role::Receive { session, .. } => session.repeats(),
        };
        What::Finished {
            direction: self.direction(),
            bytes: self.bytes(),
            elapsed: now.saturating_duration_since(self.started),
            retransmits,
        }
    }

    fn end(&mut self, now: Instant, outs: &mut Outs) -> Flow {
        let end = match &self.role {
            Role::Send { session, .. } => session.end(),
            Role::Receive { session, .. } => session.end(),
        };
        if self.lingers() {
            return Flow::Over(None);
        }
        let why = match end {
            Some(End::Done) | None => return Flow::Over(Some(self.finished(now))),
            Some(End::Probed) => {
                self.abort("the client only probed");
                return Flow::Over(Some(What::Probed));
            }
            Some(End::Client { code, message }) => {
                format!("the client gave up: {code}: {}", super::event::printable(message.as_bytes()))
            }
            Some(End::Silent { tries }) => {
                format!("the client doesn't answer any more, tried {tries} times again")
            }
            Some(End::Stalled { after }) => {
                format!("the client answers but took no block for {} s", after.as_secs())
            }
            Some(End::TooLarge { limit }) => {
                let message = format!("the upload is larger than the allowed {limit} bytes");
                return self.give_up(Code::FULL, &message, outs);
            }
            Some(End::Oversized { got, blksize }) => {
                let message = format!("a block has {got} bytes, agreed were {blksize}");
                return self.give_up(Code::ILLEGAL, &message, outs);
            }
        };
        self.over(why)
    }

    /// Ends it with an ERROR packet to the client.
    pub(super) fn give_up(&mut self, code: Code, why: &str, outs: &mut Outs) -> Flow {
        if !self.lingers() {
            let _ = self.send(&packet::error(code, why), outs);
        }
        self.over(why.to_owned())
    }

    /// Ends it without a word to the client.
    pub(super) fn over(&mut self, why: String) -> Flow {
        if self.lingers() {
            return Flow::Over(None);
        }
        self.abort(&why);
        Flow::Over(Some(What::Failed { why, bytes: self.bytes() }))
    }

    fn abort(&mut self, why: &str) {
        if let Role::Receive { sink, .. } = &mut self.role {
            sink.aborted(why);
        }
    }

    /// An error of its socket, or of a shared one about this client. Only "port unreachable" is an answer of the client. All
    /// else may be anybody's word, or pass: a neighbour that doesn't resolve right now (the Pi 3's boot ROM stops answering
    /// ARP) is as good as a lost packet. Where it doesn't pass, the client falls silent.
    pub(super) fn on_error(&mut self, errno: Errno) -> Flow {
        match errno {
            Errno::CONNREFUSED => self.over("the client has closed its port".to_owned()),
            _ => Flow::On,
        }
    }

    /// Sends a small packet. What the network can't take right now is lost like any packet may be.
    fn send(&self, bytes: &[u8], outs: &mut Outs) -> Result<(), Errno> {
        match self.line.send(self.peer, [bytes, &[]], outs) {
            Ok(()) => Ok(()),
            Err(errno) if passing(errno) || errno == Errno::AGAIN => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    fn send_blocks(
        &mut self,
        first: u64,
        count: u16,
        now: Instant,
        outs: &mut Outs,
    ) -> Result<Sending, Trouble> {
        let Role::Send { session, content, ahead } = &mut self.role else { return Ok(Sending::All) };
        let blksize = u64::from(self.agreed.blksize);
        let whole = content.len();
        let mut block = first;
        let until = first + u64::from(count);
        let socket = match &self.line {
            Line::Own(socket) if self.segmented => socket,
            line => {
                while block < until {
                    let offset = (block - 1) * blksize;
                    let len = (whole - offset).min(blksize) as usize;
                    if ahead.fill(&mut **content, offset, len).map_err(Trouble::Content)? < len {
                        return Ok(Sending::Starved);
                    }
                    // The low 16 bits are the number on the wire.
                    let header = packet::data_header(block as u16);
                    match line.send(self.peer, [&header, ahead.bytes(offset, len)], outs) {
                        Ok(()) => {}
                        Err(Errno::AGAIN) => return Ok(Sending::Blocked),
                        Err(errno) if passing(errno) => {}
                        Err(errno) => return Err(Trouble::Net(errno)),
                    }
                    session.sent(1, now);
                    block += 1;
                }
                return Ok(Sending::All);
            }
        };
        let most = MOST_SEGMENTS.min(MOST_BYTES / (blksize as usize + HEADER)).max(1) as u64;
        while block < until {
            let offset = (block - 1) * blksize;
            let batch = (until - block).min(most);
            let want = (whole - offset).min(batch * blksize) as usize;
            let have = ahead.fill(&mut **content, offset, want).map_err(Trouble::Content)?;
            // Only whole blocks, or the last one.
            let batch = if have < want { have as u64 / blksize } else { batch };
            if batch == 0 {
                return Ok(Sending::Starved);
            }
            match send_segments(socket, ahead, block, batch as usize, offset, blksize as usize, have) {
                Ok(()) => {}
                Err(Errno::AGAIN) => return Ok(Sending::Blocked),
                Err(errno) if passing(errno) => {}
                // Larger than the path takes in one frame, or a device that can't have its checksums computed.
                Err(Errno::INVAL | Errno::MSGSIZE | Errno::IO | Errno::OPNOTSUPP | Errno::NOPROTOOPT) => {
                    let _ = net::segment(socket, 0);
                    self.segmented = false;
                    return self.send_blocks(block, (until - block) as u16, now, outs);
                }
                Err(errno) => return Err(Trouble::Net(errno)),
            }
            session.sent(batch as u16, now);
            block += batch;
        }
        Ok(Sending::All)
    }
}

enum Trouble {
    Net(Errno),
    Content(io::Error),
}

/// Sends blocks in one call, each with its header in front; nothing is copied together for it.
fn send_segments(
    socket: &OwnedFd,
    ahead: &ReadAhead,
    block: u64,
    count: usize,
    offset: u64,
    blksize: usize,
    bytes: usize,
) -> Result<(), Errno> {
    let count = count.min(MOST_SEGMENTS);
    let mut headers = [[0; HEADER]; MOST_SEGMENTS];
    for (at, header) in headers[..count].iter_mut().enumerate() {
        *header = packet::data_header((block + at as u64) as u16);
    }
    let all = ahead.bytes(offset, bytes);
    let mut parts = [IoSlice::new(&[]); 2 * MOST_SEGMENTS];
    for (at, header) in headers[..count].iter().enumerate() {
        parts[2 * at] = IoSlice::new(header);
        parts[2 * at + 1] = IoSlice::new(&all[(at * blksize).min(bytes)..((at + 1) * blksize).min(bytes)]);
    }
    gather(socket, &parts[..2 * count])
}
