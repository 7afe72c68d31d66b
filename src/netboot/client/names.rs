//! What a client is called, and how its board finds it.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use super::Error;
use crate::netboot::content::place::Prefix;

/// A client's name, which is its host name too: one label of RFC 1123, section 2.1. So it can't be a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = |why| Err(Error::BadName { name: text.chars().take(80).collect(), why });
        if text.is_empty() {
            return bad("it is empty");
        }
        if text.contains('/') || text == "." || text == ".." {
            return bad("it is a path");
        }
        if text.len() > 63 {
            return bad("it has more than 63 characters");
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return bad("letters, digits and dashes are allowed");
        }
        if text.starts_with('-') || text.ends_with('-') {
            return bad("it begins or ends with a dash");
        }
        if text.eq_ignore_ascii_case("localhost") {
            return bad("every host calls itself so");
        }
        // As inet_aton(3) reads it: `1` is 0.0.0.1.
        let lower = text.to_ascii_lowercase();
        let hex =
            lower.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if hex || text.bytes().all(|byte| byte.is_ascii_digit()) {
            return bad("programs take it for an address");
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Prefix {
    type Err = Error;

    /// Reads what people call a board: its serial number in 8 or 16 hexadecimal digits (`/proc/cpuinfo` shows 16; the
    /// low 8 count), or its MAC address.
    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = text.strip_prefix("0x").filter(|digits| matches!(digits.len(), 8 | 16));
        let bad = || Error::BadBoard { text: text.chars().take(80).collect() };
        let board = Self::of_directory(digits.unwrap_or(text)).ok_or_else(bad)?;
        match board {
            Self::Serial(serial) if serial.is_blank() => {
                Err(Error::NoBoard { text: text.chars().take(80).collect() })
            }
            _ => Ok(board),
        }
    }
}

/// The hosts that may mount a client's root: an IPv4 network, or one address of it. (A root over NFS can't have IPv6:
/// klibc's nfsmount takes dotted addresses only.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    address: Ipv4Addr,
    prefix: u8,
}

impl Network {
    /// The network in which an address lies.
    #[must_use]
    pub fn of(address: Ipv4Addr, prefix: u8) -> Self {
        let prefix = prefix.min(32);
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
        Self { address: Ipv4Addr::from(u32::from(address) & mask), prefix }
    }

    /// How many bits name the network.
    #[must_use]
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// The network's first address; of one address alone, that.
    #[must_use]
    pub const fn address(self) -> Ipv4Addr {
        self.address
    }

    /// The network's last address; of one address alone, that.
    #[must_use]
    pub fn last(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.address) | u32::MAX.checked_shr(self.prefix.into()).unwrap_or(0))
    }

    /// Whether all of another network lies in this one.
    #[must_use]
    pub fn holds(self, other: Self) -> bool {
        self.prefix <= other.prefix && Self::of(other.address, self.prefix) == self
    }

    /// One address alone.
    #[must_use]
    pub fn one(address: Ipv4Addr) -> Self {
        Self { address, prefix: 32 }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix == 32 {
            write!(out, "{}", self.address)
        } else {
            write!(out, "{}/{}", self.address, self.prefix)
        }
    }
}

impl FromStr for Network {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::BadAddress {
            text: text.chars().take(80).collect(),
            wanted: "IPv4 network such as 10.0.0.0/24 (/8 and longer; `*` is nobody's)",
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, prefix.parse().map_err(|_| bad())?),
            None => (text, 32u8),
        };
        // Shorter than /8 would be half of the world, with write access as root.
        if !(8..=32).contains(&prefix) {
            return Err(bad());
        }
        Ok(Self::of(address.parse().map_err(|_| bad())?, prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Explain;

    #[test]
    fn names_are_host_names() {
        for good in ["a", "lab-01", "PI5", &"x".repeat(63)] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
        let long = "x".repeat(64);
        for bad in ["", ".", "..", "a/b", "../x", "/srv", "a.b", "a b", "-a", "a-", "ä", "a\n", &long] {
            let error = bad.parse::<Name>().unwrap_err();
            assert_eq!(error.kind().exit_code(), 2, "{bad}");
        }
        assert!("a/b".parse::<Name>().unwrap_err().to_string().contains("it is a path"));
        // What means something else wherever a host is named.
        for taken in ["localhost", "LocalHost", "1", "0010", "0x7f000001", "0x"] {
            assert!(taken.parse::<Name>().is_err(), "{taken}");
        }
        for fine in ["localhost1", "1a", "0x1g", "x1"] {
            assert!(fine.parse::<Name>().is_ok(), "{fine}");
        }
    }

    #[test]
    fn boards_and_their_directories() {
        for (text, directory) in [
            ("a2ef5644", "a2ef5644"),
            ("10000000A2EF5644", "a2ef5644"),
            ("0x0000000012345678", "12345678"),
            ("DC:A6:32:01:36:C2", "dc-a6-32-01-36-c2"),
            ("dca6320136c2", "dc-a6-32-01-36-c2"),
        ] {
            assert_eq!(text.parse::<Prefix>().unwrap().to_string(), directory, "{text}");
        }
        for bad in ["", "a2ef564", "a2ef56445", "xyz", "../../etc", "dc:a6:32:01:36", "+2ef5644"] {
            assert!(bad.parse::<Prefix>().is_err(), "{bad}");
        }
        // What boards tell that have no number is no board's.
        for none in ["00000000", "ffffffff", "FFFFFFFF", "0x00000000", "1000000000000000", "ffffffffffffffff"]
        {
            let error = none.parse::<Prefix>().unwrap_err();
            assert!(error.to_string().contains("have no serial number"), "{none}: {error}");
        }
        for none in ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"] {
            assert!(none.parse::<Prefix>().is_err(), "{none}");
        }
    }

    #[test]
    fn networks_are_never_everybody() {
        for (text, shown) in [
            ("10.1.2.3/24", "10.1.2.0/24"),
            ("10.1.2.3", "10.1.2.3"),
            ("10.1.2.3/32", "10.1.2.3"),
            ("10.9.9.9/8", "10.0.0.0/8"),
        ] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), shown);
        }
        for bad in ["*", "", "0.0.0.0/0", "10.0.0.0/33", "10.0.0/24", "fd00::/64", "host.example"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
