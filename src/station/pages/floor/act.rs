//! What an operator does on the floor.

use crate::error::sentence;
use askama::Template;

use super::Answer;
use crate::device_api::{Action, Aim, End, Role as DiskRole};
use crate::format::size;
use crate::station::acts::fit::{Fit, called, disk, roles};
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::{Pages, go, page};
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::web::{Access, Refusal};
use crate::station_api::{
    Board, BoardChange, Enrolment, Held, Image, ImageState, ListAsked, NewJob, Project, Role,
};

const LOOK: Access = Access::Role(Role::Viewer);
const WORK: Access = Access::Role(Role::Operator);

/// What is done to one board.
const BOARD: [&str; 7] = ["let-in", "refuse", "seen", "leave", "backup", "reboot", "power-off"];
/// What is done to the boards that are ticked.
const SELECTED: [&str; 7] = ["deploy", "backup", "reboot", "let-in", "refuse", "slot", "cancel"];

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/deploy", WORK, ask);
    pages.post("/deploy", WORK, deploy);
    pages.get("/reboot", WORK, ask_reboot);
    pages.each("/selected/{what}", &SELECTED, WORK, selected);
    pages.each("/boards/{board}/{what}", &BOARD, WORK, board);
    pages.each("/jobs/{job}/{what}", &["cancel", "again"], WORK, job);
    pages.each("/station/{what}", &["arm", "disarm"], WORK, arm);
    pages.get("/services", LOOK, services);
}

/// Back to where the button was.
fn back(form: &Form) -> axum::response::Response {
    go(form.text("to"))
}

async fn board(visit: Visit, form: Form) -> Answer {
    let (station, who) = (&visit.station, visit.who());
    let id = station.store().find_board(visit.part("board")).await?;
    let change = |enrolment| BoardChange { enrolment: Some(enrolment), ..BoardChange::default() };
    match visit.part("what") {
        "let-in" => {
            let board = station.change_board(&who, &id, &change(Enrolment::Enrolled)).await?;
            visit.say(false, format!("{} is let in.", words::name(&board)));
        }
        "refuse" => {
            let board = station.change_board(&who, &id, &change(Enrolment::Refused)).await?;
            visit.say(false, format!("{} is refused. “Let in” undoes that.", words::name(&board)));
        }
        "seen" => station.notice_failure(&who, &id).await?,
        "leave" => {
            let change = BoardChange { held: Some(Held::Done), ..BoardChange::default() };
            let board = station.change_board(&who, &id, &change).await?;
            let job =
                NewJob { action: Action::Reboot, project: None, image: None, target: Vec::new(), end: None };
            station.give_job(&who, id, job).await?;
            visit.say(false, format!("{} is left as it is, and starts from its disk.", words::name(&board)));
        }
        "backup" => give(&visit, &[id], Action::Backup).await?,
        "reboot" => give(&visit, &[id], Action::Reboot).await?,
        "power-off" => give(&visit, &[id], Action::PowerOff).await?,
        _ => return Err(Refusal::missing("there is no such thing to do with a board")),
    }
    Ok(back(&form))
}

async fn job(visit: Visit, form: Form) -> Answer {
    let (station, who) = (&visit.station, visit.who());
    match visit.part("what") {
        "cancel" => {
            station.cancel_job(&who, visit.part("job")).await?;
        }
        "again" => {
            let before = station.store().job(visit.part("job")).await?;
            if let Err(refusal) = station.give_again(&who, visit.part("job")).await {
                return Err(told_who(&visit, &before.board, refusal).await);
            }
        }
        _ => return Err(Refusal::missing("there is no such thing to do with a job")),
    }
    Ok(back(&form))
}

async fn arm(visit: Visit, form: Form) -> Answer {
    let armed = match visit.part("what") {
        "arm" => true,
        "disarm" => false,
        _ => return Err(Refusal::missing("there is no such thing to do with the station")),
    };
    visit.station.arm(&visit.who(), armed).await?;
    let text = if armed {
        "Rules start what they say."
    } else {
        "Rules start nothing until somebody arms them again."
    };
    visit.say(false, text);
    Ok(back(&form))
}

