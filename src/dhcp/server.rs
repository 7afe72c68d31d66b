//! The driver: sockets, the clock, the disk. What to do is the policy's to say.

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime};

use rustix::event::{PollFd, PollFlags};

use super::config::{AddressPlan, Config, Mode};
use super::error::Error;
use super::event::Event;
use super::interface::{self, Interface};
use super::journal::{self, Journal, Reports};
use super::lease::{Damage, Record, Store};
use super::neighbour;
use super::net::Port;
use super::outbox::Outbox;
use super::packet::{CLIENT_PORT, PXE_PORT, Packet, SERVER_PORT};
use super::policy::{Action, Arrival, Policy, Reply, To};
use super::probe;
use super::raw::{Raw, arp_sender};
use crate::stop::{Stop, until};

/// Messages that are taken from one port before the other things get their turn.
const TURN: usize = 128;
/// Troubles of one kind that are told in each second.
const TOLD_A_SECOND: u32 = 10;
/// How long the host keeps the Ethernet address of a board whose ROM answers no more questions about it.
const PINNED: Duration = Duration::from_secs(120);
/// The largest DHCP message that comes in one frame.
const MESSAGE: usize = 2048;

/// Sockets that another program has opened, such as systemd. What is missing is opened here.
#[derive(Debug, Default)]
pub struct Handed {
    /// UDP port 67.
    pub dhcp: Option<OwnedFd>,
    /// UDP port 4011.
    pub pxe: Option<OwnedFd>,
}

/// A DHCP server with its ports open.
#[derive(Debug)]
pub struct Server {
    interface: Interface,
    plan: AddressPlan,
    dhcp: Port,
    pxe: Port,
    raw: Option<Raw>,
    no_raw: Option<String>,
    store: Option<Store>,
    leases: PathBuf,
    damage: Option<Damage>,
}

