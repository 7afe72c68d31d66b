//! Slots: where boards are plugged in.

use super::db::{Tx, Value, values, word};
use super::{Error, Store, check_name, tally};
use crate::station::slots::{Ended, History, LAST, MAY_BE_THE_SLOT, place};
use crate::station_api::{Board, Cell, Slot, SlotKind, Time};

/// Slots of which the runs are looked up at once.
const PART: usize = 50;
/// Runs that get another slot at once.
const RUNS: u64 = 500;

impl Store {
    /// All slots, by their position.
    ///
    /// # Errors
    /// What the database says.
    pub async fn slots(&self) -> Result<Vec<Slot>, Error> {
        let rows = self
            .db
            .rows(
                "SELECT name, kind, place, position, mended, map_row, map_column FROM slot ORDER BY position, name",
                &[],
            )
            .await?;
        let slots = rows.into_iter().map(|row| {
            let mut row = row.of("slot");
            let (name, kind, place) = (row.text()?, row.word()?, row.text()?);
            let position = u32::try_from(row.count()?).unwrap_or(u32::MAX);
            let mended = row.maybe_number()?;
            let small = |number: Option<i64>| number.and_then(|number| u8::try_from(number).ok());
            let cell = (small(row.maybe_number()?), small(row.maybe_number()?));
            let cell = match cell {
                (Some(row), Some(column)) => Some(Cell { row, column }),
                _ => None,
            };
            Ok(Slot { name, kind, place, position, cell, suspected: None, mended })
        });
        slots.collect()
    }

    /// Boards that are in slots, 1000 at most.
    ///
    /// # Errors
    /// What the database says.
    pub async fn boards_in_slots(&self) -> Result<Vec<Board>, Error> {
        let sql = "SELECT id FROM board WHERE slot IS NOT NULL ORDER BY slot, last_seen DESC, id LIMIT 1000";
        let rows = self.db.rows(sql, &[]).await?.into_iter().map(|mut row| row.text());
        self.boards_of(&rows.collect::<Result<Vec<_>, _>>()?).await
    }

