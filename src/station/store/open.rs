//! The store is opened: made where it is missing, brought to the newest form, or refused.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::db::{Db, values};
use super::{Error, Store};
use crate::beneath::own_file;

/// Forms of the store, each made of the one before. They go forward only.
static FORMS: Migrator = sqlx::migrate!("./migrations");

/// The database in the state directory.
const FILE: &str = "station.db";
/// How long one waits for another program.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections to SQLite that read at once.
const READERS: u32 = 4;
/// Connections to PostgreSQL.
const CONNECTIONS: u32 = 12;

/// Which database.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// This file.
    Sqlite(PathBuf),
    /// `postgres://…`. It may have a password in it: it is shown without.
    Postgres(String),
}

impl StoreUrl {
    /// Reads the setting: nothing, `sqlite`, `sqlite:FILE`, or `postgres://…`.
    ///
    /// # Errors
    /// Where it is neither.
    pub fn read(text: &str, state_dir: &Path) -> Result<Self, Error> {
        if text.is_empty() || text == "sqlite" {
            return Ok(Self::Sqlite(state_dir.join(FILE)));
        }
        if let Some(file) = text.strip_prefix("sqlite:").filter(|file| !file.is_empty()) {
            return Ok(Self::Sqlite(state_dir.join(file)));
        }
        let bad = |why: String| Error::BadUrl { text: shown(text), why };
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(bad("there are sqlite, sqlite:FILE and postgres://…".to_owned()));
        }
        let why = |error: sqlx::Error| match text.contains("@/") {
            true => {
                "a user at no host stands behind the ?: postgres:///NAME?host=DIRECTORY&user=USER".to_owned()
            }
            false => error.to_string(),
        };
        PgConnectOptions::from_str(text).map_err(|error| bad(why(error)))?;
        Ok(Self::Postgres(text.to_owned()))
    }
}

/// Without what stands between the scheme and the host, and without what follows a `?`: there are passwords.
fn shown(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => url.to_owned(),
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => out.pad(&file.display().to_string()),
            Self::Postgres(url) => out.pad(&shown(url)),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "StoreUrl({self})")
    }
}

impl Store {
    /// Opens it. A store of an older form is brought to the newest one; of a newer form it is left as it is.
    ///
    /// # Errors
    /// [`Error::Newer`], [`Error::Foreign`], [`Error::Damaged`], [`Error::Locked`], or whatever the database says.
    pub async fn open(url: &StoreUrl) -> Result<Self, Error> {
        let name = url.to_string();
        let db = match url {
            StoreUrl::Sqlite(file) => sqlite(file, &name).await?,
            StoreUrl::Postgres(url) => postgres(url, &name).await?,
        };
        super::audit::chain_old(&db).await?;
        let store = Self { db, name, here: String::new() };
        tracing::debug!(store = store.name, "the store is open");
        Ok(store)
    }

    /// The same store, as the station of this name writes it.
    #[must_use]
    pub fn of(self, here: String) -> Self {
        Self { here, ..self }
    }

    /// `sqlite` or `postgres`.
    #[must_use]
    pub const fn sort(&self) -> &'static str {
        match self.db {
            Db::Sqlite { .. } => "sqlite",
            Db::Postgres(_) => "postgres",
        }
    }

    /// Where it is, without a password.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.name
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// Where it doesn't.
    pub async fn answers(&self) -> Result<(), Error> {
        self.db.rows("SELECT name FROM setting WHERE name = $1", values![""]).await.map(drop)
    }

    /// Whether the database would take something. Nothing is changed.
    ///
    /// # Errors
    /// Where it wouldn't.
    pub async fn takes(&self) -> Result<(), Error> {
        self.db.begin().await.map(drop)
    }

    /// Ends all connections.
    pub async fn close(&self) {
        match &self.db {
            Db::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Db::Postgres(pool) => pool.close().await,
        }
    }
}

/// The newest form that is known.
pub(super) fn newest() -> i64 {
    FORMS.iter().map(|form| form.version).max().unwrap_or_default()
}

/// Whether there was such a form.
pub(super) fn is_form(form: i64) -> bool {
    FORMS.version_exists(form)
}

impl Store {
    /// An empty store of an older form, in a file without a name that ends with it.
    pub(super) async fn passing(form: i64) -> Result<Self, Error> {
        // SQLite gives a connection to no name a database of its own, which it takes away at its end.
        let options = SqliteConnectOptions::new().filename("").foreign_keys(true).disable_statement_logging();
        let one = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = one.connect_with(options).await?;
        let forms = FORMS.iter().filter(|known| known.version <= form).cloned().collect();
        let name = "of an older form".to_owned();
        Migrator::with_migrations(forms).run(&pool).await.map_err(|error| migrated(&name, error))?;
        Ok(Self { db: Db::Sqlite { write: pool.clone(), read: pool }, name, here: String::new() })
    }

    /// Brings a store of [`passing`](Self::passing) to the newest form.
    pub(super) async fn grow(&self) -> Result<(), Error> {
        let Db::Sqlite { write, .. } = &self.db else { return Ok(()) };
        FORMS.run(write).await.map_err(|error| migrated(&self.name, error))?;
        super::audit::chain_old(&self.db).await
    }
}

/// Looks at what is there, before anything is changed.
fn judge(store: &str, tables: &[String], found: Option<i64>) -> Result<(), Error> {
    let store = store.to_owned();
    match found {
        Some(found) if found > newest() => Err(Error::Newer { store, found, known: newest() }),
        Some(_) => Ok(()),
        None if tables.iter().all(|table| table == "_sqlx_migrations") => Ok(()),
        None => Err(Error::Foreign { store }),
    }
}

