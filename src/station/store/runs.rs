//! Runs: what was done to boards. The whole record is kept; the columns beside it are what lists look for.

use jiff::Timestamp;

use super::db::{Question, Row, Tx, json, values, word};
use super::floor::among;
use super::page::{limit, page};
use super::{Error, Store, tally};
use crate::board::Who;
use crate::device_api::Progress;
use crate::error::Kind;
use crate::run::{Ending, Record, Stage};
use crate::station::rates::Sample;
use crate::station_api::{ListAsked, LogLine, Page, RunLine, ScriptRun, Time};

/// A run's log has so many lines at most; the last one says that there were more.
const MOST_LINES: u64 = 20_000;
/// A line has so many characters at most.
const LONGEST_LINE: usize = 500;

pub(super) const LINE: &str =
    "SELECT id, way, board, label, serial, slot, job, image, project, made_by, started, took, stage, outcome, why, kind,
    done, total, simulated FROM run";

pub(super) fn line(row: Row) -> Result<RunLine, Error> {
    let mut row = row.of("run");
    Ok(RunLine {
        run: row.text()?,
        way: row.text()?,
        board: row.maybe_text()?,
        label: row.text()?,
        serial: row.text()?,
        slot: row.maybe_text()?,
        job: row.maybe_text()?,
        image: row.maybe_text()?,
        project: row.maybe_text()?,
        by: row.maybe_text()?,
        started: row.number()?,
        took: row.maybe_number()?,
        stage: row.text()?,
        outcome: row.text()?,
        why: row.text()?,
        kind: row.maybe_word()?,
        done: row.count()?,
        total: row.count()?,
        simulated: row.truth()?,
    })
}

/// What belongs to a run beside its record.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Beside<'a> {
    pub(super) board: Option<&'a str>,
    /// The slot that the board is in as it begins.
    pub(super) slot: Option<&'a str>,
    pub(super) job: Option<&'a str>,
    /// The image's name.
    pub(super) image: Option<&'a str>,
    pub(super) project: Option<&'a str>,
    pub(super) by: Option<&'a str>,
    pub(super) fence: u64,
    pub(super) simulated: bool,
    /// What sort of failure it was, where that is known better than its ending has it: the board has told, or somebody
    /// wanted it to end.
    pub(super) kind: Option<Kind>,
}

/// The image that a record names: by its name, or where another command has written it, by its file.
fn image_of(record: &Record) -> Option<String> {
    let image = record.detail.get("image")?;
    let name = image.as_str().or_else(|| image.get("name")?.as_str()).or_else(|| image.get("path")?.as_str());
    // Of a path what people look for.
    let name = name?.rsplit('/').next()?;
    (!name.is_empty()).then(|| cut(name))
}

/// The word of an ending, as records have it.
pub(super) fn outcome(ending: &Ending) -> String {
    ending.word().replace(' ', "-")
}

/// The kind of failure of a run that has ended.
fn kind(ending: &Ending, known: Option<Kind>) -> Option<Kind> {
    match ending {
        Ending::Unfinished => None,
        Ending::Failed { .. } | Ending::Lost { .. } => known.or(ending.kind()),
        other => other.kind(),
    }
}

/// The time that a record took, in milliseconds.
fn took(record: &Record) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a float becomes the nearest number that there is")]
    record.seconds.map(|seconds| (seconds * 1000.0).round() as i64)
}

/// What a board is called in lists: as people call it, else by what is printed on it.
fn label(board: &Who) -> String {
    let serial = || board.serial.as_ref().map(ToString::to_string);
    cut(&board.name.clone().or_else(serial).unwrap_or_else(|| board.label()))
}

/// As much as the index of a list takes.
fn cut(text: &str) -> String {
    text.chars().take(120).collect()
}

