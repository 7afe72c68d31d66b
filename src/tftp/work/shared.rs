//! The part of the loop that is about ports which transfers share.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use rustix::event::epoll::{self, EventData, EventFlags};

use super::{Loop, Pending};
use crate::tftp::line::Line;
use crate::tftp::net;
use crate::tftp::options::Agreed;
use crate::tftp::packet::{self, Code, Packet};
use crate::tftp::transfer::Role;

/// The largest block that goes over a shared port, which is what the largest usual Ethernet frames take. It is copied
/// once on its way, and larger ones are for who doesn't wait for each.
const MOST_SHARED: u16 = 8972;
/// Batches that are taken from a port before others get their turn.
const MOST_BATCHES: usize = 4;

impl Loop<'_> {
    /// The way to the client of a new transfer, which is to have this slot.
    pub(super) fn line(
        &mut self,
        index: usize,
        pending: &Pending,
        agreed: &Agreed,
        role: &Role,
    ) -> io::Result<Line> {
        let shares = matches!(role, Role::Send { .. }) && agreed.windowsize == 1 && agreed.blksize <= MOST_SHARED;
        if shares && let Some(port) = self.ports.join(pending.local, pending.peer)? {
            return Ok(Line::Shared(port));
        }
        let socket = net::connect(pending.local, pending.peer)?;
        let token = EventData::new_u64(u64::from(self.slots[index].generation) << 32 | index as u64);
        epoll::add(&self.epoll, &socket, token, EventFlags::IN)?;
        Ok(Line::Own(socket))
    }

    /// Takes what has arrived at a shared port, and answers it.
    pub(super) fn on_port(&mut self, port: usize, flags: EventFlags, now: Instant) {
        if flags.contains(EventFlags::OUT) {
            self.ports.unblock(port);
        }
        if flags.contains(EventFlags::ERR) {
            self.ports.hear(port);
        }
        let Some(mut inbox) = self.inbox.take() else { return };
        let mut batches = 0;
        loop {
            let (count, more) = self.ports.receive(port, &mut inbox);
            for at in 0..count {
                if let Some((peer, bytes)) = inbox.packet(at) {
                    self.on_shared(port, peer, bytes, now);
                }
            }
            self.ports.flush(port);
            if !more {
                break;
            }
            batches += 1;
            if batches == MOST_BATCHES {
                // epoll tells only of what comes from now on.
                self.unread.push(port);
                break;
            }
        }
        self.inbox = Some(inbox);
    }

    fn on_shared(&mut self, port: usize, peer: SocketAddr, bytes: &[u8], now: Instant) {
        let running = self.by_peer.get(&peer).copied();
        let here = running.filter(|index| self.is_at(*index, port));
        if let Some(index) = here
            && let Some(transfer) = &mut self.slots[index].transfer
        {
            let tell = &mut |event| (self.events)(event);
            let flow = transfer.on_packet(bytes, now, &mut self.ports, tell);
            self.heard(index, flow, now);
        } else if running.is_none()
            && matches!(Packet::parse(bytes), Ok(Packet::Ack { .. } | Packet::Data { .. }))
            && self.answers.allows(now.saturating_duration_since(self.begun))
        {
            // RFC 1350 section 4. Not to a client that has another transfer meanwhile: it might take it for that.
            let answer = packet::error(Code::UNKNOWN_TID, "there is no such transfer");
            self.ports.push(port, peer, [&answer, &[]]);
        }
    }

    fn is_at(&self, index: usize, port: usize) -> bool {
        let transfer = self.slots[index].transfer.as_ref();
        transfer.is_some_and(|transfer| matches!(transfer.line, Line::Shared(at) if at == port))
    }

    /// Sends what waits to be sent from shared ports, and acts on what the network says of it.
    pub(super) fn flush(&mut self, now: Instant) {
        self.ports.flush_all();
        for trouble in self.ports.troubles() {
            let Some(&index) = self.by_peer.get(&trouble.peer) else { continue };
            if self.is_at(index, trouble.port)
                && let Some(transfer) = &mut self.slots[index].transfer
            {
                let flow = transfer.on_error(trouble.errno);
                self.after(index, flow, now);
            }
        }
    }
}
