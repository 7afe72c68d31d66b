//! Models of boards that boot over the network: the ROM of a Pi 3, bootcode.bin, the bootloaders of Pi 4 and 5. Each
//! is a state machine that takes Ethernet frames and gives Ethernet frames, with the DISCOVERs, times, file orders and
//! faults of its kind. Nothing here uses the program's own code for packets: it is a second opinion.
#![allow(dead_code, reason = "every test program uses another part of it")]
#![allow(clippy::unwrap_used, reason = "a model that can't go on fails the test")]

pub(crate) mod batch;
pub(crate) mod script;
pub(crate) mod wire;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use batch::Batch;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use script::{Op, Script};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use wire::{Seen, arp_answer, arp_question, dhcp, udp};

/// Which board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Pi 3B: its ROM fetches bootcode.bin, which does the rest.
    Pi3,
    /// Pi 3B with bootcode.bin on an SD card.
    Pi3Card,
    /// Pi 3B+: a ROM with fewer faults.
    Pi3Plus,
    /// Pi 4B.
    Pi4,
    /// CM4.
    Cm4,
    /// Pi 5.
    Pi5,
}

/// The program that runs on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Rom,
    RomPlus,
    Bootcode,
    Eeprom,
}

/// What a board has fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum File {
    /// Content.
    Bytes(Vec<u8>),
    /// Its length, where the model doesn't keep content.
    Length(u64),
}

impl File {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Length(len) => *len,
        }
    }
}

/// A board.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) kind: Kind,
    pub(crate) mac: [u8; 6],
    pub(crate) serial: u32,
    /// How it ended; `None` while it goes on.
    pub(crate) end: Option<Result<(), String>>,
    /// What it has, by path as it asked.
    pub(crate) files: BTreeMap<String, File>,
    /// What it was told that there is not.
    pub(crate) missing: Vec<String>,
    /// Everything that it did, in words.
    pub(crate) log: Vec<String>,
    /// Its address and that of its TFTP server.
    pub(crate) address: Ipv4Addr,
    pub(crate) tftp: Ipv4Addr,
    /// Whether it keeps content.
    pub(crate) keep: bool,
    /// The block size that it asks for.
    pub(crate) blksize: u16,
    /// Its system asks DHCP for an address once the kernel runs.
    pub(crate) system: bool,
    /// How long after the others it is switched on.
    pub(crate) wait: Duration,
    /// The longest that a file took.
    pub(crate) slowest: Duration,
    /// When it was offered an address first.
    pub(crate) offered: Option<Instant>,
    /// Packets that it sent again.
    pub(crate) repeats: u64,
    /// Bytes of all files, those that came twice twice.
    pub(crate) fetched: u64,
    stage: Stage,
    phase: Phase,
    discovers: u32,
    first_discover: Option<Instant>,
    last_discover: Option<Instant>,
    xid: u32,
    offer: Option<(Ipv4Addr, Ipv4Addr)>,
    boot: Option<Ipv4Addr>,
    tftp_mac: Option<[u8; 6]>,
    arps: u32,
    timer: Option<Instant>,
    script: Script,
    transfers: Vec<Transfer>,
    port: u16,
    fetching: bool,
    out: VecDeque<Vec<u8>>,
    mute_arp: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Off,
    Discover,
    Request,
    Arp,
    Fetch,
    Kernel,
    Over,
}

#[derive(Debug)]
struct Transfer {
    path: String,
    port: u16,
    server: Option<u16>,
    next: u64,
    blksize: usize,
    bytes: Vec<u8>,
    len: u64,
    last: Vec<u8>,
    tries: u32,
    sent: Instant,
    began: Instant,
    /// Ends after its first block.
    probe: bool,
    /// One of several for the same file that is given up.
    extra: bool,
}

/// From the last file to the system's first word; a real one takes seconds.
const KERNEL: Duration = Duration::from_millis(400);
/// Silence after which a packet is sent again.
const AGAIN: Duration = Duration::from_millis(1500);

