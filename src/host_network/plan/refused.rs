//! What stands in the way of a plan.

use super::owner::Pass;
use super::seen::{Address, Lack, Manager, Seen};
use super::{Change, LOOPBACK, Name, Wanted, told};
use crate::error::{Action, Explain, Kind, Knob, Remedy, remedy};

/// Settings that stand in the way are told until there are so many.
const MOST: usize = 5;

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
    /// Nobody is behind it.
    #[error("{interface} leads nowhere: boards can't get out through it")]
    NoWayOut {
        /// Its name.
        interface: Name,
    },
    /// Settings name a way to everybody else behind it, in a root whose kernel can't be asked.
    #[error("{interface} is that system's way to everybody else, as {path} says")]
    GatewayBehind {
        /// Its name.
        interface: Name,
        /// The settings.
        path: String,
    },
    /// Settings give another interface an address in the same network.
    #[error("{network} has addresses in common with {address}, which {path} gives another interface")]
    OverlapBySettings {
        /// The network that is wanted.
        network: String,
        /// The other address.
        address: String,
        /// The settings.
        path: String,
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
    #[error("netplan gives {} its address, in {path}", wanted.interface)]
    Netplan {
        /// Its file.
        path: String,
        /// What is wanted.
        wanted: Wanted,
        /// The root of another host.
        root: Option<String>,
    },
    /// ConnMan.
    #[error("ConnMan gives this host's interfaces their addresses, and keeps what it is told elsewhere")]
    ConnMan {
        /// What is wanted.
        wanted: Wanted,
        /// The root of another host.
        root: Option<String>,
    },
    /// Nobody does.
    #[error("{}", nobody(interface, passes, root.as_deref()))]
    Nobody {
        /// Its name.
        interface: Name,
        /// Why those that are there don't.
        passes: Vec<Pass>,
        /// The root of another host.
        root: Option<String>,
    },
    /// It doesn't run.
    #[error("{} has the interface, and doesn't run", manager.title())]
    NotRunning {
        /// Who.
        manager: Manager,
        /// systemd starts it.
        by_systemd: bool,
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
    #[error("{path} can't be written to: it is read-only")]
    ReadOnly {
        /// The directory.
        path: String,
    },
    /// There is something of others.
    #[error("{path} is there, and isn't what piprov has written: it stays")]
    Foreign {
        /// The file.
        path: String,
    },
    /// There is no plain file.
    #[error("{path} is no plain text file, or a link leads there")]
    Odd {
        /// The file.
        path: String,
    },
    /// NAT needs a program.
    #[error("there is no nft{}, which makes the rules for the boards' way out", within(root.as_deref()))]
    NoNft {
        /// The root of another host.
        root: Option<String>,
    },
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

/// Where something is that isn't this host.
fn within(root: Option<&str>) -> String {
    root.map_or_else(String::new, |root| format!(" in {root}"))
}

fn nobody(interface: &Name, passes: &[Pass], root: Option<&str>) -> String {
    let within = within(root);
    if passes.is_empty() {
        return format!(
            "nobody known here gives {interface} its address{within}: NetworkManager, systemd-networkd, dhcpcd and ifupdown \
             are off"
        );
    }
    let all: Vec<_> = passes.iter().map(ToString::to_string).collect();
    format!("nobody gives {interface} its address{within}: {}", all.join("; "))
}

/// Has systemd switch something, on this host or in a root.
fn systemctl(verb: &str, unit: &str, root: Option<&str>) -> Action {
    match root {
        Some(root) => Action::host_as_root("systemctl --root").arg(root).arg(verb).arg(unit),
        None if verb == "enable" => Action::host_as_root("systemctl enable --now").arg(unit),
        None => Action::host_as_root("systemctl").arg(verb).arg(unit),
    }
}

/// What helps where nobody gives an interface its address: what is said of it is taken out, or somebody else is switched on.
fn of_nobody(interface: &Name, passes: &[Pass], root: Option<&str>) -> Remedy {
    let on = || systemctl("enable", "systemd-networkd", root);
    let Some(first) = passes.first() else { return remedy!["switch one of them on, such as ", on()] };
    match first {
        Pass::Off { path, masked } => {
            let networking = systemctl("enable", "networking", root);
            let remedy = match masked {
                true => remedy![systemctl("unmask", "networking", root), ", then ", networking],
                false => remedy![networking],
            };
            remedy.and(format!("; or take {interface} out of {path}"))
        }
        Pass::Left { path, .. } => {
            remedy![
                format!("take {interface} out of that in {path}, or switch on another one, such as "),
                on()
            ]
        }
    }
}

impl Explain for Obstacle {
    fn kind(&self) -> Kind {
        match self {
            Self::NoInterface { .. } | Self::Nobody { .. } | Self::NotRunning { .. } | Self::NoNft { .. } => {
                Kind::Unavailable
            }
            Self::NotEthernet { .. }
            | Self::DefaultRoute { .. }
            | Self::SameInterface { .. }
            | Self::NoWayOut { .. }
            | Self::GatewayBehind { .. }
            | Self::BadAddress { .. }
            | Self::Overlap { .. }
            | Self::OverlapBySettings { .. } => Kind::Usage,
            Self::NotRoot | Self::NoNetAdmin { .. } | Self::NoForwarding { .. } => Kind::Permission,
            Self::Netplan { .. }
            | Self::ConnMan { .. }
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
            Self::NoWayOut { .. } => Some("name the interface that leads to everybody else".into()),
            Self::DefaultRoute { .. } | Self::GatewayBehind { .. } => {
                Some(remedy!["boards want an interface of their own; ", Knob::Force, " does it all the same"])
            }
            Self::BadAddress { .. } | Self::Overlap { .. } | Self::OverlapBySettings { .. } => {
                Some(remedy!["give the boards another network: ", Knob::HostAddress])
            }
            Self::Netplan { wanted, root, .. } => {
                let (interface, address) = (&wanted.interface, wanted.cidr());
                let there = format!(
                    "write there, below `{interface}:`, `dhcp4: false` and `addresses: [{address}]`; piprov doesn't change it. "
                );
                Some(match root {
                    None => remedy![there, "Then ", Action::host_as_root("netplan apply")],
                    Some(_) => remedy![there, "It holds once that system starts"],
                })
            }
            Self::ConnMan { wanted, root } => {
                let when = if root.is_some() { "once that system runs, " } else { "" };
                let give = Action::host_as_root("connmanctl config SERVICE --ipv4 manual");
                Some(remedy![
                    when,
                    Action::host("connmanctl services"),
                    format!(" names the service of {}; then ", wanted.interface),
                    give.arg(wanted.address).arg(wanted.netmask()),
                ])
            }
            Self::Nobody { interface, passes, root } => Some(of_nobody(interface, passes, root.as_deref())),
            Self::NotRunning { by_systemd: false, .. } => {
                Some("start it, as this host starts its services".into())
            }
            Self::NotRunning { manager, .. } => Some(remedy![
                Action::host_as_root("systemctl start").arg(manager.title()),
                "; where it ends at once, ",
                Action::host("systemctl status").arg(manager.title()),
                " says why",
            ]),
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
                Some(remedy!["look at it: ", Action::host("ls -l").arg(path)])
            }
            Self::NoNft { root: None } => Some(remedy![Action::install(["nftables"])]),
            Self::NoNft { root: Some(root) } => {
                let install = Action::host_as_root("chroot").arg(root).arg("apt-get").arg("install");
                Some(remedy![install.arg("nftables")])
            }
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
    if wanted.interface.as_str() == LOOPBACK {
        obstacles.push(Obstacle::NotEthernet { interface });
        return obstacles;
    }
    if seen.root.is_some() {
        obstacles.extend(by_settings(seen, wanted, force));
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

/// What settings say, where the kernel can't be asked.
fn by_settings(seen: &Seen, wanted: &Wanted, force: bool) -> Vec<Obstacle> {
    let mut obstacles = Vec::new();
    for told in told::told(seen) {
        let path = seen.at(&told.path);
        let interface = wanted.interface.clone();
        if told.means(&interface) {
            if told.gateway && !force {
                obstacles.push(Obstacle::GatewayBehind { interface, path });
            }
        } else if let Some(Address { ip, prefix, .. }) =
            told.addresses.iter().find(|address| wanted.overlaps(address))
        {
            let (network, address) = (wanted.network(), format!("{ip}/{prefix}"));
            obstacles.push(Obstacle::OverlapBySettings { network, address, path });
        }
        if obstacles.len() >= MOST {
            break;
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
            obstacles.push(Obstacle::Odd { path: seen.at(odd) });
        } else if change.before.is_none() && seen.files.contains_key(&path) {
            let shown = seen.at(&path);
            obstacles.push(match seen.text(&path) {
                Some(_) => Obstacle::Foreign { path: shown },
                None => Obstacle::Odd { path: shown },
            });
        }
        dirs.extend(above.skip(1).find(|dir| seen.read_only.contains(*dir)).map(str::to_owned));
    }
    obstacles.extend(dirs.iter().map(|path| Obstacle::ReadOnly { path: seen.at(path) }));
    obstacles
}
