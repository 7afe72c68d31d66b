//! The floor: one card a slot, in the order of the bench; boards without a known slot have a place of their own.

mod act;
mod card;
mod feed;
mod first;
mod page;

use axum::response::Response;

use super::table::Pages;
use crate::station::web::Access;
use crate::station_api::Role;

pub(super) use act::{no_board, written};
pub(super) use card::{Beside, Card, path, segments};
pub(in crate::station) use feed::Floor;
pub(super) use feed::Fragment;

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/", Access::Role(Role::Viewer), page::floor);
    pages.get("/floor", Access::Role(Role::Viewer), page::called);
    act::add_to(pages);
}

/// An answer of a page.
type Answer = Result<Response, crate::station::web::Refusal>;
