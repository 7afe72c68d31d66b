//! All images, all backups, and what comes in.

use askama::Template;

use super::Answer;
use super::draw::{self, Box, Starts, State};
use crate::contents::Contents;
use crate::format::{message, size};
use crate::station::pages::frame::Frame;
use crate::station::pages::table::page;
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::store::{Shelf, Uses};
use crate::station::{now, uploads};
use crate::station_api::{Image, ImageState, ListAsked, Role, Upload, UploadState};

/// Rows of a page.
const ROWS: u32 = 50;

/// A file that comes in.
pub(super) struct Coming {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) file: String,
    pub(super) state: State,
    pub(super) percent: Option<u8>,
    pub(super) amount: String,
    pub(super) line: String,
    /// What a browser needs to go on with it.
    pub(super) size: u64,
    pub(super) sha256: String,
    pub(super) waits: bool,
    /// Whether the person who looks can go on with it: nothing comes any more, or it is their own. A page that was loaded
    /// anew in the middle of an upload has sent its last piece a moment ago.
    pub(super) goes_on: bool,
    pub(super) over: bool,
    /// Where the station fetches it from; empty where it is sent.
    pub(super) url: String,
}

/// A row.
struct Row {
    id: String,
    name: String,
    state: State,
    system: String,
    inside: String,
    parts: Vec<Box>,
    stored: String,
    raw: String,
    percent: u8,
    starts: Vec<Starts>,
    looked: bool,
    blind: String,
    uses: String,
    last: String,
    why: String,
    held: String,
    again: bool,
    /// Of a backup: its board, disk, time and proof.
    board: String,
    board_name: String,
    disk: String,
    proof: State,
    made: String,
}

#[derive(Template)]
#[template(path = "images.html")]
struct Page {
    frame: Frame,
    backups: bool,
    shelf: Shelf,
    stored: String,
    raw: String,
    left: String,
    of: String,
    coming: Vec<Coming>,
    /// How many of them still come; the others have failed.
    sent: usize,
    rows: Vec<Row>,
    next: Option<String>,
    first: bool,
    admin: bool,
}

fn asked(visit: &Visit) -> ListAsked {
    let after = Some(visit.query.text("after").to_owned()).filter(|after| !after.is_empty());
    let board = Some(visit.query.text("board").to_owned()).filter(|board| !board.is_empty());
    ListAsked { limit: Some(ROWS), after, board }
}

pub(super) async fn images(visit: Visit) -> Answer {
    let asked = asked(&visit);
    let found = visit.station.store().images(&asked).await?;
    let coming = coming(&visit).await?;
    show(visit, asked, found.items, None, found.next, coming).await
}

pub(super) async fn backups(visit: Visit) -> Answer {
    let asked = asked(&visit);
    let found = visit.station.store().backups(&asked).await?;
    let images = found.items.iter().map(|backup| backup.image.clone()).collect();
    show(visit, asked, images, Some(found.items), found.next, Vec::new()).await
}

async fn show(
    visit: Visit,
    asked: ListAsked,
    images: Vec<Image>,
    backups: Option<Vec<crate::station_api::Backup>>,
    next: Option<String>,
    coming: Vec<Coming>,
) -> Answer {
    let (station, now) = (&visit.station, now());
    let store = station.store();
    let ids: Vec<String> = images.iter().map(|image| image.id.clone()).collect();
    let names: Vec<String> = images.iter().map(|image| image.name.clone()).collect();
    let contents = store.contents(&ids).await?;
    let checks = store.checks(&ids).await?;
    let mut uses = store.uses(&ids, &names).await?;
    let mut rows = Vec::with_capacity(images.len());
    for (n, image) in images.iter().enumerate() {
        let looked = contents.get(&image.id);
        if looked.is_none() {
            station.look_soon(image);
        }
        let state = draw::state(image, checks.get(&image.id).copied(), station.checking(&image.id), now);
        let uses = uses.remove(&image.id).unwrap_or_default();
        let mut row = row(image, state, looked, &uses, now);
        row.blind = station.blind(&image.id).map(|why| message(&why).into_owned()).unwrap_or_default();
        if let Some(backup) = backups.as_ref().and_then(|backups| backups.get(n)) {
            row.proof = proof(&backup.proof);
            row.disk.clone_from(&backup.device);
            row.board.clone_from(&backup.board);
            row.board_name = match store.board(&backup.board).await {
                Ok(board) => words::name(&board),
                Err(_) => "a board that is forgotten".to_owned(),
            };
        }
        rows.push(row);
    }
    let shelf = store.shelf(backups.is_some()).await?;
    let disk = rustix::fs::statvfs(station.state()).ok();
    let bytes = |blocks: u64| disk.as_ref().map_or(0, |disk| blocks.saturating_mul(disk.f_frsize));
    let (left, of) = disk.as_ref().map_or((0, 0), |disk| (disk.f_bavail, disk.f_blocks));
    let (title, section) = if backups.is_some() { ("Backups", "backups") } else { ("Images", "images") };
    let frame = visit.frame(title, section).await;
    page(&Page {
        backups: backups.is_some(),
        shelf,
        stored: size(shelf.stored),
        raw: size(shelf.raw),
        left: size(bytes(left)),
        of: size(bytes(of)),
        sent: coming.iter().filter(|one| !one.over).count(),
        coming,
        rows,
        next,
        first: asked.after.is_none(),
        admin: visit.can(Role::Admin),
        frame,
    })
}

