//! What only the settings below `[station]` have.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

use super::form::{Form, Written};
use super::value::Raw;

/// What becomes of a board that nobody knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enrol {
    /// A person has to say that it may take work.
    #[default]
    Ask,
    /// It may: for a network on which nobody else is.
    Open,
}

impl fmt::Display for Enrol {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Ask => "ask",
            Self::Open => "open",
        })
    }
}

impl FromStr for Enrol {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ask" => Ok(Self::Ask),
            "open" => Ok(Self::Open),
            _ => Err("there are ask and open"),
        }
    }
}

/// An [`Enrol`].
pub(super) struct EnrolForm;

impl Form for EnrolForm {
    type Value = Enrol;

    fn wanted(&self) -> String {
        "`ask` or `open`".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<Enrol, String> {
        raw.text().and_then(|text| text.parse().ok()).ok_or_else(|| raw.not(&self.wanted()))
    }

    fn write(&self, enrol: &Enrol) -> Written {
        Written::One(enrol.to_string())
    }
}

/// Where a PostgreSQL database is. A password doesn't stand there: everybody may read settings.
pub(super) struct Database;

impl Form for Database {
    type Value = String;

    fn wanted(&self) -> String {
        "a URL such as postgres:///piprov?host=/run/postgresql, without a password".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<String, String> {
        let good = |text: &&str| {
            let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
            let secret = |rest: &str| {
                let login = rest.split('/').next().and_then(|host| host.rsplit_once('@'));
                login.is_some_and(|(login, _)| login.contains(':')) || rest.contains("password=")
            };
            rest.is_some_and(|rest| !secret(rest)) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let Some(text) = raw.text() else { return Err(raw.not(&self.wanted())) };
        // What isn't taken may have a password in it, and stands in no log.
        if good(&text) { Ok(text.to_owned()) } else { Err(format!("{} is wanted", self.wanted())) }
    }

    fn write(&self, url: &String) -> Written {
        Written::One(url.clone())
    }
}

/// Where a station is. Only its outer form is looked at here.
pub(super) struct StationUrl;

impl Form for StationUrl {
    type Value = String;

    fn wanted(&self) -> String {
        "https://HOST:PORT, http://HOST:PORT or unix:/PATH, without a user".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<String, String> {
        let good = |text: &&str| {
            let known = ["https://", "http://", "unix:/"].into_iter().any(|scheme| text.starts_with(scheme));
            known
                && !text.contains('@')
                && !text.chars().any(|char| char.is_control() || char.is_whitespace())
        };
        raw.text().filter(good).map(str::to_owned).ok_or_else(|| raw.not(&self.wanted()))
    }

    fn write(&self, url: &String) -> Written {
        Written::One(url.clone())
    }
}

/// A network: an address, and how many of its first bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(into = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl Network {
    /// Whether an address is of it.
    #[must_use]
    pub fn has(&self, ip: IpAddr) -> bool {
        let number = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => (u128::from(u32::from(ip)) << 96, 32),
            IpAddr::V6(ip) => (u128::from(ip), 128),
        };
        let ((own, length), (other, other_length)) = (number(self.address), number(ip.to_canonical()));
        let differ = u32::from(self.bits).checked_sub(1).map_or(0, |last| (own ^ other) >> (127 - last));
        length == other_length && differ == 0
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.bits)
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| "it is no address")?;
        let address = address.to_canonical();
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| "what stands behind / is no number")?;
        if bits > most { Err("more bits than it has") } else { Ok(Self { address, bits }) }
    }
}

/// A [`Network`].
pub(super) struct NetworkForm;

impl Form for NetworkForm {
    type Value = Network;

    fn wanted(&self) -> String {
        "an address or a network, such as 10.0.0.5 or fd00::/64".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<Network, String> {
        raw.text().and_then(|text| text.parse().ok()).ok_or_else(|| raw.not(&self.wanted()))
    }

    fn write(&self, network: &Network) -> Written {
        Written::One(network.to_string())
    }
}

/// The name of an HTTP header.
pub(super) struct HeaderName;

impl Form for HeaderName {
    type Value = String;

