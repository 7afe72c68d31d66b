//! What is seen of the network: what boots boards, other DHCP servers, boards that get nothing and why, addresses given.

use askama::Template;
use axum::response::Response;

use super::frame::Frame;
use super::table::{Pages, page};
use super::visit::Visit;
use super::words;
use crate::doctor;
use crate::error::{Severity, sentence};
use crate::format::message;
use crate::host_network::Site;
use crate::host_network::plan::{self, Lack, Name, Wanted};
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

/// This host on its boards' side. The station changes nothing of it: that takes root, and a command that a person gives.
#[derive(Default)]
struct Side {
    found: Vec<Line>,
    /// The files that would be made or changed, and what helps where nothing can be.
    files: Vec<String>,
    /// What a person at the host types.
    command: Option<String>,
}

impl Side {
    /// Looks at this host; `interface` is the one that boards are booted on.
    fn look(interface: Option<&str>) -> Self {
        let Ok(site) = Site::open(std::path::Path::new("/")) else { return Self::default() };
        let mut side = Self::default();
        let mut fixes = interface.map(str::to_owned);
        let mut seen = site.look().unwrap_or_else(|_| {
            // A service that may not ask the kernel: what stands in files is seen all the same.
            let text = "The station may not ask the kernel for this host’s addresses";
            let hint = "“sudo piprov doctor --network” at this host says how they are.";
            side.found.push(Self::line("", text.to_owned(), hint, false));
            plan::Seen { live: false, ..site.look_at_files() }
        });
        for finding in doctor::host_network(&seen, interface) {
            let hint = sentence(&message(&words::remedy(&finding.remedy)));
            let bad = finding.severity > Severity::Good;
            side.found.push(Self::line("", message(&finding.what).into_owned(), &hint, bad));
        }
        if interface.is_none() {
            let mut mute = seen.interfaces.iter().filter(|one| one.ethernet && one.carrier && one.has_none());
            fixes = mute.next().map(|one| one.name.clone());
        }
        let Some(Ok(name)) = fixes.map(|name| name.parse::<Name>()) else { return side };
        // Who gives the command is root, and not within what the service manager hides from the station.
        seen.lacks.retain(|lack| *lack != Lack::Root);
        seen.read_only.clear();
        let has = seen.interface(&name).and_then(plan::Found::fixed).map(|one| (one.ip, one.prefix));
        let (address, prefix) = has.unwrap_or(crate::host_network::USUAL);
        let wanted = Wanted { interface: name, address, prefix, uplink: None };
        match plan::plan(&seen, &wanted, false) {
            Ok(plan) if plan.is_empty() => {}
            Ok(plan) => {
                side.files = plan.changes.iter().map(|change| format!("/{}", change.path)).collect();
                side.command = Some(format!("sudo piprov doctor --fix --interface {}", wanted.interface));
            }
            Err(refused) => side.found.extend(refused.obstacles.iter().map(|one| {
                let hint =
                    crate::error::Explain::hint(one).map(|hint| sentence(&message(&words::remedy(&hint))));
                Self::line("", message(&one.to_string()).into_owned(), &hint.unwrap_or_default(), true)
            })),
        }
        side
    }

    fn line(subject: &str, text: String, hint: &str, bad: bool) -> Line {
        Line { subject: subject.to_owned(), text, hint: hint.to_owned(), when: String::new(), bad }
    }
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
    side: Side,
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
    let interface = bootd.interface.clone();
    let side = tokio::task::spawn_blocking(move || Side::look(interface.as_deref()));
    let side = side.await.unwrap_or_default();
    page(&Page {
        frame,
        side,
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
