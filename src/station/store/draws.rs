//! Values are reserved to boards: each once, and the same ones for each later job of the board.

use super::db::{Tx, json, values};
use super::floor::among;
use super::values::{self as sources, Back, bad, lengths};
use super::{Error, Store, boards, jobs, plans};
use crate::error::Kind;
use crate::run::Ending;
use crate::station_api::{Board, Job, JobState, Plan, Time, ValueSource, Values, ValuesOf};

/// All values of a job together have so many bytes at most.
const MOST_BYTES: usize = 32 << 10;
/// Another station may ask again after so long, in milliseconds: the one that has begun to is gone.
const CLAIM: Time = 60_000;

/// A server that is to be asked for a board's values.
#[derive(Debug, Clone, PartialEq)]
pub struct Asks {
    /// The job that waits for it.
    pub job: String,
    /// The project, as the job has it.
    pub project: Option<String>,
    /// The board.
    pub board: Board,
    /// The source.
    pub source: String,
    /// Where its server is.
    pub url: String,
    /// What calls are signed with.
    pub secret: String,
    /// How often it was asked for this job.
    pub tries: u32,
}

/// Reserves what a plan's project draws. What a server has to be asked for stands in [`Plan::asks`].
pub(super) async fn reserve(tx: &mut Tx, plan: Plan, board: &str, now: Time) -> Result<Plan, Error> {
    let draws = plan.project.as_ref().map(|project| project.values.clone()).unwrap_or_default();
    let mut plan = Plan { values: Values::new(), asks: Vec::new(), ..plan };
    if draws.is_empty() {
        return Ok(plan);
    }
    let board = boards::one(tx, board).await?;
    // All or nothing: whoever asks may go on after an error.
    tx.mark("draws").await?;
    let drawn = all(tx, &mut plan, &draws, &board, now).await;
    tx.settle("draws", drawn).await.map(|()| plan)
}

async fn all(tx: &mut Tx, plan: &mut Plan, draws: &[String], board: &Board, now: Time) -> Result<(), Error> {
    let mut bytes = 0;
    for name in draws {
        let source = sources::one(tx, name).await?;
        let content = match (given(tx, name, board).await?, &source.of) {
            (Some(content), _) => content,
            (None, ValuesOf::Http(_)) => {
                plan.asks.push(name.clone());
                continue;
            }
            (None, _) => draw(tx, &source, board, now).await?,
        };
        for (value, text) in content {
            bytes += value.len() + text.len();
            if plan.values.insert(value.clone(), text).is_some() {
                return Err(bad(format!("two sources of the project give the value `{value}`")));
            }
        }
    }
    if bytes > MOST_BYTES {
        return Err(bad("all values of a job together are longer than 32 KiB"));
    }
    Ok(())
}

/// What a board has of a source.
async fn given(tx: &mut Tx, source: &str, board: &Board) -> Result<Option<Values>, Error> {
    let serial = sources::serial(board);
    let [one, other] = lengths(serial.as_deref());
    let sql = "SELECT unit, board, serial, content FROM value_given
               WHERE source = $1 AND (board = $2 OR serial = $3 OR serial LIKE $4)
               ORDER BY CASE WHEN board = $2 THEN 0 ELSE 1 END";
    let mut rows = tx.rows(sql, values![source, &board.id, one, other]).await?.into_iter();
    let Some(row) = rows.next() else { return Ok(None) };
    let mut row = row.of("value_given");
    let (unit, known, told): (String, String, Option<String>) = (row.text()?, row.text()?, row.maybe_text()?);
    let content = row.json()?;
    if rows.next().is_none() && (known != board.id || told.is_none() && serial.is_some()) {
        // It was forgotten and has come again, or tells its serial number now.
        let sql = "UPDATE value_given SET board = $3, serial = $4 WHERE source = $1 AND unit = $2";
        tx.run(sql, values![source, unit, &board.id, serial.or(told)]).await?;
    }
    Ok(Some(content))
}

/// Writes down what a board has from now on.
async fn give(
    tx: &mut Tx,
    source: &str,
    unit: &str,
    board: &Board,
    content: &Values,
    back: Option<&Back>,
    now: Time,
) -> Result<(), Error> {
    tx.run(
        "INSERT INTO value_given (source, unit, board, serial, content, back, given)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        values![source, unit, &board.id, sources::serial(board), json(content), back.map(json), now],
    )
    .await
    .map(drop)
}

fn given_away(source: &str, holder: &str) -> Error {
    bad(format!(
        "the row of `{source}` for this board was given to the board {holder}, which has to give it back first"
    ))
}

