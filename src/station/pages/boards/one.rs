//! A board: what it is, why it gets what it gets, what a click does.

use askama::Template;

use super::Answer;
use super::list::{Line, waiting};
use super::trace::{Step, trace};
use crate::device_api::{Action, Disk};
use crate::eeprom;
use crate::format::{message, size};
use crate::station::now;
use crate::station::pages::floor::written;
use crate::station::pages::frame::Frame;
use crate::station::pages::runs::Shown;
use crate::station::pages::table::page;
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station_api::{Enrolment, Held, JobState, ListAsked, Role, RunsAsked};

/// What a click does, beside its button.
struct Click {
    words: &'static str,
    path: String,
    /// It leads to a page that asks.
    asks: bool,
    main: bool,
    does: String,
    /// The consequence: erases, writes nothing, harmless, can be undone.
    so: &'static str,
}

/// A disk, and how much of it is worn.
struct Store {
    title: String,
    what: String,
    cid: String,
    wear: Option<Wear>,
    read_only: bool,
}

/// As the disk tells it.
struct Wear {
    words: String,
    /// Who tells it, and how.
    by: &'static str,
    /// Ten cells: whole, the range that it is in, or free.
    cells: [&'static str; 10],
    /// Near its end.
    late: bool,
}

const BY_EMMC: &str = "The eMMC tells it itself, in steps of 10 %; the more worn kind of its cells counts.";
const BY_PERCENT: &str = "The disk tells it itself, in percent of the life that it was made for.";
const BEYOND: &str = "used beyond its life";

/// Ten cells, of which so many are used; the last of these in part.
fn cells(step: usize) -> [&'static str; 10] {
    std::array::from_fn(|at| match (at + 1).cmp(&step) {
        std::cmp::Ordering::Less => "full",
        std::cmp::Ordering::Equal => "part",
        std::cmp::Ordering::Greater => "free",
    })
}

/// An eMMC's, in steps of 10 %.
fn wear(life: u8) -> Option<Wear> {
    let step = usize::from(life);
    let words = match step {
        0 => return None,
        1..=10 => format!("{}–{} % used", (step - 1) * 10, step * 10),
        _ => BEYOND.to_owned(),
    };
    Some(Wear { words, by: BY_EMMC, cells: cells(step), late: step > 8 })
}

/// An NVMe or SATA disk's, in percent. What it warns of counts too.
fn wear_in_percent(disk: &Disk) -> Option<Wear> {
    let used = disk.used?;
    let mut words = match used {
        0..=100 => format!("{used} % used"),
        _ => BEYOND.to_owned(),
    };
    // Few spare blocks, unreliable, read only: it is to be replaced. The others pass, or aren't the disk's.
    let bits = disk.warning.unwrap_or(0) & 0b1101;
    if bits != 0 {
        words += ", and the disk warns of its end";
    }
    let cells = cells(if used > 100 { 11 } else { usize::from(used).div_ceil(10) });
    Some(Wear { words, by: BY_PERCENT, cells, late: used > 80 || bits != 0 })
}

fn store(disk: &Disk) -> Store {
    Store {
        title: format!("{} {}", disk.role.title(), size(disk.size)),
        what: match &disk.model {
            Some(model) => format!("{}, {}", message(model), message(&disk.name)),
            None => message(&disk.name).into_owned(),
        },
        cid: disk.cid.as_deref().map(|cid| message(cid).into_owned()).unwrap_or_default(),
        wear: disk.life.and_then(wear).or_else(|| wear_in_percent(disk)),
        read_only: disk.read_only,
    }
}

struct Sighted {
    way: String,
    at: String,
    when: String,
    stamp: String,
    what: String,
}

#[derive(Template)]
#[template(path = "board.html")]
struct Page {
    frame: Frame,
    line: Line,
    id: String,
    serial: String,
    macs: Vec<String>,
    memory: String,
    facts: Vec<(&'static str, String)>,
    /// Where switches have seen it.
    port: String,
    first: String,
    key: String,
    held: &'static str,
    armed: bool,
    slots: Vec<String>,
    /// What may be printed for it, and where.
    labels: Vec<String>,
    printers: Vec<String>,
    clicks: Vec<Click>,
    stores: Vec<Store>,
    steps: Vec<Step>,
    rest: usize,
    runs: Vec<Shown>,
    more_runs: bool,
    seen: Vec<Sighted>,
    waiting: Vec<Line>,
    more: u64,
    acts: bool,
    rules: bool,
}

pub(super) async fn one(visit: Visit) -> Answer {
    let (station, at) = (&visit.station, now());
    let id = station.store().find_board(visit.part("board")).await?;
    let acts = visit.can(Role::Operator);
    let board = station.store().board(&id).await?;
    let line = station.lines(std::slice::from_ref(&board), acts).await?.pop();
    let line =
        line.ok_or_else(|| crate::station::web::Refusal::missing("the board was forgotten just now"))?;
    let (steps, rest) = trace(&station.store().rules().await?, &board);
    let asked = RunsAsked { board: Some(id.clone()), limit: Some(20), ..RunsAsked::default() };
    let runs = station.store().runs(&asked).await?;
    let asked = ListAsked { board: Some(id.clone()), limit: Some(20), ..ListAsked::default() };
    let seen = station.store().sightings(&asked).await?.items.into_iter().map(|seen| Sighted {
        way: message(&seen.way).into_owned(),
        at: message(&seen.at).into_owned(),
        when: words::when(seen.time, at),
        stamp: words::stamp(seen.time),
        what: message(&seen.what).into_owned(),
    });
    let (_, waits) = station.store().count_boards().await?;
    let (waiting, more) = waiting(&visit, &id, waits).await?;
    let job = match &board.job {
        Some(job) => Some(station.store().job(job).await?),
        None => None,
    };
    let image = station.store().image_before().await?;
    let clicks = if acts { clicks(&line, job.as_ref(), image.as_deref()) } else { Vec::new() };
    let slots = station.store().slots().await?.into_iter().map(|slot| slot.name).collect();
    let labels = station.store().labels().await?.into_iter().map(|label| label.name).collect();
    let printers = station.store().printers().await?.into_iter().map(|printer| printer.name).collect();
    let page_of = Page {
        frame: visit.frame(&line.name, "boards").await,
        serial: board.serial.map(|serial| serial.to_string()).unwrap_or_default(),
        macs: board.macs.iter().map(ToString::to_string).collect(),
        memory: board.memory.map(size).unwrap_or_default(),
        facts: facts(&board),
        port: station.switches.words(&id).unwrap_or_default(),
        first: words::when(board.first_seen, at),
        key: board.key.clone().unwrap_or_default(),
        held: match board.held {
            Held::Armed => "It is answered when it asks the network to boot.",
            Held::Once => "It is answered once more, and then it starts from its disk.",
            Held::Done => "It isn't answered, so it starts from its disk.",
        },
        armed: board.held == Held::Armed,
        stores: board.disks.iter().map(store).collect(),
        runs: runs.items.iter().map(|line| Shown::of(line, at)).collect(),
        more_runs: runs.next.is_some(),
        rules: visit.can(Role::Admin),
        line,
        id,
        slots,
        labels,
        printers,
        clicks,
        steps,
        rest,
        seen: seen.collect(),
        waiting,
        more,
        acts,
    };
    page(&page_of)
}

fn facts(board: &crate::station_api::Board) -> Vec<(&'static str, String)> {
    let Some(facts) = &board.facts else { return Vec::new() };
    let mut all = Vec::new();
    let mut put = |name, text: Option<String>| all.extend(text.map(|text| (name, text)));
    put("Code", facts.revision.map(|code| format!("{code:x}")));
    put("DUID", facts.duid.as_deref().map(|duid| message(duid).into_owned()));
    put("Started by", facts.boot.as_deref().map(|boot| message(boot).into_owned()));
    put("EEPROM", facts.eeprom.as_ref().map(|eeprom| message(&eeprom::told::board(eeprom)).into_owned()));
    put("Link", facts.link_mbps.map(|speed| format!("{speed} Mbit/s")));
    let degrees = facts.temperature.filter(|degrees| (-100.0..300.0).contains(degrees));
    put("Temperature", degrees.map(|degrees| format!("{degrees:.0} °C when it came")));
    // The low bits say what is so now, those from 16 on what has been.
    let power = |bits: u32| match (bits & 0xf, bits >> 16 & 0xf) {
        (0, 0) => "good".to_owned(),
        (now, _) if now & 1 != 0 => "▲ too low a voltage".to_owned(),
        (0, _) => "▲ was too low or too hot since it started".to_owned(),
        _ => "▲ it slows down: too hot, or too little power".to_owned(),
    };
    put("Power", facts.throttled.map(power));
    put("Jumpers", facts.jumper.map(|jumper| format!("say {jumper}")));
    put("Agent", Some(message(&facts.agent).into_owned()).filter(|agent| !agent.is_empty()));
    all
}

/// Each thing that can be done now, with what it does.
fn clicks(line: &Line, job: Option<&crate::station_api::Job>, image: Option<&str>) -> Vec<Click> {
    let (board, card) = (&line.board, &line.card);
    let id = &board.id;
    let mut all = Vec::new();
    let mut put = |words, path: String, asks, main, does: String, so| {
        all.push(Click { words, path, asks, main, does, so });
    };
    let path = |what: &str| format!("/boards/{id}/{what}");
    match board.enrolment {
        Enrolment::Waiting => {
            let does = "Takes it on: rules and people can give it something to do.";
            put("Let in", path("let-in"), false, true, does.to_owned(), "Writes nothing by itself.");
            let does = "It gets nothing here until you say otherwise.";
            put("Refuse", path("refuse"), false, false, does.to_owned(), "Can be undone.");
            return all;
        }
        Enrolment::Refused => {
            let does = "It gets nothing now. From then on it may take work.";
            put("Let in", path("let-in"), false, true, does.to_owned(), "Writes nothing by itself.");
            return all;
        }
        Enrolment::Enrolled => {}
    }
    if let Some(job) = job.filter(|job| job.state != JobState::Finishing) {
        let does = match job.action {
            Action::Deploy => "The board ends what it writes, and leaves nothing that starts.",
            _ => "The board ends what it does.",
        };
        put(
            "Cancel",
            format!("/jobs/{}/cancel", job.id),
            false,
            false,
            does.to_owned(),
            "Can't be taken back.",
        );
        return all;
    }
    if card.alarm {
        if let Some(again) = card.buttons.iter().find(|button| button.words == "Try again") {
            let does = "Does the same once more.".to_owned();
            put("Try again", again.path.clone(), false, true, does, "Erases the disk if it was a deploy.");
        }
        let does = "The failure goes from the floor; the run stays.".to_owned();
        put("Seen", path("seen"), false, false, does, "Harmless.");
    }
    let disk = written(board, &[]).disk;
    let disk = if disk.is_empty() { "its disk".to_owned() } else { format!("the {disk}") };
    let what = image.map(|image| format!(", proposes {image}")).unwrap_or_default();
    let does = format!("Erases all of {disk}{what}. Asks once more before it does.");
    put("Deploy…", format!("/deploy?board={id}"), true, !card.alarm, does, "Erases.");
    put(
        "Back up",
        path("backup"),
        false,
        false,
        format!("Reads {disk} into the station."),
        "Writes nothing.",
    );
    put("Start again", path("reboot"), false, false, "The board restarts.".to_owned(), "Writes nothing.");
    let does = "The board shuts down. Its power or its reset line starts it again.".to_owned();
    put("Switch off", path("power-off"), false, false, does, "Writes nothing.");
    let does = "No rule and nobody gives it anything any more, whatever slot it is in.".to_owned();
    put("Refuse", path("refuse"), false, false, does, "Can be undone.");
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wear_is_a_range_as_the_chip_tells_it() {
        assert!(wear(0).is_none());
        let some = wear(3).unwrap();
        assert_eq!((some.words.as_str(), some.late), ("20–30 % used", false));
        assert_eq!(some.cells[..4], ["full", "full", "part", "free"]);
        let worn = wear(11).unwrap();
        assert_eq!((worn.words.as_str(), worn.late), ("used beyond its life", true));
        assert!(worn.cells.iter().all(|cell| *cell == "full"));
        assert!(wear(255).unwrap().late);
        let nvme = |used, warning| {
            wear_in_percent(&Disk {
                used,
                warning,
                ..Disk::new("nvme0n1".to_owned(), crate::device_api::Role::Nvme, 1)
            })
        };
        assert!(nvme(None, Some(1)).is_none());
        let new = nvme(Some(0), None).unwrap();
        assert_eq!((new.words.as_str(), new.late, new.cells[0]), ("0 % used", false, "free"));
        let some = nvme(Some(12), Some(2)).unwrap();
        assert_eq!((some.words.as_str(), some.late), ("12 % used", false));
        assert_eq!(some.cells[..3], ["full", "part", "free"]);
        assert!(nvme(Some(100), None).unwrap().late && nvme(Some(255), None).unwrap().words == BEYOND);
        assert!(nvme(Some(3), Some(8)).unwrap().words.contains("warns of its end"));
    }
}
