//! The socket to the kernel's networking: requests and their answers, and what it tells by itself (netlink(7)).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use super::netlink::{self, Said};

/// The kernel's pieces are this large at most, unless a larger one was asked for.
const PIECE: usize = 32 << 10;
/// How often a listing is made again that something changed in.
const TRIES: usize = 20;
/// Pieces of one answer: far more than a host has interfaces.
const PIECES: usize = 100_000;

/// A socket in the network namespace of the thread that opens it. It stays in that namespace.
#[derive(Debug)]
pub(super) struct Kernel {
    fd: OwnedFd,
    buffer: Vec<u8>,
}

impl Kernel {
    /// Opens it; it is told what happens in `groups`, a mask of `RTMGRP_*`.
    ///
    /// # Errors
    /// Where the process has no descriptor left.
    pub(super) fn open(groups: u32) -> io::Result<Self> {
        // NETLINK_ROUTE is 0.
        let fd = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        rustix::net::bind(&fd, &SocketAddrNetlink::new(0, groups))?;
        Ok(Self { fd, buffer: vec![0; PIECE] })
    }

    /// Sends a request that the kernel confirms.
    ///
    /// # Errors
    /// What the kernel refuses it for.
    pub(super) fn ask(&mut self, request: &[u8]) -> io::Result<()> {
        self.answers(request, &mut |_| {}).map(drop)
    }

    /// Lists something: what there is, in the kernel's order. Made again where it changed meanwhile.
    ///
    /// # Errors
    /// Where the kernel refuses it, or where it changes all the time.
    pub(super) fn list(&mut self, request: &[u8]) -> io::Result<Vec<Said>> {
        for _ in 0..TRIES {
            let mut all = Vec::new();
            if self.answers(request, &mut |said| all.push(said))? {
                return Ok(all);
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// Sends a request and takes its answers to their end. Says whether they are to be trusted.
    fn answers(&mut self, request: &[u8], take: &mut dyn FnMut(Said)) -> io::Result<bool> {
        rustix::net::send(&self.fd, request, SendFlags::empty())?;
        let mut is_whole = true;
        for _ in 0..PIECES {
            // The kernel answers before `send` has returned, and goes on with a listing in each `recv`.
            let pieces = self.take()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            for said in pieces {
                match said {
                    Said::Done => return Ok(is_whole),
                    Said::Refused(errno) => return Err(io::Error::from_raw_os_error(errno)),
                    Said::Again => is_whole = false,
                    said => take(said),
                }
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    /// What has come; `None` when there is no more for now. What was lost, because there was no room for it, is told
    /// as [`Said::Again`].
    ///
    /// # Errors
    /// When the socket is broken.
    pub(super) fn take(&mut self) -> io::Result<Option<Vec<Said>>> {
        loop {
            match rustix::net::recvfrom(&self.fd, &mut self.buffer[..], RecvFlags::TRUNC) {
                Ok((_, len, from)) => {
                    let from = from.and_then(|from| SocketAddrNetlink::try_from(from).ok());
                    // Any process may send to this socket; the kernel is 0.
                    if from.is_none_or(|from| from.pid() != 0) {
                        continue;
                    }
                    if len > self.buffer.len() {
                        // It is lost; the next one will fit.
                        self.buffer.resize(len.min(1 << 20), 0);
                        return Ok(Some(vec![Said::Again]));
                    }
                    return Ok(Some(netlink::read(&self.buffer[..len])));
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(rustix::io::Errno::NOBUFS) => return Ok(Some(vec![Said::Again])),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Kernel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
