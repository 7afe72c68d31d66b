//! Which interfaces get the address of a cable's host's end: what is seen goes in, what is to be told comes out. Pure.

use std::collections::BTreeMap;

use super::event::{Why, Word};
use crate::board::{Cable, PortPath, Ports, Serial, allows};

/// More cables than a host has ports for.
const MOST: usize = 512;

/// The host's end of a board's cable: an interface whose MAC address and whose USB device say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// The interface's number.
    pub(super) index: u32,
    /// Its name.
    pub(super) name: String,
    /// The cable that its MAC address names.
    pub(super) cable: Cable,
    /// The USB port.
    pub(super) port: PortPath,
    /// The serial number in the USB descriptors.
    pub(super) serial: Option<Serial>,
}

/// What is known of all ends.
#[derive(Debug, Default)]
pub(super) struct Book {
    ports: Vec<Ports>,
    served: BTreeMap<u32, End>,
    refused: BTreeMap<u32, (End, Why)>,
}

impl Book {
    /// With `ports` only ends at these are served; with none, all.
    pub(super) fn new(ports: Vec<Ports>) -> Self {
        Self { ports, ..Self::default() }
    }

    /// Those that are served.
    pub(super) fn served(&self) -> impl Iterator<Item = &End> {
        self.served.values()
    }

    /// Takes all ends that there are now. Gives what is new.
    pub(super) fn look(&mut self, mut ends: Vec<End>) -> Vec<Word> {
        ends.truncate(MOST);
        let mut words = Vec::new();
        let is_there = |end: &End| ends.iter().any(|other| is_same(other, end));
        self.served.retain(|_, end| {
            let stays = is_there(end);
            if !stays {
                words.push(Word::Gone(end.clone()));
            }
            stays
        });
        self.refused.retain(|_, (end, _)| is_there(end));
        let before: Vec<End> = self.served.values().cloned().collect();
        for end in &ends {
            let why = self.why_not(end, &before, &ends);
            match (why, self.served.get(&end.index), self.refused.get(&end.index)) {
                // Whoever was there first stays: what comes later can't take its place.
                (_, Some(_), _) => drop(self.served.insert(end.index, end.clone())),
                (Some(why), None, known) => {
                    if known.is_none_or(|(_, before)| *before != why) {
                        words.push(Word::Refused(end.clone(), why.clone()));
                    }
                    self.refused.insert(end.index, (end.clone(), why));
                }
                (None, None, _) => {
                    self.refused.remove(&end.index);
                    words.push(Word::Came(end.clone()));
                    self.served.insert(end.index, end.clone());
                }
            }
        }
        words
    }

    /// Why an end isn't served; nothing where it is.
    fn why_not(&self, end: &End, before: &[End], all: &[End]) -> Option<Why> {
        if !allows(&self.ports, end.port) {
            return Some(Why::Port);
        }
        match &end.serial {
            Some(serial) if Cable::of(serial) == Some(end.cable) => {}
            told => return Some(Why::OtherNumber { told: *told }),
        }
        // One that is served already counts before all others. Of several that came together none is known to be the
        // right one.
        let is_twin = |other: &&End| other.index != end.index && other.cable == end.cable;
        let twin = before
            .iter()
            .find(is_twin)
            .or_else(|| all.iter().filter(|other| allows(&self.ports, other.port)).find(is_twin));
        twin.map(|twin| Why::Twin { port: twin.port })
    }
}

