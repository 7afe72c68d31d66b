//! Boards: listed, looked up, changed, forgotten; and where they were seen.

use super::db::{Question, Row, Tx, Value, values, word};
use super::page::{at, limit, page};
use super::{Error, Store, check_name};
use crate::board::{Mac, Serial};
use crate::station::named::is_duid;
use crate::station_api::{Board, BoardChange, BoardFacts, Enrolment, Held, ListAsked, Page, Sighting, Time};

/// The columns of a board, its open job among them.
pub(super) const BOARD: &str = "SELECT b.id, b.name, b.serial, b.model, b.memory, b.disks, b.simulated, b.enrolment, b.key, b.held,
    b.slot, b.first_seen, b.last_seen, b.note, b.facts, b.stuck,
    (SELECT j.id FROM job j WHERE j.board = b.id AND j.state IN ('queued', 'running', 'finishing')) FROM board b";

pub(super) fn board(row: Row) -> Result<Board, Error> {
    let mut row = row.of("board");
    Ok(Board {
        id: row.text()?,
        name: row.maybe_text()?,
        serial: row.maybe_text()?.map(|text| text.parse()).transpose().map_err(|error| row.wrong(error))?,
        macs: Vec::new(),
        model: row.maybe_text()?,
        memory: row.maybe_number()?.map(i64::unsigned_abs),
        disks: row.json()?,
        simulated: row.truth()?,
        enrolment: row.word()?,
        key: row.maybe_text()?,
        held: row.word()?,
        slot: row.maybe_text()?,
        first_seen: row.number()?,
        last_seen: row.number()?,
        note: row.text()?,
        facts: row
            .maybe_text()?
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|error| row.wrong(error))?,
        stuck: row.maybe_text()?,
        job: row.maybe_text()?,
    })
}

/// One board, within a transaction.
pub(super) async fn one(tx: &mut Tx, id: &str) -> Result<Board, Error> {
    let row = tx.row(&format!("{BOARD} WHERE b.id = $1"), values![id]).await?;
    let mut board = board(row.ok_or_else(|| missing(id))?)?;
    for mut row in tx.rows("SELECT mac FROM board_mac WHERE board = $1 ORDER BY mac", values![id]).await? {
        board.macs.push(row.parsed()?);
    }
    Ok(board)
}

fn missing(name: &str) -> Error {
    Error::NoSuch { what: "board", name: name.to_owned() }
}

