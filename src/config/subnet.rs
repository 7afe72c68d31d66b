//! `[[netboot.subnet]]`: further networks in which boards get addresses.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::Path;
use std::str::FromStr;

use super::form::{Form, Interface, Ip, Optional, Written};
use super::netboot::Range;
use super::tables::entry;
use super::value::Raw;

entry! {
    /// A further network in which mode dhcp gives addresses. It is behind a relay, and has `network`; or it is on another
    /// interface of this host, and has `interface`.
    Subnet of SUBNET_KEYS {
        /// The network behind a relay. A relay is believed by its own address (giaddr), which has to be in it. It has to reach
        /// this host over an interface that is served: `netboot.interface`, or that of another table, which needs no range.
        network: Option<SubnetAddress> = None, "network" as Optional(SubnetAddressForm);
        /// Another network interface of this host.
        interface: Option<String> = None, "interface" as Optional(Interface);
        /// The addresses that are given out there, both ends included.
        range: Option<(Ipv4Addr, Ipv4Addr)> = None, "range" as Optional(Range);
        /// The router that boards are told there.
        router: Option<Ipv4Addr> = None, "router" as Optional(Ip);
    }
}

impl Subnet {
    fn makes_sense(&self) -> Result<(), String> {
        match (&self.network, &self.interface) {
            (None, None) => Err("it has neither `network` nor `interface`".to_owned()),
            (Some(_), Some(_)) => Err("it has `network`, and `interface` as well".to_owned()),
            _ => Ok(()),
        }
    }
}

/// An IPv4 network, as `10.1.0.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubnetAddress {
    /// Its first address.
    pub address: Ipv4Addr,
    /// How many of its first bits count: 8 to 30.
    pub prefix: u8,
}

impl FromStr for SubnetAddress {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = text.split_once('/').ok_or(())?;
        let address: Ipv4Addr = address.parse().map_err(|_| ())?;
        let prefix: u8 = prefix.parse().map_err(|_| ())?;
        // The address of a host there would be a slip: which network is meant?
        let is_first = (8..=30).contains(&prefix) && u32::from(address) << prefix == 0;
        if is_first { Ok(Self { address, prefix }) } else { Err(()) }
    }
}

impl fmt::Display for SubnetAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.prefix)
    }
}

/// A [`SubnetAddress`].
struct SubnetAddressForm;

impl Form for SubnetAddressForm {
    type Value = SubnetAddress;

    fn wanted(&self) -> String {
        "a network by its first address, such as 10.1.0.0/24".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<SubnetAddress, String> {
        raw.text().and_then(|text| text.parse().ok()).ok_or_else(|| raw.not(&self.wanted()))
    }

    fn write(&self, network: &SubnetAddress) -> Written {
        Written::One(network.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_named_by_its_first_address() {
        assert_eq!("10.1.0.0/24".parse::<SubnetAddress>().unwrap().to_string(), "10.1.0.0/24");
        for bad in ["10.1.0.1/24", "10.1.0.0", "10.1.0.0/31", "10.0.0.0/7", "fd00::/64", ""] {
            assert!(bad.parse::<SubnetAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_subnet_is_behind_a_relay_or_on_an_interface() {
        let network = || "10.1.0.0/24".parse().ok();
        let interface = || Some("eth1".to_owned());
        assert!(Subnet { network: network(), ..Subnet::default() }.makes_sense().is_ok());
        assert!(Subnet { interface: interface(), ..Subnet::default() }.makes_sense().is_ok());
        assert!(Subnet::default().makes_sense().is_err());
        assert!(
            Subnet { network: network(), interface: interface(), ..Subnet::default() }.makes_sense().is_err()
        );
    }
}
