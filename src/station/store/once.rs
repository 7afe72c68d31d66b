//! What was answered under keys that callers chose, so that what is asked twice is done once.

use super::db::values;
use super::{Error, Store};
use crate::station_api::Time;

/// How long an answer is kept, in milliseconds.
const KEPT: Time = 24 * 3600 * 1000;
/// Answers that are kept, of all callers.
const MOST: u64 = 10_000;

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Once {
    /// It is new: it is to be done now.
    New,
    /// The same was asked, and answered so.
    Done {
        /// The HTTP status.
        status: u16,
        /// The body.
        answer: String,
    },
    /// The same is being done, or the station ended meanwhile.
    Unfinished {
        /// Since when.
        since: Time,
    },
    /// Something else was asked under it.
    Other,
}

impl Store {
    /// Begins something under a caller's key. `digest`: of all that is asked.
    ///
    /// # Errors
    /// What the database says.
    pub async fn begin_once(&self, by: &str, key: &str, digest: &str, now: Time) -> Result<Once, Error> {
        let mut tx = self.db.begin().await?;
        tx.run("DELETE FROM idempotent WHERE made < $1", values![now.saturating_sub(KEPT)]).await?;
        let sql = "SELECT digest, made, status, answer FROM idempotent WHERE person = $1 AND key = $2";
        if let Some(row) = tx.row(sql, values![by, key]).await? {
            let mut row = row.of("idempotent");
            let (known, since) = (row.text()?, row.number()?);
            let status = row.maybe_number()?.and_then(|status| u16::try_from(status).ok());
            let answer = row.maybe_text()?.unwrap_or_default();
            return Ok(match status {
                _ if known != digest => Once::Other,
                Some(status) => Once::Done { status, answer },
                None => Once::Unfinished { since },
            });
        }
        let count = tx.row("SELECT count(*) FROM idempotent", &[]).await?;
        if count.map_or(Ok(0), |mut row| row.count())? >= MOST {
            let sql = "DELETE FROM idempotent WHERE made <= (SELECT made FROM idempotent ORDER BY made LIMIT 1 OFFSET 99)";
            tx.run(sql, &[]).await?;
        }
        let sql = "INSERT INTO idempotent (person, key, digest, made, status, answer) VALUES ($1, $2, $3, $4, NULL, NULL)";
        tx.run(sql, values![by, key, digest, now]).await?;
        tx.commit().await?;
        Ok(Once::New)
    }

    /// It was done, and is answered so; `None`: it was refused, and may be asked again under the same key.
    ///
    /// # Errors
    /// What the database says.
    pub async fn end_once(&self, by: &str, key: &str, answer: Option<(u16, &str)>) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        match answer {
            Some((status, answer)) => {
                let sql = "UPDATE idempotent SET status = $3, answer = $4 WHERE person = $1 AND key = $2";
                tx.run(sql, values![by, key, i64::from(status), answer]).await?;
            }
            None => {
                tx.run("DELETE FROM idempotent WHERE person = $1 AND key = $2", values![by, key]).await?;
            }
        }
        tx.commit().await
    }
}