impl Store {
    /// The board with this id.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn board(&self, id: &str) -> Result<Board, Error> {
        let row = self.db.row(&format!("{BOARD} WHERE b.id = $1"), values![id]).await?;
        let mut boards = vec![board(row.ok_or_else(|| missing(id))?)?];
        self.with_addresses(&mut boards).await?;
        boards.pop().ok_or_else(|| missing(id))
    }

    /// The id of the board that is meant by an id, a name, a serial number, an Ethernet address or its maker's number,
    /// looked for in this order: what a person has named comes before what boards tell of themselves. Of several boards that tell the same,
    /// the one that was let in is meant.
    ///
    /// # Errors
    /// [`Error::NoSuch`], [`Error::Several`].
    pub async fn find_board(&self, text: &str) -> Result<String, Error> {
        let mut ways = vec![("id = {}".to_owned(), vec![Value::from(text)])];
        ways.push(("name = {}".to_owned(), vec![Value::from(text)]));
        if let Ok(serial) = text.parse::<Serial>() {
            let (condition, values) = serial_condition("", &serial);
            ways.push((condition, values.into()));
        }
        if let Ok(mac) = text.parse::<Mac>() {
            let condition = "id IN (SELECT board FROM board_mac WHERE mac = {})";
            ways.push((condition.to_owned(), vec![mac.to_string().into()]));
        }
        for (condition, values) in ways {
            let mut found = Vec::new();
            // Anybody can register under an address that another one has.
            for only in ["", " AND enrolment = 'enrolled'"] {
                let mut question = Question::new("SELECT id FROM board");
                question.and(&format!("({condition}){only}"), &values).more(" LIMIT 2", &[]);
                found = self.db.rows(&question.sql, &question.values).await?;
                if found.len() < 2 {
                    break;
                }
            }
            match (found.pop(), found.pop()) {
                (Some(mut row), None) => return row.text(),
                (None, _) => {}
                _ => return Err(Error::Several { name: text.to_owned() }),
            }
        }
        self.find_duid(text).await
    }

    /// The board that tells this number of its maker. How many zeros stand before it differs between what a board tells
    /// and what is printed on it.
    async fn find_duid(&self, text: &str) -> Result<String, Error> {
        let bare = |text: &str| text.trim_start_matches('0').to_ascii_uppercase();
        let wanted = bare(text);
        // As long as a serial number it may be too, where no serial number is that.
        let is_one =
            is_duid(text) || text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_one || wanted.len() < 8 {
            return Err(missing(text));
        }
        // No character of it means something there.
        let sql = "SELECT id, facts, enrolment FROM board WHERE upper(facts) LIKE $1 ORDER BY id LIMIT 100";
        let mut found = Vec::new();
        for row in self.db.rows(sql, values![format!("%{wanted}\"%")]).await? {
            let mut row = row.of("board");
            let id = row.text()?;
            let facts: BoardFacts = row.json()?;
            let enrolled = row.word::<Enrolment>()? == Enrolment::Enrolled;
            if facts.duid.is_some_and(|duid| bare(&duid) == wanted) {
                found.push((id, enrolled));
            }
        }
        let enrolled: Vec<_> = found.iter().filter(|(_, enrolled)| *enrolled).collect();
        match (&found[..], &enrolled[..]) {
            ([], _) => Err(missing(text)),
            ([(id, _)], _) | (_, [(id, _)]) => Ok(id.clone()),
            _ => Err(Error::Several { name: text.to_owned() }),
        }
    }

    /// Changes what people may change of a board.
    ///
    /// # Errors
    /// [`Error::NoSuch`], [`Error::Taken`], [`Error::BadValue`].
    pub async fn change_board(&self, id: &str, change: &BoardChange) -> Result<Board, Error> {
        let mut tx = self.db.begin().await?;
        let before = one(&mut tx, id).await?;
        if let Some(name) = &change.name {
            let name = Some(name.as_str()).filter(|name| !name.is_empty());
            // One that it has stays, whatever the rules for new ones are.
            if let Some(name) = name.filter(|name| before.name.as_deref() != Some(*name)) {
                check_name(name)?;
                free_of_others(&mut tx, id, name).await?;
            }
            tx.run("UPDATE board SET name = $2 WHERE id = $1", values![id, name])
                .await
                .map_err(|error| error.taken("board", name.unwrap_or_default()))?;
        }
        if let Some(note) = &change.note {
            if note.chars().count() > 2000 {
                return Err(Error::BadValue {
                    what: "note",
                    why: "it has 2000 characters at most".to_owned(),
                });
            }
            tx.run("UPDATE board SET note = $2 WHERE id = $1", values![id, note]).await?;
        }
        if let Some(slot) = &change.slot {
            let slot = Some(slot.as_str()).filter(|slot| !slot.is_empty());
            if let Some(slot) = slot
                && tx.row("SELECT name FROM slot WHERE name = $1", values![slot]).await?.is_none()
            {
                return Err(Error::NoSuch { what: "slot", name: slot.to_owned() });
            }
            tx.run("UPDATE board SET slot = $2 WHERE id = $1", values![id, slot]).await?;
        }
        if let Some(held) = change.held {
            tx.run("UPDATE board SET held = $2 WHERE id = $1", values![id, word(held)]).await?;
        }
        if let Some(enrolment) = change.enrolment {
            tx.run("UPDATE board SET enrolment = $2 WHERE id = $1", values![id, word(enrolment)]).await?;
        }
        if change.forget_key {
            tx.run("UPDATE board SET key = NULL WHERE id = $1", values![id]).await?;
        }
        tx.commit().await?;
        self.board(id).await
    }

    /// A board that is answered once more was answered: from now on it isn't.
    ///
    /// # Errors
    /// What the database says.
    pub async fn answered(&self, id: &str) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE board SET held = $2 WHERE id = $1 AND held = $3";
        let changed = tx.run(sql, values![id, word(Held::Done), word(Held::Once)]).await?;
        tx.commit().await?;
        Ok(changed > 0)
    }

    /// Forgets a board: its addresses and sightings. Its runs stay, as they are what was done.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::InUse`] while it has a job.
    pub async fn forget_board(&self, id: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let board = one(&mut tx, id).await?;
        if let Some(job) = board.job {
            return Err(Error::InUse { what: "board", name: id.to_owned(), by: format!("job {job}") });
        }
        tx.run("DELETE FROM board WHERE id = $1", values![id]).await?;
        tx.commit().await
    }

    /// How many boards there are, and how many of them wait for a person.
    ///
    /// # Errors
    /// What the database says.
    pub async fn count_boards(&self) -> Result<(u64, u64), Error> {
        let sql = "SELECT count(*), count(CASE WHEN enrolment = 'waiting' THEN 1 END) FROM board";
        let row = self.db.row(sql, &[]).await?;
        row.map_or(Ok((0, 0)), |mut row| Ok((row.count()?, row.count()?)))
    }

    /// How many boards that were seen since then wait to be let in.
    ///
    /// # Errors
    /// What the database says.
    pub async fn count_waiting(&self, since: Time) -> Result<u64, Error> {
        let sql = "SELECT count(*) FROM board WHERE enrolment = 'waiting' AND last_seen >= $1";
        let row = self.db.row(sql, values![since]).await?;
        row.map_or(Ok(0), |mut row| row.count())
    }

    /// Where boards were seen, the newest first.
    ///
    /// # Errors
    /// [`Error::BadValue`] for a wrong place in the list.
    pub async fn sightings(&self, asked: &ListAsked) -> Result<Page<Sighting>, Error> {
        let limit = limit(asked.limit)?;
        let mut question = Question::new("SELECT board, way, place, seen, doing FROM sighting");
        if let Some(board) = &asked.board {
            question.and("board = {}", values![board]);
        }
        if let Some(after) = &asked.after {
            let (time, rest) = at(after)?;
            let mut parts = rest.splitn(3, ' ');
            let mut part = || parts.next().unwrap_or_default();
            let (way, who, place) = (part(), part(), part());
            question.and("(seen, way, place, who) < ({}, {}, {}, {})", values![time, way, place, who]);
        }
        question
            .more(" ORDER BY seen DESC, way DESC, place DESC, who DESC LIMIT {}", values![limit as u64 + 1]);
        let rows = self.db.rows(&question.sql, &question.values).await?;
        let seen = rows.into_iter().map(|row| {
            let mut row = row.of("sighting");
            Ok(Sighting {
                board: row.maybe_text()?,
                way: row.text()?,
                at: row.text()?,
                time: row.number()?,
                what: row.text()?,
            })
        });
        let who = |seen: &Sighting| seen.board.clone().unwrap_or_default();
        let last = |seen: &Sighting| format!("{}.{} {} {}", seen.time, seen.way, who(seen), seen.at);
        Ok(page(seen.collect::<Result<_, Error>>()?, limit, last))
    }

    /// Boards of which no rule has matched when they came.
    ///
    /// # Errors
    /// What the database says.
    pub async fn count_unruled(&self) -> Result<u64, Error> {
        let sql = "SELECT count(*) FROM board WHERE ruled_at IS NOT NULL AND rule IS NULL";
        self.db.row(sql, &[]).await?.map_or(Ok(0), |mut row| row.count())
    }

    /// Boards that are answered once more, and those that aren't: what the network's half has to know.
    ///
    /// # Errors
    /// What the database says.
    pub async fn boards_held(&self) -> Result<Vec<Board>, Error> {
        let rows = self.db.rows(&format!("{BOARD} WHERE b.held <> 'armed' ORDER BY b.id"), &[]).await?;
        let mut boards = rows.into_iter().map(board).collect::<Result<Vec<_>, _>>()?;
        for part in boards.chunks_mut(500) {
            self.with_addresses(part).await?;
        }
        Ok(boards)
    }
}

