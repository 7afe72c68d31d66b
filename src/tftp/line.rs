//! The way from a transfer to its client.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags};

use super::outs::Outs;
use super::ports::Port;

/// A port of its own, or one that many transfers share.
pub(super) enum Line {
    /// A socket that is connected to the client. For windows and uploads: many packets come at once, and would push
    /// out what other clients send to the same socket.
    Own(OwnedFd),
    /// A port of many transfers. For lock step: a packet at a time, of many clients.
    Shared(Arc<Port>),
}

impl Line {
    /// Sends a packet of these parts. On a shared port it is sent with those of others, and what the network says of
    /// it comes back by [`Outs`].
    pub(super) fn send(&self, peer: SocketAddr, parts: [&[u8]; 2], outs: &mut Outs) -> Result<(), Errno> {
        match self {
            Self::Own(socket) => gather(socket, &parts.map(IoSlice::new)),
            Self::Shared(port) => {
                outs.push(port, peer, parts);
                Ok(())
            }
        }
    }

    pub(super) fn own(&self) -> Option<&OwnedFd> {
        match self {
            Self::Own(socket) => Some(socket),
            Self::Shared(_) => None,
        }
    }
}

/// Sends one packet, or with segmentation a series of them, without copying it together.
pub(super) fn gather(socket: &OwnedFd, parts: &[IoSlice<'_>]) -> Result<(), Errno> {
    let mut control = SendAncillaryBuffer::default();
    rustix::net::sendmsg(socket, parts, &mut control, SendFlags::empty()).map(|_| ())
}

/// Errors that mean no more than a lost packet.
pub(super) fn passing(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::NOBUFS
            | Errno::INTR
            | Errno::HOSTUNREACH
            | Errno::NETUNREACH
            | Errno::HOSTDOWN
            | Errno::NETDOWN
    )
}
