//! One table of calls. Routes, roles and the description in OpenAPI come from it, so they can't differ.

use std::any::TypeId;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;
use utoipa::openapi::content::Content;
use utoipa::openapi::path::Operation;
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::response::{Response as Answer, ResponseBuilder};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{OpenApi, RefOr, Required};

use super::describe::{Description, binary, operation, query_of};
use super::row::{Access, Row};
use super::{Origin, Patience, Refusal, Who, words};
use crate::station::Station;

/// The type of bodies.
pub(in crate::station) const JSON: &str = "application/json";
/// The longest body of a call, where it says nothing else.
const LONGEST: usize = 64 << 10;
/// How long a body of JSON may take to come.
const BODY_TIME: Duration = Duration::from_secs(15);

/// A call as its handler gets it.
pub(in crate::station) struct Call {
    pub(in crate::station) station: Arc<Station>,
    /// Who asks, where the row wants a role.
    who: Option<Who>,
    pub(in crate::station) from: Origin,
    pub(in crate::station) headers: HeaderMap,
    pub(in crate::station) query: Option<String>,
    /// Path and query, as they came.
    place: String,
    /// Only the head of the answer is wanted (HEAD): it is no sign that anything arrives.
    pub(in crate::station) is_head: bool,
    /// That of its connection.
    pub(in crate::station) patience: Patience,
    path: Vec<(String, String)>,
}

impl Call {
    /// A part of the path, by its name there.
    pub(in crate::station) fn part(&self, name: &str) -> &str {
        self.path.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Who asks. A handler of a row without a role gets nobody's name.
    pub(in crate::station) fn who(&self) -> Who {
        self.who.clone().unwrap_or(Who::nobody(self.from))
    }
}

/// All calls.
pub(in crate::station) struct Table {
    router: Router<Arc<Station>>,
    description: Description,
    #[cfg(test)]
    rows: Vec<Row>,
}

impl Table {
    pub(in crate::station) fn new() -> Self {
        Self {
            router: Router::new(),
            description: Description::new(),
            #[cfg(test)]
            rows: Vec::new(),
        }
    }

    /// A call with JSON in and out. `()` is no query, no body, or 204.
    pub(in crate::station) fn add<Q, B, T, F, R>(&mut self, row: Row, handler: F)
    where
        Q: DeserializeOwned + ToSchema + Send + 'static,
        B: DeserializeOwned + ToSchema + Send + 'static,
        T: Serialize + ToSchema + Send + 'static,
        F: Fn(Call, Q, B) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        self.add_bytes::<Q, B, T, _, _>(row, LONGEST, move |call, query, body| {
            let handler = handler.clone();
            async move {
                let body = from_slice(&body)?;
                handler(call, query, body).await
            }
        });
    }

