//! Packets below IP: to a client that has no address yet, to the device that has an address (ARP), and from servers
//! that answer somebody else. A packet socket of type SOCK_DGRAM: the kernel makes the Ethernet header (packet(7)).

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, Protocol, SockAddr, SockFilter, Socket, Type};

use crate::board::Mac;

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const EVERYBODY: [u8; 6] = [0xff; 6];

/// A packet socket on one interface.
#[derive(Debug)]
pub(super) struct Raw {
    socket: Socket,
    index: u32,
}

impl Raw {
    /// Receives ARP.
    ///
    /// # Errors
    /// [`io::ErrorKind::PermissionDenied`] without `CAP_NET_RAW`.
    pub(super) fn for_arp(index: u32) -> io::Result<Self> {
        Self::open(index, ARP, &[])
    }

    /// Receives what DHCP servers send to clients.
    ///
    /// # Errors
    /// As [`Raw::for_arp`].
    pub(super) fn for_clients(index: u32) -> io::Result<Self> {
        // Protocol UDP, destination port 68 behind a header of whatever length. The packet begins with its IP header.
        Self::open(
            index,
            IPV4,
            &[
                (0x30, 0, 0, 9),
                (0x15, 0, 4, 17),
                (0xb1, 0, 0, 0),
                (0x48, 0, 0, 2),
                (0x15, 0, 1, 68),
                (0x06, 0, 0, 4096),
                (0x06, 0, 0, 0),
            ],
        )
    }

    fn open(index: u32, protocol: u16, filter: &[(u16, u8, u8, u32)]) -> io::Result<Self> {
        // Protocol 0: nothing comes before it is bound to its interface.
        let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(0)))?;
        if !filter.is_empty() {
            let filter: Vec<SockFilter> =
                filter.iter().map(|(code, jt, jf, k)| SockFilter::new(*code, *jt, *jf, *k)).collect();
            socket.attach_filter(&filter)?;
        }
        socket.set_nonblocking(true)?;
        let raw = Self { socket, index };
        raw.socket.bind(&raw.link(protocol, [0; 6])?)?;
        Ok(raw)
    }

    fn link(&self, protocol: u16, to: [u8; 6]) -> io::Result<SockAddr> {
        // SAFETY: the storage is large enough for every family's address, zeroed, and the length is what was written.
        let ((), address) = unsafe {
            SockAddr::try_init(|storage, len| {
                let link = storage.cast::<libc::sockaddr_ll>();
                (*link).sll_family = libc::AF_PACKET as u16;
                (*link).sll_protocol = protocol.to_be();
                (*link).sll_ifindex = self.index as i32;
                (*link).sll_halen = 6;
                (&mut (*link).sll_addr)[..6].copy_from_slice(&to);
                *len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
                Ok(())
            })?
        };
        Ok(address)
    }

    /// Sends a UDP packet in a frame to `mac`, whatever the routes and the neighbours are.
    pub(super) fn send_udp(
        &self,
        mac: Mac,
        from: SocketAddrV4,
        to: SocketAddrV4,
        data: &[u8],
    ) -> io::Result<()> {
        let packet = udp(from, to, data);
        self.socket.send_to(&packet, &self.link(IPV4, mac.bytes())?)?;
        Ok(())
    }

    /// Sends a UDP packet to all hosts on the network.
    pub(super) fn broadcast_udp(&self, from: SocketAddrV4, to: SocketAddrV4, data: &[u8]) -> io::Result<()> {
        self.socket.send_to(&udp(from, to, data), &self.link(IPV4, EVERYBODY)?)?;
        Ok(())
    }

    /// Asks who has an address, without telling one's own (RFC 5227 section 1.1): no host's tables change.
    pub(super) fn ask_arp(&self, own: Mac, address: Ipv4Addr) -> io::Result<()> {
        let mut packet = [0; 28];
        // Ethernet, IPv4, lengths, request.
        packet[..8].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, 1]);
        packet[8..14].copy_from_slice(&own.bytes());
        packet[24..28].copy_from_slice(&address.octets());
        self.socket.send_to(&packet, &self.link(ARP, EVERYBODY)?)?;
        Ok(())
    }

    /// Takes one packet.
    pub(super) fn receive<'a>(&self, buf: &'a mut [MaybeUninit<u8>]) -> io::Result<&'a [u8]> {
        let len = self.socket.recv(buf)?;
        // SAFETY: the kernel has written that many bytes.
        Ok(unsafe { std::slice::from_raw_parts(buf.as_ptr().cast::<u8>(), len.min(buf.len())) })
    }
}

