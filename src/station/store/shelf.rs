//! What is known of images beside their rows: what they contain, when they were read last, who uses them; and other
//! names.

use std::collections::HashMap;

use super::db::{Question, json, values};
use super::{Error, Store, check_name};
use crate::contents::Contents;
use crate::station_api::{ImageState, JobState, Time, What};

/// How an image is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    /// How many jobs had it.
    pub jobs: u64,
    /// When the newest of them was made.
    pub last: Option<Time>,
    /// Jobs that aren't over.
    pub open: u64,
    /// Projects that name it.
    pub projects: Vec<String>,
    /// Rules that lead to one of these projects.
    pub rules: Vec<String>,
}

impl Uses {
    /// Whether it can't be removed.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        self.open > 0 || !self.projects.is_empty()
    }
}

/// When all of an image was read last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// When.
    pub at: Time,
    /// How many of its chunks are damaged.
    pub damaged: u64,
}

/// All images together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shelf {
    /// How many are whole, or were until they were damaged.
    pub images: u64,
    /// How many of them are damaged.
    pub damaged: u64,
    /// How many are still being made; they aren't among them.
    pub coming: u64,
    /// How many didn't come whole; they aren't among them either.
    pub failed: u64,
    /// Raw bytes.
    pub raw: u64,
    /// Stored bytes, as if nothing were shared.
    pub stored: u64,
}

/// What an image shares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shared {
    /// Objects that it needs.
    pub chunks: u64,
    /// Those that another image needs too.
    pub shared: u64,
    /// Bytes that go when it is removed.
    pub own: u64,
}

fn leads_to(what: &What, name: &str) -> bool {
    matches!(what, What::Project { project } if project == name)
}

impl Store {
    /// What an image contains, where that was looked at in this form.
    ///
    /// # Errors
    /// What the database says.
    pub async fn contents(&self, images: &[String]) -> Result<HashMap<String, Contents>, Error> {
        let mut question = Question::new("SELECT image, told FROM image_contents");
        question.and("form = {}", values![Contents::FORM]);
        let mut found = HashMap::new();
        for mut row in self.of_images(question, images, "").await? {
            let image = row.text()?;
            // One that can't be read is made anew.
            if let Ok(contents) = row.json() {
                found.insert(image, contents);
            }
        }
        Ok(found)
    }

    async fn of_images(
        &self,
        mut question: Question,
        images: &[String],
        behind: &str,
    ) -> Result<Vec<super::db::Row>, Error> {
        if images.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<super::db::Value> = images.iter().map(super::db::Value::from).collect();
        let marks = vec!["{}"; names.len()].join(", ");
        question.and(&format!("image IN ({marks})"), &names);
        question.more(behind, &[]);
        self.db.rows(&question.sql, &question.values).await
    }