/// Whether it is the same end still: a name may change.
fn is_same(one: &End, other: &End) -> bool {
    (one.index, one.cable, one.port, one.serial) == (other.index, other.cable, other.port, other.serial)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(index: u32, port: &str, serial: &str) -> End {
        let serial: Serial = serial.parse().unwrap();
        let (name, port) = (format!("usb{index}"), port.parse().unwrap());
        End { index, name, cable: Cable::of(&serial).unwrap(), port, serial: Some(serial) }
    }

    fn served(book: &Book) -> Vec<u32> {
        book.served().map(|end| end.index).collect()
    }

    #[test]
    fn a_cable_comes_once_and_goes_once() {
        let mut book = Book::new(Vec::new());
        let one = end(3, "1-1.2", "10000000af04b2da");
        assert_eq!(book.look(vec![one.clone()]), [Word::Came(one.clone())]);
        assert_eq!(book.look(vec![one.clone()]), []);
        // udev gives it another name.
        let named = End { name: "enxd600af04b2da".into(), ..one };
        assert_eq!(book.look(vec![named.clone()]), []);
        assert_eq!(book.served().next().unwrap().name, "enxd600af04b2da");
        assert_eq!(book.look(vec![]), [Word::Gone(named.clone())]);
        assert_eq!(book.look(vec![named.clone()]), [Word::Came(named)]);
    }

    #[test]
    fn only_allowed_ports_and_only_boards_whose_address_is_that_of_their_number() {
        let mut book = Book::new(vec!["1-1.*".parse().unwrap()]);
        let other = end(3, "2-1", "10000000af04b2da");
        assert_eq!(book.look(vec![other.clone()]), [Word::Refused(other, Why::Port)]);
        let lies = End { cable: end(4, "1-1.2", "aa").cable, ..end(4, "1-1.2", "bb") };
        let silent = End { serial: None, ..end(5, "1-1.3", "cc") };
        let told = lies.serial;
        assert_eq!(
            book.look(vec![lies.clone(), silent.clone()]),
            [
                Word::Refused(lies, Why::OtherNumber { told }),
                Word::Refused(silent, Why::OtherNumber { told: None })
            ]
        );
        assert!(served(&book).is_empty());
    }

    #[test]
    fn of_two_with_one_number_the_first_stays_and_of_two_at_once_none_is_believed() {
        let (one, two) = (end(3, "1-1", "af04b2da"), end(4, "1-2", "10000000af04b2da"));
        let twin = |port: &str| Why::Twin { port: port.parse().unwrap() };
        let mut book = Book::new(Vec::new());
        book.look(vec![one.clone()]);
        let both = vec![one.clone(), two.clone()];
        assert_eq!(book.look(both.clone()), [Word::Refused(two.clone(), twin("1-1"))]);
        assert_eq!((book.look(both.clone()), served(&book)), (vec![], vec![3]));
        // The first one goes, and the second one is nobody's twin any more.
        assert_eq!(book.look(vec![two.clone()]), [Word::Gone(one.clone()), Word::Came(two.clone())]);
        let mut book = Book::new(Vec::new());
        let words = book.look(both.clone());
        assert_eq!(words, [Word::Refused(one, twin("1-2")), Word::Refused(two.clone(), twin("1-1"))]);
        assert!(served(&book).is_empty());
        assert_eq!(book.look(vec![two.clone()]), [Word::Came(two)]);
    }

    #[test]
    fn a_twin_at_a_port_that_is_not_allowed_keeps_nobody_out() {
        let mut book = Book::new(vec!["1-1".parse().unwrap()]);
        let (one, two) = (end(3, "1-1", "af04b2da"), end(4, "1-2", "af04b2da"));
        assert_eq!(
            book.look(vec![one.clone(), two.clone()]),
            [Word::Came(one), Word::Refused(two, Why::Port)]
        );
    }

    proptest::proptest! {
        /// Whatever comes and goes: never are two ends of one cable served, and nothing is served that isn't there.
        #[test]
        fn no_two_ends_of_one_cable(rounds in proptest::collection::vec(
            proptest::collection::vec((1u32..6, 1u8..4, 1u8..4), 0..5), 0..20)) {
            let mut book = Book::new(Vec::new());
            for round in rounds {
                let mut ends: Vec<End> = Vec::new();
                for (index, port, serial) in round {
                    if ends.iter().all(|end| end.index != index) {
                        ends.push(end(index, &format!("1-{port}"), &format!("{serial}")));
                    }
                }
                book.look(ends.clone());
                let all: Vec<&End> = book.served().collect();
                for one in &all {
                    proptest::prop_assert!(ends.iter().any(|end| end == *one));
                    proptest::prop_assert_eq!(all.iter().filter(|other| other.cable == one.cable).count(), 1);
                }
            }
        }
    }
}
