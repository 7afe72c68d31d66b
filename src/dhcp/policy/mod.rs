//! What to answer. Messages and the time go in, actions come out; there are no sockets here, and no clock.

mod grant;
mod pool;
mod relays;
mod reply;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use super::config::{AddressPlan, Mode};
use super::event::{Answer, Event, Heard, Silence};
use super::lease::Record;
use super::packet::{Kind, PXE_PORT, Packet, SERVER_PORT, code};
use super::pi::{DhcpClient, Stage};
use crate::arming::Verdict;
use crate::board::{Mac, Serial};
use crate::format::printable;
use relays::Shared;

pub use relays::Relays;
pub use reply::{PI_MENU, Reply, To};

/// How long an offer waits for another device to say that it has the address. A Pi's bootloader waits 4 s for it, and
/// a host on the same network answers in less than a millisecond.
pub const LOOK: Duration = Duration::from_millis(300);
/// Seconds after which a board that looks for a server again has begun anew. The ROM asks every 5 s.
const ANEW: u64 = 60;
/// Clients that are remembered; above it, those are forgotten that were silent for the longest time.
const REMEMBERED: usize = 8192;
/// Questions that are kept while another device may object to the answer.
const KEPT: usize = 1024;

/// Where a message came in.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// The port that it was sent to: 67 or 4011.
    pub port: u16,
    /// Its sender: the client, or a relay.
    pub from: SocketAddrV4,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// This board's one boot is used up with the answer. What is sent after it in the same list may go out only when that
    /// is on disk.
    Spend(Mac, u64),
    /// Put this on disk. What is sent after it in the same list may go out only when it is there.
    Record(Record),
    /// Ask the network whether a device has this address; see [`Policy::conflict`].
    Look(Ipv4Addr),
    /// Forget the answers to this client that still wait.
    Withdraw(Mac),
    /// Send this.
    Send(Reply),
    /// Tell this.
    Tell(Event),
}

/// What is remembered of a client.
#[derive(Debug)]
struct Seen {
    client: DhcpClient,
    tries: u32,
    at: u64,
    /// It was told where to boot from, and hasn't shown the address that another server gives it.
    awaited: bool,
}

/// A network that addresses are given out for.
#[derive(Debug)]
struct Net {
    plan: AddressPlan,
    /// Behind a relay it is that of all interfaces.
    pool: Shared,
    /// How far this server has moved the pool's times, since the clock was set.
    moved: i64,
}

/// The policy of one server.
#[derive(Debug)]
pub struct Policy {
    /// This host's own network, then those behind relays.
    nets: Vec<Net>,
    /// How long an offer of an address waits that nobody has looked at yet.
    look: Option<Duration>,
    seen: HashMap<Mac, Seen>,
    /// The questions behind offers of addresses that were never given out before, to be answered anew where somebody
    /// has the address.
    questions: HashMap<Mac, (u64, Arrival, Box<[u8]>)>,
    /// The serial numbers that boards with an address have told. They tell them while they boot, and their systems don't:
    /// what hangs on the number has to go on with the lease, also over a restart.
    serials: HashMap<Mac, Serial>,
}

impl Policy {
    /// A policy with the leases that were on disk. `can_look` says that [`Action::Look`] can be done; offers don't wait
    /// for it otherwise.
    #[must_use]
    pub fn new(plan: AddressPlan, records: &[Record], can_look: bool) -> Self {
        let relayed = plan.relayed.clone();
        let nets = std::iter::once(plan).chain(relayed).enumerate().map(|(at, plan)| {
            let pool = if at == 0 { Shared::new(&plan) } else { plan.relays.pool(&plan) };
            records.iter().for_each(|record| pool.lock().restore(record));
            let moved = pool.lock().moved();
            Net { plan, pool, moved }
        });
        let (nets, look) = (nets.collect(), can_look.then_some(LOOK));
        let mut policy =
            Self { nets, look, seen: HashMap::new(), questions: HashMap::new(), serials: HashMap::new() };
        policy.restore_serials(records);
        policy
    }

