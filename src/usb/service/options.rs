//! Which boards are served, and until when.

use std::time::Duration;

use crate::board::{PortPath, Serial};
use crate::usb::transport::Device;

/// Which boards are served, and until when.
#[derive(Debug, Clone)]
pub struct Service {
    /// Which boards.
    pub filter: Filter,
    /// Go on with boards that come later, and with those that come again, until stopped.
    pub forever: bool,
    /// End when so many boards have ended.
    pub boards: Option<usize>,
    /// End after this time, whatever is going on.
    pub timeout: Option<Duration>,
    /// How often the bus is looked at beside what hotplug tells.
    pub poll: Duration,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            filter: Filter::default(),
            forever: false,
            boards: None,
            timeout: None,
            poll: Duration::from_millis(500),
        }
    }
}

/// Which boards are meant. Empty means all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The board at this port path.
    pub port: Option<PortPath>,
    /// Boards at this port of whatever hub.
    pub last_port: Option<u8>,
    /// The board with this serial number, in 8 or 16 digits ([`Serial::is_of_same_board`]).
    pub serial: Option<Serial>,
}

impl Filter {
    /// Whether a device is meant.
    #[must_use]
    pub fn matches(&self, device: &Device) -> bool {
        self.port.is_none_or(|port| port == device.port)
            && self.last_port.is_none_or(|last| last == device.port.last())
            && self.serial.as_ref().is_none_or(|wanted| {
                let told = device.serial.as_deref().and_then(|told| told.parse::<Serial>().ok());
                told.is_some_and(|told| wanted.is_of_same_board(&told))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_by_path_port_and_serial() {
        let device = Device {
            port: "1-1.2".parse().unwrap(),
            address: 1,
            vendor: 0x0a5c,
            product: 0x2711,
            serial_index: 3,
            serial: Some("af04b2da".into()),
        };
        let path = |port: &str| Filter { port: Some(port.parse().unwrap()), ..Filter::default() };
        let last = |last| Filter { last_port: Some(last), ..Filter::default() };
        let serial = |serial: &str| Filter { serial: Some(serial.parse().unwrap()), ..Filter::default() };
        let serials = [serial("af04b2da"), serial("AF04B2DA"), serial("10000000af04b2da")];
        for filter in [Filter::default(), path("1-1.2"), last(2)].into_iter().chain(serials) {
            assert!(filter.matches(&device), "{filter:?}");
        }
        for filter in [path("1-1"), path("2-1.2"), last(1), serial("af04b2d"), serial("af04b2d0")] {
            assert!(!filter.matches(&device), "{filter:?}");
        }
    }
}
