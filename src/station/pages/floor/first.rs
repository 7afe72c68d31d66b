//! The first steps of a station that has done nothing yet: network, image, project, board. Each says how it stands; one of them has
//! the button. Pure, but for what is asked of the store.

use crate::format::size;
use crate::station::pages::rules::encoded;
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::store::There;
use crate::station::web::Refusal;
use crate::station_api::{Board, BoardsAsked, Bootd, BootdState, Enrolment, ImageState, ListAsked};

/// Boards of which the newest is looked for.
const LOOKED: u32 = 50;

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) name: &'static str,
    /// `ok`, `wait`, `idle`.
    pub(super) class: &'static str,
    pub(super) sign: &'static str,
    pub(super) state: String,
    pub(super) text: String,
    /// What boots boards is to be started: the page says how.
    pub(super) starts: bool,
    /// What the button says, and where it leads.
    pub(super) button: Option<(&'static str, String)>,
    /// It is the one to do next.
    pub(super) next: bool,
}

/// What is known.
#[derive(Debug, Default)]
struct Known {
    bootd: Bootd,
    image: Option<(String, u64)>,
    /// The project that boards may get: the one with an image that comes first.
    project: Option<String>,
    /// The board that is let in, else one that waits for it.
    board: Option<Board>,
    boards: u64,
}

/// The steps, where nothing was done yet.
pub(super) async fn steps(visit: &Visit) -> Result<Option<Vec<Step>>, Refusal> {
    let store = visit.station.store();
    if store.has_jobs().await? {
        return Ok(None);
    }
    let newest = BoardsAsked { limit: Some(LOOKED), ..BoardsAsked::default() };
    let images = store.images(&ListAsked { limit: Some(LOOKED), ..ListAsked::default() }).await?.items;
    let ready = images.into_iter().find(|image| image.state == ImageState::Ready);
    let projects = store.projects().await?;
    let boards = store.boards(&newest, There::default()).await?.items;
    let of = |enrolment| boards.iter().find(move |board| board.enrolment == enrolment).cloned();
    let known = Known {
        bootd: visit.station.privileged.known(),
        image: ready.map(|image| (image.name, image.raw_len)),
        project: projects.into_iter().find(|project| project.image.is_some()).map(|project| project.name),
        board: of(Enrolment::Enrolled).or_else(|| of(Enrolment::Waiting)),
        boards: store.count_boards().await?.0,
    };
    Ok(Some(plan(&known)))
}

fn step(name: &'static str, class: &'static str, sign: &'static str, state: impl Into<String>) -> Step {
    let (state, text) = (state.into(), String::new());
    Step { name, class, sign, state, text, starts: false, button: None, next: false }
}

fn network(known: &Known) -> Step {
    let Bootd { state, interface, usb, mode, why, .. } = &known.bootd;
    match (state, interface) {
        (BootdState::Serving, Some(interface)) => {
            let by = match mode.as_deref() {
                Some("proxy") => "beside another DHCP server, which gives the addresses",
                _ => "and given addresses",
            };
            let usb = if *usb { " Boards in USB boot are booted too." } else { "" };
            let text = format!("Boards are booted on {interface}, {by}.{usb}");
            Step { text, ..step("Network", "ok", "✓", format!("Serves {interface}")) }
        }
        (BootdState::Serving, None) if *usb => {
            let text = "Boards are booted at this host's USB ports. No network is served.".to_owned();
            Step { text, ..step("Network", "ok", "✓", "Serves USB") }
        }
        (BootdState::Serving, None) => {
            let text =
                "What boots boards runs, and serves no network and no USB port. Name the interface on which \
                        boards are, at the station's host."
                    .to_owned();
            Step { text, starts: true, ..step("Network", "wait", "◇", "Waiting for you") }
        }
        // A board that has come by itself needs nobody to boot it.
        _ if known.boards > 0 => {
            let text = "Boards come without this station booting them.".to_owned();
            Step { text, ..step("Network", "ok", "✓", "Not needed so far") }
        }
        (BootdState::Away, _) => {
            let why = why.as_ref().map(|why| format!(" ({})", crate::format::message(why)));
            let text = format!(
                "What boots boards from the network and over USB isn't there{}. It needs root, so it is started at the \
                 station's host, with the interface on which the boards are. Where another DHCP server gives addresses \
                 there, this one only tells boards where to boot from.",
                why.unwrap_or_default()
            );
            Step { text, starts: true, ..step("Network", "wait", "◇", "Waiting for you") }
        }
        (BootdState::NotUsed, _) => {
            let text =
                "This station boots no boards. Those whose system runs piprov-agent come by themselves."
                    .to_owned();
            Step { text, ..step("Network", "idle", "○", "Not used") }
        }
    }
}

