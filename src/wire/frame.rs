//! Ethernet frames, as far as boards are concerned: ARP, UDP, the beginnings of TCP connections, spanning tree. One parser
//! for all that looks at the wire.
//!
//! Nothing is checked that only matters to a receiver: checksums of frames from this host aren't filled in when they
//! are seen here.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use crate::board::Mac;

/// Bytes of an Ethernet header.
pub(super) const ETHERNET: usize = 14;
/// A tag of IEEE 802.1Q, and of 802.1ad.
pub(super) const TAGS: [u16; 2] = [0x8100, 0x88a8];
/// Tags that may stand in a frame, one inside the other.
pub(super) const MOST_TAGS: usize = 2;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload<'a> {
    /// ARP for IPv4 (RFC 826).
    Arp(Arp),
    /// A UDP datagram over IPv4 (RFC 768, 791), or the first fragment of one.
    Udp(Udp<'a>),
    /// A UDP datagram over IPv6 (RFC 8200) without extension headers.
    Udp6(Udp6<'a>),
    /// The first segment of a TCP connection (RFC 9293).
    Syn {
        /// The host that opens it.
        from: SocketAddrV4,
        /// To where.
        to: SocketAddrV4,
    },
    /// A BPDU: the bytes behind the LLC header (IEEE 802.1D-2004 clause 9), or behind that of Cisco's PVST+.
    Bpdu(&'a [u8]),
    /// A fragment of an IPv4 packet that isn't its first: no ports stand in it, so what it belongs to isn't known.
    Fragment {
        /// The host that sends it.
        from: Ipv4Addr,
        /// To where.
        to: Ipv4Addr,
    },
}

/// An ARP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// It asks; otherwise it answers.
    pub asks: bool,
    /// The host that speaks. Its address is 0.0.0.0 where it only asks whether an address is free (RFC 5227).
    pub sender: (Mac, Ipv4Addr),
    /// The host that is asked for, or spoken to.
    pub target: Ipv4Addr,
}

/// A UDP datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Udp<'a> {
    /// Its sender.
    pub from: SocketAddrV4,
    /// Where it goes.
    pub to: SocketAddrV4,
    /// Its content, or as much of that as stands in the first fragment.
    pub data: &'a [u8],
    /// The rest is in other fragments.
    pub is_cut: bool,
}

/// A UDP datagram over IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Udp6<'a> {
    /// Its sender.
    pub from: SocketAddrV6,
    /// Where it goes.
    pub to: SocketAddrV6,
    /// Its content.
    pub data: &'a [u8],
}

/// A frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its sender.
    pub source: Mac,
    /// Its receiver; may be a group.
    pub destination: [u8; 6],
    /// The virtual network that it belongs to (IEEE 802.1Q, 1 to 4095), by its outermost tag; `None` where it has no
    /// tag, or one that only tells a priority.
    pub vlan: Option<u16>,
    /// What it carries.
    pub payload: Payload<'a>,
}

/// Reads a frame; `None` for what is no business of boards, or is damaged.
///
/// `taken_off` is the tag that the kernel has taken off the frame, as it tells beside it (packet(7), `PACKET_AUXDATA`): the
/// TCI, whose lower 12 bits are the number of the virtual network.
#[must_use]
pub fn parse(frame: &[u8], taken_off: Option<u16>) -> Option<Frame<'_>> {
    let destination = *frame.first_chunk()?;
    let source: [u8; 6] = *frame.get(6..)?.first_chunk()?;
    let source = Mac::new(source);
    let mut kind = pair(frame, 12)?;
    let mut rest = frame.get(ETHERNET..)?;
    let mut tag = taken_off;
    for _ in 0..MOST_TAGS {
        if TAGS.contains(&kind) {
            let found = pair(rest, 0)?;
            // The outermost one that names a network.
            tag = tag.filter(|tag| tag & 0xfff != 0).or(Some(found));
            kind = pair(rest, 2)?;
            rest = rest.get(4..)?;
        }
    }
    let payload = match kind {
        0x0806 => Payload::Arp(arp(rest)?),
        0x0800 => ip(rest)?,
        0x86dd => Payload::Udp6(ip6(rest)?),
        // IEEE 802.3: a length, then LLC.
        ..=1500 => Payload::Bpdu(bpdu(rest.get(..usize::from(kind)).unwrap_or(rest))?),
        _ => return None,
    };
    let vlan = tag.map(|tag| tag & 0xfff).filter(|vlan| *vlan != 0);
    Some(Frame { source, destination, vlan, payload })
}

