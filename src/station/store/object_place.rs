//! Where the bytes of images are kept: what all stations of one database have to agree on.

use super::db::{Row, Tx, values};
use super::{Error, Store};
use crate::config::objects::ObjectPlace;
use crate::station_api::{ObjectCopy, ObjectMove, ObjectOld, ObjectsStatus, Time};

/// A station that wasn't there for longer doesn't count any more: milliseconds.
const GONE: Time = 30 * 24 * 3_600_000;

/// A station that was there within this time may be forgotten by nobody: milliseconds.
const SILENT: Time = 10 * 60_000;
/// So many characters of a station's key are needed at least.
const LEAST: usize = 8;

/// Why a station isn't forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StationRefused {
    /// No station has such a key, or several have.
    Unknown,
    /// It is the one that was asked.
    Own,
    /// It was heard lately.
    There,
}

/// Where the objects are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectPlaces {
    /// It grows with each change.
    pub number: i64,
    /// Where they are put.
    pub main: ObjectPlace,
    /// Where they are looked for too: all of it is being copied.
    pub leaving: Option<ObjectPlace>,
    /// Since when.
    pub since: Time,
}

/// What a station has copied of the place that is being left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectCopied {
    /// Objects.
    pub copied: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that are damaged there.
    pub damaged: u64,
    /// Whether a whole pass found nothing more.
    pub done: bool,
    /// Why it doesn't get on.
    pub why: Option<String>,
}

/// Why a place can't be moved to, or be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceRefused {
    /// The objects are there.
    Already,
    /// Another place is still being left.
    Moving,
    /// What is there is being removed.
    Removing,
    /// Nothing was left there.
    Unknown,
}

