//! What became of scripts on boards: which have begun, which have ended and how, and which aren't run again.

use serde_json::Value as Json;

use super::db::{Tx, json, values};
use super::{Error, Store, jobs, plans, runs};
use crate::device_api::{Script, ScriptTold};
use crate::run::Record;
use crate::station::jobs::LEASE;
use crate::station_api::{Job, Plan, ScriptRun, ScriptState, Time};

/// So long nothing was heard of a board that has started again: it tells how far it is every two seconds.
const SILENT: Time = 45_000;
/// A script that starts its board again each time is begun so often for one job, and no more.
const MOST_BEGINS: u64 = 3;

fn put(detail: &mut Json, scripts: &[ScriptRun]) {
    if detail.is_null() && !scripts.is_empty() {
        *detail = Json::Object(serde_json::Map::new());
    }
    if let Json::Object(members) = detail {
        members.insert("scripts".to_owned(), serde_json::to_value(scripts).unwrap_or_default());
    }
}

/// An attempt begins: puts its scripts into its record. What was run once for this board isn't run again. The names of those
/// of which nobody has told the end.
pub(super) async fn begin(
    tx: &mut Tx,
    board: &str,
    plan: &Plan,
    detail: &mut Json,
) -> Result<Vec<String>, Error> {
    let (mut all, mut untold) = (Vec::new(), Vec::new());
    for script in &plan.scripts {
        let mut run = ScriptRun::of(script);
        if script.once && is_done(tx, board, &run.digest).await? {
            run.state = ScriptState::DoneBefore;
            let sql =
                "SELECT 1 FROM script_done WHERE board = $1 AND script = $2 AND once = 1 AND state = 'done'";
            if tx.row(sql, values![board, &run.digest]).await?.is_none() {
                untold.push(script.name.clone());
            }
        }
        all.push(run);
    }
    if !all.is_empty() {
        put(detail, &all);
    }
    Ok(untold)
}

async fn is_done(tx: &mut Tx, board: &str, digest: &str) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM script_done WHERE board = $1 AND script = $2 AND once = 1
               AND state IN ('done', 'restarted')";
    Ok(tx.row(sql, values![board, digest]).await?.is_some())
}

/// A board has started again in the middle of an attempt. Where a script of this job that runs once had begun and not
/// ended, it has done that: it counts as run, and its name comes back. Of a script of another job nobody has heard the end:
/// that one isn't taken for run.
pub(super) async fn restarted(
    tx: &mut Tx,
    job: &Job,
    run: Option<&str>,
    now: Time,
) -> Result<Option<String>, Error> {
    let sql = "SELECT name FROM script_done WHERE board = $1 AND job = $2 AND once = 1 AND state = 'began'
               ORDER BY changed";
    let mut names = Vec::new();
    for mut row in tx.rows(sql, values![&job.board, &job.id]).await? {
        names.push(row.text()?);
    }
    let sql = "UPDATE script_done SET state = 'restarted', changed = $3
               WHERE board = $1 AND job = $2 AND once = 1 AND state = 'began'";
    tx.run(sql, values![&job.board, &job.id, now]).await?;
    if let Some(run) = run
        && let Some(mut record) = runs::record(tx, run).await?
    {
        let mut scripts = ScriptRun::all_of(&record.detail);
        for script in scripts.iter_mut().filter(|script| script.state == ScriptState::Running) {
            script.state = ScriptState::Restarted;
        }
        if !scripts.is_empty() {
            put(&mut record.detail, &scripts);
            keep(tx, run, &record).await?;
        }
        names.retain(|name| scripts.iter().any(|script| script.name == *name));
    }
    Ok(names.pop())
}

async fn keep(tx: &mut Tx, run: &str, record: &Record) -> Result<(), Error> {
    tx.run("UPDATE run SET record = $2 WHERE id = $1", values![run, json(record)]).await.map(drop)
}

fn odd(why: String) -> Error {
    Error::BadValue { what: "script", why }
}

/// The script of a job that a board tells of.
async fn named(tx: &mut Tx, job: &Job, name: &str) -> Result<Script, Error> {
    let plan = plans::read(tx, &job.id).await?;
    let script = plan.scripts.into_iter().find(|script| script.name == name);
    script.ok_or_else(|| Error::NoSuch { what: "script of this job", name: name.chars().take(63).collect() })
}