/// The board that has a row which the newest table says is for another one: that of these serial numbers.
async fn holder_of_own(tx: &mut Tx, source: &str, serials: [&String; 2]) -> Result<Option<String>, Error> {
    if serials[0].is_empty() {
        return Ok(None);
    }
    // No value is called `serial`, and within a value a quote has a backslash before it.
    let [one, other] = serials.map(|serial| format!("%\"serial\":\"{serial}\"%"));
    let sql =
        "SELECT board, serial FROM value_given WHERE source = $1 AND (back LIKE $2 OR back LIKE $3) LIMIT 1";
    let Some(mut row) = tx.row(sql, values![source, one, other]).await? else { return Ok(None) };
    let (board, serial): (String, Option<String>) = (row.text()?, row.maybe_text()?);
    Ok(Some(serial.unwrap_or(board)))
}

/// The next value of a source.
async fn draw(tx: &mut Tx, source: &ValueSource, board: &Board, now: Time) -> Result<Values, Error> {
    let name = &source.name;
    let [one, other] = lengths(sources::serial(board).as_deref());
    // What is for this board alone comes before what is for any.
    let sql = "SELECT unit, place, serial, content FROM value_free
               WHERE source = $1 AND (serial IS NULL OR serial = $2 OR serial LIKE $3)
               ORDER BY CASE WHEN serial IS NULL THEN 1 ELSE 0 END, place LIMIT 1";
    if let Some(row) = tx.row(sql, values![name, &one, &other]).await? {
        let mut row = row.of("value_free");
        let (unit, place, serial): (String, u64, Option<String>) =
            (row.text()?, row.count()?, row.maybe_text()?);
        if serial.is_none()
            && let Some(holder) = holder_of_own(tx, name, [&one, &other]).await?
        {
            return Err(given_away(name, &holder));
        }
        let back = Back { place, serial, content: row.json()? };
        tx.run("DELETE FROM value_free WHERE source = $1 AND unit = $2", values![name, &unit]).await?;
        give(tx, name, &unit, board, &back.content, Some(&back), now).await?;
        return Ok(back.content);
    }
    let used_up = |why: &str| Error::UsedUp { source: name.clone(), why: why.to_owned() };
    if matches!(source.of, ValuesOf::Table(_)) {
        if let Some(holder) = holder_of_own(tx, name, [&one, &other]).await? {
            return Err(given_away(name, &holder));
        }
        return Err(match (source.left, source.given) {
            (Some(0), 0) => used_up("the table has no rows"),
            (Some(0), _) => used_up("all rows of the table were given"),
            _ => used_up("the rows that are left are for other boards"),
        });
    }
    let sql = "UPDATE value_source SET taken = taken + 1 WHERE name = $1";
    tx.run(sql, values![name]).await?;
    let sql = "SELECT taken FROM value_source WHERE name = $1";
    let taken = tx.row(sql, values![name]).await?.map_or(Ok(1), |mut row| row.count())?;
    let place = taken.saturating_sub(1);
    let value = source.of.at(place).ok_or_else(|| used_up("all its values were given"))?;
    let content = Values::from([(name.clone(), value)]);
    give(tx, name, &place.to_string(), board, &content, None, now).await?;
    Ok(content)
}

/// When servers are asked for what a new job needs.
pub(super) fn asks_at(plan: &Plan, now: Time) -> (Option<Time>, Option<String>) {
    let first = plan.asks.first();
    (first.map(|_| now), first.map(|source| format!("the server of `{source}` is to be asked for values")))
}

impl Store {
    /// Jobs of these boards for which a server is to be asked now.
    ///
    /// # Errors
    /// What the database says.
    pub async fn due_asks(&self, boards: &[String], now: Time) -> Result<Vec<String>, Error> {
        let mut due = Vec::new();
        for boards in boards.chunks(500) {
            let mut question = among("SELECT id FROM job", "board", boards);
            question.and("state = 'queued'", &[]).and("asks_at <= {}", values![now]);
            for mut row in self.db.rows(&question.sql, &question.values).await? {
                due.push(row.text()?);
            }
        }
        Ok(due)
    }

    /// Takes it over to ask for a job's values: nobody else does meanwhile. `None` where somebody else was faster, or
    /// nothing is to be asked any more.
    ///
    /// # Errors
    /// What the database says.
    pub async fn claim_asks(&self, job: &str, now: Time) -> Result<Option<Asks>, Error> {
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE job SET asks_at = $2 WHERE id = $1 AND asks_at <= $3 AND state = 'queued'";
        if tx.run(sql, values![job, now.saturating_add(CLAIM), now]).await? == 0 {
            return Ok(None);
        }
        let sql = "SELECT board, asked, plan FROM job WHERE id = $1";
        let Some(row) = tx.row(sql, values![job]).await? else { return Ok(None) };
        let mut row = row.of("job");
        let (board, tries, plan): (String, u64, Plan) = (row.text()?, row.count()?, row.json()?);
        let Some(name) = plan.asks.first() else { return Ok(None) };
        let board = boards::one(&mut tx, &board).await?;
        let source = sources::one(&mut tx, name).await?;
        let ValuesOf::Http(server) = source.of else {
            return Err(bad(format!("`{name}` is asked for nothing: it is no server any more")));
        };
        let sql = "SELECT secret FROM value_source WHERE name = $1";
        let secret = tx.row(sql, values![name]).await?.map_or(Ok(None), |mut row| row.maybe_text())?;
        tx.commit().await?;
        Ok(Some(Asks {
            job: job.to_owned(),
            project: plan.project.map(|project| project.name),
            board,
            source: source.name,
            url: server.url,
            secret: secret.unwrap_or_default(),
            tries: u32::try_from(tries).unwrap_or(u32::MAX),
        }))
    }

