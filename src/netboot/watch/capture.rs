//! Frames of one interface, seen without taking part in anything: a packet socket with a filter in the kernel.

use std::io::{self, Read};
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use socket2::{Domain, Protocol, SockAddr, SockFilter, Socket, Type};

/// What is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All that matters, also what this host sends.
    All,
    /// What arrives over IPv4 only: it costs a server's own packets nothing.
    ArrivingIp,
}

/// Longer than anything that is read here; what is longer is cut off.
const SNAP: u32 = 2048;

/// An open packet socket. Needs `CAP_NET_RAW`.
#[derive(Debug)]
pub struct Capture {
    socket: Socket,
    buffer: Vec<u8>,
}

impl Capture {
    /// Listens on an interface by its number.
    ///
    /// # Errors
    /// [`io::ErrorKind::PermissionDenied`] without `CAP_NET_RAW`.
    pub fn open(interface: u32, scope: Scope) -> io::Result<Self> {
        // Bound to the protocol later, so that no frame of another interface gets in before the filter is set.
        let mut socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        socket.attach_filter(&FILTER.map(|(code, jt, jf, k)| SockFilter::new(code, jt, jf, k)))?;
        socket.set_nonblocking(true)?;
        let protocol = match scope {
            Scope::All => libc::ETH_P_ALL,
            Scope::ArrivingIp => libc::ETH_P_IP,
        };
        bind(&mut socket, interface, protocol as u16)?;
        if scope == Scope::All {
            // BPDUs go to groups that a network card filters out otherwise.
            for group in [[1, 0x80, 0xc2, 0, 0, 0], [1, 0, 0x0c, 0xcc, 0xcc, 0xcd]] {
                join(&socket, interface, group)?;
            }
        }
        Ok(Self { socket, buffer: vec![0; SNAP as usize] })
    }

