//! Whether a slot is suspected: runs go in, a suspicion comes out. Pure.
//!
//! A slot is suspected where all of this holds:
//!
//! - of its last [`LAST`] runs that have ended, [`FAILED`] or more have failed or were lost;
//! - that happened on [`BOARDS`] boards or more: one bad board makes no slot suspected;
//! - the newest [`GOOD`] runs weren't all good: so many good ones, one after the other, end the suspicion;
//! - at the other slots runs of the same time fail half as often at most: a bad image fails everywhere.
//!
//! What was before the slot was mended isn't counted, and neither is a failure that no cable, power supply, reader or
//! socket can cause: [`MAY_BE_THE_SLOT`].

use std::collections::BTreeSet;

use crate::error::Kind;
use crate::station_api::{Suspicion, Time};

/// So many runs of a slot are looked at.
pub(in crate::station) const LAST: usize = 5;
/// So many of them have to have failed.
pub(in crate::station) const FAILED: usize = 3;
/// On so many boards.
pub(in crate::station) const BOARDS: usize = 2;
/// So many good runs in a row end it.
pub(in crate::station) const GOOD: usize = 2;

/// Kinds of failure that a slot can cause: the board says or shows that it didn't work, it or its disk can't be reached,
/// reading or writing failed. Of the others the board, the image or the choice is the cause: an image that is damaged or
/// too large for the disk, a disk that is locked or in use, another disk than those that are there, somebody's stop.
pub(in crate::station) const MAY_BE_THE_SLOT: [Kind; 3] = [Kind::Failed, Kind::Unavailable, Kind::Io];

/// A run of a slot that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::station) struct Ended {
    /// When it began.
    pub(in crate::station) started: Time,
    /// The board: the station's name of it, else what it was called.
    pub(in crate::station) board: String,
    /// Whether it failed or was lost.
    pub(in crate::station) failed: bool,
}

/// A slot with its runs, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::station) struct History {
    /// The slot.
    pub(in crate::station) slot: String,
    /// Its last runs since it was mended; more than [`LAST`] don't count.
    pub(in crate::station) runs: Vec<Ended>,
}

/// What is to be said of each slot, in their order.
pub(in crate::station) fn suspicions(all: &[History]) -> Vec<(String, Suspicion)> {
    let suspected = |one: &History| suspicion(one, all).map(|suspicion| (one.slot.clone(), suspicion));
    all.iter().filter_map(suspected).collect()
}

