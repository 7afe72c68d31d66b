//! The UDP sockets of the server: bound to their interface, and with the address that answers come from.

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use socket2::{Domain, MaybeUninitSlice, MsgHdr, MsgHdrMut, Protocol, SockAddr, Socket, Type};

use super::error::Error;
use crate::tftp::holder;
use crate::wire::Interface;

/// Room for one packet info.
const CONTROL: usize = 64;

/// A port on one interface.
#[derive(Debug)]
pub(super) struct Port {
    socket: Socket,
    index: u32,
    server: Ipv4Addr,
}

impl Port {
    /// Opens the port, or takes one that was handed in.
    pub(super) fn open(
        number: u16,
        interface: &Interface,
        server: Ipv4Addr,
        handed: Option<OwnedFd>,
    ) -> Result<Self, Error> {
        let opened = match handed {
            Some(fd) => Self::prepare(Socket::from(fd), interface),
            None => Self::bind(number, interface),
        };
        let socket = opened.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => {
                let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), number);
                Error::InUse { port: number, holder: holder::of_udp(any) }
            }
            io::ErrorKind::PermissionDenied => Error::Privileged { port: number },
            _ => Error::Bind { port: number, interface: interface.name.clone(), source },
        })?;
        Ok(Self { socket, index: interface.index, server })
    }

    fn bind(number: u16, interface: &Interface) -> io::Result<Socket> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        let socket = Self::prepare(socket, interface)?;
        socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, number).into())?;
        Ok(socket)
    }

    fn prepare(socket: Socket, interface: &Interface) -> io::Result<Socket> {
        // A socket that was handed in may be bound to it already, and then only root may do it again.
        if socket.device()?.as_deref() != Some(interface.name.as_bytes()) {
            socket.bind_device(Some(interface.name.as_bytes()))?;
        }
        socket.set_broadcast(true)?;
        socket.set_nonblocking(true)?;
        // A floor of boards that gets its power back asks all at once. The kernel cuts it down to what it allows.
        let _ = socket.set_recv_buffer_size(1 << 20);
        let on: libc::c_int = 1;
        // SAFETY: the pointer is to a c_int that outlives the call, and the length is its size.
        let result = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::IPPROTO_IP,
                libc::IP_PKTINFO,
                (&raw const on).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        if result == 0 { Ok(socket) } else { Err(io::Error::last_os_error()) }
    }

    /// From now on answers go out from this address.
    pub(super) const fn serve_from(&mut self, server: Ipv4Addr) {
        self.server = server;
    }

    /// Whether it is still bound to an interface: one that was removed takes its sockets along.
    pub(super) fn is_on(&self, index: u32) -> bool {
        let bound = match self.socket.device_index_v4() {
            Ok(bound) => bound.map(std::num::NonZeroU32::get),
            // Before Linux 5.1 the name has to do, and an interface that is gone has none.
            Err(_) => self.socket.device().ok().flatten().map(|_| self.index),
        };
        bound == Some(index)
    }

    /// Leaves unread what has come; as much as may come in a moment.
    pub(super) fn forget(&self) {
        let mut buf = [MaybeUninit::uninit(); 1];
        for _ in 0..100_000 {
            if self.receive(&mut buf).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
                return;
            }
        }
    }

    /// Takes one message and its sender; `None` for one that came over another interface.
    pub(super) fn receive<'a>(
        &self,
        buf: &'a mut [MaybeUninit<u8>],
    ) -> io::Result<Option<(&'a [u8], SocketAddrV4)>> {
        let mut control = [MaybeUninit::<u64>::uninit(); CONTROL / 8];
        // SAFETY: the same memory, seen as bytes that need not be initialised.
        let room = unsafe {
            std::slice::from_raw_parts_mut(control.as_mut_ptr().cast::<MaybeUninit<u8>>(), CONTROL)
        };
        let mut from = SockAddr::from(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
        let mut bufs = [MaybeUninitSlice::new(buf)];
        let mut header = MsgHdrMut::new().with_addr(&mut from).with_buffers(&mut bufs).with_control(room);
        let len = self.socket.recvmsg(&mut header, 0)?;
        let used = header.control_len().min(CONTROL);
        // SAFETY: the kernel has written `used` bytes of the control buffer.
        let control = unsafe { std::slice::from_raw_parts(control.as_ptr().cast::<u8>(), used) };
        let Some(from) = from.as_socket_ipv4().filter(|_| arrived_on(control) == Some(self.index)) else {
            return Ok(None);
        };
        // SAFETY: the kernel has written that many bytes of the buffer.
        let bytes = unsafe { std::slice::from_raw_parts(buf.as_ptr().cast::<u8>(), len.min(buf.len())) };
        Ok(Some((bytes, from)))
    }

    /// Sends from our address over our interface, whatever the routes are.
    pub(super) fn send(&self, to: SocketAddrV4, data: &[u8]) -> io::Result<()> {
        let info = libc::in_pktinfo {
            ipi_ifindex: self.index as i32,
            ipi_spec_dst: libc::in_addr { s_addr: u32::from(self.server).to_be() },
            ipi_addr: libc::in_addr { s_addr: 0 },
        };
        let mut control = [0u64; CONTROL / 8];
        // SAFETY: the buffer is aligned for a cmsghdr and has room for it and its data; CMSG_DATA is where the data
        // belong.
        let len = unsafe {
            let message = control.as_mut_ptr().cast::<libc::cmsghdr>();
            (*message).cmsg_level = libc::IPPROTO_IP;
            (*message).cmsg_type = libc::IP_PKTINFO;
            (*message).cmsg_len = libc::CMSG_LEN(size_of::<libc::in_pktinfo>() as u32) as _;
            libc::CMSG_DATA(message).cast::<libc::in_pktinfo>().write_unaligned(info);
            libc::CMSG_SPACE(size_of::<libc::in_pktinfo>() as u32) as usize
        };
        // SAFETY: the same memory as bytes, all of them initialised.
        let control = unsafe { std::slice::from_raw_parts(control.as_ptr().cast::<u8>(), len) };
        let to = SockAddr::from(to);
        let bufs = [io::IoSlice::new(data)];
        let header = MsgHdr::new().with_addr(&to).with_buffers(&bufs).with_control(control);
        self.socket.sendmsg(&header, 0)?;
        Ok(())
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The number of the interface in the packet info, which is the only control message that was asked for.
fn arrived_on(control: &[u8]) -> Option<u32> {
    let header = size_of::<libc::cmsghdr>().next_multiple_of(size_of::<usize>());
    let data = control.get(header..header + size_of::<libc::in_pktinfo>())?;
    // SAFETY: there are enough bytes, and any bytes make these.
    let (message, info) = unsafe {
        (
            control.as_ptr().cast::<libc::cmsghdr>().read_unaligned(),
            data.as_ptr().cast::<libc::in_pktinfo>().read_unaligned(),
        )
    };
    let is_info = (message.cmsg_level, message.cmsg_type) == (libc::IPPROTO_IP, libc::IP_PKTINFO);
    is_info.then_some(info.ipi_ifindex as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_control_messages_name_no_interface() {
        assert_eq!(arrived_on(&[]), None);
        assert_eq!(arrived_on(&[0; 20]), None);
        assert_eq!(arrived_on(&[0xff; 40]), None);
    }

    #[test]
    fn a_message_comes_with_its_interface() {
        let lo = crate::wire::interfaces::list().unwrap().swap_remove(0);
        let port = Port::open(0, &lo, Ipv4Addr::LOCALHOST, None).unwrap();
        let to = port.socket.local_addr().unwrap().as_socket_ipv4().unwrap().port();
        let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(b"hello", (Ipv4Addr::LOCALHOST, to)).unwrap();
        port.socket.set_nonblocking(false).unwrap();
        let mut buf = [MaybeUninit::uninit(); 64];
        let (bytes, from) = port.receive(&mut buf).unwrap().unwrap();
        assert_eq!((bytes, SocketAddr::from(from)), (&b"hello"[..], client.local_addr().unwrap()));
        // And the answer comes from the address that it should.
        let port = Port { server: Ipv4Addr::new(127, 0, 0, 9), ..port };
        port.send(from, b"back").unwrap();
        let (len, answered) = client.recv_from(&mut [0; 9]).unwrap();
        assert_eq!((len, answered.ip()), (4, IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9))));
        // What comes over another interface is left out.
        let port = Port { index: 99, ..port };
        client.send_to(b"hello", (Ipv4Addr::LOCALHOST, to)).unwrap();
        assert_eq!(port.receive(&mut buf).unwrap(), None);
    }
}
