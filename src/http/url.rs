//! Where something is: the part of URLs (RFC 3986) that is needed, with Unix sockets and the zones of link-local
//! addresses (RFC 6874) beside it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

/// Most characters of a URL.
const LONGEST: usize = 8192;

/// A server: how it is spoken to, and where.
///
/// As text: `http://HOST[:PORT]`, `https://HOST[:PORT]`, or `unix:/PATH`. A host is a name, an IPv4 address, or an IPv6
/// address in brackets; `[fe80::1%25eth0]` and `[fe80::1%eth0]` have a zone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Over TCP.
    Tcp {
        /// With TLS: `https`.
        tls: bool,
        /// A name, or an address without brackets and zone.
        host: String,
        /// The interface of a link-local address, by name or number.
        zone: Option<String>,
        /// The port.
        port: u16,
    },
    /// Over the Unix socket of this path.
    Unix(PathBuf),
}

/// Something on a server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Url {
    /// The server.
    pub origin: Origin,
    /// Path and query, from the first `/` on, in characters that may stand in a request.
    pub path: String,
}

/// A text that is no URL, or not one that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} can't be used as an address: {why}")]
pub struct BadUrl {
    /// The text; without what may be a password.
    pub text: String,
    /// What is wrong.
    pub why: &'static str,
}

impl crate::error::Explain for BadUrl {
    fn kind(&self) -> crate::error::Kind {
        crate::error::Kind::Usage
    }

    fn hint(&self) -> Option<crate::error::Remedy> {
        Some("It looks like https://station.example:8080, http://[fe80::1%eth0]:8080 or unix:/run/piprov/station.sock.".into())
    }
}

impl Origin {
    /// The address where it is one, and not a name.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp { host, .. } => host.parse().ok(),
            Self::Unix(_) => None,
        }
    }

    /// What stands in the `Host` header: without the zone, which means something on this host only.
    #[must_use]
    pub fn host_header(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".to_owned(),
            Self::Tcp { tls, host, port, .. } => {
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                if *port == default_port(*tls) { host } else { format!("{host}:{port}") }
            }
        }
    }

    /// Whether everybody between can read what is said: not with TLS, and not on this host.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self {
            Self::Unix(_) => false,
            Self::Tcp { tls, .. } => !*tls && !self.ip().is_some_and(|ip| ip.is_loopback()),
        }
    }

    /// Something on it. What can't stand in a request is escaped.
    #[must_use]
    pub fn at(&self, path: &str) -> Url {
        let mut text = String::with_capacity(path.len() + 1);
        if !path.starts_with('/') {
            text.push('/');
        }
        escape(&mut text, path, |byte| PATH.contains(&byte));
        Url { origin: self.clone(), path: text }
    }
}

/// What stands in path and query as it is, beside letters and digits.
const PATH: &[u8] = b"/?&=%-._~!$'()*+,;:@";

/// Writes a text with everything escaped but letters, digits and what `plain` allows.
fn escape(out: &mut String, text: &str, plain: impl Fn(u8) -> bool) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.extend(char::from_digit(u32::from(digit), 16).map(|digit| digit.to_ascii_uppercase()));
            }
        }
    }
}

/// A text as one segment of a path, or as a name or value in a query: nothing in it means anything there.
#[must_use]
pub fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // A segment of dots only would be taken away as a step upwards.
    let dots = !text.is_empty() && text.bytes().all(|byte| byte == b'.');
    escape(&mut out, text, |byte| b"-_~".contains(&byte) || (byte == b'.' && !dots));
    out
}

const fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(out, "unix:{}", path.display()),
            Self::Tcp { tls, host, zone, port } => {
                let scheme = if *tls { "https" } else { "http" };
                match zone {
                    Some(zone) => write!(out, "{scheme}://[{host}%{zone}]")?,
                    None if host.contains(':') => write!(out, "{scheme}://[{host}]")?,
                    None => write!(out, "{scheme}://{host}")?,
                }
                if *port == default_port(*tls) { Ok(()) } else { write!(out, ":{port}") }
            }
        }
    }
}

/// Without the query, which may hold what isn't for everybody.
impl fmt::Display for Url {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        match &self.origin {
            Origin::Unix(_) => write!(out, "{} {path}", self.origin),
            Origin::Tcp { .. } => write!(out, "{}{path}", self.origin),
        }
    }
}

impl FromStr for Origin {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let url: Url = text.parse()?;
        if url.path == "/" || matches!(url.origin, Self::Unix(_)) {
            return Ok(url.origin);
        }
        Err(bad(text, "a server is needed, without a path behind it"))
    }
}