impl Server {
    /// Checks the configuration against the interface, opens ports and leases, and in `dhcp` mode looks for another
    /// server first, which takes up to [`probe::PATIENCE`]; questions that come meanwhile wait in the kernel.
    ///
    /// # Errors
    /// For everything that keeps it from serving; see [`Error`].
    pub fn open(config: &Config, handed: Handed, stop: &Stop) -> Result<Self, Error> {
        let interface = interface::find(&config.interface)?;
        let plan = AddressPlan::new(config, &interface)?;
        let dhcp = Port::open(SERVER_PORT, &interface, plan.server, handed.dhcp)?;
        let pxe = Port::open(PXE_PORT, &interface, plan.server, handed.pxe)?;
        let (raw, no_raw) = match Raw::for_arp(interface.index) {
            Ok(raw) => (Some(raw), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let leases = config.state.join("dhcp").join(format!("{}.leases", interface.name));
        let (store, damage) = match plan.mode {
            Mode::Proxy => (None, None),
            Mode::Dhcp => {
                let (store, damage) = Store::open(&leases)?;
                (Some(store), damage)
            }
        };
        if plan.mode == Mode::Dhcp && !config.force {
            let is_full = |found: &probe::Found| found.offered.is_some();
            let found = probe::servers(&interface, probe::PATIENCE, stop, &is_full)?;
            if let Some(other) = found.iter().find(|found| is_full(found)) {
                return Err(Error::OtherServer { interface: interface.name, server: other.server });
            }
        }
        Ok(Self { interface, plan, dhcp, pxe, raw, no_raw, store, leases, damage })
    }

    /// The interface that it serves on.
    #[must_use]
    pub const fn interface(&self) -> &Interface {
        &self.interface
    }

    /// What it goes by: its own address, the network, the range.
    #[must_use]
    pub const fn plan(&self) -> &AddressPlan {
        &self.plan
    }

    /// What was damaged in the file of leases.
    #[must_use]
    pub const fn damage(&self) -> Option<&Damage> {
        self.damage.as_ref()
    }

    /// The leases as they were on disk; empty in proxy mode.
    #[must_use]
    pub fn leases(&self) -> Vec<Record> {
        self.store.as_ref().map(Store::records).unwrap_or_default()
    }

    /// Serves until `stop` is set. `events` is called on this thread and should not wait.
    ///
    /// # Errors
    /// Where the operating system refuses what the event loop needs. Nothing that a client sends does that, and
    /// neither does a disk that is full or an interface that goes down for a while.
    pub fn run(mut self, events: &mut dyn FnMut(Event), stop: &Stop) -> Result<(), Error> {
        let fail = |source| Error::Loop { interface: self.interface.name.clone(), source };
        let reports = Reports::new().map_err(fail)?;
        let mut store = self.store.take();
        let records = store.as_ref().map(Store::records).unwrap_or_default();
        let policy = Policy::new(self.plan.clone(), &records, self.raw.is_some());
        std::thread::scope(|scope| {
            let batches = store.as_mut().map(|store| {
                let (to, from) = mpsc::channel();
                let reports = reports.clone();
                scope.spawn(move || journal::write(store, &from, &reports));
                to
            });
            let mut work = Loop {
                server: &self,
                events,
                policy,
                journal: Journal::new(batches),
                outbox: Outbox::default(),
                reports: &reports,
                pinned: VecDeque::new(),
                malformed: Rate::default(),
                unsaved: Rate::default(),
                unsent: Rate::default(),
            };
            // The thread ends when the loop and with it the channel are gone; what was given to it is written first.
            let result = work.run(stop);
            work.unpin(None);
            result
        })
        .map_err(fail)
    }
}

struct Loop<'a> {
    server: &'a Server,
    events: &'a mut dyn FnMut(Event),
    policy: Policy,
    journal: Journal,
    outbox: Outbox,
    reports: &'a Reports,
    /// Boards whose Ethernet address this host was told, and until when.
    pinned: VecDeque<(Instant, Ipv4Addr)>,
    malformed: Rate,
    unsaved: Rate,
    unsent: Rate,
}

/// Keeps a flood of troubles from becoming a flood of events.
#[derive(Default)]
struct Rate {
    since: Option<Instant>,
    told: u32,
}

impl Rate {
    fn allows(&mut self) -> bool {
        if self.since.is_none_or(|since| since.elapsed() >= Duration::from_secs(1)) {
            *self = Self { since: Some(Instant::now()), told: 0 };
        }
        self.told += 1;
        self.told <= TOLD_A_SECOND
    }
}

/// Unix time in seconds.
fn unix_time() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

impl Loop<'_> {
    fn run(&mut self, stop: &Stop) -> io::Result<()> {
        if let Some(why) = self.server.no_raw.clone() {
            (self.events)(Event::NoRaw { why });
        }
        loop {
            self.wait(stop)?;
            if stop.is_set() {
                return Ok(());
            }
            self.on_reports();
            self.on_arp();
            self.on_port(&self.server.dhcp, SERVER_PORT);
            self.on_port(&self.server.pxe, PXE_PORT);
            let now = Instant::now();
            for reply in self.outbox.due(now) {
                self.send(&reply);
            }
            self.unpin(Some(now));
        }
    }

    /// Waits for a message, for the disk, or for the time of an answer.
    fn wait(&self, stop: &Stop) -> io::Result<()> {
        let unpin = self.pinned.front().map(|(until, _)| *until);
        let due = self.outbox.next().into_iter().chain(unpin).min();
        let fd = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let common = [
            fd(stop.as_fd()),
            fd(self.server.dhcp.as_fd()),
            fd(self.server.pxe.as_fd()),
            fd(self.reports.as_fd()),
        ];
        match &self.server.raw {
            Some(raw) => {
                let [a, b, c, d] = common;
                until(&mut [a, b, c, d, fd(raw.as_fd())], due).map(drop)
            }
            None => until(&mut { common }, due).map(drop),
        }
    }

    fn on_reports(&mut self) {
        for done in self.reports.take() {
            match done.failed {
                None => {
                    for reply in self.outbox.saved(done.up_to, Instant::now()) {
                        self.send(&reply);
                    }
                }
                Some(why) => {
                    let lost = self.outbox.lost(done.up_to);
                    if self.unsaved.allows() {
                        let path = self.server.leases.clone();
                        (self.events)(Event::Unsaved { path, why: why.clone() });
                    }
                    for reply in lost {
                        self.unsent(&reply, true, || why.clone());
                    }
                }
            }
        }
    }

