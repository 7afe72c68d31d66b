//! EEPROM images: which there are, what is in each, and how more comes.

use crate::error::sentence;
use askama::Template;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;

use super::form::Form;
use super::frame::Frame;
use super::rules::encoded;
use super::table::{Pages, go, page, page_of};
use super::upload;
use super::visit::Visit;
use super::words;
use crate::eeprom::image::Other;
use crate::eeprom::remarks::remarks;
use crate::eeprom::told::{Section, sections, signature, what};
use crate::eeprom::update::usual;
use crate::eeprom::{BootConf, BootOrder, Image, day, too_old_for};
use crate::format::{message, size};
use crate::station::export::download;
use crate::station::firmware::{LONGEST_PACKAGE, Wanted};
use crate::station::web::{Access, Refusal, Row};
use crate::station_api::{Firmware, HostFirmware, Project, Role, TakeFirmware};

const LOOK: Access = Access::Role(Role::Viewer);
/// What is written there runs before all else on boards.
const CHANGE: Access = Access::Role(Role::Admin);

/// An answer of a page.
type Answer = Result<Response, Refusal>;

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/firmware", LOOK, list);
    pages.take(Row::post("/firmware", CHANGE, ""), add);
    pages.get("/host-firmware", CHANGE, on_host);
    pages.post("/host-firmware", CHANGE, take);
    pages.get("/firmware/{firmware}", LOOK, one);
    pages.get("/firmware/{firmware}/image", LOOK, image);
    pages.post("/firmware/{firmware}/remove", CHANGE, remove);
}

/// An image as a line.
struct Line {
    name: String,
    path: String,
    chip: String,
    boards: &'static str,
    channel: String,
    built: String,
    version: String,
    mfg_ver: String,
    size: String,
    sha256: String,
    signed: bool,
    from: String,
    made: String,
    /// The projects that have it, with their paths.
    projects: Vec<(String, String)>,
}

/// The form, as it stands on the page.
#[derive(Default)]
struct Fields {
    name: String,
    channel: String,
    board: String,
}

#[derive(Template)]
#[template(path = "firmware.html")]
struct List {
    frame: Frame,
    images: Vec<Line>,
    fields: Fields,
    wrong: Option<String>,
    changes: bool,
    most: u64,
}

#[derive(Template)]
#[template(path = "firmware_one.html")]
struct One {
    frame: Frame,
    line: Line,
    changes: bool,
    /// What a signature in it means.
    signature: String,
    /// What partition B is beside A.
    halves: Option<String>,
    sections: Vec<Piece>,
    lines: Vec<Told>,
    /// The boot order, and where each of its digits looks.
    order: String,
    modes: Vec<(String, &'static str, &'static str)>,
    remarks: Vec<String>,
}

/// An image on the station's host.
struct There {
    file: String,
    /// What to call it here.
    suggested: String,
    /// It is here already, under this name, with its page.
    name: String,
    path: String,
    line: Line,
}

impl From<HostFirmware> for There {
    fn from(of: HostFirmware) -> Self {
        let name = of.image.name.clone();
        let line = line(of.image, &[]);
        let parts = [line.chip.to_lowercase(), line.channel.clone(), line.built.clone()];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Self { file: of.file, suggested: parts.join("-"), path: encoded(&name), name, line }
    }
}

#[derive(Template)]
#[template(path = "firmware_host.html")]
struct OnHost {
    frame: Frame,
    directory: Option<String>,
    why: Option<String>,
    images: Vec<There>,
    wrong: Option<String>,
}

/// A section, for people.
struct Piece {
    offset: String,
    name: String,
    length: usize,
    sha256: String,
    short: String,
    note: &'static str,
}

impl From<Section> for Piece {
    fn from(of: Section) -> Self {
        Self {
            offset: format!("{:#08x}", of.offset),
            name: message(&of.name).into_owned(),
            length: of.length,
            short: of.sha256.chars().take(12).collect(),
            sha256: of.sha256,
            note: of.note,
        }
    }
}

/// A line of the configuration, with what it does; empty where it is no setting.
pub(super) struct Told {
    pub(super) text: String,
    pub(super) what: &'static str,
}

fn line(one: Firmware, projects: &[Project]) -> Line {
    let uses = |project: &&Project| project.eeprom.as_ref().is_some_and(|eeprom| eeprom.firmware == one.name);
    let family = [crate::board::Family::Pi4, crate::board::Family::Pi5];
    let family = family.into_iter().find(|family| family.chip() == one.chip);
    Line {
        path: encoded(&one.name),
        boards: family.map_or("", crate::board::Family::boards),
        chip: one.chip,
        channel: one.channel.unwrap_or_default(),
        built: one.built.and_then(day).unwrap_or_default(),
        version: message(&one.version.unwrap_or_default()).into_owned(),
        mfg_ver: one.mfg_ver.map(|number| number.to_string()).unwrap_or_default(),
        size: size(one.size),
        sha256: one.sha256,
        signed: one.signed,
        from: message(&one.from.unwrap_or_default()).into_owned(),
        made: words::day_and_time(one.made),
        projects: projects
            .iter()
            .filter(uses)
            .map(|project| (project.name.clone(), encoded(&project.name)))
            .collect(),
        name: one.name,
    }
}

/// The configuration, line by line.
pub(super) fn told(conf: &BootConf) -> Vec<Told> {
    let lines = conf.lines();
    lines
        .map(|seen| Told { what: what(&seen).unwrap_or_default(), text: message(&seen.text).into_owned() })
        .collect()
}

