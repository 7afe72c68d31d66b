//! One image, or one backup.

use askama::Template;

use super::Answer;
use super::draw::{self, Box, State};
use super::list::proof;
use crate::contents::forecast::{BEHIND, Forecast};
use crate::contents::{Contents, Sort};
use crate::format::{message, size};
use crate::station::now;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::page;
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station_api::{Image, ImageState, Role};

/// A partition.
struct Part {
    number: u32,
    sort: &'static str,
    label: String,
    len: String,
    used: String,
    start: String,
    why: String,
    /// Whether its files can be shown.
    opens: bool,
}

/// Models about which the same was found.
struct Group {
    class: &'static str,
    sign: &'static str,
    word: &'static str,
    models: String,
    evidence: Vec<String>,
}

#[derive(Template)]
#[template(path = "image.html")]
struct Page {
    frame: Frame,
    image: Image,
    state: State,
    why: String,
    added: String,
    raw: String,
    sizes: String,
    looked: bool,
    blind: String,
    table: String,
    systems: Vec<(String, String)>,
    parts: Vec<Part>,
    bar: Vec<Box>,
    notes: Vec<String>,
    groups: Vec<Group>,
    others: usize,
    /// What the U-Boot of a recovery card does with it.
    card: Option<Group>,
    chunks: Vec<Box>,
    shared: u64,
    own: u64,
    objects: u64,
    frees: String,
    jobs: u64,
    last: String,
    projects: Vec<String>,
    rules: Vec<String>,
    needed: bool,
    ready: bool,
    whole: bool,
    backup: Option<Backup>,
    operator: bool,
    admin: bool,
}

/// Where a backup came from.
struct Backup {
    board: String,
    name: String,
    disk: String,
    run: String,
    proof: State,
}

pub(super) async fn image(visit: Visit) -> Answer {
    let (station, now) = (&visit.station, now());
    let store = station.store();
    let image = store.image(visit.part("image")).await?;
    let ids = std::slice::from_ref(&image.id);
    let looked = store.contents(ids).await?.remove(&image.id);
    if looked.is_none() {
        station.look_soon(&image);
    }
    let checked = store.checks(ids).await?.remove(&image.id);
    let uses =
        store.uses(ids, std::slice::from_ref(&image.name)).await?.remove(&image.id).unwrap_or_default();
    let shared = store.shared(&image.id).await?;
    let backup = match store.backup(&image.id).await? {
        Some(backup) => Some(Backup {
            name: store.board(&backup.board).await.map(|board| words::name(&board)).unwrap_or_default(),
            board: backup.board,
            disk: backup.device,
            run: backup.run,
            proof: proof(&backup.proof),
        }),
        None => None,
    };
    let section = if backup.is_some() { "backups" } else { "images" };
    let frame = visit.frame(&image.name, section).await;
    let empty = Contents::default();
    let told = looked.as_ref().unwrap_or(&empty);
    let ready = image.state == ImageState::Ready;
    let drawn = draw::bar(&[
        (shared.shared, "ext4"),
        (shared.chunks - shared.shared, "own"),
        ((image.raw_len >> 22).saturating_sub(shared.chunks), "hollow"),
    ]);
    let groups = groups(told);
    page(&Page {
        state: draw::state(&image, checked, station.checking(&image.id), now),
        why: image.why.as_deref().map(|why| message(why).into_owned()).unwrap_or_default(),
        added: words::when(image.added, now),
        raw: format!("{} ({} bytes)", size(image.raw_len), image.raw_len),
        sizes: format!(
            "{} stored, {} zero, {} unused",
            size(image.stored),
            size(image.zero),
            size(image.unused)
        ),
        looked: looked.is_some() || !ready,
        blind: station.blind(&image.id).map(|why| message(&why).into_owned()).unwrap_or_default(),
        table: match (told.table.is_empty(), told.disk_id.as_str()) {
            (true, _) => String::new(),
            (false, id) => format!("{}, id {id}", told.table),
        },
        systems: told.systems.iter().map(system).collect(),
        parts: told.parts.iter().map(part).collect(),
        bar: draw::partitions(told),
        notes: notes(told),
        others: groups.iter().filter(|group| group.class == "bad").count(),
        groups,
        card: told.card.as_ref().map(card),
        chunks: drawn,
        shared: shared.shared,
        own: shared.chunks - shared.shared,
        objects: shared.chunks,
        frees: size(shared.own),
        jobs: uses.jobs,
        last: uses.last.map(|last| words::when(last, now)).unwrap_or_default(),
        needed: uses.is_needed(),
        projects: uses.projects,
        rules: uses.rules,
        ready,
        whole: matches!(image.state, ImageState::Ready | ImageState::Damaged),
        backup,
        operator: visit.can(Role::Operator),
        admin: visit.can(Role::Admin),
        image,
        frame,
    })
}

