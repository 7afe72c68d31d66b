//! The load: many clients in one thread. They ask as U-Boot does, check every byte, and are as cheap as can
//! be, so that the server is what is measured.

use std::mem::zeroed;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use piprov::tftp::packet::{Code, Direction, Mode, Packet, ack, error, request};
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType};

/// The content repeats after this many bytes. It is a prime, so no two blocks of a file begin at the same
/// place of it, and it fits the processor's cache, so that comparing costs little.
pub(crate) const PERIOD: usize = 65521;
/// Packets taken in one call.
const BATCH: usize = 32;
const PACKET: usize = 2048;
const PATIENCE: Duration = Duration::from_secs(1);

/// Bytes `offset..` of the content, as far as one packet needs them, start at `offset % PERIOD`.
pub(crate) fn pattern() -> Vec<u8> {
    let mut state = 0x0123_4567_89ab_cdef_u64;
    let one: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(PERIOD)
    .collect();
    [&one[..], &one[..PACKET]].concat()
}

/// What the clients do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) server: SocketAddr,
    pub(crate) clients: usize,
    pub(crate) blksize: u16,
    pub(crate) window: u16,
    pub(crate) size: u64,
    pub(crate) limit: Duration,
}

/// What came of it.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Result {
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
    pub(crate) finished: usize,
    pub(crate) repeats: u64,
    pub(crate) window: u64,
}

struct Client {
    socket: OwnedFd,
    server: SocketAddr,
    connected: bool,
    /// Next block expected.
    next: u64,
    in_window: u16,
    window: u16,
    bytes: u64,
    last: Vec<u8>,
    heard: Instant,
    done: bool,
}

/// Runs the load. Panics at a wrong byte: there is nothing to be measured then.
pub(crate) fn run(load: Load) -> Result {
    let pattern = pattern();
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let start = Instant::now();
    let mut clients: Vec<Client> =
        (0..load.clients).map(|at| Client::new(&load, &epoll, at, start)).collect();
    let mut result = Result::default();
    let mut ready: Vec<epoll::Event> = Vec::with_capacity(256);
    let mut buffers = Buffers::new();
    let mut swept = start;
    let mut now = start;
    while result.finished < load.clients && now - start < load.limit {
        ready.clear();
        let tick = rustix::event::Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        let _ = epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut ready), Some(&tick));
        now = Instant::now();
        for event in &ready {
            let client = &mut clients[event.data.u64() as usize];
            client.on_readable(&load, &pattern, &mut buffers, now);
            if client.done {
                client.done = false;
                epoll::delete(&epoll, &client.socket).unwrap();
                client.next = 0;
                result.finished += 1;
            }
        }
        if now - swept > Duration::from_millis(100) {
            swept = now;
            for client in clients.iter_mut().filter(|client| client.next > 0 && now - client.heard > PATIENCE)
            {
                client.heard = now;
                client.again();
                result.repeats += 1;
            }
        }
    }
    result.seconds = start.elapsed().as_secs_f64();
    result.bytes = clients.iter().map(|client| client.bytes).sum();
    result.window = clients.iter().map(|client| client.window).max().unwrap_or(1).into();
    for client in clients.iter().filter(|client| client.next > 0 && client.connected) {
        let _ = rustix::net::send(&client.socket, &error(Code(0), "time is up"), SendFlags::empty());
    }
    result
}

