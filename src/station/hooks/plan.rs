//! When something is told again, and how it is signed. Pure.

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
}