fn system(system: &crate::contents::System) -> (String, String) {
    let mut more = Vec::new();
    if !system.machine.is_empty() {
        more.push(system.machine.clone());
    }
    if !system.kernels.is_empty() {
        more.push(format!("kernel {}", system.kernels.join(", ")));
    }
    if !system.host.is_empty() {
        more.push(format!("host name {}", system.host));
    }
    (message(&system.name).into_owned(), message(&more.join("; ")).into_owned())
}

fn part(part: &crate::contents::Part) -> Part {
    let opens = matches!(part.sort, Sort::Fat | Sort::Ext4);
    Part {
        number: part.number,
        sort: part.sort.word(),
        label: message(&part.label).into_owned(),
        len: size(part.len),
        used: part.used.map(|used| format!("{} used", size(used))).unwrap_or_default(),
        start: size(part.start),
        why: part.why.as_deref().map(|why| message(why).into_owned()).unwrap_or_default(),
        opens: opens && part.why.is_none(),
    }
}

fn notes(contents: &Contents) -> Vec<String> {
    let more = contents.boots.iter().flat_map(|boots| &boots.notes);
    contents.notes.iter().chain(more).take(20).map(|note| message(note).into_owned()).collect()
}

/// What the U-Boot of a recovery card does with it.
fn card(forecast: &Forecast) -> Group {
    let (class, sign, word, models) = match forecast.starts {
        Some(true) => ("ok", "✓", "starts", "boards with U-Boot"),
        None => ("wait", "▲", "not known", "boards with U-Boot"),
        Some(false) => ("bad", "✕", "doesn't start", "its bytes will be right, but this card won't boot it"),
    };
    let loads = forecast.loads.iter().flat_map(|load| {
        let arguments = match load.arguments.as_str() {
            "" => String::new(),
            arguments => format!("{arguments} ({BEHIND})"),
        };
        [load.told(), arguments]
    });
    let why = [forecast.why.clone()].into_iter().chain(loads).filter(|line| !line.is_empty());
    let lines = why.chain(forecast.notes.iter().cloned()).take(20);
    let evidence = lines.map(|line| message(&line).into_owned()).collect();
    Group { class, sign, word, models: models.to_owned(), evidence }
}

/// Models with the same evidence stand together; those that start first.
fn groups(contents: &Contents) -> Vec<Group> {
    let Some(boots) = &contents.boots else { return Vec::new() };
    let mut groups: Vec<(Option<bool>, Vec<String>, Vec<&str>)> = Vec::new();
    for verdict in &boots.boards {
        let name = verdict.model.name();
        match groups
            .iter_mut()
            .find(|(starts, evidence, _)| *starts == verdict.starts && *evidence == verdict.evidence)
        {
            Some((.., models)) => models.push(name),
            None => groups.push((verdict.starts, verdict.evidence.clone(), vec![name])),
        }
    }
    groups.sort_by_key(|(starts, ..)| match starts {
        Some(true) => 0,
        None => 1,
        Some(false) => 2,
    });
    let drawn = groups.into_iter().map(|(starts, evidence, models)| {
        let (class, sign, word) = match starts {
            Some(true) => ("ok", "✓", "starts"),
            None => ("wait", "▲", "not known"),
            Some(false) => ("bad", "✕", "doesn't start"),
        };
        let evidence = evidence.iter().map(|line| message(line).into_owned()).collect();
        Group { class, sign, word, models: models.join(", "), evidence }
    });
    drawn.collect()
}
