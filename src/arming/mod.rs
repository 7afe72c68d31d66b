//! Which boards the network answers when they want to boot from it: a board that is done gets no answer, so that it falls
//! to its disk, until somebody arms it again.
//!
//! [`Arming`] is the table, pure: rules and the time go in, a [`Verdict`] comes out. [`Arms`] is the table with its file,
//! shared by the servers: what was said last holds, whether whoever said it is still there or not.

mod arms;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::board::{Mac, Serial, Who};

pub use arms::{Arms, Damage};

/// So long a boot that was given once goes on being answered: the stages of one boot ask one after the other. A Pi 4
/// looks for a server for 45 s, and fetches each file within 30 s.
pub const ONE_BOOT: Duration = Duration::from_secs(300);
/// So long files are still sent after the kernel: device tree overlays and the command line may come behind it.
pub const LAST_FILES: Duration = Duration::from_secs(60);
/// Boards with a rule of their own, at most.
pub const MOST_RULES: usize = 65_536;

/// Whether a board is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "kebab-case")]
pub enum Word {
    /// It is.
    Armed,
    /// It is for one boot, and then not.
    Once {
        /// The number of this boot. No two have the same one, so that a word that is said again gives nothing again; a
        /// board that is known by several names has the same number under each.
        turn: u64,
    },
    /// It isn't.
    Withheld,
}

/// What a board is called. One that is known by both is looked for by its Ethernet address first: that is what answers
/// go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Name {
    /// By its Ethernet address.
    Mac(Mac),
    /// By its serial number, in 8 or 16 digits.
    Serial(Serial),
}

/// One board's word; without one, it has that of all boards without a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The board.
    #[serde(flatten)]
    pub name: Name,
    /// What holds from now on. `null` takes the rule away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub say: Option<Word>,
}

/// Something that is to hold from now on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// For boards without a rule: armed or not.
    pub others: Option<bool>,
    /// For single boards.
    pub rules: Vec<Rule>,
}

/// What is done about a board that wants to boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is answered.
    Answer,
    /// It is answered, and this boot is used up with that: see [`Arms::spend`].
    Spend(u64),
    /// It gets nothing.
    Withhold,
}

/// The table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arming {
    others: bool,
    by_mac: HashMap<Mac, Word>,
    /// By the low digits, which are all that boot programs tell.
    by_serial: BTreeMap<String, (Serial, Word)>,
    spent: BTreeSet<u64>,
    /// Boots that go on: until when, and whether the board has its kernel.
    going_on: HashMap<u64, (Instant, bool)>,
}

impl Default for Arming {
    fn default() -> Self {
        Self {
            others: true,
            by_mac: HashMap::new(),
            by_serial: BTreeMap::new(),
            spent: BTreeSet::new(),
            going_on: HashMap::new(),
        }
    }
}

impl Arming {
    /// What holds for a board.
    #[must_use]
    pub fn word(&self, mac: Option<Mac>, serial: Option<Serial>) -> Word {
        let by_mac = || self.by_mac.get(&mac?).copied();
        let by_serial = || {
            let serial = serial?;
            let (known, word) = self.by_serial.get(&serial.directory())?;
            known.is_of_same_board(&serial).then_some(*word)
        };
        let others = if self.others { Word::Armed } else { Word::Withheld };
        by_mac().or_else(by_serial).unwrap_or(others)
    }

    /// What is done about a board that wants to boot now.
    #[must_use]
    pub fn boots(&self, mac: Option<Mac>, serial: Option<Serial>, now: Instant) -> Verdict {
        match self.word(mac, serial) {
            Word::Armed => Verdict::Answer,
            Word::Withheld => Verdict::Withhold,
            Word::Once { turn } if !self.spent.contains(&turn) => Verdict::Spend(turn),
            Word::Once { turn } => match self.going_on.get(&turn) {
                Some((until, false)) if now < *until => Verdict::Answer,
                _ => Verdict::Withhold,
            },
        }
    }

    /// Whether a board gets files now. Who asks for files before it was answered by DHCP, as beside another server that
    /// names this host, has begun no boot: its one boot stays its own.
    #[must_use]
    pub fn gets_files(&self, board: &Who, now: Instant) -> bool {
        match self.word(board.mac, board.serial) {
            Word::Armed => true,
            Word::Withheld => false,
            Word::Once { turn } => {
                !self.spent.contains(&turn) || self.going_on.get(&turn).is_some_and(|(until, _)| now < *until)
            }
        }
    }

