//! Lists of runs: each filter walks an index, whatever stands beside it.

use super::boards::serial_is;
use super::db::{Question, Value, values};
use super::page::{at, limit, page};
use super::runs::{LINE, line};
use super::{Error, Store};
use crate::run::{Stage, Way};
use crate::station_api::{Page, RunLine, RunsAsked};

impl Store {
    /// Whether what is asked for can be there: its words are some, and a project of that name is there, or was when a run
    /// began.
    ///
    /// # Errors
    /// [`Error::BadValue`], [`Error::NoSuch`].
    pub async fn may_ask_runs(&self, asked: &RunsAsked) -> Result<(), Error> {
        words(asked)?;
        let Some(project) = &asked.project else { return Ok(()) };
        for sql in
            ["SELECT name FROM project WHERE name = $1", "SELECT project FROM run WHERE project = $1 LIMIT 1"]
        {
            if self.db.row(sql, values![project]).await?.is_some() {
                return Ok(());
            }
        }
        Err(Error::NoSuch { what: "project", name: project.clone() })
    }

    /// Runs, the newest first.
    ///
    /// # Errors
    /// [`Error::BadValue`] for a wrong place in the list.
    pub async fn runs(&self, asked: &RunsAsked) -> Result<Page<RunLine>, Error> {
        let (question, limit) = runs_question(asked)?;
        let rows = self.db.rows(&question.sql, &question.values).await?;
        let lines = rows.into_iter().map(line).collect::<Result<_, _>>()?;
        Ok(page(lines, limit, |line: &RunLine| format!("{}.{}", line.started, line.run)))
    }
}

/// How runs end, in the words that are asked for.
const OUTCOMES: [&str; 6] = ["done", "not-verified", "failed", "lost", "cancelled", "unfinished"];

/// Whether the words that are asked for are some: a list for one that there isn't would be empty, as if all were well.
fn words(asked: &RunsAsked) -> Result<(), Error> {
    let is_one = |what: &'static str, word: &Option<String>, all: Vec<&'static str>| match word {
        Some(word) if !all.contains(&word.as_str()) => {
            let word: String = word.chars().take(50).collect();
            Err(Error::BadValue { what, why: format!("`{word}` is none of {}", all.join(", ")) })
        }
        _ => Ok(()),
    };
    is_one("outcome", &asked.outcome, OUTCOMES.to_vec())?;
    is_one("stage", &asked.stage, Stage::ALL.iter().map(|stage| stage.word()).collect())?;
    is_one("way", &asked.way, Way::ALL.iter().map(|way| way.word()).collect())
}

/// The question for a list of runs. Which ones is looked up in indexes that have all that is asked for; only then are
/// the rows read, with their records.
pub(super) fn runs_question(asked: &RunsAsked) -> Result<(Question, usize), Error> {
    let limit = limit(asked.limit)?;
    words(asked)?;
    let mut question = Question::new(&format!("{LINE} WHERE id IN (SELECT id FROM run"));
    let same: [(&str, &Option<String>); 8] = [
        ("board", &asked.board),
        ("job", &asked.job),
        ("way", &asked.way),
        ("stage", &asked.stage),
        ("image", &asked.image),
        ("project", &asked.project),
        ("made_by", &asked.by),
        ("slot", &asked.slot),
    ];
    for (column, value) in same {
        if let Some(value) = value {
            question.and(&format!("{column} = {{}}"), &[Value::from(value)]);
        }
    }
    // What somebody wanted to end has failed, and not because something is wrong.
    match asked.outcome.as_deref() {
        Some("cancelled") => {
            question.and("outcome IN ('failed', 'lost') AND kind = 'interrupted'", &[]);
        }
        Some(word @ ("failed" | "lost")) => {
            question.and("outcome = {} AND coalesce(kind, '') <> 'interrupted'", values![word]);
        }
        Some(word) => {
            question.and("outcome = {}", values![word]);
        }
        None => {}
    }
    if let Some(serial) = asked.serial {
        serial_is(&mut question, "", &serial);
    }
    if let Some(text) = &asked.begins {
        let place = format!("{}%", plain(text));
        // Boards are few beside their runs; a run of another command may have none.
        question.and(
            "(board IN (SELECT b.id FROM board b WHERE lower(b.name) LIKE lower({}) ESCAPE '\\'
             OR b.serial LIKE lower({}) ESCAPE '\\' OR b.serial_low LIKE lower({}) ESCAPE '\\'
             OR b.id IN (SELECT m.board FROM board_mac m WHERE m.mac LIKE lower({}) ESCAPE '\\'))
             OR board IS NULL AND (lower(label) LIKE lower({}) ESCAPE '\\' OR serial LIKE lower({}) ESCAPE '\\'
             OR serial_low LIKE lower({}) ESCAPE '\\'))",
            values![&place, &place, &place, &place, &place, &place, &place],
        );
    }
    if let Some(text) = &asked.why {
        question.and(
            "why <> '' AND lower(why) LIKE lower({}) ESCAPE '\\'",
            values![format!("%{}%", plain(text))],
        );
    }
    if let Some(since) = asked.since {
        question.and("started >= {}", values![since]);
    }
    if let Some(until) = asked.until {
        question.and("started < {}", values![until]);
    }
    if let Some(after) = &asked.after {
        let (time, id) = at(after)?;
        question.and("(started, id) < ({}, {})", values![time, id]);
    }
    question.more(" ORDER BY started DESC, id DESC LIMIT {})", values![limit as u64 + 1]);
    question.more(" ORDER BY started DESC, id DESC", &[]);
    Ok((question, limit))
}

/// So many characters of what is looked for count: nothing that is looked through has a longer beginning that matters, and
/// databases refuse patterns without an end.
const LONGEST_SOUGHT: usize = 256;

/// A text within a pattern of LIKE, where it stands for itself.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::new();
    for char in text.chars().take(LONGEST_SOUGHT) {
        if matches!(char, '%' | '_' | '\\') {
            plain.push('\\');
        }
        plain.push(char);
    }
    plain
}
