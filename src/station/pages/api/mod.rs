//! The calls of the API for people: each with what it takes and gives, made of the same description that programs read.

mod read;

use std::sync::LazyLock;

use askama::Template;
use axum::response::Response;

use super::frame::Frame;
use super::table::{Pages, page};
use super::visit::Visit;
use crate::station::web::{Access, Refusal};
use read::{Group, Thing};

type Answer = Result<Response, Refusal>;

/// As the description itself, it is no secret.
pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/api", Access::Open, show);
}

/// The description doesn't change while the program runs.
static API: LazyLock<(Vec<Group>, Vec<Thing>)> = LazyLock::new(|| {
    let text = crate::station::table().finish().1.to_json().unwrap_or_default();
    let api = serde_json::from_str(&text).unwrap_or_default();
    (read::groups(&api), read::things(&api))
});

#[derive(Template)]
#[template(path = "api.html")]
struct Page {
    frame: Frame,
    groups: &'static [Group],
    things: &'static [Thing],
    station: String,
}

async fn show(visit: Visit) -> Answer {
    let station = visit.station.home.get().cloned().unwrap_or_else(|| "http://STATION:8080".to_owned());
    let frame = visit.frame("The interface for programs", "help").await;
    page(&Page { frame, groups: &API.0, things: &API.1, station })
}
