//! What boards tell that show no key.

use super::db::{json, values};
use super::{Error, Store, runs};
use crate::device_api::Disk;
use crate::station_api::BoardFacts;

/// What such a board tells of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Keyless {
    /// Its model.
    pub model: Option<String>,
    /// Its memory in bytes.
    pub memory: Option<u64>,
    /// Its disks.
    pub disks: Vec<Disk>,
    /// The rest.
    pub facts: BoardFacts,
}

impl Store {
    /// A board tells what it is. One that has shown a key tells that with its key alone: nothing changes then.
    ///
    /// # Errors
    /// What the database says.
    pub async fn told_without_key(&self, id: &str, told: &Keyless) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.run(
            "UPDATE board SET model = coalesce($2, model), memory = coalesce($3, memory), disks = $4, facts = $5
             WHERE id = $1 AND key IS NULL",
            values![id, &told.model, told.memory, json(&told.disks), json(&told.facts)],
        )
        .await?;
        tx.commit().await
    }

    /// Puts a member into the details of a run's record.
    ///
    /// # Errors
    /// What the database says.
    pub async fn put_run_detail(
        &self,
        run: &str,
        name: &str,
        value: &(impl serde::Serialize + Sync),
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        runs::put_detail(&mut tx, run, name, value).await?;
        tx.commit().await
    }
}
