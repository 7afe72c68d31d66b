//! Streams of things with numbers, for those that watch: whoever comes back misses nothing, or is told of the gap.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::HeaderValue;
use tokio::sync::broadcast;

use crate::station_api::{Change, Thing};

/// The last number that somebody says who comes back. What is no number is answered as one that is long over: what was
/// missed isn't known, and that is said.
pub fn seen(said: &HeaderValue) -> u64 {
    said.to_str().ok().and_then(|said| said.trim().parse().ok()).unwrap_or(0)
}

/// Things that are kept for those that come back.
const KEPT: usize = 1024;

/// What changes.
pub type Changes = Numbered<Change>;

/// A stream of things, each with a number.
#[derive(Debug)]
pub struct Numbered<T> {
    state: Mutex<State<T>>,
    sender: broadcast::Sender<(u64, T)>,
}

#[derive(Debug)]
struct State<T> {
    next: u64,
    kept: VecDeque<(u64, T)>,
}

/// What those get that come, or come back.
#[derive(Debug)]
pub struct Following<T> {
    /// Some was left out: all is to be looked at anew. The number says up to where.
    pub gap: Option<u64>,
    /// The number of the newest one: what comes is behind that.
    pub newest: u64,
    /// What came since.
    pub before: Vec<(u64, T)>,
    /// What comes.
    pub later: broadcast::Receiver<(u64, T)>,
}

impl<T: Clone> Numbered<T> {
    /// The first number is `first`, at least 1: 0 is the number of those that have seen nothing.
    #[must_use]
    pub fn new(first: u64) -> Self {
        let state = State { next: first.max(1), kept: VecDeque::with_capacity(KEPT) };
        Self { state: Mutex::new(state), sender: broadcast::channel(KEPT).0 }
    }

    /// One that goes on behind all numbers of a station before it: they grow by less than one a microsecond.
    #[must_use]
    pub fn since_now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::new(u64::try_from(since.as_micros()).unwrap_or(1))
    }

    /// Puts one behind the others.
    pub fn put(&self, thing: T) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let n = state.next;
        state.next += 1;
        if state.kept.len() == KEPT {
            state.kept.pop_front();
        }
        state.kept.push_back((n, thing.clone()));
        // Under the lock, so that they come in order. Nobody may be there.
        let _ = self.sender.send((n, thing));
    }

    /// The number of the newest one.
    pub fn newest(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).next.saturating_sub(1)
    }

    /// How many watch.
    pub fn watchers(&self) -> usize {
        self.sender.receiver_count()
    }

    /// What came after number `seen`, and all that comes.
    pub fn after(&self, seen: Option<u64>) -> Following<T> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let later = self.sender.subscribe();
        let newest = state.next.saturating_sub(1);
        let Some(seen) = seen else { return Following { gap: None, newest, before: Vec::new(), later } };
        let first = state.kept.front().map_or(state.next, |(n, _)| *n);
        if seen.saturating_add(1) < first || seen >= state.next {
            // Not kept any more, or a number of the station before it started again.
            return Following { gap: Some(newest), newest, before: Vec::new(), later };
        }
        let before = state.kept.iter().filter(|(n, _)| *n > seen).cloned().collect();
        Following { gap: None, newest, before, later }
    }
}

/// What is told of users, tokens and passkeys, and of hooks: each viewer hears it, and their names are for administrators.
pub(in crate::station) const PEOPLE: &str = "people";
/// See [`PEOPLE`].
pub(in crate::station) const HOOKS: &str = "hooks";

impl Changes {
    /// Something changed.
    pub fn tell(&self, of: Thing, id: &str, board: Option<&str>) {
        self.put(Change { of, id: id.to_owned(), board: board.map(str::to_owned) });
    }
}

/// Some were left out.
#[must_use]
pub fn gap() -> Change {
    Change { of: Thing::Gap, id: String::new(), board: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_back_misses_nothing_or_is_told_of_the_gap() {
        let changes = Changes::new(1);
        for n in 0..10 {
            changes.tell(Thing::Board, &n.to_string(), None);
        }
        let ids = |seen| -> (Option<u64>, Vec<_>) {
            let following = changes.after(seen);
            (following.gap, following.before.into_iter().map(|(n, change)| (n, change.id)).collect())
        };
        assert_eq!(ids(None), (None, vec![]));
        assert_eq!(ids(Some(8)), (None, vec![(9, "8".to_owned()), (10, "9".to_owned())]));
        assert_eq!(ids(Some(10)), (None, vec![]));
        // Of a station before a restart, which had counted further.
        assert_eq!(ids(Some(500)), (Some(10), vec![]));
        for n in 0..KEPT {
            changes.tell(Thing::Run, &n.to_string(), None);
        }
        assert_eq!(ids(Some(9)).0, Some(10 + KEPT as u64));
        assert_eq!(ids(Some(10)).1.len(), KEPT);
        let mut later = changes.after(None).later;
        changes.tell(Thing::Job, "j", Some("b"));
        assert_eq!(later.try_recv().unwrap().1.id, "j");
    }

    #[test]
    fn what_is_no_number_is_told_of_the_gap() {
        let changes = Changes::since_now();
        changes.tell(Thing::Gap, "", None);
        for said in ["abc", "-1", "", "18446744073709551616", "1 2"] {
            assert!(changes.after(Some(seen(&HeaderValue::from_static(said)))).gap.is_some(), "{said}");
        }
        assert_eq!(seen(&HeaderValue::from_static(" 8 ")), 8);
    }

    #[test]
    fn numbers_of_a_station_before_a_restart_are_older_than_all_of_the_next_one() {
        // A second before, with as many changes as there are.
        let before = Changes::new(Changes::since_now().newest() - 1_000_000);
        for _ in 0..100 {
            before.tell(Thing::Gap, "", None);
        }
        let next = Changes::since_now();
        for _ in 0..200 {
            next.tell(Thing::Gap, "", None);
        }
        assert!(next.after(Some(before.newest())).gap.is_some());
    }
}
