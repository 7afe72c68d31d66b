//! Writes DHCP messages. Options go out in the order in which they are put in.

use std::net::Ipv4Addr;

use super::packet::{BROADCAST, COOKIE, HEADER, Kind, Packet, code};
use crate::board::Mac;

/// Bytes of the smallest message that every client takes (RFC 1542 section 2.1 keeps BOOTP's 300).
pub const LEAST: usize = 300;

/// A message that is being written.
#[derive(Debug, Clone)]
pub struct Builder {
    bytes: Vec<u8>,
    relay: Vec<u8>,
}

impl Builder {
    /// A server's answer. Takes over what RFC 2131 table 3 says: transaction, flags, relay and hardware address; and
    /// option 82 (RFC 3046 section 2.2), which is written at the very end.
    #[must_use]
    pub fn reply(to: &Packet<'_>, kind: Kind) -> Self {
        let mut builder = Self::new(2, to.mac, to.xid, kind);
        builder.bytes[10..12].copy_from_slice(&to.flags.to_be_bytes());
        builder.bytes[24..28].copy_from_slice(&to.giaddr.octets());
        if kind == Kind::Ack {
            builder.bytes[12..16].copy_from_slice(&to.ciaddr.octets());
        }
        builder.relay = to.option(code::RELAY_AGENT).map(|value| value.into_owned()).unwrap_or_default();
        builder
    }

    /// A client's message; `broadcast` asks for answers by broadcast.
    #[must_use]
    pub fn question(mac: Mac, xid: u32, kind: Kind, broadcast: bool) -> Self {
        let mut builder = Self::new(1, mac, xid, kind);
        if broadcast {
            builder.bytes[10..12].copy_from_slice(&BROADCAST.to_be_bytes());
        }
        builder
    }

    fn new(op: u8, mac: Mac, xid: u32, kind: Kind) -> Self {
        let mut bytes = Vec::with_capacity(576);
        bytes.extend([op, 1, 6, 0]);
        bytes.extend(xid.to_be_bytes());
        bytes.resize(28, 0);
        bytes.extend(mac.bytes());
        bytes.resize(HEADER - COOKIE.len(), 0);
        bytes.extend(COOKIE);
        Self { bytes, relay: Vec::new() }.option(code::MESSAGE_TYPE, &[kind.number()])
    }

    fn at(mut self, at: usize, address: Ipv4Addr) -> Self {
        self.bytes[at..at + 4].copy_from_slice(&address.octets());
        self
    }

    /// The address that the client has.
    #[must_use]
    pub fn ciaddr(self, address: Ipv4Addr) -> Self {
        self.at(12, address)
    }

    /// The address that the client gets.
    #[must_use]
    pub fn yiaddr(self, address: Ipv4Addr) -> Self {
        self.at(16, address)
    }

    /// Where the boot files are.
    #[must_use]
    pub fn siaddr(self, address: Ipv4Addr) -> Self {
        self.at(20, address)
    }

    /// The relay.
    #[must_use]
    pub fn giaddr(self, address: Ipv4Addr) -> Self {
        self.at(24, address)
    }

    /// Seconds since the client began.
    #[must_use]
    pub fn secs(mut self, secs: u16) -> Self {
        self.bytes[8..10].copy_from_slice(&secs.to_be_bytes());
        self
    }

    /// Asks for an answer by broadcast, whatever the client wanted: a refusal has no other way (RFC 2131 section 4.1).
    #[must_use]
    pub fn broadcast(mut self) -> Self {
        self.bytes[10] |= 0x80;
        self
    }

    /// The boot file: at most 127 bytes of it, which is what the field holds.
    #[must_use]
    pub fn file(mut self, name: &[u8]) -> Self {
        let name = &name[..name.len().min(127)];
        self.bytes[108..108 + name.len()].copy_from_slice(name);
        self
    }

    /// Puts an option in. A value of more than 255 bytes becomes several of the same number (RFC 3396 section 4).
    #[must_use]
    pub fn option(mut self, code: u8, value: &[u8]) -> Self {
        self.put(code, value);
        self
    }

