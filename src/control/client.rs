//! The client's side: brings a branch to a server that has the port, and answers there what its boards ask.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::error::Error;
use super::link::{Broken, Link, Received};
use super::message::{self, Give, LARGEST, MOST_REQUESTS, SCHEMA, ToClient, ToServer, Why};
use super::place::Place;
use crate::beneath::SocketError;
use crate::board::Mac;
use crate::image::read_at::ReadAt;
use crate::stop::{Stop, Waker, until};
use crate::tftp::event::{Event, printable};
use crate::tftp::options::Wanted;
use crate::tftp::packet::{Code, Direction};
use crate::tftp::source::{Answer, Content, Got, Request, Sink};
use crate::tftp::switch::Branch;

/// How long a server may take to say who it is, and whether it serves the boards.
const GREETING: Duration = Duration::from_secs(5);
/// How often is asked again for what isn't known yet, as the TFTP server does.
const TICK: Duration = Duration::from_millis(50);
/// The most bytes that go behind a message; what stands in front of them has some room too.
const MOST_BEHIND: u64 = LARGEST as u64 - 1024;

/// The image of a client's boards, as the server is to read it.
pub struct Image {
    fd: OwnedFd,
    grows: Option<Arc<dyn ReadAt>>,
}

impl std::fmt::Debug for Image {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Image").field("grows", &self.grows.is_some()).finish_non_exhaustive()
    }
}

impl Image {
    /// A file that is there. With `grows` it is a spool that is being filled: that says how far.
    #[must_use]
    pub fn new(fd: OwnedFd, grows: Option<Arc<dyn ReadAt>>) -> Self {
        Self { fd, grows }
    }
}

/// Something that a station says, with the file that goes along with it.
#[derive(Debug)]
pub struct Say {
    /// The message.
    pub message: ToServer,
    /// The file of an [`ToServer::Offer`].
    pub file: Option<OwnedFd>,
}

impl From<ToServer> for Say {
    fn from(message: ToServer) -> Self {
        Self { message, file: None }
    }
}

/// A connection to a server that has the port.
#[derive(Debug)]
pub struct Client {
    link: Link,
    pid: u32,
    serves: String,
    addrs: Vec<SocketAddr>,
    waker: Waker,
    image: Option<Image>,
}

impl Client {
    /// Connects to the server whose socket this is, and hears who it is.
    ///
    /// # Errors
    /// [`Error::Socket`] where nobody listens; where the socket, or who listens, can't be trusted.
    pub fn connect(path: &Path, stop: &Stop) -> Result<Self, Error> {
        let (link, peer) = Place::open(path, false)?.connect()?;
        let system = |source| SocketError::System { path: path.to_owned(), doing: "talking to it", source };
        let waker = Waker::new().map_err(system)?;
        let mut client =
            Self { link, pid: peer.pid, serves: String::new(), addrs: Vec::new(), waker, image: None };
        match client.hear(stop)? {
            ToClient::Hello { schema, serves, tftp, .. } if schema == SCHEMA => {
                client.serves = serves;
                client.addrs = tftp;
                Ok(client)
            }
            ToClient::Hello { schema, version, .. } => Err(Error::Refused {
                pid: client.pid,
                why: Why::Schema,
                text: format!("it is version {version}, which speaks schema {schema}, not {SCHEMA}"),
            }),
            other => Err(client.unexpected(&other)),
        }
    }

    /// The server's process; 0 where that is in another container.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What the server does beside: `netboot`.
    #[must_use]
    pub fn serves(&self) -> &str {
        &self.serves
    }

    /// Where the server serves TFTP.
    #[must_use]
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// A handle that makes it ask its branch again, and look how far the image has grown.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Whether boards that ask at `wanted` ask this server. An address of zeros stands for all of this host's.
    ///
    /// # Errors
    /// [`Error::Elsewhere`].
    pub fn serves_at(&self, wanted: SocketAddr) -> Result<(), Error> {
        let same = |addr: &SocketAddr| {
            let any = addr.ip().is_unspecified() || wanted.ip().is_unspecified();
            addr.port() == wanted.port() && (any || addr.ip().to_canonical() == wanted.ip().to_canonical())
        };
        if self.addrs.iter().any(same) {
            return Ok(());
        }
        Err(Error::Elsewhere { pid: self.pid, addrs: self.addrs.clone(), wanted })
    }

