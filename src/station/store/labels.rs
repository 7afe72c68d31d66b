//! Templates of labels, and the printers that they go to.

use std::collections::BTreeMap;

use super::db::{Row, Tx, json, values, word};
use super::{Error, Store, check_name, prints};
use crate::label;
use crate::station_api::{
    Label, MOST_COPIES, NewPrinter, PrintState, Printer, PrinterAt, ProjectLabel, Time,
};

/// Labels and printers that there may be: a list of all is one answer.
const MOST: u64 = 100;
const LABEL: &str = "SELECT name, language, body FROM label";
/// A password has so many bytes at most.
const LONGEST_SECRET: usize = 200;

fn label(row: Row) -> Result<Label, Error> {
    let mut row = row.of("label");
    Ok(Label { name: row.text()?, language: row.word()?, text: row.text()?, warnings: Vec::new() })
}

fn no_such(what: &'static str, name: &str) -> Error {
    Error::NoSuch { what, name: name.to_owned() }
}

/// One label, within a transaction.
pub(super) async fn one(tx: &mut Tx, name: &str) -> Result<Option<Label>, Error> {
    tx.row(&format!("{LABEL} WHERE name = $1"), values![name]).await?.map(label).transpose()
}

/// Whether there is a printer of this name.
pub(super) async fn has_printer(tx: &mut Tx, name: &str) -> Result<bool, Error> {
    Ok(tx.row("SELECT name FROM printer WHERE name = $1", values![name]).await?.is_some())
}

/// Whether a project's boards can have this label.
pub(super) async fn check(tx: &mut Tx, wanted: &ProjectLabel) -> Result<(), Error> {
    if one(tx, &wanted.label).await?.is_none() {
        return Err(no_such("label", &wanted.label));
    }
    if !has_printer(tx, &wanted.printer).await? {
        return Err(no_such("printer", &wanted.printer));
    }
    copies(wanted.copies)
}

/// Whether so many copies are printed at once.
pub(super) fn copies(copies: u32) -> Result<(), Error> {
    if (1..=MOST_COPIES).contains(&copies) {
        return Ok(());
    }
    Err(Error::BadValue { what: "copies", why: format!("they are 1 to {MOST_COPIES}") })
}

/// Whether one more of a kind may be made.
async fn room(tx: &mut Tx, table: &str, what: &'static str, name: &str) -> Result<(), Error> {
    let sql = format!("SELECT name FROM {table} WHERE name = $1");
    if tx.row(&sql, values![name]).await?.is_some() {
        return Ok(());
    }
    check_name(name)?;
    let count = tx.row(&format!("SELECT count(*) FROM {table}"), &[]).await?;
    if count.map_or(Ok(0), |mut row| row.count())? >= MOST {
        return Err(Error::Many { what, most: MOST });
    }
    Ok(())
}

/// Whether a template can be a label's. Drawing takes a moment: before a transaction, which others wait for.
pub(super) fn is_sound(new: &Label) -> Result<(), Error> {
    label::check(new).map_err(|why| Error::BadValue { what: "label", why: why.to_string() })
}

/// Makes or changes a label that [is sound](is_sound), within a transaction.
pub(super) async fn put(tx: &mut Tx, new: &Label) -> Result<(), Error> {
    room(tx, "label", "labels", &new.name).await?;
    tx.run(
        "INSERT INTO label (name, language, body) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET language = excluded.language, body = excluded.body",
        values![&new.name, word(new.language), &new.text],
    )
    .await
    .map(drop)
}

/// Makes or changes a printer, within a transaction.
pub(super) async fn put_printer(tx: &mut Tx, new: &NewPrinter, by: &str, now: Time) -> Result<(), Error> {
    let bad = |why: String| Error::BadValue { what: "printer", why };
    new.at.check().map_err(|why| bad(why.to_owned()))?;
    if let Some(secret) = &new.password
        && (secret.len() > LONGEST_SECRET || secret.chars().any(char::is_control))
    {
        return Err(bad(format!("a password has {LONGEST_SECRET} bytes at most, and no control characters")));
    }
    room(tx, "printer", "printers", &new.name).await?;
    let sql = "SELECT place, secret FROM printer WHERE name = $1";
    let before = match tx.row(sql, values![&new.name]).await? {
        None => None,
        Some(row) => {
            let mut row = row.of("printer");
            let at: PrinterAt = row.json()?;
            // A password is told to the server that it was given for, and to no other.
            let is_same = match (&at, &new.at) {
                (PrinterAt::Ftp(one), PrinterAt::Ftp(other)) => {
                    (&one.host, one.port, &one.user) == (&other.host, other.port, &other.user)
                }
                _ => false,
            };
            row.maybe_text()?.filter(|_| is_same)
        }
    };
    let secret = match (&new.at, &new.password) {
        (PrinterAt::Ftp(_), Some(secret)) => Some(secret.clone()).filter(|secret| !secret.is_empty()),
        (PrinterAt::Ftp(_), None) => before,
        (_, Some(secret)) if !secret.is_empty() => {
            return Err(bad("only a printer by FTP has a password".to_owned()));
        }
        _ => None,
    };
    tx.run(
        "INSERT INTO printer (name, place, takes, secret, made, made_by) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (name) DO UPDATE SET place = excluded.place, takes = excluded.takes, secret = excluded.secret",
        values![&new.name, json(&new.at), word(new.takes), secret, now, by],
    )
    .await?;
    // What was doubtful there says nothing of where it is now.
    prints::go_on(tx, &new.name).await
}