/// Where a board has something to do already, who wanted that.
async fn told_who(visit: &Visit, board: &str, refusal: Refusal) -> Refusal {
    if refusal.status() != axum::http::StatusCode::CONFLICT {
        return refusal;
    }
    let store = visit.station.store();
    let Ok(known) = store.board(board).await else { return refusal };
    let Some(open) = &known.job else { return refusal };
    let Ok(job) = store.job(open).await else { return refusal };
    let what = match job.action {
        Action::Deploy => "is being deployed",
        Action::Backup => "is being backed up",
        Action::Reboot => "is to start again",
        Action::PowerOff => "is to be switched off",
    };
    let when = words::when(job.made, crate::station::now());
    Refusal::conflict(format!("{} {what} already: {} wanted that at {when}", words::name(&known), job.by))
        .with_hint("wait until it is done, or cancel it")
}

/// Gives boards something to do, and says of each that didn't get it why.
async fn give(visit: &Visit, ids: &[String], action: Action) -> Result<(), Refusal> {
    let new = NewJob { action, project: None, image: None, target: Vec::new(), end: None };
    let done = give_all(visit, ids, &new).await;
    let what = match action {
        Action::Deploy => "deployed",
        Action::Backup => "backed up",
        Action::Reboot => "started again",
        Action::PowerOff => "switched off",
    };
    match (done, ids) {
        (0, _) => {}
        (1, _) => visit.say(false, format!("1 board is being {what}.")),
        (n, _) => visit.say(false, format!("{n} boards are being {what}.")),
    }
    Ok(())
}

async fn give_all(visit: &Visit, ids: &[String], new: &NewJob) -> usize {
    let (station, who) = (&visit.station, visit.who());
    let mut done = 0;
    for id in ids {
        match station.give_job(&who, id.clone(), new.clone()).await {
            Ok(_) => done += 1,
            Err(refusal) => {
                let refusal = told_who(visit, id, refusal).await;
                let hint = refusal.hint().map(|hint| format!(" {}", sentence(&words::remedy(hint))));
                visit.say(true, format!("{}{}", sentence(&refusal.detail()), hint.unwrap_or_default()));
            }
        }
    }
    done
}

async fn selected(visit: Visit, form: Form) -> Answer {
    let ids = ids(&visit, &form).await?;
    if ids.is_empty() {
        visit.say(true, "No board is selected.");
        return Ok(back(&form));
    }
    match visit.part("what") {
        "deploy" => {
            let mut to = form_urlencoded::Serializer::new("/deploy?".to_owned());
            for id in &ids {
                to.append_pair("board", id);
            }
            return Ok(go(&to.finish()));
        }
        "backup" => give(&visit, &ids, Action::Backup).await?,
        // One click more: what runs on many boards is cut off at once.
        "reboot" if !form.is_on("sure") => {
            let mut to = form_urlencoded::Serializer::new("/reboot?".to_owned());
            for id in &ids {
                to.append_pair("board", id);
            }
            to.append_pair("to", form.text("to"));
            return Ok(go(&to.finish()));
        }
        "reboot" => give(&visit, &ids, Action::Reboot).await?,
        "let-in" | "refuse" => {
            let enrolment =
                if visit.part("what") == "refuse" { Enrolment::Refused } else { Enrolment::Enrolled };
            let change = BoardChange { enrolment: Some(enrolment), ..BoardChange::default() };
            change_all(&visit, &ids, &change).await?;
        }
        "slot" => {
            let change = BoardChange { slot: Some(form.text("slot").to_owned()), ..BoardChange::default() };
            change_all(&visit, &ids, &change).await?;
        }
        "cancel" => {
            for id in &ids {
                let board = visit.station.store().board(id).await?;
                if let Some(job) = board.job {
                    // One that has ended meanwhile needs no cancelling.
                    let _ = visit.station.cancel_job(&visit.who(), &job).await;
                }
            }
        }
        _ => return Err(Refusal::missing("there is no such thing to do with boards")),
    }
    Ok(back(&form))
}