    /// Makes a slot, or changes it. At a position that another one has it comes before that one.
    ///
    /// # Errors
    /// [`Error::BadValue`]; [`Error::Taken`] by a name that differs in case only; [`Error::OtherKind`];
    /// [`Error::PlaceTaken`], [`Error::CellTaken`].
    pub async fn put_slot(&self, slot: &Slot) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        put(&mut tx, slot).await?;
        tx.commit().await
    }

    /// Gives a slot another name, and changes it. The boards in it and the runs that began in it are its own under that name.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::Taken`]; those of [`Store::put_slot`].
    pub async fn rename_slot(&self, was: &str, slot: &Slot) -> Result<(), Error> {
        let (name, mut tx) = (&slot.name, self.db.begin().await?);
        check_name(name)?;
        if let Some(name) = alike(&mut tx, name, was).await? {
            return Err(Error::Taken { what: "slot", name });
        }
        if tx.run("UPDATE slot SET name = $2 WHERE name = $1", values![was, name]).await? == 0 {
            return Err(Error::NoSuch { what: "slot", name: was.to_owned() });
        }
        tx.run("UPDATE board SET slot = $2 WHERE slot = $1", values![was, name]).await?;
        loop {
            let runs =
                tx.rows("SELECT id, tally FROM run WHERE slot = $1 LIMIT $2", values![was, RUNS]).await?;
            if runs.is_empty() {
                break;
            }
            for row in runs {
                let mut row = row.of("run");
                let (id, counted) = (row.text()?, row.text()?);
                let counted = tally::in_slot(&counted, name);
                let sql = "UPDATE run SET slot = $2, tally = $3 WHERE id = $1";
                tx.run(sql, values![id, name, counted]).await?;
            }
        }
        put(&mut tx, slot).await?;
        tx.commit().await
    }

    /// Removes a slot. The boards in it are in no slot then.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn remove_slot(&self, name: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        if tx.run("DELETE FROM slot WHERE name = $1", values![name]).await? == 0 {
            return Err(Error::NoSuch { what: "slot", name: name.to_owned() });
        }
        tx.run("UPDATE board SET slot = NULL WHERE slot = $1", values![name]).await?;
        tx.commit().await
    }

    /// Puts two slots into each other's cells, or one into a cell that is free; `None` for the other one then.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::CellTaken`] where somebody else was faster.
    pub async fn swap_cells(&self, slot: &str, to: Cell, other: Option<&str>) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let missing = || Error::NoSuch { what: "slot", name: slot.to_owned() };
        let row = tx.row("SELECT map_row, map_column FROM slot WHERE name = $1", values![slot]).await?;
        let mut row = row.ok_or_else(missing)?;
        let from = (row.maybe_number()?, row.maybe_number()?);
        let sql = "SELECT name FROM slot WHERE map_row = $1 AND map_column = $2 AND name <> $3 LIMIT 1";
        let there = tx.row(sql, values![i64::from(to.row), i64::from(to.column), slot]).await?;
        let there = there.map(|mut row| row.text()).transpose()?;
        if there.as_deref() != other {
            let slot = there.unwrap_or_default();
            return Err(Error::CellTaken { row: to.row, column: to.column, slot });
        }
        let sql = "UPDATE slot SET map_row = $2, map_column = $3 WHERE name = $1";
        if let Some(other) = other {
            tx.run(sql, values![other, from.0, from.1]).await?;
        }
        tx.run(sql, values![slot, i64::from(to.row), i64::from(to.column)]).await?;
        tx.commit().await
    }

    /// A board was seen at another slot's place. `from` is where it was when that was looked at: whoever has put it
    /// elsewhere since, has. Whether it is there now.
    ///
    /// # Errors
    /// What the database says.
    pub async fn move_board(&self, board: &str, from: Option<&str>, to: Option<&str>) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE board SET slot = $3 WHERE id = $1 AND coalesce(slot, '') = $2
                   AND ($4 = 0 OR EXISTS (SELECT 1 FROM slot s WHERE s.name = $3))";
        let moved = tx.run(sql, values![board, from.unwrap_or_default(), to, to.is_some()]).await?;
        tx.commit().await?;
        Ok(moved > 0)
    }

    /// A person has mended a slot: what began before that doesn't count any more.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn mended(&self, name: &str, now: Time) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        if tx.run("UPDATE slot SET mended = $2 WHERE name = $1", values![name, now]).await? == 0 {
            return Err(Error::NoSuch { what: "slot", name: name.to_owned() });
        }
        tx.commit().await
    }

    /// The last runs of each slot that have ended, since it was mended; the newest first. What makes a netboot client,
    /// touches no board; of what failed only what a slot can cause, and what nobody has told the kind of.
    ///
    /// # Errors
    /// What the database says.
    pub(in crate::station) async fn histories(&self) -> Result<Vec<History>, Error> {
        let kinds = MAY_BE_THE_SLOT.map(|kind| format!("'{}'", word(kind))).join(", ");
        let slots = self.slots().await?;
        let mut all: Vec<_> =
            slots.iter().map(|slot| History { slot: slot.name.clone(), runs: Vec::new() }).collect();
        for (slots, histories) in slots.chunks(PART).zip(all.chunks_mut(PART)) {
            // One walk of the index for each slot, and one question for all of them.
            let one = |n: usize| {
                format!(
                    "SELECT * FROM (SELECT {n} AS n, started, board, label, outcome FROM run WHERE slot = ${}
                     AND started >= ${} AND outcome IN ('done', 'not-verified', 'failed', 'lost')
                     AND (outcome IN ('done', 'not-verified') OR kind IS NULL OR kind IN ({kinds}))
                     AND way <> 'client-add' ORDER BY started DESC, id DESC LIMIT {LAST}) AS r{n}",
                    2 * n + 1,
                    2 * n + 2,
                )
            };
            let sql = (0..slots.len()).map(one).collect::<Vec<_>>().join(" UNION ALL ");
            let asked = slots
                .iter()
                .flat_map(|slot| [Value::from(&slot.name), Value::from(slot.mended.unwrap_or(Time::MIN))]);
            for row in self.db.rows(&sql, &asked.collect::<Vec<_>>()).await? {
                let mut row = row.of("run");
                let (n, started) = (row.count()?, row.number()?);
                let (board, label, outcome) = (row.maybe_text()?, row.text()?, row.text()?);
                let board = board.unwrap_or(label);
                let failed = matches!(outcome.as_str(), "failed" | "lost");
                let history = usize::try_from(n).ok().and_then(|n| histories.get_mut(n));
                if let Some(history) = history {
                    history.runs.push(Ended { started, board, failed });
                }
            }
        }
        // What one question gives has no order that is promised.
        all.iter_mut().for_each(|one| one.runs.sort_by_key(|run| std::cmp::Reverse(run.started)));
        Ok(all)
    }
}

/// Another slot than `but` whose name people would read as this one: `A2` beside `a2`.
async fn alike(tx: &mut Tx, name: &str, but: &str) -> Result<Option<String>, Error> {
    let sql = "SELECT name FROM slot WHERE lower(name) = lower($1) AND name <> $2 ORDER BY name LIMIT 1";
    tx.row(sql, values![name, but]).await?.map(|mut row| row.text()).transpose()
}

