//! Jobs on disk: the transitions of [`crate::station::jobs`], each in one transaction with what belongs to it.

use jiff::Timestamp;

use super::db::{Question, Row, Tx, json, values, word};
use super::floor::among;
use super::page::{limit, page};
use super::runs::{self, Beside};
use super::{Error, Store, boards, draws, new_name, plans, prints, script_runs};
use crate::board::Who;
use crate::device_api::{Action, End, Orders, Progress, Role};
use crate::error::Kind;
use crate::run::{Ending, Entered, Record, Stage, Way, ledger};
use crate::station::jobs::{Event, LEASE, Refused, SILENCE, Step, Verdict, claim, is_open, next, verdict};
use crate::station_api::{
    Board, EepromRun, EepromState, Enrolment, Held, Job, JobState, JobsAsked, LabelWhen, Page, Plan, Time,
};

const JOB: &str =
    "SELECT id, board, project, action, image, target, ending, state, fence, lease_until, cancel, run,
    made_by, made, changed, waits, noticed FROM job";

fn job(row: Row) -> Result<Job, Error> {
    noticed(row).map(|(job, _)| job)
}

/// A job, and whether somebody has seen how it ended.
fn noticed(row: Row) -> Result<(Job, bool), Error> {
    let mut row = row.of("job");
    let mut job = Job {
        id: row.text()?,
        board: row.text()?,
        project: row.maybe_text()?,
        action: row.word()?,
        image: row.maybe_text()?,
        target: row.json()?,
        end: row.word()?,
        state: row.word()?,
        fence: row.count()?,
        lease_until: row.number()?,
        cancel: row.truth()?,
        run: row.maybe_text()?,
        by: row.text()?,
        made: row.number()?,
        changed: row.number()?,
        waits: row.maybe_text()?,
    };
    if job.state != JobState::Queued {
        job.waits = None;
    }
    Ok((job, row.truth()?))
}

/// What a board is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The board, by id.
    pub board: String,
    /// The project, where it is one.
    pub project: Option<String>,
    /// What to do.
    pub action: Action,
    /// The image, by id; for a deploy.
    pub image: Option<String>,
    /// As in [`Job::target`].
    pub target: Vec<Role>,
    /// What comes after.
    pub end: End,
    /// Who asks.
    pub by: String,
    /// What it does beside its image; `None`: what its project says now.
    pub plan: Option<Plan>,
}

/// A job that a board has got.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// The job, with its new number.
    pub job: Job,
    /// The attempt that begins.
    pub run: String,
}

/// How a job ended, as its board tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// The number that the board has.
    pub fence: u64,
    /// The step that it ended in.
    pub stage: Stage,
    /// How, after [`crate::station::jobs::judge`].
    pub ending: Ending,
    /// What sort of failure the board says it was.
    pub kind: Option<Kind>,
    /// What the record keeps beside that.
    pub detail: serde_json::Value,
}

fn no_job(id: &str) -> Error {
    Error::NoSuch { what: "job", name: id.to_owned() }
}

/// One job, within a transaction.
pub(super) async fn one(tx: &mut Tx, id: &str) -> Result<Job, Error> {
    let row = tx.row(&format!("{JOB} WHERE id = $1"), values![id]).await?;
    job(row.ok_or_else(|| no_job(id))?)
}

/// A job that goes on, of which a board tells something; its number has to be this one.
pub(super) async fn goes_on(tx: &mut Tx, id: &str, fence: u64) -> Result<Job, Error> {
    let job = one(tx, id).await?;
    claim(job.fence, fence)?;
    next(job.state, Event::Renew, job.cancel)?;
    Ok(job)
}

/// The job that a board has to do.
async fn open_of(tx: &mut Tx, board: &str) -> Result<Option<Job>, Error> {
    let sql = format!("{JOB} WHERE board = $1 AND state IN ('queued', 'running', 'finishing')");
    tx.row(&sql, values![board]).await?.map(job).transpose()
}

