//! How much a database does for an answer, which is the same on each machine, unlike the time that it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::station::store::Store;
use crate::station::store::db::Db;

/// Steps of SQLite's machine between two looks at them.
const STRIDE: i32 = 100;

/// A store whose database counts what it does.
pub(super) struct Counted<'a> {
    store: &'a Store,
    by: By,
}

enum By {
    /// Steps of SQLite's machine, of all connections that read.
    Steps(Arc<AtomicU64>),
    /// Rows of tables and of indexes that PostgreSQL has read, by its own statistics. A connection tells its numbers at
    /// its next question; so all others are held, and the one that is left asks for both.
    Rows { _held: Vec<sqlx::pool::PoolConnection<sqlx::Postgres>> },
}

impl<'a> Counted<'a> {
    pub(super) async fn new(store: &'a Store) -> Self {
        let by = match &store.db {
            Db::Sqlite { read, .. } => {
                let steps = Arc::new(AtomicU64::new(0));
                let mut all = Vec::new();
                for _ in 0..read.options().get_max_connections() {
                    let mut one = read.acquire().await.unwrap();
                    let count = Arc::clone(&steps);
                    one.lock_handle().await.unwrap().set_progress_handler(STRIDE, move || {
                        count.fetch_add(STRIDE.unsigned_abs().into(), Ordering::Relaxed);
                        true
                    });
                    all.push(one);
                }
                By::Steps(steps)
            }
            Db::Postgres(pool) => {
                let mut held = Vec::new();
                for _ in 1..pool.options().get_max_connections() {
                    held.push(pool.acquire().await.unwrap());
                }
                By::Rows { _held: held }
            }
        };
        Self { store, by }
    }

    /// What the database did for this answer: steps of SQLite's machine (about four for a row that it looks at), or rows
    /// and entries of indexes that PostgreSQL read.
    pub(super) async fn work<T>(&self, call: impl AsyncFnOnce() -> T) -> u64 {
        let before = self.done().await;
        call().await;
        self.done().await - before
    }

    /// The most that [`Self::work`] may be for what is to be fast with much in the store.
    pub(super) const fn most(&self, rows: u64) -> u64 {
        match self.by {
            By::Steps(_) => rows * 4,
            By::Rows { .. } => rows,
        }
    }

    async fn done(&self) -> u64 {
        match &self.by {
            By::Steps(steps) => steps.load(Ordering::Relaxed),
            By::Rows { .. } => {
                // The statement tells the numbers when it has ended.
                self.store.db.row("SELECT CAST(pg_stat_force_next_flush() AS TEXT)", &[]).await.unwrap();
                let read = "SELECT CAST((SELECT COALESCE(SUM(seq_tup_read), 0) FROM pg_stat_user_tables) + \
                            (SELECT COALESCE(SUM(idx_tup_read), 0) FROM pg_stat_user_indexes) AS BIGINT)";
                self.store.db.row(read, &[]).await.unwrap().unwrap().count().unwrap()
            }
        }
    }
}