/// Keeps a run, or what has become of it.
pub(super) async fn keep(tx: &mut Tx, record: &Record, beside: Beside<'_>) -> Result<(), Error> {
    let serial = record.board.serial;
    let (label, outcome, took) = (label(&record.board), outcome(&record.ending), took(record));
    let kind = kind(&record.ending, beside.kind);
    let image = beside.image.map(str::to_owned).or_else(|| image_of(record));
    // What is known of it from before and isn't told anew stays.
    let sql = "SELECT board, slot, project, image, simulated FROM run WHERE id = $1";
    let (mut board, mut slot, mut project, mut known, mut simulated) = (None, None, None, None, false);
    if let Some(mut row) = tx.row(sql, values![record.run.as_str()]).await? {
        (board, slot, project) = (row.maybe_text()?, row.maybe_text()?, row.maybe_text()?);
        (known, simulated) = (row.maybe_text()?, row.truth()?);
    }
    let first =
        |before: &Option<String>, now: Option<&str>| before.clone().or_else(|| now.map(str::to_owned));
    let (board, slot) = (first(&board, beside.board), first(&slot, beside.slot));
    let (project, known) = (first(&project, beside.project), first(&known, image.as_deref()));
    let tally = tally::Of {
        board: board.as_deref(),
        label: &label,
        slot: slot.as_deref(),
        project: project.as_deref(),
        image: known.as_deref(),
        kind,
        simulated: simulated || beside.simulated,
    };
    let tally = tally::of(record, &outcome, took, tally);
    tx.run(
        "INSERT INTO run (id, way, board, label, serial, serial_low, job, fence, started, took, stage, outcome, why, done,
             total, simulated, lines, record, image, project, made_by, slot, kind, tally)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, 0, $14, 0, $15, $16, $17, $18, $19, $20, $21)
         ON CONFLICT (id) DO UPDATE SET board = coalesce(run.board, excluded.board), label = excluded.label,
             serial = excluded.serial, serial_low = excluded.serial_low, took = excluded.took, stage = excluded.stage,
             outcome = excluded.outcome, why = excluded.why, record = excluded.record, kind = excluded.kind,
             tally = excluded.tally,
             image = coalesce(run.image, excluded.image), slot = coalesce(run.slot, excluded.slot)",
        values![
            record.run.as_str(),
            record.way.word(),
            beside.board,
            label,
            serial.map_or_else(String::new, |serial| serial.as_str().to_owned()),
            serial.map_or_else(String::new, |serial| serial.directory()),
            beside.job,
            beside.fence,
            record.started.as_millisecond(),
            took,
            record.stage.word(),
            outcome,
            record.ending.why().unwrap_or_default(),
            beside.simulated,
            json(record),
            image,
            beside.project,
            beside.by,
            beside.slot,
            kind.map(word),
            tally,
        ],
    )
    .await
    .map(drop)
}

/// A run that goes on is in this step, and so far. When it has entered it stands in its record.
pub(super) async fn advance(tx: &mut Tx, run: &str, progress: &Progress, now: Time) -> Result<(), Error> {
    let stage = progress.stage.word();
    let Some(mut row) = tx.row("SELECT stage FROM run WHERE id = $1", values![run]).await? else {
        return Ok(());
    };
    if (row.text()? != stage || !progress.entered.is_empty())
        && let Some(mut record) = record(tx, run).await?
    {
        for step in &progress.entered {
            // What is told again, because its answer was lost, was entered when it was.
            if record.stages.iter().any(|known| known.stage == step.stage) {
                continue;
            }
            let ago = i64::try_from(step.ago).unwrap_or(i64::MAX);
            let last = record.stages.last().map_or(record.started, |last| last.at).as_millisecond();
            // A board's clock may run as it likes: nothing was entered before what came before it, or after now.
            let at = now.saturating_sub(ago).max(last.saturating_add(1)).min(now.max(last));
            record.enter(step.stage, Timestamp::from_millisecond(at).unwrap_or_default());
        }
        record.enter(progress.stage, Timestamp::from_millisecond(now).unwrap_or_default());
        tx.run("UPDATE run SET record = $2 WHERE id = $1", values![run, json(&record)]).await?;
    }
    tx.run(
        "UPDATE run SET stage = $2, done = $3, total = $4 WHERE id = $1",
        values![run, stage, progress.done, progress.total.unwrap_or_default()],
    )
    .await
    .map(drop)
}

