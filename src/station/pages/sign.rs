//! Signing in and out, and links that are good once: the first user, a forgotten password.

use crate::error::sentence;
use std::time::Duration;

use askama::Template;
use axum::http::header;
use axum::response::Response;

use super::form::Form;
use super::frame::Frame;
use super::passkey::Ask;
use super::secret;
use super::table::{Pages, go, is_within, page, page_of};
use super::visit::Visit;
use crate::station::accounts::SignedIn;
use crate::station::store::{self, Invitation};
use crate::station::web::{Access, Refusal, Who};
use crate::station::{Station, api, now};
use crate::station_api::{Role, Time, User};

/// How long a session lasts, however it is used.
const SESSION: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long the link for the first user is good, in milliseconds.
const FIRST_USER: Time = 24 * 3600 * 1000;

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/login", Access::Open, sign_in);
    pages.post("/login", Access::Open, signed_in);
    pages.get("/switch", Access::Role(Role::Viewer), switch);
    pages.post("/login/code", Access::Open, coded);
    pages.post("/logout", Access::Role(Role::Viewer), sign_out);
    pages.get("/welcome/{secret}", Access::Open, welcome);
    pages.post("/welcome/{secret}", Access::Open, welcomed);
}

impl Station {
    /// Where there is no user yet: the secret of a link that makes the first one, an administrator, within a day. Those
    /// of earlier starts are good no more.
    pub(in crate::station) async fn first_user(&self) -> Result<Option<String>, store::Error> {
        if !self.store().users().await?.is_empty() {
            return Ok(None);
        }
        let Ok(secret) = api::secret() else { return Ok(None) };
        let at = now();
        let invited = Invitation { name: None, role: Role::Admin, expires: at.saturating_add(FIRST_USER) };
        self.store().invite(&api::digest(&secret), &invited, at).await?;
        Ok(Some(secret))
    }
}

#[derive(Template)]
#[template(path = "login.html")]
struct SignIn {
    frame: Frame,
    to: String,
    name: String,
    wrong: Option<String>,
    /// What is asked of a passkey, or why it isn't.
    key: Result<Ask, String>,
}

async fn sign_in(visit: Visit) -> Result<Response, Refusal> {
    let to = visit.query.text("to").to_owned();
    if visit.session.is_some() {
        return Ok(go(if to.is_empty() { "/" } else { &to }));
    }
    let frame = visit.frame("Sign in", "").await;
    page(&SignIn { frame, to, name: String::new(), wrong: None, key: visit.ask_anybody() })
}

/// Another operator at a shared screen: the one that is signed in stays so until that one has shown who it is.
async fn switch(visit: Visit) -> Result<Response, Refusal> {
    if visit.session.as_ref().is_some_and(|known| known.proxied) {
        return Err(
            Refusal::meaningless("a proxy says who you are here").with_hint("sign in anew at the proxy")
        );
    }
    let frame = visit.frame("Change of operator", "").await;
    let to = Some(visit.query.text("to")).filter(|to| is_within(to)).unwrap_or("/").to_owned();
    page(&SignIn { frame, to, name: String::new(), wrong: None, key: visit.ask_anybody() })
}

async fn signed_in(visit: Visit, form: Form) -> Result<Response, Refusal> {
    let (name, password) = (form.text("name"), form.raw("password"));
    let to = Some(form.text("to")).filter(|to| is_within(to)).unwrap_or("/");
    match visit.station.sign_in(visit.from, name, password, None).await {
        Ok(signed) => go_on(&visit, signed, to).await,
        Err(refusal) => not_signed_in(&visit, &form, &refusal).await,
    }
}

/// The page for signing in once more, with what was wrong.
pub(super) async fn not_signed_in(
    visit: &Visit,
    form: &Form,
    refusal: &Refusal,
) -> Result<Response, Refusal> {
    let frame = visit.frame("Sign in", "").await;
    let wrong = Some(sentence(&refusal.detail()));
    let (to, name) = (form.text("to").to_owned(), form.text("name").to_owned());
    let page = SignIn { frame, to, name, wrong, key: visit.ask_anybody() };
    said(page_of(refusal.status(), &page)?, refusal)
}

/// An answer to a browser, with what the refusal says beside it.
fn said(mut answer: Response, refusal: &Refusal) -> Result<Response, Refusal> {
    refusal.put_header(answer.headers_mut());
    // This is for programs; a browser would ask with a window of its own.
    answer.headers_mut().remove(header::WWW_AUTHENTICATE);
    Ok(answer)
}

#[derive(Template)]
#[template(path = "code.html")]
struct Code {
    frame: Frame,
    half: String,
    wrong: Option<String>,
    /// A telephone computes codes.
    telephone: bool,
    /// Where there are passkeys: what is asked of them, or why it isn't.
    key: Option<Result<Ask, String>>,
}

/// Begins a session, or asks for the code first.
async fn go_on(visit: &Visit, signed: SignedIn, to: &str) -> Result<Response, Refusal> {
    match signed {
        SignedIn::Whole(user) => begin(visit, &user, to).await,
        SignedIn::Half(user) => {
            let half = api::secret()?;
            visit.station.halves.put(api::digest(&half), &user.name, to, now());
            let key = visit.ask_second(&user.name, &half).await?;
            let frame = visit.frame("Sign in", "").await;
            page(&Code { frame, half, wrong: None, telephone: user.codes, key })
        }
    }
}

