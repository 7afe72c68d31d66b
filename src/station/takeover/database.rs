//! A database of SQLite that somebody else has made: a copy of it is read, within bounds.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row as _};

use crate::error::{Explain, Kind, Remedy};

/// No such database is larger.
const LONGEST: u64 = 2 << 30;
/// A table has so many rows at most.
const MOST: usize = 500_000;
/// A text of a row is read so far.
const LONGEST_TEXT: usize = 64 << 10;
/// All rows of a database have so many bytes together at most.
const LONGEST_OF_ALL: usize = 512 << 20;
/// So long reading may take: a database may be such that a question never ends.
const PATIENCE: Duration = Duration::from_secs(300);

/// What is wanted of a database.
pub(super) type Tables = &'static [Table];

/// A table that is wanted.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// Without it this isn't such a database, or one that is half made.
    pub(super) needed: bool,
    /// Columns that each version has.
    pub(super) columns: &'static [&'static str],
    /// Those that came later.
    pub(super) later: &'static [&'static str],
    /// By what rows come in order.
    pub(super) order: &'static str,
}

/// A row: texts by column. What is null, or isn't there, is missing.
pub(super) type Row = BTreeMap<&'static str, String>;

/// All rows, by table.
pub(super) type Rows = BTreeMap<&'static str, Vec<Row>>;

/// Why a database can't be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system says no.
    #[error("{} can't be read", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is beyond what is read.
    #[error("{}: {what}", path.display())]
    Large {
        /// The file.
        path: PathBuf,
        /// What is too much.
        what: String,
    },
    /// It is no database, or its pages don't fit together.
    #[error("{} is no database that can be read: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the database says.
        why: String,
    },
    /// It is another one, or one that is half made.
    #[error("{} has no {what}", path.display())]
    Lacks {
        /// The file.
        path: PathBuf,
        /// The table, or the column with its table.
        what: String,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Open { source, .. } => Kind::of_io(source),
            Self::Large { .. } | Self::Damaged { .. } | Self::Lacks { .. } => Kind::BadData,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Open { .. } | Self::Large { .. } => None,
            Self::Damaged { .. } => Some("copy it anew, while nothing writes to it".into()),
            Self::Lacks { .. } => {
                Some("look whether it is the right file, and let its own program bring it to its newest form first".into())
            }
        }
    }
}

/// Copies what is there of a database: the file, and what SQLite has not put into it yet. So nothing of the original is
/// changed, and what was in the middle of a change is as it was before.
fn copy(path: &Path, to: &Path) -> Result<(), Error> {
    for ending in ["", "-journal", "-wal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        let from = PathBuf::from(name);
        let open = |source| Error::Open { path: from.clone(), source };
        let file = match crate::beneath::open_regular(&from) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !ending.is_empty() => continue,
            Err(error) => return Err(open(error)),
        };
        let mut name = to.as_os_str().to_owned();
        name.push(ending);
        let mut out = std::fs::File::create_new(&name).map_err(open)?;
        let copied =
            io::copy(&mut file.take(LONGEST + 1), &mut out).and_then(|len| out.flush().map(|()| len));
        if copied.map_err(open)? > LONGEST {
            let what = format!("it is longer than {}", crate::format::size(LONGEST));
            return Err(Error::Large { path: from, what });
        }
    }
    Ok(())
}

/// The rows of the tables that are wanted.
///
/// # Errors
/// [`Error`].
pub(super) fn read(path: &Path, tables: Tables) -> Result<Rows, Error> {
    let open = |source| Error::Open { path: path.to_owned(), source };
    let dir = tempfile::tempdir().map_err(open)?;
    let file = dir.path().join("copy.sqlite");
    copy(path, &file)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(open)?;
    let work = async {
        let read = tokio::time::timeout(PATIENCE, rows(path, &file, tables)).await;
        let late = |_| Error::Large { path: path.to_owned(), what: "reading it takes too long".to_owned() };
        read.map_err(late)?
    };
    let rows = runtime.block_on(work);
    // A question that never ends isn't waited for.
    runtime.shutdown_background();
    rows
}

