//! Accounts, sessions and tokens. Secrets are kept as digests only; who makes digests is elsewhere.

use super::db::{Row, Tx, values, word};
use super::{Error, Store, check_name};
use crate::station_api::{Role, Scope, Time, Token, User};

/// An account with what proves it.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// What everybody may know of it.
    pub user: User,
    /// argon2id, in the form that has its parameters.
    pub password: String,
    /// The secret of its second factor, in base32; `None`: it has none.
    pub factor: Option<String>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Account").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The columns of [`user`].
pub(super) const USER: &str = "p.name, p.role, p.disabled, p.made, p.last, CASE WHEN p.factor IS NULL THEN 0 ELSE 1 END, \
    (SELECT count(*) FROM passkey k WHERE k.person = p.name)";

pub(super) fn user(row: &mut Row) -> Result<User, Error> {
    let mut user = User {
        name: row.text()?,
        role: row.word()?,
        disabled: row.truth()?,
        made: row.number()?,
        last: row.maybe_number()?,
        second_factor: false,
        codes: row.truth()?,
        passkeys: row.count()?,
    };
    user.second_factor = user.codes || user.passkeys > 0;
    Ok(user)
}

fn scopes(row: &mut Row) -> Result<Vec<Scope>, Error> {
    let text = row.text()?;
    let scopes = text.split_whitespace().map(|word| word.parse::<Scope>().map_err(|error| row.wrong(error)));
    scopes.collect()
}

fn token(row: Row) -> Result<Token, Error> {
    let mut row = row.of("token");
    Ok(Token {
        name: row.text()?,
        role: row.word()?,
        scopes: scopes(&mut row)?,
        user: row.text()?,
        made: row.number()?,
        expires: row.maybe_number()?,
        used: row.maybe_number()?,
    })
}

pub(super) fn no_user(name: &str) -> Error {
    Error::NoSuch { what: "user", name: name.to_owned() }
}

/// Somebody has to be left who may let others in.
async fn an_admin_is_left(tx: &mut Tx, name: &str) -> Result<(), Error> {
    if tx.row("SELECT 1 FROM person WHERE role = 'admin' AND disabled = 0", &[]).await?.is_none() {
        let by = "there is no other administrator".to_owned();
        return Err(Error::InUse { what: "user", name: name.to_owned(), by });
    }
    Ok(())
}

/// Checks the name of a new user. The record calls others than users by a word and their name, as in `rule lab`: nobody is
/// called so.
fn check_user(name: &str) -> Result<(), Error> {
    check_name(name)?;
    let first = name.split(' ').next().unwrap_or_default().to_ascii_lowercase();
    match first.as_str() {
        "rule" | "token" | "uid" => Err(Error::BadValue {
            what: "name",
            why: format!("names with `{first}` at their beginning are for what does things without a user"),
        }),
        _ => Ok(()),
    }
}

/// Whether a new user may have this name: `bob` and `BOB` would be taken for one another. Two that are there stay.
pub(super) async fn is_free(tx: &mut Tx, name: &str) -> Result<(), Error> {
    // Databases differ in what they call the same but for case, and users are few.
    for mut row in tx.rows("SELECT name FROM person", &[]).await? {
        let other = row.text()?;
        if other.to_lowercase() == name.to_lowercase() {
            return Err(Error::Taken { what: "user", name: other });
        }
    }
    Ok(())
}

/// Somebody is about to be a user who may sign in. Where that is the first one, links for a first user end: whoever has one
/// would be an administrator beside those that are meant.
pub(super) async fn first_is_there(tx: &mut Tx) -> Result<(), Error> {
    let sql = "DELETE FROM invitation WHERE person IS NULL
               AND NOT EXISTS (SELECT 1 FROM person WHERE disabled = 0)";
    tx.run(sql, &[]).await.map(drop)
}

/// Makes an account that nobody can use: it is disabled, and no password is right for it.
pub(super) async fn add_disabled(tx: &mut Tx, name: &str, now: Time) -> Result<(), Error> {
    check_user(name)?;
    is_free(tx, name).await?;
    tx.run(
        "INSERT INTO person (name, role, disabled, made, last, password) VALUES ($1, $2, 1, $3, NULL, $4)",
        values![name, word(Role::Viewer), now, "none"],
    )
    .await
    .map(drop)
}

impl Store {
    /// All accounts, by name.
    ///
    /// # Errors
    /// What the database says.
    pub async fn users(&self) -> Result<Vec<User>, Error> {
        let sql = format!("SELECT {USER} FROM person p ORDER BY p.name");
        let rows = self.db.rows(&sql, &[]).await?;
        rows.into_iter().map(|row| user(&mut row.of("person"))).collect()
    }