    /// Hands boards over.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason.
    pub fn admit(&mut self, boards: Vec<Mac>, image: Image, stop: &Stop) -> Result<(), Error> {
        let available = image.grows.as_ref().map(|content| content.available());
        let message = ToServer::Admit { schema: SCHEMA, boards, available };
        let packet = message::encode(&message, b"").map_err(|bad| self.odd(bad.to_string()))?;
        self.link.send_with(&packet, image.fd.as_fd()).map_err(|error| self.lost(error.to_string()))?;
        match self.hear(stop)? {
            ToClient::Admitted { .. } => {
                self.image = Some(image);
                Ok(())
            }
            other => Err(self.unexpected(&other)),
        }
    }

    fn odd(&self, what: String) -> Error {
        Error::Odd { pid: self.pid, what }
    }

    fn lost(&self, why: String) -> Error {
        Error::Lost { pid: self.pid, why }
    }

    fn unexpected(&self, message: &ToClient) -> Error {
        match message {
            ToClient::Refused { why, text } => {
                Error::Refused { pid: self.pid, why: *why, text: crate::format::shown(text).into_owned() }
            }
            _ => self.odd("it says something else than what was asked".to_owned()),
        }
    }

    /// Takes the next packet, if there is one.
    fn take(&self, buf: &mut [u8]) -> Result<Option<(ToClient, Vec<u8>)>, Error> {
        match self.link.receive(buf) {
            Ok(Received::Nothing) => Ok(None),
            Ok(Received::Packet(len, _)) => {
                let (message, behind) =
                    message::decode(&buf[..len]).map_err(|bad| self.odd(bad.to_string()))?;
                Ok(Some((message, behind.to_vec())))
            }
            Err(Broken::Ended) => Err(self.lost("it has gone".to_owned())),
            Err(broken) => Err(self.lost(broken.to_string())),
        }
    }