async fn show(visit: &Visit, fields: Fields, wrong: Option<Refusal>) -> Answer {
    let store = visit.station.store();
    let (images, projects) = (store.all_firmware().await?, store.projects().await?);
    let frame = visit.frame("Firmware", "firmware").await;
    let changes = frame.can("admin");
    let status = wrong.as_ref().map_or(StatusCode::OK, Refusal::status);
    let wrong = wrong.map(|refusal| sentence(&refusal.detail()));
    let images = images.into_iter().map(|one| line(one, &projects)).collect();
    page_of(status, &List { frame, images, fields, wrong, changes, most: Firmware::MOST })
}

async fn list(visit: Visit) -> Answer {
    show(&visit, Fields::default(), None).await
}

async fn add(visit: Visit, body: Body) -> Answer {
    let (form, file) = upload::read(&visit, body, LONGEST_PACKAGE).await?;
    let text = |name| form.text(name).to_owned();
    let fields = Fields { name: text("name"), channel: text("channel"), board: text("board") };
    let channel = Some(fields.channel.as_str()).filter(|channel| !channel.is_empty());
    let added = match Wanted::of(channel, Some(&fields.board)) {
        Ok(wanted) => visit.station.add_firmware(&visit.who(), &fields.name, wanted, file).await,
        Err(refusal) => Err(refusal),
    };
    match added {
        Ok(firmware) => {
            let text = format!(
                "The image “{}” is here. A project that names it gives it to its boards.",
                firmware.name
            );
            visit.say(false, text);
            Ok(go(&format!("/firmware/{}", encoded(&firmware.name))))
        }
        Err(refusal) => show(&visit, fields, Some(refusal)).await,
    }
}

async fn show_host(visit: &Visit, wrong: Option<Refusal>) -> Answer {
    let there = visit.station.host_firmware().await?;
    let frame = visit.frame("Firmware on the station’s host", "firmware").await;
    let status = wrong.as_ref().map_or(StatusCode::OK, Refusal::status);
    page_of(
        status,
        &OnHost {
            frame,
            directory: there.directory,
            why: there.why,
            images: there.images.into_iter().map(There::from).collect(),
            wrong: wrong.map(|refusal| sentence(&refusal.detail())),
        },
    )
}

async fn on_host(visit: Visit) -> Answer {
    show_host(&visit, None).await
}

async fn take(visit: Visit, form: Form) -> Answer {
    let take = TakeFirmware { name: form.text("name").to_owned(), file: form.text("file").to_owned() };
    match visit.station.take_firmware(&visit.who(), take).await {
        Ok(firmware) => {
            let text = format!(
                "The image “{}” is here. A project that names it gives it to its boards.",
                firmware.name
            );
            visit.say(false, text);
            Ok(go(&format!("/firmware/{}", encoded(&firmware.name))))
        }
        Err(refusal) => show_host(&visit, Some(refusal)).await,
    }
}

async fn one(visit: Visit) -> Answer {
    let store = visit.station.store();
    let firmware = store.firmware(visit.part("firmware")).await?;
    let odd = |error: crate::eeprom::Error| Refusal::meaningless(error.to_string());
    let image = Image::parse(store.firmware_bytes(&firmware.sha256).await?).map_err(odd)?;
    let conf = BootConf::parse(image.bootconf().map_err(odd)?);
    let projects = store.projects().await?;
    let frame = visit.frame(&firmware.name, "firmware").await;
    let changes = frame.can("admin");
    let order = conf.order().unwrap_or(BootOrder::DEFAULT);
    let mut all: Vec<String> = remarks(&conf).iter().map(ToString::to_string).collect();
    all.extend(order.doubts(usual(image.family())));
    all.extend(conf.notes());
    all.extend(too_old_for(&image));
    page(&One {
        line: line(firmware, &projects),
        changes,
        signature: signature(&image),
        halves: image.other().map(|other| match other {
            Other::Empty => "B is empty, as published; A is what settings change".to_owned(),
            Other::Same => "B is equal to A; A is what settings change".to_owned(),
            Other::Different { .. } => "B differs from A; A is what settings change".to_owned(),
        }),
        sections: sections(&image).into_iter().filter(|one| !one.is_padding).map(Piece::from).collect(),
        lines: told(&conf),
        order: order.to_string(),
        modes: order
            .modes()
            .into_iter()
            .map(|mode| (format!("{:x}", mode.digit()), mode.name(), mode.what()))
            .collect(),
        remarks: all.iter().map(|remark| message(remark).into_owned()).collect(),
        frame,
    })
}

async fn image(visit: Visit) -> Answer {
    let store = visit.station.store();
    let firmware = store.firmware(visit.part("firmware")).await?;
    let bytes = store.firmware_bytes(&firmware.sha256).await?;
    // Its name may have characters that no header has.
    let built = firmware.built.and_then(day).unwrap_or_else(|| firmware.sha256.chars().take(12).collect());
    Ok(download("application/octet-stream", &format!("pieeprom-{built}.bin"), Body::from(bytes)))
}

async fn remove(visit: Visit, form: Form) -> Answer {
    if !form.is_on("sure") {
        return Err(Refusal::meaningless("nothing was removed: the box wasn't ticked"));
    }
    let name = visit.part("firmware");
    visit.station.remove_firmware(&visit.who(), name).await?;
    visit.say(false, format!("The image “{name}” is removed."));
    Ok(go("/firmware"))
}
