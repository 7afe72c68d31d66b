//! Slots: what people do with them, and those at which boards fail again and again. These are looked for when a run has
//! ended and with each look of `care`, named wherever a slot is shown, and told once. A person who has mended one says so.

mod place;
mod rule;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::store::Error;
use super::web::{Refusal, Who};
use super::{Station, now};
use crate::station_api::{Cell, Slot, Suspicion, Thing, Trouble, TroubleIs, TroubleOf};
pub(super) use place::{by_place, moves, place};
pub(super) use rule::{Ended, History, LAST, MAY_BE_THE_SLOT, suspicions};

/// Slots that are suspected, by name.
pub(super) type Suspected = BTreeMap<String, Suspicion>;

/// Where the store has the names of those that were told.
const TOLD: &str = "slots:suspected";

/// What was found last.
#[derive(Debug, Default)]
pub(super) struct Suspects(Mutex<Arc<Suspected>>);

impl Suspects {
    /// All that are suspected.
    pub(super) fn all(&self) -> Arc<Suspected> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes over what was found; whether anything is another than before.
    fn put(&self, found: &Suspected) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = **known != *found;
        if is_new {
            *known = Arc::new(found.clone());
        }
        is_new
    }

    /// What is in trouble by them.
    pub(super) fn troubles(&self) -> Vec<Trouble> {
        self.all().iter().map(|(slot, suspicion)| trouble(slot, suspicion)).collect()
    }
}

fn trouble(slot: &str, suspicion: &Suspicion) -> Trouble {
    Trouble {
        about: TroubleOf::Slot,
        is: TroubleIs::Here,
        text: format!("Slot {slot} is suspected: {}.", suspicion.text()),
        hint: Suspicion::HINT.into(),
        help: super::care::help(TroubleOf::Slot).to_owned(),
    }
}

impl Station {
    /// Looks which slots are suspected now, and tells what is new.
    pub(super) async fn suspect_slots(&self) -> Result<(), Error> {
        let found: Suspected = suspicions(&self.store().histories().await?).into_iter().collect();
        if !self.suspects.put(&found) {
            return Ok(());
        }
        self.changes.tell(Thing::Settings, "slots", None);
        // A station that was started again, and another one on this database, don't tell it a second time.
        let kept = self.store().setting(TOLD).await?;
        let told: BTreeSet<String> =
            kept.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let names: BTreeSet<&String> = found.keys().collect();
        if !told.iter().eq(names.iter().copied()) {
            let text = crate::format::json::line(&names).unwrap_or_default();
            self.store().set(TOLD, (!names.is_empty()).then_some(&text)).await?;
        }
        for (slot, suspicion) in found.into_iter().filter(|(slot, _)| !told.contains(slot)) {
            let trouble = trouble(&slot, &suspicion);
            tracing::warn!(slot, text = trouble.text, "a slot is suspected");
            self.ring_suspected(&slot, suspicion, &trouble).await;
        }
        Ok(())
    }

    /// All slots, with what is suspected of them.
    pub(super) async fn slots(&self) -> Result<Vec<Slot>, Error> {
        let (mut slots, suspected) = (self.store().slots().await?, self.suspects.all());
        slots.iter_mut().for_each(|slot| slot.suspected = suspected.get(&slot.name).copied());
        Ok(slots)
    }

    /// Puts a slot into a cell of the map. One that is there gets the cell that this one had.
    pub(super) async fn move_slot(&self, who: &Who, name: &str, to: Cell) -> Result<(), Refusal> {
        if !to.is_on_map() {
            return Err(Refusal::meaningless(format!("the map has {} rows and columns", Cell::MOST)));
        }
        let slots = self.store().slots().await?;
        let there = slots.iter().find(|slot| slot.cell == Some(to) && slot.name != name);
        self.store().swap_cells(name, to, there.map(|slot| slot.name.as_str())).await?;
        self.changed(who, "slot.move", name).await;
        Ok(())
    }

    /// Gives a slot another name, and changes it.
    pub(super) async fn rename_slot(&self, who: &Who, was: &str, slot: Slot) -> Result<Slot, Refusal> {
        self.store().rename_slot(was, &slot).await?;
        self.did_named(who, "slot.rename", was, Some(&slot.name)).await;
        // Nobody is told a second time that it is suspected.
        let kept = self.store().setting(TOLD).await?;
        let mut told: BTreeSet<String> =
            kept.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        if told.remove(was) {
            told.insert(slot.name.clone());
            self.store().set(TOLD, Some(&crate::format::json::line(&told).unwrap_or_default())).await?;
        }
        self.suspect_slots().await?;
        self.changes.tell(Thing::Settings, &slot.name, None);
        let slots = self.slots().await?;
        Ok(slots.into_iter().find(|known| known.name == slot.name).unwrap_or(slot))
    }

    /// Removes a slot. The boards in it are in none then.
    pub(super) async fn remove_slot(&self, who: &Who, name: &str) -> Result<(), Refusal> {
        self.store().remove_slot(name).await?;
        self.changed(who, "slot.remove", name).await;
        Ok(())
    }

