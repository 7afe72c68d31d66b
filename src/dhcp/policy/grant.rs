//! `dhcp` mode: gives addresses (RFC 2131 section 4.3).

use std::net::Ipv4Addr;

use super::{Action, Arrival, KEPT, LOOK, Policy, reply};
use crate::board::Mac;
use crate::dhcp::event::{Answer, Refusal, Silence};
use crate::dhcp::lease::{Lease, NEVER, Record};
use crate::dhcp::packet::{Kind, Packet, code};
use crate::dhcp::pi::{DhcpClient, Stage};
use crate::dhcp::policy::Reply;

const fn silent(why: Silence) -> Answer {
    Answer::None { why }
}

impl Policy {
    pub(super) fn grant(
        &mut self,
        packet: &Packet<'_>,
        arrival: Arrival,
        client: DhcpClient,
        now: u64,
        actions: &mut Vec<Action>,
    ) -> Answer {
        self.plan().lasting.heard(packet.mac, client.serial);
        let Some(net) = self.net_of(packet) else { return silent(Silence::OtherNetwork) };
        if !packet.giaddr.is_unspecified() {
            self.nets[net].pool.lock().keep_from(packet.giaddr);
        }
        if let Some(why) = self.is_stranger(packet.mac, client) {
            return silent(why);
        }
        match packet.kind {
            Kind::Discover => self.discover(net, packet, arrival, client, now, actions),
            Kind::Request => self.request(net, packet, client, now, actions),
            Kind::Decline => self.decline(net, packet, now, actions),
            Kind::Release => self.release(net, packet, now, actions),
            Kind::Inform if packet.ciaddr.is_unspecified() => silent(Silence::NotIts),
            Kind::Inform => {
                let draft = reply::info(&self.nets[net].plan, packet, self.boots(client).ok());
                actions.push(Action::Send(draft.back_to_client(packet)));
                Answer::Info
            }
            Kind::Offer | Kind::Ack | Kind::Nak => silent(Silence::NoQuestion),
        }
    }

    /// The network that a message is from: the relay's, or this host's own. A client that renews through a router says by
    /// its address where it is.
    fn net_of(&self, packet: &Packet<'_>) -> Option<usize> {
        let has = |address: Ipv4Addr| self.nets.iter().position(|net| net.plan.network().has(address));
        match (packet.giaddr.is_unspecified(), packet.ciaddr.is_unspecified()) {
            (false, _) => has(packet.giaddr),
            (true, false) => Some(has(packet.ciaddr).unwrap_or(0)),
            (true, true) => Some(0),
        }
    }

    /// Why a client is left alone: it is no Pi, has no fixed address, and never had one from here.
    fn is_stranger(&self, mac: Mac, client: DhcpClient) -> Option<Silence> {
        let known = client.stage.is_pi()
            || self.plan().everyone
            || self
                .nets
                .iter()
                .any(|net| net.plan.hosts.contains_key(&mac) || net.pool.lock().of(mac).is_some())
            || self.boots(client).is_ok();
        (!known).then_some(if client.stage == Stage::Pc { Silence::NoBootFile } else { Silence::NoPi })
    }

    fn discover(
        &mut self,
        net: usize,
        packet: &Packet<'_>,
        arrival: Arrival,
        client: DhcpClient,
        now: u64,
        actions: &mut Vec<Action>,
    ) -> Answer {
        let wanted = packet.address(code::REQUESTED_ADDRESS);
        let chosen = self.nets[net].pool.lock().offer(packet.mac, wanted, now);
        let Some(chosen) = chosen else { return silent(Silence::Exhausted) };
        let mut delay = self.delay(packet.mac, client.stage);
        // Behind a relay ARP asks nobody.
        if let Some(look) = self.look.filter(|_| chosen.fresh && net == 0) {
            self.keep(packet, arrival, now);
            actions.push(Action::Look(chosen.address));
            delay = delay.max(look);
        }
        let soft = client.stage.takes_offers();
        if soft {
            if !self.bind(net, packet.mac, chosen.address, soft, now, actions) {
                return silent(Silence::Exhausted);
            }
            self.pair(packet.mac, client.serial, actions);
        }
        let draft = reply::lease(
            &self.nets[net].plan,
            packet,
            Kind::Offer,
            chosen.address,
            client,
            self.boots(client).ok(),
        );
        actions.push(Action::Send(Reply {
            delay,
            pin: client.stage == Stage::Rom,
            ..draft.back_to_client(packet)
        }));
        Answer::Offer { address: chosen.address, soft, delay }
    }

    /// Keeps a question as long as another device may object to its answer.
    fn keep(&mut self, packet: &Packet<'_>, arrival: Arrival, now: u64) {
        if self.questions.len() >= KEPT {
            let time = LOOK.as_secs() + 2;
            self.questions.retain(|_, (at, ..)| now.saturating_sub(*at) <= time);
        }
        // A flood of them: then an address may be in use, and its new owner will find out and decline.
        if self.questions.len() < 8 * KEPT {
            self.questions.insert(packet.mac, (now, arrival, packet.bytes.into()));
        }
    }

