//! Cards as they change: drawn once, for all that watch.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use askama::Template;
use tokio::sync::broadcast::error::RecvError;

use super::card::{Beside, Card};
use crate::station::numbered::Numbered;
use crate::station::pages::words;
use crate::station::store::{Error, Place};
use crate::station::{Station, now};
use crate::station_api::{Change, JobState, Slot, Thing, Time};

/// Changes that come within so long are drawn together.
const TOGETHER: Duration = Duration::from_millis(50);
/// The figures at the head are drawn anew at most once in so long.
const FIGURES: Duration = Duration::from_secs(1);
/// After the last one that looked, cards are drawn for so much longer: whoever is between a page and its stream misses
/// nothing.
const AFTER: Duration = Duration::from_secs(60);
/// Boards that weren't seen for so long aren't on the floor, where nothing else puts them there: milliseconds.
pub(super) const RECENT: Time = 3_600_000;

/// A part of the floor that has changed.
#[derive(Debug, Clone)]
pub(in crate::station::pages) enum Fragment {
    /// An element, as those see it that only look, and those that may do something.
    Put {
        /// For a viewer.
        looks: Arc<str>,
        /// For an operator.
        acts: Arc<str>,
    },
    /// More has changed than that: the page is to be loaded again.
    Anew,
}

/// The floor's stream.
#[derive(Debug)]
pub(in crate::station) struct Floor {
    pub(in crate::station::pages) fragments: Numbered<Fragment>,
    wanted: Mutex<Option<Instant>>,
    /// Which boards are in which slot, as the last page had it.
    seats: Mutex<HashMap<String, BTreeSet<String>>>,
}

impl Default for Floor {
    fn default() -> Self {
        Self { fragments: Numbered::since_now(), wanted: Mutex::default(), seats: Mutex::default() }
    }
}

impl Floor {
    /// Somebody looks.
    pub(in crate::station::pages) fn want(&self) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn is_wanted(&self) -> bool {
        let wanted = *self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        self.fragments.watchers() > 0 || wanted.is_some_and(|wanted| wanted.elapsed() < AFTER)
    }

    /// Remembers who is where. `false` where that differs from what was drawn last.
    fn seat(&self, places: &[Place], all: bool) -> bool {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if all {
            seats.clear();
        }
        let mut same = true;
        for place in places {
            let board = &place.board;
            for (slot, boards) in seats.iter_mut() {
                if board.slot.as_ref() != Some(slot) {
                    same &= !boards.remove(&board.id);
                }
            }
            if let Some(slot) = &board.slot {
                same &= !seats.entry(slot.clone()).or_default().insert(board.id.clone());
            }
        }
        same
    }

    /// Those in the same slots.
    fn mates(&self, ids: &mut BTreeSet<String>) {
        let seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        for boards in seats.values().filter(|boards| boards.len() > 1) {
            if boards.iter().any(|board| ids.contains(board)) {
                ids.extend(boards.iter().cloned());
            }
        }
    }
}

/// Which board of a slot is shown: one that does something, one that has failed, else the one that was seen last.
fn weight(place: &Place) -> (u8, Time) {
    let state = place.job.as_ref().map(|job| job.state);
    let rank = match state {
        Some(JobState::Running | JobState::Finishing) => 3,
        Some(JobState::Queued) => 2,
        Some(JobState::Failed | JobState::Lost) if !place.noticed => 1,
        _ => 0,
    };
    (rank, place.board.last_seen)
}

/// The figures at the head of the floor.
#[derive(Debug, Template)]
#[template(path = "figures.html")]
pub(super) struct Figures {
    done: u64,
    not_verified: u64,
    failed: u64,
    yielded: Option<String>,
    median: Option<String>,
    working: usize,
    rate: Option<String>,
    /// Failures that nobody has seen.
    pub(super) unseen: u64,
    waiting: u64,
}

/// The floor as a page has it.
pub(super) struct Drawn {
    pub(super) figures: Figures,
    pub(super) slots: Vec<Card>,
    pub(super) others: Vec<Card>,
    /// The number of the newest fragment when this began.
    pub(super) number: u64,
}

impl Station {
    /// All of the floor.
    pub(super) async fn drawn(&self, acts: bool) -> Result<Drawn, Error> {
        self.floor.want();
        let number = self.floor.fragments.newest();
        let at = now();
        let places = self.store().floor(at.saturating_sub(RECENT)).await?;
        let slots = self.slots().await?;
        self.floor.seat(&places, true);
        let mut cards = Vec::with_capacity(slots.len());
        for slot in &slots {
            let here: Vec<_> =
                places.iter().filter(|place| place.board.slot.as_ref() == Some(&slot.name)).collect();
            cards.push(self.slot_card(slot, &here, at, acts));
        }
        let mut others: Vec<_> = places.iter().filter(|place| place.board.slot.is_none()).collect();
        // What needs somebody stands first; else in the order in which they came.
        others.sort_by_key(|place| (std::cmp::Reverse(u8::from(!place.noticed)), place.board.id.clone()));
        let others = others.into_iter().map(|place| self.board_card(place, at, acts)).collect();
        let figures = self.figures(at).await?;
        Ok(Drawn { figures, slots: cards, others, number })
    }

