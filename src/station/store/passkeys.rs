//! Passkeys: public keys that people show instead of a code, or of all.

use super::db::{Row, values};
use super::people::no_user;
use super::{Error, Store};
use crate::station_api::Time;

/// A user has so many.
const MOST: u64 = 20;

/// A passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// What it calls itself, in hexadecimal digits.
    pub id: String,
    /// The user.
    pub user: String,
    /// What the user calls it.
    pub name: String,
    /// The name of the station that it was made for.
    pub host: String,
    /// Its public key as COSE has it, in hexadecimal digits.
    pub key: String,
    /// How often it was used, by its own count; 0 where it doesn't count.
    pub counter: u64,
    /// It may be kept in more than one device.
    pub can_back_up: bool,
    /// It is.
    pub backed_up: bool,
    /// When it was made.
    pub made: Time,
    /// When it was used last.
    pub used: Option<Time>,
}

const COLUMNS: &str = "id, person, name, host, public_key, counter, can_back_up, backed_up, made, used";

fn passkey(row: Row) -> Result<Passkey, Error> {
    let mut row = row.of("passkey");
    Ok(Passkey {
        id: row.text()?,
        user: row.text()?,
        name: row.text()?,
        host: row.text()?,
        key: row.text()?,
        counter: row.count()?,
        can_back_up: row.truth()?,
        backed_up: row.truth()?,
        made: row.number()?,
        used: row.maybe_number()?,
    })
}

impl Store {
    /// A user's passkeys, by name.
    ///
    /// # Errors
    /// What the database says.
    pub async fn passkeys(&self, user: &str) -> Result<Vec<Passkey>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM passkey WHERE person = $1 ORDER BY name");
        self.db.rows(&sql, values![user]).await?.into_iter().map(passkey).collect()
    }

    /// The passkey that calls itself so.
    ///
    /// # Errors
    /// What the database says.
    pub async fn passkey(&self, id: &str) -> Result<Option<Passkey>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM passkey WHERE id = $1");
        self.db.row(&sql, values![id]).await?.map(passkey).transpose()
    }

    /// Keeps a passkey. `recovery`: digests of codes for its loss; they are kept where the user has no second factor yet,
    /// which `true` says.
    ///
    /// # Errors
    /// [`Error::NoSuch`] without the user, [`Error::Taken`] where the user has one of that name, or somebody has that
    /// key; [`Error::InUse`] where there are too many.
    pub async fn add_passkey(&self, new: &Passkey, recovery: &[String]) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        // Two that come at once wait for each other here.
        if tx.run("UPDATE person SET name = name WHERE name = $1", values![&new.user]).await? == 0 {
            return Err(no_user(&new.user));
        }
        let sql = "SELECT CASE WHEN p.factor IS NULL THEN 0 ELSE 1 END, \
                   (SELECT count(*) FROM passkey k WHERE k.person = p.name) FROM person p WHERE p.name = $1";
        let row = tx.row(sql, values![&new.user]).await?;
        let mut row = row.ok_or_else(|| no_user(&new.user))?.of("person");
        let (codes, many) = (row.truth()?, row.count()?);
        if many >= MOST {
            let by = format!("{many} others");
            return Err(Error::InUse { what: "passkey", name: new.name.clone(), by });
        }
        let sql =
            format!("INSERT INTO passkey ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL)");
        tx.run(
            &sql,
            values![
                &new.id,
                &new.user,
                &new.name,
                &new.host,
                &new.key,
                new.counter,
                new.can_back_up,
                new.backed_up,
                new.made
            ],
        )
        .await
        .map_err(|error| error.taken("passkey", &new.name))?;
        let first = !codes && many == 0;
        if first {
            tx.run("DELETE FROM recovery WHERE person = $1", values![&new.user]).await?;
            for digest in recovery {
                let sql = "INSERT INTO recovery (person, digest) VALUES ($1, $2)";
                tx.run(sql, values![&new.user, digest]).await?;
            }
        }
        tx.commit().await?;
        Ok(first)
    }

    /// A passkey was shown, and counts so far. `false` where it counts backwards, or stands still: somebody has a copy.
    /// One that never counts stays at 0.
    ///
    /// # Errors
    /// What the database says.
    pub async fn use_passkey(
        &self,
        id: &str,
        counter: u32,
        backed_up: bool,
        now: Time,
    ) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE passkey SET counter = $2, backed_up = $3, used = $4 \
                   WHERE id = $1 AND (counter < $2 OR (counter = 0 AND $2 = 0))";
        let used = tx.run(sql, values![id, counter, backed_up, now]).await? > 0;
        tx.commit().await?;
        Ok(used)
    }

    /// Takes a passkey of a user away: its name. `None` where the user has no such one. With the last second factor the
    /// codes for its loss go too.
    ///
    /// # Errors
    /// What the database says.
    pub async fn remove_passkey(&self, user: &str, id: &str) -> Result<Option<String>, Error> {
        let mut tx = self.db.begin().await?;
        let sql = "SELECT name FROM passkey WHERE id = $1 AND person = $2";
        let Some(row) = tx.row(sql, values![id, user]).await? else { return Ok(None) };
        let name = row.of("passkey").text()?;
        tx.run("DELETE FROM passkey WHERE id = $1 AND person = $2", values![id, user]).await?;
        tx.run(super::second::WITHOUT, values![user]).await?;
        tx.commit().await?;
        Ok(Some(name))
    }
}
