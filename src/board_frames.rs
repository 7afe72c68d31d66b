//! Boards that are seen on the wire before they ask this host for anything: a DHCP or ARP frame tells that a board
//! has power and a network, which narrows down why it doesn't come.
//!
//! Needs `CAP_NET_RAW`; without it nothing is seen, and nothing else changes.

use std::io::{self, Read};

use rustix::event::{PollFd, PollFlags};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use crate::board::Mac;
use crate::stop::{Stop, until};

/// What a frame was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoardFrame {
    /// It looks for a DHCP server (DISCOVER).
    DhcpDiscover,
    /// It takes a DHCP server's offer, or renews a lease (REQUEST).
    DhcpRequest,
    /// Another DHCP message of a client.
    Dhcp,
    /// It asks who has an address, or tells its own.
    Arp,
}

impl BoardFrame {
    /// As it stands in a sentence.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::DhcpDiscover => "a DHCP discover of that board",
            Self::DhcpRequest => "a DHCP request of that board",
            Self::Dhcp => "a DHCP message of that board",
            Self::Arp => "an ARP frame of that board",
        }
    }
}

/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;

/// Whose frame it is, and what it says; `None` for frames that don't matter here.
///
/// Ethernet II with ARP (RFC 826), or IPv4 with UDP from port 68 to 67 (RFC 2131).
#[must_use]
pub fn classify(frame: &[u8]) -> Option<(Mac, BoardFrame)> {
    let source: [u8; 6] = frame.get(6..12)?.try_into().ok()?;
    let mac = Mac::new(source);
    match frame.get(12..ETHERNET)? {
        [0x08, 0x06] => Some((mac, BoardFrame::Arp)),
        [0x08, 0x00] => {
            let ip = &frame[ETHERNET..];
            let header = usize::from(ip.first()? & 0x0f) * 4;
            let is_udp = ip.get(9) == Some(&17);
            let udp = ip.get(header..)?;
            if !is_udp || header < 20 || udp.get(..4)? != [0, 68, 0, 67] {
                return None;
            }
            Some((mac, dhcp(udp.get(8..)?)))
        }
        _ => None,
    }
}

/// The message type, option 53 (RFC 2132 section 9.6), behind the magic cookie at byte 236.
fn dhcp(message: &[u8]) -> BoardFrame {
    let mut options = message.get(240..).unwrap_or_default();
    loop {
        match options {
            [0, rest @ ..] => options = rest,
            [53, 1, kind, ..] => {
                return match kind {
                    1 => BoardFrame::DhcpDiscover,
                    3 => BoardFrame::DhcpRequest,
                    _ => BoardFrame::Dhcp,
                };
            }
            [255, ..] | [] | [_] => return BoardFrame::Dhcp,
            [_, len, rest @ ..] => options = rest.get(usize::from(*len)..).unwrap_or_default(),
        }
    }
}

