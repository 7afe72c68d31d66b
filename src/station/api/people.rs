//! Accounts and tokens.

use std::time::Duration;

use axum::http::StatusCode;
use sha2::{Digest, Sha256};

use crate::error::Kind;
use crate::format::hex;
use crate::station::key::random;
use crate::station::now;
use crate::station::web::{Access, Call, Refusal, Row, Table};
use crate::station_api::{
    LoggedIn, Login, MadeToken, NewToken, NewUser, Page, Role, Thing, Token, User, UserChange,
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
    table.add(Row::post("/api/v1/users", ADMIN, "Make an account").answers(StatusCode::CREATED), add_user);
    table.add(Row::patch("/api/v1/users/{user}", ADMIN, "Change an account"), change_user);
    table.add(Row::get("/api/v1/tokens", ADMIN, "Tokens"), tokens);
    table.add(Row::post("/api/v1/tokens", ADMIN, "Make a token").answers(StatusCode::CREATED), add_token);
    table.add(Row::delete("/api/v1/tokens/{token}", ADMIN, "Remove a token"), remove_token);
}

/// What is kept of a token.
pub(in crate::station) fn digest(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

fn secret() -> Result<String, Refusal> {
    let bytes = random::<32>().ok_or_else(|| {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, Kind::Failed, "the system gives no random numbers")
    })?;
    Ok(format!("piprov_{}", hex(&bytes)))
}

fn good_password(password: &str) -> Result<(), Refusal> {
    if (10..=256).contains(&password.chars().count()) {
        return Ok(());
    }
    Err(Refusal::meaningless("a password has 10 to 256 characters"))
}

async fn login(call: Call, (): (), login: Login) -> Result<LoggedIn, Refusal> {
    let station = &call.station;
    // Before anything is computed: computing is what costs.
    station.may_try(call.from)?;
    let account = station.store().account(&login.name).await.ok().filter(|account| !account.user.disabled);
    let kept = account.as_ref().map(|account| account.password.clone());
    if login.password.chars().count() > 256 || !station.passwords.is(login.password, kept).await {
        return Err(station.wrong_password(call.from));
    }
    let Some(account) = account else { return Err(station.wrong_password(call.from)) };
    let secret = secret()?;
    let expires = now() + i64::try_from(SESSION.as_millis()).unwrap_or_default();
    station.store().begin_session(&digest(&secret), &account.user.name, now(), expires).await?;
    Ok(LoggedIn { role: account.user.role, secret, expires })
}

async fn users(call: Call, (): (), (): ()) -> Result<Page<User>, Refusal> {
    Ok(Page { items: call.station.store().users().await?, next: None })
}

async fn hash(call: &Call, password: String) -> Result<String, Refusal> {
    good_password(&password)?;
    let hash = call.station.passwords.hash(password).await;
    hash.ok_or_else(|| {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, Kind::Failed, "the password can't be hashed")
    })
}

async fn add_user(call: Call, (): (), new: NewUser) -> Result<User, Refusal> {
    let password = hash(&call, new.password).await?;
    let user = call.station.store().add_user(&new.name, new.role, &password, now()).await?;
    call.station.did(&call.who(), "user.add", &user.name).await;
    call.station.changes.tell(Thing::Settings, &user.name, None);
    Ok(user)
}

async fn change_user(call: Call, (): (), change: UserChange) -> Result<User, Refusal> {
    let password = match change.password {
        Some(password) => Some(hash(&call, password).await?),
        None => None,
    };
    let store = call.station.store();
    let user =
        store.change_user(call.part("user"), change.role, change.disabled, password.as_deref()).await?;
    call.station.did(&call.who(), "user.change", &user.name).await;
    call.station.changes.tell(Thing::Settings, &user.name, None);
    Ok(user)
}

async fn tokens(call: Call, (): (), (): ()) -> Result<Page<Token>, Refusal> {
    Ok(Page { items: call.station.store().tokens().await?, next: None })
}

async fn add_token(call: Call, (): (), new: NewToken) -> Result<MadeToken, Refusal> {
    let who = call.who();
    if new.role > who.role {
        return Err(Refusal::forbidden("a token can't do more than its maker"));
    }
    if new.expires.is_some_and(|expires| expires <= now()) {
        return Err(Refusal::meaningless("`expires` is in the past"));
    }
    let secret = secret()?;
    let token = Token {
        name: new.name,
        role: new.role,
        user: who.user.clone(),
        made: now(),
        expires: new.expires,
        used: None,
    };
    call.station.store().add_token(&token, &digest(&secret)).await?;
    call.station.did(&who, "token.add", &token.name).await;
    call.station.changes.tell(Thing::Settings, &token.name, None);
    Ok(MadeToken { token, secret })
}

async fn remove_token(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    let name = call.part("token");
    call.station.store().remove_token(name).await?;
    call.station.did(&call.who(), "token.remove", name).await;
    call.station.changes.tell(Thing::Settings, name, None);
    Ok(())
}
