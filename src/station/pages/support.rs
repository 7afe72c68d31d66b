//! One file for support: what is in it, and a button that makes it.

use askama::Template;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::form::Form;
use super::frame::Frame;
use super::table::{Pages, page};
use super::visit::Visit;
use super::words;
use crate::station::now;
use crate::station::web::{Access, Refusal};
use crate::station_api::Role;
use crate::support::{CONTENTS, LEFT_OUT};

type Answer = Result<Response, Refusal>;

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/support", Access::Role(Role::Admin), show);
    pages.post("/support/file", Access::Role(Role::Admin), file);
}

#[derive(Template)]
#[template(path = "support.html")]
struct Page {
    frame: Frame,
    contents: &'static [(&'static str, &'static str)],
    left_out: &'static str,
}

async fn show(visit: Visit) -> Answer {
    let frame = visit.frame("A file for support", "services").await;
    page(&Page { frame, contents: CONTENTS, left_out: LEFT_OUT })
}

async fn file(visit: Visit, _: Form) -> Answer {
    let bytes = visit.station.bundle(&visit.who()).await?;
    let time: String = words::stamp(now()).chars().filter(char::is_ascii_digit).take(14).collect();
    let name = format!("attachment; filename=\"piprov-support-{time}.tar.gz\"");
    let kind = "application/gzip".to_owned();
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], bytes).into_response())
}
