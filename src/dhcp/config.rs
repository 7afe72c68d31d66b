//! What a server is to do, and whether that fits the interface that it is to do it on.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use crate::config::netboot::Mode;

use super::admit::Admission;
use super::error::Error;
use super::lasting::{FOREVER, Lasting};
use super::pi;
use super::policy::Relays;
use crate::arming::Arms;
use crate::board::Mac;
use crate::wire::Interface;

/// Addresses that one range may have: a network of 65,536.
const MOST: u32 = 1 << 16;

/// What a server is asked to do.
#[derive(Debug, Clone)]
pub struct Config {
    /// The interface; there is no default, because the wrong one is another network that is in use.
    pub interface: String,
    /// Beside another DHCP server, or instead of one.
    pub mode: Mode,
    /// The address of the interface to serve from; without it, see [`AddressPlan::new`].
    pub server: Option<Ipv4Addr>,
    /// The addresses to give out, both ends included. Only for [`Mode::Dhcp`].
    pub range: Option<(Ipv4Addr, Ipv4Addr)>,
    /// How long an address is given for.
    pub lease_time: Duration,
    /// The router that clients are told; `None` where the network has none.
    pub router: Option<Ipv4Addr>,
    /// The name servers that clients are told.
    pub dns: Vec<Ipv4Addr>,
    /// Boards that always get the same address.
    pub hosts: BTreeMap<Mac, Ipv4Addr>,
    /// The first halves of MAC addresses that make a client a Raspberry Pi.
    pub ouis: Vec<[u8; 3]>,
    /// How long an offer to the ROM of a Pi 2 or 3 is held back: it hangs when the first file comes within two
    /// seconds of its question (raspberrypi/firmware#934).
    pub rom_delay: Duration,
    /// How long an offer to these boards is held back, whatever they are.
    pub delays: BTreeMap<Mac, Duration>,
    /// Every client gets an address, not Raspberry Pis only. Only for [`Mode::Dhcp`].
    pub everyone: bool,
    /// Boot files for PCs, by architecture (option 93; 0 BIOS, 7 UEFI). A PC of another architecture is left alone.
    pub boot_files: BTreeMap<u16, String>,
    /// There are servers on further interfaces: a fixed address may be of their networks.
    pub has_further: bool,
    /// Networks behind relays that get addresses too. Only for [`Mode::Dhcp`].
    pub relayed: Vec<RelayedNet>,
    /// Whom it answers at all.
    pub admission: Admission,
    /// What serves the boot files instead of this host: another TFTP server.
    pub tftp_server: Option<Ipv4Addr>,
    /// The text of the boot menu that Raspberry Pis look for; `None` for the one of all bootloaders.
    pub menu: Option<String>,
    /// Where boards find their station: the URL for those that ask for [`STATION`](super::packet::code::STATION).
    pub station: Option<String>,
    /// The directory for the leases.
    pub state: PathBuf,
    /// Starts beside another full DHCP server too.
    pub force: bool,
    /// Which boards may boot from here.
    pub arms: Arc<Arms>,
    /// Boards whose address doesn't end.
    pub lasting: Arc<Lasting>,
    /// The addresses behind relays, for the servers of all interfaces together.
    pub relays: Arc<Relays>,
}

impl Config {
    /// A proxy on an interface, with what is usual for all else.
    #[must_use]
    pub fn new(interface: &str, state: PathBuf) -> Self {
        Self {
            interface: interface.to_owned(),
            mode: Mode::Proxy,
            server: None,
            range: None,
            lease_time: Duration::from_secs(12 * 3600),
            router: None,
            dns: Vec::new(),
            hosts: BTreeMap::new(),
            ouis: pi::OUIS.to_vec(),
            rom_delay: Duration::from_secs(2),
            delays: BTreeMap::new(),
            everyone: false,
            boot_files: BTreeMap::new(),
            has_further: false,
            relayed: Vec::new(),
            admission: Admission::default(),
            tftp_server: None,
            menu: None,
            station: None,
            state,
            force: false,
            arms: Arc::default(),
            lasting: Arc::default(),
            relays: Arc::default(),
        }
    }
}

