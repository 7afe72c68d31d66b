//! The manual within the program: the pages of `docs/`, and those of each command.

mod manual;
mod markdown;
mod roff;
mod topics;

use askama::Template;
use axum::response::Response;

use super::frame::Frame;
use super::table::{Pages, page};
use super::visit::Visit;
use crate::station::web::{Access, Refusal};

pub(crate) use manual::CommandPages;
pub(super) use topics::{of_failure, of_kind};

type Answer = Result<Response, Refusal>;

/// A help text of settings, which is written as the pages of the manual are.
pub(super) fn marked(text: &str) -> String {
    markdown::html(text)
}

/// The manual is no secret, and who can't sign in needs it too.
pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/help", Access::Open, index);
    pages.get("/help/{page}", Access::Open, one);
}

#[derive(Template)]
#[template(path = "help.html")]
struct Index {
    frame: Frame,
    /// The parts of the first page: anchor, title, whether it is a part of a part.
    parts: Vec<(String, String, bool)>,
    pages: Vec<(&'static str, String)>,
    commands: Vec<(String, String)>,
}

async fn index(visit: Visit) -> Answer {
    let frame = visit.frame("Help", "help").await;
    let titled = |(name, text): &(&'static str, &'static str)| (*name, markdown::title(text));
    let parts = manual::PAGES.first().map(|(_, text)| markdown::parts(text)).unwrap_or_default();
    let commands = visit.station.commands().iter().map(|(name, text)| (name.clone(), roff::about(text)));
    page(&Index {
        frame,
        parts,
        pages: manual::PAGES.iter().skip(1).map(titled).collect(),
        commands: commands.collect(),
    })
}

#[derive(Template)]
#[template(path = "manual.html")]
struct One {
    frame: Frame,
    html: String,
    parts: Vec<(String, String, bool)>,
}

async fn one(visit: Visit) -> Answer {
    let name = visit.part("page");
    let found = |(known, text): &(&'static str, &'static str)| (*known == name).then_some(*text);
    let (title, html, parts) = if let Some(text) = manual::PAGES.iter().find_map(found) {
        (markdown::title(text), markdown::html(text), markdown::parts(text))
    } else if let Some((_, text)) = visit.station.commands().iter().find(|(known, _)| known == name) {
        (name.to_owned(), roff::html(text), Vec::new())
    } else {
        return Err(Refusal::missing("the manual has no such page"));
    };
    let frame = visit.frame(&title, "help").await;
    page(&One { frame, html, parts })
}
