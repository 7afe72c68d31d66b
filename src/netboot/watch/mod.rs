//! What is on the wire, listening only: which boards ask, what DHCP servers answer them, whether spanning tree holds
//! ports back, what a board will do next and why it doesn't come.
//!
//! [`picture`] puts together what frames mean; [`open`] opens the socket that they come from.

use std::io;

use crate::dhcp::packet::{CLIENT_PORT, PXE_PORT, SERVER_PORT};
use crate::wire::{Interface, PacketSocket, Rule, Scope};

pub mod answer;
pub mod dhcpv6;
pub mod picture;

/// ARP, DHCP, TFTP requests and answers without content, the beginnings of connections to NFS and to the port mapper,
/// spanning tree, and questions by DHCPv6: what a boot consists of, without the files, which would keep a core busy here.
const RULES: [Rule; 13] = [
    Rule::Arp,
    Rule::Spanning,
    Rule::From(SERVER_PORT),
    Rule::From(CLIENT_PORT),
    Rule::To(SERVER_PORT),
    Rule::To(69),
    Rule::To(CLIENT_PORT),
    Rule::To(PXE_PORT),
    // TFTP's errors and answers to options.
    Rule::Opcode(5),
    Rule::Opcode(6),
    Rule::Syn(2049),
    Rule::Syn(111),
    Rule::To6(dhcpv6::SERVER_PORT),
];

/// Opens a socket that sees what matters on an interface, what this host sends too. No port is opened.
///
/// # Errors
/// [`io::ErrorKind::PermissionDenied`] without `CAP_NET_RAW`.
pub fn open(interface: &Interface) -> io::Result<PacketSocket> {
    PacketSocket::on(interface, &RULES, Scope::All)
}