    /// Takes over the serial numbers that were on disk.
    fn restore_serials(&mut self, records: &[Record]) {
        // They stand in the order of time: where two say the same number, it is that of the one that was here last.
        let told = records.iter().filter_map(|record| match record {
            Record::Serial { mac, serial } => Some((*mac, *serial)),
            _ => None,
        });
        for (mac, serial) in told {
            self.plan().lasting.heard(mac, Some(serial));
            self.serials.insert(mac, serial);
        }
    }

    /// A board with an address has told its serial number: that stays with its lease, on disk too.
    fn pair(&mut self, mac: Mac, serial: Option<Serial>, actions: &mut Vec<Action>) {
        let Some(serial) = serial else { return };
        let held: usize = self.nets.iter().map(|net| net.pool.lock().len()).sum();
        if self.serials.len() > 2 * held + KEPT {
            let nets = &self.nets;
            self.serials.retain(|mac, _| nets.iter().any(|net| net.pool.lock().of(*mac).is_some()));
        }
        self.serials.insert(mac, serial);
        actions.push(Action::Record(Record::Serial { mac, serial }));
    }

    /// What holds for all networks, and this host's own.
    fn plan(&self) -> &AddressPlan {
        &self.nets[0].plan
    }

    /// Decides about one message, where every board may boot. `now` is Unix time in seconds.
    pub fn handle(&mut self, packet: &Packet<'_>, arrival: Arrival, now: u64) -> Vec<Action> {
        self.handle_where(packet, arrival, now, &|_, _| Verdict::Answer)
    }

    /// Decides about one message. `verdict` says of a board whether it may boot from here. One that may not gets no answer
    /// while its boot program asks; the system on it goes on having its address.
    pub fn handle_where(
        &mut self,
        packet: &Packet<'_>,
        arrival: Arrival,
        now: u64,
        verdict: &dyn Fn(Mac, Option<Serial>) -> Verdict,
    ) -> Vec<Action> {
        if packet.is_reply {
            let mut actions = Vec::with_capacity(1);
            let heard = self.heard(packet, arrival, DhcpClient::UNKNOWN, 0);
            let answer = Answer::None { why: Silence::NoQuestion };
            actions.push(Action::Tell(Event::Heard(Heard { answer, ..heard })));
            return actions;
        }
        let (client, tries) = self.remember(packet, now);
        let heard = self.heard(packet, arrival, client, tries);
        let mut actions = Vec::with_capacity(4);
        let refused = self.plan().admission.refuses(packet.mac, client.serial);
        let verdict = match self.boots(client) {
            _ if refused.is_some() => Verdict::Answer,
            Ok(_) => verdict(packet.mac, client.serial),
            Err(_) => Verdict::Answer,
        };
        let answer = match (refused, arrival.port, self.plan().mode) {
            (Some(why), ..) => Answer::None { why },
            _ if verdict == Verdict::Withhold => Answer::None { why: Silence::Withheld },
            (_, PXE_PORT, _) => self.boot_server(packet, arrival, client, &mut actions),
            (_, SERVER_PORT, Mode::Proxy) => self.proxy(packet, client, &mut actions),
            (_, SERVER_PORT, Mode::Dhcp) => self.grant(packet, arrival, client, now, &mut actions),
            _ => Answer::None { why: Silence::WrongPort },
        };
        let answer = match answer {
            Answer::None { why } if self.was_meant(packet, client, why) => {
                Answer::None { why: Silence::NothingForIt }
            }
            answer => answer,
        };
        if let Verdict::Spend(turn) = verdict
            && !matches!(answer, Answer::None { .. })
        {
            actions.insert(0, Action::Spend(packet.mac, turn));
        }
        actions.push(Action::Tell(Event::Heard(Heard { answer, ..heard })));
        actions
    }

    /// Whether a client that is no board of ours is named by the settings all the same. Beside another server a system is
    /// no matter of ours, and where there are boot files it is the missing one that is told.
    fn was_meant(&self, packet: &Packet<'_>, client: DhcpClient, why: Silence) -> bool {
        let plan = self.plan();
        let counts = match why {
            Silence::NoPi => plan.mode == Mode::Dhcp || client.arch.is_some(),
            Silence::NoBootFile => client.stage == Stage::Pc && plan.boot_files.is_empty(),
            _ => false,
        };
        counts && packet.kind == Kind::Discover && plan.admission.lists(packet.mac, client.serial)
    }

