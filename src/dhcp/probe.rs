//! Which DHCP servers answer on an interface. Asks with a MAC address that nobody has, takes no offer, and so leaves no
//! lease behind.

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::build::Builder;
use super::error::Error;
use super::interface::Interface;
use super::packet::{CLIENT_PORT, Kind, Packet, SERVER_PORT, code};
use super::raw::{Raw, udp_data};
use crate::board::Mac;
use crate::stop::Stop;

/// How long to wait for answers: dnsmasq looks for three seconds whether its address is free before it offers it.
pub const PATIENCE: Duration = Duration::from_secs(4);
/// A question may be lost, so it is asked again.
const AGAIN: Duration = Duration::from_millis(1500);

/// A server that answers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Found {
    /// Its address.
    pub server: Ipv4Addr,
    /// The address that it offered; none for a proxy, which only tells where to boot from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offered: Option<Ipv4Addr>,
    /// The router that it tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub router: Option<Ipv4Addr>,
    /// For how many seconds it gives an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_time: Option<u32>,
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
    let name = || interface.name.clone();
    let fail = |source: io::Error| match source.kind() {
        io::ErrorKind::PermissionDenied => Error::NoRaw { interface: name() },
        _ => Error::Probe { interface: name(), source },
    };
    let raw = Raw::for_clients(interface.index).map_err(fail)?;
    let mut random = [0; 10];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| fail(error.into()))?;
    let [a, b, c, d, e, xid @ .., _] = random;
    // Locally administered (IEEE 802): no card has it.
    let mac = Mac::new([2, a, b, c, d, e]);
    let xid = u32::from_be_bytes(xid);
    let question = Builder::question(mac, xid, Kind::Discover, true)
        .option(code::PARAMETERS, &[code::SUBNET_MASK, code::ROUTER, code::DNS, code::LEASE_TIME])
        .finish();
    let start = Instant::now();
    let end = start + patience;
    let mut ask_at = start;
    let mut found: Vec<Found> = Vec::new();
    let mut buf = [MaybeUninit::uninit(); 4096];
    loop {
        let now = Instant::now();
        if now >= end || stop.is_set() {
            return Ok(found);
        }
        if now >= ask_at {
            let from = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, CLIENT_PORT);
            let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, SERVER_PORT);
            raw.broadcast_udp(from, to, &question).map_err(fail)?;
            ask_at = now + AGAIN;
        }
        let wait = ask_at.min(end).saturating_duration_since(now);
        let wait = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
        let mut fds =
            [PollFd::new(&raw, PollFlags::IN), PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN)];
        match poll(&mut fds, Some(&wait)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(fail(error.into())),
        }
        loop {
            let packet = match raw.receive(&mut buf) {
                Ok(packet) => packet,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(fail(error)),
            };
            if let Some(server) = answer(packet, mac, xid).filter(|new| !found.contains(new)) {
                let is_enough = enough(&server);
                found.push(server);
                if is_enough {
                    return Ok(found);
                }
            }
        }
    }
}

/// The server behind an answer to our question.
fn answer(packet: &[u8], mac: Mac, xid: u32) -> Option<Found> {
    let (from, data) = udp_data(packet)?;
    let offer = Packet::parse(data).ok()?;
    if !offer.is_reply || offer.mac != mac || offer.xid != xid || offer.kind != Kind::Offer {
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