fn image(known: &Known) -> Step {
    match &known.image {
        Some((name, bytes)) => {
            Step { text: format!("{name}, {}.", size(*bytes)), ..step("Image", "ok", "✓", "There") }
        }
        None => Step {
            text: "What shall be on the boards? A disk image, raw or compressed with xz, zst, gz, bz2 or zip. Its bytes \
                   are checked on the way in."
                .to_owned(),
            button: Some(("Put an image in", "/images".to_owned())),
            ..step("Image", "wait", "◇", "Waiting for you")
        },
    }
}

fn project(known: &Known) -> Step {
    if let Some(name) = &known.project {
        let text = format!("{name}. A rule gives it to boards by itself; you may too.");
        return Step { text, ..step("Project", "ok", "✓", "There") };
    }
    let text = "A project says what boards get: the image, and where they need it values of their own, scripts, and \
                settings for the first boot. Values and scripts have pages of their own; the project names them."
        .to_owned();
    if known.image.is_none() {
        return Step { text, ..step("Project", "idle", "○", "When there is an image") };
    }
    let button = Some(("Make a project", "/projects/new".to_owned()));
    Step { text, button, ..step("Project", "wait", "◇", "Waiting for you") }
}

fn board(known: &Known) -> Step {
    let Some(board) = &known.board else {
        let text = "Connect a board, and switch it on. It shows up here by itself. Nothing is written before you say so."
            .to_owned();
        return Step { text, ..step("First board", "idle", "○", "No board was seen yet") };
    };
    let name = words::name(board);
    if board.enrolment == Enrolment::Waiting {
        let text = format!(
            "{name} asks for work. Say on its card below whether it may take some; nothing is written by that."
        );
        let button = Some(("To its card", format!("#{}", super::card::board_key(&board.id))));
        return Step { text, button, ..step("First board", "wait", "◇", "Waits to be let in") };
    }
    if known.image.is_none() {
        let text = format!("{name} is here. When there is an image, you choose what it gets.");
        return Step { text, ..step("First board", "idle", "◔", "Here, waiting for an image") };
    }
    let text = format!("{name} is ready. The next page says what is erased, and asks once more.");
    let project = known.project.as_deref().map(|project| format!("&project={}", encoded(project)));
    let button =
        Some(("Deploy to it…", format!("/deploy?board={}{}", board.id, project.unwrap_or_default())));
    Step { text, button, ..step("First board", "wait", "◇", "Ready for you") }
}

/// The four steps. The first that waits for somebody is the next one.
fn plan(known: &Known) -> Vec<Step> {
    let mut steps = vec![network(known), image(known), project(known), board(known)];
    if let Some(next) = steps.iter_mut().find(|step| step.class == "wait" && step.button.is_some()) {
        next.next = true;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(enrolment: Enrolment) -> Option<Board> {
        let text = r#"{"id":"1","serial":"10000000af04b2da","enrolment":"waiting","held":"armed","first_seen":0,"last_seen":0}"#;
        let board: Board = serde_json::from_str(text).unwrap();
        Some(Board { enrolment, ..board })
    }

    fn told(known: &Known) -> Vec<(&'static str, bool)> {
        plan(known).into_iter().map(|step| (step.class, step.next)).collect()
    }

    #[test]
    fn an_empty_station_leads_through_network_image_project_and_board_one_button_at_a_time() {
        let away = Bootd { state: BootdState::Away, ..Bootd::default() };
        let serves = Bootd { state: BootdState::Serving, interface: Some("eth1".into()), ..Bootd::default() };
        let image = Some(("os".to_owned(), 1 << 30));
        let mut known = Known { bootd: away, ..Known::default() };
        assert_eq!(told(&known), [("wait", false), ("wait", true), ("idle", false), ("idle", false)]);
        assert!(plan(&known)[0].starts);
        known.bootd = serves;
        assert_eq!(told(&known), [("ok", false), ("wait", true), ("idle", false), ("idle", false)]);
        (known.board, known.boards) = (here(Enrolment::Enrolled), 1);
        assert_eq!(told(&known), [("ok", false), ("wait", true), ("idle", false), ("idle", false)]);
        known.image = image;
        assert_eq!(told(&known), [("ok", false), ("ok", false), ("wait", true), ("wait", false)]);
        // Who wants no project needs none.
        assert_eq!(plan(&known)[3].button.as_ref().unwrap().1, "/deploy?board=1");
        known.project = Some("gate way".to_owned());
        assert_eq!(told(&known), [("ok", false), ("ok", false), ("ok", false), ("wait", true)]);
        assert_eq!(plan(&known)[3].button.as_ref().unwrap().1, "/deploy?board=1&project=gate%20way");
        known.board = here(Enrolment::Waiting);
        assert_eq!(plan(&known)[3].button.as_ref().unwrap().1, "#b1");
        // Boards that come by themselves need nobody who boots them.
        known.bootd = Bootd { state: BootdState::Away, ..Bootd::default() };
        assert_eq!(told(&known)[0], ("ok", false));
    }
}
