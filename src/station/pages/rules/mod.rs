//! Rules, in their order: made, moved, changed, tried against a board; the projects that they give, and their scripts.

mod eeprom;
mod fields;
mod labels;
mod list;
mod one;
mod project_file;
mod projects;
mod scripts;
mod tried;

use axum::response::Response;

use super::form::Form;
use super::table::Pages;
use crate::station::web::{Access, Refusal};
use crate::station_api::Role;

const LOOK: Access = Access::Role(Role::Viewer);
const CHANGE: Access = Access::Role(Role::Admin);

/// An answer of a page.
type Answer = Result<Response, Refusal>;

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/rules", LOOK, list::list);
    pages.get("/rules/try", LOOK, tried::tried);
    pages.get("/rules/new", CHANGE, one::new);
    pages.post("/rules/new", CHANGE, one::make);
    pages.get("/rule/{rule}", LOOK, one::show);
    pages.post("/rule/{rule}", CHANGE, one::change);
    pages.each("/rule/{rule}/{what}", &["up", "down", "remove"], CHANGE, list::act);
    pages.get("/projects", LOOK, projects::list);
    pages.get("/projects/new", CHANGE, projects::new);
    pages.post("/projects/new", CHANGE, projects::make);
    pages.post("/projects/import", CHANGE, project_file::import);
    pages.get("/project/{project}/file", LOOK, project_file::download);
    pages.get("/project/{project}", LOOK, projects::show);
    pages.post("/project/{project}", CHANGE, projects::change);
    pages.post("/project/{project}/remove", CHANGE, projects::remove);
    pages.get("/scripts", LOOK, scripts::list);
    pages.get("/scripts/new", CHANGE, scripts::new);
    pages.post("/scripts/new", CHANGE, scripts::make);
    pages.get("/script/{script}", LOOK, scripts::show);
    pages.post("/script/{script}", CHANGE, scripts::change);
    pages.post("/script/{script}/remove", CHANGE, scripts::remove);
}

/// What a form was made of: a page that stands open for a while doesn't undo what somebody else has changed meanwhile.
pub(super) fn mark(fields: &impl std::fmt::Debug) -> String {
    let hash = blake3::hash(format!("{fields:?}").as_bytes()).to_hex();
    hash.get(..16).unwrap_or_default().to_owned()
}

/// Refuses what comes from a form that was made of something else than there is now.
pub(super) fn unchanged(form: &Form, now: &impl std::fmt::Debug) -> Result<(), Refusal> {
    let was = form.text("was");
    if was.is_empty() || was == mark(now) {
        return Ok(());
    }
    let text = "somebody has changed it since this page was loaded, and nothing was saved; here stands what you have typed";
    Err(Refusal::conflict(text).with_hint("look at it in another tab; saving again puts this in its place"))
}

/// A name as a part of a path.
pub(super) fn encoded(name: &str) -> String {
    // What stands for a space within a query stands for itself within a path.
    form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}
