//! The own account: password, second factor, sessions.

use crate::error::sentence;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::passkeys::{Key, key};
use super::{Line, line};
use crate::station::accounts::no_random;
use crate::station::key::random;
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::{Pages, go, page, page_of};
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::web::{Access, Refusal};
use crate::station::{now, second};
use crate::station_api::Role;

pub(super) const SELF: Access = Access::Role(Role::Viewer);

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/account", SELF, account);
    pages.post("/account/password", SELF, password);
    pages.get("/account/second-factor", SELF, ask_factor);
    pages.post("/account/second-factor", SELF, put_factor);
    pages.post("/account/second-factor/remove", SELF, remove_factor);
    pages.post("/account/sessions/end-others", SELF, end_others);
    pages.post("/account/sessions/{session}/end", SELF, end);
}

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    frame: Frame,
    name: String,
    role: Role,
    made: String,
    /// The password alone isn't enough.
    factor: bool,
    /// A telephone computes codes.
    telephone: bool,
    codes: u64,
    keys: Vec<Key>,
    /// Why a passkey can't be made here.
    nowhere: Option<String>,
    sessions: Vec<Line>,
    wrong: Option<String>,
}

pub(super) async fn show(visit: &Visit, wrong: Option<&Refusal>) -> Result<Response, Refusal> {
    let (store, at) = (visit.station.store(), now());
    let known = visit.session.as_ref().map(|known| known.digest.clone()).unwrap_or_default();
    let account = store.account(&visit.who().user).await?;
    let name = account.user.name;
    let sessions = store.sessions(Some(&name), at).await?;
    let page = Account {
        frame: visit.frame("Account", "account").await,
        codes: store.count_recovery(&name).await?,
        role: account.user.role,
        made: words::when(account.user.made, at),
        factor: account.user.second_factor,
        telephone: account.factor.is_some(),
        keys: store.passkeys(&name).await?.into_iter().map(|one| key(one, at)).collect(),
        nowhere: visit.place_of_passkeys().err().map(|why| sentence(&why.to_string())),
        sessions: sessions.into_iter().map(|session| line(session, &known, at)).collect(),
        wrong: wrong.map(said),
        name,
    };
    page_of(wrong.map_or(StatusCode::OK, Refusal::status), &page)
}

/// What is wrong, with what helps.
pub(super) fn said(refusal: &Refusal) -> String {
    let hint = refusal.hint().map(|hint| sentence(&words::remedy(hint))).unwrap_or_default();
    format!("{} {hint}", sentence(&refusal.detail())).trim().to_owned()
}

async fn account(visit: Visit) -> Result<Response, Refusal> {
    show(&visit, None).await
}

async fn password(visit: Visit, form: Form) -> Result<Response, Refusal> {
    let session = visit.session.as_ref().map(|known| known.digest.clone()).unwrap_or_default();
    let changed = async {
        if form.raw("password") != form.raw("again") {
            return Err(Refusal::meaningless("the two passwords differ"));
        }
        let who = visit.who();
        visit.station.change_own_password(&who, &session, form.raw("before"), form.raw("password")).await
    };
    if let Err(refusal) = changed.await {
        return show(&visit, Some(&refusal)).await;
    }
    visit.say(false, "The password is changed. Your other sessions have ended.");
    Ok(go("/account"))
}

#[derive(Template)]
#[template(path = "factor.html")]
struct Factor {
    frame: Frame,
    secret: String,
    /// The same in groups, to be typed.
    typed: String,
    width: usize,
    path: String,
    wrong: Option<String>,
}

async fn show_factor(visit: &Visit, secret: String, wrong: Option<&Refusal>) -> Result<Response, Refusal> {
    let address = second::address(&secret, &visit.who().user);
    let picture = address.as_deref().and_then(second::picture);
    let (width, path) =
        picture.ok_or_else(|| Refusal::meaningless("this is no secret of a second factor"))?;
    let letters: Vec<char> = secret.chars().collect();
    let typed: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    let frame = visit.frame("Second factor", "account").await;
    let page = Factor { frame, typed: typed.join(" "), secret, width, path, wrong: wrong.map(said) };
    page_of(wrong.map_or(StatusCode::OK, Refusal::status), &page)
}

async fn ask_factor(visit: Visit) -> Result<Response, Refusal> {
    let secret = second::secret(random::<20>().ok_or_else(no_random)?);
    show_factor(&visit, secret, None).await
}

#[derive(Template)]
#[template(path = "codes.html")]
pub(super) struct Codes {
    pub(super) frame: Frame,
    pub(super) codes: Vec<String>,
}

async fn put_factor(visit: Visit, form: Form) -> Result<Response, Refusal> {
    let (who, secret) = (visit.who(), form.text("secret"));
    match visit.station.set_up_factor(&who, form.raw("password"), secret, form.text("code")).await {
        Ok(codes) => page(&Codes { frame: visit.frame("Second factor", "account").await, codes }),
        Err(refusal) if second::is_secret(secret) => {
            show_factor(&visit, secret.to_owned(), Some(&refusal)).await
        }
        Err(refusal) => Err(refusal),
    }
}

async fn remove_factor(visit: Visit, form: Form) -> Result<Response, Refusal> {
    if let Err(refusal) = visit.station.give_up_factor(&visit.who(), form.raw("password")).await {
        return show(&visit, Some(&refusal)).await;
    }
    visit.say(false, "The codes of your telephone count for nothing any more.");
    Ok(go("/account"))
}

async fn end_others(visit: Visit, _: Form) -> Result<Response, Refusal> {
    let session = visit.session.as_ref().map(|known| known.digest.clone()).unwrap_or_default();
    let (who, name) = (visit.who(), visit.who().user);
    let ended = visit.station.end_other_sessions(&who, &name, &session).await?;
    visit.say(false, format!("{} ended.", crate::format::count(ended, "other session")));
    Ok(go("/account"))
}

async fn end(visit: Visit, _: Form) -> Result<Response, Refusal> {
    // Here only own ones, whoever asks.
    let mut who = visit.who();
    who.role = Role::Viewer;
    visit.station.end_session(&who, visit.part("session")).await?;
    visit.say(false, "The session has ended.");
    Ok(go("/account"))
}
