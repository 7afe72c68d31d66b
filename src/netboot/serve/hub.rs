//! Where everything that is heard comes together: DHCP, TFTP and the wire tell it, and it tells what that means.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use super::event::{Board, Event};
use super::neighbour::Kept;
use crate::board::Mac;
use crate::dhcp::event::{Answer, Event as DhcpEvent, Heard};
use crate::dhcp::packet::Kind;
use crate::dhcp::pi::Stage;
use crate::netboot::content::boards::Boards;
use crate::netboot::content::clients::Clients;
use crate::netboot::content::place::{self, Prefix};
use crate::netboot::steps::{Book, Id, Offer, Signal, Step, Told};
use crate::tftp::event::{Event as TftpEvent, What};
use crate::tftp::packet::{Code, Direction};

/// Tells an event; called from several threads, one at a time.
pub type Tell<'a> = &'a (dyn Fn(&Event) + Send + Sync);

/// What is shared by the threads.
pub(super) struct Hub<'a> {
    here: Ipv4Addr,
    boards: Arc<Boards>,
    clients: Arc<RwLock<Clients>>,
    state: Mutex<State>,
    tell: Tell<'a>,
    /// Wakes the thread that looks at the time.
    waker: &'a (dyn Fn() + Sync),
}

struct State {
    book: Book,
    kept: Kept,
    roms: BTreeSet<Mac>,
    warned: BTreeSet<String>,
    /// When the thread that looks at the time is going to.
    armed: Option<Instant>,
}

/// ROMs that are remembered, and warnings that aren't repeated.
const MOST: usize = 4096;

impl<'a> Hub<'a> {
    pub(super) fn new(
        here: Ipv4Addr,
        boards: Arc<Boards>,
        clients: Arc<RwLock<Clients>>,
        kept: Kept,
        tell: Tell<'a>,
        waker: &'a (dyn Fn() + Sync),
    ) -> Self {
        let state = State {
            book: Book::default(),
            kept,
            roms: BTreeSet::new(),
            warned: BTreeSet::new(),
            armed: None,
        };
        Self { here, boards, clients, state: Mutex::new(state), tell, waker }
    }

    /// A panic elsewhere doesn't make the state wrong, so poison is ignored.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what the DHCP server tells.
    pub(super) fn dhcp(&self, event: DhcpEvent) {
        let mut state = self.state();
        (self.tell)(&Event::Dhcp { dhcp: event.clone() });
        match event {
            DhcpEvent::Heard(heard) => self.heard(&mut state, &heard),
            DhcpEvent::Unsaved { path, why } => {
                self.warn(
                    &mut state,
                    format!(
                        "leases can't be written to {}: {why}; boards get no answer until they can",
                        path.display()
                    ),
                );
            }
            DhcpEvent::Conflict { address, holder, mac } => {
                self.warn(
                    &mut state,
                    format!("{address} was about to be given to {mac}, but {holder} has it"),
                );
            }
            DhcpEvent::NoRaw { why } => {
                self.warn(
                    &mut state,
                    format!("answers go to everybody, since raw sockets can't be had: {why}"),
                );
            }
            DhcpEvent::Unsent { mac, why } => {
                self.warn(&mut state, format!("an answer to {mac} could not be sent: {why}"))
            }
            _ => {}
        }
    }

    fn heard(&self, state: &mut State, heard: &Heard) {
        let (id, client) = (Id::Mac(heard.mac), heard.client);
        if let Some(other) = client.serial.and_then(|serial| self.boards.by_serial(serial))
            && other.mac != heard.mac
        {
            let serial = other.serial.unwrap_or_default();
            let text = format!(
                "{} claims the serial number {serial:08x} of {}; it gets nothing for it",
                heard.mac, other.mac
            );
            self.warn(state, text);
        }
        if client.stage.is_pi() || client.serial.is_some() {
            self.boards.learn(heard.mac, client.serial, None);
        }
        match client.stage {
            Stage::Rom if state.roms.len() < MOST => {
                state.roms.insert(heard.mac);
            }
            // The ROM has done its part.
            _ if state.roms.remove(&heard.mac) => state.kept.release(heard.mac),
            _ => {}
        }
        match heard.message {
            Kind::Discover => self.signal(state, id, &Signal::Discover(client)),
            Kind::Request => self.signal(state, id, &Signal::Request(client)),
            _ => {}
        }
        let (from, boots) = (self.here, client.stage.boots_as_pi());
        let offer = |address| Signal::Offer(Offer { from, ours: true, boots, address });
        let address = match heard.answer {
            Answer::Offer { address, .. } => {
                self.signal(state, id, &offer(Some(address)));
                // A ROM uses it without asking for it.
                Some(address)
            }
            Answer::BootOffer { .. } => {
                self.signal(state, id, &offer(None));
                None
            }
            Answer::Ack { address, .. } => {
                self.signal(state, id, &Signal::Ack(address));
                Some(address)
            }
            // It takes another server's offer: that is its address, beside a proxy.
            Answer::None { .. } if heard.message == Kind::Request => {
                if let Some(address) = heard.wanted {
                    self.signal(state, id, &Signal::Ack(address));
                }
                heard.wanted
            }
            _ => None,
        };
        if address.is_some() {
            self.boards.learn(heard.mac, client.serial, address);
        }
    }