/// The record of a run, within a transaction.
pub(super) async fn record(tx: &mut Tx, run: &str) -> Result<Option<Record>, Error> {
    let row = tx.row("SELECT record, stage FROM run WHERE id = $1", values![run]).await?;
    row.map(|row| whole(&mut row.of("run"))).transpose()
}

/// The record of a run that goes on and of which nothing was heard yet.
pub(super) async fn untouched(tx: &mut Tx, run: &str) -> Result<Option<Record>, Error> {
    let sql = "SELECT record, stage FROM run
               WHERE id = $1 AND outcome = 'unfinished' AND lines = 0 AND done = 0 AND total = 0";
    let row = tx.row(sql, values![run]).await?;
    let record = row.map(|row| whole(&mut row.of("run"))).transpose()?;
    Ok(record.filter(|record| {
        record.stage == Stage::Resolve
            && record.detail.get("host_hooks").is_none()
            && ScriptRun::all_of(&record.detail)
                .iter()
                .all(|script| script.ended.is_none() && !script.state.has_begun())
    }))
}

/// A run begins anew at this time, with this number of its attempt.
pub(super) async fn begun(tx: &mut Tx, run: &str, fence: u64, now: Time) -> Result<(), Error> {
    let sql = "UPDATE run SET fence = $2, started = $3 WHERE id = $1";
    tx.run(sql, values![run, fence, now]).await.map(drop)
}

/// Puts a member into the details of a run's record.
pub(super) async fn put_detail(
    tx: &mut Tx,
    run: &str,
    name: &str,
    value: &impl serde::Serialize,
) -> Result<(), Error> {
    let Some(mut record) = record(tx, run).await? else { return Ok(()) };
    if !record.detail.is_object() {
        record.detail = serde_json::Value::Object(serde_json::Map::new());
    }
    if let Some(members) = record.detail.as_object_mut() {
        members.insert(name.to_owned(), serde_json::to_value(value).unwrap_or_default());
    }
    tx.run("UPDATE run SET record = $2 WHERE id = $1", values![run, json(&record)]).await.map(drop)
}

/// A record with the step that it is in: while it goes on only the column is written.
fn whole(row: &mut Row) -> Result<Record, Error> {
    let mut record: Record = row.json()?;
    record.stage = row.word()?;
    Ok(record)
}

/// Puts lines behind a run's log.
pub(super) async fn log(tx: &mut Tx, run: &str, lines: &[String], now: Time) -> Result<(), Error> {
    let Some(mut row) = tx.row("SELECT lines FROM run WHERE id = $1", values![run]).await? else {
        return Ok(());
    };
    let first = row.count()?;
    let mut next = first;
    for text in lines {
        if next >= MOST_LINES {
            break;
        }
        let text: String = match next + 1 {
            MOST_LINES => "there were more lines; they aren't kept".to_owned(),
            _ => text.chars().take(LONGEST_LINE).collect(),
        };
        let sql = "INSERT INTO run_line (run, n, said, line) VALUES ($1, $2, $3, $4)";
        tx.run(sql, values![run, next, now, text]).await?;
        next += 1;
    }
    if next != first {
        tx.run("UPDATE run SET lines = $2 WHERE id = $1", values![run, next]).await?;
    }
    Ok(())
}