impl FromStr for Url {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let bad = |why| bad(text, why);
        if text.len() > LONGEST {
            return Err(bad("it is too long"));
        }
        if text.chars().any(|char| char.is_control() || char.is_whitespace()) {
            return Err(bad("it has spaces or controls in it"));
        }
        if let Some(path) = text.strip_prefix("unix:") {
            // sun_path has 108 bytes with the one that ends it: unix(7).
            if !path.starts_with('/') || path.len() > 107 {
                return Err(bad("behind `unix:` stands the whole path of a socket, of at most 107 bytes"));
            }
            return Ok(Self { origin: Origin::Unix(path.into()), path: "/".to_owned() });
        }
        let (scheme, rest) =
            text.split_once("://").ok_or_else(|| bad("it doesn't begin with http:// or https://"))?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(bad("only http, https and unix are known")),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(bad("a user or a password stands in it, which others could read"));
        }
        let (host, zone, port) = host_and_port(authority).map_err(bad)?;
        let port = port.unwrap_or_else(|| default_port(tls));
        // A fragment is for the reader, and isn't sent: RFC 9110, section 4.2.5.
        let path = path.split('#').next().unwrap_or_default();
        Ok(Origin::Tcp { tls, host, zone, port }.at(path))
    }
}

fn host_and_port(authority: &str) -> Result<(String, Option<String>, Option<u16>), &'static str> {
    let (host, zone, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (inside, port) = rest.split_once(']').ok_or("the bracket of an IPv6 address isn't closed")?;
        let (address, zone) = match inside.split_once('%') {
            Some((address, zone)) => {
                (address, Some(zone.strip_prefix("25").filter(|zone| !zone.is_empty()).unwrap_or(zone)))
            }
            None => (inside, None),
        };
        let address: Ipv6Addr = address.parse().map_err(|_| "between the brackets stands no IPv6 address")?;
        // An interface's name has at most 15 bytes: IFNAMSIZ.
        let named = |zone: &str| {
            (1..=15).contains(&zone.len())
                && zone.bytes().all(|byte| byte.is_ascii_graphic() && !b"/%[]".contains(&byte))
        };
        if zone.is_some_and(|zone| !named(zone)) {
            return Err("behind % stands no interface");
        }
        let port = match port.strip_prefix(':') {
            Some(port) => port,
            None if port.is_empty() => "",
            None => return Err("something stands behind the bracket"),
        };
        (address.to_string(), zone.map(str::to_owned), port)
    } else {
        let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
        if port.contains(':') {
            return Err("an IPv6 address stands in brackets");
        }
        // Names of 253 characters are the longest: RFC 1035, section 2.3.4.
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if host.is_empty()
            || host.len() > 253
            || !host.bytes().all(letters)
            || host.starts_with('.')
            || host.contains("..")
        {
            return Err("the server's name is missing or has characters that no name has");
        }
        (host.to_ascii_lowercase(), None, port)
    };
    if port.is_empty() {
        return Ok((host, zone, None));
    }
    let number = port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok()).flatten();
    let port = number.filter(|port| *port != 0).ok_or("the port is no number from 1 to 65535")?;
    Ok((host, zone, Some(port)))
}

/// A text that is no URL, without what may be a password.
fn bad(text: &str, why: &'static str) -> BadUrl {
    let mut text = text.to_owned();
    if let Some(at) = text.rfind('@') {
        let from = text.find("://").map_or(0, |at| at + 3);
        if from < at {
            text.replace_range(from..at, "…");
        }
    }
    if let Some(at) = text.find('?') {
        text.replace_range(at.., "?…");
    }
    if let Some((at, _)) = text.char_indices().nth(200) {
        text.replace_range(at.., "…");
    }
    BadUrl { text, why }
}