/// Tells every frame that matters, on all interfaces, until `stop`.
///
/// # Errors
/// [`io::ErrorKind::PermissionDenied`] without `CAP_NET_RAW`.
pub fn watch(stop: &Stop, tell: &mut dyn FnMut(Mac, BoardFrame)) -> io::Result<()> {
    // ETH_P_ALL in network order: frames that leave this host are seen too, and belong to no board.
    let mut socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(3u16.to_be()))))?;
    socket.attach_filter(&FILTER.map(|(code, jt, jf, k)| SockFilter::new(code, jt, jf, k)))?;
    socket.set_nonblocking(true)?;
    let mut buffer = [0; 2048];
    loop {
        until(&mut [PollFd::new(&socket, PollFlags::IN), PollFd::new(stop, PollFlags::IN)], None)?;
        if stop.is_set() {
            return Ok(());
        }
        match socket.read(&mut buffer) {
            Ok(len) => {
                if let Some((mac, frame)) = classify(&buffer[..len]) {
                    tell(mac, frame);
                }
            }
            // An interface that goes down is no reason to stop looking at the others.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENETDOWN)) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Lets ARP and DHCP of clients through and nothing else, in the kernel: the image's own packets would keep a core
/// busy here. The same tests as [`classify`], which looks again.
/// Each is (code, jump if true, jump if false, constant) of linux/filter.h.
const FILTER: [(u16, u8, u8, u32); 10] = [
    (0x28, 0, 0, 12),     // load the EtherType
    (0x15, 6, 0, 0x0806), // ARP: take it
    (0x15, 0, 6, 0x0800), // not IPv4: drop it
    (0x30, 0, 0, 23),     // load the protocol
    (0x15, 0, 4, 17),     // not UDP: drop it
    (0xb1, 0, 0, 14),     // X = length of the IP header
    (0x48, 0, 0, 14),     // load the source port
    (0x15, 0, 1, 68),     // not from a DHCP client: drop it
    (0x06, 0, 0, 2048),   // take it
    (0x06, 0, 0, 0),      // drop it
];

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [0xdc, 0xa6, 0x32, 1, 2, 9];

    fn dhcp_frame(options: &[u8]) -> Vec<u8> {
        let mut frame = vec![0xff; 6];
        frame.extend(MAC);
        frame.extend([0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255]);
        frame.extend([0, 68, 0, 67, 0, 0, 0, 0]);
        frame.extend([0; 236]);
        frame.extend([0x63, 0x82, 0x53, 0x63]);
        frame.extend(options);
        frame
    }

    #[test]
    fn knows_dhcp_and_arp() {
        let mac = Mac::new(MAC);
        assert_eq!(
            classify(&dhcp_frame(&[0, 12, 1, 7, 53, 1, 1, 255])),
            Some((mac, BoardFrame::DhcpDiscover))
        );
        assert_eq!(classify(&dhcp_frame(&[53, 1, 3])), Some((mac, BoardFrame::DhcpRequest)));
        for odd in [&[53, 1, 8][..], &[53], &[53, 0, 1], &[12, 200, 1], &[255, 53, 1, 1], &[]] {
            assert_eq!(classify(&dhcp_frame(odd)), Some((mac, BoardFrame::Dhcp)), "{odd:?}");
        }
        let mut arp = dhcp_frame(&[]);
        arp[13] = 6;
        assert_eq!(classify(&arp[..14]), Some((mac, BoardFrame::Arp)));
    }

    #[test]
    fn leaves_the_rest_alone() {
        let good = dhcp_frame(&[53, 1, 1]);
        for len in 0..14 + 20 + 8 {
            assert_eq!(classify(&good[..len]), None, "{len} bytes");
        }
        for (at, value) in [(13, 0xdd), (23, 6), (14, 0x41), (35, 69), (37, 69)] {
            let mut frame = good.clone();
            frame[at] = value;
            assert_eq!(classify(&frame), None, "byte {at}");
        }
    }

    /// Runs the filter as the kernel does (linux/filter.h), for the few instructions that it has.
    fn filter(frame: &[u8]) -> bool {
        let (mut at, mut a, mut x) = (0, 0u32, 0usize);
        loop {
            let (code, jt, jf, k) = FILTER[at];
            let byte = |n: usize| frame.get(n).map(|byte| u32::from(*byte));
            let half = |n: usize| Some(byte(n)? << 8 | byte(n + 1)?);
            at += 1;
            let loaded = match code {
                0x28 => half(k as usize),
                0x30 => byte(k as usize),
                0x48 => half(k as usize + x),
                0xb1 => byte(k as usize).inspect(|byte| x = (*byte as usize & 15) * 4).map(|_| a),
                0x15 => {
                    at += usize::from(if a == k { jt } else { jf });
                    continue;
                }
                0x06 => return k > 0,
                other => panic!("no such instruction: {other:#x}"),
            };
            match loaded {
                Some(value) => a = value,
                None => return false,
            }
        }
    }

    #[test]
    fn the_kernel_lets_through_what_matters() {
        let good = dhcp_frame(&[53, 1, 1]);
        assert!(filter(&good));
        for (at, value, through) in [(13, 6, true), (13, 0xdd, false), (23, 6, false), (35, 69, false)] {
            let mut frame = good.clone();
            frame[at] = value;
            assert_eq!(filter(&frame), through, "byte {at}");
        }
        assert!(!filter(&good[..30]));
    }

    proptest::proptest! {
        #[test]
        fn no_frame_panics(frame: Vec<u8>) { let _ = classify(&frame); }

        #[test]
        fn no_dhcp_options_panic(options: Vec<u8>) { let _ = classify(&dhcp_frame(&options)); }
    }
}
