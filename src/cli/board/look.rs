//! What is shown of boards.

use super::known;
use crate::board::{Mac, Serial};
use crate::cli::client::{self, Station, label, moment, parse, path, tell, tell_one, who, word};
use crate::cli::ui::Ui;
use crate::eeprom::told;
use crate::format::json::json;
use crate::format::size;
use crate::station_api::{Board as Known, BootdState, Enrolment, Held, Job, Sighting, Status, Thing};

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only boards of which name, serial number or address begins so
    #[arg(long, value_name = "TEXT")]
    pub(super) begins: Option<String>,
    /// Only boards in this standing: waiting, enrolled or refused
    #[arg(long, value_name = "STANDING", value_parser = parse::<Enrolment>)]
    enrolment: Option<Enrolment>,
    /// Only boards in this slot
    #[arg(long, value_name = "SLOT")]
    slot: Option<String>,
    /// Only boards that came and that no rule matched
    #[arg(long)]
    unruled: bool,
    /// At most N of them
    #[arg(short = 'n', long, value_name = "N")]
    most: Option<usize>,
}

/// What a board that gets nothing from the network goes on with.
const ORDER: &str = "from the network it goes on to a disk only if its BOOT_ORDER has one: 0xf21 (SD or eMMC first, \
                     then the network) or 0xf12 (the network first). It is read from right to left: 0x21 is SD first too";

/// What the network does, in a word for people.
pub(super) const fn network(held: Held) -> &'static str {
    match held {
        Held::Armed => "answered",
        Held::Once => "answered once",
        Held::Done => "held: starts from its disk",
    }
}

pub(super) fn row(board: &Known) -> [String; 7] {
    [
        label(board),
        board.serial.as_ref().map(ToString::to_string).unwrap_or_default(),
        board.model.clone().unwrap_or_default() + if board.simulated { " (simulated)" } else { "" },
        word(board.enrolment),
        network(board.held).split(':').next().unwrap_or_default().to_owned(),
        match (&board.job, &board.stuck) {
            (Some(_), _) => "yes".to_owned(),
            (None, Some(_)) => "stuck".to_owned(),
            (None, None) => String::new(),
        },
        moment(board.last_seen),
    ]
}

impl List {
    pub(super) fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let unruled = self.unruled.then(|| "true".to_owned());
        let query = [
            ("begins", self.begins),
            ("enrolment", self.enrolment.map(word)),
            ("slot", self.slot),
            ("unruled", unruled),
        ];
        let query: Vec<_> = query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let mut all: Vec<Known> = Vec::new();
        station.each("/api/v1/boards", &query, self.most, |page: Vec<Known>| all.extend(page))?;
        if ui.json {
            all.iter().for_each(|board| told(ui, board));
            return Ok(());
        }
        let heading = ["BOARD", "SERIAL", "MODEL", "STANDING", "NETWORK", "JOB", "SEEN"];
        let nothing = match query.is_empty() {
            true => "the station has seen no board yet",
            false => "the station knows no such board",
        };
        tell(ui, "known-board", heading, &all, row, nothing);
        Ok(())
    }
}

pub(super) fn told(ui: &Ui, board: &Known) {
    ui.object(&json!({ "event": "known-board", "board": who(board), "value": board }));
}