impl Board {
    pub(crate) fn new(kind: Kind, number: u16) -> Self {
        let [high, low] = number.to_be_bytes();
        let (mac, stage) = match kind {
            Kind::Pi3 => ([0xb8, 0x27, 0xeb, 0x03, high, low], Stage::Rom),
            Kind::Pi3Card => ([0xb8, 0x27, 0xeb, 0x13, high, low], Stage::Bootcode),
            Kind::Pi3Plus => ([0xb8, 0x27, 0xeb, 0x3b, high, low], Stage::RomPlus),
            Kind::Pi4 => ([0xdc, 0xa6, 0x32, 0x04, high, low], Stage::Eeprom),
            Kind::Cm4 => ([0xe4, 0x5f, 0x01, 0x04, high, low], Stage::Eeprom),
            Kind::Pi5 => ([0x2c, 0xcf, 0x67, 0x05, high, low], Stage::Eeprom),
        };
        let serial = u32::from_be_bytes([0x9c, mac[3], high, low]);
        Self {
            kind,
            mac,
            serial,
            end: None,
            files: BTreeMap::new(),
            missing: Vec::new(),
            log: Vec::new(),
            address: Ipv4Addr::UNSPECIFIED,
            tftp: Ipv4Addr::UNSPECIFIED,
            keep: true,
            blksize: 1468,
            system: true,
            wait: Duration::ZERO,
            slowest: Duration::ZERO,
            offered: None,
            repeats: 0,
            fetched: 0,
            stage,
            phase: Phase::Off,
            discovers: 0,
            first_discover: None,
            last_discover: None,
            xid: if matches!(stage, Stage::Eeprom) { u32::from(number) << 8 | 7 } else { 0x26f3_0339 },
            offer: None,
            boot: None,
            tftp_mac: None,
            arps: 0,
            timer: None,
            script: script::of(kind, matches!(stage, Stage::Rom | Stage::RomPlus), serial),
            transfers: Vec::new(),
            port: 49152,
            fetching: false,
            out: VecDeque::new(),
            mute_arp: false,
        }
    }

    /// Asks for these files too, at the end.
    pub(crate) fn also(&mut self, files: &[String]) {
        self.script.add(files);
    }

    /// Its directory's name.
    pub(crate) fn directory(&self) -> String {
        format!("{:08x}", self.serial)
    }

    /// Switches it on.
    fn power(&mut self, now: Instant) {
        self.discover_phase(now);
    }

    pub(crate) fn has_kernel(&self) -> bool {
        self.end == Some(Ok(()))
    }

    fn say(&mut self, what: impl Into<String>) {
        self.log.push(what.into());
    }

    fn fail(&mut self, why: impl Into<String>) {
        let why = why.into();
        self.say(format!("FAILED: {why}"));
        self.phase = Phase::Over;
        self.end = Some(Err(why));
        self.timer = None;
        self.transfers.clear();
    }

    // DHCP

    fn discover_phase(&mut self, now: Instant) {
        self.phase = Phase::Discover;
        self.discovers = 0;
        (self.offer, self.boot, self.tftp_mac, self.first_discover) = (None, None, None, Some(now));
        self.mute_arp = false;
        self.discover(now);
    }

    fn discover(&mut self, now: Instant) {
        self.discovers += 1;
        self.last_discover = Some(now);
        let id = self.machine_id();
        let mut options = vec![(53, vec![1])];
        let asks: &[u8] = match self.stage {
            Stage::Rom | Stage::RomPlus => &[43, 60, 67, 128, 129, 130, 131, 132, 133, 134, 135, 66],
            _ => &[1, 3, 43, 60, 66, 67, 128, 129, 130, 131, 132, 133, 134, 135],
        };
        options.push((55, asks.to_vec()));
        options.push((93, vec![0, 0]));
        options.push((94, vec![1, 2, 1]));
        options.push((97, id));
        options.push((60, b"PXEClient:Arch:00000:UNDI:002001".to_vec()));
        let message = dhcp(self.mac, self.xid, &options);
        self.broadcast(&message);
        self.say(format!("DISCOVER {}", self.discovers));
        let every = if matches!(self.stage, Stage::Rom | Stage::RomPlus) { 5 } else { 4 };
        self.timer = Some(now + Duration::from_secs(every));
    }