fn pair(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|pair| u16::from_be_bytes(*pair))
}

fn address(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    bytes.get(at..)?.first_chunk::<4>().map(|four| Ipv4Addr::from(*four))
}

fn arp(bytes: &[u8]) -> Option<Arp> {
    // Ethernet, IPv4, and the lengths of their addresses.
    if bytes.first_chunk()? != &[0, 1, 8, 0, 6, 4] {
        return None;
    }
    let operation = pair(bytes, 6)?;
    let mac: [u8; 6] = *bytes.get(8..)?.first_chunk()?;
    let (sender, target) = (address(bytes, 14)?, address(bytes, 24)?);
    matches!(operation, 1 | 2).then_some(Arp {
        asks: operation == 1,
        sender: (Mac::new(mac), sender),
        target,
    })
}

fn ip(bytes: &[u8]) -> Option<Payload<'_>> {
    /// More fragments follow; where this one begins, in units of 8 bytes.
    const MORE: u16 = 0x2000;
    const OFFSET: u16 = 0x1fff;
    let header = usize::from(*bytes.first()? & 0x0f) * 4;
    let fragment = pair(bytes, 6)?;
    if bytes[0] >> 4 != 4 || header < 20 {
        return None;
    }
    // What is behind the packet's length fills the frame up to its smallest size.
    let whole = bytes.get(..usize::from(pair(bytes, 2)?)).unwrap_or(bytes);
    let (protocol, data) = (*whole.get(9)?, whole.get(header..)?);
    let (from, to) = (address(whole, 12)?, address(whole, 16)?);
    if fragment & OFFSET != 0 {
        return Some(Payload::Fragment { from, to });
    }
    let from = SocketAddrV4::new(from, pair(data, 0)?);
    let to = SocketAddrV4::new(to, pair(data, 2)?);
    match protocol {
        17 => {
            let len = usize::from(pair(data, 4)?);
            let is_cut = fragment & MORE != 0 && len > data.len();
            let end = if is_cut { data.len() } else { len };
            Some(Payload::Udp(Udp { from, to, data: data.get(8..end)?, is_cut }))
        }
        // SYN without ACK.
        6 if data.get(13)? & 0x12 == 0x02 => Some(Payload::Syn { from, to }),
        _ => None,
    }
}

/// Extension headers aren't followed: what asks a server on its own network has none.
fn ip6(bytes: &[u8]) -> Option<Udp6<'_>> {
    let (header, rest) = bytes.split_first_chunk::<40>()?;
    if header[0] >> 4 != 6 || header[6] != 17 {
        return None;
    }
    let data = rest.get(..usize::from(pair(header, 4)?))?;
    let end = |at: usize, port: u16| {
        let ip: [u8; 16] = *header.get(at..)?.first_chunk()?;
        Some(SocketAddrV6::new(Ipv6Addr::from(ip), port, 0, 0))
    };
    let (from, to) = (end(8, pair(data, 0)?)?, end(24, pair(data, 2)?)?);
    Some(Udp6 { from, to, data: data.get(8..usize::from(pair(data, 4)?))? })
}

