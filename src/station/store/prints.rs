//! What is to be printed: one label after the other for each printer, in the order in which they were wanted. What was cut
//! off while it was printed stays as that: nothing is printed once more by itself.

use super::db::{Question, Row, Tx, json, values, word};
use super::page::{limit, page};
use super::{Error, Store, boards, labels, new_name, plans};
use crate::device_api::Action;
use crate::station::labels::{Of, values_of};
use crate::station_api::{
    Board, Job, Label, LabelLanguage, LabelWhen, Page, Print, PrintState, PrinterAt, PrinterTakes,
    PrintsAsked, Time, Values,
};

/// What waits for one printer at most.
const MOST_WAITING: u64 = 2000;
/// A reason has so many characters at most.
const LONGEST_WHY: usize = 500;
const PRINT: &str =
    "SELECT id, printer, label, board, called, run, state, tries, made, due, made_by, why FROM print";

/// A printer that has perhaps printed a label gets nothing for so long, in milliseconds; after each further one in a row for
/// twice as long, up to the longest: one that takes labels and refuses them makes few of them doubtful.
const PAUSE: Time = 60_000;
const LONGEST_PAUSE: Time = 1_800_000;

/// Why nobody knows whether something was printed.
const CUT_OFF: &str = "the station ended, or heard nothing, while it was printed";

/// Something that is this station's to print, and where.
#[derive(Clone, PartialEq)]
pub struct Claimed {
    /// Its name.
    pub print: String,
    /// The printer.
    pub printer: String,
    /// How the label is written.
    pub language: LabelLanguage,
    /// The label's text.
    pub text: String,
    /// The board's values.
    pub values: Values,
    /// How often it was tried, this time included.
    pub tries: u32,
    /// Where the printer is.
    pub at: PrinterAt,
    /// What it gets of a label that is drawn.
    pub takes: PrinterTakes,
    /// The password for it.
    pub secret: Option<String>,
}

impl std::fmt::Debug for Claimed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Claimed")
            .field("print", &self.print)
            .field("printer", &self.printer)
            .finish_non_exhaustive()
    }
}

/// What became of something that was printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Printed {
    /// The printer has it.
    Sent,
    /// Nothing was printed: it is tried again at this time.
    Again(Time, String),
    /// Perhaps it was printed. The others wait for a while.
    Unsure(String),
    /// Perhaps it was printed, and that says nothing of the printer: this station has ended meanwhile.
    CutOff(String),
    /// It can't be.
    Failed(String),
}

/// A label that somebody wants.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The label.
    pub label: &'a Label,
    /// The printer, by name.
    pub printer: &'a str,
    /// The board; `None`: a test with sample values.
    pub board: Option<&'a Board>,
    /// What stands in the place of names.
    pub values: &'a Values,
    /// The run that it belongs to.
    pub run: Option<&'a str>,
    /// How often.
    pub copies: u32,
    /// Who wants it.
    pub by: &'a str,
}

fn print(row: Row) -> Result<Print, Error> {
    let mut row = row.of("print");
    Ok(Print {
        print: row.text()?,
        printer: row.text()?,
        label: row.text()?,
        board: row.maybe_text()?,
        called: row.text()?,
        run: row.maybe_text()?,
        state: row.word()?,
        tries: u32::try_from(row.count()?).unwrap_or(u32::MAX),
        made: row.number()?,
        due: row.number()?,
        by: row.text()?,
        why: row.text()?,
    })
}

fn no_print(id: &str) -> Error {
    Error::NoSuch { what: "label that was to be printed", name: id.to_owned() }
}

async fn one(tx: &mut Tx, id: &str) -> Result<Print, Error> {
    let row = tx.row(&format!("{PRINT} WHERE id = $1"), values![id]).await?;
    print(row.ok_or_else(|| no_print(id))?)
}

/// How long a printer gets nothing after so many doubtful labels in a row.
const fn pause(doubts: u64) -> Time {
    let mut pause = PAUSE;
    let mut n = 1;
    while n < doubts && pause < LONGEST_PAUSE {
        pause *= 2;
        n += 1;
    }
    if pause < LONGEST_PAUSE { pause } else { LONGEST_PAUSE }
}