async fn rows(path: &Path, file: &Path, tables: Tables) -> Result<Rows, Error> {
    let damaged = |error: sqlx::Error| {
        let why = match &error {
            sqlx::Error::Database(error) => error.message().to_owned(),
            other => other.to_string(),
        };
        Error::Damaged { path: path.to_owned(), why: crate::format::message(&why).into_owned() }
    };
    let options = SqliteConnectOptions::new().filename(file).journal_mode(SqliteJournalMode::Delete);
    // What stands in its schema runs nothing.
    let options =
        options.pragma("trusted_schema", "OFF").pragma("cell_size_check", "ON").disable_statement_logging();
    let mut db = options.connect().await.map_err(damaged)?;
    let check: String =
        sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut db).await.map_err(damaged)?;
    if check != "ok" {
        let why = crate::format::message(&check).into_owned();
        return Err(Error::Damaged { path: path.to_owned(), why });
    }
    let (mut all, mut room) = (Rows::new(), LONGEST_OF_ALL);
    for table in tables {
        let lacks = |what: String| Error::Lacks { path: path.to_owned(), what };
        let columns = columns(&mut db, table.name).await.map_err(damaged)?;
        if columns.is_empty() {
            if table.needed {
                return Err(lacks(format!("table `{}`", table.name)));
            }
            all.insert(table.name, Vec::new());
            continue;
        }
        if let Some(column) = table.columns.iter().find(|column| !columns.iter().any(|one| one == *column)) {
            return Err(lacks(format!("column `{column}` in its table `{}`", table.name)));
        }
        let later = table.later.iter().filter(|column| columns.iter().any(|one| one == *column));
        let wanted: Vec<&'static str> = table.columns.iter().chain(later).copied().collect();
        let rows = one(&mut db, table, &wanted).await.map_err(damaged)?;
        let many = |what: String| Error::Large { path: path.to_owned(), what };
        if rows.len() > MOST {
            return Err(many(format!("its table `{}` has more than {MOST} rows", table.name)));
        }
        let len: usize = rows.iter().flat_map(BTreeMap::values).map(String::len).sum();
        room = room.checked_sub(len).ok_or_else(|| many("its rows are too long".to_owned()))?;
        all.insert(table.name, rows);
    }
    let _ = db.close().await;
    Ok(all)
}

/// The columns of a table; none where it isn't there, or is something else than a table.
async fn columns(db: &mut SqliteConnection, table: &str) -> Result<Vec<String>, sqlx::Error> {
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?1 AND sql NOT LIKE 'CREATE VIRTUAL%'";
    if sqlx::query(sql).bind(table).fetch_optional(&mut *db).await?.is_none() {
        return Ok(Vec::new());
    }
    // What is computed when it is asked for isn't among them.
    sqlx::query_scalar("SELECT name FROM pragma_table_info(?1)").bind(table).fetch_all(&mut *db).await
}

async fn one(
    db: &mut SqliteConnection,
    table: &Table,
    columns: &[&'static str],
) -> Result<Vec<Row>, sqlx::Error> {
    // The end of what is longer: of a log that is what matters, and a script so long isn't taken.
    let texts = columns.iter().map(|column| format!("substr(CAST(\"{column}\" AS TEXT), -{LONGEST_TEXT})"));
    let sql = format!(
        "SELECT {} FROM \"{}\" ORDER BY {} LIMIT {}",
        texts.collect::<Vec<_>>().join(", "),
        table.name,
        table.order,
        MOST + 1
    );
    let mut rows = Vec::new();
    for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *db).await? {
        let mut texts = Row::new();
        for (at, column) in columns.iter().enumerate() {
            // Bytes that are no text are none.
            let text: Option<Vec<u8>> = row.try_get_unchecked(at)?;
            if let Some(text) = text {
                texts.insert(column, String::from_utf8_lossy(&text).into_owned());
            }
        }
        rows.push(texts);
    }
    Ok(rows)
}
