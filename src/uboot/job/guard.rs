//! A job for a board that knows the card's secret: what was drawn, what was ordered, what is proved by what.

use crate::board::Mac;
use crate::uboot::proof::{self, Numbers, Said};
use crate::uboot::secret::Secret;

/// What a tag proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// It belongs to the order in hand.
    Now,
    /// It belongs to the order before: the board has missed the answer, or another host repeats what it has heard.
    Before,
    /// Nothing.
    None,
}

/// The host's side of a proof.
#[derive(Debug)]
pub(super) struct Guard {
    secret: Secret,
    mac: Mac,
    numbers: Numbers,
    /// What the next start of the board has to prove itself with. Asking for it doesn't change it, so nobody can
    /// take it from a board that is about to use it.
    pending: u64,
    /// What this start of the board has proved itself with.
    current: Option<u64>,
    /// How many orders this start of the board has got.
    orders: u32,
}

impl Guard {
    pub(super) fn new(secret: Secret, mac: Mac, key: [u64; 2]) -> Self {
        let mut numbers = Numbers::new(key);
        let pending = numbers.draw();
        Self { secret, mac, numbers, pending, current: None, orders: 0 }
    }

    /// The number that a board is asked to prove itself with.
    pub(super) fn challenge(&self) -> u64 {
        self.pending
    }

    /// The number of the order in hand.
    pub(super) fn order(&self) -> u32 {
        self.orders
    }

    /// One more order goes out.
    pub(super) fn ordered(&mut self) {
        self.orders = self.orders.saturating_add(1);
    }

    /// A board proves at its start that it knows the secret. The number is used up by that.
    pub(super) fn begins(&mut self, start: u32, size: u32, tag: u64) -> Proof {
        let said = Said::Job(start, size);
        if tag == self.tag(self.pending, 0, 0, said) {
            self.current = Some(self.pending);
            self.pending = self.numbers.draw();
            self.orders = 0;
            return Proof::Now;
        }
        match self.current {
            // Nothing was told since: the order got lost.
            Some(current) if self.orders == 1 && tag == self.tag(current, 0, 0, said) => Proof::Before,
            _ => Proof::None,
        }
    }

    /// What the tag of something that was told of a step proves.
    pub(super) fn proves(&self, step: u32, said: Said, tag: u64) -> Proof {
        let Some(current) = self.current else { return Proof::None };
        if tag == self.tag(current, self.orders, step, said) {
            return Proof::Now;
        }
        match self.orders.checked_sub(1) {
            Some(before) if tag == self.tag(current, before, step, said) => Proof::Before,
            _ => Proof::None,
        }
    }

    fn tag(&self, number: u64, order: u32, step: u32, said: Said) -> u64 {
        proof::tag(&self.secret, number, self.mac, order, step, said)
    }
}