    /// A boot is used up, and begins now.
    pub fn spend(&mut self, turn: u64, now: Instant) {
        self.spent.insert(turn);
        self.going_on.retain(|_, (until, _)| now < *until);
        self.going_on.insert(turn, (now + ONE_BOOT, false));
    }

    /// A board has its kernel: what asks next is another boot.
    pub fn loaded(&mut self, board: &Who, now: Instant) {
        if let Word::Once { turn } = self.word(board.mac, board.serial)
            && let Some((until, loaded)) = self.going_on.get_mut(&turn)
        {
            *until = (*until).min(now + LAST_FILES);
            *loaded = true;
        }
    }

    /// Takes a change. A boot that is used up stays so.
    ///
    /// # Errors
    /// Where there would be too many rules. Nothing of it is taken then.
    pub fn take(&mut self, change: &Change) -> Result<(), TooMany> {
        self.has_room(change)?;
        self.apply(change);
        Ok(())
    }

    fn apply(&mut self, change: &Change) {
        self.others = change.others.unwrap_or(self.others);
        for Rule { name, say } in &change.rules {
            match (name, say) {
                (Name::Mac(mac), None) => drop(self.by_mac.remove(mac)),
                (Name::Serial(serial), None) => drop(self.by_serial.remove(&serial.directory())),
                (Name::Mac(mac), Some(word)) => drop(self.by_mac.insert(*mac, *word)),
                (Name::Serial(serial), Some(word)) => {
                    self.by_serial.insert(serial.directory(), (*serial, *word));
                }
            }
        }
    }

    /// Takes away what is more than there may be; how much it was.
    fn shorten(&mut self) -> usize {
        let many = self.len().saturating_sub(MOST_RULES);
        let (mut rules, _) = self.all();
        rules.sort_by_key(|rule| rule.name);
        let rules = rules.into_iter().rev().take(many).map(|rule| Rule { say: None, ..rule }).collect();
        self.apply(&Change { others: None, rules });
        many
    }

    /// Whether there is room for a change.
    ///
    /// # Errors
    /// Where there would be too many rules.
    fn has_room(&self, change: &Change) -> Result<(), TooMany> {
        // What is said last of a board is what stays.
        let mut last: HashMap<(Option<Mac>, Option<String>), bool> = HashMap::new();
        for Rule { name, say } in &change.rules {
            let key = match name {
                Name::Mac(mac) => (Some(*mac), None),
                Name::Serial(serial) => (None, Some(serial.directory())),
            };
            last.insert(key, say.is_some());
        }
        let is_there = |key: &(Option<Mac>, Option<String>)| match key {
            (Some(mac), _) => self.by_mac.contains_key(mac),
            (None, serial) => serial.as_ref().is_some_and(|serial| self.by_serial.contains_key(serial)),
        };
        let (mut come, mut go) = (0, 0);
        for (key, stays) in &last {
            come += usize::from(*stays && !is_there(key));
            go += usize::from(!*stays && is_there(key));
        }
        if come > 0 && self.len() + come > MOST_RULES + go { Err(TooMany) } else { Ok(()) }
    }

    /// How many boards have a rule.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_mac.len() + self.by_serial.len()
    }

    /// Whether no board has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a board without a rule is answered.
    #[must_use]
    pub const fn others(&self) -> bool {
        self.others
    }

    /// All that holds, and the boots that are used up and that a rule still speaks of.
    fn all(&self) -> (Vec<Rule>, Vec<u64>) {
        let mut rules: Vec<Rule> =
            self.by_mac.iter().map(|(mac, say)| Rule { name: Name::Mac(*mac), say: Some(*say) }).collect();
        rules.sort_by_key(|rule| rule.name);
        rules.extend(
            self.by_serial
                .values()
                .map(|(serial, say)| Rule { name: Name::Serial(*serial), say: Some(*say) }),
        );
        let named = |turn: &&u64| rules.iter().any(|rule| rule.say == Some(Word::Once { turn: **turn }));
        let spent = self.spent.iter().filter(named).copied().collect();
        (rules, spent)
    }
}

