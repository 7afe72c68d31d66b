//! What stands in the way of a plan.

use super::seen::{Lack, Manager, Seen};
use super::{Change, Name, Wanted};
use crate::error::{Action, Explain, Kind, Knob, Remedy, remedy};

/// One thing that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Obstacle {
    /// There is no such interface.
    #[error("there is no network interface {interface}")]
    NoInterface {
        /// Its name.
        interface: Name,
        /// Those that there are.
        have: String,
    },
    /// It is no Ethernet.
    #[error("{interface} is no Ethernet: no boards can be behind it")]
    NotEthernet {
        /// Its name.
        interface: Name,
    },
    /// All that goes to others goes out there.
    #[error(
        "{interface} is this host's way to everybody else: with another address the host may be out of reach"
    )]
    DefaultRoute {
        /// Its name.
        interface: Name,
    },
    /// Both sides are the same.
    #[error("{interface} can't be the way out for the boards that are behind it")]
    SameInterface {
        /// Its name.
        interface: Name,
    },
    /// The address can't be a host's.
    #[error("{address} can't be this host's address")]
    BadAddress {
        /// The address, with its prefix.
        address: String,
    },
    /// Another interface is in the same network.
    #[error("{network} has addresses in common with {other}, where this host has {address}")]
    Overlap {
        /// The network that is wanted.
        network: String,
        /// The other interface.
        other: String,
        /// The host's address there.
        address: String,
    },
    /// netplan writes the settings.
    #[error("netplan gives this interface its address, in /{path}")]
    Netplan {
        /// Its file.
        path: String,
    },
    /// ConnMan.
    #[error("ConnMan gives this host's interfaces their addresses, and keeps what it is told elsewhere")]
    ConnMan,
    /// Nobody does.
    #[error(
        "nobody known here gives {interface} its address: NetworkManager, systemd-networkd, dhcpcd and ifupdown are off"
    )]
    Nobody {
        /// Its name.
        interface: Name,
    },
    /// It doesn't run.
    #[error("{} has the interface, and doesn't run", manager.title())]
    NotRunning {
        /// Who.
        manager: Manager,
    },
    /// The user.
    #[error("only root may change the network")]
    NotRoot,
    /// The container, or what started this process.
    #[error("{} may not change its network: it has no CAP_NET_ADMIN", container.as_ref().map_or_else(
        || "this process".to_owned(), |kind| format!("this container ({kind})")))]
    NoNetAdmin {
        /// What kind of container it is, where it is one.
        container: Option<String>,
    },
    /// Nothing can be written there.
    #[error("/{path} can't be written to: it is read-only")]
    ReadOnly {
        /// The directory.
        path: String,
    },
    /// There is something of others.
    #[error("/{path} is there, and isn't what piprov has written: it stays")]
    Foreign {
        /// The file.
        path: String,
    },
    /// There is no plain file.
    #[error("/{path} is no plain text file, or a link leads there")]
    Odd {
        /// The file.
        path: String,
    },
    /// NAT needs a program.
    #[error("there is no nft, which makes the rules for the boards' way out")]
    NoNft,
    /// Nothing loads the rules at the next start.
    #[error(
        "this host has no systemd, so nothing would load the rules for the boards' way out at its next start"
    )]
    NoKeeper,
    /// Packets aren't passed on.
    #[error("{} passes no packets on, and can't be told to: net.ipv4.ip_forward is read-only", container.as_ref().map_or_else(
        || "this host".to_owned(), |kind| format!("this container ({kind})")))]
    NoForwarding {
        /// What kind of container it is, where it is one.
        container: Option<String>,
    },
}

impl Explain for Obstacle {
    fn kind(&self) -> Kind {
        match self {
            Self::NoInterface { .. } | Self::Nobody { .. } | Self::NotRunning { .. } | Self::NoNft => {
                Kind::Unavailable
            }
            Self::NotEthernet { .. }
            | Self::DefaultRoute { .. }
            | Self::SameInterface { .. }
            | Self::BadAddress { .. }
            | Self::Overlap { .. } => Kind::Usage,
            Self::NotRoot | Self::NoNetAdmin { .. } | Self::NoForwarding { .. } => Kind::Permission,
            Self::Netplan { .. }
            | Self::ConnMan
            | Self::NoKeeper
            | Self::Foreign { .. }
            | Self::Odd { .. } => Kind::Config,
            Self::ReadOnly { .. } => Kind::CantCreate,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        let outside = |what: &str| Some(format!("{what} at the container's own host").into());
        match self {
            Self::NoInterface { have, .. } if have.is_empty() => None,
            Self::NoInterface { have, .. } => Some(format!("there are: {have}").into()),
            Self::NotEthernet { .. } | Self::SameInterface { .. } => {
                Some(remedy!["name another one with ", Knob::Interface])
            }
            Self::DefaultRoute { .. } => {
                Some(remedy!["boards want an interface of their own; ", Knob::Force, " does it all the same"])
            }
            Self::BadAddress { .. } | Self::Overlap { .. } => {
                Some(remedy!["give the boards another network: ", Knob::HostAddress])
            }
            Self::Netplan { path } => Some(remedy![
                "write there `dhcp4: false` and `addresses: [ADDRESS/PREFIX]`, then ",
                Action::host_as_root("netplan apply"),
                format!("; /{path} isn't changed by piprov"),
            ]),
            Self::ConnMan => Some(remedy![
                Action::host("connmanctl services"),
                " names the interface's service; ",
                Action::host_as_root("connmanctl config SERVICE --ipv4 manual ADDRESS NETMASK"),
            ]),
            Self::Nobody { .. } => Some(remedy![
                "switch one of them on, such as ",
                Action::host_as_root("systemctl enable --now systemd-networkd"),
            ]),
            Self::NotRunning { manager } => Some(match manager {
                Manager::NetworkManager => remedy![Action::host_as_root("systemctl start NetworkManager")],
                Manager::Networkd => remedy![Action::host_as_root("systemctl start systemd-networkd")],
                _ => remedy![Action::host_as_root("systemctl start dhcpcd")],
            }),
            Self::NotRoot => Some(remedy![Action::AsRoot]),
            Self::NoNetAdmin { container: Some(_) } => {
                outside("give it that capability, or set the address of its interface,")
            }
            Self::NoForwarding { container: Some(_) } => outside("set net.ipv4.ip_forward for it"),
            Self::NoNetAdmin { container: None } | Self::NoForwarding { container: None } => {
                Some(remedy![Action::AsRoot])
            }
            Self::ReadOnly { .. } => {
                Some("change the image that this system is made of, or make it writable".into())
            }
            Self::Foreign { path } | Self::Odd { path } => {
                Some(remedy!["look at it: ", Action::host("ls -l").arg(format!("/{path}"))])
            }
            Self::NoNft => Some(remedy![Action::install(["nftables"])]),
            Self::NoKeeper => None,
        }
    }
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", match &obstacles[..] {
    [one] => one.to_string(),
    _ => "the network of this host can't be changed:".to_owned(),
})]
pub struct Refused {
    /// All that stands in the way; at least one.
    pub obstacles: Vec<Obstacle>,
}

