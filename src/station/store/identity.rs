//! Who a board is: by its key, else by its serial number, and by an Ethernet address only where nothing else is known.

use super::db::{Tx, json, values, word};
use super::{Error, Store, new_name};
use crate::board::{Mac, Serial, Who};
use crate::device_api::Register;
use crate::station_api::{Board, BoardFacts, Enrolment, Held, Time};

/// So many strangers are kept: boards that nobody has let in or brought. Frames with forged addresses cost nothing.
pub(in crate::station) const MOST_STRANGERS: u64 = 20_000;
/// Who they are, as the index of them has it.
const STRANGERS: &str = "enrolment = 'waiting' AND brought = 0";
/// So many places are kept at which a board was seen by one way, and at which something was seen that told neither
/// address nor serial number.
const MOST_PLACES: u64 = 16;
const MOST_PLACES_OF_NOBODY: u64 = 500;
/// So many addresses of one board.
const MOST_MACS: usize = 16;

/// A board of a shell client that was let in is what it is by its address alone: who shows a key under that address isn't it.
const NO_SHELL_CLIENT: &str = "NOT (b.enrolment = 'enrolled' AND EXISTS (SELECT 1 FROM sighting s WHERE s.board = b.id AND s.way = 'shell'))";
/// What a board is that registers.
#[derive(Debug, Clone, PartialEq)]
pub enum Met {
    /// It is new.
    New(Board),
    /// It is this one, by its key; or it has given the key that it is known by from now on.
    Known(Board),
    /// Its serial number, or the address of one without, belongs to this board, which has another key. It gets nothing.
    Double(Board),
}

impl Met {
    /// The board.
    #[must_use]
    pub const fn board(&self) -> &Board {
        match self {
            Self::New(board) | Self::Known(board) | Self::Double(board) => board,
        }
    }
}

impl Store {
    /// A board has shown its key and told what it is. `open`: new boards are let in without a person.
    ///
    /// A board is known by its key. One without a key gets it by its serial number, once; so a board that a person has
    /// let in beforehand is let in. By an Ethernet address alone it gets the key too, but has to be let in again: an
    /// address is seen by everybody on the network.
    ///
    /// # Errors
    /// [`Error::Strangers`], or what the database says.
    pub async fn register(&self, told: &Register, open: bool, now: Time) -> Result<Met, Error> {
        let mut tx = self.db.begin().await?;
        let standing = if open { Enrolment::Enrolled } else { Enrolment::Waiting };
        let by_key = tx.row("SELECT id FROM board WHERE key = $1", values![&told.key]).await?;
        let mut new = false;
        let id = if let Some(mut row) = by_key {
            let id = row.text()?;
            // A key belongs to one board: under another serial number it gets nothing.
            if let Some(other) = other_serial(&mut tx, &id, told.serial.as_ref()).await? {
                tx.commit().await?;
                return Ok(Met::Double(self.board(&other).await?));
            }
            id
        } else if let Some(id) = by_serial(&mut tx, told.serial.as_ref()).await? {
            let key = tx.row("SELECT key FROM board WHERE id = $1", values![&id]).await?;
            if key.map_or(Ok(None), |mut row| row.maybe_text())?.is_some() {
                tx.run("UPDATE board SET last_seen = $2 WHERE id = $1", values![&id, now]).await?;
                tx.commit().await?;
                return Ok(Met::Double(self.board(&id).await?));
            }
            id
        } else if let Some(id) = by_address(&mut tx, &told.macs).await? {
            tx.run(
                "UPDATE board SET enrolment = $2 WHERE id = $1 AND enrolment <> 'refused'",
                values![&id, word(standing)],
            )
            .await?;
            id
        } else if let Some(id) = by_address_with_key(&mut tx, told).await? {
            tx.run("UPDATE board SET last_seen = $2 WHERE id = $1", values![&id, now]).await?;
            tx.commit().await?;
            return Ok(Met::Double(self.board(&id).await?));
        } else {
            new = true;
            make(&mut tx, standing, told.simulated, false, now).await?
        };
        // One that doesn't tell the number that its maker has burnt in has it all the same: what is known of it stays.
        let before = tx.row("SELECT facts FROM board WHERE id = $1", values![&id]).await?;
        let before = before.map_or(Ok(None), |mut row| row.maybe_text())?;
        let duid = before.and_then(|facts| serde_json::from_str::<BoardFacts>(&facts).ok()?.duid);
        tx.run(
            "UPDATE board SET key = $2, serial = coalesce($3, serial), serial_low = coalesce($4, serial_low),
             model = coalesce($5, model), memory = coalesce($6, memory), disks = $7, simulated = $8, last_seen = $9,
             lasting = $10, facts = $11 WHERE id = $1",
            values![
                &id,
                &told.key,
                told.serial.map(|serial| serial.as_str().to_owned()),
                told.serial.map(|serial| serial.directory()),
                &told.model,
                told.memory,
                json(&told.disks),
                told.simulated,
                now,
                told.lasting,
                json(&facts(told, duid, now)),
            ],
        )
        .await?;
        if open {
            let waits = "UPDATE board SET enrolment = 'enrolled' WHERE id = $1 AND enrolment = 'waiting'";
            tx.run(waits, values![&id]).await?;
        }
        addresses(&mut tx, &id, &told.macs).await?;
        absorb(&mut tx, &id, &told.macs).await?;
        tx.commit().await?;
        let board = self.board(&id).await?;
        Ok(if new { Met::New(board) } else { Met::Known(board) })
    }

