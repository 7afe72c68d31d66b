//! One end of a connection: packets with at most one descriptor, and a bounded queue in front of the socket, so that
//! nobody waits for a program that doesn't read.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};

use super::message::LARGEST;
pub use crate::beneath::Peer;

/// Packets and bytes that wait for the other end at most.
const MOST_QUEUED: usize = 2048;
const MOST_BYTES: usize = 4 << 20;
/// How long the other end may take nothing of what waits for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Descriptors for which there is room; a message has one at most.
const DESCRIPTORS: usize = 4;

/// What was received.
pub(super) enum Received {
    /// A packet of so many bytes, and what came along.
    Packet(usize, Option<OwnedFd>),
    /// There is none now.
    Nothing,
}

/// Why the other end isn't listened to any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// It has gone.
    #[error("it has ended")]
    Ended,
    /// A packet is longer than any message.
    #[error("a message is longer than {LARGEST} bytes")]
    TooLarge,
    /// More came along than a message has.
    #[error("a message came with more than one descriptor")]
    TooMany,
    /// It doesn't read.
    #[error("it doesn't read what it is told")]
    Deaf,
    /// The system says no.
    #[error("{0}")]
    System(#[from] io::Error),
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    fd: OwnedFd,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    packets: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Since when nothing was taken out.
    since: Option<Instant>,
    deaf: bool,
}

