//! What a DHCP server's answer means to a Raspberry Pi.
//!
//! A Pi believes an answer only where option 43 holds its own words, as an entry of a PXE menu (PXE 2.1, tag 9) or
//! bare; then it fetches by TFTP from the server in siaddr or option 66, or, where a proxy answers, from the one in
//! option 54. Source: raspberrypi/documentation (network booting), rpi-eeprom issues 72 and 687.

use std::net::Ipv4Addr;

use serde::Serialize;

use crate::dhcp::packet::{Kind, Packet, code};

/// The words, without the three spaces that a Pi 3's ROM wants behind them.
const WORDS: &[u8] = b"Raspberry Pi Boot";
/// With them.
const ROM_WORDS: &[u8] = b"Raspberry Pi Boot   ";

/// What a server's OFFER or ACK tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The server (option 54), where it says so.
    pub server: Option<Ipv4Addr>,
    /// The address that it gives; `None` from a proxy.
    pub address: Option<Ipv4Addr>,
    /// Where boot files are (siaddr).
    pub siaddr: Option<Ipv4Addr>,
    /// Where boot files are (option 66).
    pub option66: Option<String>,
    /// What it means to a Pi.
    pub verdict: Verdict,
    /// What may keep some Pis from their files with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Doubt>,
}

/// What is odd about where an answer says that boot files are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "doubt", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Doubt {
    /// siaddr and option 66 name two hosts.
    Differ {
        /// The one.
        siaddr: Ipv4Addr,
        /// The other.
        option66: Ipv4Addr,
    },
    /// Option 66 is a name.
    Name {
        /// The name.
        option66: String,
    },
    /// Option 66 is an address, and siaddr says nothing.
    Alone {
        /// The address.
        option66: Ipv4Addr,
    },
}

impl Doubt {
    /// The rest of a sentence that begins with the server.
    #[must_use]
    pub fn phrase(&self) -> String {
        match self {
            Self::Differ { siaddr, option66 } => format!(
                "names two hosts for the files, {siaddr} (siaddr) and {option66} (option 66): which of them a board \
                 asks is its bootloader's choice"
            ),
            Self::Name { option66 } => format!(
                "names the host with the files as `{option66}` (option 66), which is no address: a Pi's ROM resolves no names"
            ),
            Self::Alone { option66 } => format!(
                "names the host with the files, {option66}, in option 66 only: bootcode.bin of 2017 doesn't look there, \
                 and a Pi 4's bootloader of 2019 reads short addresses wrong"
            ),
        }
    }

    /// What helps.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Differ { .. } => "let siaddr (next-server) and option 66 name the same host.",
            Self::Name { .. } => "write the host's address there, and into siaddr (next-server).",
            Self::Alone { .. } => "let siaddr (next-server) name the host too.",
        }
    }
}

/// Whether a Pi boots with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It says nothing of network boot: a Pi gets its address there, and where to boot from it must hear from another.
    AddressOnly,
    /// It names a boot server, but not with the words that a Pi looks for.
    NotForPis,
    /// A Pi boots with it, but not the ROM of a 3B: it wants three spaces behind the words.
    NotForRoms,
    /// Every Pi boots with it.
    Boots,
}

impl Verdict {
    /// Whether Pis boot with it, at least most.
    #[must_use]
    pub const fn boots(self) -> bool {
        matches!(self, Self::Boots | Self::NotForRoms)
    }

    /// As it stands in a sentence about the server.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::AddressOnly => "gives addresses and says nothing of network boot",
            Self::NotForPis => {
                "tells others where to boot from, but no Raspberry Pi: option 43 lacks its words"
            }
            Self::NotForRoms => {
                "boots Raspberry Pis, but not the ROM of a 3B, which wants three spaces in option 43"
            }
            Self::Boots => "boots Raspberry Pis",
        }
    }
}

impl Answer {
    /// Reads an answer; `None` for what is no OFFER or ACK.
    #[must_use]
    pub fn of(packet: &Packet<'_>) -> Option<Self> {
        if !packet.is_reply || !matches!(packet.kind, Kind::Offer | Kind::Ack) {
            return None;
        }
        let given = |address: Ipv4Addr| (!address.is_unspecified()).then_some(address);
        let vendor = packet.option(code::VENDOR);
        let option66 = packet.option(code::TFTP_SERVER);
        let has = |words: &[u8]| {
            vendor.as_ref().is_some_and(|vendor| vendor.windows(words.len()).any(|at| at == words))
        };
        let siaddr = given(packet.siaddr);
        let verdict = if has(ROM_WORDS) {
            Verdict::Boots
        } else if has(WORDS) {
            Verdict::NotForRoms
        } else if vendor.is_some() || option66.is_some() || !packet.file.is_empty() {
            // siaddr alone says nothing: many a router names itself there.
            Verdict::NotForPis
        } else {
            Verdict::AddressOnly
        };
        let option66 = option66.map(|text| {
            let end = text.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
            crate::format::printable(text[..end].trim_ascii_end())
        });
        let option66 = option66.filter(|text| !text.is_empty());
        // Also of a server that has no words for Pis: a board that is told to boot by another one may take these names.
        let doubts = doubts(siaddr, option66.as_deref());
        Some(Self {
            server: packet.address(code::SERVER_ID),
            address: given(packet.yiaddr),
            siaddr,
            option66,
            verdict,
            doubts,
        })
    }