async fn change_all(visit: &Visit, ids: &[String], change: &BoardChange) -> Result<(), Refusal> {
    for id in ids {
        visit.station.change_board(&visit.who(), id, change).await?;
    }
    visit.say(
        false,
        if ids.len() == 1 {
            "1 board is changed.".to_owned()
        } else {
            format!("{} boards are changed.", ids.len())
        },
    );
    Ok(())
}

/// The boards that a form names.
async fn ids(visit: &Visit, form: &Form) -> Result<Vec<String>, Refusal> {
    let named = form.all("board").filter(|name| !name.is_empty());
    visit.station.named_boards(named).await?.into_iter().map(|(_, id)| id).collect()
}

/// A board whose disk will be written.
pub(in crate::station::pages) struct Written {
    pub(in crate::station::pages) id: String,
    pub(in crate::station::pages) name: String,
    pub(in crate::station::pages) hardware: String,
    pub(in crate::station::pages) slot: String,
    /// Which disk loses what it has; empty where the board says so when it comes.
    pub(in crate::station::pages) disk: String,
    /// Why it can't be.
    pub(in crate::station::pages) wrong: Option<String>,
    /// Why it perhaps shouldn't be.
    pub(in crate::station::pages) warning: Option<String>,
}

/// An image that may be chosen.
struct Choice {
    name: String,
    /// What tells it from others.
    about: String,
}

/// A choice of a list, and whether it is the one that stands there.
struct Chosen {
    value: &'static str,
    words: &'static str,
    on: bool,
}

/// Which disk is written, as a form asks for it.
const DISKS: [(&str, &str); 5] = [
    ("", "The project’s, or the first one"),
    ("emmc", "eMMC"),
    ("nvme", "NVMe"),
    ("sd", "SD card"),
    ("usb", "USB"),
];

/// What comes after.
const ENDS: [(&str, &str); 4] = [
    ("", "The project’s, or start from the disk"),
    ("reboot", "Start from the disk"),
    ("power-off", "Switch off"),
    ("wait", "Wait"),
];

fn options(all: &[(&'static str, &'static str)], is: &str) -> Vec<Chosen> {
    all.iter().map(|(value, words)| Chosen { value, words, on: *value == is }).collect()
}

#[derive(Template)]
#[template(path = "deploy.html")]
struct Ask {
    frame: Frame,
    boards: Vec<Written>,
    images: Vec<Choice>,
    /// The newest ones: a backup is restored onto any board.
    backups: Vec<Choice>,
    projects: Vec<Project>,
    /// What is proposed.
    image: String,
    project: String,
    disks: Vec<Chosen>,
    ends: Vec<Chosen>,
    /// What is shown below holds for this choice.
    shown: String,
    /// What should be known of the image.
    note: Option<String>,
    can: usize,
    /// Whether some board has a warning: it is done all the same where somebody says so.
    warned: bool,
}

#[derive(Template)]
#[template(path = "reboot.html")]
struct AskReboot {
    frame: Frame,
    boards: Vec<Written>,
    can: usize,
    /// Where one came from.
    to: String,
}

/// What starts again is said before.
async fn ask_reboot(visit: Visit) -> Answer {
    let mut boards = Vec::new();
    for id in chosen(&visit, &visit.query).await? {
        boards.push(written(&visit.station.store().board(&id).await?, &[]));
    }
    let can = boards.iter().filter(|board| board.wrong.is_none()).count();
    let to = if visit.query.text("to").starts_with("/boards") { "/boards" } else { "/" }.to_owned();
    let frame = visit.frame("Start again", "floor").await;
    page(&AskReboot { frame, boards, can, to })
}

