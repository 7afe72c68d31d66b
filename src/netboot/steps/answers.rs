//! What a board is answered: offers, none, and others than it wants.

use std::time::Instant;

use super::{Offer, Phase, Step, Steps};
use crate::netboot::reason::{ADDRESS_COMES, Told};

impl Steps {
    pub(super) fn offer(&mut self, offer: Offer, now: Instant, steps: &mut Vec<Step>) {
        self.ours |= offer.ours;
        // An answer of this host may be told a moment after what the board did with it.
        let late = self.phase == Phase::Fetching && offer.ours && self.offers.is_empty();
        if (self.phase > Phase::Offered && !late) || self.offers.contains(&offer) || self.offers.len() >= 16 {
            return;
        }
        self.offers.push(offer);
        self.phase = self.phase.max(Phase::Offered);
        // Something answers it after all.
        self.kept = None;
        match offer.address {
            Some(_) => self.unaddressed = None,
            None if self.offers.iter().all(|offer| offer.address.is_none()) => {
                self.unaddressed.get_or_insert(now);
            }
            None => {}
        }
        if late {
            let at =
                self.trail.iter().rposition(|label| label.starts_with("DISCOVER")).map_or(0, |at| at + 1);
            self.trail.insert(at, "OFFER".to_owned());
        } else {
            self.walk("OFFER");
        }
        steps.push(Step::Offer(offer));
    }

    /// It gets no answer, or not the one that it wants.
    pub(super) fn reason(&mut self, told: &Told) -> Option<Step> {
        if told.reason.keeps_from_booting() {
            self.explain(told);
        }
        self.reasons.is_new(&told.reason).then(|| Step::Reason(told.clone()))
    }

    pub(super) fn explain(&mut self, told: &Told) {
        self.kept = Some((told.why.clone(), told.hint.clone()));
    }

    /// When it is clear that nobody gives it an address: it was answered, looks for a server again all the same, and has
    /// shown no address.
    pub(super) fn lacks_address_at(&self) -> Option<Instant> {
        let asks_on = self.phase == Phase::Offered && self.discovers > 1;
        let unaddressed = self.unaddressed.filter(|_| asks_on && !self.requests && self.address.is_none());
        unaddressed.map(|since| since + ADDRESS_COMES)
    }
}