impl Client {
    fn new(load: &Load, epoll: &OwnedFd, at: usize, now: Instant) -> Self {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None).unwrap();
        let from = std::net::SocketAddrV4::new(super::ground::client(at), 0);
        rustix::net::bind(&socket, &from).unwrap();
        epoll::add(epoll, &socket, EventData::new_u64(at as u64), EventFlags::IN).unwrap();
        let mut options = vec![("timeout", 5), ("tsize", 0), ("blksize", u64::from(load.blksize))];
        if load.window > 1 {
            options.push(("windowsize", load.window.into()));
        }
        let last = request(Direction::Read, b"file", Mode::Octet, &options);
        let client = Self {
            socket,
            server: load.server,
            connected: false,
            next: 1,
            in_window: 0,
            window: 1,
            bytes: 0,
            last,
            heard: now,
            done: false,
        };
        client.again();
        client
    }

    fn again(&self) {
        let _ = match self.connected {
            true => rustix::net::send(&self.socket, &self.last, SendFlags::empty()),
            false => rustix::net::sendto(&self.socket, &self.last, SendFlags::empty(), &self.server),
        };
    }

    fn ack(&mut self, block: u64) {
        let packet = ack(block as u16);
        self.in_window = 0;
        self.last.clear();
        self.last.extend(packet);
        let _ = rustix::net::send(&self.socket, &packet, SendFlags::empty());
    }

    fn on_readable(&mut self, load: &Load, pattern: &[u8], buffers: &mut Buffers, now: Instant) {
        self.heard = now;
        if !self.connected {
            let mut buf = [0; PACKET];
            let (_, len, from) =
                rustix::net::recvfrom(&self.socket, &mut buf, rustix::net::RecvFlags::empty()).unwrap();
            let Packet::OptionAck(options) = Packet::parse(&buf[..len]).unwrap() else {
                panic!("no OACK but {:?}", Packet::parse(&buf[..len]))
            };
            let number =
                |name| options.get(name).map(|text| std::str::from_utf8(text).unwrap().parse().unwrap());
            assert_eq!(number("blksize"), Some(u64::from(load.blksize)), "the server cut the block size");
            assert!(number("tsize").is_none_or(|size| size == load.size));
            self.window = number("windowsize").unwrap_or(1) as u16;
            rustix::net::connect(&self.socket, &from.unwrap()).unwrap();
            self.connected = true;
            self.ack(0);
            return;
        }
        let count = buffers.receive(&self.socket, self.window);
        for at in 0..count {
            self.on_data(load, pattern, buffers.packet(at));
        }
    }

    fn on_data(&mut self, load: &Load, pattern: &[u8], packet: &[u8]) {
        let [0, 3, high, low, data @ ..] = packet else { panic!("{:?}", Packet::parse(packet)) };
        let block = u16::from_be_bytes([*high, *low]);
        if block != self.next as u16 || self.done {
            // Lost or late: tell where this client is, once for a window.
            if block.wrapping_sub(self.next as u16) == self.window.wrapping_sub(1) {
                self.ack(self.next - 1);
            }
            return;
        }
        let offset = (self.next - 1) * u64::from(load.blksize);
        let want = (load.size - offset).min(load.blksize.into()) as usize;
        let from = (offset % PERIOD as u64) as usize;
        assert!(*data == pattern[from..from + want], "wrong bytes in block {} at {offset}", self.next);
        self.bytes += want as u64;
        self.next += 1;
        self.in_window += 1;
        self.done = want < usize::from(load.blksize);
        if self.done || self.in_window == self.window {
            self.ack(self.next - 1);
        }
    }
}

struct Buffers {
    bytes: Vec<u8>,
    parts: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    len: [usize; BATCH],
}

impl Buffers {
    fn new() -> Self {
        let mut bytes = vec![0_u8; BATCH * PACKET];
        let part = |chunk: &mut [u8]| libc::iovec { iov_base: chunk.as_mut_ptr().cast(), iov_len: PACKET };
        let mut parts: Vec<_> = bytes.chunks_exact_mut(PACKET).map(part).collect();
        let headers = parts
            .iter_mut()
            .map(|part| {
                // SAFETY: a header of zeros is valid: no name, no control, no buffers.
                let mut header: libc::mmsghdr = unsafe { zeroed() };
                header.msg_hdr.msg_iov = part;
                header.msg_hdr.msg_iovlen = 1;
                header
            })
            .collect();
        Self { bytes, parts, headers, len: [0; BATCH] }
    }

    fn receive(&mut self, socket: &OwnedFd, window: u16) -> usize {
        if window == 1 {
            let part = &self.parts[0];
            // SAFETY: the buffer is PACKET bytes long.
            let len = unsafe { libc::recv(socket.as_raw_fd(), part.iov_base, PACKET, libc::MSG_DONTWAIT) };
            self.len[0] = usize::try_from(len).unwrap_or(0);
            return usize::from(len >= 0);
        }
        // SAFETY: the headers and what they point to live as long as `self`, and nothing else uses them now.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).unwrap_or(0);
        for at in 0..count {
            self.len[at] = self.headers[at].msg_len as usize;
        }
        count
    }

    fn packet(&self, at: usize) -> &[u8] {
        &self.bytes[at * PACKET..at * PACKET + self.len[at]]
    }
}
