//! Boards that aren't there: boot ROMs and what they become, behind the library's transport. They ask for files in
//! the orders that real boards do, check every byte of the protocol, and misbehave as told.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails the test")]

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use piprov::usb::Error;
use piprov::usb::message::Request;
use piprov::usb::transport::{Bus, Device, Fault, Transport};

/// How long a board is away between two lives.
const AWAY: Duration = Duration::from_millis(5);

/// What a boot ROM does with its bootcode.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rom {
    /// Takes it, answers with a code, and becomes the next life.
    Answers(i32),
    /// Takes it and is gone before it has answered.
    LeavesAtOnce,
    /// Takes it, and stays what it is.
    Stays(i32),
    /// Takes it and never comes back.
    NeverBack,
    /// Is gone after so many bytes.
    VanishesAfter(usize),
    /// Stalls once after so many bytes, then goes on.
    StallsOnceAfter(usize),
    /// Stalls for ever after so many bytes.
    StallsAfter(usize),
    /// Refuses the first control transfer for ever.
    Deaf,
}

/// One request, or one mischief, of a board in the file server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ask {
    /// Asks for the length, and for the contents if there are any.
    File(&'static str),
    /// Asks for the length only.
    Size(&'static str),
    /// Asks for the contents without the length.
    Contents(&'static str),
    /// Tells something about itself.
    Tell(&'static str),
    /// Says that it needs no more.
    Done,
    /// Says so with an empty name, and wants an answer.
    EmptyName,
    /// Sends these bytes as a message.
    Raw(Vec<u8>),
    /// Asks for this for ever.
    ForEver(&'static str),
    /// Asks for a file and is gone after so many bytes of it.
    VanishesIn(&'static str, usize),
    /// Asks for a file and stalls for ever after so many bytes.
    StallsIn(&'static str, usize),
    /// Asks for a file and takes no more after so many bytes.
    StopsIn(&'static str, usize),
    /// Reports an error on the wire so many times.
    Wire(u32),
    /// Doesn't ask: each wait for it times out at once.
    Silent,
    /// Doesn't ask, and holds the transfer as long as the test lasts.
    Hangs,
    /// Leaves the bus without a word.
    Leaves,
}

/// What a board is between coming to the bus and leaving it.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) vendor: u16,
    pub(crate) product: u16,
    pub(crate) serial_index: u8,
    pub(crate) serial: Option<&'static str>,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Rom(Rom),
    Server(Vec<Ask>),
    Gadget,
}

/// A boot ROM.
pub(crate) fn rom(product: u16, rom: Rom) -> Life {
    let old = matches!(product, 0x2763 | 0x2764);
    Life {
        vendor: 0x0a5c,
        product,
        serial_index: if old { 0 } else { 3 },
        serial: (!old).then_some("af04b2da"),
        kind: Kind::Rom(rom),
    }
}

/// What asks for files.
pub(crate) fn server(product: u16, asks: &[Ask]) -> Life {
    Life {
        vendor: 0x0a5c,
        product,
        serial_index: 1,
        serial: Some("Broadcom"),
        kind: Kind::Server(asks.to_vec()),
    }
}

/// What has booted.
pub(crate) fn gadget(vendor: u16, product: u16) -> Life {
    Life { vendor, product, serial_index: 3, serial: Some("10000000d8e4a1f7"), kind: Kind::Gadget }
}

/// A life with another serial number.
pub(crate) fn with_serial(life: Life, serial: &'static str) -> Life {
    Life { serial: Some(serial), ..life }
}

struct Board {
    lives: VecDeque<Life>,
    address: u8,
    back: Option<Instant>,
    open: bool,
    /// What it got, in order.
    got: Vec<(String, Vec<u8>)>,
    /// How often it was opened while it was open, and other breaches of the protocol.
    breaches: Vec<String>,
    /// The largest bulk transfer.
    largest: usize,
    refuse_above: Option<usize>,
    lacks_memory: u32,
    may_open: Result<(), Fault>,
    /// Whether several programs try to have it, as on a host; otherwise to open it twice is a mistake.
    shared: bool,
    opened: u32,
    /// Runs when a named file is being sent.
    during: Option<(String, Box<dyn FnOnce() + Send>)>,
}

impl Board {
    /// Ends this life. The next one begins a moment later, if there is one.
    fn leave(&mut self) {
        self.lives.pop_front();
        self.address = self.address % 127 + 1;
        self.back = Some(Instant::now() + AWAY);
        self.open = false;
    }

    fn is_there(&self) -> bool {
        !self.lives.is_empty() && self.back.is_none_or(|back| Instant::now() >= back)
    }
}

/// A bus with such boards.
#[derive(Clone, Default)]
pub(crate) struct ModelBus {
    boards: Arc<Mutex<BTreeMap<String, Board>>>,
}

impl ModelBus {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Plugs a board in.
    pub(crate) fn plug(&self, port: &str, lives: impl IntoIterator<Item = Life>) {
        let mut boards = self.boards.lock().unwrap();
        let address = boards.len() as u8 + 1;
        let board = Board {
            lives: lives.into_iter().collect(),
            address,
            back: None,
            open: false,
            got: Vec::new(),
            breaches: Vec::new(),
            largest: 0,
            refuse_above: None,
            lacks_memory: 0,
            may_open: Ok(()),
            shared: false,
            opened: 0,
            during: None,
        };
        boards.insert(port.to_owned(), board);
    }

    fn with<T>(&self, port: &str, change: impl FnOnce(&mut Board) -> T) -> T {
        change(self.boards.lock().unwrap().get_mut(port).unwrap())
    }

    /// Makes opening fail.
    pub(crate) fn refuse_to_open(&self, port: &str, fault: Fault) {
        self.with(port, |board| board.may_open = Err(fault));
    }

    /// Lets another program than the one that is tested try to have it.
    pub(crate) fn share(&self, port: &str) {
        self.with(port, |board| board.shared = true);
    }

    /// The board leaves and comes back as what it is next.
    pub(crate) fn next_life(&self, port: &str) {
        self.with(port, Board::leave);
    }

    /// Makes transfers above a size fail.
    pub(crate) fn refuse_above(&self, port: &str, bytes: usize) {
        self.with(port, |board| board.refuse_above = Some(bytes));
    }

    /// The next so many transfers find no memory, whatever their size.
    pub(crate) fn lacks_memory(&self, port: &str, transfers: u32) {
        self.with(port, |board| board.lacks_memory = transfers);
    }

    /// Does something while a file is sent.
    pub(crate) fn during(&self, port: &str, name: &str, work: impl FnOnce() + Send + 'static) {
        self.with(port, |board| board.during = Some((name.to_owned(), Box::new(work))));
    }

    /// The names and the bytes of what a board got.
    pub(crate) fn got(&self, port: &str) -> Vec<(String, Vec<u8>)> {
        self.with(port, |board| board.got.clone())
    }

    /// The names of what a board got.
    pub(crate) fn names(&self, port: &str) -> Vec<String> {
        self.got(port).into_iter().map(|(name, _)| name).collect()
    }

    /// How often a board was opened.
    pub(crate) fn opened(&self, port: &str) -> u32 {
        self.with(port, |board| board.opened)
    }

    /// The largest bulk transfer that a board took.
    pub(crate) fn largest(&self, port: &str) -> usize {
        self.with(port, |board| board.largest)
    }

    /// Fails the test where the protocol was broken.
    pub(crate) fn check(&self) {
        for (port, board) in self.boards.lock().unwrap().iter() {
            assert!(board.breaches.is_empty(), "{port}: {:?}", board.breaches);
        }
    }
}

impl Bus for ModelBus {
    fn devices(&self) -> Result<Vec<Device>, Error> {
        let boards = self.boards.lock().unwrap();
        let there = boards.iter().filter(|(_, board)| board.is_there());
        Ok(there
            .map(|(port, board)| {
                let life = &board.lives[0];
                Device {
                    port: port.parse().unwrap(),
                    address: board.address,
                    vendor: life.vendor,
                    product: life.product,
                    serial_index: life.serial_index,
                    serial: life.serial.map(str::to_owned),
                }
            })
            .collect())
    }

    fn open(&self, device: &Device) -> Result<Box<dyn Transport>, Fault> {
        let port = device.port.to_string();
        let life = self.with(&port, |board| {
            board.may_open.clone()?;
            if !board.is_there() || board.address != device.address {
                return Err(Fault::Gone);
            }
            if board.open && board.shared {
                return Err(Fault::Busy);
            }
            if board.open {
                board.breaches.push("opened twice".to_owned());
            }
            board.open = true;
            board.opened += 1;
            Ok(board.lives[0].clone())
        })?;
        let asks = match &life.kind {
            Kind::Server(asks) => asks.clone().into(),
            Kind::Rom(_) | Kind::Gadget => VecDeque::new(),
        };
        Ok(Box::new(Open {
            bus: self.clone(),
            port,
            address: device.address,
            rom: match life.kind {
                Kind::Rom(rom) => Some(rom),
                _ => None,
            },
            asks,
            due: 0,
            body: Vec::new(),
            bootcode: None,
            expects: Expects::Anything,
            announced: None,
            stalled: false,
        }))
    }

    fn wait(&self, limit: Duration) {
        std::thread::park_timeout(limit.min(Duration::from_millis(2)));
    }
}

/// What the last message asked for.
#[derive(Debug, Clone, PartialEq)]
enum Expects {
    Anything,
    /// A length without contents.
    Length(String, bool),
    /// Contents.
    Body(String, Option<u32>, Option<Mischief>),
    /// An answer of length 0.
    Nothing,
    /// No answer.
    Silence,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mischief {
    Vanish(usize),
    Stall(usize),
    Stop(usize),
}

struct Open {
    bus: ModelBus,
    port: String,
    address: u8,
    rom: Option<Rom>,
    asks: VecDeque<Ask>,
    /// Bytes that were announced and haven't come.
    due: usize,
    body: Vec<u8>,
    /// The length that the boot message told.
    bootcode: Option<usize>,
    expects: Expects,
    /// A file of which the length was told: its contents are asked for next.
    announced: Option<(String, u32)>,
    stalled: bool,
}

impl Drop for Open {
    fn drop(&mut self) {
        let address = self.address;
        self.bus.with(&self.port, |board| {
            if board.address == address {
                board.open = false;
            }
        });
    }
}

impl Open {
    fn breach(&self, what: impl Into<String>) {
        self.bus.with(&self.port, |board| board.breaches.push(what.into()));
    }

    fn here(&self) -> Result<(), Fault> {
        let address = self.address;
        let there = self.bus.with(&self.port, |board| board.is_there() && board.address == address);
        if there { Ok(()) } else { Err(Fault::Gone) }
    }

    fn leave(&self) {
        self.bus.with(&self.port, Board::leave);
    }

    fn never_back(&self) {
        self.bus.with(&self.port, |board| {
            board.lives.clear();
            board.open = false;
        });
    }

    fn message(&self, command: u32, name: &str) -> Vec<u8> {
        Request::message(command, name.as_bytes()).to_vec()
    }

    /// All bytes of something have come.
    fn complete(&mut self) {
        let body = std::mem::take(&mut self.body);
        if self.rom.is_some() {
            match self.bootcode {
                None => {
                    if body.len() != 24 {
                        self.breach(format!("a boot message of {} bytes", body.len()));
                    }
                    let len = i32::from_le_bytes(body[..4].try_into().unwrap());
                    self.bootcode = Some(len as usize);
                    self.bus
                        .with(&self.port, |board| board.got.push(("signature".into(), body[4..].to_vec())));
                }
                Some(len) => {
                    if body.len() != len {
                        self.breach(format!("{} bytes of bootcode instead of {len}", body.len()));
                    }
                    self.bus.with(&self.port, |board| board.got.push(("bootcode".into(), body)));
                }
            }
            return;
        }
        if let Expects::Body(name, announced, _) = std::mem::replace(&mut self.expects, Expects::Anything) {
            if announced.is_some_and(|len| len as usize != body.len()) {
                self.breach(format!("{} bytes of {name} instead of {announced:?}", body.len()));
            }
            self.bus.with(&self.port, |board| board.got.push((name, body)));
        }
    }

    /// What is to happen before the next byte.
    fn mischief(&mut self) -> Option<(usize, Mischief)> {
        match (&self.rom, &self.expects) {
            (Some(Rom::VanishesAfter(at)), _) if self.bootcode.is_some() => {
                Some((*at, Mischief::Vanish(*at)))
            }
            (Some(Rom::StallsAfter(at)), _) if self.bootcode.is_some() => Some((*at, Mischief::Stall(*at))),
            (Some(Rom::StallsOnceAfter(at)), _) if self.bootcode.is_some() && !self.stalled => {
                Some((*at, Mischief::Stall(*at)))
            }
            (None, Expects::Body(_, _, Some(mischief))) => {
                let (Mischief::Vanish(at) | Mischief::Stall(at) | Mischief::Stop(at)) = *mischief;
                Some((at, *mischief))
            }
            _ => None,
        }
    }
}

impl Transport for Open {
    fn control_out(&mut self, value: u16, index: u16, timeout: Duration) -> Result<(), Fault> {
        self.here()?;
        if timeout < Duration::from_secs(1) {
            self.breach("a short time limit of a control transfer");
        }
        if self.rom == Some(Rom::Deaf) {
            return Err(Fault::Timeout);
        }
        if self.due > 0 {
            self.breach(format!("a new length while {} bytes are due", self.due));
        }
        let len = u32::from(value) | u32::from(index) << 16;
        self.due = len as usize;
        if self.rom.is_some() {
            return Ok(());
        }
        match self.expects.clone() {
            Expects::Length(name, contents) => {
                // No contents follow the length.
                self.due = 0;
                self.expects = Expects::Anything;
                if contents && len > 0 {
                    self.announced = Some((name, len));
                }
            }
            Expects::Nothing => {
                if len != 0 {
                    self.breach(format!("length {len} where nothing was asked for"));
                }
                self.due = 0;
                self.expects = Expects::Anything;
            }
            Expects::Body(name, _, _) => {
                if len == 0 {
                    self.expects = Expects::Anything;
                    self.bus.with(&self.port, |board| board.got.push((name, Vec::new())));
                } else {
                    let work = self.bus.with(&self.port, |board| {
                        board.during.take_if(|(wanted, _)| *wanted == name).map(|(_, work)| work)
                    });
                    if let Some(work) = work {
                        work();
                    }
                }
            }
            other => self.breach(format!("length {len} while {other:?}")),
        }
        Ok(())
    }

    fn control_in(
        &mut self,
        value: u16,
        index: u16,
        buf: &mut [u8],
        timeout: Duration,
    ) -> Result<usize, Fault> {
        self.here()?;
        if index != 0 || usize::from(value) != buf.len() {
            self.breach(format!("a read of {} bytes with value {value}, index {index}", buf.len()));
        }
        if timeout < Duration::from_secs(20) {
            self.breach("a short time limit of a read: the answer would be taken for another one's");
        }
        if let Some(rom) = self.rom.clone() {
            if self.due > 0 {
                self.breach(format!("a read while {} bytes are due", self.due));
            }
            let answer = match rom {
                Rom::LeavesAtOnce => {
                    self.leave();
                    return Err(Fault::Gone);
                }
                Rom::NeverBack => {
                    self.never_back();
                    return Err(Fault::Gone);
                }
                Rom::Stays(code) => code,
                Rom::Answers(code) => {
                    self.leave();
                    code
                }
                _ => {
                    self.leave();
                    0
                }
            };
            buf.copy_from_slice(&answer.to_le_bytes());
            return Ok(4);
        }
        if !matches!(self.expects, Expects::Anything | Expects::Silence) {
            self.breach(format!("a read while {:?}", self.expects));
        }
        self.expects = Expects::Silence;
        if let Some((name, len)) = self.announced.take() {
            let message = self.message(1, &name);
            self.expects = Expects::Body(name, Some(len), None);
            buf.copy_from_slice(&message);
            return Ok(message.len());
        }
        let body = |name: &str, mischief| Expects::Body(name.to_owned(), None, Some(mischief));
        let bytes = match self.asks.pop_front() {
            None | Some(Ask::Leaves) => {
                self.leave();
                return Err(Fault::Gone);
            }
            Some(Ask::File(name)) => {
                self.expects = Expects::Length(name.to_owned(), true);
                self.message(0, name)
            }
            Some(Ask::Size(name)) => {
                self.expects = Expects::Length(name.to_owned(), false);
                self.message(0, name)
            }
            Some(Ask::ForEver(name)) => {
                self.asks.push_front(Ask::ForEver(name));
                self.expects = Expects::Length(name.to_owned(), false);
                self.message(0, name)
            }
            Some(Ask::Contents(name)) => {
                self.expects = Expects::Body(name.to_owned(), None, None);
                self.message(1, name)
            }
            Some(Ask::VanishesIn(name, at)) => {
                self.expects = body(name, Mischief::Vanish(at));
                self.message(1, name)
            }
            Some(Ask::StallsIn(name, at)) => {
                self.expects = body(name, Mischief::Stall(at));
                self.message(1, name)
            }
            Some(Ask::StopsIn(name, at)) => {
                self.expects = body(name, Mischief::Stop(at));
                self.message(1, name)
            }
            Some(Ask::Tell(text)) => {
                self.expects = Expects::Nothing;
                self.message(0, text)
            }
            Some(Ask::EmptyName) => {
                self.expects = Expects::Nothing;
                self.message(0, "")
            }
            Some(Ask::Done) => {
                // It boots now, and is gone from the bus a moment later.
                self.leave();
                self.message(2, "done")
            }
            Some(Ask::Raw(bytes)) => bytes,
            Some(Ask::Wire(times)) => {
                if times > 1 {
                    self.asks.push_front(Ask::Wire(times - 1));
                }
                return Err(Fault::Wire);
            }
            Some(Ask::Silent) => {
                self.asks.push_front(Ask::Silent);
                return Err(Fault::Timeout);
            }
            Some(Ask::Hangs) => {
                // As long as the test program runs.
                std::thread::park_timeout(Duration::from_secs(600));
                return Err(Fault::Timeout);
            }
        };
        let len = bytes.len().min(buf.len());
        buf[..len].copy_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn bulk_out(&mut self, bytes: &[u8], timeout: Duration) -> Result<usize, Fault> {
        self.here()?;
        if bytes.is_empty() {
            self.breach("an empty packet");
        }
        if timeout < Duration::from_secs(1) {
            self.breach("a short time limit of a bulk transfer");
        }
        let refused = self.bus.with(&self.port, |board| {
            board.largest = board.largest.max(bytes.len());
            let lacks = board.lacks_memory > 0;
            board.lacks_memory = board.lacks_memory.saturating_sub(1);
            lacks || board.refuse_above.is_some_and(|limit| bytes.len() > limit)
        });
        if refused {
            return Err(Fault::TooLarge);
        }
        if bytes.len() > self.due {
            self.breach(format!("{} bytes where {} are due", bytes.len(), self.due));
            return Err(Fault::Stall);
        }
        let mut take = bytes.len();
        if let Some((at, mischief)) = self.mischief() {
            let room = at.saturating_sub(self.body.len());
            if room == 0 {
                return match mischief {
                    Mischief::Vanish(_) => {
                        self.leave();
                        Err(Fault::Gone)
                    }
                    Mischief::Stall(_) => {
                        self.stalled = true;
                        Err(Fault::Stall)
                    }
                    Mischief::Stop(_) => Ok(0),
                };
            }
            take = take.min(room);
        }
        self.body.extend_from_slice(&bytes[..take]);
        self.due -= take;
        if self.due == 0 {
            self.complete();
        }
        Ok(take)
    }

    fn clear_halt(&mut self) -> Result<(), Fault> {
        self.here()
    }
}

/// The files of a payload, in a directory of its own.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new(files: &[(&str, usize)]) -> Self {
        let files_dir = Self(tempfile::tempdir().unwrap());
        for (name, len) in files {
            files_dir.put(name, &contents(name, *len));
        }
        files_dir
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("payload")
    }

    /// `bootfiles.bin` with these members.
    pub(crate) fn archive(&self, members: &[(&str, usize)]) {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, len) in members {
            let mut header = tar::Header::new_ustar();
            header.set_size(*len as u64);
            builder.append_data(&mut header, name, &contents(name, *len)[..]).unwrap();
        }
        self.put("bootfiles.bin", &builder.into_inner().unwrap());
    }
}

/// Bytes that belong to a name, so that one file can't be taken for another.
pub(crate) fn contents(name: &str, len: usize) -> Vec<u8> {
    let mut state =
        name.bytes().fold(0x811c_9dc5_u32, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(next).collect()
}
