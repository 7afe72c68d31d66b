//! Whose an Ethernet address is, and where that board is then. Pure.

use std::collections::BTreeMap;

use crate::board::{Jumper, Mac};
use crate::bridge::table::{Seen, Switch};
use crate::station::store::{Addressed, AtJumper};
use crate::station_api::Time;

/// Where a board is, as switches have seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::station) enum Where {
    /// As its addresses say.
    Seen(Seen),
    /// Another board that is there has one of its addresses: nobody knows which of them a switch has seen.
    Double(Mac),
}

/// Boards that are there at the same time and have one address, by that address.
pub(in crate::station) fn doubles(
    all: &[Addressed],
    is_there: impl Fn(&Addressed) -> bool,
) -> BTreeMap<Mac, Vec<&str>> {
    let mut boards: BTreeMap<Mac, Vec<&str>> = BTreeMap::new();
    for one in all.iter().filter(|one| is_there(one)) {
        boards.entry(one.mac).or_default().push(&one.board);
    }
    boards.retain(|_, boards| {
        boards.sort_unstable();
        boards.dedup();
        boards.len() > 1
    });
    boards
}

/// Boards that are there at once and tell one number of jumpers, by it. `since`: who was heard of since then is there;
/// `asked`: when a board has asked last, where it is present.
///
/// A board that comes onto another one's carrier tells that number too, while the other one was seen a moment ago: they
/// are there at once only where the one that has told it first was heard of after that.
pub(in crate::station) fn of_one_number(
    all: &[AtJumper],
    since: Time,
    asked: impl Fn(&str) -> Option<Time>,
) -> BTreeMap<Jumper, Vec<&str>> {
    let heard = |one: &AtJumper| asked(&one.board).map_or(one.seen, |asked| asked.max(one.seen));
    let there: Vec<_> =
        all.iter().map(|one| (one, heard(one))).filter(|(_, heard)| *heard >= since).collect();
    let mut found: BTreeMap<Jumper, Vec<&str>> = BTreeMap::new();
    for (later, _) in &there {
        for (first, heard) in &there {
            let is_other = first.jumper == later.jumper && first.board != later.board;
            if is_other && first.told <= later.told && *heard > later.told {
                found.entry(later.jumper).or_default().extend([first.board.as_str(), later.board.as_str()]);
            }
        }
    }
    for boards in found.values_mut() {
        boards.sort_unstable();
        boards.dedup();
    }
    found
}

/// Where each board is that a switch has seen.
///
/// An adapter wanders from board to board, and its address with it: of several boards that have had one address the one
/// that is there has it now; where none is there, nobody has.
pub(in crate::station) fn places<'a>(
    all: &'a [Addressed],
    switches: &[Switch<'_>],
    is_there: impl Fn(&Addressed) -> bool,
) -> BTreeMap<&'a str, Where> {
    let double = doubles(all, &is_there);
    let mut owners: BTreeMap<Mac, usize> = BTreeMap::new();
    for one in all {
        *owners.entry(one.mac).or_default() += 1;
    }
    let mut seen: BTreeMap<&str, Vec<Seen>> = BTreeMap::new();
    let mut places = BTreeMap::new();
    for one in all {
        let is_its_own = owners.get(&one.mac) == Some(&1) || is_there(one);
        if double.get(&one.mac).is_some_and(|boards| boards.contains(&one.board.as_str())) {
            places.insert(one.board.as_str(), Where::Double(one.mac));
        } else if is_its_own {
            seen.entry(&one.board).or_default().push(Seen::of(switches, one.mac));
        }
    }
    for (board, seen) in seen {
        match Seen::of_all(seen) {
            Seen::Nowhere => {}
            seen => {
                places.entry(board).or_insert(Where::Seen(seen));
            }
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::table::tests::table;

    fn one(mac: &str, board: &str, seen: i64) -> Addressed {
        Addressed { mac: mac.parse().unwrap(), board: board.to_owned(), slot: None, seen }
    }

    #[test]
    fn boards_that_tell_one_number_are_told_where_they_are_there_at_once() {
        let at = |number: u8, board: &str, told, seen| AtJumper {
            jumper: Jumper::try_from(number).unwrap(),
            board: board.to_owned(),
            told,
            seen,
        };
        let three = Jumper::try_from(3).unwrap();
        let all = |first_seen, other| [at(3, "a", 100, first_seen), at(other, "b", 150, 150)];
        let none = |_: &str| None;
        // The first one is seen after the other has come.
        assert_eq!(of_one_number(&all(160, 3), 90, none), BTreeMap::from([(three, vec!["a", "b"])]));
        // It asks for work still, though nothing is written of that; or has asked before it went.
        let asked = |at: Time| move |board: &str| (board == "a").then_some(at);
        assert_eq!(of_one_number(&all(110, 3), 90, asked(151)), BTreeMap::from([(three, vec!["a", "b"])]));
        assert_eq!(of_one_number(&all(110, 3), 90, asked(149)), BTreeMap::new());
        // One board after the other on a carrier, another number, and one that went long ago.
        assert_eq!(of_one_number(&all(110, 3), 90, none), BTreeMap::new());
        assert_eq!(of_one_number(&all(160, 4), 90, none), BTreeMap::new());
        assert_eq!(of_one_number(&all(160, 3), 155, none), BTreeMap::new());
    }

    #[test]
    fn of_boards_with_one_address_the_one_that_is_there_has_it_and_of_two_that_are_there_none() {
        let table = table(&[(1, 1), (2, 2), (3, 3)]);
        let switches = [Switch { name: "sw1", table: &table, uplinks: &[] }];
        let mac = |last: u8| format!("dc:a6:32:01:02:{last:02x}");
        let there = |one: &Addressed| one.seen >= 100;
        let at = |place: &str| Where::Seen(Seen::At(format!("sw1/ge-0/0/{place}")));
        let all = [
            one(&mac(1), "a", 100),
            one(&mac(9), "a", 100),
            // An adapter that b has had, and c has now.
            one(&mac(2), "b", 50),
            one(&mac(2), "c", 100),
            // Two at once.
            one(&mac(3), "d", 100),
            one(&mac(3), "e", 120),
            one(&mac(8), "f", 100),
        ];
        let places = places(&all, &switches, there);
        let three: Mac = mac(3).parse().unwrap();
        let told: Vec<_> = places.into_iter().collect();
        assert_eq!(
            told,
            [("a", at("1")), ("c", at("2")), ("d", Where::Double(three)), ("e", Where::Double(three))]
        );
        assert_eq!(doubles(&all, there), BTreeMap::from([(three, vec!["d", "e"])]));
        // Nobody is there any more.
        assert!(doubles(&all, |_| false).is_empty());
        let alone = [one(&mac(1), "a", 0)];
        assert_eq!(super::places(&alone, &switches, there).remove("a"), Some(at("1")), "it has it alone");
    }
}