/// A printer gets labels again.
pub(super) async fn go_on(tx: &mut Tx, printer: &str) -> Result<(), Error> {
    let sql = "UPDATE printer SET paused = 0, doubts = 0, doubt = '' WHERE name = $1 AND doubts > 0";
    tx.run(sql, values![printer]).await.map(drop)
}

/// A printer has perhaps printed a label.
async fn doubt(tx: &mut Tx, printer: &str, why: &str, now: Time) -> Result<(), Error> {
    let row = tx.row("SELECT doubts FROM printer WHERE name = $1", values![printer]).await?;
    let doubts = row.map_or(Ok(0), |mut row| row.count())?.saturating_add(1);
    let sql = "UPDATE printer SET doubts = $2, doubt = $3, paused = $4 WHERE name = $1";
    tx.run(sql, values![printer, doubts, why, now.saturating_add(pause(doubts))]).await.map(drop)
}

async fn waiting(tx: &mut Tx, printer: &str) -> Result<u64, Error> {
    let sql = "SELECT count(*) FROM print WHERE printer = $1 AND state IN ('waiting', 'printing')";
    tx.row(sql, values![printer]).await?.map_or(Ok(0), |mut row| row.count())
}

/// Puts it behind what waits for its printer. `job`: the one that wants it by itself; `failed`: why it can't be printed.
async fn put(
    tx: &mut Tx,
    wanted: Wanted<'_>,
    job: Option<&str>,
    failed: Option<&str>,
    now: Time,
) -> Result<Vec<String>, Error> {
    let mut ids = Vec::new();
    let called = wanted.board.and_then(Board::called).unwrap_or_default();
    let state = if failed.is_some() { PrintState::Failed } else { PrintState::Waiting };
    for _ in 0..wanted.copies {
        let id = new_name();
        tx.run(
            "INSERT INTO print (id, printer, label, language, body, content, board, called, run, job, made_by, state,
                 station, tries, made, due, why)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, NULL, 0, $13, $13, $14)",
            values![
                &id,
                wanted.printer,
                &wanted.label.name,
                word(wanted.label.language),
                &wanted.label.text,
                json(wanted.values),
                wanted.board.map(|board| board.id.clone()),
                &called,
                wanted.run,
                job,
                wanted.by,
                word(state),
                now,
                failed.unwrap_or_default(),
            ],
        )
        .await?;
        ids.push(id);
    }
    Ok(ids)
}

/// A job has begun, or its board is done: its project's label is printed where this is the moment for it, once a job.
/// What keeps it from being printed is told in the queue, and keeps no job from anything.
pub(super) async fn of_job(tx: &mut Tx, job: &Job, when: LabelWhen, now: Time) -> Result<(), Error> {
    if job.action != Action::Deploy || job.project.is_none() {
        return Ok(());
    }
    let plan = plans::read(tx, &job.id).await?;
    let wanted = plan.project.as_ref().and_then(|project| project.label.as_ref());
    let Some(wanted) = wanted.filter(|wanted| wanted.when == when) else { return Ok(()) };
    // The same board's job, once more: its label is there.
    if when == LabelWhen::Start && plan.tries > 0 {
        return Ok(());
    }
    if tx.row("SELECT id FROM print WHERE job = $1 LIMIT 1", values![&job.id]).await?.is_some() {
        return Ok(());
    }
    let board = boards::one(tx, &job.board).await?;
    let image = match &job.image {
        Some(id) => tx.row("SELECT name FROM image WHERE id = $1", values![id]).await?,
        None => None,
    };
    let image = image.map(|mut row| row.text()).transpose()?;
    let of = Of {
        run: job.run.as_deref(),
        job: Some(&job.id),
        project: job.project.as_deref(),
        image: image.as_deref(),
        values: Some(&plan.values),
    };
    let values = values_of(&board, of, now);
    let label = labels::one(tx, &wanted.label).await?;
    let failed = if label.is_none() {
        Some("there is no such label any more")
    } else if !labels::has_printer(tx, &wanted.printer).await? {
        Some("there is no such printer any more")
    } else if waiting(tx, &wanted.printer).await? >= MOST_WAITING {
        Some("too much waits for this printer")
    } else {
        None
    };
    let label = label.unwrap_or_else(|| Label { name: wanted.label.clone(), ..Label::default() });
    let wanted = Wanted {
        label: &label,
        printer: &wanted.printer,
        board: Some(&board),
        values: &values,
        run: job.run.as_deref(),
        copies: wanted.copies,
        by: &job.by,
    };
    put(tx, wanted, Some(&job.id), failed, now).await.map(drop)
}

