//! What the kernel and a program say to each other about interfaces, addresses and neighbours (rtnetlink(7), RFC 3549):
//! messages in and out as bytes.
//!
//! Only what is needed here is read. Of a message the attributes that matter are taken and all others passed over, so
//! that what another kernel adds, leaves out or makes longer changes nothing.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::board::Mac;

// linux/netlink.h.
const DONE: u16 = 3;
const ERROR: u16 = 2;
const OVERRUN: u16 = 4;
const REQUEST: u16 = 1;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;
const REPLACE: u16 = 0x100;
const CREATE: u16 = 0x400;
/// Something changed while it was listed.
const INTERRUPTED: u16 = 0x10;
// linux/rtnetlink.h.
const NEW_LINK: u16 = 16;
const DEL_LINK: u16 = 17;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const DEL_ADDRESS: u16 = 21;
const GET_ADDRESS: u16 = 22;
const NEW_NEIGHBOUR: u16 = 28;
const DEL_NEIGHBOUR: u16 = 29;
// linux/if_link.h, linux/if_addr.h, linux/neighbour.h.
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_EXT_MASK: u16 = 29;
const IFLA_CARRIER_CHANGES: u16 = 35;
const SKIP_STATS: u32 = 8;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_F_SECONDARY: u8 = 1;
const IFA_F_NODAD: u8 = 2;
const IFA_F_PERMANENT: u8 = 0x80;
/// `RT_SCOPE_LINK` of linux/rtnetlink.h.
const SCOPE_LINK: u8 = 253;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const PERMANENT: u16 = 0x80;
/// The upper two bits of an attribute's number are flags.
const KIND: u16 = 0x3fff;

/// `RTMGRP_LINK` and `RTMGRP_IPV4_IFADDR`: what is told of interfaces and their IPv4 addresses.
pub(super) const GROUPS: u32 = 1 | 0x10;

/// What the kernel says of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) name: String,
    /// `None` for what is no Ethernet.
    pub(super) mac: Option<Mac>,
    pub(super) is_up: bool,
    pub(super) has_carrier: bool,
    /// How often the carrier came or went.
    pub(super) carrier_changes: u32,
}

/// What the kernel says of an IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Assigned {
    pub(super) index: u32,
    pub(super) address: Ipv4Addr,
    pub(super) prefix: u8,
    /// Another address of that network came before it.
    pub(super) is_secondary: bool,
    /// It stays until it is taken away; nobody has given it for a time.
    pub(super) is_permanent: bool,
}

/// A message of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// There is such an interface, or it has changed.
    Link(Link),
    /// An interface is gone.
    LinkGone(u32),
    /// There is such an address.
    Address(Assigned),
    /// An address is gone.
    AddressGone(Assigned),
    /// A listing is complete, or a request was carried out.
    Done,
    /// A request was refused: a number of errno(3).
    Refused(i32),
    /// There was more than there is room for, or a listing is not to be trusted: it is to be made again.
    Again,
}

