//! What boards prove themselves by: numbers to sign, and tokens for a board and for each of its jobs.

use super::db::values;
use super::{Error, Store};
use crate::station_api::Time;

/// So many numbers wait to be signed at once; the oldest go first. Asking for them costs nothing.
const MOST_NONCES: u64 = 10_000;

/// Whom a token belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// The board.
    pub board: String,
    /// The job that it is for; `None` for the board's own.
    pub job: Option<String>,
    /// The job's number when it was given out.
    pub fence: u64,
}

impl Store {
    /// A number that was given out, to be signed until then.
    ///
    /// # Errors
    /// What the database says.
    pub async fn add_nonce(&self, nonce: &str, now: Time, expires: Time) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.run("DELETE FROM nonce WHERE expires < $1", values![now]).await?;
        tx.run(
            "DELETE FROM nonce WHERE nonce IN (SELECT n.nonce FROM nonce n ORDER BY n.expires DESC, n.nonce LIMIT 1000 OFFSET $1)",
            values![MOST_NONCES],
        )
        .await?;
        tx.run("INSERT INTO nonce (nonce, expires) VALUES ($1, $2)", values![nonce, expires]).await?;
        tx.commit().await
    }

    /// Takes a number back that was signed: `true` once.
    ///
    /// # Errors
    /// What the database says.
    pub async fn take_nonce(&self, nonce: &str, now: Time) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let sql = "DELETE FROM nonce WHERE nonce = $1 AND expires >= $2";
        let taken = tx.run(sql, values![nonce, now]).await?;
        tx.commit().await?;
        Ok(taken == 1)
    }

    /// Gives out a token, by its digest. A board has one of its own, and one for its newest job: an older one counts for
    /// nothing from now on.
    ///
    /// # Errors
    /// What the database says.
    pub async fn give_pass(&self, digest: &str, pass: &Pass, now: Time, expires: Time) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.run("DELETE FROM pass WHERE expires < $1", values![now]).await?;
        let old = match pass.job {
            Some(_) => "DELETE FROM pass WHERE board = $1 AND job IS NOT NULL",
            None => "DELETE FROM pass WHERE board = $1 AND job IS NULL",
        };
        tx.run(old, values![&pass.board]).await?;
        tx.run(
            "INSERT INTO pass (digest, board, job, fence, expires) VALUES ($1, $2, $3, $4, $5)",
            values![digest, &pass.board, &pass.job, pass.fence, expires],
        )
        .await?;
        tx.commit().await
    }

    /// Whose token it is, where it counts now. A refused board has none.
    ///
    /// # Errors
    /// What the database says.
    pub async fn pass(&self, digest: &str, now: Time) -> Result<Option<Pass>, Error> {
        let sql = "SELECT p.board, p.job, p.fence FROM pass p JOIN board b ON b.id = p.board
                   WHERE p.digest = $1 AND p.expires > $2 AND b.enrolment <> 'refused'";
        let row = self.db.row(sql, values![digest, now]).await?;
        row.map(|row| {
            let mut row = row.of("pass");
            Ok(Pass { board: row.text()?, job: row.maybe_text()?, fence: row.count()? })
        })
        .transpose()
    }
}
