//! Frames that are sent: UDP to a client that has no address yet, and the question for the device that has an address.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::board::Mac;

/// What a frame to all hosts is sent to.
pub(super) const EVERYBODY: Mac = Mac::new([0xff; 6]);

/// An Ethernet header, and what is behind it.
pub(super) fn ethernet(from: Mac, to: Mac, kind: u16, payload: &[u8]) -> Vec<u8> {
    [&to.bytes()[..], &from.bytes(), &kind.to_be_bytes(), payload].concat()
}

/// Asks who has an address, without telling one's own (RFC 5227 section 1.1): no host's tables change.
pub(super) fn arp_question(own: Mac, address: Ipv4Addr) -> [u8; 28] {
    let mut packet = [0; 28];
    // Ethernet, IPv4, lengths, request.
    packet[..8].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, 1]);
    packet[8..14].copy_from_slice(&own.bytes());
    packet[24..28].copy_from_slice(&address.octets());
    packet
}

/// An IPv4 packet with UDP in it (RFC 791, RFC 768). At most 65,507 bytes of content, of which no DHCP message comes near.
pub(super) fn udp(from: SocketAddrV4, to: SocketAddrV4, data: &[u8]) -> Vec<u8> {
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
    use crate::wire::frame::{Arp, Payload, parse};

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
    }

    #[test]
    fn a_question_tells_no_address_of_the_asker() {
        let (own, address) = (Mac::new([2, 0, 0, 0, 0, 9]), Ipv4Addr::new(10, 0, 0, 7));
        let frame = ethernet(own, EVERYBODY, 0x0806, &arp_question(own, address));
        let got = parse(&frame, None).unwrap();
        assert_eq!((got.source, got.destination), (own, [0xff; 6]));
        let arp = Arp { asks: true, sender: (own, Ipv4Addr::UNSPECIFIED), target: address };
        assert_eq!(got.payload, Payload::Arp(arp));
    }
}
