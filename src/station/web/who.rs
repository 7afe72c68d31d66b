//! Where a call comes from, and what its token is.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, header};

use crate::station_api::{Role, Scope, User};

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::station) enum Origin {
    /// The Unix socket, whose permissions have said that this user may.
    Socket {
        /// The user.
        uid: u32,
    },
    /// The network.
    Address {
        /// The address of the other side.
        from: SocketAddr,
        /// The address of this host that the connection came to.
        at: IpAddr,
        /// The reverse proxy of ours that has brought it; then `from` is whom it has named.
        via: Option<IpAddr>,
    },
}

impl Origin {
    /// What is counted together: an IPv4 address, or the network of an IPv6 address, of which one host has all
    /// addresses. A link is many hosts, though.
    pub(in crate::station) fn place(&self) -> Option<IpAddr> {
        let Self::Address { from, .. } = self else { return None };
        Some(match from.ip().to_canonical() {
            IpAddr::V6(ip) if !ip.is_unicast_link_local() && !ip.is_loopback() => {
                let [a, b, c, d, ..] = ip.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            ip => ip,
        })
    }

    /// The other side of the connection itself: a proxy of ours, or who asks.
    pub(in crate::station) fn peer(&self) -> Option<IpAddr> {
        match self {
            Self::Socket { .. } => None,
            Self::Address { from, via, .. } => Some(via.unwrap_or_else(|| from.ip())),
        }
    }

    /// Whether it is this host.
    pub(in crate::station) fn is_here(&self) -> bool {
        match self {
            Self::Socket { .. } => true,
            Self::Address { from, .. } => from.ip().to_canonical().is_loopback(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket { .. } => out.write_str("socket"),
            Self::Address { from, .. } => from.ip().to_canonical().fmt(out),
        }
    }
}

/// A person or a program that may do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::station) struct Who {
    /// Its name in the audit.
    pub(in crate::station) by: String,
    /// The user that it belongs to, where it is a token.
    pub(in crate::station) user: String,
    /// Where it comes from.
    pub(in crate::station) from: Origin,
    /// What it may do.
    pub(in crate::station) role: Role,
    /// To what it is held, where it is a token; empty: to nothing.
    pub(in crate::station) scopes: Vec<Scope>,
}

impl Who {
    /// A user.
    pub(in crate::station) fn user(user: &User, from: Origin) -> Self {
        let name = || user.name.clone();
        Self { by: name(), user: name(), from, role: user.role, scopes: Vec::new() }
    }

    /// A token, and whose it is; `user` is empty where the host's own shell has made it.
    pub(in crate::station) fn token(
        name: &str,
        user: String,
        from: Origin,
        role: Role,
        scopes: Vec<Scope>,
    ) -> Self {
        let by = if user.is_empty() { format!("token {name}") } else { format!("token {name} of {user}") };
        Self { by, user, from, role, scopes }
    }

    /// Whether it is a token of this user, and not the user.
    pub(in crate::station) fn is_token_of(&self, user: &str) -> bool {
        self.user == user && self.by != self.user
    }

    /// Nobody: on what is open to all.
    pub(in crate::station) const fn nobody(from: Origin) -> Self {
        Self { by: String::new(), user: String::new(), from, role: Role::Viewer, scopes: Vec::new() }
    }
}

/// The token of a call, where it shows one.
pub(in crate::station) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let plain = token.len() <= 200 && token.bytes().all(|byte| byte.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("bearer") && plain && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_counts_as_one_whatever_addresses_it_takes() {
        let place = |text: &str| {
            let from: SocketAddr = text.parse().unwrap();
            Origin::Address { from, at: from.ip(), via: None }.place().unwrap().to_string()
        };
        assert_eq!(place("10.0.0.7:99"), "10.0.0.7");
        assert_eq!(place("[::ffff:10.0.0.7]:99"), "10.0.0.7");
        assert_eq!(place("[2001:db8:1:2:3:4:5:6]:99"), "2001:db8:1:2::");
        assert_eq!(place("[fe80::1:2]:99"), "fe80::1:2");
        assert_eq!(place("[::1]:99"), "::1");
    }

    #[test]
    fn a_token_is_short_plain_and_behind_bearer() {
        let token = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(token("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token("bearer  abc").as_deref(), Some("abc"));
        for wrong in ["Basic abc", "Bearer", "Bearer ", "abc", "Bearer a b"] {
            assert_eq!(token(wrong), None, "{wrong}");
        }
        assert_eq!(token(&format!("Bearer {}", "a".repeat(201))), None);
    }
}