    fn machine_id(&self) -> Vec<u8> {
        let serial = self.serial.to_le_bytes();
        let four = || [&[0][..], &serial, &serial, &serial, &serial].concat();
        match (self.stage, self.kind) {
            (Stage::Rom, _) => [&[0][..], &[0x44; 16]].concat(),
            (Stage::RomPlus | Stage::Bootcode, _) => four(),
            (Stage::Eeprom, kind) => {
                let (name, revision): (&[u8; 4], u32) = match kind {
                    Kind::Pi5 => (b"RPi5", 0x00d0_4170),
                    Kind::Cm4 => (b"RPi4", 0x00b0_3140),
                    _ => (b"RPi4", 0x00c0_3114),
                };
                [&[0][..], name, &revision.to_le_bytes(), &self.mac[2..], &serial].concat()
            }
        }
    }

    fn broadcast(&mut self, message: &[u8]) {
        let frame = udp(self.mac, [0xff; 6], (Ipv4Addr::UNSPECIFIED, 68), (Ipv4Addr::BROADCAST, 67), message);
        self.out.push_back(frame);
    }

    fn on_dhcp(&mut self, reply: &wire::Reply, now: Instant) {
        if reply.chaddr != self.mac || reply.xid != self.xid {
            return;
        }
        match (self.phase, reply.kind) {
            (Phase::Discover, 2) => {
                let words: &[u8] = match self.stage {
                    // Its text has to be exactly this, with its three spaces.
                    Stage::Rom => b"\x14Raspberry Pi Boot   ",
                    _ => b"Raspberry Pi Boot",
                };
                let vendor = reply.options.get(&43).map(Vec::as_slice).unwrap_or_default();
                let is_pxe = reply.options.get(&60).is_some_and(|class| class == b"PXEClient");
                if is_pxe && self.boot.is_none() && vendor.windows(words.len()).any(|at| at == words) {
                    let id = reply.options.get(&97);
                    assert!(
                        id.is_none_or(|id| *id == self.machine_id()),
                        "the machine id comes back as it was"
                    );
                    let named = reply
                        .options
                        .get(&66)
                        .and_then(|text| std::str::from_utf8(text).ok()?.trim_end_matches('\0').parse().ok());
                    let server = Some(reply.siaddr).filter(|ip| !ip.is_unspecified()).or(named);
                    self.boot = server.or(reply.server());
                    self.say(format!("boot offer of {:?}: {:?}", reply.server(), self.boot));
                }
                if !reply.yiaddr.is_unspecified() && self.offer.is_none() {
                    let server = reply.server().unwrap_or(reply.siaddr);
                    self.offer = Some((reply.yiaddr, server));
                    self.offered = self.offered.or(Some(now));
                    self.say(format!("address offer of {server}: {}", reply.yiaddr));
                }
                if let (Some((address, server)), Some(boot)) = (self.offer, self.boot) {
                    self.tftp = boot;
                    if matches!(self.stage, Stage::Rom | Stage::RomPlus) {
                        // Takes what it was offered without asking for it.
                        self.address = address;
                        self.arp_phase(now);
                    } else {
                        self.phase = Phase::Request;
                        self.request(address, server, now);
                    }
                }
            }
            (Phase::Request, 5) if !reply.yiaddr.is_unspecified() => {
                self.address = reply.yiaddr;
                self.say(format!("ACK {}", self.address));
                self.arp_phase(now);
            }
            (Phase::Request, 6) => self.fail("its REQUEST was refused"),
            _ => {}
        }
    }

    fn request(&mut self, address: Ipv4Addr, server: Ipv4Addr, now: Instant) {
        // Without option 60: so does the real one.
        let options = [
            (53, vec![3]),
            (54, server.octets().to_vec()),
            (50, address.octets().to_vec()),
            (97, self.machine_id()),
        ];
        let message = dhcp(self.mac, self.xid, &options);
        self.broadcast(&message);
        self.timer = Some(now + Duration::from_secs(4));
    }

    // ARP

    fn arp_phase(&mut self, now: Instant) {
        self.phase = Phase::Arp;
        self.arps = 0;
        self.arp(now);
    }

