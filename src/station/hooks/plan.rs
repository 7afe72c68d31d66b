//! When something is told again, how it is signed, and where it may go. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ring::hmac;

use crate::format::hex;
use crate::station_api::Time;

/// Tries in all: the last one some eight hours after the first.
const TRIES: u32 = 12;
/// Before the second try, in milliseconds; then three times as long each time.
const FIRST: Time = 10_000;
/// The longest pause.
const LONGEST: Time = 3_600_000;

/// When it is tried again that was tried so often before, this time included; `None`: not any more. `told`: what the
/// other side asked for, in seconds.
pub(super) fn again(tries: u32, told: Option<u32>, now: Time) -> Option<Time> {
    if tries >= TRIES {
        return None;
    }
    let pause = FIRST.saturating_mul(3_i64.saturating_pow(tries.saturating_sub(1))).min(LONGEST);
    let told = Time::from(told.unwrap_or_default()).saturating_mul(1000).min(LONGEST);
    Some(now.saturating_add(pause.max(told)))
}

/// What a call is signed by: `t=SECONDS,v1=HEX`, HMAC-SHA256 over `SECONDS.BODY`. The time is signed too, so that an old
/// call can't be shown once more later.
pub(super) fn signature(secret: &str, seconds: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let code = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    format!("t={seconds},v1={}", hex(code.as_ref()))
}

/// Whether a hook may be at this address: not on the station's host itself, and not where clouds keep the secrets of
/// their machines.
pub(super) fn is_outside(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            !(ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_broadcast()
                || ip.octets()[0] == 0
                || ip == Ipv4Addr::new(168, 63, 129, 16)
                || ip == Ipv4Addr::new(100, 100, 100, 200))
        }
        IpAddr::V6(ip) => {
            // An IPv4 address within: of NAT64 (RFC 6052, and RFC 8215's of local use), 6to4, or the old compatible form.
            let within = match ip.segments() {
                [0x64, 0xff9b, 0, 0, 0, 0, a, b]
                | [0x64, 0xff9b, 1, .., a, b]
                | [0x2002, a, b, ..]
                | [0, 0, 0, 0, 0, 0, a, b] => Some((a, b)),
                // Teredo has it inverted (RFC 4380).
                [0x2001, 0, .., a, b] => Some((!a, !b)),
                _ => None,
            };
            let within = within.map(|(a, b)| Ipv4Addr::from((u32::from(a) << 16) | u32::from(b)));
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unicast_link_local()
                || ip.is_multicast()
                || ip == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
                || within.is_some_and(|ip| !is_outside(ip.into())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        assert_eq!(again(1, None, 0), Some(10_000));
        assert_eq!(again(2, None, 0), Some(30_000));
        assert_eq!(again(11, None, 5), Some(3_600_005));
        assert_eq!(again(12, None, 0), None);
        assert_eq!(again(1, Some(120), 0), Some(120_000));
        assert_eq!(again(1, Some(u32::MAX), 0), Some(LONGEST));
        let all: Time = (1..TRIES).filter_map(|tries| again(tries, None, 0)).sum();
        assert!((6 * 3_600_000..10 * 3_600_000).contains(&all), "{all}");
    }

    #[test]
    fn a_signature_is_the_one_that_openssl_makes() {
        // printf '5.{}' | openssl dgst -sha256 -hmac secret
        assert_eq!(
            signature("secret", 5, "{}"),
            "t=5,v1=f18d2fcd9a24151471e3e2d71bc7ce901fb7b89b341918a08f95e9ffc497ea26"
        );
        assert_ne!(signature("secret", 6, "{}"), signature("secret", 5, "{}"));
    }

    #[test]
    fn neither_this_host_nor_the_secrets_of_clouds_are_outside() {
        for inside in [
            "127.0.0.1",
            "127.1.2.3",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "255.255.255.255",
            "224.0.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "::1",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::7f00:1",
            "64:ff9b:1:2:3:4:a9fe:a9fe",
            "2001:0:1:2:3:4:80ff:fffe",
            "2002:7f00:1::",
            "::7f00:1",
        ] {
            assert!(!is_outside(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["10.0.0.9", "192.168.1.7", "1.1.1.1", "fd00::7", "2001:db8::1", "64:ff9b::101:101"] {
            assert!(is_outside(outside.parse().unwrap()), "{outside}");
        }
    }
}
