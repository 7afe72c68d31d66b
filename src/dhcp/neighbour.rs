//! Tells this host which Ethernet address a board has. The ROM of a 3B answers no ARP any more once it fetches files,
//! so a host that forgets its address in the middle of a file loses it.

use std::io;
use std::mem::zeroed;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use socket2::{Domain, Socket, Type};

use crate::board::Mac;

/// Keeps the Ethernet address of a neighbour until [`unpin`]: `ip neigh replace … nud permanent` (arp(7), SIOCSARP).
///
/// # Errors
/// [`io::ErrorKind::PermissionDenied`] without `CAP_NET_ADMIN`; others where there is no such interface.
pub fn pin(interface: &str, address: Ipv4Addr, mac: Mac) -> io::Result<()> {
    pin_through(any()?.as_fd(), interface, address, mac)
}

/// The same in the network namespace that a socket belongs to.
pub(super) fn pin_through(
    socket: BorrowedFd<'_>,
    interface: &str,
    address: Ipv4Addr,
    mac: Mac,
) -> io::Result<()> {
    let mut request = request(interface, address)?;
    request.arp_flags = libc::ATF_PERM | libc::ATF_COM;
    request.arp_ha.sa_family = libc::ARPHRD_ETHER;
    for (to, byte) in request.arp_ha.sa_data.iter_mut().zip(mac.bytes()) {
        *to = byte as libc::c_char;
    }
    call(socket, libc::SIOCSARP, &request)
}

/// Forgets it; the next packet to it makes the host ask again.
///
/// # Errors
/// As [`pin`], and where nothing is known of that neighbour.
pub fn unpin(interface: &str, address: Ipv4Addr) -> io::Result<()> {
    unpin_through(any()?.as_fd(), interface, address)
}

/// The same in the network namespace that a socket belongs to.
pub(super) fn unpin_through(socket: BorrowedFd<'_>, interface: &str, address: Ipv4Addr) -> io::Result<()> {
    call(socket, libc::SIOCDARP, &request(interface, address)?)
}

fn any() -> io::Result<Socket> {
    Socket::new(Domain::IPV4, Type::DGRAM, None)
}

fn request(interface: &str, address: Ipv4Addr) -> io::Result<libc::arpreq> {
    // SAFETY: it is made of numbers only, for which zero is a value.
    let mut request: libc::arpreq = unsafe { zeroed() };
    // One byte stays for the zero at the end.
    if interface.len() >= request.arp_dev.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, byte) in request.arp_dev.iter_mut().zip(interface.bytes()) {
        *to = byte as libc::c_char;
    }
    request.arp_pa.sa_family = libc::AF_INET as libc::sa_family_t;
    // A sockaddr_in: port, then address.
    for (to, byte) in request.arp_pa.sa_data[2..6].iter_mut().zip(address.octets()) {
        *to = byte as libc::c_char;
    }
    Ok(request)
}

fn call(socket: BorrowedFd<'_>, number: libc::c_ulong, request: &libc::arpreq) -> io::Result<()> {
    // SAFETY: both calls read an arpreq, which lives until they return.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), number as _, std::ptr::from_ref(request)) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_interface_can_have_is_refused() {
        let mac = Mac::new([2, 0, 0, 0, 0, 1]);
        let error = pin("an-interface-with-a-long-name", Ipv4Addr::new(10, 0, 0, 1), mac).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(pin("no-such-0", Ipv4Addr::new(10, 0, 0, 1), mac).is_err());
    }
}
