//! Under which names this host is asked. A site can make its own name mean this host (DNS rebinding); for a browser its
//! pages and the station are then of one origin, and only the name that the browser tells gives them away. So a call over
//! the network has to name this host by a name that it has, or by the address that the connection came to.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Origin, Refusal};
use crate::error::Kind;
use crate::format::message;
use crate::per_second::PerSecond;
use crate::station::Station;

/// Lines in the log about wrong names, in a second.
const LINES: u32 = 5;
/// As long as a file is that says how hosts are called.
const LONGEST_FILE: u64 = 1 << 20;

/// The names that a station goes by.
#[derive(Debug)]
pub(in crate::station) struct Names {
    names: Vec<String>,
    addresses: Vec<IpAddr>,
    lines: Mutex<PerSecond>,
}

impl Names {
    /// These, and `localhost`. A name may be an address, or begin with `*.` for one label.
    pub(in crate::station) fn new(given: impl IntoIterator<Item = String>) -> Self {
        let mut new = Self {
            names: vec!["localhost".to_owned()],
            addresses: Vec::new(),
            lines: Mutex::new(PerSecond::new(LINES)),
        };
        for name in given {
            match name.trim_matches(['[', ']']).parse::<IpAddr>() {
                Ok(address) => new.addresses.push(address.to_canonical()),
                Err(_) => new.names.push(name.strip_suffix('.').unwrap_or(&name).to_ascii_lowercase()),
            }
        }
        new
    }

    /// Whether a `Host` or an `:authority` means this host, on a connection that came to the address `at`.
    fn know(&self, authority: &str, at: IpAddr) -> bool {
        let Some(host) = host_of(authority) else { return false };
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        // A zone is the asking host's own word.
        let address = address.map_or(host, |address| address.split('%').next().unwrap_or_default());
        if let Ok(address) = address.parse::<IpAddr>() {
            let address = address.to_canonical();
            return address == at.to_canonical()
                || address.is_loopback()
                || self.addresses.contains(&address);
        }
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(above) => {
                host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == above)
            }
            None => *name == host,
        })
    }
}