/// Writes what changes in a job.
pub(super) async fn put(tx: &mut Tx, job: &Job) -> Result<(), Error> {
    tx.run(
        "UPDATE job SET state = $2, fence = $3, lease_until = $4, cancel = $5, run = $6, changed = $7 WHERE id = $1",
        values![&job.id, word(job.state), job.fence, job.lease_until, job.cancel, &job.run, job.changed],
    )
    .await
    .map(drop)
}

/// Makes a job.
pub(super) async fn make(tx: &mut Tx, asked: &Asked, now: Time) -> Result<Job, Error> {
    if let Some(open) = open_of(tx, &asked.board).await? {
        // It is written and proved; only its system was not seen. What is asked for now comes next.
        if open.state != JobState::Finishing {
            return Err(Refused::Occupied.into());
        }
        end(tx, open, Event::Expire, now).await?;
    }
    if asked.action == Action::Deploy && asked.image.is_none() {
        return Err(Error::BadValue { what: "image", why: "a deploy has one".to_owned() });
    }
    if let Some(image) = &asked.image {
        let sql = "SELECT state FROM image WHERE id = $1";
        let row = tx.row(sql, values![image]).await?;
        let state = row.ok_or_else(|| Error::NoSuch { what: "image", name: image.clone() })?.text()?;
        if state != "ready" {
            return Err(Error::BadValue { what: "image", why: format!("it is {state}, not ready") });
        }
    }
    let (plan, is_filled) = match &asked.plan {
        Some(plan) => (plan.clone(), plan.asks.is_empty()),
        None => (plans::of(tx, asked).await?, false),
    };
    let before = plan.values.clone();
    let mut plan = draws::reserve(tx, plan, &asked.board, now).await?;
    if is_filled && plan.values != before && !plan.first_boot.is_empty() {
        // They stand in its first-boot settings, and another board may have them now.
        let why = "the board has given its values back since: begin another job of the project".to_owned();
        return Err(Error::BadValue { what: "values", why });
    }
    if !is_filled && plan.asks.is_empty() {
        plan = plans::filled(tx, plan, &asked.board).await?;
    }
    let (asks_at, waits) = draws::asks_at(&plan, now);
    let job = Job {
        id: new_name(),
        board: asked.board.clone(),
        project: asked.project.clone(),
        action: asked.action,
        image: asked.image.clone(),
        target: asked.target.clone(),
        end: asked.end,
        state: JobState::Queued,
        fence: 0,
        lease_until: 0,
        cancel: false,
        run: None,
        by: asked.by.clone(),
        made: now,
        changed: now,
        waits,
    };
    if !asked.by.starts_with("rule ") {
        // Whoever gives the board something to do has seen what became of it before.
        let sql =
            "UPDATE job SET noticed = 1 WHERE board = $1 AND noticed = 0 AND state IN ('failed', 'lost')";
        tx.run(sql, values![&asked.board]).await?;
    }
    tx.run(
        "INSERT INTO job (id, board, project, action, image, target, ending, state, fence, lease_until, cancel, made_by,
             made, changed, plan, asks_at, waits) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0, $9, $10, $10, $11,
             $12, $13)",
        values![
            &job.id,
            &job.board,
            &job.project,
            word(job.action),
            &job.image,
            json(&job.target),
            word(job.end),
            word(job.state),
            &job.by,
            now,
            json(&plan),
            asks_at,
            &job.waits,
        ],
    )
    .await?;
    Ok(job)
}

/// A job ends by something that its board doesn't tell.
async fn end(tx: &mut Tx, mut job: Job, event: Event, now: Time) -> Result<Job, Error> {
    job.state = next(job.state, event, job.cancel)?;
    // The silence before that is no time of the run.
    let heard = if job.lease_until > 0 { job.lease_until.saturating_sub(LEASE).min(now) } else { now };
    (job.changed, job.lease_until) = (now, 0);
    if let Some(run) = &job.run
        && !matches!(job.state, JobState::Done)
    {
        let why = match job.state {
            JobState::Cancelled => "somebody has cancelled it, and the board wasn't heard again",
            _ => "nothing was heard of the board",
        };
        end_run(tx, run, Ending::Lost { why: why.to_owned(), hint: None }, job.cancel, heard).await?;
    }
    put(tx, &job).await?;
    plans::retry(tx, &job, Some(Kind::Unavailable), now).await?;
    Ok(job)
}

