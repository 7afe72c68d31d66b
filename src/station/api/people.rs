//! Accounts and tokens.

use std::time::Duration;

use axum::http::StatusCode;
use sha2::{Digest, Sha256};

use crate::error::Kind;
use crate::format::hex;
use crate::station::accounts::SignedIn;
use crate::station::key::random;
use crate::station::password_rules::weak;
use crate::station::store::{Account, part};
use crate::station::web::{Access, Call, Origin, Refusal, Row, Table, Who, bearer};
use crate::station::{Station, now};
use crate::station_api::{
    Invited, ListAsked, LoggedIn, Login, MadeToken, NewInvitation, NewToken, NewUser, Page, Role, Session,
    Token, User, UserChange,
};

const ADMIN: Access = Access::Role(Role::Admin);
/// How long a login is good.
const SESSION: Duration = Duration::from_secs(12 * 3600);

pub(super) fn add_to(table: &mut Table) {
    table.add(
        Row::post("/api/v1/login", Access::Open, "A token for a while, for a name and a password"),
        login,
    );
    table.add(Row::get("/api/v1/users", ADMIN, "Accounts"), users);
    table.add(
        Row::post("/api/v1/users", ADMIN, "Make an account").answers(StatusCode::CREATED).secret(),
        add_user,
    );
    table.add(Row::patch("/api/v1/users/{user}", ADMIN, "Change an account").secret(), change_user);
    let row = Row::post("/api/v1/invitations", ADMIN, "Make a link that is good once, for a password");
    table.add(row.answers(StatusCode::CREATED).secret(), invite);
    table.add(Row::get("/api/v1/users/{user}/sessions", ADMIN, "Sessions of a user"), sessions);
    let row = Row::delete("/api/v1/users/{user}/sessions", ADMIN, "End the sessions of a user");
    table.add(row, end_sessions);
    table.add(Row::delete("/api/v1/sessions/{session}", ADMIN, "End a session"), end_session);
    table.add(Row::get("/api/v1/tokens", ADMIN, "Tokens"), tokens);
    table.add(
        Row::post("/api/v1/tokens", ADMIN, "Make a token").answers(StatusCode::CREATED).secret(),
        add_token,
    );
    table.add(Row::delete("/api/v1/tokens/{token}", ADMIN, "Remove a token"), remove_token);
}

/// What is kept of a token.
pub(in crate::station) fn digest(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// The system gives no random numbers.
pub(in crate::station) fn no_random() -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, Kind::Failed, "the system gives no random numbers")
}

/// A new secret of a session or a token.
pub(in crate::station) fn secret() -> Result<String, Refusal> {
    let bytes = random::<32>().ok_or_else(no_random)?;
    Ok(format!("piprov_{}", hex(&bytes)))
}

/// `name`: whose it is.
fn good_password(name: &str, password: &str) -> Result<(), Refusal> {
    if !(10..=256).contains(&password.chars().count()) {
        return Err(Refusal::meaningless("a password has 10 to 256 characters"));
    }
    match weak(name, password) {
        None => Ok(()),
        Some(why) => Err(Refusal::meaningless(format!("this password is easily guessed: {why}"))
            .with_hint("take three or four words that have nothing to do with one another")),
    }
}

async fn login(call: Call, (): (), login: Login) -> Result<LoggedIn, Refusal> {
    let station = &call.station;
    let signed = station.sign_in(call.from, &login.name, &login.password, login.code.as_deref()).await?;
    let SignedIn::Whole(user) = signed else {
        let refusal = Refusal::unknown("this account has a second factor: a code is needed too");
        return Err(
            refusal.with_hint("give the code of the telephone, or one of those for its loss, as `code`")
        );
    };
    let (secret, expires) = station.begin_session(call.from, &user, None, SESSION).await?;
    Ok(LoggedIn { role: user.role, secret, expires })
}

