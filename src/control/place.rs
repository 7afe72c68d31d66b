//! Where the socket lies. Whether that can be trusted is [`SocketPlace`]'s business.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::net::SocketType;

use super::error::Error;
use super::link::{Link, Peer};
use crate::beneath::{self, SocketPlace};

/// A place for a socket of packets.
#[derive(Debug)]
pub(super) struct Place(SocketPlace);

/// A socket that listens. Its name goes with it.
#[derive(Debug)]
pub(super) struct Listener(beneath::Listener);

impl Place {
    /// See [`SocketPlace::open`].
    pub(super) fn open(path: &Path, make: bool) -> Result<Self, Error> {
        Ok(Self(SocketPlace::open(path, make)?))
    }

    /// See [`SocketPlace::connect`].
    pub(super) fn connect(&self) -> Result<(Link, Peer), Error> {
        let (fd, peer) = self.0.connect(SocketType::SEQPACKET)?;
        Ok((Link::new(fd), peer))
    }

    /// See [`SocketPlace::listen`].
    pub(super) fn listen(self, group: Option<u32>) -> Result<Listener, Error> {
        Ok(Listener(self.0.listen(SocketType::SEQPACKET, group)?))
    }
}

impl Listener {
    /// Takes in who connects; `None` where nobody waits.
    ///
    /// # Errors
    /// What the system says, as where there is no descriptor left.
    pub(super) fn accept(&self) -> io::Result<Option<(Link, Peer)>> {
        Ok(self.0.accept()?.map(|(fd, peer)| (Link::new(fd), peer)))
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}
