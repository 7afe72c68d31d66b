//! Images and backups: what they are, and which objects they need. The objects themselves lie elsewhere.

use super::db::{Db, Question, Row, values, word};
use super::page::{limit, page};
use super::{Error, Store, check_name};
use crate::station_api::{Backup, Image, ImageState, ListAsked, Page};

const IMAGE: &str =
    "i.id, i.name, i.state, i.why, i.index_id, i.raw_len, i.raw_sha256, i.file_sha256, i.stored, i.zero,
    i.unused, i.added, i.backup_of";

fn image(row: &mut Row) -> Result<Image, Error> {
    Ok(Image {
        id: row.text()?,
        name: row.text()?,
        state: row.word()?,
        why: row.maybe_text()?,
        index: row.text()?,
        raw_len: row.count()?,
        raw_sha256: row.text()?,
        file_sha256: row.text()?,
        stored: row.count()?,
        zero: row.count()?,
        unused: row.count()?,
        added: row.number()?,
        backup_of: row.maybe_text()?,
    })
}

fn missing(name: &str) -> Error {
    Error::NoSuch { what: "image", name: name.to_owned() }
}

impl Store {
    /// Makes an image, usually one that is coming. One that didn't come makes room for the next that has its name: projects
    /// name it by that, and nothing else needs it.
    ///
    /// # Errors
    /// [`Error::Taken`], [`Error::BadValue`].
    pub async fn add_image(&self, image: &Image) -> Result<(), Error> {
        check_name(&image.name)?;
        let mut tx = self.db.begin().await?;
        let sql = "DELETE FROM image WHERE name = $1 AND state = 'failed'";
        tx.run(sql, values![&image.name]).await?;
        tx.run(
            "INSERT INTO image (id, name, state, why, index_id, raw_len, raw_sha256, file_sha256, stored, zero, unused,
                 added, backup_of, station) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            values![
                &image.id,
                &image.name,
                word(image.state),
                &image.why,
                &image.index,
                image.raw_len,
                &image.raw_sha256,
                &image.file_sha256,
                image.stored,
                image.zero,
                image.unused,
                image.added,
                &image.backup_of,
                &self.here,
            ],
        )
        .await
        .map_err(|error| error.taken("image", &image.name))?;
        tx.commit().await
    }

    /// Writes an image anew, under its id, with the objects that it needs and their lengths. Both change together: so
    /// what a ready image needs is never collected.
    ///
    /// # Errors
    /// [`Error::NoSuch`], where it was removed meanwhile.
    pub async fn put_image(&self, image: &Image, chunks: Option<&[(String, u64)]>) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let changed = tx
            .run(
                "UPDATE image SET state = $2, why = $3, index_id = $4, raw_len = $5, raw_sha256 = $6, file_sha256 = $7,
                 stored = $8, zero = $9, unused = $10 WHERE id = $1",
                values![
                    &image.id,
                    word(image.state),
                    &image.why,
                    &image.index,
                    image.raw_len,
                    &image.raw_sha256,
                    &image.file_sha256,
                    image.stored,
                    image.zero,
                    image.unused,
                ],
            )
            .await?;
        if changed == 0 {
            return Err(missing(&image.id));
        }
        if let Some(chunks) = chunks {
            tx.run("DELETE FROM image_chunk WHERE image = $1", values![&image.id]).await?;
            for part in chunks.chunks(200) {
                let mut question = Question::new("INSERT INTO image_chunk (image, chunk, stored) VALUES ");
                for (at, (chunk, stored)) in part.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    question.more(&format!("{comma}({{}}, {{}}, {{}})"), values![&image.id, chunk, *stored]);
                }
                question.more(" ON CONFLICT DO NOTHING", &[]);
                tx.run(&question.sql, &question.values).await?;
            }
        }
        tx.commit().await
    }

    /// The image with this id or name.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn image(&self, text: &str) -> Result<Image, Error> {
        let sql = format!(
            "SELECT {IMAGE} FROM image i WHERE i.id = $1 OR i.name = $1 ORDER BY i.id = $1 DESC LIMIT 1"
        );
        let row = self.db.row(&sql, values![text]).await?;
        image(&mut row.ok_or_else(|| missing(text))?.of("image"))
    }

    /// Images that are no backups, the newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn images(&self, asked: &ListAsked) -> Result<Page<Image>, Error> {
        let limit = limit(asked.limit)?;
        let mut question = Question::new(&format!("SELECT {IMAGE} FROM image i"));
        // What was to become a backup, and didn't, is in no other list.
        let backup = "i.backup_of IS NULL OR (i.state <> 'ready' AND NOT EXISTS
             (SELECT 1 FROM backup b WHERE b.image = i.id))";
        question.and(&format!("({backup})"), &[]);
        if let Some(after) = &asked.after {
            question.and("i.id < {}", values![after]);
        }
        question.more(" ORDER BY i.id DESC LIMIT {}", values![limit as u64 + 1]);
        let rows = self.db.rows(&question.sql, &question.values).await?;
        let images = rows.into_iter().map(|row| image(&mut row.of("image"))).collect::<Result<_, _>>()?;
        Ok(page(images, limit, |image: &Image| image.id.clone()))
    }

    /// All images in a state, backups too.
    ///
    /// # Errors
    /// What the database says.
    pub async fn images_in(&self, state: ImageState) -> Result<Vec<Image>, Error> {
        let sql = format!("SELECT {IMAGE} FROM image i WHERE i.state = $1 ORDER BY i.id");
        let rows = self.db.rows(&sql, values![word(state)]).await?;
        rows.into_iter().map(|row| image(&mut row.of("image"))).collect()
    }

    /// Images that this station was taking in, and those of an earlier version.
    ///
    /// # Errors
    /// What the database says.
    pub async fn images_coming_here(&self) -> Result<Vec<Image>, Error> {
        let sql = format!(
            "SELECT {IMAGE} FROM image i WHERE i.state = 'coming' AND (i.station IS NULL OR i.station = $1) ORDER BY i.id"
        );
        let rows = self.db.rows(&sql, values![&self.here]).await?;
        rows.into_iter().map(|row| image(&mut row.of("image"))).collect()
    }

    /// Images that need this object: their chunk, or their index.
    ///
    /// # Errors
    /// What the database says.
    pub async fn images_with(&self, object: &str) -> Result<Vec<Image>, Error> {
        let sql = format!(
            "SELECT {IMAGE} FROM image i WHERE i.index_id = $1
             OR i.id IN (SELECT c.image FROM image_chunk c WHERE c.chunk = $1) ORDER BY i.id"
        );
        let rows = self.db.rows(&sql, values![object]).await?;
        rows.into_iter().map(|row| image(&mut row.of("image"))).collect()
    }

    /// Images that are damaged and need an object that this one needs too.
    ///
    /// # Errors
    /// What the database says.
    pub async fn damaged_like(&self, image: &Image) -> Result<Vec<Image>, Error> {
        let sql = format!(
            "SELECT {IMAGE} FROM image i WHERE i.state = 'damaged' AND i.id <> $1 AND (i.index_id = $2 OR i.id IN
             (SELECT c.image FROM image_chunk c JOIN image_chunk o ON o.chunk = c.chunk WHERE o.image = $1))
             ORDER BY i.id"
        );
        let rows = self.db.rows(&sql, values![&image.id, &image.index]).await?;
        rows.into_iter().map(|row| self::image(&mut row.of("image"))).collect()
    }

    /// Whether an image needs this object.
    ///
    /// # Errors
    /// What the database says.
    pub async fn needs_object(&self, object: &str) -> Result<bool, Error> {
        Ok(self.db.row(&self.needs(), values![object, &self.here]).await?.is_some())
    }

    /// Whether an image needs an object, or another station takes one in. What a board sends as a backup has a row only
    /// at its end; a database that several stations may have is asked for such jobs as well.
    fn needs(&self) -> String {
        let backups = match &self.db {
            Db::Sqlite { .. } => "",
            Db::Postgres(_) => {
                "UNION ALL SELECT 1 FROM job WHERE action = 'backup' AND state IN ('running', 'finishing')"
            }
        };
        format!(
            "SELECT 1 FROM image_chunk WHERE chunk = $1 UNION ALL SELECT 1 FROM image WHERE index_id = $1
             UNION ALL SELECT 1 FROM image WHERE state = 'coming' AND station <> $2 {backups} LIMIT 1"
        )
    }

    /// Does `remove` where no image needs this object, and no other station takes one in, of which nobody knows yet what
    /// it needs; meanwhile nobody begins to need it. Whether it was done.
    ///
    /// # Errors
    /// What the database says; what `remove` says.
    pub(in crate::station) async fn unless_needed<E: From<Error>>(
        &self,
        object: &str,
        remove: impl Future<Output = Result<(), E>>,
    ) -> Result<bool, E> {
        if self.needs_object(object).await? {
            return Ok(false);
        }
        // One station at a time writes: what another one notes as needed meanwhile, it looks for afterwards.
        let mut tx = self.db.begin().await?;
        let free = tx.row(&self.needs(), values![object, &self.here]).await?.is_none();
        if free {
            remove.await?;
        }
        tx.commit().await?;
        Ok(free)
    }

    /// A part of all chunks that images need, each once, in their order, behind `after`.
    ///
    /// # Errors
    /// What the database says.
    pub async fn chunks(&self, after: &str, most: u32) -> Result<Vec<String>, Error> {
        let sql = "SELECT DISTINCT chunk FROM image_chunk WHERE chunk > $1 ORDER BY chunk LIMIT $2";
        self.db.rows(sql, values![after, most]).await?.into_iter().map(|mut row| row.text()).collect()
    }

    /// Removes an image. Its objects are collected when nothing else needs them.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::InUse`] while a job or a project has it.
    pub async fn remove_image(&self, id: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let name = tx.row("SELECT name FROM image WHERE id = $1", values![id]).await?;
        let name = name.ok_or_else(|| missing(id))?.text()?;
        let in_use = |by: String| Error::InUse { what: "image", name: name.clone(), by };
        let sql = "SELECT id FROM job WHERE image = $1 AND state IN ('queued', 'running')";
        if let Some(mut row) = tx.row(sql, values![id]).await? {
            return Err(in_use(format!("job {}", row.text()?)));
        }
        if let Some(mut row) = tx.row("SELECT name FROM project WHERE image = $1", values![&name]).await? {
            return Err(in_use(format!("project {}", row.text()?)));
        }
        tx.run("DELETE FROM image WHERE id = $1", values![id]).await?;
        tx.commit().await
    }

    /// Says where a backup came from. Its image is there.
    ///
    /// # Errors
    /// What the database says.
    pub async fn put_backup(&self, backup: &Backup) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.run(
            "INSERT INTO backup (image, board, run, device, proof) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (image) DO UPDATE SET board = excluded.board, run = excluded.run, device = excluded.device,
             proof = excluded.proof",
            values![&backup.image.id, &backup.board, &backup.run, &backup.device, &backup.proof],
        )
        .await?;
        tx.commit().await
    }

    /// Backups, the newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn backups(&self, asked: &ListAsked) -> Result<Page<Backup>, Error> {
        let limit = limit(asked.limit)?;
        let sql = format!(
            "SELECT {IMAGE}, b.board, b.run, b.device, b.proof FROM backup b JOIN image i ON i.id = b.image"
        );
        let mut question = Question::new(&sql);
        if let Some(board) = &asked.board {
            question.and("b.board = {}", values![board]);
        }
        if let Some(after) = &asked.after {
            question.and("b.image < {}", values![after]);
        }
        question.more(" ORDER BY b.image DESC LIMIT {}", values![limit as u64 + 1]);
        let rows = self.db.rows(&question.sql, &question.values).await?;
        let backups = rows.into_iter().map(|row| {
            let mut row = row.of("backup");
            let image = image(&mut row)?;
            Ok(Backup {
                image,
                board: row.text()?,
                run: row.text()?,
                device: row.text()?,
                proof: row.text()?,
            })
        });
        Ok(page(backups.collect::<Result<_, Error>>()?, limit, |backup: &Backup| backup.image.id.clone()))
    }
}
