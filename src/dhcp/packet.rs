//! What a DHCP message says (RFC 2131 section 2). Borrowed from the bytes that came; nothing in it is copied, and no
//! length that a client sent decides how much is allocated.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::board::Mac;

/// Bytes before the options: the BOOTP message (RFC 951) and the magic cookie.
pub const HEADER: usize = 240;
/// What the options begin with (RFC 2131 section 3).
pub const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// The port of servers and relays.
pub const SERVER_PORT: u16 = 67;
/// The port of clients.
pub const CLIENT_PORT: u16 = 68;
/// The port where a PXE client asks the boot server that it has chosen (PXE 2.1 section 2.2.5).
pub const PXE_PORT: u16 = 4011;
/// The client wants its answer by broadcast (RFC 2131 section 2).
pub const BROADCAST: u16 = 0x8000;

/// Numbers of options (RFC 2132 unless said).
pub mod code {
    #![allow(missing_docs, reason = "the names are those of the RFC")]
    pub const PAD: u8 = 0;
    pub const SUBNET_MASK: u8 = 1;
    pub const ROUTER: u8 = 3;
    pub const DNS: u8 = 6;
    pub const HOST_NAME: u8 = 12;
    pub const BROADCAST_ADDRESS: u8 = 28;
    pub const VENDOR: u8 = 43;
    pub const REQUESTED_ADDRESS: u8 = 50;
    pub const LEASE_TIME: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const SERVER_ID: u8 = 54;
    pub const PARAMETERS: u8 = 55;
    pub const MESSAGE: u8 = 56;
    pub const MAX_SIZE: u8 = 57;
    pub const RENEWAL: u8 = 58;
    pub const REBINDING: u8 = 59;
    pub const VENDOR_CLASS: u8 = 60;
    pub const CLIENT_ID: u8 = 61;
    pub const TFTP_SERVER: u8 = 66;
    pub const BOOT_FILE: u8 = 67;
    /// RFC 3046.
    pub const RELAY_AGENT: u8 = 82;
    /// RFC 4578.
    pub const ARCHITECTURE: u8 = 93;
    /// RFC 4578.
    pub const NETWORK_INTERFACE: u8 = 94;
    /// RFC 4578.
    pub const MACHINE_ID: u8 = 97;
    /// The station's URL, for piprov's agent. The number is one of those that a site may use as it likes (RFC 3942).
    pub const STATION: u8 = 224;
    pub const END: u8 = 255;
}

/// Option 53 (RFC 2132 section 9.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A client looks for servers.
    Discover,
    /// A server offers an address.
    Offer,
    /// A client takes an offer, or wants to keep its address.
    Request,
    /// A client found its address in use.
    Decline,
    /// A server confirms.
    Ack,
    /// A server refuses.
    Nak,
    /// A client gives its address back.
    Release,
    /// A client with an address wants the other settings.
    Inform,
}

impl Kind {
    /// As it is on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8 + 1
    }

    const fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Discover,
            2 => Self::Offer,
            3 => Self::Request,
            4 => Self::Decline,
            5 => Self::Ack,
            6 => Self::Nak,
            7 => Self::Release,
            8 => Self::Inform,
            _ => return None,
        })
    }

    /// As DHCP's documents write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Discover => "DISCOVER",
            Self::Offer => "OFFER",
            Self::Request => "REQUEST",
            Self::Decline => "DECLINE",
            Self::Ack => "ACK",
            Self::Nak => "NAK",
            Self::Release => "RELEASE",
            Self::Inform => "INFORM",
        }
    }
}

