//! Gives interfaces of this host IPv6 link-local addresses (RFC 4291, section 2.5.6).

use std::io;
use std::net::Ipv6Addr;

use super::kernel::Kernel;
use super::netlink;

/// What does it, in the network namespace of the thread that opens it. That takes `CAP_NET_ADMIN`.
#[derive(Debug)]
pub struct LinkLocal(Kernel);

impl LinkLocal {
    /// Opens it.
    ///
    /// # Errors
    /// Where the process has no descriptor left.
    pub fn open() -> io::Result<Self> {
        Ok(Self(Kernel::open(0)?))
    }

    /// Switches an interface on, by its number, and gives it an address that can be used at once. Where it has that address,
    /// nothing changes.
    ///
    /// # Errors
    /// What the kernel says: [`io::ErrorKind::PermissionDenied`] without the capability, and also where IPv6 is switched off
    /// for the interface; an error of no such device where it has gone.
    pub fn give(&mut self, interface: u32, address: Ipv6Addr) -> io::Result<()> {
        self.0.ask(&netlink::switch_on(interface))?;
        self.0.ask(&netlink::add_link_local(interface, address))
    }
}
