//! Boards: the list of them, one of them, and the way to it by what is printed on it.

mod act;
mod find;
mod list;
mod one;
mod trace;

use axum::response::Response;

use super::table::Pages;
use crate::station::web::{Access, Refusal};
use crate::station_api::Role;

pub(super) use list::{Choice, choices, link};

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/boards", Access::Role(Role::Viewer), list::list);
    pages.get("/find", Access::Role(Role::Viewer), find::find);
    pages.get("/boards/{board}", Access::Role(Role::Viewer), one::one);
    act::add_to(pages);
}

/// An answer of a page.
type Answer = Result<Response, Refusal>;