fn places(row: Row) -> Result<ObjectPlaces, Error> {
    let mut row = row.of("object_place");
    let (number, main) = (row.number()?, row.parsed()?);
    let leaving = match row.maybe_text()? {
        None => None,
        Some(text) => Some(text.parse().map_err(|why: &'static str| row.wrong(why))?),
    };
    Ok(ObjectPlaces { number, main, leaving, since: row.number()? })
}

const PLACES: &str = "SELECT number, main, leaving, since FROM object_place WHERE one = 1";

async fn now_in(tx: &mut Tx) -> Result<ObjectPlaces, Error> {
    let none = || Error::Row { table: "object_place", why: "there is none".to_owned() };
    places(tx.row(PLACES, &[]).await?.ok_or_else(none)?)
}

/// Under which name a place's rest is kept: a directory is each station's own.
fn whose(place: &ObjectPlace, station: &str) -> String {
    if place.is_far() { String::new() } else { station.to_owned() }
}

impl Store {
    /// By which name the objects of this database are known in a place that others may use too. It is made once.
    ///
    /// # Errors
    /// What the database says.
    pub async fn objects_owner(&self) -> Result<String, Error> {
        const NAME: &str = "objects.owner";
        if let Some(owner) = self.setting(NAME).await? {
            return Ok(owner);
        }
        let mut tx = self.db.begin().await?;
        let sql = "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        tx.run(sql, values![NAME, super::new_name()]).await?;
        tx.commit().await?;
        // Another station may have been first.
        let none = || Error::Row { table: "setting", why: format!("there is no {NAME}") };
        self.setting(NAME).await?.ok_or_else(none)
    }

    /// Where the objects are; `None` where nobody has said so yet.
    ///
    /// # Errors
    /// What the database says.
    pub async fn object_place(&self) -> Result<Option<ObjectPlaces>, Error> {
        self.db.row(PLACES, &[]).await?.map(places).transpose()
    }

    /// Says it for the first time. What another station has said meanwhile stays.
    ///
    /// # Errors
    /// What the database says.
    pub async fn first_object_place(
        &self,
        main: &ObjectPlace,
        leaving: Option<&ObjectPlace>,
        now: Time,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.run(
            "INSERT INTO object_place (one, number, main, leaving, since) VALUES (1, 1, $1, $2, $3) ON CONFLICT DO NOTHING",
            values![main.to_string(), leaving.map(ToString::to_string), now],
        )
        .await?;
        tx.commit().await
    }

    /// From now on they are put elsewhere, and what is there is to be copied. Back to the place that is being left one may
    /// always go.
    ///
    /// # Errors
    /// What the database says; inside, why it isn't done.
    pub async fn move_objects(&self, to: &ObjectPlace, now: Time) -> Result<Result<(), PlaceRefused>, Error> {
        let mut tx = self.db.begin().await?;
        let places = now_in(&mut tx).await?;
        if places.main == *to {
            return Ok(Err(PlaceRefused::Already));
        }
        if places.leaving.as_ref().is_some_and(|leaving| leaving != to) {
            return Ok(Err(PlaceRefused::Moving));
        }
        let name = to.to_string();
        let removing = "SELECT place FROM object_old WHERE place = $1 AND removing = 1 LIMIT 1";
        if tx.row(removing, values![&name]).await?.is_some() {
            return Ok(Err(PlaceRefused::Removing));
        }
        tx.run("DELETE FROM object_old WHERE place = $1", values![&name]).await?;
        tx.run(
            "UPDATE object_place SET number = $1, main = $2, leaving = $3, since = $4 WHERE one = 1",
            values![places.number + 1, &name, places.main.to_string(), now],
        )
        .await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// This station is there, and has copied so much for a number. Where all have copied all, the old place is left for
    /// good: then yes is answered.
    ///
    /// # Errors
    /// What the database says.
    pub async fn objects_copied(&self, number: i64, copied: &ObjectCopied, now: Time) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let ObjectCopied { copied, bytes, damaged, done, why } = copied.clone();
        tx.run(
            "INSERT INTO object_station (station, number, seen, copied, bytes, damaged, done, why)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (station) DO UPDATE SET number = excluded.number, seen = excluded.seen,
             copied = excluded.copied, bytes = excluded.bytes, damaged = excluded.damaged, done = excluded.done,
             why = excluded.why",
            values![&self.here, number, now, copied, bytes, damaged, done, why],
        )
        .await?;
        let places = now_in(&mut tx).await?;
        let sql = "SELECT station FROM object_station WHERE seen > $1 AND (number <> $2 OR done = 0) LIMIT 1";
        let all = tx.row(sql, values![now.saturating_sub(GONE), places.number]).await?.is_none();
        let left = places.leaving.as_ref().filter(|_| places.number == number && done && all);
        if let Some(left) = left {
            let stations = tx.rows("SELECT station FROM object_station", &[]).await?;
            for mut row in stations {
                tx.run(
                    "INSERT INTO object_old (place, station, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                    values![left.to_string(), whose(left, &row.text()?), now],
                )
                .await?;
            }
            tx.run(
                "UPDATE object_place SET number = $1, leaving = NULL, since = $2 WHERE one = 1",
                values![number + 1, now],
            )
            .await?;
        }
        let is_left = left.is_some();
        tx.commit().await?;
        Ok(is_left)
    }

    /// A person says that a station doesn't come back: no move waits for it any more, and what only it could remove is
    /// nobody's. A station that does come back is there again. Its key is answered.
    ///
    /// # Errors
    /// What the database says; inside, why it isn't done.
    pub async fn forget_objects_of(
        &self,
        station: &str,
        now: Time,
    ) -> Result<Result<String, StationRefused>, Error> {
        let mut tx = self.db.begin().await?;
        let mut found = Vec::new();
        for row in tx.rows("SELECT station, seen FROM object_station", &[]).await? {
            let mut row = row.of("object_station");
            let (known, seen) = (row.text()?, row.number()?);
            if known == station || (station.len() >= LEAST && known.starts_with(station)) {
                found.push((known, seen));
            }
        }
        let [(known, seen)] = &found[..] else { return Ok(Err(StationRefused::Unknown)) };
        if *known == self.here {
            return Ok(Err(StationRefused::Own));
        }
        if *seen > now.saturating_sub(SILENT) {
            return Ok(Err(StationRefused::There));
        }
        tx.run("DELETE FROM object_station WHERE station = $1", values![known]).await?;
        tx.run("DELETE FROM object_old WHERE station = $1", values![known]).await?;
        tx.commit().await?;
        Ok(Ok(known.clone()))
    }

    /// A person says that what was left in a place may go.
    ///
    /// # Errors
    /// What the database says; inside, why it isn't done.
    pub async fn remove_objects(&self, place: &ObjectPlace) -> Result<Result<(), PlaceRefused>, Error> {
        let mut tx = self.db.begin().await?;
        let places = now_in(&mut tx).await?;
        if places.main == *place {
            return Ok(Err(PlaceRefused::Already));
        }
        if places.leaving.as_ref() == Some(place) {
            return Ok(Err(PlaceRefused::Moving));
        }
        // Of a bucket the station that was asked does it: two of them wouldn't know when the other one is done.
        let sql = "UPDATE object_old SET removing = 1, why = NULL, station = CASE WHEN station = '' THEN $2 ELSE station END
                   WHERE place = $1";
        if tx.run(sql, values![place.to_string(), &self.here]).await? == 0 {
            return Ok(Err(PlaceRefused::Unknown));
        }
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Places of which this station is to remove what is there.
    ///
    /// # Errors
    /// What the database says.
    pub async fn objects_to_remove(&self) -> Result<Vec<ObjectPlace>, Error> {
        let sql = "SELECT place FROM object_old WHERE removing = 1 AND station = $1 ORDER BY place";
        let rows = self.db.rows(sql, values![&self.here]).await?;
        rows.into_iter().map(|row| row.of("object_old").parsed()).collect()
    }

    /// Nothing is there any more; or it can't be removed, and why.
    ///
    /// # Errors
    /// What the database says.
    pub async fn objects_removed(&self, place: &ObjectPlace, why: Option<&str>) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let (place, of) = (place.to_string(), "WHERE place = $1 AND station = $2 AND removing = 1");
        match why {
            None => tx.run(&format!("DELETE FROM object_old {of}"), values![place, &self.here]).await?,
            Some(_) => {
                let sql = format!("UPDATE object_old SET why = $3 {of}");
                tx.run(&sql, values![place, &self.here, why]).await?
            }
        };
        tx.commit().await
    }

    /// All of it, for people.
    ///
    /// # Errors
    /// What the database says.
    pub async fn objects_status(&self) -> Result<ObjectsStatus, Error> {
        let mut tx = self.db.look().await?;
        let places = now_in(&mut tx).await?;
        let mut moving = None;
        if let Some(leaving) = &places.leaving {
            let sql = "SELECT station, number, seen, copied, bytes, damaged, done, why FROM object_station ORDER BY station";
            let mut stations = Vec::new();
            for row in tx.rows(sql, &[]).await? {
                let mut row = row.of("object_station");
                let (station, is_now, seen) = (row.text()?, row.number()? == places.number, row.number()?);
                let copy = ObjectCopy {
                    station,
                    seen,
                    copied: row.count()?,
                    bytes: row.count()?,
                    damaged: row.count()?,
                    done: row.truth()?,
                    why: row.maybe_text()?,
                };
                // What it has copied for an earlier move doesn't count.
                stations.push(if is_now {
                    copy
                } else {
                    ObjectCopy { copied: 0, bytes: 0, damaged: 0, done: false, why: None, ..copy }
                });
            }
            moving = Some(ObjectMove { from: leaving.to_string(), stations });
        }
        let sql = "SELECT place, station, since, removing, why FROM object_old ORDER BY place, station";
        let mut old = Vec::new();
        for row in tx.rows(sql, &[]).await? {
            let mut row = row.of("object_old");
            old.push(ObjectOld {
                place: row.text()?,
                station: Some(row.text()?).filter(|station| !station.is_empty()),
                since: row.number()?,
                removing: row.truth()?,
                why: row.maybe_text()?,
            });
        }
        tx.commit().await?;
        Ok(ObjectsStatus { place: places.main.to_string(), since: places.since, moving, old, settings: None })
    }
}
