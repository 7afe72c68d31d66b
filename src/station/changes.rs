//! What changes, for those that watch.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::broadcast;

use crate::station_api::{Change, Thing};

/// Changes that are kept for those that come back.
const KEPT: usize = 1024;

/// A stream of changes, each with a number.
#[derive(Debug)]
pub struct Changes {
    state: Mutex<State>,
    sender: broadcast::Sender<(u64, Change)>,
}

#[derive(Debug)]
struct State {
    next: u64,
    kept: VecDeque<(u64, Change)>,
}

impl Default for Changes {
    fn default() -> Self {
        // From 1: 0 is the number of those that have seen nothing.
        let state = State { next: 1, kept: VecDeque::with_capacity(KEPT) };
        Self { state: Mutex::new(state), sender: broadcast::channel(KEPT).0 }
    }
}

impl Changes {
    /// Something changed.
    pub fn tell(&self, of: Thing, id: &str, board: Option<&str>) {
        let change = Change { of, id: id.to_owned(), board: board.map(str::to_owned) };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let n = state.next;
        state.next += 1;
        if state.kept.len() == KEPT {
            state.kept.pop_front();
        }
        state.kept.push_back((n, change.clone()));
        // Under the lock, so that they come in order. Nobody may be there.
        let _ = self.sender.send((n, change));
    }

    /// What came after number `seen`, and all that comes. A gap comes first where some of it isn't kept any more.
    #[expect(clippy::type_complexity, reason = "what was, and what comes")]
    pub fn after(&self, seen: Option<u64>) -> (Vec<(u64, Change)>, broadcast::Receiver<(u64, Change)>) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = self.sender.subscribe();
        let Some(seen) = seen else { return (Vec::new(), receiver) };
        let first = state.kept.front().map_or(state.next, |(n, _)| *n);
        if seen.saturating_add(1) < first || seen >= state.next {
            // Not kept any more, or a number of the station before it started again.
            return (vec![(state.next.saturating_sub(1), gap())], receiver);
        }
        (state.kept.iter().filter(|(n, _)| *n > seen).cloned().collect(), receiver)
    }
}

/// Some were left out.
pub fn gap() -> Change {
    Change { of: Thing::Gap, id: String::new(), board: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_back_misses_nothing_or_is_told_of_the_gap() {
        let changes = Changes::default();
        for n in 0..10 {
            changes.tell(Thing::Board, &n.to_string(), None);
        }
        let ids = |seen| -> Vec<_> {
            changes.after(seen).0.into_iter().map(|(n, change)| (n, change.of, change.id)).collect()
        };
        assert!(ids(None).is_empty());
        assert_eq!(ids(Some(8)), [(9, Thing::Board, "8".to_owned()), (10, Thing::Board, "9".to_owned())]);
        assert!(ids(Some(10)).is_empty());
        // Of a station before a restart, which had counted further.
        assert_eq!(ids(Some(500)), [(10, Thing::Gap, String::new())]);
        for n in 0..KEPT {
            changes.tell(Thing::Run, &n.to_string(), None);
        }
        assert_eq!(ids(Some(9)).first().map(|(_, of, _)| *of), Some(Thing::Gap));
        assert_eq!(ids(Some(10)).len(), KEPT);
        let (_, mut receiver) = changes.after(None);
        changes.tell(Thing::Job, "j", Some("b"));
        assert_eq!(receiver.try_recv().unwrap().1.id, "j");
    }
}
