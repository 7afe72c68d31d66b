//! Two databases behind one way to ask: the SQL is the same, and values are texts and numbers.

use sqlx::postgres::{PgPool, PgRow};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Column, Postgres, Row as _, Sqlite, Transaction, TypeInfo, ValueRef};

use super::Error;

/// What stands in a column, and what goes into a question.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(Option<String>),
    Number(Option<i64>),
}

macro_rules! from {
    ($($from:ty => |$value:ident| $to:expr;)+) => {
        $(impl From<$from> for Value { fn from($value: $from) -> Self { $to } })+
    };
}

from! {
    &str => |value| Self::Text(Some(value.to_owned()));
    &String => |value| Self::Text(Some(value.clone()));
    String => |value| Self::Text(Some(value));
    Option<&str> => |value| Self::Text(value.map(str::to_owned));
    Option<String> => |value| Self::Text(value);
    &Option<String> => |value| Self::Text(value.clone());
    i64 => |value| Self::Number(Some(value));
    Option<i64> => |value| Self::Number(value);
    u32 => |value| Self::Number(Some(value.into()));
    bool => |value| Self::Number(Some(value.into()));
    // Larger than any disk or counter.
    u64 => |value| Self::Number(Some(i64::try_from(value).unwrap_or(i64::MAX)));
    Option<u64> => |value| Self::Number(value.map(|value| i64::try_from(value).unwrap_or(i64::MAX)));
}

/// The values of a question, in the order of its `$1`, `$2`, …
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::station::store::db::Value::from($value)),*] };
}
pub(super) use values;

/// A row of an answer. Its columns are taken in their order.
#[derive(Debug)]
pub(super) struct Row {
    table: &'static str,
    pub(super) names: Vec<String>,
    pub(super) values: std::vec::IntoIter<Value>,
}

impl Row {
    /// The same, for errors of this table.
    pub(super) fn of(mut self, table: &'static str) -> Self {
        self.table = table;
        self
    }

    pub(super) fn wrong(&self, why: impl ToString) -> Error {
        Error::Row { table: self.table, why: why.to_string() }
    }

    pub(super) fn maybe_text(&mut self) -> Result<Option<String>, Error> {
        match self.values.next() {
            Some(Value::Text(text)) => Ok(text),
            Some(Value::Number(None)) => Ok(None),
            other => Err(self.wrong(format!("{other:?} instead of a text"))),
        }
    }

    pub(super) fn text(&mut self) -> Result<String, Error> {
        self.maybe_text()?.ok_or_else(|| self.wrong("nothing instead of a text"))
    }

    pub(super) fn maybe_number(&mut self) -> Result<Option<i64>, Error> {
        match self.values.next() {
            Some(Value::Number(number)) => Ok(number),
            Some(Value::Text(None)) => Ok(None),
            other => Err(self.wrong(format!("{other:?} instead of a number"))),
        }
    }

    pub(super) fn number(&mut self) -> Result<i64, Error> {
        self.maybe_number()?.ok_or_else(|| self.wrong("nothing instead of a number"))
    }

    /// A number that isn't below 0.
    pub(super) fn count(&mut self) -> Result<u64, Error> {
        let number = self.number()?;
        u64::try_from(number).map_err(|_| self.wrong(format!("{number} is below 0")))
    }

    pub(super) fn truth(&mut self) -> Result<bool, Error> {
        Ok(self.number()? != 0)
    }

    /// A text that is a word of a type, or another form of one.
    pub(super) fn parsed<T: std::str::FromStr<Err: ToString>>(&mut self) -> Result<T, Error> {
        let text = self.text()?;
        text.parse().map_err(|error: T::Err| self.wrong(error.to_string()))
    }

    /// A word of an enum, as JSON has it.
    pub(super) fn word<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, Error> {
        self.maybe_word()?.ok_or_else(|| self.wrong("nothing instead of a word"))
    }

    /// The same, where there may be none.
    pub(super) fn maybe_word<T: serde::de::DeserializeOwned>(&mut self) -> Result<Option<T>, Error> {
        let Some(text) = self.maybe_text()? else { return Ok(None) };
        serde_json::from_value(serde_json::Value::String(text)).map_err(|error| self.wrong(error))
    }

    /// JSON.
    pub(super) fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, Error> {
        let text = self.text()?;
        serde_json::from_str(&text).map_err(|error| self.wrong(error))
    }
}

/// The word of an enum, as JSON has it.
pub(super) fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        // A mistake in the type, which the first test of it finds.
        _ => String::new(),
    }
}

/// JSON of a value.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    crate::format::json::line(value).unwrap_or_default()
}

/// PostgreSQL's texts can't have a NUL; what boards and people send may.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

macro_rules! question {
    ($sql:expr, $values:expr) => {{
        let mut query = sqlx::query(AssertSqlSafe($sql));
        for value in $values {
            query = match value {
                Value::Text(text) => query.bind(text.as_deref().map(storable)),
                Value::Number(number) => query.bind(*number),
            };
        }
        query
    }};
}

fn of_sqlite(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    let mut values = Vec::with_capacity(row.len());
    for at in 0..row.len() {
        let raw = row.try_get_raw(at)?;
        let number = raw.type_info().name() == "INTEGER";
        values.push(match raw.is_null() {
            true => Value::Text(None),
            false if number => Value::Number(row.try_get_unchecked(at)?),
            false => Value::Text(row.try_get(at)?),
        });
    }
    let names = row.columns().iter().map(|column| column.name().to_owned()).collect();
    Ok(Row { table: "?", names, values: values.into_iter() })
}