    /// The account.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn account(&self, name: &str) -> Result<Account, Error> {
        let sql = format!("SELECT {USER}, p.password, p.factor FROM person p WHERE p.name = $1");
        let row = self.db.row(&sql, values![name]).await?;
        let mut row = row.ok_or_else(|| no_user(name))?.of("person");
        Ok(Account { user: user(&mut row)?, password: row.text()?, factor: row.maybe_text()? })
    }

    /// Makes an account. `password`: its argon2id form.
    ///
    /// # Errors
    /// [`Error::Taken`], [`Error::BadValue`].
    pub async fn add_user(&self, name: &str, role: Role, password: &str, now: Time) -> Result<User, Error> {
        check_user(name)?;
        let mut tx = self.db.begin().await?;
        is_free(&mut tx, name).await?;
        first_is_there(&mut tx).await?;
        tx.run(
            "INSERT INTO person (name, role, disabled, made, last, password) VALUES ($1, $2, 0, $3, NULL, $4)",
            values![name, word(role), now, password],
        )
        .await
        .map_err(|error| error.taken("user", name))?;
        tx.commit().await?;
        Ok(User {
            name: name.to_owned(),
            role,
            disabled: false,
            made: now,
            last: None,
            second_factor: false,
            codes: false,
            passkeys: 0,
        })
    }

    /// Changes an account. With another password, or disabled, its sessions end; disabled, its tokens count for nothing.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::InUse`] where no administrator would be left.
    pub async fn change_user(
        &self,
        name: &str,
        role: Option<Role>,
        disabled: Option<bool>,
        password: Option<&str>,
    ) -> Result<User, Error> {
        let mut tx = self.db.begin().await?;
        let had_admin = an_admin_is_left(&mut tx, name).await.is_ok();
        if disabled == Some(false) {
            first_is_there(&mut tx).await?;
        }
        let changed = tx
            .run(
                "UPDATE person SET role = coalesce($2, role), disabled = coalesce($3, disabled),
                 password = coalesce($4, password) WHERE name = $1",
                values![name, role.map(word), disabled.map(i64::from), password],
            )
            .await?;
        if changed == 0 {
            return Err(no_user(name));
        }
        if had_admin {
            an_admin_is_left(&mut tx, name).await?;
        }
        if password.is_some() || disabled == Some(true) || role.is_some() {
            tx.run("DELETE FROM session WHERE person = $1", values![name]).await?;
        }
        tx.commit().await?;
        Ok(self.account(name).await?.user)
    }

    /// Gives a user another password (its argon2id form). All sessions of the user end but one.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn put_password(&self, name: &str, password: &str, session: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        if tx.run("UPDATE person SET password = $2 WHERE name = $1", values![name, password]).await? == 0 {
            return Err(no_user(name));
        }
        let sql = "DELETE FROM session WHERE person = $1 AND digest <> $2";
        tx.run(sql, values![name, session]).await?;
        tx.commit().await
    }

    /// Makes a token. `digest`: of its secret.
    ///
    /// # Errors
    /// [`Error::Taken`], [`Error::BadValue`].
    pub async fn add_token(&self, token: &Token, digest: &str) -> Result<(), Error> {
        check_name(&token.name)?;
        let mut tx = self.db.begin().await?;
        tx.run(
            "INSERT INTO token (name, digest, role, scopes, person, made, expires, used)
             VALUES ($1, $2, $3, $4, $5, $6, $7, NULL)",
            values![
                &token.name,
                digest,
                word(token.role),
                token.scopes.iter().map(|scope| scope.word()).collect::<Vec<_>>().join(" "),
                &token.user,
                token.made,
                token.expires
            ],
        )
        .await
        .map_err(|error| error.taken("token", &token.name))?;
        tx.commit().await
    }

    /// All tokens, by name.
    ///
    /// # Errors
    /// What the database says.
    pub async fn tokens(&self) -> Result<Vec<Token>, Error> {
        let sql = "SELECT name, role, scopes, person, made, expires, used FROM token ORDER BY name";
        self.db.rows(sql, &[]).await?.into_iter().map(token).collect()
    }

    /// The token with this digest, where it counts now: it hasn't ended, and its user isn't disabled. It can do no more
    /// than its user can now.
    ///
    /// # Errors
    /// What the database says.
    pub async fn token(&self, digest: &str, now: Time) -> Result<Option<Token>, Error> {
        let sql = "SELECT t.name, t.role, t.scopes, t.person, t.made, t.expires, t.used, p.role, p.disabled
                   FROM token t LEFT JOIN person p ON p.name = t.person
                   WHERE t.digest = $1 AND (t.expires IS NULL OR t.expires > $2)";
        let Some(row) = self.db.row(sql, values![digest, now]).await? else { return Ok(None) };
        let mut row = row.of("token");
        let mut token = Token {
            name: row.text()?,
            role: row.word()?,
            scopes: scopes(&mut row)?,
            user: row.text()?,
            made: row.number()?,
            expires: row.maybe_number()?,
            used: row.maybe_number()?,
        };
        // A token that was made on the host itself has no account.
        let role = row.maybe_text()?;
        if let Some(role) = role {
            let role: Role = serde_json::from_value(role.into()).map_err(|error| row.wrong(error))?;
            token.role = token.role.min(role);
        }
        if row.maybe_number()?.is_some_and(|disabled| disabled != 0) {
            return Ok(None);
        }
        Ok(Some(token))
    }

    /// A token was used. Written once a minute at most.
    ///
    /// # Errors
    /// What the database says.
    pub async fn token_used(&self, token: &Token, now: Time) -> Result<(), Error> {
        if token.used.is_some_and(|used| (used..used.saturating_add(60_000)).contains(&now)) {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        tx.run("UPDATE token SET used = $2 WHERE name = $1", values![&token.name, now]).await?;
        tx.commit().await
    }

    /// Removes a token.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn remove_token(&self, name: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        if tx.run("DELETE FROM token WHERE name = $1", values![name]).await? == 0 {
            return Err(Error::NoSuch { what: "token", name: name.to_owned() });
        }
        tx.commit().await
    }
}
