//! A call that is refused, as RFC 9457 says it.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::error::{Explain, Kind, Remedy, chain};
use crate::format::message;
use crate::station_api::Problem;

/// Why a call isn't done.
#[derive(Debug)]
pub(in crate::station) struct Refusal(Box<Facts>);

#[derive(Debug)]
struct Facts {
    status: StatusCode,
    kind: Kind,
    detail: String,
    hint: Option<Remedy>,
    more: Vec<String>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// With a status of its own.
    pub(in crate::station) fn new(status: StatusCode, kind: Kind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self(Box::new(Facts { status, kind, detail, hint: None, more: Vec::new(), header: None }))
    }

    /// Its status.
    pub(in crate::station) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What sort of failure it is.
    pub(in crate::station) fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What is said of it; it may quote what was asked for.
    pub(in crate::station) fn detail(&self) -> String {
        message(&self.0.detail).into_owned()
    }

    /// What helps.
    pub(in crate::station) fn hint(&self) -> Option<&Remedy> {
        self.0.hint.as_ref()
    }

    /// More of it, a line each.
    pub(in crate::station) fn more(&self) -> Vec<String> {
        self.0.more.iter().take(100).map(|line| message(line).into_owned()).collect()
    }

    /// Puts its header beside others.
    pub(in crate::station) fn put_header(&self, headers: &mut axum::http::HeaderMap) {
        if let Some((name, value)) = &self.0.header {
            headers.insert(name, value.clone());
        }
    }

    /// 400: a path, a query or a body that can't be read.
    pub(in crate::station) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Kind::Usage, detail)
    }

    /// 422: it can be read, and means nothing.
    pub(in crate::station) fn meaningless(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, Kind::BadData, detail)
    }

    /// 401: no token, or a wrong one.
    pub(in crate::station) fn unknown(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, Kind::Permission, detail)
            .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 403: one that may not.
    pub(in crate::station) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, Kind::Permission, detail)
    }

    /// 404.
    pub(in crate::station) fn missing(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, Kind::NoInput, detail)
    }

    /// 409: something is in the way.
    pub(in crate::station) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, Kind::Busy, detail)
    }

    /// 409 for what is over: trying again changes nothing.
    pub(in crate::station) fn over(error: &impl Explain) -> Self {
        Self::new(StatusCode::CONFLICT, error.kind(), chain(error))
    }

    /// 429: too often.
    pub(in crate::station) fn too_often(seconds: u64) -> Self {
        let wait = match seconds {
            0..=1 => "a second".to_owned(),
            2..=90 => format!("{seconds} seconds"),
            _ => format!("{} minutes", seconds.div_ceil(60)),
        };
        let detail = format!("too many wrong passwords or tokens: the next one is taken in {wait}");
        Self::new(StatusCode::TOO_MANY_REQUESTS, Kind::Busy, detail)
            .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// 507: the station's disk has too little room left.
    pub(in crate::station) fn no_room() -> Self {
        let detail = "the station's disk has too little room left for this";
        Self::new(StatusCode::INSUFFICIENT_STORAGE, Kind::CantCreate, detail)
            .with_hint("remove images or backups that nobody needs, or give its state a larger disk")
    }

    /// 503: the station ends.
    pub(in crate::station) fn ending() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Kind::Unavailable, "the station ends")
    }

    /// With what helps.
    pub(in crate::station) fn with_hint(mut self, hint: impl Into<Remedy>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// With another name for what it calls by a path that only this process knows.
    pub(in crate::station) fn renaming(mut self, path: &std::path::Path, name: &str) -> Self {
        let path = path.display().to_string();
        self.0.detail = self.0.detail.replace(&path, name);
        for line in &mut self.0.more {
            *line = line.replace(&path, name);
        }
        self
    }

    /// With a header.
    pub(in crate::station) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }
}

/// Which status a kind of failure has.
fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Usage => StatusCode::BAD_REQUEST,
        Kind::BadData => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::NoInput => StatusCode::NOT_FOUND,
        Kind::Busy => StatusCode::CONFLICT,
        Kind::Permission => StatusCode::FORBIDDEN,
        Kind::Unavailable | Kind::Interrupted => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl<E: Explain + 'static> From<E> for Refusal {
    fn from(error: E) -> Self {
        let kind = error.kind();
        let mut refusal = Self::new(status(kind), kind, chain(&error));
        refusal.0.hint = error.hint();
        refusal.0.more = error.more();
        refusal
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let facts = *self.0;
        if facts.status.is_server_error() {
            tracing::warn!(status = facts.status.as_u16(), detail = %message(&facts.detail), "a call failed");
        }
        let problem = Problem {
            kind_of: "about:blank".to_owned(),
            title: facts.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: facts.status.as_u16(),
            // It may quote what was asked for.
            detail: message(&facts.detail).into_owned(),
            kind: facts.kind,
            hint: facts.hint,
            more: facts.more.iter().take(100).map(|line| message(line).into_owned()).collect(),
        };
        let body = crate::format::json::line(&problem).unwrap_or_default();
        let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let mut response = (facts.status, [kind], body).into_response();
        if let Some((name, value)) = facts.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