    /// Takes what the TFTP server tells.
    pub(super) fn tftp(&self, event: TftpEvent) {
        let IpAddr::V4(ip) = event.peer.ip().to_canonical() else { return };
        let path = event.path.trim_start_matches('/').to_owned();
        let mut state = self.state();
        let id = self.id(ip, &path);
        let signal = match event.what {
            What::Requested { direction: Direction::Read } => {
                self.keep(&mut state, id, ip);
                Signal::Asked(path)
            }
            What::Progress { bytes, total } => {
                (self.tell)(&Event::Progress { board: id, path, bytes, total });
                return;
            }
            What::Finished { bytes, .. } => Signal::Sent(path, bytes),
            What::Probed => Signal::Probed(path),
            What::Refused { code: Code::NOT_FOUND, .. } => Signal::Missing(path),
            What::Refused { message, .. } => Signal::Failed(path, message),
            What::Failed { why, .. } => Signal::Failed(path, why),
            What::Crowded => {
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
    fn keep(&self, state: &mut State, id: Id, ip: Ipv4Addr) {
        let Id::Mac(mac) = id else { return };
        if !state.roms.contains(&mac) {
            return;
        }
        let kept = state.kept.keep(ip, mac, Instant::now());
        let deadline = state.kept.deadline();
        self.arm(state, deadline);
        if let Err(error) = kept {
            self.warn(
                state,
                format!(
                    "no lasting neighbour entry can be made for a Pi 3's ROM, which may lose it: {error}"
                ),
            );
        }
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
        let mac = self.boards.by_ip(ip).map_or(source, |known| known.mac);
        self.signal(&mut self.state(), Id::Mac(mac), &Signal::Nfs);
    }

    /// Whose request it is: by address, by the kernel's neighbours, or by the directory that it asks in.
    fn id(&self, ip: Ipv4Addr, path: &str) -> Id {
        let by_ip = self.boards.by_ip(ip).map(|known| known.mac);
        let mac = by_ip.or_else(|| super::neighbour::find(ip)).or_else(|| match place::split(path).0? {
            Prefix::Serial(serial) => self.boards.by_serial(serial).map(|known| known.mac),
            Prefix::Mac(mac) => Some(mac),
        });
        mac.map_or(Id::Ip(ip), Id::Mac)
    }

    fn signal(&self, state: &mut State, id: Id, signal: &Signal) {
        let told = state.book.hear(id, signal, Instant::now());
        for told in told {
            // The status has changed.
            if matches!(told.step, Step::Discover { count: 1, .. } | Step::Loaded { .. }) {
                (self.waker)();
            }
            self.board(state, told);
        }
        let deadline = state.book.get(id).and_then(crate::netboot::steps::Steps::deadline);
        self.arm(state, deadline);
    }

    fn board(&self, state: &State, told: Told) {
        let steps = state.book.get(told.id);
        let serial = steps.and_then(crate::netboot::steps::Steps::serial);
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        let by_mac = match told.id {
            Id::Mac(mac) => clients.by_mac(mac),
            Id::Ip(_) => None,
        };
        let client = by_mac.or_else(|| clients.by_serial(serial?)).map(|client| client.name.clone());
        drop(clients);
        let address = match told.id {
            Id::Mac(mac) => self.boards.by_mac(mac).and_then(|known| known.ip),
            Id::Ip(ip) => Some(ip),
        };
        (self.tell)(&Event::Board(Board {
            board: told.id,
            client,
            model: steps.and_then(crate::netboot::steps::Steps::model),
            serial: serial.map(|serial| Prefix::Serial(serial).to_string()),
            address,
            trail: steps.map(crate::netboot::steps::Steps::trail).unwrap_or_default(),
            fetched: steps.map_or(0, crate::netboot::steps::Steps::bytes),
            step: told.step,
        }));
    }

    /// Something that is not as it should be, told once.
    fn warn(&self, state: &mut State, text: String) {
        if state.warned.len() < MOST && state.warned.insert(text.clone()) {
            (self.tell)(&Event::Warning { text: text.into() });
        }
    }

    /// Tells something that belongs to no board.
    pub(super) fn tell(&self, event: &Event) {
        // In order with the others.
        let _state = self.state();
        (self.tell)(event);
    }

    /// Looks at the time, and says when to look again.
    pub(super) fn tick(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        for told in state.book.tick(now) {
            self.board(&state, told);
        }
        state.kept.tick(now);
        state.armed = [state.book.deadline(), state.kept.deadline()].into_iter().flatten().min();
        state.armed
    }

    /// How many boards there are, and how many have their kernel.
    pub(super) fn count(&self) -> (usize, usize) {
        let state = self.state();
        let all = state.book.all();
        (all.len(), all.iter().filter(|(_, steps)| steps.is_loaded()).count())
    }
}

impl Step {
    /// Whether it is one that only somebody who looks for details wants to see.
    #[must_use]
    pub fn is_detail(&self) -> bool {
        matches!(self, Self::Got { .. } | Self::Probe { .. } | Self::Absent { .. })
    }
}
