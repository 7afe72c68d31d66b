//! Labels: their templates with a picture of each, printers with what waits for them, and codes that a camera sees.

mod list;
mod one;
mod printers;
mod scan;

use axum::response::Response;

use super::table::Pages;
use crate::station::web::{Access, Refusal, Row};
use crate::station_api::Role;

const LOOK: Access = Access::Role(Role::Viewer);
const WORK: Access = Access::Role(Role::Operator);
const CHANGE: Access = Access::Role(Role::Admin);

/// An answer of a page.
type Answer = Result<Response, Refusal>;

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/labels", LOOK, list::list);
    pages.get("/labels/new", CHANGE, one::new);
    pages.post("/labels/new", CHANGE, one::make);
    pages.get("/label/{label}", LOOK, one::show);
    pages.post("/label/{label}", CHANGE, one::change);
    pages.get("/label/{label}/picture", LOOK, one::picture);
    pages.post("/label/{label}/print", WORK, one::print);
    pages.post("/label/{label}/remove", CHANGE, one::remove);
    pages.get("/printers", LOOK, printers::list);
    pages.post("/printers/add", CHANGE, printers::add);
    pages.post("/printers/{printer}/remove", CHANGE, printers::remove);
    pages.each("/prints/{print}/{what}", &["again", "cancel"], WORK, printers::act);
    pages.get("/scan", LOOK, scan::page);
    pages.take(Row::post("/scan/frame", LOOK, ""), scan::frame);
}
