//! Tables of values: another file is taken in while boards draw from the one before.

use std::collections::{HashMap, HashSet};

use super::db::{Tx, Value, json, values};
use super::values::{self as sources, Back, bad};
use super::{Error, Store, projects};
use crate::format::braces::{Part, parts};
use crate::station::values::table::{OneRow, Rows};
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
    /// It is taken in where no more goes than this.
    Losing {
        /// So many rows that no board has yet.
        rows: u64,
        /// So many columns.
        columns: u64,
    },
}

impl TakeTable {
    /// Whatever goes.
    pub const ANY: Self = Self::Losing { rows: u64::MAX, columns: u64::MAX };
    /// Where nothing goes.
    pub const SAFE: Self = Self::Losing { rows: 0, columns: 0 };
}

/// What a board has of a table.
struct Given {
    serial: Option<String>,
    content: Values,
    back: Option<String>,
}

/// What boards have of a table, by what tells rows apart.
async fn given(tx: &mut Tx, name: &str) -> Result<HashMap<String, Given>, Error> {
    let sql = "SELECT unit, serial, content, back FROM value_given WHERE source = $1";
    let rows = tx.rows(sql, values![name]).await?.into_iter();
    rows.map(|row| {
        let mut row = row.of("value_given");
        Ok((row.text()?, Given { serial: row.maybe_text()?, content: row.json()?, back: row.maybe_text()? }))
    })
    .collect()
}

/// Serial numbers as far as both of their lengths have them: what a boot ROM tells are the last eight digits.
fn short(serial: &str) -> &str {
    serial.len().checked_sub(8).and_then(|at| serial.get(at..)).unwrap_or(serial)
}

/// How many rows of a file contradict what boards have.
fn contradictions(rows: &Rows, given: &HashMap<String, Given>) -> u64 {
    let holders: HashSet<&str> = given.values().filter_map(|one| one.serial.as_deref()).map(short).collect();
    // Where no column tells rows apart, a row for another board is another row: what it has was given all the same.
    let here: HashSet<&str> = rows.rows.iter().map(|row| row.unit.as_str()).collect();
    let moved: HashSet<&Values> =
        given.iter().filter(|(unit, _)| !here.contains(unit.as_str())).map(|(_, one)| &one.content).collect();
    let contradicts = |row: &&OneRow| match (given.get(&row.unit), row.serial.as_deref()) {
        (Some(has), serial) => {
            let of_other =
                matches!((serial, has.serial.as_deref()), (Some(is), Some(has)) if short(is) != short(has));
            has.content != row.content || of_other
        }
        (None, Some(serial)) => holders.contains(short(serial)) || moved.contains(&row.content),
        (None, None) => false,
    };
    rows.rows.iter().filter(contradicts).count() as u64
}

/// Projects that draw from a table and name one of these columns in braces.
async fn users_of(tx: &mut Tx, name: &str, columns: &[String]) -> Result<Vec<String>, Error> {
    let mut users = Vec::new();
    if columns.is_empty() {
        return Ok(users);
    }
    let is_gone =
        |part: Part<'_>| matches!(part, Part::Name(name) if columns.iter().any(|gone| gone == name));
    for project in projects::all(tx).await? {
        if !project.values.iter().any(|draws| draws == name) {
            continue;
        }
        let mut texts: Vec<String> = project.first_boot.values().cloned().collect();
        if let Some(label) = &project.label {
            let row = tx.row("SELECT body FROM label WHERE name = $1", values![&label.label]).await?;
            texts.extend(row.map(|mut row| row.text()).transpose()?);
        }
        if texts.iter().any(|text| parts(text).any(is_gone)) {
            users.push(project.name);
        }
    }
    Ok(users)
}

impl Store {
    /// Takes in a newer file of a table: rows that boards have stay as they were given; of the others the file says which
    /// there are. `taking` says whether that is only counted; where more would go than it lets, nothing changes either.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::BadValue`] where the source is no table.
    pub async fn put_table(&self, name: &str, rows: &Rows, taking: TakeTable) -> Result<ValueUpload, Error> {
        let mut tx = self.db.begin().await?;
        let ValuesOf::Table(sheet) = sources::one(&mut tx, name).await?.of else {
            return Err(bad(format!("`{name}` is no table")));
        };
        let mut before = free(&mut tx, name).await?;
        let mut has = given(&mut tx, name).await?;
        // With other columns each row is another one, though what is in it was given.
        let same = sheet.columns.iter().all(|name| rows.columns.contains(name))
            && sheet.columns.len() == rows.columns.len();
        if sheet.unique.is_none() && !has.is_empty() && !same {
            return Err(bad(
                "boards have rows of this table, no column tells its rows apart, and the file has other columns: \
                 what was given would be given once more",
            ));
        }
        let columns_gone: Vec<String> =
            sheet.columns.iter().filter(|column| !rows.columns.contains(column)).cloned().collect();
        let mut told = ValueUpload {
            rows: rows.rows.len() as u64,
            contradict: contradictions(rows, &has),
            columns_used_by: users_of(&mut tx, name, &columns_gone).await?,
            columns_gone,
            ..ValueUpload::default()
        };
        let (mut new, mut back) = (Vec::new(), Vec::new());
        for (place, row) in rows.rows.iter().enumerate() {
            let one = Back { place: place as u64, serial: row.serial.clone(), content: row.content.clone() };
            if let Some(known) = has.remove(&row.unit) {
                told.given += 1;
                let one = json(&one);
                if known.back.as_ref() != Some(&one) {
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
        let gone = has.into_iter().filter(|(_, one)| one.back.is_some());
        back.extend(gone.map(|(unit, _)| (unit, None)));
        told.dry = match taking {
            TakeTable::Dry => true,
            TakeTable::Losing { rows, columns } => {
                told.gone > rows || told.columns_gone.len() as u64 > columns
            }
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
