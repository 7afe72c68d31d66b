//! What hooks on the station's host did, in the records of runs.

use serde_json::Value as Json;

use super::db::{json, values};
use super::{Error, Store, jobs, plans, runs};
use crate::format::json::json as members;
use crate::station::jobs::LEASE;
use crate::station_api::{HostHookRun, Time};

/// A record has so many of them; a board that starts again and again may have more.
const MOST: usize = 200;

impl Store {
    /// A job waits for hooks while its board does: its lease begins anew. Whether somebody wants it to end.
    ///
    /// # Errors
    /// [`Error::Refused`] for an older number or a job that has ended.
    pub async fn hold(&self, id: &str, fence: u64, now: Time) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let job = jobs::goes_on(&mut tx, id, fence).await?;
        let until = now.saturating_add(LEASE);
        tx.run("UPDATE job SET lease_until = $2 WHERE id = $1", values![id, until]).await?;
        tx.commit().await?;
        Ok(job.cancel)
    }

    /// Hooks have been run for a run, which may have ended. `lines` are for its log.
    ///
    /// # Errors
    /// What the database says.
    pub async fn host_hooks_ran(
        &self,
        run: &str,
        ran: &[HostHookRun],
        lines: &[String],
        now: Time,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let Some(mut record) = runs::record(&mut tx, run).await? else { return Ok(()) };
        runs::log(&mut tx, run, lines, now).await?;
        if record.detail.is_null() {
            record.detail = Json::Object(serde_json::Map::new());
        }
        let mut all = match record.detail.get("host_hooks") {
            Some(Json::Array(all)) => all.clone(),
            _ => Vec::new(),
        };
        all.extend(ran.iter().filter_map(|ran| serde_json::to_value(ran).ok()));
        all.truncate(MOST);
        plans::add(&mut record.detail, members!({ "host_hooks": all }));
        tx.run("UPDATE run SET record = $2 WHERE id = $1", values![run, json(&record)]).await?;
        tx.commit().await
    }
}
