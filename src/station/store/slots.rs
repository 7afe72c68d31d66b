//! Slots: where boards are plugged in.

use super::db::{values, word};
use super::{Error, Store, check_name};
use crate::station_api::Slot;

impl Store {
    /// All slots, by their position.
    ///
    /// # Errors
    /// What the database says.
    pub async fn slots(&self) -> Result<Vec<Slot>, Error> {
        let rows =
            self.db.rows("SELECT name, kind, place, position FROM slot ORDER BY position, name", &[]).await?;
        let slots = rows.into_iter().map(|row| {
            let mut row = row.of("slot");
            let (name, kind, place) = (row.text()?, row.word()?, row.text()?);
            Ok(Slot { name, kind, place, position: u32::try_from(row.count()?).unwrap_or(u32::MAX) })
        });
        slots.collect()
    }

    /// Makes a slot, or changes it.
    ///
    /// # Errors
    /// [`Error::BadValue`].
    pub async fn put_slot(&self, slot: &Slot) -> Result<(), Error> {
        if slot.place.is_empty() || slot.place.chars().count() > 200 || slot.place.contains('\0') {
            return Err(Error::BadValue { what: "place", why: "it has 1 to 200 characters".to_owned() });
        }
        let mut tx = self.db.begin().await?;
        if tx.row("SELECT name FROM slot WHERE name = $1", values![&slot.name]).await?.is_none() {
            check_name(&slot.name)?;
        }
        tx.run(
            "INSERT INTO slot (name, kind, place, position) VALUES ($1, $2, $3, $4)
             ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, place = excluded.place,
             position = excluded.position",
            values![&slot.name, word(slot.kind), &slot.place, slot.position],
        )
        .await?;
        tx.commit().await
    }

    /// Removes a slot. The boards in it are in no slot then.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn remove_slot(&self, name: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        if tx.run("DELETE FROM slot WHERE name = $1", values![name]).await? == 0 {
            return Err(Error::NoSuch { what: "slot", name: name.to_owned() });
        }
        tx.run("UPDATE board SET slot = NULL WHERE slot = $1", values![name]).await?;
        tx.commit().await
    }
}