/// There are as many rules as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{MOST_RULES} boards have a word of their own already, and that is the most")]
pub struct TooMany;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const PI: Mac = Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3]);

    pub(crate) fn rule(name: Name, say: Word) -> Change {
        Change { others: None, rules: vec![Rule { name, say: Some(say) }] }
    }

    #[test]
    fn a_board_without_a_rule_has_the_word_of_all() {
        let mut arming = Arming::default();
        let now = Instant::now();
        assert_eq!(arming.boots(Some(PI), None, now), Verdict::Answer);
        arming.take(&Change { others: Some(false), rules: Vec::new() }).unwrap();
        assert_eq!(arming.boots(Some(PI), None, now), Verdict::Withhold);
        arming.take(&rule(Name::Mac(PI), Word::Armed)).unwrap();
        assert_eq!(arming.boots(Some(PI), None, now), Verdict::Answer);
        arming.take(&Change { others: None, rules: vec![Rule { name: Name::Mac(PI), say: None }] }).unwrap();
        assert_eq!(arming.boots(Some(PI), None, now), Verdict::Withhold);
    }

    #[test]
    fn a_serial_number_is_known_in_both_lengths_and_the_address_comes_first() {
        let mut arming = Arming::default();
        let now = Instant::now();
        let long = Serial::of_digits("10000000af04b2da").unwrap();
        arming.take(&rule(Name::Serial(long), Word::Withheld)).unwrap();
        let short = Serial::of_low(0xaf04_b2da);
        assert_eq!(arming.boots(Some(PI), Some(short), now), Verdict::Withhold);
        assert_eq!(arming.boots(Some(PI), Some(Serial::of_low(1)), now), Verdict::Answer);
        arming.take(&rule(Name::Mac(PI), Word::Armed)).unwrap();
        assert_eq!(arming.boots(Some(PI), Some(short), now), Verdict::Answer);
    }

    #[test]
    fn one_boot_is_one_boot_with_all_its_stages() {
        let mut arming = Arming::default();
        let now = Instant::now();
        let once = rule(Name::Mac(PI), Word::Once { turn: 7 });
        arming.take(&once).unwrap();
        let board = Who::with_mac(PI);
        assert_eq!(arming.boots(Some(PI), None, now), Verdict::Spend(7));
        arming.spend(7, now);
        // bootcode.bin asks again, behind the ROM.
        let later = now + Duration::from_secs(20);
        assert_eq!(arming.boots(Some(PI), None, later), Verdict::Answer);
        assert!(arming.gets_files(&board, later));
        arming.loaded(&board, later);
        assert_eq!(arming.boots(Some(PI), None, later), Verdict::Withhold, "the next boot");
        assert!(arming.gets_files(&board, later), "overlays come behind the kernel");
        assert!(!arming.gets_files(&board, later + LAST_FILES));
        // Said again it gives nothing again; with another number it does.
        arming.take(&once).unwrap();
        assert_eq!(arming.boots(Some(PI), None, later), Verdict::Withhold);
        arming.take(&rule(Name::Mac(PI), Word::Once { turn: 8 })).unwrap();
        assert_eq!(arming.boots(Some(PI), None, later), Verdict::Spend(8));
    }

    #[test]
    fn a_boot_that_never_gets_its_kernel_is_over_some_time() {
        let mut arming = Arming::default();
        let now = Instant::now();
        arming.take(&rule(Name::Mac(PI), Word::Once { turn: 1 })).unwrap();
        arming.spend(1, now);
        assert_eq!(arming.boots(Some(PI), None, now + ONE_BOOT), Verdict::Withhold);
    }

    #[test]
    fn rules_are_bounded() {
        let mut arming = Arming::default();
        let many = |count: usize| Change {
            others: None,
            rules: (0..count as u32)
                .map(|n| {
                    let [_, b, c, d] = n.to_be_bytes();
                    Rule { name: Name::Mac(Mac::new([2, 0, 0, b, c, d])), say: Some(Word::Withheld) }
                })
                .collect(),
        };
        arming.take(&many(MOST_RULES)).unwrap();
        arming.take(&many(MOST_RULES)).unwrap();
        assert_eq!(arming.take(&many(MOST_RULES + 1)), Err(TooMany));
        assert_eq!(arming.len(), MOST_RULES);
    }
}
