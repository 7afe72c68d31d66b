//! The driver: sockets, the clock, the disk. What to do is the policy's to say.

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::clock::{Clock, Look};
use super::event::Event;
use super::journal::{Journal, Reports};
use super::net::Port;
use super::outbox::Outbox;
use super::packet::{CLIENT_PORT, PXE_PORT, Packet, SERVER_PORT};
use super::policy::{Action, Arrival, Policy, Reply, To};
use super::server::Server;
use crate::per_second::PerSecond;
use crate::stop::{Stop, until};
use crate::wire::PacketSocket;
use crate::wire::frame::Payload;

/// Messages that are taken from one port before the other things get their turn.
const TURN: usize = 128;
/// Troubles of one kind that are told in each second.
pub(super) const TOLD_A_SECOND: u32 = 10;
/// How long the host keeps the Ethernet address of a board whose ROM answers no more questions about it.
const PINNED: Duration = Duration::from_secs(120);
/// The largest DHCP message that comes in one frame.
const MESSAGE: usize = 2048;

/// A server that serves: its sockets, the clock, the disk. What to do is the policy's to say.
pub(super) struct Loop<'a> {
    pub(super) server: &'a Server,
    pub(super) raw: Option<&'a mut PacketSocket>,
    pub(super) events: &'a mut dyn FnMut(Event),
    pub(super) policy: &'a mut Policy,
    pub(super) journal: Journal,
    pub(super) outbox: Outbox,
    pub(super) reports: &'a Reports,
    pub(super) malformed: PerSecond,
    pub(super) unsaved: PerSecond,
    pub(super) unsent: PerSecond,
    pub(super) clock: &'a mut Clock,
}

impl Loop<'_> {
    pub(super) fn run(&mut self, stop: &Stop) -> io::Result<()> {
        if let Some(why) = self.server.no_raw.clone() {
            (self.events)(Event::NoRaw { why });
        }
        loop {
            self.wait(stop)?;
            if stop.is_set() {
                return Ok(());
            }
            self.server.pulse.clear();
            self.server.beat(self.raw.as_deref());
            self.on_reports();
            self.on_arp();
            self.on_port(&self.server.dhcp, SERVER_PORT);
            self.on_port(&self.server.pxe, PXE_PORT);
            let now = Instant::now();
            for reply in self.outbox.due(now) {
                self.send(&reply);
            }
        }
    }

    /// Waits for a message, for the disk, or for the time of an answer.
    fn wait(&self, stop: &Stop) -> io::Result<()> {
        let due = self.outbox.next();
        let fd = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let common = [
            fd(stop.as_fd()),
            fd(self.server.dhcp.as_fd()),
            fd(self.server.pxe.as_fd()),
            fd(self.reports.as_fd()),
            fd(self.server.pulse.as_fd()),
        ];
        match &self.raw {
            Some(raw) => {
                let [a, b, c, d, e] = common;
                until(&mut [a, b, c, d, e, fd(raw.as_fd())], due).map(drop)
            }
            None => until(&mut { common }, due).map(drop),
        }
    }

    /// Unix time in seconds. Where the clock was set, leases are moved along before anything else is done.
    fn now(&mut self) -> u64 {
        let Look { now, was } = self.clock.look();
        if let Some(was) = was {
            tracing::debug!(was, now, "the clock was set");
            let actions = self.policy.clock_set(was, now);
            self.act(actions);
        }
        now
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
                    if self.unsaved.allows(Instant::now()) {
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
        for _ in 0..TURN {
            let Some(raw) = &mut self.raw else { return };
            // An error says that the interface is gone, and then nothing comes.
            let Ok(Some(frame)) = raw.take() else { return };
            // A device that only asks (RFC 5227) has no address yet.
            if let Payload::Arp(arp) = frame.payload
                && !arp.sender.1.is_unspecified()
            {
                let (holder, address) = arp.sender;
                let now = self.now();
                let mut actions = self.policy.conflict(address, holder, now);
                actions.extend(self.policy.shown(holder, address, now));
                self.act(actions);
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
                    let arms = &self.server.config.arms;
                    let verdict = |mac, serial| arms.boots(Some(mac), serial, Instant::now());
                    let now = self.now();
                    let actions = self.policy.handle_where(&packet, arrival, now, &verdict);
                    self.act(actions);
                }
                Err(why) if self.malformed.allows(Instant::now()) => {
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
        let mut unspent = None;
        for action in actions {
            match action {
                Action::Spend(mac, turn) => {
                    if let Err(error) = self.server.config.arms.spend(turn, now) {
                        tracing::debug!(%mac, turn, %error, "its one boot can't be written");
                        unspent = Some(error);
                    }
                }
                Action::Send(reply) if unspent.is_some() => {
                    let why = unspent.as_ref().map(ToString::to_string).unwrap_or_default();
                    self.unsent(&reply, true, || why);
                }
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
        if let Some(raw) = &self.raw {
            let _ = raw.ask_arp(address);
        }
    }

    fn send(&mut self, reply: &Reply) {
        let port = if reply.port == PXE_PORT { &self.server.pxe } else { &self.server.dhcp };
        let everybody = SocketAddrV4::new(Ipv4Addr::BROADCAST, CLIENT_PORT);
        let sent = match (reply.to, &self.raw) {
            (To::Host(to), _) => port.send(to, &reply.bytes),
            (To::Frame { address }, Some(raw)) => {
                if reply.pin {
                    self.server.neighbours.pin(address, reply.mac, PINNED);
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
    pub(super) fn unsent(&mut self, reply: &Reply, unsaved: bool, why: impl FnOnce() -> String) {
        if self.unsent.allows(Instant::now()) {
            (self.events)(Event::Unsent { mac: reply.mac, message: reply.kind, unsaved, why: why() });
        }
    }
}