/// What is to be said of one of them.
fn suspicion(one: &History, all: &[History]) -> Option<Suspicion> {
    let runs = &one.runs[..one.runs.len().min(LAST)];
    let failed: Vec<_> = runs.iter().filter(|run| run.failed).collect();
    let boards: BTreeSet<_> = failed.iter().map(|run| run.board.as_str()).collect();
    let good_again = runs.iter().take(GOOD).all(|run| !run.failed);
    if failed.len() < FAILED || boards.len() < BOARDS || good_again {
        return None;
    }
    let since = runs.iter().map(|run| run.started).min()?;
    let (mut others, mut others_failed) = (0, 0);
    for other in all.iter().filter(|other| other.slot != one.slot) {
        for run in other.runs.iter().take(LAST).filter(|run| run.started >= since) {
            others += 1;
            others_failed += usize::from(run.failed);
        }
    }
    // Half as often at most, without a fraction.
    if 2 * others_failed * runs.len() > failed.len() * others {
        return None;
    }
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Some(Suspicion { failed: small(failed.len()), of: small(runs.len()), boards: small(boards.len()) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Runs in letters, the newest first: a small one is a good run of that board, a capital one a failed one.
    fn history(slot: &str, runs: &str) -> History {
        let count = Time::try_from(runs.len()).unwrap();
        let run = |(at, letter): (Time, char)| Ended {
            started: 100 + count - at,
            board: letter.to_ascii_lowercase().to_string(),
            failed: letter.is_ascii_uppercase(),
        };
        History { slot: slot.to_owned(), runs: (0..).zip(runs.chars()).map(run).collect() }
    }

    fn of(slots: &[&str]) -> Option<(u32, u32, u32)> {
        let all: Vec<_> = slots.iter().enumerate().map(|(n, runs)| history(&n.to_string(), runs)).collect();
        let found = suspicions(&all).into_iter().find(|(slot, _)| slot == "0");
        found.map(|(_, found)| (found.failed, found.of, found.boards))
    }

    #[test]
    fn a_slot_is_suspected_where_it_fails_again_and_again_on_several_boards_and_others_do_not() {
        for (slots, suspected) in [
            (&["ABCdE"][..], Some((4, 5, 4))),
            (&["AABxB"], Some((4, 5, 2))),
            (&["ABC"], Some((3, 3, 3))),
            // What is older than five runs.
            (&["ABCxyZZZ"], Some((3, 5, 3))),
            (&["AxyzBCDEF"], None),
            // Too few, or one board only.
            (&["AB"], None),
            (&["ABxy"], None),
            (&["AAAAA"], None),
            (&["AAAab"], None),
            // One good run is luck; two in a row aren't.
            (&["xABCD"], Some((4, 5, 4))),
            (&["xyABC"], None),
            (&["xyzab"], None),
            (&[""], None),
            // Of the others a quarter fails, half of them, all.
            (&["ABCDE", "Axyz", "xyzv"], Some((5, 5, 5))),
            (&["ABCDE", "AxBy"], Some((5, 5, 5))),
            (&["ABCDE", "AxBC"], None),
            (&["ABCDx", "ABCDE"], None),
            (&["ABCDx", "ABxyz"], Some((4, 5, 4))),
            (&["ABCxy", "ABxyz"], None),
        ] {
            assert_eq!(of(slots), suspected, "{slots:?}");
        }
    }

    #[test]
    fn what_was_elsewhere_before_does_not_count() {
        let mut old = history("1", "ABCDE");
        old.runs.iter_mut().for_each(|run| run.started -= 100);
        let found = suspicions(&[history("0", "ABCDE"), old.clone()]);
        assert_eq!(found.iter().map(|(slot, _)| slot.as_str()).collect::<Vec<_>>(), ["0"]);
        old.runs.iter_mut().for_each(|run| run.started += 100);
        assert_eq!(suspicions(&[history("0", "ABCDE"), old]), []);
    }

    fn any() -> impl Strategy<Value = String> {
        proptest::string::string_regex("[a-dA-D]{0,9}").unwrap()
    }

    proptest! {
        #[test]
        fn a_suspicion_says_what_is_there(slots in proptest::collection::vec(any(), 1..6)) {
            let all: Vec<_> = slots.iter().enumerate().map(|(n, runs)| history(&n.to_string(), runs)).collect();
            for (slot, found) in suspicions(&all) {
                let runs: String = slots[slot.parse::<usize>().unwrap()].chars().take(LAST).collect();
                let failed: Vec<_> = runs.chars().filter(char::is_ascii_uppercase).collect();
                let boards: BTreeSet<_> = failed.iter().collect();
                prop_assert_eq!((found.of as usize, found.failed as usize), (runs.len(), failed.len()));
                prop_assert_eq!(found.boards as usize, boards.len());
                prop_assert!(found.failed as usize >= FAILED && boards.len() >= BOARDS);
            }
        }

        #[test]
        fn good_runs_end_it_and_never_begin_it(runs in any(), others in proptest::collection::vec(any(), 0..4)) {
            let with = |runs: &str| {
                let slots: Vec<&str> = std::iter::once(runs).chain(others.iter().map(String::as_str)).collect();
                of(&slots)
            };
            let good = "x".repeat(GOOD);
            prop_assert_eq!(with(&format!("{good}{runs}")), None);
            if with(&runs).is_none() && of(&[&runs]).is_none() {
                prop_assert_eq!(of(&[&format!("x{runs}")]), None);
            }
        }

        #[test]
        fn not_all_slots_of_a_bench_are_suspected_at_once(runs in any(), slots in 2..8_usize) {
            let all: Vec<_> = (0..slots).map(|n| history(&n.to_string(), &runs)).collect();
            prop_assert_eq!(suspicions(&all), []);
        }
    }
}