/// The projects whose label is this, or is printed there.
async fn users(tx: &mut Tx, uses: impl Fn(&ProjectLabel) -> bool) -> Result<Vec<String>, Error> {
    let mut users = Vec::new();
    let sql = "SELECT name, label FROM project WHERE label IS NOT NULL ORDER BY name";
    for row in tx.rows(sql, &[]).await? {
        let mut row = row.of("project");
        let (project, wanted): (String, ProjectLabel) = (row.text()?, row.json()?);
        if uses(&wanted) {
            users.push(project);
        }
    }
    Ok(users)
}

fn in_use(what: &'static str, name: &str, users: &[String]) -> Result<(), Error> {
    if users.is_empty() {
        return Ok(());
    }
    let word = if users.len() == 1 { "project" } else { "projects" };
    Err(Error::InUse { what, name: name.to_owned(), by: format!("{word} {}", users.join(", ")) })
}

impl Store {
    /// All labels, by name.
    ///
    /// # Errors
    /// What the database says.
    pub async fn labels(&self) -> Result<Vec<Label>, Error> {
        self.db.rows(&format!("{LABEL} ORDER BY name"), &[]).await?.into_iter().map(label).collect()
    }

    /// The label.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn label(&self, name: &str) -> Result<Label, Error> {
        let row = self.db.row(&format!("{LABEL} WHERE name = $1"), values![name]).await?;
        label(row.ok_or_else(|| no_such("label", name))?)
    }

    /// Makes a label, or changes it: for what is printed from now on.
    ///
    /// # Errors
    /// [`Error::BadValue`], [`Error::Many`].
    pub async fn put_label(&self, new: &Label) -> Result<(), Error> {
        is_sound(new)?;
        let mut tx = self.db.begin().await?;
        put(&mut tx, new).await?;
        tx.commit().await
    }

    /// Removes a label. What waits to be printed stays.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::InUse`] while projects have it.
    pub async fn remove_label(&self, name: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        in_use("label", name, &users(&mut tx, |wanted| wanted.label == name).await?)?;
        if tx.run("DELETE FROM label WHERE name = $1", values![name]).await? == 0 {
            return Err(no_such("label", name));
        }
        tx.commit().await
    }

    /// All printers, by name, with how they do.
    ///
    /// # Errors
    /// What the database says.
    pub async fn printers(&self) -> Result<Vec<Printer>, Error> {
        let sql = "SELECT name, place, takes, CASE WHEN secret IS NULL THEN 0 ELSE 1 END, made, made_by, paused, doubt
                   FROM printer ORDER BY name";
        let (mut all, mut doubts) = (Vec::new(), BTreeMap::new());
        for row in self.db.rows(sql, &[]).await? {
            let mut row = row.of("printer");
            let printer = Printer {
                name: row.text()?,
                at: row.json()?,
                takes: row.word()?,
                password: row.truth()?,
                waiting: 0,
                unsure: 0,
                since: None,
                why: String::new(),
                made: row.number()?,
                by: row.text()?,
                paused: Some(row.number()?).filter(|until| *until > 0),
            };
            let doubt: String = row.text()?;
            if printer.paused.is_some() {
                doubts.insert(printer.name.clone(), doubt);
            }
            all.push(printer);
        }
        let sql =
            "SELECT printer, state, count(*) FROM print WHERE state IN ('waiting', 'printing', 'unsure')
                   GROUP BY printer, state";
        for row in self.db.rows(sql, &[]).await? {
            let mut row = row.of("print");
            let (name, state, count) = (row.text()?, row.word::<PrintState>()?, row.count()?);
            if let Some(printer) = all.iter_mut().find(|printer| printer.name == name) {
                match state {
                    PrintState::Unsure => printer.unsure += count,
                    _ => printer.waiting += count,
                }
            }
        }
        let sql = "SELECT p.printer, p.made, p.why FROM print p WHERE p.state = 'waiting'
                   AND p.id = (SELECT min(q.id) FROM print q WHERE q.printer = p.printer
                       AND q.state IN ('waiting', 'printing'))";
        for row in self.db.rows(sql, &[]).await? {
            let mut row = row.of("print");
            let (name, made, mut why): (String, _, String) = (row.text()?, row.number()?, row.text()?);
            if let Some(doubt) = doubts.get(&name) {
                why = format!(
                    "a label was perhaps printed: {doubt}; the others wait, for a while or until that one is seen to"
                );
            }
            if let Some(printer) = all.iter_mut().find(|printer| printer.name == name && !why.is_empty()) {
                (printer.since, printer.why) = (Some(made), why);
            }
        }
        Ok(all)
    }

    /// The printer.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn printer(&self, name: &str) -> Result<Printer, Error> {
        let found = self.printers().await?.into_iter().find(|printer| printer.name == name);
        found.ok_or_else(|| no_such("printer", name))
    }

    /// Makes a printer, or changes it.
    ///
    /// # Errors
    /// [`Error::BadValue`], [`Error::Many`].
    pub async fn put_printer(&self, new: &NewPrinter, by: &str, now: Time) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        put_printer(&mut tx, new, by, now).await?;
        tx.commit().await
    }

    /// Removes a printer. What waits for it isn't printed any more.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::InUse`] while projects print there.
    pub async fn remove_printer(&self, name: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        in_use("printer", name, &users(&mut tx, |wanted| wanted.printer == name).await?)?;
        if tx.run("DELETE FROM printer WHERE name = $1", values![name]).await? == 0 {
            return Err(no_such("printer", name));
        }
        let sql = "UPDATE print SET state = 'cancelled', why = 'the printer was removed'
                   WHERE printer = $1 AND state = 'waiting'";
        tx.run(sql, values![name]).await?;
        tx.commit().await
    }
}
