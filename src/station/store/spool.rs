//! Which records of other commands are in the store already.

use super::db::{Tx, values, word};
use super::identity::find_or_make;
use super::runs::{self, Beside};
use super::{Error, Store};
use crate::board::Who;
use crate::station::spool::{Read, Stamps};
use crate::station_api::{DamagedRecord, SlotKind, Time};

/// The slot of what another command did: the one at the USB port that its record names, or at a reset line of that name;
/// else the port itself, so that its runs can be found; else the slot that the board is in.
async fn slot_of(tx: &mut Tx, who: &Who, board: Option<&str>) -> Result<Option<String>, Error> {
    let port = who.port.map(|port| port.to_string());
    let mac = who.mac.map(|mac| mac.to_string());
    for (kind, place) in [(SlotKind::Usb, &port), (SlotKind::Reset, &who.name), (SlotKind::Reset, &mac)] {
        let Some(place) = place else { continue };
        let sql = "SELECT name FROM slot WHERE kind = $1 AND place = $2 ORDER BY position, name LIMIT 1";
        if let Some(mut row) = tx.row(sql, values![word(kind), place]).await? {
            return row.text().map(Some);
        }
    }
    if port.is_some() {
        return Ok(port);
    }
    let row = tx.row("SELECT slot FROM board WHERE id = $1", values![board]).await?;
    row.map_or(Ok(None), |mut row| row.maybe_text())
}

impl Store {
    /// The files that were looked at, as they were then.
    ///
    /// # Errors
    /// What the database says.
    pub async fn spooled(&self) -> Result<Stamps, Error> {
        let rows = self.db.rows("SELECT file, stamp FROM spool", &[]).await?;
        rows.into_iter().map(|mut row| Ok((row.text()?, row.text()?))).collect()
    }

    /// Files that could not be taken in, with why.
    ///
    /// # Errors
    /// What the database says.
    pub async fn spool_damaged(&self) -> Result<Vec<DamagedRecord>, Error> {
        let sql = "SELECT file, why FROM spool WHERE why IS NOT NULL ORDER BY file LIMIT 500";
        let rows = self.db.rows(sql, &[]).await?;
        rows.into_iter().map(|mut row| Ok(DamagedRecord { file: row.text()?, why: row.text()? })).collect()
    }

    /// How many those are.
    ///
    /// # Errors
    /// What the database says.
    pub async fn count_damaged(&self) -> Result<u64, Error> {
        let sql = "SELECT count(*) FROM spool WHERE why IS NOT NULL";
        self.db.row(sql, &[]).await?.map_or(Ok(0), |mut row| row.count())
    }

    /// These files aren't there any more. Their runs stay.
    ///
    /// # Errors
    /// What the database says.
    pub async fn spool_forget(&self, files: &[String]) -> Result<(), Error> {
        if files.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        for file in files {
            tx.run("DELETE FROM spool WHERE file = $1", values![file]).await?;
        }
        tx.commit().await
    }

    /// Keeps records of other commands, and that their files were looked at. The boards become known.
    ///
    /// # Errors
    /// What the database says.
    pub async fn spool_keep(&self, files: &[Read], now: Time) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        for Read { file, stamp, record } in files {
            let mut why = record.as_ref().err().cloned();
            if let Ok(record) = record {
                let seen = record.started.as_millisecond().min(now);
                let board = match find_or_make(&mut tx, &record.board, false, seen).await {
                    // The run counts, also where no more boards do.
                    Err(Error::Strangers { .. }) => None,
                    board => board?,
                };
                let of_a_job = "SELECT 1 FROM run WHERE id = $1 AND job IS NOT NULL";
                if tx.row(of_a_job, values![record.run.as_str()]).await?.is_some() {
                    why = Some("it has the name of a run of the station's own".to_owned());
                } else {
                    let slot = slot_of(&mut tx, &record.board, board.as_deref()).await?;
                    let beside =
                        Beside { board: board.as_deref(), slot: slot.as_deref(), ..Beside::default() };
                    runs::keep(&mut tx, record, beside).await?;
                }
            }
            tx.run(
                "INSERT INTO spool (file, stamp, why) VALUES ($1, $2, $3)
                 ON CONFLICT (file) DO UPDATE SET stamp = excluded.stamp, why = excluded.why",
                values![file, stamp, why],
            )
            .await?;
        }
        tx.commit().await
    }
}
