//! What the station keeps of itself, and what people did.

use super::db::{Question, Tx, values};
use super::page::{limit, page};
use super::{Error, Store, new_name};
use crate::station_api::{Audit, ListAsked, Page};

/// Whether rules start something.
const ARMED: &str = "armed";

/// Whether rules start something, within a transaction. A new station is armed: it has no rules.
pub(super) async fn armed(tx: &mut Tx) -> Result<bool, Error> {
    let row = tx.row("SELECT value FROM setting WHERE name = $1", values![ARMED]).await?;
    Ok(row.map(|mut row| row.text()).transpose()?.is_none_or(|value| value != "no"))
}

impl Store {
    /// What the station keeps under a name.
    ///
    /// # Errors
    /// What the database says.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, Error> {
        let row = self.db.row("SELECT value FROM setting WHERE name = $1", values![name]).await?;
        row.map(|mut row| row.text()).transpose()
    }

    /// Keeps something under a name, or removes it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn set(&self, name: &str, value: Option<&str>) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        if value.is_some() {
            let sql = "INSERT INTO setting (name, value) VALUES ($1, $2)
                       ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            tx.run(sql, values![name, value]).await?;
        } else {
            tx.run("DELETE FROM setting WHERE name = $1", values![name]).await?;
        }
        tx.commit().await
    }

    /// Whether rules start something by themselves.
    ///
    /// # Errors
    /// What the database says.
    pub async fn is_armed(&self) -> Result<bool, Error> {
        Ok(self.setting(ARMED).await?.is_none_or(|value| value != "no"))
    }

    /// Lets rules start something, or not.
    ///
    /// # Errors
    /// What the database says.
    pub async fn arm(&self, armed: bool) -> Result<(), Error> {
        self.set(ARMED, Some(if armed { "yes" } else { "no" })).await
    }

    /// Notes that somebody did something.
    ///
    /// # Errors
    /// What the database says.
    pub async fn note(&self, done: &Audit) -> Result<(), Error> {
        let text = |text: &str| text.chars().take(300).collect::<String>();
        let mut tx = self.db.begin().await?;
        tx.run(
            "INSERT INTO audit (id, at, person, origin, doing, subject) VALUES ($1, $2, $3, $4, $5, $6)",
            values![
                new_name(),
                done.time,
                text(&done.by),
                text(&done.from),
                text(&done.what),
                text(&done.on)
            ],
        )
        .await?;
        tx.commit().await
    }

    /// What people did, the newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn audit(&self, asked: &ListAsked) -> Result<Page<Audit>, Error> {
        let limit = limit(asked.limit)?;
        let mut question = Question::new("SELECT id, at, person, origin, doing, subject FROM audit");
        if let Some(after) = &asked.after {
            question.and("id < {}", values![after]);
        }
        question.more(" ORDER BY id DESC LIMIT {}", values![limit as u64 + 1]);
        let rows = self.db.rows(&question.sql, &question.values).await?;
        let lines = rows.into_iter().map(|row| {
            let mut row = row.of("audit");
            let id = row.text()?;
            let (time, by, from) = (row.number()?, row.text()?, row.text()?);
            Ok((id, Audit { time, by, from, what: row.text()?, on: row.text()? }))
        });
        let part = page(lines.collect::<Result<Vec<_>, Error>>()?, limit, |(id, _)| id.clone());
        Ok(Page { items: part.items.into_iter().map(|(_, line)| line).collect(), next: part.next })
    }
}