impl Explain for Refused {
    fn kind(&self) -> Kind {
        self.obstacles.first().map_or(Kind::Failed, Explain::kind)
    }

    fn hint(&self) -> Option<Remedy> {
        self.obstacles.iter().find_map(Explain::hint)
    }

    fn more(&self) -> Vec<String> {
        if self.obstacles.len() < 2 {
            Vec::new()
        } else {
            self.obstacles.iter().map(ToString::to_string).collect()
        }
    }
}

/// The interfaces that boards can be behind, with their addresses.
pub(super) fn names(seen: &Seen) -> String {
    let all: Vec<_> =
        seen.interfaces.iter().filter(|one| one.ethernet).map(|one| one.name.as_str()).collect();
    all.join(", ")
}

/// What stands in the way whoever has the interface.
pub(super) fn in_general(seen: &Seen, wanted: &Wanted, force: bool) -> Vec<Obstacle> {
    let mut obstacles = Vec::new();
    let interface = wanted.interface.clone();
    let host = u32::from(wanted.address) & !super::mask(wanted.prefix);
    let ends = host == 0 || host == !super::mask(wanted.prefix);
    let odd = wanted.address.is_loopback()
        || wanted.address.is_multicast()
        || wanted.address.is_link_local()
        || wanted.address.octets()[0] == 0
        || wanted.address.octets()[0] >= 240;
    if !(8..=30).contains(&wanted.prefix) || ends || odd {
        obstacles.push(Obstacle::BadAddress { address: wanted.cidr() });
    }
    if !seen.live {
        return obstacles;
    }
    for lack in &seen.lacks {
        obstacles.push(match lack {
            Lack::Root => Obstacle::NotRoot,
            Lack::NetAdmin => Obstacle::NoNetAdmin { container: seen.container.clone() },
        });
    }
    match seen.interface(&wanted.interface) {
        None => obstacles.push(Obstacle::NoInterface { interface, have: names(seen) }),
        Some(found) if !found.ethernet => obstacles.push(Obstacle::NotEthernet { interface }),
        Some(found) if found.default_route && !force => obstacles.push(Obstacle::DefaultRoute { interface }),
        Some(_) => {}
    }
    for other in seen.interfaces.iter().filter(|other| other.name != wanted.interface.as_str()) {
        if let Some(address) = other.addresses.iter().find(|address| wanted.overlaps(address)) {
            obstacles.push(Obstacle::Overlap {
                network: wanted.network(),
                other: other.name.clone(),
                address: format!("{}/{}", address.ip, address.prefix),
            });
        }
    }
    obstacles
}

/// What stands in the way of the files.
pub(super) fn of_changes(seen: &Seen, changes: &[Change]) -> Vec<Obstacle> {
    let mut obstacles = Vec::new();
    let mut dirs = std::collections::BTreeSet::new();
    for change in changes {
        let path = change.path.clone();
        let above =
            std::iter::successors(Some(path.as_str()), |path| path.rsplit_once('/').map(|(dir, _)| dir));
        if let Some(odd) = above.clone().find(|path| seen.odd.contains(*path)) {
            obstacles.push(Obstacle::Odd { path: odd.to_owned() });
        } else if change.before.is_none() && seen.files.contains_key(&path) {
            let text = seen.text(&path).is_some();
            obstacles.push(if text {
                Obstacle::Foreign { path: path.clone() }
            } else {
                Obstacle::Odd { path: path.clone() }
            });
        }
        dirs.extend(above.skip(1).find(|dir| seen.read_only.contains(*dir)).map(str::to_owned));
    }
    obstacles.extend(dirs.into_iter().map(|path| Obstacle::ReadOnly { path }));
    obstacles
}
