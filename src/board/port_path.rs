//! Where a USB device is plugged in: the bus and the ports on the way to it, as the kernel names it in
//! `/sys/bus/usb/devices` and as rpiboot's overlays are called: `1-1.2`.

use std::fmt;
use std::str::FromStr;

/// USB allows seven tiers below the root (USB 2.0, section 4.1.1); the last is the device itself, and the kernel's
/// names have at most six ports. One more costs nothing.
const MAX_PORTS: usize = 7;

/// A USB port path. It outlives the device: a board keeps it while its product id and its address change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortPath {
    bus: u16,
    // Unused places are 0, which no port is, so that the derived order is the natural one.
    ports: [u8; MAX_PORTS],
}

/// Why a text is no port path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no USB port path, such as 1-1.2: {why}")]
pub struct BadPortPath {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl PortPath {
    /// The path over `ports`, from the root hub on. `None` for a root hub itself, for a port 0, and where there are
    /// more ports than USB allows.
    #[must_use]
    pub fn new(bus: u16, ports: &[u8]) -> Option<Self> {
        if bus == 0 || ports.is_empty() || ports.len() > MAX_PORTS || ports.contains(&0) {
            return None;
        }
        let mut all = [0; MAX_PORTS];
        all[..ports.len()].copy_from_slice(ports);
        Some(Self { bus, ports: all })
    }

    /// The number of the bus, from 1.
    #[must_use]
    pub const fn bus(self) -> u16 {
        self.bus
    }

    /// The ports, from the root hub on.
    pub fn ports(&self) -> impl Iterator<Item = u8> {
        self.ports.into_iter().take_while(|port| *port != 0)
    }

    /// The port of the last hub, which is what `rpiboot -1` means.
    #[must_use]
    pub fn last(self) -> u8 {
        self.ports().last().unwrap_or(0)
    }
}

impl FromStr for PortPath {
    type Err = BadPortPath;

    fn from_str(text: &str) -> Result<Self, BadPortPath> {
        let bad = |why| BadPortPath { text: text.to_owned(), why };
        let number = |part: &str| {
            // `parse` alone would take a sign, and 01 would be another name for the same port.
            let plain = part.bytes().all(|byte| byte.is_ascii_digit()) && !part.starts_with('0');
            part.parse::<u16>().ok().filter(|_| plain)
        };
        let (bus, ports) = text.split_once('-').ok_or_else(|| bad("a bus, a dash, and ports are needed"))?;
        let bus = number(bus).ok_or_else(|| bad("the bus is a number from 1"))?;
        let ports: Option<Vec<u8>> =
            ports.split('.').map(|port| number(port).and_then(|port| u8::try_from(port).ok())).collect();
        let ports = ports.ok_or_else(|| bad("ports are numbers from 1 to 255 with dots between them"))?;
        Self::new(bus, &ports).ok_or_else(|| bad("there are more ports than USB has tiers"))
    }
}

impl fmt::Display for PortPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports: Vec<String> = self.ports().map(|port| port.to_string()).collect();
        out.pad(&format!("{}-{}", self.bus, ports.join(".")))
    }
}

impl fmt::Debug for PortPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PortPath({self})")
    }
}

impl<'de> serde::Deserialize<'de> for PortPath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for PortPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_calls_devices() {
        for text in ["1-1", "1-1.2", "2-1.3", "16-15", "1-10.11.12.13.14"] {
            assert_eq!(text.parse::<PortPath>().unwrap().to_string(), text);
        }
        let path = PortPath::new(1, &[1, 12]).unwrap();
        assert_eq!((path.bus(), path.last(), path.to_string().as_str()), (1, 12, "1-1.12"));
    }

    #[test]
    fn refuses_what_is_no_device() {
        for text in [
            "",
            "usb1",
            "1",
            "1-",
            "-1",
            "1-0",
            "0-1",
            "1-1.",
            "1-.1",
            "1-1:1.0",
            "1-256",
            "1-+1",
            "1-01",
            "../1-1",
            "1-1.2.3.4.5.6.7.8",
            "1-1/..",
            "65536-1",
            "1-1 ",
        ] {
            assert!(text.parse::<PortPath>().is_err(), "{text}");
        }
        assert_eq!(PortPath::new(1, &[]), None);
    }

    #[test]
    fn the_order_is_that_of_the_hubs() {
        let mut paths =
            ["2-1", "1-1.10", "1-1.2", "1-1", "1-1.2.1"].map(|text| text.parse::<PortPath>().unwrap());
        paths.sort();
        assert_eq!(paths.map(|path| path.to_string()), ["1-1", "1-1.2", "1-1.2.1", "1-1.10", "2-1"]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".*") { let _ = text.parse::<PortPath>(); }

        #[test]
        fn what_is_printed_is_read_again(bus in 1u16.., ports in proptest::collection::vec(1u8.., 1..8)) {
            let path = PortPath::new(bus, &ports).unwrap();
            proptest::prop_assert_eq!(path.to_string().parse(), Ok(path));
        }
    }
}