impl Store {
    /// The lines of these runs.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn run_lines(&self, ids: &[String]) -> Result<Vec<RunLine>, Error> {
        let mut lines = Vec::with_capacity(ids.len());
        for ids in ids.chunks(500) {
            let question = among(LINE, "id", ids);
            let rows = self.db.rows(&question.sql, &question.values).await?;
            lines.extend(rows.into_iter().map(line).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(lines)
    }

    /// The records of runs, by their names.
    ///
    /// # Errors
    /// What the database says.
    pub async fn records(
        &self,
        lines: &[RunLine],
    ) -> Result<std::collections::HashMap<String, Record>, Error> {
        let ids: Vec<String> = lines.iter().map(|line| line.run.clone()).collect();
        let mut records = std::collections::HashMap::with_capacity(ids.len());
        for ids in ids.chunks(100) {
            let question = among("SELECT id, record, stage FROM run", "id", ids);
            for row in self.db.rows(&question.sql, &question.values).await? {
                let mut row = row.of("run");
                records.insert(row.text()?, whole(&mut row)?);
            }
        }
        Ok(records)
    }

    /// The record of the one run of which the name begins so.
    ///
    /// # Errors
    /// [`Error::NoSuch`] where there is no such run, or several.
    pub async fn run(&self, run: &str) -> Result<Record, Error> {
        self.run_line(run).await.map(|(_, record)| record)
    }

    /// The same, with its line in lists.
    ///
    /// # Errors
    /// [`Error::NoSuch`] where there is no such run, or several.
    pub async fn run_line(&self, run: &str) -> Result<(RunLine, Record), Error> {
        let missing = || Error::NoSuch { what: "run", name: run.to_owned() };
        if run.is_empty() || !run.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(missing());
        }
        let sql = "SELECT id, record, stage FROM run WHERE id >= $1 AND id <= $2 ORDER BY id LIMIT 2";
        let low = run.to_ascii_lowercase();
        let mut rows = self.db.rows(sql, values![&low, format!("{low}g")]).await?;
        let (Some(row), None) = (rows.pop(), rows.pop()) else { return Err(missing()) };
        let mut row = row.of("run");
        let id = row.text()?;
        let record = whole(&mut row)?;
        let row = self.db.row(&format!("{LINE} WHERE id = $1"), values![&id]).await?;
        Ok((line(row.ok_or_else(missing)?)?, record))
    }

    /// Keeps how fast a run went.
    ///
    /// # Errors
    /// What the database says.
    pub async fn put_rates(&self, run: &str, samples: &[Sample]) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.run("UPDATE run SET rates = $2 WHERE id = $1", values![run, json(&samples)]).await?;
        tx.commit().await
    }

    /// How fast a run went, where that was kept.
    ///
    /// # Errors
    /// What the database says.
    pub async fn rates(&self, run: &str) -> Result<Vec<Sample>, Error> {
        let row =
            self.db.row("SELECT rates FROM run WHERE id = $1 AND rates IS NOT NULL", values![run]).await?;
        row.map_or_else(|| Ok(Vec::new()), |row| row.of("run").json())
    }

    /// The runs that go on.
    ///
    /// # Errors
    /// What the database says.
    pub async fn runs_at_work(&self) -> Result<Vec<String>, Error> {
        let sql = "SELECT run FROM job WHERE state = 'running' AND run IS NOT NULL";
        self.db.rows(sql, &[]).await?.into_iter().map(|mut row| row.text()).collect()
    }

    /// How many lines a run's log has.
    ///
    /// # Errors
    /// What the database says.
    pub async fn count_lines(&self, run: &str) -> Result<u64, Error> {
        let row = self.db.row("SELECT lines FROM run WHERE id = $1", values![run]).await?;
        row.map_or(Ok(0), |mut row| row.count())
    }

    /// A part of a run's log.
    ///
    /// # Errors
    /// [`Error::NoSuch`], [`Error::BadValue`].
    pub async fn run_log(&self, run: &str, asked: &ListAsked) -> Result<Page<LogLine>, Error> {
        if self.db.row("SELECT id FROM run WHERE id = $1", values![run]).await?.is_none() {
            return Err(Error::NoSuch { what: "run", name: run.to_owned() });
        }
        let limit = limit(asked.limit)?;
        let mut question = Question::new("SELECT n, said, line FROM run_line");
        question.and("run = {}", values![run]);
        if let Some(after) = &asked.after {
            let after: i64 = after.parse().map_err(|_| Error::BadValue {
                what: "after",
                why: format!("`{after}` is no place in this list"),
            })?;
            question.and("n > {}", values![after]);
        }
        question.more(" ORDER BY n LIMIT {}", values![limit as u64 + 1]);
        let rows = self.db.rows(&question.sql, &question.values).await?;
        let lines = rows
            .into_iter()
            .map(|mut row| Ok(LogLine { n: row.count()?, time: row.number()?, text: row.text()? }));
        Ok(page(lines.collect::<Result<_, Error>>()?, limit, |line: &LogLine| line.n.to_string()))
    }
}