/// An attempt that nobody will tell the end of.
async fn end_run(tx: &mut Tx, run: &str, ending: Ending, cancelled: bool, now: Time) -> Result<(), Error> {
    let Some(mut record) = runs::record(tx, run).await? else { return Ok(()) };
    if record.ending != Ending::Unfinished {
        return Ok(());
    }
    // Whether its EEPROM was written nobody knows now.
    if let Some(eeprom) = EepromRun::of(&record.detail).filter(EepromRun::is_open) {
        let untold = EepromRun { state: EepromState::Untold, ..eeprom };
        plans::add(&mut record.detail, crate::format::json::json!({ "eeprom": untold }));
    }
    complete(tx, record, ending, cancelled.then_some(Kind::Interrupted), now).await
}

/// An attempt has ended. `kind`: what sort of failure it was, where that is known better than the ending has it.
pub(super) async fn complete(
    tx: &mut Tx,
    mut record: Record,
    ending: Ending,
    kind: Option<Kind>,
    now: Time,
) -> Result<(), Error> {
    record.ending = ending;
    let took = now.saturating_sub(record.started.as_millisecond()).max(0);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are few")]
    let seconds = took as f64 / 1000.0;
    record.seconds = Some(seconds);
    runs::keep(tx, &record, Beside { kind, ..Beside::default() }).await
}

/// An attempt of a job begins. It has a number of its own.
pub(super) async fn begin_run(tx: &mut Tx, job: &mut Job, board: &Board, now: Time) -> Result<String, Error> {
    let id = ledger::new_id().map_err(|error| Error::Os {
        doing: "naming",
        path: "a run".into(),
        source: std::io::Error::other(error),
    })?;
    let way = match job.action {
        Action::Deploy => Way::Deploy,
        Action::Backup => Way::Backup,
        Action::Reboot | Action::PowerOff => Way::Reset,
    };
    let started = Timestamp::from_millisecond(now).unwrap_or_default();
    let mut record = Record::begin(id, way, who(board), started);
    let plan = plans::read(tx, &job.id).await?;
    record.detail = plans::beside(&plan);
    plans::add(&mut record.detail, told_before(board));
    for script in script_runs::begin(tx, &board.id, &plan, &mut record.detail).await? {
        record.warnings.push(
            format!("script {script} has begun before and its end was never told; it counts as run, and wasn't run again")
                .into(),
        );
    }
    job.fence += 1;
    job.lease_until = now.saturating_add(LEASE);
    job.run = Some(record.run.as_str().to_owned());
    let image = match &job.image {
        Some(id) => tx.row("SELECT name FROM image WHERE id = $1", values![id]).await?,
        None => None,
    };
    let image = image.map(|mut row| row.text()).transpose()?;
    let beside = Beside {
        board: Some(&board.id),
        slot: board.slot.as_deref(),
        job: Some(&job.id),
        image: image.as_deref(),
        project: job.project.as_deref(),
        by: Some(&job.by),
        fence: job.fence,
        simulated: board.simulated,
        kind: None,
    };
    runs::keep(tx, &record, beside).await?;
    Ok(record.run.as_str().to_owned())
}

/// Whether a board has started again since a run of it began; `None` where it doesn't tell the numbers of its starts.
fn has_restarted(record: &Record, board: &Board) -> Option<bool> {
    let before = record.detail.pointer("/told/facts/boot_id")?.as_str()?;
    Some(before != board.facts.as_ref()?.boot_id.as_deref()?)
}

