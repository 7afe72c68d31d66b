//! A line of the table of calls: where a call lies, what it has to show, and how it is answered.

use axum::http::{Method, StatusCode};
use axum::routing::MethodFilter;
use utoipa::openapi::path::HttpMethod;

use crate::station_api::Role;

/// What a call has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::station) enum Access {
    /// Nothing.
    Open,
    /// A token of at least this role, or the Unix socket.
    Role(Role),
    /// A token that the station has made for a board or its job. Which one it is, the call looks at itself.
    Board,
}

/// A line of the table.
#[derive(Debug, Clone, Copy)]
pub(in crate::station) struct Row {
    pub(in crate::station) method: HttpMethodOf,
    pub(in crate::station) path: &'static str,
    pub(in crate::station) access: Access,
    pub(in crate::station) status: StatusCode,
    pub(in crate::station) summary: &'static str,
    /// Other answers than `status` that are no refusals, and what they mean.
    pub(in crate::station) also: &'static [(u16, &'static str)],
    /// A secret is in its answer or in its body, and nothing of that is kept.
    pub(in crate::station) secret: bool,
    /// Its body is a file.
    pub(in crate::station) is_file: bool,
    /// What `{what}` in its path may be, where it has one.
    pub(in crate::station) whats: &'static [&'static str],
}

/// What else a call answers that gives parts of something.
pub(in crate::station) const PARTS: &[(u16, &str)] = &[
    (206, "The part that `Range` asks for."),
    (304, "It is what `If-None-Match` names."),
    (416, "There is no such part."),
];

/// The methods that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::station) enum HttpMethodOf {
    Get,
    Put,
    Post,
    Patch,
    Delete,
}

impl HttpMethodOf {
    pub(in crate::station) const fn both(self) -> (MethodFilter, HttpMethod) {
        match self {
            Self::Get => (MethodFilter::GET, HttpMethod::Get),
            Self::Put => (MethodFilter::PUT, HttpMethod::Put),
            Self::Post => (MethodFilter::POST, HttpMethod::Post),
            Self::Patch => (MethodFilter::PATCH, HttpMethod::Patch),
            Self::Delete => (MethodFilter::DELETE, HttpMethod::Delete),
        }
    }

    /// Whether it only looks.
    pub(in crate::station) const fn is_get(self) -> bool {
        matches!(self, Self::Get)
    }

    /// As it stands in the description.
    pub(in crate::station) const fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Post => "post",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

impl Row {
    const fn new(method: HttpMethodOf, path: &'static str, access: Access, summary: &'static str) -> Self {
        Self {
            method,
            path,
            access,
            status: StatusCode::OK,
            summary,
            also: &[],
            secret: false,
            is_file: false,
            whats: &[],
        }
    }

    pub(in crate::station) const fn get(path: &'static str, access: Access, summary: &'static str) -> Self {
        Self::new(HttpMethodOf::Get, path, access, summary)
    }

    pub(in crate::station) const fn put(path: &'static str, access: Access, summary: &'static str) -> Self {
        Self::new(HttpMethodOf::Put, path, access, summary)
    }

    pub(in crate::station) const fn post(path: &'static str, access: Access, summary: &'static str) -> Self {
        Self::new(HttpMethodOf::Post, path, access, summary)
    }

    pub(in crate::station) const fn patch(path: &'static str, access: Access, summary: &'static str) -> Self {
        Self::new(HttpMethodOf::Patch, path, access, summary)
    }

    pub(in crate::station) const fn delete(
        path: &'static str,
        access: Access,
        summary: &'static str,
    ) -> Self {
        Self::new(HttpMethodOf::Delete, path, access, summary)
    }

    /// With another status than 200 where it is done.
    pub(in crate::station) const fn answers(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// With a secret in its answer or its body.
    pub(in crate::station) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// With a file as its body.
    pub(super) const fn file(mut self) -> Self {
        self.is_file = true;
        self
    }

    /// For each of several things that may be done.
    pub(in crate::station) const fn each(mut self, whats: &'static [&'static str]) -> Self {
        self.whats = whats;
        self
    }

    /// Whether what is asked twice under one key is done once.
    pub(super) const fn takes_key(&self) -> bool {
        matches!(self.method, HttpMethodOf::Post | HttpMethodOf::Put | HttpMethodOf::Patch)
            && matches!(self.access, Access::Role(_))
            && !self.is_file
    }

    /// With other answers that are no refusals.
    pub(in crate::station) const fn also(mut self, also: &'static [(u16, &'static str)]) -> Self {
        self.also = also;
        self
    }

    pub(super) fn parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }
}

/// So that a method is never one that the table doesn't have.
impl From<HttpMethodOf> for Method {
    fn from(method: HttpMethodOf) -> Self {
        match method {
            HttpMethodOf::Get => Self::GET,
            HttpMethodOf::Put => Self::PUT,
            HttpMethodOf::Post => Self::POST,
            HttpMethodOf::Patch => Self::PATCH,
            HttpMethodOf::Delete => Self::DELETE,
        }
    }
}
