//! The packet socket: frames of one interface or of all, with a filter in the kernel (packet(7)).

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use socket2::{Domain, MaybeUninitSlice, MsgHdrMut, Protocol, SockAddr, SockFilter, Socket, Type};

use super::craft;
use super::filter::{self, Rule, SNAP};
use super::frame::{self, Frame};
use super::interfaces::Interface;
use crate::board::Mac;

/// Room for the one control message.
const CONTROL: usize = 64;
/// linux/if_packet.h: don't show what this host sends (Linux 4.20).
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
/// linux/if_packet.h: a `struct tpacket_auxdata` comes with each frame.
const PACKET_AUXDATA: libc::c_int = 8;
/// linux/if_packet.h: the tag in that structure is one that the frame had.
const VLAN_VALID: u32 = 1 << 4;
/// linux/if_packet.h: the frame is for another host; this host has sent it.
const OTHER_HOST: u8 = 3;
const OUTGOING: u8 = 4;
/// The groups that BPDUs go to: IEEE 802.1D's, and Cisco's for PVST+.
const SPANNING: [[u8; 6]; 2] = [[1, 0x80, 0xc2, 0, 0, 0], [1, 0, 0x0c, 0xcc, 0xcc, 0xcd]];

/// The group that questions to DHCPv6 servers go to (RFC 8415 section 7.1), as Ethernet has it (RFC 2464 section 7).
const SERVERS6: [[u8; 6]; 1] = [[0x33, 0x33, 0, 1, 0, 2]];

/// What is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What this host sends, too.
    All,
    /// What arrives, whoever it is for.
    Arriving,
    /// What arrives for this host or for all, and in no virtual network. Where the rules are about one protocol, other
    /// packets cost nothing at all.
    ToUs,
}

/// An open packet socket. Needs `CAP_NET_RAW`.
#[derive(Debug)]
pub struct PacketSocket {
    socket: Socket,
    /// The interface that it sends over, and this host's Ethernet address there.
    sends: Option<(u32, Mac)>,
    scope: Scope,
    buffer: Vec<u8>,
}

impl PacketSocket {
    /// Listens on an interface.
    ///
    /// # Errors
    /// [`io::ErrorKind::PermissionDenied`] without `CAP_NET_RAW`; `ENODEV` where the interface is gone.
    pub fn on(interface: &Interface, rules: &[Rule], scope: Scope) -> io::Result<Self> {
        let sends = interface.mac.map(|mac| (interface.index, mac));
        Self::open(interface.index, sends, rules, scope)
    }

    /// Listens on all interfaces, also on those that come later.
    ///
    /// # Errors
    /// As [`PacketSocket::on`].
    pub fn on_all(rules: &[Rule], scope: Scope) -> io::Result<Self> {
        Self::open(0, None, rules, scope)
    }

    fn open(index: u32, sends: Option<(u32, Mac)>, rules: &[Rule], scope: Scope) -> io::Result<Self> {
        let program = filter::program(rules).ok_or(io::ErrorKind::InvalidInput)?;
        // Protocol 0: nothing comes before the filter is set and it is bound.
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        let program: Vec<_> =
            program.into_iter().map(|(code, jt, jf, k)| SockFilter::new(code, jt, jf, k)).collect();
        socket.attach_filter(&program)?;
        socket.set_nonblocking(true)?;
        set(&socket, PACKET_AUXDATA, &1)?;
        if scope != Scope::All {
            // An old kernel shows more, which is passed over in `take`.
            let _ = set(&socket, PACKET_IGNORE_OUTGOING, &1);
        }
        let protocol = if scope == Scope::ToUs { filter::protocol(rules) } else { None };
        socket.bind(&link(index, protocol.unwrap_or(libc::ETH_P_ALL as u16), [0; 6])?)?;
        if index != 0 {
            // A network card filters groups out that nobody has joined.
            let spanning = SPANNING.iter().filter(|_| rules.contains(&Rule::Spanning));
            let servers = SERVERS6.iter().filter(|_| rules.iter().any(|rule| matches!(rule, Rule::To6(_))));
            for group in spanning.chain(servers) {
                join(&socket, index, *group)?;
            }
        }
        Ok(Self { socket, sends, scope, buffer: vec![0; SNAP as usize] })
    }