    /// Whether a key that a board has found on a disk is good for it: it belongs to a board that is in the middle of a
    /// job, and has the same serial number, or where it has none, one of these addresses. Anybody may have put a key on
    /// a disk.
    ///
    /// # Errors
    /// [`Error::NoSuch`] where it isn't.
    pub async fn check_kept(&self, told: &Register) -> Result<(), Error> {
        let no = || Error::NoSuch { what: "key", name: told.key.clone() };
        let by_key = self.db.row("SELECT id FROM board WHERE key = $1", values![&told.key]).await?;
        let board = self.board(&by_key.ok_or_else(no)?.text()?).await?;
        let same = match (&board.serial, &told.serial) {
            (Some(known), Some(told)) => known.is_of_same_board(told),
            (None, None) => told.macs.iter().any(|mac| board.macs.contains(mac)),
            _ => false,
        };
        if same && board.job.is_some() { Ok(()) } else { Err(no()) }
    }

    /// How many strangers there are: boards that nobody has let in or brought.
    ///
    /// # Errors
    /// What the database says.
    pub(in crate::station) async fn strangers(&self) -> Result<u64, Error> {
        let sql = format!("SELECT count(*) FROM board WHERE {STRANGERS}");
        self.db.row(&sql, &[]).await?.map_or(Ok(0), |mut row| row.count())
    }

    /// A person wants something from a board that isn't there: the next key that is shown under its serial number is its
    /// own, as with a board that is let in before it comes. One whose key lasts keeps it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn expect_anew(&self, id: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        // In the middle of a job it is the board that has begun it.
        let sql = "UPDATE board SET key = NULL WHERE id = $1 AND lasting = 0 AND NOT EXISTS
                   (SELECT 1 FROM job j WHERE j.board = $1 AND j.state IN ('running', 'finishing'))";
        tx.run(sql, values![id]).await?;
        tx.commit().await
    }

    /// A board was seen: by whatever way, `place` an IP address or a USB port, `doing` for people. A board that isn't
    /// known yet becomes known, and waits. `None` where it told neither address nor serial number.
    ///
    /// # Errors
    /// [`Error::Strangers`], or what the database says.
    pub async fn see(
        &self,
        who: &Who,
        way: &str,
        place: &str,
        doing: &str,
        now: Time,
    ) -> Result<Option<String>, Error> {
        let mut tx = self.db.begin().await?;
        let id = find_or_make(&mut tx, who, false, now).await?;
        let (way, who) = (cut(way, 32), id.clone().unwrap_or_default());
        tx.run(
            "INSERT INTO sighting (way, place, who, board, seen, doing) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (way, place, who) DO UPDATE SET seen = excluded.seen, doing = excluded.doing",
            values![&way, cut(place, 128), &who, &id, now, cut(doing, 200)],
        )
        .await?;
        // A board that forges its addresses pushes out nothing but its own, and nothing of another way.
        let most = if id.is_some() { MOST_PLACES } else { MOST_PLACES_OF_NOBODY };
        tx.run(
            "DELETE FROM sighting WHERE who = $1 AND way = $2 AND place IN (SELECT s.place FROM sighting s
             WHERE s.who = $1 AND s.way = $2 ORDER BY s.seen DESC, s.place LIMIT 100 OFFSET $3)",
            values![&who, &way, most],
        )
        .await?;
        tx.commit().await?;
        Ok(id)
    }
}

