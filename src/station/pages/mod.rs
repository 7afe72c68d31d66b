//! What people see in a browser: pages that are whole without a script, and change by themselves with one.
//!
//! | part | what it is |
//! |---|---|
//! | `table` | what each page goes through: who asks, whether its form is this station's, how a refusal looks |
//! | `visit` | one request for a page, with its session |
//! | `secret` | cookies, and the proof that a form comes from one of our pages; pure |
//! | `form` | what a form tells; pure |
//! | `upload` | a form with a file in it |
//! | `assets` | the style sheet, the script, the icon: in the program, named by their content |
//! | `frame` | what stands around each page |
//! | `words` | how times, sizes and states are written |
//! | `live` | changes that come by themselves |
//! | `sign`, `half`, `passkey` | signing in and out, the first user; who has shown a password and no code yet; passkeys |
//! | `people` | the own account, users, tokens, the audit |
//! | `floor` | one card a slot |
//! | `boards`, `runs` | what is known, and what was done |
//! | `slots` | the bench as a map, places that nobody has named, switches |
//! | `firmware` | EEPROM images |
//! | `rules` | rules, projects and scripts |
//! | `labels` | labels, printers and what waits for them, codes that a camera sees |
//! | `network` | what is seen of the network |
//! | `settings` | settings, with where they come from |
//! | `help` | the manual |
//! | `api` | the calls of programs, for people |
//! | `support` | one file for those that help |
//! | `images` | images and backups, and the files in them |
//!
//! Templates, style sheet and script stand in `web/`. A page never asks the database itself: it calls the store, and
//! does what it does as the API does it.

mod api;
mod assets;
#[cfg(test)]
mod authorisation;
mod boards;
mod firmware;
mod floor;
mod form;
mod frame;
mod half;
mod help;
mod images;
mod labels;
mod live;
mod network;
#[cfg(test)]
mod parity;
mod passkey;
mod people;
mod rules;
mod runs;
mod secret;
mod settings;
mod sign;
mod slots;
mod support;
mod table;
mod upload;
mod values;
mod visit;
mod words;

use std::sync::Arc;

use axum::Router;

use super::Station;

pub(super) use floor::Floor;
pub(super) use frame::Notices;
pub(super) use half::Halves;
pub(crate) use help::CommandPages;
pub(super) use table::Pages;

/// All pages.
fn all() -> Pages {
    let mut pages = Pages::new();
    sign::add_to(&mut pages);
    passkey::add_to(&mut pages);
    floor::add_to(&mut pages);
    boards::add_to(&mut pages);
    slots::add_to(&mut pages);
    runs::add_to(&mut pages);
    images::add_to(&mut pages);
    firmware::add_to(&mut pages);
    live::add_to(&mut pages);
    people::add_to(&mut pages);
    rules::add_to(&mut pages);
    labels::add_to(&mut pages);
    values::add_to(&mut pages);
    settings::add_to(&mut pages);
    network::add_to(&mut pages);
    help::add_to(&mut pages);
    support::add_to(&mut pages);
    api::add_to(&mut pages);
    pages
}

/// Puts the pages beside the calls.
pub(super) fn beside(router: Router<Arc<Station>>) -> Router<Arc<Station>> {
    router.merge(assets::add_to(all().finish())).fallback(table::nothing)
}