impl Store {
    /// A script begins on a board, or has ended there. Once this returns, it is known also where the board starts again.
    /// Told twice, it changes nothing more.
    ///
    /// # Errors
    /// [`Error::Refused`] for an older number or a job that has ended; [`Error::NoSuch`]; [`Error::BadValue`] where the
    /// script is not to begin.
    pub async fn script_told(&self, id: &str, told: &ScriptTold, now: Time) -> Result<ScriptState, Error> {
        let mut tx = self.db.begin().await?;
        let job = jobs::goes_on(&mut tx, id, told.fence).await?;
        let script = named(&mut tx, &job, &told.name).await?;
        let digest = script.digest();
        let state = match &told.ended {
            None => {
                begins(&mut tx, &job, &script, &digest, now).await?;
                ScriptState::Running
            }
            Some(end) if end.is_well() => ScriptState::Done,
            Some(_) => ScriptState::Failed,
        };
        let Some(run) = &job.run else { return Err(odd("its job has no run".to_owned())) };
        let Some(mut record) = runs::record(&mut tx, run).await? else {
            return Err(odd("its run is gone".to_owned()));
        };
        let mut scripts = ScriptRun::all_of(&record.detail);
        let Some(entry) = scripts.iter_mut().find(|script| script.name == told.name) else {
            return Err(odd("its run has no such script".to_owned()));
        };
        if let Some(end) = &told.ended {
            if entry.state == ScriptState::Waiting {
                return Err(odd("it ended before it has begun".to_owned()));
            }
            let word = if end.is_well() { "done" } else { "failed" };
            tx.run(
                "UPDATE script_done SET state = $4, changed = $5 WHERE board = $1 AND script = $2 AND name = $3",
                values![&job.board, &digest, &told.name, word, now],
            )
            .await?;
        }
        (entry.state, entry.ended) = (state, told.ended.clone());
        put(&mut record.detail, &scripts);
        keep(&mut tx, run, &record).await?;
        tx.commit().await?;
        Ok(state)
    }

    /// What became of the scripts of a run, in their order.
    ///
    /// # Errors
    /// What the database says.
    pub async fn scripts_of_run(&self, run: &str) -> Result<Vec<ScriptRun>, Error> {
        let (_, record) = self.run_line(run).await?;
        Ok(ScriptRun::all_of(&record.detail))
    }

    /// A board whose key doesn't last has started again by a script that was to do that, or so it seems: nothing was heard of
    /// it by any station for a while. The next key that is shown under its serial number is its own. Whether that is so.
    ///
    /// # Errors
    /// What the database says.
    pub async fn expect_after_script(&self, board: &str, now: Time) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE board SET key = NULL WHERE id = $1 AND lasting = 0 AND EXISTS
                   (SELECT 1 FROM script_done s JOIN job j ON j.id = s.job WHERE s.board = $1 AND s.once = 1
                   AND s.state = 'began' AND j.board = $1 AND j.state = 'running' AND j.lease_until <= $2)";
        // Each word of the board moves its lease, whichever station hears it.
        let heard_before = now.saturating_add(LEASE).saturating_sub(SILENT);
        let changed = tx.run(sql, values![board, heard_before]).await?;
        tx.commit().await?;
        Ok(changed > 0)
    }
}

async fn begins(tx: &mut Tx, job: &Job, script: &Script, digest: &str, now: Time) -> Result<(), Error> {
    if script.once && is_done(tx, &job.board, digest).await? {
        return Err(odd(format!("`{}` was run for this board before, and runs once", script.name)));
    }
    let sql = "SELECT job, fence, begins FROM script_done WHERE board = $1 AND script = $2 AND name = $3";
    let mut begins = 1;
    if let Some(mut row) = tx.row(sql, values![&job.board, digest, &script.name]).await? {
        let (of, fence, before): (String, u64, u64) = (row.text()?, row.count()?, row.count()?);
        if of == job.id {
            // Told twice, as where the answer was lost.
            begins = if fence == job.fence { before } else { before + 1 };
        }
    }
    if begins > MOST_BEGINS {
        return Err(odd(format!(
            "`{}` has begun {MOST_BEGINS} times for this job, and the board started again each time; a script that does \
             so by itself is one that runs once",
            script.name
        )));
    }
    tx.run(
        "INSERT INTO script_done (board, script, name, once, state, job, fence, begins, changed)
         VALUES ($1, $2, $3, $4, 'began', $5, $6, $7, $8)
         ON CONFLICT (board, script, name) DO UPDATE SET once = excluded.once, state = excluded.state,
         job = excluded.job, fence = excluded.fence, begins = excluded.begins, changed = excluded.changed",
        values![&job.board, digest, &script.name, script.once, &job.id, job.fence, begins, now],
    )
    .await
    .map(drop)
}