    /// A server has answered: its values are kept, and the job has them. Where nothing else is to be asked, the board
    /// gets it. The job as it is then.
    ///
    /// # Errors
    /// [`Error::BadValue`] where another board has what only one may have, or two sources give one name.
    pub async fn put_answer(&self, asks: &Asks, content: &Values, now: Time) -> Result<Job, Error> {
        let mut tx = self.db.begin().await?;
        let source = sources::one(&mut tx, &asks.source).await?;
        let board = boards::one(&mut tx, &asks.board.id).await?;
        if given(&mut tx, &asks.source, &board).await?.is_none() {
            let unique = match &source.of {
                ValuesOf::Http(server) => server.unique.as_deref(),
                _ => None,
            };
            let unit = match unique {
                None => board.id.clone(),
                Some(name) => {
                    let value = content.get(name);
                    let value = value.ok_or_else(|| bad(format!("the answer has no value `{name}`")))?;
                    blake3::hash(value.as_bytes()).to_string()
                }
            };
            let sql = "SELECT board FROM value_given WHERE source = $1 AND unit = $2";
            if let Some(mut row) = tx.row(sql, values![&asks.source, &unit]).await? {
                let (unique, other) = (unique.unwrap_or("board"), row.text()?);
                return Err(bad(format!("another board, {other}, has the same value `{unique}` already")));
            }
            give(&mut tx, &asks.source, &unit, &board, content, None, now).await?;
        }
        let job = jobs::one(&mut tx, &asks.job).await?;
        if job.state == JobState::Queued {
            let plan = plans::read(&mut tx, &job.id).await?;
            let mut plan = reserve(&mut tx, plan, &job.board, now).await?;
            if plan.asks.is_empty() {
                // An answer with which nothing can be done isn't kept.
                plan = plans::filled(&mut tx, plan, &job.board).await?;
            }
            let (at, waits) = asks_at(&plan, now);
            let sql = "UPDATE job SET plan = $2, asks_at = $3, waits = $4, asked = 0 WHERE id = $1";
            tx.run(sql, values![&job.id, json(&plan), at, waits]).await?;
        }
        let job = jobs::one(&mut tx, &asks.job).await?;
        tx.commit().await?;
        Ok(job)
    }

    /// A server hasn't answered, or nonsense, or its answer can't be used (`Kind::BadData`). `again`: when it is asked once more; `None`: the job has failed. The job as
    /// it is then.
    ///
    /// # Errors
    /// What the database says.
    pub async fn put_no_answer(
        &self,
        asks: &Asks,
        (why, kind): (&str, Kind),
        again: Option<Time>,
        now: Time,
    ) -> Result<Job, Error> {
        let mut tx = self.db.begin().await?;
        let mut job = jobs::one(&mut tx, &asks.job).await?;
        if job.state != JobState::Queued {
            return Ok(job);
        }
        let why: String = why.chars().take(500).collect();
        let waits = match kind {
            Kind::Unavailable => format!("the server of `{}` gives no values: {why}", asks.source),
            _ => format!("first boot, with what the server of `{}` has said: {why}", asks.source),
        };
        let sql = "UPDATE job SET asks_at = $2, waits = $3, asked = asked + 1 WHERE id = $1";
        tx.run(sql, values![&job.id, again, &waits]).await?;
        if again.is_none() {
            let board = boards::one(&mut tx, &job.board).await?;
            let run = jobs::begin_run(&mut tx, &mut job, &board, now).await?;
            if let Some(record) = super::runs::record(&mut tx, &run).await? {
                let ending = Ending::Failed { why: waits, last_seen: None, hint: None, kind };
                jobs::complete(&mut tx, record, ending, Some(kind), now).await?;
            }
            (job.state, job.changed, job.lease_until) = (JobState::Failed, now, 0);
            jobs::put(&mut tx, &job).await?;
            plans::retry(&mut tx, &job, Some(kind), now).await?;
        }
        let job = jobs::one(&mut tx, &asks.job).await?;
        tx.commit().await?;
        Ok(job)
    }
}