impl Station {
    /// Whose password it is. Tries are counted by address and by account.
    pub(in crate::station) async fn check_password(
        &self,
        from: Origin,
        name: &str,
        password: &str,
    ) -> Result<Account, Refusal> {
        // Before anything is computed: computing is what costs.
        self.may_try(from)?;
        self.may_try_account(name)?;
        let account = self.store().account(name).await.ok();
        let user = account.as_ref().map(|account| account.user.name.clone());
        let account = account.filter(|account| !account.user.disabled);
        let kept = account.as_ref().map(|account| account.password.clone());
        let right = password.chars().count() <= 256 && self.passwords.is(password.to_owned(), kept).await;
        match account {
            Some(account) if right => Ok(account),
            _ => {
                self.wrong_account(name);
                self.refused(from, user.as_deref());
                Err(self.wrong_password(from))
            }
        }
    }

    /// Whether somebody who is known knows the own password too.
    pub(in crate::station) async fn check_own_password(
        &self,
        who: &Who,
        password: &str,
    ) -> Result<Account, Refusal> {
        self.check_password(who.from, &who.user, password).await.map_err(|refusal| match refusal.status() {
            StatusCode::UNAUTHORIZED => Refusal::unknown("the password is wrong"),
            _ => refusal,
        })
    }

    /// What is kept of somebody's password.
    ///
    /// # Errors
    /// 422 for one that is too short, or too easily guessed.
    pub(in crate::station) async fn hash_password(
        &self,
        name: &str,
        password: String,
    ) -> Result<String, Refusal> {
        good_password(name, &password)?;
        let hash = self.passwords.hash(password).await;
        hash.ok_or_else(|| {
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, Kind::Failed, "the password can't be hashed")
        })
    }
}

async fn users(call: Call, asked: ListAsked, (): ()) -> Result<Page<User>, Refusal> {
    Ok(part(call.station.store().users().await?, &asked, |user| user.name.clone())?)
}

async fn add_user(call: Call, (): (), new: NewUser) -> Result<User, Refusal> {
    call.station.add_user(&call.who(), new).await
}

async fn change_user(call: Call, (): (), change: UserChange) -> Result<User, Refusal> {
    call.station.change_user(&call.who(), call.part("user"), change).await
}

async fn invite(call: Call, (): (), new: NewInvitation) -> Result<Invited, Refusal> {
    call.station.invite(&call.who(), new.user.as_deref(), new.role).await
}

async fn sessions(call: Call, asked: ListAsked, (): ()) -> Result<Page<Session>, Refusal> {
    let name = call.station.store().account(call.part("user")).await?.user.name;
    part_of_sessions(&call.station, &name, &asked).await
}

/// Sessions of a user, the one that was used last first.
pub(super) async fn part_of_sessions(
    station: &Station,
    name: &str,
    asked: &ListAsked,
) -> Result<Page<Session>, Refusal> {
    let all = station.store().sessions(Some(name), now()).await?;
    // It grows from line to line, as the newest come first.
    let key = |one: &Session| format!("{:020}.{}", i64::MAX.saturating_sub(one.used), one.digest);
    Ok(part(all, asked, key)?)
}

/// All of them but the one that asks, where it is one of these.
async fn end_sessions(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    let name = call.station.store().account(call.part("user")).await?.user.name;
    let own = bearer(&call.headers).map(digest).unwrap_or_default();
    call.station.end_other_sessions(&call.who(), &name, &own).await.map(drop)
}

async fn end_session(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.end_session(&call.who(), call.part("session")).await
}

async fn tokens(call: Call, asked: ListAsked, (): ()) -> Result<Page<Token>, Refusal> {
    Ok(part(call.station.store().tokens().await?, &asked, |token| token.name.clone())?)
}

async fn add_token(call: Call, (): (), new: NewToken) -> Result<MadeToken, Refusal> {
    call.station.add_token(&call.who(), new).await
}

async fn remove_token(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.remove_token(&call.who(), call.part("token")).await
}
