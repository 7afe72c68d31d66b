//! Scripts that people write for boards.

use super::db::{Row, Tx, values, word};
use super::{Error, Store, check_name};
use crate::device_api::Script;

/// Scripts that there may be: a list of all is one answer.
const MOST_SCRIPTS: u64 = 100;
const SCRIPT: &str = "SELECT name, body, moment, priority, background, once, time_limit FROM script";

fn script(row: Row) -> Result<Script, Error> {
    let mut row = row.of("script");
    let small = |number: u64| number.try_into().unwrap_or(u32::MAX);
    Ok(Script {
        name: row.text()?,
        text: row.text()?,
        when: row.word()?,
        priority: small(row.count()?),
        background: row.truth()?,
        once: row.truth()?,
        limit: small(row.count()?),
    })
}

/// The scripts of these names, in the order in which they begin.
pub(super) async fn of(tx: &mut Tx, names: &[String]) -> Result<Vec<Script>, Error> {
    let mut all = Vec::new();
    for name in names {
        let row = tx.row(&format!("{SCRIPT} WHERE name = $1"), values![name]).await?;
        all.push(script(row.ok_or_else(|| no_such(name))?)?);
    }
    Script::sort(&mut all);
    Ok(all)
}

/// Whether a project may have scripts of these names.
pub(super) async fn check(tx: &mut Tx, names: &[String]) -> Result<(), Error> {
    let bad = |why: String| Err(Error::BadValue { what: "scripts", why });
    if names.len() > Script::MOST {
        return bad(format!("a project has {} at most", Script::MOST));
    }
    if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        return bad(format!("`{}` stands there twice", twice.1));
    }
    let bytes: usize = of(tx, names).await?.iter().map(|script| script.text.len()).sum();
    if bytes > Script::LONGEST_OF_ALL {
        let most = Script::LONGEST_OF_ALL >> 10;
        return bad(format!("their texts have {bytes} bytes; those of a project have {most} KiB at most"));
    }
    Ok(())
}

fn no_such(name: &str) -> Error {
    Error::NoSuch { what: "script", name: name.to_owned() }
}

/// The projects that have a script.
async fn users(tx: &mut Tx, script: &str) -> Result<Vec<(String, Vec<String>)>, Error> {
    let mut users = Vec::new();
    for mut row in tx.rows("SELECT name, scripts FROM project ORDER BY name", &[]).await? {
        let (project, scripts): (String, Vec<String>) = (row.text()?, row.json()?);
        if scripts.iter().any(|name| name == script) {
            users.push((project, scripts));
        }
    }
    Ok(users)
}

/// Makes or changes a script, within a transaction.
pub(super) async fn put(tx: &mut Tx, new: &Script) -> Result<Script, Error> {
    let mut script = new.clone();
    script.check().map_err(|why| Error::BadValue { what: "script", why: why.to_string() })?;
    let there = tx.row("SELECT name FROM script WHERE name = $1", values![&script.name]).await?;
    if there.is_none() {
        check_name(&script.name)?;
        let count = tx.row("SELECT count(*) FROM script", &[]).await?;
        if count.map_or(Ok(0), |mut row| row.count())? >= MOST_SCRIPTS {
            return Err(Error::Many { what: "scripts", most: MOST_SCRIPTS });
        }
    }
    tx.run(
        "INSERT INTO script (name, body, moment, priority, background, once, time_limit)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (name) DO UPDATE SET body = excluded.body, moment = excluded.moment,
         priority = excluded.priority, background = excluded.background, once = excluded.once,
         time_limit = excluded.time_limit",
        values![
            &script.name,
            &script.text,
            word(script.when),
            u64::from(script.priority),
            script.background,
            script.once,
            u64::from(script.limit),
        ],
    )
    .await?;
    for (_, scripts) in users(tx, &script.name).await? {
        check(tx, &scripts).await?;
    }
    Ok(script)
}

impl Store {
    /// All scripts, by name.
    ///
    /// # Errors
    /// What the database says.
    pub async fn scripts(&self) -> Result<Vec<Script>, Error> {
        let rows = self.db.rows(&format!("{SCRIPT} ORDER BY name"), &[]).await?;
        rows.into_iter().map(script).collect()
    }

    /// The script.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn script(&self, name: &str) -> Result<Script, Error> {
        let row = self.db.row(&format!("{SCRIPT} WHERE name = $1"), values![name]).await?;
        script(row.ok_or_else(|| no_such(name))?)
    }

    /// Makes a script, or changes it: for jobs that are made from now on.
    ///
    /// # Errors
    /// [`Error::BadValue`], [`Error::Many`].
    pub async fn put_script(&self, new: &Script) -> Result<Script, Error> {
        let mut tx = self.db.begin().await?;
        let script = put(&mut tx, new).await?;
        tx.commit().await?;
        Ok(script)
    }

    /// Removes a script.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::InUse`] while projects have it.
    pub async fn remove_script(&self, name: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let users: Vec<String> = users(&mut tx, name).await?.into_iter().map(|(user, _)| user).collect();
        if !users.is_empty() {
            let word = if users.len() == 1 { "project" } else { "projects" };
            let by = format!("{word} {}", users.join(", "));
            return Err(Error::InUse { what: "script", name: name.to_owned(), by });
        }
        if tx.run("DELETE FROM script WHERE name = $1", values![name]).await? == 0 {
            return Err(no_such(name));
        }
        tx.commit().await
    }
}