/// A network that is not on the interface: what clients ask there a relay passes on (RFC 1542).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayedNet {
    /// The network.
    pub network: Network,
    /// The addresses to give out there, both ends included.
    pub range: Option<(Ipv4Addr, Ipv4Addr)>,
    /// The router there.
    pub router: Option<Ipv4Addr>,
}

/// A configuration that fits its interface: what the policy goes by.
#[derive(Debug, Clone)]
pub struct AddressPlan {
    /// The mode.
    pub mode: Mode,
    /// Our address.
    pub server: Ipv4Addr,
    /// Our network, or that behind a relay.
    network: Network,
    /// The plans for the networks behind relays; those have none of their own.
    pub relayed: Vec<Self>,
    /// The mask of the network.
    pub mask: Ipv4Addr,
    /// The range, both ends included.
    pub range: Option<(Ipv4Addr, Ipv4Addr)>,
    /// Seconds that an address is given for.
    pub lease_time: u32,
    /// No other server answers here, so clients may be told that their address is wrong.
    pub authoritative: bool,
    /// See [`Config`]; so are the following.
    pub router: Option<Ipv4Addr>,
    /// Name servers.
    pub dns: Vec<Ipv4Addr>,
    /// Fixed addresses.
    pub hosts: BTreeMap<Mac, Ipv4Addr>,
    /// First halves of MAC addresses.
    pub ouis: Vec<[u8; 3]>,
    /// For the ROM.
    pub rom_delay: Duration,
    /// For single boards.
    pub delays: BTreeMap<Mac, Duration>,
    /// Not Pis only.
    pub everyone: bool,
    /// For PCs.
    pub boot_files: BTreeMap<u16, String>,
    /// Whom it answers.
    pub admission: Admission,
    /// Where the boot files are: this host, or another TFTP server.
    pub files: Ipv4Addr,
    /// The text of the boot menu.
    pub menu: Option<String>,
    /// For boards that ask where their station is.
    pub station: Option<String>,
    /// For boards with their root here.
    pub lasting: Arc<Lasting>,
    /// The addresses behind relays.
    pub relays: Arc<Relays>,
}

impl AddressPlan {
    /// Joins a configuration with the interface that it names. Where that has several addresses, and none was chosen, it
    /// is the one in whose network addresses are given out, else the first.
    ///
    /// # Errors
    /// For an interface without an IPv4 address, and for addresses that aren't in its network.
    pub fn new(config: &Config, interface: &Interface) -> Result<Self, Error> {
        let name = || interface.name.clone();
        let (server, prefix) = match config.server {
            None => of_several(config, interface).ok_or_else(|| Error::NoAddress { interface: name() })?,
            Some(wanted) => {
                *interface.addresses.iter().find(|(address, _)| *address == wanted).ok_or_else(|| {
                    Error::NotItsAddress {
                        interface: name(),
                        address: wanted,
                        has: interface.show_addresses(),
                    }
                })?
            }
        };
        let network = Network::new(server, prefix);
        if let Some(files) = config.tftp_server.filter(|files| network.has(*files)) {
            inside(&(network, Some(name())), "the TFTP server", files)?;
        }
        if config.mode == Mode::Dhcp {
            let relayed: Vec<Network> = config.relayed.iter().map(|net| net.network).collect();
            if config.range.is_none() && config.hosts.is_empty() && relayed.is_empty() {
                return Err(Error::NoRange { network: network.to_string() });
            }
            fits((network, Some(name())), config.range, config.router)?;
            if config.range == Some((server, server)) && config.hosts.is_empty() && relayed.is_empty() {
                return Err(Error::NoRange { network: network.to_string() });
            }
            for (at, net) in config.relayed.iter().enumerate() {
                let others = relayed[..at].iter().chain([&network]);
                if let Some(other) = others.into_iter().find(|other| other.overlaps(net.network)) {
                    let (network, other) = (net.network.to_string(), other.to_string());
                    return Err(Error::Overlap { network, other });
                }
                fits((net.network, None), net.range, net.router)?;
            }
            let mut taken = BTreeMap::from([(server, None)]);
            for (mac, address) in &config.hosts {
                if !config.has_further && !relayed.iter().any(|net| net.has_host(*address)) {
                    // With networks behind relays it may be meant for any of them.
                    let interface = relayed.is_empty().then(name);
                    inside(&(network, interface), "a host's fixed address", *address)?;
                }
                if let Some(other) = taken.insert(*address, Some(*mac)) {
                    return Err(Error::Twice { address: *address, mac: *mac, other });
                }
            }
        }
        let plan = Self {
            mode: config.mode,
            server,
            network,
            relayed: Vec::new(),
            mask: network.mask(),
            range: config.range.filter(|_| config.mode == Mode::Dhcp),
            lease_time: u32::try_from(config.lease_time.as_secs()).unwrap_or(u32::MAX).max(60),
            authoritative: !config.force,
            router: config.router,
            dns: config.dns.clone(),
            hosts: in_network(&config.hosts, network),
            ouis: config.ouis.clone(),
            rom_delay: config.rom_delay,
            delays: config.delays.clone(),
            everyone: config.everyone,
            boot_files: config.boot_files.clone(),
            admission: config.admission.clone(),
            files: config.tftp_server.unwrap_or(server),
            menu: config.menu.clone(),
            station: config.station.clone(),
            lasting: Arc::clone(&config.lasting),
            relays: Arc::clone(&config.relays),
        };
        let relayed = config
            .relayed
            .iter()
            .filter(|_| config.mode == Mode::Dhcp)
            .map(|net| plan.behind(net, &config.hosts));
        Ok(Self { relayed: relayed.collect(), ..plan.clone() })
    }

