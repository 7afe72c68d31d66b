//! Follows the boots of all boards by what the servers tell: DHCP, TFTP and the wire. Whose it is and what it means is
//! said here, in the servers' threads, so nothing here waits: what is to be shown and recorded goes into a queue.

mod others;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::allowance::Allowance;
use super::event::What;
use super::queue::{News, Queue, Stepped};
use crate::arming::Arms;
use crate::board::{Known, Mac, Serial, Who};
use crate::dhcp::event::{Answer, Event as DhcpEvent, Heard, Silence};
use crate::dhcp::packet::Kind;
use crate::dhcp::pi::{DhcpClient, Stage};
use crate::error::{Remedy, Task, remedy};
use crate::netboot::content::clients::NetbootClients;
use crate::netboot::content::place::{self, Prefix};
use crate::netboot::reason::{Once, Reason, Site, Told as Explained};
use crate::netboot::servers::Servers;
use crate::netboot::steps::{Book, Id, Signal, Step, Steps, Told};
use crate::run::Moment;
use crate::tftp::event::{Event as TftpEvent, What as TftpWhat};
use crate::tftp::packet::{Code, Direction};
use crate::wire::Neighbours;

/// What is known of all boards' boots, shared by the servers' threads.
pub(super) struct Follower<'a> {
    /// This host's address.
    here: AtomicU32,
    boards: Arc<Known>,
    clients: Arc<RwLock<NetbootClients>>,
    neighbours: Arc<Neighbours>,
    arms: Arc<Arms>,
    state: Mutex<State>,
    queue: &'a Queue,
    /// Wakes the thread that looks at the time.
    waker: &'a (dyn Fn() + Sync),
}

struct State {
    book: Book,
    roms: BTreeSet<Mac>,
    warned: BTreeSet<String>,
    /// What clients without a boot of their own were told to have.
    others: BTreeMap<Mac, Once>,
    /// How much more is told of them.
    allowance: Allowance,
    servers: Servers,
    /// What the reasons need to know of this server.
    site: Site,
    /// Servers that only a client has named: a look at the network is to tell more.
    named: BTreeSet<Ipv4Addr>,
    /// When the thread that looks at the time is going to.
    armed: Option<Instant>,
}

/// How long a ROM's neighbour entry stays from its first request on: it fetches one file of 50 KB, and gives up after 25 s.
const KEPT: Duration = Duration::from_secs(60);
/// ROMs that are remembered, warnings that aren't repeated, clients without a boot that are told apart.
const MOST: usize = 4096;

impl<'a> Follower<'a> {
    pub(super) fn new(
        here: Ipv4Addr,
        site: Site,
        boards: Arc<Known>,
        clients: Arc<RwLock<NetbootClients>>,
        (neighbours, arms): (Arc<Neighbours>, Arc<Arms>),
        queue: &'a Queue,
        waker: &'a (dyn Fn() + Sync),
    ) -> Self {
        let state = State {
            book: Book::default(),
            roms: BTreeSet::new(),
            warned: BTreeSet::new(),
            others: BTreeMap::new(),
            allowance: Allowance::new(others::OF_OTHERS, Instant::now()),
            servers: Servers::new(here, site.mode),
            site,
            named: BTreeSet::new(),
            armed: None,
        };
        Self {
            here: AtomicU32::new(here.into()),
            boards,
            clients,
            neighbours,
            arms,
            state: Mutex::new(state),
            queue,
            waker,
        }
    }