/// `duid` is what was known of it before.
fn facts(told: &Register, duid: Option<String>, now: Time) -> BoardFacts {
    BoardFacts {
        at: now,
        agent: told.agent.clone(),
        revision: told.revision,
        temperature: told.temperature,
        throttled: told.throttled,
        zones: told.zones.clone(),
        duid: told.duid.clone().or(duid),
        boot_id: told.boot_id.clone().filter(|id| is_boot_id(id)),
        firmware: told.firmware.clone(),
        link_mbps: told.link_mbps,
        boot: told.boot.clone(),
        eeprom: told.eeprom.clone(),
        jumper: told.jumper,
    }
}

/// Whether it is the number of a start, as the kernel writes it: 32 hexadecimal digits with hyphens.
fn is_boot_id(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// The board that somebody has seen, made where it isn't known. `brought`: a person brings it, with a history.
pub(super) async fn find_or_make(
    tx: &mut Tx,
    who: &Who,
    brought: bool,
    now: Time,
) -> Result<Option<String>, Error> {
    let macs: Vec<Mac> = who.mac.into_iter().collect();
    let id = match by_serial(tx, who.serial.as_ref()).await? {
        Some(id) => id,
        None => match any_by_address(tx, &macs, who.serial.as_ref()).await? {
            Some(id) => id,
            None if who.serial.is_none() && who.mac.is_none() => return Ok(None),
            None => make(tx, Enrolment::Waiting, false, brought, now).await?,
        },
    };
    // The longer serial number tells more.
    tx.run(
        "UPDATE board SET last_seen = CASE WHEN last_seen < $2 THEN $2 ELSE last_seen END,
         serial = CASE WHEN serial IS NULL OR length(serial) < length($3) THEN coalesce($3, serial) ELSE serial END,
         serial_low = coalesce(serial_low, $4), model = coalesce(model, $5) WHERE id = $1",
        values![
            &id,
            now,
            who.serial.map(|serial| serial.as_str().to_owned()),
            who.serial.map(|serial| serial.directory()),
            who.model.map(|model| model.to_string()),
        ],
    )
    .await?;
    addresses(tx, &id, &macs).await?;
    absorb(tx, &id, &macs).await?;
    Ok(Some(id))
}

/// A board that the station has met itself, or a person has said something of.
const MET: &str = "(b.key IS NOT NULL OR b.enrolment <> 'waiting' OR b.name IS NOT NULL
    OR EXISTS (SELECT 1 FROM sighting s WHERE s.board = b.id))";

