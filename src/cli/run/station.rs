//! Runs that a station has.

use std::time::Duration;

use crate::board::Who;
use crate::cli::client::{self, Station, moment, path};
use crate::cli::table::Columns;
use crate::cli::ui::{Style, Ui};
use crate::error::Kind;
use crate::format::json::json;
use crate::format::{minutes, percent};
use crate::http::Error;
use crate::run::Record;
use crate::station_api::{Board, LogLine, RunLine, Thing};
use crate::stop::Stop;

/// So often is looked for more lines of a log.
const EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(super) struct Log {
    /// The run's name, or as much of its beginning as is unique; `last` is the latest
    #[arg(value_name = "RUN", value_parser = super::name)]
    run: String,
    /// Go on until the run has ended
    #[arg(short, long)]
    follow: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Watch {
    /// Only runs of this board
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
}

/// A board as a run tells it.
fn who(run: &RunLine) -> Who {
    Who {
        name: Some(run.label.clone()).filter(|label| !label.is_empty()),
        serial: run.serial.parse().ok(),
        ..Who::default()
    }
}

fn told(ui: &Ui, run: &RunLine) {
    ui.object(&json!({ "event": "station-run", "board": who(run), "value": run }));
}

fn outcome(run: &RunLine) -> String {
    let simulated = if run.simulated { " (simulated)" } else { "" };
    let word = match (run.outcome.as_str(), run.total) {
        ("done" | "not-verified", _) => run.outcome.clone(),
        ("unfinished", total) if total > 0 => format!("{} {}", run.stage, percent(run.done, total)),
        ("unfinished", _) => run.stage.clone(),
        ("failed" | "lost", _) if run.kind == Some(Kind::Interrupted) => {
            format!("cancelled in {}", run.stage)
        }
        (other, _) => format!("{other} in {}", run.stage),
    };
    word + simulated
}

fn took(run: &RunLine) -> String {
    let millis = run.took.and_then(|took| u64::try_from(took).ok());
    millis.map(|millis| minutes(Duration::from_millis(millis))).unwrap_or_default()
}

/// The runs on record, the latest last.
pub(super) fn list(
    station: &Station,
    ui: &Ui,
    query: &[(&str, String)],
    since: Option<i64>,
    most: usize,
) -> crate::cli::Result<()> {
    let mut all: Vec<RunLine> = Vec::new();
    station.each("/api/v1/runs", query, Some(most), |page: Vec<RunLine>| all.extend(page))?;
    let is_cut = all.len() >= most;
    // They come the newest first.
    all.retain(|run| since.is_none_or(|since| run.started >= since));
    all.reverse();
    if ui.json {
        all.iter().for_each(|run| told(ui, run));
        return Ok(());
    }
    if all.is_empty() {
        let none = query.is_empty() && since.is_none();
        let what = if none { "has no run yet" } else { "has no such run" };
        ui.say(format_args!("{} {what}", station.client.origin()));
        return Ok(());
    }
    let heading = ["RUN", "BEGAN", "KIND", "BOARD", "TOOK", "OUTCOME"].map(str::to_owned);
    let row = |run: &RunLine| {
        [run.run.clone(), moment(run.started), run.way.clone(), run.label.clone(), took(run), outcome(run)]
    };
    let rows: Vec<_> = std::iter::once(heading).chain(all.iter().map(row)).collect();
    for (number, lines) in Columns::default().within(&rows, ui.width_out).iter().enumerate() {
        let style =
            match number.checked_sub(1).and_then(|number| all.get(number)).map(|run| run.outcome.as_str()) {
                None => Style::Faint,
                Some("done") => Style::Good,
                Some("not-verified" | "unfinished") => Style::Warn,
                Some(_) => Style::Bad,
            };
        lines.iter().for_each(|line| ui.result(ui.paint(style, line)));
    }
    if is_cut {
        ui.say(format_args!(
            "these are the latest {most}; -n NUMBER shows more, `piprov run export` all of them"
        ));
    }
    Ok(())
}

/// A run's record; `last` is the newest.
pub(super) fn record(station: &Station, run: &str) -> crate::cli::Result<Record> {
    if run != "last" {
        return Ok(station.get(&path(["runs", run]))?);
    }
    let mut newest = Vec::new();
    station.each("/api/v1/runs", &[], Some(1), |page: Vec<RunLine>| newest.extend(page))?;
    let none = || Error::Odd { to: station.client.origin().to_string(), why: "it has no run yet".to_owned() };
    Ok(station.get(&path(["runs", &newest.first().ok_or_else(none)?.run]))?)
}

impl Log {
    pub(super) fn run(self, station: &Station, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        // As much of its name as was given; from here on one run is meant, whatever begins meanwhile.
        let run = record(station, &self.run)?.run.to_string();
        let (mut next, mut told) = (0, false);
        loop {
            let over = !self.follow
                || station.get::<Record>(&path(["runs", &run]))?.ending != crate::run::Ending::Unfinished;
            let query: Vec<_> = (next > 0).then(|| ("after", (next - 1).to_string())).into_iter().collect();
            let lines: Vec<LogLine> = station.all(&path(["runs", &run, "log"]), &query)?;
            told |= !lines.is_empty();
            for line in lines.iter().filter(|line| line.n >= next) {
                if ui.json {
                    ui.object(&json!({ "event": "log-line", "value": line }));
                } else {
                    ui.result(format_args!("{}  {}", moment(line.time), line.text));
                }
            }
            next = lines.last().map_or(next, |line| next.max(line.n + 1));
            if over {
                if !told && !ui.json {
                    ui.say(format_args!("the board has told nothing in run {run}"));
                }
                return Ok(());
            }
            if stop.wait(EVERY) {
                return Err(Error::Stopped)?;
            }
        }
    }
}

impl Watch {
    pub(super) fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let only = self.board.map(|board| station.get::<Board>(&path(["boards", &board]))).transpose()?;
        ui.say(format_args!("following the runs of {}; Ctrl-C ends it", station.client.origin()));
        let mut last = std::collections::BTreeMap::new();
        client::follow(station, ui, |change| {
            if change.of == Thing::Gap {
                ui.warn("changes were left out: there were too many");
            }
            let other = only.as_ref().is_some_and(|only| change.board.as_ref() != Some(&only.id));
            if change.of != Thing::Run || other {
                return Ok(false);
            }
            let query = change.board.clone().map(|board| ("board", board)).into_iter().collect::<Vec<_>>();
            let mut lines: Vec<RunLine> = Vec::new();
            station.each("/api/v1/runs", &query, Some(20), |page: Vec<RunLine>| lines.extend(page))?;
            let Some(run) = lines.iter().find(|run| run.run == change.id) else { return Ok(false) };
            if ui.json {
                told(ui, run);
                return Ok(false);
            }
            let line = format!("{}: {} {}", run.label, run.way, outcome(run));
            let why = if run.why.is_empty() { String::new() } else { format!(": {}", run.why) };
            // What is told often and says the same is told once.
            if last.insert(run.run.clone(), line.clone()).as_ref() != Some(&line) {
                ui.result(format_args!("{line}{why}"));
            }
            if run.outcome != "unfinished" {
                last.remove(&run.run);
            }
            Ok(false)
        })
    }
}
