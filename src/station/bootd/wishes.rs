//! What is wanted of the privileged half, and what of that goes out now: pure. Words on boards come before resets, so that
//! a board which is reset finds the answer that it is to find; and no more is on its way at once than the other half takes.

use std::collections::{BTreeMap, HashMap, VecDeque};

use tokio::sync::oneshot;

use super::offers::Wish;
use crate::arming::{Name, Rule, Word};
use crate::control::Say;
use crate::control::message::{MOST_BOARDS, ToServer};

/// Words on boards that are on their way at once: the other half puts out a station from which more than 64 wishes wait.
const ARMS: usize = 16;
/// Offers that are on their way at once: each has up to 2 MiB.
const OFFERS: usize = 2;
/// Resets that are on their way at once. The other half does one after the other.
const RESETS: usize = 4;
/// Resets that wait, at most.
const MOST_RESETS: usize = 256;

/// How a reset ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::station) enum NotReset {
    /// There is no privileged half to speak to.
    #[error("what boots boards is away: {0}")]
    Away(String),
    /// It knows no reset line under this name.
    #[error("{0}")]
    NoLine(String),
    /// It has tried, or can't.
    #[error("{0}")]
    Failed(String),
}

/// What the task that speaks with the other half is asked for.
#[derive(Debug)]
pub(in crate::station) struct Ask {
    /// The target's name, or its board's Ethernet address.
    pub(in crate::station) target: String,
    /// Told when it is done.
    pub(in crate::station) reply: oneshot::Sender<Result<(), NotReset>>,
}

#[derive(Debug)]
enum Flying {
    Arm,
    /// Of this job, with the number of the offer.
    Offer((String, u64)),
    Reset(oneshot::Sender<Result<(), NotReset>>),
}

/// What waits and what is on its way.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    next: u64,
    rules: Option<Option<Name>>,
    arms: VecDeque<Vec<Rule>>,
    resets: VecDeque<Ask>,
    offers: VecDeque<Wish>,
    flying: HashMap<u64, Flying>,
}

impl Wishes {
    /// The rules behind this name are to be told.
    pub(super) const fn learn(&mut self, after: Option<Name>) {
        self.rules = Some(after);
    }

    /// These rules are to hold.
    pub(super) fn arm(&mut self, rules: &[Rule]) {
        self.arms.extend(rules.chunks(MOST_BOARDS).map(<[Rule]>::to_vec));
    }

    /// A board is to be reset.
    pub(super) fn reset(&mut self, ask: Ask) {
        if self.resets.len() >= MOST_RESETS {
            let _ =
                ask.reply.send(Err(NotReset::Failed("too many boards are to be reset at once".to_owned())));
            return;
        }
        self.resets.push_back(ask);
    }

    /// A board is to be offered something, or nothing any more.
    pub(super) fn offer(&mut self, wish: Wish) {
        self.offers.push_back(wish);
    }

    /// What is to be offered now: after all words on boards, so that a board which is offered something is answered.
    pub(super) fn due_offers(&mut self) -> Vec<Say> {
        let mut due = Vec::new();
        let arms = self.flying.values().filter(|flying| matches!(flying, Flying::Arm)).count();
        let mut flying = self.flying.values().filter(|flying| matches!(flying, Flying::Offer(_))).count();
        while arms == 0
            && self.arms.is_empty()
            && flying < OFFERS
            && let Some(wish) = self.offers.pop_front()
        {
            let of = wish.of.clone();
            match wish.say(self.next + 1) {
                Ok(say) => {
                    self.fly(Flying::Offer(of));
                    flying += 1;
                    due.push(say);
                }
                // Whoever waits for it is told that nothing was said of it.
                Err(error) => tracing::warn!(%error, "an EEPROM image can't be handed over"),
            }
        }
        due
    }

    /// Whether the other half is done with an offer, and which one.
    pub(super) fn offered(&mut self, id: u64) -> Option<(String, u64)> {
        match self.flying.remove(&id)? {
            Flying::Offer(of) => Some(of),
            other => {
                self.flying.insert(id, other);
                None
            }
        }
    }

