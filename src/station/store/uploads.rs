//! Files that come in pieces: how much of each is here counts after a restart too.

use super::db::{Row, values, word};
use super::{Error, Store, check_name};
use crate::station_api::{Time, Upload, UploadState};

/// Uploads that there may be at once.
const MOST: u64 = 20;

const UPLOAD: &str = "id, name, file, person, size, came, sha256, state, why, made, changed, url";

fn upload(mut row: Row) -> Result<Upload, Error> {
    Ok(Upload {
        id: row.text()?,
        name: row.text()?,
        file: row.text()?,
        person: row.text()?,
        size: row.count()?,
        came: row.count()?,
        sha256: row.text()?,
        state: row.word()?,
        why: row.text()?,
        made: row.number()?,
        changed: row.number()?,
        url: row.text()?,
    })
}

impl Store {
    /// Begins an upload.
    ///
    /// # Errors
    /// [`Error::BadValue`] for a name that is none; [`Error::Taken`] where an image or another upload has the name;
    /// [`Error::InUse`] with too many.
    pub async fn add_upload(&self, new: &Upload) -> Result<(), Error> {
        check_name(&new.name)?;
        let mut tx = self.db.begin().await?;
        let taken = || Error::Taken { what: "image", name: new.name.clone() };
        let sql = "SELECT id FROM image WHERE name = $1 AND state <> 'failed' AND state <> 'damaged'";
        if tx.row(sql, values![&new.name]).await?.is_some() {
            return Err(taken());
        }
        let sql = "SELECT id FROM upload WHERE name = $1 AND state <> 'failed'";
        if tx.row(sql, values![&new.name]).await?.is_some() {
            return Err(taken());
        }
        tx.run("DELETE FROM upload WHERE name = $1", values![&new.name]).await?;
        let count = tx.row("SELECT COUNT(*) FROM upload WHERE state <> 'failed'", &[]).await?;
        if count.map_or(Ok(0), |mut row| row.count())? >= MOST {
            let why = format!("{MOST} of them come at once; cancel one that nobody needs");
            return Err(Error::BadValue { what: "upload", why });
        }
        // What failed has no file any more; of too many the oldest are forgotten.
        let sql = "DELETE FROM upload WHERE state = 'failed' AND id NOT IN (SELECT u.id FROM upload u
                   WHERE u.state = 'failed' ORDER BY u.changed DESC, u.id DESC LIMIT $1)";
        tx.run(sql, values![MOST]).await?;
        tx.run(
            "INSERT INTO upload (id, name, file, person, size, came, sha256, state, why, made, changed, url, station)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            values![
                &new.id,
                &new.name,
                &new.file,
                &new.person,
                new.size,
                new.came,
                &new.sha256,
                word(new.state),
                &new.why,
                new.made,
                new.changed,
                &new.url,
            ],
        )
        .await?;
        tx.commit().await
    }

    /// An upload.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn upload(&self, id: &str) -> Result<Upload, Error> {
        let row = self.db.row(&format!("SELECT {UPLOAD} FROM upload WHERE id = $1"), values![id]).await?;
        upload(row.ok_or_else(|| Error::NoSuch { what: "upload", name: id.to_owned() })?.of("upload"))
    }

    /// All uploads, the oldest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn uploads(&self) -> Result<Vec<Upload>, Error> {
        let rows = self.db.rows(&format!("SELECT {UPLOAD} FROM upload ORDER BY id"), &[]).await?;
        rows.into_iter().map(|row| upload(row.of("upload"))).collect()
    }

    /// Those that come to this station, and those of an earlier version: their files lie here.
    ///
    /// # Errors
    /// What the database says.
    pub async fn uploads_here(&self) -> Result<Vec<Upload>, Error> {
        let sql = format!("SELECT {UPLOAD} FROM upload WHERE station IS NULL OR station = $1 ORDER BY id");
        let rows = self.db.rows(&sql, values![&self.here]).await?;
        rows.into_iter().map(|row| upload(row.of("upload"))).collect()
    }

    /// So much of it is here and on the disk, and nothing is waited for.
    ///
    /// # Errors
    /// [`Error::NoSuch`] where it was cancelled meanwhile.
    pub async fn came(&self, id: &str, came: u64, size: u64, now: Time) -> Result<(), Error> {
        self.change_upload(
            "UPDATE upload SET came = $2, size = $3, changed = $4, why = '' WHERE id = $1",
            id,
            values![id, came, size, now],
        )
        .await
    }

    /// Where it stands now.
    ///
    /// # Errors
    /// As [`Self::came`].
    pub async fn stands(&self, id: &str, state: UploadState, why: &str, now: Time) -> Result<(), Error> {
        self.change_upload(
            "UPDATE upload SET state = $2, why = $3, changed = $4 WHERE id = $1",
            id,
            values![id, word(state), why, now],
        )
        .await
    }

    async fn change_upload(&self, sql: &str, id: &str, values: &[super::db::Value]) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        if tx.run(sql, values).await? == 0 {
            return Err(Error::NoSuch { what: "upload", name: id.to_owned() });
        }
        tx.commit().await
    }

    /// Ends an upload. Says whether there was one.
    ///
    /// # Errors
    /// What the database says.
    pub async fn remove_upload(&self, id: &str) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let gone = tx.run("DELETE FROM upload WHERE id = $1", values![id]).await?;
        tx.commit().await?;
        Ok(gone > 0)
    }
}
