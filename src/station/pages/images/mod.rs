//! Images and backups: what the station has, what is in it, which boards start from it, and how more comes.

mod add;
mod change;
mod draw;
mod files;
mod list;
mod one;

use axum::response::Response;

use super::table::Pages;
use crate::station::web::{Access, Refusal};
use crate::station_api::Role;

const LOOK: Access = Access::Role(Role::Viewer);
const WORK: Access = Access::Role(Role::Operator);
const CHANGE: Access = Access::Role(Role::Admin);

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/images", LOOK, list::images);
    pages.get("/backups", LOOK, list::backups);
    pages.get("/images/{image}", LOOK, one::image);
    // What a disk holds may be secret: passwords, keys.
    pages.get("/images/{image}/files", WORK, files::list);
    pages.get("/images/{image}/file", WORK, files::file);
    pages.get("/images/{image}/raw", WORK, files::raw);
    change::add_to(pages);
    add::add_to(pages);
}

/// An answer of a page.
type Answer = Result<Response, Refusal>;
