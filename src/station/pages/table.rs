//! What each page goes through: who asks, whether a form comes from one of our pages, and how a refusal looks.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};

use super::assets::ASSETS;
use super::form::Form;
use super::frame::Frame;
use super::secret;
use super::visit::{Known, Visit};
use crate::error::{Kind, sentence};
use crate::station::web::{Access, Origin, Refusal, Row, Who, is_foreign_page, whole};
use crate::station::{Station, api, now};
use crate::station_api::Role;

/// The longest form.
const LONGEST: usize = 256 << 10;
/// How long a form may take to come.
const FORM_TIME: Duration = Duration::from_secs(15);

/// Nothing from elsewhere, no script and no style within a page, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// What all pages say to browsers.
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(self), geolocation=(), microphone=()"),
];

/// All pages: one table, from which the routes come and the test of who may do what.
pub(in crate::station) struct Pages {
    router: Router<Arc<Station>>,
    #[cfg(test)]
    rows: Vec<Row>,
}

impl Pages {
    pub(super) fn new() -> Self {
        Self {
            router: Router::new(),
            #[cfg(test)]
            rows: Vec::new(),
        }
    }

    /// A page that is looked at.
    pub(super) fn get<F, R>(&mut self, path: &'static str, access: Access, handler: F)
    where
        F: Fn(Visit) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response, Refusal>> + Send + 'static,
    {
        self.add(Row::get(path, access, ""), move |visit, _| handler(visit));
    }

    /// A form that does something. It comes from one of our pages, or nothing is done.
    pub(super) fn post<F, R>(&mut self, path: &'static str, access: Access, handler: F)
    where
        F: Fn(Visit, Form) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response, Refusal>> + Send + 'static,
    {
        self.form(Row::post(path, access, ""), handler);
    }

    fn form<F, R>(&mut self, row: Row, handler: F)
    where
        F: Fn(Visit, Form) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response, Refusal>> + Send + 'static,
    {
        self.add(row, move |visit, body| {
            let handler = handler.clone();
            async move {
                let form = Form::read(&whole(body, LONGEST, FORM_TIME).await?)?;
                visit.proven(form.raw("proof"))?;
                if !row.whats.is_empty() && !row.whats.contains(&visit.part("what")) {
                    return Err(Refusal::missing("there is no such thing to do"));
                }
                handler(visit, form).await
            }
        });
    }

    /// A form for each of several things that may be done to one: `{what}` in its path is one of these.
    pub(super) fn each<F, R>(
        &mut self,
        path: &'static str,
        whats: &'static [&'static str],
        access: Access,
        handler: F,
    ) where
        F: Fn(Visit, Form) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response, Refusal>> + Send + 'static,
    {
        self.form(Row::post(path, access, "").each(whats), handler);
    }

    /// A page that takes something else than a form. Whether it comes from one of our pages, the handler asks
    /// [`Visit::proven`].
    pub(super) fn take<F, R>(&mut self, row: Row, handler: F)
    where
        F: Fn(Visit, Body) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response, Refusal>> + Send + 'static,
    {
        self.add(row, handler);
    }

    fn add<F, R>(&mut self, row: Row, handler: F)
    where
        F: Fn(Visit, Body) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response, Refusal>> + Send + 'static,
    {
        let (filter, _) = row.method.both();
        let route = on(filter, move |State(station): State<Arc<Station>>, request: Request| {
            let handler = handler.clone();
            async move {
                let (mut parts, body) = request.into_parts();
                let metrics = Arc::clone(&station);
                let mut answer = answer(station, row, &mut parts, body, handler).await;
                guard(&mut answer);
                metrics.metrics().answered(answer.status().as_u16());
                answer
            }
        });
        #[cfg(test)]
        self.rows.push(row);
        self.router = std::mem::take(&mut self.router).route(row.path, route);
    }

    /// The lines of the table.
    #[cfg(test)]
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The routes.
    pub(super) fn finish(self) -> Router<Arc<Station>> {
        // What is downloaded keeps its length: a browser shows how much of it is still to come.
        let pages = DefaultPredicate::new().and(NotForContentType::const_new("application/octet-stream"));
        self.router.layer(CompressionLayer::new().compress_when(pages))
    }
}

async fn answer<F, R>(station: Arc<Station>, row: Row, parts: &mut Parts, body: Body, handler: F) -> Response
where
    F: Fn(Visit, Body) -> R,
    R: Future<Output = Result<Response, Refusal>>,
{
    let visit = match visit(station, row, parts).await {
        Ok(visit) => visit,
        Err(refusal) => return bare(&refusal),
    };
    let frame = visit.clone_for_refusal();
    let missing = match row.access {
        Access::Role(role) if visit.session.is_none() => Some(role),
        _ => None,
    };
    if missing.is_some() {
        return sign_in(&visit, parts.method == axum::http::Method::GET).await;
    }
    if let Access::Role(role) = row.access
        && !visit.can(role)
    {
        let who = visit.who();
        let article = if who.role == Role::Viewer { "a" } else { "an" };
        let text = format!("`{}` is {article} {} here; this takes the role {role}", who.by, who.role);
        return refused(&frame, &Refusal::forbidden(text)).await;
    }
    if visit.odd {
        return refused(&frame, &Refusal::missing("there is no such page")).await;
    }
    match handler(visit, body).await {
        Ok(answer) => answer,
        Err(refusal) => refused(&frame, &refusal).await,
    }
}

/// Who has no session signs in, and comes back to where it wanted to go.
async fn sign_in(visit: &Visit, comes_back: bool) -> Response {
    if comes_back {
        let mut to = form_urlencoded::Serializer::for_suffix("/login?".to_owned(), 7);
        if visit.place != "/" {
            to.append_pair("to", &visit.place);
        }
        return go(to.finish().trim_end_matches('?'));
    }
    let text = "nothing was done: nobody is signed in here any more";
    let refusal = Refusal::unknown(text).with_hint("sign in, and do it again");
    refused(visit, &refusal).await
}

async fn visit(station: Arc<Station>, row: Row, parts: &mut Parts) -> Result<Visit, Refusal> {
    let from = parts.extensions.get::<Origin>().copied();
    let from = from.ok_or_else(|| Refusal::forbidden("nobody knows where this comes from"))?;
    // A link on somebody else's page may lead here; nothing else of it may.
    if parts.method != axum::http::Method::GET && is_foreign_page(&parts.headers) {
        return Err(Refusal::forbidden("a page of another site asks for this"));
    }
    let params = RawPathParams::from_request_parts(parts, &()).await;
    let whole = |params: RawPathParams| -> Vec<_> {
        params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    // What is no text, has a NUL or is too long, is the name of nothing.
    let path = params.ok().map(whole);
    let path = path.filter(|path| !path.iter().any(|(_, value)| value.contains('\0') || value.len() > 256));
    let query = Form::read(parts.uri.query().unwrap_or_default().as_bytes())?;
    let place = parts.uri.path_and_query().map_or("/", |place| place.as_str()).to_owned();
    let session = match row.access {
        Access::Board => None,
        Access::Open | Access::Role(_) => station.session(from, &parts.headers).await?,
    };
    let headers = std::mem::take(&mut parts.headers);
    let number = station.changes.newest();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or(parts.uri.authority().map(|host| host.as_str())).unwrap_or_default().to_owned();
    let (odd, path) = (path.is_none(), path.unwrap_or_default());
    Ok(Visit { station, from, headers, query, host, place, path, odd, session, number })
}

impl Visit {
    /// Whether a form is one of this session's pages'. A form of a page that is open to all has no session to be proven
    /// for; browsers say where those come from.
    pub(in crate::station) fn proven(&self, shown: &str) -> Result<(), Refusal> {
        match &self.session {
            Some(known) if !secret::is_proof(&known.secret, shown) => {
                let text = "nothing was done: the form doesn't come from a page of this session";
                Err(Refusal::forbidden(text).with_hint("load the page anew, and do it again"))
            }
            _ => Ok(()),
        }
    }

    /// What a refusal's page needs.
    fn clone_for_refusal(&self) -> Self {
        Self {
            station: Arc::clone(&self.station),
            from: self.from,
            headers: self.headers.clone(),
            query: Form::default(),
            host: self.host.clone(),
            place: self.place.clone(),
            path: Vec::new(),
            odd: false,
            session: self.session.clone(),
            number: self.number,
        }
    }
}

impl Station {
    /// Whose session a browser shows.
    async fn session(&self, from: Origin, headers: &HeaderMap) -> Result<Option<Known>, Refusal> {
        if let Some(known) = self.proxied(from, headers).await? {
            return Ok(Some(known));
        }
        let Some(secret) = secret::shown(headers, self.is_secure(from)) else { return Ok(None) };
        let digest = api::digest(&secret);
        let Some(user) = self.store().session(&digest, true, now()).await? else { return Ok(None) };
        Ok(Some(Known { who: Who::user(&user, from), secret, proxied: false, digest }))
    }

    /// Whom a reverse proxy has signed in. Its header counts from its own addresses only, and only for users whom the
    /// station has.
    async fn proxied(&self, from: Origin, headers: &HeaderMap) -> Result<Option<Known>, Refusal> {
        let station = &self.options.settings.station;
        let Some(header) = &station.proxy_header.value else { return Ok(None) };
        let Some(peer) = from.peer() else { return Ok(None) };
        if !station.proxy_from.value.iter().any(|network| network.has(peer)) {
            return Ok(None);
        }
        let mut names = headers.get_all(header).iter();
        let Some(name) = names.next() else { return Ok(None) };
        let name = name.to_str().unwrap_or_default();
        if names.next().is_some() {
            return Err(Refusal::forbidden("the proxy names two users"));
        }
        let account = self.store().account(name).await.ok().filter(|account| !account.user.disabled);
        let Some(account) = account else {
            let text =
                format!("the proxy says that you are `{name}`, and nobody of that name may sign in here");
            return Err(Refusal::forbidden(text).with_hint("an administrator makes the user"));
        };
        // Forms are proved by something that nobody else knows, though no cookie has it.
        let secret = format!("proxied_{}", blake3::keyed_hash(&self.proxied, name.as_bytes()).to_hex());
        let digest = api::digest(&secret);
        Ok(Some(Known { who: Who::user(&account.user, from), secret, proxied: true, digest }))
    }

    /// Whether what comes from there comes by HTTPS.
    pub(super) fn is_secure(&self, from: Origin) -> bool {
        matches!(from, Origin::Address { .. }) && self.tls.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// A page.
pub(super) fn page(template: &impl Template) -> Result<Response, Refusal> {
    page_of(StatusCode::OK, template)
}

/// A page with another status than 200.
pub(super) fn page_of(status: StatusCode, template: &impl Template) -> Result<Response, Refusal> {
    let html = template.render().map_err(|error| {
        Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            Kind::Failed,
            format!("the page can't be made: {error}"),
        )
    })?;
    Ok((status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response())
}

/// On to another page of this station, after something was done.
pub(super) fn go(path: &str) -> Response {
    // Only within this station: never to what somebody has put into a link.
    let path = if is_within(path) { path } else { "/" };
    let to = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

/// Whether a text is a path of this station, and no other host's.
pub(super) fn is_within(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && path.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What is no page and no call.
pub(super) async fn nothing(State(station): State<Arc<Station>>, request: Request) -> Response {
    if request.uri().path().starts_with("/api/") {
        return Refusal::missing("there is no such call").into_response();
    }
    let row = Row::get("/", Access::Open, "");
    let (mut parts, body) = request.into_parts();
    let mut answer = answer(station, row, &mut parts, body, |_, _| async {
        Err(Refusal::missing("there is no such page"))
    })
    .await;
    guard(&mut answer);
    answer
}

fn guard(answer: &mut Response) {
    for (name, value) in HEADERS {
        answer.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[derive(Template)]
#[template(path = "refused.html")]
struct Refused<'a> {
    frame: Frame,
    what: &'a str,
    why: String,
    hint: Option<String>,
    more: Vec<String>,
    /// Where the manual explains it.
    help: &'static str,
}

/// The page of a refusal.
async fn refused(visit: &Visit, refusal: &Refusal) -> Response {
    let frame = visit.frame("Not done", "").await;
    let page = Refused {
        frame,
        what: refusal.status().canonical_reason().unwrap_or("Error"),
        why: sentence(&refusal.detail()),
        hint: refusal.hint().map(|hint| sentence(&super::words::remedy(hint))),
        more: refusal.more(),
        help: super::help::of_kind(refusal.status(), refusal.kind()),
    };
    let mut answer = page_of(refusal.status(), &page).unwrap_or_else(IntoResponse::into_response);
    refusal.put_header(answer.headers_mut());
    answer
}

/// A refusal of which not even the visitor is known.
fn bare(refusal: &Refusal) -> Response {
    let page = Bare {
        what: refusal.status().canonical_reason().unwrap_or("Error"),
        why: sentence(&refusal.detail()),
        hint: refusal.hint().map(|hint| sentence(&super::words::remedy(hint))),
        style: &ASSETS.style,
    };
    let mut answer = page_of(refusal.status(), &page).unwrap_or_else(IntoResponse::into_response);
    refusal.put_header(answer.headers_mut());
    answer
}

/// A page with nothing around it: what stands there is asked of the database, which may be what is missing.
#[derive(Template)]
#[template(path = "bare.html")]
struct Bare {
    what: &'static str,
    why: String,
    hint: Option<String>,
    style: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_host() {
        for good in ["/", "/boards?name=a%20b", "/runs/0123"] {
            assert!(is_within(good), "{good}");
        }
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "boards",
            "/a\r\nb",
            "/a b",
            "\\\\e",
        ] {
            assert!(!is_within(bad), "{bad}");
            assert_eq!(go(bad).headers()[header::LOCATION], "/");
        }
    }
}