/// Whether a backup was proved.
pub(super) fn proof(proof: &str) -> State {
    if proof.is_empty() {
        return State { class: "wait", sign: "▲", words: "not verified".to_owned() };
    }
    State { class: "ok", sign: "✓", words: format!("verified: {}", message(proof)) }
}

fn row(image: &Image, state: State, looked: Option<&Contents>, uses: &Uses, now: i64) -> Row {
    let held = match (&uses.projects[..], uses.open) {
        ([], 0) => String::new(),
        ([], jobs) => format!("{jobs} jobs wait for it."),
        (projects, 0) => format!("Held up: project {}.", projects.join(", ")),
        (projects, jobs) => format!("Held up: project {}, and {jobs} jobs.", projects.join(", ")),
    };
    Row {
        id: image.id.clone(),
        name: image.name.clone(),
        state,
        system: looked.map(draw::systems).unwrap_or_default(),
        inside: looked.map(Contents::inside).unwrap_or_default(),
        parts: looked.map(draw::partitions).unwrap_or_default(),
        stored: size(image.stored),
        raw: draw::stored(image),
        percent: words::percent(image.stored, image.raw_len).unwrap_or(0),
        starts: looked.map(draw::starts).unwrap_or_default(),
        looked: looked.is_some() || image.state != ImageState::Ready,
        blind: String::new(),
        uses: uses.jobs.to_string(),
        last: uses.last.map_or_else(|| "never".to_owned(), |last| words::when(last, now)),
        why: image.why.as_deref().map(|why| message(why).into_owned()).unwrap_or_default(),
        held,
        again: image.state == ImageState::Damaged,
        board: String::new(),
        board_name: String::new(),
        disk: String::new(),
        proof: State { class: "", sign: "", words: String::new() },
        made: words::when(image.added, now),
    }
}

/// What comes in.
pub(super) async fn coming(visit: &Visit) -> Result<Vec<Coming>, crate::station::web::Refusal> {
    let now = now();
    let uploads = visit.station.store().uploads().await?;
    Ok(uploads.iter().map(|upload| one(visit, upload, now)).collect())
}

fn one(visit: &Visit, upload: &Upload, now: i64) -> Coming {
    let state = |class, sign, words: &str| State { class, sign, words: words.to_owned() };
    let moves = now - upload.changed < 15_000;
    let kept = words::when(uploads::kept_until(upload), now);
    let known = upload.size > 0;
    let fetched = !upload.url.is_empty();
    let waits = upload.state == UploadState::Coming && known && !moves && !fetched;
    let own = upload.state == UploadState::Coming && known && !fetched && upload.person == visit.who().by;
    let (state, line) = match upload.state {
        UploadState::Coming if waits => (
            state("wait", "◇", "Waiting for you"),
            format!(
                "Nothing came since {}. What is here is kept until {kept}.",
                words::when(upload.changed, now)
            ),
        ),
        UploadState::Coming if fetched => {
            let from = format!("Fetched from {}, asked for by {}.", upload.url, upload.person);
            match upload.why.as_str() {
                "" => (state("run", "◔", "Comes"), from),
                why => (state("wait", "◇", "Waits"), format!("{from} Now: {why}.")),
            }
        }
        UploadState::Coming => (state("run", "◔", "Comes"), format!("Sent by {}.", upload.person)),
        UploadState::Taking => {
            let taken = visit.station.taken(&upload.id).unwrap_or(0);
            (
                state("run", "◕", "Is taken in"),
                format!("{} of the raw image are cut and stored.", size(taken)),
            )
        }
        UploadState::Failed if fetched => {
            (state("bad", "✕", "Not taken in"), format!("Fetched from {}: {}", upload.url, upload.why))
        }
        UploadState::Failed => (state("bad", "✕", "Not taken in"), upload.why.clone()),
    };
    let amount = match (known, upload.came) {
        (true, came) => format!("{} of {}", size(came), size(upload.size)),
        (false, came) => size(came),
    };
    Coming {
        id: upload.id.clone(),
        name: upload.name.clone(),
        file: message(&upload.file).into_owned(),
        state,
        percent: words::percent(upload.came, upload.size),
        amount,
        line: message(&line).into_owned(),
        size: upload.size,
        sha256: upload.sha256.clone(),
        waits,
        goes_on: waits || own,
        over: upload.state == UploadState::Failed,
        url: upload.url.clone(),
    }
}