    /// The same, with the body as it came, of at most `most` bytes: it is signed, or longer.
    pub(in crate::station) fn add_bytes<Q, B, T, F, R>(&mut self, row: Row, most: usize, handler: F)
    where
        Q: DeserializeOwned + ToSchema + Send + 'static,
        B: DeserializeOwned + ToSchema + Send + 'static,
        T: Serialize + ToSchema + Send + 'static,
        F: Fn(Call, Q, Bytes) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        let is_nothing = |id: TypeId| id == TypeId::of::<()>();
        let (no_body, no_answer) = (is_nothing(TypeId::of::<B>()), is_nothing(TypeId::of::<T>()));
        let row = if no_answer { row.answers(StatusCode::NO_CONTENT) } else { row };
        let is_list = matches!(B::schema(), RefOr::T(Schema::Array(_)));
        let takes = (!no_body).then(|| body(JSON, self.description.of::<B>()));
        let answers = (!no_answer).then(|| (JSON, self.description.of::<T>()));
        let operation = operation(&row).parameters(Some(query_of::<Q>())).request_body(takes);
        let operation = operation.response(row.status.as_str(), done(answers)).build();
        self.add_raw(row, operation, move |call, body| {
            let handler = handler.clone();
            async move {
                let query = query::<Q>(call.query.as_deref())?;
                let body = if no_body {
                    Bytes::from_static(b"null")
                } else {
                    json_bytes(&call.headers, body, most).await?
                };
                if !is_list && body.trim_ascii_start().starts_with(b"[") {
                    // Members by their place alone would mean something else with the next version.
                    return Err(Refusal::meaningless("the body is to be a JSON object, and is a list"));
                }
                let Some(key) = super::once::key(&row, &call.headers)? else {
                    let answer = handler(call, query, body).await?;
                    return Ok(if no_answer {
                        row.status.into_response()
                    } else {
                        json(row.status, &answer)
                    });
                };
                let (station, who) = (Arc::clone(&call.station), call.who());
                let digest = super::once::digest(&row, &call.place, &body);
                let work = async move {
                    let answer = handler(call, query, body).await?;
                    let text = if no_answer { Ok(String::new()) } else { crate::format::json::line(&answer) };
                    let text = text.map_err(|error| Refusal::meaningless(error.to_string()))?;
                    Ok((row.status, text))
                };
                super::once::once(station, &who, key, digest, work).await
            }
        });
    }

    /// A call that is answered by something else than JSON, or takes something else.
    /// An answer of one of several kinds has them with a comma and a space between.
    pub(in crate::station) fn add_stream<Q, F, R>(
        &mut self,
        row: Row,
        (takes, answers): (Option<&str>, Option<&str>),
        handler: F,
    ) where
        Q: DeserializeOwned + ToSchema + Send + 'static,
        F: Fn(Call, Q, Body) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response, Refusal>> + Send + 'static,
    {
        self.add_any(row, takes, answers.map(|kind| (kind, binary())), handler);
    }

    /// A call that answers JSON of its own making, a `T`, and may take something else.
    pub(in crate::station) fn add_stream_of<T, Q, F, R>(&mut self, row: Row, takes: Option<&str>, handler: F)
    where
        T: ToSchema,
        Q: DeserializeOwned + ToSchema + Send + 'static,
        F: Fn(Call, Q, Body) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response, Refusal>> + Send + 'static,
    {
        let answer = self.description.of::<T>();
        self.add_any(row, takes, Some((JSON, answer)), handler);
    }

    fn add_any<Q, F, R>(
        &mut self,
        row: Row,
        takes: Option<&str>,
        answers: Option<(&str, Content)>,
        handler: F,
    ) where
        Q: DeserializeOwned + ToSchema + Send + 'static,
        F: Fn(Call, Q, Body) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response, Refusal>> + Send + 'static,
    {
        let row = if takes.is_some() { row.file() } else { row };
        let takes = takes.map(|takes| body(takes, binary()));
        let operation = operation(&row).parameters(Some(query_of::<Q>())).request_body(takes);
        let operation = operation.response(row.status.as_str(), done(answers)).build();
        self.add_raw(row, operation, move |call, body| {
            let handler = handler.clone();
            async move {
                let query = query::<Q>(call.query.as_deref())?;
                handler(call, query, body).await
            }
        });
    }

    fn add_raw<F, R>(&mut self, row: Row, operation: Operation, handler: F)
    where
        F: Fn(Call, Body) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<Response, Refusal>> + Send + 'static,
    {
        #[cfg(test)]
        self.rows.push(row);
        let (filter, method) = row.method.both();
        self.description.add(row.path, method, operation);
        let route = on(filter, move |State(station): State<Arc<Station>>, request: Request| {
            let handler = handler.clone();
            async move {
                let (mut parts, body) = request.into_parts();
                let metrics = Arc::clone(&station);
                let answer = match call(station, &mut parts, &row).await {
                    Ok(call) => handler(call, body).await.unwrap_or_else(IntoResponse::into_response),
                    Err(refusal) => refusal.into_response(),
                };
                metrics.metrics().answered(answer.status().as_u16());
                answer
            }
        });
        self.router = std::mem::take(&mut self.router).route(row.path, route);
    }

    /// The lines of the table.
    #[cfg(test)]
    pub(in crate::station) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Names in the description that two things have.
    #[cfg(test)]
    pub(super) fn doubles(&self) -> &[String] {
        &self.description.doubles
    }

    /// Everything: routes, and what they look like.
    pub(in crate::station) fn finish(self) -> (Router<Arc<Station>>, OpenApi) {
        let router = self
            .router
            .method_not_allowed_fallback(|| async {
                Refusal::new(StatusCode::METHOD_NOT_ALLOWED, crate::error::Kind::Usage, "no such method here")
            })
            .fallback(|| async { Refusal::missing("there is no such call") });
        (router, self.description.finish())
    }
}

fn body(kind: &str, content: Content) -> RequestBody {
    RequestBodyBuilder::new().required(Some(Required::True)).content(kind, content).build()
}

fn done(answers: Option<(&str, Content)>) -> Answer {
    let done = ResponseBuilder::new().description("Done.");
    match answers {
        Some((kinds, content)) => {
            let all = kinds.split(", ");
            all.fold(done, |done, kind| done.content(kind, content.clone())).build()
        }
        None => done.build(),
    }
}