    /// The next frame that has come and that can be read; `None` when there is no more for now. What can't be read is
    /// passed over.
    ///
    /// # Errors
    /// When the socket is broken. An interface that goes down is no error: it may come up again. One that is gone is
    /// none either; see [`PacketSocket::is_on`].
    pub fn take(&mut self) -> io::Result<Option<Frame<'_>>> {
        loop {
            let (len, tag, kind) = match receive(&self.socket, &mut self.buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => continue,
                Err(error) => return Err(error),
            };
            // A socket that is bound to a protocol isn't told the tags: for it such a frame is another host's.
            let is_wanted = match self.scope {
                Scope::All => true,
                Scope::Arriving => kind != OUTGOING,
                Scope::ToUs => {
                    ![OUTGOING, OTHER_HOST].contains(&kind) && tag.is_none_or(|tag| tag & 0xfff == 0)
                }
            };
            if !is_wanted {
                continue;
            }
            // Asked twice, because a frame that is returned in a loop stays borrowed in all of it.
            if frame::parse(&self.buffer[..len], tag).is_some() {
                return Ok(frame::parse(&self.buffer[..len], tag));
            }
        }
    }

    /// Whether it still listens on an interface: one that was removed takes its sockets along, also when another one
    /// has its name now.
    #[must_use]
    pub fn is_on(&self, index: u32) -> bool {
        let Ok(address) = self.socket.local_addr() else { return false };
        // SAFETY: the kernel gave an address of a packet socket, and the storage is larger than any address.
        let link = unsafe { address.as_ptr().cast::<libc::sockaddr_ll>().read_unaligned() };
        i32::from(link.sll_family) == libc::AF_PACKET && link.sll_ifindex == index.cast_signed()
    }

    /// Sends a UDP datagram in a frame to `mac`, whatever the routes and the neighbours are.
    ///
    /// # Errors
    /// Those of sendto(2); [`io::ErrorKind::Unsupported`] for a socket on all interfaces, or on one that is no Ethernet.
    pub fn send_udp(&self, mac: Mac, from: SocketAddrV4, to: SocketAddrV4, data: &[u8]) -> io::Result<()> {
        self.send(mac, libc::ETH_P_IP as u16, &craft::udp(from, to, data))
    }

    /// Sends a UDP datagram to all hosts on the network.
    ///
    /// # Errors
    /// As [`PacketSocket::send_udp`].
    pub fn broadcast_udp(&self, from: SocketAddrV4, to: SocketAddrV4, data: &[u8]) -> io::Result<()> {
        self.send_udp(craft::EVERYBODY, from, to, data)
    }

    /// Asks who has an address, without telling one's own (RFC 5227 section 1.1): no host's tables change.
    ///
    /// # Errors
    /// As [`PacketSocket::send_udp`].
    pub fn ask_arp(&self, address: Ipv4Addr) -> io::Result<()> {
        let (_, own) = self.sends.ok_or(io::ErrorKind::Unsupported)?;
        self.send(craft::EVERYBODY, libc::ETH_P_ARP as u16, &craft::arp_question(own, address))
    }

    fn send(&self, to: Mac, kind: u16, payload: &[u8]) -> io::Result<()> {
        let (index, own) = self.sends.ok_or(io::ErrorKind::Unsupported)?;
        let frame = craft::ethernet(own, to, kind, payload);
        self.socket.send_to(&frame, &link(index, kind, to.bytes())?)?;
        Ok(())
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn link(index: u32, protocol: u16, to: [u8; 6]) -> io::Result<SockAddr> {
    // SAFETY: the storage is large enough for every family's address, zeroed, and the length is what was written.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, len| {
            let link = storage.cast::<libc::sockaddr_ll>();
            (*link).sll_family = libc::AF_PACKET as u16;
            (*link).sll_protocol = protocol.to_be();
            (*link).sll_ifindex = index.cast_signed();
            (*link).sll_halen = 6;
            (&mut (*link).sll_addr)[..6].copy_from_slice(&to);
            *len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            Ok(())
        })?
    };
    Ok(address)
}

fn join(socket: &Socket, index: u32, group: [u8; 6]) -> io::Result<()> {
    let mut request = libc::packet_mreq {
        mr_ifindex: index.cast_signed(),
        mr_type: libc::PACKET_MR_MULTICAST as u16,
        mr_alen: 6,
        mr_address: [0; 8],
    };
    request.mr_address[..6].copy_from_slice(&group);
    set(socket, libc::PACKET_ADD_MEMBERSHIP, &request)
}

