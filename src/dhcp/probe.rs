//! Which DHCP servers answer on an interface. Asks with MAC addresses that no device has, takes no offer, and so leaves
//! no lease behind. Asks twice: as any system does, and as the bootloader of a Pi, because proxies and servers for Pis
//! answer nobody else.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::build::Builder;
use super::error::Error;
use super::packet::{CLIENT_PORT, Kind, Packet, SERVER_PORT, code};
use crate::board::Mac;
use crate::stop::{Stop, until};
use crate::wire::bpdu::{Bpdu, State};
use crate::wire::frame::{Frame, Payload};
use crate::wire::{Interface, PacketSocket, Rule, Scope};

/// How long to wait for answers: dnsmasq looks for three seconds whether its address is free before it offers it.
pub const PATIENCE: Duration = Duration::from_secs(4);
/// A question may be lost, so it is asked again.
const AGAIN: Duration = Duration::from_millis(1500);

/// No port is held back for longer: twice the longest forward delay (IEEE 802.1D-2004 table 17-1).
const MOST_HELD_BACK: Duration = Duration::from_secs(60);

/// A server that answers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Found {
    /// Its address.
    pub server: Ipv4Addr,
    /// The address that it offered; `None` for a proxy, which only tells where to boot from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offered: Option<Ipv4Addr>,
    /// The router that it tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub router: Option<Ipv4Addr>,
    /// For how many seconds it gives an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_time: Option<u32>,
}

/// A look that is going on: the driver waits for its socket and its times.
#[derive(Debug)]
pub(super) struct Probe {
    interface: String,
    socket: PacketSocket,
    mac: Mac,
    xid: u32,
    patience: Duration,
    /// The cable was put in just now.
    is_fresh: bool,
    begun: Instant,
    /// The switch passes nothing on yet.
    is_held_back: bool,
    ask_at: Instant,
    end: Instant,
    found: Vec<Found>,
}

impl Probe {
    /// Begins to look: the first questions go out with the first [`Probe::step`]. Where the switch says that it holds
    /// this host's port back, because of spanning tree, it goes on until the port forwards; one that speaks the old
    /// protocol doesn't say it, and is believed to do so where the cable `is_fresh`.
    ///
    /// # Errors
    /// [`Error::NoRaw`] without `CAP_NET_RAW`; [`Error::Probe`] where the socket can't be opened.
    pub(super) fn open(interface: &Interface, patience: Duration, is_fresh: bool) -> Result<Self, Error> {
        let name = interface.name.clone();
        let fail = |source| fail(&name, source);
        let socket = PacketSocket::on(interface, &[Rule::To(CLIENT_PORT), Rule::Spanning], Scope::Arriving)
            .map_err(fail)?;
        let mut random = [0; 10];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
            .map_err(|error| fail(error.into()))?;
        let [a, b, c, d, e, xid @ .., _] = random;
        // Locally administered (IEEE 802): no card has it.
        let mac = Mac::new([2, a, b, c, d, e]);
        let now = Instant::now();
        let xid = u32::from_be_bytes(xid);
        Ok(Self {
            interface: name,
            socket,
            mac,
            xid,
            patience,
            is_fresh,
            begun: now,
            is_held_back: false,
            ask_at: now,
            end: now + patience,
            found: Vec::new(),
        })
    }

    /// When [`Probe::step`] is to be called, if nothing comes before.
    pub(super) fn deadline(&self) -> Instant {
        self.ask_at.min(self.end)
    }

    /// Takes what the switch says of the port that this host's cable is in.
    fn heed(&mut self, bpdu: &Bpdu, now: Instant) {
        let most = self.begun + MOST_HELD_BACK + self.patience;
        match bpdu.state {
            // It says so every few seconds, so it is believed until a while after its last word.
            State::Discarding | State::Learning => {
                self.is_held_back = true;
                self.end = self.end.max(now + bpdu.hello * 3 + self.patience).min(most);
            }
            State::Unsaid if self.is_fresh => {
                self.end = self.end.max(self.begun + bpdu.held_back() + self.patience).min(most);
            }
            // What was asked before went nowhere.
            State::Forwarding if self.is_held_back => {
                (self.is_held_back, self.ask_at, self.end) = (false, now, now + self.patience);
            }
            State::Forwarding | State::Unsaid => {}
        }
    }

    /// Nothing went out: what came before proves nothing.
    pub(super) fn begin_again(&mut self, now: Instant) {
        self.ask_at = now + AGAIN;
        self.end = self.ask_at + self.patience;
    }