impl Store {
    /// Somebody wants a label. The names of what waits now, one a copy.
    ///
    /// # Errors
    /// [`Error::NoSuch`], [`Error::BadValue`], [`Error::Many`].
    pub async fn want_print(&self, wanted: Wanted<'_>, now: Time) -> Result<Vec<Print>, Error> {
        labels::copies(wanted.copies)?;
        let mut tx = self.db.begin().await?;
        if !labels::has_printer(&mut tx, wanted.printer).await? {
            return Err(Error::NoSuch { what: "printer", name: wanted.printer.to_owned() });
        }
        if waiting(&mut tx, wanted.printer).await? + u64::from(wanted.copies) > MOST_WAITING {
            return Err(Error::Many { what: "labels that wait for this printer", most: MOST_WAITING });
        }
        let mut all = Vec::new();
        for id in put(&mut tx, wanted, None, None, now).await? {
            all.push(one(&mut tx, &id).await?);
        }
        tx.commit().await?;
        Ok(all)
    }

    /// What comes next for each printer, where it is due: its name, and the printer's.
    ///
    /// # Errors
    /// What the database says.
    pub async fn due_prints(&self, now: Time) -> Result<Vec<(String, String)>, Error> {
        let sql = "SELECT p.id, p.printer FROM print p JOIN printer r ON r.name = p.printer
                   WHERE p.state = 'waiting' AND p.due <= $1 AND p.claimed <= $1 AND r.paused <= $1
                   AND p.id = (SELECT min(q.id) FROM print q WHERE q.printer = p.printer
                       AND q.state IN ('waiting', 'printing'))
                   ORDER BY p.id LIMIT 200";
        let rows = self.db.rows(sql, values![now]).await?.into_iter();
        rows.map(|mut row| Ok((row.text()?, row.text()?))).collect()
    }

    /// It is this station's until this time; `None` where it isn't to be printed any more, or is another one's. It waits
    /// until [its first byte goes out](Self::begin_print).
    ///
    /// # Errors
    /// What the database says.
    pub async fn claim_print(&self, id: &str, now: Time, until: Time) -> Result<Option<Claimed>, Error> {
        let mut tx = self.db.begin().await?;
        let sql = "SELECT p.id, p.printer, p.language, p.body, p.content, p.tries, r.place, r.takes, r.secret
                   FROM print p JOIN printer r ON r.name = p.printer
                   WHERE p.id = $1 AND p.state = 'waiting' AND p.claimed <= $2 AND r.paused <= $2
                   AND NOT EXISTS (SELECT 1 FROM print q WHERE q.printer = p.printer AND q.id <> p.id
                       AND (q.state = 'printing' OR (q.state = 'waiting' AND q.claimed > $2)))";
        let Some(row) = tx.row(sql, values![id, now]).await? else { return Ok(None) };
        let mut row = row.of("print");
        let claimed = Claimed {
            print: row.text()?,
            printer: row.text()?,
            language: row.word()?,
            text: row.text()?,
            values: row.json()?,
            tries: u32::try_from(row.count()?).unwrap_or(u32::MAX).saturating_add(1),
            at: row.json()?,
            takes: row.word()?,
            secret: row.maybe_text()?,
        };
        let sql = "UPDATE print SET station = $2, tries = tries + 1, claimed = $3 WHERE id = $1";
        tx.run(sql, values![id, &self.here, until]).await?;
        // From here on it is this label that tells how the printer does.
        let sql = "UPDATE printer SET paused = 0 WHERE name = $1 AND paused > 0";
        tx.run(sql, values![&claimed.printer]).await?;
        tx.commit().await?;
        Ok(Some(claimed))
    }