    fn wanted(&self) -> String {
        "the name of an HTTP header, such as X-Remote-User".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<String, String> {
        // What browsers and this station use themselves would be taken for a name.
        let own =
            ["authorization", "connection", "content-length", "content-type", "cookie", "host", "origin"];
        let name = raw.text().map(str::to_ascii_lowercase);
        let good = |name: &String| {
            (1..=100).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !own.contains(&name.as_str())
        };
        name.filter(good).ok_or_else(|| raw.not(&self.wanted()))
    }

    fn write(&self, name: &String) -> Written {
        Written::One(name.clone())
    }
}

/// A host's name, perhaps with `*.` for its first label, or an address.
pub(super) struct ServerName;

impl Form for ServerName {
    type Value = String;

    fn wanted(&self) -> String {
        "a host name such as station.example, or an IP address, without a port".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<String, String> {
        let label = |label: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            (1..=63).contains(&label.len()) && label.bytes().all(plain)
        };
        let good = |text: &&str| {
            let name = text.strip_prefix("*.").unwrap_or(text);
            let name = name.strip_suffix('.').unwrap_or(name);
            text.parse::<std::net::IpAddr>().is_ok() || text.len() <= 253 && name.split('.').all(label)
        };
        raw.text().filter(good).map(str::to_owned).ok_or_else(|| raw.not(&self.wanted()))
    }

    fn write(&self, name: &String) -> Written {
        Written::One(name.clone())
    }
}

/// A SHA-256 digest.
pub(super) struct Sha256;

impl Form for Sha256 {
    type Value = String;

    fn wanted(&self) -> String {
        "64 hexadecimal digits".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<String, String> {
        let good = |text: &String| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let plain = raw.text().map(|text| text.replace(':', "").to_ascii_lowercase());
        plain.filter(good).ok_or_else(|| raw.not(&self.wanted()))
    }

    fn write(&self, digest: &String) -> Written {
        Written::One(digest.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_station_has_no_port_and_no_path() {
        let read = |text: &str| ServerName.read(&Raw::Text(text.to_owned()), Path::new("/"));
        for good in ["station", "station.example", "*.lab.example", "a_b.example.", "10.0.0.1", "2001:db8::1"]
        {
            assert_eq!(read(good).as_deref(), Ok(good));
        }
        for bad in ["", "*", "*.", "a..b", "station:80", "http://station", "a/b", "a b", "*.*.x", "[::1]"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_database_is_named_without_its_password() {
        let read = |text: &str| Database.read(&Raw::Text(text.to_owned()), Path::new("/"));
        for good in ["postgres:///piprov?host=/run/postgresql", "postgresql://piprov@db.local:5432/piprov"] {
            assert_eq!(read(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "sqlite:x",
            "postgres://piprov:secret@db/piprov",
            "postgres:///p?password=x",
            "postgres://a b",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_network_has_its_addresses_and_no_others() {
        let has = |network: &str, ip: &str| network.parse::<Network>().unwrap().has(ip.parse().unwrap());
        assert!(has("10.0.0.5", "10.0.0.5") && has("10.0.0.5", "::ffff:10.0.0.5"));
        assert!(
            !has("10.0.0.5", "10.0.0.4") && !has("10.0.0.0/8", "11.0.0.1") && has("10.0.0.0/8", "10.9.9.9")
        );
        assert!(
            has("0.0.0.0/0", "1.2.3.4") && !has("0.0.0.0/0", "2001:db8::1") && has("::/0", "2001:db8::1")
        );
        assert!(has("fd00::/64", "fd00::7") && !has("fd00::/64", "fd00:0:0:1::7") && !has("::/0", "1.2.3.4"));
        for wrong in ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/-1", "fd00::/129", "a/8"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
        let name = |text: &str| HeaderName.read(&Raw::Text(text.to_owned()), Path::new("/"));
        assert_eq!(name("X-Remote-User").as_deref(), Ok("x-remote-user"));
        assert!(name("Cookie").is_err() && name("a b").is_err() && name("").is_err());
    }

    #[test]
    fn a_station_is_named_without_a_password_and_a_pin_with_or_without_colons() {
        let url = |text: &str| StationUrl.read(&Raw::Text(text.to_owned()), Path::new("/")).is_ok();
        assert!(url("https://a:8080") && url("unix:/run/x") && !url("a:8080") && !url("http://me:x@a"));
        let pin = |text: &str| Sha256.read(&Raw::Text(text.to_owned()), Path::new("/"));
        let colons = ["AB"; 32].join(":");
        assert_eq!(pin(&colons), Ok("ab".repeat(32)));
        assert!(pin("ab").is_err() && pin(&"g".repeat(64)).is_err());
    }
}
