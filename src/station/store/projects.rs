//! Projects: what is to be done with boards.

use super::db::{Row, Tx, json, values, word};
use super::{Error, Store, check_name, firmware, labels, scripts, values};
use crate::device_api::Script;
use crate::station_api::{MOST_RETRIES, Project};

const PROJECT: &str = "SELECT name, image, target, ending, again, retries, draws, scripts, first_boot, eeprom, label, made FROM project";

fn project(row: Row) -> Result<Project, Error> {
    let mut row = row.of("project");
    Ok(Project {
        name: row.text()?,
        image: row.maybe_text()?,
        target: row.json()?,
        end: row.word()?,
        again: row.word()?,
        retries: row.count()?.try_into().unwrap_or(u32::MAX),
        values: row.json()?,
        scripts: row.json()?,
        first_boot: row.json()?,
        eeprom: row
            .maybe_text()?
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|error| row.wrong(error))?,
        label: row
            .maybe_text()?
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|error| row.wrong(error))?,
        made: row.number()?,
        warnings: Vec::new(),
    })
}

/// One project, within a transaction.
pub(super) async fn one(tx: &mut Tx, name: &str) -> Result<Option<Project>, Error> {
    tx.row(&format!("{PROJECT} WHERE name = $1"), values![name]).await?.map(project).transpose()
}

/// All of them by name, within a transaction.
pub(super) async fn all(tx: &mut Tx) -> Result<Vec<Project>, Error> {
    tx.rows(&format!("{PROJECT} ORDER BY name"), &[]).await?.into_iter().map(project).collect()
}

/// Makes or changes a project, within a transaction.
pub(super) async fn put(tx: &mut Tx, project: &Project) -> Result<(), Error> {
    if project.target.len() > 16 {
        return Err(Error::BadValue { what: "target", why: "it has 16 roles at most".to_owned() });
    }
    if project.retries > MOST_RETRIES {
        return Err(Error::BadValue { what: "retries", why: format!("it is {MOST_RETRIES} at most") });
    }
    values::may_draw(tx, &project.values).await?;
    if one(tx, &project.name).await?.is_none() {
        check_name(&project.name)?;
    }
    if let Some(image) = &project.image
        && tx.row("SELECT id FROM image WHERE name = $1", values![image]).await?.is_none()
    {
        return Err(Error::NoSuch { what: "image", name: image.clone() });
    }
    scripts::check(tx, &project.scripts).await?;
    if let Some(eeprom) = &project.eeprom {
        firmware::check(tx, eeprom).await?;
    }
    if let Some(label) = &project.label {
        labels::check(tx, label).await?;
    }
    tx.run(
        "INSERT INTO project (name, image, target, ending, again, retries, draws, made, first_boot, scripts,
             eeprom, label) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (name) DO UPDATE SET image = excluded.image, target = excluded.target,
         ending = excluded.ending, again = excluded.again, retries = excluded.retries,
         draws = excluded.draws, first_boot = excluded.first_boot, scripts = excluded.scripts,
         eeprom = excluded.eeprom, label = excluded.label",
        values![
            &project.name,
            &project.image,
            json(&project.target),
            word(project.end),
            word(project.again),
            u64::from(project.retries),
            json(&project.values),
            project.made,
            json(&project.first_boot),
            json(&project.scripts),
            project.eeprom.as_ref().map(json),
            project.label.as_ref().map(json),
        ],
    )
    .await?;
    Ok(())
}

impl Store {
    /// All projects, by name. People make them: they are few.
    ///
    /// # Errors
    /// What the database says.
    pub async fn projects(&self) -> Result<Vec<Project>, Error> {
        let rows = self.db.rows(&format!("{PROJECT} ORDER BY name"), &[]).await?;
        rows.into_iter().map(project).collect()
    }

    /// The project.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn project(&self, name: &str) -> Result<Project, Error> {
        let row = self.db.row(&format!("{PROJECT} WHERE name = $1"), values![name]).await?;
        project(row.ok_or_else(|| Error::NoSuch { what: "project", name: name.to_owned() })?)
    }

    /// Makes a project, or changes it; its `made` stays as it was. The image has to be there.
    ///
    /// # Errors
    /// [`Error::BadValue`], [`Error::NoSuch`].
    pub async fn put_project(&self, project: &Project) -> Result<Project, Error> {
        self.put_project_and(project, &[]).await
    }

    /// The same with scripts, which are made or changed before: all of it, or nothing.
    ///
    /// # Errors
    /// As [`Self::put_project`] and [`Self::put_script`].
    pub async fn put_project_and(&self, project: &Project, scripts: &[Script]) -> Result<Project, Error> {
        let mut tx = self.db.begin().await?;
        for script in scripts {
            scripts::put(&mut tx, script).await?;
        }
        put(&mut tx, project).await?;
        tx.commit().await?;
        self.project(&project.name).await
    }

    /// Removes a project. What was done with it stays.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::InUse`] while a rule names it.
    pub async fn remove_project(&self, name: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        for mut row in tx.rows("SELECT name, doing FROM rule ORDER BY place", &[]).await? {
            let (rule, what): (String, crate::station_api::What) = (row.text()?, row.json()?);
            if matches!(&what, crate::station_api::What::Project { project } if project == name) {
                let by = format!("rule {rule}");
                return Err(Error::InUse { what: "project", name: name.to_owned(), by });
            }
        }
        if tx.run("DELETE FROM project WHERE name = $1", values![name]).await? == 0 {
            return Err(Error::NoSuch { what: "project", name: name.to_owned() });
        }
        tx.commit().await
    }
}
