//! What of this host is asked and told: addresses, programs, the NFS server.

use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Error;
use super::names::Network;
use crate::error::{Finding, Knob, remedy};

/// An address of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The interface that has it.
    pub interface: String,
    /// The address.
    pub address: Ipv4Addr,
    /// The length of its network's prefix.
    pub prefix: u8,
}

/// All IPv4 addresses of this host that others can reach.
///
/// # Errors
/// When the system doesn't say.
pub fn addresses() -> std::io::Result<Vec<Address>> {
    let mut found = Vec::new();
    for interface in crate::wire::interfaces::list()?.into_iter().filter(|interface| interface.is_up) {
        for (address, prefix) in interface.addresses {
            if !address.is_loopback() {
                found.push(Address { interface: interface.name.clone(), address, prefix });
            }
        }
    }
    Ok(found)
}

/// This host's addresses with the one that a client knows its server by, which may be another host's, or none of this
/// host's any more.
pub(super) fn with_server(server: Ipv4Addr, addresses: &[Address]) -> Vec<Ipv4Addr> {
    let mut all: Vec<Ipv4Addr> =
        std::iter::once(server).chain(addresses.iter().map(|one| one.address)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// This host's address, and the hosts that may mount: what was given, and the rest from the interface.
pub(super) fn server_and_network(
    server: Option<Ipv4Addr>,
    network: Option<Network>,
    interface: Option<&str>,
    addresses: &[Address],
) -> Result<(Ipv4Addr, Network), Error> {
    if let (Some(server), Some(network)) = (server, network) {
        return Ok((server, network));
    }
    let no = |what: String| Error::NoAddress { what };
    let ours = addresses.iter().find(|ours| match (server, interface, network) {
        (Some(server), ..) => ours.address == server,
        (_, Some(interface), _) => ours.interface == interface,
        (.., Some(network)) => Network::of(ours.address, network.prefix()) == network,
        (None, None, None) => false,
    });
    match (ours, server, interface, network) {
        (Some(ours), server, _, network) => Ok((
            server.unwrap_or(ours.address),
            network.unwrap_or_else(|| Network::of(ours.address, ours.prefix)),
        )),
        (None, Some(server), ..) => {
            Err(no(format!("{server} is no address of this host, so the clients' network isn't known")))
        }
        (None, _, Some(""), _) => Err(no("no interface has an empty name".to_owned())),
        (None, _, Some(interface), _) => {
            Err(no(format!("the interface {interface} has no IPv4 address for boards")))
        }
        (None, _, _, Some(network)) => Err(no(format!("this host has no address in {network}"))),
        (None, None, None, None) => {
            Err(no("neither this host's address nor the clients' network is known".to_owned()))
        }
    }
}

/// Refuses addresses that no host on a network has, and a client that would be its own server.
///
/// `around` is the network that the server is known to be in.
pub(super) fn usable(server: Ipv4Addr, network: Network, around: Option<Network>) -> Result<(), Error> {
    let cannot = |what: String| Error::Cannot {
        what,
        hint: remedy![
            "give the address of a host on the client's network with ",
            Knob::Server,
            " and ",
            Knob::Address,
        ],
    };
    let nobodys = |address: Ipv4Addr| {
        // RFC 1122, section 3.2.1.3: this network, this host; and groups, reserved ones, everybody.
        let first = address.octets()[0];
        first == 0 || first == 127 || first >= 224
    };
    for (what, address) in [("server", server), ("client", network.address())] {
        if nobodys(address) {
            return Err(cannot(format!("{address} can't be a {what}'s address on a network")));
        }
    }
    // A network's first and last address are nobody's, but where it has two (RFC 3021).
    let client = (network.prefix() == 32).then_some(("client", network.address()));
    for (what, address) in [Some(("server", server)), client].into_iter().flatten() {
        let ends = |of: &Network| of.prefix() < 31 && [of.address(), of.last()].contains(&address);
        if let Some(of) = [Some(network), around].into_iter().flatten().find(ends) {
            return Err(cannot(format!("{address} can't be a {what}'s address: in {of} it is no host's")));
        }
    }
    if network == Network::one(server) {
        return Err(cannot(format!("{server} can't be the address of the client and of its server")));
    }
    Ok(())
}

/// The network that a server is in: this host's, or the one that a client had which it lies in.
pub(super) fn around(server: Ipv4Addr, ours: &[Address], before: Option<Network>) -> Option<Network> {
    let own = ours.iter().find(|ours| ours.address == server);
    let before = before.filter(|before| before.prefix() < 32 && before.holds(Network::one(server)));
    own.map(|ours| Network::of(ours.address, ours.prefix)).or(before)
}

/// Whether a client is in another network than its server. With a router between them that is well. Of a server that is in
/// no network that is known here, its own address says whether it is in the client's.
pub(super) fn apart(server: Ipv4Addr, network: Network, around: Option<Network>) -> Option<Finding> {
    let is_one = network.prefix() == 32;
    let meets = |around: Network| around.holds(network) || network.holds(around);
    let (what, other) = match around {
        Some(around) if meets(around) => return None,
        Some(around) => (format!("{network} is not in {around}, its server's network"), around),
        None if is_one || network.holds(Network::one(server)) => return None,
        None => (format!("{server}, the server, is not in {network}"), Network::one(server)),
    };
    let router = format!("{what}, so that a router has to lead from one to the other");
    let help = if is_one {
        remedy!["if there is none, give another address with ", Knob::Address]
    } else if other.prefix() < 32 {
        remedy!["if there is none, give the network with ", Knob::Network.to(other), ", or leave it away"]
    } else {
        remedy!["if there is none, give the server's address in that network with ", Knob::Server]
    };
    Some(Finding::warning("network", router, help))
}

/// Finds a program, also where an ordinary user's PATH doesn't look.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    places.extend(["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin"].map(PathBuf::from));
    places.into_iter().map(|place| place.join(name)).find(|path| path.is_file())
}

/// Runs a program to its end; an error has what it printed.
pub(super) fn run(program: &Path, arguments: &[&OsStr]) -> Result<(), Error> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let output = command.output().map_err(Error::os("running", program))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).split_whitespace().collect::<Vec<_>>().join(" ");
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    let arguments: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    Err(Error::Program {
        program: format!("{name} {}", arguments.join(" ")),
        status: output.status.to_string(),
        said: said.chars().take(400).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_comes_from_the_interface() {
        let address = |interface: &str, address: &str, prefix| Address {
            interface: interface.into(),
            address: address.parse().unwrap(),
            prefix,
        };
        let ours = [address("eth0", "192.168.1.5", 24), address("eth1", "10.0.0.1", 16)];
        let ask = |server: Option<&str>, network: Option<&str>, interface| {
            let server = server.map(|text| text.parse().unwrap());
            let network = network.map(|text| text.parse().unwrap());
            server_and_network(server, network, interface, &ours)
                .map(|(server, network)| format!("{server} {network}"))
                .map_err(|error| error.to_string())
        };
        assert_eq!(ask(None, None, Some("eth1")).unwrap(), "10.0.0.1 10.0.0.0/16");
        assert_eq!(ask(None, Some("10.0.9.9"), Some("eth1")).unwrap(), "10.0.0.1 10.0.9.9");
        assert_eq!(ask(Some("192.168.1.5"), None, None).unwrap(), "192.168.1.5 192.168.1.0/24");
        assert_eq!(ask(None, Some("192.168.1.0/24"), None).unwrap(), "192.168.1.5 192.168.1.0/24");
        assert_eq!(ask(Some("172.16.0.1"), Some("172.16.0.0/16"), None).unwrap(), "172.16.0.1 172.16.0.0/16");
        assert!(ask(Some("172.16.0.1"), None, None).unwrap_err().contains("no address of this host"));
        assert!(ask(None, None, Some("wlan0")).unwrap_err().contains("wlan0"));
        assert!(ask(None, Some("172.16.0.0/16"), None).unwrap_err().contains("172.16.0.0/16"));
        assert!(ask(None, None, None).is_err());
        assert_eq!(ask(None, None, Some("")).unwrap_err(), "no interface has an empty name");
    }

    #[test]
    fn addresses_that_no_host_has() {
        let ask =
            |server: &str, network: &str| usable(server.parse().unwrap(), network.parse().unwrap(), None);
        assert!(ask("10.0.0.1", "10.0.0.7").is_ok() && ask("192.168.1.5", "192.168.1.0/24").is_ok());
        for bad in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "127.0.0.1"] {
            let told = ask(bad, "10.0.0.0/24").unwrap_err().to_string();
            assert!(told.contains(bad) && told.contains("server"), "{told}");
            let told = ask("10.0.0.1", bad).unwrap_err().to_string();
            assert!(told.contains(bad) && told.contains("client"), "{told}");
        }
        for bad in ["198.51.100.0", "198.51.100.255"] {
            let told = ask(bad, "198.51.100.0/24").unwrap_err().to_string();
            assert!(told.contains("server") && told.contains("in 198.51.100.0/24 it is no host's"), "{told}");
            let around = Some("198.51.100.0/24".parse().unwrap());
            let told = usable("198.51.100.1".parse().unwrap(), bad.parse().unwrap(), around)
                .unwrap_err()
                .to_string();
            assert!(told.contains("client's address: in"), "{told}");
            assert!(ask("198.51.100.1", bad).is_ok(), "what network it is in isn't known");
        }
        assert!(
            ask("198.51.100.0", "198.51.100.0/31").is_ok() && ask("198.51.100.255", "198.51.0.0/16").is_ok()
        );
        assert!(ask("10.0.0.1", "10.0.0.1").unwrap_err().to_string().contains("of its server"));
    }

    #[test]
    fn a_client_in_another_network_than_its_server_is_told() {
        let server: Ipv4Addr = "198.51.100.1".parse().unwrap();
        let net = |text: &str| text.parse::<Network>().unwrap();
        let ours = [Address { interface: "eth0".into(), address: server, prefix: 25 }];
        assert_eq!(around(server, &ours, Some(net("198.51.100.0/24"))), Some(net("198.51.100.0/25")));
        assert_eq!(around(server, &[], Some(net("198.51.100.0/24"))), Some(net("198.51.100.0/24")));
        assert_eq!(around(server, &[], Some(net("203.0.113.0/24"))), None);
        let known = Some(net("198.51.100.0/24"));
        for far in ["203.0.113.5", "203.0.113.0/24"] {
            let told = apart(server, net(far), known).unwrap();
            assert!(told.what.contains("not in 198.51.100.0/24"), "{far}: {}", told.what);
        }
        let told = apart(server, net("203.0.113.0/24"), None).unwrap().what;
        assert!(told.contains("198.51.100.1, the server, is not in 203.0.113.0/24"), "{told}");
        for (network, known) in [
            ("198.51.100.7", known),
            ("198.51.100.0/25", known),
            ("198.51.0.0/16", known),
            ("198.51.100.0/24", None),
            ("203.0.113.5", None),
        ] {
            assert_eq!(apart(server, net(network), known), None, "{network}");
        }
    }

    #[test]
    fn programs_and_their_failures() {
        assert!(program("sh").is_some() && program("no-such-program-here").is_none());
        let sh = program("sh").unwrap();
        assert!(run(&sh, &["-c".as_ref(), "exit 0".as_ref()]).is_ok());
        let error = run(&sh, &["-c".as_ref(), "echo this went wrong >&2; exit 3".as_ref()]).unwrap_err();
        assert!(error.to_string().contains("this went wrong"), "{error}");
        assert!(addresses().is_ok());
    }
}
