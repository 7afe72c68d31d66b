//! Why there is no DHCP server.

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use crate::board::Mac;
use crate::error::{Action, Explain, Kind, Knob, Remedy, remedy};
use crate::tftp::holder::Holder;

/// Why a DHCP server can't be started or can't go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The interface can't be used.
    #[error(transparent)]
    Interface(#[from] crate::wire::Error),
    /// The interface has no IPv4 address.
    #[error("the interface {interface} has no IPv4 address")]
    NoAddress {
        /// The interface.
        interface: String,
    },
    /// The interface has other addresses than the one that was asked for.
    #[error("{address} is no address of {interface}, which has {has}")]
    NotItsAddress {
        /// The interface.
        interface: String,
        /// What was asked for.
        address: Ipv4Addr,
        /// What it has.
        has: String,
    },
    /// An address belongs to another network.
    #[error("{what}, {address} is not in {network}{}", interface.as_ref().map_or(String::new(), |interface| format!(", the network of {interface}")))]
    Outside {
        /// What the address is.
        what: &'static str,
        /// The address.
        address: Ipv4Addr,
        /// The interface that has the network; `None` where it is behind a relay, or one of several.
        interface: Option<String>,
        /// The network.
        network: String,
    },
    /// An address is in the network, and no host's.
    #[error("{what}, {address} is no address for a host: it is {} of {network}", if *is_broadcast { "the broadcast address" } else { "the first address, that of the network itself," })]
    NoHost {
        /// What the address is.
        what: &'static str,
        /// The address.
        address: Ipv4Addr,
        /// The network.
        network: String,
        /// It is the network's last address; its first one otherwise.
        is_broadcast: bool,
    },
    /// An interface is to be served twice.
    #[error("the interface {interface} is served already, and a [[netboot.subnet]] names it again")]
    SameInterface {
        /// The interface.
        interface: String,
    },
    /// Two networks have addresses in common.
    #[error("the networks {network} and {other} overlap")]
    Overlap {
        /// The one behind a relay.
        network: String,
        /// Another one.
        other: String,
    },
    /// The range is empty, upside down or too large.
    #[error("{first}-{last} is no range of 1 to 65536 addresses")]
    Range {
        /// Its first address.
        first: Ipv4Addr,
        /// Its last address.
        last: Ipv4Addr,
    },
    /// There is nothing to give out.
    #[error("there is no range of addresses to give out")]
    NoRange {
        /// The network of the interface.
        network: String,
    },
    /// An address is used twice.
    #[error("the fixed address {address} of {mac} is {}", other.map_or("this host's own".to_owned(), |mac| format!("also that of {mac}")))]
    Twice {
        /// The address.
        address: Ipv4Addr,
        /// The board that is to get it.
        mac: Mac,
        /// The other board with this address; `None` where it is this host's own.
        other: Option<Mac>,
    },
    /// Another program has the port.
    #[error("UDP port {port} is in use{}", holder.as_ref().map_or(String::new(), |holder| format!(" by {holder}")))]
    InUse {
        /// The port: 67 or 4011.
        port: u16,
        /// The program that has it, as far as it can be seen.
        holder: Option<Holder>,
    },
    /// The port is privileged.
    #[error("UDP port {port} needs a privilege that this user doesn't have")]
    Privileged {
        /// The port.
        port: u16,
    },
    /// Raw sockets are for root.
    #[error("looking for other DHCP servers on {interface} needs a raw socket, which this user may not open")]
    NoRaw {
        /// The interface.
        interface: String,
    },
    /// The socket can't be opened.
    #[error("opening UDP port {port} on {interface}")]
    Bind {
        /// The port.
        port: u16,
        /// The interface.
        interface: String,
        /// What the system said.
        source: io::Error,
    },
    /// A full DHCP server answers on that network.
    #[error("{server} answers as a DHCP server on {interface} already")]
    OtherServer {
        /// The interface.
        interface: String,
        /// That server.
        server: Ipv4Addr,
    },
    /// The leases can't be opened.
    #[error("opening the leases in {}", path.display())]
    Leases {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process serves from the same leases.
    #[error("another process has the leases in {}", path.display())]
    LeasesInUse {
        /// The file.
        path: PathBuf,
    },
    /// Sending or receiving failed.
    #[error("looking for other DHCP servers on {interface}")]
    Probe {
        /// The interface.
        interface: String,
        /// What the system said.
        source: io::Error,
    },
    /// The event loop can't go on.
    #[error("serving DHCP on {interface}")]
    Loop {
        /// The interface.
        interface: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// Whether it is nobody's mistake: the interface isn't there yet, or isn't up, or has no address so far.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        use crate::wire::Error::{Down, NoInterface};
        matches!(self, Self::NoAddress { .. } | Self::Interface(NoInterface { .. } | Down { .. }))
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Interface(error) => error.kind(),
            Self::NoAddress { .. } => Kind::Unavailable,
            Self::NotItsAddress { .. }
            | Self::Outside { .. }
            | Self::NoHost { .. }
            | Self::SameInterface { .. }
            | Self::Overlap { .. }
            | Self::Range { .. }
            | Self::NoRange { .. }
            | Self::Twice { .. } => Kind::Config,
            Self::InUse { .. } | Self::OtherServer { .. } | Self::LeasesInUse { .. } => Kind::Busy,
            Self::Privileged { .. } | Self::NoRaw { .. } => Kind::Permission,
            Self::Bind { source, .. }
            | Self::Leases { source, .. }
            | Self::Probe { source, .. }
            | Self::Loop { source, .. } => Kind::of_io(source),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::Interface(error) => return error.hint(),
            Self::NoAddress { interface } => {
                remedy![
                    "give it one: ",
                    Action::host_as_root("ip addr add 192.168.77.1/24 dev").arg(interface)
                ]
            }
            Self::Outside { interface: Some(_), .. } => {
                "choose an address of that network, or another interface; where the interface has several addresses, \
                 netboot.server says which counts"
                    .into()
            }
            Self::NotItsAddress { .. } => {
                "netboot.server takes one of its addresses; or choose another interface".into()
            }
            Self::Outside { interface: None, .. } => {
                "choose an address of that network; the `network` of a [[netboot.subnet]] says which it is"
                    .into()
            }
            Self::NoHost { is_broadcast: true, .. } => "choose one before it".into(),
            Self::NoHost { is_broadcast: false, .. } => "choose one after it".into(),
            Self::SameInterface { .. } => remedy![
                "its own addresses are those of ",
                Knob::Range,
                "; a [[netboot.subnet]] is for another interface, or has the `network` behind a relay",
            ],
            Self::Overlap { .. } => {
                "each [[netboot.subnet]] has a network of its own, apart from the interface's".into()
            }
            Self::Range { .. } => "a range is FIRST-LAST, such as 10.0.0.100-10.0.0.199".into(),
            Self::NoRange { network } => format!(
                "give a range inside {network}, or use proxy mode where another server gives addresses"
            )
            .into(),
            Self::InUse { holder: Some(holder), .. } => match holder.name() {
                "dnsmasq" => remedy![
                    "if this host needs no dnsmasq: ",
                    Action::host_as_root("systemctl disable --now dnsmasq"),
                    "; libvirt's and NetworkManager's own ones keep to their interfaces with bind-interfaces",
                ],
                "dhcpd" => remedy![
                    "if this host needs no other server: ",
                    Action::host_as_root("systemctl disable --now isc-dhcp-server"),
                ],
                "kea-dhcp4" => {
                    remedy![
                        "if this host needs no other server: ",
                        Action::host_as_root("systemctl disable --now kea-dhcp4-server"),
                    ]
                }
                "systemd-network" | "systemd-networkd" => {
                    "DHCPServer=yes stands in a .network file of systemd-networkd".into()
                }
                "systemd" => remedy![
                    "a socket unit of systemd has it: ",
                    Action::host("systemctl list-sockets"),
                    " names it"
                ],
                "piprov" => "piprov serves already; only one can have the port".into(),
                name => format!("stop {name} first; only one server can have the port").into(),
            },
            Self::InUse { port, .. } => remedy![
                Action::host_as_root("ss -lunp").arg(format_args!("sport = {port}")),
                " tells who has it"
            ],
            Self::Privileged { .. } | Self::NoRaw { .. } => {
                remedy![Action::AsRoot, ", or give it CAP_NET_BIND_SERVICE, CAP_NET_RAW and CAP_NET_ADMIN"]
            }
            Self::OtherServer { .. } => {
                remedy![
                    "use proxy mode beside it; ",
                    Knob::Force,
                    " starts a second server all the same, and boards then get their address from whichever is faster",
                ]
            }
            Self::LeasesInUse { .. } => {
                "is piprov serving already? Each server needs a state directory of its own".into()
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_an_address_is_true() {
        let address = Ipv4Addr::new(10, 1, 0, 0);
        let end = |is_broadcast| Error::NoHost {
            what: "the first address of the range",
            address,
            network: "10.1.0.0/24".to_owned(),
            is_broadcast,
        };
        assert_eq!(
            end(false).to_string(),
            "the first address of the range, 10.1.0.0 is no address for a host: it is the first address, that of the \
             network itself, of 10.1.0.0/24"
        );
        assert!(end(true).to_string().ends_with("it is the broadcast address of 10.1.0.0/24"));
        let outside = |interface| Error::Outside {
            what: "the router",
            address,
            interface,
            network: "10.2.0.0/24".to_owned(),
        };
        assert!(outside(None).to_string().ends_with("is not in 10.2.0.0/24"));
        assert!(!outside(None).hint().unwrap().says("another interface"));
        assert!(outside(Some("eth0".to_owned())).hint().unwrap().says("another interface"));
    }

    #[test]
    fn the_holder_of_the_port_is_named_with_the_way_to_end_it() {
        let taken = |command: Option<&str>| {
            let holder = Holder { pid: Some(7), command: command.map(str::to_owned), uid: 0 };
            Error::InUse { port: 67, holder: Some(holder) }
        };
        let error = taken(Some("dnsmasq"));
        assert_eq!(error.to_string(), "UDP port 67 is in use by dnsmasq (process 7)");
        for (command, wanted) in [
            (Some("dnsmasq"), "systemctl disable --now dnsmasq"),
            (Some("dhcpd"), "isc-dhcp-server"),
            (Some("kea-dhcp4"), "kea-dhcp4-server"),
            (Some("systemd"), "list-sockets"),
            (Some("piprov"), "serves already"),
            (Some("other"), "stop other first"),
            (None, "stop that process first"),
        ] {
            let hint = taken(command).hint().unwrap();
            assert!(hint.says(wanted), "{hint:?}");
        }
        let nobody = Error::InUse { port: 4011, holder: None };
        assert_eq!(nobody.to_string(), "UDP port 4011 is in use");
        assert!(nobody.hint().unwrap().says("4011"));
        assert_eq!(nobody.kind(), Kind::Busy);
    }
}
