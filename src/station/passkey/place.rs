//! Where passkeys can work: on a page with a name that the browser trusts. Pure.

use std::net::IpAddr;

/// What a passkey of this page belongs to (Web Authentication Level 3, 5.1.2 and 13.4.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::station) struct Place {
    /// The name, without the port: the relying party.
    pub(in crate::station) name: String,
    /// What the browser may call the page.
    pub(in crate::station) origin: String,
}

/// Why there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::station) enum Nowhere {
    /// It was asked for by its address.
    #[error("passkeys need a name, and this page was asked for by an address")]
    Address,
    /// It came without HTTPS.
    #[error("passkeys need HTTPS, and this page came without")]
    Plain,
}

/// What a page belongs to that was asked for as `host`, `HOST[:PORT]`. `https`: it came by HTTPS, here or as far as a
/// proxy.
pub(in crate::station) fn place(host: &str, https: bool) -> Result<Place, Nowhere> {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, port),
        _ => (host, ""),
    };
    let name = name.to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let last = name.rsplit('.').next().unwrap_or_default();
    // Browsers take a last label of digits for an address. One that is empty makes another origin.
    let is_name = !last.is_empty() && !last.bytes().all(|byte| byte.is_ascii_digit());
    if !is_name || !name.bytes().all(plain) || name.parse::<IpAddr>().is_ok() {
        return Err(Nowhere::Address);
    }
    if !https && name != "localhost" {
        return Err(Nowhere::Plain);
    }
    let (scheme, usual) = if https { ("https", "443") } else { ("http", "80") };
    let port = if port.is_empty() || port == usual { String::new() } else { format!(":{port}") };
    Ok(Place { origin: format!("{scheme}://{name}{port}"), name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_work_under_a_name_with_https_and_on_this_host() {
        for (host, https, origin) in [
            ("Station.Example", true, "https://station.example"),
            ("station.example:443", true, "https://station.example"),
            ("station.example:8080", true, "https://station.example:8080"),
            ("localhost:80", false, "http://localhost"),
            ("localhost:18080", false, "http://localhost:18080"),
            ("localhost:18080", true, "https://localhost:18080"),
        ] {
            let place = place(host, https).unwrap();
            assert_eq!(place.origin, origin);
            assert!(origin.contains(&place.name) && !place.name.contains(':'));
        }
        for host in
            ["127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "[fe80::1]", "10.1", "a.b.", "", ":80", "a_b"]
        {
            assert_eq!(place(host, true), Err(Nowhere::Address), "{host}");
        }
        assert_eq!(place("station.example", false), Err(Nowhere::Plain));
        assert_eq!(place("localhost.example", false), Err(Nowhere::Plain));
    }
}