/// What is known of a script that had begun, and of which nobody has told the end.
fn broken_off(script: &str, has_restarted: Option<bool>) -> String {
    let known = match has_restarted {
        Some(true) => "has started the board again",
        Some(false) => "has begun and its end was never told; the board has not started again",
        None => "has begun and its end was never told: it has started the board again, or was broken off",
    };
    format!("script {script} {known}; what comes next is another attempt")
}

/// A board without a key asks again before it has told anything of its attempt: the same one begins anew, with another
/// number. Else whoever starts as a board again and again makes one record each time. Whether that is so.
async fn begin_anew(tx: &mut Tx, job: &mut Job, run: &str, board: &Board, now: Time) -> Result<bool, Error> {
    let Some(mut record) = runs::untouched(tx, run).await? else { return Ok(false) };
    let started = Timestamp::from_millisecond(now).unwrap_or_default();
    record = Record { stages: vec![Entered { stage: record.stage, at: started }], started, ..record };
    plans::add(&mut record.detail, told_before(board));
    job.fence += 1;
    job.lease_until = now.saturating_add(LEASE);
    runs::keep(tx, &record, Beside::default()).await?;
    runs::begun(tx, run, job.fence, now).await?;
    Ok(true)
}

/// What the board has told of itself until now, and by whom the run is done: it stays on record, whatever becomes of the
/// board. Kept from the beginning, so that a run without an end has it too.
fn told_before(board: &Board) -> serde_json::Value {
    use crate::format::json::json;

    let station = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let told = json!({
        "macs": board.macs,
        "model": board.model,
        "memory": board.memory,
        "disks": board.disks,
        "facts": board.facts,
    });
    json!({ "station": station, "told": told })
}

fn who(board: &Board) -> Who {
    Who { name: board.name.clone(), mac: board.macs.first().copied(), serial: board.serial, ..Who::default() }
}

impl Store {
    /// Whether a board ever had something to do.
    ///
    /// # Errors
    /// What the database says.
    pub async fn has_jobs(&self) -> Result<bool, Error> {
        Ok(self.db.row("SELECT id FROM job LIMIT 1", &[]).await?.is_some())
    }

    /// Makes a job: its board gets it when it asks.
    ///
    /// # Errors
    /// [`Error::Refused`] while the board has another one; [`Error::NoSuch`], [`Error::BadValue`].
    pub async fn make_job(&self, asked: &Asked, now: Time) -> Result<Job, Error> {
        let mut tx = self.db.begin().await?;
        boards::one(&mut tx, &asked.board).await?;
        let job = make(&mut tx, asked, now).await?;
        tx.commit().await?;
        Ok(job)
    }