/// The host in `HOST[:PORT]`.
fn host_of(authority: &str) -> Option<&str> {
    let end = if authority.starts_with('[') { authority.find(']')? + 1 } else { 0 };
    let (host, port) = match authority[end..].find(':') {
        Some(at) => (&authority[..end + at], &authority[end + at + 1..]),
        None => (authority, ""),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]%".contains(&byte);
    let good = !host.is_empty() && host.bytes().all(plain) && (end == 0 || end == host.len());
    (good && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(host)
}

/// The names that a host has by itself: its own with and without a domain, what `hosts` calls it, and what a search for
/// it would find.
fn names_of(own: &str, hosts: &str, resolv: &str) -> Vec<String> {
    let words = |line: &'_ str| {
        let line = line.split('#').next().unwrap_or_default();
        line.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let short = own.split('.').next().unwrap_or_default();
    if short.is_empty() {
        return Vec::new();
    }
    let mut names = vec![own.to_owned(), short.to_owned(), format!("{short}.local")];
    for line in hosts.lines() {
        let all = words(line);
        let all = all.get(1..).unwrap_or_default();
        if all.iter().any(|name| name.eq_ignore_ascii_case(own) || name.eq_ignore_ascii_case(short)) {
            names.extend(all.iter().cloned());
        }
    }
    for line in resolv.lines() {
        let all = words(line);
        if let Some((word, domains)) = all.split_first()
            && matches!(word.as_str(), "search" | "domain")
        {
            let domains = domains.iter().map(|domain| domain.trim_matches('.'));
            names.extend(
                domains.filter(|domain| !domain.is_empty()).map(|domain| format!("{short}.{domain}")),
            );
        }
    }
    names
}

/// The names of this host.
pub(in crate::station) fn of_this_host() -> Vec<String> {
    let own = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let text = |path: &str| {
        let file = crate::beneath::open_regular(std::path::Path::new(path));
        let bytes = file.and_then(|file| crate::beneath::read_bounded(&file, LONGEST_FILE));
        String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
    };
    names_of(&own, &text("/etc/hosts"), &text("/etc/resolv.conf"))
}

/// Bytes of headers: what the connection takes at once depends on how they come.
const LONGEST_HEADERS: usize = 64 << 10;

/// The header in which reverse proxies say for whom they ask: each adds the address that has asked it.
const FORWARDED: &str = "x-forwarded-for";

/// For whom a proxy of ours asks: what the last one that isn't ours either has added nobody else could. `None` where that
/// is no address.
fn named_client(values: Vec<&str>, is_ours: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    for text in values.iter().rev().flat_map(|value| value.rsplit(',')) {
        let text = text.trim();
        let plain = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let with_port = || text.parse().ok().map(|address: std::net::SocketAddr| address.ip());
        let ip = plain.parse().ok().or_else(with_port)?;
        if !is_ours(ip) {
            return Some(ip);
        }
    }
    None
}

/// Lets a call through that names this host, and whose headers are no longer than they may be.
pub(in crate::station) async fn known_host(
    State(station): State<Arc<Station>>,
    mut request: Request,
    next: Next,
) -> Response {
    let len: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if len > LONGEST_HEADERS {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        station.metrics().answered(status.as_u16());
        return Refusal::new(status, Kind::BadData, "the headers are too long").into_response();
    }
    let Some(Origin::Address { at, from, .. }) = request.extensions().get::<Origin>().copied() else {
        // The Unix socket, or nobody, which is refused behind this.
        return next.run(request).await;
    };
    let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut told: Vec<String> = request.headers().get_all(header::HOST).iter().map(text).collect();
    let refusal = if told.len() > 1 {
        Some(Refusal::malformed("there is more than one `Host`"))
    } else {
        told.extend(request.uri().authority().map(|authority| authority.as_str().to_owned()));
        let wrong = told.iter().find(|host| !station.names.know(host, at));
        match wrong {
            Some(host) => Some(misdirected(&station, host, from.ip())),
            None if told.is_empty() => Some(Refusal::malformed("the `Host` is missing")),
            None => None,
        }
    };
    let networks = &station.options.settings.station.proxy_from.value;
    let is_ours = |ip: IpAddr| networks.iter().any(|network| network.has(ip));
    if is_ours(from.ip()) {
        let values =
            request.headers().get_all(FORWARDED).iter().map(|value| value.to_str().unwrap_or_default());
        if let Some(client) = named_client(values.collect(), is_ours) {
            let from_there = Origin::Address { from: (client, 0).into(), at, via: Some(from.ip()) };
            request.extensions_mut().insert(from_there);
        }
    }
    match refusal {
        None => next.run(request).await,
        Some(refusal) => {
            station.metrics().answered(refusal.status().as_u16());
            refusal.into_response()
        }
    }
}

/// 421, and a line in the log: it may be a board that was told another name.
fn misdirected(station: &Station, host: &str, from: IpAddr) -> Refusal {
    let host: String = message(host).chars().take(100).collect();
    let allowed = station.names.lines.lock().unwrap_or_else(PoisonError::into_inner).allows(Instant::now());
    if allowed {
        tracing::warn!(name = host, %from, "asked under a name that isn't this station's: `station.names` has others");
    }
    let detail = format!("this station isn't known as `{host}`");
    Refusal::new(StatusCode::MISDIRECTED_REQUEST, Kind::Config, detail)
        .with_hint("if this is a name of the station, add it to the setting `station.names` of the station")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_whom_proxies_name_the_last_that_is_none_of_ours_counts() {
        let ours = |ip: IpAddr| ["10.0.0.5", "::1"].iter().any(|own| ip == own.parse::<IpAddr>().unwrap());
        for (values, client) in [
            (&["192.0.2.7"][..], Some("192.0.2.7")),
            // What a client has made up stands before what the proxy has seen.
            (&["1.2.3.4, 192.0.2.7"], Some("192.0.2.7")),
            (&["1.2.3.4", "192.0.2.7, 10.0.0.5"], Some("192.0.2.7")),
            (&["192.0.2.7:4711"], Some("192.0.2.7")),
            (&["[2001:db8::7]:4711,::1"], Some("2001:db8::7")),
            (&["[2001:db8::7]"], Some("2001:db8::7")),
            (&["192.0.2.7, unknown"], None),
            (&["10.0.0.5"], None),
            (&[""], None),
            (&[], None),
        ] {
            let seen = named_client(values.to_vec(), ours);
            assert_eq!(seen, client.map(|ip| ip.parse().unwrap()), "{values:?}");
        }
    }

    fn at() -> IpAddr {
        "10.0.0.1".parse().unwrap()
    }

    #[test]
    fn a_host_is_known_by_its_names_and_by_the_address_that_was_asked() {
        let given = ["station.example.", "*.lab.example", "192.0.2.7", "[2001:db8::7]"];
        let names = Names::new(given.map(str::to_owned));
        for good in [
            "localhost",
            "LocalHost:8080",
            "station.example",
            "STATION.example.:80",
            "a.lab.example",
            "10.0.0.1:8080",
            "[::ffff:10.0.0.1]:8080",
            "127.0.0.1",
            "[::1]:8080",
            "192.0.2.7",
            "[2001:db8::7]:443",
        ] {
            assert!(names.know(good, at()), "{good}");
        }
        for bad in [
            "",
            ":80",
            "evil.example",
            "station.example.evil.example",
            "lab.example",
            ".lab.example",
            "a.b.lab.example",
            "10.0.0.2",
            "0.0.0.0",
            "[::]",
            "10.0.0.1.evil.example",
            "localhost:80:80",
            "localhost:http",
            "user@localhost",
            "localhost/",
            "local host",
            "[::1",
            "[::1]x",
            "[localhost]x:1",
            "2130706433",
            "127.1",
            "\u{ff0e}",
        ] {
            assert!(!names.know(bad, at()), "{bad}");
        }
        let link: IpAddr = "fe80::1".parse().unwrap();
        assert!(names.know("[fe80::1%25eth0]:8080", link) && names.know("[fe80::1]", link));
        assert!(!names.know("[fe80::2%eth0]", link));
    }

    #[test]
    fn a_host_has_the_names_that_its_files_give_it() {
        let hosts =
            "127.0.0.1 localhost\n127.0.1.1\tbench.example.org bench # mine\n10.0.0.9 other\n::1 # bench\n";
        let names = names_of("bench", hosts, "nameserver 10.0.0.1\nsearch lab.example. .\n");
        assert_eq!(
            names,
            ["bench", "bench", "bench.local", "bench.example.org", "bench", "bench.lab.example"]
        );
        assert_eq!(names_of("a.example", "", ""), ["a.example", "a", "a.local"]);
        assert!(names_of("", hosts, "search x").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_stumble(text in ".{0,40}") {
            let known = Names::new([]).know(&text, at());
            proptest::prop_assert!(!known || host_of(&text).is_some());
        }
    }
}