fn migrated(store: &str, error: MigrateError) -> Error {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        other => Error::Changed { store: store.to_owned(), why: other.to_string() },
    }
}

async fn sqlite(file: &Path, name: &str) -> Result<Db, Error> {
    let failed = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| Error::Os { doing, path, source }
    };
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir).map_err(failed("making", dir))?;
    }
    // SQLite's migrator takes no lock; two at once fail over each other. It also makes the database's file, for nobody
    // else to read; what stands beside it gets the same mode from SQLite.
    let mut lock = file.as_os_str().to_owned();
    lock.push(".lock");
    let lock = PathBuf::from(lock);
    let open = |path: &Path| own_file(path, 0o600);
    let held = open(&lock).map_err(failed("opening", &lock))?;
    let held = tokio::task::spawn_blocking(move || wait_for_lock(held)).await.map_err(|_| Error::Locked)?;
    let held = held.map_err(failed("locking", &lock))?.ok_or(Error::Locked)?;
    let database = open(file).map_err(failed("opening", file))?;
    let empty = database.metadata().map_err(failed("reading", file))?.len() == 0;
    drop(database);

    let options = SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(PATIENCE)
        .foreign_keys(true)
        .disable_statement_logging();
    if !empty {
        let look = options.clone().read_only(true);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(look).await?;
        let look = Db::Sqlite { write: pool.clone(), read: pool.clone() };
        let found = async {
            let tables = "SELECT name FROM sqlite_master WHERE type = 'table'";
            let tables = look.rows(tables, &[]).await?;
            let tables = tables.into_iter().map(|mut row| row.text()).collect::<Result<Vec<_>, _>>()?;
            judge(name, &tables, version(&look, &tables).await?)?;
            let mut first = look.row("PRAGMA quick_check(1)", &[]).await?;
            let said = first.as_mut().map(|row| row.text()).transpose()?.unwrap_or_default();
            if said == "ok" { Ok(()) } else { Err(Error::Damaged { why: said }) }
        };
        let found = found.await;
        pool.close().await;
        found?;
    }
    let write = options.clone().journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    // The writer first: it makes what a reader can't.
    let write =
        SqlitePoolOptions::new().max_connections(1).acquire_timeout(PATIENCE).connect_with(write).await?;
    FORMS.run(&write).await.map_err(|error| migrated(name, error))?;
    drop(held);
    let read = options.read_only(true).pragma("query_only", "1");
    let read = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(PATIENCE)
        .connect_with(read)
        .await?;
    Ok(Db::Sqlite { write, read })
}

/// There is no way to wait for a lock with a limit.
fn wait_for_lock(file: std::fs::File) -> std::io::Result<Option<std::fs::File>> {
    use rustix::fs::{FlockOperation, flock};
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {
                let now = std::time::Instant::now();
                if now >= deadline {
                    return Ok(None);
                }
                let _ = crate::stop::until(&mut [], Some(now + PATIENCE / 200));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn postgres(url: &str, name: &str) -> Result<Db, Error> {
    let bad = |error: sqlx::Error| Error::BadUrl { text: name.to_owned(), why: error.to_string() };
    let options = PgConnectOptions::from_str(url)
        .map_err(bad)?
        .application_name("piprov")
        .options([
            ("lock_timeout", "10s"),
            // A station that hangs or went away holds nobody up.
            ("idle_in_transaction_session_timeout", "60s"),
        ])
        .disable_statement_logging();
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .connect_with(options)
        .await
        .map_err(|error| match Error::from(error) {
            Error::Locked => Error::Unavailable { source: Box::new(sqlx::Error::PoolTimedOut) },
            other => other,
        })?;
    let db = Db::Postgres(pool.clone());
    let tables = "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = current_schema()";
    let tables = db.rows(tables, &[]).await?;
    let tables = tables.into_iter().map(|mut row| row.text()).collect::<Result<Vec<_>, _>>()?;
    judge(name, &tables, version(&db, &tables).await?)?;
    FORMS.run(&pool).await.map_err(|error| migrated(name, error))?;
    Ok(db)
}

/// The form that the store has; `None` for an empty database.
async fn version(db: &Db, tables: &[String]) -> Result<Option<i64>, Error> {
    if !tables.iter().any(|table| table == "_sqlx_migrations") {
        return Ok(None);
    }
    let row = db.row("SELECT max(version) FROM _sqlx_migrations", &[]).await?;
    row.map_or(Ok(None), |mut row| row.maybe_number())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn what_root_makes_is_the_stations_and_no_link_of_its_user_is_followed() {
        let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::chown(dir.path(), Some(4711), Some(4712)).unwrap();
        let path = dir.path().join("station.db");
        let made = own_file(&path, 0o600).unwrap().metadata().unwrap();
        assert_eq!((made.uid(), made.gid(), made.mode() & 0o777), (4711, 4712, 0o600));
        assert_eq!(
            own_file(&path, 0o600).unwrap().metadata().unwrap().ino(),
            made.ino(),
            "it is opened, and not made anew"
        );
        // A file that is there, and one that isn't.
        let roots = elsewhere.path().join("roots");
        std::fs::write(&roots, "root's").unwrap();
        for target in [&roots, &elsewhere.path().join("new")] {
            let link = dir.path().join("link");
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(target, &link).unwrap();
            assert!(own_file(&link, 0o600).is_err(), "{}", target.display());
        }
        assert!(!elsewhere.path().join("new").exists());
        assert_eq!(std::fs::metadata(&roots).unwrap().uid(), 0);
    }
}