fn of_postgres(row: &PgRow) -> Result<Row, sqlx::Error> {
    let mut values = Vec::with_capacity(row.len());
    for at in 0..row.len() {
        values.push(match row.try_get_raw(at)?.type_info().name() {
            "INT8" => Value::Number(row.try_get(at)?),
            "INT4" => Value::Number(row.try_get::<Option<i32>, _>(at)?.map(i64::from)),
            _ => Value::Text(row.try_get(at)?),
        });
    }
    let names = row.columns().iter().map(|column| column.name().to_owned()).collect();
    Ok(Row { table: "?", names, values: values.into_iter() })
}

/// The database.
#[derive(Debug, Clone)]
pub(super) enum Db {
    /// One connection writes, several read.
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
    },
    Postgres(PgPool),
}

/// All writers of one store wait for each other, as SQLite's do: so a transaction that reads and then writes means the
/// same on both. PostgreSQL's lock is this number; it ends with the transaction.
const WRITER: i64 = 0x7069_7072_6f76;

impl Db {
    /// Asks, outside of a transaction.
    pub(super) async fn rows(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Error> {
        Ok(match self {
            Self::Sqlite { read, .. } => {
                let rows = question!(sql, values).fetch_all(read).await?;
                rows.iter().map(of_sqlite).collect::<Result<_, _>>()?
            }
            Self::Postgres(pool) => {
                let rows = question!(sql, values).fetch_all(pool).await?;
                rows.iter().map(of_postgres).collect::<Result<_, _>>()?
            }
        })
    }

    /// The first row of the answer.
    pub(super) async fn row(&self, sql: &str, values: &[Value]) -> Result<Option<Row>, Error> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// A transaction that may write. It is on disk when [`Tx::commit`] returns; dropped, it never was.
    pub(super) async fn begin(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Sqlite { write, .. } => {
                let begun = match write.begin_with("BEGIN IMMEDIATE").await {
                    // SQLite has taken a transaction back by itself, as on a full disk, and sqlx still counts it: that
                    // connection would never write again.
                    Err(sqlx::Error::InvalidSavePointStatement) => {
                        write.acquire().await?.close().await?;
                        write.begin_with("BEGIN IMMEDIATE").await
                    }
                    begun => begun,
                };
                Tx::Sqlite(begun?)
            }
            Self::Postgres(pool) => {
                let mut tx = pool.begin().await?;
                sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(WRITER).execute(&mut *tx).await?;
                Tx::Postgres(tx)
            }
        })
    }

    /// A transaction that sees the store as it was at its first question.
    pub(super) async fn look(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Sqlite { read, .. } => Tx::Sqlite(read.begin().await?),
            Self::Postgres(pool) => {
                Tx::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        })
    }
}

/// A transaction.
pub(super) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    /// Asks.
    pub(super) async fn rows(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Error> {
        Ok(match self {
            Self::Sqlite(tx) => {
                let rows = question!(sql, values).fetch_all(&mut **tx).await?;
                rows.iter().map(of_sqlite).collect::<Result<_, _>>()?
            }
            Self::Postgres(tx) => {
                let rows = question!(sql, values).fetch_all(&mut **tx).await?;
                rows.iter().map(of_postgres).collect::<Result<_, _>>()?
            }
        })
    }

    /// The first row of the answer.
    pub(super) async fn row(&mut self, sql: &str, values: &[Value]) -> Result<Option<Row>, Error> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Changes something, and says how many rows.
    pub(super) async fn run(&mut self, sql: &str, values: &[Value]) -> Result<u64, Error> {
        Ok(match self {
            Self::Sqlite(tx) => question!(sql, values).execute(&mut **tx).await?.rows_affected(),
            Self::Postgres(tx) => question!(sql, values).execute(&mut **tx).await?.rows_affected(),
        })
    }

    /// A place that [`Self::settle`] goes back to. `name` is a word.
    pub(super) async fn mark(&mut self, name: &'static str) -> Result<(), Error> {
        self.run(&format!("SAVEPOINT {name}"), &[]).await.map(drop)
    }

    /// What was done since [`Self::mark`] stays, or nothing of it where it went wrong: whoever asked for it may go on.
    pub(super) async fn settle<T>(&mut self, name: &'static str, done: Result<T, Error>) -> Result<T, Error> {
        if done.is_err() {
            self.run(&format!("ROLLBACK TO SAVEPOINT {name}"), &[]).await?;
        }
        self.run(&format!("RELEASE SAVEPOINT {name}"), &[]).await?;
        done
    }

    /// Makes it last.
    pub(super) async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

/// A question that grows: `{}` becomes the next `$n`.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
    conditions: usize,
}

impl Question {
    pub(super) fn new(sql: &str) -> Self {
        Self { sql: sql.to_owned(), values: Vec::new(), conditions: 0 }
    }

    /// A condition that has to hold too.
    pub(super) fn and(&mut self, condition: &str, values: &[Value]) -> &mut Self {
        self.sql.push_str(if self.conditions == 0 { " WHERE " } else { " AND " });
        self.conditions += 1;
        self.more(condition, values)
    }

    /// Whatever comes behind.
    pub(super) fn more(&mut self, sql: &str, values: &[Value]) -> &mut Self {
        let mut values = values.iter();
        let mut parts = sql.split("{}");
        self.sql.push_str(parts.next().unwrap_or_default());
        for part in parts {
            self.values.extend(values.next().cloned());
            self.sql.push_str(&format!("${}{part}", self.values.len()));
        }
        self
    }
}