/// Reads what came in one piece: what is damaged ends it, what is unknown is passed over.
pub(super) fn read(mut bytes: &[u8]) -> Vec<Said> {
    let mut all = Vec::new();
    while let Some(len) = number(bytes, 0).map(|len| len as usize)
        && let Some(message) = bytes.get(..len).filter(|message| message.len() >= 16)
    {
        all.extend(one(message));
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    all
}

fn one(message: &[u8]) -> Vec<Said> {
    let (Some(kind), Some(flags)) = (half(message, 4), half(message, 6)) else { return Vec::new() };
    let body = &message[16..];
    let said = match kind {
        DONE => Some(match number(body, 0).map_or(0, u32::cast_signed) {
            0.. => Said::Done,
            errno => Said::Refused(errno.saturating_neg()),
        }),
        ERROR => number(body, 0).map(|errno| match errno.cast_signed() {
            0 => Said::Done,
            errno => Said::Refused(errno.saturating_neg()),
        }),
        OVERRUN => Some(Said::Again),
        NEW_LINK | DEL_LINK => link(body, kind == DEL_LINK),
        NEW_ADDRESS | DEL_ADDRESS => address(body, kind == DEL_ADDRESS),
        _ => None,
    };
    let again = (flags & INTERRUPTED != 0).then_some(Said::Again);
    again.into_iter().chain(said).collect()
}

/// `struct ifinfomsg`: family, padding, type (2), index (4), flags (4), change (4).
fn link(body: &[u8], is_gone: bool) -> Option<Said> {
    // A bridge tells of its ports with its own family: a port that leaves it is still an interface.
    if *body.first()? != 0 {
        return None;
    }
    let (hardware, index, flags) = (half(body, 2)?, number(body, 4)?, number(body, 8)?);
    if is_gone {
        return Some(Said::LinkGone(index));
    }
    let (mut name, mut mac, mut carrier_changes) = (None, None, 0);
    for (kind, value) in attributes(body.get(16..)?) {
        match kind {
            IFLA_IFNAME => {
                let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
                name = Some(String::from_utf8_lossy(text).into_owned());
            }
            IFLA_ADDRESS if hardware == libc::ARPHRD_ETHER => {
                mac = <[u8; 6]>::try_from(value).ok().map(Mac::new);
            }
            IFLA_CARRIER_CHANGES => carrier_changes = number(value, 0).unwrap_or(0),
            _ => {}
        }
    }
    let has = |flag: libc::c_int| flags & flag.cast_unsigned() != 0;
    Some(Said::Link(Link {
        index,
        name: name?,
        mac,
        is_up: has(libc::IFF_UP),
        has_carrier: has(libc::IFF_UP) && has(libc::IFF_LOWER_UP),
        carrier_changes,
    }))
}

/// `struct ifaddrmsg`: family, length of the prefix, flags, scope, index (4).
fn address(body: &[u8], is_gone: bool) -> Option<Said> {
    let [family, prefix, flags, _, ..] = *body else { return None };
    if i32::from(family) != libc::AF_INET || prefix > 32 {
        return None;
    }
    let index = number(body, 4)?;
    let (mut local, mut other) = (None, None);
    for (kind, value) in attributes(body.get(8..)?) {
        let found = value.first_chunk::<4>().map(|four| Ipv4Addr::from(*four));
        match kind {
            IFA_LOCAL => local = found,
            // The same, but on a line between two hosts, where it is the other host's.
            IFA_ADDRESS => other = found,
            _ => {}
        }
    }
    let address = local.or(other)?;
    let has = |flag| flags & flag != 0;
    let (is_secondary, is_permanent) = (has(IFA_F_SECONDARY), has(IFA_F_PERMANENT));
    let assigned = Assigned { index, address, prefix, is_secondary, is_permanent };
    Some(if is_gone { Said::AddressGone(assigned) } else { Said::Address(assigned) })
}

/// The attributes: length (2), kind (2), value, each filled up to 4 bytes.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (len, kind) = (usize::from(half(bytes, 0)?), half(bytes, 2)?);
        let value = bytes.get(4..len)?;
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind & KIND, value))
    })
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|two| u16::from_ne_bytes(*two))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_ne_bytes(*four))
}

/// Asks for all interfaces.
pub(super) fn list_links() -> Vec<u8> {
    // struct ifinfomsg, all zero. Without the statistics, which nobody here reads.
    message(GET_LINK, REQUEST | DUMP, &[0; 16], &[(IFLA_EXT_MASK, &SKIP_STATS.to_ne_bytes())])
}

/// Asks for all IPv4 addresses.
pub(super) fn list_addresses() -> Vec<u8> {
    message(GET_ADDRESS, REQUEST | DUMP, &[libc::AF_INET as u8, 0, 0, 0, 0, 0, 0, 0], &[])
}

/// Switches an interface on.
pub(super) fn switch_on(interface: u32) -> Vec<u8> {
    // struct ifinfomsg: family, padding, type (2), index (4), flags (4), which of them change (4).
    let mut out = [0; 16];
    out[4..8].copy_from_slice(&interface.to_ne_bytes());
    let up = libc::IFF_UP.cast_unsigned().to_ne_bytes();
    out[8..12].copy_from_slice(&up);
    out[12..].copy_from_slice(&up);
    message(NEW_LINK, REQUEST | ACK, &out, &[])
}