    /// A person has mended a slot: runs from now on count.
    pub(super) async fn mended_slot(&self, who: &Who, name: &str) -> Result<Slot, Refusal> {
        self.store().mended(name, now()).await?;
        self.did(who, "slot.mended", name).await;
        self.suspect_slots().await?;
        self.changes.tell(Thing::Settings, name, None);
        let slots = self.slots().await?;
        let gone = || Refusal::missing(format!("there is no slot `{name}`"));
        slots.into_iter().find(|slot| slot.name == name).ok_or_else(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::station;
    use super::*;
    use crate::station::web::Origin;
    use crate::station_api::{AuditAsked, DeliveriesAsked, Happening, Hook, RunsAsked, SlotKind};

    #[tokio::test]
    async fn a_slot_is_named_told_once_and_counts_from_now_when_it_is_mended() {
        let (_dir, station) = station().await;
        for (position, name) in [(0, "A1"), (1, "A2")] {
            let (name, place) = (name.to_owned(), format!("1-1.{}", position + 1));
            let (kind, suspected, mended) = (SlotKind::Usb, None, None);
            let slot = Slot { name, kind, place, position, cell: None, suspected, mended };
            station.store().put_slot(&slot).await.unwrap();
        }
        let hook = Hook {
            name: "bench".into(),
            url: "https://hooks.example/a".into(),
            events: vec![Happening::SlotSuspected],
            plain: true,
            made: 0,
            by: "ada".into(),
        };
        station.store().add_hook(&hook, "secret").await.unwrap();
        let begin = now() - 100_000;
        for n in 0..4 {
            station.store().put_slot_run(n, "A1", "failed", begin + n.cast_signed()).await;
            station.store().put_slot_run(10 + n, "A2", "done", begin + n.cast_signed()).await;
        }
        station.suspect_slots().await.unwrap();
        station.suspect_slots().await.unwrap();
        let slots = station.slots().await.unwrap();
        assert_eq!(slots[0].suspected, Some(Suspicion { failed: 4, of: 4, boards: 4 }));
        assert_eq!(slots[1].suspected, None);
        let trouble = station.troubles().remove(0);
        assert_eq!(trouble.text, "Slot A1 is suspected: 4 of the last 4 runs failed, on 4 boards.");
        let told = station.store().deliveries(&DeliveriesAsked::default()).await.unwrap().items;
        assert_eq!((told.len(), told[0].on.as_str()), (1, "A1"), "once");
        // As after a start of the station.
        station.suspects.put(&Suspected::new());
        station.suspect_slots().await.unwrap();
        assert!(station.suspects.all().contains_key("A1"));
        let told = station.store().deliveries(&DeliveriesAsked::default()).await.unwrap().items;
        assert_eq!(told.len(), 1, "not again");
        let asked = RunsAsked { slot: Some("A1".into()), ..RunsAsked::default() };
        assert_eq!(station.store().runs(&asked).await.unwrap().items.len(), 4);
        // What is wrong with the board or the choice says nothing of the slot, neither good nor bad.
        for (n, kind) in (30..).zip(["bad-data", "permission", "busy", "usage", "interrupted"]) {
            station.store().put_slot_run(n, "A1", &format!("failed:{kind}"), begin + 50).await;
            station.store().put_slot_run(10 + n, "A2", &format!("failed:{kind}"), begin + 50).await;
        }
        station.suspect_slots().await.unwrap();
        assert_eq!(station.suspects.all()["A1"], Suspicion { failed: 4, of: 4, boards: 4 });
        assert_eq!(station.slots().await.unwrap()[1].suspected, None);
        station.store().put_slot_run(50, "A1", "lost:unavailable", begin + 60).await;
        station.suspect_slots().await.unwrap();
        assert_eq!(station.suspects.all()["A1"], Suspicion { failed: 5, of: 5, boards: 5 });
        // Mended: what was before doesn't count, and what fails then does.
        let who = Who {
            by: "ada".into(),
            role: crate::station_api::Role::Operator,
            ..Who::nobody(Origin::Socket { uid: 0 })
        };
        let slot = station.mended_slot(&who, "A1").await.unwrap();
        assert!(slot.suspected.is_none() && slot.mended.is_some());
        assert!(station.troubles().is_empty());
        assert!(station.mended_slot(&who, "A9").await.is_err());
        let audit = station.store().audit(&AuditAsked::default()).await.unwrap().items;
        assert_eq!((audit[0].what.as_str(), audit[0].on.as_str()), ("slot.mended", "A1"));
        let after = slot.mended.unwrap();
        for n in 20..23 {
            station.store().put_slot_run(n, "A1", "lost", after).await;
        }
        station.suspect_slots().await.unwrap();
        assert_eq!(station.suspects.all()["A1"], Suspicion { failed: 3, of: 3, boards: 3 });
    }
}
