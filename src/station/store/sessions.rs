//! Sessions of people, in browsers and of programs, and links that are good once.

use super::db::{Row, values, word};
use super::people::{USER, first_is_there, is_free, no_user, user};
use super::{Error, Store, check_name};
use crate::station_api::{Role, Session, Time, User};

/// How long a browser's session lasts without being used.
const REST: Time = 12 * 3600 * 1000;

/// Links that are good at once.
const MOST_LINKS: u64 = 200;

/// A session that begins.
#[derive(Debug, Clone, Copy)]
pub struct Started<'a> {
    /// sha256 of the secret that its user keeps, in hexadecimal digits.
    pub digest: &'a str,
    /// The user.
    pub name: &'a str,
    /// A browser's, whose secret is in a cookie; else a program's.
    pub page: bool,
    /// The address that it came from.
    pub origin: &'a str,
    /// What the browser calls itself.
    pub browser: &'a str,
    /// When it ends, whatever happens.
    pub expires: Time,
}

/// What a link that is good once is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The user that gets another password; `None` where a new one is made.
    pub name: Option<String>,
    /// What a new user may do.
    pub role: Role,
    /// When it ends.
    pub expires: Time,
}

fn session(row: Row) -> Result<Session, Error> {
    let mut row = row.of("session");
    Ok(Session {
        digest: row.text()?,
        name: row.text()?,
        page: row.truth()?,
        origin: row.text()?,
        browser: row.text()?,
        made: row.number()?,
        used: row.number()?,
        expires: row.number()?,
    })
}

fn invitation(row: Row) -> Result<Invitation, Error> {
    let mut row = row.of("invitation");
    Ok(Invitation { name: row.maybe_text()?, role: row.word()?, expires: row.number()? })
}

