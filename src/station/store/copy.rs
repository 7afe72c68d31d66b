//! A copy of the store in one file, for either database: so it is also the way from one to the other.
//!
//! The file is zstd; inside is a JSON array a line: `["piprov-store",1,FORM]` first, then `[TABLE,{COLUMN:VALUE,…}]` for
//! each row, and `["end",ROWS,DIGEST]` last, with BLAKE3 over all lines before. Sessions aren't in
//! it; images' names and what objects they need are, the objects themselves aren't.

use std::io::{BufRead, BufReader, Read, Seek, Write};

use serde_json::{Map, Value as Json};

use super::db::{Question, Row, Tx, Value, values};
use super::open::{is_form, newest};
use super::{Error, Store};

/// The number of this form of the file.
const COPY: u64 = 1;
/// A line is so long at most; the longest has a run's record.
const LONGEST: u64 = 32 << 20;
/// Rows that are read at once.
const PART: u64 = 500;

/// The tables that are copied, each behind those that it names, with what its rows are told apart by.
pub(super) const TABLES: &[(&str, &[&str])] = &[
    ("slot", &["name"]),
    ("switch", &["name"]),
    ("board", &["id"]),
    ("board_mac", &["mac", "board"]),
    ("sighting", &["way", "place", "who"]),
    ("image", &["id"]),
    ("image_chunk", &["image", "chunk"]),
    ("value_source", &["name"]),
    ("value_free", &["source", "unit"]),
    ("value_given", &["source", "unit"]),
    ("script", &["name"]),
    ("script_done", &["board", "script", "name"]),
    ("firmware", &["name"]),
    ("label", &["name"]),
    ("printer", &["name"]),
    ("print", &["id"]),
    ("project", &["name"]),
    ("rule", &["name"]),
    ("job", &["id"]),
    ("run", &["id"]),
    ("run_line", &["run", "n"]),
    ("spool", &["file"]),
    ("backup", &["image"]),
    ("person", &["name"]),
    ("recovery", &["person", "digest"]),
    ("passkey", &["id"]),
    ("token", &["name"]),
    ("setting", &["name"]),
    ("audit", &["id"]),
    ("hook", &["name"]),
    ("object_place", &["one"]),
    ("object_old", &["place", "station"]),
];

/// The tables that aren't: what stands in them is over within a day or so, or is computed again.
#[cfg(test)]
pub(super) const LEFT_OUT: &[&str] = &[
    "delivery",
    "idempotent",
    "image_check",
    "image_contents",
    "invitation",
    "object_station",
    "session",
    "upload",
];

fn bad(why: impl ToString) -> Error {
    Error::BadCopy { why: why.to_string() }
}

fn io(doing: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |source| Error::Os { doing, path: "a copy of the store".into(), source }
}

/// Lines on their way out, with their digest.
struct Lines<W: Write> {
    out: W,
    digest: blake3::Hasher,
    rows: u64,
}

impl<W: Write> Lines<W> {
    fn put(&mut self, line: &Json) -> Result<(), Error> {
        let mut text = line.to_string();
        text.push('\n');
        self.digest.update(text.as_bytes());
        self.out.write_all(text.as_bytes()).map_err(io("writing"))
    }
}

fn columns(row: Row) -> Map<String, Json> {
    let values = row.values.map(|value| match value {
        Value::Text(text) => text.map_or(Json::Null, Json::from),
        Value::Number(number) => number.map_or(Json::Null, Json::from),
    });
    row.names.into_iter().zip(values).collect()
}

fn value(json: &Json) -> Result<Option<Value>, Error> {
    match json {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(text.as_str().into())),
        Json::Number(number) => {
            number.as_i64().map(|number| Some(number.into())).ok_or_else(|| bad("a number is no whole one"))
        }
        _ => Err(bad("a value is neither text nor number")),
    }
}

/// The next line, without its end.
fn line(from: &mut impl BufRead) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    let read = from.take(LONGEST).read_until(b'\n', &mut text);
    // What zstd finds wrong is wrong in the file, unless the system says so.
    read.map_err(|error| match error.raw_os_error() {
        Some(_) => io("reading")(error),
        None => bad(error),
    })?;
    if text.pop() != Some(b'\n') {
        return Err(bad("its end is missing"));
    }
    Ok(text)
}

impl Store {
    /// Writes a copy of all, as it is at one moment; the station goes on meanwhile. It blocks on `out`: call it from a
    /// thread that may wait. How many rows were copied.
    ///
    /// # Errors
    /// Where `out` can't be written, or what the database says.
    pub async fn copy_to(&self, out: impl Write + Send) -> Result<u64, Error> {
        let out = zstd::Encoder::new(out, 6).map_err(io("writing"))?;
        let mut lines = Lines { out, digest: blake3::Hasher::new(), rows: 0 };
        lines.put(&Json::Array(vec!["piprov-store".into(), COPY.into(), newest().into()]))?;
        let mut tx = self.db.look().await?;
        for (table, keys) in TABLES {
            let mut after: Option<Vec<Value>> = None;
            loop {
                let mut question = Question::new(&format!("SELECT * FROM {table}"));
                let order = keys.join(", ");
                if let Some(after) = &after {
                    let places = vec!["{}"; keys.len()].join(", ");
                    question.and(&format!("({order}) > ({places})"), after);
                }
                question.more(&format!(" ORDER BY {order} LIMIT {{}}"), values![PART]);
                let rows = tx.rows(&question.sql, &question.values).await?;
                let count = rows.len() as u64;
                for row in rows {
                    let row = columns(row);
                    let at = keys.iter().map(|key| value(row.get(*key).unwrap_or(&Json::Null)));
                    after = at.collect::<Result<_, _>>()?;
                    lines.put(&Json::Array(vec![Json::from(*table), row.into()]))?;
                    lines.rows += 1;
                }
                if count < PART {
                    break;
                }
            }
        }
        let digest = lines.digest.finalize().to_hex();
        let rows = lines.rows;
        lines.put(&Json::Array(vec!["end".into(), rows.into(), digest.as_str().into()]))?;
        lines.out.finish().and_then(|mut out| out.flush()).map_err(io("writing"))?;
        Ok(rows)
    }

