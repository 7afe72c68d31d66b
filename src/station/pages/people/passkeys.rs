//! Passkeys of the own account.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::account::{Codes, SELF, said, show};
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::passkey::Ask;
use crate::station::pages::table::{Pages, go, page, page_of};
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::passkeys::{Brought, handle};
use crate::station::store::Passkey;
use crate::station::web::Refusal;
use crate::station_api::Time;

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/account/passkeys/add", SELF, ask);
    pages.post("/account/passkeys/add", SELF, add);
    pages.post("/account/passkeys/remove", SELF, remove);
}

/// A passkey in the list.
pub(super) struct Key {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) host: String,
    pub(super) kind: &'static str,
    pub(super) made: String,
    pub(super) used: String,
}

pub(super) fn key(one: Passkey, at: Time) -> Key {
    let kind = match (one.can_back_up, one.backed_up) {
        (false, _) => "in one device",
        (true, false) => "in one device until now",
        (true, true) => "in your account with its maker",
    };
    let used = one.used.map_or_else(|| "never".to_owned(), |used| words::when(used, at));
    Key { id: one.id, name: one.name, host: one.host, kind, made: words::when(one.made, at), used }
}

#[derive(Template)]
#[template(path = "passkey_add.html")]
struct Add {
    frame: Frame,
    ask: Result<Ask, String>,
    user: String,
    handle: String,
    /// What was typed, so that nobody types it again.
    name: String,
    wrong: Option<String>,
}

async fn show_add(visit: &Visit, name: &str, wrong: Option<&Refusal>) -> Result<Response, Refusal> {
    let who = visit.who();
    let store = visit.station.store();
    let user = store.account(&who.user).await?.user;
    let session = visit.session_digest().unwrap_or_default();
    let ask = match visit.place_of_passkeys() {
        Ok(place) => {
            let known = store.passkeys(&who.user).await?;
            let ids: Vec<_> =
                known.iter().filter(|key| key.host == place.name).map(|key| key.id.as_str()).collect();
            let ids = ids.join(" ");
            Ok(Ask { challenge: visit.station.ask_new_passkey(&who, &session)?, host: place.name, ids })
        }
        Err(why) => Err(why.to_string()),
    };
    let page = Add {
        frame: visit.frame("Add a passkey", "account").await,
        ask,
        handle: handle(&user),
        user: user.name,
        name: name.to_owned(),
        wrong: wrong.map(said),
    };
    page_of(wrong.map_or(StatusCode::OK, Refusal::status), &page)
}

async fn ask(visit: Visit) -> Result<Response, Refusal> {
    show_add(&visit, "", None).await
}

async fn add(visit: Visit, form: Form) -> Result<Response, Refusal> {
    let (who, name) = (visit.who(), form.text("name"));
    let session = visit.session_digest().unwrap_or_default();
    let added = async {
        let brought = Brought::read(|name| form.text(name))?;
        let place = visit.place_of_passkeys()?;
        let typed = (name, form.raw("password"));
        visit.station.add_passkey(&who, &session, &place, typed, &brought).await
    };
    match added.await {
        Ok(Some(codes)) => page(&Codes { frame: visit.frame("Second factor", "account").await, codes }),
        Ok(None) => {
            visit.say(false, format!("The passkey {name} is yours: you may sign in by it."));
            Ok(go("/account#factor"))
        }
        Err(refusal) => show_add(&visit, name, Some(&refusal)).await,
    }
}

async fn remove(visit: Visit, form: Form) -> Result<Response, Refusal> {
    let removed = visit.station.remove_passkey(&visit.who(), form.raw("password"), form.text("id")).await;
    match removed {
        Ok(name) => {
            visit.say(false, format!("The passkey {name} counts for nothing from now on."));
            Ok(go("/account#factor"))
        }
        Err(refusal) => show(&visit, Some(&refusal)).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station::now;

    #[test]
    fn where_a_passkey_is_kept_is_told_in_words() {
        let one = Passkey {
            id: "aa".into(),
            user: "ada".into(),
            name: "k".into(),
            host: "localhost".into(),
            key: String::new(),
            counter: 0,
            can_back_up: true,
            backed_up: true,
            made: now(),
            used: None,
        };
        assert_eq!(key(one.clone(), now()).kind, "in your account with its maker");
        assert_eq!(key(one.clone(), now()).used, "never");
        assert_eq!(key(Passkey { can_back_up: false, backed_up: false, ..one }, now()).kind, "in one device");
    }
}