    /// A board asks for work. It gets its job with a new number, and the job's attempt begins; what shows an older
    /// number from now on is refused. A board that asks again, because it has started again, goes on with its job.
    ///
    /// # Errors
    /// [`Error::Refused`] for a board that isn't enrolled.
    pub async fn draw(&self, board: &str, now: Time) -> Result<Option<Drawn>, Error> {
        // What usually happens is that there is nothing to do: no writer waits for that.
        let sql = "SELECT id FROM job WHERE board = $1 AND state IN ('queued', 'running', 'finishing')";
        if self.db.row(sql, values![board]).await?.is_none() {
            return Ok(None);
        }
        let mut tx = self.db.begin().await?;
        let board = boards::one(&mut tx, board).await?;
        if board.enrolment != Enrolment::Enrolled {
            return Err(Refused::NotEnrolled.into());
        }
        let Some(mut job) = open_of(&mut tx, &board.id).await? else { return Ok(None) };
        if job.state == JobState::Finishing {
            return Ok(None);
        }
        if job.state == JobState::Queued && !plans::read(&mut tx, &job.id).await?.asks.is_empty() {
            // It waits for values.
            return Ok(None);
        }
        job.state = next(job.state, Event::Draw, job.cancel)?;
        job.changed = now;
        if board.key.is_none()
            && job.state == JobState::Running
            && let Some(run) = job.run.clone()
            && begin_anew(&mut tx, &mut job, &run, &board, now).await?
        {
            put(&mut tx, &job).await?;
            tx.commit().await?;
            return Ok(Some(Drawn { run, job }));
        }
        let by = script_runs::restarted(&mut tx, &job, job.run.as_deref(), now).await?;
        if let Some(run) = &job.run {
            let before = runs::record(&mut tx, run).await?;
            let offered = before.as_ref().and_then(|record| EepromRun::of(&record.detail));
            let has_restarted = before.and_then(|record| has_restarted(&record, &board));
            let lost = |why: &str| Ending::Lost { why: why.to_owned(), hint: None };
            let ending = match (by, has_restarted) {
                // It is what it was to do.
                (None, _)
                    if offered.as_ref().is_some_and(|eeprom| eeprom.network && eeprom.earlier.is_none()) =>
                {
                    let why = "the board has started again for the EEPROM image that it is offered over the network; what \
                               comes next is another attempt";
                    Ending::NotVerified { why: why.to_owned(), hint: None }
                }
                // It may have done what it was to do: that is no failure.
                (Some(script), has_restarted) => {
                    Ending::NotVerified { why: broken_off(&script, has_restarted), hint: None }
                }
                (None, Some(false)) => lost(
                    "the board's agent has begun anew without a start of the board, and goes on in another attempt",
                ),
                (None, _) => lost("the board has started again, and goes on in another attempt"),
            };
            end_run(&mut tx, run, ending, job.cancel, now).await?;
        }
        if job.state != JobState::Running {
            job.lease_until = 0;
            put(&mut tx, &job).await?;
            tx.commit().await?;
            return Ok(None);
        }
        let run = begin_run(&mut tx, &mut job, &board, now).await?;
        put(&mut tx, &job).await?;
        prints::of_job(&mut tx, &job, LabelWhen::Start, now).await?;
        tx.commit().await?;
        Ok(Some(Drawn { run, job }))
    }

    /// A board without a key has begun an attempt from this address: until it is silent nobody else gets it.
    ///
    /// # Errors
    /// What the database says.
    pub(in crate::station) async fn begun_at(&self, id: &str, fence: u64, place: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE job SET place = $3, place_fence = $2 WHERE id = $1 AND fence = $2";
        tx.run(sql, values![id, fence, place]).await?;
        tx.commit().await
    }

    /// From which address an attempt was begun; `None` where nobody has said so.
    ///
    /// # Errors
    /// What the database says.
    pub(in crate::station) async fn place_of(&self, id: &str, fence: u64) -> Result<Option<String>, Error> {
        let sql = "SELECT place FROM job WHERE id = $1 AND place_fence = $2";
        self.db.row(sql, values![id, fence]).await?.map_or(Ok(None), |mut row| row.maybe_text())
    }

    /// A board tells how far it is: its lease begins anew, even where it had ended and nobody has noticed.
    ///
    /// # Errors
    /// [`Error::Refused`] for an older number, or a job that has ended.
    pub async fn renew(&self, id: &str, progress: &Progress, now: Time) -> Result<Orders, Error> {
        let mut tx = self.db.begin().await?;
        let mut job = one(&mut tx, id).await?;
        claim(job.fence, progress.fence)?;
        job.state = next(job.state, Event::Renew, job.cancel)?;
        job.lease_until = now.saturating_add(LEASE);
        tx.run("UPDATE job SET lease_until = $2 WHERE id = $1", values![id, job.lease_until]).await?;
        if let Some(run) = &job.run {
            runs::advance(&mut tx, run, progress, now).await?;
            runs::log(&mut tx, run, &progress.log, now).await?;
        }
        tx.commit().await?;
        Ok(Orders { cancel: job.cancel })
    }

