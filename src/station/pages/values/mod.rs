//! Sources of values of which each board has its own: how much is left, who has what, newer tables.

mod list;
mod one;
mod table;

use axum::response::Response;

use super::table::Pages;
use crate::station::web::{Access, Refusal, Row};
use crate::station_api::{Role, ValueSource};

const LOOK: Access = Access::Role(Role::Viewer);
const WORK: Access = Access::Role(Role::Operator);
const CHANGE: Access = Access::Role(Role::Admin);

/// An answer of a page.
type Answer = Result<Response, Refusal>;

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/values", LOOK, list::list);
    pages.post("/values/add", CHANGE, list::add);
    pages.get("/value/{source}", LOOK, one::show);
    pages.post("/value/{source}/change", CHANGE, one::change);
    pages.post("/value/{source}/release", WORK, one::release);
    pages.post("/value/{source}/remove", CHANGE, one::remove);
    pages.get("/value/{source}/boards.csv", LOOK, table::export);
    pages.take(Row::post("/value/{source}/upload", CHANGE, ""), table::upload);
}

/// A source as a line.
struct Line {
    name: String,
    kind: &'static str,
    words: String,
    /// For how many boards; a mark where there are too few.
    left: String,
    low: bool,
    bound: u64,
    given: u64,
    warn: u64,
}

impl Line {
    fn new(source: &ValueSource) -> Self {
        let kind = match source.of.word() {
            "sequence" => "numbers",
            "addresses" => "Ethernet addresses",
            "table" => "table",
            _ => "a server is asked",
        };
        Self {
            name: source.name.clone(),
            kind,
            words: source.of.words(),
            left: source.left.map_or_else(|| "not known".to_owned(), |left| left.to_string()),
            low: source.left.is_some_and(|left| left < source.warn),
            bound: source.bound,
            given: source.given,
            warn: source.warn,
        }
    }
}
