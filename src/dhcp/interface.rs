//! The network interfaces of this host and their IPv4 addresses.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::io;
use std::net::Ipv4Addr;

use super::error::Error;
use crate::board::Mac;

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its number in this network namespace.
    pub index: u32,
    /// Its Ethernet address; `None` for loopback, tunnels and the like.
    pub mac: Option<Mac>,
    /// It is switched on.
    pub is_up: bool,
    /// Its IPv4 addresses with the lengths of their prefixes, in the kernel's order: the first is the primary one.
    pub addresses: Vec<(Ipv4Addr, u8)>,
}

impl Interface {
    /// Its addresses as `ip addr` writes them.
    #[must_use]
    pub fn show_addresses(&self) -> String {
        let all: Vec<String> =
            self.addresses.iter().map(|(address, prefix)| format!("{address}/{prefix}")).collect();
        if all.is_empty() { "no IPv4 address".to_owned() } else { all.join(", ") }
    }
}

/// Finds an interface that boards can be behind.
///
/// # Errors
/// Where no interface has that name (the hint names those that there are), it is no Ethernet, or it is down.
pub fn find(name: &str) -> Result<Interface, Error> {
    let all = list().map_err(Error::List)?;
    let Some(found) = all.iter().find(|interface| interface.name == name) else {
        let usable = all.iter().filter(|interface| interface.mac.is_some());
        let have: Vec<String> =
            usable.map(|interface| format!("{} ({})", interface.name, interface.show_addresses())).collect();
        return Err(Error::NoInterface { name: name.to_owned(), have: have.join(", ") });
    };
    if found.mac.is_none() {
        return Err(Error::NotEthernet { interface: name.to_owned() });
    }
    if !found.is_up {
        return Err(Error::Down { interface: name.to_owned() });
    }
    Ok(found.clone())
}

/// All interfaces of this network namespace, in the order of their numbers.
///
/// # Errors
/// Where the kernel doesn't tell.
pub fn list() -> io::Result<Vec<Interface>> {
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the pointer is to a pointer that the call fills in.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found: BTreeMap<String, Interface> = BTreeMap::new();
    let mut next = first;
    while !next.is_null() {
        // SAFETY: the list's entries are valid until freeifaddrs.
        let entry = unsafe { &*next };
        next = entry.ifa_next;
        // SAFETY: the name is a C string that lives as long as the entry.
        let name = unsafe { CStr::from_ptr(entry.ifa_name) }.to_string_lossy().into_owned();
        let interface = found.entry(name.clone()).or_insert_with(|| Interface {
            name,
            index: 0,
            mac: None,
            is_up: false,
            addresses: Vec::new(),
        });
        interface.is_up |= entry.ifa_flags & libc::IFF_UP as u32 != 0;
        if entry.ifa_addr.is_null() {
            continue;
        }
        // SAFETY: the address is at least as long as its family's structure.
        match i32::from(unsafe { (*entry.ifa_addr).sa_family }) {
            libc::AF_PACKET => {
                // SAFETY: of that family.
                let link = unsafe { entry.ifa_addr.cast::<libc::sockaddr_ll>().read_unaligned() };
                interface.index = u32::try_from(link.sll_ifindex).unwrap_or(0);
                let [a, b, c, d, e, f, ..] = link.sll_addr;
                let ethernet = link.sll_hatype == libc::ARPHRD_ETHER && link.sll_halen == 6;
                interface.mac = ethernet.then_some(Mac::new([a, b, c, d, e, f]));
            }
            libc::AF_INET => {
                // SAFETY: of that family, and its mask too.
                let [address, mask] = unsafe {
                    [entry.ifa_addr, entry.ifa_netmask].map(|at| {
                        if at.is_null() {
                            0
                        } else {
                            at.cast::<libc::sockaddr_in>().read_unaligned().sin_addr.s_addr
                        }
                    })
                };
                let prefix = u32::from_be(mask).leading_ones() as u8;
                interface.addresses.push((Ipv4Addr::from(u32::from_be(address)), prefix));
            }
            _ => {}
        }
    }
    // SAFETY: it came from getifaddrs, and no pointer into it is kept.
    unsafe { libc::freeifaddrs(first) };
    let mut all: Vec<Interface> = found.into_values().filter(|interface| interface.index != 0).collect();
    all.sort_by_key(|interface| interface.index);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Explain;

    #[test]
    fn loopback_is_there_and_carries_no_boards() {
        let all = list().unwrap();
        let lo = all.iter().find(|interface| interface.name == "lo").expect("every Linux has lo");
        assert_eq!((lo.index, lo.mac), (1, None));
        if lo.is_up {
            assert_eq!(lo.addresses[0], (Ipv4Addr::LOCALHOST, 8));
        }
        assert!(matches!(find("lo"), Err(Error::NotEthernet { .. })));
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_ones() {
        let error = find("no-such-0").unwrap_err();
        assert_eq!(error.to_string(), "there is no network interface `no-such-0`");
        let hint = error.hint().unwrap();
        for interface in list().unwrap().iter().filter(|interface| interface.mac.is_some()) {
            assert!(hint.says(&interface.name), "{hint:?}");
        }
    }
}
