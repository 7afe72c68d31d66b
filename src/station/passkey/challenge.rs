//! Questions that a passkey answers: each is good once, for one purpose, for five minutes. Pure: time and random bytes
//! come in.
//!
//! A question carries its end and a code over both that only this process can make. So those that are asked and never
//! answered take no room, and whoever asks for a million of them drives nobody else's out.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::station_api::Time;

/// How long it is good, in milliseconds.
const GOOD: Time = 5 * 60 * 1000;
/// Those that were answered rightly and aren't over yet.
const MOST: usize = 10_000;
/// 16 random bytes, 8 of the time, 32 of the code.
const LEN: usize = 56;

/// All questions of a station.
#[derive(Debug)]
pub(in crate::station) struct Challenges {
    key: [u8; 32],
    used: Mutex<HashMap<Vec<u8>, Time>>,
}

impl Challenges {
    /// `key`: random.
    pub(in crate::station) fn new(key: [u8; 32]) -> Self {
        Self { key, used: Mutex::default() }
    }

    fn code(&self, purpose: &str, head: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(head).update(purpose.as_bytes());
        hasher.finalize()
    }

    /// Another one for a purpose.
    pub(in crate::station) fn make(&self, purpose: &str, random: [u8; 16], now: Time) -> Vec<u8> {
        let mut challenge = random.to_vec();
        challenge.extend(now.saturating_add(GOOD).to_be_bytes());
        let code = self.code(purpose, &challenge);
        challenge.extend(code.as_bytes());
        challenge
    }

    fn end(&self, purpose: &str, challenge: &[u8]) -> Option<Time> {
        let (head, code) = challenge.split_at_checked(24).filter(|_| challenge.len() == LEN)?;
        // The comparison takes the same time whatever differs.
        (self.code(purpose, head) == blake3::Hash::from_bytes(code.try_into().ok()?))
            .then_some(Time::from_be_bytes(head[16..].try_into().ok()?))
    }

    /// Whether it is one of this station's for that purpose, and isn't over.
    pub(in crate::station) fn is_good(&self, purpose: &str, challenge: &[u8], now: Time) -> bool {
        self.end(purpose, challenge).is_some_and(|end| (now..=now.saturating_add(GOOD)).contains(&end))
    }

    /// Uses one up that was answered rightly: `true` for the first that does.
    pub(in crate::station) fn use_up(&self, purpose: &str, challenge: &[u8], now: Time) -> bool {
        let Some(end) = self.end(purpose, challenge).filter(|_| self.is_good(purpose, challenge, now)) else {
            return false;
        };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, end| *end >= now);
        used.len() < MOST && used.insert(challenge.to_vec(), end).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_good_once_for_its_purpose_and_five_minutes() {
        let all = Challenges::new([7; 32]);
        let one = all.make("sign-in", [1; 16], 1000);
        assert!(all.is_good("sign-in", &one, 1000) && all.is_good("sign-in", &one, 1000 + GOOD));
        assert!(!all.is_good("sign-in", &one, 1001 + GOOD), "it is over");
        // A clock that was put back makes none good for longer.
        assert!(!all.is_good("sign-in", &one, 999));
        assert!(!all.is_good("make ada", &one, 1000) && !all.use_up("make ada", &one, 1000));
        assert!(!Challenges::new([8; 32]).is_good("sign-in", &one, 1000));
        let mut later = one.clone();
        later[23] ^= 1;
        assert!(!all.is_good("sign-in", &later, 1000));
        assert!(!all.is_good("sign-in", &one[..55], 1000) && !all.is_good("sign-in", &[], 1000));
        assert!(all.use_up("sign-in", &one, 2000));
        assert!(!all.use_up("sign-in", &one, 2000), "once");
        assert!(all.use_up("sign-in", &all.make("sign-in", [2; 16], 1000), 2000));
        assert!(!all.use_up("sign-in", &one, 1001 + GOOD));
    }

    #[test]
    fn so_many_are_kept_and_go_when_they_are_over() {
        let all = Challenges::new([7; 32]);
        let one = |n: usize, now| all.make("a", (n as u128).to_be_bytes(), now);
        assert!((0..MOST).all(|n| all.use_up("a", &one(n, 0), 0)));
        assert!(!all.use_up("a", &one(MOST, 0), 0));
        assert!(all.use_up("a", &one(MOST, GOOD + 1), GOOD + 1));
        assert_eq!(all.used.lock().unwrap().len(), 1);
    }
}