/// Sets an option of packet sockets. `T` is what packet(7) says for it: numbers only.
fn set<T>(socket: &Socket, name: libc::c_int, value: &T) -> io::Result<()> {
    let len = size_of::<T>() as libc::socklen_t;
    // SAFETY: the pointer is to a value that outlives the call, and `len` is its size.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, name, std::ptr::from_ref(value).cast(), len)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes one frame: its length, the tag that the kernel took off it, and whose it is (linux/if_packet.h).
fn receive(socket: &Socket, buffer: &mut [u8]) -> io::Result<(usize, Option<u16>, u8)> {
    let mut control = [MaybeUninit::<u64>::uninit(); CONTROL / 8];
    // SAFETY: the same memory, seen as bytes that need not be initialised.
    let room =
        unsafe { std::slice::from_raw_parts_mut(control.as_mut_ptr().cast::<MaybeUninit<u8>>(), CONTROL) };
    let room_len = buffer.len();
    // SAFETY: initialised bytes are possibly uninitialised ones, and the kernel writes nothing else.
    let bytes =
        unsafe { std::slice::from_raw_parts_mut(buffer.as_mut_ptr().cast::<MaybeUninit<u8>>(), room_len) };
    let mut bufs = [MaybeUninitSlice::new(bytes)];
    let mut from = link(0, 0, [0; 6])?;
    let mut header = MsgHdrMut::new().with_addr(&mut from).with_buffers(&mut bufs).with_control(room);
    let len = socket.recvmsg(&mut header, 0)?;
    let used = header.control_len().min(CONTROL);
    // SAFETY: the kernel has written `used` bytes of the control buffer.
    let control = unsafe { std::slice::from_raw_parts(control.as_ptr().cast::<u8>(), used) };
    let tag = taken_off(control);
    // SAFETY: the storage is larger than any address, and was one of this kind before.
    let link = unsafe { from.as_ptr().cast::<libc::sockaddr_ll>().read_unaligned() };
    Ok((len.min(room_len), tag, link.sll_pkttype))
}

/// The tag in the one control message that was asked for: `struct tpacket_auxdata` of linux/if_packet.h, with a status
/// of 4 bytes at its start and the TCI at byte 16.
fn taken_off(control: &[u8]) -> Option<u16> {
    let header = size_of::<libc::cmsghdr>().next_multiple_of(size_of::<usize>());
    let data = control.get(header..header + 20)?;
    // SAFETY: there are enough bytes, and any bytes make a cmsghdr.
    let message = unsafe { control.as_ptr().cast::<libc::cmsghdr>().read_unaligned() };
    if (message.cmsg_level, message.cmsg_type) != (libc::SOL_PACKET, PACKET_AUXDATA) {
        return None;
    }
    let status = u32::from_ne_bytes(*data.first_chunk()?);
    let tag = u16::from_ne_bytes(*data.get(16..)?.first_chunk()?);
    (status & VLAN_VALID != 0).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_control_messages_tell_no_tag() {
        for control in [&[][..], &[0; 20], &[0xff; 40], &[0; 64]] {
            assert_eq!(taken_off(control), None);
        }
    }

    #[test]
    fn the_tag_beside_a_frame_is_read() {
        // SAFETY: it is made of numbers only, for which zero is a value.
        let mut message: libc::cmsghdr = unsafe { std::mem::zeroed() };
        (message.cmsg_level, message.cmsg_type) = (libc::SOL_PACKET, PACKET_AUXDATA);
        let mut control = vec![0; size_of::<libc::cmsghdr>()];
        // SAFETY: there are as many bytes as it has.
        unsafe { control.as_mut_ptr().cast::<libc::cmsghdr>().write_unaligned(message) };
        let mut data = [0; 20];
        data[..4].copy_from_slice(&VLAN_VALID.to_ne_bytes());
        data[16..18].copy_from_slice(&0x2007u16.to_ne_bytes());
        control.extend(data);
        assert_eq!(taken_off(&control), Some(0x2007));
        let status = size_of::<libc::cmsghdr>();
        control[status..status + 4].fill(0);
        assert_eq!(taken_off(&control), None, "the frame had no tag");
    }
}