/// Gives an interface a link-local address that is there at once: nobody is asked whether somebody else has it. One that
/// it has already stays.
pub(super) fn add_link_local(interface: u32, address: Ipv6Addr) -> Vec<u8> {
    // struct ifaddrmsg: family, length of the prefix, flags, scope, index (4).
    let mut out = [libc::AF_INET6 as u8, 64, IFA_F_PERMANENT | IFA_F_NODAD, SCOPE_LINK, 0, 0, 0, 0];
    out[4..].copy_from_slice(&interface.to_ne_bytes());
    let octets = address.octets();
    message(
        NEW_ADDRESS,
        REQUEST | ACK | CREATE | REPLACE,
        &out,
        &[(IFA_LOCAL, &octets), (IFA_ADDRESS, &octets)],
    )
}

/// Makes an entry of a neighbour that stays, or changes the one that there is.
pub(super) fn set_neighbour(interface: u32, ip: Ipv4Addr, mac: Mac) -> Vec<u8> {
    let attributes: [(u16, &[u8]); 2] = [(NDA_DST, &ip.octets()), (NDA_LLADDR, &mac.bytes())];
    message(NEW_NEIGHBOUR, REQUEST | ACK | CREATE | REPLACE, &neighbour(interface), &attributes)
}

/// Removes the entry of a neighbour.
pub(super) fn remove_neighbour(interface: u32, ip: Ipv4Addr) -> Vec<u8> {
    message(DEL_NEIGHBOUR, REQUEST | ACK, &neighbour(interface), &[(NDA_DST, &ip.octets())])
}

/// `struct ndmsg`: family, padding (3), interface (4), state (2), flags, type.
fn neighbour(interface: u32) -> [u8; 12] {
    let mut out = [0; 12];
    out[0] = libc::AF_INET as u8;
    out[4..8].copy_from_slice(&interface.to_ne_bytes());
    out[8..10].copy_from_slice(&PERMANENT.to_ne_bytes());
    out
}

