//! What serves the boards of a flash: a server of its own, a place on a server of this process, or a server of another
//! process. Boards ask port 69 and no other, so a flash takes it where it is.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags};

use super::boards::Boards;
use super::flash::Error;
use super::material::ImageMaterial;
use crate::board::Mac;
use crate::control;
use crate::stop::{Stop, Waker, until};
use crate::tftp::event::Event;
use crate::tftp::switch::{Branch, Joined, Switch};
use crate::tftp::{self, Server};
use crate::wire::Interface;

/// What serves the boards.
#[derive(Debug)]
pub enum Port {
    /// A server that has nothing else to do.
    Own(Server),
    /// A server of this process, beside others.
    Shared(Arc<Switch>),
    /// A server of another process, which has taken the boards already.
    Handed(control::Client),
}

/// The boards' place there.
pub(super) enum Place<'a> {
    Own(&'a Server),
    Shared { switch: &'a Switch, _joined: Joined },
    Handed(&'a control::Client),
}

impl Port {
    /// Hands boards over to a server of another process.
    ///
    /// # Errors
    /// Where it doesn't take them, or the image can't be handed over.
    pub fn hand_over(
        mut server: control::Client,
        boards: Vec<Mac>,
        material: &ImageMaterial,
        stop: &Stop,
    ) -> Result<Self, control::Error> {
        let (fd, is_spool) = material
            .image()
            .stored()
            .map_err(|source| control::Error::Image { name: material.image().name(), source })?;
        let image = control::Image::new(fd, is_spool.then(|| material.content()));
        server.admit(boards, image, stop)?;
        Ok(Self::Handed(server))
    }

    /// Whether only this machine is served.
    pub(super) fn is_local(&self) -> bool {
        let addrs = match self {
            Self::Own(server) => vec![server.local_addr()],
            Self::Shared(switch) => switch.addrs(),
            Self::Handed(server) => server.addrs().to_vec(),
        };
        addrs.iter().all(|addr| addr.ip().to_canonical().is_loopback())
    }

    /// What to wake when an answer has become known.
    pub(super) fn wakers(&self) -> Vec<Waker> {
        match self {
            Self::Own(server) => vec![server.waker()],
            Self::Shared(switch) => switch.wakers(),
            Self::Handed(server) => vec![server.waker()],
        }
    }

    /// Gives the boards their place.
    ///
    /// # Errors
    /// Where there is none for them.
    pub(super) fn place(&self, boards: &Arc<Boards>) -> Result<Place<'_>, Error> {
        Ok(match self {
            Self::Own(server) => Place::Own(server),
            Self::Shared(switch) => {
                Place::Shared { switch, _joined: switch.join(Arc::clone(boards) as Arc<dyn Branch>)? }
            }
            Self::Handed(server) => Place::Handed(server),
        })
    }
}

/// This host's address in a board's network, where a server at `addrs` has none there: a board asks the address that its
/// card names, which is mostly one of its own network. `None` too where the network is none of this host's.
#[must_use]
pub fn beyond(board: IpAddr, addrs: &[SocketAddr], interfaces: &[Interface]) -> Option<Ipv4Addr> {
    let IpAddr::V4(board) = board.to_canonical() else { return None };
    if addrs.iter().any(|addr| addr.ip().is_unspecified()) {
        return None;
    }
    let mask = |prefix: u8| u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
    let near = |(own, prefix): &&(Ipv4Addr, u8)| (u32::from(*own) ^ u32::from(board)) & mask(*prefix) == 0;
    let mut own: Vec<_> = interfaces.iter().flat_map(|one| one.addresses.iter()).filter(near).collect();
    let served = |own: &Ipv4Addr| addrs.iter().any(|addr| addr.ip().to_canonical() == IpAddr::V4(*own));
    if own.iter().any(|(own, _)| served(own)) {
        return None;
    }
    // The nearest network first.
    own.sort_by_key(|(_, prefix)| std::cmp::Reverse(*prefix));
    own.first().map(|(own, _)| *own)
}

impl Place<'_> {
    /// Serves the boards until `stop` is set.
    ///
    /// # Errors
    /// Why they aren't served any more.
    pub(super) fn serve(self, boards: &Boards, stop: &Stop) -> Result<(), Error> {
        match self {
            Self::Own(server) => Ok(server.run(boards, &|event: Event| boards.transfer(&event), stop)?),
            Self::Handed(server) => Ok(server.serve(boards, stop)?),
            Self::Shared { switch, _joined } => {
                let mut fds = [PollFd::new(stop, PollFlags::IN), PollFd::new(switch.ended(), PollFlags::IN)];
                until(&mut fds, None).map_err(tftp::Error::Loop)?;
                if stop.is_set() { Ok(()) } else { Err(Error::Ended) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_of_another_network_is_told_apart() {
        let interface = |name: &str, addresses: &[(&str, u8)]| Interface {
            name: name.to_owned(),
            index: 1,
            mac: None,
            is_up: true,
            has_carrier: true,
            carrier_changes: 0,
            addresses: addresses.iter().map(|(own, prefix)| (own.parse().unwrap(), *prefix)).collect(),
        };
        let interfaces = [
            interface("eth0", &[("10.99.0.2", 24)]),
            interface("eth1", &[("10.98.0.2", 24), ("10.97.0.2", 24)]),
            interface("vpn", &[("10.0.0.1", 8)]),
        ];
        let at = |addr: &str| vec![addr.parse::<SocketAddr>().unwrap()];
        let own = |text: &str| Some(text.parse::<Ipv4Addr>().unwrap());
        for (board, addrs, want) in [
            ("10.99.0.7", at("10.99.0.2:69"), None),
            ("10.98.0.7", at("10.99.0.2:69"), own("10.98.0.2")),
            ("10.97.0.7", at("10.98.0.2:69"), own("10.97.0.2")),
            ("::ffff:10.98.0.7", at("10.99.0.2:69"), own("10.98.0.2")),
            // Of everybody's server, and where a router has to know.
            ("10.98.0.7", at("0.0.0.0:69"), None),
            ("10.98.0.7", at("[::]:69"), None),
            ("192.168.1.1", at("10.99.0.2:69"), None),
            ("fd00::1", at("10.99.0.2:69"), None),
        ] {
            assert_eq!(beyond(board.parse().unwrap(), &addrs, &interfaces), want, "{board} {addrs:?}");
        }
    }
}
