//! What clients get nothing for, and which other DHCP servers there are.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::{Follower, MOST, State};
use crate::board::Mac;
use crate::dhcp::Mode;
use crate::dhcp::event::Sent;
use crate::dhcp::packet::{Kind, Packet};
use crate::dhcp::pi::DhcpClient;
use crate::error::remedy;
use crate::netboot::reason::{Grade, Reason, Site, give_addresses};
use crate::netboot::serve::event::What;
use crate::netboot::servers::Heard;
use crate::netboot::steps::{Id, Offer, Signal, Steps};
use crate::netboot::watch::answer::Answer;

/// Of clients without a boot so much is told at once, and then something in a while: anybody can invent them.
pub(super) const OF_OTHERS: (u32, Duration) = (64, Duration::from_secs(10));
/// Servers that clients may name until the network is looked at.
const MOST_NAMED: usize = 16;

impl Follower<'_> {
    /// An answer has left this host.
    pub(super) fn sent(&self, state: &mut State, sent: &Sent) {
        let id = Id::Mac(sent.mac);
        // A look for servers, from another host, is no board.
        if state.book.get(id).is_none() {
            return;
        }
        match (sent.message, sent.address) {
            (Kind::Offer, address) => {
                let offer = Offer { from: self.here(), ours: true, boots: sent.boots, address };
                self.signal(state, id, &Signal::Offer(offer));
            }
            (Kind::Ack, Some(address)) => self.signal(state, id, &Signal::Ack(address)),
            _ => {}
        }
    }

    /// A client has a reason not to get what it wants; what kind of client it is, its boot tells.
    pub(super) fn reason(&self, state: &mut State, mac: Mac, reason: Reason, site: &Site) {
        let client = state.book.get(Id::Mac(mac)).map_or(DhcpClient::UNKNOWN, Steps::client);
        self.tell_reason(state, mac, reason, client, site);
    }

    pub(super) fn tell_reason(
        &self,
        state: &mut State,
        mac: Mac,
        reason: Reason,
        client: DhcpClient,
        site: &Site,
    ) {
        let told = reason.told(client, site);
        if told.grade == Grade::Everyday {
            tracing::debug!(%mac, why = told.why, "left alone");
            return;
        }
        let id = Id::Mac(mac);
        if state.book.get(id).is_some() {
            return self.signal(state, id, &Signal::Reason(told));
        }
        if state.others.len() >= MOST && !state.others.contains_key(&mac) {
            state.others.clear();
        }
        let is_new = state.others.entry(mac).or_default().is_new(&told.reason);
        if is_new && state.allowance.take(OF_OTHERS, Instant::now()) {
            let board = self.who(Id::Mac(mac), None);
            self.tell(What::Reason { board, told });
        }
    }

    /// A client speaks with another server. Whether it is there, and which device it is, a look at the network tells.
    pub(super) fn named(&self, state: &mut State, server: Ipv4Addr) {
        if !state.servers.knows(server) && state.named.len() < MOST_NAMED && state.named.insert(server) {
            (self.waker)();
        }
    }

    /// Whether clients have named servers that nobody has looked for yet.
    pub(in crate::netboot::serve) fn wants_a_look(&self) -> bool {
        !self.state().named.is_empty()
    }

    /// Takes what a DHCP server sends to a client, as it was seen on the wire.
    pub(in crate::netboot::serve) fn wire(&self, source: Mac, from: Ipv4Addr, packet: &Packet<'_>) {
        let Some(answer) = Answer::of(packet) else { return };
        let (ip, gives, boots) =
            (answer.server.unwrap_or(from), answer.address.is_some(), answer.verdict.boots());
        let mut state = self.state();
        self.hear_server(&mut state, Heard { ip, mac: Some(source), gives, boots });
        if packet.kind == Kind::Offer && ip != self.here() {
            let offer = Offer { from: ip, ours: false, boots, address: answer.address };
            self.signal(&mut state, Id::Mac(packet.mac), &Signal::Offer(offer));
        }
    }

    fn hear_server(&self, state: &mut State, heard: Heard) {
        state.named.remove(&heard.ip);
        for sighting in state.servers.hear(heard) {
            self.tell(What::Server(sighting));
        }
    }

    /// The network was looked at, and who answered was heard on the wire. `is_first` says that it was at the start.
    pub(in crate::netboot::serve) fn looked(&self, is_first: bool) {
        let mut state = self.state();
        for ip in std::mem::take(&mut state.named) {
            let mac = self.neighbours.find(ip);
            self.hear_server(&mut state, Heard { ip, mac, gives: true, boots: false });
        }
        if is_first && state.site.mode == Mode::Proxy && state.servers.giving().next().is_none() {
            let why = format!(
                "no DHCP server answers on {}: boards are told where to boot from, but nobody gives them addresses. ",
                state.site.interface
            );
            self.tell(What::Warning { text: remedy![why, give_addresses()] });
        }
    }
}