    fn arp(&mut self, now: Instant) {
        self.arps += 1;
        self.out.push_back(arp_question(self.mac, self.address, self.tftp));
        self.timer = Some(now + Duration::from_secs(1));
    }

    fn on_arp(&mut self, arp: &wire::Arp, now: Instant) {
        if arp.asks && arp.target == self.address && !self.address.is_unspecified() && !self.mute_arp {
            self.out.push_back(arp_answer(self.mac, self.address, arp.mac, arp.sender));
        }
        if !arp.asks && self.phase == Phase::Arp && arp.sender == self.tftp {
            self.tftp_mac = Some(arp.mac);
            self.phase = Phase::Fetch;
            self.timer = None;
            self.next_file(None, now);
        }
    }

    // TFTP

    /// Goes on in the script with what the last question came to.
    fn next_file(&mut self, found: Option<bool>, now: Instant) {
        self.fetching = false;
        match self.script.next(found) {
            Op::Get(path) => self.ask(&path, false, 1, now),
            Op::GetThrice(path) => self.ask(&path, false, 3, now),
            Op::Probe(path) => self.ask(&path, true, 1, now),
            Op::Bootcode => {
                self.say("bootcode.bin runs");
                self.stage = Stage::Bootcode;
                self.script = script::of(self.kind, false, self.serial);
                self.discover_phase(now);
            }
            Op::Kernel => {
                self.say("the kernel runs");
                self.phase = Phase::Kernel;
                self.timer = Some(now + KERNEL);
            }
            Op::Fail(why) => self.fail(why),
        }
    }

    /// The kernel is done with itself.
    fn system(&mut self) {
        self.phase = Phase::Over;
        self.end = Some(Ok(()));
        if self.system {
            let options = [(53, vec![1]), (55, vec![1, 3, 6]), (12, b"raspberrypi".to_vec())];
            let message = dhcp(self.mac, 0x1234_5678, &options);
            self.broadcast(&message);
        }
    }

    fn ask(&mut self, path: &str, probe: bool, times: u32, now: Instant) {
        if self.stage == Stage::Rom {
            // From now on it answers no ARP.
            self.mute_arp = true;
        }
        self.fetching = true;
        for n in 0..times {
            let mut request = [&[0, 1][..], path.as_bytes(), b"\0octet\0"].concat();
            if !matches!(self.stage, Stage::Rom | Stage::RomPlus) {
                request.extend(b"tsize\x000\0");
            }
            if self.stage == Stage::Eeprom {
                request.extend(format!("blksize\0{}\0", self.blksize).bytes());
            }
            self.port = if self.port == u16::MAX { 49152 } else { self.port + 1 };
            let transfer = Transfer {
                path: path.to_owned(),
                port: self.port,
                server: None,
                next: 1,
                blksize: 512,
                bytes: Vec::new(),
                len: 0,
                last: request,
                tries: 0,
                sent: now,
                began: now,
                probe,
                extra: n > 0,
            };
            self.transfers.push(transfer);
            self.send_tftp(self.transfers.len() - 1, now);
        }
    }

    fn send_tftp(&mut self, at: usize, now: Instant) {
        let transfer = &mut self.transfers[at];
        transfer.sent = now;
        let to = (self.tftp, transfer.server.unwrap_or(69));
        let frame = udp(self.mac, self.tftp_mac.unwrap(), (self.address, transfer.port), to, &transfer.last);
        self.out.push_back(frame);
    }