async fn coded(visit: Visit, form: Form) -> Result<Response, Refusal> {
    let (station, half) = (&visit.station, form.text("half"));
    let digest = api::digest(half);
    let Some(known) = station.halves.try_once(&digest, now()) else {
        // Too late, or too often.
        return Ok(go("/login"));
    };
    let account = station.store().account(&known.name).await?;
    if account.user.disabled || !account.user.second_factor {
        return Ok(go("/login"));
    }
    match station.check_code(visit.from, &account, form.text("code")).await {
        Ok(()) => {
            station.halves.done(&digest);
            begin(&visit, &account.user, &known.to).await
        }
        Err(refusal) => no_code(&visit, &known.name, half, &refusal).await,
    }
}

/// The page that asks for the second factor once more, with what was wrong.
pub(super) async fn no_code(
    visit: &Visit,
    user: &str,
    half: &str,
    refusal: &Refusal,
) -> Result<Response, Refusal> {
    let wrong = Some(sentence(&refusal.detail()));
    let telephone = visit.station.store().account(user).await?.user.codes;
    let key = visit.ask_second(user, half).await?;
    let frame = visit.frame("Sign in", "").await;
    said(page_of(refusal.status(), &Code { frame, half: half.to_owned(), wrong, telephone, key })?, refusal)
}

/// Begins a session, under a secret that nobody had before.
pub(super) async fn begin(visit: &Visit, user: &User, to: &str) -> Result<Response, Refusal> {
    let station = &visit.station;
    if let Some(known) = &visit.session {
        station.store().end_session(&known.digest, None).await?;
        station.did(&known.who, "session.end", &known.who.user).await;
    }
    let browser =
        visit.headers.get(header::USER_AGENT).and_then(|text| text.to_str().ok()).unwrap_or_default();
    let (new, _) = station.begin_session(visit.from, user, Some(browser), SESSION).await?;
    let mut answer = go(to);
    if let Some(cookie) = secret::give(&new, SESSION.as_secs(), visit.secure()) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(answer)
}

async fn sign_out(visit: Visit, _: Form) -> Result<Response, Refusal> {
    if let Some(known) = &visit.session {
        visit.station.store().end_session(&known.digest, None).await?;
        visit.station.did(&known.who, "session.end", &known.who.user).await;
    }
    let mut answer = go("/login");
    if let Some(cookie) = secret::give("", 0, visit.secure()) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(answer)
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct Welcome {
    frame: Frame,
    secret: String,
    /// The user that gets another password; a new one chooses its name.
    known: Option<String>,
    role: Role,
    name: String,
    wrong: Option<String>,
}

/// What a link is for; a wrong one counts as a wrong password.
async fn invitation(visit: &Visit) -> Result<Invitation, Refusal> {
    visit.station.may_try(visit.from)?;
    let digest = api::digest(visit.part("secret"));
    let found = visit.station.store().invitation(&digest, now()).await?;
    found.ok_or_else(|| {
        let _ = visit.station.wrong_password(visit.from);
        Refusal::missing("this link isn't good any more: it was used, or it has ended").with_hint(
            "ask an administrator for another one; for the first user, start the station anew and read what it says",
        )
    })
}

async fn welcome(visit: Visit) -> Result<Response, Refusal> {
    let invited = invitation(&visit).await?;
    let frame = visit.frame("Welcome", "").await;
    let (secret, role) = (visit.part("secret").to_owned(), invited.role);
    page(&Welcome { frame, secret, known: invited.name, role, name: String::new(), wrong: None })
}

async fn welcomed(visit: Visit, form: Form) -> Result<Response, Refusal> {
    let invited = invitation(&visit).await?;
    let (name, password) = (form.text("name"), form.raw("password"));
    let accepted = async {
        if password != form.raw("again") {
            return Err(Refusal::meaningless("the two passwords differ"));
        }
        let whose = invited.name.as_deref().unwrap_or(name);
        let hash = visit.station.hash_password(whose, password.to_owned()).await?;
        let digest = api::digest(visit.part("secret"));
        let user = visit.station.store().accept(&digest, name, &hash, now()).await?;
        let used = || Refusal::missing("this link was used at the same moment by somebody else");
        let user = user.ok_or_else(used)?;
        let what = if invited.name.is_some() { "account.password-by-link" } else { "user.add-by-link" };
        visit.station.did(&Who::user(&user, visit.from), what, &user.name).await;
        Ok(user)
    };
    match accepted.await {
        // A link stands for the password, not for the second factor.
        Ok(user) if user.second_factor => go_on(&visit, SignedIn::Half(user), "/").await,
        Ok(user) => begin(&visit, &user, "/").await,
        Err(refusal) => {
            let frame = visit.frame("Welcome", "").await;
            let (secret, role) = (visit.part("secret").to_owned(), invited.role);
            let wrong = Some(sentence(&refusal.detail()));
            let status = refusal.status();
            page_of(
                status,
                &Welcome { frame, secret, known: invited.name, role, name: name.to_owned(), wrong },
            )
        }
    }
}