fn bpdu(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [0x42, 0x42, 3, rest @ ..] => Some(rest),
        // SNAP, Cisco, PVST+.
        [0xaa, 0xaa, 3, 0, 0, 0x0c, 1, 0x0b, rest @ ..] => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const MAC: [u8; 6] = [0xdc, 0xa6, 0x32, 1, 2, 9];

    /// An Ethernet frame.
    pub(crate) fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
        [&[0xff; 6][..], &MAC, &kind.to_be_bytes(), payload].concat()
    }

    /// A UDP datagram as a frame.
    pub(crate) fn udp(from: &str, to: &str, data: &[u8]) -> Vec<u8> {
        let (from, to): (SocketAddrV4, SocketAddrV4) = (from.parse().unwrap(), to.parse().unwrap());
        let len = (data.len() + 8) as u16;
        let mut udp =
            [from.port().to_be_bytes(), to.port().to_be_bytes(), len.to_be_bytes(), [0, 0]].concat();
        udp.extend(data);
        ethernet(0x0800, &packet(17, from, to, &udp))
    }

    /// A UDP datagram over IPv6 as a frame.
    pub(crate) fn udp6(from: &str, to: &str, data: &[u8]) -> Vec<u8> {
        let (from, to): (SocketAddrV6, SocketAddrV6) = (from.parse().unwrap(), to.parse().unwrap());
        let len = (data.len() as u16 + 8).to_be_bytes();
        let mut packet = vec![0x60, 0, 0, 0, len[0], len[1], 17, 1];
        packet.extend(from.ip().octets());
        packet.extend(to.ip().octets());
        packet.extend([from.port().to_be_bytes(), to.port().to_be_bytes(), len, [0, 0]].concat());
        packet.extend(data);
        ethernet(0x86dd, &packet)
    }

    fn packet(protocol: u8, from: SocketAddrV4, to: SocketAddrV4, data: &[u8]) -> Vec<u8> {
        let [high, low] = (data.len() as u16 + 20).to_be_bytes();
        let mut ip = vec![0x45, 0, high, low, 0, 0, 0, 0, 64, protocol, 0, 0];
        ip.extend(from.ip().octets());
        ip.extend(to.ip().octets());
        ip.extend(data);
        ip
    }

    #[test]
    fn udp_is_read() {
        let mut frame = udp("10.0.0.9:68", "255.255.255.255:67", b"hello");
        // The frame is filled up to 60 bytes.
        frame.resize(60, 0xee);
        let got = parse(&frame, None).unwrap();
        let (from, to) = ("10.0.0.9:68".parse().unwrap(), "255.255.255.255:67".parse().unwrap());
        assert_eq!((got.source, got.destination), (Mac::new(MAC), [0xff; 6]));
        assert_eq!(got.payload, Payload::Udp(Udp { from, to, data: b"hello", is_cut: false }));
        let tagged = [&frame[..12], &[0x81, 0, 0, 7], &frame[12..]].concat();
        assert_eq!(parse(&tagged, None), Some(Frame { vlan: Some(7), ..got }));
        let twice = [&frame[..12], &[0x88, 0xa8, 0, 9, 0x81, 0, 0, 7], &frame[12..]].concat();
        assert_eq!(parse(&twice, None), Some(Frame { vlan: Some(9), ..got }));
        // One that the kernel has taken off, and one of number 0, which is a priority only.
        assert_eq!(parse(&frame, Some(0xe005)), Some(Frame { vlan: Some(5), ..got }));
        assert_eq!(parse(&tagged, Some(5)), Some(Frame { vlan: Some(5), ..got }));
        assert_eq!(parse(&tagged, Some(0x2000)), Some(Frame { vlan: Some(7), ..got }));
        let priority = [&frame[..12], &[0x81, 0, 0xe0, 0], &frame[12..]].concat();
        assert_eq!(parse(&priority, None), Some(got));
        // Three tags are nobody's.
        let thrice = [&frame[..12], &[0x81, 0, 0, 7], &twice[12..]].concat();
        assert_eq!(parse(&thrice, None), None);
    }

    #[test]
    fn arp_is_read() {
        let mut message = vec![0, 1, 8, 0, 6, 4, 0, 1];
        message.extend(MAC);
        message.extend([10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1]);
        let ips = (Ipv4Addr::new(10, 0, 0, 9), Ipv4Addr::new(10, 0, 0, 1));
        let arp = Arp { asks: true, sender: (Mac::new(MAC), ips.0), target: ips.1 };
        assert_eq!(parse(&ethernet(0x0806, &message), None).unwrap().payload, Payload::Arp(arp));
        message[7] = 9;
        assert_eq!(parse(&ethernet(0x0806, &message), None), None);
        assert_eq!(parse(&ethernet(0x0806, &message[..20]), None), None);
    }

    #[test]
    fn a_connection_is_seen_when_it_opens() {
        let (from, to) = ("10.0.0.9:800".parse().unwrap(), "10.0.0.1:2049".parse().unwrap());
        let tcp = |flags: u8| {
            let mut tcp = vec![3, 32, 8, 1];
            tcp.extend([0; 8]);
            tcp.extend([0x50, flags, 0, 0, 0, 0, 0, 0]);
            ethernet(0x0800, &packet(6, from, to, &tcp))
        };
        assert_eq!(parse(&tcp(2), None).unwrap().payload, Payload::Syn { from, to });
        assert_eq!(parse(&tcp(2 | 0x40 | 0x80), None).unwrap().payload, Payload::Syn { from, to });
        for flags in [0x12, 0x10, 1, 4] {
            assert_eq!(parse(&tcp(flags), None), None);
        }
    }

    #[test]
    fn spanning_tree_is_found_in_both_envelopes() {
        assert_eq!(
            parse(&ethernet(38, &[0x42, 0x42, 3, 0, 0, 2]), None).unwrap().payload,
            Payload::Bpdu(&[0, 0, 2])
        );
        let snap = [0xaa, 0xaa, 3, 0, 0, 0x0c, 1, 0x0b, 0, 0];
        assert_eq!(parse(&ethernet(50, &snap), None).unwrap().payload, Payload::Bpdu(&[0, 0]));
        // The length counts, not what fills the frame.
        assert_eq!(
            parse(&ethernet(4, &[0x42, 0x42, 3, 9, 0, 0]), None).unwrap().payload,
            Payload::Bpdu(&[9])
        );
        assert_eq!(parse(&ethernet(20, &[0xe0, 0xe0, 3]), None), None);
    }

    #[test]
    fn damaged_frames_are_nothing() {
        let good = udp("10.0.0.9:68", "10.0.0.1:67", b"hello");
        for len in 0..good.len() {
            assert_eq!(parse(&good[..len], None), None, "{len} bytes");
        }
        // Other version, header too short, other protocol, UDP length too small and too large.
        for (at, value) in [(14, 0x65), (14, 0x44), (23, 1), (39, 7), (39, 14), (13, 0xdd)] {
            let mut frame = good.clone();
            frame[at] = value;
            assert_eq!(parse(&frame, None), None, "byte {at} = {value}");
        }
    }

    #[test]
    fn udp_over_ipv6_is_read() {
        let (from, to) = ("[fe80::1]:546", "[ff02::1:2]:547");
        let mut frame = udp6(from, to, b"hello");
        frame.resize(90, 0xee);
        let got = parse(&frame, None).unwrap().payload;
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        assert_eq!(got, Payload::Udp6(Udp6 { from, to, data: b"hello" }));
        for len in 0..14 + 40 + 13 {
            assert_eq!(parse(&frame[..len], None), None, "{len} bytes");
        }
        // Other version, an extension header, UDP length too small and too large.
        for (at, value) in [(14, 0x40), (20, 0), (59, 7), (59, 14)] {
            let mut frame = frame.clone();
            frame[at] = value;
            assert_eq!(parse(&frame, None), None, "byte {at} = {value}");
        }
    }

    #[test]
    fn fragments_are_known_as_such() {
        let mut frame = udp("10.0.0.1:67", "10.0.0.9:68", b"hello, and more");
        let (from, to) = ("10.0.0.1:67".parse().unwrap(), "10.0.0.9:68".parse().unwrap());
        // More follow, and the frame ends before the datagram does: what is there is read.
        frame[20] = 0x20;
        frame.truncate(14 + 20 + 8 + 5);
        frame[17] = 20 + 8 + 5;
        let got = parse(&frame, None).unwrap().payload;
        assert_eq!(got, Payload::Udp(Udp { from, to, data: b"hello", is_cut: true }));
        // A later one has no ports, whatever stands where they would be.
        for (high, low) in [(0, 1), (0x20, 1), (0x1f, 0xff)] {
            (frame[20], frame[21]) = (high, low);
            let got = parse(&frame, None).unwrap().payload;
            assert_eq!(got, Payload::Fragment { from: *from.ip(), to: *to.ip() });
        }
    }

    proptest::proptest! {
        #[test]
        fn no_frame_panics(frame: Vec<u8>, tag: Option<u16>) { let _ = parse(&frame, tag); }

        #[test]
        fn every_udp_datagram_is_what_was_sent(
            from: [u8; 4], to: [u8; 4], ports: (u16, u16), data in proptest::collection::vec(0u8.., 0..200),
            tags in proptest::collection::vec(1u16..4096, 0..=2),
        ) {
            let (from, to) = (SocketAddrV4::new(from.into(), ports.0), SocketAddrV4::new(to.into(), ports.1));
            let packet = crate::wire::craft::udp(from, to, &data);
            let mut frame = [&[0xff; 6][..], &MAC].concat();
            for tag in &tags {
                frame.extend([0x81, 0]);
                frame.extend(tag.to_be_bytes());
            }
            frame.extend([0x08, 0]);
            frame.extend(packet);
            let got = parse(&frame, None).unwrap();
            proptest::prop_assert_eq!(got.vlan, tags.first().copied());
            proptest::prop_assert_eq!(got.payload, Payload::Udp(Udp { from, to, data: &data, is_cut: false }));
        }

        #[test]
        fn no_packet_panics(kind: u16, bytes: Vec<u8>) {
            for kind in [0x0800, 0x0806, 0x8100, 0x86dd, kind] { let _ = parse(&ethernet(kind, &bytes), None); }
        }
    }
}