/// Why bytes are no DHCP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Shorter than the fixed part.
    #[error("{len} bytes, but the fixed part of a DHCP message has 240")]
    Short {
        /// Bytes that came.
        len: usize,
    },
    /// The magic cookie is missing: plain BOOTP, or something else.
    #[error("no DHCP cookie at offset 236")]
    NoCookie,
    /// Neither a question nor an answer.
    #[error("op is {op}, not 1 or 2")]
    Op {
        /// What it is.
        op: u8,
    },
    /// The hardware address isn't Ethernet's.
    #[error("hardware type {kind} with {len} bytes of address, not Ethernet's 1 with 6")]
    Hardware {
        /// RFC 1700's number.
        kind: u8,
        /// Bytes of the address.
        len: u8,
    },
    /// No board has such an address.
    #[error("the hardware address is zero or a group's")]
    Address,
    /// An option goes on behind the end of its field.
    #[error("option {code} at offset {offset} needs {need} bytes where {have} are left")]
    Option {
        /// The option.
        code: u8,
        /// Where it begins, from the start of the message.
        offset: usize,
        /// Bytes that it claims to have.
        need: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// There is no option 53, or one with a number that means nothing.
    #[error("no message type that is known")]
    NoKind,
}

/// A DHCP message.
#[derive(Debug, Clone)]
pub struct Packet<'a> {
    /// It is a server's answer.
    pub is_reply: bool,
    /// Relays that it passed.
    pub hops: u8,
    /// The transaction. A constant on every Pi 3: nothing may be keyed by it.
    pub xid: u32,
    /// Seconds since the client began.
    pub secs: u16,
    /// [`BROADCAST`] or 0.
    pub flags: u16,
    /// The client's address, where it has one.
    pub ciaddr: Ipv4Addr,
    /// The address that the client gets.
    pub yiaddr: Ipv4Addr,
    /// Where the boot files are.
    pub siaddr: Ipv4Addr,
    /// The relay that passed it on first.
    pub giaddr: Ipv4Addr,
    /// The client.
    pub mac: Mac,
    /// What it is.
    pub kind: Kind,
    /// The boot file; empty where the field holds options.
    pub file: &'a [u8],
    /// The whole message, to be looked at again later.
    pub(super) bytes: &'a [u8],
    options: Vec<(u8, &'a [u8])>,
}

impl<'a> Packet<'a> {
    /// Reads a message. An END option that is missing is forgiven: the options end with the message.
    ///
    /// # Errors
    /// For whatever can't be read to its end.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Self::read(bytes, false)
    }

    /// Reads the first part of a message: of the options, those that are there whole. For what was cut into fragments,
    /// and for what is only looked at.
    ///
    /// # Errors
    /// For whatever isn't the first part of a message with its kind in it.
    pub fn parse_part(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Self::read(bytes, true)
    }

    fn read(bytes: &'a [u8], is_part: bool) -> Result<Self, Malformed> {
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(Malformed::Short { len: bytes.len() });
        };
        if header[236..] != COOKIE {
            return Err(Malformed::NoCookie);
        }
        if !matches!(header[0], 1 | 2) {
            return Err(Malformed::Op { op: header[0] });
        }
        if header[1..3] != [1, 6] {
            return Err(Malformed::Hardware { kind: header[1], len: header[2] });
        }
        let mac: [u8; 6] = std::array::from_fn(|at| header[28 + at]);
        if mac == [0; 6] || mac[0] & 1 == 1 {
            return Err(Malformed::Address);
        }
        let ip = |at: usize| Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]);
        let pair = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let mut options = Vec::with_capacity(16);
        let whole = read(rest, HEADER, &mut options);
        if !is_part {
            whole?;
        }
        // RFC 2132 section 9.3: the fields `file` (bit 0) and `sname` (bit 1) may hold options too, in that order.
        let overload = first(&options, code::OVERLOAD).and_then(|value| value.first().copied()).unwrap_or(0);
        if overload & 1 != 0 {
            read(&bytes[108..236], 108, &mut options)?;
        }
        if overload & 2 != 0 {
            read(&bytes[44..108], 44, &mut options)?;
        }
        let kind = match first(&options, code::MESSAGE_TYPE) {
            Some([number]) => Kind::of(*number),
            _ => None,
        };
        Ok(Self {
            is_reply: header[0] == 2,
            hops: header[3],
            xid: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            secs: pair(8),
            flags: pair(10),
            ciaddr: ip(12),
            yiaddr: ip(16),
            siaddr: ip(20),
            giaddr: ip(24),
            mac: Mac::new(mac),
            kind: kind.ok_or(Malformed::NoKind)?,
            file: if overload & 1 != 0 { &[] } else { text(&bytes[108..236]) },
            bytes,
            options,
        })
    }

    /// The value of an option. One that comes several times is one long one (RFC 3396 section 7).
    #[must_use]
    pub fn option(&self, code: u8) -> Option<Cow<'a, [u8]>> {
        let mut parts = self.options.iter().filter(|(found, _)| *found == code).map(|(_, value)| *value);
        let whole = parts.next()?;
        let mut whole = Cow::Borrowed(whole);
        for part in parts {
            whole.to_mut().extend_from_slice(part);
        }
        Some(whole)
    }

    /// Whether an option is there.
    #[must_use]
    pub fn has(&self, code: u8) -> bool {
        self.options.iter().any(|(found, _)| *found == code)
    }

    /// The numbers of all options, in the order in which they came.
    pub fn codes(&self) -> impl Iterator<Item = u8> {
        self.options.iter().map(|(code, _)| *code)
    }

    /// An option that is one address.
    #[must_use]
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        let four: [u8; 4] = self.option(code)?.as_ref().try_into().ok()?;
        Some(Ipv4Addr::from(four))
    }

    /// An option that is a number of four bytes, such as a time.
    #[must_use]
    pub fn number(&self, code: u8) -> Option<u32> {
        self.address(code).map(u32::from)
    }

    /// Whether the client asked for an option (55).
    #[must_use]
    pub fn asks_for(&self, wanted: u8) -> bool {
        self.options.iter().any(|(found, value)| *found == code::PARAMETERS && value.contains(&wanted))
    }
}

