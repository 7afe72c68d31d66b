//! What the station keeps of itself.

use super::db::{Tx, values};
use super::{Error, Store};

/// Whether rules start something.
const ARMED: &str = "armed";

/// Whether rules start something, within a transaction. A new station is armed: it has no rules.
pub(super) async fn armed(tx: &mut Tx) -> Result<bool, Error> {
    let row = tx.row("SELECT value FROM setting WHERE name = $1", values![ARMED]).await?;
    Ok(row.map(|mut row| row.text()).transpose()?.is_none_or(|value| value != "no"))
}

impl Store {
    /// What the station keeps under a name.
    ///
    /// # Errors
    /// What the database says.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, Error> {
        let row = self.db.row("SELECT value FROM setting WHERE name = $1", values![name]).await?;
        row.map(|mut row| row.text()).transpose()
    }

    /// Keeps something under a name, or removes it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn set(&self, name: &str, value: Option<&str>) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        if value.is_some() {
            let sql = "INSERT INTO setting (name, value) VALUES ($1, $2)
                       ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            tx.run(sql, values![name, value]).await?;
        } else {
            tx.run("DELETE FROM setting WHERE name = $1", values![name]).await?;
        }
        tx.commit().await
    }

    /// Whether rules start something by themselves.
    ///
    /// # Errors
    /// What the database says.
    pub async fn is_armed(&self) -> Result<bool, Error> {
        Ok(self.setting(ARMED).await?.is_none_or(|value| value != "no"))
    }

    /// Lets rules start something, or not.
    ///
    /// # Errors
    /// What the database says.
    pub async fn arm(&self, armed: bool) -> Result<(), Error> {
        self.set(ARMED, Some(if armed { "yes" } else { "no" })).await
    }
}