    /// A device answered for an address. Where it was on offer to a board that hasn't taken it yet, the board gets
    /// another one.
    pub fn conflict(&mut self, address: Ipv4Addr, holder: Mac, now: u64) -> Vec<Action> {
        let owner = self.nets[0].pool.lock().owner(address);
        let Some(mac) = owner.filter(|mac| *mac != holder) else { return Vec::new() };
        // A client that has taken its address since will find out for itself, and decline it.
        let Some((asked, arrival, question)) = self.questions.remove(&mac) else { return Vec::new() };
        let mut actions = vec![Action::Withdraw(mac), Action::Tell(Event::Conflict { address, holder, mac })];
        let until = self.nets[0].pool.lock().bar(address, now);
        actions.push(Action::Record(Record::Barred { address, until }));
        if now.saturating_sub(asked) < ANEW
            && let Ok(packet) = Packet::parse(&question)
        {
            let client = self.seen.get(&mac).map_or(DhcpClient::UNKNOWN, |seen| seen.client);
            // The event of the question was told. That it gets no answer after all is another one.
            let answer = self.grant(&packet, arrival, client, now, &mut actions);
            if matches!(answer, Answer::None { .. }) {
                let tries = self.seen.get(&mac).map_or(0, |seen| seen.tries);
                let heard = self.heard(&packet, arrival, client, tries);
                actions.push(Action::Tell(Event::Heard(Heard { answer, ..heard })));
            }
        }
        actions
    }

    /// The host's clock was set: what was `was` is `now` (Unix time in seconds). Boards have their addresses for as long as
    /// they were told, whatever the time of day is called.
    pub fn clock_set(&mut self, was: u64, now: u64) -> Vec<Action> {
        let moved = |at: u64| now.saturating_add(at).saturating_sub(was);
        self.seen.values_mut().for_each(|seen| seen.at = moved(seen.at));
        self.questions.values_mut().for_each(|(at, ..)| *at = moved(*at));
        let by = i64::try_from(i128::from(now) - i128::from(was)).unwrap_or(0);
        let mut records = Vec::new();
        for net in &mut self.nets {
            net.moved = net.moved.saturating_add(by);
            records.extend(net.pool.lock().clock_set(net.moved));
        }
        records.into_iter().map(Action::Record).collect()
    }

    /// A device says that it has an address. In proxy mode that is how a board is seen to have one from another server:
    /// a ROM says nothing else of it.
    pub fn shown(&mut self, mac: Mac, address: Ipv4Addr, now: u64) -> Option<Action> {
        let seen = self.seen.get_mut(&mac)?;
        let counts = seen.awaited && now.saturating_sub(seen.at) < ANEW;
        (counts && std::mem::take(&mut seen.awaited))
            .then_some(Action::Tell(Event::Addressed { mac, address }))
    }

    /// Which board it is, and how often it has asked.
    fn remember(&mut self, packet: &Packet<'_>, now: u64) -> (DhcpClient, u32) {
        let mut client = DhcpClient::of(packet, &self.plan().ouis);
        if self.seen.len() >= REMEMBERED && !self.seen.contains_key(&packet.mac) {
            self.seen.retain(|_, seen| now.saturating_sub(seen.at) < ANEW);
            if self.seen.len() >= REMEMBERED {
                self.seen.clear();
            }
        }
        let is_proxy = self.plan().mode == Mode::Proxy;
        let seen = self.seen.entry(packet.mac).or_insert(Seen { client, tries: 0, at: now, awaited: false });
        let recent = now.saturating_sub(seen.at) < ANEW;
        // What follows an offer comes from the same program, also where it doesn't say so again.
        if packet.kind == Kind::Request
            && packet.has(code::SERVER_ID)
            && recent
            && seen.client.stage.boots_as_pi()
        {
            client.stage = seen.client.stage;
        }
        client.serial =
            client.serial.or(seen.client.serial).or_else(|| self.serials.get(&packet.mac).copied());
        client.revision = client.revision.or(seen.client.revision);
        seen.tries = match packet.kind {
            Kind::Discover if recent => seen.tries + 1,
            Kind::Discover => 1,
            _ => 0,
        };
        seen.client = client;
        seen.at = now;
        seen.awaited = is_proxy && packet.kind == Kind::Discover && client.stage.boots_as_pi();
        (client, seen.tries)
    }

