//! Sources of values: made, changed, removed, and who has what of them.

use std::collections::BTreeSet;

use super::db::{Question, Row, Tx, json, values};
use super::page::{limit, page};
use super::run_list::plain;
use super::{Error, Store};
use crate::station_api::{
    Board, GivenAsked, GivenValues, MOST_DRAWS, NewValueSource, Page, Project, Time, ValueSource,
    ValueSourceChange, Values, ValuesOf, WARN, check_value_name, serial_of,
};

/// Sources that there may be.
const MOST_SOURCES: u64 = 200;
const SOURCE: &str = "SELECT s.name, s.source, s.warn, s.taken, s.made, s.made_by,
    (SELECT count(*) FROM value_given g WHERE g.source = s.name),
    (SELECT count(*) FROM value_free f WHERE f.source = s.name),
    (SELECT count(*) FROM value_free f WHERE f.source = s.name AND f.serial IS NOT NULL)
    FROM value_source s";
const GIVEN: &str = "SELECT board, serial, content, given FROM value_given";

/// What becomes free when a board gives something back.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Back {
    pub(super) place: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) serial: Option<String>,
    pub(super) content: Values,
}

fn source(row: Row) -> Result<ValueSource, Error> {
    let mut row = row.of("value_source");
    let (name, of, warn, taken) = (row.text()?, row.json::<ValuesOf>()?, row.count()?, row.count()?);
    let (made, by) = (row.number()?, row.text()?);
    let (given, free, bound) = (row.count()?, row.count()?, row.count()?);
    let left = match &of {
        ValuesOf::Http(_) => None,
        ValuesOf::Table(_) => Some(free),
        range => Some(range.total().unwrap_or_default().saturating_sub(taken).saturating_add(free)),
    };
    Ok(ValueSource { name, of, warn, given, left, bound, made, by })
}

fn given(row: Row) -> Result<GivenValues, Error> {
    let mut row = row.of("value_given");
    Ok(GivenValues {
        board: row.text()?,
        serial: row.maybe_text()?,
        values: row.json()?,
        given: row.number()?,
    })
}

pub(super) fn bad(why: impl ToString) -> Error {
    Error::BadValue { what: "values", why: why.to_string() }
}

/// A pattern for what has this text within.
fn within(text: &str) -> String {
    format!("%{}%", plain(text))
}

fn no_source(name: &str) -> Error {
    Error::NoSuch { what: "source of values", name: name.to_owned() }
}

/// One source, within a transaction.
pub(super) async fn one(tx: &mut Tx, name: &str) -> Result<ValueSource, Error> {
    let row = tx.row(&format!("{SOURCE} WHERE s.name = $1"), values![name]).await?;
    source(row.ok_or_else(|| no_source(name))?)
}

/// The patterns for a serial number in each of its two lengths: that of 16 digits ends as that of 8.
pub(super) fn lengths(serial: Option<&str>) -> [String; 2] {
    match serial {
        None => [String::new(), String::new()],
        Some(serial) => {
            let other = match (serial.len(), serial.bytes().all(|byte| byte.is_ascii_hexdigit())) {
                (16, true) => serial.chars().skip(8).collect(),
                // Each `_` is one character.
                (8, true) => format!("________{serial}"),
                _ => String::new(),
            };
            [serial.to_owned(), other]
        }
    }
}

/// The serial number under which a board's values are kept.
pub(super) fn serial(board: &Board) -> Option<String> {
    board.serial.map(|serial| serial.as_str().to_ascii_lowercase())
}

/// Whether a project may draw from these: each is there, and no two give one name. What a server answers is seen later.
pub(super) async fn may_draw(tx: &mut Tx, draws: &[String]) -> Result<(), Error> {
    if draws.len() > MOST_DRAWS {
        return Err(bad(format!("a project draws from {MOST_DRAWS} sources at most")));
    }
    let mut names = BTreeSet::new();
    for (at, draw) in draws.iter().enumerate() {
        if draws[..at].contains(draw) {
            return Err(bad(format!("`{draw}` is there twice")));
        }
        let given = match one(tx, draw).await?.of {
            ValuesOf::Table(sheet) => sheet.columns,
            ValuesOf::Http(_) => Vec::new(),
            ValuesOf::Sequence(_) | ValuesOf::Addresses(_) => vec![draw.clone()],
        };
        for name in given {
            if let Some(name) = names.replace(name) {
                return Err(bad(format!("two of the sources give the value `{name}`")));
            }
        }
    }
    Ok(())
}

/// Projects and jobs that need a source.
async fn users(tx: &mut Tx, name: &str) -> Result<Option<String>, Error> {
    for mut row in tx.rows("SELECT name, draws FROM project ORDER BY name", &[]).await? {
        let (project, draws): (String, Vec<String>) = (row.text()?, row.of("project").json()?);
        if draws.iter().any(|draw| draw == name) {
            return Ok(Some(format!("the project {project} draws from it")));
        }
    }
    let board = job_of(tx, None, name).await?;
    Ok(board.map(|board| format!("a job of the board {board} that goes on draws from it")))
}