    /// The same for a network behind a relay.
    fn behind(&self, net: &RelayedNet, hosts: &BTreeMap<Mac, Ipv4Addr>) -> Self {
        let network = net.network;
        let (mask, hosts) = (network.mask(), in_network(hosts, network));
        Self { network, mask, hosts, range: net.range, router: net.router, ..self.clone() }
    }

    /// The seconds that a board gets its address for.
    #[must_use]
    pub fn lease_time_of(&self, mac: Mac) -> u32 {
        if self.lasting.has(mac) { FOREVER } else { self.lease_time }
    }

    /// The network: our own, or that behind a relay.
    #[must_use]
    pub const fn network(&self) -> Network {
        self.network
    }
}

/// The address of an interface that a server is meant to serve from, with the length of its network's prefix.
fn of_several(config: &Config, interface: &Interface) -> Option<(Ipv4Addr, u8)> {
    let around = |address: Ipv4Addr| {
        let mut all = interface.addresses.iter().copied();
        all.find(|(own, prefix)| Network::new(*own, *prefix).has_host(address))
    };
    let meant = match config.range {
        _ if config.mode == Mode::Proxy => None,
        Some((first, _)) => around(first),
        None => config.hosts.values().copied().chain(config.router).find_map(around),
    };
    meant.or_else(|| interface.addresses.first().copied())
}

/// Those of the fixed addresses that are in a network.
fn in_network(hosts: &BTreeMap<Mac, Ipv4Addr>, network: Network) -> BTreeMap<Mac, Ipv4Addr> {
    let inside = hosts.iter().filter(|(_, address)| network.has_host(**address));
    inside.map(|(mac, address)| (*mac, *address)).collect()
}

/// Looks whether an address is in a network of an interface.
fn inside(
    (network, interface): &(Network, Option<String>),
    what: &'static str,
    address: Ipv4Addr,
) -> Result<(), Error> {
    if network.has_host(address) {
        return Ok(());
    }
    if network.has(address) {
        let is_broadcast = address == network.broadcast();
        return Err(Error::NoHost { what, address, network: network.to_string(), is_broadcast });
    }
    Err(Error::Outside { what, address, interface: interface.clone(), network: network.to_string() })
}

/// Looks whether range and router are in a network.
fn fits(
    network: (Network, Option<String>),
    range: Option<(Ipv4Addr, Ipv4Addr)>,
    router: Option<Ipv4Addr>,
) -> Result<(), Error> {
    if let Some((first, last)) = range {
        inside(&network, "the first address of the range", first)?;
        inside(&network, "the last address of the range", last)?;
        let count = u32::from(last).checked_sub(u32::from(first)).map(|count| count + 1);
        if count.is_none_or(|count| count > MOST) {
            return Err(Error::Range { first, last });
        }
    }
    router.map_or(Ok(()), |router| inside(&network, "the router", router))
}

/// An IPv4 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: u32,
    prefix: u8,
}