    /// Waits for one message of the greeting.
    fn hear(&self, stop: &Stop) -> Result<ToClient, Error> {
        let deadline = Instant::now() + GREETING;
        let mut buf = vec![0; LARGEST + 1];
        loop {
            if let Some((message, _)) = self.take(&mut buf)? {
                return Ok(message);
            }
            if stop.is_set() {
                return Err(Error::Stopped);
            }
            let mut fds = [PollFd::new(&self.link, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
            if !until(&mut fds, Some(deadline)).map_err(|error| self.lost(error.to_string()))? {
                return Err(self.odd(format!("it said nothing for {} s", GREETING.as_secs())));
            }
        }
    }

    /// Says that this is a station, and hears what the server does.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason.
    pub fn station(&self, stop: &Stop) -> Result<ToClient, Error> {
        let packet = message::encode(&ToServer::Station { schema: SCHEMA }, b"");
        self.link.push(packet.map_err(|bad| self.odd(bad.to_string()))?, Instant::now());
        match self.hear(stop)? {
            serving @ ToClient::Serving { .. } => Ok(serving),
            other => Err(self.unexpected(&other)),
        }
    }

    /// As a station: says what `ask` has to say, until it has no more for now, and passes on what is told to `hear`, until
    /// `stop` is set. Whoever has something new to ask wakes [`Client::waker`].
    ///
    /// # Errors
    /// [`Error::Lost`] where the server ends first, or puts the station out.
    pub fn follow(
        &self,
        ask: &mut dyn FnMut() -> Option<Say>,
        hear: &mut dyn FnMut(ToClient),
        stop: &Stop,
    ) -> Result<(), Error> {
        let mut buf = vec![0; LARGEST + 1];
        // A packet with a file is sent at once or waits here: what comes later stays behind it.
        let mut held: Option<(Vec<u8>, OwnedFd)> = None;
        while !stop.is_set() {
            self.waker.clear();
            while let Some((message, _)) = self.take(&mut buf)? {
                match message {
                    ToClient::Refused { text, .. } => {
                        return Err(self.lost(crate::format::shown(&text).into_owned()));
                    }
                    message => hear(message),
                }
            }
            loop {
                self.link.flush(Instant::now()).map_err(|broken| self.lost(broken.to_string()))?;
                if let Some((packet, file)) = &held {
                    if self.link.is_behind() {
                        break;
                    }
                    match self.link.send_with(packet, file.as_fd()) {
                        Ok(()) => held = None,
                        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                        Err(error) => return Err(self.lost(error.to_string())),
                    }
                }
                let Some(Say { message, file }) = ask() else { break };
                let packet = message::encode(&message, b"").map_err(|bad| self.odd(bad.to_string()))?;
                match file {
                    Some(file) => held = Some((packet, file)),
                    None => {
                        self.link.push(packet, Instant::now());
                    }
                }
            }
            let waits = self.link.is_behind() || held.is_some();
            let out = if waits { PollFlags::OUT } else { PollFlags::empty() };
            let mut fds = [
                PollFd::new(&self.link, PollFlags::IN | out),
                PollFd::new(&self.waker, PollFlags::IN),
                PollFd::new(stop, PollFlags::IN),
            ];
            let deadline = (out != PollFlags::empty()).then(|| Instant::now() + TICK);
            until(&mut fds, deadline).map_err(|error| self.lost(error.to_string()))?;
        }
        Ok(())
    }

    /// Answers what the boards ask, out of `branch`, until `stop` is set. Then the boards are no longer served.
    ///
    /// # Errors
    /// [`Error::Lost`] where the server ends first, or puts the boards out.
    pub fn serve(&self, branch: &dyn Branch, stop: &Stop) -> Result<(), Error> {
        let mut talk = Talk { client: self, branch, asks: BTreeMap::new(), told: None };
        let result = talk.run(stop);
        // It hears of the end at once, whatever else this process has to do.
        let _ = rustix::net::shutdown(&self.link, rustix::net::Shutdown::Both);
        result
    }
}

/// What is going on with a server.
struct Talk<'a> {
    client: &'a Client,
    branch: &'a dyn Branch,
    asks: BTreeMap<u64, Ask>,
    /// So much of the image was said to be there, and when.
    told: Option<(u64, Instant)>,
}

/// A request of a board.
struct Ask {
    peer: SocketAddr,
    local: IpAddr,
    path: String,
    direction: Direction,
    options: Wanted,
    /// It waits for its answer, and was told so.
    waits: bool,
    sink: Option<Box<dyn Sink>>,
}

impl Talk<'_> {
    fn run(&mut self, stop: &Stop) -> Result<(), Error> {
        let client = self.client;
        let mut buf = vec![0; LARGEST + 1];
        let poll = |error: std::io::Error| client.lost(error.to_string());
        while !stop.is_set() {
            client.waker.clear();
            while let Some((message, behind)) = client.take(&mut buf)? {
                self.on(message, &behind)?;
            }
            self.ask_again()?;
            self.tell_growth()?;
            client.link.flush(Instant::now()).map_err(|broken| client.lost(broken.to_string()))?;
            let out = if client.link.is_behind() { PollFlags::OUT } else { PollFlags::empty() };
            let mut fds = [
                PollFd::new(&client.link, PollFlags::IN | out),
                PollFd::new(&client.waker, PollFlags::IN),
                PollFd::new(stop, PollFlags::IN),
            ];
            let waits = self.asks.values().any(|ask| ask.waits || self.grows().is_some());
            let waits = waits || out != PollFlags::empty();
            until(&mut fds, waits.then(|| Instant::now() + TICK)).map_err(poll)?;
        }
        Ok(())
    }

    fn grows(&self) -> Option<&Arc<dyn ReadAt>> {
        self.client.image.as_ref()?.grows.as_ref()
    }

    fn say(&self, message: &ToServer, behind: &[u8]) -> Result<(), Error> {
        let packet = message::encode(message, behind).map_err(|bad| self.client.odd(bad.to_string()))?;
        self.client.link.push(packet, Instant::now());
        Ok(())
    }