/// A board whose job goes on and draws from a source.
async fn job_of(tx: &mut Tx, board: Option<&str>, name: &str) -> Result<Option<String>, Error> {
    let sql = "SELECT board, plan FROM job WHERE state IN ('queued', 'running', 'finishing')
               AND ($1 = '' OR board = $1) AND plan LIKE $2 ESCAPE '\\'";
    for mut row in tx.rows(sql, values![board.unwrap_or_default(), within(name)]).await? {
        let (board, plan): (String, crate::station_api::Plan) = (row.text()?, row.of("job").json()?);
        if plan.project.is_some_and(|project| project.values.iter().any(|value| value == name)) {
            return Ok(Some(board));
        }
    }
    Ok(None)
}

impl Store {
    /// All sources, by name.
    ///
    /// # Errors
    /// What the database says.
    pub async fn value_sources(&self) -> Result<Vec<ValueSource>, Error> {
        self.db.rows(&format!("{SOURCE} ORDER BY s.name"), &[]).await?.into_iter().map(source).collect()
    }

    /// Sources from which projects draw, with what is left and from where on that is little.
    ///
    /// # Errors
    /// What the database says.
    pub async fn values_drawn(&self) -> Result<Vec<(String, u64, u64)>, Error> {
        let projects = self.projects().await?;
        let is_drawn = |name: &String| projects.iter().any(|project| project.values.contains(name));
        let sources = self.value_sources().await?.into_iter().filter(|source| is_drawn(&source.name));
        Ok(sources.filter_map(|source| Some((source.name, source.left?, source.warn))).collect())
    }

    /// Of the sources from which these projects draw those that have nothing left. Asked often: it counts nothing.
    pub(super) async fn values_used_up(&self, projects: &[Project]) -> Result<Vec<String>, Error> {
        let drawn: BTreeSet<_> = projects.iter().flat_map(|project| &project.values).collect();
        let mut empty = Vec::new();
        for name in drawn {
            let sql =
                "SELECT s.source, s.taken, (SELECT f.unit FROM value_free f WHERE f.source = s.name LIMIT 1)
                       FROM value_source s WHERE s.name = $1";
            let Some(row) = self.db.row(sql, values![name]).await? else { continue };
            let mut row = row.of("value_source");
            let (of, taken, free): (ValuesOf, u64, Option<String>) =
                (row.json()?, row.count()?, row.maybe_text()?);
            let is_left = match &of {
                ValuesOf::Http(_) => true,
                ValuesOf::Table(_) => free.is_some(),
                range => free.is_some() || range.total().unwrap_or_default() > taken,
            };
            if !is_left {
                empty.push(name.clone());
            }
        }
        Ok(empty)
    }

