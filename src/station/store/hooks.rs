//! Who is told what happens, and what they are to be told.

use super::db::{Question, Row, values, word};
use super::page::{limit, page};
use super::{Error, Store, check_name, new_name};
use crate::station_api::{DeliveriesAsked, Delivery, Happening, Hook, Page, Time};

/// Hooks that there may be.
const MOST_HOOKS: u64 = 100;
/// What waits for one hook; then the oldest is given up.
const MOST_WAITING: u64 = 1000;
const HOOK: &str = "name, url, events, plain, made, made_by";
const DELIVERY: &str = "id, hook, event, subject, state, tries, made, due, status, why";

/// What is to be told now, and to whom.
#[derive(Clone, PartialEq, Eq)]
pub struct Due {
    /// Its name.
    pub id: String,
    /// The hook.
    pub hook: String,
    /// Where it is.
    pub url: String,
    /// What its calls are signed with.
    pub secret: String,
    /// A sentence instead of JSON.
    pub plain: bool,
    /// What happened.
    pub event: Happening,
    /// What is said.
    pub body: String,
    /// How often it was tried.
    pub tries: u32,
}

impl std::fmt::Debug for Due {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Due").field("id", &self.id).field("hook", &self.hook).finish_non_exhaustive()
    }
}

fn hook(row: Row) -> Result<Hook, Error> {
    let mut row = row.of("hook");
    let (name, url, words) = (row.text()?, row.text()?, row.text()?);
    let event = |word: &str| serde_json::from_value(word.into()).map_err(|error| row.wrong(error));
    let events = words.split_whitespace().map(event).collect::<Result<_, _>>()?;
    Ok(Hook { name, url, events, plain: row.truth()?, made: row.number()?, by: row.text()? })
}

fn delivery(row: Row) -> Result<Delivery, Error> {
    let mut row = row.of("delivery");
    let small = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
    Ok(Delivery {
        delivery: row.text()?,
        hook: row.text()?,
        event: row.word()?,
        on: row.text()?,
        state: row.word()?,
        tries: small(Some(row.number()?)).unwrap_or(u32::MAX),
        made: row.number()?,
        due: row.number()?,
        status: small(row.maybe_number()?),
        why: row.text()?,
    })
}

impl Store {
    /// Makes a hook.
    ///
    /// # Errors
    /// [`Error::Taken`], [`Error::BadValue`], [`Error::Many`].
    pub async fn add_hook(&self, hook: &Hook, secret: &str) -> Result<(), Error> {
        check_name(&hook.name)?;
        let mut tx = self.db.begin().await?;
        let count = tx.row("SELECT count(*) FROM hook", &[]).await?;
        if count.map_or(Ok(0), |mut row| row.count())? >= MOST_HOOKS {
            return Err(Error::Many { what: "hooks", most: MOST_HOOKS });
        }
        let events: Vec<_> = hook.events.iter().map(|event| event.word()).collect();
        tx.run(
            "INSERT INTO hook (name, url, secret, events, plain, made, made_by) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            values![&hook.name, &hook.url, secret, events.join(" "), hook.plain, hook.made, &hook.by],
        )
        .await
        .map_err(|error| error.taken("hook", &hook.name))?;
        tx.commit().await
    }

    /// All hooks, by name.
    ///
    /// # Errors
    /// What the database says.
    pub async fn hooks(&self) -> Result<Vec<Hook>, Error> {
        let sql = format!("SELECT {HOOK} FROM hook ORDER BY name");
        self.db.rows(&sql, &[]).await?.into_iter().map(hook).collect()
    }