    fn on_tftp(&mut self, from: u16, to: u16, data: &[u8], now: Instant) {
        let Some(at) = self.transfers.iter().position(|transfer| transfer.port == to) else { return };
        let too_fast = self.stage == Stage::Rom
            && self.last_discover.is_some_and(|asked| now < asked + Duration::from_secs(2));
        if too_fast {
            return self.fail("DHCP and TFTP were answered within 2 s: the ROM hangs");
        }
        let transfer = &mut self.transfers[at];
        if transfer.server.is_some_and(|server| server != from) {
            return;
        }
        transfer.server = Some(from);
        match data {
            [0, 6, options @ ..] if transfer.next == 1 => {
                let words: Vec<_> = options.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
                for pair in words.chunks_exact(2) {
                    if pair[0].eq_ignore_ascii_case("blksize") {
                        transfer.blksize = pair[1].parse().unwrap();
                    }
                }
                transfer.last = vec![0, 4, 0, 0];
                self.send_tftp(at, now);
            }
            [0, 3, high, low, block @ ..] => {
                if u16::from_be_bytes([*high, *low]) != transfer.next as u16 {
                    return;
                }
                assert!(block.len() <= transfer.blksize, "a block as it was agreed");
                if transfer.probe || transfer.extra {
                    transfer.last = b"\0\x05\0\0Early terminate\0".to_vec();
                    self.send_tftp(at, now);
                    let transfer = self.transfers.remove(at);
                    if !transfer.extra {
                        self.say(format!("probed {}", transfer.path));
                        self.next_file(Some(true), now);
                    }
                    return;
                }
                transfer.next += 1;
                transfer.tries = 0;
                transfer.len += block.len() as u64;
                if self.keep {
                    transfer.bytes.extend(block);
                }
                transfer.last = vec![0, 4, *high, *low];
                let is_last = block.len() < transfer.blksize;
                self.send_tftp(at, now);
                if is_last {
                    self.slowest = self.slowest.max(now.saturating_duration_since(self.transfers[at].began));
                    let transfer = self.transfers.remove(at);
                    let file =
                        if self.keep { File::Bytes(transfer.bytes) } else { File::Length(transfer.len) };
                    self.say(format!("got {} ({} bytes)", transfer.path, file.len()));
                    self.fetched += file.len();
                    self.files.insert(transfer.path, file);
                    self.next_file(Some(true), now);
                }
            }
            [0, 5, _, code, ..] => {
                let transfer = self.transfers.remove(at);
                if *code != 1 {
                    return self.fail(format!("{}: error {code}", transfer.path));
                }
                if !transfer.extra {
                    self.say(format!("no {}", transfer.path));
                    self.missing.push(transfer.path);
                    self.next_file(Some(false), now);
                }
            }
            _ => {}
        }
    }

    // Frames and time

    /// Takes a frame that is for this board or for everybody.
    pub(crate) fn hear(&mut self, frame: &[u8], now: Instant) {
        if self.phase == Phase::Off {
            return;
        }
        match wire::read(frame) {
            Some(Seen::Arp(arp)) => self.on_arp(&arp, now),
            Some(Seen::Udp { to, from_port, to_port: 68, data, .. }) => {
                let mine = to == Ipv4Addr::BROADCAST || frame[..6] == self.mac;
                if mine
                    && from_port == 67
                    && let Some(reply) = wire::reply(data)
                {
                    self.on_dhcp(&reply, now);
                }
            }
            Some(Seen::Udp { from, to, from_port, to_port, data })
                if to == self.address && from == self.tftp && self.phase == Phase::Fetch =>
            {
                self.on_tftp(from_port, to_port, data, now);
            }
            _ => {}
        }
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.timer.is_some_and(|at| at <= now) {
            self.timer = None;
            let since =
                self.first_discover.map_or(Duration::ZERO, |first| now.saturating_duration_since(first));
            match self.phase {
                Phase::Off => self.power(now),
                Phase::Discover
                    if matches!(self.stage, Stage::Rom | Stage::RomPlus) && self.discovers >= 5 =>
                {
                    self.fail("no usable offer in 25 s");
                }
                Phase::Discover if since >= Duration::from_secs(45) => self.fail("no usable offer in 45 s"),
                Phase::Discover => self.discover(now),
                Phase::Request => match self.offer {
                    Some((address, server)) if since < Duration::from_secs(45) => {
                        self.request(address, server, now)
                    }
                    _ => self.fail("no ACK"),
                },
                Phase::Arp if self.arps >= 10 => self.fail(format!("{} answers no ARP", self.tftp)),
                Phase::Arp => self.arp(now),
                Phase::Kernel => self.system(),
                _ => {}
            }
        }
        for at in 0..self.transfers.len() {
            if self.transfers[at].sent + AGAIN <= now {
                self.transfers[at].tries += 1;
                self.repeats += 1;
                if self.transfers[at].tries > 6 {
                    let path = self.transfers[at].path.clone();
                    return self.fail(format!("{path}: no answer"));
                }
                self.send_tftp(at, now);
            }
        }
        // TFTP_FILE_TIMEOUT.
        if let Some(slow) =
            self.transfers.iter().find(|transfer| transfer.began + Duration::from_secs(30) <= now)
        {
            let (path, len) = (slow.path.clone(), slow.len);
            if self.stage == Stage::Eeprom && self.keep {
                self.fail(format!("{path}: {len} bytes in 30 s"));
            }
        }
    }

