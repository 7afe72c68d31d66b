//! What is on the wire, listening only: which boards ask, what DHCP servers answer them, whether spanning tree holds
//! ports back, what a board will do next and why it doesn't come.
//!
//! [`frame`] and [`bpdu`] read bytes, [`picture`] puts together what they mean; [`capture`] is the socket.

pub mod answer;
pub mod bpdu;
pub mod capture;
pub mod dhcpv6;
pub mod frame;
pub mod picture;