    fn on_arp(&mut self) {
        let Some(raw) = &self.server.raw else { return };
        let mut buf = [MaybeUninit::uninit(); 64];
        for _ in 0..TURN {
            match raw.receive(&mut buf) {
                Ok(packet) => {
                    if let Some((holder, address)) = arp_sender(packet) {
                        let now = unix_time();
                        let mut actions = self.policy.conflict(address, holder, now);
                        actions.extend(self.policy.shown(holder, address, now));
                        self.act(actions);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The interface went down, or the like; poll says when there is more.
                Err(_) => {}
            }
        }
    }

    fn on_port(&mut self, port: &Port, number: u16) {
        let mut buf = [MaybeUninit::uninit(); MESSAGE];
        for _ in 0..TURN {
            let (bytes, from) = match port.receive(&mut buf) {
                Ok(Some(message)) => message,
                Ok(None) => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An ICMP error for something that was sent, or the like: the next message may be fine.
                Err(_) => continue,
            };
            match Packet::parse(bytes) {
                Ok(packet) => {
                    let arrival = Arrival { port: number, from };
                    let actions = self.policy.handle(&packet, arrival, unix_time());
                    self.act(actions);
                }
                Err(why) if self.malformed.allows() => {
                    (self.events)(Event::Malformed { from, why: why.to_string() });
                }
                Err(_) => {}
            }
        }
    }

    fn act(&mut self, actions: Vec<Action>) {
        let now = Instant::now();
        let mut records = Vec::new();
        let mut number = 0;
        // What was heard is told before what was sent for it.
        let mut ready = Vec::new();
        for action in actions {
            match action {
                Action::Record(record) => records.push(record),
                Action::Look(address) => self.look(address),
                Action::Withdraw(mac) => self.outbox.withdraw(mac),
                Action::Send(reply) => {
                    if !records.is_empty() {
                        number = self.journal.put(std::mem::take(&mut records));
                    }
                    ready.extend(self.outbox.put(reply, number, now));
                }
                Action::Tell(event) => (self.events)(event),
            }
        }
        if !records.is_empty() {
            self.journal.put(records);
        }
        ready.iter().for_each(|reply| self.send(reply));
    }

    fn look(&self, address: Ipv4Addr) {
        // Where asking fails, the interface is down, and the answer won't arrive either.
        if let (Some(raw), Some(own)) = (&self.server.raw, self.server.interface.mac) {
            let _ = raw.ask_arp(own, address);
        }
    }

    fn send(&mut self, reply: &Reply) {
        let port = if reply.port == PXE_PORT { &self.server.pxe } else { &self.server.dhcp };
        let everybody = SocketAddrV4::new(Ipv4Addr::BROADCAST, CLIENT_PORT);
        let sent = match (reply.to, &self.server.raw) {
            (To::Host(to), _) => port.send(to, &reply.bytes),
            (To::Frame { address }, Some(raw)) => {
                if reply.pin {
                    self.pinned.push_back((Instant::now() + PINNED, address));
                    // Without CAP_NET_ADMIN this host has to ask, which most boards answer.
                    let _ = neighbour::pin_through(
                        self.server.dhcp.as_fd(),
                        &self.server.interface.name,
                        address,
                        reply.mac,
                    );
                }
                let from = SocketAddrV4::new(self.server.plan.server, reply.port);
                raw.send_udp(reply.mac, from, SocketAddrV4::new(address, CLIENT_PORT), &reply.bytes)
            }
            (To::Broadcast, _) | (To::Frame { .. }, None) => port.send(everybody, &reply.bytes),
        };
        match sent {
            Ok(()) => (self.events)(Event::Sent(reply.sent())),
            Err(error) => self.unsent(reply, false, || error.to_string()),
        }
    }

    /// An answer is lost.
    fn unsent(&mut self, reply: &Reply, unsaved: bool, why: impl FnOnce() -> String) {
        if self.unsent.allows() {
            (self.events)(Event::Unsent { mac: reply.mac, message: reply.kind, unsaved, why: why() });
        }
    }

    /// Forgets the Ethernet addresses whose time is over, or all of them. From then on this host asks as usual.
    fn unpin(&mut self, now: Option<Instant>) {
        while self.pinned.front().is_some_and(|(until, _)| now.is_none_or(|now| *until <= now)) {
            let Some((_, address)) = self.pinned.pop_front() else { return };
            if !self.pinned.iter().any(|(_, other)| *other == address) {
                let _ =
                    neighbour::unpin_through(self.server.dhcp.as_fd(), &self.server.interface.name, address);
            }
        }
    }
}
