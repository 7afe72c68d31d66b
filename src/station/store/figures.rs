//! Figures of the database itself.

use std::collections::BTreeMap;

use super::db::Db;
use super::open::newest;
use super::{Error, Store};
use crate::station_api::SupportFigures;

/// Tables that are counted. Logs and chunks have too many rows to be counted in passing.
const COUNTED: [&str; 15] = [
    "audit", "backup", "board", "delivery", "hook", "image", "job", "person", "project", "rule", "run",
    "session", "slot", "switch", "token",
];

impl Store {
    /// Its size in bytes.
    ///
    /// # Errors
    /// What the database says.
    pub async fn bytes(&self) -> Result<u64, Error> {
        let sql = match &self.db {
            Db::Sqlite { .. } => "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
            Db::Postgres(_) => "SELECT pg_database_size(current_database())",
        };
        self.db.row(sql, &[]).await?.map_or(Ok(0), |mut row| row.count())
    }

    /// What it is and how much is in it. The disk and the agents aren't looked at.
    ///
    /// # Errors
    /// What the database says.
    pub async fn figures(&self) -> Result<SupportFigures, Error> {
        let sql = match &self.db {
            Db::Sqlite { .. } => "SELECT 'SQLite ' || sqlite_version()",
            Db::Postgres(_) => "SELECT version()",
        };
        let version = self.db.row(sql, &[]).await?.map(|mut row| row.text()).transpose()?;
        let mut rows = BTreeMap::new();
        for table in COUNTED {
            let row = self.db.row(&format!("SELECT count(*) FROM {table}"), &[]).await?;
            rows.insert(table.to_owned(), row.map_or(Ok(0), |mut row| row.count())?);
        }
        Ok(SupportFigures {
            version: version.unwrap_or_default(),
            form: newest(),
            bytes: self.bytes().await?,
            rows,
            ..SupportFigures::default()
        })
    }
}
