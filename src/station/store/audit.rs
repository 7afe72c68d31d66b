//! What people did: noted, listed, checked, and removed from its beginning only.

use super::db::{Question, Row, Tx, values};
use super::page::{limit, page};
use super::{Db, Error, Store, new_name};
use crate::station_api::{Audit, AuditAsked, Broken, Link, Page, Time, digest};

/// Where the chain begins: behind the last line that was removed because it was old.
const BEGIN: &str = "audit.begin";
/// Where it ends.
const END: &str = "audit.end";
/// Lines that are read or changed at once.
const PART: u64 = 500;
const COLUMNS: &str = "n, at, person, origin, doing, subject, name, hash";

/// What somebody did, as it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Did<'a> {
    /// When.
    pub time: Time,
    /// The user, token or rule.
    pub by: &'a str,
    /// From where.
    pub from: &'a str,
    /// What.
    pub what: &'a str,
    /// With what.
    pub on: &'a str,
    /// What people call that now, where `on` is the station's own name of it.
    pub name: Option<&'a str>,
}

fn line(row: Row) -> Result<Audit, Error> {
    let mut row = row.of("audit");
    let (n, time, by, from) = (row.count()?, row.number()?, row.text()?, row.text()?);
    Ok(Audit {
        n,
        time,
        by,
        from,
        what: row.text()?,
        on: row.text()?,
        name: row.maybe_text()?,
        hash: row.text()?,
    })
}

async fn place(tx: &mut Tx, name: &str) -> Result<Option<Link>, Error> {
    let row = tx.row("SELECT value FROM setting WHERE name = $1", values![name]).await?;
    row.map(|row| row.of("setting").json()).transpose()
}

async fn put_place(tx: &mut Tx, name: &str, place: &Link) -> Result<(), Error> {
    let sql = "INSERT INTO setting (name, value) VALUES ($1, $2)
               ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    tx.run(sql, values![name, super::db::json(place)]).await.map(drop)
}

/// Brings lines into the chain that were noted before there was one. Once there is, a line without a number is one that
/// nobody has noted, and stays outside.
pub(super) async fn chain_old(db: &Db) -> Result<(), Error> {
    if db.row("SELECT 1 FROM audit WHERE n IS NULL LIMIT 1", &[]).await?.is_none() {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    if place(&mut tx, END).await?.is_some() {
        return Ok(());
    }
    let mut end = Link::default();
    loop {
        let sql =
            "SELECT id, at, person, origin, doing, subject FROM audit WHERE n IS NULL ORDER BY id LIMIT $1";
        let rows = tx.rows(sql, values![PART]).await?;
        let last = (rows.len() as u64) < PART;
        for row in rows {
            let mut row = row.of("audit");
            let id = row.text()?;
            let (time, by, from) = (row.number()?, row.text()?, row.text()?);
            let (what, on, hash) = (row.text()?, row.text()?, String::new());
            let line = Audit { n: end.n + 1, time, by, from, what, on, name: None, hash };
            end = Link { n: line.n, hash: digest(&end.hash, &line) };
            let sql = "UPDATE audit SET n = $2, hash = $3 WHERE id = $1";
            tx.run(sql, values![id, end.n, &end.hash]).await?;
        }
        if last {
            break;
        }
    }
    put_place(&mut tx, END, &end).await?;
    tx.commit().await
}

/// A chain that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chained {
    /// Behind which line it begins.
    pub begin: Link,
    /// Where it ends.
    pub end: Link,
    /// Why it isn't whole.
    pub broken: Option<Broken>,
}