async fn call(station: Arc<Station>, parts: &mut Parts, row: &Row) -> Result<Call, Refusal> {
    let from = parts.extensions.get::<Origin>().copied();
    let from = from.ok_or_else(|| Refusal::forbidden("nobody knows where this comes from"))?;
    if is_foreign_page(&parts.headers) {
        return Err(Refusal::forbidden("a page of another site asks for this"));
    }
    let who = match row.access {
        Access::Open => None,
        // Before anything of the body is taken.
        Access::Board => station.pass(from, &parts.headers).map(|_| None)?,
        Access::Role(role) => {
            let who = station.who(from, &parts.headers, role).await?;
            let scope = super::scope::of(row);
            if !who.scopes.is_empty()
                && !scope.is_some_and(|scope| who.scopes.iter().any(|own| own.covers(scope)))
            {
                let wanted =
                    scope.map_or("a token without scopes".to_owned(), |scope| format!("the scope {scope}"));
                return Err(Refusal::forbidden(format!("`{}` may not do this: it takes {wanted}", who.by)));
            }
            Some(who)
        }
    };
    let params = RawPathParams::from_request_parts(parts, &()).await;
    let params = params.map_err(|_| Refusal::malformed("the path is no UTF-8"))?;
    let path: Vec<_> = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if path.iter().any(|(_, value)| value.contains('\0') || value.len() > 256) {
        return Err(Refusal::malformed("a part of the path is no name of anything"));
    }
    let query = parts.uri.query().map(str::to_owned);
    let place = parts.uri.path_and_query().map_or("/", |place| place.as_str()).to_owned();
    let is_head = parts.method == axum::http::Method::HEAD;
    let patience = parts.extensions.get::<Patience>().cloned().unwrap_or_default();
    let headers = std::mem::take(&mut parts.headers);
    Ok(Call { station, who, from, headers, query, place, is_head, patience, path })
}

/// Whether a browser says that a page of somebody else's makes this call. Programs say nothing of the kind.
pub(in crate::station) fn is_foreign_page(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(header::HOST).unwrap_or_default();
    let of_other =
        |origin: &str| origin.split_once("://").is_none_or(|(_, from)| !from.eq_ignore_ascii_case(host));
    let site = headers.get("sec-fetch-site").map(|value| value.to_str().unwrap_or("?"));
    text(header::ORIGIN).is_some_and(of_other) || site.is_some_and(|site| site == "cross-site")
}

/// A value out of JSON.
pub(in crate::station) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Refusal::meaningless(words::of_body(bytes, &error)),
        _ => Refusal::malformed(words::of_no_json(&error)),
    })
}

/// Query members are texts; numbers among them are read as numbers where the type wants that.
fn query<Q: DeserializeOwned + 'static>(text: Option<&str>) -> Result<Q, Refusal> {
    if TypeId::of::<Q>() == TypeId::of::<()>() {
        return from_slice(b"null");
    }
    let uri = format!("/?{}", text.unwrap_or_default());
    let uri = uri.parse::<axum::http::Uri>().map_err(|_| Refusal::malformed("the query can't be read"))?;
    let query = axum::extract::Query::<Q>::try_from_uri(&uri);
    query.map(|query| query.0).map_err(|error| query_error(&error.body_text()))
}

/// A query, or a form, that can't be read, from what is said of it.
pub(in crate::station) fn query_error(said: &str) -> Refusal {
    Refusal::malformed(words::of_query(said))
}

/// All of a body, if it isn't longer and doesn't take longer.
pub(in crate::station) async fn whole(body: Body, most: usize, time: Duration) -> Result<Bytes, Refusal> {
    let too_large =
        || Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, crate::error::Kind::BadData, "the body is too large");
    // One that says that it is longer isn't waited for.
    if axum::body::HttpBody::size_hint(&body).lower() > most as u64 {
        return Err(too_large());
    }
    let read = tokio::time::timeout(time, axum::body::to_bytes(body, most)).await;
    let late = || {
        let refusal =
            Refusal::new(StatusCode::REQUEST_TIMEOUT, crate::error::Kind::Io, "the body comes too slowly");
        refusal.with_header(header::CONNECTION, header::HeaderValue::from_static("close"))
    };
    read.map_err(|_| late())?.map_err(|error| {
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        if source.contains("limit") { too_large() } else { Refusal::malformed("the body broke off") }
    })
}

/// A body that says that it is JSON.
async fn json_bytes(headers: &HeaderMap, body: Body, most: usize) -> Result<Bytes, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(JSON) {
        let refusal = Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            crate::error::Kind::Usage,
            "the body is to be application/json",
        );
        return Err(refusal);
    }
    whole(body, most, BODY_TIME).await
}

/// An answer of JSON.
pub(in crate::station) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match crate::format::json::line(value) {
        Ok(body) => (status, [(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, "no-store")], body)
            .into_response(),
        Err(error) => {
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, crate::error::Kind::Failed, error.to_string())
                .into_response()
        }
    }
}
