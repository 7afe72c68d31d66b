//! Many packets of one socket in one call to the kernel: recvmmsg(2), sendmmsg(2).

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::ptr::null_mut;

use rustix::io::Errno;
use socket2::{SockAddr, Socket};

/// Packets in one call at most.
pub(super) const MOST: usize = 64;
/// Longer than an ACK or an ERROR of any client; what is longer is cut.
const SNAP: usize = 1024;
/// Bytes that wait for a socket that takes no more. What comes on top of them is lost, as on a crowded wire.
const MOST_WAITING: usize = 1 << 20;

/// Packets that have arrived.
pub(super) struct Inbox {
    bytes: Box<[[u8; SNAP]]>,
    names: Box<[libc::sockaddr_storage]>,
    parts: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    got: usize,
}

// SAFETY: its pointers are to its own memory on the heap, and are used within a call that has set them.
unsafe impl Send for Inbox {}

impl Inbox {
    pub(super) fn new() -> Self {
        // SAFETY: an address of zeros is one of no family.
        let name: libc::sockaddr_storage = unsafe { zeroed() };
        let (bytes, names) = (vec![[0; SNAP]; MOST].into(), vec![name; MOST].into());
        Self { bytes, names, parts: Vec::with_capacity(MOST), headers: Vec::with_capacity(MOST), got: 0 }
    }

    /// Takes what is there, at most `most` packets and [`MOST`], and gives how many came; never waits.
    pub(super) fn receive(&mut self, socket: &Socket, most: usize) -> Result<usize, Errno> {
        let most = most.min(MOST);
        let buffers = self.bytes[..most].iter_mut();
        self.parts.clear();
        self.parts.extend(
            buffers.map(|buffer| libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: SNAP }),
        );
        self.headers.clear();
        self.headers.extend(self.parts.iter_mut().zip(&mut self.names).map(|(part, name)| {
            let name: *mut libc::sockaddr_storage = name;
            header(part, name.cast(), size_of::<libc::sockaddr_storage>() as libc::socklen_t)
        }));
        self.got = 0;
        // SAFETY: the headers point to parts and names, and these to buffers of that length; all outlive the call.
        let got = unsafe {
            let flags = libc::MSG_DONTWAIT as _;
            let count = self.headers.len() as libc::c_uint;
            libc::recvmmsg(socket.as_raw_fd(), self.headers.as_mut_ptr(), count, flags, null_mut())
        };
        self.got = usize::try_from(got).map_err(|_| last_error())?;
        Ok(self.got)
    }

    /// How many came last.
    pub(super) fn len(&self) -> usize {
        self.got
    }

    /// One of those that came last, and from where.
    pub(super) fn packet(&self, at: usize) -> Option<(SocketAddr, &[u8])> {
        let header = self.headers[..self.got].get(at)?;
        let len = (header.msg_len as usize).min(SNAP);
        Some((address(&self.names[at])?, &self.bytes[at][..len]))
    }
}

/// Packets that are to be sent.
#[derive(Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    packets: Vec<(SockAddr, Range<usize>)>,
    parts: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

// SAFETY: its pointers are to its own memory on the heap, and are used within a call that has set them.
unsafe impl Send for Outbox {}

impl Outbox {
    /// Keeps a packet of these parts until [`Outbox::send`].
    pub(super) fn push(&mut self, peer: SocketAddr, parts: [&[u8]; 2]) {
        if self.bytes.len() >= MOST_WAITING {
            return;
        }
        let start = self.bytes.len();
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        self.packets.push((peer.into(), start..self.bytes.len()));
    }

    /// Sends them all, and says so; or as many as the socket takes now. `trouble` is asked about each error of the
    /// socket: whether the packet that met it is to be tried again.
    pub(super) fn send(
        &mut self,
        socket: &Socket,
        mut trouble: impl FnMut(&SockAddr, Errno) -> bool,
    ) -> bool {
        let mut first = 0;
        while first < self.packets.len() {
            match self.send_some(socket, first) {
                Ok(count) => first += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.packets.drain(..first);
                    return false;
                }
                Err(errno) => {
                    if !trouble(&self.packets[first].0, errno) {
                        first += 1;
                    }
                }
            }
        }
        self.packets.clear();
        self.bytes.clear();
        true
    }

    fn send_some(&mut self, socket: &Socket, first: usize) -> Result<usize, Errno> {
        let some = &self.packets[first..self.packets.len().min(first + MOST)];
        self.parts.clear();
        self.parts.extend(some.iter().map(|(_, range)| {
            let bytes = &self.bytes[range.clone()];
            libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }
        }));
        self.headers.clear();
        self.headers.extend(
            self.parts
                .iter_mut()
                .zip(some)
                .map(|(part, (peer, _))| header(part, peer.as_ptr().cast_mut().cast(), peer.len())),
        );
        // SAFETY: the headers point to parts and names, and these to bytes; all outlive the call, which writes only
        // the headers' lengths.
        let sent = unsafe {
            let count = self.headers.len() as libc::c_uint;
            libc::sendmmsg(socket.as_raw_fd(), self.headers.as_mut_ptr(), count, 0)
        };
        usize::try_from(sent).map_err(|_| last_error())
    }
}

