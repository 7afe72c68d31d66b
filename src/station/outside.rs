//! Where the station may go when somebody names an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// Whether the station may go to this address because somebody named it, for a hook or for an image: not on its own host,
/// and not where clouds keep the secrets of their machines.
pub(super) fn is_outside(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            !(ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_broadcast()
                || ip.octets()[0] == 0
                || ip == Ipv4Addr::new(168, 63, 129, 16)
                || ip == Ipv4Addr::new(100, 100, 100, 200))
        }
        IpAddr::V6(ip) => {
            // An IPv4 address within: of NAT64 (RFC 6052, and RFC 8215's of local use), 6to4, or the old compatible form.
            let within = match ip.segments() {
                [0x64, 0xff9b, 0, 0, 0, 0, a, b]
                | [0x64, 0xff9b, 1, .., a, b]
                | [0x2002, a, b, ..]
                | [0, 0, 0, 0, 0, 0, a, b] => Some((a, b)),
                // Teredo has it inverted (RFC 4380).
                [0x2001, 0, .., a, b] => Some((!a, !b)),
                _ => None,
            };
            let within = within.map(|(a, b)| Ipv4Addr::from((u32::from(a) << 16) | u32::from(b)));
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unicast_link_local()
                || ip.is_multicast()
                || ip == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
                || within.is_some_and(|ip| !is_outside(ip.into())))
        }
    }
}

/// The same, and none of the addresses that this host has besides.
pub(super) fn is_elsewhere(ip: IpAddr) -> bool {
    is_outside(ip) && !is_own(ip.to_canonical())
}

/// Whether an address is one of this host's: then the kernel would ask it from the same one. Nothing is sent.
fn is_own(ip: IpAddr) -> bool {
    let any: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let from = || {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect((ip, 9))?;
        socket.local_addr()
    };
    from().is_ok_and(|from| from.ip() == ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_this_host_is_its_own_whatever_it_is() {
        assert!(is_own("127.0.0.1".parse().unwrap()));
        assert!(!is_own("192.0.2.77".parse().unwrap()) && !is_elsewhere("127.0.0.1".parse().unwrap()));
        // What the kernel would be asked from on the way to elsewhere is an address of this host.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        if socket.connect("192.0.2.77:9").is_ok() {
            assert!(!is_elsewhere(socket.local_addr().unwrap().ip()));
        }
    }

    #[test]
    fn neither_this_host_nor_the_secrets_of_clouds_are_outside() {
        for inside in [
            "127.0.0.1",
            "127.1.2.3",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "255.255.255.255",
            "224.0.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "::1",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::7f00:1",
            "64:ff9b:1:2:3:4:a9fe:a9fe",
            "2001:0:1:2:3:4:80ff:fffe",
            "2002:7f00:1::",
            "::7f00:1",
        ] {
            assert!(!is_outside(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["10.0.0.9", "192.168.1.7", "1.1.1.1", "fd00::7", "2001:db8::1", "64:ff9b::101:101"] {
            assert!(is_outside(outside.parse().unwrap()), "{outside}");
        }
    }
}
