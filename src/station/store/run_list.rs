//! Lists of runs: each filter walks an index, whatever stands beside it.

use super::boards::serial_is;
use super::db::{Question, Value, values};
use super::page::{at, limit, page};
use super::runs::{LINE, line};
use super::{Error, Store};
use crate::station_api::{Page, RunLine, RunsAsked};

impl Store {
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

/// The question for a list of runs. Which ones is looked up in indexes that have all that is asked for; only then are
/// the rows read, with their records.
pub(super) fn runs_question(asked: &RunsAsked) -> Result<(Question, usize), Error> {
    let limit = limit(asked.limit)?;
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
