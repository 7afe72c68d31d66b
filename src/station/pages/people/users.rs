//! Users and tokens: made, changed, disabled, reset by a link.

use crate::error::sentence;
use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::Response;

use super::{Line, line};
use crate::station::now;
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::{Pages, go, page_of};
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::store::part;
use crate::station::web::{Access, Refusal};
use crate::station_api::{self, ListAsked, NewToken, NewUser, Role, Scope, Time, Token, User, UserChange};

const ADMIN: Access = Access::Role(Role::Admin);
/// Lines of a list on one page.
const LINES: u32 = 100;
const DAY: Time = 24 * 3600 * 1000;

/// What is done to an account.
const USER: [&str; 6] = ["role", "disable", "enable", "second-factor", "end-sessions", "reset"];

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/users", ADMIN, users);
    pages.post("/users/add", ADMIN, add);
    pages.post("/users/invite", ADMIN, invite);
    pages.get("/users/{user}", ADMIN, user);
    pages.each("/users/{user}/{what}", &USER, ADMIN, change);
    pages.post("/users/{user}/sessions/{session}/end", ADMIN, end);
    pages.post("/tokens/add", ADMIN, add_token);
    pages.post("/tokens/{token}/remove", ADMIN, remove_token);
}

/// Something that is shown this once.
struct Shown {
    /// What it is.
    what: String,
    text: String,
    /// What to do with it.
    then: String,
}

struct UserLine {
    user: User,
    last: String,
}

struct TokenLine {
    token: Token,
    scopes: String,
    made: String,
    ends: String,
    over: bool,
    used: String,
}

#[derive(Template)]
#[template(path = "users.html")]
struct Users {
    frame: Frame,
    users: Vec<UserLine>,
    tokens: Vec<TokenLine>,
    /// The last line of a list that goes on.
    more_users: Option<String>,
    more_tokens: Option<String>,
    scopes: Vec<(&'static str, &'static str)>,
    shown: Option<Shown>,
    wrong: Option<String>,
    /// What was typed, so that nobody types it again.
    name: String,
}

/// What the scopes are of, in words.
const PARTS: [(&str, &str); 6] = [
    ("boards", "Boards, jobs, slots"),
    ("images", "Images, backups"),
    ("runs", "Runs, logs"),
    ("rules", "Projects, rules"),
    ("people", "Users, tokens, audit"),
    ("station", "Station, events, settings, hooks"),
];

fn never(time: Option<Time>, now: Time, never: &str) -> String {
    time.map_or_else(|| never.to_owned(), |time| words::when(time, now))
}

async fn show(
    visit: &Visit,
    shown: Option<Shown>,
    wrong: Option<(&Refusal, &str)>,
) -> Result<Response, Refusal> {
    let (store, at) = (visit.station.store(), now());
    let asked = |name: &str| ListAsked {
        after: Some(visit.query.text(name).to_owned()).filter(|after| !after.is_empty()),
        limit: Some(LINES),
        ..ListAsked::default()
    };
    let station_api::Page { items: users, next: more_users } =
        part(store.users().await?, &asked("after"), |user| user.name.clone())?;
    let station_api::Page { items: tokens, next: more_tokens } =
        part(store.tokens().await?, &asked("token"), |token| token.name.clone())?;
    let tokens = tokens.into_iter().map(|token| TokenLine {
        scopes: token.scopes.iter().map(|scope| scope.word()).collect::<Vec<_>>().join(", "),
        made: words::when(token.made, at),
        ends: never(token.expires, at, "never"),
        over: token.expires.is_some_and(|expires| expires <= at),
        used: never(token.used, at, "never"),
        token,
    });
    let page = Users {
        frame: visit.frame("Users and tokens", "users").await,
        users: users.into_iter().map(|user| UserLine { last: never(user.last, at, "never"), user }).collect(),
        tokens: tokens.collect(),
        more_users,
        more_tokens,
        scopes: PARTS.to_vec(),
        shown,
        wrong: wrong.map(|(refusal, _)| sentence(&refusal.detail())),
        name: wrong.map(|(_, name)| name.to_owned()).unwrap_or_default(),
    };
    page_of(wrong.map_or(StatusCode::OK, |(refusal, _)| refusal.status()), &page)
}

async fn users(visit: Visit) -> Result<Response, Refusal> {
    show(&visit, None, None).await
}

async fn add(visit: Visit, form: Form) -> Result<Response, Refusal> {
    let role = form.word("role")?.unwrap_or(Role::Viewer);
    let new = NewUser { name: form.text("name").to_owned(), role, password: form.raw("password").to_owned() };
    match visit.station.add_user(&visit.who(), new).await {
        Ok(user) => {
            visit.say(false, format!("{} may sign in as {role}.", user.name));
            Ok(go("/users"))
        }
        Err(refusal) => show(&visit, None, Some((&refusal, form.text("name")))).await,
    }
}

/// Where this browser finds a page, as a link for somebody else.
fn link(visit: &Visit, path: &str) -> String {
    let host = visit.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let scheme = if visit.secure() { "https" } else { "http" };
    format!("{scheme}://{host}{path}")
}

