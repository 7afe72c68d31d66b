//! Ethernet frames, as far as network boot is concerned: ARP, UDP, the beginnings of TCP connections, spanning tree.
//!
//! Nothing is checked that only matters to a receiver: checksums of frames from this host aren't filled in when they
//! are seen here.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::board::Mac;

/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;
/// A tag of IEEE 802.1Q, and of 802.1ad.
const TAGS: [u16; 2] = [0x8100, 0x88a8];

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload<'a> {
    /// ARP for IPv4 (RFC 826).
    Arp(Arp),
    /// A UDP datagram over IPv4 that isn't fragmented (RFC 768, 791).
    Udp(Udp<'a>),
    /// The first segment of a TCP connection (RFC 9293).
    Syn {
        /// The host that opens it.
        from: SocketAddrV4,
        /// To where.
        to: SocketAddrV4,
    },
    /// A BPDU: the bytes behind the LLC header (IEEE 802.1D-2004 clause 9), or behind that of Cisco's PVST+.
    Bpdu(&'a [u8]),
}

/// An ARP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// It asks; otherwise it answers.
    pub asks: bool,
    /// The host that speaks.
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
    /// What it carries.
    pub payload: Payload<'a>,
}

/// Reads a frame; `None` for what is no business of network boot, or is damaged.
#[must_use]
pub fn parse(frame: &[u8]) -> Option<Frame<'_>> {
    let destination = *frame.first_chunk()?;
    let source: [u8; 6] = *frame.get(6..)?.first_chunk()?;
    let source = Mac::new(source);
    let mut kind = pair(frame, 12)?;
    let mut rest = frame.get(ETHERNET..)?;
    for _ in 0..2 {
        if TAGS.contains(&kind) {
            kind = pair(rest, 2)?;
            rest = rest.get(4..)?;
        }
    }
    let payload = match kind {
        0x0806 => Payload::Arp(arp(rest)?),
        0x0800 => ip(rest)?,
        // IEEE 802.3: a length, then LLC.
        ..=1500 => Payload::Bpdu(bpdu(rest.get(..usize::from(kind)).unwrap_or(rest))?),
        _ => return None,
    };
    Some(Frame { source, destination, payload })
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
    let header = usize::from(*bytes.first()? & 0x0f) * 4;
    let fragment = pair(bytes, 6)? & 0x3fff;
    if bytes[0] >> 4 != 4 || header < 20 || fragment != 0 {
        return None;
    }
    // What is behind the packet's length fills the frame up to its smallest size.
    let whole = bytes.get(..usize::from(pair(bytes, 2)?)).unwrap_or(bytes);
    let (protocol, data) = (*whole.get(9)?, whole.get(header..)?);
    let from = SocketAddrV4::new(address(whole, 12)?, pair(data, 0)?);
    let to = SocketAddrV4::new(address(whole, 16)?, pair(data, 2)?);
    match protocol {
        17 => {
            let len = usize::from(pair(data, 4)?);
            Some(Payload::Udp(Udp { from, to, data: data.get(8..len)? }))
        }
        // SYN without ACK.
        6 if data.get(13)? & 0x12 == 0x02 => Some(Payload::Syn { from, to }),
        _ => None,
    }
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
        let got = parse(&frame).unwrap();
        let (from, to) = ("10.0.0.9:68".parse().unwrap(), "255.255.255.255:67".parse().unwrap());
        assert_eq!((got.source, got.destination), (Mac::new(MAC), [0xff; 6]));
        assert_eq!(got.payload, Payload::Udp(Udp { from, to, data: b"hello" }));
        let tagged = [&frame[..12], &[0x81, 0, 0, 7], &frame[12..]].concat();
        assert_eq!(parse(&tagged), Some(got));
        let twice = [&frame[..12], &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 7], &frame[12..]].concat();
        assert_eq!(parse(&twice), Some(got));
    }

    #[test]
    fn arp_is_read() {
        let mut message = vec![0, 1, 8, 0, 6, 4, 0, 1];
        message.extend(MAC);
        message.extend([10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1]);
        let ips = (Ipv4Addr::new(10, 0, 0, 9), Ipv4Addr::new(10, 0, 0, 1));
        let arp = Arp { asks: true, sender: (Mac::new(MAC), ips.0), target: ips.1 };
        assert_eq!(parse(&ethernet(0x0806, &message)).unwrap().payload, Payload::Arp(arp));
        message[7] = 9;
        assert_eq!(parse(&ethernet(0x0806, &message)), None);
        assert_eq!(parse(&ethernet(0x0806, &message[..20])), None);
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
        assert_eq!(parse(&tcp(2)).unwrap().payload, Payload::Syn { from, to });
        assert_eq!(parse(&tcp(2 | 0x40 | 0x80)).unwrap().payload, Payload::Syn { from, to });
        for flags in [0x12, 0x10, 1, 4] {
            assert_eq!(parse(&tcp(flags)), None);
        }
    }

    #[test]
    fn spanning_tree_is_found_in_both_envelopes() {
        assert_eq!(
            parse(&ethernet(38, &[0x42, 0x42, 3, 0, 0, 2])).unwrap().payload,
            Payload::Bpdu(&[0, 0, 2])
        );
        let snap = [0xaa, 0xaa, 3, 0, 0, 0x0c, 1, 0x0b, 0, 0];
        assert_eq!(parse(&ethernet(50, &snap)).unwrap().payload, Payload::Bpdu(&[0, 0]));
        // The length counts, not what fills the frame.
        assert_eq!(parse(&ethernet(4, &[0x42, 0x42, 3, 9, 0, 0])).unwrap().payload, Payload::Bpdu(&[9]));
        assert_eq!(parse(&ethernet(20, &[0xe0, 0xe0, 3])), None);
    }

    #[test]
    fn damaged_frames_are_nothing() {
        let good = udp("10.0.0.9:68", "10.0.0.1:67", b"hello");
        for len in 0..good.len() {
            assert_eq!(parse(&good[..len]), None, "{len} bytes");
        }
        // Other version, header too short, a fragment, other protocol, UDP length too small and too large.
        for (at, value) in
            [(14, 0x65), (14, 0x44), (21, 1), (20, 0x20), (23, 1), (39, 7), (39, 14), (13, 0xdd)]
        {
            let mut frame = good.clone();
            frame[at] = value;
            assert_eq!(parse(&frame), None, "byte {at} = {value}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_frame_panics(frame: Vec<u8>) { let _ = parse(&frame); }

        #[test]
        fn no_packet_panics(kind: u16, bytes: Vec<u8>) {
            for kind in [0x0800, 0x0806, 0x8100, kind] { let _ = parse(&ethernet(kind, &bytes)); }
        }
    }
}
