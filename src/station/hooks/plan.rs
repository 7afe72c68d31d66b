//! When something is told again, and how it is signed. Pure.

use ring::hmac;

use crate::format::hex;
use crate::station_api::Time;

/// How often something is tried, and what lies between.
#[derive(Debug, Clone, Copy)]
pub(in crate::station) struct Pauses {
    /// Tries in all.
    pub(in crate::station) tries: u32,
    /// Before the second try, in milliseconds; then three times as long each time.
    pub(in crate::station) first: Time,
    /// The longest pause.
    pub(in crate::station) longest: Time,
}

/// For hooks: the last try is some eight hours after the first.
pub(super) const HOOKS: Pauses = Pauses { tries: 12, first: 10_000, longest: 3_600_000 };

impl Pauses {
    /// When it is tried again that was tried so often before, this time included; `None`: not any more. `told`: what the
    /// other side asked for, in seconds.
    pub(in crate::station) fn again(self, tries: u32, told: Option<u32>, now: Time) -> Option<Time> {
        if tries >= self.tries {
            return None;
        }
        let pause =
            self.first.saturating_mul(3_i64.saturating_pow(tries.saturating_sub(1))).min(self.longest);
        let told = Time::from(told.unwrap_or_default()).saturating_mul(1000).min(self.longest);
        Some(now.saturating_add(pause.max(told)))
    }
}

/// What a call is signed by: `t=SECONDS,v1=HEX`, HMAC-SHA256 over `SECONDS.BODY`. The time is signed too, so that an old
/// call can't be shown once more later.
pub(in crate::station) fn signature(secret: &str, seconds: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let code = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    format!("t={seconds},v1={}", hex(code.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let again = |tries, told, now| HOOKS.again(tries, told, now);
        assert_eq!(again(1, None, 0), Some(10_000));
        assert_eq!(again(2, None, 0), Some(30_000));
        assert_eq!(again(11, None, 5), Some(3_600_005));
        assert_eq!(again(12, None, 0), None);
        assert_eq!(again(1, Some(120), 0), Some(120_000));
        assert_eq!(again(1, Some(u32::MAX), 0), Some(HOOKS.longest));
        let all: Time = (1..HOOKS.tries).filter_map(|tries| again(tries, None, 0)).sum();
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
}
