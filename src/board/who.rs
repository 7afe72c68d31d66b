//! All that is known of one board, in one value.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Chip, Mac, Model, PortPath, Serial};

/// What is known of a board. A board shows itself under other names on each way: by its MAC address to TFTP and DHCP,
/// by the port that it is plugged into and by its serial number over USB. What isn't known is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// What people call it: its target, its netboot client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its Ethernet address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// Its serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Serial>,
    /// The USB port that it is plugged into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<PortPath>,
    /// The family of its boot ROM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chip: Option<Chip>,
    /// Its model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// Its address on the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
}

impl Who {
    /// A board that is plugged in at a port.
    #[must_use]
    pub fn at(port: PortPath) -> Self {
        Self { port: Some(port), ..Self::default() }
    }

    /// A board with an Ethernet address.
    #[must_use]
    pub fn with_mac(mac: Mac) -> Self {
        Self { mac: Some(mac), ..Self::default() }
    }

    /// A board that the user has named, before anything else is known.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// Takes what is newly known; what isn't said stays as it was.
    pub fn learn(&mut self, more: &Self) {
        fn take<T: Clone>(known: &mut Option<T>, more: &Option<T>) {
            if more.is_some() {
                known.clone_from(more);
            }
        }
        take(&mut self.name, &more.name);
        take(&mut self.mac, &more.mac);
        take(&mut self.port, &more.port);
        take(&mut self.chip, &more.chip);
        take(&mut self.model, &more.model);
        take(&mut self.address, &more.address);
        // The longer one tells more: ROMs know the last half of it.
        let longer =
            |old: &Serial, new: &Serial| new.is_of_same_board(old) && new.as_str().len() < old.as_str().len();
        match (&self.serial, &more.serial) {
            (Some(old), Some(new)) if longer(old, new) => {}
            (_, new) => take(&mut self.serial, new),
        }
    }

    /// Whether both may be the same board: nothing that is known of both differs, and at least one thing that no two
    /// boards share is known of both.
    #[must_use]
    pub fn may_be(&self, other: &Self) -> bool {
        let same = |one: Option<bool>, all: &mut bool, any: &mut bool| {
            if let Some(same) = one {
                *all &= same;
                *any |= same;
            }
        };
        let (mut all, mut any) = (true, false);
        same(self.mac.zip(other.mac).map(|(a, b)| a == b), &mut all, &mut any);
        let serials = self.serial.as_ref().zip(other.serial.as_ref());
        same(serials.map(|(a, b)| a.is_of_same_board(b)), &mut all, &mut any);
        same(self.port.zip(other.port).map(|(a, b)| a == b), &mut all, &mut any);
        let mut ignored = false;
        same(self.chip.zip(other.chip).map(|(a, b)| a == b), &mut all, &mut ignored);
        same(self.model.zip(other.model).map(|(a, b)| a == b), &mut all, &mut ignored);
        all && any
    }

    /// The shortest name that tells it from others: its name, or its port, or its MAC address, or its serial number.
    #[must_use]
    pub fn label(&self) -> String {
        self.name
            .clone()
            .or_else(|| self.port.map(|port| port.to_string()))
            .or_else(|| self.mac.map(|mac| mac.to_string()))
            .or_else(|| self.serial.as_ref().map(ToString::to_string))
            .or_else(|| self.address.map(|address| address.to_string()))
            .unwrap_or_else(|| "unknown board".to_owned())
    }
}

impl fmt::Display for Who {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(text: &str) -> Who {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_is_known_grows() {
        let mut known = Who::at("1-1.2".parse().unwrap());
        assert_eq!(known.label(), "1-1.2");
        known.learn(&who(r#"{"serial":"10000000af04b2da","chip":"bcm2711","model":"CM4"}"#));
        known.learn(&who(r#"{"serial":"af04b2da","mac":"dc:a6:32:01:02:03"}"#));
        known.learn(&Who::named("lab-01"));
        assert_eq!(
            serde_json::to_string(&known).unwrap(),
            r#"{"name":"lab-01","mac":"dc:a6:32:01:02:03","serial":"10000000af04b2da","port":"1-1.2","chip":"bcm2711","model":"CM4"}"#
        );
        assert_eq!(known.to_string(), "lab-01");
        assert_eq!(Who::default().label(), "unknown board");
    }

    #[test]
    fn the_same_board_is_known_by_what_no_two_share() {
        let one = who(r#"{"mac":"dc:a6:32:01:02:03","serial":"10000000af04b2da","model":"CM4"}"#);
        for (other, same) in [
            (r#"{"serial":"AF04B2DA"}"#, true),
            (r#"{"mac":"dc:a6:32:01:02:03"}"#, true),
            (r#"{"mac":"dc:a6:32:01:02:03","serial":"af04b2db"}"#, false),
            (r#"{"mac":"dc:a6:32:01:02:03","model":"Pi 5"}"#, false),
            (r#"{"model":"CM4"}"#, false),
            ("{}", false),
        ] {
            assert_eq!(one.may_be(&who(other)), same, "{other}");
        }
    }
}