    /// The next frame that has come; `None` when there is no more for now.
    ///
    /// # Errors
    /// When the socket is broken. An interface that goes down is no error: it may come up again.
    pub fn take(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            match self.socket.read(&mut self.buffer) {
                Ok(len) => return Ok(Some(&self.buffer[..len])),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Capture {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn bind(socket: &mut Socket, interface: u32, protocol: u16) -> io::Result<()> {
    // SAFETY: all zeros are a valid sockaddr_storage, and a sockaddr_ll fits into it.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, len| {
            let address = storage.cast::<libc::sockaddr_ll>();
            (*address).sll_family = libc::AF_PACKET as u16;
            (*address).sll_protocol = protocol.to_be();
            (*address).sll_ifindex = interface.cast_signed();
            *len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            Ok(())
        })?
    };
    socket.bind(&address)
}

fn join(socket: &Socket, interface: u32, group: [u8; 6]) -> io::Result<()> {
    let mut request = libc::packet_mreq {
        mr_ifindex: interface.cast_signed(),
        mr_type: libc::PACKET_MR_MULTICAST as u16,
        mr_alen: 6,
        mr_address: [0; 8],
    };
    request.mr_address[..6].copy_from_slice(&group);
    let len = size_of::<libc::packet_mreq>() as libc::socklen_t;
    // SAFETY: the pointer is to a packet_mreq that outlives the call, and `len` is its size.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            (&raw const request).cast(),
            len,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

const DROP: u8 = 29;
const TAKE: u8 = 30;

/// A jump of the instruction at `at`.
const fn jump(at: u8, code: u16, constant: u32, then: u8, otherwise: u8) -> (u16, u8, u8, u32) {
    (code, then - at - 1, otherwise - at - 1, constant)
}

const EQUAL: u16 = 0x15;

/// Lets ARP, DHCP, TFTP requests and answers without content, the beginnings of connections to NFS, and frames with
/// a length to groups (spanning tree) through: file content would keep a core busy here.
/// Each is (code, jump if true, jump if false, constant) of linux/filter.h.
const FILTER: [(u16, u8, u8, u32); 31] = [
    (0x28, 0, 0, 12), // load the EtherType
    jump(1, EQUAL, 0x0806, TAKE, 2),
    jump(2, EQUAL, 0x0800, 6, 3),
    jump(3, 0x25, 1500, DROP, 4), // larger than any length
    (0x30, 0, 0, 0),              // load the first byte of the destination
    jump(5, EQUAL, 1, TAKE, DROP),
    (0x28, 0, 0, 20), // load the fragment's offset
    jump(7, 0x45, 0x1fff, DROP, 8),
    (0x30, 0, 0, 23), // load the protocol
    (0xb1, 0, 0, 14), // X = length of the IP header
    jump(10, EQUAL, 6, 23, 11),
    jump(11, EQUAL, 17, 12, DROP),
    (0x48, 0, 0, 14), // UDP: load the source port
    jump(13, EQUAL, 67, TAKE, 14),
    jump(14, EQUAL, 68, TAKE, 15),
    (0x48, 0, 0, 16), // load the destination port
    jump(16, EQUAL, 67, TAKE, 17),
    jump(17, EQUAL, 69, TAKE, 18),
    jump(18, EQUAL, 68, TAKE, 19),
    jump(19, EQUAL, 4011, TAKE, 20),
    (0x48, 0, 0, 22), // load what TFTP has its opcode in
    jump(21, EQUAL, 5, TAKE, 22),
    jump(22, EQUAL, 6, TAKE, DROP),
    (0x50, 0, 0, 27), // TCP: load the flags
    (0x54, 0, 0, 0x12),
    jump(25, EQUAL, 2, 26, DROP),
    (0x48, 0, 0, 16), // load the destination port
    jump(27, EQUAL, 2049, TAKE, 28),
    jump(28, EQUAL, 111, TAKE, DROP),
    (0x06, 0, 0, 0),    // drop it
    (0x06, 0, 0, SNAP), // take it
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netboot::watch::frame::tests::{ethernet, udp};

    /// Runs the filter as the kernel does (linux/filter.h), for the few instructions that it has.
    fn takes(frame: &[u8]) -> bool {
        let (mut at, mut a, mut x) = (0, 0u32, 0usize);
        loop {
            let (code, jt, jf, k) = FILTER[at];
            let byte = |n: usize| frame.get(n).map(|byte| u32::from(*byte));
            let half = |n: usize| Some(byte(n)? << 8 | byte(n + 1)?);
            let at_k = k as usize;
            at += 1;
            let jump = |yes: bool| usize::from(if yes { jt } else { jf });
            let loaded = match code {
                0x28 => half(at_k),
                0x30 => byte(at_k),
                0x48 => half(at_k + x),
                0x50 => byte(at_k + x),
                0x54 => Some(a & k),
                0xb1 => byte(at_k).inspect(|byte| x = (*byte as usize & 15) * 4).map(|_| a),
                0x15 | 0x25 | 0x45 => {
                    at += jump(match code {
                        0x15 => a == k,
                        0x25 => a > k,
                        _ => a & k != 0,
                    });
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
        for (from, to, data, want) in [
            ("0.0.0.0:68", "255.255.255.255:67", &b""[..], true),
            ("10.0.0.1:67", "10.0.0.9:68", b"", true),
            ("10.0.0.1:4011", "10.0.0.9:4011", b"", true),
            ("10.0.0.9:49152", "10.0.0.1:69", b"\0\x01x", true),
            ("10.0.0.1:40000", "10.0.0.9:49152", b"\0\x05\0\x01gone", true),
            ("10.0.0.1:40000", "10.0.0.9:49152", b"\0\x06tsize", true),
            ("10.0.0.1:40000", "10.0.0.9:49152", b"\0\x03\0\x05data", false),
            ("10.0.0.9:49152", "10.0.0.1:40000", b"\0\x04\0\x05", false),
            ("10.0.0.9:5353", "224.0.0.251:5353", b"x", false),
        ] {
            assert_eq!(takes(&udp(from, to, data)), want, "{from} {to}");
        }
        assert!(takes(&ethernet(0x0806, &[])));
        assert!(!takes(&ethernet(0x86dd, &[0; 40])));
        let mut bpdu = ethernet(38, &[0x42, 0x42, 3]);
        assert!(!takes(&bpdu), "only to groups, not to all");
        bpdu[..6].copy_from_slice(&[1, 0x80, 0xc2, 0, 0, 0]);
        assert!(takes(&bpdu));
        let mut syn = udp("10.0.0.9:800", "10.0.0.1:2049", &[0; 20]);
        (syn[23], syn[47]) = (6, 2);
        assert!(takes(&syn));
        syn[47] = 0x12;
        assert!(!takes(&syn));
        (syn[47], syn[20]) = (2, 0x1f);
        assert!(!takes(&syn), "a fragment");
        assert!(!takes(&[]));
    }

    #[test]
    fn every_jump_lands_on_an_instruction() {
        for (at, (code, jt, jf, _)) in FILTER.into_iter().enumerate() {
            if [0x15, 0x25, 0x45].contains(&code) {
                assert!(at + 1 + usize::from(jt.max(jf)) < FILTER.len());
            }
        }
    }
}
