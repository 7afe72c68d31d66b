//! Who asks, and what people do to their own account. Only who has logged in may change it: a token stands for its user's
//! work, not for the user.

use super::people::digest;
use crate::station::now;
use crate::station::web::{Access, Call, Refusal, Row, Table, Who, bearer};
use crate::station_api::{ListAsked, Me, Page, PasswordChange, Role, Session};

const SELF: Access = Access::Role(Role::Viewer);

pub(super) fn add_to(table: &mut Table) {
    table.add(Row::get("/api/v1/account", SELF, "Who asks, and what they may do"), me);
    table.add(Row::put("/api/v1/account/password", SELF, "Change the own password").secret(), password);
    table.add(Row::get("/api/v1/account/sessions", SELF, "The own sessions"), sessions);
    let row = Row::delete("/api/v1/account/sessions", SELF, "End all own sessions but the one that asks");
    table.add(row, end_others);
    let row = Row::delete("/api/v1/account/sessions/{session}", SELF, "End an own session");
    table.add(row, end);
}

/// The session that asks: its digest. A token has none.
async fn own(call: &Call) -> Result<(Who, String), Refusal> {
    let digest = bearer(&call.headers).map(digest);
    if let Some(digest) = digest
        && call.station.store().session(&digest, false, now()).await?.is_some()
    {
        return Ok((call.who(), digest));
    }
    let text = "an account is looked at and changed by who has logged in to it: neither a token nor the socket is its user";
    Err(Refusal::forbidden(text).with_hint("`POST /api/v1/login` gives a session for name and password"))
}

async fn me(call: Call, (): (), (): ()) -> Result<Me, Refusal> {
    let who = call.who();
    let user = match who.user.as_str() {
        "" => None,
        name => call.station.store().account(name).await.ok().map(|account| account.user),
    };
    Ok(Me { by: who.by, role: who.role, scopes: who.scopes, user })
}

async fn password(call: Call, (): (), change: PasswordChange) -> Result<(), Refusal> {
    let (who, session) = own(&call).await?;
    call.station.change_own_password(&who, &session, &change.before, &change.password).await
}

async fn sessions(call: Call, asked: ListAsked, (): ()) -> Result<Page<Session>, Refusal> {
    let (who, _) = own(&call).await?;
    super::people::part_of_sessions(&call.station, &who.user, &asked).await
}

async fn end_others(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    let (who, session) = own(&call).await?;
    call.station.end_other_sessions(&who, &who.user, &session).await.map(drop)
}

async fn end(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    let (mut who, _) = own(&call).await?;
    // Here only own ones, whoever asks.
    who.role = Role::Viewer;
    call.station.end_session(&who, call.part("session")).await
}