    /// It has waited for as long as it was to.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now >= self.end
    }

    /// Asks where it is time to, and takes the answers that have come. Gives them as they came, a server perhaps twice.
    ///
    /// # Errors
    /// [`Error::Probe`] where sending or receiving fails.
    pub(super) fn step(&mut self, now: Instant) -> Result<Vec<Found>, Error> {
        if now >= self.ask_at && now < self.end {
            let from = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, CLIENT_PORT);
            let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, SERVER_PORT);
            for question in [as_system(self.mac, self.xid), as_pi(self.mac, self.xid)] {
                self.socket
                    .broadcast_udp(from, to, &question)
                    .map_err(|source| fail(&self.interface, source))?;
            }
            self.ask_at = now + AGAIN;
        }
        let (mut new, mut bpdus) = (Vec::new(), Vec::new());
        while let Some(frame) = self.socket.take().map_err(|source| fail(&self.interface, source))? {
            if let Payload::Bpdu(bytes) = frame.payload {
                bpdus.extend(Bpdu::parse(bytes));
            }
            if let Some(server) = answer(&frame, self.mac, self.xid) {
                note(&mut self.found, server.clone());
                new.push(server);
            }
        }
        bpdus.iter().for_each(|bpdu| self.heed(bpdu, now));
        Ok(new)
    }
}

impl AsFd for Probe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn fail(interface: &str, source: io::Error) -> Error {
    let interface = interface.to_owned();
    match source.kind() {
        io::ErrorKind::PermissionDenied => Error::NoRaw { interface },
        _ => Error::Probe { interface, source },
    }
}