fn header(part: &mut libc::iovec, name: *mut libc::c_void, len: libc::socklen_t) -> libc::mmsghdr {
    // SAFETY: a header of zeros is valid: no name, no control messages, no buffers.
    let mut header: libc::mmsghdr = unsafe { zeroed() };
    header.msg_hdr.msg_iov = part;
    header.msg_hdr.msg_iovlen = 1;
    header.msg_hdr.msg_name = name;
    header.msg_hdr.msg_namelen = len;
    header
}

fn last_error() -> Errno {
    io::Error::last_os_error().raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error)
}

/// The address that the kernel has written.
fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let name: *const libc::sockaddr_storage = name;
    // SAFETY: the storage has room for every family, and is aligned for it; any bytes are an address.
    match unsafe { (*name).ss_family }.into() {
        libc::AF_INET => {
            // SAFETY: as above.
            let name = unsafe { &*name.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddrV4::new(ip, u16::from_be(name.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let name = unsafe { &*name.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(name.sin6_port), 0, name.sin6_scope_id).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::OwnedFd;

    use super::*;

    fn socket(bind: &str) -> Socket {
        Socket::from(OwnedFd::from(UdpSocket::bind(bind).unwrap()))
    }

    #[test]
    fn many_packets_go_and_come_with_their_addresses() {
        for ip in ["127.0.0.1:0", "[::1]:0"] {
            let server = socket(ip);
            let addr = server.local_addr().unwrap().as_socket().unwrap();
            let clients: Vec<_> = (0..MOST + 6).map(|_| UdpSocket::bind(ip).unwrap()).collect();
            for (n, client) in clients.iter().enumerate() {
                client.send_to(&vec![n as u8; n + 1], addr).unwrap();
            }
            let (mut inbox, mut outbox) = (Inbox::new(), Outbox::default());
            let mut seen = 0;
            for (asked, count) in [(3, 3), (MOST + 9, MOST), (MOST, 3)] {
                assert_eq!(inbox.receive(&server, asked), Ok(count));
                for at in 0..count {
                    let (peer, bytes) = inbox.packet(at).unwrap();
                    assert_eq!(peer, clients[seen].local_addr().unwrap());
                    assert_eq!(bytes, vec![seen as u8; seen + 1]);
                    outbox.push(peer, [b"to ", &[seen as u8]]);
                    seen += 1;
                }
                assert!(inbox.packet(count).is_none());
            }
            assert_eq!(inbox.receive(&server, MOST), Err(Errno::AGAIN));
            assert!(inbox.packet(0).is_none(), "what came before isn't given again");
            assert!(outbox.send(&server, |peer, errno| panic!("{peer:?}: {errno}")));
            assert!(outbox.packets.is_empty() && outbox.bytes.is_empty());
            for (n, client) in clients.iter().enumerate() {
                let mut buf = [0; 9];
                assert_eq!(client.recv_from(&mut buf).unwrap(), (4, addr));
                assert_eq!(buf[..4], [b't', b'o', b' ', n as u8]);
            }
        }
    }

    #[test]
    fn a_packet_that_cant_go_holds_up_no_other() {
        let (server, client) = (socket("127.0.0.1:0"), UdpSocket::bind("127.0.0.1:0").unwrap());
        let mut outbox = Outbox::default();
        outbox.push(client.local_addr().unwrap(), [b"1", b""]);
        // Not reachable from an address of the loopback interface.
        outbox.push("192.0.2.1:9".parse().unwrap(), [b"lost", b""]);
        outbox.push(client.local_addr().unwrap(), [b"2", b""]);
        let mut errors = Vec::new();
        assert!(outbox.send(&server, |peer, errno| {
            errors.push((peer.as_socket().unwrap().ip().to_string(), errno));
            errors.len() < 3
        }));
        assert_eq!(errors.len(), 3, "it is tried as often as is asked for: {errors:?}");
        assert!(errors.iter().all(|(ip, _)| ip == "192.0.2.1"));
        for want in [b"1", b"2"] {
            let mut buf = [0; 9];
            assert_eq!(client.recv(&mut buf).unwrap(), 1);
            assert_eq!(buf[0], want[0]);
        }
    }

    #[test]
    fn a_long_packet_is_cut_and_what_waits_is_bounded() {
        let (server, client) = (socket("127.0.0.1:0"), UdpSocket::bind("127.0.0.1:0").unwrap());
        let addr = server.local_addr().unwrap().as_socket().unwrap();
        client.send_to(&[7; 60_000], addr).unwrap();
        let mut inbox = Inbox::new();
        assert_eq!(inbox.receive(&server, MOST), Ok(1));
        assert_eq!(inbox.packet(0).unwrap().1, [7; SNAP]);
        let mut outbox = Outbox::default();
        for _ in 0..100_000 {
            outbox.push(addr, [&[1; 1468], &[]]);
        }
        assert!(outbox.bytes.len() < MOST_WAITING + 1468 && outbox.packets.len() < 800);
    }
}