/// The board that the history of another provisioner tells of, made where it isn't known; and whether its address there
/// was kept out. That history says nothing new of the name of a board that the station has met itself: neither does such a
/// board get an address or a longer serial number by it, nor does another one get such a board's address.
pub(super) async fn find_or_make_old(
    tx: &mut Tx,
    who: &Who,
    now: Time,
) -> Result<(Option<String>, bool), Error> {
    let own = by_serial(tx, who.serial.as_ref()).await?;
    if let Some(id) = &own {
        let met = format!("SELECT b.id FROM board b WHERE b.id = $1 AND {MET}");
        if tx.row(&met, values![id]).await?.is_some() {
            let Some(mac) = who.mac else { return Ok((own, false)) };
            let has = "SELECT mac FROM board_mac WHERE board = $1 AND mac = $2";
            let has = tx.row(has, values![id, mac.to_string()]).await?.is_some();
            return Ok((own, !has));
        }
    }
    if let Some(mac) = who.mac {
        let others = format!(
            "SELECT b.id FROM board_mac m JOIN board b ON b.id = m.board WHERE m.mac = $1 AND {MET} LIMIT 1"
        );
        if tx.row(&others, values![mac.to_string()]).await?.is_some() {
            let without = Who { mac: None, ..who.clone() };
            return Ok((find_or_make(tx, &without, true, now).await?, true));
        }
    }
    Ok((find_or_make(tx, who, true, now).await?, false))
}