/// Asks, and collects the servers that answer within `patience`. Ends as soon as `enough` says so, and when `stop` is
/// set.
///
/// # Errors
/// [`Error::NoRaw`] without `CAP_NET_RAW`; [`Error::Probe`] where sending or receiving fails.
pub fn servers(
    interface: &Interface,
    patience: Duration,
    stop: &Stop,
    enough: &dyn Fn(&Found) -> bool,
) -> Result<Vec<Found>, Error> {
    let mut probe = Probe::open(interface, patience, false)?;
    loop {
        let now = Instant::now();
        if probe.is_over(now) || stop.is_set() || probe.step(now)?.iter().any(enough) {
            return Ok(probe.found);
        }
        let deadline = probe.deadline();
        let mut fds = [PollFd::new(&probe, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
        until(&mut fds, Some(deadline)).map_err(|source| fail(&interface.name, source))?;
    }
}

fn as_system(mac: Mac, xid: u32) -> Vec<u8> {
    Builder::question(mac, xid, Kind::Discover, true)
        .option(code::PARAMETERS, &[code::SUBNET_MASK, code::ROUTER, code::DNS, code::LEASE_TIME])
        .finish()
}

/// The next MAC address, so that no server takes both questions for one client's.
fn as_pi(mac: Mac, xid: u32) -> Vec<u8> {
    let mac = pi_mac(mac);
    let [_, _, c, d, e, f] = mac.bytes();
    let id = [0, b'R', b'P', b'i', b'4', 0, 0, 0, 0, c, d, e, f, 0, 0, 0, 0];
    Builder::question(mac, xid, Kind::Discover, true)
        .option(code::PARAMETERS, &[code::VENDOR, code::VENDOR_CLASS, code::TFTP_SERVER, code::SUBNET_MASK])
        .option(code::ARCHITECTURE, &[0, 0])
        .option(code::NETWORK_INTERFACE, &[1, 2, 1])
        .option(code::MACHINE_ID, &id)
        .option(code::VENDOR_CLASS, b"PXEClient:Arch:00000:UNDI:002001")
        .finish()
}

fn pi_mac(mac: Mac) -> Mac {
    let mut bytes = mac.bytes();
    bytes[5] ^= 1;
    Mac::new(bytes)
}

/// Each server once; what it says with an address counts.
fn note(found: &mut Vec<Found>, new: Found) {
    match found.iter_mut().find(|known| known.server == new.server) {
        Some(known) if known.offered.is_none() => *known = new,
        Some(_) => {}
        None => found.push(new),
    }
}

/// The server behind an answer to our question.
fn answer(frame: &Frame<'_>, mac: Mac, xid: u32) -> Option<Found> {
    // What is in a virtual network is no server of ours.
    let Payload::Udp(udp) = frame.payload else { return None };
    let (from, offer) = (*udp.from.ip(), Packet::parse_part(udp.data).ok()?);
    if udp.to.port() != CLIENT_PORT || frame.vlan.is_some() {
        return None;
    }
    let is_ours = offer.xid == xid && [mac, pi_mac(mac)].contains(&offer.mac);
    if !offer.is_reply || !is_ours || offer.kind != Kind::Offer {
        return None;
    }
    Some(Found {
        server: offer.address(code::SERVER_ID).unwrap_or(from),
        offered: Some(offer.yiaddr).filter(|address| !address.is_unspecified()),
        router: offer
            .option(code::ROUTER)
            .and_then(|all| all.first_chunk::<4>().map(|one| Ipv4Addr::from(*one))),
        lease_time: offer.number(code::LEASE_TIME),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dhcp::pi::{DhcpClient, OUIS, Stage};
    use crate::wire::bpdu::tests::STP;
    use crate::wire::frame::parse;
    use crate::wire::frame::tests::udp;

    const MAC: Mac = Mac::new([2, 1, 2, 3, 4, 5]);
    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

    fn found(last: Option<u8>) -> Found {
        let offered = last.map(|last| Ipv4Addr::new(10, 0, 0, last));
        Found { server: SERVER, offered, router: None, lease_time: None }
    }

    #[test]
    fn asks_as_a_system_and_as_a_pi() {
        let (system, pi) = (as_system(MAC, 7), as_pi(MAC, 7));
        let stage = |bytes: &[u8]| DhcpClient::of(&Packet::parse(bytes).unwrap(), &OUIS).stage;
        assert_eq!((stage(&system), stage(&pi)), (Stage::Host, Stage::Eeprom4));
        // Another piprov knows that this is no board.
        let is_look = |bytes: &[u8]| DhcpClient::of(&Packet::parse(bytes).unwrap(), &OUIS).is_look();
        assert!(is_look(&pi) && !is_look(&system));
        assert_ne!(Packet::parse(&system).unwrap().mac, Packet::parse(&pi).unwrap().mac);
    }

    #[test]
    fn a_port_that_is_held_back_is_waited_for() {
        let lo = crate::wire::interfaces::list().unwrap().swap_remove(0);
        let bpdu = |state| Bpdu { state, ..Bpdu::parse(&STP).unwrap() };
        let seconds = Duration::from_secs;
        // As opened with raw sockets, which is root's; the times are what counts.
        let probe = |is_fresh| Probe::open(&lo, PATIENCE, is_fresh).unwrap();
        // The old protocol doesn't say whether the port forwards: it does where the cable was in for a while.
        let (mut old, mut fresh) = (probe(false), probe(true));
        for probe in [&mut old, &mut fresh] {
            probe.heed(&bpdu(State::Unsaid), probe.begun + seconds(2));
        }
        assert_eq!(old.end, old.begun + PATIENCE);
        assert_eq!(fresh.end, fresh.begun + seconds(30) + PATIENCE);
        // The rapid one says it, and when it is over.
        let mut rapid = probe(false);
        let start = rapid.begun;
        rapid.heed(&bpdu(State::Forwarding), start + seconds(1));
        assert_eq!(rapid.end, start + PATIENCE);
        for later in [1, 3, 5, 7] {
            rapid.heed(&bpdu(State::Discarding), start + seconds(later));
        }
        assert_eq!(rapid.end, start + seconds(7 + 6) + PATIENCE);
        rapid.heed(&bpdu(State::Forwarding), start + seconds(9));
        assert_eq!((rapid.ask_at, rapid.end), (start + seconds(9), start + seconds(9) + PATIENCE));
        // A switch that says so for ever isn't believed for ever.
        for later in 0..100 {
            rapid.heed(&bpdu(State::Learning), start + seconds(later));
        }
        assert_eq!(rapid.end, start + MOST_HELD_BACK + PATIENCE);
    }

    #[test]
    fn a_server_counts_once_and_an_address_tells_more() {
        let mut all = Vec::new();
        for last in [None, Some(7), Some(8), None] {
            note(&mut all, found(last));
        }
        assert_eq!(all, [found(Some(7))]);
    }

    #[test]
    fn only_answers_to_the_question_count() {
        let udp = |data: &[u8]| udp("10.0.0.9:67", "255.255.255.255:68", data);
        let answer = |frame: &[u8], mac, xid| super::answer(&parse(frame, None).unwrap(), mac, xid);
        let question = as_system(MAC, 7);
        let asked = Packet::parse(&question).unwrap();
        let offer = |kind| {
            let builder = Builder::reply(&asked, kind).yiaddr(Ipv4Addr::new(10, 0, 0, 7));
            udp(&builder.address(code::SERVER_ID, SERVER).finish())
        };
        assert_eq!(answer(&offer(Kind::Offer), MAC, 7), Some(found(Some(7))));
        assert_eq!(answer(&offer(Kind::Offer), MAC, 8), None);
        assert_eq!(answer(&offer(Kind::Offer), Mac::new([2, 9, 9, 9, 9, 9]), 7), None);
        assert_eq!(answer(&offer(Kind::Ack), MAC, 7), None);
        assert_eq!(answer(&udp(&question), MAC, 7), None);
        assert_eq!(answer(&udp(&[]), MAC, 7), None);
        // One in a virtual network answers others.
        let tagged = offer(Kind::Offer);
        let tagged = [&tagged[..12], &[0x81, 0, 0, 7], &tagged[12..]].concat();
        assert_eq!(answer(&tagged, MAC, 7), None);
    }
}