    fn on(&mut self, message: ToClient, behind: &[u8]) -> Result<(), Error> {
        match message {
            ToClient::Open { id, peer, local, path, direction, options } => {
                if self.asks.len() > MOST_REQUESTS {
                    return Err(self.client.odd("it asks too much at once".to_owned()));
                }
                let ask = Ask { peer, local, path, direction, options, waits: false, sink: None };
                self.asks.insert(id, ask);
                self.answer(id)?;
            }
            ToClient::Event { id, what } => {
                if let Some(ask) = self.asks.get(&id) {
                    let path = printable(ask.path.as_bytes()).into();
                    self.branch.event(&Event { id, peer: ask.peer, path, what });
                }
            }
            ToClient::Upload { id } => {
                if let Some(sink) = self.asks.get_mut(&id).and_then(|ask| ask.sink.as_mut())
                    && sink.write(behind).is_ok()
                {
                    // The board has its last acknowledgement already.
                    let _ = sink.complete();
                }
            }
            ToClient::Over { id } => {
                if self.asks.remove(&id).is_some() {
                    self.branch.over(id);
                }
            }
            ToClient::Refused { text, .. } => {
                return Err(self.client.lost(crate::format::shown(&text).into_owned()));
            }
            _ => return Err(self.client.odd("it says what only others are told".to_owned())),
        }
        Ok(())
    }

    fn answer(&mut self, id: u64) -> Result<(), Error> {
        let Some(ask) = self.asks.get_mut(&id) else { return Ok(()) };
        let request = Request {
            id,
            peer: ask.peer,
            local: ask.local,
            path: ask.path.as_bytes(),
            direction: ask.direction,
            options: ask.options,
        };
        let known = std::mem::take(&mut ask.waits);
        let (give, behind) = match self.branch.open(&request) {
            Answer::Later => {
                ask.waits = true;
                if known {
                    return Ok(());
                }
                (Give::Later, Vec::new())
            }
            Answer::Refuse(refusal) => {
                (Give::Refuse { code: refusal.code, text: refusal.message }, Vec::new())
            }
            Answer::Send(content) => give(content),
            Answer::Receive(sink) => {
                let limit = sink.limit();
                ask.sink = Some(sink);
                (Give::Receive { limit }, Vec::new())
            }
        };
        self.say(&ToServer::Answer { id, give }, &behind)
    }

    fn ask_again(&mut self) -> Result<(), Error> {
        let waiting: Vec<u64> = self.asks.iter().filter(|(_, ask)| ask.waits).map(|(id, _)| *id).collect();
        waiting.into_iter().try_for_each(|id| self.answer(id))
    }

    fn tell_growth(&mut self) -> Result<(), Error> {
        let Some(bytes) = self.grows().map(|content| content.available()) else { return Ok(()) };
        let now = Instant::now();
        // Not each time that a block is unpacked.
        let soon = |(told, at): (u64, Instant)| bytes <= told || now.saturating_duration_since(at) < TICK;
        if self.told.is_some_and(soon) {
            return Ok(());
        }
        self.told = Some((bytes, now));
        self.say(&ToServer::Available { bytes }, b"")
    }
}

/// What the server is to send: bytes of the image, or these.
fn give(mut content: Box<dyn Content>) -> (Give, Vec<u8>) {
    if let Some(stretch) = content.stretch() {
        let give = Give::Range { start: stretch.start, len: stretch.len, padded: stretch.padded };
        return (give, Vec::new());
    }
    let refuse = |text: String| (Give::Refuse { code: Code::NOT_DEFINED, text }, Vec::new());
    if content.len() > MOST_BEHIND {
        return refuse(format!("{} bytes are too many to be handed over", content.len()));
    }
    let mut bytes = vec![0; content.len() as usize];
    let mut have = 0;
    while have < bytes.len() {
        match content.read_at(&mut bytes[have..], have as u64) {
            Ok(Got::Bytes(count)) if count > 0 => have += count,
            Ok(_) => return refuse("it isn't whole".to_owned()),
            Err(error) => return refuse(error.to_string()),
        }
    }
    // Without bytes nothing stands behind the message, which is an empty file.
    (Give::Bytes, bytes)
}