async fn invite(visit: Visit, form: Form) -> Result<Response, Refusal> {
    let role = form.word("role")?.unwrap_or(Role::Viewer);
    let invited = visit.station.invite(&visit.who(), None, Some(role)).await?;
    let shown = Shown {
        what: format!("A link for one new {role}"),
        text: link(&visit, &invited.path),
        then: format!(
            "Send it to them now: it isn't shown again. It is good once, until {}.",
            words::when(invited.expires, now())
        ),
    };
    show(&visit, Some(shown), None).await
}

#[derive(Template)]
#[template(path = "user.html")]
struct Page {
    frame: Frame,
    /// Where its forms go.
    base: String,
    user: User,
    /// The one that looks.
    own: bool,
    made: String,
    last: String,
    sessions: Vec<Line>,
    shown: Option<Shown>,
}

async fn show_user(visit: &Visit, name: &str, shown: Option<Shown>) -> Result<Response, Refusal> {
    let (store, at) = (visit.station.store(), now());
    let user = store.account(name).await?.user;
    let known = visit.session.as_ref().map(|known| known.digest.clone()).unwrap_or_default();
    let sessions = store.sessions(Some(&user.name), at).await?;
    let page = Page {
        frame: visit.frame(&user.name, "users").await,
        base: format!("/users/{}", crate::http::segment(&user.name)),
        own: user.name == visit.who().user,
        made: words::when(user.made, at),
        last: never(user.last, at, "never"),
        sessions: sessions.into_iter().map(|session| line(session, &known, at)).collect(),
        shown,
        user,
    };
    page_of(StatusCode::OK, &page)
}

async fn user(visit: Visit) -> Result<Response, Refusal> {
    show_user(&visit, visit.part("user"), None).await
}

async fn change(visit: Visit, form: Form) -> Result<Response, Refusal> {
    let (name, who) = (visit.part("user"), visit.who());
    let station = &visit.station;
    let change = async |change| station.change_user(&who, name, change).await;
    let said = match visit.part("what") {
        "role" => {
            let role = form.word::<Role>("role")?;
            change(UserChange { role, ..UserChange::default() }).await?;
            format!("{name} has another role. Their sessions have ended.")
        }
        "disable" => {
            change(UserChange { disabled: Some(true), ..UserChange::default() }).await?;
            format!("{name} may not sign in any more, and their tokens count for nothing.")
        }
        "enable" => {
            change(UserChange { disabled: Some(false), ..UserChange::default() }).await?;
            format!("{name} may sign in again.")
        }
        "second-factor" => {
            change(UserChange { second_factor: Some(false), ..UserChange::default() }).await?;
            format!("{name} signs in by the password alone.")
        }
        "end-sessions" => {
            let but = visit.session.as_ref().map(|known| known.digest.clone()).unwrap_or_default();
            let ended = station.end_other_sessions(&who, name, &but).await?;
            format!("{} of {name} ended.", crate::format::count(ended, "session"))
        }
        "reset" => {
            let invited = station.invite(&who, Some(name), None).await?;
            let shown = Shown {
                what: format!("A link with which {name} chooses another password"),
                text: link(&visit, &invited.path),
                then: format!(
                    "Send it to them now: it isn't shown again. It is good once, until {}. The old password is good until \
                     then.",
                    words::when(invited.expires, now())
                ),
            };
            return show_user(&visit, name, Some(shown)).await;
        }
        _ => return Err(Refusal::missing("there is no such thing to do")),
    };
    visit.say(false, said);
    // Who has changed the own role may not see this page any more; then that is told.
    Ok(go(&format!("/users/{}", crate::http::segment(name))))
}

async fn end(visit: Visit, _: Form) -> Result<Response, Refusal> {
    visit.station.end_session(&visit.who(), visit.part("session")).await?;
    visit.say(false, "The session has ended.");
    Ok(go(&format!("/users/{}", crate::http::segment(visit.part("user")))))
}

async fn add_token(visit: Visit, form: Form) -> Result<Response, Refusal> {
    let days = form.maybe::<u32>("days")?;
    if days == Some(0) {
        return Err(Refusal::meaningless(
            "a token that ends after 0 days is good for nothing: say 1 or more, or leave it empty",
        ));
    }
    let scopes: Result<Vec<Scope>, _> =
        PARTS.iter().filter_map(|(part, _)| scope(&form, part).transpose()).collect();
    let new = NewToken {
        name: form.text("name").to_owned(),
        role: form.word("role")?.unwrap_or(Role::Viewer),
        scopes: scopes?,
        expires: days.map(|days| now().saturating_add(Time::from(days.min(36_500)) * DAY)),
    };
    match visit.station.add_token(&visit.who(), new).await {
        Ok(made) => {
            let shown = Shown {
                what: format!("The token {}", made.token.name),
                text: made.secret,
                then: "Put it where its program reads it: it isn't shown again.".to_owned(),
            };
            show(&visit, Some(shown), None).await
        }
        Err(refusal) => show(&visit, None, Some((&refusal, ""))).await,
    }
}

/// What is chosen for a part: nothing, to look, to change.
fn scope(form: &Form, part: &str) -> Result<Option<Scope>, Refusal> {
    match form.text(part) {
        "" => Ok(None),
        how => format!("{part}:{how}").parse().map(Some).map_err(Refusal::meaningless),
    }
}

async fn remove_token(visit: Visit, _: Form) -> Result<Response, Refusal> {
    let name = visit.part("token");
    visit.station.remove_token(&visit.who(), name).await?;
    visit.say(false, format!("The token {name} counts for nothing from now on."));
    Ok(go("/users"))
}