    /// The source.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn value_source(&self, name: &str) -> Result<ValueSource, Error> {
        let row = self.db.row(&format!("{SOURCE} WHERE s.name = $1"), values![name]).await?;
        source(row.ok_or_else(|| no_source(name))?)
    }

    /// Makes a source. A table has no rows yet.
    ///
    /// # Errors
    /// [`Error::Taken`], [`Error::BadValue`], [`Error::Many`].
    pub async fn add_value_source(
        &self,
        new: &NewValueSource,
        secret: Option<&str>,
        by: &str,
        now: Time,
    ) -> Result<ValueSource, Error> {
        check_value_name(&new.name).map_err(bad)?;
        new.of.check().map_err(bad)?;
        let mut of = new.of.clone();
        if let ValuesOf::Table(sheet) = &mut of {
            // A file says which there are.
            sheet.columns.clear();
        }
        let mut tx = self.db.begin().await?;
        let count = tx.row("SELECT count(*) FROM value_source", &[]).await?;
        if count.map_or(Ok(0), |mut row| row.count())? >= MOST_SOURCES {
            return Err(Error::Many { what: "sources of values", most: MOST_SOURCES });
        }
        tx.run(
            "INSERT INTO value_source (name, source, secret, warn, made, made_by) VALUES ($1, $2, $3, $4, $5, $6)",
            values![&new.name, json(&of), secret, new.warn.unwrap_or(WARN), now, by],
        )
        .await
        .map_err(|error| error.taken("source of values", &new.name))?;
        tx.commit().await?;
        self.value_source(&new.name).await
    }

    /// Changes a source.
    ///
    /// # Errors
    /// [`Error::NoSuch`], [`Error::BadValue`].
    pub async fn change_value_source(
        &self,
        name: &str,
        change: &ValueSourceChange,
    ) -> Result<ValueSource, Error> {
        let mut tx = self.db.begin().await?;
        let before = one(&mut tx, name).await?;
        let of = match &change.end {
            None => before.of.clone(),
            Some(end) => before.of.ending(end).map_err(bad)?,
        };
        let sql = "SELECT taken FROM value_source WHERE name = $1";
        let taken = tx.row(sql, values![name]).await?.map_or(Ok(0), |mut row| row.count())?;
        if of.total().is_some_and(|total| total < taken) {
            return Err(bad("values behind that end were given already"));
        }
        let sql = "UPDATE value_source SET source = $2, warn = $3 WHERE name = $1";
        tx.run(sql, values![name, json(&of), change.warn.unwrap_or(before.warn)]).await?;
        tx.commit().await?;
        self.value_source(name).await
    }

    /// Removes a source, with what it knows of who has what. Records of runs keep what they have.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::InUse`] while a project or a job that goes on draws from it.
    pub async fn remove_value_source(&self, name: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        if let Some(by) = users(&mut tx, name).await? {
            return Err(Error::InUse { what: "source of values", name: name.to_owned(), by });
        }
        if tx.run("DELETE FROM value_source WHERE name = $1", values![name]).await? == 0 {
            return Err(no_source(name));
        }
        tx.commit().await
    }

    /// Who has what of a source, the board that came last first.
    ///
    /// # Errors
    /// [`Error::NoSuch`], [`Error::BadValue`].
    pub async fn given_values(&self, name: &str, asked: &GivenAsked) -> Result<Page<GivenValues>, Error> {
        let limit = limit(asked.limit)?;
        self.value_source(name).await?;
        let mut question = Question::new(GIVEN);
        question.and("source = {}", values![name]);
        if let Some(text) = asked.text.as_deref().filter(|text| !text.is_empty()) {
            if text.chars().count() > 100 {
                return Err(bad("what is looked for has 100 characters at most"));
            }
            let text = within(text);
            question.and(
                "(lower(content) LIKE lower({}) ESCAPE '\\' OR serial LIKE lower({}) ESCAPE '\\'
                  OR board LIKE lower({}) ESCAPE '\\')",
                values![&text, &text, &text],
            );
        }
        if let Some(after) = &asked.after {
            question.and("board < {}", values![after]);
        }
        question.more(" ORDER BY board DESC LIMIT {}", values![limit as u64 + 1]);
        let rows = self.db.rows(&question.sql, &question.values).await?;
        let lines = rows.into_iter().map(given).collect::<Result<Vec<_>, _>>()?;
        Ok(page(lines, limit, |line| line.board.clone()))
    }

    /// All that a board has, by the names of the sources.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn values_of(&self, board: &str) -> Result<Vec<(String, Values)>, Error> {
        let board = self.board(board).await?;
        let [one, other] = lengths(serial(&board).as_deref());
        let sql = "SELECT source, content FROM value_given WHERE board = $1 OR serial = $2 OR serial LIKE $3
                   ORDER BY source";
        let rows = self.db.rows(sql, values![&board.id, one, other]).await?;
        rows.into_iter().map(|mut row| Ok((row.text()?, row.of("value_given").json()?))).collect()
    }

    /// A board gives back what it has of a source: another one may get it. `board`: its id, or its serial number. The id.
    ///
    /// # Errors
    /// [`Error::NoSuch`] where it has nothing; [`Error::InUse`] while a job of it goes on that has drawn it.
    pub async fn release_values(&self, name: &str, board: &str) -> Result<String, Error> {
        let mut tx = self.db.begin().await?;
        let source = one(&mut tx, name).await?;
        let [long, other] = lengths(serial_of(board).as_deref());
        let sql = "SELECT unit, board, content, back FROM value_given
                   WHERE source = $1 AND (board = $2 OR serial = $3 OR serial LIKE $4) LIMIT 2";
        let mut rows = tx.rows(sql, values![name, board, long, other]).await?;
        if rows.len() > 1 {
            return Err(Error::Several { name: board.to_owned() });
        }
        let missing = || Error::NoSuch { what: "board with values of this source", name: board.to_owned() };
        let mut row = rows.pop().ok_or_else(missing)?.of("value_given");
        let (unit, board): (String, String) = (row.text()?, row.text()?);
        let content: Values = row.json()?;
        let back = row.maybe_text()?;
        if job_of(&mut tx, Some(&board), name).await?.is_some() {
            let by = "a job of the board goes on, and has drawn from it".to_owned();
            return Err(Error::InUse { what: "source of values", name: name.to_owned(), by });
        }
        tx.run("DELETE FROM value_given WHERE source = $1 AND unit = $2", values![name, &unit]).await?;
        let back = match (&source.of, back) {
            (ValuesOf::Http(_), _) => None,
            (ValuesOf::Table(_), None) => None,
            (ValuesOf::Table(_), Some(back)) => {
                let wrong =
                    |error: serde_json::Error| Error::Row { table: "value_given", why: error.to_string() };
                Some(serde_json::from_str::<Back>(&back).map_err(wrong)?)
            }
            (ValuesOf::Sequence(_) | ValuesOf::Addresses(_), _) => {
                Some(Back { place: unit.parse().unwrap_or_default(), serial: None, content })
            }
        };
        if let Some(back) = back {
            free(&mut tx, name, &unit, &back).await?;
        }
        tx.commit().await?;
        Ok(board)
    }
}

/// Makes something free.
pub(super) async fn free(tx: &mut Tx, source: &str, unit: &str, back: &Back) -> Result<(), Error> {
    tx.run(
        "INSERT INTO value_free (source, unit, place, serial, content) VALUES ($1, $2, $3, $4, $5)",
        values![source, unit, back.place, &back.serial, json(&back.content)],
    )
    .await
    .map(drop)
}