impl AsFd for Raw {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Which device says to have which address, in an ARP packet (RFC 826).
pub(super) fn arp_sender(packet: &[u8]) -> Option<(Mac, Ipv4Addr)> {
    let packet = packet.first_chunk::<28>()?;
    let is_ours = packet[..6] == [0, 1, 8, 0, 6, 4];
    let mac = Mac::new(std::array::from_fn(|at| packet[8 + at]));
    let address = Ipv4Addr::new(packet[14], packet[15], packet[16], packet[17]);
    (is_ours && !address.is_unspecified()).then_some((mac, address))
}

/// The sender and the data of a UDP packet that begins with its IP header.
pub(super) fn udp_data(packet: &[u8]) -> Option<(Ipv4Addr, &[u8])> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
    let from: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
    let udp = packet.get(header..total.min(packet.len()))?;
    (header >= 20 && packet[9] == 17).then_some((from.into(), udp.get(8..)?))
}

/// An IPv4 packet with UDP in it (RFC 791, RFC 768).
fn udp(from: SocketAddrV4, to: SocketAddrV4, data: &[u8]) -> Vec<u8> {
    let udp_len = (8 + data.len()) as u16;
    let mut packet = Vec::with_capacity(28 + data.len());
    packet.extend([0x45, 0]);
    packet.extend((20 + udp_len).to_be_bytes());
    // No identification: it may not be cut (RFC 6864 section 4.1). 64 hops, UDP.
    packet.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
    packet.extend(from.ip().octets());
    packet.extend(to.ip().octets());
    let sum = checksum(0, &packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend(udp_len.to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(data);
    // Of the addresses, the protocol and the length too.
    let pseudo = packet[12..20].chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum = checksum(pseudo.sum::<u32>() + 17 + u32::from(udp_len), &packet[20..]);
    // 0 would mean that there is no checksum.
    packet[26..28].copy_from_slice(&(if sum == 0 { 0xffff } else { sum }).to_be_bytes());
    packet
}

/// The Internet checksum (RFC 1071).
fn checksum(start: u32, bytes: &[u8]) -> u16 {
    let mut sum = start;
    for pair in bytes.chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 99, 0, 2), 67);
    const TO: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 99, 0, 100), 68);

    #[test]
    fn a_packet_is_what_it_should_be() {
        let packet = udp(FROM, TO, b"abc");
        assert_eq!(packet[..10], [0x45, 0, 0, 31, 0, 0, 0x40, 0, 64, 17]);
        assert_eq!(packet[20..26], [0, 67, 0, 68, 0, 11]);
        // A checksum over itself comes out as zero.
        assert_eq!(checksum(0, &packet[..20]), 0);
        let pseudo = [&packet[12..20], &[0, 17, 0, 11], &packet[20..]].concat();
        assert_eq!(checksum(0, &pseudo), 0);
        assert_eq!(udp_data(&packet), Some((*FROM.ip(), &b"abc"[..])));
        // Behind the packet there may be the padding of its frame.
        let padded = [&packet[..], &[0; 9]].concat();
        assert_eq!(udp_data(&padded), Some((*FROM.ip(), &b"abc"[..])));
        for len in 0..28 {
            assert_eq!(udp_data(&packet[..len]), None, "{len} bytes");
        }
    }

    #[test]
    fn arp_tells_who_has_what() {
        let mut packet = [0; 28];
        packet[..8].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, 2]);
        packet[8..18].copy_from_slice(&[2, 0, 0, 0, 0, 9, 10, 0, 0, 7]);
        let sender = Some((Mac::new([2, 0, 0, 0, 0, 9]), Ipv4Addr::new(10, 0, 0, 7)));
        assert_eq!(arp_sender(&packet), sender);
        assert_eq!(arp_sender(&packet[..27]), None);
        // A device that only asks (RFC 5227) has no address yet.
        packet[14..18].fill(0);
        assert_eq!(arp_sender(&packet), None);
        packet[1] = 6;
        assert_eq!(arp_sender(&packet), None);
    }

    proptest::proptest! {
        #[test]
        fn no_packet_panics(bytes: Vec<u8>) {
            let _ = (arp_sender(&bytes), udp_data(&bytes));
        }
    }
}
