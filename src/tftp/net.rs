//! The server's sockets: the few calls that the standard library doesn't have.

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use socket2::{MaybeUninitSlice, MsgHdrMut, SockAddr, Socket};

/// Room for the control messages of one packet: a packet info of either family.
const CONTROL: usize = 128;

/// A packet that came to the port where requests arrive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) len: usize,
    pub(super) peer: SocketAddr,
    /// The address that it was sent to; `None` where the kernel doesn't say.
    pub(super) local: Option<IpAddr>,
    /// It was sent by broadcast. RFC 1123 section 4.2.3.5: such a request is to be ignored silently.
    pub(super) broadcast: bool,
}

/// Opens the port where requests arrive. An IPv6 socket takes IPv4 too.
pub(super) fn listen(addr: SocketAddr) -> io::Result<OwnedFd> {
    let fd = open(addr)?;
    if addr.is_ipv6() {
        rustix::net::sockopt::set_ipv6_v6only(&fd, false)?;
    }
    prepare(&fd, addr)?;
    rustix::net::bind(&fd, &addr)?;
    Ok(fd)
}

/// Makes a socket that another program has bound into one where requests arrive.
pub(super) fn adopt(fd: &OwnedFd, addr: SocketAddr) -> io::Result<()> {
    if rustix::net::sockopt::socket_type(fd)? != SocketType::DGRAM {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the socket that was handed over is no UDP socket",
        ));
    }
    let bound = rustix::net::getsockname(fd)?;
    let bound = SocketAddr::try_from(bound).unwrap_or(addr);
    rustix::io::ioctl_fionbio(fd, true)?;
    not_by_hearsay(fd, bound)?;
    prepare(fd, bound)
}