/// Which boards are meant: one at least.
async fn chosen(visit: &Visit, form: &Form) -> Result<Vec<String>, Refusal> {
    let ids = ids(visit, form).await?;
    match ids.is_empty() {
        true => Err(no_board("select boards on the floor, then press “Deploy…”")),
        false => Ok(ids),
    }
}

/// Nobody has said which board is meant.
pub(in crate::station::pages) fn no_board(hint: &'static str) -> Refusal {
    Refusal::meaningless("no board was chosen").with_hint(hint)
}

/// What a click will do is said before.
async fn ask(visit: Visit) -> Answer {
    let ids = chosen(&visit, &visit.query).await?;
    let store = visit.station.store();
    let asked = ListAsked { limit: Some(500), ..ListAsked::default() };
    let choices = |images: Vec<Image>| -> Vec<_> {
        let ready = images.into_iter().filter(|image| image.state == ImageState::Ready);
        ready.map(|image| Choice { about: size(image.raw_len), name: image.name }).collect()
    };
    let mut images = choices(store.images(&asked).await?.items);
    let asked = ListAsked { limit: Some(100), ..ListAsked::default() };
    // Their names are numbers: what people know is the board and when that was.
    let mut backups = Vec::new();
    for backup in store.backups(&asked).await?.items {
        if backup.image.state == ImageState::Ready {
            let of = store.board(&backup.board).await.map(|board| words::name(&board)).unwrap_or_default();
            let about =
                format!("{of}, {}, {}", words::day_and_time(backup.image.added), size(backup.image.raw_len));
            backups.push(Choice { about, name: backup.image.name });
        }
    }
    let projects: Vec<Project> =
        store.projects().await?.into_iter().filter(|project| project.image.is_some()).collect();
    let (project, image) = what(&visit.query);
    let (mut project, mut image) = (project.unwrap_or_default(), image.unwrap_or_default());
    if project.is_empty() && image.is_empty() {
        image = store.image_before().await?.unwrap_or_default();
    }
    // What a browser shows as chosen where nothing is: the first of all.
    if project.is_empty() && image.is_empty() {
        match (projects.first(), images.iter().chain(&backups).next()) {
            (Some(first), _) => first.name.clone_into(&mut project),
            (None, first) => image = first.map(|first| first.name.clone()).unwrap_or_default(),
        }
    }
    // An older backup is in no list; it is there for those who ask for it by its name.
    if !image.is_empty()
        && !images.iter().chain(&backups).any(|one| one.name == image)
        && let Ok(named) = store.image(&image).await
        && named.state == ImageState::Ready
    {
        images.insert(0, Choice { about: size(named.raw_len), name: named.name });
    }
    let asked = visit.query.word::<DiskRole>("target")?;
    let named: &[DiskRole] = projects.iter().find(|one| one.name == project).map_or(&[], |one| &one.target);
    let roles = roles(asked, named);
    let fit = Fit::of(&visit.station, &project, &image).await?;
    let mut boards = Vec::with_capacity(ids.len());
    for id in &ids {
        let board = store.board(id).await?;
        let warning = fit.as_ref().and_then(|fit| fit.warning(&board, asked));
        boards.push(Written { warning, ..written(&board, &roles) });
    }
    let can = boards.iter().filter(|board| board.wrong.is_none()).count();
    let warned = boards.iter().any(|board| board.warning.is_some());
    let frame = visit.frame("Deploy", "floor").await;
    let (disks, ends) =
        (options(&DISKS, visit.query.text("target")), options(&ENDS, visit.query.text("end")));
    let shown = shown(&project, &image, visit.query.text("target"));
    let note = fit.as_ref().and_then(Fit::note);
    page(&Ask {
        frame,
        boards,
        images,
        backups,
        projects,
        image,
        project,
        disks,
        ends,
        shown,
        note,
        can,
        warned,
    })
}

