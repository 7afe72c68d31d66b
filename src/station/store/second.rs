//! Second factors: the secrets of codes, the last code that was taken, and codes for those that have lost theirs.

use super::db::values;
use super::people::no_user;
use super::{Error, Store};

/// Codes for a loss go with the last that can be lost.
pub(super) const WITHOUT: &str = "DELETE FROM recovery WHERE person = $1 \
    AND NOT EXISTS (SELECT 1 FROM person p WHERE p.name = $1 AND p.factor IS NOT NULL) \
    AND NOT EXISTS (SELECT 1 FROM passkey k WHERE k.person = $1)";

impl Store {
    /// Gives a user a second factor, with the step of the code that has shown that it works, and the digests of the codes
    /// for those that lose it.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn put_factor(
        &self,
        name: &str,
        secret: &str,
        step: u64,
        recovery: &[String],
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE person SET factor = $2, factor_step = $3 WHERE name = $1";
        if tx.run(sql, values![name, secret, step]).await? == 0 {
            return Err(no_user(name));
        }
        tx.run("DELETE FROM recovery WHERE person = $1", values![name]).await?;
        for digest in recovery {
            tx.run("INSERT INTO recovery (person, digest) VALUES ($1, $2)", values![name, digest]).await?;
        }
        tx.commit().await
    }

    /// Takes the codes of a telephone away; passkeys stay. `false` where there were none.
    ///
    /// # Errors
    /// What the database says.
    pub async fn remove_factor(&self, name: &str) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE person SET factor = NULL, factor_step = 0 WHERE name = $1 AND factor IS NOT NULL";
        let had = tx.run(sql, values![name]).await? > 0;
        tx.run(WITHOUT, values![name]).await?;
        tx.commit().await?;
        Ok(had)
    }

    /// Takes all that is a second factor away: codes of a telephone, passkeys, codes for their loss. `false` where there
    /// was nothing.
    ///
    /// # Errors
    /// What the database says.
    pub async fn remove_factors(&self, name: &str) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE person SET factor = NULL, factor_step = 0 WHERE name = $1 AND factor IS NOT NULL";
        let had = tx.run(sql, values![name]).await?;
        let keys = tx.run("DELETE FROM passkey WHERE person = $1", values![name]).await?;
        tx.run(WITHOUT, values![name]).await?;
        tx.commit().await?;
        Ok(had + keys > 0)
    }

    /// Uses the code of a step: `true` for one of those that show it at once, and never for an older one.
    ///
    /// # Errors
    /// What the database says.
    pub async fn use_step(&self, name: &str, step: u64) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let sql =
            "UPDATE person SET factor_step = $2 WHERE name = $1 AND factor_step < $2 AND factor IS NOT NULL";
        let used = tx.run(sql, values![name, step]).await? > 0;
        tx.commit().await?;
        Ok(used)
    }

    /// Uses a code for those that have lost theirs. `false` where there is none with this digest any more.
    ///
    /// # Errors
    /// What the database says.
    pub async fn use_recovery(&self, name: &str, digest: &str) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let sql = "DELETE FROM recovery WHERE person = $1 AND digest = $2";
        let used = tx.run(sql, values![name, digest]).await? > 0;
        tx.commit().await?;
        Ok(used)
    }

    /// How many such codes are left.
    ///
    /// # Errors
    /// What the database says.
    pub async fn count_recovery(&self, name: &str) -> Result<u64, Error> {
        let row = self.db.row("SELECT count(*) FROM recovery WHERE person = $1", values![name]).await?;
        row.map_or(Ok(0), |mut row| row.count())
    }
}