    /// What is to be said now.
    pub(super) fn due(&mut self) -> Vec<ToServer> {
        let mut due = Vec::new();
        if let Some(after) = self.rules.take() {
            self.next += 1;
            due.push(ToServer::Rules { id: self.next, after });
        }
        let resets = self.flying.values().filter(|flying| matches!(flying, Flying::Reset(_))).count();
        let mut arms = self.flying.values().filter(|flying| matches!(flying, Flying::Arm)).count();
        while arms < ARMS
            && let Some(boards) = self.arms.pop_front()
        {
            arms += 1;
            let id = self.fly(Flying::Arm);
            due.push(ToServer::Arm { id, others: None, boards });
        }
        for _ in resets..RESETS {
            if arms > 0 {
                break;
            }
            let Some(Ask { target, reply }) = self.resets.pop_front() else { break };
            let id = self.fly(Flying::Reset(reply));
            due.push(ToServer::Reset { id, target });
        }
        due
    }

    fn fly(&mut self, flying: Flying) -> u64 {
        self.next += 1;
        self.flying.insert(self.next, flying);
        self.next
    }

    /// The other half is done with one. `false`: what was said of boards doesn't hold there.
    pub(super) fn done(&mut self, id: u64, failed: Option<&str>, missing: bool) -> bool {
        match (self.flying.remove(&id), failed) {
            (Some(Flying::Reset(reply)), None) => drop(reply.send(Ok(()))),
            (Some(Flying::Reset(reply)), Some(why)) => {
                let why = why.to_owned();
                let not = if missing { NotReset::NoLine(why) } else { NotReset::Failed(why) };
                drop(reply.send(Err(not)));
            }
            (Some(Flying::Arm), failed) => return failed.is_none(),
            (Some(Flying::Offer(_)), _) => {}
            // Of a connection that is over.
            (None, _) => {}
        }
        true
    }

    /// The connection is over, or a new one began: nothing comes of what was on its way.
    pub(super) fn over(&mut self, why: &str) {
        self.arms.clear();
        self.offers.clear();
        self.rules = None;
        let flying = self.flying.drain().filter_map(|(_, flying)| match flying {
            Flying::Reset(reply) => Some(reply),
            Flying::Arm | Flying::Offer(_) => None,
        });
        for reply in flying.chain(self.resets.drain(..).map(|ask| ask.reply)) {
            let _ = reply.send(Err(NotReset::Away(why.to_owned())));
        }
    }
}

/// What is known of what the other half knows.
#[derive(Debug, Default)]
pub(super) struct Said(BTreeMap<Name, Word>);

impl Said {
    /// The other half has these rules.
    pub(super) fn learn(&mut self, rules: &[Rule]) {
        self.0.extend(rules.iter().filter_map(|rule| Some((rule.name, rule.say?))));
    }

    /// What to say so that it has `held`, and nothing else.
    pub(super) fn differences(&mut self, held: BTreeMap<Name, Word>) -> Vec<Rule> {
        let gone = self.0.keys().filter(|name| !held.contains_key(name));
        let mut rules: Vec<_> = gone.map(|name| Rule { name: *name, say: None }).collect();
        let new = held.iter().filter(|(name, word)| self.0.get(name) != Some(word));
        rules.extend(new.map(|(name, word)| Rule { name: *name, say: Some(*word) }));
        self.0 = held;
        rules
    }
}

