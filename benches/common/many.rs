//! A store with 10,000 boards and 100,000 runs, in both databases.

use std::path::Path;

use sqlx::Connection as _;

/// What makes them, in words of both.
const MANY: &str = include_str!("../../src/station/store/tests/scale.sql");

/// Fills the store of a station: the database that is named, or the file below the station's directory.
pub(crate) fn fill(database: Option<&str>, dir: &Path) {
    let file = format!("sqlite:{}", dir.join("station/station.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        match database {
            Some(url) => {
                let mut db = sqlx::PgConnection::connect(url).await.unwrap();
                sqlx::raw_sql(MANY).execute(&mut db).await.unwrap();
            }
            None => {
                let mut db = sqlx::SqliteConnection::connect(&file).await.unwrap();
                sqlx::raw_sql(MANY).execute(&mut db).await.unwrap();
            }
        }
    });
}
