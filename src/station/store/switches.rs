//! Ethernet switches that are asked, and what is looked for in them.

use super::db::{json, values};
use super::{Error, Store, check_name};
use crate::board::{Jumper, Mac};
use crate::station_api::{BoardFacts, Switch, Time};

/// Switches that there may be.
const MOST_SWITCHES: u64 = 64;
/// Addresses of boards that are looked for at once.
const MOST_ADDRESSES: u64 = 20_000;
/// Places at which boards were seen that are looked at.
const MOST_SEEN: u64 = 500;

/// An address of a board that was seen lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressed {
    /// The address.
    pub mac: Mac,
    /// The board, by id.
    pub board: String,
    /// The slot that it is in.
    pub slot: Option<String>,
    /// When it was seen last.
    pub seen: Time,
}

/// A USB port at which a board was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::station) struct SeenAt {
    /// Where.
    pub(in crate::station) place: String,
    /// The board, by id.
    pub(in crate::station) board: String,
    /// When.
    pub(in crate::station) seen: Time,
}

/// A board that has told the number of its jumpers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::station) struct AtJumper {
    /// The number.
    pub(in crate::station) jumper: Jumper,
    /// The board, by id.
    pub(in crate::station) board: String,
    /// When it has told it.
    pub(in crate::station) told: Time,
    /// When it was seen last.
    pub(in crate::station) seen: Time,
}

impl Store {
    /// All switches, by name.
    ///
    /// # Errors
    /// What the database says.
    pub async fn switches(&self) -> Result<Vec<Switch>, Error> {
        Ok(self.switches_to_ask().await?.into_iter().map(|(switch, _)| switch).collect())
    }

    /// All switches, by name, with their communities: those are told to nobody but the switches.
    ///
    /// # Errors
    /// What the database says.
    pub(in crate::station) async fn switches_to_ask(&self) -> Result<Vec<(Switch, String)>, Error> {
        let sql = "SELECT name, address, uplinks, made, made_by, community FROM switch ORDER BY name";
        let switches = self.db.rows(sql, &[]).await?.into_iter().map(|row| {
            let mut row = row.of("switch");
            let switch = Switch {
                name: row.text()?,
                address: row.text()?,
                uplinks: row.json()?,
                made: row.number()?,
                by: row.text()?,
                asked: None,
            };
            Ok((switch, row.text()?))
        });
        switches.collect()
    }