pub(super) fn show(board: &str, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let board = known(board, station)?;
    let mut seen: Vec<Sighting> = Vec::new();
    station.each(&path(["boards", &board.id, "sightings"]), &[], Some(50), |page| seen.extend(page))?;
    if ui.json {
        told(ui, &board);
        seen.iter()
            .for_each(|one| ui.object(&json!({ "event": "sighting", "board": who(&board), "value": one })));
        return Ok(());
    }
    let macs: Vec<_> = board.macs.iter().map(Mac::to_string).collect();
    let disks = board.disks.iter().map(|disk| {
        let model = disk.model.as_deref().map(|model| format!(" {model}")).unwrap_or_default();
        format!("{} {} {}{model}", disk.name, word(disk.role), size(disk.size))
    });
    // What it falls to, and what a held board may still be told.
    let order = if board.held == Held::Armed { "" } else { ORDER };
    let status: Status = station.get("/api/v1/station")?;
    let serving = status.bootd.state == BootdState::Serving;
    let beside = match board.held {
        Held::Done if serving && !status.bootd.withholds => "; another DHCP server may still tell it to boot",
        _ => "",
    };
    let simulated = if board.simulated { "yes: a program that behaves as a board" } else { "" };
    let job = board.job.as_ref().map(|job| station.get::<Job>(&path(["jobs", job]))).transpose()?;
    let told = |job: Job| {
        let waits = job.waits.map(|why| format!(": {why}")).unwrap_or_default();
        format!("{} {}{waits}", word(job.action), word(job.state))
    };
    let job = job.map(told).unwrap_or_default();
    let stuck = board.stuck.as_ref().map(|why| format!("the rule that matches it can't start: {why}"));
    let stuck = stuck.unwrap_or_default();
    let eeprom = board.facts.as_ref().and_then(|facts| facts.eeprom.as_ref());
    let jumper = board.facts.as_ref().and_then(|facts| facts.jumper);
    tell_one(
        ui,
        "known-board",
        &board,
        &[
            ("name", board.name.clone().unwrap_or_default()),
            ("serial", board.serial.as_ref().map(Serial::to_string).unwrap_or_default()),
            ("addresses", macs.join(", ")),
            ("model", board.model.clone().unwrap_or_default()),
            ("memory", board.memory.map(size).unwrap_or_default()),
            ("EEPROM", eeprom.map(told::board).unwrap_or_default()),
            ("disks", disks.collect::<Vec<_>>().join("; ")),
            ("standing", word(board.enrolment)),
            ("network", format!("{}{beside}", network(board.held))),
            ("boot order", order.to_owned()),
            ("slot", board.slot.clone().unwrap_or_default()),
            ("jumpers", jumper.map(|jumper| format!("say {jumper}")).unwrap_or_default()),
            ("simulated", simulated.to_owned()),
            ("job", job),
            ("stuck", stuck),
            ("first seen", moment(board.first_seen)),
            ("last seen", moment(board.last_seen)),
            ("note", board.note.clone()),
            ("id", board.id.clone()),
        ],
    );
    if !seen.is_empty() {
        ui.result("");
    }
    let row = |one: &Sighting| [moment(one.time), one.way.clone(), one.at.clone(), one.what.clone()];
    tell(ui, "sighting", ["SEEN", "BY", "AT", "WHAT"], &seen, row, "it was seen nowhere");
    Ok(())
}

pub(super) fn watch(board: Option<&str>, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let only = board.map(|board| known(board, station)).transpose()?;
    ui.say("following; Ctrl-C ends it");
    client::follow(station, ui, |change| {
        let about = change.board.as_deref().or((change.of == Thing::Board).then_some(change.id.as_str()));
        if only.as_ref().is_some_and(|only| about != Some(only.id.as_str())) {
            return Ok(false);
        }
        match change.of {
            Thing::Board => match known(&change.id, station) {
                Ok(board) if ui.json => told(ui, &board),
                Ok(board) => {
                    let (name, held) = (label(&board), network(board.held));
                    ui.result(format_args!("{name}: {}, {held}", word(board.enrolment)));
                }
                Err(error) if error.status() == Some(404) => {
                    client::done(ui, "forgot", "board", &change.id);
                }
                Err(error) => return Err(error)?,
            },
            Thing::Job => {
                let job: Job = match station.get(&path(["jobs", &change.id])) {
                    Ok(job) => job,
                    Err(error) if error.status() == Some(404) => return Ok(false),
                    Err(error) => return Err(error)?,
                };
                let board = known(&job.board, station)?;
                if ui.json {
                    ui.object(&json!({ "event": "job", "board": who(&board), "value": job }));
                } else {
                    ui.result(format_args!("{}: {} {}", label(&board), word(job.action), word(job.state)));
                }
            }
            Thing::Gap => ui.warn("changes were left out: there were too many"),
            Thing::Run | Thing::Image | Thing::Settings => {}
        }
        Ok(false)
    })
}
