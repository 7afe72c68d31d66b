//! Runs: the list of them, one of them, and both for other programs.

mod export;
mod line;
mod list;
mod one;
mod report;
mod statistics;
mod time;

use axum::response::Response;

use super::table::Pages;
use crate::station::web::{Access, Refusal};
use crate::station_api::Role;

pub(super) use line::Shown;

pub(super) fn add_to(pages: &mut Pages) {
    let look = Access::Role(Role::Viewer);
    pages.get("/runs", look, list::list);
    pages.get("/runs.csv", look, export::csv);
    pages.get("/runs.jsonl", look, export::jsonl);
    pages.get("/runs/report", look, report::report);
    pages.get("/statistics", look, statistics::statistics);
    pages.get("/runs/{run}", look, one::one);
    pages.get("/runs/{run}/record.json", look, export::record);
    pages.get("/runs/{run}/log.txt", look, export::log);
}

/// An answer of a page.
type Answer = Result<Response, Refusal>;
