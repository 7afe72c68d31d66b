//! What settings say of addresses and of the way out, for a root whose kernel can't be asked. Only what stands there with an
//! interface's name counts.

use std::net::Ipv4Addr;

use super::owner::settings;
use super::seen::{Address, Seen};
use super::{Name, dhcpcd};

/// What a part of the settings says of interfaces.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// The file, below the root.
    pub(super) path: String,
    /// Patterns that mean them.
    names: Vec<String>,
    /// Their addresses.
    pub(super) addresses: Vec<Address>,
    /// All that is for nobody known goes out there.
    pub(super) gateway: bool,
}

impl Told {
    fn new(path: &str, names: &str) -> Self {
        let names = names.split_whitespace().map(str::to_owned).collect();
        Self { path: path.to_owned(), names, ..Self::default() }
    }

    /// Whether it is said of this one.
    pub(super) fn means(&self, name: &Name) -> bool {
        self.names.iter().any(|pattern| name.is_meant_by(pattern))
    }

    /// The one that it is said of, where it is one.
    pub(super) fn name(&self) -> Option<Name> {
        match &self.names[..] {
            [one] => one.parse().ok(),
            _ => None,
        }
    }

    fn add(&mut self, text: &str) {
        self.addresses.extend(address(text));
    }
}

/// An address with its prefix; without one it is the host alone.
fn address(text: &str) -> Option<Address> {
    let (ip, prefix) = text.trim().split_once('/').unwrap_or((text.trim(), "32"));
    let (ip, prefix) = (ip.parse::<Ipv4Addr>().ok()?, prefix.parse::<u8>().ok()?);
    (prefix <= 32).then_some(Address { ip, prefix, fixed: true })
}

/// All that settings say.
pub(super) fn told(seen: &Seen) -> Vec<Told> {
    let mut all = Vec::new();
    for place in ["etc", "run", "usr/lib", "usr/local/lib"] {
        let dir = format!("{place}/systemd/network");
        all.extend(seen.below(&dir, ".network").map(|(path, text)| networkd(path, text)));
        let dir = format!("{place}/NetworkManager/system-connections");
        all.extend(seen.below(&dir, ".nmconnection").map(|(path, text)| network_manager(path, text)));
    }
    seen.interfaces_files().for_each(|(path, text)| ifupdown(path, text, &mut all));
    if let Some(text) = seen.text(dhcpcd::FILE) {
        of_dhcpcd(text, &mut all);
    }
    all.retain(|told| !told.names.is_empty() && (told.gateway || !told.addresses.is_empty()));
    all
}

fn networkd(path: &str, text: &str) -> Told {
    let mut told = Told::new(path, "");
    let mut all_but = false;
    for (section, key, value) in settings(text) {
        match (section, key) {
            ("Match", "Name") => told.names = value.split_whitespace().map(str::to_owned).collect(),
            ("Network" | "Address", "Address") => told.add(value),
            ("Network" | "Route", "Gateway") => told.gateway = true,
            ("Route", "Destination") => all_but = true,
            _ => {}
        }
    }
    told.gateway &= !all_but;
    told
}

fn network_manager(path: &str, text: &str) -> Told {
    let mut told = Told::new(path, "");
    for (section, key, value) in settings(text) {
        match (section, key) {
            ("connection", "interface-name") => told.names = vec![value.to_owned()],
            ("ipv4", "gateway") => told.gateway = true,
            ("ipv4", key) if key.starts_with("address") => {
                let (address, gateway) = value.split_once(',').unwrap_or((value, ""));
                told.add(address);
                told.gateway |= !gateway.is_empty();
            }
            _ => {}
        }
    }
    told
}

fn ifupdown(path: &str, text: &str, all: &mut Vec<Told>) {
    let mut at: Option<Told> = None;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(word), Some(value)) = (words.next(), words.next()) else { continue };
        if word == "iface" {
            all.extend(at.replace(Told::new(path, value)));
            continue;
        }
        let Some(told) = &mut at else { continue };
        match word {
            "address" => told.add(value),
            "netmask" => {
                let by_mask = || Some(u32::from(value.parse::<Ipv4Addr>().ok()?).leading_ones());
                let prefix =
                    value.parse::<u32>().ok().or_else(by_mask).and_then(|prefix| prefix.try_into().ok());
                if let (Some(address), Some(prefix @ 0..=32)) = (told.addresses.last_mut(), prefix) {
                    address.prefix = prefix;
                }
            }
            "gateway" => told.gateway = true,
            _ => {}
        }
    }
    all.extend(at);
}

fn of_dhcpcd(text: &str, all: &mut Vec<Told>) {
    let mut at: Option<Told> = None;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(word), Some(value)) = (words.next(), words.next()) else { continue };
        if word == "interface" {
            all.extend(at.replace(Told::new(dhcpcd::FILE, value)));
            continue;
        }
        let Some(told) = at.as_mut().filter(|_| word == "static") else { continue };
        match value.split_once('=') {
            Some(("ip_address", address)) => told.add(address),
            Some(("routers", router)) => told.gateway |= !router.is_empty(),
            _ => {}
        }
    }
    all.extend(at);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_managers_settings_tell_addresses_and_the_way_out() {
        let files = [
            (
                "etc/systemd/network/10.network",
                "[Match]\nName=eth0 eth9\n[Network]\nAddress=192.0.2.9/24\nGateway=192.0.2.1\n",
            ),
            (
                "etc/systemd/network/20.network",
                "[Match]\nName=eth1\n[Network]\nAddress=10.0.0.1/8\n[Route]\nGateway=10.0.0.2\nDestination=10.9.0.0/16\n",
            ),
            ("etc/systemd/network/30.network", "[Match]\nType=ether\n[Network]\nAddress=10.0.0.1/8\n"),
            (
                "etc/NetworkManager/system-connections/a.nmconnection",
                "[connection]\ninterface-name=eth2\n[ipv4]\naddress1=10.2.0.1/16,10.2.0.254\nmethod=manual\n",
            ),
            (
                "etc/network/interfaces",
                "iface lo inet loopback\niface eth3 inet static\n  address 10.3.0.1\n  netmask 255.255.0.0\n  gateway 10.3.0.2\n",
            ),
            (
                "etc/dhcpcd.conf",
                "static routers=1.2.3.4\ninterface eth4\nstatic ip_address=10.4.0.1/16\nstatic routers=10.4.0.2\n",
            ),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        let seen = Seen { files: files.into(), ..Seen::default() };
        let all = told(&seen);
        let shown: Vec<_> = all
            .iter()
            .map(|told| {
                format!(
                    "{} {}/{} {}",
                    told.names.join(","),
                    told.addresses[0].ip,
                    told.addresses[0].prefix,
                    told.gateway
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "eth0,eth9 192.0.2.9/24 true",
                "eth1 10.0.0.1/8 false",
                "eth2 10.2.0.1/16 true",
                "eth3 10.3.0.1/16 true",
                "eth4 10.4.0.1/16 true"
            ]
        );
        assert!(all[0].name().is_none() && all[1].name().is_some_and(|name| all[1].means(&name)));
    }

    proptest::proptest! {
        #[test]
        fn no_settings_make_it_panic(text in "(iface|interface|static|address|netmask|\\[Match\\]|Name=|ip_address=|eth1|10.0.0.1|/99| |\n|x){0,60}") {
            for path in ["etc/systemd/network/a.network", "etc/network/interfaces", dhcpcd::FILE] {
                let files = [(path.to_owned(), text.clone().into_bytes())];
                told(&Seen { files: files.into(), ..Seen::default() });
            }
        }
    }
}