    /// A panic elsewhere doesn't make the state wrong, so poison is ignored.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn here(&self) -> Ipv4Addr {
        self.here.load(Ordering::Relaxed).into()
    }

    /// This host has another address, on an interface that may be another one.
    pub(super) fn moved(&self, here: Ipv4Addr, site: Site) {
        self.here.store(here.into(), Ordering::Relaxed);
        let mut state = self.state();
        state.servers.moved(here);
        state.site = site;
    }

    /// The interface has another name.
    pub(super) fn renamed(&self, interface: &str) {
        self.state().site.interface = interface.to_owned();
    }

    /// The name of the interface.
    pub(super) fn interface(&self) -> String {
        self.state().site.interface.clone()
    }

    /// Takes what the DHCP server tells.
    pub(super) fn dhcp(&self, event: DhcpEvent) {
        let site = self.state().site.clone();
        self.dhcp_on(&site, event);
    }

    /// Takes what a DHCP server tells that serves there.
    pub(super) fn dhcp_on(&self, site: &Site, event: DhcpEvent) {
        let mut state = self.state();
        self.tell(What::Dhcp { dhcp: event.clone() });
        match event {
            DhcpEvent::Heard(heard) => self.heard(&mut state, &heard, site),
            DhcpEvent::Sent(sent) => self.sent(&mut state, &sent),
            DhcpEvent::Addressed { mac, address } => {
                self.signal(&mut state, Id::Mac(mac), &Signal::Has(address));
                self.boards.learn(&Who { address: Some(address.into()), ..Who::with_mac(mac) });
            }
            DhcpEvent::Unsaved { path, why } => {
                self.warn(
                    &mut state,
                    format!(
                        "leases can't be written to {}: {why}; boards get no answer until they can",
                        path.display()
                    ),
                );
            }
            DhcpEvent::Shortened { path, count } => {
                let leases = crate::format::count(count as u64, "lease");
                self.warn(
                    &mut state,
                    format!(
                        "{leases} in {} ended later than netboot.lease-time lets any, and are shortened to that: it \
                         was longer before, or this host's clock was wrong or is wrong now",
                        path.display()
                    ),
                );
            }
            DhcpEvent::Conflict { address, holder, mac } => {
                self.reason(&mut state, mac, Reason::InUse { address, holder }, site);
            }
            DhcpEvent::NoRaw { why } => {
                self.warn(
                    &mut state,
                    format!("answers go to everybody, since raw sockets can't be had: {why}"),
                );
            }
            DhcpEvent::Unsent { mac, message, unsaved, why } => {
                self.reason(&mut state, mac, Reason::Unsent { message, unsaved, error: why }, site);
            }
            _ => {}
        }
    }

    fn heard(&self, state: &mut State, heard: &Heard, site: &Site) {
        let (id, client) = (Id::Mac(heard.mac), heard.client);
        if client.is_look() {
            return;
        }
        if let Some(other) = client.serial.and_then(|serial| self.boards.by_serial(&serial))
            && let (Some(serial), Some(owner)) = (other.serial, other.mac)
            && owner != heard.mac
        {
            let text =
                format!("{} claims the serial number {serial} of {owner}; it gets nothing for it", heard.mac);
            self.warn(state, remedy![text, self.another_chip(&serial, heard.mac)]);
        }
        if client.stage.is_pi() || client.serial.is_some() {
            self.boards.learn(&client.who(heard.mac));
        }
        match client.stage {
            Stage::Rom if state.roms.len() < MOST => {
                state.roms.insert(heard.mac);
            }
            // The ROM has done its part.
            _ if state.roms.remove(&heard.mac) => self.neighbours.unpin(heard.mac),
            _ => {}
        }
        if client.is_system() {
            // Its boot is over: what asks next is another one.
            self.arms.loaded(&client.who(heard.mac), Instant::now());
        }
        if matches!(
            heard.answer,
            Answer::None {
                why: Silence::Withheld | Silence::Denied | Silence::NotAllowed | Silence::NothingForIt
            }
        ) {
            // It goes on to its disk, or is a stranger: there is no boot to follow.
            if let Some(reason) = Reason::of(heard) {
                self.tell_reason(state, heard.mac, reason, client, site);
            }
            return;
        }
        match heard.message {
            Kind::Discover => self.signal(state, id, &Signal::Discover(client)),
            Kind::Request => self.signal(state, id, &Signal::Request(client)),
            _ => {}
        }
        // Who has which address is known before its answer goes out: it may ask for a file at once.
        let address = match heard.answer {
            // A ROM uses it without asking for it.
            Answer::Offer { address, .. } | Answer::Ack { address, .. } => Some(address),
            // It takes another server's offer, or renews it: that is its address, beside a proxy.
            Answer::None { why: Silence::OtherServer { .. } | Silence::NotGivenHere }
                if heard.message == Kind::Request =>
            {
                if let Some(address) = heard.wanted {
                    self.signal(state, id, &Signal::Ack(address));
                }
                heard.wanted
            }
            _ => None,
        };
        if address.is_some() {
            let address = address.map(IpAddr::V4);
            self.boards.learn(&Who { address, ..client.who(heard.mac) });
        }
        if let Answer::None { why: Silence::OtherServer { server } } = heard.answer {
            self.named(state, server);
        }
        if let Some(reason) = Reason::of(heard) {
            self.tell_reason(state, heard.mac, reason, client, site);
        }
    }

    /// Takes what the TFTP server tells.
    pub(super) fn tftp(&self, event: TftpEvent) {
        let IpAddr::V4(ip) = event.peer.ip().to_canonical() else { return };
        let path = event.path.trim_start_matches('/').to_owned();
        let mut state = self.state();
        let id = self.id(ip, &path);
        let signal = match event.what {
            TftpWhat::Requested { direction: Direction::Read } => {
                self.keep(&state, id, ip);
                Signal::Asked(path)
            }
            TftpWhat::Progress { bytes, .. } => {
                self.queue.push(News::Bytes { id, bytes, moment: Moment::now() });
                return;
            }
            TftpWhat::Finished { bytes, .. } => Signal::Sent(path, bytes),
            TftpWhat::Probed => Signal::Probed(path),
            TftpWhat::Refused { code: Code::NOT_FOUND, .. } => Signal::Missing(path),
            TftpWhat::Refused { message, .. } => Signal::Failed(path, message),
            TftpWhat::Failed { why, .. } => Signal::Failed(path, why),
            TftpWhat::Crowded => {
                self.warn(
                    &mut state,
                    "there are more transfers at once than are allowed; boards wait".to_owned(),
                );
                return;
            }
            _ => return,
        };
        self.signal(&mut state, id, &signal);
    }

    /// A ROM asks for its file: from now on it answers no ARP.
    fn keep(&self, state: &State, id: Id, ip: Ipv4Addr) {
        let Id::Mac(mac) = id else { return };
        if !state.roms.contains(&mac) {
            return;
        }
        self.neighbours.pin(ip, mac, KEPT);
    }

    /// Makes sure that the time is looked at by then.
    fn arm(&self, state: &mut State, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        // What is due later than before is seen when it was due before.
        if state.armed.is_none_or(|armed| deadline < armed) {
            state.armed = Some(deadline);
            (self.waker)();
        }
    }

    /// A board has opened a connection to NFS.
    pub(super) fn nfs(&self, ip: Ipv4Addr, source: Mac) {
        let mac = self.boards.by_address(ip.into()).and_then(|known| known.mac).unwrap_or(source);
        self.signal(&mut self.state(), Id::Mac(mac), &Signal::Nfs);
    }

    /// Whose request it is: by address, by the kernel's neighbours, or by the directory that it asks in.
    fn id(&self, ip: Ipv4Addr, path: &str) -> Id {
        let by_ip = self.boards.by_address(ip.into()).and_then(|known| known.mac);
        let mac = by_ip.or_else(|| self.neighbours.find(ip)).or_else(|| match place::split(path).0? {
            Prefix::Serial(serial) => self.boards.by_serial(&serial).and_then(|known| known.mac),
            Prefix::Mac(mac) => Some(mac),
        });
        mac.map_or(Id::Ip(ip), Id::Mac)
    }

    fn signal(&self, state: &mut State, id: Id, signal: &Signal) {
        let moment = Moment::now();
        for told in state.book.hear(id, signal, moment.at) {
            // The status has changed.
            if matches!(told.step, Step::Discover { count: 1, .. } | Step::Loaded { .. }) {
                (self.waker)();
            }
            if matches!(told.step, Step::Loaded { .. }) {
                let steps = state.book.get(told.id);
                self.arms.loaded(&told.id.who(steps, &self.boards), moment.at);
            }
            self.stepped(state, told, moment);
        }
        let deadline = state.book.get(id).and_then(Steps::deadline);
        self.arm(state, deadline);
    }

    fn stepped(&self, state: &mut State, told: Told, moment: Moment) {
        let Told { id, mut step } = told;
        if let Step::Reason(Explained { reason: Reason::NoAddress { .. }, .. }) = step {
            // The boot alone doesn't show which servers there are.
            let reason = Reason::NoAddress { servers: state.servers.giving().collect() };
            let client = state.book.get(id).map_or(DhcpClient::UNKNOWN, Steps::client);
            let told = reason.told(client, &state.site);
            state.book.explain(id, &told);
            step = Step::Reason(told);
        }
        let steps = state.book.get(id);
        self.queue.push(News::Step(Stepped {
            id,
            step,
            board: self.who(id, steps),
            stage: steps.map_or(crate::run::Stage::Address, Steps::run_stage),
            trail: steps.map(Steps::trail).unwrap_or_default(),
            moment,
        }));
    }

    /// What is known of a board by now: what it said, what DHCP knows, and what it is called as a client.
    fn who(&self, id: Id, steps: Option<&Steps>) -> Who {
        let who = id.who(steps, &self.boards);
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        let by_serial = || clients.by_serial(&who.serial?);
        let client = who.mac.and_then(|mac| clients.by_mac(mac)).or_else(by_serial);
        Who { name: client.map(|client| client.name.clone()), ..who }
    }

    /// What helps where a client's board has another network chip now, and is still the board.
    fn another_chip(&self, serial: &Serial, mac: Mac) -> Remedy {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        clients.by_serial(serial).map_or_else(Remedy::default, |client| {
            remedy![
                format!("; if {} has another network chip now, make its client that of {mac}: ", client.name),
                Task::ClientSet.of(&client.name),
            ]
        })
    }

    /// Something that is not as it should be, told once.
    fn warn(&self, state: &mut State, text: impl Into<Remedy>) {
        let text = text.into();
        if state.warned.len() < MOST && state.warned.insert(text.plain()) {
            self.tell(What::Warning { text });
        }
    }

    /// Tells something that belongs to no board.
    pub(super) fn tell(&self, what: What) {
        self.queue.push(News::Server { moment: Moment::now(), what });
    }

    /// Looks at the time, and says when to look again.
    pub(super) fn tick(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        let moment = Moment { at: now, ..Moment::now() };
        for told in state.book.tick(now) {
            self.stepped(&mut state, told, moment);
        }
        if let Some(why) = self.neighbours.trouble() {
            self.warn(
                &mut state,
                format!("no lasting neighbour entry can be made for a Pi 3's ROM, which may lose it: {why}"),
            );
        }
        state.armed = state.book.deadline();
        state.armed
    }

    /// How many boards there are, and how many have their kernel.
    pub(super) fn count(&self) -> (usize, usize) {
        let state = self.state();
        let all = state.book.all();
        (all.len(), all.iter().filter(|(_, steps)| steps.is_loaded()).count())
    }
}
