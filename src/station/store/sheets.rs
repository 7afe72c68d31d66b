//! Tables of values: another file is taken in while boards draw from the one before.

use std::collections::HashMap;

use super::db::{Tx, Value, json, values};
use super::values::{self as sources, Back, bad};
use super::{Error, Store};
use crate::station::values::table::Rows;
use crate::station_api::{Sheet, ValueUpload, Values, ValuesOf};

/// Rows that go into the database at once.
const AT_ONCE: usize = 100;

/// What is free of a table, by what tells rows apart.
async fn free(tx: &mut Tx, name: &str) -> Result<HashMap<String, (Option<String>, Values)>, Error> {
    let sql = "SELECT unit, serial, content FROM value_free WHERE source = $1";
    let rows = tx.rows(sql, values![name]).await?.into_iter();
    rows.map(|row| {
        let mut row = row.of("value_free");
        Ok((row.text()?, (row.maybe_text()?, row.json()?)))
    })
    .collect()
}

/// Puts rows in, many at once.
async fn put(tx: &mut Tx, name: &str, rows: &[(&str, Back)]) -> Result<(), Error> {
    for part in rows.chunks(AT_ONCE) {
        let mut sql = "INSERT INTO value_free (source, unit, place, serial, content) VALUES ".to_owned();
        let mut all: Vec<Value> = vec![name.into()];
        for (at, (unit, back)) in part.iter().enumerate() {
            let first = 2 + 4 * at;
            let comma = if at == 0 { "" } else { ", " };
            sql.push_str(&format!("{comma}($1, ${first}, ${}, ${}, ${})", first + 1, first + 2, first + 3));
            all.extend([
                (*unit).into(),
                back.place.into(),
                (&back.serial).into(),
                json(&back.content).into(),
            ]);
        }
        tx.run(&sql, &all).await?;
    }
    Ok(())
}

/// How a newer file of a table is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakeTable {
    /// It is only counted what would change.
    Dry,
    /// It is taken in where at most so many rows go that no board has yet.
    Losing(u64),
}

impl Store {
    /// Takes in a newer file of a table: rows that boards have stay as they were given; of the others the file says which
    /// there are. `taking` says whether that is only counted; where more rows would go than it lets, nothing changes either.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::BadValue`] where the source is no table.
    pub async fn put_table(&self, name: &str, rows: &Rows, taking: TakeTable) -> Result<ValueUpload, Error> {
        let mut tx = self.db.begin().await?;
        let ValuesOf::Table(sheet) = sources::one(&mut tx, name).await?.of else {
            return Err(bad(format!("`{name}` is no table")));
        };
        let mut before = free(&mut tx, name).await?;
        let sql = "SELECT unit, back FROM value_given WHERE source = $1";
        let mut has = HashMap::new();
        for mut row in tx.rows(sql, values![name]).await? {
            has.insert(row.text()?, row.maybe_text()?);
        }
        // With other columns each row is another one, though what is in it was given.
        let same = sheet.columns.iter().all(|name| rows.columns.contains(name))
            && sheet.columns.len() == rows.columns.len();
        if sheet.unique.is_none() && !has.is_empty() && !same {
            return Err(bad(
                "boards have rows of this table, no column tells its rows apart, and the file has other columns: \
                 what was given would be given once more",
            ));
        }
        let mut told = ValueUpload { rows: rows.rows.len() as u64, ..ValueUpload::default() };
        let (mut new, mut back) = (Vec::new(), Vec::new());
        for (place, row) in rows.rows.iter().enumerate() {
            let one = Back { place: place as u64, serial: row.serial.clone(), content: row.content.clone() };
            if let Some(known) = has.remove(&row.unit) {
                told.given += 1;
                let one = json(&one);
                if known.as_ref() != Some(&one) {
                    back.push((row.unit.clone(), Some(one)));
                }
                continue;
            }
            match before.remove(&row.unit) {
                None => told.added += 1,
                Some((serial, content)) if serial == row.serial && content == row.content => told.same += 1,
                Some(_) => told.changed += 1,
            }
            new.push((row.unit.as_str(), one));
        }
        told.gone = before.len() as u64;
        told.kept = has.len() as u64;
        // What is given back later is as this file has it, or is gone.
        let gone = has.into_iter().filter(|(_, back)| back.is_some());
        back.extend(gone.map(|(unit, _)| (unit, None)));
        told.dry = match taking {
            TakeTable::Dry => true,
            TakeTable::Losing(most) => told.gone > most,
        };
        if told.dry {
            return Ok(told);
        }
        tx.run("DELETE FROM value_free WHERE source = $1", values![name]).await?;
        put(&mut tx, name, &new).await?;
        for (unit, one) in &back {
            let sql = "UPDATE value_given SET back = $3 WHERE source = $1 AND unit = $2";
            tx.run(sql, values![name, unit, one]).await?;
        }
        let of = ValuesOf::Table(Sheet { columns: rows.columns.clone(), ..sheet });
        tx.run("UPDATE value_source SET source = $2 WHERE name = $1", values![name, json(&of)]).await?;
        tx.commit().await?;
        Ok(told)
    }
}
