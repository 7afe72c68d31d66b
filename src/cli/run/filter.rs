//! Which runs of a station are meant, and those runs as a file or as figures.

use std::io::Read as _;
use std::path::PathBuf;

use jiff::Timestamp;

use super::list::{Outcome, Since};
use crate::cli::client::{Station, path};
use crate::cli::output::{Output, Readers};
use crate::cli::table::{self, Columns};
use crate::cli::ui::{Style, Ui};
use crate::format::json::json;
use crate::format::{minutes, size_exact};
use crate::run::Way;
use crate::station_api::{Board, Spread, Statistics, Time};

/// Bytes that are read at once.
const BUF: usize = 64 << 10;

/// Over which time, and of what.
#[derive(Debug, clap::Args)]
struct Over {
    /// Only runs of this project
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// Only runs of this image
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Only runs in this slot
    #[arg(long, value_name = "SLOT")]
    slot: Option<String>,
    /// Only runs that began since: a date, or a time before now as 30m, 12h or 7d
    #[arg(long, value_name = "WHEN")]
    since: Option<Since>,
    /// Only runs that began before: as --since
    #[arg(long, value_name = "WHEN")]
    until: Option<Since>,
}

impl Over {
    fn query(&self) -> Vec<(&'static str, String)> {
        let now = Timestamp::now();
        let time = |since: Option<Since>| since.map(|since| since.moment(now).as_millisecond().to_string());
        let all = [
            ("project", self.project.clone()),
            ("image", self.image.clone()),
            ("slot", self.slot.clone()),
            ("since", time(self.since)),
            ("until", time(self.until)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Form {
    /// A table with a heading, a line a run
    Csv,
    /// Lines of JSON: all that is kept of a run
    Json,
}

#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// A table, or lines of JSON
    #[arg(long, value_name = "FORM", value_enum, default_value = "csv")]
    format: Form,
    /// The new file; - is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Only runs of this board
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
    /// Only this kind of run: flash, net-boot, deploy or another one
    #[arg(long, value_name = "KIND")]
    kind: Option<Way>,
    /// Only runs that ended so: done, not-verified, failed, lost or unfinished
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<Outcome>,
    #[command(flatten)]
    over: Over,
}

impl Export {
    pub(super) fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let board =
            self.board.as_ref().map(|board| station.get::<Board>(&path(["boards", board]))).transpose()?;
        let form = match self.format {
            Form::Csv => "csv",
            Form::Json => "json",
        };
        let mut call = station.client.get("/api/v1/runs/export").query("format", form);
        let more = [
            ("board", board.map(|board| board.id)),
            ("way", self.kind.map(|kind| kind.to_string())),
            ("outcome", self.outcome.as_ref().map(|outcome| outcome.0.to_owned())),
        ];
        let more = more.into_iter().filter_map(|(name, value)| Some((name, value?)));
        for (name, value) in self.over.query().into_iter().chain(more) {
            call = call.query(name, value);
        }
        let output = Output::at(&self.output, false, ui)?;
        // Nothing is made before the station has agreed.
        let mut from = call.send()?.into_reader();
        let new = output.begin(Readers::Usual)?;
        let (mut buf, mut bytes) = (vec![0; BUF], 0_u64);
        loop {
            let len = from.read(&mut buf).map_err(crate::cli::image::of_reader)?;
            let Some(part) = buf.get(..len).filter(|part| !part.is_empty()) else { break };
            new.write(part)?;
            bytes += part.len() as u64;
        }
        new.end()?;
        if ui.json {
            ui.object(&json!({ "event": "exported", "path": self.output, "bytes": bytes }));
        } else if !output.is_standard() {
            ui.result(format_args!("{}: {}", output.label(), size_exact(bytes)));
        }
        Ok(())
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Stats {
    #[command(flatten)]
    over: Over,
}

fn share(part: u64, of: u64) -> String {
    crate::format::share(part, of).unwrap_or_else(|| "-".to_owned())
}

fn time(time: Time) -> String {
    minutes(std::time::Duration::from_millis(time.unsigned_abs()))
}

fn spread(spread: Option<Spread>) -> [String; 2] {
    spread.map_or_else(Default::default, |spread| [time(spread.median), time(spread.slow)])
}

impl Stats {
    pub(super) fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let mut call = station.client.get("/api/v1/statistics");
        for (name, value) in self.over.query() {
            call = call.query(name, value);
        }
        let found: Statistics = call.send()?.json()?;
        if ui.json {
            ui.object(&json!({ "event": "statistics", "value": found }));
            return Ok(());
        }
        let [median, slow] = spread(found.time);
        let boards = found.boards;
        table::facts(
            ui,
            &[
                ["boards".to_owned(), format!("{} in {} runs", boards.tried, found.runs)],
                ["yield".to_owned(), share(boards.good, boards.tried)],
                ["at the first try".to_owned(), share(boards.first_pass, boards.tried)],
                ["failed or lost".to_owned(), format!("{} runs", found.failed + found.lost)],
                ["time a board".to_owned(), median],
                ["90 % within".to_owned(), slow],
            ],
        );
        if found.more {
            ui.warn("there were more runs than are counted at once: the oldest are left out");
        }
        tell_parts(ui, &found);
        Ok(())
    }
}

/// A table of which some rows are to be looked at.
fn part<const N: usize>(ui: &Ui, heading: [&str; N], rows: Vec<(bool, [String; N])>) {
    if rows.is_empty() {
        return;
    }
    ui.result("");
    let bad: Vec<bool> = rows.iter().map(|(bad, _)| *bad).collect();
    let heading = heading.map(str::to_owned);
    let rows: Vec<_> = std::iter::once(heading).chain(rows.into_iter().map(|(_, row)| row)).collect();
    for (number, lines) in Columns::default().within(&rows, ui.width_out).iter().enumerate() {
        let looked = number.checked_sub(1).and_then(|number| bad.get(number)).copied();
        for line in lines {
            match looked {
                None => ui.result(ui.paint(Style::Faint, line)),
                Some(true) => ui.result(ui.paint(Style::Bad, line)),
                Some(false) => ui.result(line),
            }
        }
    }
}

fn tell_parts(ui: &Ui, found: &Statistics) {
    let days = found.days.iter().filter(|day| day.boards.tried > 0).map(|day| {
        let [median, slow] = spread(day.time);
        let (good, tried) = (day.boards.good, day.boards.tried);
        (false, [day.day.clone(), tried.to_string(), share(good, tried), median, slow])
    });
    part(ui, ["DAY", "BOARDS", "YIELD", "MIDDLE", "SLOW"], days.collect());
    let slots = found.slots.iter().map(|slot| {
        let name = if slot.slot.is_empty() { "-".to_owned() } else { slot.slot.clone() };
        let [median, slow] = spread(slot.time);
        let failed = format!("{} of {}", slot.failed, slot.runs);
        (slot.stands_out, [name, failed, share(slot.failed, slot.runs), median, slow])
    });
    part(ui, ["SLOT", "FAILED", "SHARE", "MIDDLE", "SLOW"], slots.collect());
    let steps = found.segments.iter().map(|step| {
        let [median, slow] = spread(step.time);
        (false, [step.segment.clone(), step.failed.to_string(), median, slow])
    });
    part(ui, ["STEP", "FAILED", "MIDDLE", "SLOW"], steps.collect());
    let reasons = found.reasons.iter().map(|why| {
        (false, [why.runs.to_string(), format!("{} in {}", why.outcome, why.stage), why.why.clone()])
    });
    part(ui, ["RUNS", "ENDED", "REASON"], reasons.collect());
}