    /// Removes a hook, with all that it was to be told.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn remove_hook(&self, name: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        if tx.run("DELETE FROM hook WHERE name = $1", values![name]).await? == 0 {
            return Err(Error::NoSuch { what: "hook", name: name.to_owned() });
        }
        tx.commit().await
    }

    /// Puts something into the queue of a hook.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn queue(
        &self,
        hook: &str,
        event: Happening,
        on: &str,
        body: &str,
        now: Time,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        if tx.row("SELECT 1 FROM hook WHERE name = $1", values![hook]).await?.is_none() {
            return Err(Error::NoSuch { what: "hook", name: hook.to_owned() });
        }
        let sql = "SELECT id FROM delivery WHERE hook = $1 AND state = 'waiting' ORDER BY id DESC LIMIT 1 OFFSET $2";
        if let Some(mut row) = tx.row(sql, values![hook, MOST_WAITING - 1]).await? {
            let sql = "UPDATE delivery SET state = 'given-up', why = 'too much waits for this hook'
                       WHERE hook = $1 AND state = 'waiting' AND id <= $2";
            tx.run(sql, values![hook, row.text()?]).await?;
        }
        tx.run(
            "INSERT INTO delivery (id, hook, event, subject, body, state, tries, made, due, status, why)
             VALUES ($1, $2, $3, $4, $5, 'waiting', 0, $6, $6, NULL, '')",
            values![new_name(), hook, event.word(), on, body, now],
        )
        .await?;
        tx.commit().await
    }

    /// What is due, the longest due first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn due(&self, now: Time) -> Result<Vec<Due>, Error> {
        let sql = "SELECT d.id, d.hook, h.url, h.secret, h.plain, d.event, d.body, d.tries
                   FROM delivery d JOIN hook h ON h.name = d.hook
                   WHERE d.state = 'waiting' AND d.due <= $1 ORDER BY d.due, d.id LIMIT 200";
        let due = self.db.rows(sql, values![now]).await?.into_iter().map(|row| {
            let mut row = row.of("delivery");
            Ok(Due {
                id: row.text()?,
                hook: row.text()?,
                url: row.text()?,
                secret: row.text()?,
                plain: row.truth()?,
                event: row.word()?,
                body: row.text()?,
                tries: u32::try_from(row.count()?).unwrap_or(u32::MAX),
            })
        });
        due.collect()
    }

    /// Notes how a try went. `again`: when it is tried again; `None` where it isn't.
    ///
    /// # Errors
    /// What the database says.
    pub async fn tried(
        &self,
        id: &str,
        status: Option<u16>,
        why: Option<&str>,
        again: Option<Time>,
        now: Time,
    ) -> Result<(), Error> {
        let state = match (why, again) {
            (None, _) => "done",
            (Some(_), Some(_)) => "waiting",
            (Some(_), None) => "given-up",
        };
        let why: String = why.unwrap_or_default().chars().take(500).collect();
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE delivery SET state = $2, tries = tries + 1, due = $3, status = $4, why = $5
                   WHERE id = $1 AND state = 'waiting'";
        let status = status.map(i64::from);
        tx.run(sql, values![id, state, again.unwrap_or(now), status, why]).await?;
        tx.commit().await
    }

    /// What was given up is tried once more; what waits is tried now. The hook's name.
    ///
    /// # Errors
    /// [`Error::NoSuch`] where it was told, or isn't there.
    pub async fn try_again(&self, id: &str, now: Time) -> Result<String, Error> {
        let mut tx = self.db.begin().await?;
        let sql =
            "UPDATE delivery SET state = 'waiting', tries = 0, due = $2 WHERE id = $1 AND state <> 'done'";
        tx.run(sql, values![id, now]).await?;
        let sql = "SELECT hook FROM delivery WHERE id = $1 AND state <> 'done'";
        let missing = || Error::NoSuch { what: "delivery that wasn't told yet", name: id.to_owned() };
        let hook = tx.row(sql, values![id]).await?.ok_or_else(missing)?.text()?;
        tx.commit().await?;
        Ok(hook)
    }

    /// What hooks are to be told and were, the newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn deliveries(&self, asked: &DeliveriesAsked) -> Result<Page<Delivery>, Error> {
        let limit = limit(asked.limit)?;
        let mut question = Question::new(&format!("SELECT {DELIVERY} FROM delivery"));
        if let Some(hook) = &asked.hook {
            question.and("hook = {}", values![hook]);
        }
        if let Some(state) = asked.state {
            question.and("state = {}", values![word(state)]);
        }
        if let Some(after) = &asked.after {
            question.and("id < {}", values![after]);
        }
        question.more(" ORDER BY id DESC LIMIT {}", values![limit as u64 + 1]);
        let rows = self.db.rows(&question.sql, &question.values).await?;
        let lines = rows.into_iter().map(delivery).collect::<Result<Vec<_>, _>>()?;
        Ok(page(lines, limit, |line| line.delivery.clone()))
    }

    /// Removes what was told or given up before.
    ///
    /// # Errors
    /// What the database says.
    pub async fn forget_deliveries(&self, before: Time) -> Result<u64, Error> {
        let mut tx = self.db.begin().await?;
        let sql = "DELETE FROM delivery WHERE id IN (SELECT d.id FROM delivery d WHERE d.state <> 'waiting'
                   AND d.made < $1 LIMIT 5000)";
        let removed = tx.run(sql, values![before]).await?;
        tx.commit().await?;
        Ok(removed)
    }
}