/// The slots from a slot's position on, up to the first gap, move on by one, where another one has it.
async fn make_room(tx: &mut Tx, slot: &Slot) -> Result<(), Error> {
    let from = u64::from(slot.position);
    let sql = "SELECT position FROM slot WHERE position >= $1 AND name <> $2 ORDER BY position";
    let mut free = from;
    for mut row in tx.rows(sql, values![from, &slot.name]).await? {
        match row.count()? {
            there if there == free => free += 1,
            // Of earlier versions several may be at one.
            there if there < free => {}
            _ => break,
        }
    }
    if free > u64::from(u32::MAX) {
        let why = "the slots from there on have no room to move on".to_owned();
        return Err(Error::BadValue { what: "position", why });
    }
    let sql = "UPDATE slot SET position = position + 1 WHERE position >= $1 AND position < $2 AND name <> $3";
    tx.run(sql, values![from, free, &slot.name]).await.map(drop)
}

/// Makes a slot, or changes the one of this name.
async fn put(tx: &mut Tx, slot: &Slot) -> Result<(), Error> {
    let kind = word(slot.kind);
    let sql = "SELECT kind, place, position FROM slot WHERE name = $1";
    let (mut kept, mut before) = (None, None);
    match tx.row(sql, values![&slot.name]).await? {
        None => {
            check_name(&slot.name)?;
            if let Some(name) = alike(tx, &slot.name, &slot.name).await? {
                return Err(Error::Taken { what: "slot", name });
            }
        }
        Some(row) => {
            let mut row = row.of("slot");
            let (is, at): (SlotKind, String) = (row.word()?, row.text()?);
            // Its runs and boards are those of what it is.
            if is != slot.kind {
                return Err(Error::OtherKind {
                    slot: slot.name.clone(),
                    is: is.words(),
                    to: slot.kind.words(),
                });
            }
            (kept, before) = (Some(at), Some(row.count()?));
        }
    }
    let place = if kept.is_some_and(|at| at == slot.place) {
        // Earlier versions took any place.
        slot.place.clone()
    } else {
        let place = place(slot.kind, &slot.place).map_err(|why| Error::BadValue { what: "place", why })?;
        let sql = "SELECT name FROM slot WHERE kind = $1 AND place = $2 AND name <> $3 ORDER BY name LIMIT 1";
        if let Some(mut row) = tx.row(sql, values![&kind, &place, &slot.name]).await? {
            return Err(Error::PlaceTaken { kind: slot.kind.words(), place, slot: row.text()? });
        }
        place
    };
    let (map_row, map_column) = match slot.cell {
        None => (None, None),
        Some(cell) if !cell.is_on_map() => {
            let why = format!("its row and its column are 1 to {}", Cell::MOST);
            return Err(Error::BadValue { what: "cell", why });
        }
        Some(Cell { row, column }) => (Some(i64::from(row)), Some(i64::from(column))),
    };
    let sql = "SELECT name FROM slot WHERE map_row = $1 AND map_column = $2 AND name <> $3 LIMIT 1";
    if let Some(Cell { row, column }) = slot.cell
        && let Some(mut other) = tx.row(sql, values![map_row, map_column, &slot.name]).await?
    {
        return Err(Error::CellTaken { row, column, slot: other.text()? });
    }
    if before != Some(u64::from(slot.position)) {
        make_room(tx, slot).await?;
    }
    tx.run(
        "INSERT INTO slot (name, kind, place, position, map_row, map_column) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, place = excluded.place,
         position = excluded.position, map_row = excluded.map_row, map_column = excluded.map_column",
        values![&slot.name, kind, place, slot.position, map_row, map_column],
    )
    .await?;
    Ok(())
}

#[cfg(test)]
impl Store {
    /// A run of a board of its own in a slot.
    pub(in crate::station) async fn put_slot_run(&self, n: u64, slot: &str, ended: &str, started: Time) {
        // The outcome, and behind a colon the kind of failure.
        let (outcome, kind) =
            ended.split_once(':').map_or((ended, None), |(outcome, kind)| (outcome, Some(kind)));
        let mut tx = self.db.begin().await.unwrap();
        tx.run(
            "INSERT INTO run (id, way, board, label, serial, serial_low, job, fence, started, took, stage, outcome, why,
                 done, total, simulated, lines, record, slot, kind)
             VALUES ($1, 'deploy', $2, 'lab', '', '', NULL, 1, $3, 5, 'write', $4, '', 0, 0, 0, 0, '{}', $5, $6)",
            values![format!("{n:012x}"), format!("b{n}"), started, outcome, slot, kind],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }
}