    /// Where a Pi asks for files after this answer, given its sender.
    #[must_use]
    pub fn tftp(&self, sender: Ipv4Addr) -> Ipv4Addr {
        let named = self.option66.as_ref().and_then(|text| text.parse().ok());
        self.siaddr.or(named).or(self.server).unwrap_or(sender)
    }
}

/// What is odd about an answer's two names of the host with the files. Sources: raspberrypi/firmware issues 801 and 871
/// (option 66 ignored), rpi-eeprom issue 72 (short addresses).
fn doubts(siaddr: Option<Ipv4Addr>, option66: Option<&str>) -> Vec<Doubt> {
    let Some(text) = option66 else { return Vec::new() };
    let doubt = match (text.parse::<Ipv4Addr>(), siaddr) {
        (Err(_), _) => Doubt::Name { option66: text.to_owned() },
        (Ok(option66), Some(siaddr)) if option66 != siaddr => Doubt::Differ { siaddr, option66 },
        (Ok(_), Some(_)) => return Vec::new(),
        (Ok(option66), None) => Doubt::Alone { option66 },
    };
    vec![doubt]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Mac;
    use crate::dhcp::build::Builder;

    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);

    fn answer(build: impl FnOnce(Builder) -> Builder) -> Answer {
        let question =
            Builder::question(Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3]), 1, Kind::Discover, false).finish();
        let question = Packet::parse(&question).unwrap();
        let reply = build(Builder::reply(&question, Kind::Offer).address(54, SERVER)).finish();
        Answer::of(&Packet::parse(&reply).unwrap()).unwrap()
    }

    #[test]
    fn each_server_is_understood() {
        let home = answer(|reply| reply.yiaddr(Ipv4Addr::new(10, 99, 0, 100)));
        assert_eq!((home.verdict, home.address), (Verdict::AddressOnly, Some(Ipv4Addr::new(10, 99, 0, 100))));
        // The bytes of dnsmasq 2.90's proxy.
        let menu = b"\x06\x01\x03\x0a\x04\x00PXE\x09\x14\x00\x00\x11Raspberry Pi Boot\xff";
        let dnsmasq = answer(|reply| reply.option(43, menu).option(60, b"PXEClient"));
        assert_eq!((dnsmasq.verdict, dnsmasq.address), (Verdict::NotForRoms, None));
        assert_eq!(dnsmasq.tftp(Ipv4Addr::UNSPECIFIED), SERVER);
        let bare = answer(|reply| reply.option(43, b"Raspberry Pi Boot   ").option(66, b"10.99.0.7"));
        assert_eq!((bare.verdict, bare.tftp(SERVER)), (Verdict::Boots, Ipv4Addr::new(10, 99, 0, 7)));
        let pc = answer(|reply| reply.siaddr(Ipv4Addr::new(10, 99, 0, 8)).file(b"pxelinux.0"));
        assert_eq!((pc.verdict, pc.tftp(SERVER)), (Verdict::NotForPis, Ipv4Addr::new(10, 99, 0, 8)));
        assert!(!pc.verdict.boots() && bare.verdict.boots());
    }

    #[test]
    fn two_names_of_the_host_with_the_files_are_compared() {
        let other = Ipv4Addr::new(10, 99, 0, 7);
        let of = |siaddr: Option<Ipv4Addr>, text: &[u8]| {
            answer(|reply| {
                let reply = reply.option(43, b"Raspberry Pi Boot   ").option(66, text);
                siaddr.map_or_else(|| reply.clone(), |siaddr| reply.clone().siaddr(siaddr))
            })
            .doubts
        };
        assert_eq!(of(Some(SERVER), b"10.99.0.2"), []);
        assert_eq!(of(Some(SERVER), b"10.99.0.2\0"), []);
        assert_eq!(of(Some(SERVER), b"\0"), []);
        assert_eq!(of(Some(SERVER), b"10.99.0.7"), [Doubt::Differ { siaddr: SERVER, option66: other }]);
        assert_eq!(of(None, b"10.99.0.7"), [Doubt::Alone { option66: other }]);
        for (siaddr, text) in
            [(None, "files.lan"), (Some(SERVER), "files.lan"), (None, "10.99.7"), (None, "010.99.0.7")]
        {
            assert_eq!(of(siaddr, text.as_bytes()), [Doubt::Name { option66: text.to_owned() }]);
        }
        // Also of one that is there for PCs: a board that another server tells to boot may take the names from here.
        let pc = answer(|reply| reply.siaddr(SERVER).option(66, b"files.lan"));
        assert_eq!((pc.verdict, pc.doubts.len()), (Verdict::NotForPis, 1));
        for doubt in [of(Some(SERVER), b"10.99.0.7"), of(None, b"x"), of(None, b"10.99.0.7")].concat() {
            assert!(!doubt.phrase().is_empty() && doubt.hint().ends_with('.'));
        }
    }
}
