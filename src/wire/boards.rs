//! Boards that are seen on the wire before they ask this host for anything: a DHCP or ARP frame tells that a board
//! has power and a network, which narrows down why it doesn't come.
//!
//! Needs `CAP_NET_RAW`; without it nothing is seen, and nothing else changes.

use std::io;

use rustix::event::{PollFd, PollFlags};

use super::filter::Rule;
use super::frame::{Frame, Payload};
use super::socket::{PacketSocket, Scope};
use crate::board::Mac;
use crate::dhcp::packet::{CLIENT_PORT, Kind, Packet, SERVER_PORT};
use crate::stop::{Stop, until};

/// What a frame was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoardFrame {
    /// It looks for a DHCP server (DISCOVER).
    DhcpDiscover,
    /// It takes a DHCP server's offer, or renews a lease (REQUEST).
    DhcpRequest,
    /// Another DHCP message of a client.
    Dhcp,
    /// It asks who has an address, or tells its own.
    Arp,
}

impl BoardFrame {
    /// As it stands in a sentence.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::DhcpDiscover => "a DHCP discover of that board",
            Self::DhcpRequest => "a DHCP request of that board",
            Self::Dhcp => "a DHCP message of that board",
            Self::Arp => "an ARP frame of that board",
        }
    }
}

/// Whose frame it is, and what it says; `None` for frames that don't matter here.
#[must_use]
pub fn classify(frame: &Frame<'_>) -> Option<(Mac, BoardFrame)> {
    let what = match frame.payload {
        Payload::Arp(_) => BoardFrame::Arp,
        Payload::Udp(udp) if (udp.from.port(), udp.to.port()) == (CLIENT_PORT, SERVER_PORT) => {
            match Packet::parse_part(udp.data).map(|packet| packet.kind) {
                Ok(Kind::Discover) => BoardFrame::DhcpDiscover,
                Ok(Kind::Request) => BoardFrame::DhcpRequest,
                _ => BoardFrame::Dhcp,
            }
        }
        _ => return None,
    };
    Some((frame.source, what))
}

/// Tells every frame that matters, on all interfaces, until `stop`.
///
/// # Errors
/// [`io::ErrorKind::PermissionDenied`] without `CAP_NET_RAW`.
pub fn watch(stop: &Stop, tell: &mut dyn FnMut(Mac, BoardFrame)) -> io::Result<()> {
    // The image's own packets would keep a core busy here.
    let rules = [Rule::Arp, Rule::Between(CLIENT_PORT, SERVER_PORT)];
    let mut socket = PacketSocket::on_all(&rules, Scope::Arriving)?;
    loop {
        until(&mut [PollFd::new(&socket, PollFlags::IN), PollFd::new(stop, PollFlags::IN)], None)?;
        if stop.is_set() {
            return Ok(());
        }
        while let Some(frame) = socket.take()? {
            if let Some((mac, what)) = classify(&frame) {
                tell(mac, what);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dhcp::build::Builder;
    use crate::wire::frame::parse;
    use crate::wire::frame::tests::{MAC, ethernet, udp};

    fn seen(frame: &[u8]) -> Option<(Mac, BoardFrame)> {
        classify(&parse(frame, None)?)
    }

    #[test]
    fn knows_dhcp_and_arp() {
        let mac = Mac::new(MAC);
        let message = |kind| Builder::question(mac, 7, kind, true).finish();
        for (kind, want) in [
            (Kind::Discover, BoardFrame::DhcpDiscover),
            (Kind::Request, BoardFrame::DhcpRequest),
            (Kind::Inform, BoardFrame::Dhcp),
        ] {
            let frame = udp("0.0.0.0:68", "255.255.255.255:67", &message(kind));
            assert_eq!(seen(&frame), Some((mac, want)));
        }
        // What can't be read is a DHCP message all the same.
        assert_eq!(seen(&udp("0.0.0.0:68", "255.255.255.255:67", b"x")), Some((mac, BoardFrame::Dhcp)));
        let mut arp = vec![0, 1, 8, 0, 6, 4, 0, 1];
        arp.resize(28, 0);
        assert_eq!(seen(&ethernet(0x0806, &arp)), Some((mac, BoardFrame::Arp)));
    }

    #[test]
    fn leaves_the_rest_alone() {
        for (from, to) in [("0.0.0.0:68", "10.0.0.1:69"), ("10.0.0.1:67", "10.0.0.9:68")] {
            assert_eq!(seen(&udp(from, to, b"x")), None);
        }
    }
}
