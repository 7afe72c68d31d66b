//! What a board is told in `env.txt`.

use std::net::Ipv4Addr;

use crate::uboot::secret::Secret;

/// Where the board's jobs come from, and its addresses. What is not given comes from DHCP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The machine that runs `piprov flash`.
    pub server: Option<Ipv4Addr>,
    /// The board's own address with the length of its network's prefix, 0 to 32.
    pub board: Option<(Ipv4Addr, u8)>,
    /// The way to other networks.
    pub gateway: Option<Ipv4Addr>,
    /// Jobs come from a USB stick, not over the network.
    pub stick: bool,
    /// What the board proves itself with.
    pub secret: Option<Secret>,
}

impl Settings {
    /// The file's text: U-Boot variables by line; `None` where there is nothing to say.
    #[must_use]
    pub fn env_txt(&self) -> Option<String> {
        let mut lines = Vec::new();
        if let Some(server) = self.server {
            lines.push(format!("serverip={server}"));
        }
        if let Some((address, prefix)) = self.board {
            lines.push(format!("ipaddr={address}"));
            lines.push(format!("netmask={}", netmask(prefix)));
        }
        if let Some(gateway) = self.gateway {
            lines.push(format!("gatewayip={gateway}"));
        }
        if self.stick {
            lines.push("source=usb".to_owned());
        }
        let mut text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        if let Some(secret) = &self.secret {
            text.push_str(&secret.env_txt());
        }
        (!text.is_empty()).then_some(text)
    }

    /// What can't work about these addresses, if anything.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let (address, prefix) = self.board?;
        let inside = |other: Ipv4Addr| {
            let mask = u32::from(netmask(prefix));
            u32::from(other) & mask == u32::from(address) & mask
        };
        match (self.server, self.gateway) {
            (_, Some(gateway)) if !inside(gateway) => {
                Some(format!("the gateway {gateway} is not in the board's network {address}/{prefix}"))
            }
            (Some(server), None) if !inside(server) => Some(format!(
                "the server {server} is not in the board's network {address}/{prefix}, and there is no gateway"
            )),
            _ => None,
        }
    }
}

fn netmask(prefix: u8) -> Ipv4Addr {
    Ipv4Addr::from(u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    #[test]
    fn only_what_is_given_is_told() {
        assert_eq!(Settings::default().env_txt(), None);
        let server = Settings { server: Some(ip("10.0.0.2")), ..Settings::default() };
        assert_eq!(server.env_txt().unwrap(), "serverip=10.0.0.2\n");
        let all = Settings { board: Some((ip("10.0.1.7"), 22)), gateway: Some(ip("10.0.0.1")), ..server };
        let secret = Settings { secret: Some(Secret::from_key([1, 2])), ..Settings::default() };
        assert_eq!(secret.env_txt().unwrap(), "secret0=0000000000000001\nsecret1=0000000000000002\n");
        assert_eq!(
            all.env_txt().unwrap(),
            "serverip=10.0.0.2\nipaddr=10.0.1.7\nnetmask=255.255.252.0\ngatewayip=10.0.0.1\n"
        );
        assert_eq!(all.problem(), None);
        let stick = Settings { stick: true, ..Settings::default() };
        assert_eq!(stick.env_txt().unwrap(), "source=usb\n");
    }

    #[test]
    fn prefixes_become_masks() {
        for (prefix, mask) in
            [(0, "0.0.0.0"), (8, "255.0.0.0"), (31, "255.255.255.254"), (32, "255.255.255.255")]
        {
            assert_eq!(netmask(prefix), ip(mask));
        }
    }

    #[test]
    fn addresses_that_cannot_meet_are_told() {
        let board = Some((ip("10.0.1.7"), 24));
        let server = Settings { server: Some(ip("10.0.0.2")), board, ..Settings::default() };
        assert!(server.problem().unwrap().contains("10.0.0.2"));
        let gateway = Settings { gateway: Some(ip("10.0.0.1")), ..server.clone() };
        assert!(gateway.problem().unwrap().contains("gateway 10.0.0.1"));
        assert_eq!(Settings { gateway: Some(ip("10.0.1.1")), ..server.clone() }.problem(), None);
        assert_eq!(Settings { board: None, ..gateway }.problem(), None);
    }
}
