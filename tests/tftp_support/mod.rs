//! What the TFTP tests share: a running server, tools from outside, content that knows its place.
#![allow(dead_code, reason = "every test program uses another part of it")]

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use piprov::stop::Stop;
use piprov::stop::Waker;
use piprov::tftp::event::{Event, What};
use piprov::tftp::packet::{self, Direction, Mode, Packet, request};
use piprov::tftp::source::Source;
use piprov::tftp::{Limits, Server};

/// A server on a port of its own, until it is dropped.
pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    pub(crate) waker: Waker,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn new(source: impl Source + 'static, limits: Limits) -> Self {
        Self::on("127.0.0.1:0", source, limits)
    }

    pub(crate) fn on(addr: &str, source: impl Source + 'static, limits: Limits) -> Self {
        let server = Server::bind(addr.parse().unwrap(), limits).unwrap();
        let (addr, waker) = (server.local_addr(), server.waker());
        let stop = Stop::new().unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let (flag, list) = (stop.clone(), events.clone());
        let thread = std::thread::spawn(move || {
            server.run(&source, &|event| list.lock().unwrap().push(event), &flag).unwrap();
        });
        Self { addr, waker, events, stop, thread: Some(thread) }
    }

    /// Everything that happened so far.
    pub(crate) fn told(&self) -> Vec<What> {
        self.events.lock().unwrap().iter().map(|event| event.what.clone()).collect()
    }

    /// Waits until something has happened, and fails with what did happen where it doesn't.
    pub(crate) fn wait_for(&self, what: &str, found: impl Fn(&What) -> bool) -> What {
        let deadline = Instant::now() + Duration::from_secs(30);
        let never = Stop::new().unwrap();
        loop {
            if let Some(what) = self.told().into_iter().find(|what| found(what)) {
                return what;
            }
            assert!(Instant::now() < deadline, "{what} didn't happen, but: {:#?}", self.told());
            let _ = never.wait(Duration::from_millis(5));
        }
    }

    /// Waits until so many transfers have finished.
    pub(crate) fn wait_finished(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let never = Stop::new().unwrap();
        while self.told().iter().filter(|what| matches!(what, What::Finished { .. })).count() < count {
            assert!(Instant::now() < deadline, "{:#?}", self.told());
            let _ = never.wait(Duration::from_millis(5));
        }
    }

    pub(crate) fn end(&mut self) {
        self.stop.set();
        if let Some(thread) = self.thread.take() {
            let result = thread.join();
            if !std::thread::panicking() {
                result.expect("the server's thread ends in order");
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Runs a tool; where it is missing, fails with the command that installs it.
pub(crate) fn run(package: &str, command: &mut Command) -> Output {
    match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            panic!(
                "{} is missing: sudo apt-get install --yes {package}",
                command.get_program().to_string_lossy()
            )
        }
        Err(error) => panic!("{command:?}: {error}"),
    }
}

/// Content in which every place looks different, so that no block can pass for another.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    let words = (0..len as u64 / 8 + 1).flat_map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes());
    words.take(len).collect()
}

/// A folder with files of these sizes, filled with [`pattern`].
pub(crate) fn folder(files: &[(&str, usize)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, len) in files {
        let path: PathBuf = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, pattern(*len)).unwrap();
    }
    dir
}

/// A client's socket that sends literal packets and waits for literal answers.
pub(crate) struct Client {
    pub(crate) socket: UdpSocket,
    pub(crate) server: SocketAddr,
    buf: Vec<u8>,
}

impl Client {
    pub(crate) fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind(SocketAddr::new(server.ip(), 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { socket, server, buf: vec![0; 65536] }
    }

    /// Sends a read request to the server's port.
    pub(crate) fn ask(server: SocketAddr, path: &str, options: &[(&str, u64)]) -> Self {
        let client = Self::new(server);
        client.to_server(&request(Direction::Read, path.as_bytes(), Mode::Octet, options));
        client
    }

    pub(crate) fn to_server(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.server).unwrap();
    }

    /// The next packet and where it came from.
    pub(crate) fn hear(&mut self) -> (&[u8], SocketAddr) {
        let (len, from) = self.socket.recv_from(&mut self.buf).expect("the server answers within 10 s");
        (&self.buf[..len], from)
    }

