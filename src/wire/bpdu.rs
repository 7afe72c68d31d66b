//! Spanning tree: what a switch says about its port, and how long it holds a board back.
//!
//! IEEE 802.1D-2004 clause 9 (STP and RSTP), 802.1Q (MSTP begins in the same way). A port that comes up listens for
//! the forward delay, learns for the forward delay, and only then forwards: 30 s as switches are delivered, unless
//! it is an edge port (Cisco: portfast). A Pi 3's ROM gives up after 25 s.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::format::hex;

/// Which protocol a switch speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// The old one, which knows no edge ports of its own.
    Stp,
    /// Rapid spanning tree.
    Rstp,
    /// Multiple spanning trees.
    Mstp,
}

/// What the port that sent it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It passes nothing on yet.
    Discarding,
    /// It learns addresses and passes nothing on yet.
    Learning,
    /// It passes everything on.
    Forwarding,
    /// The old protocol doesn't say it.
    Unsaid,
}

/// One BPDU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bpdu {
    /// The protocol.
    pub version: Version,
    /// The state of the port that sent it.
    pub state: State,
    /// The root of the tree: priority and MAC address, as 16 hexadecimal digits.
    pub root: String,
    /// The switch that sent it, likewise.
    pub bridge: String,
    /// The port of that switch.
    pub port: u16,
    /// How long a port listens, and then learns, before it forwards.
    #[serde(serialize_with = "seconds")]
    pub forward_delay: Duration,
    /// How often the switch says this.
    #[serde(serialize_with = "seconds")]
    pub hello: Duration,
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

impl Bpdu {
    /// Reads what is behind the LLC header. `None` for what is no configuration: topology changes tell nothing here.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let fixed: &[u8; 35] = bytes.first_chunk()?;
        let [0, 0, version, kind, flags, ..] = *fixed else { return None };
        let version = match (version, kind) {
            (0 | 1, 0) => Version::Stp,
            (2, 2) => Version::Rstp,
            (3.., 2) => Version::Mstp,
            _ => return None,
        };
        let state = match (version, flags >> 4 & 3) {
            (Version::Stp, _) => State::Unsaid,
            (_, 0) => State::Discarding,
            (_, 1) => State::Learning,
            _ => State::Forwarding,
        };
        let pair = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        // In 256ths of a second.
        let time = |at: usize| Duration::from_micros(u64::from(pair(at)) * 1_000_000 / 256);
        Some(Self {
            version,
            state,
            root: hex(&fixed[5..13]),
            bridge: hex(&fixed[17..25]),
            port: pair(25),
            hello: time(31),
            forward_delay: time(33),
        })
    }

    /// How long a port is held back that comes up and isn't an edge port.
    #[must_use]
    pub fn held_back(&self) -> Duration {
        self.forward_delay * 2
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        format!(
            "a port that comes up is held back for {} s, unless it is an edge port; a Pi 3's ROM gives up after 25 s, \
             a Pi 4 or 5 after 45 s. Make the boards' ports edge ports (portfast).",
            self.held_back().as_secs()
        )
    }
}

impl fmt::Display for Bpdu {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.version {
            Version::Stp => "spanning tree (STP)",
            Version::Rstp => "rapid spanning tree (RSTP)",
            Version::Mstp => "multiple spanning tree (MSTP)",
        };
        let state = match self.state {
            State::Discarding => ", this host's port is held back right now",
            State::Learning => ", this host's port is still learning",
            State::Forwarding => ", this host's port forwards",
            State::Unsaid => "",
        };
        write!(out, "the switch runs {protocol}, forward delay {} s{state}", self.forward_delay.as_secs_f64())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A configuration BPDU of the old protocol, as Linux' bridge sends it.
    pub(crate) const STP: [u8; 35] = [
        0, 0, 0, 0, 0, 0x80, 0, 0x52, 0x54, 0, 1, 2, 3, 0, 0, 0, 0, 0x80, 0, 0x52, 0x54, 0, 1, 2, 3, 0x80, 1,
        0, 0, 0x14, 0, 2, 0, 0x0f, 0,
    ];

    #[test]
    fn the_old_protocol() {
        let bpdu = Bpdu::parse(&STP).unwrap();
        assert_eq!((bpdu.version, bpdu.state, bpdu.port), (Version::Stp, State::Unsaid, 0x8001));
        assert_eq!((bpdu.root.as_str(), bpdu.hello.as_secs()), ("8000525400010203", 2));
        assert_eq!(bpdu.held_back(), Duration::from_secs(30));
        assert_eq!(bpdu.to_string(), "the switch runs spanning tree (STP), forward delay 15 s");
        // A topology change is four bytes.
        assert_eq!(Bpdu::parse(&[0, 0, 0, 0x80]), None);
    }

    #[test]
    fn the_rapid_protocols_tell_the_state() {
        for (flags, state) in [
            (0x0e, State::Discarding),
            (0x1c, State::Learning),
            (0x3c, State::Forwarding),
            (0x7c, State::Forwarding),
        ] {
            let mut bytes = [&STP[..], &[0]].concat();
            (bytes[2], bytes[3], bytes[4]) = (2, 2, flags);
            let bpdu = Bpdu::parse(&bytes).unwrap();
            assert_eq!((bpdu.version, bpdu.state), (Version::Rstp, state));
            bytes[2] = 3;
            assert_eq!(Bpdu::parse(&bytes).unwrap().version, Version::Mstp);
        }
    }

    #[test]
    fn what_is_short_or_strange_is_none() {
        for len in 0..35 {
            assert_eq!(Bpdu::parse(&STP[..len]), None);
        }
        for (at, value) in [(1, 1), (2, 2), (3, 2), (3, 0x80)] {
            let mut bytes = STP;
            bytes[at] = value;
            assert_eq!(Bpdu::parse(&bytes), None, "byte {at}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            if let Some(bpdu) = Bpdu::parse(&bytes) { let _ = (bpdu.to_string(), bpdu.hint(), bpdu.held_back()); }
        }
    }
}