    /// A board tells how its job ended. The job, the record of the attempt and what the network answers the board from
    /// now on change together. Told again, it changes nothing.
    ///
    /// # Errors
    /// [`Error::Refused`] for an older number.
    pub async fn finish(&self, id: &str, finished: &Finished, now: Time) -> Result<Job, Error> {
        let mut tx = self.db.begin().await?;
        let mut job = one(&mut tx, id).await?;
        claim(job.fence, finished.fence)?;
        let simulated = boards::one(&mut tx, &job.board).await?.simulated;
        let verdict = verdict(job.action, job.end, simulated, &finished.ending);
        let state = next(job.state, Event::Finish(verdict), job.cancel)?;
        if job.state != JobState::Running {
            return Ok(job);
        }
        job.state = state;
        job.changed = now;
        job.lease_until = if is_open(state) { now } else { 0 };
        if let Some(run) = &job.run
            && let Some(mut record) = runs::record(&mut tx, run).await?
        {
            record.enter(finished.stage, Timestamp::from_millisecond(now).unwrap_or_default());
            plans::add(&mut record.detail, finished.detail.clone());
            let kind = if job.cancel { Some(Kind::Interrupted) } else { finished.kind };
            complete(&mut tx, record, finished.ending.clone(), kind, now).await?;
        }
        let lasting = matches!(job.action, Action::Deploy | Action::Backup);
        if lasting && verdict != Verdict::Failed && job.end != End::Wait {
            boards::hold(&mut tx, &job.board, Held::Done, now).await?;
        }
        put(&mut tx, &job).await?;
        if matches!(finished.ending, Ending::Done { .. }) {
            prints::of_job(&mut tx, &job, LabelWhen::Done, now).await?;
        }
        plans::retry(&mut tx, &job, finished.kind, now).await?;
        tx.commit().await?;
        Ok(job)
    }