    /// Promises a board an address. False where another server has given it to another board meanwhile.
    fn bind(
        &mut self,
        net: usize,
        mac: Mac,
        address: Ipv4Addr,
        soft: bool,
        now: u64,
        actions: &mut Vec<Action>,
    ) -> bool {
        let until = now + u64::from(self.plan().lease_time);
        if !self.nets[net].pool.lock().bind(mac, address, until, now) {
            return false;
        }
        // A board has one address: where it was before, it isn't any more.
        let others = self.nets.iter().enumerate().filter(|(at, _)| *at != net);
        others.for_each(|(_, other)| other.pool.lock().release(mac, now));
        // On disk as the board was told it. Here it is as long as others, for when the board is no client any more.
        let lasts = self.plan().lasting.has(mac);
        self.plan().lasting.promised(mac, lasts);
        let until = if lasts { NEVER } else { until };
        actions.push(Action::Record(Record::Lease(Lease { mac, address, until, soft })));
        true
    }

    fn request(
        &mut self,
        net: usize,
        packet: &Packet<'_>,
        client: DhcpClient,
        now: u64,
        actions: &mut Vec<Action>,
    ) -> Answer {
        let mac = packet.mac;
        self.questions.remove(&mac);
        let server = packet.address(code::SERVER_ID);
        if let Some(server) = server.filter(|server| *server != self.plan().server) {
            self.nets[net].pool.lock().withdraw(mac, now);
            return silent(Silence::OtherServer { server });
        }
        // Which of the three states it is in: RFC 2131 section 4.3.2.
        let renewing = packet.ciaddr;
        let address = if renewing.is_unspecified() {
            match packet.address(code::REQUESTED_ADDRESS) {
                Some(address) => address,
                None => return silent(Silence::Unknown),
            }
        } else {
            renewing
        };
        let selecting = server.is_some();
        // A client that nothing is known about is answered only where no other server can know it.
        let is_ours =
            selecting || self.plan().authoritative || self.nets[net].pool.lock().is_bound(mac, address, now);
        let mut verdict = self.verdict(net, mac, address, now);
        if verdict.is_ok() && is_ours && !self.bind(net, mac, address, false, now, actions) {
            verdict = Err(Refusal::Taken);
        }
        match verdict {
            Ok(()) if is_ours => {
                self.pair(mac, client.serial, actions);
                let draft = reply::lease(
                    &self.nets[net].plan,
                    packet,
                    Kind::Ack,
                    address,
                    client,
                    self.boots(client).ok(),
                );
                actions.push(Action::Send(draft.back_to_client(packet)));
                Answer::Ack {
                    address,
                    lease: std::time::Duration::from_secs(self.plan().lease_time_of(mac).into()),
                }
            }
            // Whose address this is only the server knows that gave it: RFC 2131 section 4.3.2 wants silence from one that
            // has no record of the client. A look for other servers that found none is no proof: they may come later.
            Err(why) if selecting || self.has_another(net, mac, address, now) => {
                actions.push(Action::Send(reply::refuse(self.plan(), packet).back_to_client(packet)));
                Answer::Nak { why }
            }
            Ok(()) | Err(_) => silent(Silence::Unknown),
        }
    }

    /// Our leases know another address of that board, which it has.
    fn has_another(&self, net: usize, mac: Mac, address: Ipv4Addr, now: u64) -> bool {
        let pool = self.nets[net].pool.lock();
        pool.of(mac).is_some_and(|own| own != address && pool.is_bound(mac, own, now))
    }

    /// Whether a board may have this address.
    fn verdict(&self, net: usize, mac: Mac, address: Ipv4Addr, now: u64) -> Result<(), Refusal> {
        if !self.nets[net].plan.network().has(address) {
            return Err(Refusal::WrongNetwork);
        }
        if self.nets[net].pool.lock().has_other_owner(mac, address, now) {
            return Err(Refusal::Taken);
        }
        if !self.nets[net].pool.lock().may_have(mac, address) {
            return Err(Refusal::NotOurs);
        }
        if self.has_another(net, mac, address, now) {
            return Err(Refusal::HasAnother);
        }
        if self.nets[net].pool.lock().is_free(mac, address, now) { Ok(()) } else { Err(Refusal::Taken) }
    }

    fn decline(&mut self, net: usize, packet: &Packet<'_>, now: u64, actions: &mut Vec<Action>) -> Answer {
        let address = packet.address(code::REQUESTED_ADDRESS);
        let ours = packet.address(code::SERVER_ID).is_none_or(|server| server == self.plan().server);
        let own = self.nets[net].pool.lock().of(packet.mac);
        match address.filter(|address| ours && own == Some(*address)) {
            Some(address) => {
                let until = self.nets[net].pool.lock().bar(address, now);
                actions.push(Action::Record(Record::Barred { address, until }));
                Answer::Declined { address }
            }
            None => silent(Silence::NotIts),
        }
    }

    fn release(&mut self, net: usize, packet: &Packet<'_>, now: u64, actions: &mut Vec<Action>) -> Answer {
        let (mac, address) = (packet.mac, packet.ciaddr);
        let own = self.nets[net].pool.lock().of(mac);
        if own != Some(address) {
            return silent(Silence::NotIts);
        }
        self.nets[net].pool.lock().release(mac, now);
        self.plan().lasting.promised(mac, false);
        actions.push(Action::Record(Record::Lease(Lease { mac, address, until: now, soft: false })));
        Answer::Released { address }
    }
}
