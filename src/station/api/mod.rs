//! Calls of people's programs. docs/station-api.md has them as a table.

mod account;
mod boards;
mod events;
mod firmware;
mod health;
mod hooks;
mod images;
mod import;
mod labels;
mod objects;
mod people;
mod runs;
pub(super) mod scan;
mod scripts;
mod settings;
mod switches;
mod uploads;
mod values;

pub(super) use people::{digest, no_random, secret};

use axum::Router;
use axum::http::header;
use axum::routing::get;
use std::sync::Arc;
use utoipa::openapi::OpenApi;

use super::Station;
use super::web::{JSON, Table};

/// Puts them into the table.
pub(super) fn add_to(table: &mut Table) {
    health::add_to(table);
    events::add_to(table);
    boards::add_to(table);
    hooks::add_to(table);
    images::add_to(table);
    uploads::add_to(table);
    values::add_to(table);
    account::add_to(table);
    people::add_to(table);
    runs::add_to(table);
    settings::add_to(table);
    objects::add_to(table);
    switches::add_to(table);
    scripts::add_to(table);
    firmware::add_to(table);
    labels::add_to(table);
    scan::add_to(table);
    import::add_to(table);
}

/// With the description of all calls.
pub(super) fn with_openapi(router: Router<Arc<Station>>, api: &OpenApi) -> Router<Arc<Station>> {
    let text = api.to_json().unwrap_or_default();
    router.route("/api/v1/openapi.json", get(async move || ([(header::CONTENT_TYPE, JSON)], text)))
}