    fn slot_card(&self, slot: &Slot, here: &[&Place], at: Time, acts: bool) -> Card {
        let Some(shown) = here.iter().max_by_key(|place| weight(place)) else {
            return Card::empty(slot, acts);
        };
        let mut card = self.card(shown, Some(slot), at, acts);
        card.others = here.len() - 1;
        card
    }

    fn board_card(&self, place: &Place, at: Time, acts: bool) -> Card {
        self.card(place, None, at, acts)
    }

    fn card(&self, place: &Place, slot: Option<&Slot>, at: Time, acts: bool) -> Card {
        let run = place.job.as_ref().and_then(|job| job.run.as_ref());
        let track = run.and_then(|run| self.rates.of(run));
        let present = self.waiting.is_present(&place.board.id);
        let port = self.switches.words(&place.board.id);
        let beside = Beside { track: track.as_ref(), port: port.as_deref(), present, now: at, acts };
        Card::of(place, slot, beside)
    }

    /// The figures of today.
    pub(super) async fn figures(&self, at: Time) -> Result<Figures, Error> {
        let since = self.store().done_since(words::midnight(at)).await?;
        let ended = since.done + since.not_verified + since.failed;
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let yielded = (ended > 0).then(|| format!("{:.1} %", since.done as f64 * 100.0 / ended as f64));
        let working = self.store().runs_at_work().await?;
        let rate = self.rates.together(working.iter().map(String::as_str));
        // As many as stand on the floor: others have been away for long, or were never more than an address.
        let waiting = self.store().count_waiting(at.saturating_sub(RECENT)).await?;
        Ok(Figures {
            done: since.done,
            not_verified: since.not_verified,
            failed: since.failed,
            yielded,
            median: since.median.map(words::minutes),
            working: working.len(),
            rate: (rate >= 1.0).then(|| words::rate(rate)),
            unseen: self.store().count_unnoticed().await?,
            waiting,
        })
    }

    /// Draws what changes, as long as somebody looks.
    pub(in crate::station) async fn feed(self: Arc<Self>) {
        let mut changes = self.changes.after(None).later;
        let mut figures: Option<Instant> = None;
        loop {
            let mut ids = BTreeSet::new();
            let mut anew = false;
            let mut take = |change: Result<(u64, Change), RecvError>| match change {
                Ok((_, change)) => match (change.of, change.board) {
                    (Thing::Gap | Thing::Settings, _) => anew = true,
                    (Thing::Board | Thing::Job | Thing::Run, Some(board)) => {
                        ids.insert(board);
                    }
                    _ => {}
                },
                Err(RecvError::Lagged(_)) => anew = true,
                Err(RecvError::Closed) => {}
            };
            tokio::select! {
                change = changes.recv() => {
                    take(change);
                    tokio::time::sleep(TOGETHER).await;
                    while let Ok(change) = changes.try_recv() {
                        take(Ok(change));
                    }
                }
                // The figures are told once more when all is over.
                () = tokio::time::sleep(FIGURES), if figures.is_some() => {}
                () = self.ending.cancelled() => return,
            }
            if !self.floor.is_wanted() {
                figures = None;
                continue;
            }
            if anew {
                self.floor.fragments.put(Fragment::Anew);
            } else if let Err(error) = self.tell_cards(ids.clone()).await {
                tracing::warn!(%error, "the floor can't be drawn");
            }
            let changed = anew || !ids.is_empty();
            match figures {
                Some(drawn) if drawn.elapsed() < FIGURES => {}
                None if !changed => {}
                _ => {
                    figures = changed.then(Instant::now);
                    match self.figures(now()).await {
                        Ok(drawn) => self.tell(&drawn, &drawn),
                        Err(error) => tracing::warn!(%error, "the floor's figures can't be drawn"),
                    }
                }
            }
        }
    }

    fn tell(&self, looks: &impl Template, acts: &impl Template) {
        let (Ok(looks), Ok(acts)) = (looks.render(), acts.render()) else { return };
        self.floor.fragments.put(Fragment::Put { looks: looks.into(), acts: acts.into() });
    }

    async fn tell_cards(&self, mut ids: BTreeSet<String>) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        self.floor.mates(&mut ids);
        let asked: Vec<String> = ids.iter().cloned().collect();
        let places = self.store().places(&asked).await?;
        // A board that was forgotten, or has moved: what stands where changes.
        if places.len() != asked.len() || !self.floor.seat(&places, false) {
            self.floor.fragments.put(Fragment::Anew);
            return Ok(());
        }
        let at = now();
        let slots = if places.iter().any(|place| place.board.slot.is_some()) {
            self.slots().await?
        } else {
            Vec::new()
        };
        for place in places.iter().filter(|place| place.board.slot.is_none()) {
            let card = |acts| self.board_card(place, at, acts);
            self.tell(&card(false), &card(true));
        }
        for slot in &slots {
            let here: Vec<_> =
                places.iter().filter(|place| place.board.slot.as_ref() == Some(&slot.name)).collect();
            if !here.is_empty() {
                let card = |acts| self.slot_card(slot, &here, at, acts);
                self.tell(&card(false), &card(true));
            }
        }
        Ok(())
    }
}