impl Link {
    /// A socket of kind SEQPACKET that is connected and doesn't block.
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self { fd, queue: Mutex::default() }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one packet into `buf`, which is longer than the longest message.
    pub(super) fn receive(&self, buf: &mut [u8]) -> Result<Received, Broken> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let mut receive =
            || rustix::net::recvmsg(&self.fd, &mut [IoSliceMut::new(&mut *buf)], &mut control, flags);
        // The other end has gone without having read everything. That is told once; what it said before comes then.
        let got = match receive() {
            Err(Errno::CONNRESET) => receive(),
            other => other,
        };
        let got = match got {
            Ok(got) => got,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(Received::Nothing),
            Err(Errno::CONNRESET) => return Err(Broken::Ended),
            Err(errno) => return Err(Broken::System(errno.into())),
        };
        // All that came are taken, so that none stays open.
        let mut came: Vec<OwnedFd> = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                came.extend(fds);
            }
        }
        if got.flags.contains(ReturnFlags::TRUNC) || got.bytes > LARGEST {
            return Err(Broken::TooLarge);
        }
        if got.flags.contains(ReturnFlags::CTRUNC) || came.len() > 1 {
            return Err(Broken::TooMany);
        }
        // Nobody sends packets without bytes, so that is the end.
        if got.bytes == 0 { Err(Broken::Ended) } else { Ok(Received::Packet(got.bytes, came.pop())) }
    }

    /// Sends a packet with a descriptor at once.
    pub(super) fn send_with(&self, packet: &[u8], fd: BorrowedFd<'_>) -> io::Result<()> {
        let fds = [fd];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&fds));
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        rustix::net::sendmsg(&self.fd, &[IoSlice::new(packet)], &mut control, flags)?;
        Ok(())
    }

    fn send(&self, packet: &[u8]) -> Result<bool, Errno> {
        match rustix::net::send(&self.fd, packet, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(_) => Ok(true),
            Err(Errno::AGAIN | Errno::INTR | Errno::NOBUFS) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Sends a packet, or keeps it until it can be sent. Never waits. Says whether it is kept, so that somebody has to
    /// [flush](Self::flush).
    pub(super) fn push(&self, packet: Vec<u8>, now: Instant) -> bool {
        let mut queue = self.queue();
        // The thread that reads finds out that the other end has gone.
        if queue.deaf || (queue.packets.is_empty() && !matches!(self.send(&packet), Ok(false))) {
            return queue.deaf;
        }
        queue.bytes += packet.len();
        queue.packets.push_back(packet);
        queue.since.get_or_insert(now);
        queue.deaf |= queue.packets.len() > MOST_QUEUED || queue.bytes > MOST_BYTES;
        true
    }

    /// The same for what may be left out when the other end is behind.
    pub(super) fn push_if_free(&self, packet: &[u8]) {
        let queue = self.queue();
        if queue.packets.is_empty() {
            let _ = self.send(packet);
        }
    }

    /// Sends what waits, as far as it can be.
    ///
    /// # Errors
    /// [`Broken::Deaf`] where the other end takes too little for too long.
    pub(super) fn flush(&self, now: Instant) -> Result<(), Broken> {
        let mut queue = self.queue();
        while let Some(packet) = queue.packets.front() {
            if queue.deaf || !self.send(packet).unwrap_or(true) {
                break;
            }
            queue.bytes -= packet.len();
            queue.packets.pop_front();
            queue.since = Some(now);
        }
        if queue.packets.is_empty() {
            queue.since = None;
        }
        let late = queue.since.is_some_and(|since| now.saturating_duration_since(since) >= PATIENCE);
        if queue.deaf || late { Err(Broken::Deaf) } else { Ok(()) }
    }

    /// Whether anything waits.
    pub(super) fn is_behind(&self) -> bool {
        !self.queue().packets.is_empty()
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    pub(in super::super) fn pair() -> (Link, Link) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        (Link::new(one), Link::new(other))
    }

    fn take(link: &Link) -> Result<Option<Vec<u8>>, Broken> {
        let mut buf = vec![0; LARGEST + 1];
        Ok(match link.receive(&mut buf)? {
            Received::Packet(len, _) => Some(buf[..len].to_vec()),
            Received::Nothing => None,
        })
    }

    #[test]
    fn packets_arrive_whole_in_their_order_and_the_end_is_seen() {
        let (one, other) = pair();
        let now = Instant::now();
        assert!(!one.push(b"first".to_vec(), now));
        one.push_if_free(b"second");
        assert_eq!(take(&other).unwrap().unwrap(), b"first");
        assert_eq!(take(&other).unwrap().unwrap(), b"second");
        assert_eq!(take(&other).unwrap(), None);
        assert_eq!(
            Peer::of(&one).unwrap(),
            Peer { pid: std::process::id(), uid: rustix::process::getuid().as_raw() }
        );
        drop(one);
        assert!(matches!(take(&other), Err(Broken::Ended)));
    }

    #[test]
    fn who_does_not_read_is_given_up_and_costs_no_more_than_is_allowed() {
        let (one, other) = pair();
        let now = Instant::now();
        let packet = vec![7; 20_000];
        while !one.push(packet.clone(), now) {}
        assert!(one.is_behind());
        // What may be left out is.
        one.push_if_free(b"progress");
        one.flush(now + PATIENCE / 2).unwrap();
        assert!(matches!(one.flush(now + PATIENCE), Err(Broken::Deaf)));
        // When it reads again, its time begins anew.
        take(&other).unwrap().unwrap();
        one.flush(now + PATIENCE).unwrap();
        for _ in 0..MOST_BYTES / packet.len() + 1 {
            one.push(packet.clone(), now);
        }
        assert!(matches!(one.flush(now), Err(Broken::Deaf)));
        assert!(one.queue().bytes <= MOST_BYTES + packet.len());
        let mut got = 0;
        while let Some(bytes) = take(&other).unwrap() {
            assert_eq!(bytes, packet);
            got += 1;
        }
        assert!(got > 0);
    }

    #[test]
    fn a_descriptor_comes_along_and_more_than_one_is_refused() {
        let (one, other) = pair();
        let file = tempfile::tempfile().unwrap();
        one.send_with(b"here", file.as_fd()).unwrap();
        let mut buf = vec![0; LARGEST + 1];
        assert!(matches!(other.receive(&mut buf).unwrap(), Received::Packet(4, Some(_))));
        let before = std::fs::read_dir("/proc/self/fd").unwrap().count();
        for count in [2, 4, 9] {
            let fds = vec![file.as_fd(); count];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            control.push(SendAncillaryMessage::ScmRights(&fds));
            rustix::net::sendmsg(&one.fd, &[IoSlice::new(b"x")], &mut control, SendFlags::empty()).unwrap();
            assert!(matches!(other.receive(&mut buf), Err(Broken::TooMany)), "{count}");
        }
        let after = std::fs::read_dir("/proc/self/fd").unwrap().count();
        assert!(after <= before + 2, "descriptors stay open: {before}, {after}");
        one.push(vec![1; LARGEST + 1], Instant::now());
        assert!(matches!(other.receive(&mut buf), Err(Broken::TooLarge)));
    }
}