/// The board with this serial number, in its long or its short form.
async fn by_serial(tx: &mut Tx, serial: Option<&Serial>) -> Result<Option<String>, Error> {
    let Some(serial) = serial else { return Ok(None) };
    let sql = "SELECT id, serial FROM board WHERE serial_low = $1 ORDER BY id";
    for mut row in tx.rows(sql, values![serial.directory()]).await? {
        let (id, known): (String, Serial) = (row.text()?, row.parsed()?);
        if known.is_of_same_board(serial) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// A board with one of these addresses, of which neither key nor serial number is known.
async fn by_address(tx: &mut Tx, macs: &[Mac]) -> Result<Option<String>, Error> {
    for mac in macs.iter().take(MOST_MACS) {
        let sql = format!(
            "SELECT b.id FROM board_mac m JOIN board b ON b.id = m.board
             WHERE m.mac = $1 AND b.key IS NULL AND b.serial IS NULL AND {NO_SHELL_CLIENT} ORDER BY b.id"
        );
        if let Some(mut row) = tx.row(&sql, values![mac.to_string()]).await? {
            return Ok(Some(row.text()?));
        }
    }
    Ok(None)
}

/// The board that a serial number belongs to, where it isn't that of this board: this one, if it has another number, or
/// the one that has it.
async fn other_serial(tx: &mut Tx, id: &str, serial: Option<&Serial>) -> Result<Option<String>, Error> {
    let Some(told) = serial else { return Ok(None) };
    let row = tx.row("SELECT serial FROM board WHERE id = $1", values![id]).await?;
    let known: Option<Serial> = match row.map(|mut row| row.maybe_text()).transpose()?.flatten() {
        Some(text) => Some(text.parse().map_err(|_| Error::Row { table: "board", why: text.clone() })?),
        None => None,
    };
    match known {
        Some(known) => Ok((!known.is_of_same_board(told)).then(|| id.to_owned())),
        None => Ok(by_serial(tx, serial).await?.filter(|other| other != id)),
    }
}

/// A board without a serial number that has another key and one of these addresses: for one that has no serial number
/// either, its address is all that it is called by.
async fn by_address_with_key(tx: &mut Tx, told: &Register) -> Result<Option<String>, Error> {
    for mac in told.macs.iter().take(if told.serial.is_none() { MOST_MACS } else { 0 }) {
        let sql = "SELECT b.id FROM board_mac m JOIN board b ON b.id = m.board
                   WHERE m.mac = $1 AND b.key IS NOT NULL AND b.serial IS NULL ORDER BY b.id";
        if let Some(mut row) = tx.row(sql, values![mac.to_string()]).await? {
            return Ok(Some(row.text()?));
        }
    }
    Ok(None)
}

/// A board with one of these addresses. One of which another serial number is known is another one.
async fn any_by_address(tx: &mut Tx, macs: &[Mac], serial: Option<&Serial>) -> Result<Option<String>, Error> {
    for mac in macs {
        let sql = "SELECT b.id, b.serial FROM board_mac m JOIN board b ON b.id = m.board
                   WHERE m.mac = $1 ORDER BY b.last_seen DESC, b.id";
        for mut row in tx.rows(sql, values![mac.to_string()]).await? {
            let (id, known) = (row.text()?, row.maybe_text()?);
            if serial.is_none() || known.is_none() {
                return Ok(Some(id));
            }
        }
    }
    Ok(None)
}

/// `brought`: it is no stranger, and takes no stranger's place.
async fn make(
    tx: &mut Tx,
    standing: Enrolment,
    simulated: bool,
    brought: bool,
    now: Time,
) -> Result<String, Error> {
    if !brought && standing == Enrolment::Waiting {
        let count = tx.row(&format!("SELECT count(*) FROM board WHERE {STRANGERS}"), &[]).await?;
        if count.map_or(Ok(0), |mut row| row.count())? >= MOST_STRANGERS {
            // The one that was silent for longest makes room: of it nothing is known but that it was seen.
            let sql = format!(
                "DELETE FROM board WHERE id IN (SELECT b.id FROM board b WHERE {STRANGERS}
                 AND b.name IS NULL AND b.note = '' AND NOT EXISTS (SELECT 1 FROM run r WHERE r.board = b.id)
                 AND NOT EXISTS (SELECT 1 FROM job j WHERE j.board = b.id) ORDER BY b.last_seen, b.id LIMIT 1)"
            );
            if tx.run(&sql, &[]).await? == 0 {
                return Err(Error::Strangers { most: MOST_STRANGERS });
            }
        }
    }
    let id = new_name();
    tx.run(
        "INSERT INTO board (id, disks, simulated, enrolment, held, note, first_seen, last_seen, brought)
         VALUES ($1, '[]', $2, $3, $4, '', $5, $5, $6)",
        values![&id, simulated, word(standing), word(Held::Armed), now, brought],
    )
    .await?;
    Ok(id)
}

async fn addresses(tx: &mut Tx, id: &str, macs: &[Mac]) -> Result<(), Error> {
    for mac in macs.iter().take(MOST_MACS) {
        tx.run(
            "INSERT INTO board_mac (mac, board) SELECT $1, $2
             WHERE (SELECT count(*) FROM board_mac WHERE board = $2) < $3 ON CONFLICT DO NOTHING",
            values![mac.to_string(), id, MOST_MACS as u64],
        )
        .await?;
    }
    Ok(())
}

/// A board that was known by its address only turns out to be this one.
async fn absorb(tx: &mut Tx, id: &str, macs: &[Mac]) -> Result<(), Error> {
    let has_serial = "SELECT id FROM board WHERE id = $1 AND serial IS NOT NULL";
    if macs.is_empty() || tx.row(has_serial, values![id]).await?.is_none() {
        return Ok(());
    }
    for mac in macs.iter().take(MOST_MACS) {
        let sql = format!(
            "SELECT b.id FROM board_mac m JOIN board b ON b.id = m.board
             WHERE m.mac = $1 AND b.id <> $2 AND b.key IS NULL AND b.serial IS NULL AND b.name IS NULL
             AND {NO_SHELL_CLIENT} AND NOT EXISTS (SELECT 1 FROM job j WHERE j.board = b.id)"
        );
        for mut row in tx.rows(&sql, values![mac.to_string(), id]).await? {
            let other = row.text()?;
            for sql in [
                // Of one place the later one stays.
                "DELETE FROM sighting WHERE who IN ($1, $2) AND (way, place, who) IN
                 (SELECT s.way, s.place, s.who FROM sighting s JOIN sighting o ON o.way = s.way AND o.place = s.place
                 WHERE s.who IN ($1, $2) AND o.who IN ($1, $2) AND (o.seen, o.who) > (s.seen, s.who))",
                "UPDATE sighting SET board = $1, who = $1 WHERE who = $2",
                "UPDATE run SET board = $1 WHERE board = $2",
                "UPDATE board SET first_seen = (SELECT o.first_seen FROM board o WHERE o.id = $2)
                 WHERE id = $1 AND first_seen > (SELECT o.first_seen FROM board o WHERE o.id = $2)",
            ] {
                tx.run(sql, values![id, &other]).await?;
            }
            tx.run("DELETE FROM board WHERE id = $1", values![&other]).await?;
        }
    }
    Ok(())
}
