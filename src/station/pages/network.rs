//! What is seen of the network: what boots boards, other DHCP servers, boards that get nothing and why, addresses given.

use askama::Template;
use axum::response::Response;

use super::frame::Frame;
use super::table::{Pages, page, sentence};
use super::visit::Visit;
use super::words;
use crate::format::message;
use crate::station::now;
use crate::station::web::{Access, Refusal};
use crate::station_api::{Bootd, BootdState, ListAsked, NetworkNotice, Role, Sighting};

/// Sightings on a page.
const SEEN: u32 = 25;

type Answer = Result<Response, Refusal>;

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/network", Access::Role(Role::Viewer), show);
}

/// A notice as a line.
struct Line {
    subject: String,
    text: String,
    hint: String,
    when: String,
    bad: bool,
}

/// That a board was seen.
struct Seen {
    board: Option<String>,
    at: String,
    way: String,
    what: String,
    when: String,
}

#[derive(Template)]
#[template(path = "network.html")]
struct Page {
    frame: Frame,
    bootd: Bootd,
    serves: bool,
    away: bool,
    since: String,
    servers: Vec<Line>,
    boards: Vec<Line>,
    addresses: Vec<Line>,
    host: Vec<Line>,
    seen: Vec<Seen>,
    next: Option<String>,
}

fn line(notice: &NetworkNotice, now: i64) -> Line {
    let hint = notice.hint.as_ref().map(|hint| sentence(&message(&words::remedy(hint))));
    Line {
        subject: message(&notice.subject).into_owned(),
        text: message(&notice.text).into_owned(),
        hint: hint.unwrap_or_default(),
        when: words::when(notice.time, now),
        bad: notice.bad,
    }
}

fn seen(sighting: Sighting, now: i64) -> Seen {
    Seen {
        board: sighting.board,
        at: message(&sighting.at).into_owned(),
        way: sighting.way,
        what: message(&sighting.what).into_owned(),
        when: words::when(sighting.time, now),
    }
}

async fn show(visit: Visit) -> Answer {
    let frame = visit.frame("Network", "network").await;
    let now = now();
    let after = Some(visit.query.text("after").to_owned()).filter(|after| !after.is_empty());
    let asked = ListAsked { after, limit: Some(SEEN), ..ListAsked::default() };
    let sightings = visit.station.store().sightings(&asked).await?;
    let notices = visit.station.network();
    let of = |abouts: &[&str]| -> Vec<Line> {
        let these = notices.iter().filter(|notice| abouts.contains(&notice.about.as_str()));
        these.map(|notice| line(notice, now)).collect()
    };
    let bootd = visit.station.privileged.known();
    page(&Page {
        frame,
        serves: bootd.state == BootdState::Serving,
        away: bootd.state == BootdState::Away,
        since: words::when(bootd.since, now),
        bootd,
        servers: of(&["server"]),
        boards: of(&["board"]),
        addresses: of(&["address"]),
        host: of(&["interface", "host", "other"]),
        seen: sightings.items.into_iter().map(|sighting| seen(sighting, now)).collect(),
        next: sightings.next,
    })
}