impl Store {
    /// Notes that somebody did something.
    ///
    /// # Errors
    /// What the database says.
    pub async fn note(&self, did: &Did<'_>) -> Result<(), Error> {
        // As the database keeps it: the digest is over that.
        let text = |text: &str| text.replace('\0', "\u{fffd}").chars().take(300).collect::<String>();
        let mut tx = self.db.begin().await?;
        let end = place(&mut tx, END).await?.unwrap_or_default();
        let (by, from, what, on) = (text(did.by), text(did.from), text(did.what), text(did.on));
        let name = did.name.map(text);
        let mut line = Audit { n: end.n + 1, time: did.time, by, from, what, on, name, hash: String::new() };
        line.hash = digest(&end.hash, &line);
        tx.run(
            "INSERT INTO audit (id, at, person, origin, doing, subject, name, n, hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            values![
                new_name(),
                line.time,
                &line.by,
                &line.from,
                &line.what,
                &line.on,
                line.name.as_deref(),
                line.n,
                &line.hash
            ],
        )
        .await?;
        put_place(&mut tx, END, &Link { n: line.n, hash: line.hash }).await?;
        tx.commit().await
    }

    /// What people did, the newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn audit(&self, asked: &AuditAsked) -> Result<Page<Audit>, Error> {
        let limit = limit(asked.limit)?;
        let mut question = Question::new(&format!("SELECT {COLUMNS} FROM audit"));
        if let Some(after) = &asked.after {
            let why = || format!("`{after}` is no place in this list");
            let after: u32 = after.parse().map_err(|_| Error::BadValue { what: "after", why: why() })?;
            question.and("n < {}", values![after]);
        }
        if let Some(by) = &asked.by {
            question.and("person = {}", values![by]);
        }
        if let Some(on) = &asked.on {
            // The board that is called so now has rows from before it was.
            let board = self.find_board(on).await.ok();
            question.and(
                "(subject = {} OR name = {} OR subject = {})",
                values![on, on, board.as_deref().unwrap_or(on)],
            );
        }
        match &asked.what {
            Some(what) if what.ends_with('.') => {
                let begins = what.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_") + "%";
                question.and("doing LIKE {} ESCAPE '\\'", values![begins]);
            }
            Some(what) => {
                question.and("doing = {}", values![what]);
            }
            None => {}
        }
        if let Some(since) = asked.since {
            question.and("at >= {}", values![since]);
        }
        if let Some(until) = asked.until {
            question.and("at < {}", values![until]);
        }
        question.more(" ORDER BY n DESC LIMIT {}", values![limit as u64 + 1]);
        let rows = self.db.rows(&question.sql, &question.values).await?;
        let lines = rows.into_iter().map(line).collect::<Result<Vec<_>, Error>>()?;
        Ok(page(lines, limit, |line| line.n.to_string()))
    }

    /// What has been done that the audit knows, each word once.
    ///
    /// # Errors
    /// What the database says.
    pub async fn audit_words(&self) -> Result<Vec<String>, Error> {
        // From one word to the next by the index: not over all rows.
        let sql = "WITH RECURSIVE word(doing) AS (SELECT min(doing) FROM audit UNION ALL
                   SELECT (SELECT min(a.doing) FROM audit a WHERE a.doing > word.doing)
                   FROM word WHERE word.doing IS NOT NULL)
                   SELECT doing FROM word WHERE doing IS NOT NULL LIMIT 200";
        self.db.rows(sql, &[]).await?.into_iter().map(|row| row.of("audit").text()).collect()
    }

    /// Lines behind a place, the oldest first: at most so many as are read at once.
    ///
    /// # Errors
    /// What the database says.
    pub async fn audit_behind(&self, n: u64) -> Result<Vec<Audit>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM audit WHERE n > $1 ORDER BY n LIMIT $2");
        self.db.rows(&sql, values![n, PART]).await?.into_iter().map(line).collect()
    }

    /// Where the chain begins and ends.
    ///
    /// # Errors
    /// What the database says.
    pub async fn audit_ends(&self) -> Result<(Link, Link), Error> {
        let mut tx = self.db.look().await?;
        let begin = place(&mut tx, BEGIN).await?.unwrap_or_default();
        let end = place(&mut tx, END).await?.unwrap_or_default();
        Ok((begin, end))
    }

    /// Looks at the whole chain, as it is at one moment.
    ///
    /// # Errors
    /// What the database says. That the chain is broken is no error of that kind.
    pub async fn check_audit(&self) -> Result<Chained, Error> {
        let mut tx = self.db.look().await?;
        let begin = place(&mut tx, BEGIN).await?.unwrap_or_default();
        let end = place(&mut tx, END).await?.unwrap_or_default();
        let mut at = begin.clone();
        let sql = format!("SELECT {COLUMNS} FROM audit WHERE n > $1 ORDER BY n LIMIT $2");
        // One in front of the beginning, or without a number, was put there.
        let stray = "SELECT 1 FROM audit WHERE n IS NULL OR n <= $1 LIMIT 1";
        let mut broken = tx.row(stray, values![begin.n]).await?.map(|_| Broken::Inserted { n: begin.n });
        while broken.is_none() {
            let lines = tx.rows(&sql, values![at.n, PART]).await?;
            let count = lines.len() as u64;
            for row in lines {
                if let Err(why) = at.follow(&line(row)?) {
                    broken = Some(why);
                    break;
                }
            }
            if count < PART {
                break;
            }
        }
        let broken = broken.or_else(|| at.ends(&end).err());
        Ok(Chained { begin, end, broken })
    }

    /// Removes lines that are older, from the beginning: the first one that isn't stays, and all behind it.
    pub(super) async fn cut_audit(&self, oldest: Time) -> Result<u64, Error> {
        let mut all = 0;
        loop {
            let mut tx = self.db.begin().await?;
            let sql = "SELECT min(n) FROM audit WHERE at >= $1";
            let keep = tx.row(sql, values![oldest]).await?.map_or(Ok(None), |mut row| row.maybe_number())?;
            let begin = place(&mut tx, BEGIN).await?.unwrap_or_default();
            let until = keep.and_then(|n| u64::try_from(n).ok()).unwrap_or(u64::MAX >> 1);
            let until = until.min(begin.n.saturating_add(PART + 1));
            let sql = "SELECT n, hash FROM audit WHERE n < $1 ORDER BY n DESC LIMIT 1";
            let Some(row) = tx.row(sql, values![until]).await? else { return Ok(all) };
            let mut row = row.of("audit");
            let last = Link { n: row.count()?, hash: row.text()? };
            let removed = tx.run("DELETE FROM audit WHERE n <= $1", values![last.n]).await?;
            put_place(&mut tx, BEGIN, &last).await?;
            tx.commit().await?;
            all += removed;
        }
    }
}
