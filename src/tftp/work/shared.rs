//! The part of the work that is about ports which transfers share.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::epoll::{self, EventData, EventFlags};

use super::{Pending, Work};
use crate::tftp::batch::Inbox;
use crate::tftp::line::Line;
use crate::tftp::net;
use crate::tftp::options::Agreed;
use crate::tftp::outs::{Outs, Trouble};
use crate::tftp::packet::{self, Code, Packet};
use crate::tftp::ports::Port;
use crate::tftp::transfer::Role;

/// The largest block that goes over a shared port, which is what the largest usual Ethernet frames take. It is copied
/// once on its way, and larger ones are for clients that don't wait for each.
const MOST_SHARED: u16 = 8972;

impl Work<'_> {
    /// The way to the client of a new transfer, which is to have this slot.
    pub(super) fn line(
        &mut self,
        index: usize,
        pending: &Pending,
        agreed: &Agreed,
        role: &Role,
    ) -> io::Result<Line> {
        let is_read = matches!(role, Role::Send { .. });
        if is_read
            && agreed.windowsize == 1
            && agreed.blksize <= MOST_SHARED
            && let Some(port) = self.ports.join(pending.local, pending.peer)?
        {
            return Ok(Line::Shared(port));
        }
        let socket = net::connect(pending.local, pending.peer)?;
        let token = EventData::new_u64(u64::from(self.slots[index].generation) << 32 | index as u64);
        epoll::add(&*self.epoll, &socket, token, EventFlags::IN)?;
        Ok(Line::Own(socket))
    }

    /// A shared port that is open, and how many packets may wait there: each client in lock step has said one thing at
    /// a time.
    pub(in crate::tftp) fn port(&self, id: u64) -> Option<(Arc<Port>, usize)> {
        self.ports.get(id)
    }

    /// Answers packets that have come to a shared port.
    pub(in crate::tftp) fn on_shared(
        &mut self,
        port: &Arc<Port>,
        inbox: &Inbox,
        now: Instant,
        outs: &mut Outs,
    ) {
        for at in 0..inbox.len() {
            if let Some((peer, bytes)) = inbox.packet(at) {
                self.on_one(port, peer, bytes, now, outs);
            }
        }
    }

    fn on_one(&mut self, port: &Arc<Port>, peer: SocketAddr, bytes: &[u8], now: Instant, outs: &mut Outs) {
        let running = self.by_peer.get(&peer).copied();
        if let Some(index) = running.filter(|index| self.is_at(*index, port))
            && let Some(transfer) = &mut self.slots[index].transfer
        {
            let flow = transfer.on_packet(bytes, now, outs, &mut |event| (self.events)(event));
            self.heard(index, flow, now);
        } else if running.is_none()
            && matches!(Packet::parse(bytes), Ok(Packet::Ack { .. } | Packet::Data { .. }))
            && self.answers.allows(now)
        {
            // RFC 1350 section 4. Not to a client that has another transfer meanwhile: it might take it for that.
            let answer = packet::error(Code::UNKNOWN_TID, "there is no such transfer");
            outs.push(port, peer, [&answer, &[]]);
        }
    }

    fn is_at(&self, index: usize, port: &Arc<Port>) -> bool {
        let transfer = self.slots[index].transfer.as_ref();
        transfer.is_some_and(|it| matches!(&it.line, Line::Shared(at) if Arc::ptr_eq(at, port)))
    }

    /// Acts on what the network says of packets that were sent from shared ports.
    pub(in crate::tftp) fn on_troubles(&mut self, troubles: Vec<Trouble>, now: Instant) {
        for Trouble { port, peer, errno } in troubles {
            let Some(&index) = self.by_peer.get(&peer) else { continue };
            if self.is_at(index, &port)
                && let Some(transfer) = &mut self.slots[index].transfer
            {
                let flow = transfer.on_error(errno);
                self.after(index, flow, now);
            }
        }
    }
}