    /// Makes a switch, or changes it. Without a community the one that is known stays.
    ///
    /// # Errors
    /// [`Error::BadValue`] for a wrong name, and for a new switch without a community; [`Error::Many`].
    pub async fn put_switch(&self, switch: &Switch, community: Option<&str>) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let known = tx.row("SELECT community FROM switch WHERE name = $1", values![&switch.name]).await?;
        let known = known.map(|mut row| row.text()).transpose()?;
        if known.is_none() {
            check_name(&switch.name)?;
            let count = tx.row("SELECT count(*) FROM switch", &[]).await?;
            if count.map_or(Ok(0), |mut row| row.count())? >= MOST_SWITCHES {
                return Err(Error::Many { what: "switches", most: MOST_SWITCHES });
            }
        }
        let community = community.map(str::to_owned).or(known).ok_or_else(|| Error::BadValue {
            what: "community",
            why: "a switch that isn't known yet needs one".to_owned(),
        })?;
        tx.run(
            "INSERT INTO switch (name, address, community, uplinks, made, made_by) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (name) DO UPDATE SET address = excluded.address, community = excluded.community,
             uplinks = excluded.uplinks, made = excluded.made, made_by = excluded.made_by",
            values![&switch.name, &switch.address, community, json(&switch.uplinks), switch.made, &switch.by],
        )
        .await?;
        tx.commit().await
    }

    /// Removes a switch. Slots at its ports stay.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn remove_switch(&self, name: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        if tx.run("DELETE FROM switch WHERE name = $1", values![name]).await? == 0 {
            return Err(Error::NoSuch { what: "switch", name: name.to_owned() });
        }
        tx.commit().await
    }

    /// The addresses of boards that were seen since then, of those that were seen last first.
    ///
    /// # Errors
    /// What the database says.
    pub(in crate::station) async fn addressed(&self, since: Time) -> Result<Vec<Addressed>, Error> {
        let sql = "SELECT m.mac, b.id, b.slot, b.last_seen FROM board b JOIN board_mac m ON m.board = b.id
                   WHERE b.last_seen >= $1 ORDER BY b.last_seen DESC, b.id, m.mac LIMIT $2";
        let rows = self.db.rows(sql, values![since, MOST_ADDRESSES]).await?.into_iter().map(|row| {
            let mut row = row.of("board_mac");
            Ok(Addressed {
                mac: row.parsed()?,
                board: row.text()?,
                slot: row.maybe_text()?,
                seen: row.number()?,
            })
        });
        rows.collect()
    }

    /// The USB ports at which boards were seen since then, the newest first.
    ///
    /// # Errors
    /// What the database says.
    pub(in crate::station) async fn seen_at_usb(&self, since: Time) -> Result<Vec<SeenAt>, Error> {
        let sql =
            "SELECT place, board, seen FROM sighting WHERE way = 'usb' AND board IS NOT NULL AND seen >= $1
                   ORDER BY seen DESC, place, board LIMIT $2";
        let rows = self.db.rows(sql, values![since, MOST_SEEN]).await?.into_iter().map(|row| {
            let mut row = row.of("sighting");
            Ok(SeenAt { place: row.text()?, board: row.text()?, seen: row.number()? })
        });
        rows.collect()
    }

    /// The numbers that jumpers of boards have said which were seen since then, the newest first.
    ///
    /// # Errors
    /// What the database says.
    pub(in crate::station) async fn seen_at_jumpers(&self, since: Time) -> Result<Vec<AtJumper>, Error> {
        let sql = "SELECT facts, id, last_seen FROM board WHERE facts IS NOT NULL AND last_seen >= $1
                   ORDER BY last_seen DESC, id LIMIT $2";
        let mut all = Vec::new();
        for row in self.db.rows(sql, values![since, MOST_SEEN]).await? {
            let mut row = row.of("board");
            let facts: BoardFacts = row.json()?;
            let (board, seen) = (row.text()?, row.number()?);
            all.extend(facts.jumper.map(|jumper| AtJumper { jumper, board, told: facts.at, seen }));
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Place, on_both, register};
    use super::*;
    use crate::station_api::{Cell, Slot, SlotKind};

    const NOW: Time = 1_800_000_000_000;

    fn switch(name: &str, address: &str) -> Switch {
        let uplinks = vec!["ge-24".to_owned()];
        Switch {
            name: name.into(),
            address: address.into(),
            uplinks,
            made: NOW,
            by: "ada".into(),
            asked: None,
        }
    }

    on_both! {
        async fn a_switch_keeps_its_community_until_another_one_is_told(place: &Place) {
            let store = place.open().await;
            assert!(matches!(store.put_switch(&switch("sw1", "10.0.0.2"), None).await, Err(Error::BadValue { .. })));
            assert!(store.put_switch(&switch("a/b", "10.0.0.2"), Some("x")).await.is_err());
            store.put_switch(&switch("sw1", "10.0.0.2"), Some("reader")).await.unwrap();
            store.put_switch(&switch("sw1", "10.0.0.3"), None).await.unwrap();
            let known = store.switches_to_ask().await.unwrap();
            assert_eq!(known, [(switch("sw1", "10.0.0.3"), "reader".to_owned())]);
            assert_eq!(store.switches().await.unwrap(), [switch("sw1", "10.0.0.3")]);
            for n in 2..=MOST_SWITCHES {
                store.put_switch(&switch(&format!("sw{n}"), "10.0.0.2"), Some("x")).await.unwrap();
            }
            assert!(matches!(store.put_switch(&switch("one", "10.0.0.2"), Some("x")).await, Err(Error::Many { .. })));
            store.put_switch(&switch("sw1", "10.0.0.4"), Some("other")).await.unwrap();
            store.remove_switch("sw1").await.unwrap();
            assert!(matches!(store.remove_switch("sw1").await, Err(Error::NoSuch { .. })));
        }

        async fn a_board_moves_only_from_where_it_was_looked_at(place: &Place) {
            let store = place.open().await;
            let told = register(1, Some("10000000af04b2da"), &["dc:a6:32:01:02:03"]);
            let board = store.register(&told, true, NOW).await.unwrap().board().id.clone();
            for (position, name) in [(0, "A"), (1, "B")] {
                let place = format!("sw1/{name}");
                let slot = Slot {
                    name: name.into(),
                    kind: SlotKind::Switch,
                    place,
                    position,
                    cell: None,
                    suspected: None,
                    mended: None,
                };
                store.put_slot(&slot).await.unwrap();
            }
            let slot = async || store.board(&board).await.unwrap().slot;
            assert!(store.move_board(&board, None, Some("A")).await.unwrap());
            assert!(!store.move_board(&board, None, Some("B")).await.unwrap(), "it isn't nowhere any more");
            assert!(!store.move_board(&board, Some("A"), Some("C")).await.unwrap(), "there is no such slot");
            assert_eq!(slot().await.as_deref(), Some("A"));
            assert!(store.move_board(&board, Some("A"), None).await.unwrap());
            assert_eq!(slot().await, None);
            let all = store.addressed(NOW).await.unwrap();
            let mac = "dc:a6:32:01:02:03".parse().unwrap();
            assert_eq!(all, [Addressed { mac, board: board.clone(), slot: None, seen: NOW }]);
            assert_eq!(store.addressed(NOW + 1).await.unwrap(), []);
        }

        async fn a_cell_of_the_map_has_one_slot_and_two_may_change_theirs(place: &Place) {
            let store = place.open().await;
            let cell = |row, column| Some(Cell { row, column });
            let put = async |name: &str, place: &str, cell| {
                let (name, place) = (name.to_owned(), place.to_owned());
                let (kind, suspected, mended) = (SlotKind::Usb, None, None);
                let position = u32::from(name == "B");
                store.put_slot(&Slot { name, kind, place, position, cell, suspected, mended }).await
            };
            put("A", "1-1", cell(1, 1)).await.unwrap();
            put("A", "1-1", cell(1, 1)).await.unwrap();
            put("B", "1-2", None).await.unwrap();
            let taken = put("B", "1-2", cell(1, 1)).await.unwrap_err();
            assert_eq!(taken.to_string(), "row 1, column 1 of the map is that of the slot `A` already");
            for wrong in [cell(0, 1), cell(1, 25)] {
                assert!(matches!(put("B", "1-2", wrong).await, Err(Error::BadValue { what: "cell", .. })));
            }
            put("B", "1-2", cell(2, 24)).await.unwrap();
            let to = Cell { row: 2, column: 24 };
            assert!(matches!(store.swap_cells("A", to, None).await, Err(Error::CellTaken { .. })));
            store.swap_cells("A", to, Some("B")).await.unwrap();
            let cells = async || {
                let slots = store.slots().await.unwrap();
                slots.into_iter().map(|slot| slot.cell).collect::<Vec<_>>()
            };
            assert_eq!(cells().await, [cell(2, 24), cell(1, 1)]);
            store.swap_cells("A", Cell { row: 3, column: 3 }, None).await.unwrap();
            assert_eq!(cells().await, [cell(3, 3), cell(1, 1)]);
            // As who wrote before this version, or knows nothing of maps.
            put("A", "1-1", None).await.unwrap();
            assert_eq!(cells().await, [None, cell(1, 1)]);
        }
    }
}