    /// Takes a copy in, of this form or an older one. The store has to be empty; where the copy isn't whole, it stays so. It
    /// blocks on `from`. How many rows were taken in.
    ///
    /// # Errors
    /// [`Error::NotEmpty`], [`Error::BadCopy`], or what the database says.
    pub async fn copy_from(&self, from: impl Read + Send) -> Result<u64, Error> {
        let from = zstd::Decoder::new(from).map_err(io("reading"))?;
        let mut from = BufReader::new(from);
        let text = line(&mut from)?;
        let head: Json = serde_json::from_slice(&text).map_err(bad)?;
        let (copy, form) = match head.as_array().map(Vec::as_slice) {
            Some([name, copy, form]) if name.as_str() == Some("piprov-store") => {
                (copy.as_u64(), form.as_i64())
            }
            _ => return Err(bad("it doesn't begin as one")),
        };
        match (copy, form) {
            (Some(COPY), Some(form)) if form == newest() => self.take(text, from, TABLES).await,
            // An older one grows as its store would have grown, in a store of its own that ends with this call.
            (Some(COPY), Some(form)) if is_form(form) => {
                self.is_empty().await?;
                let old = Self::passing(form).await?;
                // It has nothing yet, and not all tables of today.
                old.take(text, from, &[]).await?;
                old.grow().await?;
                let mut grown = tempfile::tempfile().map_err(io("writing"))?;
                old.copy_to(&mut grown).await?;
                old.close().await;
                grown.rewind().map_err(io("reading"))?;
                Box::pin(self.copy_from(grown)).await
            }
            _ => {
                let words = |n: Option<i64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
                let known = newest();
                Err(bad(format!(
                    "it has form {}, {}; this version reads {COPY}, 1 to {known}",
                    words(copy.and_then(|copy| i64::try_from(copy).ok())),
                    words(form)
                )))
            }
        }
    }

    async fn is_empty(&self) -> Result<(), Error> {
        let mut tx = self.db.look().await?;
        for (table, _) in TABLES {
            if tx.row(&format!("SELECT 1 FROM {table} LIMIT 1"), &[]).await?.is_some() {
                return Err(Error::NotEmpty { store: self.place().to_owned() });
            }
        }
        Ok(())
    }

    /// Takes the rows of a copy whose first line was read.
    /// `empty`: the tables that have to be empty.
    async fn take(
        &self,
        first: Vec<u8>,
        mut from: impl BufRead + Send,
        empty: &[(&str, &[&str])],
    ) -> Result<u64, Error> {
        let mut tx = self.db.begin().await?;
        for (table, _) in empty {
            if tx.row(&format!("SELECT 1 FROM {table} LIMIT 1"), &[]).await?.is_some() {
                return Err(Error::NotEmpty { store: self.place().to_owned() });
            }
        }
        let (mut digest, mut rows) = (blake3::Hasher::new(), 0);
        digest.update(&first).update(b"\n");
        loop {
            let text = line(&mut from)?;
            let line: Json = serde_json::from_slice(&text).map_err(bad)?;
            let Some([name, rest @ ..]) = line.as_array().map(Vec::as_slice) else {
                return Err(bad("a line is no array"));
            };
            match (name.as_str().unwrap_or_default(), rest) {
                ("end", [count, told]) => {
                    if count.as_u64() != Some(rows) || told.as_str() != Some(&digest.finalize().to_hex()) {
                        return Err(bad("it was changed"));
                    }
                    break;
                }
                (table, [Json::Object(row)]) => {
                    insert(&mut tx, table, row).await?;
                    rows += 1;
                }
                _ => return Err(bad("a line is none of its sorts")),
            }
            digest.update(&text).update(b"\n");
        }
        // What follows was added by somebody.
        match from.fill_buf() {
            Ok([]) => {}
            Err(error) if error.raw_os_error().is_some() => return Err(io("reading")(error)),
            _ => return Err(bad("something follows its end")),
        }
        tx.commit().await?;
        Ok(rows)
    }
}

async fn insert(tx: &mut Tx, table: &str, row: &Map<String, Json>) -> Result<(), Error> {
    let Some((table, _)) = TABLES.iter().find(|(known, _)| *known == table) else {
        return Err(bad(format!("there is no table {table:?}")));
    };
    // Names of columns become SQL.
    let name = |name: &String| {
        name.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'0'..=b'9'))
    };
    if row.is_empty() || !row.keys().all(name) {
        return Err(bad(format!("a row of {table} has no such columns")));
    }
    let names: Vec<&str> = row.keys().map(String::as_str).collect();
    let mut question = Question::new(&format!("INSERT INTO {table} ({}) VALUES (", names.join(", ")));
    for (at, json) in row.values().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        match value(json)? {
            None => question.more(&format!("{comma}NULL"), &[]),
            Some(value) => question.more(&format!("{comma}{{}}"), &[value]),
        };
    }
    question.more(")", &[]);
    match tx.run(&question.sql, &question.values).await {
        Ok(_) => Ok(()),
        Err(Error::Sql { what, .. }) => Err(bad(format!("a row of {table} doesn't fit: {what}"))),
        Err(error) => Err(error),
    }
}