impl Network {
    /// The network that an address is in.
    #[must_use]
    pub fn new(address: Ipv4Addr, prefix: u8) -> Self {
        let prefix = prefix.min(32);
        Self { base: u32::from(address) & bits(prefix), prefix }
    }

    /// Its mask.
    #[must_use]
    pub fn mask(self) -> Ipv4Addr {
        bits(self.prefix).into()
    }

    /// Its broadcast address.
    #[must_use]
    pub fn broadcast(self) -> Ipv4Addr {
        (self.base | !bits(self.prefix)).into()
    }

    /// Whether an address is in it.
    #[must_use]
    pub fn has(self, address: Ipv4Addr) -> bool {
        u32::from(address) & bits(self.prefix) == self.base
    }

    /// Whether the two have addresses in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        let bits = bits(self.prefix.min(other.prefix));
        self.base & bits == other.base & bits
    }

    /// Whether an address is in it and can be a host's.
    #[must_use]
    pub fn has_host(self, address: Ipv4Addr) -> bool {
        let ends = [self.base, self.broadcast().into()];
        self.has(address) && (self.prefix >= 31 || !ends.contains(&address.into()))
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", Ipv4Addr::from(self.base), self.prefix)
    }
}

fn bits(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 99, 0, last)
    }

    pub(crate) fn eth0() -> Interface {
        Interface {
            name: "eth0".to_owned(),
            index: 2,
            mac: Some(Mac::new([0x52, 0x54, 0, 0, 0, 1])),
            is_up: true,
            has_carrier: true,
            carrier_changes: 1,
            addresses: vec![(ip(1), 24), (Ipv4Addr::new(192, 168, 7, 1), 16)],
        }
    }

    pub(crate) fn config(mode: Mode) -> Config {
        let mut config = Config::new("eth0", PathBuf::new());
        config.mode = mode;
        config.range = Some((ip(100), ip(109)));
        config
    }

    #[test]
    fn a_network_knows_its_hosts() {
        let net = Network::new(ip(7), 24);
        assert_eq!(
            (net.to_string().as_str(), net.mask(), net.broadcast()),
            ("10.99.0.0/24", Ipv4Addr::new(255, 255, 255, 0), ip(255))
        );
        assert!(net.has_host(ip(254)) && !net.has_host(ip(0)) && !net.has_host(ip(255)));
        assert!(!net.has(Ipv4Addr::new(10, 99, 1, 7)));
        assert!(Network::new(ip(7), 31).has_host(ip(6)));
        assert!(Network::new(ip(7), 32).has_host(ip(7)) && !Network::new(ip(7), 32).has(ip(8)));
        assert!(Network::new(ip(7), 0).has_host(Ipv4Addr::new(1, 2, 3, 4)));
    }

    #[test]
    fn a_plan_fits_its_network() {
        let plan = AddressPlan::new(&config(Mode::Dhcp), &eth0()).unwrap();
        assert_eq!(
            (plan.server, plan.mask, plan.lease_time),
            (ip(1), Ipv4Addr::new(255, 255, 255, 0), 43200)
        );
        let other = Config { server: Some(Ipv4Addr::new(192, 168, 7, 1)), ..config(Mode::Proxy) };
        // A proxy has no use for a range.
        let plan = AddressPlan::new(&other, &eth0()).unwrap();
        assert_eq!((plan.network().to_string().as_str(), plan.range), ("192.168.0.0/16", None));
    }

    #[test]
    fn of_several_addresses_the_one_counts_in_whose_network_addresses_are_given_out() {
        let second = Ipv4Addr::new(192, 168, 7, 1);
        let at = |last| Ipv4Addr::new(192, 168, 7, last);
        let server = |config: &Config| AddressPlan::new(config, &eth0()).unwrap().server;
        let mut wanted = config(Mode::Dhcp);
        wanted.range = Some((at(100), at(110)));
        assert_eq!(server(&wanted), second);
        let proxy = Config { mode: Mode::Proxy, ..wanted.clone() };
        assert_eq!(server(&proxy), ip(1), "it gives out none");
        wanted.range = None;
        wanted.hosts = BTreeMap::from([(pi::tests::PI5, at(50))]);
        assert_eq!(server(&wanted), second);
        wanted.range = Some((ip(100), ip(109)));
        wanted.has_further = true;
        assert_eq!(server(&wanted), ip(1), "the range counts first");
        let chosen = Config { server: Some(second), ..wanted };
        let error = AddressPlan::new(&chosen, &eth0()).unwrap_err();
        assert!(error.to_string().contains("not in 192.168.0.0/16"), "{error}");
        assert!(crate::error::Explain::hint(&error).unwrap().says("netboot.server"));
    }

    #[test]
    fn networks_behind_relays_fit_too() {
        let net = |third: u8, prefix| Network::new(Ipv4Addr::new(10, 99, third, 0), prefix);
        let at = |third: u8, last| Ipv4Addr::new(10, 99, third, last);
        let relayed =
            |network, first, router| RelayedNet { network, range: Some((first, at(1, 19))), router };
        let plan = |relayed: &[RelayedNet]| {
            let mut config = config(Mode::Dhcp);
            config.relayed = relayed.to_vec();
            config.hosts = BTreeMap::from([(pi::tests::PI5, at(1, 50))]);
            AddressPlan::new(&config, &eth0())
        };
        let good = plan(&[relayed(net(1, 24), at(1, 10), Some(at(1, 1)))]).unwrap();
        let [far] = &good.relayed[..] else { panic!("{good:?}") };
        assert_eq!((far.network(), far.router, far.server), (net(1, 24), Some(at(1, 1)), ip(1)));
        assert_eq!(far.mask, Ipv4Addr::new(255, 255, 255, 0));
        let refused = |relayed: &[RelayedNet]| plan(relayed).unwrap_err().to_string();
        assert!(
            refused(&[relayed(net(1, 24), at(2, 10), None)]).ends_with("10.99.2.10 is not in 10.99.1.0/24"),
            "and that is no network of the interface"
        );
        assert!(
            refused(&[relayed(net(1, 24), at(1, 0), None)]).contains("10.99.1.0 is no address for a host")
        );
        assert!(refused(&[relayed(net(1, 24), at(1, 10), Some(at(0, 1)))]).contains("the router, 10.99.0.1"));
        assert!(refused(&[relayed(net(0, 23), at(1, 10), None)]).contains("overlap"));
        assert!(refused(&[]).contains("10.99.1.50 is not in 10.99.0.0/24"), "whose network is it?");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |change: &dyn Fn(&mut Config)| {
            let mut config = config(Mode::Dhcp);
            change(&mut config);
            AddressPlan::new(&config, &eth0()).unwrap_err().to_string()
        };
        let far = Ipv4Addr::new(10, 98, 0, 1);
        let outside = "10.98.0.1 is not in 10.99.0.0/24, the network of eth0";
        assert!(refused(&|c| c.range = Some((far, ip(9)))).ends_with(outside));
        assert!(refused(&|c| c.range = Some((ip(9), far))).ends_with(outside));
        assert!(refused(&|c| c.router = Some(far)).ends_with(outside));
        assert!(refused(&|c| c.hosts = BTreeMap::from([(pi::tests::PI5, far)])).ends_with(outside));
        assert!(
            refused(&|c| c.range = Some((ip(9), ip(255))))
                .ends_with("it is the broadcast address of 10.99.0.0/24")
        );
        assert!(refused(&|c| c.range = Some((ip(0), ip(9)))).contains("that of the network itself"));
        assert!(refused(&|c| c.range = Some((ip(9), ip(8)))).contains("10.99.0.9-10.99.0.8"));
        assert!(refused(&|c| c.range = None).contains("no range"));
        assert!(refused(&|c| c.server = Some(far)).contains("10.98.0.1"));
        let twice =
            |c: &mut Config| c.hosts = BTreeMap::from([(pi::tests::PI5, ip(5)), (pi::tests::PI3, ip(5))]);
        assert!(refused(&twice).contains("10.99.0.5"));
        assert!(
            refused(&|c| c.hosts = BTreeMap::from([(pi::tests::PI5, ip(1))])).contains("this host's own")
        );
        let none = Interface { addresses: Vec::new(), ..eth0() };
        assert!(
            AddressPlan::new(&config(Mode::Proxy), &none)
                .unwrap_err()
                .to_string()
                .contains("eth0 has no IPv4 address")
        );
    }
}