/// What of a choice decides what is erased, as a text that a form carries.
fn shown(project: &str, image: &str, target: &str) -> String {
    format!("{}:{project}{image}:{target}", if project.is_empty() { "image" } else { "project" })
}

/// A project, or an image: of one list of both, `image:NAME` or `project:NAME`, else each by its own name.
fn what(form: &Form) -> (Option<String>, Option<String>) {
    let named = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
    match form.text("what").split_once(':') {
        Some(("project", name)) => (named(name), None),
        Some(("image", name)) => (None, named(name)),
        _ => match named(form.text("project")) {
            Some(project) => (Some(project), None),
            None => (None, named(form.text("image"))),
        },
    }
}

pub(in crate::station::pages) fn written(board: &Board, roles: &[DiskRole]) -> Written {
    let disk = match disk(board, roles) {
        Aim::One(disk) => called(disk),
        Aim::Several(_) | Aim::Nothing => String::new(),
    };
    let wrong = match (board.enrolment, &board.job) {
        (Enrolment::Waiting, _) => Some("nobody has let it in yet".to_owned()),
        (Enrolment::Refused, _) => Some("it is refused".to_owned()),
        (Enrolment::Enrolled, Some(_)) => Some("it has something to do already".to_owned()),
        _ => None,
    };
    Written {
        id: board.id.clone(),
        name: words::name(board),
        hardware: words::hardware(board),
        slot: board.slot.clone().unwrap_or_default(),
        disk,
        wrong,
        warning: None,
    }
}

/// The form once more, with all that stands in it.
fn again(ids: &[String], form: &Form) -> axum::response::Response {
    let start = "/deploy?";
    let mut to = form_urlencoded::Serializer::for_suffix(start.to_owned(), start.len());
    for id in ids {
        to.append_pair("board", id);
    }
    for name in ["what", "target", "end"] {
        to.append_pair(name, form.text(name));
    }
    go(&to.finish())
}

async fn deploy(visit: Visit, form: Form) -> Answer {
    let ids = chosen(&visit, &form).await?;
    let (project, image) = what(&form);
    if project.is_none() && image.is_none() {
        return Err(Refusal::meaningless("no image is chosen"));
    }
    let target = form.word::<DiskRole>("target")?;
    let end = form.word::<End>("end")?;
    // Another choice than the one of which was said what it erases: it is said first.
    let now = shown(
        project.as_deref().unwrap_or_default(),
        image.as_deref().unwrap_or_default(),
        form.text("target"),
    );
    if form.has("shown") && form.text("shown") != now {
        visit.say(true, "Nothing was begun: what is erased has changed with your choice, and stands below.");
        return Ok(again(&ids, &form));
    }
    if !form.is_on("anyway") {
        let (of, named) = (project.as_deref().unwrap_or_default(), image.as_deref().unwrap_or_default());
        let (fit, mut warned) = (Fit::of(&visit.station, of, named).await?, false);
        for id in &ids {
            let board = visit.station.store().board(id).await?;
            if let Some(warning) = fit.as_ref().and_then(|fit| fit.warning(&board, target)) {
                visit.say(true, format!("{}: {warning}. Nothing was begun.", words::name(&board)));
                warned = true;
            }
        }
        if warned {
            return Ok(again(&ids, &form));
        }
    }
    let target = target.into_iter().collect();
    let new = NewJob { action: Action::Deploy, project, image, target, end };
    let done = give_all(&visit, &ids, &new).await;
    if done > 0 {
        let boards = if done == 1 { "1 board is".to_owned() } else { format!("{done} boards are") };
        visit.say(false, format!("{boards} being deployed."));
    }
    Ok(go("/"))
}

#[derive(Template)]
#[template(path = "services.html")]
struct Services {
    frame: Frame,
}

/// The lights, in words.
async fn services(visit: Visit) -> Answer {
    page(&Services { frame: visit.frame("Services", "").await })
}