    /// Keeps what an image contains.
    ///
    /// # Errors
    /// What the database says.
    pub async fn put_contents(&self, image: &str, contents: &Contents) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.run(
            "INSERT INTO image_contents (image, form, told) SELECT id, $2, $3 FROM image WHERE id = $1
             ON CONFLICT (image) DO UPDATE SET form = excluded.form, told = excluded.told",
            values![image, contents.form, json(contents)],
        )
        .await?;
        tx.commit().await
    }

    /// Notes that all of an image was read, or that damage was found.
    ///
    /// # Errors
    /// What the database says.
    pub async fn put_check(&self, image: &str, checked: Checked) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.run(
            "INSERT INTO image_check (image, checked, damaged) SELECT id, $2, $3 FROM image WHERE id = $1
             ON CONFLICT (image) DO UPDATE SET checked = excluded.checked, damaged = excluded.damaged",
            values![image, checked.at, checked.damaged],
        )
        .await?;
        tx.commit().await
    }

    /// When images were read last.
    ///
    /// # Errors
    /// What the database says.
    pub async fn checks(&self, images: &[String]) -> Result<HashMap<String, Checked>, Error> {
        let question = Question::new("SELECT image, checked, damaged FROM image_check");
        let rows = self.of_images(question, images, "").await?;
        let told =
            |mut row: super::db::Row| Ok((row.text()?, Checked { at: row.number()?, damaged: row.count()? }));
        rows.into_iter().map(told).collect()
    }

    /// How images are used, by their ids. `names`: their names, in the same order.
    ///
    /// # Errors
    /// What the database says.
    pub async fn uses(&self, images: &[String], names: &[String]) -> Result<HashMap<String, Uses>, Error> {
        let mut found: HashMap<String, Uses> =
            images.iter().map(|image| (image.clone(), Uses::default())).collect();
        let question = Question::new("SELECT image, COUNT(*), MAX(made) FROM job");
        for mut row in self.of_images(question, images, " GROUP BY image").await? {
            if let Some(uses) = found.get_mut(&row.text()?) {
                (uses.jobs, uses.last) = (row.count()?, row.maybe_number()?);
            }
        }
        let sql =
            "SELECT image FROM job WHERE state IN ('queued', 'running', 'finishing') AND image IS NOT NULL";
        for mut row in self.db.rows(sql, &[]).await? {
            if let Some(uses) = found.get_mut(&row.text()?) {
                uses.open += 1;
            }
        }
        let rules = self.rules().await?;
        for project in self.projects().await? {
            let at = names.iter().position(|name| project.image.as_ref() == Some(name));
            let Some(uses) = at.and_then(|at| found.get_mut(images.get(at)?)) else { continue };
            let leads = rules.iter().filter(|rule| leads_to(&rule.what, &project.name));
            uses.rules.extend(leads.map(|rule| rule.name.clone()));
            uses.projects.push(project.name);
        }
        Ok(found)
    }

    /// All images together, without backups; or all backups.
    ///
    /// # Errors
    /// What the database says.
    pub async fn shelf(&self, backups: bool) -> Result<Shelf, Error> {
        let which = if backups { "IS NOT NULL" } else { "IS NULL" };
        let sql = format!(
            "SELECT state, COUNT(*), CAST(COALESCE(SUM(raw_len), 0) AS BIGINT),
             CAST(COALESCE(SUM(stored), 0) AS BIGINT) FROM image WHERE backup_of {which} GROUP BY state"
        );
        let mut shelf = Shelf::default();
        for row in self.db.rows(&sql, &[]).await? {
            let mut row = row.of("image");
            let (state, images, raw, stored) = (row.word()?, row.count()?, row.count()?, row.count()?);
            match state {
                ImageState::Ready => shelf.images += images,
                ImageState::Damaged => (shelf.images, shelf.damaged) = (shelf.images + images, images),
                ImageState::Coming => shelf.coming = images,
                ImageState::Failed => shelf.failed = images,
            }
            if state != ImageState::Failed {
                shelf.raw = shelf.raw.saturating_add(raw);
                shelf.stored = shelf.stored.saturating_add(stored);
            }
        }
        Ok(shelf)
    }

    /// What an image shares with others.
    ///
    /// # Errors
    /// What the database says.
    pub async fn shared(&self, image: &str) -> Result<Shared, Error> {
        let sql = "SELECT COUNT(*), CAST(COALESCE(SUM(many), 0) AS BIGINT),
                   CAST(COALESCE(SUM((1 - many) * stored), 0) AS BIGINT) FROM
                   (SELECT c.stored AS stored, CASE WHEN EXISTS (SELECT 1 FROM image_chunk o WHERE o.chunk = c.chunk
                    AND o.image <> c.image) THEN 1 ELSE 0 END AS many FROM image_chunk c WHERE c.image = $1) AS x";
        let Some(mut row) = self.db.row(sql, values![image]).await? else { return Ok(Shared::default()) };
        Ok(Shared { chunks: row.count()?, shared: row.count()?, own: row.count()? })
    }

    /// Gives an image another name. Projects that name it go along.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::Taken`]; [`Error::BadValue`]; [`Error::InUse`] for a backup that is being made.
    pub async fn rename_image(&self, id: &str, name: &str) -> Result<(), Error> {
        check_name(name)?;
        let mut tx = self.db.begin().await?;
        let missing = || Error::NoSuch { what: "image", name: id.to_owned() };
        let row = tx.row("SELECT name FROM image WHERE id = $1", values![id]).await?;
        let before = row.ok_or_else(missing)?.text()?;
        // A board's backup is known by its job's name until it is done.
        if let Some(job) = before.strip_prefix("backup-") {
            let sql = "SELECT id FROM job WHERE id = $1 AND state IN ('queued', 'running', 'finishing')";
            if tx.row(sql, values![job]).await?.is_some() {
                return Err(Error::InUse { what: "image", name: before.clone(), by: format!("job {job}") });
            }
        }
        tx.run("UPDATE image SET name = $2 WHERE id = $1", values![id, name])
            .await
            .map_err(|error| error.taken("image", name))?;
        tx.run("UPDATE project SET image = $2 WHERE image = $1", values![&before, name]).await?;
        tx.commit().await
    }

    /// The board and the job's end of a backup, where the image is one.
    ///
    /// # Errors
    /// What the database says.
    pub async fn backup(&self, image: &str) -> Result<Option<crate::station_api::Backup>, Error> {
        let sql = "SELECT board, run, device, proof FROM backup WHERE image = $1";
        let Some(row) = self.db.row(sql, values![image]).await? else { return Ok(None) };
        let mut row = row.of("backup");
        let image = self.image(image).await?;
        Ok(Some(crate::station_api::Backup {
            image,
            board: row.text()?,
            run: row.text()?,
            device: row.text()?,
            proof: row.text()?,
        }))
    }

    /// Jobs in these states that want an image, the newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn boards_held_up(&self, image: &str) -> Result<u64, Error> {
        let state = super::db::word(JobState::Queued);
        let sql = "SELECT COUNT(*) FROM job WHERE image = $1 AND state = $2";
        let row = self.db.row(sql, values![image, state]).await?;
        row.map_or(Ok(0), |mut row| row.count())
    }
}
