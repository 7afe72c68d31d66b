//! What the two ends of a board's USB cable are called when the board is a USB Ethernet gadget: the MAC addresses of both
//! follow from the board's serial number, and the IPv6 link-local addresses from those (RFC 4291, appendix A). So each end
//! knows the other's address without having been told, and nothing is configured. The board's half of it is
//! `firmware/agent/cable`.

use std::net::Ipv6Addr;

use super::{Mac, Serial};

/// What the gadget calls itself in its USB descriptors.
pub const PRODUCT: &str = "piprov gadget";
/// Its vendor and product id: the Linux Foundation's for a gadget of several functions.
pub const IDS: (u16, u16) = (0x1d6b, 0x0104);

/// The first byte of the board's MAC address: administered locally, of one station (IEEE 802, section 8.4).
const BOARD: u8 = 0xd2;
/// That of the host's.
const HOST: u8 = 0xd6;

/// The cable of one board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cable([u8; 5]);

impl Cable {
    /// That of the board with this serial number: its low 40 bits, in which boards differ. `None` for what is no number of hexadecimal digits, and for a
    /// number of zeros, which names nobody.
    #[must_use]
    pub fn of(serial: &Serial) -> Option<Self> {
        let digits = Serial::of_digits(serial.as_str()).filter(|serial| !serial.is_blank())?;
        let [_, _, _, low @ ..] = u64::from_str_radix(digits.as_str(), 16).ok()?.to_be_bytes();
        Some(Self(low))
    }

    /// That at whose host's end an interface with this MAC address is; `None` for every other interface.
    #[must_use]
    pub const fn of_host(mac: Mac) -> Option<Self> {
        match mac.bytes() {
            [HOST, low @ ..] => Some(Self(low)),
            _ => None,
        }
    }

    /// The MAC address of the board's end.
    #[must_use]
    pub const fn board_mac(self) -> Mac {
        self.mac(BOARD)
    }

    /// The MAC address of the host's end.
    #[must_use]
    pub const fn host_mac(self) -> Mac {
        self.mac(HOST)
    }

    const fn mac(self, first: u8) -> Mac {
        let Self([a, b, c, d, e]) = self;
        Mac::new([first, a, b, c, d, e])
    }

    /// The address of the board's end.
    #[must_use]
    pub const fn board(self) -> Ipv6Addr {
        link_local(self.board_mac())
    }

    /// The address of the host's end, at which the board looks for its station.
    #[must_use]
    pub const fn host(self) -> Ipv6Addr {
        link_local(self.host_mac())
    }
}

/// The link-local address that follows from a MAC address (RFC 4291, sections 2.5.6 and appendix A): its second bit turned
/// over, and `fffe` in its middle.
#[must_use]
pub const fn link_local(mac: Mac) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.bytes();
    Ipv6Addr::new(
        0xfe80,
        0,
        0,
        0,
        u16::from_be_bytes([a ^ 2, b]),
        u16::from_be_bytes([c, 0xff]),
        u16::from_be_bytes([0xfe, d]),
        u16::from_be_bytes([e, f]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cable(serial: &str) -> Option<Cable> {
        Cable::of(&serial.parse().unwrap())
    }

    #[test]
    fn both_ends_follow_from_the_serial_number() {
        let cable = cable("10000000af04b2da").unwrap();
        assert_eq!(cable.board_mac().to_string(), "d2:00:af:04:b2:da");
        assert_eq!(cable.host_mac().to_string(), "d6:00:af:04:b2:da");
        assert_eq!(cable.board().to_string(), "fe80::d000:afff:fe04:b2da");
        assert_eq!(cable.host().to_string(), "fe80::d400:afff:fe04:b2da");
        for same in ["af04b2da", "AF04B2DA", "00000000af04b2da"] {
            assert_eq!(super::tests::cable(same), Some(cable), "{same}");
        }
        assert_ne!(super::tests::cable("10000001af04b2da"), None);
        assert_ne!(super::tests::cable("0000001aaf04b2da"), Some(cable));
        for none in ["0", "0000000000000000", "Broadcom", "RIG-0001", "0123456789abcdef0"] {
            assert_eq!(super::tests::cable(none), None, "{none}");
        }
    }

    #[test]
    fn the_address_is_the_one_that_the_kernel_makes_of_a_mac() {
        // Seen on a veth of Linux 6.1 with addr_gen_mode 0.
        let mac = "92:01:01:b0:fd:d6".parse().unwrap();
        assert_eq!(link_local(mac).to_string(), "fe80::9001:1ff:feb0:fdd6");
    }

    proptest::proptest! {
        #[test]
        fn the_hosts_end_names_the_cable(number in 1u64..) {
            let serial: Serial = format!("{number:016x}").parse().unwrap();
            let cable = Cable::of(&serial);
            if let Some(cable) = cable {
                proptest::prop_assert_eq!(Cable::of_host(cable.host_mac()), Some(cable));
                proptest::prop_assert_eq!(Cable::of_host(cable.board_mac()), None);
                proptest::prop_assert!(cable.host() != cable.board());
                // Administered locally, of one station.
                for mac in [cable.host_mac(), cable.board_mac()] {
                    proptest::prop_assert_eq!(mac.bytes()[0] & 3, 2);
                }
            }
        }
    }
}
