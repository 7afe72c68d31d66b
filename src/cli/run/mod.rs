//! `piprov run`: the records of what was done to boards.

mod show;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

use crate::cli::table::columns;
use crate::cli::ui::{Style, Ui};
use crate::cli::{Global, common};
use crate::config::Settings;
use crate::format::json::json;
use crate::format::{count, minutes};
use crate::run::ledger::Ledger;
use crate::run::{Ending, Record, Way};

/// What is said below the options.
const MORE: &str = "\
Each attempt to flash, to boot, to reset a board or to make a netboot client is \
a run, and has a record from before the first thing is done. A run that was \
killed says `unfinished`, and so does one that goes on.

Records are files below `runs` in the state directory. piprov never removes one.";

/// Show what was done to boards, and how it ended
#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub struct Run {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List runs, the latest last
    List(List),
    /// Show one run, with everything that its record holds
    Show(Show),
}

#[derive(Debug, clap::Args)]
struct Place {
    /// Read the records below this state directory [default: the setting state-dir]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

impl Place {
    fn ledger(&self, settings: &Settings) -> Result<Option<Ledger>, crate::run::ledger::Error> {
        Ledger::existing(self.state.as_deref().unwrap_or(&settings.state_dir.value))
    }
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only boards whose name, address, MAC, serial number or port is this
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
    /// Only this kind of run: flash, usb-boot, net-boot, reset or client-add
    #[arg(long, value_name = "KIND")]
    kind: Option<Way>,
    /// Only runs that ended so: done, not-verified, failed, lost or unfinished
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<Outcome>,
    /// Only runs that began since: a date, or a time before now as 30m, 12h or 7d
    #[arg(long, value_name = "WHEN")]
    since: Option<Since>,
    /// Only the latest N of them
    #[arg(short = 'n', long, value_name = "N")]
    last: Option<usize>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The run's name, or as much of its beginning as is unique; `last` is the latest
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    place: Place,
}

/// How a run ended, as a word.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome(&'static str);

impl FromStr for Outcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words = ["done", "not-verified", "failed", "lost", "unfinished"];
        let found = words.into_iter().find(|word| *word == text);
        found.map(Self).ok_or_else(|| "there are done, not-verified, failed, lost and unfinished".to_owned())
    }
}

/// A moment, or a time before now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    Moment(Timestamp),
    Ago(Duration),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a date such as 2026-11-28 is needed, or a time such as 30m, 12h or 7d".to_owned();
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Ok(Self::Moment(moment));
        }
        if let Ok(date) = text.parse::<jiff::civil::Date>() {
            let midnight = date.to_zoned(jiff::tz::TimeZone::system()).map_err(|_| wrong())?;
            return Ok(Self::Moment(midnight.timestamp()));
        }
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
        let unit = match unit {
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        let number: u32 = number.parse().map_err(|_| wrong())?;
        Ok(Self::Ago(Duration::from_secs(u64::from(number) * unit)))
    }
}

impl Since {
    fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Moment(moment) => moment,
            Self::Ago(time) => now.saturating_sub(time).unwrap_or(Timestamp::MIN),
        }
    }
}

impl Run {
    pub(super) fn run(self, global: &Global, ui: &Ui) -> crate::cli::Result<()> {
        let settings = common::settings(global, ui)?;
        match self.what {
            What::List(list) => list.run(ui, &settings),
            What::Show(show) => {
                let ledger = show.place.ledger(&settings)?;
                let dir = show.place.state.as_deref().unwrap_or(&settings.state_dir.value);
                let none =
                    || crate::run::ledger::Error::NoRun { id: show.run.clone(), dir: dir.join("runs") };
                let ledger = ledger.ok_or_else(none)?;
                let (mut records, left_out) = ledger.all()?;
                tell_left_out(ui, left_out);
                let record = match show.run.as_str() {
                    "last" => records.pop().ok_or_else(none)?,
                    run => ledger.one(run)?,
                };
                show::show(ui, &record);
                Ok(())
            }
        }
    }
}

/// What was meant may be among these.
fn tell_left_out(ui: &Ui, files: usize) {
    if files > 0 {
        ui.warn(format_args!("{} in the records' directory can't be read", count(files as u64, "file")));
    }
}