fn first<'a>(options: &[(u8, &'a [u8])], code: u8) -> Option<&'a [u8]> {
    options.iter().find(|(found, _)| *found == code).map(|(_, value)| *value)
}

fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Reads one field of options. `at` is where it begins in the message.
fn read<'a>(field: &'a [u8], at: usize, options: &mut Vec<(u8, &'a [u8])>) -> Result<(), Malformed> {
    let mut rest = field;
    loop {
        rest = match rest {
            [] | [code::END, ..] => return Ok(()),
            [code::PAD, rest @ ..] => rest,
            [code, tail @ ..] => {
                let offset = at + field.len() - rest.len();
                let (need, value) = match tail.split_first() {
                    Some((len, value)) => (usize::from(*len), value),
                    None => return Err(Malformed::Option { code: *code, offset, need: 1, have: 0 }),
                };
                let Some((value, rest)) = value.split_at_checked(need) else {
                    return Err(Malformed::Option { code: *code, offset, need, have: value.len() });
                };
                options.push((*code, value));
                rest
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A DISCOVER with these options behind its message type, and no END.
    fn message(options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![1, 1, 6, 0, 0x26, 0xf3, 3, 0x39, 0, 7, 0x80, 0];
        bytes.extend([0; 16]);
        bytes.extend([0xdc, 0xa6, 0x32, 1, 2, 3]);
        bytes.resize(236, 0);
        bytes.extend(COOKIE);
        bytes.extend([53, 1, 1]);
        bytes.extend(options);
        bytes
    }

    #[test]
    fn reads_the_fixed_part() {
        let mut bytes = message(&[]);
        for (at, four) in [(12, [10, 0, 0, 1]), (16, [10, 0, 0, 2]), (20, [10, 0, 0, 3]), (24, [10, 0, 0, 4])]
        {
            bytes[at..at + 4].copy_from_slice(&four);
        }
        bytes[108..112].copy_from_slice(b"boot");
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!((packet.xid, packet.secs, packet.flags), (0x26f3_0339, 7, BROADCAST));
        assert_eq!((packet.kind, packet.is_reply), (Kind::Discover, false));
        assert_eq!(packet.mac, Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3]));
        let addresses = [packet.ciaddr, packet.yiaddr, packet.siaddr, packet.giaddr];
        assert_eq!(addresses.map(|ip| ip.octets()[3]), [1, 2, 3, 4]);
        assert_eq!(packet.file, b"boot");
    }

    #[test]
    fn repeated_options_are_one_long_one() {
        let bytes = message(&[97, 2, 1, 2, 0, 0, 12, 1, b'x', 97, 1, 3, 255, 97, 1, 9]);
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.option(97).as_deref(), Some(&[1, 2, 3][..]));
        assert_eq!(packet.option(12).as_deref(), Some(&b"x"[..]));
        assert_eq!(packet.option(60), None);
        assert_eq!(packet.codes().collect::<Vec<_>>(), [53, 97, 12, 97]);
    }

    #[test]
    fn options_may_lie_in_the_other_fields() {
        let mut bytes = message(&[52, 1, 3, 97, 1, 1]);
        bytes[108..114].copy_from_slice(&[97, 1, 2, 60, 0, 255]);
        bytes[44..50].copy_from_slice(&[0, 97, 1, 3, 255, 7]);
        let packet = Packet::parse(&bytes).unwrap();
        // Options field, then file, then sname: RFC 3396 section 5.
        assert_eq!(packet.option(97).as_deref(), Some(&[1, 2, 3][..]));
        assert_eq!(packet.option(60).as_deref(), Some(&[][..]));
        assert_eq!(packet.file, b"");
        // Without option 52 they are texts.
        bytes[245] = 0;
        assert_eq!(Packet::parse(&bytes).unwrap().option(97).as_deref(), Some(&[1][..]));
    }

    #[test]
    fn options_without_an_end_are_read_to_the_end() {
        let bytes = message(&[50, 4, 10, 0, 0, 9]);
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.address(50), Some(Ipv4Addr::new(10, 0, 0, 9)));
        assert_eq!(packet.number(50), Some(0x0a00_0009));
        assert_eq!(packet.address(53), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let good = message(&[60, 3, b'P', b'X', b'E']);
        for len in 0..HEADER {
            assert_eq!(Packet::parse(&good[..len]).unwrap_err(), Malformed::Short { len });
        }
        assert_eq!(Packet::parse(&good[..HEADER]).unwrap_err(), Malformed::NoKind);
        let short = |len: usize| Packet::parse(&good[..len]).unwrap_err();
        assert_eq!(short(241), Malformed::Option { code: 53, offset: 240, need: 1, have: 0 });
        assert_eq!(short(247), Malformed::Option { code: 60, offset: 243, need: 3, have: 2 });
        let change = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            Packet::parse(&bytes).unwrap_err()
        };
        assert_eq!(change(236, 0), Malformed::NoCookie);
        assert_eq!(change(0, 3), Malformed::Op { op: 3 });
        assert_eq!(change(1, 6), Malformed::Hardware { kind: 6, len: 6 });
        assert_eq!(change(2, 16), Malformed::Hardware { kind: 1, len: 16 });
        assert_eq!(change(28, 0xdd), Malformed::Address);
        assert_eq!(change(242, 0), Malformed::NoKind);
        assert_eq!(change(242, 9), Malformed::NoKind);
        assert_eq!(short(247).to_string(), "option 60 at offset 243 needs 3 bytes where 2 are left");
    }

    #[test]
    fn kinds_are_numbered_as_the_rfc_does() {
        for number in 1..=8 {
            assert_eq!(Kind::of(number).unwrap().number(), number);
        }
        assert_eq!((Kind::of(0), Kind::of(9)), (None, None));
    }

    #[test]
    fn of_a_part_the_whole_options_count() {
        let bytes = message(b"\x0c\x04name\x3c\x09PXEClient");
        let whole = Packet::parse(&bytes).unwrap();
        let cut = &bytes[..bytes.len() - 3];
        assert!(matches!(Packet::parse(cut), Err(Malformed::Option { code: 60, .. })));
        let part = Packet::parse_part(cut).unwrap();
        assert_eq!((part.kind, part.mac, part.has(12), part.has(60)), (whole.kind, whole.mac, true, false));
        assert!(Packet::parse_part(&bytes[..HEADER]).is_err(), "its kind isn't there");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) { let _ = Packet::parse(&bytes); }

        #[test]
        fn no_options_panic(options: Vec<u8>, overload in 0u8..4) {
            let mut all = vec![52, 1, overload];
            all.extend(&options);
            if let Ok(packet) = Packet::parse(&message(&all)) {
                for code in 0..=255 {
                    let value = packet.option(code);
                    proptest::prop_assert_eq!(value.is_some(), packet.has(code));
                }
            }
        }
    }
}