impl Store {
    /// Begins a session.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn begin_session(&self, begun: &Started<'_>, now: Time) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.run("DELETE FROM session WHERE expires < $1", values![now]).await?;
        if tx.run("UPDATE person SET last = $2 WHERE name = $1", values![begun.name, now]).await? == 0 {
            return Err(no_user(begun.name));
        }
        let cut = |text: &str| text.chars().take(200).collect::<String>();
        tx.run(
            "INSERT INTO session (digest, person, made, used, expires, page, origin, browser)
             VALUES ($1, $2, $3, $3, $4, $5, $6, $7)",
            values![
                begun.digest,
                begun.name,
                now,
                begun.expires,
                begun.page,
                cut(begun.origin),
                cut(begun.browser)
            ],
        )
        .await?;
        tx.commit().await
    }

    /// Whose session it is. A browser's secret is no program's, and the other way round. A browser's session that rests
    /// for twelve hours has ended.
    ///
    /// # Errors
    /// What the database says.
    pub async fn session(&self, digest: &str, page: bool, now: Time) -> Result<Option<User>, Error> {
        let sql = format!(
            "SELECT s.used, {USER} FROM session s JOIN person p ON p.name = s.person
             WHERE s.digest = $1 AND s.expires > $2 AND s.page = $3 AND p.disabled = 0"
        );
        let Some(row) = self.db.row(&sql, values![digest, now, page]).await? else { return Ok(None) };
        let mut row = row.of("session");
        let used = row.number()?;
        if page && now.saturating_sub(used) > REST {
            return Ok(None);
        }
        // Written once a minute at most.
        if !(used..used.saturating_add(60_000)).contains(&now) {
            let mut tx = self.db.begin().await?;
            tx.run("UPDATE session SET used = $2 WHERE digest = $1", values![digest, now]).await?;
            tx.commit().await?;
        }
        user(&mut row).map(Some)
    }

    /// Sessions that haven't ended: one user's, or all. The newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn sessions(&self, name: Option<&str>, now: Time) -> Result<Vec<Session>, Error> {
        let sql = "SELECT digest, person, page, origin, browser, made, used, expires FROM session
                   WHERE expires > $1 AND ($2 = '' OR person = $2) ORDER BY used DESC, digest LIMIT 500";
        let rows = self.db.rows(sql, values![now, name.unwrap_or_default()]).await?;
        rows.into_iter().map(session).collect()
    }

    /// Whose session it is; `None` where there is none.
    ///
    /// # Errors
    /// What the database says.
    pub async fn session_user(&self, digest: &str) -> Result<Option<String>, Error> {
        let row = self.db.row("SELECT person FROM session WHERE digest = $1", values![digest]).await?;
        row.map(|row| row.of("session").text()).transpose()
    }

    /// Ends a session: of this user, where one is named. `false` where there was none.
    ///
    /// # Errors
    /// What the database says.
    pub async fn end_session(&self, digest: &str, name: Option<&str>) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let sql = "DELETE FROM session WHERE digest = $1 AND ($2 = '' OR person = $2)";
        let ended = tx.run(sql, values![digest, name.unwrap_or_default()]).await?;
        tx.commit().await?;
        Ok(ended > 0)
    }

    /// Ends all sessions of a user but one.
    ///
    /// # Errors
    /// What the database says.
    pub async fn end_other_sessions(&self, name: &str, but: &str) -> Result<u64, Error> {
        let mut tx = self.db.begin().await?;
        let sql = "DELETE FROM session WHERE person = $1 AND digest <> $2";
        let ended = tx.run(sql, values![name, but]).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Makes a link that is good once. `digest`: of the secret in it. Older ones for the same user are good no more, and
    /// for the first user no other one is.
    ///
    /// # Errors
    /// What the database says.
    pub async fn invite(&self, digest: &str, invited: &Invitation, now: Time) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let sql = "DELETE FROM invitation WHERE expires < $1 OR person = $2
                   OR NOT EXISTS (SELECT 1 FROM person)";
        tx.run(sql, values![now, invited.name.as_deref().unwrap_or_default()]).await?;
        let count = tx.row("SELECT count(*) FROM invitation", &[]).await?;
        if count.map_or(Ok(0), |mut row| row.count())? >= MOST_LINKS {
            return Err(Error::Many { what: "links that wait for their users", most: MOST_LINKS });
        }
        tx.run(
            "INSERT INTO invitation (digest, person, role, made, expires) VALUES ($1, $2, $3, $4, $5)",
            values![digest, &invited.name, word(invited.role), now, invited.expires],
        )
        .await?;
        tx.commit().await
    }

    /// What a link is for, where it is still good.
    ///
    /// # Errors
    /// What the database says.
    pub async fn invitation(&self, digest: &str, now: Time) -> Result<Option<Invitation>, Error> {
        let sql = "SELECT person, role, expires FROM invitation WHERE digest = $1 AND expires > $2";
        self.db.row(sql, values![digest, now]).await?.map(invitation).transpose()
    }

    /// Uses a link: makes its user under this name, or gives its user this password (its argon2id form). `None` where
    /// the link isn't good any more; it is good for one of two that come at once.
    ///
    /// # Errors
    /// [`Error::Taken`], [`Error::BadValue`], [`Error::NoSuch`]: then the link stays good.
    pub async fn accept(
        &self,
        digest: &str,
        name: &str,
        password: &str,
        now: Time,
    ) -> Result<Option<User>, Error> {
        let mut tx = self.db.begin().await?;
        let sql = "SELECT person, role, expires FROM invitation WHERE digest = $1 AND expires > $2";
        let Some(row) = tx.row(sql, values![digest, now]).await? else { return Ok(None) };
        let invited = invitation(row)?;
        let name = invited.name.as_deref().unwrap_or(name).to_owned();
        if invited.name.is_some() {
            let sql = "UPDATE person SET password = $2 WHERE name = $1";
            if tx.run(sql, values![&name, password]).await? == 0 {
                return Err(no_user(&name));
            }
            tx.run("DELETE FROM session WHERE person = $1", values![&name]).await?;
            // Who is put out gets in again by an administrator, not by an old link.
            tx.run("DELETE FROM invitation WHERE person = $1", values![&name]).await?;
        } else {
            check_name(&name)?;
            is_free(&mut tx, &name).await?;
            first_is_there(&mut tx).await?;
            tx.run(
                "INSERT INTO person (name, role, disabled, made, last, password) VALUES ($1, $2, 0, $3, NULL, $4)",
                values![&name, word(invited.role), now, password],
            )
            .await
            .map_err(|error| error.taken("user", &name))?;
        }
        tx.run("DELETE FROM invitation WHERE digest = $1", values![digest]).await?;
        tx.commit().await?;
        Ok(Some(self.account(&name).await?.user))
    }
}