    /// When [`Board::tick`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.transfers.iter().map(|transfer| transfer.sent + AGAIN).chain(self.timer).min()
    }
}

/// A packet socket on an interface of this thread's network namespace, with large buffers.
pub(crate) fn socket(interface: &str) -> Socket {
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0))).unwrap();
    socket.set_nonblocking(true).unwrap();
    // Forced: the usual limit of 208 KiB is less than what a rack of boards has in flight.
    let size: libc::c_int = 64 << 20;
    // Through the device's queue: what bypasses it isn't seen by a watcher of this interface.
    let options =
        [(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, size), (libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, size)];
    for (level, name, value) in options {
        // SAFETY: the pointer is to a c_int that outlives the call, with its size.
        unsafe {
            libc::setsockopt(
                std::os::fd::AsRawFd::as_raw_fd(&socket),
                level,
                name,
                (&raw const value).cast(),
                4,
            );
        }
    }
    let name = std::ffi::CString::new(interface).unwrap();
    // SAFETY: a C string.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    assert_ne!(index, 0, "no interface {interface}");
    // SAFETY: all zeros are a valid sockaddr_storage, and a sockaddr_ll fits into it.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, len| {
            let address = storage.cast::<libc::sockaddr_ll>();
            (*address).sll_family = libc::AF_PACKET as u16;
            (*address).sll_protocol = (libc::ETH_P_ALL as u16).to_be();
            (*address).sll_ifindex = index.cast_signed();
            *len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            Ok(())
        })
        .unwrap()
    };
    socket.bind(&address).unwrap();
    socket
}

/// Lets boards boot, all on one wire, until each has ended or the time is over.
pub(crate) fn run(boards: &mut [Board], interface: &str, time: Duration) {
    let socket = socket(interface);
    let mut batch = Batch::new(&socket);
    let mut out = Vec::new();
    let by_mac: HashMap<[u8; 6], usize> =
        boards.iter().enumerate().map(|(at, board)| (board.mac, at)).collect();
    let start = Instant::now();
    let end = start + time;
    for board in boards.iter_mut() {
        if board.phase == Phase::Off {
            board.timer = Some(start + board.wait);
        }
    }
    loop {
        let now = Instant::now();
        boards.iter_mut().for_each(|board| board.tick(now));
        boards.iter_mut().for_each(|board| out.extend(board.out.drain(..)));
        batch.send(&mut out);
        if boards.iter().all(|board| board.end.is_some()) || now >= end {
            break;
        }
        let next = boards.iter().filter_map(Board::deadline).min().unwrap_or(end).min(end);
        let left = next.saturating_duration_since(now).max(Duration::from_millis(1));
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        let _ = poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&left));
        // All that has come. A look at every board's time is only worth it now and then.
        let now = Instant::now();
        let sweep = now + Duration::from_millis(20);
        loop {
            let now = Instant::now();
            let got = batch.receive();
            for frame in (0..got).map(|at| batch.frame(at)) {
                let Some(to) = frame.first_chunk::<6>() else { continue };
                if let Some(at) = by_mac.get(to) {
                    boards[*at].hear(frame, now);
                    out.extend(boards[*at].out.drain(..));
                } else if *to == [0xff; 6] {
                    for board in boards.iter_mut() {
                        board.hear(frame, now);
                        out.extend(board.out.drain(..));
                    }
                }
            }
            batch.send(&mut out);
            if got == 0 || now >= sweep {
                break;
            }
        }
    }
    for board in boards {
        if board.end.is_none() {
            board.fail(format!("not done after {time:?}"));
        }
    }
}
