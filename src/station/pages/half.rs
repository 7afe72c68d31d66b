//! Those that have shown their password, and not yet their code. Pure: the time comes in.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::station_api::Time;

/// How long a code may take, in milliseconds.
const PATIENCE: Time = 5 * 60 * 1000;
/// Codes that may be tried before the password is asked for again.
const TRIES: u32 = 5;
/// So many are waited for at once.
const MOST: usize = 1000;

/// Somebody of whom the code is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Half {
    /// The user.
    pub(super) name: String,
    /// Where they wanted to go.
    pub(super) to: String,
    until: Time,
    tries: u32,
}

/// All of them, by digests of what their browsers show.
#[derive(Debug, Default)]
pub(in crate::station) struct Halves(Mutex<HashMap<String, Half>>);

impl Halves {
    /// Somebody has shown the right password.
    pub(super) fn put(&self, digest: String, name: &str, to: &str, now: Time) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, half| (now..now.saturating_add(PATIENCE + 1)).contains(&half.until));
        if all.len() >= MOST
            && let Some(first) = all.iter().min_by_key(|(_, half)| half.until).map(|(key, _)| key.clone())
        {
            all.remove(&first);
        }
        let until = now.saturating_add(PATIENCE);
        all.insert(digest, Half { name: name.to_owned(), to: to.to_owned(), until, tries: TRIES });
    }

    /// Who tries a code now. After so many tries, or so much time, it is nobody any more.
    pub(super) fn try_once(&self, digest: &str, now: Time) -> Option<Half> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let half = all.get_mut(digest)?;
        half.tries -= 1;
        let is_last = half.tries == 0;
        let half = half.clone();
        let is_late = half.until <= now;
        if is_last || is_late {
            all.remove(digest);
        }
        (!is_late).then_some(half)
    }

    /// The code was right.
    pub(super) fn done(&self, digest: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_code_has_five_tries_and_five_minutes() {
        let halves = Halves::default();
        halves.put("a".into(), "ada", "/runs", 1000);
        for _ in 0..5 {
            assert_eq!(halves.try_once("a", 2000).unwrap().to, "/runs");
        }
        assert_eq!(halves.try_once("a", 2000), None);
        halves.put("b".into(), "bob", "/", 1000);
        assert_eq!(halves.try_once("b", 1000 + PATIENCE), None);
        halves.put("c".into(), "cy", "/", 1000);
        halves.done("c");
        assert_eq!(halves.try_once("c", 1000), None);
        for n in 0..2000 {
            halves.put(n.to_string(), "x", "/", 2000 + n);
        }
        assert_eq!(halves.0.lock().unwrap().len(), MOST);
        assert!(halves.try_once("1999", 4000).is_some());
    }
}