    /// A board was seen doing what comes after its job: `true` where it had one that waited for that.
    ///
    /// # Errors
    /// What the database says.
    pub async fn seen_after(&self, board: &str, now: Time) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE job SET state = $2, changed = $3, lease_until = 0 WHERE board = $1 AND state = $4";
        let changed =
            tx.run(sql, values![board, word(JobState::Done), now, word(JobState::Finishing)]).await?;
        tx.commit().await?;
        Ok(changed > 0)
    }

    /// Somebody wants a job to end. One that nobody has drawn ends at once; a board that is at it is told with its next
    /// progress.
    ///
    /// # Errors
    /// [`Error::Refused`] where it has ended.
    pub async fn cancel_job(&self, id: &str, now: Time) -> Result<Job, Error> {
        let mut tx = self.db.begin().await?;
        let mut job = one(&mut tx, id).await?;
        job.state = next(job.state, Event::Cancel, true)?;
        (job.cancel, job.changed) = (true, now);
        put(&mut tx, &job).await?;
        tx.commit().await?;
        Ok(job)
    }

    /// The same once more: another job for the same board. The one before stays as it ended.
    ///
    /// # Errors
    /// [`Error::Refused`] while it goes on.
    pub async fn again(&self, id: &str, by: &str, now: Time) -> Result<Job, Error> {
        let mut tx = self.db.begin().await?;
        let old = one(&mut tx, id).await?;
        // What `make` says of one whose system isn't seen yet holds here too.
        if is_open(old.state) && old.state != JobState::Finishing {
            return Err(Refused::Occupied.into());
        }
        let asked = Asked {
            board: old.board,
            project: old.project,
            action: old.action,
            image: old.image,
            target: old.target,
            end: old.end,
            by: by.to_owned(),
            plan: Some(Plan { tries: 0, ..plans::read(&mut tx, id).await? }),
        };
        boards::one(&mut tx, &asked.board).await?;
        let job = make(&mut tx, &asked, now).await?;
        tx.commit().await?;
        Ok(job)
    }

    /// Ends the jobs of boards that went away, and gives them back. Called every few seconds, with what
    /// [`Clock`](crate::station::jobs::Clock) says of the time. Where the station has just started, or its clock was set,
    /// leases move along first: no board loses its job by that.
    ///
    /// # Errors
    /// What the database says.
    pub async fn expire(&self, step: Step, now: Time) -> Result<Vec<Job>, Error> {
        let open = "state IN ('running', 'finishing')";
        let old = "SELECT id FROM job WHERE state IN ('running', 'finishing') AND lease_until < $1 LIMIT 1";
        let before = now.saturating_sub(SILENCE);
        if step == Step::Steady && self.db.row(old, values![before]).await?.is_none() {
            return Ok(Vec::new());
        }
        let mut tx = self.db.begin().await?;
        match step {
            Step::Began => {
                let sql = format!("UPDATE job SET lease_until = $1 WHERE {open}");
                tx.run(&sql, values![now.saturating_add(LEASE)]).await?;
            }
            Step::Jumped(by) => {
                let sql = format!("UPDATE job SET lease_until = lease_until + $1 WHERE {open}");
                // A number beyond any clock's stays one that can be added to.
                tx.run(&sql, values![by.clamp(-(1 << 60), 1 << 60)]).await?;
            }
            Step::Steady => {}
        }
        let sql = format!("{JOB} WHERE {open} AND lease_until < $1 ORDER BY lease_until, id LIMIT 500");
        let late = tx.rows(&sql, values![before]).await?;
        let mut ended = Vec::new();
        for late in late.into_iter().map(job) {
            ended.push(end(&mut tx, late?, Event::Expire, now).await?);
        }
        tx.commit().await?;
        Ok(ended)
    }

    /// Jobs that go on, and of which nothing was heard since their lease ended before this time.
    ///
    /// # Errors
    /// What the database says.
    pub async fn silent_jobs(&self, before: Time) -> Result<Vec<Job>, Error> {
        let sql =
            format!("{JOB} WHERE state = 'running' AND lease_until < $1 ORDER BY lease_until, id LIMIT 500");
        self.db.rows(&sql, values![before]).await?.into_iter().map(job).collect()
    }

    /// The job.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn job(&self, id: &str) -> Result<Job, Error> {
        let row = self.db.row(&format!("{JOB} WHERE id = $1"), values![id]).await?;
        job(row.ok_or_else(|| no_job(id))?)
    }

    /// Jobs, the newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn jobs(&self, asked: &JobsAsked) -> Result<Page<Job>, Error> {
        let limit = limit(asked.limit)?;
        let mut question = Question::new(JOB);
        if let Some(board) = &asked.board {
            question.and("board = {}", values![board]);
        }
        if let Some(state) = asked.state {
            question.and("state = {}", values![word(state)]);
        }
        if let Some(after) = &asked.after {
            question.and("id < {}", values![after]);
        }
        question.more(" ORDER BY id DESC LIMIT {}", values![limit as u64 + 1]);
        let rows = self.db.rows(&question.sql, &question.values).await?;
        let jobs = rows.into_iter().map(job).collect::<Result<_, _>>()?;
        Ok(page(jobs, limit, |job: &Job| job.id.clone()))
    }

    /// The newest job of each of these boards, and whether somebody has seen how it ended.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn newest_jobs(&self, boards: &[String]) -> Result<Vec<(Job, bool)>, Error> {
        let mut jobs = Vec::new();
        for boards in boards.chunks(500) {
            let newest = among("SELECT max(id) FROM job", "board", boards);
            let sql = format!("{JOB} WHERE id IN ({} GROUP BY board)", newest.sql);
            for row in self.db.rows(&sql, &newest.values).await? {
                jobs.push(noticed(row)?);
            }
        }
        Ok(jobs)
    }

    /// How many jobs go on or wait for their board.
    ///
    /// # Errors
    /// What the database says.
    pub async fn count_open_jobs(&self) -> Result<u64, Error> {
        let sql = "SELECT count(*) FROM job WHERE state IN ('queued', 'running', 'finishing')";
        self.db.row(sql, &[]).await?.map_or(Ok(0), |mut row| row.count())
    }
}