    fn heard(&self, packet: &Packet<'_>, arrival: Arrival, client: DhcpClient, tries: u32) -> Heard {
        let wanted = packet.address(code::REQUESTED_ADDRESS).or(Some(packet.ciaddr));
        let name = packet.option(code::HOST_NAME).filter(|name| !name.is_empty());
        Heard {
            mac: packet.mac,
            client,
            message: packet.kind,
            port: arrival.port,
            relay: Some(packet.giaddr).filter(|relay| !relay.is_unspecified()),
            tries,
            wanted: wanted.filter(|address| !address.is_unspecified()),
            name: name.map(|name| printable(&name)),
            answer: Answer::Info,
        }
    }

    /// How long the offer to a board is held back.
    fn delay(&self, mac: Mac, stage: Stage) -> Duration {
        let usual = if stage == Stage::Rom { self.plan().rom_delay } else { Duration::ZERO };
        self.plan().delays.get(&mac).copied().unwrap_or(usual)
    }

    /// Whether a client is told where to boot from, and by which file where it is a PC.
    fn boots(&self, client: DhcpClient) -> Result<Option<&str>, Silence> {
        match (client.stage, client.arch) {
            (stage, _) if stage.boots_as_pi() => Ok(None),
            (Stage::Pc | Stage::PiFirmware, Some(arch)) => {
                self.plan().boot_files.get(&arch).map(|file| Some(file.as_str())).ok_or(Silence::NoBootFile)
            }
            (Stage::PiHost, _) => Err(Silence::NoNetboot),
            _ => Err(Silence::NoPi),
        }
    }

    /// Proxy mode, port 67: tells boards where to boot from, and never gives an address.
    fn proxy(&self, packet: &Packet<'_>, client: DhcpClient, actions: &mut Vec<Action>) -> Answer {
        let silent = |why| Answer::None { why };
        match packet.kind {
            Kind::Discover => match self.boots(client) {
                Ok(file) => {
                    let delay = self.delay(packet.mac, client.stage);
                    let reply = reply::boot(self.plan(), packet, Kind::Offer, file);
                    actions.push(Action::Send(Reply { delay, ..reply.back_to_client(packet) }));
                    Answer::BootOffer { delay }
                }
                Err(why) => silent(why),
            },
            Kind::Request => match packet.address(code::SERVER_ID) {
                // A board that takes our word although there is no address in it.
                Some(server) if server == self.plan().server => match self.boots(client) {
                    Ok(file) => {
                        let reply = reply::boot(self.plan(), packet, Kind::Ack, file);
                        actions.push(Action::Send(reply.back_to_client(packet)));
                        Answer::BootAck
                    }
                    Err(why) => silent(why),
                },
                Some(server) => silent(Silence::OtherServer { server }),
                None => silent(Silence::NotGivenHere),
            },
            _ => silent(Silence::NotGivenHere),
        }
    }

    /// Port 4011: a client asks the boot server that it has chosen (PXE 2.1 section 2.2.5). It has its address.
    fn boot_server(
        &self,
        packet: &Packet<'_>,
        arrival: Arrival,
        client: DhcpClient,
        actions: &mut Vec<Action>,
    ) -> Answer {
        if !matches!(packet.kind, Kind::Request | Kind::Inform | Kind::Discover) {
            return Answer::None { why: Silence::WrongPort };
        }
        match self.boots(client) {
            Ok(file) => {
                let reply = reply::boot(self.plan(), packet, Kind::Ack, file);
                actions.push(Action::Send(reply.back_to_sender(packet, arrival)));
                Answer::BootAck
            }
            Err(why) => Answer::None { why },
        }
    }
}

#[cfg(test)]
mod tests;
