//! Which USB ports are meant: one, all behind a hub, or all of a bus.

use std::fmt;
use std::str::FromStr;

use super::PortPath;

/// Some USB ports. As text: `1-1.2` is one port, `1-1.*` is whatever is plugged in behind the hub at 1-1, however deep,
/// and `1-*` is all of bus 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// This one.
    One(PortPath),
    /// All behind the hub at this one.
    Behind(PortPath),
    /// All of this bus.
    Bus(u16),
}

/// A text that means no ports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` names no USB ports, such as 1-1.2 for one, 1-1.* for all behind a hub, or 1-* for all of a bus"
)]
pub struct BadPorts {
    /// What was given.
    pub text: String,
}

impl Ports {
    /// Whether a port is among them.
    #[must_use]
    pub fn have(&self, port: PortPath) -> bool {
        match self {
            Self::One(one) => *one == port,
            Self::Bus(bus) => *bus == port.bus(),
            Self::Behind(hub) => {
                let (hubs, ports): (Vec<u8>, Vec<u8>) = (hub.ports().collect(), port.ports().collect());
                hub.bus() == port.bus() && ports.len() > hubs.len() && ports.starts_with(&hubs)
            }
        }
    }
}

/// Whether a port may be used, where only some may: with none named, all.
#[must_use]
pub fn allows(ports: &[Ports], port: PortPath) -> bool {
    ports.is_empty() || ports.iter().any(|some| some.have(port))
}

impl FromStr for Ports {
    type Err = BadPorts;

    fn from_str(text: &str) -> Result<Self, BadPorts> {
        let found = match (text.strip_suffix(".*"), text.strip_suffix("-*")) {
            (Some(hub), _) => hub.parse().ok().map(Self::Behind),
            // A bus is written as in the path of its first port.
            (_, Some(bus)) => format!("{bus}-1").parse().ok().map(|port: PortPath| Self::Bus(port.bus())),
            _ => text.parse().ok().map(Self::One),
        };
        found.ok_or_else(|| BadPorts { text: text.to_owned() })
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(port) => write!(out, "{port}"),
            Self::Behind(hub) => write!(out, "{hub}.*"),
            Self::Bus(bus) => write!(out, "{bus}-*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_port_a_hub_and_a_bus() {
        let have = |ports: &str, port: &str| {
            let parsed: Ports = ports.parse().unwrap();
            assert_eq!(parsed.to_string(), ports);
            parsed.have(port.parse().unwrap())
        };
        for (ports, port) in
            [("1-1.2", "1-1.2"), ("1-1.*", "1-1.2"), ("1-1.*", "1-1.4.3"), ("1-*", "1-1"), ("2-*", "2-1.4")]
        {
            assert!(have(ports, port), "{ports} {port}");
        }
        for (ports, port) in [
            ("1-1.2", "1-1.20"),
            ("1-1.2", "1-1.2.1"),
            ("1-1.*", "1-1"),
            ("1-1.*", "1-10.1"),
            ("1-1.*", "2-1.1"),
            ("1-*", "11-1"),
        ] {
            assert!(!have(ports, port), "{ports} {port}");
        }
        for bad in ["", "*", "1", "1-", "-*", "0-*", "1-1*", "1-1.**", "1-*.*", "1-1.*.2", " 1-1"] {
            assert!(bad.parse::<Ports>().is_err(), "{bad}");
        }
    }

    #[test]
    fn without_a_list_every_port_may_be_used() {
        let port = "1-1.2".parse().unwrap();
        assert!(allows(&[], port));
        assert!(allows(&["2-*".parse().unwrap(), "1-1.*".parse().unwrap()], port));
        assert!(!allows(&["1-1.3".parse().unwrap()], port));
    }
}