/// `struct nlmsghdr`: length (4), kind (2), flags (2), sequence (4), port (4).
fn message(kind: u16, flags: u16, body: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut out = vec![0; 16];
    out.extend(body);
    for (kind, value) in attributes {
        out.extend((4 + value.len() as u16).to_ne_bytes());
        out.extend(kind.to_ne_bytes());
        out.extend(*value);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    let len = out.len() as u32;
    out[..4].copy_from_slice(&len.to_ne_bytes());
    out[4..6].copy_from_slice(&kind.to_ne_bytes());
    out[6..8].copy_from_slice(&flags.to_ne_bytes());
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn link_message(kind: u16, family: u8, flags: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = vec![family, 0];
        body.extend(libc::ARPHRD_ETHER.to_ne_bytes());
        body.extend(7u32.to_ne_bytes());
        body.extend(flags.to_ne_bytes());
        body.extend([0; 4]);
        message(kind, 0, &body, attributes)
    }

    fn eth0() -> Link {
        let mac = Some(Mac::new([2, 0, 0, 0, 0, 9]));
        Link { index: 7, name: "eth0".into(), mac, is_up: true, has_carrier: true, carrier_changes: 3 }
    }

    #[test]
    fn an_interface_is_read_and_what_is_unknown_passed_over() {
        let bytes = link_message(
            NEW_LINK,
            0,
            0x1_0001,
            &[
                (IFLA_IFNAME, b"eth0\0"),
                (77, b"what a later kernel adds"),
                (IFLA_ADDRESS, &[2, 0, 0, 0, 0, 9]),
                (IFLA_CARRIER_CHANGES, &3u32.to_ne_bytes()),
            ],
        );
        assert_eq!(read(&bytes), [Said::Link(eth0())]);
        // A bridge's word on its port is no word on the interface.
        assert_eq!(read(&link_message(DEL_LINK, libc::AF_BRIDGE as u8, 0, &[])), []);
        assert_eq!(read(&link_message(DEL_LINK, 0, 0, &[])), [Said::LinkGone(7)]);
        // No name, no interface; an address that is none of Ethernet's.
        assert_eq!(read(&link_message(NEW_LINK, 0, 1, &[])), []);
        let tunnel = link_message(NEW_LINK, 0, 0, &[(IFLA_IFNAME, b"t0\0"), (IFLA_ADDRESS, &[10, 0, 0, 1])]);
        assert!(matches!(&read(&tunnel)[..], [Said::Link(Link { mac: None, is_up: false, .. })]));
    }

    #[test]
    fn addresses_are_this_hosts_own() {
        let body = |flags| [libc::AF_INET as u8, 24, flags, 0, 7, 0, 0, 0];
        let both: [(u16, &[u8]); 2] = [(IFA_ADDRESS, &[10, 0, 0, 2]), (IFA_LOCAL, &[10, 0, 0, 1])];
        let one = Assigned {
            index: 7,
            address: [10, 0, 0, 1].into(),
            prefix: 24,
            is_secondary: false,
            is_permanent: false,
        };
        assert_eq!(read(&message(NEW_ADDRESS, 0, &body(0), &both)), [Said::Address(one)]);
        let kept = Assigned { is_permanent: true, ..one };
        assert_eq!(read(&message(NEW_ADDRESS, 0, &body(0x80), &both)), [Said::Address(kept)]);
        let second = Assigned { is_secondary: true, ..one };
        assert_eq!(read(&message(DEL_ADDRESS, 0, &body(1), &both)), [Said::AddressGone(second)]);
        let mut six = body(0);
        six[0] = libc::AF_INET6 as u8;
        assert_eq!(read(&message(NEW_ADDRESS, 0, &six, &both)), []);
        let mut long = body(0);
        long[1] = 33;
        assert_eq!(read(&message(NEW_ADDRESS, 0, &long, &both)), []);
    }

    #[test]
    fn several_messages_come_in_one_piece() {
        let done = message(DONE, 2, &0u32.to_ne_bytes(), &[]);
        let refused = message(ERROR, 0, &(-1i32).to_ne_bytes(), &[]);
        let interrupted = message(DONE, 2 | INTERRUPTED, &0u32.to_ne_bytes(), &[]);
        let all = [&link_message(DEL_LINK, 0, 0, &[])[..], &done, &refused, &interrupted, &[9, 9]].concat();
        let want = [Said::LinkGone(7), Said::Done, Said::Refused(1), Said::Again, Said::Done];
        assert_eq!(read(&all), want);
        // A length that goes further than what came ends it.
        let mut cut = all.clone();
        cut[0] = 0xff;
        cut[1] = 0xff;
        assert_eq!(read(&cut), []);
    }

    #[test]
    fn messages_have_their_length() {
        let (ip, mac) = (Ipv4Addr::new(10, 0, 0, 9), "dc:a6:32:01:02:03".parse().unwrap());
        let bytes = set_neighbour(3, ip, mac);
        assert_eq!((bytes.len(), u32::from_ne_bytes(*bytes.first_chunk().unwrap())), (48, 48));
        assert_eq!(bytes[32..36], [10, 0, 0, 9]);
        assert_eq!(bytes[40..46], mac.bytes());
        assert_eq!(remove_neighbour(3, ip).len(), 36);
        assert_eq!((list_links().len(), list_addresses().len()), (40, 24));
        let on = switch_on(7);
        assert_eq!(
            (on.len(), &on[20..24], &on[24..28]),
            (32, &7u32.to_ne_bytes()[..], &1u32.to_ne_bytes()[..])
        );
        let address = "fe80::d400:afff:fe04:b2da".parse::<Ipv6Addr>().unwrap();
        let bytes = add_link_local(7, address);
        assert_eq!((bytes.len(), u32::from_ne_bytes(*bytes.first_chunk().unwrap())), (64, 64));
        assert_eq!(bytes[16..24], [10, 64, 0x82, 253, 7, 0, 0, 0]);
        assert_eq!((&bytes[28..44], &bytes[48..64]), (&address.octets()[..], &address.octets()[..]));
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics_or_goes_on_for_ever(bytes: Vec<u8>, kind: u16, body: Vec<u8>) {
            let _ = read(&bytes);
            for kind in [DONE, ERROR, NEW_LINK, NEW_ADDRESS, kind] {
                let _ = read(&message(kind, 0, &body, &[]));
            }
        }
    }
}