impl Url {
    /// Where a redirection to this text leads: to a whole URL, or to a path on the same server.
    ///
    /// # Errors
    /// When it leads to nothing that can be used: another scheme, out of a Unix socket, or from TLS to none.
    pub(super) fn follow(&self, location: &str) -> Result<Self, BadUrl> {
        let bad = |why| bad(location, why);
        let clean = !location.chars().any(|char| char.is_control() || char.is_whitespace());
        let to = if location.starts_with("//") {
            let Origin::Tcp { tls, .. } = self.origin else {
                return Err(bad("it leads away from this host"));
            };
            format!("{}:{location}", if tls { "https" } else { "http" }).parse()?
        } else if location.starts_with('/') && clean && location.len() <= LONGEST {
            self.origin.at(location.split('#').next().unwrap_or_default())
        } else if let Some(query) = location.strip_prefix('?').filter(|_| clean) {
            let path = self.path.split('?').next().unwrap_or_default();
            self.origin.at(&format!("{path}?{query}"))
        } else if !location.contains(':') && clean && !location.is_empty() && location.len() <= LONGEST {
            let path = self.path.split('?').next().unwrap_or_default();
            let directory = path.rfind('/').map_or("", |at| &path[..at]);
            self.origin.at(&format!("{directory}/{}", location.split('#').next().unwrap_or_default()))
        } else {
            location.parse::<Self>()?
        };
        match (&self.origin, &to.origin) {
            (from, to) if from == to => {}
            (Origin::Unix(_), _) => return Err(bad("it leads away from this host")),
            (_, Origin::Unix(_)) => return Err(bad("it leads to a socket of this host")),
            (Origin::Tcp { tls: true, .. }, Origin::Tcp { tls: false, .. }) => {
                return Err(bad("it leads from TLS to a connection that everybody can read"));
            }
            _ => {}
        }
        Ok(to)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn what_servers_are_called() {
        for (text, host, header) in [
            ("http://a", "http://a", "a"),
            ("HTTPS://A.example:8443", "https://a.example:8443", "a.example:8443"),
            ("https://a:443/", "https://a", "a"),
            ("http://10.0.0.1:8080", "http://10.0.0.1:8080", "10.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080", "[::1]:8080"),
            ("http://[fe80::1%25eth0]:1", "http://[fe80::1%eth0]:1", "[fe80::1]:1"),
            ("http://[fe80::1%2]", "http://[fe80::1%2]", "[fe80::1]"),
            ("unix:/run/piprov/station.sock", "unix:/run/piprov/station.sock", "localhost"),
        ] {
            let origin: Origin = text.parse().unwrap();
            assert_eq!(
                (origin.to_string().as_str(), origin.host_header().as_str()),
                (host, header),
                "{text}"
            );
            assert_eq!(origin.to_string().parse::<Origin>().unwrap(), origin);
        }
    }

    #[test]
    fn what_is_no_server() {
        for text in [
            "",
            "a",
            "ftp://a",
            "file:///etc/passwd",
            "http://",
            "http://:80",
            "http://a:0",
            "http://a:65536",
            "http://a:+1",
            "http://a b",
            "http://a\n",
            "http://[::1",
            "http://[a]",
            "http://[::1]a",
            "http://[fe80::1%]",
            "http://::1",
            "http://[fe80::1%a/b]",
            "unix:a",
            "unix:",
            "http://a/b",
            "http://ä",
            "http://a..b",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
        let long = format!("unix:/{}", "a".repeat(107));
        assert!(long.parse::<Origin>().is_err());
    }

    #[test]
    fn no_password_and_no_query_is_repeated() {
        let error = "http://me:hunter2@a/x?key=hunter3".parse::<Url>().unwrap_err();
        assert!(!error.to_string().contains("hunter"), "{error}");
        assert!(!url("http://a/x?key=hunter3").to_string().contains("hunter"));
        assert!(!"gopher://me:hunter2@a".parse::<Url>().unwrap_err().to_string().contains("hunter"));
    }

    #[test]
    fn a_segment_stays_one() {
        assert_eq!(segment("lab 01/a?b#c%"), "lab%2001%2Fa%3Fb%23c%25");
        assert_eq!(
            (segment(".."), segment("a.b"), segment("ä")),
            ("%2E%2E".into(), "a.b".into(), "%C3%A4".into())
        );
    }

    #[test]
    fn where_redirections_lead() {
        let from = url("https://a:8080/d/x?q");
        let to = |location: &str| from.follow(location).map(|url| format!("{}{}", url.origin, url.path));
        assert_eq!(to("/y?z#f").unwrap(), "https://a:8080/y?z");
        assert_eq!(to("y").unwrap(), "https://a:8080/d/y");
        assert_eq!(to("?r").unwrap(), "https://a:8080/d/x?r");
        assert_eq!(to("//b/y").unwrap(), "https://b/y");
        assert_eq!(to("https://b:1/y").unwrap(), "https://b:1/y");
        for bad in
            ["http://a:8080/y", "file:///etc/passwd", "unix:/run/x", "javascript:x", "", "/a b", "/a\r\nb"]
        {
            assert!(to(bad).is_err(), "{bad}");
        }
        let socket: Url = Url { origin: "unix:/run/x".parse().unwrap(), path: "/a".into() };
        assert!(socket.follow("http://a/").is_err() && socket.follow("//a/").is_err());
        assert_eq!(socket.follow("/b").unwrap().path, "/b");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_a_path_is_fit_for_a_request(text: String, more: String) {
            let _ = text.parse::<Url>();
            let _ = text.parse::<Origin>();
            let origin: Origin = "http://a".parse().unwrap();
            for path in [origin.at(&text).path, format!("/{}", segment(&text))] {
                prop_assert!(path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()), "{path}");
            }
            if let Ok(to) = origin.at(&more).follow(&text) {
                prop_assert!(to.path.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }

        #[test]
        fn whatever_stands_behind_a_server(text in "https?://[a-z\\[\\]:.%0-9@/?#-]{0,40}") {
            if let Ok(url) = text.parse::<Url>() {
                prop_assert!(url.path.starts_with('/'));
                prop_assert_eq!(url.origin.to_string().parse::<Origin>().unwrap(), url.origin);
            }
        }
    }
}