    /// Waits for a block; the one before may come again when this machine is slow.
    pub(crate) fn hear_block(&mut self, block: u16) {
        loop {
            let header: [u8; 4] = *self.hear().0.first_chunk().unwrap();
            if header == packet::data_header(block) {
                return;
            }
            assert_eq!(header, packet::data_header(block - 1));
        }
    }

    /// Nothing comes for so long.
    pub(crate) fn hears_nothing(&mut self, time: Duration) {
        self.socket.set_read_timeout(Some(time)).unwrap();
        if let Ok((len, _)) = self.socket.recv_from(&mut self.buf) {
            panic!("unexpected: {:?}", Packet::parse(&self.buf[..len]));
        }
        self.socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    }

    pub(crate) fn reply(&self, to: SocketAddr, bytes: &[u8]) {
        self.socket.send_to(bytes, to).unwrap();
    }
}

/// What a transfer of [`fetch`] came to: the content, or the server's ERROR.
pub(crate) type Fetched = Result<Vec<u8>, (u16, String)>;

/// Reads a file as U-Boot does: an ACK for each window, one more for the last block in order where another comes
/// than it expects, and its last packet again after a silence.
pub(crate) fn fetch(server: SocketAddr, path: &str, options: &[(&str, u64)], patience: Duration) -> Fetched {
    let option = |name: &str| options.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
    let socket = UdpSocket::bind(SocketAddr::new(server.ip(), 0)).unwrap();
    socket.set_read_timeout(Some(patience)).unwrap();
    let mut last = request(Direction::Read, path.as_bytes(), Mode::Octet, options);
    let mut to = server;
    socket.send_to(&last, to).unwrap();
    let (mut blksize, mut window) = (512, 1);
    let (mut got, mut next, mut in_window, mut gap) = (Vec::new(), 1_u64, 0, None);
    let mut buf = vec![0; 65536];
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        assert!(Instant::now() < deadline, "no end: {} bytes of {path}", got.len());
        let Ok((len, from)) = socket.recv_from(&mut buf) else {
            socket.send_to(&last, to).unwrap();
            continue;
        };
        match Packet::parse(&buf[..len]).unwrap_or_else(|error| {
            panic!("{error}: {len} bytes {:?}, block {next} expected, window {window}", &buf[..len.min(64)])
        }) {
            Packet::Error { code, message } => {
                return Err((code.0, String::from_utf8_lossy(message).into_owned()));
            }
            Packet::OptionAck(agreed) if next == 1 => {
                let number = |name: &str| -> Option<u64> {
                    Some(std::str::from_utf8(agreed.get(name)?).unwrap().parse().unwrap())
                };
                for (name, _) in agreed.iter() {
                    let name = std::str::from_utf8(name).unwrap();
                    assert!(option(name).is_some(), "{name} wasn't asked for");
                }
                blksize = number("blksize").unwrap_or(512) as usize;
                window = number("windowsize").unwrap_or(1);
                last = packet::ack(0).to_vec();
            }
            Packet::Data { block, data } if block == next as u16 => {
                got.extend(data);
                next += 1;
                in_window += 1;
                let done = data.len() < blksize;
                if !done && in_window < window {
                    to = from;
                    continue;
                }
                in_window = 0;
                last = packet::ack((next - 1) as u16).to_vec();
                if done {
                    // Long enough for a server that lost this ACK to ask for it again.
                    linger(&socket, &last, from, &mut buf);
                    return Ok(got);
                }
            }
            Packet::Data { .. } if gap != Some(next) => {
                gap = Some(next);
                in_window = 0;
                last = packet::ack((next - 1) as u16).to_vec();
            }
            _ => continue,
        }
        to = from;
        socket.send_to(&last, to).unwrap();
    }
}

fn linger(socket: &UdpSocket, ack: &[u8], to: SocketAddr, buf: &mut [u8]) {
    socket.send_to(ack, to).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    while socket.recv_from(buf).is_ok() {
        let _ = socket.send_to(ack, to);
    }
}