fn prepare(fd: &OwnedFd, addr: SocketAddr) -> io::Result<()> {
    // Also for IPv4 packets that come to an IPv6 socket; those are told as mapped addresses.
    if addr.is_ipv6() {
        set(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?;
    } else {
        set(fd, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?;
    }
    // A rack of boards that boots at once sends a burst of requests.
    receive_buffer(fd, 1 << 20);
    Ok(())
}

/// Without the privilege the kernel cuts it down to what it allows everybody.
fn receive_buffer(fd: &OwnedFd, wanted: usize) {
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(fd, wanted)
        .or_else(|_| rustix::net::sockopt::set_socket_recv_buffer_size(fd, wanted));
}

/// The address that a transfer answers from: the one that the client asked. Port 0: any.
pub(super) fn answer_from(local: Option<IpAddr>, peer: SocketAddr) -> SocketAddr {
    let any = if peer.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    match (local.unwrap_or(any), peer) {
        // A link-local address is only one together with its interface.
        (IpAddr::V6(ip), SocketAddr::V6(peer)) => SocketAddrV6::new(ip, 0, 0, peer.scope_id()).into(),
        (ip, _) => SocketAddr::new(ip, 0),
    }
}

/// Opens a port of its own for one transfer, from the address that the client asked, to that client only.
pub(super) fn connect(local: Option<IpAddr>, peer: SocketAddr) -> io::Result<OwnedFd> {
    let fd = open(peer)?;
    rustix::net::bind(&fd, &answer_from(local, peer))?;
    rustix::net::connect(&fd, &peer)?;
    Ok(fd)
}

/// Opens a port for many transfers, to any client: a socket for each of `cpus`, which gets what that processor takes
/// from the network. The kernel keeps what the network says of packets that were sent from it for [`take_error`].
pub(super) fn shared(from: SocketAddr, cpus: &[Option<usize>]) -> io::Result<Vec<Socket>> {
    let mut sockets: Vec<Socket> = Vec::with_capacity(cpus.len());
    for cpu in cpus {
        let fd = open(from)?;
        if from.is_ipv6() {
            set(&fd, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, 1)?;
        } else {
            set(&fd, libc::IPPROTO_IP, libc::IP_RECVERR, 1)?;
        }
        // Room for an ACK of each client, and for packets to hosts that aren't there, which the kernel keeps for up to
        // three seconds while it looks for them.
        receive_buffer(&fd, 1 << 20);
        let wanted = 4 << 20;
        let _ = rustix::net::sockopt::set_socket_send_buffer_size_force(&fd, wanted)
            .or_else(|_| rustix::net::sockopt::set_socket_send_buffer_size(&fd, wanted));
        if let Some(cpu) = cpu.and_then(|cpu| libc::c_int::try_from(cpu).ok()) {
            // Before Linux 6.2 it is chosen by the client's address, which is right too, if slower.
            let _ = set(&fd, libc::SOL_SOCKET, libc::SO_INCOMING_CPU, cpu);
        }
        match sockets.first() {
            // The first one takes a port that is free, and lets others of this process join it only after that: among
            // sockets that share a port none is refused.
            None => {
                rustix::net::bind(&fd, &from)?;
                rustix::net::sockopt::set_socket_reuseport(&fd, true)?;
            }
            Some(first) => {
                rustix::net::sockopt::set_socket_reuseport(&fd, true)?;
                let addr = first.local_addr()?.as_socket().unwrap_or(from);
                rustix::net::bind(&fd, &addr)?;
            }
        }
        sockets.push(fd.into());
    }
    Ok(sockets)
}

fn open(addr: SocketAddr) -> io::Result<OwnedFd> {
    let family = if addr.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = rustix::net::socket_with(family, SocketType::DGRAM, flags, None)?;
    not_by_hearsay(&fd, addr)?;
    Ok(fd)
}

/// Packets are as long as the interface allows, whatever ICMP says: anybody may send "fragmentation needed" about a port
/// that many clients know, and no boot program puts fragments together (ip(7), `IP_MTU_DISCOVER`; linux/in.h).
fn not_by_hearsay(fd: &OwnedFd, addr: SocketAddr) -> io::Result<()> {
    if addr.is_ipv6() {
        set(fd, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_OMIT)?;
    }
    // Also for IPv4 over an IPv6 socket.
    set(fd, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_OMIT)
}

/// Makes the kernel cut what is sent into packets of `size` bytes (UDP generic segmentation offload, Linux 4.18);
/// 0 turns it off.
pub(super) fn segment(fd: &OwnedFd, size: u16) -> io::Result<()> {
    set(fd, libc::SOL_UDP, libc::UDP_SEGMENT, size.into())
}

fn set(fd: &OwnedFd, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the pointer is to a c_int that outlives the call, and `len` is its size.
    let result = unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const value).cast(), len) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes one packet together with the address that it was sent to.
pub(super) fn receive(socket: &Socket, buf: &mut [MaybeUninit<u8>]) -> io::Result<Arrival> {
    let mut control = Control::default();
    let (len, from) = control.receive(socket, buf, 0)?;
    let peer = from.ok_or(io::ErrorKind::InvalidData)?;
    let (local, broadcast) = destination(control.bytes());
    let canonical = peer.ip().to_canonical();
    let peer = if canonical.is_ipv4() { SocketAddr::new(canonical, peer.port()) } else { peer };
    Ok(Arrival { len, peer, local: local.map(|ip| ip.to_canonical()), broadcast })
}

/// Takes what the network said of a packet that was sent from a [`shared`] port: to which client it was, and what is
/// wrong; `None` where the kernel doesn't say that.
///
/// # Errors
/// `WouldBlock` where there is nothing to be said.
pub(super) fn take_error(socket: &Socket) -> io::Result<Option<(SocketAddr, Errno)>> {
    let mut control = Control::default();
    // The packet itself comes too; who it was sent to is enough.
    let (_, to) = control.receive(socket, &mut [], libc::MSG_ERRQUEUE)?;
    let errno = messages(control.bytes()).find_map(|(level, kind, data)| {
        let is_error = matches!(
            (level, kind),
            (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
        );
        if !is_error || data.len() < size_of::<libc::sock_extended_err>() {
            return None;
        }
        // SAFETY: there are enough bytes, and any bytes make a sock_extended_err.
        let error = unsafe { data.as_ptr().cast::<libc::sock_extended_err>().read_unaligned() };
        i32::try_from(error.ee_errno).ok().map(Errno::from_raw_os_error)
    });
    Ok(to.zip(errno))
}

/// Control messages of one packet, aligned as the kernel's are.
struct Control {
    room: [MaybeUninit<u64>; CONTROL / 8],
    used: usize,
}

impl Default for Control {
    fn default() -> Self {
        Self { room: [MaybeUninit::uninit(); CONTROL / 8], used: 0 }
    }
}

impl Control {
    /// Takes one packet: its length, and the address that the kernel tells with it.
    fn receive(
        &mut self,
        socket: &Socket,
        buf: &mut [MaybeUninit<u8>],
        flags: libc::c_int,
    ) -> io::Result<(usize, Option<SocketAddr>)> {
        // SAFETY: the same memory, seen as bytes that need not be initialised.
        let bytes = unsafe {
            std::slice::from_raw_parts_mut(self.room.as_mut_ptr().cast::<MaybeUninit<u8>>(), CONTROL)
        };
        // SAFETY: an all-zero address of family AF_UNSPEC is valid; the kernel fills it in.
        let ((), mut from) = unsafe {
            SockAddr::try_init(|_, len| {
                *len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
                Ok(())
            })?
        };
        let mut bufs = [MaybeUninitSlice::new(buf)];
        let mut header = MsgHdrMut::new().with_addr(&mut from).with_buffers(&mut bufs).with_control(bytes);
        let len = socket.recvmsg(&mut header, flags)?;
        self.used = header.control_len().min(CONTROL);
        Ok((len, from.as_socket()))
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the kernel has written `used` bytes.
        unsafe { std::slice::from_raw_parts(self.room.as_ptr().cast::<u8>(), self.used) }
    }
}

/// Control messages: level, type, and what they say. What is damaged ends them.
fn messages(control: &[u8]) -> impl Iterator<Item = (libc::c_int, libc::c_int, &[u8])> {
    let header = size_of::<libc::cmsghdr>();
    let align = |len: usize| len.next_multiple_of(size_of::<usize>());
    let mut rest = control;
    std::iter::from_fn(move || {
        if rest.len() < header {
            return None;
        }
        // SAFETY: there are enough bytes, and any bytes make a cmsghdr.
        let message = unsafe { rest.as_ptr().cast::<libc::cmsghdr>().read_unaligned() };
        // Its type differs between the C libraries.
        #[allow(clippy::unnecessary_cast, reason = "socklen_t with musl, size_t with glibc")]
        let len = message.cmsg_len as usize;
        if len < header || len > rest.len() {
            return None;
        }
        let data = &rest[align(header)..len];
        rest = rest.get(align(len)..).unwrap_or_default();
        Some((message.cmsg_level, message.cmsg_type, data))
    })
}

/// Reads the control messages: where the packet was sent to, and whether that is everybody.
fn destination(control: &[u8]) -> (Option<IpAddr>, bool) {
    let found = messages(control).find_map(|(level, kind, data)| match (level, kind) {
        (libc::IPPROTO_IP, libc::IP_PKTINFO) if data.len() >= size_of::<libc::in_pktinfo>() => {
            // SAFETY: there are enough bytes, and any bytes make an in_pktinfo.
            let info = unsafe { data.as_ptr().cast::<libc::in_pktinfo>().read_unaligned() };
            let ip = |ip: libc::in_addr| Ipv4Addr::from(ip.s_addr.to_ne_bytes());
            let (answer_from, sent_to) = (ip(info.ipi_spec_dst), ip(info.ipi_addr));
            Some((Some(answer_from.into()), answer_from != sent_to))
        }
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) if data.len() >= size_of::<libc::in6_pktinfo>() => {
            // SAFETY: there are enough bytes, and any bytes make an in6_pktinfo.
            let info = unsafe { data.as_ptr().cast::<libc::in6_pktinfo>().read_unaligned() };
            let ip = Ipv6Addr::from(info.ipi6_addr.s6_addr);
            let everybody = ip.is_multicast()
                || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_broadcast() || ip.is_multicast());
            Some(((!everybody).then_some(ip.into()), everybody))
        }
        _ => None,
    });
    found.unwrap_or((None, false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    fn arrival(listen_on: &str, send_to: &str, from: &str) -> Arrival {
        let fd = listen(listen_on.parse().unwrap()).unwrap();
        let socket = Socket::from(fd);
        socket.set_nonblocking(false).unwrap();
        let port = socket.local_addr().unwrap().as_socket().unwrap().port();
        let client = UdpSocket::bind(from).unwrap();
        client.set_broadcast(true).unwrap();
        client.send_to(b"hello", format!("{send_to}:{port}")).unwrap();
        let mut buf = [MaybeUninit::uninit(); 64];
        let arrival = receive(&socket, &mut buf).unwrap();
        assert_eq!((arrival.len, arrival.peer), (5, client.local_addr().unwrap()));
        // And a transfer's socket really answers from that address.
        if let Some(local) = arrival.local {
            let answer = UdpSocket::from(connect(Some(local), arrival.peer).unwrap());
            assert_eq!(answer.local_addr().unwrap().ip(), local);
            answer.send(b"back").unwrap();
            assert_eq!(client.recv_from(&mut [0; 9]).unwrap(), (4, answer.local_addr().unwrap()));
        }
        arrival
    }

    #[test]
    fn the_address_that_was_asked_is_known() {
        for ip in ["127.0.0.1", "127.0.0.77"] {
            let got = arrival("0.0.0.0:0", ip, "127.0.0.1:0");
            assert_eq!((got.local, got.broadcast), (Some(ip.parse().unwrap()), false));
        }
        let got = arrival("[::]:0", "[::1]", "[::1]:0");
        assert_eq!((got.local, got.broadcast), (Some("::1".parse().unwrap()), false));
        // IPv4 over an IPv6 socket.
        let got = arrival("[::]:0", "127.0.0.5", "127.0.0.1:0");
        assert_eq!((got.local, got.broadcast), (Some("127.0.0.5".parse().unwrap()), false));
    }

    #[test]
    fn a_call_to_everybody_is_told_apart() {
        assert!(arrival("0.0.0.0:0", "127.255.255.255", "127.0.0.1:0").broadcast);
    }

    #[test]
    fn damaged_control_messages_are_skipped() {
        assert_eq!(destination(&[]), (None, false));
        assert_eq!(destination(&[0; 16]), (None, false));
        assert_eq!(destination(&[0xff; 40]), (None, false));
    }
}