/// The number of a board's one boot, as it is kept; `spent` where it was seen to be answered.
pub(super) fn turn_of(kept: Option<&str>) -> Option<(u64, bool)> {
    let kept = kept?;
    match kept.strip_suffix(" spent") {
        Some(turn) => Some((turn.parse().ok()?, true)),
        None => Some((kept.parse().ok()?, false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Mac;

    const PI: Mac = Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3]);

    fn rule(name: Name, say: Option<Word>) -> Rule {
        Rule { name, say }
    }

    fn ask(target: &str) -> (Ask, oneshot::Receiver<Result<(), NotReset>>) {
        let (reply, told) = oneshot::channel();
        (Ask { target: target.to_owned(), reply }, told)
    }

    #[test]
    fn only_differences_are_said_and_names_that_are_gone_are_taken_back() {
        let mut said = Said::default();
        let (mac, other) = (Name::Mac(PI), Name::Serial(crate::board::Serial::of_low(7)));
        let one = |name, word| BTreeMap::from([(name, word)]);
        assert_eq!(said.differences(one(mac, Word::Withheld)), [rule(mac, Some(Word::Withheld))]);
        assert_eq!(said.differences(one(mac, Word::Withheld)), []);
        let once = Word::Once { turn: 7 };
        assert_eq!(said.differences(one(other, once)), [rule(mac, None), rule(other, Some(once))]);
        assert_eq!(said.differences(BTreeMap::new()), [rule(other, None)]);
    }

    #[test]
    fn what_the_other_half_has_from_before_is_taken_back_where_it_holds_no_more() {
        let (mac, other) = (Name::Mac(PI), Name::Serial(crate::board::Serial::of_low(7)));
        let mut said = Said::default();
        said.learn(&[rule(mac, Some(Word::Withheld)), rule(other, Some(Word::Once { turn: 7 }))]);
        let held = BTreeMap::from([(other, Word::Once { turn: 7 })]);
        assert_eq!(said.differences(held), [rule(mac, None)], "it was armed while nobody could say so");
    }

    #[test]
    fn the_number_of_a_boot_is_kept_with_its_end() {
        assert_eq!(turn_of(Some("7")), Some((7, false)));
        assert_eq!(turn_of(Some("7 spent")), Some((7, true)));
        assert_eq!(turn_of(Some("x")), None);
        assert_eq!(turn_of(None), None);
    }

    #[test]
    fn a_board_is_reset_after_its_word_is_there_and_few_wishes_are_on_their_way() {
        let mut wishes = Wishes::default();
        let rules = vec![rule(Name::Mac(PI), Some(Word::Withheld)); MOST_BOARDS * (ARMS + 2)];
        wishes.arm(&rules);
        let (lab, mut told) = ask("lab-01");
        wishes.reset(lab);
        let first = wishes.due();
        assert!(first.iter().all(|wish| matches!(wish, ToServer::Arm { .. })) && first.len() == ARMS);
        assert!(wishes.due().is_empty());
        assert!(wishes.done(1, None, false));
        assert!(!wishes.done(2, Some("no space left"), false), "it doesn't hold");
        assert_eq!(wishes.due().len(), 2, "the rest of the words");
        for id in 3..=ARMS as u64 + 2 {
            assert!(wishes.done(id, None, false) && told.try_recv().is_err());
        }
        assert_eq!(wishes.due(), [ToServer::Reset { id: ARMS as u64 + 3, target: "lab-01".to_owned() }]);
        wishes.done(ARMS as u64 + 3, Some("no such target"), true);
        assert_eq!(told.try_recv(), Ok(Err(NotReset::NoLine("no such target".to_owned()))));
    }

    #[test]
    fn what_is_on_its_way_ends_with_the_connection_and_what_waits_is_bounded() {
        let mut wishes = Wishes::default();
        let mut told: Vec<_> = (0..=MOST_RESETS)
            .map(|n| {
                let (ask, told) = ask(&n.to_string());
                wishes.reset(ask);
                told
            })
            .collect();
        assert!(matches!(told[MOST_RESETS].try_recv(), Ok(Err(NotReset::Failed(_)))));
        assert_eq!(wishes.due().len(), RESETS);
        wishes.over("it has gone");
        for told in &mut told[..MOST_RESETS] {
            assert_eq!(told.try_recv(), Ok(Err(NotReset::Away("it has gone".to_owned()))));
        }
        assert!(wishes.due().is_empty() && wishes.done(1, None, false));
    }
}