/// A name that is another board's id, serial number or Ethernet address would mean that one to somebody who reads it there.
async fn free_of_others(tx: &mut Tx, id: &str, name: &str) -> Result<(), Error> {
    let mut ways = vec![("id", "b.id = {}".to_owned(), vec![Value::from(name)])];
    if let Ok(serial) = name.parse::<Serial>() {
        let (condition, values) = serial_condition("b.", &serial);
        ways.push(("serial number", condition, values.into()));
    }
    if let Ok(mac) = name.parse::<Mac>() {
        let condition = "b.id IN (SELECT m.board FROM board_mac m WHERE m.mac = {})".to_owned();
        ways.push(("Ethernet address", condition, vec![mac.to_string().into()]));
    }
    for (what, condition, values) in ways {
        let mut question = Question::new("SELECT b.id FROM board b");
        question.and("b.id <> {}", values![id]).and(&format!("({condition})"), &values);
        question.more(" ORDER BY b.id LIMIT 1", &[]);
        if let Some(mut row) = tx.row(&question.sql, &question.values).await? {
            return Err(Error::OfOther { name: name.to_owned(), what, board: row.text()? });
        }
    }
    Ok(())
}

/// The condition that a serial number is this one, in its long or its short form.
fn serial_condition(table: &str, serial: &Serial) -> (String, [Value; 3]) {
    let text = serial.as_str().to_ascii_lowercase();
    let length = Value::from(text.len() as u64);
    let condition = format!(
        "{table}serial_low = {{}} AND (lower({table}serial) = {{}} OR length({table}serial) = 8 OR {{}} = 8)"
    );
    (condition, [serial.directory().into(), text.into(), length])
}

/// Adds that condition.
pub(super) fn serial_is(question: &mut Question, table: &str, serial: &Serial) {
    let (condition, values) = serial_condition(table, serial);
    question.and(&condition, &values);
}

/// What is kept of a board's network answer, within a transaction.
pub(super) async fn hold(tx: &mut Tx, id: &str, held: Held, now: Time) -> Result<(), Error> {
    let sql = "UPDATE board SET held = $2, last_seen = $3 WHERE id = $1";
    tx.run(sql, values![id, word(held), now]).await.map(drop)
}