impl List {
    fn run(&self, ui: &Ui, settings: &Settings) -> crate::cli::Result<()> {
        let (records, left_out) = match self.place.ledger(settings)? {
            Some(ledger) => ledger.all()?,
            None => (Vec::new(), 0),
        };
        let since = self.since.map(|since| since.moment(Timestamp::now()));
        let mut records: Vec<_> = records.into_iter().filter(|record| self.wants(record, since)).collect();
        if let Some(last) = self.last {
            records.drain(..records.len().saturating_sub(last));
        }
        if ui.json {
            for record in &records {
                ui.object(&json!({ "event": "run", "board": record.board, "record": record }));
            }
        } else if records.is_empty() {
            ui.say("no run is on record, or none that is meant");
        } else {
            table(ui, &records);
        }
        tell_left_out(ui, left_out);
        Ok(())
    }

    fn wants(&self, record: &Record, since: Option<Timestamp>) -> bool {
        let names = || {
            let who = &record.board;
            let texts = [
                who.name.clone(),
                who.mac.map(|mac| mac.to_string()),
                who.port.map(|port| port.to_string()),
                who.address.map(|address| address.to_string()),
            ];
            let serial = |text: &str| {
                let wanted = text.parse().ok();
                who.serial
                    .as_ref()
                    .zip(wanted)
                    .is_some_and(|(serial, wanted)| serial.is_of_same_board(&wanted))
            };
            let mac = |text: &str| who.mac.is_some() && who.mac == text.parse().ok();
            move |text: &str| {
                mac(text) || texts.iter().flatten().any(|own| own.eq_ignore_ascii_case(text)) || serial(text)
            }
        };
        self.board.as_deref().is_none_or(|board| names()(board))
            && self.kind.is_none_or(|kind| kind == record.way)
            && self.outcome.as_ref().is_none_or(|outcome| outcome.0 == word(record))
            && since.is_none_or(|since| record.started >= since)
    }
}

/// How it ended, as records have it.
fn word(record: &Record) -> &'static str {
    match record.ending {
        Ending::NotVerified { .. } => "not-verified",
        _ => record.ending.word(),
    }
}

fn style(record: &Record) -> Style {
    match record.ending {
        Ending::Done { .. } => Style::Good,
        Ending::NotVerified { .. } | Ending::Unfinished => Style::Warn,
        Ending::Failed { .. } | Ending::Lost { .. } => Style::Bad,
    }
}

fn took(record: &Record) -> String {
    let seconds = record.seconds.map(|seconds| Duration::from_secs_f64(seconds.clamp(0.0, 3.2e9)));
    seconds.map(minutes).unwrap_or_default()
}

fn table(ui: &Ui, records: &[Record]) {
    let head = ["RUN", "BEGAN", "KIND", "BOARD", "TOOK", "OUTCOME"].map(str::to_owned);
    let row = |record: &Record| {
        let outcome = match record.ending {
            Ending::Done { .. } | Ending::NotVerified { .. } => word(record).to_owned(),
            _ => format!("{} in {}", word(record), record.stage),
        };
        [
            record.run.to_string(),
            record.started.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            record.way.to_string(),
            record.board.label(),
            took(record),
            outcome,
        ]
    };
    let rows: Vec<_> = std::iter::once(head).chain(records.iter().map(row)).collect();
    for (n, line) in columns(&rows).into_iter().enumerate() {
        match n.checked_sub(1) {
            None => ui.result(ui.paint(Style::Faint, line)),
            Some(n) => {
                let outcome = &rows[n + 1][5];
                let before = line.strip_suffix(outcome.as_str()).unwrap_or(&line);
                ui.result(format_args!("{before}{}", ui.paint(style(&records[n]), outcome)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_moment_or_before_now() {
        let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let moment = |text: &str| text.parse::<Since>().unwrap().moment(now).to_string();
        assert_eq!(moment("90m"), "2026-11-28T10:30:00Z");
        assert_eq!(moment("12h"), "2026-11-28T00:00:00Z");
        assert_eq!(moment("7d"), "2026-11-21T12:00:00Z");
        assert_eq!(moment("2026-11-28T01:02:03Z"), "2026-11-28T01:02:03Z");
        assert!("2026-11-28".parse::<Since>().is_ok());
        for wrong in ["", "d", "7", "-1d", "7w", "2026-13-01", "99999999999d", "7ö"] {
            assert!(wrong.parse::<Since>().is_err(), "{wrong}");
        }
        assert_eq!(Since::Ago(Duration::MAX).moment(now), Timestamp::MIN);
    }
}