    fn put(&mut self, code: u8, value: &[u8]) {
        if value.is_empty() {
            self.bytes.extend([code, 0]);
        }
        for part in value.chunks(255) {
            // A chunk has 255 bytes at most.
            self.bytes.extend([code, part.len() as u8]);
            self.bytes.extend(part);
        }
    }

    /// Puts an address in.
    #[must_use]
    pub fn address(self, code: u8, address: Ipv4Addr) -> Self {
        self.option(code, &address.octets())
    }

    /// Puts a time in seconds in.
    #[must_use]
    pub fn seconds(self, code: u8, seconds: u32) -> Self {
        self.option(code, &seconds.to_be_bytes())
    }

    /// The message: its END, and zeros up to [`LEAST`] bytes. Pi 4 bootloaders of before 2020 stumble over PAD options,
    /// so all padding stands behind the END.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        if !self.relay.is_empty() {
            let relay = std::mem::take(&mut self.relay);
            self.put(code::RELAY_AGENT, &relay);
        }
        self.bytes.push(code::END);
        if self.bytes.len() < LEAST {
            self.bytes.resize(LEAST, 0);
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3]);

    #[test]
    fn an_answer_takes_over_what_the_rfc_says() {
        let question = Builder::question(MAC, 7, Kind::Discover, true)
            .giaddr(Ipv4Addr::new(10, 0, 0, 254))
            .secs(9)
            .option(code::RELAY_AGENT, &[1, 2, 3, 4])
            .finish();
        let question = Packet::parse(&question).unwrap();
        assert_eq!((question.secs, question.is_reply), (9, false));
        let bytes = Builder::reply(&question, Kind::Offer)
            .yiaddr(Ipv4Addr::new(10, 0, 0, 9))
            .seconds(code::LEASE_TIME, 3600)
            .finish();
        assert_eq!(bytes.len(), LEAST);
        // Option 82 is the last one; what follows the END are zeros.
        assert_eq!(bytes[HEADER..][..16], [53, 1, 2, 51, 4, 0, 0, 14, 16, 82, 4, 1, 2, 3, 4, 255]);
        assert!(bytes[HEADER + 16..].iter().all(|byte| *byte == 0));
        let answer = Packet::parse(&bytes).unwrap();
        assert_eq!((answer.xid, answer.flags, answer.mac, answer.hops), (7, BROADCAST, MAC, 0));
        assert_eq!((answer.giaddr, answer.yiaddr), (question.giaddr, Ipv4Addr::new(10, 0, 0, 9)));
        assert!(answer.is_reply);
    }

    #[test]
    fn long_options_are_split() {
        let long: Vec<u8> = (0..600).map(|n| (n % 251) as u8).collect();
        let bytes = Builder::question(MAC, 7, Kind::Inform, false).option(43, &long).option(60, &[]).finish();
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.option(43).as_deref(), Some(&long[..]));
        assert_eq!(packet.option(60).as_deref(), Some(&[][..]));
        assert_eq!(packet.codes().collect::<Vec<_>>(), [53, 43, 43, 43, 60]);
    }

    #[test]
    fn a_boot_file_fits_its_field() {
        let bytes = Builder::question(MAC, 7, Kind::Inform, false).file(&[b'x'; 200]).finish();
        assert_eq!(Packet::parse(&bytes).unwrap().file, [b'x'; 127]);
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_again(options in proptest::collection::vec((1u8..=254, proptest::collection::vec(0u8.., 0..300)), 0..12)) {
            let mut builder = Builder::question(MAC, 7, Kind::Request, false);
            let options: Vec<_> = options.into_iter().filter(|(code, _)| ![52, 53].contains(code)).collect();
            for (code, value) in &options {
                builder = builder.option(*code, value);
            }
            let bytes = builder.finish();
            let packet = Packet::parse(&bytes).unwrap();
            for (code, _) in &options {
                let all: Vec<u8> = options.iter().filter(|(c, _)| c == code).flat_map(|(_, v)| v.clone()).collect();
                let read = packet.option(*code).map(|value| value.into_owned());
                proptest::prop_assert_eq!(read, Some(all));
            }
        }
    }
}
