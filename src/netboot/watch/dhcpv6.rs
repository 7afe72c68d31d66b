//! What a board that boots over IPv6 asks (RFC 8415): enough to see that it is one, and which. This program answers no
//! DHCPv6.
//!
//! A Pi 4's bootloader does so with `USE_IPV6=1` in its configuration, and then doesn't ask by DHCPv4. Where routers say
//! that addresses come from DHCPv6 it sends a SOLICIT, else an INFORMATION-REQUEST; both have the architecture 0x29
//! (option 61, RFC 5970), and the MAC address as a DUID-LL. Source: raspberrypi/documentation, network booting using
//! IPv6.

use crate::board::Mac;

/// The port of clients.
pub const CLIENT_PORT: u16 = 546;
/// The port of servers and relays.
pub const SERVER_PORT: u16 = 547;
/// The architecture of a Raspberry Pi's boot program (IANA, Processor Architecture Types).
pub const ARCH_RPIBOOT: u16 = 0x29;

/// SOLICIT, REQUEST, INFORMATION-REQUEST.
const ASKING: [u8; 3] = [1, 3, 11];
const OPTION_CLIENTID: u16 = 1;
const OPTION_CLIENT_ARCH_TYPE: u16 = 61;
/// What a message has at most that is looked at.
const MOST_OPTIONS: usize = 64;

/// A client's question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asks {
    /// The MAC address in its identifier, where there is one.
    pub mac: Option<Mac>,
    /// The first architecture that it says it has.
    pub arch: Option<u16>,
}

/// Reads a message; `None` for what is no question of a client, or is damaged.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<Asks> {
    // The message's type, and the transaction.
    let (header, mut rest) = bytes.split_first_chunk::<4>()?;
    if !ASKING.contains(&header[0]) {
        return None;
    }
    let mut asks = Asks { mac: None, arch: None };
    for _ in 0..MOST_OPTIONS {
        if rest.is_empty() {
            break;
        }
        let (head, tail) = rest.split_first_chunk::<4>()?;
        let [code, len] = [[head[0], head[1]], [head[2], head[3]]].map(u16::from_be_bytes);
        let (value, tail) = tail.split_at_checked(usize::from(len))?;
        match code {
            OPTION_CLIENTID => asks.mac = mac(value),
            OPTION_CLIENT_ARCH_TYPE => asks.arch = value.first_chunk().map(|arch| u16::from_be_bytes(*arch)),
            _ => {}
        }
        rest = tail;
    }
    Some(asks)
}

/// The MAC address in a DUID-LLT or a DUID-LL of Ethernet (RFC 8415 sections 11.2 and 11.4).
fn mac(duid: &[u8]) -> Option<Mac> {
    let mac: &[u8; 6] = match duid {
        [0, 1, 0, 1, _, _, _, _, mac @ ..] | [0, 3, 0, 1, mac @ ..] => mac.try_into().ok()?,
        _ => return None,
    };
    Some(Mac::new(*mac))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The SOLICIT of a Pi 4, as the documentation's capture has it.
    pub(crate) fn solicit() -> Vec<u8> {
        let mut bytes = vec![1, 0x8c, 0xdd, 0x56];
        bytes.extend([0, 1, 0, 10, 0, 3, 0, 1, 0xe4, 0x5f, 0x01, 0x20, 0x24, 0x0b]);
        bytes.extend([0, 3, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([0, 6, 0, 2, 0, 59]);
        bytes.extend([0, 61, 0, 2, 0, 0x29]);
        bytes.extend([0, 8, 0, 2, 0, 0]);
        bytes
    }

    const MAC: Mac = Mac::new([0xe4, 0x5f, 0x01, 0x20, 0x24, 0x0b]);

    #[test]
    fn a_pi_that_asks_by_dhcpv6_is_known() {
        assert_eq!(parse(&solicit()), Some(Asks { mac: Some(MAC), arch: Some(ARCH_RPIBOOT) }));
        // Where routers give the addresses.
        let mut information = solicit();
        information[0] = 11;
        assert_eq!(parse(&information), parse(&solicit()));
        // What servers send, and relays.
        for kind in [0, 2, 4, 7, 12, 13] {
            let mut other = solicit();
            other[0] = kind;
            assert_eq!(parse(&other), None, "{kind}");
        }
    }

    #[test]
    fn a_system_says_no_architecture_and_dates_its_identifier() {
        let mut bytes = vec![1, 1, 2, 3, 0, 1, 0, 14, 0, 1, 0, 1, 0x27, 0, 0, 1];
        bytes.extend(MAC.bytes());
        assert_eq!(parse(&bytes), Some(Asks { mac: Some(MAC), arch: None }));
        // A DUID of another form, or one of another network than Ethernet.
        for at in [9, 11] {
            let mut other = bytes.clone();
            other[at] = 9;
            assert_eq!(parse(&other), Some(Asks { mac: None, arch: None }), "byte {at}");
        }
    }

    #[test]
    fn damaged_messages_are_nothing() {
        let good = solicit();
        let whole = [4, 18, 34, 40, 46, 52];
        for len in 0..good.len() {
            assert_eq!(parse(&good[..len]).is_some(), whole.contains(&len), "{len} bytes");
        }
        let mut long = good.clone();
        long[7] = 0xff;
        assert_eq!(parse(&long), None);
    }

    proptest::proptest! {
        #[test]
        fn no_message_panics(bytes: Vec<u8>) {
            let _ = parse(&bytes);
            let _ = parse(&[&[1, 0, 0, 0][..], &bytes].concat());
        }
    }
}