    /// Its first byte goes out now, and the last one until this time. Not where that is `false`: nobody wants it any more,
    /// or it is another station's meanwhile.
    ///
    /// # Errors
    /// What the database says.
    pub async fn begin_print(&self, id: &str, tries: u32, until: Time) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        // How often it was tried tells one claim of a station from another.
        let sql = "UPDATE print SET state = 'printing', claimed = 0, due = $4
                   WHERE id = $1 AND state = 'waiting' AND claimed > 0 AND station = $2 AND tries = $3";
        let begun = tx.run(sql, values![id, &self.here, tries, until]).await?;
        tx.commit().await?;
        Ok(begun > 0)
    }

    /// Notes what became of it, as it was claimed with so many tries.
    ///
    /// # Errors
    /// What the database says.
    pub async fn note_print(&self, id: &str, tries: u32, printed: &Printed, now: Time) -> Result<(), Error> {
        let (state, due, why) = match printed {
            Printed::Sent => (PrintState::Sent, now, ""),
            Printed::Again(due, why) => (PrintState::Waiting, *due, why.as_str()),
            Printed::Unsure(why) | Printed::CutOff(why) => (PrintState::Unsure, now, why.as_str()),
            Printed::Failed(why) => (PrintState::Failed, now, why.as_str()),
        };
        let why: String = why.chars().take(LONGEST_WHY).collect();
        let mut tx = self.db.begin().await?;
        // What nobody heard of for too long is `unsure` meanwhile: that it was sent after all is better known.
        let late = if *printed == Printed::Sent { " OR (state = 'unsure' AND tries = $6)" } else { "" };
        let sql = format!(
            "UPDATE print SET state = $2, station = NULL, claimed = 0, due = $3, why = $4
             WHERE id = $1 AND ((state = 'printing' AND station = $5 AND tries = $6){late}
                 OR (state = 'waiting' AND claimed > 0 AND station = $5 AND tries = $6))"
        );
        let noted = tx.run(&sql, values![id, word(state), due, &why, &self.here, tries]).await?;
        if noted > 0 && matches!(printed, Printed::Sent | Printed::Unsure(_)) {
            let printer = one(&mut tx, id).await?.printer;
            match printed {
                Printed::Sent => go_on(&mut tx, &printer).await?,
                _ => doubt(&mut tx, &printer, &why, now).await?,
            }
        }
        tx.commit().await
    }

    /// What was being printed when this station ended (`begins`), or for too long, was perhaps printed: how many. What it
    /// only had then, and hadn't begun, waits again.
    ///
    /// # Errors
    /// What the database says.
    pub async fn cut_off_prints(&self, begins: bool, now: Time) -> Result<u64, Error> {
        if begins {
            let mut tx = self.db.begin().await?;
            let sql = "UPDATE print SET station = NULL, claimed = 0 WHERE state = 'waiting' AND station = $1";
            tx.run(sql, values![&self.here]).await?;
            tx.commit().await?;
        }
        let mut question = Question::new("SELECT id FROM print WHERE state = 'printing'");
        question.more(" AND (due < {}", values![now]);
        if begins {
            question.more(" OR station = {}", values![&self.here]);
        }
        question.more(") LIMIT 500", &[]);
        let found = self.db.rows(&question.sql, &question.values).await?;
        if found.is_empty() {
            return Ok(0);
        }
        let mut tx = self.db.begin().await?;
        let mut count = 0;
        for mut row in found {
            let sql = "UPDATE print SET state = 'unsure', station = NULL, due = $2, why = $3
                       WHERE id = $1 AND state = 'printing'";
            count += tx.run(sql, values![row.text()?, now, CUT_OFF]).await?;
        }
        tx.commit().await?;
        Ok(count)
    }

    /// It is printed once more: what waits is tried now, with all that waits for that printer; of anything else another
    /// one is made. What is over.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::InUse`] while it is printed.
    pub async fn print_again(&self, id: &str, by: &str, now: Time) -> Result<Print, Error> {
        let mut tx = self.db.begin().await?;
        let before = one(&mut tx, id).await?;
        match before.state {
            PrintState::Printing => {
                let by = "it is being printed".to_owned();
                return Err(Error::InUse { what: "label", name: before.label, by });
            }
            PrintState::Waiting => {
                let sql = "UPDATE print SET due = $2 WHERE printer = $1 AND state = 'waiting' AND due > $2";
                tx.run(sql, values![&before.printer, now]).await?;
                go_on(&mut tx, &before.printer).await?;
                let print = one(&mut tx, id).await?;
                tx.commit().await?;
                return Ok(print);
            }
            // It was answered: who presses twice gets one label.
            PrintState::Cancelled => {
                return Err(Error::InUse { what: "label", name: before.label, by: before.why });
            }
            _ => {}
        }
        if !labels::has_printer(&mut tx, &before.printer).await? {
            return Err(Error::NoSuch { what: "printer", name: before.printer });
        }
        if waiting(&mut tx, &before.printer).await? >= MOST_WAITING {
            return Err(Error::Many { what: "labels that wait for this printer", most: MOST_WAITING });
        }
        let new = new_name();
        let sql = "INSERT INTO print (id, printer, label, language, body, content, board, called, run, job, made_by,
                       state, station, tries, made, due, why)
                   SELECT $2, printer, label, language, body, content, board, called, run, NULL, $3, 'waiting', NULL,
                       0, $4, $4, '' FROM print WHERE id = $1";
        tx.run(sql, values![id, &new, by, now]).await?;
        if matches!(before.state, PrintState::Unsure | PrintState::Failed) {
            let sql = "UPDATE print SET state = 'cancelled', why = $2 WHERE id = $1";
            tx.run(sql, values![id, format!("{by} lets it be printed again")]).await?;
            // Who has looked at the printer knows how it does.
            go_on(&mut tx, &before.printer).await?;
        }
        let print = one(&mut tx, &new).await?;
        tx.commit().await?;
        Ok(print)
    }

    /// Nobody wants it any more: what waits isn't printed, and what was perhaps printed or couldn't be is seen to.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::InUse`] while it is printed.
    pub async fn cancel_print(&self, id: &str, by: &str) -> Result<Print, Error> {
        let mut tx = self.db.begin().await?;
        let before = one(&mut tx, id).await?;
        match before.state {
            PrintState::Printing => {
                let by = "it is being printed".to_owned();
                return Err(Error::InUse { what: "label", name: before.label, by });
            }
            PrintState::Sent | PrintState::Cancelled => return Ok(before),
            _ => {}
        }
        let why = match before.state {
            PrintState::Waiting => format!("{by} doesn't want it any more"),
            _ => format!("{by} has seen to it: {}", before.why),
        };
        let why: String = why.chars().take(LONGEST_WHY).collect();
        tx.run("UPDATE print SET state = 'cancelled', why = $2 WHERE id = $1", values![id, why]).await?;
        if before.state == PrintState::Unsure {
            go_on(&mut tx, &before.printer).await?;
        }
        let print = one(&mut tx, id).await?;
        tx.commit().await?;
        Ok(print)
    }

    /// What was and is to be printed, the newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn prints(&self, asked: &PrintsAsked) -> Result<Page<Print>, Error> {
        let limit = limit(asked.limit)?;
        let mut question = Question::new(PRINT);
        if let Some(printer) = &asked.printer {
            question.and("printer = {}", values![printer]);
        }
        if let Some(state) = asked.state {
            question.and("state = {}", values![word(state)]);
        }
        if let Some(board) = &asked.board {
            question.and("board = {}", values![board]);
        }
        if let Some(after) = &asked.after {
            question.and("id < {}", values![after]);
        }
        question.more(" ORDER BY id DESC LIMIT {}", values![limit as u64 + 1]);
        let rows = self.db.rows(&question.sql, &question.values).await?;
        let lines = rows.into_iter().map(print).collect::<Result<Vec<_>, _>>()?;
        Ok(page(lines, limit, |line| line.print.clone()))
    }

    /// Removes what is over since before.
    ///
    /// # Errors
    /// What the database says.
    pub async fn forget_prints(&self, before: Time) -> Result<u64, Error> {
        let mut tx = self.db.begin().await?;
        let sql = "DELETE FROM print WHERE id IN (SELECT p.id FROM print p
                   WHERE p.state IN ('sent', 'failed', 'cancelled') AND p.due < $1 LIMIT 5000)";
        let removed = tx.run(sql, values![before]).await?;
        tx.commit().await?;
        Ok(removed)
    }
}
